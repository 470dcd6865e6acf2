/* SIP calls that we place. */
#include "core/sip_dial.h"

#include <stdio.h>

#include "base/alloc.h"
#include "core/gateway.h"
#include "core/routes.h"
#include "core/sip_int.h"
#include "core/sip_refer.h"

enum { URI_MAX = 1024, REPLACES_MAX = 512, HOST_MAX = 270, ANSWER_GRACE_S = 5 };

struct sip_dial {
	char uri[URI_MAX + 1];
	char proxy[HOST_MAX + 1];	/* host:port, "" = by DNS */
	int64_t proxy_row;
	Cv__SipTransport transport;
	uint32_t flow;
	struct addr address;
	bool has_address, is_literal, host, was_redirected, was_taken;
	char replaces[REPLACES_MAX + 1];
	uint64_t referrer;
	uint32_t refer_req;
	struct service sv;
	uint64_t toll;
	char uuid[UUID_TEXT_LEN + 1];
	struct sip_dial_seat seat;
};

/* Into a room; the rules are asked first. */
struct invite {
	int64_t conf;
	bool host;
	uint8_t ip[16];
	uint64_t known_as;
	char uuid[UUID_TEXT_LEN + 1];
	char target[ALIAS_MAX + 1];
	uint64_t who, id;
	sip_invite_fn done;
	char replaces[REPLACES_MAX + 1];
	bool was_redirected;
	uint64_t referrer;
	uint32_t refer_req;
	bool has_call_type;
	uint32_t call_type;
	struct sip_dial_seat seat;
};

/* --- where it goes ------------------------------------------------------------ */

static int64_t location_proxy(struct core *c, int64_t location)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;

	return row && !store_is_null(row, SYSTEM_LOCATION_SIP_PROXY) ?
		store_int(row, SYSTEM_LOCATION_SIP_PROXY) : 0;
}

static const struct store_row *proxy_of(struct core *c,
					const struct sip_dial_ask *a)
{
	int64_t id = a->rule->sip_proxy;

	if (!id)
		id = location_proxy(c, a->rule->outgoing_location ?
				    a->rule->outgoing_location : a->location);
	return id ? store_get(c->store, RES_SIP_PROXY, id) : NULL;
}

static void by_proxy(struct sip_dial *d, const struct store_row *row)
{
	const struct span host = store_text(row, SIP_PROXY_ADDRESS);
	const bool v6 = memchr(host.p, ':', host.n) != NULL;
	const int64_t t = store_int(row, SIP_PROXY_TRANSPORT);
	struct addr a;

	(void)snprintf(d->proxy, sizeof(d->proxy), v6 ? "[%.*s]:%lld" :
		       "%.*s:%lld", (int)host.n, (const char *)host.p,
		       (long long)store_int(row, SIP_PROXY_PORT));
	d->proxy_row = store_row_id(row);
	d->is_literal = addr_parse(&a, host, 0) == 0;
	d->transport = t == SV_SIP_TLS ? CV__SIP_TRANSPORT__SIP_TLS :
		       t == SV_SIP_TCP ? CV__SIP_TRANSPORT__SIP_TCP :
		       CV__SIP_TRANSPORT__SIP_UDP;
}

static bool has_scheme(struct span s)
{
	return span_starts(s, SPAN_LIT("sip:")) ||
	       span_starts(s, SPAN_LIT("sips:")) ||
	       span_starts(s, SPAN_LIT("tel:"));
}

/* "alice@example.org" as it is; a number alone needs a host to be at. */
static bool outside(struct core *c, struct sip_dial *d,
		    const struct sip_dial_ask *a)
{
	const struct store_row *row = proxy_of(c, a);
	const struct span t = a->target;
	const bool has_host = memchr(t.p, '@', t.n) != NULL;
	int n;

	if (row)
		by_proxy(d, row);
	if (!has_host && !row)
		return false;
	n = snprintf(d->uri, sizeof(d->uri), "%s%.*s%s%.*s",
		     has_scheme(t) ? "" : "sip:", (int)t.n,
		     (const char *)t.p, has_host ? "" : "@",
		     has_host ? 0 : (int)store_text(row,
						    SIP_PROXY_ADDRESS).n,
		     has_host ? "" : (const char *)store_text(row,
						    SIP_PROXY_ADDRESS).p);
	return n > 0 && (size_t)n < sizeof(d->uri);
}

