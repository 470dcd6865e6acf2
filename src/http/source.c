#include "http/source.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/siphash.h"

enum { MILLI = 1000, KEY_LEN = 16, NETS = 4096,
       NET4_LEN = 15 /* of v4-mapped: a /24 */, NET6_LEN = 6 /* a /48 */ };

struct bucket {
	uint64_t milli;		/* thousandths of a token */
	uint64_t at_ns;
};

struct source {
	struct list idle;	/* in sources.idle while it holds nothing */
	struct list members;
	uint8_t key[KEY_LEN];
	uint32_t held[SOURCE_HELD_COUNT];
	struct bucket bucket[SOURCE_RATE_COUNT];
	struct bucket calm[SOURCE_RATE_COUNT];	/* see calm_of() */
	uint32_t doubts;		/* proofs in vain, as of doubted_ns */
	uint64_t doubted_ns;
};

struct sources {
	struct map *map;
	struct list idle;	/* oldest first */
	struct source_limits limits;
	struct source_stats stats;
	struct bucket total[SOURCE_RATE_COUNT];
	struct bucket net[NETS][SOURCE_RATE_COUNT];	/* see net_of() */
	uint64_t net_key[2];
	bool is_filled;		/* total has been, once a time was known */
};

/* One household or one server gets a whole IPv6 /64, so that is the source. */
static void key_of(uint8_t key[KEY_LEN], const struct addr *a)
{
	memcpy(key, a->ip, KEY_LEN);
	if (!addr_is_v4(a))
		memset(key + 8, 0, 8);
}

int sources_new(struct sources **out, const struct source_limits *limits)
{
	struct sources *t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	int r = map_new(&t->map, SOURCES_MAX);
	if (r < 0) {
		mem_free(t);
		return r;
	}
	list_init(&t->idle);
	t->limits = *limits;
	rand_bytes(t->net_key, sizeof(t->net_key));
	*out = t;
	return 0;
}

void sources_free(struct sources **tp)
{
	struct sources *t = *tp;
	size_t it = 0;
	void *value;
	if (!t)
		return;
	while (map_next(t->map, &it, &(struct span){0}, &value))
		mem_free(value);
	map_free(&t->map);
	mem_free(t);
	*tp = NULL;
}

void sources_stats(const struct sources *t, struct source_stats *out)
{
	*out = t->stats;
	out->entries = (uint32_t)map_count(t->map);
}

static struct source *find(const struct sources *t, const struct addr *a)
{
	uint8_t key[KEY_LEN];
	key_of(key, a);
	return map_get(t->map, span_of(key, KEY_LEN));
}

static bool make_room(struct sources *t)
{
	if (map_count(t->map) < SOURCES_MAX)
		return true;
	if (list_is_empty(&t->idle))
		return false;
	struct source *s = list_entry(t->idle.next, struct source, idle);
	list_del(&s->idle);
	(void)map_del(t->map, span_of(s->key, KEY_LEN));
	mem_free(s);
	t->stats.evicted++;
	return true;
}

static void fill(struct bucket *b, const struct source_rate_limit *l,
		 uint64_t now_ns)
{
	b->milli = (uint64_t)l->burst * MILLI;
	b->at_ns = now_ns;
}

/* Who asks less than this is not what uses the common bucket up: he comes
 * before other strangers. */
static struct source_rate_limit calm_of(const struct source_rate_limit *l)
{
	enum { RATE_PART = 16, BURST_PART = 8 };
	struct source_rate_limit c = {l->per_s / RATE_PART,
				      l->burst / BURST_PART};
	if (c.per_s == 0)
		c.per_s = 1;
	if (c.burst == 0)
		c.burst = 1;
	return c;
}

static void fill_both(struct source *s, int kind,
		      const struct source_rate_limit *l, uint64_t now_ns)
{
	struct source_rate_limit calm = calm_of(l);
	fill(&s->bucket[kind], l, now_ns);
	fill(&s->calm[kind], &calm, now_ns);
}

