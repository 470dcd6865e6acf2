#include "base/crypto/p256.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/alloc.h"
#include "base/err.h"

struct p256_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *sign;	/* set up once: one signature is 20 us */
};

static bool is_p256(const EVP_PKEY *k)
{
	char group[32] = "";

	return EVP_PKEY_is_a(k, "EC") &&
	       EVP_PKEY_get_group_name(k, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static int read_pem(EVP_PKEY **out, struct span pem)
{
	BIO *bio;

	if (!pem.n || pem.n > INT32_MAX)
		return E_FORMAT;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!bio)
		return E_NOMEM;
	*out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (!*out)
		return E_FORMAT;
	return is_p256(*out) ? 0 : E_UNSUPPORTED;
}

int p256_key_load(struct p256_key **out, struct span pem)
{
	struct p256_key *k = mem_zalloc(sizeof(*k));
	int r;

	if (!k)
		return E_NOMEM;
	r = read_pem(&k->pkey, pem);
	if (!r) {
		k->sign = EVP_PKEY_CTX_new(k->pkey, NULL);
		if (!k->sign || EVP_PKEY_sign_init(k->sign) != 1 ||
		    EVP_PKEY_CTX_set_signature_md(k->sign, EVP_sha256()) != 1)
			r = E_CRYPTO;
	}
	if (r < 0) {
		p256_key_free(&k);
		return r;
	}
	*out = k;
	return 0;
}

void p256_key_free(struct p256_key **kp)
{
	struct p256_key *k = kp ? *kp : NULL;

	if (!k)
		return;
	EVP_PKEY_CTX_free(k->sign);
	EVP_PKEY_free(k->pkey);
	mem_free(k);
	*kp = NULL;
}

int p256_key_public(const struct p256_key *k, uint8_t out[P256_PUBLIC_LEN])
{
	BIGNUM *x = NULL, *y = NULL;
	int r = E_CRYPTO;

	out[0] = 4;
	if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	    EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	    BN_bn2binpad(x, out + 1, 32) == 32 &&
	    BN_bn2binpad(y, out + 33, 32) == 32)
		r = 0;
	BN_free(x);
	BN_free(y);
	return r;
}

int p256_sign(uint8_t *sig, size_t *n, const struct p256_key *k,
	      struct span digest)
{
	size_t len = P256_SIG_MAX;

	if (digest.n != P256_DIGEST_LEN)
		return E_INVAL;
	if (EVP_PKEY_sign(k->sign, sig, &len, digest.p, digest.n) != 1)
		return E_CRYPTO;
	*n = len;
	return 0;
}

int p256_verify(const struct p256_key *k, struct span digest, struct span sig)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->pkey, NULL);
	int r = E_CRYPTO;

	if (c && EVP_PKEY_verify_init(c) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1)
		r = EVP_PKEY_verify(c, sig.p, sig.n, digest.p, digest.n) == 1 ?
		    0 : E_AUTH;
	EVP_PKEY_CTX_free(c);
	return r;
}
