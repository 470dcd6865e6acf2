#include "video/text/draw.h"

#include "base/alloc.h"
#include "video/compose/compose.h"

enum { LABEL_ALPHA = 158, WHITE = 255 };

static const struct pic_color white = {230, 128, 128};
static const struct pic_color black = {16, 128, 128};

/* Dark ground and brighter disc of one hue each, told apart at a glance yet
 * quiet beside faces. */
static const struct {
	uint8_t back[3], disc[3];
} colors[DRAW_COLORS] = {
	{{0x1e, 0x2a, 0x3a}, {0x3f, 0x6f, 0xb0}},	/* blue */
	{{0x1c, 0x30, 0x2e}, {0x2f, 0x8f, 0x83}},	/* teal */
	{{0x2c, 0x24, 0x3b}, {0x75, 0x5b, 0xb5}},	/* violet */
	{{0x36, 0x24, 0x2b}, {0xb0, 0x4f, 0x72}},	/* rose */
	{{0x34, 0x2b, 0x1e}, {0xb0, 0x7d, 0x32}},	/* amber */
	{{0x21, 0x30, 0x21}, {0x4f, 0x90, 0x4c}},	/* green */
	{{0x35, 0x27, 0x20}, {0xb5, 0x62, 0x3f}},	/* rust */
	{{0x20, 0x2c, 0x33}, {0x4a, 0x86, 0x9e}},	/* slate */
	{{0x31, 0x22, 0x35}, {0x97, 0x51, 0xa6}},	/* plum */
	{{0x2d, 0x2f, 0x1f}, {0x84, 0x8c, 0x3b}},	/* olive */
};

static struct pic_color rgb(const uint8_t c[3])
{
	return pic_color_rgb(c[0], c[1], c[2]);
}

static unsigned even(unsigned n)
{
	return n < 2 ? 2 : n & ~1u;
}

unsigned draw_px(unsigned cell_h)
{
	return 8 + cell_h / 36;
}

void sprite_release(struct sprite *s)
{
	pic_free(&s->pic);
	mem_free(s->alpha);
	s->alpha = NULL;
}

static int mask_new(struct mask *m, unsigned w, unsigned h)
{
	uint8_t *p = mem_zalloc((size_t)w * h);

	if (!p)
		return E_NOMEM;
	*m = (struct mask){p, (int)w, (uint16_t)w, (uint16_t)h};
	return 0;
}

static void mask_free(struct mask *m)
{
	mem_free(m->p);
	m->p = NULL;
}

/* Centre of a shape, in pixels of the picture. */
struct spot {
	unsigned x, y;
};

/* A filled rectangle with rounded corners around a centre. `cut` leaves out
 * so many rows at the bottom. */
static int draw_round(struct pic *p, struct spot at, unsigned w, unsigned h,
		      unsigned radius, unsigned cut, struct pic_color c)
{
	struct mask m;
	int r = mask_new(&m, even(w), even(h));

	if (r < 0)
		return r;
	mask_round(&m, radius, WHITE);
	m.h = (uint16_t)(m.h > cut ? m.h - cut : 0);
	paint_mask(p, &m, (int)at.x - m.w / 2,
		   (int)at.y - (int)even(h) / 2, c);
	mask_free(&m);
	return 0;
}

static int draw_disc(struct pic *p, struct spot at, unsigned d,
		     struct pic_color c)
{
	return draw_round(p, at, d, d, d, 0, c);
}

/* One centred line; `y` is the baseline. */
static int draw_line(struct pic *p, struct fonts *f,
		     const struct line_cfg *cfg, struct spot at,
		     struct pic_color c)
{
	struct line *l;
	struct mask m;
	unsigned w;
	int r = line_new(&l, f, cfg);

	if (r < 0)
		return r;
	w = even(line_width(l) + 3);
	r = mask_new(&m, w, even(cfg->px * 2));
	if (r == 0) {
		int top = ((int)at.y - (int)(cfg->px * 3 / 2)) & ~1;

		line_draw(l, &m, 1, (int)at.y - top);
		paint_mask(p, &m, ((int)at.x - (int)w / 2) & ~1, top, c);
		mask_free(&m);
	}
	line_free(&l);
	return r;
}

