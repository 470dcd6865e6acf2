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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alias__is_what_the_room_is_called),
		cmocka_unit_test(test_alias__refuses_what_nobody_may_be_called),
		cmocka_unit_test(test_alias__is_the_same_when_done_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
