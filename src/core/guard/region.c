/* The region: its layout, and taking it into use again after whatever may
 * have happened to it. */
#include "core/guard/guard_int.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"

enum { PAGE = 4096, REGION_VERSION = 1, REGION_ALIGN = 64 };
#define REGION_MAGIC UINT64_C(0x636f6e636c677264)

static uint32_t pow2_at_least(uint32_t n, uint32_t least)
{
	uint32_t p = least;

	while (p < n)
		p *= 2;
	return p;
}

static bool in_range(uint32_t v, uint32_t min, uint32_t max)
{
	return v >= min && v <= max;
}

bool rules_are_valid(const struct guard_rules *r)
{
	return (unsigned)r->mode < GUARD_MODE_COUNT &&
	       in_range(r->pair_misses, 1, GUARD_PAIR_MISSES) &&
	       in_range(r->room_misses, GUARD_ROOM_MISSES_MIN,
			GUARD_ROOM_MISSES_MAX) &&
	       in_range(r->scan_weight, GUARD_SCAN_WEIGHT_MIN,
			GUARD_SCAN_WEIGHT_MAX);
}

bool cfg_round(struct guard_cfg *cfg)
{
	if (!in_range(cfg->sources, 1, GUARD_SOURCES_MAX) ||
	    !in_range(cfg->rooms, 1, GUARD_ROOMS_MAX) ||
	    !in_range(cfg->phantoms, 1, GUARD_PHANTOMS_MAX) ||
	    !in_range(cfg->bans, 1, GUARD_BANS_MAX) ||
	    !in_range(cfg->line, 1, GUARD_LINE_MAX) ||
	    !rules_are_valid(&cfg->rules))
		return false;
	cfg->sources = pow2_at_least(cfg->sources, 64);
	cfg->phantoms = pow2_at_least(cfg->phantoms, WAYS);
	return true;
}

