/* core/lobby.h - what a caller hears who is not inside yet, or no more.
 *
 * One word at a time: a new one takes the place of the former. The words are
 * kept with the call and shown by `conclave sip calls`.
 */
#pragma once
#include "core/sip.h"

enum lobby_word {
	LOBBY_SILENCE = 0,
	LOBBY_PIN_ENTRY,		/* the PIN is asked for */
	LOBBY_PIN_WRONG,		/* that was none: again */
	LOBBY_PIN_GONE,			/* that was the last try */
	LOBBY_TIMED_OUT,		/* nothing was typed for too long */
	LOBBY_WAIT_FOR_HOST,
	LOBBY_LOCKED,			/* he waits to be let in */
	LOBBY_FULL,
	LOBBY_UNAVAILABLE,
	LOBBY_WELCOME,			/* he is inside */
	LOBBY_GOODBYE,
	LOBBY_PIN_OR_HASH,		/* the PIN, or # alone for guests */
	LOBBY_PIN_WRONG_OR_HASH,
	LOBBY_ALIAS_ENTRY,		/* a reception: whom to call */
	LOBBY_ALIAS_WRONG,
	LOBBY_ALIAS_GONE,
	LOBBY_WORD_COUNT
};

/* Whether the end of it will be told (SCE_SAID): false when there is nothing
 * to hear. */
bool lobby_tell(struct sip_call *call, enum lobby_word w);
/* One prompt (ipc/prompts.h) to somebody inside; the room is heard again after
 * it. */
void lobby_say(struct sip_call *call, uint32_t prompt);
const char *lobby_word_name(enum lobby_word w);
