/* cli/firewall.h - the nftables rule set of this host, as text. Pure: settings
 * and ports in, text or verdict out.
 *
 * Table `inet conclave` only; no other table is read or touched. Two forms:
 *
 * bans only   the sets that the ban role fills (ipc/ban_sets.h) and a chain
 *             that drops new flows from them to the port group's ports. Needs
 *             no connection tracking: a new flow is a TCP SYN. The management
 *             port is in no group.
 * full        that, and: everything is dropped that nobody named. Published
 *             ports for all, the management port and `also` for the
 *             management networks, `open` for all; SYN and UDP rates and
 *             connection counts for each source (IPv4 address, IPv6 /64).
 *             Networks named as management or exempt are not rate limited:
 *             who can spoof an address must not use up its rate.
 *
 * The text begins with a table of ports for people, in comments.
 *
 * The UDP media range is not tracked, so that media fills no table.
 * Sources: nft(8) 1.0.6; what is measured stands in docs/handbook/firewall.md.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "base/wr.h"

enum {
	FIREWALL_NETS_MAX = 256,
	FIREWALL_PORTS_MAX = 32,
	FIREWALL_TEXT_MAX = 131072,
	FIREWALL_ERROR_MAX = 512,
	FIREWALL_SOURCES_MAX = 65536,	/* elements of each dynamic set */
};

struct firewall_net {
	uint8_t ip[16];
	unsigned prefix;	/* of the 128 bits */
};

struct firewall_nets {
	struct firewall_net net[FIREWALL_NETS_MAX];
	size_t n;
};

struct firewall_port {
	bool udp;
	uint16_t port;
};

struct firewall_ports {
	struct firewall_port port[FIREWALL_PORTS_MAX];
	size_t n;
};

struct firewall_cfg {
	bool bans_only;
	uint16_t https, http, admin;	/* 0 = off */
	/* TLS; clear TCP and UDP, 0 = closed: whoever switches them on names
	 * the port here, too. */
	uint16_t sip, sip_clear;
	uint16_t media_first, media_last;
	struct firewall_nets management, exempt;
	struct firewall_ports also, open;
	unsigned syn_rate;		/* SYN/s of one source, burst twice that */
	unsigned udp_rate;		/* media datagrams/s of one source */
	unsigned connections;		/* TCP, of one source */
};

/* Ports of conclave-super's defaults, rates of the handbook. */
void firewall_defaults(struct firewall_cfg *c);

/* One setting by its name: https http admin sip sip_clear media management exempt also open
 * syn_rate udp_rate connections. 0, or E_NOTFOUND (unknown), E_FORMAT, E_LIMIT
 * with one line in `error`. */
int firewall_set(struct firewall_cfg *c, struct span name, struct span value,
		 char error[FIREWALL_ERROR_MAX]);
/* The lines of <run>/ports. E_FORMAT. */
int firewall_read_ports(struct firewall_cfg *c, struct span text);
/* What contradicts itself: E_INVAL and a line. */
int firewall_check(const struct firewall_cfg *c,
		   char error[FIREWALL_ERROR_MAX]);

/* The text for `nft -f`; replaces an earlier table as one transaction. E_FULL
 * when it does not fit. */
int firewall_text(const struct firewall_cfg *c, struct wr *w);

/* Does the full form let new flows from `from` to this port in? */
bool firewall_admits(const struct firewall_cfg *c, bool udp, uint16_t port,
		     const uint8_t from[16]);

/* One line of /proc/net/{tcp,tcp6,udp,udp6}: true when it is a socket that
 * waits for others on an address that others can reach. Bound UDP ports of
 * the range from which the kernel gives out its own (32768 and more) do not
 * count: they are questions, not services. */
bool firewall_listens(struct span line, bool udp, uint16_t *port);
