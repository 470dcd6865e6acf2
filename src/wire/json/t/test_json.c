#include "wire/t/test_help.h"
#include "wire/json/json.h"

/* In a block of its exact size: a sanitizer sees the first byte too far. */
static int nesting(const char *text, size_t n, unsigned depth)
{
	uint8_t *p = mem_dup(text, n);
	int r;

	assert_non_null(p);
	r = json_nesting(span_of(p, n), depth);
	mem_free(p);
	return r;
}

static int look(const char *text)
{
	return nesting(text, strlen(text), 3);
}

static void test_json_nesting__takes_what_is_closed(void **state)
{
	static const char *const good[] = {
		"", "7", "[]", "{}", "[[[]]]", "{\"a\":{\"b\":[1]}}",
		"[[],[],[[]]]", "\"[[[[[[\"", "[\"]\",\"}\"]",
		"[\"\\\"[[[[\"]", "\"\\\\\"", "no JSON at all",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (look(good[i]) != 0)
			fail_msg("%s", good[i]);
}

static void test_json_nesting__refuses_what_is_not(void **state)
{
	static const char *const bad[] = {
		"]", "}", "[", "{", "[}", "{]", "[{]}", "[]]", "[[]", "\"",
		"\"\\\"", "\"\\", "[\"]", "{\"a\":\"b}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (look(bad[i]) != E_FORMAT)
			fail_msg("%s", bad[i]);
}

static void test_json_nesting__counts_levels(void **state)
{
	char deep[2 * JSON_DEPTH_MAX + 2];

	(void)state;
	for (size_t n = 1; n <= JSON_DEPTH_MAX; n++) {
		for (size_t i = 0; i < n; i++) {
			deep[i] = i % 3 ? '[' : '{';
			deep[2 * n - 1 - i] = i % 3 ? ']' : '}';
		}
		assert_int_equal(nesting(deep, 2 * n, (unsigned)n), 0);
		if (n > 1)
			assert_int_equal(nesting(deep, 2 * n,
						 (unsigned)n - 1), E_LIMIT);
	}
	/* The first mistake counts, and nothing behind it is looked at. */
	assert_int_equal(look("[[[[]}"), E_LIMIT);
	assert_int_equal(look("]]]]"), E_FORMAT);
}

static void test_json_nesting__has_bounds_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(nesting("[]", 2, 0), E_INVAL);
	assert_int_equal(nesting("[]", 2, JSON_DEPTH_MAX + 1), E_INVAL);
	assert_int_equal(nesting("[]", 2, JSON_DEPTH_MAX), 0);
}

static void prefix(struct span in, void *arg)
{
	(void)arg;
	if (in.n)
		assert_int_equal(json_nesting(in, 3), E_FORMAT);
}

static void test_json_nesting__no_prefix_passes(void **state)
{
	(void)state;
	each_prefix(SPAN_LIT("{\"a\":[\"b\\\"\",{}]}"), prefix, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_nesting__takes_what_is_closed),
		cmocka_unit_test(test_json_nesting__refuses_what_is_not),
		cmocka_unit_test(test_json_nesting__counts_levels),
		cmocka_unit_test(test_json_nesting__has_bounds_of_its_own),
		cmocka_unit_test(test_json_nesting__no_prefix_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
