/* media/audio/codec/codec.h - one face for the audio codecs.
 *
 * Whatever a codec's own rate, samples here are 48 kHz mono int16. A coder is
 * made outside the tick and lives long: nothing but _new and _free allocates,
 * makes a system call or takes a lock. Each codec and the resampler stand
 * behind a folder of their own (opus/, g711/, g722/, resample/).
 *
 * Not thread safe; one owner.
 */
#pragma once
#include "base/span.h"

enum {
	AUDIO_RATE_HZ = 48000,
	AUDIO_FRAME_SAMPLES = 960,	/* 20 ms, one tick */
	AUDIO_PACKET_MAX_BYTES = 1275,	/* RFC 6716 3.4, one frame */
	AUDIO_PACKET_MAX_SAMPLES = 5760, /* 120 ms, RFC 6716 3.2.5 */
	AUDIO_PTIME_MAX_MS = 60,
};

enum audio_codec {
	AUDIO_CODEC_NONE = 0,
	AUDIO_OPUS,		/* RFC 7587, RTP clock 48000 */
	AUDIO_PCMU,		/* RFC 3551, RTP clock 8000 */
	AUDIO_PCMA,		/* RFC 3551, RTP clock 8000 */
	AUDIO_G722,		/* RFC 3551, RTP clock 8000 for 16 kHz sound */
	AUDIO_CODEC_COUNT
};

/* What a receiver asked for, and with `codec` the identity of an encoding: two
 * legs with equal formats may share a packet. */
struct audio_format {
	enum audio_codec codec;
	uint32_t ptime_ms;	/* 20, 40 or 60; only 20 unless Opus */
	uint32_t bitrate_bps;	/* Opus: 6000..64000 */
	uint32_t bandwidth_hz;	/* Opus: 8000, 12000, 16000, 24000, 48000 */
	bool is_fec;		/* Opus: with in-band FEC (lossy class) */
	bool is_cbr;		/* Opus: constant bit rate was asked for */
};

bool audio_format_equal(const struct audio_format *a,
			const struct audio_format *b);

/* RTP clock of the codec in Hz; 0 for a value outside the list. */
uint32_t audio_codec_clock_hz(enum audio_codec codec);

/* Sound in a packet, in samples at 48 kHz, without decoding it. Pure; linear
 * in nothing. E_FORMAT, E_LIMIT (over 120 ms), E_UNSUPPORTED. */
int audio_packet_samples(enum audio_codec codec, struct span payload);

/* True for a packet that announces "nothing follows for a while" (an Opus DTX
 * frame: the two-byte form of RFC 6716 3.1 or shorter). */
bool audio_packet_is_dtx(enum audio_codec codec, struct span payload);

struct audio_dec;

/* E_NOMEM, E_UNSUPPORTED. The caller owns *out. */
int  audio_dec_new(struct audio_dec **out, enum audio_codec codec);
void audio_dec_free(struct audio_dec **dec);
enum audio_codec audio_dec_codec(const struct audio_dec *dec);
/* Forgets all sound. */
void audio_dec_reset(struct audio_dec *dec);
/* One packet: samples written (<= cap), or E_FORMAT, E_LIMIT. Hostile bytes
 * are expected. cap should be AUDIO_PACKET_MAX_SAMPLES. */
int  audio_dec_packet(struct audio_dec *dec, struct span payload, int16_t *pcm,
		      int cap);
/* Invents n samples in place of lost ones, fading with the length of the loss.
 * n is a multiple of 120 (2.5 ms) and at most AUDIO_PACKET_MAX_SAMPLES. Always
 * writes n samples. */
void audio_dec_conceal(struct audio_dec *dec, int16_t *pcm, int n);
/* The same, from the copy of the lost sound in the packet after it; conceals
 * when that one has none. True when a real copy was there. */
bool audio_dec_fec(struct audio_dec *dec, struct span next, int16_t *pcm,
		   int n);

struct audio_enc;

int  audio_enc_new(struct audio_enc **out, enum audio_codec codec);
void audio_enc_free(struct audio_enc **enc);
enum audio_codec audio_enc_codec(const struct audio_enc *enc);
/* Forgets all sound and takes new options; format->codec must be the coder's
 * own. complexity 0..10, Opus only. No allocation. */
void audio_enc_setup(struct audio_enc *enc, const struct audio_format *format,
		     int complexity);
/* Encodes n samples (20, 40 or 60 ms). Bytes written, or E_INTERNAL. */
int  audio_enc_frame(struct audio_enc *enc, const int16_t *pcm, int n,
		     uint8_t *out, int cap);
