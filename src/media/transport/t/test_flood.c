#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "media/transport/flood.h"

static const struct flood_limits limits = {
	.per_s = 10, .burst = 20, .total_per_s = 100, .total_burst = 1000,
};

static struct addr addr(uint8_t net, uint8_t host)
{
	return (struct addr){.ip = {[10] = 255, 255, 10, 0, net, host}};
}

static unsigned drink(struct flood *f, const struct addr *a, uint64_t now_ns)
{
	unsigned n = 0;

	while (n < 5000 && flood_take(f, a, now_ns))
		n++;
	return n;
}

static void test_flood__limits_one_source(void **st)
{
	(void)st;
	struct flood *f = NULL;
	struct addr a = addr(0, 1), b = addr(0, 2);
	uint64_t now = 7 * NS_PER_S;

	assert_int_equal(flood_new(&f, &limits), 0);
	assert_int_equal(drink(f, &a, now), 20);
	assert_int_equal(drink(f, &b, now), 20);
	assert_int_equal(drink(f, &a, now + 99 * NS_PER_MS), 0);
	assert_int_equal(drink(f, &a, now + 100 * NS_PER_MS), 1);
	/* asking often must not eat the fractions */
	for (unsigned ms = 101; ms < 200; ms++)
		assert_false(flood_take(f, &a, now + ms * NS_PER_MS));
	assert_true(flood_take(f, &a, now + 200 * NS_PER_MS));
	assert_int_equal(drink(f, &a, now + NS_PER_S * 1000000), 20);
	assert_true(flood_refused(f) > 100);
	flood_free(&f);
}

static void test_flood__follows_other_limits(void **st)
{
	(void)st;
	static const struct flood_limits wide = {
		.per_s = 10, .burst = 60, .total_per_s = 100,
		.total_burst = 1000,
	};
	struct flood *f = NULL;
	struct addr a = addr(0, 1), b = addr(0, 2);

	assert_int_equal(flood_new(&f, &limits), 0);
	assert_int_equal(drink(f, &a, 1), 20);
	flood_limit(f, &wide);
	assert_int_equal(drink(f, &a, 1), 0);
	assert_int_equal(drink(f, &b, 1), 60);
	assert_int_equal(drink(f, &a, 10 * NS_PER_S), 60);
	flood_limit(f, &limits);
	assert_int_equal(drink(f, &a, 20 * NS_PER_S), 20);
	flood_free(&f);
}

static void test_flood__takes_an_ipv6_64_as_one_source(void **st)
{
	(void)st;
	struct flood *f = NULL;
	struct addr a = {.ip = {0x20, 1, 13, 0xb8, [15] = 1}}, b = a;

	b.ip[9] = 77;
	assert_int_equal(flood_new(&f, &limits), 0);
	assert_int_equal(drink(f, &a, 1), 20);
	assert_int_equal(drink(f, &b, 1), 0);
	flood_free(&f);
}

static void test_flood__limits_all_together(void **st)
{
	(void)st;
	struct flood *f = NULL;
	unsigned n = 0;

	assert_int_equal(flood_new(&f, &limits), 0);
	for (unsigned i = 0; i < 60000; i++) {
		struct addr a = addr((uint8_t)(i >> 8), (uint8_t)i);

		n += flood_take(f, &a, 1);
	}
	assert_int_equal(n, 1000);
	/* who was refused by the common bucket lost nothing of his own */
	struct addr a = addr(255, 255);
	assert_int_equal(drink(f, &a, 1 + 200 * NS_PER_MS), 20);
	flood_free(&f);
}

static int body(void *arg)
{
	struct flood *f = NULL;
	struct addr a = addr(0, 1);
	int r = flood_new(&f, &limits);

	(void)arg;
	if (r == 0 && !flood_take(f, &a, 1))
		r = E_INTERNAL;
	flood_free(&f);
	return r;
}

static void test_flood__survives_each_failing_allocation(void **st)
{
	(void)st;
	assert_true(alloc_test_every(body, NULL, 10) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood__limits_one_source),
		cmocka_unit_test(test_flood__follows_other_limits),
		cmocka_unit_test(test_flood__takes_an_ipv6_64_as_one_source),
		cmocka_unit_test(test_flood__limits_all_together),
		cmocka_unit_test(test_flood__survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
