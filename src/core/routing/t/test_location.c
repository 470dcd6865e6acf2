#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/addr.h"
#include "base/alloc_test.h"
#include "core/routing/location.h"

static const struct location_row rows[] = {
	{1, SPAN_LIT("10.0.0.0/8,2001:db8::/32"), SPAN_LIT("192.0.2.1")},
	{2, SPAN_LIT("10.1.0.0/16,10.1.2.3"), SPAN_LIT("192.0.2.0/24")},
	{3, SPAN_LIT("10.1.2.0/24"), SPAN_LIT("")},
	{4, SPAN_LIT("10.1.2.0/24,2001:db8:5::/48"), SPAN_LIT("2001:db8::1")},
};

static int64_t ask(const struct location_table *t, const char *local,
		   const char *source)
{
	struct addr l, s;
	if (local != NULL)
		assert_int_equal(addr_parse(&l, span_str(local), 0), 0);
	if (source != NULL)
		assert_int_equal(addr_parse(&s, span_str(source), 0), 0);
	return location_of(t, local ? l.ip : NULL, source ? s.ip : NULL);
}

static void test_location__most_specific_wins(void **state)
{
	(void)state;
	static const struct {
		const char *local, *source;
		int64_t want;
	} cases[] = {
		{"192.0.2.1", "10.9.9.9", 1},	/* source before interface */
		{"192.0.2.9", "10.1.9.9", 2},
		{NULL, "10.1.2.3", 2},		/* one address in a /24 */
		{NULL, "10.1.2.4", 3},		/* same network: lower id */
		{NULL, "2001:db8:1::1", 1},
		{NULL, "2001:db8:5::1", 4},
		{"192.0.2.1", "198.51.100.1", 1},
		{"192.0.2.2", "198.51.100.1", 2},
		{"2001:db8::1", "198.51.100.1", 4},
		{"192.0.2.2", NULL, 2},
		{"203.0.113.1", "198.51.100.1", 9},
		{NULL, NULL, 9},
	};
	struct location_table *t;
	assert_int_equal(location_table_new(&t, rows, 4, 9), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ask(t, cases[i].local, cases[i].source) != cases[i].want)
			fail_msg("case %zu", i);
	location_table_free(&t);
	assert_null(t);
	location_table_free(&t);
}

static void test_location__without_any_is_the_default(void **state)
{
	(void)state;
	struct location_table *t;
	assert_int_equal(location_table_new(&t, NULL, 0, 0), 0);
	assert_int_equal(ask(t, "10.0.0.1", "10.0.0.2"), 0);
	location_table_free(&t);
}

static void test_location__all_of_ipv4_is_not_ipv6(void **state)
{
	(void)state;
	static const struct location_row all[] = {
		{1, SPAN_LIT("0.0.0.0/0"), SPAN_LIT("")},
		{2, SPAN_LIT("::/0"), SPAN_LIT("")}};
	struct location_table *t;
	assert_int_equal(location_table_new(&t, all, 2, 9), 0);
	assert_int_equal(ask(t, NULL, "255.255.255.255"), 1);
	assert_int_equal(ask(t, NULL, "ffff:ffff::ffff"), 2);
	location_table_free(&t);
	assert_int_equal(location_table_new(&t, all, 1, 9), 0);
	assert_int_equal(ask(t, NULL, "::1"), 9);
	location_table_free(&t);
}

static void test_location__order_of_rows_does_not_matter(void **state)
{
	(void)state;
	struct location_row turned[4];
	struct location_table *a, *b;
	for (size_t i = 0; i < 4; i++)
		turned[i] = rows[3 - i];
	assert_int_equal(location_table_new(&a, rows, 4, 9), 0);
	assert_int_equal(location_table_new(&b, turned, 4, 9), 0);
	for (unsigned i = 0; i < 65536; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "10.1.%u.%u", i >> 8,
			       i & 255);
		assert_int_equal(ask(a, NULL, text), ask(b, NULL, text));
	}
	location_table_free(&a);
	location_table_free(&b);
}

static void test_location__bad_lists_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"x", "10.0.0.0/33", "::/129", "10.0.0.1,,10.0.0.2",
		"10.0.0.0/", "10.0.0.0/-1", "/8", "10.0.0.0/8/8",
		"10.0.0.0/8 "};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct location_row row = {1, span_str(bad[i]), SPAN_NONE};
		struct location_table *t = NULL;
		assert_int_equal(location_table_new(&t, &row, 1, 0),
				 E_FORMAT);
		assert_null(t);
	}
}

static int body(void *arg)
{
	struct location_table *t;
	(void)arg;
	int e = location_table_new(&t, rows, 4, 9);
	if (e < 0)
		return e;
	assert_int_equal(ask(t, NULL, "10.1.2.3"), 2);
	location_table_free(&t);
	return 0;
}

static void test_location__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body, NULL, 20) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_location__most_specific_wins),
		cmocka_unit_test(test_location__without_any_is_the_default),
		cmocka_unit_test(test_location__all_of_ipv4_is_not_ipv6),
		cmocka_unit_test(test_location__order_of_rows_does_not_matter),
		cmocka_unit_test(test_location__bad_lists_are_refused),
		cmocka_unit_test(test_location__survives_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
