/* Offers in the shape that real devices send them (written by hand), and
 * what we make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "ipc/codec_copy.h"
#include "ipc/ipc.h"
#include "sip/offer.h"
#include "wire/sdp/codec.h"

static char text[SDP_BYTES_MAX];
static struct arena *arena;
static const char *why;
static struct sip_offer_seen seen;
static struct outguard_net allowed[2], own[1];
static struct outguard_rules guard = {.allowed = allowed, .n_allowed = 2,
				      .own = own, .n_own = 1};
static struct addr source, local;

static int setup(void **state)
{
	(void)state;
	why = NULL;
	(void)outguard_net_parse(&allowed[0], SPAN_LIT("203.0.113.0/24"));
	(void)outguard_net_parse(&allowed[1], SPAN_LIT("2001:db8::/32"));
	(void)outguard_net_parse(&own[0], SPAN_LIT("198.51.100.9"));
	(void)addr_parse(&source, SPAN_LIT("10.1.2.3"), 5060);
	(void)addr_parse(&local, SPAN_LIT("198.51.100.9"), 0);
	return arena_new(&arena, SIP_OFFER_ARENA_BYTES);
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct span load(const char *name)
{
	char path[512];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), DATA_DIR "/%s.sdp", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("no %s", path);
	n = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	return span_of(text, n);
}

static struct sip_offer_rules rules(void)
{
	return (struct sip_offer_rules){.guard = &guard, .source = &source,
					.sdes = true};
}

static Cv__LegDescription *read_ok(struct span sdp)
{
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d = NULL;
	int e = sip_offer_read(&d, sdp, &r, arena, &seen, &why);

	if (e != 0)
		fail_msg("%s: %s", err_name(e), why);
	return d;
}

static int read_bad(struct span sdp)
{
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d = NULL;
	int e = sip_offer_read(&d, sdp, &r, arena, &seen, &why);

	assert_true(e == 0 || (d == NULL && why));
	return e;
}

static const Cv__Codec *codec(const Cv__Section *s, Cv__CodecName name)
{
	for (size_t i = 0; i < s->n_codecs; i++)
		if (s->codecs[i]->name == name)
			return s->codecs[i];
	return NULL;
}

static bool is_at(const Cv__Addr *a, const char *ip, uint32_t port)
{
	struct addr want;

	assert_int_equal(addr_parse(&want, span_str(ip), 0), 0);
	return a && a->port == port && a->ip.len == 16 &&
	       memcmp(a->ip.data, want.ip, 16) == 0;
}

/* --- devices ----------------------------------------------------------------- */

