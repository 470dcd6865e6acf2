/* REGISTER (RFC 3261 10.3, 5626): what is asked goes to core, which keeps the
 * registrations; here is only who asked. */
#include "sip/face_int.h"

#include <stdio.h>

#include "base/alloc.h"

enum { CONTACT_MAX = 1024, INSTANCE_MAX = 128, CONTACTS_MAX = 32,
       AT_ONCE_MAX = 10, EXPIRES_DEFAULT_S = 3600 };

/* What one REGISTER names. */
struct named {
	Cv__SipRegContact all[AT_ONCE_MAX], *list[AT_ONCE_MAX];
	size_t n;
};

static void free_reg(struct reg *r)
{
	(void)map_del(r->f->regs, span_of(&r->req, 4));
	if (r->txn)
		r->txn->fn = NULL;
	mem_free(r);
}

void regs_free(struct face *f)
{
	size_t it = 0;
	void *v;

	while (map_next(f->regs, &it, &(struct span){0}, &v))
		mem_free(v);
}

static void on_txn(void *arg, struct txn *t, enum txn_tell what,
		   const struct sip_msg *msg, uint64_t now_ns)
{
	struct reg *r = arg;

	(void)msg;
	(void)t;
	r->f->now_ns = now_ns;
	if (what == TXN_TIMED_OUT || what == TXN_UNSENT || what == TXN_GONE) {
		r->txn = NULL;
		t->fn = NULL;
		free_reg(r);
	}
}

static unsigned take_one(Cv__SipRegContact *out, const struct sip_addr *a,
			 uint32_t expires_s)
{
	uint64_t id;

	if (a->uri.has_password || a->uri.text.n > CONTACT_MAX ||
	    (a->uri.scheme != SIP_SCHEME_SIP &&
	     a->uri.scheme != SIP_SCHEME_SIPS))
		return 400;
	cv__sip_reg_contact__init(out);
	out->expires_s = expires_s;
	(void)sip_addr_expires(a, &out->expires_s);
	out->contact = ipc_data(a->uri.text);
	out->instance = ipc_data(sip_param_value(a->params, "+sip.instance"));
	if (out->instance.len > INSTANCE_MAX)
		return 400;
	if (span_u64(sip_param_value(a->params, "reg-id"), UINT32_MAX, &id) ==
	    0)
		out->reg_id = (uint32_t)id;
	return 0;
}

/* Contacts, "*", or none. Core takes all of them or none (10.3 7). */
static unsigned take_contacts(const struct sip_msg *m, Cv__SipRegister *out,
			      struct named *named)
{
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr a;
	unsigned status;
	int r;

	out->expires_s = EXPIRES_DEFAULT_S;
	(void)sip_seconds(m, SIP_H_EXPIRES, &out->expires_s);
	for (named->n = 0; (r = sip_contact_next(&l, &a)) == 1; named->n++) {
		if (a.star) {
			out->contact = ipc_data(SPAN_LIT("*"));
			return out->expires_s == 0 ? 0 : 400;
		}
		if (named->n == AT_ONCE_MAX)
			return 403;
		named->list[named->n] = &named->all[named->n];
		status = take_one(&named->all[named->n], &a, out->expires_s);
		if (status)
			return status;
	}
	out->fetch = !named->n;
	if (r < 0 || !named->n)
		return r < 0 ? 400 : 0;
	out->contact = named->all[0].contact;
	out->expires_s = named->all[0].expires_s;
	out->instance = named->all[0].instance;
	out->reg_id = named->all[0].reg_id;
	out->more = named->list + 1;
	out->n_more = named->n - 1;
	return 0;
}

static bool is_natted(const struct sip_msg *m, const struct sip_peer *from)
{
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr a;

	/* The first speaks for all. */
	if (sip_contact_next(&l, &a) != 1 || a.star)
		return false;
	return a.uri.host.kind == SIP_HOST_NAME ||
	       !addr_ip_eq(&a.uri.host.ip, &from->source);
}

static unsigned ask_core(struct face *f, const struct sip_peer *from,
			 Cv__SipRegister *m)
{
	struct reg *r = mem_zalloc(sizeof(*r));
	int e = r ? 0 : E_NOMEM;

	if (!e) {
		r->f = f;
		r->req = m->req = ++f->last_req;
		e = map_put(f->regs, span_of(&r->req, 4), r);
	}
	if (e < 0) {
		mem_free(r);
		return 503;
	}
	e = txn_serve(f->txns, &r->txn, &f->msg, from, f->now_ns);
	if (!e) {
		r->txn->peer = answer_peer(&f->msg, from);
		r->txn->fn = on_txn;
		r->txn->arg = r;
		e = face_tell(f, SIP_REGISTER, m);
	}
	if (e < 0) {
		struct txn *t = r->txn;

		free_reg(r);
		if (t)
			txn_drop(t);
		return 503;
	}
	return 0;
}

