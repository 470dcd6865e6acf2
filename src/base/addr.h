/* base/addr.h - an IP address and port. IPv4 is held v4-mapped, so that one
 * source never has two spellings. */
#pragma once
#include <sys/socket.h>
#include "base/span.h"

struct addr {
	uint8_t ip[16];
	uint16_t port;		/* host order */
};

enum { ADDR_TEXT_MAX = 56 };	/* "[ipv6]:port" and NUL */

bool addr_is_v4(const struct addr *a);
bool addr_eq(const struct addr *a, const struct addr *b);	/* port too */
bool addr_ip_eq(const struct addr *a, const struct addr *b);
/* One IPv4 address or one IPv6 /64: whoever holds one address of a /64 holds
 * them all. What is counted per source is counted per this. */
bool addr_is_same_source(const struct addr *a, const struct addr *b);
/* E_UNSUPPORTED for other families. */
int  addr_from_sockaddr(struct addr *out, const struct sockaddr *sa,
			socklen_t len);
/* Always AF_INET6 (v4-mapped), as our dual-stack sockets want it. */
void addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss,
		      socklen_t *len);
/* Dotted quad or RFC 5952 text without port. */
int  addr_parse(struct addr *out, struct span text, uint16_t port);
void addr_print(const struct addr *a, char dst[ADDR_TEXT_MAX]);
void addr_print_ip(const struct addr *a, char dst[ADDR_TEXT_MAX]);
bool addr_is_loopback(const struct addr *a);
