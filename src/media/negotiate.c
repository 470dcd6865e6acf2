#include "media/negotiate_int.h"
#include "base/alloc.h"
#include "base/secret.h"

enum {
	H264_BASELINE = 0x42,
	DTMF_CLOCK_HZ = 8000,
	ANSWER_CODECS = 5,		/* two codecs with RTX; DTMF */
};

static const uint32_t feedback_known =
	CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI | CV__FEEDBACK__FB_FIR |
	CV__FEEDBACK__FB_REMB | CV__FEEDBACK__FB_TWCC;

static bool codec_is_audio(const Cv__Codec *c)
{
	return c->pt < 128 && c->name >= CV__CODEC_NAME__CODEC_OPUS &&
	       c->name <= CV__CODEC_NAME__CODEC_PCMA;
}

/* Level does not matter: pictures come in a few sizes far below it. */
static bool codec_is_our_h264(const Cv__Codec *c)
{
	uint32_t profile = c->profile_level_id >> 16 & 0xff;

	if (c->name != CV__CODEC_NAME__CODEC_H264 || c->pt > 127 ||
	    c->packetization_mode > 1)
		return false;
	return c->profile_level_id == 0 || profile == H264_BASELINE;
}

const Cv__Codec *nego_pick_audio(const Cv__Section *s)
{
	const Cv__Codec *other = NULL;

	for (size_t i = 0; i < s->n_codecs; i++) {
		const Cv__Codec *c = s->codecs[i];

		if (!codec_is_audio(c))
			continue;
		if (c->name == CV__CODEC_NAME__CODEC_OPUS)
			return c;
		if (!other)
			other = c;
	}
	return other;
}

const Cv__Codec *nego_pick_video(const Cv__Section *s)
{
	const Cv__Codec *other = NULL;

	for (size_t i = 0; i < s->n_codecs; i++) {
		const Cv__Codec *c = s->codecs[i];

		if (c->name == CV__CODEC_NAME__CODEC_VP8 && c->pt < 128)
			return c;
		if (!codec_is_our_h264(c))
			continue;
		if (c->packetization_mode == 1)
			return c;
		if (!other)
			other = c;
	}
	return other;
}

static void take_names(struct nego_stream *st, const Cv__Section *s)
{
	st->mid_n = (uint8_t)s->mid.len;
	if (s->mid.len)
		memcpy(st->mid, s->mid.data, s->mid.len);
	for (size_t i = 0; i < s->n_ssrcs && st->n_ssrcs < NEGO_SSRCS_MAX; i++)
		st->ssrcs[st->n_ssrcs++] = s->ssrcs[i];
}

static void take_exts(struct nego_stream *st, const Cv__Section *s,
		      bool is_video)
{
	for (size_t i = 0; i < s->n_exts; i++) {
		const Cv__Ext *e = s->exts[i];

		if (e->id < 1 || e->id > 14)
			continue;
		if (e->name == CV__EXT_NAME__EXT_MID)
			st->ext_mid = (uint8_t)e->id;
		if (!is_video && e->name == CV__EXT_NAME__EXT_AUDIO_LEVEL)
			st->ext_level = (uint8_t)e->id;
		if (is_video && e->name == CV__EXT_NAME__EXT_TWCC)
			st->ext_twcc = (uint8_t)e->id;
	}
}

static const Cv__Codec *find_pt(const Cv__Section *s, uint32_t pt)
{
	for (size_t i = 0; i < s->n_codecs; i++)
		if (s->codecs[i]->pt == pt)
			return s->codecs[i];
	return NULL;
}

static bool find_rtx(const Cv__Section *s, uint8_t pt, uint8_t *rtx_pt)
{
	for (size_t i = 0; i < s->n_codecs; i++) {
		const Cv__Codec *c = s->codecs[i];

		if (c->name != CV__CODEC_NAME__CODEC_RTX || c->pt > 127 ||
		    c->apt != pt || c->pt == pt)
			continue;
		*rtx_pt = (uint8_t)c->pt;
		return true;
	}
	return false;
}

