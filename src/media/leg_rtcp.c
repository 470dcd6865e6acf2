/* The RTCP of one leg: what its reports and wishes mean to us, and ours. */
#include "media/media.h"
#include "base/clock.h"
#include "base/rand.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum {
	/* 31 bits of number, encrypted or not, and the tag (RFC 7714 9) */
	RTCP_SEAL = 4 + 16,
	NACKS_MAX = 256,		/* numbers answered from one compound */
};

/* --- in ---------------------------------------------------------------- */

static void take_block(struct leg *leg, const struct rtcp_block *b)
{
	uint64_t now = leg->m->now_ns;
	uint64_t rtt = report_rtt_ns(&leg->m->clock, b, now);

	if (rtt)
		leg->rtt_ns = leg->rtt_ns ? (leg->rtt_ns * 7 + rtt) / 8 : rtt;
	if (b->ssrc == leg->audio_out.ssrc && leg->audio)
		(void)audio_leg_loss_report(leg->audio,
					    b->fraction_lost * 100u / 256);
	if (b->ssrc == leg->video_ssrc && leg->vout)
		bwe_loss(&leg->vout->bwe, b->fraction_lost, now);
}

static void take_sr(struct leg *leg, const struct rtcp *p)
{
	uint64_t now = leg->m->now_ns;

	if (p->ssrc == leg->audio_in.ssrc)
		rtp_receive_sr(&leg->audio_in, p->ntp, now);
	if (leg->vin && p->ssrc == leg->vin->rx.ssrc)
		rtp_receive_sr(&leg->vin->rx, p->ntp, now);
	if (leg->vin && p->ssrc == leg->vin->rtx.ssrc)
		rtp_receive_sr(&leg->vin->rtx, p->ntp, now);
}

static void repeat_audio(struct leg *leg, uint16_t seq)
{
	struct span s = audio_repair_find(leg->audio_repair, seq,
					  leg->m->now_ns);

	if (!s.n || !flow_is_open(leg->audio_flow))
		return;
	memcpy(net_reserve(leg->m->net), s.p, s.n);
	flow_send(leg->audio_flow, s.n, false);
}

static void take_nack(struct leg *leg, struct rtcp *p, unsigned *budget)
{
	bool is_video = leg->vout && p->media_ssrc == leg->video_ssrc;
	bool is_audio = leg->audio_repair &&
			p->media_ssrc == leg->audio_out.ssrc;
	struct rtcp_nack n;

	while ((is_video || is_audio) && rtcp_nack_next(&p->items, &n))
		for (unsigned i = 0; i <= 16 && *budget; i++) {
			uint16_t seq = (uint16_t)(n.seq + i);

			if (i && !(n.mask >> (i - 1) & 1))
				continue;
			(*budget)--;
			if (is_video)
				video_out_repeat(leg->vout, seq,
						 leg->m->now_ns);
			else
				repeat_audio(leg, seq);
		}
}

static void take_fir(struct leg *leg, struct rtcp *p)
{
	struct rtcp_fir f;

	while (rtcp_fir_next(&p->items, &f))
		if (leg->vout && f.ssrc == leg->video_ssrc) {
			video_out_wants_key(leg->vout, leg->m->now_ns);
			return;
		}
}

static void take_twcc(struct leg *leg, const struct rtcp *p)
{
	struct twcc_result r;

	if (leg->vout && leg->nego.video.ext_twcc &&
	    twcc_out_feedback(&leg->vout->twcc, p, &r))
		bwe_twcc(&leg->vout->bwe, &r, leg->m->now_ns);
}

