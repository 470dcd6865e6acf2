/* The line before a guarded room: turns, fairness, bounds; a day of guessing. */
#include <stdio.h>
#include <stdlib.h>

#include "core/guard/t/guard_kit.h"

enum { ROOM = 77 };

static int setup(void **state)
{
	static struct kit k;
	struct guard_cfg cfg = kit_cfg();

	cfg.line = 1024;
	cfg.sources = 65536;
	kit_open(&k, &cfg);
	*state = &k;
	return 0;
}

static int teardown(void **state)
{
	kit_close(*state);
	return 0;
}

/* Token and verdict of the next turn; 0 when there is none. */
static uint64_t next(struct kit *k, enum guard_verdict *v)
{
	uint64_t token = 0;

	return guard_next_turn(k->g, k->now, &token, v) ? token : 0;
}

static enum guard_verdict queue(struct kit *k, const struct guard_facts *f,
				uint64_t token)
{
	uint64_t place = 0;

	return guard_queue(k->g, f, token, k->now, &place);
}

static void test_guard_line__one_comparison_per_30_s(void **state)
{
	struct kit *k = *state;
	const uint64_t begun = k->now;
	enum guard_verdict v;
	uint32_t wait;

	kit_crowd(k, ROOM, true, 21);
	for (uint32_t i = 1; i <= 3; i++) {
		struct guard_facts f = kit_facts(ROOM, i << 8);

		assert_int_equal(guard_check_pin(k->g, &f, k->now, &wait),
				 GUARD_WAIT);
		assert_int_equal(wait, 30000);
		assert_int_equal(queue(k, &f, i), GUARD_WAIT);
	}
	k->now = begun + 30 * S - 1;
	assert_int_equal(next(k, &v), 0);
	k->now++;
	assert_int_equal(next(k, &v), 1);
	assert_int_equal(v, GUARD_PASS);
	assert_int_equal(next(k, &v), 0);
	k->now = begun + 35 * S - 1;
	assert_int_equal(next(k, &v), 0);
	k->now++;
	assert_int_equal(next(k, &v), 2);	/* held too long */
	assert_int_equal(v, GUARD_REFUSE);
	assert_int_equal(next(k, &v), 3);
	assert_int_equal(v, GUARD_REFUSE);
	assert_int_equal(guard_waiting(k->g), 0);
}

static void test_guard_line__tired_room_one_per_5_minutes(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1 << 8);
	enum guard_verdict v;
	uint64_t turns = 0, last = k->now;

	kit_crowd(k, ROOM, true, 200);
	for (uint64_t end = k->now + HOUR; k->now < end; k->now += S) {
		(void)queue(k, &f, 1);
		while (next(k, &v)) {
			if (v != GUARD_PASS)
				continue;
			assert_true(k->now - last >= 300 * S);
			last = k->now;
			turns++;
		}
	}
	assert_in_range(turns, 11, 12);
}

static void test_guard_line__freed_room_lets_all_pass(void **state)
{
	struct kit *k = *state;
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	k->now += 10 * MIN - 10 * S;
	for (uint32_t i = 1; i <= 4; i++) {
		struct guard_facts f = kit_facts(ROOM, i << 8);

		assert_int_equal(queue(k, &f, i), GUARD_WAIT);
	}
	assert_int_equal(next(k, &v), 1);
	guard_note_pin(k->g, &(struct guard_facts){0}, k->now, true);
	assert_int_equal(next(k, &v), 0);
	k->now += 10 * S;
	for (uint32_t i = 2; i <= 4; i++) {
		assert_int_equal(next(k, &v), i);
		assert_int_equal(v, GUARD_PASS);
	}
}

static void test_guard_line__who_became_refused_hears_it(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1 << 8);
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	assert_int_equal(queue(k, &f, 1), GUARD_WAIT);
	kit_misses(k, &f, 5);
	k->now += 31 * S;
	assert_int_equal(next(k, &v), 1);
	assert_int_equal(v, GUARD_REFUSE);
}

