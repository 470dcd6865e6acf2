/* Calls: making them, ending them, and what their table orders. */
#include "sip/face_int.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/text.h"

static void on_again(struct timer *tm, void *arg, uint64_t now_ns);
static void on_guard(struct timer *tm, void *arg, uint64_t now_ns);
static void on_session(struct timer *tm, void *arg, uint64_t now_ns);

int text_set(struct text *t, struct span s)
{
	uint8_t *p = s.n ? mem_dup(s.p, s.n) : NULL;

	if (s.n && !p)
		return E_NOMEM;
	text_drop(t);
	t->p = p;
	t->n = s.n;
	return 0;
}

void text_drop(struct text *t)
{
	/* passwords, SDES keys */
	if (t->p)
		secret_wipe(t->p, t->n);
	mem_free(t->p);
	*t = (struct text){.p = NULL};
}

/* --- life ------------------------------------------------------------------ */

struct call *call_new(struct face *f, const struct sip_peer *peer)
{
	struct call *c = mem_zalloc(sizeof(*c));
	uint64_t r = rand_u64();

	if (!c)
		return NULL;
	c->f = f;
	c->peer = *peer;
	hex_encode(c->tag, &r, sizeof(r));
	c->sess_id = rand_u64() >> 2;
	list_init(&c->at);
	timer_init(&c->again, on_again, c);
	timer_init(&c->guard, on_guard, c);
	timer_init(&c->session, on_session, c);
	timer_init(&c->sub_timer, sub_on_timer, c);
	c->handle = handles_add(f->calls, c);
	if (!c->handle ||
	    map_put(f->by_tag, span_of(c->tag, TAG_LEN), c) < 0) {
		if (c->handle)
			(void)handles_del(f->calls, c->handle);
		mem_free(c);
		return NULL;
	}
	return c;
}

struct call *call_find(struct face *f, uint64_t handle)
{
	return handles_get(f->calls, handle);
}

struct call *call_by_tag(struct face *f, struct span tag)
{
	return tag.n == TAG_LEN ? map_get(f->by_tag, tag) : NULL;
}

void forget_txn(struct txn **t)
{
	if (*t)
		(*t)->fn = NULL;
	*t = NULL;
}

void call_inside(struct call *c, bool in)
{
	struct sources *s = c->f->sources;

	if (in == c->counted_inside)
		return;
	if (in && !sources_hold(s, &c->peer.source, SOURCE_SESSIONS,
				c->f->now_ns))
		return;
	if (!in)
		sources_drop(s, &c->peer.source, SOURCE_SESSIONS);
	c->counted_inside = in;
	c->f->cfg.ops.inside(c->f->cfg.ops.arg, &c->peer, in);
}

static void unmerge(struct call *c)
{
	struct span key = span_of(c->merge, KEY_LEN);

	if (map_get(c->f->by_invite, key) == c)
		(void)map_del(c->f->by_invite, key);
}

/* Out of every table at once; the memory goes when the turn is over. */
static void close_call(struct call *c)
{
	struct face *f = c->f;

	call_inside(c, false);
	unmerge(c);
	(void)map_del(f->by_tag, span_of(c->tag, TAG_LEN));
	(void)handles_del(f->calls, c->handle);
	timer_cancel(&c->again);
	timer_cancel(&c->guard);
	timer_cancel(&c->session);
	out_forget(c);
	sub_forget(c);
	forget_txn(&c->invite);
	forget_txn(&c->refresh);
	forget_txn(&c->refreshed);
	forget_txn(&c->theirs);
	call_floor_drop(c);
	list_add_tail(&f->dead, &c->at);
}

void call_free(struct call *c)
{
	struct text *const all[] = {&c->their_tag, &c->call_id, &c->us,
		&c->them, &c->target, &c->routes, &c->ok, &c->sdp};

	timer_cancel(&c->again);
	timer_cancel(&c->guard);
	timer_cancel(&c->session);
	timer_cancel(&c->sub_timer);
	list_del(&c->at);
	call_floor_drop(c);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		text_drop(all[i]);
	dial_free(&c->dial);
	mem_free(c);
}

/* --- the dialog ------------------------------------------------------------- */

