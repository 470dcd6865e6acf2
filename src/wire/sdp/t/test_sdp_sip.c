/* What only legs of SIP use: keys, floor control, RTCP's own port, and the
 * table of codecs. */
#include "wire/sdp/bfcp.h"
#include "wire/sdp/codec.h"
#include "wire/sdp/crypto.h"
#include "wire/t/test_help.h"

static struct arena *arena;
static struct sdp sdp;

static int setup(void **state)
{
	(void)state;
	return arena_new(&arena, SDP_ARENA_BYTES);
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

static const struct sdp_section *section(const char *lines)
{
	char text[4096];
	struct wr w = wr_of(text, sizeof(text));
	static char keep[4096];
	struct span s;

	wr_str(&w, HEAD);
	wr_str(&w, lines);
	assert_int_equal(wr_end(&w, &s), 0);
	memcpy(keep, text, s.n);
	arena_reset(arena);
	assert_int_equal(sdp_decode(&sdp, span_of(keep, s.n), arena, NULL), 0);
	assert_true(sdp.sections_n > 0);
	return &sdp.sections[0];
}

#define K30 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

static void test_sdp_crypto__reads_what_the_rfc_shows(void **state)
{
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto c;

	(void)state;
	assert_int_equal(sdp_crypto_decode(&c, key, SPAN_LIT(
		"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:4 FEC_ORDER="
		"FEC_SRTP")), E_UNSUPPORTED);
	assert_int_equal(sdp_crypto_decode(&c, key, SPAN_LIT(
		"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:4")), 0);
	assert_int_equal(c.tag, 1);
	assert_int_equal(c.suite, SDP_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(c.key_n, 30);
	assert_memory_equal(key, "YS___semctl () {", 16);
	assert_true(c.lifetime == 1 << 20);
	assert_int_equal(c.mki, 1);
	assert_int_equal(c.mki_bytes, 4);
	assert_int_equal(sdp_crypto_decode(&c, key, SPAN_LIT(
		"7 aes_cm_128_hmac_sha1_32 INLINE:" K30 "|1000 WSH=64 -x")), 0);
	assert_int_equal(c.suite, SDP_AES_CM_128_HMAC_SHA1_32);
	assert_true(c.lifetime == 1000 && c.mki_bytes == 0);
}

static void test_sdp_crypto__refuses_and_leaves_no_key(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{"", E_FORMAT}, {"1", E_FORMAT}, {"0 AES_CM_128_HMAC_SHA1_80 "
		 "inline:" K30, E_FORMAT},
		{"1000000000 AES_CM_128_HMAC_SHA1_80 inline:" K30, E_FORMAT},
		{"1 F8_128_HMAC_SHA1_80 inline:" K30, E_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "AA", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:!" K30, E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 uri:" K30, E_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 ";inline:" K30,
		 E_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^49", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|0", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:0", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:129", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:5", E_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1|2:1", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^4|2^4", E_FORMAT},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " UNENCRYPTED_SRTP",
		 E_UNSUPPORTED},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " KDR=1",
		 E_UNSUPPORTED},
		{"1 AES_256_CM_HMAC_SHA1_80 inline:" K30, E_FORMAT},
	};
	static const uint8_t zero[SDP_KEY_MAX];
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto c = {.tag = 5};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(key, 0xff, sizeof(key));
		int r = sdp_crypto_decode(&c, key, span_str(bad[i].text));
		if (r != bad[i].code)
			fail_msg("%s: %s", bad[i].text, err_name(r));
		assert_memory_equal(key, zero, sizeof(key));
		assert_int_equal(c.tag, 5);
	}
}

