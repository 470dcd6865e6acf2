/* Offers as telephones and room systems write them, and ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "media/h264_level.h"
#include "media/negotiate_offer.h"

enum { SECTIONS = 4, CODECS = 6, KEYS = 6 };

struct offer {
	Cv__LegDescription d;
	Cv__Section s[SECTIONS], *sp[SECTIONS];
	Cv__Codec c[SECTIONS][CODECS], *cp[SECTIONS][CODECS];
	Cv__SdesKey k[SECTIONS][KEYS], *kp[SECTIONS][KEYS];
	Cv__Addr a[SECTIONS];
	uint8_t ip[16], key[46], fp[32];
};

static void offer_init(struct offer *o)
{
	memset(o, 0, sizeof(*o));
	cv__leg_description__init(&o->d);
	o->d.sections = o->sp;
	memcpy(o->ip + 10, (const uint8_t[]){0xff, 0xff, 8, 8, 4, 4}, 6);
	memset(o->key, 7, sizeof(o->key));
}

static Cv__Section *section(struct offer *o, Cv__MediaKind kind,
			    Cv__RtpProfile profile)
{
	size_t i = o->d.n_sections++;

	cv__section__init(&o->s[i]);
	cv__addr__init(&o->a[i]);
	o->sp[i] = &o->s[i];
	o->a[i].ip = (ProtobufCBinaryData){16, o->ip};
	o->a[i].port = 30000 + 2 * (unsigned)i;
	o->s[i].kind = kind;
	o->s[i].profile = profile;
	o->s[i].direction = CV__DIRECTION__DIR_SENDRECV;
	o->s[i].codecs = o->cp[i];
	o->s[i].sdes = o->kp[i];
	o->s[i].addr = &o->a[i];
	return &o->s[i];
}

static Cv__Codec *codec(struct offer *o, Cv__CodecName name, unsigned pt,
			unsigned hz)
{
	size_t i = o->d.n_sections - 1, k = o->s[i].n_codecs++;

	cv__codec__init(&o->c[i][k]);
	o->cp[i][k] = &o->c[i][k];
	o->c[i][k].name = name;
	o->c[i][k].pt = pt;
	o->c[i][k].clock_hz = hz;
	return &o->c[i][k];
}

static void key(struct offer *o, unsigned tag, Cv__SdesSuite suite)
{
	size_t i = o->d.n_sections - 1, k = o->s[i].n_sdes++;

	cv__sdes_key__init(&o->k[i][k]);
	o->kp[i][k] = &o->k[i][k];
	o->k[i][k].tag = tag;
	o->k[i][k].suite = suite;
	o->k[i][k].key_salt = (ProtobufCBinaryData){nego_suite_bytes(suite),
						    o->key};
}

static Cv__Section *phone(struct offer *o, Cv__RtpProfile profile)
{
	Cv__Section *s;

	offer_init(o);
	s = section(o, CV__MEDIA_KIND__KIND_AUDIO, profile);
	codec(o, CV__CODEC_NAME__CODEC_PCMU, 0, 8000);
	codec(o, CV__CODEC_NAME__CODEC_PCMA, 8, 8000);
	codec(o, CV__CODEC_NAME__CODEC_TELEPHONE_EVENT, 101, 8000);
	return s;
}

static Cv__Codec *h264(struct offer *o, uint32_t level_id, bool asymmetric)
{
	Cv__Codec *c;

	section(o, CV__MEDIA_KIND__KIND_VIDEO, o->s[0].profile);
	c = codec(o, CV__CODEC_NAME__CODEC_H264, 97, 90000);
	c->profile_level_id = level_id;
	c->level_asymmetry = asymmetric;
	c->packetization_mode = 1;
	c->feedback = CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI |
		      CV__FEEDBACK__FB_TWCC;
	return c;
}

static const struct nego_policy on = {CV__CRYPTO_MODE__CRYPTO_ON, true, false};
static const struct nego_policy best = {CV__CRYPTO_MODE__CRYPTO_BESTEFFORT,
					true, false};
static const struct nego_policy off = {CV__CRYPTO_MODE__CRYPTO_OFF, true,
				       false};
static const struct nego_policy open_signalling = {CV__CRYPTO_MODE__CRYPTO_ON,
						   false, false};

static const struct nego_local_plain ours = {
	.addr = {.ip = {[10] = 0xff, 0xff, 9, 9, 9, 9}, .port = 40002},
	.key_salt = {(const uint8_t *)"0123456789012345678901234567", 28}};

static Cv__LegDescription *answered(const struct offer *o,
				    const struct nego *n)
{
	static const uint8_t fp[32];
	const struct nego_local local = {
		.audio_plain = &ours, .video_plain = &ours,
		.audio_ssrc = 5, .video_ssrc = 6,
		.fingerprint = {fp, 32}, .kbps_in = 1500};
	Cv__LegDescription *a = NULL;

	assert_int_equal(nego_answer_new(&a, n, &o->d, &local), 0);
	return a;
}

/* --- keys -------------------------------------------------------------- */

