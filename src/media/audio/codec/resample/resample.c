#include "media/audio/codec/resample/resample.h"

#include <speex/speex_resampler.h>

#include "base/alloc.h"
#include "base/err.h"

enum { QUALITY = 3 };

struct audio_resample {
	SpeexResamplerState *state;
	uint32_t from_hz, to_hz;
};

int audio_resample_new(struct audio_resample **out, uint32_t from_hz,
		       uint32_t to_hz)
{
	struct audio_resample *r = mem_zalloc(sizeof(*r));
	int err = 0;

	if (!r)
		return E_NOMEM;
	r->from_hz = from_hz;
	r->to_hz = to_hz;
	r->state = speex_resampler_init(1, from_hz, to_hz, QUALITY, &err);
	if (!r->state) {
		mem_free(r);
		return E_NOMEM;
	}
	audio_resample_reset(r);
	*out = r;
	return 0;
}

void audio_resample_free(struct audio_resample **r)
{
	if (!*r)
		return;
	speex_resampler_destroy((*r)->state);
	mem_free(*r);
	*r = NULL;
}

void audio_resample_reset(struct audio_resample *r)
{
	(void)speex_resampler_reset_mem(r->state);
}

void audio_resample_run(struct audio_resample *r, const int16_t *in, int n,
			int16_t *out)
{
	int want = (int)((int64_t)n * r->to_hz / r->from_hz);
	spx_uint32_t used = (spx_uint32_t)n, made = (spx_uint32_t)want;

	(void)speex_resampler_process_int(r->state, 0, in, &used, out, &made);
	for (int i = (int)made; i < want; i++)
		out[i] = 0;
}
