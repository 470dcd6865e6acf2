/* media/rtp/receive.h - what a receiver knows of one incoming RTP stream
 * (RFC 3550 A.1, A.3, A.8): extended sequence numbers, loss, jitter, and the
 * times that turn sender reports into round-trip times.
 *
 * Plain struct, embedded by its owner; monotonic ns as argument; no allocation.
 * Sequence numbers are extended to 64 bits and start above 65536, so that a
 * packet from before the first one has a number too.
 */
#pragma once
#include "wire/rtcp/rtcp.h"

enum { RTP_RECEIVE_DROPOUT_MAX = 3000 };

struct rtp_receive {
	uint32_t ssrc, clock_hz;
	bool is_started;
	uint64_t base, highest;		/* extended */
	uint64_t received, bytes;
	uint64_t expected_prior, received_prior;
	uint32_t jitter_x16, transit;
	bool has_transit;
	uint32_t sr_mid;		/* middle bits of the last SR's NTP */
	uint64_t sr_at_ns;		/* 0 = none yet */
	uint32_t odd_seq;		/* a jump that waits for its successor */
	uint64_t jumps;
};

void rtp_receive_init(struct rtp_receive *r, uint32_t ssrc, uint32_t clock_hz);
/* 0 and the extended sequence number; E_AGAIN when the number jumped and the
 * next packet must confirm it (RFC 3550 A.1): drop this one. */
int  rtp_receive_packet(struct rtp_receive *r, uint16_t seq, uint32_t ts,
			size_t bytes, uint64_t now_ns, uint64_t *ext);
void rtp_receive_sr(struct rtp_receive *r, uint64_t ntp, uint64_t now_ns);
/* Fills a report block and begins the next interval. */
void rtp_receive_block(struct rtp_receive *r, uint64_t now_ns,
		       struct rtcp_block *out);
