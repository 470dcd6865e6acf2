/* Calls in: a fake network on one side, a fake core on the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "ipc/ban.pb-c.h"
#include "ipc/web.pb-c.h"
#include "sip/roster.h"
#include "sip/t/fake.h"

static struct fake k;

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

#define VIA_UDP "Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK"
#define VIA_TLS "Via: SIP/2.0/TLS 192.0.2.8:40001;branch=z9hG4bK"
#define SDP "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\n"

static void invite(const struct sip_peer *from, const char *alias,
		   const char *branch, const char *more)
{
	fake_sayf(&k, from, "INVITE sip:%s@meet.example SIP/2.0\n"
		  "%s%s\nFrom: \"A\" <sip:a@x.example>;tag=ft\n"
		  "To: <sip:%s@meet.example>\nCall-ID: c-%s\nCSeq: 1 INVITE\n"
		  "Max-Forwards: 70\nContact: <sip:a@192.0.2.7:5060>\n%s"
		  "Content-Type: application/sdp\n\n" SDP, alias,
		  from->flow ? VIA_TLS : VIA_UDP, branch, alias, branch, more);
}

/* A request in the dialog that `branch` began. */
static void inside(const struct sip_peer *from, const char *method,
		   unsigned seq, const char *branch, const char *call,
		   const char *tag, const char *rest)
{
	fake_sayf(&k, from, "%s sip:meet.example SIP/2.0\n"
		  "%s%s\nFrom: \"A\" <sip:a@x.example>;tag=ft\n"
		  "To: <sip:room@meet.example>;tag=%s\nCall-ID: c-%s\n"
		  "CSeq: %u %s\nMax-Forwards: 70\n"
		  "Contact: <sip:a@192.0.2.7:5060>\n%s", method,
		  from->flow ? VIA_TLS : VIA_UDP, branch, tag, call, seq,
		  method, rest);
}

static uint64_t invited(void)
{
	const Cv__SipInvite *m = fake_told(&k, IPC_SIP_INVITE);

	assert_non_null(m);
	return m->call;
}

static void verdict(Cv__SipDecision d, unsigned status)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;

	v.call = invited();
	v.decision = d;
	v.status = status;
	v.answer = &leg;
	v.is_focus = true;
	fake_core(&k, IPC_SIP_VERDICT, &v.base);
}

static void hangup(uint64_t call)
{
	Cv__SipHangup m = CV__SIP_HANGUP__INIT;

	m.call = call;
	fake_core(&k, IPC_SIP_HANGUP, &m.base);
}

static char tag[64];

/* A call that is up. */
static uint64_t call_up(const struct sip_peer *from, const char *branch,
			const char *more)
{
	uint64_t call;

	invite(from, "room", branch, more);
	call = invited();
	verdict(CV__SIP_DECISION__SIP_ANSWER, 0);
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	assert_int_equal(strlen(tag), 16);
	inside(from, "ACK", 1, "ack", branch, tag, "");
	return call;
}

static const Cv__SipEnded *ended(void)
{
	return fake_told(&k, IPC_SIP_ENDED);
}

static void expect(const char *start)
{
	const char *got = fake_last(&k, 0);

	if (strncmp(got, start, strlen(start)) != 0)
		fail_msg("want %s, got %.300s", start, got);
}

/* --- a call --------------------------------------------------------------------- */

static void test_face__takes_a_call_from_invite_to_bye(void **state)
{
	const Cv__SipInvite *m;
	char buf[256];

	(void)state;
	invite(&k.peer, "room", "1", "User-Agent: phone 1\n");
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_non_null(m);
	assert_true(span_eq(ipc_bytes(m->alias),
			    SPAN_LIT("room@meet.example")));
	assert_true(span_eq(ipc_bytes(m->caller->from_uri),
			    SPAN_LIT("a@x.example")));
	assert_true(span_eq(ipc_bytes(m->caller->user_agent),
			    SPAN_LIT("phone 1")));
	assert_false(m->caller->proven);
	assert_true(m->has_offer);
	assert_int_equal(k.n_sent, 0);		/* no 100 before it is due */
	fake_run(&k, 250);
	expect("SIP/2.0 100 ");
	verdict(CV__SIP_DECISION__SIP_RING, 0);
	expect("SIP/2.0 180 ");
	verdict(CV__SIP_DECISION__SIP_ANSWER, 0);
	expect("SIP/2.0 200 ");
	assert_non_null(strstr(fake_last(&k, 0), "fake answer 1"));
	assert_string_equal(fake_hdr(fake_last(&k, 0), "Contact", buf,
				     sizeof(buf)),
		"<sip:192.0.2.1:5060;transport=udp>;isfocus");
	assert_null(strstr(fake_last(&k, 0), "Server:"));
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	inside(&k.peer, "ACK", 1, "a", "1", tag, "");
	fake_forget(&k);
	fake_run(&k, 3000);
	assert_int_equal(k.n_sent, 0);
	inside(&k.peer, "BYE", 2, "b", "1", tag, "");
	expect("SIP/2.0 200 ");
	assert_non_null(ended());
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_NORMAL);
	assert_int_equal(face_calls(k.face), 0);
}

static void test_face__sends_the_200_again_until_its_ack(void **state)
{
	(void)state;
	invite(&k.peer, "room", "1", "");
	verdict(CV__SIP_DECISION__SIP_ANSWER, 0);
	fake_run(&k, 1600);
	assert_int_equal(fake_count(&k, "SIP/2.0 200"), 3);
	fake_run(&k, 32000);
	assert_true(fake_sent_has(&k, "BYE "));
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_TIMEOUT);
	assert_int_equal(face_calls(k.face), 0);
}

/* RFC 3325 9.1: from somebody who is not trusted it is as if it were not
 * there. */
static void test_face__reads_an_asserted_identity_of_who_is_believed(
	void **state)
{
	static const char pai[] =
		"P-Asserted-Identity: <tel:+4930123>, \"Chief\" "
		"<sip:chief@cc.example>\n";
	const struct {
		const char *trunk;
		bool believed, over_tls, want;
	} rows[] = {{"cc", true, true, true}, {"cc", false, true, false},
		    {NULL, true, true, false}, {"cc", true, false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char branch[] = {(char)('1' + i), 0};
		const Cv__SipInvite *m;

		k.trunk = rows[i].trunk;
		k.believed = rows[i].believed;
		fake_forget(&k);
		invite(rows[i].over_tls ? &k.tls : &k.peer, "room", branch,
		       pai);
		m = fake_told(&k, IPC_SIP_INVITE);
		assert_non_null(m);
		assert_int_equal(m->caller->asserted.len > 0, rows[i].want);
		assert_int_equal(m->caller->trunk.len > 0,
				 rows[i].trunk && rows[i].over_tls);
		assert_true(span_eq(ipc_bytes(m->caller->from_uri),
				    SPAN_LIT("a@x.example")));
		assert_true(!rows[i].want ||
			    span_eq(ipc_bytes(m->caller->asserted),
				    SPAN_LIT("+4930123")));
	}
}

static void test_face__absorbs_the_invite_sent_again(void **state)
{
	(void)state;
	invite(&k.peer, "room", "1", "");
	invite(&k.peer, "room", "1", "");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 1);
	verdict(CV__SIP_DECISION__SIP_RING, 0);
	invite(&k.peer, "room", "1", "");
	assert_int_equal(fake_count(&k, "SIP/2.0 180"), 2);
}

