#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_SPANDSP
#include <spandsp.h>
#endif

#include "base/alloc_test.h"
#include "base/err.h"
#include "media/audio/codec/codec.h"
#include "media/audio/codec/g711/g711.h"
#include "media/audio/codec/g722/g722.h"
#include "media/audio/t/sim.h"

static void test_g711__known_codes(void **state)
{
	/* ITU-T G.711 tables 1 and 2: ends and middle of the range */
	(void)state;
	assert_int_equal(g711_ulaw_encode(0), 0xff);
	assert_int_equal(g711_ulaw_encode(32767), 0x80);
	assert_int_equal(g711_ulaw_encode(-32768), 0x00);
	assert_int_equal(g711_ulaw_decode(0x00), -32124);
	assert_int_equal(g711_ulaw_decode(0x80), 32124);
	assert_int_equal(g711_alaw_encode(0), 0xd5);
	assert_int_equal(g711_alaw_encode(32767), 0xaa);
	assert_int_equal(g711_alaw_encode(-32768), 0x2a);
	assert_int_equal(g711_alaw_decode(0xd5), 8);
	assert_int_equal(g711_alaw_decode(0x2a), -32256);
}

static void test_g711__every_code_survives(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		uint8_t u = g711_ulaw_encode(g711_ulaw_decode((uint8_t)c));

		/* the two zeros of mu-law are one */
		assert_int_equal(u, c == 0x7f ? 0xff : c);
		assert_int_equal(g711_alaw_encode(g711_alaw_decode((uint8_t)c)),
				 c);
	}
}

static void test_g711__error_is_in_proportion(void **state)
{
	(void)state;
	for (int v = -32768; v <= 32767; v++) {
		int u = g711_ulaw_decode(g711_ulaw_encode((int16_t)v));
		int a = g711_alaw_decode(g711_alaw_encode((int16_t)v));

		assert_true(abs(u - v) <= abs(v) / 16 + 16 || abs(v) > 32000);
		assert_true(abs(a - v) <= abs(v) / 16 + 16 || abs(v) > 32000);
	}
}

static void test_g722__tone_comes_back(void **state)
{
	struct g722 enc, dec;
	int16_t in[2], out[16000];
	double a;

	(void)state;
	g722_init(&enc);
	g722_init(&dec);
	for (int i = 0; i < 16000; i += 2) {
		for (int k = 0; k < 2; k++)
			in[k] = (int16_t)(8000 * sin(2 * M_PI * 1000 * (i + k) /
						     16000.0));
		g722_decode_pair(&dec, g722_encode_pair(&enc, in), out + i);
	}
	/* sim_tone() counts in 48 kHz: 1000 Hz at 16 kHz looks like 3000 */
	a = sim_tone(out + 4000, 12000, 3000);
	assert_true(a > 7600 && a < 8400);
}

#ifdef HAVE_SPANDSP
static void make_wide(int16_t *pcm, int n, int kind)
{
	uint32_t rng = 77;

	for (int i = 0; i < n; i++) {
		int16_t r = (int16_t)(sim_random(&rng) >> 16);

		if (kind == 0)
			pcm[i] = sim_speech(i * 3, 130, &rng);
		else if (kind == 1)
			pcm[i] = r / 4;
		else
			pcm[i] = i % 700 < 350 ? 9000 : -9000;
	}
}

/* An independent implementation of the recommendation must agree bit for bit,
 * in both directions, on speech, noise and steps. (Not on full-scale steps: this
 * one wraps where the recommendation saturates.) */
static void test_g722__equals_another_implementation(void **state)
{
	enum { COUNT = 32000 };
	static int16_t pcm[COUNT], mine[COUNT], theirs[COUNT];
	static uint8_t code[COUNT / 2], other[COUNT / 2];

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		g722_encode_state_t *e = g722_encode_init(NULL, 64000, 0);
		g722_decode_state_t *d = g722_decode_init(NULL, 64000, 0);
		struct g722 enc, dec;

		make_wide(pcm, COUNT, kind);
		g722_init(&enc);
		g722_init(&dec);
		g722_encode(e, other, pcm, COUNT);
		for (int i = 0; i < COUNT / 2; i++) {
			code[i] = g722_encode_pair(&enc, pcm + 2 * i);
			g722_decode_pair(&dec, code[i], mine + 2 * i);
		}
		assert_memory_equal(code, other, sizeof(code));
		g722_decode(d, theirs, other, COUNT / 2);
		assert_memory_equal(mine, theirs, sizeof(mine));
		g722_encode_free(e);
		g722_decode_free(d);
	}
}
#endif

static struct audio_format format(enum audio_codec codec)
{
	return (struct audio_format){
		.codec = codec, .ptime_ms = 20, .bitrate_bps = 32000,
		.bandwidth_hz = 48000,
	};
}

static void run_codec(enum audio_codec codec, int16_t *out, int frames)
{
	struct audio_format f = format(codec);
	struct audio_enc *enc = NULL;
	struct audio_dec *dec = NULL;
	uint8_t bytes[AUDIO_PACKET_MAX_BYTES];
	int16_t pcm[960];

	assert_int_equal(audio_enc_new(&enc, codec), 0);
	assert_int_equal(audio_dec_new(&dec, codec), 0);
	audio_enc_setup(enc, &f, 5);
	for (int k = 0; k < frames; k++) {
		struct span p;
		int n;

		for (int i = 0; i < 960; i++)
			pcm[i] = (int16_t)(6000 * sin(2 * M_PI * 800 *
						(k * 960 + i) / 48000.0));
		n = audio_enc_frame(enc, pcm, 960, bytes, sizeof(bytes));
		assert_true(n > 0);
		p = span_of(bytes, (size_t)n);
		assert_int_equal(audio_packet_samples(codec, p), 960);
		assert_int_equal(audio_dec_packet(dec, p, out + k * 960, 960),
				 960);
	}
	audio_enc_free(&enc);
	audio_dec_free(&dec);
}

