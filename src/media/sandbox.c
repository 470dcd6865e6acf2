/* What a media worker may ask of the kernel. Its sockets come by descriptor:
 * it makes none, connects nowhere and opens no file. */
#include "media/sandbox.h"
#include <seccomp.h>
#include <sys/socket.h>

static const struct sandbox_rule allow[] = {
	{.syscall = SCMP_SYS(accept4),
	 .reason = "ICE-TCP: connections to the listening socket"},
	{.syscall = SCMP_SYS(recvmmsg), .reason = "datagrams in batches"},
	{.syscall = SCMP_SYS(sendmmsg), .reason = "datagrams in batches"},
	{.syscall = SCMP_SYS(setsockopt), .has_arg = true, .arg = 1,
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
