/* New offers inside of a dialog, both ways (RFC 3261 14, 3311, 3264), and the
 * refresh of the session (RFC 4028). One offer at a time (RFC 3264 4): a
 * second one of theirs waits on their side (500), one that crosses ours gets
 * 491, and ours that got 491 is tried again once or twice. */
#include "sip/face_int.h"

#include "base/rand.h"
#include "base/siphash.h"

enum { GLARE_MAX = 2, RETRY_AFTER_MAX_S = 10 };

uint64_t sdp_hash(const struct face *f, struct span sdp)
{
	return siphash(f->hash, sdp) | 1;
}

/* --- theirs ---------------------------------------------------------------------- */

static void answer_theirs(struct call *c, const struct sip_msg *req,
			  struct txn *t, unsigned status, struct span sdp)
{
	struct face *f = c->f;
	struct answer a;
	struct span bytes;

	answer_open(f, &a, req, &c->peer, status, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	if (status == 200) {
		put_contact(f, &a.w, c);
		put_allow(&a.w);
		sip_wr_hdr_str(&a.w, SIP_H_SUPPORTED,
			       "timer, replaces, 100rel");
		(void)in_put_timer(c, &a.w, req);
	}
	if (status == 500)
		sip_wr_hdr_u32(&a.w, SIP_H_RETRY_AFTER,
			       rand_below(RETRY_AFTER_MAX_S));
	if (sdp.n)
		sip_wr_body(&a.w, "application/sdp", sdp);
	else
		sip_wr_no_body(&a.w);
	if (status == 200 && req->method == SIP_INVITE &&
	    wr_end(&a.w, &bytes) == 0)
		call_keep_ok(c, req->cseq.seq, bytes);
	if (status == 200)
		call_arm_session(c);
	answer_by(f, &a, t);
}

static void on_theirs_txn(void *arg, struct txn *t, enum txn_tell what,
			  const struct sip_msg *msg, uint64_t now_ns)
{
	struct call *c = arg;

	(void)msg;
	c->f->now_ns = now_ns;
	if (c->theirs != t || what == TXN_ACKED)
		return;
	c->theirs = NULL;
	if (c->offer == OFFER_THEIRS)
		c->offer = OFFER_NONE;
}

/* Core is asked, unless they only said the same again. An INVITE without a
 * description wants ours, as if the call was new (RFC 3261 14.2). */
static unsigned ask(struct call *c, struct txn *t)
{
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	struct face *f = c->f;
	struct span sdp = SPAN_NONE;
	unsigned status;
	int r = read_sdp(f, &f->msg, SPAN_NONE, &c->peer, &m.offer, &status);

	if (status)
		return status;
	if (r < 0 && f->msg.method == SIP_UPDATE) {
		answer_theirs(c, &f->msg, t, 200, SPAN_NONE);
		return 0;
	}
	if (r == 0 && sip_body_sdp(&f->msg, &sdp) == 0 &&
	    sdp_hash(f, sdp) == c->their_sdp) {
		f->cfg.ops.sdp_wipe(m.offer);
		answer_theirs(c, &f->msg, t, 200, text_span(&c->sdp));
		return 0;
	}
	m.call = c->handle;
	m.req = ++f->last_req;
	m.has_offer = m.offer != NULL;
	r = face_tell(f, SIP_OFFER, &m);
	f->cfg.ops.sdp_wipe(m.offer);
	if (r < 0)
		return 503;
	c->offer = OFFER_THEIRS;
	c->offer_req = m.req;
	c->theirs = t;
	t->fn = on_theirs_txn;
	t->arg = c;
	return 0;
}

static unsigned may_offer(const struct call *c)
{
	const bool with = c->f->msg.body.n ||
			  c->f->msg.method == SIP_INVITE;

	if (c->state != CALL_UP)
		return with ? 491 : 200;
	if ((c->offer == OFFER_OURS || c->offer_is_ours) && with)
		return 491;
	if (c->offer == OFFER_THEIRS ||
	    (c->ok.n && c->f->msg.method == SIP_INVITE))
		return 500;
	return 0;
}

void on_reoffer(struct call *c, const struct sip_peer *from)
{
	struct face *f = c->f;
	struct txn *t;
	unsigned status;

	if (txn_serve(f->txns, &t, &f->msg, from, f->now_ns) < 0) {
		refuse(f, &f->msg, from, 503);
		return;
	}
	t->peer = answer_peer(&f->msg, from);
	/* Whom we call goes by what core said until somebody answered. */
	if (sip_has(&f->msg, SIP_H_CONTACT) &&
	    (!c->is_out || c->state == CALL_UP))
		(void)call_take_target(c, &f->msg);
	status = may_offer(c);
	f->n[SIP_N_GLARE] += status == 491;
	if (!status)
		status = ask(c, t);
	if (status)
		answer_theirs(c, &f->msg, t, status, SPAN_NONE);
}

void on_core_offer_reply(struct face *f, const Cv__SipOfferReply *m)
{
	struct call *c = call_find(f, m->call);
	struct span offer = SPAN_NONE, sdp = SPAN_NONE;
	struct txn *t = c ? c->theirs : NULL;
	unsigned status = m->status >= 400 && m->status < 700 ? m->status :
			  488;
	int r = E_STATE;

	if (!t || c->offer != OFFER_THEIRS || c->offer_req != m->req)
		return;
	c->theirs = NULL;
	c->offer = OFFER_NONE;
	t->fn = NULL;
	if (!t->req || sip_decode(&f->kept, span_of(t->req, t->req_n),
				  sip_peer_is_reliable(&t->peer) ?
				  SIP_STREAM : SIP_DATAGRAM, NULL) < 0)
		return;
	if (m->ok && m->answer &&
	    (!f->kept.body.n || sip_body_sdp(&f->kept, &offer) == 0))
		r = write_sdp(c, offer, m->answer, &sdp);
	if (!r)
		r = text_set(&c->sdp, sdp);
	if (!r) {
		c->offer_is_ours = !offer.n;
		c->their_sdp = offer.n ? sdp_hash(f, offer) : 0;
	}
	answer_theirs(c, &f->kept, t, r ? status : 200, r ? SPAN_NONE : sdp);
}

void on_reinvite_ack(struct call *c, const struct sip_msg *ack)
{
	Cv__SipAck m = CV__SIP_ACK__INIT;
	unsigned status;

	if (!c->offer_is_ours)
		return;
	c->offer_is_ours = false;
	if (read_sdp(c->f, ack, text_span(&c->sdp), &c->peer, &m.answer,
		     &status) < 0)
		return;
	m.call = c->handle;
	m.has_answer = true;
	(void)face_tell(c->f, SIP_ACK, &m);
	c->f->cfg.ops.sdp_wipe(m.answer);
}

/* --- ours ------------------------------------------------------------------------ */

static void tell_core(struct call *c, bool ok, unsigned status,
		      Cv__LegDescription *answer)
{
	Cv__SipOfferReply m = CV__SIP_OFFER_REPLY__INIT;

	c->offer = OFFER_NONE;
	c->glare = 0;
	m.call = c->handle;
	m.req = c->offer_req;
	m.ok = ok;
	m.status = status;
	m.answer = answer;
	(void)face_tell(c->f, SIP_OFFER_REPLY, &m);
}

static int send_ours(struct call *c, struct span sdp);

void call_ack(struct call *c, uint32_t seq)
{
	char branch[TXN_BRANCH_LEN + 1];
	struct span bytes;
	struct wr w;

	request_open(c->f, &w, c, "ACK", seq, branch);
	sip_wr_no_body(&w);
	if (wr_end(&w, &bytes) == 0)
		(void)face_send(c->f, &c->peer, bytes);
}

static void refreshed(struct call *c, const struct sip_msg *msg)
{
	struct sip_session_expires se;
	struct span v = sip_hdr_value(msg, SIP_H_SESSION_EXPIRES);

	if (v.n && sip_session_expires_decode(&se, v) == 0 &&
	    se.secs >= FACE_SESSION_MIN_S && se.secs <= c->session_s) {
		c->session_s = se.secs;
		c->is_refresher = se.refresher != SIP_REFRESHER_UAS;
	}
	call_arm_session(c);
}

static void took(struct call *c, const struct sip_msg *msg)
{
	Cv__LegDescription *answer = NULL;
	unsigned status;
	int r;

	if (msg->method == SIP_INVITE)
		call_ack(c, msg->cseq.seq);
	if (sip_has(msg, SIP_H_CONTACT))
		(void)call_take_target(c, msg);
	refreshed(c, msg);
	if (c->offer != OFFER_OURS)
		return;
	r = read_sdp(c->f, msg, text_span(&c->sdp), &c->peer, &answer,
		     &status);
	tell_core(c, r == 0, r == 0 ? 200 : 488, r == 0 ? answer : NULL);
	c->f->cfg.ops.sdp_wipe(r == 0 ? answer : NULL);
}

/* RFC 3261 14.1: who made the Call-ID waits longer, so that the two do not
 * cross again. */
static void later(struct call *c)
{
	uint32_t ms = c->is_out ? 2100 + rand_below(1900) :
		      rand_below(2000);

	timer_set(c->f->cfg.wheel, &c->guard,
		  c->f->now_ns + ms * NS_PER_MS);
}

static void refused(struct call *c, unsigned status)
{
	if (status == 491 && c->offer == OFFER_OURS && c->glare++ < GLARE_MAX) {
		c->f->n[SIP_N_GLARE]++;
		later(c);
		return;
	}
	if (c->offer == OFFER_OURS)
		tell_core(c, false, status, NULL);
	/* RFC 3261 12.2.1.2: the dialog is gone. */
	if (status != 408 && status != 481)
		return;
	c->why = CV__SIP_END__SIP_END_TIMEOUT;
	call_event(c, CALL_EV_EXPIRED);
}

/* 401 or 407 inside of the dialog: once for each offer or refresh. */
static void answer_challenge(struct call *c, const struct sip_msg *msg)
{
	const bool refresh_only = c->offer != OFFER_OURS;

	account_hear(&c->dial->account, msg);
	c->answered_challenge = true;
	if (refresh_only && reoffer_refresh(c) < 0)
		call_expire(c);
	else if (!refresh_only && send_ours(c, text_span(&c->sdp)) < 0)
		tell_core(c, false, 503, NULL);
}

/* The transaction outlives the answer, and perhaps the call: it is named by
 * the call that it names, or names none. */
static void finish_ours(struct call *c, bool may_come_again)
{
	forget_txn(&c->refreshed);
	if (!may_come_again) {
		forget_txn(&c->refresh);
		return;
	}
	c->refreshed = c->refresh;
	c->refresh = NULL;
}

static void on_ours(void *arg, struct txn *t, enum txn_tell what,
		    const struct sip_msg *msg, uint64_t now_ns)
{
	struct call *c = arg;

	c->f->now_ns = now_ns;
	if (c->refreshed == t) {
		/* A 2xx again: its ACK was lost. */
		if (what == TXN_RESPONSE && msg->status / 100 == 2)
			call_ack(c, msg->cseq.seq);
		if (what == TXN_GONE)
			c->refreshed = NULL;
		return;
	}
	if (c->refresh != t || (msg && msg->status < 200))
		return;
	finish_ours(c, what == TXN_RESPONSE && msg->status < 300 &&
		    msg->method == SIP_INVITE);
	if (what == TXN_RESPONSE && c->dial && !c->answered_challenge &&
	    account_may(&c->dial->account, msg)) {
		answer_challenge(c, msg);
		return;
	}
	c->answered_challenge = false;
	if (what == TXN_RESPONSE && msg->status < 300)
		took(c, msg);
	else if (what == TXN_RESPONSE)
		refused(c, msg->status);
	else
		refused(c, 408);
}

/* UPDATE where they know it: it needs no ACK. */
static int send_ours(struct call *c, struct span sdp)
{
	const bool update = c->their_allow >> SIP_UPDATE & 1;
	struct face *f = c->f;
	char branch[TXN_BRANCH_LEN + 1];
	struct wr w;

	request_open(f, &w, c, update ? "UPDATE" : "INVITE", ++c->seq, branch);
	if (c->dial)
		account_put(&c->dial->account, &w, update ? "UPDATE" :
			    "INVITE", text_span(&c->target));
	put_allow(&w);
	sip_wr_hdr_str(&w, SIP_H_SUPPORTED, "timer");
	if (c->session_s)
		sip_wr_hdrf(&w, SIP_H_SESSION_EXPIRES, "%u;refresher=%s",
			    c->session_s, c->is_refresher ? "uac" : "uas");
	if (sdp.n)
		sip_wr_body(&w, "application/sdp", sdp);
	else
		sip_wr_no_body(&w);
	return request_send(f, &w, c, update ? SIP_UPDATE : SIP_INVITE, branch,
			    on_ours, c, &c->refresh);
}

/* The same session again: an UPDATE without a body, or an INVITE with the
 * description that they know. */
int reoffer_refresh(struct call *c)
{
	const bool update = c->their_allow >> SIP_UPDATE & 1;

	return send_ours(c, update ? SPAN_NONE : text_span(&c->sdp));
}

void on_core_offer(struct face *f, const Cv__SipOffer *m)
{
	struct call *c = call_find(f, m->call);
	struct span sdp;
	int r = E_STATE;

	if (!c)
		return;
	if (c->state == CALL_UP && c->offer == OFFER_NONE && !c->refresh &&
	    !c->ok.n && m->has_offer && m->offer)
		r = write_sdp(c, SPAN_NONE, m->offer, &sdp);
	if (!r)
		r = text_set(&c->sdp, sdp);
	if (r < 0) {
		enum offer_state was = c->offer;
		uint32_t req = c->offer_req;

		c->offer_req = m->req;
		tell_core(c, false, 491, NULL);
		c->offer = was;
		c->offer_req = req;
		return;
	}
	c->offer = OFFER_OURS;
	c->offer_req = m->req;
	c->their_sdp = 0;
	if (send_ours(c, text_span(&c->sdp)) < 0)
		tell_core(c, false, 503, NULL);
}

void reoffer_guard(struct call *c)
{
	if (c->offer == OFFER_OURS && !c->refresh &&
	    send_ours(c, text_span(&c->sdp)) < 0)
		tell_core(c, false, 503, NULL);
}
