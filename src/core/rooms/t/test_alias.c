#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "core/rooms/alias.h"

static void test_alias__is_what_the_room_is_called(void **state)
{
	static const char *const cases[][2] = {
		{"demo", "demo"},
		{"DeMo", "demo"},
		{" demo\t", "demo"},
		{"sip:Alice@Example.com;transport=tls", "alice@example.com"},
		{"SIPS:alice@example.com", "alice@example.com"},
		{"h323:1234", "1234"},
		{"https://meet", "meet"},
		{"alice@192.0.2.1", "alice"},
		{"alice@192.0.2.1:5061", "alice"},
		{"alice@[2001:db8::1]", "alice"},
		{"alice@[2001:db8::1]:5061", "alice"},
		{"alice@2001:db8::1", "alice"},
		{"alice@example.com?x=1", "alice@example.com"},
		{"a@b@192.0.2.1", "a@b"},
		{"alice@300.1.1.1", "alice@300.1.1.1"},
		{"R\xc3\xa4um", "r\xc3\xa4um"},
		{"sipfoo", "sipfoo"},
	};
	char dst[ALIAS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(alias_normalise(dst, span_str(cases[i][0])),
				 0);
		assert_string_equal(dst, cases[i][1]);
	}
}

static void test_alias__refuses_what_nobody_may_be_called(void **state)
{
	char dst[ALIAS_MAX + 1], big[ALIAS_MAX + 2];
	static const char *const bad[] = {"", "  ", "sip:", "a\nb", "a\x7f",
					  "\xff\xfe", ";x"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(alias_normalise(dst, span_str(bad[i])),
				 E_FORMAT);
		assert_int_equal(dst[0], 0);
	}
	memset(big, 'a', sizeof(big));
	assert_int_equal(alias_normalise(dst, span_of(big, ALIAS_MAX)), 0);
	assert_int_equal(alias_normalise(dst, span_of(big, sizeof(big))),
			 E_LIMIT);
	assert_int_equal(alias_normalise(dst, span_of("a\0b", 3)), E_FORMAT);
}

static void test_alias__is_the_same_when_done_twice(void **state)
{
	char a[ALIAS_MAX + 1], b[ALIAS_MAX + 1];

	(void)state;
	assert_int_equal(alias_normalise(a, SPAN_LIT("sip:X@Y.z;q=1")), 0);
	assert_int_equal(alias_normalise(b, span_str(a)), 0);
	assert_string_equal(a, b);
}

static void test_alias__strip_leaves_host_and_case(void **state)
{
	struct span user;
	struct addr host;

	(void)state;
	assert_true(span_eq(alias_strip(SPAN_LIT(" SIP:Bob@192.0.2.1:5;x")),
			    SPAN_LIT("Bob@192.0.2.1:5")));
	assert_true(alias_split_address(SPAN_LIT("b@c@[2001:db8::1]:5061"),
					&user, &host));
	assert_true(span_eq(user, SPAN_LIT("b@c")));
	assert_int_equal(host.port, 5061);
	assert_false(addr_is_v4(&host));
	assert_true(alias_split_address(SPAN_LIT("Bob@192.0.2.1:5"), &user,
					&host));
	assert_int_equal(host.port, 5);
	assert_true(addr_is_v4(&host));
	assert_false(alias_split_address(SPAN_LIT("bob@ex.org"), &user,
					 &host));
	assert_false(alias_split_address(SPAN_LIT("b@192.0.2.1:70000"), &user,
					 &host));
	assert_false(alias_split_address(SPAN_LIT("bob"), &user, &host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alias__is_what_the_room_is_called),
		cmocka_unit_test(test_alias__refuses_what_nobody_may_be_called),
		cmocka_unit_test(test_alias__is_the_same_when_done_twice),
		cmocka_unit_test(test_alias__strip_leaves_host_and_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
