#include "wire/t/test_help.h"
#include "wire/rtcp/rtcp.h"

static struct rtcp first(const struct bytes *b)
{
	struct span in = bytes_span(b);
	struct rtcp p;

	assert_int_equal(rtcp_check(in), 0);
	assert_int_equal(rtcp_next(&in, &p), 1);
	return p;
}

static void test_rtcp__reads_a_compound(void **state)
{
	/* SR with one block, SDES CNAME "ab", BYE with a reason */
	struct bytes b = hex(
		"81c8000c 00000001 0102030405060708 0000000a 0000000b 0000000c"
		"00000002 40ffffff 00010005 00000006 00000007 00000008"
		"81ca0003 00000001 01026162 00000000"
		"81cb0002 00000001 03627965");
	struct span in = bytes_span(&b);
	struct rtcp_block block;
	struct rtcp_sdes item;
	uint64_t s = 0;
	struct rtcp p;
	uint32_t ssrc;

	(void)state;
	assert_int_equal(rtcp_check(in), 0);
	assert_int_equal(rtcp_next(&in, &p), 1);
	assert_int_equal(p.kind, RTCP_SR);
	assert_true(p.ntp == 0x0102030405060708);
	assert_int_equal(p.rtp_ts, 10);
	assert_int_equal(p.packets, 11);
	assert_int_equal(p.octets, 12);
	assert_true(rtcp_block_next(&p.items, &block));
	assert_int_equal(block.ssrc, 2);
	assert_int_equal(block.fraction_lost, 64);
	assert_int_equal(block.lost, -1);
	assert_int_equal(block.highest_seq, 0x10005);
	assert_int_equal(block.jitter, 6);
	assert_int_equal(block.lsr, 7);
	assert_int_equal(block.dlsr, 8);
	assert_false(rtcp_block_next(&p.items, &block));

	assert_int_equal(rtcp_next(&in, &p), 1);
	assert_int_equal(p.kind, RTCP_SDES);
	assert_true(rtcp_sdes_next(&p.items, &s, &item));
	assert_int_equal(item.ssrc, 1);
	assert_int_equal(item.type, RTCP_SDES_CNAME);
	assert_span(item.text, "ab");
	assert_false(rtcp_sdes_next(&p.items, &s, &item));

	assert_int_equal(rtcp_next(&in, &p), 1);
	assert_int_equal(p.kind, RTCP_BYE);
	assert_true(rtcp_ssrc_next(&p.items, &ssrc) && ssrc == 1);
	assert_false(rtcp_ssrc_next(&p.items, &ssrc));
	assert_span(p.reason, "bye");
	assert_int_equal(rtcp_next(&in, &p), 0);
}

static void test_rtcp__walks_chunks_of_sdes(void **state)
{
	/* chunk 1: two items and the end; chunk 2: empty; chunk 3: one item
	 * whose end falls on a boundary of its own */
	struct bytes b = hex("83ca0008"
			     "00000001 01016102 02626300"
			     "00000002 00000000"
			     "00000003 01026162 00000000");
	struct rtcp p;
	struct rtcp_sdes item;
	uint64_t s = 0;

	(void)state;
	p = first(&b);
	assert_true(rtcp_sdes_next(&p.items, &s, &item));
	assert_span(item.text, "a");
	assert_true(rtcp_sdes_next(&p.items, &s, &item));
	assert_int_equal(item.type, 2);
	assert_span(item.text, "bc");
	assert_true(rtcp_sdes_next(&p.items, &s, &item));
	assert_int_equal(item.ssrc, 3);
	assert_span(item.text, "ab");
	assert_false(rtcp_sdes_next(&p.items, &s, &item));
}

static void test_rtcp__reads_nack(void **state)
{
	struct bytes b = hex("81cd0003 00000001 00000002 fffe8001");
	struct rtcp p = first(&b);
	struct rtcp_nack n;

	(void)state;
	assert_int_equal(p.kind, RTCP_NACK);
	assert_int_equal(p.media_ssrc, 2);
	assert_true(rtcp_nack_next(&p.items, &n));
	assert_int_equal(n.seq, 0xfffe);
	assert_int_equal(n.mask, 0x8001);
	assert_false(rtcp_nack_next(&p.items, &n));
}

