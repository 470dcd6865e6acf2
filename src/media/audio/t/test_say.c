#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/alloc_test.h"
#include "base/err.h"
#include "ipc/prompts.h"
#include "media/audio/audio_int.h"
#include "media/audio/t/sim.h"

enum { LANGS = 2, COUNT = 3, HZ0 = 500, STEP_HZ = 200,
       SAMPLES = PROMPTS_HZ / 2 };

static void put(uint8_t **p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*(*p)++ = (uint8_t)(v >> 8 * i);
}

/* Prompt p of language l is half a second of HZ0 + STEP_HZ * (l * COUNT + p). */
static size_t make_file(uint8_t *b)
{
	uint8_t *p = b;
	int16_t *pcm;

	memcpy(p, "CVPROMPT", 8);
	p += 8;
	put(&p, 1);
	put(&p, PROMPTS_HZ);
	put(&p, LANGS);
	put(&p, COUNT);
	for (uint32_t i = 0; i < LANGS * COUNT; i++) {
		put(&p, i * SAMPLES);
		put(&p, SAMPLES);
	}
	pcm = (int16_t *)(void *)p;
	for (int i = 0; i < LANGS * COUNT; i++)
		for (int k = 0; k < SAMPLES; k++)
			*pcm++ = (int16_t)(8000 * sin(2 * M_PI * k *
						      (HZ0 + STEP_HZ * i) /
						      PROMPTS_HZ));
	return (size_t)((uint8_t *)pcm - b);
}

static int file_of(const uint8_t *b, size_t n)
{
	int fd = memfd_create("prompts", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b, n), (ssize_t)n);
	return fd;
}

struct fix {
	struct prompts *prompts;
	struct sim *sim;
	struct sim_peer *p;
	uint64_t said;			/* packets of it */
};

static uint8_t file[64 + LANGS * COUNT * (8 + SAMPLES * 2)];

static void on_emit(struct sim *sim, struct sim_peer *peer,
		    const struct audio_out *out)
{
	struct fix *f = sim->user;

	(void)peer;
	f->said += out->mix == AUDIO_MIX_SAY;
}

static void begin(struct fix *f, enum audio_codec codec, enum sim_signal signal)
{
	struct sim_peer_cfg cfg = { .codec = codec, .signal = signal,
				    .hz = 900, .gain = 0.25 };

	*f = (struct fix){ 0 };
	assert_int_equal(prompts_open(&f->prompts,
				      file_of(file, make_file(file))), 0);
	assert_int_equal(sim_new(&f->sim, &(struct audio_room_cfg){
					   .is_noise_off = true }), 0);
	f->sim->user = f;
	f->sim->on_emit = on_emit;
	f->p = sim_add(f->sim, &cfg);
	assert_non_null(f->p);
	audio_leg_set(f->p->leg, false, false);
}

static void end(struct fix *f)
{
	sim_free(&f->sim);
	prompts_free(&f->prompts);
}

static int say(struct fix *f, uint32_t prompt, uint32_t language,
	       uint32_t times, uint32_t gap_ms)
{
	return audio_leg_say(f->p->leg, &(struct audio_say_cfg){
		.prompts = f->prompts, .prompt = { prompt }, .n = 1,
		.language = language, .times = times, .gap_ms = gap_ms });
}

static bool hears(const struct fix *f, double hz)
{
	return sim_heard_tone(f->p, hz, 9600) > 3000;
}

static void test_say__is_heard_by_one_who_is_not_admitted(void **state)
{
	static const enum audio_codec codecs[] = { AUDIO_OPUS, AUDIO_PCMU,
						   AUDIO_PCMA, AUDIO_G722 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct audio_said said;
		struct fix f;

		begin(&f, codecs[i], SIM_SILENCE);
		assert_int_equal(say(&f, 2, 0, 1, 0), 0);
		sim_run(f.sim, 0.4);
		assert_true(hears(&f, HZ0 + STEP_HZ));
		assert_false(audio_leg_said(f.p->leg, &said));
		sim_run(f.sim, 0.3);
		assert_true(audio_leg_said(f.p->leg, &said));
		assert_false(audio_leg_said(f.p->leg, &said));
		sim_run(f.sim, 0.4);
		assert_false(hears(&f, HZ0 + STEP_HZ));
		assert_int_equal(f.p->ts_breaks, 0);
		end(&f);
	}
}

