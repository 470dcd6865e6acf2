/* Pictures of made-up packets; nothing is decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "media/video/assemble.h"

static uint8_t out[FRAME_MAX];

static void put(struct assemble *a, uint64_t ext, uint32_t ts, bool marker,
		const void *p, size_t n)
{
	(void)assemble_put(a, ext, ts, marker, span_of(p, n));
}

/* VP8: three packets from `ext` on; skip = which one not to put, -1 none. */
static void vp8(struct assemble *a, uint64_t ext, uint32_t ts, bool key,
		int skip)
{
	uint8_t head[12] = {0x10, 0x11, 0, 0};
	uint8_t more[5] = {0, 7, 7, 7, 7};

	if (key) {
		static const uint8_t k[] = {0x10, 0, 0, 0x9d, 1, 0x2a, 64, 0,
					    48, 0};

		memcpy(head + 1, k, sizeof(k));
	}
	if (skip != 0)
		put(a, ext, ts, false, head, key ? 12 : 4);
	if (skip != 1)
		put(a, ext + 1, ts, false, more, 5);
	if (skip != 2)
		put(a, ext + 2, ts, true, more, 5);
}

static struct assemble *make(enum frame_codec c)
{
	struct assemble *a = NULL;

	assert_int_equal(assemble_new(&a, c), 0);
	return a;
}

static int next(struct assemble *a, struct assembled *pic)
{
	return assemble_next(a, out, sizeof(out), pic);
}

static void test_assemble__begins_with_a_keyframe(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;

	(void)state;
	vp8(a, 100, 10, false, -1);
	assert_int_equal(next(a, &pic), E_AGAIN);
	assert_true(assemble_needs_key(a));
	vp8(a, 103, 20, true, -1);
	assert_int_equal(next(a, &pic), 0);
	assert_true(pic.is_key);
	assert_int_equal(pic.width, 64);
	assert_int_equal(pic.height, 48);
	assert_int_equal(pic.ts, 20);
	assert_int_equal(pic.data.n, 11 + 4 + 4);
	assert_false(assemble_needs_key(a));
	vp8(a, 106, 30, false, -1);
	assert_int_equal(next(a, &pic), 0);
	assert_false(pic.is_key);
	assert_int_equal(next(a, &pic), E_AGAIN);
	assemble_free(&a);
}

static void test_assemble__waits_for_a_late_packet(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;
	uint8_t more[5] = {0, 7, 7, 7, 7};

	(void)state;
	vp8(a, 100, 10, true, 1);
	vp8(a, 103, 20, false, -1);
	assert_int_equal(next(a, &pic), E_AGAIN);
	put(a, 101, 10, false, more, 5);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.ts, 10);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.ts, 20);
	assemble_free(&a);
}

static void test_assemble__ignores_what_it_had(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;

	(void)state;
	vp8(a, 100, 10, true, -1);
	assert_int_equal(next(a, &pic), 0);
	vp8(a, 100, 10, true, -1);
	assert_int_equal(next(a, &pic), E_AGAIN);
	assemble_free(&a);
}

static void test_assemble__jumps_to_a_keyframe_behind_a_lost_packet(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;

	(void)state;
	vp8(a, 100, 10, true, -1);
	assert_int_equal(next(a, &pic), 0);
	vp8(a, 103, 20, false, 0);
	vp8(a, 106, 30, false, -1);
	vp8(a, 109, 40, true, -1);
	assert_int_equal(next(a, &pic), E_AGAIN);
	assemble_lost(a);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.ts, 40);
	assemble_free(&a);
}

static void test_assemble__steps_over_padding(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;

	(void)state;
	vp8(a, 100, 10, true, -1);
	put(a, 103, 10, false, NULL, 0);
	put(a, 104, 10, false, NULL, 0);
	vp8(a, 105, 20, false, -1);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.ts, 20);
	assemble_free(&a);
}

static void test_assemble__refuses_absurd_sizes(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assemble_stats st;
	struct assembled pic;
	uint8_t p[12] = {0x10, 0x10, 0, 0, 0x9d, 1, 0x2a, 0, 0x1f, 48, 0};

	(void)state;
	put(a, 100, 10, true, p, sizeof(p));
	assert_int_equal(next(a, &pic), E_AGAIN);
	assemble_get_stats(a, &st);
	assert_int_equal(st.refused_size, 1);
	/* 720 x 1280 is a telephone held upright */
	p[7] = 0xd0;
	p[8] = 0x02;
	p[9] = 0x00;
	p[10] = 0x05;
	put(a, 101, 20, true, p, sizeof(p));
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.height, 1280);
	assemble_free(&a);
}

static void test_assemble__survives_a_full_ring(void **state)
{
	struct assemble *a = make(FRAME_VP8);
	struct assembled pic;

	(void)state;
	vp8(a, 100, 10, true, 2);
	for (uint64_t e = 103; e < 103 + 3 * 400; e += 3)
		vp8(a, e, (uint32_t)e, false, -1);
	assert_int_equal(next(a, &pic), E_AGAIN);
	assert_true(assemble_needs_key(a));
	vp8(a, 5000, 77, true, -1);
	assert_int_equal(next(a, &pic), 0);
	assert_int_equal(pic.ts, 77);
	assemble_free(&a);
}

static void test_assemble__joins_h264_from_sps_on(void **state)
{
	/* STAP-A of SPS (320x180 baseline) and PPS, FU-A of an IDR slice */
	static const uint8_t slice[] = {0x41, 0x9a, 1, 2, 3};
	static const uint8_t stap[] = {
		0x78, 0x00, 0x09, 0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e,
		0x74, 0x00, 0x04, 0x68, 0xcb, 0x83, 0xcb};
	static const uint8_t fu1[] = {0x7c, 0x85, 0x88, 1, 2};
	static const uint8_t fu2[] = {0x7c, 0x45, 3, 4};
	struct assemble *a = make(FRAME_H264);
	struct assembled pic;

	(void)state;
	put(a, 50, 5, true, slice, sizeof(slice));
	assert_int_equal(next(a, &pic), E_AGAIN);
	put(a, 51, 10, false, stap, sizeof(stap));
	put(a, 52, 10, false, fu1, sizeof(fu1));
	put(a, 53, 10, true, fu2, sizeof(fu2));
	assert_int_equal(next(a, &pic), 0);
	assert_true(pic.is_key);
	assert_int_equal(pic.width, 320);
	assert_int_equal(pic.height, 180);
	put(a, 54, 20, true, slice, sizeof(slice));
	assert_int_equal(next(a, &pic), 0);
	assert_false(pic.is_key);
	assemble_free(&a);
}

static int make_one(void *arg)
{
	struct assemble *a = NULL;
	int r = assemble_new(&a, FRAME_VP8);

	(void)arg;
	assemble_free(&a);
	return r;
}

static void test_assemble__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_one, NULL, 10) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assemble__begins_with_a_keyframe),
		cmocka_unit_test(test_assemble__waits_for_a_late_packet),
		cmocka_unit_test(test_assemble__ignores_what_it_had),
		cmocka_unit_test(
			test_assemble__jumps_to_a_keyframe_behind_a_lost_packet),
		cmocka_unit_test(test_assemble__steps_over_padding),
		cmocka_unit_test(test_assemble__refuses_absurd_sizes),
		cmocka_unit_test(test_assemble__survives_a_full_ring),
		cmocka_unit_test(test_assemble__joins_h264_from_sps_on),
		cmocka_unit_test(test_assemble__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
