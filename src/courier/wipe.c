#include "courier/wipe.h"

#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"

/* Before each block; keeps malloc's alignment. */
struct head {
	size_t n;
} __attribute__((aligned(16)));

void *wipe_alloc(size_t n)
{
	struct head *h = n <= SIZE_MAX - sizeof(*h) ?
		mem_alloc(sizeof(*h) + n) : NULL;

	if (!h)
		return NULL;
	h->n = n;
	return h + 1;
}

void *wipe_calloc(size_t n, size_t size)
{
	void *p = size && n > SIZE_MAX / size ? NULL : wipe_alloc(n * size);

	if (p)
		memset(p, 0, n * size);
	return p;
}

void wipe_free(void *p)
{
	struct head *h = p;

	if (!h)
		return;
	h--;
	secret_wipe(h + 1, h->n);
	mem_free(h);
}

void *wipe_realloc(void *p, size_t n)
{
	void *fresh = wipe_alloc(n);
	size_t old;

	if (!fresh || !p)
		return fresh;
	old = ((struct head *)p - 1)->n;
	memcpy(fresh, p, old < n ? old : n);
	wipe_free(p);
	return fresh;
}

char *wipe_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = wipe_alloc(n);

	if (p)
		memcpy(p, s, n);
	return p;
}
