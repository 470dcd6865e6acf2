/* Messages as a whole: filter, framing, reading, limits, and the leniencies
 * that README.md lists (one test each, named test_sip_lenient__*). */
#include "wire/sip/body.h"
#include "wire/sip/write.h"
#include "wire/t/test_help.h"

struct fixture {
	struct sip_msg m;
	struct sip_err err;
	uint8_t text[2 * SIP_MESSAGE_MAX];
};

static int setup(void **state)
{
	static struct fixture f;

	f.err = (struct sip_err){0, NULL, 0};
	*state = &f;
	return 0;
}

#define VIA "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\n"
#define REST                                                                  \
	"From: \"A\" <sip:a@example.com>;tag=ft\r\n"                          \
	"To: <sip:room@example.net>\r\n"                                      \
	"Call-ID: id-1@192.0.2.1\r\n"                                         \
	"CSeq: 7 INVITE\r\n"
#define START "INVITE sip:room@example.net SIP/2.0\r\n"
#define HEAD START VIA REST

static int decode(struct fixture *f, struct span text)
{
	return sip_decode(&f->m, text, SIP_DATAGRAM, &f->err);
}

#define DECODE(f, text) decode(f, SPAN_LIT(text))
#define OK(f, text) assert_int_equal(DECODE(f, text), 0)

/* --- reading --- */

static void test_sip__reads_what_every_message_has(void **state)
{
	struct fixture *f = *state;
	const struct sip_msg *m = &f->m;

	OK(f, HEAD "Max-Forwards: 9\r\nUser-Agent: Phone/1\r\n"
		   "Content-Length: 4\r\n\r\nbodyrest");
	assert_true(m->is_request);
	assert_int_equal(m->method, SIP_INVITE);
	assert_span(m->method_text, "INVITE");
	assert_int_equal(m->uri.scheme, SIP_SCHEME_SIP);
	assert_span(m->uri.user, "room");
	assert_span(m->via.branch, "z9hG4bKabc");
	assert_true(m->via.has_rport && m->via.has_cookie);
	assert_int_equal(m->via.sent_by.port, 5060);
	assert_int_equal(m->vias_n, 1);
	assert_span(m->from_tag, "ft");
	assert_int_equal(m->to_tag.n, 0);
	assert_span(m->call_id, "id-1@192.0.2.1");
	assert_int_equal(m->cseq.seq, 7);
	assert_int_equal(m->max_forwards, 9);
	assert_span(m->body, "body");
	assert_span(sip_hdr_value(m, SIP_H_USER_AGENT), "Phone/1");
	assert_false(sip_has(m, SIP_H_SERVER));
	assert_null(sip_hdr(m, SIP_H_OTHER));
	assert_null(sip_hdr(m, SIP_H_COUNT));
}

static void test_sip__reads_responses(void **state)
{
	struct fixture *f = *state;
	const struct sip_msg *m = &f->m;

	OK(f, "SIP/2.0 180 Ringing now\r\n" VIA REST "Content-Length: 0\r\n\r\n");
	assert_false(m->is_request);
	assert_int_equal(m->status, 180);
	assert_span(m->reason, "Ringing now");
	assert_int_equal(m->method, SIP_INVITE);
	assert_int_equal(DECODE(f, "SIP/2.0 099 x\r\n" VIA REST "\r\n"),
			 E_FORMAT);
	assert_int_equal(DECODE(f, "SIP/2.0 700 x\r\n" VIA REST "\r\n"),
			 E_FORMAT);
	assert_int_equal(f->err.status, 0);
	assert_int_equal(DECODE(f, "SIP/3.0 200 x\r\n" VIA REST "\r\n"),
			 E_VERSION);
	assert_int_equal(f->err.status, 0);
}

