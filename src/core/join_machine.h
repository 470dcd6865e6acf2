/* core/join_machine.h - the way of one join, as a table.
 *
 * A join is RECEIVED, finds its LOCATION, the SERVICE that the alias means,
 * passes the PIN, is asked about at the policy server as PARTICIPANT (twice,
 * as policy-api does for apps), gets its MEDIA location, takes its SEAT, and
 * is answered when the seat is DURABLE. Each of these may have to wait; what
 * it waits for is a state of its own, so a late answer that belongs to
 * another state finds an empty cell.
 *
 * There are two ways. Over the web he brings his PIN with the join and policy
 * is asked about him behind it; a SIP caller is asked about first (once), and
 * types his PIN then: the join waits for it in ENTRY_WAIT, and comes back
 * there after a wrong one. Nobody is told that a caller sits but by a call,
 * so his seat needs no disk.
 *
 * Whoever is refused walks the same way up to the PIN step as a caller of a
 * room that is there: the refusal is remembered and told at its end.
 *
 * Pure and constant.
 */
#pragma once
#include <stdbool.h>

enum join_way { JOIN_BY_WEB = 0, JOIN_BY_SIP, JOIN_WAY_COUNT };

enum join_state {
	JOIN_RECEIVED = 0,
	JOIN_LOCATION,
	JOIN_SERVICE_ASK,		/* the policy server, if there is one */
	JOIN_SERVICE_WAIT,
	JOIN_SERVICE_FIND,		/* the database: alias, then rules */
	JOIN_ROUTE_WAIT,		/* rules are matched on the pool */
	JOIN_SERVICE_SCRIPT,		/* local policy has the last word */
	JOIN_SERVICE_SCRIPT_WAIT,
	JOIN_PROVE,			/* what he shows for this service */
	JOIN_PIN,
	JOIN_TURN_WAIT,			/* in the line of a guarded room */
	JOIN_ENTRY_WAIT,		/* he types his PIN */
	JOIN_API_ASK,			/* participant, as control leg */
	JOIN_API_WAIT,
	JOIN_API_SCRIPT,
	JOIN_API_SCRIPT_WAIT,
	JOIN_STANDARD_ASK,		/* participant, as one with media */
	JOIN_STANDARD_WAIT,
	JOIN_STANDARD_SCRIPT,
	JOIN_STANDARD_SCRIPT_WAIT,
	JOIN_PERSON,			/* what policy said of a SIP caller */
	JOIN_MEDIA_ASK,			/* media location */
	JOIN_MEDIA_WAIT,
	JOIN_MEDIA_SCRIPT,
	JOIN_MEDIA_SCRIPT_WAIT,
	JOIN_SEAT,
	JOIN_DURABLE,			/* seated; the disk is awaited */
	JOIN_OVER,			/* answered, or nobody listens */
	JOIN_STATE_COUNT
};

enum join_event {
	JE_NEXT = 0,		/* the step is done */
	JE_LATER,		/* it asked somebody and waits */
	JE_READY,		/* what it waited for is there */
	JE_OVER,		/* answered, timed out, the face is gone */
	JE_ENTRY,		/* he was asked for a PIN on his line */
	JE_AGAIN,		/* a reception: from the start, by what was
				 * entered there */
	JE_COUNT
};

/* False: an empty cell, *next is not written. */
bool join_next(enum join_way w, enum join_state s, enum join_event e,
	       enum join_state *next);
/* Does entering this state do something, or does it wait? */
bool join_is_step(enum join_state s);
const char *join_state_name(enum join_state s);
const char *join_event_name(enum join_event e);