static void test_sip_offer__baresip_with_sdes(void **state)
{
	const Cv__LegDescription *d = read_ok(load("baresip-sdes"));
	const Cv__Section *a = d->sections[0], *v = d->sections[1];

	(void)state;
	assert_int_equal(d->n_sections, 2);
	assert_int_equal(a->profile, CV__RTP_PROFILE__PROFILE_SAVP);
	assert_true(is_at(a->addr, "203.0.113.20", 21432));
	assert_true(is_at(a->rtcp, "203.0.113.20", 21433));
	assert_false(a->rtcp_mux);
	/* _32 is left out unless asked for */
	assert_int_equal(a->n_sdes, 1);
	assert_int_equal(a->sdes[0]->tag, 1);
	assert_int_equal(a->sdes[0]->suite,
			 CV__SDES_SUITE__SDES_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(a->sdes[0]->key_salt.len, 30);
	assert_memory_equal(a->sdes[0]->key_salt.data, "YS___semctl", 11);
	assert_int_equal(a->n_codecs, 5);
	assert_true(codec(a, CV__CODEC_NAME__CODEC_OPUS)->stereo);
	assert_int_equal(a->ssrcs[0], 1917498174);
	assert_int_equal(a->kbps, 125);
	assert_int_equal(v->kind, CV__MEDIA_KIND__KIND_VIDEO);
	assert_int_equal(v->codecs[0]->profile_level_id, 0x42801f);
	assert_int_equal(v->codecs[0]->feedback, CV__FEEDBACK__FB_PLI);
	assert_int_equal(v->direction, CV__DIRECTION__DIR_SENDRECV);
}

static void test_sip_offer__sdes_only_if_allowed(void **state)
{
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d;

	(void)state;
	r.sdes_32 = true;
	assert_int_equal(sip_offer_read(&d, load("baresip-sdes"), &r, arena,
					NULL, &why), 0);
	assert_int_equal(d->sections[0]->n_sdes, 2);
	r.sdes = false;
	assert_int_equal(sip_offer_read(&d, load("baresip-sdes"), &r, arena,
					NULL, &why), 0);
	assert_int_equal(d->sections[0]->n_sdes, 0);
	assert_false(d->sections[0]->rejected);
}

static void test_sip_offer__baresip_with_dtls(void **state)
{
	const Cv__LegDescription *d = read_ok(load("baresip-dtls"));
	const Cv__Section *a = d->sections[0];

	(void)state;
	assert_int_equal(a->profile, CV__RTP_PROFILE__PROFILE_TLS_SAVPF);
	assert_int_equal(a->fingerprint_sha256.len, 32);
	assert_int_equal(a->fingerprint_sha256.data[0], 0x6b);
	assert_int_equal(a->setup, CV__DTLS_SETUP__SETUP_ACTPASS);
	assert_true(a->rtcp_mux && !a->rtcp);
	assert_int_equal(d->fingerprint_sha256.len, 32);
}

static void test_sip_offer__linphone(void **state)
{
	const Cv__LegDescription *d = read_ok(load("linphone"));
	const Cv__Section *a = d->sections[0], *v = d->sections[1];

	(void)state;
	assert_int_equal(a->profile, CV__RTP_PROFILE__PROFILE_SAVPF);
	assert_int_equal(a->n_sdes, 3);
	assert_int_equal(a->sdes[0]->key_salt.len, 46);
	assert_int_equal(a->sdes[2]->suite,
			 CV__SDES_SUITE__SDES_AEAD_AES_128_GCM);
	assert_true(v->rtcp_fb_tmmbr);
	assert_int_equal(codec(v, CV__CODEC_NAME__CODEC_VP8)->feedback,
			 CV__FEEDBACK__FB_PLI | CV__FEEDBACK__FB_FIR);
	assert_int_equal(d->kbps, 1152);
	assert_int_equal(d->ice_ufrag.len, 4);
	assert_int_equal(a->n_codecs, 5);
}

static void test_sip_offer__cisco_with_slides_and_floor_control(void **state)
{
	const Cv__LegDescription *d = read_ok(load("cisco"));
	const Cv__Section *v = d->sections[1], *b = d->sections[2],
			  *s = d->sections[3];

	(void)state;
	assert_int_equal(d->n_sections, 5);
	assert_int_equal(d->sections[0]->n_sdes, 1);	/* tag 0 is none */
	assert_int_equal(v->kind, CV__MEDIA_KIND__KIND_VIDEO);
	assert_int_equal(v->codecs[0]->max_fs, 9000);
	assert_int_equal(v->codecs[0]->max_mbps, 245000);
	assert_int_equal(v->codecs[1]->packetization_mode, 1);
	assert_true(v->rtcp_fb_tmmbr);
	assert_int_equal(v->label, 11);
	assert_int_equal(v->kbps, 5872);
	assert_int_equal(b->kind, CV__MEDIA_KIND__KIND_OTHER);
	assert_int_equal(b->profile, CV__RTP_PROFILE__PROFILE_BFCP_UDP);
	assert_true(b->bfcp_server && b->bfcp_conf == 1 && b->bfcp_user == 4);
	assert_true(b->bfcp_floor == 2 && b->label == 12);
	assert_int_equal(s->kind, CV__MEDIA_KIND__KIND_SLIDES);
	assert_int_equal(s->label, 12);
	assert_int_equal(d->sections[4]->kind, CV__MEDIA_KIND__KIND_FECC);
	assert_false(d->sections[4]->rejected);
	assert_non_null(codec(d->sections[4], CV__CODEC_NAME__CODEC_H224));
}

static void test_sip_offer__poly_names_its_slides_by_label(void **state)
{
	const Cv__LegDescription *d = read_ok(load("poly"));

	(void)state;
	assert_int_equal(d->n_sections, 6);
	assert_int_equal(d->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_AVP);
	assert_int_equal(d->sections[1]->kind, CV__MEDIA_KIND__KIND_VIDEO);
	assert_int_equal(d->sections[2]->kind, CV__MEDIA_KIND__KIND_SLIDES);
	assert_true(d->sections[3]->rejected);
	/* it opens the connection: port 9 is no place to send to */
	assert_false(d->sections[4]->rejected);
	assert_null(d->sections[4]->addr);
	assert_int_equal(d->sections[4]->setup, CV__DTLS_SETUP__SETUP_ACTIVE);
	assert_int_equal(d->sections[5]->kind, CV__MEDIA_KIND__KIND_FECC);
	assert_int_equal(d->sections[5]->codecs[0]->pt, 100);
	assert_int_equal(d->sections[5]->codecs[0]->clock_hz, 4800);
}

static void test_sip_offer__freeswitch_offers_twice(void **state)
{
	const Cv__LegDescription *d = read_ok(load("freeswitch"));
	struct sip_offer_rules r = rules();
	Cv__LegDescription *e;

	(void)state;
	assert_false(d->sections[0]->rejected);
	assert_true(d->sections[1]->rejected);
	assert_int_equal(d->sections[0]->n_sdes, 2);
	/* without keys the clear one is the one that can be answered */
	r.sdes = false;
	assert_int_equal(sip_offer_read(&e, load("freeswitch"), &r, arena, NULL,
					&why), 0);
	assert_true(e->sections[0]->rejected);
	assert_false(e->sections[1]->rejected);
}

static void test_sip_offer__rtpengine_and_asterisk(void **state)
{
	const Cv__LegDescription *d = read_ok(load("rtpengine"));

	(void)state;
	assert_int_equal(d->sections[0]->profile,
			 CV__RTP_PROFILE__PROFILE_TLS_SAVP);
	assert_int_equal(d->sections[0]->fingerprint_sha256.len, 32);
	assert_true(d->sections[0]->rtcp_mux && !d->sections[0]->rtcp);
	d = read_ok(load("asterisk"));
	assert_true(is_at(d->sections[0]->addr, "2001:db8:0:60::5", 18012));
	assert_int_equal(d->sections[0]->codecs[0]->ptime_ms, 20);
	assert_int_equal(codec(d->sections[0], CV__CODEC_NAME__CODEC_OPUS)->pt,
			 107);
}

/* --- addresses ----------------------------------------------------------------- */

static struct span audio(const char *c, const char *port, const char *more)
{
	struct wr w = wr_of(text, sizeof(text));
	struct span s;

	wr_str(&w, "v=0\r\no=- 1 2 IN IP4 203.0.113.1\r\ns=-\r\nc=");
	wr_str(&w, c);
	wr_str(&w, "\r\nt=0 0\r\nm=audio ");
	wr_str(&w, port);
	wr_str(&w, " RTP/AVP 0\r\n");
	wr_str(&w, more);
	assert_int_equal(wr_end(&w, &s), 0);
	return s;
}

static void test_sip_offer__nobody_may_name_these_addresses(void **state)
{
	static const struct {
		const char *c;
		enum outguard_reason why;
	} bad[] = {
		{"IN IP4 127.0.0.1", OUTGUARD_LOOPBACK},
		{"IN IP4 169.254.1.1", OUTGUARD_LINK_LOCAL},
		{"IN IP4 169.254.169.254", OUTGUARD_METADATA},
		{"IN IP4 224.2.1.1", OUTGUARD_MULTICAST},
		{"IN IP4 224.2.1.1/127", OUTGUARD_MULTICAST},
		{"IN IP4 255.255.255.255", OUTGUARD_BROADCAST},
		{"IN IP4 240.0.0.1", OUTGUARD_RESERVED},
		{"IN IP4 198.51.100.9", OUTGUARD_OWN},
		{"IN IP6 ::1", OUTGUARD_LOOPBACK},
		{"IN IP6 fe80::1", OUTGUARD_LINK_LOCAL},
		{"IN IP6 ff02::1", OUTGUARD_MULTICAST},
		{"IN IP6 ::ffff:127.0.0.1", OUTGUARD_LOOPBACK},
		{"IN IP6 ::ffff:169.254.169.254", OUTGUARD_METADATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_bad(audio(bad[i].c, "4000", "")),
				 E_DENIED);
		assert_int_equal(seen.refused, bad[i].why);
	}
	/* also for whoever it comes from */
	assert_int_equal(addr_parse(&source, SPAN_LIT("127.0.0.1"), 1), 0);
	assert_int_equal(read_bad(audio("IN IP4 127.0.0.1", "4000", "")),
			 E_DENIED);
	/* a section that is rejected is not looked at */
	assert_int_equal(read_bad(audio("IN IP4 127.0.0.1", "0", "")), 0);
}

static void test_sip_offer__ports_below_1024(void **state)
{
	(void)state;
	assert_int_equal(read_bad(audio("IN IP4 203.0.113.1", "1023", "")),
			 E_DENIED);
	assert_int_equal(read_bad(audio("IN IP4 203.0.113.1", "1024", "")), 0);
	assert_int_equal(read_bad(audio("IN IP4 203.0.113.1", "4000",
					"a=rtcp:53\r\n")), E_DENIED);
	assert_int_equal(read_bad(audio("IN IP4 203.0.113.1", "4000",
					"a=rtcp:4001 IN IP4 127.0.0.1\r\n")),
			 E_DENIED);
}

static void test_sip_offer__private_addresses_only_of_the_sender(void **state)
{
	const Cv__LegDescription *d;

	(void)state;
	d = read_ok(audio("IN IP4 10.1.2.3", "4000", ""));
	assert_true(is_at(d->sections[0]->addr, "10.1.2.3", 4000));
	d = read_ok(audio("IN IP4 10.1.2.4", "4000", ""));
	assert_null(d->sections[0]->addr);
	assert_int_equal(seen.unnamed, 1);
	assert_int_equal(d->sections[0]->direction,
			 CV__DIRECTION__DIR_SENDRECV);
	assert_false(d->sections[0]->rejected);
}

static void test_sip_offer__names_are_never_resolved(void **state)
{
	const Cv__LegDescription *d;

	(void)state;
	d = read_ok(audio("IN IP4 localhost", "4000", ""));
	assert_null(d->sections[0]->addr);
	assert_int_equal(seen.names, 1);
	assert_int_equal(read_bad(audio("IN IP4 a.example/3", "4000", "")),
			 E_FORMAT);
}

static void test_sip_offer__hold_in_both_forms(void **state)
{
	const Cv__LegDescription *d = read_ok(load("hold-2543"));

	(void)state;
	assert_null(d->sections[0]->addr);
	assert_int_equal(d->sections[0]->direction,
			 CV__DIRECTION__DIR_SENDONLY);
	d = read_ok(audio("IN IP6 ::", "4000", "a=recvonly\r\n"));
	assert_int_equal(d->sections[0]->direction,
			 CV__DIRECTION__DIR_INACTIVE);
	d = read_ok(audio("IN IP4 203.0.113.1", "4000", "a=sendonly\r\n"));
	assert_int_equal(d->sections[0]->direction,
			 CV__DIRECTION__DIR_SENDONLY);
	assert_non_null(d->sections[0]->addr);
}

/* --- odd numbers of sections ------------------------------------------------------ */

static void test_sip_offer__none_and_many_sections(void **state)
{
	struct wr w = wr_of(text, sizeof(text));
	const Cv__LegDescription *d;
	struct span s;

	(void)state;
	d = read_ok(SPAN_LIT("v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nt=0 0\r\n"));
	assert_int_equal(d->n_sections, 0);
	wr_str(&w, "v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nc=IN IP4 203.0.113.1\r\n");
	for (int i = 0; i < 64; i++)
		wr_str(&w, "m=audio 4000 RTP/AVP 0\r\n");
	assert_int_equal(wr_end(&w, &s), 0);
	d = read_ok(s);
	assert_int_equal(d->n_sections, 64);
	for (int i = 1; i < 64; i++)
		assert_true(d->sections[i]->rejected);
	for (int i = 64; i < 200; i++)
		wr_str(&w, "m=audio 4000 RTP/AVP 0\r\n");
	assert_int_equal(wr_end(&w, &s), 0);
	assert_int_equal(read_bad(s), E_LIMIT);
}

static void test_sip_offer__what_we_cannot_do_is_rejected(void **state)
{
	const Cv__LegDescription *d = read_ok(SPAN_LIT(
		"v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
		"m=audio 4000 RTP/AVP 18\r\n"
		"m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"
		"m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n"
		"m=audio 4000 TCP/RTP/AVP 0\r\nm=text 4000 RTP/AVP 0\r\n"
		"m=message 4000 TCP/MSRP *\r\nm=image 4000 udptl t38\r\n"));

	(void)state;
	assert_int_equal(d->n_sections, 7);
	for (int i = 0; i < 7; i++)
		assert_true(d->sections[i]->rejected);
	assert_int_equal(read_bad(SPAN_LIT("v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\n"
		"m=audio 4000 RTP/AVP 0\r\n")), E_FORMAT);
}

/* --- writing ------------------------------------------------------------------------ */

struct ours {
	Cv__LegDescription d;
	Cv__Section *list[8], s[8];
	Cv__Codec *codecs[8][2], c[8][2];
	Cv__SdesKey *keys[8][1], k[8][1];
	Cv__Addr addr[8];
	uint8_t key[46];
};

/* What media would say to an offer: the first codec of each section. */
static void take_all(struct ours *o, const Cv__LegDescription *offer)
{
	memset(o->key, 0x5a, sizeof(o->key));
	cv__leg_description__init(&o->d);
	o->d.sections = o->list;
	o->d.n_sections = offer->n_sections;
	assert_true(offer->n_sections <= 8);
	for (size_t i = 0; i < offer->n_sections; i++) {
		Cv__Section *in = offer->sections[i], *s = &o->s[i];
		o->list[i] = s;
		*s = *in;
		s->n_sdes = 0;
		s->setup = CV__DTLS_SETUP__SETUP_PASSIVE;
		if (in->rejected)
			continue;
		cv__addr__init(&o->addr[i]);
		o->addr[i].ip = ipc_data(span_of(local.ip, 16));
		o->addr[i].port = (uint32_t)(20000 + 2 * i);
		s->addr = &o->addr[i];
		s->rtcp = NULL;
		if (in->ice_ufrag.len) {
			s->ice_ufrag = ipc_data(SPAN_LIT("ours"));
			s->ice_pwd = ipc_data(SPAN_LIT("lkjihgfedcba9876543210"));
		}
		s->codecs = o->codecs[i];
		s->n_codecs = in->n_codecs > 0;
		if (in->n_codecs > 0) {
			o->c[i][0] = *in->codecs[0];
			o->codecs[i][0] = &o->c[i][0];
		}
		if (in->n_sdes > 0) {
			o->k[i][0] = *in->sdes[0];
			o->k[i][0].key_salt.data = o->key;
			o->keys[i][0] = &o->k[i][0];
			s->sdes = o->keys[i];
			s->n_sdes = 1;
		}
	}
}

static struct sip_offer_self self(void)
{
	return (struct sip_offer_self){.sess_id = 77, .version = 3,
				       .local = &local};
}

static struct span answer(struct ours *o, struct span offer)
{
	struct sip_offer_self me = self();
	struct span out;

	take_all(o, read_ok(offer));
	int r = sip_answer_write(&out, offer, &o->d, &me, arena);
	if (r != 0)
		fail_msg("%s", err_name(r));
	return out;
}

static bool contains(struct span s, const char *line)
{
	return memmem(s.p, s.n, line, strlen(line)) != NULL;
}

static void test_sip_answer__mirrors_the_offer(void **state)
{
	static struct ours o;
	struct span out = answer(&o, load("cisco"));
	struct sdp s;

	(void)state;
	assert_int_equal(sdp_decode(&s, out, arena, NULL), 0);
	assert_int_equal(s.sections_n, 5);
	assert_true(contains(out, "o=- 77 3 IN IP4 198.51.100.9\r\n"));
	assert_true(contains(out, "m=audio 20000 RTP/SAVP 9\r\n"));
	assert_true(contains(out, "m=application 20004 UDP/BFCP *\r\n"));
	assert_true(contains(out, "a=floorid:2 mstrm:12\r\n"));
	assert_true(contains(out, "a=content:slides\r\na=label:12\r\n"));
	assert_true(contains(out, "m=application 20008 RTP/SAVP 107\r\n"));
	assert_true(contains(out, "a=rtcp-fb:* ccm tmmbr\r\n"));
	assert_true(contains(out, "a=rtpmap:107 H224/4800\r\n"));
	assert_int_equal(s.sections[4].port, 20008);
	assert_true(contains(out, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
				  "WlpaWlpa"));
	assert_false(contains(out, "a=ice"));
}

static void test_sip_answer__dtls_and_bfcp_over_tcp(void **state)
{
	static struct ours o;
	struct span out = answer(&o, load("baresip-dtls"));

	(void)state;
	assert_true(contains(out, "m=audio 20000 UDP/TLS/RTP/SAVPF 96\r\n"));
	assert_true(contains(out, "a=setup:passive\r\na=rtcp-mux\r\n"));
	out = answer(&o, load("poly"));
	assert_true(contains(out, "m=application 0 TCP/BFCP *\r\n"));
	assert_true(contains(out, "m=application 20008 TCP/BFCP *\r\n"));
	assert_true(contains(out, "a=setup:passive\r\na=connection:new\r\n"));
	assert_false(contains(out, "bfcpver"));
}

/* One candidate for each section; a lite peer, or RTCP on a port of its own,
 * gets none. */
static void test_sip_answer__ice_is_lite(void **state)
{
	static const struct {
		const char *session, *section;
		bool has;
	} rows[] = {
		{"", "a=rtcp-mux\r\n", true},
		{"a=ice-lite\r\n", "a=rtcp-mux\r\n", false},
		{"", "", false},
	};
	static struct ours o;
	char in[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span out;
		int n = snprintf(in, sizeof(in),
			"v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\n"
			"c=IN IP4 203.0.113.1\r\nt=0 0\r\n%s"
			"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n"
			"m=audio 4000 RTP/AVP 0\r\n%s", rows[i].session,
			rows[i].section);

		out = answer(&o, span_of(in, (size_t)n));
		assert_int_equal(contains(out, "a=ice-lite\r\n"), rows[i].has);
		assert_int_equal(contains(out, "a=ice-ufrag:ours\r\n"),
				 rows[i].has);
		assert_int_equal(contains(out, "a=candidate:1 1 udp 2130706431 "
			"198.51.100.9 20000 typ host\r\n"), rows[i].has);
	}
}

static void test_sip_answer__directions_answer_the_offers(void **state)
{
	static struct ours o;
	struct span out;

	(void)state;
	out = answer(&o, load("hold-2543"));
	assert_true(contains(out, "a=recvonly\r\n") ||
		    contains(out, "a=inactive\r\n"));
	char keep[1024];
	struct span in = audio("IN IP4 203.0.113.1", "4000", "a=sendonly\r\n");
	memcpy(keep, in.p, in.n);
	in.p = (uint8_t *)keep;
	struct sip_offer_self me = self();
	take_all(&o, read_ok(in));
	o.s[0].direction = CV__DIRECTION__DIR_SENDRECV;
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), 0);
	assert_true(contains(out, "a=recvonly\r\n"));
}

