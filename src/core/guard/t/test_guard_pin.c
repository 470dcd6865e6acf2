/* PINs: the table of verdicts cell by cell, the windows to the nanosecond. */
#include <stdio.h>

#include "core/guard/t/guard_kit.h"

enum { ROOM = 77 };

/* --- the table ---------------------------------------------------------------- */

enum room_col { ROOM_CALM, ROOM_GUARDED, ROOM_TIRED, ROOM_BLOCKED, ROOM_COLS };
static const char *const room_names[ROOM_COLS] = {"calm", "guarded", "tired",
						  "blocked"};

struct cell {
	enum guard_mode mode;
	bool pin_on, verified, ignore_pins;
	enum room_col room;
	bool real, pair_refused, prefix_slowed;
	enum guard_proof proof;
	bool used_up;		/* the proof's five tries */
};

enum { ANY = -1, OTHER = -2 };	/* OTHER: a proof that is not RECONNECT */

/* First match wins. A room is blocked in mode block only; what was noted
 * until then makes it guarded when the mode is changed to slow. */
static const struct row {
	int mode, pin_on, verified, ignore, room, pair, prefix, proof, used_up;
	enum guard_verdict verdict;
	const char *why;
} table[] = {
	{ANY, 0, ANY, ANY, ANY, ANY, ANY, ANY, ANY, GUARD_PASS, "switched off"},
	{ANY, 1, 0, ANY, ANY, ANY, ANY, ANY, ANY, GUARD_REFUSE, "address not proven"},
	{GUARD_MODE_BLOCK, 1, 1, ANY, ROOM_BLOCKED, ANY, ANY, GUARD_PROOF_RECONNECT, ANY, GUARD_PASS, "no new access"},
	{GUARD_MODE_BLOCK, 1, 1, ANY, ROOM_BLOCKED, ANY, ANY, ANY, ANY, GUARD_REFUSE, "blocked for all"},
	{GUARD_MODE_BLOCK, 1, 1, ANY, ANY, ANY, ANY, ANY, ANY, GUARD_PASS, "other stages off"},
	{GUARD_MODE_SLOW, 1, 1, 1, ANY, ANY, ANY, ANY, ANY, GUARD_PASS, "exempt"},
	{GUARD_MODE_SLOW, 1, 1, 0, ANY, ANY, ANY, GUARD_PROOF_RECONNECT, 0, GUARD_PASS, "proven"},
	{GUARD_MODE_SLOW, 1, 1, 0, ANY, ANY, ANY, OTHER, 0, GUARD_PASS, "proven"},
	{GUARD_MODE_SLOW, 1, 1, 0, ANY, 1, ANY, ANY, ANY, GUARD_REFUSE, "guesser"},
	{GUARD_MODE_SLOW, 1, 1, 0, ROOM_GUARDED, 0, ANY, ANY, ANY, GUARD_WAIT, "newcomer, guarded"},
	{GUARD_MODE_SLOW, 1, 1, 0, ROOM_TIRED, 0, ANY, ANY, ANY, GUARD_WAIT, "newcomer, tired"},
	{GUARD_MODE_SLOW, 1, 1, 0, ROOM_BLOCKED, 0, ANY, ANY, ANY, GUARD_WAIT, "newcomer, guarded"},
	{GUARD_MODE_SLOW, 1, 1, 0, ROOM_CALM, 0, 1, ANY, ANY, GUARD_WAIT, "prefix slowed"},
	{GUARD_MODE_SLOW, 1, 1, 0, ROOM_CALM, 0, 0, ANY, ANY, GUARD_PASS, "stranger"},
};
enum { ROWS = sizeof(table) / sizeof(table[0]) };

static bool fits(int want, int is)
{
	return want == ANY || want == is;
}

static const struct row *row_of(const struct cell *c)
{
	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *r = &table[i];
		const bool other = r->proof == OTHER &&
			c->proof != GUARD_PROOF_NONE &&
			c->proof != GUARD_PROOF_RECONNECT;

		if (fits(r->mode, (int)c->mode) && fits(r->pin_on, c->pin_on) &&
		    fits(r->verified, c->verified) &&
		    fits(r->ignore, c->ignore_pins) &&
		    fits(r->room, (int)c->room) &&
		    fits(r->pair, c->pair_refused) &&
		    fits(r->prefix, c->prefix_slowed) &&
		    (other || fits(r->proof, (int)c->proof)) &&
		    fits(r->used_up, c->used_up))
			return r;
	}
	return NULL;
}

