/* The region: making it, and taking up what a former process left. */
#include "base/alloc.h"
#include "base/err.h"
#include "core/routing/toll_int.h"

static uint32_t round_up(uint32_t n)
{
	uint32_t p = 8;

	while (p < n)
		p *= 2;
	return p;
}

static bool is_valid(const struct cfg_toll *c)
{
	return c->rules && c->rules <= TOLL_RULES_MAX &&
		c->sources && c->sources <= TOLL_SOURCES_MAX &&
		c->callees && c->callees <= TOLL_CALLEES_MAX &&
		c->calls && c->calls <= TOLL_CALLS_MAX;
}

size_t toll_size(const struct cfg_toll *c)
{
	if (!is_valid(c))
		return 0;
	return sizeof(struct toll_head) +
		((size_t)round_up(c->rules) + round_up(c->sources) +
		 round_up(c->callees)) * sizeof(struct toll_entry) +
		(size_t)round_up(c->calls) * sizeof(struct toll_call);
}

static void lay_out(struct toll *t, void *mem)
{
	struct toll_entry *e;

	t->head = mem;
	e = (struct toll_entry *)(void *)((uint8_t *)mem +
					  sizeof(struct toll_head));
	t->rules = (struct toll_set){e, round_up(t->cfg.rules), true};
	e += t->rules.n;
	t->sources = (struct toll_set){e, round_up(t->cfg.sources), false};
	e += t->sources.n;
	t->callees = (struct toll_set){e, round_up(t->cfg.callees), false};
	e += t->callees.n;
	t->calls = (struct toll_call *)(void *)e;
	t->n_calls = round_up(t->cfg.calls);
}

static void begin_anew(struct toll *t, size_t n, const uint8_t boot_id[16],
		       uint64_t now_ns)
{
	struct toll_head *h = t->head;

	memset(h, 0, n);
	h->rules = t->rules.n;
	h->sources = t->sources.n;
	h->callees = t->callees.n;
	h->calls = t->n_calls;
	memcpy(h->hash_key, t->cfg.hash_key, sizeof(h->hash_key));
	memcpy(h->boot_id, boot_id, sizeof(h->boot_id));
	h->saved_ns = now_ns;
	h->quarter = toll_quarter(now_ns);
	h->magic = TOLL_MAGIC;
}

static bool is_ours(const struct toll *t)
{
	const struct toll_head *h = t->head;

	return h->magic == TOLL_MAGIC && h->rules == t->rules.n &&
		h->sources == t->sources.n && h->callees == t->callees.n &&
		h->calls == t->n_calls && h->is_unusual <= 1;
}

/* From the clock of one boot to that of another: the same age. */
struct shift {
	uint64_t from_ns, to_ns;
};

static bool is_entry_sound(const struct toll_set *s,
			   const struct toll_entry *e, uint32_t newest)
{
	const uint64_t most = (uint64_t)TOLL_CALLS_MAX * 3600;

	if (!e->key) {
		for (size_t i = 0; i < sizeof(*e); i++)
			if (((const uint8_t *)e)[i])
				return false;
		return true;
	}
	if (e < toll_places(s, e->key) || e >= toll_places(s, e->key) + 8)
		return false;
	for (unsigned i = 0; i < TOLL_BUCKETS; i++)
		if (e->seconds[i] > most)
			return false;
	return e->bucket >= TOLL_BUCKETS && e->bucket <= newest;
}

static void entry_shift(struct toll_entry *e, const struct shift *sh)
{
	const uint32_t from = toll_bucket(sh->from_ns);
	const uint32_t to = toll_bucket(sh->to_ns);
	struct toll_entry old;

	toll_age(e, from);
	old = *e;
	for (unsigned i = 0; i < TOLL_BUCKETS; i++) {
		e->calls[(to - i) % TOLL_BUCKETS] =
			old.calls[(from - i) % TOLL_BUCKETS];
		e->seconds[(to - i) % TOLL_BUCKETS] =
			old.seconds[(from - i) % TOLL_BUCKETS];
	}
	e->bucket = to;
	e->told = 0;
}