static void test_sip_answer__refuses_what_was_not_offered(void **state)
{
	static struct ours o;
	struct sip_offer_self me = self();
	struct span in = load("baresip-sdes"), out;

	(void)state;
	take_all(&o, read_ok(in));
	o.c[0][0].pt = 77;
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), E_INVAL);
	take_all(&o, read_ok(in));
	o.s[1].addr = NULL;
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), E_INVAL);
	take_all(&o, read_ok(in));
	o.s[1].profile = CV__RTP_PROFILE__PROFILE_AVP;
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), E_INVAL);
	take_all(&o, read_ok(in));
	o.d.n_sections = 1;
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), E_INVAL);
	/* port 0 cannot be made alive again by an answer */
	in = audio("IN IP4 203.0.113.1", "0", "");
	take_all(&o, read_ok(in));
	o.s[0].rejected = false;
	o.s[0].addr = &o.addr[0];
	assert_int_equal(sip_answer_write(&out, in, &o.d, &me, arena), E_INVAL);
}

/* Our offer, read again as a peer's, and a peer's answer to it. */
static struct span our_offer(struct ours *o, const char *like)
{
	static char keep[SIP_OFFER_TEXT_MAX];
	struct sip_offer_self me = self();
	struct span out;

	take_all(o, read_ok(load(like)));
	for (size_t i = 0; i < o->d.n_sections; i++)
		if (o->s[i].rejected)
			o->s[i].profile = CV__RTP_PROFILE__PROFILE_NONE;
	assert_int_equal(sip_offer_write(&out, &o->d, &me, arena), 0);
	memcpy(keep, out.p, out.n);
	return span_of(keep, out.n);
}

