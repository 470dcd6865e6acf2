/* Every message of RFC 4475 and RFC 5118, and what it gives. */
#include <stdio.h>
#include "wire/sip/auth.h"
#include "wire/sip/body.h"
#include "wire/sip/write.h"
#include "wire/t/test_help.h"

static const char *data_dir;

struct fixture {
	uint8_t text[SIP_MESSAGE_MAX];
	uint8_t out[SIP_MESSAGE_MAX];
	size_t n;
	struct sip_msg m;
	struct sip_err err;
};

static int setup(void **state)
{
	static struct fixture f;

	*state = &f;
	return 0;
}

static struct span load(struct fixture *f, const char *dir, const char *name)
{
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s/%s.sip", data_dir, dir, name);
	in = fopen(path, "rb");
	if (!in)
		fail_msg("no %s", path);
	f->n = fread(f->text, 1, sizeof(f->text), in);
	fclose(in);
	return span_of(f->text, f->n);
}

struct want {
	const char *name;
	int code;
	uint16_t status;	/* to answer, 0 = silence */
	const char *rule;	/* of a refused one */
};

/* The third column of the second block is what a caller may answer; where the
 * RFC suggests an answer and we stay silent, nothing is known that an answer
 * could be made of. */
static const struct want rfc4475[] = {
	/* 3.1.1 valid */
	{"wsinv", 0, 0, NULL}, {"intmeth", 0, 0, NULL},
	{"esc01", 0, 0, NULL}, {"escnull", 0, 0, NULL},
	{"esc02", 0, 0, NULL}, {"lwsdisp", 0, 0, NULL},
	/* 34 Vias are more than SIP_VIAS_MAX: our limit, not its fault */
	{"longreq", E_LIMIT, 400, "too many Vias"},
	{"dblreq", 0, 0, NULL}, {"semiuri", 0, 0, NULL},
	{"transports", 0, 0, NULL}, {"mpart01", 0, 0, NULL},
	{"unreason", 0, 0, NULL}, {"noreason", 0, 0, NULL},
	/* 3.1.2 invalid */
	{"badinv01", E_FORMAT, 0, "Via"},
	{"clerr", E_FORMAT, 400, "Content-Length and body differ"},
	{"ncl", E_FORMAT, 400, "Content-Length"},
	{"scalar02", E_FORMAT, 400, "CSeq"},
	{"scalarlg", E_FORMAT, 0, "CSeq"},
	{"quotbal", E_FORMAT, 400, "To"},
	{"ltgtruri", E_FORMAT, 400, "Request-URI"},
	{"lwsruri", E_FORMAT, 400, "Request-URI"},
	{"lwsstart", E_FORMAT, 400, "Request-URI"},
	{"trws", E_FORMAT, 400, "start line"},
	{"escruri", E_FORMAT, 400, "headers in the Request-URI"},
	{"baddate", 0, 0, NULL},	/* Date is nobody's business here */
	{"regbadct", E_FORMAT, 400, "Contact"},
	{"badaspec", E_FORMAT, 400, "To"},
	/* its archive form has no empty line either */
	{"baddn", E_TRUNC, 400, "no empty line behind the headers"},
	{"badvers", E_VERSION, 505, "SIP/2.0"},
	{"mismatch01", E_FORMAT, 400, "CSeq of another method"},
	{"mismatch02", E_FORMAT, 400, "CSeq of another method"},
	{"bigcode", E_FORMAT, 0, "start line"},
	/* 3.2 */
	{"badbranch", 0, 0, NULL},
	/* 3.3 */
	{"insuf", E_FORMAT, 0, "From missing"},
	{"unkscm", 0, 0, NULL}, {"novelsc", 0, 0, NULL},
	{"unksm2", 0, 0, NULL}, {"bext01", 0, 0, NULL},
	{"invut", 0, 0, NULL}, {"regaut01", 0, 0, NULL},
	{"multi01", E_FORMAT, 400, "header more than once"},
	{"mcl01", E_FORMAT, 400, "Content-Length"},
	{"bcast", 0, 0, NULL}, {"zeromf", 0, 0, NULL},
	{"cparam01", 0, 0, NULL}, {"cparam02", 0, 0, NULL},
	{"regescrt", 0, 0, NULL}, {"sdp01", 0, 0, NULL},
	/* 3.4 */
	{"inv2543", 0, 0, NULL},
};

