#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/err.h"
#include "media/audio/audio_int.h"
#include "media/audio/t/sim.h"

static struct sim *sim_of(const struct audio_room_cfg *cfg)
{
	struct sim *sim;

	assert_int_equal(sim_new(&sim, cfg), 0);
	return sim;
}

static double hz_of(int i)
{
	return 400 + 350 * i;
}

static struct sim_peer *add_tone(struct sim *sim, int i)
{
	struct sim_peer_cfg cfg = { .signal = SIM_TONE, .hz = hz_of(i),
				    .gain = 0.12 };
	struct sim_peer *p = sim_add(sim, &cfg);

	assert_non_null(p);
	return p;
}

static struct sim_peer *add_quiet(struct sim *sim)
{
	struct sim_peer_cfg cfg = { .signal = SIM_SILENCE, .hz = 500 };
	struct sim_peer *p = sim_add(sim, &cfg);

	assert_non_null(p);
	return p;
}

static struct audio_room_stats room_stats(const struct sim *sim)
{
	struct audio_room_stats s;

	audio_room_stats(sim->room, &s);
	return s;
}

static struct audio_leg_stats leg_stats(const struct sim_peer *p)
{
	struct audio_leg_stats s;

	audio_leg_stats(p->leg, &s);
	return s;
}

static void test_room__each_hears_the_others_and_not_himself(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });

	(void)state;
	for (int i = 0; i < 4; i++)
		add_tone(sim, i);
	sim_run(sim, 4);
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 4; k++) {
			double a = sim_heard_tone(&sim->peer[i], hz_of(k),
						  24000);

			if (i == k)
				assert_true(a < 40);
			else
				assert_true(a > 2500 && a < 5500);
		}
		assert_int_equal(sim->peer[i].ts_breaks, 0);
		assert_int_equal(sim->peer[i].mix, AUDIO_MIX_OWN);
	}
	sim_free(&sim);
}

static void test_room__the_silent_share_one_packet(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats a, b;

	(void)state;
	add_tone(sim, 0);
	add_tone(sim, 1);
	for (int i = 2; i < 12; i++)
		add_quiet(sim);
	sim_run(sim, 2);
	a = room_stats(sim);
	sim_run(sim, 2);
	b = room_stats(sim);
	assert_int_equal(b.encodes_shared - a.encodes_shared, 100);
	assert_int_equal(b.encodes_own - a.encodes_own, 200);
	for (int i = 3; i < 12; i++) {
		assert_int_equal(sim->peer[i].mix, AUDIO_MIX_SHARED);
		assert_int_equal(sim->peer[i].last_n, sim->peer[2].last_n);
		assert_memory_equal(sim->peer[i].last, sim->peer[2].last,
				    sim->peer[2].last_n);
	}
	sim_free(&sim);
}

static void test_room__one_speaker_costs_one_encode(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats a, b;

	(void)state;
	add_tone(sim, 0);
	for (int i = 1; i < 5; i++)
		add_quiet(sim);
	sim_run(sim, 2);
	a = room_stats(sim);
	sim_run(sim, 1);
	b = room_stats(sim);
	assert_int_equal(b.encodes_shared - a.encodes_shared, 50);
	assert_int_equal(b.encodes_own - a.encodes_own, 0);
	assert_int_equal(sim->peer[0].mix, AUDIO_MIX_NOISE);
	assert_true(sim_heard_tone(&sim->peer[0], hz_of(0), 24000) < 20);
	sim_free(&sim);
}

static void test_room__silence_costs_no_encode_but_is_not_dead(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats a, b;
	int loud = 0, dead = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		add_quiet(sim);
	sim_run(sim, 2);
	a = room_stats(sim);
	sim_run(sim, 2);
	b = room_stats(sim);
	assert_int_equal(b.encodes_shared, a.encodes_shared);
	assert_int_equal(b.encodes_own, a.encodes_own);
	assert_int_equal(b.noise_packets - a.noise_packets, 300);
	for (int i = 0; i < 48000; i += 480) {
		int peak = 0;

		for (int k = 0; k < 480; k++) {
			int64_t at = sim->peer[0].heard_n - 48000 + i + k;
			int v = abs(sim->peer[0].heard[at % SIM_KEEP]);

			peak = v > peak ? v : peak;
		}
		loud += peak > 100;
		dead += peak == 0;
	}
	assert_int_equal(loud, 0);
	assert_int_equal(dead, 0);
	sim_free(&sim);
}

