/* Load shedding: every threshold, the order of who goes, no flapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "core/shed.h"

#define MS NS_PER_MS

static void test_shed__each_signal_alone_raises_the_level(void **state)
{
	static const struct {
		enum shed_signal signal;
		uint16_t edge[3];	/* strangers, newcomers, inside */
	} rows[SHED_SIGNAL_COUNT] = {
		{SHED_LATE_TICKS, {50, 150, 400}},
		{SHED_FACE_CONNS, {800, 1001, 1001}},
		{SHED_FACE_CPU, {900, 1001, 1001}},
		{SHED_JOINS, {500, 900, 1001}},
		{SHED_POOL, {500, 900, 1001}},
		{SHED_STORE, {500, 750, 950}},
	};

	(void)state;
	for (size_t i = 0; i < SHED_SIGNAL_COUNT; i++)
		for (uint32_t v = 0; v <= 1200; v++) {
			const uint32_t x = v > 1000 ? 1000 : v;
			const int want = (x >= rows[i].edge[0]) +
				(x >= rows[i].edge[1]) +
				(x >= rows[i].edge[2]);

			assert_int_equal(shed_level_of(rows[i].signal, v),
					 want);
		}
	assert_int_equal(shed_level_of(SHED_SIGNAL_COUNT, 1000), 0);
}

static void test_shed__rises_at_once_and_falls_step_by_step(void **state)
{
	struct shed s = {.level = SHED_NOTHING};
	struct shed_facts f = {{0}};
	uint64_t now = 1000 * MS;

	(void)state;
	f.permille[SHED_LATE_TICKS] = 500;
	assert_true(shed_update(&s, &f, now));
	assert_int_equal(s.level, SHED_INSIDE);
	assert_int_equal(s.cause, SHED_LATE_TICKS);
	f.permille[SHED_LATE_TICKS] = 0;
	assert_false(shed_update(&s, &f, now + 2999 * MS));
	assert_true(shed_update(&s, &f, now + 3000 * MS));
	assert_int_equal(s.level, SHED_NEWCOMERS);
	assert_false(shed_update(&s, &f, now + 5999 * MS));
	assert_true(shed_update(&s, &f, now + 6000 * MS));
	assert_true(shed_update(&s, &f, now + 9000 * MS));
	assert_int_equal(s.level, SHED_NOTHING);
	assert_false(shed_update(&s, &f, now + 99000 * MS));
	assert_int_equal(s.raised, 1);
}

static void test_shed__a_reason_now_and_then_holds_the_level(void **state)
{
	struct shed s = {.level = SHED_NOTHING};
	struct shed_facts f = {{0}};
	uint64_t now = 1000 * MS;

	(void)state;
	for (int i = 0; i < 20; i++, now += 2000 * MS) {
		f.permille[SHED_JOINS] = i % 2 ? 0 : 600;
		(void)shed_update(&s, &f, now);
		assert_int_equal(s.level, SHED_STRANGERS);
	}
	assert_int_equal(s.raised, 1);
}

static void test_shed__keeps_media_then_people_inside_then_the_proven(
	void **state)
{
	static const bool want[SHED_LEVEL_COUNT][SHED_WHO_COUNT] = {
		/* stranger proven returning member */
		{false, false, false, false},
		{true, false, false, false},
		{true, true, false, false},
		{true, true, false, true},
	};
	struct shed s = {.level = SHED_NOTHING};

	(void)state;
	for (int l = 0; l < SHED_LEVEL_COUNT; l++)
		for (int w = 0; w < SHED_WHO_COUNT; w++) {
			s.level = (enum shed_level)l;
			assert_int_equal(shed_refuses(&s, (enum shed_who)w),
					 want[l][w]);
		}
	assert_int_equal(s.refused[SHED_STRANGER], 3);
	assert_int_equal(s.refused[SHED_PROVEN], 2);
	assert_int_equal(s.refused[SHED_RETURNING], 0);
	assert_int_equal(s.refused[SHED_MEMBER], 1);
}

static void test_shed__names_everything(void **state)
{
	(void)state;
	for (int i = 0; i < SHED_SIGNAL_COUNT; i++)
		assert_string_not_equal(shed_signal_name((enum shed_signal)i),
					"?");
	for (int i = 0; i < SHED_LEVEL_COUNT; i++)
		assert_string_not_equal(shed_level_name((enum shed_level)i),
					"?");
	assert_string_equal(shed_signal_name(SHED_SIGNAL_COUNT), "?");
	assert_string_equal(shed_level_name(SHED_LEVEL_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_shed__each_signal_alone_raises_the_level),
		cmocka_unit_test(
			test_shed__rises_at_once_and_falls_step_by_step),
		cmocka_unit_test(
			test_shed__a_reason_now_and_then_holds_the_level),
		cmocka_unit_test(
		test_shed__keeps_media_then_people_inside_then_the_proven),
		cmocka_unit_test(test_shed__names_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
