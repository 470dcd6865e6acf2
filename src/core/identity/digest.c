#include "core/identity/digest.h"

#include <string.h>

#include "base/crypto/crypto.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

enum { HEX_MAX = 2 * DIGEST_RESPONSE_MAX };

size_t digest_response_len(enum digest_alg alg)
{
	return alg == DIGEST_BY_MD5 ? MD5_LEN : SHA256_LEN;
}

static int hash(uint8_t *out, enum digest_alg alg, struct span in)
{
	return alg == DIGEST_BY_MD5 ? crypto_md5(out, in) :
		crypto_sha256(out, in);
}

/* The texts with colons between. */
static int hash_of(uint8_t *out, enum digest_alg alg,
		   const struct span *parts, size_t n)
{
	uint8_t text[DIGEST_TEXT_MAX];
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (len + parts[i].n + 1 > sizeof(text)) {
			r = E_LIMIT;
			break;
		}
		if (i)
			text[len++] = ':';
		if (parts[i].n)
			memcpy(text + len, parts[i].p, parts[i].n);
		len += parts[i].n;
	}
	r = r ? r : hash(out, alg, span_of(text, len));
	secret_wipe(text, len);
	return r;
}

static struct span hex(char dst[HEX_MAX + 1], const uint8_t *bytes,
		       enum digest_alg alg)
{
	const size_t n = digest_response_len(alg);

	hex_encode(dst, bytes, n);
	return span_of(dst, 2 * n);
}

static int check(const struct digest_facts *f)
{
	const struct span all[] = {f->username, f->realm, f->nonce, f->nc,
				   f->cnonce, f->uri, f->method};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].n)
			return E_INVAL;
		if (all[i].n > DIGEST_PART_MAX)
			return E_LIMIT;
	}
	return 0;
}

int digest_response(uint8_t out[DIGEST_RESPONSE_MAX],
		    const struct digest_facts *f, struct span password)
{
	uint8_t a1[DIGEST_RESPONSE_MAX], a2[DIGEST_RESPONSE_MAX];
	char h1[HEX_MAX + 1], h2[HEX_MAX + 1];
	int r = check(f);

	r = r ? r : hash_of(a1, f->alg, (struct span[]){f->username, f->realm,
			    password}, 3);
	r = r ? r : hash_of(a2, f->alg, (struct span[]){f->method, f->uri}, 2);
	r = r ? r : hash_of(out, f->alg, (struct span[]){
			    hex(h1, a1, f->alg), f->nonce, f->nc, f->cnonce,
			    SPAN_LIT("auth"), hex(h2, a2, f->alg)}, 6);
	secret_wipe(a1, sizeof(a1));
	secret_wipe(h1, sizeof(h1));
	return r;
}

bool digest_is_right(const struct digest_facts *f, struct span password,
		     struct span response)
{
	uint8_t want[DIGEST_RESPONSE_MAX] = {0};
	const int r = digest_response(want, f, password);
	const bool same = secret_equal(
		span_of(want, digest_response_len(f->alg)), response);

	secret_wipe(want, sizeof(want));
	return r == 0 && same;
}