static void test_sip__knows_every_header_name(void **state)
{
	static const struct {
		const char *name;
		char compact;
		enum sip_hdr_id id;
	} all[] = {
#define X(id, name, compact, many) {name, compact, SIP_H_##id},
		SIP_HEADERS_LIST(X)
#undef X
	};
	char other[64];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(sip_hdr_id_of(span_str(all[i].name)),
				 all[i].id);
		assert_string_equal(sip_hdr_name(all[i].id), all[i].name);
		size_t n = strlen(all[i].name);
		for (size_t k = 0; k <= n; k++)
			other[k] = (char)(all[i].name[k] ^
					  (all[i].name[k] >= 'a' ? 32 : 0));
		assert_int_equal(sip_hdr_id_of(span_of(other, n)), all[i].id);
		if (all[i].compact)
			assert_int_equal(
				sip_hdr_id_of(span_of(&all[i].compact, 1)),
				all[i].id);
	}
	assert_int_equal(sip_hdr_id_of(SPAN_LIT("X-Via")), SIP_H_OTHER);
	assert_int_equal(sip_hdr_id_of(SPAN_LIT("z")), SIP_H_OTHER);
	assert_int_equal(sip_hdr_id_of(SPAN_LIT("q")), SIP_H_OTHER);
	assert_int_equal(sip_hdr_id_of(SPAN_NONE), SIP_H_OTHER);
	assert_string_equal(sip_hdr_name(SIP_H_COUNT), "");
}

static void test_sip__walks_headers_and_lists(void **state)
{
	struct fixture *f = *state;
	const struct sip_hdr *h;
	struct sip_list l;
	struct span v;
	size_t it = 0;

	OK(f, HEAD "Route: <sip:u,v@a;lr>, \"x, \\\" y\" <sip:c;lr>\r\nX: 1\r\n"
		   "route:,, <sip:d>,\r\nSupported: timer,100rel\r\nk: path\r\n"
		   "Require: a,replaces\r\nAllow: INVITE, FOO, BYE\r\n\r\n");
	l = sip_list(&f->m, SIP_H_ROUTE);
	assert_true(sip_list_next(&l, &v));
	assert_span(v, "<sip:u,v@a;lr>");
	assert_true(sip_list_next(&l, &v));
	assert_span(v, "\"x, \\\" y\" <sip:c;lr>");
	assert_true(sip_list_next(&l, &v));
	assert_span(v, "<sip:d>");
	assert_false(sip_list_next(&l, &v));
	assert_false(l.failed);
	h = sip_hdr_next(&f->m, SIP_H_ROUTE, &it);
	assert_non_null(h);
	h = sip_hdr_next(&f->m, SIP_H_ROUTE, &it);
	assert_span(h->name, "route");
	assert_null(sip_hdr_next(&f->m, SIP_H_ROUTE, &it));
	it = 0;
	assert_null(sip_hdr_next(&f->m, SIP_H_DATE, &it));
	assert_span(sip_hdr_named(&f->m, "x")->value, "1");

	uint32_t bits;
	assert_int_equal(sip_options(&f->m, SIP_H_SUPPORTED, &bits, &v), 0);
	assert_int_equal(bits, SIP_OPTION(TIMER) | SIP_OPTION(100REL) |
				       SIP_OPTION(PATH));
	assert_int_equal(v.n, 0);
	assert_int_equal(sip_options(&f->m, SIP_H_REQUIRE, &bits, &v), 0);
	assert_int_equal(bits, SIP_OPTION(REPLACES));
	assert_span(v, "a");
	assert_int_equal(sip_allow(&f->m), 1u << SIP_INVITE | 1u << SIP_BYE);
}

