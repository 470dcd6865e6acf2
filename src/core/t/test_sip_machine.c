/* Every cell of the life of a SIP call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/sip_machine.h"

#define GO(a, n) {SCA_##a, SIP_CALL_##n}
#define X {SCA_COUNT, SIP_CALL_STATE_COUNT}

static const struct sip_call_cell want[SIP_CALL_STATE_COUNT][SCE_COUNT] = {
	/* ask, seated, refused, leg ok, leg failed, rings, lost,
	 * entered, late, said, answered, removed, ended */
	[SIP_CALL_OVER] = {X, X, X, X, X, X, X, X, X, X, X, X, X},
	[SIP_CALL_DECIDING] = {
		GO(OPEN_LOBBY, LOBBY), GO(OPEN_ROOM, OPENING),
		GO(REFUSE, OVER), X, X, X, X, X, X, X, X, X, GO(DROP, OVER)},
	[SIP_CALL_LOBBY] = {
		X, X, X, GO(ANSWER_ENTRY, ENTRY), GO(REFUSE, OVER), X,
		GO(OPEN_LOBBY, LOBBY), X, X, X, X, X, GO(DROP, OVER)},
	[SIP_CALL_ENTRY] = {
		X, X, X, GO(PROMPT, ENTRY), GO(HANGUP, OVER), X,
		GO(REOFFER, ENTRY), GO(CHECK, CHECKING),
		GO(GOODBYE, LEAVING), X, X, X, GO(DROP, OVER)},
	[SIP_CALL_CHECKING] = {
		GO(PROMPT, ENTRY), GO(MOVE, IN), GO(GOODBYE, LEAVING),
		GO(NONE, CHECKING), GO(HANGUP, OVER), X,
		GO(REOFFER, CHECKING), X, X, X, X, X, GO(DROP, OVER)},
	[SIP_CALL_OPENING] = {
		X, X, X, GO(ANSWER_IN, IN), GO(REFUSE, OVER),
		GO(RING, RINGING), GO(OPEN_ROOM, OPENING), X, X, X, X,
		GO(REFUSE, OVER), GO(DROP, OVER)},
	[SIP_CALL_RINGING] = {
		X, X, X, X, GO(REFUSE, OVER), X, GO(REFUSE, OVER), X, X, X,
		GO(ANSWER_IN, IN), GO(REFUSE, OVER), GO(DROP, OVER)},
	[SIP_CALL_IN] = {
		X, X, X, GO(NONE, IN), GO(HANGUP, OVER), X, GO(REOFFER, IN),
		X, X, X, X, GO(HANGUP, OVER), GO(DROP, OVER)},
	[SIP_CALL_LEAVING] = {
		X, X, X, GO(NONE, LEAVING), GO(HANGUP, OVER), X,
		GO(HANGUP, OVER), X, GO(HANGUP, OVER), GO(HANGUP, OVER), X,
		X, GO(DROP, OVER)},
	[SIP_CALL_OFFERING] = {
		X, X, X, GO(DIAL, DIALING), GO(DROP, OVER), X,
		GO(OPEN_LOBBY, OFFERING), X, X, X, X, GO(DROP, OVER),
		GO(DROP, OVER)},
	[SIP_CALL_DIALING] = {
		X, X, X, X, X, X, GO(HANGUP, OVER), X, GO(HANGUP, OVER), X,
		GO(ACCEPT, ACCEPTING), GO(HANGUP, OVER), GO(DROP, OVER)},
	[SIP_CALL_ACCEPTING] = {
		X, X, X, GO(SIT, IN), GO(HANGUP, OVER), X, GO(HANGUP, OVER),
		X, X, X, X, GO(HANGUP, OVER), GO(DROP, OVER)},
	[SIP_CALL_REPLACING] = {
		X, X, GO(REFUSE, OVER), GO(REPLACE, IN), GO(REFUSE, OVER), X,
		GO(OPEN_LOBBY, REPLACING), X, X, X, X, X, GO(DROP, OVER)},
};

static void test_sip_machine__every_cell(void **state)
{
	(void)state;
	for (int s = 0; s < SIP_CALL_STATE_COUNT; s++)
		for (int e = 0; e < SCE_COUNT; e++) {
			const struct sip_call_cell *w = &want[s][e];
			struct sip_call_cell got = X;
			const bool full = sip_call_next(
				(enum sip_call_state)s,
				(enum sip_call_event)e, &got);

			if (full != (w->action != SCA_COUNT) ||
			    got.action != w->action || got.next != w->next)
				fail_msg("%s, %s", sip_call_state_name(
					 (enum sip_call_state)s),
					 sip_call_event_name(
					 (enum sip_call_event)e));
		}
}

static void test_sip_machine__outside_the_table_is_empty(void **state)
{
	struct sip_call_cell c;

	(void)state;
	assert_false(sip_call_next(SIP_CALL_STATE_COUNT, SCE_ASK, &c));
	assert_false(sip_call_next(SIP_CALL_IN, SCE_COUNT, &c));
	assert_string_equal(sip_call_state_name(SIP_CALL_STATE_COUNT), "?");
	assert_string_equal(sip_call_event_name(SCE_COUNT), "?");
}

/* The other side may go at any time, and a call that is over hears nothing. */
static void test_sip_machine__whoever_hangs_up_is_let_go(void **state)
{
	struct sip_call_cell c;

	(void)state;
	for (int s = SIP_CALL_OVER + 1; s < SIP_CALL_STATE_COUNT; s++) {
		assert_true(sip_call_next((enum sip_call_state)s, SCE_ENDED,
					  &c));
		assert_int_equal(c.next, SIP_CALL_OVER);
		assert_int_equal(c.action, SCA_DROP);
	}
}

/* Only calls that were answered are hung up or say good-bye; only others are
 * refused. One that is being dialled is given up. */
static void test_sip_machine__words_fit_the_dialog(void **state)
{
	(void)state;
	for (int s = 0; s < SIP_CALL_STATE_COUNT; s++)
		for (int e = 0; e < SCE_COUNT; e++) {
			const bool up = sip_call_is_up((enum sip_call_state)s);
			struct sip_call_cell c;

			if (!sip_call_next((enum sip_call_state)s,
					   (enum sip_call_event)e, &c))
				continue;
			if (c.action == SCA_HANGUP)
				assert_true(up || s == SIP_CALL_DIALING);
			if (c.action == SCA_GOODBYE || c.action == SCA_MOVE ||
			    c.action == SCA_REOFFER)
				assert_true(up);
			if (c.action == SCA_REFUSE)
				assert_false(up);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_machine__every_cell),
		cmocka_unit_test(test_sip_machine__outside_the_table_is_empty),
		cmocka_unit_test(test_sip_machine__whoever_hangs_up_is_let_go),
		cmocka_unit_test(test_sip_machine__words_fit_the_dialog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