static void test_rtcp__reads_pli_fir_remb(void **state)
{
	struct bytes pli = hex("81ce0002 00000001 00000002");
	struct bytes fir = hex("84ce0004 00000001 00000000 00000002 09000000");
	struct bytes remb = hex("8fce0006 00000001 00000000 52454d42 02"
				"0bffff 00000007 00000008");
	struct rtcp_fir f;
	struct rtcp p;
	uint32_t ssrc;

	(void)state;
	p = first(&pli);
	assert_int_equal(p.kind, RTCP_PLI);
	assert_int_equal(p.media_ssrc, 2);
	p = first(&fir);
	assert_int_equal(p.kind, RTCP_FIR);
	assert_true(rtcp_fir_next(&p.items, &f));
	assert_true(f.ssrc == 2 && f.seq == 9);
	p = first(&remb);
	assert_int_equal(p.kind, RTCP_REMB);
	assert_true(p.bps == (uint64_t)0x3ffff << 2);
	assert_true(rtcp_ssrc_next(&p.items, &ssrc) && ssrc == 7);
	assert_true(rtcp_ssrc_next(&p.items, &ssrc) && ssrc == 8);
	assert_false(rtcp_ssrc_next(&p.items, &ssrc));
}

static void test_rtcp__a_huge_remb_does_not_wrap(void **state)
{
	struct bytes b = hex("8fce0005 00000001 00000000 52454d42 01 ffffff"
			     "00000007");
	struct rtcp p = first(&b);

	(void)state;
	assert_true(p.bps == UINT64_MAX);
}

static void test_rtcp__reads_tmmbr(void **state)
{
	/* exponent 1, mantissa 5, overhead 40 */
	struct bytes b = hex("83cd0004 00000001 00000000 00000002 04000a28");
	struct rtcp p = first(&b);
	struct rtcp_tmmb t;

	(void)state;
	assert_int_equal(p.kind, RTCP_TMMBR);
	assert_true(rtcp_tmmb_next(&p.items, &t));
	assert_true(t.ssrc == 2 && t.bps == 10 && t.overhead == 40);
}

static void test_rtcp__steps_over_what_it_does_not_know(void **state)
{
	struct bytes b = hex("80cf0001 00000001 80cc0002 00000001 61626364"
			     "9fcd0002 00000001 00000002");
	struct span in = bytes_span(&b);
	struct rtcp p;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rtcp_next(&in, &p), 1);
		assert_int_equal(p.kind, RTCP_OTHER);
		assert_int_equal(p.ssrc, 0);
	}
	assert_int_equal(rtcp_next(&in, &p), 0);
}

/* The three kinds of chunk: a run of 2 lost, 14 one-bit symbols (first and
 * last received), 7 two-bit symbols of which 3 are used. */
static void test_rtcp_twcc__reads_all_chunk_kinds(void **state)
{
	struct bytes b = hex("afcd0008 00000001 00000002 fffe 0013 ffffff 05"
			     "0002 a001 d900 0408 10 fffb 00 00000004");
	struct rtcp p = first(&b);
	struct rtcp_twcc_it it;
	struct rtcp_twcc v[32];
	size_t n = 0;

	(void)state;
	assert_int_equal(p.kind, RTCP_TWCC);
	assert_int_equal(p.status_n, 19);
	assert_int_equal(p.ref_64ms, -1);
	assert_int_equal(p.fb_count, 5);
	it = rtcp_twcc_begin(&p);
	while (rtcp_twcc_next(&it, &v[n]))
		n++;
	assert_int_equal(n, 19);
	assert_int_equal(v[0].seq, 0xfffe);
	assert_false(v[0].received || v[1].received);
	assert_int_equal(v[2].seq, 0);
	assert_true(v[2].received && v[2].delta_250us == 4);
	assert_false(v[3].received);
	assert_true(v[15].received && v[15].delta_250us == 8);
	assert_true(v[16].received && v[16].delta_250us == 16);
	assert_true(v[17].received && v[17].delta_250us == -5);
	assert_true(v[18].received && v[18].delta_250us == 0);
}

