#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/guard/pin.h"

#define S UINT64_C(1000000000)
#define MIN (60 * S)

static struct pin_guard *guard(uint32_t sources, uint32_t rooms)
{
	struct cfg_pin_guard c = CFG_PIN_GUARD_DEFAULT;
	struct pin_guard *g = NULL;

	c.sources = sources;
	c.rooms = rooms;
	c.hash_key[0] = 1;
	assert_int_equal(pin_guard_new(&g, &c), 0);
	return g;
}

static struct pin_caller v4(uint32_t ip)
{
	struct pin_caller w = {.ip = {[10] = 0xff, [11] = 0xff}};

	for (int i = 0; i < 4; i++)
		w.ip[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
	return w;
}

static struct pin_caller v6(uint32_t net, uint32_t host)
{
	struct pin_caller w = {.ip = {0x20, 0x01, 0x0d, 0xb8}};

	for (int i = 0; i < 4; i++) {
		w.ip[4 + i] = (uint8_t)(net >> (24 - 8 * i));
		w.ip[12 + i] = (uint8_t)(host >> (24 - 8 * i));
	}
	return w;
}

static enum pin_verdict check(struct pin_guard *g, uint32_t room,
			      struct pin_caller w, uint64_t now)
{
	uint32_t ms;

	return pin_guard_check(g, room, &w, now, &ms);
}

static void miss(struct pin_guard *g, uint32_t room, struct pin_caller w,
		 uint64_t now, int times)
{
	while (times--)
		pin_guard_note(g, room, &w, now, false);
}

static void test_pin_guard__locks_source_after_five_misses(void **state)
{
	struct pin_guard *g = guard(64, 8);

	(void)state;
	miss(g, 1, v4(7), S, 4);
	assert_int_equal(check(g, 1, v4(7), S), PIN_ALLOW);
	miss(g, 1, v4(7), 2 * S, 1);
	assert_int_equal(check(g, 1, v4(7), 2 * S), PIN_DENY);
	assert_int_equal(check(g, 1, v4(8), 2 * S), PIN_ALLOW);
	assert_int_equal(check(g, 2, v4(7), 2 * S), PIN_ALLOW);
	pin_guard_free(&g);
}

static void test_pin_guard__frees_source_when_oldest_miss_leaves(void **state)
{
	struct pin_guard *g = guard(64, 8);

	(void)state;
	miss(g, 1, v4(7), S, 1);
	miss(g, 1, v4(7), 5 * MIN, 4);
	assert_int_equal(check(g, 1, v4(7), 10 * MIN), PIN_DENY);
	assert_int_equal(check(g, 1, v4(7), 10 * MIN + S + S / 5), PIN_ALLOW);
	miss(g, 1, v4(7), 10 * MIN + 2 * S, 1);
	assert_int_equal(check(g, 1, v4(7), 10 * MIN + 2 * S), PIN_DENY);
	pin_guard_free(&g);
}

static void test_pin_guard__right_pin_does_not_reset_the_count(void **state)
{
	struct pin_guard *g = guard(64, 8);
	const struct pin_caller w = v4(7);

	(void)state;
	miss(g, 1, w, S, 4);
	pin_guard_note(g, 1, &w, S, true);
	miss(g, 1, w, S, 1);
	assert_int_equal(check(g, 1, w, S), PIN_DENY);
	pin_guard_free(&g);
}

static void test_pin_guard__takes_an_ipv6_64_as_one_source(void **state)
{
	struct pin_guard *g = guard(64, 8);

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		miss(g, 1, v6(1, i), S, 1);
	assert_int_equal(check(g, 1, v6(1, 99), S), PIN_DENY);
	assert_int_equal(check(g, 1, v6(2, 0), S), PIN_ALLOW);
	pin_guard_free(&g);
}

static void slow_down(struct pin_guard *g, uint32_t room, uint64_t now)
{
	for (uint32_t i = 0; i < 20; i++)
		miss(g, room, v4(1000 + i), now, 1);
}

static void test_pin_guard__slows_room_after_twenty_misses(void **state)
{
	struct pin_guard *g = guard(1024, 8);
	const struct pin_caller w = v4(7);
	uint32_t ms;

	(void)state;
	for (uint32_t i = 0; i < 19; i++)
		miss(g, 1, v4(100 + i), S, 1);
	assert_int_equal(check(g, 1, w, S), PIN_ALLOW);
	assert_false(pin_guard_is_slowed(g, 1, S));
	miss(g, 1, v4(300), S, 1);
	assert_true(pin_guard_is_slowed(g, 1, S));
	assert_int_equal(pin_guard_check(g, 1, &w, S, &ms), PIN_WAIT);
	assert_int_equal(ms, 2000);
	assert_int_equal(check(g, 2, w, S), PIN_ALLOW);
	/* Ten minutes later it is over. */
	assert_int_equal(check(g, 1, w, 10 * MIN + 2 * S), PIN_ALLOW);
	pin_guard_free(&g);
}

static void test_pin_guard__lets_the_line_in_one_by_one_in_order(void **state)
{
	struct pin_guard *g = guard(1024, 8);
	struct pin_caller a = v4(1), b = v4(2);
	uint32_t ms;

	(void)state;
	slow_down(g, 1, S);
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_WAIT);
	assert_int_equal(ms, 2000);
	assert_int_equal(pin_guard_queue(g, 1, &b, S, &ms), PIN_WAIT);
	assert_int_equal(ms, 4000);
	assert_int_equal(check(g, 1, a, 2 * S), PIN_WAIT);
	assert_int_equal(check(g, 1, a, 3 * S), PIN_ALLOW);
	assert_int_equal(check(g, 1, b, 3 * S), PIN_WAIT);
	assert_int_equal(check(g, 1, b, 5 * S), PIN_ALLOW);
	pin_guard_note(g, 1, &a, 3 * S, true);
	assert_int_equal(check(g, 1, a, 3 * S), PIN_WAIT);
	pin_guard_free(&g);
}

