/* media/rtp/pacer.h - spreads the packets of a picture, so that a keyframe
 * does not overrun a narrow link. A bucket that fills at PACER_FACTOR tenths of
 * the estimate. Plain struct, monotonic ns. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

enum {
	PACER_STEP_MS = 5,
	PACER_FACTOR_TENTHS = 25,
	PACER_BURST_BYTES = 6000,	/* goes out at once */
	PACER_BACKLOG_MS = 600,		/* more is waiting: skip pictures */
};

struct pacer {
	uint64_t last_ns;
	int64_t tokens;			/* bytes; may be a little below 0 */
};

void pacer_fill(struct pacer *p, uint32_t kbps, uint64_t now_ns);
bool pacer_may_send(const struct pacer *p);
void pacer_sent(struct pacer *p, size_t bytes);
/* Would `bytes` more wait longer than PACER_BACKLOG_MS? */
bool pacer_is_late(uint32_t kbps, size_t waiting_bytes);