static void test_sdp_crypto__each_suite_goes_round(void **state)
{
	uint8_t key[SDP_KEY_MAX], back[SDP_KEY_MAX];
	struct sdp_crypto c;
	char text[256];
	struct span s;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7 + 1);
	for (unsigned i = 1; i < SDP_SUITE_COUNT; i++) {
		struct wr w = wr_of(text, sizeof(text));
		size_t n = sdp_suite_bytes((enum sdp_suite)i);
		sdp_wr_crypto(&w, i, (enum sdp_suite)i, span_of(key, n));
		assert_int_equal(wr_end(&w, &s), 0);
		s = span_of(s.p + 9, s.n - 11);
		assert_int_equal(sdp_crypto_decode(&c, back, s), 0);
		assert_int_equal(c.suite, i);
		assert_int_equal(c.key_n, n);
		assert_memory_equal(back, key, n);
		/* without padding it is read, too */
		while (s.p[s.n - 1] == '=')
			s.n--;
		assert_int_equal(sdp_crypto_decode(&c, back, s), 0);
		assert_memory_equal(back, key, n);
		w = wr_of(text, sizeof(text));
		sdp_wr_crypto(&w, i, (enum sdp_suite)i, span_of(key, n - 1));
		assert_int_equal(wr_end(&w, &s), E_FULL);
	}
	assert_int_equal(sdp_suite_bytes(SDP_SUITE_COUNT), 0);
	assert_string_equal(sdp_suite_name(SDP_SUITE_COUNT), "");
}

static void test_sdp_crypto__skips_what_it_does_not_know(void **state)
{
	const struct sdp_section *m = section(
		"m=audio 5000 RTP/SAVP 0\r\na=crypto:1 NEW inline:x\r\n"
		"a=crypto:x\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" K30
		"\r\n");
	uint8_t key[SDP_KEY_MAX];
	struct sdp_crypto c;
	size_t it = 0;

	(void)state;
	assert_true(sdp_crypto_next(m, &it, &c, key));
	assert_int_equal(c.tag, 3);
	assert_false(sdp_crypto_next(m, &it, &c, key));
}

static void test_sdp_bfcp__reads_and_writes(void **state)
{
	const struct sdp_section *m = section(
		"m=application 5070 UDP/BFCP *\r\na=floorctrl:c-only s-only\r\n"
		"a=confid:4321\r\na=userid:1234\r\na=floorid:1 mstrm:10 11\r\n"
		"a=floorid:x\r\na=floorid:2 m-stream:12\r\na=floorid:3\r\n"
		"a=bfcpver:2 1\r\na=label: 7\r\n");
	struct sdp_floor f;
	struct sdp_bfcp b;
	char text[512];
	struct wr w = wr_of(text, sizeof(text));
	size_t it = 0;
	struct span s;

	(void)state;
	assert_int_equal(sdp_bfcp_proto(m->proto), SDP_BFCP_UDP);
	assert_true(sdp_bfcp(m, &b));
	assert_int_equal(b.roles, SDP_FLOOR_CLIENT | SDP_FLOOR_SERVER);
	assert_true(b.has_conf && b.conf == 4321 && b.has_user &&
		    b.user == 1234);
	assert_int_equal(b.versions, 6);
	assert_true(sdp_floor_next(m, &it, &f));
	assert_int_equal(f.id, 1);
	assert_span(f.labels, "10 11");
	assert_true(sdp_floor_next(m, &it, &f));
	assert_span(f.labels, "12");
	assert_true(sdp_floor_next(m, &it, &f));
	assert_int_equal(f.labels.n, 0);
	assert_false(sdp_floor_next(m, &it, &f));
	assert_span(sdp_label(m), "7");
	b.roles = SDP_FLOOR_SERVER;
	b.versions = 1u << 2;
	sdp_wr_bfcp(&w, &b);
	sdp_wr_floor(&w, &(struct sdp_floor){1, SPAN_LIT("10")});
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "a=floorctrl:s-only\r\na=confid:4321\r\na=userid:1234"
		       "\r\na=bfcpver:2\r\na=floorid:1 mstrm:10\r\n");
	w = wr_of(text, sizeof(text));
	b.roles = 0;
	sdp_wr_bfcp(&w, &b);
	assert_int_equal(wr_end(&w, &s), E_FULL);
	m = section("m=application 5070 TCP/BFCP *\r\n");
	assert_true(sdp_bfcp(m, &b));
	assert_int_equal(b.roles, 0);
	assert_int_equal(b.versions, 2);
	m = section("m=application 5070 TCP/BFCP *\r\na=confid:x\r\n");
	assert_false(sdp_bfcp(m, &b));
	m = section("m=application 5070 TCP/BFCP *\r\na=floorctrl:all\r\n");
	assert_false(sdp_bfcp(m, &b));
	assert_int_equal(sdp_bfcp_proto(SPAN_LIT("TCP/RTP")), SDP_BFCP_NONE);
	assert_string_equal(sdp_bfcp_proto_name(SDP_BFCP_DTLS), "UDP/TLS/BFCP");
}

