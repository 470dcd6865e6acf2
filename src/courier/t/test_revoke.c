/* What OCSP responses and CRLs are taken for, and what is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "courier/revoke/kept.h"
#include "courier/t/revoke_kit.h"

enum { NOW = 1800000000, DAY = 86400 };

static struct party ca, leaf, other, responder, impostor, stranger;
static const uint8_t nonce[REVOKE_NONCE_LEN] = {1, 2, 3};

static int setup(void **state)
{
	static const struct kit_ext of_ca[] = {
		{NID_basic_constraints, "critical,CA:TRUE"},
		{NID_key_usage, "critical,keyCertSign,cRLSign"}, {0, NULL}};
	static const struct kit_ext of_leaf[] = {
		{NID_info_access, "OCSP;URI:http://ocsp.example/a,"
		 "caIssuers;URI:http://ocsp.example/ca"},
		{NID_crl_distribution_points,
		 "URI:http://crl.example/a.crl,URI:ldap://crl.example/b"},
		{0, NULL}};
	static const struct kit_ext of_responder[] = {
		{NID_ext_key_usage, "critical,OCSPSigning"},
		{NID_id_pkix_OCSP_noCheck, "ignored"}, {0, NULL}};

	(void)state;
	ca = kit_party("CA", 1, NULL, NOW, of_ca);
	stranger = kit_party("CA", 1, NULL, NOW, of_ca);
	leaf = kit_party("leaf", 2, &ca, NOW, of_leaf);
	other = kit_party("other", 3, &ca, NOW, NULL);
	responder = kit_party("responder", 4, &ca, NOW, of_responder);
	/* signed by the same CA, but nobody made it a responder */
	impostor = kit_party("impostor", 5, &ca, NOW, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_party_free(&ca);
	kit_party_free(&stranger);
	kit_party_free(&leaf);
	kit_party_free(&other);
	kit_party_free(&responder);
	kit_party_free(&impostor);
	return 0;
}

static struct kit_says good(void)
{
	return (struct kit_says){.issuer = &ca, .signer = &ca, .leaf = &leaf,
		.status = V_OCSP_CERTSTATUS_GOOD, .this_s = NOW - 60,
		.next_s = NOW + 3600};
}

static struct revoke_says ask(const struct kit_says *k, const uint8_t *sent)
{
	struct span r = kit_response(k);
	struct revoke_says out;

	revoke_read_ocsp(&out, r, leaf.bytes, ca.bytes, sent, NOW);
	OPENSSL_free((void *)(uintptr_t)r.p);
	return out;
}

#define EXPECT(k, sent, want)                                                 \
	do {                                                                  \
		struct revoke_says s_ = ask(k, sent);                         \
		if (s_.verdict != (want))                                     \
			print_error("%s\n", s_.why);                          \
		assert_int_equal(s_.verdict, want);                           \
	} while (0)

static void test_ocsp__is_believed_of_the_issuer_and_of_its_responder(
	void **state)
{
	struct kit_says k = good();
	struct revoke_says s = ask(&k, nonce);

	(void)state;
	assert_int_equal(s.verdict, REVOKE_GOOD);
	assert_int_equal(s.this_s, NOW - 60);
	assert_int_equal(s.next_s, NOW + 3600);
	k.status = V_OCSP_CERTSTATUS_REVOKED;
	EXPECT(&k, nonce, REVOKE_REVOKED);
	k.signer = &responder;
	k.with_signer = true;
	EXPECT(&k, nonce, REVOKE_REVOKED);
	k.status = V_OCSP_CERTSTATUS_GOOD;
	EXPECT(&k, nonce, REVOKE_GOOD);
}

static void test_ocsp__is_not_believed_of_anybody_else(void **state)
{
	struct kit_says k = good();

	(void)state;
	k.with_signer = true;
	k.signer = &impostor;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
	k.signer = &stranger;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
	k.status = V_OCSP_CERTSTATUS_REVOKED;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
	k = good();
	k.issuer = &stranger;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
	k = good();
	k.leaf = &other;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
	k = good();
	k.status = V_OCSP_CERTSTATUS_UNKNOWN;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
}

