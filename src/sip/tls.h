/* sip/tls.h - TLS of connections, in both directions.
 *
 * Server: the rules of http/tls.h (1.2 and 1.3, AEAD only, no tickets), the key
 * lives in `keys`. The name that a client asks for (SNI) chooses the policy:
 *
 *   a tls_server_name of a sip_proxy   a certificate is needed, and must be that
 *                                      of such a proxy: its name, by its CA
 *   anything else                      a certificate may be shown. With verify
 *                                      on, one that is shown must be good, or
 *                                      there is no connection; off: a bad one
 *                                      proves nothing
 *
 * A certificate that bears the name of a sip_proxy is held against that proxy's
 * CAs, under whatever name it comes. Client: chain and name are always checked
 * where the dial says so, by the proxy's CAs if it is one; SNI; our own
 * certificate is shown to who asks; an OCSP response is asked for. Whether a
 * certificate was revoked is not decided here: see check.h.
 *
 * An OCSP response for our own certificate is stapled while it is fresh. The
 * certificate can be changed; connections that stand keep theirs.
 *
 * OpenSSL reads no file later. Not thread safe.
 */
#pragma once
#include <openssl/ssl.h>
#include "base/err.h"
#include "base/span.h"
#include "sip/trunk.h"

enum { SIP_TLS_NAMES_MAX = 1024, SIP_TLS_TRUST_MAX = 4 * 1024 * 1024,
       SIP_TLS_STAPLE_MAX = 16384, SIP_TLS_CHAIN_MAX = 7,
       SIP_TLS_CERT_MAX = 8192 };

struct sip_tls;

/* What OpenSSL asks the system for when it judges a certificate, the time zone:
 * read now, because later no file can be opened. Before the sandbox closes. */
void sip_tls_warm(void);

/* `trust`: PEM of CAs, may be empty: then nobody's certificate is good. */
int  sip_tls_new(struct sip_tls **out, struct span chain_pem, EVP_PKEY *key,
		 struct span trust_pem);
void sip_tls_free(struct sip_tls **t);
/* SHA-256 of the certificate that we show (RFC 8122). E_CRYPTO. */
int  sip_tls_fingerprint(const struct sip_tls *t, uint8_t out[32]);
/* Another certificate for those who come from now on; on failure the former
 * stays. What was stapled is gone. */
int  sip_tls_change(struct sip_tls *t, struct span chain_pem, EVP_PKEY *key);
void sip_tls_verify(struct sip_tls *t, bool on);
struct trunks *sip_tls_trunks(struct sip_tls *t);
/* After the trunks were changed. */
void sip_tls_trunks_changed(struct sip_tls *t);
/* A session on a connected socket. E_NOMEM. */
int  sip_tls_accept(struct sip_tls *t, SSL **out, int fd);
/* `name`: host name or address text. E_INVAL for one that is neither. `trunk`:
 * the number of whom we call, 0 = no proxy of ours. */
int  sip_tls_connect(struct sip_tls *t, SSL **out, int fd, struct span name,
		     bool verify, uint64_t trunk);

/* --- of a session whose handshake is over ------------------------------------- */

/* The names of a good certificate of the other side, commas between; empty
 * without one. */
struct span sip_tls_names(SSL *ssl, char out[SIP_TLS_NAMES_MAX]);
/* Whose rules it met; 0 = no proxy's. */
uint64_t sip_tls_trunk(const struct sip_tls *t, SSL *ssl);
/* The chain of a good certificate, as it was verified: DER, leaf first, the
 * trusted one last. How many; E_LIMIT, E_NOMEM. 0 without one. The caller frees
 * with sip_tls_chain_free(). */
int  sip_tls_chain(SSL *ssl, struct span out[SIP_TLS_CHAIN_MAX]);
void sip_tls_chain_free(struct span *chain, size_t n);
/* What a server stapled; empty: nothing. Valid as the session is. */
struct span sip_tls_stapled(SSL *ssl);

/* --- of one that failed ----------------------------------------------------------- */

/* What was wrong with the other side's certificate; NONE: something else. */
Cv__SipFault sip_tls_fault(SSL *ssl);
/* The proxy's number that it claimed or was to be, 0; and the names in the
 * certificate that was refused, valid as the session is. */
uint64_t sip_tls_claims(const struct sip_tls *t, SSL *ssl, struct span *names);
/* Why a handshake failed, for the log: constant text. */
const char *sip_tls_why(SSL *ssl);

/* --- our own ------------------------------------------------------------------------ */

/* Our leaf and its issuer, if the chain or the trust has it: 2, else 0. As
 * sip_tls_chain(). */
int  sip_tls_own(struct sip_tls *t, struct span out[SIP_TLS_CHAIN_MAX]);
/* Served until `until_s` (since 1970) and no longer. */
int  sip_tls_staple(struct sip_tls *t, struct span response, int64_t until_s);
