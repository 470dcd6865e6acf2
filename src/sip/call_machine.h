/* sip/call_machine.h - the life of one call, incoming and outgoing, as a
 * table. Pure. What happens inside of a dialog that is up (new offers,
 * INFO, REFER) is not here: it changes no state of the call.
 *
 *   in:   ASKED -> RINGING -> ANSWERED -> UP -> OVER
 *   out:  DIALING -> CALLING -> EARLY -> UP -> OVER, with CANCELLING aside
 */
#pragma once
#include <stdbool.h>

enum call_state {
	CALL_ASKED = 0,		/* the INVITE is at core */
	CALL_RINGING,		/* 180 went out */
	CALL_ANSWERED,		/* 200 went out, no ACK yet */
	CALL_UP,
	CALL_DIALING,		/* a connection is being made */
	CALL_CALLING,		/* our INVITE is out */
	CALL_EARLY,		/* somebody said 1xx */
	CALL_CANCELLING,
	CALL_OVER,
	CALL_STATE_COUNT
};

enum call_event {
	CALL_EV_CHALLENGE = 0,	/* core's verdicts */
	CALL_EV_REFUSE,
	CALL_EV_RING,
	CALL_EV_ANSWER,
	CALL_EV_REDIRECT,
	CALL_EV_HANGUP,		/* core */
	CALL_EV_CANCEL,		/* the peer, as all below */
	CALL_EV_ACK,
	CALL_EV_BYE,
	CALL_EV_NO_ACK,
	CALL_EV_EXPIRED,	/* the session timer */
	CALL_EV_CONNECTED,
	CALL_EV_1XX,
	CALL_EV_2XX,
	CALL_EV_REJECTED,
	CALL_EV_AGAIN,		/* 401 or 407 that we can answer */
	CALL_EV_NEXT,		/* the next target of RFC 3263 is tried */
	CALL_EV_TIMEOUT,	/* core did not decide, nobody answered */
	CALL_EV_UNSENT,		/* the transport said no */
	CALL_EVENT_COUNT
};

enum call_do {
	CALL_DO_CHALLENGE = 1,
	CALL_DO_REFUSE = 2,	/* as the verdict says */
	CALL_DO_RING = 4,
	CALL_DO_ANSWER = 8,
	CALL_DO_REDIRECT = 16,
	CALL_DO_UNAVAILABLE = 32,	/* 480 */
	CALL_DO_TERMINATED = 64,	/* 487 */
	CALL_DO_UP = 128,
	CALL_DO_LATER = 256,	/* BYE as soon as it is acknowledged */
	CALL_DO_BYE = 512,
	CALL_DO_INVITE = 1024,
	CALL_DO_PROGRESS = 2048,
	CALL_DO_ACCEPTED = 4096,	/* ACK, tell core */
	CALL_DO_ACK_BYE = 8192,
	CALL_DO_CANCEL = 16384,
	CALL_DO_REJECTED = 32768,	/* tell core what they said */
	CALL_DO_ENDED = 65536,	/* tell core why */
	CALL_DO_CONNECT = 131072,	/* ask for a connection */
	CALL_DO_REFUSED = 262144,	/* not in this state: count it */
};

struct call_step {
	enum call_state next;
	unsigned todo;
};
struct call_step call_step(enum call_state s, enum call_event e);
const char *call_state_name(enum call_state s);
