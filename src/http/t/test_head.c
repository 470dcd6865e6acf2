#include "http/t/t.h"
#include "http/head.h"

static struct http_head h;
static unsigned status;

static int parse(const char *s)
{
	status = 0;
	return http_head_parse(&h, span_str(s), &status);
}

static void refused(const char *s, unsigned with)
{
	assert_true(parse(s) < 0);
	assert_int_equal(status, with);
}

#define OK_HEAD "Host: a.example\r\n"

static void test_head__reads_a_browser_request(void **st)
{
	(void)st;
	struct span v;
	assert_int_equal(parse("POST /api/x%40y?a=b&c HTTP/1.1\r\n"
			       "Host: a.example:8443\r\nToken:  abc \r\n"
			       "Content-Length: 12\r\nConnection: keep-alive"
			       "\r\n\r\n"), 0);
	assert_int_equal(h.method, HTTP_POST);
	assert_span(h.path, "/api/x%40y");
	assert_span(h.query, "a=b&c");
	assert_span(h.host, "a.example:8443");
	assert_int_equal(h.body_len, 12);
	assert_false(h.close);
	assert_true(http_head_get(&h, "token", &v));
	assert_span(v, "abc");
	assert_false(http_head_get(&h, "pin", &v));
}

static void test_head__hears_close_in_a_list(void **st)
{
	(void)st;
	assert_int_equal(parse("GET / HTTP/1.1\r\n" OK_HEAD
			       "Connection: upgrade, Close\r\n\r\n"), 0);
	assert_true(h.close);
}

static void test_head__refuses_ambiguous_framing(void **st)
{
	(void)st;
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 3\r\n"
		"Transfer-Encoding: chunked\r\n\r\n", 400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD
		"Transfer-Encoding: chunked\r\n\r\n", 501);
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 3\r\n"
		"Content-Length: 3\r\n\r\n", 400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 3, 3\r\n\r\n",
		400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: +3\r\n\r\n",
		400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 0x3\r\n\r\n",
		400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD "Content-Length:\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "Content-Length: 3\r\n\r\n", 400);
	refused("POST / HTTP/1.1\r\n" OK_HEAD
		"Content-Length: 99999999999999999999\r\n\r\n", 400);
}

static void test_head__refuses_folds_and_odd_line_ends(void **st)
{
	(void)st;
	refused("GET / HTTP/1.1\r\n" OK_HEAD "X: a\r\n b\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "\tX: a\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "X : a\r\n\r\n", 400);
	refused("GET / HTTP/1.1\n" OK_HEAD "\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "X: a\nY: b\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "X: a\rY: b\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "X: \001\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD ": a\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "nocolon\r\n\r\n", 400);
	refused("\r\nGET / HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
}

static void test_head__refuses_second_copies(void **st)
{
	(void)st;
	refused("GET / HTTP/1.1\r\n" OK_HEAD "hOST: b\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "token: a\r\nToken: a\r\n\r\n",
		400);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "pin: 1\r\npin: 1\r\n\r\n", 400);
	assert_int_equal(parse("GET / HTTP/1.1\r\n" OK_HEAD "Accept: a\r\n"
			       "Accept: b\r\n\r\n"), 0);
}

static void test_head__needs_a_host(void **st)
{
	(void)st;
	refused("GET / HTTP/1.1\r\n\r\n", 400);
	refused("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400);
}

static void test_head__refuses_other_request_lines(void **st)
{
	(void)st;
	refused("GET / HTTP/1.0\r\n" OK_HEAD "\r\n", 505);
	refused("GET / HTTP/2.0\r\n" OK_HEAD "\r\n", 505);
	refused("GET / ICAP/1.0\r\n" OK_HEAD "\r\n", 400);
	refused("GET http://a.example/ HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("OPTIONS * HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("GET  / HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("GET / /x HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("GET /\377 HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("GET /#a HTTP/1.1\r\n" OK_HEAD "\r\n", 400);
	refused("DELETE / HTTP/1.1\r\n" OK_HEAD "\r\n", 405);
	refused("get / HTTP/1.1\r\n" OK_HEAD "\r\n", 405);
	refused("GET / HTTP/1.1\r\n" OK_HEAD "Expect: tea\r\n\r\n", 417);
}

static void test_head__limits_fields_and_target(void **st)
{
	(void)st;
	char big[HTTP_TARGET_MAX + 64];
	char many[8192];
	size_t n = (size_t)snprintf(many, sizeof(many),
				    "GET / HTTP/1.1\r\n" OK_HEAD);
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n,
				      "X%d: 1\r\n", i);
	(void)snprintf(many + n, sizeof(many) - n, "\r\n");
	refused(many, 431);
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	memcpy(big + HTTP_TARGET_MAX + 6, " HTTP/1.1\r\nHost: a\r\n\r\n",
	       sizeof(" HTTP/1.1\r\nHost: a\r\n\r\n"));
	refused(big, 414);
}

static void test_head_end__finds_the_end_bytewise(void **st)
{
	(void)st;
	static const char text[] = "GET / HTTP/1.1\r\r\n\r\r\nA\r\n\r\nrest";
	struct span s = span_str(text);
	size_t scanned = 0, end = s.n - 4;
	for (size_t i = 0; i < end; i++)
		assert_int_equal(http_head_end(span_of(s.p, i), &scanned), 0);
	assert_int_equal(http_head_end(span_of(s.p, end), &scanned), end);
	scanned = 0;
	assert_int_equal(http_head_end(s, &scanned), end);
	scanned = 0;
	assert_int_equal(http_head_end(SPAN_NONE, &scanned), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head__reads_a_browser_request),
		cmocka_unit_test(test_head__hears_close_in_a_list),
		cmocka_unit_test(test_head__refuses_ambiguous_framing),
		cmocka_unit_test(test_head__refuses_folds_and_odd_line_ends),
		cmocka_unit_test(test_head__refuses_second_copies),
		cmocka_unit_test(test_head__needs_a_host),
		cmocka_unit_test(test_head__refuses_other_request_lines),
		cmocka_unit_test(test_head__limits_fields_and_target),
		cmocka_unit_test(test_head_end__finds_the_end_bytewise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
