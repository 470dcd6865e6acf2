/* The floor of a call: which description gives it one, how its messages
 * travel, what core says about it.
 *
 * Datagrams go through media, which has the port and the keys (SipBfcp).
 * Connections come to our own SIP ports and are told from SIP by their first
 * byte; one belongs to the call whose conference and user id its first message
 * names, if it comes from the address of the call's signalling, over TLS when
 * TLS was agreed. Both ids are random and were told to that peer alone. */
#include "sip/face_int.h"

#include "base/alloc.h"
#include "base/rand.h"

enum { KEY_BYTES = 6, LABEL = 3, USER_MIN = 2, USERS = 65000 };

struct key {
	uint8_t v[KEY_BYTES];
};

static struct key key_of(uint32_t conf, uint16_t user)
{
	return (struct key){{(uint8_t)(conf >> 24), (uint8_t)(conf >> 16),
			     (uint8_t)(conf >> 8), (uint8_t)conf,
			     (uint8_t)(user >> 8), (uint8_t)user}};
}

static struct span key_span(const struct key *k)
{
	return span_of(k->v, sizeof(k->v));
}

/* --- what the machine needs ------------------------------------------------ */

static void on_send(void *arg, struct span message)
{
	struct call *c = arg;
	struct face *f = c->f;
	Cv__SipBfcp m = CV__SIP_BFCP__INIT;

	if (floor_is_stream(c->floor)) {
		if (c->floor_peer.flow &&
		    f->cfg.ops.send(f->cfg.ops.arg, &c->floor_peer,
				    message) < 0)
			f->n[SIP_N_UNSENT]++;
		return;
	}
	m.call = c->handle;
	m.datagram = ipc_data(message);
	if (f->core_up && c->known)
		(void)face_tell(f, SIP_BFCP, &m);
}

/* What is lost is said again: core owes an answer (sip/floor_machine.h). */
static void on_ask(void *arg, bool want)
{
	struct call *c = arg;
	struct face *f = c->f;
	Cv__SipFloor m = CV__SIP_FLOOR__INIT;

	m.call = c->handle;
	m.req = c->floor_req = ++f->last_req;
	m.op = want ? CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST
		    : CV__SIP_FLOOR_OP__SIP_FLOOR_RELEASE;
	if (f->core_up && c->known)
		(void)face_tell(f, SIP_FLOOR, &m);
}

/* --- life -------------------------------------------------------------------- */

static void unbind(struct call *c)
{
	struct face *f = c->f;
	struct span flow = span_of(&c->floor_peer.flow,
				   sizeof(c->floor_peer.flow));

	if (!c->floor_peer.flow)
		return;
	if (map_get(f->floor_flows, flow) == c)
		(void)map_del(f->floor_flows, flow);
	f->cfg.ops.inside(f->cfg.ops.arg, &c->floor_peer, false);
	c->floor_peer.flow = 0;
}

void call_floor_drop(struct call *c)
{
	struct key k;

	if (!c->floor)
		return;
	unbind(c);
	k = key_of(floor_conf(c->floor), floor_user(c->floor));
	(void)map_del(c->f->floors, key_span(&k));
	floor_free(&c->floor);
}

static int make(struct call *c, bool is_stream)
{
	struct face *f = c->f;
	const struct floor_ops ops = {on_send, on_ask, c};
	const uint32_t conf = rand_u32() | 1;
	const uint16_t user = (uint16_t)(USER_MIN + rand_below(USERS));
	struct key k = key_of(conf, user);
	int r = map_put(f->floors, key_span(&k), c);

	if (r < 0)
		return r;
	r = floor_new(&c->floor, f->cfg.wheel, &ops, &f->floor_stats, conf,
		      user, is_stream);
	if (r < 0)
		(void)map_del(f->floors, key_span(&k));
	return r;
}

/* --- descriptions ------------------------------------------------------------- */

static bool is_bfcp(const Cv__Section *s)
{
	return s->profile >= CV__RTP_PROFILE__PROFILE_BFCP_TCP &&
	       s->profile <= CV__RTP_PROFILE__PROFILE_BFCP_DTLS;
}

static bool is_stream(const Cv__Section *s)
{
	return s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TCP ||
	       s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TLS;
}

static Cv__Section *find(const Cv__LegDescription *d,
			 bool (*is)(const Cv__Section *s))
{
	for (size_t i = 0; i < d->n_sections; i++)
		if (!d->sections[i]->rejected && is(d->sections[i]))
			return d->sections[i];
	return NULL;
}

static bool is_slides(const Cv__Section *s)
{
	return s->kind == CV__MEDIA_KIND__KIND_SLIDES;
}

/* A connection comes to the port that SIP has: of TLS, or the clear one if it
 * is open at all. */
static bool place(struct call *c, Cv__Section *s)
{
	struct face *f = c->f;
	const bool tls = s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TLS;
	struct span fp = span_of(f->set.fingerprint,
				 sizeof(f->set.fingerprint));
	struct addr *a = arena_alloc(f->arena, sizeof(*a));
	Cv__Addr *m = arena_alloc(f->arena, sizeof(*m));

	if (!a || !m || (tls ? !f->set.has_fingerprint
			     : !f->set.is_tcp_open))
		return false;
	*a = own_addr(f, &c->peer);
	a->port = tls ? f->set.tls_port : f->set.clear_port;
	*m = addr_of(a);
	s->addr = m;
	s->setup = CV__DTLS_SETUP__SETUP_PASSIVE;
	s->fingerprint_sha256 = tls ? ipc_data(fp) : ipc_data(SPAN_NONE);
	return true;
}

