#include "sip/floor_machine.h"

#include <stdint.h>

struct cell {
	bool is_set;
	uint8_t next;
	uint16_t todo;
};

#define X(next_, do_) {true, FLOOR_##next_, (do_)}
#define DO(x) FLOOR_DO_##x

static const struct cell cells[FLOOR_STATE_COUNT][FLOOR_EVENT_COUNT] = {
	[FLOOR_IDLE] = {
		[FLOOR_EV_REQUEST] = X(ASKED, DO(ASK) | DO(WAIT)),
		[FLOOR_EV_RELEASE] = X(IDLE, DO(NO_REQUEST)),
		[FLOOR_EV_GONE] = X(IDLE, 0),
	},
	[FLOOR_ASKED] = {
		[FLOOR_EV_REQUEST] = X(ASKED, DO(TOO_MANY)),
		[FLOOR_EV_RELEASE] = X(ASKED, DO(NO_REQUEST)),
		[FLOOR_EV_GONE] = X(DROPPED, 0),
		[FLOOR_EV_SLOW] = X(LEAVING, DO(DENIED) | DO(GIVE)),
		[FLOOR_EV_GRANTED] = X(HELD, DO(GRANTED)),
		[FLOOR_EV_DENIED] = X(IDLE, DO(DENIED)),
		[FLOOR_EV_RELEASED] = X(IDLE, DO(DENIED)),
	},
	[FLOOR_HELD] = {
		[FLOOR_EV_REQUEST] = X(HELD, DO(TOO_MANY)),
		[FLOOR_EV_RELEASE] = X(LEAVING, DO(GIVE) | DO(RELEASED)),
		[FLOOR_EV_GONE] = X(LEAVING, DO(GIVE)),
		[FLOOR_EV_REVOKED] = X(IDLE, DO(REVOKED)),
	},
	/* A revocation may cross a release: its answer still comes. */
	[FLOOR_LEAVING] = {
		[FLOOR_EV_REQUEST] = X(AGAIN, DO(WAIT)),
		[FLOOR_EV_RELEASE] = X(LEAVING, DO(NO_REQUEST)),
		[FLOOR_EV_GONE] = X(LEAVING, 0),
		[FLOOR_EV_SLOW] = X(LEAVING, DO(GIVE)),
		[FLOOR_EV_DENIED] = X(IDLE, 0),
		[FLOOR_EV_RELEASED] = X(IDLE, 0),
		[FLOOR_EV_REVOKED] = X(LEAVING, 0),
	},
	[FLOOR_AGAIN] = {
		[FLOOR_EV_REQUEST] = X(AGAIN, DO(TOO_MANY)),
		[FLOOR_EV_RELEASE] = X(AGAIN, DO(NO_REQUEST)),
		[FLOOR_EV_GONE] = X(LEAVING, 0),
		[FLOOR_EV_SLOW] = X(LEAVING, DO(DENIED) | DO(GIVE)),
		[FLOOR_EV_DENIED] = X(ASKED, DO(ASK)),
		[FLOOR_EV_RELEASED] = X(ASKED, DO(ASK)),
		[FLOOR_EV_REVOKED] = X(AGAIN, 0),
	},
	[FLOOR_DROPPED] = {
		[FLOOR_EV_REQUEST] = X(DROPPED, DO(TOO_MANY)),
		[FLOOR_EV_RELEASE] = X(DROPPED, DO(NO_REQUEST)),
		[FLOOR_EV_GONE] = X(DROPPED, 0),
		[FLOOR_EV_SLOW] = X(LEAVING, DO(GIVE)),
		[FLOOR_EV_GRANTED] = X(LEAVING, DO(GIVE)),
		[FLOOR_EV_DENIED] = X(IDLE, 0),
		[FLOOR_EV_RELEASED] = X(IDLE, 0),
	},
};

struct floor_step floor_step(enum floor_state s, enum floor_event e)
{
	const struct cell *c;

	if ((unsigned)s >= FLOOR_STATE_COUNT ||
	    (unsigned)e >= FLOOR_EVENT_COUNT)
		return (struct floor_step){s, FLOOR_DO_REFUSED};
	c = &cells[s][e];
	if (!c->is_set)
		return (struct floor_step){s, FLOOR_DO_REFUSED};
	return (struct floor_step){(enum floor_state)c->next, c->todo};
}

const char *floor_state_name(enum floor_state s)
{
	static const char *const names[FLOOR_STATE_COUNT] = {
		"idle", "asked", "held", "leaving", "again", "dropped"};

	return (unsigned)s < FLOOR_STATE_COUNT ? names[s] : "?";
}
