/* core/routes.h - the routing rules in force, and questions to them.
 *
 * Patterns run on the pool, never on the main thread: a question goes there
 * with a reference to the table of its time, and comes back by a call on the
 * main thread.
 */
#pragma once
#include "core/core.h"
#include "core/routing/route.h"

/* The table made anew from rows. On failure the one in force stays. */
int  routes_make(struct core *c);
/* Is there an enabled rule? Without one nothing is asked and no gateway call
 * exists. */
bool routes_exist(const struct core *c);

/* `out` and what it points at live during the call only; NULL: the pool could
 * not do it (busy, or core stops). */
typedef void (*routes_done_fn)(struct core *c, uint64_t who,
			       const struct route_result *out);
struct routes_ask {
	uint64_t who;
	routes_done_fn done;
	enum share_who share;		/* whose place on the pool it takes */
	const uint8_t *ip;
};

/* Asks for the rules alone: services were looked up before, by the caller.
 * Copies what it needs. E_FULL, E_NOMEM: `done` does not come. */
int  routes_ask(struct core *c, const struct route_facts *f,
		const struct routes_ask *ask);