/* The peer's own cap (RFC 5104 4.2.1); it is told that we took it. */
static void take_tmmbr(struct leg *leg, struct rtcp *p)
{
	struct rtcp_tmmb t;
	uint32_t kbps;

	while (rtcp_tmmb_next(&p->items, &t)) {
		if (!leg->vout || t.ssrc != leg->video_ssrc)
			continue;
		kbps = t.bps / 1000 > UINT32_MAX ? UINT32_MAX
						 : (uint32_t)(t.bps / 1000);
		leg->tmmbr_kbps = kbps > BWE_MIN_KBPS ? kbps : BWE_MIN_KBPS;
		leg->tmmbn = t;
		leg->vout->bwe.cap_kbps =
			leg->tmmbr_kbps < leg->kbps_out ? leg->tmmbr_kbps
							: leg->kbps_out;
		return;
	}
}

static void take_one(struct leg *leg, struct rtcp *p, unsigned *nacks)
{
	struct rtcp_block b;

	switch (p->kind) {
	case RTCP_SR:
		take_sr(leg, p);
		/* fall through */
	case RTCP_RR:
		while (rtcp_block_next(&p->items, &b))
			take_block(leg, &b);
		break;
	case RTCP_NACK:
		take_nack(leg, p, nacks);
		break;
	case RTCP_PLI:
		if (leg->vout && p->media_ssrc == leg->video_ssrc)
			video_out_wants_key(leg->vout, leg->m->now_ns);
		break;
	case RTCP_FIR:
		take_fir(leg, p);
		break;
	case RTCP_TMMBR:
		take_tmmbr(leg, p);
		break;
	case RTCP_REMB:
		if (leg->vout)
			bwe_remb(&leg->vout->bwe, p->bps, leg->m->now_ns);
		break;
	case RTCP_TWCC:
		take_twcc(leg, p);
		break;
	default:
		break;
	}
}

bool leg_rtcp_in(struct leg *leg, struct span compound)
{
	unsigned nacks = NACKS_MAX;
	struct rtcp p;

	if (rtcp_check(compound) < 0)
		return false;
	/* a BYE means nothing: only signalling ends a leg, and anybody can
	 * forge one on a clear leg */
	while (rtcp_next(&compound, &p) > 0)
		take_one(leg, &p, &nacks);
	return true;
}

/* --- out --------------------------------------------------------------- */

/* Which of the leg's streams travel by this flow. */
static bool has_audio(const struct leg *leg, const struct flow *f)
{
	return leg->audio && f == leg->audio_flow;
}

static bool has_vin(const struct leg *leg, const struct flow *f)
{
	return leg->vin && f == leg->video_flow;
}

static bool has_vout(const struct leg *leg, const struct flow *f)
{
	return leg->vout && f == leg->video_flow;
}

static void send_compound(struct flow *f, struct wr *w, uint8_t *slot)
{
	struct span s;
	size_t n;

	if (wr_end(w, &s) < 0 || !s.n)
		return;
	n = s.n;
	if (flow_seal(f, slot, &n, NET_PACKET_MAX, true) == 0)
		flow_send(f, n, true);
}

static uint32_t our_ssrc(const struct leg *leg, const struct flow *f)
{
	return has_audio(leg, f) ? leg->audio_out.ssrc : leg->video_ssrc;
}

/* What we tell the peer to send at most; lower when nobody sees him. */
static void put_remb(struct leg *leg, struct flow *f, struct wr *w,
		     uint8_t fraction)
{
	struct video_in *v = leg->vin;
	uint32_t cap = v->assemble ? leg->kbps_in : MEDIA_KBPS_UNSEEN;

	if (v->assemble && v->kbps < MEDIA_KBPS_UNSEEN * 2)
		v->kbps = cap;
	v->kbps = bwe_uplink_kbps(v->kbps, cap, fraction);
	if (leg->nego.video.feedback & CV__FEEDBACK__FB_REMB)
		rtcp_put_remb(w, our_ssrc(leg, f), (uint64_t)v->kbps * 1000,
			      &v->rx.ssrc, 1);
}

