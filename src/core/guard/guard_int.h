/* core/guard/guard_int.h - the guard's memory and what its files share.
 *
 * Two memories: the region (struct mem_*), which survives and bears checks,
 * and the heap, which is built anew from the region at each attach.
 *
 * All times below are the guard's own: monotonic nanoseconds plus `skew`,
 * which attach chooses so that they go on across boots. 0 means never. */
#pragma once
#include "base/clock.h"
#include "core/guard/guard.h"

enum {
	WAYS = 8,			/* entries of a set; phantoms of a set */
	ROOM_RING = GUARD_ROOM_MISSES_MAX + 1,
	BUCKETS = 21, BUCKET_S = 30,
	LEVEL_MAX = 8,			/* 600 s << 8 is more than a day */
	NONE = -1,
};
#define WINDOW_NS (GUARD_WINDOW_S * NS_PER_S)
#define DAY_NS (GUARD_DAY_S * NS_PER_S)
#define TIME_BEGIN (UINT64_C(1) << 48)	/* three days: a day ago exists */
#define TIME_MAX (UINT64_C(1) << 62)

_Static_assert(GUARD_ROOM_MISSES_MAX >= GUARD_DAY_MISSES,
	       "the ring holds what both thresholds look at");
_Static_assert(BUCKETS * BUCKET_S >= GUARD_WINDOW_S + BUCKET_S,
	       "buckets hold a whole window whenever one looks");

enum kind {
	KIND_FREE = 0,
	KIND_PAIR,	/* (room, address) */
	KIND_PROOF,	/* (room, proof): ip holds the id, prefix the class */
	KIND_PREFIX,	/* wrong PINs of a prefix over all rooms */
	KIND_TURN,	/* (room, prefix): when it first asked or had a turn */
	KIND_SCAN,	/* a source that scans */
	KIND_DEVICE,	/* (device, source): wrong secrets; `room` is the device */
	KIND_SPRAY,	/* wrong secrets of a source in quarantine */
	KIND_COUNT
};

/* MADE: real, by the word of a policy, with no row of its own. */
enum room_kind { ROOM_PHANTOM = 0, ROOM_REAL, ROOM_MADE };

/* What identifies an entry. `room` is 0 for PREFIX, SCAN and SPRAY. */
struct key {
	uint64_t room;
	uint8_t ip[16];
	uint8_t kind, prefix;
};

struct entry {
	union {
		uint64_t room;		/* PAIR, PROOF, TURN, DEVICE */
		uint64_t turn;		/* PREFIX: the last comparison */
		uint64_t until;		/* SCAN: end of the last quarantine */
	};
	uint8_t ip[16];
	uint64_t last;			/* newest stamp; of what, see kind */
	uint8_t kind, prefix;
	uint8_t n;			/* stamps; TURN: had one */
	uint8_t level;			/* SCAN: quarantines so far; DEVICE: was right */
	uint32_t check;
	union {
		uint8_t before[4][5];	/* of stamps: ns before `last` */
		struct {
			uint8_t bucket[BUCKETS];
			uint8_t numbers, ports, announced;	/* SCAN */
		};
	};
};
_Static_assert(sizeof(struct entry) == 64, "an entry is one cache line");

struct mem_room {
	uint64_t key;
	uint64_t key_check;		/* alone, so that stamps can be saved */
	uint64_t check;
	uint64_t turn;			/* a newcomer's last comparison */
	uint64_t block_until;
	uint64_t released;		/* older misses of pairs do not count */
	uint16_t n, at;
	uint16_t announced;		/* enum guard_room_state */
	uint16_t made;			/* 1: by policy, no row */
	uint64_t stamp[ROOM_RING];
};
_Static_assert(sizeof(struct mem_room) % 64 == 0, "whole cache lines");

struct mem_ban {
	uint8_t ip[16];
	uint64_t since, until;
	uint32_t ports, prefix;
	uint32_t zero, check;
};
_Static_assert(sizeof(struct mem_ban) == 48, "no padding: it is hashed");

struct mem_header {
	uint64_t magic, version;
	uint64_t sources, rooms, phantoms, bans, key_print;
	uint64_t check;			/* of the above */
	uint8_t boot_id[16];
	uint64_t skew, boot_check;	/* of this line and the one above */
	uint64_t saved, saved_not;	/* heartbeat, and its complement */
};

