#include "media/video/out.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rand.h"
#include "wire/h264/h264.h"
#include "wire/rtp/rtp.h"
#include "wire/vp8/vp8.h"

enum {
	EXT_TWCC_LEN = 8,		/* one-byte form with one element */
	TWCC_AT = RTP_HEADER_LEN + 4 + 1,
	FILLER_PAD = 32,
	REPEAT_WINDOW_MS = 500,
	REPEAT_BYTES_MIN = 20000,	/* per window, whatever the estimate */
};

/* --- cutting ----------------------------------------------------------- */

struct cutter {
	bool is_vp8;
	struct vp8_pack vp8;
	struct h264_pack h264;
};

static int cutter_next(struct cutter *k, uint8_t *p, size_t cap,
		       struct span *out)
{
	bool last;

	return k->is_vp8 ? vp8_pack_next(&k->vp8, p, cap, out, &last)
			 : h264_pack_next(&k->h264, p, cap, out, &last);
}

int cut_picture(struct cut *c, struct media *m, enum frame_codec codec,
		unsigned mode, size_t max, struct span picture)
{
	struct cutter k = {.is_vp8 = codec == FRAME_VP8};
	size_t at = 0;
	int r;

	c->n = c->bytes = 0;
	r = k.is_vp8 ? vp8_pack_init(&k.vp8, picture, max, -1)
		     : h264_pack_init(&k.h264, picture, mode, max);
	while (r == 0) {
		struct span s;

		r = cutter_next(&k, m->packets + at, sizeof(m->packets) - at,
				&s);
		if (r <= 0)
			break;
		if (c->n == CUT_MAX)
			return E_LIMIT;
		c->payload[c->n++] = s;
		c->bytes += s.n;
		at += s.n;
		r = 0;
	}
	if (r == 0 && c->n == 0)
		r = E_FORMAT;
	return r;
}

/* --- life -------------------------------------------------------------- */

static void on_paced(struct timer *t, void *arg, uint64_t now_ns);

int video_out_new(struct video_out **out, struct leg *leg)
{
	struct video_out *v = mem_zalloc(sizeof(*v));
	int r;

	if (!v)
		return E_NOMEM;
	r = history_new(&v->history, leg->video_seq);
	if (r < 0) {
		mem_free(v);
		return r;
	}
	v->leg = leg;
	v->codec = leg->nego.video.codec == CV__CODEC_NAME__CODEC_VP8
		   ? FRAME_VP8 : FRAME_H264;
	v->ts_base = rand_u32();
	v->rtx_seq = leg->video_rtx_seq;
	v->needs_key = true;
	v->sender = (struct report_sender){.ssrc = leg->video_ssrc,
					   .clock_hz = 90000};
	v->rtx_sender = (struct report_sender){.ssrc = leg->video_rtx_ssrc,
					       .clock_hz = 90000};
	bwe_init(&v->bwe, leg->kbps_out, leg->m->now_ns);
	v->pacer.last_ns = leg->m->now_ns;
	timer_init(&v->paced, on_paced, v);
	*out = v;
	return 0;
}

void video_out_free(struct video_out **vp)
{
	struct video_out *v = *vp;

	if (!v)
		return;
	timer_cancel(&v->paced);
	/* the numbers of an SSRC go on, whatever becomes of its stream */
	v->leg->video_seq = history_next_seq(v->history);
	v->leg->video_rtx_seq = v->rtx_seq;
	history_free(&v->history);
	mem_free(v);
	*vp = NULL;
}

void video_out_switch(struct video_out *v)
{
	v->needs_key = true;
}

/* --- packets ----------------------------------------------------------- */

static size_t header_len(const struct video_out *v)
{
	return RTP_HEADER_LEN + (v->leg->nego.video.ext_twcc ? EXT_TWCC_LEN
							     : 0);
}

/* The header, with a place for the transport-wide number. */
static size_t put_header(const struct video_out *v, uint8_t *p, size_t cap,
			 const struct rtp *h)
{
	struct rtp full = *h;
	uint8_t ext[4] = {(uint8_t)(v->leg->nego.video.ext_twcc << 4 | 1)};
	struct span s;

	full.ssrc = v->leg->video_ssrc;
	full.pt = v->leg->nego.video.pt;
	if (v->leg->nego.video.ext_twcc) {
		full.has_ext = true;
		full.ext_profile = RTP_EXT_ONE_BYTE;
		full.ext = span_of(ext, sizeof(ext));
	}
	return rtp_encode_header(&full, p, cap, &s) == 0 ? s.n : 0;
}