static void test_pin_guard__gives_a_source_one_place_in_the_line(void **state)
{
	struct pin_guard *g = guard(1024, 8);
	struct pin_caller a = v4(1);
	uint32_t ms;

	(void)state;
	slow_down(g, 1, S);
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_WAIT);
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_DENY);
	pin_guard_free(&g);
}

static void test_pin_guard__bounds_the_line(void **state)
{
	struct pin_guard *g = guard(4096, 8);
	uint32_t ms, got = 0;

	(void)state;
	slow_down(g, 1, S);
	for (uint32_t i = 0; i < 100; i++) {
		struct pin_caller w = v4(5000 + i);

		got += pin_guard_queue(g, 1, &w, S, &ms) == PIN_WAIT;
	}
	assert_in_range(got, 31, 32);
	assert_int_equal(check(g, 1, v4(9), S), PIN_DENY);
	assert_int_equal(check(g, 1, v4(9), 20 * S), PIN_WAIT);
	pin_guard_free(&g);
}

static void test_pin_guard__loses_a_place_that_is_not_used(void **state)
{
	struct pin_guard *g = guard(1024, 8);
	struct pin_caller a = v4(1);
	uint32_t ms;

	(void)state;
	slow_down(g, 1, S);
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_WAIT);
	assert_int_equal(check(g, 1, a, 3 * S + 63 * S), PIN_ALLOW);
	assert_int_equal(check(g, 1, a, 3 * S + 65 * S), PIN_WAIT);
	pin_guard_free(&g);
}

static void test_pin_guard__queue_needs_no_place_when_not_slowed(void **state)
{
	struct pin_guard *g = guard(64, 8);
	struct pin_caller a = v4(1);
	uint32_t ms;

	(void)state;
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_ALLOW);
	miss(g, 1, a, S, 5);
	assert_int_equal(pin_guard_queue(g, 1, &a, S, &ms), PIN_DENY);
	pin_guard_free(&g);
}

static void test_pin_guard__keeps_the_heaviest_guesser_in_a_full_table(
	void **state)
{
	struct pin_guard *g = guard(8, 64);
	struct pin_guard_stats st;

	(void)state;
	miss(g, 1, v4(7), S, 5);
	for (uint32_t i = 0; i < 1000; i++)
		miss(g, 2 + i % 50, v4(100 + i), 2 * S, 1);
	assert_int_equal(check(g, 1, v4(7), 2 * S), PIN_DENY);
	pin_guard_stats(g, &st);
	assert_true(st.evicted > 900);
	assert_int_equal(st.misses, 1005);
	pin_guard_free(&g);
}

static void test_pin_guard__room_counter_survives_a_flood_of_rooms(
	void **state)
{
	struct pin_guard *g = guard(64, 16);
	struct pin_guard_stats st;

	(void)state;
	slow_down(g, 1, S);
	for (uint32_t i = 0; i < 500; i++)
		miss(g, 100 + i, v4(i), 2 * S, 1);
	assert_true(pin_guard_is_slowed(g, 1, 2 * S));
	pin_guard_stats(g, &st);
	assert_true(st.overflow > 0);
	/* Rooms without a counter of their own share one: stricter. */
	assert_true(pin_guard_is_slowed(g, 9999, 2 * S));
	pin_guard_free(&g);
}