static void test_plain__takes_the_best_suite(void **state)
{
	struct offer o;
	struct nego n;
	Cv__LegDescription *a;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_SAVP);
	key(&o, 1, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32);
	key(&o, 2, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
	key(&o, 9, CV__SDES_SUITE__SDES_AEAD_AES_128_GCM);
	key(&o, 4, CV__SDES_SUITE__SDES_AES_256_CM_HMAC_SHA1_80);
	assert_int_equal(nego_choose_plain(&n, &o.d, &on), 0);
	assert_int_equal(n.audio.t.crypto, NEGO_SDES);
	assert_int_equal(n.audio.t.suite,
			 CV__SDES_SUITE__SDES_AEAD_AES_128_GCM);
	a = answered(&o, &n);
	assert_int_equal(a->sections[0]->n_sdes, 1);
	assert_int_equal(a->sections[0]->sdes[0]->tag, 9);
	assert_int_equal(a->sections[0]->sdes[0]->key_salt.len, 28);
	assert_int_equal(a->sections[0]->addr->port, 40002);
	assert_int_equal(a->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_SAVP);
	assert_int_equal(a->ice_ufrag.len + a->fingerprint_sha256.len, 0);
	nego_answer_free(&a);
}

static void test_plain__a_short_tag_needs_a_setting(void **state)
{
	struct nego_policy p = on;
	struct offer o;
	struct nego n;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_SAVP);
	key(&o, 1, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32);
	assert_int_equal(nego_choose_plain(&n, &o.d, &p), E_UNSUPPORTED);
	p.is_sha1_32_allowed = true;
	assert_int_equal(nego_choose_plain(&n, &o.d, &p), 0);
	assert_int_equal(n.audio.t.suite,
			 CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_32);
}

