#include "http/t/t.h"
#include "base/alloc_test.h"
#include "base/clock.h"
#include "http/answer.h"
#include "http/source.h"

static const struct source_limits limits = {
	.rate = {{.per_s = 10, .burst = 3}, {1, 1},
		 [SOURCE_CONN] = {.per_s = 5, .burst = 100},
		 [SOURCE_WRITE] = {1, 8}},
	.total = {{1000, 1000}, {1000, 1000}, {1000000, 1000000}, {1, 16}},
	.held = {2, 2, 2, 2},
	.total_held = {100, 100, 100, 100},
};

static bool sources_enter(struct sources *t, const struct addr *a,
			  uint64_t now_ns)
{
	return sources_take(t, a, SOURCE_CONN, SOURCE_HOME, now_ns) &&
	       sources_hold(t, a, SOURCE_CONNS, now_ns);
}

static void sources_leave(struct sources *t, const struct addr *a)
{
	sources_drop(t, a, SOURCE_CONNS);
}

static bool ask(struct sources *t, const struct addr *a,
		enum source_rate kind, uint64_t now_ns)
{
	return sources_take(t, a, kind, SOURCE_PROOF, now_ns);
}

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
	sources_leave(t, &a);
	assert_true(sources_enter(t, &a, 2));
	sources_stats(t, &s);
	assert_int_equal(s.held_refused[SOURCE_CONNS], 1);
	assert_int_equal(s.held[SOURCE_CONNS], 3);
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
		sources_leave(t, &a);
	}
	assert_false(sources_enter(t, &a, NS_PER_S));
	assert_true(sources_enter(t, &b, NS_PER_S));
	assert_true(sources_enter(t, &a, NS_PER_S + 200 * NS_PER_MS));
	assert_false(sources_enter(t, &a, NS_PER_S + 200 * NS_PER_MS));
	sources_stats(t, &s);
	assert_int_equal(s.rate_refused[SOURCE_CONN], 2);
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
		assert_true(ask(t, &a, SOURCE_REQUEST, now));
	assert_false(ask(t, &a, SOURCE_REQUEST, now));
	assert_false(ask(t, &a, SOURCE_REQUEST, now + 99 * NS_PER_MS));
	assert_true(ask(t, &a, SOURCE_REQUEST, now + 100 * NS_PER_MS));
	/* Asking often must not eat the fractions. */
	for (unsigned ms = 101; ms < 200; ms++)
		assert_false(ask(t, &a, SOURCE_REQUEST,
					  now + ms * NS_PER_MS));
	assert_true(ask(t, &a, SOURCE_REQUEST, now + 200 * NS_PER_MS));
	/* Kinds are apart; leaving and coming back resets nothing. */
	assert_true(ask(t, &a, SOURCE_JOIN, now));
	sources_leave(t, &a);
	assert_true(sources_enter(t, &a, now));
	assert_false(ask(t, &a, SOURCE_JOIN, now));
	/* A very long time fills the bucket and no more. */
	now += UINT64_C(1) << 60;
	for (int i = 0; i < 3; i++)
		assert_true(ask(t, &a, SOURCE_REQUEST, now));
	assert_false(ask(t, &a, SOURCE_REQUEST, now));
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
		sources_leave(t, &a);
	}
	sources_stats(t, &s);
	assert_int_equal(s.entries, SOURCES_MAX);
	assert_int_equal(s.evicted, 11);
	assert_true(ask(t, &keep, SOURCE_REQUEST, 1));
	sources_free(&t);
}

/* Common bucket of 16, sources' own of 8. */
static unsigned drink(struct sources *t, const struct addr *a,
		      enum source_rank rank)
{
	unsigned n = 0;
	while (n < 100 && sources_take(t, a, SOURCE_WRITE, rank, 1))
		n++;
	return n;
}

static void test_sources__strangers_leave_something_for_the_rest(void **st)
{
	(void)st;
	struct sources *t = fresh();
	struct addr a = addr("192.0.2.1"), b = addr("198.51.100.2"),
		    c = addr("203.0.113.3");
	struct source_stats s;
	/* of the own bucket a quarter */
	assert_int_equal(drink(t, &a, SOURCE_STRANGER), 6);
	assert_int_equal(drink(t, &a, SOURCE_PROOF), 2);
	/* the common one holds 8 now: only those who ask little */
	assert_int_equal(drink(t, &b, SOURCE_STRANGER), 1);
	assert_int_equal(drink(t, &c, SOURCE_STRANGER), 1);
	assert_int_equal(drink(t, &c, SOURCE_PROOF), 4);
	assert_int_equal(drink(t, &b, SOURCE_PROOF), 0);
	assert_int_equal(drink(t, &c, SOURCE_HOME), 0);
	/* people inside take the last ones, whatever their source did */
	assert_int_equal(drink(t, &a, SOURCE_INSIDE), 2);
	sources_stats(t, &s);
	assert_true(s.total_refused[SOURCE_WRITE] >= 3);
	sources_free(&t);
}