static void test_sdp_rtcp__port_and_address(void **state)
{
	struct sdp_conn c;
	uint16_t port;

	(void)state;
	assert_true(sdp_rtcp(section("m=audio 1 RTP/AVP 0\r\na=rtcp:53020\r\n"),
			     &port, &c));
	assert_true(port == 53020 && c.addr.n == 0);
	assert_true(sdp_rtcp(section("m=audio 1 RTP/AVP 0\r\n"
				     "a=rtcp:53020 IN IP6 2001:db8::1\r\n"),
			     &port, &c));
	assert_true(c.ip6);
	assert_span(c.addr, "2001:db8::1");
	assert_false(sdp_rtcp(section("m=audio 1 RTP/AVP 0\r\n"), &port, &c));
	assert_false(sdp_rtcp(section("m=audio 1 RTP/AVP 0\r\na=rtcp:0\r\n"),
			      &port, &c));
	assert_false(sdp_rtcp(section("m=audio 1 RTP/AVP 0\r\n"
				      "a=rtcp:1 IN IP5 x\r\n"), &port, &c));
}

static void test_sdp_codec__reads_and_writes(void **state)
{
	const struct sdp_section *m = section(
		"m=video 5000 RTP/AVPF 97 98 31 99\r\na=rtpmap:97 H264/90000\r\n"
		"a=fmtp:97 profile-level-id=42801F;packetization-mode=1;max-fs=3600"
		";max-mbps=108000;level-asymmetry-allowed=1\r\n"
		"a=rtpmap:98 VP8/90000\r\na=rtcp-fb:* nack pli\r\n"
		"a=rtcp-fb:97 ccm fir\r\na=rtcp-fb:98 ccm tmmbr smaxpr=120\r\n"
		"a=rtpmap:99 H263/90000\r\n");
	struct sdp_codec v[4], c;
	char text[512];
	struct wr w = wr_of(text, sizeof(text));
	struct span s;

	(void)state;
	assert_true(sdp_has_tmmbr(m));
	assert_int_equal(sdp_codecs(m, v, 1), 1);
	assert_int_equal(sdp_codecs(m, v, 4), 2);
	c = v[0];
	assert_int_equal(c.id, SDP_H264);
	assert_int_equal(c.profile_level_id, 0x42801f);
	assert_true(c.max_fs == 3600 && c.max_mbps == 108000);
	assert_true(c.level_asymmetry && c.packetization_mode == 1);
	assert_int_equal(c.feedback, SDP_FB_PLI | SDP_FB_FIR);
	sdp_wr_codec(&w, &c);
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "a=rtpmap:97 H264/90000\r\na=rtcp-fb:97 ccm fir\r\n"
		       "a=rtcp-fb:97 nack pli\r\na=fmtp:97 "
		       "level-asymmetry-allowed=1;packetization-mode=1;"
		       "profile-level-id=42801f;max-mbps=108000;max-fs=3600\r\n");
	assert_int_equal(v[1].id, SDP_VP8);
	assert_int_equal(v[1].feedback, SDP_FB_PLI);
	/* static payload types need no rtpmap */
	m = section("m=audio 5000 RTP/AVP 8 0 9 18\r\na=ptime:30\r\n");
	assert_int_equal(sdp_codecs(m, v, 4), 3);
	assert_true(v[0].id == SDP_PCMA && v[0].clock_hz == 8000 &&
		    v[0].ptime_ms == 30);
	assert_true(v[1].id == SDP_PCMU && v[2].id == SDP_G722);
	assert_null(sdp_codec_word(SDP_CODEC_NONE));
	assert_null(sdp_ext_uri(SDP_EXT_NONE));
	assert_int_equal(sdp_ext_of(span_str(sdp_ext_uri(SDP_EXT_TWCC))),
			 SDP_EXT_TWCC);
	w = wr_of(text, sizeof(text));
	sdp_wr_codec(&w, &(struct sdp_codec){.id = SDP_CODEC_NONE});
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_sdp_##name, setup, teardown)
		T(crypto__reads_what_the_rfc_shows),
		T(crypto__refuses_and_leaves_no_key),
		T(crypto__each_suite_goes_round),
		T(crypto__skips_what_it_does_not_know),
		T(bfcp__reads_and_writes), T(rtcp__port_and_address),
		T(codec__reads_and_writes),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
