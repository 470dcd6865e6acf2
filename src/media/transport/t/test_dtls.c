/* Two associations joined by queues that can lose and tear nothing apart; the
 * real browser is met in the end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "media/transport/dtls.h"

enum { QUEUE_MAX = 32 };

struct queue {
	struct { uint8_t bytes[2048]; size_t n; } at[QUEUE_MAX];
	unsigned n, dropped;
	int drop_nth;			/* -1: none */
	size_t largest;
};

struct side {
	struct dtls *d;
	struct queue out;
	char got[64];
	size_t got_n;
};

static struct dtls_env *env_a, *env_b;

static void queue_send(void *arg, struct span datagram)
{
	struct queue *q = arg;

	if (q->drop_nth-- == 0) {
		q->dropped++;
		return;
	}
	assert_true(q->n < QUEUE_MAX && datagram.n <= 2048);
	memcpy(q->at[q->n].bytes, datagram.p, datagram.n);
	q->at[q->n++].n = datagram.n;
	if (datagram.n > q->largest)
		q->largest = datagram.n;
}

static void deliver(struct queue *q, struct side *to)
{
	unsigned n = q->n;

	q->n = 0;
	for (unsigned i = 0; i < n; i++)
		dtls_input(to->d, span_of(q->at[i].bytes, q->at[i].n));
}

/* `arg` is the queue, which the side embeds. */
static void side_take(void *arg, struct span data)
{
	struct side *s = (struct side *)(void *)((char *)arg -
						 offsetof(struct side, out));

	assert_true(s->got_n + data.n <= sizeof(s->got));
	memcpy(s->got + s->got_n, data.p, data.n);
	s->got_n += data.n;
}

static void side_open(struct side *s, struct dtls_env *mine,
		      const struct dtls_env *other, bool is_client)
{
	struct dtls_cfg cfg = {.is_client = is_client, .send = queue_send,
			       .take = side_take, .arg = &s->out};

	dtls_env_fingerprint(other, cfg.fingerprint);
	s->out = (struct queue){.drop_nth = -1};
	s->d = NULL;
	s->got_n = 0;
	assert_int_equal(dtls_new(&s->d, mine, &cfg), 0);
}

static void run(struct side *c, struct side *s)
{
	for (int i = 0; i < 10; i++) {
		deliver(&c->out, s);
		deliver(&s->out, c);
	}
}

static void test_dtls__agrees_on_keys_and_the_best_profile(void **state)
{
	struct side c, s;
	struct dtls_keys a, b;

	(void)state;
	side_open(&c, env_b, env_a, true);
	side_open(&s, env_a, env_b, false);
	run(&c, &s);
	assert_int_equal(dtls_state(c.d), DTLS_UP);
	assert_int_equal(dtls_state(s.d), DTLS_UP);
	assert_int_equal(dtls_get_keys(c.d, &a), 0);
	assert_int_equal(dtls_get_keys(s.d, &b), 0);
	assert_int_equal(a.profile, SRTP_AEAD_AES_256_GCM);
	assert_int_equal(a.key_n, 32);
	assert_int_equal(a.salt_n, 12);
	assert_memory_equal(a.send_key, b.receive_key, 32);
	assert_memory_equal(a.receive_key, b.send_key, 32);
	assert_memory_equal(a.send_salt, b.receive_salt, 12);
	assert_memory_not_equal(a.send_key, a.receive_key, 32);
	assert_true(c.out.largest <= DTLS_MTU);
	assert_true(s.out.largest <= DTLS_MTU);
	dtls_free(&c.d);
	dtls_free(&s.d);
}

static void test_dtls__refuses_another_certificate(void **state)
{
	struct side c, s;
	struct dtls_keys k;

	(void)state;
	side_open(&c, env_b, env_a, true);
	/* the server was promised the fingerprint of env_a, not of env_b */
	side_open(&s, env_a, env_a, false);
	run(&c, &s);
	assert_int_equal(dtls_state(s.d), DTLS_FAILED);
	assert_int_equal(dtls_get_keys(s.d, &k), E_STATE);
	dtls_free(&c.d);
	dtls_free(&s.d);
}

/* The library's own clock decides when it sends again: ask until it did. */
static void run_timed(struct side *c, struct side *s)
{
	for (int i = 0; i < 5000000 && (dtls_state(c->d) == DTLS_HANDSHAKE ||
					dtls_state(s->d) == DTLS_HANDSHAKE);
	     i++) {
		dtls_timer(c->d);
		dtls_timer(s->d);
		if (c->out.n || s->out.n)
			run(c, s);
	}
}

