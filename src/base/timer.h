/* base/timer.h - many timers on one wheel; time is an argument.
 *
 * Hierarchical wheel, 1 ms slots, O(1) to set and cancel. Monotonic
 * nanoseconds. A timer fires at or after its time, never before, in
 * timer_wheel_advance() only, so a callback never runs inside timer_set().
 * A callback may set or cancel any timer, its own included. The owner embeds
 * struct timer and must cancel it before freeing it. Not thread safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"

struct timer;
struct timer_wheel;
typedef void (*timer_fn)(struct timer *t, void *arg, uint64_t now_ns);

struct timer {
	struct list at;		/* private */
	uint64_t due_ns;
	timer_fn fn;
	void *arg;
};

int  timer_wheel_new(struct timer_wheel **out, uint64_t now_ns);
void timer_wheel_free(struct timer_wheel **w);
void timer_init(struct timer *t, timer_fn fn, void *arg);
/* Sets or moves. A time in the past fires on the next advance. */
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t due_ns);
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
/* Fires what is due, at most `TIMER_BURST_MAX` per call; returns how many. */
enum { TIMER_BURST_MAX = 65536 };
unsigned timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);
/* Nanoseconds from now to the next slot with a timer, UINT64_MAX for none.
 * A lower bound: waking up early is harmless. */
uint64_t timer_wheel_wait_ns(const struct timer_wheel *w, uint64_t now_ns);
