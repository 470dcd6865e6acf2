/* Digest: what was shown, and what is asked for. sip mints nonces and sees
 * that one came back in time, from the address it was given to, with a number
 * not used before; whether the response is right, core says. */
#include "sip/face_int.h"

#include "base/text.h"

static int take(struct auth *a, const struct sip_credentials *c,
		const struct sip_msg *req)
{
	const bool md5 = c->alg == SIP_ALG_MD5;
	const size_t n = md5 ? 16 : 32;
	Cv__SipAuth *m = &a->m;

	if (c->alg != SIP_ALG_MD5 && c->alg != SIP_ALG_SHA256)
		return E_UNSUPPORTED;
	if (c->sess || c->userhash || c->username.n > FACE_NAME_MAX ||
	    c->realm.n > FACE_REALM_MAX || c->cnonce.n > 128 ||
	    c->uri.n > TEXT_MAX || req->method_text.n > 32)
		return E_UNSUPPORTED;
	if (hex_decode(a->response, n, c->response) < 0)
		return E_FORMAT;
	cv__sip_auth__init(m);
	m->alg = md5 ? CV__DIGEST_ALG__DIGEST_MD5 :
		 CV__DIGEST_ALG__DIGEST_SHA256;
	m->username = ipc_data(c->username);
	m->realm = ipc_data(c->realm);
	m->nonce = ipc_data(c->nonce);
	m->cnonce = ipc_data(c->cnonce);
	m->nc = ipc_data(c->nc_text);
	m->uri = ipc_data(c->uri);
	m->method = ipc_data(req->method_text);
	m->response = ipc_data(span_of(a->response, n));
	m->qop_auth = c->qop == SIP_QOP_AUTH;
	return 0;
}

/* RFC 7616 3.4.6: what was proved is for that URI alone; in clear, somebody who
 * reads along and is faster could else have it count for another. Parameters
 * decide nothing here. Proxies that rewrite the Request-URI speak TLS, where
 * nobody reads along. */
static bool is_for(const struct sip_uri *asked, struct span shown)
{
	struct sip_uri u;

	return span_eq(asked->text, shown) ||
	       (sip_uri_decode(&u, shown) == 0 && u.scheme == asked->scheme &&
		u.scheme != SIP_SCHEME_OTHER && !u.has_password &&
		!asked->has_password && u.has_user == asked->has_user &&
		span_eq(u.user, asked->user) &&
		u.host.port == asked->host.port &&
		(u.scheme == SIP_SCHEME_TEL ||
		 sip_host_eq(&u.host, &asked->host)));
}

/* One header: false when it is nothing to us, and the next one is looked at. */
static bool look(struct face *f, struct auth *a, const struct sip_msg *req,
		 const struct sip_peer *from, struct span value,
		 enum auth_kind *kind)
{
	struct sip_credentials c;

	enum nonce_verdict nonce;

	if (sip_credentials_decode(&c, value) < 0 || take(a, &c, req) < 0)
		return false;
	/* As if it were not there: no other word tells of a right one. */
	if (from->transport != CV__SIP_TRANSPORT__SIP_TLS &&
	    !is_for(&req->uri, c.uri)) {
		f->n[SIP_N_DIGEST_URI]++;
		return false;
	}
	nonce = nonce_use(f->nonces, c.nonce, &from->source, c.nc, f->now_ns);
	/* MD5 is never accepted where others can read along. Whoever shows it
	 * there tries passwords by a way that was not offered. */
	if (c.alg == SIP_ALG_MD5 &&
	    from->transport != CV__SIP_TRANSPORT__SIP_TLS) {
		if (nonce == NONCE_GOOD)
			face_scanned(f, from, CV__SIP_SCAN__SIP_SCAN_DIGEST,
				     SPAN_NONE);
		return false;
	}
	switch (nonce) {
	case NONCE_GOOD:
		*kind = AUTH_SHOWN;
		return true;
	case NONCE_STALE:
	case NONCE_REPLAYED:
		f->n[SIP_N_NONCE_STALE]++;
		*kind = AUTH_STALE;
		return true;
	case NONCE_FOREIGN:
		break;
	}
	f->n[SIP_N_NONCE_FOREIGN]++;
	return false;
}

