/* One endpoint: its transport, its keys, its streams. */
#include "media/media.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/text.h"
#include "media/video/in.h"
#include "media/video/out.h"
#include "wire/rtp/rtp.h"

#define MOD "leg"

enum { PT_NOISE = 13 };
/* Odd, so that multiples of it differ. */
#define SSRC_STEP UINT32_C(0x9e3779b1)

static void on_service(struct timer *t, void *arg, uint64_t now_ns);

struct leg *leg_find(struct media *m, uint64_t handle)
{
	return map_get(m->legs, span_of(&handle, sizeof(handle)));
}

struct flow *leg_main_flow(struct leg *leg)
{
	return leg->nego.audio.section >= 0 ? leg->audio_flow
					    : leg->video_flow;
}

bool leg_is_open(const struct leg *leg)
{
	return flow_is_open(leg->nego.audio.section >= 0 ? leg->audio_flow
							 : leg->video_flow);
}

void leg_set_phase(struct leg *leg, Cv__LegPhase phase)
{
	if (leg->phase == phase)
		return;
	leg->phase = phase;
	leg->is_moved = false;
	control_leg_state(leg);
}

void leg_gone(struct leg *leg, const char *why)
{
	log_info(MOD, "leg gone", LOG_U("leg", leg->handle), LOG_S("why", why));
	leg_set_phase(leg, CV__LEG_PHASE__LEG_GONE);
	leg_close(leg);
}

void leg_checked(struct leg *leg, const struct path *from, bool is_moved)
{
	flow_checked(&leg->flows[0], from);
	if (leg->phase == CV__LEG_PHASE__LEG_NEW)
		leg_set_phase(leg, CV__LEG_PHASE__LEG_CONNECTED);
	else if (leg->phase == CV__LEG_PHASE__LEG_SILENT)
		leg_set_phase(leg, leg->flows[0].tx ? CV__LEG_PHASE__LEG_SECURE
				       : CV__LEG_PHASE__LEG_CONNECTED);
	/* Told by the service: a peer that hops between two addresses with
	 * each packet must not fill the channel to core. */
	leg->is_moved |= is_moved;
}

/* --- packets ----------------------------------------------------------- */

/* May another stream take the place of the one that is known? Seldom; and on
 * a clear leg only when the known one fell silent, because there a stranger's
 * forged packet looks no worse than the peer's. */
static bool may_switch(const struct leg *leg, const struct flow *f,
		       uint64_t switch_ns, uint64_t heard_ns)
{
	const uint64_t now = leg->m->now_ns;
	const uint64_t least = MEDIA_SSRC_SWITCH_MS * NS_PER_MS;

	return now - switch_ns >= least &&
	       (f->crypto != NEGO_CLEAR || now - heard_ns >= least);
}

/* The stream of sound: false for one that is not the known one. */
static bool take_audio_ssrc(struct leg *leg, const struct flow *f,
			    uint32_t ssrc)
{
	if (leg->audio_in.ssrc == ssrc && leg->audio_in.clock_hz)
		return true;
	if (leg->audio_in.clock_hz &&
	    !may_switch(leg, f, leg->audio_switch_ns, leg->audio_heard_ns))
		return false;
	leg->audio_switch_ns = leg->m->now_ns;
	rtp_receive_init(&leg->audio_in, ssrc, leg->audio_out.clock_hz);
	audio_leg_restart(leg->audio);
	dtmf_in_restart(&leg->dtmf_in);
	if (leg->audio_repair)
		nack_init(&leg->audio_repair->in);
	return true;
}

static void take_sound(struct leg *leg, const struct rtp *p)
{
	struct audio_packet a = {.seq = p->seq, .ts = p->ts,
				 .marker = p->marker,
				 .level = AUDIO_LEVEL_NONE,
				 .payload = p->payload};
	struct span data;
	uint8_t level;
	bool voice;

	if (leg->nego.audio.ext_level &&
	    rtp_ext_find(p, leg->nego.audio.ext_level, &data) &&
	    rtp_ext_audio_level(data, &voice, &level))
		a.level = level;
	/* refusals are counted there */
	(void)audio_leg_packet(leg->audio, &a, leg->m->now_ns);
}

