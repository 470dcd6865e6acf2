#include "core/guard/pin.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/siphash.h"

enum {
	WAYS = 8, ROOM_PROBES = 16,
	SOURCE_RING = PIN_GUARD_SOURCE_MISSES_MAX,
	ROOM_RING = PIN_GUARD_ROOM_MISSES_MAX,
};

/* Misses are kept in tenths of a second: 32 bits last 13 years of uptime. */
#define NS_PER_TICK (NS_PER_S / 10)

struct source {
	uint64_t prefix;	/* IPv4 address or the upper half of IPv6 */
	uint32_t room;
	uint8_t kind;		/* 0 = free, 4, 6 */
	uint8_t n;		/* misses remembered */
	uint8_t at;		/* where the next miss goes */
	bool has_slot;
	uint64_t slot_ns;	/* his place in the line */
	uint32_t miss[SOURCE_RING];
};

struct room {
	uint32_t id;
	uint16_t n, at;
	bool used;
	uint64_t next_ns;	/* the first place nobody took */
	uint32_t miss[ROOM_RING];
};

struct pin_guard {
	struct cfg_pin_guard cfg;
	uint64_t slow_ns;
	uint32_t window;	/* ticks */
	uint32_t sets;
	struct source *sources;
	/* rooms[cfg.rooms] is the shared overflow counter. */
	struct room *rooms;
	struct pin_guard_stats stats;
};

struct key {
	uint64_t prefix;
	uint32_t room;
	uint8_t kind;
};

/* Keyed: an attacker who can choose addresses must not be able to choose the
 * set they fall into. */
static uint64_t hash2(const struct pin_guard *g, uint64_t a, uint64_t b)
{
	return siphash_u64x2(g->cfg.hash_key, a, b);
}

static struct key key_of(uint32_t room, const struct pin_caller *who)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct key k = {.room = room, .kind = 6};
	const uint8_t *p = who->ip;
	size_t n = 8;

	if (memcmp(who->ip, mapped, sizeof(mapped)) == 0) {
		k.kind = 4;
		p = who->ip + 12;
		n = 4;
	}
	for (size_t i = 0; i < n; i++)
		k.prefix = k.prefix << 8 | p[i];
	return k;
}

static struct source *set_of(const struct pin_guard *g, const struct key *k)
{
	const uint64_t h = hash2(g, k->prefix,
				 (uint64_t)k->room << 8 | k->kind);

	return g->sources + (size_t)(h & (g->sets - 1)) * WAYS;
}

static bool is_key(const struct source *s, const struct key *k)
{
	return s->kind == k->kind && s->prefix == k->prefix &&
	       s->room == k->room;
}

static struct source *find(const struct pin_guard *g, const struct key *k)
{
	struct source *set = set_of(g, k);

	for (unsigned i = 0; i < WAYS; i++)
		if (is_key(&set[i], k))
			return &set[i];
	return NULL;
}

static uint32_t tick_of(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NS_PER_TICK);
}

/* One tick longer than the window: rounding never shortens it. */
static bool is_live(const struct pin_guard *g, uint32_t t, uint32_t now)
{
	return now < t || now - t <= g->window;
}

/* The k-th most recent of a ring, k >= 1 and not above what it holds. */
static uint32_t recent(const uint32_t *ring, unsigned size, unsigned at,
		       unsigned k)
{
	return ring[(at + size - k) % size];
}

static unsigned live_misses(const struct pin_guard *g, const struct source *s,
			    uint32_t now)
{
	unsigned n = 0;

	while (n < s->n && is_live(g, recent(s->miss, SOURCE_RING, s->at,
					     n + 1), now))
		n++;
	return n;
}

static uint32_t last_miss(const struct source *s)
{
	return s->n ? recent(s->miss, SOURCE_RING, s->at, 1) : 0;
}

/* A place that came up and was not used is lost after one turn of the line,
 * so that it cannot be kept for later. */
static bool slot_counts(const struct pin_guard *g, const struct source *s,
			uint64_t now_ns)
{
	return s->has_slot &&
	       now_ns < s->slot_ns + g->slow_ns * g->cfg.queue_max;
}

/* A place in the line is worth half a miss. */
static unsigned score(const struct pin_guard *g, const struct source *s,
		      uint64_t now_ns)
{
	if (!s->kind)
		return 0;
	return 2 * live_misses(g, s, tick_of(now_ns)) +
	       slot_counts(g, s, now_ns);
}