static bool to_device(struct sip_dial *d, const struct sip_reg *r)
{
	(void)snprintf(d->uri, sizeof(d->uri), "%s", r->contact);
	d->flow = r->flow;
	d->transport = r->transport;
	d->address = r->source;
	d->has_address = !r->flow;
	return true;
}

/* Without a word about it the face uses TLS, unless others are open. */
static bool is_encrypted(struct core *c, const struct sip_dial *d)
{
	if (d->transport != CV__SIP_TRANSPORT__SIP_NONE)
		return d->transport == CV__SIP_TRANSPORT__SIP_TLS;
	return !store_global(c->store, GLOBAL_ENABLE_SIP_TCP) &&
	       !store_global(c->store, GLOBAL_ENABLE_SIP_UDP);
}

/* --- a new one --------------------------------------------------------------------- */

static uint32_t crypto_of(struct core *c, const struct sip_dial_ask *a)
{
	switch (a->rule->crypto_mode) {
	case RULE_BESTEFFORT:
		return SV_CRYPTO_BESTEFFORT;
	case RULE_ON:
		return SV_CRYPTO_ON;
	case RULE_OFF:
		return SV_CRYPTO_OFF;
	default:
		return a->gateway ? (uint32_t)store_global(c->store,
					GLOBAL_CRYPTO_MODE) : a->sv->crypto;
	}
}

static void text(char *dst, size_t cap, struct span s)
{
	if (s.n >= cap)
		s.n = cap - 1;
	(void)span_cstr(s, dst, cap);
}

static void fill(struct sip_call *call, const struct sip_dial_ask *a)
{
	struct core *c = call->c;

	call->is_out = true;
	call->state = SIP_CALL_OFFERING;
	call->is_encrypted = is_encrypted(c, call->dial);
	call->has_credentials = call->is_proven = true;
	call->gateway = a->gateway;
	call->conf = a->sv->id;
	call->crypto = crypto_of(c, a);
	call->terms.call_type = a->sv->call_type;
	call->terms.kbps_in = a->sv->kbps_in;
	call->terms.kbps_out = a->sv->kbps_out;
	call->location = a->rule->outgoing_location ?
		a->rule->outgoing_location : a->location;
	if (a->device) {
		call->source = a->device->source;
		call->device = a->device->device;
	}
	call->trace = call->lobby.trace = trace_open(c->trace, "sip out",
		&call->source, a->target, clock_wall_us());
	trace_name_call(c->trace, call->trace, SPAN_NONE, call->id);
	trace_inside(c->trace, call->trace);
	text(call->alias, sizeof(call->alias), a->from);
	text(call->remote, sizeof(call->remote), a->target);
	text(call->name, sizeof(call->name), a->name);
}

uint64_t sip_dial(struct core *c, const struct sip_dial_ask *a)
{
	struct sip_dial *d = sip_chan(c) ? mem_zalloc(sizeof(*d)) : NULL;
	struct sip_call *call = NULL;
	uint64_t id;

	if (d && c->sip->figures.calls < (uint64_t)
	    store_global(c->store, GLOBAL_MAX_SIP_CALLS) &&
	    (a->device ? to_device(d, a->device) : outside(c, d, a)))
		call = sip_call_new(c, 0);
	if (!call) {
		mem_free(d);
		return 0;
	}
	d->sv = *a->sv;
	d->host = a->host;
	d->toll = a->toll;
	d->was_redirected = a->was_redirected;
	d->referrer = a->referrer;
	d->refer_req = a->refer_req;
	text(d->replaces, sizeof(d->replaces), a->replaces);
	d->seat = a->seat;
	if (a->uuid)
		memcpy(d->uuid, a->uuid, sizeof(d->uuid));
	else
		uuid_make(d->uuid);
	call->dial = d;
	fill(call, a);
	id = call->id;
	if (sip_leg_open(call, SIP_ASK_OPEN))
		return id;
	/* Nobody was told of it yet. */
	call->dial = NULL;
	mem_free(d);
	sip_call_free(call);
	return 0;
}

size_t sip_dial_all(struct core *c, const struct sip_dial_ask *ask,
		    uint64_t *calls, size_t max)
{
	char alias[ALIAS_MAX + 1];
	struct sip_dial_ask a = *ask;
	size_t n = 0;

	(void)alias_normalise(alias, ask->target);
	a.device = NULL;
	while (n < max &&
	       (a.device = sip_reg_next(c, span_str(alias), a.device))) {
		calls[n] = sip_dial(c, &a);
		n += calls[n] != 0;
	}
	if (n || !ask->external || sip_reg_next(c, span_str(alias), NULL) ||
	    !rule_is_external(ask->rule) ||
	    ask->rule->outgoing_protocol != RULE_SIP || !max)
		return n;
	a.device = NULL;
	calls[0] = sip_dial(c, &a);
	return calls[0] != 0;
}

