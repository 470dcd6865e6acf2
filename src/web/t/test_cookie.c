#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "web/cookie.h"

#define N "__Host-cv-0123456789abcdef"

static size_t read_all(const char *const *values, struct span *out)
{
	static struct http_head h;
	h.n_fields = 0;
	for (; *values; values++)
		h.fields[h.n_fields++] = (struct http_field){
			SPAN_LIT("COOKIE"), span_str(*values)};
	return cookie_read(&h, out);
}

static void test_cookie__reads_ours_only(void **st)
{
	(void)st;
	static const char *const v[] = {
		"a=b; " N "=AZaz09-_.;theme=dark; __Host-cv-0123=x",
		"__host-cv-0123456789abcdef=x; __Host-cv-0123456789abcdeF=x; "
		"__Host-cv-0123456789abcdef0=x; " N "; " N "=; " N "=a b; "
		N "=\"q\"; " N "=a,b;;;=;", N "=second", NULL};
	struct span out[COOKIES_MAX];
	assert_int_equal(read_all(v, out), 2);
	assert_true(span_eq(out[0], SPAN_LIT("AZaz09-_.")));
	assert_true(span_eq(out[1], SPAN_LIT("second")));
}

static void test_cookie__keeps_the_youngest_of_many(void **st)
{
	(void)st;
	char text[2048] = "";
	struct span out[COOKIES_MAX];
	for (int i = 0; i < 12; i++) {
		size_t n = strlen(text);
		(void)snprintf(text + n, sizeof(text) - n, "%s" N "=v%d",
			       i ? "; " : "", i);
	}
	const char *const v[] = {text, NULL};
	assert_int_equal(read_all(v, out), COOKIES_MAX);
	assert_true(span_eq(out[0], SPAN_LIT("v4")));
	assert_true(span_eq(out[COOKIES_MAX - 1], SPAN_LIT("v11")));
}

static void test_cookie__leaves_out_what_is_too_long(void **st)
{
	(void)st;
	char text[256];
	const char *const v[] = {text, NULL};
	struct span out[COOKIES_MAX];
	int head = snprintf(text, sizeof(text), N "=");
	memset(text + head, 'x', COOKIE_VALUE_MAX);
	text[head + COOKIE_VALUE_MAX] = 0;
	assert_int_equal(read_all(v, out), 1);
	text[head + COOKIE_VALUE_MAX] = 'x';
	text[head + COOKIE_VALUE_MAX + 1] = 0;
	assert_int_equal(read_all(v, out), 0);
}

static void test_cookie__prints_what_cannot_be_more_than_a_cookie(void **st)
{
	(void)st;
	char dst[COOKIE_LINE_MAX];
	char longest[COOKIE_VALUE_MAX + 1];
	struct span line;
	static const char *const bad[][2] = {
		{"sid", "x"}, {N, ""}, {N, "a;b"}, {N, "a\r\nX: y"},
		{N, "a b"}, {N "\r\n", "x"}, {"__Host-cv-", "x"}, {N, "\xc3"},
	};
	assert_int_equal(cookie_print(dst, SPAN_LIT(N), SPAN_LIT("v-1"),
				      &line), 0);
	assert_true(span_eq(line, SPAN_LIT(N "=v-1; Path=/; Secure; HttpOnly; "
					   "SameSite=Strict; Max-Age=2592000")));
	memset(longest, 'x', COOKIE_VALUE_MAX);
	longest[COOKIE_VALUE_MAX] = 0;
	assert_int_equal(cookie_print(dst, SPAN_LIT(N), span_str(longest),
				      &line), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(cookie_print(dst, span_str(bad[i][0]),
					      span_str(bad[i][1]), &line),
				 E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookie__reads_ours_only),
		cmocka_unit_test(test_cookie__keeps_the_youngest_of_many),
		cmocka_unit_test(test_cookie__leaves_out_what_is_too_long),
		cmocka_unit_test(test_cookie__prints_what_cannot_be_more_than_a_cookie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
