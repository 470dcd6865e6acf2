/* super/listen.h - the sockets that super opens for others.
 *
 * All are non-blocking and close-on-exec, dual-stack ([::], IPv4 mapped). A
 * port that is busy is tried again for `wait_ms` (at start LISTEN_WAIT_MS: an
 * earlier super's roles need up to a second to let go of it). On failure one line that says
 * what to do stands in `error`.
 */
#pragma once
#include "base/addr.h"

enum { LISTEN_WAIT_MS = 2500, LISTEN_ERROR_MAX = 512, LISTEN_BACKLOG = 4096,
       LISTEN_UDP_BUFFER_BYTES = 4 * 1024 * 1024,
       LISTEN_NETLINK_BYTES = 1024 * 1024 };

int listen_tcp(int *fd, uint16_t port, unsigned wait_ms, const char *option,
	       char error[LISTEN_ERROR_MAX]);
int listen_udp(int *fd, uint16_t port, unsigned wait_ms, const char *option,
	       char error[LISTEN_ERROR_MAX]);
/* For the shared port of legs with ICE: from now on the kernel drops what is
 * neither STUN with its cookie nor DTLS, RTP or RTCP by its first byte (RFC
 * 7983) and length, before it is queued or wakes anybody. E_SYS. */
int listen_only_ice(int fd);
/* NETLINK_NETFILTER, bounded answers; for `ban`, which may make none. */
int listen_netlink(int *fd);
/* SEQPACKET, mode 0600. Replaces a stale socket file; the caller holds the
 * lock of the run directory. */
int listen_cli(int *fd, const char *path, char error[LISTEN_ERROR_MAX]);
/* Addresses of this host that a client could reach, at most max; loopback
 * only when there is no other. */
size_t listen_own_addrs(struct addr *out, size_t max);
