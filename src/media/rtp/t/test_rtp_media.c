/* The small machines of rtp/, on a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/rand.h"
#include "media/rtp/bwe.h"
#include "media/rtp/history.h"
#include "media/rtp/keyreq.h"
#include "media/rtp/nack.h"
#include "media/rtp/pacer.h"
#include "media/rtp/receive.h"
#include "media/rtp/report.h"
#include "media/rtp/twcc.h"

#define MS NS_PER_MS

/* --- receive ----------------------------------------------------------- */

static void test_receive__counts_loss_across_the_wrap(void **state)
{
	struct rtp_receive r;
	struct rtcp_block b;
	uint64_t ext, first = 0;

	(void)state;
	rtp_receive_init(&r, 7, 48000);
	for (unsigned i = 0; i < 200; i++) {
		uint16_t seq = (uint16_t)(65500 + i);

		if (i % 10 == 5)
			continue;
		assert_int_equal(rtp_receive_packet(&r, seq, i * 960, 100,
						    i * 20 * MS, &ext), 0);
		first = i ? first : ext;
	}
	assert_int_equal(ext - first, 199);
	rtp_receive_block(&r, 4000 * MS, &b);
	assert_int_equal(b.ssrc, 7);
	assert_int_equal(b.lost, 20);
	assert_int_equal(b.fraction_lost, 20 * 256 / 200);
	assert_int_equal(b.highest_seq, 65500 + 199);
	assert_int_equal(b.jitter, 0);
	assert_int_equal(b.lsr, 0);
	rtp_receive_block(&r, 4000 * MS, &b);
	assert_int_equal(b.fraction_lost, 0);
}

static void test_receive__a_jump_needs_a_second_packet(void **state)
{
	struct rtp_receive r;
	uint64_t ext, before;

	(void)state;
	rtp_receive_init(&r, 7, 48000);
	assert_int_equal(rtp_receive_packet(&r, 100, 0, 1, 0, &before), 0);
	assert_int_equal(rtp_receive_packet(&r, 30000, 0, 1, 0, &ext), E_AGAIN);
	assert_int_equal(rtp_receive_packet(&r, 101, 0, 1, 0, &ext), 0);
	assert_int_equal(ext, before + 1);
	assert_int_equal(rtp_receive_packet(&r, 30001, 0, 1, 0, &ext), E_AGAIN);
	assert_int_equal(rtp_receive_packet(&r, 30002, 0, 1, 0, &ext), 0);
	assert_true(ext > before + 3);
}

static void test_receive__measures_jitter_and_delay_of_reports(void **state)
{
	struct rtp_receive r;
	struct rtcp_block b;
	uint64_t ext;

	(void)state;
	rtp_receive_init(&r, 7, 48000);
	for (uint16_t i = 0; i < 400; i++)
		rtp_receive_packet(&r, i, i * 960u, 1,
				   i * 20 * MS + (i & 1) * 10 * MS, &ext);
	rtp_receive_sr(&r, UINT64_C(0x1111222233334444), 1000 * MS);
	rtp_receive_block(&r, 1500 * MS, &b);
	assert_in_range(b.jitter, 450, 490);
	assert_int_equal(b.lsr, 0x22223333);
	assert_int_equal(b.dlsr, 0x8000);
	/* dated in the turn, whose time is before it */
	rtp_receive_sr(&r, UINT64_C(0x1111222233334444), 1601 * MS);
	rtp_receive_block(&r, 1600 * MS, &b);
	assert_int_equal(b.dlsr, 0);
}

/* --- nack -------------------------------------------------------------- */

/* The stamp is the peer's: half a circle has no opposite in 32 bits. */
static void test_receive__a_stamp_may_jump_by_half_a_circle(void **state)
{
	struct rtp_receive r;
	uint64_t ext;

	(void)state;
	rtp_receive_init(&r, 1, 90000);
	assert_int_equal(rtp_receive_packet(&r, 1, 0, 100, NS_PER_S, &ext), 0);
	assert_int_equal(rtp_receive_packet(&r, 2, UINT32_C(1) << 31, 100,
					    NS_PER_S, &ext), 0);
	assert_int_equal(r.jitter_x16, 0);
}

