/* BFCP of a call: ids in its description, datagrams by core, connections, and
 * who may speak for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/clock.h"
#include "sip/t/fake.h"
#include "wire/bfcp/bfcp.h"

static struct fake k;
static uint64_t call;
static struct { unsigned conf, user; } ids;

static int setup(void **state)
{
	(void)state;
	call = 0;
	return fake_init(&k);
}

static int teardown(void **state)
{
	(void)state;
	fake_release(&k);
	return 0;
}

#define SDP "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\n"

/* The line of the section of this profile in what was sent last. */
static const char *section(Cv__RtpProfile p)
{
	char what[32];
	const char *at;

	(void)snprintf(what, sizeof(what), " profile %d ", (int)p);
	at = strstr(fake_last(&k, 0), what);
	assert_non_null(at);
	while (at > fake_last(&k, 0) && at[-1] != '\n')
		at--;
	return at;
}

static void read_ids(Cv__RtpProfile p)
{
	unsigned label, floor;
	int profile;

	assert_int_equal(sscanf(section(p),
				"section profile %d label %u bfcp %u %u %u",
				&profile, &label, &ids.conf, &ids.user,
				&floor), 5);
	assert_int_equal(floor, 1);
	assert_true(label > 0);
}

static void answer(Cv__RtpProfile p, bool with_slides)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;
	Cv__Section bfcp = CV__SECTION__INIT, slides = CV__SECTION__INIT;
	Cv__Section *all[] = {&bfcp, &slides};

	bfcp.kind = CV__MEDIA_KIND__KIND_OTHER;
	bfcp.profile = p;
	slides.kind = CV__MEDIA_KIND__KIND_SLIDES;
	slides.profile = CV__RTP_PROFILE__PROFILE_AVP;
	slides.rejected = !with_slides;
	d.sections = all;
	d.n_sections = 2;
	v.call = call;
	v.decision = CV__SIP_DECISION__SIP_ANSWER;
	v.answer = &d;
	fake_core(&k, IPC_SIP_VERDICT, &v.base);
}

static void call_up(const struct sip_peer *from, Cv__RtpProfile p,
		    bool with_slides)
{
	const Cv__SipInvite *m;
	char tag[64];
	const char *via = from->flow ? "TLS 192.0.2.8:40001"
				     : "UDP 192.0.2.7:5060;rport";

	fake_sayf(&k, from, "INVITE sip:room@meet.example SIP/2.0\n"
		  "Via: SIP/2.0/%s;branch=z9hG4bK1\n"
		  "From: <sip:a@x.example>;tag=ft\n"
		  "To: <sip:room@meet.example>\nCall-ID: c\nCSeq: 1 INVITE\n"
		  "Max-Forwards: 70\nContact: <sip:a@192.0.2.7:5060>\n"
		  "Content-Type: application/sdp\n\n" SDP, via);
	m = fake_told(&k, IPC_SIP_INVITE);
	assert_non_null(m);
	call = m->call;
	answer(p, with_slides);
	assert_int_equal(strncmp(fake_last(&k, 0), "SIP/2.0 200", 11), 0);
	fake_to_tag(fake_last(&k, 0), tag, sizeof(tag));
	if (with_slides && strstr(section(p), "section") == section(p))
		read_ids(p);
	fake_sayf(&k, from, "ACK sip:room@meet.example SIP/2.0\n"
		  "Via: SIP/2.0/%s;branch=z9hG4bK2\n"
		  "From: <sip:a@x.example>;tag=ft\n"
		  "To: <sip:room@meet.example>;tag=%s\nCall-ID: c\n"
		  "CSeq: 1 ACK\nMax-Forwards: 70\n", via, tag);
	fake_forget(&k);
}

static struct span message(uint8_t buf[BFCP_MSG_MAX], unsigned version,
			   enum bfcp_primitive p, unsigned floor)
{
	struct bfcp_msg m = {.version = (uint8_t)version,
			     .primitive = (uint8_t)p, .conf = ids.conf,
			     .user = (uint16_t)ids.user, .txn = 9};
	struct span out = SPAN_NONE;

	if (floor) {
		m.floors[0] = (uint16_t)floor;
		m.floors_n = 1;
	}
	assert_int_equal(bfcp_encode(buf, BFCP_MSG_MAX, &out, &m), 0);
	return out;
}

