/* Requests inside of a dialog, ACK and CANCEL. */
#include "sip/face_int.h"

#include <stdio.h>

enum { DTMF_MS = 160, DTMF_MS_MAX = 5000, INFO_BODY_MAX = 4096,
       SIPFRAG_MAX = 128, REPLACES_MAX = 512 };

/* Longer than anybody's telephone rings; a number, for it is printed. */
#define REFER_S 60
#define STRING(x) STRING_(x)
#define STRING_(x) #x

/* A transaction for the request that came; 503 and NULL without. */
static struct txn *serve(struct call *c, const struct sip_peer *from)
{
	struct face *f = c->f;
	struct txn *t;

	if (txn_serve(f->txns, &t, &f->msg, from, f->now_ns) < 0) {
		refuse(f, &f->msg, from, 503);
		return NULL;
	}
	t->peer = answer_peer(&f->msg, from);
	return t;
}

static void say(struct call *c, struct txn *t, unsigned status)
{
	struct answer a;

	answer_open(c->f, &a, &c->f->msg, &c->peer, status, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	if (status == 200 && c->f->msg.method == SIP_OPTIONS)
		put_abilities(&a.w);
	else if (status == 405 || status == 501 || status == 200)
		put_allow(&a.w);
	sip_wr_no_body(&a.w);
	answer_by(c->f, &a, t);
}

/* --- BYE, PRACK, OPTIONS ------------------------------------------------------- */

static void on_bye(struct call *c, struct txn *t)
{
	say(c, t, 200);
	c->why = CV__SIP_END__SIP_END_NORMAL;
	call_event(c, CALL_EV_BYE);
}

static void on_prack(struct call *c, struct txn *t)
{
	struct sip_rack rack;
	struct span v = sip_hdr_value(&c->f->msg, SIP_H_RACK);

	if (!v.n || sip_rack_decode(&rack, v) < 0) {
		say(c, t, 400);
		return;
	}
	if (!c->rseq || rack.rseq != c->rseq ||
	    rack.cseq.method != SIP_INVITE) {
		say(c, t, 481);
		return;
	}
	if (c->state == CALL_RINGING) {
		timer_cancel(&c->again);
		text_drop(&c->ok);
	}
	say(c, t, 200);
}

/* --- INFO ----------------------------------------------------------------------- */

static int digit_of(uint8_t ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch == '*')
		return 10;
	if (ch == '#')
		return 11;
	if (ch >= 'A' && ch <= 'D')
		return 12 + ch - 'A';
	if (ch >= 'a' && ch <= 'd')
		return 12 + ch - 'a';
	return -1;
}

