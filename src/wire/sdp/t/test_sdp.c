/* Fixtures: chromium-*.sdp were taken from a real Chromium 156 (npm-client
 * edited as that client edits its offer); the others are written by hand. */
#include <stdio.h>
#include "base/alloc_test.h"
#include "wire/t/test_help.h"
#include "wire/sdp/sdp.h"

static const char *data_dir;

struct fixture {
	char text[SDP_BYTES_MAX];
	size_t n;
	struct arena *arena;
	struct sdp sdp;
	struct sdp_err err;
};

static int setup(void **state)
{
	static struct fixture f;

	f.err = (struct sdp_err){0, NULL};
	*state = &f;
	return arena_new(&f.arena, SDP_ARENA_BYTES);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	return 0;
}

static void load(struct fixture *f, const char *name)
{
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", data_dir, name);
	in = fopen(path, "rb");
	assert_non_null(in);
	f->n = fread(f->text, 1, sizeof(f->text), in);
	fclose(in);
}

static int decode(struct fixture *f, struct span text)
{
	arena_reset(f->arena);
	return sdp_decode(&f->sdp, text, f->arena, &f->err);
}

static const struct sdp *decode_file(struct fixture *f, const char *name)
{
	load(f, name);
	assert_int_equal(decode(f, span_of(f->text, f->n)), 0);
	return &f->sdp;
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define AUDIO HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"

/* --- real offers --- */

static void test_sdp__reads_the_npm_clients_offer(void **state)
{
	const struct sdp *s = decode_file(*state, "chromium-npm-client.sdp");
	static const uint8_t sha[3] = {0x6d, 0xfd, 0xcf};
	const struct sdp_section *m;
	struct sdp_fingerprint fp;
	struct sdp_rtpmap map;
	struct span v;
	struct sdp_ice ice;
	uint32_t level;

	assert_int_equal(s->sections_n, 3);
	assert_span(s->origin.sess_id, "7060368125202280635");
	m = &s->sections[0];
	assert_int_equal(m->kind, SDP_AUDIO);
	assert_int_equal(m->port, 9);
	assert_span(m->proto, "UDP/TLS/RTP/SAVPF");
	assert_int_equal(m->fmts_n, 8);
	assert_span(m->mid, "0");
	assert_int_equal(m->dir, SDP_SENDRECV);
	assert_int_equal(sdp_content(m), SDP_CONTENT_MAIN);
	assert_true(sdp_rtpmap_find(m, 111, &map));
	assert_span(map.name, "opus");
	assert_true(map.clock_hz == 48000 && map.channels == 2);
	assert_true(sdp_fmtp_find(m, 111, &v));
	assert_int_equal(sdp_fmtp_uint(v, "useinbandfec", 1, 0), 1);
	assert_int_equal(sdp_fmtp_uint(v, "stereo", 1, 0), 0);
	sdp_ice(s, m, &ice);
	assert_span(ice.ufrag, "Hdtj");
	assert_span(ice.pwd, "/2N9oAOzBNkKHhGpNdkalfRi");
	assert_true(ice.trickle && !ice.lite);
	assert_true(sdp_fingerprint(s, m, 0, &fp));
	assert_int_equal(fp.hash, SDP_SHA256);
	assert_int_equal(fp.n, 32);
	assert_memory_equal(fp.v, sha, 3);
	assert_false(sdp_fingerprint(s, m, 1, &fp));
	assert_int_equal(sdp_setup(s, m), SDP_ACTPASS);
	assert_true(sdp_bundle_has(s, SPAN_LIT("2")));
	assert_false(sdp_bundle_has(s, SPAN_LIT("3")));

	m = &s->sections[1];
	assert_int_equal(sdp_kbps(s, m), 2264);
	assert_true(sdp_fmtp_find(m, 108, &v));
	assert_true(sdp_fmtp_hex24(v, "profile-level-id", &level));
	assert_int_equal(level, 0x42e01f);
	assert_int_equal(sdp_fmtp_uint(v, "packetization-mode", 2, 0), 1);
	assert_int_equal(sdp_fmtp_uint(v, "max-fs", 100000, 0), 8192);
	assert_true(sdp_fmtp_find(m, 109, &v));
	assert_int_equal(sdp_fmtp_uint(v, "apt", 127, 255), 108);

	m = &s->sections[2];
	assert_int_equal(m->dir, SDP_INACTIVE);
	assert_int_equal(sdp_content(m), SDP_CONTENT_SLIDES);
}

static void test_sdp__lists_feedback_extensions_and_ssrcs(void **state)
{
	const struct sdp *s = decode_file(*state, "chromium-npm-client.sdp");
	const struct sdp_section *m = &s->sections[1];
	unsigned fb = 0, pli = 0, ext = 0, ssrc = 0;
	struct sdp_ssrc_group group;
	struct sdp_rtcp_fb f;
	struct sdp_extmap e;
	struct sdp_ssrc ss;
	size_t it = 0;

	while (sdp_rtcp_fb_next(m, &it, &f)) {
		fb++;
		pli += f.pt == 96 && span_eq(f.type, SPAN_LIT("nack")) &&
		       span_eq(f.param, SPAN_LIT("pli"));
	}
	assert_true(fb == 15 && pli == 1);
	for (it = 0; sdp_extmap_next(&m->attrs, &it, &e);)
		ext += e.id <= 14 && e.dir == SDP_SENDRECV && e.uri.n > 0;
	assert_int_equal(ext, 11);
	for (it = 0; sdp_ssrc_next(m, &it, &ss);)
		ssrc += ss.ssrc == 424474294;
	assert_int_equal(ssrc, 2);
	it = 0;
	assert_true(sdp_ssrc_group_next(m, &it, &group));
	assert_span(group.semantics, "FID");
	assert_span(group.ssrcs, "424474294 162105660");
	assert_false(sdp_ssrc_group_next(m, &it, &group));
}

static void test_sdp__reads_candidates(void **state)
{
	const struct sdp *s = decode_file(*state, "chromium-gathered.sdp");
	struct sdp_candidate c;
	unsigned tcp = 0, n = 0;
	size_t it = 0;

	while (sdp_candidate_next(&s->sections[0], &it, &c)) {
		n++;
		tcp += c.tcp && span_eq(c.tcptype, SPAN_LIT("active"));
	}
	assert_true(n == 4 && tcp == 2);
}

static void test_sdp__reads_every_other_fixture(void **state)
{
	const struct sdp *s;

	s = decode_file(*state, "chromium-plain.sdp");
	assert_int_equal(s->sections_n, 2);
	s = decode_file(*state, "chromium-simulcast.sdp");
	assert_int_equal(s->sections[1].kind, SDP_APPLICATION);
	assert_span(s->sections[1].fmts[0], "webrtc-datachannel");
	assert_true(sdp_attr_has(&s->sections[0].attrs, "simulcast"));
}

static void test_sdp__session_level_counts_where_a_section_is_silent(void **state)
{
	const struct sdp *s = decode_file(*state, "firefox-shape.sdp");
	struct sdp_fingerprint fp;
	struct sdp_extmap e;
	struct sdp_ice ice;
	size_t it = 0;

	assert_true(sdp_fingerprint(s, &s->sections[1], 0, &fp));
	assert_int_equal(fp.hash, SDP_SHA256);
	sdp_ice(s, &s->sections[1], &ice);
	assert_true(ice.trickle);
	assert_span(ice.ufrag, "9f3a1c2d");
	assert_int_equal(s->sections[1].port, 0);
	assert_int_equal(s->sections[1].dir, SDP_RECVONLY);
	sdp_extmap_next(&s->sections[0].attrs, &it, &e);
	assert_true(sdp_extmap_next(&s->sections[0].attrs, &it, &e));
	assert_true(e.id == 2 && e.dir == SDP_RECVONLY);
}

static void test_sdp__reads_a_room_systems_offer(void **state)
{
	const struct sdp *s = decode_file(*state, "sip-room-system.sdp");
	const struct sdp_section *m = s->sections;
	struct sdp_rtpmap map;
	struct sdp_rtcp_fb fb;
	struct span v;
	size_t it = 0;

	assert_true(s->origin.ip6);
	assert_span(s->name, "Room system");
	assert_int_equal(s->sections_n, 4);
	assert_int_equal(s->bw.ct_kbps, 2048);
	assert_int_equal(m[0].ports, 2);
	assert_true(sdp_rtpmap_find(&m[0], 8, &map));
	assert_span(map.name, "PCMA");
	assert_true(sdp_rtpmap_find(&m[0], 9, &map));
	assert_int_equal(map.clock_hz, 8000);
	assert_false(sdp_rtpmap_find(&m[0], 13, &map));
	assert_span(sdp_conn(s, &m[0])->addr, "2001:db8::5");
	assert_true(sdp_conn(s, &m[0])->ip6);
	assert_int_equal(sdp_setup(s, &m[0]), SDP_PASSIVE);
	assert_span(sdp_conn(s, &m[1])->addr, "192.0.2.9");
	assert_int_equal(sdp_kbps(s, &m[1]), 1000);
	assert_int_equal(m[1].bw.as_kbps, 1024);
	assert_int_equal(m[1].dir, SDP_SENDONLY);
	assert_int_equal(sdp_content(&m[1]),
			 SDP_CONTENT_SLIDES | SDP_CONTENT_ALT);
	assert_true(sdp_rtcp_fb_next(&m[1], &it, &fb) && fb.all);
	assert_true(sdp_fmtp_find(&m[1], 99, &v));
	assert_int_equal(sdp_fmtp_uint(v, "packetization-mode", 2, 7), 0);
	assert_int_equal(sdp_fmtp_uint(v, "max-mbps", 10, 7), 7);
	assert_true(sdp_attr_has(&m[1].attrs, "crypto"));
	assert_span(m[2].fmts[0], "*");
}

static void test_sdp__finds_mids_in_any_bundle_group(void **state)
{
	struct fixture *f = *state;
	struct span v;

	assert_int_equal(decode(f, SPAN_LIT(HEAD "a=group:LS 7\r\n"
		"a=group:BUNDLE 0 1\r\na=group:BUNDLE\r\n"
		"a=group:BUNDLE 2\r\n")), 0);
	assert_true(sdp_bundle(&f->sdp, 0, &v));
	assert_span(v, "0 1");
	assert_true(sdp_bundle(&f->sdp, 2, &v));
	assert_span(v, "2");
	assert_false(sdp_bundle(&f->sdp, 3, &v));
	assert_true(sdp_bundle_has(&f->sdp, SPAN_LIT("2")));
	assert_false(sdp_bundle_has(&f->sdp, SPAN_LIT("7")));
}

/* --- what is refused, and where --- */

struct refusal {
	const char *text;
	int code;
	unsigned line;
};

static const struct refusal refusals[] = {
	{"", E_FORMAT, 0},
	{"v=1\r\n", E_FORMAT, 1},
	{"o=- 1 2 IN IP4 h\r\n", E_FORMAT, 1},
	{"v=0\r\ns=-\r\n", E_FORMAT, 2},
	{"v=0\r\no=- 1 2 IN IP4 h\r\n", E_FORMAT, 2},
	{"v=0\r\no=- x 2 IN IP4 h\r\ns=-\r\n", E_FORMAT, 2},
	{"v=0\r\no=- 1 2 IN IP9 h\r\ns=-\r\n", E_FORMAT, 2},
	{"v=0\r\no=- 1 2 IN IP4 h x\r\ns=-\r\n", E_FORMAT, 2},
	{HEAD "\r\n", E_FORMAT, 5},
	{HEAD "a\r\n", E_FORMAT, 5},
	{HEAD "y=1\r\n", E_FORMAT, 5},
	{HEAD "v=0\r\n", E_FORMAT, 5},
	{HEAD "a=x\ry\r\n", E_FORMAT, 5},
	{HEAD "a=\r\n", E_FORMAT, 5},
	{HEAD "a=b c:1\r\n", E_FORMAT, 5},
	{HEAD "c=IN IP4 a\r\nc=IN IP4 b\r\n", E_FORMAT, 6},
	{HEAD "b=AS\r\n", E_FORMAT, 5},
	{HEAD "b=AS:-1\r\n", E_FORMAT, 5},
	{HEAD "b=AS:99999999999\r\n", E_FORMAT, 5},
	{HEAD "m=audio 9 RTP/AVP\r\n", E_FORMAT, 5},
	{HEAD "m=audio 65536 RTP/AVP 0\r\n", E_FORMAT, 5},
	{HEAD "m=audio 9/0 RTP/AVP 0\r\n", E_FORMAT, 5},
	{HEAD "m=audio 9 RTP/AVP 128\r\n", E_FORMAT, 5},
	{HEAD "m=audio 9 RTP/AVP opus\r\n", E_FORMAT, 5},
	{AUDIO "t=0 0\r\n", E_FORMAT, 6},
	{AUDIO "a=mid:a\r\na=mid:b\r\n", E_FORMAT, 6},
	{AUDIO "a=mid\r\n", E_FORMAT, 6},
	{AUDIO "a=mid:a\r\nm=audio 9 RTP/AVP 0\r\na=mid:a\r\n", E_FORMAT, 8},
	{AUDIO "a=sendonly\r\na=recvonly\r\n", E_FORMAT, 7},
	{AUDIO "a=rtpmap:111 opus\r\n", E_FORMAT, 6},
	{AUDIO "a=rtpmap:128 opus/48000\r\n", E_FORMAT, 6},
	{AUDIO "a=rtpmap:111 opus/0\r\n", E_FORMAT, 6},
	{AUDIO "a=rtpmap:111 opus/48000/2/3\r\n", E_FORMAT, 6},
	{AUDIO "a=rtpmap:111 opus/48000 x\r\n", E_FORMAT, 6},
	{AUDIO "a=fmtp:x y\r\n", E_FORMAT, 6},
	{AUDIO "a=rtcp-fb:111\r\n", E_FORMAT, 6},
	{AUDIO "a=extmap:0 urn:x\r\n", E_FORMAT, 6},
	{AUDIO "a=extmap:256 urn:x\r\n", E_FORMAT, 6},
	{AUDIO "a=extmap:1/both urn:x\r\n", E_FORMAT, 6},
	{AUDIO "a=extmap:1\r\n", E_FORMAT, 6},
	{AUDIO "a=ssrc:4294967296 cname:x\r\n", E_FORMAT, 6},
	{AUDIO "a=ssrc-group:FID 1 x\r\n", E_FORMAT, 6},
	{AUDIO "a=ice-ufrag:abc\r\n", E_FORMAT, 6},
	{AUDIO "a=ice-ufrag:abc!\r\n", E_FORMAT, 6},
	{AUDIO "a=ice-pwd:0123456789012345678901\"\r\n", E_FORMAT, 6},
	{AUDIO "a=ice-pwd:012345678901234567890\r\n", E_FORMAT, 6},
	{AUDIO "a=fingerprint:sha-256 AA:BB\r\n", E_FORMAT, 6},
	{AUDIO "a=fingerprint:sha-1 0:1\r\n", E_FORMAT, 6},
	{AUDIO "a=setup:maybe\r\n", E_FORMAT, 6},
	{AUDIO "a=content:\r\n", E_FORMAT, 6},
	{AUDIO "a=content:main,,slides\r\n", E_FORMAT, 6},
	{HEAD "a=group:\r\n", E_FORMAT, 5},
	{HEAD "s=\xff\r\n", E_FORMAT, 0},
};

static void test_sdp__says_which_line_broke_which_rule(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *q = &refusals[i];
		f->err = (struct sdp_err){99, NULL};
		assert_int_equal(decode(f, span_str(q->text)), q->code);
		if (f->err.line != q->line)
			print_message("row %zu: %s\n", i, f->err.rule);
		assert_int_equal(f->err.line, q->line);
		assert_non_null(f->err.rule);
	}
	assert_int_equal(decode(f, SPAN_LIT(HEAD "a=x\0y\r\n")), E_FORMAT);
	assert_int_equal(f->err.line, 5);
	assert_int_equal(sdp_decode(&f->sdp, SPAN_LIT("x"), f->arena, NULL),
			 E_FORMAT);
}

