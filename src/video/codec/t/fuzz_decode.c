/* A stream of hostile pictures for one decoder. Input: pictures, each behind
 * a length of two bytes (big endian). FUZZ_CODEC chooses the decoder. What
 * the probe refuses must not be decoded; what is decoded must be in bounds. */
#include <stdlib.h>
#include "base/rd.h"
#include "video/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, so that a sanitizer sees a picture beyond its planes. */
static void touch(const struct pic_view *v)
{
	volatile unsigned sum = 0;

	(void)sum;	/* only that it was read matters */
	for (unsigned y = 0; y < v->h; y++)
		sum += v->y[(size_t)v->stride_y * y] +
		       v->y[(size_t)v->stride_y * y + v->w - 1];
	for (unsigned y = 0; y < (v->h + 1u) / 2; y++)
		sum += v->u[(size_t)v->stride_uv * y + (v->w - 1u) / 2] +
		       v->v[(size_t)v->stride_uv * y + (v->w - 1u) / 2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(span_of(data, size));
	struct vdec *d = NULL;
	struct vdec_info info;
	struct pic_view v;

	if (vdec_new(&d, FUZZ_CODEC) < 0)
		return 0;
	for (unsigned i = 0; i < 16 && rd_left(&r) > 2; i++) {
		struct span s = rd_span(&r, rd_u16(&r));
		int ok;

		if (r.failed)
			break;
		ok = vdec_probe(&info, FUZZ_CODEC, s);
		if (vdec_decode(d, s, &v) < 0)
			continue;
		if (ok < 0 || v.w > PIC_WIDTH_MAX || v.h > PIC_HEIGHT_MAX)
			abort();
		touch(&v);
	}
	vdec_free(&d);
	return 0;
}
