#include "courier/revoke/says.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

/* --- small things -------------------------------------------------------------- */

/* The whole of the bytes, or nothing. */
#define DECODE(type, in, max)                                                 \
	static type *decode_##type(struct span in)                            \
	{                                                                     \
		const unsigned char *p = in.p;                                \
		type *x = in.n && in.n <= (max) ?                             \
			  d2i_##type(NULL, &p, (long)in.n) : NULL;            \
									      \
		if (x && p != in.p + in.n) {                                  \
			type##_free(x);                                       \
			x = NULL;                                             \
		}                                                             \
		return x;                                                     \
	}

DECODE(X509, in, REVOKE_CERT_MAX)
DECODE(OCSP_RESPONSE, in, REVOKE_OCSP_MAX)
DECODE(X509_CRL, in, REVOKE_CRL_MAX)

static bool seconds(int64_t *out, const ASN1_TIME *t)
{
	ASN1_TIME *zero = t ? ASN1_TIME_set(NULL, 0) : NULL;
	int days, s;
	bool ok = zero && ASN1_TIME_diff(&days, &s, zero, t) == 1;

	ASN1_TIME_free(zero);
	if (ok)
		*out = (int64_t)days * 86400 + s;
	return ok;
}

/* Who may sign is decided against the issuer alone. */
static X509_STORE *trust_in(X509 *issuer, int64_t now_s)
{
	X509_STORE *s = X509_STORE_new();
	X509_VERIFY_PARAM *p = s ? X509_STORE_get0_param(s) : NULL;

	if (!s || X509_STORE_add_cert(s, issuer) != 1) {
		X509_STORE_free(s);
		return NULL;
	}
	X509_VERIFY_PARAM_set_time(p, (time_t)now_s);
	(void)X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	return s;
}

/* --- where to ask ------------------------------------------------------------------ */

static void add_place(struct revoke_places *out, const ASN1_IA5STRING *s,
		      bool is_crl)
{
	const struct span url = span_of(ASN1_STRING_get0_data(s),
					(size_t)ASN1_STRING_length(s));

	if (out->n == REVOKE_URLS_MAX || url.n > REVOKE_URL_MAX ||
	    (!span_starts(url, SPAN_LIT("http://")) &&
	     !span_starts(url, SPAN_LIT("https://"))))
		return;
	if (span_cstr(url, out->at[out->n].url, REVOKE_URL_MAX + 1) < 0)
		return;
	out->at[out->n++].is_crl = is_crl;
}

static void add_responders(struct revoke_places *out, X509 *cert)
{
	AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(cert, NID_info_access,
						      NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(all); i++) {
		const ACCESS_DESCRIPTION *d =
			sk_ACCESS_DESCRIPTION_value(all, i);

		if (OBJ_obj2nid(d->method) == NID_ad_OCSP &&
		    d->location->type == GEN_URI &&
		    out->n < REVOKE_URLS_MAX / 2)
			add_place(out, d->location->d.ia5, false);
	}
	AUTHORITY_INFO_ACCESS_free(all);
}

/* Only lists of the issuer itself with all reasons: others say less than they
 * seem to. */
static void add_lists(struct revoke_places *out, X509 *cert)
{
	CRL_DIST_POINTS *all = X509_get_ext_d2i(cert,
		NID_crl_distribution_points, NULL, NULL);

	for (int i = 0; i < sk_DIST_POINT_num(all); i++) {
		const DIST_POINT *d = sk_DIST_POINT_value(all, i);
		const GENERAL_NAMES *names = d->distpoint &&
			d->distpoint->type == 0 && !d->reasons &&
			!d->CRLissuer ? d->distpoint->name.fullname : NULL;

		for (int k = 0; names && k < sk_GENERAL_NAME_num(names); k++) {
			const GENERAL_NAME *g =
				sk_GENERAL_NAME_value(names, k);

			if (g->type == GEN_URI)
				add_place(out, g->d.ia5, true);
		}
	}
	CRL_DIST_POINTS_free(all);
}

/* noRevAvail, RFC 9608: 2.5.29.56. */
static bool is_never(const X509 *cert)
{
	ASN1_OBJECT *o = OBJ_txt2obj("2.5.29.56", 1);
	const bool is = o && X509_get_ext_by_OBJ(cert, o, -1) >= 0;

	ASN1_OBJECT_free(o);
	return is;
}

