/* Prints the tables of access, rooms, participants and commands as Markdown:
 * docs/rooms.md is its output, and a test compares the two. */
#include <stdio.h>

#include "core/identity/access.h"
#include "core/rooms/floor.h"
#include "core/rooms/room_table.h"

static void head(const char *title, const char *intro)
{
	printf("\n## %s\n\n%s\n\n", title, intro);
}

static void rule(int columns)
{
	for (int i = 0; i <= columns; i++)
		printf("|---");
	printf("|\n");
}

static void print_access(void)
{
	head("What a PIN makes of a caller",
	     "Rows: the room's settings. Columns: what was entered. `ask` "
	     "prompts for a PIN and counts as no guess;\n`refuse` looks like "
	     "an unknown alias.");
	printf("| room |");
	for (int e = 0; e < ACCESS_ENTRY_COUNT; e++)
		printf(" %s |", access_entry_name((enum access_entry)e));
	printf("\n");
	rule(ACCESS_ENTRY_COUNT);
	for (int r = 0; r < ACCESS_ROOM_COUNT; r++) {
		printf("| %s |", access_room_name((enum access_room)r));
		for (int e = 0; e < ACCESS_ENTRY_COUNT; e++)
			printf(" %s |", access_outcome_name(access_cell(
				(enum access_room)r, (enum access_entry)e)));
		printf("\n");
	}
}

static void print_places(void)
{
	head("Where a newcomer stands",
	     "Also asked again when the meeting starts, is unlocked, or "
	     "stops.");
	printf("| | not started | started | not started, locked | "
	       "started, locked |\n");
	rule(4);
	for (int i = 0; i < 4; i++) {
		printf("| %s, room %s host PIN |", i & 1 ? "host" : "guest",
		       i & 2 ? "with" : "without");
		for (int k = 0; k < 4; k++) {
			const struct place_facts f = {
				.host = i & 1, .has_host_pin = i & 2,
				.started = k & 1, .locked = k & 2};

			printf(" %s |", part_state_name(part_place(&f)));
		}
		printf("\n");
	}
}

static void print_parts(void)
{
	head("A participant",
	     "`place anew` looks into the table above; `refuse` changes "
	     "nothing and is counted.");
	printf("| state |");
	for (int e = 0; e < PEV_COUNT; e++)
		printf(" %s |", part_ev_name((enum part_ev)e));
	printf("\n");
	rule(PEV_COUNT);
	for (int s = PART_STATE_COUNT - 1; s >= 0; s--) {
		printf("| %s |", part_state_name((enum part_state)s));
		for (int e = 0; e < PEV_COUNT; e++)
			printf(" %s |", part_next_name(part_cell(
				(enum part_state)s, (enum part_ev)e)));
		printf("\n");
	}
}

static void print_rooms(void)
{
	head("A meeting",
	     "The first four events are what the counts amount to after each "
	     "change: nobody, people but no meeting,\na started meeting with "
	     "a host inside, guests inside without a host.");
	printf("| state |");
	for (int e = 0; e < REV_COUNT; e++)
		printf(" %s |", room_ev_name((enum room_ev)e));
	printf("\n");
	rule(REV_COUNT);
	for (int s = 0; s < ROOM_STATE_COUNT; s++) {
		printf("| %s |", room_state_name((enum room_state)s));
		for (int e = 0; e < REV_COUNT; e++) {
			const struct room_cell c = room_cell(
				(enum room_state)s, (enum room_ev)e);

			if (c.act == RD_REFUSE)
				printf(" refuse |");
			else if (c.act == RD_NOTHING)
				printf(" → %s |", room_state_name(c.next));
			else
				printf(" %s → %s |", room_do_name(c.act),
				       room_state_name(c.next));
		}
		printf("\n");
	}
}

static void print_floor(void)
{
	head("Who presents",
	     "One floor, no queue. Barred: a guest where guests may not "
	     "present, somebody who waits or has no call. Lost: its holder "
	     "left,\nlost his call, or may no longer present.");
	printf("| floor |");
	for (int e = 0; e < FLOOR_EV_COUNT; e++)
		printf(" %s |", floor_ev_name((enum floor_ev)e));
	printf("\n");
	rule(FLOOR_EV_COUNT);
	for (int s = 0; s < FLOOR_STATE_COUNT; s++) {
		printf("| %s |", floor_state_name((enum floor_state)s));
		for (int e = 0; e < FLOOR_EV_COUNT; e++) {
			const struct floor_cell c = floor_cell(
				(enum floor_state)s, (enum floor_ev)e);

			if (c.act == FLOOR_REFUSE)
				printf(" refuse |");
			else if (c.act == FLOOR_NOTHING)
				printf(" → %s |", floor_state_name(c.next));
			else
				printf(" %s → %s |", floor_do_name(c.act),
				       floor_state_name(c.next));
		}
		printf("\n");
	}
}

static const char *mark(unsigned who, unsigned bit)
{
	return who & bit ? "yes" : "";
}

static void print_commands(void)
{
	head("Who may command what",
	     "`P` stands for `participants/<uuid>/`. Self: with the own uuid. "
	     "Waiting: also before being let in, for oneself.\nUnmuting "
	     "oneself needs `guests_can_unmute`, or the host's role.");
	printf("| request | host | self | anyone inside | waiting |\n");
	rule(4);
	for (int op = RC_NONE + 1; op < RC_COUNT; op++) {
		const unsigned w = room_op_who((enum room_op)op);

		printf("| `%s` | %s | %s | %s | %s |\n",
		       room_op_name((enum room_op)op), mark(w, WHO_HOST),
		       mark(w, WHO_SELF | WHO_SELF_UNMUTE), mark(w, WHO_ANY),
		       mark(w, WHO_WAITING));
	}
}

int main(void)
{
	printf("# Rooms: the tables\n\nPrinted by "
	       "`src/core/rooms/t/print_tables.c` from the tables that the "
	       "program runs on; `make test` compares.\n");
	print_access();
	print_places();
	print_parts();
	print_rooms();
	print_floor();
	print_commands();
	return 0;
}
