/* courier/t/revoke_kit.h - answers of responders for the tests and the fuzz
 * target of says.h. */
#pragma once
#include <openssl/ocsp.h>
#include "courier/revoke/says.h"
#include "http/t/pki.h"

struct kit_says {
	const struct party *issuer, *signer, *leaf;
	int status;			/* V_OCSP_CERTSTATUS_* */
	int64_t this_s, next_s;		/* next_s 0: none */
	const uint8_t *nonce;
	bool with_signer;		/* its certificate goes along */
};

static inline ASN1_TIME *kit_time(int64_t s)
{
	return ASN1_TIME_adj(NULL, (time_t)s, 0, 0);
}

static inline ASN1_GENERALIZEDTIME *kit_gtime(int64_t s)
{
	return ASN1_GENERALIZEDTIME_set(NULL, (time_t)s);
}

/* The caller frees with OPENSSL_free(). */
static inline struct span kit_response(const struct kit_says *k)
{
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), k->leaf->cert,
					  k->issuer->cert);
	ASN1_GENERALIZEDTIME *this_at = kit_gtime(k->this_s);
	ASN1_GENERALIZEDTIME *next_at = k->next_s ? kit_gtime(k->next_s) :
					NULL;
	OCSP_RESPONSE *rs;
	unsigned char *der = NULL;
	uint8_t nonce[REVOKE_NONCE_LEN];
	int n;

	(void)OCSP_basic_add1_status(b, id, k->status,
		OCSP_REVOKED_STATUS_KEYCOMPROMISE,
		k->status == V_OCSP_CERTSTATUS_REVOKED ? this_at : NULL,
		this_at, next_at);
	if (k->nonce) {
		memcpy(nonce, k->nonce, sizeof(nonce));
		(void)OCSP_basic_add1_nonce(b, nonce, sizeof(nonce));
	}
	(void)OCSP_basic_sign(b, k->signer->cert, k->signer->key, EVP_sha256(),
			      NULL, k->with_signer ? 0 : OCSP_NOCERTS);
	rs = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	n = i2d_OCSP_RESPONSE(rs, &der);
	OCSP_RESPONSE_free(rs);
	OCSP_BASICRESP_free(b);
	OCSP_CERTID_free(id);
	ASN1_GENERALIZEDTIME_free(this_at);
	ASN1_GENERALIZEDTIME_free(next_at);
	return span_of(der, (size_t)n);
}

/* A list of `issuer` signed by `signer`; `revoked` may be NULL. */
static inline struct span kit_crl(const struct party *issuer,
				  const struct party *signer,
				  const struct party *revoked,
				  int64_t this_s, int64_t next_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *a = kit_time(this_s), *z = kit_time(next_s);
	unsigned char *der = NULL;
	X509_REVOKED *row;
	int n;

	(void)X509_CRL_set_version(crl, 1);
	(void)X509_CRL_set_issuer_name(crl,
				X509_get_subject_name(issuer->cert));
	(void)X509_CRL_set1_lastUpdate(crl, a);
	(void)X509_CRL_set1_nextUpdate(crl, z);
	if (revoked) {
		row = X509_REVOKED_new();
		(void)X509_REVOKED_set_serialNumber(row,
				X509_get_serialNumber(revoked->cert));
		(void)X509_REVOKED_set_revocationDate(row, a);
		(void)X509_CRL_add0_revoked(crl, row);
	}
	(void)X509_CRL_sign(crl, signer->key, EVP_sha256());
	n = i2d_X509_CRL(crl, &der);
	X509_CRL_free(crl);
	ASN1_TIME_free(a);
	ASN1_TIME_free(z);
	return span_of(der, (size_t)n);
}