static void test_nack__asks_waits_and_gives_up(void **state)
{
	static struct nack n;
	uint16_t seq[NACK_MAX];
	uint64_t t = 100 * MS;
	unsigned asked = 1;

	(void)state;
	nack_init(&n);
	nack_packet(&n, 70000, t);
	nack_packet(&n, 70003, t);
	assert_int_equal(nack_due(&n, t, 0, seq, NACK_MAX), 0);
	t += NACK_WAIT_MS * MS;
	assert_int_equal(nack_due(&n, t, 100 * MS, seq, NACK_MAX), 2);
	assert_int_equal(seq[0], 70001 & 0xffff);
	assert_int_equal(nack_due(&n, t + 50 * MS, 100 * MS, seq, NACK_MAX), 0);
	nack_packet(&n, 70002, t);
	for (t += MS; !nack_take_lost(&n); t += 10 * MS)
		asked += nack_due(&n, t, 100 * MS, seq, NACK_MAX) == 1;
	assert_in_range(asked, 3, NACK_TRIES_MAX);
	assert_int_equal(n.n, 0);
	assert_int_equal(n.recovered, 1);
	assert_int_equal(n.given_up, 1);
	assert_false(nack_take_lost(&n));
}

static void test_nack__a_hole_too_large_is_lost(void **state)
{
	static struct nack n;

	(void)state;
	nack_init(&n);
	nack_packet(&n, 70000, 1);
	nack_packet(&n, 70000 + NACK_MAX + 10, 1);
	assert_true(nack_take_lost(&n));
	assert_int_equal(n.n, NACK_MAX);
	nack_forget_before(&n, 80000);
	assert_int_equal(n.n, 0);
	nack_packet(&n, 900000, 1);
	assert_true(nack_take_lost(&n));
}

/* --- history ----------------------------------------------------------- */

static void fill(struct history *h, size_t n, uint8_t with, uint16_t *seq)
{
	uint8_t *p = history_put(h, n, seq);

	assert_non_null(p);
	memset(p, with, n);
	history_put_end(h, n);
}

static void test_history__keeps_what_was_sent(void **state)
{
	struct history *h = NULL;
	struct history_packet hp;
	uint16_t seq;

	(void)state;
	assert_int_equal(history_new(&h, 65530), 0);
	for (unsigned i = 0; i < 100; i++) {
		fill(h, 100 + i, (uint8_t)i, &seq);
		assert_int_equal(seq, (uint16_t)(65530 + i));
	}
	assert_int_equal(history_find(h, 65530, 0, &hp), E_STATE);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(history_next(h, &hp));
		assert_int_equal(hp.n, 100 + i);
		assert_int_equal(hp.p[0], i);
		history_sent(h, hp.n, false, 1000 * MS);
	}
	assert_false(history_next(h, &hp));
	assert_int_equal(history_find(h, 4, 1100 * MS, &hp), 0);
	assert_int_equal(hp.p[5], 10);
	assert_int_equal(history_find(h, 4, 1101 * MS, &hp), E_AGAIN);
	assert_int_equal(history_find(h, 4, 9000 * MS, &hp), E_TIMEOUT);
	assert_int_equal(history_find(h, 200, 1100 * MS, &hp), E_NOTFOUND);
	for (unsigned i = 1; i < HISTORY_TRIES_MAX; i++)
		assert_int_equal(history_find(h, 4, (1100 + 20 * i) * MS, &hp),
				 0);
	assert_int_equal(history_find(h, 4, 1400 * MS, &hp), E_LIMIT);
	history_free(&h);
}

/* Random sizes through many rounds of the ring: what is found is intact. */
static void test_history__never_mixes_packets(void **state)
{
	struct history *h = NULL;
	struct history_packet hp;
	uint16_t seq = 0;
	unsigned found = 0;

	(void)state;
	assert_int_equal(history_new(&h, 0), 0);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 20 + rand_below(1180);

		assert_true(history_has_room(h, 1, n));
		fill(h, n, (uint8_t)i, &seq);
		assert_true(history_next(h, &hp));
		history_sent(h, n, false, i * MS);
		for (unsigned k = 0; k < 4; k++) {
			uint16_t ask = (uint16_t)(seq - rand_below(700));

			if (history_find(h, ask, i * MS, &hp) < 0)
				continue;
			found++;
			assert_int_equal(hp.p[0], (uint8_t)ask);
			assert_int_equal(hp.p[hp.n - 1], (uint8_t)ask);
		}
	}
	assert_true(found > 20000);
	history_free(&h);
}

static void test_history__refuses_when_unsent_packets_fill_it(void **state)
{
	struct history *h = NULL;
	uint16_t seq;
	unsigned n = 0;

	(void)state;
	assert_int_equal(history_new(&h, 0), 0);
	while (history_has_room(h, 1, 1200)) {
		fill(h, 1200, 1, &seq);
		n++;
	}
	assert_in_range(n, 150, HISTORY_PACKETS);
	while (history_put(h, 1200, &seq))
		n++;
	assert_true(n <= HISTORY_PACKETS);
	history_free(&h);
}

/* --- twcc -------------------------------------------------------------- */