static void datagram(enum bfcp_primitive p, unsigned floor)
{
	uint8_t buf[BFCP_MSG_MAX];
	Cv__SipBfcp m = CV__SIP_BFCP__INIT;

	m.call = call;
	m.datagram = ipc_data(message(buf, 2, p, floor));
	fake_core(&k, IPC_SIP_BFCP, &m.base);
}

/* What was said by media. */
static const struct bfcp_msg *said(void)
{
	static struct bfcp_msg m;
	const Cv__SipBfcp *told = fake_told(&k, IPC_SIP_BFCP);

	assert_non_null(told);
	assert_true(told->call == call);
	assert_int_equal(bfcp_decode(&m, ipc_bytes(told->datagram)), 0);
	return &m;
}

static void decide(Cv__SipFloorOutcome o, uint32_t req)
{
	Cv__SipFloorState m = CV__SIP_FLOOR_STATE__INIT;

	m.call = call;
	m.req = req;
	m.outcome = o;
	m.held = m.self = o == CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED;
	fake_core(&k, IPC_SIP_FLOOR_STATE, &m.base);
}

static const Cv__SipFloor *asked(void)
{
	const Cv__SipFloor *q = fake_told(&k, IPC_SIP_FLOOR);

	assert_non_null(q);
	assert_true(q->call == call);
	return q;
}

/* --- datagrams ------------------------------------------------------------- */

static void test_call_floor__datagrams_travel_by_core(void **state)
{
	const Cv__SipFloor *q;
	uint32_t req;

	(void)state;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_UDP, true);
	datagram(BFCP_HELLO, 0);
	assert_int_equal(said()->primitive, BFCP_HELLO_ACK);
	datagram(BFCP_FLOOR_REQUEST, 1);
	q = asked();
	assert_int_equal(q->op, CV__SIP_FLOOR_OP__SIP_FLOOR_REQUEST);
	req = q->req;
	/* an answer to something else decides nothing */
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED, req + 1);
	assert_int_equal(said()->primitive, BFCP_HELLO_ACK);
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED, req);
	assert_int_equal(said()->primitive, BFCP_FLOOR_REQUEST_STATUS);
	assert_int_equal(said()->requests[0].overall.status, BFCP_GRANTED);
	/* somebody else takes it */
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_REVOKED, 0);
	assert_int_equal(said()->requests[0].overall.status, BFCP_REVOKED);
}

static void test_call_floor__needs_slides(void **state)
{
	(void)state;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_UDP, false);
	ids.conf = 1;
	ids.user = 1;
	datagram(BFCP_HELLO, 0);
	assert_null(fake_told(&k, IPC_SIP_BFCP));
}

static void test_call_floor__ends_with_its_call(void **state)
{
	Cv__SipHangup m = CV__SIP_HANGUP__INIT;

	(void)state;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_UDP, true);
	datagram(BFCP_FLOOR_REQUEST, 1);
	m.call = call;
	fake_core(&k, IPC_SIP_HANGUP, &m.base);
	fake_forget(&k);
	datagram(BFCP_HELLO, 0);
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED, 1);
	fake_run(&k, 10000);
	assert_null(fake_told(&k, IPC_SIP_BFCP));
	assert_null(fake_told(&k, IPC_SIP_FLOOR));
}

/* --- connections ------------------------------------------------------------- */

static bool by_flow(const struct sip_peer *from, enum bfcp_primitive p,
		    unsigned floor)
{
	uint8_t buf[BFCP_MSG_MAX];

	return face_bfcp(k.face, from, message(buf, 1, p, floor), k.now_ns);
}

static struct sip_peer tcp_of(const struct sip_peer *p, uint32_t flow)
{
	struct sip_peer out = *p;

	out.flow = flow;
	out.transport = CV__SIP_TRANSPORT__SIP_TCP;
	return out;
}

static void test_call_floor__a_connection_belongs_to_who_knows_its_ids(
	void **state)
{
	struct face_settings *set = face_settings(k.face);
	struct sip_peer tcp = tcp_of(&k.peer, 40), other = tcp_of(&k.peer, 41);
	uint8_t first;

	(void)state;
	set->is_tcp_open = true;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_TCP, true);
	ids.user++;
	assert_false(by_flow(&tcp, BFCP_HELLO, 0));
	ids.user--;
	other.source.ip[15]++;		/* from elsewhere */
	assert_false(by_flow(&other, BFCP_HELLO, 0));
	assert_int_equal(k.n_sent, 0);
	assert_int_equal(face_count(k.face, SIP_N_BFCP_STRAY), 2);
	assert_true(by_flow(&tcp, BFCP_HELLO, 0));
	assert_int_equal(k.n_sent, 1);
	assert_int_equal(k.sent[0].to.flow, 40);
	first = (uint8_t)k.sent[0].text[0];
	assert_int_equal(first, 0x20);
	assert_int_equal(k.sent[0].text[1], BFCP_HELLO_ACK);
	/* datagrams are not its way */
	datagram(BFCP_HELLO, 0);
	assert_null(fake_told(&k, IPC_SIP_BFCP));
}

