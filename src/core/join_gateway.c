/* An alias that is no service: perhaps a routing rule takes it, perhaps an app
 * answers a call that rings it. */
#include "core/gateway.h"
#include "core/join_int.h"
#include "core/routes.h"

static void take(struct join *j, uint64_t gateway, bool is_caller)
{
	if (!gateway || !gateway_service(j->c, gateway, is_caller, &j->sv))
		return;
	j->gateway = gateway;
	j->is_caller = is_caller;
	j->conf = j->sv.id;
}

/* Whoever is refused rings nobody. */
static bool may_ring(const struct join *j)
{
	return !j->conf && guard_check_access(j->c->guard, &j->facts,
					      j->c->now_ns) == GUARD_PASS;
}

/* A service comes before any rule. */
static void routed(struct core *c, uint64_t who,
		   const struct route_result *out)
{
	struct join *j = handles_get(c->joins, who);

	if (!j || j->state != JOIN_ROUTE_WAIT)
		return;
	if (out && out->kind == ROUTE_RULE && may_ring(j)) {
		char known[ALIAS_MAX + 1];

		(void)alias_normalise(known, span_str(j->caller));
		const struct gateway_ask ask = {
			.route = out, .dialled = span_str(j->dialled),
			.alias = j->alias, .name = j->name, .ip = j->ip,
			.caller = reg_of_token(c, span_str(j->registration)),
			.device = j->device, .trunk = j->trunk,
			.registered = join_is_registered(j) &&
				j->way == JOIN_BY_SIP ? known : NULL,
			.location = j->location,
			.from_reception = j->by_reception};

		take(j, gateway_route(c, &ask), true);
		c->stats.joins_routed += j->gateway != 0;
	}
	join_resume(c, who, JOIN_ROUTE_WAIT);
}

/* Asked for every alias, also where a service is known: how long an answer
 * takes must not tell which of them are. */
static enum join_event ask_rules(struct join *j)
{
	struct core *c = j->c;
	struct addr own = {.port = 0};
	const struct route_facts f = {
		.dialled = span_str(j->dialled),
		.protocol = j->way == JOIN_BY_SIP ? RULE_SIP : RULE_WEBRTC,
		.location = j->location, .own = &own, .n_own = j->has_local,
		.registered = join_is_registered(j)};

	const struct routes_ask ask = {.who = j->id, .done = routed,
				       .share = join_share(j), .ip = j->ip};

	memcpy(own.ip, j->local, sizeof(own.ip));
	switch (routes_ask(c, &f, &ask)) {
	case 0:
		return JE_LATER;
	case E_FULL:
		return join_busy(j);
	default:
		return JE_NEXT;
	}
}

enum join_event join_gateway_find(struct join *j)
{
	struct core *c = j->c;

	/* Whatever the alias, who shows a token is asked nothing more: whether
	 * rules were matched for him, and so how long it took, must not tell
	 * a room from an alias that is not there. */
	if (j->one_time[0]) {
		const uint64_t id = gateway_claim(c, span_str(j->alias),
						  span_str(j->one_time));

		if (may_ring(j))
			take(j, id, false);
		return JE_NEXT;
	}
	return gateways_on(c) ? ask_rules(j) : JE_NEXT;
}

void join_gateway_seated(struct join *j)
{
	struct core *c = j->c;
	const struct member *mb = handles_get(c->members, j->member);

	if (j->gateway && mb)
		gateway_seated(c, j->gateway, j->is_caller, mb->m);
}

void join_gateway_drop(struct join *j)
{
	if (j->gateway)
		gateway_drop(j->c, j->gateway, j->is_caller);
}
