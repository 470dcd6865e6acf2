/* An INVITE from outside of a dialog, and what core says to it. */
#include "sip/face_int.h"

#include "base/secret.h"
#include "base/siphash.h"

enum { REFERENCE_MAX = 32 };

#define OPTIONS_KNOWN (SIP_OPTION(100REL) | SIP_OPTION(TIMER) |               \
		       SIP_OPTION(REPLACES) | SIP_OPTION(ICE) |               \
		       SIP_OPTION(NOREFERSUB) | SIP_OPTION(OUTBOUND) |        \
		       SIP_OPTION(FROM_CHANGE) | SIP_OPTION(RESOURCE_PRIORITY))

/* --- may it be a call at all ------------------------------------------------ */

/* Namespaces that somebody registered and whose values we order; what else
 * there is means nothing to us (RFC 4412 4.6.2). */
static bool is_priority(const struct sip_priority *p)
{
	static const char *const known[] = {"wps", "ets", "esnet"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_eq_nocase(p->ns, span_str(known[i])) ||
		    (p->ns.n > 6 && span_eq_nocase(span_of(p->ns.p, 6),
						   SPAN_LIT("esnet-"))))
			return true;
	return false;
}

static bool has_priority(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_RESOURCE_PRIORITY);
	struct sip_priority p;
	struct span v;

	while (sip_list_next(&l, &v))
		if (sip_priority_decode(&p, v) == 0 && is_priority(&p))
			return true;
	return false;
}

static void refuse_priority(struct face *f, const struct sip_peer *from)
{
	struct answer a;

	answer_open(f, &a, &f->msg, from, 417, SPAN_NONE, SPAN_NONE);
	sip_wr_hdr_named(&a.w, "Accept-Resource-Priority",
			 SPAN_LIT("wps.0, wps.1, wps.2, wps.3, wps.4, "
				  "ets.0, ets.1, ets.2, ets.3, ets.4"));
	sip_wr_no_body(&a.w);
	answer_send(f, &a, &f->msg, from);
}

/* The first option of Require that we do not have. */
static struct span option_missing(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_REQUIRE);
	struct span one;

	while (sip_list_next(&l, &one)) {
		const uint32_t bit = sip_option_of(one);

		if (!bit || bit & ~OPTIONS_KNOWN)
			return one;
	}
	return SPAN_NONE;
}

bool is_understood(struct face *f, const struct sip_peer *from)
{
	struct span unknown = SPAN_NONE;
	struct answer a;
	uint32_t bits = 0;
	int r = sip_options(&f->msg, SIP_H_REQUIRE, &bits, &unknown);

	if (r < 0) {
		refuse(f, &f->msg, from, 400);
		return false;
	}
	if (!unknown.n && bits & SIP_OPTION(RESOURCE_PRIORITY) &&
	    !has_priority(&f->msg)) {
		refuse_priority(f, from);
		return false;
	}
	if (!unknown.n && !(bits & ~OPTIONS_KNOWN))
		return true;
	answer_open(f, &a, &f->msg, from, 420, SPAN_NONE, SPAN_NONE);
	sip_wr_hdr(&a.w, SIP_H_UNSUPPORTED, option_missing(&f->msg));
	put_reference(f, &a.w, &f->msg);
	sip_wr_no_body(&a.w);
	answer_send(f, &a, &f->msg, from);
	return false;
}

/* RFC 3261 8.2.2.2: the same request by two ways. */
void merge_key(struct face *f, uint8_t key[KEY_LEN])
{
	const struct sip_msg *m = &f->msg;
	uint64_t h[3] = {siphash(f->hash, m->call_id),
			 siphash(f->hash, m->from_tag), m->cseq.seq};
	uint64_t a = siphash(f->hash, span_of(h, sizeof(h)));
	uint64_t b = siphash(f->hash + 2, span_of(h, sizeof(h)));

	memcpy(key, &a, 8);
	memcpy(key + 8, &b, 8);
}

