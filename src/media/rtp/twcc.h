/* media/rtp/twcc.h - transport-wide congestion control feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01): the receiving side,
 * which tells the peer when each packet arrived, and the sending side, which
 * remembers when each packet left.
 *
 * Fixed rings, no allocation, monotonic ns as argument.
 */
#pragma once
#include "wire/rtcp/rtcp.h"

enum {
	TWCC_RING = 1024,		/* power of two */
	TWCC_FEEDBACK_MS = 100,
	TWCC_FEEDBACK_PACKETS = 200,	/* in one feedback */
};

/* --- what came in --- */
struct twcc_in {
	bool is_started;
	uint16_t next;			/* first number not reported yet */
	uint16_t highest;
	uint8_t fb_count;
	uint32_t ssrc;			/* of the newest packet */
	uint64_t at_ns[TWCC_RING];	/* 0 = not received */
	uint16_t seq[TWCC_RING];
};
void twcc_in_packet(struct twcc_in *t, uint16_t seq, uint32_t ssrc,
		    uint64_t now_ns);
bool twcc_in_has_news(const struct twcc_in *t);
/* Appends one feedback packet about what came since the last. False when
 * nothing was to be told or the writer is full. */
bool twcc_in_put(struct twcc_in *t, struct wr *w, uint32_t our_ssrc);

/* --- what went out --- */
struct twcc_out {
	uint16_t next;
	struct { uint64_t sent_ns; uint16_t seq; uint16_t bytes; }
		at[TWCC_RING];
};
/* The number for a packet that leaves now. */
uint16_t twcc_out_packet(struct twcc_out *t, size_t bytes, uint64_t now_ns);

struct twcc_result {
	unsigned received, lost;
	uint64_t bytes;			/* acknowledged */
	uint64_t span_ns;		/* between first and last arrival */
	/* growth of the one-way delay over this feedback; negative: shrank */
	int64_t delay_ns;
};
/* Reads one feedback packet. False when it says nothing about us. */
bool twcc_out_feedback(struct twcc_out *t, const struct rtcp *p,
		       struct twcc_result *out);
