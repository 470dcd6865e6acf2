/* Shares: what is kept from strangers, what one source has, what is given
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/share.h"

enum { TOTAL = 320, STRANGERS = 240, OF_ONE = 30, OF_ONE_PROVEN = 80 };

static int setup(void **state)
{
	static struct share s;

	assert_int_equal(share_init(&s, TOTAL), 0);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	share_release(*state);
	return 0;
}

static void v4(uint8_t ip[16], uint32_t a)
{
	memset(ip, 0, 10);
	ip[10] = ip[11] = 0xff;
	for (unsigned i = 0; i < 4; i++)
		ip[12 + i] = (uint8_t)(a >> (24 - 8 * i));
}

static int take(struct share *s, enum share_who who, uint32_t a,
		struct share_place *p)
{
	uint8_t ip[16];

	v4(ip, a);
	return share_take(s, who, ip, p);
}

static void test_share__a_quarter_is_kept_from_strangers(void **state)
{
	struct share *s = *state;
	struct share_place p[TOTAL + 1];

	for (uint32_t i = 0; i < STRANGERS; i++)
		assert_int_equal(take(s, SHARE_STRANGER, i, &p[i]), 0);
	assert_int_equal(take(s, SHARE_STRANGER, 9999, &p[TOTAL]), E_FULL);
	assert_int_equal(s->stats.refused_strangers, 1);
	for (uint32_t i = STRANGERS; i < TOTAL; i++)
		assert_int_equal(take(s, SHARE_PROVEN, i, &p[i]), 0);
	assert_int_equal(take(s, SHARE_PROVEN, 9999, &p[TOTAL]), E_FULL);
	assert_int_equal(share_take(s, SHARE_OURS, NULL, &p[TOTAL]), E_FULL);
	assert_int_equal(s->stats.refused_full, 2);
	share_give(s, &p[0]);
	assert_int_equal(share_take(s, SHARE_OURS, NULL, &p[0]), 0);
	for (uint32_t i = 0; i < TOTAL; i++)
		share_give(s, &p[i]);
	assert_int_equal(s->n, 0);
	assert_int_equal(s->strangers, 0);
	assert_int_equal(s->n_sources, 0);
}

static void test_share__one_source_has_its_part(void **state)
{
	struct share *s = *state;
	struct share_place p[OF_ONE_PROVEN + 1];

	for (int i = 0; i < OF_ONE; i++)
		assert_int_equal(take(s, SHARE_STRANGER, 7, &p[i]), 0);
	assert_int_equal(take(s, SHARE_STRANGER, 7, &p[OF_ONE]), E_FULL);
	assert_int_equal(s->stats.refused_source, 1);
	assert_int_equal(take(s, SHARE_STRANGER, 8, &p[OF_ONE]), 0);
	share_give(s, &p[0]);
	share_give(s, &p[0]);	/* twice is once */
	assert_int_equal(take(s, SHARE_STRANGER, 7, &p[0]), 0);
	/* The proven behind the same address are not his. */
	for (int i = 0; i < OF_ONE_PROVEN; i++)
		assert_int_equal(take(s, SHARE_PROVEN, 7, &p[i]), 0);
	assert_int_equal(take(s, SHARE_PROVEN, 7, &p[OF_ONE_PROVEN]), E_FULL);
}

static void test_share__a_64_is_one_source(void **state)
{
	struct share *s = *state;
	struct share_place p;
	uint8_t ip[16] = {0x20, 1, 0xd, 0xb8};

	for (int i = 0; i < OF_ONE; i++) {
		ip[15] = (uint8_t)i;
		assert_int_equal(share_take(s, SHARE_STRANGER, ip, &p), 0);
	}
	ip[8] = 9;
	assert_int_equal(share_take(s, SHARE_STRANGER, ip, &p), E_FULL);
	ip[7] = 9;
	assert_int_equal(share_take(s, SHARE_STRANGER, ip, &p), 0);
}

static void test_share__sizes(void **state)
{
	struct share s;

	(void)state;
	assert_int_equal(share_init(&s, 0), E_INVAL);
	assert_int_equal(share_init(&s, SHARE_TOTAL_MAX + 1), E_INVAL);
	for (uint32_t n = 2; n <= SHARE_TOTAL_MAX; n++) {
		assert_in_range(share_strangers(n), 1, n - 1);
		assert_in_range(share_per_source(n, SHARE_STRANGER), 1, n);
		assert_in_range(share_per_source(n, SHARE_PROVEN), 1, n);
	}
}

static int make(void *arg)
{
	struct share s;
	const int r = share_init(&s, 8);

	(void)arg;
	if (r == 0)
		share_release(&s);
	return r;
}

static void test_share__survives_short_memory(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make, NULL, 8) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_share__a_quarter_is_kept_from_strangers),
		T(test_share__one_source_has_its_part),
		T(test_share__a_64_is_one_source),
		T(test_share__sizes),
		T(test_share__survives_short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
