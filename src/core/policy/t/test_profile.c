/* Each cell of the policy machine, and the orders it stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/policy/profile.h"

enum { NO = -1 };	/* refused: nothing changes */

/* Steps after an event while asking, looking, running. A script is on and
 * failures reject unless a row of `keep` says otherwise. */
static const int service_cells[POLICY_ST_COUNT][POLICY_EV_COUNT] = {
	[POLICY_ST_DONE] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
	[POLICY_ST_ASKING] = {
		NO, POLICY_RUN, POLICY_RUN, POLICY_LOOK_UP, POLICY_RUN,
		POLICY_END, NO, NO, NO, NO, NO, NO},
	[POLICY_ST_LOOKING] = {
		NO, NO, NO, NO, NO, NO, POLICY_RUN, POLICY_RUN, NO, NO, NO,
		NO},
	[POLICY_ST_RUNNING] = {
		NO, NO, NO, NO, NO, NO, NO, NO, POLICY_END, POLICY_END,
		POLICY_END, POLICY_END},
};

static struct policy_profile profile(bool external, bool script,
				     enum policy_on_failure f)
{
	struct policy_profile p = {.external = {false}};

	for (int k = 0; k < POLICY_KIND_COUNT; k++)
		p.external[k] = external;
	for (int k = 0; k < POLICY_SCRIPTS; k++) {
		p.script[k] = script;
		p.on_failure[k] = f;
	}
	return p;
}

static void bring(struct policy_machine *m, enum policy_kind kind,
		  enum policy_state st)
{
	struct policy_profile p = profile(st == POLICY_ST_ASKING, true,
					  POLICY_FAIL_REJECT);

	(void)policy_start(m, kind, &p);
	if (st == POLICY_ST_RUNNING || st == POLICY_ST_DONE)
		(void)policy_event(m, POLICY_EV_FOUND);
	if (st == POLICY_ST_DONE)
		(void)policy_event(m, POLICY_EV_SCRIPT);
	assert_int_equal(m->state, st);
}

static bool is_for_services(enum policy_event ev)
{
	return ev == POLICY_EV_ANSWER_REDIRECT ||
	       ev == POLICY_EV_SCRIPT_REDIRECT;
}

static bool has_reject(enum policy_kind k, enum policy_event ev)
{
	return k != POLICY_LOCATION || (ev != POLICY_EV_ANSWER_REJECT &&
					ev != POLICY_EV_SCRIPT_REJECT);
}

static void test_policy_profile__each_cell(void **state)
{
	(void)state;
	for (int k = 0; k < POLICY_SCRIPTS; k++)
	for (int s = 0; s < POLICY_ST_COUNT; s++)
	for (int e = 0; e <= POLICY_EV_COUNT; e++) {
		struct policy_machine m, was;
		int want = e < POLICY_EV_COUNT ? service_cells[s][e] : NO;

		if (k != POLICY_SERVICE &&
		    (is_for_services((enum policy_event)e) ||
		     !has_reject((enum policy_kind)k, (enum policy_event)e)))
			want = NO;
		bring(&m, (enum policy_kind)k, (enum policy_state)s);
		was = m;
		if (want == NO) {
			assert_int_equal(policy_event(&m, (enum policy_event)e),
					 policy_step(&was));
			assert_int_equal(m.refused, was.refused + 1);
			assert_int_equal(m.state, was.state);
			assert_int_equal(m.decision.verdict,
					 was.decision.verdict);
		} else {
			assert_int_equal(policy_event(&m, (enum policy_event)e),
					 want);
			assert_int_equal(m.refused, was.refused);
		}
	}
}

struct walk {
	bool external, script;
	enum policy_on_failure f;
	enum policy_event ev[3];
	enum policy_verdict verdict;
	enum policy_source source;
};

#define KEEP POLICY_FAIL_KEEP
#define REJECT POLICY_FAIL_REJECT
#define EV(x) POLICY_EV_##x

