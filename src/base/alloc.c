#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Test hooks only; relaxed order is enough for counters. */
static _Atomic uint64_t fail_in;
static _Atomic uint64_t fail_hits;
static _Atomic int64_t live;

static int must_fail(void)
{
	uint64_t n = atomic_load_explicit(&fail_in, memory_order_relaxed);

	if (n == 0)
		return 0;
	if (atomic_fetch_sub_explicit(&fail_in, 1, memory_order_relaxed) != 1)
		return 0;
	atomic_fetch_add_explicit(&fail_hits, 1, memory_order_relaxed);
	return 1;
}

static void *counted(void *p)
{
	if (p)
		atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
	return p;
}

void *mem_alloc(size_t size)
{
	return must_fail() ? NULL : counted(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
	return must_fail() ? NULL : counted(calloc(1, size ? size : 1));
}

void *mem_calloc(size_t n, size_t size)
{
	if (must_fail())
		return NULL;
	return counted(calloc(n ? n : 1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
	void *q;

	if (must_fail())
		return NULL;
	q = realloc(p, size ? size : 1);
	return p ? q : counted(q);
}

void *mem_dup(const void *p, size_t n)
{
	void *q = mem_alloc(n);

	if (q && n)
		memcpy(q, p, n);
	return q;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
	if (p)
		atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
	free(p);
}

void mem_fail_at(uint64_t n)
{
	atomic_store(&fail_hits, 0);
	atomic_store(&fail_in, n);
}

uint64_t mem_fail_hits(void)
{
	return atomic_load(&fail_hits);
}

int64_t mem_live(void)
{
	return atomic_load(&live);
}