/* --- what the machine wants ----------------------------------------------------------- */

/* Wiped by whoever asked for it. */
static void fill_account(struct core *c, const struct store_row *row,
			 struct secret *password, Cv__SipDial *m)
{
	const struct span name = store_text(row, SIP_PROXY_USERNAME);
	struct span peer = store_text(row, SIP_PROXY_TLS_PEER_NAME);

	m->trunk = ipc_data(store_text(row, SIP_PROXY_NAME));
	m->verify_name = ipc_data(peer.n ? peer : store_text(row,
						SIP_PROXY_ADDRESS));
	if (!name.n || store_secret(c->store, row, SIP_PROXY_PASSWORD,
				    password) < 0)
		return;
	m->username = ipc_data(name);
	m->password = ipc_data(secret_span(password));
	m->realm = ipc_data(store_text(row, SIP_PROXY_REALM));
}

/* The part before the '@' escaped; what follows only if it can be a host. A
 * name alone gets its host from the face, which knows our address. */
static void from_uri(const struct sip_call *call, char dst[URI_MAX])
{
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	const char *at = strrchr(call->alias, '@');
	const size_t user_n = at ? (size_t)(at - call->alias) :
			      strlen(call->alias);
	char user[ALIAS_MAX + 1];	/* longer ones are cut */

	if (!user_n) {
		(void)snprintf(dst, URI_MAX, "sip:anonymous@anonymous.invalid");
		return;
	}
	if (at && (!at[1] || at[1 + strspn(at + 1, host)]))
		at = NULL;
	(void)text_percent(user, sizeof(user), span_of(call->alias, user_n));
	(void)snprintf(dst, URI_MAX, "sip:%s%s", user, at ? at : "");
}

static bool send_dial(struct sip_call *call)
{
	const struct sip_dial *d = call->dial;
	struct core *c = call->c;
	const struct store_row *row = d->proxy_row ?
		store_get(c->store, RES_SIP_PROXY, d->proxy_row) : NULL;
	struct secret password = {NULL, 0};
	Cv__SipDial m = CV__SIP_DIAL__INIT;
	Cv__Addr to = CV__ADDR__INIT;
	char from[URI_MAX];
	int r;

	from_uri(call, from);
	to.ip = ipc_data(span_of(d->address.ip, sizeof(d->address.ip)));
	to.port = d->address.port;
	m.req = call->dial_req = ++c->next_req;
	m.uri = ipc_data(span_str(d->uri));
	m.proxy = ipc_data(span_str(d->proxy));
	m.transport = d->transport;
	m.from_uri = ipc_data(span_str(from));
	m.from_name = ipc_data(span_str(call->name));
	m.offer = call->said;
	m.flow = d->flow;
	m.address = d->has_address ? &to : NULL;
	m.ring_s = SIP_RING_S;
	m.trusted_literal = d->is_literal;
	m.replaces = ipc_data(span_str(d->replaces));
	if (row)
		fill_account(c, row, &password, &m);
	r = sip_chan(c) ? ipc_send(sip_chan(c), SIP_DIAL, &m) : E_CLOSED;
	secret_release(&password);
	call->said = NULL;
	return r == 0;
}

static void ring(struct sip_call *call)
{
	timer_set(call->c->wheel, &call->late, call->c->now_ns +
		  (SIP_RING_S + ANSWER_GRACE_S) * NS_PER_S);
	if (!send_dial(call))
		sip_call_fire(call, SCE_ENDED);
}

static struct meeting *meeting_for(struct sip_call *call)
{
	struct core *c = call->c;
	struct service *sv = &call->dial->sv;
	const struct store_row *conf = sv->id > 0 ?
		store_get(c->store, RES_CONFERENCE, sv->id) : NULL;
	struct meeting *m = meeting_of_conf(c, sv->id);

	/* It was called because they were there. */
	if (call->gateway || m || call->dial->seat.automatic)
		return m;
	if (conf)
		service_of_conf(c, conf, sv);
	return conf && meeting_new(c, sv, 0, &m) == 0 ? m : NULL;
}

