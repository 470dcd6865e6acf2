/* base/handle.h - names for objects across boundaries: slot + generation.
 *
 * A handle is never 0 and never names another object later: a stale one finds
 * nothing and is counted. Generations are 32 bit and a slot retires when its
 * generation would wrap. Not thread safe.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct handles;

int      handles_new(struct handles **out, uint32_t max);
void     handles_free(struct handles **t);
/* 0 when the table is full or memory is short. */
uint64_t handles_add(struct handles *t, void *obj);
/* Puts an object back under a handle that an earlier process gave out
 * (journal recovery). E_EXISTS when the slot is in use. */
int      handles_restore(struct handles *t, uint64_t h, void *obj);
void    *handles_get(struct handles *t, uint64_t h);	/* NULL when stale */
void    *handles_del(struct handles *t, uint64_t h);
uint32_t handles_count(const struct handles *t);
uint64_t handles_stale(const struct handles *t);	/* failed look-ups */
/* Start with *slot = 0; NULL at the end. */
void    *handles_next(struct handles *t, uint32_t *slot, uint64_t *h);
