#include "media/rtp/receive.h"
#include "base/clock.h"
#include "wire/rtp/rtp.h"

enum { NO_ODD_SEQ = 0x10000, MISORDER_MAX = 1000 };

void rtp_receive_init(struct rtp_receive *r, uint32_t ssrc, uint32_t clock_hz)
{
	*r = (struct rtp_receive){.ssrc = ssrc, .clock_hz = clock_hz,
				  .odd_seq = NO_ODD_SEQ};
}

static void restart(struct rtp_receive *r, uint16_t seq)
{
	/* a new run never goes back below the old one's numbers */
	uint64_t circle = r->is_started ? (r->highest >> 16) + 2 : 1;

	r->base = r->highest = circle << 16 | seq;
	r->received = r->received_prior = r->expected_prior = 0;
	r->has_transit = false;
	r->odd_seq = NO_ODD_SEQ;
	r->is_started = true;
}

static void jitter_note(struct rtp_receive *r, uint32_t ts, uint64_t now_ns)
{
	uint64_t us = now_ns / NS_PER_US;
	uint32_t arrival = (uint32_t)(us * r->clock_hz / 1000000);
	uint32_t transit = arrival - ts;
	uint32_t d = transit - r->transit;

	r->transit = transit;
	if (!r->has_transit) {
		r->has_transit = true;
		return;
	}
	if (d >> 31)		/* backwards; half a circle is possible, too */
		d = 0u - d;
	/* a stamp that jumped says nothing of the network */
	if (d > r->clock_hz * 4)
		return;
	r->jitter_x16 += d - ((r->jitter_x16 + 8) >> 4);
}

int rtp_receive_packet(struct rtp_receive *r, uint16_t seq, uint32_t ts,
		       size_t bytes, uint64_t now_ns, uint64_t *ext)
{
	int step;

	if (!r->is_started)
		restart(r, seq);
	step = rtp_seq_diff(seq, (uint16_t)r->highest);
	if (step > RTP_RECEIVE_DROPOUT_MAX || step < -MISORDER_MAX) {
		if (seq != r->odd_seq) {
			r->odd_seq = (uint16_t)(seq + 1);
			r->jumps++;
			return E_AGAIN;
		}
		restart(r, seq);
	}
	r->odd_seq = NO_ODD_SEQ;
	*ext = rtp_seq_extend(r->highest, seq);
	if (*ext > r->highest)
		r->highest = *ext;
	r->received++;
	r->bytes += bytes;
	jitter_note(r, ts, now_ns);
	return 0;
}

void rtp_receive_sr(struct rtp_receive *r, uint64_t ntp, uint64_t now_ns)
{
	r->sr_mid = rtcp_ntp_mid(ntp);
	r->sr_at_ns = now_ns;
}

static int32_t lost_total(uint64_t expected, uint64_t received)
{
	int64_t lost = (int64_t)(expected - received);

	if (lost > 0x7fffff)
		return 0x7fffff;
	return lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

void rtp_receive_block(struct rtp_receive *r, uint64_t now_ns,
		       struct rtcp_block *out)
{
	uint64_t expected = r->is_started ? r->highest - r->base + 1 : 0;
	uint64_t now_expected = expected - r->expected_prior;
	uint64_t now_received = r->received - r->received_prior;

	*out = (struct rtcp_block){
		.ssrc = r->ssrc,
		.lost = lost_total(expected, r->received),
		.highest_seq = (uint32_t)(r->highest - (UINT64_C(1) << 16)),
		.jitter = r->jitter_x16 >> 4,
		.lsr = r->sr_at_ns ? r->sr_mid : 0,
	};
	/* a turn's time may be before that of the report it read */
	if (r->sr_at_ns && now_ns > r->sr_at_ns)
		out->dlsr = (uint32_t)(((now_ns - r->sr_at_ns) << 16) /
				       NS_PER_S);
	if (now_expected > now_received && now_expected)
		out->fraction_lost = (uint8_t)(
			((now_expected - now_received) << 8) / now_expected >
			255 ? 255 :
			((now_expected - now_received) << 8) / now_expected);
	r->expected_prior = expected;
	r->received_prior = r->received;
}
