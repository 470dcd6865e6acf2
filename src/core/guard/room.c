/* Rooms: a ring of the last 201 misses each, so that every threshold (5..200
 * in ten minutes, 200 in a day) is exact. */
#include "core/guard/guard_int.h"

bool room_is_used(const struct mem_room *r)
{
	return r->key_check != 0;
}

/* Four sums side by side: one after the other would cost as much as all the
 * rest of a note. */
uint64_t room_check(const struct mem_room *r)
{
	const unsigned n = r->n < ROOM_RING ? r->n : ROOM_RING;
	uint64_t h[4] = {4, 5, 6, 7}, w;
	unsigned i = 0;

	memcpy(&w, &r->n, 8);
	h[0] = mix(mix(h[0], r->key), r->turn);
	h[1] = mix(mix(h[1], r->block_until), r->released);
	h[2] = mix(h[2], w);
	for (; i + 4 <= n; i += 4)
		for (unsigned k = 0; k < 4; k++)
			h[k] = mix(h[k], r->stamp[i + k]);
	for (; i < n; i++)
		h[3] = mix(h[3], r->stamp[i]);
	return mix(mix(mix(h[0], h[1]), h[2]), h[3]);
}

void room_seal(struct mem_room *r)
{
	r->check = room_check(r);
}

/* The k-th most recent, k >= 1; the caller knows that n >= k. */
static uint64_t recent(const struct mem_room *r, unsigned k)
{
	return r->stamp[(r->at + ROOM_RING - k) % ROOM_RING];
}

static bool has_within(const struct mem_room *r, unsigned k, uint64_t window,
		       uint64_t t)
{
	return r->n >= k && age_of(recent(r, k), t) < window;
}

enum guard_room_state room_state(const struct guard *g,
				 const struct mem_room *r, uint64_t t)
{
	if (!r)
		return GUARD_ROOM_FREE;
	if (g->cfg.rules.mode == GUARD_MODE_BLOCK)
		return r->block_until > t ? GUARD_ROOM_BLOCKED :
			GUARD_ROOM_FREE;
	if (has_within(r, GUARD_DAY_MISSES, DAY_NS, t))
		return GUARD_ROOM_TIRED;
	return has_within(r, g->cfg.rules.room_misses + 1, WINDOW_NS, t) ?
		GUARD_ROOM_GUARDED : GUARD_ROOM_FREE;
}

/* How long it stays in its state at the least, if nothing more happens. */
uint64_t room_left_ns(const struct guard *g, const struct mem_room *r,
		      uint64_t t)
{
	switch (room_state(g, r, t)) {
	case GUARD_ROOM_BLOCKED:
		return r->block_until - t;
	case GUARD_ROOM_TIRED:
		return DAY_NS - age_of(recent(r, GUARD_DAY_MISSES), t);
	case GUARD_ROOM_GUARDED:
		return WINDOW_NS - age_of(recent(r, g->cfg.rules.room_misses +
						 1), t);
	default:
		return 0;
	}
}

uint64_t room_turn_ns(const struct guard *g, const struct mem_room *r,
		      uint64_t t)
{
	switch (room_state(g, r, t)) {
	case GUARD_ROOM_TIRED:
		return r->turn + GUARD_TIRED_TURN_S * NS_PER_S;
	case GUARD_ROOM_GUARDED:
		return r->turn + GUARD_TURN_S * NS_PER_S;
	default:
		return 0;
	}
}

void room_push(struct mem_room *r, uint64_t t)
{
	r->stamp[r->at] = t;
	r->at = (uint16_t)((r->at + 1u) % ROOM_RING);
	if (r->n < ROOM_RING)
		r->n++;
}

/* Does anything in it still count for something? */
bool room_is_live(const struct mem_room *r, uint64_t t)
{
	return has_within(r, 1, DAY_NS, t) || r->block_until > t ||
	       (r->released && age_of(r->released, t) < WINDOW_NS);
}

static void room_make(struct mem_room *r, uint64_t key)
{
	*r = (struct mem_room){.key = key, .key_check = room_key_check(key)};
}

/* --- real ones: chains that the heap holds --------------------------------- */

static int32_t *chain_of(const struct guard *g, uint64_t key)
{
	return &g->room_head[key & (g->room_buckets - 1)];
}

static struct mem_room *real_find(const struct guard *g, uint64_t key)
{
	for (int32_t i = *chain_of(g, key); i != NONE; i = g->room_next[i])
		if (g->rooms[i].key == key)
			return &g->rooms[i];
	return NULL;
}

void room_index(struct guard *g, int32_t slot)
{
	int32_t *head = chain_of(g, g->rooms[slot].key);

	g->room_next[slot] = *head;
	*head = slot;
	g->stats.rooms++;
	g->n_made += g->rooms[slot].made;
	bit_set(g->room_marks, (size_t)slot,
		g->rooms[slot].announced != GUARD_ROOM_FREE);
}

