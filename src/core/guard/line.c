/* Newcomers who wait for their turn. The heap holds them: who waited when the
 * process died is gone, and comes again. What makes the line fair (when a
 * prefix first asked, when it had its turn) is in the source table. */
#include "core/guard/guard_int.h"

enum { ADDRESS_PLACES = 2 };	/* of one address in one room's line */
#define RANK_SERVED (UINT64_C(1) << 63)	/* behind all who had no turn */

static bool is_same(const struct key *a, const struct key *b)
{
	return a->room == b->room && a->prefix == b->prefix &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static int line_find(const struct guard *g, uint64_t room,
		     enum room_kind kind)
{
	for (int i = 0; i < g->n_lines; i++)
		if (g->lines[i].room == room && g->lines[i].kind == kind)
			return i;
	return NONE;
}

static void line_remove(struct guard *g, int at)
{
	const int last = --g->n_lines;

	if (at == last)
		return;
	g->lines[at] = g->lines[last];
	for (int w = g->lines[at].head; w != NONE; w = g->waiters[w].next)
		g->waiters[w].line = at;
}

static void line_append(struct guard *g, int at, int w)
{
	struct line *l = &g->lines[at];

	g->waiters[w].line = at;
	g->waiters[w].next = NONE;
	g->waiters[w].prev = l->tail;
	if (l->tail == NONE)
		l->head = w;
	else
		g->waiters[l->tail].next = w;
	l->tail = w;
	l->n++;
	g->in_line++;
}

static void line_leave(struct guard *g, int w)
{
	struct waiter *x = &g->waiters[w];
	const int at = x->line;
	struct line *l = &g->lines[at];

	if (x->prev == NONE)
		l->head = x->next;
	else
		g->waiters[x->prev].next = x->next;
	if (x->next == NONE)
		l->tail = x->prev;
	else
		g->waiters[x->next].prev = x->prev;
	x->line = NONE;
	g->in_line--;
	if (--l->n == 0)
		line_remove(g, at);
}

/* --- all waiters, oldest first ------------------------------------------------ */

static void age_unlink(struct guard *g, int w)
{
	struct waiter *x = &g->waiters[w];

	if (x->older == NONE)
		g->oldest = x->newer;
	else
		g->waiters[x->older].newer = x->newer;
	if (x->newer == NONE)
		g->newest = x->older;
	else
		g->waiters[x->newer].older = x->older;
}

static void age_append(struct guard *g, int w)
{
	struct waiter *x = &g->waiters[w];

	x->older = g->newest;
	x->newer = NONE;
	if (g->newest == NONE)
		g->oldest = w;
	else
		g->waiters[g->newest].newer = w;
	g->newest = w;
}

static void age_prepend(struct guard *g, int w)
{
	struct waiter *x = &g->waiters[w];

	x->newer = g->oldest;
	x->older = NONE;
	if (g->oldest == NONE)
		g->newest = w;
	else
		g->waiters[g->oldest].older = w;
	g->oldest = w;
}

static void waiter_free(struct guard *g, int w)
{
	struct waiter *x = &g->waiters[w];

	if (x->line != NONE)
		line_leave(g, w);
	age_unlink(g, w);
	g->n_waiters--;
	x->used = false;
	if (++x->gen == 0)
		x->gen = 1;
	x->newer = g->waiter_free;
	g->waiter_free = w;
}

/* He hears of it at the next guard_next_turn(), before anybody else. */
static void displace(struct guard *g, int w)
{
	line_leave(g, w);
	age_unlink(g, w);
	g->waiters[w].since = 0;
	age_prepend(g, w);
}

/* --- whose turn --------------------------------------------------------------- */

static void turn_key(struct key *k, const struct guard_facts *f)
{
	*k = (struct key){.room = f->room, .kind = KIND_TURN,
			  .prefix = ip_is_v4(f->ip) ? 96 + 24 : 48};
	ip_mask(k->ip, f->ip, k->prefix);
}

/* Lowest first: when he first asked, or RANK_SERVED and when his prefix had
 * its turn. Forgotten after a day. */
static uint64_t rank_of(struct guard *g, const struct key *k, uint64_t t)
{
	struct entry *e = table_claim(g, k, t);

	if (!e)
		return t;
	if (age_of(e->last, t) >= DAY_NS) {
		e->n = 0;
		e->last = t;
	}
	table_seal(g, e, false);
	return e->last | (e->n ? RANK_SERVED : 0);
}

static void rank_served(struct guard *g, int at, const struct key *k,
			uint64_t t)
{
	struct entry *e = table_claim(g, k, t);

	if (e) {
		e->n = 1;
		e->last = t;
		table_seal(g, e, false);
	}
	for (int w = g->lines[at].head; w != NONE; w = g->waiters[w].next)
		if (is_same(&g->waiters[w].turn, k))
			g->waiters[w].rank = t | RANK_SERVED;
}

/* Who would be served last; of equals, who came last. */
static int line_last(const struct guard *g, int at)
{
	int last = g->lines[at].head;

	for (int w = last; w != NONE; w = g->waiters[w].next)
		if (g->waiters[w].rank >= g->waiters[last].rank)
			last = w;
	return last;
}

static int line_longest(const struct guard *g)
{
	int at = 0;

	for (int i = 1; i < g->n_lines; i++)
		if (g->lines[i].n > g->lines[at].n)
			at = i;
	return at;
}

static bool may_stand(const struct guard *g, int at, const struct waiter *x)
{
	unsigned prefix = 0, address = 0;

	for (int w = g->lines[at].head; w != NONE; w = g->waiters[w].next) {
		const struct waiter *y = &g->waiters[w];

		prefix += is_same(&y->turn, &x->turn);
		address += memcmp(y->f.ip, x->f.ip, sizeof(x->f.ip)) == 0;
	}
	return prefix < GUARD_PREFIX_LINE_MAX && address < ADDRESS_PLACES;
}

/* Makes a place in line `at` (NONE: it has no waiters yet). A crowd before
 * one room must not keep people from another: the longest line gives way. */
static bool make_place(struct guard *g, int at, uint64_t rank)
{
	const unsigned n = at == NONE ? 0 : g->lines[at].n;
	int victim;

	if (n < GUARD_ROOM_LINE_MAX && g->in_line < g->cfg.line)
		return true;
	if (n < GUARD_ROOM_LINE_MAX) {
		const int longest = line_longest(g);

		if (g->lines[longest].n > n + 1) {
			displace(g, line_last(g, longest));
			return true;
		}
	}
	if (at == NONE)
		return false;
	victim = line_last(g, at);
	if (g->waiters[victim].rank <= rank)
		return false;
	displace(g, victim);
	return true;
}

static int line_open(struct guard *g, const struct guard_facts *f)
{
	const int at = line_find(g, f->room, room_kind(f));

	if (at != NONE)
		return at;
	g->lines[g->n_lines] = (struct line){.room = f->room,
					     .kind = room_kind(f),
					     .head = NONE, .tail = NONE};
	return g->n_lines++;
}

static uint64_t place_of(const struct guard *g, int w)
{
	return (uint64_t)g->waiters[w].gen << 32 | (uint32_t)w;
}

static enum guard_verdict refuse(uint64_t *counter)
{
	++*counter;
	return GUARD_REFUSE;
}

enum guard_verdict guard_queue(struct guard *g, const struct guard_facts *f,
			       uint64_t token, uint64_t now_ns,
			       uint64_t *place)
{
	const uint64_t t = time_of(g, now_ns);
	struct waiter x = {.f = *f, .token = token, .since = t, .used = true};
	uint64_t due;
	const enum guard_verdict v = judge(g, f, t, &due);
	const int at = line_find(g, f->room, room_kind(f));
	const int w = g->waiter_free;

	if (v != GUARD_WAIT)
		return v;
	turn_key(&x.turn, f);
	if (w == NONE || (at != NONE && !may_stand(g, at, &x)))
		return refuse(&g->stats.line_refused);
	x.rank = rank_of(g, &x.turn, t);
	if (!make_place(g, at, x.rank))
		return refuse(&g->stats.line_full);
	g->waiter_free = g->waiters[w].newer;
	x.gen = g->waiters[w].gen;
	g->waiters[w] = x;
	g->n_waiters++;
	age_append(g, w);
	line_append(g, line_open(g, f), w);
	heartbeat(g, t);
	*place = place_of(g, w);
	return GUARD_WAIT;
}

void guard_leave(struct guard *g, uint64_t place)
{
	const uint32_t w = (uint32_t)place;

	if (w < (uint32_t)g->waiter_cap && g->waiters[w].used &&
	    g->waiters[w].gen == place >> 32)
		waiter_free(g, (int)w);
}

unsigned guard_waiting(const struct guard *g)
{
	return g->n_waiters;
}

/* The best of one line who may compare now, or anybody who is refused by now;
 * NONE when its time has not come. */
static int line_pick(const struct guard *g, int at, uint64_t t,
		     enum guard_verdict *v)
{
	const struct line *l = &g->lines[at];
	int best = NONE;

	if (room_turn_ns(g, room_view(g, l->room, l->kind), t) > t)
		return NONE;
	for (int w = l->head; w != NONE; w = g->waiters[w].next) {
		const struct waiter *x = &g->waiters[w];
		uint64_t due;

		*v = judge(g, &x->f, t, &due);
		if (*v == GUARD_REFUSE)
			return w;
		if (due <= t &&
		    (best == NONE || x->rank < g->waiters[best].rank))
			best = w;
	}
	*v = GUARD_PASS;
	return best;
}

static int next_pick(struct guard *g, uint64_t t, enum guard_verdict *v)
{
	for (int i = 0; i < g->n_lines; i++) {
		const int at = (g->turn_at + i) % g->n_lines;
		const int w = line_pick(g, at, t, v);

		if (w == NONE)
			continue;
		g->turn_at = at;
		return w;
	}
	g->turn_at = 0;
	return NONE;
}

bool guard_next_turn(struct guard *g, uint64_t now_ns, uint64_t *token,
		     enum guard_verdict *verdict)
{
	const uint64_t t = time_of(g, now_ns);
	int w = g->oldest;

	if (w == NONE)
		return false;
	*verdict = GUARD_REFUSE;
	if (g->waiters[w].since != 0)
		w = next_pick(g, t, verdict);
	if (w == NONE && age_of(g->waiters[g->oldest].since, t) >=
	    GUARD_HOLD_S * NS_PER_S) {
		w = g->oldest;
		*verdict = GUARD_REFUSE;
	}
	if (w == NONE)
		return false;
	*token = g->waiters[w].token;
	if (*verdict == GUARD_PASS) {
		const struct guard_facts f = g->waiters[w].f;

		rank_served(g, g->waiters[w].line, &g->waiters[w].turn, t);
		turn_taken(g, &f, t);
		g->stats.turns++;
	} else {
		g->stats.line_expired++;
	}
	waiter_free(g, w);
	return true;
}
