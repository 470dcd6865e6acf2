#include "core/store/t/store_kit.h"
#include <dirent.h>
#include <sys/stat.h>

const uint8_t kit_key[32] = "0123456789abcdef0123456789abcdef";

void kit_mkdir(char dir[256])
{
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(dir, 256, "%s/conclave-test-XXXXXX",
		       tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
}

void kit_rm(const char *dir)
{
	DIR *d = opendir(dir);
	if (d == NULL)
		return;
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		char path[1024];
		struct stat st;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			kit_rm(path);
		else
			(void)unlink(path);
	}
	(void)closedir(d);
	(void)rmdir(dir);
}

int kit_open(struct store **out, const char *dir, struct store_problem *why)
{
	struct store_problem own;
	struct store_cfg cfg = {
		.dir = dir, .create = true,
		.data_key = span_of(kit_key, sizeof(kit_key)),
	};
	int e = store_open(out, &cfg, why ? why : &own);
	if (e < 0)
		return e;
	e = store_start(*out);
	if (e < 0)
		store_close(out);
	return e;
}

struct outcome {
	bool came;
	struct store_result res;
};

static void on_done(void *arg, const struct store_result *res)
{
	struct outcome *o = arg;
	o->came = true;
	o->res = *res;
}

static int parse_sets(struct store_set *sets, size_t *n,
		      enum schema_resource_id res, const char *const *fields,
		      struct schema_error *why)
{
	const struct schema_resource *r = schema_resource(res);
	for (*n = 0; fields != NULL && fields[0] != NULL; fields += 2) {
		int f = schema_field_named(r, span_str(fields[0]));
		assert_true(f >= 0);
		struct store_set *s = &sets[(*n)++];
		*s = (struct store_set){.field = (unsigned)f};
		int e = schema_parse(r, (unsigned)f, span_str(fields[1]),
				     &s->value, why);
		if (e < 0)
			return e;
	}
	return 0;
}

int64_t kit_run(struct store *st, enum store_verb verb,
		enum schema_resource_id res, int64_t id,
		const char *const *fields, struct store_result *out)
{
	struct store_set sets[SCHEMA_FIELDS_MAX];
	struct store_op op = {.verb = verb, .res = res, .id = id,
			      .sets = sets};
	struct outcome o = {.came = false};
	int e = parse_sets(sets, &op.n_sets, res, fields, &o.res.why);
	if (e == 0)
		e = store_submit(st, &op, 1, 1700000000000000, on_done, &o);
	if (e == 0) {
		store_wait(st);
		assert_true(o.came);
	}
	if (out != NULL)
		*out = o.res;
	if (e < 0)
		return e;
	return o.res.error < 0 ? o.res.error : o.res.ids[0];
}

int64_t kit_delete(struct store *st, enum schema_resource_id res, int64_t id)
{
	return kit_run(st, STORE_DELETE, res, id, NULL, NULL);
}
