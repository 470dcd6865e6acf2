/* core/access_limit.h - how many lines of module `access` are written.
 *
 * fail2ban reads these lines (docs/handbook/security.md). Whoever makes many of
 * them must not keep another's out of the log, nor fill the disk. Each kind of
 * line has its own budget a second, of which one source, the network around it
 * and all repetitions together get a part: what is left is for the first line
 * of each source. At most ACCESS_LINES_PER_S times ACCESS_KINDS_MAX lines a
 * second pass, fewer than super's sink takes from one role.
 *
 * Sources are counted in a table of fixed size by a keyed hash, so that nobody
 * chooses with whom he shares a counter; two rows, the smaller counts. Pure:
 * the monotonic time is an argument. Not thread safe; owned by core's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	ACCESS_KINDS_MAX = 7,
	ACCESS_LINES_PER_S = 25,	/* of one kind */
	ACCESS_REPEATS_PER_S = 15,	/* of these, not a source's first */
	ACCESS_SOURCE_PER_S = 10,	/* IPv4 address, IPv6 /64 */
	ACCESS_NET_PER_S = 12,		/* IPv4 /24, IPv6 /48 */
	ACCESS_SLOTS = 2048,		/* a power of two */
};

struct access_limit {		/* starts as zero, but for the key */
	uint64_t key[2];	/* random */
	uint64_t second;
	uint8_t total[ACCESS_KINDS_MAX], repeats[ACCESS_KINDS_MAX];
	uint8_t seen[2][ACCESS_SLOTS];
	uint64_t suppressed;	/* ever */
	uint64_t untold;	/* since the last line that was written */
};

/* May this line be written? Counts it. `ip`: v4-mapped for IPv4. A kind of
 * ACCESS_KINDS_MAX or more is refused. */
bool access_limit_may(struct access_limit *l, unsigned kind,
		      const uint8_t ip[16], uint64_t now_ns);
/* How many were not written since this was asked last. */
uint64_t access_limit_untold(struct access_limit *l);