static void stamp_transport(struct video_out *v, uint8_t *p, size_t n,
			    uint64_t now_ns)
{
	uint16_t seq;

	if (!v->leg->nego.video.ext_twcc)
		return;
	seq = twcc_out_packet(&v->twcc, n, now_ns);
	p[TWCC_AT] = (uint8_t)(seq >> 8);
	p[TWCC_AT + 1] = (uint8_t)seq;
}

/* Seals a copy (with RTX) or the stored packet itself (without), and sends. */
static void send_one(struct video_out *v, struct history_packet *hp,
		     uint64_t now_ns)
{
	struct leg *leg = v->leg;
	uint8_t *slot = net_reserve(leg->m->net);
	size_t n = hp->n;
	bool is_copy = leg->nego.video.has_rtx;
	uint8_t *p = is_copy ? slot : hp->p;

	if (is_copy)
		memcpy(slot, hp->p, n);
	stamp_transport(v, p, n, now_ns);
	if (flow_seal(leg->video_flow, p, &n, hp->n + HISTORY_TAIL,
		      false) < 0) {
		history_sent(v->history, hp->n, false, now_ns);
		return;
	}
	if (!is_copy)
		memcpy(slot, hp->p, n);
	flow_send(leg->video_flow, n, false);
	report_sender_note(&v->sender, v->last_ts, hp->n - header_len(v),
			   v->sender.last_ns ? v->sender.last_ns : now_ns);
	bwe_sent(&v->bwe, n, now_ns);
	pacer_sent(&v->pacer, n);
	history_sent(v->history, is_copy ? hp->n : n, !is_copy, now_ns);
	v->sent_ns = now_ns;
}

static void pump(struct video_out *v, uint64_t now_ns)
{
	struct history_packet hp;

	if (!flow_is_open(v->leg->video_flow))
		return;
	pacer_fill(&v->pacer, bwe_kbps(&v->bwe, now_ns), now_ns);
	while (pacer_may_send(&v->pacer) && history_next(v->history, &hp))
		send_one(v, &hp, now_ns);
	if (history_next(v->history, &hp))
		timer_set(v->leg->m->wheel, &v->paced,
			  now_ns + PACER_STEP_MS * NS_PER_MS);
}

static void on_paced(struct timer *t, void *arg, uint64_t now_ns)
{
	(void)t;
	pump(arg, now_ns);
}

static bool link_is_behind(const struct video_out *v, const struct cut *c,
			   uint64_t now_ns)
{
	size_t waiting;

	(void)history_waiting(v->history, &waiting);
	return !history_has_room(v->history, c->n,
				 c->bytes + c->n * (header_len(v) + 1)) ||
	       (waiting && pacer_is_late(bwe_kbps(&v->bwe, now_ns), waiting));
}

static void put_payload(struct video_out *v, struct span payload, bool last)
{
	struct rtp h = {.marker = last, .ts = v->last_ts};
	size_t n = header_len(v) + payload.n;
	uint8_t *p = history_put(v->history, n, &h.seq);

	if (!p || put_header(v, p, n, &h) == 0)
		return;		/* room was asked for before */
	memcpy(p + header_len(v), payload.p, payload.n);
	history_put_end(v->history, n);
}

/* video's word about time is taken only when it can be true. */
static void stamp_picture(struct video_out *v, uint64_t mono_ns,
			  uint64_t now_ns)
{
	if (mono_ns > now_ns || now_ns - mono_ns > NS_PER_S)
		mono_ns = now_ns;
	if (mono_ns <= v->sender.last_ns)
		mono_ns = v->sender.last_ns + NS_PER_MS;
	v->last_ts = v->ts_base + (uint32_t)(mono_ns / 1000 * 9 / 100);
	v->sender.last_ts = v->last_ts;
	v->sender.last_ns = mono_ns;
}

static void skip(struct video_out *v)
{
	struct group *g = room_group(v->leg->room, v->leg->group);

	v->skipped++;
	v->needs_key = true;
	if (g)
		group_want_key(v->leg->room, g);
}

