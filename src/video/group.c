/* One encoder: composes what changed, encodes, hands the picture to media. */
#include "base/alloc.h"
#include "base/clock.h"
#include "video/worker_int.h"

/* Encoders plan with the distance between pictures: never below the nominal
 * one, and a long rest does not look like a low rate. */
enum { STEP_MAX_MS = 100 };

static int make_encoder(struct group *g)
{
	const struct venc_cfg cfg = {
		.codec = g->plan.codec, .w = g->plan.w, .h = g->plan.h,
		.fps = g->plan.fps, .kbps = g->kbps,
		.nal_max_bytes = VIDEO_NAL_MAX_BYTES};

	venc_free(&g->enc);
	return venc_new(&g->enc, &cfg);
}

int group_new(struct group **out, struct room *room,
	      const struct group_plan *plan, uint64_t now)
{
	struct group *g = mem_zalloc(sizeof(*g));
	int r;

	if (!g)
		return E_NOMEM;
	g->plan = *plan;
	g->kbps = plan->kbps;
	g->redraw = true;
	g->dirty_ns = now;
	g->want_key = true;
	g->want_key_ns = now;
	group_resume(room, g, now);
	compose_style_init(&g->style, plan->w, plan->h);
	r = pic_new(&g->canvas, plan->w, plan->h);
	if (r == 0)
		r = make_encoder(g);
	if (r < 0) {
		pic_free(&g->canvas);
		mem_free(g);
		return r;
	}
	room->w->n_groups++;
	*out = g;
	return 0;
}

void group_free(struct room *room, struct group **g)
{
	if (!*g)
		return;
	venc_free(&(*g)->enc);
	pic_free(&(*g)->canvas);
	mem_free(*g);
	*g = NULL;
	room->w->n_groups--;
}

void group_replan(struct room *room, struct group *g,
		  const struct group_plan *plan, uint64_t now)
{
	if (!group_plan_looks_same(&g->plan, plan)) {
		if (!plan->layout || g->plan.layout != plan->layout ||
		    g->plan.names != plan->names)
			g->redraw = true;
		group_dirty(g, now);
	}
	if (g->plan.kbps != plan->kbps)
		g->kbps = plan->kbps;
	g->plan = *plan;
	pace_set(&g->pace, plan->fps, load_divisor(&room->w->load));
	/* at worst the former rate goes on */
	(void)venc_set_rate(g->enc, g->kbps, g->plan.fps);
}

void group_resume(struct room *room, struct group *g, uint64_t now)
{
	pace_init(&g->pace, g->plan.fps, now);
	pace_set(&g->pace, g->plan.fps, load_divisor(&room->w->load));
	if (g->dirty_ns != CLEAN)
		g->dirty_ns = now;
	if (g->want_key)
		g->want_key_ns = now;
}

void group_dirty(struct group *g, uint64_t now)
{
	if (g->dirty_ns == CLEAN)
		g->dirty_ns = now;
}

void group_want_key(struct group *g, uint64_t now)
{
	if (g->want_key)
		return;
	g->want_key = true;
	g->want_key_ns = now;
}

void group_rate(struct group *g, uint32_t kbps)
{
	/* media follows its receivers down, core's plan is the ceiling */
	if (kbps > g->plan.kbps)
		kbps = g->plan.kbps;
	if (kbps < VENC_KBPS_MIN)
		kbps = VENC_KBPS_MIN;
	g->kbps = kbps;
	(void)venc_set_rate(g->enc, kbps, g->plan.fps);	/* as above */
}

/* When the wish for a keyframe may be granted. */
static uint64_t key_allowed_ns(const struct group *g)
{
	uint64_t t = g->key_ns + VIDEO_KEY_OUT_MS * NS_PER_MS;

	return g->sent_key && t > g->want_key_ns ? t : g->want_key_ns;
}

static uint64_t wanted_ns(const struct group *g)
{
	uint64_t t = g->dirty_ns;

	if (g->want_key && key_allowed_ns(g) < t)
		t = key_allowed_ns(g);
	return t;
}

uint64_t group_due(const struct group *g)
{
	return pace_due(&g->pace, wanted_ns(g));
}

/* --- composing --- */

static struct drawn wanted(const struct room *room, const struct group *g,
			   unsigned slot, struct leg **leg)
{
	struct drawn d = {.complete = true};

	*leg = slot < g->plan.used ? room_leg(room, g->plan.slots[slot])
				   : NULL;
	if (!*leg)
		return d;
	d.leg = (*leg)->id;
	d.is_card = !(*leg)->video || !(*leg)->pic;
	d.serial = d.is_card ? 0 : (*leg)->serial;
	d.speaking = (*leg)->speaking;
	if (d.is_card || g->plan.names)
		d.name_serial = (*leg)->name_serial;
	return d;
}

static bool is_same(const struct drawn *a, const struct drawn *b)
{
	return a->complete && b->complete && a->leg == b->leg &&
	       a->serial == b->serial && a->name_serial == b->name_serial &&
	       a->is_card == b->is_card && a->speaking == b->speaking;
}

