/* A message is received: who may speak at all, and whose it is. */
#include "sip/face_int.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "sip/filter.h"

enum { BURST_SECONDS = 4 };

#define RATE(n) {(n), (n) * BURST_SECONDS}

/* Until core has told us. A whole organisation may stand behind one address,
 * a call control with all of its calls too. */
static const struct source_limits limits_default = {
	.rate = {
		[SOURCE_REQUEST] = RATE(400), [SOURCE_JOIN] = RATE(100),
		[SOURCE_CONN] = RATE(50), [SOURCE_WRITE] = RATE(50),
	},
	.total = {
		[SOURCE_REQUEST] = RATE(20000), [SOURCE_JOIN] = RATE(3000),
		[SOURCE_CONN] = RATE(500), [SOURCE_WRITE] = RATE(2000),
	},
	.held = {
		[SOURCE_CONNS] = 256, [SOURCE_HANDSHAKES] = 64,
		[SOURCE_STREAMS] = 256, [SOURCE_SESSIONS] = FACE_CALLS_MAX,
	},
	.total_held = {
		[SOURCE_CONNS] = 12000, [SOURCE_HANDSHAKES] = 1024,
		[SOURCE_STREAMS] = 8192, [SOURCE_SESSIONS] = FACE_CALLS_MAX,
	},
};

static int send_txn(void *arg, const struct sip_peer *to, struct span bytes)
{
	struct face *f = arg;
	int r = face_send(f, to, bytes);

	if (r < 0)
		f->n[SIP_N_UNSENT]++;
	/* A datagram that a full buffer lost is sent again by its timer. */
	return to->flow ? r : 0;
}

static int make_tables(struct face *f)
{
	const struct txns_cfg tc = {.wheel = f->cfg.wheel, .send = send_txn,
				    .arg = f};
	int r = txns_new(&f->txns, &tc);

	if (!r)
		r = nonces_new(&f->nonces);
	if (!r)
		r = handles_new(&f->calls, FACE_CALLS_MAX);
	if (!r)
		r = map_new(&f->by_tag, FACE_CALLS_MAX);
	if (!r)
		r = map_new(&f->by_invite, FACE_CALLS_MAX);
	if (!r)
		r = map_new(&f->regs, FACE_REGS_MAX);
	if (!r)
		r = map_new(&f->dials, FACE_DIALS_MAX);
	if (!r)
		r = map_new(&f->floors, FACE_CALLS_MAX);
	if (!r)
		r = map_new(&f->floor_flows, FACE_CALLS_MAX);
	if (!r)
		r = arena_new(&f->arena, ARENA_BYTES);
	if (!r)
		r = bans_new(&f->bans);
	if (!r)
		r = sources_new(&f->sources, &limits_default);
	if (!r)
		r = ladder_new(&f->ladder);
	return r;
}

int face_new(struct face **out, const struct face_cfg *cfg, uint64_t now_ns)
{
	struct face *f = mem_zalloc(sizeof(*f));
	int r;

	if (!f)
		return E_NOMEM;
	f->cfg = *cfg;
	f->now_ns = now_ns;
	list_init(&f->dead);
	list_init(&f->byes);
	rand_bytes(f->hash, sizeof(f->hash));
	memcpy(f->set.realm, "conclave", sizeof("conclave"));
	f->set.tls_port = 5061;
	f->set.clear_port = 5060;
	r = make_tables(f);
	if (r < 0) {
		face_free(&f);
		return r;
	}
	*out = f;
	return 0;
}

static void reap(struct face *f)
{
	list_each(it, tmp, &f->dead)
		call_free(list_entry(it, struct call, at));
	txns_reap(f->txns);
	if (f->arena)
		arena_reset(f->arena);
}

void face_free(struct face **fp)
{
	struct face *f = *fp;
	uint32_t slot = 0;
	uint64_t h;
	struct call *c;

	if (!f)
		return;
	if (f->regs)
		regs_free(f);
	while (f->calls && (c = handles_next(f->calls, &slot, &h)))
		call_free(c);
	if (f->txns)
		reap(f);
	txns_free(&f->txns);
	byes_free(f);
	nonces_free(&f->nonces);
	handles_free(&f->calls);
	map_free(&f->by_tag);
	map_free(&f->by_invite);
	map_free(&f->regs);
	map_free(&f->dials);
	map_free(&f->floors);
	map_free(&f->floor_flows);
	arena_free(&f->arena);
	bans_free(&f->bans);
	sources_free(&f->sources);
	ladder_free(&f->ladder);
	mem_free(f);
	*fp = NULL;
}