static void test_guard_line__leaving_frees_the_place(void **state)
{
	struct kit *k = *state;
	struct guard_facts a = kit_facts(ROOM, 1 << 8), b = kit_facts(ROOM,
								   2 << 8);
	uint64_t pa, pb;
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	assert_int_equal(guard_queue(k->g, &a, 1, k->now, &pa), GUARD_WAIT);
	assert_int_equal(guard_queue(k->g, &b, 2, k->now, &pb), GUARD_WAIT);
	guard_leave(k->g, pa);
	guard_leave(k->g, pa);		/* twice is no error */
	guard_leave(k->g, UINT64_MAX);
	assert_int_equal(guard_waiting(k->g), 1);
	k->now += 30 * S;
	assert_int_equal(next(k, &v), 2);
	guard_leave(k->g, pb);
	assert_int_equal(guard_waiting(k->g), 0);
}

static void test_guard_line__an_address_and_a_prefix_are_bounded(void **state)
{
	struct kit *k = *state;

	kit_crowd(k, ROOM, true, 21);
	for (uint32_t i = 0; i < 20; i++) {
		struct guard_facts f = kit_facts(ROOM, (1 << 8) + i / 3);

		/* two of an address, four of a /24 */
		assert_int_equal(queue(k, &f, i + 1), i % 3 < 2 && i < 5 ?
				 GUARD_WAIT : GUARD_REFUSE);
	}
	for (uint32_t i = 0; i < 20; i++) {
		struct guard_facts f = kit_facts(ROOM, 1);

		kit_v6(f.ip, i, i);	/* one /48 */
		assert_int_equal(queue(k, &f, 100 + i), i < 4 ? GUARD_WAIT :
				 GUARD_REFUSE);
	}
}

/* Each of n prefixes always wants a turn: nobody gets a second one before
 * everybody had his first, whatever number of addresses he has. */
static void test_guard_line__prefixes_take_turns(void **state)
{
	enum { PREFIXES = 12, ROUNDS = 5 };
	struct kit *k = *state;
	unsigned had[PREFIXES] = {0}, turns = 0;
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	while (turns < PREFIXES * ROUNDS) {
		uint64_t token;

		for (uint32_t p = 0; p < PREFIXES; p++) {
			/* the first ones are crowds, the last ones alone */
			for (uint32_t i = 0; i < (p < 6 ? 10u : 1u); i++) {
				struct guard_facts f = kit_facts(
					ROOM, (p + 1) << 8 | i);

				(void)queue(k, &f, p + 1);
			}
		}
		while ((token = next(k, &v)) != 0) {
			if (v != GUARD_PASS)
				continue;
			had[token - 1]++;
			turns++;
		}
		for (unsigned p = 0; p < PREFIXES; p++)
			assert_in_range(had[p], turns / PREFIXES,
					turns / PREFIXES + 1);
		k->now += S;
		/* keep it guarded: the crowd goes on, and counts as turns */
		if (guard_room_state(k->g, ROOM, true, k->now) ==
		    GUARD_ROOM_FREE)
			kit_crowd(k, ROOM, true, 21);
	}
}

static void test_guard_line__a_stranger_is_before_who_had_turns(void **state)
{
	struct kit *k = *state;
	struct guard_facts f;
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	f = kit_facts(ROOM, 1 << 8);
	assert_int_equal(queue(k, &f, 1), GUARD_WAIT);
	k->now += 30 * S;
	assert_int_equal(next(k, &v), 1);
	assert_int_equal(queue(k, &f, 1), GUARD_WAIT);
	k->now += 20 * S;
	f = kit_facts(ROOM, 2 << 8);
	assert_int_equal(queue(k, &f, 2), GUARD_WAIT);
	k->now += 10 * S;
	assert_int_equal(next(k, &v), 2);
	assert_int_equal(v, GUARD_PASS);
}