static struct source_rate_limit calm_net(const struct source_rate_limit *all)
{
	enum { PART = 64 };
	struct source_rate_limit c = {all->per_s / PART, all->burst / PART};
	if (c.per_s == 0)
		c.per_s = 1;
	if (c.burst == 0)
		c.burst = 1;
	return c;
}

static void fill_total(struct sources *t, int kind,
		       const struct source_rate_limit *l, uint64_t now_ns)
{
	struct source_rate_limit few = calm_net(l);
	fill(&t->total[kind], l, now_ns);
	for (int i = 0; i < NETS; i++)
		fill(&t->net[i][kind], &few, now_ns);
}

static struct source *add(struct sources *t, const struct addr *a,
			  uint64_t now_ns)
{
	if (!make_room(t))
		return NULL;
	struct source *s = mem_zalloc(sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->idle);
	list_init(&s->members);
	key_of(s->key, a);
	for (int k = 0; k < SOURCE_RATE_COUNT; k++)
		fill_both(s, k, &t->limits.rate[k], now_ns);
	if (map_put(t->map, span_of(s->key, KEY_LEN), s) < 0) {
		mem_free(s);
		return NULL;
	}
	return s;
}

/* Measured against a new size, what is left of an old one says nothing. */
void sources_set(struct sources *t, const struct source_limits *limits,
		 uint64_t now_ns)
{
	for (int k = 0; k < SOURCE_RATE_COUNT; k++) {
		bool own = limits->rate[k].burst != t->limits.rate[k].burst;
		size_t it = 0;
		void *v;
		while (own && map_next(t->map, &it, &(struct span){0}, &v))
			fill_both(v, k, &limits->rate[k], now_ns);
		if (limits->total[k].burst != t->limits.total[k].burst)
			fill_total(t, k, &limits->total[k], now_ns);
	}
	t->limits = *limits;
}

static bool holds(const struct source *s)
{
	for (int i = 0; i < SOURCE_HELD_COUNT; i++)
		if (s->held[i])
			return true;
	return false;
}

/* Used just now: off the idle list, or at its young end. */
static void touch(struct sources *t, struct source *s)
{
	list_del(&s->idle);
	if (!holds(s))
		list_add_tail(&t->idle, &s->idle);
}

static struct source *find_or_add(struct sources *t, const struct addr *a,
				  uint64_t now_ns)
{
	struct source *s = find(t, a);
	return s ? s : add(t, a, now_ns);
}

bool sources_hold(struct sources *t, const struct addr *a,
		  enum source_held what, uint64_t now_ns)
{
	struct source *s = find_or_add(t, a, now_ns);
	bool may = false;
	if (!s || s->held[what] >= t->limits.held[what])
		t->stats.held_refused[what]++;
	else if (sources_are_full(t, what))
		t->stats.total_held_refused[what]++;
	else
		may = true;
	if (may) {
		s->held[what]++;
		t->stats.held[what]++;
	}
	if (s)
		touch(t, s);
	return may;
}

void sources_drop(struct sources *t, const struct addr *a,
		  enum source_held what)
{
	struct source *s = find(t, a);
	if (!s || s->held[what] == 0)
		return;
	s->held[what]--;
	t->stats.held[what]--;
	touch(t, s);
}

uint32_t sources_held(const struct sources *t, const struct addr *a,
		      enum source_held what)
{
	const struct source *s = find(t, a);
	return s ? s->held[what] : 0;
}

bool sources_are_full(const struct sources *t, enum source_held what)
{
	return t->stats.held[what] >= t->limits.total_held[what];
}

struct list *sources_members(struct sources *t, const struct addr *a)
{
	struct source *s = find(t, a);
	return s ? &s->members : NULL;
}

static void refill(struct bucket *b, const struct source_rate_limit *l,
		   uint64_t now_ns)
{
	uint64_t cap = (uint64_t)l->burst * MILLI;
	uint64_t ms = now_ns > b->at_ns ? (now_ns - b->at_ns) / NS_PER_MS : 0;
	if (ms > cap)		/* the bucket is full by then, if ever */
		ms = cap;
	b->milli += ms * l->per_s;
	if (b->milli > cap)
		b->milli = cap;
	b->at_ns += ms * NS_PER_MS;
	if (b->milli == cap)
		b->at_ns = now_ns;
}