int revoke_places(struct revoke_places *out, struct span cert)
{
	X509 *x = decode_X509(cert);

	out->n = 0;
	out->never = false;
	if (x) {
		out->never = is_never(x) && X509_check_ca(x) == 0;
		add_responders(out, x);
		add_lists(out, x);
	}
	X509_free(x);
	ERR_clear_error();
	return x ? 0 : E_FORMAT;
}

/* --- OCSP ------------------------------------------------------------------------------ */

/* SHA-1 only names the issuer here, and all responders know it. */
static OCSP_REQUEST *request(X509 *cert, X509 *issuer, const uint8_t *nonce)
{
	OCSP_REQUEST *rq = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
	uint8_t copy[REVOKE_NONCE_LEN];

	if (!rq || !id || !OCSP_request_add0_id(rq, id)) {
		OCSP_CERTID_free(id);
		OCSP_REQUEST_free(rq);
		return NULL;
	}
	if (!nonce)
		return rq;
	memcpy(copy, nonce, sizeof(copy));
	if (OCSP_request_add1_nonce(rq, copy, sizeof(copy)) != 1) {
		OCSP_REQUEST_free(rq);
		return NULL;
	}
	return rq;
}

int revoke_ask(uint8_t dst[REVOKE_ASK_MAX], size_t *n, struct span cert,
	       struct span issuer, const uint8_t nonce[REVOKE_NONCE_LEN])
{
	X509 *x = decode_X509(cert), *ca = decode_X509(issuer);
	OCSP_REQUEST *rq = x && ca ? request(x, ca, nonce) : NULL;
	int r = !x || !ca ? E_FORMAT : rq ? 0 : E_NOMEM, len;
	unsigned char *p = dst;

	if (!r) {
		len = i2d_OCSP_REQUEST(rq, NULL);
		r = len <= 0 || len > REVOKE_ASK_MAX ? E_LIMIT : 0;
	}
	if (!r)
		*n = (size_t)i2d_OCSP_REQUEST(rq, &p);
	OCSP_REQUEST_free(rq);
	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
	return r;
}

/* What is signed is not always true now. */
static void judge_time(struct revoke_says *out, bool nonced, int64_t now_s)
{
	int64_t last = out->next_s ? out->next_s : out->this_s +
		       (nonced ? REVOKE_SKEW_S : REVOKE_NO_NEXT_S);

	if (out->this_s > now_s + REVOKE_SKEW_S)
		*out = (struct revoke_says){.why = "answer of the future"};
	else if (last + REVOKE_SKEW_S < now_s)
		*out = (struct revoke_says){.why = "answer too old"};
}

static void judge_status(struct revoke_says *out, OCSP_BASICRESP *basic,
			 X509 *cert, X509 *issuer)
{
	ASN1_GENERALIZEDTIME *this_at = NULL, *next_at = NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	out->why = "answer about another certificate";
	if (id && OCSP_resp_find_status(basic, id, &status, NULL, NULL,
					&this_at, &next_at) == 1) {
		if (!seconds(&out->this_s, this_at) ||
		    (next_at && !seconds(&out->next_s, next_at)) ||
		    (next_at && out->next_s < out->this_s))
			out->why = "answer without a time";
		else if (status == V_OCSP_CERTSTATUS_GOOD)
			*out = (struct revoke_says){REVOKE_GOOD, "good",
				out->this_s, out->next_s};
		else if (status == V_OCSP_CERTSTATUS_REVOKED)
			*out = (struct revoke_says){REVOKE_REVOKED, "revoked",
				out->this_s, out->next_s};
		else
			out->why = "the responder does not know it";
	}
	OCSP_CERTID_free(id);
}

static const char *refusal(int status)
{
	static const char *const words[] = {
		[OCSP_RESPONSE_STATUS_MALFORMEDREQUEST] =
			"the responder says: malformed",
		[OCSP_RESPONSE_STATUS_INTERNALERROR] =
			"the responder says: internal error",
		[OCSP_RESPONSE_STATUS_TRYLATER] =
			"the responder says: try later",
		[OCSP_RESPONSE_STATUS_SIGREQUIRED] =
			"the responder says: signature required",
		[OCSP_RESPONSE_STATUS_UNAUTHORIZED] =
			"the responder says: unauthorized",
	};
	const char *s = status > 0 && (size_t)status < sizeof(words) /
			sizeof(words[0]) ? words[status] : NULL;

	return s ? s : "no answer";
}

