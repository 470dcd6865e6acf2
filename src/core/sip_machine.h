/* core/sip_machine.h - the life of one SIP call, as a table.
 *
 * In: DECIDING while the join pipeline looks at it; when a PIN is needed it
 * gets a leg in a LOBBY, is answered and types (ENTRY), and what it typed is
 * looked at (CHECKING); who needs no PIN gets his leg in the room (OPENING).
 * A call that a rule passes on to somebody else is RINGING until he answers.
 * Out: media makes our offer (OFFERING), the face dials (DIALING), media
 * takes the answer (ACCEPTING). Then it is IN, until one side ends it. Who is
 * told good-bye first is LEAVING. A call that came for another one's seat
 * waits for its own media first (REPLACING).
 *
 * An action that ends a call lets go of everything it has: the join, the
 * seat, the leg.
 *
 * Pure and constant.
 */
#pragma once
#include <stdbool.h>

enum sip_call_state {
	SIP_CALL_OVER = 0,
	SIP_CALL_DECIDING,
	SIP_CALL_LOBBY,
	SIP_CALL_ENTRY,
	SIP_CALL_CHECKING,
	SIP_CALL_OPENING,
	SIP_CALL_RINGING,
	SIP_CALL_IN,
	SIP_CALL_LEAVING,
	SIP_CALL_OFFERING,
	SIP_CALL_DIALING,
	SIP_CALL_ACCEPTING,
	SIP_CALL_REPLACING,
	SIP_CALL_STATE_COUNT
};

enum sip_call_event {
	SCE_ASK = 0,		/* the join: he must type a PIN (again) */
	SCE_SEATED,		/* the join: he has a seat */
	SCE_REFUSED,		/* the join: no */
	SCE_LEG_OK,		/* media has what was asked */
	SCE_LEG_FAILED,
	SCE_RINGS,		/* the same as LEG_OK, whom he calls rings */
	SCE_LOST,		/* the worker of its leg is gone */
	SCE_ENTERED,		/* he typed something */
	SCE_LATE,		/* he did not; nobody answered */
	SCE_SAID,		/* the good-bye was heard */
	SCE_ANSWERED,		/* the called side took it, or he may be
				 * answered */
	SCE_REMOVED,		/* the room let him go, or we hang up */
	SCE_ENDED,		/* the other side, or its face */
	SCE_COUNT
};

enum sip_call_action {
	SCA_NONE = 0,
	SCA_REFUSE,		/* not answered yet: a final refusal */
	SCA_OPEN_LOBBY,
	SCA_OPEN_ROOM,
	SCA_RING,		/* 180 */
	SCA_ANSWER_ENTRY,	/* 200, and the question for the PIN */
	SCA_ANSWER_IN,		/* 200 */
	SCA_PROMPT,		/* the question again */
	SCA_CHECK,		/* the join goes on with what he typed */
	SCA_MOVE,		/* his leg goes from the lobby to the room */
	SCA_GOODBYE,
	SCA_HANGUP,
	SCA_DROP,		/* nobody is there to be told */
	SCA_REOFFER,		/* a new leg on another worker */
	SCA_DIAL,
	SCA_ACCEPT,
	SCA_SIT,
	SCA_REPLACE,		/* it takes another call's seat */
	SCA_COUNT
};

struct sip_call_cell {
	enum sip_call_action action;
	enum sip_call_state next;
};

/* False: an empty cell: refuse and count. */
bool sip_call_next(enum sip_call_state s, enum sip_call_event e,
		   struct sip_call_cell *out);
/* Was it answered, by us or by them? */
bool sip_call_is_up(enum sip_call_state s);
const char *sip_call_state_name(enum sip_call_state s);
const char *sip_call_event_name(enum sip_call_event e);