static void test_guard_line__full_line_gives_up_the_last(void **state)
{
	struct kit *k = *state;
	struct guard_facts f;
	struct guard_stats st;
	enum guard_verdict v;

	kit_crowd(k, ROOM, true, 21);
	f = kit_facts(ROOM, 1 << 8);
	assert_int_equal(queue(k, &f, 1), GUARD_WAIT);
	k->now += 30 * S;
	assert_int_equal(next(k, &v), 1);
	assert_int_equal(queue(k, &f, 1), GUARD_WAIT);	/* had a turn */
	for (uint32_t i = 2; i <= GUARD_ROOM_LINE_MAX; i++) {
		f = kit_facts(ROOM, i << 8);
		assert_int_equal(queue(k, &f, i), GUARD_WAIT);
	}
	f = kit_facts(ROOM, 1000 << 8);
	assert_int_equal(queue(k, &f, 1000), GUARD_WAIT);
	assert_int_equal(next(k, &v), 1);	/* gives way */
	assert_int_equal(v, GUARD_REFUSE);
	f = kit_facts(ROOM, 1001 << 8);		/* all are as new as he */
	assert_int_equal(queue(k, &f, 1001), GUARD_REFUSE);
	guard_stats(k->g, &st);
	assert_int_equal(st.waiting, GUARD_ROOM_LINE_MAX);
	assert_int_equal(st.line_full, 1);
}

static void test_guard_line__a_crowd_keeps_no_other_room_shut(void **state)
{
	struct kit k;
	struct guard_cfg cfg = kit_cfg();
	struct guard_facts f;
	enum guard_verdict v;

	(void)state;
	cfg.line = 64;
	kit_open(&k, &cfg);
	kit_crowd(&k, ROOM, false, 21);
	kit_crowd(&k, ROOM + 1, true, 21);
	for (uint32_t i = 1; i <= 64; i++) {
		f = kit_facts(ROOM, i << 8);
		f.room_is_real = false;
		assert_int_equal(queue(&k, &f, i), GUARD_WAIT);
	}
	f = kit_facts(ROOM + 1, 500 << 8);
	assert_int_equal(queue(&k, &f, 500), GUARD_WAIT);
	assert_int_equal(next(&k, &v), 64);
	assert_int_equal(v, GUARD_REFUSE);
	k.now += 30 * S;
	for (bool seen = false; !seen;) {
		const uint64_t token = next(&k, &v);

		assert_int_not_equal(token, 0);
		seen = token == 500 && v == GUARD_PASS;
	}
	kit_close(&k);
}

static void test_guard_line__slowed_prefix_in_a_calm_room(void **state)
{
	struct kit *k = *state;
	struct guard_facts f;
	enum guard_verdict v;

	for (uint32_t i = 0; i <= 40; i++) {
		f = kit_facts(1000 + i, i);
		kit_misses(k, &f, 1);
	}
	for (uint32_t i = 1; i <= 2; i++) {
		f = kit_facts(ROOM, 200 + i);
		assert_int_equal(queue(k, &f, i), GUARD_WAIT);
	}
	k->now += 10 * S - 1;
	assert_int_equal(next(k, &v), 0);
	k->now++;
	assert_int_equal(next(k, &v), 1);
	assert_int_equal(v, GUARD_PASS);
	assert_int_equal(next(k, &v), 0);
	k->now += 10 * S;
	assert_int_equal(next(k, &v), 2);
	assert_int_equal(v, GUARD_PASS);
}

/* --- a day of guessing ---------------------------------------------------------- */

enum { DAY_BUDGET = GUARD_DAY_MISSES + GUARD_DAY_S / GUARD_TIRED_TURN_S + 1 };

struct siege {
	struct kit k;
	uint64_t *at;		/* when each comparison was */
	unsigned n, cap;
	bool patient;		/* never makes the room guarded */
};

