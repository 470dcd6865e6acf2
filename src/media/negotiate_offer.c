#include "media/negotiate_offer.h"
#include "base/alloc.h"
#include "media/negotiate_int.h"

enum { CODECS = 6, SECTIONS = 5, PT_H224 = 100 };

static const Cv__SdesSuite suites[NEGO_SUITES] = {
	CV__SDES_SUITE__SDES_AEAD_AES_256_GCM,
	CV__SDES_SUITE__SDES_AEAD_AES_128_GCM,
	CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80,
	CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80,
	CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32,
};

static const struct row {
	bool is_video;
	Cv__CodecName name;
	uint8_t pt;
	uint32_t hz, channels, mode, level_id;
} rows[] = {
	{false, CV__CODEC_NAME__CODEC_OPUS, 107, 48000, 2, 0, 0},
	{false, CV__CODEC_NAME__CODEC_G722, 9, 8000, 1, 0, 0},
	{false, CV__CODEC_NAME__CODEC_PCMA, 8, 8000, 1, 0, 0},
	{false, CV__CODEC_NAME__CODEC_PCMU, 0, 8000, 1, 0, 0},
	{false, CV__CODEC_NAME__CODEC_TELEPHONE_EVENT, 110, 48000, 1, 0, 0},
	{false, CV__CODEC_NAME__CODEC_TELEPHONE_EVENT, 101, 8000, 1, 0, 0},
	{true, CV__CODEC_NAME__CODEC_H264, 97, 90000, 0, 1, 0x42e01f},
	{true, CV__CODEC_NAME__CODEC_H264, 99, 90000, 0, 0, 0x42e01f},
	{true, CV__CODEC_NAME__CODEC_VP8, 98, 90000, 0, 0, 0},
};

struct section {
	Cv__Section s;
	Cv__Codec codec[CODECS], *codecs[CODECS];
	Cv__SdesKey key[NEGO_SUITES], *keys[NEGO_SUITES];
	Cv__Addr addr;
	uint8_t ip[16];
};

struct offer {
	Cv__LegDescription d;
	Cv__Section *sections[SECTIONS];
	struct section at[SECTIONS];
};

static ProtobufCBinaryData bytes_of(const void *p, size_t n)
{
	return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static Cv__Codec *codec_add(struct section *o)
{
	size_t i = o->s.n_codecs++;

	cv__codec__init(&o->codec[i]);
	o->codecs[i] = &o->codec[i];
	o->s.codecs = o->codecs;
	return &o->codec[i];
}

/* The number that is agreed for it, or NEGO_NO_PT. */
static uint8_t agreed_pt(const struct nego_stream *st, const struct row *r)
{
	struct nego_way w;

	if (!st)
		return NEGO_NO_PT;
	if (r->name == CV__CODEC_NAME__CODEC_TELEPHONE_EVENT)
		return r->hz == st->dtmf_hz ? st->dtmf_pt : NEGO_NO_PT;
	w = nego_way_of(st, r->name);
	return w.codec == r->name && (r->name != CV__CODEC_NAME__CODEC_H264 ||
				      w.mode == r->mode) ? w.pt : NEGO_NO_PT;
}

/* A number never means another codec than before (RFC 3264 8.3.2). */
static bool is_taken(const struct nego_stream *st, uint8_t pt)
{
	bool is_rtx;

	return st && (st->dtmf_pt == pt ||
		      nego_way_of_pt(st, pt, &is_rtx).codec !=
		      CV__CODEC_NAME__CODEC_NONE);
}

static bool is_row_pt(uint8_t pt)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].pt == pt)
			return true;
	return false;
}

static uint8_t pt_of(const struct section *o, const struct nego_stream *st,
		     const struct row *r)
{
	enum { DYNAMIC_FIRST = 96, DYNAMIC_LAST = 127 };
	const uint8_t agreed = agreed_pt(st, r);
	bool is_free = !is_taken(st, r->pt);

	if (agreed != NEGO_NO_PT)
		return agreed;
	if (is_free || r->pt < DYNAMIC_FIRST)
		return r->pt;
	for (uint8_t pt = DYNAMIC_FIRST; pt <= DYNAMIC_LAST; pt++) {
		is_free = !is_taken(st, pt) && !is_row_pt(pt);
		for (size_t i = 0; i < o->s.n_codecs; i++)
			is_free &= o->codec[i].pt != pt;
		if (is_free)
			return pt;
	}
	return r->pt;			/* a section has a dozen at most */
}

static void add_codecs(struct section *o, const struct nego_offer_section *in,
		       bool is_video)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		uint8_t pt;
		Cv__Codec *c;

		if (r->is_video != is_video)
			continue;
		pt = pt_of(o, in->agreed, r);
		c = codec_add(o);
		c->name = r->name;
		c->pt = pt;
		c->clock_hz = r->hz;
		c->channels = r->channels;
		c->packetization_mode = r->mode;
		c->profile_level_id = r->level_id;
		c->level_asymmetry = r->level_id != 0;
		c->useinbandfec = r->name == CV__CODEC_NAME__CODEC_OPUS;
		if (is_video && nego_profile_has_feedback(o->s.profile))
			c->feedback = CV__FEEDBACK__FB_NACK |
				      CV__FEEDBACK__FB_PLI |
				      CV__FEEDBACK__FB_FIR;
		if (r->level_id && agreed_pt(in->agreed, r) != NEGO_NO_PT &&
		    in->agreed->answer_level_id)
			c->profile_level_id = in->agreed->answer_level_id;
	}
}

