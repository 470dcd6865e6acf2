/* What a data directory holds, for docs/handbook/defaults.md: print_fresh DIR
 * prints one line a value, fields separated by tabs:
 *
 *	global.NAME	value	what the interoperability profile writes	values
 *						that raise an alarm
 *	RESOURCE.NAME	default			of rows that are made later
 *	!		an alarm that a stored row deserves
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "core/alarm/insecure.h"
#include "core/store/store.h"
#include "schema/paths.h"

static struct insecure found[INSECURE_MAX];

static void put_text(struct span s)
{
	if (s.n == 0)
		(void)fputs("empty", stdout);
	for (size_t i = 0; i < s.n; i++)
		(void)fputs(s.p[i] == '\n' ? "\\n" :
			    (char[]){(char)s.p[i], 0}, stdout);
}

static void put_value(const struct schema_field *f,
		      const struct schema_value *v)
{
	char small[SCHEMA_SMALL_MAX];
	if (f->flags & SCHEMA_F_REQUIRED)
		(void)fputs("required", stdout);
	else if (v->is_null && !(f->flags & SCHEMA_F_SECRET))
		(void)fputs("null", stdout);
	else
		put_text(schema_text(f, v, small));
}

static void put_relaxed(unsigned field)
{
	for (const struct schema_relaxed *x = schema_relaxed(); x->value; x++)
		if (x->field == field)
			(void)fputs(x->value, stdout);
}

/* Whether the alarm of this field is raised by this value. */
static bool is_weak(const struct schema_resource *r, struct schema_value *v,
		    unsigned field, int64_t i)
{
	struct schema_value old = v[field];
	char want[ALARM_INSTANCE_MAX];
	bool weak = false;
	v[field] = (struct schema_value){.i = i};
	size_t n = insecure_row(r, v, found);
	(void)snprintf(want, sizeof(want), "global.%s",
		       r->fields[field].name);
	for (size_t k = 0; k < n; k++)
		weak |= strcmp(found[k].instance, want) == 0;
	v[field] = old;
	return weak;
}

static void put_weak(const struct schema_resource *r, struct schema_value *v,
		     unsigned field)
{
	const struct schema_field *f = &r->fields[field];
	char small[SCHEMA_SMALL_MAX];
	bool is_first = true;
	int64_t safe = f->min;
	if (f->type == SCHEMA_INT && field != SCHEMA_ID_FIELD &&
	    is_weak(r, v, field, f->min)) {
		while (is_weak(r, v, field, safe))
			safe++;
		(void)printf("below %lld", (long long)safe);
	}
	for (int64_t i = 0; i < 8 && (f->type == SCHEMA_BOOL ||
				      f->type == SCHEMA_ENUM); i++) {
		struct schema_value x = {.i = i};
		if (schema_check(r, field, &x, NULL) < 0 ||
		    !is_weak(r, v, field, i))
			continue;
		(void)fputs(is_first ? "" : ", ", stdout);
		put_text(schema_text(f, &x, small));
		is_first = false;
	}
}

static void print_global(const struct store *st)
{
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	const struct store_row *row = store_get(st, RES_GLOBAL, 1);
	struct schema_value v[SCHEMA_FIELDS_MAX];
	for (unsigned i = 0; i < r->n_fields; i++)
		v[i] = *store_value(row, i);
	for (unsigned i = 1; i < r->n_fields; i++) {
		(void)printf("global.%s\t", r->fields[i].name);
		put_value(&r->fields[i], &v[i]);
		(void)putchar('\t');
		put_relaxed(i);
		(void)putchar('\t');
		put_weak(r, v, i);
		(void)putchar('\n');
	}
}

static void print_defaults(const struct schema_resource *r)
{
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct schema_field *f = &r->fields[i];
		struct schema_value v = schema_default(r, i);
		if (f->flags & (SCHEMA_F_READONLY | SCHEMA_F_BY_CORE))
			continue;
		(void)printf("%s.%s\t", r->name, f->name);
		put_value(f, &v);
		(void)putchar('\n');
	}
}

static void print_alarms(const struct store *st, enum schema_resource_id res)
{
	const struct store_row *row = NULL;
	int64_t after = 0;
	while ((row = store_next(st, res, after)) != NULL) {
		size_t n = insecure_row(schema_resource(res),
					store_value(row, 0), found);
		for (size_t i = 0; i < n; i++)
			(void)printf("!\t%s %s\n", alarm_text(found[i].name),
				     found[i].instance);
		after = store_row_id(row);
	}
}

int main(int argc, char **argv)
{
	char path[4096];
	uint8_t key[DATA_KEY_LEN];
	struct store *st;
	struct store_problem why;
	if (argc != 2)
		return 2;
	(void)snprintf(path, sizeof(path), "%s/%s", argv[1], PATH_DATA_KEY);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, key, sizeof(key)) != DATA_KEY_LEN)
		return 1;
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/%s", argv[1], PATH_CORE_DIR);
	struct store_cfg cfg = {.dir = path,
				.data_key = span_of(key, sizeof(key))};
	if (store_open(&st, &cfg, &why) < 0) {
		(void)fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	print_global(st);
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		if (i != RES_GLOBAL)
			print_defaults(schema_resource(i));
		print_alarms(st, (enum schema_resource_id)i);
	}
	store_close(&st);
	return 0;
}
