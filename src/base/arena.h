/* base/arena.h - memory for one message or one request, freed at once.
 *
 * Bounded: arena_alloc returns NULL past `max` bytes. Blocks are 16-aligned.
 * Nothing allocated here may be stored beyond the arena. Not thread safe.
 */
#pragma once
#include "base/span.h"

struct arena;

int   arena_new(struct arena **out, size_t max_bytes);
void  arena_free(struct arena **a);
/* Keeps the first chunk, forgets everything else. */
void  arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
char *arena_cstr(struct arena *a, struct span s);	/* NULL on a NUL inside */
struct span arena_dup(struct arena *a, struct span s);
size_t arena_used(const struct arena *a);
/* Bytes until `max`; a failed arena_alloc of fewer, rounded up to 16, means
 * that the machine has no memory. */
size_t arena_left(const struct arena *a);
