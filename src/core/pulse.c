#include "core/pulse.h"

#include "base/clock.h"

enum { US_PER_S = 1000000 };

static enum pulse_what look(struct pulse *p, uint64_t mono_ns, int64_t wall_us)
{
	const int64_t by = (int64_t)((mono_ns - p->mono_ns) / NS_PER_US);
	const int64_t off = wall_us - p->wall_us - by;

	if (off > PULSE_LEAP_S * US_PER_S || off < -PULSE_LEAP_S * US_PER_S) {
		p->leap_s = off / US_PER_S;
		return PULSE_LEAPT;
	}
	if (by > PULSE_STOP_S * US_PER_S) {
		p->stop_s = (uint32_t)(by / US_PER_S);
		return PULSE_STOPPED;
	}
	return PULSE_FINE;
}

enum pulse_what pulse_feed(struct pulse *p, uint64_t mono_ns, int64_t wall_us)
{
	const enum pulse_what w = p->mono_ns ? look(p, mono_ns, wall_us) :
				  PULSE_FINE;

	p->mono_ns = mono_ns;
	p->wall_us = wall_us;
	if (w != PULSE_FINE)
		p->told_ns = mono_ns;
	return w;
}

int pulse_is_irregular(const struct pulse *p, uint64_t mono_ns)
{
	return p->told_ns &&
	       mono_ns < p->told_ns + PULSE_HOLD_S * NS_PER_S;
}
