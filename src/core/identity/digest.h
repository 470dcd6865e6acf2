/* core/identity/digest.h - what a right Digest response is (RFC 7616 3.4,
 * qop=auth only; RFC 8760 for SIP).
 *
 * Pure. All texts are taken as the caller wrote them; bounds are the face's
 * and checked here again. The password and everything made of it is wiped.
 */
#pragma once
#include "base/span.h"

enum digest_alg { DIGEST_BY_SHA256 = 0, DIGEST_BY_MD5 };

enum {
	DIGEST_PART_MAX = 1024,		/* bytes of one text */
	DIGEST_TEXT_MAX = 3 * DIGEST_PART_MAX,
	DIGEST_RESPONSE_MAX = 32,
};

struct digest_facts {
	enum digest_alg alg;
	struct span username, realm, nonce, nc, cnonce, uri, method;
};

/* Bytes of a response. */
size_t digest_response_len(enum digest_alg alg);
/* out gets digest_response_len() bytes. E_LIMIT: a text is too long; E_INVAL:
 * one is missing; E_CRYPTO. */
int digest_response(uint8_t out[DIGEST_RESPONSE_MAX],
		    const struct digest_facts *f, struct span password);
/* In constant time; a response of another length is wrong. */
bool digest_is_right(const struct digest_facts *f, struct span password,
		     struct span response);
