#include "keys/keys.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto/p256.h"
#include "ipc/keys.pb-c.h"

struct keys {
	struct p256_key *key;
	struct keys_stats stats;
	uint64_t last_ns;
	uint64_t tokens_ns;	/* credit: one signature costs COST_NS */
};

#define COST_NS  (NS_PER_S / KEYS_SIGN_PER_S_MAX)
#define BURST_NS (KEYS_BURST_MAX * COST_NS)

int keys_new(struct keys **out, struct span pem, uint64_t now_ns)
{
	struct keys *k = mem_zalloc(sizeof(*k));
	int r;

	if (!k)
		return E_NOMEM;
	k->last_ns = now_ns;
	k->tokens_ns = BURST_NS;
	r = p256_key_load(&k->key, pem);
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
	p256_key_free(&k->key);
	mem_free(k);
	*kp = NULL;
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

int keys_sign(struct keys *k, uint32_t key, uint32_t alg, struct span digest,
	      uint64_t now_ns, uint8_t *sig, size_t *n)
{
	int r;

	if (key != 0 || alg != CV__SIGN_ALG__SIGN_ECDSA_P256_SHA256) {
		k->stats.refused_request++;
		return E_UNSUPPORTED;
	}
	if (digest.n != P256_DIGEST_LEN) {
		k->stats.refused_request++;
		return E_INVAL;
	}
	if (!may_sign(k, now_ns)) {
		k->stats.refused_rate++;
		return E_LIMIT;
	}
	r = p256_sign(sig, n, k->key, digest);
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