/* The same key twice in its eight places: the second one is torn. */
static bool is_double(const struct toll_set *s, const struct toll_entry *e)
{
	for (const struct toll_entry *p = toll_places(s, e->key); p < e; p++)
		if (p->key == e->key)
			return true;
	return false;
}

static void take_up_set(struct toll *t, const struct toll_set *s,
			uint32_t newest)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct toll_entry *e = &s->entries[i];

		if (is_entry_sound(s, e, newest) &&
		    (!e->key || !is_double(s, e)))
			continue;
		*e = (struct toll_entry){.key = 0};
		t->stats.torn++;
	}
}

/* Calls end as of the last heartbeat; what they cost until then stays. */
static void take_up_calls(struct toll *t, uint64_t saved_ns)
{
	for (uint32_t i = 0; i < t->n_calls; i++) {
		struct toll_call *c = &t->calls[i];

		if (c->state >= TOLL_STATE_COUNT)
			t->stats.torn++;
		else if (c->charged_ns <= saved_ns)
			toll_charge(t, c, saved_ns);
		c->state = TOLL_FREE;
	}
}

static void finish_set(const struct toll_set *s, const struct shift *sh)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct toll_entry *e = &s->entries[i];

		if (!e->key)
			continue;
		e->live = e->ringing = 0;
		if (sh)
			entry_shift(e, sh);
	}
}

static void take_up_quarters(struct toll *t, const struct shift *sh,
			     uint64_t now_ns)
{
	struct toll_head *h = t->head;
	const uint32_t from = h->quarter, to = toll_quarter(now_ns);
	uint32_t old[TOLL_QUARTERS];

	if (from < TOLL_QUARTERS || (!sh && from > to)) {
		memset(h->quarters, 0, sizeof(h->quarters));
		h->quarter = to;
		h->is_unusual = 0;
		t->stats.torn++;
		return;
	}
	if (!sh)
		return;
	memcpy(old, h->quarters, sizeof(old));
	for (unsigned i = 0; i < TOLL_QUARTERS; i++)
		h->quarters[(to - i) % TOLL_QUARTERS] =
			old[(from - i) % TOLL_QUARTERS];
	h->quarter = to;
}

static void take_up(struct toll *t, const uint8_t boot_id[16],
		    uint64_t now_ns)
{
	struct toll_head *h = t->head;
	const bool same = !memcmp(h->boot_id, boot_id, 16);
	const struct shift other = {h->saved_ns, now_ns};
	const struct shift *sh = same ? NULL : &other;
	/* Written after the last heartbeat, at most one bucket later. */
	const uint32_t newest = same ? toll_bucket(now_ns) :
		toll_bucket(h->saved_ns) + 1;

	if (same && h->saved_ns > now_ns)
		h->saved_ns = now_ns;
	take_up_set(t, &t->rules, newest);
	take_up_set(t, &t->sources, newest);
	take_up_set(t, &t->callees, newest);
	take_up_calls(t, h->saved_ns);
	finish_set(&t->rules, sh);
	finish_set(&t->sources, sh);
	finish_set(&t->callees, sh);
	take_up_quarters(t, sh, now_ns);
	memcpy(h->boot_id, boot_id, sizeof(h->boot_id));
	h->saved_ns = now_ns;
}

int toll_attach(struct toll **out, const struct cfg_toll *cfg, void *mem,
		size_t n, const uint8_t boot_id[16], uint64_t now_ns)
{
	const size_t need = toll_size(cfg);
	struct toll *t;

	if (!need || n < need || ((uintptr_t)mem & 7))
		return E_INVAL;
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	t->cfg = *cfg;
	lay_out(t, mem);
	if (is_ours(t))
		take_up(t, boot_id, now_ns);
	else
		begin_anew(t, need, boot_id, now_ns);
	*out = t;
	return 0;
}

void toll_detach(struct toll **t)
{
	if (!*t)
		return;
	mem_free((*t)->denied);
	mem_free(*t);
	*t = NULL;
}