static void test_face__knows_the_same_invite_by_another_way(void **state)
{
	(void)state;
	invite(&k.peer, "room", "1", "");
	fake_say(&k, &k.peer, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_UDP "other\nFrom: \"A\" <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c-1\nCSeq: 1 INVITE\n"
		 "Contact: <sip:a@192.0.2.7:5060>\n");
	expect("SIP/2.0 482 ");
}

static void test_face__ends_by_cancel(void **state)
{
	(void)state;
	invite(&k.peer, "room", "1", "");
	verdict(CV__SIP_DECISION__SIP_RING, 0);
	inside(&k.peer, "CANCEL", 1, "1", "1", "x", "");
	assert_true(fake_sent_has(&k, "SIP/2.0 487 "));
	assert_true(fake_sent_has(&k, "SIP/2.0 200 "));
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_CANCELLED);
	fake_forget(&k);
	fake_run(&k, 1600);			/* 487 until its ACK */
	assert_int_equal(fake_count(&k, "SIP/2.0 487 "), 2);
	inside(&k.peer, "ACK", 1, "1", "1", "x", "");
	fake_forget(&k);
	fake_run(&k, 4000);
	assert_int_equal(k.n_sent, 0);
}

static void test_face__lets_nobody_else_cancel(void **state)
{
	struct sip_peer other;

	(void)state;
	invite(&k.peer, "room", "1", "");
	other = k.peer;
	other.source.ip[15] ^= 1;
	inside(&other, "CANCEL", 1, "1", "1", "x", "");
	expect("SIP/2.0 481 ");
	assert_null(ended());
}

static void test_face__hangs_up_when_core_says(void **state)
{
	uint64_t call = call_up(&k.peer, "1", "");
	char buf[128], want[128];

	(void)state;
	(void)snprintf(want, sizeof(want), "<sip:room@meet.example>;tag=%s",
		       tag);
	hangup(call);
	expect("BYE sip:a@192.0.2.7:5060 SIP/2.0");
	assert_string_equal(fake_hdr(fake_last(&k, 0), "From", buf,
				     sizeof(buf)), want);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_NORMAL);
	assert_int_equal(face_calls(k.face), 0);
}

static void test_face__waits_for_the_ack_before_its_bye(void **state)
{
	uint64_t call;

	(void)state;
	invite(&k.peer, "room", "1", "");
	call = invited();
	verdict(CV__SIP_DECISION__SIP_ANSWER, 0);
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	hangup(call);
	assert_false(fake_sent_has(&k, "BYE "));
	inside(&k.peer, "ACK", 1, "a", "1", tag, "");
	assert_true(fake_sent_has(&k, "BYE "));
}

static void test_face__answers_an_invite_without_offer_with_ours(void **state)
{
	const Cv__SipAck *m;

	(void)state;
	fake_say(&k, &k.tls, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_TLS "1\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c-1\nCSeq: 1 INVITE\n"
		 "Contact: <sip:a@192.0.2.8:5061;transport=tls>\n");
	assert_false(((const Cv__SipInvite *)fake_told(&k, IPC_SIP_INVITE))->has_offer);
	verdict(CV__SIP_DECISION__SIP_ANSWER, 0);
	assert_non_null(strstr(fake_last(&k, 0), "fake offer"));
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	inside(&k.tls, "ACK", 1, "a", "1", tag,
	       "Content-Type: application/sdp\n\n" SDP);
	m = fake_told(&k, IPC_SIP_ACK);
	assert_non_null(m);
	assert_true(m->has_answer);
}

/* --- who may not ---------------------------------------------------------------- */

static void test_face__challenges_and_hears_the_answer(void **state)
{
	char h[512], nonce[64] = "", auth[1024];
	const Cv__SipInvite *m;

	(void)state;
	invite(&k.peer, "room", "1", "");
	verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
	expect("SIP/2.0 401 ");
	assert_int_equal(face_calls(k.face), 0);
	(void)fake_hdr(fake_last(&k, 0), "WWW-Authenticate", h, sizeof(h));
	assert_non_null(strstr(h, "SHA-256"));
	assert_int_equal(fake_count(&k, "MD5"), 0);
	assert_int_equal(sscanf(strstr(h, "nonce=\"") + 7, "%63[^\"]", nonce),
			 1);
	(void)snprintf(auth, sizeof(auth), "Authorization: Digest username=\"u\", realm=\"conclave\", nonce=\"%s\", uri=\"sip:room@meet.example\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\", response=\"%064d\"\n",
		       nonce, 0);
	invite(&k.peer, "room", "2", auth);
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_non_null(m->caller->auth);
	assert_true(m->caller->proven);
	assert_int_equal(m->caller->auth->response.len, 32);
	assert_true(span_eq(ipc_bytes(m->caller->auth->username),
			    SPAN_LIT("u")));
	/* the same number again: a fresh nonce is asked for */
	fake_forget(&k);
	invite(&k.peer, "room", "3", auth);
	expect("SIP/2.0 401 ");
	assert_true(fake_sent_has(&k, "stale=true") ||
		    fake_sent_has(&k, "stale=TRUE"));
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 0);
}

