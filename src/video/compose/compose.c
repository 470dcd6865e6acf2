#include "video/compose/compose.h"

#include <libyuv/planar_functions.h>
#include "video/paint.h"

static struct mask corner_mask(const struct compose_style *st,
			       const uint8_t *p)
{
	return (struct mask){(uint8_t *)(uintptr_t)p, COMPOSE_RADIUS_MAX,
			     st->radius, st->radius};
}

void compose_style_init(struct compose_style *st, unsigned canvas_w,
			unsigned canvas_h)
{
	unsigned side = canvas_w < canvas_h ? canvas_w : canvas_h;

	*st = (struct compose_style){.gap = 0, .radius = 0, .ring = 2,
				     .margin = 2};
	if (side >= 300) {
		st->gap = 2;
		st->radius = 6;
		st->margin = 6;
	}
	if (side >= 540) {
		st->radius = 12;
		st->ring = 4;
		st->margin = 10;
	}
	for (unsigned i = 0; i < COMPOSE_CORNERS; i++) {
		struct mask m = corner_mask(st, st->outside[i]);

		mask_corner_outside(&m, i);
		m = corner_mask(st, st->arc[i]);
		mask_corner_ring(&m, i, st->ring);
	}
}

static void blit(struct pic *dst, const struct pic_view *v,
		 struct layout_rect r)
{
	int w = v->w < r.w ? v->w : r.w, h = v->h < r.h ? v->h : r.h;
	size_t luma = (size_t)r.y * (size_t)dst->stride_y + r.x;
	size_t chroma = r.y / 2u * (size_t)dst->stride_uv + r.x / 2u;

	/* fails only on sizes below 1 */
	(void)I420Copy(v->y, v->stride_y, v->u, v->stride_uv, v->v,
		       v->stride_uv, dst->y + luma, dst->stride_y,
		       dst->u + chroma, dst->stride_uv, dst->v + chroma,
		       dst->stride_uv, w, h);
}

/* Four bars of `t` pixels inside the rectangle. */
static void bars(struct pic *dst, struct layout_rect r, int t, int skip,
		 struct pic_color c)
{
	int x = r.x, y = r.y, w = r.w, h = r.h;

	paint_rect(dst, x + skip, y, w - 2 * skip, t, c);
	paint_rect(dst, x + skip, y + h - t, w - 2 * skip, t, c);
	paint_rect(dst, x, y + skip, t, h - 2 * skip, c);
	paint_rect(dst, x + w - t, y + skip, t, h - 2 * skip, c);
}

static void corners(struct pic *dst, const struct compose_style *st,
		    struct layout_rect r,
		    const uint8_t set[COMPOSE_CORNERS]
				     [COMPOSE_RADIUS_MAX * COMPOSE_RADIUS_MAX],
		    struct pic_color c)
{
	for (unsigned i = 0; i < COMPOSE_CORNERS; i++) {
		struct mask m = corner_mask(st, set[i]);
		int x = i == CORNER_TR || i == CORNER_BR
			? r.x + r.w - st->radius : r.x;
		int y = i == CORNER_BL || i == CORNER_BR
			? r.y + r.h - st->radius : r.y;

		paint_mask(dst, &m, x, y, c);
	}
}

static struct layout_rect inset(struct layout_rect r, unsigned by)
{
	if (r.w <= 2 * by || r.h <= 2 * by)
		return r;
	return (struct layout_rect){(uint16_t)(r.x + by), (uint16_t)(r.y + by),
				    (uint16_t)(r.w - 2 * by),
				    (uint16_t)(r.h - 2 * by)};
}

void compose_sprite(struct pic *canvas, const struct sprite *s, int x, int y)
{
	int w = s->pic->w, h = s->pic->h;
	uint8_t *dy, *du, *dv;

	if (x < 0 || y < 0 || x >= canvas->w || y >= canvas->h)
		return;
	if (w > canvas->w - x)
		w = canvas->w - x;
	if (h > canvas->h - y)
		h = canvas->h - y;
	if (!s->alpha) {
		struct pic_view v = pic_view(s->pic);

		blit(canvas, &v, (struct layout_rect){(uint16_t)x, (uint16_t)y,
						      (uint16_t)w,
						      (uint16_t)h});
		return;
	}
	dy = canvas->y + (ptrdiff_t)y * canvas->stride_y + x;
	du = canvas->u + (ptrdiff_t)(y / 2) * canvas->stride_uv + x / 2;
	dv = canvas->v + (ptrdiff_t)(y / 2) * canvas->stride_uv + x / 2;
	/* fails only on sizes below 1 */
	(void)I420Blend(s->pic->y, s->pic->stride_y, s->pic->u,
			s->pic->stride_uv, s->pic->v, s->pic->stride_uv, dy,
			canvas->stride_y, du, canvas->stride_uv, dv,
			canvas->stride_uv, s->alpha, s->stride_alpha, dy,
			canvas->stride_y, du, canvas->stride_uv, dv,
			canvas->stride_uv, w, h);
}

static void label_place(struct pic *canvas, const struct compose_style *st,
			struct layout_rect in, const struct sprite *label)
{
	int y = in.y + in.h - st->margin - label->pic->h;

	compose_sprite(canvas, label, in.x + st->margin, y & ~1);
}

void compose_cell(struct pic *canvas, const struct compose_style *st,
		  struct layout_rect r, const struct compose_cell *cell)
{
	struct layout_rect in = cell->alone ? r : inset(r, st->gap);

	if (!cell->view) {
		paint_rect(canvas, r.x, r.y, r.w, r.h, COMPOSE_BACK);
		return;
	}
	blit(canvas, cell->view, r);
	if (!cell->alone) {
		bars(canvas, r, st->gap, 0, COMPOSE_BACK);
		corners(canvas, st, in, st->outside, COMPOSE_BACK);
	}
	if (cell->label)
		label_place(canvas, st, in, cell->label);
	if (cell->speaking && !cell->alone) {
		bars(canvas, in, st->ring, st->radius, COMPOSE_SPEAKING);
		corners(canvas, st, in, st->arc, COMPOSE_SPEAKING);
	}
}
