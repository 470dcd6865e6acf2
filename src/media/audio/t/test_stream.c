/* One sender through a network with faults, as the room hears him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/audio/audio_int.h"
#include "media/audio/t/sim.h"

struct line {
	struct sim *sim;
	struct sim_peer *speaker, *listener;
};

static struct line line_of(const struct sim_peer_cfg *speaker)
{
	struct sim_peer_cfg ear = { .codec = speaker->codec,
				    .no_listen = true };
	struct line l;

	assert_int_equal(sim_new(&l.sim, &(struct audio_room_cfg){
						 .is_noise_off = true }), 0);
	l.speaker = sim_add(l.sim, speaker);
	l.listener = sim_add(l.sim, &ear);
	assert_non_null(l.speaker);
	assert_non_null(l.listener);
	return l;
}

static struct audio_leg_stats stats_of(const struct sim_peer *p)
{
	struct audio_leg_stats s;

	audio_leg_stats(p->leg, &s);
	return s;
}

static double rms(const int16_t *pcm, int n)
{
	double e = 0;

	for (int i = 0; i < n; i++)
		e += (double)pcm[i] * pcm[i];
	return sqrt(e / n);
}

/* A sanitizer looks for other faults and is ten times as slow. */
#ifdef CONCLAVE_SANITIZED
enum { DRIFT_S = 60 };
#else
enum { DRIFT_S = 600 };
#endif

/* Ten minutes of a steady tone, the hardest case: no silence to hide in. */
static void drift(int ppm)
{
	struct sim_peer_cfg cfg = { .codec = AUDIO_PCMU, .signal = SIM_TONE,
				    .hz = 440, .gain = 0.3, .drift_ppm = ppm,
				    .delay_ms = 30 };
	struct line l = line_of(&cfg);
	struct audio_leg_stats at_start, s;
	uint32_t longest = 0;
	double least = 1e9, most = 0;

	sim_run(l.sim, 20);
	at_start = stats_of(l.speaker);
	for (int i = 0; i < DRIFT_S * 50; i++) {
		double level;

		sim_tick(l.sim);
		s = stats_of(l.speaker);
		longest = s.delay_ms > longest ? s.delay_ms : longest;
		level = rms(l.speaker->leg->frame, 960);
		least = level < least ? level : least;
		most = level > most ? level : most;
	}
	assert_int_equal(s.concealed_samples, at_start.concealed_samples);
	assert_int_equal(s.late, 0);
	assert_int_equal(s.overflow, 0);
	assert_int_equal(s.resyncs, 0);
	/* no hole in the tone, and no heap */
	assert_true(least > most * 0.8);
	printf("# target %u ms, longest delay %u ms, last %u ms, removed %d "
	       "ms, inserted %d ms\n", s.target_ms, longest, s.delay_ms,
	       (int)(s.removed_samples / 48), (int)(s.inserted_samples / 48));
	assert_true(longest <= at_start.target_ms + 60);
	assert_true(s.delay_ms >= 14);
	/* 180 ms are the drift itself; the rest is hunting */
	if (DRIFT_S == 600)
		assert_in_range(s.removed_samples + s.inserted_samples,
				180 * 48 * 0.7, 180 * 48 * 3);
	sim_free(&l.sim);
}

static void test_stream__fast_sender_for_ten_minutes(void **state)
{
	(void)state;
	drift(300);
}

static void test_stream__slow_sender_for_ten_minutes(void **state)
{
	(void)state;
	drift(-300);
}

static void test_stream__perfect_line_conceals_nothing(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 120 };
	struct line l = line_of(&cfg);
	struct audio_leg_stats s;

	(void)state;
	sim_run(l.sim, 30);
	s = stats_of(l.speaker);
	assert_int_equal(s.concealed_samples, 0);
	assert_int_equal(s.late, 0);
	assert_int_equal(s.target_ms, 20);
	assert_true(s.delay_ms <= 60);
	assert_true(s.played_samples > 28 * 48000);
	sim_free(&l.sim);
}

static void test_stream__five_percent_loss_and_jitter(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 120,
				    .loss = 0.05, .jitter_ms = 30,
				    .is_fec = true };
	struct line l = line_of(&cfg);
	struct audio_leg_stats s;
	double total, lost;

	(void)state;
	sim_run(l.sim, 60);
	s = stats_of(l.speaker);
	total = (double)(s.played_samples + s.fec_samples +
			 s.concealed_samples);
	lost = (double)l.speaker->lost / (double)l.speaker->sent;
	printf("# lost %.1f %%, concealed %.1f %%, by copy %.1f %%, late %d, "
	       "target %u ms\n", 100 * lost,
	       100 * (double)s.concealed_samples / total,
	       100 * (double)s.fec_samples / total, (int)s.late, s.target_ms);
	assert_true((double)s.concealed_samples / total < 0.04);
	assert_true((double)s.fec_samples / total > 0.02);
	assert_true(s.target_ms <= 45);
	sim_free(&l.sim);
}

/* What lossy lines cost without the copies: the test above means something. */
static void test_stream__without_copies_more_is_concealed(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 120,
				    .loss = 0.05, .jitter_ms = 30 };
	struct line l = line_of(&cfg);
	struct audio_leg_stats s;

	(void)state;
	sim_run(l.sim, 60);
	s = stats_of(l.speaker);
	assert_int_equal(s.fec_samples, 0);
	assert_true(s.concealed_samples > 2 * 48000);
	sim_free(&l.sim);
}

