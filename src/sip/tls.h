/* sip/tls.h - TLS of connections, in both directions.
 *
 * Server: the rules of http/tls.h (1.2 and 1.3, AEAD only, no tickets), the key
 * lives in `keys`. A client may show a certificate; with verify on, one that
 * is shown must be good, or there is no connection.
 * Client: chain and name are always checked where the dial says so; SNI; our
 * own certificate is shown to who asks.
 *
 * Everything is read before the sandbox closes. Not thread safe.
 */
#pragma once
#include <openssl/ssl.h>
#include "base/err.h"
#include "base/span.h"

enum { SIP_TLS_NAMES_MAX = 1024, SIP_TLS_TRUST_MAX = 4 * 1024 * 1024 };

struct sip_tls;

/* `trust`: PEM of CAs, may be empty: then nobody's certificate is good. */
int  sip_tls_new(struct sip_tls **out, struct span chain_pem, EVP_PKEY *key,
		 struct span trust_pem);
void sip_tls_free(struct sip_tls **t);
/* SHA-256 of the certificate that we show (RFC 8122). E_CRYPTO. */
int  sip_tls_fingerprint(const struct sip_tls *t, uint8_t out[32]);
void sip_tls_verify(struct sip_tls *t, bool on);
/* A session on a connected socket. E_NOMEM. */
int  sip_tls_accept(struct sip_tls *t, SSL **out, int fd);
/* `name`: host name or address text. E_INVAL for one that is neither. */
int  sip_tls_connect(struct sip_tls *t, SSL **out, int fd, struct span name,
		     bool verify);
/* The names of a good certificate of the other side, commas between; empty
 * without one. */
struct span sip_tls_names(SSL *ssl, char out[SIP_TLS_NAMES_MAX]);
/* Why a handshake failed, for the log: constant text. */
const char *sip_tls_why(SSL *ssl);
