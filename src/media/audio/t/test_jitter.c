#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/jitter.h"
#include "media/audio/t/sim.h"

static struct jitter j;
static bool resync;

static int begin(void **state)
{
	(void)state;
	memset(&j, 0, sizeof(j));
	jitter_reset(&j);
	return 0;
}

/* Packet i of a 48 kHz stream, `late` samples after its due time. */
static int put(int i, int64_t late)
{
	uint8_t byte = (uint8_t)i;

	return jitter_put(&j, (uint16_t)(65530 + i),
			  0xfffffc00u + (uint32_t)i * 960, 48000, 960, false,
			  -1, span_of(&byte, 1),
			  INT64_C(1) << 40 | (i * 960 + late), &resync);
}

static int next(void)
{
	const struct jitter_packet *p = jitter_head(&j);
	int v = p ? p->data[0] : -1;

	if (p)
		jitter_take(&j, p);
	return v;
}

static void test_jitter__puts_in_order_over_both_wraps(void **state)
{
	static const int order[] = { 0, 2, 1, 5, 3, 4, 9, 8, 7, 6, 10 };

	(void)state;
	for (int i = 0; i < 11; i++)
		assert_int_equal(put(order[i], 0), 0);
	for (int i = 0; i < 11; i++) {
		const struct jitter_packet *p = jitter_head(&j);

		assert_non_null(p);
		assert_true(p->ts % 960 == j.slot[0].ts % 960);
		assert_int_equal(next(), i);
	}
	assert_int_equal(next(), -1);
}

static void test_jitter__refuses_duplicate_and_late(void **state)
{
	(void)state;
	(void)put(0, 0);
	(void)put(1, 0);
	assert_int_equal(put(1, 0), E_REPLAY);
	assert_int_equal(next(), 0);
	assert_int_equal(put(0, 0), E_TIMEOUT);
	assert_int_equal(j.duplicate, 1);
	assert_int_equal(j.late, 1);
}

static void test_jitter__overflow_gives_up_the_oldest(void **state)
{
	(void)state;
	for (int i = 0; i < JITTER_SLOTS + 5; i++)
		assert_int_equal(put(i, 0), 0);
	assert_int_equal(j.overflow, 5);
	assert_int_equal(next(), 5);
}

static void test_jitter__one_wild_number_is_not_believed(void **state)
{
	(void)state;
	(void)put(0, 0);
	assert_int_equal(put(20000, -20000 * 960), E_FULL);
	assert_int_equal(put(1, 0), 0);
	assert_int_equal(j.resyncs, 0);
	assert_int_equal(next(), 0);
	assert_int_equal(next(), 1);
}

static void test_jitter__two_in_a_row_start_anew(void **state)
{
	(void)state;
	(void)put(0, 0);
	assert_int_equal(put(20000, -20000 * 960), E_FULL);
	assert_int_equal(put(20001, -20000 * 960), 0);
	assert_true(resync);
	assert_int_equal(next(), (uint8_t)20001);
}

static void test_jitter__stamp_from_another_time_starts_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		(void)put(i, 0);
	assert_int_equal(put(30, 2 * 48000), 0);
	assert_true(resync);
	assert_int_equal(j.resyncs, 1);
	assert_int_equal(next(), 30);
}

static void test_jitter__oversized_is_refused(void **state)
{
	static const uint8_t big[AUDIO_PACKET_MAX_BYTES + 1];

	(void)state;
	assert_int_equal(jitter_put(&j, 1, 1, 48000, 960, false, -1,
				    span_of(big, sizeof(big)), 0, &resync),
			 E_LIMIT);
}

static int32_t target_for(uint32_t jitter_ms, int packets)
{
	uint32_t rng = 99;

	for (int i = 0; i < packets; i++) {
		int64_t late = sim_random(&rng) % (jitter_ms * 48 + 1);

		(void)put(i, late);
		(void)next();
	}
	return jitter_target(&j) / 48;
}

static void test_jitter__target_follows_jitter(void **state)
{
	int32_t t;

	begin(state);
	assert_int_equal(target_for(0, 300), 20);
	begin(state);
	t = target_for(60, 300);
	assert_in_range(t, 52, 61);
	begin(state);
	assert_int_equal(target_for(500, 300), 200);
}

static void test_jitter__target_falls_again(void **state)
{
	(void)state;
	(void)target_for(100, 300);
	for (int i = 300; i < 300 + JITTER_WINDOW + 16; i++) {
		(void)put(i, 50 * 48);
		(void)next();
	}
	assert_int_equal(jitter_target(&j) / 48, 20);
}

static void test_jitter__drops_what_ended_before(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		(void)put(i, 0);
	jitter_drop_before(&j, jitter_head(&j)->ts + 3 * 960);
	assert_int_equal(next(), 3);
}

/* Any packet in any state: positions stay sane and the head is reachable. */
static void test_jitter__random_input_keeps_its_bounds(void **state)
{
	static uint8_t data[AUDIO_PACKET_MAX_BYTES];
	uint32_t rng = 4242;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t r = sim_random(&rng);
		int64_t now = (INT64_C(1) << 40) + i * 100;

		(void)jitter_put(&j, (uint16_t)(r & 0x3ff),
				 sim_random(&rng) >> (r % 32), 48000,
				 120 << (r % 6), r & 1, (int)(r % 128) - 1,
				 span_of(data, 1 + r % 1200), now, &resync);
		assert_true(j.top_seq - j.next_seq < JITTER_SLOTS);
		assert_in_range(jitter_target(&j), JITTER_MIN_SAMPLES,
				JITTER_MAX_SAMPLES);
		if (r % 3 == 0)
			(void)next();
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		T(test_jitter__puts_in_order_over_both_wraps),
		T(test_jitter__refuses_duplicate_and_late),
		T(test_jitter__overflow_gives_up_the_oldest),
		T(test_jitter__one_wild_number_is_not_believed),
		T(test_jitter__two_in_a_row_start_anew),
		T(test_jitter__stamp_from_another_time_starts_anew),
		T(test_jitter__oversized_is_refused),
		T(test_jitter__target_follows_jitter),
		T(test_jitter__target_falls_again),
		T(test_jitter__drops_what_ended_before),
		T(test_jitter__random_input_keeps_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
