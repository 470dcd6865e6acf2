#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/identity/session.h"

#define S UINT64_C(1000000000)
enum { ROOM = 11, OTHER = 12, PART = 21 };

struct text {
	char s[TOKEN_TEXT_LEN + 1];
};

static void rnd(uint8_t out[TOKEN_RANDOM_BYTES])
{
	static uint8_t n;

	memset(out, 0x5a, TOKEN_RANDOM_BYTES);
	out[0] = ++n;
}

static struct session_table *table(uint32_t max)
{
	static const uint8_t key[SESSION_KEY_LEN] = {1, 2, 3};
	struct session_table *t = NULL;

	assert_int_equal(session_table_new(&t, span_of(key, sizeof(key)), max),
			 0);
	return t;
}

static struct text open_part(struct session_table *t, uint64_t part,
			     uint64_t now)
{
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x;

	rnd(r);
	assert_int_equal(session_open(t, ROOM, part, r, now, x.s), 0);
	return x;
}

static struct text refresh(struct session_table *t, uint64_t part,
			   uint64_t now)
{
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x;

	rnd(r);
	assert_int_equal(session_refresh(t, part, r, now, x.s), 0);
	return x;
}

static int check(struct session_table *t, uint64_t room, struct text x,
		 uint64_t now)
{
	uint64_t part = 0;
	int r = session_check(t, room, span_str(x.s), now, &part);

	assert_int_equal(part, r == 0 ? PART : 0);
	return r;
}

static void test_session__accepts_its_token_in_its_room_only(void **state)
{
	struct session_table *t = table(4);
	struct text x = open_part(t, PART, S);

	(void)state;
	assert_int_equal(strlen(x.s), TOKEN_TEXT_LEN);
	assert_int_equal(check(t, ROOM, x, 2 * S), 0);
	assert_int_equal(check(t, OTHER, x, 2 * S), E_AUTH);
	x.s[5] = x.s[5] == 'A' ? 'B' : 'A';
	assert_int_equal(check(t, ROOM, x, 2 * S), E_AUTH);
	session_table_free(&t);
}

static void test_session__ends_a_token_after_its_life(void **state)
{
	struct session_table *t = table(4);
	struct text x = open_part(t, PART, S);

	(void)state;
	assert_int_equal(check(t, ROOM, x, 120 * S), 0);
	assert_int_equal(check(t, ROOM, x, 121 * S), E_AUTH);
	assert_int_equal(session_ends_ns(t, PART), 121 * S);
	session_table_free(&t);
}

static void test_session__keeps_superseded_tokens_until_their_end(void **state)
{
	struct session_table *t = table(4);
	struct text a = open_part(t, PART, S);
	struct text b = refresh(t, PART, 60 * S);
	struct text c = refresh(t, PART, 60 * S);

	(void)state;
	assert_int_equal(check(t, ROOM, a, 100 * S), 0);
	assert_int_equal(check(t, ROOM, b, 100 * S), 0);
	assert_int_equal(check(t, ROOM, a, 150 * S), E_AUTH);
	assert_int_equal(check(t, ROOM, c, 150 * S), 0);
	assert_int_equal(session_ends_ns(t, PART), 180 * S);
	session_table_free(&t);
}

static void test_session__bounds_tokens_and_drops_the_oldest(void **state)
{
	struct session_table *t = table(4);
	struct text first = open_part(t, PART, S), last = first;

	(void)state;
	for (int i = 0; i < SESSION_TOKENS_MAX; i++)
		last = refresh(t, PART, 2 * S + (uint64_t)i);
	assert_int_equal(check(t, ROOM, first, 3 * S), E_AUTH);
	assert_int_equal(check(t, ROOM, last, 3 * S), 0);
	session_table_free(&t);
}

static void test_session__close_kills_every_token(void **state)
{
	struct session_table *t = table(4);
	struct text a = open_part(t, PART, S), b = refresh(t, PART, S);

	(void)state;
	session_close(t, PART);
	assert_int_equal(check(t, ROOM, a, S), E_AUTH);
	assert_int_equal(check(t, ROOM, b, S), E_AUTH);
	assert_int_equal(session_count(t), 0);
	session_close(t, PART);
	session_table_free(&t);
}

