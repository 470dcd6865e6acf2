/* The RTCP of one leg: what its reports and wishes mean to us, and ours. */
#include "media/media.h"
#include "base/clock.h"
#include "base/rand.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum {
	/* 31 bits of number, encrypted or not, and the tag (RFC 7714 9) */
	RTCP_SEAL = 4 + 16,
	TMMBR_ASKS_MAX = 4,		/* without an answer */
	TMMBR_OVERHEAD = 20 + 8 + 12,	/* IPv4, UDP, RTP */
	NACKS_MAX = 256,		/* numbers answered from one compound */
};

/* --- in ---------------------------------------------------------------- */

/* Which of our pictures this is, NULL = none. */
static struct video_out *out_of(const struct leg *leg, uint32_t ssrc)
{
	if (leg->vout && ssrc == leg->video_ssrc)
		return leg->vout;
	return leg->sout && ssrc == leg->slides_ssrc ? leg->sout : NULL;
}

static void take_block(struct leg *leg, const struct rtcp_block *b)
{
	uint64_t now = leg->m->now_ns;
	uint64_t rtt = report_rtt_ns(&leg->m->clock, b, now);

	if (rtt)
		leg->rtt_ns = leg->rtt_ns ? (leg->rtt_ns * 7 + rtt) / 8 : rtt;
	if (b->ssrc == leg->audio_out.ssrc && leg->audio)
		(void)audio_leg_loss_report(leg->audio,
					    b->fraction_lost * 100u / 256);
	if (out_of(leg, b->ssrc))
		bwe_loss(&leg->link->bwe, b->fraction_lost, now);
}

static void take_sr_of(struct video_in *v, const struct rtcp *p,
		       uint64_t now_ns)
{
	if (v && p->ssrc == v->rx.ssrc)
		rtp_receive_sr(&v->rx, p->ntp, now_ns);
	if (v && p->ssrc == v->rtx.ssrc)
		rtp_receive_sr(&v->rtx, p->ntp, now_ns);
}

/* Dated anew, not with the turn's time: that is before this one arrived by what
 * the turn lasted, and DLSR would count it to the network's account. */
static void take_sr(struct leg *leg, const struct rtcp *p)
{
	uint64_t now = clock_mono_ns();

	if (p->ssrc == leg->audio_in.ssrc)
		rtp_receive_sr(&leg->audio_in, p->ntp, now);
	take_sr_of(leg->vin, p, now);
	take_sr_of(leg->sin, p, now);
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
	struct video_out *v = out_of(leg, p->media_ssrc);
	bool is_audio = leg->audio_repair &&
			p->media_ssrc == leg->audio_out.ssrc;
	struct rtcp_nack n;

	while ((v || is_audio) && rtcp_nack_next(&p->items, &n))
		for (unsigned i = 0; i <= 16 && *budget; i++) {
			uint16_t seq = (uint16_t)(n.seq + i);

			if (i && !(n.mask >> (i - 1) & 1))
				continue;
			(*budget)--;
			if (v)
				video_out_repeat(v, seq, leg->m->now_ns);
			else
				repeat_audio(leg, seq);
		}
}

static void take_fir(struct leg *leg, struct rtcp *p)
{
	bool has_main = false, has_slides = false;
	struct rtcp_fir f;

	while (rtcp_fir_next(&p->items, &f)) {
		has_main |= f.ssrc == leg->video_ssrc;
		has_slides |= f.ssrc == leg->slides_ssrc;
	}
	if (has_main && leg->vout)
		video_out_wants_key(leg->vout, leg->m->now_ns);
	if (has_slides && leg->sout)
		video_out_wants_key(leg->sout, leg->m->now_ns);
}

static void take_twcc(struct leg *leg, const struct rtcp *p)
{
	struct twcc_result r;

	if (leg->link && twcc_out_feedback(&leg->link->out, p, &r))
		bwe_twcc(&leg->link->bwe, &r, leg->m->now_ns);
}

