/* Keys as telephone events: each press once, whatever the network does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "media/dtmf.h"

enum { HZ = 8000 };

struct world {
	struct dtmf_in in;
	uint64_t now;
	unsigned presses;
	struct dtmf_press last;
};

static void event(struct world *w, uint32_t ts, uint8_t key, uint16_t ticks,
		  bool end, bool marker)
{
	uint8_t b[4] = {key, end ? 0x8a : 0x0a, (uint8_t)(ticks >> 8),
			(uint8_t)ticks};
	struct dtmf_press p;

	w->now += 20 * NS_PER_MS;
	if (dtmf_in_packet(&w->in, ts, marker, span_of(b, 4), HZ, w->now,
			   &p)) {
		w->presses++;
		w->last = p;
	}
}

static void press(struct world *w, uint32_t ts, uint8_t key)
{
	for (uint16_t i = 1; i <= 4; i++)
		event(w, ts, key, (uint16_t)(160 * i), false, i == 1);
	for (int i = 0; i < 3; i++)
		event(w, ts, key, 800, true, false);
}

static bool timer(struct world *w, unsigned ms)
{
	w->now += ms * NS_PER_MS;
	if (!dtmf_in_timer(&w->in, HZ, w->now, &w->last))
		return false;
	w->presses++;
	return true;
}

static void test_dtmf__tells_a_press_once(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	press(&w, 1000, 3);
	assert_int_equal(w.presses, 1);
	assert_int_equal(w.last.event, 3);
	assert_int_equal(w.last.ms, 100);
	assert_false(timer(&w, 1000));
	press(&w, 9000, 3);
	assert_int_equal(w.presses, 2);
	/* both ends of the first come late */
	event(&w, 1000, 3, 800, true, false);
	assert_int_equal(w.presses, 2);
}

static void test_dtmf__survives_lost_ends(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	event(&w, 1000, 1, 160, false, true);
	event(&w, 1000, 1, 320, false, false);
	/* the next key ends it */
	event(&w, 5000, 2, 160, false, true);
	assert_int_equal(w.presses, 1);
	assert_int_equal(w.last.event, 1);
	assert_int_equal(w.last.ms, 40);
	assert_false(timer(&w, DTMF_LOST_MS - 1));
	assert_true(timer(&w, 1));
	assert_int_equal(w.last.event, 2);
	/* its packets after all */
	event(&w, 5000, 2, 320, true, false);
	assert_int_equal(w.presses, 2);
}

static void test_dtmf__one_packet_is_a_press(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	event(&w, 7, 11, 400, true, false);
	assert_int_equal(w.presses, 1);
	assert_int_equal(w.last.event, 11);
}

static void test_dtmf__takes_long_presses_and_odd_stamps(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	event(&w, 1000, 5, 0xffff, false, true);
	event(&w, 1000 + 0xffff, 5, 160, false, false);
	event(&w, 1000 + 0xffff, 5, 320, true, false);
	assert_int_equal(w.presses, 1);
	assert_int_equal(w.last.ms, (0xffff + 320) / 8);
	/* a stamp of its own in each packet */
	for (unsigned i = 1; i <= 5; i++)
		event(&w, 200000 + 160 * i, 6, (uint16_t)(160 * i), i == 5,
		      i == 1);
	assert_int_equal(w.presses, 2);
	assert_int_equal(w.last.event, 6);
}

static void test_dtmf__stamps_go_round(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	press(&w, UINT32_MAX - 100, 1);
	press(&w, 4000, 2);
	assert_int_equal(w.presses, 2);
	assert_int_equal(w.last.event, 2);
}

static void test_dtmf__bounds_how_fast_one_presses(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		uint64_t now = w.now;

		event(&w, i * 1000, 1, 160, true, true);
		w.now = now;
	}
	assert_int_equal(w.presses, DTMF_BURST);
	assert_int_equal(w.in.too_fast, 500 - DTMF_BURST);
}

static void test_dtmf__ignores_what_is_no_key(void **state)
{
	static const uint8_t shorter[3] = {1, 0x80, 1};
	struct world w = {.now = NS_PER_S};
	struct dtmf_press p;

	(void)state;
	event(&w, 1, 16, 160, true, true);
	event(&w, 1, 255, 160, true, true);
	assert_false(dtmf_in_packet(&w.in, 1, true, span_of(shorter, 3), HZ,
				    w.now, &p));
	assert_int_equal(w.presses, 0);
	assert_int_equal(w.in.malformed, 3);
}

static void test_dtmf__a_new_stream_begins_anew(void **state)
{
	struct world w = {.now = NS_PER_S};

	(void)state;
	press(&w, 100000, 1);
	dtmf_in_restart(&w.in);
	press(&w, 50, 2);
	assert_int_equal(w.presses, 2);
}

/* --- out --------------------------------------------------------------- */

static void test_dtmf__what_is_sent_is_read_as_sent(void **state)
{
	static const uint8_t keys[] = {1, 1, DTMF_COMMA, 15};
	struct world w = {.now = NS_PER_S};
	struct dtmf_out out = {.n = 0};
	struct dtmf_packet d;
	struct dtmf_press p;
	uint8_t got[8];
	unsigned n = 0, ticks = 0;

	(void)state;
	assert_int_equal(dtmf_out_add(&out, span_of(keys, sizeof(keys))), 0);
	for (uint32_t ts = 5; out.n; ts += 160, ticks++) {
		w.now += 20 * NS_PER_MS;
		if (!dtmf_out_tick(&out, ts, 20, HZ, &d))
			continue;
		for (unsigned i = 0; i < d.copies; i++)
			if (dtmf_in_packet(&w.in, d.ts, d.marker,
					   span_of(d.payload, 4), HZ, w.now,
					   &p))
				got[n++] = p.event;
	}
	assert_int_equal(n, 3);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 1);
	assert_int_equal(got[2], 15);
	/* three presses and a pause */
	assert_int_equal(ticks, (3 * 200 + 2000) / 20);
	assert_int_equal(out.sent, 3);
}

static void test_dtmf__refuses_what_does_not_fit(void **state)
{
	struct dtmf_out out = {.n = 0};
	uint8_t keys[DTMF_QUEUE_MAX + 1] = {0};

	(void)state;
	assert_int_equal(dtmf_out_add(&out, span_of(keys, sizeof(keys))),
			 E_FULL);
	keys[3] = 16;
	assert_int_equal(dtmf_out_add(&out, span_of(keys, 5)), E_INVAL);
	assert_int_equal(out.n, 0);
	assert_int_equal(out.refused, 2);
	keys[3] = 9;
	assert_int_equal(dtmf_out_add(&out, span_of(keys, DTMF_QUEUE_MAX)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtmf__tells_a_press_once),
		cmocka_unit_test(test_dtmf__survives_lost_ends),
		cmocka_unit_test(test_dtmf__one_packet_is_a_press),
		cmocka_unit_test(test_dtmf__takes_long_presses_and_odd_stamps),
		cmocka_unit_test(test_dtmf__stamps_go_round),
		cmocka_unit_test(test_dtmf__bounds_how_fast_one_presses),
		cmocka_unit_test(test_dtmf__ignores_what_is_no_key),
		cmocka_unit_test(test_dtmf__a_new_stream_begins_anew),
		cmocka_unit_test(test_dtmf__what_is_sent_is_read_as_sent),
		cmocka_unit_test(test_dtmf__refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
