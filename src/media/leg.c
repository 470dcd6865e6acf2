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

static void on_service(struct timer *t, void *arg, uint64_t now_ns);

struct leg *leg_find(struct media *m, uint64_t handle)
{
	return map_get(m->legs, span_of(&handle, sizeof(handle)));
}

bool leg_is_open(const struct leg *leg)
{
	return leg->tx && !leg->is_dead &&
	       leg->phase == CV__LEG_PHASE__LEG_SECURE &&
	       ice_leg_path(leg->ice) != NULL;
}

static void set_phase(struct leg *leg, Cv__LegPhase phase)
{
	if (leg->phase == phase)
		return;
	leg->phase = phase;
	leg->is_moved = false;
	control_leg_state(leg);
}

/* --- transport --------------------------------------------------------- */

static void dtls_send(void *arg, struct span datagram)
{
	struct leg *leg = arg;
	const struct path *to = ice_leg_path(leg->ice);

	if (!to || datagram.n > NET_PACKET_MAX)
		return;
	memcpy(net_reserve(leg->m->net), datagram.p, datagram.n);
	net_commit(leg->m->net, to, datagram.n);
}

static void keys_drop(struct leg *leg)
{
	srtp_free(&leg->rx);
	srtp_free(&leg->tx);
}

static int keys_take(struct leg *leg)
{
	struct dtls_keys k;
	int r = dtls_get_keys(leg->dtls, &k);

	if (r < 0)
		return r;
	keys_drop(leg);
	r = srtp_new(&leg->tx, leg->m->srtp, k.profile, SRTP_SEND,
		     span_of(k.send_key, k.key_n),
		     span_of(k.send_salt, k.salt_n));
	if (r == 0)
		r = srtp_new(&leg->rx, leg->m->srtp, k.profile, SRTP_RECEIVE,
			     span_of(k.receive_key, k.key_n),
			     span_of(k.receive_salt, k.salt_n));
	secret_wipe(&k, sizeof(k));
	return r;
}

/* The peer is gone or unwanted: core is told, the leg ends. */
static void leg_gone(struct leg *leg, const char *why)
{
	log_info(MOD, "leg gone", LOG_U("leg", leg->handle), LOG_S("why", why));
	set_phase(leg, CV__LEG_PHASE__LEG_GONE);
	leg_close(leg);
}

static void dtls_after(struct leg *leg, enum dtls_state s)
{
	if (s == DTLS_FAILED) {
		leg_gone(leg, "dtls failed");
	} else if (s == DTLS_CLOSED) {
		leg_gone(leg, "closed by the peer");
	} else if (s == DTLS_UP && !leg->tx) {
		if (keys_take(leg) < 0)
			leg_gone(leg, "no keys");
		else
			set_phase(leg, CV__LEG_PHASE__LEG_SECURE);
	}
}

/* A handshake begins with the first authenticated check, never before. */
static int dtls_begin(struct leg *leg)
{
	struct dtls_cfg cfg = {.is_client = leg->nego.is_dtls_client,
			       .send = dtls_send, .arg = leg};

	memcpy(cfg.fingerprint, leg->nego.fingerprint, DTLS_FINGERPRINT_LEN);
	leg->dtls_ns = leg->m->now_ns;
	return dtls_new(&leg->dtls, leg->m->dtls, &cfg);
}

void leg_checked(struct leg *leg, bool is_moved)
{
	if (!leg->dtls)
		(void)dtls_begin(leg);	/* busy: tried with the next check */
	if (leg->phase == CV__LEG_PHASE__LEG_NEW)
		set_phase(leg, CV__LEG_PHASE__LEG_CONNECTED);
	else if (leg->phase == CV__LEG_PHASE__LEG_SILENT)
		set_phase(leg, leg->tx ? CV__LEG_PHASE__LEG_SECURE
				       : CV__LEG_PHASE__LEG_CONNECTED);
	/* Told by the service: a peer that hops between two addresses with
	 * each packet must not fill the channel to core. */
	leg->is_moved |= is_moved;
}

