/* The allow list: prefixes of every length, both flags, both types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/alloc_test.h"
#include "core/allow.h"

static void ip(uint8_t dst[16], const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, span_str(text), 0), 0);
	memcpy(dst, a.ip, 16);
}

static struct allow_entry entry(const char *text, unsigned prefix)
{
	struct allow_entry e = {.prefix = prefix};

	ip(e.ip, text);
	return e;
}

static struct allow_facts facts(const struct allow_list *l, const char *text)
{
	uint8_t a[16];

	ip(a, text);
	return allow_of(l, a);
}

static void test_allow__prefix_holds_exactly_its_bits(void **state)
{
	uint8_t net[16], other[16];

	(void)state;
	ip(net, "2001:db8:aaaa:5555:aaaa:5555:aaaa:5555");
	for (unsigned bit = 0; bit < 128; bit++) {
		memcpy(other, net, 16);
		other[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		for (unsigned prefix = 0; prefix <= 128; prefix++)
			assert_int_equal(net_holds(net, prefix, other),
					 prefix <= bit);
	}
	assert_false(net_holds(net, 129, net));
}

static void test_allow__types_and_flags(void **state)
{
	struct allow_list *l = NULL;
	struct allow_entry e;
	struct allow_facts f;

	(void)state;
	assert_int_equal(allow_new(&l), 0);
	assert_false(facts(l, "192.0.2.1").is_user);
	e = entry("192.0.2.0", 120);
	e.ignore_pins = true;
	assert_int_equal(allow_add(l, &e), 0);
	e = entry("192.0.2.7", 128);
	e.ignore_aliases = true;
	assert_int_equal(allow_add(l, &e), 0);
	e = entry("2001:db8::5", 128);
	e.is_proxy = true;
	assert_int_equal(allow_add(l, &e), 0);

	f = facts(l, "192.0.2.1");
	assert_true(f.is_user && f.ignore_pins);
	assert_false(f.ignore_aliases || f.is_proxy);
	f = facts(l, "192.0.2.7");
	assert_true(f.is_user && f.ignore_pins && f.ignore_aliases);
	f = facts(l, "2001:db8::5");
	assert_true(f.is_proxy);
	/* A proxy is nobody who could prove himself. */
	assert_false(f.is_user || f.ignore_pins || f.ignore_aliases);
	f = facts(l, "192.0.3.1");
	assert_false(f.is_user || f.ignore_pins);
	assert_int_equal(allow_count(l), 3);
	assert_true(allow_at(l, 2)->is_proxy);
	allow_free(&l);
	allow_free(&l);
}

static void test_allow__touches_both_wider_and_narrower(void **state)
{
	struct allow_list *l = NULL;
	struct allow_entry e = entry("192.0.2.64", 122);
	uint8_t a[16];

	(void)state;
	assert_int_equal(allow_new(&l), 0);
	assert_int_equal(allow_add(l, &e), 0);
	ip(a, "192.0.2.70");
	assert_true(allow_touches(l, a, 128));
	ip(a, "192.0.2.200");
	assert_false(allow_touches(l, a, 128));
	assert_true(allow_touches(l, a, 120));
	assert_false(allow_touches(NULL, a, 120));
	allow_free(&l);
}

static void test_allow__refuses_what_cannot_be(void **state)
{
	struct allow_list *l = NULL;
	struct allow_entry e = entry("192.0.2.1", 0);

	(void)state;
	assert_int_equal(allow_new(&l), 0);
	assert_int_equal(allow_add(l, &e), E_INVAL);
	e.prefix = 129;
	assert_int_equal(allow_add(l, &e), E_INVAL);
	e.prefix = 128;
	for (int i = 0; i < ALLOW_MAX; i++)
		assert_int_equal(allow_add(l, &e), 0);
	assert_int_equal(allow_add(l, &e), E_FULL);
	allow_free(&l);
}

static int fill(void *arg)
{
	struct allow_list *l = NULL;
	struct allow_entry e = {.prefix = 128};
	int r = allow_new(&l);

	(void)arg;
	for (int i = 0; i < 40 && r == 0; i++)
		r = allow_add(l, &e);
	allow_free(&l);
	return r;
}

static void test_allow__survives_short_memory(void **state)
{
	(void)state;
	assert_true(alloc_test_every(fill, NULL, 16) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allow__prefix_holds_exactly_its_bits),
		cmocka_unit_test(test_allow__types_and_flags),
		cmocka_unit_test(test_allow__touches_both_wider_and_narrower),
		cmocka_unit_test(test_allow__refuses_what_cannot_be),
		cmocka_unit_test(test_allow__survives_short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
