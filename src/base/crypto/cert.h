/* base/crypto/cert.h - a certificate of our own, looked at: for the operator.
 *
 * Reads files that the operator's own machine holds, nothing of a peer's. Not
 * for deciding whom to trust: faces do that in their handshakes.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "base/span.h"

struct cert;

enum { CERT_CHAIN_MAX = 8 };	/* with the leaf */

/* PEM: the leaf first, then what stands between it and a CA. E_FORMAT. */
int  cert_open(struct cert **out, struct span pem);
void cert_close(struct cert **c);
/* Seconds since 1970; 0 when they cannot be told. */
int64_t cert_not_before(const struct cert *c);
int64_t cert_not_after(const struct cert *c);
/* Does it hold this P-256 key (uncompressed point)? */
bool cert_has_key(const struct cert *c, const uint8_t public[65]);
/* May the chain be shown at all: CERT_CHAIN_MAX certificates, and keys and
 * signatures of 112 bits (OpenSSL's level 2)? NULL, or what is wrong. */
const char *cert_weakness(const struct cert *c);
/* A DNS name or an address, by subjectAltName alone. `strict`: no wildcards
 * (RFC 5922 7.2 for SIP). */
bool cert_is_for(const struct cert *c, const char *name, bool strict);
/* Does the chain lead to one of these CAs now? `why` is a constant text when
 * it does not. `file` NULL: those of the system. */
bool cert_is_trusted(const struct cert *c, const char *file, const char **why);
