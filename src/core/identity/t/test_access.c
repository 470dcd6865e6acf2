#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/identity/access.h"

static struct access_cfg cfg(const char *host, bool guests, const char *guest)
{
	return (struct access_cfg){span_str(host), span_str(guest), guests};
}

static struct access_cfg room_of(enum access_room k)
{
	switch (k) {
	case ACCESS_ROOM_OPEN:
		return cfg("", false, "");
	case ACCESS_ROOM_PIN:
		return cfg("123456", false, "");
	case ACCESS_ROOM_GUESTS_FREE:
		return cfg("123456", true, "");
	case ACCESS_ROOM_GUESTS_PIN:
		return cfg("123456", true, "654321");
	default:
		return cfg("", true, "654321");
	}
}

static enum access_outcome enter(struct access_cfg c, const char *pin)
{
	return access_decide(&c, pin != NULL, span_str(pin));
}

/* Every cell of the table, reached from the outside. */
static void test_access__decides_each_cell(void **state)
{
	static const char *const entered[ACCESS_ENTRY_COUNT] = {
		NULL, "none", "123456", "654321", "111111"};
	static const char want[ACCESS_ROOM_COUNT][ACCESS_ENTRY_COUNT + 1] = {
		[ACCESS_ROOM_INVALID] = "RRRRR",
		[ACCESS_ROOM_OPEN] = "HHHHH",
		[ACCESS_ROOM_PIN] = "AAHWW",
		[ACCESS_ROOM_GUESTS_FREE] = "AGHWW",
		[ACCESS_ROOM_GUESTS_PIN] = "AAHGW",
		[ACCESS_ROOM_CONCEALED] = "AAWWW",
	};
	static const char letter[ACCESS_OUTCOME_COUNT + 1] = "RHGAW";

	(void)state;
	for (int k = 0; k < ACCESS_ROOM_CONCEALED; k++) {
		const struct access_cfg c = room_of((enum access_room)k);

		assert_int_equal(access_room_kind(&c), k);
		for (int e = 0; e < ACCESS_ENTRY_COUNT; e++)
			assert_int_equal(letter[enter(c, entered[e])],
					 want[k][e]);
	}
	for (int e = 0; e < ACCESS_ENTRY_COUNT; e++)
		assert_int_equal(letter[access_cell(ACCESS_ROOM_CONCEALED,
						    (enum access_entry)e)],
				 want[ACCESS_ROOM_CONCEALED][e]);
	assert_int_equal(access_cell(ACCESS_ROOM_COUNT, 0), ACCESS_REFUSE);
	assert_int_equal(access_cell(0, ACCESS_ENTRY_COUNT), ACCESS_REFUSE);
}

static void test_access__takes_the_end_mark_as_no_part_of_a_pin(void **state)
{
	const struct access_cfg c = cfg("1234#", true, "567890#");

	(void)state;
	assert_int_equal(enter(c, "1234"), ACCESS_HOST);
	assert_int_equal(enter(c, "1234#"), ACCESS_HOST);
	assert_int_equal(enter(c, "567890"), ACCESS_GUEST);
	assert_int_equal(enter(c, "1234##"), ACCESS_WRONG);
}

static void test_access__refuses_rooms_with_invalid_pins(void **state)
{
	const struct access_cfg bad[] = {
		cfg("12ab", false, ""), cfg("123", false, ""),
		cfg("123456789012345678901", false, ""),
		cfg("1234", true, "12345"), cfg("1234#", true, "123456"),
		cfg("1234", true, "1234"), cfg("1234#", true, "1234#"),
		cfg("###", false, ""), cfg("1234", true, "x"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(access_room_kind(&bad[i]),
				 ACCESS_ROOM_INVALID);
}

static void test_access__ignores_a_guest_pin_without_guests(void **state)
{
	const struct access_cfg c = cfg("123456", false, "654321");

	(void)state;
	assert_int_equal(access_room_kind(&c), ACCESS_ROOM_PIN);
	assert_int_equal(enter(c, "654321"), ACCESS_WRONG);
}

static void test_access__refuses_prefixes_and_long_entries(void **state)
{
	const struct access_cfg c = cfg("123456", false, "");

	(void)state;
	assert_int_equal(enter(c, "12345"), ACCESS_WRONG);
	assert_int_equal(enter(c, "1234567"), ACCESS_WRONG);
	assert_int_equal(enter(c, "12345612345612345612345612345612"),
			 ACCESS_WRONG);
	assert_int_equal(enter(c, ""), ACCESS_ASK);
	assert_int_equal(access_decide(&c, true, span_of("123456\0", 7)),
			 ACCESS_WRONG);
}

static void test_access__prompts_for_what_is_needed(void **state)
{
	bool h, g;
	struct access_cfg c;

	(void)state;
	c = room_of(ACCESS_ROOM_GUESTS_FREE);
	access_prompt(&c, &h, &g);
	assert_true(h && !g);
	c = room_of(ACCESS_ROOM_GUESTS_PIN);
	access_prompt(&c, &h, &g);
	assert_true(h && g);
	c = room_of(ACCESS_ROOM_PIN);
	access_prompt(&c, &h, &g);
	assert_true(h && g);
	c = room_of(ACCESS_ROOM_OPEN);
	access_prompt(&c, &h, &g);
	assert_true(!h && !g);
}

static void test_access__entry_without_the_pins(void **state)
{
	(void)state;
	assert_int_equal(access_entry_of(false, SPAN_LIT("1234")),
			 ACCESS_ENTRY_ABSENT);
	assert_int_equal(access_entry_of(true, SPAN_LIT("")),
			 ACCESS_ENTRY_ABSENT);
	assert_int_equal(access_entry_of(true, SPAN_LIT("None")),
			 ACCESS_ENTRY_NONE);
	assert_int_equal(access_entry_of(true, SPAN_LIT("123456")),
			 ACCESS_ENTRY_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access__entry_without_the_pins),
		cmocka_unit_test(test_access__decides_each_cell),
		cmocka_unit_test(test_access__takes_the_end_mark_as_no_part_of_a_pin),
		cmocka_unit_test(test_access__refuses_rooms_with_invalid_pins),
		cmocka_unit_test(test_access__ignores_a_guest_pin_without_guests),
		cmocka_unit_test(test_access__refuses_prefixes_and_long_entries),
		cmocka_unit_test(test_access__prompts_for_what_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
