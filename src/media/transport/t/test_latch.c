/* Where a leg without ICE may be sent to, and its ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "media/transport/latch.h"
#include "media/transport/ports.h"

static struct addr at(const char *ip, uint16_t port)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, span_str(ip), port), 0);
	return a;
}

static struct outguard_net net(const char *text)
{
	struct outguard_net n;

	assert_int_equal(outguard_net_parse(&n, span_str(text)), 0);
	return n;
}

static void say(struct latch *l, const char *ip, uint16_t port)
{
	const struct addr a = at(ip, port), sig = at("198.18.0.1", 5061);

	latch_signalled(l, &a, &sig, NULL);
}

/* --- to whom ----------------------------------------------------------- */

static void test_latch__sends_where_signalling_says(void **state)
{
	struct latch l = {.is_nowhere = true};
	struct addr a = at("8.8.4.4", 30000);

	(void)state;
	assert_null(latch_to(&l));
	say(&l, "8.8.4.4", 30000);
	assert_true(addr_eq(latch_to(&l), &a));
}

static void test_latch__sends_to_no_victim(void **state)
{
	static const struct { const char *ip; uint16_t port; } rows[] = {
		{"127.0.0.1", 30000}, {"::1", 30000}, {"169.254.169.254", 3000},
		{"169.254.3.4", 3000}, {"224.0.0.5", 3000}, {"ff02::1", 3000},
		{"255.255.255.255", 3000}, {"0.0.0.0", 3000}, {"10.1.1.1", 3000},
		{"192.168.1.1", 3000}, {"fd00::1", 3000}, {"fe80::1", 3000},
		{"8.8.4.4", 1023}, {"8.8.4.4", 53}, {"64:ff9b::a00:1", 3000},
		{"203.0.113.9", 3000}, {"9.9.9.9", 3000}, {"5.5.5.5", 3000},
	};
	const struct outguard_net own = net("9.9.9.9"), mgmt = net("5.5.5.0/24");
	const struct outguard_rules rules = {.own = &own, .n_own = 1,
					     .management = &mgmt,
					     .n_management = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct addr a = at(rows[i].ip, rows[i].port);
		struct latch l = {.is_nowhere = true};

		latch_signalled(&l, &a, NULL, &rules);
		assert_null(latch_to(&l));
	}
}

static void test_latch__an_administrator_may_name_networks(void **state)
{
	const struct outguard_net nets = net("10.0.0.0/8");
	const struct outguard_rules rules = {.allowed = &nets, .n_allowed = 1};
	const struct addr a = at("10.1.1.1", 3000);
	struct latch l = {.is_nowhere = true};

	(void)state;
	latch_signalled(&l, &a, NULL, &rules);
	assert_non_null(latch_to(&l));
}

/* --- from whom --------------------------------------------------------- */

static void test_latch__takes_the_ips_that_were_named(void **state)
{
	struct latch l = {.is_nowhere = true};
	struct addr a;

	(void)state;
	say(&l, "8.8.4.4", 30000);
	a = at("8.8.4.4", 4000);
	assert_true(latch_may_come(&l, &a, NULL));
	a = at("198.18.0.1", 4000);
	assert_true(latch_may_come(&l, &a, NULL));
	a = at("8.8.4.5", 30000);
	assert_false(latch_may_come(&l, &a, NULL));
	a = at("8.8.4.4", 80);
	assert_false(latch_may_come(&l, &a, NULL));
}

static void test_latch__latches_once(void **state)
{
	struct latch l = {.is_nowhere = true};
	const struct addr moved = at("8.8.4.4", 4000);
	const struct addr first = at("8.8.4.4", 30000);
	const struct addr third = at("198.18.0.1", 9000);

	(void)state;
	say(&l, "8.8.4.4", 30000);
	assert_true(latch_came(&l, &moved));
	assert_true(addr_eq(latch_to(&l), &moved));
	assert_false(latch_may_come(&l, &first, NULL));
	assert_false(latch_may_come(&l, &third, NULL));
	assert_true(latch_may_come(&l, &moved, NULL));
	assert_false(latch_came(&l, &third));
	assert_true(addr_eq(latch_to(&l), &moved));
	/* the same offer again: we send on, and one move is free */
	say(&l, "8.8.4.4", 30000);
	assert_true(addr_eq(latch_to(&l), &moved));
	assert_true(latch_came(&l, &third));
	/* another address: begun anew */
	say(&l, "8.8.4.4", 30002);
	assert_int_equal(latch_to(&l)->port, 30002);
}

static void test_latch__holds_and_comes_back(void **state)
{
	struct latch l = {.is_nowhere = true};
	const struct addr moved = at("8.8.4.4", 4000);

	(void)state;
	say(&l, "8.8.4.4", 30000);
	assert_true(latch_came(&l, &moved));
	latch_signalled(&l, NULL, NULL, NULL);
	assert_null(latch_to(&l));
	assert_true(latch_may_come(&l, &moved, NULL));
	say(&l, "8.8.4.4", 30000);
	assert_true(addr_eq(latch_to(&l), &moved));
}