static struct guard_facts facts_of(const struct cell *c)
{
	struct guard_facts f = kit_facts(ROOM, 1);

	f.room_is_real = c->real;
	f.pin_on = c->pin_on;
	f.verified = c->verified;
	f.ignore_pins = c->ignore_pins;
	f.proof = c->proof;
	f.proof_id = 1234;
	return f;
}

static void set_mode(struct kit *k, enum guard_mode mode)
{
	k->cfg.rules.mode = mode;
	assert_int_equal(guard_set_rules(k->g, &k->cfg.rules), 0);
}

/* Brings a guard into the state that the cell names. */
static void prepare(struct kit *k, const struct cell *c)
{
	struct guard_facts f = kit_facts(ROOM, 1);
	const struct guard_cfg cfg = kit_cfg();

	kit_open(k, &cfg);
	f.room_is_real = c->real;
	if (c->room == ROOM_BLOCKED) {
		set_mode(k, GUARD_MODE_BLOCK);
		kit_crowd(k, ROOM, c->real, 21);
		set_mode(k, GUARD_MODE_SLOW);
	} else if (c->room != ROOM_CALM) {
		kit_crowd(k, ROOM, c->real, c->room == ROOM_TIRED ? 200 : 21);
	}
	if (c->pair_refused)
		kit_misses(k, &f, 5);
	for (unsigned i = 0; c->prefix_slowed && i < 41; i++) {
		f = kit_facts(1000 + i, 2);
		kit_misses(k, &f, 1);
	}
	for (unsigned p = 1; c->used_up && p < GUARD_PROOF_COUNT; p++) {
		/* one call: the room must stay calm */
		f = kit_facts(ROOM, 1);
		if (p != c->proof)
			continue;
		f.room_is_real = c->real;
		f.proof = c->proof;
		f.proof_id = 1234;
		for (unsigned i = 0; i < 5; i++) {
			if (p != GUARD_PROOF_ALLOW_LISTED)
				kit_v4(f.ip, 0x0b000000 + 256 * i);
			kit_misses(k, &f, 1);
		}
	}
}

static void say_cell(const struct cell *c, const struct row *r,
		     enum guard_verdict v)
{
	static const char *const verdicts[] = {"refuse", "pass", "wait"};

	printf("%s pin_on=%d verified=%d ignore=%d %s %s pair=%d prefix=%d "
	       "proof=%d used_up=%d: %s, is %s (%s)\n",
	       c->mode ? "block" : "slow", c->pin_on, c->verified,
	       c->ignore_pins, c->real ? "real" : "phantom",
	       room_names[c->room], c->pair_refused, c->prefix_slowed,
	       c->proof, c->used_up, r ? verdicts[r->verdict] : "no row",
	       verdicts[v], r ? r->why : "");
}

/* All accesses that differ in what the guard does not remember. */
static unsigned walk_accesses(struct kit *k, struct cell c)
{
	unsigned n = 0;

	for (unsigned bits = 0; bits < 16; bits++) {
		struct guard_facts f;
		const struct row *r;
		enum guard_verdict v;

		c.mode = bits & 1 ? GUARD_MODE_BLOCK : GUARD_MODE_SLOW;
		c.pin_on = bits & 2;
		c.verified = bits & 4;
		c.ignore_pins = bits & 8;
		set_mode(k, c.mode);
		f = facts_of(&c);
		v = kit_check(k, &f);
		r = row_of(&c);
		n++;
		if (!r || r->verdict != v) {
			say_cell(&c, r, v);
			fail();
		}
	}
	return n;
}

static void test_guard__table_of_verdicts(void **state)
{
	unsigned cells = 0;

	(void)state;
	for (unsigned i = 0; i < ROOM_COLS * 16 * GUARD_PROOF_COUNT; i++) {
		const unsigned b = i / ROOM_COLS % 16;
		struct cell c = {.room = i % ROOM_COLS, .real = b & 1,
				 .pair_refused = b & 2, .prefix_slowed = b & 4,
				 .used_up = b & 8,
				 .proof = i / ROOM_COLS / 16};
		struct kit k;

		/* an allow-listed address is the proof itself: used up, its
		 * pair is refused, too */
		if (c.used_up && c.proof == GUARD_PROOF_ALLOW_LISTED &&
		    !c.pair_refused)
			continue;
		if (c.used_up && c.proof == GUARD_PROOF_NONE)
			continue;
		prepare(&k, &c);
		cells += walk_accesses(&k, c);
		kit_close(&k);
	}
	printf("%u cells\n", cells);
}