/* RFC 4028 9: 422 when they want it shorter than we do. */
static bool is_session_long(struct face *f, const struct sip_peer *from)
{
	struct sip_session_expires se;
	struct span v = sip_hdr_value(&f->msg, SIP_H_SESSION_EXPIRES);
	struct answer a;

	if (!v.n || sip_session_expires_decode(&se, v) < 0 ||
	    se.secs >= FACE_SESSION_MIN_S)
		return true;
	answer_open(f, &a, &f->msg, from, 422, SPAN_NONE, SPAN_NONE);
	sip_wr_hdr_u32(&a.w, SIP_H_MIN_SE, FACE_SESSION_MIN_S);
	put_reference(f, &a.w, &f->msg);
	sip_wr_no_body(&a.w);
	answer_send(f, &a, &f->msg, from);
	return false;
}

static bool may_call(struct face *f, const struct sip_peer *from,
		     uint8_t merge[KEY_LEN])
{
	enum source_rank rank = sources_held(f->sources, &from->source,
					     SOURCE_SESSIONS) ?
				SOURCE_PROOF : SOURCE_STRANGER;

	if (!f->core_up || f->asked >= FACE_ASKED_MAX) {
		f->n[SIP_N_BUSY]++;
		refuse(f, &f->msg, from, 503);
		return false;
	}
	merge_key(f, merge);
	if (map_get(f->by_invite, span_of(merge, KEY_LEN))) {
		f->n[SIP_N_LOOPED]++;
		refuse(f, &f->msg, from, 482);
		return false;
	}
	if (!sources_take(f->sources, &from->source, SOURCE_JOIN, rank,
			  f->now_ns)) {
		f->n[SIP_N_DROPPED_RATE]++;
		face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_FLOOD,
			     SPAN_NONE);
		return false;
	}
	return true;
}

/* --- to core ------------------------------------------------------------------ */

/* Replaces (RFC 3891 3): which dialog of ours it names, if any. Core decides
 * whether the caller may have it, and says the same to who may not and to who
 * names none; so nothing is refused here but what is no Replaces at all. */
static unsigned take_replaces(struct face *f, Cv__SipInvite *m)
{
	struct span v = sip_hdr_value(&f->msg, SIP_H_REPLACES);
	struct sip_replaces rep;
	const struct call *c;
	bool same;

	if (!v.n)
		return 0;
	if (sip_replaces_decode(&rep, v) < 0)
		return 400;
	m->replaces = true;
	c = call_by_tag(f, rep.to_tag);
	if (!c)
		return 0;
	same = secret_equal(text_span(&c->call_id), rep.call_id);
	same &= secret_equal(text_span(&c->their_tag), rep.from_tag);
	same &= c->state == CALL_UP && !rep.early_only;
	m->replaced = same ? c->handle : 0;
	return 0;
}

int read_sdp(struct face *f, const struct sip_msg *m, struct span ours,
	     const struct sip_peer *from, Cv__LegDescription **out,
	     unsigned *status)
{
	const char *why = NULL;
	struct span sdp;
	int r = sip_body_sdp(m, &sdp);

	*status = 0;
	if (r == E_NOTFOUND) {
		*status = m->body.n ? 415 : 0;
		return r;
	}
	if (r < 0) {
		*status = r == E_UNSUPPORTED ? 415 : 400;
		return r;
	}
	r = f->cfg.ops.sdp_read(f->cfg.ops.arg, sdp, ours, from, f->arena, out,
				&why);
	f->n[SIP_N_GUARDED] += r == E_DENIED;
	if (r < 0)
		*status = r == E_FORMAT ? 400 : 488;
	return r;
}

int write_sdp(struct call *c, struct span offer, const Cv__LegDescription *d,
	      struct span *out)
{
	struct face *f = c->f;
	const struct addr own = own_addr(f, &c->peer);
	const struct face_session s = {
		.id = c->sess_id, .version = ++c->version, .local = &own,
		.last = text_span(&c->sdp),
	};

