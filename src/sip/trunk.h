/* sip/trunk.h - what is set for the SIP proxies that we have, as TLS needs it.
 *
 * Core sends the whole set, row by row (SipTrunk); the new set takes the place
 * of the former one when its last row came. A row that did not change keeps its
 * number, so that what was proved under it stays proved; one that changed gets
 * a new number, and who proved to be it before is nobody until he proves it
 * again. Numbers are never 0 and never used again.
 *
 * Not thread safe. Pure but for OpenSSL, which reads the CAs.
 */
#pragma once
#include <openssl/x509.h>
#include "base/err.h"
#include "base/span.h"
#include "ipc/sip.pb-c.h"

enum { TRUNKS_MAX = 1000, TRUNK_CAS_MAX = 32 };

struct trunk {
	uint64_t id;
	struct span name, peer_name, server_name;
	/* NULL: those that are trusted anyway. Empty: nobody. */
	STACK_OF(X509) *ca;
	Cv__SipRevocation revocation;
	bool accepts, believes;
};

struct trunks;

int  trunks_new(struct trunks **out);
void trunks_free(struct trunks **t);
/* E_FULL, E_NOMEM: the former set stays in force. */
int  trunks_put(struct trunks *t, const Cv__SipTrunk *m);
/* NULL: no such thing (any more). */
const struct trunk *trunks_get(const struct trunks *t, uint64_t id);
const struct trunk *trunks_named(const struct trunks *t, struct span name);
/* The next one that accepts calls; NULL at the end. *it begins with 0. With a
 * `server_name` only those that come under it. */
const struct trunk *trunks_next(const struct trunks *t, size_t *it,
				struct span server_name);
/* Of those the first whose peer_name is one of `names` (commas between). */
const struct trunk *trunks_match(const struct trunks *t,
				 struct span server_name, struct span names);
