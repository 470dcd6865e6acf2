/* Answers and requests are written. */
#include "sip/face_int.h"

#include <stdio.h>

#include "base/siphash.h"
#include "base/text.h"

enum { PORT_SIP = 5060, PORT_MIN = 1024, MAX_FORWARDS = 70 };

Cv__Addr addr_of(const struct addr *a)
{
	Cv__Addr m = CV__ADDR__INIT;

	m.ip = ipc_data(span_of(a->ip, sizeof(a->ip)));
	m.port = a->port;
	return m;
}

void answer_tag(const struct face *f, const struct sip_msg *req,
		char out[TAG_LEN + 1])
{
	uint64_t h[4] = {siphash(f->hash, req->call_id),
			 siphash(f->hash, req->from_tag),
			 siphash(f->hash, req->via.branch), req->cseq.seq};
	uint64_t v = siphash(f->hash + 2, span_of(h, sizeof(h)));

	hex_encode(out, &v, sizeof(v));
}

struct sip_peer answer_peer(const struct sip_msg *req,
			    const struct sip_peer *from)
{
	struct sip_peer to = *from;
	uint16_t port = req->via.sent_by.port;

	if (from->flow || req->via.has_rport)
		return to;
	port = port ? port : PORT_SIP;
	/* A service below 1024 never asked us for anything. */
	if (port >= PORT_MIN)
		to.source.port = port;
	return to;
}

void answer_open(struct face *f, struct answer *a, const struct sip_msg *req,
		 const struct sip_peer *from, unsigned status,
		 struct span reason, struct span tag)
{
	char own[TAG_LEN + 1];

	if (!tag.n && status > 100) {
		answer_tag(f, req, own);
		tag = span_of(own, TAG_LEN);
	}
	a->w = wr_of(f->out, sizeof(f->out));
	a->status = status;
	a->req = req;
	sip_wr_response(&a->w, req, status, reason, tag, &from->source);
}

void answer_send(struct face *f, struct answer *a, const struct sip_msg *req,
		 const struct sip_peer *from)
{
	const struct sip_peer to = answer_peer(req, from);
	struct span bytes;

	if (wr_end(&a->w, &bytes) < 0)
		return;
	f->n[SIP_N_STATELESS]++;
	if (face_send(f, &to, bytes) < 0)
		f->n[SIP_N_UNSENT]++;
}

void answer_by(struct face *f, struct answer *a, struct txn *t)
{
	struct span bytes;

	if (wr_end(&a->w, &bytes) < 0) {
		f->n[SIP_N_UNSENT]++;
		return;
	}
	txn_respond(t, a->status, bytes, f->now_ns);
}

void put_allow(struct wr *w)
{
	sip_wr_hdr_str(w, SIP_H_ALLOW, "INVITE, ACK, CANCEL, BYE, OPTIONS, "
		       "UPDATE, INFO, PRACK, REFER, SUBSCRIBE");
}

void put_abilities(struct wr *w)
{
	put_allow(w);
	sip_wr_hdr_str(w, SIP_H_ACCEPT, "application/sdp");
	sip_wr_hdr_str(w, SIP_H_SUPPORTED, "timer, replaces, 100rel");
	sip_wr_hdr_str(w, SIP_H_ALLOW_EVENTS, "conference");
}

static void put_extra(struct wr *w, unsigned status)
{
	if (status == 503)
		sip_wr_hdr_u32(w, SIP_H_RETRY_AFTER, FACE_RETRY_S);
	else if (status == 405 || status == 501)
		put_allow(w);
	else if (status == 415)
		sip_wr_hdr_str(w, SIP_H_ACCEPT, "application/sdp");
	else if (status == 489)
		sip_wr_hdr_str(w, SIP_H_ALLOW_EVENTS, "conference");
}

