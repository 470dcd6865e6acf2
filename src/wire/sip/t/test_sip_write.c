/* The writer: what it makes reads back, and what would break a line fails. */
#include <stdio.h>
#include "wire/sip/write.h"
#include "wire/t/test_help.h"

static const char *data_dir;

struct fixture {
	uint8_t buf[SIP_MESSAGE_MAX];
	struct wr w;
	struct span text;
	struct sip_msg m;
	struct sip_err err;
};

static int setup(void **state)
{
	static struct fixture f;

	f.w = wr_of(f.buf, sizeof(f.buf));
	*state = &f;
	return 0;
}

static const struct sip_msg *back(struct fixture *f)
{
	assert_int_equal(wr_end(&f->w, &f->text), 0);
	if (sip_decode(&f->m, f->text, SIP_STREAM, &f->err) != 0)
		fail_msg("%s at %zu: %.*s", f->err.rule, f->err.offset,
			 SIP_S(f->text));
	return &f->m;
}

static void test_sip_wr__a_request_goes_round(void **state)
{
	struct fixture *f = *state;
	struct wr *w = &f->w;
	const struct sip_msg *m;
	struct sip_uri u;
	size_t mark;

	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("SIPS:r@H.example;lr?x=y")),
			 0);
	sip_wr_request(w, SPAN_LIT("INVITE"), &u);
	mark = sip_wr_hdr_open(w, SIP_H_VIA);
	sip_wr_via(w, SIP_TRANSPORT_TLS, SPAN_LIT("a.example"), 0,
		   SPAN_LIT("z9hG4bK1"), true);
	sip_wr_hdr_close(w, mark);
	sip_wr_from(w, SPAN_LIT("Room \"1\""), &u, SPAN_LIT("ft"));
	sip_wr_to(w, SPAN_NONE, &u, SPAN_NONE);
	sip_wr_hdr_str(w, SIP_H_CALL_ID, "call");
	sip_wr_cseq(w, 1, SPAN_LIT("INVITE"));
	sip_wr_hdr_u32(w, SIP_H_MAX_FORWARDS, 70);
	sip_wr_hdrf(w, SIP_H_SESSION_EXPIRES, "%u;refresher=%s", 1800, "uac");
	sip_wr_hdr_named(w, "X-Own", SPAN_NONE);
	sip_wr_body(w, "application/sdp", SPAN_LIT("v=0\r\n"));
	m = back(f);
	assert_span(m->uri.text, "sips:r@h.example;lr");
	assert_span(m->from.display, "Room \\\"1\\\"");
	assert_span(m->from_tag, "ft");
	assert_span(m->body, "v=0\r\n");
	assert_int_equal(m->max_forwards, 70);
	assert_span(sip_hdr_value(m, SIP_H_SESSION_EXPIRES),
		    "1800;refresher=uac");
	assert_non_null(sip_hdr_named(m, "x-own"));
}

#define REQ                                                                   \
	"INVITE sip:r@h SIP/2.0\r\n"                                          \
	"Via: SIP/2.0/UDP 10.0.0.1:5060 ;rport;branch=z9hG4bK1;x=\"a b\""     \
	";received=9.9.9.9,\r\n SIP/2.0/TCP p.example;branch=z9hG4bK2\r\n"     \
	"v: SIP/2.0/TCP q.example;branch=z9hG4bK3\r\n"                         \
	"Record-Route: <sip:p;lr>,<sip:q;lr>\r\nRecord-Route: <sip:s;lr>\r\n"  \
	"f: \"A\"\r\n <sip:a@b>;tag=ft\r\nt: <sip:r@h>\r\ni: call\r\n"        \
	"Timestamp: 5\r\nCSeq: 3 INVITE\r\nRoute: <sip:p;lr>\r\n\r\n"

