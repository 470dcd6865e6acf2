#include "core/sip_machine.h"

struct cell {
	unsigned char full, action, next;
};

#define GO(action, next) {1, SCA_##action, SIP_CALL_##next}

static const struct cell table[SIP_CALL_STATE_COUNT][SCE_COUNT] = {
	[SIP_CALL_DECIDING] = {
		[SCE_ASK] = GO(OPEN_LOBBY, LOBBY),
		[SCE_SEATED] = GO(OPEN_ROOM, OPENING),
		[SCE_REFUSED] = GO(REFUSE, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_LOBBY] = {
		[SCE_LEG_OK] = GO(ANSWER_ENTRY, ENTRY),
		[SCE_LEG_FAILED] = GO(REFUSE, OVER),
		[SCE_LOST] = GO(OPEN_LOBBY, LOBBY),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_ENTRY] = {
		[SCE_ENTERED] = GO(CHECK, CHECKING),
		[SCE_LATE] = GO(GOODBYE, LEAVING),
		[SCE_LEG_OK] = GO(PROMPT, ENTRY),
		[SCE_LEG_FAILED] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(REOFFER, ENTRY),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_CHECKING] = {
		[SCE_ASK] = GO(PROMPT, ENTRY),
		[SCE_SEATED] = GO(MOVE, IN),
		[SCE_REFUSED] = GO(GOODBYE, LEAVING),
		[SCE_LEG_OK] = GO(NONE, CHECKING),
		[SCE_LEG_FAILED] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(REOFFER, CHECKING),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_OPENING] = {
		[SCE_LEG_OK] = GO(ANSWER_IN, IN),
		[SCE_LEG_FAILED] = GO(REFUSE, OVER),
		[SCE_RINGS] = GO(RING, RINGING),
		[SCE_LOST] = GO(OPEN_ROOM, OPENING),
		[SCE_REMOVED] = GO(REFUSE, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_RINGING] = {
		[SCE_LEG_FAILED] = GO(REFUSE, OVER),
		[SCE_LOST] = GO(REFUSE, OVER),
		[SCE_ANSWERED] = GO(ANSWER_IN, IN),
		[SCE_REMOVED] = GO(REFUSE, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_IN] = {
		[SCE_LEG_OK] = GO(NONE, IN),
		[SCE_LEG_FAILED] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(REOFFER, IN),
		[SCE_REMOVED] = GO(HANGUP, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_LEAVING] = {
		[SCE_LEG_OK] = GO(NONE, LEAVING),
		[SCE_LEG_FAILED] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(HANGUP, OVER),
		[SCE_LATE] = GO(HANGUP, OVER),
		[SCE_SAID] = GO(HANGUP, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_OFFERING] = {
		[SCE_LEG_OK] = GO(DIAL, DIALING),
		[SCE_LEG_FAILED] = GO(DROP, OVER),
		[SCE_LOST] = GO(OPEN_LOBBY, OFFERING),
		[SCE_REMOVED] = GO(DROP, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_DIALING] = {
		[SCE_ANSWERED] = GO(ACCEPT, ACCEPTING),
		[SCE_LATE] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(HANGUP, OVER),
		[SCE_REMOVED] = GO(HANGUP, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_ACCEPTING] = {
		[SCE_LEG_OK] = GO(SIT, IN),
		[SCE_LEG_FAILED] = GO(HANGUP, OVER),
		[SCE_LOST] = GO(HANGUP, OVER),
		[SCE_REMOVED] = GO(HANGUP, OVER),
		[SCE_ENDED] = GO(DROP, OVER),
	},
	[SIP_CALL_REPLACING] = {
		[SCE_REFUSED] = GO(REFUSE, OVER),
		[SCE_LEG_OK] = GO(REPLACE, IN),
		[SCE_LEG_FAILED] = GO(REFUSE, OVER),
		[SCE_LOST] = GO(OPEN_LOBBY, REPLACING),
		[SCE_ENDED] = GO(DROP, OVER),
	},
};

bool sip_call_next(enum sip_call_state s, enum sip_call_event e,
		   struct sip_call_cell *out)
{
	const struct cell *c;

	if (s >= SIP_CALL_STATE_COUNT || e >= SCE_COUNT)
		return false;
	c = &table[s][e];
	if (!c->full)
		return false;
	out->action = (enum sip_call_action)c->action;
	out->next = (enum sip_call_state)c->next;
	return true;
}

bool sip_call_is_up(enum sip_call_state s)
{
	return s == SIP_CALL_ENTRY || s == SIP_CALL_CHECKING ||
	       s == SIP_CALL_IN || s == SIP_CALL_LEAVING ||
	       s == SIP_CALL_ACCEPTING;
}

const char *sip_call_state_name(enum sip_call_state s)
{
	static const char *const names[SIP_CALL_STATE_COUNT] = {
		"over", "deciding", "lobby", "entry", "checking", "opening",
		"ringing", "in", "leaving", "offering", "dialing", "accepting",
		"replacing"};

	return s < SIP_CALL_STATE_COUNT ? names[s] : "?";
}

const char *sip_call_event_name(enum sip_call_event e)
{
	static const char *const names[SCE_COUNT] = {
		"ask", "seated", "refused", "leg ok", "leg failed", "rings", "lost",
		"entered", "late", "said", "answered", "removed", "ended"};

	return e < SCE_COUNT ? names[e] : "?";
}