static void guess(struct siege *s, const struct guard_facts *f)
{
	assert_true(s->n < s->cap);
	s->at[s->n++] = s->k.now;
	guard_note_pin(s->k.g, f, s->k.now, false);
}

static bool holds_back(const struct siege *s)
{
	const unsigned max = s->k.cfg.rules.room_misses;

	return s->patient && s->n >= max &&
	       s->k.now - s->at[s->n - max] < 10 * MIN;
}

static void attack_once(struct siege *s, uint32_t who)
{
	struct guard_facts f = kit_facts(ROOM, who << 8 | who % 200);

	if (who % 5 == 0)
		kit_v6(f.ip, who << 16, who);
	switch (kit_check(&s->k, &f)) {
	case GUARD_PASS:
		if (!holds_back(s))
			guess(s, &f);
		break;
	case GUARD_WAIT:
		(void)queue(&s->k, &f, who + 1);
		break;
	default:
		break;
	}
}

static void take_turns(struct siege *s)
{
	enum guard_verdict v;
	uint64_t who;

	while ((who = next(&s->k, &v)) != 0) {
		struct guard_facts f;

		who--;
		f = kit_facts(ROOM, (uint32_t)(who << 8 | who % 200));
		if (who % 5 == 0)
			kit_v6(f.ip, (uint32_t)who << 16, who);
		if (v == GUARD_PASS)
			guess(s, &f);
	}
}

/* The most comparisons in any 24 hours. */
static unsigned worst_day(const struct siege *s)
{
	unsigned worst = 0;

	for (unsigned a = 0, b = 0; b < s->n; b++) {
		while (s->at[b] - s->at[a] >= 24 * HOUR)
			a++;
		if (b - a + 1 > worst)
			worst = b - a + 1;
	}
	return worst;
}

/* `hours` of guessing by `who` prefixes, with pauses if wanted. */
static unsigned siege(uint32_t misses, bool patient, unsigned hours,
		      unsigned pause_at, unsigned pause_hours)
{
	enum { PREFIXES = 400 };
	struct siege s = {.cap = 20000, .patient = patient};
	struct guard_cfg cfg = kit_cfg();
	unsigned worst;
	uint64_t end;

	cfg.sources = 16384;
	cfg.line = 1024;
	cfg.rules.room_misses = misses;
	kit_open(&s.k, &cfg);
	s.at = calloc(s.cap, sizeof(*s.at));
	assert_non_null(s.at);
	end = s.k.now + hours * HOUR;
	for (uint32_t i = 0; s.k.now < end; i++, s.k.now += S) {
		if (pause_hours && s.k.now >= pause_at * HOUR &&
		    s.k.now < pause_at * HOUR + S)
			s.k.now += pause_hours * HOUR;
		for (uint32_t n = 0; n < 4; n++)
			attack_once(&s, (i * 4 + n) % PREFIXES);
		take_turns(&s);
		(void)guard_tick(s.k.g, s.k.now);
		kit_events(&s.k, GUARD_EV_COUNT);
	}
	worst = worst_day(&s);
	printf("threshold %u, %s, %u h: %u comparisons, at most %u in 24 h "
	       "(budget %d)\n", misses, patient ? "patient" : "greedy", hours,
	       s.n, worst, DAY_BUDGET);
	assert_true(worst <= DAY_BUDGET);
	free(s.at);
	kit_close(&s.k);
	return worst;
}

static void test_guard_day__guessing_stays_within_the_budget(void **state)
{
	(void)state;
	/* and the budget is what happens, not a number far away */
	assert_true(siege(20, false, 24, 0, 0) > 440);
	(void)siege(20, true, 24, 0, 0);
	(void)siege(5, false, 24, 0, 0);
	(void)siege(200, false, 24, 0, 0);
}

static void test_guard_day__pauses_buy_nothing(void **state)
{
	(void)state;
	(void)siege(20, false, 60, 6, 17);
	(void)siege(20, true, 60, 3, 23);
}

