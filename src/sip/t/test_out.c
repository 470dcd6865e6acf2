/* Calls out and registrations: a fake network, a fake core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "sip/t/fake.h"

static struct fake k;
static uint64_t call;

static int setup(void **state)
{
	(void)state;
	return fake_init(&k);
}

static int teardown(void **state)
{
	(void)state;
	fake_release(&k);
	return 0;
}

#define SDP "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\n"
#define OK200 "Contact: <sip:b@192.0.2.8:5061;transport=tls>\n"               \
	      "Record-Route: <sip:p1;lr>, <sip:p2;lr>\n"                      \
	      "Content-Type: application/sdp\n\n" SDP

static void expect(const char *start)
{
	const char *got = fake_last(&k, 0);

	if (strncmp(got, start, strlen(start)) != 0)
		fail_msg("want %s, got %.300s", start, got);
}

static const char *from_uri = "room@meet.example";

static void dial(struct fake *f, const char *uri, uint32_t flow)
{
	static uint8_t password[] = "secret";
	Cv__SipDial m = CV__SIP_DIAL__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;
	const Cv__SipDialing *d;

	memcpy(password, "secret", 6);
	m.req = 9;
	m.uri = ipc_data(span_str(uri));
	m.from_uri = ipc_data(span_str(from_uri));
	m.from_name = ipc_data(SPAN_LIT("The \"Room\""));
	m.username = ipc_data(SPAN_LIT("us"));
	m.password = ipc_data(span_of(password, 6));
	m.realm = ipc_data(SPAN_LIT("cc.example"));
	m.offer = &leg;
	m.flow = flow;
	m.ring_s = 20;
	fake_core(f, IPC_SIP_DIAL, &m.base);
	d = fake_told(f, IPC_SIP_DIALING);
	call = d ? d->call : 0;
}

/* The other side's answer to the n-th last that was sent. */
static void respond(struct fake *f, size_t back, const char *status,
		    const char *tag, const char *rest)
{
	char via[256], from[256], to[256], id[128], seq[64];
	const char *req = fake_last(f, back);

	(void)fake_hdr(req, "Via", via, sizeof(via));
	(void)fake_hdr(req, "From", from, sizeof(from));
	(void)fake_hdr(req, "To", to, sizeof(to));
	(void)fake_hdr(req, "Call-ID", id, sizeof(id));
	(void)fake_hdr(req, "CSeq", seq, sizeof(seq));
	fake_sayf(f, &f->tls, "SIP/2.0 %s\nVia: %s\nFrom: %s\nTo: %s%s%s\n"
		  "Call-ID: %s\nCSeq: %s\n%s", status, via, from, to,
		  *tag ? ";tag=" : "", tag, id, seq, rest);
}

static const Cv__SipEnded *ended(void)
{
	return fake_told(&k, IPC_SIP_ENDED);
}

static void hangup(void)
{
	Cv__SipHangup m = CV__SIP_HANGUP__INIT;

	m.call = call;
	fake_core(&k, IPC_SIP_HANGUP, &m.base);
}

static void test_out__rings_is_answered_and_ends(void **state)
{
	const Cv__SipAnswered *m;

	(void)state;
	dial(&k, "sip:b@x.example", 7);
	expect("INVITE sip:b@x.example SIP/2.0");
	assert_true(fake_sent_has(&k, "From: \"The \\\"Room\\\"\" <sip:room@meet.example>"));
	/* RFC 3325: nobody is told more than From says */
	assert_false(fake_sent_has(&k, "Asserted-Identity"));
	respond(&k, 0, "180 Ringing", "t1", "");
	assert_int_equal(((const Cv__SipProgress *)
			  fake_told(&k, IPC_SIP_PROGRESS))->status, 180);
	respond(&k, 0, "200 OK", "t1", OK200);
	expect("ACK sip:b@192.0.2.8:5061;transport=tls SIP/2.0");
	assert_true(fake_sent_has(&k, "Route: <sip:p2;lr>, <sip:p1;lr>"));
	m = fake_told(&k, IPC_SIP_ANSWERED);
	assert_non_null(m);
	assert_true(m->answer->kbps > 0);
	respond(&k, 1, "200 OK", "t1", OK200);	/* its ACK was lost */
	assert_int_equal(fake_count(&k, "ACK sip"), 2);
	hangup();
	expect("BYE ");
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_NORMAL);
	assert_int_equal(face_calls(k.face), 0);
}

