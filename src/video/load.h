/* video/load.h - lowers the frame rate before the worker falls behind.
 *
 * Counts CPU time and missed frame periods over windows of a second. Missed
 * periods or a full core raise the level, three calm windows lower it; each
 * level divides the frame rate of every group. Pure; the caller has the
 * clocks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LOAD_LEVELS = 4, LOAD_WINDOW_MS = 1000, LOAD_MISSED_MAX = 3,
       LOAD_FULL_PERMILLE = 930, LOAD_CALM_PERMILLE = 800,
       LOAD_CALM_WINDOWS = 3 };

struct load {
	uint64_t begin_ns, begin_cpu_ns;
	unsigned missed, level, calm;
	unsigned permille;		/* of the last window */
};

void load_init(struct load *l, uint64_t now_ns, uint64_t cpu_ns);
void load_missed(struct load *l, unsigned periods);
/* True when a window closed; the level may have changed. */
bool load_turn(struct load *l, uint64_t now_ns, uint64_t cpu_ns);
unsigned load_divisor(const struct load *l);
