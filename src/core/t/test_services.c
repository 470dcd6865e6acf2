/* Test calls and receptions: the table, and what is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "core/reception.h"
#include "core/test_call_machine.h"

static void test_test_call__goes_as_drawn_in_each_cell(void **state)
{
	enum { N = TEST_CALL_NONE, A = TEST_CALL_ASKS, R = TEST_CALL_RECORDS,
	       T = TEST_CALL_TELLS, O = TEST_CALL_OVER };
	static const int want[TEST_CALL_STATE_COUNT]
			     [TEST_CALL_EVENT_COUNT + 1] = {
		/*	up  said  lost  late  none */
		[N] = {A, -1, -1, O, -1},
		[A] = {-1, R, N, O, -1},
		[R] = {-1, T, N, O, -1},
		[T] = {-1, O, N, O, -1},
		[O] = {-1, -1, -1, -1, -1},
	};

	(void)state;
	for (int s = 0; s < TEST_CALL_STATE_COUNT; s++)
		for (int e = 0; e <= TEST_CALL_EVENT_COUNT; e++)
			assert_int_equal(test_call_next(s, e), want[s][e]);
	assert_int_equal(test_call_next(TEST_CALL_STATE_COUNT, 0), -1);
}

static int target(const char *match, const char *replace, const char *entered,
		  char dst[32])
{
	struct service sv = {.kind = SERVICE_KIND_RECEPTION};

	(void)span_cstr(span_str(match), sv.match, sizeof(sv.match));
	(void)span_cstr(span_str(replace), sv.replace, sizeof(sv.replace));
	return reception_target(&sv, span_str(entered), dst, 32);
}

static void expect(const char *match, const char *replace,
		   const char *entered, const char *want)
{
	char dst[32];

	assert_int_equal(target(match, replace, entered, dst), 0);
	assert_string_equal(dst, want);
}

static void test_reception__calls_what_was_entered(void **state)
{
	(void)state;
	expect("", "", "4711", "4711");
	expect("\\d+", "", "4711", "4711");
	expect("7(\\d{3})", "\\1@example.org", "7123", "123@example.org");
	expect("(\\d)(\\d)", "\\2\\1", "12", "21");
}

static void test_reception__refuses_what_does_not_match_whole(void **state)
{
	char dst[32];

	(void)state;
	assert_int_equal(target("", "", "", dst), E_NOTFOUND);
	assert_int_equal(target("\\d{3}", "", "1234", dst), E_NOTFOUND);
	assert_int_equal(target("\\d{3}", "x", "a123", dst), E_NOTFOUND);
	assert_true(target("(\\d+)", "\\1\\1\\1\\1", "123456789", dst) < 0);
	assert_true(target("", "", "12345678901234567890123456789012",
			   dst) < 0);
	assert_true(target("(", "", "1", dst) < 0);
	assert_true(target("1", "\\1", "1", dst) < 0);
}

static void test_reception__ends_a_pattern_that_needs_too_much(void **state)
{
	char dst[32];

	(void)state;
	assert_int_equal(target("(a+)+(a+)+(a+)+[^a]", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				dst), E_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_test_call__goes_as_drawn_in_each_cell),
		cmocka_unit_test(test_reception__calls_what_was_entered),
		cmocka_unit_test(
			test_reception__refuses_what_does_not_match_whole),
		cmocka_unit_test(
			test_reception__ends_a_pattern_that_needs_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
