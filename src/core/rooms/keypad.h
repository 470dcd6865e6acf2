/* core/rooms/keypad.h - what the keys of a phone do inside a room.
 *
 * Codes are two keys: a star and a digit, or two hashes. Whoever presses the
 * second later than KEYPAD_GAP_MS after the first, or another first key,
 * begins anew; keys that begin nothing are forgotten. The codes differ so
 * that one lost key never makes another of them.
 *
 * Rights are not judged here: the action becomes a command of his (room.h),
 * with his rights. Pure.
 */
#pragma once
#include "core/rooms/room.h"

enum { KEYPAD_GAP_MS = 3000, KEYPAD_STAR = 10, KEYPAD_HASH = 11 };

enum keypad_action {
	KEYPAD_NOTHING = 0,
	KEYPAD_MUTE_GUESTS,	/* *5 and again: unmute */
	KEYPAD_MUTE_SELF,	/* *6 */
	KEYPAD_LOCK,		/* *7 */
	KEYPAD_LAYOUT,		/* *8: the next */
	KEYPAD_END,		/* ## */
	KEYPAD_COUNT
};

struct keypad {
	uint32_t first;		/* key, + 1; 0 = none is waiting */
	uint64_t first_ns;
};

/* key: 0..9, KEYPAD_STAR, KEYPAD_HASH; others are forgotten. */
enum keypad_action keypad_press(struct keypad *k, uint32_t key,
				uint64_t now_ns);
/* The command that an action means, as the room and the one who pressed are
 * now. False: none. cmd->actor is set, cmd->target points into p. */
bool keypad_command(enum keypad_action a, const struct room *r,
		    struct part *p, struct room_cmd *cmd);
