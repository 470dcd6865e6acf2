/* The judges judged: what they must call a gap, a freeze, a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../peer.h"

enum { FRAMES = 400 };

/* --- sound ------------------------------------------------------------- */

struct sound {
	struct audio_out out;
	struct audio_in in;
	uint64_t now;
	uint16_t seq;
	uint32_t ts;
};

static void sound_open(struct sound *s, bool is_fec)
{
	*s = (struct sound){.now = 1000 * SEC, .seq = 65400, .ts = 0xffff0000};
	assert_true(audio_out_open(&s->out, 700, is_fec));
	assert_true(audio_in_open(&s->in, is_fec));
	s->in.n_tones = 2;
	s->in.tone[0].hz = 700;
	s->in.tone[1].hz = 400;
}

static void sound_close(struct sound *s)
{
	opus_encoder_destroy(s->out.enc);
	opus_decoder_destroy(s->in.dec);
}

/* One frame of 20 ms; `late_ms` is its own delay. */
static void speak(struct sound *s, bool is_lost, unsigned late_ms)
{
	uint8_t b[400];
	struct rtp r = {.seq = ++s->seq, .ts = s->ts += AUDIO_FRAME,
			.payload = b};

	r.n = audio_out_frame(&s->out, s->now, b);
	if (!is_lost)
		audio_in_packet(&s->in, &r, s->now + late_ms * MS);
	for (int i = 0; i < 4; i++)
		audio_in_play(&s->in, s->now += 5 * MS);
}

static void test_sound__whole_stream_has_no_gap(void **state)
{
	static struct sound s;

	(void)state;
	sound_open(&s, true);
	for (int i = 0; i < FRAMES; i++)
		speak(&s, false, (unsigned)i * 7 % 31);
	assert_int_equal(s.in.gap_max, 0);
	assert_int_equal(s.in.concealed, 0);
	assert_true(s.in.played > FRAMES - 10);
	assert_int_equal(s.in.tone[0].absent_max, 0);
	assert_true(s.in.tone[0].heard > FRAMES - 15);
	assert_true(s.in.tone[1].heard <= 2);
	assert_true(s.in.target <= AUDIO_DELAY_MAX_MS * (int64_t)MS);
	sound_close(&s);
}

static void test_sound__hole_is_measured(void **state)
{
	static struct sound s;

	(void)state;
	sound_open(&s, true);
	for (int i = 0; i < FRAMES; i++)
		speak(&s, i >= 200 && i < 212, 0);
	/* the last of twelve comes back from the copy in the next packet */
	assert_in_range(s.in.gap_max, 11, 12);
	assert_in_range(s.in.tone[0].absent_max, 6, 12);
	sound_close(&s);
}

static void test_sound__single_losses_come_back_with_fec_only(void **state)
{
	static struct sound s;

	(void)state;
	for (int fec = 0; fec < 2; fec++) {
		sound_open(&s, fec);
		for (int i = 0; i < FRAMES; i++)
			speak(&s, i > 20 && i % 20 == 0, 0);
		if (fec)
			assert_true(s.in.fec >= 5);	/* not every frame has a copy */
		else
			assert_int_equal(s.in.fec, 0);
		assert_int_equal(s.in.fec + s.in.concealed, 18);
		assert_true(s.in.gap_max <= 1);
		sound_close(&s);
	}
}

static void test_sound__stop_of_the_server_is_a_gap(void **state)
{
	static struct sound s;

	(void)state;
	sound_open(&s, true);
	for (int i = 0; i < 100; i++)
		speak(&s, false, 0);
	for (int i = 0; i < 50; i++)	/* nothing for a second */
		audio_in_play(&s.in, s.now += 20 * MS);
	assert_true(s.in.gap_max >= 45);
	sound_close(&s);
}

