/* What stands inside of headers: URIs, addresses, Via, the smaller headers,
 * digest texts, bodies. */
#include "wire/sip/auth.h"
#include "wire/sip/body.h"
#include "wire/t/test_help.h"

/* --- URIs --- */

static void test_sip_uri__reads_its_parts(void **state)
{
	struct sip_uri u;
	uint8_t buf[64];
	struct span s;

	(void)state;
	assert_int_equal(sip_uri_decode(&u, SPAN_LIT(
		"SIPS:j%40x@[2001:db8::1]:5061;transport=tcp;lr?a=b&c=%20d")),
		0);
	assert_int_equal(u.scheme, SIP_SCHEME_SIPS);
	assert_span(u.user, "j%40x");
	assert_int_equal(u.host.kind, SIP_HOST_V6);
	assert_int_equal(u.host.port, 5061);
	assert_span(u.params, ";transport=tcp;lr");
	assert_int_equal(sip_uri_transport(&u), SIP_TRANSPORT_TCP);
	assert_true(sip_uri_is_lr(&u));
	assert_int_equal(sip_uri_header(&u, "C", buf, sizeof(buf), &s), 0);
	assert_span(s, " d");
	assert_int_equal(sip_uri_header(&u, "x", buf, sizeof(buf), &s),
			 E_NOTFOUND);
	assert_int_equal(sip_uri_user(&u, buf, sizeof(buf), &s), 0);
	assert_span(s, "j@x");
	assert_int_equal(sip_uri_alias(&u, buf, sizeof(buf), &s), 0);
	assert_span(s, "j@x@2001:db8::1");
	assert_int_equal(sip_uri_user(&u, buf, 2, &s), E_LIMIT);

	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("sip:a:secret@H.example")),
			 0);
	assert_true(u.has_password);
	assert_span(u.user, "a");
	char text[64];
	sip_uri_print(&u, text, sizeof(text));
	assert_string_equal(text, "sip:a@h.example");
	assert_int_equal(sip_uri_alias(&u, buf, sizeof(buf), &s), 0);
	assert_span(s, "a@h.example");

	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("tel:+1-201-555.01(2)3;"
						     "phone-context=x")), 0);
	assert_int_equal(u.scheme, SIP_SCHEME_TEL);
	assert_int_equal(sip_uri_alias(&u, buf, sizeof(buf), &s), 0);
	assert_span(s, "+12015550123");
	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("urn:service:sos")), 0);
	assert_int_equal(u.scheme, SIP_SCHEME_OTHER);
	assert_int_equal(sip_uri_alias(&u, buf, sizeof(buf), &s),
			 E_UNSUPPORTED);
}

static void test_sip_uri__refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"", "sip", "sip:", ":x", "1sip:x", "sip:@h", "sip:a@", "sip:a b@h",
		"sip:a@b@c", "sip:<a>@h", "sip:%4@h", "sip:%zz@h", "sip:h:",
		"sip:h:0", "sip:h:65536", "sip:h:5x", "sip:1.2.3", "sip:1.2.3.256",
		"sip:[::1", "sip:[1.2.3.4]", "sip:[]", "sip:[::g]", "sip:2001:db8::1",
		"sip:-a.b", "sip:a-.b", "sip:a..b", "sip:.", "sip:h;", "sip:h;;a",
		"sip:h;=b", "sip:h;a=%0", "sip:h?", "sip:h?a=<", "sip:h\x01", "tel:",
		"tel:+", "tel:1+2", "tel:x", "tel:1;=", "sip:\"a\"@h",
		"http://a b", "x:\"", "sip:\xc3\xa9@h", "sip:[:::]",
		"sip:[1::2:::3]", "sip:[::%eth0]"};
	struct sip_uri u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_uri_decode(&u, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
}

