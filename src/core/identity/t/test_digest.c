#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "core/identity/digest.h"

/* The example of RFC 7616 3.9.1. */
static struct digest_facts example(enum digest_alg alg)
{
	return (struct digest_facts){
		.alg = alg, .username = SPAN_LIT("Mufasa"),
		.realm = SPAN_LIT("http-auth@example.org"),
		.nonce = SPAN_LIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
		.nc = SPAN_LIT("00000001"),
		.cnonce = SPAN_LIT("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
		.uri = SPAN_LIT("/dir/index.html"), .method = SPAN_LIT("GET")};
}

static const char password[] = "Circle of Life";

static void check(enum digest_alg alg, const char *want)
{
	const struct digest_facts f = example(alg);
	uint8_t out[DIGEST_RESPONSE_MAX], w[DIGEST_RESPONSE_MAX];
	const size_t n = digest_response_len(alg);

	assert_int_equal(digest_response(out, &f, span_str(password)), 0);
	assert_int_equal(hex_decode(w, n, span_str(want)), 0);
	assert_memory_equal(out, w, n);
	assert_true(digest_is_right(&f, span_str(password), span_of(w, n)));
	assert_false(digest_is_right(&f, SPAN_LIT("circle of life"),
				     span_of(w, n)));
	assert_false(digest_is_right(&f, span_str(password),
				     span_of(w, n - 1)));
	w[0] ^= 1;
	assert_false(digest_is_right(&f, span_str(password), span_of(w, n)));
}

static void test_digest__is_that_of_the_rfc(void **state)
{
	(void)state;
	check(DIGEST_BY_SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf449679"
	      "4697cf8db5856cb6c1");
	check(DIGEST_BY_MD5, "8ca523f5e9506fed4657c9700eebdbec");
}

static void test_digest__each_text_counts(void **state)
{
	const struct digest_facts good = example(DIGEST_BY_SHA256);
	uint8_t want[DIGEST_RESPONSE_MAX];
	struct span *field[7];
	struct digest_facts f = good;

	(void)state;
	assert_int_equal(digest_response(want, &good, span_str(password)), 0);
	field[0] = &f.username; field[1] = &f.realm; field[2] = &f.nonce;
	field[3] = &f.nc; field[4] = &f.cnonce; field[5] = &f.uri;
	field[6] = &f.method;
	for (size_t i = 0; i < 7; i++) {
		f = good;
		*field[i] = SPAN_LIT("another");
		assert_false(digest_is_right(&f, span_str(password),
					     span_of(want, sizeof(want))));
		*field[i] = SPAN_NONE;
		assert_false(digest_is_right(&f, span_str(password),
					     span_of(want, sizeof(want))));
	}
}

static void test_digest__long_texts_are_refused(void **state)
{
	static char big[DIGEST_PART_MAX + 1];
	struct digest_facts f = example(DIGEST_BY_SHA256);
	uint8_t out[DIGEST_RESPONSE_MAX];

	(void)state;
	memset(big, 'a', sizeof(big));
	f.uri = span_of(big, DIGEST_PART_MAX);
	assert_int_equal(digest_response(out, &f, span_str(password)), 0);
	f.uri = span_of(big, sizeof(big));
	assert_true(digest_response(out, &f, span_str(password)) < 0);
	f.uri = span_of(big, DIGEST_PART_MAX);
	f.nonce = f.cnonce = f.nc = f.uri;
	assert_true(digest_response(out, &f, span_str(password)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest__is_that_of_the_rfc),
		cmocka_unit_test(test_digest__each_text_counts),
		cmocka_unit_test(test_digest__long_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