static void test_call_floor__a_lost_connection_gives_the_floor_back(
	void **state)
{
	struct face_settings *set = face_settings(k.face);
	struct sip_peer tcp = tcp_of(&k.peer, 40), again = tcp_of(&k.peer, 41);

	(void)state;
	set->is_tcp_open = true;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_TCP, true);
	assert_true(by_flow(&tcp, BFCP_FLOOR_REQUEST, 1));
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_GRANTED, asked()->req);
	fake_forget(&k);
	face_flow_gone(k.face, 40, CV__SIP_END__SIP_END_NORMAL, true,
		       k.now_ns);
	assert_int_equal(asked()->op, CV__SIP_FLOOR_OP__SIP_FLOOR_RELEASE);
	decide(CV__SIP_FLOOR_OUTCOME__SIP_FLOOR_RELEASED, asked()->req);
	assert_true(by_flow(&again, BFCP_HELLO, 0));
	/* a newer one takes the place of one that still seems to be there */
	fake_forget(&k);
	assert_true(by_flow(&tcp, BFCP_HELLO, 0));
	assert_int_equal(k.sent[0].to.flow, 40);
	face_flow_gone(k.face, 41, CV__SIP_END__SIP_END_NORMAL, true,
		       k.now_ns);
	assert_true(by_flow(&tcp, BFCP_HELLO, 0));
}

static void test_call_floor__a_closed_port_is_not_told(void **state)
{
	(void)state;
	call_up(&k.peer, CV__RTP_PROFILE__PROFILE_BFCP_TCP, true);
	ids.conf = 1;
	struct sip_peer tcp = tcp_of(&k.peer, 40);
	assert_false(by_flow(&tcp, BFCP_HELLO, 0));
}

static void test_call_floor__tls_is_not_spoken_in_clear(void **state)
{
	struct face_settings *set = face_settings(k.face);
	struct sip_peer tcp = tcp_of(&k.tls, 40), tls = k.tls;

	(void)state;
	set->is_tcp_open = true;
	set->has_fingerprint = true;
	call_up(&k.tls, CV__RTP_PROFILE__PROFILE_BFCP_TLS, true);
	assert_false(by_flow(&tcp, BFCP_HELLO, 0));
	tls.flow = 42;
	assert_true(by_flow(&tls, BFCP_HELLO, 0));
}

static void test_call_floor__a_port_is_told_where_it_is(void **state)
{
	struct face_settings *set = face_settings(k.face);
	const char *line;

	(void)state;
	set->has_fingerprint = true;
	fake_say(&k, &k.tls, "INVITE sip:room@meet.example SIP/2.0\n"
		 "Via: SIP/2.0/TLS 192.0.2.8:40001;branch=z9hG4bK1\n"
		 "From: <sip:a@x.example>;tag=ft\n"
		 "To: <sip:room@meet.example>\nCall-ID: c\nCSeq: 1 INVITE\n"
		 "Max-Forwards: 70\nContact: <sip:a@192.0.2.7:5060>\n"
		 "Content-Type: application/sdp\n\n" SDP);
	call = ((const Cv__SipInvite *)fake_told(&k, IPC_SIP_INVITE))->call;
	answer(CV__RTP_PROFILE__PROFILE_BFCP_TLS, true);
	line = section(CV__RTP_PROFILE__PROFILE_BFCP_TLS);
	assert_non_null(strstr(line, " port 5061\r\n"));
	read_ids(CV__RTP_PROFILE__PROFILE_BFCP_TLS);
	assert_true(ids.conf != 0 && ids.user > 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(test_call_floor__##f, setup,     \
					     teardown)
	const struct CMUnitTest tests[] = {
		T(datagrams_travel_by_core),
		T(needs_slides),
		T(ends_with_its_call),
		T(a_connection_belongs_to_who_knows_its_ids),
		T(a_lost_connection_gives_the_floor_back),
		T(a_closed_port_is_not_told),
		T(tls_is_not_spoken_in_clear),
		T(a_port_is_told_where_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