	call_floor_describe(c, d);
	return f->cfg.ops.sdp_write(f->cfg.ops.arg, offer, d, &s, f->arena,
				    out);
}

static uint32_t priority_of(const struct sip_msg *m)
{
	struct sip_list l = sip_list(m, SIP_H_RESOURCE_PRIORITY);
	struct sip_priority p;
	struct span v;
	uint64_t n;

	/* Namespaces with numbers (wps, ets, esnet): 0 is the highest. */
	while (sip_list_next(&l, &v))
		if (sip_priority_decode(&p, v) == 0 && is_priority(&p) &&
		    span_u64(p.value, 4, &n) == 0)
			return 5 - (uint32_t)n;
	return 0;
}

static struct span cut(struct span s, size_t max)
{
	return s.n > max ? span_of(s.p, max) : s;
}

static int ask_core(struct call *c, struct caller *who,
		    Cv__LegDescription *offer, Cv__SipInvite *m)
{
	struct face *f = c->f;
	uint8_t alias[SIP_USER_MAX + SIP_HOST_MAX + 2];
	struct span s = SPAN_NONE;
	uint32_t need = 0;

	if (sip_uri_alias(&f->msg.uri, alias, sizeof(alias), &s) < 0)
		s = SPAN_NONE;
	m->call = c->handle;
	m->caller = &who->m;
	m->alias = ipc_data(cut(s, FACE_NAME_MAX));
	m->request_uri = ipc_data(cut(f->msg.uri.text, TEXT_MAX));
	m->has_offer = offer != NULL;
	m->offer = offer;
	m->kbps = offer ? offer->kbps : 0;
	/* Of strangers it means nothing: core trusts what is here. */
	if (c->authenticated)
		who->m.priority = priority_of(&f->msg);
	(void)sip_options(&f->msg, SIP_H_REQUIRE, &need, &(struct span){0});
	c->reliable = need & SIP_OPTION(100REL);
	m->reliable = (need | c->their_options) & SIP_OPTION(100REL);
	return face_tell(f, SIP_INVITE, m);
}

/* No state was there before; when anything fails, none is left. */
static unsigned begin(struct face *f, const struct sip_peer *from,
		      struct caller *who, const uint8_t merge[KEY_LEN],
		      Cv__LegDescription *offer, Cv__SipInvite *m)
{
	struct call *c = call_new(f, from);
	struct txn *t = NULL;
	int r;

	if (!c) {
		f->n[SIP_N_NO_MEMORY]++;
		return 503;
	}
	c->state = CALL_ASKED;
	f->asked++;
	r = call_take_dialog(c, &f->msg);
	if (!r)
		r = txn_serve(f->txns, &t, &f->msg, from, f->now_ns);
	if (!r) {
		t->peer = answer_peer(&f->msg, from);
		t->fn = call_on_txn;
		t->arg = c;
		c->invite = t;
		c->offer_is_ours = !offer;
		c->authenticated = who->m.auth || who->m.cert_names.len;
		c->known = true;
		r = ask_core(c, who, offer, m);
	}
	if (r < 0) {
		c->known = false;
		if (t) {
			c->invite = NULL;
			txn_drop(t);
		}
		call_event(c, CALL_EV_UNSENT);
		return r == E_FORMAT ? 400 : 503;
	}
	memcpy(c->merge, merge, KEY_LEN);
	(void)map_put(f->by_invite, span_of(merge, KEY_LEN), c);
	f->n[SIP_N_INVITES]++;
	timer_set(f->cfg.wheel, &c->guard,
		  f->now_ns + FACE_HURRY_MS * NS_PER_MS);
	return 0;
}

