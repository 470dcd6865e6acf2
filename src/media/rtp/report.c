#include "media/rtp/report.h"
#include "base/clock.h"

uint64_t report_ntp(const struct report_clock *c, uint64_t now_ns)
{
	int64_t us = c->wall_us + (int64_t)((now_ns - c->mono_ns) / NS_PER_US);

	return rtcp_ntp_of_wall_us(us);
}

void report_sender_note(struct report_sender *s, uint32_t ts, size_t octets,
			uint64_t now_ns)
{
	s->packets++;
	s->octets += (uint32_t)octets;
	s->last_ts = ts;
	s->last_ns = now_ns;
}

void report_put(struct wr *w, const struct report_clock *c,
		const struct report_sender *s, const struct rtcp_block *b,
		size_t n, struct span cname, uint64_t now_ns)
{
	struct rtcp_sender head = {
		.ssrc = s->ssrc, .ntp = report_ntp(c, now_ns),
		.packets = s->packets, .octets = s->octets};

	if (!s->last_ns) {
		rtcp_put_rr(w, s->ssrc, b, n);
	} else {
		/* the stamp that a packet made now would carry */
		head.rtp_ts = s->last_ts + (uint32_t)(
			(now_ns - s->last_ns) / NS_PER_US * s->clock_hz /
			1000000);
		rtcp_put_sr(w, &head, b, n);
	}
	if (cname.n)
		rtcp_put_cname(w, s->ssrc, cname);
}

uint64_t report_rtt_ns(const struct report_clock *c,
		       const struct rtcp_block *b, uint64_t now_ns)
{
	uint32_t mid = rtcp_ntp_mid(report_ntp(c, now_ns));
	uint32_t d;

	if (!b->lsr)
		return 0;
	d = mid - b->lsr - b->dlsr;
	/* 16.16 s; more than 10 s is a lie or a clock that stepped */
	if (d > 10u << 16)
		return 0;
	return (uint64_t)d * NS_PER_S >> 16;
}
