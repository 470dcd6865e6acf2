#include "media/rtp/bwe.h"
#include "base/clock.h"

enum {
	LOSS_HIGH = 26,			/* 10 % of 256 */
	LOSS_LOW = 5,			/* 2 % */
	FALL_INTERVAL_MS = 500,
	DELAY_GROWTH_MS = 20,
	RATE_WINDOW_MS = 1000,
};

static uint32_t clamp(uint32_t v, uint32_t cap)
{
	if (v > cap)
		v = cap;
	return v < BWE_MIN_KBPS ? BWE_MIN_KBPS : v;
}

void bwe_init(struct bwe *b, uint32_t cap_kbps, uint64_t now_ns)
{
	if (!cap_kbps || cap_kbps > BWE_MAX_KBPS)
		cap_kbps = BWE_MAX_KBPS;
	*b = (struct bwe){.cap_kbps = cap_kbps, .sent_since_ns = now_ns};
	b->kbps = clamp(BWE_START_KBPS, cap_kbps);
}

void bwe_sent(struct bwe *b, size_t bytes, uint64_t now_ns)
{
	uint64_t d = now_ns - b->sent_since_ns;

	b->sent_bytes += bytes;
	if (d < RATE_WINDOW_MS * NS_PER_MS)
		return;
	b->sent_kbps = (uint32_t)(b->sent_bytes * 8 * NS_PER_MS / d);
	b->sent_bytes = 0;
	b->sent_since_ns = now_ns;
}

static void rise(struct bwe *b)
{
	uint32_t proven = b->sent_kbps + b->sent_kbps / 2 + 300;
	uint32_t next = b->kbps + b->kbps / 12 + 1;

	/* nothing is learnt from a link that is not used */
	if (next > proven && next > b->kbps && b->kbps >= BWE_START_KBPS)
		return;
	b->kbps = clamp(next, b->cap_kbps);
}

static void fall(struct bwe *b, uint32_t to, uint64_t now_ns)
{
	if (now_ns - b->fell_ns < FALL_INTERVAL_MS * NS_PER_MS)
		return;
	b->fell_ns = now_ns;
	if (to < b->kbps)
		b->kbps = clamp(to, b->cap_kbps);
}

/* A report is about some thirty packets: three lost by chance are not ten
 * per cent, so what counts is the mean of the last few. */
void bwe_loss(struct bwe *b, uint8_t fraction, uint64_t now_ns)
{
	b->loss = (b->loss * 3 + fraction * 16u) / 4;
	if (b->loss > LOSS_HIGH * 16)
		fall(b, b->kbps - b->kbps * (b->loss / 16) / 512, now_ns);
	else if (b->loss < LOSS_LOW * 16)
		rise(b);
}

void bwe_remb(struct bwe *b, uint64_t bps, uint64_t now_ns)
{
	uint64_t kbps = bps / 1000;

	b->remb_kbps = clamp(kbps > BWE_MAX_KBPS ? BWE_MAX_KBPS
						 : (uint32_t)kbps,
			     BWE_MAX_KBPS);
	b->remb_ns = now_ns;
}

void bwe_twcc(struct bwe *b, const struct twcc_result *r, uint64_t now_ns)
{

	/* forget slowly, so that several small growths add up */
	b->delay_ns = b->delay_ns * 3 / 4 + r->delay_ns;
	if (b->delay_ns < 0)
		b->delay_ns = 0;
	if (b->delay_ns < (int64_t)(DELAY_GROWTH_MS * NS_PER_MS) ||
	    r->span_ns < 20 * NS_PER_MS)
		return;
	/* what arrived says little when little was sent: one step at a time,
	 * a queue that stays gives the next step half a second later */
	fall(b, b->kbps * 85 / 100, now_ns);
	b->delay_ns = 0;
}

uint32_t bwe_kbps(const struct bwe *b, uint64_t now_ns)
{
	if (b->remb_ns && now_ns - b->remb_ns < BWE_REMB_MAX_S * NS_PER_S &&
	    b->remb_kbps < b->kbps)
		return b->remb_kbps;
	return b->kbps;
}

uint32_t bwe_uplink_kbps(uint32_t kbps, uint32_t cap_kbps, uint8_t fraction)
{
	if (fraction > LOSS_HIGH)
		kbps -= kbps * fraction / 512;
	else if (fraction < LOSS_LOW)
		kbps += kbps / 12 + 10;
	return clamp(kbps, cap_kbps);
}
