#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/alloc.h"
#include "base/alloc_test.h"
#include "video/t/synth.h"
#include "wire/h264/h264.h"

enum { STEP = VENC_CLOCK_HZ / 30 };

static const enum frame_codec both[] = {FRAME_VP8, FRAME_H264};

static struct venc *encoder(enum frame_codec codec, unsigned w, unsigned h)
{
	const struct venc_cfg cfg = {.codec = codec, .w = (uint16_t)w,
				     .h = (uint16_t)h, .fps = 30,
				     .kbps = 800};
	struct venc *e = NULL;

	assert_int_equal(venc_new(&e, &cfg), 0);
	return e;
}

/* Encodes and decodes n pictures of one person; the worst PSNR. */
static double round_trip(enum frame_codec codec, unsigned w, unsigned h,
			 unsigned n)
{
	struct venc *e = encoder(codec, w, h);
	struct vdec *d = NULL;
	struct pic *p = NULL;
	double worst = 99;

	assert_int_equal(vdec_new(&d, codec), 0);
	assert_int_equal(pic_new(&p, w, h), 0);
	for (unsigned i = 0; i < n; i++) {
		struct pic_view in = pic_view(p), out;
		struct venc_out bits;
		double q;

		synth_person(p, 1, i);
		assert_int_equal(venc_encode(e, &in, STEP, false, &bits), 0);
		assert_int_equal(bits.key, i == 0);
		assert_int_equal(vdec_decode(d, bits.data, &out), 0);
		assert_int_equal(out.w, w);
		assert_int_equal(out.h, h);
		q = synth_psnr(&in, &out);
		worst = q < worst ? q : worst;
	}
	pic_free(&p);
	vdec_free(&d);
	venc_free(&e);
	return worst;
}

static void test_codec__round_trip_keeps_the_picture(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		assert_true(round_trip(both[c], 640, 360, 20) > 28);
		assert_true(round_trip(both[c], 320, 180, 10) > 28);
	}
}

static void test_codec__keyframe_on_demand(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		struct venc *e = encoder(both[c], 320, 180);
		struct pic *p = synth_flat(320, 180, pic_color_rgb(9, 90, 9));
		struct pic_view in = pic_view(p);

		for (unsigned i = 0; i < 12; i++) {
			struct vdec_info info;
			struct venc_out o;

			assert_int_equal(venc_encode(e, &in, STEP, i == 7,
						     &o), 0);
			assert_int_equal(o.key, i == 0 || i == 7);
			assert_int_equal(vdec_probe(&info, both[c], o.data),
					 0);
			assert_int_equal(info.key, o.key);
			if (!info.key)
				continue;
			assert_true(info.w >= 320 && info.w < 336);
			assert_true(info.h >= 180 && info.h < 196);
		}
		pic_free(&p);
		venc_free(&e);
	}
}

static void test_codec__rate_changes_without_a_keyframe(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		struct venc *e = encoder(both[c], 320, 180);
		struct pic *p = NULL;
		size_t high = 0, low = 0;

		assert_int_equal(pic_new(&p, 320, 180), 0);
		for (unsigned i = 0; i < 90; i++) {
			struct pic_view in = pic_view(p);
			struct venc_out o;

			synth_person(p, 2, i);
			if (i == 45)
				assert_int_equal(venc_set_rate(e, 100, 30),
						 0);
			assert_int_equal(venc_encode(e, &in, STEP, false, &o),
					 0);
			assert_int_equal(o.key, i == 0);
			if (i >= 15 && i < 45)
				high += o.data.n;
			if (i >= 60)
				low += o.data.n;
		}
		assert_true(low * 2 < high);
		pic_free(&p);
		venc_free(&e);
	}
}

static void test_codec__h264_slices_fit_their_limit(void **state)
{
	const struct venc_cfg cfg = {.codec = FRAME_H264, .w = 640, .h = 360,
				     .fps = 30, .kbps = 1500,
				     .nal_max_bytes = 1100};
	struct venc *e = NULL;
	struct pic *p = NULL;
	unsigned slices = 0;

	(void)state;
	assert_int_equal(venc_new(&e, &cfg), 0);
	assert_int_equal(pic_new(&p, 640, 360), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct pic_view in = pic_view(p);
		struct venc_out o;
		struct span rest, nal;

		synth_person(p, 3, i);
		assert_int_equal(venc_encode(e, &in, STEP, false, &o), 0);
		rest = o.data;
		while (h264_nal_next(&rest, &nal)) {
			assert_true(nal.n <= 1100);
			slices++;
		}
	}
	assert_true(slices > 10);
	pic_free(&p);
	venc_free(&e);
}

