/* http/t/pki.h - a small public key infrastructure for tests: made by OpenSSL,
 * as a CA would. */
#pragma once
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>
#include "base/span.h"

struct party {
	X509 *cert;
	EVP_PKEY *key;
	unsigned char *der;
	struct span bytes;
};

static inline void kit_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	(void)X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

struct kit_ext { int nid; const char *value; };
enum { KIT_DAY = 86400 };

/* `issuer` NULL: signs itself. `ext`: pairs of NID and value, 0 at the end.
 * Good from a day before now_s to thirty days after it. */
static inline struct party kit_party(const char *cn, long serial,
				     const struct party *issuer, int64_t now_s,
				     const struct kit_ext *ext)
{
	struct party p = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
	const struct party *by = issuer ? issuer : &p;
	X509_NAME *name = X509_get_subject_name(p.cert);

	(void)X509_set_version(p.cert, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial);
	(void)ASN1_TIME_set(X509_getm_notBefore(p.cert),
			    (time_t)now_s - KIT_DAY);
	(void)ASN1_TIME_set(X509_getm_notAfter(p.cert),
			    (time_t)now_s + KIT_DAY * 30);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				(const unsigned char *)cn, -1, -1, 0);
	(void)X509_set_issuer_name(p.cert, X509_get_subject_name(by->cert));
	(void)X509_set_pubkey(p.cert, p.key);
	for (; ext && ext->nid; ext++)
		kit_ext(p.cert, by->cert, ext->nid, ext->value);
	(void)X509_sign(p.cert, by->key, EVP_sha256());
	p.bytes.n = (size_t)i2d_X509(p.cert, &p.der);
	p.bytes.p = p.der;
	return p;
}

static inline void kit_party_free(struct party *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	OPENSSL_free(p->der);
	memset(p, 0, sizeof(*p));
}