/* --- pairs ---------------------------------------------------------------------- */

static int setup(void **state)
{
	static struct kit k;
	const struct guard_cfg cfg = kit_cfg();

	kit_open(&k, &cfg);
	*state = &k;
	return 0;
}

static int teardown(void **state)
{
	kit_close(*state);
	return 0;
}

static void test_guard__pair_is_refused_to_the_nanosecond(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	const uint64_t first = k->now;

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(kit_check(k, &f), GUARD_PASS);
		kit_misses(k, &f, 1);
		k->now += MIN;
	}
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	k->now = first + 10 * MIN - 1;
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	k->now = first + 10 * MIN;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	/* four are left: one more, and the second of the old ones decides */
	kit_misses(k, &f, 1);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	k->now = first + 11 * MIN - 1;
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	k->now++;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
}

static void test_guard__pair_may_have_fewer(void **state)
{
	struct kit *k = *state;

	for (unsigned n = 1; n <= 5; n++) {
		struct guard_facts f = kit_facts(ROOM, n);
		const uint64_t first = k->now;

		k->cfg.rules.pair_misses = n;
		assert_int_equal(guard_set_rules(k->g, &k->cfg.rules), 0);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(kit_check(k, &f), GUARD_PASS);
			kit_misses(k, &f, 1);
			k->now += S;
		}
		assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
		k->now = first + 10 * MIN - 1;
		assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
		k->now++;
		assert_int_equal(kit_check(k, &f), GUARD_PASS);
	}
}

static void test_guard__pair_is_one_room_and_one_address(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1), room = kit_facts(ROOM + 1, 1),
		addr = kit_facts(ROOM, 2), a = f, b = f;

	kit_v6(a.ip, 1, 1);
	kit_v6(b.ip, 1, 2);
	kit_misses(k, &f, 5);
	kit_misses(k, &a, 5);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &a), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &room), GUARD_PASS);
	assert_int_equal(kit_check(k, &addr), GUARD_PASS);
	assert_int_equal(kit_check(k, &b), GUARD_PASS);
}

static void test_guard__right_pin_forgives_nothing(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);

	kit_misses(k, &f, 4);
	guard_note_pin(k->g, &f, k->now, true);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	kit_misses(k, &f, 1);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
}

static void test_guard__unverified_counts_for_nothing(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	struct guard_stats st;

	f.verified = false;
	kit_misses(k, &f, 300);
	for (unsigned i = 0; i < 300; i++)
		guard_note_scan(k->g, &f, GUARD_SCAN_AGENT, k->now);
	f.verified = true;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	assert_int_equal(guard_check_access(k->g, &f, k->now), GUARD_PASS);
	guard_stats(k->g, &st);
	assert_int_equal(st.unverified, 600);
	assert_int_equal(st.misses, 0);
	assert_int_equal(st.entries, 0);
}

static void test_guard__switch_and_flag_count_nothing(void **state)
{
	struct kit *k = *state;
	struct guard_facts off = kit_facts(ROOM, 1), ign = off, f = off;

	off.pin_on = false;
	ign.ignore_pins = true;
	kit_misses(k, &off, 100);
	kit_misses(k, &ign, 100);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	assert_int_equal(guard_room_state(k->g, ROOM, true, k->now),
			 GUARD_ROOM_FREE);
}

static void test_guard__bad_facts_are_refused(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);

	f.proof = GUARD_PROOF_COUNT;
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	assert_int_equal(guard_check_access(k->g, &f, k->now), GUARD_REFUSE);
	kit_misses(k, &f, 10);
	f.proof = GUARD_PROOF_NONE;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
}

/* --- proofs ---------------------------------------------------------------------- */

