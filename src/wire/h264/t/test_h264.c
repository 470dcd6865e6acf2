#include "wire/t/test_help.h"
#include "wire/h264/h264.h"

/* --- packets in --- */

static int add_hex(struct h264_join *j, const char *text)
{
	struct bytes b = hex(text);

	return h264_join_add(j, bytes_span(&b));
}

static void assert_joined(const struct h264_join *j, const char *text)
{
	struct bytes want = hex(text);
	struct span out;

	assert_int_equal(h264_join_end(j, &out), 0);
	assert_int_equal(out.n, want.n);
	assert_memory_equal(out.p, want.v, want.n);
}

static void test_h264_join__all_three_kinds(void **state)
{
	struct h264_join j;
	uint8_t buf[128];

	(void)state;
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(add_hex(&j, "78 0004 6742c01f 0002 68ce"), 0);
	assert_int_equal(add_hex(&j, "06 05ff"), 0);
	assert_int_equal(add_hex(&j, "7c 85 88aa"), 0);
	assert_int_equal(add_hex(&j, "7c 05 bb"), 0);
	assert_int_equal(add_hex(&j, "7c 45 cc"), 0);
	assert_joined(&j, "00000001 6742c01f 00000001 68ce 00000001 0605ff"
			  "00000001 65 88aabbcc");
	assert_true(j.key && j.has_sps);
}

static void test_h264_join__refuses_broken_fragments(void **state)
{
	struct h264_join j;
	uint8_t buf[128];
	struct span out;

	(void)state;
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(h264_join_end(&j, &out), E_TRUNC);
	assert_int_equal(add_hex(&j, "7c 05 bb"), E_FORMAT);	/* no start */
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(add_hex(&j, "7c 85 bb"), 0);
	assert_int_equal(h264_join_end(&j, &out), E_TRUNC);	/* open */
	assert_int_equal(add_hex(&j, "7c 01 bb"), E_FORMAT);	/* another */
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(add_hex(&j, "7c 85 bb"), 0);
	assert_int_equal(add_hex(&j, "7c 85 bb"), E_FORMAT);	/* two starts */
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(add_hex(&j, "7c 85 bb"), 0);
	assert_int_equal(add_hex(&j, "41 9a"), E_FORMAT);	/* in between */
}

static void test_h264_join__stays_in_its_buffer(void **state)
{
	struct h264_join j;
	uint8_t buf[7];

	(void)state;
	h264_join_init(&j, buf, sizeof(buf));
	assert_int_equal(add_hex(&j, "65 8800"), 0);
	assert_int_equal(add_hex(&j, "65 88"), E_FULL);
	for (size_t n = 0; n < 7; n++) {
		h264_join_init(&j, buf, n);
		assert_int_equal(add_hex(&j, "65 8800"), E_FULL);
		assert_true(j.n <= n);
	}
}

static void test_h264__refuses_other_payloads(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"", E_TRUNC},		{"78", E_TRUNC},
		{"78 0003 67", E_TRUNC}, {"78 0000", E_TRUNC},
		{"78 00", E_TRUNC},	{"7c", E_TRUNC},
		{"78 0001 78", E_FORMAT}, {"7c 9c 00", E_FORMAT},
		{"7c 80 00", E_FORMAT},	{"60 00", E_FORMAT},
		{"7f 00", E_FORMAT},	{"79 0000", E_UNSUPPORTED},
		{"7a 00", E_UNSUPPORTED}, {"7b 00", E_UNSUPPORTED},
		{"7d 00", E_UNSUPPORTED},
	};
	struct h264_info info;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = hex(rows[i].text);
		assert_int_equal(h264_info(&info, bytes_span(&b)),
				 rows[i].want);
	}
}

static void test_h264__a_stap_is_bounded(void **state)
{
	uint8_t p[1 + 65 * 3] = {0x78};
	struct h264_info info;

	(void)state;
	for (size_t i = 0; i < 65; i++)
		memcpy(p + 1 + 3 * i, "\x00\x01\x06", 3);
	assert_int_equal(h264_info(&info, span_of(p, 1 + 64 * 3)), 0);
	assert_int_equal(h264_info(&info, span_of(p, 1 + 65 * 3)), E_LIMIT);
}