static void test_room__muted_and_not_admitted_are_not_heard(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });

	(void)state;
	for (int i = 0; i < 3; i++)
		add_tone(sim, i);
	sim_run(sim, 1);
	audio_leg_set(sim->peer[0].leg, true, true);
	audio_leg_set(sim->peer[1].leg, false, false);
	sim_run(sim, 2);
	/* the listener hears neither */
	assert_true(sim_heard_tone(&sim->peer[2], hz_of(0), 24000) < 20);
	assert_true(sim_heard_tone(&sim->peer[2], hz_of(1), 24000) < 20);
	/* the muted one still hears, who waits outside does not */
	assert_true(sim_heard_tone(&sim->peer[0], hz_of(2), 24000) > 2500);
	assert_true(sim_heard_tone(&sim->peer[1], hz_of(2), 24000) < 20);
	assert_int_equal(sim->peer[1].mix, AUDIO_MIX_NOISE);
	assert_false(leg_stats(&sim->peer[0]).is_talker);
	/* and back */
	audio_leg_set(sim->peer[0].leg, false, true);
	sim_run(sim, 2);
	assert_true(sim_heard_tone(&sim->peer[2], hz_of(0), 24000) > 2500);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sim->peer[i].ts_breaks, 0);
	sim_free(&sim);
}

static void test_room__mute_is_at_once(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .is_noise_off = 1 });
	const int16_t *mix;

	(void)state;
	add_tone(sim, 0);
	add_quiet(sim);
	sim_run(sim, 1);
	audio_leg_set(sim->peer[0].leg, true, true);
	sim_tick(sim);
	mix = sim->room->ring.frame[sim->room->tick % RING_FRAMES];
	for (int i = 240; i < 960; i++)
		assert_int_equal(mix[i], 0);
	sim_free(&sim);
}

static void test_room__at_most_k_are_mixed(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 3 });

	(void)state;
	for (int i = 0; i < 12; i++)
		add_tone(sim, i);
	for (int i = 0; i < 300; i++) {
		struct audio_room_stats s;

		sim_tick(sim);
		s = room_stats(sim);
		assert_true(s.talkers <= 3);
		assert_true(sim->room->summed <= 3);
		assert_true(s.own_mixes <= 3 + AUDIO_OWN_SPARE);
	}
	assert_int_equal(room_stats(sim).talkers, 3);
	sim_free(&sim);
}

static void test_room__much_louder_takes_the_seat(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 1 });
	struct sim_peer_cfg loud = { .signal = SIM_TONE, .hz = 2000,
				     .gain = 0.5 };
	struct sim_peer *p;

	(void)state;
	add_tone(sim, 0);
	sim_run(sim, 2);
	assert_true(leg_stats(&sim->peer[0]).is_talker);
	p = sim_add(sim, &loud);
	assert_non_null(p);
	sim_run(sim, 2);
	assert_true(leg_stats(p).is_talker);
	assert_false(leg_stats(&sim->peer[0]).is_talker);
	sim_free(&sim);
}

static void test_room__equally_loud_waits_his_turn(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 1 });

	(void)state;
	add_tone(sim, 0);
	sim_run(sim, 1);
	add_tone(sim, 1);
	for (int i = 0; i < 200; i++) {
		sim_tick(sim);
		assert_true(leg_stats(&sim->peer[0]).is_talker);
	}
	sim->peer[0].cfg.signal = SIM_SILENCE;
	sim_run(sim, 1.5);
	assert_true(leg_stats(&sim->peer[1]).is_talker);
	sim_free(&sim);
}

/* --- the invariant --- */

enum { HISTORY = 8 };

