#include "http/t/t.h"
#include "http/host.h"
#include "http/path.h"

static struct http_path p;

static int parse(const char *s)
{
	return http_path_parse(&p, span_str(s));
}

static void test_path__decodes_each_segment_once(void **st)
{
	(void)st;
	assert_int_equal(parse("/a%40b/%2541/x+y/"), 0);
	assert_int_equal(p.n, 3);
	assert_true(p.slash);
	assert_span(p.seg[0], "a@b");
	assert_span(p.seg[1], "%41");
	assert_span(p.seg[2], "x+y");
	assert_int_equal(parse("/"), 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(parse("/a%2Fb"), 0);
	assert_int_equal(p.n, 1);
	assert_span(p.seg[0], "a/b");
	assert_false(p.slash);
}

static void test_path__refuses_what_climbs_or_breaks(void **st)
{
	(void)st;
	static const char *const bad[] = {
		"", "a", "/..", "/a/../b", "/%2e%2E/b", "/.", "//a", "/a//b",
		"/a%", "/a%4", "/a%zz", "/a%00", "/a%0a", "/a%7f", "/%ff",
		"/%c0%80",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(bad[i]), E_FORMAT);
	assert_int_equal(parse("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/10/11"),
			 E_LIMIT);
}

static void test_query__finds_one_value(void **st)
{
	(void)st;
	uint8_t buf[8];
	struct span v;
	assert_int_equal(http_query_get(SPAN_LIT("a=1&token=x%2Dy&b"),
					"token", buf, sizeof(buf), &v), 0);
	assert_span(v, "x-y");
	assert_int_equal(http_query_get(SPAN_LIT("a=1"), "token", buf,
					sizeof(buf), &v), E_NOTFOUND);
	assert_int_equal(http_query_get(SPAN_LIT("token=1&token=2"), "token",
					buf, sizeof(buf), &v), E_FORMAT);
	assert_int_equal(http_query_get(SPAN_LIT("token=123456789"), "token",
					buf, sizeof(buf), &v), E_LIMIT);
	assert_int_equal(http_query_get(SPAN_LIT("token=%0d"), "token", buf,
					sizeof(buf), &v), E_FORMAT);
}

static void test_host__splits_names_and_literals(void **st)
{
	(void)st;
	struct span n;
	uint16_t port = 1;
	assert_int_equal(http_host_split(SPAN_LIT("A.b.:443"), &n, &port), 0);
	assert_span(n, "A.b");
	assert_int_equal(port, 443);
	assert_int_equal(http_host_split(SPAN_LIT("[::1]"), &n, &port), 0);
	assert_span(n, "::1");
	assert_int_equal(port, 0);
	assert_int_equal(http_host_split(SPAN_LIT("[::1]:80"), &n, &port), 0);
	assert_int_equal(port, 80);
	static const char *const bad[] = {
		"", ":80", "a:", "a:b", "a:80:90", "[::1", "[::1]x", "[::1]:",
		"[1.2.3.4]", "a b", "a/b", "a@b", "..", ".a", "a..b",
		"a:65536", "::1", "\377",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(http_host_split(span_str(bad[i]), &n, &port),
				 E_FORMAT);
}

static void test_hosts__admits_only_the_list(void **st)
{
	(void)st;
	struct http_hosts *h = NULL;
	assert_int_equal(http_hosts_new(&h, SPAN_LIT("meet.example,192.0.2.1 "
						     "[2001:db8::1],::1")), 0);
	static const char *const good[] = {
		"meet.example", "MEET.example:8443", "meet.example.",
		"192.0.2.1:8443", "[2001:DB8:0::1]:8443", "[::1]",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(http_hosts_check(h, span_str(good[i])), 0);
	assert_int_equal(http_hosts_check(h, SPAN_LIT("evil.example")),
			 E_NOTFOUND);
	assert_int_equal(http_hosts_check(h, SPAN_LIT("192.0.2.2")),
			 E_NOTFOUND);
	assert_int_equal(http_hosts_check(h, SPAN_LIT("meet.example.evil")),
			 E_NOTFOUND);
	assert_int_equal(http_hosts_check(h, SPAN_LIT("a/b")), E_FORMAT);
	http_hosts_free(&h);
	assert_int_equal(http_hosts_new(&h, SPAN_LIT("a,b/c")), E_FORMAT);
	assert_int_equal(http_hosts_new(&h, SPAN_LIT("")), 0);
	assert_int_equal(http_hosts_check(h, SPAN_LIT("a")), E_NOTFOUND);
	http_hosts_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path__decodes_each_segment_once),
		cmocka_unit_test(test_path__refuses_what_climbs_or_breaks),
		cmocka_unit_test(test_query__finds_one_value),
		cmocka_unit_test(test_host__splits_names_and_literals),
		cmocka_unit_test(test_hosts__admits_only_the_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