static const struct want rfc5118[] = {
	{"ipv6-good", 0, 0, NULL},
	{"ipv6-bad", E_FORMAT, 400, "Request-URI"},
	{"port-ambiguous", 0, 0, NULL}, {"port-unambiguous", 0, 0, NULL},
	{"via-received-param-with-delim", 0, 0, NULL},
	{"via-received-param-no-delim", 0, 0, NULL},
	{"ipv6-in-sdp", 0, 0, NULL}, {"mult-ip-in-header", 0, 0, NULL},
	{"mult-ip-in-sdp", 0, 0, NULL}, {"ipv4-mapped-ipv6", 0, 0, NULL},
	{"ipv6-bug-abnf-3-colons", 0, 0, NULL},
	{"ipv6-correct-abnf-2-colons", 0, 0, NULL},
};

static void check(struct fixture *f, const char *dir, const struct want *w)
{
	struct span in = load(f, dir, w->name);
	int r;

	f->err = (struct sip_err){0, NULL, 0};
	r = sip_decode(&f->m, in, SIP_DATAGRAM, &f->err);
	if (r != w->code)
		fail_msg("%s: %s, %s at %zu", w->name, err_name(r),
			 f->err.rule ? f->err.rule : "", f->err.offset);
	assert_int_equal(f->err.status, w->status);
	if (w->rule && strcmp(w->rule, f->err.rule) != 0)
		fail_msg("%s: %s", w->name, f->err.rule);
	assert_true(f->err.offset <= in.n);
}

static void test_sip_torture__rfc4475_gives_what_the_table_says(void **state)
{
	for (size_t i = 0; i < sizeof(rfc4475) / sizeof(rfc4475[0]); i++)
		check(*state, "rfc4475", &rfc4475[i]);
}

static void test_sip_torture__rfc5118_gives_what_the_table_says(void **state)
{
	for (size_t i = 0; i < sizeof(rfc5118) / sizeof(rfc5118[0]); i++)
		check(*state, "rfc5118", &rfc5118[i]);
}

static const struct sip_msg *ok(struct fixture *f, const char *dir,
				const char *name)
{
	const struct want w = {name, 0, 0, NULL};

	check(f, dir, &w);
	return &f->m;
}

/* What may be answered can be answered, and the answer is well-formed. */
static void test_sip_torture__answers_can_be_written(void **state)
{
	struct fixture *f = *state;
	static struct sip_msg answer;
	struct addr from = {.port = 5060};
	struct span text;

	assert_int_equal(addr_parse(&from, SPAN_LIT("192.0.2.77"), 5060), 0);
	for (size_t i = 0; i < sizeof(rfc4475) / sizeof(rfc4475[0]); i++) {
		struct wr w = wr_of(f->out, sizeof(f->out));
		check(f, "rfc4475", &rfc4475[i]);
		if (rfc4475[i].status == 0)
			continue;
		sip_wr_response(&w, &f->m, rfc4475[i].status, SPAN_NONE,
				SPAN_LIT("t1"), &from);
		sip_wr_no_body(&w);
		assert_int_equal(wr_end(&w, &text), 0);
		(void)sip_decode(&answer, text, SIP_DATAGRAM, NULL);
		assert_int_equal(answer.status, rfc4475[i].status);
		assert_true(answer.vias_n > 0);
	}
}

