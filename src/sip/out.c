/* Calls that core asked for: a connection, INVITE, forks, challenges. The
 * first 2xx wins; every other one is acknowledged and ended. Early media is
 * not listened to. */
#include "sip/face_int.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "base/text.h"

enum { DIAL_KEY = 5, RING_MAX_S = 600, CONNECT_S = 40,
       OUT_US_MAX = 2 * FACE_NAME_MAX + 8 };

/* --- tables ------------------------------------------------------------------ */

/* Requests for connections and connections being made share one table. */
static void dial_key(uint8_t key[DIAL_KEY], char kind, uint32_t n)
{
	key[0] = (uint8_t)kind;
	memcpy(key + 1, &n, 4);
}

static int put_key(struct call *c, char kind, uint32_t n)
{
	uint8_t key[DIAL_KEY];

	dial_key(key, kind, n);
	return map_put(c->f->dials, span_of(key, DIAL_KEY), c);
}

static struct call *take_key(struct face *f, char kind, uint32_t n)
{
	uint8_t key[DIAL_KEY];

	dial_key(key, kind, n);
	return map_del(f->dials, span_of(key, DIAL_KEY));
}

void out_forget(struct call *c)
{
	struct dial *d = c->dial;

	if (d && d->connect_req)
		(void)take_key(c->f, 'c', d->connect_req);
	if (d && d->waits)
		(void)take_key(c->f, 'f', c->peer.flow);
	/* A 2xx may still come: somebody must end that call. */
	if (c->is_out && c->invite) {
		c->invite->fn = out_orphan;
		c->invite->arg = c->f;
		c->invite = NULL;
	}
}

void dial_free(struct dial **dp)
{
	struct dial *d = *dp;

	if (!d)
		return;
	text_drop(&d->uri);
	text_drop(&d->host);
	text_drop(&d->name);
	text_drop(&d->trunk);
	text_drop(&d->display);
	text_drop(&d->replaces);
	text_drop(&d->early);
	account_release(&d->account);
	mem_free(d);
	*dp = NULL;
}

/* --- a connection -------------------------------------------------------------- */

static void fail(struct call *c, Cv__SipEnd why)
{
	c->why = why;
	call_event(c, CALL_EV_UNSENT);
}

static void do_connect(struct call *c)
{
	Cv__SipConnect m = CV__SIP_CONNECT__INIT;
	struct dial *d = c->dial;

	c->peer.flow = 0;
	d->connect_req = m.req = ++c->f->last_req;
	m.host = ipc_data(text_span(&d->host));
	m.port = d->port;
	m.transport = d->transport;
	m.sips = d->sips;
	m.trusted_literal = d->literal;
	m.skip = d->skip;
	timer_set(c->f->cfg.wheel, &c->guard,
		  c->f->now_ns + CONNECT_S * NS_PER_S);
	if (put_key(c, 'c', m.req) < 0 || face_tell(c->f, SIP_CONNECT, &m) < 0)
		fail(c, CV__SIP_END__SIP_END_TRANSPORT);
}

static Cv__SipEnd end_of(uint32_t http_error)
{
	switch (http_error) {
	case 2:		/* HTTP_NAME */
		return CV__SIP_END__SIP_END_NAME;
	case 3:		/* HTTP_GUARDED */
		return CV__SIP_END__SIP_END_GUARDED;
	case 6:		/* HTTP_TIMEOUT */
		return CV__SIP_END__SIP_END_TIMEOUT;
	default:
		return CV__SIP_END__SIP_END_TRANSPORT;
	}
}

static bool take_addr(struct addr *out, const Cv__Addr *a)
{
	if (!a || a->ip.len != 16 || a->port == 0 || a->port > 65535)
		return false;
	memcpy(out->ip, a->ip.data, 16);
	out->port = (uint16_t)a->port;
	return true;
}

static bool is_allowed(const struct call *c, Cv__SipTransport t)
{
	if (c->dial->sips && t != CV__SIP_TRANSPORT__SIP_TLS)
		return false;
	return t != CV__SIP_TRANSPORT__SIP_NONE &&
	       (!c->dial->transport || c->dial->transport == t);
}

