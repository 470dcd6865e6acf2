/* core/sip.h - SIP calls: what the face `sip` hears, and what becomes of it.
 *
 * The face parses and keeps dialogs; here it is decided who a caller is, what
 * he may have, and where his media goes. A call is one struct sip_call, known
 * to the face by the face's number, to the rest of core by a handle (never 0,
 * stale ones find nothing). Its life is the table of sip_machine.h; the way
 * to a seat is the join pipeline, which it shares with the web.
 *
 * WHO HE IS. A device: a digest on this request, or on the connection on
 * which this device registered. A trunk: a client certificate that bears the
 * name of a sip_proxy which accepts calls. Nothing else: not From, not an
 * address. Everybody else is a stranger: where the location has sip_guests
 * off he gets a challenge, whatever he dials; where it is on he is led like
 * somebody at the web face, up to a number of calls from one source.
 *
 * MEDIA. While he types a PIN his leg is in the lobby: one media room of each
 * worker, in which nobody is admitted and so nobody hears anybody. The worker
 * is the one where the meeting is, or will be: whoever waits for a room draws
 * its meeting to his worker. From there the leg moves into the room. A worker
 * that dies takes the legs with it: the face gets a new offer to send.
 *
 * core's main thread only. Nothing of a call outlives core: the face sees the
 * end of its link and ends the dialogs.
 */
#pragma once
#include "core/core.h"
#include "sip.pb-c.h"

struct join;
struct sip;
struct sip_call;

enum {
	SIP_CALLS_MAX = 4096,
	SIP_MEDIA_WAIT_S = 5,		/* media's answer */
	SIP_REOFFER_WAIT_S = 20,	/* a worker, and the other side's word */
	SIP_KEY_EVERY_S = 2,		/* whole pictures, of one call */
	SIP_DIGIT_WAIT_S = 5,		/* after a digit: that was all */
	SIP_RING_S = 50,		/* media keeps the caller's leg for 60 */
	SIP_CONNECTS_MAX = 512,		/* on their way through courier */
	SIP_INVITES_MAX = 256,		/* calls out that rules are asked for */
	SIP_REFUSALS_MAX = 256,		/* that conclave sip shows */
};

int  sip_open(struct core *c);
void sip_close(struct core *c);
/* --- the link --------------------------------------------------------- */
void sip_up(struct core *c);
void sip_down(struct core *c);
/* `fds` stay the caller's. */
void sip_message(struct core *c, enum ipc_type type,
		 const ProtobufCMessage *msg);
/* NULL: it is not there. */
struct ipc_chan *sip_chan(const struct core *c);

/* --- from the join pipeline -------------------------------------------- */

/* What becomes of it takes effect in sip_join_stepped(), when the join has
 * come to rest. */
/* may_hash: a # alone is an answer, too: guests need no PIN. */
void sip_join_ask(const struct join *j, bool wrong, bool may_hash);
/* He is at a reception: it asks him whom to call. The join ends. */
void sip_join_reception(const struct join *j);
void sip_join_over(const struct join *j, Cv__JoinOutcome outcome);
void sip_join_stepped(struct core *c, uint64_t call);

/* --- from the room ------------------------------------------------------ */

/* He is told why before he goes; NULL: he goes by himself. */
void sip_member_told(struct member *mb, const char *reason);
/* His seat is being freed: the call ends. */
void sip_member_gone(struct member *mb);
/* Whom he called did not take it: the final answer says so. */
void sip_member_status(struct member *mb, uint32_t status);
/* Whom he called has answered. */
void sip_member_connected(struct member *mb);
/* He waits, or is inside now. */
void sip_member_flags(struct member *mb);

/* Somebody else presents, or nobody; `old` did until now, or NULL. */
void sip_floor_passed(struct meeting *m, const struct part *old);
/* What he is shown of presentations changed, or can be. */
void sip_floor_shown(struct member *mb);

/* --- from media --------------------------------------------------------- */

/* False: no leg of ours. */
bool sip_leg_answer(struct worker *wk, const Cv__LegAnswer *a);
bool sip_leg_state(struct worker *wk, const Cv__LegState *s);
void sip_leg_dtmf(struct worker *wk, const Cv__LegDtmf *d);
void sip_leg_played(struct worker *wk, const Cv__LegPlayed *p);
/* Legs of calls that have no seat: which of them a new media link keeps. */
size_t sip_legs_kept(struct worker *wk, const Cv__LegReport *r,
		     uint64_t *keep, size_t max);
/* The worker lost every leg of ours that it had. */
void sip_worker_dead(struct worker *wk);
/* A worker is ready: what it has no more is lost, and whoever waits for one
 * is served. */
void sip_worker_reconciled(struct worker *wk, const Cv__LegReport *r);
/* Its next picture must be a whole one. */
void sip_leg_want_key(struct worker *wk, uint64_t leg);
/* A datagram of BFCP from its leg. */
void sip_leg_bfcp(struct worker *wk, const Cv__LegBfcp *m);
/* The worker where somebody already waits for this service; -1. */
int  sip_worker_of(const struct core *c, int64_t conf);
uint32_t sip_legs_on(const struct core *c, int worker);

/* --- figures ------------------------------------------------------------- */

struct sip_figures {
	uint32_t calls;			/* now, both ways */
	uint32_t entering;		/* of them: PIN or number awaited */
	uint32_t joins;			/* of those: their join waits, too */
	uint64_t invites, challenged, wrong_digests, capped, refused,
		 answered, reoffers, bad_cells, bad_handles, scans;
};
void sip_figures(const struct core *c, struct sip_figures *out);
/* Which transports are open, by settings. */
void sip_settings(struct core *c);
/* Calls by row, for conclave(1): NULL at the end. */
const struct sip_call *sip_next_call(const struct core *c, uint32_t *slot);
