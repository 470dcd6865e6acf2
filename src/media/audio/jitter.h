/* media/audio/jitter.h - packets of one stream put in order, and how long they
 * must wait.
 *
 * Holds at most JITTER_SLOTS packets by sequence number. Knows from the arrival
 * times of the last JITTER_WINDOW packets (5 s at 20 ms) which was fastest and
 * how much later nearly all of the others came: the delay that lets 98 of 100
 * be in time. Both follow drift and route changes because old packets leave
 * the window.
 *
 * Pure: no clock, no allocation, no codec. All positions are samples at 48 kHz,
 * unwrapped to 64 bits; `now` is the local clock in the same unit. Embedded in
 * its owner, zeroed before use. Not thread safe.
 */
#pragma once
#include "media/audio/codec/codec.h"

enum {
	JITTER_SLOTS = 32,
	JITTER_WINDOW = 256,
	JITTER_MIN_SAMPLES = 20 * 48,
	JITTER_MAX_SAMPLES = 200 * 48,
	JITTER_FIRST_SAMPLES = 40 * 48,	/* while too little is known */
	JITTER_MISORDER_MAX = 100,	/* packets, RFC 3550 A.1 */
	JITTER_DROPOUT_MAX = 3000,
	JITTER_JUMP_SAMPLES = 48000,	/* a stamp this far off: new timeline */
};

struct jitter_packet {
	bool is_used;
	bool is_dtx;
	int64_t seq;
	int64_t ts;
	int samples;
	int level;		/* claimed, RFC 6464; negative = none */
	uint32_t n;
	uint8_t data[AUDIO_PACKET_MAX_BYTES];
};

struct jitter {
	struct jitter_packet slot[JITTER_SLOTS];
	bool is_started;
	int64_t next_seq;	/* nothing before it is wanted */
	int64_t top_seq;	/* highest seen */
	int64_t top_ts;
	uint16_t odd_seq;	/* what would follow a packet refused as E_FULL */
	bool has_odd;

	int64_t transit_ref;
	int32_t transit[JITTER_WINDOW];	/* arrival - stamp - transit_ref */
	uint32_t transits;		/* ever */
	bool is_stale;			/* base and target want computing */
	int64_t base;			/* transit of the fastest */
	int32_t target;

	uint64_t received, late, duplicate, overflow, resyncs;
};

/* Forgets the stream, keeps the counters. */
void jitter_reset(struct jitter *j);

/* Files a packet; `samples` and is_dtx as found by the codec, clock in Hz.
 * 0, E_LIMIT, E_REPLAY, E_TIMEOUT, E_FULL. A stamp or sequence number
 * that does not fit the stream starts it anew (*is_resync). */
int jitter_put(struct jitter *j, uint16_t seq, uint32_t ts, uint32_t clock_hz,
	       int samples, bool is_dtx, int level, struct span payload,
	       int64_t now, bool *is_resync);

/* The first packet waiting, or NULL. */
const struct jitter_packet *jitter_head(const struct jitter *j);
/* Removes a packet that jitter_head gave, and gives up those before it. */
void jitter_take(struct jitter *j, const struct jitter_packet *p);
/* Drops packets that end at or before ts. */
void jitter_drop_before(struct jitter *j, int64_t ts);

/* The stamp that would be played at `now` if sound waited exactly the target
 * delay. */
int64_t jitter_ideal(struct jitter *j, int64_t now);
int32_t jitter_target(struct jitter *j);
int64_t jitter_base(struct jitter *j);
