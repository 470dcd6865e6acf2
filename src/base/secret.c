#include "base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/* A page or more of its own, so that locking and MADV_DONTDUMP touch nothing
 * else. Not from mem_alloc: never in a heap that a bug may print. */
static size_t pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

/* Making and giving back a locked page are six system calls' worth of work,
 * and each join opens some PINs: a thread keeps a few of its own, wiped. What
 * is kept is locked as before; a page never holds two secrets at once. */
enum { SPARE_MAX = 8 };
static _Thread_local struct {
	void *page[SPARE_MAX];
	unsigned n;
} spare;

static void *page_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)mlock(p, len);		/* best effort: RLIMIT_MEMLOCK */
	(void)madvise(p, len, MADV_DONTDUMP);
	return p;
}

int secret_init(struct secret *s, const void *from, size_t n)
{
	size_t len = pages(n ? n : 1);
	void *p;

	if (len < n)
		return E_NOMEM;
	p = len == pages(1) && spare.n > 0 ? spare.page[--spare.n]
					   : page_map(len);
	if (!p)
		return E_NOMEM;
	if (from && n)
		memcpy(p, from, n);
	s->p = p;
	s->n = n;
	return 0;
}

void secret_release(struct secret *s)
{
	size_t len = pages(s->n ? s->n : 1);

	if (!s->p)
		return;
	if (len == pages(1) && spare.n < SPARE_MAX) {
		secret_wipe(s->p, len);
		spare.page[spare.n++] = s->p;
	} else {
		secret_wipe(s->p, s->n);
		munmap(s->p, len);
	}
	s->p = NULL;
	s->n = 0;
}

bool secret_equal(struct span a, struct span b)
{
	volatile uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff = (uint8_t)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}

void secret_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}
