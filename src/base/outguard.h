/* base/outguard.h - may we send to this address?
 *
 * The one list behind everything that calls out. Whoever wants to reach an
 * address that somebody else named (a caller, SDP, a SIP header, a
 * certificate, a DNS answer, a redirect) asks here first, with the address
 * that will really be used: after resolution, pinned. Reason: docs/
 * architecture.md 5.
 *
 * Refused always, whatever the rules say: unspecified, loopback, link-local,
 * cloud metadata, multicast, broadcast, addresses of our own, what is no global
 * unicast. Refused unless named: the private ranges (RFC 1918, ULA,
 * site-local, CGNAT), the ranges for documentation and benchmarks, and the
 * networks that we are managed from, public or not. Named is an address inside rules->allowed
 * (the setting outbound_allowed_networks), or one that an administrator
 * wrote as a literal (OUTGUARD_LITERAL).
 *
 * An address that carries an IPv4 address inside (v4-mapped, v4-compatible,
 * IPv4-translated, NAT64, 6to4, Teredo, ISATAP) is judged by both. v4-mapped
 * is the same address in another spelling and may be named; the others reach
 * the inner address through somebody else, so the inner one must be public.
 *
 * Pure and constant: no allocation, clock, lock or log. Thread safe.
 */
#pragma once
#include "base/addr.h"

enum { OUTGUARD_NETS_MAX = 256 };	/* in one setting */

enum outguard_origin {
	OUTGUARD_NAMED = 0,	/* anybody or anything named it */
	OUTGUARD_LITERAL,	/* an administrator wrote this very address */
};

enum outguard_reason {
	OUTGUARD_ALLOWED = 0,
	OUTGUARD_UNSPECIFIED,
	OUTGUARD_LOOPBACK,
	OUTGUARD_LINK_LOCAL,
	OUTGUARD_METADATA,	/* of a cloud: credentials for the asking */
	OUTGUARD_MULTICAST,
	OUTGUARD_BROADCAST,
	OUTGUARD_RESERVED,	/* no global unicast */
	OUTGUARD_OWN,
	OUTGUARD_PRIVATE,	/* would be allowed if it were named */
	OUTGUARD_SPECIAL,	/* documentation, benchmark: likewise */
	OUTGUARD_MANAGEMENT,	/* a network that manages us: likewise */
	OUTGUARD_REASON_COUNT
};

/* A prefix. IPv4 is v4-mapped, so its length is 96..128. */
struct outguard_net {
	uint8_t ip[16];		/* bits behind the prefix are 0 */
	uint8_t bits;
};

struct outguard_rules {
	const struct outguard_net *allowed;
	size_t n_allowed;
	const struct outguard_net *own;
	size_t n_own;
	const struct outguard_net *management;
	size_t n_management;
};

/* `rules` NULL is the same as empty ones. The port is not looked at. */
enum outguard_reason outguard_check(const struct addr *a,
				    enum outguard_origin origin,
				    const struct outguard_rules *rules);
/* A constant word for logs and alarms: "link-local"; never NULL. */
const char *outguard_reason_text(enum outguard_reason r);

/* "10.0.0.0/8", "fd12::/16", "192.0.2.7". E_FORMAT; E_INVAL when bits behind
 * the prefix are set (then somebody meant another network). *out is written
 * only on success. */
int outguard_net_parse(struct outguard_net *out, struct span text);
/* The whole setting: networks with commas between, blanks around each allowed,
 * empty = none. E_FULL past `cap`. Nothing is written on failure but out[]. */
int outguard_nets_parse(struct outguard_net *out, size_t cap, size_t *n,
			struct span text);
struct outguard_net outguard_net_of(const struct addr *a);	/* one address */
bool outguard_net_has(const struct outguard_net *net, const uint8_t ip[16]);
