/* base/crypto/p256.h - ECDSA over NIST P-256, for the role that signs.
 *
 * Functions return 0 or a negative error. One owner; not thread safe.
 */
#pragma once
#include "base/secret.h"
#include "base/span.h"

enum { P256_DIGEST_LEN = 32, P256_SIG_MAX = 72,	/* DER */
       P256_PUBLIC_LEN = 65 };	/* SEC 1 2.3.3, uncompressed */

struct p256_key;

/* PEM, unencrypted: E_FORMAT when it is not a private key, E_UNSUPPORTED when
 * it is not P-256. */
int  p256_key_load(struct p256_key **out, struct span pem);
void p256_key_free(struct p256_key **k);	/* wipes */
int  p256_key_public(const struct p256_key *k, uint8_t out[P256_PUBLIC_LEN]);
/* sig holds P256_SIG_MAX; *n is written on success. digest.n must be 32. */
int  p256_sign(uint8_t *sig, size_t *n, const struct p256_key *k,
	       struct span digest);
/* Against the same key: E_AUTH when it does not fit. For tests. */
int  p256_verify(const struct p256_key *k, struct span digest,
		 struct span sig);
