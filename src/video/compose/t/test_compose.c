#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc_test.h"
#include "video/compose/compose.h"
#include "video/compose/fit.h"
#include "video/compose/tile.h"
#include "video/paint.h"

enum { TOLERANCE = 3 };

static struct pic *filled(unsigned w, unsigned h, struct pic_color c)
{
	struct pic *p = NULL;

	assert_int_equal(pic_new(&p, w, h), 0);
	pic_fill(p, c);
	return p;
}

static bool near(const struct pic *p, int x, int y, struct pic_color c)
{
	int uv = y / 2 * p->stride_uv + x / 2;

	return abs(p->y[y * p->stride_y + x] - c.y) <= TOLERANCE &&
	       abs(p->u[uv] - c.u) <= TOLERANCE &&
	       abs(p->v[uv] - c.v) <= TOLERANCE;
}

static struct pic_color color_of(unsigned i)
{
	return pic_color_rgb((uint8_t)(40 + i * 53 % 200),
			     (uint8_t)(30 + i * 97 % 210),
			     (uint8_t)(20 + i * 31 % 220));
}

static void draw_slot(struct pic *canvas, const struct compose_style *st,
		      const struct layout *l, unsigned i)
{
	struct pic *src = filled(640, 360, color_of(i));
	struct tile_cache tiles = {0};
	struct layout_rect r = layout_rect(l, i, canvas->w, canvas->h);
	struct pic_view view;
	struct compose_cell cell = {.view = &view, .alone = l->n == 1};

	assert_int_equal(tile_get(&tiles, src, 1, r.w, r.h, &view), 0);
	compose_cell(canvas, st, r, &cell);
	tile_release(&tiles);
	pic_free(&src);
}

static void check_layout(const struct layout *l, unsigned w, unsigned h)
{
	struct pic *canvas = filled(w, h, COMPOSE_BACK);
	struct compose_style st;

	compose_style_init(&st, w, h);
	for (unsigned i = 0; i < l->n; i++)
		draw_slot(canvas, &st, l, i);
	for (unsigned i = 0; i < l->n; i++) {
		struct layout_rect r = layout_rect(l, i, canvas->w, canvas->h);
		int in = st.gap + st.radius;

		assert_true(near(canvas, r.x + r.w / 2, r.y + r.h / 2,
				 color_of(i)));
		assert_true(near(canvas, r.x + in, r.y + in, color_of(i)));
		assert_true(near(canvas, r.x + r.w - 1 - in,
				 r.y + r.h - 1 - in, color_of(i)));
	}
	pic_free(&canvas);
}

static void test_compose__puts_colours_where_the_layout_says(void **state)
{
	(void)state;
	for (unsigned i = 0; layout_row(i); i++) {
		check_layout(layout_row(i), 1280, 720);
		check_layout(layout_row(i), 640, 360);
		check_layout(layout_row(i), 320, 180);
	}
}

static void test_compose__gap_and_corners_show_the_background(void **state)
{
	const struct layout *l = layout_find(SPAN_LIT("4:0"), 4);
	struct pic *canvas = filled(1280, 720, COMPOSE_BACK);
	struct compose_style st;
	struct layout_rect r = layout_rect(l, 3, 1280, 720);

	(void)state;
	compose_style_init(&st, 1280, 720);
	draw_slot(canvas, &st, l, 3);
	assert_true(near(canvas, r.x, r.y + 100, COMPOSE_BACK));
	assert_true(near(canvas, r.x + 3, r.y + 3, COMPOSE_BACK));
	assert_true(near(canvas, r.x + 300, r.y + 2, color_of(3)));
	/* nothing outside the cell */
	assert_true(near(canvas, r.x - 1, r.y + 100, COMPOSE_BACK));
	pic_free(&canvas);
}