struct waiter {
	struct guard_facts f;
	struct key turn;		/* its prefix, for fairness */
	uint64_t token, since, rank;
	uint32_t gen;
	int line;			/* NONE = free, or displaced */
	int next, prev;			/* in the line, in order of arrival */
	int older, newer;		/* of all; `newer` chains free ones */
	bool used;
};

struct line {
	uint64_t room;
	enum room_kind kind;
	int head, tail;
	unsigned n;
};

struct guard {
	struct guard_cfg cfg;
	uint64_t skew;
	struct mem_header *hdr;
	struct mem_room *rooms;		/* [cfg.rooms] is the shared counter */
	struct mem_room *phantoms;
	struct mem_ban *bans;
	struct entry *entries;
	struct guard_stats stats;

	uint32_t sets;
	uint16_t *tags;			/* of entries; 0 = free */
	uint64_t *marks;		/* entries in force */
	size_t mark_at;			/* next one that tick looks at */

	uint32_t room_buckets;		/* power of two */
	int32_t *room_head, *room_next;	/* chains of used rooms */
	int32_t *room_free;		/* stack */
	uint32_t n_room_free;
	uint64_t *room_marks;		/* announced as something */
	uint32_t sweep;			/* next room that tick looks at */
	uint32_t n_made, made_at;	/* made ones; where to look for one */
	uint64_t swept;			/* when all were looked at */

	uint16_t ban_lens[129];		/* manual bans by prefix length */
	int32_t *ban_head, *ban_next;
	uint32_t ban_buckets;

	struct waiter *waiters;
	int waiter_cap, waiter_free;
	int oldest, newest;
	unsigned n_waiters, in_line;	/* with and without displaced ones */
	struct line *lines;		/* the first n_lines have waiters */
	int n_lines, turn_at;

	struct guard_event *events;
	uint32_t ev_at, ev_n;
};

static inline uint64_t mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

/* Never 0, which is how a free room looks. */
static inline uint64_t room_key_check(uint64_t key)
{
	return mix(key, 3) | 1;
}

static inline uint64_t time_of(const struct guard *g, uint64_t now_ns)
{
	return now_ns + g->skew;
}

static inline uint64_t age_of(uint64_t stamp, uint64_t t)
{
	return t > stamp ? t - stamp : 0;
}