static void test_codec__needs_a_keyframe_first(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		struct venc *e = encoder(both[c], 320, 180);
		struct vdec *d = NULL;
		struct pic *p = synth_flat(320, 180, pic_color_rgb(200, 9, 9));
		struct pic_view in = pic_view(p), out;
		struct venc_out o;

		assert_int_equal(vdec_new(&d, both[c]), 0);
		assert_int_equal(venc_encode(e, &in, STEP, false, &o), 0);
		assert_int_equal(venc_encode(e, &in, STEP, false, &o), 0);
		assert_int_equal(vdec_decode(d, o.data, &out), E_STATE);
		pic_free(&p);
		vdec_free(&d);
		venc_free(&e);
	}
}

/* A keyframe head that claims w x h, with rubbish behind it. */
static struct span vp8_claim(uint8_t buf[64], unsigned w, unsigned h)
{
	static const uint8_t head[6] = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a};

	memset(buf, 0x55, 64);
	memcpy(buf, head, sizeof(head));
	buf[6] = (uint8_t)w;
	buf[7] = (uint8_t)(w >> 8);
	buf[8] = (uint8_t)h;
	buf[9] = (uint8_t)(h >> 8);
	return span_of(buf, 64);
}

static void test_codec__refuses_dimension_bombs_before_decoding(void **state)
{
	static const unsigned sizes[][2] = {
		{16383, 16383}, {1921, 16}, {16, 1089}, {16383, 1}};
	uint8_t buf[64];
	struct vdec_info info;
	struct pic_view out;
	struct vdec *d = NULL;

	(void)state;
	assert_int_equal(vdec_new(&d, FRAME_VP8), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct span s = vp8_claim(buf, sizes[i][0], sizes[i][1]);

		assert_int_equal(vdec_probe(&info, FRAME_VP8, s), E_LIMIT);
		assert_int_equal(vdec_decode(d, s, &out), E_LIMIT);
	}
	assert_int_equal(vdec_probe(&info, FRAME_VP8,
				    vp8_claim(buf, 1920, 1088)), 0);
	assert_int_equal(info.w, 1920);
	vdec_free(&d);
}

/* --- a writer of H.264 bits, for sequence parameter sets that lie --- */

struct bits {
	uint8_t p[64];
	unsigned n;
};

static void put(struct bits *b, unsigned v, unsigned n)
{
	while (n--) {
		if (v >> n & 1)
			b->p[b->n / 8] |= (uint8_t)(0x80 >> b->n % 8);
		b->n++;
	}
}

static void put_ue(struct bits *b, unsigned v)
{
	unsigned len = 0;

	while ((v + 1) >> (len + 1))
		len++;
	put(b, 0, len);
	put(b, v + 1, len + 1);
}

/* Baseline, mbs_w x mbs_h macroblocks, cropped by `crop` pairs of columns. */
static struct span sps(struct bits *b, unsigned mbs_w, unsigned mbs_h,
		       unsigned crop)
{
	*b = (struct bits){.n = 0};
	put(b, 1, 32);			/* start code */
	put(b, 0x67, 8);
	put(b, 66, 8);
	put(b, 0xc0, 8);
	put(b, 31, 8);
	put_ue(b, 0);			/* id */
	put_ue(b, 0);			/* log2_max_frame_num - 4 */
	put_ue(b, 2);			/* poc type */
	put_ue(b, 1);			/* ref frames */
	put(b, 0, 1);
	put_ue(b, mbs_w - 1);
	put_ue(b, mbs_h - 1);
	put(b, 1, 1);			/* frame_mbs_only */
	put(b, 1, 1);
	put(b, crop > 0, 1);
	if (crop) {
		put_ue(b, 0);
		put_ue(b, crop);
		put_ue(b, 0);
		put_ue(b, 0);
	}
	put(b, 0, 1);			/* no VUI */
	put(b, 1, 1);			/* stop */
	return span_of(b->p, (b->n + 7) / 8);
}

static void test_codec__refuses_an_sps_that_crops_a_bomb(void **state)
{
	struct bits b;
	struct vdec_info info;

	(void)state;
	assert_int_equal(vdec_probe(&info, FRAME_H264, sps(&b, 40, 23, 0)),
			 0);
	assert_int_equal(info.w, 640);
	assert_int_equal(info.h, 368);
	assert_int_equal(vdec_probe(&info, FRAME_H264, sps(&b, 200, 20, 0)),
			 E_LIMIT);
	/* 3200 wide, cropped to 64: still 3200 to allocate */
	assert_int_equal(vdec_probe(&info, FRAME_H264,
				    sps(&b, 200, 20, 1568)), E_LIMIT);
}

