/* media/dtmf.h - keys pressed, as telephone events (RFC 4733).
 *
 * In: a press is one RTP time stamp. It is told once, at its end: the first
 * packet with the E bit, or the next event, or DTMF_LOST_MS without a packet
 * when the end was lost. Repeated ends, late and doubled packets are ignored,
 * and so is a stamp that wanders while the duration grows (a known fault). A
 * sender may press DTMF_PER_S keys a second, DTMF_BURST at once; the rest is
 * counted.
 *
 * Out: a queue of keys, each DTMF_TONE_MS long with DTMF_PAUSE_MS behind it,
 * one packet a tick in place of sound, the end sent DTMF_ENDS times. 44 (a
 * comma) is a pause of DTMF_COMMA_MS. Others than 0..15 and 44 are refused.
 *
 * Pure; embedded; zeroed memory is ready for use. Stamps are ticks of the
 * stream's clock.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "media/transport/flood.h"

enum {
	DTMF_EVENTS = 16,		/* 0..9 * # A..D */
	DTMF_LOST_MS = 250,
	DTMF_PER_S = 10, DTMF_BURST = 20,
	DTMF_PAYLOAD = 4,
	DTMF_TONE_MS = 120, DTMF_PAUSE_MS = 80,	/* multiples of a tick */
	DTMF_COMMA = 44, DTMF_COMMA_MS = 2000,
	DTMF_ENDS = 3,
	DTMF_QUEUE_MAX = 64,
};

struct dtmf_press {
	uint8_t event;
	uint32_t ms;
};

struct dtmf_in {
	bool is_pressed, has_done;
	uint8_t event;
	uint32_t ts, done_ts;
	uint32_t duration;		/* ticks, of the press so far */
	uint32_t segments;		/* ticks of segments that are full */
	uint64_t heard_ns;
	struct flood_bucket bucket;
	uint64_t presses, too_fast, malformed;
};

/* One packet. True and *out: a press ended. clock_hz > 0. */
bool dtmf_in_packet(struct dtmf_in *d, uint32_t ts, bool marker,
		    struct span payload, uint32_t clock_hz, uint64_t now_ns,
		    struct dtmf_press *out);
/* From time to time: the end of a press may have been lost. */
bool dtmf_in_timer(struct dtmf_in *d, uint32_t clock_hz, uint64_t now_ns,
		   struct dtmf_press *out);
/* Another SSRC: stamps mean nothing any more; a press that runs is lost. */
void dtmf_in_restart(struct dtmf_in *d);

struct dtmf_out {
	uint8_t queue[DTMF_QUEUE_MAX];
	unsigned n;
	unsigned ms;			/* of the first in the queue, gone by */
	uint32_t ts;			/* of the press */
	bool is_running;
	uint64_t sent, refused;
};

/* All or none: E_FULL, E_INVAL. */
int dtmf_out_add(struct dtmf_out *d, struct span keys);

struct dtmf_packet {
	uint32_t ts;
	bool marker;
	unsigned copies;		/* 0 = nothing now */
	uint8_t payload[DTMF_PAYLOAD];
};
/* What leaves in this tick of `ms`, when sound would leave with stamp
 * `audio_ts`. True: this instead of sound (perhaps nothing). */
bool dtmf_out_tick(struct dtmf_out *d, uint32_t audio_ts, unsigned ms,
		   uint32_t clock_hz, struct dtmf_packet *out);
