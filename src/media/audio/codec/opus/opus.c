/* libopus behind the codec face. opus_decode/opus_encode only: the
 * multistream calls execute CPUID for each packet, which traps in a virtual
 * machine. */
#include <opus/opus.h>

#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/codec/codec_int.h"

enum { LOSS_PERC_LOSSY = 15 };

struct opus_dec {
	struct audio_dec base;
	OpusDecoder *state;
};

struct opus_enc {
	struct audio_enc base;
	OpusEncoder *state;
};

static int opus_samples(struct span p)
{
	int n;

	if (p.n > AUDIO_PACKET_MAX_BYTES)
		return E_LIMIT;
	n = opus_packet_get_nb_samples(p.p, (opus_int32)p.n, AUDIO_RATE_HZ);
	if (n <= 0)
		return E_FORMAT;
	return n > AUDIO_PACKET_MAX_SAMPLES ? E_LIMIT : n;
}

static void opus_dec_free(struct audio_dec *dec)
{
	struct opus_dec *d = (struct opus_dec *)dec;

	mem_free(d->state);
	mem_free(d);
}

static int opus_dec_new(struct audio_dec **out)
{
	struct opus_dec *d = mem_zalloc(sizeof(*d));

	if (!d)
		return E_NOMEM;
	d->base.ops = &audio_opus_ops;
	d->state = mem_alloc((size_t)opus_decoder_get_size(1));
	if (!d->state ||
	    opus_decoder_init(d->state, AUDIO_RATE_HZ, 1) != OPUS_OK) {
		opus_dec_free(&d->base);
		return E_NOMEM;
	}
	*out = &d->base;
	return 0;
}

static void opus_dec_reset(struct audio_dec *dec)
{
	struct opus_dec *d = (struct opus_dec *)dec;

	(void)opus_decoder_ctl(d->state, OPUS_RESET_STATE);
}

static int opus_dec_packet(struct audio_dec *dec, struct span p, int16_t *pcm,
			   int cap)
{
	struct opus_dec *d = (struct opus_dec *)dec;
	int n = opus_decode(d->state, p.p, (opus_int32)p.n, pcm, cap, 0);

	if (n == OPUS_BUFFER_TOO_SMALL)
		return E_LIMIT;
	return n > 0 ? n : E_FORMAT;
}

static void opus_dec_conceal(struct audio_dec *dec, int16_t *pcm, int n)
{
	struct opus_dec *d = (struct opus_dec *)dec;
	int got = opus_decode(d->state, NULL, 0, pcm, n, 0);

	for (int i = got > 0 ? got : 0; i < n; i++)
		pcm[i] = 0;
}

/* RFC 6716 4.2.3 and 4.2.4: a SILK or hybrid frame begins with one VAD bit per
 * 20 ms and then the flag that says whether it carries a copy of the frame
 * before it. */
static bool opus_has_copy(struct span p)
{
	const unsigned char *frame[48];
	opus_int16 size[48];
	int samples, silk_frames;

	if (p.n == 0 || (p.p[0] & 0x80))
		return false;
	if (opus_packet_parse(p.p, (opus_int32)p.n, NULL, frame, size,
			      NULL) <= 0 || size[0] < 1)
		return false;
	samples = opus_packet_get_samples_per_frame(p.p, AUDIO_RATE_HZ);
	silk_frames = samples > 960 ? samples / 960 : 1;
	return frame[0][0] & (0x80 >> silk_frames);
}

static bool opus_dec_fec(struct audio_dec *dec, struct span next, int16_t *pcm,
			 int n)
{
	struct opus_dec *d = (struct opus_dec *)dec;
	int got = opus_decode(d->state, next.p, (opus_int32)next.n, pcm, n, 1);

	if (got == n)
		return opus_has_copy(next);
	opus_dec_conceal(dec, pcm, n);
	return false;
}

static void opus_enc_free(struct audio_enc *enc)
{
	struct opus_enc *e = (struct opus_enc *)enc;

	mem_free(e->state);
	mem_free(e);
}

static int opus_enc_new(struct audio_enc **out)
{
	struct opus_enc *e = mem_zalloc(sizeof(*e));

	if (!e)
		return E_NOMEM;
	e->base.ops = &audio_opus_ops;
	e->state = mem_alloc((size_t)opus_encoder_get_size(1));
	if (!e->state || opus_encoder_init(e->state, AUDIO_RATE_HZ, 1,
					   OPUS_APPLICATION_VOIP) != OPUS_OK) {
		opus_enc_free(&e->base);
		return E_NOMEM;
	}
	*out = &e->base;
	return 0;
}

static int bandwidth_of(uint32_t hz)
{
	if (hz <= 8000)
		return OPUS_BANDWIDTH_NARROWBAND;
	if (hz <= 12000)
		return OPUS_BANDWIDTH_MEDIUMBAND;
	if (hz <= 16000)
		return OPUS_BANDWIDTH_WIDEBAND;
	return hz <= 24000 ? OPUS_BANDWIDTH_SUPERWIDEBAND :
			     OPUS_BANDWIDTH_FULLBAND;
}

/* None of these can fail for a value in range; the ranges are ours. */
static void opus_enc_setup(struct audio_enc *enc, const struct audio_format *f,
			   int complexity)
{
	OpusEncoder *s = ((struct opus_enc *)enc)->state;

	(void)opus_encoder_ctl(s, OPUS_RESET_STATE);
	(void)opus_encoder_ctl(s, OPUS_SET_COMPLEXITY(complexity));
	(void)opus_encoder_ctl(s,
			       OPUS_SET_BITRATE((opus_int32)f->bitrate_bps));
	(void)opus_encoder_ctl(s, OPUS_SET_VBR(f->is_cbr ? 0 : 1));
	(void)opus_encoder_ctl(s, OPUS_SET_MAX_BANDWIDTH(
					  bandwidth_of(f->bandwidth_hz)));
	(void)opus_encoder_ctl(s, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	(void)opus_encoder_ctl(s, OPUS_SET_INBAND_FEC(f->is_fec ? 1 : 0));
	(void)opus_encoder_ctl(s, OPUS_SET_PACKET_LOSS_PERC(
					  f->is_fec ? LOSS_PERC_LOSSY : 0));
	(void)opus_encoder_ctl(s, OPUS_SET_DTX(0));
}

static int opus_enc_packet(struct audio_enc *enc, const int16_t *pcm, int n,
			   uint8_t *out, int cap)
{
	struct opus_enc *e = (struct opus_enc *)enc;
	int r = opus_encode(e->state, pcm, n, out, cap);

	return r > 0 ? r : E_INTERNAL;
}

const struct audio_codec_ops audio_opus_ops = {
	.codec = AUDIO_OPUS,
	.clock_hz = 48000,
	.samples = opus_samples,
	.dec_new = opus_dec_new,
	.dec_free = opus_dec_free,
	.dec_reset = opus_dec_reset,
	.decode = opus_dec_packet,
	.conceal = opus_dec_conceal,
	.fec = opus_dec_fec,
	.enc_new = opus_enc_new,
	.enc_free = opus_enc_free,
	.enc_setup = opus_enc_setup,
	.encode = opus_enc_packet,
};