void refuse(struct face *f, const struct sip_msg *req,
	    const struct sip_peer *from, unsigned status)
{
	struct answer a;

	if (req->method == SIP_ACK)
		return;
	answer_open(f, &a, req, from, status, SPAN_NONE, SPAN_NONE);
	put_extra(&a.w, status);
	if (status >= 400)
		put_reference(f, &a.w, req);
	sip_wr_no_body(&a.w);
	answer_send(f, &a, req, from);
}

void refuse_by(struct face *f, const struct sip_msg *req, struct txn *t,
	       unsigned status)
{
	struct answer a;

	answer_open(f, &a, req, &t->peer, status, SPAN_NONE, SPAN_NONE);
	put_extra(&a.w, status);
	if (status >= 400)
		put_reference(f, &a.w, req);
	sip_wr_no_body(&a.w);
	answer_by(f, &a, t);
}

void put_challenge(struct face *f, struct wr *w, const struct sip_peer *from,
		   bool stale, bool md5)
{
	struct sip_challenge c = {
		.realm = span_str(f->set.realm), .qop = SIP_QOP_AUTH,
		.stale = stale,
	};
	char nonce[NONCE_LEN + 1];
	const bool tls = from->transport == CV__SIP_TRANSPORT__SIP_TLS;

	if (nonce_make(f->nonces, &from->source, f->now_ns, nonce) < 0) {
		wr_fail(w);
		return;
	}
	c.nonce = span_of(nonce, NONCE_LEN);
	for (int i = 0; i < (md5 && tls ? 2 : 1); i++) {
		size_t mark = sip_wr_hdr_open(w, SIP_H_WWW_AUTHENTICATE);

		c.alg = i ? SIP_ALG_MD5 : SIP_ALG_SHA256;
		c.alg_text = span_str(sip_auth_alg_name(c.alg));
		sip_wr_challenge(w, &c);
		sip_wr_hdr_close(w, mark);
	}
}

/* --- who we are ----------------------------------------------------------- */

static bool is_unspecified(const struct addr *a)
{
	static const uint8_t none[16], mapped[16] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->ip, none, 16) == 0 || memcmp(a->ip, mapped, 16) == 0;
}

/* The address that the peer reached when it is an advertised one (or
 * loopback), else the first of the family: behind NAT. While it is not known
 * whom a call out will reach, the first of all. */
struct addr own_addr(const struct face *f, const struct sip_peer *p)
{
	const bool v4 = addr_is_v4(&p->source);
	const bool any = is_unspecified(&p->source);
	const struct addr *first = NULL;

	if (addr_is_loopback(&p->local))
		return p->local;
	for (size_t i = 0; i < f->set.n_own; i++) {
		const struct addr *a = &f->set.own[i];

		if (addr_ip_eq(a, &p->local))
			return p->local;
		if (!first && (any || addr_is_v4(a) == v4))
			first = a;
	}
	return first && (f->set.n_own || is_unspecified(&p->local)) ?
	       *first : p->local;
}

static void host_text(struct face *f, const struct sip_peer *p,
		      char out[ADDR_TEXT_MAX])
{
	const struct addr a = own_addr(f, p);
	char ip[ADDR_TEXT_MAX];

	addr_print_ip(&a, ip);
	(void)snprintf(out, ADDR_TEXT_MAX, addr_is_v4(&a) ? "%.50s" :
		       "[%.50s]", ip);
}

void put_own_host(struct face *f, struct wr *w, const struct sip_peer *p)
{
	char host[ADDR_TEXT_MAX];

	host_text(f, p, host);
	wr_str(w, host);
}

static uint16_t own_port(const struct face *f, const struct sip_peer *p)
{
	return p->transport == CV__SIP_TRANSPORT__SIP_TLS ? f->set.tls_port :
	       f->set.clear_port;
}

static const char *transport_text(Cv__SipTransport t)
{
	return t == CV__SIP_TRANSPORT__SIP_TLS ? "tls" :
	       t == CV__SIP_TRANSPORT__SIP_TCP ? "tcp" : "udp";
}

