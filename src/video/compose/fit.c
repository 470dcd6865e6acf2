#include "video/compose/fit.h"

static uint16_t even(unsigned n)
{
	return (uint16_t)(n < 2 ? 2 : n & ~1u);
}

/* A difference of a pixel or two comes from rounding to even and is not worth
 * leaving the scaler's fast path. */
static int is_close(unsigned a, unsigned b)
{
	return a > b ? a - b <= 2 : b - a <= 2;
}

static struct fit whole(unsigned sw, unsigned sh, unsigned cw, unsigned ch)
{
	return (struct fit){.sw = (uint16_t)sw, .sh = (uint16_t)sh,
			    .dw = (uint16_t)cw, .dh = (uint16_t)ch};
}

static struct fit bars(unsigned sw, unsigned sh, unsigned cw, unsigned ch)
{
	struct fit f = whole(sw, sh, cw, ch);

	if (sw * ch > sh * cw)
		f.dh = even(cw * sh / sw);
	else
		f.dw = even(ch * sw / sh);
	f.dx = (uint16_t)(((cw - f.dw) / 2) & ~1u);
	f.dy = (uint16_t)(((ch - f.dh) / 2) & ~1u);
	return f;
}

struct fit fit_whole(unsigned src_w, unsigned src_h, unsigned cell_w,
		     unsigned cell_h)
{
	const unsigned want_w = src_h * cell_w / cell_h;

	return is_close(want_w, src_w)
		? whole(src_w, src_h, cell_w, cell_h)
		: bars(src_w, src_h, cell_w, cell_h);
}

struct fit fit_compute(unsigned src_w, unsigned src_h, unsigned cell_w,
		       unsigned cell_h)
{
	struct fit f = whole(src_w, src_h, cell_w, cell_h);
	unsigned want_w = src_h * cell_w / cell_h;
	unsigned want_h = src_w * cell_h / cell_w;
	const unsigned keep = 100 - FIT_CROP_MAX_PERCENT;

	if (is_close(want_w, src_w) || is_close(want_h, src_h))
		return f;
	if (want_w < src_w) {
		if (want_w * 100 < src_w * keep)
			return bars(src_w, src_h, cell_w, cell_h);
		f.sw = even(want_w);
		f.sx = (uint16_t)(((src_w - f.sw) / 2) & ~1u);
		return f;
	}
	if (want_h * 100 < src_h * keep)
		return bars(src_w, src_h, cell_w, cell_h);
	f.sh = even(want_h);
	f.sy = (uint16_t)(((src_h - f.sh) / 2) & ~1u);
	return f;
}