/* RFC 7616 3.4.6: in clear, a proof for one URI is none for another. */
static void test_face__holds_a_digest_against_what_was_asked_for(void **state)
{
	static const struct { const char *uri; bool clear, tls; } all[] = {
		{"sip:room@meet.example", true, true},
		{"sip:room@MEET.example;transport=udp", true, true},
		{"sip:other@meet.example", false, true},
		{"sip:ROOM@meet.example", false, true},
		{"sip:room@evil.example", false, true},
		{"sip:room@meet.example:5070", false, true},
		{"sips:room@meet.example", false, true},
		{"sip:meet.example", false, true},
		{"tel:+49301234", false, true},
		{"room", false, true},
	};
	char h[512], nonce[64] = "", auth[1024], n[8];
	const Cv__SipInvite *m;

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
		const bool tls = i % 2;
		const struct sip_peer *from = tls ? &k.tls : &k.peer;

		fake_forget(&k);
		(void)snprintf(n, sizeof(n), "a%u", i);
		invite(from, "room", n, "");
		verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
		(void)fake_hdr(fake_last(&k, 0), "WWW-Authenticate", h,
			       sizeof(h));
		assert_int_equal(sscanf(strstr(h, "nonce=\"") + 7,
					"%63[^\"]", nonce), 1);
		(void)snprintf(auth, sizeof(auth), "Authorization: Digest username=\"u\", realm=\"conclave\", nonce=\"%s\", uri=\"%s\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\", response=\"%064d\"\n",
			       nonce, all[i / 2].uri, 0);
		(void)snprintf(n, sizeof(n), "b%u", i);
		invite(from, "room", n, auth);
		m = fake_told(&k, IPC_SIP_INVITE);
		if ((m->caller->auth != NULL) !=
		    (tls ? all[i / 2].tls : all[i / 2].clear))
			fail_msg("%s, tls %d", all[i / 2].uri, tls);
		verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
	}
}

static void test_face__offers_md5_over_tls_alone(void **state)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;

	(void)state;
	v.decision = CV__SIP_DECISION__SIP_CHALLENGE;
	v.md5 = true;
	invite(&k.peer, "room", "1", "");
	v.call = invited();
	fake_core(&k, IPC_SIP_VERDICT, &v.base);
	assert_false(fake_sent_has(&k, "MD5"));
	invite(&k.tls, "room", "2", "");
	v.call = invited();
	fake_core(&k, IPC_SIP_VERDICT, &v.base);
	assert_true(fake_sent_has(&k, "MD5"));
}

/* svcrack: whatever was asked for, it answers with MD5. */
static void test_face__counts_who_tries_md5_in_clear(void **state)
{
	char h[512], nonce[64] = "", auth[1024];
	const Cv__SipScanned *m;

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		fake_forget(&k);
		invite(&k.peer, "room", i % 2 ? "1" : "2", "");
		verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
		(void)fake_hdr(fake_last(&k, 0), "WWW-Authenticate", h,
			       sizeof(h));
		assert_int_equal(sscanf(strstr(h, "nonce=\"") + 7,
					"%63[^\"]", nonce), 1);
		(void)snprintf(auth, sizeof(auth), "Authorization: Digest username=\"u\", realm=\"conclave\", nonce=\"%s\", uri=\"sip:room@meet.example\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\", response=\"%032d\"\n",
			       nonce, 0);
		invite(&k.peer, "room", "9", auth);
		assert_null(((const Cv__SipInvite *)
			     fake_told(&k, IPC_SIP_INVITE))->caller->auth);
		verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
		/* again with the same nonce: nothing new was proved */
		invite(&k.peer, "room", "8", auth);
		verdict(CV__SIP_DECISION__SIP_CHALLENGE, 0);
	}
	face_second(k.face, 0, 12000, 0, k.now_ns);
	m = fake_told(&k, IPC_SIP_SCANNED);
	assert_non_null(m);
	assert_int_equal(m->kind, CV__SIP_SCAN__SIP_SCAN_DIGEST);
	assert_int_equal(m->count, 3);
	assert_true(m->proven);
	assert_int_equal(fake_told_count(&k, IPC_SIP_SCANNED), 1);
}

static void mask(char *text, const char *from)
{
	for (char *p = text; (p = strstr(p, from)); )
		for (p += strlen(from); *p && *p != '\r' && *p != ';' && *p != '>'; p++)
			*p = 'x';
}

static void test_face__refuses_all_in_the_same_words(void **state)
{
	char a[FAKE_BYTES], b[FAKE_BYTES];

	(void)state;
	invite(&k.tls, "room", "1", "");
	verdict(CV__SIP_DECISION__SIP_REFUSE, 0);
	(void)snprintf(a, sizeof(a), "%s", fake_last(&k, 0));
	invite(&k.tls, "none", "2", "");
	verdict(CV__SIP_DECISION__SIP_REFUSE, 0);
	(void)snprintf(b, sizeof(b), "%s", fake_last(&k, 0));
	assert_ptr_equal(strstr(a, "SIP/2.0 404 "), a);
	mask(a, "branch="), mask(a, "tag="), mask(a, "Call-ID: "), mask(a, "<sip:");
	mask(b, "branch="), mask(b, "tag="), mask(b, "Call-ID: "), mask(b, "<sip:");
	mask(a, "Warning: 399 - "), mask(b, "Warning: 399 - ");
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "Warning: 399 - xxxxxxxxxxxxxxxxxx\r\n"));
	assert_int_equal(face_calls(k.face), 0);
}

static void test_face__gives_a_stranger_no_state(void **state)
{
	(void)state;
	invite(&k.peer, "room", "1", "");
	verdict(CV__SIP_DECISION__SIP_REFUSE, 0);
	expect("SIP/2.0 404 ");
	fake_forget(&k);
	fake_run(&k, 3000);		/* nothing is repeated at a victim */
	assert_int_equal(k.n_sent, 0);
}

static void test_face__challenges_without_asking_core_when_told_so(void **state)
{
	(void)state;
	face_settings(k.face)->challenge_first = true;
	invite(&k.peer, "room", "1", "");
	expect("SIP/2.0 401 ");
	fake_say(&k, &k.peer, "OPTIONS sip:100@meet.example SIP/2.0\n"
		 VIA_UDP "2\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:100@meet.example>\nCall-ID: o\nCSeq: 1 OPTIONS\n");
	expect("SIP/2.0 401 ");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 0);
	k.names = "proxy.example";	/* who proved a certificate is asked about */
	invite(&k.tls, "room", "3", "");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 1);
}

static void test_face__drops_scanners_without_a_word(void **state)
{
	const Cv__SipScanned *m;

	(void)state;
	invite(&k.peer, "room", "1", "User-Agent: friendly-scanner\n");
	invite(&k.peer, "room", "2", "User-Agent: friendly-scanner\n");
	assert_int_equal(k.n_sent, 0);
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 0);
	face_second(k.face, 0, 12000, 0, k.now_ns);
	m = fake_told(&k, IPC_SIP_SCANNED);
	assert_non_null(m);
	assert_int_equal(m->count, 2);
	assert_int_equal(m->kind, CV__SIP_SCAN__SIP_SCAN_AGENT);
	assert_false(m->proven);
	assert_int_equal(fake_told_count(&k, IPC_SIP_SCANNED), 1);
}