static void test_say__speaks_the_language_or_english(void **state)
{
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_SILENCE);
	assert_int_equal(say(&f, 1, 1, 1, 0), 0);
	sim_run(f.sim, 0.4);
	assert_true(hears(&f, HZ0 + STEP_HZ * COUNT));
	assert_int_equal(say(&f, 1, 7, 1, 0), 0);
	sim_run(f.sim, 0.4);
	assert_true(hears(&f, HZ0));
	end(&f);
}

static void test_say__repeats_with_a_pause_until_it_is_stopped(void **state)
{
	struct audio_said said;
	struct fix f;

	(void)state;
	begin(&f, AUDIO_PCMU, SIM_SILENCE);
	assert_int_equal(say(&f, 3, 0, 0, 500), 0);
	for (int i = 0; i < 4; i++) {
		sim_run(f.sim, 0.4);
		assert_true(hears(&f, HZ0 + 2 * STEP_HZ));
		sim_run(f.sim, 0.5);
		assert_false(hears(&f, HZ0 + 2 * STEP_HZ));
		sim_run(f.sim, 0.1);
		assert_false(audio_leg_said(f.p->leg, &said));
	}
	assert_int_equal(audio_leg_say(f.p->leg, NULL), 0);
	f.said = 0;
	sim_run(f.sim, 0.5);
	assert_int_equal(f.said, 0);
	end(&f);
}

static void test_say__parts_follow_each_other(void **state)
{
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_SILENCE);
	assert_int_equal(audio_leg_say(f.p->leg, &(struct audio_say_cfg){
		.prompts = f.prompts, .prompt = { 1, 2, 3 }, .n = 3,
		.times = 1 }), 0);
	for (int i = 0; i < 3; i++) {
		sim_run(f.sim, 0.4);
		assert_true(hears(&f, HZ0 + i * STEP_HZ));
		sim_run(f.sim, 0.1);
	}
	end(&f);
}

static void test_say__takes_nobody_from_the_room(void **state)
{
	struct sim_peer_cfg cfg = { .signal = SIM_TONE, .hz = 2500,
				    .gain = 0.25 };
	struct sim_peer *other;
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_TONE);
	audio_leg_set(f.p->leg, false, true);
	other = sim_add(f.sim, &cfg);
	assert_non_null(other);
	sim_run(f.sim, 1);
	assert_true(hears(&f, 2500));
	assert_int_equal(say(&f, 1, 0, 1, 0), 0);
	sim_run(f.sim, 0.4);
	assert_true(hears(&f, HZ0));
	assert_false(hears(&f, 2500));
	assert_true(sim_heard_tone(other, 900, 9600) > 3000);
	assert_true(sim_heard_tone(other, HZ0, 9600) < 100);
	end(&f);
}

static int loop(struct fix *f, uint32_t ms)
{
	return audio_leg_say(f->p->leg,
			     &(struct audio_say_cfg){ .record_ms = ms });
}

static void test_loop__says_back_what_came(void **state)
{
	struct audio_said said;
	struct fix f;

	(void)state;
	begin(&f, AUDIO_G722, SIM_TONE);
	sim_run(f.sim, 0.5);
	assert_int_equal(loop(&f, 1000), 0);
	sim_run(f.sim, 0.9);
	assert_false(hears(&f, 900));
	sim_run(f.sim, 0.8);
	assert_true(hears(&f, 900));
	sim_run(f.sim, 0.6);
	assert_true(audio_leg_said(f.p->leg, &said));
	assert_in_range(said.loudest, 10, 20);
	assert_in_range(said.packets, 90, 130);
	end(&f);
}

static void test_loop__tells_that_nothing_came(void **state)
{
	struct audio_said said;
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_SILENCE);
	f.sim->is_silent_forever = true;
	assert_int_equal(loop(&f, 1000), 0);
	sim_run(f.sim, 2.1);
	assert_true(audio_leg_said(f.p->leg, &said));
	assert_int_equal(said.loudest, 127);
	assert_int_equal(said.packets, 0);
	end(&f);
}

static void test_say__refuses_what_is_not_there(void **state)
{
	struct audio_say_cfg bad;
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_SILENCE);
	assert_int_equal(say(&f, 0, 0, 1, 0), E_INVAL);
	assert_int_equal(say(&f, COUNT + 1, 0, 1, 0), E_INVAL);
	assert_int_equal(say(&f, 1, 0, 1, AUDIO_SAY_GAP_MAX_MS + 1), E_LIMIT);
	assert_int_equal(loop(&f, AUDIO_RECORD_MAX_MS + 1), E_LIMIT);
	bad = (struct audio_say_cfg){ .prompts = f.prompts, .n = 0 };
	assert_int_equal(audio_leg_say(f.p->leg, &bad), E_LIMIT);
	bad.n = AUDIO_SAY_PARTS_MAX + 1;
	assert_int_equal(audio_leg_say(f.p->leg, &bad), E_LIMIT);
	assert_int_equal(f.sim->pool->says, 0);
	end(&f);
}

