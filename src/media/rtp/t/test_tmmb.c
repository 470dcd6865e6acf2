/* RFC 5104 3.5.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "media/rtp/tmmb.h"

static void take(struct tmmb_set *s, uint32_t owner, uint64_t bps,
		 uint16_t overhead)
{
	const struct rtcp_tmmb t = {.ssrc = 99, .bps = bps,
				    .overhead = overhead};

	tmmb_take(s, owner, &t);
}

/* 3.5.4.4's case: 35 kbit/s with 40 bytes; 40 kbit/s with 60 crosses it where
 * something is left, so both bind. */
static void test_tmmb__lines_that_cross_both_bind(void **state)
{
	struct tmmb_set s = {.n = 0};
	struct rtcp_tmmb out[TMMB_MAX];

	(void)state;
	take(&s, 1, 35000, 40);
	take(&s, 2, 40000, 60);
	assert_int_equal(tmmb_bound(&s, out), 2);
	assert_true(out[0].ssrc == 1 && out[0].bps == 35000 &&
		    out[0].overhead == 40);
	assert_true(out[1].ssrc == 2);
}

static void test_tmmb__what_never_binds_is_left_out(void **state)
{
	struct tmmb_set s = {.n = 0};
	struct rtcp_tmmb out[TMMB_MAX];

	(void)state;
	assert_int_equal(tmmb_bound(&s, out), 0);
	take(&s, 1, 500000, 40);
	take(&s, 2, 300000, 40);	/* below at each packet rate */
	take(&s, 3, 300000, 20);	/* as high, flatter */
	take(&s, 4, 900000, 41);	/* crosses where nothing is left */
	assert_int_equal(tmmb_bound(&s, out), 1);
	assert_true(out[0].ssrc == 2);
}

static void test_tmmb__of_three_the_middle_may_be_hidden(void **state)
{
	struct tmmb_set s = {.n = 0};
	struct rtcp_tmmb out[TMMB_MAX];

	(void)state;
	take(&s, 1, 100000, 20);
	take(&s, 2, 190000, 40);	/* crosses 1 at 562 packets a second */
	take(&s, 3, 140000, 60);	/* at 125, and is below from there on */
	assert_int_equal(tmmb_bound(&s, out), 2);
	assert_true(out[0].ssrc == 1 && out[1].ssrc == 3);
}

static void test_tmmb__an_owner_has_one(void **state)
{
	struct tmmb_set s = {.n = 0};
	struct rtcp_tmmb out[TMMB_MAX];

	(void)state;
	take(&s, 7, 300000, 40);
	take(&s, 7, 900000, 40);
	assert_int_equal(tmmb_bound(&s, out), 1);
	assert_true(out[0].ssrc == 7 && out[0].bps == 900000);
}

static void test_tmmb__owners_are_bounded(void **state)
{
	struct tmmb_set s = {.n = 0};
	struct rtcp_tmmb out[TMMB_MAX];

	(void)state;
	for (uint32_t i = 0; i < TMMB_MAX; i++)
		take(&s, i, 500000 + i, 40);
	take(&s, 50, 900000, 40);
	assert_int_equal(s.refused, 1);
	take(&s, 51, 200000, 40);
	assert_int_equal(s.n, TMMB_MAX);
	assert_int_equal(tmmb_bound(&s, out), 1);
	assert_true(out[0].ssrc == 51);
	/* no product leaves 64 bits */
	take(&s, 51, UINT64_MAX, 511);
	assert_true(tmmb_bound(&s, out) >= 1);
}

static void test_tmmb__headers_count(void **state)
{
	struct tmmb_set s = {.n = 0};

	(void)state;
	assert_int_equal(tmmb_kbps(&s, 1000), 0);
	take(&s, 1, 550000, 100);
	assert_int_equal(tmmb_kbps(&s, 1000), 500);
	take(&s, 2, 0, 0);
	assert_int_equal(tmmb_kbps(&s, 1000), 1);	/* a cap, not none */
	assert_true(tmmb_total_bps(500, 100, 1000) == 550000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tmmb__lines_that_cross_both_bind),
		cmocka_unit_test(test_tmmb__what_never_binds_is_left_out),
		cmocka_unit_test(test_tmmb__of_three_the_middle_may_be_hidden),
		cmocka_unit_test(test_tmmb__an_owner_has_one),
		cmocka_unit_test(test_tmmb__owners_are_bounded),
		cmocka_unit_test(test_tmmb__headers_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