static void test_rtcp_twcc__refuses_lies(void **state)
{
	static const char *const bad[] = {
		/* no status; more than its chunks; deltas missing; symbol 3 */
		"8fcd0005 00000001 00000002 0001 0000 000000 00 20010000",
		"8fcd0005 00000001 00000002 0001 0009 000000 00 20010000",
		"8fcd0005 00000001 00000002 0001 0003 000000 00 20030000",
		"8fcd0005 00000001 00000002 0001 0001 000000 00 60010000",
	};
	struct bytes big = hex("8fcd0006 00000001 00000002 0001 1001 000000 00"
			       "1fff1fff 00000000");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex(bad[i]);
		assert_int_equal(rtcp_check(bytes_span(&b)), E_FORMAT);
	}
	assert_int_equal(rtcp_check(bytes_span(&big)), E_LIMIT);
	big.v[14] = 0x10;
	big.v[15] = 0x00;
	assert_int_equal(rtcp_check(bytes_span(&big)), 0);
}

/* A small generator, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static struct rtcp_twcc random_status(uint32_t *seed, uint32_t mood)
{
	struct rtcp_twcc v = {.received = next_random(seed) % 8 >= mood % 8};
	uint32_t size = next_random(seed);

	if (!v.received)
		return v;
	v.delta_250us = (int16_t)(size % (mood & 8 ? 256 : 65536));
	return v;
}

static void test_rtcp_twcc__goes_round(void **state)
{
	static struct rtcp_twcc v[RTCP_TWCC_MAX], got;
	static uint8_t buf[4 * RTCP_TWCC_MAX];
	uint32_t seed = 7;

	(void)state;
	for (uint32_t round = 0; round < 400; round++) {
		size_t n = 1 + next_random(&seed) % (round % 9 ? 60 : 4096);
		struct rtcp_twcc_head h = {1, 2, (uint16_t)round, -5, 9};
		struct wr w = wr_of(buf, sizeof(buf));
		struct span out;
		struct rtcp p;

		for (size_t i = 0; i < n; i++)
			v[i] = random_status(&seed, round);
		rtcp_put_twcc(&w, &h, v, n);
		assert_int_equal(wr_end(&w, &out), 0);
		assert_int_equal(rtcp_check(out), 0);
		assert_int_equal(rtcp_next(&out, &p), 1);
		assert_int_equal(p.status_n, n);
		assert_int_equal(p.ref_64ms, -5);
		struct rtcp_twcc_it it = rtcp_twcc_begin(&p);
		for (size_t i = 0; i < n; i++) {
			assert_true(rtcp_twcc_next(&it, &got));
			assert_int_equal(got.seq, (uint16_t)(round + i));
			assert_int_equal(got.received, v[i].received);
			assert_int_equal(got.delta_250us, v[i].delta_250us);
		}
		assert_false(rtcp_twcc_next(&it, &got));
	}
}

static void test_rtcp_twcc__a_long_run_takes_one_chunk(void **state)
{
	static struct rtcp_twcc v[4000];
	struct rtcp_twcc_head h = {1, 2, 0, 0, 0};
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out;

	(void)state;
	rtcp_put_twcc(&w, &h, v, 4000);
	assert_int_equal(wr_end(&w, &out), 0);
	assert_int_equal(out.n, 24);
}

static void test_rtcp__encoders_go_round(void **state)
{
	struct rtcp_sender s = {1, 0x1122334455667788, 5, 6, 7};
	struct rtcp_block b[2] = {{2, 3, -0x800000, 5, 6, 7, 8},
				  {9, 0, 0x7FFFFFFF, 1, 1, 1, 1}};
	uint32_t ssrcs[2] = {70, 71};
	struct rtcp_tmmb t = {4, 1000000, 40}, tgot;
	struct rtcp_block bgot;
	struct rtcp_fir fir;
	uint8_t buf[512];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out;
	struct rtcp p;

	(void)state;
	rtcp_put_sr(&w, &s, b, 2);
	rtcp_put_rr(&w, 1, NULL, 0);
	rtcp_put_cname(&w, 1, SPAN_LIT("abc"));
	rtcp_put_pli(&w, 1, 2);
	rtcp_put_fir(&w, 1, 2, 200);
	rtcp_put_remb(&w, 1, 3000000, ssrcs, 2);
	rtcp_put_tmmbn(&w, 1, &t, 1);
	rtcp_put_tmmbn(&w, 1, NULL, 0);
	rtcp_put_tmmbr(&w, 1, &t, 1);
	rtcp_put_bye(&w, ssrcs, 2, SPAN_LIT("gone"));
	assert_int_equal(wr_end(&w, &out), 0);
	assert_int_equal(rtcp_check(out), 0);
	assert_int_equal(out.n % 4, 0);

	assert_int_equal(rtcp_next(&out, &p), 1);
	assert_true(p.kind == RTCP_SR && p.ntp == s.ntp && p.octets == 7);
	assert_true(rtcp_block_next(&p.items, &bgot));
	assert_int_equal(bgot.lost, -0x800000);
	assert_true(rtcp_block_next(&p.items, &bgot));
	assert_int_equal(bgot.lost, 0x7FFFFF);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_RR);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_SDES);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_PLI);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_FIR);
	assert_true(rtcp_fir_next(&p.items, &fir));
	assert_true(fir.ssrc == 2 && fir.seq == 200);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_REMB);
	assert_true(p.bps <= 3000000 && p.bps > 2999900);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_TMMBN);
	assert_true(rtcp_tmmb_next(&p.items, &tgot));
	assert_true(tgot.ssrc == 4 && tgot.overhead == 40);
	assert_true(tgot.bps <= 1000000 && tgot.bps > 999900);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_TMMBN);
	assert_false(rtcp_tmmb_next(&p.items, &tgot));
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_TMMBR);
	assert_true(rtcp_tmmb_next(&p.items, &tgot) && tgot.ssrc == 4);
	assert_true(rtcp_next(&out, &p) == 1 && p.kind == RTCP_BYE);
	assert_span(p.reason, "gone");
}

static void test_rtcp_nack__folds_runs(void **state)
{
	static const uint16_t seqs[] = {65534, 65535, 0, 14, 15, 100, 100};
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct rtcp_nack n;
	struct span out;
	struct rtcp p;

	(void)state;
	rtcp_put_nack(&w, 1, 2, seqs, 7);
	assert_int_equal(wr_end(&w, &out), 0);
	assert_int_equal(rtcp_next(&out, &p), 1);
	assert_true(rtcp_nack_next(&p.items, &n));
	assert_int_equal(n.seq, 65534);
	assert_int_equal(n.mask, 1 | 2 | 1 << 15);
	assert_true(rtcp_nack_next(&p.items, &n));
	assert_true(n.seq == 15 && n.mask == 0);
	assert_true(rtcp_nack_next(&p.items, &n));
	assert_true(n.seq == 100 && n.mask == 0);
	assert_false(rtcp_nack_next(&p.items, &n));
}

static void test_rtcp__encoders_refuse_what_does_not_fit(void **state)
{
	static const char long_name[300];
	static const struct rtcp_block b[32];
	static const uint32_t ssrc[32];
	uint8_t buf[2048];
	struct wr w[6];
	struct span out;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		w[i] = wr_of(buf, sizeof(buf));
	rtcp_put_rr(&w[0], 1, b, 32);
	rtcp_put_cname(&w[1], 1, span_of(long_name, 256));
	rtcp_put_bye(&w[2], ssrc, 32, SPAN_NONE);
	rtcp_put_remb(&w[3], 1, 1, ssrc, 0);
	rtcp_put_nack(&w[4], 1, 2, NULL, 0);
	rtcp_put_twcc(&w[5], &(struct rtcp_twcc_head){0}, NULL, 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(wr_end(&w[i], &out), E_FULL);
	struct wr small = wr_of(buf, 11);
	rtcp_put_pli(&small, 1, 2);
	assert_int_equal(wr_end(&small, &out), E_FULL);
}

static void test_rtcp__padding_stands_in_the_last_packet_only(void **state)
{
	struct bytes good = hex("80c90001 00000001 a0c90002 00000001 00000004");
	struct bytes bad = hex("a0c90002 00000001 00000004 80c90001 00000001");
	struct bytes count = hex("a0c90002 00000001 00000003");

	(void)state;
	assert_int_equal(rtcp_check(bytes_span(&good)), 0);
	assert_int_equal(rtcp_check(bytes_span(&bad)), E_FORMAT);
	assert_int_equal(rtcp_check(bytes_span(&count)), E_FORMAT);
}

/* Recorded from Chromium 156. */
static void test_rtcp__chromium_fills_up_feedback_to_a_word(void **state)
{
	struct bytes two = hex("afcd0006 e1f8c121 b5064d79 00020004 01349001"
			       "20047100 00000002");
	struct bytes one = hex("afcd0005 e1f8c121 b5064d79 00060001 01349102"
			       "20011901 80c90001 00000001");
	struct span in = bytes_span(&two);
	struct rtcp p;

	(void)state;
	assert_int_equal(rtcp_check(in), 0);
	assert_int_equal(rtcp_next(&in, &p), 1);
	assert_int_equal(p.kind, RTCP_TWCC);
	assert_int_equal(p.status_n, 4);
	assert_int_equal(p.deltas.n, 4);
	assert_int_equal(rtcp_check(bytes_span(&one)), 0);
}

