#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/alloc_test.h"
#include "video/text/draw.h"
#include "video/text/text.h"

static struct name clean(const char *s)
{
	struct name n;

	name_clean(&n, span_str(s));
	return n;
}

static void check_clean(const char *from, const char *to)
{
	struct name a = clean(from), b = clean(to);

	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.cps, b.cps, a.n * 4);
}

static void test_name__keeps_one_line(void **state)
{
	(void)state;
	check_clean("Anna\nMaria\r\n\tBerg", "Anna Maria Berg");
	check_clean("  Anna \xe2\x80\xa9 Berg  ", "Anna Berg");
	check_clean("\n\n\n", "");
}

static void test_name__drops_direction_tricks(void **state)
{
	(void)state;
	check_clean("Anna\xe2\x80\xae" "greB", "AnnagreB");	/* RLO */
	check_clean("\xe2\x81\xa6x\xe2\x81\xa9", "x");		/* isolates */
	check_clean("a\xef\xbb\xbf" "b\xe2\x80\x8b", "ab");	/* BOM, ZWSP */
	check_clean("a\x01\x7f" "b", "ab");
}

static void test_name__thins_out_piled_marks(void **state)
{
	char zalgo[201] = "Z";
	struct name n;

	(void)state;
	for (unsigned i = 0; i < 99; i++)
		memcpy(zalgo + 1 + 2 * i, "\xcc\x81", 2);
	n = clean(zalgo);
	assert_int_equal(n.n, 1 + NAME_MARKS_MAX);
	n = clean("\xcc\x81\xcc\x81");
	assert_int_equal(n.n, 0);
}

static void test_name__replaces_what_is_no_utf8(void **state)
{
	struct name n = clean("a\xff\xc0\x80" "b\xed\xa0\x80");

	(void)state;
	assert_int_equal(n.cps[0], 'a');
	assert_int_equal(n.cps[1], 0xfffd);
	assert_int_equal(n.cps[n.n - 1], 0xfffd);
	n = clean("\xe2\x82");
	assert_int_equal(n.n, 2);
}

static void test_name__is_bounded(void **state)
{
	char longer[251];
	struct name n;

	(void)state;
	memset(longer, 'w', 250);
	longer[250] = 0;
	n = clean(longer);
	assert_int_equal(n.n, NAME_CPS_MAX);
	assert_true(n.cut);
}

