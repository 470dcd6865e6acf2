/* What devices present: the face's word about the floor becomes a command of
 * the one who sits there, with his rights. Datagrams of BFCP pass from media to
 * the face and back; nobody here reads them. */
#include "core/sip_int.h"

static struct member *seat_of(const struct sip_call *call)
{
	return call->member ? handles_get(call->c->members, call->member)
			    : NULL;
}

static void say(struct sip_call *call, uint32_t req, Cv__SipFloorOutcome what)
{
	Cv__SipFloorState s = CV__SIP_FLOOR_STATE__INIT;
	const struct member *mb = seat_of(call);
	const struct part *who = mb ? room_presenter(mb->m->room) : NULL;

	if (!call->face || !sip_chan(call->c))
		return;
	s.call = call->face;
	s.req = req;
	s.outcome = what;
	if (who && (who == mb->p || room_shows(who, mb->p))) {
		s.held = true;
		s.self = who == mb->p;
		s.name = ipc_data(span_str(who->name));
		if (mb->p->host)
			s.uri = ipc_data(span_str(who->remote));
	}
	(void)ipc_send(sip_chan(call->c), SIP_FLOOR_STATE, &s);
}

static bool command(struct member *mb, enum room_op op)
{
	struct core *c = mb->c;
	const struct room_cmd cmd = {.op = op, .actor = mb->p,
				     .target = span_str(mb->p->uuid)};
	const enum room_result r = room_command(mb->m->room, &cmd, c->now_ns,
						clock_wall_us(), &c->out);

	core_acts(mb->m, &cmd);
	return r == RR_OK;
}

void sip_floor_ask(struct core *c, const Cv__SipFloor *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);
	const bool wants = m->op == CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST;
	struct member *mb;
	uint64_t id;
	bool ok;

	if (!call) {
		c->sip->figures.bad_handles++;
		return;
	}
	id = call->id;
	mb = seat_of(call);
	/* Giving back is never refused: he may have lost his rights. */
	ok = mb && mb->p->leg.leg == call->leg &&
	     (!wants || member_may_ask(mb)) &&
	     command(mb, wants ? RC_P_TAKE_FLOOR : RC_P_RELEASE_FLOOR);
	sip_trace(call, wants ? "floor asked" : "floor released",
		  ok ? "granted" : "refused");
	/* The call may have ended with what was done. */
	call = sip_call_get(c, id);
	if (call)
		say(call, m->req, !wants
		    ? CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED : ok
		    ? CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED
		    : CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_DENIED);
}

static struct sip_call *call_of(const struct meeting *m, const struct part *p)
{
	const struct member *mb = member_of(m->c, p);

	return mb && mb->sip ? sip_call_get(m->c, mb->sip) : NULL;
}

void sip_floor_passed(struct meeting *m, const struct part *old)
{
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *p = m->room->parts[i];
		struct sip_call *call = call_of(m, p);

		if (call && (p == old || p->leg.slides.has))
			say(call, 0, p == old && room_presenter(m->room) != p
			    ? CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_REVOKED
			    : CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_NEWS);
	}
}

void sip_floor_shown(struct member *mb)
{
	struct sip_call *call = mb && mb->sip ? sip_call_get(mb->c, mb->sip)
					      : NULL;

	if (call && mb->p->leg.slides.has)
		say(call, 0, CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_NEWS);
}

/* --- datagrams ------------------------------------------------------------------- */

void sip_bfcp_out(struct core *c, const Cv__SipBfcp *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);
	Cv__LegBfcp out = CV__LEG_BFCP__INIT;

	if (!call || !call->leg || !sip_media_of(call))
		return;
	out.leg = call->leg;
	out.datagram = m->datagram;
	(void)ipc_send(sip_media_of(call), LEG_BFCP, &out);
}

void sip_leg_bfcp(struct worker *wk, const Cv__LegBfcp *m)
{
	struct sip_call *call = sip_call_of_leg(wk->c, m->leg);
	Cv__SipBfcp out = CV__SIP_BFCP__INIT;

	if (!call || call->worker != (int)(wk - wk->c->workers)) {
		wk->c->sip->figures.bad_handles++;
		return;
	}
	if (!call->face || !sip_chan(wk->c))
		return;
	out.call = call->face;
	out.datagram = m->datagram;
	(void)ipc_send(sip_chan(wk->c), SIP_BFCP, &out);
}
