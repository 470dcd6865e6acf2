#include "wire/t/test_help.h"
#include "wire/vp8/vp8.h"

static void test_vp8_desc__reads_the_one_byte_form(void **state)
{
	struct bytes b = hex("10 aa bb");
	struct vp8_desc d;

	(void)state;
	assert_int_equal(vp8_desc_decode(&d, bytes_span(&b)), 0);
	assert_true(d.start && !d.non_ref && vp8_desc_is_first(&d));
	assert_false(d.has_picture_id || d.has_tl0picidx || d.has_tid);
	assert_int_equal(d.payload.n, 2);
}

static void test_vp8_desc__reads_all_fields(void **state)
{
	/* X N S pid 5; I L T K; 15 bit id; TL0; TID 2, Y, KEYIDX 17 */
	struct bytes b = hex("b5 f0 9234 77 b1 ff");
	struct vp8_desc d;

	(void)state;
	assert_int_equal(vp8_desc_decode(&d, bytes_span(&b)), 0);
	assert_true(d.non_ref && d.start && d.pid == 5);
	assert_false(vp8_desc_is_first(&d));
	assert_true(d.has_picture_id && d.picture_id_long);
	assert_int_equal(d.picture_id, 0x1234);
	assert_true(d.has_tl0picidx && d.tl0picidx == 0x77);
	assert_true(d.has_tid && d.tid == 2 && d.layer_sync);
	assert_true(d.has_keyidx && d.keyidx == 17);
	assert_span(d.payload, "\xff");
}

static void refuse_prefix(struct span prefix, void *arg)
{
	struct vp8_desc d;

	(void)arg;
	assert_int_equal(vp8_desc_decode(&d, prefix), E_TRUNC);
}

static void test_vp8_desc__is_bounded_at_every_step(void **state)
{
	struct bytes b = hex("b5 f0 9234 77 b1 ff");

	(void)state;
	each_prefix(bytes_span(&b), refuse_prefix, NULL);
}

/* Each of the 16 combinations of I, L, T, K and both lengths of the id. */
static void test_vp8_desc__goes_round(void **state)
{
	uint8_t buf[16];
	struct span out;

	(void)state;
	for (unsigned m = 0; m < 32; m++) {
		struct vp8_desc d = {.start = true}, got;
		d.has_picture_id = m & 1;
		d.picture_id_long = (m & 17) == 17;
		d.picture_id = !(m & 1) ? 0 : d.picture_id_long ? 32767 : 127;
		d.has_tl0picidx = m & 2;
		d.tl0picidx = m & 2 ? 200 : 0;
		d.has_tid = m & 4;
		d.tid = m & 4 ? 3 : 0;
		d.layer_sync = m & 4;
		d.has_keyidx = m & 8;
		d.keyidx = m & 8 ? 31 : 0;
		assert_int_equal(vp8_desc_encode(&d, buf, VP8_DESC_MAX, &out),
				 0);
		buf[out.n] = 0xEE;
		assert_int_equal(vp8_desc_decode(&got,
						 span_of(buf, out.n + 1)), 0);
		got.payload = SPAN_NONE;
		assert_int_equal(got.picture_id, d.picture_id);
		assert_int_equal(got.has_tl0picidx, d.has_tl0picidx);
		assert_int_equal(got.tid, d.tid);
		assert_int_equal(got.has_keyidx, d.has_keyidx);
		assert_int_equal(got.keyidx, d.keyidx);
		assert_int_equal(got.layer_sync, d.layer_sync);
		assert_int_equal(vp8_desc_encode(&d, buf, out.n - 1, &out),
				 E_FULL);
	}
}

static void test_vp8_desc__refuses_values_out_of_range(void **state)
{
	struct vp8_desc bad[] = {{.pid = 8}, {.tid = 4}, {.keyidx = 32},
				 {.picture_id = 128},
				 {.picture_id_long = true,
				  .picture_id = 32768}};
	uint8_t buf[8];
	struct span out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vp8_desc_encode(&bad[i], buf, 8, &out),
				 E_INVAL);
}

static void test_vp8_frame__reads_a_keyframe(void **state)
{
	/* 640x360, scale 1 and 2; version 0, shown, first part 0x1234 */
	struct bytes b = hex("90 46 02 9d012a 8042 6881");
	struct vp8_frame f;

	(void)state;
	b.v[0] = 0x10 | (0x1234 & 7) << 5;
	b.v[1] = (uint8_t)(0x1234 >> 3);
	b.v[2] = (uint8_t)(0x1234 >> 11);
	assert_int_equal(vp8_frame_decode(&f, bytes_span(&b)), 0);
	assert_true(f.key && f.show && f.version == 0);
	assert_int_equal(f.first_part_n, 0x1234);
	assert_int_equal(f.width, 0x280);
	assert_int_equal(f.hscale, 1);
	assert_int_equal(f.height, 0x168);
	assert_int_equal(f.vscale, 2);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(vp8_frame_decode(&f, span_of(b.v, n)),
				 E_TRUNC);
}