static void test_compose__frames_the_speaker(void **state)
{
	const struct layout *l = layout_find(SPAN_LIT("4:0"), 4);
	struct pic *canvas = filled(1280, 720, COMPOSE_BACK);
	struct pic *tile = filled(640, 360, color_of(1));
	struct pic_view view = pic_view(tile);
	struct compose_cell cell = {.view = &view, .speaking = true};
	struct compose_style st;
	struct layout_rect r = layout_rect(l, 0, 1280, 720);

	(void)state;
	compose_style_init(&st, 1280, 720);
	compose_cell(canvas, &st, r, &cell);
	assert_true(near(canvas, 320, 4, COMPOSE_SPEAKING));
	assert_true(near(canvas, 4, 180, COMPOSE_SPEAKING));
	assert_true(near(canvas, 640 - 4, 180, COMPOSE_SPEAKING));
	assert_true(near(canvas, 320, 360 - 4, COMPOSE_SPEAKING));
	assert_true(near(canvas, 320, 180, color_of(1)));
	cell.speaking = false;
	compose_cell(canvas, &st, r, &cell);
	assert_true(near(canvas, 320, 4, color_of(1)));
	pic_free(&tile);
	pic_free(&canvas);
}

static void test_compose__empties_a_cell(void **state)
{
	struct pic *canvas = filled(640, 360, color_of(2));
	struct compose_cell cell = {.view = NULL};
	struct compose_style st;

	(void)state;
	compose_style_init(&st, 640, 360);
	compose_cell(canvas, &st, (struct layout_rect){320, 0, 320, 180},
		     &cell);
	assert_true(near(canvas, 480, 90, COMPOSE_BACK));
	assert_true(near(canvas, 160, 90, color_of(2)));
	pic_free(&canvas);
}

static void test_compose__clips_sprites(void **state)
{
	struct pic *canvas = filled(64, 64, color_of(2));
	struct pic *ink = filled(40, 40, color_of(5));
	uint8_t alpha[40 * 40];
	struct sprite s = {ink, alpha, 40};

	(void)state;
	memset(alpha, 255, sizeof(alpha));
	compose_sprite(canvas, &s, 50, 50);
	compose_sprite(canvas, &s, 64, 0);
	compose_sprite(canvas, &s, -2, 0);
	assert_true(near(canvas, 60, 60, color_of(5)));
	assert_true(near(canvas, 40, 60, color_of(2)));
	pic_free(&ink);
	pic_free(&canvas);
}

static void test_fit__a_presentation_is_whole(void **state)
{
	struct fit f = fit_whole(640, 480, 640, 360);	/* 4:3 into 16:9 */

	(void)state;
	assert_true(f.sw == 640 && f.sh == 480 && f.dh == 360);
	assert_true(f.dw == 480 && f.dx == 80 && f.dy == 0);
	f = fit_whole(1920, 1080, 960, 540);
	assert_true(f.dw == 960 && f.dh == 540 && f.sw == 1920);
	f = fit_whole(2000, 100, 640, 360);
	assert_true(f.sw == 2000 && f.dw == 640 && f.dh == 32);
}

static void test_fit__crops_a_little_and_never_a_face(void **state)
{
	struct fit f;

	(void)state;
	f = fit_compute(640, 480, 640, 360);	/* 4:3 into 16:9: crop */
	assert_int_equal(f.dw, 640);
	assert_int_equal(f.dh, 360);
	assert_int_equal(f.sh, 360);
	assert_int_equal(f.sy, 60);
	f = fit_compute(360, 640, 640, 360);	/* upright: bars */
	assert_int_equal(f.sw, 360);
	assert_int_equal(f.sh, 640);
	assert_int_equal(f.dh, 360);
	assert_int_equal(f.dw, 202);
	f = fit_compute(1280, 720, 426, 240);	/* rounding is no crop */
	assert_int_equal(f.sw, 1280);
	assert_int_equal(f.sh, 720);
}

static void test_fit__stays_inside_for_every_shape(void **state)
{
	(void)state;
	for (unsigned w = 2; w <= 1920; w += 61)
		for (unsigned h = 2; h <= 1088; h += 53)
			for (unsigned i = 0; layout_row(i); i++) {
				struct layout_rect c = layout_rect(
					layout_row(i), 0, 320, 180);
				struct fit f = fit_compute(w, h, c.w, c.h);

				assert_true(f.sw && f.sh && f.dw && f.dh);
				assert_true(f.sx + f.sw <= w);
				assert_true(f.sy + f.sh <= h);
				assert_true(f.dx + f.dw <= c.w);
				assert_true(f.dy + f.dh <= c.h);
				assert_int_equal((f.sx | f.sy | f.dx | f.dy) &
						 1, 0);
			}
}