void on_invite(struct face *f, const struct sip_peer *from)
{
	Cv__SipInvite m = CV__SIP_INVITE__INIT;
	Cv__LegDescription *offer = NULL;
	uint8_t merge[KEY_LEN];
	struct caller who;
	enum auth_kind kind;
	unsigned status;

	if (!may_call(f, from, merge))
		return;
	kind = caller_fill(f, &who, &f->msg, from);
	if (kind == AUTH_STALE ||
	    (kind == AUTH_NONE && f->set.challenge_first &&
	     !who.m.cert_names.len)) {
		challenge(f, &f->msg, from, kind == AUTH_STALE,
			  kind == AUTH_STALE && auth_is_md5(&who.auth));
		return;
	}
	if (f->msg.uri.scheme == SIP_SCHEME_OTHER) {
		refuse(f, &f->msg, from, 416);
		return;
	}
	if (!is_understood(f, from) || !is_session_long(f, from))
		return;
	/* We may pass it on: a call that was passed on too often ends here. */
	if (f->msg.has_max_forwards && !f->msg.max_forwards) {
		refuse(f, &f->msg, from, 483);
		return;
	}
	if (read_sdp(f, &f->msg, SPAN_NONE, from, &offer, &status) < 0)
		offer = NULL;
	if (!status)
		status = take_replaces(f, &m);
	if (!status)
		status = begin(f, from, &who, merge, offer, &m);
	f->cfg.ops.sdp_wipe(offer);
	if (status)
		refuse(f, &f->msg, from, status);
}

/* --- answers ------------------------------------------------------------------- */

/* The request that the transaction keeps, read again. */
static bool reread(struct call *c)
{
	struct txn *t = c->invite;

	return t && t->req &&
	       sip_decode(&c->f->kept, span_of(t->req, t->req_n),
			  sip_peer_is_reliable(&t->peer) ? SIP_STREAM :
			  SIP_DATAGRAM, NULL) == 0;
}

static void begin_answer(struct call *c, struct answer *a, unsigned status,
			 struct span reason)
{
	answer_open(c->f, a, &c->f->kept, &c->peer, status, reason,
		    span_of(c->tag, TAG_LEN));
}

static void send_answer(struct call *c, struct answer *a)
{
	answer_by(c->f, a, c->invite);
}

/* The tag that they know of us, or none. */
static struct span told_tag(const struct call *c)
{
	return c->rang ? span_of(c->tag, TAG_LEN) : SPAN_NONE;
}

static void answer_plain(struct call *c, unsigned status, struct span reason)
{
	struct answer a;

	if (!reread(c))
		return;
	/* No dialog comes of it: the tag of a stranger's refusal. */
	answer_open(c->f, &a, &c->f->kept, &c->peer, status, reason,
		    told_tag(c));
	if (status == 503)
		sip_wr_hdr_u32(&a.w, SIP_H_RETRY_AFTER, FACE_RETRY_S);
	put_reference(c->f, &a.w, &c->f->kept);
	sip_wr_no_body(&a.w);
	send_answer(c, &a);
}

static bool is_clean(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\' ||
		    s.p[i] > 0x7e)
			return false;
	return true;
}

/* Unknown, blocked, rejected: one form, one way, one cost. A datagram that
 * proved nothing leaves no state behind. */
static void do_refuse(struct call *c, const Cv__SipVerdict *v)
{
	struct face *f = c->f;
	struct span ref = ipc_bytes(v->reference), reason = SPAN_NONE;
	const bool stateless = !c->peer.flow && !c->authenticated;
	unsigned status = v->status;
	struct txn *t = c->invite;
	struct answer a;

	f->n[SIP_N_REFUSED]++;
	c->why = CV__SIP_END__SIP_END_REFUSED;
	c->status = (uint16_t)status;
	if (!reread(c))
		return;
	if (status < 400 || status > 699)
		status = 404;
	else if (is_clean(ipc_bytes(v->reason)))
		reason = ipc_bytes(v->reason);
	answer_open(f, &a, &f->kept, &c->peer, status, reason, told_tag(c));
	if (status == 503)
		sip_wr_hdr_u32(&a.w, SIP_H_RETRY_AFTER, FACE_RETRY_S);
	if (ref.n && ref.n <= REFERENCE_MAX && is_clean(ref))
		put_warning(&a.w, ref);
	else
		put_reference(f, &a.w, &f->kept);
	sip_wr_no_body(&a.w);
	if (!stateless) {
		send_answer(c, &a);
		return;
	}
	if (!v->status && f->set.silence) {
		c->invite = NULL;
		txn_drop(t);
		return;
	}
	answer_send(f, &a, &f->kept, &c->peer);
	c->invite = NULL;
	txn_drop(t);
}