static void refuse_prefix(struct span prefix, void *arg)
{
	(void)arg;
	assert_int_equal(rtcp_check(prefix), E_TRUNC);
}

static void test_rtcp__refuses_every_prefix(void **state)
{
	struct bytes b = hex("81c8000c 00000001 0102030405060708 0000000a"
			     "0000000b 0000000c 00000002 40ffffff 00010005"
			     "00000006 00000007 00000008");

	(void)state;
	each_prefix(bytes_span(&b), refuse_prefix, NULL);
}

static void test_rtcp__refuses_malformed_bodies(void **state)
{
	static const char *const bad[] = {
		"41c90001 00000001",			/* version 1 */
		"81c90001 00000001",			/* block missing */
		"80c80001 00000001",			/* SR too short */
		"81ca0001 00000001",			/* chunk without end */
		"81ca0002 00000001 01090000",		/* item too long */
		"82cb0001 00000001",			/* one SSRC of two */
		"81cb0002 00000001 09616263",		/* reason too long */
		"81cd0002 00000001 00000002",		/* NACK of nothing */
		"81ce0001 00000001",			/* PLI cut */
		"84ce0003 00000001 00000002 00000003",	/* half a FIR */
		"8fce0004 00000001 00000002 52454d42 01000000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex(bad[i]);
		struct span in = bytes_span(&b);
		struct rtcp p;
		assert_int_equal(rtcp_check(in), E_FORMAT);
		assert_int_equal(rtcp_next(&in, &p), E_FORMAT);
		assert_int_equal(in.n, 0);
	}
}

