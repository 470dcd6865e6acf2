#include "room_kit.h"

#include "core/rooms/room_table.h"

/* R refuse, - stay, P place anew, I inside, G gone. Columns: START LOCK
 * UNLOCK ADMIT PROMOTE DEMOTE STOP LEAVE. Written here a second time on
 * purpose: a change of the table must be meant. */
static void test_part_table__each_cell(void **state)
{
	static const char *const want[PART_STATE_COUNT] = {
		[PART_GONE] = "RRRRRRRR",
		[PART_WAIT_HOST] = "P--IIR-G",
		[PART_WAIT_LOCK] = "--PII-PG",
		[PART_INSIDE] = "------RG",
	};
	static const char letter[PN_COUNT + 1] = "R-PIG";

	(void)state;
	for (int s = 0; s < PART_STATE_COUNT; s++)
		for (int e = 0; e < PEV_COUNT; e++)
			assert_int_equal(letter[part_cell((enum part_state)s,
						(enum part_ev)e)], want[s][e]);
	assert_int_equal(part_cell(PART_STATE_COUNT, 0), PN_REFUSE);
	assert_int_equal(part_cell(PART_INSIDE, PEV_COUNT), PN_REFUSE);
}

/* Action and next state. R refuse, - nothing, O open, T timer, t stop timer,
 * S stop, F finish, C close; I L H G E. Columns: EMPTY LOBBY HOSTED GUESTS
 * END GUESTS_TIMEOUT LAST_TIMEOUT. */
static void test_room_table__each_cell(void **state)
{
	static const char *const want[ROOM_STATE_COUNT] = {
		[ROOM_IDLE] = "-IOLOHRIRIRIRI",
		[ROOM_LOBBY] = "CI-L-HTGFERLFE",
		[ROOM_HOSTED] = "CISL-HTGFERHFE",
		[ROOM_GUESTS_ONLY] = "CISLtH-GFEFEFE",
		[ROOM_ENDING] = "CI-E-E-E-ERERE",
	};
	static const char acts[RD_COUNT + 1] = "R-OTtSFC";
	static const char states[ROOM_STATE_COUNT + 1] = "ILHGE";

	(void)state;
	for (int s = 0; s < ROOM_STATE_COUNT; s++) {
		for (int e = 0; e < REV_COUNT; e++) {
			const struct room_cell c = room_cell(
				(enum room_state)s, (enum room_ev)e);

			assert_int_equal(acts[c.act], want[s][2 * e]);
			assert_int_equal(states[c.next], want[s][2 * e + 1]);
		}
	}
	assert_int_equal(room_cell(ROOM_STATE_COUNT, 0).act, RD_REFUSE);
	assert_int_equal(room_cell(ROOM_IDLE, REV_COUNT).act, RD_REFUSE);
}

/* Features 3.4 and 3.5: H waits for host, L waits at the lock, I inside.
 * Index bits: host, has_host_pin, locked, started. */
static void test_part_place__each_combination(void **state)
{
	static const char want[16 + 1] =
		"H" "I" "H" "I" "H" "L" "H" "I"
		"I" "I" "I" "I" "L" "L" "L" "I";
	static const char letter[PART_STATE_COUNT + 1] = "?HLI";

	(void)state;
	for (int i = 0; i < 16; i++) {
		const struct place_facts f = {.host = i & 1,
					      .has_host_pin = i & 2,
					      .locked = i & 4,
					      .started = i & 8};

		assert_int_equal(letter[part_place(&f)], want[i]);
	}
}

static void test_room_fact__each_combination(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 16; i++) {
		const struct room_counts n = {.hosts = i & 1,
					      .guests = i >> 1 & 1,
					      .waiting = i >> 2 & 1};
		const bool started = i >> 3 & 1;
		enum room_ev want = REV_EMPTY;

		if (n.hosts)
			want = started ? REV_HOSTED : REV_LOBBY;
		else if (n.guests)
			want = REV_GUESTS;
		else if (n.waiting)
			want = REV_LOBBY;
		assert_int_equal(room_fact(&n, started), want);
	}
}

static void test_room_table__has_a_name_for_everything(void **state)
{
	(void)state;
	assert_string_equal(part_state_name(PART_INSIDE), "inside");
	assert_string_equal(part_ev_name(PEV_LEAVE), "leave");
	assert_string_equal(part_next_name(PN_GONE), "gone");
	assert_string_equal(room_state_name(ROOM_ENDING), "ending");
	assert_string_equal(room_ev_name(REV_LAST_TIMEOUT), "last timeout");
	assert_string_equal(room_do_name(RD_CLOSE), "close");
	assert_string_equal(room_do_name(RD_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_part_table__each_cell),
		cmocka_unit_test(test_room_table__each_cell),
		cmocka_unit_test(test_part_place__each_combination),
		cmocka_unit_test(test_room_fact__each_combination),
		cmocka_unit_test(test_room_table__has_a_name_for_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