static void test_tile__scales_once_for_all_groups(void **state)
{
	struct pic *src = filled(640, 360, color_of(3));
	struct tile_cache c = {0};
	struct pic_view v;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(tile_get(&c, src, 7, 320, 180, &v), 0);
	assert_int_equal(c.scaled, 1);
	assert_int_equal(tile_get(&c, src, 8, 320, 180, &v), 0);
	assert_int_equal(c.scaled, 2);
	assert_int_equal(tile_get(&c, src, 8, 640, 360, &v), 0);
	assert_ptr_equal(v.y, src->y);		/* no copy at full size */
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(tile_get(&c, src, 8, i * 16, i * 8, &v), 0);
	assert_true(tile_bytes(&c) <= 4 * pic_bytes(160, 80) + 4096);
	tile_release(&c);
	assert_int_equal(tile_bytes(&c), 0);
	pic_free(&src);
}

static void test_tile__lays_bars_beside_an_upright_picture(void **state)
{
	struct pic *src = filled(360, 640, color_of(3));
	struct tile_cache c = {0};
	struct pic_view v;

	(void)state;
	assert_int_equal(tile_get(&c, src, 1, 640, 360, &v), 0);
	assert_int_equal(v.y[v.stride_y * 180 + 10], COMPOSE_BARS.y);
	assert_int_equal(v.y[v.stride_y * 180 + 320], src->y[0]);
	tile_release(&c);
	pic_free(&src);
}

static int tile_once(void *arg)
{
	struct tile_cache c = {0};
	struct pic_view v;
	struct pic *src = NULL;
	int r = pic_new(&src, 64, 36);

	(void)arg;
	if (r == 0)
		r = tile_get(&c, src, 1, 32, 18, &v);
	tile_release(&c);
	pic_free(&src);
	return r;
}

static void test_tile__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(tile_once, NULL, 50) > 1);
}

static void test_pic__refuses_sizes_outside_the_limits(void **state)
{
	struct pic *p = NULL;

	(void)state;
	assert_int_equal(pic_new(&p, 0, 10), E_LIMIT);
	assert_int_equal(pic_new(&p, 1921, 10), E_LIMIT);
	assert_int_equal(pic_new(&p, 10, 1089), E_LIMIT);
	assert_null(p);
}

static void test_paint__masks_clip_at_every_edge(void **state)
{
	struct pic *p = filled(32, 32, color_of(1));
	uint8_t cover[24 * 24];
	struct mask m = {cover, 24, 24, 24};

	(void)state;
	mask_round(&m, 6, 255);
	assert_int_equal(cover[0], 0);
	assert_int_equal(cover[12 * 24 + 12], 255);
	for (int x = -30; x <= 40; x += 10)
		for (int y = -30; y <= 40; y += 10)
			paint_mask(p, &m, x, y, color_of(4));
	paint_rect(p, -8, -8, 100, 100, color_of(6));
	assert_true(near(p, 31, 31, color_of(6)));
	pic_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_compose__puts_colours_where_the_layout_says),
		cmocka_unit_test(
			test_compose__gap_and_corners_show_the_background),
		cmocka_unit_test(test_compose__frames_the_speaker),
		cmocka_unit_test(test_compose__empties_a_cell),
		cmocka_unit_test(test_compose__clips_sprites),
		cmocka_unit_test(test_fit__a_presentation_is_whole),
		cmocka_unit_test(test_fit__crops_a_little_and_never_a_face),
		cmocka_unit_test(test_fit__stays_inside_for_every_shape),
		cmocka_unit_test(test_tile__scales_once_for_all_groups),
		cmocka_unit_test(
			test_tile__lays_bars_beside_an_upright_picture),
		cmocka_unit_test(test_tile__survives_every_failing_allocation),
		cmocka_unit_test(test_pic__refuses_sizes_outside_the_limits),
		cmocka_unit_test(test_paint__masks_clip_at_every_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