static void test_plain__follows_the_mode(void **state)
{
	static const struct row {
		Cv__RtpProfile profile;
		bool has_key, has_fingerprint;
		const struct nego_policy *policy;
		int r;
		enum nego_crypto crypto;
	} rows[] = {
		{CV__RTP_PROFILE__PROFILE_AVP, 0, 0, &on, E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_AVP, 0, 0, &best, 0, NEGO_CLEAR},
		{CV__RTP_PROFILE__PROFILE_AVP, 0, 0, &off, 0, NEGO_CLEAR},
		{CV__RTP_PROFILE__PROFILE_AVP, 1, 0, &on, 0, NEGO_SDES},
		{CV__RTP_PROFILE__PROFILE_AVP, 1, 0, &best, 0, NEGO_SDES},
		{CV__RTP_PROFILE__PROFILE_AVP, 1, 0, &off, 0, NEGO_CLEAR},
		{CV__RTP_PROFILE__PROFILE_AVP, 1, 0, &open_signalling,
		 E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_SAVP, 1, 0, &on, 0, NEGO_SDES},
		{CV__RTP_PROFILE__PROFILE_SAVP, 1, 1, &on, 0, NEGO_DTLS},
		{CV__RTP_PROFILE__PROFILE_SAVP, 0, 0, &best, E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_SAVP, 1, 0, &off, E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_TLS_SAVPF, 0, 1, &on, 0, NEGO_DTLS},
		{CV__RTP_PROFILE__PROFILE_TLS_SAVPF, 0, 1, &open_signalling,
		 0, NEGO_DTLS},
		{CV__RTP_PROFILE__PROFILE_TLS_SAVPF, 1, 0, &on,
		 E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_TLS_SAVPF, 0, 1, &off,
		 E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_NONE, 1, 1, &best, E_UNSUPPORTED, 0},
		{CV__RTP_PROFILE__PROFILE_BFCP_TLS, 1, 1, &best,
		 E_UNSUPPORTED, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct offer o;
		struct nego n;
		Cv__Section *s = phone(&o, r->profile);

		if (r->has_key)
			key(&o, 1,
			    CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
		if (r->has_fingerprint)
			s->fingerprint_sha256 = (ProtobufCBinaryData){32,
								      o.fp};
		assert_int_equal(nego_choose_plain(&n, &o.d, r->policy), r->r);
		if (r->r == 0)
			assert_int_equal(n.audio.t.crypto, r->crypto);
	}
}

static void test_plain__a_key_of_wrong_length_is_none(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_SAVP);
	key(&o, 1, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
	o.k[0][0].key_salt.len = 29;
	assert_int_equal(nego_choose_plain(&n, &o.d, &on), E_UNSUPPORTED);
	o.k[0][0].key_salt.len = 30;
	o.k[0][0].tag = 0;
	assert_int_equal(nego_choose_plain(&n, &o.d, &on), E_UNSUPPORTED);
}

static void test_plain__refuses_only_the_section_without_keys(void **state)
{
	struct offer o;
	struct nego n;
	Cv__LegDescription *a;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_SAVP);
	key(&o, 1, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
	h264(&o, 0x42e01f, true);
	assert_int_equal(nego_choose_plain(&n, &o.d, &on), 0);
	assert_int_equal(n.video.section, NEGO_NONE);
	a = answered(&o, &n);
	assert_true(a->sections[1]->rejected);
	assert_null(a->sections[1]->addr);
	nego_answer_free(&a);
}

/* --- addresses --------------------------------------------------------- */

static void test_plain__reads_addresses(void **state)
{
	Cv__Addr rtcp = CV__ADDR__INIT;
	struct offer o;
	struct nego n;
	Cv__Section *s = phone(&o, CV__RTP_PROFILE__PROFILE_AVP);

	(void)state;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.audio.t.rtp.port, 30000);
	assert_int_equal(n.audio.t.rtcp.port, 30001);
	rtcp.ip = (ProtobufCBinaryData){16, o.ip};
	rtcp.port = 999;
	s->rtcp = &rtcp;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.audio.t.rtcp.port, 999);
	s->addr = NULL;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_false(n.audio.t.has_addr);
	s->addr = &o.a[0];
	o.a[0].port = 0;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), E_UNSUPPORTED);
	o.a[0].port = 65536;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), E_UNSUPPORTED);
	o.a[0].port = 65535;
	s->rtcp = NULL;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	o.a[0].ip.len = 4;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), E_UNSUPPORTED);
}

/* --- codecs ------------------------------------------------------------ */

static void test_plain__takes_events_in_the_clock_of_the_sound(void **state)
{
	struct offer o;
	struct nego n;
	Cv__LegDescription *a;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_AVP);
	codec(&o, CV__CODEC_NAME__CODEC_OPUS, 96, 48000);
	codec(&o, CV__CODEC_NAME__CODEC_TELEPHONE_EVENT, 100, 48000);
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.audio.codec, CV__CODEC_NAME__CODEC_OPUS);
	assert_int_equal(n.audio.dtmf_pt, 100);
	assert_int_equal(n.audio.dtmf_hz, 48000);
	a = answered(&o, &n);
	assert_int_equal(a->sections[0]->n_codecs, 2);
	assert_int_equal(a->sections[0]->codecs[1]->pt, 100);
	nego_answer_free(&a);
	o.c[0][4].clock_hz = 16000;	/* of no sound */
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.audio.dtmf_pt, 101);
	o.s[0].n_codecs = 2;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.audio.dtmf_pt, NEGO_NO_PT);
}

