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

	return sim_add(sim, &cfg);
}

static void test_room__each_hears_the_others_and_not_himself(void **state)
{
	struct sim *sim = sim_of(&(struct audio_room_cfg){ 0 });

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_non_null(add_tone(sim, i));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room__each_hears_the_others_and_not_himself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