static void test_pin_guard__new_limits_keep_what_was_counted(void **state)
{
	struct pin_guard *g = guard(64, 8);

	(void)state;
	miss(g, 1, v4(7), S, 3);
	assert_int_equal(check(g, 1, v4(7), S), PIN_ALLOW);
	assert_int_equal(pin_guard_set_limits(g, 3, 20), 0);
	assert_int_equal(check(g, 1, v4(7), S), PIN_DENY);
	assert_int_equal(pin_guard_set_limits(g, 0, 20), E_INVAL);
	assert_int_equal(pin_guard_set_limits(g, 21, 20), E_INVAL);
	assert_int_equal(pin_guard_set_limits(g, 5, 201), E_INVAL);
	pin_guard_free(&g);
}

static void test_pin_guard__refuses_bad_settings(void **state)
{
	struct cfg_pin_guard c = CFG_PIN_GUARD_DEFAULT;
	struct pin_guard *g = NULL;

	(void)state;
	c.window_s = 0;
	assert_int_equal(pin_guard_new(&g, &c), E_INVAL);
	c = CFG_PIN_GUARD_DEFAULT;
	c.sources = PIN_GUARD_SOURCES_MAX + 1;
	assert_int_equal(pin_guard_new(&g, &c), E_INVAL);
	assert_null(g);
	pin_guard_free(&g);
}

static int oom_body(void *arg)
{
	struct cfg_pin_guard c = CFG_PIN_GUARD_DEFAULT;
	struct pin_guard *g = NULL;
	int r = pin_guard_new(&g, &c);

	(void)arg;
	pin_guard_free(&g);
	return r;
}

static void test_pin_guard__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(oom_body, NULL, 20) > 0);
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A full table under a spray of sources, the worst case for the cache. */
static void test_pin_guard__verdict_is_quick(void **state)
{
	struct pin_guard *g = guard(65536, 8192);
	const uint32_t n = 200000;
	uint32_t allowed = 0;
	double best = 1e9;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		miss(g, i % 5000, v4(i * 2654435761u), S, 1);
	/* CPU of this process, the least disturbed of five rounds: what else
	 * runs on the machine does not decide. */
	for (int round = 0; round < 5; round++) {
		double ns = cpu_ns();

		for (uint32_t i = 0; i < n; i++)
			allowed += check(g, i % 5000, v4(i * 2654435761u), S) ==
				   PIN_ALLOW;
		ns = (cpu_ns() - ns) / n;
		best = ns < best ? ns : best;
	}
	print_message("verdict %.0f ns (%u allowed)\n", best, allowed / 5);
#ifndef CONCLAVE_SANITIZED
	/* The promise is 500 ns; a table that is searched from end to end would
	 * take a hundred times as long. */
	assert_true(best < 5000);
#endif
	pin_guard_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pin_guard__locks_source_after_five_misses),
		cmocka_unit_test(test_pin_guard__frees_source_when_oldest_miss_leaves),
		cmocka_unit_test(test_pin_guard__right_pin_does_not_reset_the_count),
		cmocka_unit_test(test_pin_guard__takes_an_ipv6_64_as_one_source),
		cmocka_unit_test(test_pin_guard__slows_room_after_twenty_misses),
		cmocka_unit_test(test_pin_guard__lets_the_line_in_one_by_one_in_order),
		cmocka_unit_test(test_pin_guard__gives_a_source_one_place_in_the_line),
		cmocka_unit_test(test_pin_guard__bounds_the_line),
		cmocka_unit_test(test_pin_guard__loses_a_place_that_is_not_used),
		cmocka_unit_test(test_pin_guard__queue_needs_no_place_when_not_slowed),
		cmocka_unit_test(test_pin_guard__keeps_the_heaviest_guesser_in_a_full_table),
		cmocka_unit_test(test_pin_guard__room_counter_survives_a_flood_of_rooms),
		cmocka_unit_test(test_pin_guard__new_limits_keep_what_was_counted),
		cmocka_unit_test(test_pin_guard__refuses_bad_settings),
		cmocka_unit_test(test_pin_guard__survives_each_failing_allocation),
		cmocka_unit_test(test_pin_guard__verdict_is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
