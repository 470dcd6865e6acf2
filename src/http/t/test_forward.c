#include "http/t/t.h"
#include "base/wr.h"
#include "http/forward.h"

static struct http_proxies proxies(const char *list)
{
	struct http_proxies p;
	assert_int_equal(http_proxies_parse(&p, span_str(list)), 0);
	return p;
}

static struct addr addr(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, span_str(text), 0), 0);
	return a;
}

static void test_proxies__are_addresses_and_prefixes(void **st)
{
	(void)st;
	struct http_proxies p =
		proxies(" 192.0.2.7 ,10.1.2.0/24, 2001:db8:5::/48,::1");
	static const struct {
		const char *ip;
		bool in;
	} v[] = {
		{"192.0.2.7", true}, {"192.0.2.8", false},
		{"::ffff:192.0.2.7", true}, {"10.1.2.0", true},
		{"10.1.2.255", true}, {"10.1.3.0", false},
		{"2001:db8:5:ffff::9", true}, {"2001:db8:6::", false},
		{"::1", true}, {"::2", false}, {"0.0.0.1", false},
	};
	assert_int_equal(p.n, 4);
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct addr a = addr(v[i].ip);
		assert_int_equal(http_proxies_have(&p, &a), v[i].in);
	}
	p = proxies("");
	struct addr a = addr("127.0.0.1");
	assert_false(http_proxies_have(&p, &a));
}

static void test_proxies__refuses_what_would_believe_everybody(void **st)
{
	(void)st;
	static const char *const bad[] = {
		"0.0.0.0/0", "::/0", "10.0.0.0/33", "2001:db8::/129", "x",
		"10.0.0.0/", "10.0.0.0/8/8", ",", "10.0.0.0/-1",
		"10.0.0.1 10.0.0.2", "proxy.example.org",
	};
	struct http_proxies p = proxies("10.0.0.1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(http_proxies_parse(&p, span_str(bad[i])),
				 E_FORMAT);
	assert_int_equal(p.n, 1);
	char many[2048];
	struct wr w = wr_of(many, sizeof(many));
	struct span list;
	for (int i = 0; i <= HTTP_PROXIES_MAX; i++)
		wr_str(&w, i ? ",10.0.0.1" : "10.0.0.1");
	assert_int_equal(wr_end(&w, &list), 0);
	assert_int_equal(http_proxies_parse(&p, list), E_LIMIT);
}

/* NULL ends the list of field values, first to last. */
static int source(struct addr *out, const char *proxy_list,
		  const char *const *values)
{
	struct http_proxies p = proxies(proxy_list);
	struct http_head h = {.n_fields = 0};
	h.fields[h.n_fields++] = (struct http_field){
		SPAN_LIT("X-Real-IP"), SPAN_LIT("198.51.100.99")};
	for (; *values; values++)
		h.fields[h.n_fields++] = (struct http_field){
			SPAN_LIT("x-forwarded-FOR"), span_str(*values)};
	h.fields[h.n_fields++] = (struct http_field){
		SPAN_LIT("Forwarded"), SPAN_LIT("for=198.51.100.98")};
	return http_forward_source(out, &p, &h);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void finds(const char *want, const char *const *values)
{
	struct addr a, w = addr(want);
	assert_int_equal(source(&a, "10.0.0.0/8,2001:db8:5::/48", values), 0);
	assert_true(addr_eq(&a, &w));
}

static void test_forward__takes_the_first_stranger_from_the_right(void **st)
{
	(void)st;
	finds("203.0.113.5", LIST("203.0.113.5"));
	finds("203.0.113.5", LIST("  203.0.113.5\t"));
	finds("203.0.113.5", LIST("203.0.113.5, 10.9.9.9"));
	finds("203.0.113.5", LIST("203.0.113.5,10.9.9.9,2001:db8:5::1"));
	finds("2001:db8::7", LIST("2001:db8::7, 10.0.0.2"));
	finds("203.0.113.5", LIST("203.0.113.5:4711"));
	finds("2001:db8::7", LIST("[2001:db8::7]:443, [2001:db8:5::1]"));
	finds("203.0.113.5", LIST("::ffff:203.0.113.5"));
	/* some proxies append a field of their own */
	finds("203.0.113.5", LIST("198.51.100.1", "203.0.113.5", "10.0.0.3"));
	finds("127.0.0.1", LIST("127.0.0.1"));
}

static void test_forward__reads_nothing_that_the_client_wrote(void **st)
{
	(void)st;
	static char junk[9000];
	finds("203.0.113.5", LIST("10.0.0.1, 203.0.113.5"));
	finds("203.0.113.5", LIST("198.51.100.7, 203.0.113.5"));
	finds("203.0.113.5", LIST("garbage,, ;, 203.0.113.5"));
	memset(junk, ',', sizeof(junk) - 20);
	memcpy(junk + sizeof(junk) - 20, " 203.0.113.5", 13);
	finds("203.0.113.5", LIST(junk));
	memset(junk, 'a', sizeof(junk) - 20);
	junk[sizeof(junk) - 21] = ',';
	finds("203.0.113.5", LIST("x", junk));
}

static void fails(int error, const char *const *values)
{
	struct addr a = addr("192.0.2.99"), was = a;
	assert_int_equal(source(&a, "10.0.0.0/8", values), error);
	assert_true(addr_eq(&a, &was));
}

static void test_forward__says_when_the_proxy_does_not(void **st)
{
	(void)st;
	char many[512];
	struct wr w = wr_of(many, sizeof(many));
	wr_str(&w, "203.0.113.5");
	fails(E_NOTFOUND, LIST(NULL));
	fails(E_FORMAT, LIST(""));
	fails(E_FORMAT, LIST("unknown"));
	fails(E_FORMAT, LIST("203.0.113.5, unknown"));
	fails(E_FORMAT, LIST("203.0.113.5,"));
	fails(E_FORMAT, LIST("203.0.113.5, 10.0.0.1,"));
	fails(E_FORMAT, LIST("10.0.0.1"));
	fails(E_FORMAT, LIST(",10.0.0.1"));
	fails(E_FORMAT, LIST("203.0.113.5 198.51.100.1"));
	fails(E_FORMAT, LIST("203.0.113.256"));
	fails(E_FORMAT, LIST("203.0.113.5:99999"));
	fails(E_FORMAT, LIST("[203.0.113.5]"));
	fails(E_FORMAT, LIST("[2001:db8::7"));
	fails(E_FORMAT, LIST("[2001:db8::7]x"));
	fails(E_FORMAT, LIST("0.0.0.0"));
	fails(E_FORMAT, LIST("::"));
	fails(E_FORMAT, LIST("224.0.0.1"));
	fails(E_FORMAT, LIST("255.255.255.255"));
	fails(E_FORMAT, LIST("ff02::1"));
	fails(E_LIMIT, LIST("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	for (int i = 0; i <= HTTP_FORWARD_HOPS; i++)
		wr_str(&w, ",10.0.0.1");
	wr_u8(&w, 0);
	fails(E_LIMIT, LIST(many));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxies__are_addresses_and_prefixes),
		cmocka_unit_test(test_proxies__refuses_what_would_believe_everybody),
		cmocka_unit_test(test_forward__takes_the_first_stranger_from_the_right),
		cmocka_unit_test(test_forward__reads_nothing_that_the_client_wrote),
		cmocka_unit_test(test_forward__says_when_the_proxy_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
