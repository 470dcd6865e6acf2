#include "video/pic.h"

#include <string.h>
#include "base/alloc.h"

static size_t align_up(size_t n)
{
	return (n + PIC_ALIGN - 1) & ~(size_t)(PIC_ALIGN - 1);
}

uint64_t pic_bytes(unsigned w, unsigned h)
{
	size_t luma = align_up(w) * h;
	size_t chroma = align_up((w + 1) / 2) * ((h + 1) / 2);

	return luma + 2 * chroma + 2 * PIC_ALIGN;
}

int pic_new(struct pic **out, unsigned w, unsigned h)
{
	struct pic *p;

	if (w < 1 || h < 1 || w > PIC_WIDTH_MAX || h > PIC_HEIGHT_MAX)
		return E_LIMIT;
	p = mem_zalloc(sizeof(*p));
	if (!p)
		return E_NOMEM;
	p->mem = mem_alloc(pic_bytes(w, h));
	if (!p->mem) {
		mem_free(p);
		return E_NOMEM;
	}
	p->w = (uint16_t)w;
	p->h = (uint16_t)h;
	p->stride_y = (int)align_up(w);
	p->stride_uv = (int)align_up((w + 1) / 2);
	p->y = (uint8_t *)align_up((uintptr_t)p->mem);
	p->u = p->y + (size_t)p->stride_y * h;
	p->v = p->u + (size_t)p->stride_uv * ((h + 1) / 2);
	*out = p;
	return 0;
}

void pic_free(struct pic **p)
{
	if (!*p)
		return;
	mem_free((*p)->mem);
	mem_free(*p);
	*p = NULL;
}

static void copy_plane(uint8_t *dst, int dst_stride, const uint8_t *src,
		       int src_stride, unsigned w, unsigned h)
{
	for (unsigned i = 0; i < h; i++) {
		memcpy(dst, src, w);
		dst += dst_stride;
		src += src_stride;
	}
}

int pic_assign(struct pic **p, const struct pic_view *from)
{
	struct pic *d = *p;
	unsigned cw = (from->w + 1u) / 2, ch = (from->h + 1u) / 2;
	int r;

	if (!d || d->w != from->w || d->h != from->h) {
		r = pic_new(&d, from->w, from->h);
		if (r < 0)
			return r;
		pic_free(p);
		*p = d;
	}
	copy_plane(d->y, d->stride_y, from->y, from->stride_y, d->w, d->h);
	copy_plane(d->u, d->stride_uv, from->u, from->stride_uv, cw, ch);
	copy_plane(d->v, d->stride_uv, from->v, from->stride_uv, cw, ch);
	return 0;
}

void pic_fill(struct pic *p, struct pic_color c)
{
	size_t half = (size_t)p->stride_uv * ((p->h + 1u) / 2);

	memset(p->y, c.y, (size_t)p->stride_y * p->h);
	memset(p->u, c.u, half);
	memset(p->v, c.v, half);
}

struct pic_view pic_view(const struct pic *p)
{
	return (struct pic_view){p->y, p->u, p->v, p->stride_y, p->stride_uv,
				 p->w, p->h};
}

struct pic_color pic_color_rgb(uint8_t r, uint8_t g, uint8_t b)
{
	return (struct pic_color){
		.y = (uint8_t)(16 + (66 * r + 129 * g + 25 * b + 128) / 256),
		.u = (uint8_t)(128 + (-38 * r - 74 * g + 112 * b) / 256),
		.v = (uint8_t)(128 + (112 * r - 94 * g - 18 * b) / 256),
	};
}
