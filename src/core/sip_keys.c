/* The keys of a phone, pressed inside a room: each code is a command of the
 * one who pressed it, with his rights, and is confirmed to him by voice. */
#include "core/rooms/keypad.h"
#include "core/sip_int.h"
#include "ipc/prompts.h"

enum { KEYS = 16 };

static uint32_t confirmation(enum room_op op)
{
	switch (op) {
	case RC_LOCK:
		return PROMPT_LOCKED;
	case RC_UNLOCK:
		return PROMPT_UNLOCKED;
	case RC_MUTE_GUESTS:
		return PROMPT_GUESTS_MUTED;
	case RC_UNMUTE_GUESTS:
		return PROMPT_GUESTS_UNMUTED;
	case RC_P_MUTE:
		return PROMPT_MUTED;
	case RC_P_UNMUTE:
		return PROMPT_UNMUTED;
	default:
		return PROMPT_NONE;
	}
}

static void order(struct ipc_chan *media, uint64_t leg, struct span keys)
{
	Cv__LegSendDtmf m = CV__LEG_SEND_DTMF__INIT;

	if (!media || !leg)
		return;
	m.leg = leg;
	m.digits = ipc_data(keys);
	(void)ipc_send(media, LEG_SEND_DTMF, &m);
}

/* Text becomes the numbers of RFC 4733; a comma stays one. */
void sip_keys_send(struct sip_call *call, struct span keys)
{
	static const char names[] = "0123456789*#ABCD";
	uint8_t list[SCHEMA_DTMF_MAX];
	size_t n = 0;

	for (size_t i = 0; i < keys.n && n < sizeof(list); i++) {
		const char *at = keys.p[i] ? strchr(names, keys.p[i]) : NULL;

		if (at)
			list[n++] = (uint8_t)(at - names);
		else if (keys.p[i] == ',')
			list[n++] = ',';
	}
	order(sip_media_of(call), call->leg, span_of(list, n));
}

void sip_keys_pass(struct sip_call *call, struct member *mb, uint32_t key)
{
	const struct room *r = mb->m->room;
	const uint8_t event = (uint8_t)key;

	sip_trace(call, "keys", "passed on");
	for (uint32_t i = 0; key < KEYS && i < r->n_parts; i++)
		if (r->parts[i] != mb->p && r->parts[i]->state == PART_INSIDE)
			order(meeting_media(mb->m), r->parts[i]->leg.leg,
			      span_of(&event, 1));
}

void sip_keys_press(struct sip_call *call, struct member *mb, uint32_t key)
{
	struct core *c = call->c;
	const uint64_t id = call->id;
	const enum keypad_action a = keypad_press(&call->keys, key, c->now_ns);
	struct room_cmd cmd;
	uint32_t said;

	if (a == KEYPAD_NOTHING || !member_may_ask(mb) ||
	    !keypad_command(a, mb->m->room, mb->p, &cmd))
		return;
	sip_trace(call, "keys", room_op_name(cmd.op));
	said = confirmation(cmd.op);
	if (room_command(mb->m->room, &cmd, c->now_ns, clock_wall_us(),
			 &c->out) != RR_OK)
		said = PROMPT_NONE;
	core_acts(mb->m, &cmd);
	/* The call may have ended with the meeting. */
	call = said ? sip_call_get(c, id) : NULL;
	if (call && call->state == SIP_CALL_IN)
		lobby_say(call, said);
}
