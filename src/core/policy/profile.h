/* core/policy/profile.h - in which order a policy profile is asked.
 *
 * One machine for one decision (the service of a call, a participant's
 * properties, a media location): external server, then what we know
 * ourselves, then the local script, then the end. It says what is to be done
 * next and, when done, whose values are in force; it never sees the values.
 *
 *   struct policy_machine m;
 *   step = policy_start(&m, kind, &profile);
 *   while (step != POLICY_END)
 *           step = policy_event(&m, what came of doing `step`);
 *   m.decision
 *
 * An event that does not fit the state changes nothing, is counted in
 * m.refused and returns the step that is still to be done. Pure; no
 * allocation, clock or log.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum policy_kind {
	POLICY_SERVICE = 0,
	POLICY_PARTICIPANT,
	POLICY_LOCATION,
	POLICY_AVATAR,
	POLICY_DIRECTORY,
	POLICY_REGISTRATION,
	POLICY_KIND_COUNT
};
enum { POLICY_SCRIPTS = POLICY_LOCATION + 1 };	/* kinds that have a script */

/* What it means that a script fails (or prints nothing that can be applied),
 * or that a server cannot be asked or answers what cannot be used. "No
 * opinion" (404, or action continue) is no failure. */
enum policy_on_failure {
	POLICY_FAIL_REJECT = 0,		/* default of a new profile */
	POLICY_FAIL_KEEP,		/* compatible: as if it were not there */
};

/* As configured. All false: a profile that changes nothing. */
struct policy_profile {
	bool external[POLICY_KIND_COUNT];
	bool script[POLICY_SCRIPTS];
	/* The other kinds always go on with what is ours. */
	enum policy_on_failure on_failure[POLICY_SCRIPTS];
};

/* What is to be done now. */
enum policy_step {
	POLICY_END = 0,		/* nothing: see decision */
	POLICY_ASK,		/* ask the server: facts.h, then result.h */
	POLICY_LOOK_UP,		/* our own: aliases and rules, the values as
				   known, the location's own settings */
	POLICY_RUN,		/* run the script on the input in force */
	POLICY_STEP_COUNT
};

/* What came of it. */
enum policy_event {
	POLICY_EV_NONE = 0,
	/* of POLICY_ASK: enum policy_answer of result.h says which */
	POLICY_EV_ANSWER,	/* a valid result */
	POLICY_EV_ANSWER_REJECT,
	POLICY_EV_ANSWER_CONTINUE,	/* no result, no opinion: ours */
	POLICY_EV_ANSWER_REDIRECT,
	POLICY_EV_ANSWER_FAILED,
	/* of POLICY_LOOK_UP */
	POLICY_EV_FOUND,
	POLICY_EV_NOT_FOUND,
	/* of POLICY_RUN */
	POLICY_EV_SCRIPT,	/* continue, with a valid result */
	POLICY_EV_SCRIPT_REJECT,
	POLICY_EV_SCRIPT_REDIRECT,
	POLICY_EV_SCRIPT_FAILED,
	POLICY_EV_COUNT
};

enum policy_verdict {
	POLICY_REJECT = 0,	/* also: unknown alias */
	POLICY_ACCEPT,		/* with the values of `source` */
	POLICY_REDIRECT,	/* to new_alias of `source` */
};

enum policy_source {
	/* No values. A service script's input is None then; the other scripts
	 * get what we know ourselves. */
	POLICY_BY_NOBODY = 0,
	POLICY_BY_SERVER,
	POLICY_BY_US,
	POLICY_BY_SCRIPT,
};

struct policy_decision {
	enum policy_verdict verdict;
	enum policy_source source;
};

enum policy_state {
	POLICY_ST_DONE = 0, POLICY_ST_ASKING, POLICY_ST_LOOKING,
	POLICY_ST_RUNNING, POLICY_ST_COUNT
};

struct policy_machine {
	enum policy_kind kind;
	struct policy_profile profile;
	enum policy_state state;
	/* While POLICY_RUN: what the script gets. At the end: the outcome. */
	struct policy_decision decision;
	bool server_failed, script_failed;	/* for the support log */
	uint32_t refused;
};

/* `profile` NULL: none. POLICY_AVATAR and what follows it are asked of the
 * server only: ACCEPT by POLICY_BY_SERVER, or ACCEPT by POLICY_BY_US. */
enum policy_step policy_start(struct policy_machine *m, enum policy_kind kind,
			      const struct policy_profile *profile);
enum policy_step policy_event(struct policy_machine *m, enum policy_event ev);
/* The step that is to be done now. */
enum policy_step policy_step(const struct policy_machine *m);
const char *policy_kind_name(enum policy_kind k);
