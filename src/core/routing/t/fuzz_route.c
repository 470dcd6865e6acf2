/* Random rules, then random aliases. Each line of the input is a rule
 * (`priority flags pattern TAB replacement`) until an empty line; each line
 * behind it is a call (`flags alias`). The first match wins, whatever is
 * asked, and the tester says the same as the call. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/routing/route.h"

enum { RULES = 24, CALLS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static struct rule read_rule(struct span line, int64_t id)
{
	struct rule r = RULE_DEFAULT;
	const uint8_t flags = line.p[1];

	r.id = id;
	r.priority = line.p[0] % RULE_PRIORITY_MAX + 1;
	r.name = SPAN_LIT("fuzz");
	r.enable = !(flags & 1);
	r.match_outgoing_calls = flags & 2;
	r.match_incoming_only_if_registered = flags & 4;
	r.match_string_full = flags & 8;
	r.match_source_location = flags >> 4 & 1;
	r.called_device_type = flags & 32 ? RULE_EXTERNAL : RULE_REGISTRATION;
	r.allow_unregistered_external = true;
	r.match_incoming = flags & 64 ? RULE_BIT(RULE_SIP) :
		RULE_BIT(RULE_WEBRTC) | RULE_BIT(RULE_SIP);
	span_split(span_of(line.p + 2, line.n - 2), '\t', &r.match_string,
		   &r.replace_string);
	return r;
}

static int64_t service(void *arg, struct span alias)
{
	(void)arg;
	return alias.n && alias.p[0] == '#' ? 5 : 0;
}

struct tale {
	size_t n;
	const struct rule *matched, *last;
};

static void hear(void *arg, const struct rule *r, enum route_why why,
		   const struct regex_match *groups)
{
	struct tale *t = arg;
	const bool takes = why == ROUTE_MATCHED || why == ROUTE_WHY_STEPS ||
		why == ROUTE_WHY_TARGET;

	if (t->last && (t->last->priority > r->priority ||
			(t->last->priority == r->priority &&
			 t->last->id >= r->id)))
		broken("order");
	if (t->matched && why != ROUTE_WHY_LATER)
		broken("asked behind the first match");
	if ((groups != NULL) != (why == ROUTE_MATCHED))
		broken("groups");
	if (takes)
		t->matched = r;
	t->last = r;
	t->n++;
}

static void check(const struct route_facts *f, const struct route_result *out)
{
	if (out->trail.hops > ROUTE_HOPS_MAX ||
	    out->trail.hops > f->trail.hops + 1)
		broken("hops");
	if (out->kind == ROUTE_RULE &&
	    (!out->rule || !out->target[0] || !out->rule->enable))
		broken("rule");
	if (out->kind == ROUTE_ERROR && out->error >= 0)
		broken("error");
	if (out->kind == ROUTE_SERVICE && (f->outgoing || out->rule))
		broken("service");
}

static void call(const struct route_table *t, struct regex_run *run,
		 struct span line, struct route_trail *trail)
{
	const struct route_services services = {service, NULL};
	struct tale tale = {.n = 0};
	struct route_result a, b;
	struct route_facts f = {
		.dialled = span_of(line.p + 1, line.n - 1),
		.outgoing = line.p[0] & 1, .registered = line.p[0] & 2,
		.location = line.p[0] >> 2 & 1,
		.protocol = line.p[0] & 8 ? RULE_SIP : RULE_WEBRTC,
		.trail = *trail,
	};

	route_resolve(t, run, &f, &services, &a);
	route_explain(t, run, &f, &services, hear, &tale, &b);
	if (a.kind != b.kind || a.rule != b.rule || a.error != b.error ||
	    strcmp(a.target, b.target))
		broken("the tester says something else");
	if (tale.n != route_table_count(t) || tale.matched != a.rule)
		broken("tale");
	check(&f, &a);
	*trail = line.p[0] & 16 ? a.trail : (struct route_trail){.hops = 0};
}

static size_t read_rules(struct rule rules[RULES], struct span *rest)
{
	struct span line;
	size_t n = 0;

	while (rest->n && n < RULES) {
		span_split(*rest, '\n', &line, rest);
		if (line.n < 3)
			break;
		rules[n] = read_rule(line, (int64_t)(n * 7 % RULES) + 1);
		if (rule_check(&rules[n], NULL) == 0)
			n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span rest = span_of(data, n), line;
	struct route_trail trail = {.hops = 0};
	struct route_table *t = NULL;
	struct regex_run *run = NULL;
	struct rule rules[RULES];
	struct rule_error why;
	int64_t bad;
	size_t k;

	if (n > 2048)
		return 0;
	k = read_rules(rules, &rest);
	if (route_table_new(&t, rules, k, &bad, &why) < 0)
		return 0;
	if (regex_run_new(&run) == 0)
		for (unsigned i = 0; rest.n && i < CALLS; i++) {
			span_split(rest, '\n', &line, &rest);
			if (line.n)
				call(t, run, line, &trail);
		}
	regex_run_free(&run);
	route_table_unref(&t);
	return 0;
}
