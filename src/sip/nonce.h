/* sip/nonce.h - nonces of our own for digest challenges (RFC 7616 3.3, 5.4).
 *
 * A nonce is time, 8 random bytes and an HMAC over both and the address that
 * asked, so that minting one costs no memory and nobody else can use it. It is
 * good for NONCE_S; each number (nc) only once.
 *
 * What was used is kept in a table of fixed size. A row that must make room
 * takes with it the right of all nonces of its bucket that are as old as it
 * was: those are stale then, never good twice.
 *
 * Time is an argument (monotonic). Not thread safe; the key dies with the process.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { NONCE_S = 300, NONCE_LEN = 43, NONCE_BUCKETS = 4096, NONCE_WAYS = 4,
       NONCE_NC_WINDOW = 64 };

enum nonce_verdict {
	NONCE_FOREIGN = 0,	/* not ours, or given to another address */
	NONCE_STALE,		/* ours, but too old or used up: stale=true */
	NONCE_REPLAYED,		/* this nc was used */
	NONCE_GOOD,
};

struct nonces;

int  nonces_new(struct nonces **out);
void nonces_free(struct nonces **n);
/* Text of NONCE_LEN characters and a NUL. E_CRYPTO. */
int  nonce_make(const struct nonces *n, const struct addr *who,
		uint64_t now_ns, char out[NONCE_LEN + 1]);
/* GOOD marks nc as used. `nc` 0 is no number. */
enum nonce_verdict nonce_use(struct nonces *n, struct span text,
			     const struct addr *who, uint32_t nc,
			     uint64_t now_ns);