void put_addr_uri(struct face *f, struct wr *w, const struct sip_peer *p)
{
	char host[ADDR_TEXT_MAX];

	host_text(f, p, host);
	wr_str(w, "sip:");
	wr_str(w, host);
	wr_str(w, ":");
	wr_dec(w, own_port(f, p));
	wr_str(w, ";transport=");
	wr_str(w, transport_text(p->transport));
}

void put_contact(struct face *f, struct wr *w, const struct call *c)
{
	size_t mark = sip_wr_hdr_open(w, SIP_H_CONTACT);

	wr_str(w, "<");
	put_addr_uri(f, w, &c->peer);
	wr_str(w, c->is_focus ? ">;isfocus" : ">");
	sip_wr_hdr_close(w, mark);
}

/* --- requests ------------------------------------------------------------- */

void put_via(struct face *f, struct wr *w, const struct sip_peer *p,
	     const char *branch)
{
	size_t mark = sip_wr_hdr_open(w, SIP_H_VIA);
	char host[ADDR_TEXT_MAX];

	host_text(f, p, host);
	wr_str(w, p->transport == CV__SIP_TRANSPORT__SIP_TLS ? "SIP/2.0/TLS " :
	       p->transport == CV__SIP_TRANSPORT__SIP_TCP ? "SIP/2.0/TCP " :
	       "SIP/2.0/UDP ");
	wr_str(w, host);
	wr_str(w, ":");
	wr_dec(w, own_port(f, p));
	wr_str(w, ";rport;branch=");
	wr_str(w, branch);
	sip_wr_hdr_close(w, mark);
}

static void put_party(struct wr *w, enum sip_hdr_id id, struct span display,
		      struct span uri, struct span tag)
{
	size_t mark = sip_wr_hdr_open(w, id);

	if (display.n) {
		wr_str(w, "\"");
		for (size_t i = 0; i < display.n; i++) {
			if (display.p[i] == '"' || display.p[i] == '\\')
				wr_str(w, "\\");
			wr_u8(w, display.p[i]);
		}
		wr_str(w, "\" ");
	}
	wr_str(w, "<");
	wr_span(w, uri);
	wr_str(w, ">");
	if (tag.n) {
		wr_str(w, ";tag=");
		wr_span(w, tag);
	}
	sip_wr_hdr_close(w, mark);
}

void request_open(struct face *f, struct wr *w, const struct call *c,
		  const char *method, uint32_t seq,
		  char branch[TXN_BRANCH_LEN + 1])
{
	*w = wr_of(f->out, sizeof(f->out));
	txn_branch(branch);
	sip_wr_request_text(w, span_str(method), text_span(&c->target));
	put_via(f, w, &c->peer, branch);
	sip_wr_hdr_u32(w, SIP_H_MAX_FORWARDS, MAX_FORWARDS);
	if (c->routes.n)
		sip_wr_hdr(w, SIP_H_ROUTE, text_span(&c->routes));
	put_party(w, SIP_H_FROM, c->dial ? text_span(&c->dial->display) :
		  SPAN_NONE, text_span(&c->us), span_of(c->tag, TAG_LEN));
	put_party(w, SIP_H_TO, SPAN_NONE, text_span(&c->them),
		  text_span(&c->their_tag));
	sip_wr_hdr(w, SIP_H_CALL_ID, text_span(&c->call_id));
	sip_wr_cseq(w, seq, span_str(method));
	put_contact(f, w, c);
}

int request_send(struct face *f, struct wr *w, struct call *c,
		 enum sip_method m, const char *branch, txn_fn fn, void *arg,
		 struct txn **out)
{
	struct txn *t;
	struct span bytes;
	int r = wr_end(w, &bytes);

	if (!r)
		r = txn_ask(f->txns, &t, &c->peer, m, span_str(branch), bytes,
			    fn, arg, f->now_ns);
	if (r < 0) {
		f->n[SIP_N_UNSENT]++;
		return r;
	}
	if (out)
		*out = t;
	return 0;
}