static void test_sip_uri__limits(void **state)
{
	char text[SIP_URI_MAX + 2];
	struct sip_uri u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "x:", 2);
	assert_int_equal(sip_uri_decode(&u, span_of(text, SIP_URI_MAX)), 0);
	assert_int_equal(sip_uri_decode(&u, span_of(text, SIP_URI_MAX + 1)),
			 E_LIMIT);
	memcpy(text, "sip:", 4);
	memcpy(text + 4 + SIP_USER_MAX, "@h", 2);
	assert_int_equal(sip_uri_decode(&u, span_of(text, SIP_USER_MAX + 6)),
			 0);
	text[4 + SIP_USER_MAX] = 'a';
	memcpy(text + 5 + SIP_USER_MAX, "@h", 2);
	assert_int_equal(sip_uri_decode(&u, span_of(text, SIP_USER_MAX + 7)),
			 E_LIMIT);
	memcpy(text, "sip:h", 5);
	for (size_t i = 0; i <= SIP_PARAMS_MAX; i++)
		memcpy(text + 5 + 2 * i, ";a", 2);
	assert_int_equal(sip_uri_decode(&u, span_of(text,
				5 + 2 * SIP_PARAMS_MAX)), 0);
	assert_int_equal(sip_uri_decode(&u, span_of(text,
				7 + 2 * SIP_PARAMS_MAX)), E_LIMIT);
	memset(text, 'a', sizeof(text));
	memcpy(text, "sip:", 4);
	assert_int_equal(sip_uri_decode(&u, span_of(text, 4 + 63)), 0);
	assert_int_equal(sip_uri_decode(&u, span_of(text, 4 + 64)), E_FORMAT);
}

static bool uri_eq(const char *a, const char *b)
{
	struct sip_uri u, v;

	assert_int_equal(sip_uri_decode(&u, span_str(a)), 0);
	assert_int_equal(sip_uri_decode(&v, span_str(b)), 0);
	assert_int_equal(sip_uri_eq(&u, &v), sip_uri_eq(&v, &u));
	return sip_uri_eq(&u, &v);
}

/* The examples of RFC 3261 19.1.4, and more. */
static void test_sip_uri__equality(void **state)
{
	static const char *const same[][2] = {
		{"sip:%61lice@atlanta.com;transport=TCP",
		 "sip:alice@AtlanTa.CoM;Transport=tcp"},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
		{"sip:carol@chicago.com;security=on",
		 "sip:carol@chicago.com;newparam=5"},
		{"sip:biloxi.com;transport=tcp;method=REGISTER"
		 "?to=sip:bob%40biloxi.com",
		 "sip:biloxi.com;method=REGISTER;transport=tcp"
		 "?to=sip:bob%40biloxi.com"},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		 "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"},
		{"tel:+1-201", "tel:+1201"}, {"urn:x:Y", "urn:x:Y"},
	};
	static const char *const other[][2] = {
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp",
		 "sip:alice@AtLanTa.CoM;Transport=UDP"},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
		{"sip:bob@biloxi.com",
		 "sip:bob@biloxi.com:6000;transport=tcp"},
		{"sip:carol@chicago.com",
		 "sip:carol@chicago.com?Subject=next%20meeting"},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
		{"sip:carol@chicago.com;security=on",
		 "sip:carol@chicago.com;security=off"},
		{"sip:a@h", "sips:a@h"}, {"sip:h", "sip:a@h"},
		{"sip:a%3Bb@h", "sip:a;b@h"}, {"sip:a:p@h", "sip:a:p@h"},
		{"sip:1.2.3.4", "sip:1.2.3.5"}, {"urn:x:Y", "urn:x:y"},
		{"tel:+1201", "tel:1201"},
		{"sip:h;maddr=1.2.3.4", "sip:h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!uri_eq(same[i][0], same[i][1]))
			fail_msg("%s %s", same[i][0], same[i][1]);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (uri_eq(other[i][0], other[i][1]))
			fail_msg("%s %s", other[i][0], other[i][1]);
}

static void test_sip_uri__unescape_refuses_controls(void **state)
{
	uint8_t buf[8];
	struct span s;

	(void)state;
	assert_int_equal(sip_unescape(SPAN_LIT("a%c3%A9"), buf, 8, &s), 0);
	assert_span(s, "a\xc3\xa9");
	assert_int_equal(sip_unescape(SPAN_LIT("%00"), buf, 8, &s), E_FORMAT);
	assert_int_equal(sip_unescape(SPAN_LIT("%0d"), buf, 8, &s), E_FORMAT);
	assert_int_equal(sip_unescape(SPAN_LIT("%7f"), buf, 8, &s), E_FORMAT);
	assert_int_equal(sip_unescape(SPAN_LIT("%1"), buf, 8, &s), E_FORMAT);
	assert_int_equal(sip_unescape(SPAN_LIT("123456789"), buf, 8, &s),
			 E_LIMIT);
}

