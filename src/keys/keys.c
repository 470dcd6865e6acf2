#include "keys/keys.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/cert.h"
#include "base/crypto/p256.h"
#include "ipc/keys.pb-c.h"

struct held {
	struct p256_key *key;
	uint8_t public[P256_PUBLIC_LEN];
};

struct keys {
	struct held now, former;	/* former.key NULL: none */
	uint64_t former_until_ns;
	struct keys_stats stats;
	uint64_t last_ns;
	uint64_t tokens_ns;	/* credit: one signature costs COST_NS */
};

#define COST_NS  (NS_PER_S / KEYS_SIGN_PER_S_MAX)
#define BURST_NS (KEYS_BURST_MAX * COST_NS)

static int load(struct held *h, struct span pem)
{
	int r = p256_key_load(&h->key, pem);

	if (!r)
		r = p256_key_public(h->key, h->public);
	if (r < 0)
		p256_key_free(&h->key);
	return r;
}

int keys_new(struct keys **out, struct span pem, uint64_t now_ns)
{
	struct keys *k = mem_zalloc(sizeof(*k));
	int r;

	if (!k)
		return E_NOMEM;
	k->last_ns = now_ns;
	k->tokens_ns = BURST_NS;
	r = load(&k->now, pem);
	if (r < 0) {
		mem_free(k);
		return r;
	}
	*out = k;
	return 0;
}

void keys_free(struct keys **kp)
{
	struct keys *k = kp ? *kp : NULL;

	if (!k)
		return;
	p256_key_free(&k->now.key);
	p256_key_free(&k->former.key);
	mem_free(k);
	*kp = NULL;
}

/* --- what is in force ------------------------------------------------------ */

static const char *judge(const struct held *h, const struct cert *c,
			 int64_t wall_s)
{
	const int64_t from = cert_not_before(c), to = cert_not_after(c);

	if (!cert_has_key(c, h->public))
		return "tls/server.crt does not fit tls/server.key";
	if (!from || !to || wall_s < from)
		return "the certificate in tls/server.crt is not valid yet";
	if (wall_s > to)
		return "the certificate in tls/server.crt has expired";
	return cert_weakness(c);
}

static const char *judge_chain(const struct held *h, struct span chain,
			       int64_t wall_s, int64_t *not_after_s)
{
	struct cert *c;
	const char *why;

	*not_after_s = 0;
	if (!chain.n || chain.n > KEYS_CHAIN_MAX || cert_open(&c, chain) < 0)
		return "tls/server.crt holds no certificate in PEM";
	*not_after_s = cert_not_after(c);
	why = judge(h, c, wall_s);
	cert_close(&c);
	return why;
}

const char *keys_judge(const struct keys *k, struct span chain,
		       int64_t wall_s, int64_t *not_after_s)
{
	return judge_chain(&k->now, chain, wall_s, not_after_s);
}

const char *keys_change(struct keys *k, struct span pem, struct span chain,
			int64_t wall_s, uint64_t now_ns, int64_t *not_after_s)
{
	struct held h = {.key = NULL};
	int64_t until;
	const char *why;
	int r = load(&h, pem);

	if (r < 0)
		return r == E_NOMEM ? "out of memory" :
		       "tls/server.key holds no unencrypted P-256 key in PEM";
	why = judge_chain(&h, chain, wall_s, &until);
	/* The same key in another certificate: there is nothing to keep. */
	if (why || memcmp(h.public, k->now.public, sizeof(h.public)) == 0) {
		p256_key_free(&h.key);
	} else {
		p256_key_free(&k->former.key);
		k->former = k->now;
		k->former_until_ns = now_ns + KEYS_FORMER_S * NS_PER_S;
		k->now = h;
	}
	if (!why)
		*not_after_s = until;
	return why;
}

/* --- signatures -------------------------------------------------------------- */

static const struct p256_key *find(struct keys *k, struct span public,
				   uint64_t now_ns)
{
	if (k->former.key && now_ns >= k->former_until_ns)
		p256_key_free(&k->former.key);
	if (!public.n || span_eq(public, span_of(k->now.public,
						 P256_PUBLIC_LEN)))
		return k->now.key;
	return k->former.key && span_eq(public, span_of(k->former.public,
				P256_PUBLIC_LEN)) ? k->former.key : NULL;
}

static bool may_sign(struct keys *k, uint64_t now_ns)
{
	uint64_t gone = now_ns > k->last_ns ? now_ns - k->last_ns : 0;

	k->last_ns = now_ns;
	k->tokens_ns += gone < BURST_NS ? gone : BURST_NS;
	if (k->tokens_ns > BURST_NS)
		k->tokens_ns = BURST_NS;
	if (k->tokens_ns < COST_NS)
		return false;
	k->tokens_ns -= COST_NS;
	return true;
}

int keys_sign(struct keys *k, const struct keys_ask *q, uint64_t now_ns,
	      uint8_t *sig, size_t *n)
{
	const struct p256_key *key = find(k, q->public, now_ns);
	int r;

	if (q->key != 0 || q->alg != CV__SIGN_ALG__SIGN_ECDSA_P256_SHA256) {
		k->stats.refused_request++;
		return E_UNSUPPORTED;
	}
	if (!key || q->digest.n != P256_DIGEST_LEN) {
		k->stats.refused_request++;
		return key ? E_INVAL : E_NOTFOUND;
	}
	if (!may_sign(k, now_ns)) {
		k->stats.refused_rate++;
		return E_LIMIT;
	}
	r = p256_sign(sig, n, key, q->digest);
	if (r < 0)
		k->stats.failed++;
	else
		k->stats.signed_ok++;
	return r;
}

void keys_stats(const struct keys *k, struct keys_stats *out)
{
	*out = k->stats;
}
