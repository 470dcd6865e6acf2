/* What a room said, carried out. */
#include "core/core.h"

#include "base/addr.h"
#include "core/camera.h"
#include "core/gateway.h"
#include "core/sip.h"

void core_turn(struct core *c)
{
	c->now_ns = clock_mono_ns();
}

/* A full disk is counted and told by the audit log itself. */
void audit_put(struct core *c, const struct audit_event *ev)
{
	(void)audit_write(c->audit, ev, clock_wall_us(), c->now_ns);
}

void audit_note(struct core *c, const char *action, enum audit_outcome how,
		struct span who, struct span source, struct span object,
		struct span detail)
{
	const struct audit_event ev = {.who = who, .source = source,
				       .action = action, .object = object,
				       .outcome = how, .detail = detail};

	audit_put(c, &ev);
}

static void act_audit(struct meeting *m, const struct room_act *a)
{
	char ip[ADDR_TEXT_MAX];
	struct addr from = {.port = 0};

	memcpy(from.ip, a->part->ip, sizeof(from.ip));
	addr_print_ip(&from, ip);
	audit_note(m->c, a->text, AUDIT_OK, span_str(a->part->uuid),
		   span_str(ip), span_str(m->sv.name),
		   span_str(a->other ? a->other->uuid : a->part->name));
}

static void act_end(struct meeting *m)
{
	live_forget_room(m->c, m->id);
	meeting_leave_worker(m);
	m->over = true;
}

/* The participant is gone: his session, his way back or not. */
static void act_gone(struct meeting *m, const struct part *p, bool may_return)
{
	struct reconnect_state rs;
	const bool has = reconnect_export(m->c->sessions, p->id, &rs) == 0;

	session_close(m->c->sessions, p->id);
	if (may_return) {
		reconnect_detach(m->c->sessions, p->id);
		if (has) {
			rs.holder = 0;
			live_save_credential(m->c, &rs);
		}
		return;
	}
	reconnect_revoke(m->c->sessions, p->id);
	if (has)
		live_forget_credential(m->c, rs.id);
}

static void act_role(struct meeting *m, const struct part *p)
{
	struct reconnect_state rs;

	reconnect_set_host(m->c->sessions, p->id, p->host);
	if (reconnect_export(m->c->sessions, p->id, &rs) == 0)
		live_save_credential(m->c, &rs);
}

static void act_leg_close(struct meeting *m, const struct room_act *a)
{
	(void)handles_del(m->c->legs, a->leg);
	leg_send_close(m, a->leg);
	picture_gone(m, a->leg);
}

static void act(struct meeting *m, const struct room_act *a,
		const struct room_cmd *cmd)
{
	struct core *c = m->c;
	struct member *mb = a->part ? member_of(c, a->part) : NULL;

	switch (a->kind) {
	case ACT_ROW_CREATE:
	case ACT_ROW_UPDATE:
	case ACT_ROW_DELETE:
		event_row(m, a->kind, a->aud, a->part);
		break;
	case ACT_SYNC:
		event_sync(mb);
		break;
	case ACT_STATUS:
		event_status(m);
		break;
	case ACT_MESSAGE:
	case ACT_DIRECT_MESSAGE:
		event_message(m, a->part, a->other, cmd);
		break;
	case ACT_DISCONNECT:
		event_disconnect(mb, a->text);
		if (mb && mb->sip)
			sip_member_told(mb, a->text);
		break;
	case ACT_REFRESH:
		event_refresh(mb);
		break;
	case ACT_LEG_SET:
		leg_send_flags(m, a->part);
		break;
	case ACT_LEG_CLOSE:
		act_leg_close(m, a);
		break;
	case ACT_PERSON:
		picture_person(m, a->part);
		break;
	case ACT_PLAN:
		picture_due(m);
		break;
	case ACT_SAVE_PART:
		live_save_part(m, a->part);
		if (mb && mb->sip)
			sip_member_flags(mb);
		break;
	case ACT_FORGET_PART:
		live_forget_part(c, a->part->id);
		break;
	case ACT_SAVE_ROOM:
		live_save_room(m);
		break;
	case ACT_REVOKE:
		act_gone(m, a->part, false);
		break;
	case ACT_DETACH:
		act_gone(m, a->part, true);
		break;
	case ACT_ROLE:
		act_role(m, a->part);
		break;
	case ACT_AUDIT:
		act_audit(m, a);
		break;
	case ACT_ROOM_OPEN:
		meeting_assign(m);
		break;
	case ACT_ROOM_END:
		act_end(m);
		break;
	case ACT_FLOOR:
		event_floor(m);
		present_send(m);
		sip_floor_passed(m, a->other);
		break;
	case ACT_SHOWN:
		event_shown(mb);
		sip_floor_shown(mb);
		break;
	case ACT_SLIDES:
		m->must_present = true;
		picture_due(m);
		break;
	case ACT_CAMERA:
		camera_move(m, a->other, &cmd->camera);
		break;
	case ACT_NONE:
	case ACT_COUNT:
		break;
	}
}

static void free_gone(struct meeting *m)
{
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *p = m->room->parts[i];

		if (p->state == PART_GONE)
			member_free(member_of(m->c, p), p->id);
	}
	room_sweep(m->room);
}

void core_acts(struct meeting *m, const struct room_cmd *cmd)
{
	struct core *c = m->c;
	uint64_t due;

	for (uint32_t i = 0; i < c->out.n; i++)
		act(m, &c->out.acts[i], cmd);
	c->out.n = 0;
	free_gone(m);
	if (m->over) {
		meeting_free(m);
		return;
	}
	if (gateway_is_over(m)) {
		gateway_end(m);
		return;
	}
	if (test_call_look(m) || automatic_look(m))
		return;
	due = room_due_ns(m->room);
	if (due == UINT64_MAX)
		timer_cancel(&m->tick);
	else
		timer_set(c->wheel, &m->tick, due);
}