static void take_audio(struct leg *leg, const struct rtp *p, size_t bytes)
{
	uint64_t now = leg->m->now_ns, ext;
	struct audio_packet a = {.seq = p->seq, .ts = p->ts,
				 .marker = p->marker,
				 .level = AUDIO_LEVEL_NONE,
				 .payload = p->payload};
	struct span data;
	uint8_t level;
	bool voice;

	if (leg->audio_in.ssrc != p->ssrc || !leg->audio_in.clock_hz) {
		if (leg->audio_in.clock_hz && now - leg->audio_switch_ns <
		    MEDIA_SSRC_SWITCH_MS * NS_PER_MS)
			return;
		leg->audio_switch_ns = now;
		rtp_receive_init(&leg->audio_in, p->ssrc,
				 leg->audio_out.clock_hz);
		audio_leg_restart(leg->audio);
		if (leg->audio_repair)
			nack_init(&leg->audio_repair->in);
	}
	if (rtp_receive_packet(&leg->audio_in, p->seq, p->ts, bytes, now,
			       &ext) < 0)
		return;
	if (leg->audio_repair &&
	    audio_repair_packet(leg->audio_repair, ext, now))
		timer_set(leg->m->wheel, &leg->service,
			  now + NACK_WAIT_MS * NS_PER_MS);
	if (leg->nego.audio.ext_level &&
	    rtp_ext_find(p, leg->nego.audio.ext_level, &data) &&
	    rtp_ext_audio_level(data, &voice, &level))
		a.level = level;
	/* refusals are counted there */
	(void)audio_leg_packet(leg->audio, &a, now);
}

static void take_rtp(struct leg *leg, uint8_t *p, size_t n)
{
	const struct nego *g = &leg->nego;
	size_t bytes = n;
	struct rtp h;

	if (!leg->rx || srtp_open(leg->rx, p, &n) < 0 ||
	    rtp_decode(&h, span_of(p, n)) < 0) {
		leg->m->stats.packets_dropped++;
		return;
	}
	if (leg->audio && g->audio.we_receive && h.pt == g->audio.pt)
		take_audio(leg, &h, bytes);
	else if (leg->vin && (h.pt == g->video.pt ||
			      (g->video.has_rtx && h.pt == g->video.rtx_pt)))
		video_in_packet(leg->vin, &h, bytes, leg->m->now_ns);
	else
		leg->m->stats.packets_dropped++;
}

static void take_rtcp(struct leg *leg, uint8_t *p, size_t n)
{
	if (!leg->rx || srtcp_open(leg->rx, p, &n) < 0) {
		leg->m->stats.packets_dropped++;
		return;
	}
	leg_rtcp_in(leg, span_of(p, n));
}

/* A handshake is the likeliest way to end this process. */
static void take_dtls(struct leg *leg, const struct addr *from, struct span in)
{
	struct media *m = leg->m;

	if (!leg->dtls)
		return;
	if (m->serving && dtls_state(leg->dtls) == DTLS_HANDSHAKE &&
	    !addr_eq(from, &m->served)) {
		m->served = *from;
		m->serving(m->serving_arg, from);
	}
	dtls_after(leg, dtls_input(leg->dtls, in));
}

void leg_datagram(struct leg *leg, const struct path *from, uint8_t *p,
		  size_t n)
{
	switch (rtp_demux(span_of(p, n))) {
	case RTP_DEMUX_DTLS:
		take_dtls(leg, &from->peer, span_of(p, n));
		break;
	case RTP_DEMUX_RTP:
		take_rtp(leg, p, n);
		break;
	case RTP_DEMUX_RTCP:
		take_rtcp(leg, p, n);
		break;
	default:
		leg->m->stats.packets_dropped++;
		break;
	}
}

void leg_send_audio(struct leg *leg, const struct audio_out *o)
{
	struct rtp h = {.marker = o->marker, .pt = leg->nego.audio.pt,
			.ts = o->rtp_ts, .ssrc = leg->audio_out.ssrc,
			.payload = o->payload};
	uint8_t *slot;
	struct span s;
	size_t n;

	if (!leg_is_open(leg) || !leg->nego.audio.we_send)
		return;
	slot = net_reserve(leg->m->net);
	h.seq = leg->audio_seq;
	if (rtp_encode(&h, slot, NET_PACKET_MAX, &s) < 0)
		return;
	leg->audio_seq++;
	n = s.n;
	if (srtp_seal(leg->tx, slot, &n, NET_PACKET_MAX) < 0)
		return;
	if (leg->audio_repair)
		audio_repair_put(leg->audio_repair, h.seq, span_of(slot, n));
	net_commit(leg->m->net, ice_leg_path(leg->ice), n);
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
	/* a new encoder goes on after the last stamp we sent */
	cfg.rtp_ts_start = leg->audio_out.last_ns
			   ? leg->audio_out.last_ts + 48000 : rand_u32();
	leg->audio_out.clock_hz = audio_codec_clock_hz(cfg.codec);
	return audio_leg_new(&leg->audio, leg->room->audio, &cfg);
}

static int video_open(struct leg *leg)
{
	const struct nego_stream *s = &leg->nego.video;
	int r = 0;

	if (s->section >= 0 && s->we_receive && !leg->vin)
		r = video_in_new(&leg->vin, leg);
	if (r == 0 && s->section >= 0 && s->we_send && !leg->vout)
		r = video_out_new(&leg->vout, leg);
	if (r == 0 && leg->vin)
		video_in_need(leg->vin, leg->is_needed);
	return r;
}

