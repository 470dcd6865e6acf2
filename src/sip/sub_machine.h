/* sip/sub_machine.h - a subscription to the conference package in the dialog
 * of a call (RFC 6665, 4575), as a table. Pure.
 *
 * PENDING: core was asked for the whole roster. FETCH: it was asked for once,
 * and that is the end. Each subscription is known to core while it is not
 * NONE.
 */
#pragma once

enum sub_state { SUB_NONE = 0, SUB_PENDING, SUB_ACTIVE, SUB_FETCH,
		 SUB_STATE_COUNT };

enum sub_event {
	SUB_EV_SUBSCRIBE = 0,	/* theirs */
	SUB_EV_FETCH,		/* theirs, with Expires: 0 */
	SUB_EV_FULL,		/* core's */
	SUB_EV_PARTIAL,
	SUB_EV_FINAL,		/* core: there is nothing (more) to see */
	SUB_EV_EXPIRED,
	SUB_EV_REFUSED,		/* they do not want our NOTIFY */
	SUB_EV_MISSED,		/* a NOTIFY could not be sent in its turn */
	SUB_EVENT_COUNT
};

enum sub_do {
	SUB_DO_ASK = 1,		/* core is asked for the whole */
	SUB_DO_STOP = 2,	/* core is told that nobody listens */
	SUB_DO_ARM = 4,		/* its time begins */
	SUB_DO_FULL = 8,	/* NOTIFY */
	SUB_DO_PARTIAL = 16,
	SUB_DO_LAST = 32,	/* NOTIFY, the whole, and terminated */
	SUB_DO_END = 64,	/* NOTIFY without a body, terminated */
	SUB_DO_REFUSED = 128,	/* not in this state: count it */
};

struct sub_step {
	enum sub_state next;
	unsigned todo;
};
/* Total: a pair that cannot be is REFUSED and stays. */
struct sub_step sub_step(enum sub_state s, enum sub_event e);