static void test_h264_info__tells_what_is_inside(void **state)
{
	struct bytes stap = hex("78 0004 6742c01f 0002 6588");
	struct bytes fu = hex("7c 81 80"), mid = hex("7c 01 80");
	struct bytes second = hex("41 40");
	struct h264_info i;

	(void)state;
	assert_int_equal(h264_info(&i, bytes_span(&stap)), 0);
	assert_int_equal(i.nal_types, 1 << 7 | 1 << 5);
	assert_true(i.first_slice && !i.fu);
	assert_int_equal(h264_info(&i, bytes_span(&fu)), 0);
	assert_true(i.fu && i.fu_start && !i.fu_end && i.first_slice);
	assert_int_equal(i.nal_types, 1 << 1);
	assert_int_equal(h264_info(&i, bytes_span(&mid)), 0);
	assert_true(i.fu && !i.fu_start && !i.first_slice);
	assert_int_equal(h264_info(&i, bytes_span(&second)), 0);
	assert_false(i.first_slice);
}

/* --- Annex B --- */

static void test_h264_nal__splits_annex_b(void **state)
{
	struct bytes b = hex("aabb 000001 6742 00000001 68ce 0000 000001"
			     "000001 6588 00 00");
	struct span in = bytes_span(&b), nal;

	(void)state;
	assert_true(h264_is_key(in));
	assert_true(h264_nal_next(&in, &nal));
	assert_span(nal, "\x67\x42");
	assert_true(h264_nal_next(&in, &nal));
	assert_span(nal, "\x68\xce");
	assert_true(h264_nal_next(&in, &nal));	/* the empty one is left out */
	assert_span(nal, "\x65\x88");
	assert_false(h264_nal_next(&in, &nal));
	assert_false(h264_nal_next(&in, &nal));
	assert_false(h264_is_key(SPAN_NONE));
	assert_false(h264_is_key(SPAN_LIT("\0\0\1\x41\x9a")));
}

/* --- packets out --- */

/* Packs, checks bounds and marker, joins: the same units must come out. */
static unsigned pack_and_join(struct span annexb, unsigned mode, size_t max_n)
{
	static uint8_t buf[2000], joined[20000];
	struct h264_pack p;
	struct h264_join j;
	struct span out, back, a, b;
	unsigned packets = 0;
	bool last = false;
	int r;

	h264_join_init(&j, joined, sizeof(joined));
	assert_int_equal(h264_pack_init(&p, annexb, mode, max_n), 0);
	while ((r = h264_pack_next(&p, buf, sizeof(buf), &out, &last)) == 1) {
		assert_true(out.n <= max_n);
		assert_int_equal(h264_join_add(&j, out), 0);
		packets++;
		assert_int_equal(last, !p.have_nal);
	}
	assert_int_equal(r, 0);
	assert_true(last);
	assert_int_equal(h264_join_end(&j, &back), 0);
	while (h264_nal_next(&annexb, &a)) {
		assert_true(h264_nal_next(&back, &b));
		assert_true(span_eq(a, b));
	}
	assert_false(h264_nal_next(&back, &b));
	return packets;
}

/* SPS, PPS and one slice of n bytes. */
static struct span picture(uint8_t *dst, size_t n)
{
	static const uint8_t sets[] = {0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f,
				       0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
				       0, 0, 1};

	memcpy(dst, sets, sizeof(sets));
	memset(dst + sizeof(sets), 0x55, n);
	dst[sizeof(sets)] = 0x65;
	return span_of(dst, sizeof(sets) + n);
}

static void test_h264_pack__goes_round_in_mode_1(void **state)
{
	static uint8_t buf[10000];

	(void)state;
	assert_int_equal(pack_and_join(picture(buf, 100), 1, 1200), 1);
	assert_int_equal(pack_and_join(picture(buf, 1190), 1, 1200), 2);
	assert_int_equal(pack_and_join(picture(buf, 1200), 1, 1200), 2);
	assert_int_equal(pack_and_join(picture(buf, 1201), 1, 1200), 3);
	assert_int_equal(pack_and_join(picture(buf, 9000), 1, 1200), 9);
	for (size_t n = 2; n < 200; n++)
		pack_and_join(picture(buf, n), 1, 16 + n % 7);
}

static void test_h264_pack__mode_0_sends_units_alone(void **state)
{
	static uint8_t buf[10000];
	struct h264_pack p;
	struct span out;
	bool last;

	(void)state;
	assert_int_equal(pack_and_join(picture(buf, 1200), 0, 1200), 3);
	assert_int_equal(h264_pack_init(&p, picture(buf + 4000, 1201), 0, 1200),
			 0);
	assert_int_equal(h264_pack_next(&p, buf, 2000, &out, &last), 1);
	assert_int_equal(h264_pack_next(&p, buf, 2000, &out, &last), 1);
	assert_int_equal(h264_pack_next(&p, buf, 2000, &out, &last), E_LIMIT);
}

