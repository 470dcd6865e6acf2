#include "base/handle.h"

#include "base/alloc.h"
#include "base/err.h"

struct slot {
	void *obj;
	uint32_t gen;
	uint32_t next_free;	/* slot + 1, 0 = end */
};

struct handles {
	struct slot *slots;
	uint32_t cap, max, count;
	uint32_t free_head;	/* slot + 1 */
	uint64_t stale;
};

/* handle = generation << 32 | slot + 1: never 0 */
static uint64_t make(uint32_t slot, uint32_t gen)
{
	return (uint64_t)gen << 32 | (slot + 1);
}

int handles_new(struct handles **out, uint32_t max)
{
	struct handles *t;

	if (max == 0 || max > UINT32_C(1) << 24)
		return E_INVAL;
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	t->max = max;
	*out = t;
	return 0;
}

void handles_free(struct handles **t)
{
	if (!t || !*t)
		return;
	mem_free((*t)->slots);
	mem_free(*t);
	*t = NULL;
}

static int grow(struct handles *t, uint32_t want)
{
	uint32_t cap = t->cap ? t->cap : 16;
	struct slot *s;

	if (want > t->max)
		return E_FULL;
	while (cap < want)
		cap *= 2;
	if (cap > t->max)
		cap = t->max;
	if (cap == t->cap)
		return 0;
	s = mem_realloc(t->slots, (size_t)cap * sizeof(*s));
	if (!s)
		return E_NOMEM;
	t->slots = s;
	for (uint32_t i = cap; i-- > t->cap;) {
		s[i] = (struct slot){.gen = 1, .next_free = t->free_head};
		t->free_head = i + 1;
	}
	t->cap = cap;
	return 0;
}

uint64_t handles_add(struct handles *t, void *obj)
{
	uint32_t i;

	if (!t->free_head && grow(t, t->cap + 1) < 0)
		return 0;
	if (!t->free_head)
		return 0;
	i = t->free_head - 1;
	t->free_head = t->slots[i].next_free;
	t->slots[i].obj = obj;
	t->count++;
	return make(i, t->slots[i].gen);
}

static void unlink_free(struct handles *t, uint32_t i)
{
	uint32_t *at = &t->free_head;

	while (*at && *at != i + 1)
		at = &t->slots[*at - 1].next_free;
	if (*at)
		*at = t->slots[i].next_free;
}

int handles_restore(struct handles *t, uint64_t h, void *obj)
{
	uint32_t slot = (uint32_t)h, gen = (uint32_t)(h >> 32);
	int r;

	if (slot == 0 || gen == 0)
		return E_INVAL;
	if (slot > t->cap) {
		r = grow(t, slot);
		if (r < 0)
			return r;
	}
	if (t->slots[slot - 1].obj)
		return E_EXISTS;
	unlink_free(t, slot - 1);
	t->slots[slot - 1].obj = obj;
	t->slots[slot - 1].gen = gen;
	t->count++;
	return 0;
}

static struct slot *find(struct handles *t, uint64_t h)
{
	uint32_t slot = (uint32_t)h;

	if (slot && slot <= t->cap && t->slots[slot - 1].obj &&
	    t->slots[slot - 1].gen == (uint32_t)(h >> 32))
		return &t->slots[slot - 1];
	t->stale++;
	return NULL;
}

void *handles_get(struct handles *t, uint64_t h)
{
	struct slot *s = find(t, h);

	return s ? s->obj : NULL;
}

void *handles_del(struct handles *t, uint64_t h)
{
	struct slot *s = find(t, h);
	void *obj;

	if (!s)
		return NULL;
	obj = s->obj;
	s->obj = NULL;
	t->count--;
	if (s->gen == UINT32_MAX)
		return obj;	/* retired: its names are used up */
	s->gen++;
	s->next_free = t->free_head;
	t->free_head = (uint32_t)h;
	return obj;
}

uint32_t handles_count(const struct handles *t)
{
	return t->count;
}

uint64_t handles_stale(const struct handles *t)
{
	return t->stale;
}

void *handles_next(struct handles *t, uint32_t *slot, uint64_t *h)
{
	while (*slot < t->cap) {
		uint32_t i = (*slot)++;

		if (!t->slots[i].obj)
			continue;
		if (h)
			*h = make(i, t->slots[i].gen);
		return t->slots[i].obj;
	}
	return NULL;
}
