#include "base/crypto/cert.h"

#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"

enum { CHAIN_MAX = 8 };

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
	while (c && c->leaf && sk_X509_num(c->between) < CHAIN_MAX &&
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