static void test_name__finds_initials(void **state)
{
	static const struct {
		const char *name;
		unsigned n;
		uint32_t first, last;
	} rows[] = {
		{"Anna Berg", 2, 'A', 'B'},
		{"anna maria (guest) berg", 2, 'A', 'B'},
		{"anna", 1, 'A', 0},
		{"\xd0\xb6\xd0\xb5\xd0\xbd\xd1\x8f", 1, 0x416, 0},
		{"\xc3\xa9mile zola", 2, 0xc9, 'Z'},
		{"***", 0, 0, 0},
		{"", 0, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t c[NAME_INITIALS_MAX] = {0};
		struct name n = clean(rows[i].name);

		assert_int_equal(name_initials(c, &n), rows[i].n);
		assert_int_equal(c[0], rows[i].first);
		assert_int_equal(c[1], rows[i].last);
	}
}

static unsigned width_of(struct fonts *f, const char *s, unsigned max_w)
{
	struct name n = clean(s);
	struct line_cfg cfg = {n.cps, n.n, 20, max_w, false, n.cut};
	struct line *l;
	unsigned w;

	assert_int_equal(line_new(&l, f, &cfg), 0);
	w = line_width(l);
	line_free(&l);
	return w;
}

static void test_line__ends_with_an_ellipsis_when_too_wide(void **state)
{
	struct fonts *f;
	unsigned full, cut;

	(void)state;
	assert_int_equal(fonts_new(&f), 0);
	full = width_of(f, "Konstantin Konstantinopolitanski", 1000);
	cut = width_of(f, "Konstantin Konstantinopolitanski", 150);
	assert_true(full > 250);
	assert_true(cut <= 150 && cut > 120);
	assert_true(width_of(f, "Konstantin", 1000) < full);
	assert_int_equal(width_of(f, "", 100), 0);
	fonts_free(&f);
}

static void test_line__shapes_every_script_we_carry(void **state)
{
	static const char *names[] = {
		"Ren\xc3\xa9" "e O'Neil", "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd",
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d abc 12",
		"\xd9\x85\xd8\xad\xd9\x85\xd8\xaf (x)",
		"\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80 smile"};
	struct fonts *f;

	(void)state;
	assert_int_equal(fonts_new(&f), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_true(width_of(f, names[i], 1000) > 0);
	fonts_free(&f);
}

static void test_text__draws_once_and_keeps(void **state)
{
	const struct sprite *a, *b;
	struct text_stats st;
	struct text *t;

	(void)state;
	assert_int_equal(text_new(&t), 0);
	assert_int_equal(text_label(t, SPAN_LIT("Anna"), 320, 180, &a), 0);
	assert_int_equal(text_label(t, SPAN_LIT("Anna"), 320, 180, &b), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(text_label(t, SPAN_LIT("Anna"), 640, 360, &b), 0);
	text_stats(t, &st);
	assert_int_equal(st.draws, 2);
	assert_int_equal(st.hits, 1);
	assert_int_equal(st.entries, 2);
	text_free(&t);
}

static void test_text__label_stays_inside_its_cell(void **state)
{
	char longer[TEXT_NAME_MAX + 51];
	const struct sprite *s;
	struct text *t;

	(void)state;
	memset(longer, 'W', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(text_new(&t), 0);
	assert_int_equal(text_label(t, span_str(longer), 320, 180, &s), 0);
	assert_true(s->pic->w <= 320 * 4 / 5 + 8);
	assert_true(s->pic->h <= 180 / 4);
	assert_int_equal((s->pic->w | s->pic->h) & 1, 0);
	assert_int_equal(text_label(t, SPAN_LIT("x"), 64, 36, &s), E_NOTFOUND);
	assert_int_equal(text_label(t, SPAN_LIT("\n"), 640, 360, &s),
			 E_NOTFOUND);
	text_free(&t);
}

static void test_text__bounds_work_in_one_turn(void **state)
{
	const struct sprite *s;
	struct text *t;
	char name[16];
	int r = 0;
	unsigned n = 0;

	(void)state;
	assert_int_equal(text_new(&t), 0);
	while (r == 0) {
		(void)snprintf(name, sizeof(name), "n%u", n++);
		r = text_label(t, span_str(name), 320, 180, &s);
	}
	assert_int_equal(r, E_AGAIN);
	assert_int_equal(n, TEXT_DRAWS_PER_TURN + 1);
	text_turn(t);
	assert_int_equal(text_label(t, span_str(name), 320, 180, &s), 0);
	text_free(&t);
}

static void test_text__cache_is_bounded(void **state)
{
	const struct sprite *s;
	struct text_stats st;
	struct text *t;
	char name[16];

	(void)state;
	assert_int_equal(text_new(&t), 0);
	for (unsigned i = 0; i < TEXT_CACHE_MAX + 20; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		text_turn(t);
		assert_int_equal(text_label(t, span_str(name), 120, 64, &s),
				 0);
	}
	text_stats(t, &st);
	assert_int_equal(st.entries, TEXT_CACHE_MAX);
	assert_int_equal(st.evicted, 20);
	for (unsigned i = 0; i < 30; i++) {
		text_turn(t);
		assert_int_equal(text_card(t, SPAN_LIT("big"), i, 1280,
					   720 - 2 * i, &s), 0);
	}
	text_stats(t, &st);
	assert_true(st.bytes <= TEXT_CACHE_BYTES_MAX);
	text_free(&t);
}

static void test_text__card_takes_its_colour_from_the_leg(void **state)
{
	const struct sprite *s;
	struct text *t;
	uint8_t u;

	(void)state;
	assert_int_equal(text_new(&t), 0);
	assert_int_equal(text_card(t, SPAN_LIT("Anna Berg"), 1, 320, 180, &s),
			 0);
	assert_null(s->alpha);
	assert_int_equal(s->pic->w, 320);
	u = s->pic->u[0];
	assert_int_equal(text_card(t, SPAN_LIT("Anna Berg"), 4, 320, 180, &s),
			 0);
	assert_int_not_equal(u, s->pic->u[0]);
	text_free(&t);
}

static void test_text__knows_the_splash_screens(void **state)
{
	const struct sprite *s;
	struct text *t;

	(void)state;
	assert_int_equal(text_new(&t), 0);
	assert_int_equal(text_splash(t, SPAN_LIT("waiting_for_host"), 1280,
				     720, &s), 0);
	assert_int_equal(s->pic->w, 1280);
	assert_int_equal(text_splash(t, SPAN_LIT("locked"), 640, 360, &s), 0);
	assert_int_equal(text_splash(t, SPAN_LIT("alone"), 320, 180, &s), 0);
	assert_int_equal(text_splash(t, SPAN_LIT("nonsense"), 320, 180, &s),
			 E_NOTFOUND);
	assert_true(text_has_splash(SPAN_LIT("locked")));
	assert_false(text_has_splash(SPAN_LIT("")));
	text_free(&t);
}

static void test_text__has_a_screen_for_each_word_of_the_ivr(void **state)
{
	static const char *const keys[] = {
		"enter_pin", "enter_pin_or_hash", "wrong_pin", "enter_alias",
		"wrong_alias", "joining", "calling", "test_call", "goodbye",
	};
	const struct sprite *s;
	struct text *t;

	(void)state;
	assert_int_equal(text_new(&t), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		text_turn(t);
		assert_int_equal(text_splash(t, span_str(keys[i]), 640, 360,
					     &s), 0);
	}
	text_free(&t);
}

static int text_once(void *arg)
{
	const struct sprite *s;
	struct text *t = NULL;
	int r = text_new(&t);

	(void)arg;
	if (r == 0)
		r = text_label(t, SPAN_LIT("Anna Berg"), 320, 180, &s);
	if (r == 0)
		r = text_card(t, SPAN_LIT("Anna Berg"), 1, 320, 180, &s);
	if (r == 0)
		r = text_splash(t, SPAN_LIT("locked"), 320, 180, &s);
	text_free(&t);
	return r;
}

static void test_text__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(text_once, NULL, 500) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name__keeps_one_line),
		cmocka_unit_test(test_name__drops_direction_tricks),
		cmocka_unit_test(test_name__thins_out_piled_marks),
		cmocka_unit_test(test_name__replaces_what_is_no_utf8),
		cmocka_unit_test(test_name__is_bounded),
		cmocka_unit_test(test_name__finds_initials),
		cmocka_unit_test(
			test_line__ends_with_an_ellipsis_when_too_wide),
		cmocka_unit_test(test_line__shapes_every_script_we_carry),
		cmocka_unit_test(test_text__draws_once_and_keeps),
		cmocka_unit_test(test_text__label_stays_inside_its_cell),
		cmocka_unit_test(test_text__bounds_work_in_one_turn),
		cmocka_unit_test(test_text__cache_is_bounded),
		cmocka_unit_test(
			test_text__card_takes_its_colour_from_the_leg),
		cmocka_unit_test(test_text__knows_the_splash_screens),
		cmocka_unit_test(
			test_text__has_a_screen_for_each_word_of_the_ivr),
		cmocka_unit_test(test_text__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