static int read_answer(struct span ours, struct span theirs,
		       Cv__LegDescription **d)
{
	struct sip_offer_rules r = rules();

	r.ours = ours;
	return sip_offer_read(d, theirs, &r, arena, &seen, &why);
}

#define A_HEAD "v=0\r\no=- 1 2 IN IP4 203.0.113.9\r\ns=-\r\n"                 \
	       "c=IN IP4 203.0.113.9\r\nt=0 0\r\n"
#define KEY "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

static void test_sip_offer__ours_and_its_answers(void **state)
{
	static const struct {
		const char *text;
		int code;
	} answers[] = {
		{A_HEAD "m=audio 5000 RTP/SAVP 96 0\r\na=rtpmap:96 opus/48000/2"
		 "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"
		 "m=video 0 RTP/SAVP 97\r\n", 0},
		{A_HEAD "m=audio 5000 RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2"
		 "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n",
		 E_UNSUPPORTED},
		{A_HEAD "m=video 0 RTP/SAVP 97\r\nm=audio 0 RTP/SAVP 96\r\n",
		 E_UNSUPPORTED},
		{A_HEAD "m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
		 "m=video 0 RTP/SAVP 97\r\n", E_UNSUPPORTED},
		{A_HEAD "m=audio 5000 RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
		 "m=video 0 RTP/SAVP 97\r\n", E_UNSUPPORTED},
		{A_HEAD "m=audio 5000 RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
		 "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"
		 "m=video 0 RTP/SAVP 97\r\n", E_UNSUPPORTED},
		{A_HEAD "m=audio 5000 RTP/SAVP 8\r\n"
		 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\r\n"
		 "m=video 0 RTP/SAVP 97\r\n", E_UNSUPPORTED},
	};
	static struct ours o;
	Cv__LegDescription *d;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		arena_reset(arena);
		struct span ours = our_offer(&o, "baresip-sdes");
		int e = read_answer(ours, span_str(answers[i].text), &d);
		if (e != answers[i].code)
			fail_msg("%zu: %s %s", i, err_name(e), why);
		if (e != 0)
			continue;
		assert_int_equal(d->sections[0]->n_codecs, 1);
		assert_int_equal(d->sections[0]->n_sdes, 1);
		assert_true(d->sections[1]->rejected);
		assert_int_equal(d->sections[1]->kind,
				 CV__MEDIA_KIND__KIND_VIDEO);
	}
}

