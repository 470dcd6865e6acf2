/* Calls that routing rules place between apps. */
#include "core/gateway.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/rand.h"
#include "core/routes.h"
#include "core/sip_dial.h"

struct ring {
	uint64_t reg;
	char token[B64URL_LEN(GATEWAY_TOKEN_BYTES) + 1];
};

struct gateway {
	struct core *c;
	uint64_t id;
	enum gateway_state state;
	struct service sv;
	struct rule rule;		/* its text is not kept */
	char rule_name[4 * RULE_TEXT_MAX + 1];
	char caller_alias[ALIAS_MAX + 1];
	char callee_alias[ALIAS_MAX + 1];	/* made for this call */
	char target[ALIAS_MAX + 1];
	char name[PART_NAME_MAX + 1];	/* of the caller */
	char registered[ALIAS_MAX + 1];	/* the caller's alias, or "" */
	char source[ADDR_TEXT_MAX];
	uint64_t toll_call;
	uint64_t meeting;		/* handle, 0: not made */
	struct ring rings[GATEWAY_RINGS_MAX];
	size_t n_rings;
	uint64_t calls[SIP_REGS_PER_ALIAS_MAX];	/* SIP, that ring */
	size_t n_calls;
	int64_t location;
	bool external;			/* as what the toll guard judged it */
};

struct told {
	int64_t rule;
	uint64_t until_ns;
	char name[RULE_TEXT_MAX + 1];
};

struct gateways {
	struct handles *table;
	struct toll *toll;
	struct told told[GATEWAY_ALARMS_MAX];
	struct gateway_stats stats;
};

/* --- the toll guard's settings ---------------------------------------- */

static uint32_t global(struct core *c, unsigned field)
{
	return (uint32_t)store_global(c->store, field);
}

static struct cfg_toll toll_cfg(struct core *c)
{
	struct cfg_toll cfg = CFG_TOLL_DEFAULT;

	cfg.source_calls_per_hour =
		global(c, GLOBAL_MAX_GATEWAY_CALLS_PER_HOUR_PER_SOURCE);
	cfg.source_concurrent_calls =
		global(c, GLOBAL_MAX_GATEWAY_CALLS_PER_SOURCE);
	cfg.source_minutes_per_hour =
		global(c, GLOBAL_MAX_GATEWAY_MINUTES_PER_HOUR_PER_SOURCE);
	cfg.callee_ringing = global(c, GLOBAL_MAX_RINGING_PER_CALLEE);
	cfg.callee_calls_per_hour =
		global(c, GLOBAL_MAX_CALLS_PER_HOUR_PER_CALLEE);
	cfg.deny_premium = global(c, GLOBAL_DIALOUT_DENY_PREMIUM);
	cfg.unusual_floor = global(c, GLOBAL_UNUSUAL_OUTBOUND_FLOOR);
	cfg.unusual_factor = global(c, GLOBAL_UNUSUAL_OUTBOUND_FACTOR);
	return cfg;
}

int gateways_limits(struct core *c)
{
	const struct cfg_toll cfg = toll_cfg(c);
	const struct store_row *row = store_get(c->store, RES_GLOBAL, 1);

	toll_set_limits(c->gateways->toll, &cfg);
	return toll_set_denied(c->gateways->toll, row ?
			       store_text(row, GLOBAL_DIALOUT_DENIED_PREFIXES) :
			       SPAN_NONE);
}

size_t gateways_memory(void)
{
	const struct cfg_toll cfg = CFG_TOLL_DEFAULT;

	return toll_size(&cfg);
}

int gateways_open(struct core *c, void *mem)
{
	struct gateways *t = mem_zalloc(sizeof(*t));
	struct cfg_toll cfg = CFG_TOLL_DEFAULT;
	int r;

	if (!t)
		return E_NOMEM;
	c->gateways = t;
	/* Of a region that is begun anew; a former one has its own. */
	rand_bytes(cfg.hash_key, sizeof(cfg.hash_key));
	r = handles_new(&t->table, GATEWAY_MAX);
	return r ? r : toll_attach(&t->toll, &cfg, mem, toll_size(&cfg),
				   c->boot_id, c->now_ns);
}