static bool take_audio(struct leg *leg, const struct flow *f,
		       const struct rtp *p, size_t bytes)
{
	uint64_t now = leg->m->now_ns, ext;

	if (!take_audio_ssrc(leg, f, p->ssrc))
		return false;
	leg->audio_heard_ns = now;
	if (rtp_receive_packet(&leg->audio_in, p->seq, p->ts, bytes, now,
			       &ext) < 0)
		return true;
	if (leg->audio_repair &&
	    audio_repair_packet(leg->audio_repair, ext, now))
		timer_set(leg->m->wheel, &leg->service,
			  now + NACK_WAIT_MS * NS_PER_MS);
	if (p->pt == leg->nego.audio.dtmf_pt)
		leg_dtmf_packet(leg, p);
	else
		take_sound(leg, p);
	return true;
}

static bool take_video(struct video_in *v, const struct flow *f,
		       const struct rtp *p, size_t bytes)
{
	if (f->crypto == NEGO_CLEAR && v->is_started &&
	    v->rx.ssrc != p->ssrc &&
	    !may_switch(v->leg, f, v->switch_ns, v->heard_ns))
		return false;
	video_in_packet(v, p, bytes, v->leg->m->now_ns);
	return true;
}

static bool is_named(const struct nego_stream *st, const struct rtp *p)
{
	struct span mid;

	if (st->mid_n && rtp_ext_find(p, st->ext_mid, &mid))
		return span_eq(mid, span_of(st->mid, st->mid_n));
	for (unsigned i = 0; i < st->n_ssrcs; i++)
		if (st->ssrcs[i] == p->ssrc)
			return true;
	return false;
}

static bool is_known(const struct video_in *v, const struct rtp *p)
{
	return v && v->is_started &&
	       (v->rx.ssrc == p->ssrc ||
		(v->rtx.is_started && v->rtx.ssrc == p->ssrc));
}

/* Camera and presentation of a leg with ICE share a transport, and often the
 * numbers of their codecs: told apart by section name or announced SSRC (RFC
 * 8843 9.2), once known by SSRC, in the end by payload type. */
static bool is_slides(const struct leg *leg, const struct flow *f,
		      const struct rtp *p)
{
	bool is_rtx;

	if (leg->slides_flow != leg->video_flow)
		return f == leg->slides_flow;
	if (!leg->sin || f != leg->slides_flow)
		return false;
	if (is_named(&leg->nego.slides, p))
		return true;
	if (is_named(&leg->nego.video, p) || is_known(leg->vin, p))
		return false;
	return is_known(leg->sin, p) || !leg->vin ||
	       nego_way_of_pt(&leg->nego.video, p->pt, &is_rtx).codec ==
	       CV__CODEC_NAME__CODEC_NONE;
}

/* Whose picture the packet is part of, NULL = nobody's. */
static struct video_in *video_of(const struct leg *leg, const struct flow *f,
				 const struct rtp *p)
{
	struct video_in *v = is_slides(leg, f, p) ? leg->sin :
			     f == leg->video_flow ? leg->vin : NULL;
	bool is_rtx;

	return v && nego_way_of_pt(v->st, p->pt, &is_rtx).codec !=
		CV__CODEC_NAME__CODEC_NONE ? v : NULL;
}

bool leg_rtp(struct leg *leg, struct flow *f, uint8_t *p, size_t n)
{
	const struct nego_stream *a = &leg->nego.audio;
	struct video_in *v;
	size_t bytes = n;
	struct rtp h;

	if (flow_unseal(f, p, &n, false) < 0 ||
	    rtp_decode(&h, span_of(p, n)) < 0)
		return false;
	if (f == leg->audio_flow && leg->audio && a->we_receive &&
	    (h.pt == a->pt || h.pt == a->dtmf_pt))
		return take_audio(leg, f, &h, bytes);
	if (f == leg->fecc_flow)
		return leg_fecc_packet(leg, &h);
	v = video_of(leg, f, &h);
	if (v)
		return take_video(v, f, &h, bytes);
	/* comfort noise (RFC 3389), or something else that we make nothing of
	 * and that shows that he is there */
	return !leg->ice && (f->crypto != NEGO_CLEAR || h.pt == PT_NOISE);
}