static void test_sip_offer__floor_control_fits_us_or_is_rejected(void **state)
{
	static const struct {
		const char *lines;
		bool is_taken;
	} cases[] = {
		{"m=application 5070 UDP/BFCP *\r\na=floorctrl:c-only\r\n",
		 true},
		{"m=application 5070 UDP/BFCP *\r\na=floorctrl:c-s\r\n",
		 true},
		{"m=application 5070 UDP/BFCP *\r\na=floorctrl:s-only\r\n",
		 false},
		{"m=application 5070 TCP/BFCP *\r\na=setup:actpass\r\n", true},
		{"m=application 9 TCP/BFCP *\r\na=setup:active\r\n", true},
		{"m=application 5070 TCP/BFCP *\r\na=setup:passive\r\n",
		 false},
		{"m=application 5070 UDP/BFCP *\r\na=setup:passive\r\n", true},
	};
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d;
	char sdp[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		arena_reset(arena);
		(void)snprintf(sdp, sizeof(sdp),
			       "v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\n"
			       "c=IN IP4 203.0.113.9\r\nt=0 0\r\n"
			       "m=audio 5000 RTP/AVP 8\r\n%s", cases[i].lines);
		assert_int_equal(sip_offer_read(&d, span_str(sdp), &r, arena,
						NULL, &why), 0);
		assert_int_equal(d->n_sections, 2);
		if (d->sections[1]->rejected == cases[i].is_taken)
			fail_msg("%zu", i);
	}
}