static void test_latch__waits_where_no_address_is_named(void **state)
{
	struct latch l = {.is_nowhere = true};
	const struct addr sig = at("198.18.0.1", 5061);
	const struct addr there = at("198.18.0.1", 4000);
	const struct addr other = at("8.8.4.4", 4000);

	(void)state;
	latch_wait(&l, &sig);
	assert_null(latch_to(&l));
	assert_false(latch_may_come(&l, &other, NULL));
	assert_true(latch_may_come(&l, &there, NULL));
	assert_true(latch_came(&l, &there));
	assert_true(addr_eq(latch_to(&l), &there));
	/* again, as a session timer does: nothing stops */
	latch_wait(&l, &sig);
	assert_true(addr_eq(latch_to(&l), &there));
	say(&l, "8.8.4.4", 30000);
	assert_int_equal(latch_to(&l)->port, 30000);
	/* hidden from now on: that one is not meant any more */
	latch_wait(&l, &sig);
	assert_null(latch_to(&l));
}

static void test_latch__what_was_refused_may_latch(void **state)
{
	struct latch l = {.is_nowhere = true};
	struct addr a = at("10.1.1.1", 3000);

	(void)state;
	say(&l, "10.1.1.1", 3000);
	assert_null(latch_to(&l));
	assert_int_equal(l.refused, OUTGUARD_PRIVATE);
	assert_true(latch_may_come(&l, &a, NULL));
	assert_true(latch_came(&l, &a));
	assert_true(addr_eq(latch_to(&l), &a));
	/* but these never */
	l = (struct latch){.is_nowhere = true};
	say(&l, "169.254.169.254", 3000);
	a = at("169.254.169.254", 3000);
	assert_false(latch_may_come(&l, &a, NULL));
}

/* --- ports ------------------------------------------------------------- */

static const uint8_t any[16];

static void close_pair(const struct ports_pair *p)
{
	close(p->rtp_fd);
	if (p->rtcp_fd >= 0)
		close(p->rtcp_fd);
}

static void test_ports__gives_pairs_and_rests_them(void **state)
{
	struct ports *p = NULL;
	struct ports_pair a, b;
	struct ports_stats st;

	(void)state;
	/* one pair: 47002 and 47003 */
	assert_int_equal(ports_new(&p, 47001, 47003), 0);
	assert_int_equal(ports_take(p, any, true, 1, &a), 0);
	assert_int_equal(a.port, 47002);
	assert_int_equal(ports_take(p, any, true, 1, &b), E_FULL);
	close_pair(&a);
	ports_give(p, a.port, 1);
	assert_int_equal(ports_take(p, any, false, 2, &b), E_FULL);
	assert_int_equal(ports_take(p, any, false, 1 + PORTS_REST_S * NS_PER_S,
				    &b), 0);
	assert_int_equal(b.rtcp_fd, -1);
	close_pair(&b);
	/* nobody's */
	ports_give(p, 47004, 1);
	ports_give(p, 1, 1);
	ports_get_stats(p, &st);
	assert_int_equal(st.open, 1);
	assert_int_equal(st.refused, 2);
	ports_free(&p);
}

static void test_ports__passes_by_what_others_hold(void **state)
{
	struct ports *p = NULL, *q = NULL;
	struct ports_pair a, b;

	(void)state;
	assert_int_equal(ports_new(&p, 47010, 47013), 0);
	assert_int_equal(ports_new(&q, 47010, 47013), 0);
	assert_int_equal(ports_take(p, any, true, 1, &a), 0);
	assert_int_equal(ports_take(q, any, true, 1, &b), 0);
	assert_int_not_equal(a.port, b.port);
	close_pair(&a);
	close_pair(&b);
	ports_free(&p);
	ports_free(&q);
}

static void test_ports__refuses_senseless_ranges(void **state)
{
	struct ports *p = NULL;

	(void)state;
	assert_int_equal(ports_new(&p, 80, 1000), E_INVAL);
	assert_int_equal(ports_new(&p, 40001, 40002), E_INVAL);
	assert_int_equal(ports_new(&p, 50000, 40000), E_INVAL);
	assert_null(p);
}

static int make_ports(void *arg)
{
	struct ports *p = NULL;
	int r = ports_new(&p, 40000, 49999);

	(void)arg;
	ports_free(&p);
	return r;
}

static void test_ports__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_ports, NULL, 5) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latch__sends_where_signalling_says),
		cmocka_unit_test(test_latch__sends_to_no_victim),
		cmocka_unit_test(test_latch__an_administrator_may_name_networks),
		cmocka_unit_test(test_latch__takes_the_ips_that_were_named),
		cmocka_unit_test(test_latch__latches_once),
		cmocka_unit_test(test_latch__holds_and_comes_back),
		cmocka_unit_test(test_latch__waits_where_no_address_is_named),
		cmocka_unit_test(test_latch__what_was_refused_may_latch),
		cmocka_unit_test(test_ports__gives_pairs_and_rests_them),
		cmocka_unit_test(test_ports__passes_by_what_others_hold),
		cmocka_unit_test(test_ports__refuses_senseless_ranges),
		cmocka_unit_test(test_ports__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