/* Every fault names its place and its rule, and says what to answer. */
static void test_sip__says_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint16_t status;
		const char *rule;
	} bad[] = {
		{"", E_FORMAT, 0, "empty"},
		{"INVITE sip:x SIP/2.0", E_TRUNC, 0, "no end of the start line"},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", E_FORMAT, 0, "start line"},
		{"INVITE sip:x SIP/2.0\r\n\r\n", E_FORMAT, 0, "Via missing"},
		{START REST "\r\n", E_FORMAT, 0, "Via missing"},
		{START "Via: x\r\n" REST "\r\n", E_FORMAT, 0, "Via"},
		{START VIA "From: <sip:a>\r\nTo: <sip:b>\r\nCSeq: 1 INVITE\r\n"
		 "\r\n", E_FORMAT, 0, "Call-ID missing"},
		{HEAD, E_TRUNC, 400, "no empty line behind the headers"},
		{HEAD "bad\r\n\r\n", E_FORMAT, 400, "<name>: <value>"},
		{HEAD "b d: x\r\n\r\n", E_FORMAT, 400, "<name>: <value>"},
		{HEAD ": x\r\n\r\n", E_FORMAT, 400, "<name>: <value>"},
		{HEAD "A: x\ry\r\n\r\n", E_FORMAT, 400, "CR inside a line"},
		{HEAD "From: <sip:b>\r\n\r\n", E_FORMAT, 400,
		 "header more than once"},
		{HEAD "Max-Forwards: 256\r\n\r\n", E_FORMAT, 400,
		 "Max-Forwards"},
		{HEAD "Max-Forwards: -1\r\n\r\n", E_FORMAT, 400,
		 "Max-Forwards"},
		{HEAD "Content-Length: 1\r\nl: 1\r\nl: 2\r\n\r\n12", E_FORMAT,
		 400, "Content-Length"},
		{HEAD "Content-Length: 1, 1\r\n\r\n1", E_FORMAT, 400,
		 "Content-Length"},
		{HEAD "Content-Length: +1\r\n\r\n1", E_FORMAT, 400,
		 "Content-Length"},
		{HEAD "Content-Length: 3\r\n\r\n12", E_FORMAT, 400,
		 "Content-Length and body differ"},
		{HEAD "Content-Length: 99999999999999999999\r\n\r\n", E_LIMIT,
		 400, "Content-Length"},
		{HEAD "Contact: *, <sip:a>\r\n\r\n", E_FORMAT, 400, "Contact"},
		{HEAD "Contact: <sip:a>\r\nm: *\r\n\r\n", E_FORMAT, 400,
		 "Contact"},
		{HEAD "Record-Route: <sip:a\r\n\r\n", E_FORMAT, 400,
		 "Record-Route"},
		{HEAD "Route: *\r\n\r\n", E_FORMAT, 400, "Route"},
		{START " Subject: fold of the start line\r\n" VIA REST "\r\n",
		 E_FORMAT, 400, "<name>: <value>"},
		{"ACK sip:x SIP/2.0\r\n" VIA "From: <sip:a>\r\nTo: <sip:b>\r\n"
		 "Call-ID: x\r\nCSeq: 1 INVITE\r\n\r\n", E_FORMAT, 0,
		 "CSeq of another method"},
		{"ACK sip:x SIP/2.0\r\n" VIA REST "\r\n", E_FORMAT, 0,
		 "CSeq of another method"},
		{"INVITE sip: SIP/2.0\r\n" VIA REST "\r\n", E_FORMAT, 400,
		 "Request-URI"},
		{"INVITE sip:x SIP/2.1\r\n" VIA REST "\r\n", E_VERSION, 505,
		 "SIP/2.0"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct span in = span_str(bad[i].text);
		int r = decode(f, in);
		if (r != bad[i].code || f->err.status != bad[i].status ||
		    strcmp(f->err.rule, bad[i].rule) != 0)
			fail_msg("%zu: %s %u %s", i, err_name(r),
				 f->err.status, f->err.rule);
		assert_true(f->err.offset <= in.n);
	}
}

static void test_sip__nul_only_in_a_quoted_pair(void **state)
{
	struct fixture *f = *state;

	OK(f, HEAD "Warning: 399 a \"\\\0\"\r\n\r\n");
	assert_int_equal(DECODE(f, HEAD "Subject: a\0b\r\n\r\n"), E_FORMAT);
	assert_string_equal(f->err.rule, "NUL in the head");
	/* outside of quotes the pair is none */
	assert_int_equal(DECODE(f, HEAD "Contact: <sip:a\\\0>\r\n\r\n"),
			 E_FORMAT);
	OK(f, HEAD "Content-Length: 1\r\n\r\n\0");
}

static struct span repeat(struct fixture *f, const char *head,
			  const char *line, unsigned n, const char *tail)
{
	struct wr w = wr_of(f->text, sizeof(f->text));
	struct span s;

	wr_str(&w, head);
	for (unsigned i = 0; i < n; i++)
		wr_str(&w, line);
	wr_str(&w, tail);
	assert_int_equal(wr_end(&w, &s), 0);
	return s;
}