static struct source *claim(struct pin_guard *g, const struct key *k,
			    uint64_t now_ns)
{
	struct source *found = find(g, k);

	if (found)
		return found;

	struct source *set = set_of(g, k), *worst = &set[0];
	unsigned worst_score = score(g, worst, now_ns);

	for (unsigned i = 1; i < WAYS; i++) {
		const unsigned sc = score(g, &set[i], now_ns);

		if (sc > worst_score ||
		    (sc == worst_score &&
		     last_miss(&set[i]) >= last_miss(worst)))
			continue;
		worst = &set[i];
		worst_score = sc;
	}
	g->stats.evicted += worst_score > 0;
	*worst = (struct source){.prefix = k->prefix, .room = k->room,
				 .kind = k->kind};
	return worst;
}

static bool room_is_live(const struct pin_guard *g, const struct room *r,
			 uint64_t now_ns)
{
	return r->used && r->n &&
	       is_live(g, recent(r->miss, ROOM_RING, r->at, 1),
		       tick_of(now_ns));
}

/* Linear probing; an entry never moves, so a free one does not end a chain
 * and all probes are looked at. A room that was pushed out of its probes
 * counts in the overflow. */
static struct room *room_find(const struct pin_guard *g, uint32_t id)
{
	const uint64_t h = hash2(g, id, 0);

	for (uint32_t i = 0; i < ROOM_PROBES; i++) {
		struct room *r = &g->rooms[(h + i) % g->cfg.rooms];

		if (r->used && r->id == id)
			return r;
	}
	return NULL;
}

/* What speaks for the room: its own counter, else the overflow. */
static struct room *room_view(const struct pin_guard *g, uint32_t id)
{
	struct room *r = room_find(g, id);

	return r ? r : &g->rooms[g->cfg.rooms];
}

static struct room *room_claim(struct pin_guard *g, uint32_t id,
			       uint64_t now_ns)
{
	struct room *r = room_find(g, id);
	const uint64_t h = hash2(g, id, 0);

	for (uint32_t i = 0; !r && i < ROOM_PROBES; i++) {
		struct room *c = &g->rooms[(h + i) % g->cfg.rooms];

		if (room_is_live(g, c, now_ns))
			continue;
		*c = (struct room){.id = id, .used = true};
		r = c;
	}
	if (r)
		return r;
	g->stats.overflow++;
	return &g->rooms[g->cfg.rooms];
}

static bool is_slowed(const struct pin_guard *g, const struct room *r,
		      uint64_t now_ns)
{
	const unsigned k = g->cfg.room_misses;

	return r->n >= k && is_live(g, recent(r->miss, ROOM_RING, r->at, k),
				    tick_of(now_ns));
}

static bool is_locked(const struct pin_guard *g, const struct source *s,
		      uint64_t now_ns)
{
	const unsigned k = g->cfg.source_misses;

	return s->n >= k && is_live(g, recent(s->miss, SOURCE_RING, s->at, k),
				    tick_of(now_ns));
}

static uint32_t ms_until(uint64_t due_ns, uint64_t now_ns)
{
	const uint64_t d = due_ns > now_ns ? due_ns - now_ns : 0;

	return (uint32_t)((d + NS_PER_MS - 1) / NS_PER_MS);
}

static uint64_t next_slot(const struct room *r, uint64_t now_ns)
{
	return r->next_ns > now_ns ? r->next_ns : now_ns;
}

static bool line_is_full(const struct pin_guard *g, const struct room *r,
			 uint64_t now_ns)
{
	return next_slot(r, now_ns) - now_ns >=
	       g->slow_ns * g->cfg.queue_max;
}

enum pin_verdict pin_guard_check(const struct pin_guard *g, uint32_t room,
				 const struct pin_caller *who, uint64_t now_ns,
				 uint32_t *wait_ms)
{
	const struct key k = key_of(room, who);
	const struct source *s = find(g, &k);
	const struct room *r = room_view(g, room);

	*wait_ms = 0;
	if (s && is_locked(g, s, now_ns))
		return PIN_DENY;
	if (!is_slowed(g, r, now_ns))
		return PIN_ALLOW;
	if (s && slot_counts(g, s, now_ns)) {
		*wait_ms = ms_until(s->slot_ns, now_ns);
		return *wait_ms ? PIN_WAIT : PIN_ALLOW;
	}
	if (line_is_full(g, r, now_ns))
		return PIN_DENY;
	*wait_ms = ms_until(next_slot(r, now_ns), now_ns);
	return PIN_WAIT;
}