static void test_sip_uri__parts_are_written_safely(void **state)
{
	char buf[128];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;

	(void)state;
	sip_wr_uri_parts(&w, SIP_SCHEME_SIPS, SPAN_LIT("a b@c\r\n%"),
			 SPAN_LIT("2001:DB8::1"), 5061, SPAN_LIT(";lr"));
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "sips:a%20b%40c%0D%0A%25@[2001:db8::1]:5061;lr");
	static const char *const hosts[] = {"", "a b", "a\r\n", "1.2.3", "a@b"};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		w = wr_of(buf, sizeof(buf));
		sip_wr_uri_parts(&w, SIP_SCHEME_SIP, SPAN_NONE,
				 span_str(hosts[i]), 0, SPAN_NONE);
		assert_int_equal(wr_end(&w, &s), E_FULL);
	}
	w = wr_of(buf, sizeof(buf));
	sip_wr_uri_parts(&w, SIP_SCHEME_SIP, SPAN_NONE, SPAN_LIT("h"), 0,
			 SPAN_LIT(";a>\r\n"));
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

/* --- parameters --- */

static void test_sip_param__reads_lists(void **state)
{
	struct span rest = SPAN_LIT(" ; a ; b = \"x\\\";y\" ;c=1\r\n ;D");
	struct sip_param p;

	(void)state;
	assert_true(sip_param_next(&rest, &p));
	assert_span(p.name, "a");
	assert_false(p.has_value);
	assert_true(sip_param_next(&rest, &p));
	assert_true(p.quoted);
	assert_span(p.value, "x\\\";y");
	assert_true(sip_param_next(&rest, &p));
	assert_span(p.value, "1");
	assert_true(sip_param_next(&rest, &p));
	assert_span(p.name, "D");
	assert_false(sip_param_next(&rest, &p));
	assert_int_equal(rest.n, 0);
	assert_true(sip_param_has(SPAN_LIT(";a;D"), "d"));
	assert_span(sip_param_value(SPAN_LIT(";x=1;X=2"), "x"), "1");
	assert_int_equal(sip_param_value(SPAN_LIT(";x"), "x").n, 0);
	static const char *const bad[] = {"a", ";", ";=a", ";a=\"x", ";a \"x\"",
					  ";a=\"\\"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rest = span_str(bad[i]);
		while (sip_param_next(&rest, &p))
			;
		assert_true(rest.n > 0);
	}
}

/* --- addresses --- */

static void test_sip_addr__reads_both_forms(void **state)
{
	struct sip_addr a;
	uint8_t buf[32];
	uint32_t secs;

	(void)state;
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT(
		"\"J \\\"R\\\" \x09X\" <sip:a@b;lr> ;tag=1;expires=60;q=0.7")), 0);
	assert_span(sip_addr_display(&a, buf, sizeof(buf)), "J \"R\"  X");
	assert_span(a.uri.params, ";lr");
	assert_span(sip_addr_tag(&a), "1");
	assert_int_equal(sip_addr_q(&a), 700);
	assert_true(sip_addr_expires(&a, &secs) && secs == 60);
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT("sip:a@b;tag=2")), 0);
	assert_false(a.bracketed);
	assert_int_equal(a.uri.params.n, 0);
	assert_span(sip_addr_tag(&a), "2");
	assert_int_equal(sip_addr_q(&a), 1000);
	assert_false(sip_addr_expires(&a, &secs));
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT("<tel:+1>;q=1.000")), 0);
	assert_int_equal(a.uri.scheme, SIP_SCHEME_TEL);
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT("caller<sip:a>")), 0);
	assert_span(a.display, "caller");
	assert_int_equal(sip_contact_decode(&a, SPAN_LIT(" * ")), 0);
	assert_true(a.star);
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT("<sip:a>;expires=99999999"
						      "999;q=x")), 0);
	assert_true(sip_addr_expires(&a, &secs) && secs == UINT32_MAX);
	assert_int_equal(sip_addr_q(&a), 1000);
	assert_int_equal(sip_addr_decode(&a, SPAN_LIT("<sip:a>;expires=x")), 0);
	assert_true(sip_addr_expires(&a, &secs) && secs == 3600);
}

