/* Values without a script: dictionaries, equality, JSON, full arenas. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/policy/script/value.h"

enum { BYTES = 4 << 20 };

static int set_up(void **state)
{
	struct arena *a;

	assert_int_equal(arena_new(&a, BYTES), 0);
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct arena *a = *state;

	arena_free(&a);
	return 0;
}

static void test_value__large_dictionaries_find_everything(void **state)
{
	struct arena *a = *state;
	struct val d, copy, v;

	assert_int_equal(val_dict_new(a, &d), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(val_dict_put(a, d, val_int(i * 7),
					      val_int(i)), 0);
	assert_int_equal(val_copy_shallow(a, d, &copy), 0);
	assert_int_equal(val_dict_put(a, d, val_int(7), val_lit("new")), 0);
	assert_int_equal(d.u.dict->n, 5000);
	for (int i = 0; i < 5000; i++) {
		v = val_dict_get(copy, val_float(i * 7));
		assert_int_equal(v.type, VAL_INT);
		assert_int_equal(v.u.i, i);
		assert_int_equal(copy.u.dict->pairs[i].key.u.i, i * 7);
	}
	assert_int_equal(val_dict_get(d, val_int(1)).type, VAL_UNDEFINED);
	assert_int_equal(val_dict_get(d, val_int(7)).type, VAL_STR);
}

static void test_value__names_are_hashable(void **state)
{
	struct arena *a = *state;
	struct val d, l, t;

	assert_int_equal(val_dict_new(a, &d), 0);
	assert_int_equal(val_list_new(a, &l), 0);
	assert_int_equal(val_dict_put(a, d, l, l), E_INVAL);
	assert_int_equal(val_dict_put(a, l, VAL_NULL, l), E_INVAL);
	t = l;
	t.type = VAL_TUPLE;
	assert_int_equal(val_dict_put(a, d, t, VAL_NULL), 0);
	assert_int_equal(val_list_add(a, t, d), 0);
	assert_int_equal(val_dict_put(a, d, t, VAL_NULL), E_INVAL);
	assert_int_equal(val_list_add(a, d, t), E_INVAL);
	assert_int_equal(val_dict_get(l, t).type, VAL_UNDEFINED);
}

static void test_value__equality_is_that_of_numbers(void **state)
{
	struct arena *a = *state;
	struct val l;

	assert_true(val_equal(val_int(1), val_float(1)));
	assert_true(val_equal(val_bool(true), val_int(1)));
	assert_false(val_equal(val_int(INT64_MAX), val_float(9.3e18)));
	assert_false(val_equal(val_lit("1"), val_int(1)));
	assert_false(val_equal(VAL_NULL, VAL_MISSING));
	assert_false(val_equal(VAL_NULL, val_bool(false)));
	assert_int_equal(val_list_new(a, &l), 0);
	assert_int_equal(val_list_add(a, l, l), 0);
	assert_true(val_equal(l, l));
	for (int t = 0; t < VAL_TYPE_COUNT; t++)
		assert_non_null(val_type_name((enum val_type)t));
}

static void assert_same_json(struct arena *a, const char *in,
			     const char *want)
{
	struct span out;
	struct val v;

	assert_int_equal(val_from_json(a, span_str(in), &v, NULL), 0);
	assert_int_equal(val_to_json(a, v, &out), 0);
	if (!span_eq(out, span_str(want)))
		print_message("%s: %.*s\n", in, (int)out.n,
			      (const char *)out.p);
	assert_true(span_eq(out, span_str(want)));
}

static void test_value__json_is_read_and_written(void **state)
{
	struct arena *a = *state;

	assert_same_json(a, " {\"a\":[1,-2.5e3,true,null],\"b\":{}}\n",
			 "{\"a\": [1, -2500.0, true, null], \"b\": {}}");
	assert_same_json(a, "{\"a\":1,\"b\":2,\"a\":3}",
			 "{\"a\": 3, \"b\": 2}");
	assert_same_json(a, "\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\"\"",
			 "\"\xc3\xa9\xf0\x9f\x98\x80/\\b\\f\\n\\r\\t\\\"\"");
	assert_same_json(a, "-9223372036854775808", "-9223372036854775808");
	assert_same_json(a, "\"\\u0000\"", "\"\\u0000\"");
	assert_same_json(a, "0", "0");
	assert_same_json(a, "-0.0", "-0.0");
}

static void test_value__what_is_no_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		int code;
		size_t at;
	} all[] = {
		{"", E_FORMAT, 0}, {"  ", E_FORMAT, 2}, {"nul", E_FORMAT, 0},
		{"[1,]", E_FORMAT, 3}, {"[1 2]", E_FORMAT, 3},
		{"{\"a\"}", E_FORMAT, 4}, {"{a:1}", E_FORMAT, 1},
		{"{\"a\":1,}", E_FORMAT, 7}, {"01", E_FORMAT, 2},
		{"1.", E_FORMAT, 2}, {"1e", E_FORMAT, 2}, {"-", E_FORMAT, 1},
		{"+1", E_FORMAT, 0}, {"\"a", E_FORMAT, 2},
		{"\"\\q\"", E_FORMAT, 2}, {"\"\\u12\"", E_FORMAT, 5},
		{"\"\\ud800\"", E_FORMAT, 7}, {"\"\\udc00\"", E_FORMAT, 7},
		{"\"a\nb\"", E_FORMAT, 2}, {"1 1", E_FORMAT, 2},
		{"NaN", E_FORMAT, 0}, {"'a'", E_FORMAT, 0},
		{"\"\xff\"", E_FORMAT, 0}, {"1e999", E_LIMIT, 5},
		{"9223372036854775808", E_LIMIT, 19},
	};
	struct arena *a = *state;
	struct val v = val_int(5);
	size_t at;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int r = val_from_json(a, span_str(all[i].text), &v, &at);

		if (r != all[i].code || at != all[i].at)
			print_message("%s: %d at %zu\n", all[i].text, r, at);
		assert_int_equal(r, all[i].code);
		assert_int_equal(at, all[i].at);
		assert_int_equal(v.u.i, 5);
	}
}

static void test_value__deep_json_is_refused(void **state)
{
	struct arena *a = *state;
	char text[2 * VAL_DEPTH_MAX + 8];
	struct span out;
	struct val v, l;

	for (int n = VAL_DEPTH_MAX - 1; n <= VAL_DEPTH_MAX + 1; n++) {
		memset(text, '[', (size_t)n);
		memset(text + n, ']', (size_t)n);
		assert_int_equal(val_from_json(a, span_of(text, 2 * (size_t)n),
					       &v, NULL),
				 n <= VAL_DEPTH_MAX ? 0 : E_LIMIT);
	}
	assert_int_equal(val_list_new(a, &l), 0);
	assert_int_equal(val_list_add(a, l, l), 0);
	assert_int_equal(val_to_json(a, l, &out), E_LIMIT);
}

static void test_value__texts_are_utf8(void **state)
{
	struct arena *a = *state;
	struct val v;

	assert_int_equal(val_str(a, SPAN_LIT("\xc3\xa9"), &v), 0);
	assert_int_equal(val_str(a, SPAN_LIT("\xc3"), &v), E_FORMAT);
	assert_int_equal(val_str(a, SPAN_NONE, &v), 0);
	assert_false(val_is_true(v));
}

static void test_value__a_full_arena_is_a_limit(void **state)
{
	struct arena *small;
	struct val v, d;
	int r = 0;

	(void)state;
	assert_int_equal(arena_new(&small, 4096), 0);
	assert_int_equal(val_dict_new(small, &d), 0);
	for (int i = 0; i < 1000 && r == 0; i++)
		r = val_dict_put(small, d, val_int(i), VAL_NULL);
	assert_int_equal(r, E_LIMIT);
	assert_int_equal(val_dict_get(d, val_int(3)).type, VAL_NONE);
	assert_int_equal(val_from_json(small, SPAN_LIT("[[[[[[[[[[1,2,3,4,5]]"
		"]]]]]]]]"), &v, NULL), E_LIMIT);
	arena_free(&small);
}

static int build(void *arg)
{
	struct arena *a = NULL;
	struct span out;
	struct val v;
	int r = arena_new(&a, BYTES);

	(void)arg;
	if (r == 0)
		r = val_from_json(a, SPAN_LIT("{\"a\": [1, 2, 3, \"x\\n\", {}], "
			"\"b\": {\"c\": null}}"), &v, NULL);
	if (r == 0)
		r = val_copy_shallow(a, v, &v);
	if (r == 0)
		r = val_to_json(a, v, &out);
	assert_true(r == 0 || r == E_NOMEM);
	arena_free(&a);
	return r;
}

static void test_value__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(build, NULL, 100) > 1);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_value__large_dictionaries_find_everything),
		T(test_value__names_are_hashable),
		T(test_value__equality_is_that_of_numbers),
		T(test_value__json_is_read_and_written),
		T(test_value__what_is_no_json_is_refused_with_its_place),
		T(test_value__deep_json_is_refused),
		T(test_value__texts_are_utf8),
		T(test_value__a_full_arena_is_a_limit),
		T(test_value__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
