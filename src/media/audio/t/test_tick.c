/* The tick and the arrival of a packet neither allocate nor enter the kernel.
 *
 * Both are shown from outside: the C library's allocator is replaced by one
 * that ends the process while a flag is set (so libopus and speex are watched
 * too), and a child does the same work under a filter that kills it for any
 * system call but exit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "media/audio/t/sim.h"

/* A full round through the crowd is 224 ticks. A sanitizer is twenty times as
 * slow, and its build has no watch on malloc. */
#ifdef CONCLAVE_SANITIZED
enum { FREE_TICKS = 60, JAIL_TICKS = 60 };
#else
enum { FREE_TICKS = 680, JAIL_TICKS = 340 };
#endif

static volatile int is_forbidden;
static volatile long allocations;

#ifndef CONCLAVE_SANITIZED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static void watch(void)
{
	allocations++;
	if (is_forbidden)
		abort();
}

void *malloc(size_t n)
{
	watch();
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	watch();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	watch();
	return __libc_realloc(p, n);
}

void free(void *p)
{
	if (p)
		watch();
	__libc_free(p);
}
#endif

/* Talk that starts and stops, three codecs, loss, jitter, liars, no levels. */
static struct sim *crowd(void)
{
	struct sim *sim = NULL;

	assert_int_equal(sim_new(&sim, &(struct audio_room_cfg){
						.max_talkers = 3 }), 0);
	for (int i = 0; i < 16; i++) {
		struct sim_peer_cfg cfg = {
			.codec = i % 5 ? AUDIO_OPUS : AUDIO_PCMU + i % 3,
			.signal = i % 3 ? SIM_SPEECH : SIM_SILENCE,
			.hz = 100 + 10 * i, .loss = 0.05, .jitter_ms = 40,
			.drift_ppm = 2000, .has_level = i % 2,
			.level_lie = i % 7 == 6 ? 1 : 0, .is_fec = true,
			.is_dtx = i % 4 == 3,
		};

		assert_non_null(sim_add(sim, &cfg));
	}
	for (int i = 0; i < 16; i += 3)
		(void)audio_leg_loss_report(sim->peer[i].leg, 10);
	sim_run(sim, 1);
	return sim;
}

static void work(struct sim *sim, int ticks)
{
	for (int t = 0; t < ticks; t++) {
		struct sim_peer *p = &sim->peer[t / 7 % 16];

		if (t % 7 == 0)
			p->cfg.signal = p->cfg.signal == SIM_SPEECH ?
					SIM_SILENCE : SIM_SPEECH;
		sim_packets(sim);
		sim_room_tick(sim);
	}
}

static void test_tick__allocates_nothing(void **state)
{
	struct sim *sim = crowd();
	long before;

	(void)state;
	before = allocations;
	is_forbidden = 1;
	work(sim, FREE_TICKS);
	is_forbidden = 0;
	assert_int_equal(allocations, before);
	sim_free(&sim);
}

static void test_tick__the_watch_works(void **state)
{
	long before = allocations;

	(void)state;
#ifdef CONCLAVE_SANITIZED
	skip();
#endif
	free(malloc(100));
	assert_true(allocations > before);
}

/* Runs in the child: what it does after the filter must not return. */
static void work_in_jail(struct sim *sim, bool is_breaking_out)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(3);
	work(sim, JAIL_TICKS);
	if (is_breaking_out)
		(void)syscall(SYS_getppid);
	syscall(SYS_exit, 0);
}

static int jail(struct sim *sim, bool is_breaking_out)
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0)
		work_in_jail(sim, is_breaking_out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_tick__makes_no_system_call(void **state)
{
	struct sim *sim = crowd();
	int status = jail(sim, false);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	status = jail(sim, true);
	assert_true(WIFSIGNALED(status));
	sim_free(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tick__the_watch_works),
		cmocka_unit_test(test_tick__allocates_nothing),
		cmocka_unit_test(test_tick__makes_no_system_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
