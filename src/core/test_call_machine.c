#include "core/test_call_machine.h"

int test_call_next(enum test_call_state s, enum test_call_event e)
{
	static const signed char
	next[TEST_CALL_STATE_COUNT][TEST_CALL_EVENT_COUNT] = {
		/*                      UP              SAID               LOST            LATE */
		[TEST_CALL_NONE] =     {TEST_CALL_ASKS, -1,                -1,             TEST_CALL_OVER},
		[TEST_CALL_ASKS] =     {-1,             TEST_CALL_RECORDS, TEST_CALL_NONE, TEST_CALL_OVER},
		[TEST_CALL_RECORDS] =  {-1,             TEST_CALL_TELLS,   TEST_CALL_NONE, TEST_CALL_OVER},
		[TEST_CALL_TELLS] =    {-1,             TEST_CALL_OVER,    TEST_CALL_NONE, TEST_CALL_OVER},
		[TEST_CALL_OVER] =     {-1,             -1,                -1,             -1},
	};

	if ((unsigned)s >= TEST_CALL_STATE_COUNT ||
	    (unsigned)e >= TEST_CALL_EVENT_COUNT)
		return -1;
	return next[s][e];
}
