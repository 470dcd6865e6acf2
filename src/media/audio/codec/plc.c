#include "media/audio/codec/plc.h"

#include <string.h>

#include "media/audio/pitch.h"

enum {
	FULL = 480,		/* 10 ms at full level */
	FADE = 2400,		/* then 50 ms down to nothing */
	BLEND = 240,		/* 5 ms back to the real sound */
};

void audio_plc_reset(struct audio_plc *plc)
{
	memset(plc, 0, sizeof(*plc));
}

static void remember(struct audio_plc *plc, const int16_t *pcm, int n)
{
	const int keep = AUDIO_PLC_HISTORY;

	if (n >= keep) {
		memcpy(plc->history, pcm + n - keep,
		       (size_t)keep * sizeof(*pcm));
		return;
	}
	memmove(plc->history, plc->history + n,
		(size_t)(keep - n) * sizeof(*pcm));
	memcpy(plc->history + keep - n, pcm, (size_t)n * sizeof(*pcm));
}

static int32_t gain_at(int lost)
{
	if (lost < FULL)
		return 32768;
	if (lost >= FULL + FADE)
		return 0;
	return 32768 - (int32_t)((int64_t)(lost - FULL) * 32768 / FADE);
}

/* History is not advanced while lost: the period repeats from its end. */
static int16_t invent(struct audio_plc *plc)
{
	int at = AUDIO_PLC_HISTORY - plc->lag + plc->lost % plc->lag;
	int32_t v = plc->history[at];

	return (int16_t)((int64_t)v * gain_at(plc->lost++) >> 15);
}

void audio_plc_conceal(struct audio_plc *plc, int16_t *pcm, int n)
{
	if (plc->lost == 0)
		plc->lag = audio_pitch_lag(plc->history, AUDIO_PLC_HISTORY,
					    AUDIO_PITCH_MAX);
	for (int i = 0; i < n; i++)
		pcm[i] = invent(plc);
}

void audio_plc_good(struct audio_plc *plc, int16_t *pcm, int n)
{
	int blend = n < BLEND ? n : BLEND;

	for (int i = 0; plc->lost && i < blend; i++) {
		int32_t old = invent(plc);

		pcm[i] = (int16_t)((old * (blend - i) + pcm[i] * i) / blend);
	}
	plc->lost = 0;
	remember(plc, pcm, n);
}
