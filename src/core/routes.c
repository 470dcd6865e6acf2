#include "core/routes.h"

#include "base/alloc.h"
#include "core/routing/rule_row.h"

/* --- the table ------------------------------------------------------------------ */

static void told(const struct core *c, int64_t bad, const struct rule_error *e)
{
	(void)c;
	log_error(MOD, "routing rules cannot be used: the former ones stay",
		  LOG_I("rule", bad), LOG_S("field", e->field ? e->field : ""),
		  LOG_T("reason", span_str(e->text)));
}

int routes_make(struct core *c)
{
	const size_t n = store_count(c->store, RES_GATEWAY_ROUTING_RULE);
	struct rule *rules = mem_calloc(n + 1, sizeof(*rules));
	struct route_table *t = NULL;
	struct rule_error why = {.field = NULL};
	const struct store_row *row;
	int64_t id = 0, bad = 0;
	size_t i = 0;
	int r;

	if (!rules)
		return E_NOMEM;
	while (i < n && (row = store_next(c->store, RES_GATEWAY_ROUTING_RULE,
					  id))) {
		id = store_row_id(row);
		rule_of_values(&rules[i++], store_value(row, 0));
	}
	r = route_table_new(&t, rules, i, &bad, &why);
	mem_free(rules);
	if (r < 0) {
		told(c, bad, &why);
		/* At the start there is none: nothing is routed. */
		return c->routes ? r : route_table_new(&c->routes, NULL, 0,
						       &bad, &why);
	}
	route_table_unref(&c->routes);
	c->routes = t;
	return 0;
}

bool routes_exist(const struct core *c)
{
	const struct rule *r;

	for (size_t i = 0; c->routes && (r = route_table_at(c->routes, i));
	     i++)
		if (r->enable)
			return true;
	return false;
}

/* --- questions ------------------------------------------------------------------- */

struct ask {
	struct core *c;
	uint64_t who;
	routes_done_fn done;
	struct route_table *table;
	struct route_facts facts;
	struct addr own;
	char dialled[ROUTE_RAW_MAX];
	struct route_result out;
};

static int work(void *arg)
{
	struct ask *a = arg;
	struct regex_run *run;
	int r = regex_run_new(&run);

	if (r < 0)
		return r;
	route_resolve(a->table, run, &a->facts, NULL, &a->out);
	regex_run_free(&run);
	return 0;
}

static void finished(void *arg, int result)
{
	struct ask *a = arg;

	core_turn(a->c);
	a->done(a->c, a->who, result == 0 ? &a->out : NULL);
	route_table_unref(&a->table);
	mem_free(a);
}

int routes_ask(struct core *c, const struct route_facts *f,
	       const struct routes_ask *ask)
{
	struct pool_job job = {.work = work, .done = finished,
			       .who = ask->share, .ip = ask->ip};
	struct ask *a = f->dialled.n > ROUTE_RAW_MAX || !c->routes ? NULL :
		mem_zalloc(sizeof(*a));
	int r;

	if (!a)
		return E_NOMEM;
	a->c = c;
	a->who = ask->who;
	a->done = ask->done;
	a->facts = *f;
	if (f->dialled.n)
		memcpy(a->dialled, f->dialled.p, f->dialled.n);
	a->facts.dialled = span_of(a->dialled, f->dialled.n);
	a->facts.n_own = f->n_own ? 1 : 0;
	if (f->n_own)
		a->own = f->own[0];
	a->facts.own = &a->own;
	a->table = route_table_ref(c->routes);
	job.arg = a;
	r = pool_put(c->pool, &job, NULL);
	if (r == 0)
		return 0;
	route_table_unref(&a->table);
	mem_free(a);
	return r;
}
