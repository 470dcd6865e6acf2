/* What a media worker may ask of the kernel. The sockets that browsers share
 * come by descriptor; it makes UDP sockets for legs without ICE, each with a
 * port of its own. It connects nowhere and opens no file. */
#include "media/sandbox.h"
#include <netinet/in.h>
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
	/* type may carry SOCK_NONBLOCK and SOCK_CLOEXEC above its low bits */
	{.syscall = SYS_socket, .has_arg = true, .arg = 0,
	 .mask = UINT64_C(0xffffffff), .value = AF_INET6,
	 .has_arg2 = true, .arg2 = 1, .mask2 = 0xf, .value2 = SOCK_DGRAM,
	 .reason = "ports of legs without ICE: UDP only"},
	{.syscall = SYS_bind, .reason = "ports of legs without ICE"},
	{.syscall = SYS_setsockopt, .has_arg = true, .arg = 1,
	 .mask = UINT64_C(0xffffffff), .value = IPPROTO_IPV6,
	 .has_arg2 = true, .arg2 = 2, .mask2 = UINT64_C(0xffffffff),
	 .value2 = IPV6_V6ONLY, .reason = "they carry IPv4, too"},
	SANDBOX_RULES_END
};

const struct sandbox_profile media_sandbox = {
	.role = "media",
	.allow = allow,
	.max_nofile = 16384,
	.kill = SANDBOX_KILL,
};
