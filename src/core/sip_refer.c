/* Calls that are sent elsewhere: REFER (RFC 3515), INVITE with Replaces (RFC
 * 3891), and redirects of trunks.
 *
 * A transfer is one of the ways to make a stranger's telephone bill ours, so
 * each of them needs somebody who proved himself, and goes where his own call
 * could go: the same rules, the same limits. */
#include "core/sip_refer.h"

#include <stdio.h>

#include "core/gateway.h"
#include "core/sip_dial.h"
#include "core/sip_int.h"

enum { SIP_OK = 200, UNAVAILABLE = 480, BUSY = 486, BUSY_ALL = 600,
       DECLINE = 603 };

static struct member *seat_of(const struct sip_call *call)
{
	return call->member ? handles_get(call->c->members, call->member) :
		NULL;
}

static void note(const struct sip_call *call, const char *action,
		 const char *why, struct span target)
{
	char ip[ADDR_TEXT_MAX];

	addr_print_ip(&call->source, ip);
	audit_note(call->c, action, why ? AUDIT_DENIED : AUDIT_OK,
		   span_str(call->name), span_str(ip), target,
		   span_str(why ? why : ""));
}

/* --- REFER ------------------------------------------------------------------- */

static void tell(struct core *c, uint64_t face, uint32_t req, uint32_t status)
{
	Cv__SipReferState s = CV__SIP_REFER_STATE__INIT;

	s.call = face;
	s.req = req;
	s.status = status;
	s.final = true;
	if (sip_chan(c))
		(void)ipc_send(sip_chan(c), SIP_REFER_STATE, &s);
}

void sip_refer_over(struct core *c, uint64_t referrer, uint32_t req,
		    uint32_t status)
{
	const struct sip_call *call = sip_call_get(c, referrer);

	if (!call || !call->face || !req)
		return;
	/* What was wrong at the other side is no business of his. */
	tell(c, call->face, req, status == SIP_OK || status == DECLINE ?
	     status : status == BUSY || status == BUSY_ALL ? BUSY :
	     UNAVAILABLE);
}

/* Who may have somebody called, as by the client API's `dial`: a host inside of
 * a room, here one that proved himself. */
static const char *refused(const struct sip_call *call, const Cv__SipRefer *m)
{
	const struct member *mb = seat_of(call);

	if (!call->has_credentials)
		return "not proven";
	if (call->state != SIP_CALL_IN || !mb || mb->m->sv.gateway ||
	    mb->m->conf <= 0)
		return "not in a room";
	if (!mb->p->host || mb->p->state != PART_INSIDE)
		return "no host";
	/* Two calls that are both ours cannot be made one. */
	return m->has_replaces && m->replaced ? "both calls are here" : NULL;
}

static uint64_t known_as(const struct sip_call *call)
{
	return call->device ? (uint64_t)call->device :
	       (uint64_t)call->trunk | UINT64_C(1) << 62;
}


/* Only that nobody could be called is said at once. */
static void placed(struct core *c, uint64_t who, const char *why,
		   unsigned calls)
{
	struct sip_call *call = sip_call_get(c, who);

	(void)calls;
	if (!call || !why)
		return;
	note(call, "call.referred", why, SPAN_NONE);
	if (call->face && call->refer_req)
		tell(c, call->face, call->refer_req, DECLINE);
}

void sip_refer(struct core *c, const Cv__SipRefer *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);
	const struct span target = ipc_bytes(m->target);
	const char *why;

	if (!call) {
		c->sip->figures.bad_handles++;
		return;
	}
	why = refused(call, m);
	note(call, "call.referred", why, target);
	if (why) {
		tell(c, m->call, m->req, DECLINE);
		return;
	}
	call->refer_req = m->req;
	sip_invite_out(c, &(struct sip_invite_ask){
		       .conf = seat_of(call)->m->conf, .target = target,
		       .ip = call->source.ip, .known_as = known_as(call),
		       .referrer = call->id, .refer_req = m->req,
		       .replaces = m->has_replaces ? ipc_bytes(m->replaces) :
				   SPAN_NONE}, call->id, placed);
}