static void test_face__says_how_full_it_is(void **state)
{
	const Cv__FaceLoad *m;

	(void)state;
	invite(&k.peer, "room", "1", "");
	face_second(k.face, 7, 12000, 250, k.now_ns);
	m = fake_told(&k, IPC_FACE_LOAD);
	assert_non_null(m);
	assert_int_equal(m->conns, 7);
	assert_int_equal(m->conns_max, 12000);
	assert_int_equal(m->waiting, 1);
	assert_int_equal(m->cpu_permille, 250);
	assert_int_equal(m->refused, 0);
	face_second(k.face, 7, 12000, 250, k.now_ns);
	assert_int_equal(fake_told_count(&k, IPC_FACE_LOAD), 1);
	face_second(k.face, 8, 12000, 250, k.now_ns);
	assert_int_equal(fake_told_count(&k, IPC_FACE_LOAD), 2);
	/* A new core knows nothing yet. */
	face_core_up(k.face, false, k.now_ns);
	face_second(k.face, 8, 12000, 250, k.now_ns);
	assert_int_equal(fake_told_count(&k, IPC_FACE_LOAD), 2);
	face_core_up(k.face, true, k.now_ns);
	face_second(k.face, 8, 12000, 250, k.now_ns);
	assert_int_equal(fake_told_count(&k, IPC_FACE_LOAD), 3);
}

static void test_face__drops_the_banned(void **state)
{
	Cv__BanSet set = CV__BAN_SET__INIT;
	Cv__Ban ban = CV__BAN__INIT, *all[] = {&ban};

	(void)state;
	ban.ip = ipc_data(span_of(k.peer.source.ip, 16));
	ban.prefix = 128;
	ban.ports = CV__PORT_GROUP__PORTS_SIP;
	ban.seconds = 60;
	set.reset = set.last = true;
	set.n_bans = 1;
	set.bans = all;
	fake_core(&k, IPC_BAN_SET, &set.base);
	invite(&k.peer, "room", "1", "");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 0);
	assert_int_equal(face_count(k.face, SIP_N_DROPPED_BANNED), 1);
	k.now_ns += 61 * NS_PER_S;
	invite(&k.peer, "room", "2", "");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 1);
}

static void test_face__is_silent_to_broken_datagrams(void **state)
{
	(void)state;
	fake_say(&k, &k.peer, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_UDP "1\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCSeq: nonsense\nCall-ID: x\n");
	assert_int_equal(k.n_sent, 0);
	fake_say(&k, &k.tls, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_TLS "1\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCSeq: nonsense\nCall-ID: x\n");
	assert_int_equal(face_count(k.face, SIP_N_MALFORMED), 2);
}

static void test_face__says_503_while_core_is_away(void **state)
{
	char buf[32];

	(void)state;
	face_core_up(k.face, false, k.now_ns);
	invite(&k.peer, "room", "1", "");
	expect("SIP/2.0 503 ");
	assert_string_equal(fake_hdr(fake_last(&k, 0), "Retry-After", buf,
				     sizeof(buf)), "5");
	assert_int_equal(face_calls(k.face), 0);
}

static void test_face__asks_core_for_so_many_at_once(void **state)
{
	char branch[16];

	(void)state;
	for (unsigned i = 0; i < FACE_ASKED_MAX + 5; i++) {
		(void)snprintf(branch, sizeof(branch), "n%u", i);
		k.now_ns += 20 * NS_PER_MS;
		invite(&k.peer, "room", branch, "");
	}
	assert_int_equal(face_count(k.face, SIP_N_INVITES), FACE_ASKED_MAX);
	assert_int_equal(face_count(k.face, SIP_N_BUSY), 5);
}

static void test_face__refuses_what_it_does_not_know(void **state)
{
	char buf[64];

	(void)state;
	invite(&k.tls, "room", "1", "Require: teleport\n");
	expect("SIP/2.0 420 ");
	assert_string_equal(fake_hdr(fake_last(&k, 0), "Unsupported", buf,
				     sizeof(buf)), "teleport");
	invite(&k.tls, "room", "p", "Require: timer, precondition\n");
	expect("SIP/2.0 420 ");
	assert_string_equal(fake_hdr(fake_last(&k, 0), "Unsupported", buf,
				     sizeof(buf)), "precondition");
	assert_string_equal(fake_hdr(fake_last(&k, 0), "Require", buf,
				     sizeof(buf)), "");
	invite(&k.tls, "room", "2", "Session-Expires: 30\n");
	expect("SIP/2.0 422 ");
	fake_say(&k, &k.tls, "INVITE http://meet.example/ SIP/2.0\n"
		 VIA_TLS "3\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c3\nCSeq: 1 INVITE\n"
		 "Contact: <sip:a@192.0.2.8>\n");
	expect("SIP/2.0 416 ");
	fake_say(&k, &k.tls, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_TLS "4\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c4\nCSeq: 1 INVITE\n"
		 "Contact: <sip:a@192.0.2.8>\n"
		 "Content-Type: text/plain\n\nhello\n");
	expect("SIP/2.0 415 ");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INVITE), 0);
	assert_int_equal(face_calls(k.face), 0);
}

/* --- inside of a dialog ---------------------------------------------------------- */

/* The same address and the right tags: who learned them would have what we
 * say next, keys included, by a way that everybody reads. */
static void test_dialog__that_began_encrypted_stays_so(void **state)
{
	struct sip_peer clear;

	(void)state;
	(void)call_up(&k.tls, "1", "");
	clear = k.tls;
	clear.transport = CV__SIP_TRANSPORT__SIP_UDP;
	clear.flow = 0;
	inside(&clear, "BYE", 2, "b", "1", tag, "");
	expect("SIP/2.0 481 ");
	clear.transport = CV__SIP_TRANSPORT__SIP_TCP;
	clear.flow = 9;
	inside(&clear, "INVITE", 3, "i", "1", tag, "");
	expect("SIP/2.0 481 ");
	assert_int_equal(face_count(k.face, SIP_N_WRONG_SOURCE), 2);
	assert_int_equal(face_calls(k.face), 1);
	inside(&k.tls, "BYE", 4, "b2", "1", tag, "");
	expect("SIP/2.0 200 ");
	assert_int_equal(face_calls(k.face), 0);
}

static void test_dialog__knows_its_own_only(void **state)
{
	struct sip_peer other;

	(void)state;
	(void)call_up(&k.peer, "1", "");
	inside(&k.peer, "BYE", 2, "b", "1", "0123456789abcdef", "");
	expect("SIP/2.0 481 ");
	inside(&k.peer, "BYE", 2, "b2", "other", tag, "");
	expect("SIP/2.0 481 ");
	other = k.peer;
	other.source.ip[15] ^= 1;
	inside(&other, "BYE", 2, "b3", "1", tag, "");
	expect("SIP/2.0 481 ");
	assert_int_equal(face_calls(k.face), 1);
	inside(&k.peer, "INFO", 1, "b4", "1", tag, "");
	expect("SIP/2.0 500 ");		/* its number is too low */
}

