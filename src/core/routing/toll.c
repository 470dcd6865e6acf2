#include "core/routing/toll.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"
#include "core/routing/toll_int.h"

/* --- the table of a call ---------------------------------------------------- */

int toll_table(enum toll_state s, enum toll_input in)
{
	static const int8_t next[TOLL_STATE_COUNT][TOLL_INPUT_COUNT] = {
		/*                   BEGIN         ANSWER          OVER         END */
		[TOLL_FREE] =      {TOLL_RINGING, -1,             -1,          -1},
		[TOLL_RINGING] =   {-1,           TOLL_CONNECTED, TOLL_ENDING, TOLL_FREE},
		[TOLL_CONNECTED] = {-1,           -1,             TOLL_ENDING, TOLL_FREE},
		[TOLL_ENDING] =    {-1,           -1,             -1,          TOLL_FREE},
	};

	if ((unsigned)s >= TOLL_STATE_COUNT || (unsigned)in >= TOLL_INPUT_COUNT)
		return -1;
	return next[s][in];
}

static const char *const verdict_texts[TOLL_VERDICT_COUNT] = {
	[TOLL_REFUSED] = "refused",
	[TOLL_PASS] = "may be placed",
	[TOLL_NO_RULE] = "no rule: the gateway is off",
	[TOLL_UNREGISTERED] = "an unregistered caller may not reach the outside",
	[TOLL_RECEPTION] = "a reception may not reach this rule",
	[TOLL_DENIED_PREFIX] = "the number has a denied prefix",
	[TOLL_RULE_CALLS] = "the rule's calls per hour are used up",
	[TOLL_RULE_CONCURRENT] = "the rule has as many calls as it may",
	[TOLL_RULE_MINUTES] = "the rule's minutes per hour are used up",
	[TOLL_SOURCE_CALLS] = "the caller's calls per hour are used up",
	[TOLL_SOURCE_CONCURRENT] = "the caller has as many calls as he may",
	[TOLL_SOURCE_MINUTES] = "the caller's minutes per hour are used up",
	[TOLL_CALLEE_RINGING] = "the callee is being rung already",
	[TOLL_CALLEE_CALLS] = "the callee was called too often",
	[TOLL_FULL] = "no place for one more call",
};

const char *toll_verdict_text(enum toll_verdict v)
{
	return (unsigned)v < TOLL_VERDICT_COUNT ? verdict_texts[v] : "";
}

/* --- entries: what was counted for one rule, source or callee ----------------- */

/* Buckets older than an hour are empty. */
void toll_age(struct toll_entry *e, uint32_t bucket)
{
	if (bucket <= e->bucket)
		return;
	uint32_t gone = bucket - e->bucket;

	if (gone > TOLL_BUCKETS)
		gone = TOLL_BUCKETS;
	for (uint32_t i = 0; i < gone; i++) {
		e->calls[(bucket - i) % TOLL_BUCKETS] = 0;
		e->seconds[(bucket - i) % TOLL_BUCKETS] = 0;
	}
	e->bucket = bucket;
}

static struct toll_usage usage_of(const struct toll_entry *e, uint32_t bucket)
{
	struct toll_usage u = {.live = e->live, .ringing = e->ringing};
	uint64_t seconds = 0;
	struct toll_entry now = *e;

	toll_age(&now, bucket);
	for (unsigned i = 0; i < TOLL_BUCKETS; i++) {
		u.calls += now.calls[i];
		seconds += now.seconds[i];
	}
	u.minutes = (uint32_t)(seconds / 60);
	return u;
}

/* The eight places of a key. */
struct toll_entry *toll_places(const struct toll_set *s, uint64_t key)
{
	return s->entries + (key & (s->n - 1) & ~UINT64_C(7));
}

static struct toll_entry *find(const struct toll_set *s, uint64_t key)
{
	struct toll_entry *e = toll_places(s, key);

	for (unsigned i = 0; i < 8; i++)
		if (e[i].key == key)
			return &e[i];
	return NULL;
}

static uint64_t worth(const struct toll_entry *e, uint32_t bucket)
{
	const struct toll_usage u = usage_of(e, bucket);

	return (uint64_t)u.calls + u.minutes;
}

/* A place that may be taken for a new key: an unused one, or the one that
 * counted least. NULL: all have live calls, or may not be replaced. */