static void test_dtls__repairs_a_lost_datagram(void **state)
{
	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		struct side c, s;

		side_open(&c, env_b, env_a, true);
		side_open(&s, env_a, env_b, false);
		s.out.drop_nth = lost;
		run(&c, &s);
		run_timed(&c, &s);
		assert_int_equal(s.out.dropped, 1);
		assert_int_equal(dtls_state(c.d), DTLS_UP);
		assert_int_equal(dtls_state(s.d), DTLS_UP);
		dtls_free(&c.d);
		dtls_free(&s.d);
	}
}

static void test_dtls__sees_the_goodbye(void **state)
{
	struct side c, s;

	(void)state;
	side_open(&c, env_b, env_a, true);
	side_open(&s, env_a, env_b, false);
	run(&c, &s);
	dtls_shutdown(c.d);
	deliver(&c.out, &s);
	assert_int_equal(dtls_state(s.d), DTLS_CLOSED);
	dtls_free(&c.d);
	dtls_free(&s.d);
}

static void test_dtls__carries_what_is_said_both_ways(void **state)
{
	static const uint8_t large[DTLS_MTU];
	struct side c, s;

	(void)state;
	side_open(&c, env_b, env_a, true);
	side_open(&s, env_a, env_b, false);
	assert_int_equal(dtls_write(c.d, SPAN_LIT("early")), E_STATE);
	run(&c, &s);
	assert_int_equal(dtls_write(c.d, SPAN_LIT("one")), 0);
	assert_int_equal(dtls_write(c.d, SPAN_LIT("two")), 0);
	deliver(&c.out, &s);
	assert_int_equal(s.got_n, 6);
	assert_memory_equal(s.got, "onetwo", 6);
	assert_int_equal(dtls_write(s.d, SPAN_LIT("three")), 0);
	assert_true(s.out.n == 1 && s.out.at[0].n > 5);
	deliver(&s.out, &c);
	assert_memory_equal(c.got, "three", 5);
	assert_int_equal(dtls_write(c.d, span_of(large, sizeof(large))),
			 E_LIMIT);
	assert_int_equal(dtls_state(c.d), DTLS_UP);
	dtls_free(&c.d);
	dtls_free(&s.d);
}

static void test_dtls__bounds_handshakes(void **state)
{
	static struct side many[DTLS_HANDSHAKES_MAX];
	struct dtls *more = NULL;
	struct dtls_cfg cfg = {.send = queue_send};

	(void)state;
	for (unsigned i = 0; i < DTLS_HANDSHAKES_MAX; i++)
		side_open(&many[i], env_a, env_b, false);
	assert_int_equal(dtls_new(&more, env_a, &cfg), E_BUSY);
	for (unsigned i = 0; i < DTLS_HANDSHAKES_MAX; i++)
		dtls_free(&many[i].d);
	assert_int_equal(dtls_new(&more, env_a, &cfg), 0);
	dtls_free(&more);
}

static void test_dtls__ignores_garbage_and_goes_on(void **state)
{
	struct side c, s;
	uint8_t junk[64];

	(void)state;
	side_open(&c, env_b, env_a, true);
	side_open(&s, env_a, env_b, false);
	for (unsigned i = 0; i < 200; i++) {
		memset(junk, (int)i, sizeof(junk));
		junk[0] = 22;
		dtls_input(s.d, span_of(junk, 1 + i % 64));
	}
	run(&c, &s);
	assert_int_equal(dtls_state(s.d), DTLS_UP);
	dtls_free(&c.d);
	dtls_free(&s.d);
}

static int make_one(void *arg)
{
	struct dtls_cfg cfg = {.send = queue_send};
	struct dtls *d = NULL;
	int r = dtls_new(&d, arg, &cfg);

	dtls_free(&d);
	return r;
}

static void test_dtls__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(make_one, env_a, 10) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtls__agrees_on_keys_and_the_best_profile),
		cmocka_unit_test(test_dtls__refuses_another_certificate),
		cmocka_unit_test(test_dtls__repairs_a_lost_datagram),
		cmocka_unit_test(test_dtls__sees_the_goodbye),
		cmocka_unit_test(test_dtls__carries_what_is_said_both_ways),
		cmocka_unit_test(test_dtls__bounds_handshakes),
		cmocka_unit_test(test_dtls__ignores_garbage_and_goes_on),
		cmocka_unit_test(test_dtls__survives_failing_allocations),
	};
	int r;

	if (dtls_env_new(&env_a) < 0 || dtls_env_new(&env_b) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	dtls_env_free(&env_a);
	dtls_env_free(&env_b);
	return r;
}
