#include "media/video/in.h"
#include "base/alloc.h"
#include "base/clock.h"

static enum frame_codec codec_of(Cv__CodecName name)
{
	return name == CV__CODEC_NAME__CODEC_VP8 ? FRAME_VP8 : FRAME_H264;
}

int video_in_new(struct video_in **out, struct leg *leg, bool is_slides)
{
	struct video_in *v = mem_zalloc(sizeof(*v));

	if (!v)
		return E_NOMEM;
	v->leg = leg;
	v->is_slides = is_slides;
	v->st = is_slides ? &leg->nego.slides : &leg->nego.video;
	v->codec = codec_of(v->st->codec);
	nack_init(&v->nack);
	v->kbps = MEDIA_KBPS_UNSEEN;
	*out = v;
	return 0;
}

void video_in_free(struct video_in **vp)
{
	struct video_in *v = *vp;

	if (!v)
		return;
	assemble_free(&v->assemble);
	mem_free(v);
	*vp = NULL;
}

void video_in_want_key(struct video_in *v)
{
	keyreq_want(&v->key);
}

void video_in_restart(struct video_in *v)
{
	if (!v->assemble)
		return;
	assemble_reset(v->assemble);
	nack_forget_before(&v->nack, v->nack.next);
	video_in_want_key(v);
}

void video_in_need(struct video_in *v, bool is_needed)
{
	if (is_needed == (v->assemble != NULL))
		return;
	if (!is_needed) {
		assemble_free(&v->assemble);
		keyreq_got(&v->key);
		return;
	}
	/* without memory he stays a name tile; asked again with each plan */
	if (assemble_new(&v->assemble, v->codec) < 0)
		return;
	nack_init(&v->nack);
	video_in_want_key(v);
}

static void forward(struct video_in *v, const struct assembled *pic,
		    uint64_t now_ns)
{
	struct frame f = {
		.kind = FRAME_IN, .codec = v->codec,
		.flags = pic->is_key ? FRAME_F_KEY : 0,
		.width = pic->width, .height = pic->height,
		.id = ++v->frame_id, .room = v->leg->room->handle,
		.stream = v->leg->handle, .mono_ns = now_ns,
		.rtp_ts = pic->ts};

	v->width = pic->width;
	v->height = pic->height;
	v->pictures++;
	if (pic->is_key)
		keyreq_got(&v->key);
	if (v->is_slides) {
		slides_picture(v->leg, &f, pic->data);
		return;
	}
	if (v->leg->is_video_muted || !v->leg->is_admitted)
		return;
	switch (vlink_picture(v->leg->m, &f, pic->data)) {
	case 0:
	case E_CLOSED:		/* nobody there; all begin anew with a hello */
		return;
	default:
		break;
	}
	/* the decoder misses one: only a keyframe helps */
	assemble_lost(v->assemble);
	video_in_want_key(v);
}

static void assemble_all(struct video_in *v, uint64_t now_ns)
{
	struct assembled pic;

	while (assemble_next(v->assemble, v->leg->m->picture, FRAME_MAX,
			     &pic) == 0) {
		nack_forget_before(&v->nack, pic.last + 1);
		forward(v, &pic, now_ns);
	}
	if (assemble_needs_key(v->assemble))
		video_in_want_key(v);
}

/* The peer may begin a new stream; often he may not. */
static bool take_ssrc(struct video_in *v, uint32_t ssrc, uint64_t now_ns)
{
	if (v->is_started && v->rx.ssrc == ssrc)
		return true;
	if (v->is_started &&
	    now_ns - v->switch_ns < MEDIA_SSRC_SWITCH_MS * NS_PER_MS)
		return false;
	v->switch_ns = now_ns;
	v->is_started = true;
	rtp_receive_init(&v->rx, ssrc, 90000);
	nack_init(&v->nack);
	video_in_restart(v);
	return true;
}

static void note_transport(struct video_in *v, const struct rtp *p,
			   uint64_t now_ns)
{
	uint8_t id = v->st->ext_twcc;
	struct span data;
	uint16_t seq;

	if (id && rtp_ext_find(p, id, &data) && rtp_ext_twcc(data, &seq))
		twcc_in_packet(&v->leg->link->in, seq, p->ssrc, now_ns);
}

/* A presenter may change between the codecs that were agreed. */
static bool take_codec(struct video_in *v, enum frame_codec codec)
{
	struct assemble *a = NULL;

	if (codec == v->codec)
		return true;
	if (v->assemble && assemble_new(&a, codec) < 0)
		return false;
	assemble_free(&v->assemble);
	v->assemble = a;
	v->codec = codec;
	nack_init(&v->nack);
	video_in_want_key(v);
	return true;
}

static uint32_t feedback_of(const struct video_in *v)
{
	return codec_of(v->st->codec) == v->codec ? v->st->feedback
						  : v->st->alt_feedback;
}

