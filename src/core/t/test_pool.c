/* The worker pool: order, limits, cancelling, deadlines. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/clock.h"
#include "base/err.h"
#include "core/pool.h"

/* A gate that holds the pool's threads until the test opens it. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool open;
	unsigned inside;
};

struct fix {
	struct pool *p;
	struct gate gate;
	int n_done;
};

struct task {
	struct fix *f;
	bool waits, ran;
	int calls, result, give, order;	/* of its `done` */
	pthread_t thread;
};

static int work(void *arg)
{
	struct task *t = arg;
	struct gate *g = &t->f->gate;

	t->ran = true;
	t->thread = pthread_self();
	if (!t->waits)
		return t->give;
	(void)pthread_mutex_lock(&g->lock);
	g->inside++;
	(void)pthread_cond_broadcast(&g->wake);
	while (!g->open)
		(void)pthread_cond_wait(&g->wake, &g->lock);
	(void)pthread_mutex_unlock(&g->lock);
	return t->give;
}

static void done(void *arg, int result)
{
	struct task *t = arg;

	t->calls++;
	t->result = result;
	t->order = t->f ? ++t->f->n_done : 0;
}

static void open_gate(struct gate *g)
{
	(void)pthread_mutex_lock(&g->lock);
	g->open = true;
	(void)pthread_cond_broadcast(&g->wake);
	(void)pthread_mutex_unlock(&g->lock);
}

static void wait_inside(struct gate *g, unsigned n)
{
	(void)pthread_mutex_lock(&g->lock);
	while (g->inside < n)
		(void)pthread_cond_wait(&g->wake, &g->lock);
	(void)pthread_mutex_unlock(&g->lock);
}

static void await(struct fix *f, const struct task *t)
{
	struct pollfd pfd = {.fd = pool_fd(f->p), .events = POLLIN};

	while (!t->calls) {
		assert_int_equal(poll(&pfd, 1, 20000), 1);
		(void)pool_dispatch(f->p);
	}
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	const struct pool_cfg cfg = {.threads = 1, .queue_max = 4};

	assert_non_null(f);
	pthread_mutex_init(&f->gate.lock, NULL);
	pthread_cond_init(&f->gate.wake, NULL);
	assert_int_equal(pool_new(&f->p, &cfg), 0);
	assert_int_equal(pool_start(f->p), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	open_gate(&f->gate);
	pool_close(&f->p);
	pthread_cond_destroy(&f->gate.wake);
	pthread_mutex_destroy(&f->gate.lock);
	free(f);
	return 0;
}

static void put(struct fix *f, struct task *t, uint64_t deadline,
		uint64_t *handle)
{
	const struct pool_job j = {.work = work, .done = done, .arg = t,
				   .deadline_ns = deadline,
				   .who = SHARE_OURS};

	t->f = f;
	assert_int_equal(pool_put(f->p, &j, handle), 0);
}

static int try_put(struct pool *p, struct task *t, enum share_who who,
		   uint8_t from)
{
	const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [15] = from};
	const struct pool_job j = {.work = work, .done = done, .arg = t,
				   .who = who, .ip = ip};

	return pool_put(p, &j, NULL);
}

static void test_pool__works_elsewhere_and_answers_here(void **state)
{
	struct fix *f = *state;
	struct task t = {.give = E_AUTH};

	put(f, &t, 0, NULL);
	await(f, &t);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.result, E_AUTH);
	assert_false(pthread_equal(t.thread, pthread_self()));
}

static void test_pool__refuses_what_the_queue_cannot_hold(void **state)
{
	struct fix *f = *state;
	struct task t[5] = {{.waits = true}};
	struct pool_stats s;

	for (int i = 0; i < 4; i++)
		put(f, &t[i], 0, NULL);
	t[4].f = f;
	assert_int_equal(try_put(f->p, &t[4], SHARE_OURS, 0), E_FULL);
	pool_stats(f->p, &s);
	assert_int_equal(s.refused, 1);
	open_gate(&f->gate);
	await(f, &t[3]);
	for (int i = 0; i < 4; i++)
		assert_int_equal(t[i].calls, 1);
	assert_int_equal(t[4].calls, 0);
	put(f, &t[4], 0, NULL);
	await(f, &t[4]);
}

static void test_pool__cancelled_before_it_began_never_runs(void **state)
{
	struct fix *f = *state;
	struct task first = {.waits = true}, second = {.give = 0};
	uint64_t handle;

	put(f, &first, 0, NULL);
	wait_inside(&f->gate, 1);
	put(f, &second, 0, &handle);
	assert_true(pool_cancel(f->p, handle));
	await(f, &second);
	assert_int_equal(second.result, E_CLOSED);
	assert_false(second.ran);
	assert_false(pool_cancel(f->p, handle));
	open_gate(&f->gate);
	await(f, &first);
}

static void test_pool__cancelled_while_it_runs_gives_no_late_answer(
	void **state)
{
	struct fix *f = *state;
	struct task t = {.waits = true};
	uint64_t handle;
	struct pool_stats s;

	put(f, &t, 0, &handle);
	wait_inside(&f->gate, 1);
	assert_true(pool_cancel(f->p, handle));
	open_gate(&f->gate);
	await(f, &t);
	assert_true(t.ran);
	assert_int_equal(t.result, E_CLOSED);
	pool_stats(f->p, &s);
	assert_int_equal(s.cancelled, 1);
	assert_int_equal(s.running, 0);
}

