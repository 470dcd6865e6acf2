/* RTCP of the peer, both ways. */
#include <time.h>
#include "peer.h"

enum { SR = 200, RR, SDES, BYE, APP, RTPFB, PSFB, XR };

/* --- in ---------------------------------------------------------------- */

/* NTP format, from the monotonic clock: our own reports use it, too. */
static uint64_t ntp_of(uint64_t ns)
{
	return (ns / SEC) << 32 | (ns % SEC << 32) / SEC;
}

static void block_in(struct peer *p, const uint8_t *b, uint64_t now)
{
	uint32_t lsr = get32(b + 16), dlsr = get32(b + 20);
	double loss = b[4] / 256.;
	uint32_t ssrc = get32(b);
	int32_t rtt;

	if (ssrc != p->audio_tx.ssrc && ssrc != p->video_tx.ssrc &&
	    ssrc != p->rtx_tx.ssrc)
		peer_fault(p, "a report block on an SSRC that is not ours");
	if (loss > p->n.loss_max)
		p->n.loss_max = loss;
	if (!lsr)
		return;
	rtt = (int32_t)((uint32_t)(ntp_of(peer_clock(p, now)) >> 16) - lsr -
			dlsr);
	/* rounding may make it a little less than none */
	if (rtt < -65536 / 1000 || rtt > 10 * 65536) {
		peer_fault(p, "LSR and DLSR make no round trip");
		return;
	}
	p->n.rtt_ms = rtt > 0 ? rtt * 1000. / 65536 : 0;
	p->n.rtt_samples++;
	p->video_in.rtt_ns = (uint64_t)(p->n.rtt_ms * 1e6);
}

static void report_in(struct peer *p, const uint8_t *b, size_t n, uint64_t now)
{
	size_t at = b[1] == SR ? 28 : 8;
	const char *wrong = NULL;

	if (n < at + 24u * (b[0] & 31)) {
		peer_fault(p, "report too short");
		return;
	}
	if (b[1] == SR && get32(b + 4) == p->answer.audio_ssrc)
		wrong = rtp_source_sr(&p->audio_rx, b, now);
	if (b[1] == SR && get32(b + 4) == p->answer.video_ssrc)
		wrong = rtp_source_sr(&p->video_rx, b, now);
	if (wrong)
		peer_fault(p, "%s", wrong);
	for (int i = 0; i < (b[0] & 31); i++)
		block_in(p, b + at + 24 * i, now);
	p->n.rr_in += (b[0] & 31) != 0;
}

/* Answered once per 10 ms and number. */
static void repeat(struct peer *p, uint16_t seq, uint64_t now)
{
	struct sent *h = &p->history[seq % VIDEO_HISTORY];
	uint8_t payload[VIDEO_PAYLOAD + 18];
	struct rtp r = h->head;

	p->n.nacked_packets++;
	if (!p->o.is_repaired || !h->is_used || h->seq != seq ||
	    now - h->repeated_ns < 10 * MS)
		return;
	h->repeated_ns = now;
	p->n.rtx_out++;
	if (!p->answer.rtx_pt) {
		struct out_stream same = p->video_tx;

		peer_send_rtp(p, &same, &r, h->payload, h->n);
		return;
	}
	r.pt = (uint8_t)p->answer.rtx_pt;
	r.seq = ++p->rtx_tx.seq;
	memcpy(put16(payload, seq), h->payload, h->n);
	peer_send_rtp(p, &p->rtx_tx, &r, payload, h->n + 2);
}

static void nack_in(struct peer *p, const uint8_t *b, size_t n, uint64_t now)
{
	p->n.nacks_in++;
	if (!p->answer.nack)
		peer_fault(p, "a NACK that was not agreed on");
	if (get32(b + 8) != p->video_tx.ssrc) {
		peer_fault(p, "a NACK for something else than our picture");
		return;
	}
	for (size_t at = 12; at + 4 <= n; at += 4) {
		uint16_t seq = (uint16_t)get16(b + at);
		uint32_t mask = get16(b + at + 2);

		repeat(p, seq, now);
		for (unsigned i = 0; i < 16; i++)
			if (mask >> i & 1)
				repeat(p, (uint16_t)(seq + 1 + i), now);
	}
}

static void remb_in(struct peer *p, const uint8_t *b, size_t n)
{
	uint64_t kbps;

	if (n < 20 || memcmp(b + 12, "REMB", 4) != 0)
		return;
	kbps = ((uint64_t)(get24(b + 17) & 0x3ffff) << (b[17] >> 2)) / 1000;
	p->n.remb_in++;
	p->n.remb_kbps = kbps;
	if (p->o.sends_video && kbps >= 30)
		video_out_rate(&p->video_out, kbps < p->o.kbps
						      ? (unsigned)kbps
						      : p->o.kbps);
}

static void feedback_in(struct peer *p, const uint8_t *b, size_t n,
			uint64_t now)
{
	unsigned fmt = b[0] & 31;

	if (n < 12) {
		peer_fault(p, "feedback too short");
	} else if (b[1] == RTPFB && fmt == 1) {
		nack_in(p, b, n, now);
	} else if (b[1] == RTPFB && fmt == 15) {
		p->n.twcc_in++;
		if (!p->answer.twcc)
			peer_fault(p, "transport-cc that was not agreed on");
	} else if (b[1] == PSFB && fmt == 1) {
		p->n.plis_in++;
		if (!p->answer.pli)
			peer_fault(p, "a PLI that was not agreed on");
		p->video_out.wants_key = p->o.wants_pli;
	} else if (b[1] == PSFB && fmt == 4) {
		p->n.firs_in++;
		p->video_out.wants_key = p->o.wants_pli;
	} else if (b[1] == PSFB && fmt == 15) {
		remb_in(p, b, n);
	} else {
		p->n.unknown_rtcp++;
	}
}