bool leg_rtcp(struct leg *leg, struct flow *f, uint8_t *p, size_t n)
{
	return flow_unseal(f, p, &n, true) == 0 &&
	       leg_rtcp_in(leg, span_of(p, n));
}

void leg_send_audio(struct leg *leg, const struct audio_out *o)
{
	struct flow *f = leg->audio_flow;
	struct rtp h = {.marker = o->marker, .pt = leg->nego.audio.pt,
			.ts = o->rtp_ts, .ssrc = leg->audio_out.ssrc,
			.payload = o->payload};
	uint8_t *slot;
	struct span s;
	size_t n;

	if (!flow_is_open(f) || !leg->nego.audio.we_send)
		return;
	if (leg->dtmf_out.n && leg_dtmf_out(leg, o))
		return;
	slot = net_reserve(leg->m->net);
	h.seq = leg->audio_seq;
	if (rtp_encode(&h, slot, NET_PACKET_MAX, &s) < 0)
		return;
	leg->audio_seq++;
	n = s.n;
	if (flow_seal(f, slot, &n, NET_PACKET_MAX, false) < 0)
		return;
	if (leg->audio_repair)
		audio_repair_put(leg->audio_repair, h.seq, span_of(slot, n));
	flow_send(f, n, false);
	/* the stamp belongs to the time the tick was due, not to the moment a
	 * late one runs: sender reports tell this relation */
	report_sender_note(&leg->audio_out, o->rtp_ts, o->payload.n,
			   leg->m->tick_due_ns);
}

/* --- life -------------------------------------------------------------- */

static enum audio_codec audio_codec_of(Cv__CodecName c)
{
	switch (c) {
	case CV__CODEC_NAME__CODEC_OPUS: return AUDIO_OPUS;
	case CV__CODEC_NAME__CODEC_G722: return AUDIO_G722;
	case CV__CODEC_NAME__CODEC_PCMU: return AUDIO_PCMU;
	case CV__CODEC_NAME__CODEC_PCMA: return AUDIO_PCMA;
	default: return AUDIO_CODEC_NONE;
	}
}

/* A new encoder goes on where the stamps of the old one would be by now. */
static uint32_t next_stamp(const struct leg *leg)
{
	const struct report_sender *o = &leg->audio_out;
	uint64_t gap_ns = MEDIA_TICK_MS * NS_PER_MS;

	if (!o->last_ns)
		return rand_u32();
	if (leg->m->tick_due_ns > o->last_ns + gap_ns)
		gap_ns = leg->m->tick_due_ns - o->last_ns;
	return o->last_ts + (uint32_t)(gap_ns / NS_PER_MS *
				       (o->clock_hz / 1000));
}

static int audio_open(struct leg *leg)
{
	const struct nego_stream *s = &leg->nego.audio;
	struct audio_leg_cfg cfg = {
		.codec = audio_codec_of(s->codec), .ptime_ms = s->ptime_ms,
		.max_bitrate_bps = s->max_bitrate_bps,
		.is_fec_refused = !s->is_fec, .user = leg};

	int r = 0;

	if (s->section >= 0 && !leg->audio_repair &&
	    (s->feedback & CV__FEEDBACK__FB_NACK))
		r = audio_repair_new(&leg->audio_repair);
	if (r < 0 || s->section < 0 || leg->audio)
		return r;
	leg->audio_out.clock_hz = audio_codec_clock_hz(cfg.codec);
	cfg.rtp_ts_start = next_stamp(leg);
	return audio_leg_new(&leg->audio, leg->room->audio, &cfg);
}

static int link_open(struct leg *leg)
{
	if (leg->link ||
	    (leg->nego.video.section < 0 && leg->nego.slides.section < 0))
		return 0;
	leg->link = mem_zalloc(sizeof(*leg->link));
	if (!leg->link)
		return E_NOMEM;
	bwe_init(&leg->link->bwe, leg->kbps_out, leg->m->now_ns);
	return 0;
}