static void test_session__survives_export_and_restore(void **state)
{
	struct session_table *t = table(4), *u = table(4);
	struct text a = open_part(t, PART, S), b = refresh(t, PART, 2 * S);
	struct session_state s;

	(void)state;
	assert_int_equal(session_export(t, PART, &s), 0);
	assert_int_equal(session_restore(u, &s), 0);
	assert_int_equal(check(u, ROOM, a, 3 * S), 0);
	assert_int_equal(check(u, ROOM, b, 3 * S), 0);
	assert_int_equal(session_restore(u, &s), E_EXISTS);
	s.part = PART + 1;
	assert_int_equal(session_restore(u, &s), E_EXISTS);
	assert_int_equal(session_count(u), 1);
	s.n = SESSION_TOKENS_MAX + 1;
	assert_int_equal(session_restore(u, &s), E_INVAL);
	session_table_free(&t);
	session_table_free(&u);
}

static void test_session__is_bounded(void **state)
{
	struct session_table *t = table(2);
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x;

	(void)state;
	open_part(t, 1, S);
	open_part(t, 2, S);
	rnd(r);
	assert_int_equal(session_open(t, ROOM, 3, r, S, x.s), E_FULL);
	assert_int_equal(session_open(t, ROOM, 2, r, S, x.s), E_EXISTS);
	assert_int_equal(session_refresh(t, 9, r, S, x.s), E_NOTFOUND);
	session_table_free(&t);
}

static void test_session__refuses_odd_texts(void **state)
{
	struct session_table *t = table(2);
	uint64_t part;

	(void)state;
	open_part(t, PART, S);
	assert_int_equal(session_check(t, ROOM, SPAN_NONE, S, &part), E_AUTH);
	assert_int_equal(session_check(t, ROOM, SPAN_LIT("x"), S, &part),
			 E_AUTH);
	session_table_free(&t);
}

/* --- reconnect ----------------------------------------------------------- */

static struct text credential(struct session_table *t, uint64_t part)
{
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x;

	rnd(r);
	assert_int_equal(reconnect_open(t, ROOM, part, true, r, x.s), 0);
	return x;
}

static int use(struct session_table *t, struct text x, uint64_t part,
	       struct text *fresh)
{
	uint8_t r[TOKEN_RANDOM_BYTES];

	rnd(r);
	return reconnect_use(t, span_str(x.s), part, r, fresh->s);
}

static int recheck(struct session_table *t, struct text x,
		   struct reconnect_state *s)
{
	return reconnect_check(t, ROOM, span_str(x.s), s);
}

static void test_reconnect__proves_its_holder_in_his_room(void **state)
{
	struct session_table *t = table(4);
	struct text x = credential(t, PART);
	struct reconnect_state s;
	uint64_t part;

	(void)state;
	assert_int_equal(recheck(t, x, &s), 0);
	assert_int_equal(s.holder, PART);
	assert_true(s.host);
	assert_int_equal(reconnect_check(t, OTHER, span_str(x.s), &s), E_AUTH);
	/* It is no token, and a token is no credential. */
	assert_int_equal(session_check(t, ROOM, span_str(x.s), S, &part),
			 E_AUTH);
	assert_int_equal(recheck(t, open_part(t, PART, S), &s), E_AUTH);
	session_table_free(&t);
}

static void test_reconnect__rotates_with_one_step_of_grace(void **state)
{
	struct session_table *t = table(4);
	struct text a = credential(t, PART), b, c;
	struct reconnect_state s;

	(void)state;
	assert_int_equal(use(t, a, PART, &b), 0);
	/* The answer with b may be lost: a works once more. */
	assert_int_equal(recheck(t, a, &s), 0);
	assert_int_equal(use(t, a, PART + 1, &c), 0);
	assert_int_equal(recheck(t, b, &s), E_AUTH);
	assert_int_equal(recheck(t, c, &s), 0);
	assert_int_equal(s.holder, PART + 1);
	assert_int_equal(use(t, c, PART + 1, &b), 0);
	assert_int_equal(recheck(t, a, &s), E_AUTH);
	assert_int_equal(reconnect_count(t), 1);
	session_table_free(&t);
}

static void test_reconnect__outlives_a_holder_who_left(void **state)
{
	struct session_table *t = table(4);
	struct text x = credential(t, PART);
	struct reconnect_state s;

	(void)state;
	reconnect_detach(t, PART);
	assert_int_equal(recheck(t, x, &s), 0);
	assert_int_equal(s.holder, 0);
	session_table_free(&t);
}

