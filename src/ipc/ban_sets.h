/* ipc/ban_sets.h - the kernel's names: what `conclave firewall` writes into
 * the rule set and what the ban role fills.
 *
 * Table `inet conclave`; for each port group four sets: ban4_X and ban6_X of
 * single addresses, net4_X and net6_X of prefixes (intervals). All elements
 * have a timeout and end by themselves.
 */
#pragma once
#include "ipc/ban.pb-c.h"

#define BAN_TABLE_NAME "conclave"

/* X(enumerator, bit, suffix of the sets) */
#define BAN_GROUPS(X)                                                         \
	X(BAN_WEB, CV__PORT_GROUP__PORTS_WEB, "web")                          \
	X(BAN_SIP, CV__PORT_GROUP__PORTS_SIP, "sip")                          \
	X(BAN_H323, CV__PORT_GROUP__PORTS_H323, "h323")                       \
	X(BAN_STREAM, CV__PORT_GROUP__PORTS_STREAM, "stream")

enum ban_group {
#define X(name, bit, suffix) name,
	BAN_GROUPS(X)
#undef X
	BAN_GROUP_COUNT
};

enum {
	BAN_MESSAGE_MAX = 512,		/* bans in one BanSet */
	BAN_ADDRS_MAX = 65536,		/* single addresses, both families */
	BAN_NETS_MAX = 1024,		/* prefixes, both families */
	BAN_NET_ELEMS_MAX = 2 * BAN_NETS_MAX + 2,	/* begin and end */
	BAN_SECONDS_MAX = 366 * 24 * 3600,
	BAN_PREFIX4_MIN = 8,		/* wider ones are refused */
	BAN_PREFIX6_MIN = 16,
};