static void test_codec__tone_survives_each(void **state)
{
	static int16_t out[50 * 960];

	(void)state;
	for (enum audio_codec c = AUDIO_OPUS; c < AUDIO_CODEC_COUNT; c++) {
		double a;

		run_codec(c, out, 50);
		a = sim_tone(out + 24000, 24000, 800);
		assert_true(a > 5300 && a < 6700);
	}
}

static void test_codec__refuses_bad_packets(void **state)
{
	static const uint8_t many[2000] = { 0x03, 0x3f };
	static const uint8_t lone[1] = { 0x03 };

	(void)state;
	assert_int_equal(audio_packet_samples(AUDIO_OPUS, SPAN_NONE), E_FORMAT);
	assert_int_equal(audio_packet_samples(AUDIO_OPUS, span_of(lone, 1)),
			 E_FORMAT);
	assert_true(audio_packet_samples(AUDIO_OPUS, span_of(many, 100)) < 0);
	assert_int_equal(audio_packet_samples(AUDIO_OPUS, span_of(many, 2000)),
			 E_LIMIT);
	assert_int_equal(audio_packet_samples(AUDIO_PCMU, span_of(many, 961)),
			 E_LIMIT);
	assert_int_equal(audio_packet_samples(AUDIO_CODEC_COUNT,
					      span_of(many, 10)),
			 E_UNSUPPORTED);
}

/* The copy of a lost packet sounds like it: nearer to the original than what
 * the decoder invents. */
static void test_opus__copy_in_the_next_packet_is_used(void **state)
{
	struct audio_format f = format(AUDIO_OPUS);
	struct audio_enc *enc = NULL;
	struct audio_dec *dec = NULL;
	uint8_t bytes[AUDIO_PACKET_MAX_BYTES];
	int16_t pcm[960], out[960];
	uint32_t rng = 5;
	int copies = 0;

	(void)state;
	f.is_fec = true;
	assert_int_equal(audio_enc_new(&enc, AUDIO_OPUS), 0);
	assert_int_equal(audio_dec_new(&dec, AUDIO_OPUS), 0);
	audio_enc_setup(enc, &f, 5);
	for (int k = 0; k < 200; k++) {
		int n;

		for (int i = 0; i < 960; i++)
			pcm[i] = sim_speech(k * 960 + i, 120, &rng);
		n = audio_enc_frame(enc, pcm, 960, bytes, sizeof(bytes));
		if (k % 10 == 8)
			continue;
		if (k % 10 == 9)
			copies += audio_dec_fec(dec, span_of(bytes, (size_t)n),
						out, 960);
		(void)audio_dec_packet(dec, span_of(bytes, (size_t)n), out,
				       960);
	}
	assert_true(copies >= 12);
	audio_enc_free(&enc);
	audio_dec_free(&dec);
}

static void test_plc__tone_goes_on_and_fades(void **state)
{
	static int16_t out[50 * 960];
	struct audio_format f = format(AUDIO_PCMU);
	struct audio_dec *dec = NULL;
	struct audio_enc *enc = NULL;
	uint8_t bytes[160];
	int16_t pcm[960];

	(void)state;
	assert_int_equal(audio_dec_new(&dec, AUDIO_PCMU), 0);
	assert_int_equal(audio_enc_new(&enc, AUDIO_PCMU), 0);
	audio_enc_setup(enc, &f, 0);
	for (int k = 0; k < 10; k++) {
		for (int i = 0; i < 960; i++)
			pcm[i] = (int16_t)(8000 * sin(2 * M_PI * 500 *
						(k * 960 + i) / 48000.0));
		(void)audio_enc_frame(enc, pcm, 960, bytes, 160);
		(void)audio_dec_packet(dec, span_of(bytes, 160), out, 960);
	}
	audio_dec_conceal(dec, out, 960);
	assert_true(sim_tone(out, 960, 500) > 6000);
	for (int k = 0; k < 4; k++)
		audio_dec_conceal(dec, out, 960);
	assert_true(sim_tone(out, 960, 500) < 1);
	audio_dec_free(&dec);
	audio_enc_free(&enc);
}

static int make_all(void *arg)
{
	int r = 0;

	(void)arg;
	for (enum audio_codec c = AUDIO_OPUS; c < AUDIO_CODEC_COUNT; c++) {
		struct audio_enc *enc = NULL;
		struct audio_dec *dec = NULL;

		if (r == 0)
			r = audio_enc_new(&enc, c);
		if (r == 0)
			r = audio_dec_new(&dec, c);
		audio_enc_free(&enc);
		audio_dec_free(&dec);
	}
	return r;
}

static void test_codec__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_all, NULL, 100) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g711__known_codes),
		cmocka_unit_test(test_g711__every_code_survives),
		cmocka_unit_test(test_g711__error_is_in_proportion),
		cmocka_unit_test(test_g722__tone_comes_back),
#ifdef HAVE_SPANDSP
		cmocka_unit_test(test_g722__equals_another_implementation),
#endif
		cmocka_unit_test(test_codec__tone_survives_each),
		cmocka_unit_test(test_codec__refuses_bad_packets),
		cmocka_unit_test(test_opus__copy_in_the_next_packet_is_used),
		cmocka_unit_test(test_plc__tone_goes_on_and_fades),
		cmocka_unit_test(test_codec__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
