#include "media/transport/latch.h"

static bool may_send(struct latch *l, const struct outguard_rules *rules)
{
	l->refused = outguard_check(&l->signalled, OUTGUARD_NAMED, rules);
	return l->refused == OUTGUARD_ALLOWED &&
	       l->signalled.port >= LATCH_PORT_MIN;
}

static void signalling_set(struct latch *l, const struct addr *signalling)
{
	if (!signalling)
		return;
	l->signalling = *signalling;
	l->has_signalling = true;
}

void latch_wait(struct latch *l, const struct addr *signalling)
{
	signalling_set(l, signalling);
	if (l->signalled.port)
		l->to = l->signalled = (struct addr){.port = 0};
	l->is_nowhere = l->is_latched = false;
	l->refused = OUTGUARD_ALLOWED;
}

void latch_signalled(struct latch *l, const struct addr *signalled,
		     const struct addr *signalling,
		     const struct outguard_rules *rules)
{
	signalling_set(l, signalling);
	l->is_nowhere = signalled == NULL || signalled->port == 0;
	if (l->is_nowhere)
		return;
	l->is_latched = false;
	if (addr_eq(signalled, &l->signalled) && l->to.port)
		return;
	l->signalled = *signalled;
	l->to = (struct addr){.port = 0};
	if (may_send(l, rules))
		l->to = *signalled;
}

/* Somebody's packet came from there: is it fit to be answered? */
static bool may_latch(const struct addr *from,
		      const struct outguard_rules *rules)
{
	if (from->port < LATCH_PORT_MIN)
		return false;
	switch (outguard_check(from, OUTGUARD_NAMED, rules)) {
	case OUTGUARD_ALLOWED:
	case OUTGUARD_LOOPBACK:
	case OUTGUARD_OWN:
	case OUTGUARD_PRIVATE:
	case OUTGUARD_SPECIAL:
	case OUTGUARD_MANAGEMENT:
		return true;
	default:
		return false;
	}
}

bool latch_may_come(const struct latch *l, const struct addr *from,
		    const struct outguard_rules *rules)
{
	if (l->to.port && addr_eq(from, &l->to))
		return true;
	if (l->is_latched)
		return false;
	if ((!l->signalled.port || !addr_ip_eq(from, &l->signalled)) &&
	    (!l->has_signalling || !addr_ip_eq(from, &l->signalling)))
		return false;
	return may_latch(from, rules);
}

bool latch_came(struct latch *l, const struct addr *from)
{
	bool is_new;

	if (l->is_latched)
		return false;
	is_new = !l->to.port || !addr_eq(from, &l->to);
	l->to = *from;
	l->is_latched = true;
	return is_new;
}

const struct addr *latch_to(const struct latch *l)
{
	return l->is_nowhere || !l->to.port ? NULL : &l->to;
}

bool latch_nominated(struct latch *l, const struct addr *from,
		     const struct outguard_rules *rules)
{
	const bool is_new = !l->is_latched || !addr_eq(from, &l->to);

	if (!may_latch(from, rules))
		return false;
	l->to = *from;
	l->is_latched = true;
	return is_new;
}
