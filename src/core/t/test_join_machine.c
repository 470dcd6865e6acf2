/* Every cell of the way of a join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/join_machine.h"

#define X JOIN_STATE_COUNT	/* an empty cell */

#define SERVICE                                                               \
	[JOIN_RECEIVED] = {JOIN_LOCATION, X, X, JOIN_OVER, X, X},                \
	[JOIN_LOCATION] = {JOIN_SERVICE_ASK, X, X, JOIN_OVER, X, X},             \
	[JOIN_SERVICE_ASK] = {JOIN_SERVICE_FIND, JOIN_SERVICE_WAIT, X,        \
			      JOIN_OVER, X, X},                                  \
	[JOIN_SERVICE_WAIT] = {X, X, JOIN_SERVICE_FIND, JOIN_OVER, X, X},        \
	[JOIN_SERVICE_FIND] = {JOIN_SERVICE_SCRIPT, JOIN_ROUTE_WAIT, X,       \
			       JOIN_OVER, X, X},                                 \
	[JOIN_ROUTE_WAIT] = {X, X, JOIN_SERVICE_SCRIPT, JOIN_OVER, X, X},        \
	[JOIN_SERVICE_SCRIPT] = {JOIN_PROVE, JOIN_SERVICE_SCRIPT_WAIT, X,     \
				 JOIN_OVER, X, X},                               \
	[JOIN_SERVICE_SCRIPT_WAIT] = {X, X, JOIN_PROVE, JOIN_OVER, X, X}
#define MEDIA                                                                 \
	[JOIN_MEDIA_ASK] = {JOIN_MEDIA_SCRIPT, JOIN_MEDIA_WAIT, X, JOIN_OVER, \
			    X, X},                                               \
	[JOIN_MEDIA_WAIT] = {X, X, JOIN_MEDIA_SCRIPT, JOIN_OVER, X, X},          \
	[JOIN_MEDIA_SCRIPT] = {JOIN_SEAT, JOIN_MEDIA_SCRIPT_WAIT, X,          \
			       JOIN_OVER, X, X},                                 \
	[JOIN_MEDIA_SCRIPT_WAIT] = {X, X, JOIN_SEAT, JOIN_OVER, X, X}
#define EMPTY {X, X, X, X, X, X}

static const enum join_state want[JOIN_WAY_COUNT][JOIN_STATE_COUNT][JE_COUNT] = {
	/*			 next  later  ready  over  entry  again */
	[JOIN_BY_WEB] = {
		SERVICE,
		[JOIN_PROVE] = {JOIN_PIN, X, X, JOIN_OVER, X, X},
		[JOIN_PIN] = {JOIN_API_ASK, JOIN_TURN_WAIT, X, JOIN_OVER, X, JOIN_LOCATION},
		[JOIN_TURN_WAIT] = {X, X, JOIN_PIN, JOIN_OVER, X, X},
		[JOIN_ENTRY_WAIT] = EMPTY,
		[JOIN_API_ASK] = {JOIN_API_SCRIPT, JOIN_API_WAIT, X,
				  JOIN_OVER, X, X},
		[JOIN_API_WAIT] = {X, X, JOIN_API_SCRIPT, JOIN_OVER, X, X},
		[JOIN_API_SCRIPT] = {JOIN_STANDARD_ASK, JOIN_API_SCRIPT_WAIT,
				     X, JOIN_OVER, X, X},
		[JOIN_API_SCRIPT_WAIT] = {X, X, JOIN_STANDARD_ASK, JOIN_OVER,
					  X, X},
		[JOIN_STANDARD_ASK] = {JOIN_STANDARD_SCRIPT,
				       JOIN_STANDARD_WAIT, X, JOIN_OVER, X, X},
		[JOIN_STANDARD_WAIT] = {X, X, JOIN_STANDARD_SCRIPT, JOIN_OVER,
					X, X},
		[JOIN_STANDARD_SCRIPT] = {JOIN_MEDIA_ASK,
					  JOIN_STANDARD_SCRIPT_WAIT, X,
					  JOIN_OVER, X, X},
		[JOIN_STANDARD_SCRIPT_WAIT] = {X, X, JOIN_MEDIA_ASK,
					       JOIN_OVER, X, X},
		[JOIN_PERSON] = EMPTY,
		MEDIA,
		[JOIN_SEAT] = {X, JOIN_DURABLE, X, JOIN_OVER, X, X},
		[JOIN_DURABLE] = {X, X, JOIN_OVER, X, X, X},
		[JOIN_OVER] = EMPTY,
	},
	[JOIN_BY_SIP] = {
		SERVICE,
		[JOIN_PROVE] = {JOIN_STANDARD_ASK, X, X, JOIN_OVER, X, X},
		[JOIN_PIN] = {JOIN_MEDIA_ASK, JOIN_TURN_WAIT, X, JOIN_OVER,
			      JOIN_ENTRY_WAIT, X},
		[JOIN_TURN_WAIT] = {X, X, JOIN_PIN, JOIN_OVER, X, X},
		[JOIN_ENTRY_WAIT] = {X, X, JOIN_PIN, JOIN_OVER, X, X},
		[JOIN_API_ASK] = EMPTY,
		[JOIN_API_WAIT] = EMPTY,
		[JOIN_API_SCRIPT] = EMPTY,
		[JOIN_API_SCRIPT_WAIT] = EMPTY,
		[JOIN_STANDARD_ASK] = {JOIN_STANDARD_SCRIPT,
				       JOIN_STANDARD_WAIT, X, JOIN_OVER, X, X},
		[JOIN_STANDARD_WAIT] = {X, X, JOIN_STANDARD_SCRIPT, JOIN_OVER,
					X, X},
		[JOIN_STANDARD_SCRIPT] = {JOIN_PERSON,
					  JOIN_STANDARD_SCRIPT_WAIT, X,
					  JOIN_OVER, X, X},
		[JOIN_STANDARD_SCRIPT_WAIT] = {X, X, JOIN_PERSON, JOIN_OVER,
					       X, X},
		[JOIN_PERSON] = {JOIN_PIN, X, X, JOIN_OVER, X, X},
		MEDIA,
		[JOIN_SEAT] = {X, X, X, JOIN_OVER, X, X},
		[JOIN_DURABLE] = EMPTY,
		[JOIN_OVER] = EMPTY,
	},
};