static size_t page_up(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

void layout_of(const struct guard_cfg *cfg, struct layout *l)
{
	l->rooms = PAGE;
	l->phantoms = l->rooms +
		page_up((cfg->rooms + (size_t)1) * sizeof(struct mem_room));
	l->bans = l->phantoms +
		page_up(cfg->phantoms * sizeof(struct mem_room));
	l->entries = l->bans + page_up(cfg->bans * sizeof(struct mem_ban));
	l->end = l->entries + page_up(cfg->sources * sizeof(struct entry));
}

size_t guard_size(const struct guard_cfg *cfg)
{
	struct guard_cfg c = *cfg;
	struct layout l;

	if (!cfg_round(&c))
		return 0;
	layout_of(&c, &l);
	return l.end;
}

static uint64_t mix_words(const void *p, size_t n)
{
	uint64_t h = 2, w;

	for (size_t i = 0; i + 8 <= n; i += 8) {
		memcpy(&w, (const uint8_t *)p + i, 8);
		h = mix(h, w);
	}
	return h;
}

static uint64_t header_check(const struct mem_header *h)
{
	return mix_words(h, offsetof(struct mem_header, check));
}

static uint64_t boot_check(const struct mem_header *h)
{
	return mix_words(h->boot_id, offsetof(struct mem_header, boot_check) -
			 offsetof(struct mem_header, boot_id));
}

void heartbeat(struct guard *g, uint64_t t)
{
	if (t <= g->hdr->saved)
		return;
	g->hdr->saved = t;
	g->hdr->saved_not = ~t;
}

/* --- what is in it --------------------------------------------------------- */

static bool entry_is_sound(const struct entry *e)
{
	return e->kind > KIND_FREE && e->kind < KIND_COUNT &&
	       e->check == entry_check(e) && e->last <= TIME_MAX;
}

static bool ban_is_sound(const struct mem_ban *b)
{
	return b->prefix >= 1 && b->prefix <= 128 &&
	       b->check == ban_check(b) && b->since <= TIME_MAX;
}

static bool room_key_is_sound(const struct mem_room *r)
{
	return r->key_check == room_key_check(r->key);
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t rooms_newest(const struct mem_room *r, size_t n)
{
	uint64_t t = 0;

	for (size_t i = 0; i < n; i++) {
		if (!room_key_is_sound(&r[i]) || r[i].check != room_check(&r[i]))
			continue;
		if (r[i].turn <= TIME_MAX)
			t = later(t, r[i].turn);
		for (unsigned k = 0; k < r[i].n && k < ROOM_RING; k++)
			if (r[i].stamp[k] <= TIME_MAX)
				t = later(t, r[i].stamp[k]);
	}
	return t;
}

static uint64_t region_newest(const struct guard *g)
{
	uint64_t t = later(rooms_newest(g->rooms, g->cfg.rooms + (size_t)1),
			   rooms_newest(g->phantoms, g->cfg.phantoms));

	for (size_t i = 0; i < g->cfg.sources; i++)
		if (entry_is_sound(&g->entries[i]))
			t = later(t, g->entries[i].last);
	for (size_t i = 0; i < g->cfg.bans; i++)
		if (ban_is_sound(&g->bans[i]))
			t = later(t, g->bans[i].since);
	return t;
}

static void drop(struct guard *g, void *p, size_t n)
{
	if (is_zero(p, n))
		return;		/* unused; a page nobody touched stays so */
	memset(p, 0, n);
	g->stats.dropped++;
}

/* Only what could have been written at t or before, and where it belongs. */
static bool entry_fits(const struct guard *g, const struct entry *e, size_t i,
		       uint64_t t, uint64_t *hash)
{
	struct key k;

	if (!entry_is_sound(e) || e->last > t)
		return false;
	if (e->kind == KIND_SCAN &&
	    (e->level > LEVEL_MAX ||
	     e->until > t + GUARD_QUARANTINE_MAX_S * NS_PER_S))
		return false;
	if (e->kind == KIND_PREFIX && e->turn > t)
		return false;
	if ((e->kind == KIND_PAIR || e->kind == KIND_PROOF ||
	     e->kind == KIND_DEVICE || e->kind == KIND_SPRAY) &&
	    e->n > GUARD_PAIR_MISSES)
		return false;
	key_of_entry(&k, e);
	*hash = key_hash(g, &k);
	return (*hash & (g->sets - 1)) == i / WAYS;
}

static void read_entries(struct guard *g, uint64_t t)
{
	uint64_t hash;

	for (size_t i = 0; i < g->cfg.sources; i++) {
		struct entry *e = &g->entries[i];

		if (!entry_fits(g, e, i, t, &hash)) {
			drop(g, e, sizeof(*e));
			continue;
		}
		g->tags[i] = tag_of(hash);
		bit_set(g->marks, i, entry_is_in_force(g, e, t) ||
			(e->kind == KIND_SCAN && e->announced));
		g->stats.entries++;
	}
}

/* Insertion: the ring is short and nearly sorted. */
static void sort(uint64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		const uint64_t x = v[i];
		unsigned k = i;

		for (; k > 0 && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

/* A room whose key is whole: of its stamps, those that can be true. A room's
 * count is the last defence, and a crash tears one stamp of it at most. */
static void room_salvage(struct mem_room *r, uint64_t t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ROOM_RING; i++) {
		const uint64_t s = r->stamp[i];

		if (s && s <= t && t - s < DAY_NS)
			r->stamp[n++] = s;
	}
	sort(r->stamp, n);
	memset(r->stamp + n, 0, (ROOM_RING - n) * sizeof(r->stamp[0]));
	r->n = (uint16_t)n;
	r->at = (uint16_t)(n % ROOM_RING);
	if (r->turn > t)
		r->turn = t;
	r->released = 0;	/* it could forgive what nobody forgave */
	if (r->block_until > t + GUARD_BLOCK_S * NS_PER_S)
		r->block_until = 0;
	if (r->announced >= GUARD_ROOM_STATE_COUNT)
		r->announced = GUARD_ROOM_FREE;
	r->made = r->made == 1;
	room_seal(r);
}

static bool room_fits(const struct mem_room *r, uint64_t t)
{
	if (r->check != room_check(r) || r->n > ROOM_RING ||
	    r->at >= ROOM_RING || r->turn > t || r->released > t ||
	    r->block_until > t + GUARD_BLOCK_S * NS_PER_S ||
	    r->announced >= GUARD_ROOM_STATE_COUNT || r->made > 1)
		return false;
	for (unsigned i = 0; i < r->n; i++)
		if (r->stamp[i] > t)
			return false;
	return true;
}

/* True when the slot holds a room now. */
static bool read_room(struct guard *g, struct mem_room *r, uint64_t t)
{
	if (!room_key_is_sound(r)) {
		drop(g, r, sizeof(*r));
		return false;
	}
	if (!room_fits(r, t)) {
		g->stats.dropped++;
		room_salvage(r, t);
	}
	return true;
}

static void read_rooms(struct guard *g, uint64_t t)
{
	for (int32_t i = (int32_t)g->cfg.rooms - 1; i >= 0; i--) {
		struct mem_room *r = &g->rooms[i];

		if (!read_room(g, r, t) || r->key == 0 ||
		    room_view(g, r->key, ROOM_REAL) != &g->rooms[g->cfg.rooms]) {
			drop(g, r, sizeof(*r));
			g->room_free[g->n_room_free++] = i;
		} else {
			room_index(g, i);
		}
	}
	(void)read_room(g, &g->rooms[g->cfg.rooms], t);
	for (uint32_t i = 0; i < g->cfg.phantoms; i++)
		g->stats.phantoms += read_room(g, &g->phantoms[i], t);
}

static void read_bans(struct guard *g, uint64_t t)
{
	for (uint32_t i = 0; i < g->cfg.bans; i++) {
		struct mem_ban *b = &g->bans[i];

		/* one that is over is for the tick to say so */
		if (ban_is_sound(b) && b->since <= t && b->until >= b->since &&
		    b->until - b->since <= GUARD_BAN_MAX_S * NS_PER_S)
			ban_index(g, (int32_t)i);
		else
			drop(g, b, sizeof(*b));
	}
}

/* Rooms first: a pair's force depends on its room. */
static void read_all(struct guard *g, uint64_t t)
{
	read_rooms(g, t);
	read_bans(g, t);
	read_entries(g, t);
}

/* --- attach ---------------------------------------------------------------- */

/* A new region is like one whose first page was lost: read for what is left.
 * Reading leaves pages that nobody used unwritten. */
enum found { FOUND_DAMAGED, FOUND_OTHER, FOUND_OURS };

static void header_make(const struct guard_cfg *cfg, struct mem_header *h)
{
	*h = (struct mem_header){
		.magic = REGION_MAGIC, .version = REGION_VERSION,
		.sources = cfg->sources, .rooms = cfg->rooms,
		.phantoms = cfg->phantoms, .bans = cfg->bans,
		.key_print = siphash(cfg->hash_key, SPAN_LIT("print"))};
	h->check = header_check(h);
}

static enum found header_look(const struct guard_cfg *cfg,
			      const struct mem_header *h)
{
	struct mem_header ours;

	if (h->check != header_check(h))
		return FOUND_DAMAGED;
	header_make(cfg, &ours);
	return memcmp(h, &ours, offsetof(struct mem_header, boot_id)) == 0 ?
		FOUND_OURS : FOUND_OTHER;
}

/* The guard's time of the last heartbeat, as far as it can be known. */
static uint64_t saved_time(const struct guard *g, enum found found)
{
	const struct mem_header *h = g->hdr;
	uint64_t t = region_newest(g);

	if (found == FOUND_OURS && h->saved == ~h->saved_not &&
	    h->saved <= TIME_MAX)
		t = later(t, h->saved);
	return later(t, TIME_BEGIN);
}

static void resume(struct guard *g, enum found found,
		   const uint8_t boot_id[16], uint64_t now_ns)
{
	struct mem_header *h = g->hdr;
	const uint64_t saved = saved_time(g, found);
	uint64_t t = saved;

	if (found == FOUND_OURS && h->boot_check == boot_check(h) &&
	    memcmp(h->boot_id, boot_id, 16) == 0 &&
	    now_ns + h->skew >= saved && now_ns + h->skew <= TIME_MAX) {
		t = now_ns + h->skew;
		g->stats.resumed = true;
	}
	header_make(&g->cfg, h);
	h->skew = t - now_ns;
	read_all(g, t);
}

static void begin(struct guard *g, enum found found,
		  const uint8_t boot_id[16], uint64_t now_ns)
{
	struct mem_header *h = g->hdr;

	resume(g, found, boot_id, now_ns);
	memcpy(h->boot_id, boot_id, 16);
	h->boot_check = boot_check(h);
	g->skew = h->skew;
	heartbeat(g, time_of(g, now_ns));
}

static int tables_new(struct guard *g)
{
	const struct guard_cfg *c = &g->cfg;

	g->sets = c->sources / WAYS;
	g->room_buckets = pow2_at_least(c->rooms, 8);
	g->ban_buckets = pow2_at_least(c->bans, 8);
	g->waiter_cap = (int)(2 * c->line);	/* displaced ones included */
	g->tags = mem_calloc(c->sources, sizeof(*g->tags));
	g->marks = mem_calloc(c->sources / 64, sizeof(*g->marks));
	g->room_head = mem_calloc(g->room_buckets, sizeof(*g->room_head));
	g->room_next = mem_calloc(c->rooms, sizeof(*g->room_next));
	g->room_free = mem_calloc(c->rooms, sizeof(*g->room_free));
	g->room_marks = mem_calloc(c->rooms / 64 + 1, sizeof(*g->room_marks));
	g->ban_head = mem_calloc(g->ban_buckets, sizeof(*g->ban_head));
	g->ban_next = mem_calloc(c->bans, sizeof(*g->ban_next));
	g->waiters = mem_calloc((size_t)g->waiter_cap, sizeof(*g->waiters));
	g->lines = mem_calloc(c->line, sizeof(*g->lines));
	g->events = mem_calloc(GUARD_EVENTS_MAX, sizeof(*g->events));
	if (!g->tags || !g->marks || !g->room_head || !g->room_next ||
	    !g->room_free || !g->room_marks || !g->ban_head || !g->ban_next ||
	    !g->waiters || !g->lines || !g->events)
		return E_NOMEM;
	memset(g->room_head, 0xff, g->room_buckets * sizeof(*g->room_head));
	memset(g->ban_head, 0xff, g->ban_buckets * sizeof(*g->ban_head));
	for (int i = 0; i < g->waiter_cap; i++) {
		g->waiters[i].gen = 1;
		g->waiters[i].newer = i + 1 < g->waiter_cap ? i + 1 : NONE;
	}
	g->oldest = g->newest = NONE;
	return 0;
}

int guard_attach(struct guard **out, const struct guard_cfg *cfg, void *mem,
		 size_t n, const uint8_t boot_id[16], uint64_t now_ns)
{
	struct guard_cfg c = *cfg;
	struct layout l;
	enum found found;
	struct guard *g;

	if (!cfg_round(&c) || !mem || (uintptr_t)mem % REGION_ALIGN ||
	    now_ns >= TIME_MAX - TIME_BEGIN)
		return E_INVAL;
	layout_of(&c, &l);
	if (n < l.end)
		return E_INVAL;
	found = header_look(&c, mem);
	if (found == FOUND_OTHER)
		return E_VERSION;
	g = mem_zalloc(sizeof(*g));
	if (!g)
		return E_NOMEM;
	g->cfg = c;
	if (tables_new(g) < 0) {
		guard_detach(&g);
		return E_NOMEM;
	}
	g->hdr = mem;
	g->rooms = (void *)((uint8_t *)mem + l.rooms);
	g->phantoms = (void *)((uint8_t *)mem + l.phantoms);
	g->bans = (void *)((uint8_t *)mem + l.bans);
	g->entries = (void *)((uint8_t *)mem + l.entries);
	begin(g, found, boot_id, now_ns);
	*out = g;
	return 0;
}

void guard_detach(struct guard **gp)
{
	struct guard *g = *gp;

	if (!g)
		return;
	mem_free(g->tags);
	mem_free(g->marks);
	mem_free(g->room_head);
	mem_free(g->room_next);
	mem_free(g->room_free);
	mem_free(g->room_marks);
	mem_free(g->ban_head);
	mem_free(g->ban_next);
	mem_free(g->waiters);
	mem_free(g->lines);
	mem_free(g->events);
	mem_free(g);
	*gp = NULL;
}

int guard_set_rules(struct guard *g, const struct guard_rules *rules)
{
	if (!rules_are_valid(rules))
		return E_INVAL;
	g->cfg.rules = *rules;
	return 0;
}

uint64_t guard_room_key(const struct guard *g, struct span id)
{
	const uint64_t k = siphash(g->cfg.hash_key, id);

	return k ? k : 1;	/* 0 is the shared counter */
}
