#include "core/health.h"

#include "base/clock.h"

bool health_note(struct health *h, bool ok, uint64_t now_ns)
{
	const bool was = h->is_ill;

	h->asked_ns = now_ns;
	if (!ok) {
		h->is_ill = true;
		h->good = 0;
		h->failed_ns = now_ns;
	} else if (h->is_ill) {
		h->good++;
		h->is_ill = h->good < HEALTH_GOOD ||
			now_ns - h->failed_ns < HEALTH_CALM_S * NS_PER_S;
	}
	return h->is_ill != was;
}

bool health_tick(struct health *h, uint64_t now_ns)
{
	if (!h->is_ill || now_ns - h->asked_ns < HEALTH_QUIET_S * NS_PER_S)
		return false;
	h->is_ill = false;
	return true;
}
