/* http/pass.h - a pass: what somebody inside shows before TLS begins.
 *
 * A connection is refused before its handshake, because the handshake is what
 * costs; so an attacker who shares an address with people inside would use up
 * what that address may open. People inside can show something in their first
 * packet: the name of a TLS 1.3 session that we gave to a connection which had
 * proved itself (RFC 8446 4.6.1). It goes back to us in the clear, at the next
 * connection, without a page or a browser knowing anything of it.
 *
 * We never resume such a session: what stands here is a name and nothing that
 * a key could be made of, each handshake is a whole one, and a pass gives no
 * right but that to be served before strangers. It names its holder (the
 * owner's number for a person inside) under a fresh nonce, encrypted and
 * authenticated by a key that lives as long as the process, so nobody can make
 * one, nor tell whose it is or that two belong together.
 *
 * Whoever can watch the network can copy one, and then share what its holder
 * has: the owner must count by holder and keep it small.
 *
 * Pure but for the nonce, which is an argument. Thread safe.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { PASS_LEN = 32, PASS_KEY_LEN = 32, PASS_NONCE_LEN = 8 };

struct pass_key {
	uint8_t k[PASS_KEY_LEN];	/* random */
};

/* E_CRYPTO. */
int pass_make(uint8_t out[PASS_LEN], const struct pass_key *key,
	      const uint8_t nonce[PASS_NONCE_LEN], uint64_t holder);
/* E_AUTH: not one of ours. */
int pass_read(uint64_t *holder, const struct pass_key *key, struct span in);
