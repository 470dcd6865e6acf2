/* core/routing/toll.h - bounds what calls by rules may cost.
 *
 * The guard against toll fraud (calls out at our expense) and against unasked
 * ringing. Every call that a rule places is begun here and ended here. It
 * counts per rule, per source (the registered caller, else the IPv4 address
 * or IPv6 /64) and per callee, over the last hour (thirteen buckets of five
 * minutes, so a limit may bite up to five minutes long, never short).
 *
 * All state lies in memory that the caller gives (heap, or a shared file) and
 * holds no pointers: toll_attach() takes up what is there, dropping only
 * entries that a crash tore. Fixed size: a source or callee entry without a
 * live call may be replaced, the least active of its eight places first; when
 * all eight have live calls the call is refused. Rules are never replaced.
 *
 * Pure: monotonic nanoseconds come as an argument. Not thread safe.
 * toll_attach() and toll_set_denied() alone allocate.
 *
 * A call is RINGING, CONNECTED or ENDING (told to end, by toll_next_event());
 * toll_table() is its table. A cell that is empty is refused and counted.
 */
#pragma once
#include "core/routing/rule.h"

enum {
	TOLL_RULES_MAX = 2048,
	TOLL_SOURCES_MAX = 65536, TOLL_CALLEES_MAX = 65536,
	TOLL_CALLS_MAX = 4096,
	TOLL_DENIED_MAX = 512,		/* configured prefixes */
	TOLL_PREFIX_MAX = 20,		/* characters of one */
	TOLL_EVENTS_MAX = 256,
	TOLL_BUCKETS = 13, TOLL_BUCKET_S = 300,
	TOLL_RING_S = 120,		/* a call nobody answers is ended */
	TOLL_QUARTERS = 96, TOLL_QUARTER_S = 900,	/* a day */
};

/* A limit of 0 is none; sizes must not be 0 and are rounded up to a power of
 * two >= 8. */
struct cfg_toll {
	uint32_t rules, sources, callees, calls;	/* entries */
	uint32_t source_calls_per_hour;
	uint32_t source_concurrent_calls;
	uint32_t source_minutes_per_hour;
	uint32_t callee_ringing;	/* calls that ring one callee at once */
	uint32_t callee_calls_per_hour;
	bool deny_premium;		/* the numbers of premium.def */
	/* Unusual: more calls to the outside in a quarter of an hour than
	 * `unusual_floor` and than `unusual_factor` times the mean of the last
	 * day. */
	uint32_t unusual_floor, unusual_factor;
	uint64_t hash_key[2];		/* random */
};
#define CFG_TOLL_DEFAULT                                                      \
	((struct cfg_toll){.rules = 2048, .sources = 4096, .callees = 4096,   \
			   .calls = 1024, .source_calls_per_hour = 20,        \
			   .source_concurrent_calls = 3,                      \
			   .source_minutes_per_hour = 180,                    \
			   .callee_ringing = 2, .callee_calls_per_hour = 60,  \
			   .deny_premium = true, .unusual_floor = 20,         \
			   .unusual_factor = 4})

enum toll_verdict {
	TOLL_REFUSED = 0,	/* also the answer to any internal failure */
	TOLL_PASS,
	TOLL_NO_RULE,		/* no enabled rule: the gateway is off */
	TOLL_UNREGISTERED,	/* to the outside, without the confirmation */
	TOLL_RECEPTION,		/* a reception may not reach this rule */
	TOLL_DENIED_PREFIX,
	TOLL_RULE_CALLS, TOLL_RULE_CONCURRENT, TOLL_RULE_MINUTES,
	TOLL_SOURCE_CALLS, TOLL_SOURCE_CONCURRENT, TOLL_SOURCE_MINUTES,
	TOLL_CALLEE_RINGING, TOLL_CALLEE_CALLS,
	TOLL_FULL,		/* no place for one more live call */
	TOLL_VERDICT_COUNT
};
/* One line of English for logs and the tester; never for the caller, who is
 * answered as for an unknown alias whatever this says. */
const char *toll_verdict_text(enum toll_verdict v);

struct toll_facts {
	const struct rule *rule;	/* that takes the call, or NULL */
	uint8_t ip[16];			/* of the caller, IPv4 v4-mapped */
	uint64_t registration;		/* of the caller, 0: not registered */
	bool from_reception;
	bool external;			/* the callee is no registered device */
	struct span dialled;		/* alias as it came, and ... */
	struct span target;		/* ... as it is to be called */
};

