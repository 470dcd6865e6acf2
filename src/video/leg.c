/* One person's picture: joining, decoding, what it may cost, keyframes. */
#include "base/alloc.h"
#include "base/clock.h"
#include "video/worker_int.h"

void leg_drop_picture(struct leg *leg)
{
	pic_free(&leg->pic);
	tile_release(&leg->tiles);
}

static void count_pixels(struct room *room, struct leg *leg, uint32_t n)
{
	room->w->pixels += n;
	room->w->pixels -= leg->pixels;
	leg->pixels = n;
}

static void drop_decoder(struct room *room, struct leg *leg)
{
	if (!leg->dec)
		return;
	vdec_free(&leg->dec);
	count_pixels(room, leg, 0);
	room->n_decoders--;
	room->w->n_decoders--;
}

void leg_reset(struct room *room, struct leg *leg)
{
	drop_decoder(room, leg);
	frame_join_free(&leg->join);
	leg->has_id = false;
	leg->need_key = true;
	leg->asked = false;
}

void leg_free(struct room *room, struct leg **leg)
{
	leg_reset(room, *leg);
	leg_drop_picture(*leg);
	list_del(&(*leg)->at);
	mem_free(*leg);
	*leg = NULL;
}

void leg_ask_key(struct room *room, struct leg *leg, uint64_t now)
{
	struct worker *w = room->w;
	const struct frame f = {.kind = FRAME_WANT_KEY, .chunks = 1,
				.flags = leg->is_slides ? FRAME_F_SLIDES : 0,
				.room = room->id,
				.stream = leg->is_slides
					? plan_slides_id(leg->id) : leg->id,
				.mono_ns = now};

	if (leg->asked && now < leg->asked_ns + VIDEO_KEY_ASK_MS * NS_PER_MS)
		return;
	if (!w->has_media || w->cfg.send(w->cfg.arg, &f) < 0)
		return;
	leg->asked = true;
	leg->asked_ns = now;
	w->stats.keys_asked++;
}

static void lose(struct room *room, struct leg *leg, uint64_t now)
{
	room->w->stats.dropped++;
	leg->need_key = true;
	leg_ask_key(room, leg, now);
}

/* A decoder of the right kind, within the caps. Only a keyframe gets here. */
static int ensure_decoder(struct room *room, struct leg *leg,
			  const struct frame *f, const struct vdec_info *info)
{
	struct worker *w = room->w;
	uint32_t pixels = (uint32_t)info->w * info->h;
	int r;

	if (leg->dec && vdec_codec(leg->dec) != f->codec)
		drop_decoder(room, leg);
	/* an IDR picture may come without its size */
	if (pixels == 0)
		pixels = leg->pixels;
	if (w->pixels - leg->pixels + pixels > VIDEO_DECODED_PIXELS_MAX)
		return E_LIMIT;
	if (!leg->dec) {
		if (room->n_decoders >= VIDEO_DECODERS_ROOM_MAX ||
		    w->n_decoders >= VIDEO_DECODERS_MAX)
			return E_LIMIT;
		r = vdec_new(&leg->dec, f->codec);
		if (r < 0)
			return r;
		room->n_decoders++;
		w->n_decoders++;
	}
	count_pixels(room, leg, pixels);
	return 0;
}

/* A sender whose pictures cost too much is left out for a while: one person
 * must not take the worker from the others. */
static void charge(struct room *room, struct leg *leg, uint64_t cost,
		   uint64_t now)
{
	if (now >= leg->window_ns + VIDEO_DECODE_WINDOW_MS * NS_PER_MS) {
		leg->window_ns = now;
		leg->spent_ns = 0;
	}
	leg->spent_ns += cost;
	if (cost <= VIDEO_DECODE_ONE_MS * NS_PER_MS &&
	    leg->spent_ns <= VIDEO_DECODE_IN_WINDOW_MS * NS_PER_MS)
		return;
	leg->paused_until_ns = now + VIDEO_PAUSE_MS * NS_PER_MS;
	leg_reset(room, leg);
	leg_drop_picture(leg);
	room->w->stats.paused++;
	room_dirty(room, leg->shown, now);
}

static int decode(struct room *room, struct leg *leg, const struct frame *f,
		  uint64_t now)
{
	struct worker *w = room->w;
	struct pic_view view;
	uint64_t before = w->cfg.cpu_ns(w->cfg.arg);
	int r = vdec_decode(leg->dec, f->data, &view);

	if (r == 0)
		r = pic_assign(&leg->pic, &view);
	if (r == 0) {
		leg->serial = ++w->serial;
		room_dirty(room, leg->shown, now);
	}
	charge(room, leg, w->cfg.cpu_ns(w->cfg.arg) - before, now);
	return r;
}

static bool is_gap(const struct leg *leg, const struct frame *f)
{
	return leg->has_id && f->id != leg->last_id + 1;
}

static void whole_picture(struct room *room, struct leg *leg,
			  const struct frame *f, uint64_t now)
{
	struct vdec_info info;
	bool gap = is_gap(leg, f);
	int r = vdec_probe(&info, f->codec, f->data);

	leg->has_id = true;
	leg->last_id = f->id;
	if (gap)
		leg->need_key = true;
	if (r < 0 || (leg->need_key && !info.key)) {
		lose(room, leg, now);
		return;
	}
	if (info.key) {
		r = ensure_decoder(room, leg, f, &info);
		if (r < 0)
			room->w->stats.refused++;
	} else if (!leg->dec || vdec_codec(leg->dec) != f->codec) {
		r = E_STATE;
	}
	if (r == 0)
		r = decode(room, leg, f, now);
	if (r < 0 && r != E_AGAIN) {
		lose(room, leg, now);
		return;
	}
	leg->need_key = !leg->dec;	/* paused meanwhile */
}

void leg_chunk(struct room *room, struct leg *leg, const struct frame *chunk,
	       uint64_t now)
{
	struct frame whole;
	bool lost;
	int r = 0;

	if (!leg->shown || !leg->video || now < leg->paused_until_ns) {
		/* what is skipped is missing as a reference later */
		leg->need_key = true;
		leg->has_id = false;
		room->w->stats.dropped++;
		return;
	}
	if (!leg->join)
		r = frame_join_new(&leg->join);
	if (r < 0) {
		lose(room, leg, now);
		return;
	}
	r = frame_join_add(leg->join, chunk, &whole, &lost);
	if (lost)
		lose(room, leg, now);
	if (r == 0)
		whole_picture(room, leg, &whole, now);
}

void leg_set_shown(struct room *room, struct leg *leg, uint32_t shown,
		   uint64_t now)
{
	bool appears = shown && !leg->shown;

	if (!shown && leg->shown)
		leg->hidden_ns = now;
	leg->shown = shown;
	if (appears && leg->video && (leg->need_key || !leg->dec)) {
		leg->need_key = true;
		leg_ask_key(room, leg, now);
	}
}

void leg_second(struct room *room, struct leg *leg, uint64_t now)
{
	if (leg->shown) {
		if (leg->video && leg->need_key && now >= leg->paused_until_ns)
			leg_ask_key(room, leg, now);
		return;
	}
	if (now >= leg->hidden_ns + VIDEO_HIDDEN_DECODER_MS * NS_PER_MS &&
	    (leg->dec || leg->join))
		leg_reset(room, leg);
	if (now >= leg->hidden_ns + VIDEO_HIDDEN_PICTURE_MS * NS_PER_MS)
		leg_drop_picture(leg);
}