static void test_sdp__takes_what_is_merely_odd(void **state)
{
	static const char *const odd[] = {
		"v=0\no=- 1 2 IN IP4 h\ns=-",
		"v=0\no=- 1 2 IN IP4 h\ns=\n",
		AUDIO "a=sendonly:no\r\na=sendrecv\r\n",
		AUDIO "a=fingerprint:md2 xx\r\n",
		AUDIO "a=candidate:nonsense\r\n",
		AUDIO "a=extmap:4096/inactive urn:x y z\r\n",
		AUDIO "b=X-odd:5\r\na=rtcp-fb:* nack  pli\r\n",
		HEAD "m=image 9 udptl t38\r\na=fmtp:t38 x\r\n",
		AUDIO "a=content:MAIN\r\na=ssrc:1\r\n",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(decode(*state, span_str(odd[i])), 0);
}

/* --- limits --- */

/* Appends a line n times; returns what decoding says. */
static int decode_many(struct fixture *f, const char *before,
		       const char *line, unsigned n)
{
	struct wr w = wr_of(f->text, sizeof(f->text));
	struct span text;

	wr_str(&w, before);
	while (n-- > 0)
		wr_str(&w, line);
	assert_int_equal(wr_end(&w, &text), 0);
	return decode(f, text);
}

static void test_sdp__limits_are_exact(void **state)
{
	static const char m[] = "m=audio 9 RTP/AVP 0\r\n";
	static const char b[] = "b=AS:1\r\n";

	assert_int_equal(decode_many(*state, HEAD, m, SDP_SECTIONS_MAX), 0);
	assert_int_equal(decode_many(*state, HEAD, m, SDP_SECTIONS_MAX + 1),
			 E_LIMIT);
	assert_int_equal(decode_many(*state, AUDIO, "a=x\n", SDP_ATTRS_MAX), 0);
	assert_int_equal(decode_many(*state, AUDIO, "a=x\n",
				     SDP_ATTRS_MAX + 1), E_LIMIT);
	assert_int_equal(decode_many(*state, HEAD, "a=x\n",
				     SDP_ATTRS_MAX + 1), E_LIMIT);
	assert_int_equal(decode_many(*state, HEAD, "a=x\n",
				     SDP_ATTRS_TOTAL_MAX + 1), E_LIMIT);
	assert_int_equal(decode_many(*state, AUDIO, b, SDP_BANDWIDTHS_MAX), 0);
	assert_int_equal(decode_many(*state, AUDIO, b, SDP_BANDWIDTHS_MAX + 1),
			 E_LIMIT);
	assert_int_equal(decode_many(*state, HEAD "m=audio 9 RTP/AVP", " 1",
				     SDP_FMTS_MAX), 0);
	assert_int_equal(decode_many(*state, HEAD "m=audio 9 RTP/AVP", " 1",
				     SDP_FMTS_MAX + 1), E_LIMIT);
	assert_int_equal(decode_many(*state, HEAD "a=x:", "y",
				     SDP_LINE_MAX - 4), 0);
	assert_int_equal(decode_many(*state, HEAD "a=x:", "y",
				     SDP_LINE_MAX - 3), E_LIMIT);
}

static void test_sdp__64_kilobytes_is_the_end(void **state)
{
	static uint8_t text[SDP_BYTES_MAX + 1];

	memset(text, 'a', sizeof(text));
	assert_int_equal(decode(*state, span_of(text, sizeof(text))), E_LIMIT);
}

/* The most that may be asked of the arena: all sections with all formats, and
 * as many attributes as then fit into the text. */
static void test_sdp__the_documented_arena_is_enough(void **state)
{
	struct fixture *f = *state;
	struct wr w = wr_of(f->text, sizeof(f->text));
	struct span text;
	unsigned lines = SDP_ATTRS_TOTAL_MAX;

	wr_str(&w, HEAD);
	for (unsigned i = 0; i < SDP_SECTIONS_MAX; i++) {
		wr_str(&w, "m=a 9 RTP/A");
		for (unsigned k = 0; k < SDP_FMTS_MAX; k++)
			wr_str(&w, " 1");
		wr_str(&w, "\n");
		for (unsigned k = 0; k < 64; k++, lines--)
			wr_str(&w, "a=x\n");
	}
	assert_int_equal(lines, 0);
	assert_int_equal(wr_end(&w, &text), 0);
	assert_int_equal(decode(f, text), 0);
}

static int body_decode(void *arg)
{
	struct arena *a = NULL;
	struct sdp s;
	int r = arena_new(&a, SDP_ARENA_BYTES);

	if (r == 0)
		r = sdp_decode(&s, *(struct span *)arg, a, NULL);
	arena_free(&a);
	return r;
}

static void test_sdp__survives_each_failing_allocation(void **state)
{
	struct fixture *f = *state;
	struct span text;

	load(f, "chromium-npm-client.sdp");
	text = span_of(f->text, f->n);
	assert_true(alloc_test_every(body_decode, &text, 200) > 0);
}

static void test_sdp__a_small_arena_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct arena *small;

	load(f, "chromium-npm-client.sdp");
	assert_int_equal(arena_new(&small, 4096), 0);
	assert_int_equal(sdp_decode(&f->sdp, span_of(f->text, f->n), small,
				    &f->err), E_NOMEM);
	arena_free(&small);
}

