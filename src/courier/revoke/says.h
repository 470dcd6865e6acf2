/* courier/revoke/says.h - what an OCSP response or a CRL says of one
 * certificate (RFC 6960, RFC 5280 5), read and verified by OpenSSL.
 *
 * Everything comes in: the bytes, the certificate, its issuer (of a chain that
 * was verified by whoever asks), the time. GOOD needs a signature by the issuer
 * or by somebody whom the issuer made a responder (RFC 6960 4.2.2.2), the very
 * certificate, and a time between thisUpdate and nextUpdate, REVOKE_SKEW_S on
 * either side; an answer without nextUpdate is good for REVOKE_NO_NEXT_S. A
 * nonce is compared when the answer has one. REVOKED is believed under the same
 * terms; everything else is UNKNOWN.
 *
 * Pure but for OpenSSL's heap: no clock, log, socket or global. Certificates
 * are DER, and as hostile as the answers.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	REVOKE_CERT_MAX = 8192,
	REVOKE_OCSP_MAX = 16384,
	REVOKE_CRL_MAX = 1024 * 1024,
	REVOKE_ASK_MAX = 512,		/* a request */
	REVOKE_NONCE_LEN = 16,
	REVOKE_URLS_MAX = 4,		/* that one certificate may name */
	REVOKE_URL_MAX = 1024,
	REVOKE_SKEW_S = 300,
	REVOKE_NO_NEXT_S = 600,
};

enum revoke_verdict { REVOKE_UNKNOWN = 0, REVOKE_GOOD, REVOKE_REVOKED };

struct revoke_says {
	enum revoke_verdict verdict;
	const char *why;		/* constant */
	int64_t this_s, next_s;		/* since 1970; next_s 0 = not said */
};

struct revoke_places {
	struct { char url[REVOKE_URL_MAX + 1]; bool is_crl; }
		at[REVOKE_URLS_MAX];	/* responders first */
	size_t n;
	bool never;			/* RFC 9608: nobody will ever say */
};

/* Where a certificate says that it can be asked for: http and https only. What
 * is too much is left out. E_FORMAT: no certificate. */
int  revoke_places(struct revoke_places *out, struct span cert);
/* A request for one certificate. E_FORMAT, E_LIMIT, E_NOMEM. */
int  revoke_ask(uint8_t dst[REVOKE_ASK_MAX], size_t *n, struct span cert,
		struct span issuer, const uint8_t nonce[REVOKE_NONCE_LEN]);
/* `nonce` NULL: none was sent. */
void revoke_read_ocsp(struct revoke_says *out, struct span response,
		      struct span cert, struct span issuer,
		      const uint8_t *nonce, int64_t now_s);
void revoke_read_crl(struct revoke_says *out, struct span crl,
		     struct span cert, struct span issuer, int64_t now_s);
