#include "core/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct trace *t;

static int setup(void **state)
{
	(void)state;
	return trace_new(&t);
}

static int teardown(void **state)
{
	(void)state;
	trace_free(&t);
	return 0;
}

static struct addr from(unsigned n)
{
	struct addr a = {.ip = {[10] = 0xff, [11] = 0xff, 10}};

	a.ip[13] = (uint8_t)(n >> 16);
	a.ip[14] = (uint8_t)(n >> 8);
	a.ip[15] = (uint8_t)n;
	return a;
}

static uint64_t open_from(unsigned n)
{
	const struct addr a = from(n);

	return trace_open(t, "sip in", &a, SPAN_LIT("board"), 1);
}

static void test_trace__has_a_number_of_one_form(void **state)
{
	const struct trace_call *a = trace_get(t, open_from(1));
	const struct trace_call *b = trace_get(t, open_from(1));

	(void)state;
	assert_int_equal(strlen(a->ref), TRACE_REF_LEN);
	assert_int_equal(strspn(a->ref, "0123456789abcdef"), TRACE_REF_LEN);
	assert_string_not_equal(a->ref, b->ref);
}

static void test_trace__keeps_the_first_and_the_last_rows(void **state)
{
	const uint64_t id = open_from(1);
	const struct trace_row *rows[TRACE_ROWS_MAX];
	size_t n;

	(void)state;
	for (int i = 0; i < 1000; i++)
		trace_put(t, id, i, TRACE_CORE, TRACE_CORE, "x", SPAN_NONE);
	n = trace_rows(trace_get(t, id), rows);
	assert_int_equal(n, TRACE_ROWS_MAX);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rows[i]->at_us, i < n / 2 ? i : 1000 - n + i);
}

static void test_trace__a_flood_pushes_no_call_out(void **state)
{
	const uint64_t call = open_from(1), refusal = open_from(2);

	(void)state;
	trace_inside(t, call);
	for (unsigned i = 0; i < 5 * TRACE_CALLS_MAX; i++)
		(void)open_from(100 + i);
	assert_non_null(trace_get(t, call));
	assert_null(trace_get(t, refusal));
}

static void test_trace__one_source_pushes_itself_out(void **state)
{
	const uint64_t other = open_from(2), first = open_from(1);
	uint64_t last = 0;
	size_t it = 0, n = 0;

	(void)state;
	for (int i = 0; i < 5 * TRACE_CALLS_MAX; i++)
		last = open_from(1);
	assert_non_null(trace_get(t, other));
	assert_null(trace_get(t, first));
	assert_non_null(trace_get(t, last));
	while (trace_each(t, &it))
		n++;
	assert_int_equal(n, TRACE_SOURCE_MAX + 1);
}

static void test_trace__calls_give_way_to_calls(void **state)
{
	uint64_t first = 0, last = 0;

	(void)state;
	for (unsigned i = 0; i <= TRACE_CALLS_MAX; i++) {
		last = open_from(i);
		trace_inside(t, last);
		first = i ? first : last;
	}
	assert_null(trace_get(t, first));
	assert_non_null(trace_get(t, last));
}

static void test_trace__goes_from_the_newest(void **state)
{
	const uint64_t a = open_from(1), b = open_from(2);
	size_t it = 0;

	(void)state;
	assert_ptr_equal(trace_each(t, &it), trace_get(t, b));
	assert_ptr_equal(trace_each(t, &it), trace_get(t, a));
	assert_null(trace_each(t, &it));
}

static void test_trace__cuts_what_is_too_long(void **state)
{
	char text[2 * TRACE_CALL_ID_MAX];
	const struct addr a = from(1);
	uint64_t id;

	(void)state;
	memset(text, 'x', sizeof(text));
	id = trace_open(t, "web", &a, span_of(text, sizeof(text)), 1);
	trace_name_call(t, id, span_of(text, sizeof(text)), 7);
	trace_put(t, id, 1, TRACE_CORE, TRACE_CORE, "x",
		  span_of(text, sizeof(text)));
	assert_int_equal(strlen(trace_get(t, id)->alias), TRACE_ALIAS_MAX - 1);
	assert_int_equal(strlen(trace_get(t, id)->call_id),
			 TRACE_CALL_ID_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_trace__##name, setup,   \
						teardown)
	const struct CMUnitTest tests[] = {
		T(has_a_number_of_one_form),
		T(keeps_the_first_and_the_last_rows),
		T(a_flood_pushes_no_call_out), T(one_source_pushes_itself_out),
		T(calls_give_way_to_calls), T(goes_from_the_newest),
		T(cuts_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
