/* media/transport/flood.h - how often strangers may make us do cryptography.
 *
 * Token buckets per source (IPv4 address, IPv6 /64) and one for all together.
 * The sources share FLOOD_SLOTS buckets, chosen by a keyed hash: fixed memory,
 * no entry that could be evicted, and nobody can pick whose bucket he empties.
 * Pure but for the random key: monotonic time is an argument. Not thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { FLOOD_SLOTS = 4096 };

struct flood_limits {
	uint32_t per_s, burst;			/* one source, 1.. */
	uint32_t total_per_s, total_burst;	/* 1.. */
};

/* A bucket for owners of their own, full at first: {.milli = 0, .at_ns = 0}
 * counts as never used. */
struct flood_bucket {
	uint64_t milli, at_ns;
};
bool flood_bucket_take(struct flood_bucket *b, uint32_t per_s, uint32_t burst,
		       uint64_t now_ns);

struct flood;

int  flood_new(struct flood **out, const struct flood_limits *limits);
void flood_free(struct flood **f);
/* From now on; what was taken stays taken. */
void flood_limit(struct flood *f, const struct flood_limits *limits);
/* True and counted, or false and nothing was taken. */
bool flood_take(struct flood *f, const struct addr *from, uint64_t now_ns);
uint64_t flood_refused(const struct flood *f);
