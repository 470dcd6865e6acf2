/* conclave(1): route test - which service or rule an alias leads to, and why
 * each rule before it does not match. Patterns run on the pool. And the apps
 * that are registered. */
#include <stdio.h>

#include "base/alloc.h"
#include "core/cli_int.h"
#include "core/reg.h"
#include "core/routes.h"
#include "core/routing/route_text.h"

enum { SAYS_MAX = 768 };

struct line {
	enum route_why why;
	char says[SAYS_MAX];
};

struct test {
	struct core *c;
	uint64_t client;
	uint32_t uid;
	struct route_table *table;
	struct route_facts facts;
	char dialled[ROUTE_RAW_MAX];
	int64_t service;
	struct line *lines;
	size_t n;
	char says[SAYS_MAX];
};

/* --- on the pool ------------------------------------------------------------------ */

static int64_t service_of(void *arg, struct span alias)
{
	const struct test *t = arg;

	(void)alias;
	return t->service;
}

static void close_text(char *text, size_t cap, const struct wr *w)
{
	const size_t n = wr_len(w);

	text[n < cap ? n : cap - 1] = 0;
}

static void on_rule(void *arg, const struct rule *r, enum route_why why,
		    const struct regex_match *groups)
{
	struct test *t = arg;
	struct line *l = &t->lines[t->n++];
	struct wr w = wr_of(l->says, sizeof(l->says) - 1);

	(void)r;
	l->why = why;
	route_say_rule(&w, why, groups);
	close_text(l->says, sizeof(l->says), &w);
}

static int work(void *arg)
{
	struct test *t = arg;
	const struct route_services services = {service_of, t};
	struct wr w = wr_of(t->says, sizeof(t->says) - 1);
	struct route_result out;
	struct regex_run *run;
	int r = regex_run_new(&run);

	if (r < 0)
		return r;
	route_explain(t->table, run, &t->facts, &services, on_rule, t, &out);
	route_say_result(&w, &out);
	close_text(t->says, sizeof(t->says), &w);
	regex_run_free(&run);
	return 0;
}

/* --- the answer -------------------------------------------------------------------- */

static void test_free(struct test *t)
{
	route_table_unref(&t->table);
	mem_free(t->lines);
	mem_free(t);
}

static void show(struct answer *a, const struct test *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct rule *r = route_table_at(t->table, i);

		answer_row(a);
		answer_number(a, "priority", r->priority);
		answer_number(a, "id", (uint64_t)r->id);
		answer_field(a, "name", r->name);
		answer_field(a, "result", span_str(t->lines[i].says));
	}
	answer_row(a);
	answer_field(a, "priority", SPAN_LIT(""));
	answer_field(a, "id", SPAN_LIT(""));
	answer_field(a, "name", SPAN_LIT("in all"));
	answer_field(a, "result", span_str(t->says));
	answer_end(a, 0, "");
}

static void finished(void *arg, int result)
{
	struct test *t = arg;
	struct answer *a = mem_alloc(sizeof(*a));

	core_turn(t->c);
	if (a) {
		a->c = t->c;
		a->client = t->client;
		a->uid = t->uid;
		answer_start(a);
		if (result == 0)
			show(a, t);
		else
			answer_end(a, result, "route: busy, try again");
	}
	mem_free(a);
	test_free(t);
}

/* --- the question --------------------------------------------------------------------- */

static bool read_flag(const Cv__CliRequest *rq, const char *name, bool *out)
{
	const struct span v = cli_asked(rq, name);

	*out = span_eq(v, SPAN_LIT("true")) || span_eq(v, SPAN_LIT("1"));
	return !v.n || *out || span_eq(v, SPAN_LIT("false")) ||
		span_eq(v, SPAN_LIT("0"));
}

static bool read_protocol(const Cv__CliRequest *rq, struct route_facts *f)
{
	const struct span v = cli_asked(rq, "protocol");

	f->protocol = RULE_WEBRTC;
	for (unsigned i = 0; v.n && i <= RULE_RTMP; i++) {
		f->protocol = (enum rule_protocol)i;
		if (span_eq(v, span_str(rule_protocol_name(f->protocol))))
			return true;
	}
	return !v.n;
}

/* By number or name; none: callers of no location. */
static bool read_location(const struct core *c, const Cv__CliRequest *rq,
			  struct route_facts *f)
{
	const struct span v = cli_asked(rq, "location");
	const struct store_row *row;
	uint64_t id;

	f->location = 0;
	if (!v.n)
		return true;
	row = span_u64(v, INT64_MAX, &id) == 0 ?
		store_get(c->store, RES_SYSTEM_LOCATION, (int64_t)id) :
		store_find(c->store, RES_SYSTEM_LOCATION,
			   SYSTEM_LOCATION_NAME, v);
	if (row)
		f->location = store_row_id(row);
	return row != NULL;
}

static const char *read_facts(const struct core *c, const Cv__CliRequest *rq,
			      struct route_facts *f)
{
	f->dialled = cli_asked(rq, "alias");
	if (!f->dialled.n)
		f->dialled = cli_asked(rq, "which");
	if (!f->dialled.n || f->dialled.n > ROUTE_RAW_MAX)
		return "alias: what is dialled, at most 1024 bytes";
	if (!read_protocol(rq, f))
		return "protocol: one of webrtc sip h323 mssip teams rtmp";
	if (!read_location(c, rq, f))
		return "location: no location of that number or name";
	if (!read_flag(rq, "registered", &f->registered))
		return "registered: true or false";
	if (!read_flag(rq, "outgoing", &f->outgoing))
		return "outgoing: true or false";
	return NULL;
}

static int64_t find_service(struct core *c, struct span dialled)
{
	char alias[ALIAS_MAX + 1];
	const struct store_row *row;

	if (alias_normalise(alias, dialled) < 0)
		return 0;
	row = conf_of_alias(c, span_str(alias));
	return row ? store_row_id(row) : 0;
}

static int start(struct answer *a, const struct route_facts *f)
{
	struct core *c = a->c;
	struct test *t = c->routes ? mem_zalloc(sizeof(*t)) : NULL;
	int r = E_NOMEM;

	if (!t)
		return r;
	*t = (struct test){.c = c, .client = a->client, .uid = a->uid,
			   .facts = *f};
	memcpy(t->dialled, f->dialled.p, f->dialled.n);
	t->facts.dialled = span_of(t->dialled, f->dialled.n);
	t->service = find_service(c, f->dialled);
	t->table = route_table_ref(c->routes);
	t->lines = mem_calloc(route_table_count(t->table) + 1,
			      sizeof(*t->lines));
	if (t->lines)
		r = pool_put(c->pool, &(struct pool_job){
			     .work = work, .done = finished, .arg = t,
			     .who = SHARE_OURS}, NULL);
	if (r < 0)
		test_free(t);
	return r;
}

bool cli_route_verb(struct answer *a, const Cv__CliRequest *rq)
{
	struct route_facts f = {.location = 0};
	const char *wrong;
	int r;

	if (strcmp(rq->verb, "route") != 0 ||
	    strcmp(rq->resource, "test") != 0)
		return false;
	wrong = read_facts(a->c, rq, &f);
	if (wrong) {
		answer_end(a, E_INVAL, wrong);
		return true;
	}
	r = start(a, &f);
	if (r < 0)
		answer_end(a, r, "route: busy, try again");
	return true;
}
