#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/codec/codec_int.h"
#include "media/audio/codec/g722/g722.h"
#include "media/audio/codec/plc.h"
#include "media/audio/codec/resample/resample.h"

/* A byte is two samples at 16 kHz, so six at 48 kHz; 120 ms at most. */
enum { RATIO = 6, WIDE_HZ = 16000, PACKET_MAX = 960 };

struct g722_dec {
	struct audio_dec base;
	struct g722 state;
	struct audio_resample *up;
	struct audio_plc plc;
};

struct g722_enc {
	struct audio_enc base;
	struct g722 state;
	struct audio_resample *down;
};

static int samples(struct span p)
{
	return p.n > PACKET_MAX ? E_LIMIT : (int)p.n * RATIO;
}

static void dec_free(struct audio_dec *dec)
{
	struct g722_dec *d = (struct g722_dec *)dec;

	audio_resample_free(&d->up);
	mem_free(d);
}

static int dec_new(struct audio_dec **out)
{
	struct g722_dec *d = mem_zalloc(sizeof(*d));
	int r;

	if (!d)
		return E_NOMEM;
	d->base.ops = &audio_g722_ops;
	g722_init(&d->state);
	r = audio_resample_new(&d->up, WIDE_HZ, AUDIO_RATE_HZ);
	if (r < 0) {
		dec_free(&d->base);
		return r;
	}
	*out = &d->base;
	return 0;
}

static void dec_reset(struct audio_dec *dec)
{
	struct g722_dec *d = (struct g722_dec *)dec;

	g722_init(&d->state);
	audio_resample_reset(d->up);
	audio_plc_reset(&d->plc);
}

static int decode(struct audio_dec *dec, struct span p, int16_t *pcm, int cap)
{
	struct g722_dec *d = (struct g722_dec *)dec;
	int16_t wide[2 * PACKET_MAX];
	int n = (int)p.n;

	if (p.n > PACKET_MAX || n * RATIO > cap)
		return E_LIMIT;
	for (int i = 0; i < n; i++)
		g722_decode_pair(&d->state, p.p[i], wide + 2 * i);
	audio_resample_run(d->up, wide, 2 * n, pcm);
	audio_plc_good(&d->plc, pcm, n * RATIO);
	return n * RATIO;
}

static void conceal(struct audio_dec *dec, int16_t *pcm, int n)
{
	audio_plc_conceal(&((struct g722_dec *)dec)->plc, pcm, n);
}

static void enc_free(struct audio_enc *enc)
{
	struct g722_enc *e = (struct g722_enc *)enc;

	audio_resample_free(&e->down);
	mem_free(e);
}

static int enc_new(struct audio_enc **out)
{
	struct g722_enc *e = mem_zalloc(sizeof(*e));
	int r;

	if (!e)
		return E_NOMEM;
	e->base.ops = &audio_g722_ops;
	g722_init(&e->state);
	r = audio_resample_new(&e->down, AUDIO_RATE_HZ, WIDE_HZ);
	if (r < 0) {
		enc_free(&e->base);
		return r;
	}
	*out = &e->base;
	return 0;
}

static void enc_setup(struct audio_enc *enc, const struct audio_format *f,
		      int complexity)
{
	struct g722_enc *e = (struct g722_enc *)enc;

	(void)f;
	(void)complexity;
	g722_init(&e->state);
	audio_resample_reset(e->down);
}

static int encode(struct audio_enc *enc, const int16_t *pcm, int n,
		  uint8_t *out, int cap)
{
	struct g722_enc *e = (struct g722_enc *)enc;
	int16_t wide[2 * PACKET_MAX];
	int bytes = n / RATIO;

	if (bytes > cap || bytes > PACKET_MAX)
		return E_INTERNAL;
	audio_resample_run(e->down, pcm, n, wide);
	for (int i = 0; i < bytes; i++)
		out[i] = g722_encode_pair(&e->state, wide + 2 * i);
	return bytes;
}

const struct audio_codec_ops audio_g722_ops = {
	.codec = AUDIO_G722,
	.clock_hz = 8000,
	.samples = samples,
	.dec_new = dec_new,
	.dec_free = dec_free,
	.dec_reset = dec_reset,
	.decode = decode,
	.conceal = conceal,
	.enc_new = enc_new,
	.enc_free = enc_free,
	.enc_setup = enc_setup,
	.encode = encode,
};