static void test_sip_wr__an_answer_copies_what_it_must(void **state)
{
	static struct sip_msg req;
	struct fixture *f = *state;
	struct sip_list l;
	struct sip_via v;
	struct addr from;

	assert_int_equal(addr_parse(&from, SPAN_LIT("192.0.2.7"), 4444), 0);
	assert_int_equal(sip_decode(&req, SPAN_LIT(REQ), SIP_DATAGRAM, NULL),
			 0);
	sip_wr_response(&f->w, &req, 180, SPAN_NONE, SPAN_LIT("tt"), &from);
	sip_wr_copy(&f->w, &req, SIP_H_RECORD_ROUTE);
	sip_wr_no_body(&f->w);
	const struct sip_msg *m = back(f);
	assert_int_equal(m->status, 180);
	assert_span(m->reason, "Ringing");
	assert_int_equal(m->vias_n, 3);
	assert_span(m->via.received, "192.0.2.7");
	assert_int_equal(m->via.rport, 4444);
	assert_span(m->via.branch, "z9hG4bK1");
	assert_span(sip_param_value(m->via.params, "x"), "a b");
	l = sip_list(m, SIP_H_VIA);
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_span(v.branch, "z9hG4bK2");
	assert_int_equal(v.received.n, 0);
	assert_int_equal(sip_via_next(&l, &v), 1);
	assert_span(v.branch, "z9hG4bK3");
	assert_span(m->to_tag, "tt");
	assert_span(m->from_tag, "ft");
	assert_false(sip_has(m, SIP_H_TIMESTAMP));
	assert_false(sip_has(m, SIP_H_ROUTE));
	struct sip_addr a;
	l = sip_list(m, SIP_H_RECORD_ROUTE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sip_addr_next(&l, &a), 1);
	assert_span(a.uri.host.text, "s");

	f->w = wr_of(f->buf, sizeof(f->buf));
	sip_wr_response(&f->w, &req, 100, SPAN_LIT("Hold"), SPAN_NONE, NULL);
	sip_wr_no_body(&f->w);
	m = back(f);
	assert_span(m->reason, "Hold");
	assert_true(sip_has(m, SIP_H_TIMESTAMP));
	assert_int_equal(m->to_tag.n, 0);
	assert_span(m->via.received, "9.9.9.9");
}

/* Without rport the port stays as it was; received only where it differs. */
static void test_sip_wr__received_only_where_it_says_something(void **state)
{
	static struct sip_msg req;
	struct fixture *f = *state;
	struct addr from;

	assert_int_equal(addr_parse(&from, SPAN_LIT("10.0.0.1"), 5060), 0);
	assert_int_equal(sip_decode(&req, SPAN_LIT(
		"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nFrom: <sip:a>"
		"\r\nTo: <sip:b>;tag=old\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"),
		SIP_DATAGRAM, NULL), 0);
	sip_wr_response(&f->w, &req, 200, SPAN_NONE, SPAN_LIT("new"), &from);
	sip_wr_no_body(&f->w);
	const struct sip_msg *m = back(f);
	assert_int_equal(m->via.received.n, 0);
	assert_false(m->via.has_rport);
	assert_span(m->to_tag, "old");
}

static void test_sip_wr__ack_and_cancel(void **state)
{
	static struct sip_msg req, answer;
	struct fixture *f = *state;
	const struct sip_msg *m;

	assert_int_equal(sip_decode(&req, SPAN_LIT(REQ), SIP_DATAGRAM, NULL),
			 0);
	assert_int_equal(sip_decode(&answer, SPAN_LIT(
		"SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
		"From: <sip:a@b>;tag=ft\r\nTo: <sip:r@h>;tag=tt\r\nCall-ID: call\r\n"
		"CSeq: 3 INVITE\r\n\r\n"), SIP_DATAGRAM, NULL), 0);
	sip_wr_ack_of(&f->w, &req, &answer);
	m = back(f);
	assert_int_equal(m->method, SIP_ACK);
	assert_span(m->to_tag, "tt");
	assert_int_equal(m->cseq.seq, 3);
	assert_int_equal(m->vias_n, 1);
	assert_span(m->via.branch, "z9hG4bK1");
	assert_true(sip_has(m, SIP_H_ROUTE));
	f->w = wr_of(f->buf, sizeof(f->buf));
	sip_wr_cancel_of(&f->w, &req);
	m = back(f);
	assert_int_equal(m->method, SIP_CANCEL);
	assert_int_equal(m->to_tag.n, 0);
	assert_span(m->via.branch, "z9hG4bK1");
}