/* Alone in its section: no other number is in the way. */
static void add_h224(struct section *o, const struct nego_offer_section *in)
{
	Cv__Codec *c = codec_add(o);

	c->name = CV__CODEC_NAME__CODEC_H224;
	c->pt = in->agreed ? in->agreed->pt : PT_H224;
	c->clock_hz = H224_CLOCK_HZ;
	c->channels = 1;
}

static void add_keys(struct section *o, const struct nego_offer_section *in,
		     const struct nego_offer_cfg *cfg)
{
	const struct nego_stream *was = in->agreed;

	for (size_t i = 0; in->keys && i < NEGO_SUITES; i++) {
		Cv__SdesKey *k;

		if (suites[i] == CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32 &&
		    !cfg->policy.is_sha1_32_allowed)
			continue;
		if (was && was->t.crypto == NEGO_SDES &&
		    was->t.suite != suites[i])
			continue;
		k = &o->key[o->s.n_sdes];
		cv__sdes_key__init(k);
		k->tag = (uint32_t)o->s.n_sdes + 1;
		k->suite = suites[i];
		k->key_salt = bytes_of(in->keys->key_salt[i],
				       nego_suite_bytes(suites[i]));
		o->keys[o->s.n_sdes++] = k;
	}
	o->s.sdes = o->keys;
}

static bool uses_dtls(const struct nego_offer_cfg *cfg)
{
	return cfg->is_dtls &&
	       cfg->policy.crypto != CV__CRYPTO_MODE__CRYPTO_OFF;
}

static Cv__RtpProfile profile_of(const struct nego_offer_cfg *cfg)
{
	if (uses_dtls(cfg))
		return CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
	return cfg->policy.crypto == CV__CRYPTO_MODE__CRYPTO_ON
	       ? CV__RTP_PROFILE__PROFILE_SAVP : CV__RTP_PROFILE__PROFILE_AVP;
}

static void fill(struct section *o, const struct nego_offer_section *in,
		 const struct nego_offer_cfg *cfg, Cv__MediaKind kind)
{
	const bool is_video = kind == CV__MEDIA_KIND__KIND_VIDEO ||
			      kind == CV__MEDIA_KIND__KIND_SLIDES;

	cv__section__init(&o->s);
	o->s.kind = kind;
	o->s.direction = CV__DIRECTION__DIR_SENDRECV;
	o->s.profile = in->agreed ? in->agreed->t.profile : profile_of(cfg);
	if (kind == CV__MEDIA_KIND__KIND_FECC)
		add_h224(o, in);
	else
		add_codecs(o, in, is_video);
	memcpy(o->ip, in->local.addr.ip, sizeof(o->ip));
	cv__addr__init(&o->addr);
	o->addr.ip = bytes_of(o->ip, sizeof(o->ip));
	o->addr.port = in->local.addr.port;
	o->s.addr = &o->addr;
	o->s.ssrc = in->ssrc;
	o->s.kbps = is_video ? cfg->kbps_in : 0;
	o->s.rtcp_fb_tmmbr = kind == CV__MEDIA_KIND__KIND_VIDEO &&
			     nego_profile_has_feedback(o->s.profile);
	o->s.rtcp_mux = uses_dtls(cfg) || (in->agreed && in->agreed->t.is_mux);
	if (o->s.rtcp_mux) {
		o->s.ice_ufrag = bytes_of(in->local.ufrag.p, in->local.ufrag.n);
		o->s.ice_pwd = bytes_of(in->local.pwd.p, in->local.pwd.n);
	}
	if (uses_dtls(cfg)) {
		o->s.fingerprint_sha256 = bytes_of(cfg->fingerprint.p,
						   cfg->fingerprint.n);
		o->s.setup = CV__DTLS_SETUP__SETUP_ACTPASS;
	} else {
		add_keys(o, in, cfg);
	}
}

static struct section *section_add(struct offer *o)
{
	struct section *s = &o->at[o->d.n_sections];

	o->sections[o->d.n_sections++] = &s->s;
	return s;
}

static void add(struct offer *o, const struct nego_offer_section *in,
		const struct nego_offer_cfg *cfg, Cv__MediaKind kind)
{
	if (in->is_wanted)
		fill(section_add(o), in, cfg, kind);
}