static void test_sip__limits_are_exact(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode(f, repeat(f, HEAD, "A: b\r\n",
					  SIP_HEADERS_MAX - 5, "\r\n")), 0);
	assert_int_equal(f->m.hdrs_n, SIP_HEADERS_MAX);
	assert_int_equal(decode(f, repeat(f, HEAD, "A: b\r\n",
					  SIP_HEADERS_MAX - 4, "\r\n")),
			 E_LIMIT);
	assert_string_equal(f->err.rule, "too many headers");
	assert_int_equal(f->err.status, 400);
	/* 10,000 of them cost no more */
	assert_int_equal(decode(f, repeat(f, HEAD, "A: b\r\n", 9000, "\r\n")),
			 E_LIMIT);
	assert_int_equal(decode(f, repeat(f, START VIA REST, VIA,
					  SIP_VIAS_MAX - 1, "\r\n")), 0);
	assert_int_equal(decode(f, repeat(f, START VIA REST, VIA,
					  SIP_VIAS_MAX, "\r\n")), E_LIMIT);
	assert_int_equal(decode(f, repeat(f, HEAD "A: ", "x",
					  SIP_HEADER_MAX - 3, "\r\n\r\n")), 0);
	assert_int_equal(decode(f, repeat(f, HEAD "A: ", "x",
					  SIP_HEADER_MAX - 2, "\r\n\r\n")),
			 E_LIMIT);
	assert_string_equal(f->err.rule, "header too long");
	/* folds count */
	assert_int_equal(decode(f, repeat(f, HEAD "A: ", "x\r\n ",
					  SIP_HEADER_MAX / 4, "\r\n\r\n")),
			 E_LIMIT);
	assert_int_equal(decode(f, repeat(f, HEAD "Contact: <sip:a>", ",<sip:a>",
					  SIP_LIST_MAX - 1, "\r\n\r\n")), 0);
	assert_int_equal(decode(f, repeat(f, HEAD "Contact: <sip:a>", ",<sip:a>",
					  SIP_LIST_MAX, "\r\n\r\n")), E_LIMIT);
	size_t head = sizeof(HEAD "\r\n") - 1;
	assert_int_equal(decode(f, repeat(f, HEAD "\r\n", "b",
				(unsigned)(SIP_MESSAGE_MAX - head), "")), 0);
	assert_int_equal(decode(f, repeat(f, HEAD "\r\n", "b",
				(unsigned)(SIP_MESSAGE_MAX - head + 1), "")),
			 E_LIMIT);
	assert_int_equal(f->err.status, 0);
}

static void test_sip__a_stream_is_strict(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sip_decode(&f->m, SPAN_LIT(HEAD "l: 2\r\n\r\nab"),
				    SIP_STREAM, &f->err), 0);
	assert_int_equal(sip_decode(&f->m, SPAN_LIT(HEAD "l: 2\r\n\r\nabc"),
				    SIP_STREAM, &f->err), E_FORMAT);
	assert_int_equal(sip_decode(&f->m, SPAN_LIT(HEAD "\r\n"), SIP_STREAM,
				    &f->err), E_FORMAT);
	assert_string_equal(f->err.rule, "no Content-Length on a stream");
	assert_int_equal(sip_decode(&f->m, SPAN_LIT(HEAD "l: 0\n\r\n"),
				    SIP_STREAM, &f->err), E_FORMAT);
	assert_string_equal(f->err.rule, "a line ends in CR LF");
}

/* --- leniencies --- */

static void test_sip_lenient__lines_may_end_in_lf_alone(void **state)
{
	struct fixture *f = *state;

	OK(f, "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n"
	      "From: <sip:a>;tag=1\nTo: <sip:b>\nCall-ID: c\n"
	      "CSeq: 1 OPTIONS\nSubject: a\n b\nContent-Length: 2\n\nab");
	assert_span(f->m.body, "ab");
	assert_span(sip_hdr_value(&f->m, SIP_H_SUBJECT), "a\n b");
}

static void test_sip_lenient__empty_lines_in_front(void **state)
{
	OK((struct fixture *)*state, "\r\n\r\n" HEAD "\r\n");
}

static void test_sip_lenient__blanks_around_the_colon(void **state)
{
	struct fixture *f = *state;

	OK(f, HEAD "Subject \t :\t x \t\r\nUser-Agent:y\r\n\r\n");
	assert_span(sip_hdr_value(&f->m, SIP_H_SUBJECT), "x");
	assert_span(sip_hdr_value(&f->m, SIP_H_USER_AGENT), "y");
}

static void test_sip_lenient__compact_and_long_forms_mixed(void **state)
{
	struct fixture *f = *state;

	OK(f, START "v: SIP/2.0/UDP a;branch=z9hG4bK1\r\n" VIA
	      "f: <sip:a>;tag=1\r\nT: <sip:b>\r\ni: 1\r\nCSeq: 1 INVITE\r\n"
	      "c: application/sdp\r\nL: 1\r\nContent-Length: 1\r\n\r\nx");
	assert_int_equal(f->m.vias_n, 2);
	assert_span(f->m.via.sent_by.text, "a");
}

