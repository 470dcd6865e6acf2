/* sip/floor_machine.h - how a device's wish for the floor stands, as a table.
 * Pure. core is the arbiter and answers each question once; one is open at a
 * time (SipFloor), so what comes meanwhile waits or is refused.
 *
 *   IDLE -> ASKED -> HELD -> LEAVING -> IDLE
 *   AGAIN    asks anew while core has not yet answered a release
 *   DROPPED  nobody waits for core's answer any more: a grant is given back
 *
 * A question that core does not answer in time is followed by a release, which
 * is repeated until it is answered: a lost message never leaves the floor with
 * somebody who does not know that he has it.
 */
#pragma once
#include <stdbool.h>

enum floor_state {
	FLOOR_IDLE = 0,
	FLOOR_ASKED,		/* core has the request */
	FLOOR_HELD,
	FLOOR_LEAVING,		/* core has the release */
	FLOOR_AGAIN,
	FLOOR_DROPPED,
	FLOOR_STATE_COUNT
};

enum floor_event {
	FLOOR_EV_REQUEST = 0,	/* FloorRequest, of a floor that is there */
	FLOOR_EV_RELEASE,	/* FloorRelease of the request we know */
	FLOOR_EV_GONE,		/* Goodbye, connection lost, section gone */
	FLOOR_EV_SLOW,		/* core did not answer in time; again each time */
	FLOOR_EV_GRANTED,	/* core */
	FLOOR_EV_DENIED,
	FLOOR_EV_RELEASED,
	FLOOR_EV_REVOKED,
	FLOOR_EVENT_COUNT
};

enum floor_do {
	FLOOR_DO_ASK = 1,	/* core: request */
	FLOOR_DO_GIVE = 2,	/* core: release */
	FLOOR_DO_WAIT = 4,	/* the device's transaction waits */
	FLOOR_DO_GRANTED = 8,	/* it is told, as the answer it waits for */
	FLOOR_DO_DENIED = 16,	/* likewise */
	FLOOR_DO_RELEASED = 32,	/* answers its FloorRelease */
	FLOOR_DO_REVOKED = 64,	/* news */
	FLOOR_DO_TOO_MANY = 128,	/* Error 8 */
	FLOOR_DO_NO_REQUEST = 256,	/* Error 7 */
	FLOOR_DO_REFUSED = 512,	/* not in this state: count it */
};

struct floor_step {
	enum floor_state next;
	unsigned todo;
};
struct floor_step floor_step(enum floor_state s, enum floor_event e);
const char *floor_state_name(enum floor_state s);
