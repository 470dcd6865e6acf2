/* core/share.h - who may have how much of a bounded thing at once.
 *
 * A queue that anybody may fill is a queue in which those who proved
 * themselves wait behind whoever floods. So of `total` places the last
 * quarter is kept from strangers, one source of strangers has at most an
 * eighth of theirs, and one source of the proven at most a quarter of all. A
 * source is an IPv4 address or an IPv6 /64.
 *
 *   who                        total    of one source
 *   strangers                  3/4      3/32, at least 1
 *   the proven                 all      1/4, at least 1
 *   ours (the operator's)      all      not counted
 *
 * Memory is fixed by share_init(). Not thread safe: core's main thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_TOTAL_MAX = 1024 };

enum share_who { SHARE_STRANGER = 0, SHARE_PROVEN, SHARE_OURS, SHARE_COUNT };

struct share_stats {
	uint64_t refused_full;		/* nothing left for anybody */
	uint64_t refused_strangers;	/* only what is kept from them */
	uint64_t refused_source;	/* his own source has its part */
};

/* Held while a place is used. Zero: none is. */
struct share_place {
	bool held;
	enum share_who who;
	uint8_t net[16];
};

struct share_source {
	uint8_t net[16];
	uint16_t n[SHARE_OURS];		/* strangers, proven */
};

struct share {
	uint32_t total, n, strangers;
	struct share_source *sources;	/* the first n_sources are in use */
	uint32_t n_sources;
	struct share_stats stats;
};

/* total: 1..SHARE_TOTAL_MAX. E_INVAL, E_NOMEM. */
int  share_init(struct share *s, uint32_t total);
void share_release(struct share *s);
/* One place for him; ip is NULL only for SHARE_OURS. E_FULL, counted. */
int  share_take(struct share *s, enum share_who who, const uint8_t *ip,
		struct share_place *out);
/* Gives it back; of a place that is not held nothing happens. */
void share_give(struct share *s, struct share_place *p);
/* The most that strangers have together, and one source of them. */
uint32_t share_strangers(uint32_t total);
uint32_t share_per_source(uint32_t total, enum share_who who);
