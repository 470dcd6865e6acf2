#include "wire/t/test_help.h"
#include "wire/rtp/rtp.h"

/* V=2, P, X, 2 CSRC; one-byte extension with an audio level (1: voice, 5), a
 * pad byte, abs-send-time (2) and a MID "a" (3); payload abc; 4 of padding. */
static const char full[] =
	"b2 e0 1234 00000102 11223344 aaaaaaa1 aaaaaaa2"
	"bede 0003 1085 00 22 010203 30 61 000000"
	"616263 00000004";

static void test_rtp__reads_every_field(void **state)
{
	struct bytes b = hex(full);
	struct rtp p;

	(void)state;
	assert_int_equal(rtp_decode(&p, bytes_span(&b)), 0);
	assert_true(p.marker && p.padding && p.has_ext);
	assert_int_equal(p.pt, 96);
	assert_int_equal(p.seq, 0x1234);
	assert_int_equal(p.ts, 0x102);
	assert_int_equal(p.ssrc, 0x11223344);
	assert_int_equal(p.csrc_n, 2);
	assert_int_equal(p.csrc[1], 0xaaaaaaa2);
	assert_int_equal(p.ext_profile, RTP_EXT_ONE_BYTE);
	assert_int_equal(p.header_n, 12 + 8 + 4 + 12);
	assert_int_equal(p.pad_n, 4);
	assert_span(p.payload, "abc");
}

static void test_rtp__header_alone_keeps_the_padding(void **state)
{
	struct bytes b = hex(full);
	struct rtp p;

	(void)state;
	assert_int_equal(rtp_decode_header(&p, bytes_span(&b)), 0);
	assert_int_equal(p.payload.n, 7);
	assert_int_equal(rtp_strip_padding(&p), 0);
	assert_int_equal(rtp_strip_padding(&p), 0);
	assert_int_equal(p.payload.n, 3);
}

static void test_rtp__goes_round(void **state)
{
	struct bytes b = hex(full);
	uint8_t buf[128];
	struct span out;
	struct rtp p;

	(void)state;
	assert_int_equal(rtp_decode(&p, bytes_span(&b)), 0);
	assert_int_equal(rtp_encode(&p, buf, sizeof(buf), &out), 0);
	assert_int_equal(out.n, b.n);
	assert_memory_equal(out.p, b.v, b.n);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(rtp_encode(&p, buf, n, &out), E_FULL);
}

static void test_rtp__payload_may_stand_in_place(void **state)
{
	uint8_t buf[64];
	struct rtp p = {.pt = 111, .payload = span_of(buf + 12, 3)};
	struct span out;

	(void)state;
	memcpy(buf + 12, "xyz", 3);
	assert_int_equal(rtp_encode(&p, buf, sizeof(buf), &out), 0);
	assert_int_equal(out.n, 15);
	assert_memory_equal(buf + 12, "xyz", 3);
}

static void refuse_header_prefix(struct span prefix, void *arg)
{
	struct rtp p;

	(void)arg;
	if (prefix.n < 12 + 8 + 4 + 12)
		assert_int_equal(rtp_decode_header(&p, prefix), E_TRUNC);
	else
		assert_int_equal(rtp_decode_header(&p, prefix), 0);
}

static void test_rtp__refuses_a_cut_header(void **state)
{
	struct bytes b = hex(full);

	(void)state;
	each_prefix(bytes_span(&b), refuse_header_prefix, NULL);
}

static void test_rtp__refuses_bad_padding_and_version(void **state)
{
	static const char *const bad[] = {
		"a0 60 0001 00000000 00000000",		/* none there */
		"a0 60 0001 00000000 00000000 00",	/* count of 0 */
		"a0 60 0001 00000000 00000000 02",	/* more than there is */
		"40 60 0001 00000000 00000000 61",	/* version 1 */
	};
	struct rtp p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex(bad[i]);
		assert_int_equal(rtp_decode(&p, bytes_span(&b)), E_FORMAT);
	}
}

static void test_rtp__a_packet_may_be_padding_only(void **state)
{
	struct bytes b = hex("a0 60 0001 00000000 00000000 00000003");
	struct rtp p;

	(void)state;
	b.n = 15;
	b.v[14] = 3;
	assert_int_equal(rtp_decode(&p, bytes_span(&b)), 0);
	assert_int_equal(p.payload.n, 0);
	assert_int_equal(p.pad_n, 3);
}

