/* media/audio/pitch.h - the period a piece of sound repeats with.
 *
 * Pure. Works on every sixth sample (8 kHz), so costs about 10 us; rare.
 */
#pragma once
#include <stdint.h>

enum { AUDIO_PITCH_MIN = 120, AUDIO_PITCH_MAX = 720 };	/* 2.5..15 ms */

/* The lag, in samples at 48 kHz and at most lag_max, at which the last 10 ms of pcm[n] resemble
 * most what came before. n is at least AUDIO_PITCH_MAX + 480 + 8. */
int audio_pitch_lag(const int16_t *pcm, int n, int lag_max);
