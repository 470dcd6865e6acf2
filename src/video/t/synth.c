#include "video/t/synth.h"

#include <math.h>
#include <stdlib.h>

struct pic *synth_flat(unsigned w, unsigned h, struct pic_color c)
{
	struct pic *p = NULL;

	if (pic_new(&p, w, h) == 0)
		pic_fill(p, c);
	return p;
}

static uint32_t step(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

static bool in_oval(int x, int y, int cx, int cy, int rx, int ry)
{
	int dx = (x - cx) * 256 / (rx + !rx), dy = (y - cy) * 256 / (ry + !ry);

	return dx * dx + dy * dy < 256 * 256;
}

static int luma_at(const struct pic *p, int x, int y, int cx, int cy)
{
	int h = p->h;

	if (in_oval(x, y, cx - h / 14, cy - h / 20, h / 50, h / 70) ||
	    in_oval(x, y, cx + h / 14, cy - h / 20, h / 50, h / 70))
		return 30;				/* eyes */
	if (in_oval(x, y, cx, cy + h / 9, h / 18, h / 60))
		return 70;				/* mouth */
	if (in_oval(x, y, cx, cy, h * 2 / 11, h / 4))
		return 150 + (x - cx) * 80 / h;	/* face */
	if (in_oval(x, y, cx, cy + h * 6 / 10, h * 2 / 5, h / 3))
		return 60;				/* shoulders */
	return 60 + 80 * y / h + 20 * ((x / 40 + y / 40) & 1);
}

void synth_person(struct pic *p, unsigned who, unsigned frame)
{
	uint32_t s = 2463534242u + who * 7919u + frame * 104729u;
	int cx = p->w / 2 + (int)(p->w / 12 * sin(frame * 0.07 + who));
	int cy = p->h / 2 + (int)(p->h / 30 * sin(frame * 0.13 + who));

	for (int y = 0; y < p->h; y++)
		for (int x = 0; x < p->w; x++)
			p->y[y * p->stride_y + x] = (uint8_t)(
				luma_at(p, x, y, cx, cy) +
				(int)(step(&s) >> 29) - 4);
	for (int y = 0; y < (p->h + 1) / 2; y++)
		for (int x = 0; x < (p->w + 1) / 2; x++) {
			bool face = in_oval(x * 2, y * 2, cx, cy,
					    p->h * 2 / 11, p->h / 4);
			int i = y * p->stride_uv + x;

			p->u[i] = (uint8_t)(face ? 115 : 110 + who * 13 % 40);
			p->v[i] = (uint8_t)(face ? 150 : 112 + who * 29 % 36);
		}
}

double synth_psnr(const struct pic_view *a, const struct pic_view *b)
{
	double sum = 0;

	if (a->w != b->w || a->h != b->h)
		return 0;
	for (int y = 0; y < a->h; y++)
		for (int x = 0; x < a->w; x++) {
			int d = a->y[y * a->stride_y + x] -
				b->y[y * b->stride_y + x];

			sum += d * d;
		}
	if (sum == 0)
		return 99;
	return 10 * log10(255.0 * 255.0 * a->w * a->h / sum);
}

bool synth_near(const struct pic_view *v, unsigned x, unsigned y,
		struct pic_color c, int tolerance)
{
	int uv = (int)(y / 2) * v->stride_uv + (int)(x / 2);

	if (x >= v->w || y >= v->h)
		return false;
	return abs(v->y[(int)y * v->stride_y + (int)x] - c.y) <= tolerance &&
	       abs(v->u[uv] - c.u) <= tolerance &&
	       abs(v->v[uv] - c.v) <= tolerance;
}