/* --- label --- */

static void fill_label(struct sprite *s, struct mask *text)
{
	struct mask back = {s->alpha, s->stride_alpha, s->pic->w, s->pic->h};

	mask_round(&back, s->pic->h / 4u, LABEL_ALPHA);
	pic_fill(s->pic, black);
	paint_mask(s->pic, text, 0, 0, white);
	/* letters stay solid where the ground is translucent */
	for (size_t i = 0; i < (size_t)text->w * text->h; i++)
		if (text->p[i] > s->alpha[i])
			s->alpha[i] = text->p[i];
}

int draw_label(struct sprite *out, struct fonts *f, const struct name *name,
	       unsigned px, unsigned max_w)
{
	const unsigned pad = px * 5 / 8;
	const struct line_cfg cfg = {
		.cps = name->cps, .n = name->n, .px = px,
		.max_w = max_w > 2 * pad + px ? max_w - 2 * pad : px,
		.cut = name->cut};
	struct sprite s = {0};
	struct mask text = {0};
	struct line *l;
	unsigned w, h = even(px * 7 / 4 + 1);
	int r = line_new(&l, f, &cfg);

	if (r < 0)
		return r;
	w = even(line_width(l) + 2 * pad + 1);
	r = pic_new(&s.pic, w, h);
	if (r == 0)
		r = mask_new(&text, w, h);
	s.alpha = mem_zalloc((size_t)w * h);
	s.stride_alpha = (int)w;
	if (r == 0 && !s.alpha)
		r = E_NOMEM;
	if (r == 0) {
		line_draw(l, &text, (int)pad, (int)(h / 2 + px * 9 / 25));
		fill_label(&s, &text);
		*out = s;
	} else {
		sprite_release(&s);
	}
	mask_free(&text);
	line_free(&l);
	return r;
}

/* --- card --- */

/* A head and shoulders, for names without a letter that we can draw. */
static int draw_person(struct pic *p, struct spot at, unsigned d,
		       struct pic_color c)
{
	struct spot head = {at.x, at.y - d / 7}, body = {at.x, at.y + d * 2 / 5};
	int r = draw_disc(p, head, d * 3 / 10, c);

	if (r == 0)
		r = draw_round(p, body, d * 11 / 20, d / 2, d * 11 / 40, d / 4,
			       c);
	return r;
}

static int draw_initials(struct pic *p, struct fonts *f,
			 const struct name *name, struct spot at, unsigned d)
{
	uint32_t cps[NAME_INITIALS_MAX];
	struct line_cfg cfg = {.cps = cps, .n = name_initials(cps, name),
			       .px = d * 2 / 5, .max_w = d, .bold = true};

	for (unsigned i = 0; i < cfg.n; i++)
		if (!fonts_has(f, cps[i]))
			cfg.n = 0;
	if (cfg.n == 0)
		return draw_person(p, at, d, white);
	if (cfg.px < SHAPE_PX_MIN)
		return 0;
	if (cfg.px > SHAPE_PX_MAX)
		cfg.px = SHAPE_PX_MAX;
	at.y += cfg.px * 9 / 25;
	return draw_line(p, f, &cfg, at, white);
}

int draw_card(struct sprite *out, struct fonts *f, const struct name *name,
	      unsigned color, unsigned w, unsigned h)
{
	const bool named = h >= 60 && name->n > 0;
	const unsigned d = even(named ? h * 2 / 5 : h * 3 / 5);
	const struct spot disc = {w / 2, named ? h * 43 / 100 : h / 2};
	struct sprite s = {0};
	int r = pic_new(&s.pic, w, h);

	if (r < 0)
		return r;
	pic_fill(s.pic, rgb(colors[color % DRAW_COLORS].back));
	r = draw_disc(s.pic, disc, d, rgb(colors[color % DRAW_COLORS].disc));
	if (r == 0)
		r = draw_initials(s.pic, f, name, disc, d);
	if (r == 0 && named) {
		const struct line_cfg cfg = {
			.cps = name->cps, .n = name->n,
			.px = draw_px(h) * 11 / 10, .max_w = w * 17 / 20,
			.cut = name->cut};
		const struct spot at = {w / 2, disc.y + d / 2 + h / 50 +
					       cfg.px * 3 / 2};

		r = draw_line(s.pic, f, &cfg, at, white);
	}
	if (r < 0)
		sprite_release(&s);
	else
		*out = s;
	return r;
}