static void test_dialog__takes_keys_from_info(void **state)
{
	const Cv__SipInfo *m;

	(void)state;
	(void)call_up(&k.peer, "1", "");
	inside(&k.peer, "INFO", 2, "i1", "1", tag,
	       "Content-Type: application/dtmf-relay\n\n"
	       "Signal=*\nDuration=250\n");
	m = fake_told(&k, IPC_SIP_INFO);
	assert_non_null(m);
	assert_int_equal(m->digit, 10);
	assert_int_equal(m->ms, 250);
	expect("SIP/2.0 200 ");
	inside(&k.peer, "INFO", 3, "i2", "1", tag,
	       "Content-Type: application/dtmf\n\n7");
	m = fake_told(&k, IPC_SIP_INFO);
	assert_int_equal(m->digit, 7);
	inside(&k.peer, "INFO", 4, "i3", "1", tag,
	       "Content-Type: application/media_control+xml\n\n"
	       "<media_control><picture_fast_update/></media_control>");
	m = fake_told(&k, IPC_SIP_INFO);
	assert_int_equal(m->kind, CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE);
	inside(&k.peer, "INFO", 5, "i4", "1", tag,
	       "Content-Type: text/plain\n\nhello");
	expect("SIP/2.0 415 ");
	assert_int_equal(fake_told_count(&k, IPC_SIP_INFO), 3);
}

static void test_dialog__asks_for_a_picture(void **state)
{
	Cv__SipInfo m = CV__SIP_INFO__INIT;

	(void)state;
	m.call = call_up(&k.peer, "1", "");
	m.kind = CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE;
	fake_core(&k, IPC_SIP_INFO, &m.base);
	expect("INFO sip:a@192.0.2.7:5060 ");
	assert_true(fake_sent_has(&k, "picture_fast_update"));
}

static void test_dialog__refuses_the_rest_cleanly(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	inside(&k.tls, "OPTIONS", 2, "o", "1", tag, "");
	expect("SIP/2.0 200 ");
	inside(&k.tls, "REFER", 3, "r", "1", tag,
	       "Refer-To: <sip:b@x.example>, <sip:c@x.example>\n");
	expect("SIP/2.0 400 ");
	inside(&k.tls, "NOTIFY", 4, "s", "1", tag, "Event: conference\n");
	expect("SIP/2.0 481 ");
	inside(&k.tls, "DANCE", 5, "d", "1", tag, "");
	expect("SIP/2.0 501 ");
}

static void reinvite(unsigned seq, const char *branch)
{
	inside(&k.tls, "INVITE", seq, branch, "1", tag,
	       "Content-Type: application/sdp\n\n" SDP "t=0 0\n");
}

static void offer_reply(bool ok)
{
	Cv__SipOfferReply r = CV__SIP_OFFER_REPLY__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;
	const Cv__SipOffer *m = fake_told(&k, IPC_SIP_OFFER);

	assert_non_null(m);
	r.call = m->call;
	r.req = m->req;
	r.ok = ok;
	r.answer = &leg;
	fake_core(&k, IPC_SIP_OFFER_REPLY, &r.base);
}

static void test_reoffer__is_asked_and_answered(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	reinvite(2, "r1");
	assert_int_equal(fake_told_count(&k, IPC_SIP_OFFER), 1);
	reinvite(3, "r2");		/* one at a time */
	expect("SIP/2.0 500 ");
	offer_reply(true);
	expect("SIP/2.0 200 ");
	assert_true(fake_sent_has(&k, "fake answer 2"));
	inside(&k.tls, "ACK", 2, "a2", "1", tag, "");
	/* the same again refreshes and asks nobody */
	reinvite(4, "r3");
	expect("SIP/2.0 200 ");
	assert_int_equal(fake_told_count(&k, IPC_SIP_OFFER), 1);
	assert_int_equal(face_calls(k.face), 1);
}

/* RFC 3261 14.2: as in a new call, not what was said last. */
static void test_reoffer__without_a_description_gets_ours_anew(void **state)
{
	const Cv__SipOffer *m;

	(void)state;
	(void)call_up(&k.tls, "1", "");
	inside(&k.tls, "INVITE", 2, "r1", "1", tag, "");
	m = fake_told(&k, IPC_SIP_OFFER);
	assert_non_null(m);
	assert_false(m->has_offer);
	offer_reply(true);
	expect("SIP/2.0 200 ");
	assert_true(fake_sent_has(&k, "fake offer 2"));
	/* an offer may not cross the one that has no answer yet */
	inside(&k.tls, "UPDATE", 3, "u", "1", tag,
	       "Content-Type: application/sdp\n\n" SDP "t=0 0\n");
	expect("SIP/2.0 491 ");
	assert_int_equal(fake_told_count(&k, IPC_SIP_ACK), 0);
	inside(&k.tls, "ACK", 2, "a2", "1", tag,
	       "Content-Type: application/sdp\n\n" SDP);
	assert_true(((const Cv__SipAck *)fake_told(&k, IPC_SIP_ACK))->
		    has_answer);
	/* the description that they sent first is no longer the one that holds */
	reinvite(4, "r2");
	assert_int_equal(fake_told_count(&k, IPC_SIP_OFFER), 2);
	offer_reply(true);
	expect("SIP/2.0 200 ");
	assert_int_equal(face_calls(k.face), 1);
}

static void test_reoffer__that_core_refuses_changes_nothing(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	reinvite(2, "r1");
	offer_reply(false);
	expect("SIP/2.0 488 ");
	inside(&k.tls, "UPDATE", 3, "u", "1", tag, "");
	expect("SIP/2.0 200 ");
	assert_int_equal(face_calls(k.face), 1);
}

static void our_offer(uint64_t call)
{
	Cv__SipOffer m = CV__SIP_OFFER__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;

	m.call = call;
	m.req = 77;
	m.has_offer = true;
	m.offer = &leg;
	fake_core(&k, IPC_SIP_OFFER, &m.base);
}

/* The answer of the other side to the last request of ours. */
static void respond(const struct sip_peer *from, const char *status,
		    const char *rest)
{
	char via[256], f[256], to[256], id[128], seq[64];
	const char *req = fake_last(&k, 0);

	(void)fake_hdr(req, "Via", via, sizeof(via));
	(void)fake_hdr(req, "From", f, sizeof(f));
	(void)fake_hdr(req, "To", to, sizeof(to));
	(void)fake_hdr(req, "Call-ID", id, sizeof(id));
	(void)fake_hdr(req, "CSeq", seq, sizeof(seq));
	fake_sayf(&k, from, "SIP/2.0 %s\nVia: %s\nFrom: %s\nTo: %s%s\n"
		  "Call-ID: %s\nCSeq: %s\n%s", status, via, f, to,
		  strstr(to, "tag=") ? "" : ";tag=tt", id, seq, rest);
}

