/* media/rtp/nack.h - which lost packets of an incoming stream to ask for
 * again (RFC 4585 6.2.1), and when to give up.
 *
 * A gap is asked for after NACK_WAIT_MS (reordering), again after one round
 * trip, at most NACK_TRIES_MAX times and NACK_AGE_MS long. More than NACK_MAX
 * missing at once, or a packet given up, means the stream needs a keyframe:
 * nack_take_lost() says so once. Extended sequence numbers, monotonic ns.
 * Embedded by its owner; no allocation.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	NACK_MAX = 128,
	NACK_WAIT_MS = 10,
	NACK_TRIES_MAX = 8,
	NACK_AGE_MS = 1000,
	NACK_RTT_MIN_MS = 20,
	NACK_RTT_MAX_MS = 400,
};

struct nack {
	uint64_t next;			/* expected; 0 = not started */
	size_t n;
	bool is_lost;
	struct nack_entry {
		uint64_t ext;
		uint64_t since_ns, asked_ns;
		uint8_t tries;
	} at[NACK_MAX];			/* in increasing order */
	uint64_t asked, recovered, given_up;
};

void nack_init(struct nack *n);
/* A packet came, retransmitted or not. */
void nack_packet(struct nack *n, uint64_t ext, uint64_t now_ns);
/* What lies before this number no longer matters (a keyframe was taken). */
void nack_forget_before(struct nack *n, uint64_t ext);
/* Numbers to ask for now, in order; returns how many (at most cap). */
size_t nack_due(struct nack *n, uint64_t now_ns, uint64_t rtt_ns,
		uint16_t *out, size_t cap);
/* True once after packets were lost for good. */
bool nack_take_lost(struct nack *n);