static struct toll_entry *vacant(const struct toll_set *s, uint64_t key,
				 uint32_t bucket)
{
	struct toll_entry *e = toll_places(s, key), *best = NULL;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		const uint64_t w = e[i].key ? worth(&e[i], bucket) : 0;

		if (!e[i].key)
			return &e[i];
		if (e[i].live || (s->is_lasting && w) || w >= least)
			continue;
		least = w;
		best = &e[i];
	}
	return best;
}

static struct toll_entry *enter(struct toll *t, const struct toll_set *s,
				uint64_t key, uint32_t bucket)
{
	struct toll_entry *e = find(s, key);

	if (!e) {
		e = vacant(s, key, bucket);
		if (!e)
			return NULL;
		if (e->key && worth(e, bucket))
			t->stats.evicted++;
		*e = (struct toll_entry){.key = key, .bucket = bucket};
	}
	toll_age(e, bucket);
	return e;
}

/* --- keys: never 0, which is an empty place ---------------------------------- */

static uint64_t key_of(const struct toll *t, uint64_t kind, struct span s)
{
	const uint64_t h = siphash_u64x2(t->head->hash_key, kind,
					 siphash(t->head->hash_key, s));

	return h ? h : 1;
}

static uint64_t rule_key(const struct toll *t, int64_t rule)
{
	return key_of(t, 1, span_of(&rule, sizeof(rule)));
}

static uint64_t source_key(const struct toll *t, const struct toll_facts *f)
{
	struct addr a = {.port = 0};

	if (f->registration)
		return key_of(t, 2, span_of(&f->registration,
					    sizeof(f->registration)));
	memcpy(a.ip, f->ip, sizeof(a.ip));
	return key_of(t, 3, span_of(f->ip, addr_is_v4(&a) ? 16 : 8));
}

static uint64_t callee_key(const struct toll *t, const struct toll_facts *f)
{
	char target[ALIAS_MAX + 1];

	if (alias_normalise(target, f->target) < 0)
		return 0;
	return key_of(t, 4, span_str(target));
}

/* --- may it be placed? ---------------------------------------------------------- */

static bool is_over(uint32_t used, uint32_t limit)
{
	return limit && used >= limit;
}

static enum toll_verdict ask_rule(const struct toll *t,
				  const struct toll_facts *f, uint32_t bucket)
{
	const struct toll_entry *e = find(&t->rules, rule_key(t, f->rule->id));
	const struct toll_usage u = e ? usage_of(e, bucket) :
		(struct toll_usage){0};

	if (is_over(u.live, f->rule->max_concurrent_calls))
		return TOLL_RULE_CONCURRENT;
	if (is_over(u.calls, f->rule->max_calls_per_hour))
		return TOLL_RULE_CALLS;
	if (is_over(u.minutes, f->rule->max_minutes_per_hour))
		return TOLL_RULE_MINUTES;
	return TOLL_PASS;
}

static enum toll_verdict ask_source(const struct toll *t,
				    const struct toll_facts *f,
				    uint32_t bucket)
{
	const struct toll_entry *e = find(&t->sources, source_key(t, f));
	const struct toll_usage u = e ? usage_of(e, bucket) :
		(struct toll_usage){0};

	if (is_over(u.live, t->cfg.source_concurrent_calls))
		return TOLL_SOURCE_CONCURRENT;
	if (is_over(u.calls, t->cfg.source_calls_per_hour))
		return TOLL_SOURCE_CALLS;
	if (is_over(u.minutes, t->cfg.source_minutes_per_hour))
		return TOLL_SOURCE_MINUTES;
	return TOLL_PASS;
}

static enum toll_verdict ask_callee(const struct toll *t, uint64_t key,
				    uint32_t bucket)
{
	const struct toll_entry *e = find(&t->callees, key);
	const struct toll_usage u = e ? usage_of(e, bucket) :
		(struct toll_usage){0};

	if (is_over(u.ringing, t->cfg.callee_ringing))
		return TOLL_CALLEE_RINGING;
	if (is_over(u.calls, t->cfg.callee_calls_per_hour))
		return TOLL_CALLEE_CALLS;
	return TOLL_PASS;
}

/* What needs no counting. */
static enum toll_verdict ask_facts(const struct toll *t,
				   const struct toll_facts *f)
{
	if (!f->rule || !f->rule->enable)
		return TOLL_NO_RULE;
	if (f->external && !rule_is_external(f->rule))
		return TOLL_REFUSED;
	if (f->external && rule_is_open(f->rule) && !f->registration &&
	    !f->rule->allow_unregistered_external)
		return TOLL_UNREGISTERED;
	/* The rule's target counts, not where this one call would end: a
	 * device that is not registered now must not make the difference. */
	if (f->from_reception && rule_is_external(f->rule) &&
	    !f->rule->reception_may_reach)
		return TOLL_RECEPTION;
	if (f->external && (toll_is_denied(t, f->dialled) ||
			    toll_is_denied(t, f->target)))
		return TOLL_DENIED_PREFIX;
	return TOLL_PASS;
}

