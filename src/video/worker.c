#include "video/worker.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "video/worker_int.h"

enum { HOUSEKEEPING_MS = 1000 };

int worker_new(struct worker **out, const struct worker_cfg *cfg,
	       uint64_t now)
{
	struct worker *w = mem_zalloc(sizeof(*w));
	int r;

	if (!w)
		return E_NOMEM;
	w->cfg = *cfg;
	w->groups_max = VIDEO_GROUPS_MAX;
	w->second_ns = now + HOUSEKEEPING_MS * NS_PER_MS;
	load_init(&w->load, now, cfg->cpu_ns(cfg->arg));
	r = map_new(&w->rooms, VIDEO_ROOMS_MAX);
	if (r < 0)
		mem_free(w);
	else
		*out = w;
	return r;
}

/* The next room of a walk, NULL at the end. */
static struct room *next_room(const struct worker *w, size_t *it)
{
	struct span key;
	void *room;

	return map_next(w->rooms, it, &key, &room) ? room : NULL;
}

void worker_free(struct worker **w)
{
	struct room *room;
	size_t it = 0;

	if (!*w)
		return;
	while ((room = next_room(*w, &it)) != NULL)
		room_free(&room);
	map_free(&(*w)->rooms);
	mem_free(*w);
	*w = NULL;
}

/* After a time without receivers: what waited since then was not missed. */
static void wake_room(struct room *room, uint64_t now)
{
	if (!room->idle)
		return;
	room->idle = false;
	for (unsigned i = 0; i < room->n_groups; i++)
		group_resume(room, room->groups[i], now);
}

static struct room *find_room(const struct worker *w, uint64_t id)
{
	return map_get(w->rooms, KEY_OF(id));
}

void worker_set_groups_max(struct worker *w, uint32_t n)
{
	if (n >= 1 && n <= VIDEO_GROUPS_MAX)
		w->groups_max = n;
}

/* --- core --- */

void worker_core_up(struct worker *w, uint64_t now)
{
	struct room *room;
	size_t it = 0;

	while ((room = next_room(w, &it)) != NULL) {
		room->stale = true;
		room->stale_ns = now;
	}
}

int worker_room_open(struct worker *w, uint64_t id, uint64_t now)
{
	struct room *room = find_room(w, id);
	int r;

	if (room) {
		room->stale = false;
		wake_room(room, now);
		return 0;
	}
	if (id == 0)
		return E_INVAL;
	r = room_new(&room, w, id);
	if (r == 0)
		r = map_put(w->rooms, KEY_OF(id), room);
	if (r < 0) {
		w->stats.refused++;
		room_free(&room);
	}
	return r;
}

void worker_room_close(struct worker *w, uint64_t id)
{
	struct room *room = map_del(w->rooms, KEY_OF(id));

	room_free(&room);
}

static int add_leg(struct room *room, uint64_t id, struct leg **out)
{
	struct leg *leg;
	int r;

	if (id == 0)
		return E_INVAL;
	leg = mem_zalloc(sizeof(*leg));
	if (!leg)
		return E_NOMEM;
	leg->id = id;
	leg->need_key = true;
	r = map_put(room->legs_by_id, KEY_OF(id), leg);
	if (r < 0) {
		mem_free(leg);
		return r;
	}
	list_add_tail(&room->legs, &leg->at);
	room->w->n_legs++;
	*out = leg;
	return 0;
}

static uint32_t shown_in(const struct room *room, uint64_t leg)
{
	uint32_t shown = 0;

	for (unsigned i = 0; i < room->n_groups; i++)
		if (group_plan_shows(&room->groups[i]->plan, leg))
			shown |= 1u << i;
	return shown;
}

static void set_name(struct room *room, struct leg *leg, struct span name)
{
	if (name.n > sizeof(leg->name))
		name.n = sizeof(leg->name);
	if (span_eq(name, span_of(leg->name, leg->name_n)))
		return;
	if (name.n)
		memcpy(leg->name, name.p, name.n);
	leg->name_n = name.n;
	leg->name_serial = ++room->w->serial;
}

