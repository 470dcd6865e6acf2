#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "courier/sip/target.h"

enum { UDP = 1 << TARGET_UDP, TCP = 1 << TARGET_TCP, TLS = 1 << TARGET_TLS,
       ALL = UDP | TCP | TLS };

static struct targets t;
static enum target_ask what;
static const char *name;
static uint32_t drawn;

static uint32_t draw(void *arg, uint32_t below)
{
	(void)arg;
	return drawn % below;
}

static int begin(const char *host, bool literal, uint16_t port,
		 uint32_t allowed, bool sips)
{
	drawn = 0;
	return targets_begin(&t, &(struct targets_cfg){
		.host = host, .is_literal = literal, .port = port,
		.allowed = allowed, .sips = sips, .random = draw },
		&what, &name);
}

static void answer_naptr(const struct naptr_record *r, size_t n)
{
	assert_int_equal(what, TARGET_ASK_NAPTR);
	what = targets_naptr(&t, r, n, &name);
}

static void answer_srv(const struct srv_record *r, size_t n)
{
	assert_int_equal(what, TARGET_ASK_SRV);
	what = targets_srv(&t, r, n, &name);
}

/* The list as "tls://host:port ..." */
static const char *list(void)
{
	static const char *const names[] = { "?", "udp", "tcp", "tls" };
	static char text[2048];
	size_t at = 0;

	text[0] = 0;
	assert_int_equal(what, TARGET_ASK_NOTHING);
	for (size_t i = 0; i < t.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "%s%s://%s:%u", i ? " " : "",
				       names[t.list[i].transport],
				       t.list[i].host, t.list[i].port);
	return text;
}

static void test_target__takes_a_literal_or_a_port_as_it_is(void **state)
{
	static const struct { bool literal; uint16_t port; uint32_t allowed;
			      bool sips; const char *want; } rows[] = {
		{true, 0, ALL, false, "tls://h:5061 tcp://h:5060 udp://h:5060"},
		{true, 0, UDP, false, "udp://h:5060"},
		{true, 0, ALL, true, "tls://h:5061"},
		{false, 5061, ALL, false,
		 "tls://h:5061 tcp://h:5061 udp://h:5061"},
		{false, 5060, ALL, false,
		 "tcp://h:5060 udp://h:5060 tls://h:5060"},
		{false, 7000, TLS, false, "tls://h:7000"},
		{false, 7000, ALL, true, "tls://h:7000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(begin("h", rows[i].literal, rows[i].port,
				       rows[i].allowed, rows[i].sips), 0);
		assert_string_equal(list(), rows[i].want);
	}
	assert_int_equal(begin("h", true, 0, 0, false), E_INVAL);
	assert_int_equal(begin("h", true, 0, UDP | TCP, true), E_INVAL);
}

static void test_target__follows_naptr_in_its_order(void **state)
{
	const struct naptr_record r[] = {
		{50, 50, "s", "SIP+D2U", false, "_sip._udp.h"},
		{20, 10, "S", "sips+d2t", false, "_sips._tcp.h"},
		{20, 5, "s", "SIP+D2T", false, "_sip._tcp.h"},
		{1, 1, "u", "SIP+D2T", false, "_bad1.h"},
		{1, 1, "s", "SIP+D2T", true, "_bad2.h"},
		{1, 1, "s", "SIP+D2X", false, "_bad3.h"},
		{1, 1, "s", "SIP+D2T", false, "bad host"},
	};

	(void)state;
	assert_int_equal(begin("h", false, 0, ALL, false), 0);
	assert_string_equal(name, "h");
	answer_naptr(r, 7);
	assert_string_equal(name, "_sip._tcp.h");
	answer_srv(&(struct srv_record){1, 1, 15060, "a"}, 1);
	assert_string_equal(name, "_sips._tcp.h");
	answer_srv(&(struct srv_record){1, 1, 15061, "b"}, 1);
	assert_string_equal(name, "_sip._udp.h");
	answer_srv(NULL, 0);
	assert_string_equal(list(), "tcp://a:15060 tls://b:15061");
	assert_int_equal(t.cut, 4);
	/* only what is allowed is asked for */
	assert_int_equal(begin("h", false, 0, TLS, false), 0);
	answer_naptr(r, 7);
	assert_string_equal(name, "_sips._tcp.h");
	answer_srv(NULL, 0);
	assert_string_equal(list(), "tls://h:5061");
}