static bool has_place(const struct toll_set *s, uint64_t key,
		      uint32_t bucket)
{
	return find(s, key) || vacant(s, key, bucket);
}

static enum toll_verdict ask_places(const struct toll *t,
				    const struct toll_facts *f,
				    uint64_t callee, uint32_t bucket)
{
	return t->stats.live < t->n_calls &&
		has_place(&t->rules, rule_key(t, f->rule->id), bucket) &&
		has_place(&t->sources, source_key(t, f), bucket) &&
		has_place(&t->callees, callee, bucket) ?
		TOLL_PASS : TOLL_FULL;
}

enum toll_verdict toll_check(const struct toll *t, const struct toll_facts *f,
			     uint64_t now_ns)
{
	const uint32_t bucket = toll_bucket(now_ns);
	enum toll_verdict v = ask_facts(t, f);
	uint64_t callee;

	if (v != TOLL_PASS)
		return v;
	callee = callee_key(t, f);
	if (!callee)
		return TOLL_REFUSED;
	v = ask_source(t, f, bucket);
	if (v == TOLL_PASS)
		v = ask_rule(t, f, bucket);
	if (v == TOLL_PASS)
		v = ask_callee(t, callee, bucket);
	if (v == TOLL_PASS)
		v = ask_places(t, f, callee, bucket);
	return v;
}

/* --- events -------------------------------------------------------------------- */

static void event_put(struct toll *t, struct toll_event e)
{
	if (t->ev_n == TOLL_EVENTS_MAX) {
		t->stats.events_lost++;
		return;
	}
	t->ev[(t->ev_at + t->ev_n++) % TOLL_EVENTS_MAX] = e;
}

bool toll_next_event(struct toll *t, struct toll_event *out)
{
	if (!t->ev_n)
		return false;
	*out = t->ev[t->ev_at];
	t->ev_at = (t->ev_at + 1) % TOLL_EVENTS_MAX;
	t->ev_n--;
	return true;
}

static void event_limit(struct toll *t, int64_t rule, enum toll_verdict v,
			uint32_t bucket)
{
	struct toll_entry *e;

	if (v < TOLL_DENIED_PREFIX || v >= TOLL_VERDICT_COUNT)
		return;
	e = enter(t, &t->rules, rule_key(t, rule), bucket);
	if (!e || e->told == bucket)
		return;
	e->told = bucket;
	event_put(t, (struct toll_event){.kind = TOLL_EV_LIMIT, .rule = rule,
					 .verdict = v});
}

/* --- unusual volume -------------------------------------------------------------- */

static bool is_unusual(const struct toll *t, uint32_t quarter)
{
	const struct toll_head *h = t->head;
	const uint64_t now = h->quarters[quarter % TOLL_QUARTERS];
	uint64_t before = 0;

	for (unsigned i = 0; i < TOLL_QUARTERS; i++)
		before += h->quarters[i];
	before -= now;
	return now > t->cfg.unusual_floor &&
		now * (TOLL_QUARTERS - 1) > before * t->cfg.unusual_factor;
}

static void quarter_turn(struct toll *t, uint32_t quarter)
{
	struct toll_head *h = t->head;

	while (h->quarter < quarter) {
		const bool was_calm = !is_unusual(t, h->quarter);

		if (was_calm && h->is_unusual) {
			h->is_unusual = 0;
			event_put(t, (struct toll_event){
				.kind = TOLL_EV_USUAL,
				.calls = h->quarters[h->quarter %
						     TOLL_QUARTERS]});
		}
		/* A long silence need not be walked quarter by quarter. */
		if (quarter - h->quarter > 2 * TOLL_QUARTERS)
			h->quarter = quarter - 2 * TOLL_QUARTERS;
		h->quarter++;
		h->quarters[h->quarter % TOLL_QUARTERS] = 0;
	}
}

