/* wire/sip/auth.h - Digest challenges and credentials as text (RFC 3261 22.4,
 * 7616, 8760). Nothing here computes a hash or knows a password.
 *
 * Quoted values come without their quotes and with their escapes: that is how
 * both sides put them into the hash in practice. A repeated or malformed
 * parameter is E_FORMAT; another scheme than Digest is E_UNSUPPORTED. Zero
 * copy, pure. One header holds one challenge: a list is refused.
 */
#pragma once
#include "wire/sip/uri.h"

enum sip_auth_alg {
	SIP_ALG_OTHER = 0,		/* a token we do not know */
	SIP_ALG_MD5,			/* also when none is named */
	SIP_ALG_SHA256,
	SIP_ALG_SHA512_256,
};

/* Bits. NONE: RFC 2069 mode, no qop at all. */
enum sip_qop { SIP_QOP_NONE = 0, SIP_QOP_AUTH = 1, SIP_QOP_AUTH_INT = 2,
	       SIP_QOP_OTHER = 4 };

enum { SIP_AUTH_VALUE_MAX = 1024 };	/* bytes of one parameter */

/* WWW-Authenticate, Proxy-Authenticate. realm and nonce are there. */
struct sip_challenge {
	struct span realm, nonce, opaque, domain;
	enum sip_auth_alg alg;
	struct span alg_text;		/* empty when not named */
	bool sess;			/* "-sess" */
	unsigned qop;			/* bits offered */
	bool stale;
	bool userhash;
};
int sip_challenge_decode(struct sip_challenge *out, struct span value);

/* Authorization, Proxy-Authorization. username, realm, nonce, uri, response are there;
 * with qop also cnonce and nc. */
struct sip_credentials {
	struct span username, realm, nonce, uri, response, cnonce, opaque;
	enum sip_auth_alg alg;
	struct span alg_text;
	bool sess;
	unsigned qop;			/* one bit, or NONE */
	struct span qop_text;
	uint32_t nc;
	struct span nc_text;		/* 8 hex digits, or empty */
	bool userhash;
};
int sip_credentials_decode(struct sip_credentials *out, struct span value);

/* "MD5", "SHA-256", "SHA-512-256"; "" for OTHER. */
const char *sip_auth_alg_name(enum sip_auth_alg a);

/* Header values. Values must not hold a quote, backslash or control byte:
 * these fail the writer. */
void sip_wr_challenge(struct wr *w, const struct sip_challenge *c);
void sip_wr_credentials(struct wr *w, const struct sip_credentials *c);