static int get_view(struct room *room, struct leg *leg, bool card,
		    struct layout_rect r, struct pic_view *out)
{
	const struct sprite *s;
	int e;

	if (!card)
		return tile_get(&leg->tiles, leg->pic, leg->serial, r.w, r.h,
				out);
	e = text_card(room->w->cfg.text, span_of(leg->name, leg->name_n),
		      leg->id, r.w, r.h, &s);
	if (e == 0)
		*out = pic_view(s->pic);
	return e;
}

/* What could not be had in this turn is tried again in the next. */
static void draw_cell(struct room *room, struct group *g, unsigned slot)
{
	struct layout_rect r = layout_rect(g->plan.layout, slot, g->plan.w,
					   g->plan.h);
	struct compose_cell cell = {.alone = g->plan.layout->n == 1};
	const struct sprite *label = NULL;
	struct pic_view view;
	struct leg *leg;
	struct drawn d = wanted(room, g, slot, &leg);
	int e = 0;

	if (!g->redraw && is_same(&g->drawn[slot], &d))
		return;
	if (leg) {
		e = get_view(room, leg, d.is_card, r, &view);
		cell.view = e == 0 ? &view : NULL;
		cell.speaking = d.speaking;
	}
	/* fetched last: one sprite at a time is valid */
	if (cell.view && g->plan.names && !d.is_card) {
		e = text_label(room->w->cfg.text,
			       span_of(leg->name, leg->name_n), r.w, r.h,
			       &label);
		cell.label = e == 0 ? label : NULL;
		if (e == E_NOTFOUND)
			e = 0;
	}
	compose_cell(g->canvas, &g->style, r, &cell);
	d.complete = e == 0;
	g->drawn[slot] = d;
	room->w->stats.cells_drawn++;
}

static bool draw_splash(struct room *room, struct group *g)
{
	const struct sprite *s;
	int e;

	if (!g->redraw)
		return true;
	e = text_splash(room->w->cfg.text, span_str(g->plan.splash), g->plan.w,
			g->plan.h, &s);
	if (e == 0)
		compose_sprite(g->canvas, s, 0, 0);
	else
		pic_fill(g->canvas, COMPOSE_BACK);
	return e == 0;
}

static void compose(struct room *room, struct group *g, uint64_t now)
{
	bool complete = true;

	text_turn(room->w->cfg.text);
	if (!g->plan.layout) {
		complete = draw_splash(room, g);
	} else {
		if (g->redraw)
			pic_fill(g->canvas, COMPOSE_BACK);
		for (unsigned i = 0; i < g->plan.layout->n; i++) {
			draw_cell(room, g, i);
			complete = complete && g->drawn[i].complete;
		}
	}
	g->redraw = g->redraw && !complete && !g->plan.layout;
	g->dirty_ns = complete ? CLEAN : now;
}

/* --- encoding --- */

static uint32_t step_of(struct group *g, uint64_t now)
{
	uint64_t least = NS_PER_S / g->plan.fps;
	uint64_t d = now - g->made_ns;

	if (d < least)
		d = least;
	if (d > STEP_MAX_MS * NS_PER_MS)
		d = STEP_MAX_MS * NS_PER_MS;
	g->made_ns = now;
	return (uint32_t)(d * VENC_CLOCK_HZ / NS_PER_S);
}

static void hand_over(struct room *room, struct group *g,
		      const struct venc_out *out, uint64_t now)
{
	struct worker *w = room->w;
	const struct frame f = {
		.kind = FRAME_OUT, .codec = g->plan.codec,
		.flags = out->key ? FRAME_F_KEY : 0,
		.width = g->plan.w, .height = g->plan.h, .chunks = 1,
		.id = g->frame_id++, .kbps = g->kbps, .room = room->id,
		.stream = g->plan.id, .mono_ns = now,
		.total = (uint32_t)out->data.n, .data = out->data};

	if (out->key) {
		g->want_key = false;
		g->sent_key = true;
		g->key_ns = now;
		w->stats.keys_out++;
	}
	w->stats.frames_out++;
	w->stats.bytes_out += out->data.n;
	if (w->cfg.send(w->cfg.arg, &f) < 0) {
		/* the receivers lost a reference */
		w->stats.send_full++;
		group_want_key(g, now);
	}
}

void group_make(struct room *room, struct group *g, uint64_t now)
{
	struct worker *w = room->w;
	bool key = g->want_key && now >= key_allowed_ns(g);
	unsigned missed = pace_made(&g->pace, wanted_ns(g), now);
	struct pic_view view;
	struct venc_out out;
	int r;

	w->stats.missed += missed;
	load_missed(&w->load, missed);
	if (g->dirty_ns != CLEAN)
		compose(room, g, now);
	view = pic_view(g->canvas);
	r = venc_encode(g->enc, &view, step_of(g, now), key, &out);
	if (r == 0 && out.data.n <= FRAME_MAX) {
		hand_over(room, g, &out, now);
		return;
	}
	if (r == E_AGAIN)
		return;
	/* an encoder that failed once is not trusted again */
	w->stats.dropped++;
	group_want_key(g, now);
	if (make_encoder(g) < 0)
		w->stats.refused++;
}
