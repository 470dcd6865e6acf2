/* media/transport/latch.h - where a leg without ICE is sent to, and from where
 * its packets may come (symmetric RTP, bounded).
 *
 * The peer's signalling names an address. We send there at once, if the
 * outbound guard allows it and the port is 1024 or more. Its packets may come
 * from any port of that IP or of the IP its signalling came from, because
 * translators and relays change ports. The first of them that proves itself
 * (on a clear leg: any RTP) latches: from then on we send there, and nothing
 * from elsewhere is taken, until the peer's next offer or answer. Whatever the
 * guard refused to be named may still latch, as an answer on the flow that a
 * packet came by, but never metadata, multicast, broadcast, link-local or
 * reserved addresses, and no port below 1024.
 *
 * Pure; embedded by its owner; zeroed memory is "nowhere".
 */
#pragma once
#include "base/outguard.h"

enum { LATCH_PORT_MIN = 1024 };

struct latch {
	struct addr signalled;		/* port 0 = never */
	struct addr signalling;		/* only its IP counts */
	struct addr to;			/* port 0 = nowhere yet */
	bool has_signalling;
	bool is_nowhere;		/* now: hold */
	bool is_latched;
	enum outguard_reason refused;	/* why not to the signalled address */
};

/* The peer's offer or answer. `signalled` NULL: nowhere (hold); the rest stays
 * for the resume. The same address as before keeps the target and lets it
 * latch once more; another one begins anew. `signalling` NULL: unknown. */
void latch_signalled(struct latch *l, const struct addr *signalled,
		     const struct addr *signalling,
		     const struct outguard_rules *rules);
/* The peer wants to be sent to and names no address (one that his face kept
 * back, because it lies behind a translator): the first packet from where his
 * signalling comes from will tell. What latched before goes on meanwhile. */
void latch_wait(struct latch *l, const struct addr *signalling);
/* Is a packet from there worth looking at? */
bool latch_may_come(const struct latch *l, const struct addr *from,
		    const struct outguard_rules *rules);
/* A packet from there, which may come, proved itself. True when the target
 * changed by it. */
bool latch_came(struct latch *l, const struct addr *from);
/* ICE proved that address (RFC 8445): it is the one now, whatever was latched
 * before. False when it may not be, or when it was already. */
bool latch_nominated(struct latch *l, const struct addr *from,
		     const struct outguard_rules *rules);
/* NULL = nowhere. */
const struct addr *latch_to(const struct latch *l);