void rtcp_in(struct peer *p, const uint8_t *b, size_t n, uint64_t now)
{
	p->n.rtcp_in++;
	for (size_t at = 0; at < n;) {
		const uint8_t *one = b + at;
		size_t len = at + 4 <= n ? 4 * (get16(one + 2) + 1) : 0;

		if (!len || at + len > n || one[0] >> 6 != 2 || len < 8) {
			peer_fault(p, "an RTCP compound that does not add up");
			return;
		}
		if (one[1] == SR || one[1] == RR)
			report_in(p, one, len, now);
		else if (one[1] == RTPFB || one[1] == PSFB)
			feedback_in(p, one, len, now);
		else if (one[1] == BYE)
			p->n.bye_in++;
		else if (one[1] != SDES && one[1] != XR)
			p->n.unknown_rtcp++;
		at += len;
	}
}

/* --- out --------------------------------------------------------------- */

static uint8_t *head(uint8_t *b, unsigned count, unsigned type, uint8_t *end)
{
	put16(put8(put8(b, 0x80 | count), type), (uint32_t)(end - b) / 4 - 1);
	return end;
}

static uint8_t *sender(const struct peer *p, const struct out_stream *s,
		       uint8_t *b, uint64_t now)
{
	uint64_t clock = peer_clock(p, now), ntp = ntp_of(clock);
	double since = (double)(clock - p->start_ns) / 1e9;
	uint32_t ts = s->ts0 + (uint32_t)(int64_t)(since * s->hz);

	b = put32(b + 4, s->ssrc);
	b = put32(put32(b, (uint32_t)(ntp >> 32)), (uint32_t)ntp);
	b = put32(b, ts);
	return put32(put32(b, (uint32_t)s->packets), (uint32_t)s->bytes);
}

static uint8_t *sdes(const struct peer *p, uint32_t ssrc, uint8_t *b)
{
	size_t n = strlen(p->cname);
	uint8_t *e = put32(b + 4, ssrc);

	e = put8(put8(e, 1), (uint32_t)n);
	memcpy(e, p->cname, n);
	e += n;
	do
		*e++ = 0;
	while ((e - b) & 3);
	return head(b, 1, SDES, e);
}

/* Who reports: sound, where there is some. */
static const struct out_stream *reporter(const struct peer *p)
{
	return p->o.has_audio ? &p->audio_tx : &p->video_tx;
}

static uint8_t *reports(struct peer *p, uint8_t *b, uint64_t now)
{
	uint8_t *e = sender(p, reporter(p), b, now);
	unsigned n = 0;

	if (p->audio_rx.is_started && ++n)
		e = rtp_source_block(&p->audio_rx, e, now);
	if (p->video_rx.is_started && ++n)
		e = rtp_source_block(&p->video_rx, e, now);
	b = sdes(p, reporter(p)->ssrc, head(b, n, SR, e));
	if (p->video_tx.packets && p->o.has_audio)
		b = head(b, 0, SR, sender(p, &p->video_tx, b, now));
	return b;
}

static uint8_t *nack(struct peer *p, uint8_t *b, uint64_t now)
{
	uint16_t seq[VIDEO_NACK_MAX];
	unsigned n = video_in_nacks(&p->video_in, seq, now);
	uint8_t *e = put32(put32(b + 4, reporter(p)->ssrc),
			   p->answer.video_ssrc);

	if (!n)
		return b;
	for (unsigned i = 0; i < n; i++)
		e = put32(e, (uint32_t)seq[i] << 16);
	return head(b, 1, RTPFB, e);
}

static uint8_t *pli(struct peer *p, uint8_t *b)
{
	struct video_in *v = &p->video_in;
	bool has_pli = p->answer.pli || !p->answer.fir;
	uint8_t *e = put32(put32(b + 4, reporter(p)->ssrc),
			   has_pli ? p->answer.video_ssrc : 0);

	if (!v->wants_pli || !p->o.wants_pli)
		return b;
	v->wants_pli = false;
	v->plis++;
	if (!has_pli)
		e = put32(put32(e, p->answer.video_ssrc),
			  (uint32_t)p->fir_seq++ << 24);
	return head(b, has_pli ? 1 : 4, PSFB, e);
}

static uint8_t *remb(struct peer *p, uint8_t *b)
{
	uint8_t *e = put32(put32(b + 4, reporter(p)->ssrc), 0);

	/* 3 Mb/s: 187500 * 2^4 */
	memcpy(e, "REMB", 4);
	e = put32(e + 4, 1u << 24 | 4u << 18 | 187500);
	return head(b, 15, PSFB, put32(e, p->answer.video_ssrc));
}

static void flush(struct peer *p, uint8_t *b, uint8_t *end)
{
	size_t n = (size_t)(end - b);

	if (!n)
		return;
	if (secure_seal(p->secure, b, &n, true))
		peer_send(p, b, n);
	else
		p->n.srtp_failures++;
}

void rtcp_out(struct peer *p, uint64_t now)
{
	uint8_t b[1200 + SECURE_GROWS], *e = b;
	bool has_video = p->video_rx.is_started;
	size_t n = 0;

	if (now >= p->report_due) {
		e = reports(p, e, now);
		if (has_video && p->answer.remb && !p->answer.ext_twcc)
			e = remb(p, e);
		p->report_due = now + 1000 * MS;
	}
	if (has_video)
		e = pli(p, nack(p, e, now));
	flush(p, b, e);
	if (p->answer.ext_twcc && now >= p->fast_due) {
		n = twcc_write(&p->twcc, b, reporter(p)->ssrc,
			       p->answer.video_ssrc);
		p->fast_due = now + 50 * MS;
	}
	flush(p, b, b + n);
}
