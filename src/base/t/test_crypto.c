#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

static void expect_hex(const void *p, size_t n, const char *hex)
{
	char t[256];

	hex_encode(t, p, n);
	assert_string_equal(t, hex);
}

static void test_crypto__md5_of_abc(void **st)
{
	uint8_t d[MD5_LEN], want[MD5_LEN];
	(void)st;

	assert_int_equal(hex_decode(want, sizeof(want),
		SPAN_LIT("900150983cd24fb0d6963f7d28e17f72")), 0);
	assert_int_equal(crypto_md5(d, SPAN_LIT("abc")), 0);
	assert_memory_equal(d, want, sizeof(d));
}

static void test_crypto__sha256_of_abc(void **s)
{
	uint8_t d[SHA256_LEN];

	(void)s;
	assert_int_equal(crypto_sha256(d, SPAN_LIT("abc")), 0);
	expect_hex(d, sizeof(d), "ba7816bf8f01cfea414140de5dae2223b00361a39617"
		   "7a9cb410ff61f20015ad");
}

/* RFC 4231 test case 2, RFC 2202 test case 2. */
static void test_crypto__hmac_vectors(void **s)
{
	struct span data = SPAN_LIT("what do ya want for nothing?");
	uint8_t d[SHA256_LEN];

	(void)s;
	assert_int_equal(crypto_hmac_sha256(d, SPAN_LIT("Jefe"), data), 0);
	expect_hex(d, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec"
		   "58b964ec3843");
	assert_int_equal(crypto_hmac_sha1(d, SPAN_LIT("Jefe"), data), 0);
	expect_hex(d, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	assert_int_equal(crypto_hmac_sha1(d, SPAN_NONE, SPAN_NONE), 0);
	expect_hex(d, 20, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

/* RFC 5869 test case 1. */
static void test_crypto__hkdf_vector(void **s)
{
	uint8_t ikm[22], salt[13], info[10], out[42];

	(void)s;
	memset(ikm, 0x0b, sizeof(ikm));
	for (uint8_t i = 0; i < 13; i++)
		salt[i] = i;
	for (uint8_t i = 0; i < 10; i++)
		info[i] = (uint8_t)(0xf0 + i);
	assert_int_equal(crypto_hkdf(out, sizeof(out), span_of(ikm, 22),
				     span_of(salt, 13), span_of(info, 10)), 0);
	expect_hex(out, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5d"
		   "b02d56ecc4c5bf34007208d5b887185865");
	/* test case 3: no salt, no info */
	assert_int_equal(crypto_hkdf(out, sizeof(out), span_of(ikm, 22),
				     SPAN_NONE, SPAN_NONE), 0);
	expect_hex(out, 42, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3"
		   "454e5f3c738d2d9d201395faa4b61a96c8");
}

static void test_crypto__sealed_box_detects_every_changed_byte(void **s)
{
	uint8_t key[AEAD_KEY_LEN] = {1}, box[AEAD_SEALED_LEN(5)], out[5];
	struct span k = span_of(key, sizeof(key));
	struct span b = span_of(box, sizeof(box));

	(void)s;
	assert_int_equal(crypto_seal(box, k, SPAN_LIT("12345"),
				     SPAN_LIT("table/row")), 0);
	assert_int_equal(crypto_open(out, k, b, SPAN_LIT("table/row")), 0);
	assert_memory_equal(out, "12345", 5);
	assert_int_equal(crypto_open(out, k, b, SPAN_LIT("table/other")),
			 E_AUTH);
	for (size_t i = 0; i < sizeof(box); i++) {
		box[i] ^= 1;
		assert_int_equal(crypto_open(out, k, b, SPAN_LIT("table/row")),
				 E_AUTH);
		box[i] ^= 1;
	}
	assert_int_equal(crypto_open(out, k, span_of(box, 27),
				     SPAN_LIT("table/row")), E_TRUNC);
	assert_int_equal(crypto_warm(), 0);
}

static void test_crypto__crc32_check_value(void **s)
{
	(void)s;
	assert_int_equal(crypto_crc32(SPAN_LIT("123456789")), 0xcbf43926);
}

static void test_secret__compares_and_wipes(void **s)
{
	struct secret x, y = {0};

	(void)s;
	assert_int_equal(secret_init(&x, "1234", 4), 0);
	assert_true(secret_equal(secret_span(&x), SPAN_LIT("1234")));
	assert_false(secret_equal(secret_span(&x), SPAN_LIT("1235")));
	assert_false(secret_equal(secret_span(&x), SPAN_LIT("123")));
	secret_release(&x);
	assert_null(x.p);
	secret_release(&y);
}

/* More than a thread keeps, released and made again: each alone on its page,
 * and nothing of the one before in it. */
static void test_secret__a_page_is_used_again_empty(void **s)
{
	enum { MANY = 20, PAGE = 4096 };
	static const uint8_t zero[PAGE];
	uint8_t bytes[PAGE];
	struct secret x[MANY];

	(void)s;
	memset(bytes, 0xa5, sizeof(bytes));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(secret_init(&x[i], NULL, PAGE), 0);
			assert_memory_equal(x[i].p, zero, PAGE);
			memcpy(x[i].p, bytes, PAGE);
			for (int k = 0; k < i; k++)
				assert_ptr_not_equal(x[i].p, x[k].p);
		}
		for (int i = 0; i < MANY; i++) {
			x[i].n = 1;	/* its owner may have cut it */
			secret_release(&x[i]);
		}
	}
	assert_int_equal(secret_init(&x[0], NULL, PAGE + 1), 0);
	secret_release(&x[0]);
}

static void test_log__one_line_escaped_and_limited(void **s)
{
	int p[2];
	char buf[8192];
	ssize_t n;
	unsigned lines = 0;

	(void)s;
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	log_open(p[1], "test", 3);
	log_warn("mod", "peer said", LOG_T("text", SPAN_LIT("a\nb")),
		 LOG_U("n", 7), LOG_E("err", E_AUTH));
	n = read(p[0], buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = 0;
	assert_non_null(strstr(buf, "test/3 mod: peer said text=\"a\\x0ab\" "
			       "n=7 err=E_AUTH\n"));
	for (int i = 0; i < 50; i++)
		log_warn("mod", "again");
	n = read(p[0], buf, sizeof(buf) - 1);
	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	/* at most two seconds' worth, should the second change meanwhile */
	assert_in_range(lines, LOG_SITE_PER_S, 2 * LOG_SITE_PER_S);
	log_open(2, "test", 0);
	close(p[0]);
	close(p[1]);
}

static void test_log__a_full_pipe_drops_and_counts(void **s)
{
	int p[2];
	char junk[65536] = {0};
	uint64_t before = log_dropped();

	(void)s;
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(p[1], junk, sizeof(junk)) > 0)
		;
	while (write(p[1], junk, 1) > 0)
		;
	log_open(p[1], "test", 0);
	log_error("mod", "lost");
	assert_int_equal(log_dropped(), before + 1);
	log_open(2, "test", 0);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_crypto__sha256_of_abc),
		cmocka_unit_test(test_crypto__md5_of_abc),
		cmocka_unit_test(test_crypto__hmac_vectors),
		cmocka_unit_test(test_crypto__hkdf_vector),
		cmocka_unit_test(test_crypto__sealed_box_detects_every_changed_byte),
		cmocka_unit_test(test_crypto__crc32_check_value),
		cmocka_unit_test(test_secret__compares_and_wipes),
		cmocka_unit_test(test_secret__a_page_is_used_again_empty),
		cmocka_unit_test(test_log__one_line_escaped_and_limited),
		cmocka_unit_test(test_log__a_full_pipe_drops_and_counts),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
