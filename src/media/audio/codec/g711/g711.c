#include "media/audio/codec/g711/g711.h"

#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/codec/codec_int.h"
#include "media/audio/codec/plc.h"
#include "media/audio/codec/resample/resample.h"

enum { RATIO = 6, PACKET_MAX = 960, BIAS = 0x84 };	/* 120 ms at 8 kHz */

/* Position of the highest bit of v (v > 0). */
static int top_bit(unsigned v)
{
	return 31 - __builtin_clz(v);
}

int16_t g711_ulaw_decode(uint8_t code)
{
	uint8_t u = (uint8_t)~code;
	int v = (((u & 0x0f) << 3) + BIAS) << ((u >> 4) & 7);

	return (int16_t)(u & 0x80 ? BIAS - v : v - BIAS);
}

uint8_t g711_ulaw_encode(int16_t pcm)
{
	int v = pcm < 0 ? -(int)pcm : pcm;
	int sign = pcm < 0 ? 0x80 : 0;
	int seg;

	if (v > 32635)
		v = 32635;
	v += BIAS;
	seg = top_bit((unsigned)v) - 7;
	return (uint8_t)~(sign | seg << 4 | ((v >> (seg + 3)) & 0x0f));
}

int16_t g711_alaw_decode(uint8_t code)
{
	uint8_t a = code ^ 0x55;
	int seg = (a >> 4) & 7;
	int v = ((a & 0x0f) << 4) + 8;

	if (seg > 0)
		v = (v + 0x100) << (seg - 1);
	return (int16_t)(a & 0x80 ? v : -v);
}

uint8_t g711_alaw_encode(int16_t pcm)
{
	int sign = pcm >= 0 ? 0x80 : 0;
	int v = pcm >= 0 ? pcm : -(pcm + 1);
	int seg = v < 256 ? 0 : top_bit((unsigned)v) - 7;
	int mantissa = v >> (seg ? seg + 3 : 4);

	return (uint8_t)((sign | seg << 4 | (mantissa & 0x0f)) ^ 0x55);
}

/* --- behind the codec face --- */

struct g711_dec {
	struct audio_dec base;
	struct audio_resample *up;
	struct audio_plc plc;
};

struct g711_enc {
	struct audio_enc base;
	struct audio_resample *down;
};

static int g711_samples(struct span p)
{
	return p.n > PACKET_MAX ? E_LIMIT : (int)p.n * RATIO;
}

static void g711_dec_free(struct audio_dec *dec)
{
	struct g711_dec *d = (struct g711_dec *)dec;

	audio_resample_free(&d->up);
	mem_free(d);
}

static int dec_new(struct audio_dec **out, const struct audio_codec_ops *ops)
{
	struct g711_dec *d = mem_zalloc(sizeof(*d));
	int r;

	if (!d)
		return E_NOMEM;
	d->base.ops = ops;
	r = audio_resample_new(&d->up, 8000, AUDIO_RATE_HZ);
	if (r < 0) {
		g711_dec_free(&d->base);
		return r;
	}
	*out = &d->base;
	return 0;
}

static int pcmu_dec_new(struct audio_dec **out)
{
	return dec_new(out, &audio_pcmu_ops);
}

static int pcma_dec_new(struct audio_dec **out)
{
	return dec_new(out, &audio_pcma_ops);
}

static void g711_dec_reset(struct audio_dec *dec)
{
	struct g711_dec *d = (struct g711_dec *)dec;

	audio_resample_reset(d->up);
	audio_plc_reset(&d->plc);
}

static int g711_decode(struct audio_dec *dec, struct span p, int16_t *pcm,
		       int cap)
{
	struct g711_dec *d = (struct g711_dec *)dec;
	int16_t low[PACKET_MAX];
	int n = (int)p.n;
	bool is_ulaw = dec->ops->codec == AUDIO_PCMU;

	if (p.n > PACKET_MAX || n * RATIO > cap)
		return E_LIMIT;
	for (int i = 0; i < n; i++)
		low[i] = is_ulaw ? g711_ulaw_decode(p.p[i]) :
				   g711_alaw_decode(p.p[i]);
	audio_resample_run(d->up, low, n, pcm);
	audio_plc_good(&d->plc, pcm, n * RATIO);
	return n * RATIO;
}

static void g711_conceal(struct audio_dec *dec, int16_t *pcm, int n)
{
	audio_plc_conceal(&((struct g711_dec *)dec)->plc, pcm, n);
}

static void g711_enc_free(struct audio_enc *enc)
{
	struct g711_enc *e = (struct g711_enc *)enc;

	audio_resample_free(&e->down);
	mem_free(e);
}

static int enc_new(struct audio_enc **out, const struct audio_codec_ops *ops)
{
	struct g711_enc *e = mem_zalloc(sizeof(*e));
	int r;

	if (!e)
		return E_NOMEM;
	e->base.ops = ops;
	r = audio_resample_new(&e->down, AUDIO_RATE_HZ, 8000);
	if (r < 0) {
		g711_enc_free(&e->base);
		return r;
	}
	*out = &e->base;
	return 0;
}

static int pcmu_enc_new(struct audio_enc **out)
{
	return enc_new(out, &audio_pcmu_ops);
}

static int pcma_enc_new(struct audio_enc **out)
{
	return enc_new(out, &audio_pcma_ops);
}

static void g711_enc_setup(struct audio_enc *enc, const struct audio_format *f,
			   int complexity)
{
	(void)f;
	(void)complexity;
	audio_resample_reset(((struct g711_enc *)enc)->down);
}

static int g711_encode(struct audio_enc *enc, const int16_t *pcm, int n,
		       uint8_t *out, int cap)
{
	struct g711_enc *e = (struct g711_enc *)enc;
	int16_t low[PACKET_MAX];
	bool is_ulaw = enc->ops->codec == AUDIO_PCMU;
	int bytes = n / RATIO;

	if (bytes > cap || bytes > PACKET_MAX)
		return E_INTERNAL;
	audio_resample_run(e->down, pcm, n, low);
	for (int i = 0; i < bytes; i++)
		out[i] = is_ulaw ? g711_ulaw_encode(low[i]) :
				   g711_alaw_encode(low[i]);
	return bytes;
}

#define G711_OPS(name, id)                                                    \
	const struct audio_codec_ops audio_##name##_ops = {                   \
		.codec = id,                                                  \
		.clock_hz = 8000,                                             \
		.samples = g711_samples,                                      \
		.dec_new = name##_dec_new,                                    \
		.dec_free = g711_dec_free,                                    \
		.dec_reset = g711_dec_reset,                                  \
		.decode = g711_decode,                                        \
		.conceal = g711_conceal,                                      \
		.enc_new = name##_enc_new,                                    \
		.enc_free = g711_enc_free,                                    \
		.enc_setup = g711_enc_setup,                                  \
		.encode = g711_encode,                                        \
	}

G711_OPS(pcmu, AUDIO_PCMU);
G711_OPS(pcma, AUDIO_PCMA);