static void test_guard__each_proof_has_its_own_five(void **state)
{
	struct kit *k = *state;
	struct guard_facts a = kit_facts(ROOM, 1), b = a, c = a, none = a;

	a.proof = b.proof = GUARD_PROOF_COOKIE;
	a.proof_id = 1;
	b.proof_id = 2;
	c.proof = GUARD_PROOF_INVITATION;
	c.proof_id = 1;
	kit_crowd(k, ROOM, true, 21);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(kit_check(k, &a), GUARD_PASS);
		kit_misses(k, &a, 1);
	}
	assert_int_equal(kit_check(k, &a), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &b), GUARD_PASS);
	assert_int_equal(kit_check(k, &c), GUARD_PASS);
	/* behind the same address, without a proof: it guessed five times */
	assert_int_equal(kit_check(k, &none), GUARD_REFUSE);
	kit_v4(a.ip, 0x0c000001);
	assert_int_equal(kit_check(k, &a), GUARD_WAIT);
	k->now += 10 * MIN;
	assert_int_equal(kit_check(k, &a), GUARD_PASS);
}

static void test_guard__board_passes_beside_a_guesser(void **state)
{
	struct kit *k = *state;
	struct guard_facts guesser = kit_facts(ROOM, 1), board = guesser;

	board.proof = GUARD_PROOF_COOKIE;
	board.proof_id = 99;
	kit_misses(k, &guesser, 50);
	kit_crowd(k, ROOM, true, 250);
	assert_int_equal(kit_check(k, &guesser), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &board), GUARD_PASS);
}

/* --- prefixes ---------------------------------------------------------------------- */

static const struct {
	unsigned step_lo, step_hi;	/* from one miss to the next */
	unsigned misses;
	uint64_t spacing;
} prefixes[] = {
	{1, 0, 10, 30 * S},		/* /64: other interface ids */
	{0, 1, 40, 15 * S},		/* /56: another /64 each time */
	{0, 0x100, 80, 10 * S},		/* /48: another /56 each time */
};

static void test_guard__ipv6_prefixes_slow_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct guard_cfg cfg = kit_cfg();
		struct guard_facts f = kit_facts(1, 1);
		uint32_t wait;
		struct kit k;

		kit_open(&k, &cfg);
		for (unsigned n = 0; n <= prefixes[i].misses; n++) {
			f = kit_facts(100 + n / 4, 1);
			kit_v6(f.ip, n * prefixes[i].step_hi,
			       1 + n * prefixes[i].step_lo);
			assert_int_equal(kit_check(&k, &f), GUARD_PASS);
			kit_misses(&k, &f, 1);
		}
		f = kit_facts(9999, 1);
		kit_v6(f.ip, 200 * prefixes[i].step_hi, 77);
		assert_int_equal(guard_check_pin(k.g, &f, k.now, &wait),
				 GUARD_WAIT);
		assert_int_equal(wait, prefixes[i].spacing / NS_PER_MS);
		kit_v6(f.ip, 0x10000, 1);	/* the next /48 */
		assert_int_equal(kit_check(&k, &f), GUARD_PASS);
		assert_int_equal(kit_events(&k, GUARD_EV_PREFIX_SLOWED), 1);
		kit_close(&k);
	}
}

static void test_guard__ipv4_24_slows_down(void **state)
{
	struct kit *k = *state;
	struct guard_facts f;

	for (unsigned n = 0; n <= 40; n++) {
		f = kit_facts(100 + n, n);
		assert_int_equal(kit_check(k, &f), GUARD_PASS);
		kit_misses(k, &f, 1);
	}
	f = kit_facts(9999, 200);
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	f = kit_facts(9999, 256);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
}

/* Buckets: never less than ten minutes, never more than ten and a half. */
static void test_guard__prefix_window_is_never_laxer(void **state)
{
	struct kit *k = *state;
	const uint64_t first = k->now;
	uint64_t freed = 0;
	struct guard_facts f;

	for (unsigned n = 0; n <= 40; n++) {
		f = kit_facts(100 + n, n);
		kit_misses(k, &f, 1);
	}
	f = kit_facts(9999, 200);
	for (k->now = first; !freed; k->now += S / 2)
		if (kit_check(k, &f) == GUARD_PASS)
			freed = k->now;
	assert_true(freed > first + 10 * MIN);
	assert_true(freed <= first + 10 * MIN + 30 * S);
}

/* --- rooms ---------------------------------------------------------------------- */

