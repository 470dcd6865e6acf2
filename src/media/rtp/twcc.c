#include "media/rtp/twcc.h"
#include "base/clock.h"
#include "wire/rtp/rtp.h"

enum { DELTA_NS = 250 * 1000, REF_NS = 64 * 1000 * 1000 };

void twcc_in_packet(struct twcc_in *t, uint16_t seq, uint32_t ssrc,
		    uint64_t now_ns)
{
	unsigned i = seq & (TWCC_RING - 1);
	int step;

	if (!t->is_started) {
		t->is_started = true;
		t->next = t->highest = seq;
	}
	step = rtp_seq_diff(seq, t->next);
	if (step < 0 && step > -TWCC_RING)
		return;		/* told already */
	if (step < 0 || step >= TWCC_RING) {
		/* not in the ring: the peer began anew */
		t->next = seq;
		t->highest = seq;
	}
	if (rtp_seq_diff(seq, t->highest) > 0)
		t->highest = seq;
	t->seq[i] = seq;
	t->at_ns[i] = now_ns ? now_ns : 1;
	t->ssrc = ssrc;
}

static uint64_t arrival(const struct twcc_in *t, uint16_t seq)
{
	unsigned i = seq & (TWCC_RING - 1);

	return t->seq[i] == seq ? t->at_ns[i] : 0;
}

bool twcc_in_has_news(const struct twcc_in *t)
{
	return t->is_started && rtp_seq_diff(t->highest, t->next) >= 0 &&
	       arrival(t, t->highest) != 0;
}

/* Statuses from t->next on; returns their number and the reference time. */
static size_t collect(const struct twcc_in *t, struct rtcp_twcc *v, size_t cap,
		      int64_t *ref)
{
	size_t n = 0, used = 0;
	uint64_t last = 0;
	uint16_t seq = t->next;

	for (; n < cap && rtp_seq_diff(t->highest, seq) >= 0; seq++, n++) {
		uint64_t at = arrival(t, seq);
		int64_t d;

		v[n] = (struct rtcp_twcc){.seq = seq};
		if (!at)
			continue;
		if (!last) {
			*ref = (int64_t)(at / REF_NS);
			last = (uint64_t)*ref * REF_NS;
		}
		d = ((int64_t)at - (int64_t)last) / DELTA_NS;
		/* does not fit: the next feedback has a new reference */
		if (d > INT16_MAX || d < INT16_MIN)
			break;
		v[n].received = true;
		v[n].delta_250us = (int16_t)d;
		last = (uint64_t)((int64_t)last + d * DELTA_NS);
		used = n + 1;
	}
	return used;
}

bool twcc_in_put(struct twcc_in *t, struct wr *w, uint32_t our_ssrc)
{
	struct rtcp_twcc v[TWCC_FEEDBACK_PACKETS];
	struct rtcp_twcc_head h = {.ssrc = our_ssrc, .media_ssrc = t->ssrc};
	struct wr before = *w;
	int64_t ref = 0;
	size_t n;

	if (!twcc_in_has_news(t))
		return false;
	n = collect(t, v, TWCC_FEEDBACK_PACKETS, &ref);
	if (n == 0) {
		/* a gap longer than one feedback: step over it */
		t->next = (uint16_t)(t->next + TWCC_FEEDBACK_PACKETS);
		return false;
	}
	h.base_seq = t->next;
	h.fb_count = t->fb_count++;
	h.ref_64ms = (int32_t)(ref & 0x7fffff);
	rtcp_put_twcc(w, &h, v, n);
	t->next = (uint16_t)(t->next + n);
	if (w->failed) {
		*w = before;
		return false;
	}
	return true;
}

uint16_t twcc_out_packet(struct twcc_out *t, size_t bytes, uint64_t now_ns)
{
	uint16_t seq = t->next++;
	unsigned i = seq & (TWCC_RING - 1);

	t->at[i].sent_ns = now_ns;
	t->at[i].seq = seq;
	t->at[i].bytes = (uint16_t)bytes;
	return seq;
}

bool twcc_out_feedback(struct twcc_out *t, const struct rtcp *p,
		       struct twcc_result *out)
{
	struct rtcp_twcc_it it = rtcp_twcc_begin(p);
	struct rtcp_twcc v;
	int64_t clock = 0, first = 0;
	uint64_t first_sent = 0;

	*out = (struct twcc_result){0};
	while (rtcp_twcc_next(&it, &v)) {
		unsigned i = v.seq & (TWCC_RING - 1);

		if (v.received)
			clock += (int64_t)v.delta_250us * DELTA_NS;
		if (t->at[i].seq != v.seq || !t->at[i].sent_ns)
			continue;
		if (!v.received) {
			out->lost++;
			continue;
		}
		if (!out->received++) {
			first = clock;
			first_sent = t->at[i].sent_ns;
		}
		out->bytes += t->at[i].bytes;
		out->span_ns = clock > first ? (uint64_t)(clock - first) : 0;
		out->delay_ns = clock - first -
				(int64_t)(t->at[i].sent_ns - first_sent);
		t->at[i].sent_ns = 0;	/* counts once */
	}
	return out->received + out->lost > 0;
}
