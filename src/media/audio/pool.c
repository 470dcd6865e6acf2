#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/audio_int.h"

#include <string.h>

enum {
	NOISE_BITRATE = 12000,
	NOISE_AMPLITUDE = 24,	/* before smoothing; about -72 dBov after */
	NOISE_COMPLEXITY = 5,
};

/* The same noise in every process: it carries no secret and tests want it
 * repeatable. Softened by averaging, because white noise hisses. */
static void make_noise(int16_t *pcm)
{
	uint32_t x = 0x2545f491;
	int last = 0;

	for (int i = 0; i < NOISE_LOOP; i++) {
		int v;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		v = (int)(x % (2 * NOISE_AMPLITUDE + 1)) - NOISE_AMPLITUDE;
		last = (last * 2 + v) / 3;
		pcm[i] = (int16_t)last;
	}
	memcpy(pcm + NOISE_LOOP, pcm, AUDIO_FRAME_SAMPLES * sizeof(*pcm));
}

int audio_pool_new(struct audio_pool **out)
{
	struct audio_pool *pool = mem_zalloc(sizeof(*pool));

	if (!pool)
		return E_NOMEM;
	pool->kernels = audio_kernels_best();
	make_noise(pool->noise_pcm);
	*out = pool;
	return 0;
}

static void free_codec(struct audio_pool *pool, unsigned codec)
{
	while (pool->decs[codec] > 0)
		audio_dec_free(&pool->dec[codec][--pool->decs[codec]]);
	while (pool->encs[codec] > 0)
		audio_enc_free(&pool->enc[codec][--pool->encs[codec]]);
	for (int i = 0; i < PTIME_STEPS; i++) {
		mem_free(pool->noise[0][codec][i].bytes);
		mem_free(pool->noise[1][codec][i].bytes);
	}
}

void audio_pool_free(struct audio_pool **pool)
{
	if (!*pool)
		return;
	for (unsigned c = 0; c < AUDIO_CODEC_COUNT; c++)
		free_codec(*pool, c);
	mem_free(*pool);
	*pool = NULL;
}

int pool_take_dec(struct audio_pool *pool, enum audio_codec codec,
		  struct audio_dec **out)
{
	if (pool->decs[codec] == 0)
		return audio_dec_new(out, codec);
	*out = pool->dec[codec][--pool->decs[codec]];
	audio_dec_reset(*out);
	return 0;
}

void pool_give_dec(struct audio_pool *pool, struct audio_dec **dec)
{
	enum audio_codec codec;

	if (!*dec)
		return;
	codec = audio_dec_codec(*dec);
	if (pool->decs[codec] == POOL_SPARE) {
		audio_dec_free(dec);
		return;
	}
	pool->dec[codec][pool->decs[codec]++] = *dec;
	*dec = NULL;
}

int pool_take_enc(struct audio_pool *pool, enum audio_codec codec,
		  struct audio_enc **out)
{
	if (pool->encs[codec] == 0)
		return audio_enc_new(out, codec);
	*out = pool->enc[codec][--pool->encs[codec]];
	return 0;
}

void pool_give_enc(struct audio_pool *pool, struct audio_enc **enc)
{
	enum audio_codec codec;

	if (!*enc)
		return;
	codec = audio_enc_codec(*enc);
	if (pool->encs[codec] == POOL_SPARE) {
		audio_enc_free(enc);
		return;
	}
	pool->enc[codec][pool->encs[codec]++] = *enc;
	*enc = NULL;
}

/* Packet i of the second, for all i, into bytes; returns their number. */
static int encode_noise(struct audio_pool *pool, struct audio_noise *noise,
			struct audio_enc *enc, int samples, bool is_silent,
			uint8_t *bytes)
{
	int16_t pcm[AUDIO_FRAME_SAMPLES * PTIME_STEPS];
	uint32_t count = NOISE_SPAN_MS * 48 / (uint32_t)samples;
	uint32_t from = 0;
	int total = 0;

	/* one round to settle the encoder, one to keep */
	for (uint32_t i = 0; i < 2 * count; i++) {
		int n;

		for (int k = 0; k < samples; k++)
			pcm[k] = is_silent ? 0 :
				 pool->noise_pcm[from++ % NOISE_LOOP];
		n = audio_enc_frame(enc, pcm, samples, bytes + total,
				    AUDIO_PACKET_MAX_BYTES);
		if (n < 0)
			return n;
		if (i < count)
			continue;
		noise->at[i - count] = (uint16_t)total;
		total += n;
	}
	noise->packets = count;
	noise->at[count] = (uint16_t)total;
	return total;
}

int pool_want_noise(struct audio_pool *pool, const struct audio_format *f,
		    bool is_silent)
{
	uint32_t steps = format_frames(f);
	struct audio_noise *noise =
		&pool->noise[is_silent][f->codec][steps - 1];
	struct audio_format plain = {
		.codec = f->codec, .ptime_ms = f->ptime_ms,
		.bitrate_bps = NOISE_BITRATE, .bandwidth_hz = 48000,
	};
	struct audio_enc *enc = NULL;
	uint8_t *bytes;
	int r;

	if (noise->bytes)
		return 0;
	r = pool_take_enc(pool, f->codec, &enc);
	if (r < 0)
		return r;
	bytes = mem_alloc(65536);
	r = bytes ? 0 : E_NOMEM;
	if (r == 0) {
		audio_enc_setup(enc, &plain, NOISE_COMPLEXITY);
		r = encode_noise(pool, noise, enc,
				 (int)steps * AUDIO_FRAME_SAMPLES, is_silent,
				 bytes);
	}
	if (r > 0) {
		noise->bytes = mem_dup(bytes, (size_t)r);
		r = noise->bytes ? 0 : E_NOMEM;
	}
	mem_free(bytes);
	pool_give_enc(pool, &enc);
	return r;
}