static void test_sip_addr__refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"", "*", "\"x", "\"x\"", "\"x\" sip:a", "<sip:a", "<>", "sip:a b",
		"<sip:a> x", "sip:a?b=c", "sip:a,b", "a, b <sip:a>", "a@b <sip:a>",
		"<sip:a>;", "<sip:a>;;a", "< sip:a>", "<sip:a >", "\"\x01\" <sip:a>",
		"\"\\\xc3\" <sip:a>"};
	struct sip_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_addr_decode(&a, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
}

static void test_sip_addr__display_is_safe_to_draw(void **state)
{
	struct sip_addr a = {.display_quoted = true};
	uint8_t buf[8];

	(void)state;
	a.display = SPAN_LIT("a\\\x01" "b\xff\xc2\x85" "c");
	assert_span(sip_addr_display(&a, buf, sizeof(buf)), "ab?c");
	a.display = SPAN_LIT("123456\xe2\x82\xac");
	assert_span(sip_addr_display(&a, buf, sizeof(buf)), "123456");
	a.display = SPAN_LIT("12345678901");
	assert_span(sip_addr_display(&a, buf, sizeof(buf)), "12345678");
	a.display = SPAN_LIT("x\r\n y\\");
	assert_span(sip_addr_display(&a, buf, sizeof(buf)), "x y\\");
}

static void test_sip_addr__writes(void **state)
{
	char buf[128];
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_uri u;
	struct span s;

	(void)state;
	assert_int_equal(sip_uri_decode(&u, SPAN_LIT("sip:a@B?x=y")), 0);
	sip_wr_addr(&w, SPAN_LIT("R \"1\" \\"), &u, SPAN_LIT(";tag=x"));
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "\"R \\\"1\\\" \\\\\" <sip:a@b?x=y>;tag=x");
	w = wr_of(buf, sizeof(buf));
	sip_wr_addr(&w, SPAN_LIT("a\r\nb"), &u, SPAN_NONE);
	assert_int_equal(wr_end(&w, &s), E_FULL);
	w = wr_of(buf, sizeof(buf));
	sip_wr_addr(&w, SPAN_NONE, &u, SPAN_LIT("x"));
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

/* --- Via --- */

