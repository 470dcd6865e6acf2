/* Presentation: what one leg of a room presents goes, undecoded, to the slides
 * sections of the others. Whole pictures, because that is what loss repair,
 * pacing and late joiners need; numbers, stamps and SSRC are each receiver's
 * own (video/out.h). */
#include "media/media.h"
#include "base/clock.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum { RATE_WINDOW_MS = 1000 };

bool leg_presents(const struct leg *leg)
{
	return leg->room->slides.presenter &&
	       leg->room->slides.presenter == leg->handle;
}

static struct leg *presenter_of(const struct room *r)
{
	struct leg *leg = r->slides.presenter ?
			  leg_find(r->m, r->slides.presenter) : NULL;

	return leg && leg->room == r ? leg : NULL;
}

/* Is there presentation for this leg, and from whom? */
static bool is_shown(const struct leg *leg)
{
	return leg->sout && leg->is_admitted && !leg->no_slides &&
	       leg->room->slides.presenter && !leg_presents(leg);
}

/* --- what core says ------------------------------------------------------ */

static void ways_take(struct room *r, const Cv__Presentation *msg)
{
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		leg->had_way = leg->has_way;
		leg->had_group = leg->slides_group;
		leg->has_way = false;
		leg->slides_group = 0;
	}
	for (size_t i = 0; i < msg->n_ways; i++) {
		struct leg *leg = leg_find(r->m, msg->ways[i]->leg);

		if (!leg || leg->room != r) {
			r->m->stats.bad_handles++;
			continue;
		}
		leg->has_way = true;
		leg->slides_group = msg->ways[i]->group;
	}
	/* another source begins with a keyframe */
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (leg->sout && (leg->has_way != leg->had_way ||
				  leg->slides_group != leg->had_group))
			video_out_switch(leg->sout);
	}
}

static void presenter_take(struct room *r, uint64_t presenter)
{
	r->slides.presenter = presenter;
	r->slides.kbps = r->slides.rate_kbps = 0;
	r->slides.rate_ns = r->slides.rate_bytes = 0;
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (leg->sin)
			video_in_need(leg->sin, leg_presents(leg));
		if (leg->sout)
			video_out_switch(leg->sout);
	}
}

void room_present(struct room *r, const Cv__Presentation *msg)
{
	const bool is_new_tee = msg->to_video && !r->slides.to_video;
	struct leg *p;

	r->slides.to_video = msg->to_video;
	ways_take(r, msg);
	if (msg->presenter != r->slides.presenter)
		presenter_take(r, msg->presenter);
	p = presenter_of(r);
	if (is_new_tee && p && p->sin && p->sin->assemble)
		video_in_want_key(p->sin);
}

/* --- pictures -------------------------------------------------------------- */

static void give(struct leg *leg, const struct frame *f)
{
	if (video_out_take_codec(leg->sout, f->codec) &&
	    video_out_give(leg->sout, f, leg->m->cut) < 0)
		leg->m->stats.frames_bad++;
}

static void tee(struct leg *from, struct frame *f, struct span data)
{
	f->flags |= FRAME_F_SLIDES;
	if (vlink_picture(from->m, f, data) != E_FULL)
		return;
	/* the decoder misses one: only a keyframe helps */
	video_in_want_key(from->sin);
}

void slides_picture(struct leg *from, struct frame *f, struct span data)
{
	struct room *r = from->room;

	if (!leg_presents(from) || !from->is_admitted)
		return;
	r->m->stats.slides_pictures++;
	r->slides.rate_bytes += data.n;
	f->data = data;
	r->m->cut->max = 0;
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (is_shown(leg) && !leg->has_way)
			give(leg, f);
	}
	if (r->slides.to_video)
		tee(from, f, data);
}

void slides_group(struct room *r, const struct group *g,
		  const struct frame *f)
{
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (is_shown(leg) && leg->has_way && leg->slides_group == g->id)
			give(leg, f);
	}
}

/* --- keyframes ------------------------------------------------------------- */

static void pass_on(struct leg *leg)
{
	struct room *r = leg->room;
	struct leg *p = presenter_of(r);
	struct group *g = leg->has_way ? room_group(r, leg->slides_group)
				       : NULL;

	leg->sout->key_held = false;
	leg->sout->key_ns = leg->m->now_ns;
	if (g)
		group_want_key(r, g);
	else if (!leg->has_way && p && p->sin && p->sin->assemble)
		video_in_want_key(p->sin);
}

void slides_want_key(struct leg *leg)
{
	struct video_out *v = leg->sout;

	if (!is_shown(leg))
		return;
	if (v->key_ns && leg->m->now_ns - v->key_ns <
	    MEDIA_SLIDES_KEY_MS * NS_PER_MS) {
		leg->m->stats.slides_keys_held += !v->key_held;
		v->key_held = true;
		return;
	}
	pass_on(leg);
}

/* A still screen sends no pictures for long: who waits for a keyframe says so
 * without having missed one. */
void slides_service(struct leg *leg)
{
	struct video_out *v = leg->sout;

	if (!is_shown(leg) || !flow_is_open(v->flow) ||
	    (!v->needs_key && !v->key_held))
		return;
	if (v->key_ns && leg->m->now_ns - v->key_ns <
	    MEDIA_SLIDES_KEY_MS * NS_PER_MS)
		return;
	pass_on(leg);
}

/* --- rates ------------------------------------------------------------------- */

static uint32_t total_kbps(const struct leg *leg, uint64_t now_ns)
{
	return leg->link ? bwe_kbps(&leg->link->bwe, now_ns) : BWE_MIN_KBPS;
}

uint32_t leg_slides_kbps(const struct leg *leg, uint64_t now_ns)
{
	return total_kbps(leg, now_ns) * MEDIA_SLIDES_PERCENT / 100;
}

/* What presentation brings him just now. */
static uint32_t slides_rate(const struct leg *leg)
{
	const struct group *g;

	if (!leg->has_way)
		return leg->room->slides.rate_kbps;
	g = room_group(leg->room, leg->slides_group);
	return g ? g->rate_kbps : 0;
}

/* What presentation does not take: what comes now and a quarter more. */
uint32_t leg_main_kbps(const struct leg *leg, uint64_t now_ns)
{
	const uint32_t total = total_kbps(leg, now_ns);
	const uint32_t most = leg_slides_kbps(leg, now_ns);
	const uint32_t rate = slides_rate(leg) * 5 / 4;

	if (!is_shown(leg))
		return total;
	return total - (rate < most ? rate : most);
}

static void measure(struct room *r, uint64_t now_ns)
{
	const uint64_t d = now_ns - r->slides.rate_ns;

	if (r->slides.rate_ns && d < RATE_WINDOW_MS * NS_PER_MS)
		return;
	if (r->slides.rate_ns)
		r->slides.rate_kbps = (uint32_t)(r->slides.rate_bytes * 8 *
						 NS_PER_MS / d);
	r->slides.rate_bytes = 0;
	r->slides.rate_ns = now_ns;
}

void slides_room_service(struct room *r, uint64_t now_ns)
{
	uint32_t kbps = 0;

	if (!r->slides.presenter)
		return;
	measure(r, now_ns);
	list_each(it, tmp, &r->legs) {
		const struct leg *leg = list_entry(it, struct leg, in_room);
		uint32_t k;

		if (!is_shown(leg) || leg->has_way ||
		    !flow_is_open(leg->sout->flow))
			continue;
		k = leg_slides_kbps(leg, now_ns);
		if (k >= MEDIA_SLIDES_KBPS_MIN && (!kbps || k < kbps))
			kbps = k;
	}
	r->slides.kbps = kbps;
}
