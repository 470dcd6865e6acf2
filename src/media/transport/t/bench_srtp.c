/* Microseconds per packet, both directions, as a function of profile and size.
 * No targets: bench_media judges the whole. */
#include <stdio.h>
#include <time.h>
#include "media/transport/srtp.h"

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(const struct srtp_env *env, enum srtp_profile p, size_t body)
{
	enum { N = 200000 };
	static const uint8_t key[32];
	struct srtp *tx = NULL, *rx = NULL;
	uint8_t pkt[1600] = {0x80, 96};
	double seal = 0, open = 0, t0;
	size_t k, s, n;

	if (srtp_profile_lengths(p, &k, &s) < 0 ||
	    srtp_new(&tx, env, p, SRTP_SEND, span_of(key, k),
		     span_of(key, s)) < 0 ||
	    srtp_new(&rx, env, p, SRTP_RECEIVE, span_of(key, k),
		     span_of(key, s)) < 0)
		return;
	for (unsigned i = 0; i < N; i++) {
		pkt[2] = (uint8_t)(i >> 8);
		pkt[3] = (uint8_t)i;
		n = 12 + body;
		t0 = cpu_us();
		if (srtp_seal(tx, pkt, &n, sizeof(pkt)) < 0)
			return;
		seal += cpu_us() - t0;
		t0 = cpu_us();
		if (srtp_open(rx, pkt, &n) < 0)
			return;
		open += cpu_us() - t0;
	}
	printf("srtp_seal_profile%u_%zuB %.2f us - info\n", p, body, seal / N);
	printf("srtp_open_profile%u_%zuB %.2f us - info\n", p, body, open / N);
	srtp_free(&tx);
	srtp_free(&rx);
}

int main(void)
{
	struct srtp_env *env = NULL;

	if (srtp_env_new(&env) < 0)
		return 1;
	for (unsigned i = 0; i < 2; i++) {
		size_t body = i ? 1200 : 160;

		run(env, SRTP_AES128_CM_SHA1_80, body);
		run(env, SRTP_AEAD_AES_128_GCM, body);
		run(env, SRTP_AEAD_AES_256_GCM, body);
	}
	srtp_env_free(&env);
	return 0;
}
