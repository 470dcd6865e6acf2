/* courier/revoke/check.h - were these certificates revoked? (CERT_CHECK of
 * courier.proto)
 *
 * Of a chain, each certificate but the last, which somebody here trusts: first
 * what is remembered, then the response that came with the leaf (stapled), then
 * the places that the certificate names, OCSP before CRL, one after the other.
 * ocsp_responder_url stands in where a certificate names nobody, or for all of
 * them (ocsp_state=OVERRIDE). An intermediate that names nobody is passed over;
 * a leaf that does is SILENT. One certificate revoked: REVOKED. Asked in vain:
 * UNKNOWN.
 *
 * A place is somebody whom a stranger named: resolved, held against the outbound
 * guard, fetched without redirects (http/fetch.h). REVOKE_PLACE_MS for one,
 * REVOKE_ALL_MS for all; COURIER_REVOKE_MAX at once, of which strangers have
 * three quarters; beyond that UNKNOWN at once ("busy").
 *
 * REVOKE_KEPT_MAX verdicts are remembered, as long as the answer says, at most
 * REVOKE_KEPT_S; the oldest gives way. What is unknown is not remembered.
 */
#pragma once
#include "courier/courier.h"

enum {
	REVOKE_CHAIN_MAX = 7,
	REVOKE_KEPT_MAX = 4096,
	REVOKE_KEPT_S = 3600,
	REVOKE_PLACE_MS = 3000,
	REVOKE_ALL_MS = 8000,
	REVOKE_STRANGERS_MAX = COURIER_REVOKE_MAX * 3 / 4,
};

struct revoke_stats {
	uint64_t asked, remembered, stapled, fetched, good, revoked, unknown,
		 busy;
};

int  revoke_new(struct revoke **out, struct courier *c);
void revoke_free(struct revoke **r);
/* Each is answered, also one that cannot be read. */
void revoke_take(struct revoke *r, const Cv__CertCheck *m);
/* ocsp_state, ocsp_responder_url; others are not ours. */
void revoke_setting(struct revoke *r, const char *name, struct span value);
/* The link to core went. `r` may be NULL. */
void revoke_drop_all(struct revoke *r);
void revoke_stats(const struct revoke *r, struct revoke_stats *out);
