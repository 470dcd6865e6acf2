/* Every case of t/cases, and again with each allocation failing. */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/policy/script/t/case_kit.h"

enum { CASES_LEAST = 250, ROUNDS_MAX = 400 };

static const char *folder;

struct run_arg {
	const struct case_one *c;
	struct case_world *w;
};

static bool fits(const struct case_one *c, int r, struct span out,
		 const struct script_error *e)
{
	char got[400];
	const char *text = strchr(c->error, ' ');

	if (c->is_abandoned)
		return r == E_STATE && e->fault == SCRIPT_FAULT_ABANDONED;
	if (!c->error[0])
		return r == 0 && span_eq(out, c->out);
	snprintf(got, sizeof(got), "%u:%u ", e->line, e->column);
	return r < 0 && e->fault != SCRIPT_FAULT_NONE && text &&
	       strncmp(got, c->error, (size_t)(text - c->error + 1)) == 0 &&
	       strstr(e->text, text + 1);
}

static bool try_case(const char *file, const struct case_one *c)
{
	struct case_world w;
	struct script_error e;
	struct arena *mem;
	struct span out = SPAN_NONE;
	char zones[600];
	bool ok;
	int r;

	snprintf(zones, sizeof(zones), "%s/zones", folder);
	case_world_init(&w, zones);
	assert_int_equal(arena_new(&mem, SCRIPT_MEMORY_BYTES), 0);
	r = case_run(&w, mem, c->vars, c->script, NULL, &out, &e, NULL);
	ok = fits(c, r, out, &e);
	if (!ok)
		print_message("%s: %s\n   wanted: %s%.*s\n   got %d: %.*s%u:%u "
			      "%s\n", file, c->name, c->error, (int)c->out.n,
			      (const char *)c->out.p, r, (int)out.n,
			      (const char *)out.p, e.line, e.column, e.text);
	arena_free(&mem);
	case_world_release(&w);
	return ok;
}

/* Whatever fails: an error, no crash, no leak; else the same result. */
static int one_round(void *arg)
{
	struct run_arg *a = arg;
	struct script_error e;
	struct span out = SPAN_NONE;
	struct arena *mem = NULL;
	int r = arena_new(&mem, SCRIPT_MEMORY_BYTES);

	a->w->next_random = 0;
	if (r == 0)
		r = case_run(a->w, mem, a->c->vars, a->c->script, NULL, &out,
			     &e, NULL);
	if (r != E_NOMEM)
		assert_true(fits(a->c, r, out, &e));
	arena_free(&mem);
	return r;
}

static void each(void (*fn)(const char *file, const struct case_one *c))
{
	char path[700];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/cases", folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		struct case_file f;
		struct case_one c;

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/cases/%s", folder, d->d_name);
		assert_int_equal(case_open(&f, path), 0);
		while (case_next(&f, &c))
			fn(d->d_name, &c);
		case_close(&f);
	}
	closedir(dir);
}

static unsigned count, bad;

static void check(const char *file, const struct case_one *c)
{
	count++;
	bad += !try_case(file, c);
}

static void test_script__every_case_gives_what_it_says(void **state)
{
	(void)state;
	count = bad = 0;
	each(check);
	print_message("%u cases, %u wrong\n", count, bad);
	assert_int_equal(bad, 0);
	assert_true(count >= CASES_LEAST);
}

static void fail_each(const char *file, const struct case_one *c)
{
	char zones[600];
	struct case_world w;
	struct run_arg a = {c, &w};

	(void)file;
	snprintf(zones, sizeof(zones), "%s/zones", folder);
	case_world_init(&w, zones);
	assert_true(alloc_test_every(one_round, &a, ROUNDS_MAX) >= 0);
	case_world_release(&w);
}

static void test_script__every_case_survives_failing_allocations(void **state)
{
	(void)state;
	each(fail_each);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script__every_case_gives_what_it_says),
		cmocka_unit_test(
		    test_script__every_case_survives_failing_allocations),
	};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