static void test_h264_pack__refuses_nonsense(void **state)
{
	struct h264_pack p;
	uint8_t buf[32];
	struct span out;
	bool last;

	(void)state;
	assert_int_equal(h264_pack_init(&p, SPAN_NONE, 1, 1200), E_INVAL);
	assert_int_equal(h264_pack_init(&p, SPAN_LIT("\0\0\1\x65"), 2, 1200),
			 E_INVAL);
	assert_int_equal(h264_pack_init(&p, SPAN_LIT("\0\0\1\x65"), 1, 15),
			 E_INVAL);
	assert_int_equal(h264_pack_init(&p, SPAN_LIT("\0\0\1\x7cz"), 1, 20), 0);
	assert_int_equal(h264_pack_next(&p, buf, sizeof(buf), &out, &last),
			 E_FORMAT);
	assert_int_equal(h264_pack_init(&p, SPAN_LIT("\0\0\1\x65zzz"), 1, 20),
			 0);
	assert_int_equal(h264_pack_next(&p, buf, 3, &out, &last), E_FULL);
}

/* --- parameter sets --- */

static void test_h264_sps__reads_real_ones(void **state)
{
	static const struct {
		const char *text;
		unsigned profile, level, width, height, coded_h;
	} rows[] = {
		{"6742c01f8c8d402802dd00f08846a0", 66, 31, 1280, 720, 720},
		{"6742c0288c8d403c0113f2c03c2211a8", 66, 40, 1920, 1080, 1088},
		{"6742c01e8c8d405017fcb00f08846a", 66, 30, 640, 360, 368},
		{"6742c00d8c8d40a0cbcf00f08846a0", 66, 13, 320, 180, 192},
		/* High profile, with emulation prevention in the VUI */
		{"67640028acd940780227e5840000030004000003 00f03c60c658",
		 100, 40, 1920, 1080, 1088},
	};
	struct h264_sps s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = hex(rows[i].text);
		assert_int_equal(h264_sps_decode(&s, bytes_span(&b)), 0);
		assert_int_equal(s.profile_idc, rows[i].profile);
		assert_int_equal(s.level_idc, rows[i].level);
		assert_int_equal(s.width, rows[i].width);
		assert_int_equal(s.height, rows[i].height);
		assert_int_equal(s.coded_height, rows[i].coded_h);
		assert_true(s.frame_mbs_only && s.chroma_format == 1);
	}
}

/* Writes bits for parameter sets that no encoder here makes. */
struct put {
	uint8_t v[H264_SPS_MAX];
	size_t at;
};

static void put_bits(struct put *p, uint64_t v, unsigned n)
{
	while (n-- > 0) {
		p->v[p->at / 8] |= (uint8_t)((v >> n & 1) << (7 - p->at % 8));
		p->at++;
	}
}

static void put_ue(struct put *p, uint32_t v)
{
	unsigned n = 0;

	while (((uint64_t)v + 1) >> (n + 1))
		n++;
	put_bits(p, 0, n);
	put_bits(p, (uint64_t)v + 1, n + 1);
}

struct want {
	uint8_t profile;
	uint32_t chroma, order_type, ref_frames;
	uint32_t mbs_w, units_h;
	bool fields, scaling;
	uint32_t crop[4];
};

static int make_and_decode(const struct want *q, struct h264_sps *s)
{
	struct put p = {.at = 0};

	put_bits(&p, 0x67, 8);
	put_bits(&p, q->profile, 8);
	put_bits(&p, 0xAA, 8);		/* no run of zeros: no escaping here */
	put_bits(&p, 40, 8);
	put_ue(&p, 0);
	if (q->profile == 100 || q->profile == 244) {
		put_ue(&p, q->chroma);
		if (q->chroma == 3)
			put_bits(&p, 0, 1);
		put_ue(&p, 0);
		put_ue(&p, 0);
		put_bits(&p, 0, 1);
		put_bits(&p, q->scaling, 1);
		for (unsigned i = 0; q->scaling && i < 8; i++) {
			put_bits(&p, 1, 1);
			for (unsigned k = 0; k < (i < 6 ? 16 : 64); k++)
				put_ue(&p, 1);		/* delta 1 */
		}
	}
	put_ue(&p, 4);
	put_ue(&p, q->order_type);
	if (q->order_type == 0)
		put_ue(&p, 4);
	if (q->order_type == 1) {
		put_bits(&p, 1, 1);
		put_ue(&p, 3);
		put_ue(&p, 4);
		put_ue(&p, 2);
		put_ue(&p, 5);
		put_ue(&p, 6);
	}
	put_ue(&p, q->ref_frames);
	put_bits(&p, 0, 1);
	put_ue(&p, q->mbs_w - 1);
	put_ue(&p, q->units_h - 1);
	put_bits(&p, !q->fields, 1);
	if (q->fields)
		put_bits(&p, 1, 1);
	put_bits(&p, 1, 1);
	put_bits(&p, 1, 1);
	for (size_t i = 0; i < 4; i++)
		put_ue(&p, q->crop[i]);
	put_bits(&p, 1, 1);
	return h264_sps_decode(s, span_of(p.v, p.at / 8 + 1));
}