static struct member *enter(struct sip_call *call, struct meeting *m)
{
	struct core *c = call->c;
	struct room_join rj = {
		.name = span_str(call->dial->seat.name[0] ?
				 call->dial->seat.name : call->remote),
		.alias = span_str(call->alias),
		.keeps = call->dial->seat.keeps,
		.vendor = span_str(call->agent),
		.remote = span_str(call->remote), .host = call->dial->host,
		.protocol = PART_BY_SIP};
	struct member *mb = member_new(c, 0, &rj.id);

	if (!mb)
		return NULL;
	mb->m = m;
	mb->location = mb->media_location = call->location;
	memcpy(rj.uuid, call->dial->uuid, sizeof(rj.uuid));
	memcpy(rj.ip, call->source.ip, sizeof(rj.ip));
	if (room_enter(m->room, &rj, c->now_ns, clock_wall_us(), &c->out,
		       &mb->p) < 0) {
		member_free(mb, rj.id);
		return NULL;
	}
	mb->sip = call->id;
	call->member = rj.id;
	return mb;
}

/* Of those who ring together he was the first. */
static void stop_others(struct core *c, uint64_t toll, uint64_t winner)
{
	uint32_t slot = 0;
	struct sip_call *k;

	while ((k = handles_next(c->sip->table, &slot, NULL)))
		if (k->dial && k->dial->toll == toll && k->id != winner)
			sip_dial_cancel(c, k->id);
}

/* media waits with them until sound flows. */
static void press(struct sip_call *call)
{
	if (call && call->dial && call->dial->seat.keys[0])
		sip_keys_send(call, span_str(call->dial->seat.keys));
}

static void sit(struct sip_call *call)
{
	struct core *c = call->c;
	const uint64_t id = call->id, gateway = call->gateway;
	const uint64_t toll = call->dial->toll;
	struct meeting *m = meeting_for(call);
	uint64_t meeting;

	timer_cancel(&call->late);
	if (!m || !enter(call, m)) {
		if (m && m->room->n_parts == 0)
			meeting_free(m);
		sip_call_fire(call, SCE_REMOVED);
		return;
	}
	meeting = m->id;
	automatic_came(m, call->dial->seat.automatic);
	core_acts(m, NULL);
	call = sip_call_get(c, id);
	if (!call || !call->member)
		return;
	if (!sip_leg_move(call))
		sip_call_fire(call, SCE_LOST);
	if (!gateway)
		(void)gateways_toll_answer(c, toll);
	call = sip_call_get(c, id);
	if (call && call->dial) {
		call->dial->was_taken = true;
		sip_refer_over(c, call->dial->referrer,
			       call->dial->refer_req, 200);
	}
	press(sip_call_get(c, id));
	m = handles_get(c->meetings, meeting);
	if (gateway && m)
		gateway_seated(c, gateway, false, m);
	stop_others(c, toll, id);
}

void sip_dial_act(struct sip_call *call, enum sip_call_action a)
{
	if (a == SCA_DIAL)
		ring(call);
	else if (a == SCA_SIT)
		sit(call);
	else if (a == SCA_ACCEPT && !sip_leg_accept(call, call->said))
		sip_call_fire(call, SCE_LEG_FAILED);
}

/* --- ends ------------------------------------------------------------------------------- */

void sip_dial_cancel(struct core *c, uint64_t id)
{
	struct sip_call *call = sip_call_get(c, id);

	if (call && call->is_out && call->state != SIP_CALL_IN)
		sip_call_fire(call, SCE_REMOVED);
}

bool sip_dial_is_out(const struct core *c, int64_t conf, int64_t automatic)
{
	uint32_t slot = 0;
	const struct sip_call *k;
	const struct invite *v;

	while ((k = handles_next(c->sip->table, &slot, NULL)))
		if (k->dial && k->dial->seat.automatic == automatic &&
		    k->dial->sv.id == conf)
			return true;
	/* The rules are being asked. */
	slot = 0;
	while ((v = handles_next(c->sip->invites, &slot, NULL)))
		if (v->conf == conf && v->seat.automatic == automatic)
			return true;
	return false;
}

void sip_dial_stop(struct core *c, uint64_t toll, const char *why)
{
	uint32_t slot = 0;
	struct sip_call *k;

	while ((k = handles_next(c->sip->table, &slot, NULL))) {
		if (!k->dial || k->dial->toll != toll || k->gateway)
			continue;
		(void)snprintf(k->reason, sizeof(k->reason), "%s", why);
		sip_call_fire(k, SCE_REMOVED);
	}
}

