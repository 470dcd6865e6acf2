#include "media/rtp/tmmb.h"

static struct rtcp_tmmb *place_of(struct tmmb_set *s, uint32_t owner,
				  uint64_t bps)
{
	struct rtcp_tmmb *highest = &s->at[0];

	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i].ssrc == owner)
			return &s->at[i];
		if (s->at[i].bps > highest->bps)
			highest = &s->at[i];
	}
	if (s->n < TMMB_MAX)
		return &s->at[s->n++];
	if (highest->bps > bps)
		return highest;
	s->refused++;
	return NULL;
}

void tmmb_take(struct tmmb_set *s, uint32_t owner, const struct rtcp_tmmb *t)
{
	const uint64_t bps = t->bps < TMMB_BPS_MAX ? t->bps : TMMB_BPS_MAX;
	struct rtcp_tmmb *at = place_of(s, owner, bps);

	if (at)
		*at = (struct rtcp_tmmb){.ssrc = owner, .bps = bps,
					 .overhead = t->overhead};
}

/* The lowest where no packet is sent; of equals the steepest. */
static const struct rtcp_tmmb *lowest(const struct tmmb_set *s)
{
	const struct rtcp_tmmb *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct rtcp_tmmb *t = &s->at[i];

		if (!best || t->bps < best->bps ||
		    (t->bps == best->bps && t->overhead > best->overhead))
			best = t;
	}
	return best;
}

/* Does `a` cross the line of `from` at a lower packet rate than `b`? Both are
 * steeper than it. Rates are (bps - bps of from) / (difference of overheads). */
static bool is_sooner(const struct rtcp_tmmb *from, const struct rtcp_tmmb *a,
		      const struct rtcp_tmmb *b)
{
	const uint64_t x = (a->bps - from->bps) *
			   (uint64_t)(b->overhead - from->overhead);
	const uint64_t y = (b->bps - from->bps) *
			   (uint64_t)(a->overhead - from->overhead);

	return x < y || (x == y && a->overhead > b->overhead);
}

/* Where they cross, is anything left for payload? */
static bool is_useful(const struct rtcp_tmmb *from, const struct rtcp_tmmb *t)
{
	return (t->bps - from->bps) * from->overhead <
	       from->bps * (uint64_t)(t->overhead - from->overhead);
}

size_t tmmb_bound(const struct tmmb_set *s, struct rtcp_tmmb out[TMMB_MAX])
{
	const struct rtcp_tmmb *now = lowest(s);
	size_t n = 0;

	while (now) {
		const struct rtcp_tmmb *next = NULL;

		out[n++] = *now;
		for (size_t i = 0; i < s->n; i++) {
			const struct rtcp_tmmb *t = &s->at[i];

			if (t->overhead > now->overhead && is_useful(now, t) &&
			    (!next || is_sooner(now, t, next)))
				next = t;
		}
		now = next;
	}
	return n;
}

uint32_t tmmb_kbps(const struct tmmb_set *s, size_t payload)
{
	uint64_t least = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct rtcp_tmmb *t = &s->at[i];
		const uint64_t bps = t->bps * payload /
				     (payload + t->overhead);

		if (i == 0 || bps < least)
			least = bps;
	}
	if (!s->n)
		return 0;
	least /= 1000;
	return least > UINT32_MAX ? UINT32_MAX : least ? (uint32_t)least : 1;
}

uint64_t tmmb_total_bps(uint32_t kbps, uint16_t overhead, size_t payload)
{
	return (uint64_t)kbps * 1000 * (payload + overhead) / payload;
}
