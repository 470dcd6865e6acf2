#include "base/map.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/siphash.h"

/* Open addressing, linear probing, back-shift on delete: no tombstones. */
struct entry {
	uint8_t *key;		/* NULL = empty */
	size_t n;
	uint64_t hash;
	void *value;
};

struct map {
	struct entry *e;
	size_t cap;		/* power of two */
	size_t count, max;
	uint64_t key[2];	/* hostile keys must not collide */
};

static uint64_t hash_of(const struct map *m, struct span s)
{
	return siphash(m->key, s);
}

int map_new(struct map **out, size_t max)
{
	struct map *m = mem_zalloc(sizeof(*m));

	if (!m)
		return E_NOMEM;
	m->max = max;
	m->key[0] = rand_u64();
	m->key[1] = rand_u64();
	*out = m;
	return 0;
}

void map_free(struct map **mp)
{
	struct map *m = mp ? *mp : NULL;

	if (!m)
		return;
	for (size_t i = 0; i < m->cap; i++)
		mem_free(m->e[i].key);
	mem_free(m->e);
	mem_free(m);
	*mp = NULL;
}

size_t map_count(const struct map *m)
{
	return m->count;
}

static struct entry *find(const struct map *m, struct span key, uint64_t h)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct entry *e = &m->e[i];

		if (!e->key || (e->hash == h &&
				span_eq(span_of(e->key, e->n), key)))
			return e;
	}
}

static int grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 16;
	struct entry *old = m->e, *e = mem_calloc(cap, sizeof(*e));
	size_t old_cap = m->cap;

	if (!e)
		return E_NOMEM;
	m->e = e;
	m->cap = cap;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].key)
			*find(m, span_of(old[i].key, old[i].n), old[i].hash) =
				old[i];
	mem_free(old);
	return 0;
}

void *map_get(const struct map *m, struct span key)
{
	struct entry *e = find(m, key, hash_of(m, key));

	return e && e->key ? e->value : NULL;
}

int map_put(struct map *m, struct span key, void *value)
{
	uint64_t h = hash_of(m, key);
	struct entry *e = find(m, key, h);
	uint8_t *copy;

	if (e && e->key)
		return E_EXISTS;
	if (m->count >= m->max)
		return E_FULL;
	copy = mem_dup(key.p, key.n);
	if (!copy)
		return E_NOMEM;
	if ((m->count + 1) * 4 > m->cap * 3) {
		if (grow(m) < 0) {
			mem_free(copy);
			return E_NOMEM;
		}
		e = find(m, key, h);
	}
	*e = (struct entry){copy, key.n, h, value};
	m->count++;
	return 0;
}

void *map_del(struct map *m, struct span key)
{
	struct entry *e = find(m, key, hash_of(m, key));
	size_t mask = m->cap - 1, hole;
	void *value;

	if (!e || !e->key)
		return NULL;
	value = e->value;
	mem_free(e->key);
	hole = (size_t)(e - m->e);
	for (size_t i = (hole + 1) & mask; m->e[i].key; i = (i + 1) & mask) {
		size_t home = m->e[i].hash & mask;

		/* may the entry at i move back to the hole? */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->e[hole] = m->e[i];
		hole = i;
	}
	m->e[hole] = (struct entry){0};
	m->count--;
	return value;
}

bool map_next(const struct map *m, size_t *it, struct span *key, void **value)
{
	while (*it < m->cap) {
		struct entry *e = &m->e[(*it)++];

		if (!e->key)
			continue;
		if (key)
			*key = span_of(e->key, e->n);
		if (value)
			*value = e->value;
		return true;
	}
	return false;
}