static bool is_last(const struct core *c, uint64_t toll)
{
	uint32_t slot = 0;
	const struct sip_call *k;

	while ((k = handles_next(c->sip->table, &slot, NULL)))
		if (k->dial && k->dial->toll == toll)
			return false;
	return true;
}

void sip_dial_over(struct core *c, const struct sip_dial_end *e)
{
	if (!e->is_out)
		return;
	if (e->gateway)
		gateway_ring_over(c, e->gateway, e->call, e->status);
	else if (is_last(c, e->toll)) {
		gateways_toll_end(c, e->toll);
		if (!e->was_taken)
			sip_refer_over(c, e->referrer, e->refer_req,
				       e->status);
	}
}

void sip_dial_forget(struct sip_call *call, struct sip_dial_end *e)
{
	*e = (struct sip_dial_end){
		.is_out = call->dial != NULL, .call = call->id,
		.gateway = call->gateway, .status = call->status,
		.toll = call->dial ? call->dial->toll : 0};
	if (call->dial) {
		e->was_taken = call->dial->was_taken;
		e->referrer = call->dial->referrer;
		e->refer_req = call->dial->refer_req;
	}
	mem_free(call->dial);
	call->dial = NULL;
}

/* --- what the face says --------------------------------------------------------------------- */

static void dialing(struct core *c, const Cv__SipDialing *m)
{
	uint32_t slot = 0;
	struct sip_call *k;

	while ((k = handles_next(c->sip->table, &slot, NULL)))
		if (k->dial && k->dial_req == m->req && !k->face)
			break;
	if (!k) {
		/* Given up meanwhile. */
		Cv__SipHangup h = CV__SIP_HANGUP__INIT;

		h.call = m->call;
		if (m->ok && sip_chan(c))
			(void)ipc_send(sip_chan(c), SIP_HANGUP, &h);
		return;
	}
	trace_name_call(c->trace, k->trace, ipc_bytes(m->call_id), k->id);
	if (m->ok && m->call && sip_call_name(k, m->call))
		return;
	sip_call_fire(k, SCE_ENDED);
}

static void answered(struct sip_call *call, const Cv__SipAnswered *m)
{
	text(call->agent, sizeof(call->agent), ipc_bytes(m->vendor));
	if (m->address)
		call->has_source = sip_addr(&call->source, m->address);
	/* Where a redirect leads nobody has allowed, unless the rules do. */
	if (m->redirected || !m->answer) {
		const struct sip_dial *d = call->dial;
		const struct sip_dial_trail t = {
			.trunk = d->proxy_row, .host = d->host,
			.was_redirected = d->was_redirected, .uuid = d->uuid,
			.referrer = d->referrer, .refer_req = d->refer_req};

		if (m->redirected && sip_follow(call, &t, m))
			call->dial->refer_req = 0;
		(void)snprintf(call->reason, sizeof(call->reason),
			       "redirected");
		sip_call_fire(call, SCE_REMOVED);
		return;
	}
	call->said = m->answer;
	sip_call_fire(call, SCE_ANSWERED);
}

void sip_dial_message(struct core *c, enum ipc_type type,
		      const ProtobufCMessage *msg)
{
	const Cv__SipAnswered *a = (const void *)msg;
	struct sip_call *call;

	if (type == IPC_SIP_DIALING) {
		dialing(c, (const Cv__SipDialing *)(const void *)msg);
	} else if (type == IPC_SIP_CONNECT) {
		sip_connect(c, (const Cv__SipConnect *)(const void *)msg);
	} else if (type == IPC_SIP_ANSWERED) {
		call = sip_call_by_face(c, a->call);
		if (call && call->is_out)
			answered(call, a);
		else
			c->sip->figures.bad_handles++;
	}
}

/* --- into a room ------------------------------------------------------------------------------- */

