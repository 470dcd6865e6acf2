/* Leaps of the wall clock and stops of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "core/pulse.h"

#define S NS_PER_S
#define US INT64_C(1000000)

static void test_pulse__steady_is_fine(void **state)
{
	struct pulse p = {.mono_ns = 0};

	(void)state;
	for (int i = 1; i < 1000; i++)
		assert_int_equal(pulse_feed(&p, (uint64_t)i * S, i * US +
					    i % 2 * US), PULSE_FINE);
	assert_false(pulse_is_irregular(&p, 1000 * S));
}

static void test_pulse__tells_leaps_both_ways_once(void **state)
{
	struct pulse p = {.mono_ns = 0};

	(void)state;
	(void)pulse_feed(&p, S, 0);
	assert_int_equal(pulse_feed(&p, 2 * S, 86401 * US), PULSE_LEAPT);
	assert_int_equal(p.leap_s, 86400);
	assert_int_equal(pulse_feed(&p, 3 * S, 86402 * US), PULSE_FINE);
	assert_int_equal(pulse_feed(&p, 4 * S, 3 * US), PULSE_LEAPT);
	assert_int_equal(p.leap_s, -86400);
	assert_true(pulse_is_irregular(&p, 5 * S));
	assert_true(pulse_is_irregular(&p, 603 * S));
	assert_false(pulse_is_irregular(&p, 604 * S));
}

static void test_pulse__tells_a_stop(void **state)
{
	struct pulse p = {.mono_ns = 0};

	(void)state;
	(void)pulse_feed(&p, S, US);
	assert_int_equal(pulse_feed(&p, 6 * S, 6 * US), PULSE_FINE);
	assert_int_equal(pulse_feed(&p, 13 * S, 13 * US), PULSE_STOPPED);
	assert_int_equal(p.stop_s, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pulse__steady_is_fine),
		cmocka_unit_test(test_pulse__tells_leaps_both_ways_once),
		cmocka_unit_test(test_pulse__tells_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