static void test_plain__has_feedback_by_the_profile(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_AVP);
	h264(&o, 0x42e01f, true);
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.feedback, 0);
	o.s[1].profile = CV__RTP_PROFILE__PROFILE_AVPF;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.feedback,
			 CV__FEEDBACK__FB_NACK | CV__FEEDBACK__FB_PLI);
	assert_false(n.video.has_rtx);
	/* RTCP would need a handshake of its own */
	o.s[1].profile = CV__RTP_PROFILE__PROFILE_TLS_SAVPF;
	o.s[1].fingerprint_sha256 = (ProtobufCBinaryData){32, o.fp};
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.feedback, 0);
	o.s[1].rtcp_mux = true;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_not_equal(n.video.feedback, 0);
}

static void test_plain__agrees_on_a_level(void **state)
{
	static const struct {
		uint32_t offer;
		bool asymmetric;
		uint32_t answer, max_fs, max_mbps, max_kbps;
	} rows[] = {
		{0x42e01f, true, 0x42e01f, 3600, 108000, 14000},
		{0x42e00d, true, 0x42e01f, 396, 11880, 768},
		{0x42e00d, false, 0x42e00d, 396, 11880, 768},
		{0x428028, false, 0x42801f, 8192, 245760, 20000},
		{0x42f00b, false, 0x42f00b, 99, 1485, 128},	/* 1b */
		{0x42f00b, true, 0x42e01f, 99, 1485, 128},
		{0, false, 0, 396, 11880, 768},
		{0x4200ff, false, 0x42001f, 36864, 983040, 240000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct offer o;
		struct nego n;
		Cv__LegDescription *a;

		phone(&o, CV__RTP_PROFILE__PROFILE_AVP);
		h264(&o, rows[i].offer, rows[i].asymmetric);
		assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
		assert_int_equal(n.video.max_fs, rows[i].max_fs);
		assert_int_equal(n.video.max_mbps, rows[i].max_mbps);
		assert_int_equal(n.video.max_kbps, rows[i].max_kbps);
		a = answered(&o, &n);
		assert_int_equal(a->sections[1]->codecs[0]->profile_level_id,
				 rows[i].answer);
		assert_int_equal(a->sections[1]->kbps, 1500);
		nego_answer_free(&a);
	}
}

/* RFC 6184 8.1: they raise a level and never lower it, and what the peer takes
 * is not told as if we took it. */
static void test_plain__limits_raise_a_level(void **state)
{
	struct offer o;
	struct nego n;
	Cv__LegDescription *a;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_AVP);
	h264(&o, 0x428016, true);	/* 2.2 */
	o.s[1].codecs[0]->max_fs = 9000;
	o.s[1].codecs[0]->max_mbps = 245000;
	o.s[1].codecs[0]->max_br = 5000;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.max_fs, 9000);
	assert_int_equal(n.video.max_mbps, 245000);
	assert_int_equal(n.video.max_kbps, 5000);
	a = answered(&o, &n);
	assert_int_equal(a->sections[1]->codecs[0]->max_fs, 0);
	assert_int_equal(a->sections[1]->codecs[0]->max_mbps, 0);
	assert_int_equal(a->sections[1]->codecs[0]->max_br, 0);
	nego_answer_free(&a);
	o.s[1].codecs[0]->max_fs = o.s[1].codecs[0]->max_br = 1;
	o.s[1].codecs[0]->max_mbps = 1;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.max_fs, 1620);
	assert_int_equal(n.video.max_mbps, 20250);
	assert_int_equal(n.video.max_kbps, 4000);
}

static void test_plain__takes_the_lesser_cap(void **state)
{
	struct offer o;
	struct nego n;

	(void)state;
	phone(&o, CV__RTP_PROFILE__PROFILE_AVP);
	h264(&o, 0x42e01f, true);
	o.s[1].kbps = 900;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.kbps, 900);
	o.d.kbps = 600;
	assert_int_equal(nego_choose_plain(&n, &o.d, &best), 0);
	assert_int_equal(n.video.kbps, 600);
}

/* --- ours -------------------------------------------------------------- */

static struct nego_offer_cfg our_cfg(const struct nego_policy *p,
				     const struct nego_offer_keys *k)
{
	struct nego_offer_cfg c = {.policy = *p, .kbps_in = 2000};

	c.audio.is_wanted = c.video.is_wanted = true;
	c.audio.local = c.video.local = ours;
	c.audio.keys = c.video.keys = k;
	return c;
}