static void real_free(struct guard *g, int32_t slot)
{
	int32_t *at = chain_of(g, g->rooms[slot].key);

	while (*at != slot)
		at = &g->room_next[*at];
	*at = g->room_next[slot];
	g->n_made -= g->rooms[slot].made;
	memset(&g->rooms[slot], 0, sizeof(g->rooms[slot]));
	bit_set(g->room_marks, (size_t)slot, false);
	g->room_free[g->n_room_free++] = slot;
	g->stats.rooms--;
}

/* Frees what nothing counts in, among `n` slots from where it stopped. */
static void sweep(struct guard *g, uint32_t n, uint64_t t)
{
	for (; n > 0; n--) {
		struct mem_room *r = &g->rooms[g->sweep];

		if (room_is_used(r)) {
			room_announce(g, r, NULL, t);
			if (!room_is_live(r, t))
				real_free(g, (int32_t)g->sweep);
		}
		g->sweep = (g->sweep + 1) % g->cfg.rooms;
	}
}

/* --- phantoms: sets of eight ------------------------------------------------ */

static struct mem_room *phantom_set(const struct guard *g, uint64_t key)
{
	return &g->phantoms[(key & (g->cfg.phantoms / WAYS - 1)) * WAYS];
}

static struct mem_room *phantom_find(const struct guard *g, uint64_t key)
{
	struct mem_room *set = phantom_set(g, key);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].key == key && room_is_used(&set[i]))
			return &set[i];
	return NULL;
}

static uint64_t phantom_score(const struct guard *g, const struct mem_room *r,
			      uint64_t t)
{
	unsigned n = 0;

	if (!room_is_used(r))
		return 0;
	while (n < r->n && age_of(recent(r, n + 1), t) < DAY_NS)
		n++;
	return 1 + n + 1000 * (uint64_t)room_state(g, r, t);
}

static struct mem_room *phantom_claim(struct guard *g, uint64_t key,
				      uint64_t t)
{
	struct mem_room *set = phantom_set(g, key), *worst = NULL;
	struct mem_room *r = phantom_find(g, key);
	uint64_t worst_score = 0;

	if (r)
		return r;
	for (unsigned i = 0; i < WAYS; i++) {
		const uint64_t s = phantom_score(g, &set[i], t);

		if (worst && (s > worst_score || (s == worst_score &&
						  set[i].turn >= worst->turn)))
			continue;
		worst = &set[i];
		worst_score = s;
	}
	g->stats.phantoms += !room_is_used(worst);
	g->stats.phantoms_evicted += worst_score > 1;
	room_make(worst, key);
	return worst;
}

static void say(struct guard *g, const struct mem_room *r,
		enum guard_event_kind kind, const uint8_t ip[16], uint64_t t)
{
	struct guard_event ev = {.kind = kind, .room = r->key,
				 .room_is_real = true};

	ev.seconds = seconds_up(room_left_ns(g, r, t));
	if (ip) {
		memcpy(ev.ip, ip, 16);
		ev.prefix = 128;
	}
	event_push(g, &ev);
}

/* --- made ones: they give way ------------------------------------------------ */

enum { MADE_PART = 4, MADE_LOOKS = 64 };

/* In force, then most misses of this day, then the newest stays. */
static bool is_worse(const struct guard *g, const struct mem_room *a,
		     const struct mem_room *b, uint64_t t)
{
	const bool a_free = room_state(g, a, t) == GUARD_ROOM_FREE;
	const bool b_free = room_state(g, b, t) == GUARD_ROOM_FREE;
	const unsigned a_n = has_within(a, 1, DAY_NS, t) ? a->n : 0;
	const unsigned b_n = has_within(b, 1, DAY_NS, t) ? b->n : 0;

	if (a_free != b_free)
		return a_free;
	if (a_n != b_n)
		return a_n < b_n;
	return a->n && b->n && recent(a, 1) < recent(b, 1);
}

/* The worst of some, each time of the next ones: a few rooms with many misses
 * among many with one are safe, and a flood costs little. */
static void made_evict(struct guard *g, uint64_t t)
{
	struct mem_room *worst = NULL;
	unsigned looks = 0;

	for (uint32_t i = 0; i < g->cfg.rooms && looks < MADE_LOOKS; i++) {
		struct mem_room *r = &g->rooms[g->made_at];

		g->made_at = (g->made_at + 1) % g->cfg.rooms;
		if (!room_is_used(r) || !r->made)
			continue;
		looks++;
		if (!worst || is_worse(g, r, worst, t))
			worst = r;
	}
	if (!worst)
		return;
	if (worst->announced != GUARD_ROOM_FREE)
		say(g, worst, GUARD_EV_ROOM_FREED, NULL, t);
	real_free(g, (int32_t)(worst - g->rooms));
	g->stats.made_evicted++;
}

static struct mem_room *made_claim(struct guard *g, uint64_t key, uint64_t t)
{
	struct mem_room *r = real_find(g, key);
	int32_t slot;