static void tell_ids(const struct call *c, Cv__Section *s,
		     Cv__Section *slides)
{
	s->bfcp_conf = floor_conf(c->floor);
	s->bfcp_user = floor_user(c->floor);
	s->bfcp_floor = FLOOR_ID;
	s->bfcp_server = true;
	s->label = slides->label = LABEL;
}

void call_floor_describe(struct call *c, const Cv__LegDescription *d)
{
	Cv__Section *slides = find(d, is_slides), *s = find(d, is_bfcp);
	bool is_kept = s && c->floor &&
		       floor_is_stream(c->floor) == is_stream(s);

	if (s && (!slides || (is_stream(s) && !place(c, s)))) {
		s->rejected = true;
		s = NULL;
	}
	if (c->floor && (!s || !is_kept)) {
		floor_gone(c->floor, c->f->now_ns);
		call_floor_drop(c);
	}
	if (s && !c->floor && make(c, is_stream(s)) < 0) {
		s->rejected = true;
		s = NULL;
	}
	c->floor_is_tls = s &&
			  s->profile == CV__RTP_PROFILE__PROFILE_BFCP_TLS;
	if (s)
		tell_ids(c, s, slides);
}

/* --- connections ---------------------------------------------------------------- */

static bool may_bind(const struct call *c, const struct sip_peer *from)
{
	const bool tls = from->transport == CV__SIP_TRANSPORT__SIP_TLS;

	return floor_is_stream(c->floor) && (tls || !c->floor_is_tls) &&
	       addr_ip_eq(&c->peer.source, &from->source);
}

/* A device that lost its connection comes by a new one. */
static bool bind_flow(struct call *c, const struct sip_peer *from)
{
	struct face *f = c->f;

	if (c->floor_peer.flow) {
		unbind(c);
		floor_gone(c->floor, f->now_ns);
	}
	if (map_put(f->floor_flows, span_of(&from->flow, sizeof(from->flow)),
		    c) < 0)
		return false;
	c->floor_peer = *from;
	f->cfg.ops.inside(f->cfg.ops.arg, from, true);
	return true;
}

bool face_bfcp(struct face *f, const struct sip_peer *from,
	       struct span message, uint64_t now_ns)
{
	struct span flow = span_of(&from->flow, sizeof(from->flow));
	struct call *c = map_get(f->floor_flows, flow);
	struct bfcp_msg m;
	struct key k;

	f->now_ns = now_ns;
	if (!c) {
		k = bfcp_header(&m, message) == 0 ? key_of(m.conf, m.user)
						  : key_of(0, 0);
		c = map_get(f->floors, key_span(&k));
		if (!c || !may_bind(c, from) || !bind_flow(c, from)) {
			f->n[SIP_N_BFCP_STRAY]++;
			return false;
		}
	}
	floor_input(c->floor, message, now_ns);
	face_turn(f);
	return true;
}

void floor_flow_gone(struct face *f, uint32_t flow)
{
	struct call *c = map_get(f->floor_flows,
				 span_of(&flow, sizeof(flow)));

	if (!c)
		return;
	(void)map_del(f->floor_flows, span_of(&flow, sizeof(flow)));
	c->floor_peer.flow = 0;
	floor_gone(c->floor, f->now_ns);
}

/* --- core ------------------------------------------------------------------------ */

void on_core_bfcp(struct face *f, const Cv__SipBfcp *m)
{
	struct call *c = call_find(f, m->call);

	if (c && c->floor && !floor_is_stream(c->floor))
		floor_input(c->floor, ipc_bytes(m->datagram), f->now_ns);
}

static const enum floor_event outcomes[] = {
	[CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_NEWS] = FLOOR_EVENT_COUNT,
	[CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED] = FLOOR_EV_GRANTED,
	[CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_DENIED] = FLOOR_EV_DENIED,
	[CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED] = FLOOR_EV_RELEASED,
	[CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_REVOKED] = FLOOR_EV_REVOKED,
};

void on_floor_state(struct face *f, const Cv__SipFloorState *m)
{
	struct call *c = call_find(f, m->call);
	struct floor_news n = {.is_held = m->held, .is_self = m->self,
			       .name = ipc_bytes(m->name)};
	const size_t i = (size_t)m->outcome;

	if (!c || !c->floor || i >= sizeof(outcomes) / sizeof(outcomes[0]))
		return;
	/* an answer to an older question decides nothing any more */
	if (m->req && m->req != c->floor_req)
		return;
	if (outcomes[i] != FLOOR_EVENT_COUNT)
		floor_decided(c->floor, outcomes[i], f->now_ns);
	floor_news(c->floor, &n, f->now_ns);
}

void floor_count(struct face *f)
{
	const struct floor_stats *s = &f->floor_stats;

	f->n[SIP_N_BFCP] = s->in;
	f->n[SIP_N_BFCP_BAD] = s->bad;
	f->n[SIP_N_BFCP_DROPPED] = s->dropped;
	f->n[SIP_N_BFCP_ERRORS] = s->errors;
	f->n[SIP_N_BFCP_UNEXPECTED] = s->unexpected;
	f->n[SIP_N_BFCP_LOST] = s->lost;
}
