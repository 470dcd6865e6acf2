/* Input: a row of payloads, each with a 2-byte length in front (RFC 4571).
 * Properties: payloads that join make an Annex B picture of bounded size; that
 * picture, packed in mode 1 and joined again, has the same NAL units. Every
 * unit is also tried as a parameter set. */
#include <assert.h>
#include "wire/h264/h264.h"
#include "wire/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PICTURE_MAX = 1 << 17 };

static bool can_be_packed(struct span annexb)
{
	struct span nal;

	while (h264_nal_next(&annexb, &nal))
		if ((nal.p[0] & 31) == 0 || (nal.p[0] & 31) > 23)
			return false;
	return true;
}

static void check_same_units(struct span a, struct span b)
{
	struct span x, y;

	while (h264_nal_next(&a, &x)) {
		assert(h264_nal_next(&b, &y));
		assert(span_eq(x, y));
	}
	assert(!h264_nal_next(&b, &y));
}

static void round_pack(struct span annexb, size_t max_n)
{
	static uint8_t again[2 * PICTURE_MAX], buf[512];
	struct h264_pack p;
	struct h264_join j;
	struct span out;
	bool last = false;
	int r;

	if (h264_pack_init(&p, annexb, 1, max_n) != 0)
		return;
	h264_join_init(&j, again, sizeof(again));
	while ((r = h264_pack_next(&p, buf, sizeof(buf), &out, &last)) == 1) {
		assert(out.n <= max_n);
		assert(h264_join_add(&j, out) == 0);
	}
	assert(r == 0 && last);
	assert(h264_join_end(&j, &out) == 0);
	check_same_units(annexb, out);
}

static void check_sps(struct span annexb)
{
	struct h264_sps s;
	struct span nal;

	while (h264_nal_next(&annexb, &nal)) {
		if (h264_sps_decode(&s, nal) != 0)
			continue;
		assert(s.width > 0 && s.width <= s.coded_width);
		assert(s.height > 0 && s.height <= s.coded_height);
		assert(s.coded_width <= H264_DIM_MAX);
		assert(s.coded_height <= H264_DIM_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[PICTURE_MAX];
	struct span in = span_of(data, size), f, annexb;
	struct h264_join j;

	h264_join_init(&j, buf, sizeof(buf));
	while (rtp_frame_next(&in, size, &f) == 0)
		if (h264_join_add(&j, f) != 0)
			return 0;
	if (h264_join_end(&j, &annexb) != 0)
		return 0;
	/* a hidden IDR may stand behind a start code inside a unit */
	assert(!j.key || h264_is_key(annexb));
	check_sps(annexb);
	if (can_be_packed(annexb))
		round_pack(annexb, 16 + size % 200);
	return 0;
}
