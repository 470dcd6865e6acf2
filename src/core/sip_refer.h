/* core/sip_refer.h - calls that are sent elsewhere.
 *
 * REFER in the call of a device or trunk that is a host inside of a room: the
 * target is called into the room by the rules for outgoing calls, within the
 * limits of that rule and of that device. What became of it is told once.
 * Everybody else, and a call between two, is declined.
 *
 * INVITE with Replaces: a device or trunk that knows a dialog of ours takes
 * its seat. Whatever does not fit (no such dialog, not his, nothing proven)
 * is refused as an unknown alias is.
 *
 * A redirect (3xx) is followed once, if a trunk over TLS gave it to the call of
 * a room; by rules and limits again.
 *
 * core's main thread only.
 */
#pragma once
#include "core/sip.h"

struct sip_identity;
struct sip_dial_trail {
	int64_t trunk;			/* row of the proxy it went to, or 0 */
	bool was_redirected, host;
	const char *uuid;
	uint64_t referrer;		/* the call that asked for it, or 0 */
	uint32_t refer_req;
};

void sip_refer(struct core *c, const Cv__SipRefer *m);
/* The call that it asked for was taken (200), or ended with this status. */
void sip_refer_over(struct core *c, uint64_t referrer, uint32_t req,
		    uint32_t status);
/* The call whose seat this INVITE may take, or NULL. */
struct sip_call *sip_replaced(struct core *c, const Cv__SipInvite *m,
			      const struct sip_identity *id);
/* A new call, filled in, begins to take it. It may be gone afterwards. */
void sip_replace_begin(struct sip_call *call, const struct sip_call *old);
/* Its media is ready: it takes the seat. Likewise. */
void sip_replace(struct sip_call *call);
/* Is this redirect followed? Then the call itself may end. */
bool sip_follow(struct sip_call *call, const struct sip_dial_trail *t,
		const Cv__SipAnswered *m);