static void test_sound__later_than_the_buffer_is_lost(void **state)
{
	static struct sound s;
	uint8_t bytes[400];
	struct rtp held = {.n = 0};

	(void)state;
	sound_open(&s, false);
	for (int i = 0; i < FRAMES; i++) {
		bool is_held = i > 100 && i % 50 == 0;
		uint8_t b[400];
		struct rtp r = {.seq = ++s.seq, .ts = s.ts += AUDIO_FRAME,
				.payload = b};

		r.n = audio_out_frame(&s.out, s.now, b);
		if (is_held) {
			held = r;
			memcpy(bytes, b, r.n);
			held.payload = bytes;
		} else {
			audio_in_packet(&s.in, &r, s.now);
		}
		if (i > 150 && i % 50 == 12)	/* 240 ms later */
			audio_in_packet(&s.in, &held, s.now);
		audio_in_play(&s.in, s.now += 20 * MS);
	}
	assert_true(s.in.too_late > 0);
	assert_true(s.in.concealed > 0);
	sound_close(&s);
}

static void test_sound__drift_does_not_grow_the_delay(void **state)
{
	static struct sound s;
	int64_t early = 0;
	uint8_t b[400];
	size_t n;

	(void)state;
	sound_open(&s, true);
	n = audio_out_frame(&s.out, s.now, b);
	s.in.n_tones = 0;	/* the time line alone is at stake */
	for (int i = 0; i < 5000; i++) {
		struct rtp r = {.seq = ++s.seq, .ts = s.ts += AUDIO_FRAME,
				.payload = b, .n = n};

		audio_in_packet(&s.in, &r, s.now);
		s.now += 20 * MS + 6000;	/* 300 ppm slow */
		audio_in_play(&s.in, s.now);
		if (i == 500)
			early = s.in.target;
	}
	assert_int_equal(s.in.gap_max, 0);
	assert_true(s.in.target - early < 10 * (int64_t)MS);
	/* 100 s at 300 ppm, of which the last ten make the base */
	assert_true(s.in.base - s.in.first_base > 24 * (int64_t)MS);
	sound_close(&s);
}

/* --- pictures ---------------------------------------------------------- */

struct picture {
	struct video_out out;
	struct video_in in;
	uint64_t now;
	uint16_t seq;
	uint32_t ts;
	unsigned lose;		/* packets to come that are lost */
	struct rtp lost;
	uint8_t lost_bytes[RTP_MAX];
};

static void on_packet(void *arg, const uint8_t *payload, size_t n, bool is_last)
{
	struct picture *p = arg;
	struct rtp r = {.seq = ++p->seq, .ts = p->ts, .marker = is_last,
			.payload = payload, .n = n};

	if (!p->lose) {
		video_in_packet(&p->in, &r, false, p->now);
		return;
	}
	p->lose--;
	p->lost = r;
	memcpy(p->lost_bytes, payload, n);
	p->lost.payload = p->lost_bytes;
}

static void picture_open(struct picture *p, bool uses_nack)
{
	static const uint8_t rgb[3] = {200, 30, 30};

	*p = (struct picture){.now = 1000 * SEC, .seq = 65530,
			      .ts = 0xfffff000};
	assert_true(video_out_open(&p->out, 320, 180, 15, 300, rgb));
	assert_true(video_in_open(&p->in, uses_nack));
}

static void picture_close(struct picture *p)
{
	vpx_codec_destroy(&p->out.enc);
	vpx_codec_destroy(&p->in.dec);
	vpx_img_free(p->out.img);
}

static void show(struct picture *p, int frames)
{
	for (int i = 0; i < frames; i++) {
		p->ts += 6000;
		video_out_frame(&p->out, on_packet, p);
		video_in_play(&p->in, p->now);
		p->now += 200 * MS / 3;
		video_in_play(&p->in, p->now);
	}
}

static void test_picture__whole_stream_moves(void **state)
{
	static struct picture p;

	(void)state;
	picture_open(&p, true);
	p.in.n_probes = 1;
	p.in.probe[0][0] = 0.5;
	p.in.probe[0][1] = 0.05;
	show(&p, 60);
	assert_int_equal(p.in.frames, 60);
	assert_true(p.in.moved > 50);
	assert_true(p.in.freeze_ms < 100 && p.in.freeze_ts_ms < 100);
	assert_int_equal(p.in.plis + p.in.nacks, 0);
	assert_in_range(p.in.probe_rgb[0][0], 180, 220);
	assert_in_range(p.in.probe_rgb[0][1], 10, 50);
	picture_close(&p);
}