static void test_reoffer__of_ours_waits_and_hears(void **state)
{
	uint64_t call = call_up(&k.tls, "1", "");
	const Cv__SipOfferReply *m;

	(void)state;
	our_offer(call);
	expect("INVITE ");
	reinvite(2, "r1");		/* glare */
	expect("SIP/2.0 491 ");
	inside(&k.tls, "ACK", 2, "r1", "1", tag, "");
	k.n_sent--;
	respond(&k.tls, "200 OK", "Contact: <sip:a@192.0.2.8>\n"
		"Content-Type: application/sdp\n\n" SDP);
	expect("ACK ");
	m = fake_told(&k, IPC_SIP_OFFER_REPLY);
	assert_non_null(m);
	assert_true(m->ok);
	assert_int_equal(m->req, 77);
}

static void test_reoffer__of_ours_is_tried_again_after_491(void **state)
{
	uint64_t call = call_up(&k.tls, "1", "Allow: UPDATE\n");

	(void)state;
	our_offer(call);
	expect("UPDATE ");
	respond(&k.tls, "491 Request Pending", "");
	fake_forget(&k);
	fake_run(&k, 2100);
	assert_int_equal(fake_count(&k, "UPDATE sip"), 1);
	respond(&k.tls, "488 No", "");
	assert_false(((const Cv__SipOfferReply *)
		      fake_told(&k, IPC_SIP_OFFER_REPLY))->ok);
	assert_int_equal(face_calls(k.face), 1);
}

static void test_session__ends_when_nobody_refreshes(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "Supported: timer\n"
		      "Session-Expires: 90;refresher=uac\n");
	assert_true(fake_sent_has(&k, "Session-Expires: 90;refresher=uac"));
	fake_run(&k, 50000);
	inside(&k.tls, "UPDATE", 2, "u", "1", tag,
	       "Supported: timer\nSession-Expires: 90;refresher=uac\n");
	fake_run(&k, 50000);
	assert_int_equal(face_calls(k.face), 1);
	fake_run(&k, 20000);
	assert_int_equal(face_calls(k.face), 0);
	assert_true(fake_sent_has(&k, "BYE "));
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_SESSION_TIMER);
}

static void test_session__is_refreshed_by_us_for_those_who_cannot(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "Allow: UPDATE\n");
	fake_forget(&k);
	fake_run(&k, 901000);
	assert_int_equal(fake_count(&k, "UPDATE sip"), 1);
	respond(&k.tls, "481 Gone", "");
	assert_int_equal(face_calls(k.face), 0);
	/* the transaction outlives the call, and asks for it no more */
	fake_run(&k, 40000);
}

/* Its connection is gone, so no transaction tells: else it stood for ever,
 * for media ends nothing of a peer that holds. */
static void test_session__ends_where_a_refresh_cannot_be_sent(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	face_flow_gone(k.face, k.tls.flow,
		       CV__SIP_END__SIP_END_TRANSPORT, true, k.now_ns);
	k.send_error = E_CLOSED;
	fake_run(&k, 890000);
	assert_int_equal(face_calls(k.face), 1);	/* it may come back */
	fake_run(&k, 20000);
	assert_int_equal(face_calls(k.face), 0);
	assert_int_equal(ended()->why, CV__SIP_END__SIP_END_SESSION_TIMER);
	fake_run(&k, 40000);
}

/* The same for an INVITE, whose 2xx may come again. */
static void test_session__that_is_refreshed_by_invite_may_end_at_once(
	void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	fake_run(&k, 901000);
	assert_int_equal(fake_count(&k, "INVITE sip"), 1);
	respond(&k.tls, "200 OK", "Contact: <sip:a@192.0.2.8>\n");
	assert_int_equal(fake_count(&k, "ACK sip"), 1);
	inside(&k.tls, "BYE", 2, "b", "1", tag, "");
	assert_int_equal(face_calls(k.face), 0);
	fake_run(&k, 40000);
}

static void test_prack__stops_the_reliable_180(void **state)
{
	char rseq[32];

	(void)state;
	invite(&k.tls, "room", "1", "Require: 100rel\n");
	verdict(CV__SIP_DECISION__SIP_RING, 0);
	(void)fake_hdr(fake_last(&k, 0), "RSeq", rseq, sizeof(rseq));
	assert_true(rseq[0]);
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	fake_run(&k, 600);
	assert_int_equal(fake_count(&k, "SIP/2.0 180"), 2);
	{
		char rack[64];

		(void)snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\n", rseq);
		inside(&k.tls, "PRACK", 2, "p", "1", tag, rack);
	}
	expect("SIP/2.0 200 ");
	fake_forget(&k);
	fake_run(&k, 5000);
	assert_int_equal(k.n_sent, 0);
}

static void test_refer__of_an_authenticated_peer_reaches_core(void **state)
{
	Cv__SipReferState s = CV__SIP_REFER_STATE__INIT;
	const Cv__SipRefer *m;

	(void)state;
	k.names = "trunk.example";
	(void)call_up(&k.tls, "1", "");
	inside(&k.tls, "REFER", 2, "r", "1", tag,
	       "Refer-To: <sip:b@x.example>\n");
	assert_true(fake_sent_has(&k, "SIP/2.0 202 "));
	m = fake_told(&k, IPC_SIP_REFER);
	assert_non_null(m);
	assert_true(span_eq(ipc_bytes(m->target),
			    SPAN_LIT("sip:b@x.example")));
	expect("NOTIFY ");
	s.call = m->call;
	s.req = m->req;
	s.status = 200;
	s.final = true;
	fake_core(&k, IPC_SIP_REFER_STATE, &s.base);
	expect("NOTIFY ");
	assert_non_null(strstr(fake_last(&k, 0), "SIP/2.0 200 OK"));
	assert_non_null(strstr(fake_last(&k, 0), "terminated"));
}

static void refer(unsigned seq, const char *branch, const char *more)
{
	inside(&k.tls, "REFER", seq, branch, "1", tag, more);
}

static void test_refer__is_one_at_a_time_and_ends_by_itself(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	refer(2, "r2", "Refer-To: <sip:b@x.example>\n");
	assert_true(fake_sent_has(&k, "SIP/2.0 202 "));
	refer(3, "r3", "Refer-To: <sip:b@x.example>\n");
	expect("SIP/2.0 491 ");
	fake_run(&k, 61000);
	fake_forget(&k);
	refer(4, "r4", "Refer-To: <sip:b@x.example>\nRefer-Sub: false\n");
	expect("SIP/2.0 202 ");		/* and no NOTIFY */
	assert_true(fake_sent_has(&k, "Refer-Sub: false"));
	assert_int_equal(fake_told_count(&k, IPC_SIP_REFER), 1);
}