enum pin_verdict pin_guard_queue(struct pin_guard *g, uint32_t room,
				 const struct pin_caller *who, uint64_t now_ns,
				 uint32_t *wait_ms)
{
	const struct key k = key_of(room, who);
	struct source *s = find(g, &k);
	struct room *r = room_view(g, room);

	*wait_ms = 0;
	if (s && is_locked(g, s, now_ns))
		return PIN_DENY;
	if (!is_slowed(g, r, now_ns))
		return PIN_ALLOW;
	if ((s && slot_counts(g, s, now_ns)) || line_is_full(g, r, now_ns))
		return PIN_DENY;
	s = claim(g, &k, now_ns);
	s->has_slot = true;
	s->slot_ns = next_slot(r, now_ns);
	r->next_ns = s->slot_ns + g->slow_ns;
	*wait_ms = ms_until(s->slot_ns, now_ns);
	return PIN_WAIT;
}

static void note_room(struct pin_guard *g, uint32_t room, uint64_t now_ns)
{
	struct room *r = room_claim(g, room, now_ns);
	const bool was = is_slowed(g, r, now_ns);

	r->miss[r->at] = tick_of(now_ns);
	r->at = (uint16_t)((r->at + 1u) % ROOM_RING);
	if (r->n < ROOM_RING)
		r->n++;
	if (was || !is_slowed(g, r, now_ns))
		return;
	g->stats.slowed++;
	r->next_ns = now_ns + g->slow_ns;
}

void pin_guard_note(struct pin_guard *g, uint32_t room,
		    const struct pin_caller *who, uint64_t now_ns, bool ok)
{
	const struct key k = key_of(room, who);
	struct source *s = ok ? find(g, &k) : claim(g, &k, now_ns);

	if (s)
		s->has_slot = false;
	/* A right PIN forgives nothing: who knows the guest PIN must not be
	 * able to reset his count while he looks for the host PIN. */
	if (ok)
		return;
	g->stats.misses++;
	s->miss[s->at] = tick_of(now_ns);
	s->at = (uint8_t)((s->at + 1u) % SOURCE_RING);
	if (s->n < SOURCE_RING)
		s->n++;
	g->stats.denied_source += is_locked(g, s, now_ns);
	note_room(g, room, now_ns);
}

bool pin_guard_is_slowed(const struct pin_guard *g, uint32_t room,
			 uint64_t now_ns)
{
	return is_slowed(g, room_view(g, room), now_ns);
}

void pin_guard_stats(const struct pin_guard *g, struct pin_guard_stats *out)
{
	*out = g->stats;
}

static bool in_range(uint32_t v, uint32_t max)
{
	return v >= 1 && v <= max;
}

static bool cfg_is_valid(const struct cfg_pin_guard *c)
{
	return in_range(c->sources, PIN_GUARD_SOURCES_MAX) &&
	       in_range(c->rooms, PIN_GUARD_ROOMS_MAX) &&
	       in_range(c->source_misses, SOURCE_RING) &&
	       in_range(c->room_misses, ROOM_RING) &&
	       in_range(c->window_s, 86400) && in_range(c->slow_ms, 60000) &&
	       in_range(c->queue_max, PIN_GUARD_QUEUE_MAX);
}

int pin_guard_set_limits(struct pin_guard *g, uint32_t source_misses,
			 uint32_t room_misses)
{
	if (!in_range(source_misses, SOURCE_RING) ||
	    !in_range(room_misses, ROOM_RING))
		return E_INVAL;
	g->cfg.source_misses = source_misses;
	g->cfg.room_misses = room_misses;
	return 0;
}

int pin_guard_new(struct pin_guard **out, const struct cfg_pin_guard *cfg)
{
	struct pin_guard *g;

	if (!cfg_is_valid(cfg))
		return E_INVAL;
	g = mem_zalloc(sizeof(*g));
	if (!g)
		return E_NOMEM;
	g->cfg = *cfg;
	g->window = (uint32_t)(cfg->window_s * NS_PER_S / NS_PER_TICK);
	g->slow_ns = cfg->slow_ms * NS_PER_MS;
	g->sets = 1;
	while (g->sets * WAYS < cfg->sources)
		g->sets *= 2;
	g->sources = mem_calloc((size_t)g->sets * WAYS, sizeof(*g->sources));
	g->rooms = mem_calloc(cfg->rooms + (size_t)1, sizeof(*g->rooms));
	if (!g->sources || !g->rooms) {
		pin_guard_free(&g);
		return E_NOMEM;
	}
	*out = g;
	return 0;
}

void pin_guard_free(struct pin_guard **g)
{
	if (!*g)
		return;
	mem_free((*g)->sources);
	mem_free((*g)->rooms);
	mem_free(*g);
	*g = NULL;
}