static void test_offer__follows_the_mode(void **state)
{
	static const struct nego_offer_keys k;
	struct nego_offer_cfg c = our_cfg(&on, &k);
	Cv__LegDescription *d = NULL;

	(void)state;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	assert_int_equal(d->n_sections, 2);
	assert_int_equal(d->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_SAVP);
	/* four suites, no short tag, the best first */
	assert_int_equal(d->sections[0]->n_sdes, 4);
	assert_int_equal(d->sections[0]->sdes[0]->suite,
			 CV__SDES_SUITE__SDES_AEAD_AES_256_GCM);
	assert_int_equal(d->sections[0]->sdes[0]->tag, 1);
	assert_int_equal(d->sections[0]->codecs[0]->name,
			 CV__CODEC_NAME__CODEC_OPUS);
	nego_answer_free(&d);
	c.policy.is_sdes_allowed = false;
	assert_int_equal(nego_offer_new(&d, &c), E_UNSUPPORTED);
	c.is_dtls = true;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	assert_int_equal(d->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_TLS_SAVPF);
	assert_int_equal(d->sections[0]->n_sdes, 0);
	nego_answer_free(&d);
	c = our_cfg(&off, NULL);
	assert_int_equal(nego_offer_new(&d, &c), 0);
	assert_int_equal(d->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_AVP);
	nego_answer_free(&d);
	c.audio.is_wanted = c.video.is_wanted = false;
	assert_int_equal(nego_offer_new(&d, &c), E_INVAL);
}

static void answer_to(struct offer *a)
{
	phone(a, CV__RTP_PROFILE__PROFILE_SAVP);
	a->s[0].n_codecs = 2;
	key(a, 4, CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
	section(a, CV__MEDIA_KIND__KIND_VIDEO, CV__RTP_PROFILE__PROFILE_SAVP)
		->rejected = true;
}

static void test_offer__takes_an_answer_that_fits(void **state)
{
	static const struct nego_offer_keys k;
	struct nego_offer_cfg c = our_cfg(&on, &k);
	Cv__LegDescription *d = NULL;
	struct offer a;
	struct nego n;

	(void)state;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	answer_to(&a);
	assert_int_equal(nego_accept(&n, d, &a.d, &on), 0);
	assert_int_equal(n.audio.codec, CV__CODEC_NAME__CODEC_PCMU);
	assert_int_equal(n.audio.t.crypto, NEGO_SDES);
	assert_int_equal(n.video.section, NEGO_NONE);
	assert_ptr_equal(nego_offer_key(&k, n.audio.t.suite),
			 k.key_salt[3]);
	/* a codec that was not offered, a key that was not, a profile */
	a.c[0][0].pt = 96;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	answer_to(&a);
	a.k[0][0].tag = 3;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	answer_to(&a);
	a.s[0].profile = CV__RTP_PROFILE__PROFILE_AVP;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	answer_to(&a);
	a.s[0].n_sdes = 0;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_UNSUPPORTED);
	answer_to(&a);
	a.s[0].rtcp_mux = true;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	answer_to(&a);
	a.d.n_sections = 1;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	nego_answer_free(&d);
}

/* RFC 3261 14.2, 3264 8.3.2: of an open leg all is offered, too, and what is
 * agreed has the number that it has; no number means two things. */
