/* core/rooms/room_table.h - the two tables behind room.h.
 *
 * A cell that is REFUSE is counted and changes nothing. Pure data; the tool
 * core_tables prints them into docs/rooms.md.
 */
#pragma once
#include "core/rooms/room.h"

/* --- where a participant stands ------------------------------------------ */

enum part_ev {
	PEV_START = 0,	/* the meeting starts */
	PEV_LOCK,
	PEV_UNLOCK,
	PEV_ADMIT,	/* a host lets him in */
	PEV_PROMOTE,	/* becomes host */
	PEV_DEMOTE,	/* becomes guest */
	PEV_STOP,	/* nobody is inside any more: not started */
	PEV_LEAVE,
	PEV_COUNT
};
enum part_next {
	PN_REFUSE = 0,
	PN_STAY,
	PN_PLACE,	/* ask part_place() again */
	PN_INSIDE,
	PN_GONE,
	PN_COUNT
};
enum part_next part_cell(enum part_state s, enum part_ev ev);

/* Where someone with these rights stands now (features 3.4, 3.5). */
struct place_facts {
	bool host;
	bool has_host_pin;
	bool locked;
	bool started;
};
enum part_state part_place(const struct place_facts *f);

/* --- what the meeting is --------------------------------------------------- */

enum room_ev {
	REV_EMPTY = 0,	/* nobody is left */
	REV_LOBBY,	/* people, but no meeting: not started, or none inside */
	REV_HOSTED,	/* started and a host inside */
	REV_GUESTS,	/* guests inside, no host */
	REV_END,	/* somebody with the right to ends it */
	REV_GUESTS_TIMEOUT,
	REV_LAST_TIMEOUT,
	REV_COUNT
};
enum room_do {
	RD_REFUSE = 0,
	RD_NOTHING,
	RD_OPEN,		/* the first person came */
	RD_START_GUEST_TIMER,
	RD_STOP_GUEST_TIMER,
	RD_STOP,		/* nobody inside: back to the lobby */
	RD_FINISH,		/* remove everybody */
	RD_CLOSE,		/* nobody left: forget the meeting */
	RD_COUNT
};
struct room_cell {
	enum room_do act;
	enum room_state next;
};
struct room_cell room_cell(enum room_state s, enum room_ev ev);
/* The fact that the counts amount to. */
enum room_ev room_fact(const struct room_counts *c, bool started);

const char *part_state_name(enum part_state s);
const char *part_ev_name(enum part_ev e);
const char *part_next_name(enum part_next n);
const char *room_state_name(enum room_state s);
const char *room_ev_name(enum room_ev e);
const char *room_do_name(enum room_do d);
