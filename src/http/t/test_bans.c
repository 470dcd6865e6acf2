#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "http/bans.h"

static struct addr addr(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, span_str(text), 0), 0);
	return a;
}

static int put(struct bans *b, const char *ip, unsigned prefix, uint32_t s,
	       uint64_t now)
{
	struct ban_row row = {.prefix = prefix, .seconds = s};
	struct addr a = addr(ip);
	memcpy(row.ip, a.ip, sizeof(row.ip));
	return bans_put(b, &row, now);
}

static bool have(const struct bans *b, const char *ip, uint64_t now)
{
	struct addr a = addr(ip);
	return bans_have(b, &a, now);
}

static void test_bans__hold_for_their_prefix_and_time(void **st)
{
	(void)st;
	struct bans *b = NULL;
	assert_int_equal(bans_new(&b), 0);
	assert_false(have(b, "192.0.2.1", 1));
	assert_int_equal(put(b, "192.0.2.1", 128, 10, 0), 0);
	assert_int_equal(put(b, "198.51.100.77", 120, 20, 0), 0);
	assert_int_equal(put(b, "2001:db8:1::", 48, 30, 0), 0);
	assert_true(have(b, "192.0.2.1", 9 * NS_PER_S));
	assert_false(have(b, "192.0.2.2", 9 * NS_PER_S));
	assert_false(have(b, "192.0.2.1", 10 * NS_PER_S));
	assert_true(have(b, "198.51.100.1", 19 * NS_PER_S));
	assert_false(have(b, "198.51.101.1", 19 * NS_PER_S));
	assert_true(have(b, "2001:db8:1:ffff::1", 29 * NS_PER_S));
	assert_false(have(b, "2001:db8:2::", 29 * NS_PER_S));
	/* A new time counts, a removal, too. */
	assert_int_equal(put(b, "198.51.100.1", 120, 100, 15 * NS_PER_S), 0);
	assert_true(have(b, "198.51.100.9", 100 * NS_PER_S));
	assert_int_equal(put(b, "198.51.100.0", 120, 0, 15 * NS_PER_S), 0);
	assert_false(have(b, "198.51.100.9", 16 * NS_PER_S));
	assert_int_equal(put(b, "203.0.113.1", 128, 0, 1), 0);
	bans_free(&b);
}

static void test_bans__begin_anew_without_a_gap(void **st)
{
	(void)st;
	struct bans *b = NULL;
	struct bans_stats s;
	assert_int_equal(bans_new(&b), 0);
	bans_begin(b, true);
	(void)put(b, "192.0.2.1", 128, 100, 0);
	(void)put(b, "192.0.2.2", 128, 100, 0);
	bans_end(b, true);
	bans_begin(b, false);
	(void)put(b, "192.0.2.3", 128, 100, 0);
	bans_end(b, true);
	assert_true(have(b, "192.0.2.1", 1));
	bans_begin(b, true);
	(void)put(b, "192.0.2.2", 128, 100, 0);
	bans_end(b, false);
	assert_true(have(b, "192.0.2.1", 1));
	bans_begin(b, false);
	(void)put(b, "192.0.2.4", 128, 100, 0);
	bans_end(b, true);
	assert_false(have(b, "192.0.2.1", 1));
	assert_true(have(b, "192.0.2.2", 1));
	assert_false(have(b, "192.0.2.3", 1));
	assert_true(have(b, "192.0.2.4", 1));
	/* An empty list is a list. */
	bans_begin(b, true);
	bans_end(b, true);
	bans_stats(b, &s);
	assert_int_equal(s.rows, 0);
	bans_free(&b);
}

static void test_bans__are_bounded(void **st)
{
	(void)st;
	struct bans *b = NULL;
	struct bans_stats s;
	struct ban_row row = {.prefix = 128, .seconds = 5};
	assert_int_equal(bans_new(&b), 0);
	for (uint32_t i = 0; i < BANS_MAX + 100; i++) {
		memcpy(row.ip + 12, &i, 4);
		(void)bans_put(b, &row, 0);
	}
	bans_stats(b, &s);
	assert_int_equal(s.rows, BANS_MAX);
	assert_int_equal(s.dropped, 100);
	bans_sweep(b, 4 * NS_PER_S);
	bans_stats(b, &s);
	assert_int_equal(s.rows, BANS_MAX);
	bans_sweep(b, 5 * NS_PER_S);
	bans_stats(b, &s);
	assert_int_equal(s.rows, 0);
	assert_int_equal(put(b, "192.0.2.1", 0, 5, 0), E_FORMAT);
	assert_int_equal(put(b, "192.0.2.1", 129, 5, 0), E_FORMAT);
	bans_stats(b, &s);
	assert_int_equal(s.malformed, 2);
	bans_free(&b);
}

static int body(void *arg)
{
	struct bans *b = NULL;
	(void)arg;
	int r = bans_new(&b);
	if (r < 0)
		return r;
	r = put(b, "192.0.2.1", 128, 5, 0);
	if (r == 0 && !have(b, "192.0.2.1", 1))
		r = E_INTERNAL;
	bans_free(&b);
	return r;
}

static void test_bans__survive_each_failing_allocation(void **st)
{
	(void)st;
	assert_true(alloc_test_every(body, NULL, 20) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bans__hold_for_their_prefix_and_time),
		cmocka_unit_test(test_bans__begin_anew_without_a_gap),
		cmocka_unit_test(test_bans__are_bounded),
		cmocka_unit_test(test_bans__survive_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