static void test_h264_sps__crops_in_the_units_of_its_format(void **state)
{
	struct want q = {.profile = 100, .chroma = 1, .mbs_w = 120,
			 .units_h = 34, .fields = true, .crop = {0, 0, 0, 2}};
	struct h264_sps s;

	(void)state;
	assert_int_equal(make_and_decode(&q, &s), 0);
	assert_true(s.width == 1920 && s.height == 1080);
	assert_true(s.coded_width == 1920 && s.coded_height == 1088);
	assert_false(s.frame_mbs_only);
	q = (struct want){.profile = 244, .chroma = 3, .mbs_w = 2,
			  .units_h = 2, .crop = {1, 2, 3, 4}};
	assert_int_equal(make_and_decode(&q, &s), 0);
	assert_true(s.width == 29 && s.height == 25 && s.chroma_format == 3);
	q = (struct want){.profile = 100, .chroma = 2, .mbs_w = 2,
			  .units_h = 2, .crop = {1, 0, 1, 0},
			  .scaling = true, .order_type = 1, .ref_frames = 16};
	assert_int_equal(make_and_decode(&q, &s), 0);
	assert_true(s.width == 30 && s.height == 31 && s.ref_frames == 16);
	q = (struct want){.profile = 66, .order_type = 2, .mbs_w = 1,
			  .units_h = 1};
	assert_int_equal(make_and_decode(&q, &s), 0);
	assert_true(s.width == 16 && s.height == 16);
}

static void test_h264_sps__refuses_absurd_numbers(void **state)
{
	const struct want bad[] = {
		{.profile = 66, .mbs_w = 1025, .units_h = 1},
		{.profile = 66, .mbs_w = 1, .units_h = 1025},
		{.profile = 66, .mbs_w = 1, .units_h = 1024, .fields = true},
		{.profile = 66, .mbs_w = 1, .units_h = 1, .crop = {4, 4}},
		{.profile = 66, .mbs_w = 1, .units_h = 1,
		 .crop = {UINT32_MAX - 1, UINT32_MAX - 1}},
		{.profile = 66, .mbs_w = 1, .units_h = 1, .ref_frames = 17},
		{.profile = 66, .mbs_w = 1, .units_h = 1, .order_type = 3},
		{.profile = 100, .mbs_w = 1, .units_h = 1, .chroma = 4},
	};
	struct h264_sps s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(make_and_decode(&bad[i], &s), E_FORMAT);
}

static void refuse_sps_prefix(struct span prefix, void *arg)
{
	struct h264_sps s;

	(void)arg;
	assert_int_equal(h264_sps_decode(&s, prefix),
			 prefix.n < 4 ? E_TRUNC : E_FORMAT);
}

static void test_h264_sps__refuses_a_cut_one(void **state)
{
	/* up to the byte that holds the last crop value */
	struct bytes b = hex("6742c0288c8d403c0113f2c0");
	static const uint8_t zeros[H264_SPS_MAX + 1] = {0x67};
	struct h264_sps s;

	(void)state;
	each_prefix(bytes_span(&b), refuse_sps_prefix, NULL);
	assert_int_equal(h264_sps_decode(&s, span_of(zeros, H264_SPS_MAX + 1)),
			 E_LIMIT);
	assert_int_equal(h264_sps_decode(&s, span_of(zeros, H264_SPS_MAX)),
			 E_FORMAT);
	b.v[0] = 0x68;
	assert_int_equal(h264_sps_decode(&s, bytes_span(&b)), E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_h264_join__all_three_kinds),
		cmocka_unit_test(test_h264_join__refuses_broken_fragments),
		cmocka_unit_test(test_h264_join__stays_in_its_buffer),
		cmocka_unit_test(test_h264__refuses_other_payloads),
		cmocka_unit_test(test_h264__a_stap_is_bounded),
		cmocka_unit_test(test_h264_info__tells_what_is_inside),
		cmocka_unit_test(test_h264_nal__splits_annex_b),
		cmocka_unit_test(test_h264_pack__goes_round_in_mode_1),
		cmocka_unit_test(test_h264_pack__mode_0_sends_units_alone),
		cmocka_unit_test(test_h264_pack__refuses_nonsense),
		cmocka_unit_test(test_h264_sps__reads_real_ones),
		cmocka_unit_test(test_h264_sps__crops_in_the_units_of_its_format),
		cmocka_unit_test(test_h264_sps__refuses_absurd_numbers),
		cmocka_unit_test(test_h264_sps__refuses_a_cut_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