static void test_sip_lenient__max_forwards_may_be_missing(void **state)
{
	struct fixture *f = *state;

	OK(f, HEAD "\r\n");
	assert_false(f->m.has_max_forwards);
	assert_int_equal(f->m.max_forwards, 70);
}

static void test_sip_lenient__content_length_may_be_missing(void **state)
{
	struct fixture *f = *state;

	OK(f, HEAD "\r\nbody");
	assert_span(f->m.body, "body");
}

static void test_sip_lenient__equal_lengths_twice(void **state)
{
	OK((struct fixture *)*state, HEAD "l: 0\r\nContent-Length: 0\r\n\r\n");
}

static void test_sip_lenient__blanks_before_parameters(void **state)
{
	struct fixture *f = *state;

	OK(f, START "Via: SIP/2.0/UDP 192.0.2.1 : 5061 ; branch = z9hG4bKx\r\n"
	      "From: <sip:a> ;tag=1\r\nTo: sip:b ; tag = 2\r\nCall-ID: 1\r\n"
	      "CSeq: 1   INVITE\r\n\r\n");
	assert_span(f->m.from_tag, "1");
	assert_span(f->m.to_tag, "2");
	assert_span(f->m.via.branch, "z9hG4bKx");
	assert_int_equal(f->m.via.sent_by.port, 5061);
}

static void test_sip_lenient__a_status_line_without_reason(void **state)
{
	struct fixture *f = *state;

	OK(f, "SIP/2.0 200\r\n" VIA REST "\r\n");
	assert_int_equal(f->m.status, 200);
	OK(f, "sip/2.0 200 OK\r\n" VIA REST "\r\n");
}

static void test_sip_lenient__loose_names_and_tags(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];

	OK(f, START VIA "From: R\xc3\xb8m 2 (Oslo)/A <sip:a>;tag=a/b=@[1]\r\n"
	      "To: <sip:*67#@host_1.example>;x\r\nCall-ID: {1}@[::1]\r\n"
	      "CSeq: 1 INVITE\r\n\r\n");
	assert_span(sip_addr_display(&f->m.from, buf, sizeof(buf)),
		    "R\xc3\xb8m 2 (Oslo)/A");
	assert_span(f->m.from_tag, "a/b=@[1]");
	assert_span(f->m.to.uri.user, "*67#");
	assert_span(f->m.to.uri.host.text, "host_1.example");
}

static void test_sip_lenient__parameters_without_value(void **state)
{
	struct fixture *f = *state;

	OK(f, START "Via: SIP/2.0/UDP h;rport=;branch=z9hG4bKx\r\n"
	      "From: <sip:a@b;transport=>;tag=1\r\nTo: <sip:b>;tag=\r\n"
	      "Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n");
	assert_true(f->m.via.has_rport);
	assert_int_equal(f->m.via.rport, 0);
	assert_int_equal(f->m.to_tag.n, 0);
}

static void test_sip_lenient__empty_list_values(void **state)
{
	struct fixture *f = *state;
	uint32_t bits;
	struct span v;

	OK(f, HEAD "Supported: ,timer,,replaces,\r\nAllow:\r\n\r\n");
	assert_int_equal(sip_options(&f->m, SIP_H_SUPPORTED, &bits, &v), 0);
	assert_int_equal(bits, SIP_OPTION(TIMER) | SIP_OPTION(REPLACES));
	assert_int_equal(sip_allow(&f->m), 0);
}

static void test_sip_lenient__parts_without_handling_may_be_passed_over(
	void **state)
{
	struct fixture *f = *state;
	struct span sdp;

	OK(f, HEAD "Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n"
	      "--a b\r\nContent-Type: application/isup;version=x\r\n\r\n\x01\r\n"
	      "--a b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
	      "\r\n--a b--\r\n");
	assert_int_equal(sip_body_sdp(&f->m, &sdp), 0);
	assert_span(sdp, "v=0\r\n");
}

static void test_sip_lenient__keepalives(void **state)
{
	(void)state;
	assert_true(sip_is_keepalive(SPAN_LIT("")));
	assert_true(sip_is_keepalive(SPAN_LIT("\r\n\r\n")));
	assert_true(sip_is_keepalive(SPAN_LIT("\0\0\0\0")));
	assert_false(sip_is_keepalive(SPAN_LIT("\0\0\0\0\0\0\0\0\0")));
	assert_false(sip_is_keepalive(SPAN_LIT("x")));
}