struct watch {
	bool in_sum[HISTORY][SIM_PEERS_MAX];	/* by tick */
	uint64_t filed;
	uint64_t shared, own;
};

static void file_sum(struct sim *sim, struct watch *w)
{
	uint64_t tick = sim->room->tick;

	if (w->filed == tick)
		return;
	w->filed = tick;
	for (int i = 0; i < sim->peers; i++)
		w->in_sum[tick % HISTORY][i] =
			sim->peer[i].leg && sim->peer[i].leg->is_summed;
}

/* A shared packet covers `steps` ticks; its receiver must be in none. */
static void watch_emit(struct sim *sim, struct sim_peer *p,
		       const struct audio_out *out)
{
	struct watch *w = sim->user;
	uint64_t tick = sim->room->tick;
	uint32_t steps = (p->cfg.ptime_ms ? p->cfg.ptime_ms : 20) / 20;
	int who = (int)(p - sim->peer);

	file_sum(sim, w);
	if (out->mix == AUDIO_MIX_OWN)
		w->own++;
	if (out->mix != AUDIO_MIX_SHARED)
		return;
	w->shared++;
	for (uint32_t i = 0; i < steps; i++)
		assert_false(w->in_sum[(tick - i) % HISTORY][who]);
}

static void random_talk(struct sim *sim, uint32_t *rng)
{
	for (int i = 0; i < sim->peers; i++) {
		struct sim_peer *p = &sim->peer[i];

		bool is_on = p->cfg.signal == SIM_TONE;

		if (!p->leg || sim_random(rng) % (is_on ? 30 : 250))
			continue;
		p->cfg.signal = is_on ? SIM_SILENCE : SIM_TONE;
		if (sim_random(rng) % 20 == 0)
			audio_leg_set(p->leg, sim_random(rng) % 2,
				      sim_random(rng) % 4 != 0);
		(void)audio_leg_loss_report(p->leg, sim_random(rng) % 6);
	}
}

/* Nobody ever hears his own tone, and nobody in the sum gets the shared
 * packet, while people start and stop at random, are muted, put out and moved
 * between encoders, with packets of one to three frames. */
static void test_room__own_voice_never_comes_back(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 3 });
	struct watch w = { .filed = 0 };
	uint32_t rng = 2024;

	(void)state;
	sim->on_emit = watch_emit;
	sim->user = &w;
	for (int i = 0; i < 10; i++) {
		struct sim_peer_cfg cfg = {
			.hz = hz_of(i), .gain = 0.12, .has_level = i % 2,
			.ptime_ms = 20 * (uint32_t)(1 + i % 3),
		};

		assert_non_null(sim_add(sim, &cfg));
	}
	for (int t = 0; t < 50 * 40; t++) {
		random_talk(sim, &rng);
		sim_tick(sim);
		for (int i = 0; t % 12 == 0 && i < sim->peers; i++)
			assert_true(sim_heard_tone(&sim->peer[i], hz_of(i),
						   12000) < 400);
	}
	printf("# %d shared, %d own, %d switches, %d evictions\n",
	       (int)w.shared, (int)w.own, (int)room_stats(sim).switches,
	       (int)room_stats(sim).own_evicted);
	assert_true(w.shared > 2000);
	assert_true(w.own > 1000);
	assert_true(room_stats(sim).switches > 50);
	for (int i = 0; i < sim->peers; i++)
		assert_int_equal(sim->peer[i].ts_breaks, 0);
	sim_free(&sim);
}

/* At the cap the mix of the longest silent goes first; nobody is in the sum
 * without one. */
static void test_room__own_mixes_are_capped(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 2 });
	struct watch w = { .filed = 0 };

	(void)state;
	sim->on_emit = watch_emit;
	sim->user = &w;
	for (int i = 0; i < 12; i++)
		assert_non_null(sim_add(sim, &(struct sim_peer_cfg){
					.hz = hz_of(i), .gain = 0.12,
					.has_level = true }));
	for (int t = 0; t < 50 * 20; t++) {
		if (t % 15 == 0)
			for (int i = 0; i < 12; i++)
				sim->peer[i].cfg.signal =
					t / 15 % 12 == i ? SIM_TONE :
							   SIM_SILENCE;
		sim_tick(sim);
		assert_true(room_stats(sim).own_mixes <= 5);
		for (int i = 0; i < 12; i++)
			assert_true(!sim->peer[i].leg->in_sum ||
				    sim->peer[i].leg->own);
	}
	assert_true(room_stats(sim).own_evicted > 5);
	sim_free(&sim);
}