/* 0 = the same or none, -1 = another one. */
static int compare_nonce(OCSP_BASICRESP *basic, X509 *cert, X509 *issuer,
			 const uint8_t *nonce, bool *nonced)
{
	OCSP_REQUEST *rq = nonce ? request(cert, issuer, nonce) : NULL;
	int same = rq ? OCSP_check_nonce(rq, basic) : -1;

	OCSP_REQUEST_free(rq);
	*nonced = same == 1;
	return nonce && same == 0 ? -1 : 0;
}

static void read_basic(struct revoke_says *out, OCSP_BASICRESP *basic,
		       X509 *cert, X509 *issuer, const uint8_t *nonce,
		       int64_t now_s)
{
	X509_STORE *store = trust_in(issuer, now_s);
	STACK_OF(X509) *others = sk_X509_new_null();
	bool nonced = false;

	if (!store || !others || !sk_X509_push(others, issuer))
		out->why = "out of memory";
	else if (compare_nonce(basic, cert, issuer, nonce, &nonced) < 0)
		out->why = "answer to another question";
	else if (OCSP_basic_verify(basic, others, store, 0) != 1)
		out->why = "answer of a stranger";
	else
		judge_status(out, basic, cert, issuer);
	if (out->verdict != REVOKE_UNKNOWN)
		judge_time(out, nonced, now_s);
	sk_X509_free(others);
	X509_STORE_free(store);
}

void revoke_read_ocsp(struct revoke_says *out, struct span response,
		      struct span cert, struct span issuer,
		      const uint8_t *nonce, int64_t now_s)
{
	X509 *x = decode_X509(cert), *ca = decode_X509(issuer);
	OCSP_RESPONSE *rs = decode_OCSP_RESPONSE(response);
	OCSP_BASICRESP *basic = NULL;

	*out = (struct revoke_says){.why = "unreadable answer"};
	if (x && ca && rs) {
		basic = OCSP_response_status(rs) ==
			OCSP_RESPONSE_STATUS_SUCCESSFUL ?
			OCSP_response_get1_basic(rs) : NULL;
		if (basic)
			read_basic(out, basic, x, ca, nonce, now_s);
		else
			out->why = refusal(OCSP_response_status(rs));
	}
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(rs);
	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
}

/* --- CRL ----------------------------------------------------------------------------------- */

/* The library's own check of the path: scope, critical extensions and deltas
 * are its business. */
static int check_path(X509_STORE *store, X509 *cert, X509_CRL *crl)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
	int e = X509_V_ERR_OUT_OF_MEM;

	if (ctx && crls && sk_X509_CRL_push(crls, crl) &&
	    X509_STORE_CTX_init(ctx, store, cert, NULL) == 1) {
		X509_STORE_CTX_set0_crls(ctx, crls);
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK);
		(void)X509_verify_cert(ctx);
		e = X509_STORE_CTX_get_error(ctx);
	}
	sk_X509_CRL_free(crls);
	X509_STORE_CTX_free(ctx);
	return e;
}

static void judge_crl(struct revoke_says *out, X509_CRL *crl, X509 *cert,
		      X509 *issuer, int64_t now_s)
{
	X509_STORE *store = trust_in(issuer, now_s);
	int e = store ? check_path(store, cert, crl) : X509_V_ERR_OUT_OF_MEM;

	X509_STORE_free(store);
	if (e == X509_V_OK)
		*out = (struct revoke_says){REVOKE_GOOD, "good"};
	else if (e == X509_V_ERR_CERT_REVOKED)
		*out = (struct revoke_says){REVOKE_REVOKED, "revoked"};
	else
		out->why = X509_verify_cert_error_string(e);
	if (out->verdict == REVOKE_UNKNOWN)
		return;
	if (!seconds(&out->this_s, X509_CRL_get0_lastUpdate(crl)) ||
	    (X509_CRL_get0_nextUpdate(crl) &&
	     !seconds(&out->next_s, X509_CRL_get0_nextUpdate(crl))))
		*out = (struct revoke_says){.why = "list without a time"};
	else
		judge_time(out, false, now_s);
}

void revoke_read_crl(struct revoke_says *out, struct span crl,
		     struct span cert, struct span issuer, int64_t now_s)
{
	X509 *x = decode_X509(cert), *ca = decode_X509(issuer);
	X509_CRL *list = decode_X509_CRL(crl);

	*out = (struct revoke_says){.why = "unreadable list"};
	if (x && ca && list)
		judge_crl(out, list, x, ca, now_s);
	X509_CRL_free(list);
	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
}