static void test_out__a_user_without_a_host_is_at_our_address(void **state)
{
	(void)state;
	from_uri = "sip:Board%20room";
	dial(&k, "sip:b@x.example", 7);
	from_uri = "room@meet.example";
	expect("INVITE sip:b@x.example SIP/2.0");
	assert_true(fake_sent_has(&k, "From: \"The \\\"Room\\\"\" <sip:Board%20room@192.0.2.1>"));
	respond(&k, 0, "200 OK", "t1", OK200);
	hangup();
	expect("BYE ");
	assert_int_equal(face_calls(k.face), 0);
}

static void test_out__ends_the_other_forks(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "200 OK", "t1", OK200);
	respond(&k, 1, "200 OK", "t2", OK200);
	expect("BYE ");
	assert_true(strstr(fake_last(&k, 0), "tag=t2") != NULL);
	assert_true(strstr(fake_last(&k, 1), "ACK ") == fake_last(&k, 1));
	assert_null(ended());
	assert_int_equal(face_calls(k.face), 1);
}

static void test_out__cancels_and_ends_what_crosses(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	hangup();		/* no CANCEL before a provisional answer */
	assert_int_equal(fake_count(&k, "CANCEL "), 0);
	respond(&k, 0, "180 Ringing", "t1", "");
	expect("CANCEL sip:b@x.example SIP/2.0");
	respond(&k, 1, "200 OK", "t1", OK200);
	expect("BYE ");
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_CANCELLED);
	assert_int_equal(face_calls(k.face), 0);
}

static void test_out__gives_up_ringing(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "180 Ringing", "t1", "");
	fake_run(&k, 20100);
	expect("CANCEL ");
	respond(&k, 1, "487 Gone", "t1", "");
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_TIMEOUT);
	assert_int_equal(face_calls(k.face), 0);
}

#define CHALLENGE(realm) "WWW-Authenticate: Digest realm=\"" realm "\", "     \
	"nonce=\"abc\", algorithm=MD5, qop=\"auth\"\n"                        \
	"WWW-Authenticate: Digest realm=\"" realm "\", nonce=\"def\", "       \
	"algorithm=SHA-256, qop=\"auth\"\n"

static void test_out__answers_a_challenge_of_its_realm_once(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "401 No", "t1", CHALLENGE("cc.example"));
	expect("INVITE ");
	assert_non_null(strstr(fake_last(&k, 0), "CSeq: 2 INVITE"));
	assert_non_null(strstr(fake_last(&k, 0), "nonce=\"def\""));
	assert_non_null(strstr(fake_last(&k, 0), "username=\"us\""));
	assert_null(strstr(fake_last(&k, 0), "secret"));
	respond(&k, 0, "401 No", "t1", CHALLENGE("cc.example"));
	assert_int_equal(ended()->status, 401);
	assert_int_equal(fake_count(&k, "INVITE sip"), 2);
}

