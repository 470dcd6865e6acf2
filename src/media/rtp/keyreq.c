#include "media/rtp/keyreq.h"
#include "base/clock.h"

void keyreq_want(struct keyreq *k)
{
	k->held += k->is_wanted;
	k->is_wanted = true;
}

bool keyreq_due(struct keyreq *k, uint64_t now_ns)
{
	if (!k->is_wanted)
		return false;
	if (k->asked_ns &&
	    now_ns - k->asked_ns < KEYREQ_INTERVAL_MS * NS_PER_MS)
		return false;
	k->asked_ns = now_ns;
	k->asked++;
	return true;
}

void keyreq_got(struct keyreq *k)
{
	k->is_wanted = false;
}

void keystorm_note(struct keystorm *k, uint64_t now_ns)
{
	if (!k->since_ns ||
	    now_ns - k->since_ns >= KEYSTORM_WINDOW_S * NS_PER_S) {
		k->was_storm = k->count > KEYSTORM_MAX;
		k->count = 0;
		k->since_ns = now_ns;
	}
	k->count++;
}

bool keystorm_is(const struct keystorm *k)
{
	return k->was_storm || k->count > KEYSTORM_MAX;
}