bool gateways_on(const struct core *c)
{
	return store_global(c->store, GLOBAL_ENABLE_DIALOUT) &&
		routes_exist(c);
}

/* --- one call --------------------------------------------------------- */

static void note(const struct gateway *g, const char *action,
		 enum audit_outcome how, const char *detail)
{
	audit_note(g->c, action, how, span_str(g->registered[0] ?
					       g->registered : g->name),
		   span_str(g->source), span_str(g->target),
		   span_str(detail));
}

static bool step(struct gateway *g, enum gateway_event e)
{
	const int next = gateway_next(g->state, e);

	if (next < 0) {
		g->c->gateways->stats.bad_cells++;
		return false;
	}
	g->state = (enum gateway_state)next;
	return true;
}

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

static void send_cancel(struct gateway *g, const struct ring *ring)
{
	struct reg *r = reg_get(g->c, ring->reg);
	Cv__Incoming in = CV__INCOMING__INIT;
	Cv__Event ev = CV__EVENT__INIT;

	if (!r)
		return;
	in.token = text(ring->token);
	ev.kind = CV__EVENT_KIND__EV_INCOMING_CANCELLED;
	ev.incoming = &in;
	reg_send(r, &ev);
}

/* From now on no token of this call is good. */
static void stop_ringing(struct gateway *g)
{
	for (size_t i = 0; i < g->n_rings; i++)
		send_cancel(g, &g->rings[i]);
	secret_wipe(g->rings, sizeof(g->rings));
	g->n_rings = 0;
	/* Each that is cancelled would take itself off the list. */
	while (g->n_calls)
		sip_dial_cancel(g->c, g->calls[--g->n_calls]);
}

static void gateway_free(struct gateway *g)
{
	struct gateways *t = g->c->gateways;

	stop_ringing(g);
	if (g->toll_call)
		(void)toll_end(t->toll, g->toll_call, g->c->now_ns);
	(void)handles_del(t->table, g->id);
	t->stats.live--;
	mem_free(g);
}

static void send_incoming(struct gateway *g, const struct ring *ring)
{
	struct reg *r = reg_get(g->c, ring->reg);
	Cv__Incoming in = CV__INCOMING__INIT;
	Cv__Event ev = CV__EVENT__INIT;

	if (!r)
		return;
	in.conference_alias = text(g->callee_alias);
	in.token = text(ring->token);
	in.remote_display_name = text(g->name);
	in.remote_alias = text(g->registered);
	in.local_alias = text(r->alias);
	ev.kind = CV__EVENT_KIND__EV_INCOMING;
	ev.incoming = &in;
	reg_send(r, &ev);
}

static void start_ringing(struct gateway *g)
{
	const struct sip_dial_ask a = {
		.rule = &g->rule, .target = span_str(g->target),
		.from = span_str(g->registered), .name = span_str(g->name),
		.location = g->location, .sv = &g->sv, .gateway = g->id,
		.external = g->external};

	for (size_t i = 0; i < g->n_rings; i++)
		send_incoming(g, &g->rings[i]);
	g->n_calls = sip_dial_all(g->c, &a, g->calls, SIP_REGS_PER_ALIAS_MAX);
}

void gateway_reg_listens(struct core *c, struct reg *r)
{
	uint32_t slot = 0;
	struct gateway *g;

	while ((g = handles_next(c->gateways->table, &slot, NULL)))
		for (size_t i = 0; g->state == GATEWAY_RINGING &&
		     i < g->n_rings; i++)
			if (g->rings[i].reg == r->id)
				send_incoming(g, &g->rings[i]);
}

/* Its token dies with it; others may still answer. */
void gateway_reg_gone(struct core *c, uint64_t reg)
{
	uint32_t slot = 0;
	struct gateway *g;

	while ((g = handles_next(c->gateways->table, &slot, NULL)))
		for (size_t i = 0; i < g->n_rings; i++)
			if (g->rings[i].reg == reg) {
				g->rings[i] = g->rings[--g->n_rings];
				break;
			}
}