/* --- splash --- */

static int draw_clock(struct pic *p, struct spot at, unsigned d,
		      struct pic_color c, struct pic_color back)
{
	const unsigned thick = even(d / 12);
	int r = draw_disc(p, at, d, c);

	if (r == 0)
		r = draw_disc(p, at, d - 2 * thick, back);
	if (r < 0)
		return r;
	paint_rect(p, (int)even(at.x - thick / 2), (int)even(at.y - d / 3),
		   (int)thick, (int)even(d / 3 + thick / 2), c);
	paint_rect(p, (int)even(at.x - thick / 2), (int)even(at.y - thick / 2),
		   (int)even(d / 4), (int)thick, c);
	return 0;
}

static int draw_lock(struct pic *p, struct spot at, unsigned d,
		     struct pic_color c, struct pic_color back)
{
	const unsigned thick = even(d / 10);
	const struct spot bow = {at.x, at.y - d / 5};
	const struct spot body = {at.x, at.y + d / 6};
	int r = draw_round(p, bow, d / 2, d * 3 / 5, d / 4, 0, c);

	if (r == 0)
		r = draw_round(p, bow, d / 2 - 2 * thick,
			       d * 3 / 5 - 2 * thick, d / 4 - thick, 0, back);
	if (r == 0)
		r = draw_round(p, body, d * 4 / 5, d * 3 / 5, d / 12, 0, c);
	return r;
}

static int draw_icon(struct pic *p, const struct splash_text *t,
		     struct spot at, unsigned d)
{
	const struct pic_color c = COMPOSE_SPEAKING, back = COMPOSE_BACK;
	int r;

	switch (t->icon) {
	case ICON_CLOCK:
		return draw_clock(p, at, d, c, back);
	case ICON_LOCK:
		return draw_lock(p, at, d, c, back);
	case ICON_PERSON:
		r = draw_disc(p, at, d, c);
		return r < 0 ? r : draw_person(p, at, d, back);
	}
	return 0;
}

static int draw_text(struct pic *p, struct fonts *f, const char *text,
		     struct line_cfg cfg, struct spot at, struct pic_color c)
{
	struct name name;

	name_clean(&name, span_str(text));
	cfg.cps = name.cps;
	cfg.n = name.n;
	if (cfg.px < SHAPE_PX_MIN)
		cfg.px = SHAPE_PX_MIN;
	return draw_line(p, f, &cfg, at, c);
}

int draw_splash(struct sprite *out, struct fonts *f,
		const struct splash_text *text, unsigned w, unsigned h)
{
	const struct spot icon = {w / 2, h * 36 / 100};
	const struct spot title = {w / 2, h * 60 / 100};
	const struct spot detail = {w / 2, h * 68 / 100};
	const struct pic_color grey = {170, 130, 126};
	const struct line_cfg big = {.px = h / 17, .max_w = w * 9 / 10,
				     .bold = true};
	const struct line_cfg small = {.px = h / 30, .max_w = w * 9 / 10};
	struct sprite s = {0};
	int r = pic_new(&s.pic, w, h);

	if (r < 0)
		return r;
	pic_fill(s.pic, COMPOSE_BACK);
	r = draw_icon(s.pic, text, icon, even(h / 6));
	if (r == 0)
		r = draw_text(s.pic, f, text->title, big, title, white);
	if (r == 0)
		r = draw_text(s.pic, f, text->detail, small, detail, grey);
	if (r < 0)
		sprite_release(&s);
	else
		*out = s;
	return r;
}