/* A thousand IPv4 addresses and a /48 guess without pause; strangers come in
 * between, and who can prove himself. */
static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void test_guard_siege__the_proven_never_wait(void **state)
{
	enum { STRANGERS = 40, ATTACKERS = 1000, FIRST = 5000 };
	struct kit *k = *state;
	double waited[STRANGERS];
	uint64_t came[STRANGERS] = {0};
	unsigned done = 0;
	const uint64_t begun = k->now;

	for (uint32_t i = 0; done < STRANGERS && k->now < begun + 24 * HOUR;
	     i++, k->now += S) {
		enum guard_verdict v;
		uint64_t token;

		for (unsigned p = 1; p < GUARD_PROOF_COUNT; p++) {
			struct guard_facts f = kit_facts(ROOM, 0x900000 + p);

			f.proof = p;
			f.proof_id = i;
			assert_int_equal(kit_check(k, &f), GUARD_PASS);
		}
		for (uint32_t n = 0; n < 100; n++) {
			const uint32_t who = (i * 100 + n) % ATTACKERS;
			struct guard_facts f = kit_facts(ROOM, who);

			if (n % 4 == 0)
				kit_v6(f.ip, i % 65536, n);
			v = kit_check(k, &f);
			if (v == GUARD_PASS)
				kit_misses(k, &f, 1);
			else if (v == GUARD_WAIT)
				(void)queue(k, &f, n % 4 ? who + 1 : 2000);
		}
		/* one stranger more each two minutes; he tries on */
		for (unsigned n = 0; n < STRANGERS && n < i / 120; n++) {
			struct guard_facts f = kit_facts(
				ROOM, 0x400000 + n * 7919 * 256);

			if (came[n] == UINT64_MAX)
				continue;
			if (!came[n])
				came[n] = k->now;
			if (kit_check(k, &f) == GUARD_WAIT)
				(void)queue(k, &f, FIRST + n);
		}
		while ((token = next(k, &v)) != 0) {
			if (v != GUARD_PASS)
				continue;
			if (token < FIRST) {
				struct guard_facts f = kit_facts(
					ROOM, (uint32_t)token - 1);

				if (token == 2000)
					kit_v6(f.ip, i % 65536, 1);
				kit_misses(k, &f, 1);
				continue;
			}
			waited[done++] = (double)(k->now - came[token - FIRST]) /
				1e9;
			came[token - FIRST] = UINT64_MAX;
		}
		(void)guard_tick(k->g, k->now);
		kit_events(k, GUARD_EV_COUNT);
	}
	assert_int_equal(done, STRANGERS);
	qsort(waited, STRANGERS, sizeof(waited[0]), by_value);
	printf("strangers in a tired room under siege waited: median %.0f s, "
	       "90%% %.0f s, longest %.0f s\n", waited[STRANGERS / 2],
	       waited[STRANGERS * 9 / 10], waited[STRANGERS - 1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_guard_line__one_comparison_per_30_s),
		T(test_guard_line__tired_room_one_per_5_minutes),
		T(test_guard_line__freed_room_lets_all_pass),
		T(test_guard_line__who_became_refused_hears_it),
		T(test_guard_line__leaving_frees_the_place),
		T(test_guard_line__an_address_and_a_prefix_are_bounded),
		T(test_guard_line__prefixes_take_turns),
		T(test_guard_line__a_stranger_is_before_who_had_turns),
		T(test_guard_line__full_line_gives_up_the_last),
		cmocka_unit_test(test_guard_line__a_crowd_keeps_no_other_room_shut),
		T(test_guard_line__slowed_prefix_in_a_calm_room),
		cmocka_unit_test(test_guard_day__guessing_stays_within_the_budget),
		cmocka_unit_test(test_guard_day__pauses_buy_nothing),
		T(test_guard_siege__the_proven_never_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