/* --- a new one -------------------------------------------------------- */

/* Who rings: every app of the target but the caller's own. */
static size_t find_apps(struct gateway *g, const struct reg *caller)
{
	char target[ALIAS_MAX + 1];
	struct reg *r = NULL;

	g->n_rings = 0;
	if (alias_normalise(target, span_str(g->target)) < 0)
		return 0;
	while (g->n_rings < GATEWAY_RINGS_MAX &&
	       (r = reg_next(g->c, span_str(target), r))) {
		struct ring *ring = &g->rings[g->n_rings];
		uint8_t rnd[GATEWAY_TOKEN_BYTES];

		if (caller && caller->id == r->id)
			continue;
		rand_bytes(rnd, sizeof(rnd));
		b64url_encode(ring->token, rnd, sizeof(rnd));
		secret_wipe(rnd, sizeof(rnd));
		ring->reg = r->id;
		g->n_rings++;
	}
	return g->n_rings;
}

/* SIP devices, or the outside. */
static bool has_sip(const struct gateway *g, bool *external)
{
	char target[ALIAS_MAX + 1];

	*external = false;
	if (!sip_chan(g->c) || alias_normalise(target,
					       span_str(g->target)) < 0)
		return false;
	if (sip_reg_next(g->c, span_str(target), NULL))
		return true;
	*external = !g->n_rings && rule_is_external(&g->rule) &&
		    g->rule.outgoing_protocol == RULE_SIP;
	return *external;
}

/* Whose calls these are: the toll guard knows the known. */
static uint64_t known_as(const struct gateway_ask *ask)
{
	return ask->caller ? (uint64_t)ask->caller->device :
	       ask->device ? (uint64_t)ask->device :
	       ask->trunk ? (uint64_t)ask->trunk | UINT64_C(1) << 62 : 0;
}

static enum toll_verdict ask_toll(struct gateway *g,
				  const struct gateway_ask *ask,
				  bool external)
{
	struct toll_facts f = {
		.rule = ask->route->rule,
		.registration = known_as(ask), .external = external,
		.from_reception = ask->from_reception,
		.dialled = ask->dialled, .target = span_str(g->target),
	};

	memcpy(f.ip, ask->ip, sizeof(f.ip));
	return toll_begin(g->c->gateways->toll, &f, g->c->now_ns,
			  &g->toll_call);
}

static uint32_t call_type(enum rule_call t)
{
	return t == RULE_AUDIO ? CALL_AUDIO :
		t == RULE_VIDEO_ONLY ? CALL_VIDEO_ONLY : CALL_VIDEO;
}

/* The meeting's identity is this call's alone. */
static void make_service(struct gateway *g)
{
	const struct rule *r = &g->rule;
	struct service *sv = &g->sv;
	char uuid[UUID_TEXT_LEN + 1];

	uuid_make(uuid);
	(void)snprintf(g->callee_alias, sizeof(g->callee_alias), "gateway-%s",
		       uuid);
	service_of_name(g->c, span_str(g->callee_alias), sv);
	sv->gateway = true;
	sv->call_type = call_type(r->call_type);
	if (r->max_callrate_in)
		sv->kbps_in = r->max_callrate_in;
	if (r->max_callrate_out)
		sv->kbps_out = r->max_callrate_out;
	if (r->max_pixels_per_second)
		sv->pixels_step = r->max_pixels_per_second == RULE_SD;
	sv->cfg.participant_limit = 2;
	sv->cfg.mute_all_guests = false;
}

static void keep(char *dst, size_t cap, const char *s)
{
	(void)snprintf(dst, cap, "%s", s);
}