static void test_target__asks_srv_by_prefix_without_naptr(void **state)
{
	(void)state;
	assert_int_equal(begin("h", false, 0, ALL, false), 0);
	answer_naptr(NULL, 0);
	assert_string_equal(name, "_sips._tcp.h");
	answer_srv(NULL, 0);
	assert_string_equal(name, "_sip._tcp.h");
	answer_srv(NULL, 0);
	assert_string_equal(name, "_sip._udp.h");
	answer_srv(NULL, 0);
	assert_string_equal(list(),
			    "tls://h:5061 tcp://h:5060 udp://h:5060");
}

static void test_target__takes_a_dot_for_no(void **state)
{
	(void)state;
	assert_int_equal(begin("h", false, 0, TLS, false), 0);
	answer_naptr(NULL, 0);
	answer_srv(&(struct srv_record){0, 0, 0, "."}, 1);
	assert_string_equal(list(), "");
	assert_true(t.is_denied);
	assert_int_equal(begin("h", false, 0, TLS | TCP, false), 0);
	answer_naptr(NULL, 0);
	answer_srv(&(struct srv_record){0, 0, 0, ""}, 1);
	answer_srv(&(struct srv_record){0, 0, 9, "x"}, 1);
	assert_string_equal(list(), "tcp://x:9");
}

/* RFC 2782: by priority, and within one by weight. */
static void test_target__draws_by_weight(void **state)
{
	const struct srv_record r[] = {
		{2, 0, 1, "last"}, {1, 10, 1, "ten"}, {1, 30, 1, "thirty"},
		{1, 0, 1, "zero"},
	};
	unsigned first[4] = { 0 };

	(void)state;
	for (uint32_t i = 0; i <= 40; i++) {
		assert_int_equal(begin("h", false, 0, TLS, false), 0);
		answer_naptr(NULL, 0);
		drawn = i;
		answer_srv(r, 4);
		assert_int_equal(t.n, 4);
		assert_string_equal(t.list[3].host, "last");
		for (unsigned k = 0; k < 4; k++)
			first[k] += strcmp(t.list[0].host, r[k].host) == 0;
	}
	assert_int_equal(first[0], 0);
	assert_in_range(first[1], 10, 11);
	assert_in_range(first[2], 30, 31);
}

static void test_target__is_bounded(void **state)
{
	static struct srv_record r[64];
	static struct naptr_record q[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		r[i] = (struct srv_record){1, 1, 5061, "x"};
		q[i] = (struct naptr_record){1, 1, "s", "SIPS+D2T", false,
					     "_x.h"};
	}
	assert_int_equal(begin("h", false, 0, ALL, false), 0);
	answer_naptr(q, 64);
	for (int i = 0; i < SIP_QUESTIONS_MAX; i++)
		answer_srv(r, 64);
	assert_int_equal(what, TARGET_ASK_NOTHING);
	assert_int_equal(t.n, SIP_TARGETS_MAX);
	r[0].port = 0;
	assert_int_equal(begin("h", false, 0, TLS, false), 0);
	answer_naptr(NULL, 0);
	answer_srv(r, 1);
	assert_string_equal(list(), "tls://h:5061");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_target__takes_a_literal_or_a_port_as_it_is),
		cmocka_unit_test(test_target__follows_naptr_in_its_order),
		cmocka_unit_test(test_target__asks_srv_by_prefix_without_naptr),
		cmocka_unit_test(test_target__takes_a_dot_for_no),
		cmocka_unit_test(test_target__draws_by_weight),
		cmocka_unit_test(test_target__is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