void on_register(struct face *f, const struct sip_peer *from)
{
	Cv__SipRegister m = CV__SIP_REGISTER__INIT;
	uint8_t alias[SIP_USER_MAX + SIP_HOST_MAX + 2];
	struct span s = SPAN_NONE;
	const bool may_md5 = from->transport == CV__SIP_TRANSPORT__SIP_TLS;
	struct named named;
	struct caller who;
	enum auth_kind kind;
	unsigned status;

	f->n[SIP_N_REGISTERS]++;
	if (!sources_take(f->sources, &from->source, SOURCE_WRITE,
			  SOURCE_STRANGER, f->now_ns)) {
		f->n[SIP_N_DROPPED_RATE]++;
		face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_FLOOD, SPAN_NONE);
		return;
	}
	kind = caller_fill(f, &who, &f->msg, from);
	/* Nobody registers without a proof. Over TLS core is asked even so: it
	 * knows whether this device may use MD5. */
	if (kind == AUTH_STALE ||
	    (kind == AUTH_NONE && !who.m.cert_names.len && !may_md5)) {
		challenge(f, &f->msg, from, kind == AUTH_STALE,
			  kind == AUTH_STALE && auth_is_md5(&who.auth));
		return;
	}
	if (!f->core_up) {
		f->n[SIP_N_BUSY]++;
		refuse(f, &f->msg, from, 503);
		return;
	}
	if (sip_uri_alias(&f->msg.to.uri, alias, sizeof(alias), &s) < 0 ||
	    s.n > FACE_NAME_MAX)
		status = 400;
	else
		status = take_contacts(&f->msg, &m, &named);
	if (!status) {
		m.caller = &who.m;
		m.alias = ipc_data(s);
		m.natted = is_natted(&f->msg, from);
		status = ask_core(f, from, &m);
	}
	if (status)
		refuse(f, &f->msg, from, status);
}

static void put_contacts(struct wr *w, const Cv__SipRegistered *m)
{
	for (size_t i = 0; i < m->n_contacts && i < CONTACTS_MAX; i++) {
		const Cv__SipContact *x = m->contacts[i];

		sip_wr_hdrf(w, SIP_H_CONTACT, "<%.*s>;expires=%u",
			    SIP_S(ipc_bytes(x->uri)), x->expires_s);
	}
}

/* How long what this request named is still registered; 0 = not. */
static uint32_t lasts_s(const struct sip_msg *req, const Cv__SipRegistered *m)
{
	struct sip_list l = sip_list(req, SIP_H_CONTACT);
	struct sip_addr a;
	uint32_t most = 0;

	while (sip_contact_next(&l, &a) == 1 && !a.star)
		for (size_t i = 0; i < m->n_contacts && i < CONTACTS_MAX; i++)
			if (span_eq(a.uri.text, ipc_bytes(m->contacts[i]->uri)) &&
			    m->contacts[i]->expires_s > most)
				most = m->contacts[i]->expires_s;
	return most;
}

/* A connection rests long for what registered over it, and no longer; a
 * question about others' registrations changes nothing. */
static void tell_rest(struct face *f, const struct txn *t,
		      const struct sip_msg *req, const Cv__SipRegistered *m)
{
	if (sip_hdr_value(req, SIP_H_CONTACT).n)
		f->cfg.ops.registered(f->cfg.ops.arg, &t->peer,
				      lasts_s(req, m));
}

static void reply(struct face *f, struct txn *t, const struct sip_msg *req,
		  const Cv__SipRegistered *m)
{
	static const unsigned statuses[] = {403, 200, 401, 423, 503};
	struct answer a;
	unsigned status = (size_t)m->outcome < 5 ? statuses[m->outcome] : 503;

	answer_open(f, &a, req, &t->peer, status, SPAN_NONE, SPAN_NONE);
	if (status == 200)
		put_contacts(&a.w, m);
	if (status == 200)
		tell_rest(f, t, req, m);
	if (status == 401) {
		f->n[SIP_N_CHALLENGED]++;
		put_challenge(f, &a.w, &t->peer, false, m->md5);
	}
	if (status == 423)
		sip_wr_hdr_u32(&a.w, SIP_H_MIN_EXPIRES, m->expires_s);
	if (status == 503)
		sip_wr_hdr_u32(&a.w, SIP_H_RETRY_AFTER, FACE_RETRY_S);
	if (status >= 400)
		put_reference(f, &a.w, req);
	sip_wr_no_body(&a.w);
	answer_by(f, &a, t);
}

void on_registered(struct face *f, const Cv__SipRegistered *m)
{
	uint32_t req = m->req;
	struct reg *r = map_get(f->regs, span_of(&req, 4));
	struct txn *t = r ? r->txn : NULL;

	if (!r)
		return;
	free_reg(r);
	if (!t || !t->req ||
	    sip_decode(&f->kept, span_of(t->req, t->req_n),
		       sip_peer_is_reliable(&t->peer) ? SIP_STREAM :
		       SIP_DATAGRAM, NULL) < 0)
		return;
	reply(f, t, &f->kept, m);
}