/* --- Replaces -------------------------------------------------------------------- */

/* Who brings the three names of a dialog was told them by one of its sides:
 * that is enough when they travelled encrypted. In clear anybody can read
 * them, so it must be the same device or trunk. */
static bool may_replace(const struct sip_call *old, const Cv__SipInvite *m,
			const struct sip_identity *id)
{
	if (old->state != SIP_CALL_IN || !seat_of(old) ||
	    (id->who != SIP_DEVICE && id->who != SIP_TRUNK))
		return false;
	if ((id->device && id->device == old->device) ||
	    (id->trunk && id->trunk == old->trunk))
		return true;
	return old->is_encrypted &&
	       m->caller->transport == CV__SIP_TRANSPORT__SIP_TLS;
}

struct sip_call *sip_replaced(struct core *c, const Cv__SipInvite *m,
			      const struct sip_identity *id)
{
	struct sip_call *old = m->replaced ?
		sip_call_by_face(c, m->replaced) : NULL;

	return old && may_replace(old, m, id) ? old : NULL;
}

void sip_replace_begin(struct sip_call *call, const struct sip_call *old)
{
	call->replaces = old->id;
	call->conf = old->conf;
	call->location = old->location;
	call->crypto = old->crypto;
	call->terms = old->terms;
	call->state = SIP_CALL_REPLACING;
	if (!sip_leg_open(call, SIP_ASK_OPEN))
		sip_call_fire(call, SCE_LEG_FAILED);
}

/* The roster shows who sits there now. */
static void rename_seat(const struct sip_call *call, struct part *p)
{
	part_clean_name(p->name, span_str(call->name));
	part_clean_name(p->overlay, span_str(call->name));
	part_clean_name(p->remote, span_str(call->remote));
	(void)snprintf(p->vendor, sizeof(p->vendor), "%s", call->agent);
	memcpy(p->ip, call->source.ip, sizeof(p->ip));
}

/* The seat stays, with its role and its place; the device is another. */
void sip_replace(struct sip_call *call)
{
	struct core *c = call->c;
	struct sip_call *old = sip_call_get(c, call->replaces);
	struct member *mb = old && old->state == SIP_CALL_IN ? seat_of(old) :
			    NULL;
	const uint64_t id = call->id;

	if (!mb) {
		sip_call_fire(call, SCE_REMOVED);
		return;
	}
	note(call, "call.replaced", NULL, span_str(old->name));
	sip_send_answer(call);
	rename_seat(call, mb->p);
	sip_leg_close(old);
	/* The room may have ended with that. */
	old = sip_call_get(c, call->replaces);
	mb = old ? seat_of(old) : NULL;
	if (!mb) {
		sip_call_fire(call, SCE_REMOVED);
		return;
	}
	call->member = old->member;
	old->member = 0;
	mb->sip = id;
	(void)snprintf(old->reason, sizeof(old->reason), "replaced");
	sip_call_fire(old, SCE_REMOVED);
	call = sip_call_get(c, id);
	if (call && !sip_leg_move(call))
		sip_call_fire(call, SCE_LOST);
}

/* --- redirects ---------------------------------------------------------------------- */

/* One, of a trunk whose certificate we verified, for a call of a room; it is
 * as if the trunk itself had asked us for it. */
bool sip_follow(struct sip_call *call, const struct sip_dial_trail *t,
		const Cv__SipAnswered *m)
{
	struct core *c = call->c;
	const struct span to = ipc_bytes(m->contact);

	if (!t->trunk || t->was_redirected || call->gateway || !to.n ||
	    m->transport != CV__SIP_TRANSPORT__SIP_TLS)
		return false;
	note(call, "call.redirected", NULL, to);
	sip_invite_out(c, &(struct sip_invite_ask){
		       .conf = call->conf, .target = to, .host = t->host,
		       .ip = call->source.ip, .was_redirected = true,
		       .known_as = (uint64_t)t->trunk | UINT64_C(1) << 62,
		       .uuid = t->uuid, .referrer = t->referrer,
		       .refer_req = t->refer_req}, t->referrer, placed);
	return true;
}