static void test_sip_via__reads(void **state)
{
	struct sip_via v;

	(void)state;
	assert_int_equal(sip_via_decode(&v, SPAN_LIT(
		"SIP/2.0/TLS [2001:db8::1]:5061;rport=4000;received=1.2.3.4"
		";branch=z9hG4bKx;maddr=9.9.9.9;ttl=1")), 0);
	assert_int_equal(v.transport, SIP_TRANSPORT_TLS);
	assert_int_equal(v.sent_by.kind, SIP_HOST_V6);
	assert_int_equal(v.sent_by.port, 5061);
	assert_int_equal(v.rport, 4000);
	assert_span(v.received, "1.2.3.4");
	assert_true(v.has_cookie);
	assert_int_equal(sip_via_decode(&v, SPAN_LIT("SIP/2.0/udp h;branch="
						     "z9hG4bK")), 0);
	assert_int_equal(v.transport, SIP_TRANSPORT_UDP);
	assert_false(v.has_cookie || v.has_rport);
	static const char *const bad[] = {
		"", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 UDP h", "SIP/2.0/ h",
		"SIP/2.0/UDP h:", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h x",
		"SIP/2.0/UDP h;", "SIP/2.0/UDP h;rport=65536",
		"SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP h;branch=\"x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_via_decode(&v, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
}

static void test_sip_via__writes(void **state)
{
	char buf[128];
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_via v;
	struct span s;

	(void)state;
	sip_wr_via(&w, SIP_TRANSPORT_TLS, SPAN_LIT("2001:db8::1"), 5061,
		   SPAN_LIT("z9hG4bKq"), true);
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKq;rport");
	assert_int_equal(sip_via_decode(&v, s), 0);
	w = wr_of(buf, sizeof(buf));
	sip_wr_via(&w, SIP_TRANSPORT_TLS, SPAN_LIT("h"), 0, SPAN_LIT("a b"),
		   false);
	assert_int_equal(wr_end(&w, &s), E_FULL);
	w = wr_of(buf, sizeof(buf));
	sip_wr_via(&w, SIP_TRANSPORT_NONE, SPAN_LIT("h"), 0, SPAN_LIT("a"),
		   false);
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

/* --- smaller headers --- */

static void test_sip_hdr__numbers(void **state)
{
	struct sip_session_expires se;
	struct sip_cseq c;
	struct sip_rack a;
	uint32_t n;

	(void)state;
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("2147483647 NOTIFY")), 0);
	assert_int_equal(c.method, SIP_NOTIFY);
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("2147483648 X")),
			 E_LIMIT);
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("1X")), E_FORMAT);
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("1 X y")), E_FORMAT);
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("1 ")), E_FORMAT);
	assert_int_equal(sip_cseq_decode(&c, SPAN_LIT("X")), E_FORMAT);
	assert_int_equal(sip_seconds_decode(&n, SPAN_LIT("90;x=y")), 0);
	assert_int_equal(n, 90);
	assert_int_equal(sip_seconds_decode(&n, SPAN_LIT("4294967296")), 0);
	assert_true(n == UINT32_MAX);
	assert_int_equal(sip_seconds_decode(&n, SPAN_LIT("9 0")), E_FORMAT);
	assert_int_equal(sip_session_expires_decode(
				 &se, SPAN_LIT("1800 ; Refresher=UAS")), 0);
	assert_int_equal(se.secs, 1800);
	assert_int_equal(se.refresher, SIP_REFRESHER_UAS);
	assert_int_equal(sip_session_expires_decode(&se, SPAN_LIT("90")), 0);
	assert_int_equal(se.refresher, SIP_REFRESHER_NONE);
	assert_int_equal(sip_session_expires_decode(
				 &se, SPAN_LIT("90;refresher=x")), E_FORMAT);
	assert_int_equal(sip_rseq_decode(&n, SPAN_LIT("1")), 0);
	assert_int_equal(sip_rseq_decode(&n, SPAN_LIT("0")), E_FORMAT);
	assert_int_equal(sip_rack_decode(&a, SPAN_LIT("776656 1 INVITE")), 0);
	assert_int_equal(a.rseq, 776656);
	assert_int_equal(a.cseq.method, SIP_INVITE);
	assert_int_equal(sip_rack_decode(&a, SPAN_LIT("1 INVITE")), E_FORMAT);
	assert_int_equal(sip_retry_after_decode(
				 &n, SPAN_LIT("120 (I'm in a meeting);x")), 0);
	assert_int_equal(n, 120);
	assert_int_equal(sip_retry_after_decode(&n, SPAN_LIT("x")), E_FORMAT);
}

