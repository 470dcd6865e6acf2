#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/alloc_test.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/handle.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/siphash.h"
#include "base/timer.h"

static struct span key_of(char *buf, size_t cap, unsigned i)
{
	return span_of(buf, (size_t)snprintf(buf, cap, "key-%u", i));
}

/* The paper's key 00..0f over 00..0e (appendix A), and over nothing. */
static void test_siphash__vectors(void **s)
{
	static const uint64_t key[2] = {UINT64_C(0x0706050403020100),
					UINT64_C(0x0f0e0d0c0b0a0908)};
	uint8_t in[16];

	(void)s;
	for (uint8_t i = 0; i < 16; i++)
		in[i] = i;
	assert_true(siphash(key, span_of(in, 15)) ==
		    UINT64_C(0xa129ca6149be45e5));
	assert_true(siphash(key, SPAN_NONE) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(siphash(key, span_of(in, 16)) ==
		    siphash_u64x2(key, key[0], key[1]));
}

static void test_map__many_puts_and_deletes(void **s)
{
	enum { N = 5000 };
	static int value[N];
	struct map *m;
	char buf[32];
	size_t it = 0, seen = 0;

	(void)s;
	assert_int_equal(map_new(&m, N), 0);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(map_put(m, key_of(buf, 32, i), &value[i]), 0);
	assert_int_equal(map_put(m, key_of(buf, 32, N), value), E_FULL);
	assert_int_equal(map_put(m, key_of(buf, 32, 3), value), E_EXISTS);
	for (unsigned i = 0; i < N; i += 2)
		assert_ptr_equal(map_del(m, key_of(buf, 32, i)), &value[i]);
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(map_get(m, key_of(buf, 32, i)),
				 i % 2 ? &value[i] : NULL);
	while (map_next(m, &it, NULL, NULL))
		seen++;
	assert_int_equal(seen, N / 2);
	assert_int_equal(map_count(m), N / 2);
	map_free(&m);
	assert_null(m);
}

static int map_body(void *arg)
{
	struct map *m = NULL;
	char buf[32];
	int r = map_new(&m, 100);

	(void)arg;
	for (unsigned i = 0; r == 0 && i < 40; i++)
		r = map_put(m, key_of(buf, 32, i), buf);
	map_free(&m);
	return r;
}

static void test_map__survives_each_allocation_failing(void **s)
{
	(void)s;
	assert_true(alloc_test_every(map_body, NULL, 200) > 40);
}

static void test_handle__stale_finds_nothing(void **s)
{
	struct handles *t;
	uint64_t a, b;
	int x, y;

	(void)s;
	assert_int_equal(handles_new(&t, 2), 0);
	a = handles_add(t, &x);
	assert_true(a != 0);
	assert_ptr_equal(handles_get(t, a), &x);
	assert_ptr_equal(handles_del(t, a), &x);
	assert_null(handles_get(t, a));
	b = handles_add(t, &y);
	assert_true(b != a);
	assert_null(handles_get(t, a));
	assert_null(handles_get(t, 0));
	assert_null(handles_get(t, UINT64_MAX));
	assert_int_equal(handles_stale(t), 4);
	assert_true(handles_add(t, &x) != 0);
	assert_true(handles_add(t, &x) == 0);	/* full */
	handles_free(&t);
}

static void test_handle__restored_names_stay(void **s)
{
	struct handles *t, *u;
	uint64_t h[20];
	int x[20];

	(void)s;
	assert_int_equal(handles_new(&t, 64), 0);
	assert_int_equal(handles_new(&u, 64), 0);
	for (int i = 0; i < 20; i++)
		h[i] = handles_add(t, &x[i]);
	for (int i = 19; i >= 0; i -= 3)
		assert_int_equal(handles_restore(u, h[i], &x[i]), 0);
	assert_int_equal(handles_restore(u, h[19], &x[0]), E_EXISTS);
	for (int i = 19; i >= 0; i -= 3)
		assert_ptr_equal(handles_get(u, h[i]), &x[i]);
	/* new ones take other slots */
	for (int i = 0; i < 30; i++) {
		uint64_t n = handles_add(u, x);

		for (int k = 19; k >= 0; k -= 3)
			assert_true((uint32_t)n != (uint32_t)h[k]);
	}
	handles_free(&t);
	handles_free(&u);
}

static void test_arena__is_bounded_and_aligned(void **s)
{
	struct arena *a;

	(void)s;
	assert_int_equal(arena_new(&a, 10000), 0);
	for (int i = 0; i < 100; i++) {
		void *p = arena_alloc(a, 33);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
	}
	assert_non_null(arena_alloc(a, 5000));
	assert_null(arena_alloc(a, 2000));
	assert_null(arena_alloc(a, SIZE_MAX));
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	assert_int_equal(arena_left(a), 10000);
	assert_non_null(arena_alloc(a, 9000));
	assert_null(arena_cstr(a, SPAN_LIT("a\0b")));
	arena_free(&a);
}

/* --- timers --------------------------------------------------------------- */

struct shot {
	struct timer t;
	uint64_t fired_ns;
	unsigned count;
	struct timer_wheel *again;
};

static void fire(struct timer *t, void *arg, uint64_t now_ns)
{
	struct shot *sh = arg;

	(void)t;
	sh->fired_ns = now_ns;
	sh->count++;
	if (sh->again)
		timer_set(sh->again, &sh->t, now_ns);	/* in the past */
}

static void test_timer__never_early_and_at_most_a_tick_late(void **s)
{
	enum { N = 3000 };
	static struct shot sh[N];
	struct timer_wheel *w;
	uint64_t now = 12345678901, end = now + 300 * NS_PER_S;

	(void)s;
	assert_int_equal(timer_wheel_new(&w, now), 0);
	for (int i = 0; i < N; i++) {
		timer_init(&sh[i].t, fire, &sh[i]);
		sh[i].count = 0;
		timer_set(w, &sh[i].t, now + (uint64_t)rand_u32() % (end - now));
		if (i % 5 == 0)	/* and some across the levels */
			timer_set(w, &sh[i].t, now + (uint64_t)rand_below(300) *
				  NS_PER_S);
	}
	while (now < end + 2 * NS_PER_S) {
		uint64_t wait = timer_wheel_wait_ns(w, now);

		if (wait == UINT64_MAX)
			break;
		now += wait ? wait : 1;
		timer_wheel_advance(w, now);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(sh[i].count, 1);
		assert_true(sh[i].fired_ns >= sh[i].t.due_ns);
		assert_true(sh[i].fired_ns < sh[i].t.due_ns + 2 * NS_PER_MS);
	}
	timer_wheel_free(&w);
}

static void test_timer__far_future_and_long_sleep(void **s)
{
	struct shot sh = {.count = 0};
	struct timer_wheel *w;
	uint64_t day = 86400 * NS_PER_S, due = 60 * day;

	(void)s;
	assert_int_equal(timer_wheel_new(&w, 0), 0);
	timer_init(&sh.t, fire, &sh);
	timer_set(w, &sh.t, due);		/* beyond the wheel's 49 days */
	timer_wheel_advance(w, 59 * day);
	assert_int_equal(sh.count, 0);
	timer_wheel_advance(w, 60 * day);
	assert_int_equal(sh.count, 1);
	timer_wheel_free(&w);
}

static void test_timer__cancel_and_move(void **s)
{
	struct shot sh = {.count = 0};
	struct timer_wheel *w;

	(void)s;
	assert_int_equal(timer_wheel_new(&w, 0), 0);
	timer_init(&sh.t, fire, &sh);
	timer_set(w, &sh.t, 5 * NS_PER_MS);
	timer_cancel(&sh.t);
	assert_false(timer_is_set(&sh.t));
	timer_wheel_advance(w, NS_PER_S);
	assert_int_equal(sh.count, 0);
	timer_set(w, &sh.t, 2 * NS_PER_S);
	timer_set(w, &sh.t, 9 * NS_PER_S);
	timer_wheel_advance(w, 3 * NS_PER_S);
	assert_int_equal(sh.count, 0);
	timer_wheel_advance(w, 9 * NS_PER_S);
	assert_int_equal(sh.count, 1);
	timer_wheel_free(&w);
}

static void test_timer__resetting_itself_does_not_spin(void **s)
{
	struct shot sh = {.count = 0};
	struct timer_wheel *w;

	(void)s;
	assert_int_equal(timer_wheel_new(&w, 0), 0);
	timer_init(&sh.t, fire, &sh);
	sh.again = w;
	timer_set(w, &sh.t, 0);
	timer_wheel_advance(w, 10 * NS_PER_MS);
	assert_int_equal(sh.count, 2);	/* at 0, then in the tick of `now` */
	timer_cancel(&sh.t);
	assert_true(timer_wheel_wait_ns(w, 0) == UINT64_MAX);
	timer_wheel_free(&w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(test_siphash__vectors),
		cmocka_unit_test(test_map__many_puts_and_deletes),
		cmocka_unit_test(test_map__survives_each_allocation_failing),
		cmocka_unit_test(test_handle__stale_finds_nothing),
		cmocka_unit_test(test_handle__restored_names_stay),
		cmocka_unit_test(test_arena__is_bounded_and_aligned),
		cmocka_unit_test(test_timer__never_early_and_at_most_a_tick_late),
		cmocka_unit_test(test_timer__far_future_and_long_sleep),
		cmocka_unit_test(test_timer__cancel_and_move),
		cmocka_unit_test(test_timer__resetting_itself_does_not_spin),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
