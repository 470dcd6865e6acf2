#include "web/sandbox.h"
#include <netinet/in.h>
#include <sys/syscall.h>

#define ARG(n, v) .has_arg = true, .arg = (n),                                \
		  .mask = UINT64_C(0xffffffff), .value = (v)

/* Everything else that web does is with descriptors it holds. It never opens,
 * connects or makes a socket. */
static const struct sandbox_rule allow[] = {
	{.syscall = SYS_accept4,
	 .reason = "browsers come in over the listening sockets"},
	{.syscall = SYS_getsockname,
	 .reason = "which of our addresses a browser came to: its location"},
	{.syscall = SYS_setsockopt, ARG(1, IPPROTO_IP),
	 .reason = "DSCP of connections, as their location says"},
	{.syscall = SYS_setsockopt, ARG(1, IPPROTO_IPV6),
	 .reason = "the same for IPv6"},
	SANDBOX_RULES_END,
};

const struct sandbox_profile web_sandbox = {
	.role = "web",
	.allow = allow,
	.kill = SANDBOX_KILL,
};
