/* SUBSCRIBE to the conference package inside of a call (RFC 6665, 4575). Only a
 * call that is up has one, one each, and it ends with the call. Core says
 * whether there is anything to see; a second passes between two documents, and
 * while one is on its way no other is sent. */
#include "sip/face_int.h"
#include "sip/roster.h"

enum { SUB_DEFAULT_S = 3600, SUB_MIN_S = 60, SUB_MAX_S = 3600,
       /* A datagram of more pieces gets lost, and is a gift to floods. */
       DATAGRAM_DOC_MAX = 8192, STREAM_DOC_MAX = 49152 };

static void on_notify(void *arg, struct txn *t, enum txn_tell what,
		      const struct sip_msg *msg, uint64_t now_ns)
{
	struct call *c = arg;

	c->f->now_ns = now_ns;
	if (c->notify != t || (what == TXN_RESPONSE && msg->status < 200))
		return;
	t->fn = NULL;
	c->notify = NULL;
	if (what != TXN_RESPONSE || msg->status >= 300)
		sub_event(c, SUB_EV_REFUSED);
	else if (c->sub_missed)
		sub_event(c, SUB_EV_MISSED);
	c->sub_missed = false;
}

static void put_state(struct call *c, struct wr *w, const char *end)
{
	const uint64_t left = c->sub_until_ns > c->f->now_ns ?
			      c->sub_until_ns - c->f->now_ns : 0;

	if (c->sub_id[0])
		sip_wr_hdrf(w, SIP_H_EVENT, "conference;id=%s", c->sub_id);
	else
		sip_wr_hdr_str(w, SIP_H_EVENT, "conference");
	if (end)
		sip_wr_hdrf(w, SIP_H_SUBSCRIPTION_STATE,
			    "terminated;reason=%s", end);
	else
		sip_wr_hdrf(w, SIP_H_SUBSCRIPTION_STATE, "active;expires=%u",
			    (unsigned)(left / NS_PER_S));
}

static void send_doc(struct call *c, bool full, const char *end)
{
	const bool stream = c->peer.flow != 0;
	const struct roster_doc doc = {
		.m = c->f->roster, .conference = text_span(&c->us),
		.version = c->sub_version, .full = full,
		.max_bytes = stream ? STREAM_DOC_MAX : DATAGRAM_DOC_MAX};
	char branch[TXN_BRANCH_LEN + 1];
	uint8_t *body = doc.m ? arena_alloc(c->f->arena, STREAM_DOC_MAX) :
			NULL;
	struct wr w = wr_of(body, body ? STREAM_DOC_MAX : 0);
	struct span xml = SPAN_NONE;

	/* The last word may go beside another. */
	if (c->notify && !end) {
		c->sub_missed = true;
		return;
	}
	if (doc.m) {
		roster_write(&w, &doc);
		if (!body || wr_end(&w, &xml) < 0) {
			c->f->n[SIP_N_NO_MEMORY]++;
			return;
		}
		c->sub_version++;
	}
	request_open(c->f, &w, c, "NOTIFY", ++c->seq, branch);
	put_state(c, &w, end);
	if (xml.n)
		sip_wr_body(&w, "application/conference-info+xml", xml);
	else
		sip_wr_no_body(&w);
	(void)request_send(c->f, &w, c, SIP_NOTIFY, branch, end ? NULL :
			   on_notify, end ? NULL : c, end ? NULL : &c->notify);
}

static void tell(struct call *c, bool on)
{
	Cv__SipSubscribe m = CV__SIP_SUBSCRIBE__INIT;

	m.call = c->handle;
	m.on = on;
	if (c->f->core_up)
		(void)face_tell(c->f, SIP_SUBSCRIBE, &m);
}

void sub_event(struct call *c, enum sub_event e)
{
	const struct sub_step s = sub_step(c->sub, e);
	struct face *f = c->f;

	if (s.todo & SUB_DO_REFUSED) {
		f->n[SIP_N_UNEXPECTED]++;
		return;
	}
	f->subs += (c->sub == SUB_NONE) - (s.next == SUB_NONE);
	if (c->sub == SUB_NONE && s.next == SUB_NONE)
		return;
	c->sub = s.next;
	if (s.next == SUB_NONE)
		timer_cancel(&c->sub_timer);
	if (s.todo & SUB_DO_ARM)
		timer_set(f->cfg.wheel, &c->sub_timer, c->sub_until_ns);
	if (s.todo & SUB_DO_ASK)
		tell(c, true);
	if (s.todo & SUB_DO_STOP)
		tell(c, false);
	if (s.todo & SUB_DO_FULL)
		send_doc(c, true, NULL);
	if (s.todo & SUB_DO_PARTIAL)
		send_doc(c, false, NULL);
	if (s.todo & SUB_DO_LAST)
		send_doc(c, true, "timeout");
	if (s.todo & SUB_DO_END)
		send_doc(c, true, e == SUB_EV_EXPIRED ? "timeout" :
			 "noresource");
}

