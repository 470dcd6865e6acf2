/* prompts_pack OUT LANGUAGES PROMPTS WAV...: puts what espeak-ng said into the
 * file that media/audio/prompts.h describes; at build time only. A WAV named
 * "-" is the beep. All prompts are brought to the same loudness, and their
 * silence at both ends is cut to a moment.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/audio/codec/resample/resample.h"
#include "media/audio/prompts.h"

enum { WAV_HEADER = 44, SAMPLES_MAX = 48000 * PROMPTS_LENGTH_MAX_S,
       SILENT = 200, EDGE = PROMPTS_HZ / 20, PEAK = 16000,
       BEEP_HZ = 1000, BEEP_MS = 300,
       RATIO = 50 };	/* divides 22,050 and 16,000 */

struct sound { int16_t *v; uint32_t n; };

static void die(const char *what, const char *name)
{
	fprintf(stderr, "prompts_pack: %s: %s\n", name, what);
	exit(1);
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static struct sound wav(const char *name, uint32_t *hz)
{
	FILE *f = fopen(name, "rb");
	uint8_t head[WAV_HEADER];
	struct sound s = { .v = malloc(SAMPLES_MAX * sizeof(int16_t)) };

	if (!f || !s.v)
		die("cannot be read", name);
	if (fread(head, 1, sizeof(head), f) != sizeof(head) ||
	    memcmp(head, "RIFF", 4) != 0 || memcmp(head + 36, "data", 4) != 0 ||
	    head[20] != 1 || head[22] != 1 || head[34] != 16)
		die("is no mono 16 bit WAV", name);
	*hz = u32(head + 24);
	s.n = (uint32_t)fread(s.v, sizeof(int16_t), SAMPLES_MAX, f);
	fclose(f);
	if (s.n == 0 || s.n == SAMPLES_MAX)
		die("is empty or too long", name);
	return s;
}

/* In whole steps of the two rates' ratio; what is left over is silence. */
static struct sound resample(struct sound in, uint32_t hz, const char *name)
{
	const uint32_t step = hz / RATIO, made = PROMPTS_HZ / RATIO;
	uint32_t steps = (in.n + step - 1) / step;
	struct sound out = { .v = calloc(steps, made * sizeof(int16_t)),
			     .n = steps * made };
	int16_t *from = calloc(steps, step * sizeof(int16_t));
	struct audio_resample *r;

	if (hz % RATIO || !out.v || !from ||
	    audio_resample_new(&r, hz, PROMPTS_HZ) < 0)
		die("cannot be resampled", name);
	memcpy(from, in.v, in.n * sizeof(int16_t));
	audio_resample_run(r, from, (int)(steps * step), out.v);
	audio_resample_free(&r);
	free(from);
	free(in.v);
	return out;
}

static struct sound trim(struct sound s, const char *name)
{
	uint32_t from = 0, to = s.n;

	while (from < to && abs(s.v[from]) < SILENT)
		from++;
	while (to > from && abs(s.v[to - 1]) < SILENT)
		to--;
	if (from == to)
		die("is silent", name);
	from = from > EDGE ? from - EDGE : 0;
	to = s.n - to > EDGE ? to + EDGE : s.n;
	memmove(s.v, s.v + from, (to - from) * sizeof(int16_t));
	s.n = to - from;
	return s;
}

static void level(struct sound s)
{
	int peak = 1;

	for (uint32_t i = 0; i < s.n; i++)
		if (abs(s.v[i]) > peak)
			peak = abs(s.v[i]);
	for (uint32_t i = 0; i < s.n; i++)
		s.v[i] = (int16_t)((int)s.v[i] * PEAK / peak);
}

static struct sound beep(void)
{
	const uint32_t n = PROMPTS_HZ * BEEP_MS / 1000, ramp = PROMPTS_HZ / 100;
	struct sound s = { .v = malloc(n * sizeof(int16_t)), .n = n };

	if (!s.v)
		die("no memory", "beep");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t edge = i < n - i ? i : n - i;
		double g = edge < ramp ? (double)edge / ramp : 1;

		s.v[i] = (int16_t)lrint(PEAK / 2 * g *
					sin(2 * M_PI * BEEP_HZ * i /
					    PROMPTS_HZ));
	}
	return s;
}

static void put(FILE *f, uint32_t v)
{
	uint8_t b[4] = { v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24 };

	fwrite(b, 1, sizeof(b), f);
}

int main(int argc, char **argv)
{
	int langs = argc > 4 ? (int)strtol(argv[2], NULL, 10) : 0;
	int count = argc > 4 ? (int)strtol(argv[3], NULL, 10) : 0;
	struct sound *all;
	uint32_t at = 0;
	FILE *f;

	if (langs < 1 || count < 1 || argc != 4 + langs * count)
		die("usage: OUT LANGUAGES PROMPTS WAV...", argv[0]);
	all = calloc((size_t)(langs * count), sizeof(*all));
	f = fopen(argv[1], "wb");
	if (!f || !all)
		die("cannot be written", argv[1]);
	fwrite("CVPROMPT", 1, 8, f);
	put(f, 1);
	put(f, PROMPTS_HZ);
	put(f, (uint32_t)langs);
	put(f, (uint32_t)count);
	for (int i = 0; i < langs * count; i++) {
		uint32_t hz = PROMPTS_HZ;

		if (strcmp(argv[4 + i], "-") == 0) {
			all[i] = beep();
		} else {
			all[i] = wav(argv[4 + i], &hz);
			all[i] = trim(resample(all[i], hz, argv[4 + i]),
				      argv[4 + i]);
			level(all[i]);
		}
		put(f, at);
		put(f, all[i].n);
		at += all[i].n;
	}
	for (int i = 0; i < langs * count; i++) {
		fwrite(all[i].v, sizeof(int16_t), all[i].n, f);
		free(all[i].v);
	}
	free(all);
	if (fflush(f) != 0 || ferror(f) || fclose(f) != 0)
		die("cannot be written", argv[1]);
	return 0;
}