/* Nobody ends a line by what he puts into a value. */
static void test_sip_wr__refuses_injection(void **state)
{
	struct fixture *f = *state;
	struct sip_uri u, evil;
	static const char *const ends[] = {"a\r\nX: y", "a\n", "a\r", "\n"};
	struct span s;

	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("sip:a@b")), 0);
	evil = u;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct span e = span_str(ends[i]);
		evil.user = e;
		for (int how = 0; how < 12; how++) {
			struct wr w = wr_of(f->buf, sizeof(f->buf));
			size_t mark;
			switch (how) {
			case 0: sip_wr_request(&w, e, &u); break;
			case 1: sip_wr_request(&w, SPAN_LIT("A"), &evil); break;
			case 2: sip_wr_request_text(&w, SPAN_LIT("A"), e);
				break;
			case 3: sip_wr_status(&w, 200, e); break;
			case 4: sip_wr_hdr(&w, SIP_H_SUBJECT, e); break;
			case 5: sip_wr_hdr_named(&w, ends[i], SPAN_NONE); break;
			case 6: sip_wr_hdrf(&w, SIP_H_SUBJECT, "%s", ends[i]);
				break;
			case 7: sip_wr_cseq(&w, 1, e); break;
			case 8: sip_wr_from(&w, e, &u, SPAN_NONE); break;
			case 9: sip_wr_to(&w, SPAN_NONE, &u, e); break;
			case 10: sip_wr_body(&w, ends[i], SPAN_LIT("x")); break;
			default:
				mark = sip_wr_hdr_open(&w, SIP_H_SUBJECT);
				wr_span(&w, e);
				sip_wr_hdr_close(&w, mark);
			}
			assert_int_equal(wr_end(&w, &s), E_FULL);
		}
	}
	struct wr w = wr_of(f->buf, sizeof(f->buf));
	sip_wr_hdr(&w, SIP_H_SUBJECT, SPAN_LIT("a\0b"));
	assert_int_equal(wr_end(&w, &s), E_FULL);
	w = wr_of(f->buf, sizeof(f->buf));
	sip_wr_hdr(&w, SIP_H_OTHER, SPAN_LIT("a"));
	assert_int_equal(wr_end(&w, &s), E_FULL);
	w = wr_of(f->buf, sizeof(f->buf));
	sip_wr_status(&w, 99, SPAN_NONE);
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

static void test_sip_wr__refuses_what_is_too_large(void **state)
{
	static uint8_t big[SIP_MESSAGE_MAX + 4096];
	struct fixture *f = *state;
	struct wr w = wr_of(big, sizeof(big));
	struct span s;

	memset(f->buf, 'x', sizeof(f->buf));
	sip_wr_body(&w, "a/b", span_of(f->buf, sizeof(f->buf)));
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

static void test_sip_wr__messages_of_the_rfc_go_round(void **state)
{
	static const char *const names[] = {
		"wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp",
		"semiuri", "transports", "mpart01", "unreason", "noreason",
		"unkscm", "novelsc", "unksm2", "bext01", "invut", "cparam01",
		"regescrt", "inv2543", "bcast"};
	static uint8_t text[SIP_MESSAGE_MAX];
	static struct sip_msg a;
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512];
		snprintf(path, sizeof(path), "%s/rfc4475/%s.sip", data_dir,
			 names[i]);
		FILE *in = fopen(path, "rb");
		assert_non_null(in);
		size_t n = fread(text, 1, sizeof(text), in);
		fclose(in);
		assert_int_equal(sip_decode(&a, span_of(text, n), SIP_DATAGRAM,
					    NULL), 0);
		f->w = wr_of(f->buf, sizeof(f->buf));
		sip_wr_msg(&f->w, &a);
		const struct sip_msg *b = back(f);
		assert_true(span_eq(a.method_text, b->method_text));
		assert_true(span_eq(a.reason, b->reason));
		assert_true(span_eq(a.body, b->body));
		assert_true(span_eq(a.from_tag, b->from_tag));
		assert_true(span_eq(a.to_tag, b->to_tag));
		assert_true(span_eq(a.via.branch, b->via.branch));
		assert_int_equal(a.vias_n, b->vias_n);
		assert_int_equal(a.cseq.seq, b->cseq.seq);
	}
}

static void test_sip_wr__knows_its_phrases(void **state)
{
	(void)state;
	assert_string_equal(sip_reason_phrase(404), "Not Found");
	assert_string_equal(sip_reason_phrase(699), "Unknown");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(test_sip_wr__##name, setup)
		T(a_request_goes_round),
		T(an_answer_copies_what_it_must),
		T(received_only_where_it_says_something),
		T(ack_and_cancel),
		T(refuses_injection),
		T(refuses_what_is_too_large),
		T(messages_of_the_rfc_go_round),
		T(knows_its_phrases),
#undef T
	};

	data_dir = argc > 1 ? argv[1] : "data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