/* When every held mix is so fresh that its owner is still in the ring of the
 * shared one, a new talker stays out of the sum until one is old enough. */
static void test_room__no_fresh_mix_is_evicted(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 2 });
	uint64_t evicted = 0;

	(void)state;
	for (int i = 0; i < 7; i++) {
		add_tone(sim, i);
		audio_leg_set(sim->peer[i].leg, true, true);
	}
	sim_run(sim, 1);
	for (int t = 0; t < 24; t++) {
		uint64_t oldest = UINT64_MAX;

		/* whoever is in the sum is muted, the rest may speak */
		for (int i = 0; i < 7; i++) {
			struct audio_leg *leg = sim->peer[i].leg;

			if (leg->in_sum)
				audio_leg_set(leg, true, true);
			else if (leg->sum_last == 0)
				audio_leg_set(leg, false, true);
			if (leg->own && !leg->in_sum && leg->sum_last < oldest)
				oldest = leg->sum_last;
		}
		sim_tick(sim);
		if (room_stats(sim).own_evicted > evicted)
			assert_true(oldest + RING_FRAMES < sim->room->tick);
		evicted = room_stats(sim).own_evicted;
	}
	assert_true(room_stats(sim).own_refused > 0);
	assert_true(evicted > 0);
	sim_free(&sim);
}

static void test_room__own_mix_is_held_then_left_in_silence(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });

	(void)state;
	add_tone(sim, 0);
	add_quiet(sim);
	add_quiet(sim);
	sim_run(sim, 2);
	sim->peer[0].cfg.signal = SIM_SILENCE;
	sim->peer[1].cfg.signal = SIM_TONE;	/* not silent for the first */
	sim_run(sim, 2);
	assert_false(leg_stats(&sim->peer[0]).is_talker);
	assert_true(leg_stats(&sim->peer[0]).is_own_mix);
	sim_run(sim, 4);
	assert_true(leg_stats(&sim->peer[0]).is_own_mix);
	sim->peer[1].cfg.signal = SIM_SILENCE;
	sim_run(sim, 1);
	assert_false(leg_stats(&sim->peer[0]).is_own_mix);
	sim_free(&sim);
}

/* --- switches without clicks --- */

/* Power above 6 kHz of 5 ms: a click has it, a low tone has not. */
static double high_power(const struct sim_peer *p, int64_t from)
{
	double e = 0;
	int16_t a[240];

	for (int i = 0; i < 240; i++)
		a[i] = p->heard[(from + i) % SIM_KEEP];
	/* third difference: +18 dB an octave, nothing left of 400 Hz */
	for (int i = 3; i < 240; i++) {
		double d = a[i] - 3.0 * a[i - 1] + 3.0 * a[i - 2] - a[i - 3];

		e += d * d;
	}
	return sqrt(e / 240);
}

static void test_room__switching_does_not_click(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *first;
	double worst = 0;

	(void)state;
	first = add_quiet(sim);
	first->cfg.hz = 310;
	first->cfg.gain = 0.12;
	add_tone(sim, 0);
	add_quiet(sim);
	sim_run(sim, 2);
	for (int t = 0; t < 50 * 60; t++) {
		/* he speaks; so comes to his own mix, keeps it, leaves it in a
		 * pause of the other, or after 12 s without one */
		first->cfg.signal = t % 1000 < 30 ? SIM_TONE : SIM_SILENCE;
		sim->peer[1].cfg.signal = t > 1500 && t % 250 < 40 ?
						  SIM_SILENCE : SIM_TONE;
		sim_tick(sim);
		for (int who = 0; who < 3; who += 2)
			for (int k = 0; k < 4; k++) {
				struct sim_peer *p = &sim->peer[who];
				double h = high_power(p, p->heard_n - 960 +
							 k * 240);

				worst = h > worst ? h : worst;
			}
	}
	printf("# clicks: worst %.1f (a step of the tone would be 400), %d "
	       "switches\n", worst, (int)room_stats(sim).switches);
	assert_true(room_stats(sim).switches >= 6);
	assert_true(worst < 200);
	sim_free(&sim);
}

