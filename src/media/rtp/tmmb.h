/* media/rtp/tmmb.h - caps that receivers set to what a stream may send, in all
 * (RFC 5104 3.5.4): whose they are, and which of them bind.
 *
 * A tuple is the owner's SSRC, bits a second with all headers, and how many
 * bytes of them a packet has by his count. It is a line over packet rate; those
 * that bound the area below all of them are the bounding set, which the sender
 * tells in TMMBN. Pure, embedded; zeroed memory is an empty set.
 */
#pragma once
#include "wire/rtcp/rtcp.h"

enum {
	TMMB_MAX = 4,			/* owners on one leg; a peer is one */
};
#define TMMB_BPS_MAX (UINT64_C(1) << 40)

struct tmmb_set {
	struct rtcp_tmmb at[TMMB_MAX];	/* ssrc: the owner's */
	size_t n;
	uint64_t refused;		/* of a fifth owner, not lower */
};

/* In place of what this owner said before. Of a fifth owner it takes the place
 * of the highest, if it is lower. */
void tmmb_take(struct tmmb_set *s, uint32_t owner, const struct rtcp_tmmb *t);
/* The bounding set, by overhead; how many. */
size_t tmmb_bound(const struct tmmb_set *s, struct rtcp_tmmb out[TMMB_MAX]);
/* What of it is payload, in packets of so many bytes; 0 = no cap. */
uint32_t tmmb_kbps(const struct tmmb_set *s, size_t payload);
/* The other way round: headers and all, for payload of `kbps`. */
uint64_t tmmb_total_bps(uint32_t kbps, uint16_t overhead, size_t payload);