/* "5", or RFC 2833 numbers: "10" is '*'. */
static int digit_text(struct span v)
{
	uint64_t n;

	v = span_trim(v);
	/* A line's end behind the digit: some devices send one. */
	while (v.n && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n'))
		v.n--;
	if (v.n == 1)
		return digit_of(v.p[0]);
	if (span_u64(v, 15, &n) == 0)
		return (int)n;
	return -1;
}

/* application/dtmf-relay: "Signal=5\r\nDuration=160\r\n". */
static int relay(struct span body, uint32_t *ms)
{
	int digit = -1;

	while (body.n) {
		struct span line, name, value;
		uint64_t n;

		(void)span_split(body, '\n', &line, &body);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (!span_split(line, '=', &name, &value))
			continue;
		name = span_trim(name);
		if (span_eq_nocase(name, SPAN_LIT("Signal")))
			digit = digit_text(value);
		else if (span_eq_nocase(name, SPAN_LIT("Duration")) &&
			 span_u64(span_trim(value), DTMF_MS_MAX, &n) == 0)
			*ms = (uint32_t)n;
	}
	return digit;
}

static bool has_word(struct span s, const char *word)
{
	const size_t n = strlen(word);

	return s.n >= n && memmem(s.p, s.n, word, n);
}

static unsigned read_info(const struct sip_msg *msg, Cv__SipInfo *m)
{
	struct span body = msg->body;
	struct sip_mime t;
	int digit = -1;

	if (!body.n)
		return 200;
	if (body.n > INFO_BODY_MAX ||
	    sip_mime_decode(&t, sip_hdr_value(msg, SIP_H_CONTENT_TYPE)) < 0)
		return 400;
	m->ms = DTMF_MS;
	if (sip_mime_is(&t, "application", "media_control+xml")) {
		if (has_word(body, "picture_fast_update"))
			m->kind = CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE;
		return 200;
	}
	if (sip_mime_is(&t, "application", "dtmf-relay"))
		digit = relay(body, &m->ms);
	else if (sip_mime_is(&t, "application", "dtmf"))
		digit = digit_text(body);
	else
		return 415;
	if (digit < 0)
		return 400;
	m->kind = CV__SIP_INFO_KIND__SIP_INFO_DTMF;
	m->digit = (uint32_t)digit;
	return 200;
}

static void on_info(struct call *c, struct txn *t)
{
	Cv__SipInfo m = CV__SIP_INFO__INIT;
	unsigned status = read_info(&c->f->msg, &m);
	struct answer a;

	m.call = c->handle;
	if (status == 200 && m.kind)
		(void)face_tell(c->f, SIP_INFO, &m);
	if (status != 415) {
		say(c, t, status);
		return;
	}
	answer_open(c->f, &a, &c->f->msg, &c->peer, status, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	sip_wr_hdr_str(&a.w, SIP_H_ACCEPT, "application/dtmf-relay, application/dtmf, application/media_control+xml");
	sip_wr_no_body(&a.w);
	answer_by(c->f, &a, t);
}

void on_core_info(struct face *f, const Cv__SipInfo *m)
{
	static const char update[] =
		"<?xml version=\"1.0\" encoding=\"utf-8\" ?>\r\n"
		"<media_control><vc_primitive><to_encoder>"
		"<picture_fast_update/></to_encoder></vc_primitive>"
		"</media_control>\r\n";
	struct call *c = call_find(f, m->call);
	char branch[TXN_BRANCH_LEN + 1];
	struct wr w;

	if (!c || c->state != CALL_UP ||
	    m->kind != CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE)
		return;
	request_open(f, &w, c, "INFO", ++c->seq, branch);
	sip_wr_body(&w, "application/media_control+xml", span_str(update));
	(void)request_send(f, &w, c, SIP_INFO, branch, NULL, NULL, NULL);
}

/* --- REFER (RFC 3515) -------------------------------------------------------------- */

static void notify(struct call *c, unsigned status, bool final)
{
	char branch[TXN_BRANCH_LEN + 1], frag[SIPFRAG_MAX];
	struct wr w;

	if (c->refer_silent)
		return;
	request_open(c->f, &w, c, "NOTIFY", ++c->seq, branch);
	sip_wr_hdrf(&w, SIP_H_EVENT, "refer;id=%u", c->refer_seq);
	sip_wr_hdr_str(&w, SIP_H_SUBSCRIPTION_STATE, final ?
		       "terminated;reason=noresource" : "active;expires="
		       STRING(REFER_S));
	(void)snprintf(frag, sizeof(frag), "SIP/2.0 %u %s\r\n", status,
		       sip_reason_phrase(status));
	sip_wr_body(&w, "message/sipfrag;version=2.0", span_str(frag));
	(void)request_send(c->f, &w, c, SIP_NOTIFY, branch, NULL, NULL, NULL);
}

/* The Replaces that stands in the URI of Refer-To. */
static unsigned refer_target(struct face *f, Cv__SipRefer *m, uint8_t *buf,
			     size_t cap)
{
	struct sip_addr a;
	struct sip_replaces rep;
	struct span v = sip_hdr_value(&f->msg, SIP_H_REFER_TO), out;
	struct span how;
	struct call *c;
	size_t it = 0;
	int r;

	/* Exactly one (RFC 3515 2.4.1). */
	(void)sip_hdr_next(&f->msg, SIP_H_REFER_TO, &it);
	if (sip_hdr_next(&f->msg, SIP_H_REFER_TO, &it))
		return 400;
	if (!v.n || sip_addr_decode(&a, v) < 0 || a.uri.text.n > TEXT_MAX ||
	    a.uri.scheme == SIP_SCHEME_OTHER || a.uri.has_password)
		return 400;
	m->target = ipc_data(a.uri.headers.n && a.uri.headers.p > a.uri.text.p ?
			     span_of(a.uri.text.p, (size_t)
				     (a.uri.headers.p - a.uri.text.p) - 1) :
			     a.uri.text);
	/* INVITE is the only thing that we do for others. */
	how = sip_param_value(a.uri.params, "method");
	if (how.n && !span_eq(how, SPAN_LIT("INVITE")))
		return 403;
	r = sip_uri_header(&a.uri, "Replaces", buf, cap, &out);
	if (r == E_NOTFOUND)
		return 202;
	if (r < 0 || out.n > REPLACES_MAX || sip_replaces_decode(&rep, out) < 0)
		return 400;
	c = call_by_tag(f, rep.to_tag);
	if (!c)
		c = call_by_tag(f, rep.from_tag);
	m->has_replaces = true;
	m->replaced = c && c->state == CALL_UP ? c->handle : 0;
	m->replaces = ipc_data(out);
	return 202;
}

static bool wants_no_word(const struct sip_msg *m)
{
	const struct sip_hdr *h = sip_hdr_named(m, "Refer-Sub");

	return h && span_eq_nocase(span_trim(h->value), SPAN_LIT("false"));
}

static void agree_to_refer(struct call *c, struct txn *t)
{
	struct answer a;

	answer_open(c->f, &a, &c->f->msg, &c->peer, 202, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	put_contact(c->f, &a.w, c);
	if (c->refer_silent)
		sip_wr_hdr_named(&a.w, "Refer-Sub", SPAN_LIT("false"));
	sip_wr_no_body(&a.w);
	answer_by(c->f, &a, t);
}

static void on_refer(struct call *c, struct txn *t)
{
	Cv__SipRefer m = CV__SIP_REFER__INIT;
	uint8_t buf[TEXT_MAX];
	unsigned status;

	/* Whether he may, core says: it knows who is registered here. */
	if (c->state != CALL_UP) {
		say(c, t, 403);
		return;
	}
	if (c->refer_req && c->f->now_ns < c->refer_until_ns) {
		say(c, t, 491);
		return;
	}
	status = refer_target(c->f, &m, buf, sizeof(buf));
	m.call = c->handle;
	m.req = ++c->f->last_req;
	if (status == 202 && face_tell(c->f, SIP_REFER, &m) < 0)
		status = 503;
	if (status != 202) {
		say(c, t, status);
		return;
	}
	c->refer_silent = wants_no_word(&c->f->msg);
	agree_to_refer(c, t);
	c->refer_req = m.req;
	c->refer_until_ns = c->f->now_ns + REFER_S * NS_PER_S;
	c->refer_seq = c->f->msg.cseq.seq;
	notify(c, 100, false);
}

void on_refer_state(struct face *f, const Cv__SipReferState *m)
{
	struct call *c = call_find(f, m->call);

	if (!c || c->state != CALL_UP || !c->refer_req ||
	    c->refer_req != m->req || m->status < 100 || m->status > 699)
		return;
	notify(c, m->status, m->final);
	if (m->final)
		c->refer_req = 0;
}

/* --- which ------------------------------------------------------------------------- */

static void dispatch(struct call *c, struct txn *t)
{
	const bool up = c->state == CALL_UP || c->state == CALL_ANSWERED;

	switch (c->f->msg.method) {
	case SIP_BYE:
		on_bye(c, t);
		break;
	case SIP_PRACK:
		on_prack(c, t);
		break;
	case SIP_OPTIONS:
		say(c, t, 200);
		break;
	case SIP_INFO:
		if (up)
			on_info(c, t);
		else
			say(c, t, 481);
		break;
	case SIP_REFER:
		on_refer(c, t);
		break;
	case SIP_SUBSCRIBE:
		on_subscribe(c, t);
		break;
	case SIP_NOTIFY:		/* we subscribe to nothing */
		say(c, t, 481);
		break;
	case SIP_OTHER:
		say(c, t, 501);
		break;
	default:
		say(c, t, 405);
		break;
	}
}

/* The other side moved to another port or connection: what we send follows,
 * but never to another address unless TLS says that it is still him. */
static void follow(struct call *c, const struct sip_peer *from)
{
	const bool was = c->counted_inside;

	if (c->peer.flow == from->flow &&
	    addr_eq(&c->peer.source, &from->source))
		return;
	call_inside(c, false);
	c->peer = *from;
	if (was)
		call_inside(c, true);
}

void on_in_dialog(struct face *f, struct call *c, const struct sip_peer *from)
{
	struct txn *t;

	/* RFC 3261 12.2.2: in order. */
	if (c->has_seq && f->msg.cseq.seq <= c->their_seq) {
		refuse(f, &f->msg, from, 500);
		return;
	}
	c->has_seq = true;
	c->their_seq = f->msg.cseq.seq;
	follow(c, from);
	/* Whoever wants to leave may, whatever else he requires. */
	if (f->msg.method != SIP_BYE && !is_understood(f, from))
		return;
	if (f->msg.method == SIP_INVITE || f->msg.method == SIP_UPDATE) {
		on_reoffer(c, from);
		return;
	}
	t = serve(c, from);
	if (t)
		dispatch(c, t);
}

/* --- ACK ------------------------------------------------------------------------------ */

static void ack_with_answer(struct call *c)
{
	Cv__SipAck m = CV__SIP_ACK__INIT;
	unsigned status;

	if (read_sdp(c->f, &c->f->msg, text_span(&c->sdp), &c->peer, &m.answer,
		     &status) < 0)
		m.answer = NULL;
	m.call = c->handle;
	m.has_answer = m.answer != NULL;
	(void)face_tell(c->f, SIP_ACK, &m);
	c->f->cfg.ops.sdp_wipe(m.answer);
	c->offer_is_ours = false;
}

void on_ack(struct face *f, const struct sip_peer *from)
{
	struct txn *t = txn_find(f->txns, &f->msg, from, SIP_INVITE);
	struct call *c;

	if (t && t->state != TXN_ACCEPTED) {
		txn_again(t, &f->msg, f->now_ns);
		return;
	}
	c = call_by_tag(f, f->msg.to_tag);
	if (!c || !span_eq(text_span(&c->call_id), f->msg.call_id) ||
	    !span_eq(text_span(&c->their_tag), f->msg.from_tag) ||
	    !call_is_theirs(c, from)) {
		f->n[SIP_N_STRAY_ACK]++;
		return;
	}
	if (c->state != CALL_UP && c->state != CALL_ANSWERED)
		return;
	if (!c->ok.n || f->msg.cseq.seq != c->ok_seq)
		return;			/* again, or of nothing */
	timer_cancel(&c->again);
	text_drop(&c->ok);
	if (c->state == CALL_UP) {
		on_reinvite_ack(c, &f->msg);
		return;
	}
	if (c->offer_is_ours)
		ack_with_answer(c);
	call_event(c, CALL_EV_ACK);
}

/* --- CANCEL --------------------------------------------------------------------------- */

/* 200 with the tag that the INVITE's own answers have (RFC 3261 9.2). */
static void agree(struct face *f, const struct sip_peer *from)
{
	uint8_t key[KEY_LEN];
	const struct call *c;
	struct answer a;

	merge_key(f, key);
	c = map_get(f->by_invite, span_of(key, KEY_LEN));
	answer_open(f, &a, &f->msg, from, 200, SPAN_NONE, c && c->rang ?
		    span_of(c->tag, TAG_LEN) : SPAN_NONE);
	sip_wr_no_body(&a.w);
	answer_send(f, &a, &f->msg, from);
}

void on_cancel(struct face *f, const struct sip_peer *from)
{
	struct txn *invite = txn_find(f->txns, &f->msg, from, SIP_INVITE);
	struct txn *t = txn_find(f->txns, &f->msg, from, SIP_CANCEL);
	struct call *c;

	if (t) {
		txn_again(t, &f->msg, f->now_ns);
		return;
	}
	if (!invite) {
		if (from->flow || !f->set.silence)
			refuse(f, &f->msg, from, 481);
		return;
	}
	agree(f, from);
	if (invite->fn != call_on_txn)
		return;			/* answered, or inside of a dialog */
	c = invite->arg;
	c->why = CV__SIP_END__SIP_END_CANCELLED;
	call_event(c, CALL_EV_CANCEL);
}