/* --- soft filter --- */

static void test_sip_filter__finds_method_and_agent(void **state)
{
	struct sip_peek k;

	(void)state;
	assert_int_equal(sip_filter(&k, SPAN_LIT(HEAD "user-agent : friendly-"
						      "scanner\r\n\r\n")), 0);
	assert_true(k.is_request);
	assert_int_equal(k.method, SIP_INVITE);
	assert_span(k.uri, "sip:room@example.net");
	assert_span(k.user_agent, "friendly-scanner");
	assert_int_equal(sip_filter(&k, SPAN_LIT("SIP/2.0 200 OK\r\nServer: x"
						 "\r\n\r\n")), 0);
	assert_false(k.is_request);
	assert_int_equal(k.status, 200);
	assert_span(k.user_agent, "x");
	/* none: in a fold, in the body, behind the first bytes */
	assert_int_equal(sip_filter(&k, SPAN_LIT(START "X: 1\r\n User-Agent: "
					"y\r\n\r\nUser-Agent: z\r\n")), 0);
	assert_int_equal(k.user_agent.n, 0);
}

static void test_sip_filter__is_silent_on_noise(void **state)
{
	static const struct span noise[] = {
		SPAN_LIT(""), SPAN_LIT("\r\n\r\n"), SPAN_LIT("\0\1\0\0!\x12\xa4"),
		SPAN_LIT("GET / HTTP/1.1\r\n\r\n"),
		SPAN_LIT("\x16\x03\x01\x02\x00\n"), SPAN_LIT("INVITE"),
		SPAN_LIT("INVITE sip:x\r\n"), SPAN_LIT("SIP/2.0 20 OK\r\n"),
		SPAN_LIT("SIP/2.0 OK\r\n"), SPAN_LIT("SIP/3.0 200 OK\r\n")};
	struct sip_peek k;

	(void)state;
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		assert_int_equal(sip_filter(&k, noise[i]), E_FORMAT);
}

/* --- streams --- */

#define ONE START VIA REST "Content-Length: 3\r\n\r\nabc"
#define TWO "OPTIONS sip:x SIP/2.0\r\nl:\r\n 0\r\nVia: x\r\n\r\n"

static void test_sip_frame__cuts_pipelined_messages(void **state)
{
	static const char text[] = "\r\n" ONE TWO "\r\n\r\n" ONE;
	struct span in = SPAN_LIT(text);
	struct sip_frame f = {.seen = 0};
	size_t n;

	(void)state;
	static const struct {
		enum sip_frame_result r;
		size_t n;
	} want[] = {{SIP_FRAME_CRLF, 2}, {SIP_FRAME_DONE, sizeof(ONE) - 1},
		    {SIP_FRAME_DONE, sizeof(TWO) - 1}, {SIP_FRAME_CRLF, 2},
		    {SIP_FRAME_PING, 2}, {SIP_FRAME_DONE, sizeof(ONE) - 1},
		    {SIP_FRAME_MORE, 1}};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(sip_frame(&f, in, &n, NULL), want[i].r);
		assert_int_equal(n, want[i].n);
		if (want[i].r != SIP_FRAME_MORE)
			in = span_of(in.p + n, in.n - n);
	}
}

/* Byte for byte: the same result, no byte searched twice. */
static void test_sip_frame__works_byte_for_byte(void **state)
{
	static const char text[] = ONE TWO;
	struct sip_frame f = {.seen = 0};
	size_t start = 0, n, found = 0;

	(void)state;
	for (size_t end = 1; end <= sizeof(text) - 1; end++) {
		struct span have = span_of(text + start, end - start);
		enum sip_frame_result r = sip_frame(&f, have, &n, NULL);
		if (r == SIP_FRAME_MORE) {
			assert_true(n >= 1 && n <= sizeof(text) - end);
			if (f.head == 0)
				assert_int_equal(f.seen, have.n);
			continue;
		}
		assert_int_equal(r, SIP_FRAME_DONE);
		assert_int_equal(n, have.n);
		start = end;
		found++;
	}
	assert_int_equal(found, 2);
}

