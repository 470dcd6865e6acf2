#include "super/unit.h"

#include "base/clock.h"

/* What happens to the timer when a cell is entered. */
enum timer_op {
	KEEP = 0, CLEAR, START_LIMIT, STOP_LIMIT, HEALTHY, BACKOFF, FORGIVE,
};

struct cell {
	bool known;
	uint8_t next;
	uint8_t timer;
	uint8_t todo;
};

#define GO(state, op, bits) {true, UNIT_##state, (op), (bits)}

static const struct cell table[UNIT_STATE_COUNT][UNIT_EV_COUNT] = {
	[UNIT_DOWN] = {
		[UNIT_EV_START] = GO(STARTING, START_LIMIT, UNIT_DO_SPAWN),
		[UNIT_EV_STOP] = GO(DONE, CLEAR, 0),
		[UNIT_EV_OFF] = GO(OFF, CLEAR, UNIT_DO_CLOSE),
		[UNIT_EV_ON] = GO(DOWN, KEEP, 0),
	},
	[UNIT_WAITING] = {
		[UNIT_EV_TIMER] = GO(STARTING, START_LIMIT, UNIT_DO_SPAWN),
		[UNIT_EV_CHANNEL_DOWN] = GO(WAITING, KEEP, 0),
		[UNIT_EV_STOP] = GO(DONE, CLEAR, 0),
		[UNIT_EV_OFF] = GO(OFF, CLEAR, UNIT_DO_CLOSE),
		[UNIT_EV_ON] = GO(WAITING, KEEP, 0),
	},
	[UNIT_STARTING] = {
		[UNIT_EV_TIMER] = GO(KILLED, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_READY] = GO(UP, HEALTHY, UNIT_DO_TELL_UP),
		[UNIT_EV_EXIT] = GO(WAITING, BACKOFF, UNIT_DO_TELL_DIED),
		[UNIT_EV_CHANNEL_DOWN] = GO(KILLED, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_STOP] = GO(STOPPING, STOP_LIMIT, UNIT_DO_SEND_STOP),
		[UNIT_EV_OFF] = GO(LEAVING, STOP_LIMIT,
				   UNIT_DO_SEND_STOP | UNIT_DO_CLOSE),
		[UNIT_EV_ON] = GO(STARTING, KEEP, 0),
	},
	[UNIT_UP] = {
		[UNIT_EV_TIMER] = GO(UP, FORGIVE, 0),
		[UNIT_EV_EXIT] = GO(WAITING, BACKOFF, UNIT_DO_TELL_DIED),
		[UNIT_EV_CHANNEL_DOWN] = GO(KILLED, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_STOP] = GO(STOPPING, STOP_LIMIT, UNIT_DO_SEND_STOP),
		[UNIT_EV_OFF] = GO(LEAVING, STOP_LIMIT,
				   UNIT_DO_SEND_STOP | UNIT_DO_CLOSE),
		[UNIT_EV_ON] = GO(UP, KEEP, 0),
	},
	[UNIT_KILLED] = {
		[UNIT_EV_READY] = GO(KILLED, KEEP, 0),
		[UNIT_EV_EXIT] = GO(WAITING, BACKOFF, UNIT_DO_TELL_DIED),
		[UNIT_EV_CHANNEL_DOWN] = GO(KILLED, KEEP, 0),
		[UNIT_EV_STOP] = GO(STOPPING, STOP_LIMIT, 0),
		[UNIT_EV_OFF] = GO(LEAVING, STOP_LIMIT, UNIT_DO_CLOSE),
		[UNIT_EV_ON] = GO(KILLED, KEEP, 0),
	},
	[UNIT_STOPPING] = {
		[UNIT_EV_TIMER] = GO(STOPPING, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_READY] = GO(STOPPING, KEEP, 0),
		[UNIT_EV_EXIT] = GO(DONE, CLEAR, 0),
		[UNIT_EV_CHANNEL_DOWN] = GO(STOPPING, KEEP, 0),
		[UNIT_EV_STOP] = GO(STOPPING, KEEP, 0),
		[UNIT_EV_OFF] = GO(STOPPING, KEEP, 0),
		[UNIT_EV_ON] = GO(STOPPING, KEEP, 0),
	},
	[UNIT_DONE] = {
		[UNIT_EV_CHANNEL_DOWN] = GO(DONE, KEEP, 0),
		[UNIT_EV_STOP] = GO(DONE, KEEP, 0),
		[UNIT_EV_OFF] = GO(DONE, KEEP, 0),
		[UNIT_EV_ON] = GO(DONE, KEEP, 0),
	},
	[UNIT_LEAVING] = {
		[UNIT_EV_TIMER] = GO(LEAVING, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_READY] = GO(LEAVING, KEEP, 0),
		[UNIT_EV_EXIT] = GO(OFF, FORGIVE, 0),
		[UNIT_EV_CHANNEL_DOWN] = GO(LEAVING, KEEP, 0),
		[UNIT_EV_STOP] = GO(STOPPING, STOP_LIMIT, 0),
		[UNIT_EV_OFF] = GO(LEAVING, KEEP, 0),
		[UNIT_EV_ON] = GO(RETURNING, KEEP, 0),
	},
	[UNIT_OFF] = {
		[UNIT_EV_CHANNEL_DOWN] = GO(OFF, KEEP, 0),
		[UNIT_EV_STOP] = GO(DONE, CLEAR, 0),
		[UNIT_EV_OFF] = GO(OFF, KEEP, 0),
		[UNIT_EV_ON] = GO(STARTING, START_LIMIT, UNIT_DO_SPAWN),
	},
	[UNIT_RETURNING] = {
		[UNIT_EV_TIMER] = GO(RETURNING, CLEAR, UNIT_DO_KILL),
		[UNIT_EV_READY] = GO(RETURNING, KEEP, 0),
		[UNIT_EV_EXIT] = GO(STARTING, START_LIMIT, UNIT_DO_SPAWN),
		[UNIT_EV_CHANNEL_DOWN] = GO(RETURNING, KEEP, 0),
		[UNIT_EV_STOP] = GO(STOPPING, STOP_LIMIT, 0),
		[UNIT_EV_OFF] = GO(LEAVING, KEEP, 0),
		[UNIT_EV_ON] = GO(RETURNING, KEEP, 0),
	},
};