/* --- candidates --- */

static void test_sdp_candidate__reads_all_forms(void **state)
{
	struct sdp_candidate c;

	(void)state;
	assert_int_equal(sdp_candidate_decode(&c, SPAN_LIT(
		"candidate:842163049 1 udp 1677729535 192.0.2.7 46154 typ srflx"
		" raddr 10.0.0.1 rport 46154 generation 0 ufrag Hdtj"
		" network-cost 999")), 0);
	assert_int_equal(c.type, SDP_CAND_SRFLX);
	assert_span(c.addr, "192.0.2.7");
	assert_span(c.ufrag, "Hdtj");
	assert_int_equal(c.port, 46154);
	assert_true(!c.tcp && c.priority == 1677729535);
	assert_int_equal(sdp_candidate_decode(&c, SPAN_LIT(
		"a=candidate:1 1 TCP 5 0f3c-11.local 9 typ host tcptype active")),
		0);
	assert_true(c.tcp);
	assert_span(c.tcptype, "active");
	assert_span(c.addr, "0f3c-11.local");
	assert_int_equal(sdp_candidate_decode(&c, SPAN_LIT(
		"1 256 udp 0 2001:db8::1 0 typ relay")), 0);
	assert_true(c.type == SDP_CAND_RELAY && c.component == 256);
}