struct toll;

struct toll_stats {
	uint64_t passed, verdicts[TOLL_VERDICT_COUNT];
	uint64_t torn;		/* entries dropped when attaching */
	uint64_t evicted;	/* entries replaced that still counted */
	uint64_t bad_events;	/* empty cells and dead calls */
	uint64_t events_lost;
	uint32_t live;
};

/* Bytes of memory for these sizes; 0 when the settings are not valid. */
size_t toll_size(const struct cfg_toll *cfg);
/* Takes up or makes the state in `mem` (8-aligned, n >= toll_size()), which
 * must stay until toll_detach(). Another version or other sizes: begun anew
 * (the hash key of the region is kept when it is taken up). Live calls of
 * before are ended as of the last heartbeat: toll_resume() those that still
 * are. Another boot id: counts keep the age they had. E_INVAL, E_NOMEM. */
int  toll_attach(struct toll **out, const struct cfg_toll *cfg, void *mem,
		 size_t n, const uint8_t boot_id[16], uint64_t now_ns);
void toll_detach(struct toll **t);
/* New limits; sizes and key of `cfg` are ignored. */
void toll_set_limits(struct toll *t, const struct cfg_toll *cfg);

/* Prefixes between commas: digits, '*' and '#', perhaps '+' first. With '+'
 * it is an international number, and holds however that is dialled (+, 00,
 * 011); without, the digits as they were dialled. E_FORMAT and the 1-based
 * *place; E_LIMIT. */
int  toll_denied_check(struct span list, size_t *place);
int  toll_set_denied(struct toll *t, struct span list);	/* replaces */
/* Does a prefix forbid this alias ("+49900123", "00979...@gw", "tel:...")? */
bool toll_is_denied(const struct toll *t, struct span alias);

/* Asks; changes nothing. */
enum toll_verdict toll_check(const struct toll *t, const struct toll_facts *f,
			     uint64_t now_ns);
/* Asks and, on TOLL_PASS, counts a call that now rings; *call names it. */
enum toll_verdict toll_begin(struct toll *t, const struct toll_facts *f,
			     uint64_t now_ns, uint64_t *call);
/* A call that was there before toll_attach(): no limit refuses it, nothing is
 * counted twice. `connected`: it no longer rings. E_FULL. */
int  toll_resume(struct toll *t, const struct toll_facts *f, bool connected,
		 uint64_t now_ns, uint64_t *call);
/* E_NOTFOUND: no such call; E_STATE: not ringing. */
int  toll_answer(struct toll *t, uint64_t call, uint64_t now_ns);
int  toll_end(struct toll *t, uint64_t call, uint64_t now_ns);

/* Once a second: charges running calls, finds those to end, beats the heart. */
void toll_tick(struct toll *t, uint64_t now_ns);

enum toll_event_kind {
	TOLL_EV_NONE = 0,
	TOLL_EV_END_CALL,	/* .call must end: .verdict says which limit;
				 * TOLL_REFUSED: nobody answered */
	TOLL_EV_LIMIT,		/* a limit of .rule was reached (.verdict),
				 * at most once in five minutes per rule */
	TOLL_EV_UNUSUAL,	/* .calls in this quarter of an hour */
	TOLL_EV_USUAL,		/* a whole quarter was usual again */
};
struct toll_event {
	enum toll_event_kind kind;
	uint64_t call;
	int64_t rule;
	enum toll_verdict verdict;
	uint32_t calls;
};
/* The oldest event; false: none. */
bool toll_next_event(struct toll *t, struct toll_event *out);

/* For status: what counts now. */
struct toll_usage {
	uint32_t calls, minutes;	/* of the last hour */
	uint32_t live, ringing;
};
void toll_rule_usage(const struct toll *t, int64_t rule, uint64_t now_ns,
		     struct toll_usage *out);
void toll_stats(const struct toll *t, struct toll_stats *out);

/* The table of a call, for tests and the handbook. */
enum toll_state { TOLL_FREE = 0, TOLL_RINGING, TOLL_CONNECTED, TOLL_ENDING,
		  TOLL_STATE_COUNT };
enum toll_input { TOLL_IN_BEGIN = 0, TOLL_IN_ANSWER, TOLL_IN_OVER, TOLL_IN_END,
		  TOLL_INPUT_COUNT };
/* The next state; -1: the cell is empty. */
int toll_table(enum toll_state s, enum toll_input in);
