/* http/tls_key.h - a TLS private key that lives in another process.
 *
 * The face holds the certificate; the private operation of the EVP_PKEY made
 * here goes to the role `keys` as SIGN_REQUEST. OpenSSL signs synchronously,
 * so the face waits, at most TLS_KEY_WAIT_MS; `keys` answers in some tens of
 * microseconds. Without a link, or after the wait, the signature and with it
 * that one handshake fails, and is counted; after a wait in vain handshakes fail
 * without waiting until `keys` answers or TLS_KEY_REST_MS have passed.
 *
 * Not thread safe. Uses no global. docs/keys.md says why it is made so.
 */
#pragma once
#include <openssl/x509.h>
#include "ipc/ipc.h"

enum { TLS_KEY_WAIT_MS = 200, TLS_KEY_REST_MS = 1000 };

struct tls_key;

struct tls_key_stats {
	uint64_t asked, failed, timed_out, rested, no_link;
};

/* `self`/`instance`: the face's own identity for the channel's Hello. The
 * certificate must hold a P-256 key (else E_UNSUPPORTED). */
int  tls_key_new(struct tls_key **out, const X509 *leaf, enum ipc_role self,
		 uint32_t instance);
/* The EVP_PKEY (and any SSL_CTX using it) must be gone or idle. */
void tls_key_free(struct tls_key **k);
/* Borrowed; SSL_CTX_use_PrivateKey takes its own reference. */
EVP_PKEY *tls_key_pkey(struct tls_key *k);
/* The same for another certificate of ours, whose key `keys` holds, too; as
 * tls_key_new(). The caller frees it; gone before *k is. */
int  tls_key_make(struct tls_key *k, EVP_PKEY **out, const X509 *leaf);
/* A fresh channel to `keys` (ROLE_KEYS in on_link). Takes over fd and drops
 * the former one. */
int  tls_key_link(struct tls_key *k, uint32_t keys_instance, int fd);
bool tls_key_is_linked(const struct tls_key *k);
void tls_key_stats(const struct tls_key *k, struct tls_key_stats *out);
