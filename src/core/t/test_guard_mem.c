/* The guard's memory: a file that survives, and what happens without. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "core/guard_mem.h"

enum { N = 1 << 20 };

static int file(char path[32])
{
	int fd;

	(void)snprintf(path, 32, "/tmp/guard-mem-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	return fd;
}

static void test_guard_mem__file_keeps_what_was_written(void **state)
{
	char path[32];
	struct guard_mem m;
	struct stat st;
	int fd = file(path);

	(void)state;
	assert_int_equal(guard_mem_open(&m, fd, N), 0);
	assert_true(m.is_file);
	assert_int_equal(m.why, 0);
	((uint8_t *)m.p)[N - 1] = 42;
	guard_mem_close(&m);
	assert_null(m.p);
	(void)close(fd);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, N);
	assert_true(st.st_blocks * 512 >= N);
	assert_int_equal(guard_mem_open(&m, fd, N), 0);
	assert_int_equal(((uint8_t *)m.p)[N - 1], 42);
	guard_mem_clear(&m);
	assert_int_equal(((uint8_t *)m.p)[N - 1], 0);
	guard_mem_close(&m);
	(void)close(fd);
	(void)unlink(path);
}

static void test_guard_mem__relaxing_loses_nothing(void **state)
{
	char path[32];
	struct guard_mem m;
	int fd = file(path);

	(void)state;
	assert_int_equal(guard_mem_open(&m, fd, N), 0);
	memset(m.p, 7, N);
	guard_mem_relax(&m);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(((uint8_t *)m.p)[i], 7);
	guard_mem_close(&m);
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(guard_mem_open(&m, -1, N), 0);
	memset(m.p, 7, N);
	guard_mem_relax(&m);
	assert_int_equal(((uint8_t *)m.p)[N - 1], 7);
	guard_mem_close(&m);
}

static void test_guard_mem__another_length_is_made_to_fit(void **state)
{
	static const off_t lengths[] = {1, N / 2, 3 * N};
	char path[32];
	struct guard_mem m;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fd = file(path);

		assert_int_equal(ftruncate(fd, lengths[i]), 0);
		assert_int_equal(guard_mem_open(&m, fd, N), 0);
		assert_true(m.is_file);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, N);
		guard_mem_close(&m);
		(void)close(fd);
		(void)unlink(path);
	}
}

static void test_guard_mem__without_a_file_it_is_only_forgetful(void **state)
{
	struct guard_mem m;
	int fds[2];

	(void)state;
	assert_int_equal(guard_mem_open(&m, -1, N), 0);
	assert_false(m.is_file);
	assert_int_equal(m.why, E_NOTFOUND);
	memset(m.p, 1, N);
	guard_mem_close(&m);
	guard_mem_close(&m);
	/* Not a file at all. */
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(guard_mem_open(&m, fds[0], N), 0);
	assert_false(m.is_file);
	guard_mem_close(&m);
	(void)close(fds[1]);
}

/* The disk is full, as far as this process can see. */
static void test_guard_mem__full_disk_is_no_bus_error(void **state)
{
	const struct rlimit small = {.rlim_cur = N / 2, .rlim_max = N / 2};
	char path[32];
	int fd = file(path), status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct guard_mem m;
		int ok;

		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &small);
		ok = guard_mem_open(&m, fd, N) == 0 && !m.is_file &&
		     m.why == E_NOSPACE;
		if (ok)
			memset(m.p, 1, N);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(fd);
	(void)unlink(path);
}

static void test_guard_mem__one_process_at_a_time(void **state)
{
	char path[32];
	struct guard_mem m;
	int fd = file(path), status;
	pid_t pid;

	(void)state;
	assert_int_equal(guard_mem_open(&m, fd, N), 0);
	pid = fork();
	if (pid == 0) {
		struct guard_mem other;
		const int own = open(path, O_RDWR);

		_exit(guard_mem_open(&other, own, N) == 0 && !other.is_file &&
		      other.why == E_BUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	guard_mem_close(&m);
	(void)close(fd);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_mem__file_keeps_what_was_written),
		cmocka_unit_test(test_guard_mem__relaxing_loses_nothing),
		cmocka_unit_test(
			test_guard_mem__another_length_is_made_to_fit),
		cmocka_unit_test(
			test_guard_mem__without_a_file_it_is_only_forgetful),
		cmocka_unit_test(test_guard_mem__full_disk_is_no_bus_error),
		cmocka_unit_test(test_guard_mem__one_process_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
