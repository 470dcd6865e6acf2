#include "media/audio/stretch.h"

#include <string.h>

static void blend(int16_t *out, const int16_t *from, const int16_t *to, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (int16_t)((from[i] * (n - i) + to[i] * i) / n);
}

int16_t *audio_stretch_drop(int16_t *end, int lag, int fade)
{
	int16_t *joint = end - lag - fade;

	blend(joint, joint, end - fade, fade);
	return end - lag;
}

int16_t *audio_stretch_repeat(int16_t *end, int lag)
{
	memcpy(end, end - lag, (size_t)lag * sizeof(*end));
	blend(end - lag, end - lag, end - 2 * lag, lag);
	return end + lag;
}

void audio_ramp(int16_t *pcm, int n, int from, int to, int len)
{
	for (int i = 0; i < n; i++) {
		int g = i < len ? from + (to - from) * i / len : to;

		pcm[i] = (int16_t)(pcm[i] * g / 32768);
	}
}