static void test_twcc__both_ends_agree(void **state)
{
	static struct twcc_in in;
	static struct twcc_out out;
	struct twcc_result r;
	uint8_t buf[1200];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;
	struct rtcp p;

	(void)state;
	out.next = 65500;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t t = 5000 * MS + i * 10 * MS;
		uint16_t seq = twcc_out_packet(&out, 1000, t);

		if (i % 5 == 2)
			continue;
		/* the queue grows by one millisecond a packet */
		twcc_in_packet(&in, seq, 9, t + 30 * MS + i * MS);
	}
	assert_true(twcc_in_put(&in, &w, 1));
	assert_false(twcc_in_has_news(&in));
	assert_int_equal(wr_end(&w, &s), 0);
	assert_int_equal(rtcp_check(s), 0);
	assert_int_equal(rtcp_next(&s, &p), 1);
	assert_true(twcc_out_feedback(&out, &p, &r));
	assert_int_equal(r.received, 80);
	assert_int_equal(r.lost, 20);
	assert_int_equal(r.bytes, 80000);
	assert_in_range(r.delay_ns, 97 * MS, 101 * MS);
	/* told once, counted once */
	assert_true(twcc_out_feedback(&out, &p, &r));
	assert_int_equal(r.received, 0);
}

static void test_twcc__steps_over_a_long_silence(void **state)
{
	static struct twcc_in in;
	uint8_t buf[1200];

	(void)state;
	twcc_in_packet(&in, 1, 9, 1 * MS);
	twcc_in_packet(&in, 900, 9, 100 * MS);
	for (int i = 0; i < 10 && twcc_in_has_news(&in); i++) {
		struct wr w = wr_of(buf, sizeof(buf));

		(void)twcc_in_put(&in, &w, 1);
	}
	assert_false(twcc_in_has_news(&in));
	twcc_in_packet(&in, 40000, 9, 200 * MS);
	assert_true(twcc_in_has_news(&in));
}

/* --- the rest ---------------------------------------------------------- */

static void test_bwe__falls_with_loss_and_rises_when_used(void **state)
{
	struct bwe b;
	uint64_t t = 0;

	(void)state;
	bwe_init(&b, 2000, t);
	assert_int_equal(bwe_kbps(&b, t), BWE_START_KBPS);
	for (int i = 0; i < 60; i++) {
		t += 500 * MS;
		bwe_sent(&b, bwe_kbps(&b, t) * 125 / 2, t);
		bwe_loss(&b, 0, t);
	}
	assert_int_equal(bwe_kbps(&b, t), 2000);
	bwe_loss(&b, 128, t);
	assert_int_equal(bwe_kbps(&b, t), 1875);
	bwe_loss(&b, 128, t + 100 * MS);	/* too soon to fall again */
	assert_int_equal(bwe_kbps(&b, t), 1875);
	bwe_remb(&b, 300000, t);
	assert_int_equal(bwe_kbps(&b, t), 300);
	assert_int_equal(bwe_kbps(&b, t + 6000 * MS), 1875);
}

static void test_bwe__falls_while_a_queue_grows(void **state)
{
	struct twcc_result r = {.received = 10, .bytes = 9000,
				.span_ns = 100 * MS, .delay_ns = 8 * MS};
	struct bwe b;
	uint64_t t = NS_PER_S;

	(void)state;
	bwe_init(&b, 2000, 0);
	for (unsigned i = 0; i < 20; i++)
		bwe_twcc(&b, &r, t += 100 * MS);
	assert_in_range(bwe_kbps(&b, t), 400, 750);
	r.delay_ns = 0;
	bwe_init(&b, 2000, 0);
	for (unsigned i = 0; i < 20; i++)
		bwe_twcc(&b, &r, t += 100 * MS);
	assert_int_equal(bwe_kbps(&b, t), BWE_START_KBPS);
}

/* Five per cent by chance: two of forty packets, now and then five. */
static void test_bwe__stands_still_in_noise(void **state)
{
	struct bwe b;

	(void)state;
	bwe_init(&b, 2000, 0);
	for (unsigned i = 1; i < 100; i++)
		bwe_loss(&b, i % 8 == 0 ? 32 : 10, i * 1000 * MS);
	assert_in_range(bwe_kbps(&b, 0), BWE_START_KBPS, 1300);
}

static void test_bwe__learns_nothing_from_an_idle_link(void **state)
{
	struct bwe b;

	(void)state;
	bwe_init(&b, 6000, 0);
	for (unsigned i = 1; i < 200; i++)
		bwe_loss(&b, 0, i * 1000 * MS);
	assert_in_range(bwe_kbps(&b, 0), BWE_START_KBPS, 1300);
}