static int picture_open(struct leg *leg, const struct nego_stream *s,
			struct video_in **in, struct video_out **out)
{
	const bool is_slides = s == &leg->nego.slides;
	int r = 0;

	if (s->section >= 0 && s->we_receive && !*in)
		r = video_in_new(in, leg, is_slides);
	if (r == 0 && s->section >= 0 && s->we_send && !*out)
		r = video_out_new(out, leg, is_slides);
	return r;
}

static int video_open(struct leg *leg)
{
	int r = link_open(leg);

	if (r == 0)
		r = picture_open(leg, &leg->nego.video, &leg->vin, &leg->vout);
	if (r == 0)
		r = picture_open(leg, &leg->nego.slides, &leg->sin,
				 &leg->sout);
	if (r == 0 && leg->vin)
		video_in_need(leg->vin, leg->is_needed);
	if (r == 0 && leg->sin)
		video_in_need(leg->sin, leg_presents(leg));
	return r;
}

int leg_streams_open(struct leg *leg)
{
	int r = audio_open(leg);

	if (r == 0)
		r = video_open(leg);
	if (r == 0 && leg->audio)
		audio_leg_set(leg->audio, leg->is_muted, leg->is_admitted);
	return r;
}

/* Different, none of them 0. */
static void ssrcs_make(struct leg *leg)
{
	uint32_t *const at[] = {&leg->audio_out.ssrc, &leg->video_ssrc,
				&leg->video_rtx_ssrc, &leg->slides_ssrc,
				&leg->slides_rtx_ssrc, &leg->fecc.ssrc};
	const uint32_t base = rand_u32();

	for (uint32_t i = 0, n = 0; i < sizeof(at) / sizeof(at[0]); n++)
		if (base + n * SSRC_STEP)
			*at[i++] = base + n * SSRC_STEP;
	leg->fecc.seq = (uint16_t)rand_u32();
	leg->fecc.ts_start = rand_u32();
	leg->slides_seq = (uint16_t)rand_u32();
	leg->slides_rtx_seq = (uint16_t)rand_u32();
	leg->audio_seq = (uint16_t)rand_u32();
	leg->video_seq = (uint16_t)rand_u32();
	leg->video_rtx_seq = (uint16_t)rand_u32();
}

static int answer_make(struct leg *leg, const Cv__LegDescription *offer,
		       Cv__LegDescription **answer)
{
	struct nego_local local = {
		.fingerprint = span_of(leg->m->fingerprint,
				       sizeof(leg->m->fingerprint)),
		.ufrag = ice_leg_ufrag(leg->ice), .pwd = ice_leg_pwd(leg->ice),
		.audio_ssrc = leg->audio_out.ssrc,
		.video_ssrc = leg->video_ssrc,
		.video_rtx_ssrc = leg->video_rtx_ssrc,
		.slides_ssrc = leg->slides_ssrc,
		.slides_rtx_ssrc = leg->slides_rtx_ssrc,
		.candidates = leg->m->candidates,
		.n_candidates = leg->m->n_candidates};

	return nego_answer_new(answer, &leg->nego, offer, &local);
}

static void flags_take(struct leg *leg, const Cv__LegFlags *f)
{
	leg->is_admitted = f && f->admitted;
	leg->is_muted = f && f->muted;
	leg->is_video_muted = f && f->video_muted;
	leg->no_slides = f && f->no_slides;
}

void leg_caps_take(struct leg *leg)
{
	const struct nego_stream *v = &leg->nego.video;

	leg->kbps_in = leg->cap_in ? leg->cap_in : MEDIA_KBPS_IN;
	leg->kbps_out = leg->cap_out ? leg->cap_out : MEDIA_KBPS_OUT;
	if (v->kbps && v->kbps < leg->kbps_out)
		leg->kbps_out = v->kbps;
	if (v->max_kbps && v->max_kbps < leg->kbps_out)
		leg->kbps_out = v->max_kbps;
	leg->tmmbr.n = 0;		/* signalling is newer */
	leg->tmmbr_out.kbps = 0;
	if (leg->link)
		leg->link->bwe.cap_kbps = leg->kbps_out;
}