/* Over TLS nobody else can know our tag; without it the address must be the
 * one that the dialog was made with. What began encrypted stays so: what we
 * say next would follow to where everybody reads it. */
bool call_is_theirs(const struct call *c, const struct sip_peer *from)
{
	const bool tls = CV__SIP_TRANSPORT__SIP_TLS == from->transport;

	if (tls != (CV__SIP_TRANSPORT__SIP_TLS == c->peer.transport))
		return false;
	return tls || addr_ip_eq(&c->peer.source, &from->source);
}

int call_take_target(struct call *c, const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr a;

	if (sip_contact_next(&l, &a) != 1 || a.star ||
	    (a.uri.scheme != SIP_SCHEME_SIP &&
	     a.uri.scheme != SIP_SCHEME_SIPS) || a.uri.has_password ||
	    a.uri.text.n > TEXT_MAX)
		return E_FORMAT;
	return text_set(&c->target, a.uri.text);
}

int call_take_routes(struct call *c, const struct sip_msg *m, bool reverse)
{
	struct sip_list l = sip_list(m, SIP_H_RECORD_ROUTE);
	struct span v, all[SIP_VIAS_MAX];
	uint8_t buf[ROUTES_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span out;
	size_t n = 0;

	while (sip_list_next(&l, &v)) {
		if (n == SIP_VIAS_MAX)
			return E_LIMIT;
		all[n++] = v;
	}
	for (size_t i = 0; i < n; i++) {
		if (i)
			wr_str(&w, ", ");
		wr_span(&w, all[reverse ? n - 1 - i : i]);
	}
	if (l.failed || wr_end(&w, &out) < 0)
		return E_LIMIT;
	return text_set(&c->routes, out);
}

/* Of an INVITE that makes a dialog with us as its server. */
int call_take_dialog(struct call *c, const struct sip_msg *m)
{
	int r = text_set(&c->their_tag, m->from_tag);

	if (!r)
		r = text_set(&c->call_id, m->call_id);
	if (!r)
		r = text_set(&c->us, m->to.uri.text);
	if (!r)
		r = text_set(&c->them, m->from.uri.text);
	if (!r)
		r = call_take_target(c, m);
	if (!r)
		r = call_take_routes(c, m, false);
	c->their_seq = m->cseq.seq;
	c->has_seq = true;
	c->their_allow = sip_allow(m);
	if (sip_options(m, SIP_H_SUPPORTED, &c->their_options,
			&(struct span){0}) < 0)
		c->their_options = 0;
	return r;
}

/* --- timers ------------------------------------------------------------------- */

void call_keep_ok(struct call *c, uint32_t seq, struct span bytes)
{
	struct face *f = c->f;

	c->ok_seq = seq;
	if (text_set(&c->ok, bytes) < 0)
		f->n[SIP_N_NO_MEMORY]++;
	c->interval_ns = TXN_T1_MS * NS_PER_MS;
	c->until_ns = f->now_ns + OK_MS * NS_PER_MS;
	timer_set(f->cfg.wheel, &c->again, f->now_ns + c->interval_ns);
}

/* RFC 3261 13.3.1.4: a 2xx is repeated over every transport until its ACK;
 * RFC 3262 3: a reliable 180 until its PRACK. */
static void on_again(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct call *c = arg;
	struct face *f = c->f;

	f->now_ns = now_ns;
	if (now_ns >= c->until_ns) {
		f->n[SIP_N_NO_ACK]++;
		c->why = CV__SIP_END__SIP_END_TIMEOUT;
		call_event(c, CALL_EV_NO_ACK);
		return;
	}
	c->interval_ns *= 2;
	if (c->interval_ns > TXN_T2_MS * NS_PER_MS)
		c->interval_ns = TXN_T2_MS * NS_PER_MS;
	timer_set(f->cfg.wheel, tm, now_ns + c->interval_ns < c->until_ns ?
		  now_ns + c->interval_ns : c->until_ns);
	if (c->ok.n)
		(void)face_send(f, &c->peer, text_span(&c->ok));
}

static void on_guard(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct call *c = arg;

	(void)tm;
	c->f->now_ns = now_ns;
	if (c->state == CALL_UP)
		reoffer_guard(c);
	else if (c->is_out)
		out_guard(c);
	else
		in_guard(c);
}

void call_expire(struct call *c)
{
	c->f->n[SIP_N_EXPIRED]++;
	c->why = CV__SIP_END__SIP_END_SESSION_TIMER;
	call_event(c, CALL_EV_EXPIRED);
}

static void on_session(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct call *c = arg;

	c->f->now_ns = now_ns;
	if (c->is_refresher && !c->refresh && c->offer == OFFER_NONE) {
		/* If nobody answers, the transaction says so; over a
		 * connection that is gone there is none. */
		if (reoffer_refresh(c) < 0)
			call_expire(c);
		else
			timer_set(c->f->cfg.wheel, tm,
				  now_ns + c->session_s / 2 * NS_PER_S);
		return;
	}
	if (c->is_refresher) {
		/* An offer is under way: that is a sign of life, too. */
		timer_set(c->f->cfg.wheel, tm, now_ns + 10 * NS_PER_S);
		return;
	}
	call_expire(c);
}

/* RFC 4028 10: the one who refreshes does so at half of the time; the other
 * ends the call a little before the whole of it. */
void call_arm_session(struct call *c)
{
	uint64_t s = c->session_s, slack = s / 3 < 32 ? s / 3 : 32;

	if (!s)
		return;
	timer_set(c->f->cfg.wheel, &c->session, c->f->now_ns +
		  (c->is_refresher ? s / 2 : s - slack) * NS_PER_S);
}

/* --- effects ------------------------------------------------------------------- */

/* Whatever becomes of it, the call is over. */
void call_send_bye(struct call *c)
{
	char branch[TXN_BRANCH_LEN + 1];
	struct wr w;

	void *farewell = account_farewell(c);
	struct txn *t;

	request_open(c->f, &w, c, "BYE", ++c->seq, branch);
	if (farewell)
		account_put(&c->dial->account, &w, "BYE",
			    text_span(&c->target));
	sip_wr_no_body(&w);
	account_part(farewell, c, request_send(c->f, &w, c, SIP_BYE, branch,
		     farewell ? account_on_bye : NULL, farewell, &t) == 0);
}

static void went_up(struct call *c)
{
	call_inside(c, true);
	call_arm_session(c);
	if (!c->hangup_later)
		return;
	c->why = CV__SIP_END__SIP_END_NORMAL;
	call_event(c, CALL_EV_HANGUP);
}

void call_event(struct call *c, enum call_event e)
{
	const struct call_step s = call_step(c->state, e);
	const enum call_state was = c->state;

	if (s.todo & CALL_DO_REFUSED) {
		c->f->n[SIP_N_UNEXPECTED]++;
		return;
	}
	if (was == CALL_ASKED && s.next != CALL_ASKED)
		c->f->asked--;
	c->state = s.next;
	if (c->is_out)
		out_act(c, s.todo);
	else
		in_act(c, s.todo);
	if (c->state != s.next)
		return;			/* an effect went further */
	if (s.todo & CALL_DO_BYE)
		call_send_bye(c);
	if (s.todo & CALL_DO_LATER)
		c->hangup_later = true;
	if (s.todo & CALL_DO_ENDED)
		tell_ended(c);
	if (s.next == CALL_OVER)
		close_call(c);
	else if (s.todo & (CALL_DO_UP | CALL_DO_ACCEPTED))
		went_up(c);
}

/* The INVITE's own transaction. */
void call_on_txn(void *arg, struct txn *t, enum txn_tell what,
		 const struct sip_msg *msg, uint64_t now_ns)
{
	struct call *c = arg;

	c->f->now_ns = now_ns;
	if (c->is_out) {
		out_txn(c, t, what, msg);
		return;
	}
	if (what == TXN_GONE && c->invite == t)
		c->invite = NULL;
	if (what == TXN_UNSENT || what == TXN_TIMED_OUT) {
		c->invite = NULL;
		c->why = what == TXN_UNSENT ? CV__SIP_END__SIP_END_TRANSPORT :
			 CV__SIP_END__SIP_END_TIMEOUT;
		call_event(c, what == TXN_UNSENT ? CALL_EV_UNSENT :
			   CALL_EV_TIMEOUT);
	}
}