static void test_sip_torture__short_tortuous_invite(void **state)
{
	const struct sip_msg *m = ok(*state, "rfc4475", "wsinv");
	struct sip_list l = sip_list(m, SIP_H_VIA);
	struct sip_addr a;
	struct sip_via v;
	uint8_t buf[64];

	assert_int_equal(m->method, SIP_INVITE);
	assert_span(m->to_tag, "1918181833n");
	assert_span(m->from_tag, "98asjd8");
	assert_span(sip_addr_display(&m->from, buf, sizeof(buf)),
		    "J Rosenberg \\\"");
	assert_int_equal(m->max_forwards, 68);
	assert_int_equal(m->cseq.seq, 9);
	assert_int_equal(m->body.n, 150);
	assert_int_equal(m->vias_n, 3);
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_span(v.branch, "390skdjuw");
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_int_equal(v.transport, SIP_TRANSPORT_TCP);
	assert_span(v.sent_by.text, "spindle.example.com");
	assert_span(v.branch, "z9hG4bK9ikj8");
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_span(v.sent_by.text, "192.168.255.111");
	assert_span(v.branch, "z9hG4bK30239");
	assert_int_equal(sip_via_next(&l, &v), 0);
	l = sip_list(m, SIP_H_CONTACT);
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_span(sip_addr_display(&a, buf, sizeof(buf)),
		    "Quoted string \"\"");
	assert_int_equal(sip_addr_q(&a), 330);
	assert_span(sip_param_value(a.params, "newparam"), "newvalue");
	assert_true(sip_param_has(a.params, "secondparam"));
	assert_true(sip_has(m, SIP_H_SUBJECT));
	assert_int_equal(sip_hdr_value(m, SIP_H_SUBJECT).n, 0);
	assert_span(sip_hdr_named(m, "unknownheaderWithUnusualValue")->value,
		    ";;,,;;,;");
}