static void test_sip_offer__ours_reads_back(void **state)
{
	static const char *const like[] = {"baresip-sdes", "baresip-dtls",
					   "cisco", "poly", "asterisk"};
	static struct ours o;
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d;

	(void)state;
	r.guard = NULL;
	for (size_t i = 0; i < sizeof(like) / sizeof(like[0]); i++) {
		arena_reset(arena);
		struct span ours = our_offer(&o, like[i]);
		r.source = &local;
		assert_int_equal(sip_offer_read(&d, ours, &r, arena, NULL,
						&why), 0);
		assert_int_equal(d->n_sections, o.d.n_sections);
		for (size_t k = 0; k < d->n_sections; k++) {
			const Cv__Section *a = d->sections[k];
			const Cv__Section *b = o.d.sections[k];
			/* two floor control servers cannot meet */
			assert_int_equal(a->rejected,
					 b->rejected || b->bfcp_server);
			if (a->rejected)
				continue;
			assert_int_equal(a->kind, b->kind);
			assert_int_equal(a->profile, b->profile);
			assert_int_equal(a->n_codecs, b->n_codecs);
			assert_int_equal(a->n_sdes, b->n_sdes);
			assert_int_equal(a->label, b->label);
			assert_int_equal(a->bfcp_floor, b->bfcp_floor);
		}
	}
}

