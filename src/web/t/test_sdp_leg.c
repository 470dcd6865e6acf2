#include "http/t/t.h"
#include <stdlib.h>
#include "base/addr.h"
#include "base/alloc_test.h"
#include "ipc/ipc.h"
#include "wire/sdp/sdp.h"
#include "web/sdp_leg.h"

static char text[SDP_BYTES_MAX + 2];
static struct arena *arena;
static const char *why;

static struct span load(const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof(path), DATA_DIR "/%s", name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text), f);
	assert_int_equal(fclose(f), 0);
	return span_of(text, n);
}

static int fresh(void **st)
{
	(void)st;
	return arena_new(&arena, SDP_LEG_ARENA_BYTES);
}

static int done(void **st)
{
	(void)st;
	arena_free(&arena);
	return 0;
}

static const Cv__Codec *codec(const Cv__Section *s, Cv__CodecName name)
{
	for (size_t i = 0; i < s->n_codecs; i++)
		if (s->codecs[i]->name == name)
			return s->codecs[i];
	return NULL;
}

static void test_sdp_leg__reads_the_npm_clients_offer(void **st)
{
	(void)st;
	Cv__LegDescription *d = NULL;
	struct span sdp = load("chromium_npm.sdp");
	assert_int_equal(sdp_leg_offer(&d, sdp, arena, &why), 0);
	assert_int_equal(d->n_sections, 3);
	assert_int_equal(d->setup, CV__DTLS_SETUP__SETUP_ACTPASS);
	assert_int_equal(d->fingerprint_sha256.len, 32);
	assert_int_equal(d->fingerprint_sha256.data[0], 0xb6);
	assert_span(ipc_bytes(d->ice_ufrag), "34gG");
	const Cv__Section *a = d->sections[0], *v = d->sections[1],
			  *s = d->sections[2];
	assert_int_equal(a->kind, CV__MEDIA_KIND__KIND_AUDIO);
	assert_int_equal(v->kind, CV__MEDIA_KIND__KIND_VIDEO);
	assert_int_equal(s->kind, CV__MEDIA_KIND__KIND_SLIDES);
	assert_false(a->rejected || v->rejected || s->rejected);
	assert_int_equal(a->direction, CV__DIRECTION__DIR_SENDRECV);
	assert_int_equal(s->direction, CV__DIRECTION__DIR_INACTIVE);
	assert_int_equal(v->kbps, 1264);
	const Cv__Codec *opus = codec(a, CV__CODEC_NAME__CODEC_OPUS);
	assert_int_equal(opus->pt, 111);
	assert_int_equal(opus->channels, 2);
	assert_true(opus->useinbandfec);
	assert_true(opus->feedback & CV__FEEDBACK__FB_TWCC);
	const Cv__Codec *vp8 = codec(v, CV__CODEC_NAME__CODEC_VP8);
	assert_int_equal(vp8->pt, 96);
	assert_int_equal(vp8->feedback, 31);
	const Cv__Codec *h264 = codec(v, CV__CODEC_NAME__CODEC_H264);
	assert_non_null(h264);
	assert_true(h264->profile_level_id != 0);
	const Cv__Codec *rtx = codec(v, CV__CODEC_NAME__CODEC_RTX);
	assert_int_equal(rtx->apt, 96);
	assert_int_equal(a->n_exts, 4);
	assert_int_equal(a->n_ssrcs, 1);
	assert_int_equal(v->n_ssrcs, 2);
	assert_null(codec(v, CV__CODEC_NAME__CODEC_NONE));
}

static void keep_two(Cv__Section *s)
{
	if (s->n_codecs > 2)
		s->n_codecs = 2;
	for (size_t i = 0; i < s->n_codecs; i++)
		s->codecs[i]->ptime_ms = s->kind == CV__MEDIA_KIND__KIND_AUDIO
			? 20 : 0;
}

