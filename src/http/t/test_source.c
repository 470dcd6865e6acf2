#include "http/t/t.h"
#include "base/alloc_test.h"
#include "base/clock.h"
#include "http/answer.h"
#include "http/source.h"

static const struct source_limits limits = {
	.conns = 2, .rate = {{.per_s = 10, .burst = 3}, {1, 1},
			     [SOURCE_CONN] = {.per_s = 5, .burst = 100}},
};

static struct addr addr(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, span_str(text), 1), 0);
	return a;
}

static struct sources *fresh(void)
{
	struct sources *t = NULL;
	assert_int_equal(sources_new(&t, &limits), 0);
	return t;
}

static void test_sources__caps_connections_per_source(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	struct source_stats s;
	assert_true(sources_enter(t, &a, 1));
	assert_true(sources_enter(t, &a, 1));
	assert_false(sources_enter(t, &a, 1));
	assert_true(sources_enter(t, &b, 1));
	sources_leave(t, &a, 2);
	assert_true(sources_enter(t, &a, 2));
	sources_stats(t, &s);
	assert_int_equal(s.conns_refused, 1);
	assert_int_equal(s.entries, 2);
	sources_free(&t);
}

/* A handshake costs us a signature: not as often as somebody likes. */
static void test_sources__limits_new_connections(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	struct source_stats s;
	for (int i = 0; i < 100; i++) {
		assert_true(sources_enter(t, &a, NS_PER_S));
		sources_leave(t, &a, NS_PER_S);
	}
	assert_false(sources_enter(t, &a, NS_PER_S));
	assert_true(sources_enter(t, &b, NS_PER_S));
	assert_true(sources_enter(t, &a, NS_PER_S + 200 * NS_PER_MS));
	assert_false(sources_enter(t, &a, NS_PER_S + 200 * NS_PER_MS));
	sources_stats(t, &s);
	assert_int_equal(s.rate_refused[SOURCE_CONN], 2);
	assert_int_equal(s.conns_refused, 2);
	sources_free(&t);
}

static void test_sources__takes_an_ipv6_64_as_one_source(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr a = addr("2001:db8::1"), b = addr("2001:db8::2:3"),
		    c = addr("2001:db8:0:1::1");
	assert_true(sources_enter(t, &a, 1));
	assert_true(sources_enter(t, &b, 1));
	assert_false(sources_enter(t, &a, 1));
	assert_true(sources_enter(t, &c, 1));
	sources_free(&t);
}

static void test_sources__refills_by_time(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr a = addr("192.0.2.1");
	uint64_t now = 5 * NS_PER_S;
	assert_true(sources_enter(t, &a, now));
	for (int i = 0; i < 3; i++)
		assert_true(sources_take(t, &a, SOURCE_REQUEST, now));
	assert_false(sources_take(t, &a, SOURCE_REQUEST, now));
	assert_false(sources_take(t, &a, SOURCE_REQUEST, now + 99 * NS_PER_MS));
	assert_true(sources_take(t, &a, SOURCE_REQUEST, now + 100 * NS_PER_MS));
	/* Asking often must not eat the fractions. */
	for (unsigned ms = 101; ms < 200; ms++)
		assert_false(sources_take(t, &a, SOURCE_REQUEST,
					  now + ms * NS_PER_MS));
	assert_true(sources_take(t, &a, SOURCE_REQUEST, now + 200 * NS_PER_MS));
	/* Kinds are apart; leaving and coming back resets nothing. */
	assert_true(sources_take(t, &a, SOURCE_JOIN, now));
	sources_leave(t, &a, now);
	assert_true(sources_enter(t, &a, now));
	assert_false(sources_take(t, &a, SOURCE_JOIN, now));
	/* A very long time fills the bucket and no more. */
	now += UINT64_C(1) << 60;
	for (int i = 0; i < 3; i++)
		assert_true(sources_take(t, &a, SOURCE_REQUEST, now));
	assert_false(sources_take(t, &a, SOURCE_REQUEST, now));
	sources_free(&t);
}

static void test_sources__evicts_only_the_idle(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr keep = addr("192.0.2.1"), a = addr("10.0.0.0");
	struct source_stats s;
	assert_true(sources_enter(t, &keep, 1));
	for (unsigned i = 0; i < SOURCES_MAX + 10; i++) {
		a.ip[13] = (uint8_t)(i >> 16);
		a.ip[14] = (uint8_t)(i >> 8);
		a.ip[15] = (uint8_t)i;
		assert_true(sources_enter(t, &a, 1));
		sources_leave(t, &a, 1);
	}
	sources_stats(t, &s);
	assert_int_equal(s.entries, SOURCES_MAX);
	assert_int_equal(s.evicted, 11);
	assert_true(sources_take(t, &keep, SOURCE_REQUEST, 1));
	sources_free(&t);
}

static int body(void *arg)
{
	struct sources *t = NULL;
	struct addr a = *(struct addr *)arg;
	int r = sources_new(&t, &limits);
	if (r < 0)
		return r;
	bool in = sources_enter(t, &a, 1);
	if (in)
		sources_leave(t, &a, 1);
	sources_free(&t);
	return in ? 0 : E_NOMEM;
}

static void test_sources__survives_each_failing_allocation(void **st)
{
	(void)st;
	struct addr a = addr("192.0.2.1");
	assert_true(alloc_test_every(body, &a, 50) > 0);
}

static void test_date__prints_known_days(void **st)
{
	(void)st;
	static const struct {
		int64_t t;
		const char *text;
	} v[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{951868799, "Tue, 29 Feb 2000 23:59:59 GMT"},
		{951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
		{4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
		{4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
		{-1, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{INT64_MAX, "Thu, 01 Jan 1970 00:00:00 GMT"},
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		char got[HTTP_DATE_LEN + 1];
		http_date_print(got, v[i].t);
		assert_string_equal(got, v[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources__caps_connections_per_source),
		cmocka_unit_test(test_sources__limits_new_connections),
		cmocka_unit_test(test_sources__takes_an_ipv6_64_as_one_source),
		cmocka_unit_test(test_sources__refills_by_time),
		cmocka_unit_test(test_sources__evicts_only_the_idle),
		cmocka_unit_test(test_sources__survives_each_failing_allocation),
		cmocka_unit_test(test_date__prints_known_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