/* Every stream we send has an SR, the first carries all report blocks. */
static void put_reports(struct leg *leg, struct flow *f, struct wr *w)
{
	struct rtcp_block b[REPORT_RECEIVERS_MAX];
	struct report_sender none = {.ssrc = our_ssrc(leg, f)};
	const struct report_clock *c = &leg->m->clock;
	struct span cname = span_str(leg->cname);
	uint64_t now = leg->m->now_ns;
	bool has_video = has_vin(leg, f) && leg->vin->is_started;
	uint8_t lost = 0;
	size_t n = 0;

	if (has_audio(leg, f) && leg->audio_in.is_started)
		rtp_receive_block(&leg->audio_in, now, &b[n++]);
	if (has_video) {
		rtp_receive_block(&leg->vin->rx, now, &b[n]);
		lost = b[n++].fraction_lost;
	}
	if (has_video && leg->vin->rtx.is_started)
		rtp_receive_block(&leg->vin->rtx, now, &b[n++]);
	report_put(w, c, has_audio(leg, f) ? &leg->audio_out : &none, b, n,
		   cname, now);
	if (has_vout(leg, f) && leg->vout->sender.packets)
		report_put(w, c, &leg->vout->sender, NULL, 0, cname, now);
	if (has_video)
		put_remb(leg, f, w, lost);
}

static bool has_feedback(const struct leg *leg, const struct flow *f,
			 uint64_t now_ns)
{
	if (has_audio(leg, f) && leg->audio_repair && leg->audio_repair->in.n)
		return true;
	if (has_vout(leg, f) && leg->tmmbn.ssrc)
		return true;
	return has_vin(leg, f) && video_in_has_feedback(leg->vin, now_ns);
}

static void put_audio_nack(struct leg *leg, struct flow *f, struct wr *w,
			   uint64_t now_ns)
{
	uint16_t seqs[NACK_MAX];
	size_t n = nack_due(&leg->audio_repair->in, now_ns, leg->rtt_ns, seqs,
			    NACK_MAX);

	if (n)
		rtcp_put_nack(w, our_ssrc(leg, f), leg->audio_in.ssrc, seqs,
			      n);
	/* sound does not wait for what is lost for good */
	(void)nack_take_lost(&leg->audio_repair->in);
}

static void put_feedback(struct leg *leg, struct flow *f, struct wr *w,
			 uint64_t now_ns)
{
	if (has_audio(leg, f) && leg->audio_repair)
		put_audio_nack(leg, f, w, now_ns);
	if (has_vout(leg, f) && leg->tmmbn.ssrc) {
		rtcp_put_tmmbn(w, our_ssrc(leg, f), &leg->tmmbn, 1);
		leg->tmmbn.ssrc = 0;
	}
	if (has_vin(leg, f) && leg->vin->is_started)
		video_in_feedback(leg->vin, w, our_ssrc(leg, f), now_ns);
}

static void flow_rtcp_service(struct leg *leg, struct flow *f)
{
	uint64_t now = leg->m->now_ns;
	bool is_due = now >= f->report_ns;
	size_t head;
	struct report_sender none = {.ssrc = our_ssrc(leg, f)};
	uint8_t *slot;
	struct wr w;

	if (!is_due && !has_feedback(leg, f, now))
		return;
	slot = net_reserve(leg->m->net);
	w = wr_of(slot, leg->datagram_max - RTCP_SEAL);
	if (is_due) {
		put_reports(leg, f, &w);
		f->report_ns = now + (REPORT_INTERVAL_MS / 2 +
				      rand_below(REPORT_INTERVAL_MS)) *
				     NS_PER_MS;
	} else {
		/* a compound begins with a report (RFC 3550 6.1) */
		report_put(&w, &leg->m->clock, &none, NULL, 0, SPAN_NONE, now);
	}
	head = wr_len(&w);
	put_feedback(leg, f, &w, now);
	/* nothing was due after all */
	if (!is_due && wr_len(&w) == head)
		return;
	send_compound(f, &w, slot);
}

void leg_rtcp_service(struct leg *leg)
{
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		if (flow_is_open(&leg->flows[i]))
			flow_rtcp_service(leg, &leg->flows[i]);
}