static void test_codec__second_sps_is_looked_at_too(void **state)
{
	struct bits good, bad;
	uint8_t buf[128];
	struct vdec_info info;
	struct span a, c;

	(void)state;
	a = sps(&good, 40, 23, 0);
	c = sps(&bad, 1000, 1000, 0);
	memcpy(buf, a.p, a.n);
	memcpy(buf + a.n, c.p, c.n);
	assert_true(vdec_probe(&info, FRAME_H264,
			       span_of(buf, a.n + c.n)) < 0);
}

static void test_codec__damaged_pictures_are_errors_only(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		struct venc *e = encoder(both[c], 320, 180);
		struct pic *p = NULL;
		struct pic_view in, out;
		struct venc_out o;

		assert_int_equal(pic_new(&p, 320, 180), 0);
		synth_person(p, 4, 0);
		in = pic_view(p);
		assert_int_equal(venc_encode(e, &in, STEP, true, &o), 0);
		for (unsigned i = 0; i < 200; i++) {
			uint8_t *copy = mem_dup(o.data.p, o.data.n);
			struct vdec *d = NULL;
			size_t cut = o.data.n - i * o.data.n / 220;

			assert_int_equal(vdec_new(&d, both[c]), 0);
			copy[(i * 7919u) % cut] ^= (uint8_t)(1 + i);
			(void)vdec_decode(d, span_of(copy, cut), &out);
			vdec_free(&d);
			mem_free(copy);
		}
		pic_free(&p);
		venc_free(&e);
	}
}

static void test_codec__refuses_what_it_does_not_know(void **state)
{
	struct venc_cfg cfg = {.codec = FRAME_VP8, .w = 321, .h = 180,
			       .fps = 30, .kbps = 100};
	struct vdec_info info;
	struct venc *e = NULL;
	struct vdec *d = NULL;

	(void)state;
	assert_int_equal(venc_new(&e, &cfg), E_INVAL);
	cfg.w = 4000;
	assert_int_equal(venc_new(&e, &cfg), E_INVAL);
	cfg.w = 320;
	cfg.fps = 0;
	assert_int_equal(venc_new(&e, &cfg), E_INVAL);
	assert_int_equal(vdec_new(&d, FRAME_CODEC_NONE), E_UNSUPPORTED);
	assert_int_equal(vdec_new(&d, (enum frame_codec)77), E_UNSUPPORTED);
	assert_int_equal(vdec_probe(&info, FRAME_VP8, SPAN_NONE), E_TRUNC);
	assert_true(vdec_probe(&info, FRAME_H264, SPAN_LIT("abc")) < 0);
}

static int once(void *arg)
{
	const struct venc_cfg cfg = {.codec = *(enum frame_codec *)arg,
				     .w = 64, .h = 64, .fps = 30,
				     .kbps = 100};
	struct venc *e = NULL;
	struct vdec *d = NULL;
	struct pic *p = NULL;
	struct pic_view in, out;
	struct venc_out o;
	int r = venc_new(&e, &cfg);

	if (r == 0)
		r = vdec_new(&d, cfg.codec);
	if (r == 0)
		r = pic_new(&p, 64, 64);
	if (r == 0) {
		pic_fill(p, pic_color_rgb(1, 2, 3));
		in = pic_view(p);
		r = venc_encode(e, &in, STEP, true, &o);
	}
	if (r == 0)
		r = vdec_decode(d, o.data, &out);
	pic_free(&p);
	vdec_free(&d);
	venc_free(&e);
	return r;
}

static void test_codec__survives_every_failing_allocation(void **state)
{
	enum frame_codec c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		c = both[i];
		assert_true(alloc_test_every(once, &c, 50) > 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codec__round_trip_keeps_the_picture),
		cmocka_unit_test(test_codec__keyframe_on_demand),
		cmocka_unit_test(test_codec__rate_changes_without_a_keyframe),
		cmocka_unit_test(test_codec__h264_slices_fit_their_limit),
		cmocka_unit_test(test_codec__needs_a_keyframe_first),
		cmocka_unit_test(
			test_codec__refuses_dimension_bombs_before_decoding),
		cmocka_unit_test(test_codec__refuses_an_sps_that_crops_a_bomb),
		cmocka_unit_test(test_codec__second_sps_is_looked_at_too),
		cmocka_unit_test(test_codec__damaged_pictures_are_errors_only),
		cmocka_unit_test(test_codec__refuses_what_it_does_not_know),
		cmocka_unit_test(
			test_codec__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