static void test_keyreq__asks_at_most_once_an_interval(void **state)
{
	struct keyreq k = {0};
	struct keystorm s = {0};
	unsigned asked = 0;

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		keyreq_want(&k);
		asked += keyreq_due(&k, i * 20 * MS);
	}
	assert_int_equal(asked, 3);
	keyreq_got(&k);
	assert_false(keyreq_due(&k, 9000 * MS));
	for (unsigned i = 0; i <= KEYSTORM_MAX; i++) {
		assert_false(keystorm_is(&s));
		keystorm_note(&s, 1000 * MS + i);
	}
	assert_true(keystorm_is(&s));
}

static void test_pacer__spreads_a_keyframe(void **state)
{
	struct pacer p = {.last_ns = 0};
	unsigned sent = 0;
	uint64_t t = 0;

	(void)state;
	/* 60 kB at 2.5 times 800 kbit/s: about 216 ms after the burst */
	while (sent < 50) {
		t += PACER_STEP_MS * MS;
		pacer_fill(&p, 800, t);
		while (pacer_may_send(&p) && sent < 50) {
			pacer_sent(&p, 1200);
			sent++;
		}
	}
	assert_in_range(t / MS, 190, 250);
	assert_false(pacer_is_late(800, 60000));
	assert_true(pacer_is_late(800, 200000));
}

static void test_report__round_trip_comes_out(void **state)
{
	struct report_clock c = {.wall_us = 1700000000000000, .mono_ns = 5};
	struct rtcp_block b = {.ssrc = 1};
	uint64_t sent = 100 * NS_PER_S;

	(void)state;
	b.lsr = rtcp_ntp_mid(report_ntp(&c, sent));
	b.dlsr = 65536 / 2;
	assert_in_range(report_rtt_ns(&c, &b, sent + 580 * MS), 79 * MS,
			81 * MS);
	assert_int_equal(report_rtt_ns(&c, &b, sent + 60 * NS_PER_S), 0);
	b.lsr = 0;
	assert_int_equal(report_rtt_ns(&c, &b, sent), 0);
}

static void test_report__stamps_go_with_the_clock(void **state)
{
	struct report_clock c = {.wall_us = 1700000000000000};
	struct report_sender s = {.ssrc = 3, .clock_hz = 48000};
	uint8_t buf[300];
	struct wr w = wr_of(buf, sizeof(buf));
	struct rtcp p;
	struct span out;

	(void)state;
	report_put(&w, &c, &s, NULL, 0, SPAN_LIT("x"), NS_PER_S);
	report_sender_note(&s, 1000, 50, NS_PER_S);
	report_put(&w, &c, &s, NULL, 0, SPAN_LIT("x"), NS_PER_S + 20 * MS);
	assert_int_equal(wr_end(&w, &out), 0);
	assert_int_equal(rtcp_check(out), 0);
	assert_int_equal(rtcp_next(&out, &p), 1);
	assert_int_equal(p.kind, RTCP_RR);
	assert_int_equal(rtcp_next(&out, &p), 1);
	assert_int_equal(p.kind, RTCP_SDES);
	assert_int_equal(rtcp_next(&out, &p), 1);
	assert_int_equal(p.kind, RTCP_SR);
	assert_int_equal(p.rtp_ts, 1960);
	assert_int_equal(p.packets, 1);
}

static int make_history(void *arg)
{
	struct history *h = NULL;
	int r = history_new(&h, 1);

	(void)arg;
	history_free(&h);
	return r;
}

static void test_history__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_history, NULL, 5) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receive__counts_loss_across_the_wrap),
		cmocka_unit_test(test_receive__a_jump_needs_a_second_packet),
		cmocka_unit_test(
			test_receive__measures_jitter_and_delay_of_reports),
		cmocka_unit_test(
			test_receive__a_stamp_may_jump_by_half_a_circle),
		cmocka_unit_test(test_nack__asks_waits_and_gives_up),
		cmocka_unit_test(test_nack__a_hole_too_large_is_lost),
		cmocka_unit_test(test_history__keeps_what_was_sent),
		cmocka_unit_test(test_history__never_mixes_packets),
		cmocka_unit_test(
			test_history__refuses_when_unsent_packets_fill_it),
		cmocka_unit_test(test_history__survives_failing_allocations),
		cmocka_unit_test(test_twcc__both_ends_agree),
		cmocka_unit_test(test_twcc__steps_over_a_long_silence),
		cmocka_unit_test(test_bwe__falls_with_loss_and_rises_when_used),
		cmocka_unit_test(test_bwe__falls_while_a_queue_grows),
		cmocka_unit_test(test_bwe__stands_still_in_noise),
		cmocka_unit_test(test_bwe__learns_nothing_from_an_idle_link),
		cmocka_unit_test(test_keyreq__asks_at_most_once_an_interval),
		cmocka_unit_test(test_pacer__spreads_a_keyframe),
		cmocka_unit_test(test_report__round_trip_comes_out),
		cmocka_unit_test(test_report__stamps_go_with_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
