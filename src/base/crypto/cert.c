#include "base/crypto/cert.h"

#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"

enum { BITS_MIN = 112 };

struct cert {
	X509 *leaf;
	STACK_OF(X509) *between;
};

void cert_close(struct cert **c)
{
	if (!*c)
		return;
	X509_free((*c)->leaf);
	sk_X509_pop_free((*c)->between, X509_free);
	mem_free(*c);
	*c = NULL;
}

int cert_open(struct cert **out, struct span pem)
{
	struct cert *c = mem_zalloc(sizeof(*c));
	BIO *b = c && pem.n < INT32_MAX ?
		BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x;

	if (b)
		c->between = sk_X509_new_null();
	if (c && c->between)
		c->leaf = PEM_read_bio_X509(b, NULL, NULL, NULL);
	while (c && c->leaf && sk_X509_num(c->between) < CERT_CHAIN_MAX &&
	       (x = PEM_read_bio_X509(b, NULL, NULL, NULL)))
		if (!sk_X509_push(c->between, x)) {
			X509_free(x);
			break;
		}
	BIO_free(b);
	if (c && c->leaf) {
		*out = c;
		return 0;
	}
	if (c)
		cert_close(&c);
	return E_FORMAT;
}

static int64_t seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t cert_not_before(const struct cert *c)
{
	return seconds(X509_get0_notBefore(c->leaf));
}

int64_t cert_not_after(const struct cert *c)
{
	return seconds(X509_get0_notAfter(c->leaf));
}

static bool is_number(const EVP_PKEY *key, const char *name,
		      const uint8_t want[32])
{
	uint8_t got[32];
	BIGNUM *n = NULL;
	const bool same = EVP_PKEY_get_bn_param(key, name, &n) == 1 &&
		BN_bn2binpad(n, got, 32) == 32 && memcmp(got, want, 32) == 0;

	BN_free(n);
	return same;
}

bool cert_has_key(const struct cert *c, const uint8_t public[65])
{
	const EVP_PKEY *key = X509_get0_pubkey(c->leaf);
	char group[32] = "";

	return key && EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0 &&
	       is_number(key, OSSL_PKEY_PARAM_EC_PUB_X, public + 1) &&
	       is_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, public + 33);
}

static bool is_strong(X509 *x)
{
	const EVP_PKEY *key = X509_get0_pubkey(x);
	int bits = 0;

	if (!key || EVP_PKEY_get_security_bits(key) < BITS_MIN)
		return false;
	/* Nobody looks at the signature of one that signed itself. */
	return X509_get_extension_flags(x) & EXFLAG_SS ||
	       (X509_get_signature_info(x, NULL, NULL, &bits, NULL) == 1 &&
		bits >= BITS_MIN);
}

const char *cert_weakness(const struct cert *c)
{
	const int n = sk_X509_num(c->between);
	bool ok = is_strong(c->leaf);

	if (n + 1 > CERT_CHAIN_MAX)
		return "there are more than 8 certificates in tls/server.crt";
	for (int i = 0; i < n && ok; i++)
		ok = is_strong(sk_X509_value(c->between, i));
	return ok ? NULL :
	       "a key or signature in tls/server.crt is too weak";
}

bool cert_is_for(const struct cert *c, const char *name, bool strict)
{
	const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
		(strict ? X509_CHECK_FLAG_NO_WILDCARDS : 0);

	return X509_check_ip_asc(c->leaf, name, flags) == 1 ||
	       X509_check_host(c->leaf, name, 0, flags, NULL) == 1;
}

bool cert_is_trusted(const struct cert *c, const char *file, const char **why)
{
	X509_STORE *s = X509_STORE_new();
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	bool ok = false;

	*why = "the list of CAs cannot be read";
	if (s && x && (file ? X509_STORE_load_file(s, file) :
		       X509_STORE_set_default_paths(s)) == 1 &&
	    X509_STORE_CTX_init(x, s, c->leaf, c->between) == 1) {
		X509_STORE_CTX_set_purpose(x, X509_PURPOSE_SSL_SERVER);
		ok = X509_verify_cert(x) == 1;
		*why = X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(x));
	}
	X509_STORE_CTX_free(x);
	X509_STORE_free(s);
	return ok;
}
