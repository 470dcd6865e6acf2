#include "sip/sub_machine.h"

#include <stdbool.h>
#include <stdint.h>

struct cell {
	bool is_set;
	uint8_t next, todo;
};

#define X(next_, do_) {true, SUB_##next_, (do_)}
#define DO(x) SUB_DO_##x

static const struct cell cells[SUB_STATE_COUNT][SUB_EVENT_COUNT] = {
	[SUB_NONE] = {
		[SUB_EV_SUBSCRIBE] = X(PENDING, DO(ASK) | DO(ARM)),
		[SUB_EV_FETCH] = X(FETCH, DO(ASK) | DO(ARM)),
		/* of one that has just ended */
		[SUB_EV_FULL] = X(NONE, 0),
		[SUB_EV_PARTIAL] = X(NONE, 0),
		[SUB_EV_FINAL] = X(NONE, 0),
		[SUB_EV_REFUSED] = X(NONE, 0),
		[SUB_EV_MISSED] = X(NONE, 0),
	},
	[SUB_PENDING] = {
		[SUB_EV_SUBSCRIBE] = X(PENDING, DO(ARM)),
		[SUB_EV_FETCH] = X(FETCH, DO(ARM)),
		[SUB_EV_FULL] = X(ACTIVE, DO(FULL)),
		/* what changed on the way to him who knows nothing yet */
		[SUB_EV_PARTIAL] = X(PENDING, 0),
		[SUB_EV_FINAL] = X(NONE, DO(END)),
		[SUB_EV_EXPIRED] = X(NONE, DO(STOP) | DO(END)),
		[SUB_EV_REFUSED] = X(NONE, DO(STOP)),
		[SUB_EV_MISSED] = X(PENDING, 0),
	},
	[SUB_ACTIVE] = {
		[SUB_EV_SUBSCRIBE] = X(PENDING, DO(ASK) | DO(ARM)),
		[SUB_EV_FETCH] = X(FETCH, DO(ASK) | DO(ARM)),
		[SUB_EV_FULL] = X(ACTIVE, DO(FULL)),
		[SUB_EV_PARTIAL] = X(ACTIVE, DO(PARTIAL)),
		[SUB_EV_FINAL] = X(NONE, DO(END)),
		[SUB_EV_EXPIRED] = X(NONE, DO(STOP) | DO(END)),
		[SUB_EV_REFUSED] = X(NONE, DO(STOP)),
		[SUB_EV_MISSED] = X(PENDING, DO(ASK)),
	},
	[SUB_FETCH] = {
		[SUB_EV_SUBSCRIBE] = X(PENDING, DO(ARM)),
		[SUB_EV_FETCH] = X(FETCH, DO(ARM)),
		[SUB_EV_FULL] = X(NONE, DO(STOP) | DO(LAST)),
		[SUB_EV_PARTIAL] = X(FETCH, 0),
		[SUB_EV_FINAL] = X(NONE, DO(END)),
		[SUB_EV_EXPIRED] = X(NONE, DO(STOP) | DO(END)),
		[SUB_EV_REFUSED] = X(NONE, DO(STOP)),
		[SUB_EV_MISSED] = X(FETCH, 0),
	},
};

struct sub_step sub_step(enum sub_state s, enum sub_event e)
{
	const struct cell *c;

	if (s < 0 || s >= SUB_STATE_COUNT || e < 0 || e >= SUB_EVENT_COUNT)
		return (struct sub_step){SUB_NONE, SUB_DO_REFUSED};
	c = &cells[s][e];
	if (!c->is_set)
		return (struct sub_step){s, SUB_DO_REFUSED};
	return (struct sub_step){(enum sub_state)c->next, c->todo};
}