/* A person who moves from the shared mix to his own and back while another
 * speaks on: the level he hears stays the same. */
static void test_room__switching_keeps_the_level(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *p;
	double least = 1e9, most = 0;

	(void)state;
	add_tone(sim, 0);
	p = sim_add(sim, &(struct sim_peer_cfg){
			.signal = SIM_SILENCE, .hz = 3000, .gain = 0.12,
			.has_level = true });
	assert_non_null(p);
	sim_run(sim, 2);
	for (int t = 0; t < 50 * 20; t++) {
		double a;

		/* a cough now and then makes him a talker for a while */
		p->cfg.signal = t % 700 < 15 ? SIM_TONE : SIM_SILENCE;
		sim_tick(sim);
		a = sim_heard_tone(p, hz_of(0), 1920);
		least = a < least ? a : least;
		most = a > most ? a : most;
	}
	assert_true(room_stats(sim).switches >= 3);
	assert_true(most < least * 1.25);
	sim_free(&sim);
}

/* --- who is decoded --- */

static void test_room__three_hundred_with_levels_three_speaking(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats a, b;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct sim_peer_cfg cfg = {
			.signal = i < 3 ? SIM_TONE : SIM_SILENCE,
			.hz = hz_of(i < 3 ? i : 0), .gain = 0.12,
			.has_level = true, .no_listen = i > 3,
		};

		assert_non_null(sim_add(sim, &cfg));
	}
	sim_run(sim, 1);
	a = room_stats(sim);
	sim_run(sim, 1);
	b = room_stats(sim);
	assert_int_equal(b.talkers, 3);
	assert_true(b.decodes - a.decodes <= 3 * 50);
	assert_true(b.probes - a.probes <= 25);
	/* three steady tones at 32 kbit/s: the codec takes a part of them */
	for (int k = 0; k < 3; k++)
		assert_true(sim_heard_tone(&sim->peer[3], hz_of(k), 24000) >
			    1800);
	sim_free(&sim);
}

static void test_room__without_levels_a_speaker_is_found(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	int ticks = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct sim_peer_cfg cfg = { .hz = 900, .gain = 0.12,
					    .no_listen = true };

		assert_non_null(sim_add(sim, &cfg));
	}
	sim_run(sim, 2);
	sim->peer[77].cfg.signal = SIM_TONE;
	while (!sim->peer[77].leg->in_sum && ticks < 200) {
		ticks++;
		sim_tick(sim);
	}
	printf("# found after %d ms\n", ticks * 20);
	assert_true(ticks <= 40);
	sim_free(&sim);
}

static void test_room__claimed_silence_is_looked_into(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *p;

	(void)state;
	p = sim_add(sim, &(struct sim_peer_cfg){ .signal = SIM_TONE,
			.hz = 900, .gain = 0.2, .has_level = true,
			.level_lie = 127 });
	assert_non_null(p);
	for (int i = 0; i < 20; i++)
		assert_non_null(sim_add(sim, &(struct sim_peer_cfg){
					.has_level = true }));
	sim_run(sim, 2);
	assert_true(leg_stats(p).is_talker);
	assert_true(leg_stats(p).hint_lies >= 1);
	sim_free(&sim);
}

/* Twenty who claim to shout and send nothing: the one who speaks is heard, the
 * work stays bounded, and they lose the use of their levels. */
