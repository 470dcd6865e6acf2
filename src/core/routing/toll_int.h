/* core/routing/toll_int.h - what lies in the region. See toll.h. */
#pragma once
#include "base/addr.h"
#include "core/rooms/alias.h"
#include "core/routing/toll.h"

#define TOLL_MAGIC UINT64_C(0x31306c6c6f742d63)	/* "c-toll01" */

#define TOLL_NS_PER_S UINT64_C(1000000000)

/* Padding is explicit: what a file holds must not depend on it. */
struct toll_head {
	uint64_t magic;
	uint32_t rules, sources, callees, calls;
	uint64_t hash_key[2];
	uint8_t boot_id[16];
	uint64_t saved_ns;		/* heartbeat */
	uint32_t is_unusual;
	uint32_t quarter;		/* the newest one */
	uint32_t quarters[TOLL_QUARTERS];
};

struct toll_entry {
	uint64_t key;			/* 0: empty */
	uint32_t bucket;		/* the newest one */
	uint32_t told;			/* bucket of the last TOLL_EV_LIMIT */
	uint32_t live, ringing;
	uint32_t seconds[TOLL_BUCKETS];
	uint16_t calls[TOLL_BUCKETS];
	uint16_t spare[3];
};

struct toll_call {
	uint32_t state, gen;
	int64_t rule;
	uint64_t rule_key, source_key, callee_key;
	uint64_t begun_ns, charged_ns;
	uint32_t rule_minutes, spare;
};

struct toll_set {
	struct toll_entry *entries;
	uint32_t n;			/* power of two */
	bool is_lasting;		/* what counts is never replaced */
};

struct toll_prefix {
	char digits[TOLL_PREFIX_MAX + 1];
	uint8_t n;
	bool is_international;
};

struct toll {
	struct cfg_toll cfg;
	struct toll_head *head;
	struct toll_set rules, sources, callees;
	struct toll_call *calls;
	uint32_t n_calls;
	struct toll_prefix *denied;	/* configured; NULL: none */
	size_t n_denied;
	struct toll_event ev[TOLL_EVENTS_MAX];
	uint32_t ev_at, ev_n;
	struct toll_stats stats;
};

/* Numbers of buckets and quarters begin so high that an hour, a day before
 * the first of them can be named. */
static inline uint32_t toll_bucket(uint64_t now_ns)
{
	return (uint32_t)(now_ns / (TOLL_BUCKET_S * TOLL_NS_PER_S)) +
		TOLL_BUCKETS;
}

static inline uint32_t toll_quarter(uint64_t now_ns)
{
	return (uint32_t)(now_ns / (TOLL_QUARTER_S * TOLL_NS_PER_S)) +
		TOLL_QUARTERS;
}

/* Empties what is older than an hour; the newest bucket is `bucket` then. */
void toll_age(struct toll_entry *e, uint32_t bucket);
/* The eight places that a key may use. */
struct toll_entry *toll_places(const struct toll_set *s, uint64_t key);
/* Begun seconds of a connected call count. */
void toll_charge(struct toll *t, struct toll_call *c, uint64_t now_ns);