/* RFC 3264 8: within a call each section keeps its place, what is not offered
 * stays there rejected, what is new takes a rejected one of its media or comes
 * behind. */
static void test_sip_offer__ours_keeps_places_within_a_call(void **state)
{
	static const struct {
		const char *last, *want;
	} cases[] = {
		{"m=video 4000 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
		 "m=audio 4002 RTP/AVP 0\r\n", "va"},
		{"m=audio 4000 RTP/AVP 0\r\n", "av"},
		{"m=text 0 RTP/AVP 98\r\nm=audio 0 RTP/AVP 0\r\n"
		 "m=video 0 RTP/AVP 97\r\nm=audio 4000 RTP/AVP 0\r\n", "-0va"},
		{"m=application 4000 UDP/BFCP *\r\nm=audio 4002 RTP/AVP 0\r\n",
		 "-av"},
	};
	static const char ours[] =
		"v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\n"
		"c=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n"
		"m=video 5002 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n";
	static char last[2048];
	static struct ours o;
	struct sdp s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_offer_self me = self();
		struct span out;

		arena_reset(arena);
		take_all(&o, read_ok(span_str(ours)));
		(void)snprintf(last, sizeof(last),
			       "v=0\r\no=- 77 3 IN IP4 198.51.100.9\r\ns=-\r\n"
			       "c=IN IP4 198.51.100.9\r\nt=0 0\r\n%s",
			       cases[i].last);
		me.last = span_str(last);
		assert_int_equal(sip_offer_write(&out, &o.d, &me, arena), 0);
		assert_int_equal(sdp_decode(&s, out, arena, NULL), 0);
		assert_int_equal(s.sections_n, strlen(cases[i].want));
		for (size_t k = 0; k < s.sections_n; k++) {
			const struct sdp_section *m = &s.sections[k];
			const char c = cases[i].want[k];

			assert_int_equal(m->port, c == 'a' ? 20000 :
					 c == 'v' ? 20002 : 0);
			if (m->port)
				assert_int_equal(m->media.p[0],
						 c == 'v' ? 'v' : 'a');
		}
	}
}

static void test_sip_offer__ours_has_an_end_within_a_call(void **state)
{
	static char last[8192];
	static struct ours o;
	struct sip_offer_self me = self();
	struct span out;
	size_t n;

	(void)state;
	take_all(&o, read_ok(load("baresip-sdes")));
	n = (size_t)snprintf(last, sizeof(last),
			     "v=0\r\no=- 77 3 IN IP4 198.51.100.9\r\ns=-\r\n"
			     "c=IN IP4 198.51.100.9\r\nt=0 0\r\n");
	for (size_t i = 0; i < SDP_SECTIONS_MAX; i++)
		n += (size_t)snprintf(last + n, sizeof(last) - n,
				      "m=text 0 RTP/AVP 98\r\n");
	me.last = span_str(last);
	assert_int_equal(sip_offer_write(&out, &o.d, &me, arena), E_LIMIT);
	me.last = SPAN_LIT("v=0\r\nnothing\r\n");
	assert_true(sip_offer_write(&out, &o.d, &me, arena) < 0);
}

static void test_sip_offer__keys_are_wiped(void **state)
{
	static const uint8_t zero[46];
	Cv__LegDescription *d = read_ok(load("linphone"));

	(void)state;
	sip_offer_wipe(d);
	for (size_t i = 0; i < d->sections[0]->n_sdes; i++)
		assert_memory_equal(d->sections[0]->sdes[i]->key_salt.data,
				    zero,
				    d->sections[0]->sdes[i]->key_salt.len);
	sip_offer_wipe(NULL);
}

