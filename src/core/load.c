/* What is late or full, once a second, and what is refused because of it. */
#include "core/sip_int.h"

enum { TICKS_MIN = 50 };	/* a second of one worker */

static void count(struct core *c, uint64_t late, uint64_t ticks)
{
	c->load.late[c->load.at] += late;
	c->load.ticks[c->load.at] += ticks;
}

/* Of the time in which it made these ticks, did it compute most? */
static bool is_busy(const Cv__MediaStats *was, const Cv__MediaStats *s)
{
	const uint64_t wall_us = (s->ticks - was->ticks) * LOAD_TICK_US;

	return s->cpu_us > was->cpu_us &&
	       (s->cpu_us - was->cpu_us) * 1000 / LOAD_BUSY_PERMILLE >=
	       wall_us;
}

/* A new process counts from 0 again. */
void load_media(struct worker *wk, const Cv__MediaStats *s)
{
	const Cv__MediaStats was = wk->stats;

	wk->legs = s->legs;
	wk->stats = *s;
	/* An empty worker's late ticks hurt nobody. */
	if (s->legs && s->ticks >= was.ticks &&
	    s->late_ticks >= was.late_ticks) {
		wk->is_busy = is_busy(&was, s);
		count(wk->c, s->late_ticks - was.late_ticks,
		      s->ticks - was.ticks);
	}
}

void load_face(struct web *w, const Cv__FaceLoad *l)
{
	memset(w->refused, 0, sizeof(w->refused));
	for (size_t i = 0; i < l->n_by_reason; i++)
		if (i < CV__FACE_REASON__FACE_REASON_COUNT)
			w->refused[i] = l->by_reason[i];
	w->load = *l;
	w->load.by_reason = NULL;	/* lives as long as the message */
	w->load.n_by_reason = 0;
}

static uint32_t permille(uint64_t n, uint64_t of)
{
	return of ? (uint32_t)(n >= of ? 1000 : n * 1000 / of) : 0;
}

/* Late for want of what we ourselves spend? When another program has the
 * processor, refusing callers gives media no time back. */
static bool is_ours(const struct core *c, const struct shed_facts *f)
{
	if (f->permille[SHED_FACE_CPU] >= LOAD_FACE_PERMILLE ||
	    (c->sip->ev && c->sip->load.cpu_permille >= LOAD_FACE_PERMILLE))
		return true;
	for (size_t i = 0; i < CORE_WORKERS_MAX; i++)
		if (c->workers[i].media && c->workers[i].is_busy)
			return true;
	return false;
}

static uint32_t late_permille(const struct core *c, const struct shed_facts *f)
{
	uint64_t late = 0, ticks = 0;

	if (!is_ours(c, f))
		return 0;
	for (size_t i = 0; i < LOAD_SECONDS; i++) {
		late += c->load.late[i];
		ticks += c->load.ticks[i];
	}
	/* One late tick of three is no load. */
	return ticks < TICKS_MIN ? 0 : permille(late, ticks);
}

/* A SIP face that computes all the time sheds nobody by that: a refusal costs
 * it what an answer does, and browsers must not pay for a flood of INVITEs. */
static void faces(const struct core *c, struct shed_facts *f)
{
	for (size_t i = 0; i <= CORE_WEBS_MAX; i++) {
		const bool web = i < CORE_WEBS_MAX;
		const Cv__FaceLoad *l = web ? &c->webs[i].load :
					&c->sip->load;
		const uint32_t conns = permille(l->conns, l->conns_max);

		if (web ? !c->webs[i].ev : !c->sip->ev)
			continue;
		if (conns > f->permille[SHED_FACE_CONNS])
			f->permille[SHED_FACE_CONNS] = conns;
		if (web && l->cpu_permille > f->permille[SHED_FACE_CPU])
			f->permille[SHED_FACE_CPU] = l->cpu_permille;
	}
}

void load_tick(struct core *c)
{
	struct shed_facts f = {{0}};
	struct pool_stats pool;
	struct store_stats store;
	struct sip_figures f_sip;

	pool_stats(c->pool, &pool);
	store_stats(c->store, &store);
	sip_figures(c, &f_sip);
	faces(c, &f);
	f.permille[SHED_LATE_TICKS] = late_permille(c, &f);
	/* Newcomers that wait in the guard's line, or type, load nothing. */
	f.permille[SHED_JOINS] = permille(handles_count(c->joins) -
					  guard_waiting(c->guard) -
					  f_sip.joins,
					  CORE_JOINS_MAX);
	f.permille[SHED_POOL] = permille(pool.waiting, POOL_QUEUE_MAX);
	f.permille[SHED_STORE] = permille(store.queued, STORE_QUEUE_MAX);
	if (shed_update(&c->shed, &f, c->now_ns))
		log_warn(MOD, "load", LOG_S("refused",
			 shed_level_name(c->shed.level)), LOG_S("because",
			 shed_signal_name(c->shed.cause)));
	c->load.at = (c->load.at + 1) % LOAD_SECONDS;
	c->load.late[c->load.at] = c->load.ticks[c->load.at] = 0;
}
