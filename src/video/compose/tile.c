#include "video/compose/tile.h"

#include <libyuv/scale.h>
#include "video/compose/compose.h"
#include "video/compose/fit.h"

/* Box filtering only pays where bilinear would skip source pixels; libyuv has
 * a fast box for exact quarters. */
static enum FilterMode filter_for(const struct fit *f)
{
	return f->sw >= 4u * f->dw || f->sh >= 4u * f->dh
		? kFilterBox : kFilterBilinear;
}

static int scale(struct pic *dst, const struct pic *src, bool is_whole)
{
	const struct fit f = is_whole
		? fit_whole(src->w, src->h, dst->w, dst->h)
		: fit_compute(src->w, src->h, dst->w, dst->h);
	size_t luma = (size_t)f.sy * (size_t)src->stride_y + f.sx;
	size_t chroma = f.sy / 2u * (size_t)src->stride_uv + f.sx / 2u;
	size_t out_luma = (size_t)f.dy * (size_t)dst->stride_y + f.dx;
	size_t out_chroma = f.dy / 2u * (size_t)dst->stride_uv + f.dx / 2u;

	if (f.dw != dst->w || f.dh != dst->h)
		pic_fill(dst, COMPOSE_BARS);
	return I420Scale(src->y + luma, src->stride_y, src->u + chroma,
			 src->stride_uv, src->v + chroma, src->stride_uv,
			 f.sw, f.sh, dst->y + out_luma, dst->stride_y,
			 dst->u + out_chroma, dst->stride_uv,
			 dst->v + out_chroma, dst->stride_uv, f.dw, f.dh,
			 filter_for(&f)) == 0 ? 0 : E_INTERNAL;
}

static unsigned pick(const struct tile_cache *c, unsigned w, unsigned h)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < TILE_SIZES_MAX; i++) {
		const struct pic *p = c->at[i].pic;

		if (p && p->w == w && p->h == h)
			return i;
		if (c->at[i].used < c->at[oldest].used)
			oldest = i;
	}
	return oldest;
}

int tile_get(struct tile_cache *c, const struct pic *src, uint64_t serial,
	     unsigned w, unsigned h, struct pic_view *out)
{
	unsigned i;
	struct pic *p;
	int r;

	if (src->w == w && src->h == h) {
		*out = pic_view(src);
		return 0;
	}
	i = pick(c, w, h);
	p = c->at[i].pic;
	if (!p || p->w != w || p->h != h) {
		p = NULL;
		r = pic_new(&p, w, h);
		if (r < 0)
			return r;
		pic_free(&c->at[i].pic);
		c->at[i].pic = p;
		c->at[i].serial = serial + 1;	/* not this one yet */
	}
	c->at[i].used = ++c->uses;
	if (c->at[i].serial != serial) {
		r = scale(p, src, c->is_whole);
		if (r < 0)
			return r;
		c->at[i].serial = serial;
		c->scaled++;
	}
	*out = pic_view(p);
	return 0;
}

void tile_release(struct tile_cache *c)
{
	for (unsigned i = 0; i < TILE_SIZES_MAX; i++) {
		pic_free(&c->at[i].pic);
		c->at[i].used = 0;
	}
}

uint64_t tile_bytes(const struct tile_cache *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TILE_SIZES_MAX; i++)
		if (c->at[i].pic)
			n += pic_bytes(c->at[i].pic->w, c->at[i].pic->h);
	return n;
}