static void quarter_note(struct toll *t, uint64_t now_ns)
{
	struct toll_head *h = t->head;
	const uint32_t quarter = toll_quarter(now_ns);
	uint32_t *n = &h->quarters[quarter % TOLL_QUARTERS];

	quarter_turn(t, quarter);
	if (*n < UINT32_MAX)
		++*n;
	if (h->is_unusual || !is_unusual(t, quarter))
		return;
	h->is_unusual = 1;
	event_put(t, (struct toll_event){.kind = TOLL_EV_UNUSUAL,
					 .calls = *n});
}

/* --- calls ------------------------------------------------------------------------ */

static uint64_t call_handle(const struct toll *t, const struct toll_call *c)
{
	return ((uint64_t)c->gen << 32) | (uint64_t)(c - t->calls + 1);
}

static struct toll_call *call_of(const struct toll *t, uint64_t handle)
{
	const uint64_t slot = handle & UINT32_MAX;
	struct toll_call *c;

	if (!slot || slot > t->n_calls)
		return NULL;
	c = &t->calls[slot - 1];
	return c->gen == handle >> 32 && c->state != TOLL_FREE ? c : NULL;
}

static struct toll_call *call_free_one(const struct toll *t)
{
	for (uint32_t i = 0; i < t->n_calls; i++)
		if (t->calls[i].state == TOLL_FREE)
			return &t->calls[i];
	return NULL;
}

static void add_seconds(struct toll_entry *e, uint32_t seconds,
			uint32_t bucket)
{
	uint32_t *s;

	if (!e)
		return;
	toll_age(e, bucket);
	s = &e->seconds[bucket % TOLL_BUCKETS];
	*s = UINT32_MAX - *s < seconds ? UINT32_MAX : *s + seconds;
}

/* Begun seconds count. */
void toll_charge(struct toll *t, struct toll_call *c, uint64_t now_ns)
{
	const uint32_t bucket = toll_bucket(now_ns);
	uint64_t seconds;

	if (c->state != TOLL_CONNECTED || now_ns <= c->charged_ns)
		return;
	seconds = (now_ns - c->charged_ns + TOLL_NS_PER_S - 1) / TOLL_NS_PER_S;
	c->charged_ns += seconds * TOLL_NS_PER_S;
	if (seconds > UINT32_MAX)
		seconds = UINT32_MAX;
	add_seconds(find(&t->rules, c->rule_key), (uint32_t)seconds, bucket);
	add_seconds(find(&t->sources, c->source_key), (uint32_t)seconds,
		    bucket);
}

static void stop_ringing(struct toll *t, const struct toll_call *c)
{
	struct toll_entry *e = find(&t->callees, c->callee_key);

	if (c->state == TOLL_RINGING && e && e->ringing)
		e->ringing--;
}

static void leave(struct toll_entry *e)
{
	if (e && e->live)
		e->live--;
}

static int call_step(struct toll *t, uint64_t handle, enum toll_input in,
		     uint64_t now_ns)
{
	struct toll_call *c = call_of(t, handle);
	int next;

	if (!c) {
		t->stats.bad_events++;
		return E_NOTFOUND;
	}
	next = toll_table((enum toll_state)c->state, in);
	if (next < 0) {
		t->stats.bad_events++;
		return E_STATE;
	}
	toll_charge(t, c, now_ns);
	stop_ringing(t, c);
	if (in == TOLL_IN_ANSWER)
		c->charged_ns = now_ns;
	if (next == TOLL_FREE) {
		leave(find(&t->rules, c->rule_key));
		leave(find(&t->sources, c->source_key));
		leave(find(&t->callees, c->callee_key));
		t->stats.live--;
	}
	c->state = (uint32_t)next;
	return 0;
}

int toll_answer(struct toll *t, uint64_t call, uint64_t now_ns)
{
	return call_step(t, call, TOLL_IN_ANSWER, now_ns);
}

int toll_end(struct toll *t, uint64_t call, uint64_t now_ns)
{
	return call_step(t, call, TOLL_IN_END, now_ns);
}

static void join_entry(struct toll_entry *e, bool is_new, uint32_t bucket)
{
	uint16_t *n = &e->calls[bucket % TOLL_BUCKETS];

	e->live++;
	if (is_new && *n < UINT16_MAX)
		++*n;
}

