/* core/guard/pin.h - limits guessing of room PINs.
 *
 * Two tables of fixed size: one entry per (room, source prefix), and one
 * counter per room that nothing can evict. The caller gives the monotonic
 * time; nothing here reads a clock, allocates after pin_guard_new(), or logs.
 * Not thread safe; owned by the core role.
 *
 * A source is an IPv4 address or an IPv6 /64: whoever holds one address of a
 * /64 holds them all. After `source_misses` wrong PINs within the window the
 * source gets PIN_DENY for that room until the oldest of them is older than
 * the window (counted in tenths of a second); the caller then answers as for an unknown alias.
 *
 * After `room_misses` wrong PINs within the window, from whomever, the room
 * slows down: one comparison each `slow_ms` for newcomers. They wait in a
 * line of at most `queue_max` places, first come first served, one place per
 * source, so that one guesser can neither fill the line nor jump it.
 *
 * Full source table: within the eight entries a key may use, one that holds
 * nothing any more goes first, then the one with the lowest score (live
 * misses, then age); `evicted` counts it. Memory stays fixed and the heaviest
 * guesser stays. Full room table: the room shares one overflow counter with
 * the other rooms that found no place, which is stricter, never laxer.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	PIN_GUARD_SOURCES_MAX = 65536,
	PIN_GUARD_ROOMS_MAX = 65536,
	PIN_GUARD_SOURCE_MISSES_MAX = 20,
	PIN_GUARD_ROOM_MISSES_MAX = 200,
	PIN_GUARD_QUEUE_MAX = 256,
};

/* Zero is refused everywhere; maxima above. */
struct cfg_pin_guard {
	uint32_t sources;	/* entries, rounded up to a power of two >= 8 */
	uint32_t rooms;		/* rooms with a live miss at one time */
	uint32_t source_misses;	/* wrong PINs per (room, source); default 5 */
	uint32_t room_misses;	/* wrong PINs per room; default 20 */
	uint32_t window_s;	/* 10 minutes */
	uint32_t slow_ms;	/* between comparisons in a slowed room */
	uint32_t queue_max;	/* places in a slowed room's line */
	uint64_t hash_key[2];	/* random: keeps collisions unpredictable */
};
#define CFG_PIN_GUARD_DEFAULT                                                 \
	((struct cfg_pin_guard){.sources = 65536, .rooms = 8192,              \
				.source_misses = 5, .room_misses = 20,        \
				.window_s = 600, .slow_ms = 2000,             \
				.queue_max = 32})

enum pin_verdict {
	PIN_DENY = 0,		/* also the answer to any internal failure */
	PIN_ALLOW,
	PIN_WAIT,		/* compare no earlier than *wait_ms from now */
};

/* Who asks: the address, IPv4 as v4-mapped. */
struct pin_caller {
	uint8_t ip[16];
};

struct pin_guard;

struct pin_guard_stats {
	uint64_t misses;	/* noted in all */
	uint64_t denied_source;	/* notes that locked a source */
	uint64_t slowed;	/* notes that slowed a room */
	uint64_t evicted;	/* source entries replaced while alive */
	uint64_t overflow;	/* notes that found no room counter */
};

/* Creates a guard from validated settings. On success the caller owns *out.
 * E_INVAL, E_NOMEM. */
int  pin_guard_new(struct pin_guard **out, const struct cfg_pin_guard *cfg);
void pin_guard_free(struct pin_guard **g);

/* New thresholds, 1..maximum each; what was counted stays. E_INVAL. */
int  pin_guard_set_limits(struct pin_guard *g, uint32_t source_misses,
			  uint32_t room_misses);

/* Asks before a PIN is compared, and before anything about the room is said.
 * Never changes a table. In a slowed room only a caller whose place in the
 * line has come up gets PIN_ALLOW; PIN_WAIT says when his place comes, or
 * would come if he took one; PIN_DENY that the line is full. */
enum pin_verdict pin_guard_check(const struct pin_guard *g, uint32_t room,
				 const struct pin_caller *who, uint64_t now_ns,
				 uint32_t *wait_ms);

/* Takes a place in a slowed room's line. PIN_WAIT with *wait_ms: hold the
 * PIN, ask pin_guard_check() again after that time. PIN_DENY: the source has
 * a place already or the line is full. PIN_ALLOW: the room is not slowed. */
enum pin_verdict pin_guard_queue(struct pin_guard *g, uint32_t room,
				 const struct pin_caller *who, uint64_t now_ns,
				 uint32_t *wait_ms);

/* Records the outcome of one comparison and gives up the place in the line. */
void pin_guard_note(struct pin_guard *g, uint32_t room,
		    const struct pin_caller *who, uint64_t now_ns, bool ok);

/* Is the room slowed down now? For status and the alarm. */
bool pin_guard_is_slowed(const struct pin_guard *g, uint32_t room,
			 uint64_t now_ns);
void pin_guard_stats(const struct pin_guard *g, struct pin_guard_stats *out);