static void check_way(enum join_way w)
{
	for (int s = 0; s < JOIN_STATE_COUNT; s++)
		for (int e = 0; e < JE_COUNT; e++) {
			enum join_state next = X;
			const bool full = join_next(w, (enum join_state)s,
						    (enum join_event)e, &next);

			if (full != (want[w][s][e] != X) ||
			    next != want[w][s][e])
				fail_msg("way %d, %s, %s: %s", (int)w,
					 join_state_name((enum join_state)s),
					 join_event_name((enum join_event)e),
					 join_state_name(next));
		}
}

static void test_join_machine__every_cell(void **state)
{
	(void)state;
	check_way(JOIN_BY_WEB);
	check_way(JOIN_BY_SIP);
}

static void test_join_machine__outside_the_table_is_empty(void **state)
{
	enum join_state next;

	(void)state;
	assert_false(join_next(JOIN_BY_WEB, JOIN_STATE_COUNT, JE_NEXT,
			       &next));
	assert_false(join_next(JOIN_BY_WEB, JOIN_PIN, JE_COUNT, &next));
	assert_false(join_next(JOIN_WAY_COUNT, JOIN_PIN, JE_NEXT, &next));
	assert_false(join_is_step(JOIN_STATE_COUNT));
	assert_string_equal(join_state_name(JOIN_STATE_COUNT), "?");
	assert_string_equal(join_event_name(JE_COUNT), "?");
}

/* On each way there is a way to the end, and none goes in a circle but
 * over a wait. */
static void test_join_machine__steps_end(void **state)
{
	(void)state;
	for (int w = 0; w < JOIN_WAY_COUNT; w++) {
		const enum join_way way = (enum join_way)w;
		enum join_state at = JOIN_RECEIVED;
		int hops = 0;

		while (at != JOIN_OVER && hops++ < JOIN_STATE_COUNT)
			if (!join_next(way, at, join_is_step(at) ? JE_NEXT :
				       JE_READY, &at) &&
			    !join_next(way, at, JE_LATER, &at))
				assert_true(join_next(way, at, JE_OVER, &at));
		assert_int_equal(at, JOIN_OVER);
	}
}

static void test_join_machine__a_wait_is_no_step(void **state)
{
	(void)state;
	assert_true(join_is_step(JOIN_RECEIVED));
	assert_true(join_is_step(JOIN_SEAT));
	assert_false(join_is_step(JOIN_TURN_WAIT));
	assert_false(join_is_step(JOIN_ENTRY_WAIT));
	assert_false(join_is_step(JOIN_DURABLE));
	assert_false(join_is_step(JOIN_OVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_machine__every_cell),
		cmocka_unit_test(
			test_join_machine__outside_the_table_is_empty),
		cmocka_unit_test(test_join_machine__steps_end),
		cmocka_unit_test(test_join_machine__a_wait_is_no_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