static const char *place(struct core *c, const struct invite *v,
			 const struct route_result *out, unsigned *n)
{
	const struct store_row *conf = store_get(c->store, RES_CONFERENCE,
						 v->conf);
	char alias[ALIAS_MAX + 1];
	uint64_t calls[SIP_REGS_PER_ALIAS_MAX];
	struct service sv;
	struct toll_facts f = {.rule = out->rule,
		.registration = v->known_as, .dialled = span_str(v->target),
		.target = span_str(out->target)};
	struct sip_dial_ask a = {.rule = out->rule, .sv = &sv,
		.target = span_str(out->target), .host = v->host,
		.uuid = v->uuid, .was_redirected = v->was_redirected,
		.replaces = span_str(v->replaces), .referrer = v->referrer,
		.refer_req = v->refer_req, .seat = v->seat};
	enum toll_verdict t;

	if (!conf)
		return "no such room";
	service_of_conf(c, conf, &sv);
	if (v->has_call_type && sv.call_type == CALL_VIDEO)
		sv.call_type = v->call_type;
	(void)alias_normalise(alias, a.target);
	f.external = !sip_reg_next(c, span_str(alias), NULL);
	memcpy(f.ip, v->ip, sizeof(f.ip));
	t = gateways_toll_begin(c, &f, &a.toll);
	if (t != TOLL_PASS)
		return toll_verdict_text(t);
	a.external = f.external;
	a.name = span_str(sv.name);
	a.from = service_alias(c, sv.id);
	*n = (unsigned)sip_dial_all(c, &a, calls, SIP_REGS_PER_ALIAS_MAX);
	if (*n)
		return NULL;
	gateways_toll_end(c, a.toll);
	return "nobody of that name is registered, and nothing outside can be "
	       "reached";
}

static void settle(struct core *c, struct invite *v,
		   const struct route_result *out)
{
	const uint64_t who = v->id;
	unsigned n = 0;
	const char *why = !out ? "busy, try again" : out->kind != ROUTE_RULE ?
	      "no rule for outgoing calls takes it" : place(c, v, out, &n);
	audit_note(c, "dial.out", why ? AUDIT_DENIED : AUDIT_OK,
		   SPAN_LIT("room"), SPAN_LIT("local"), span_str(v->target),
		   span_str(why ? why : ""));
	v->done(c, v->who, why, n);
	(void)handles_del(c->sip->invites, who);
	mem_free(v);
}

static void routed(struct core *c, uint64_t who,
		   const struct route_result *out)
{
	struct invite *v = handles_get(c->sip->invites, who);

	if (v)
		settle(c, v, out);
}

static int ask_rules(struct core *c, const struct invite *v)
{
	const struct route_facts f = {.dialled = span_str(v->target),
				      .protocol = RULE_SIP, .outgoing = true,
				      .registered = true};

	return routes_ask(c, &f, &(struct routes_ask){
			  .who = v->id, .done = routed,
			  .share = SHARE_OURS});
}

static void fill_seat(struct invite *v, const struct sip_invite_ask *ask)
{
	v->has_call_type = true;
	v->call_type = ask->call_type;
	v->seat.automatic = ask->automatic;
	v->seat.keeps = ask->keeps;
	text(v->seat.name, sizeof(v->seat.name), ask->name);
	text(v->seat.keys, sizeof(v->seat.keys), ask->keys);
}

/* A rule of its own: what it calls is what was asked for. */
static void by_itself(struct core *c, struct invite *v,
		      const struct rule *rule)
{
	struct route_result out = {.kind = ROUTE_RULE, .rule = rule};

	text(out.target, sizeof(out.target), span_str(v->target));
	settle(c, v, &out);
}

void sip_invite_out(struct core *c, const struct sip_invite_ask *ask,
		    uint64_t who, sip_invite_fn done)
{
	struct invite *v;
	const char *why = "busy, try again";

	if (!store_global(c->store, GLOBAL_ENABLE_DIALOUT)) {
		done(c, who, "enable_dialout is off", 0);
		return;
	}
	v = mem_zalloc(sizeof(*v));
	if (v && span_cstr(ask->target, v->target, sizeof(v->target)) < 0)
		why = "an alias of at most 250 bytes is needed";
	else if (v)
		v->id = handles_add(c->sip->invites, v);
	if (v && v->id) {
		v->conf = ask->conf;
		v->host = ask->host;
		v->who = who;
		v->done = done;
		v->known_as = ask->known_as;
		v->was_redirected = ask->was_redirected;
		v->referrer = ask->referrer;
		v->refer_req = ask->refer_req;
		text(v->replaces, sizeof(v->replaces), ask->replaces);
		if (ask->uuid)
			memcpy(v->uuid, ask->uuid, sizeof(v->uuid));
		else
			uuid_make(v->uuid);
		if (ask->ip)
			memcpy(v->ip, ask->ip, sizeof(v->ip));
		if (ask->automatic)
			fill_seat(v, ask);
		if (ask->rule) {
			by_itself(c, v, ask->rule);
			return;
		}
		if (ask_rules(c, v) == 0)
			return;
		(void)handles_del(c->sip->invites, v->id);
	}
	mem_free(v);
	done(c, who, why, 0);
}
