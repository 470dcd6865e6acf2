#include "room_kit.h"

#include "core/rooms/floor.h"

/* Action and next state. R refuse, - nothing, G grant, T take over, L let go;
 * F free, H held. Columns: TAKE_HOST TAKE_GUEST TAKE_BARRED TAKE_AGAIN RELEASE
 * RELEASE_LATE LOST. Written here a second time on purpose. */
static void test_floor_table__each_cell(void **state)
{
	static const char *const want[FLOOR_STATE_COUNT] = {
		[FLOOR_FREE] = "GHGHRFRFRF-FRF",
		[FLOOR_HELD] = "THRHRH-HLF-HLF",
	};
	static const char acts[FLOOR_DO_COUNT + 1] = "R-GTL";
	static const char states[FLOOR_STATE_COUNT + 1] = "FH";

	(void)state;
	for (int s = 0; s < FLOOR_STATE_COUNT; s++) {
		for (int e = 0; e < FLOOR_EV_COUNT; e++) {
			const struct floor_cell c = floor_cell(
				(enum floor_state)s, (enum floor_ev)e);

			assert_int_equal(acts[c.act], want[s][2 * e]);
			assert_int_equal(states[c.next], want[s][2 * e + 1]);
		}
	}
	assert_int_equal(floor_cell(FLOOR_STATE_COUNT, 0).act, FLOOR_REFUSE);
	assert_int_equal(floor_cell(FLOOR_HELD, FLOOR_EV_COUNT).act,
			 FLOOR_REFUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor_table__each_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