/* RFC 3262 4: each once, in order, in the dialog that it makes. */
static void test_out__acknowledges_reliable_answers(void **state)
{
	static const char rel[] =
		"Require: 100rel\nRSeq: 41\n"
		"Contact: <sip:b@192.0.2.8:5061;transport=tls>\n"
		"Record-Route: <sip:p1;lr>, <sip:p2;lr>\n"
		"Content-Type: application/sdp\n\n" SDP;

	(void)state;
	dial(&k, "sip:b@x.example", 7);
	assert_true(fake_sent_has(&k, "Supported: timer, replaces, 100rel"));
	respond(&k, 0, "183 Progress", "t1", rel);
	expect("PRACK sip:b@192.0.2.8:5061;transport=tls SIP/2.0");
	assert_non_null(strstr(fake_last(&k, 0), "RAck: 41 1 INVITE"));
	assert_non_null(strstr(fake_last(&k, 0), "CSeq: 2 PRACK"));
	assert_non_null(strstr(fake_last(&k, 0), ";tag=t1"));
	assert_non_null(strstr(fake_last(&k, 0),
			       "Route: <sip:p2;lr>, <sip:p1;lr>"));
	respond(&k, 1, "183 Progress", "t1", rel);	/* again */
	assert_int_equal(fake_count(&k, "PRACK "), 1);
	respond(&k, 1, "180 Ringing", "t1", "Require: 100rel\nRSeq: 43\n");
	assert_int_equal(fake_count(&k, "PRACK "), 1);	/* one is missing */
	respond(&k, 1, "180 Ringing", "t2", "Require: 100rel\nRSeq: 7\n");
	assert_int_equal(fake_count(&k, "PRACK "), 2);	/* another fork */
	assert_non_null(strstr(fake_last(&k, 0), "RAck: 7 1 INVITE"));
	respond(&k, 2, "180 Ringing", "t1", "Require: 100rel\n");
	assert_int_equal(fake_count(&k, "PRACK "), 2);
	/* the description came early */
	respond(&k, 2, "200 OK", "t1", "Contact: <sip:b@192.0.2.8>\n");
	expect("ACK ");
	assert_true(((const Cv__SipAnswered *)
		     fake_told(&k, IPC_SIP_ANSWERED))->answer->kbps > 0);
	hangup();
	assert_non_null(strstr(fake_last(&k, 0), "CSeq: 4 BYE"));
}

/* What another fork described is not ours. */
static void test_out__needs_a_description_of_the_fork_that_answers(
	void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "183 Progress", "t1", "Require: 100rel\nRSeq: 41\n"
		"Content-Type: application/sdp\n\n" SDP);
	respond(&k, 1, "200 OK", "t2", "Contact: <sip:b@192.0.2.8>\n");
	assert_null(fake_told(&k, IPC_SIP_ANSWERED));
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_PROTOCOL);
}

static void test_out__answers_challenges_inside_of_the_dialog(void **state)
{
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;

	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "200 OK", "t1", OK200);
	m.call = call;
	m.req = 5;
	m.has_offer = true;
	m.offer = &leg;
	fake_core(&k, IPC_SIP_OFFER, &m.base);
	expect("INVITE ");
	assert_null(strstr(fake_last(&k, 0), "Authorization"));
	respond(&k, 0, "401 No", "t1", CHALLENGE("cc.example"));
	expect("INVITE ");
	assert_non_null(strstr(fake_last(&k, 0), "nonce=\"def\""));
	assert_non_null(strstr(fake_last(&k, 0), "nc=00000001"));
	assert_non_null(strstr(fake_last(&k, 0), "\r\nv=0"));
	/* not twice */
	respond(&k, 0, "401 No", "t1", CHALLENGE("cc.example"));
	assert_int_equal(fake_count(&k, "CSeq: 4 INVITE"), 0);
	assert_int_equal(((const Cv__SipOfferReply *)
			  fake_told(&k, IPC_SIP_OFFER_REPLY))->status, 401);
	/* the BYE uses what it knows, and may be asked again */
	hangup();
	expect("BYE ");
	assert_non_null(strstr(fake_last(&k, 0), "nc=00000002"));
	assert_int_equal(face_calls(k.face), 0);
	respond(&k, 0, "407 No", "t1", "Proxy-Authenticate: Digest "
		"realm=\"cc.example\", nonce=\"new\", algorithm=MD5, "
		"qop=\"auth\"\n");
	expect("BYE ");
	assert_non_null(strstr(fake_last(&k, 0), "CSeq: 5 BYE"));
	assert_non_null(strstr(fake_last(&k, 0),
			       "Proxy-Authorization: Digest "));
	assert_non_null(strstr(fake_last(&k, 0), "nonce=\"new\""));
	respond(&k, 0, "407 No", "t1", CHALLENGE("cc.example"));
	assert_int_equal(fake_count(&k, "BYE sip"), 2);
}

