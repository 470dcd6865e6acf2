/* The keys of a phone, pressed inside a room: each code is a command of the
 * one who pressed it, with his rights, and is confirmed to him by voice. */
#include "core/rooms/keypad.h"
#include "core/sip_int.h"
#include "ipc/prompts.h"

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