struct face_settings *face_settings(struct face *f)
{
	return &f->set;
}

struct sources *face_sources(struct face *f)
{
	return f->sources;
}

void face_limits(struct face *f, const struct source_limits *l,
		 uint64_t now_ns)
{
	sources_set(f->sources, l ? l : &limits_default, now_ns);
}

bool face_bans(const struct face *f, const struct addr *a, uint64_t now_ns)
{
	return bans_have(f->bans, a, now_ns);
}

/* --- requests from outside of a dialog ------------------------------------ */

/* The same for whatever alias: a room is not told from nothing. */
static void on_options(struct face *f, const struct sip_peer *from)
{
	struct auth a;
	struct answer ans;
	enum auth_kind kind = auth_read(f, &a, &f->msg, from);

	if (kind == AUTH_STALE ||
	    (kind == AUTH_NONE && f->set.challenge_first &&
	     !caller_is_known(f, from))) {
		challenge(f, &f->msg, from, kind == AUTH_STALE, false);
		return;
	}
	if (f->set.silence && kind == AUTH_NONE && !from->flow)
		return;
	if (!is_understood(f, from))
		return;
	answer_open(f, &ans, &f->msg, from, 200, SPAN_NONE, SPAN_NONE);
	put_abilities(&ans.w);
	sip_wr_no_body(&ans.w);
	answer_send(f, &ans, &f->msg, from);
}

static void on_stranger(struct face *f, const struct sip_peer *from)
{
	struct sip_event ev;

	face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_METHOD,
		     sip_hdr_value(&f->msg, SIP_H_USER_AGENT));
	if (!from->flow) {
		f->n[SIP_N_DROPPED_METHOD]++;
		return;
	}
	switch (f->msg.method) {
	case SIP_BYE:
	case SIP_INFO:
	case SIP_PRACK:
	case SIP_UPDATE:
		refuse(f, &f->msg, from, 481);
		break;
	case SIP_SUBSCRIBE:
		/* Who is in a conference is seen from inside of a call. */
		refuse(f, &f->msg, from, sub_is_conference(&f->msg, &ev) ?
		       403 : 489);
		break;
	case SIP_OTHER:
		refuse(f, &f->msg, from, 501);
		break;
	default:
		refuse(f, &f->msg, from, 405);
		break;
	}
}

static void on_new(struct face *f, const struct sip_peer *from)
{
	if (f->msg.method == SIP_INVITE)
		on_invite(f, from);
	else if (f->msg.method == SIP_REGISTER)
		on_register(f, from);
	else if (f->msg.method == SIP_OPTIONS)
		on_options(f, from);
	else
		on_stranger(f, from);
}

/* --- whose is it ----------------------------------------------------------- */

static void on_tagged(struct face *f, const struct sip_peer *from)
{
	struct call *c = call_by_tag(f, f->msg.to_tag);

	if (c && !call_is_theirs(c, from)) {
		f->n[SIP_N_WRONG_SOURCE]++;
		c = NULL;
	}
	if (c && !span_eq(text_span(&c->call_id), f->msg.call_id))
		c = NULL;
	if (c && c->their_tag.n &&
	    !span_eq(text_span(&c->their_tag), f->msg.from_tag))
		c = NULL;
	if (c) {
		on_in_dialog(f, c, from);
		return;
	}
	f->n[SIP_N_STRAY_DIALOG]++;
	if (from->flow || !f->set.silence)
		refuse(f, &f->msg, from, 481);
}

static void on_request(struct face *f, const struct sip_peer *from)
{
	struct txn *t;

	f->n[SIP_N_REQUESTS]++;
	if (f->msg.method == SIP_ACK) {
		on_ack(f, from);
		return;
	}
	if (f->msg.method == SIP_CANCEL) {
		on_cancel(f, from);
		return;
	}
	t = txn_find(f->txns, &f->msg, from, f->msg.method);
	if (t)
		txn_again(t, &f->msg, f->now_ns);
	else if (f->msg.to_tag.n)
		on_tagged(f, from);
	else
		on_new(f, from);
}

static void receive(struct face *f, const struct sip_peer *from,
		    struct span bytes, enum sip_carrier how)
{
	struct sip_err err;