static int ice_make(struct leg *leg, const Cv__LegOpen *msg)
{
	struct media *m = leg->m;
	int r = nego_choose(&leg->nego, msg->offer);

	if (r < 0)
		return r;
	r = ice_leg_open(&leg->ice, m->ice, ipc_bytes(msg->offer->ice_ufrag),
			 leg, m->now_ns);
	if (r < 0)
		return r;
	leg->video_flow = leg->slides_flow = leg->audio_flow;
	leg->audio_flow->is_used = true;
	ice_leg_set_dscp(leg->ice, (uint8_t)(msg->dscp & 63));
	return 0;
}

static void mtu_take(struct leg *leg, uint32_t mtu)
{
	size_t payload;

	if (mtu && mtu < MEDIA_MTU_MIN)
		mtu = MEDIA_MTU_MIN;
	leg->payload_max = MEDIA_MTU_PAYLOAD;
	leg->datagram_max = DTLS_MTU;
	payload = mtu ? mtu - MEDIA_MTU_HEADS : MEDIA_MTU_PAYLOAD;
	if (payload < leg->payload_max)
		leg->payload_max = payload;
	if (mtu && mtu - MEDIA_IP_UDP < leg->datagram_max)
		leg->datagram_max = mtu - MEDIA_IP_UDP;
}

static void leg_init(struct leg *leg, struct room *room,
		     const Cv__LegOpen *msg)
{
	uint8_t raw[REPORT_CNAME_LEN / 2];

	leg->m = room->m;
	leg->room = room;
	leg->handle = msg->leg;
	leg->phase = CV__LEG_PHASE__LEG_NEW;
	leg->nego.audio.section = leg->nego.video.section = NEGO_NONE;
	leg->nego.bfcp.section = NEGO_NONE;
	leg->nego.slides.section = NEGO_NONE;
	leg->nego.fecc.section = NEGO_NONE;
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		flow_init(&leg->flows[i], leg);
	leg->audio_flow = &leg->flows[0];
	leg->video_flow = &leg->flows[1];
	leg->slides_flow = &leg->flows[2];
	leg->fecc_flow = &leg->flows[3];
	rand_bytes(raw, sizeof(raw));
	hex_encode(leg->cname, raw, sizeof(raw));
	ssrcs_make(leg);
	timer_init(&leg->service, on_service, leg);
	list_init(&leg->in_room);
	mtu_take(leg, msg->mtu);
	leg->cap_in = msg->kbps_in;
	leg->cap_out = msg->kbps_out;
	flags_take(leg, msg->flags);
}

static int leg_make(struct leg **out, struct room *room,
		    const Cv__LegOpen *msg)
{
	struct media *m = room->m;
	struct leg *leg = mem_zalloc(sizeof(*leg));
	int r;

	if (!leg)
		return E_NOMEM;
	leg_init(leg, room, msg);
	*out = leg;
	r = msg->transport == CV__LEG_TRANSPORT__LEG_PLAIN
	    ? leg_plain_make(leg, msg) : ice_make(leg, msg);
	if (r == 0) {
		leg_caps_take(leg);
		r = leg_streams_open(leg);
	}
	if (r == 0)
		r = map_put(m->legs, span_of(&leg->handle,
					     sizeof(leg->handle)), leg);
	return r;
}

static void pictures_free(struct leg *leg)
{
	video_in_free(&leg->vin);
	video_out_free(&leg->vout);
	video_in_free(&leg->sin);
	video_out_free(&leg->sout);
}

static void leg_free(struct leg *leg)
{
	timer_cancel(&leg->service);
	pictures_free(leg);
	mem_free(leg->link);
	audio_leg_free(&leg->audio);
	audio_repair_free(&leg->audio_repair);
	leg_plain_release(leg);
	leg_bfcp_close(leg);
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		flow_release(&leg->flows[i]);
	ice_leg_close(&leg->ice);
	secret_wipe(leg, sizeof(*leg));
	mem_free(leg);
}