static void test_out__answers_no_other_realm_inside_either(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "200 OK", "t1", OK200);
	hangup();
	respond(&k, 0, "401 No", "t1", CHALLENGE("evil.example"));
	assert_int_equal(fake_count(&k, "BYE sip"), 1);
	assert_int_equal(fake_count(&k, "Authorization"), 0);
}

static void test_out__answers_no_other_realm(void **state)
{
	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "401 No", "t1", CHALLENGE("evil.example"));
	assert_int_equal(fake_count(&k, "INVITE sip"), 1);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_REFUSED);
}

static void test_out__tells_where_it_was_sent(void **state)
{
	const Cv__SipAnswered *m;

	(void)state;
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "302 Moved", "t1", "Contact: <sip:c@y.example>\n");
	m = fake_told(&k, IPC_SIP_ANSWERED);
	assert_true(m->redirected);
	assert_true(span_eq(ipc_bytes(m->contact),
			    SPAN_LIT("sip:c@y.example")));
	assert_int_equal(ended()->status, 302);
	dial(&k, "sip:b@x.example", 7);
	respond(&k, 0, "486 Busy", "t1", "");
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_BUSY);
}

static void connected(struct fake *f, uint32_t error, unsigned left, int fd)
{
	Cv__SipConnected m = CV__SIP_CONNECTED__INIT;
	Cv__Addr a = CV__ADDR__INIT;
	const Cv__SipConnect *q = fake_told(f, IPC_SIP_CONNECT);

	if (!q)
		return;
	a.ip = ipc_data(span_of(f->tls.source.ip, 16));
	a.port = 5061;
	m.req = q->req;
	m.error = error;
	m.address = &a;
	m.transport = CV__SIP_TRANSPORT__SIP_TLS;
	m.name = ipc_data(SPAN_LIT("x.example"));
	m.left = left;
	face_core(f->face, IPC_SIP_CONNECTED, &m.base, &fd, fd >= 0,
		  f->now_ns);
}

static void test_out__asks_for_a_connection_and_tries_the_next(void **state)
{
	const Cv__SipConnect *q;

	(void)state;
	dial(&k, "sips:b@x.example", 0);
	q = fake_told(&k, IPC_SIP_CONNECT);
	assert_non_null(q);
	assert_true(q->sips);
	assert_int_equal(k.n_sent, 0);
	connected(&k, 0, 1, 1000);
	assert_int_equal(k.n_sent, 0);		/* the handshake goes on */
	k.tls.flow = k.next_flow;
	face_flow_up(k.face, k.next_flow, k.now_ns);
	expect("INVITE sips:b@x.example ");
	respond(&k, 0, "503 Busy", "t1", "");
	q = fake_told(&k, IPC_SIP_CONNECT);
	assert_int_equal(q->skip, 1);
	connected(&k, 4, 0, -1);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_TRANSPORT);
	assert_int_equal(face_calls(k.face), 0);
}

/* Whoever says that he is full may hang up as well. */
static void test_out__tries_the_next_when_the_full_one_goes_away(void **state)
{
	(void)state;
	dial(&k, "sips:b@x.example", 0);
	connected(&k, 0, 1, 1000);
	k.tls.flow = k.next_flow;
	face_flow_up(k.face, k.next_flow, k.now_ns);
	respond(&k, 0, "503 Busy", "t1", "");
	face_flow_gone(k.face, k.tls.flow, CV__SIP_END__SIP_END_TRANSPORT,
		       false, k.now_ns);
	assert_null(ended());
	connected(&k, 0, 0, 1001);
	k.tls.flow = k.next_flow;
	face_flow_up(k.face, k.next_flow, k.now_ns);
	expect("INVITE sips:b@x.example ");
	respond(&k, 0, "200 OK", "t1", OK200);
	expect("ACK ");
	hangup();
	assert_int_equal(k.shut, 0);
}

/* The network has the descriptor, and closes it: nobody else does. */
static void test_out__a_descriptor_is_closed_once(void **state)
{
	(void)state;
	dial(&k, "sips:b@x.example", 0);
	k.dial_error = E_NOTFOUND;
	connected(&k, 0, 0, 1000);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_TRANSPORT);
	assert_int_equal(k.shut, 0);
	connected(&k, 0, 0, 1001);	/* of nobody any more */
	assert_int_equal(k.shut, 1);
}

