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
	SLIDES_BACKLOG_MS = 3000,
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

int video_out_give(struct video_out *v, const struct frame *f, struct cut *c)
{
	const unsigned mode = f->codec == FRAME_H264 ? v->way.mode : 0;
	const size_t max = v->leg->payload_max;

	if (c->mode != mode || c->max != max) {
		if (cut_picture(c, v->leg->m, f->codec, mode, max,
				f->data) < 0)
			c->n = 0;
		c->mode = mode;
		c->max = max;
	}
	if (!c->n)
		return E_FORMAT;
	video_out_picture(v, f, c, v->leg->m->now_ns);
	return 0;
}

/* --- life -------------------------------------------------------------- */

static void on_paced(struct timer *t, void *arg, uint64_t now_ns);

static Cv__CodecName name_of(enum frame_codec codec)
{
	return codec == FRAME_VP8 ? CV__CODEC_NAME__CODEC_VP8
				  : CV__CODEC_NAME__CODEC_H264;
}

static uint32_t out_kbps(const struct video_out *v, uint64_t now_ns)
{
	return v->is_slides ? leg_slides_kbps(v->leg, now_ns)
			    : leg_main_kbps(v->leg, now_ns);
}

int video_out_new(struct video_out **out, struct leg *leg, bool is_slides)
{
	struct video_out *v = mem_zalloc(sizeof(*v));
	int r;

	if (!v)
		return E_NOMEM;
	r = history_new(&v->history, is_slides ? leg->slides_seq
					       : leg->video_seq);
	if (r < 0) {
		mem_free(v);
		return r;
	}
	v->leg = leg;
	v->is_slides = is_slides;
	v->st = is_slides ? &leg->nego.slides : &leg->nego.video;
	v->flow = is_slides ? leg->slides_flow : leg->video_flow;
	v->way = nego_way_of(v->st, v->st->codec);
	v->ts_base = rand_u32();
	v->rtx_seq = is_slides ? leg->slides_rtx_seq : leg->video_rtx_seq;
	v->needs_key = true;
	v->sender = (struct report_sender){
		.ssrc = is_slides ? leg->slides_ssrc : leg->video_ssrc,
		.clock_hz = 90000};
	v->rtx_sender = (struct report_sender){
		.ssrc = is_slides ? leg->slides_rtx_ssrc
				  : leg->video_rtx_ssrc,
		.clock_hz = 90000};
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
	*(v->is_slides ? &v->leg->slides_seq : &v->leg->video_seq) =
		history_next_seq(v->history);
	*(v->is_slides ? &v->leg->slides_rtx_seq : &v->leg->video_rtx_seq) =
		v->rtx_seq;
	history_free(&v->history);
	mem_free(v);
	*vp = NULL;
}

void video_out_switch(struct video_out *v)
{
	v->needs_key = true;
}

bool video_out_take_codec(struct video_out *v, enum frame_codec codec)
{
	const struct nego_way way = nego_way_of(v->st, name_of(codec));

	if (way.codec == CV__CODEC_NAME__CODEC_NONE)
		return false;
	if (way.codec != v->way.codec) {
		v->way = way;
		v->needs_key = true;
	}
	return true;
}

/* A keyframe of whatever it is sent. */
static void want_key(struct video_out *v)
{
	struct group *g = room_group(v->leg->room, v->leg->group);

	if (v->is_slides)
		slides_want_key(v->leg);
	else if (g)
		group_want_key(v->leg->room, g);
}

/* --- packets ----------------------------------------------------------- */

static size_t header_len(const struct video_out *v)
{
	return RTP_HEADER_LEN + (v->st->ext_twcc ? EXT_TWCC_LEN : 0);
}