static void remove_leg(struct room *room, struct leg *leg, uint64_t now)
{
	room_dirty(room, leg->shown, now);
	(void)map_del(room->legs_by_id, KEY_OF(leg->id));
	leg_free(room, &leg);
	room->w->n_legs--;
}

int worker_person(struct worker *w, const Cv__VideoPerson *m, uint64_t now)
{
	struct room *room = find_room(w, m->room);
	struct leg *leg;
	int r;

	if (!room)
		return E_NOTFOUND;
	if (m->leg & PLAN_SLIDES_BIT)
		return E_INVAL;
	leg = room_leg(room, m->leg);
	if (m->gone) {
		if (leg)
			remove_leg(room, leg, now);
		return 0;
	}
	if (!leg) {
		r = add_leg(room, m->leg, &leg);
		if (r < 0) {
			w->stats.refused++;
			return r;
		}
		leg->hidden_ns = now;
	}
	set_name(room, leg, ipc_bytes(m->name));
	if (leg->video && !m->video) {
		leg_reset(room, leg);
		leg_drop_picture(leg);
	}
	leg->video = m->video;
	leg_set_shown(room, leg, shown_in(room, leg->id), now);
	if (leg->video && leg->shown && leg->need_key)
		leg_ask_key(room, leg, now);
	room_dirty(room, leg->shown, now);
	return 0;
}

/* The old group of that id, taken out of its place. */
static struct group *take_group(struct group **groups, unsigned n, uint32_t id)
{
	for (unsigned i = 0; i < n; i++) {
		struct group *g = groups[i];

		if (g && g->plan.id == id) {
			groups[i] = NULL;
			return g;
		}
	}
	return NULL;
}

/* Continues or makes one group of a new plan. An id that came before in the
 * same plan finds no old group and no place. */
static int plan_group(struct room *room, struct group **old, unsigned n_old,
		      const struct group_plan *plan, uint64_t now)
{
	struct worker *w = room->w;
	struct group *g, *was;
	int r;

	for (unsigned i = 0; i < room->n_groups; i++)
		if (room->groups[i]->plan.id == plan->id)
			return E_EXISTS;
	if (room->n_groups >= w->groups_max)
		return E_LIMIT;
	was = take_group(old, n_old, plan->id);
	if (was && group_plan_continues(&was->plan, plan)) {
		group_replan(room, was, plan, now);
		room->groups[room->n_groups++] = was;
		return 0;
	}
	if (w->n_groups - (was != NULL) >= VIDEO_ENCODERS_MAX) {
		group_free(room, &was);
		return E_LIMIT;
	}
	r = group_new(&g, room, plan, now);
	if (r == 0) {
		/* receivers see one stream that changes its size */
		g->frame_id = was ? was->frame_id : 0;
		room->groups[room->n_groups++] = g;
	}
	group_free(room, &was);
	return r;
}

/* A presentation is there while a group shows it. */
static void add_slides(struct room *room, uint64_t id)
{
	struct leg *leg;

	if (!id || room_leg(room, id))
		return;
	if (add_leg(room, id, &leg) < 0) {
		room->w->stats.refused++;
		return;
	}
	leg->is_slides = leg->video = leg->tiles.is_whole = true;
}

static void show_legs(struct room *room, uint64_t now)
{
	for (unsigned i = 0; i < room->n_groups; i++)
		add_slides(room, room->groups[i]->plan.slides);
	list_each(it, tmp, &room->legs) {
		struct leg *leg = list_entry(it, struct leg, at);

		leg_set_shown(room, leg, shown_in(room, leg->id), now);
		if (leg->is_slides && !leg->shown)
			remove_leg(room, leg, now);
	}
}