static int call_make(struct toll *t, const struct toll_facts *f, bool is_new,
		     uint64_t now_ns, uint64_t *handle)
{
	const uint32_t bucket = toll_bucket(now_ns);
	const uint64_t callee = callee_key(t, f);
	struct toll_call *c = call_free_one(t);
	struct toll_entry *r, *s, *d;

	if (!c || !callee)
		return E_FULL;
	r = enter(t, &t->rules, rule_key(t, f->rule->id), bucket);
	s = enter(t, &t->sources, source_key(t, f), bucket);
	d = enter(t, &t->callees, callee, bucket);
	if (!r || !s || !d)
		return E_FULL;
	join_entry(r, is_new, bucket);
	join_entry(s, is_new, bucket);
	join_entry(d, is_new, bucket);
	d->ringing++;
	*c = (struct toll_call){
		.state = TOLL_RINGING, .gen = c->gen + 1, .rule = f->rule->id,
		.rule_key = r->key, .source_key = s->key, .callee_key = d->key,
		.begun_ns = now_ns, .charged_ns = now_ns,
		.rule_minutes = f->rule->max_minutes_per_hour,
	};
	t->stats.live++;
	*handle = call_handle(t, c);
	return 0;
}

enum toll_verdict toll_begin(struct toll *t, const struct toll_facts *f,
			     uint64_t now_ns, uint64_t *call)
{
	enum toll_verdict v = toll_check(t, f, now_ns);

	if (v == TOLL_PASS && call_make(t, f, true, now_ns, call) < 0)
		v = TOLL_FULL;
	t->stats.verdicts[v]++;
	if (v == TOLL_PASS) {
		t->stats.passed++;
		if (f->external)
			quarter_note(t, now_ns);
	} else if (f->rule) {
		event_limit(t, f->rule->id, v, toll_bucket(now_ns));
	}
	return v;
}

int toll_resume(struct toll *t, const struct toll_facts *f, bool connected,
		uint64_t now_ns, uint64_t *call)
{
	int r = f->rule ? call_make(t, f, false, now_ns, call) : E_INVAL;

	if (r == 0 && connected)
		r = toll_answer(t, *call, now_ns);
	return r;
}

/* --- once a second ------------------------------------------------------------------ */

/* Which limit ends this call now; TOLL_PASS: none. */
static enum toll_verdict over(const struct toll *t, const struct toll_call *c,
			      uint64_t now_ns)
{
	const uint32_t bucket = toll_bucket(now_ns);
	const struct toll_entry *r = find(&t->rules, c->rule_key);
	const struct toll_entry *s = find(&t->sources, c->source_key);

	if (c->state == TOLL_RINGING)
		return now_ns > c->begun_ns &&
			now_ns - c->begun_ns >= TOLL_RING_S * TOLL_NS_PER_S ?
			TOLL_REFUSED : TOLL_PASS;
	if (c->state != TOLL_CONNECTED)
		return TOLL_PASS;
	if (r && is_over(usage_of(r, bucket).minutes, c->rule_minutes))
		return TOLL_RULE_MINUTES;
	if (s && is_over(usage_of(s, bucket).minutes,
			 t->cfg.source_minutes_per_hour))
		return TOLL_SOURCE_MINUTES;
	return TOLL_PASS;
}

void toll_tick(struct toll *t, uint64_t now_ns)
{
	for (uint32_t i = 0; i < t->n_calls; i++) {
		struct toll_call *c = &t->calls[i];
		enum toll_verdict v;

		if (c->state == TOLL_FREE)
			continue;
		toll_charge(t, c, now_ns);
		v = over(t, c, now_ns);
		if (v == TOLL_PASS || t->ev_n == TOLL_EVENTS_MAX)
			continue;	/* a full ring: again in a second */
		(void)call_step(t, call_handle(t, c), TOLL_IN_OVER, now_ns);
		event_put(t, (struct toll_event){
			.kind = TOLL_EV_END_CALL, .call = call_handle(t, c),
			.rule = c->rule, .verdict = v});
	}
	quarter_turn(t, toll_quarter(now_ns));
	if (now_ns > t->head->saved_ns)
		t->head->saved_ns = now_ns;
}

void toll_rule_usage(const struct toll *t, int64_t rule, uint64_t now_ns,
		     struct toll_usage *out)
{
	const struct toll_entry *e = find(&t->rules, rule_key(t, rule));

	*out = e ? usage_of(e, toll_bucket(now_ns)) : (struct toll_usage){0};
}

void toll_stats(const struct toll *t, struct toll_stats *out)
{
	*out = t->stats;
}

void toll_set_limits(struct toll *t, const struct cfg_toll *cfg)
{
	const struct cfg_toll old = t->cfg;

	t->cfg = *cfg;
	t->cfg.rules = old.rules;
	t->cfg.sources = old.sources;
	t->cfg.callees = old.callees;
	t->cfg.calls = old.calls;
}
