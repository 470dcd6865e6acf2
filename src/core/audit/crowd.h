/* core/audit/crowd.h - refusals that get no line of their own, summed up by
 * network.
 *
 * When more sources are refused than the log has room for, each is counted
 * here: per action in all, and per network (IPv4 /24, IPv6 /48) as long as
 * CROWD_NETS_MAX have a place. Every AUDIT_CROWD_S the sums become one line an
 * action. Memory is fixed by crowd_new() but for the map's growth; what finds
 * no place is in the totals all the same.
 *
 * Main thread only. Pure.
 */
#pragma once
#include "base/span.h"

enum {
	CROWD_NETS_MAX = 2048,		/* of all actions, between two takes */
	CROWD_ACTIONS_MAX = 24,		/* the last one is "others" */
	CROWD_TOP = 5,			/* networks that a line names */
	CROWD_TEXT_MAX = 512,
};

struct crowd;

int  crowd_new(struct crowd **out);
void crowd_free(struct crowd **c);
/* n more. `action` is a constant; source: "192.0.2.1", "2001:db8::/64", or
 * anything else, which is a network of its own. */
void crowd_add(struct crowd *c, const char *action, struct span source,
	       uint64_t n);
/* The next action's sums; false when all were taken: then it begins anew. */
bool crowd_take(struct crowd *c, const char **action,
		char text[CROWD_TEXT_MAX]);