static void test_stream__delay_returns_after_a_jittery_minute(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 140,
				    .jitter_ms = 120 };
	struct line l = line_of(&cfg);

	(void)state;
	sim_run(l.sim, 20);
	assert_true(stats_of(l.speaker).delay_ms > 90);
	l.speaker->cfg.jitter_ms = 0;
	sim_run(l.sim, 15);
	assert_true(stats_of(l.speaker).delay_ms <= 70);
	sim_free(&l.sim);
}

/* A route that is suddenly 80 ms longer, and later 80 ms shorter. */
static void test_stream__route_change_is_followed(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 140,
				    .delay_ms = 20 };
	struct line l = line_of(&cfg);
	struct audio_leg_stats a, b;

	(void)state;
	sim_run(l.sim, 10);
	a = stats_of(l.speaker);
	l.speaker->cfg.delay_ms = 100;
	sim_run(l.sim, 15);
	b = stats_of(l.speaker);
	assert_true(b.concealed_samples - a.concealed_samples <= 120 * 48);
	assert_true(b.delay_ms <= 80);
	l.speaker->cfg.delay_ms = 20;
	sim_run(l.sim, 15);
	assert_int_equal(stats_of(l.speaker).resyncs, 0);
	assert_true(stats_of(l.speaker).delay_ms <= 80);
	sim_free(&l.sim);
}

static void test_stream__silence_not_sent_is_not_loss(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SPEECH, .hz = 140,
				    .is_dtx = true };
	struct line l = line_of(&cfg);
	struct audio_leg_stats s;

	(void)state;
	for (int i = 0; i < 10; i++) {
		l.speaker->cfg.signal = SIM_SPEECH;
		sim_run(l.sim, 1);
		l.speaker->cfg.signal = SIM_SILENCE;
		sim_run(l.sim, 0.1 + 0.1 * i);
	}
	s = stats_of(l.speaker);
	assert_int_equal(s.concealed_samples, 0);
	assert_int_equal(s.late, 0);
	assert_true(s.delay_ms <= 70);
	sim_free(&l.sim);
}

/* From the first packet with sound to the first frame with sound in the mix:
 * at most three ticks beyond the delay the jitter buffer wants. */
static void test_stream__mixer_delay_is_three_ticks_at_most(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SILENCE, .hz = 1000,
				    .gain = 0.3, .has_level = true };

	(void)state;
	for (int phase = 0; phase < 20; phase++) {
		struct line l = line_of(&cfg);
		uint32_t ticks = 0, target;

		l.speaker->next_send_ns += (uint64_t)phase * 1000000;
		sim_run(l.sim, 3);
		target = stats_of(l.speaker).target_ms;
		l.speaker->cfg.signal = SIM_TONE;
		sim_tick(l.sim);
		while (ticks < 50) {
			const int16_t *mix = l.sim->room->ring.frame[
				l.sim->room->tick % RING_FRAMES];

			if (rms(mix, 960) > 300)
				break;
			ticks++;
			sim_tick(l.sim);
		}
		assert_true(ticks * 20 <= (target ? target : 40) + 60);
		sim_free(&l.sim);
	}
}

/* Who starts to speak after a silence that was not decoded loses no part of
 * his first word. */
static void test_stream__onset_is_heard_whole(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SILENCE, .hz = 700,
				    .gain = 0.3, .has_level = true };
	struct line l = line_of(&cfg);
	double heard = 0;

	(void)state;
	sim_run(l.sim, 3);
	for (int i = 0; i < 100; i++) {
		/* a word of 200 ms */
		l.speaker->cfg.signal = i < 10 ? SIM_TONE : SIM_SILENCE;
		sim_tick(l.sim);
		heard += rms(l.sim->room->ring.frame[l.sim->room->tick %
						     RING_FRAMES], 960) > 3000;
	}
	assert_true(heard >= 9);
	sim_free(&l.sim);
}

static void test_stream__other_codecs_survive_loss(void **state)
{
	(void)state;
	for (enum audio_codec c = AUDIO_PCMU; c < AUDIO_CODEC_COUNT; c++) {
		struct sim_peer_cfg cfg = { .codec = c, .signal = SIM_TONE,
					    .hz = 500, .gain = 0.3,
					    .loss = 0.05, .jitter_ms = 20 };
		struct line l = line_of(&cfg);
		int holes = 0;

		sim_run(l.sim, 3);
		for (int i = 0; i < 1000; i++) {
			sim_tick(l.sim);
			holes += rms(l.speaker->leg->frame, 960) < 3000;
		}
		assert_true(holes <= 5);
		sim_free(&l.sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream__fast_sender_for_ten_minutes),
		cmocka_unit_test(test_stream__slow_sender_for_ten_minutes),
		cmocka_unit_test(test_stream__perfect_line_conceals_nothing),
		cmocka_unit_test(test_stream__five_percent_loss_and_jitter),
		cmocka_unit_test(test_stream__without_copies_more_is_concealed),
		cmocka_unit_test(test_stream__delay_returns_after_a_jittery_minute),
		cmocka_unit_test(test_stream__route_change_is_followed),
		cmocka_unit_test(test_stream__silence_not_sent_is_not_loss),
		cmocka_unit_test(test_stream__mixer_delay_is_three_ticks_at_most),
		cmocka_unit_test(test_stream__onset_is_heard_whole),
		cmocka_unit_test(test_stream__other_codecs_survive_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
