/* http/host.h - which names this server answers to.
 *
 * A page on another name that points at our address (DNS rebinding), or a
 * cache keyed by a forged Host, finds nobody here: a Host outside the list is
 * answered 421, a malformed one 400. Ports are not compared, because a NAT
 * or proxy may show another one. Not thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { HTTP_HOSTS_MAX = 64, HTTP_HOST_NAME_MAX = 253 };

struct http_hosts;

/* From a list separated by commas or spaces: DNS names and address literals
 * (IPv6 with or without brackets). E_FORMAT for anything else, E_LIMIT,
 * E_NOMEM. An empty list admits nobody. */
int  http_hosts_new(struct http_hosts **out, struct span list);
void http_hosts_free(struct http_hosts **h);
/* Admits one more address, for instance the listener's own. */
int  http_hosts_add(struct http_hosts *h, struct span name);

/* Splits "name:port". *name keeps no brackets and no trailing dot; *port is 0
 * when absent. E_FORMAT. Pure. */
int http_host_split(struct span host, struct span *name, uint16_t *port);

/* 0, E_FORMAT (400) or E_NOTFOUND (421). */
int http_hosts_check(const struct http_hosts *h, struct span host);