static void test_pool__cancelled_after_it_ran_gives_no_late_answer(
	void **state)
{
	struct fix *f = *state;
	struct task t = {.give = 0};
	struct pollfd pfd = {.fd = pool_fd(f->p), .events = POLLIN};
	uint64_t handle;

	put(f, &t, 0, &handle);
	assert_int_equal(poll(&pfd, 1, 20000), 1);
	assert_true(pool_cancel(f->p, handle));
	await(f, &t);
	assert_int_equal(t.result, E_CLOSED);
}

static void test_pool__does_not_begin_behind_the_deadline(void **state)
{
	struct fix *f = *state;
	struct task t = {.give = 0};

	put(f, &t, 1, NULL);
	await(f, &t);
	assert_int_equal(t.result, E_TIMEOUT);
	assert_false(t.ran);
}

static void test_pool__close_answers_everything(void **state)
{
	struct fix *f = *state;
	struct task t[3] = {{.give = 0}};
	struct pool *p;
	const struct pool_cfg cfg = {.threads = 2, .queue_max = 8};

	/* Never started: nothing runs, everything is answered. */
	assert_int_equal(pool_new(&p, &cfg), 0);
	for (int i = 0; i < 3; i++) {
		t[i].f = f;
		assert_int_equal(try_put(p, &t[i], SHARE_OURS, 0), 0);
	}
	pool_close(&p);
	assert_null(p);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(t[i].calls, 1);
		assert_int_equal(t[i].result, E_CLOSED);
		assert_false(t[i].ran);
	}
	pool_close(&p);
}

static void test_pool__refuses_sizes_that_cannot_be(void **state)
{
	struct pool *p = NULL;
	const struct pool_cfg bad[] = {{0, 1}, {1, 0},
				       {POOL_THREADS_MAX + 1, 1},
				       {1, POOL_QUEUE_MAX + 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pool_new(&p, &bad[i]), E_INVAL);
	assert_null(p);
}

/* Strangers fill what is theirs; the proven find a place, and go first. */
static void test_pool__strangers_leave_room_and_come_last(void **state)
{
	struct fix *f = *state;
	struct task first = {.f = f, .waits = true}, late = {.f = f};
	struct task proven = {.f = f}, t[4] = {{.f = f}, {.f = f}, {.f = f}};
	struct pool_stats s;

	assert_int_equal(try_put(f->p, &first, SHARE_STRANGER, 1), 0);
	wait_inside(&f->gate, 1);
	assert_int_equal(try_put(f->p, &t[0], SHARE_STRANGER, 1), E_FULL);
	assert_int_equal(try_put(f->p, &t[1], SHARE_STRANGER, 2), 0);
	assert_int_equal(try_put(f->p, &late, SHARE_STRANGER, 3), 0);
	assert_int_equal(try_put(f->p, &t[2], SHARE_STRANGER, 4), E_FULL);
	assert_int_equal(try_put(f->p, &proven, SHARE_PROVEN, 1), 0);
	pool_stats(f->p, &s);
	assert_int_equal(s.refused, 2);
	assert_int_equal(s.share.refused_source, 1);
	assert_int_equal(s.share.refused_strangers, 1);
	open_gate(&f->gate);
	await(f, &late);
	assert_int_equal(proven.calls, 1);
	assert_true(proven.ran);
	assert_true(proven.order < t[1].order && t[1].order < late.order);
}

/* However many strangers there are, a thread is there for the others. */
static void test_pool__a_thread_is_kept_from_strangers(void **state)
{
	const struct pool_cfg cfg = {.threads = 2, .queue_max = 16};
	struct fix f = {.p = NULL};
	struct task t[4], proven = {.f = &f};

	(void)state;
	pthread_mutex_init(&f.gate.lock, NULL);
	pthread_cond_init(&f.gate.wake, NULL);
	assert_int_equal(pool_new(&f.p, &cfg), 0);
	assert_int_equal(pool_start(f.p), 0);
	for (uint8_t i = 0; i < 4; i++) {
		t[i] = (struct task){.f = &f, .waits = true};
		assert_int_equal(try_put(f.p, &t[i], SHARE_STRANGER, i), 0);
	}
	wait_inside(&f.gate, 1);
	assert_int_equal(try_put(f.p, &proven, SHARE_PROVEN, 9), 0);
	await(&f, &proven);
	assert_int_equal(t[0].calls + t[1].calls + t[2].calls + t[3].calls, 0);
	open_gate(&f.gate);
	await(&f, &t[3]);
	pool_close(&f.p);
	pthread_cond_destroy(&f.gate.wake);
	pthread_mutex_destroy(&f.gate.lock);
}

static int whole_life(void *arg)
{
	const struct pool_cfg cfg = {.threads = 1, .queue_max = 2};
	struct task t = {.f = arg};
	struct pool *p = NULL;
	int r = pool_new(&p, &cfg);

	if (r == 0) {
		r = try_put(p, &t, SHARE_OURS, 0);
		pool_close(&p);
		assert_int_equal(t.calls, r == 0);
	}
	return r;
}

static void test_pool__survives_short_memory(void **state)
{
	assert_true(alloc_test_every(whole_life, *state, 16) > 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pool__works_elsewhere_and_answers_here),
		T(test_pool__refuses_what_the_queue_cannot_hold),
		T(test_pool__cancelled_before_it_began_never_runs),
		T(test_pool__cancelled_while_it_runs_gives_no_late_answer),
		T(test_pool__cancelled_after_it_ran_gives_no_late_answer),
		T(test_pool__does_not_begin_behind_the_deadline),
		T(test_pool__close_answers_everything),
		T(test_pool__refuses_sizes_that_cannot_be),
		T(test_pool__strangers_leave_room_and_come_last),
		T(test_pool__a_thread_is_kept_from_strangers),
		T(test_pool__survives_short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
