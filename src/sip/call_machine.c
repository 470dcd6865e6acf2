#include "sip/call_machine.h"

#include <stdint.h>

struct cell {
	bool is_set;
	uint8_t next;
	uint32_t todo;
};

#define X(next_, do_) {true, CALL_##next_, (do_)}
#define DO(x) CALL_DO_##x

static const struct cell cells[CALL_STATE_COUNT][CALL_EVENT_COUNT] = {
	[CALL_ASKED] = {
		[CALL_EV_CHALLENGE] = X(OVER, DO(CHALLENGE)),
		[CALL_EV_REFUSE] = X(OVER, DO(REFUSE) | DO(ENDED)),
		[CALL_EV_RING] = X(RINGING, DO(RING)),
		[CALL_EV_ANSWER] = X(ANSWERED, DO(ANSWER)),
		[CALL_EV_REDIRECT] = X(OVER, DO(REDIRECT) | DO(ENDED)),
		[CALL_EV_HANGUP] = X(OVER, DO(UNAVAILABLE) | DO(ENDED)),
		[CALL_EV_CANCEL] = X(OVER, DO(TERMINATED) | DO(ENDED)),
		[CALL_EV_BYE] = X(OVER, DO(TERMINATED) | DO(ENDED)),
		[CALL_EV_TIMEOUT] = X(OVER, DO(UNAVAILABLE) | DO(ENDED)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	[CALL_RINGING] = {
		[CALL_EV_REFUSE] = X(OVER, DO(REFUSE) | DO(ENDED)),
		[CALL_EV_RING] = X(RINGING, 0),
		[CALL_EV_ANSWER] = X(ANSWERED, DO(ANSWER)),
		[CALL_EV_REDIRECT] = X(OVER, DO(REDIRECT) | DO(ENDED)),
		[CALL_EV_HANGUP] = X(OVER, DO(UNAVAILABLE) | DO(ENDED)),
		[CALL_EV_CANCEL] = X(OVER, DO(TERMINATED) | DO(ENDED)),
		[CALL_EV_BYE] = X(OVER, DO(TERMINATED) | DO(ENDED)),
		[CALL_EV_NO_ACK] = X(OVER, DO(UNAVAILABLE) | DO(ENDED)),
		[CALL_EV_TIMEOUT] = X(OVER, DO(UNAVAILABLE) | DO(ENDED)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	/* RFC 3261 15: no BYE of ours before the ACK, or before it is clear
	 * that none comes. A CANCEL is too late, a challenge too. */
	[CALL_ANSWERED] = {
		[CALL_EV_HANGUP] = X(ANSWERED, DO(LATER)),
		[CALL_EV_CANCEL] = X(ANSWERED, 0),
		[CALL_EV_ACK] = X(UP, DO(UP)),
		[CALL_EV_BYE] = X(OVER, DO(ENDED)),
		[CALL_EV_NO_ACK] = X(OVER, DO(BYE) | DO(ENDED)),
		[CALL_EV_EXPIRED] = X(OVER, DO(BYE) | DO(ENDED)),
		[CALL_EV_TIMEOUT] = X(ANSWERED, 0),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	[CALL_UP] = {
		[CALL_EV_HANGUP] = X(OVER, DO(BYE) | DO(ENDED)),
		[CALL_EV_CANCEL] = X(UP, 0),
		[CALL_EV_ACK] = X(UP, 0),
		[CALL_EV_BYE] = X(OVER, DO(ENDED)),
		[CALL_EV_NO_ACK] = X(OVER, DO(BYE) | DO(ENDED)),
		[CALL_EV_EXPIRED] = X(OVER, DO(BYE) | DO(ENDED)),
		/* of a transaction that has done its work */
		[CALL_EV_TIMEOUT] = X(UP, 0),
		[CALL_EV_UNSENT] = X(UP, 0),
		[CALL_EV_1XX] = X(UP, 0),
		[CALL_EV_2XX] = X(UP, DO(ACK_BYE)),	/* another fork */
	},
	[CALL_DIALING] = {
		[CALL_EV_HANGUP] = X(OVER, DO(ENDED)),
		[CALL_EV_CONNECTED] = X(CALLING, DO(INVITE)),
		[CALL_EV_NEXT] = X(DIALING, DO(CONNECT)),
		[CALL_EV_TIMEOUT] = X(OVER, DO(ENDED)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	/* RFC 3261 9.1: no CANCEL before a provisional answer. */
	[CALL_CALLING] = {
		[CALL_EV_HANGUP] = X(CANCELLING, 0),
		[CALL_EV_1XX] = X(EARLY, DO(PROGRESS)),
		[CALL_EV_2XX] = X(UP, DO(ACCEPTED)),
		[CALL_EV_REJECTED] = X(OVER, DO(REJECTED)),
		[CALL_EV_AGAIN] = X(CALLING, DO(INVITE)),
		[CALL_EV_NEXT] = X(DIALING, DO(CONNECT)),
		[CALL_EV_TIMEOUT] = X(OVER, DO(ENDED)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	[CALL_EARLY] = {
		[CALL_EV_HANGUP] = X(CANCELLING, DO(CANCEL)),
		[CALL_EV_1XX] = X(EARLY, DO(PROGRESS)),
		[CALL_EV_2XX] = X(UP, DO(ACCEPTED)),
		[CALL_EV_REJECTED] = X(OVER, DO(REJECTED)),
		[CALL_EV_AGAIN] = X(CALLING, DO(INVITE)),
		[CALL_EV_BYE] = X(OVER, DO(ENDED)),
		[CALL_EV_TIMEOUT] = X(CANCELLING, DO(CANCEL)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
	[CALL_CANCELLING] = {
		[CALL_EV_HANGUP] = X(CANCELLING, 0),
		[CALL_EV_1XX] = X(CANCELLING, DO(CANCEL)),
		[CALL_EV_2XX] = X(OVER, DO(ACK_BYE) | DO(ENDED)),
		[CALL_EV_REJECTED] = X(OVER, DO(ENDED)),
		[CALL_EV_AGAIN] = X(OVER, DO(ENDED)),
		[CALL_EV_BYE] = X(OVER, DO(ENDED)),
		[CALL_EV_TIMEOUT] = X(OVER, DO(ENDED)),
		[CALL_EV_UNSENT] = X(OVER, DO(ENDED)),
	},
};

struct call_step call_step(enum call_state s, enum call_event e)
{
	const struct cell *c;

	if (s < 0 || s >= CALL_STATE_COUNT || e < 0 || e >= CALL_EVENT_COUNT)
		return (struct call_step){CALL_OVER, CALL_DO_REFUSED};
	c = &cells[s][e];
	if (!c->is_set)
		return (struct call_step){s, CALL_DO_REFUSED};
	return (struct call_step){(enum call_state)c->next, c->todo};
}

const char *call_state_name(enum call_state s)
{
	static const char *const names[CALL_STATE_COUNT] = {
		"asked", "ringing", "answered", "up", "dialing", "calling",
		"early", "cancelling", "over",
	};

	return s >= 0 && s < CALL_STATE_COUNT ? names[s] : "?";
}