static void test_sources__false_proofs_rank_nowhere(void **st)
{
	(void)st;
	enum { MINUTE = 60 };
	struct sources *t = fresh();
	struct addr a = addr("192.0.2.1");
	uint64_t now = 1;
	assert_int_equal(drink(t, &a, SOURCE_PROOF), 8);
	for (int i = 0; i < 100; i++)
		sources_judge(t, &a, false, now);
	/* of his own bucket and the common one he leaves what strangers leave */
	now += MINUTE * NS_PER_S;
	for (int i = 0; i < 6; i++)
		assert_true(sources_take(t, &a, SOURCE_WRITE, SOURCE_PROOF,
					 now));
	assert_false(sources_take(t, &a, SOURCE_WRITE, SOURCE_PROOF, now));
	assert_true(sources_take(t, &a, SOURCE_WRITE, SOURCE_INSIDE, now));
	/* forgiven by time */
	now += 15 * MINUTE * NS_PER_S;
	for (int i = 0; i < 8; i++)
		assert_true(sources_take(t, &a, SOURCE_WRITE, SOURCE_PROOF,
					 now));
	/* who forgets his PIN now and then, and then gets in, is no liar */
	for (int i = 0; i < 100; i++)
		sources_judge(t, &a, i % 2, now);
	now += NS_PER_S * MINUTE;
	for (int i = 0; i < 8; i++)
		assert_true(sources_take(t, &a, SOURCE_WRITE, SOURCE_PROOF,
					 now));
	sources_free(&t);
}

/* Ten thousand sources of ten networks, each once: whoever comes from another
 * network still finds something. */
static void test_sources__a_network_leaves_something_for_others(void **st)
{
	(void)st;
	static const struct source_limits big = {
		.rate = {[SOURCE_CONN] = {200, 1600}},
		.total = {[SOURCE_CONN] = {500, 4000}},
	};
	struct sources *t = NULL;
	struct addr a = addr("192.0.2.1"), v6 = addr("2001:db8::1");
	unsigned in = 0;
	assert_int_equal(sources_new(&t, &big), 0);
	for (unsigned i = 0; i < 10000; i++) {
		struct addr one = addr("10.0.0.1");
		one.ip[14] = (uint8_t)(i % 10);
		one.ip[15] = (uint8_t)(i / 10);
		in += sources_take(t, &one, SOURCE_CONN, SOURCE_STRANGER,
				   NS_PER_S);
	}
	/* the half, and no more than the eighth above it */
	assert_in_range(in, 2000, 2500);
	for (unsigned i = 0; i < 40; i++) {
		assert_true(sources_take(t, &a, SOURCE_CONN, SOURCE_STRANGER,
					 NS_PER_S));
		assert_true(sources_take(t, &v6, SOURCE_CONN,
					 SOURCE_STRANGER, NS_PER_S));
	}
	sources_free(&t);
}

/* Where people are inside strangers connect, too, and use up what the address
 * may open: whoever shows a pass has nothing to do with that. */
static void test_sources__a_pass_needs_nothing_of_its_address(void **st)
{
	(void)st;
	static const struct source_limits l = {
		.rate = {[SOURCE_CONN] = {200, 1600}},
		.total = {[SOURCE_CONN] = {500, 4000}},
	};
	struct sources *t = NULL;
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2"),
		    c = addr("192.0.2.3");
	unsigned n = 0;
	assert_int_equal(sources_new(&t, &l), 0);
	while (sources_take(t, &a, SOURCE_CONN, SOURCE_HOME, NS_PER_S))
		n++;
	assert_int_equal(n, 1600);
	assert_true(sources_take(t, &a, SOURCE_CONN, SOURCE_INSIDE,
				 NS_PER_S));
	/* three such addresses together leave the last eighth */
	while (sources_take(t, &b, SOURCE_CONN, SOURCE_HOME, NS_PER_S))
		n++;
	while (sources_take(t, &c, SOURCE_CONN, SOURCE_HOME, NS_PER_S))
		n++;
	assert_in_range(n, 3400, 3600);
	for (unsigned i = 0; i < 400; i++)
		assert_true(sources_take(t, &a, SOURCE_CONN, SOURCE_INSIDE,
					 NS_PER_S));
	sources_free(&t);
}

static void test_sources__caps_what_all_hold_together(void **st)
{
	(void)st;
	struct source_limits l = limits;
	struct addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	struct sources *t = NULL;
	struct source_stats s;
	l.total_held[SOURCE_STREAMS] = 3;
	assert_int_equal(sources_new(&t, &l), 0);
	assert_true(sources_hold(t, &a, SOURCE_STREAMS, 1));
	assert_true(sources_hold(t, &a, SOURCE_STREAMS, 1));
	assert_true(sources_hold(t, &b, SOURCE_STREAMS, 1));
	assert_true(sources_are_full(t, SOURCE_STREAMS));
	assert_false(sources_hold(t, &b, SOURCE_STREAMS, 1));
	assert_true(sources_hold(t, &b, SOURCE_CONNS, 1));
	assert_int_equal(sources_held(t, &b, SOURCE_STREAMS), 1);
	sources_drop(t, &a, SOURCE_STREAMS);
	sources_drop(t, &b, SOURCE_CONNS);
	sources_drop(t, &b, SOURCE_CONNS);	/* once too often: nothing */
	assert_true(sources_hold(t, &b, SOURCE_STREAMS, 1));
	sources_stats(t, &s);
	assert_int_equal(s.total_held_refused[SOURCE_STREAMS], 1);
	assert_int_equal(s.held[SOURCE_CONNS], 0);
	assert_int_equal(s.held[SOURCE_STREAMS], 3);
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
		sources_leave(t, &a);
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
		cmocka_unit_test(test_sources__strangers_leave_something_for_the_rest),
		cmocka_unit_test(test_sources__false_proofs_rank_nowhere),
		cmocka_unit_test(test_sources__a_network_leaves_something_for_others),
		cmocka_unit_test(test_sources__a_pass_needs_nothing_of_its_address),
		cmocka_unit_test(test_sources__caps_what_all_hold_together),
		cmocka_unit_test(test_sources__survives_each_failing_allocation),
		cmocka_unit_test(test_date__prints_known_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
