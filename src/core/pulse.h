/* core/pulse.h - did the wall clock leap, did the machine stand still?
 *
 * Fed once a second with both clocks. Nothing waits for the wall clock, so a
 * leap changes no timer; who reads the log must know of it. Pure.
 */
#pragma once
#include <stdint.h>

enum { PULSE_LEAP_S = 2, PULSE_STOP_S = 5, PULSE_HOLD_S = 600 };

enum pulse_what { PULSE_FINE = 0, PULSE_LEAPT, PULSE_STOPPED };

struct pulse {			/* starts as zero */
	uint64_t mono_ns, told_ns;
	int64_t wall_us;
	int64_t leap_s;		/* of the last leap */
	uint32_t stop_s;	/* of the last stop */
};

/* What happened since the last call; PULSE_FINE also while nothing is new. */
enum pulse_what pulse_feed(struct pulse *p, uint64_t mono_ns, int64_t wall_us);
/* Something happened, and PULSE_HOLD_S have not gone by since. */
int pulse_is_irregular(const struct pulse *p, uint64_t mono_ns);
