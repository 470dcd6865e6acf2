/* super/unit.h - when one role is started, killed and started again.
 *
 * A table of states and events; time is an argument, effects are the bits it
 * returns. After a death the role comes back at once, then after 100 ms,
 * doubling up to 10 s; UNIT_HEALTHY_S of service clear the count. A role that
 * a switch turned off ends in order and has no process until it is turned on;
 * turned on before its process has gone, it starts when that has.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	UNIT_START_S = 35,		/* Ready must come within */
	UNIT_STOP_S = 3,		/* exit after STOP must come within */
	UNIT_HEALTHY_S = 60,
	UNIT_BACKOFF_FIRST_MS = 100,
	UNIT_BACKOFF_MAX_MS = 10000,
};

enum unit_state {
	UNIT_DOWN = 0,		/* not started yet */
	UNIT_WAITING,		/* back-off */
	UNIT_STARTING,		/* process made, not Ready */
	UNIT_UP,
	UNIT_KILLED,		/* SIGKILL sent, exit not seen */
	UNIT_STOPPING,		/* orderly end */
	UNIT_DONE,		/* never started again */
	UNIT_LEAVING,		/* turned off, exit not seen */
	UNIT_OFF,
	UNIT_RETURNING,		/* turned on again, exit not seen */
	UNIT_STATE_COUNT
};

enum unit_ev {
	UNIT_EV_START = 0,
	UNIT_EV_TIMER,		/* due_ns has come */
	UNIT_EV_READY,
	UNIT_EV_EXIT,		/* the process was reaped, or could not be made */
	UNIT_EV_CHANNEL_DOWN,
	UNIT_EV_STOP,
	UNIT_EV_OFF,		/* a switch turned the role off */
	UNIT_EV_ON,
	UNIT_EV_COUNT
};

enum {				/* what the caller does, in this order */
	UNIT_DO_KILL = 1,
	UNIT_DO_SEND_STOP = 2,
	UNIT_DO_TELL_DIED = 4,
	UNIT_DO_TELL_UP = 8,
	UNIT_DO_SPAWN = 16,
	UNIT_REFUSED = 32,	/* the event does not belong here; counted */
	UNIT_DO_CLOSE = 64,	/* the role's listening sockets */
};

struct unit {
	enum unit_state state;
	unsigned deaths;	/* since the last healthy time */
	uint64_t due_ns;	/* 0: no timer */
	uint32_t restart_ms;	/* of the last death */
	uint64_t refused;
};

/* Returns UNIT_DO_* bits. The caller arms its timer by u->due_ns afterwards. */
unsigned unit_event(struct unit *u, enum unit_ev ev, uint64_t now_ns);
const char *unit_state_name(enum unit_state s);