int worker_plan(struct worker *w, const Cv__VideoPlan *m, uint64_t now)
{
	struct room *room = find_room(w, m->room);
	struct group *old[VIDEO_GROUPS_MAX];
	struct group_plan plan;
	unsigned n_old;

	if (!room)
		return E_NOTFOUND;
	room->stale = false;
	wake_room(room, now);
	n_old = room->n_groups;
	memcpy(old, room->groups, sizeof(old));
	room->n_groups = 0;
	for (size_t i = 0; i < m->n_groups; i++) {
		int r = group_plan_decode(&plan, m->groups[i]);

		if (r == 0)
			r = plan_group(room, old, n_old, &plan, now);
		if (r < 0)
			w->stats.refused++;
	}
	for (unsigned i = 0; i < n_old; i++)
		group_free(room, &old[i]);
	show_legs(room, now);
	return 0;
}

static bool is_in(const Cv__VideoSpeaking *m, uint64_t leg)
{
	for (size_t i = 0; i < m->n_legs; i++)
		if (m->legs[i] == leg)
			return true;
	return false;
}

int worker_speaking(struct worker *w, const Cv__VideoSpeaking *m,
		    uint64_t now)
{
	struct room *room = find_room(w, m->room);

	if (!room)
		return E_NOTFOUND;
	list_each(it, tmp, &room->legs) {
		struct leg *leg = list_entry(it, struct leg, at);
		bool speaking = is_in(m, leg->id);

		if (speaking != leg->speaking)
			room_dirty(room, leg->shown, now);
		leg->speaking = speaking;
	}
	return 0;
}

/* --- media --- */

static void reset_legs(struct room *room)
{
	list_each(it, tmp, &room->legs)
		leg_reset(room, list_entry(it, struct leg, at));
}

static void want_all(struct room *room, uint64_t now)
{
	for (unsigned i = 0; i < room->n_groups; i++) {
		/* a new media has seen nothing: the pause between keyframes
		 * must not put a picture before the first one */
		room->groups[i]->sent_key = false;
		group_want_key(room->groups[i], now);
	}
	list_each(it, tmp, &room->legs) {
		struct leg *leg = list_entry(it, struct leg, at);

		if (leg->shown && leg->video)
			leg_ask_key(room, leg, now);
	}
}

void worker_media_up(struct worker *w, uint64_t now)
{
	struct room *room;
	size_t it = 0;

	w->has_media = true;
	while ((room = next_room(w, &it)) != NULL) {
		room->idle = true;
		wake_room(room, now);
		reset_legs(room);
		want_all(room, now);
	}
}

/* The last pictures stay: they are shown until new ones come. */
void worker_media_down(struct worker *w)
{
	struct room *room;
	size_t it = 0;

	w->has_media = false;
	while ((room = next_room(w, &it)) != NULL)
		reset_legs(room);
}

static struct group *find_group(const struct room *room, uint64_t id)
{
	for (unsigned i = 0; i < room->n_groups; i++)
		if (room->groups[i]->plan.id == id)
			return room->groups[i];
	return NULL;
}

static bool for_group(struct room *room, const struct frame *f, uint64_t now)
{
	struct group *g = find_group(room, f->stream);

	if (!g)
		return false;
	if (f->kind == FRAME_RATE)
		group_rate(g, f->kbps);
	else
		group_want_key(g, now);
	return true;
}

static bool for_leg(struct room *room, const struct frame *f, uint64_t now)
{
	struct leg *leg = room_leg(room, f->flags & FRAME_F_SLIDES
				   ? plan_slides_id(f->stream) : f->stream);

	if (!leg)
		return false;
	if (f->chunk + 1u == f->chunks)
		room->w->stats.frames_in++;
	leg_chunk(room, leg, f, now);
	return true;
}