static int streams_open(struct leg *leg)
{
	int r = audio_open(leg);

	if (r == 0)
		r = video_open(leg);
	if (r == 0 && leg->audio)
		audio_leg_set(leg->audio, leg->is_muted, leg->is_admitted);
	return r;
}

static void ssrcs_make(struct leg *leg)
{
	do {
		leg->audio_out.ssrc = rand_u32();
		leg->video_ssrc = rand_u32();
		leg->video_rtx_ssrc = rand_u32();
	} while (leg->audio_out.ssrc == leg->video_ssrc ||
		 leg->audio_out.ssrc == leg->video_rtx_ssrc ||
		 leg->video_ssrc == leg->video_rtx_ssrc || !leg->video_ssrc ||
		 !leg->audio_out.ssrc || !leg->video_rtx_ssrc);
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
		.candidates = leg->m->candidates,
		.n_candidates = leg->m->n_candidates};

	return nego_answer_new(answer, &leg->nego, offer, &local);
}

static void flags_take(struct leg *leg, const Cv__LegFlags *f)
{
	leg->is_admitted = f && f->admitted;
	leg->is_muted = f && f->muted;
	leg->is_video_muted = f && f->video_muted;
}

static void caps_take(struct leg *leg, uint32_t in, uint32_t out)
{
	uint32_t peer = leg->nego.video.kbps;

	leg->kbps_in = in ? in : MEDIA_KBPS_IN;
	leg->kbps_out = out ? out : MEDIA_KBPS_OUT;
	if (peer && peer < leg->kbps_out)
		leg->kbps_out = peer;
}

static int leg_make(struct leg **out, struct room *room,
		    const Cv__LegOpen *msg)
{
	struct media *m = room->m;
	struct leg *leg = mem_zalloc(sizeof(*leg));
	uint8_t raw[REPORT_CNAME_LEN / 2];
	int r;

	if (!leg)
		return E_NOMEM;
	leg->m = m;
	leg->room = room;
	leg->handle = msg->leg;
	leg->phase = CV__LEG_PHASE__LEG_NEW;
	rand_bytes(raw, sizeof(raw));
	hex_encode(leg->cname, raw, sizeof(raw));
	ssrcs_make(leg);
	timer_init(&leg->service, on_service, leg);
	list_init(&leg->in_room);
	flags_take(leg, msg->flags);
	r = nego_choose(&leg->nego, msg->offer);
	if (r == 0) {
		caps_take(leg, msg->kbps_in, msg->kbps_out);
		r = ice_leg_open(&leg->ice, m->ice,
				 ipc_bytes(msg->offer->ice_ufrag), leg,
				 m->now_ns);
	}
	if (r == 0)
		r = streams_open(leg);
	if (r == 0)
		r = map_put(m->legs, span_of(&leg->handle,
					     sizeof(leg->handle)), leg);
	*out = leg;
	return r;
}

static void leg_free(struct leg *leg)
{
	timer_cancel(&leg->service);
	video_in_free(&leg->vin);
	video_out_free(&leg->vout);
	audio_leg_free(&leg->audio);
	audio_repair_free(&leg->audio_repair);
	dtls_free(&leg->dtls);
	keys_drop(leg);
	ice_leg_close(&leg->ice);
	mem_free(leg);
}

int leg_open(struct media *m, const Cv__LegOpen *msg,
	     Cv__LegDescription **answer)
{
	struct room *room = room_find(m, msg->room);
	struct leg *leg = NULL;
	int r;

	if (!room || !msg->offer)
		return E_NOTFOUND;
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
	r = answer_make(leg, msg->offer, answer);
	if (r < 0) {
		leg_close(leg);
		return r;
	}
	timer_set(m->wheel, &leg->service,
		  m->now_ns + MEDIA_SERVICE_MS * NS_PER_MS);
	return 0;
}

/* Streams whose terms changed are made anew; the others go on. */
static void streams_change(struct leg *leg, const struct nego *next)
{
	const struct nego_stream *a = &leg->nego.audio, *b = &next->audio;
	const struct nego_stream *v = &leg->nego.video, *w = &next->video;
	bool is_same_video = v->codec == w->codec && v->mode == w->mode &&
			     v->has_rtx == w->has_rtx &&
			     v->ext_twcc == w->ext_twcc && v->pt == w->pt;

	if (b->section < 0 || a->codec != b->codec ||
	    a->ptime_ms != b->ptime_ms ||
	    a->max_bitrate_bps != b->max_bitrate_bps)
		audio_leg_free(&leg->audio);
	if (b->section < 0 || !(b->feedback & CV__FEEDBACK__FB_NACK))
		audio_repair_free(&leg->audio_repair);
	if (w->section < 0 || !is_same_video || !w->we_receive)
		video_in_free(&leg->vin);
	if (w->section < 0 || !is_same_video || !w->we_send)
		video_out_free(&leg->vout);
}

