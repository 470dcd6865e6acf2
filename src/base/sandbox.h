/* base/sandbox.h - closes the walls around a role.
 *
 * sandbox_enter() makes the process non-dumpable, sets no_new_privs, drops all
 * capabilities but `keep_caps`, limits resources, enters Landlock (every
 * file system right; ABI 2 and later, network too where ABI >= 4), and loads a
 * seccomp filter: the common list of sandbox.c plus the role's own rows;
 * everything else kills the process (SIGSYS), except the calls in `deny_errno`,
 * which fail with EPERM because a library tries them and lives without. What
 * only a newer Landlock ABI enforces, seccomp enforces too. One way only.
 *
 * The common list already has what every role does with descriptors it holds
 * (read, write, send and receive, poll, epoll), memory without PROT_EXEC,
 * clocks, its own identity, futex, exit. It never has open, socket, connect,
 * bind, accept, exec, fork or anything that names another process. Each role
 * folder exposes `const struct sandbox_profile <role>_sandbox` in sandbox.c
 * and appends it to `sandbox_profiles` (see src/base/meson.build), so that
 * tests/sandbox tries to break it.
 *
 * A path may be "/proc/self/fd/N" for a directory that came as a descriptor:
 * copy the profile and its paths, fill it in, and enter the copy.
 *
 * To see which call a wall refused: `strace -f -p PID` by root, or the audit
 * line in `dmesg` (type=1326, syscall=NUMBER).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a profile puts into `kill`. */
#ifdef CONCLAVE_SANITIZED
#define SANDBOX_KILL false
#else
#define SANDBOX_KILL true
#endif
#define SANDBOX_RULES_END {.syscall = -1}

struct sandbox_rule {
	int syscall;		/* SCMP_SYS(name) */
	/* Optional test of one argument: (arg & mask) == value; and of a
	 * second one. */
	bool has_arg;
	unsigned arg;
	uint64_t mask, value;
	bool has_arg2;
	unsigned arg2;
	uint64_t mask2, value2;
	const char *reason;	/* why the role needs it; must not be empty */
};

struct sandbox_path {
	const char *path;	/* opened before the filter loads */
	bool write;		/* also create, write, rename, remove */
	bool exec;		/* also execute (super only) */
	const char *reason;
};

struct sandbox_profile {
	const char *role;
	/* All three may be NULL. A path that does not exist is skipped: that
	 * only takes rights away. */
	const struct sandbox_rule *allow;	/* ends with syscall -1 */
	const struct sandbox_path *paths;	/* ends with path NULL */
	const int *deny_errno;			/* ends with -1 */
	uint64_t keep_caps;	/* bits 1 << CAP_x; what is held of them */
	uint64_t max_nofile;			/* 0 = leave */
	bool allow_threads;
	bool allow_tcp_connect;	/* Landlock too; `allow` still names connect */
	bool kill;	/* false only in the sanitizer build: log and EPERM */
};

/* For super alone, whose filter its roles inherit: everything is allowed but
 * the fixed list of sandbox.c (netlink, ptrace, modules, namespaces, mounts,
 * io_uring, bpf, ...), which fails with EPERM. Landlock and capabilities as
 * for a role; `allow` and `deny_errno` are not used. */
int sandbox_enter_super(const struct sandbox_profile *p);

/* 0, E_STATE with more than one thread running, E_UNSUPPORTED when the kernel lacks seccomp or Landlock, E_SYS. A role
 * must not serve when this fails. */
int sandbox_enter(const struct sandbox_profile *p);

/* Marks non-dumpable, no core, close-on-exec for all but 0..4: every role, at
 * the very start of main. */
int sandbox_early(void);