static void take_rtx(struct nego_stream *st, const Cv__Section *s)
{
	st->has_rtx = find_rtx(s, st->pt, &st->rtx_pt);
}

struct nego_way nego_way_of_pt(const struct nego_stream *st, uint8_t pt,
			       bool *is_rtx)
{
	const struct nego_way first = nego_way_of(st, st->codec);

	*is_rtx = (first.has_rtx && first.rtx_pt == pt) ||
		  (st->alt.has_rtx && st->alt.rtx_pt == pt);
	if (first.pt == pt || (first.has_rtx && first.rtx_pt == pt))
		return first;
	if (st->alt.codec != CV__CODEC_NAME__CODEC_NONE &&
	    (st->alt.pt == pt || (st->alt.has_rtx && st->alt.rtx_pt == pt)))
		return st->alt;
	return (struct nego_way){.codec = CV__CODEC_NAME__CODEC_NONE};
}

struct nego_way nego_way_of(const struct nego_stream *st, Cv__CodecName codec)
{
	if (codec == st->codec)
		return (struct nego_way){st->codec, st->pt, st->rtx_pt,
					 st->has_rtx, st->mode};
	if (codec == st->alt.codec)
		return st->alt;
	return (struct nego_way){.codec = CV__CODEC_NAME__CODEC_NONE};
}

static uint32_t bit_of(const struct nego_way *w)
{
	if (w->codec == CV__CODEC_NAME__CODEC_VP8)
		return CV__SLIDES_CODEC__SLIDES_VP8;
	if (w->codec != CV__CODEC_NAME__CODEC_H264)
		return 0;
	return w->mode ? CV__SLIDES_CODEC__SLIDES_H264_MODE1
		       : CV__SLIDES_CODEC__SLIDES_H264_MODE0;
}

uint32_t nego_takes(const struct nego_stream *st)
{
	const struct nego_way first = nego_way_of(st, st->codec);

	return st->section < 0 ? 0 : bit_of(&first) | bit_of(&st->alt);
}

static void take(struct nego_stream *st, const Cv__Section *s, int section,
		 const Cv__Codec *c, bool is_video)
{
	*st = (struct nego_stream){
		.section = section,
		.we_send = s->direction & CV__DIRECTION__DIR_RECVONLY,
		.we_receive = s->direction & CV__DIRECTION__DIR_SENDONLY,
		.pt = (uint8_t)c->pt, .codec = c->name,
		.clock_hz = c->clock_hz, .kbps = s->kbps,
		.ptime_ms = c->ptime_ms,
		.max_bitrate_bps = c->maxaveragebitrate,
		.is_fec = c->useinbandfec,
		.mode = (uint8_t)c->packetization_mode,
		.profile_level_id = c->profile_level_id,
		.answer_level_id = c->profile_level_id,
		.is_asymmetric = c->level_asymmetry, .dtmf_pt = NEGO_NO_PT};
	take_names(st, s);
	take_exts(st, s, is_video);
	if (!is_video) {
		st->feedback = c->feedback & CV__FEEDBACK__FB_NACK;
		return;
	}
	take_rtx(st, s);
	st->feedback = c->feedback & feedback_known;
	/* feedback without numbers in the packets, or the reverse, is none */
	if (!st->ext_twcc || !(st->feedback & CV__FEEDBACK__FB_TWCC)) {
		st->ext_twcc = 0;
		st->feedback &= ~(uint32_t)CV__FEEDBACK__FB_TWCC;
	}
}

