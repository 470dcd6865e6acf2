#include "web/sandbox.h"
#include <sys/syscall.h>

/* Everything else that web does is with descriptors it holds. It never opens,
 * connects or makes a socket. */
static const struct sandbox_rule allow[] = {
	{.syscall = SYS_accept4,
	 .reason = "browsers come in over the listening sockets"},
	SANDBOX_RULES_END,
};

const struct sandbox_profile web_sandbox = {
	.role = "web",
	.allow = allow,
	.kill = SANDBOX_KILL,
};
