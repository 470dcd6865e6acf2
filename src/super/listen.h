/* super/listen.h - the sockets that super opens for others.
 *
 * All are non-blocking and close-on-exec, dual-stack ([::], IPv4 mapped). A
 * port that is busy is tried again for LISTEN_WAIT_MS: an earlier super's
 * roles need up to a second to let go of it. On failure one line that says
 * what to do stands in `error`.
 */
#pragma once
#include "base/addr.h"

enum { LISTEN_WAIT_MS = 2500, LISTEN_ERROR_MAX = 512, LISTEN_BACKLOG = 1024,
       LISTEN_UDP_BUFFER_BYTES = 4 * 1024 * 1024 };

int listen_tcp(int *fd, uint16_t port, const char *option,
	       char error[LISTEN_ERROR_MAX]);
int listen_udp(int *fd, uint16_t port, char error[LISTEN_ERROR_MAX]);
/* SEQPACKET, mode 0600. Replaces a stale socket file; the caller holds the
 * lock of the run directory. */
int listen_cli(int *fd, const char *path, char error[LISTEN_ERROR_MAX]);
/* Addresses of this host that a client could reach, at most max; loopback
 * only when there is no other. */
size_t listen_own_addrs(struct addr *out, size_t max);
