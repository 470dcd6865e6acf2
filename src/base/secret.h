/* base/secret.h - bytes that must not leak.
 *
 * Locked and excluded from core dumps where the kernel allows it, zeroed on
 * release, never printed, never copied by assignment. One owner, in any thread.
 * Each stands on pages of its own; a thread keeps up to eight of those that were
 * released, wiped and still locked.
 */
#pragma once
#include "base/span.h"

struct secret {
	uint8_t *p;
	size_t n;
};

/* Takes a copy of `from` (which the caller should wipe), or n zero bytes
 * when from is NULL. E_NOMEM. */
int  secret_init(struct secret *s, const void *from, size_t n);
void secret_release(struct secret *s);	/* accepts an empty one */
/* Constant time in the content; the lengths are not secret. */
bool secret_equal(struct span a, struct span b);
/* memset that the compiler may not remove. */
void secret_wipe(void *p, size_t n);

static inline struct span secret_span(const struct secret *s)
{
	return (struct span){s->p, s->n};
}