static struct gateway *gateway_new(struct core *c,
				   const struct gateway_ask *ask)
{
	const struct rule *rule = ask->route->rule;
	struct gateway *g = mem_zalloc(sizeof(*g));
	struct addr a = {.port = 0};

	if (!g)
		return NULL;
	g->c = c;
	g->rule = *rule;
	g->rule.name = g->rule.description = g->rule.tag = SPAN_NONE;
	g->rule.match_string = g->rule.replace_string = SPAN_NONE;
	if (span_cstr(rule->name, g->rule_name, sizeof(g->rule_name)) < 0)
		g->rule_name[0] = 0;
	keep(g->caller_alias, sizeof(g->caller_alias), ask->alias);
	keep(g->target, sizeof(g->target), ask->route->target);
	keep(g->name, sizeof(g->name), ask->name);
	if (ask->caller)
		keep(g->registered, sizeof(g->registered),
		     ask->caller->alias);
	else if (ask->registered)
		keep(g->registered, sizeof(g->registered), ask->registered);
	g->location = ask->location;
	memcpy(a.ip, ask->ip, sizeof(a.ip));
	addr_print_ip(&a, g->source);
	g->state = GATEWAY_ROUTED;
	g->id = handles_add(c->gateways->table, g);
	if (!g->id) {
		mem_free(g);
		return NULL;
	}
	c->gateways->stats.live++;
	make_service(g);
	if (span_cstr(rule->tag, g->sv.tag, sizeof(g->sv.tag)) < 0)
		g->sv.tag[0] = 0;
	return g;
}

static uint64_t refuse(struct gateway *g, const char *why)
{
	struct gateways *t = g->c->gateways;

	t->stats.refused++;
	note(g, "gateway.refused", AUDIT_DENIED, why);
	log_info("gateway", "call refused", LOG_S("source", g->source),
		 LOG_S("reason", why));
	g->n_rings = 0;
	gateway_free(g);
	return 0;
}

/* --- joins ------------------------------------------------------------ */

static bool is_ring(const struct gateway *g, struct span token)
{
	bool found = false;

	for (size_t i = 0; i < g->n_rings; i++)
		found |= secret_equal(span_str(g->rings[i].token), token);
	return found && token.n > 0;
}

uint64_t gateway_claim(struct core *c, struct span alias, struct span token)
{
	uint32_t slot = 0;
	struct gateway *g;

	while ((g = handles_next(c->gateways->table, &slot, NULL)))
		if (g->state == GATEWAY_RINGING &&
		    span_eq(span_str(g->callee_alias), alias) &&
		    is_ring(g, token))
			return g->id;
	c->gateways->stats.bad_tokens++;
	return 0;
}

bool gateway_service(struct core *c, uint64_t id, bool is_caller,
		     struct service *out)
{
	const struct gateway *g = handles_get(c->gateways->table, id);

	if (!g)
		return false;
	*out = g->sv;
	keep(out->name, sizeof(out->name), is_caller ? g->caller_alias :
	     g->name[0] ? g->name : g->target);
	return true;
}

void gateway_drop(struct core *c, uint64_t id, bool is_caller)
{
	struct gateway *g = handles_get(c->gateways->table, id);

	if (!g || !is_caller || g->state != GATEWAY_ROUTED)
		return;
	(void)step(g, GATEWAY_DROP);
	gateway_free(g);
}

void gateway_end(struct meeting *m)
{
	(void)room_end(m->room, EXIT_NOBODY, m->c->now_ns, &m->c->out);
	core_acts(m, NULL);
}

/* Each of its people who came by SIP; one may go by that. */
static void each_sip(struct meeting *m, void (*fn)(struct member *mb))
{
	struct core *c = m->c;
	uint64_t parts[2];
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->room->n_parts && n < 2; i++)
		parts[n++] = m->room->parts[i]->id;
	for (uint32_t i = 0; i < n; i++) {
		struct member *mb = handles_get(c->members, parts[i]);

		if (mb && mb->sip)
			fn(mb);
	}
}

void gateway_seated(struct core *c, uint64_t id, bool is_caller,
		    struct meeting *m)
{
	struct gateway *g = handles_get(c->gateways->table, id);