static void test_sdp_candidate__refuses_the_rest(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"", E_FORMAT},
		{"candidate:", E_FORMAT},
		{"1 0 udp 1 a 1 typ host", E_FORMAT},
		{"1 1 sctp 1 a 1 typ host", E_UNSUPPORTED},
		{"1 1 udp 4294967296 a 1 typ host", E_FORMAT},
		{"1 1 udp 1 a/b 1 typ host", E_FORMAT},
		{"1 1 udp 1 a 65536 typ host", E_FORMAT},
		{"1 1 udp 1 a 1 type host", E_FORMAT},
		{"1 1 udp 1 a 1 typ moon", E_UNSUPPORTED},
		{"1 1 udp 1 a 1 typ", E_UNSUPPORTED},
	};
	struct sdp_candidate c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(sdp_candidate_decode(&c,
						      span_str(rows[i].text)),
				 rows[i].want);
}

/* --- writing --- */

static void write_section(struct wr *w, const struct sdp_fingerprint *fp)
{
	const struct sdp_candidate c = {
		.foundation = SPAN_LIT("1"), .component = 1, .priority = 77,
		.addr = SPAN_LIT("192.0.2.1"), .port = 40000,
		.tcp = true, .tcptype = SPAN_LIT("passive")};
	const struct sdp_rtpmap opus = {111, SPAN_LIT("opus"), 48000, 2};
	const struct sdp_extmap level = {
		1, SDP_SENDRECV,
		SPAN_LIT("urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
		SPAN_NONE};

	sdp_wr_media(w, SPAN_LIT("audio"), 9, SPAN_LIT("UDP/TLS/RTP/SAVPF"),
		     SPAN_LIT("111"));
	sdp_wr_conn(w, SPAN_LIT("0.0.0.0"), false);
	sdp_wr_bw(w, "TIAS", 500000);
	sdp_wr_bw(w, "AS", 0);
	sdp_wr_attr(w, "mid", SPAN_LIT("0"));
	sdp_wr_attr(w, "ice-ufrag", SPAN_LIT("abcd"));
	sdp_wr_attr(w, "ice-pwd", SPAN_LIT("0123456789012345678901"));
	sdp_wr_fingerprint(w, fp);
	sdp_wr_setup(w, SDP_PASSIVE);
	sdp_wr_dir(w, SDP_SENDONLY);
	sdp_wr_flag(w, "rtcp-mux");
	sdp_wr_rtpmap(w, &opus);
	sdp_wr_attrf(w, "fmtp", "%u minptime=%u", 111u, 10u);
	sdp_wr_rtcp_fb(w, 111, "transport-cc", NULL);
	sdp_wr_rtcp_fb(w, 111, "ccm", "fir");
	sdp_wr_extmap(w, &level);
	sdp_wr_candidate(w, &c);
}

static void test_sdp_wr__an_answer_goes_round(void **state)
{
	struct sdp_fingerprint fp = {SDP_SHA256, 32, {1, 2, 0xFF}}, got;
	struct fixture *f = *state;
	struct wr w = wr_of(f->text, sizeof(f->text));
	const struct sdp_section *m;
	struct sdp_candidate c;
	struct sdp_rtcp_fb fb;
	struct sdp_rtpmap map;
	struct span text;
	size_t it = 0;

	sdp_wr_session(&w, UINT64_MAX, 3, SPAN_LIT("127.0.0.1"), false);
	sdp_wr_flag(&w, "ice-lite");
	sdp_wr_attrf(&w, "group", "BUNDLE %.*s", SDP_S(SPAN_LIT("0")));
	write_section(&w, &fp);
	assert_int_equal(wr_end(&w, &text), 0);
	assert_int_equal(decode(f, text), 0);
	m = &f->sdp.sections[0];
	assert_true(sdp_bundle_has(&f->sdp, m->mid));
	assert_int_equal(m->dir, SDP_SENDONLY);
	assert_int_equal(sdp_kbps(&f->sdp, m), 500);
	assert_int_equal(sdp_setup(&f->sdp, m), SDP_PASSIVE);
	assert_true(sdp_fingerprint(&f->sdp, m, 0, &got));
	assert_memory_equal(got.v, fp.v, 32);
	assert_true(sdp_rtpmap_find(m, 111, &map) && map.channels == 2);
	assert_true(sdp_rtcp_fb_next(m, &it, &fb));
	assert_true(sdp_rtcp_fb_next(m, &it, &fb));
	assert_span(fb.param, "fir");
	it = 0;
	assert_true(sdp_candidate_next(m, &it, &c));
	assert_true(c.tcp && c.port == 40000);
	assert_span(c.tcptype, "passive");
}

typedef void (*bad_fn)(struct wr *w);

static void bad_value_lf(struct wr *w)
{
	sdp_wr_attr(w, "x", SPAN_LIT("a\nb"));
}

static void bad_value_cr(struct wr *w)
{
	sdp_wr_attr(w, "x", SPAN_LIT("a\rb"));
}

static void bad_value_nul(struct wr *w)
{
	sdp_wr_attr(w, "x", SPAN_LIT("a\0b"));
}

static void bad_name(struct wr *w)
{
	sdp_wr_flag(w, "a b");
}

static void bad_format(struct wr *w)
{
	sdp_wr_attrf(w, "x", "%s", "a\r\nm=audio");
}

static void bad_address(struct wr *w)
{
	sdp_wr_conn(w, SPAN_LIT("a b"), false);
}

static void bad_media(struct wr *w)
{
	sdp_wr_media(w, SPAN_NONE, 9, SPAN_LIT("x"), SPAN_LIT("1"));
}

static void bad_formats(struct wr *w)
{
	sdp_wr_media(w, SPAN_LIT("x"), 9, SPAN_LIT("x"), SPAN_NONE);
}

static void bad_setup(struct wr *w)
{
	sdp_wr_setup(w, SDP_SETUP_NONE);
}

static void bad_fingerprint(struct wr *w)
{
	sdp_wr_fingerprint(w, &(struct sdp_fingerprint){SDP_SHA256, 0, {0}});
}

static void bad_candidate(struct wr *w)
{
	sdp_wr_candidate(w, &(struct sdp_candidate){.component = 1});
}

static void bad_feedback(struct wr *w)
{
	sdp_wr_rtcp_fb(w, 1, "nack", "pli\n");
}

static void bad_rtpmap(struct wr *w)
{
	sdp_wr_rtpmap(w, &(struct sdp_rtpmap){1, SPAN_LIT("a b"), 1, 1});
}

static void bad_extmap(struct wr *w)
{
	sdp_wr_extmap(w, &(struct sdp_extmap){.id = 1});
}

static void test_sdp_wr__refuses_what_would_break_a_line(void **state)
{
	static const bad_fn bad[] = {
		bad_value_lf, bad_value_cr, bad_value_nul, bad_name,
		bad_format, bad_address, bad_media, bad_formats, bad_setup,
		bad_fingerprint, bad_candidate, bad_feedback, bad_rtpmap,
		bad_extmap};
	char buf[256];
	struct span out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wr w = wr_of(buf, sizeof(buf));
		bad[i](&w);
		assert_int_equal(wr_end(&w, &out), E_FULL);
	}
}

