#include "core/sandbox.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include "core/zones.h"

#define ALLOW(name, why) {.syscall = SYS_##name, .reason = (why)}
#define ALLOW_ARG(name, n, m, v, why)                                         \
	{.syscall = SYS_##name, .has_arg = true, .arg = (n),              \
	 .mask = (uint64_t)(m), .value = (uint64_t)(v), .reason = (why)}
#define WHOLE UINT64_C(0xffffffff)

/* No network at all: not even a socket can be made. */
static const struct sandbox_rule allow[] = {
	/* database, journal and audit log, inside the data directory */
	ALLOW(openat, "audit segments, journal compaction; Landlock says where"),
	ALLOW(pread64, "database"),
	ALLOW(pwrite64, "database"),
	ALLOW(fsync, "durable before acknowledging"),
	ALLOW(fdatasync, "durable before acknowledging"),
	ALLOW(ftruncate, "torn tails; the database's log"),
	ALLOW(fallocate, "the audit log's reserve"),
	ALLOW(msync, "the guard's memory, once, at the end"),
	ALLOW(unlinkat, "retention; Landlock says where"),
	ALLOW(unlink, "retention; Landlock says where"),
	ALLOW(renameat2, "journal compaction; Landlock says where"),
	ALLOW(renameat, "journal compaction; Landlock says where"),
	ALLOW(rename, "journal compaction; Landlock says where"),
	ALLOW(newfstatat, "library looks at a file; Landlock guards content"),
	ALLOW(getdents64, "audit segments are listed"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_SETLK, "database locks"),
	ALLOW_ARG(fcntl, 1, WHOLE, F_GETLK, "database locks"),
	/* the local socket of conclave(1), bound by super */
	ALLOW(accept4, "conclave(1) on the socket that super bound"),
	SANDBOX_RULES_END
};

/* SQLite asks and lives without. */
static const int deny_errno[] = {
	SYS_fchown, SYS_fchmod, SYS_readlink,
	SYS_getcwd, SYS_access, SYS_faccessat,
	SYS_faccessat2, SYS_utimensat, SYS_fchmodat, -1
};

static const struct sandbox_path paths[] = {
	/* The working directory is the data directory by then. */
	{.path = ".", .write = true, .reason = "database, journal, audit log"},
	{.path = ZONES_DIR, .reason = "policy scripts ask for local time"},
	{.path = NULL},
};

const struct sandbox_profile core_sandbox = {
	.role = "core", .allow = allow, .paths = paths,
	.deny_errno = deny_errno, .max_nofile = 256, .allow_threads = true,
	.kill = SANDBOX_KILL,
};