static void test_ocsp__is_believed_in_its_time(void **state)
{
	static const struct {
		int64_t this_s, next_s;
		enum revoke_verdict want;
	} rows[] = {
		{NOW + REVOKE_SKEW_S - 1, NOW + 3600, REVOKE_GOOD},
		{NOW + REVOKE_SKEW_S + 1, NOW + 3600, REVOKE_UNKNOWN},
		{NOW - DAY, NOW - REVOKE_SKEW_S + 1, REVOKE_GOOD},
		{NOW - DAY, NOW - REVOKE_SKEW_S - 1, REVOKE_UNKNOWN},
		{NOW - 60, NOW - 120, REVOKE_UNKNOWN},	/* ends before it began */
		{NOW - 60, 0, REVOKE_GOOD},
		{NOW - REVOKE_NO_NEXT_S - REVOKE_SKEW_S - 1, 0,
		 REVOKE_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit_says k = good();

		k.this_s = rows[i].this_s;
		k.next_s = rows[i].next_s;
		EXPECT(&k, NULL, rows[i].want);
	}
}

static void test_ocsp__a_nonce_may_be_absent_but_not_another(void **state)
{
	static const uint8_t another[REVOKE_NONCE_LEN] = {9};
	struct kit_says k = good();

	(void)state;
	EXPECT(&k, nonce, REVOKE_GOOD);		/* it has none */
	k.nonce = nonce;
	EXPECT(&k, nonce, REVOKE_GOOD);
	EXPECT(&k, NULL, REVOKE_GOOD);		/* stapled: none was sent */
	k.nonce = another;
	EXPECT(&k, nonce, REVOKE_UNKNOWN);
}

static void test_ocsp__every_cut_and_every_flip_is_no_answer(void **state)
{
	struct kit_says k = good();
	struct span r = kit_response(&k);
	uint8_t *copy = OPENSSL_memdup(r.p, r.n);
	struct revoke_says s;

	(void)state;
	for (size_t n = 0; n < r.n; n++) {
		revoke_read_ocsp(&s, span_of(r.p, n), leaf.bytes, ca.bytes,
				 nonce, NOW);
		assert_int_equal(s.verdict, REVOKE_UNKNOWN);
	}
	for (size_t i = 0; i < r.n; i++) {
		copy[i] ^= 0x40;
		revoke_read_ocsp(&s, span_of(copy, r.n), leaf.bytes, ca.bytes,
				 nonce, NOW);
		assert_int_not_equal(s.verdict, REVOKE_REVOKED);
		copy[i] ^= 0x40;
	}
	revoke_read_ocsp(&s, r, SPAN_LIT("no certificate"), ca.bytes, nonce,
			 NOW);
	assert_int_equal(s.verdict, REVOKE_UNKNOWN);
	OPENSSL_free(copy);
	OPENSSL_free((void *)(uintptr_t)r.p);
}

static void test_ocsp__asks_for_the_very_certificate(void **state)
{
	uint8_t buf[REVOKE_ASK_MAX];
	const unsigned char *p = buf;
	size_t n;
	OCSP_REQUEST *rq;
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf.cert, ca.cert);

	(void)state;
	assert_int_equal(revoke_ask(buf, &n, leaf.bytes, ca.bytes, nonce), 0);
	rq = d2i_OCSP_REQUEST(NULL, &p, (long)n);
	assert_non_null(rq);
	assert_int_equal(OCSP_request_onereq_count(rq), 1);
	assert_int_equal(OCSP_id_cmp(id, OCSP_onereq_get0_id(
			 OCSP_request_onereq_get0(rq, 0))), 0);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(rq);
	assert_int_equal(revoke_ask(buf, &n, SPAN_LIT("x"), ca.bytes, nonce),
			 E_FORMAT);
}

static enum revoke_verdict list(const struct party *issuer,
				const struct party *signer,
				const struct party *revoked, int64_t this_s,
				int64_t next_s)
{
	struct span r = kit_crl(issuer, signer, revoked, this_s, next_s);
	struct revoke_says s;

	revoke_read_crl(&s, r, leaf.bytes, ca.bytes, NOW);
	OPENSSL_free((void *)(uintptr_t)r.p);
	return s.verdict;
}

static void test_crl__of_the_issuer_and_in_its_time(void **state)
{
	(void)state;
	assert_int_equal(list(&ca, &ca, NULL, NOW - 60, NOW + 60),
			 REVOKE_GOOD);
	assert_int_equal(list(&ca, &ca, &other, NOW - 60, NOW + 60),
			 REVOKE_GOOD);
	assert_int_equal(list(&ca, &ca, &leaf, NOW - 60, NOW + 60),
			 REVOKE_REVOKED);
	assert_int_equal(list(&ca, &stranger, NULL, NOW - 60, NOW + 60),
			 REVOKE_UNKNOWN);
	assert_int_equal(list(&other, &other, NULL, NOW - 60, NOW + 60),
			 REVOKE_UNKNOWN);
	assert_int_equal(list(&ca, &ca, NULL, NOW - DAY, NOW - 3600),
			 REVOKE_UNKNOWN);
	assert_int_equal(list(&ca, &ca, NULL, NOW + 3600, NOW + DAY),
			 REVOKE_UNKNOWN);
}

