/* A profile that allows too much, to see that it is noticed. */
#include <seccomp.h>
#include "base/sandbox.h"

static const struct sandbox_rule allow[] = {
	{.syscall = SCMP_SYS(openat), .reason = "planted"},
	{.syscall = SCMP_SYS(socket), .reason = "planted"},
	{.syscall = SCMP_SYS(memfd_create), .reason = "planted"},
	{.syscall = SCMP_SYS(kill), .reason = "planted"},
	SANDBOX_RULES_END
};

static const struct sandbox_path paths[] = {
	{.path = "/etc", .reason = "planted"},
	{.path = NULL},
};

const struct sandbox_profile planted_sandbox = {
	.role = "planted", .allow = allow, .paths = paths,
	.allow_threads = true, .kill = SANDBOX_KILL,
};
