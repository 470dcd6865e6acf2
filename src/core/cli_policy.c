/* conclave(1): policy test - a script against sample input, or a request to
 * the policy server of a profile. Shows what came of it and where it failed;
 * never what a server sent, never a PIN. Scripts run on the pool. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/outguard.h"
#include "base/rand.h"
#include "core/cli_int.h"
#include "core/fetch.h"
#include "core/policies.h"
#include "core/policy/try.h"
#include "core/policy_wire.h"
#include "core/zones.h"

enum { SAYS_MAX = 320 };

struct test {
	struct core *c;
	uint64_t client;
	uint32_t uid;
	char *text;			/* what the spans of `in` point into */
	struct policy_try_in in;
	struct policy_try_out out;
	struct arena *mem;
};

static void test_free(struct test *t)
{
	arena_free(&t->mem);
	mem_free(t->text);
	mem_free(t);
}

/* --- answering later ------------------------------------------------------------ */

static struct answer *answer_later(struct test *t)
{
	struct answer *a = mem_alloc(sizeof(*a));

	core_turn(t->c);
	if (!a)
		return NULL;
	a->c = t->c;
	a->client = t->client;
	a->uid = t->uid;
	answer_start(a);
	return a;
}

/* One row for each thing there is to say. */
static void say(struct answer *a, const char *what, struct span value)
{
	answer_row(a);
	answer_field(a, "what", span_str(what));
	answer_field(a, "value", value);
}

static void say_number(struct answer *a, const char *what, uint64_t v)
{
	answer_row(a);
	answer_field(a, "what", span_str(what));
	answer_number(a, "value", v);
}

static void say_verdict(struct answer *a, const struct policy_answer *out)
{
	char text[SAYS_MAX];

	say(a, "verdict", span_str(policy_try_verdict(out->event)));
	if (!out->why.rule)
		return;
	(void)snprintf(text, sizeof(text), "%s%s%s",
		       out->why.member ? out->why.member : "",
		       out->why.member ? ": " : "", out->why.rule);
	say(a, "reason", span_str(text));
}

/* --- a script ------------------------------------------------------------------------ */

static void random_bytes(void *arg, void *p, size_t n)
{
	(void)arg;
	rand_bytes(p, n);
}

static int work(void *arg)
{
	struct test *t = arg;
	const struct script_env env = {.arg = t->mem, .zone = zones_read,
				       .now_us = clock_wall_us(),
				       .random = random_bytes};

	policy_try_run(&t->out, &t->in, &env, t->mem);
	return 0;
}

static void on_member(void *arg, const char *name, struct span value)
{
	say(arg, name, value);
}

static void show_output(struct answer *a, struct test *t)
{
	struct policy_reader rd = {.arena = t->mem, .has = policies_has,
				   .arg = t->c};
	struct policy_answer out;

	policy_script_read(&out, t->in.kind, &t->out.tree, &rd);
	say_verdict(a, &out);
	say_number(a, "steps used", t->out.used.steps);
	say_number(a, "memory used, bytes", t->out.used.memory_bytes);
	(void)policy_try_show(t->mem, t->in.kind, &out, on_member, a);
}

static void show_failure(struct answer *a, const struct policy_try_out *o)
{
	say(a, "verdict", span_str(policy_try_verdict(
	    POLICY_EV_SCRIPT_FAILED)));
	say(a, "reason", span_str(policy_try_stage_text(o->stage)));
	if (o->stage == POLICY_TRY_COMPILE || o->stage == POLICY_TRY_RUN) {
		say_number(a, "line", o->err.line);
		say_number(a, "column", o->err.column);
		say(a, "error", span_str(o->err.text));
	} else {
		say_number(a, "byte", o->at);
	}
}

static void on_ran(void *arg, int result)
{
	struct test *t = arg;
	struct answer *a = answer_later(t);

	if (a && result == 0 && t->out.stage == POLICY_TRY_DONE)
		show_output(a, t);
	else if (a && result == 0)
		show_failure(a, &t->out);
	if (a)
		answer_end(a, result, result ? "policy: busy, try again" : "");
	mem_free(a);
	test_free(t);
}

/* --- a request --------------------------------------------------------------------------- */

static void on_answered(struct core *c, uint64_t who, const Cv__HttpResult *r)
{
	struct test *t = (struct test *)(uintptr_t)who;
	struct answer *a = answer_later(t);
	struct policy_reader rd = {.arena = t->mem, .has = policies_has,
				   .arg = c};
	struct policy_answer out;

	policy_wire_read(&out, t->in.kind, r, &rd);
	if (a) {
		say_verdict(a, &out);
		if (r && r->status)
			say_number(a, "status", r->status);
		if (r && r->error == CV__HTTP_ERROR__HTTP_GUARDED)
			say(a, "outbound guard",
			    span_str(outguard_reason_text(r->guard)));
		say_number(a, "milliseconds", r ? r->ms : 0);
		answer_end(a, 0, "");
	}
	mem_free(a);
	test_free(t);
}