static void test_refer__passes_replaces_on(void **state)
{
	const Cv__SipRefer *m;

	(void)state;
	(void)call_up(&k.tls, "1", "");
	refer(2, "r2", "Refer-To: <sip:b@x.example?Replaces="
	      "c1%40x%3Bto-tag%3Da%3Bfrom-tag%3Db>\n");
	m = fake_told(&k, IPC_SIP_REFER);
	assert_non_null(m);
	assert_true(m->has_replaces);
	assert_true(m->replaced == 0);
	assert_true(span_eq(ipc_bytes(m->target), SPAN_LIT("sip:b@x.example")));
	assert_true(span_eq(ipc_bytes(m->replaces),
			    SPAN_LIT("c1@x;to-tag=a;from-tag=b")));
	fake_run(&k, 61000);
	fake_forget(&k);
	refer(3, "r3", "Refer-To: <sip:b@x.example;method=BYE>\n");
	expect("SIP/2.0 403 ");
	refer(4, "r4", "Refer-To: <sip:b@x.example?Replaces=c1>\n");
	expect("SIP/2.0 400 ");
	refer(5, "r5", "");
	expect("SIP/2.0 400 ");
	assert_null(fake_told(&k, IPC_SIP_REFER));
}

/* Which dialog it is goes to core, and so does that it is none. */
static void test_replaces__names_a_dialog_or_none(void **state)
{
	char text[256];
	uint64_t call;
	const Cv__SipInvite *m;

	(void)state;
	(void)call_up(&k.tls, "1", "");
	call = ((const Cv__SipInvite *)fake_told(&k, IPC_SIP_INVITE))->call;
	(void)snprintf(text, sizeof(text), "Replaces: c-1;to-tag=%s;"
		       "from-tag=ft\n", tag);
	invite(&k.tls, "room", "2", text);
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_true(m->replaces);
	assert_true(m->replaced == call);
	(void)snprintf(text, sizeof(text), "Replaces: c-1;to-tag=%s;"
		       "from-tag=fx\n", tag);
	invite(&k.tls, "room", "3", text);
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_true(m->replaces);
	assert_true(m->replaced == 0);
	invite(&k.tls, "room", "4", "Replaces: c-1;to-tag=0123456789abcdef;"
	       "from-tag=ft\n");
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_true(m->replaces && m->replaced == 0);
}

/* --- SUBSCRIBE --------------------------------------------------------------------- */

static void subscribe(unsigned seq, const char *more)
{
	char branch[16];

	(void)snprintf(branch, sizeof(branch), "s%u", seq);
	inside(&k.tls, "SUBSCRIBE", seq, branch, "1", tag, more);
}

static void roster(bool full, bool final)
{
	Cv__SipRoster m = CV__SIP_ROSTER__INIT;
	Cv__SipRosterEntry e = CV__SIP_ROSTER_ENTRY__INIT, *all[] = {&e};
	uint64_t c = ((const Cv__SipInvite *)
		      fake_told(&k, IPC_SIP_INVITE))->call;

	e.entity = ipc_data(SPAN_LIT("0123"));
	e.name = ipc_data(SPAN_LIT("A <b>\"&'\x01\xff Zo\xc3\xab"));
	e.host = true;
	e.gone = !full;
	m.calls = &c;
	m.n_calls = 1;
	m.full = full;
	m.final = final;
	m.users = all;
	m.n_users = 1;
	m.n_all = 5;
	m.locked = true;
	fake_core(&k, IPC_SIP_ROSTER, &m.base);
}

/* The other side's word to our last NOTIFY. */
static void noted(const char *status)
{
	char via[256], id[128], seq[64];
	char req[FAKE_BYTES];

	(void)snprintf(req, sizeof(req), "%s", fake_last(&k, 0));
	fake_sayf(&k, &k.tls, "SIP/2.0 %s\nVia: %s\n"
		  "From: <sip:room@meet.example>;tag=%s\n"
		  "To: <sip:a@x.example>;tag=ft\nCall-ID: %s\nCSeq: %s\n",
		  status, fake_hdr(req, "Via", via, sizeof(via)), tag,
		  fake_hdr(req, "Call-ID", id, sizeof(id)),
		  fake_hdr(req, "CSeq", seq, sizeof(seq)));
}

static void test_subscribe__is_told_the_whole_and_what_changes(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	subscribe(2, "Event: conference;id=7\nExpires: 600\n");
	expect("SIP/2.0 200 ");
	assert_true(fake_sent_has(&k, "Expires: 600"));
	assert_true(((const Cv__SipSubscribe *)
		     fake_told(&k, IPC_SIP_SUBSCRIBE))->on);
	roster(true, false);
	expect("NOTIFY ");
	assert_true(fake_sent_has(&k, "Event: conference;id=7"));
	assert_true(fake_sent_has(&k, "Subscription-State: active;expires=600"));
	assert_true(fake_sent_has(&k, "application/conference-info+xml"));
	assert_true(fake_sent_has(&k, "state=\"full\" version=\"0\""));
	assert_true(fake_sent_has(&k, "<user-count>5</user-count>"));
	assert_true(fake_sent_has(&k, "<display-text>A &lt;b&gt;&quot;&amp;"
				  "&apos; Zo\xc3\xab</display-text>"));
	/* one at a time: what was missed is asked for anew, as a whole */
	roster(false, false);
	assert_int_equal(fake_count(&k, "NOTIFY "), 1);
	assert_int_equal(fake_told_count(&k, IPC_SIP_SUBSCRIBE), 1);
	noted("200 OK");
	assert_int_equal(fake_told_count(&k, IPC_SIP_SUBSCRIBE), 2);
	roster(true, false);
	noted("200 OK");
	roster(false, false);
	expect("NOTIFY ");
	assert_non_null(strstr(fake_last(&k, 0),
			       "state=\"partial\" version=\"2\""));
	assert_non_null(strstr(fake_last(&k, 0), "state=\"deleted\"/>"));
	noted("200 OK");
	roster(false, true);
	expect("NOTIFY ");
	assert_true(fake_sent_has(&k, "terminated;reason=noresource"));
	roster(true, false);		/* too late */
	assert_int_equal(fake_count(&k, "NOTIFY "), 4);
}

