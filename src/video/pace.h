/* video/pace.h - when a group makes its next picture.
 *
 * Pictures stand on a grid of 1/fps. A picture is made when something is to be
 * shown; a still one is repeated every VIDEO_KEEPALIVE_MS. Who comes late does
 * not make up for it: the grid starts anew, the lost periods are returned.
 * Pure; monotonic nanoseconds.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t period_ns;
	uint64_t next_ns;	/* no picture before this */
	uint64_t made_ns;	/* the last one */
	unsigned fps, divisor;
};

void pace_init(struct pace *p, unsigned fps, uint64_t now_ns);
/* Every divisor-th picture only, for overload. */
void pace_set(struct pace *p, unsigned fps, unsigned divisor);
/* When the next picture is to be made. `wanted_ns`: since when there is
 * something new to show, UINT64_MAX for nothing. */
uint64_t pace_due(const struct pace *p, uint64_t wanted_ns);
/* A picture is made now. Returns how many periods were missed. */
unsigned pace_made(struct pace *p, uint64_t wanted_ns, uint64_t now_ns);
