/* Devices: each cell of what speaks for and against a secret, the budget of
 * a source that guesses, and what survives. */
#include <stdio.h>

#include "core/guard/device.h"
#include "core/guard/t/guard_kit.h"

enum { HOME = 1, AWAY = 2 };

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

struct from {
	struct guard_facts f;
	uint64_t flow;
};

static struct from from(uint32_t a)
{
	return (struct from){.f = kit_facts(0, a)};
}

static bool try_one(struct kit *k, const struct from *who, const char *alias,
		    bool right)
{
	const struct guard_device d = {.who = &who->f, .flow = who->flow,
				       .alias = span_str(alias),
				       .right = right};

	return guard_try_device(k->g, &d, k->now);
}

static void wrong(struct kit *k, const struct from *who, const char *alias,
		  unsigned n)
{
	while (n--)
		assert_false(try_one(k, who, alias, false));
}

static void quarantine(struct kit *k, const struct from *who)
{
	for (unsigned i = 0; i < 3; i++)
		guard_note_scan(k->g, &who->f, GUARD_SCAN_AGENT, k->now);
	assert_int_equal(guard_check_access(k->g, &who->f, k->now),
			 GUARD_REFUSE);
}

/* Wrong secrets in quarantine, of many devices. */
static void spray(struct kit *k, const struct from *who)
{
	for (unsigned i = 0; i < 5; i++) {
		char alias[16];

		(void)snprintf(alias, sizeof(alias), "spray%u", i);
		wrong(k, who, alias, 1);
	}
}

enum { HELD = 1, PAIR = 2, SPRAY = 4, KNOWN = 8, FLOW = 16, FLOW_OVER = 32,
       CELLS = 64 };

/* The table of device.h, said once more in other words. */
static bool should_pass(unsigned cell)
{
	if (cell & FLOW && !(cell & FLOW_OVER))
		return true;
	if (cell & PAIR)
		return false;
	return !(cell & HELD && cell & SPRAY) || cell & KNOWN;
}

static void test_guard_device__each_cell(void **state)
{
	struct kit *k = *state;

	for (unsigned i = 0; i < CELLS; i++) {
		/* A flow's misses are the pair's, too. */
		const unsigned cell = i & FLOW_OVER ? i | PAIR : i;
		struct from who = from(HOME);

		if (cell & SPRAY && !(cell & HELD))
			continue;	/* counted in quarantine alone */
		teardown(state);
		setup(state);
		k = *state;
		if (cell & KNOWN)
			assert_true(try_one(k, &who, "bob", true));
		if (cell & HELD)
			quarantine(k, &who);
		if (cell & SPRAY)
			spray(k, &who);
		who.flow = 7;
		if (cell & FLOW_OVER)
			wrong(k, &who, "bob", 5);
		who.flow = 0;
		if (cell & PAIR)
			wrong(k, &who, "bob", 5);
		who.flow = cell & FLOW ? 7 : 0;
		if (try_one(k, &who, "bob", true) != should_pass(cell))
			fail_msg("cell %u", cell);
		assert_false(try_one(k, &who, "bob", false));
	}
}

static void test_guard_device__five_in_ten_minutes(void **state)
{
	struct kit *k = *state;
	const struct from who = from(HOME), other = from(AWAY);

	wrong(k, &who, "bob", 4);
	assert_true(try_one(k, &who, "bob", true));
	/* A right one forgives nothing. */
	wrong(k, &who, "bob", 1);
	assert_false(try_one(k, &who, "bob", true));
	assert_int_equal(kit_events(k, GUARD_EV_DEVICE_REFUSED), 1);
	assert_true(try_one(k, &other, "bob", true));
	assert_true(try_one(k, &who, "carol", true));
	k->now += 600 * S - 1;
	assert_false(try_one(k, &who, "bob", true));
	k->now += 1;
	assert_true(try_one(k, &who, "bob", true));
}

/* Whatever he does, a source gets 21 comparisons before its quarantine and
 * five per ten minutes in it. */
static void test_guard_device__budget_of_a_guesser(void **state)
{
	struct kit *k = *state;
	const struct from who = from(HOME);
	const uint64_t begin = k->now;
	struct guard_stats st;

	for (unsigned i = 0; k->now - begin < HOUR; i++) {
		char alias[16];

		(void)snprintf(alias, sizeof(alias), "d%u", i);
		wrong(k, &who, alias, 1);
		k->now += 100 * NS_PER_MS;
	}
	guard_stats(k->g, &st);
	/* Quarantined for 10, 20 and 40 minutes after 21 each. */
	assert_in_range(st.devices_wrong, 3 * 21, 3 * 21 + 7 * 5);
}

