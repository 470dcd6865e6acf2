/* http/source.h - what one source address may cost us, and all together.
 *
 * One entry per source (IPv4 address, IPv6 /64): what it holds (connections,
 * TLS handshakes under way, event streams, sessions of people inside) and
 * token buckets for what it does (new connections, each of which costs a
 * signature; requests; joins; writes). The same again for everybody together.
 *
 * A bucket is not drunk empty by whoever comes first. Of the common bucket a
 * stranger leaves the last half (three eighths, if he has hardly asked yet and
 * his network, a /24 or a /48, took less than its 64th), who shows a proof, or
 * connects from where people inside are, the last eighth; of his source's own
 * bucket a stranger leaves the last quarter.
 * So a flood of strangers from some dozens of networks never takes the turn of
 * a newcomer from another one, and none takes that of those who can prove
 * themselves, nor of people inside, whose source's bucket is not asked at all
 * (the owner has one for each session). Whether a proof is good, core decides;
 * a source whose proofs were in vain SOURCE_DOUBTS times more often than good
 * is a stranger whatever it shows, and forgiven one of them each
 * SOURCE_FORGET_S.
 *
 * Fixed memory: at most SOURCES_MAX entries; when full, the entry that holds
 * nothing and was used longest ago makes room and `evicted` counts it; when
 * each holds something the newcomer is refused. The caller gives the monotonic
 * time. Not thread safe.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"

enum { SOURCES_MAX = 32768, SOURCE_DOUBTS = 8, SOURCE_FORGET_S = 60 };

enum source_rate { SOURCE_REQUEST = 0, SOURCE_JOIN, SOURCE_CONN, SOURCE_WRITE,
		   SOURCE_RATE_COUNT };
enum source_held { SOURCE_CONNS = 0, SOURCE_HANDSHAKES, SOURCE_STREAMS,
		   SOURCE_SESSIONS, SOURCE_HELD_COUNT };
enum source_rank { SOURCE_STRANGER = 0, SOURCE_PROOF,
		   SOURCE_HOME /* nothing shown, but people sit there */,
		   SOURCE_INSIDE, SOURCE_RANK_COUNT };

struct source_rate_limit {
	uint32_t per_s;		/* refill; 0: none */
	uint32_t burst;		/* size of the bucket, 1.. */
};

struct source_limits {
	struct source_rate_limit rate[SOURCE_RATE_COUNT];	/* one source */
	struct source_rate_limit total[SOURCE_RATE_COUNT];
	uint32_t held[SOURCE_HELD_COUNT];			/* one source */
	uint32_t total_held[SOURCE_HELD_COUNT];
};

struct source_stats {
	uint64_t rate_refused[SOURCE_RATE_COUNT];	/* by the own bucket */
	uint64_t total_refused[SOURCE_RATE_COUNT];	/* by the common one */
	uint64_t held_refused[SOURCE_HELD_COUNT];
	uint64_t total_held_refused[SOURCE_HELD_COUNT];
	uint64_t evicted;
	uint32_t entries;
	uint32_t held[SOURCE_HELD_COUNT];		/* now, together */
};

struct sources;

int  sources_new(struct sources **out, const struct source_limits *limits);
void sources_free(struct sources **t);
/* Buckets whose size changes are full again. Cost: all entries. */
void sources_set(struct sources *t, const struct source_limits *limits,
		 uint64_t now_ns);
void sources_stats(const struct sources *t, struct source_stats *out);

/* One more of `what`: true and counted, or false and nothing changed. */
bool sources_hold(struct sources *t, const struct addr *a,
		  enum source_held what, uint64_t now_ns);
/* Exactly once for each sources_hold() that was true. */
void sources_drop(struct sources *t, const struct addr *a,
		  enum source_held what);
uint32_t sources_held(const struct sources *t, const struct addr *a,
		      enum source_held what);
/* All together hold as much as they may. */
bool sources_are_full(const struct sources *t, enum source_held what);
/* Takes one token from the source's bucket and from the common one, or, when
 * either says no, from neither. */
bool sources_take(struct sources *t, const struct addr *a,
		  enum source_rate kind, enum source_rank rank,
		  uint64_t now_ns);
/* What came of one request that showed a proof. */
void sources_judge(struct sources *t, const struct addr *a, bool was_good,
		   uint64_t now_ns);
/* A list for the owner's use that lives while the source holds something;
 * NULL for a source without an entry. Its members must be off it before the
 * last sources_drop(). */
struct list *sources_members(struct sources *t, const struct addr *a);