/* The codec that was not chosen, if it was offered as well. */
static void take_alt(struct nego_stream *st, const Cv__Section *s)
{
	for (size_t i = 0; i < s->n_codecs; i++) {
		const Cv__Codec *c = s->codecs[i];
		const bool fits = c->name == CV__CODEC_NAME__CODEC_VP8
			? c->pt < 128
			: codec_is_our_h264(c) && c->packetization_mode == 1;

		if (!fits || c->name == st->codec || c->pt == st->pt)
			continue;
		st->alt = (struct nego_way){.codec = c->name,
			.pt = (uint8_t)c->pt,
			.mode = (uint8_t)c->packetization_mode};
		st->alt.has_rtx = find_rtx(s, st->alt.pt, &st->alt.rtx_pt);
		st->alt_feedback = c->feedback & feedback_known;
		if (!st->ext_twcc)
			st->alt_feedback &= ~(uint32_t)CV__FEEDBACK__FB_TWCC;
		return;
	}
}

/* --- the choice -------------------------------------------------------- */

static int check_sections(const Cv__LegDescription *o)
{
	if (o->n_sections < 1 || o->n_sections > NEGO_SECTIONS_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < o->n_sections; i++) {
		const Cv__Section *s = o->sections[i];

		if (s->n_codecs > NEGO_CODECS_MAX ||
		    s->n_exts > NEGO_EXTS_MAX || s->mid.len > NEGO_MID_MAX)
			return E_LIMIT;
	}
	return 0;
}

static int check_ice(const Cv__LegDescription *o)
{
	if (o->ice_ufrag.len < 4 || o->ice_ufrag.len > 256 ||
	    o->ice_pwd.len < 22 || o->ice_pwd.len > 256 ||
	    o->fingerprint_sha256.len != 32)
		return E_FORMAT;
	return 0;
}

int nego_choose(struct nego *out, const Cv__LegDescription *offer)
{
	struct nego n = {.audio.section = NEGO_NONE,
			 .video.section = NEGO_NONE,
			 .bfcp.section = NEGO_NONE,
			 .fecc.section = NEGO_NONE,
			 .slides.section = NEGO_NONE};
	int r = check_ice(offer);

	if (r == 0)
		r = check_sections(offer);
	if (r < 0)
		return r;
	for (size_t i = 0; i < offer->n_sections; i++) {
		const Cv__Section *s = offer->sections[i];
		const Cv__Codec *c;

		if (s->rejected)
			continue;
		if (s->kind == CV__MEDIA_KIND__KIND_AUDIO &&
		    n.audio.section < 0 && (c = nego_pick_audio(s)) != NULL)
			take(&n.audio, s, (int)i, c, false);
		if (s->kind == CV__MEDIA_KIND__KIND_VIDEO &&
		    n.video.section < 0 && (c = nego_pick_video(s)) != NULL)
			take(&n.video, s, (int)i, c, true);
		if (s->kind == CV__MEDIA_KIND__KIND_SLIDES &&
		    n.slides.section < 0 && (c = nego_pick_video(s)) != NULL) {
			take(&n.slides, s, (int)i, c, true);
			take_alt(&n.slides, s);
		}
	}
	if (n.audio.section < 0 && n.video.section < 0)
		return E_UNSUPPORTED;
	n.is_dtls_client = offer->setup == CV__DTLS_SETUP__SETUP_PASSIVE;
	memcpy(n.fingerprint, offer->fingerprint_sha256.data, 32);
	*out = n;
	return 0;
}

/* Keys pressed: in the clock of the sound when it is offered so (RFC 4733
 * 2.1), else at 8 kHz, which many offer beside Opus. */
static void take_dtmf(struct nego_stream *st, const Cv__Section *s)
{
	uint32_t hz = st->codec == CV__CODEC_NAME__CODEC_OPUS ? 48000
							      : DTMF_CLOCK_HZ;

	for (size_t i = 0; i < s->n_codecs; i++) {
		const Cv__Codec *c = s->codecs[i];
		bool fits = c->clock_hz == hz;

		if (c->name != CV__CODEC_NAME__CODEC_TELEPHONE_EVENT ||
		    c->pt > 127 || c->pt == st->pt ||
		    (!fits && st->dtmf_pt != NEGO_NO_PT))
			continue;
		st->dtmf_pt = (uint8_t)c->pt;
		st->dtmf_hz = c->clock_hz ? c->clock_hz : DTMF_CLOCK_HZ;
		if (fits)
			return;
	}
}

