#include "video/paint.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

struct clip {
	int x0, y0, x1, y1;	/* in the picture, x1 and y1 past the end */
};

static struct clip clip_to(const struct pic *p, int x, int y, int w, int h)
{
	struct clip c = {x, y, x + w, y + h};

	if (c.x0 < 0)
		c.x0 = 0;
	if (c.y0 < 0)
		c.y0 = 0;
	if (c.x1 > p->w)
		c.x1 = p->w;
	if (c.y1 > p->h)
		c.y1 = p->h;
	return c;
}

static uint8_t mix(uint8_t under, uint8_t over, unsigned a)
{
	return (uint8_t)((under * (255 - a) + over * a + 127) / 255);
}

static void luma_mask(struct pic *dst, const struct mask *m, int x, int y,
		      struct clip c, uint8_t over)
{
	for (int row = c.y0; row < c.y1; row++) {
		const uint8_t *src = m->p + (ptrdiff_t)(row - y) * m->stride;
		uint8_t *out = dst->y + (ptrdiff_t)row * dst->stride_y;

		for (int col = c.x0; col < c.x1; col++)
			if (src[col - x])
				out[col] = mix(out[col], over, src[col - x]);
	}
}

/* Coverage of the 2x2 block whose top left pixel is (col, row). */
static unsigned block(const struct mask *m, int col, int row)
{
	unsigned sum = 0;

	for (int i = 0; i < 4; i++) {
		int cx = col + (i & 1), cy = row + (i >> 1);

		if (cx >= 0 && cy >= 0 && cx < m->w && cy < m->h)
			sum += m->p[(ptrdiff_t)cy * m->stride + cx];
	}
	return (sum + 2) / 4;
}

void paint_mask(struct pic *dst, const struct mask *m, int x, int y,
		struct pic_color c)
{
	struct clip k = clip_to(dst, x, y, m->w, m->h);

	luma_mask(dst, m, x, y, k, c.y);
	for (int row = k.y0 / 2; row < (k.y1 + 1) / 2; row++) {
		uint8_t *u = dst->u + (ptrdiff_t)row * dst->stride_uv;
		uint8_t *v = dst->v + (ptrdiff_t)row * dst->stride_uv;

		for (int col = k.x0 / 2; col < (k.x1 + 1) / 2; col++) {
			unsigned a = block(m, col * 2 - x, row * 2 - y);

			u[col] = mix(u[col], c.u, a);
			v[col] = mix(v[col], c.v, a);
		}
	}
}

static void fill(uint8_t *p, int stride, int x, int y, int w, int h,
		 uint8_t value)
{
	p += (ptrdiff_t)y * stride + x;
	for (int i = 0; i < h; i++, p += stride)
		memset(p, value, (size_t)w);
}

void paint_rect(struct pic *dst, int x, int y, int w, int h,
		struct pic_color c)
{
	struct clip k = clip_to(dst, x, y, w, h);
	int cx = k.x0 / 2, cy = k.y0 / 2;
	int cw = (k.x1 + 1) / 2 - cx, ch = (k.y1 + 1) / 2 - cy;

	if (k.x1 <= k.x0 || k.y1 <= k.y0)
		return;
	fill(dst->y, dst->stride_y, k.x0, k.y0, k.x1 - k.x0, k.y1 - k.y0, c.y);
	fill(dst->u, dst->stride_uv, cx, cy, cw, ch, c.u);
	fill(dst->v, dst->stride_uv, cx, cy, cw, ch, c.v);
}

/* How much of the pixel at distance d from a circle's centre is inside. */
static float inside(float r, float d)
{
	float a = r - d + 0.5f;

	return a <= 0 ? 0 : a >= 1 ? 1 : a;
}

static float distance(float dx, float dy)
{
	return sqrtf(dx * dx + dy * dy);
}

void mask_round(struct mask *m, unsigned radius, uint8_t value)
{
	unsigned small = m->w < m->h ? m->w : m->h;

	if (radius > small / 2)
		radius = small / 2;
	for (unsigned y = 0; y < m->h; y++) {
		uint8_t *row = m->p + (size_t)m->stride * y;
		unsigned ey = y < m->h - 1 - y ? y : m->h - 1 - y;

		memset(row, value, m->w);
		for (unsigned x = 0; ey < radius && x < radius; x++) {
			float d = distance((float)radius - (float)x - 0.5f,
					   (float)radius - (float)ey - 0.5f);

			row[x] = (uint8_t)((float)value *
					   inside((float)radius, d) + 0.5f);
			row[m->w - 1 - x] = row[x];
		}
	}
}

static float corner_distance(unsigned corner, unsigned r, unsigned x,
			     unsigned y)
{
	float fx = corner == CORNER_TR || corner == CORNER_BR
		? (float)x + 0.5f : (float)r - (float)x - 0.5f;
	float fy = corner == CORNER_BL || corner == CORNER_BR
		? (float)y + 0.5f : (float)r - (float)y - 0.5f;

	return distance(fx, fy);
}

void mask_corner_outside(struct mask *m, unsigned corner)
{
	for (unsigned y = 0; y < m->h; y++)
		for (unsigned x = 0; x < m->w; x++) {
			float d = corner_distance(corner, m->w, x, y);
			float a = 1 - inside((float)m->w, d);

			m->p[(size_t)m->stride * y + x] =
				(uint8_t)(a * 255 + 0.5f);
		}
}

void mask_corner_ring(struct mask *m, unsigned corner, unsigned thick)
{
	for (unsigned y = 0; y < m->h; y++)
		for (unsigned x = 0; x < m->w; x++) {
			float d = corner_distance(corner, m->w, x, y);
			float a = inside((float)m->w, d) -
				  inside((float)m->w - (float)thick, d);

			m->p[(size_t)m->stride * y + x] =
				(uint8_t)(a * 255 + 0.5f);
		}
}
