#include "sip/sandbox.h"
#include <sys/syscall.h>

/* Everything else that sip does is with descriptors it holds. It never opens,
 * connects or makes a socket: courier does, and sends the descriptor. */
static const struct sandbox_rule allow[] = {
	{.syscall = SYS_accept4,
	 .reason = "devices come in over the listening sockets"},
	{.syscall = SYS_getsockname,
	 .reason = "which of our addresses a device came to"},
	{.syscall = SYS_recvmmsg, .reason = "datagrams in batches"},
	SANDBOX_RULES_END,
};

const struct sandbox_profile sip_sandbox = {
	.role = "sip",
	.allow = allow,
	.kill = SANDBOX_KILL,
};
