/* base/crypto - the hashes and ciphers that roles share, on OpenSSL 3 EVP.
 *
 * All functions return 0 or E_CRYPTO unless said otherwise. Thread safe. Call
 * crypto_warm() before the sandbox closes: it fetches the algorithms, so that
 * nothing is loaded from disk later.
 */
#pragma once
#include "base/secret.h"
#include "base/span.h"

enum { SHA256_LEN = 32, SHA1_LEN = 20, AEAD_KEY_LEN = 32, AEAD_NONCE_LEN = 12,
       AEAD_TAG_LEN = 16, MD5_LEN = 16 };

int crypto_warm(void);
int crypto_sha256(uint8_t out[SHA256_LEN], struct span in);
/* No protection of anything: scripts of others expect it by name. */
int crypto_md5(uint8_t out[MD5_LEN], struct span in);
int crypto_hmac_sha256(uint8_t out[SHA256_LEN], struct span key,
		       struct span in);
int crypto_hmac_sha1(uint8_t out[SHA1_LEN], struct span key, struct span in);
/* HKDF-SHA256 (RFC 5869), out_n <= 255*32. */
int crypto_hkdf(void *out, size_t out_n, struct span key, struct span salt,
		struct span info);
/* AES-256-GCM. sealed = nonce | ciphertext | tag; the nonce is random. */
#define AEAD_SEALED_LEN(n) ((n) + AEAD_NONCE_LEN + AEAD_TAG_LEN)
int crypto_seal(uint8_t *sealed, struct span key, struct span plain,
		struct span aad);
/* plain holds sealed.n - 28 bytes. E_AUTH when it was changed. */
int crypto_open(uint8_t *plain, struct span key, struct span sealed,
		struct span aad);
/* CRC-32 (ISO 3309), as STUN FINGERPRINT wants it before its XOR. */
uint32_t crypto_crc32(struct span in);