/* The descriptor is the network's from then on, whatever comes of it. */
static int adopt(struct call *c, const Cv__SipConnected *m, int *fd)
{
	const struct span name = c->dial->name.n ? text_span(&c->dial->name) :
				 ipc_bytes(m->name);
	struct face_dial d = {.fd = *fd, .name = name, .verify = true,
			      .trunk = text_span(&c->dial->trunk)};
	struct face *f = c->f;
	int r;

	*fd = -1;
	d.peer = c->peer;
	r = f->cfg.ops.dial(f->cfg.ops.arg, &d, f->now_ns);
	if (r < 0)
		return r;
	c->peer = d.peer;
	c->dial->waits = true;
	return put_key(c, 'f', c->peer.flow);
}

static void use(struct call *c, const Cv__SipConnected *m, int *fd)
{
	struct face *f = c->f;

	if (m->error || !take_addr(&c->peer.source, m->address) ||
	    !is_allowed(c, m->transport)) {
		fail(c, m->error ? end_of(m->error) :
		     CV__SIP_END__SIP_END_TRANSPORT);
		return;
	}
	c->dial->left = m->left;
	c->peer.transport = m->transport;
	/* UDP leaves from our own socket: courier's guard has judged the
	 * address, ours does once more. */
	if (m->transport == CV__SIP_TRANSPORT__SIP_UDP) {
		if (f->cfg.ops.may_send(f->cfg.ops.arg, &c->peer.source,
					c->dial->literal)) {
			call_event(c, CALL_EV_CONNECTED);
			return;
		}
		f->n[SIP_N_GUARDED]++;
		fail(c, CV__SIP_END__SIP_END_GUARDED);
		return;
	}
	if (*fd < 0 || adopt(c, m, fd) < 0)
		fail(c, CV__SIP_END__SIP_END_TRANSPORT);
}

void on_connected(struct face *f, const Cv__SipConnected *m, int fd)
{
	struct call *c = take_key(f, 'c', m->req);

	if (c) {
		c->dial->connect_req = 0;
		use(c, m, &fd);
	}
	if (fd >= 0)
		f->cfg.ops.shut(f->cfg.ops.arg, fd);
}

void out_flow_up(struct face *f, uint32_t flow)
{
	struct call *c = take_key(f, 'f', flow);

	if (!c)
		return;
	c->dial->waits = false;
	(void)f->cfg.ops.flow(f->cfg.ops.arg, flow, &c->peer,
			      &(struct span){0});
	call_event(c, CALL_EV_CONNECTED);
}

void out_flow_gone(struct face *f, uint32_t flow, Cv__SipEnd why)
{
	struct call *c = take_key(f, 'f', flow);

	if (!c)
		return;
	c->dial->waits = false;
	fail(c, why);
}

/* --- SipDial ---------------------------------------------------------------------- */

/* "host", "host:port", "[v6]:port". */
static int take_host(struct dial *d, struct span text)
{
	struct sip_host h;

	if (sip_host_decode(&h, text) < 0)
		return E_FORMAT;
	d->port = h.port;
	return text_set(&d->host, h.text);
}

static int take_uri(struct call *c, const Cv__SipDial *m)
{
	struct span text = ipc_bytes(m->uri);
	struct sip_uri u;
	int r = sip_uri_decode(&u, text);

	if (r < 0 || u.scheme == SIP_SCHEME_OTHER || u.has_password ||
	    u.headers.n)
		return E_FORMAT;
	c->dial->sips = u.scheme == SIP_SCHEME_SIPS;
	r = text_set(&c->target, u.text);
	if (!r)
		r = text_set(&c->them, u.text);
	if (r < 0)
		return r;
	if (m->proxy.len)
		return take_host(c->dial, ipc_bytes(m->proxy));
	if (u.host.kind == SIP_HOST_NONE)	/* tel: */
		return m->flow || m->address ? 0 : E_FORMAT;
	c->dial->port = u.host.port;
	if (!m->transport && sip_uri_transport(&u) == SIP_TRANSPORT_TLS)
		c->dial->transport = CV__SIP_TRANSPORT__SIP_TLS;
	return text_set(&c->dial->host, u.host.text);
}

