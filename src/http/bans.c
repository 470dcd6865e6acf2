#include "http/bans.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"

enum { KEY_LEN = 17, PREFIX_MAX = 128 };

struct ban {
	uint8_t key[KEY_LEN];	/* masked address, prefix */
	uint64_t until_ns;
	uint32_t list;		/* number of the list that named it last */
};

struct bans {
	struct map *map;
	uint32_t rows[PREFIX_MAX + 1];	/* by length: others are not asked */
	uint32_t list;
	struct bans_stats stats;
};

int bans_new(struct bans **out)
{
	struct bans *b = mem_zalloc(sizeof(*b));
	if (!b)
		return E_NOMEM;
	int r = map_new(&b->map, BANS_MAX);
	if (r < 0) {
		mem_free(b);
		return r;
	}
	*out = b;
	return 0;
}

void bans_free(struct bans **bp)
{
	struct bans *b = *bp;
	size_t it = 0;
	void *v;
	if (!b)
		return;
	while (map_next(b->map, &it, &(struct span){0}, &v))
		mem_free(v);
	map_free(&b->map);
	mem_free(b);
	*bp = NULL;
}

static void key_of(uint8_t key[KEY_LEN], const uint8_t ip[16],
		   unsigned prefix)
{
	memcpy(key, ip, 16);
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = prefix > i * 8 ? prefix - i * 8 : 0;
		if (keep < 8)
			key[i] &= (uint8_t)(0xff00u >> keep);
	}
	key[16] = (uint8_t)prefix;
}

static void drop(struct bans *b, struct ban *x)
{
	b->rows[x->key[16]]--;
	(void)map_del(b->map, span_of(x->key, KEY_LEN));
	mem_free(x);
}

static struct ban *add(struct bans *b, const uint8_t key[KEY_LEN])
{
	struct ban *x = mem_zalloc(sizeof(*x));
	if (!x)
		return NULL;
	memcpy(x->key, key, KEY_LEN);
	if (map_put(b->map, span_of(key, KEY_LEN), x) < 0) {
		mem_free(x);
		return NULL;
	}
	b->rows[key[16]]++;
	return x;
}

void bans_begin(struct bans *b, bool reset)
{
	b->list += reset;
}

int bans_put(struct bans *b, const struct ban_row *row, uint64_t now_ns)
{
	uint8_t key[KEY_LEN];
	if (row->prefix == 0 || row->prefix > PREFIX_MAX) {
		b->stats.malformed++;
		return E_FORMAT;
	}
	key_of(key, row->ip, row->prefix);
	struct ban *x = map_get(b->map, span_of(key, KEY_LEN));
	if (row->seconds == 0) {
		if (x)
			drop(b, x);
		return 0;
	}
	if (!x)
		x = add(b, key);
	if (!x) {
		b->stats.dropped++;
		return E_FULL;
	}
	x->until_ns = now_ns + row->seconds * NS_PER_S;
	x->list = b->list;
	return 0;
}

typedef bool (*keep_fn)(const struct bans *b, const struct ban *x,
			uint64_t now_ns);

/* The table may not change under an iteration: a round collects, then drops. */
static void prune(struct bans *b, keep_fn keep, uint64_t now_ns)
{
	enum { ROUND = 2048 };
	struct ban *old[ROUND];
	size_t n;
	do {
		size_t it = 0;
		void *v;
		n = 0;
		while (n < ROUND &&
		       map_next(b->map, &it, &(struct span){0}, &v))
			if (!keep(b, v, now_ns))
				old[n++] = v;
		for (size_t i = 0; i < n; i++)
			drop(b, old[i]);
	} while (n == ROUND);
}

static bool is_named(const struct bans *b, const struct ban *x,
		     uint64_t now_ns)
{
	(void)now_ns;
	return x->list == b->list;
}

static bool is_on(const struct bans *b, const struct ban *x, uint64_t now_ns)
{
	(void)b;
	return x->until_ns > now_ns;
}

void bans_end(struct bans *b, bool last)
{
	if (last)
		prune(b, is_named, 0);
}

void bans_sweep(struct bans *b, uint64_t now_ns)
{
	prune(b, is_on, now_ns);
}

bool bans_have(const struct bans *b, const struct addr *a, uint64_t now_ns)
{
	uint8_t key[KEY_LEN];
	for (unsigned p = PREFIX_MAX; p > 0; p--) {
		if (b->rows[p] == 0)
			continue;
		key_of(key, a->ip, p);
		const struct ban *x = map_get(b->map, span_of(key, KEY_LEN));
		if (x && is_on(b, x, now_ns))
			return true;
	}
	return false;
}

void bans_stats(const struct bans *b, struct bans_stats *out)
{
	*out = b->stats;
	out->rows = (uint32_t)map_count(b->map);
}
