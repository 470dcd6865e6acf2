/* The lines that fail2ban reads: nobody hides another, nobody fills the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "core/access_limit.h"

enum { WRONG, UNKNOWN };

struct test {
	struct access_limit l;
	uint64_t now;
};

static int setup(void **state)
{
	static struct test t;

	memset(&t, 0, sizeof(t));
	t.l.key[0] = 0x0123456789abcdef;
	t.l.key[1] = 0xfedcba9876543210;
	t.now = 1000 * NS_PER_S;
	*state = &t;
	return 0;
}

static bool v4(struct test *t, unsigned kind, uint32_t ip)
{
	const uint8_t a[16] = {[10] = 0xff, 0xff, (uint8_t)(ip >> 24),
			       (uint8_t)(ip >> 16), (uint8_t)(ip >> 8),
			       (uint8_t)ip};

	return access_limit_may(&t->l, kind, a, t->now);
}

static bool v6(struct test *t, uint16_t site, uint16_t net, uint16_t host)
{
	const uint8_t a[16] = {0x20, 0x01, [4] = (uint8_t)(site >> 8),
			       (uint8_t)site, (uint8_t)(net >> 8),
			       (uint8_t)net, [14] = (uint8_t)(host >> 8),
			       (uint8_t)host};

	return access_limit_may(&t->l, WRONG, a, t->now);
}

#define LOUD 0xc6336401u	/* 198.51.100.1 */
#define QUIET 0xcb007105u	/* 203.0.113.5 */

static void test_access__a_flood_of_one_hides_nobody(void **state)
{
	struct test *t = *state;
	unsigned loud = 0, quiet = 0;

	for (unsigned i = 0; i < 10000; i++) {
		loud += v4(t, WRONG, LOUD);
		if (i % 2000 == 1999)
			quiet += v4(t, WRONG, QUIET);
	}
	assert_int_equal(loud, ACCESS_SOURCE_PER_S);
	assert_int_equal(quiet, 5);
	assert_int_equal(access_limit_untold(&t->l), 10000 - loud);
	assert_int_equal(access_limit_untold(&t->l), 0);
}

static void test_access__a_flood_of_a_network_hides_nobody(void **state)
{
	struct test *t = *state;
	unsigned loud = 0;

	for (unsigned i = 0; i < 25600; i++)
		loud += v4(t, WRONG, (LOUD & 0xffffff00u) + i % 256);
	assert_int_equal(loud, ACCESS_NET_PER_S);
	assert_true(v4(t, WRONG, QUIET));
	t->now += NS_PER_S;
	loud = 0;
	for (unsigned i = 0; i < 65536; i++)
		loud += v6(t, 1, (uint16_t)i, 1);
	assert_int_equal(loud, ACCESS_NET_PER_S);
	assert_true(v6(t, 2, 0, 1));
}

static void test_access__v6_hosts_of_one_network_are_one_source(void **state)
{
	struct test *t = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		n += v6(t, 1, 7, (uint16_t)i);
	assert_int_equal(n, ACCESS_SOURCE_PER_S);
}

static void test_access__repetitions_leave_room_for_first_lines(void **state)
{
	struct test *t = *state;
	unsigned n = 0;

	/* five networks, one after the other as loud as they can */
	for (unsigned s = 0; s < 5; s++)
		for (unsigned i = 0; i < 1000; i++)
			n += v4(t, WRONG, LOUD + (s << 8));
	assert_int_equal(n, 5 + ACCESS_REPEATS_PER_S);
	assert_true(v4(t, WRONG, QUIET));
	assert_false(v4(t, WRONG, QUIET));
}

static void test_access__kinds_do_not_hide_each_other(void **state)
{
	struct test *t = *state;

	for (uint32_t i = 0; i < 100000; i++)
		(void)v4(t, UNKNOWN, i << 8);
	assert_true(v4(t, WRONG, 5u << 8));
}

static void test_access__all_together_are_bounded(void **state)
{
	struct test *t = *state;
	unsigned n = 0;

	for (uint32_t i = 0; i < 1000000; i++)
		n += v4(t, WRONG, i * 2654435761u);
	assert_int_equal(n, ACCESS_LINES_PER_S);
	assert_int_equal(t->l.suppressed, 1000000 - n);
	t->now += NS_PER_S;
	assert_true(v4(t, WRONG, LOUD));
	assert_false(v4(t, ACCESS_KINDS_MAX, LOUD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup(f, setup)
		T(test_access__a_flood_of_one_hides_nobody),
		T(test_access__a_flood_of_a_network_hides_nobody),
		T(test_access__v6_hosts_of_one_network_are_one_source),
		T(test_access__repetitions_leave_room_for_first_lines),
		T(test_access__kinds_do_not_hide_each_other),
		T(test_access__all_together_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