int leg_update(struct leg *leg, const Cv__LegUpdate *msg,
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
	streams_change(leg, &next);
	if (!is_new_peer)
		next.is_dtls_client = leg->nego.is_dtls_client;
	leg->nego = next;
	if (is_new_peer) {
		/* what was sealed under the old keys is of no use */
		audio_repair_free(&leg->audio_repair);
		/* other keys: the next check begins a new handshake */
		dtls_free(&leg->dtls);
		keys_drop(leg);
		set_phase(leg, CV__LEG_PHASE__LEG_NEW);
	}
	r = streams_open(leg);
	if (r == 0)
		r = answer_make(leg, msg->offer, answer);
	return r;
}

void leg_set(struct leg *leg, const Cv__LegFlags *f)
{
	bool was_hidden = leg->is_video_muted || !leg->is_admitted;

	flags_take(leg, f);
	if (leg->audio)
		audio_leg_set(leg->audio, leg->is_muted, leg->is_admitted);
	/* the decoder saw nothing meanwhile */
	if (was_hidden && leg->vin)
		video_in_restart(leg->vin);
}

void leg_close(struct leg *leg)
{
	struct media *m = leg->m;

	if (leg->is_dead)
		return;
	if (leg->dtls)
		dtls_shutdown(leg->dtls);
	leg->is_dead = true;
	timer_cancel(&leg->service);
	map_del(m->legs, span_of(&leg->handle, sizeof(leg->handle)));
	list_del(&leg->in_room);
	leg->room->n_legs--;
	/* what the room owns goes now, because the room may go next */
	audio_leg_free(&leg->audio);
	video_in_free(&leg->vin);
	video_out_free(&leg->vout);
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

void leg_tell_state(struct leg *leg)
{
	const struct video_in *v = leg->vin;
	bool sends = v && v->is_started &&
		     leg->m->now_ns - v->heard_ns < 2 * NS_PER_S;
	uint16_t w = v ? v->width : 0, h = v ? v->height : 0;

	if (!leg->is_moved && sends == leg->told_video &&
	    w == leg->told_width && h == leg->told_height)
		return;
	if (leg->told_ns &&
	    leg->m->now_ns - leg->told_ns < MEDIA_TELL_MS * NS_PER_MS)
		return;
	leg->told_ns = leg->m->now_ns;
	leg->is_moved = false;
	leg->told_video = sends;
	leg->told_width = w;
	leg->told_height = h;
	control_leg_state(leg);
}

static void tell_bandwidth(struct leg *leg)
{
	struct media *m = leg->m;
	uint32_t kbps;
	bool storm;

	if (!leg->vout || !leg_is_open(leg) ||
	    m->now_ns - leg->bandwidth_ns < NS_PER_S)
		return;
	leg->bandwidth_ns = m->now_ns;
	kbps = bwe_kbps(&leg->vout->bwe, m->now_ns);
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
	switch (ice_leg_life(leg->ice, leg->m->now_ns)) {
	case ICE_GONE:
		leg_gone(leg, "no consent");
		return false;
	case ICE_SILENT:
		set_phase(leg, CV__LEG_PHASE__LEG_SILENT);
		break;
	default:
		break;
	}
	if (!leg->dtls || dtls_state(leg->dtls) != DTLS_HANDSHAKE)
		return true;
	/* Checks alone must not hold one of the few places for ever. */
	if (leg->m->now_ns - leg->dtls_ns > MEDIA_DTLS_S * NS_PER_S)
		leg_gone(leg, "dtls took too long");
	else
		dtls_after(leg, dtls_timer(leg->dtls));
	return !leg->is_dead;
}

static void on_service(struct timer *t, void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;
	bool is_busy = leg->vin || leg->vout ||
		       (leg->audio_repair && leg->audio_repair->in.n) ||
		       leg->phase != CV__LEG_PHASE__LEG_SECURE;

	if (!check_life(leg))
		return;
	if (leg_is_open(leg)) {
		leg_rtcp_service(leg);
		if (leg->vout)
			video_out_filler(leg->vout, now_ns);
	}
	leg_tell_state(leg);
	tell_bandwidth(leg);
	timer_set(leg->m->wheel, t, now_ns + (is_busy
		  ? MEDIA_SERVICE_MS : MEDIA_SERVICE_AUDIO_MS) * NS_PER_MS);
}