static void test_room__claimed_noise_gains_nothing(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats s;
	struct sim_peer *p;
	uint64_t lies = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_non_null(sim_add(sim, &(struct sim_peer_cfg){
					.has_level = true, .level_lie = 1 }));
	p = sim_add(sim, &(struct sim_peer_cfg){ .signal = SIM_TONE,
			.hz = 900, .gain = 0.1, .has_level = true });
	assert_non_null(p);
	sim_run(sim, 2);
	s = room_stats(sim);
	assert_true(leg_stats(p).is_talker);
	assert_int_equal(s.talkers, 1);
	assert_true(s.decodes <= s.ticks * (5 + AUDIO_CANDIDATES_MAX));
	assert_true(s.probes <= s.ticks * AUDIO_PROBES_MAX);
	for (int i = 0; i < 20; i++)
		lies += leg_stats(&sim->peer[i]).hint_lies;
	assert_true(lies >= 20);
	sim_free(&sim);
}

/* Whoever shouts and then sends nothing more takes no decode from others. */
static void test_room__who_stops_sending_is_forgotten(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct audio_room_stats a, b;

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_non_null(sim_add(sim, &(struct sim_peer_cfg){
				.signal = SIM_TONE, .hz = hz_of(i),
				.gain = 0.12, .has_level = i % 2 }));
	sim_run(sim, 2);
	sim->is_silent_forever = true;
	sim_run(sim, 2);
	a = room_stats(sim);
	sim_run(sim, 2);
	b = room_stats(sim);
	assert_int_equal(b.talkers, 0);
	assert_int_equal(b.decodes, a.decodes);
	assert_int_equal(b.probes, a.probes);
	sim_free(&sim);
}

/* An honest speaker behind a long jitter buffer, whose level runs ahead of his
 * sound, is not taken for a liar. */
static void test_room__honest_levels_stay_trusted(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *p;

	(void)state;
	p = sim_add(sim, &(struct sim_peer_cfg){ .hz = 130, .has_level = true,
						 .jitter_ms = 150,
						 .loss = 0.05 });
	assert_non_null(p);
	for (int i = 0; i < 20; i++) {
		p->cfg.signal = i % 2 ? SIM_SPEECH : SIM_SILENCE;
		sim_run(sim, 1.3);
	}
	assert_int_equal(leg_stats(p).hint_lies, 0);
	sim_free(&sim);
}

/* --- encoders --- */

static struct audio_leg *leg_with(struct sim *sim, uint32_t bitrate,
				  uint32_t hz, uint32_t ptime)
{
	struct audio_leg_cfg cfg = { .max_bitrate_bps = bitrate,
				     .max_playback_hz = hz,
				     .ptime_ms = ptime };
	struct audio_leg *leg;

	assert_int_equal(audio_leg_new(&leg, sim->room, &cfg), 0);
	audio_leg_set(leg, false, true);
	return leg;
}

static void test_room__wishes_cannot_multiply_encoders(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .shared_max = 3 });

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		(void)leg_with(sim, 6000 + 700 * i, 8000 + 1000 * i,
			       20 + i % 40);
	assert_int_equal(room_stats(sim).shared_encoders, 3);
	/* another codec is never crowded out */
	for (enum audio_codec c = AUDIO_PCMU; c < AUDIO_CODEC_COUNT; c++) {
		struct audio_leg *leg;

		assert_int_equal(audio_leg_new(&leg, sim->room,
				&(struct audio_leg_cfg){ .codec = c }), 0);
	}
	assert_int_equal(room_stats(sim).shared_encoders, 6);
	sim_free(&sim);
}

static void test_room__loss_moves_to_the_encoder_with_copies(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *p;

	(void)state;
	add_tone(sim, 0);
	p = add_quiet(sim);
	add_quiet(sim);
	sim_run(sim, 1);
	assert_int_equal(audio_leg_loss_report(p->leg, 2), 0);
	assert_false(leg_stats(p).is_fec);
	assert_int_equal(audio_leg_loss_report(p->leg, 3), 0);
	assert_true(leg_stats(p).is_fec);
	assert_int_equal(room_stats(sim).shared_encoders, 2);
	sim_run(sim, 1);
	assert_true(sim_heard_tone(p, hz_of(0), 24000) > 2500);
	for (int i = 0; i < 4; i++)
		(void)audio_leg_loss_report(p->leg, 0);
	assert_true(leg_stats(p).is_fec);
	(void)audio_leg_loss_report(p->leg, 0);
	assert_false(leg_stats(p).is_fec);
	assert_int_equal(room_stats(sim).shared_encoders, 1);
	sim_free(&sim);
}