static void test_sip_offer__a_small_arena_is_an_error(void **state)
{
	struct sip_offer_rules r = rules();
	struct span in = load("cisco");
	Cv__LegDescription *d;
	int last = E_NOMEM;

	(void)state;
	for (size_t max = 64; max < 64 * 1024; max += 96) {
		struct arena *small = NULL;
		assert_int_equal(arena_new(&small, max), 0);
		last = sip_offer_read(&d, in, &r, small, NULL, &why);
		assert_true(last == 0 || last == E_NOMEM);
		arena_free(&small);
	}
	assert_int_equal(last, 0);
}

static int body_read(void *arg)
{
	const struct span *in = arg;
	struct sip_offer_rules r = rules();
	Cv__LegDescription *d = NULL;
	struct arena *a = NULL;
	int e = arena_new(&a, SIP_OFFER_ARENA_BYTES);

	if (e == 0)
		e = sip_offer_read(&d, *in, &r, a, NULL, &why);
	arena_free(&a);
	return e;
}

static void test_sip_offer__survives_each_failing_allocation(void **state)
{
	struct span in = load("cisco");

	(void)state;
	assert_true(alloc_test_every(body_read, &in, 200) > 0);
}

/* 64 KB made to cost much: as many formats, maps and floors as fit. */
static void test_sip_offer__takes_nothing_from_costly_text(void **state)
{
	struct wr w = wr_of(text, sizeof(text));
	struct span s;

	(void)state;
	wr_str(&w, "v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nc=IN IP4 203.0.113.1\r\n");
	for (int i = 0; i < 7; i++) {
		wr_str(&w, "m=video 4000 RTP/AVP");
		for (int k = 0; k < 96; k++)
			wr_str(&w, " 99");
		wr_str(&w, "\r\na=label:1\r\n");
		for (int k = 0; k < 500; k++)
			wr_str(&w, "a=rtpmap:98 X/1\r\n");
	}
	assert_int_equal(wr_end(&w, &s), 0);
	assert_true(read_ok(s)->sections[6]->rejected);
}

/* A field that the message has and ipc/codec_copy.h forgot comes back as 0. */
static void test_sip_codec__every_field_is_copied(void **state)
{
	const ProtobufCMessageDescriptor *d = &cv__codec__descriptor;
	Cv__Codec c = CV__CODEC__INIT, back;
	struct sdp_codec w;

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++) {
		void *at = (char *)&c + d->fields[i].offset;
		if (d->fields[i].type == PROTOBUF_C_TYPE_BOOL)
			*(protobuf_c_boolean *)at = true;
		else if (d->fields[i].type == PROTOBUF_C_TYPE_ENUM)
			*(Cv__CodecName *)at = CV__CODEC_NAME__CODEC_H264;
		else
			*(uint32_t *)at = i + 100;
	}
	w = CODEC_TO_WIRE(&c);
	CODEC_TO_IPC(&back, &w);
	assert_int_equal(back.name, CV__CODEC_NAME__CODEC_H264);
	for (unsigned i = 0; i < d->n_fields; i++) {
		unsigned at = d->fields[i].offset;
		size_t n = d->fields[i].type == PROTOBUF_C_TYPE_BOOL
			? sizeof(protobuf_c_boolean) : 4;
		if (memcmp((char *)&back + at, (char *)&c + at, n) != 0)
			fail_msg("%s is not copied", d->fields[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_sip_##name, setup, teardown)
		T(codec__every_field_is_copied),
		T(offer__baresip_with_sdes), T(offer__sdes_only_if_allowed),
		T(offer__baresip_with_dtls), T(offer__linphone),
		T(offer__cisco_with_slides_and_floor_control),
		T(offer__floor_control_fits_us_or_is_rejected),
		T(offer__poly_names_its_slides_by_label),
		T(offer__freeswitch_offers_twice),
		T(offer__rtpengine_and_asterisk),
		T(offer__nobody_may_name_these_addresses),
		T(offer__ports_below_1024),
		T(offer__private_addresses_only_of_the_sender),
		T(offer__names_are_never_resolved),
		T(offer__hold_in_both_forms),
		T(offer__none_and_many_sections),
		T(offer__what_we_cannot_do_is_rejected),
		T(answer__mirrors_the_offer),
		T(answer__ice_is_lite),
		T(answer__dtls_and_bfcp_over_tcp),
		T(answer__directions_answer_the_offers),
		T(answer__refuses_what_was_not_offered),
		T(offer__ours_and_its_answers), T(offer__ours_reads_back),
		T(offer__ours_keeps_places_within_a_call),
		T(offer__ours_has_an_end_within_a_call),
		T(offer__keys_are_wiped),
		T(offer__survives_each_failing_allocation),
		T(offer__takes_nothing_from_costly_text), T(offer__a_small_arena_is_an_error),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