static void test_guard__room_is_guarded_above_the_threshold(void **state)
{
	static const unsigned thresholds[] = {5, 20, 199};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct guard_cfg cfg = kit_cfg();
		struct guard_facts f = kit_facts(ROOM, 1);
		uint64_t first;
		struct kit k;

		cfg.rules.room_misses = thresholds[i];
		kit_open(&k, &cfg);
		first = k.now;
		kit_crowd(&k, ROOM, true, 1);
		k.now += S;
		kit_crowd(&k, ROOM, true, thresholds[i] - 1);
		assert_int_equal(kit_check(&k, &f), GUARD_PASS);
		assert_int_equal(kit_events(&k, GUARD_EV_ROOM_GUARDED), 0);
		kit_crowd(&k, ROOM, true, 1);
		assert_int_equal(kit_check(&k, &f), GUARD_WAIT);
		assert_int_equal(kit_events(&k, GUARD_EV_ROOM_GUARDED), 1);
		k.now = first + 10 * MIN - 1;
		(void)guard_tick(k.g, k.now);
		if (thresholds[i] < 199)
			assert_int_equal(kit_check(&k, &f), GUARD_WAIT);
		assert_int_equal(kit_events(&k, GUARD_EV_ROOM_FREED), 0);
		k.now++;
		assert_int_equal(kit_check(&k, &f), thresholds[i] < 199 ?
				 GUARD_PASS : GUARD_WAIT);
		assert_true(guard_tick(k.g, k.now) || thresholds[i] == 199);
		assert_int_equal(kit_events(&k, GUARD_EV_ROOM_FREED),
				 thresholds[i] < 199);
		kit_close(&k);
	}
}

static void test_guard__room_is_tired_for_a_day(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	const uint64_t first = k->now;
	struct guard_event ev;

	/* slowly, so that it never was guarded */
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(guard_room_state(k->g, ROOM, true, k->now),
				 GUARD_ROOM_FREE);
		kit_crowd(k, ROOM, true, 1);
		k->now += MIN;
	}
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	assert_true(kit_event(k, GUARD_EV_ROTATE_PIN, &ev));
	assert_int_equal(ev.room, ROOM);
	assert_true(ev.seconds > 60000);
	k->now = first + 24 * HOUR - 1;
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	k->now++;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	(void)guard_tick(k->g, k->now);
	assert_true(kit_event(k, GUARD_EV_ROOM_FREED, &ev));
}

static void test_guard__released_room_forgets_its_pairs(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1), other = kit_facts(5, 1);
	struct guard_event ev;

	kit_misses(k, &f, 5);
	kit_misses(k, &other, 5);
	kit_crowd(k, ROOM, true, 250);
	k->now += S;
	assert_true(guard_release_room(k->g, ROOM, k->now));
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	assert_int_equal(kit_check(k, &other), GUARD_REFUSE);
	assert_true(kit_event(k, GUARD_EV_ROOM_FREED, &ev));
	/* and counts anew */
	k->now += S;
	kit_misses(k, &f, 4);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	kit_misses(k, &f, 1);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	assert_false(guard_release_room(k->g, 4711, k->now));
}

static void test_guard__rooms_beyond_the_array_share_a_counter(void **state)
{
	struct kit *k = *state;
	struct guard_facts f;
	struct guard_stats st;

	kit_crowd(k, ROOM, true, 21);
	for (uint64_t room = 1000; room < 1040; room++)
		kit_crowd(k, room, true, 1);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 32);
	assert_int_equal(st.room_overflow, 9);
	f = kit_facts(ROOM, 1);
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	kit_crowd(k, 2000, true, 12);
	f = kit_facts(2000, 1);
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	f = kit_facts(1001, 1);		/* has its own */
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	/* a day later there is room again */
	k->now += 24 * HOUR;
	kit_crowd(k, 3000, true, 1);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 1);
}

/* As kit_crowd(), in a room that only policy's answer made. */
static void crowd_made(struct kit *k, uint64_t room, unsigned n)
{
	static uint32_t net = 1 << 12;

	while (n--) {
		struct guard_facts f = kit_facts(room, net++ << 8);

		f.room_is_made = true;
		kit_misses(k, &f, 1);
	}
}

static enum guard_verdict check_made(struct kit *k, uint64_t room)
{
	struct guard_facts f = kit_facts(room, 1);

	f.room_is_made = true;
	return kit_check(k, &f);
}

