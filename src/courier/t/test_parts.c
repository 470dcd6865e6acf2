/* The pure parts: URLs and JSON. The rest is tested by test_process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "courier/json/json.h"
#include "courier/url.h"
#include "courier/wipe.h"

static void test_courier_url__one_spelling(void **state)
{
	static const struct {
		const char *in, *out;
		bool literal;
	} rows[] = {
		{"https://a.example", "https://a.example/", false},
		{"HTTPS://A.Example.:443/x", "https://a.example/x", false},
		{"https://a.example?q=1", "https://a.example/?q=1", false},
		{"https://a.example:8443/x?y", "https://a.example:8443/x?y",
		 false},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/",
		 false},
		{"https://192.0.2.1/", "https://192.0.2.1/", true},
		{"https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443/",
		 true},
		{"https://[::ffff:192.0.2.1]/", "https://192.0.2.1/", true},
		{"https://a1.2b/", "https://a1.2b/", false},
	};
	static char text[URL_PRINT_MAX];
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(url_parse(&u, span_str(rows[i].in)), 0);
		url_print(&u, text);
		assert_string_equal(text, rows[i].out);
		assert_int_equal(u.is_literal, rows[i].literal);
	}
}

static void test_courier_url__refuses(void **state)
{
	static const char *const bad[] = {
		"https://", "https://:443/", "https://a:/", "https://a:x/",
		"https://a:65536/", "https://-/\x7f", "https://a/{", "https://.",
		"https://a..b/", "https://1/", "https://a.0x1/", "https://a.1/",
		"https://1.2.3.4.5/", "https://01.2.3.4/", "https://[::1/",
		"https://[::1]x/", "https://[1.2.3.4]/", "https://[fe80::1%eth0]/",
		"https://a%2eb/", "https://a@b/", "https:/a/", "http://a/",
	};
	static uint8_t big[URL_MAX + 1];
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (url_parse(&u, span_str(bad[i])) != E_FORMAT)
			fail_msg("%s", bad[i]);
	memset(big, 'a', sizeof(big));
	memcpy(big, "https://a/", 10);
	assert_int_equal(url_parse(&u, span_of(big, URL_MAX)), 0);
	assert_int_equal(url_parse(&u, span_of(big, URL_MAX + 1)), E_LIMIT);
	memset(big + 8, 'a', 64);
	assert_int_equal(url_parse(&u, span_of(big, 72)), E_FORMAT);
}

static int read_one(void *arg)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct arena *a = NULL;
	int e = arena_new(&a, ANSWER_ARENA_BYTES);

	if (e == 0)
		e = answer_read(&r, span_str(arg), a);
	arena_free(&a);
	return e;
}

static void test_courier_json__limits(void **state)
{
	static char deep[ANSWER_DEPTH_MAX * 2 + 3];

	(void)state;
	answer_warm();
	memset(deep, '[', ANSWER_DEPTH_MAX);
	memset(deep + ANSWER_DEPTH_MAX, ']', ANSWER_DEPTH_MAX);
	assert_int_equal(read_one(deep), 0);
	memset(deep, '[', ANSWER_DEPTH_MAX + 1);
	memset(deep + ANSWER_DEPTH_MAX + 1, ']', ANSWER_DEPTH_MAX + 1);
	assert_int_equal(read_one(deep), E_FORMAT);
	assert_int_equal(read_one((void *)(uintptr_t)"]"), E_FORMAT);
	assert_int_equal(read_one((void *)(uintptr_t)"{\"a\":\"[[[[\"}"), 0);
	assert_int_equal(read_one((void *)(uintptr_t)""), E_FORMAT);
	assert_true(alloc_test_every(read_one,
		(void *)(uintptr_t)"{\"a\":[1,2.5,\"x\",null],\"b\":{}}",
		200) > 1);
}

static void test_courier_wipe__keeps_and_zeroes(void **state)
{
	char *p = wipe_strdup("secret");

	(void)state;
	p = wipe_realloc(p, 4000);
	assert_string_equal(p, "secret");
	wipe_free(p);
	wipe_free(NULL);
	p = wipe_calloc(3, 5);
	for (int i = 0; i < 15; i++)
		assert_int_equal(p[i], 0);
	wipe_free(p);
	assert_null(wipe_calloc(SIZE_MAX, 2));
	assert_null(wipe_alloc(SIZE_MAX));
	assert_int_equal(mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_courier_url__one_spelling),
		cmocka_unit_test(test_courier_url__refuses),
		cmocka_unit_test(test_courier_json__limits),
		cmocka_unit_test(test_courier_wipe__keeps_and_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