static void test_reconnect__dies_with_removal_pin_change_and_end(void **state)
{
	struct session_table *t = table(4);
	struct text a = credential(t, PART), b = credential(t, PART + 1);
	struct reconnect_state s;

	(void)state;
	reconnect_revoke(t, PART);
	assert_int_equal(recheck(t, a, &s), E_AUTH);
	assert_int_equal(recheck(t, b, &s), 0);
	reconnect_detach(t, PART + 1);
	assert_int_equal(reconnect_revoke_room(t, OTHER), 0);
	assert_int_equal(reconnect_revoke_room(t, ROOM), 1);
	assert_int_equal(recheck(t, b, &s), E_AUTH);
	session_table_free(&t);
}

static void test_reconnect__follows_the_role(void **state)
{
	struct session_table *t = table(4);
	struct text a = credential(t, PART);
	struct reconnect_state s;

	(void)state;
	reconnect_set_host(t, PART, false);
	assert_int_equal(recheck(t, a, &s), 0);
	assert_false(s.host);
	session_table_free(&t);
}

static void test_reconnect__full_table_drops_the_oldest_detached(void **state)
{
	struct session_table *t = table(2);
	struct text a = credential(t, 1), b = credential(t, 2);
	struct reconnect_state s;
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x;

	(void)state;
	rnd(r);
	assert_int_equal(reconnect_open(t, ROOM, 3, true, r, x.s), E_FULL);
	reconnect_detach(t, 2);
	credential(t, 3);
	assert_int_equal(recheck(t, a, &s), 0);
	assert_int_equal(recheck(t, b, &s), E_AUTH);
	session_table_free(&t);
}

static void count(void *arg, const struct reconnect_state *s)
{
	assert_int_equal(s->room, ROOM);
	++*(int *)arg;
}

static void test_reconnect__survives_export_and_restore(void **state)
{
	struct session_table *t = table(4), *u = table(4);
	struct text a = credential(t, PART), b;
	struct reconnect_state s;
	int n = 0;

	(void)state;
	assert_int_equal(use(t, a, PART, &b), 0);
	assert_int_equal(reconnect_export(t, PART, &s), 0);
	assert_int_equal(reconnect_restore(u, &s), 0);
	assert_int_equal(recheck(u, a, &s), 0);
	assert_int_equal(recheck(u, b, &s), 0);
	reconnect_each(u, ROOM, count, &n);
	reconnect_each(u, OTHER, count, &n);
	assert_int_equal(n, 1);
	/* A new one does not take a restored one's number. */
	credential(u, PART + 1);
	assert_int_equal(reconnect_export(u, PART + 1, &s), 0);
	assert_int_equal(s.id, 2);
	session_table_free(&t);
	session_table_free(&u);
}

static int oom_body(void *arg)
{
	static const uint8_t key[SESSION_KEY_LEN] = {9};
	struct session_table *t = NULL;
	uint8_t r[TOKEN_RANDOM_BYTES];
	struct text x, y;
	int e = session_table_new(&t, span_of(key, sizeof(key)), 4);

	(void)arg;
	rnd(r);
	e = e ? e : session_open(t, ROOM, PART, r, S, x.s);
	rnd(r);
	e = e ? e : session_refresh(t, PART, r, S, x.s);
	rnd(r);
	e = e ? e : reconnect_open(t, ROOM, PART, true, r, x.s);
	rnd(r);
	e = e ? e : reconnect_use(t, span_str(x.s), PART + 1, r, y.s);
	session_table_free(&t);
	return e;
}

static void test_session__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(oom_body, NULL, 200) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session__accepts_its_token_in_its_room_only),
		cmocka_unit_test(test_session__ends_a_token_after_its_life),
		cmocka_unit_test(test_session__keeps_superseded_tokens_until_their_end),
		cmocka_unit_test(test_session__bounds_tokens_and_drops_the_oldest),
		cmocka_unit_test(test_session__close_kills_every_token),
		cmocka_unit_test(test_session__survives_export_and_restore),
		cmocka_unit_test(test_session__is_bounded),
		cmocka_unit_test(test_session__refuses_odd_texts),
		cmocka_unit_test(test_reconnect__proves_its_holder_in_his_room),
		cmocka_unit_test(test_reconnect__rotates_with_one_step_of_grace),
		cmocka_unit_test(test_reconnect__outlives_a_holder_who_left),
		cmocka_unit_test(test_reconnect__dies_with_removal_pin_change_and_end),
		cmocka_unit_test(test_reconnect__follows_the_role),
		cmocka_unit_test(test_reconnect__full_table_drops_the_oldest_detached),
		cmocka_unit_test(test_reconnect__survives_export_and_restore),
		cmocka_unit_test(test_session__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