	/* He sits in a call that went on without him. */
	if (!g || !step(g, is_caller ? GATEWAY_CALLER_SEATED :
			GATEWAY_CALLEE_SEATED)) {
		gateway_end(m);
		return;
	}
	if (is_caller) {
		g->meeting = m->id;
		start_ringing(g);
		if (!g->n_rings && !g->n_calls)
			gateway_end(m);
		return;
	}
	(void)toll_answer(c->gateways->toll, g->toll_call, c->now_ns);
	c->gateways->stats.connected++;
	note(g, "gateway.connected", AUDIT_OK, g->rule_name);
	stop_ringing(g);
	each_sip(m, sip_member_connected);
}

/* Nobody is left who could answer: the caller need not wait. */
void gateway_ring_over(struct core *c, uint64_t id, uint64_t call,
		       uint32_t status)
{
	struct gateway *g = handles_get(c->gateways->table, id);
	char why[48];
	struct meeting *m;

	if (!g || g->state != GATEWAY_RINGING)
		return;
	for (size_t i = 0; i < g->n_calls; i++)
		if (g->calls[i] == call) {
			g->calls[i] = g->calls[--g->n_calls];
			break;
		}
	m = meeting_of_conf(c, g->sv.id);
	if (g->n_calls || g->n_rings || !m)
		return;
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		struct member *mb = member_of(c, m->room->parts[i]);

		if (mb && mb->sip)
			sip_member_status(mb, status);
	}
	(void)snprintf(why, sizeof(why), "not taken: %u", status);
	note(g, "gateway.stopped", AUDIT_DENIED, why);
	gateway_end(m);
}

/* --- the meeting ------------------------------------------------------ */

static struct gateway *gateway_of(const struct meeting *m)
{
	uint32_t slot = 0;
	struct gateway *g;

	if (!m->sv.gateway)
		return NULL;
	while ((g = handles_next(m->c->gateways->table, &slot, NULL)))
		if (g->sv.id == m->sv.id)
			return g;
	return NULL;
}

bool gateway_rings(const struct meeting *m)
{
	const struct gateway *g = gateway_of(m);

	return g && (g->state == GATEWAY_ROUTED || g->state == GATEWAY_RINGING);
}

bool gateway_is_over(const struct meeting *m)
{
	const struct gateway *g = gateway_of(m);

	if (!m->sv.gateway || m->over || !m->room->n_parts)
		return false;
	return !g || (g->state == GATEWAY_CONNECTED && m->room->n_parts < 2);
}

void gateway_meeting_gone(struct meeting *m)
{
	struct gateway *g = gateway_of(m);

	if (!g)
		return;
	/* A caller who never was told that he sits. */
	(void)step(g, g->state == GATEWAY_ROUTED ? GATEWAY_DROP :
		   GATEWAY_LEFT);
	note(g, "gateway.ended", AUDIT_OK, g->rule_name);
	gateway_free(g);
}

/* --- once a second ---------------------------------------------------- */

static void stop(struct core *c, uint64_t toll_call, const char *why)
{
	uint32_t slot = 0;
	struct gateway *g;

	while ((g = handles_next(c->gateways->table, &slot, NULL)))
		if (g->toll_call == toll_call)
			break;
	if (!g) {
		sip_dial_stop(c, toll_call, why);
		return;
	}
	struct meeting *m = meeting_of_conf(c, g->sv.id);

	note(g, "gateway.stopped", AUDIT_DENIED, why);
	if (m) {
		gateway_end(m);		/* frees the gateway, too */
		return;
	}
	(void)step(g, GATEWAY_STOP);
	gateway_free(g);
}