static int take_us(struct call *c, struct span from)
{
	static const char some_host[] = "@invalid";
	const bool is_whole = from.n && memchr(from.p, '@', from.n);
	uint8_t buf[OUT_US_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_uri u;
	struct span out;

	if (!span_starts(from, SPAN_LIT("sip:")) &&
	    !span_starts(from, SPAN_LIT("sips:")))
		wr_str(&w, "sip:");
	wr_span(&w, from);
	if (!is_whole)
		wr_str(&w, some_host);
	if (wr_end(&w, &out) < 0 || sip_uri_decode(&u, out) < 0)
		return E_FORMAT;
	if (!is_whole)
		out.n -= sizeof(some_host) - 1;
	return text_set(&c->us, out);
}

static int take_dial(struct call *c, const Cv__SipDial *m)
{
	struct dial *d = c->dial;
	uint8_t id[16];
	char hex[sizeof(id) * 2 + 1];
	struct span sdp;
	int r;

	d->req = m->req;
	d->transport = m->transport;
	d->literal = m->trusted_literal;
	d->ring_s = m->ring_s && m->ring_s < RING_MAX_S ? m->ring_s :
		    FACE_RING_S;
	rand_bytes(id, sizeof(id));
	hex_encode(hex, id, sizeof(id));
	r = text_set(&c->call_id, span_of(hex, sizeof(hex) - 1));
	if (!r)
		r = take_uri(c, m);
	if (!r)
		r = take_us(c, ipc_bytes(m->from_uri));
	if (!r)
		r = text_set(&d->display, ipc_bytes(m->from_name));
	if (!r)
		r = text_set(&d->name, ipc_bytes(m->verify_name));
	if (!r)
		r = text_set(&d->trunk, ipc_bytes(m->trunk));
	if (!r)
		r = account_take(&d->account, m);
	if (!r)
		r = text_set(&d->replaces, ipc_bytes(m->replaces));
	if (!r)
		r = m->offer ? write_sdp(c, SPAN_NONE, m->offer, &sdp) :
		    E_INVAL;
	return r ? r : text_set(&c->sdp, sdp);
}

/* An existing connection, an address that registered, or a new connection. */
static void start(struct call *c, const Cv__SipDial *m)
{
	struct face *f = c->f;
	struct span names;

	if (m->flow) {
		if (f->cfg.ops.flow(f->cfg.ops.arg, m->flow, &c->peer, &names))
			call_event(c, CALL_EV_CONNECTED);
		else
			fail(c, CV__SIP_END__SIP_END_TRANSPORT);
		return;
	}
	if (!m->address) {
		do_connect(c);
		return;
	}
	c->peer.transport = CV__SIP_TRANSPORT__SIP_UDP;
	if (!take_addr(&c->peer.source, m->address) || c->dial->sips ||
	    !f->cfg.ops.may_send(f->cfg.ops.arg, &c->peer.source, true)) {
		f->n[SIP_N_GUARDED]++;
		fail(c, CV__SIP_END__SIP_END_GUARDED);
		return;
	}
	call_event(c, CALL_EV_CONNECTED);
}

void on_dial(struct face *f, const Cv__SipDial *m)
{
	Cv__SipDialing reply = CV__SIP_DIALING__INIT;
	struct sip_peer nobody = {.flow = 0};
	struct call *c = call_new(f, &nobody);

	f->n[SIP_N_DIALS]++;
	reply.req = m->req;
	if (c) {
		c->is_out = true;
		c->state = CALL_DIALING;
		c->dial = mem_zalloc(sizeof(*c->dial));
	}
	reply.ok = c && c->dial && take_dial(c, m) == 0;
	if (reply.ok) {
		reply.call = c->handle;
		reply.call_id = ipc_data(text_span(&c->call_id));
	}
	if (m->password.len)
		secret_wipe(m->password.data, m->password.len);
	(void)face_tell(f, SIP_DIALING, &reply);
	if (!c)
		return;
	c->known = reply.ok;
	if (reply.ok)
		start(c, m);
	else
		call_event(c, CALL_EV_UNSENT);
}

/* --- INVITE and what comes of it ---------------------------------------------------- */

/* Without a host of his own our user is at the address that we call from. */
static int complete_us(struct call *c)
{
	uint8_t buf[OUT_US_MAX + ADDR_TEXT_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out;

	if (memchr(c->us.p, '@', c->us.n))
		return 0;
	wr_span(&w, text_span(&c->us));
	wr_str(&w, "@");
	put_own_host(c->f, &w, &c->peer);
	if (wr_end(&w, &out) < 0)
		return E_LIMIT;
	return text_set(&c->us, out);
}

static void do_invite(struct call *c)
{
	struct face *f = c->f;
	const struct sip_msg *asked = f->response;
	char branch[TXN_BRANCH_LEN + 1];
	struct wr w;

	if (c->invite)
		c->invite->fn = NULL;
	c->invite = NULL;
	if (complete_us(c) < 0) {
		fail(c, CV__SIP_END__SIP_END_TRANSPORT);
		return;
	}
	request_open(f, &w, c, "INVITE", ++c->seq, branch);
	if (asked) {
		c->dial->answered_challenge = true;
		account_hear(&c->dial->account, asked);
	}
	account_put(&c->dial->account, &w, "INVITE", text_span(&c->target));
	put_allow(&w);
	sip_wr_hdr_str(&w, SIP_H_SUPPORTED, "timer, replaces, 100rel");
	if (c->dial->replaces.n)
		sip_wr_hdr(&w, SIP_H_REPLACES, text_span(&c->dial->replaces));
	sip_wr_hdr_u32(&w, SIP_H_SESSION_EXPIRES, FACE_SESSION_S);
	sip_wr_hdr_u32(&w, SIP_H_MIN_SE, FACE_SESSION_MIN_S);
	sip_wr_body(&w, "application/sdp", text_span(&c->sdp));
	timer_set(f->cfg.wheel, &c->guard,
		  f->now_ns + c->dial->ring_s * NS_PER_S);
	if (request_send(f, &w, c, SIP_INVITE, branch, call_on_txn, c,
			 &c->invite) < 0)
		fail(c, CV__SIP_END__SIP_END_TRANSPORT);
}

static void do_progress(struct call *c)
{
	Cv__SipProgress m = CV__SIP_PROGRESS__INIT;

	if (!c->f->response || c->f->response->status <= 100)
		return;
	m.call = c->handle;
	m.status = c->f->response->status;
	(void)face_tell(c->f, SIP_PROGRESS, &m);
}

static int take_answer(struct call *c, const struct sip_msg *m)
{
	struct sip_session_expires se;
	struct span v = sip_hdr_value(m, SIP_H_SESSION_EXPIRES);
	int r = text_set(&c->their_tag, m->to_tag);

	if (!r)
		r = call_take_target(c, m);
	if (!r)
		r = call_take_routes(c, m, true);
	c->their_allow = sip_allow(m);
	/* Who says nothing about it, or more than we asked for, is refreshed by
	 * us (RFC 4028 7.2): a call whose other side is gone has an end. */
	c->session_s = FACE_SESSION_S;
	c->is_refresher = true;
	if (v.n && sip_session_expires_decode(&se, v) == 0 &&
	    se.secs >= FACE_SESSION_MIN_S && se.secs <= FACE_SESSION_S) {
		c->session_s = se.secs;
		c->is_refresher = se.refresher != SIP_REFRESHER_UAS;
	}
	return r;
}

static void tell_answered(struct call *c, const struct sip_msg *m,
			  Cv__LegDescription *answer)
{
	Cv__SipAnswered a = CV__SIP_ANSWERED__INIT;
	Cv__Addr addr = addr_of(&c->peer.source);
	struct span agent = sip_hdr_value(m, SIP_H_SERVER);

	if (!agent.n)
		agent = sip_hdr_value(m, SIP_H_USER_AGENT);
	a.call = c->handle;
	a.answer = answer;
	a.vendor = ipc_data(agent.n > AGENT_MAX ? span_of(agent.p, AGENT_MAX) :
			    agent);
	a.peer_uri = ipc_data(text_span(&c->target));
	a.address = &addr;
	a.transport = c->peer.transport;
	(void)face_tell(c->f, SIP_ANSWERED, &a);
}

static void do_accepted(struct call *c)
{
	const struct sip_msg *m = c->f->response;
	Cv__LegDescription *answer = NULL;
	unsigned status;
	int r = take_answer(c, m);

	timer_cancel(&c->guard);
	if (c->their_tag.n && c->target.n)
		call_ack(c, m->cseq.seq);
	if (!r)
		r = read_sdp(c->f, m, text_span(&c->sdp), &c->peer, &answer,
			     &status);
	if (r == E_NOTFOUND && !status)
		r = early_sdp(c, m, &answer);
	if (r < 0) {
		c->why = CV__SIP_END__SIP_END_PROTOCOL;
		call_event(c, CALL_EV_HANGUP);
		return;
	}
	tell_answered(c, m, answer);
	c->f->cfg.ops.sdp_wipe(answer);
}

static void do_cancel(struct call *c)
{
	struct face *f = c->f;
	struct wr w = wr_of(f->out, sizeof(f->out));
	struct txn *t = c->invite, *cancel;
	struct span bytes;

	timer_set(f->cfg.wheel, &c->guard, f->now_ns + OK_MS * NS_PER_MS);
	if (!t || !t->req || c->dial->cancelled ||
	    sip_decode(&f->kept, span_of(t->req, t->req_n), SIP_STREAM,
		       NULL) < 0)
		return;
	sip_wr_cancel_of(&w, &f->kept);
	c->dial->cancelled = true;
	if (wr_end(&w, &bytes) == 0)
		(void)txn_ask(f->txns, &cancel, &c->peer, SIP_CANCEL,
			      f->kept.via.branch, bytes, NULL, NULL,
			      f->now_ns);
}

static void do_rejected(struct call *c)
{
	const struct sip_msg *m = c->f->response;
	Cv__SipAnswered a = CV__SIP_ANSWERED__INIT;
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr to;

	c->status = m->status;
	c->why = m->status == 486 || m->status == 600 ?
		 CV__SIP_END__SIP_END_BUSY : CV__SIP_END__SIP_END_REFUSED;
	if (m->status / 100 == 3 && sip_contact_next(&l, &to) == 1 &&
	    !to.star && to.uri.text.n <= TEXT_MAX) {
		a.call = c->handle;
		a.redirected = true;
		a.contact = ipc_data(to.uri.text);
		a.transport = c->peer.transport;
		(void)face_tell(c->f, SIP_ANSWERED, &a);
	}
	tell_ended(c);
}

void out_act(struct call *c, unsigned todo)
{
	if (todo & CALL_DO_CONNECT)
		do_connect(c);
	if (todo & CALL_DO_INVITE)
		do_invite(c);
	if (todo & CALL_DO_PROGRESS)
		do_progress(c);
	if (todo & CALL_DO_ACCEPTED)
		do_accepted(c);
	if (todo & CALL_DO_CANCEL)
		do_cancel(c);
	if (todo & CALL_DO_ACK_BYE && c->f->response)
		out_orphan(c->f, c->invite, TXN_RESPONSE, c->f->response,
			   c->f->now_ns);
	if (todo & CALL_DO_REJECTED)
		do_rejected(c);
}

/* --- answers that nobody waits for ---------------------------------------------------- */

static void put_back(struct face *f, const struct txn *t,
		     const struct sip_msg *m, const char *method,
		     uint32_t seq, struct span target)
{
	struct call like = {.f = f, .peer = t->peer};
	struct sip_list l = sip_list(m, SIP_H_RECORD_ROUTE);
	char branch[TXN_BRANCH_LEN + 1];
	struct span v, all[SIP_VIAS_MAX], bytes;
	struct txn *bye;
	size_t n = 0;
	struct wr w = wr_of(f->out, sizeof(f->out));

	txn_branch(branch);
	sip_wr_request_text(&w, span_str(method), target);
	put_via(f, &w, &like.peer, branch);
	sip_wr_hdr_u32(&w, SIP_H_MAX_FORWARDS, 70);
	while (n < SIP_VIAS_MAX && sip_list_next(&l, &v))
		all[n++] = v;
	while (n)
		sip_wr_hdr(&w, SIP_H_ROUTE, all[--n]);
	sip_wr_copy(&w, m, SIP_H_FROM);
	sip_wr_copy(&w, m, SIP_H_TO);
	sip_wr_copy(&w, m, SIP_H_CALL_ID);
	sip_wr_cseq(&w, seq, span_str(method));
	sip_wr_no_body(&w);
	if (wr_end(&w, &bytes) < 0)
		return;
	if (method[0] == 'A')
		(void)face_send(f, &t->peer, bytes);
	else
		(void)txn_ask(f->txns, &bye, &t->peer, SIP_BYE,
			      span_str(branch), bytes, NULL, NULL, f->now_ns);
}

/* A 2xx of another fork, or of a call that is over: ACK and BYE. */
void out_orphan(void *arg, struct txn *t, enum txn_tell what,
		const struct sip_msg *m, uint64_t now_ns)
{
	struct face *f = arg;
	struct sip_list l;
	struct sip_addr to;

	(void)now_ns;
	if (what != TXN_RESPONSE || !t || m->status / 100 != 2)
		return;
	l = sip_list(m, SIP_H_CONTACT);
	if (sip_contact_next(&l, &to) != 1 || to.star)
		return;
	put_back(f, t, m, "ACK", m->cseq.seq, to.uri.text);
	put_back(f, t, m, "BYE", m->cseq.seq + 1, to.uri.text);
}

/* --- events ----------------------------------------------------------------------------- */

static void on_response(struct call *c, const struct sip_msg *m)
{
	if (c->state == CALL_UP) {
		if (m->status / 100 == 2 &&
		    span_eq(m->to_tag, text_span(&c->their_tag)))
			call_ack(c, m->cseq.seq);	/* it was lost */
		else
			call_event(c, m->status < 200 ? CALL_EV_1XX :
				   CALL_EV_2XX);
		return;
	}
	if (m->status < 200 && !early_take(c, m))
		return;			/* the same again, or out of order */
	if (m->status < 200)
		call_event(c, CALL_EV_1XX);
	else if (m->status < 300)
		call_event(c, CALL_EV_2XX);
	else if (c->state == CALL_CALLING && m->status == 503 &&
		 c->dial->left) {
		c->dial->skip++;
		/* Its connection may go now: that ends no call any more. */
		forget_txn(&c->invite);
		call_event(c, CALL_EV_NEXT);
	} else if (!c->dial->answered_challenge &&
		   account_may(&c->dial->account, m))
		call_event(c, CALL_EV_AGAIN);
	else
		call_event(c, CALL_EV_REJECTED);
}

void out_txn(struct call *c, struct txn *t, enum txn_tell what,
	     const struct sip_msg *m)
{
	if (c->invite != t)
		return;
	if (what == TXN_RESPONSE) {
		c->f->response = m;
		on_response(c, m);
		c->f->response = NULL;
		return;
	}
	c->invite = NULL;
	if (what == TXN_GONE)
		return;
	/* RFC 3263 4.3: nobody there, the next one. */
	if (c->state == CALL_CALLING && c->dial->left) {
		c->dial->skip++;
		call_event(c, CALL_EV_NEXT);
		return;
	}
	c->why = what == TXN_UNSENT ? CV__SIP_END__SIP_END_TRANSPORT :
		 CV__SIP_END__SIP_END_TIMEOUT;
	call_event(c, what == TXN_UNSENT ? CALL_EV_UNSENT : CALL_EV_TIMEOUT);
}

void out_guard(struct call *c)
{
	if (c->state != CALL_CANCELLING)
		c->why = CV__SIP_END__SIP_END_TIMEOUT;
	call_event(c, CALL_EV_TIMEOUT);
}