void video_out_picture(struct video_out *v, const struct frame *f,
		       const struct cut *c, uint64_t now_ns)
{
	bool is_key = f->flags & FRAME_F_KEY;

	if (!flow_is_open(v->leg->video_flow) || f->codec != v->codec)
		return;
	if (v->needs_key && !is_key) {
		struct group *g = room_group(v->leg->room, v->leg->group);

		if (g)
			group_want_key(v->leg->room, g);
		return;
	}
	if (link_is_behind(v, c, now_ns)) {
		skip(v);
		return;
	}
	v->needs_key = false;
	stamp_picture(v, f->mono_ns, now_ns);
	for (size_t i = 0; i < c->n; i++)
		put_payload(v, c->payload[i], i + 1 == c->n);
	v->is_started = true;
	v->pictures++;
	pump(v, now_ns);
}

void video_out_filler(struct video_out *v, uint64_t now_ns)
{
	struct rtp h = {.ts = v->last_ts, .padding = true};
	size_t n = header_len(v) + FILLER_PAD;
	struct history_packet hp;
	uint8_t *p;

	if (!v->is_started || !flow_is_open(v->leg->video_flow) ||
	    now_ns - v->sent_ns < MEDIA_FILLER_MS * NS_PER_MS ||
	    history_next(v->history, &hp))
		return;
	p = history_put(v->history, n, &h.seq);
	if (!p || put_header(v, p, n, &h) == 0)
		return;
	memset(p + header_len(v), 0, FILLER_PAD);
	p[0] |= 0x20;
	p[n - 1] = FILLER_PAD;
	history_put_end(v->history, n);
	v->fillers++;
	pump(v, now_ns);
}

/* --- repair ------------------------------------------------------------ */

static bool repeat_is_paid(struct video_out *v, size_t n, uint64_t now_ns)
{
	size_t most = bwe_kbps(&v->bwe, now_ns) * REPEAT_WINDOW_MS / 8 / 2 +
		      REPEAT_BYTES_MIN;

	if (now_ns - v->repeat_ns >= REPEAT_WINDOW_MS * NS_PER_MS) {
		v->repeat_ns = now_ns;
		v->repeat_bytes = 0;
	}
	if (v->repeat_bytes + n > most)
		return false;
	v->repeat_bytes += n;
	return true;
}

static void send_rtx(struct video_out *v, const struct history_packet *hp,
		     uint64_t now_ns)
{
	struct leg *leg = v->leg;
	uint8_t *slot = net_reserve(leg->m->net);
	struct rtp orig;
	struct span s;
	size_t n;

	/* a filler is repaired by an empty packet under its number */
	if (rtp_decode(&orig, span_of(hp->p, hp->n)) < 0)
		return;
	orig.padding = false;
	orig.pad_n = 0;
	if (rtp_rtx_encode(&orig, leg->video_rtx_ssrc, leg->nego.video.rtx_pt,
			   v->rtx_seq, slot, NET_PACKET_MAX, &s) < 0)
		return;
	v->rtx_seq++;
	n = s.n;
	stamp_transport(v, slot, n, now_ns);
	if (flow_seal(leg->video_flow, slot, &n, NET_PACKET_MAX, false) < 0)
		return;
	flow_send(leg->video_flow, n, false);
	report_sender_note(&v->rtx_sender, orig.ts, hp->n, now_ns);
	bwe_sent(&v->bwe, n, now_ns);
	pacer_sent(&v->pacer, n);
}

void video_out_repeat(struct video_out *v, uint16_t seq, uint64_t now_ns)
{
	struct leg *leg = v->leg;
	struct history_packet hp;

	if (!flow_is_open(leg->video_flow) ||
	    history_find(v->history, seq, now_ns, &hp) < 0)
		return;
	if (!repeat_is_paid(v, hp.n, now_ns)) {
		v->repeats_refused++;
		return;
	}
	v->repeats++;
	if (leg->nego.video.has_rtx) {
		/* sealed before the offer changed: gone */
		if (!hp.is_sealed)
			send_rtx(v, &hp, now_ns);
		return;
	}
	/* never sealed twice: only what was sealed at its first sending */
	if (!hp.is_sealed)
		return;
	memcpy(net_reserve(leg->m->net), hp.p, hp.n);
	flow_send(leg->video_flow, hp.n, false);
}

void video_out_wants_key(struct video_out *v, uint64_t now_ns)
{
	struct group *g = room_group(v->leg->room, v->leg->group);

	keystorm_note(&v->storm, now_ns);
	if (g)
		group_want_key(v->leg->room, g);
}
