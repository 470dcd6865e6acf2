#include "core/join_machine.h"

#include <stddef.h>

/* Cells hold the next state; JOIN_RECEIVED (0) is nobody's successor, so 0 is
 * an empty cell. */
#define STEP(s, next)       [JOIN_##s] = {JOIN_##next, 0, 0, JOIN_OVER}
#define ASKS(s, next, wait) [JOIN_##s] = {JOIN_##next, JOIN_##wait, 0, JOIN_OVER}
#define WAITS(s, next)      [JOIN_##s] = {0, 0, JOIN_##next, JOIN_OVER}
/* Up to what he shows for the service both ways are one. */
#define SERVICE                                                               \
	STEP(RECEIVED, LOCATION), STEP(LOCATION, SERVICE_ASK),                \
	ASKS(SERVICE_ASK, SERVICE_FIND, SERVICE_WAIT),                        \
	WAITS(SERVICE_WAIT, SERVICE_FIND),                                    \
	ASKS(SERVICE_FIND, SERVICE_SCRIPT, ROUTE_WAIT),                       \
	WAITS(ROUTE_WAIT, SERVICE_SCRIPT),                                    \
	ASKS(SERVICE_SCRIPT, PROVE, SERVICE_SCRIPT_WAIT),                     \
	WAITS(SERVICE_SCRIPT_WAIT, PROVE)
#define MEDIA                                                                 \
	ASKS(MEDIA_ASK, MEDIA_SCRIPT, MEDIA_WAIT),                            \
	WAITS(MEDIA_WAIT, MEDIA_SCRIPT),                                      \
	ASKS(MEDIA_SCRIPT, SEAT, MEDIA_SCRIPT_WAIT),                          \
	WAITS(MEDIA_SCRIPT_WAIT, SEAT)

static const unsigned char
table[JOIN_WAY_COUNT][JOIN_STATE_COUNT][JE_COUNT] = {
	[JOIN_BY_WEB] = {
		SERVICE,
		STEP(PROVE, PIN),
		[JOIN_PIN] = {JOIN_API_ASK, JOIN_TURN_WAIT, 0, JOIN_OVER, 0,
			      JOIN_LOCATION},
		WAITS(TURN_WAIT, PIN),
		ASKS(API_ASK, API_SCRIPT, API_WAIT),
		WAITS(API_WAIT, API_SCRIPT),
		ASKS(API_SCRIPT, STANDARD_ASK, API_SCRIPT_WAIT),
		WAITS(API_SCRIPT_WAIT, STANDARD_ASK),
		ASKS(STANDARD_ASK, STANDARD_SCRIPT, STANDARD_WAIT),
		WAITS(STANDARD_WAIT, STANDARD_SCRIPT),
		ASKS(STANDARD_SCRIPT, MEDIA_ASK, STANDARD_SCRIPT_WAIT),
		WAITS(STANDARD_SCRIPT_WAIT, MEDIA_ASK),
		MEDIA,
		/* Seated, he cannot be left standing: only the disk's word
		 * ends it. */
		[JOIN_SEAT] = {0, JOIN_DURABLE, 0, JOIN_OVER},
		[JOIN_DURABLE] = {0, 0, JOIN_OVER, 0},
	},
	[JOIN_BY_SIP] = {
		SERVICE,
		STEP(PROVE, STANDARD_ASK),
		ASKS(STANDARD_ASK, STANDARD_SCRIPT, STANDARD_WAIT),
		WAITS(STANDARD_WAIT, STANDARD_SCRIPT),
		ASKS(STANDARD_SCRIPT, PERSON, STANDARD_SCRIPT_WAIT),
		WAITS(STANDARD_SCRIPT_WAIT, PERSON),
		STEP(PERSON, PIN),
		[JOIN_PIN] = {JOIN_MEDIA_ASK, JOIN_TURN_WAIT, 0, JOIN_OVER,
			      JOIN_ENTRY_WAIT},
		WAITS(TURN_WAIT, PIN),
		WAITS(ENTRY_WAIT, PIN),
		MEDIA,
		[JOIN_SEAT] = {0, 0, 0, JOIN_OVER},
	},
};
#undef STEP
#undef ASKS
#undef WAITS
#undef SERVICE
#undef MEDIA

bool join_next(enum join_way w, enum join_state s, enum join_event e,
	       enum join_state *next)
{
	if (w >= JOIN_WAY_COUNT || s >= JOIN_STATE_COUNT || e >= JE_COUNT ||
	    !table[w][s][e])
		return false;
	*next = (enum join_state)table[w][s][e];
	return true;
}

bool join_is_step(enum join_state s)
{
	return s < JOIN_STATE_COUNT && !table[JOIN_BY_WEB][s][JE_READY] &&
	       !table[JOIN_BY_SIP][s][JE_READY] && s != JOIN_OVER;
}

const char *join_state_name(enum join_state s)
{
	static const char *const names[JOIN_STATE_COUNT] = {
		"received", "location", "service ask", "service wait",
		"service find", "route wait", "service script",
		"service script wait", "prove", "pin", "turn wait",
		"entry wait", "api ask",
		"api wait", "api script", "api script wait", "standard ask",
		"standard wait", "standard script", "standard script wait",
		"person",
		"media ask", "media wait", "media script",
		"media script wait", "seat", "durable", "over"};

	return s < JOIN_STATE_COUNT ? names[s] : "?";
}

const char *join_event_name(enum join_event e)
{
	static const char *const names[JE_COUNT] = {"next", "later", "ready",
						    "over", "entry",
						    "again"};

	return e < JE_COUNT ? names[e] : "?";
}