/* --- the question ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} facts[] = {
#define FACT(n) {#n, offsetof(struct policy_facts, n)}
	FACT(local_alias), FACT(remote_alias), FACT(remote_display_name),
	FACT(remote_address), FACT(location), FACT(protocol), FACT(vendor),
	FACT(call_tag), FACT(call_direction), FACT(trigger), FACT(idp_uuid),
	FACT(participant_type), FACT(preauthenticated_role),
	FACT(service_name), FACT(service_tag),
#undef FACT
	{"alias", offsetof(struct policy_facts, local_alias)},
};

/* What outlives the message: copied one behind the other into t->text. */
static struct span keep(char **at, struct span s)
{
	struct span kept = span_of(*at, s.n);

	memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

static size_t bytes_of(const Cv__CliRequest *rq)
{
	size_t n = 1;

	for (size_t i = 0; i < rq->n_fields; i++)
		n += rq->fields[i]->value.len;
	return n;
}

static void read_facts(struct test *t, const Cv__CliRequest *rq, char **at)
{
	struct span v;

	policy_try_sample(&t->in.facts);
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		v = cli_asked(rq, facts[i].name);
		if (!v.p)
			continue;
		v = keep(at, v);
		memcpy((char *)&t->in.facts + facts[i].offset, &v, sizeof(v));
	}
	v = cli_asked(rq, "registered");
	t->in.facts.registered = span_eq(v, SPAN_LIT("true"));
	v = cli_asked(rq, "found");
	t->in.is_unknown = span_eq(v, SPAN_LIT("false"));
}

static bool read_kind(const Cv__CliRequest *rq, enum policy_kind *kind)
{
	struct span v = cli_asked(rq, "kind");

	for (int k = 0; k < POLICY_SCRIPTS; k++) {
		*kind = (enum policy_kind)k;
		if (span_eq(v, span_str(policy_kind_name(*kind))))
			return true;
	}
	*kind = POLICY_SERVICE;
	return !v.n;
}

static const struct store_row *read_profile(struct core *c,
					    const Cv__CliRequest *rq)
{
	struct span v = cli_asked(rq, "which");
	uint64_t id;

	if (!v.n)
		return NULL;
	if (span_u64(v, INT64_MAX, &id) == 0)
		return store_get(c->store, RES_POLICY_SERVER, (int64_t)id);
	return store_find(c->store, RES_POLICY_SERVER, POLICY_SERVER_NAME, v);
}

static struct span script_of(const struct store_row *row, enum policy_kind k)
{
	static const unsigned fields[POLICY_SCRIPTS] = {
		POLICY_SERVER_INTERNAL_SERVICE_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_PARTICIPANT_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_MEDIA_LOCATION_POLICY_TEMPLATE,
	};

	return row ? store_text(row, fields[k]) : SPAN_NONE;
}

static struct test *test_new(struct answer *a, const Cv__CliRequest *rq,
			     enum policy_kind kind, struct span script)
{
	struct test *t = mem_zalloc(sizeof(*t));
	char *at;

	if (!t)
		return NULL;
	*t = (struct test){.c = a->c, .client = a->client, .uid = a->uid,
			   .in = {.kind = kind}};
	t->text = at = mem_alloc(bytes_of(rq) + script.n);
	if (!at || arena_new(&t->mem, SCRIPT_MEMORY_BYTES) < 0) {
		test_free(t);
		return NULL;
	}
	read_facts(t, rq, &at);
	if (cli_asked(rq, "input").n)
		t->in.input = keep(&at, cli_asked(rq, "input"));
	if (script.n)
		t->in.script = keep(&at, script);
	return t;
}

static void begin(struct answer *a, const Cv__CliRequest *rq,
		  enum policy_kind kind, const struct store_row *row)
{
	bool external = span_eq(cli_asked(rq, "external"), SPAN_LIT("true"));
	struct span script = cli_asked(rq, "script");
	struct test *t;
	int r;

	if (!script.n)
		script = script_of(row, kind);
	if (external && !row) {
		answer_end(a, E_NOTFOUND, "external: of which profile?");
		return;
	}
	if (!external && !script.n) {
		answer_end(a, E_NOTFOUND, "script: the profile has none of this kind; or give script=@FILE");
		return;
	}
	t = test_new(a, rq, kind, external ? SPAN_NONE : script);
	if (!t)
		r = E_NOMEM;
	else if (external)
		r = policies_request(a->c, store_row_id(row), kind,
				     &t->in.facts,
				     (struct policies_by){.who = SHARE_OURS},
				     (uint64_t)(uintptr_t)t, on_answered);
	else
		r = pool_put(a->c->pool, &(struct pool_job){
			     .work = work, .done = on_ran, .arg = t,
			     .who = SHARE_OURS}, NULL);
	if (r == 0)
		return;
	if (t)
		test_free(t);
	answer_end(a, r, r == E_INVAL ?
		   "url: the profile has none that can be asked" :
		   r == E_CLOSED ? "external: nothing calls out here" :
		   "policy: busy, try again");
}

bool cli_policy_verb(struct answer *a, const Cv__CliRequest *rq)
{
	const struct store_row *row;
	enum policy_kind kind;

	if (strcmp(rq->verb, "policy") != 0 ||
	    strcmp(rq->resource, "test") != 0)
		return false;
	row = read_profile(a->c, rq);
	if (!row && cli_asked(rq, "which").n)
		answer_end(a, E_NOTFOUND,
			   "policy_server: none of that number or name");
	else if (!read_kind(rq, &kind))
		answer_end(a, E_INVAL,
			   "kind: service, participant or media_location");
	else
		begin(a, rq, kind, row);
	return true;
}
