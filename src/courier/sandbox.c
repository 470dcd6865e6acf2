/* What the courier may ask of the kernel: sockets of the internet families,
 * and connecting them. Whom it may connect to no filter of the kernel can
 * tell: that is base/outguard.h, and the firewall. It opens no file, listens
 * nowhere and has no local sockets. */
#include "courier/sandbox.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ARG(n, v) .has_arg = true, .arg = (n),                                \
		  .mask = UINT64_C(0xffffffff), .value = (v)

static const struct sandbox_rule allow[] = {
	{.syscall = SYS_socket, ARG(0, AF_INET), .reason = "calls out"},
	{.syscall = SYS_socket, ARG(0, AF_INET6), .reason = "calls out"},
	{.syscall = SYS_connect, .reason = "calls out"},
	{.syscall = SYS_bind,
	 .reason = "is an address our own? (listen stays out of reach)"},
	{.syscall = SYS_getsockname,
	 .reason = "which of our addresses the connection came from"},
	{.syscall = SYS_getpeername, .reason = "whom the connection reached"},
	{.syscall = SYS_setsockopt, ARG(1, IPPROTO_TCP),
	 .reason = "no delay, keep alive"},
	{.syscall = SYS_setsockopt, ARG(1, SOL_SOCKET),
	 .reason = "keep alive, buffers"},
	SANDBOX_RULES_END
};

const struct sandbox_profile courier_sandbox = {
	.role = "courier",
	.allow = allow,
	.max_nofile = 1024,
	.allow_tcp_connect = true,
	.kill = SANDBOX_KILL,
};
