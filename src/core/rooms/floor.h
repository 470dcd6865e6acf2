/* core/rooms/floor.h - who presents: the floor of a meeting as a table.
 *
 * One floor, one presenter, no queue. Free, whoever may present takes it: a
 * host, or a guest where guests_can_present says so. Held, a host takes it over
 * and its holder is told; a guest is refused. It is free again when its holder
 * lets go of it, leaves, loses his call, has to wait again, or may no longer
 * present. Whoever does not hold it and lets go of it changes nothing: clients
 * say so late, after somebody else took over.
 *
 * Rows of people (struct part) and of faces come through room_command() with
 * RC_P_TAKE_FLOOR and RC_P_RELEASE_FLOOR, browsers and SIP devices alike: RR_OK
 * granted or let go, RR_REFUSED may not, RR_BUSY asks too often. What changed
 * comes out as ACT_FLOOR. Pure; the tool print_tables prints the table.
 */
#pragma once

enum floor_state { FLOOR_FREE = 0, FLOOR_HELD, FLOOR_STATE_COUNT };

enum floor_ev {
	FLOOR_EV_TAKE_HOST = 0,	/* a host who does not hold it wants it */
	FLOOR_EV_TAKE_GUEST,	/* likewise a guest, who may present */
	FLOOR_EV_TAKE_BARRED,	/* likewise, who may not, or has no call */
	FLOOR_EV_TAKE_AGAIN,	/* its holder wants it */
	FLOOR_EV_RELEASE,	/* its holder lets go */
	FLOOR_EV_RELEASE_LATE,	/* somebody else does */
	FLOOR_EV_LOST,		/* its holder went, or lost call or right */
	FLOOR_EV_COUNT
};

enum floor_do {
	FLOOR_REFUSE = 0,	/* counted, changes nothing */
	FLOOR_NOTHING,		/* as wished already */
	FLOOR_GRANT,
	FLOOR_TAKE_OVER,	/* the holder loses it, the other has it */
	FLOOR_RELEASE,
	FLOOR_DO_COUNT
};

struct floor_cell {
	enum floor_do act;
	enum floor_state next;
};
struct floor_cell floor_cell(enum floor_state s, enum floor_ev ev);

const char *floor_state_name(enum floor_state s);
const char *floor_ev_name(enum floor_ev e);
const char *floor_do_name(enum floor_do d);
