/* media/audio/codec/codec_int.h - what a codec folder provides. Private to
 * codec/. */
#pragma once
#include "media/audio/codec/codec.h"

struct audio_dec {
	const struct audio_codec_ops *ops;
};

struct audio_enc {
	const struct audio_codec_ops *ops;
};

/* A codec's coders begin with struct audio_dec / struct audio_enc. */
struct audio_codec_ops {
	enum audio_codec codec;
	uint32_t clock_hz;
	int  (*samples)(struct span payload);
	int  (*dec_new)(struct audio_dec **out);
	void (*dec_free)(struct audio_dec *dec);
	void (*dec_reset)(struct audio_dec *dec);
	int  (*decode)(struct audio_dec *dec, struct span payload,
		       int16_t *pcm, int cap);
	void (*conceal)(struct audio_dec *dec, int16_t *pcm, int n);
	bool (*fec)(struct audio_dec *dec, struct span next, int16_t *pcm,
		    int n);
	int  (*enc_new)(struct audio_enc **out);
	void (*enc_free)(struct audio_enc *enc);
	void (*enc_setup)(struct audio_enc *enc, const struct audio_format *f,
			  int complexity);
	int  (*encode)(struct audio_enc *enc, const int16_t *pcm, int n,
		       uint8_t *out, int cap);
};

extern const struct audio_codec_ops audio_opus_ops;
extern const struct audio_codec_ops audio_pcmu_ops;
extern const struct audio_codec_ops audio_pcma_ops;
extern const struct audio_codec_ops audio_g722_ops;
