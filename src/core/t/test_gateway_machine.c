#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/gateway_machine.h"

static void test_gateway_machine__every_cell(void **state)
{
	static const int want[GATEWAY_STATE_COUNT][GATEWAY_EVENT_COUNT] = {
		{-1, -1, -1, -1, -1},
		{GATEWAY_RINGING, -1, -1, GATEWAY_OVER, GATEWAY_OVER},
		{-1, GATEWAY_CONNECTED, GATEWAY_OVER, GATEWAY_OVER, -1},
		{-1, -1, GATEWAY_OVER, GATEWAY_OVER, -1},
	};

	(void)state;
	for (int s = 0; s < GATEWAY_STATE_COUNT; s++)
		for (int e = 0; e < GATEWAY_EVENT_COUNT; e++)
			assert_int_equal(gateway_next((enum gateway_state)s,
						      (enum gateway_event)e),
					 want[s][e]);
	assert_int_equal(gateway_next(GATEWAY_STATE_COUNT, GATEWAY_LEFT), -1);
	assert_int_equal(gateway_next(GATEWAY_RINGING, GATEWAY_EVENT_COUNT),
			 -1);
}

static void test_gateway_machine__states_have_names(void **state)
{
	(void)state;
	for (int s = 0; s < GATEWAY_STATE_COUNT; s++)
		assert_non_null(gateway_state_name((enum gateway_state)s));
	assert_null(gateway_state_name(GATEWAY_STATE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway_machine__every_cell),
		cmocka_unit_test(test_gateway_machine__states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
