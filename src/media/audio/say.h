/* media/audio/say.h - what one leg hears instead of the room: prompts, or what
 * it said itself a moment ago (test call).
 *
 * A say belongs to one leg. It is made and freed outside the tick; the tick
 * calls say_frame() once for each 20 ms and encodes what it gives. At most
 * AUDIO_SAYS_MAX at once in a worker, because each costs an encoder (and a
 * decoder while it records).
 */
#pragma once
#include "media/audio/audio.h"
#include "media/audio/prompts.h"

struct say;

/* E_FULL (AUDIO_SAYS_MAX), E_NOMEM, E_LIMIT, E_INVAL. */
int  say_new(struct say **out, struct audio_pool *pool,
	     const struct audio_say_cfg *cfg);
void say_free(struct say **s);

/* Must the leg be decoded in this tick? */
bool say_wants_sound(const struct say *s);
/* 20 ms of what the leg said; only while say_wants_sound(). */
void say_heard(struct say *s, const int16_t in[static 960]);
/* The next 20 ms; silence once it is over. */
void say_frame(struct say *s, int16_t out[static 960]);
bool say_is_over(const struct say *s);
/* The loudest 100 ms recorded, dB below full scale, 127 = nothing. */
uint32_t say_loudest(const struct say *s);
