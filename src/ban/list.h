/* ban/list.h - reads one BanSet: the only thing this role is told by others.
 *
 * Pure. All or nothing: one malformed ban refuses the whole message, because
 * core never sends one. What is well formed but must never be banned (a prefix
 * that holds half the world, loopback) is marked, so that the others count.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "ipc/ban_sets.h"

struct ban_item {
	uint8_t ip[16];		/* network order; IPv4 v4-mapped */
	uint8_t prefix;		/* of the 128 bits */
	uint8_t ports;		/* bits of enum PortGroup, at least one */
	bool is_v4;
	bool refused;		/* too wide, or contains a loopback address */
	uint32_t seconds;	/* 0 = remove; at most BAN_SECONDS_MAX */
};

/* 0 and *n items; E_LIMIT for more than BAN_MESSAGE_MAX bans or a time beyond
 * BAN_SECONDS_MAX, E_FORMAT for an address that is not 16 bytes, bits behind
 * the prefix, a prefix outside 1..128, no or unknown ports. */
int ban_list_decode(struct ban_item out[BAN_MESSAGE_MAX], size_t *n,
		    const Cv__BanSet *m);