/* Whoever calls any alias of a policy that makes a room of each. */
static void test_guard__rooms_made_by_policy_have_their_part(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	struct guard_stats st;

	kit_crowd(k, ROOM, true, 21);
	crowd_made(k, 500, 21);
	for (uint64_t room = 1000; room < 3000; room++)
		crowd_made(k, room, 1);
	assert_int_equal(kit_check(k, &f), GUARD_WAIT);
	assert_int_equal(check_made(k, 500), GUARD_WAIT);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 1 + 32 / 4);
	assert_int_equal(st.room_overflow, 0);
	assert_true(st.made_evicted > 1900);
	/* Nobody else's room is stricter for it. */
	f = kit_facts(7, 1);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	assert_int_equal(check_made(k, 8), GUARD_PASS);
	/* And so it is after a restart. */
	assert_int_equal(kit_again(k, kit_boot), 0);
	for (uint64_t room = 3000; room < 3100; room++)
		crowd_made(k, room, 1);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 1 + 32 / 4);
	assert_int_equal(check_made(k, 500), GUARD_WAIT);
}

static void test_guard__made_rooms_give_way_to_configured_ones(void **state)
{
	struct kit *k = *state;
	struct guard_stats st;
	struct guard_event ev;

	for (uint64_t room = 1000; room < 1008; room++)
		crowd_made(k, room, 21);
	for (uint64_t room = 1; room <= 32; room++)
		kit_crowd(k, room, true, 1);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 32);
	assert_int_equal(st.room_overflow, 0);
	assert_int_equal(st.made_evicted, 8);
	/* Its alarm ends with its counter. */
	assert_true(kit_event(k, GUARD_EV_ROOM_FREED, &ev));
	/* With no place at all it counts as a phantom does. */
	crowd_made(k, 2000, 21);
	assert_int_equal(check_made(k, 2000), GUARD_WAIT);
	guard_stats(k->g, &st);
	assert_int_equal(st.room_overflow, 0);
	/* A configured one evicts nobody configured. */
	kit_crowd(k, 33, true, 1);
	guard_stats(k->g, &st);
	assert_int_equal(st.rooms, 32);
	assert_int_equal(st.room_overflow, 1);
}

/* What one who guesses sees of a room that is there and of one that is not. */
static void test_guard__phantoms_behave_like_rooms(void **state)
{
	const struct guard_cfg cfg = kit_cfg();
	uint64_t rnd = 4242;
	struct kit a, b;

	(void)state;
	kit_open(&a, &cfg);
	kit_open(&b, &cfg);
	for (unsigned i = 0; i < 20000; i++) {
		const uint32_t who = (uint32_t)(kit_rand(&rnd) % 600);
		struct guard_facts x = kit_facts(ROOM, who * 64), y;
		uint32_t wx = 0, wy = 0;
		uint64_t px = 0, py = 0, tx = 0, ty = 0;
		enum guard_verdict vx, vy;
		bool moved;

		if (who % 3 == 0)
			kit_v6(x.ip, who / 6, who);
		y = x;
		y.room_is_real = false;
		a.now = b.now = a.now + kit_rand(&rnd) % (10 * S);
		vx = guard_check_pin(a.g, &x, a.now, &wx);
		vy = guard_check_pin(b.g, &y, b.now, &wy);
		assert_int_equal(vx, vy);
		assert_int_equal(wx, wy);
		if (vx == GUARD_WAIT)
			assert_int_equal(guard_queue(a.g, &x, i, a.now, &px),
					 guard_queue(b.g, &y, i, b.now, &py));
		if (vx == GUARD_PASS) {
			kit_misses(&a, &x, 1);
			kit_misses(&b, &y, 1);
		}
		do {
			moved = guard_next_turn(a.g, a.now, &tx, &vx);
			assert_int_equal(moved, guard_next_turn(b.g, b.now,
								&ty, &vy));
			assert_true(!moved || (tx == ty && vx == vy));
		} while (moved);
	}
	kit_close(&a);
	kit_close(&b);
}

/* --- the allow list -------------------------------------------------------------------- */