static void test_sip_torture__wide_range_of_characters(void **state)
{
	const struct sip_msg *m = ok(*state, "rfc4475", "intmeth");

	assert_int_equal(m->method, SIP_OTHER);
	assert_span(m->method_text,
		    "!interesting-Method0123456789_*+`.%indeed'~");
	assert_true(m->uri.has_password);
	assert_span(m->uri.user,
		    "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
	assert_span(m->uri.host.text, "example.com");
	assert_span(m->from_tag, "_token~1'+`*%!-.");
}

static void test_sip_torture__escapes(void **state)
{
	const struct sip_msg *m = ok(*state, "rfc4475", "esc01");
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr a;
	struct span s;
	uint8_t buf[64];

	assert_int_equal(sip_uri_user(&m->uri, buf, sizeof(buf), &s), 0);
	assert_span(s, "sips:user@example.com");
	assert_int_equal(sip_uri_user(&m->to.uri, buf, sizeof(buf), &s), 0);
	assert_span(s, "user");
	assert_int_equal(sip_uri_user(&m->from.uri, buf, sizeof(buf), &s), 0);
	assert_span(s, "I have spaces");
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_int_equal(sip_uri_user(&a.uri, buf, sizeof(buf), &s), 0);
	assert_span(s, "caller");

	/* an escaped NUL parses, and goes nowhere */
	m = ok(*state, "rfc4475", "escnull");
	assert_int_equal(sip_uri_user(&m->to.uri, buf, sizeof(buf), &s),
			 E_FORMAT);
	/* escapes are no part of methods and header names */
	m = ok(*state, "rfc4475", "esc02");
	assert_int_equal(m->method, SIP_OTHER);
	l = sip_list(m, SIP_H_CONTACT);
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_span(a.uri.user, "alias3");
	assert_int_equal(sip_contact_next(&l, &a), 0);
}

static void test_sip_torture__a_longer_way_is_only_too_long(void **state)
{
	struct fixture *f = *state;
	struct span in = load(f, "rfc4475", "longreq");
	struct wr w = wr_of(f->out, sizeof(f->out));
	struct lex_line { const uint8_t *p, *end; } l;
	unsigned vias = 0;
	struct span text;

	/* the same message with 16 of its Vias */
	l.p = in.p;
	l.end = in.p + in.n;
	while (l.p < l.end) {
		const uint8_t *lf = memchr(l.p, '\n', (size_t)(l.end - l.p));
		const uint8_t *to = lf ? lf + 1 : l.end;
		bool via = (l.p[0] | 0x20) == 'v' &&
			   (l.p[1] == ':' || l.p[1] == ' ' ||
			    (l.p[1] | 0x20) == 'i');
		if (!via || vias++ < SIP_VIAS_MAX)
			wr_bytes(&w, l.p, (size_t)(to - l.p));
		l.p = to;
	}
	assert_int_equal(wr_end(&w, &text), 0);
	assert_int_equal(vias, 34);
	assert_int_equal(sip_decode(&f->m, text, SIP_DATAGRAM, &f->err), 0);
	assert_int_equal(f->m.vias_n, 16);
}

static void test_sip_torture__second_request_in_a_datagram(void **state)
{
	const struct sip_msg *m = ok(*state, "rfc4475", "dblreq");
	struct fixture *f = *state;

	assert_int_equal(m->method, SIP_REGISTER);
	assert_int_equal(m->body.n, 0);
	/* on a stream sip_frame() cuts; what it did not cut is refused */
	assert_int_equal(sip_decode(&f->m, span_of(f->text, f->n), SIP_STREAM,
				    &f->err),
			 E_FORMAT);
}

static void test_sip_torture__uris_and_schemes(void **state)
{
	const struct sip_msg *m = ok(*state, "rfc4475", "semiuri");
	struct fixture *f = *state;
	struct span s;
	uint8_t buf[64];

	assert_int_equal(sip_uri_user(&m->uri, buf, sizeof(buf), &s), 0);
	assert_span(s, "user;par=u@example.net");
	assert_int_equal(m->uri.params.n, 0);
	m = ok(f, "rfc4475", "unkscm");
	assert_int_equal(m->uri.scheme, SIP_SCHEME_OTHER);
	m = ok(f, "rfc4475", "novelsc");
	assert_int_equal(m->uri.scheme, SIP_SCHEME_OTHER);
	m = ok(f, "rfc4475", "unksm2");
	assert_int_equal(m->to.uri.scheme, SIP_SCHEME_OTHER);
	m = ok(f, "rfc4475", "cparam01");
	struct sip_list l = sip_list(m, SIP_H_CONTACT);
	struct sip_addr a;
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_int_equal(a.uri.params.n, 0);
	assert_true(sip_param_has(a.params, "unknownparam"));
	m = ok(f, "rfc4475", "cparam02");
	l = sip_list(m, SIP_H_CONTACT);
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_true(sip_param_has(a.uri.params, "unknownparam"));
	assert_int_equal(a.params.n, 0);
	m = ok(f, "rfc4475", "regescrt");
	l = sip_list(m, SIP_H_CONTACT);
	assert_int_equal(sip_contact_next(&l, &a), 1);
	assert_int_equal(sip_uri_header(&a.uri, "route", buf, sizeof(buf), &s),
			 0);
	assert_span(s, "<sip:sip.example.com>");
}

static void test_sip_torture__other_headers(void **state)
{
	struct fixture *f = *state;
	const struct sip_msg *m = ok(f, "rfc4475", "bext01");
	struct sip_credentials c;
	struct span unknown;
	uint32_t bits;
	uint64_t date;

	assert_int_equal(sip_options(m, SIP_H_REQUIRE, &bits, &unknown), 0);
	assert_int_equal(bits, 0);
	assert_span(unknown, "nothingSupportsThis");
	m = ok(f, "rfc4475", "regaut01");
	assert_int_equal(sip_credentials_decode(
				 &c, sip_hdr_value(m, SIP_H_AUTHORIZATION)),
			 E_UNSUPPORTED);
	m = ok(f, "rfc4475", "baddate");
	assert_int_equal(sip_date_decode(&date, sip_hdr_value(m, SIP_H_DATE)),
			 E_FORMAT);
	m = ok(f, "rfc4475", "zeromf");
	assert_int_equal(m->max_forwards, 0);
	m = ok(f, "rfc4475", "badbranch");
	assert_false(m->via.has_cookie);
	m = ok(f, "rfc4475", "inv2543");
	assert_int_equal(m->via.branch.n, 0);
	assert_int_equal(m->from_tag.n, 0);
	assert_int_equal(m->max_forwards, 70);
	m = ok(f, "rfc4475", "noreason");
	assert_int_equal(m->status, 100);
	assert_int_equal(m->reason.n, 0);
	m = ok(f, "rfc4475", "transports");
	assert_int_equal(m->vias_n, 5);
	assert_int_equal(m->via.transport, SIP_TRANSPORT_UDP);
}

static void test_sip_torture__bodies(void **state)
{
	struct fixture *f = *state;
	const struct sip_msg *m = ok(f, "rfc4475", "mpart01");
	struct sip_parts parts;
	struct sip_part p;
	struct span sdp;

	assert_int_equal(sip_parts(&parts, m), 0);
	assert_int_equal(sip_parts_next(&parts, &p), 1);
	assert_span(p.body, "Hello");
	assert_int_equal(sip_parts_next(&parts, &p), 1);
	assert_span(p.type.subtype, "octet-stream");
	assert_true(p.body.n > 300 && p.body.p[0] == '0');
	assert_int_equal(sip_parts_next(&parts, &p), 0);
	assert_int_equal(sip_body_sdp(m, &sdp), E_NOTFOUND);
	m = ok(f, "rfc4475", "invut");
	assert_int_equal(sip_body_sdp(m, &sdp), E_UNSUPPORTED);
	m = ok(f, "rfc4475", "sdp01");
	assert_int_equal(sip_body_sdp(m, &sdp), 0);
	assert_span(sip_hdr_value(m, SIP_H_ACCEPT), "text/nobodyKnowsThis");
	m = ok(f, "rfc4475", "wsinv");
	assert_int_equal(sip_body_sdp(m, &sdp), 0);
	assert_int_equal(sdp.n, 150);
}

static void test_sip_torture__ipv6(void **state)
{
	struct fixture *f = *state;
	const struct sip_msg *m = ok(f, "rfc5118", "port-ambiguous");

	assert_int_equal(m->uri.host.kind, SIP_HOST_V6);
	assert_span(m->uri.host.text, "2001:db8::10:5070");
	assert_int_equal(m->uri.host.port, 0);
	m = ok(f, "rfc5118", "port-unambiguous");
	assert_span(m->uri.host.text, "2001:db8::10");
	assert_int_equal(m->uri.host.port, 5070);
	m = ok(f, "rfc5118", "via-received-param-with-delim");
	assert_span(m->via.received, "[2001:db8::9:255]");
	m = ok(f, "rfc5118", "via-received-param-no-delim");
	assert_span(m->via.received, "2001:db8::9:255");
	m = ok(f, "rfc5118", "ipv4-mapped-ipv6");
	assert_true(addr_is_v4(&m->via.sent_by.ip));
	assert_int_equal(m->via.sent_by.port, 19823);
	m = ok(f, "rfc5118", "ipv6-correct-abnf-2-colons");
	struct sip_host two = m->uri.host;
	uint8_t ip[16];
	memcpy(ip, two.ip.ip, 16);
	m = ok(f, "rfc5118", "ipv6-bug-abnf-3-colons");
	assert_memory_equal(m->uri.host.ip.ip, ip, 16);
}

/* Truncation anywhere is an error or a shorter message, never a wild read. */
static void prefix(struct span in, void *arg)
{
	struct fixture *f = arg;
	struct sip_frame fr = {.seen = 0};
	struct sip_peek k;
	size_t n;

	(void)sip_decode(&f->m, in, SIP_DATAGRAM, &f->err);
	(void)sip_decode(&f->m, in, SIP_STREAM, &f->err);
	(void)sip_filter(&k, in);
	(void)sip_frame(&fr, in, &n, NULL);
}

static void test_sip_torture__survives_every_prefix(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rfc4475) / sizeof(rfc4475[0]); i++)
		each_prefix(load(f, "rfc4475", rfc4475[i].name), prefix, f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(test_sip_torture__##name, setup)
		T(rfc4475_gives_what_the_table_says),
		T(rfc5118_gives_what_the_table_says),
		T(answers_can_be_written),
		T(short_tortuous_invite),
		T(wide_range_of_characters),
		T(escapes),
		T(a_longer_way_is_only_too_long),
		T(second_request_in_a_datagram),
		T(uris_and_schemes),
		T(other_headers),
		T(bodies),
		T(ipv6),
		T(survives_every_prefix),
#undef T
	};

	data_dir = argc > 1 ? argv[1] : "data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