static void do_challenge(struct call *c, const Cv__SipVerdict *v)
{
	struct txn *t = c->invite;

	if (!reread(c))
		return;
	challenge(c->f, &c->f->kept, &t->peer, false, v->md5);
	c->invite = NULL;
	txn_drop(t);
}

static void put_dialog(struct call *c, struct wr *w)
{
	sip_wr_copy(w, &c->f->kept, SIP_H_RECORD_ROUTE);
	put_contact(c->f, w, c);
	put_allow(w);
}

static void do_ring(struct call *c)
{
	struct answer a;
	struct span bytes;

	if (!reread(c))
		return;
	c->rang = true;
	begin_answer(c, &a, 180, SPAN_NONE);
	put_dialog(c, &a.w);
	if (c->reliable) {
		c->rseq = 1 + (uint32_t)(c->sess_id & 0xffff);
		sip_wr_hdr_str(&a.w, SIP_H_REQUIRE, "100rel");
		sip_wr_hdr_u32(&a.w, SIP_H_RSEQ, c->rseq);
	}
	sip_wr_no_body(&a.w);
	send_answer(c, &a);
	if (c->reliable && wr_end(&a.w, &bytes) == 0)
		call_keep_ok(c, 0, bytes);
	timer_set(c->f->cfg.wheel, &c->guard,
		  c->f->now_ns + FACE_RING_S * NS_PER_S);
}

/* Session timer of an answer (RFC 4028 9). */
bool in_put_timer(struct call *c, struct wr *w, const struct sip_msg *req)
{
	const bool theirs = c->their_options & SIP_OPTION(TIMER);
	struct sip_session_expires se = {.secs = 0};
	struct span v = sip_hdr_value(req, SIP_H_SESSION_EXPIRES);
	uint32_t least = 0;

	if (v.n && sip_session_expires_decode(&se, v) < 0)
		se.secs = 0;
	(void)sip_seconds(req, SIP_H_MIN_SE, &least);
	if (!c->session_s)
		c->session_s = FACE_SESSION_S;
	if (se.secs && se.secs < c->session_s)
		c->session_s = se.secs;
	if (c->session_s < least && least < 86400)
		c->session_s = least;
	if (c->session_s < FACE_SESSION_MIN_S)
		c->session_s = FACE_SESSION_MIN_S;
	c->is_refresher = !theirs || se.refresher == SIP_REFRESHER_UAS;
	if (!theirs)
		return false;
	if (!c->is_refresher)
		sip_wr_hdr_str(w, SIP_H_REQUIRE, "timer");
	sip_wr_hdrf(w, SIP_H_SESSION_EXPIRES, "%u;refresher=%s",
		    c->session_s, c->is_refresher ? "uas" : "uac");
	return true;
}

static int write_answer(struct call *c, const Cv__SipVerdict *v,
			struct span *sdp)
{
	struct face *f = c->f;
	struct span offer = SPAN_NONE;

	if (!v->answer)
		return E_INVAL;
	if (!c->offer_is_ours && sip_body_sdp(&f->kept, &offer) < 0)
		return E_STATE;
	c->their_sdp = offer.n ? sdp_hash(f, offer) : 0;
	return write_sdp(c, offer, v->answer, sdp);
}

