/* keys/keys.h - answers SIGN_REQUEST: the rate, the checks, the counters; and
 * judges the pair of key and certificate that is to be in force.
 *
 * Holds the key in force and, for KEYS_FORMER_S after a change, the one before:
 * handshakes that began with the former certificate end with it. A request
 * names the key by its public half; one that names none means the present.
 * Time is an argument; the caller owns the channels. Not thread safe.
 */
#pragma once
#include "base/span.h"
#include "ipc/ipc.h"

enum {
	KEYS_SIGN_PER_S_MAX = 2000,	/* all links together */
	KEYS_BURST_MAX = 500,
	KEYS_LINKS_MAX = 8,
	KEYS_PEM_MAX = 16384,
	KEYS_CHAIN_MAX = 65536,		/* HTTP_TLS_PEM_MAX: what faces take */
	KEYS_FORMER_S = 60,		/* longer than any handshake may take */
};

struct keys;

struct keys_stats {
	uint64_t signed_ok, refused_rate, refused_request, failed;
};

struct keys_ask {
	uint32_t key, alg;
	struct span digest, public;	/* empty: the present key */
};

/* Takes a PEM private key; E_FORMAT, E_UNSUPPORTED (not P-256), E_NOMEM. The
 * caller wipes its own copy. */
int  keys_new(struct keys **out, struct span pem, uint64_t now_ns);
void keys_free(struct keys **k);
/* Is this chain good for the key in force? NULL, or what is wrong with it:
 * constant text. *not_after_s: 0 when it cannot be told. */
const char *keys_judge(const struct keys *k, struct span chain,
		       int64_t wall_s, int64_t *not_after_s);
/* Puts another pair in force. NULL, or why not: then nothing has changed. */
const char *keys_change(struct keys *k, struct span pem, struct span chain,
			int64_t wall_s, uint64_t now_ns,
			int64_t *not_after_s);
/* One request: what it asks for is checked, signed, and put into `sig`
 * (P256_SIG_MAX bytes). 0 and *n, E_UNSUPPORTED for another key or algorithm,
 * E_INVAL for a digest of another length, E_NOTFOUND for a public half that is
 * not held, E_LIMIT over the rate, E_CRYPTO. */
int  keys_sign(struct keys *k, const struct keys_ask *q, uint64_t now_ns,
	       uint8_t *sig, size_t *n);
void keys_stats(const struct keys *k, struct keys_stats *out);