static void test_sip_hdr__words(void **state)
{
	struct sip_subscription_state ss;
	struct sip_priority pr;
	struct sip_replaces rp;
	struct sip_warning wa;
	struct sip_reason re;
	struct sip_event ev;
	struct sip_mime mi;

	(void)state;
	assert_int_equal(sip_replaces_decode(&rp, SPAN_LIT(
		"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff"
		";early-only")), 0);
	assert_span(rp.call_id, "98732@sip.example.com");
	assert_span(rp.from_tag, "r33th4x0r");
	assert_true(rp.early_only);
	assert_int_equal(sip_replaces_decode(&rp, SPAN_LIT("x;to-tag=1")),
			 E_FORMAT);
	assert_int_equal(sip_event_decode(&ev, SPAN_LIT("refer;id=93")), 0);
	assert_span(ev.id, "93");
	assert_int_equal(sip_event_decode(&ev, SPAN_LIT(";id=93")), E_FORMAT);
	assert_int_equal(sip_subscription_state_decode(&ss, SPAN_LIT(
		"terminated;reason=timeout;retry-after=5")), 0);
	assert_int_equal(ss.state, SIP_SUB_TERMINATED);
	assert_true(ss.has_retry_after && ss.retry_after == 5);
	assert_false(ss.has_expires);
	assert_int_equal(sip_reason_decode(&re, SPAN_LIT(
		"Q.850 ;cause=16 ;text=\"Terminated\"")), 0);
	assert_int_equal(re.cause, 16);
	assert_span(re.text, "Terminated");
	assert_int_equal(sip_priority_decode(&pr, SPAN_LIT("dsn.flash")), 0);
	assert_span(pr.ns, "dsn");
	assert_span(pr.value, "flash");
	assert_int_equal(sip_priority_decode(&pr, SPAN_LIT("a.b.c")), E_FORMAT);
	assert_int_equal(sip_priority_decode(&pr, SPAN_LIT("a.")), E_FORMAT);
	assert_int_equal(sip_warning_decode(&wa, SPAN_LIT(
		"307 isi.edu \"Session parameter 'foo'\"")), 0);
	assert_int_equal(wa.code, 307);
	assert_span(wa.agent, "isi.edu");
	assert_int_equal(sip_warning_decode(&wa, SPAN_LIT("1812 x \"y\"")),
			 E_FORMAT);
	assert_int_equal(sip_mime_decode(&mi, SPAN_LIT(
		"Application / SDP;charset=x")), 0);
	assert_true(sip_mime_is(&mi, "application", "sdp"));
	assert_int_equal(sip_mime_decode(&mi, SPAN_LIT("text")), E_FORMAT);
	assert_int_equal(sip_method_of(SPAN_LIT("invite")), SIP_OTHER);
	assert_string_equal(sip_method_name(SIP_PRACK), "PRACK");
	assert_int_equal(sip_option_of(SPAN_LIT("100REL")), SIP_OPTION(100REL));
}

