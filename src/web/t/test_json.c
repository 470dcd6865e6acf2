#include "http/t/t.h"
#include "base/alloc_test.h"
#include "web/json/in.h"

static int parse(struct json_in **j, const char *s)
{
	return json_in_parse(j, span_str(s));
}

static void test_json_in__reads_typed_members(void **st)
{
	(void)st;
	struct json_in *j = NULL;
	struct span v;
	bool b;
	double d;
	assert_int_equal(parse(&j, "{\"a\":\"x\",\"b\":true,\"c\":1.5,"
			       "\"d\":null,\"e\":{\"f\":\"y\"}}"), 0);
	assert_int_equal(json_in_text(j, "a", &v), 0);
	assert_span(v, "x");
	assert_int_equal(json_in_text(j, "b", &v), E_FORMAT);
	assert_int_equal(json_in_text(j, "d", &v), E_NOTFOUND);
	assert_int_equal(json_in_text(j, "z", &v), E_NOTFOUND);
	assert_int_equal(json_in_bool(j, "b", &b), 0);
	assert_true(b);
	assert_int_equal(json_in_bool(j, "a", &b), E_FORMAT);
	assert_int_equal(json_in_number(j, "c", &d), 0);
	assert_true(d > 1.49 && d < 1.51);
	assert_int_equal(json_in_text2(j, "e", "f", &v), 0);
	assert_span(v, "y");
	assert_int_equal(json_in_text2(j, "a", "f", &v), E_FORMAT);
	json_in_free(&j);
	assert_null(j);
}

static void test_json_in__takes_an_empty_body_as_an_object(void **st)
{
	(void)st;
	struct json_in *j = NULL;
	struct span v;
	assert_int_equal(parse(&j, ""), 0);
	assert_int_equal(json_in_text(j, "a", &v), E_NOTFOUND);
	json_in_free(&j);
}

static void test_json_in__refuses_what_is_odd(void **st)
{
	(void)st;
	struct json_in *j = NULL;
	static const char *const bad[] = {
		"[]", "1", "\"a\"", "{", "{}{}", "{\"a\":1,\"a\":2}",
		"{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", "{'a':1}",
		"{\"a\":}", "}", "{\"a\":NaN}", "// x\n{}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(&j, bad[i]), E_FORMAT);
	assert_int_equal(parse(&j, "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"),
			 E_LIMIT);
	assert_int_equal(parse(&j, "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[\"}"), 0);
	json_in_free(&j);
}

static int body(void *arg)
{
	struct json_in *j = NULL;
	int r = parse(&j, "{\"a\":\"x\",\"b\":[1,2,{\"c\":true}]}");
	(void)arg;
	json_in_free(&j);
	return r;
}

static void test_json_in__survives_each_failing_allocation(void **st)
{
	(void)st;
	assert_true(alloc_test_every(body, NULL, 200) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_in__reads_typed_members),
		cmocka_unit_test(
			test_json_in__takes_an_empty_body_as_an_object),
		cmocka_unit_test(test_json_in__refuses_what_is_odd),
		cmocka_unit_test(
			test_json_in__survives_each_failing_allocation),
	};
	json_in_warm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
