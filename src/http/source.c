#include "http/source.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

enum { MILLI = 1000, KEY_LEN = 16 };

struct bucket {
	uint64_t milli;		/* thousandths of a token */
	uint64_t at_ns;
};

struct source {
	struct list idle;	/* in sources.idle while conns == 0 */
	uint8_t key[KEY_LEN];
	uint32_t conns;
	struct bucket bucket[SOURCE_KIND_COUNT];
};

struct sources {
	struct map *map;
	struct list idle;	/* oldest first */
	struct source_limits limits;
	struct source_stats stats;
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

void sources_set(struct sources *t, const struct source_limits *limits)
{
	t->limits = *limits;
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

static struct source *add(struct sources *t, const struct addr *a,
			  uint64_t now_ns)
{
	if (!make_room(t))
		return NULL;
	struct source *s = mem_zalloc(sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->idle);
	key_of(s->key, a);
	for (int k = 0; k < SOURCE_KIND_COUNT; k++) {
		s->bucket[k].milli = (uint64_t)t->limits.rate[k].burst * MILLI;
		s->bucket[k].at_ns = now_ns;
	}
	if (map_put(t->map, span_of(s->key, KEY_LEN), s) < 0) {
		mem_free(s);
		return NULL;
	}
	return s;
}

void sources_leave(struct sources *t, const struct addr *a, uint64_t now_ns)
{
	struct source *s = find(t, a);
	(void)now_ns;
	if (!s || s->conns == 0)
		return;
	if (--s->conns == 0)
		list_add_tail(&t->idle, &s->idle);
}

static void refill(struct bucket *b, uint32_t per_s, uint32_t burst,
		   uint64_t now_ns)
{
	uint64_t cap = (uint64_t)burst * MILLI;
	uint64_t ms = now_ns > b->at_ns ? (now_ns - b->at_ns) / NS_PER_MS : 0;
	if (ms > cap)		/* per_s >= 1, so the bucket is full by then */
		ms = cap;
	b->milli += ms * per_s;
	if (b->milli > cap)
		b->milli = cap;
	b->at_ns += ms * NS_PER_MS;
	if (b->milli == cap)
		b->at_ns = now_ns;
}

static bool take(struct sources *t, struct source *s, enum source_kind kind,
		 uint64_t now_ns)
{
	struct bucket *b = s ? &s->bucket[kind] : NULL;
	if (b)
		refill(b, t->limits.rate[kind].per_s,
		       t->limits.rate[kind].burst, now_ns);
	if (b && b->milli >= MILLI) {
		b->milli -= MILLI;
		return true;
	}
	t->stats.rate_refused[kind]++;
	return false;
}

bool sources_take(struct sources *t, const struct addr *a,
		  enum source_kind kind, uint64_t now_ns)
{
	return take(t, find(t, a), kind, now_ns);
}

bool sources_enter(struct sources *t, const struct addr *a, uint64_t now_ns)
{
	struct source *s = find(t, a);
	if (!s)
		s = add(t, a, now_ns);
	if (!s || s->conns >= t->limits.conns ||
	    !take(t, s, SOURCE_CONN, now_ns)) {
		/* Only an entry that holds a connection is off the idle list,
		 * so a fresh refused one must go there. */
		if (s && s->conns == 0 && list_is_empty(&s->idle))
			list_add_tail(&t->idle, &s->idle);
		t->stats.conns_refused++;
		return false;
	}
	list_del(&s->idle);
	s->conns++;
	return true;
}
