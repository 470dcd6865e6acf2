/* base/sandbox.h - closes the walls around a role.
 *
 * sandbox_enter() makes the process non-dumpable, sets no_new_privs, drops all
 * capabilities but `keep_caps`, limits resources, enters Landlock (every
 * file system right; ABI 2 and later, network too where ABI >= 4), and loads a
 * seccomp filter: the common list of sandbox.c plus the role's own rows;
 * everything else kills the process (SIGSYS), except the calls in `deny_errno`,
 * which fail with EPERM because a library tries them and lives without. What
 * only a newer Landlock ABI enforces, seccomp enforces too. One way only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox_rule {
	int syscall;		/* SCMP_SYS(name) */
	/* Optional test of one argument: (arg & mask) == value. */
	bool has_arg;
	unsigned arg;
	uint64_t mask, value;
	const char *reason;	/* why the role needs it; must not be empty */
};

struct sandbox_path {
	const char *path;	/* opened before the filter loads */
	bool write;		/* false: read files and directories only */
	const char *reason;
};

struct sandbox_profile {
	const char *role;
	const struct sandbox_rule *allow;	/* ends with syscall < 0 */
	const struct sandbox_path *paths;	/* ends with path NULL */
	const int *deny_errno;			/* ends with -1 */
	uint64_t keep_caps;			/* bits 1 << CAP_x */
	uint64_t max_nofile;			/* 0 = leave */
	bool allow_threads;
	bool kill;	/* false only in the sanitizer build: log and EPERM */
};

/* 0, E_UNSUPPORTED when the kernel lacks seccomp or Landlock, E_SYS. A role
 * must not serve when this fails. */
int sandbox_enter(const struct sandbox_profile *p);

/* Marks non-dumpable, no core, close-on-exec for all but 0..4: every role, at
 * the very start of main. */
int sandbox_early(void);
