/* media/rtp/bwe.h - how many kbit/s a leg's downlink carries, and how much we
 * let the peer send.
 *
 * Downlink: one number, raised and lowered by three witnesses.
 *  - loss in receiver reports, smoothed: above 10 % it falls by half of the
 *    loss, below 2 % it rises by 8 % a report, between nothing happens;
 *  - REMB of the peer is an upper bound until it is 5 s old;
 *  - transport-wide feedback: when the one-way delay grows by more than 20 ms
 *    within a few feedbacks, the rate falls to 85 %, twice a second at most.
 * It rises only while the link is used: never above 1.5 times what was sent
 * plus a margin. Simple on purpose: pictures come in a few fixed rates, so the
 * estimate only has to find the right step.
 *
 * Uplink (what we tell the peer by REMB): the cap, lowered by the loss we see.
 */
#pragma once
#include "media/rtp/twcc.h"

enum {
	BWE_MIN_KBPS = 64,
	BWE_START_KBPS = 1000,
	BWE_MAX_KBPS = 6000,
	BWE_REMB_MAX_S = 5,
};

struct bwe {
	uint32_t kbps, cap_kbps;
	uint32_t loss;			/* smoothed, of 4096 */
	uint32_t remb_kbps;
	uint64_t remb_ns;
	uint64_t fell_ns;		/* last decrease */
	int64_t delay_ns;		/* smoothed growth of the delay */
	uint64_t sent_bytes, sent_since_ns;
	uint32_t sent_kbps;
};

void bwe_init(struct bwe *b, uint32_t cap_kbps, uint64_t now_ns);
void bwe_sent(struct bwe *b, size_t bytes, uint64_t now_ns);
/* fraction as in a report block: of 256. */
void bwe_loss(struct bwe *b, uint8_t fraction, uint64_t now_ns);
void bwe_remb(struct bwe *b, uint64_t bps, uint64_t now_ns);
void bwe_twcc(struct bwe *b, const struct twcc_result *r, uint64_t now_ns);
uint32_t bwe_kbps(const struct bwe *b, uint64_t now_ns);
/* The next REMB value from the former one and the loss we saw. */
uint32_t bwe_uplink_kbps(uint32_t kbps, uint32_t cap_kbps, uint8_t fraction);