static inline uint32_t seconds_up(uint64_t ns)
{
	return (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

static inline bool bit_get(const uint64_t *b, size_t i)
{
	return b[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *b, size_t i, bool on)
{
	const uint64_t m = UINT64_C(1) << (i % 64);

	b[i / 64] = on ? b[i / 64] | m : b[i / 64] & ~m;
}

/* Index of the first set bit at or after i; n when there is none. */
static inline size_t bit_next(const uint64_t *b, size_t i, size_t n)
{
	while (i < n) {
		const uint64_t w = b[i / 64] >> (i % 64);

		if (w) {
			i += (size_t)__builtin_ctzll(w);
			return i < n ? i : n;
		}
		i = (i / 64 + 1) * 64;
	}
	return n;
}

/* --- region.c: where things are ------------------------------------------- */

struct layout { size_t rooms, phantoms, bans, entries, end; };
void layout_of(const struct guard_cfg *cfg, struct layout *l);
bool cfg_round(struct guard_cfg *cfg);	/* false: invalid */
bool rules_are_valid(const struct guard_rules *r);
void heartbeat(struct guard *g, uint64_t t);

/* --- table.c: source entries ----------------------------------------------- */

bool ip_is_v4(const uint8_t ip[16]);
void ip_mask(uint8_t dst[16], const uint8_t ip[16], unsigned prefix);
bool ip_within(const uint8_t ip[16], const uint8_t net[16], unsigned prefix);
uint64_t key_hash(const struct guard *g, const struct key *k);
void key_of_entry(struct key *k, const struct entry *e);
void table_prefetch(const struct guard *g, uint64_t hash);
struct entry *table_find(const struct guard *g, const struct key *k);
struct entry *table_find_hash(const struct guard *g, const struct key *k,
			      uint64_t hash);
/* The entry, made if need be; NULL when its set holds only what is in force. */
struct entry *table_claim(struct guard *g, const struct key *k, uint64_t t);
uint32_t entry_check(const struct entry *e);
void table_seal(struct guard *g, struct entry *e, bool in_force);
void table_drop(struct guard *g, struct entry *e);
uint16_t tag_of(uint64_t hash);
static inline size_t entry_index(const struct guard *g, const struct entry *e)
{
	return (size_t)(e - g->entries);
}

/* PAIR, PROOF, DEVICE, SPRAY: a miss now; how long from t `tries` of them (1..5) stay live
 * (0 = they do not). Misses up to `released` are forgotten. */
void tries_push(struct entry *e, uint64_t t);
uint64_t tries_left_ns(const struct entry *e, unsigned tries, uint64_t t,
		       uint64_t released);
/* How many this kind of entry may have. */
unsigned tries_of(const struct guard *g, const struct entry *e);
/* PREFIX, SCAN. */
void buckets_add(struct entry *e, uint64_t t, unsigned weight);
unsigned buckets_sum(const struct entry *e, uint64_t t);
bool prefix_is_slowed(const struct entry *e, uint64_t t);
uint64_t prefix_spacing_ns(unsigned prefix);
/* How long an entry is in force from t on; 0 = it is not. */
uint64_t entry_in_force_ns(const struct guard *g, const struct entry *e,
			   uint64_t t);
bool entry_is_in_force(const struct guard *g, const struct entry *e,
		       uint64_t t);
unsigned entry_score(const struct guard *g, const struct entry *e, uint64_t t);

/* --- room.c ------------------------------------------------------------------ */

static inline enum room_kind room_kind(const struct guard_facts *f)
{
	return !f->room_is_real ? ROOM_PHANTOM : f->room_is_made ? ROOM_MADE :
		ROOM_REAL;
}
/* Real rooms without a counter of their own see the shared one; phantoms that
 * are not there are NULL. */
struct mem_room *room_view(const struct guard *g, uint64_t key,
			   enum room_kind kind);
struct mem_room *room_claim(struct guard *g, uint64_t key, enum room_kind kind,
			    uint64_t t);
enum guard_room_state room_state(const struct guard *g,
				 const struct mem_room *r, uint64_t t);
uint64_t room_left_ns(const struct guard *g, const struct mem_room *r,
		      uint64_t t);
void room_push(struct mem_room *r, uint64_t t);
void room_seal(struct mem_room *r);
uint64_t room_check(const struct mem_room *r);
/* Says what changed since the last time, if the room is real. */
void room_announce(struct guard *g, struct mem_room *r, const uint8_t ip[16],
		   uint64_t t);
void room_index(struct guard *g, int32_t slot);
bool room_is_used(const struct mem_room *r);
bool room_is_live(const struct mem_room *r, uint64_t t);
bool rooms_tick(struct guard *g, uint64_t t);
/* Misses of pairs in this room up to then are forgotten. */
static inline uint64_t room_released(const struct mem_room *r)
{
	return r ? r->released : 0;
}

/* --- verdict.c ----------------------------------------------------------------- */

enum { PREFIX_LEVELS = 3 };
/* The aggregates of an address, and how many (1 or 3). */
unsigned prefix_keys(const uint8_t ip[16], struct key out[PREFIX_LEVELS]);
/* Verdict, and with WAIT the time from which on he may compare. */
enum guard_verdict judge(const struct guard *g, const struct guard_facts *f,
			 uint64_t t, uint64_t *due);
/* A newcomer compares now: starts the waits of his room and prefixes. */
void turn_taken(struct guard *g, const struct guard_facts *f, uint64_t t);
uint64_t room_turn_ns(const struct guard *g, const struct mem_room *r,
		      uint64_t t);

/* --- source.c ------------------------------------------------------------------ */

bool source_tick(struct guard *g, uint64_t t);
void ban_index(struct guard *g, int32_t slot);
uint32_t ban_check(const struct mem_ban *b);
void scan_key(struct key *k, const uint8_t ip[16]);

/* --- device.c ------------------------------------------------------------------ */

bool device_is_known(const struct entry *e, uint64_t t);

/* --- event.c ------------------------------------------------------------------- */

void event_push(struct guard *g, const struct guard_event *ev);
void event_of_entry(const struct guard *g, const struct entry *e, uint64_t t,
		    struct guard_event *out);