static const char *again(const char *method, char buf[64])
{
	fake_forget(&k);
	fake_run(&k, 901000);
	assert_true(fake_sent_has(&k, method));
	return fake_hdr(fake_last(&k, 0), "Session-Expires", buf, 64);
}

/* RFC 4028 7.2: who is silent about the timer, or asks for more than we gave,
 * is refreshed by us; a call must not outlive its other side. */
static void test_out__refreshes_those_who_do_not(void **state)
{
	static const char *const said[] = {
		"", "Session-Expires: 86400;refresher=uas\n",
		"Session-Expires: 20;refresher=uas\n"};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char rest[512];

		dial(&k, "sip:b@x.example", 7);
		(void)snprintf(rest, sizeof(rest), "Allow: UPDATE\n%s%s",
			       said[i], OK200);
		respond(&k, 0, "200 OK", "t1", rest);
		assert_string_equal(again("UPDATE ", buf),
				    "1800;refresher=uac");
		hangup();
		assert_int_equal(face_calls(k.face), 0);
	}
}

/* Nobody chooses whom we call but core. */
static void test_out__keeps_its_target_until_it_is_taken(void **state)
{
	char from[128], id[128], mine[32];

	(void)state;
	dial(&k, "sip:b@x.example", 7);
	(void)fake_hdr(fake_last(&k, 0), "From", from, sizeof(from));
	(void)fake_hdr(fake_last(&k, 0), "Call-ID", id, sizeof(id));
	(void)snprintf(mine, sizeof(mine), "%.16s",
		       strstr(from, ";tag=") + 5);
	respond(&k, 0, "180 Ringing", "t1", "");
	fake_sayf(&k, &k.tls, "UPDATE sip:us@192.0.2.1 SIP/2.0\n"
		  "Via: SIP/2.0/TLS 192.0.2.8:40001;branch=z9hG4bKu\n"
		  "From: <sip:b@x.example>;tag=t1\nTo: <sip:us@x>;tag=%s\n"
		  "Call-ID: %s\nCSeq: 1 UPDATE\n"
		  "Contact: <sip:+1900555@evil.example>\n", mine, id);
	expect("SIP/2.0 200 ");
	k.n_sent--;
	respond(&k, 0, "407 Who", "t1", "Proxy-Authenticate: Digest "
		"realm=\"cc.example\",nonce=\"n\",algorithm=SHA-256,"
		"qop=\"auth\"\n");
	assert_true(fake_sent_has(&k, "Proxy-Authorization: "));
	assert_false(fake_sent_has(&k, "+1900555"));
	hangup();
}

static void test_out__ends_when_the_certificate_is_not_theirs(void **state)
{
	(void)state;
	dial(&k, "sips:b@x.example", 0);
	connected(&k, 0, 0, 1000);
	face_flow_gone(k.face, k.next_flow, CV__SIP_END__SIP_END_TLS, false,
		       k.now_ns);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_TLS);
	assert_int_equal(k.n_sent, 0);
	assert_int_equal(face_calls(k.face), 0);
}

static void test_out__refuses_what_is_no_uri(void **state)
{
	static const char *const bad[] = {
		"", "b@x.example", "http://x", "sip:b:pw@x", "sip:b@x?a=b",
		"sip:b@x\r\nEvil: 1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dial(&k, bad[i], 7);
		assert_false(((const Cv__SipDialing *)
			      fake_told(&k, IPC_SIP_DIALING))->ok);
	}
	assert_int_equal(k.n_sent, 0);
	assert_int_equal(face_calls(k.face), 0);
	assert_int_equal(fake_told_count(&k, IPC_SIP_ENDED), 0);
}

/* --- REGISTER ------------------------------------------------------------------------ */