void worker_frame(struct worker *w, const struct frame *f, uint64_t now)
{
	struct room *room = find_room(w, f->room);
	bool taken = false;

	if (room && f->kind == FRAME_ROOM_GONE) {
		reset_legs(room);
		room->idle = true;
		return;
	}
	if (room) {
		wake_room(room, now);
		if (f->kind == FRAME_IN)
			taken = for_leg(room, f, now);
		else if (f->kind == FRAME_RATE || f->kind == FRAME_WANT_KEY)
			taken = for_group(room, f, now);
	}
	if (!taken)
		w->stats.dropped++;
}

/* --- the loop --- */

static uint64_t find_due(const struct worker *w, struct room **out,
			 struct group **g)
{
	uint64_t best = UINT64_MAX;
	struct room *room;
	size_t it = 0;

	*g = NULL;
	while (w->has_media && (room = next_room(w, &it)) != NULL)
		for (unsigned i = 0; i < room->n_groups && !room->idle; i++) {
			uint64_t due = group_due(room->groups[i]);

			if (due >= best)
				continue;
			best = due;
			*out = room;
			*g = room->groups[i];
		}
	return best;
}

uint64_t worker_due(const struct worker *w)
{
	struct room *room;
	struct group *g;
	uint64_t due = find_due(w, &room, &g);

	return due < w->second_ns ? due : w->second_ns;
}

static void set_divisor(struct worker *w)
{
	struct room *room;
	size_t it = 0;

	while ((room = next_room(w, &it)) != NULL)
		for (unsigned i = 0; i < room->n_groups; i++) {
			struct group *g = room->groups[i];

			pace_set(&g->pace, g->plan.fps,
				 load_divisor(&w->load));
		}
}

/* One stale room a second is enough; deleting ends the walk. */
static void drop_stale(struct worker *w, uint64_t now)
{
	struct room *room;
	size_t it = 0;

	while ((room = next_room(w, &it)) != NULL) {
		if (!room->stale || now < room->stale_ns +
		    (uint64_t)VIDEO_STALE_ROOM_MS * NS_PER_MS)
			continue;
		worker_room_close(w, room->id);
		return;
	}
}

static void housekeeping(struct worker *w, uint64_t now)
{
	unsigned before = load_divisor(&w->load);
	struct room *room;
	size_t it = 0;

	if (load_turn(&w->load, now, w->cfg.cpu_ns(w->cfg.arg)))
		w->window_closed = true;
	if (before != load_divisor(&w->load))
		set_divisor(w);
	while ((room = next_room(w, &it)) != NULL)
		list_each(at, tmp, &room->legs)
			leg_second(room, list_entry(at, struct leg, at), now);
	drop_stale(w, now);
	w->second_ns = now + HOUSEKEEPING_MS * NS_PER_MS;
}

void worker_run(struct worker *w, uint64_t now)
{
	struct room *room;
	struct group *g;

	if (now >= w->second_ns)
		housekeeping(w, now);
	if (find_due(w, &room, &g) <= now && g)
		group_make(room, g, now);
}

bool worker_load(struct worker *w, uint32_t *permille)
{
	if (!w->window_closed)
		return false;
	w->window_closed = false;
	*permille = w->load.permille;
	return true;
}

static uint64_t room_bytes(const struct room *room)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < room->n_groups; i++)
		n += pic_bytes(room->groups[i]->plan.w,
			       room->groups[i]->plan.h);
	list_each(it, tmp, &room->legs) {
		const struct leg *leg = list_entry(it, struct leg, at);

		n += tile_bytes(&leg->tiles);
		if (leg->pic)
			n += pic_bytes(leg->pic->w, leg->pic->h);
	}
	return n;
}

void worker_stats(const struct worker *w, struct worker_stats *out)
{
	struct room *room;
	size_t it = 0;

	*out = w->stats;
	out->rooms = (uint32_t)map_count(w->rooms);
	out->legs = w->n_legs;
	out->groups = w->n_groups;
	out->decoders = w->n_decoders;
	out->divisor = load_divisor(&w->load);
	out->permille = w->load.permille;
	while ((room = next_room(w, &it)) != NULL)
		out->picture_bytes += room_bytes(room);
}