enum auth_kind auth_read(struct face *f, struct auth *a,
			 const struct sip_msg *req,
			 const struct sip_peer *from)
{
	enum auth_kind kind = AUTH_NONE;
	const struct sip_hdr *h;
	size_t it = 0;

	while ((h = sip_hdr_next(req, SIP_H_AUTHORIZATION, &it)))
		if (look(f, a, req, from, h->value, &kind))
			return kind;
	return AUTH_NONE;
}

void challenge(struct face *f, const struct sip_msg *req,
	       const struct sip_peer *from, bool stale, bool md5)
{
	struct answer a;

	f->n[SIP_N_CHALLENGED]++;
	if (f->set.silence && !stale && !from->flow)
		return;
	answer_open(f, &a, req, from, 401, SPAN_NONE, SPAN_NONE);
	put_challenge(f, &a.w, from, stale, md5);
	put_reference(f, &a.w, req);
	sip_wr_no_body(&a.w);
	answer_send(f, &a, req, from);
}

bool caller_is_known(struct face *f, const struct sip_peer *from)
{
	struct span names = SPAN_NONE;

	return from->flow &&
	       f->cfg.ops.flow(f->cfg.ops.arg, from->flow, NULL, &names) &&
	       names.n;
}

static struct span cut(struct span s, size_t max)
{
	return s.n > max ? span_of(s.p, max) : s;
}

/* RFC 3325 9.1: one name or two; the first that can be read counts. From
 * anybody who is not trusted the header is not even read. */
static void fill_trunk(struct face *f, struct caller *c,
		       const struct sip_msg *req, uint32_t flow)
{
	struct sip_list l = sip_list(req, SIP_H_P_ASSERTED_IDENTITY);
	Cv__SipCaller *m = &c->m;
	struct sip_addr a;
	struct span v, uri;
	const bool believed = f->cfg.ops.trunk(f->cfg.ops.arg, flow, &v);

	m->trunk = ipc_data(v);
	while (believed && sip_list_next(&l, &v)) {
		if (sip_addr_decode(&a, v) < 0 ||
		    sip_uri_alias(&a.uri, c->pai, sizeof(c->pai), &uri) < 0)
			continue;
		m->asserted = ipc_data(cut(uri, FACE_NAME_MAX));
		m->asserted_name = ipc_data(sip_addr_display(&a, c->pai_name,
						sizeof(c->pai_name)));
		return;
	}
}

enum auth_kind caller_fill(struct face *f, struct caller *c,
			   const struct sip_msg *req,
			   const struct sip_peer *from)
{
	enum auth_kind kind = auth_read(f, &c->auth, req, from);
	struct span names = SPAN_NONE;
	struct span uri = SPAN_NONE;
	Cv__SipCaller *m = &c->m;

	cv__sip_caller__init(m);
	c->source = addr_of(&from->source);
	c->local = addr_of(&from->local);
	m->source = &c->source;
	m->local = &c->local;
	m->transport = from->transport;
	if (sip_uri_alias(&req->from.uri, c->uri, sizeof(c->uri), &uri) < 0)
		uri = SPAN_NONE;
	m->from_uri = ipc_data(cut(uri, FACE_NAME_MAX));
	m->from_name = ipc_data(sip_addr_display(&req->from, c->name,
						 sizeof(c->name)));
	m->user_agent = ipc_data(cut(sip_hdr_value(req, SIP_H_USER_AGENT),
				     AGENT_MAX));
	m->call_id = ipc_data(cut(req->call_id, 128));
	m->proven = from->flow || kind != AUTH_NONE;
	m->flow = from->flow;
	if (kind == AUTH_SHOWN)
		m->auth = &c->auth.m;
	if (from->flow)
		(void)f->cfg.ops.flow(f->cfg.ops.arg, from->flow, NULL, &names);
	m->cert_names = ipc_data(cut(names, TEXT_MAX));
	if (from->flow && f->cfg.ops.trunk)
		fill_trunk(f, c, req, from->flow);
	return kind;
}
