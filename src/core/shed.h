/* core/shed.h - how much is refused when there is too much to do.
 *
 * Under load we keep, in this order: media, the people inside, newcomers who
 * can prove themselves, the rest. What is late or full is turned into a level
 * by one table of thresholds; each signal alone can raise it. A level rises
 * at once and falls one step after SHED_CALM_MS without a reason for it, so
 * that it does not flap.
 *
 * Pure: the facts and the monotonic time are arguments.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SHED_CALM_MS = 3000 };

enum shed_level {
	SHED_NOTHING = 0,
	SHED_STRANGERS,		/* newcomers who prove nothing are refused */
	SHED_NEWCOMERS,		/* all newcomers; reconnecting is none */
	SHED_INSIDE,		/* and what people inside ask beyond media */
	SHED_LEVEL_COUNT
};

enum shed_who { SHED_STRANGER = 0, SHED_PROVEN, SHED_RETURNING, SHED_MEMBER,
		SHED_WHO_COUNT };

/* Each in 1/1000 of what there is; more than 1000 counts as 1000. */
enum shed_signal {
	SHED_LATE_TICKS = 0,	/* of media's ticks in the last report */
	SHED_FACE_CONNS,	/* of the face's connections */
	SHED_FACE_CPU,
	SHED_JOINS,		/* of the places for joins on their way */
	SHED_POOL,		/* of the worker pool's queue */
	SHED_STORE,		/* of the store's queue */
	SHED_SIGNAL_COUNT
};

struct shed_facts {
	uint32_t permille[SHED_SIGNAL_COUNT];
};

struct shed {			/* starts as zero */
	enum shed_level level;
	enum shed_signal cause;	/* of the level, while it is not 0 */
	uint64_t held_ns;	/* when this level last had a reason */
	uint64_t raised;	/* times */
	uint64_t refused[SHED_WHO_COUNT];
};

/* The level that one signal asks for. */
enum shed_level shed_level_of(enum shed_signal s, uint32_t permille);
/* True when the level changed. */
bool shed_update(struct shed *s, const struct shed_facts *f, uint64_t now_ns);
/* Is he refused now? Counts. */
bool shed_refuses(struct shed *s, enum shed_who who);
const char *shed_signal_name(enum shed_signal s);
const char *shed_level_name(enum shed_level l);