	if (r)
		return r;
	if (g->n_made > 0 && (g->n_made >= g->cfg.rooms / MADE_PART ||
			      !g->n_room_free))
		made_evict(g, t);
	/* All are configured rooms': then it is as good as a phantom. */
	if (!g->n_room_free || g->cfg.rooms < MADE_PART)
		return phantom_claim(g, key, t);
	slot = g->room_free[--g->n_room_free];
	room_make(&g->rooms[slot], key);
	g->rooms[slot].made = 1;
	room_index(g, slot);
	return &g->rooms[slot];
}

/* --- configured ones --------------------------------------------------------- */

static struct mem_room *real_claim(struct guard *g, uint64_t key, uint64_t t)
{
	struct mem_room *r = real_find(g, key);

	if (r)
		return r;
	if (!g->n_room_free && g->n_made > 0)
		made_evict(g, t);
	if (!g->n_room_free && age_of(g->swept, t) >= NS_PER_S) {
		g->swept = t;
		sweep(g, g->cfg.rooms, t);
	}
	if (g->n_room_free) {
		const int32_t slot = g->room_free[--g->n_room_free];

		room_make(&g->rooms[slot], key);
		room_index(g, slot);
		return &g->rooms[slot];
	}
	g->stats.room_overflow++;
	r = &g->rooms[g->cfg.rooms];
	if (!room_is_used(r))
		room_make(r, 0);
	return r;
}

/* --- both ------------------------------------------------------------------- */

struct mem_room *room_view(const struct guard *g, uint64_t key,
			   enum room_kind kind)
{
	struct mem_room *r = kind == ROOM_PHANTOM ? NULL : real_find(g, key);

	if (r)
		return r;
	return kind == ROOM_REAL ? &g->rooms[g->cfg.rooms] :
		phantom_find(g, key);
}

struct mem_room *room_claim(struct guard *g, uint64_t key, enum room_kind kind,
			    uint64_t t)
{
	if (kind == ROOM_PHANTOM)
		return phantom_claim(g, key, t);
	return kind == ROOM_MADE ? made_claim(g, key, t) :
		real_claim(g, key, t);
}

static bool is_phantom(const struct guard *g, const struct mem_room *r)
{
	return r >= g->phantoms && r < g->phantoms + g->cfg.phantoms;
}

/* Guarded and tired say so one after the other, also when both come at once,
 * so that each alarm is raised by its own event. */
void room_announce(struct guard *g, struct mem_room *r, const uint8_t ip[16],
		   uint64_t t)
{
	const enum guard_room_state now = room_state(g, r, t), was =
		(enum guard_room_state)r->announced;

	if (now == was)
		return;
	r->announced = now;
	room_seal(r);
	if (is_phantom(g, r))
		return;
	bit_set(g->room_marks, (size_t)(r - g->rooms),
		now != GUARD_ROOM_FREE);
	g->stats.rooms_guarded += now == GUARD_ROOM_GUARDED &&
		was == GUARD_ROOM_FREE;
	g->stats.rooms_tired += now == GUARD_ROOM_TIRED;
	g->stats.rooms_blocked += now == GUARD_ROOM_BLOCKED;
	if (now == GUARD_ROOM_BLOCKED) {
		say(g, r, GUARD_EV_ROOM_BLOCKED, ip, t);
	} else if (now == GUARD_ROOM_FREE) {
		say(g, r, GUARD_EV_ROOM_FREED, ip, t);
	} else {
		if (was != GUARD_ROOM_GUARDED && was != GUARD_ROOM_TIRED)
			say(g, r, GUARD_EV_ROOM_GUARDED, ip, t);
		if (now == GUARD_ROOM_TIRED)
			say(g, r, GUARD_EV_ROTATE_PIN, ip, t);
	}
}

bool rooms_tick(struct guard *g, uint64_t t)
{
	enum { PER_TICK = 256 };
	const size_t n = g->cfg.rooms + (size_t)1;
	const uint64_t before = g->stats.rooms;
	bool changed = false;

	for (size_t i = 0; (i = bit_next(g->room_marks, i, n)) < n; i++) {
		const uint32_t was = g->rooms[i].announced;

		room_announce(g, &g->rooms[i], NULL, t);
		changed = changed || g->rooms[i].announced != was;
	}
	sweep(g, g->cfg.rooms < PER_TICK ? g->cfg.rooms : PER_TICK, t);
	return changed || g->stats.rooms != before;
}

enum guard_room_state guard_room_state(const struct guard *g, uint64_t room,
				       bool is_real, uint64_t now_ns)
{
	return room_state(g, room_view(g, room, is_real ?
			  ROOM_REAL : ROOM_PHANTOM), time_of(g, now_ns));
}

bool guard_release_room(struct guard *g, uint64_t room, uint64_t now_ns)
{
	const uint64_t t = time_of(g, now_ns);
	struct mem_room *r = real_find(g, room);
	const bool had = r && r->n > 0;

	r = real_claim(g, room, t);
	if (r->key != room)
		return false;	/* shares its counter with other rooms */
	r->n = r->at = 0;
	memset(r->stamp, 0, sizeof(r->stamp));
	r->block_until = 0;
	r->released = t;
	room_announce(g, r, NULL, t);
	room_seal(r);
	heartbeat(g, t);
	return had;
}