/* The header, with a place for the transport-wide number. */
static size_t put_header(const struct video_out *v, uint8_t *p, size_t cap,
			 const struct rtp *h)
{
	struct rtp full = *h;
	uint8_t ext[4] = {(uint8_t)(v->st->ext_twcc << 4 | 1)};
	struct span s;

	full.ssrc = v->sender.ssrc;
	full.pt = v->way.pt;
	if (v->st->ext_twcc) {
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

	if (!v->st->ext_twcc)
		return;
	seq = twcc_out_packet(&v->leg->link->out, n, now_ns);
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
	bool is_copy = v->way.has_rtx;
	uint8_t *p = is_copy ? slot : hp->p;

	if (is_copy)
		memcpy(slot, hp->p, n);
	stamp_transport(v, p, n, now_ns);
	if (flow_seal(v->flow, p, &n, hp->n + HISTORY_TAIL,
		      false) < 0) {
		history_sent(v->history, hp->n, false, now_ns);
		return;
	}
	if (!is_copy)
		memcpy(slot, hp->p, n);
	flow_send(v->flow, n, false);
	report_sender_note(&v->sender, v->last_ts, hp->n - header_len(v),
			   v->sender.last_ns ? v->sender.last_ns : now_ns);
	bwe_sent(&v->leg->link->bwe, n, now_ns);
	pacer_sent(&v->pacer, n);
	history_sent(v->history, is_copy ? hp->n : n, !is_copy, now_ns);
	v->sent_ns = now_ns;
}

static void pump(struct video_out *v, uint64_t now_ns)
{
	struct history_packet hp;

	if (!flow_is_open(v->flow))
		return;
	pacer_fill(&v->pacer, out_kbps(v, now_ns), now_ns);
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
	if (!history_has_room(v->history, c->n,
			      c->bytes + c->n * (header_len(v) + 1)))
		return true;
	/* The keyframe of a whole screen takes long on a narrow link: to drop
	 * what follows would ask for the next one, and so on without end. */
	if (v->is_slides)
		return waiting / out_kbps(v, now_ns) >
		       SLIDES_BACKLOG_MS / 8;
	return waiting && pacer_is_late(out_kbps(v, now_ns), waiting);
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
	v->skipped++;
	v->needs_key = true;
	want_key(v);
}

/* The planner keeps to it; this is for the moments before it knows, and for
 * who presents another size from one picture to the next. */
static bool takes_size(const struct video_out *v, const struct frame *f)
{
	enum { MACROBLOCK = 16 };
	const uint32_t mbs = (f->width + MACROBLOCK - 1u) / MACROBLOCK *
			     ((f->height + MACROBLOCK - 1u) / MACROBLOCK);

	return !v->st->max_fs || mbs <= v->st->max_fs;
}

void video_out_picture(struct video_out *v, const struct frame *f,
		       const struct cut *c, uint64_t now_ns)
{
	bool is_key = f->flags & FRAME_F_KEY;

	if (!flow_is_open(v->flow) || name_of(f->codec) != v->way.codec)
		return;
	if (!takes_size(v, f)) {
		v->needs_key = true;
		v->too_large++;
		return;
	}
	if (v->needs_key && !is_key) {
		want_key(v);
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

	if (!v->is_started || !flow_is_open(v->flow) ||
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
	size_t most = out_kbps(v, now_ns) * REPEAT_WINDOW_MS / 8 / 2 +
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
	struct nego_way way;
	bool is_rtx;
	struct rtp orig;
	struct span s;
	size_t n;

	/* a filler is repaired by an empty packet under its number */
	if (rtp_decode(&orig, span_of(hp->p, hp->n)) < 0)
		return;
	orig.padding = false;
	orig.pad_n = 0;
	way = nego_way_of_pt(v->st, orig.pt, &is_rtx);
	if (!way.has_rtx)
		return;
	if (rtp_rtx_encode(&orig, v->rtx_sender.ssrc, way.rtx_pt,
			   v->rtx_seq, slot, NET_PACKET_MAX, &s) < 0)
		return;
	v->rtx_seq++;
	n = s.n;
	stamp_transport(v, slot, n, now_ns);
	if (flow_seal(v->flow, slot, &n, NET_PACKET_MAX, false) < 0)
		return;
	flow_send(v->flow, n, false);
	report_sender_note(&v->rtx_sender, orig.ts, hp->n, now_ns);
	bwe_sent(&v->leg->link->bwe, n, now_ns);
	pacer_sent(&v->pacer, n);
}

void video_out_repeat(struct video_out *v, uint16_t seq, uint64_t now_ns)
{
	struct leg *leg = v->leg;
	struct history_packet hp;

	if (!flow_is_open(v->flow) ||
	    history_find(v->history, seq, now_ns, &hp) < 0)
		return;
	if (!repeat_is_paid(v, hp.n, now_ns)) {
		v->repeats_refused++;
		return;
	}
	v->repeats++;
	if (v->way.has_rtx) {
		/* sealed before the offer changed: gone */
		if (!hp.is_sealed)
			send_rtx(v, &hp, now_ns);
		return;
	}
	/* never sealed twice: only what was sealed at its first sending */
	if (!hp.is_sealed)
		return;
	memcpy(net_reserve(leg->m->net), hp.p, hp.n);
	flow_send(v->flow, hp.n, false);
}

void video_out_wants_key(struct video_out *v, uint64_t now_ns)
{
	keystorm_note(&v->storm, now_ns);
	want_key(v);
}