static void test_sip_frame__knows_what_is_missing(void **state)
{
	struct sip_frame f = {.seen = 0};
	struct span all = SPAN_LIT(ONE);
	size_t n;

	(void)state;
	assert_int_equal(sip_frame(&f, span_of(all.p, all.n - 3), &n, NULL),
			 SIP_FRAME_MORE);
	assert_int_equal(n, 3);
	assert_int_equal(sip_frame(&f, span_of(all.p, all.n - 1), &n, NULL),
			 SIP_FRAME_MORE);
	assert_int_equal(n, 1);
	assert_int_equal(sip_frame(&f, all, &n, NULL), SIP_FRAME_DONE);
}

static void test_sip_frame__refuses_what_cannot_be_cut(void **state)
{
	static const struct {
		struct span in;
		uint16_t status;
	} bad[] = {
		{SPAN_LIT("\x16\x03\x01"), 0}, {SPAN_LIT("\n"), 0},
		{SPAN_LIT("\rX"), 0}, {SPAN_LIT("GET / HTTP/1.1\r\n"), 0},
		{SPAN_LIT("INVITE sip:x SIP/2.0\n"), 0},
		{SPAN_LIT(START "A: b\nC: d\r\n"), 0},
		{SPAN_LIT(START "A: b\r\n\r\n"), 400},
		{SPAN_LIT(START "l: 1\r\nContent-Length: 2\r\n\r\n"), 400},
		{SPAN_LIT(START "l: x\r\n\r\n"), 400},
		{SPAN_LIT(START "l: -1\r\n\r\n"), 400},
		{SPAN_LIT(START "l: 65536\r\n\r\n"), 513},
		{SPAN_LIT(START "l: 99999999999999999999999\r\n\r\n"), 513},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sip_frame f = {.seen = 0};
		struct sip_err err = {0, NULL, 0};
		size_t n;
		if (sip_frame(&f, bad[i].in, &n, &err) != SIP_FRAME_BAD)
			fail_msg("%zu", i);
		assert_int_equal(err.status, bad[i].status);
		assert_non_null(err.rule);
	}
}

static void test_sip_frame__bounds_heads_and_lines(void **state)
{
	struct fixture *x = *state;
	struct sip_frame f = {.seen = 0};
	struct span s = repeat(x, START "A: ", "x", SIP_HEADER_MAX + 1, "");
	size_t n;

	assert_int_equal(sip_frame(&f, s, &n, NULL), SIP_FRAME_BAD);
	f = (struct sip_frame){.seen = 0};
	s = repeat(x, "", "I", SIP_HEADER_MAX + 1, "");
	assert_int_equal(sip_frame(&f, s, &n, NULL), SIP_FRAME_BAD);
	f = (struct sip_frame){.seen = 0};
	s = repeat(x, START, "A: b\r\n", SIP_MESSAGE_MAX / 6, "");
	assert_int_equal(sip_frame(&f, s, &n, NULL), SIP_FRAME_BAD);
	f = (struct sip_frame){.seen = 0};
	s = repeat(x, START, "A: b\r\n", 9000, "l: 65000\r\n\r\n");
	assert_int_equal(sip_frame(&f, s, &n, NULL), SIP_FRAME_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(test_##name, setup)
		T(sip__reads_what_every_message_has),
		T(sip__reads_responses),
		T(sip__knows_every_header_name),
		T(sip__walks_headers_and_lists),
		T(sip__says_what_is_wrong),
		T(sip__nul_only_in_a_quoted_pair),
		T(sip__limits_are_exact),
		T(sip__a_stream_is_strict),
		T(sip_lenient__lines_may_end_in_lf_alone),
		T(sip_lenient__empty_lines_in_front),
		T(sip_lenient__blanks_around_the_colon),
		T(sip_lenient__compact_and_long_forms_mixed),
		T(sip_lenient__max_forwards_may_be_missing),
		T(sip_lenient__content_length_may_be_missing),
		T(sip_lenient__equal_lengths_twice),
		T(sip_lenient__blanks_before_parameters),
		T(sip_lenient__a_status_line_without_reason),
		T(sip_lenient__loose_names_and_tags),
		T(sip_lenient__parameters_without_value),
		T(sip_lenient__empty_list_values),
		T(sip_lenient__parts_without_handling_may_be_passed_over),
		T(sip_lenient__keepalives),
		T(sip_filter__finds_method_and_agent),
		T(sip_filter__is_silent_on_noise),
		T(sip_frame__cuts_pipelined_messages),
		T(sip_frame__works_byte_for_byte),
		T(sip_frame__knows_what_is_missing),
		T(sip_frame__refuses_what_cannot_be_cut),
		T(sip_frame__bounds_heads_and_lines),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
