#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "core/rooms/keypad.h"

/* Every pair of keys, pressed in time: only the codes do something. */
static void test_keypad__every_pair_of_keys(void **state)
{
	(void)state;
	for (uint32_t a = 0; a < 16; a++) {
		for (uint32_t b = 0; b < 16; b++) {
			struct keypad k = {0};
			enum keypad_action want = KEYPAD_NOTHING;

			if (a == KEYPAD_STAR && b >= 5 && b <= 8)
				want = KEYPAD_MUTE_GUESTS + (b - 5);
			if (a == KEYPAD_HASH && b == KEYPAD_HASH)
				want = KEYPAD_END;
			assert_int_equal(keypad_press(&k, a, 1),
					 KEYPAD_NOTHING);
			assert_int_equal(keypad_press(&k, b, 2), want);
		}
	}
}

static void test_keypad__waits_only_so_long(void **state)
{
	const uint64_t gap = KEYPAD_GAP_MS * NS_PER_MS;
	struct keypad k = {0};

	(void)state;
	(void)keypad_press(&k, KEYPAD_STAR, 5);
	assert_int_equal(keypad_press(&k, 7, 5 + gap), KEYPAD_LOCK);
	(void)keypad_press(&k, KEYPAD_STAR, 5);
	assert_int_equal(keypad_press(&k, 7, 6 + gap), KEYPAD_NOTHING);
	/* a late second key may be a first one */
	(void)keypad_press(&k, KEYPAD_HASH, 5);
	assert_int_equal(keypad_press(&k, KEYPAD_HASH, 6 + gap),
			 KEYPAD_NOTHING);
	assert_int_equal(keypad_press(&k, KEYPAD_HASH, 7 + gap), KEYPAD_END);
	/* and a code is used up */
	assert_int_equal(keypad_press(&k, KEYPAD_HASH, 8 + gap),
			 KEYPAD_NOTHING);
}

/* No code becomes another when one of its keys is lost. */
static void test_keypad__a_lost_key_makes_no_other_code(void **state)
{
	static const uint32_t keys[][2] = {
		{KEYPAD_STAR, 5}, {KEYPAD_STAR, 6}, {KEYPAD_STAR, 7},
		{KEYPAD_STAR, 8},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t lost = 0; lost < 4; lost++) {
			struct keypad k = {0};
			unsigned done = 0;

			for (size_t at = 0; at < 4; at++)
				if (at != lost && keypad_press(&k,
				    keys[i][at % 2], at + 1) != KEYPAD_NOTHING)
					done++;
			assert_int_equal(done, 1);
		}
	}
}

static void test_keypad__becomes_a_command_of_his_own(void **state)
{
	struct part p = {.uuid = "u"};
	struct room r = {.view = "25:0"};
	struct room_cmd c;

	(void)state;
	assert_true(keypad_command(KEYPAD_LOCK, &r, &p, &c));
	assert_int_equal(c.op, RC_LOCK);
	assert_ptr_equal(c.actor, &p);
	r.locked = r.guests_muted = p.muted = true;
	assert_true(keypad_command(KEYPAD_LOCK, &r, &p, &c));
	assert_int_equal(c.op, RC_UNLOCK);
	assert_true(keypad_command(KEYPAD_MUTE_GUESTS, &r, &p, &c));
	assert_int_equal(c.op, RC_UNMUTE_GUESTS);
	assert_true(keypad_command(KEYPAD_MUTE_SELF, &r, &p, &c));
	assert_int_equal(c.op, RC_P_UNMUTE);
	assert_true(span_eq(c.target, span_str("u")));
	r.guests_muted = p.muted = false;
	assert_true(keypad_command(KEYPAD_MUTE_GUESTS, &r, &p, &c));
	assert_int_equal(c.op, RC_MUTE_GUESTS);
	assert_true(keypad_command(KEYPAD_MUTE_SELF, &r, &p, &c));
	assert_int_equal(c.op, RC_P_MUTE);
	assert_true(keypad_command(KEYPAD_LAYOUT, &r, &p, &c));
	assert_true(span_eq(c.text, span_str("1:7")));
	memcpy(r.view, "1:7", 4);
	assert_true(keypad_command(KEYPAD_LAYOUT, &r, &p, &c));
	assert_true(span_eq(c.text, span_str("1:0")));
	assert_true(keypad_command(KEYPAD_END, &r, &p, &c));
	assert_int_equal(c.op, RC_DISCONNECT_ALL);
	assert_false(keypad_command(KEYPAD_NOTHING, &r, &p, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keypad__every_pair_of_keys),
		cmocka_unit_test(test_keypad__waits_only_so_long),
		cmocka_unit_test(test_keypad__a_lost_key_makes_no_other_code),
		cmocka_unit_test(test_keypad__becomes_a_command_of_his_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