static void test_offer__anew_offers_all_and_keeps_numbers(void **state)
{
	struct nego_offer_cfg c = our_cfg(&off, NULL);
	const struct {
		Cv__CodecName name;
		uint8_t pt;
	} audio[] = {
		{CV__CODEC_NAME__CODEC_OPUS, 107},
		{CV__CODEC_NAME__CODEC_G722, 9},
		{CV__CODEC_NAME__CODEC_PCMA, 8},
		{CV__CODEC_NAME__CODEC_PCMU, 0},
	};
	struct nego_stream a = {.codec = CV__CODEC_NAME__CODEC_PCMU,
		.t.profile = CV__RTP_PROFILE__PROFILE_AVP, .dtmf_pt = 101,
		.dtmf_hz = 8000};
	/* what we would call H.264 is VP8 here, and the other way round */
	struct nego_stream v = {.codec = CV__CODEC_NAME__CODEC_VP8, .pt = 97,
		.t.profile = CV__RTP_PROFILE__PROFILE_AVPF,
		.dtmf_pt = NEGO_NO_PT,
		.alt = {.codec = CV__CODEC_NAME__CODEC_H264, .pt = 98,
			.mode = 1}};
	Cv__LegDescription *d = NULL;
	const Cv__Section *s;
	unsigned pts = 0;

	(void)state;
	c.audio.agreed = &a;
	c.video.agreed = &v;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	s = d->sections[0];
	assert_int_equal(s->n_codecs, 6);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(s->codecs[i]->name, audio[i].name);
		assert_int_equal(s->codecs[i]->pt, audio[i].pt);
	}
	s = d->sections[1];
	assert_int_equal(s->profile, CV__RTP_PROFILE__PROFILE_AVPF);
	assert_int_equal(s->n_codecs, 3);
	for (size_t i = 0; i < 3; i++) {
		if (s->codecs[i]->name == CV__CODEC_NAME__CODEC_VP8)
			assert_int_equal(s->codecs[i]->pt, 97);
		else if (s->codecs[i]->packetization_mode == 1)
			assert_int_equal(s->codecs[i]->pt, 98);
		assert_true(s->codecs[i]->pt >= 96);
		pts |= 1u << (s->codecs[i]->pt - 96);
	}
	assert_int_equal(__builtin_popcount(pts), 3);
	nego_answer_free(&d);
	/* the default number is that of another codec */
	v.alt.codec = CV__CODEC_NAME__CODEC_NONE;
	pts = 0;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	s = d->sections[1];
	for (size_t i = 0; i < 3; i++)
		pts |= 1u << (s->codecs[i]->pt - 96);
	assert_int_equal(__builtin_popcount(pts), 3);
	nego_answer_free(&d);
}

static void test_offer__finds_sections_by_their_kind(void **state)
{
	static const struct nego_offer_keys k;
	struct nego_offer_cfg c = our_cfg(&on, &k);
	Cv__LegDescription *d = NULL;
	struct offer a;
	struct nego n;

	(void)state;
	assert_int_equal(nego_offer_new(&d, &c), 0);
	answer_to(&a);
	section(&a, CV__MEDIA_KIND__KIND_OTHER, CV__RTP_PROFILE__PROFILE_AVP)
		->rejected = true;
	a.sp[0] = &a.s[1];
	a.sp[1] = &a.s[2];
	a.sp[2] = &a.s[0];
	assert_int_equal(nego_accept(&n, d, &a.d, &on), 0);
	assert_int_equal(n.audio.section, 2);
	/* one that nobody offered, and one kind twice */
	a.s[2].rejected = false;
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	a.sp[1] = &a.s[0];
	assert_int_equal(nego_accept(&n, d, &a.d, &on), E_FORMAT);
	nego_answer_free(&d);
}

static int make_offer(void *arg)
{
	Cv__LegDescription *d = NULL;
	int r = nego_offer_new(&d, arg);

	nego_answer_free(&d);
	return r;
}

static void test_offer__survives_failing_allocations(void **state)
{
	static const struct nego_offer_keys k;
	struct nego_offer_cfg c = our_cfg(&on, &k);

	(void)state;
	assert_true(alloc_test_every(make_offer, &c, 5) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain__takes_the_best_suite),
		cmocka_unit_test(test_plain__a_short_tag_needs_a_setting),
		cmocka_unit_test(test_plain__follows_the_mode),
		cmocka_unit_test(test_plain__a_key_of_wrong_length_is_none),
		cmocka_unit_test(
			test_plain__refuses_only_the_section_without_keys),
		cmocka_unit_test(test_plain__reads_addresses),
		cmocka_unit_test(
			test_plain__takes_events_in_the_clock_of_the_sound),
		cmocka_unit_test(test_plain__has_feedback_by_the_profile),
		cmocka_unit_test(test_plain__agrees_on_a_level),
		cmocka_unit_test(test_plain__limits_raise_a_level),
		cmocka_unit_test(test_plain__takes_the_lesser_cap),
		cmocka_unit_test(test_offer__follows_the_mode),
		cmocka_unit_test(
			test_offer__anew_offers_all_and_keeps_numbers),
		cmocka_unit_test(test_offer__finds_sections_by_their_kind),
		cmocka_unit_test(test_offer__takes_an_answer_that_fits),
		cmocka_unit_test(test_offer__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
