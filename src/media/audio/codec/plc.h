/* media/audio/codec/plc.h - packet loss concealment for codecs without one.
 *
 * Repeats the last pitch period and fades it out within 60 ms; the first good
 * sound afterwards is blended in. 48 kHz mono. In place, no allocation.
 */
#pragma once
#include <stdint.h>

enum { AUDIO_PLC_HISTORY = 1440 };	/* 30 ms */

struct audio_plc {
	int16_t history[AUDIO_PLC_HISTORY];
	int lost;		/* samples invented since the last good one */
	int lag;		/* pitch period, while lost > 0 */
};

void audio_plc_reset(struct audio_plc *plc);
/* Good sound passes through; its beginning is changed after a loss. */
void audio_plc_good(struct audio_plc *plc, int16_t *pcm, int n);
void audio_plc_conceal(struct audio_plc *plc, int16_t *pcm, int n);
