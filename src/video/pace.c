#include "video/pace.h"

#include "base/clock.h"
#include "video/caps.h"

void pace_set(struct pace *p, unsigned fps, unsigned divisor)
{
	p->fps = fps;
	p->divisor = divisor;
	p->period_ns = NS_PER_S * divisor / fps;
	/* the still picture's rate is a promise */
	if (p->period_ns > VIDEO_KEEPALIVE_MS * NS_PER_MS)
		p->period_ns = VIDEO_KEEPALIVE_MS * NS_PER_MS;
}

void pace_init(struct pace *p, unsigned fps, uint64_t now_ns)
{
	pace_set(p, fps, 1);
	p->next_ns = now_ns;
	p->made_ns = now_ns;
}

uint64_t pace_due(const struct pace *p, uint64_t wanted_ns)
{
	uint64_t still = p->made_ns + VIDEO_KEEPALIVE_MS * NS_PER_MS;
	uint64_t fresh;

	if (wanted_ns == UINT64_MAX)
		return still > p->next_ns ? still : p->next_ns;
	fresh = wanted_ns > p->next_ns ? wanted_ns : p->next_ns;
	return fresh < still ? fresh : still;
}

unsigned pace_made(struct pace *p, uint64_t wanted_ns, uint64_t now_ns)
{
	uint64_t due = pace_due(p, wanted_ns);
	uint64_t late = now_ns > due ? now_ns - due : 0;

	p->made_ns = now_ns;
	/* Within one period the grid is kept, so that jitter does not add up
	 * to a lower rate. */
	if (now_ns < p->next_ns + p->period_ns)
		p->next_ns += p->period_ns;
	else
		p->next_ns = now_ns + p->period_ns;
	return (unsigned)(late / p->period_ns);
}
