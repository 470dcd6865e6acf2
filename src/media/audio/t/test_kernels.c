#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "media/audio/kernels.h"
#include "media/audio/t/sim.h"

enum { N = 1000, GUARD = 32, TOTAL = N + 2 * GUARD, GUARD_BYTE = 0xa5 };

struct buffers {
	int16_t in[TOTAL];
	int32_t sum[TOTAL], want_sum[TOTAL];
	int16_t out[TOTAL], want_out[TOTAL];
};

/* Mostly ordinary samples, now and then the ends of the range. */
static int16_t random_sample(uint32_t *rng)
{
	static const int16_t edge[] = { INT16_MIN, INT16_MAX, 0, -1 };
	uint32_t r = sim_random(rng);

	return r % 8 == 0 ? edge[r >> 8 & 3] : (int16_t)(r >> 16);
}

static void randomise(struct buffers *b, uint32_t *rng)
{
	memset(b, GUARD_BYTE, sizeof(*b));
	for (int i = 0; i < TOTAL; i++) {
		b->in[i] = random_sample(rng);
		b->sum[i] = random_sample(rng) * (int32_t)(1 + i % 128);
		b->want_sum[i] = b->sum[i];
	}
}

static void compare(const struct audio_kernels *plain,
		    const struct audio_kernels *best, struct buffers *b,
		    int at, int n)
{
	uint64_t want = plain->energy(b->in + at, n);

	assert_true(best->energy(b->in + at, n) == want);
	plain->pack(b->want_out + at, b->sum + at, n);
	best->pack(b->out + at, b->sum + at, n);
	assert_memory_equal(b->out, b->want_out, sizeof(b->out));
	plain->minus(b->want_out + at, b->sum + at, b->in + at, n);
	best->minus(b->out + at, b->sum + at, b->in + at, n);
	assert_memory_equal(b->out, b->want_out, sizeof(b->out));
	plain->add(b->want_sum + at, b->in + at, n);
	best->add(b->sum + at, b->in + at, n);
	assert_memory_equal(b->sum, b->want_sum, sizeof(b->sum));
}

/* The whole arrays are compared, so a byte written past either end shows. */
static void test_kernels__fast_equals_plain_and_stays_inside(void **state)
{
	static struct buffers b;
	uint32_t rng = 12345;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		int n = (int)(sim_random(&rng) % N);
		int at = GUARD + (int)(sim_random(&rng) % (N - n + 1));

		randomise(&b, &rng);
		compare(audio_kernels_plain(), audio_kernels_best(), &b, at,
			n);
	}
}

static void test_kernels__saturate(void **state)
{
	const struct audio_kernels *k = audio_kernels_best();
	int32_t sum[16];
	int16_t own[16], out[16];

	(void)state;
	for (int i = 0; i < 16; i++) {
		sum[i] = i % 2 ? 100000 : -100000;
		own[i] = i % 2 ? INT16_MIN : INT16_MAX;
	}
	k->minus(out, sum, own, 16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(out[i], i % 2 ? INT16_MAX : INT16_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_kernels__fast_equals_plain_and_stays_inside),
		cmocka_unit_test(test_kernels__saturate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
