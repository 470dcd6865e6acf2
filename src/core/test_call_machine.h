/* core/test_call_machine.h - the way of a test call, as a table. Pure and
 * constant; test_call.h says what it is. */
#pragma once

enum test_call_state {
	TEST_CALL_NONE = 0,		/* his call is not up */
	TEST_CALL_ASKS,			/* he hears what to do, and a tone */
	TEST_CALL_RECORDS,		/* and plays back */
	TEST_CALL_TELLS,
	TEST_CALL_OVER,
	TEST_CALL_STATE_COUNT
};

enum test_call_event {
	TEST_CALL_UP = 0,		/* media flow */
	TEST_CALL_SAID,			/* media did what it was told */
	TEST_CALL_LOST,			/* his call went, he may make another */
	TEST_CALL_LATE,
	TEST_CALL_EVENT_COUNT
};

/* The next state; -1: an empty cell, nothing happens. Pure. */
int test_call_next(enum test_call_state s, enum test_call_event e);