static void test_rtp_ext__finds_one_byte_elements(void **state)
{
	struct bytes b = hex(full);
	struct span data;
	uint8_t level;
	uint32_t t;
	struct rtp p;
	bool voice;

	(void)state;
	assert_int_equal(rtp_decode(&p, bytes_span(&b)), 0);
	assert_true(rtp_ext_find(&p, 1, &data));
	assert_true(rtp_ext_audio_level(data, &voice, &level));
	assert_true(voice && level == 5);
	assert_true(rtp_ext_find(&p, 2, &data));
	assert_true(rtp_ext_abs_send_time(data, &t));
	assert_int_equal(t, 0x010203);
	assert_true(rtp_ext_find(&p, 3, &data));
	assert_span(data, "a");
	assert_false(rtp_ext_find(&p, 4, &data));
	assert_false(rtp_ext_find(&p, 0, &data));
}

/* The example of RFC 8285 4.3: a long element, an empty one, padding. */
static void test_rtp_ext__finds_two_byte_elements(void **state)
{
	struct bytes b = hex("90 60 0001 00000000 00000000 100f 0003"
			     "0100 0201 7a 00 0304 61626364");
	struct rtp_ext_it it;
	struct rtp_ext e;
	struct rtp p;

	(void)state;
	assert_int_equal(rtp_decode(&p, bytes_span(&b)), 0);
	it = rtp_ext_begin(&p);
	assert_true(rtp_ext_next(&it, &e) && e.id == 1 && e.data.n == 0);
	assert_true(rtp_ext_next(&it, &e) && e.id == 2);
	assert_span(e.data, "z");
	assert_true(rtp_ext_next(&it, &e) && e.id == 3);
	assert_span(e.data, "abcd");
	assert_false(rtp_ext_next(&it, &e));
}

static unsigned count_elements(const char *body, uint16_t profile)
{
	struct bytes b = hex(body);
	struct rtp p = {.has_ext = true, .ext_profile = profile,
			.ext = bytes_span(&b)};
	struct rtp_ext_it it = rtp_ext_begin(&p);
	struct rtp_ext e;
	unsigned n = 0;

	while (rtp_ext_next(&it, &e))
		n++;
	return n;
}

static void test_rtp_ext__stops_where_rfc8285_says(void **state)
{
	(void)state;
	/* id 15 ends the iteration, and so does 0 with a length */
	assert_int_equal(count_elements("1061 f061 2061 0000", 0xBEDE), 1);
	assert_int_equal(count_elements("1061 0161 2061 0000", 0xBEDE), 1);
	assert_int_equal(count_elements("1061 2361", 0xBEDE), 1); /* cut */
	assert_int_equal(count_elements("0105 61", 0x1000), 0);   /* cut */
	assert_int_equal(count_elements("10611061", 0xABCD), 0);
}

static void test_rtp_ext__picks_the_form_that_fits(void **state)
{
	uint8_t big[20] = {7};
	struct rtp_ext e[2] = {{1, SPAN_LIT("a")}, {14, SPAN_LIT("bc")}};
	uint8_t buf[64];
	uint16_t profile;
	struct span out;

	(void)state;
	assert_int_equal(rtp_ext_encode(e, 2, buf, sizeof(buf), &profile, &out),
			 0);
	assert_int_equal(profile, RTP_EXT_ONE_BYTE);
	assert_int_equal(out.n, 8);
	e[1].data = span_of(big, sizeof(big));
	assert_int_equal(rtp_ext_encode(e, 2, buf, sizeof(buf), &profile, &out),
			 0);
	assert_int_equal(profile, RTP_EXT_TWO_BYTE);
	assert_int_equal(out.n % 4, 0);
	e[1].id = 0;
	assert_int_equal(rtp_ext_encode(e, 2, buf, sizeof(buf), &profile, &out),
			 E_INVAL);
}

static void test_rtp_seq__extends_across_the_wrap(void **state)
{
	(void)state;
	assert_true(rtp_seq_extend(65536 + 65535, 0) == 131072);
	assert_true(rtp_seq_extend(131072, 65535) == 131071);
	assert_true(rtp_seq_extend(70000, 70001 & 0xFFFF) == 70001);
	assert_true(rtp_seq_extend(0, 65535) == 65535);
	assert_true(rtp_ts_extend(UINT64_C(0x1FFFFFFFF), 5) ==
		    UINT64_C(0x200000005));
	assert_true(rtp_ts_extend(0, UINT32_MAX) == UINT32_MAX);
	assert_true(rtp_seq_is_newer(0, 65535));
	assert_false(rtp_seq_is_newer(65535, 0));
	assert_int_equal(rtp_seq_diff(3, 65534), 5);
}