/* The same for its network: thousands of sources that each ask little come
 * from few networks more often than from thousands. A table of fixed size
 * without keys: two networks that share a place share what it allows. */
static struct bucket *net_of(struct sources *t, const struct addr *a,
			     enum source_rate kind)
{
	const size_t n = addr_is_v4(a) ? NET4_LEN : NET6_LEN;
	return &t->net[siphash(t->net_key, span_of(a->ip, n)) % NETS][kind];
}

/* What is left after this must be kept for those of a higher rank. */
static bool has_token(struct bucket *b, const struct source_rate_limit *l,
		      unsigned kept_eighths, uint64_t now_ns)
{
	refill(b, l, now_ns);
	return b->milli >= MILLI +
	       (uint64_t)(l->burst - 1) * MILLI * kept_eighths / 8;
}

static unsigned kept_of_total(enum source_rank rank, bool is_calm)
{
	if (rank == SOURCE_STRANGER)
		return is_calm ? 3 : 4;
	return rank == SOURCE_INSIDE ? 0 : 1;
}

static unsigned kept_of_own(enum source_rank rank)
{
	return rank == SOURCE_STRANGER ? 2 : 0;
}

static void forgive(struct source *s, uint64_t now_ns)
{
	const uint64_t n = now_ns > s->doubted_ns ? (now_ns - s->doubted_ns) /
			   (SOURCE_FORGET_S * NS_PER_S) : 0;
	s->doubts = n < s->doubts ? s->doubts - (uint32_t)n : 0;
	s->doubted_ns += n * SOURCE_FORGET_S * NS_PER_S;
	if (!s->doubts)
		s->doubted_ns = now_ns;
}

void sources_judge(struct sources *t, const struct addr *a, bool was_good,
		   uint64_t now_ns)
{
	struct source *s = find(t, a);
	if (!s)
		return;
	forgive(s, now_ns);
	if (!was_good && s->doubts < 2 * SOURCE_DOUBTS)
		s->doubts++;
	else if (was_good && s->doubts)
		s->doubts--;
}

static enum source_rank rank_in_force(struct source *s, enum source_rank rank,
				      uint64_t now_ns)
{
	if (rank != SOURCE_PROOF || !s || !s->doubts)
		return rank;
	forgive(s, now_ns);
	return s->doubts >= SOURCE_DOUBTS ? SOURCE_STRANGER : rank;
}

bool sources_take(struct sources *t, const struct addr *a,
		  enum source_rate kind, enum source_rank rank,
		  uint64_t now_ns)
{
	const struct source_rate_limit *own = &t->limits.rate[kind];
	const struct source_rate_limit *all = &t->limits.total[kind];
	const bool asks_own = rank != SOURCE_INSIDE;
	struct source *s = find_or_add(t, a, now_ns);
	if (!t->is_filled)
		for (int k = 0; k < SOURCE_RATE_COUNT; k++)
			fill_total(t, k, &t->limits.total[k], now_ns);
	t->is_filled = true;
	if (s)
		touch(t, s);
	rank = rank_in_force(s, rank, now_ns);
	if (!s || (asks_own && !has_token(&s->bucket[kind], own,
					  kept_of_own(rank), now_ns))) {
		t->stats.rate_refused[kind]++;
		return false;
	}
	struct source_rate_limit calm = calm_of(own), few = calm_net(all);
	struct bucket *net = net_of(t, a, kind);
	bool is_calm = has_token(&s->calm[kind], &calm, 0, now_ns) &&
		       has_token(net, &few, 0, now_ns);
	if (!has_token(&t->total[kind], all, kept_of_total(rank, is_calm),
		       now_ns)) {
		t->stats.total_refused[kind]++;
		return false;
	}
	if (is_calm) {
		s->calm[kind].milli -= MILLI;
		net->milli -= MILLI;
	}
	if (asks_own)
		s->bucket[kind].milli -= MILLI;
	t->total[kind].milli -= MILLI;
	return true;
}
