#include "media/audio/pitch.h"

enum { STEP = 6, WINDOW = 480, FINE = 8 };

/* Squared normalised correlation, keeping the sign: larger is more alike. */
static double likeness(const int16_t *a, const int16_t *b, int step)
{
	double ab = 0, bb = 1;

	for (int i = 0; i < WINDOW; i += step) {
		ab += (double)a[i] * b[i];
		bb += (double)b[i] * b[i];
	}
	return ab <= 0 ? 0 : ab * ab / bb;
}

static int best_lag(const int16_t *tail, int from, int to, int stride,
		    int step)
{
	double best = -1;
	int lag = from;

	for (int l = from; l <= to; l += stride) {
		double s = likeness(tail, tail - l, step);

		if (s > best) {
			best = s;
			lag = l;
		}
	}
	return lag;
}

int audio_pitch_lag(const int16_t *pcm, int n, int lag_max)
{
	const int16_t *tail = pcm + n - WINDOW;
	int lag = best_lag(tail, AUDIO_PITCH_MIN, lag_max, STEP, STEP);
	int from = lag - FINE, to = lag + FINE;

	if (from < AUDIO_PITCH_MIN)
		from = AUDIO_PITCH_MIN;
	if (to > lag_max)
		to = lag_max;
	return best_lag(tail, from, to, 1, 3);
}
