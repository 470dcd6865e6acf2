#include "media/audio/say.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/audio_int.h"
#include "media/audio/codec/resample/resample.h"

enum {
	STEP = PROMPTS_HZ * AUDIO_TICK_MS / 1000,	/* samples of a frame */
	WINDOW = 5,		/* frames that loudness is taken over */
};

enum say_state { SAY_OVER = 0, SAY_PROMPT, SAY_PAUSE, SAY_RECORD };

struct say {
	struct audio_pool *pool;
	enum say_state state;
	struct audio_resample *up, *down;

	struct { const int16_t *pcm; uint32_t n; } part[AUDIO_SAY_PARTS_MAX];
	uint32_t parts, at;		/* which one */
	uint32_t pos;			/* samples of it that were said */
	uint32_t times;			/* rounds left, 0 = for ever */
	uint32_t gap, pause;		/* frames */

	int16_t *record;		/* STEP * frames */
	uint32_t frames, recorded;
	uint64_t energy[WINDOW];
	int loudest;
};

static int take_parts(struct say *s, const struct audio_say_cfg *cfg)
{
	if (cfg->n == 0 || cfg->n > AUDIO_SAY_PARTS_MAX ||
	    cfg->gap_ms > AUDIO_SAY_GAP_MAX_MS)
		return E_LIMIT;
	for (uint32_t i = 0; i < cfg->n; i++)
		if (!prompts_find(cfg->prompts, cfg->language, cfg->prompt[i],
				  &s->part[i].pcm, &s->part[i].n))
			return E_INVAL;
	s->parts = cfg->n;
	s->times = cfg->times;
	s->gap = cfg->gap_ms / AUDIO_TICK_MS;
	s->state = SAY_PROMPT;
	return 0;
}

static int make_record(struct say *s, uint32_t ms)
{
	if (ms < AUDIO_TICK_MS || ms > AUDIO_RECORD_MAX_MS)
		return E_LIMIT;
	s->frames = ms / AUDIO_TICK_MS;
	s->record = mem_calloc(s->frames, STEP * sizeof(s->record[0]));
	s->state = SAY_RECORD;
	if (!s->record)
		return E_NOMEM;
	return audio_resample_new(&s->down, 48000, PROMPTS_HZ);
}

int say_new(struct say **out, struct audio_pool *pool,
	    const struct audio_say_cfg *cfg)
{
	struct say *s;
	int r;

	if (pool->says >= AUDIO_SAYS_MAX)
		return E_FULL;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	pool->says++;
	s->pool = pool;
	s->loudest = LEVEL_MIN;
	r = audio_resample_new(&s->up, PROMPTS_HZ, 48000);
	if (r == 0)
		r = cfg->record_ms ? make_record(s, cfg->record_ms) :
				     take_parts(s, cfg);
	if (r < 0) {
		say_free(&s);
		return r;
	}
	*out = s;
	return 0;
}

void say_free(struct say **sp)
{
	struct say *s = *sp;

	if (!s)
		return;
	s->pool->says--;
	audio_resample_free(&s->up);
	audio_resample_free(&s->down);
	mem_free(s->record);
	mem_free(s);
	*sp = NULL;
}

bool say_wants_sound(const struct say *s)
{
	return s->state == SAY_RECORD;
}

static void note_loudness(struct say *s, uint64_t energy)
{
	uint64_t sum = 0;
	int now;

	s->energy[s->recorded % WINDOW] = energy;
	for (unsigned i = 0; i < WINDOW; i++)
		sum += s->energy[i];
	now = level_dbov(sum, WINDOW * AUDIO_FRAME_SAMPLES);
	if (now > s->loudest)
		s->loudest = now;
}

/* What was recorded is said once; nothing of it when nothing came. */
static void play_record(struct say *s)
{
	s->part[0].pcm = s->record;
	s->part[0].n = s->recorded * STEP;
	s->parts = 1;
	s->times = 1;
	s->state = SAY_PROMPT;
}

void say_heard(struct say *s, const int16_t in[static 960])
{
	if (s->state != SAY_RECORD)
		return;
	note_loudness(s, s->pool->kernels->energy(in, AUDIO_FRAME_SAMPLES));
	audio_resample_run(s->down, in, AUDIO_FRAME_SAMPLES,
			   s->record + s->recorded * STEP);
	if (++s->recorded == s->frames)
		play_record(s);
}

static void next_part(struct say *s)
{
	s->pos = 0;
	if (++s->at < s->parts)
		return;
	s->at = 0;
	if (s->times == 1) {
		s->state = SAY_OVER;
		return;
	}
	if (s->times > 1)
		s->times--;
	s->pause = s->gap;
	s->state = s->gap ? SAY_PAUSE : SAY_PROMPT;
}

static void read_step(struct say *s, int16_t out[static STEP])
{
	uint32_t left = s->part[s->at].n - s->pos;
	uint32_t n = left < STEP ? left : STEP;

	memcpy(out, s->part[s->at].pcm + s->pos, n * sizeof(out[0]));
	s->pos += n;
	if (s->pos == s->part[s->at].n)
		next_part(s);
}

void say_frame(struct say *s, int16_t out[static 960])
{
	int16_t step[STEP] = { 0 };

	if (s->state == SAY_PROMPT)
		read_step(s, step);
	else if (s->state == SAY_PAUSE && --s->pause == 0)
		s->state = SAY_PROMPT;
	audio_resample_run(s->up, step, STEP, out);
}

bool say_is_over(const struct say *s)
{
	return s->state == SAY_OVER;
}

uint32_t say_loudest(const struct say *s)
{
	return s->recorded ? (uint32_t)-s->loudest : 127;
}