static int first_answer(struct leg *leg, const Cv__LegOpen *msg,
			Cv__LegDescription **answer)
{
	if (leg->ice)
		return answer_make(leg, msg->offer, answer);
	return msg->make_offer ? leg_plain_offer(leg, msg->want, answer)
			       : leg_plain_answer(leg, msg->offer, answer);
}

int leg_open(struct media *m, const Cv__LegOpen *msg,
	     Cv__LegDescription **answer)
{
	struct room *room = room_find(m, msg->room);
	struct leg *leg = NULL;
	int r;

	if (!room || (!msg->offer && !msg->make_offer))
		return E_NOTFOUND;
	if (msg->make_offer &&
	    msg->transport != CV__LEG_TRANSPORT__LEG_PLAIN)
		return E_UNSUPPORTED;
	if (leg_find(m, msg->leg))
		return E_EXISTS;
	if (room->n_legs >= MEDIA_ROOM_LEGS_MAX)
		return E_FULL;
	r = leg_make(&leg, room, msg);
	if (r < 0) {
		if (leg)
			leg_free(leg);
		return r;
	}
	list_add_tail(&room->legs, &leg->in_room);
	room->n_legs++;
	r = first_answer(leg, msg, answer);
	if (r < 0) {
		leg_close(leg);
		return r;
	}
	timer_set(m->wheel, &leg->service,
		  m->now_ns + MEDIA_SERVICE_MS * NS_PER_MS);
	return 0;
}

static bool is_same_way(const struct nego_way *a, const struct nego_way *b)
{
	return a->codec == b->codec && a->mode == b->mode && a->pt == b->pt &&
	       a->has_rtx == b->has_rtx;
}

static void picture_change(const struct nego_stream *v,
			   const struct nego_stream *w,
			   struct video_in **in, struct video_out **out)
{
	const struct nego_way a = nego_way_of(v, v->codec);
	const struct nego_way b = nego_way_of(w, w->codec);
	const bool is_same = is_same_way(&a, &b) &&
			     is_same_way(&v->alt, &w->alt) &&
			     v->ext_twcc == w->ext_twcc;

	if (w->section < 0 || !is_same || !w->we_receive)
		video_in_free(in);
	if (w->section < 0 || !is_same || !w->we_send)
		video_out_free(out);
}

/* Streams whose terms changed are made anew; the others go on. */
void leg_streams_change(struct leg *leg, const struct nego *next)
{
	const struct nego_stream *a = &leg->nego.audio, *b = &next->audio;

	if (b->section < 0 || a->codec != b->codec ||
	    a->ptime_ms != b->ptime_ms ||
	    a->max_bitrate_bps != b->max_bitrate_bps)
		audio_leg_free(&leg->audio);
	if (b->section < 0 || !(b->feedback & CV__FEEDBACK__FB_NACK))
		audio_repair_free(&leg->audio_repair);
	picture_change(&leg->nego.video, &next->video, &leg->vin, &leg->vout);
	picture_change(&leg->nego.slides, &next->slides, &leg->sin,
		       &leg->sout);
}

static int ice_update(struct leg *leg, const Cv__LegUpdate *msg,
		      Cv__LegDescription **answer)
{
	struct span ufrag;
	struct nego next;
	bool is_new_peer;
	int r;

	if (!msg->offer)
		return E_FORMAT;
	r = nego_choose(&next, msg->offer);
	if (r < 0)
		return r;
	ufrag = ipc_bytes(msg->offer->ice_ufrag);
	if (!span_eq(ufrag, ice_leg_remote_ufrag(leg->ice))) {
		r = ice_leg_restart(leg->ice, ufrag, leg->m->now_ns);
		if (r < 0)
			return r;
	}
	is_new_peer = memcmp(next.fingerprint, leg->nego.fingerprint,
			     DTLS_FINGERPRINT_LEN) != 0;
	leg_streams_change(leg, &next);
	if (!is_new_peer)
		next.is_dtls_client = leg->nego.is_dtls_client;
	leg->nego = next;
	if (is_new_peer) {
		/* what was sealed under the old keys is of no use */
		audio_repair_free(&leg->audio_repair);
		/* other keys: the next check begins a new handshake */
		flow_drop_keys(leg->audio_flow);
		leg_set_phase(leg, CV__LEG_PHASE__LEG_NEW);
	}
	r = leg_streams_open(leg);
	if (r == 0)
		r = answer_make(leg, msg->offer, answer);
	return r;
}