	if (sip_decode(&f->msg, bytes, how, &err) < 0) {
		f->n[SIP_N_MALFORMED]++;
		face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_MALFORMED,
			     SPAN_NONE);
		/* An answer to a forged address would be aimed at a victim. */
		if (from->flow && err.status)
			refuse(f, &f->msg, from, err.status);
		return;
	}
	note_in(f, from);
	if (f->msg.is_request) {
		on_request(f, from);
		return;
	}
	f->n[SIP_N_RESPONSES]++;
	if (!txn_answer(f->txns, &f->msg, from, f->now_ns))
		f->n[SIP_N_STRAY_RESPONSE]++;
}

/* --- the doors -------------------------------------------------------------- */

static bool may_ask(struct face *f, const struct sip_peer *from)
{
	enum source_rank rank = SOURCE_STRANGER;

	if (sources_held(f->sources, &from->source, SOURCE_SESSIONS))
		rank = SOURCE_PROOF;
	if (sources_take(f->sources, &from->source, SOURCE_REQUEST, rank,
			 f->now_ns))
		return true;
	f->n[SIP_N_DROPPED_RATE]++;
	face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_FLOOD, SPAN_NONE);
	return false;
}

static const struct {
	enum sip_counter counter;
	Cv__SipScan scan;
} drops[] = {
	[FILTER_NOISE] = {SIP_N_DROPPED_NOISE, CV__SIP_SCAN__SIP_SCAN_NONE},
	[FILTER_SHORT] = {SIP_N_DROPPED_NOISE, CV__SIP_SCAN__SIP_SCAN_NONE},
	[FILTER_AGENT] = {SIP_N_DROPPED_AGENT, CV__SIP_SCAN__SIP_SCAN_AGENT},
	[FILTER_METHOD] = {SIP_N_DROPPED_METHOD,
			   CV__SIP_SCAN__SIP_SCAN_METHOD},
};

static void note_drop(struct face *f, const struct sip_peer *from,
		      enum filter_verdict v, const struct sip_peek *peek)
{
	f->n[drops[v].counter]++;
	if (drops[v].scan)
		face_scanned(f, from, drops[v].scan, peek->user_agent);
}

void face_datagram(struct face *f, const struct sip_peer *from,
		   struct span bytes, uint64_t now_ns)
{
	enum filter_verdict v;
	struct sip_peek peek;

	f->now_ns = now_ns;
	if (bans_have(f->bans, &from->source, now_ns)) {
		f->n[SIP_N_DROPPED_BANNED]++;
		return;
	}
	v = filter_look(&peek, bytes);
	/* Who is in a call may hear that we do not speak a method. */
	if (v == FILTER_METHOD &&
	    sources_held(f->sources, &from->source, SOURCE_SESSIONS))
		v = FILTER_PASS;
	if (v != FILTER_PASS) {
		note_drop(f, from, v, &peek);
		return;
	}
	if (!may_ask(f, from))
		return;
	receive(f, from, bytes, SIP_DATAGRAM);
	note_in_done(f);
	reap(f);
}

void face_message(struct face *f, const struct sip_peer *from,
		  struct span bytes, uint64_t now_ns)
{
	enum filter_verdict v;
	struct sip_peek peek;

	f->now_ns = now_ns;
	v = filter_look(&peek, bytes);
	if (v == FILTER_AGENT || v == FILTER_NOISE) {
		note_drop(f, from, v, &peek);
		return;
	}
	if (!may_ask(f, from))
		return;
	receive(f, from, bytes, SIP_STREAM);
	note_in_done(f);
	reap(f);
}

void face_flow_up(struct face *f, uint32_t flow, uint64_t now_ns)
{
	f->now_ns = now_ns;
	out_flow_up(f, flow);
	reap(f);
}

void face_flow_gone(struct face *f, uint32_t flow, Cv__SipEnd why,
		    bool was_inside, uint64_t now_ns)
{
	Cv__SipFlowGone m = CV__SIP_FLOW_GONE__INIT;

	f->now_ns = now_ns;
	txns_flow_gone(f->txns, flow, now_ns);
	out_flow_gone(f, flow, why);
	floor_flow_gone(f, flow);
	m.n_flows = 1;
	m.flows = &flow;
	if (f->core_up && was_inside)
		(void)face_tell(f, SIP_FLOW_GONE, &m);
	reap(f);
}

void face_turn(struct face *f)
{
	reap(f);
}

uint64_t face_count(const struct face *f, enum sip_counter n)
{
	return f->n[n];
}

void face_add(struct face *f, enum sip_counter n)
{
	f->n[n]++;
}

size_t face_calls(const struct face *f)
{
	return handles_count(f->calls);
}