static void test_room__codecs_meet(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_non_null(sim_add(sim, &(struct sim_peer_cfg){
				.codec = AUDIO_OPUS + i, .signal = SIM_TONE,
				.hz = hz_of(i), .gain = 0.12 }));
	sim_run(sim, 3);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 4; k++) {
			double a = sim_heard_tone(&sim->peer[i], hz_of(k),
						  24000);

			assert_true(i == k ? a < 60 : a > 2400 && a < 5500);
			assert_int_equal(sim->peer[i].ts_breaks, 0);
		}
	sim_free(&sim);
}

/* --- speakers --- */

static struct audio_leg *main_speaker(struct sim *sim, int *vad)
{
	struct audio_speaker s[4];

	*vad = 0;
	if (audio_room_speakers(sim->room, s, 4) == 0)
		return NULL;
	*vad = s[0].vad;
	return s[0].leg;
}

static void test_speakers__main_place_follows_with_hysteresis(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });
	struct sim_peer *a, *b;
	int vad, ticks = 0;

	(void)state;
	a = add_tone(sim, 0);
	b = add_quiet(sim);
	sim_run(sim, 2);
	assert_ptr_equal(main_speaker(sim, &vad), a->leg);
	assert_int_equal(vad, 100);
	/* speaking at the same time does not take the place */
	b->cfg.signal = SIM_TONE;
	for (int i = 0; i < 150; i++) {
		sim_tick(sim);
		assert_ptr_equal(main_speaker(sim, &vad), a->leg);
	}
	/* a cough does not either */
	b->cfg.signal = SIM_SILENCE;
	sim_run(sim, 3);
	a->cfg.signal = SIM_SILENCE;
	sim_run(sim, 3);
	b->cfg.signal = SIM_TONE;
	sim_run(sim, 0.2);
	b->cfg.signal = SIM_SILENCE;
	sim_run(sim, 0.5);
	assert_ptr_equal(main_speaker(sim, &vad), a->leg);
	/* a sentence does */
	sim_run(sim, 3);
	b->cfg.signal = SIM_TONE;
	while (main_speaker(sim, &vad) != b->leg && ticks < 100) {
		ticks++;
		sim_tick(sim);
	}
	assert_in_range(ticks, 20, 45);
	/* who leaves is in no list */
	sim_remove(sim, b);
	assert_ptr_equal(main_speaker(sim, &vad), a->leg);
	sim_free(&sim);
}

/* --- life --- */

static void test_room__people_come_and_go_while_speaking(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ .max_talkers = 2 });
	uint32_t rng = 7;

	(void)state;
	for (int i = 0; i < 150; i++) {
		struct sim_peer *p = add_tone(sim, i % 8);

		if (sim_random(&rng) % 3)
			sim_run(sim, 0.2);
		if (i >= 5)
			sim_remove(sim, &sim->peer[i - 5]);
		(void)audio_leg_loss_report(p->leg, sim_random(&rng) % 10);
		sim_run(sim, 0.1);
	}
	assert_int_equal(room_stats(sim).legs, 5);
	assert_true(sim->room->own_n <= 5);
	sim_free(&sim);
}

static void test_room__refuses_nonsense(void **state)
{
	struct audio_pool *pool = NULL;
	struct audio_room *room = NULL;
	struct audio_leg *leg = NULL;

	(void)state;
	assert_int_equal(audio_pool_new(&pool), 0);
	assert_int_equal(audio_room_new(&room, pool, &(struct audio_room_cfg){
				.max_talkers = AUDIO_TALKERS_MAX + 1 }),
			 E_INVAL);
	assert_int_equal(audio_room_new(&room, pool, &(struct audio_room_cfg){
				.complexity = 11 }), E_INVAL);
	assert_null(room);
	assert_int_equal(audio_room_new(&room, pool,
					&(struct audio_room_cfg){ 0 }), 0);
	assert_int_equal(audio_leg_new(&leg, room, &(struct audio_leg_cfg){
				.codec = AUDIO_CODEC_COUNT }), E_UNSUPPORTED);
	assert_null(leg);
	audio_leg_free(&leg);
	audio_room_free(&room);
	audio_room_free(&room);
	audio_pool_free(&pool);
	audio_pool_free(&pool);
}