/* A repaired packet: its number without statistics. */
static bool repaired(struct video_in *v, const struct rtp *p, size_t bytes,
		     uint8_t pt, uint64_t now_ns, struct rtp *orig,
		     uint64_t *ext)
{
	uint64_t unused;

	if (v->rtx.ssrc != p->ssrc || !v->rtx.is_started)
		rtp_receive_init(&v->rtx, p->ssrc, 90000);
	(void)rtp_receive_packet(&v->rtx, p->seq, p->ts, bytes, now_ns,
				 &unused);
	if (!v->is_started ||
	    rtp_rtx_unwrap(orig, p, v->rx.ssrc, pt) < 0)
		return false;
	*ext = rtp_seq_extend(v->rx.highest, orig->seq);
	/* it can only fill a hole */
	return *ext <= v->rx.highest;
}

void video_in_packet(struct video_in *v, const struct rtp *p, size_t bytes,
		     uint64_t now_ns)
{
	struct rtp orig = *p;
	bool is_rtx;
	const struct nego_way way = nego_way_of_pt(v->st, p->pt, &is_rtx);
	uint64_t ext;

	v->heard_ns = now_ns;
	note_transport(v, p, now_ns);
	if (!take_codec(v, codec_of(way.codec)))
		return;
	if (is_rtx) {
		if (!repaired(v, p, bytes, way.pt, now_ns, &orig, &ext))
			return;
	} else if (!take_ssrc(v, p->ssrc, now_ns) ||
		   rtp_receive_packet(&v->rx, p->seq, p->ts, bytes, now_ns,
				      &ext) < 0) {
		return;
	}
	if (!v->assemble) {
		v->leg->m->stats.slides_unasked += v->is_slides;
		return;
	}
	nack_packet(&v->nack, ext, now_ns);
	(void)assemble_put(v->assemble, ext, orig.ts, orig.marker,
			   orig.payload);	/* counted there */
	assemble_all(v, now_ns);
}

/* --- feedback ---------------------------------------------------------- */

static bool has_news(const struct video_in *v, uint64_t now_ns)
{
	const struct link *l = v->leg->link;

	return v->st->ext_twcc && twcc_in_has_news(&l->in) &&
	       now_ns - l->feedback_ns >= TWCC_FEEDBACK_MS * NS_PER_MS;
}

bool video_in_has_feedback(const struct video_in *v, uint64_t now_ns)
{
	if (!v->is_started)
		return false;
	if (v->assemble && (v->nack.n || v->nack.is_lost || v->key.is_wanted))
		return true;
	return has_news(v, now_ns);
}

static void put_nack(struct video_in *v, struct wr *w, uint32_t our_ssrc,
		     uint64_t now_ns)
{
	uint16_t seqs[NACK_MAX];
	size_t n;

	if (!(feedback_of(v) & CV__FEEDBACK__FB_NACK)) {
		/* nobody repeats: each hole is final */
		if (v->nack.n) {
			nack_forget_before(&v->nack, v->nack.next);
			v->nack.is_lost = true;
		}
		return;
	}
	n = nack_due(&v->nack, now_ns, v->leg->rtt_ns, seqs, NACK_MAX);
	if (n)
		rtcp_put_nack(w, our_ssrc, v->rx.ssrc, seqs, n);
}

/* A peer whose RTP cannot be asked is asked by its signalling. */
static void ask_key(struct video_in *v, uint64_t now_ns)
{
	if (v->leg->ice || (v->ask_key_ns && now_ns - v->ask_key_ns <
			    MEDIA_ASK_KEY_MS * NS_PER_MS))
		return;
	v->ask_key_ns = now_ns;
	control_leg_want_key(v->leg, v->is_slides);
}

static void put_key(struct video_in *v, struct wr *w, uint32_t our_ssrc,
		    uint64_t now_ns)
{
	uint32_t fb = feedback_of(v);

	if (!keyreq_due(&v->key, now_ns))
		return;
	if (!(fb & (CV__FEEDBACK__FB_PLI | CV__FEEDBACK__FB_FIR))) {
		ask_key(v, now_ns);
		return;
	}
	if (fb & CV__FEEDBACK__FB_PLI)
		rtcp_put_pli(w, our_ssrc, v->rx.ssrc);
	else
		rtcp_put_fir(w, our_ssrc, v->rx.ssrc, v->fir_seq++);
}

void video_in_feedback(struct video_in *v, struct wr *w, uint32_t our_ssrc,
		       uint64_t now_ns)
{
	if (v->assemble) {
		put_nack(v, w, our_ssrc, now_ns);
		if (nack_take_lost(&v->nack)) {
			assemble_lost(v->assemble);
			assemble_all(v, now_ns);
		}
		put_key(v, w, our_ssrc, now_ns);
	}
	if (has_news(v, now_ns) &&
	    twcc_in_put(&v->leg->link->in, w, our_ssrc))
		v->leg->link->feedback_ns = now_ns;
}