static void test_rtp_rtx__goes_round(void **state)
{
	struct rtp orig = {.marker = true, .pt = 96, .seq = 500, .ts = 9,
			   .ssrc = 1, .payload = SPAN_LIT("data")};
	struct rtp rtx, back;
	uint8_t buf[64];
	struct span out;

	(void)state;
	assert_int_equal(rtp_rtx_encode(&orig, 2, 97, 7, buf, sizeof(buf),
					&out), 0);
	assert_int_equal(rtp_decode(&rtx, out), 0);
	assert_int_equal(rtx.ssrc, 2);
	assert_int_equal(rtx.seq, 7);
	assert_int_equal(rtp_rtx_unwrap(&back, &rtx, 1, 96), 0);
	assert_int_equal(back.seq, 500);
	assert_true(back.marker && back.ts == 9 && back.pt == 96);
	assert_span(back.payload, "data");
	rtx.payload.n = 1;
	assert_int_equal(rtp_rtx_unwrap(&back, &rtx, 1, 96), E_TRUNC);
}

static void test_rtp_frame__waits_for_the_whole(void **state)
{
	struct bytes b = hex("0003 616263 0000 0001");
	struct span in = bytes_span(&b), f;

	(void)state;
	for (size_t n = 0; n < 5; n++) {
		struct span cut = span_of(b.v, n);
		assert_int_equal(rtp_frame_next(&cut, 100, &f), E_AGAIN);
		assert_int_equal(cut.n, n);
	}
	assert_int_equal(rtp_frame_next(&in, 100, &f), 0);
	assert_span(f, "abc");
	assert_int_equal(rtp_frame_next(&in, 100, &f), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(rtp_frame_next(&in, 100, &f), E_AGAIN);
	assert_int_equal(rtp_frame_next(&in, 0, &f), E_LIMIT);
}

static void test_rtp_demux__knows_the_ranges(void **state)
{
	static const struct {
		uint8_t b[2];
		enum rtp_demux want;
	} rows[] = {
		{{0, 1}, RTP_DEMUX_STUN},    {{3, 0}, RTP_DEMUX_STUN},
		{{4, 0}, RTP_DEMUX_OTHER},   {{20, 0}, RTP_DEMUX_DTLS},
		{{63, 0}, RTP_DEMUX_DTLS},   {{64, 0}, RTP_DEMUX_OTHER},
		{{128, 111}, RTP_DEMUX_RTP}, {{128, 200}, RTP_DEMUX_RTCP},
		{{191, 224}, RTP_DEMUX_RTP}, {{192, 200}, RTP_DEMUX_OTHER},
		{{143, 191}, RTP_DEMUX_RTP}, {{129, 223}, RTP_DEMUX_RTCP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rtp_demux(span_of(rows[i].b, 2)),
				 rows[i].want);
	assert_int_equal(rtp_demux(span_of(rows[6].b, 1)), RTP_DEMUX_OTHER);
}

static void test_rtp__abs_send_time_is_6_18(void **state)
{
	(void)state;
	assert_int_equal(rtp_abs_send_time_of_ns(0), 0);
	assert_int_equal(rtp_abs_send_time_of_ns(500000000), 1 << 17);
	assert_int_equal(rtp_abs_send_time_of_ns(UINT64_C(65000000000)),
			 1 << 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rtp__reads_every_field),
		cmocka_unit_test(test_rtp__header_alone_keeps_the_padding),
		cmocka_unit_test(test_rtp__goes_round),
		cmocka_unit_test(test_rtp__payload_may_stand_in_place),
		cmocka_unit_test(test_rtp__refuses_a_cut_header),
		cmocka_unit_test(test_rtp__refuses_bad_padding_and_version),
		cmocka_unit_test(test_rtp__a_packet_may_be_padding_only),
		cmocka_unit_test(test_rtp_ext__finds_one_byte_elements),
		cmocka_unit_test(test_rtp_ext__finds_two_byte_elements),
		cmocka_unit_test(test_rtp_ext__stops_where_rfc8285_says),
		cmocka_unit_test(test_rtp_ext__picks_the_form_that_fits),
		cmocka_unit_test(test_rtp_seq__extends_across_the_wrap),
		cmocka_unit_test(test_rtp_rtx__goes_round),
		cmocka_unit_test(test_rtp_frame__waits_for_the_whole),
		cmocka_unit_test(test_rtp_demux__knows_the_ranges),
		cmocka_unit_test(test_rtp__abs_send_time_is_6_18),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