static void test_rtcp__a_compound_is_bounded(void **state)
{
	uint8_t buf[65 * 8];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)state;
	for (int i = 0; i < 64; i++)
		rtcp_put_rr(&w, 1, NULL, 0);
	assert_int_equal(rtcp_check(span_of(buf, wr_len(&w))), 0);
	rtcp_put_rr(&w, 1, NULL, 0);
	assert_int_equal(rtcp_check(span_of(buf, wr_len(&w))), E_LIMIT);
	assert_int_equal(rtcp_check(SPAN_NONE), E_TRUNC);
}

static void test_rtcp__ntp_of_1970_and_half_a_second(void **state)
{
	(void)state;
	assert_true(rtcp_ntp_of_wall_us(0) == UINT64_C(2208988800) << 32);
	assert_true(rtcp_ntp_of_wall_us(500000) ==
		    (UINT64_C(2208988800) << 32 | 0x80000000));
	assert_int_equal(rtcp_ntp_mid(0x1122334455667788), 0x33445566);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rtcp__reads_a_compound),
		cmocka_unit_test(test_rtcp__walks_chunks_of_sdes),
		cmocka_unit_test(test_rtcp__reads_nack),
		cmocka_unit_test(test_rtcp__reads_pli_fir_remb),
		cmocka_unit_test(test_rtcp__a_huge_remb_does_not_wrap),
		cmocka_unit_test(test_rtcp__reads_tmmbr),
		cmocka_unit_test(test_rtcp__steps_over_what_it_does_not_know),
		cmocka_unit_test(test_rtcp_twcc__reads_all_chunk_kinds),
		cmocka_unit_test(test_rtcp_twcc__refuses_lies),
		cmocka_unit_test(test_rtcp_twcc__goes_round),
		cmocka_unit_test(test_rtcp_twcc__a_long_run_takes_one_chunk),
		cmocka_unit_test(test_rtcp__encoders_go_round),
		cmocka_unit_test(test_rtcp_nack__folds_runs),
		cmocka_unit_test(test_rtcp__encoders_refuse_what_does_not_fit),
		cmocka_unit_test(test_rtcp__padding_stands_in_the_last_packet_only),
		cmocka_unit_test(test_rtcp__chromium_fills_up_feedback_to_a_word),
		cmocka_unit_test(test_rtcp__refuses_every_prefix),
		cmocka_unit_test(test_rtcp__refuses_malformed_bodies),
		cmocka_unit_test(test_rtcp__a_compound_is_bounded),
		cmocka_unit_test(test_rtcp__ntp_of_1970_and_half_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