int leg_update(struct leg *leg, const Cv__LegUpdate *msg,
	       Cv__LegDescription **answer)
{
	if (leg->ice)
		return ice_update(leg, msg, answer);
	return msg->offer ? leg_plain_update(leg, msg->offer, answer)
			  : leg_plain_offer_anew(leg, msg->want, answer);
}

void leg_set(struct leg *leg, const Cv__LegFlags *f)
{
	bool was_hidden = leg->is_video_muted || !leg->is_admitted;
	bool was_shown = leg->is_admitted && !leg->no_slides;

	flags_take(leg, f);
	/* he missed some */
	if (!was_shown && leg->sout)
		video_out_switch(leg->sout);
	if (leg->audio)
		audio_leg_set(leg->audio, leg->is_muted, leg->is_admitted);
	/* the decoder saw nothing meanwhile */
	if (was_hidden && leg->vin)
		video_in_restart(leg->vin);
}

/* The streams are made anew in the other room; SSRC, numbers and stamps go on,
 * and so do keys and addresses. */
static int streams_move(struct leg *leg, struct room *to)
{
	struct room *from = leg->room;
	int r;

	audio_leg_free(&leg->audio);
	leg->room = to;
	r = leg_streams_open(leg);
	if (r < 0) {
		leg->room = from;
		(void)leg_streams_open(leg);
		return r;
	}
	list_del(&leg->in_room);
	from->n_legs--;
	list_add_tail(&to->legs, &leg->in_room);
	to->n_legs++;
	leg->group = 0;
	leg->is_needed = false;
	if (leg->vin)
		video_in_need(leg->vin, false);
	if (leg->vout)
		video_out_switch(leg->vout);
	leg->has_way = false;
	if (leg->sin)
		video_in_need(leg->sin, leg_presents(leg));
	if (leg->sout)
		video_out_switch(leg->sout);
	return 0;
}

int leg_move(struct leg *leg, const Cv__LegMove *msg)
{
	struct room *to = room_find(leg->m, msg->room);
	int r = 0;

	if (!to)
		return E_NOTFOUND;
	if (to != leg->room && to->n_legs >= MEDIA_ROOM_LEGS_MAX)
		return E_FULL;
	if (to != leg->room)
		r = streams_move(leg, to);
	if (r == 0)
		leg_set(leg, msg->flags);
	/* core had nobody before to whom it could have put down what the leg
	 * can: it is told again */
	leg->is_moved |= r == 0;
	return r;
}

void leg_close(struct leg *leg)
{
	struct media *m = leg->m;

	if (leg->is_dead)
		return;
	for (unsigned i = 0; i < LEG_FLOWS; i++)
		if (leg->flows[i].dtls)
			dtls_shutdown(leg->flows[i].dtls);
	leg->is_dead = true;
	timer_cancel(&leg->service);
	map_del(m->legs, span_of(&leg->handle, sizeof(leg->handle)));
	list_del(&leg->in_room);
	leg->room->n_legs--;
	/* what the room owns goes now, because the room may go next */
	audio_leg_free(&leg->audio);
	pictures_free(leg);
	for (unsigned i = 0; i < LEG_FLOWS && !leg->ice; i++)
		flow_release(&leg->flows[i]);
	leg_bfcp_close(leg);
	ice_leg_close(&leg->ice);
	list_add_tail(&m->dying, &leg->in_room);
}

void legs_bury(struct media *m)
{
	list_each(it, tmp, &m->dying) {
		list_del(it);
		leg_free(list_entry(it, struct leg, in_room));
	}
}

/* --- what happens from time to time ------------------------------------ */

static bool sends_slides(const struct leg *leg)
{
	return leg->sin && leg->sin->assemble && leg->sin->is_started &&
	       leg->m->now_ns - leg->sin->heard_ns < 2 * NS_PER_S;
}