static void test_say__is_bounded_in_number(void **state)
{
	struct sim_peer_cfg cfg = { .codec = AUDIO_PCMU, .no_listen = true };
	struct fix f;

	(void)state;
	begin(&f, AUDIO_PCMU, SIM_SILENCE);
	for (int i = 0; i < AUDIO_SAYS_MAX; i++) {
		struct sim_peer *p = sim_add(f.sim, &cfg);

		assert_non_null(p);
		assert_int_equal(audio_leg_say(p->leg, &(struct audio_say_cfg){
			.prompts = f.prompts, .prompt = { 1 }, .n = 1 }), 0);
	}
	assert_int_equal(say(&f, 1, 0, 1, 0), E_FULL);
	audio_leg_free(&f.sim->peer[1].leg);
	assert_int_equal(say(&f, 1, 0, 1, 0), 0);
	end(&f);
}

static int try_loop(void *arg)
{
	struct fix *f = arg;
	int r = loop(f, 1000);

	if (r < 0)
		assert_int_equal(f->sim->pool->says, 0);
	else
		r = audio_leg_say(f->p->leg, NULL);
	return r;
}

static void test_say__survives_failing_allocations(void **state)
{
	struct fix f;

	(void)state;
	begin(&f, AUDIO_OPUS, SIM_SILENCE);
	assert_true(alloc_test_every(try_loop, &f, 100) > 3);
	end(&f);
}

static void test_prompts__refuses_a_damaged_file(void **state)
{
	size_t n = make_file(file);
	struct prompts *p = NULL;

	(void)state;
	for (size_t at = 0; at < 24 + LANGS * COUNT * 8; at++) {
		uint8_t was = file[at];
		const int16_t *pcm;
		uint32_t len;
		int r;

		file[at] ^= 0x80;
		r = prompts_open(&p, file_of(file, n));
		file[at] = was;
		if (r < 0) {
			assert_null(p);
			continue;
		}
		/* An entry may point elsewhere, but inside. */
		for (uint32_t i = 1; i <= COUNT; i++)
			if (prompts_find(p, 1, i, &pcm, &len))
				assert_true(pcm[len - 1] <= INT16_MAX);
		prompts_free(&p);
	}
	for (size_t cut = 0; cut < n; cut += 97)
		assert_true(prompts_open(&p, file_of(file, cut)) < 0);
}

/* The file that the build made: argv[1]. */
static const char *built;

static void test_built__has_every_prompt_in_every_language(void **state)
{
	struct prompts *p;

	(void)state;
	assert_int_equal(prompts_open(&p, open(built, O_RDONLY | O_CLOEXEC)),
			 0);
	for (uint32_t l = 0; l < PROMPT_LANGUAGE_COUNT; l++) {
		for (uint32_t i = 1; i < PROMPT_COUNT; i++) {
			const int16_t *pcm;
			uint32_t n;
			int peak = 0;

			assert_true(prompts_find(p, l, i, &pcm, &n));
			for (uint32_t k = 0; k < n; k++)
				peak = abs(pcm[k]) > peak ? abs(pcm[k]) : peak;
			assert_true(peak > 4000);
			assert_true(n > PROMPTS_HZ / 4);
		}
	}
	prompts_free(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_say__is_heard_by_one_who_is_not_admitted),
		cmocka_unit_test(test_say__speaks_the_language_or_english),
		cmocka_unit_test(
			test_say__repeats_with_a_pause_until_it_is_stopped),
		cmocka_unit_test(test_say__parts_follow_each_other),
		cmocka_unit_test(test_say__takes_nobody_from_the_room),
		cmocka_unit_test(test_loop__says_back_what_came),
		cmocka_unit_test(test_loop__tells_that_nothing_came),
		cmocka_unit_test(test_say__refuses_what_is_not_there),
		cmocka_unit_test(test_say__is_bounded_in_number),
		cmocka_unit_test(test_say__survives_failing_allocations),
		cmocka_unit_test(test_prompts__refuses_a_damaged_file),
		cmocka_unit_test(
			test_built__has_every_prompt_in_every_language),
	};

	built = argc > 1 ? argv[1] : "/dev/null";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