/* One host of an allow-listed /64 has all its addresses. */
static void test_guard__listed_host_has_five_tries_not_five_each(void **state)
{
	static const uint8_t net[8] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7};
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);
	unsigned n = 0;

	f.proof = GUARD_PROOF_ALLOW_LISTED;
	memset(f.ip, 0, sizeof(f.ip));
	memcpy(f.ip, net, sizeof(net));
	for (unsigned i = 0; i < 250; i++) {
		f.ip[15] = (uint8_t)i;
		if (kit_check(k, &f) != GUARD_PASS)
			continue;
		kit_misses(k, &f, 1);
		n++;
	}
	assert_in_range(n, 5, 12);	/* then as any /64: one per 30 s */
}

/* --- mode block ---------------------------------------------------------------------- */

static void test_guard__block_mode_takes_twenty_and_one(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1), listed = f, back = f;
	struct guard_event ev;

	set_mode(k, GUARD_MODE_BLOCK);
	listed.proof = GUARD_PROOF_ALLOW_LISTED;
	listed.ignore_pins = true;
	back.proof = GUARD_PROOF_RECONNECT;
	for (unsigned i = 1; i <= 21; i++) {
		assert_int_equal(kit_check(k, &f), GUARD_PASS);
		kit_misses(k, &f, 1);
		k->now += S;
	}
	k->now -= S;		/* the time of the 21st */
	assert_true(kit_event(k, GUARD_EV_ROOM_BLOCKED, &ev));
	assert_int_equal(ev.seconds, 600);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &listed), GUARD_REFUSE);
	assert_int_equal(kit_check(k, &back), GUARD_PASS);
	k->now += 10 * MIN - 1;
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	k->now++;
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	(void)guard_tick(k->g, k->now);
	assert_true(kit_event(k, GUARD_EV_ROOM_FREED, &ev));
	for (unsigned i = 1; i <= 21; i++) {
		assert_int_equal(kit_check(k, &f), GUARD_PASS);
		kit_misses(k, &f, 1);
	}
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
	assert_true(guard_release_room(k->g, ROOM, k->now));
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
}

static void test_guard__block_mode_forgets_after_ten_minutes(void **state)
{
	struct kit *k = *state;
	struct guard_facts f = kit_facts(ROOM, 1);

	set_mode(k, GUARD_MODE_BLOCK);
	kit_misses(k, &f, 1);
	k->now += 10 * MIN;
	kit_misses(k, &f, 20);
	assert_int_equal(kit_check(k, &f), GUARD_PASS);
	kit_misses(k, &f, 1);
	assert_int_equal(kit_check(k, &f), GUARD_REFUSE);
}

static void test_guard__tries_of_a_call(void **state)
{
	(void)state;
	assert_int_equal(guard_call_tries(GUARD_FACE_WEB), 5);
	assert_int_equal(guard_call_tries(GUARD_FACE_SIP), 3);
	assert_int_equal(guard_call_tries(GUARD_FACE_H323), 3);
	assert_int_equal(guard_call_tries(GUARD_FACE_STREAM), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard__table_of_verdicts),
		T(test_guard__pair_is_refused_to_the_nanosecond),
		T(test_guard__pair_may_have_fewer),
		T(test_guard__pair_is_one_room_and_one_address),
		T(test_guard__right_pin_forgives_nothing),
		T(test_guard__unverified_counts_for_nothing),
		T(test_guard__switch_and_flag_count_nothing),
		T(test_guard__bad_facts_are_refused),
		T(test_guard__each_proof_has_its_own_five),
		T(test_guard__board_passes_beside_a_guesser),
		cmocka_unit_test(test_guard__ipv6_prefixes_slow_down),
		T(test_guard__ipv4_24_slows_down),
		T(test_guard__prefix_window_is_never_laxer),
		cmocka_unit_test(test_guard__room_is_guarded_above_the_threshold),
		T(test_guard__room_is_tired_for_a_day),
		T(test_guard__released_room_forgets_its_pairs),
		T(test_guard__rooms_beyond_the_array_share_a_counter),
		T(test_guard__rooms_made_by_policy_have_their_part),
		T(test_guard__made_rooms_give_way_to_configured_ones),
		cmocka_unit_test(test_guard__phantoms_behave_like_rooms),
		T(test_guard__listed_host_has_five_tries_not_five_each),
		T(test_guard__block_mode_takes_twenty_and_one),
		T(test_guard__block_mode_forgets_after_ten_minutes),
		cmocka_unit_test(test_guard__tries_of_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