static void test_picture__lost_packet_is_asked_for_and_taken(void **state)
{
	static struct picture p;
	uint16_t seq[VIDEO_NACK_MAX];

	(void)state;
	picture_open(&p, true);
	show(&p, 20);
	p.lose = 1;
	show(&p, 3);
	assert_int_equal(p.in.frames, 20);
	assert_int_equal(video_in_nacks(&p.in, seq, p.now), 1);
	assert_int_equal(seq[0], p.lost.seq);
	assert_int_equal(video_in_nacks(&p.in, seq, p.now), 0);
	video_in_packet(&p.in, &p.lost, true, p.now);
	video_in_play(&p.in, p.now);
	assert_int_equal(p.in.frames, 23);
	assert_int_equal(p.in.repaired, 1);
	assert_in_range((int)p.in.freeze_ms, 180, 280);
	picture_close(&p);
}

static void test_picture__without_repair_freezes_until_a_keyframe(void **state)
{
	static struct picture p;

	(void)state;
	picture_open(&p, false);
	show(&p, 20);
	p.lose = 1;
	show(&p, 30);
	assert_int_equal(p.in.frames, 20);
	assert_true(p.in.wants_pli);
	p.out.wants_key = true;
	show(&p, 5);
	assert_int_equal(p.in.frames, 25);
	assert_int_equal(p.in.keys, 2);
	assert_in_range((int)p.in.freeze_ms, 1900, 2200);
	assert_in_range((int)p.in.freeze_ts_ms, 1900, 2200);
	picture_close(&p);
}

static void test_picture__repeated_picture_is_still(void **state)
{
	static struct picture p;

	(void)state;
	picture_open(&p, true);
	show(&p, 20);
	for (int i = 0; i < 30; i++) {
		p.out.frames = 20;	/* the same drawing again */
		show(&p, 1);
	}
	video_in_end(&p.in, p.now);
	assert_true(p.in.freeze_ms < 100);
	assert_true(p.in.still_ms > 1800);
	picture_close(&p);
}

static void test_picture__end_without_pictures_is_a_freeze(void **state)
{
	static struct picture p;

	(void)state;
	picture_open(&p, true);
	show(&p, 20);
	video_in_end(&p.in, p.now + 3 * SEC);
	assert_true(p.in.freeze_ms > 3000);
	picture_close(&p);
}

/* --- packets ----------------------------------------------------------- */

static void test_rtp__written_is_read(void **state)
{
	struct rtp r = {.pt = 96, .seq = 7, .ts = 9, .ssrc = 11, .marker = true,
			.level = 33, .twcc = 4711}, got;
	uint8_t b[64];
	size_t n = rtp_write(&r, b, 1, 3);

	(void)state;
	b[n] = 0x55;
	assert_null(rtp_read(&got, b, n + 1, 1, 3));
	assert_int_equal(got.level, 33);
	assert_int_equal(got.twcc, 4711);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.payload[0], 0x55);
	assert_true(got.marker);
}

static void test_rtp__padding_must_fit(void **state)
{
	uint8_t b[16] = {0xa0, 96};
	struct rtp r;

	(void)state;
	b[15] = 4;
	assert_null(rtp_read(&r, b, 16, 0, 0));
	assert_int_equal(r.n, 0);
	b[15] = 5;
	assert_non_null(rtp_read(&r, b, 16, 0, 0));
	b[15] = 0;
	assert_non_null(rtp_read(&r, b, 16, 0, 0));
}