/* What media would answer to the npm client's offer. */
static Cv__LegDescription *npm_answer(struct span sdp)
{
	static Cv__Addr udp = CV__ADDR__INIT, tcp = CV__ADDR__INIT;
	static Cv__Candidate c1 = CV__CANDIDATE__INIT,
			     c2 = CV__CANDIDATE__INIT;
	static Cv__Candidate *all[] = {&c1, &c2};
	static struct addr a4, a6;
	static uint8_t fp[32];
	Cv__LegDescription *d = NULL;
	assert_int_equal(addr_parse(&a4, SPAN_LIT("192.0.2.10"), 0), 0);
	assert_int_equal(addr_parse(&a6, SPAN_LIT("2001:db8::10"), 0), 0);
	assert_int_equal(sdp_leg_offer(&d, sdp, arena, &why), 0);
	udp.ip = ipc_data(span_of(a4.ip, 16));
	tcp.ip = ipc_data(span_of(a6.ip, 16));
	udp.port = 40000;
	tcp.port = 40000;
	c1.addr = &udp;
	c1.priority = 2130706431;
	c1.foundation = 1;
	c2.addr = &tcp;
	c2.tcp = true;
	c2.priority = 1671430143;
	c2.foundation = 2;
	d->candidates = all;
	d->n_candidates = 2;
	d->ice_ufrag = ipc_data(SPAN_LIT("srvu"));
	d->ice_pwd = ipc_data(SPAN_LIT("srvpwdsrvpwdsrvpwdsrvp"));
	d->fingerprint_sha256 = ipc_data(span_of(fp, 32));
	d->setup = CV__DTLS_SETUP__SETUP_PASSIVE;
	for (size_t i = 0; i < d->n_sections; i++)
		keep_two(d->sections[i]);
	if (d->n_sections > 1) {
		d->sections[1]->ssrc = 1000;
		d->sections[1]->rtx_ssrc = 1001;
	}
	d->sections[0]->ssrc = 2000;
	return d;
}

static void has(struct span s, const char *line)
{
	if (!memmem(s.p, s.n, line, strlen(line)))
		print_message("missing %sin:\n%.*s\n", line, (int)s.n,
			      (const char *)s.p);
	assert_non_null(memmem(s.p, s.n, line, strlen(line)));
}

static void test_sdp_leg__answers_in_the_mirrored_order(void **st)
{
	(void)st;
	struct span out, offer = load("chromium_npm.sdp");
	struct sdp sdp;
	const struct sdp_attr *at;
	Cv__LegDescription *d = npm_answer(offer);
	assert_int_equal(sdp_leg_answer(&out, offer, d, 4611, 2, arena), 0);
	assert_int_equal(sdp_decode(&sdp, out, arena, NULL), 0);
	assert_int_equal(sdp.sections_n, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct sdp_section *m = &sdp.sections[i];
		assert_true(sdp_bundle_has(&sdp, m->mid));
		assert_int_equal(sdp_setup(&sdp, m), SDP_PASSIVE);
		assert_true(sdp_attr_has(&m->attrs, "rtcp-mux"));
		assert_int_equal(m->port, 40000);
	}
	assert_int_equal(sdp.sections[0].dir, SDP_SENDRECV);
	assert_int_equal(sdp.sections[2].dir, SDP_INACTIVE);
	assert_int_equal(sdp_content(&sdp.sections[2]), SDP_CONTENT_SLIDES);
	assert_int_equal(sdp_kbps(&sdp, &sdp.sections[1]), 1264);
	at = sdp_attr_find(&sdp.sections[2].attrs, "ssrc");
	assert_null(at);
	has(out, "o=- 4611 2 IN IP4");
	has(out, "a=ice-lite\r\n");
	has(out, "c=IN IP4 192.0.2.10\r\n");
	has(out, "a=candidate:1 1 udp 2130706431 192.0.2.10 40000 typ host");
	has(out, "2001:db8::10 40000 typ host tcptype passive");
	has(out, "a=end-of-candidates\r\n");
	has(out, "a=rtpmap:111 opus/48000/2\r\n");
	has(out, "a=fmtp:111 minptime=10;useinbandfec=1\r\n");
	has(out, "a=ptime:20\r\n");
	has(out, "a=rtpmap:96 VP8/90000\r\n");
	has(out, "a=rtcp-fb:96 nack pli\r\n");
	has(out, "a=rtcp-fb:96 ccm fir\r\n");
	has(out, "a=fmtp:97 apt=96\r\n");
	has(out, "a=ssrc-group:FID 1000 1001\r\n");
	has(out, "a=ssrc:2000 cname:conclave\r\n");
	has(out, "a=content:slides\r\n");
}

