#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/secret.h"
#include "core/identity/ticket.h"

#define NOW INT64_C(1800000000)

struct fix {
	uint8_t key_bytes[TICKET_KEY_LEN];
	struct span key;
	struct ticket_room room;
	uint8_t id[TICKET_ID_LEN];
	char text[TICKET_LEN + 1];
};

static int setup(void **state)
{
	static struct fix f;

	f = (struct fix){.room = {.id = SPAN_LIT("room-1"),
				  .pin_version = 7}};
	if (ticket_key_derive(f.key_bytes, SPAN_LIT("data key")) != 0)
		return -1;
	f.key = span_of(f.key_bytes, sizeof(f.key_bytes));
	for (unsigned i = 0; i < sizeof(f.id); i++)
		f.id[i] = (uint8_t)(i + 1);
	*state = &f;
	return ticket_make(f.text, f.key, &f.room, NOW + TICKET_LIFE_S, f.id);
}

static int check(const struct fix *f, struct span text,
		 const struct ticket_room *room, int64_t now)
{
	uint8_t id[TICKET_ID_LEN] = {0}, none[TICKET_ID_LEN] = {0};
	const int r = ticket_check(text, f->key, room, now, id);

	assert_memory_equal(id, r == 0 ? f->id : none, sizeof(id));
	return r;
}

static void test_ticket__is_good_until_its_expiry(void **state)
{
	struct fix *f = *state;
	const struct span t = span_str(f->text);

	assert_int_equal(t.n, TICKET_LEN);
	assert_int_equal(check(f, t, &f->room, NOW), 0);
	assert_int_equal(check(f, t, &f->room, NOW + TICKET_LIFE_S - 1), 0);
	assert_int_equal(check(f, t, &f->room, NOW + TICKET_LIFE_S), E_AUTH);
	assert_int_equal(check(f, t, &f->room, INT64_MAX), E_AUTH);
}

static void test_ticket__outlives_a_step_of_the_wall_clock(void **state)
{
	struct fix *f = *state;

	assert_int_equal(check(f, span_str(f->text), &f->room, NOW - 86400),
			 0);
	assert_int_equal(check(f, span_str(f->text), &f->room, NOW + 86400),
			 0);
}

static void test_ticket__stolen_one_dies_with_the_pin(void **state)
{
	struct fix *f = *state;
	struct ticket_room changed = f->room;

	changed.pin_version++;
	assert_int_equal(check(f, span_str(f->text), &changed, NOW), E_AUTH);
	changed.pin_version -= 2;
	assert_int_equal(check(f, span_str(f->text), &changed, NOW), E_AUTH);
}

static void test_ticket__is_nothing_in_another_room(void **state)
{
	struct fix *f = *state;
	struct ticket_room other = f->room;

	other.id = SPAN_LIT("room-2");
	assert_int_equal(check(f, span_str(f->text), &other, NOW), E_AUTH);
	other.id = SPAN_LIT("room-");
	assert_int_equal(check(f, span_str(f->text), &other, NOW), E_AUTH);
	other.id = SPAN_LIT("room-1\0");
	assert_int_equal(check(f, span_str(f->text), &other, NOW), E_AUTH);
}

static void test_ticket__is_nothing_under_another_key(void **state)
{
	struct fix *f = *state;
	uint8_t key[TICKET_KEY_LEN], id[TICKET_ID_LEN];

	assert_int_equal(ticket_key_derive(key, SPAN_LIT("data keyz")), 0);
	assert_int_equal(ticket_check(span_str(f->text),
				      span_of(key, sizeof(key)), &f->room,
				      NOW, id), E_AUTH);
}

static void test_ticket__no_bit_can_be_flipped(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < TICKET_LEN * 8; i++) {
		char bad[TICKET_LEN + 1];

		memcpy(bad, f->text, sizeof(bad));
		bad[i / 8] = (char)(bad[i / 8] ^ 1 << (i % 8));
		assert_int_equal(check(f, span_of(bad, TICKET_LEN), &f->room,
				       NOW), E_AUTH);
	}
}

static void test_ticket__no_length_but_its_own(void **state)
{
	struct fix *f = *state;
	char longer[TICKET_LEN + 64];

	memset(longer, 'A', sizeof(longer));
	memcpy(longer, f->text, TICKET_LEN);
	for (size_t n = 0; n <= sizeof(longer); n++)
		assert_int_equal(check(f, span_of(longer, n), &f->room, NOW),
				 n == TICKET_LEN ? 0 : E_AUTH);
	assert_int_equal(check(f, SPAN_NONE, &f->room, NOW), E_AUTH);
}

