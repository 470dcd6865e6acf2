/* base/map.h - hash table from bytes to pointers, keyed SipHash, bounded.
 *
 * The table copies the key and does not own the value. Grows up to `max`
 * entries, then map_put answers E_FULL. Do not put or delete while iterating
 * (collect first). Not thread safe.
 */
#pragma once
#include "base/span.h"

struct map;

int    map_new(struct map **out, size_t max);
void   map_free(struct map **m);	/* values stay the caller's */
size_t map_count(const struct map *m);
void  *map_get(const struct map *m, struct span key);
/* E_EXISTS when the key is there, E_FULL, E_NOMEM. */
int    map_put(struct map *m, struct span key, void *value);
/* The removed value or NULL. */
void  *map_del(struct map *m, struct span key);
/* Start with *it = 0; false at the end. */
bool   map_next(const struct map *m, size_t *it, struct span *key,
		void **value);