static void slides_see(const struct leg *leg, struct leg_slides *s)
{
	*s = (struct leg_slides){.has = leg->nego.slides.section >= 0,
				 .takes = nego_takes(&leg->nego.slides),
				 .sends = sends_slides(leg)};
	if (!s->sends || !leg->sin->width)
		return;
	s->codec = leg->sin->codec == FRAME_VP8 ? CV__CODEC_NAME__CODEC_VP8
						: CV__CODEC_NAME__CODEC_H264;
	s->width = leg->sin->width;
	s->height = leg->sin->height;
}

static bool slides_are_news(const struct leg *leg)
{
	const struct leg_slides *t = &leg->told_slides;
	struct leg_slides s;

	slides_see(leg, &s);
	return s.has != t->has || s.takes != t->takes ||
	       s.sends != t->sends || s.codec != t->codec ||
	       s.width != t->width || s.height != t->height;
}

static void slides_note(struct leg *leg)
{
	slides_see(leg, &leg->told_slides);
}

void leg_tell_state(struct leg *leg)
{
	const struct video_in *v = leg->vin;
	bool sends = v && v->is_started &&
		     leg->m->now_ns - v->heard_ns < 2 * NS_PER_S;
	uint16_t w = v ? v->width : 0, h = v ? v->height : 0;

	if (!leg->is_moved && sends == leg->told_video &&
	    w == leg->told_width && h == leg->told_height &&
	    leg_fecc_has_camera(leg) == leg->told_camera &&
	    !slides_are_news(leg))
		return;
	if (leg->told_ns &&
	    leg->m->now_ns - leg->told_ns < MEDIA_TELL_MS * NS_PER_MS)
		return;
	leg->told_ns = leg->m->now_ns;
	leg->is_moved = false;
	leg->told_video = sends;
	leg->told_width = w;
	leg->told_height = h;
	leg->told_camera = leg_fecc_has_camera(leg);
	slides_note(leg);
	control_leg_state(leg);
}

static void tell_bandwidth(struct leg *leg)
{
	struct media *m = leg->m;
	uint32_t kbps;
	bool storm;

	if (!leg->vout || !flow_is_open(leg->video_flow) ||
	    m->now_ns - leg->bandwidth_ns < NS_PER_S)
		return;
	leg->bandwidth_ns = m->now_ns;
	kbps = leg_main_kbps(leg, m->now_ns);
	storm = keystorm_is(&leg->vout->storm);
	/* a change of less than a tenth is no news */
	if (storm == leg->told_storm &&
	    kbps * 10 > leg->told_kbps * 9 && kbps * 9 < leg->told_kbps * 10)
		return;
	leg->told_kbps = kbps;
	leg->told_storm = storm;
	control_leg_bandwidth(leg, kbps, storm);
}

/* False when the leg ended. */
static bool check_life(struct leg *leg)
{
	if (!leg->ice)
		return leg_plain_life(leg);
	switch (ice_leg_life(leg->ice, leg->m->now_ns)) {
	case ICE_GONE:
		leg_gone(leg, "no consent");
		return false;
	case ICE_SILENT:
		leg_set_phase(leg, CV__LEG_PHASE__LEG_SILENT);
		break;
	default:
		break;
	}
	flow_service(leg->audio_flow);
	return !leg->is_dead;
}

static void on_service(struct timer *t, void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;
	bool is_busy = leg->link ||
		       (leg->audio_repair && leg->audio_repair->in.n) ||
		       leg->dtmf_in.is_pressed ||
		       leg->phase != CV__LEG_PHASE__LEG_SECURE;

	if (!check_life(leg))
		return;
	leg_rtcp_service(leg);
	if (leg->vout)
		video_out_filler(leg->vout, now_ns);
	slides_service(leg);
	leg_dtmf_service(leg);
	leg_fecc_service(leg);
	leg_say_service(leg);
	leg_tell_state(leg);
	tell_bandwidth(leg);
	timer_set(leg->m->wheel, t, now_ns + (is_busy
		  ? MEDIA_SERVICE_MS : MEDIA_SERVICE_AUDIO_MS) * NS_PER_MS);
}
