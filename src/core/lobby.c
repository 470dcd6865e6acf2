#include "core/lobby.h"

#include "core/sip_int.h"
#include "ipc/prompts.h"

enum { AGAIN_MS = 8000, WAITING_MS = 30000, FOR_EVER = 0, ONCE = 1 };

/* What is said for a word; none: whatever was being said ends. */
static const struct {
	const char *name;
	uint32_t prompts[2];
	uint32_t times, gap_ms;
} words[LOBBY_WORD_COUNT] = {
	[LOBBY_SILENCE] = {"silence"},
	[LOBBY_PIN_ENTRY] = {"pin entry", {PROMPT_ENTER_PIN}, FOR_EVER,
			     AGAIN_MS},
	[LOBBY_PIN_WRONG] = {"pin wrong", {PROMPT_WRONG_PIN, PROMPT_ENTER_PIN},
			     FOR_EVER, AGAIN_MS},
	[LOBBY_PIN_GONE] = {"pin gone", {PROMPT_INVALID_PIN, PROMPT_GOODBYE},
			    ONCE, 0},
	[LOBBY_TIMED_OUT] = {"timed out", {PROMPT_TIMED_OUT, PROMPT_GOODBYE},
			     ONCE, 0},
	[LOBBY_WAIT_FOR_HOST] = {"wait for host", {PROMPT_WAIT_FOR_HOST},
				 FOR_EVER, WAITING_MS},
	[LOBBY_LOCKED] = {"locked", {PROMPT_WAIT_LOCKED}, FOR_EVER,
			  WAITING_MS},
	[LOBBY_FULL] = {"full", {PROMPT_ROOM_FULL, PROMPT_GOODBYE}, ONCE, 0},
	[LOBBY_UNAVAILABLE] = {"unavailable", {PROMPT_NOT_AVAILABLE,
			       PROMPT_GOODBYE}, ONCE, 0},
	[LOBBY_WELCOME] = {"welcome"},
	[LOBBY_GOODBYE] = {"goodbye", {PROMPT_GOODBYE}, ONCE, 0},
	[LOBBY_PIN_OR_HASH] = {"pin or hash", {PROMPT_ENTER_PIN_OR_HASH},
			       FOR_EVER, AGAIN_MS},
	[LOBBY_PIN_WRONG_OR_HASH] = {"pin wrong", {PROMPT_WRONG_PIN,
				     PROMPT_ENTER_PIN_OR_HASH}, FOR_EVER,
				     AGAIN_MS},
	[LOBBY_ALIAS_ENTRY] = {"alias entry", {PROMPT_WELCOME,
			       PROMPT_ENTER_ALIAS}, FOR_EVER, AGAIN_MS},
	[LOBBY_ALIAS_WRONG] = {"alias wrong", {PROMPT_WRONG_ALIAS,
			       PROMPT_ENTER_ALIAS}, FOR_EVER, AGAIN_MS},
	[LOBBY_ALIAS_GONE] = {"alias gone", {PROMPT_NOT_AVAILABLE,
			      PROMPT_GOODBYE}, ONCE, 0},
};

const char *lobby_word_name(enum lobby_word w)
{
	return w < LOBBY_WORD_COUNT ? words[w].name : "?";
}

static bool play(struct sip_call *call, const uint32_t *prompts, size_t n,
		 uint32_t times, uint32_t gap_ms)
{
	Cv__LegPlay p = CV__LEG_PLAY__INIT;
	struct ipc_chan *media = sip_media_of(call);
	uint32_t list[PROMPTS_AT_ONCE];

	if (!media || !call->leg || n > PROMPTS_AT_ONCE)
		return false;
	for (size_t i = 0; i < n; i++)
		list[i] = prompts[i];
	p.leg = call->leg;
	p.epoch = ++call->say_epoch;
	p.prompts = list;
	p.n_prompts = n;
	p.times = times;
	p.gap_ms = gap_ms;
	p.language = (uint32_t)store_global(call->c->store,
					    GLOBAL_PROMPT_LANGUAGE);
	return ipc_send(media, LEG_PLAY, &p) == 0;
}

bool lobby_tell(struct sip_call *call, enum lobby_word w)
{
	size_t n = 0;

	call->word = w;
	sip_trace(call, "says", lobby_word_name(w));
	while (n < 2 && words[w].prompts[n])
		n++;
	return play(call, words[w].prompts, n, words[w].times,
		    words[w].gap_ms) && n > 0 && words[w].times == ONCE;
}

void lobby_say(struct sip_call *call, uint32_t prompt)
{
	(void)play(call, &prompt, 1, ONCE, 0);
}