static int live(void *arg)
{
	struct sim *sim = NULL;
	int r = sim_new(&sim, &(struct audio_room_cfg){ .max_talkers = 1 });

	(void)arg;
	for (int i = 0; r == 0 && i < 4; i++)
		if (!sim_add(sim, &(struct sim_peer_cfg){
				.codec = AUDIO_OPUS + i % 3,
				.signal = SIM_TONE, .hz = 900 }))
			r = E_NOMEM;
	if (r == 0)
		r = audio_leg_loss_report(sim->peer[0].leg, 20);
	if (sim)
		sim_run(sim, 0.1);
	sim_free(&sim);
	return r;
}

static void test_room__survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(live, NULL, 300) > 10);
	assert_int_equal(mem_live(), 0);
}

static void test_room__stamps_pass_the_ticks_left_out(void **state)
{
	struct audio_room_cfg cfg = {.max_talkers = 2};
	struct sim *sim;
	struct sim_peer *p;
	uint32_t before;

	(void)state;
	assert_int_equal(sim_new(&sim, &cfg), 0);
	p = sim_add(sim, &(struct sim_peer_cfg){0});
	assert_non_null(p);
	sim_run(sim, 0.2);
	before = p->last_ts;
	sim_room_tick(sim);		/* the same time again: one frame on */
	assert_int_equal(p->last_ts - before, 960);
	sim->now_ns += 11 * UINT64_C(20000000);
	sim_room_tick(sim);
	assert_int_equal(p->last_ts - before, 960 * 12);
	sim_free(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room__each_hears_the_others_and_not_himself),
		cmocka_unit_test(test_room__stamps_pass_the_ticks_left_out),
		cmocka_unit_test(test_room__the_silent_share_one_packet),
		cmocka_unit_test(test_room__one_speaker_costs_one_encode),
		cmocka_unit_test(test_room__silence_costs_no_encode_but_is_not_dead),
		cmocka_unit_test(test_room__muted_and_not_admitted_are_not_heard),
		cmocka_unit_test(test_room__mute_is_at_once),
		cmocka_unit_test(test_room__at_most_k_are_mixed),
		cmocka_unit_test(test_room__much_louder_takes_the_seat),
		cmocka_unit_test(test_room__equally_loud_waits_his_turn),
		cmocka_unit_test(test_room__own_voice_never_comes_back),
		cmocka_unit_test(test_room__own_mixes_are_capped),
		cmocka_unit_test(test_room__no_fresh_mix_is_evicted),
		cmocka_unit_test(test_room__own_mix_is_held_then_left_in_silence),
		cmocka_unit_test(test_room__switching_does_not_click),
		cmocka_unit_test(test_room__switching_keeps_the_level),
		cmocka_unit_test(test_room__three_hundred_with_levels_three_speaking),
		cmocka_unit_test(test_room__without_levels_a_speaker_is_found),
		cmocka_unit_test(test_room__claimed_silence_is_looked_into),
		cmocka_unit_test(test_room__claimed_noise_gains_nothing),
		cmocka_unit_test(test_room__who_stops_sending_is_forgotten),
		cmocka_unit_test(test_room__honest_levels_stay_trusted),
		cmocka_unit_test(test_room__wishes_cannot_multiply_encoders),
		cmocka_unit_test(test_room__loss_moves_to_the_encoder_with_copies),
		cmocka_unit_test(test_room__codecs_meet),
		cmocka_unit_test(test_speakers__main_place_follows_with_hysteresis),
		cmocka_unit_test(test_room__people_come_and_go_while_speaking),
		cmocka_unit_test(test_room__refuses_nonsense),
		cmocka_unit_test(test_room__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
