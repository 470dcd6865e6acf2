/* http/tls.h - the TLS side of our HTTPS servers.
 *
 * TLS 1.2 and 1.3 with AEAD suites and ECDHE only, groups P-256, P-384 and
 * X25519, no renegotiation, no compression, no resumption and no session cache:
 * nothing that could decrypt a recorded session stays in memory. What a client
 * takes for a ticket is a name that only says who it is (http/pass.h). Early
 * data is off. The private operation may live elsewhere: see http/tls_key.h.
 *
 * Create everything before the sandbox closes: OpenSSL reads no file later.
 * Not thread safe.
 */
#pragma once
#include <openssl/ssl.h>
#include "base/err.h"
#include "base/span.h"

enum { HTTP_TLS_CHAIN_MAX = 8, HTTP_TLS_PEM_MAX = 64 * 1024 };

struct http_tls;

/* The file of a chain, at most HTTP_TLS_PEM_MAX; takes fd over, leaves its
 * offset alone. The caller frees with mem_free(). E_SYS, E_NOMEM. */
int  http_tls_read(uint8_t **out, size_t *n, int fd);
/* The leaf certificate of a PEM chain: the caller frees it with X509_free.
 * E_FORMAT. */
int  http_tls_leaf(X509 **out, struct span pem);
/* `key` is borrowed (a reference is taken). E_FORMAT for a bad chain,
 * E_INVAL when key and leaf do not belong together, E_CRYPTO. */
int  http_tls_new(struct http_tls **out, struct span chain_pem,
		  EVP_PKEY *key);
void http_tls_free(struct http_tls **t);
SSL_CTX *http_tls_ctx(struct http_tls *t);
