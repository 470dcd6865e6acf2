#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "web/basic.h"

static void assert_reads(const char *header, const char *user,
			 const char *password)
{
	uint8_t buf[BASIC_MAX];
	struct span u, p;

	assert_true(basic_read(span_str(header), buf, &u, &p));
	assert_true(span_eq(u, span_str(user)));
	assert_true(span_eq(p, span_str(password)));
}

static void test_basic__reads_what_clients_write(void **state)
{
	(void)state;
	assert_reads("x-pexip-basic Ym9iOnNlY3JldA==", "bob", "secret");
	assert_reads("X-Pexip-Basic  Ym9iOnNlY3JldA ", "bob", "secret");
	assert_reads("x-pexip-basic Ym9iOj8/Pz4+Pg==", "bob", "\?\?\?>>>");
	assert_reads("x-pexip-basic Ym9iOj8_Pz4-Pg", "bob", "\?\?\?>>>");
	assert_reads("x-pexip-basic Ym9iOmE6Yg==", "bob", "a:b");
	assert_reads("x-pexip-basic Og==", "", "");
}

static void test_basic__refuses_anything_else(void **state)
{
	static const char *const bad[] = {
		"", "x-pexip-basic", "x-pexip-basic ", "Basic Ym9iOng=",
		"x-pexip-basic Ym9i", "x-pexip-basic ====", "x-pexip-basic !",
		"x-pexip-basic Ym9i OnNl", "x-pexip-basic Ym=9iOnNl",
	};
	char big[2 * BASIC_MAX];
	uint8_t buf[BASIC_MAX];
	struct span u, p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(basic_read(span_str(bad[i]), buf, &u, &p));
	memset(big, 'O', sizeof(big));
	memcpy(big, "x-pexip-basic ", 14);
	assert_false(basic_read(span_of(big, sizeof(big)), buf, &u, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic__reads_what_clients_write),
		cmocka_unit_test(test_basic__refuses_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
