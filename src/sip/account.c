/* Our account at a trunk: its challenges are answered, those of its realm and
 * no others. A challenge of another realm is somebody fishing for an answer
 * that he can use elsewhere. */
#include "sip/face_int.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/text.h"

enum { CNONCE_LEN = 16, HASH_HEX_MAX = 2 * SHA256_LEN + 1,
       DIGEST_TEXT_MAX = 4096, NONCE_TEXT_MAX = 512 };

static int hash_hex(enum sip_auth_alg alg, char out[HASH_HEX_MAX],
		    const struct wr *w)
{
	uint8_t h[SHA256_LEN];
	struct span in;
	int r = wr_end(w, &in);

	if (!r)
		r = alg == SIP_ALG_MD5 ? crypto_md5(h, in) :
		    crypto_sha256(h, in);
	if (!r)
		hex_encode(out, h, alg == SIP_ALG_MD5 ? MD5_LEN : SHA256_LEN);
	secret_wipe(h, sizeof(h));
	return r;
}

/* --- the account -------------------------------------------------------------- */

static int hash_account(enum sip_auth_alg alg, char out[HASH_HEX_MAX],
			const Cv__SipDial *m)
{
	uint8_t buf[DIGEST_TEXT_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	int r;

	wr_span(&w, ipc_bytes(m->username));
	wr_u8(&w, ':');
	wr_span(&w, ipc_bytes(m->realm));
	wr_u8(&w, ':');
	wr_span(&w, ipc_bytes(m->password));
	r = hash_hex(alg, out, &w);
	secret_wipe(buf, sizeof(buf));
	return r;
}

int account_take(struct account *a, const Cv__SipDial *m)
{
	int r;

	if (!m->username.len || !m->realm.len)
		return 0;
	r = text_set(&a->username, ipc_bytes(m->username));
	if (!r)
		r = text_set(&a->realm, ipc_bytes(m->realm));
	if (!r)
		r = hash_account(SIP_ALG_SHA256, a->sha256, m);
	if (!r)
		r = hash_account(SIP_ALG_MD5, a->md5, m);
	return r;
}

void account_release(struct account *a)
{
	text_drop(&a->username);
	text_drop(&a->realm);
	text_drop(&a->nonce);
	text_drop(&a->opaque);
	secret_wipe(a, sizeof(*a));
}

/* --- challenges ------------------------------------------------------------------ */

/* The strongest of our realm. */
static bool choose(const struct account *a, const struct sip_msg *m,
		   struct sip_challenge *best)
{
	const enum sip_hdr_id id = m->status == 407 ?
		SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE;
	const struct sip_hdr *h;
	bool found = false;
	size_t it = 0;

	while ((h = sip_hdr_next(m, id, &it))) {
		struct sip_challenge ch;

		if (sip_challenge_decode(&ch, h->value) < 0 || ch.sess ||
		    !span_eq(ch.realm, text_span(&a->realm)) ||
		    ch.nonce.n > NONCE_TEXT_MAX ||
		    ch.opaque.n > NONCE_TEXT_MAX ||
		    (ch.alg != SIP_ALG_MD5 && ch.alg != SIP_ALG_SHA256) ||
		    (ch.qop && !(ch.qop & SIP_QOP_AUTH)))
			continue;
		if (!found || (best->alg == SIP_ALG_MD5 &&
			       ch.alg == SIP_ALG_SHA256))
			*best = ch;
		found = true;
	}
	return found;
}

bool account_may(const struct account *a, const struct sip_msg *m)
{
	struct sip_challenge ch;

	return (m->status == 401 || m->status == 407) && a->realm.n &&
	       choose(a, m, &ch);
}

void account_hear(struct account *a, const struct sip_msg *m)
{
	struct sip_challenge ch;

	if (!choose(a, m, &ch))
		return;
	a->nc = 0;
	if (text_set(&a->nonce, ch.nonce) < 0 ||
	    text_set(&a->opaque, ch.opaque) < 0)
		text_drop(&a->nonce);
	a->alg = ch.alg;
	a->qop = ch.qop & SIP_QOP_AUTH;
	a->is_proxy = m->status == 407;
}

/* RFC 7616 3.4.1, qop=auth or the form without. */
static int respond(const struct account *a, const char *method,
		   struct span uri, const char *cnonce, const char *nc,
		   char response[HASH_HEX_MAX])
{
	char ha2[HASH_HEX_MAX] = "";
	uint8_t buf[DIGEST_TEXT_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	int r;

	wr_str(&w, method);
	wr_u8(&w, ':');
	wr_span(&w, uri);
	r = hash_hex(a->alg, ha2, &w);
	w = wr_of(buf, sizeof(buf));
	wr_str(&w, a->alg == SIP_ALG_MD5 ? a->md5 : a->sha256);
	wr_u8(&w, ':');
	wr_span(&w, text_span(&a->nonce));
	if (a->qop) {
		wr_u8(&w, ':');
		wr_str(&w, nc);
		wr_u8(&w, ':');
		wr_str(&w, cnonce);
		wr_str(&w, ":auth");
	}
	wr_u8(&w, ':');
	wr_str(&w, ha2);
	if (!r)
		r = hash_hex(a->alg, response, &w);
	secret_wipe(buf, sizeof(buf));
	return r;
}

void account_put(struct account *a, struct wr *w, const char *method,
		 struct span uri)
{
	struct sip_credentials cr = {.qop = SIP_QOP_NONE};
	char cnonce[CNONCE_LEN + 1], response[HASH_HEX_MAX], nc[16];
	uint64_t r = rand_u64();
	size_t mark;

	if (!a->nonce.n)
		return;
	hex_encode(cnonce, &r, sizeof(r));
	a->nc++;
	(void)snprintf(nc, sizeof(nc), "%08x", a->nc);
	if (respond(a, method, uri, cnonce, nc, response) < 0) {
		wr_fail(w);
		return;
	}
	cr.username = text_span(&a->username);
	cr.realm = text_span(&a->realm);
	cr.nonce = text_span(&a->nonce);
	cr.uri = uri;
	cr.response = span_str(response);
	cr.opaque = text_span(&a->opaque);
	cr.alg = a->alg;
	cr.alg_text = span_str(sip_auth_alg_name(a->alg));
	if (a->qop) {
		cr.qop = SIP_QOP_AUTH;
		cr.cnonce = span_str(cnonce);
		cr.nc = a->nc;
		cr.nc_text = span_str(nc);
	}
	mark = sip_wr_hdr_open(w, a->is_proxy ? SIP_H_PROXY_AUTHORIZATION :
			       SIP_H_AUTHORIZATION);
	sip_wr_credentials(w, &cr);
	sip_wr_hdr_close(w, mark);
}

/* --- the last word of a call ------------------------------------------------------- */

/* A BYE that was challenged outlives its call by one transaction. */
struct farewell {
	struct list at;			/* f->byes */
	struct face *f;
	struct dial *dial;		/* whose account it is */
};

static void farewell_free(struct farewell *b)
{
	list_del(&b->at);
	dial_free(&b->dial);
	mem_free(b);
}

void byes_free(struct face *f)
{
	list_each(it, tmp, &f->byes)
		farewell_free(list_entry(it, struct farewell, at));
}

/* The BYE in `sent` again, one number on, with credentials. */
static void again(struct farewell *b, const struct sip_msg *sent,
		  const struct sip_peer *to)
{
	struct face *f = b->f;
	struct wr w = wr_of(f->out, sizeof(f->out));
	char branch[TXN_BRANCH_LEN + 1];
	struct span bytes;
	struct txn *t;

	txn_branch(branch);
	sip_wr_request_text(&w, SPAN_LIT("BYE"), sent->uri.text);
	put_via(f, &w, to, branch);
	sip_wr_copy(&w, sent, SIP_H_MAX_FORWARDS);
	sip_wr_copy(&w, sent, SIP_H_ROUTE);
	sip_wr_copy(&w, sent, SIP_H_FROM);
	sip_wr_copy(&w, sent, SIP_H_TO);
	sip_wr_copy(&w, sent, SIP_H_CALL_ID);
	sip_wr_cseq(&w, sent->cseq.seq + 1, SPAN_LIT("BYE"));
	account_put(&b->dial->account, &w, "BYE", sent->uri.text);
	sip_wr_no_body(&w);
	if (wr_end(&w, &bytes) == 0)
		(void)txn_ask(f->txns, &t, to, SIP_BYE, span_str(branch),
			      bytes, NULL, NULL, f->now_ns);
}

void account_on_bye(void *arg, struct txn *t, enum txn_tell what,
		    const struct sip_msg *msg, uint64_t now_ns)
{
	struct farewell *b = arg;

	b->f->now_ns = now_ns;
	if (what == TXN_RESPONSE && msg->status < 200)
		return;
	t->fn = NULL;
	if (what == TXN_RESPONSE && account_may(&b->dial->account, msg) &&
	    sip_decode(&b->f->kept, span_of(t->kept, t->kept_n), SIP_STREAM,
		       NULL) == 0) {
		account_hear(&b->dial->account, msg);
		again(b, &b->f->kept, &t->peer);
	}
	farewell_free(b);
}

void *account_farewell(struct call *c)
{
	struct farewell *b = c->dial && c->dial->account.realm.n ?
			     mem_zalloc(sizeof(*b)) : NULL;

	if (!b)
		return NULL;
	b->f = c->f;
	list_init(&b->at);
	list_add_tail(&c->f->byes, &b->at);
	return b;
}

void account_part(void *farewell, struct call *c, bool sent)
{
	struct farewell *b = farewell;

	if (!b)
		return;
	if (!sent) {
		farewell_free(b);
		return;
	}
	b->dial = c->dial;
	c->dial = NULL;
}