static void test_sdp_leg__never_answers_more_than_was_offered(void **st)
{
	(void)st;
	struct span out, offer = load("chromium_npm.sdp");
	struct sdp sdp;
	Cv__LegDescription *d = npm_answer(offer);
	d->sections[2]->direction = CV__DIRECTION__DIR_SENDRECV;
	assert_int_equal(sdp_leg_answer(&out, offer, d, 1, 1, arena), 0);
	assert_int_equal(sdp_decode(&sdp, out, arena, NULL), 0);
	assert_int_equal(sdp.sections[2].dir, SDP_INACTIVE);
}

static void test_sdp_leg__rejects_the_data_channel_only(void **st)
{
	(void)st;
	struct span out, offer = load("chromium_datachannel.sdp");
	struct sdp sdp;
	Cv__LegDescription *d = npm_answer(offer);
	assert_int_equal(d->n_sections, 2);
	size_t app = d->sections[0]->kind == CV__MEDIA_KIND__KIND_OTHER
		? 0 : 1;
	assert_true(d->sections[app]->rejected);
	assert_false(d->sections[1 - app]->rejected);
	assert_int_equal(sdp_leg_answer(&out, offer, d, 1, 1, arena), 0);
	assert_int_equal(sdp_decode(&sdp, out, arena, NULL), 0);
	assert_int_equal(sdp.sections[app].port, 0);
	assert_false(sdp_bundle_has(&sdp, sdp.sections[app].mid));
	assert_true(sdp_bundle_has(&sdp, sdp.sections[1 - app].mid));
}

static void test_sdp_leg__refuses_answers_that_do_not_fit(void **st)
{
	(void)st;
	struct span out, offer = load("chromium_npm.sdp");
	Cv__LegDescription *d = npm_answer(offer);
	d->n_sections = 2;
	assert_int_equal(sdp_leg_answer(&out, offer, d, 1, 1, arena),
			 E_INVAL);
	d->n_sections = 3;
	d->sections[1]->n_codecs = 0;
	assert_int_equal(sdp_leg_answer(&out, offer, d, 1, 1, arena),
			 E_INVAL);
	d->sections[1]->n_codecs = 1;
	d->fingerprint_sha256.len = 20;
	assert_true(sdp_leg_answer(&out, offer, d, 1, 1, arena) < 0);
}

#define HEAD "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define SEC(ice, fp) "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" \
	"c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n" ice fp \
	"a=rtpmap:111 opus/48000/2\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
#define FP "a=fingerprint:sha-256 " \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:" \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n"

static int offer_text(const char *s, Cv__LegDescription **d)
{
	arena_reset(arena);
	return sdp_leg_offer(d, span_str(s), arena, &why);
}

static void test_sdp_leg__says_why_an_offer_is_refused(void **st)
{
	(void)st;
	Cv__LegDescription *d = NULL;
	assert_int_equal(offer_text(HEAD SEC(ICE, FP), &d), 0);
	assert_int_equal(offer_text(HEAD SEC("", FP), &d), E_UNSUPPORTED);
	assert_string_equal(why, "ICE credentials are missing");
	assert_int_equal(offer_text(HEAD SEC(ICE, ""), &d), E_UNSUPPORTED);
	assert_string_equal(why, "a SHA-256 fingerprint is missing");
	assert_int_equal(offer_text(HEAD, &d), E_UNSUPPORTED);
	assert_true(offer_text("nonsense", &d) < 0);
	assert_true(strlen(why) > 0);
	memset(text, 'a', sizeof(text));
	assert_int_equal(sdp_leg_offer(&d, span_of(text, sizeof(text)), arena,
				       &why), E_LIMIT);
}