static void do_answer(struct call *c, const Cv__SipVerdict *v)
{
	struct face *f = c->f;
	struct span sdp, bytes;
	struct answer a;
	int r = reread(c) ? write_answer(c, v, &sdp) : E_STATE;

	if (!r)
		r = text_set(&c->sdp, sdp);
	if (r < 0) {
		c->why = CV__SIP_END__SIP_END_PROTOCOL;
		answer_plain(c, 500, SPAN_NONE);
		call_event(c, CALL_EV_UNSENT);
		return;
	}
	c->is_focus = v->is_focus;
	c->session_s = v->session_s;
	c->rang = true;
	begin_answer(c, &a, 200, SPAN_NONE);
	put_dialog(c, &a.w);
	sip_wr_hdr_str(&a.w, SIP_H_SUPPORTED, "timer, replaces, 100rel");
	(void)in_put_timer(c, &a.w, &f->kept);
	sip_wr_body(&a.w, "application/sdp", sdp);
	if (wr_end(&a.w, &bytes) == 0)
		call_keep_ok(c, f->kept.cseq.seq, bytes);
	timer_cancel(&c->guard);
	f->n[SIP_N_ANSWERED]++;
	send_answer(c, &a);
	if (c->invite) {
		c->invite->fn = NULL;
		c->invite = NULL;
	}
}

static void do_redirect(struct call *c, const Cv__SipVerdict *v)
{
	struct span to = ipc_bytes(v->contact);
	struct answer a;

	c->why = CV__SIP_END__SIP_END_REFUSED;
	if (!reread(c))
		return;
	answer_open(c->f, &a, &c->f->kept, &c->peer, 302, SPAN_NONE,
		    SPAN_NONE);
	sip_wr_hdrf(&a.w, SIP_H_CONTACT, "<%.*s>", SIP_S(to));
	sip_wr_no_body(&a.w);
	send_answer(c, &a);
}

void in_act(struct call *c, unsigned todo)
{
	const Cv__SipVerdict *v = c->f->verdict;

	if (todo & CALL_DO_CHALLENGE)
		do_challenge(c, v);
	if (todo & CALL_DO_REFUSE)
		do_refuse(c, v);
	if (todo & CALL_DO_RING)
		do_ring(c);
	if (todo & CALL_DO_ANSWER)
		do_answer(c, v);
	if (todo & CALL_DO_REDIRECT)
		do_redirect(c, v);
	if (todo & CALL_DO_UNAVAILABLE)
		answer_plain(c, c->status >= 400 ? c->status : 480, SPAN_NONE);
	if (todo & CALL_DO_TERMINATED)
		answer_plain(c, 487, SPAN_NONE);
}

void on_verdict(struct face *f, const Cv__SipVerdict *v)
{
	static const enum call_event events[] = {
		[CV__SIP_DECISION__SIP_REFUSE] = CALL_EV_REFUSE,
		[CV__SIP_DECISION__SIP_CHALLENGE] = CALL_EV_CHALLENGE,
		[CV__SIP_DECISION__SIP_RING] = CALL_EV_RING,
		[CV__SIP_DECISION__SIP_ANSWER] = CALL_EV_ANSWER,
		[CV__SIP_DECISION__SIP_REDIRECT] = CALL_EV_REDIRECT,
	};
	struct call *c = call_find(f, v->call);

	if (!c || c->is_out ||
	    (size_t)v->decision >= sizeof(events) / sizeof(events[0]))
		return;
	f->verdict = v;
	call_event(c, events[v->decision]);
	f->verdict = NULL;
}

/* First 100 Trying; then core has taken too long, or nobody picked up. */
void in_guard(struct call *c)
{
	struct answer a;

	if (c->state == CALL_ASKED && c->invite && !c->invite->kept) {
		timer_set(c->f->cfg.wheel, &c->guard,
			  c->f->now_ns + FACE_VERDICT_S * NS_PER_S);
		if (!reread(c))
			return;
		answer_open(c->f, &a, &c->f->kept, &c->peer, 100, SPAN_NONE,
			    SPAN_NONE);
		sip_wr_no_body(&a.w);
		answer_by(c->f, &a, c->invite);
		return;
	}
	c->why = CV__SIP_END__SIP_END_TIMEOUT;
	call_event(c, CALL_EV_TIMEOUT);
}