static void test_guard_device__a_64_is_one_source(void **state)
{
	struct kit *k = *state;
	struct from who = from(HOME);

	for (unsigned i = 0; i < 5; i++) {
		kit_v6(who.f.ip, 9, i);
		wrong(k, &who, "bob", 1);
	}
	kit_v6(who.f.ip, 9, 77);
	assert_false(try_one(k, &who, "bob", true));
	kit_v6(who.f.ip, 10, 77);
	assert_true(try_one(k, &who, "bob", true));
}

static void test_guard_device__every_refusal_is_a_scan(void **state)
{
	struct kit *k = *state;
	const struct from who = from(HOME);

	wrong(k, &who, "bob", 5);
	/* Right ones of a used-up pair, too: else they would tell. */
	for (unsigned i = 0; i < 15; i++)
		assert_false(try_one(k, &who, "bob", true));
	assert_int_equal(guard_check_access(k->g, &who.f, k->now),
			 GUARD_PASS);
	assert_false(try_one(k, &who, "bob", true));
	assert_int_equal(guard_check_access(k->g, &who.f, k->now),
			 GUARD_REFUSE);
}

static void test_guard_device__switches(void **state)
{
	struct kit *k = *state;
	struct from who = from(HOME);

	who.f.scan_on = false;
	wrong(k, &who, "bob", 30);
	assert_true(try_one(k, &who, "bob", true));
	who = from(AWAY);
	who.f.ignore_aliases = true;
	wrong(k, &who, "bob", 30);
	assert_true(try_one(k, &who, "bob", true));
	who = from(3);
	who.f.verified = false;
	assert_false(try_one(k, &who, "bob", true));
	wrong(k, &who, "bob", 30);
	who.f.verified = true;
	assert_true(try_one(k, &who, "bob", true));
}

static void test_guard_device__a_ban_by_hand_refuses_all(void **state)
{
	struct kit *k = *state;
	struct from who = from(HOME);

	assert_true(try_one(k, &who, "bob", true));
	assert_int_equal(guard_ban(k->g, who.f.ip, 128, GUARD_FACE_ALL, 60,
				   k->now), 0);
	who.flow = 3;
	assert_false(try_one(k, &who, "bob", true));
	k->now += 60 * S;
	assert_true(try_one(k, &who, "bob", true));
}

static void test_guard_device__survives_and_is_released(void **state)
{
	struct kit *k = *state;
	const struct from who = from(HOME);
	struct guard_event ev;
	uint64_t it = 0;

	wrong(k, &who, "bob", 5);
	assert_int_equal(kit_again(k, kit_boot), 0);
	assert_false(try_one(k, &who, "bob", true));
	assert_int_equal(kit_again(k, kit_other_boot), 0);
	assert_false(try_one(k, &who, "bob", true));
	assert_true(guard_walk(k->g, &it, k->now, &ev));
	assert_int_equal(ev.kind, GUARD_EV_DEVICE_REFUSED);
	assert_memory_equal(ev.ip, who.f.ip, 16);
	assert_int_equal(guard_release(k->g, who.f.ip, 128, k->now), 1);
	assert_true(try_one(k, &who, "bob", true));
}

/* A flood of others does not make the board's devices strangers. */
static void test_guard_device__the_known_are_kept(void **state)
{
	struct kit *k = *state;
	const struct from who = from(HOME);
	unsigned kept = 0;

	for (unsigned i = 0; i < 20; i++) {
		char alias[16];

		(void)snprintf(alias, sizeof(alias), "b%u", i);
		assert_true(try_one(k, &who, alias, true));
	}
	k->now += HOUR;
	for (uint32_t i = 0; i < 20000; i++) {
		const struct from x = from(1000 + i);

		wrong(k, &x, "any", 1);
	}
	quarantine(k, &who);
	spray(k, &who);
	for (unsigned i = 0; i < 20; i++) {
		char alias[16];

		(void)snprintf(alias, sizeof(alias), "b%u", i);
		kept += try_one(k, &who, alias, true);
	}
	assert_int_equal(kept, 20);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_guard_device__each_cell),
		T(test_guard_device__five_in_ten_minutes),
		T(test_guard_device__budget_of_a_guesser),
		T(test_guard_device__a_64_is_one_source),
		T(test_guard_device__every_refusal_is_a_scan),
		T(test_guard_device__switches),
		T(test_guard_device__a_ban_by_hand_refuses_all),
		T(test_guard_device__survives_and_is_released),
		T(test_guard_device__the_known_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