static void test_sr__clocks_must_agree(void **state)
{
	struct rtp_source s = {.hz = 48000};
	uint8_t sr[28] = {0x80, 200, 0, 6};

	(void)state;
	put32(put32(put32(put32(sr + 8, 100), 0), 0), 1);
	assert_null(rtp_source_sr(&s, sr, SEC));
	put32(put32(put32(put32(sr + 8, 101), 0), 48000), 2);
	assert_null(rtp_source_sr(&s, sr, 2 * SEC));
	put32(put32(put32(put32(sr + 8, 102), 0), 48000), 3);
	assert_non_null(rtp_source_sr(&s, sr, 3 * SEC));
	put32(put32(put32(put32(sr + 8, 101), 0), 48000), 4);
	assert_non_null(rtp_source_sr(&s, sr, 4 * SEC));
	put32(put32(put32(put32(sr + 8, 102), 0), 96000), 3);
	assert_non_null(rtp_source_sr(&s, sr, 5 * SEC));
}

/* draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1 */
static void test_twcc__tells_arrivals_and_holes(void **state)
{
	static struct twcc t;
	uint8_t b[256];
	size_t n;

	(void)state;
	t = (struct twcc){.is_started = false};
	twcc_saw(&t, 65535, 6400 * MS);
	twcc_saw(&t, 1, 6401 * MS);		/* 0 is missing */
	twcc_saw(&t, 2, 6500 * MS);
	n = twcc_write(&t, b, 1, 2);
	assert_int_equal(n % 4, 0);
	assert_int_equal(get16(b + 2), n / 4 - 1);
	assert_int_equal(get16(b + 12), 65535);
	assert_int_equal(get16(b + 14), 4);
	assert_int_equal(get24(b + 16), 100);
	/* small, none, small, large */
	assert_int_equal(get16(b + 20), 0xc000 | 1 << 12 | 1 << 8 | 2 << 6);
	assert_int_equal(b[22], 0);
	assert_int_equal(b[23], 4);
	assert_int_equal(get16(b + 24), 396);
	assert_int_equal(twcc_write(&t, b, 1, 2), 0);
}

/* RFC 5769 has no request with our attributes: sign and check. */
static void test_stun__a_foreign_signature_is_refused(void **state)
{
	struct stun_peer a = {.local_ufrag = "aaaa", .local_pwd = "mine",
			      .ufrag = "bbbb", .pwd = "theirs"};
	struct stun_peer b = {.local_ufrag = "bbbb", .local_pwd = "theirs"};
	uint8_t id[12] = {1, 2, 3}, seen[12], m[512];
	uint16_t port;
	size_t n = stun_request(&a, id, m);

	(void)state;
	assert_int_equal(stun_read(&b, m, n, seen, &port), STUN_REQUEST);
	assert_memory_equal(id, seen, 12);
	m[30] ^= 1;
	assert_int_equal(stun_read(&b, m, n, seen, &port), STUN_BAD);
	m[30] ^= 1;
	(void)snprintf(b.local_pwd, sizeof(b.local_pwd), "other");
	assert_int_equal(stun_read(&b, m, n, seen, &port), STUN_BAD);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(stun_read(&a, m, k, seen, &port), STUN_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound__whole_stream_has_no_gap),
		cmocka_unit_test(test_sound__hole_is_measured),
		cmocka_unit_test(test_sound__single_losses_come_back_with_fec_only),
		cmocka_unit_test(test_sound__stop_of_the_server_is_a_gap),
		cmocka_unit_test(test_sound__later_than_the_buffer_is_lost),
		cmocka_unit_test(test_sound__drift_does_not_grow_the_delay),
		cmocka_unit_test(test_picture__whole_stream_moves),
		cmocka_unit_test(test_picture__lost_packet_is_asked_for_and_taken),
		cmocka_unit_test(test_picture__without_repair_freezes_until_a_keyframe),
		cmocka_unit_test(test_picture__repeated_picture_is_still),
		cmocka_unit_test(test_picture__end_without_pictures_is_a_freeze),
		cmocka_unit_test(test_rtp__written_is_read),
		cmocka_unit_test(test_rtp__padding_must_fit),
		cmocka_unit_test(test_sr__clocks_must_agree),
		cmocka_unit_test(test_twcc__tells_arrivals_and_holes),
		cmocka_unit_test(test_stun__a_foreign_signature_is_refused),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