static void reg(const struct sip_peer *from, const char *branch,
		const char *more)
{
	fake_sayf(&k, from, "REGISTER sip:meet.example SIP/2.0\n"
		  "Via: SIP/2.0/TLS 192.0.2.8:40001;branch=z9hG4bK%s\n"
		  "From: <sip:dev@meet.example>;tag=ft\n"
		  "To: <sip:dev@meet.example>\nCall-ID: r-%s\n"
		  "CSeq: 1 REGISTER\n%s", branch, branch, more);
}

static void registered(Cv__SipRegOutcome outcome, uint32_t expires)
{
	Cv__SipRegistered m = CV__SIP_REGISTERED__INIT;
	Cv__SipContact c = CV__SIP_CONTACT__INIT, *all[] = {&c};

	m.req = ((const Cv__SipRegister *)
		 fake_told(&k, IPC_SIP_REGISTER))->req;
	m.outcome = outcome;
	m.expires_s = expires;
	c.uri = ipc_data(SPAN_LIT("sip:dev@192.0.2.8"));
	c.expires_s = expires;
	m.n_contacts = 1;
	m.contacts = all;
	fake_core(&k, IPC_SIP_REGISTERED, &m.base);
}

static void test_register__passes_contact_and_hears_the_outcome(void **state)
{
	const Cv__SipRegister *m;

	(void)state;
	reg(&k.tls, "1", "Contact: <sip:dev@10.1.1.1>;expires=600;"
	    "+sip.instance=\"<urn:uuid:1>\";reg-id=1\n");
	m = fake_told(&k, IPC_SIP_REGISTER);
	assert_non_null(m);
	assert_true(span_eq(ipc_bytes(m->alias),
			    SPAN_LIT("dev@meet.example")));
	assert_true(span_eq(ipc_bytes(m->contact),
			    SPAN_LIT("sip:dev@10.1.1.1")));
	assert_int_equal(m->expires_s, 600);
	assert_int_equal(m->reg_id, 1);
	assert_true(m->natted);
	assert_int_equal(m->caller->flow, 7);
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 600);
	expect("SIP/2.0 200 ");
	assert_true(fake_sent_has(&k, "Contact: <sip:dev@192.0.2.8>;expires=600"));
	reg(&k.tls, "2", "Contact: *\nExpires: 0\n");
	m = fake_told(&k, IPC_SIP_REGISTER);
	assert_true(span_eq(ipc_bytes(m->contact), SPAN_LIT("*")));
	registered(CV__SIP_REG_OUTCOME__SIP_REG_BRIEF, 60);
	expect("SIP/2.0 423 ");
	assert_true(fake_sent_has(&k, "Min-Expires: 60"));
	reg(&k.tls, "3", "");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_CHALLENGE, 0);
	expect("SIP/2.0 401 ");
	reg(&k.tls, "4", "");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_REFUSED, 0);
	expect("SIP/2.0 403 ");
}

/* A connection rests long only for what registered over it. */
static void test_register__lets_its_connection_rest_as_long_as_it_lasts(
	void **state)
{
	(void)state;
	reg(&k.tls, "1", "Contact: <sip:dev@192.0.2.8>\n");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 600);
	assert_int_equal(k.n_registered, 1);
	assert_int_equal(k.registered_s, 600);
	/* Somebody else's, and a mere question. */
	reg(&k.tls, "2", "");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 500);
	assert_int_equal(k.n_registered, 1);
	/* Refused: nothing changed. */
	reg(&k.tls, "3", "Contact: <sip:dev@192.0.2.8>\n");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_REFUSED, 0);
	assert_int_equal(k.n_registered, 1);
	/* Gone, though another contact of that alias stays. */
	reg(&k.tls, "4", "Contact: <sip:dev@192.0.2.9>;expires=0\n");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 400);
	assert_int_equal(k.n_registered, 2);
	assert_int_equal(k.registered_s, 0);
	reg(&k.tls, "5", "Contact: <sip:dev@192.0.2.8>\n");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 600);
	assert_int_equal(k.registered_s, 600);
	reg(&k.tls, "6", "Contact: *\nExpires: 0\n");
	registered(CV__SIP_REG_OUTCOME__SIP_REG_OK, 0);
	assert_int_equal(k.registered_s, 0);
}