/* The alarm of a rule's limit stands until nothing was refused for a while. */
static void limit_reached(struct core *c, int64_t rule, enum toll_verdict v)
{
	const struct store_row *row = store_get(c->store,
						RES_GATEWAY_ROUTING_RULE,
						rule);
	struct told *free_one = NULL;

	for (size_t i = 0; i < GATEWAY_ALARMS_MAX; i++) {
		struct told *t = &c->gateways->told[i];

		if (t->rule == rule) {
			free_one = t;
			break;
		}
		if (!t->rule && !free_one)
			free_one = t;
	}
	if (!free_one || !row ||
	    span_cstr(store_text(row, GATEWAY_ROUTING_RULE_NAME),
		      free_one->name, sizeof(free_one->name)) < 0)
		return;
	free_one->rule = rule;
	free_one->until_ns = c->now_ns + GATEWAY_ALARM_S * NS_PER_S;
	alert_on(c, ALARM_TOLL_LIMIT, span_str(free_one->name),
		 span_str(toll_verdict_text(v)));
}

static void limits_forget(struct core *c)
{
	for (size_t i = 0; i < GATEWAY_ALARMS_MAX; i++) {
		struct told *t = &c->gateways->told[i];

		if (!t->rule || t->until_ns > c->now_ns)
			continue;
		alert_off(c, ALARM_TOLL_LIMIT, span_str(t->name));
		t->rule = 0;
	}
}

static void unusual(struct core *c, const struct toll_event *e)
{
	char detail[64];

	(void)snprintf(detail, sizeof(detail),
		       "%u calls in a quarter of an hour", e->calls);
	alert_set(c, ALARM_OUTBOUND_VOLUME, e->kind == TOLL_EV_UNUSUAL,
		  detail);
}

static void events(struct core *c)
{
	struct toll_event e;

	while (toll_next_event(c->gateways->toll, &e)) {
		if (e.kind == TOLL_EV_END_CALL)
			stop(c, e.call, e.verdict == TOLL_REFUSED ?
			     "nobody answered" : toll_verdict_text(e.verdict));
		else if (e.kind == TOLL_EV_LIMIT)
			limit_reached(c, e.rule, e.verdict);
		else
			unusual(c, &e);
	}
}

void gateways_tick(struct core *c)
{
	toll_tick(c->gateways->toll, c->now_ns);
	events(c);
	limits_forget(c);
}

/* --- a rule took a call ----------------------------------------------- */

uint64_t gateway_route(struct core *c, const struct gateway_ask *ask)
{
	struct gateway *g = gateway_new(c, ask);
	enum toll_verdict v;
	bool has_apps, external;

	if (!g)
		return 0;
	has_apps = find_apps(g, ask->caller) > 0;
	if (!has_sip(g, &external) && !has_apps) {
		c->gateways->stats.no_device++;
		return refuse(g, rule_is_external(&g->rule) ?
			      "no registered device, and the outside cannot "
			      "be reached" : "no registered device");
	}
	g->external = external;
	v = ask_toll(g, ask, external);
	events(c);
	if (v != TOLL_PASS)
		return refuse(g, toll_verdict_text(v));
	c->gateways->stats.routed++;
	note(g, "gateway.routed", AUDIT_OK, g->rule_name);
	return g->id;
}

enum toll_verdict gateways_toll_begin(struct core *c,
				      const struct toll_facts *f,
				      uint64_t *call)
{
	const enum toll_verdict v = toll_begin(c->gateways->toll, f,
					       c->now_ns, call);

	events(c);
	return v;
}

int gateways_toll_answer(struct core *c, uint64_t call)
{
	return toll_answer(c->gateways->toll, call, c->now_ns);
}

void gateways_toll_end(struct core *c, uint64_t call)
{
	(void)toll_end(c->gateways->toll, call, c->now_ns);
}

void gateways_stats(const struct core *c, struct gateway_stats *out)
{
	*out = c->gateways->stats;
}

void gateways_close(struct core *c)
{
	struct gateways *t = c->gateways;
	uint32_t slot = 0;
	struct gateway *g;

	if (!t)
		return;
	while (t->table && (g = handles_next(t->table, &slot, NULL)))
		mem_free(g);
	handles_free(&t->table);
	toll_detach(&t->toll);
	mem_free(t);
	c->gateways = NULL;
}
