#include "media/audio/codec/codec_int.h"

#include "base/err.h"

static const struct audio_codec_ops *const codecs[AUDIO_CODEC_COUNT] = {
	[AUDIO_OPUS] = &audio_opus_ops,
	[AUDIO_PCMU] = &audio_pcmu_ops,
	[AUDIO_PCMA] = &audio_pcma_ops,
	[AUDIO_G722] = &audio_g722_ops,
};

static const struct audio_codec_ops *find(enum audio_codec codec)
{
	if ((unsigned)codec >= AUDIO_CODEC_COUNT)
		return NULL;
	return codecs[codec];
}

bool audio_format_equal(const struct audio_format *a,
			const struct audio_format *b)
{
	return a->codec == b->codec && a->ptime_ms == b->ptime_ms &&
	       a->bitrate_bps == b->bitrate_bps &&
	       a->bandwidth_hz == b->bandwidth_hz &&
	       a->is_fec == b->is_fec && a->is_cbr == b->is_cbr;
}

uint32_t audio_codec_clock_hz(enum audio_codec codec)
{
	const struct audio_codec_ops *ops = find(codec);

	return ops ? ops->clock_hz : 0;
}

int audio_packet_samples(enum audio_codec codec, struct span payload)
{
	const struct audio_codec_ops *ops = find(codec);

	if (!ops)
		return E_UNSUPPORTED;
	if (payload.n == 0)
		return E_FORMAT;
	return ops->samples(payload);
}

bool audio_packet_is_dtx(enum audio_codec codec, struct span payload)
{
	return codec == AUDIO_OPUS && payload.n <= 2;
}

int audio_dec_new(struct audio_dec **out, enum audio_codec codec)
{
	const struct audio_codec_ops *ops = find(codec);

	return ops ? ops->dec_new(out) : E_UNSUPPORTED;
}

void audio_dec_free(struct audio_dec **dec)
{
	if (!*dec)
		return;
	(*dec)->ops->dec_free(*dec);
	*dec = NULL;
}

enum audio_codec audio_dec_codec(const struct audio_dec *dec)
{
	return dec->ops->codec;
}

void audio_dec_reset(struct audio_dec *dec)
{
	dec->ops->dec_reset(dec);
}

int audio_dec_packet(struct audio_dec *dec, struct span payload, int16_t *pcm,
		     int cap)
{
	return dec->ops->decode(dec, payload, pcm, cap);
}

void audio_dec_conceal(struct audio_dec *dec, int16_t *pcm, int n)
{
	dec->ops->conceal(dec, pcm, n);
}

bool audio_dec_fec(struct audio_dec *dec, struct span next, int16_t *pcm,
		   int n)
{
	if (dec->ops->fec)
		return dec->ops->fec(dec, next, pcm, n);
	dec->ops->conceal(dec, pcm, n);
	return false;
}

int audio_enc_new(struct audio_enc **out, enum audio_codec codec)
{
	const struct audio_codec_ops *ops = find(codec);

	return ops ? ops->enc_new(out) : E_UNSUPPORTED;
}

void audio_enc_free(struct audio_enc **enc)
{
	if (!*enc)
		return;
	(*enc)->ops->enc_free(*enc);
	*enc = NULL;
}

enum audio_codec audio_enc_codec(const struct audio_enc *enc)
{
	return enc->ops->codec;
}

void audio_enc_setup(struct audio_enc *enc, const struct audio_format *format,
		     int complexity)
{
	enc->ops->enc_setup(enc, format, complexity);
}

int audio_enc_frame(struct audio_enc *enc, const int16_t *pcm, int n,
		    uint8_t *out, int cap)
{
	return enc->ops->encode(enc, pcm, n, out, cap);
}
