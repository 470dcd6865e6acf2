/* core/automatic.h - whom a room calls by itself (automatic_participant).
 *
 * When the first person is inside, each row that names the room is called:
 * by a routing rule, or as the row itself says (routing=manual: over the SIP
 * proxy of its location, or by DNS), within the limits of calls out and only
 * while enable_dialout is on. Who does not answer is called again, at most
 * AUTOMATIC_TRIES times in all, AUTOMATIC_AGAIN_S apart; who hung up is not.
 * When only such are left, those decide whether the meeting goes on
 * (room_is_kept()).
 *
 * core's main thread only.
 */
#pragma once
#include "base/timer.h"
#include "core/service.h"

struct core;
struct meeting;

enum {
	AUTOMATIC_MAX = 16,		/* of one room; more are logged */
	AUTOMATIC_TRIES = 3,
	AUTOMATIC_AGAIN_S = 30,
	/* A row of its own has the limits of a rule, this many and the minutes
	 * of all of them in an hour. */
	AUTOMATIC_CALLS_PER_HOUR = 60, AUTOMATIC_MINUTES_PER_HOUR = 600,
};

/* Of a meeting. */
struct automatic {
	bool is_begun;
	struct timer again;
	size_t n;
	struct {
		int64_t row;
		uint32_t tries;
		bool came;		/* he was there once */
	} who[AUTOMATIC_MAX];
};

void automatic_init(struct meeting *m);
void automatic_release(struct meeting *m);
/* Something about its people may have changed. True: nobody was left for whose
 * sake it would go on; m is gone. */
bool automatic_look(struct meeting *m);
/* He answered. */
void automatic_came(struct meeting *m, int64_t row);
