#include "base/arena.h"
#include "base/alloc.h"
#include "base/err.h"

enum { CHUNK_MIN = 4096, ALIGN = 16 };

struct chunk {
	struct chunk *next;
	size_t cap;
	size_t used;
	size_t pad;
	uint8_t data[] __attribute__((aligned(16)));
};

struct arena {
	struct chunk *first;
	struct chunk *last;
	size_t max;
	size_t used;
};

static struct chunk *chunk_new(size_t cap)
{
	struct chunk *c = mem_alloc(sizeof(*c) + cap);

	if (!c)
		return NULL;
	c->next = NULL;
	c->cap = cap;
	c->used = 0;
	return c;
}

int arena_new(struct arena **out, size_t max_bytes)
{
	struct arena *a = mem_zalloc(sizeof(*a));

	if (!a)
		return E_NOMEM;
	a->max = max_bytes;
	*out = a;
	return 0;
}

static void chunks_free(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;

		mem_free(c);
		c = next;
	}
}

void arena_free(struct arena **a)
{
	if (!a || !*a)
		return;
	chunks_free((*a)->first);
	mem_free(*a);
	*a = NULL;
}

void arena_reset(struct arena *a)
{
	a->used = 0;
	if (!a->first)
		return;
	chunks_free(a->first->next);
	a->first->next = NULL;
	a->first->used = 0;
	a->last = a->first;
}

static struct chunk *chunk_for(struct arena *a, size_t n)
{
	size_t cap = n > CHUNK_MIN ? n : CHUNK_MIN;
	struct chunk *c = a->last;

	if (c && n <= c->cap - c->used)
		return c;
	c = chunk_new(cap);
	if (!c)
		return NULL;
	if (a->last)
		a->last->next = c;
	else
		a->first = c;
	a->last = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c;
	void *p;

	if (n == 0)
		n = 1;
	if (n > a->max)
		return NULL;
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (n > a->max - a->used)
		return NULL;
	c = chunk_for(a, n);
	if (!c)
		return NULL;
	p = c->data + c->used;
	c->used += n;
	a->used += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p ? memset(p, 0, n) : NULL;
}

char *arena_cstr(struct arena *a, struct span s)
{
	char *p;

	if (s.n && memchr(s.p, 0, s.n))
		return NULL;
	p = arena_alloc(a, s.n + 1);
	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return p;
}

struct span arena_dup(struct arena *a, struct span s)
{
	void *p = arena_alloc(a, s.n);

	if (!p)
		return SPAN_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	return span_of(p, s.n);
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

size_t arena_left(const struct arena *a)
{
	return a->max - a->used;
}