static void test_ticket__bad_arguments_are_refused(void **state)
{
	struct fix *f = *state;
	struct ticket_room room = f->room;
	char text[TICKET_LEN + 1];
	uint8_t id[TICKET_ID_LEN];

	room.id = SPAN_NONE;
	assert_int_equal(ticket_make(text, f->key, &room, NOW, f->id),
			 E_INVAL);
	assert_int_equal(ticket_make(text, f->key, &f->room, 0, f->id),
			 E_INVAL);
	assert_int_equal(ticket_make(text, SPAN_LIT("short"), &f->room, NOW,
				     f->id), E_INVAL);
	assert_int_equal(ticket_check(span_str(f->text), f->key, &room, NOW,
				      id), E_INVAL);
}

static void test_ticket__name_tells_rooms_apart(void **state)
{
	struct fix *f = *state;
	char a[TICKET_NAME_LEN + 1], b[TICKET_NAME_LEN + 1];

	assert_int_equal(ticket_name(a, f->key, SPAN_LIT("room-1")), 0);
	assert_int_equal(ticket_name(b, f->key, SPAN_LIT("room-2")), 0);
	assert_int_equal(strlen(a), TICKET_NAME_LEN);
	assert_memory_equal(a, "__Host-cv-", 10);
	assert_string_not_equal(a, b);
}

static void test_invitation__only_its_hash_is_needed(void **state)
{
	struct fix *f = *state;
	const uint8_t rnd[INVITATION_KEY_LEN] = {1, 2, 3};
	uint8_t stored[INVITATION_HASH_LEN], shown[INVITATION_HASH_LEN];
	char text[INVITATION_LEN + 1];

	assert_int_equal(invitation_make(text, stored, f->key, f->room.id,
					 rnd), 0);
	assert_int_equal(strlen(text), INVITATION_LEN);
	assert_int_equal(invitation_hash(shown, span_str(text), f->key,
					 f->room.id), 0);
	assert_memory_equal(stored, shown, sizeof(stored));
	assert_int_equal(invitation_hash(shown, span_str(text), f->key,
					 SPAN_LIT("room-2")), 0);
	assert_memory_not_equal(stored, shown, sizeof(stored));
}

static void test_invitation__no_bit_can_be_flipped(void **state)
{
	struct fix *f = *state;
	const uint8_t rnd[INVITATION_KEY_LEN] = {0};
	uint8_t stored[INVITATION_HASH_LEN], shown[INVITATION_HASH_LEN];
	char text[INVITATION_LEN + 1];

	assert_int_equal(invitation_make(text, stored, f->key, f->room.id,
					 rnd), 0);
	for (unsigned i = 0; i < INVITATION_LEN * 8; i++) {
		text[i / 8] = (char)(text[i / 8] ^ 1 << (i % 8));
		(void)invitation_hash(shown, span_of(text, INVITATION_LEN),
				      f->key, f->room.id);
		assert_memory_not_equal(stored, shown, sizeof(stored));
		text[i / 8] = (char)(text[i / 8] ^ 1 << (i % 8));
	}
	assert_int_equal(invitation_hash(shown, SPAN_NONE, f->key,
					 f->room.id), E_AUTH);
	assert_memory_not_equal(stored, shown, sizeof(stored));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ticket__is_good_until_its_expiry, setup),
		cmocka_unit_test_setup(test_ticket__outlives_a_step_of_the_wall_clock, setup),
		cmocka_unit_test_setup(test_ticket__stolen_one_dies_with_the_pin, setup),
		cmocka_unit_test_setup(test_ticket__is_nothing_in_another_room, setup),
		cmocka_unit_test_setup(test_ticket__is_nothing_under_another_key, setup),
		cmocka_unit_test_setup(test_ticket__no_bit_can_be_flipped, setup),
		cmocka_unit_test_setup(test_ticket__no_length_but_its_own, setup),
		cmocka_unit_test_setup(test_ticket__bad_arguments_are_refused, setup),
		cmocka_unit_test_setup(test_ticket__name_tells_rooms_apart, setup),
		cmocka_unit_test_setup(test_invitation__only_its_hash_is_needed, setup),
		cmocka_unit_test_setup(test_invitation__no_bit_can_be_flipped, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