static void test_sdp_fmtp__parameters_by_name(void **state)
{
	static const char text[] = "a=1; B = x ;c;apt=5;long=99999";
	struct span p = SPAN_LIT(text), v;
	uint32_t n;

	(void)state;
	assert_true(sdp_fmtp_param(p, "b", &v));
	assert_span(v, "x");
	assert_true(sdp_fmtp_param(p, "c", &v) && v.n == 0);
	assert_false(sdp_fmtp_param(p, "d", &v));
	assert_int_equal(sdp_fmtp_uint(p, "apt", 127, 1), 5);
	assert_int_equal(sdp_fmtp_uint(p, "long", 127, 1), 1);
	assert_int_equal(sdp_fmtp_uint(p, "b", 127, 1), 1);
	assert_false(sdp_fmtp_hex24(p, "a", &n));
	assert_false(sdp_fmtp_hex24(SPAN_LIT("a=42e01g"), "a", &n));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sdp__reads_the_npm_clients_offer),
		TEST(test_sdp__lists_feedback_extensions_and_ssrcs),
		TEST(test_sdp__reads_candidates),
		TEST(test_sdp__reads_every_other_fixture),
		TEST(test_sdp__session_level_counts_where_a_section_is_silent),
		TEST(test_sdp__reads_a_room_systems_offer),
		TEST(test_sdp__finds_mids_in_any_bundle_group),
		TEST(test_sdp__says_which_line_broke_which_rule),
		TEST(test_sdp__takes_what_is_merely_odd),
		TEST(test_sdp__limits_are_exact),
		TEST(test_sdp__64_kilobytes_is_the_end),
		TEST(test_sdp__the_documented_arena_is_enough),
		TEST(test_sdp__survives_each_failing_allocation),
		TEST(test_sdp__a_small_arena_is_an_error),
		TEST(test_sdp_candidate__reads_all_forms),
		TEST(test_sdp_candidate__refuses_the_rest),
		TEST(test_sdp_wr__an_answer_goes_round),
		TEST(test_sdp_wr__refuses_what_would_break_a_line),
		TEST(test_sdp_fmtp__parameters_by_name),
	};

	data_dir = argc > 1 ? argv[1] : "data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