/* RFC 6184 8.1: what is said beside a level only raises it. */
static uint32_t more(uint32_t said, uint32_t level)
{
	return said > level ? said : level;
}

/* Level and size, by the peer's word; ours is 3.1 both ways when levels may
 * differ, else the lower of both (RFC 6184 8.2.2). */
static void take_level(struct nego_stream *st, const Cv__Codec *c)
{
	struct h264_limits l;

	if (c->name != CV__CODEC_NAME__CODEC_H264) {
		st->max_fs = c->max_fs;
		st->max_mbps = c->max_mbps;
		return;
	}
	st->answer_level_id = h264_level_answer(c->profile_level_id,
						c->level_asymmetry);
	h264_level_limits(c->profile_level_id, &l);
	st->max_fs = more(c->max_fs, l.max_fs);
	st->max_mbps = more(c->max_mbps, l.max_mbps);
	st->max_kbps = more(c->max_br, l.max_kbps);
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

static void take_plain(struct nego_stream *st, const Cv__LegDescription *d,
		       int i, const Cv__Codec *c, bool is_video)
{
	const struct nego_transport t = st->t;
	const Cv__Section *s = d->sections[i];

	take(st, s, i, c, is_video);
	st->t = t;
	st->t.is_waiting = !t.has_addr && st->we_send;
	st->has_rtx = false;
	st->ext_level = st->ext_twcc = 0;
	st->kbps = lesser(s->kbps, d->kbps);
	st->feedback &= CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI |
			CV__FEEDBACK__FB_FIR | CV__FEEDBACK__FB_REMB;
	/* RTCP beside RTP would need a DTLS handshake of its own: none */
	st->has_tmmbr = is_video && s->rtcp_fb_tmmbr &&
			nego_profile_has_feedback(t.profile) &&
			(t.crypto != NEGO_DTLS || t.is_mux);
	if (!nego_profile_has_feedback(t.profile) ||
	    (t.crypto == NEGO_DTLS && !t.is_mux))
		st->feedback = 0;
	if (is_video) {
		take_level(st, c);
		return;
	}
	st->feedback = 0;
	take_dtmf(st, s);
}

/* What cannot be agreed is refused alone. */
static void take_bfcp(struct nego_bfcp *b, const Cv__LegDescription *offer,
		      int i, const struct nego_policy *policy)
{
	if (b->section < 0 &&
	    nego_bfcp_choose(&b->t, offer->sections[i], offer, policy) == 0)
		b->section = i;
}

static void take_fecc(struct nego_stream *st, const Cv__LegDescription *offer,
		      int i, const struct nego_policy *policy)
{
	const Cv__Section *s = offer->sections[i];
	struct nego_transport t;

	for (size_t k = 0; k < s->n_codecs && st->section < 0; k++) {
		const Cv__Codec *c = s->codecs[k];

		if (c->name != CV__CODEC_NAME__CODEC_H224 || c->pt > 127 ||
		    nego_transport_choose(&t, s, offer, policy) < 0)
			continue;
		take(st, s, i, c, false);
		st->t = t;
		st->t.is_waiting = !t.has_addr && st->we_send;
		st->feedback = 0;
	}
	secret_wipe(&t, sizeof(t));
}

/* Both codecs, where both are offered: what is presented is forwarded. One
 * limit for both, because the decoder behind them is one: the lesser. */
static void take_plain_alt(struct nego_stream *st, const Cv__Section *s)
{
	struct nego_stream alt = {.codec = CV__CODEC_NAME__CODEC_NONE};
	const Cv__Codec *c;

	take_alt(st, s);
	st->alt.has_rtx = false;
	st->alt_feedback &= st->feedback;
	c = st->alt.codec ? find_pt(s, st->alt.pt) : NULL;
	if (!c)
		return;
	take_level(&alt, c);
	st->max_fs = lesser(st->max_fs, alt.max_fs);
	st->max_mbps = lesser(st->max_mbps, alt.max_mbps);
	if (c->name == CV__CODEC_NAME__CODEC_H264)
		st->alt_level_id = alt.answer_level_id;
}

static struct nego_stream *stream_of(struct nego *n, Cv__MediaKind kind)
{
	switch (kind) {
	case CV__MEDIA_KIND__KIND_AUDIO: return &n->audio;
	case CV__MEDIA_KIND__KIND_VIDEO: return &n->video;
	case CV__MEDIA_KIND__KIND_SLIDES: return &n->slides;
	default: return NULL;
	}
}

int nego_choose_plain(struct nego *out, const Cv__LegDescription *offer,
		      const struct nego_policy *policy)
{
	struct nego n = {.audio.section = NEGO_NONE,
			 .video.section = NEGO_NONE,
			 .bfcp.section = NEGO_NONE,
			 .fecc.section = NEGO_NONE,
			 .slides.section = NEGO_NONE};
	int r = check_sections(offer);

	for (size_t i = 0; r == 0 && i < offer->n_sections; i++) {
		const Cv__Section *s = offer->sections[i];
		struct nego_stream *st = stream_of(&n, s->kind);
		const bool is_video = st != &n.audio;
		const Cv__Codec *c;

		if (!s->rejected && nego_profile_is_bfcp(s->profile))
			take_bfcp(&n.bfcp, offer, (int)i, policy);
		if (!s->rejected && s->kind == CV__MEDIA_KIND__KIND_FECC)
			take_fecc(&n.fecc, offer, (int)i, policy);
		if (s->rejected || !st || st->section >= 0)
			continue;
		c = is_video ? nego_pick_video(s) : nego_pick_audio(s);
		if (c && nego_transport_choose(&st->t, s, offer, policy) == 0)
			take_plain(st, offer, (int)i, c, is_video);
		if (st == &n.slides && st->section >= 0)
			take_plain_alt(st, s);
	}
	if (r == 0 && n.audio.section < 0 && n.video.section < 0)
		r = E_UNSUPPORTED;
	if (r == 0)
		*out = n;
	secret_wipe(&n, sizeof(n));
	return r;
}

/* --- the answer -------------------------------------------------------- */

struct out_section {
	Cv__Section s;
	Cv__Addr addr;
	uint8_t ip[16];
	Cv__SdesKey key;
	Cv__SdesKey *keys[1];
	Cv__Codec codec[ANSWER_CODECS];
	Cv__Codec *codecs[ANSWER_CODECS];
	Cv__Ext *exts[NEGO_EXTS_MAX];
};

struct answer {
	Cv__LegDescription d;
	Cv__Section *sections[NEGO_SECTIONS_MAX];
	Cv__Candidate **candidates;
	struct out_section at[];
};

static Cv__Direction direction_of(const struct nego_stream *st)
{
	return (Cv__Direction)((st->we_send ? CV__DIRECTION__DIR_SENDONLY : 0) |
			       (st->we_receive ? CV__DIRECTION__DIR_RECVONLY
					       : 0));
}

static void add_codec(struct out_section *o, const Cv__Codec *c)
{
	size_t i = o->s.n_codecs;

	if (!c || i == ANSWER_CODECS)
		return;
	o->codec[i] = *c;
	o->codecs[i] = &o->codec[i];
	o->s.codecs = o->codecs;
	o->s.n_codecs = i + 1;
}

static void add_rtx(struct out_section *o, const Cv__Codec *c)
{
	add_codec(o, c);
	o->codec[o->s.n_codecs - 1].feedback = 0;
}

static void add_ext(struct out_section *o, Cv__Ext *e)
{
	o->exts[o->s.n_exts++] = e;
	o->s.exts = o->exts;
}

static void fill_stream(struct out_section *o, const Cv__Section *offer,
			const struct nego_stream *st, bool is_video)
{
	o->s.direction = direction_of(st);
	add_codec(o, find_pt(offer, st->pt));
	o->codec[0].feedback = st->feedback;
	if (!is_video && st->codec == CV__CODEC_NAME__CODEC_OPUS)
		o->codec[0].useinbandfec = true;
	o->codec[0].profile_level_id = st->answer_level_id;
	if (st->dtmf_pt != NEGO_NO_PT)
		add_codec(o, find_pt(offer, st->dtmf_pt));
	if (st->has_rtx)
		add_rtx(o, find_pt(offer, st->rtx_pt));
	if (st->alt.codec != CV__CODEC_NAME__CODEC_NONE) {
		add_codec(o, find_pt(offer, st->alt.pt));
		o->codec[o->s.n_codecs - 1].feedback = st->alt_feedback;
		if (st->alt_level_id)
			o->codec[o->s.n_codecs - 1].profile_level_id =
				st->alt_level_id;
	}
	if (st->alt.has_rtx)
		add_rtx(o, find_pt(offer, st->alt.rtx_pt));
	for (size_t i = 0; i < offer->n_exts; i++) {
		Cv__Ext *e = offer->exts[i];

		if (e->name == CV__EXT_NAME__EXT_MID ||
		    (e->id == st->ext_level &&
		     e->name == CV__EXT_NAME__EXT_AUDIO_LEVEL) ||
		    (e->id == st->ext_twcc &&
		     e->name == CV__EXT_NAME__EXT_TWCC))
			add_ext(o, e);
	}
}

static ProtobufCBinaryData bytes_of(const void *p, size_t n)
{
	return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

/* Address and keys of a section without ICE. */
static void fill_transport(struct out_section *o,
			   const struct nego_transport *t,
			   const struct nego_local_plain *p,
			   const struct nego_local *local)
{
	memcpy(o->ip, p->addr.ip, sizeof(o->ip));
	cv__addr__init(&o->addr);
	o->addr.ip = bytes_of(o->ip, sizeof(o->ip));
	o->addr.port = p->addr.port;
	o->s.addr = &o->addr;
	o->s.rtcp_mux = t->is_mux;
	o->s.ice_ufrag = bytes_of(p->ufrag.p, p->ufrag.n);
	o->s.ice_pwd = bytes_of(p->pwd.p, p->pwd.n);
	if (t->crypto == NEGO_SDES) {
		cv__sdes_key__init(&o->key);
		o->key.tag = t->sdes_tag;
		o->key.suite = t->suite;
		o->key.key_salt = bytes_of(p->key_salt.p, p->key_salt.n);
		o->keys[0] = &o->key;
		o->s.sdes = o->keys;
		o->s.n_sdes = 1;
	} else if (t->crypto == NEGO_DTLS) {
		o->s.fingerprint_sha256 = bytes_of(local->fingerprint.p,
						   local->fingerprint.n);
		o->s.setup = t->is_dtls_client ? CV__DTLS_SETUP__SETUP_ACTIVE
					       : CV__DTLS_SETUP__SETUP_PASSIVE;
	}
}

static void fill_plain(struct out_section *o, const struct nego_stream *st,
		       const struct nego_local_plain *p,
		       const struct nego_local *local)
{
	/* his limits are no word about ours */
	for (size_t i = 0; i < o->s.n_codecs; i++)
		o->codec[i].max_fs = o->codec[i].max_mbps =
			o->codec[i].max_br = 0;
	o->codec[0].ptime_ms = 0;
	fill_transport(o, &st->t, p, local);
}

static void fill_section(struct out_section *o, const Cv__Section *offer,
			 const struct nego *n, int i,
			 const struct nego_local *local)
{
	cv__section__init(&o->s);
	o->s.mid = offer->mid;
	o->s.kind = offer->kind;
	o->s.profile = offer->profile;
	o->s.direction = CV__DIRECTION__DIR_INACTIVE;
	if (i == n->bfcp.section) {
		/* over connections the face knows the address */
		if (local->bfcp_plain && local->bfcp_plain->addr.port)
			fill_transport(o, &n->bfcp.t, local->bfcp_plain,
				       local);
		return;
	}
	if (i == n->audio.section) {
		fill_stream(o, offer, &n->audio, false);
		o->s.ssrc = n->audio.we_send ? local->audio_ssrc : 0;
		if (local->audio_plain)
			fill_plain(o, &n->audio, local->audio_plain, local);
		return;
	}
	if (i == n->video.section) {
		fill_stream(o, offer, &n->video, true);
		o->s.ssrc = n->video.we_send ? local->video_ssrc : 0;
		o->s.rtx_ssrc = n->video.we_send && n->video.has_rtx
				? local->video_rtx_ssrc : 0;
		if (local->video_plain) {
			fill_plain(o, &n->video, local->video_plain, local);
			o->s.kbps = local->kbps_in;
			o->s.rtcp_fb_tmmbr = n->video.has_tmmbr;
		}
		return;
	}
	if (i == n->slides.section) {
		fill_stream(o, offer, &n->slides, true);
		o->s.ssrc = n->slides.we_send ? local->slides_ssrc : 0;
		o->s.rtx_ssrc = n->slides.we_send && n->slides.has_rtx
				? local->slides_rtx_ssrc : 0;
		if (local->slides_plain) {
			fill_plain(o, &n->slides, local->slides_plain, local);
			o->s.kbps = local->kbps_in;
		}
		return;
	}
	if (i == n->fecc.section) {
		fill_stream(o, offer, &n->fecc, false);
		o->s.ssrc = n->fecc.we_send ? local->fecc_ssrc : 0;
		if (local->fecc_plain)
			fill_plain(o, &n->fecc, local->fecc_plain, local);
		return;
	}
	o->s.rejected = o->s.n_codecs == 0;
	if (o->s.rejected && offer->n_codecs)
		add_codec(o, offer->codecs[0]);
}

static void fill(struct answer *a, const struct nego *n,
		 const Cv__LegDescription *offer,
		 const struct nego_local *local)
{
	Cv__LegDescription *d = &a->d;

	cv__leg_description__init(d);
	d->ice_ufrag = bytes_of(local->ufrag.p, local->ufrag.n);
	d->ice_pwd = bytes_of(local->pwd.p, local->pwd.n);
	if (!local->audio_plain)	/* else each section has its own */
		d->fingerprint_sha256 = bytes_of(local->fingerprint.p,
						 local->fingerprint.n);
	d->setup = n->is_dtls_client ? CV__DTLS_SETUP__SETUP_ACTIVE
				     : CV__DTLS_SETUP__SETUP_PASSIVE;
	for (size_t i = 0; i < offer->n_sections; i++) {
		fill_section(&a->at[i], offer->sections[i], n, (int)i, local);
		a->sections[i] = &a->at[i].s;
	}
	d->sections = a->sections;
	d->n_sections = offer->n_sections;
	for (size_t i = 0; i < local->n_candidates; i++)
		a->candidates[i] =
			(Cv__Candidate *)(uintptr_t)&local->candidates[i];
	d->candidates = a->candidates;
	d->n_candidates = local->n_candidates;
}

int nego_answer_new(Cv__LegDescription **out, const struct nego *n,
		    const Cv__LegDescription *offer,
		    const struct nego_local *local)
{
	struct answer *a;

	if (offer->n_sections > NEGO_SECTIONS_MAX)
		return E_LIMIT;
	a = mem_zalloc(sizeof(*a) + offer->n_sections * sizeof(a->at[0]) +
		       local->n_candidates * sizeof(a->candidates[0]));
	if (!a)
		return E_NOMEM;
	a->candidates = (Cv__Candidate **)(void *)&a->at[offer->n_sections];
	fill(a, n, offer, local);
	*out = &a->d;
	return 0;
}

void nego_answer_free(Cv__LegDescription **d)
{
	/* the description is the block's first member */
	mem_free(*d);
	*d = NULL;
}