static const struct walk walks[] = {
	/* nothing on: what we know */
	{false, false, REJECT, {EV(FOUND)}, POLICY_ACCEPT, POLICY_BY_US},
	{false, false, REJECT, {EV(NOT_FOUND)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
	/* the server */
	{true, false, REJECT, {EV(ANSWER)}, POLICY_ACCEPT, POLICY_BY_SERVER},
	{true, false, KEEP, {EV(ANSWER_REJECT)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
	{true, false, KEEP, {EV(ANSWER_REDIRECT)}, POLICY_REDIRECT,
	 POLICY_BY_SERVER},
	{true, false, REJECT, {EV(ANSWER_CONTINUE), EV(FOUND)}, POLICY_ACCEPT,
	 POLICY_BY_US},
	{true, false, REJECT, {EV(ANSWER_CONTINUE), EV(NOT_FOUND)},
	 POLICY_REJECT, POLICY_BY_NOBODY},
	{true, false, KEEP, {EV(ANSWER_FAILED), EV(FOUND)}, POLICY_ACCEPT,
	 POLICY_BY_US},
	{true, false, REJECT, {EV(ANSWER_FAILED)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
	/* the script has the last word */
	{false, true, REJECT, {EV(FOUND), EV(SCRIPT)}, POLICY_ACCEPT,
	 POLICY_BY_SCRIPT},
	{false, true, REJECT, {EV(NOT_FOUND), EV(SCRIPT)}, POLICY_ACCEPT,
	 POLICY_BY_SCRIPT},
	{false, true, KEEP, {EV(FOUND), EV(SCRIPT_REJECT)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
	{false, true, KEEP, {EV(FOUND), EV(SCRIPT_REDIRECT)},
	 POLICY_REDIRECT, POLICY_BY_SCRIPT},
	{false, true, KEEP, {EV(FOUND), EV(SCRIPT_FAILED)}, POLICY_ACCEPT,
	 POLICY_BY_US},
	{false, true, KEEP, {EV(NOT_FOUND), EV(SCRIPT_FAILED)},
	 POLICY_REJECT, POLICY_BY_NOBODY},
	{false, true, REJECT, {EV(FOUND), EV(SCRIPT_FAILED)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
	{true, true, KEEP, {EV(ANSWER), EV(SCRIPT)}, POLICY_ACCEPT,
	 POLICY_BY_SCRIPT},
	{true, true, KEEP, {EV(ANSWER), EV(SCRIPT_FAILED)}, POLICY_ACCEPT,
	 POLICY_BY_SERVER},
	{true, true, KEEP, {EV(ANSWER_REDIRECT), EV(SCRIPT_FAILED)},
	 POLICY_REDIRECT, POLICY_BY_SERVER},
	/* a refused caller may get a service from a script */
	{true, true, REJECT, {EV(ANSWER_REJECT), EV(SCRIPT)}, POLICY_ACCEPT,
	 POLICY_BY_SCRIPT},
	{true, true, KEEP, {EV(ANSWER_REJECT), EV(SCRIPT_FAILED)},
	 POLICY_REJECT, POLICY_BY_NOBODY},
	{true, true, KEEP, {EV(ANSWER_FAILED), EV(FOUND), EV(SCRIPT)},
	 POLICY_ACCEPT, POLICY_BY_SCRIPT},
	{true, true, REJECT, {EV(ANSWER_FAILED)}, POLICY_REJECT,
	 POLICY_BY_NOBODY},
};

static void test_policy_profile__orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		const struct walk *w = &walks[i];
		struct policy_profile p = profile(w->external, w->script,
						  w->f);
		struct policy_machine m;
		enum policy_step st = policy_start(&m, POLICY_SERVICE, &p);
		size_t n = 0;

		while (st != POLICY_END && n < 3)
			st = policy_event(&m, w->ev[n++]);
		if (st != POLICY_END || m.refused ||
		    m.decision.verdict != w->verdict ||
		    m.decision.source != w->source)
			fail_msg("walk %zu: step %d verdict %d source %d", i,
				 st, m.decision.verdict, m.decision.source);
	}
}

static void test_policy_profile__kinds_without_script(void **state)
{
	struct policy_profile p = profile(true, true, POLICY_FAIL_REJECT);
	struct policy_machine m;

	(void)state;
	for (int k = POLICY_AVATAR; k < POLICY_KIND_COUNT; k++) {
		enum policy_kind kind = (enum policy_kind)k;

		assert_int_equal(policy_start(&m, kind, NULL), POLICY_END);
		assert_int_equal(m.decision.source, POLICY_BY_US);
		assert_int_equal(policy_start(&m, kind, &p), POLICY_ASK);
		assert_int_equal(policy_event(&m, POLICY_EV_ANSWER),
				 POLICY_END);
		assert_int_equal(m.decision.source, POLICY_BY_SERVER);
		(void)policy_start(&m, kind, &p);
		assert_int_equal(policy_event(&m, POLICY_EV_ANSWER_FAILED),
				 POLICY_END);
		assert_int_equal(m.decision.verdict, POLICY_ACCEPT);
		assert_int_equal(m.decision.source, POLICY_BY_US);
		(void)policy_start(&m, kind, &p);
		assert_int_equal(policy_event(&m, POLICY_EV_ANSWER_REJECT),
				 kind == POLICY_REGISTRATION ? POLICY_END :
							       POLICY_ASK);
		assert_int_equal(m.decision.verdict, POLICY_REJECT);
	}
}

static void test_policy_profile__failures_are_remembered(void **state)
{
	struct policy_profile p = profile(true, true, POLICY_FAIL_KEEP);
	struct policy_machine m;

	(void)state;
	(void)policy_start(&m, POLICY_PARTICIPANT, &p);
	(void)policy_event(&m, POLICY_EV_ANSWER_FAILED);
	(void)policy_event(&m, POLICY_EV_FOUND);
	(void)policy_event(&m, POLICY_EV_SCRIPT_FAILED);
	assert_true(m.server_failed && m.script_failed);
	assert_int_equal(m.decision.source, POLICY_BY_US);
	assert_string_equal(policy_kind_name(POLICY_LOCATION),
			    "media_location");
	assert_string_equal(policy_kind_name((enum policy_kind)77),
			    "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_profile__each_cell),
		cmocka_unit_test(test_policy_profile__orders),
		cmocka_unit_test(test_policy_profile__kinds_without_script),
		cmocka_unit_test(test_policy_profile__failures_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