static void test_register__is_challenged_here_where_md5_cannot_be(void **state)
{
	(void)state;
	reg(&k.peer, "1", "Contact: <sip:dev@192.0.2.7>\n");
	expect("SIP/2.0 401 ");
	assert_null(fake_told(&k, IPC_SIP_REGISTER));
}

static void test_register__passes_several_contacts_on_as_one_request(
	void **state)
{
	const Cv__SipRegister *m;

	(void)state;
	reg(&k.tls, "1", "Expires: 900\nContact: <sip:a@b>;expires=600, "
	    "<sip:c@d>;expires=0\nContact: <sip:e@f>;reg-id=2\n");
	m = fake_told(&k, IPC_SIP_REGISTER);
	assert_non_null(m);
	assert_int_equal(m->expires_s, 600);
	assert_int_equal(m->n_more, 2);
	assert_true(span_eq(ipc_bytes(m->more[0]->contact),
			    SPAN_LIT("sip:c@d")));
	assert_int_equal(m->more[0]->expires_s, 0);
	assert_int_equal(m->more[1]->expires_s, 900);
	assert_int_equal(m->more[1]->reg_id, 2);
	/* one that is bad spoils all */
	fake_forget(&k);
	reg(&k.tls, "2", "Contact: <sip:a@b>, <http://c>\n");
	expect("SIP/2.0 400 ");
	assert_null(fake_told(&k, IPC_SIP_REGISTER));
}

static void test_register__refuses_odd_contacts(void **state)
{
	(void)state;
	reg(&k.tls, "1", "Contact: *\nExpires: 60\n");
	expect("SIP/2.0 400 ");
	reg(&k.tls, "2", "Contact: <sip:1@a>, <sip:2@a>, <sip:3@a>, "
	    "<sip:4@a>, <sip:5@a>, <sip:6@a>, <sip:7@a>, <sip:8@a>, "
	    "<sip:9@a>, <sip:10@a>, <sip:11@a>\n");
	expect("SIP/2.0 403 ");
	reg(&k.tls, "3", "Contact: <http://x>\n");
	expect("SIP/2.0 400 ");
	assert_null(fake_told(&k, IPC_SIP_REGISTER));
}

/* --- memory --------------------------------------------------------------------------- */

static int body_out(void *arg)
{
	static struct fake f;
	int r = fake_init(&f);

	(void)arg;
	if (r < 0)
		return r;
	dial(&f, "sip:b@x.example", 7);
	if (f.n_sent) {
		respond(&f, 0, "401 No", "t1", CHALLENGE("cc.example"));
		respond(&f, 0, "200 OK", "t1", OK200);
	}
	fake_release(&f);
	return 0;
}

static void test_out__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_out, NULL, 300) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_out__rings_is_answered_and_ends),
		T(test_out__a_user_without_a_host_is_at_our_address),
		T(test_out__ends_the_other_forks),
		T(test_out__cancels_and_ends_what_crosses),
		T(test_out__gives_up_ringing),
		T(test_out__answers_a_challenge_of_its_realm_once),
		T(test_out__answers_no_other_realm),
		T(test_out__acknowledges_reliable_answers),
		T(test_out__needs_a_description_of_the_fork_that_answers),
		T(test_out__answers_challenges_inside_of_the_dialog),
		T(test_out__answers_no_other_realm_inside_either),
		T(test_out__tells_where_it_was_sent),
		T(test_out__asks_for_a_connection_and_tries_the_next),
		T(test_out__tries_the_next_when_the_full_one_goes_away),
		T(test_out__a_descriptor_is_closed_once),
		T(test_out__refreshes_those_who_do_not),
		T(test_out__keeps_its_target_until_it_is_taken),
		T(test_out__ends_when_the_certificate_is_not_theirs),
		T(test_out__refuses_what_is_no_uri),
		T(test_register__passes_contact_and_hears_the_outcome),
		T(test_register__is_challenged_here_where_md5_cannot_be),
		T(test_register__lets_its_connection_rest_as_long_as_it_lasts),
		T(test_register__passes_several_contacts_on_as_one_request),
		T(test_register__refuses_odd_contacts),
		cmocka_unit_test(test_out__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
