#include "core/routing/route.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"

struct entry {
	struct rule rule;
	struct regex *re;
};

struct route_table {
	atomic_uint refs;
	size_t n;
	struct entry *entries;
	uint8_t *text;			/* what the rules' spans point into */
};

/* --- the table ------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
	const struct rule *x = &((const struct entry *)a)->rule;
	const struct rule *y = &((const struct entry *)b)->rule;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

enum { TEXTS = 5 };

static void texts_of(struct rule *r, struct span *texts[TEXTS])
{
	texts[0] = &r->name;
	texts[1] = &r->description;
	texts[2] = &r->tag;
	texts[3] = &r->match_string;
	texts[4] = &r->replace_string;
}

static size_t text_bytes(const struct rule *rules, size_t n)
{
	size_t sum = 1;

	for (size_t i = 0; i < n; i++)
		sum += rules[i].name.n + rules[i].description.n +
			rules[i].tag.n + rules[i].match_string.n +
			rules[i].replace_string.n;
	return sum;
}

static uint8_t *keep_texts(struct rule *r, uint8_t *at)
{
	struct span *texts[TEXTS];

	texts_of(r, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		const size_t n = texts[i]->n;

		if (n)
			memcpy(at, texts[i]->p, n);
		*texts[i] = span_of(at, n);
		at += n;
	}
	return at;
}

static void table_free(struct route_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		regex_free(&t->entries[i].re);
	mem_free(t->entries);
	mem_free(t->text);
	mem_free(t);
}

static int fill(struct route_table *t, const struct rule *rules, size_t n,
		int64_t *bad_rule, struct rule_error *why)
{
	uint8_t *at = t->text;

	for (size_t i = 0; i < n; i++) {
		struct entry *e = &t->entries[i];
		int r = rule_check(&rules[i], why);

		if (r == 0)
			r = regex_new(&e->re, rules[i].match_string,
				      REGEX_NOCASE, NULL);
		if (r < 0) {
			*bad_rule = rules[i].id;
			return r;
		}
		e->rule = rules[i];
		at = keep_texts(&e->rule, at);
		t->n++;
	}
	return 0;
}

int route_table_new(struct route_table **out, const struct rule *rules,
		    size_t n, int64_t *bad_rule, struct rule_error *why)
{
	struct route_table *t;
	int r = E_NOMEM;

	*bad_rule = 0;
	*why = (struct rule_error){.field = ""};
	if (n > ROUTE_RULES_MAX)
		return E_LIMIT;
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return E_NOMEM;
	atomic_init(&t->refs, 1);
	t->entries = mem_calloc(n, sizeof(*t->entries));
	t->text = mem_alloc(text_bytes(rules, n));
	if (t->entries && t->text)
		r = fill(t, rules, n, bad_rule, why);
	if (r < 0) {
		table_free(t);
		return r;
	}
	qsort(t->entries, n, sizeof(*t->entries), by_order);
	*out = t;
	return 0;
}

struct route_table *route_table_ref(struct route_table *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void route_table_unref(struct route_table **t)
{
	struct route_table *old = *t;

	*t = NULL;
	if (old && atomic_fetch_sub_explicit(&old->refs, 1,
					     memory_order_acq_rel) == 1)
		table_free(old);
}

size_t route_table_count(const struct route_table *t)
{
	return t->n;
}

const struct rule *route_table_at(const struct route_table *t, size_t i)
{
	return i < t->n ? &t->entries[i].rule : NULL;
}

const struct rule *route_table_find(const struct route_table *t, int64_t id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].rule.id == id)
			return &t->entries[i].rule;
	return NULL;
}

/* --- one call --------------------------------------------------------------- */

struct look {
	const struct route_facts *f;
	struct regex_run *run;
	struct regex_text alias, raw;
};

static bool is_own(const struct route_facts *f, const struct addr *host)
{
	for (size_t i = 0; i < f->n_own; i++)
		if (addr_ip_eq(&f->own[i], host))
			return true;
	return false;
}

/* What rules see: letters keep their case, and an address that is not ours
 * stays, for it says whom to call. */
static struct span alias_for_rules(const struct route_facts *f)
{
	const struct span s = alias_strip(f->dialled);
	struct span user;
	struct addr host;

	if (alias_split_address(s, &user, &host) && is_own(f, &host))
		return user;
	return s;
}

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

static int read_alias(struct look *l, struct route_result *out)
{
	const struct span raw = span_trim(l->f->dialled);
	int r;

	if (raw.n > ROUTE_RAW_MAX)
		return E_LIMIT;
	if (has_control(raw))
		return E_FORMAT;
	r = alias_normalise(out->alias, raw);
	if (r == 0)
		r = regex_text_of(&l->raw, raw);
	if (r == 0)
		r = regex_text_of(&l->alias, alias_for_rules(l->f));
	if (r == 0 && (!l->alias.s.n || l->alias.s.n > ALIAS_MAX))
		r = l->alias.s.n ? E_LIMIT : E_FORMAT;
	return r;
}

/* The key is no secret: whoever finds two aliases of one hash has only his
 * own call refused. */
static bool is_loop(struct route_trail *t, const char *alias)
{
	static const uint64_t key[2] = {1, 2};
	const uint64_t h = siphash(key, span_str(alias));

	if (t->hops >= ROUTE_HOPS_MAX)
		return true;
	for (unsigned i = 0; i < t->hops; i++)
		if (t->seen[i] == h)
			return true;
	t->seen[t->hops++] = h;
	return false;
}

