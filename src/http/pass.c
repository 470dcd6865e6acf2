#include "http/pass.h"
#include "base/crypto/crypto.h"
#include "base/rd.h"
#include "base/secret.h"
#include "base/wr.h"

/* nonce | holder, encrypted | tag */
enum { HOLDER_AT = PASS_NONCE_LEN, TAG_AT = HOLDER_AT + 8,
       TAG_LEN = PASS_LEN - TAG_AT };

static struct span key_of(const struct pass_key *k)
{
	return span_of(k->k, PASS_KEY_LEN);
}

/* The two uses of the key differ by the length of what is hashed. */
static int pad_of(uint64_t *pad, const struct pass_key *key,
		  const uint8_t *nonce)
{
	uint8_t sum[SHA256_LEN];
	int r = crypto_hmac_sha256(sum, key_of(key),
				   span_of(nonce, PASS_NONCE_LEN));
	struct rd in = rd_of(span_of(sum, sizeof(sum)));
	if (r == 0)
		*pad = rd_u64(&in);
	return r;
}

static int tag_of(uint8_t tag[TAG_LEN], const struct pass_key *key,
		  const uint8_t *pass)
{
	uint8_t sum[SHA256_LEN];
	int r = crypto_hmac_sha256(sum, key_of(key), span_of(pass, TAG_AT));
	if (r == 0)
		memcpy(tag, sum, TAG_LEN);
	return r;
}

int pass_make(uint8_t out[PASS_LEN], const struct pass_key *key,
	      const uint8_t nonce[PASS_NONCE_LEN], uint64_t holder)
{
	uint64_t pad = 0;
	struct wr w = wr_of(out, TAG_AT);
	int r = pad_of(&pad, key, nonce);
	if (r < 0)
		return r;
	wr_bytes(&w, nonce, PASS_NONCE_LEN);
	wr_u64(&w, holder ^ pad);
	return tag_of(out + TAG_AT, key, out);
}

int pass_read(uint64_t *holder, const struct pass_key *key, struct span in)
{
	uint8_t tag[TAG_LEN];
	uint64_t pad = 0;
	if (in.n != PASS_LEN || tag_of(tag, key, in.p) < 0 ||
	    !secret_equal(span_of(tag, TAG_LEN),
			  span_of(in.p + TAG_AT, TAG_LEN)) ||
	    pad_of(&pad, key, in.p) < 0)
		return E_AUTH;
	struct rd r = rd_of(span_of(in.p + HOLDER_AT, 8));
	*holder = rd_u64(&r) ^ pad;
	return 0;
}
