#include "base/timer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"

/* Four levels of 256 slots of 1 ms: 49 days; later timers wait in the last
 * level and are sorted in again when their slot comes round. */
enum { BITS = 8, SLOTS = 1 << BITS, MASK = SLOTS - 1, LEVELS = 4,
       SKIP_MIN = 64 };

struct timer_wheel {
	struct list slot[LEVELS][SLOTS];
	struct list late;	/* due now: collected before any callback runs */
	uint64_t tick;		/* the next millisecond to be handled */
};

int timer_wheel_new(struct timer_wheel **out, uint64_t now_ns)
{
	struct timer_wheel *w = mem_alloc(sizeof(*w));

	if (!w)
		return E_NOMEM;
	for (int l = 0; l < LEVELS; l++)
		for (int s = 0; s < SLOTS; s++)
			list_init(&w->slot[l][s]);
	list_init(&w->late);
	w->tick = now_ns / NS_PER_MS;
	*out = w;
	return 0;
}

void timer_wheel_free(struct timer_wheel **wp)
{
	struct timer_wheel *w = wp ? *wp : NULL;

	if (!w)
		return;
	for (int l = 0; l < LEVELS; l++)
		for (int s = 0; s < SLOTS; s++)
			list_each(it, tmp, &w->slot[l][s])
				list_del(it);
	list_each(it, tmp, &w->late)
		list_del(it);
	mem_free(w);
	*wp = NULL;
}

void timer_init(struct timer *t, timer_fn fn, void *arg)
{
	list_init(&t->at);
	t->due_ns = 0;
	t->fn = fn;
	t->arg = arg;
}

static void place(struct timer_wheel *w, struct timer *t)
{
	/* round up: never before its time */
	uint64_t due = t->due_ns / NS_PER_MS + (t->due_ns % NS_PER_MS != 0);
	uint64_t delta;
	int level = 0;

	if (due < w->tick)
		due = w->tick;
	delta = due - w->tick;
	while (level < LEVELS - 1 && delta >> (BITS * (level + 1)))
		level++;
	if (delta >> (BITS * LEVELS))	/* beyond the horizon */
		due = w->tick + ((UINT64_C(1) << (BITS * LEVELS)) - 1);
	list_add_tail(&w->slot[level][due >> (BITS * level) & MASK], &t->at);
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t due_ns)
{
	list_del(&t->at);
	t->due_ns = due_ns;
	place(w, t);
}

void timer_cancel(struct timer *t)
{
	list_del(&t->at);
}

bool timer_is_set(const struct timer *t)
{
	return !list_is_empty(&t->at);
}

/* Sorts a slot of a higher level in again; every timer moves down or stays
 * beyond the horizon. */
static void cascade(struct timer_wheel *w, int level)
{
	struct list *from = &w->slot[level][w->tick >> (BITS * level) & MASK];
	struct list moved = LIST_INIT(moved);

	while (!list_is_empty(from)) {
		struct list *e = from->next;

		list_del(e);
		list_add_tail(&moved, e);
	}
	list_each(it, tmp, &moved) {
		list_del(it);
		place(w, list_entry(it, struct timer, at));
	}
}

static void collect(struct timer_wheel *w)
{
	struct list *s = &w->slot[0][w->tick & MASK];

	while (!list_is_empty(s)) {
		struct list *e = s->next;

		list_del(e);
		list_add_tail(&w->late, e);
	}
}

static void step(struct timer_wheel *w)
{
	for (int l = 1; l < LEVELS; l++) {
		if (w->tick & ((UINT64_C(1) << (BITS * l)) - 1))
			break;
		cascade(w, l);
	}
	collect(w);
	w->tick++;
}

static unsigned fire(struct timer_wheel *w, uint64_t now_ns, unsigned budget)
{
	unsigned n = 0;

	while (n < budget && !list_is_empty(&w->late)) {
		struct timer *t = list_entry(w->late.next, struct timer, at);

		list_del(&t->at);
		n++;
		t->fn(t, t->arg, now_ns);
	}
	return n;
}

/* The first used slot of a level, in ticks from now on; SLOTS for none. */
static unsigned first_used(const struct timer_wheel *w, int level)
{
	uint64_t at = w->tick >> (BITS * level);

	for (unsigned i = 0; i < SLOTS; i++)
		if (!list_is_empty(&w->slot[level][(at + i) & MASK]))
			return i;
	return SLOTS;
}

/* The first tick at which anything is to be done, UINT64_MAX for none. */
static uint64_t next_tick(const struct timer_wheel *w)
{
	uint64_t best = UINT64_MAX;

	for (int l = 0; l < LEVELS; l++) {
		unsigned i = first_used(w, l);
		uint64_t at;

		if (i == SLOTS)
			continue;
		at = ((w->tick >> (BITS * l)) + i) << (BITS * l);
		/* The current slot of a higher level was sorted in already
		 * unless its first tick is still to come: what stands in it
		 * belongs to the next turn of the level. */
		if (l && i == 0 && at < w->tick)
			at += UINT64_C(1) << (BITS * (l + 1));
		if (at < best)
			best = at;
	}
	return best;
}

/* After a long sleep: over the ticks in which nothing happens. */
static void skip(struct timer_wheel *w, uint64_t end)
{
	uint64_t next = next_tick(w);

	w->tick = next <= end ? next : end + 1;
}

unsigned timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns)
{
	uint64_t end = now_ns / NS_PER_MS;
	unsigned n = fire(w, now_ns, TIMER_BURST_MAX);

	/* A timer set by a callback lands in a later tick: no endless loop. */
	while (w->tick <= end && n < TIMER_BURST_MAX) {
		if (end - w->tick > SKIP_MIN) {
			skip(w, end);
			if (w->tick > end)
				break;
		}
		step(w);
		n += fire(w, now_ns, TIMER_BURST_MAX - n);
	}
	return n;
}

uint64_t timer_wheel_wait_ns(const struct timer_wheel *w, uint64_t now_ns)
{
	uint64_t at;

	if (!list_is_empty(&w->late))
		return 0;
	at = next_tick(w);
	if (at == UINT64_MAX)
		return at;
	at *= NS_PER_MS;
	return at > now_ns ? at - now_ns : 0;
}
