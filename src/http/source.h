/* http/source.h - what one source address may cost us.
 *
 * One entry per source (IPv4 address, IPv6 /64): its open connections and
 * token buckets for new connections (each one
 * costs a handshake with a signature), requests and joins. Fixed memory: at most SOURCES_MAX
 * entries; when full, the idle entry that was used longest ago makes room and
 * `evicted` counts it; when none is idle the newcomer is refused. The caller
 * gives the monotonic time. Not thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { SOURCES_MAX = 32768 };

enum source_kind { SOURCE_REQUEST = 0, SOURCE_JOIN, SOURCE_CONN,
		   SOURCE_KIND_COUNT };

struct source_limits {
	uint32_t conns;		/* open at once */
	struct {
		uint32_t per_s;	/* refill, 1.. */
		uint32_t burst;	/* size of the bucket, 1.. */
	} rate[SOURCE_KIND_COUNT];
};

struct source_stats {
	uint64_t conns_refused;
	uint64_t rate_refused[SOURCE_KIND_COUNT];
	uint64_t evicted;
	uint32_t entries;
};

struct sources;

int  sources_new(struct sources **out, const struct source_limits *limits);
void sources_free(struct sources **t);
void sources_set(struct sources *t, const struct source_limits *limits);
void sources_stats(const struct sources *t, struct source_stats *out);

/* A connection wants in: true, counted and paid from SOURCE_CONN, or false. */
bool sources_enter(struct sources *t, const struct addr *a, uint64_t now_ns);
/* Exactly once for each sources_enter() that was true. */
void sources_leave(struct sources *t, const struct addr *a, uint64_t now_ns);
/* Takes one token; false when the bucket is empty. A source without an entry
 * (no open connection) is refused. */
bool sources_take(struct sources *t, const struct addr *a,
		  enum source_kind kind, uint64_t now_ns);