static void test_places__responders_first_and_http_only(void **state)
{
	static struct revoke_places p;
	static const struct kit_ext many[] = {
		{NID_info_access, "OCSP;URI:http://1.example,"
		 "OCSP;URI:http://2.example,OCSP;URI:http://3.example,"
		 "OCSP;URI:ftp://4.example"},
		{NID_crl_distribution_points, "URI:https://5.example"},
		{0, NULL}};
	struct party x = kit_party("x", 9, &ca, NOW, many);

	(void)state;
	assert_int_equal(revoke_places(&p, leaf.bytes), 0);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.at[0].url, "http://ocsp.example/a");
	assert_false(p.at[0].is_crl);
	assert_string_equal(p.at[1].url, "http://crl.example/a.crl");
	assert_true(p.at[1].is_crl);
	assert_int_equal(revoke_places(&p, x.bytes), 0);
	assert_int_equal(p.n, 3);
	assert_true(p.at[2].is_crl);
	assert_int_equal(revoke_places(&p, other.bytes), 0);
	assert_int_equal(p.n, 0);
	assert_false(p.never);
	assert_int_equal(revoke_places(&p, SPAN_LIT("x")), E_FORMAT);
	kit_party_free(&x);
}

static void test_places__short_lived_ones_say_that_nobody_will(void **state)
{
	static struct revoke_places p;
	struct party x = kit_party("x", 9, &ca, NOW, NULL);
	ASN1_OBJECT *o = OBJ_txt2obj("2.5.29.56", 1);
	ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	(void)state;
	(void)ASN1_OCTET_STRING_set(v, (const unsigned char *)"\x05", 2);
	e = X509_EXTENSION_create_by_OBJ(NULL, o, 0, v);
	(void)X509_add_ext(x.cert, e, -1);
	(void)X509_sign(x.cert, ca.key, EVP_sha256());
	OPENSSL_free(x.der);
	x.der = NULL;
	x.bytes.n = (size_t)i2d_X509(x.cert, &x.der);
	x.bytes.p = x.der;
	assert_int_equal(revoke_places(&p, x.bytes), 0);
	assert_true(p.never);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(v);
	ASN1_OBJECT_free(o);
	kit_party_free(&x);
}

static void test_kept__as_long_as_said_and_the_oldest_gives_way(void **state)
{
	struct revoke_says s = {REVOKE_GOOD, "", NOW, NOW + 100};
	struct kept *k;
	const struct span i = SPAN_LIT("issuer");

	(void)state;
	assert_int_equal(kept_new(&k, 2), 0);
	kept_put(k, SPAN_LIT("a"), i, &s, NOW, 50);
	assert_int_equal(kept_get(k, SPAN_LIT("a"), i, NOW + 49),
			 REVOKE_GOOD);
	assert_int_equal(kept_get(k, SPAN_LIT("a"), SPAN_LIT("x"), NOW),
			 REVOKE_UNKNOWN);
	assert_int_equal(kept_get(k, SPAN_LIT("a"), i, NOW + 50),
			 REVOKE_UNKNOWN);
	s.verdict = REVOKE_REVOKED;
	kept_put(k, SPAN_LIT("a"), i, &s, NOW, 1000);
	kept_put(k, SPAN_LIT("b"), i, &s, NOW, 1000);
	kept_put(k, SPAN_LIT("c"), i, &s, NOW, 1000);
	assert_int_equal(kept_count(k), 2);
	assert_int_equal(kept_get(k, SPAN_LIT("a"), i, NOW), REVOKE_UNKNOWN);
	assert_int_equal(kept_get(k, SPAN_LIT("c"), i, NOW + 99),
			 REVOKE_REVOKED);
	s.next_s = 0;
	kept_put(k, SPAN_LIT("c"), i, &s, NOW, 1000);
	assert_int_equal(kept_get(k, SPAN_LIT("c"), i, NOW), REVOKE_REVOKED);
	s = (struct revoke_says){REVOKE_UNKNOWN, "", NOW, NOW + 100};
	kept_put(k, SPAN_LIT("d"), i, &s, NOW, 1000);
	assert_int_equal(kept_get(k, SPAN_LIT("d"), i, NOW), REVOKE_UNKNOWN);
	kept_free(&k);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ocsp__is_believed_of_the_issuer_and_of_its_responder),
		T(test_ocsp__is_not_believed_of_anybody_else),
		T(test_ocsp__is_believed_in_its_time),
		T(test_ocsp__a_nonce_may_be_absent_but_not_another),
		T(test_ocsp__every_cut_and_every_flip_is_no_answer),
		T(test_ocsp__asks_for_the_very_certificate),
		T(test_crl__of_the_issuer_and_in_its_time),
		T(test_places__responders_first_and_http_only),
		T(test_places__short_lived_ones_say_that_nobody_will),
		T(test_kept__as_long_as_said_and_the_oldest_gives_way),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
