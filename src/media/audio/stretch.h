/* media/audio/stretch.h - makes sound a little shorter or longer.
 *
 * In place on the end of a buffer, by blending two stretches of it `lag`
 * samples apart: with lag the period of the sound (pitch.h) nothing is heard,
 * in silence any lag will do. Pure; 48 kHz mono.
 */
#pragma once
#include <stdint.h>

/* Drops `lag` samples: what stood before them is blended into what ends the
 * buffer over `fade` samples (fade <= lag). The last lag + fade samples of
 * end[-n..0) are touched. Returns the new end. */
int16_t *audio_stretch_drop(int16_t *end, int lag, int fade);
/* Repeats the last `lag` samples once. Reads end[-2*lag..0), changes
 * end[-lag..0) and writes end[0..lag). Returns the new end. */
int16_t *audio_stretch_repeat(int16_t *end, int lag);
/* Multiplies with a straight line from `from` to `to` (0..32768) over the first
 * `len` samples and with `to` behind them. */
void audio_ramp(int16_t *pcm, int n, int from, int to, int len);