void sub_on_timer(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct call *c = arg;

	(void)tm;
	c->f->now_ns = now_ns;
	sub_event(c, SUB_EV_EXPIRED);
}

/* Without a word: the dialog is over, and core knows. */
void sub_forget(struct call *c)
{
	timer_cancel(&c->sub_timer);
	if (c->sub != SUB_NONE)
		c->f->subs--;
	c->sub = SUB_NONE;
	if (c->notify)
		c->notify->fn = NULL;
	c->notify = NULL;
}

/* --- SUBSCRIBE ------------------------------------------------------------------ */

static void refuse_sub(struct call *c, struct txn *t, unsigned status)
{
	struct answer a;

	answer_open(c->f, &a, &c->f->msg, &c->peer, status, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	if (status == 489)
		sip_wr_hdr_str(&a.w, SIP_H_ALLOW_EVENTS, "conference");
	if (status == 423)
		sip_wr_hdr_u32(&a.w, SIP_H_MIN_EXPIRES, SUB_MIN_S);
	if (status == 503)
		sip_wr_hdr_u32(&a.w, SIP_H_RETRY_AFTER, FACE_RETRY_S);
	sip_wr_no_body(&a.w);
	answer_by(c->f, &a, t);
}

/* Without Accept he takes what the package has (RFC 4575 3.5). */
static bool takes_xml(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_ACCEPT);
	struct sip_mime t;
	struct span v;
	bool said = false;

	while (sip_list_next(&l, &v)) {
		said = true;
		if (sip_mime_decode(&t, v) == 0 &&
		    (sip_mime_is(&t, "application", "conference-info+xml") ||
		     sip_mime_is(&t, "application", "*") ||
		     sip_mime_is(&t, "*", "*")))
			return true;
	}
	return !said;
}

bool sub_is_conference(const struct sip_msg *m, struct sip_event *out)
{
	struct span v = sip_hdr_value(m, SIP_H_EVENT);

	return v.n && sip_event_decode(out, v) == 0 &&
	       span_eq_nocase(out->package, SPAN_LIT("conference"));
}

static unsigned look(const struct call *c, struct sip_event *ev,
		     uint32_t *expires)
{
	const struct sip_msg *m = &c->f->msg;

	if (c->state != CALL_UP)
		return 481;
	if (!sub_is_conference(m, ev) || ev->id.n > SUB_ID_MAX)
		return 489;
	if (!takes_xml(m))
		return 406;
	*expires = SUB_DEFAULT_S;
	(void)sip_seconds(m, SIP_H_EXPIRES, expires);
	if (*expires && *expires < SUB_MIN_S)
		return 423;
	if (*expires > SUB_MAX_S)
		*expires = SUB_MAX_S;
	/* one for each call, and not for all */
	return c->sub == SUB_NONE && c->f->subs >= FACE_SUBS_MAX ? 503 : 0;
}

void on_subscribe(struct call *c, struct txn *t)
{
	struct face *f = c->f;
	struct sip_event ev;
	uint32_t expires = 0;
	const unsigned status = look(c, &ev, &expires);
	struct answer a;

	if (status) {
		refuse_sub(c, t, status);
		return;
	}
	/* What core does not answer to in that time has an end, too. */
	c->sub_until_ns = f->now_ns + (expires ? expires : SUB_MIN_S) *
			  NS_PER_S;
	(void)span_cstr(ev.id, c->sub_id, sizeof(c->sub_id));
	answer_open(f, &a, &f->msg, &c->peer, 200, SPAN_NONE,
		    span_of(c->tag, TAG_LEN));
	put_contact(f, &a.w, c);
	sip_wr_hdr_u32(&a.w, SIP_H_EXPIRES, expires);
	sip_wr_no_body(&a.w);
	answer_by(f, &a, t);
	sub_event(c, expires ? SUB_EV_SUBSCRIBE : SUB_EV_FETCH);
}

void on_roster(struct face *f, const Cv__SipRoster *m)
{
	f->roster = m->final ? NULL : m;
	for (size_t i = 0; i < m->n_calls; i++) {
		struct call *c = call_find(f, m->calls[i]);

		if (c)
			sub_event(c, m->final ? SUB_EV_FINAL : m->full ?
				  SUB_EV_FULL : SUB_EV_PARTIAL);
		arena_reset(f->arena);
	}
	f->roster = NULL;
}