static void test_subscribe__ends_by_time_and_by_refusal(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	subscribe(2, "Event: conference\nExpires: 60\n");
	roster(true, false);
	noted("200 OK");
	fake_run(&k, 60100);
	expect("NOTIFY ");
	assert_true(fake_sent_has(&k, "terminated;reason=timeout"));
	assert_false(((const Cv__SipSubscribe *)
		      fake_told(&k, IPC_SIP_SUBSCRIBE))->on);
	noted("200 OK");
	/* fetch: once */
	subscribe(3, "Event: conference\nExpires: 0\n");
	roster(true, false);
	expect("NOTIFY ");
	assert_non_null(strstr(fake_last(&k, 0), "terminated;reason=timeout"));
	assert_non_null(strstr(fake_last(&k, 0), "state=\"full\""));
	noted("200 OK");
	roster(false, false);
	assert_int_equal(fake_count(&k, "NOTIFY "), 3);
}

static void test_subscribe__refuses_cleanly(void **state)
{
	(void)state;
	(void)call_up(&k.tls, "1", "");
	subscribe(2, "Event: dialog\n");
	expect("SIP/2.0 489 ");
	assert_true(fake_sent_has(&k, "Allow-Events: conference"));
	subscribe(3, "");
	expect("SIP/2.0 489 ");
	subscribe(4, "Event: conference\nExpires: 5\n");
	expect("SIP/2.0 423 ");
	subscribe(5, "Event: conference\nAccept: text/plain\n");
	expect("SIP/2.0 406 ");
	assert_null(fake_told(&k, IPC_SIP_SUBSCRIBE));
	/* they do not want what we send */
	subscribe(6, "Event: conference\n");
	roster(true, false);
	noted("481 No");
	assert_false(((const Cv__SipSubscribe *)
		      fake_told(&k, IPC_SIP_SUBSCRIBE))->on);
	assert_int_equal(face_calls(k.face), 1);
}

static void test_roster__keeps_to_its_size(void **state)
{
	static uint8_t buf[16384];
	struct wr w = wr_of(buf, sizeof(buf));
	Cv__SipRoster m = CV__SIP_ROSTER__INIT;
	Cv__SipRosterEntry e[100], *all[100];
	struct span out;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		all[i] = &e[i];
		cv__sip_roster_entry__init(&e[i]);
		e[i].name = ipc_data(SPAN_LIT("\"\"\"\"\"\"\"\"\"\""));
		e[i].entity = ipc_data(SPAN_LIT("abc"));
	}
	m.users = all;
	m.n_users = m.n_all = 100;
	roster_write(&w, &(struct roster_doc){
		     .m = &m, .conference = SPAN_LIT("sip:r@x"),
		     .full = true, .max_bytes = 4096});
	assert_int_equal(wr_end(&w, &out), 0);
	assert_true(out.n <= 4096);
	assert_non_null(memmem(out.p, out.n, "<user-count>100<", 16));
	assert_non_null(memmem(out.p, out.n, "</users></conference-info>", 26));
}

/* --- memory ------------------------------------------------------------------------ */

static int body_call(void *arg)
{
	static struct fake f;
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription leg = CV__LEG_DESCRIPTION__INIT;
	const Cv__SipInvite *m;
	int r = fake_init(&f);

	(void)arg;
	if (r < 0)
		return r;
	fake_say(&f, &f.peer, "INVITE sip:room@meet.example SIP/2.0\n"
		 VIA_UDP "1\nFrom: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c\nCSeq: 1 INVITE\n"
		 "Contact: <sip:a@192.0.2.7>\nRecord-Route: <sip:p;lr>\n"
		 "Content-Type: application/sdp\n\n" SDP);
	m = fake_told(&f, IPC_SIP_INVITE);
	if (m) {
		v.call = m->call;
		v.decision = CV__SIP_DECISION__SIP_ANSWER;
		v.answer = &leg;
		fake_core(&f, IPC_SIP_VERDICT, &v.base);
		fake_run(&f, 600);
	}
	fake_release(&f);
	return 0;
}

static void test_face__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body_call, NULL, 300) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_face__takes_a_call_from_invite_to_bye),
		T(test_face__reads_an_asserted_identity_of_who_is_believed),
		T(test_face__sends_the_200_again_until_its_ack),
		T(test_face__absorbs_the_invite_sent_again),
		T(test_face__knows_the_same_invite_by_another_way),
		T(test_face__ends_by_cancel),
		T(test_face__lets_nobody_else_cancel),
		T(test_face__hangs_up_when_core_says),
		T(test_face__waits_for_the_ack_before_its_bye),
		T(test_face__answers_an_invite_without_offer_with_ours),
		T(test_face__challenges_and_hears_the_answer),
		T(test_face__holds_a_digest_against_what_was_asked_for),
		T(test_face__offers_md5_over_tls_alone),
		T(test_face__counts_who_tries_md5_in_clear),
		T(test_face__refuses_all_in_the_same_words),
		T(test_face__gives_a_stranger_no_state),
		T(test_face__challenges_without_asking_core_when_told_so),
		T(test_face__drops_scanners_without_a_word),
		T(test_face__says_how_full_it_is),
		T(test_face__drops_the_banned),
		T(test_face__is_silent_to_broken_datagrams),
		T(test_face__says_503_while_core_is_away),
		T(test_face__asks_core_for_so_many_at_once),
		T(test_face__refuses_what_it_does_not_know),
		T(test_dialog__that_began_encrypted_stays_so),
		T(test_dialog__knows_its_own_only),
		T(test_dialog__takes_keys_from_info),
		T(test_dialog__asks_for_a_picture),
		T(test_dialog__refuses_the_rest_cleanly),
		T(test_reoffer__is_asked_and_answered),
		T(test_reoffer__without_a_description_gets_ours_anew),
		T(test_reoffer__that_core_refuses_changes_nothing),
		T(test_reoffer__of_ours_waits_and_hears),
		T(test_reoffer__of_ours_is_tried_again_after_491),
		T(test_session__ends_when_nobody_refreshes),
		T(test_session__is_refreshed_by_us_for_those_who_cannot),
		T(test_session__ends_where_a_refresh_cannot_be_sent),
		T(test_session__that_is_refreshed_by_invite_may_end_at_once),
		T(test_prack__stops_the_reliable_180),
		T(test_refer__of_an_authenticated_peer_reaches_core),
		T(test_refer__is_one_at_a_time_and_ends_by_itself),
		T(test_refer__passes_replaces_on),
		T(test_replaces__names_a_dialog_or_none),
		T(test_subscribe__is_told_the_whole_and_what_changes),
		T(test_subscribe__ends_by_time_and_by_refusal),
		T(test_subscribe__refuses_cleanly),
		cmocka_unit_test(test_roster__keeps_to_its_size),
		cmocka_unit_test(test_face__survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
