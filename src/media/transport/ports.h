/* media/transport/ports.h - pairs of UDP ports for legs without ICE: an even
 * one for RTP and the odd one above it for RTCP (RFC 3550 11), drawn at random
 * from the range that the firewall opens for media.
 *
 * A pair that is taken already, by us or by another process, is drawn again,
 * PORTS_TRIES times. One that was given back rests for PORTS_REST_S: what is
 * still on its way to the old leg must not reach a new one. At most
 * PORTS_PAIRS_MAX are out at one time.
 *
 * Makes sockets while the worker runs; the sandbox allows UDP over IPv6 (which
 * carries IPv4, too) and nothing else. Not thread safe. Monotonic ns.
 */
#pragma once
#include "base/err.h"
#include "base/addr.h"

enum {
	PORTS_PAIRS_MAX = 4096,
	PORTS_TRIES = 64,
	PORTS_REST_S = 30,
	PORTS_FIRST_DEFAULT = 40000, PORTS_LAST_DEFAULT = 49999,
};

struct ports;

/* first..last, 1024 or more, at least one pair: E_INVAL. E_NOMEM. */
int  ports_new(struct ports **out, uint16_t first, uint16_t last);
void ports_free(struct ports **p);

struct ports_pair {
	uint16_t port;			/* of RTP */
	int rtp_fd, rtcp_fd;		/* the caller's; rtcp_fd -1 = none */
};
/* Binds to `ip` (zero: every address; also when it is none of ours, as behind
 * a translator). Without RTCP the odd port stays free. E_FULL: no pair is
 * free; E_SYS: no socket. */
int  ports_take(struct ports *p, const uint8_t ip[16], bool has_rtcp,
		uint64_t now_ns, struct ports_pair *out);
/* The descriptors are closed already. */
void ports_give(struct ports *p, uint16_t port, uint64_t now_ns);

struct ports_stats {
	uint64_t taken, collisions, refused;
	uint32_t open;
};
void ports_get_stats(const struct ports *p, struct ports_stats *out);
