#include "base/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/err.h"
#include "base/rand.h"

int crypto_sha256(uint8_t out[SHA256_LEN], struct span in)
{
	return EVP_Digest(in.p, in.n, out, NULL, EVP_sha256(), NULL) == 1 ?
	       0 : E_CRYPTO;
}

int crypto_md5(uint8_t out[MD5_LEN], struct span in)
{
	return EVP_Digest(in.p, in.n, out, NULL, EVP_md5(), NULL) == 1 ?
	       0 : E_CRYPTO;
}

static int hmac(uint8_t *out, size_t out_n, char *digest, struct span key,
		struct span in)
{
	OSSL_PARAM params[2] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	/* OpenSSL takes a NULL key for "keep the old one" */
	const uint8_t *k = key.n ? key.p : (const uint8_t *)"";
	size_t n = 0;
	int r = E_CRYPTO;

	if (ctx && EVP_MAC_init(ctx, k, key.n, params) == 1 &&
	    EVP_MAC_update(ctx, in.p, in.n) == 1 &&
	    EVP_MAC_final(ctx, out, &n, out_n) == 1 && n == out_n)
		r = 0;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return r;
}

int crypto_hmac_sha256(uint8_t out[SHA256_LEN], struct span key,
		       struct span in)
{
	char name[] = "SHA256";

	return hmac(out, SHA256_LEN, name, key, in);
}

int crypto_hmac_sha1(uint8_t out[SHA1_LEN], struct span key, struct span in)
{
	char name[] = "SHA1";

	return hmac(out, SHA1_LEN, name, key, in);
}

int crypto_hkdf(void *out, size_t out_n, struct span key, struct span salt,
		struct span info)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	int r = E_CRYPTO;

	if (key.n > INT32_MAX || salt.n > INT32_MAX || info.n > 1024) {
		EVP_PKEY_CTX_free(c);
		return E_LIMIT;
	}
	if (c && EVP_PKEY_derive_init(c) == 1 &&
	    EVP_PKEY_CTX_set_hkdf_md(c, EVP_sha256()) == 1 &&
	    (!salt.n ||		/* absent: RFC 5869 section 2.2 says zeros */
	     EVP_PKEY_CTX_set1_hkdf_salt(c, salt.p, (int)salt.n) == 1) &&
	    EVP_PKEY_CTX_set1_hkdf_key(c, key.p, (int)key.n) == 1 &&
	    (!info.n ||
	     EVP_PKEY_CTX_add1_hkdf_info(c, info.p, (int)info.n) == 1) &&
	    EVP_PKEY_derive(c, out, &out_n) == 1)
		r = 0;
	EVP_PKEY_CTX_free(c);
	return r;
}

static int seal(EVP_CIPHER_CTX *c, uint8_t *sealed, struct span key,
		struct span plain, struct span aad)
{
	uint8_t *body = sealed + AEAD_NONCE_LEN;
	int n = 0;

	rand_bytes(sealed, AEAD_NONCE_LEN);
	if (EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key.p, sealed) != 1)
		return E_CRYPTO;
	if (aad.n && EVP_EncryptUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1)
		return E_CRYPTO;
	if (plain.n &&
	    EVP_EncryptUpdate(c, body, &n, plain.p, (int)plain.n) != 1)
		return E_CRYPTO;
	if (EVP_EncryptFinal_ex(c, body + plain.n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
				body + plain.n) != 1)
		return E_CRYPTO;
	return 0;
}

int crypto_seal(uint8_t *sealed, struct span key, struct span plain,
		struct span aad)
{
	EVP_CIPHER_CTX *c;
	int r;

	if (key.n != AEAD_KEY_LEN)
		return E_INVAL;
	if (plain.n > INT32_MAX - 64 || aad.n > INT32_MAX)
		return E_LIMIT;
	c = EVP_CIPHER_CTX_new();
	r = c ? seal(c, sealed, key, plain, aad) : E_NOMEM;
	EVP_CIPHER_CTX_free(c);
	return r;
}

static int open_body(EVP_CIPHER_CTX *c, uint8_t *plain, struct span key,
		     struct span s, struct span aad)
{
	size_t n = s.n - AEAD_NONCE_LEN - AEAD_TAG_LEN;
	const uint8_t *body = s.p + AEAD_NONCE_LEN;
	uint8_t tag[AEAD_TAG_LEN];
	int k = 0;

	memcpy(tag, body + n, sizeof(tag));
	if (EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key.p, s.p) != 1)
		return E_CRYPTO;
	if (aad.n && EVP_DecryptUpdate(c, NULL, &k, aad.p, (int)aad.n) != 1)
		return E_CRYPTO;
	if (n && EVP_DecryptUpdate(c, plain, &k, body, (int)n) != 1)
		return E_CRYPTO;
	if (EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				tag) != 1)
		return E_CRYPTO;
	if (EVP_DecryptFinal_ex(c, plain + n, &k) == 1)
		return 0;
	secret_wipe(plain, n);		/* nothing unauthenticated gets out */
	return E_AUTH;
}

int crypto_open(uint8_t *plain, struct span key, struct span sealed,
		struct span aad)
{
	EVP_CIPHER_CTX *c;
	int r;

	if (key.n != AEAD_KEY_LEN)
		return E_INVAL;
	if (sealed.n < AEAD_NONCE_LEN + AEAD_TAG_LEN)
		return E_TRUNC;
	if (sealed.n > INT32_MAX || aad.n > INT32_MAX)
		return E_LIMIT;
	c = EVP_CIPHER_CTX_new();
	r = c ? open_body(c, plain, key, sealed, aad) : E_NOMEM;
	EVP_CIPHER_CTX_free(c);
	return r;
}

int crypto_warm(void)
{
	static const uint8_t key[AEAD_KEY_LEN];
	struct span k = {key, sizeof(key)};
	uint8_t out[SHA256_LEN], box[AEAD_SEALED_LEN(1)], one;
	int r;

	if ((r = crypto_sha256(out, k)) < 0 ||
	    (r = crypto_md5(out, k)) < 0 ||
	    (r = crypto_hmac_sha256(out, k, k)) < 0 ||
	    (r = crypto_hmac_sha1(out, k, k)) < 0 ||
	    (r = crypto_hkdf(out, sizeof(out), k, k, k)) < 0 ||
	    (r = crypto_seal(box, k, SPAN_LIT("x"), k)) < 0)
		return r;
	return crypto_open(&one, k, span_of(box, sizeof(box)), k);
}

uint32_t crypto_crc32(struct span in)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = ~0u;

	for (size_t i = 0; i < in.n; i++) {
		crc ^= in.p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}
