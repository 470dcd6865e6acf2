/* keys/keys.h - answers SIGN_REQUEST: the rate, the checks, the counters.
 *
 * Holds the key; time is an argument; the caller owns the channels. Not
 * thread safe.
 */
#pragma once
#include "base/span.h"
#include "ipc/ipc.h"

enum {
	KEYS_SIGN_PER_S_MAX = 2000,	/* all links together */
	KEYS_BURST_MAX = 500,
	KEYS_LINKS_MAX = 8,
	KEYS_PEM_MAX = 16384,
};

struct keys;

struct keys_stats {
	uint64_t signed_ok, refused_rate, refused_request, failed;
};

/* Takes a PEM private key; E_FORMAT, E_UNSUPPORTED (not P-256), E_NOMEM. The
 * caller wipes its own copy. */
int  keys_new(struct keys **out, struct span pem, uint64_t now_ns);
void keys_free(struct keys **k);
/* One request: what it asks for is checked, signed, and put into `sig`
 * (P256_SIG_MAX bytes). 0 and *n, E_UNSUPPORTED for another key or algorithm,
 * E_INVAL for a digest of another length, E_LIMIT over the rate, E_CRYPTO. */
int  keys_sign(struct keys *k, uint32_t key, uint32_t alg, struct span digest,
	       uint64_t now_ns, uint8_t *sig, size_t *n);
void keys_stats(const struct keys *k, struct keys_stats *out);