/* true: the call is decided without the rules. */
static bool decide_early(struct look *l, const struct route_services *services,
			 struct route_result *out)
{
	out->error = read_alias(l, out);
	if (out->error < 0) {
		out->kind = ROUTE_ERROR;
		return true;
	}
	if (is_loop(&out->trail, out->alias)) {
		out->kind = ROUTE_LOOP;
		return true;
	}
	if (l->f->outgoing || !services || !services->find)
		return false;
	out->service = services->find(services->arg, span_str(out->alias));
	if (out->service)
		out->kind = ROUTE_SERVICE;
	return out->service != 0;
}

static bool is_protocol(const struct rule *r, enum rule_protocol p)
{
	if (p == RULE_RTMP)
		p = RULE_WEBRTC;
	return (unsigned)p < RULE_PROTOCOL_COUNT &&
		(r->match_incoming & RULE_BIT(p));
}

/* All but the pattern; ROUTE_MATCHED: ask that. */
static enum route_why ask_facts(const struct rule *r,
				const struct route_facts *f)
{
	if (!r->enable)
		return ROUTE_WHY_DISABLED;
	if (f->outgoing ? !r->match_outgoing_calls : !r->match_incoming_calls)
		return ROUTE_WHY_DIRECTION;
	if (!f->outgoing && !is_protocol(r, f->protocol))
		return ROUTE_WHY_PROTOCOL;
	if (r->match_source_location && r->match_source_location != f->location)
		return ROUTE_WHY_LOCATION;
	if (!f->outgoing && r->match_incoming_only_if_registered &&
	    !f->registered)
		return ROUTE_WHY_REGISTERED;
	return ROUTE_MATCHED;
}

static struct regex_text subject(const struct look *l, const struct rule *r)
{
	return r->match_string_full ? l->raw : l->alias;
}

static int make_target(const struct look *l, const struct entry *e,
		       const struct regex_match *m, struct route_result *out)
{
	struct wr w = wr_of(out->target, ALIAS_MAX);
	struct span made;

	if (e->rule.replace_string.n)
		regex_expand(&w, e->rule.replace_string, m);
	else
		wr_span(&w, l->alias.s);
	if (wr_end(&w, &made) < 0) {
		out->target[0] = 0;
		return E_LIMIT;
	}
	out->target[made.n] = 0;
	if (!made.n || has_control(made)) {
		out->target[0] = 0;
		return E_FORMAT;
	}
	return 0;
}

/* Does this rule take the call? Writes *out only if it does. */
static enum route_why ask(const struct look *l, const struct entry *e,
			  struct regex_match *m, struct route_result *out)
{
	enum route_why why = ask_facts(&e->rule, l->f);
	int r;

	if (why != ROUTE_MATCHED)
		return why;
	out->tried++;
	r = regex_full(e->re, l->run, subject(l, &e->rule), m);
	if (r == E_NOTFOUND)
		return ROUTE_WHY_PATTERN;
	out->rule = &e->rule;
	if (r < 0) {
		out->kind = ROUTE_ERROR;
		out->error = r;
		return ROUTE_WHY_STEPS;
	}
	out->error = make_target(l, e, m, out);
	out->kind = out->error < 0 ? ROUTE_ERROR : ROUTE_RULE;
	return out->error < 0 ? ROUTE_WHY_TARGET : ROUTE_MATCHED;
}

void route_resolve(const struct route_table *t, struct regex_run *run,
		   const struct route_facts *f,
		   const struct route_services *services,
		   struct route_result *out)
{
	struct look l = {.f = f, .run = run};
	struct regex_match m;

	*out = (struct route_result){.kind = ROUTE_NOTHING, .trail = f->trail};
	if (decide_early(&l, services, out))
		return;
	for (size_t i = 0; i < t->n && !out->rule; i++)
		(void)ask(&l, &t->entries[i], &m, out);
}

/* --- the tester -------------------------------------------------------------- */

static const char *const why_texts[ROUTE_WHY_COUNT] = {
	[ROUTE_MATCHED] = "matches",
	[ROUTE_WHY_DISABLED] = "is disabled",
	[ROUTE_WHY_DIRECTION] = "is not for calls of this direction",
	[ROUTE_WHY_PROTOCOL] = "is not for callers of this protocol",
	[ROUTE_WHY_LOCATION] = "is for another location",
	[ROUTE_WHY_REGISTERED] = "is for registered callers only",
	[ROUTE_WHY_PARTIAL] = "pattern matches only a part of the alias",
	[ROUTE_WHY_PATTERN] = "pattern does not match",
	[ROUTE_WHY_STEPS] = "pattern needs too many steps: call refused",
	[ROUTE_WHY_TARGET] = "matches, but makes no valid alias: call refused",
	[ROUTE_WHY_LATER] = "not asked",
};

const char *route_why_text(enum route_why why)
{
	return (unsigned)why < ROUTE_WHY_COUNT ? why_texts[why] : "";
}

void route_explain(const struct route_table *t, struct regex_run *run,
		   const struct route_facts *f,
		   const struct route_services *services,
		   route_explain_fn *fn, void *arg, struct route_result *out)
{
	struct look l = {.f = f, .run = run};
	bool decided, has_time = true;

	*out = (struct route_result){.kind = ROUTE_NOTHING, .trail = f->trail};
	decided = decide_early(&l, services, out);
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->entries[i];
		struct regex_match m = {.n = 0};
		enum route_why why = ROUTE_WHY_LATER;

		if (!decided)
			why = ask(&l, e, &m, out);
		decided = decided || out->rule;
		if (why == ROUTE_WHY_PATTERN && has_time) {
			const int r = regex_search(e->re, run,
						   subject(&l, &e->rule), 0,
						   NULL);

			why = r == 0 ? ROUTE_WHY_PARTIAL : why;
			/* A thousand runaways are not worth that word. */
			has_time = r != E_TIMEOUT;
		}
		fn(arg, &e->rule, why, why == ROUTE_MATCHED ? &m : NULL);
	}
}