static uint32_t backoff_ms(unsigned deaths)
{
	uint32_t ms = UNIT_BACKOFF_FIRST_MS;

	if (deaths <= 1)
		return 0;
	while (--deaths > 1 && ms < UNIT_BACKOFF_MAX_MS)
		ms *= 2;
	return ms < UNIT_BACKOFF_MAX_MS ? ms : UNIT_BACKOFF_MAX_MS;
}

static void set_timer(struct unit *u, enum timer_op op, uint64_t now_ns)
{
	switch (op) {
	case KEEP:
		break;
	case CLEAR:
		u->due_ns = 0;
		break;
	case START_LIMIT:
		u->due_ns = now_ns + UNIT_START_S * NS_PER_S;
		break;
	case STOP_LIMIT:
		u->due_ns = now_ns + UNIT_STOP_S * NS_PER_S;
		break;
	case HEALTHY:
		u->due_ns = now_ns + UNIT_HEALTHY_S * NS_PER_S;
		break;
	case BACKOFF:
		u->deaths++;
		u->restart_ms = backoff_ms(u->deaths);
		u->due_ns = now_ns + u->restart_ms * NS_PER_MS;
		break;
	case FORGIVE:
		u->deaths = 0;
		u->due_ns = 0;
		break;
	}
}

unsigned unit_event(struct unit *u, enum unit_ev ev, uint64_t now_ns)
{
	const struct cell *c = &table[u->state][ev];

	if (!c->known) {
		u->refused++;
		return UNIT_REFUSED;
	}
	u->state = (enum unit_state)c->next;
	set_timer(u, (enum timer_op)c->timer, now_ns);
	return c->todo;
}

const char *unit_state_name(enum unit_state s)
{
	static const char *const names[UNIT_STATE_COUNT] = {
		"down", "waiting", "starting", "up", "killed", "stopping",
		"done", "leaving", "off", "returning",
	};

	return s < UNIT_STATE_COUNT ? names[s] : "?";
}