static void test_vp8_frame__refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"10 0000 9d012b 8002 6801",	/* start code */
		"10 0000 9d012a 0000 6801",	/* no width */
		"10 0000 9d012a 8002 0040",	/* no height */
		"09 0000",			/* version 4 */
	};
	struct vp8_frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex(bad[i]);
		assert_int_equal(vp8_frame_decode(&f, bytes_span(&b)),
				 E_FORMAT);
	}
}

static void test_vp8_frame__an_interframe_needs_three_bytes(void **state)
{
	struct bytes b = hex("11 0000");
	struct vp8_frame f;

	(void)state;
	assert_int_equal(vp8_frame_decode(&f, bytes_span(&b)), 0);
	assert_true(!f.key && f.width == 0);
}

/* Cuts a frame of n bytes and puts it together again. */
static void pack_and_join(size_t n, size_t max_n, int picture_id)
{
	static uint8_t frame[5000], joined[5000];
	struct vp8_pack p;
	uint8_t buf[1500];
	struct span out;
	size_t at = 0, packets = 0, min = SIZE_MAX, max = 0;
	bool last = false;

	for (size_t i = 0; i < n; i++)
		frame[i] = (uint8_t)(i * 7);
	assert_int_equal(vp8_pack_init(&p, span_of(frame, n), max_n,
				       picture_id), 0);
	while (vp8_pack_next(&p, buf, sizeof(buf), &out, &last) == 1) {
		struct vp8_desc d;
		assert_true(out.n <= max_n);
		assert_int_equal(vp8_desc_decode(&d, out), 0);
		assert_int_equal(vp8_desc_is_first(&d), packets == 0);
		assert_int_equal(d.has_picture_id, picture_id >= 0);
		if (picture_id >= 0)
			assert_int_equal(d.picture_id, picture_id);
		assert_true(at + d.payload.n <= n);
		memcpy(joined + at, d.payload.p, d.payload.n);
		at += d.payload.n;
		packets++;
		min = d.payload.n < min ? d.payload.n : min;
		max = d.payload.n > max ? d.payload.n : max;
		assert_int_equal(last, at == n);
	}
	assert_int_equal(at, n);
	assert_true(last && max - min <= 1);
	assert_memory_equal(joined, frame, n);
}

static void test_vp8_pack__goes_round_in_equal_parts(void **state)
{
	(void)state;
	for (size_t n = 1; n < 60; n++) {
		pack_and_join(n, 7, -1);
		pack_and_join(n, 20, 32767);
	}
	pack_and_join(5000, 1200, -1);
	pack_and_join(4796, 1203, 5);
	pack_and_join(1, 1200, 0);
}

static void test_vp8_pack__refuses_nonsense(void **state)
{
	struct vp8_pack p;
	uint8_t buf[8];
	struct span out;
	bool last;

	(void)state;
	assert_int_equal(vp8_pack_init(&p, SPAN_NONE, 1200, -1), E_INVAL);
	assert_int_equal(vp8_pack_init(&p, SPAN_LIT("a"), 6, -1), E_INVAL);
	assert_int_equal(vp8_pack_init(&p, SPAN_LIT("a"), 99, 32768), E_INVAL);
	assert_int_equal(vp8_pack_init(&p, SPAN_LIT("abcdefghi"), 99, -1), 0);
	assert_int_equal(vp8_pack_next(&p, buf, 8, &out, &last), E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vp8_desc__reads_the_one_byte_form),
		cmocka_unit_test(test_vp8_desc__reads_all_fields),
		cmocka_unit_test(test_vp8_desc__is_bounded_at_every_step),
		cmocka_unit_test(test_vp8_desc__goes_round),
		cmocka_unit_test(test_vp8_desc__refuses_values_out_of_range),
		cmocka_unit_test(test_vp8_frame__reads_a_keyframe),
		cmocka_unit_test(test_vp8_frame__refuses_what_is_none),
		cmocka_unit_test(test_vp8_frame__an_interframe_needs_three_bytes),
		cmocka_unit_test(test_vp8_pack__goes_round_in_equal_parts),
		cmocka_unit_test(test_vp8_pack__refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
