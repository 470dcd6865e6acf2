/* http/forward.h - who really asks, when a reverse proxy stands in front.
 *
 * X-Forwarded-For, and only it, is read, and only from a TCP peer that is one
 * of the trusted proxies; `Forwarded` (RFC 7239), X-Real-IP and the like mean
 * nothing here. A proxy appends the address that it saw, so the list is
 * walked from the right: the first address that is no trusted proxy is the
 * source. What stands left of it was written by the source itself and is not
 * even looked at; so nobody can break the walk by writing nonsense.
 *
 * The walk fails, and then the proxy itself counts as the source, when it
 * meets what is no address, more than HTTP_FORWARD_HOPS proxies, or an end
 * without a source (a prefix of proxies that contains clients is a mistake:
 * clients of it would be able to name each other).
 *
 * Pure: no allocation, no global.
 */
#pragma once
#include "base/addr.h"
#include "http/head.h"

enum { HTTP_PROXIES_MAX = 64, HTTP_FORWARD_HOPS = 16,
       HTTP_FORWARD_ENTRY_MAX = 64 /* bytes of one address */ };

struct http_proxies {
	size_t n;
	struct {
		uint8_t ip[16];
		uint8_t bits;		/* 1..128 */
	} v[HTTP_PROXIES_MAX];
};

/* "192.0.2.7, 2001:db8::/64, 10.1.2.0/24"; empty = nobody. E_FORMAT (a prefix
 * of length 0 is refused: it would believe everybody), E_LIMIT; *out is
 * written only on success. */
int  http_proxies_parse(struct http_proxies *out, struct span list);
bool http_proxies_have(const struct http_proxies *p, const struct addr *a);

/* For a request whose TCP peer is a trusted proxy. 0: *source is who asked,
 * with port 0. E_NOTFOUND: there is no X-Forwarded-For, the proxy speaks for
 * itself. E_FORMAT, E_LIMIT: see above. */
int  http_forward_source(struct addr *source, const struct http_proxies *p,
			 const struct http_head *head);
