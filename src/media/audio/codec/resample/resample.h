/* media/audio/codec/resample/resample.h - between a codec's rate and 48 kHz.
 *
 * Speex resampler, quality 3 (7-12 us per 20 ms). One direction per object.
 * Only _new and _free allocate. Mono.
 */
#pragma once
#include <stdint.h>

struct audio_resample;

/* 8000 and 16000 to or from 48000. E_NOMEM. */
int  audio_resample_new(struct audio_resample **out, uint32_t from_hz,
			uint32_t to_hz);
void audio_resample_free(struct audio_resample **r);
void audio_resample_reset(struct audio_resample *r);
/* Turns n samples into exactly n * to / from (n a multiple that makes this
 * whole). */
void audio_resample_run(struct audio_resample *r, const int16_t *in, int n,
			int16_t *out);
