/* Health: raised at once, lowered when it is worth believing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "core/health.h"

#define S NS_PER_S

static void test_health__ill_at_the_first_failure(void **state)
{
	struct health h = {.is_ill = false};

	(void)state;
	assert_false(health_note(&h, true, 1 * S));
	assert_true(health_note(&h, false, 2 * S));
	assert_false(health_note(&h, false, 3 * S));
	assert_true(h.is_ill);
}

static void test_health__ten_good_ones_and_a_minute_of_calm(void **state)
{
	struct health h = {.is_ill = false};
	uint64_t now = 5 * S;

	(void)state;
	assert_true(health_note(&h, false, now));
	for (int i = 0; i < 50; i++)
		assert_false(health_note(&h, true, now += S));
	now = 5 * S + HEALTH_CALM_S * S;
	assert_true(health_note(&h, true, now));
	assert_false(h.is_ill);
	/* And few calls need their number. */
	assert_true(health_note(&h, false, now));
	now += 600 * S;
	for (int i = 0; i < HEALTH_GOOD - 1; i++)
		assert_false(health_note(&h, true, now));
	assert_true(health_note(&h, true, now));
}

/* A server that answers every other call: one alarm, not a hundred. */
static void test_health__does_not_flap(void **state)
{
	struct health h = {.is_ill = false};
	unsigned changes = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		changes += health_note(&h, i % 9 != 0, i * 10 * S);
	assert_int_equal(changes, 1);
}

static void test_health__nobody_asks_for_half_an_hour(void **state)
{
	struct health h = {.is_ill = false};

	(void)state;
	assert_false(health_tick(&h, 10000 * S));
	(void)health_note(&h, false, 10000 * S);
	assert_false(health_tick(&h, (10000 + HEALTH_QUIET_S) * S - 1));
	assert_true(health_tick(&h, (10000 + HEALTH_QUIET_S) * S));
	assert_false(health_tick(&h, (10001 + HEALTH_QUIET_S) * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health__ill_at_the_first_failure),
		cmocka_unit_test(
			test_health__ten_good_ones_and_a_minute_of_calm),
		cmocka_unit_test(test_health__does_not_flap),
		cmocka_unit_test(test_health__nobody_asks_for_half_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