/* By the leg's port or, when a connection is agreed, by the face's. */
static void add_bfcp(struct offer *o, const struct nego_offer_cfg *cfg)
{
	const bool is_clear = cfg->policy.crypto !=
			      CV__CRYPTO_MODE__CRYPTO_ON;
	Cv__RtpProfile p = cfg->bfcp_profile;
	struct section *s;

	if (p == CV__RTP_PROFILE__PROFILE_NONE)
		p = is_clear ? CV__RTP_PROFILE__PROFILE_BFCP_UDP
			     : CV__RTP_PROFILE__PROFILE_BFCP_DTLS;
	if (!cfg->slides.is_wanted ||
	    (!cfg->bfcp_local.addr.port && !nego_bfcp_is_stream(p)))
		return;
	s = section_add(o);
	cv__section__init(&s->s);
	s->s.kind = CV__MEDIA_KIND__KIND_OTHER;
	s->s.profile = p;
	if (nego_bfcp_is_stream(p))
		return;
	memcpy(s->ip, cfg->bfcp_local.addr.ip, sizeof(s->ip));
	cv__addr__init(&s->addr);
	s->addr.ip = bytes_of(s->ip, sizeof(s->ip));
	s->addr.port = cfg->bfcp_local.addr.port;
	s->s.addr = &s->addr;
	if (p != CV__RTP_PROFILE__PROFILE_BFCP_DTLS)
		return;
	s->s.fingerprint_sha256 = bytes_of(cfg->fingerprint.p,
					   cfg->fingerprint.n);
	s->s.setup = CV__DTLS_SETUP__SETUP_ACTPASS;
}

int nego_offer_new(Cv__LegDescription **out, const struct nego_offer_cfg *cfg)
{
	struct offer *o;

	if (!cfg->audio.is_wanted && !cfg->video.is_wanted)
		return E_INVAL;
	if (cfg->policy.crypto == CV__CRYPTO_MODE__CRYPTO_ON &&
	    !cfg->is_dtls && !cfg->policy.is_sdes_allowed)
		return E_UNSUPPORTED;
	o = mem_zalloc(sizeof(*o));
	if (!o)
		return E_NOMEM;
	cv__leg_description__init(&o->d);
	o->d.sections = o->sections;
	add(o, &cfg->audio, cfg, CV__MEDIA_KIND__KIND_AUDIO);
	add(o, &cfg->video, cfg, CV__MEDIA_KIND__KIND_VIDEO);
	add_bfcp(o, cfg);
	add(o, &cfg->slides, cfg, CV__MEDIA_KIND__KIND_SLIDES);
	add(o, &cfg->fecc, cfg, CV__MEDIA_KIND__KIND_FECC);
	*out = &o->d;
	return 0;
}

/* --- the answer to it -------------------------------------------------- */

static bool offered_codec(const Cv__Section *o, const Cv__Codec *c)
{
	for (size_t i = 0; i < o->n_codecs; i++)
		if (o->codecs[i]->pt == c->pt && o->codecs[i]->name == c->name)
			return true;
	return false;
}

static bool offered_key(const Cv__Section *o, const Cv__SdesKey *k)
{
	for (size_t i = 0; i < o->n_sdes; i++)
		if (o->sdes[i]->tag == k->tag && o->sdes[i]->suite == k->suite)
			return true;
	return false;
}

static int fits(const Cv__Section *o, const Cv__Section *a)
{
	if (a->profile != o->profile || a->n_sdes > 1)
		return E_FORMAT;
	for (size_t i = 0; i < a->n_codecs; i++)
		if (!offered_codec(o, a->codecs[i]))
			return E_FORMAT;
	if (a->n_sdes && !offered_key(o, a->sdes[0]))
		return E_FORMAT;
	/* mux is agreed only when both say so */
	return a->rtcp_mux && !o->rtcp_mux ? E_FORMAT : 0;
}

/* Sections that an offer within a call had to leave in their places, and their
 * order, are the face's: there is one of each kind. */
static const Cv__Section *offered(const Cv__LegDescription *offer,
				  Cv__MediaKind kind)
{
	for (size_t i = 0; i < offer->n_sections; i++)
		if (offer->sections[i]->kind == kind)
			return offer->sections[i];
	return NULL;
}

static int fits_all(const Cv__LegDescription *offer,
		    const Cv__LegDescription *answer)
{
	unsigned seen = 0;

	if (answer->n_sections < offer->n_sections)
		return E_FORMAT;
	for (size_t i = 0; i < answer->n_sections; i++) {
		const Cv__Section *a = answer->sections[i];
		const Cv__Section *o = offered(offer, a->kind);

		if (a->rejected)
			continue;
		if (!o || seen & 1u << (unsigned)a->kind ||
		    fits(o, a) < 0)
			return E_FORMAT;
		seen |= 1u << (unsigned)a->kind;
	}
	return 0;
}

int nego_accept(struct nego *out, const Cv__LegDescription *offer,
		const Cv__LegDescription *answer,
		const struct nego_policy *policy)
{
	int r = fits_all(offer, answer);

	if (r < 0)
		return r;
	/* which of us begins DTLS follows as from an offer: passive = we do */
	return nego_choose_plain(out, answer, policy);
}

const uint8_t *nego_offer_key(const struct nego_offer_keys *k,
			      Cv__SdesSuite suite)
{
	for (size_t i = 0; i < NEGO_SUITES; i++)
		if (suites[i] == suite)
			return k->key_salt[i];
	return NULL;
}