static void test_sip_hdr__dates_go_round(void **state)
{
	static const struct {
		const char *text;
		uint64_t s;
	} known[] = {
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Sat, 13 Nov 2010 23:29:00 GMT", 1289690940},
		{"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
		{"Mon, 31 Dec 2029 23:59:59 GMT", 1893455999},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	};
	static const char *const bad[] = {
		"", "Sat, 13 Nov 2010 23:29:00 EST", "13 Nov 2010 23:29:00 GMT",
		"Sat, 13 Nov 2010 24:29:00 GMT", "Sat, 31 Nov 2010 23:29:00 GMT",
		"Sat, 29 Feb 2001 23:29:00 GMT", "Sat, 00 Nov 2010 23:29:00 GMT",
		"Sat, 13 Nov 1969 23:29:00 GMT", "Xxx, 13 Nov 2010 23:29:00 GMT",
		"Sat, 13 Nov 2010 23:29 GMT"};
	char buf[64];
	uint64_t v;
	struct span s;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct wr w = wr_of(buf, sizeof(buf));
		assert_int_equal(sip_date_decode(&v, span_str(known[i].text)),
				 0);
		assert_true(v == known[i].s);
		sip_wr_date(&w, v);
		assert_int_equal(wr_end(&w, &s), 0);
		assert_true(span_eq(s, span_str(known[i].text)));
	}
	for (uint64_t t = 0; t < 4102444800; t += 86399 * 9) {
		struct wr w = wr_of(buf, sizeof(buf));
		sip_wr_date(&w, t);
		assert_int_equal(wr_end(&w, &s), 0);
		assert_int_equal(sip_date_decode(&v, s), 0);
		assert_true(v == t);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_date_decode(&v, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
}

/* --- digest --- */

static void test_sip_auth__challenges(void **state)
{
	struct sip_challenge c, d;
	char buf[512];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;

	(void)state;
	assert_int_equal(sip_challenge_decode(&c, SPAN_LIT(
		"digest realm=\"a \\\"b\\\"\", nonce = \"n\" ,algorithm=SHA-256-sess"
		",qop=\"auth, auth-int,x\",stale=TRUE,opaque=\"\",userhash=true"
		",\r\n domain=\"sip:x\",new=1")), 0);
	assert_span(c.realm, "a \\\"b\\\"");
	assert_int_equal(c.alg, SIP_ALG_SHA256);
	assert_true(c.sess && c.stale && c.userhash);
	assert_int_equal(c.qop,
			 SIP_QOP_AUTH | SIP_QOP_AUTH_INT | SIP_QOP_OTHER);
	assert_int_equal(sip_challenge_decode(&c, SPAN_LIT(
		"Digest realm=\"r\",nonce=\"n\"")), 0);
	assert_int_equal(c.alg, SIP_ALG_MD5);
	assert_int_equal(c.qop, SIP_QOP_NONE);
	assert_int_equal(sip_challenge_decode(&c, SPAN_LIT(
		"Digest realm=\"r\",nonce=\"n\",algorithm=FOO")), 0);
	assert_int_equal(c.alg, SIP_ALG_OTHER);
	c.alg = SIP_ALG_SHA512_256;
	c.qop = SIP_QOP_AUTH;
	c.opaque = SPAN_LIT("o");
	sip_wr_challenge(&w, &c);
	assert_int_equal(wr_end(&w, &s), 0);
	assert_span(s, "Digest realm=\"r\", nonce=\"n\", opaque=\"o\", "
		       "algorithm=SHA-512-256, qop=\"auth\"");
	assert_int_equal(sip_challenge_decode(&d, s), 0);
	assert_int_equal(d.alg, c.alg);
	static const char *const bad[] = {
		"", "Digest", "Digest ", "Digest realm=\"r\"",
		"Digest nonce=\"r\"", "Digest realm=\"r\",nonce=\"\"",
		"Digest realm=\"r\",nonce=\"n\",", "Digest realm=\"r\" nonce=\"n\"",
		"Digest realm=\"r\",nonce=\"n\",nonce=\"m\"",
		"Digest realm=\"r,nonce=\"n\"", "Digest realm,nonce=\"n\"",
		"Digest realm=\"r\",nonce=\"n\", Digest realm=\"r\",nonce=\"n\""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_challenge_decode(&c, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
	assert_int_equal(sip_challenge_decode(&c, SPAN_LIT("Basic realm=\"x\"")),
			 E_UNSUPPORTED);
}

#define CRED                                                                  \
	"Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", "   \
	"response=\"00112233445566778899aabbccddeeff\""

static void test_sip_auth__credentials(void **state)
{
	struct sip_credentials c, d;
	char buf[512];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span s;

	(void)state;
	assert_int_equal(sip_credentials_decode(&c, SPAN_LIT(CRED)), 0);
	assert_int_equal(c.alg, SIP_ALG_MD5);
	assert_int_equal(c.qop, SIP_QOP_NONE);
	assert_int_equal(sip_credentials_decode(&c, SPAN_LIT(
		CRED ",qop=\"auth\",nc=0000000A,cnonce=\"c\",algorithm=sha-256"
		",opaque=\"o\",userhash=true")), 0);
	assert_int_equal(c.qop, SIP_QOP_AUTH);
	assert_int_equal(c.nc, 10);
	assert_span(c.nc_text, "0000000A");
	assert_true(c.userhash);
	sip_wr_credentials(&w, &c);
	assert_int_equal(wr_end(&w, &s), 0);
	assert_int_equal(sip_credentials_decode(&d, s), 0);
	assert_span(d.cnonce, "c");
	assert_int_equal(d.nc, 10);
	assert_int_equal(d.alg, SIP_ALG_SHA256);
	static const char *const bad[] = {
		CRED ",qop=auth", CRED ",qop=auth,nc=00000001",
		CRED ",qop=auth,nc=1,cnonce=\"c\"", CRED ",nc=0000000g",
		CRED ",response=\"00\"", CRED ",uri=\"x\"",
		"Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"x\","
		"response=\"zz\""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_credentials_decode(&c, span_str(bad[i])) == 0)
			fail_msg("%s", bad[i]);
	w = wr_of(buf, sizeof(buf));
	c.username = SPAN_LIT("u\"\r\n");
	sip_wr_credentials(&w, &c);
	assert_int_equal(wr_end(&w, &s), E_FULL);
}

/* --- bodies --- */

#define MSG(headers, body)                                                    \
	"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a>\r\n"      \
	"To: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" headers "\r\n" body

static int find_sdp(struct span text, struct span *out)
{
	static struct sip_msg m;

	assert_int_equal(sip_decode(&m, text, SIP_DATAGRAM, NULL), 0);
	return sip_body_sdp(&m, out);
}

static void test_sip_body__finds_the_sdp(void **state)
{
	struct span sdp;

	(void)state;
	assert_int_equal(find_sdp(SPAN_LIT(MSG("", "")), &sdp), E_NOTFOUND);
	assert_int_equal(find_sdp(SPAN_LIT(MSG("", "x")), &sdp), E_FORMAT);
	assert_int_equal(find_sdp(SPAN_LIT(MSG("c: application/SDP\r\n", "v")),
				  &sdp), 0);
	assert_span(sdp, "v");
	assert_int_equal(find_sdp(SPAN_LIT(MSG("c: a/b\r\n", "v")), &sdp),
			 E_UNSUPPORTED);
	assert_int_equal(find_sdp(SPAN_LIT(MSG("c: a/b\r\nContent-Disposition:"
			" x;handling=optional\r\n", "v")), &sdp), E_NOTFOUND);
	assert_int_equal(find_sdp(SPAN_LIT(MSG("c: application/sdp\r\n"
			"e: gzip\r\n", "v")), &sdp), E_UNSUPPORTED);
	assert_int_equal(find_sdp(SPAN_LIT(MSG("c: application/sdp\r\n"
			"e: identity\r\n", "v")), &sdp), 0);
}

#define MULTI "c: multipart/mixed;boundary=bb\r\n"

static void test_sip_body__cuts_multiparts(void **state)
{
	struct span sdp;

	(void)state;
	assert_int_equal(find_sdp(SPAN_LIT(MSG(MULTI, "preamble\r\n--bbx\r\n"
		"--bb \t\r\nContent-Type: application/sdp\r\nContent-ID: <1>\r\n"
		"\r\nv=0\r\n--b\r\n--bb--")), &sdp), 0);
	assert_span(sdp, "v=0\r\n--b");
	assert_int_equal(find_sdp(SPAN_LIT(MSG(MULTI, "--bb\n"
		"c: application/sdp\n\nv\n--bb--\nepilogue")), &sdp), 0);
	assert_span(sdp, "v");
	assert_int_equal(find_sdp(SPAN_LIT(MSG(MULTI, "--bb\r\nContent-Type: "
		"a/b\r\nContent-Disposition: x; handling=required\r\n\r\nx\r\n"
		"--bb--")), &sdp), E_UNSUPPORTED);
	assert_int_equal(find_sdp(SPAN_LIT(MSG(MULTI, "--bb\r\n\r\nx\r\n"
		"--bb--")), &sdp), E_NOTFOUND);
	static const char *const bad[] = {
		MSG(MULTI, "x"), MSG(MULTI, "--bb--"), MSG(MULTI, "--bb\r\n\r\nx"),
		MSG(MULTI, "--bb\r\nx\r\n--bb--"),
		MSG("c: multipart/mixed\r\n", "x"),
		MSG("c: multipart/mixed;boundary=\"a \"\r\n", "x"),
		MSG(MULTI, "--bb\r\nContent-Type: x\r\n\r\n\r\n--bb--")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(find_sdp(span_str(bad[i]), &sdp), E_FORMAT);
}

static void test_sip_body__bounds_parts(void **state)
{
	char text[4096];
	struct wr w = wr_of(text, sizeof(text));
	struct span s, sdp;

	(void)state;
	wr_str(&w, MSG(MULTI, ""));
	for (int i = 0; i <= SIP_PARTS_MAX; i++)
		wr_str(&w, "--bb\r\n\r\nx\r\n");
	wr_str(&w, "--bb--");
	assert_int_equal(wr_end(&w, &s), 0);
	assert_int_equal(find_sdp(s, &sdp), E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(test_sip_##name)
		T(uri__reads_its_parts), T(uri__refuses_what_is_none),
		T(uri__limits), T(uri__equality),
		T(uri__unescape_refuses_controls),
		T(uri__parts_are_written_safely), T(param__reads_lists),
		T(addr__reads_both_forms), T(addr__refuses_what_is_none),
		T(addr__display_is_safe_to_draw), T(addr__writes),
		T(via__reads), T(via__writes), T(hdr__numbers), T(hdr__words),
		T(hdr__dates_go_round), T(auth__challenges),
		T(auth__credentials), T(body__finds_the_sdp),
		T(body__cuts_multiparts), T(body__bounds_parts),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
