/* What a media worker may ask of the kernel. Its sockets come by descriptor:
 * it makes none, connects nowhere and opens no file. */
#include "media/sandbox.h"
#include <sys/socket.h>
#include <sys/syscall.h>

static const struct sandbox_rule allow[] = {
	{.syscall = SYS_accept4,
	 .reason = "ICE-TCP: connections to the listening socket"},
	{.syscall = SYS_recvmmsg, .reason = "datagrams in batches"},
	{.syscall = SYS_sendmmsg, .reason = "datagrams in batches"},
	{.syscall = SYS_setsockopt, .has_arg = true, .arg = 1,
	 .mask = UINT64_C(0xffffffff), .value = SOL_SOCKET,
	 .reason = "buffers of a new link to video"},
	SANDBOX_RULES_END
};

const struct sandbox_profile media_sandbox = {
	.role = "media",
	.allow = allow,
	.max_nofile = 4096,
	.kill = SANDBOX_KILL,
};
