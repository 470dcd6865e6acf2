/* core/sip_dial.h - SIP calls that we place.
 *
 * To the contacts of a registered device, or to the outside by a routing
 * rule: over its sip_proxy, or that of the location, or by DNS. Whoever asks
 * has passed the toll guard; the calls of one group ring together, the first
 * that is answered gets the seat, the others stop. Credentials of a proxy are
 * shown to its realm only.
 *
 * core's main thread only.
 */
#pragma once
#include "core/routing/rule.h"
#include "core/sip.h"
#include "core/sip_reg.h"

/* More about his seat, and what is done when he has answered. */
struct sip_dial_seat {
	int64_t automatic;		/* row of automatic_participant, or 0 */
	enum part_keeps keeps;
	char name[PART_NAME_MAX + 1];	/* "": what was called */
	char keys[SCHEMA_DTMF_MAX + 1];	/* pressed for us then */
};

struct sip_dial_ask {
	const struct rule *rule;
	const struct sip_reg *device;	/* NULL: to the outside */
	struct span target;		/* alias to call */
	struct span from, name;		/* who calls: alias, display name */
	int64_t location;		/* of who calls, 0 = none */
	const struct service *sv;	/* where the callee will sit */
	uint64_t gateway;		/* sv is this call's, 0: a room */
	uint64_t toll;			/* the group; ended with its last call */
	const char *uuid;		/* of the seat, or NULL: any */
	bool host;
	bool external;			/* the toll guard was told outside */
	bool was_redirected;		/* and is not again */
	struct span replaces;		/* header, or empty: REFER wants it */
	uint64_t referrer;		/* call that asked for it by REFER, or 0 */
	uint32_t refer_req;
	struct sip_dial_seat seat;
};
/* Its handle, 0: it cannot be placed. */
uint64_t sip_dial(struct core *c, const struct sip_dial_ask *ask);
/* Every contact of a registered device rings, or else the outside if the rule
 * leads there and the toll guard judged it as such: a device that left since
 * is no way past it. How many; `calls` gets their handles. */
size_t sip_dial_all(struct core *c, const struct sip_dial_ask *ask,
		    uint64_t *calls, size_t max);
/* Nobody waits for this one any more; one that is answered goes on. */
void sip_dial_cancel(struct core *c, uint64_t call);
/* Is such a call of this room on its way, or there? */
bool sip_dial_is_out(const struct core *c, int64_t conf, int64_t automatic);
/* The toll guard ends this group. */
void sip_dial_stop(struct core *c, uint64_t toll, const char *why);

/* --- into a room, for conclave(1) and hosts ---------------------------------- */

struct sip_invite_ask {
	int64_t conf;			/* row of a conference */
	struct span target;		/* what is to be called */
	bool host;
	const uint8_t *ip;		/* of who asks */
	uint64_t known_as;		/* whose calls these are, not 0 */
	const char *uuid;		/* of the seat, or NULL: any */
	bool was_redirected;		/* as in sip_dial_ask, all below */
	struct span replaces;
	uint64_t referrer;
	uint32_t refer_req;
	/* Of automatic participants: instead of asking the rules, or NULL. */
	const struct rule *rule;
	int64_t automatic;		/* row, or 0; what follows is its own */
	enum part_keeps keeps;
	uint32_t call_type;		/* most: CALL_VIDEO, ... */
	struct span keys, name;
};
/* One line: why not; NULL: `calls` devices ring. Once, perhaps at once. */
typedef void (*sip_invite_fn)(struct core *c, uint64_t who, const char *why,
			      unsigned calls);
/* Only by rules that match outgoing calls, within their limits. */
void sip_invite_out(struct core *c, const struct sip_invite_ask *ask,
		    uint64_t who, sip_invite_fn done);

/* --- connections for the face --------------------------------------------------- */

/* The face asks where a request goes; courier answers. */
void sip_connect(struct core *c, const Cv__SipConnect *m);
void sip_connected(struct core *c, const ProtobufCMessage *connected,
		   const int *fds, size_t n_fds);
/* courier is gone: whoever waits is told. */
void sip_connects_fail(struct core *c);