static void test_sdp_leg__refuses_65_sections(void **st)
{
	(void)st;
	Cv__LegDescription *d = NULL;
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", HEAD);
	for (int i = 0; i < SDP_SECTIONS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
				      "c=IN IP4 0.0.0.0\r\na=mid:%d\r\n", i);
	assert_int_equal(sdp_leg_offer(&d, span_of(text, n), arena, &why),
			 E_LIMIT);
}

static void test_sdp_leg__without_bundle_takes_the_first(void **st)
{
	(void)st;
	Cv__LegDescription *d = NULL;
	assert_int_equal(offer_text(HEAD SEC(ICE, FP)
				    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
				    "c=IN IP4 0.0.0.0\r\na=mid:1\r\n"
				    "a=rtcp-mux\r\n" ICE FP, &d), 0);
	assert_false(d->sections[0]->rejected);
	assert_true(d->sections[1]->rejected);
}

/* As Firefox writes: fingerprint for the session, later sections only in the
 * bundle and with port 0. */
static void test_sdp_leg__takes_session_values_and_bundle_only(void **st)
{
	(void)st;
	struct span out;
	Cv__LegDescription *d = NULL;
	static const char offer[] = HEAD
		"a=fingerprint:sha-256 "
		"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
		"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n"
		"a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\n"
		"m=audio 9 UDP/TLS/RTP/SAVPF 109\r\nc=IN IP4 0.0.0.0\r\n"
		"a=sendrecv\r\n" ICE "a=mid:0\r\na=rtcp-mux\r\n"
		"a=setup:actpass\r\na=rtpmap:109 opus/48000/2\r\n"
		"m=video 0 UDP/TLS/RTP/SAVPF 120\r\nc=IN IP4 0.0.0.0\r\n"
		"a=bundle-only\r\na=recvonly\r\n" ICE "a=mid:1\r\n"
		"a=rtcp-mux\r\na=setup:actpass\r\n"
		"a=rtpmap:120 VP8/90000\r\n";
	assert_int_equal(offer_text(offer, &d), 0);
	assert_false(d->sections[0]->rejected || d->sections[1]->rejected);
	assert_int_equal(d->fingerprint_sha256.data[31], 15);
	d = npm_answer(span_str(offer));
	d->sections[1]->direction = CV__DIRECTION__DIR_SENDONLY;
	assert_int_equal(sdp_leg_answer(&out, span_str(offer), d, 1, 1,
					arena), 0);
	has(out, "a=group:BUNDLE 0 1\r\n");
	has(out, "m=video 40000 UDP/TLS/RTP/SAVPF 120\r\n");
	has(out, "a=sendonly\r\n");
}

static int body(void *arg)
{
	struct arena *a = NULL;
	Cv__LegDescription *d = NULL;
	const char *reason;
	int r = arena_new(&a, SDP_LEG_ARENA_BYTES);
	if (r == 0)
		r = sdp_leg_offer(&d, *(struct span *)arg, a, &reason);
	arena_free(&a);
	return r;
}

static void test_sdp_leg__survives_each_failing_allocation(void **st)
{
	(void)st;
	struct span sdp = load("chromium_npm.sdp");
	assert_true(alloc_test_every(body, &sdp, 200) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, done)
	const struct CMUnitTest tests[] = {
		T(test_sdp_leg__reads_the_npm_clients_offer),
		T(test_sdp_leg__answers_in_the_mirrored_order),
		T(test_sdp_leg__never_answers_more_than_was_offered),
		T(test_sdp_leg__rejects_the_data_channel_only),
		T(test_sdp_leg__refuses_answers_that_do_not_fit),
		T(test_sdp_leg__says_why_an_offer_is_refused),
		T(test_sdp_leg__refuses_65_sections),
		T(test_sdp_leg__without_bundle_takes_the_first),
		T(test_sdp_leg__takes_session_values_and_bundle_only),
		T(test_sdp_leg__survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
