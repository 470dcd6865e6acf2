#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "video/compose/layout.h"

static const uint16_t sizes[][2] = {
	{1920, 1080}, {1280, 720}, {640, 360}, {320, 180}, {160, 90},
	{640, 480}, {360, 640}};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static bool apart(struct layout_rect a, struct layout_rect b)
{
	return a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y ||
	       b.y + b.h <= a.y;
}

static void check_row(const struct layout *l, uint16_t w, uint16_t h)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct layout_rect r = layout_rect(l, i, w, h);

		assert_true(r.w >= 2 && r.h >= 2);
		assert_int_equal((r.x | r.y | r.w | r.h) & 1, 0);
		assert_true(r.x + r.w <= w && r.y + r.h <= h);
		for (unsigned k = 0; k < i; k++)
			assert_true(apart(r, layout_rect(l, k, w, h)));
	}
}

static void test_layout__cells_are_inside_and_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; layout_row(i); i++)
		for (unsigned k = 0; k < SIZES; k++)
			check_row(layout_row(i), sizes[k][0], sizes[k][1]);
}

/* 1:7, 4:0 and 16:0 stay at the cheap ratios on every canvas of the ladder
 * whose own numbers divide evenly. */
static void test_layout__uses_cheap_ratios(void **state)
{
	static const char *views[] = {"1:0", "1:7", "4:0", "16:0"};

	(void)state;
	for (unsigned v = 0; v < 4; v++)
		for (unsigned k = 1; k <= 2; k++) {
			const struct layout *l = layout_find(
				span_str(views[v]), LAYOUT_SLOTS_MAX);
			unsigned w = sizes[k][0], h = sizes[k][1];

			for (unsigned i = 0; i < l->n; i++) {
				struct layout_rect r = layout_rect(
					l, i, (uint16_t)w, (uint16_t)h);
				unsigned eighths = r.w * 8u / w;

				assert_int_equal(r.w * 8u % w, 0);
				assert_int_equal(r.h * 8u, eighths * h);
				assert_true(eighths == 8 || eighths == 6 ||
					    eighths == 4 || eighths == 3 ||
					    eighths == 2);
			}
		}
}

static void test_layout__shrinks_to_who_is_there(void **state)
{
	(void)state;
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 0)->n, 1);
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 1)->n, 1);
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 2)->n, 2);
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 5)->n, 5);
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 6)->n, 8);
	assert_int_equal(layout_find(SPAN_LIT("1:7"), 99)->n, 8);
	assert_int_equal(layout_find(SPAN_LIT("25:0"), 5)->n, 9);
	assert_int_equal(layout_find(SPAN_LIT("25:0"), 17)->n, 25);
	assert_int_equal(layout_find(SPAN_LIT("1:0"), 9)->n, 1);
}

static void test_layout__every_row_holds_what_it_serves(void **state)
{
	(void)state;
	for (unsigned i = 0; layout_row(i); i++)
		assert_true(layout_row(i)->n >= layout_row(i)->max_used);
}

static void test_layout__refuses_unknown_names(void **state)
{
	(void)state;
	assert_null(layout_find(SPAN_LIT("2:21"), 1));
	assert_null(layout_find(SPAN_LIT(""), 1));
	assert_int_equal(layout_slots(SPAN_LIT("ac")), 0);
	assert_int_equal(layout_slots(SPAN_LIT("1:7")), 8);
	assert_int_equal(layout_slots(SPAN_LIT("25:0")), 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout__cells_are_inside_and_apart),
		cmocka_unit_test(test_layout__uses_cheap_ratios),
		cmocka_unit_test(test_layout__shrinks_to_who_is_there),
		cmocka_unit_test(test_layout__every_row_holds_what_it_serves),
		cmocka_unit_test(test_layout__refuses_unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
