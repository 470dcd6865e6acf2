#include "core/rooms/room_table.h"

/* Columns: START LOCK UNLOCK ADMIT PROMOTE DEMOTE STOP LEAVE */
static const enum part_next parts[PART_STATE_COUNT][PEV_COUNT] = {
	[PART_GONE]	 = {PN_REFUSE, PN_REFUSE, PN_REFUSE, PN_REFUSE,
			    PN_REFUSE, PN_REFUSE, PN_REFUSE, PN_REFUSE},
	[PART_WAIT_HOST] = {PN_PLACE, PN_STAY, PN_STAY, PN_INSIDE,
			    PN_INSIDE, PN_REFUSE, PN_STAY, PN_GONE},
	[PART_WAIT_LOCK] = {PN_STAY, PN_STAY, PN_PLACE, PN_INSIDE,
			    PN_INSIDE, PN_STAY, PN_PLACE, PN_GONE},
	[PART_INSIDE]	 = {PN_STAY, PN_STAY, PN_STAY, PN_STAY,
			    PN_STAY, PN_STAY, PN_REFUSE, PN_GONE},
};

#define C(a, n) {RD_##a, ROOM_##n}
/* Columns: EMPTY LOBBY HOSTED GUESTS END GUESTS_TIMEOUT LAST_TIMEOUT */
static const struct room_cell rooms[ROOM_STATE_COUNT][REV_COUNT] = {
	[ROOM_IDLE] = {
		C(NOTHING, IDLE), C(OPEN, LOBBY), C(OPEN, HOSTED),
		C(REFUSE, IDLE), C(REFUSE, IDLE), C(REFUSE, IDLE),
		C(REFUSE, IDLE)},
	[ROOM_LOBBY] = {
		C(CLOSE, IDLE), C(NOTHING, LOBBY), C(NOTHING, HOSTED),
		C(START_GUEST_TIMER, GUESTS_ONLY), C(FINISH, ENDING),
		C(REFUSE, LOBBY), C(FINISH, ENDING)},
	[ROOM_HOSTED] = {
		C(CLOSE, IDLE), C(STOP, LOBBY), C(NOTHING, HOSTED),
		C(START_GUEST_TIMER, GUESTS_ONLY), C(FINISH, ENDING),
		C(REFUSE, HOSTED), C(FINISH, ENDING)},
	[ROOM_GUESTS_ONLY] = {
		C(CLOSE, IDLE), C(STOP, LOBBY), C(STOP_GUEST_TIMER, HOSTED),
		C(NOTHING, GUESTS_ONLY), C(FINISH, ENDING),
		C(FINISH, ENDING), C(FINISH, ENDING)},
	/* Whoever is still listed is being removed. */
	[ROOM_ENDING] = {
		C(CLOSE, IDLE), C(NOTHING, ENDING), C(NOTHING, ENDING),
		C(NOTHING, ENDING), C(NOTHING, ENDING), C(REFUSE, ENDING),
		C(REFUSE, ENDING)},
};
#undef C

enum part_next part_cell(enum part_state s, enum part_ev ev)
{
	return s < PART_STATE_COUNT && ev < PEV_COUNT ? parts[s][ev] :
		PN_REFUSE;
}

struct room_cell room_cell(enum room_state s, enum room_ev ev)
{
	return s < ROOM_STATE_COUNT && ev < REV_COUNT ? rooms[s][ev] :
		(struct room_cell){RD_REFUSE, ROOM_IDLE};
}

enum part_state part_place(const struct place_facts *f)
{
	if (f->host)
		return f->locked && !f->has_host_pin ? PART_WAIT_LOCK :
			PART_INSIDE;
	if (!f->started)
		return PART_WAIT_HOST;
	return f->locked ? PART_WAIT_LOCK : PART_INSIDE;
}

enum room_ev room_fact(const struct room_counts *c, bool started)
{
	if (c->hosts)
		return started ? REV_HOSTED : REV_LOBBY;
	if (c->guests)
		return REV_GUESTS;
	return c->waiting ? REV_LOBBY : REV_EMPTY;
}

#define NAME(fn, type, count, ...)                                            \
	const char *fn(enum type v)                                           \
	{                                                                     \
		static const char *const names[count] = {__VA_ARGS__};        \
		return (unsigned)v < (count) ? names[v] : "?";                \
	}
NAME(part_state_name, part_state, PART_STATE_COUNT,
     "gone", "waiting for host", "waiting at the lock", "inside")
NAME(part_ev_name, part_ev, PEV_COUNT, "start", "lock", "unlock", "admit",
     "promote", "demote", "stop", "leave")
NAME(part_next_name, part_next, PN_COUNT, "refuse", "stay", "place anew",
     "inside", "gone")
NAME(room_state_name, room_state, ROOM_STATE_COUNT, "idle", "lobby", "hosted",
     "guests only", "ending")
NAME(room_ev_name, room_ev, REV_COUNT, "empty", "lobby", "hosted", "guests",
     "end", "guests timeout", "last timeout")
NAME(room_do_name, room_do, RD_COUNT, "refuse", "nothing", "open",
     "start guest timer", "stop guest timer", "stop", "finish", "close")