/* The peer's own cap (RFC 5104 4.2.1); it is told what binds now. */
static void take_tmmbr(struct leg *leg, struct rtcp *p)
{
	struct rtcp_tmmb t;
	uint32_t kbps;

	while (rtcp_tmmb_next(&p->items, &t))
		if (leg->vout && t.ssrc == leg->video_ssrc) {
			tmmb_take(&leg->tmmbr, p->ssrc, &t);
			leg->owes_tmmbn = true;
		}
	if (!leg->owes_tmmbn)
		return;
	kbps = tmmb_kbps(&leg->tmmbr, leg->payload_max);
	if (kbps < BWE_MIN_KBPS)
		kbps = BWE_MIN_KBPS;
	leg->link->bwe.cap_kbps = kbps < leg->kbps_out ? kbps : leg->kbps_out;
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
		if (out_of(leg, p->media_ssrc))
			video_out_wants_key(out_of(leg, p->media_ssrc),
					    leg->m->now_ns);
		break;
	case RTCP_FIR:
		take_fir(leg, p);
		break;
	case RTCP_TMMBR:
		take_tmmbr(leg, p);
		break;
	case RTCP_TMMBN:
		/* ours binds, or somebody wants less: either will do */
		leg->tmmbr_out.is_answered = true;
		break;
	case RTCP_REMB:
		if (leg->link)
			bwe_remb(&leg->link->bwe, p->bps, leg->m->now_ns);
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

static bool has_sin(const struct leg *leg, const struct flow *f)
{
	return leg->sin && f == leg->slides_flow;
}

static bool has_sout(const struct leg *leg, const struct flow *f)
{
	return leg->sout && f == leg->slides_flow;
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
	if (has_audio(leg, f))
		return leg->audio_out.ssrc;
	if (f == leg->fecc_flow)
		return leg->fecc.ssrc;
	return f == leg->video_flow ? leg->video_ssrc : leg->slides_ssrc;
}

/* What the camera may send; less when nobody sees him, and what presentation
 * leaves while he presents. */
static uint32_t camera_kbps(struct leg *leg, uint8_t fraction)
{
	struct video_in *v = leg->vin;
	uint32_t cap = v->assemble ? leg->kbps_in : MEDIA_KBPS_UNSEEN;

	if (v->assemble && leg->sin && leg->sin->assemble)
		cap = cap * (100 - MEDIA_SLIDES_PERCENT) / 100;
	if (v->assemble && v->kbps < MEDIA_KBPS_UNSEEN * 2)
		v->kbps = cap;
	v->kbps = bwe_uplink_kbps(v->kbps, cap, fraction);
	return v->kbps;
}

/* And what he presents: no more than its receivers carry. */
static uint32_t screen_kbps(struct leg *leg, uint8_t fraction)
{
	struct video_in *v = leg->sin;
	uint32_t cap = leg->kbps_in * MEDIA_SLIDES_PERCENT / 100;

	if (!v->assemble)
		cap = MEDIA_KBPS_UNSEEN;
	else if (leg->room->slides.kbps && leg->room->slides.kbps < cap)
		cap = leg->room->slides.kbps;
	if (v->assemble && v->kbps < MEDIA_KBPS_UNSEEN * 2)
		v->kbps = cap;
	v->kbps = bwe_uplink_kbps(v->kbps, cap, fraction);
	return v->kbps;
}

/* One sum for all that comes by this flow. */
static void put_remb(struct leg *leg, struct flow *f, struct wr *w,
		     const uint8_t lost[2])
{
	uint32_t ssrcs[2], kbps = 0;
	size_t n = 0;

	if (has_vin(leg, f) && leg->vin->is_started) {
		kbps += camera_kbps(leg, lost[0]);
		if (leg->nego.video.feedback & CV__FEEDBACK__FB_REMB)
			ssrcs[n++] = leg->vin->rx.ssrc;
	}
	if (has_sin(leg, f) && leg->sin->is_started) {
		kbps += screen_kbps(leg, lost[1]);
		if (leg->nego.slides.feedback & CV__FEEDBACK__FB_REMB)
			ssrcs[n++] = leg->sin->rx.ssrc;
	}
	if (n)
		rtcp_put_remb(w, our_ssrc(leg, f), (uint64_t)kbps * 1000,
			      ssrcs, n);
}

/* A device without REMB is asked by TMMBR when our cap for its camera changes by
 * a tenth, until it answers; some that said they know it never do. */
static void put_tmmbr(struct leg *leg, struct flow *f, struct wr *w)
{
	const struct nego_stream *st = &leg->nego.video;
	const uint32_t was = leg->tmmbr_out.kbps;
	struct rtcp_tmmb t = {.overhead = TMMBR_OVERHEAD};
	uint32_t now;

	if (!has_vin(leg, f) || !leg->vin->is_started || !st->has_tmmbr ||
	    (st->feedback & CV__FEEDBACK__FB_REMB))
		return;
	now = leg->vin->kbps;
	if (now * 10 > was * 11 || now * 11 < was * 10) {
		leg->tmmbr_out.kbps = now;
		leg->tmmbr_out.asks = 0;
		leg->tmmbr_out.is_answered = false;
	}
	if (leg->tmmbr_out.is_answered ||
	    leg->tmmbr_out.asks == TMMBR_ASKS_MAX)
		return;
	leg->tmmbr_out.asks++;
	t.ssrc = leg->vin->rx.ssrc;
	t.bps = tmmb_total_bps(leg->tmmbr_out.kbps, TMMBR_OVERHEAD,
			       MEDIA_MTU_PAYLOAD);
	rtcp_put_tmmbr(w, our_ssrc(leg, f), &t, 1);
}

/* The report blocks of one incoming picture. */
static uint8_t put_blocks(struct video_in *v, struct rtcp_block *b, size_t *n,
			  uint64_t now_ns)
{
	uint8_t lost;

	if (!v->is_started)
		return 0;
	rtp_receive_block(&v->rx, now_ns, &b[*n]);
	lost = b[(*n)++].fraction_lost;
	if (v->rtx.is_started)
		rtp_receive_block(&v->rtx, now_ns, &b[(*n)++]);
	return lost;
}

/* Every stream we send has an SR, the first carries all report blocks. */
static void put_reports(struct leg *leg, struct flow *f, struct wr *w)
{
	struct rtcp_block b[REPORT_RECEIVERS_MAX];
	struct report_sender none = {.ssrc = our_ssrc(leg, f)};
	const struct report_clock *c = &leg->m->clock;
	struct span cname = span_str(leg->cname);
	uint64_t now = leg->m->now_ns;
	uint8_t lost[2] = {0, 0};
	size_t n = 0;

	if (has_audio(leg, f) && leg->audio_in.is_started)
		rtp_receive_block(&leg->audio_in, now, &b[n++]);
	if (has_vin(leg, f))
		lost[0] = put_blocks(leg->vin, b, &n, now);
	if (has_sin(leg, f))
		lost[1] = put_blocks(leg->sin, b, &n, now);
	report_put(w, c, has_audio(leg, f) ? &leg->audio_out : &none, b, n,
		   cname, now);
	if (has_vout(leg, f) && leg->vout->sender.packets)
		report_put(w, c, &leg->vout->sender, NULL, 0, cname, now);
	if (has_sout(leg, f) && leg->sout->sender.packets)
		report_put(w, c, &leg->sout->sender, NULL, 0, cname, now);
	put_remb(leg, f, w, lost);
	put_tmmbr(leg, f, w);
}

static bool has_feedback(const struct leg *leg, const struct flow *f,
			 uint64_t now_ns)
{
	if (has_audio(leg, f) && leg->audio_repair && leg->audio_repair->in.n)
		return true;
	if (has_vout(leg, f) && leg->owes_tmmbn)
		return true;
	return (has_vin(leg, f) && video_in_has_feedback(leg->vin, now_ns)) ||
	       (has_sin(leg, f) && video_in_has_feedback(leg->sin, now_ns));
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
	if (has_vout(leg, f) && leg->owes_tmmbn) {
		struct rtcp_tmmb bound[TMMB_MAX];
		const size_t n = tmmb_bound(&leg->tmmbr, bound);

		rtcp_put_tmmbn(w, leg->video_ssrc, bound, n);
		leg->owes_tmmbn = false;
	}
	if (has_vin(leg, f) && leg->vin->is_started)
		video_in_feedback(leg->vin, w, our_ssrc(leg, f), now_ns);
	if (has_sin(leg, f) && leg->sin->is_started)
		video_in_feedback(leg->sin, w, our_ssrc(leg, f), now_ns);
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
