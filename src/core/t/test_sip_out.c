/* SIP calls that we place: into rooms, and by rules. The face, courier and
 * media are played. */
#include <unistd.h>

#include "core/t/sip_kit.h"

#include "courier.pb-c.h"

#define ANSWER CV__SIP_DECISION__SIP_ANSWER
#define CHALLENGE CV__SIP_DECISION__SIP_CHALLENGE

static const struct sip_ask desk = {.from = "sip:desk@example.org",
				    .user = "desk", .password = "desk-secret",
				    .flow = 5};
static const struct sip_ask boss = {.from = "sip:boss@example.org",
				    .user = "boss", .password = "boss-secret",
				    .flow = 6};

static void reg(struct kit *k, const struct sip_ask *a, const char *contact)
{
	Cv__SipRegistered *r = sip_register_as(k, a, contact, 60);

	assert_int_equal(r->outcome, CV__SIP_REG_OUTCOME__SIP_REG_OK);
	kit_free(r);
}

static void devices(struct kit *k)
{
	sip_device(k, "desk@example.org", "desk", "desk-secret", NULL, NULL);
	sip_device(k, "boss@example.org", "boss", "boss-secret", NULL, NULL);
	entry_set(k, "enable_dialout", "true");
	reg(k, &desk, "sip:desk@192.0.2.77;transport=tls");
	kit_forget(k);
}

static void rule(struct kit *k, const char *match, const char *type,
		 const char *more, const char *value)
{
	const char *const f[] = {
		"name", match, "priority", "10", "match_string", match,
		"called_device_type", type, "match_outgoing_calls", "true",
		"match_incoming_only_if_registered", "true", more, value,
		NULL, NULL};

	entry_cli_ok(k, "create", "gateway_routing_rule", f);
}

static Cv__CliReply *dial(struct kit *k, const char *to)
{
	const char *const f[] = {"which", "Demo", "to", to, NULL, NULL};

	return kit_cli(k, "sip", "dial", f);
}

static Cv__SipDial *dialled(struct kit *k, uint64_t call)
{
	Cv__SipDial *d = kit_wait(k, KIT_SIP, IPC_SIP_DIAL);
	Cv__SipDialing m = CV__SIP_DIALING__INIT;

	m.req = d->req;
	m.call = call;
	m.ok = true;
	assert_int_equal(KIT_SEND(k, SIP, SIP_DIALING, &m), 0);
	return d;
}

static void answer(struct kit *k, uint64_t call, bool redirected)
{
	Cv__SipAnswered m = CV__SIP_ANSWERED__INIT;
	Cv__LegDescription d = CV__LEG_DESCRIPTION__INIT;

	m.call = call;
	m.answer = &d;
	m.redirected = redirected;
	if (redirected) {
		m.contact = ipc_data(SPAN_LIT("sip:+4940765@192.0.2.201"));
		m.transport = CV__SIP_TRANSPORT__SIP_TLS;
	}
	m.vendor = ipc_data(SPAN_LIT("phone/1"));
	assert_int_equal(KIT_SEND(k, SIP, SIP_ANSWERED, &m), 0);
}

static void ended(struct kit *k, uint64_t call, uint32_t status)
{
	Cv__SipEnded m = CV__SIP_ENDED__INIT;

	m.call = call;
	m.why = CV__SIP_END__SIP_END_REFUSED;
	m.status = status;
	assert_int_equal(KIT_SEND(k, SIP, SIP_ENDED, &m), 0);
}

static bool is(ProtobufCBinaryData d, const char *s)
{
	return span_eq(ipc_bytes(d), span_str(s));
}

static void test_sip_out__a_room_calls_a_registered_device(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r;
	Cv__SipDial *d;
	Cv__LegOpen *o;

	devices(k);
	rule(k, ".*@example\\.org", "registration", NULL, NULL);
	r = dial(k, "desk@example.org");
	assert_int_equal(r->error, 0);
	kit_free(r);
	o = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(o->make_offer);
	assert_false(o->flags->admitted);
	kit_free(o);
	d = dialled(k, 50);
	assert_true(is(d->uri, "sip:desk@192.0.2.77;transport=tls"));
	assert_int_equal(d->flow, 5);
	assert_int_equal(d->offer->kbps, 77);
	kit_free(d);
	sip_expect(k, "state", "dialing");
	answer(k, 50, false);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_ACCEPT));
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_MOVE));
	sip_expect(k, "state", "in");
	assert_int_equal(entry_status_of(k, "participants"), 1);
	ended(k, 50, 0);
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

static Cv__CommandReply *host_dials(struct kit *k,
				    const struct kit_person *who,
				    const char *to)
{
	Cv__Command c = CV__COMMAND__INIT;

	c.req = ++k->req;
	c.op = CV__OP__OP_DIAL;
	c.alias = ipc_data(SPAN_LIT("demo"));
	c.token = ipc_data(span_str(who->token));
	c.text = ipc_data(span_str(to));
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	return kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
}

static void test_sip_out__a_host_calls_somebody_in(void **state)
{
	struct kit *k = *state;
	struct kit_person host = kit_join(k, "Host", "123456");
	struct kit_person guest = kit_join(k, "Guest", "654321");
	Cv__CommandReply *r;
	Cv__Event *e;

	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	assert_int_equal(kit_stream(k, &host, 1), CV__RESULT_CODE__RESULT_OK);
	(void)kit_roster(k, 1);
	r = host_dials(k, &guest, "desk@example.org");
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_INVALID_ROLE);
	kit_free(r);
	r = host_dials(k, &host, "nobody@example.org");
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_REFUSED);
	kit_free(r);
	r = host_dials(k, &host, "desk@example.org");
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_OK);
	kit_free(dialled(k, 50));
	answer(k, 50, false);
	e = kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_CREATE);
	assert_true(span_eq(ipc_bytes(e->row->uuid),
			    ipc_bytes(r->participant)));
	assert_int_equal(e->row->protocol, 2);
	assert_false(e->row->host);
	kit_free(e);
	kit_free(r);
}

static void test_sip_out__no_rule_no_call(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r;

	devices(k);
	r = dial(k, "desk@example.org");
	assert_int_not_equal(r->error, 0);
	kit_free(r);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	entry_set(k, "enable_dialout", "false");
	r = dial(k, "desk@example.org");
	assert_int_not_equal(r->error, 0);
	kit_free(r);
	entry_set(k, "enable_dialout", "true");
	r = dial(k, "boss@example.org");
	assert_int_not_equal(r->error, 0);
	kit_free(r);
	sip_expect(k, "", "");
}

static void test_sip_out__the_first_contact_that_answers_has_it(void **state)
{
	struct kit *k = *state;
	Cv__SipHangup *h;
	Cv__CliReply *r;

	devices(k);
	reg(k, &desk, "sip:desk@192.0.2.78;transport=tls");
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	r = dial(k, "desk@example.org");
	assert_int_equal(r->error, 0);
	kit_free(r);
	kit_free(dialled(k, 50));
	kit_free(dialled(k, 51));
	answer(k, 51, false);
	h = sip_hangup(k, 50);
	kit_free(h);
	sip_expect(k, "state", "in");
	assert_int_equal(entry_status_of(k, "participants"), 1);
}

/* Rooms are called what people like to call them. */
static void test_sip_out__a_room_calls_as_its_alias(void **state)
{
	static const struct {
		const char *alias, *from;
	} all[] = {
		{"Zo\xc3\xab;x@meet.example", "sip:Zo%C3%AB%3Bx@meet.example"},
		{"board room", "sip:board%20room"},
		{"a@b@c d", "sip:a%40b"},
	};
	struct kit *k = *state;
	Cv__SipDial *d;

	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *const room[] = {"name", all[i].from, "alias",
					    all[i].alias, NULL, NULL};
		const char *const f[] = {"which", all[i].from, "to",
					 "desk@example.org", NULL, NULL};
		const uint64_t call = 50 + i;

		entry_cli_ok(k, "create", "conference", room);
		entry_cli_ok(k, "sip", "dial", f);
		d = dialled(k, call);
		assert_true(is(d->from_uri, all[i].from));
		assert_true(is(d->from_name, all[i].from));
		kit_free(d);
		ended(k, call, 486);
	}
	sip_expect(k, "", "");
}

static void test_sip_out__a_proxy_with_its_account(void **state)
{
	static const char *const f[] = {
		"name", "cc", "address", "192.0.2.200", "port", "5071",
		"tls_peer_name", "cc.example.org", "realm", "cc.example.org",
		"username", "us", "password", "geheimnis", NULL, NULL};
	struct kit *k = *state;
	Cv__CliReply *r;
	Cv__SipDial *d;

	devices(k);
	entry_cli_ok(k, "create", "sip_proxy", f);
	rule(k, "\\+4930.*", "external", "sip_proxy", "1");
	r = dial(k, "+49301234567");
	if (r->error)
		fail_msg("%s", r->message);
	kit_free(r);
	d = dialled(k, 50);
	assert_true(is(d->uri, "sip:+49301234567@192.0.2.200"));
	assert_true(is(d->proxy, "192.0.2.200:5071"));
	assert_true(is(d->trunk, "cc"));
	assert_true(is(d->verify_name, "cc.example.org"));
	assert_true(is(d->realm, "cc.example.org"));
	assert_true(is(d->username, "us"));
	assert_true(is(d->password, "geheimnis"));
	assert_true(d->trusted_literal);
	assert_int_equal(d->transport, CV__SIP_TRANSPORT__SIP_TLS);
	kit_free(d);
	/* Where it leads instead no rule allows. */
	answer(k, 50, true);
	kit_free(sip_hangup(k, 50));
	sip_expect(k, "", "");
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_DIAL));
}

/* A trunk whose certificate was verified may say where else, once. */
static void test_sip_out__a_redirect_of_a_trunk_is_followed_once(void **state)
{
	static const char *const f[] = {"name", "cc", "address",
					"cc.example.org", NULL, NULL};
	static const char *const clear[] = {"which", "cc", "transport", "udp",
					    NULL, NULL};
	struct kit *k = *state;
	Cv__SipDial *d;

	devices(k);
	entry_cli_ok(k, "create", "sip_proxy", f);
	rule(k, "\\+49.*", "external", "sip_proxy", "1");
	kit_free(dial(k, "+49301234567"));
	kit_free(dialled(k, 50));
	answer(k, 50, true);
	d = dialled(k, 51);
	assert_true(is(d->uri, "sip:+4940765@192.0.2.201"));
	assert_true(is(d->proxy, "cc.example.org:5061"));
	kit_free(d);
	answer(k, 51, true);
	sip_expect(k, "", "");
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_DIAL));
	/* in clear nobody is who he says */
	entry_cli_ok(k, "change", "sip_proxy", clear);
	kit_free(dial(k, "+49301234567"));
	kit_free(dialled(k, 52));
	answer(k, 52, true);
	sip_expect(k, "", "");
}

/* --- transfers ------------------------------------------------------------------- */

static void refer(struct kit *k, uint64_t call, uint32_t req, const char *to,
		  const char *replaces)
{
	Cv__SipRefer m = CV__SIP_REFER__INIT;

	m.call = call;
	m.req = req;
	m.target = ipc_data(span_str(to));
	m.has_replaces = replaces != NULL;
	m.replaces = ipc_data(span_str(replaces ? replaces : ""));
	assert_int_equal(KIT_SEND(k, SIP, SIP_REFER, &m), 0);
}

static uint32_t referred(struct kit *k, uint32_t req)
{
	Cv__SipReferState *s = kit_wait(k, KIT_SIP, IPC_SIP_REFER_STATE);
	const uint32_t status = s->status;

	assert_int_equal(s->req, req);
	assert_true(s->final);
	kit_free(s);
	return status;
}

static void boss_sits(struct kit *k, uint64_t call, const char *pin)
{
	sip_invite(k, call, &boss);
	assert_int_equal(sip_decision(k, call, NULL), ANSWER);
	sip_digits(k, call, pin);
	sip_expect(k, "state", "in");
}

static void test_sip_out__a_host_refers_somebody_into_the_room(void **state)
{
	struct kit *k = *state;
	Cv__SipDial *d;

	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	boss_sits(k, 7, "123456#");
	refer(k, 7, 3, "sip:desk@example.org;transport=tls",
	      "c1@x;to-tag=a;from-tag=b");
	d = dialled(k, 50);
	assert_true(is(d->uri, "sip:desk@192.0.2.77;transport=tls"));
	assert_true(is(d->replaces, "c1@x;to-tag=a;from-tag=b"));
	kit_free(d);
	answer(k, 50, false);
	assert_int_equal(referred(k, 3), 200);
	assert_int_equal(entry_status_of(k, "participants"), 2);
	ended(k, 50, 0);
	/* whoever does not take it, is told once, too */
	refer(k, 7, 4, "sip:desk@example.org", NULL);
	d = dialled(k, 51);
	assert_int_equal(d->replaces.len, 0);
	kit_free(d);
	ended(k, 51, 486);
	assert_int_equal(referred(k, 4), 486);
	refer(k, 7, 5, "sip:desk@example.org", NULL);
	kit_free(dialled(k, 52));
	ended(k, 52, 404);
	assert_int_equal(referred(k, 5), 480);
	/* no rule leads there */
	refer(k, 7, 6, "sip:+4990012345@example.net", NULL);
	assert_int_equal(referred(k, 6), 603);
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_DIAL));
	/* who has left hears nothing, and nothing breaks */
	refer(k, 7, 8, "sip:desk@example.org", NULL);
	kit_free(dialled(k, 53));
	sip_bye(k, 7);
	ended(k, 53, 486);
	sip_expect(k, "", "");
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_REFER_STATE));
}

static void test_sip_out__a_guest_refers_nobody(void **state)
{
	struct kit *k = *state;

	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	boss_sits(k, 7, "654321#");
	refer(k, 7, 3, "sip:desk@example.org", NULL);
	assert_int_equal(referred(k, 3), 603);
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_DIAL));
	sip_bye(k, 7);
	sip_expect(k, "", "");
	/* a stranger with the host's PIN has proved no device */
	sip_guests(k);
	sip_invite(k, 8, &(struct sip_ask){.alias = NULL});
	assert_int_equal(sip_decision(k, 8, NULL), ANSWER);
	sip_digits(k, 8, "123456#");
	sip_expect(k, "state", "in");
	refer(k, 8, 4, "sip:desk@example.org", NULL);
	assert_int_equal(referred(k, 4), 603);
}

static void test_sip_out__who_replaces_a_call_has_its_seat(void **state)
{
	struct kit *k = *state;
	struct sip_ask next = desk;
	Cv__LegMove *mv;

	devices(k);
	boss_sits(k, 7, "123456#");
	kit_forget(k);
	/* another device, over TLS, that was told the dialog */
	next.replaces = true;
	next.replaced = 7;
	sip_invite(k, 8, &next);
	assert_int_equal(sip_decision(k, 8, NULL), ANSWER);
	mv = kit_wait(k, KIT_MEDIA, IPC_LEG_MOVE);
	assert_true(mv->flags->admitted);
	kit_free(mv);
	kit_free(sip_hangup(k, 7));
	sip_expect(k, "state", "in");
	assert_int_equal(entry_status_of(k, "participants"), 1);
	/* his own, again: as a host, for the seat is one */
	next.replaced = 8;
	sip_invite(k, 9, &next);
	assert_int_equal(sip_decision(k, 9, NULL), ANSWER);
	kit_free(sip_hangup(k, 8));
	rule(k, "boss@example\\.org", "registration", NULL, NULL);
	refer(k, 9, 3, "sip:boss@example.org", NULL);
	assert_int_equal(referred(k, 3), 603);	/* nobody registered */
	sip_bye(k, 9);
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

/* No such dialog, not his, in clear, nothing proven: the same answer. */
static void test_sip_out__what_cannot_be_replaced_looks_unknown(void **state)
{
	struct kit *k = *state;
	struct sip_ask bad[] = {desk, desk, desk, {.alias = NULL}};
	uint32_t status = 1;

	devices(k);
	sip_guests(k);
	boss_sits(k, 7, "123456#");
	bad[0].replaced = 0;
	bad[1].replaced = 99;
	bad[2].replaced = 7;
	bad[2].udp = true;
	bad[2].flow = 0;
	bad[3].replaced = 7;
	for (uint64_t i = 0; i < 4; i++) {
		bad[i].replaces = true;
		sip_invite(k, 20 + i, &bad[i]);
		assert_int_equal(sip_decision(k, 20 + i, &status),
				 CV__SIP_DECISION__SIP_REFUSE);
		assert_int_equal(status, 0);
	}
	sip_expect(k, "state", "in");
	/* media that does not fit leaves the old call as it was */
	bad[0].replaced = 7;
	k->media_refuses = true;
	sip_invite(k, 30, &bad[0]);
	assert_int_equal(sip_decision(k, 30, &status),
			 CV__SIP_DECISION__SIP_REFUSE);
	assert_int_equal(status, 488);
	sip_expect(k, "state", "in");
	/* whoever gives up in between, too */
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_HANGUP));
	sip_bye(k, 7);
	sip_expect(k, "", "");
}

static void test_sip_out__premium_numbers_are_not_called(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r;

	devices(k);
	rule(k, ".*", "external", NULL, NULL);
	entry_set(k, "dialout_denied_prefixes", "+49900");
	r = dial(k, "+49900123456@example.net");
	assert_int_not_equal(r->error, 0);
	kit_free(r);
	r = dial(k, "somebody@example.net");
	assert_int_equal(r->error, 0);
	kit_free(r);
	kit_free(dialled(k, 50));
	ended(k, 50, 404);
	sip_expect(k, "", "");
}

/* --- gateway calls --------------------------------------------------------------- */

static void test_sip_out__a_browser_calls_a_sip_device(void **state)
{
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "desk@example.org", .name = "Anna"};
	const char *const f[] = {
		"name", "in", "priority", "5", "match_string", "desk@.*",
		"called_device_type", "registration", NULL, NULL};
	struct kit_person p;
	Cv__SipDial *d;

	devices(k);
	entry_cli_ok(k, "create", "gateway_routing_rule", f);
	p = kit_join_ask(k, &a);
	assert_int_equal(p.outcome, OK);
	assert_int_equal(p.service, CV__SERVICE_TYPE__SERVICE_GATEWAY);
	d = dialled(k, 50);
	assert_true(is(d->from_name, "Anna"));
	kit_free(d);
	answer(k, 50, false);
	sip_expect(k, "state", "in");
	assert_int_equal(entry_status_of(k, "participants"), 2);
	/* One leaves: the call is over for both. */
	ended(k, 50, 0);
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

/* An app of that name rings: judged as inside, so nothing outside is called
 * beside it, though the rule leads there and no SIP device has the name. */
static void test_sip_out__what_was_judged_as_inside_stays_inside(void **state)
{
	static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7};
	const char *const f[] = {
		"name", "out", "priority", "5", "match_string", "app@.*",
		"called_device_type", "external",
		"allow_unregistered_external", "true", NULL, NULL};
	const struct kit_ask a = {.alias = "app@example.org", .name = "Anna"};
	struct kit *k = *state;
	Cv__Reg m = CV__REG__INIT;
	Cv__Addr from = CV__ADDR__INIT;
	Cv__RegReply *r;

	devices(k);
	sip_device(k, "app@example.org", "app", "app-secret",
		   "enable_infinity_connect_non_sso", "true");
	entry_cli_ok(k, "create", "gateway_routing_rule", f);
	from.ip = ipc_data(span_of(ip, sizeof(ip)));
	m.op = CV__REG_OP__REG_REQUEST;
	m.req = ++k->req;
	m.source = &from;
	m.alias = ipc_data(SPAN_LIT("app@example.org"));
	m.username = ipc_data(SPAN_LIT("app"));
	m.password = ipc_data(SPAN_LIT("app-secret"));
	assert_int_equal(KIT_SEND(k, WEB, REG, &m), 0);
	r = kit_wait(k, KIT_WEB, IPC_REG_REPLY);
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_OK);
	kit_free(r);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
	sip_expect(k, "", "");
	assert_null(kit_take(k, KIT_SIP, IPC_SIP_DIAL));
}

static void test_sip_out__nobody_takes_it_and_the_caller_is_told(void **state)
{
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "desk@example.org", .name = "Anna"};
	const char *const f[] = {
		"name", "in", "priority", "5", "match_string", "desk@.*",
		"called_device_type", "registration", NULL, NULL};

	devices(k);
	entry_cli_ok(k, "create", "gateway_routing_rule", f);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
	kit_free(dialled(k, 50));
	ended(k, 50, 486);
	sip_expect(k, "", "");
	assert_int_equal(entry_status_of(k, "participants"), 0);
}

static void test_sip_out__a_device_calls_another(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = boss;
	Cv__SipVerdict *v;
	Cv__SipDial *d;

	a.alias = "desk@example.org";
	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	sip_invite(k, 7, &a);
	d = dialled(k, 50);
	assert_true(is(d->from_uri, "sip:boss@example.org"));
	kit_free(d);
	assert_int_equal(sip_decision(k, 7, NULL),
			 CV__SIP_DECISION__SIP_RING);
	answer(k, 50, false);
	v = sip_verdict(k, 7);
	assert_int_equal(v->decision, ANSWER);
	assert_int_equal(v->answer->n_sections, 2);
	kit_free(v);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_MOVE));
	assert_int_equal(entry_status_of(k, "participants"), 2);
	sip_bye(k, 7);
	kit_free(sip_hangup(k, 50));
	sip_expect(k, "", "");
}

static void test_sip_out__busy_is_told_to_the_caller(void **state)
{
	static const uint32_t said[][2] = {{486, 486}, {603, 603}, {500, 480}};
	struct kit *k = *state;
	struct sip_ask a = boss;
	uint32_t status;

	a.alias = "desk@example.org";
	devices(k);
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	for (uint64_t i = 0; i < 3; i++) {
		sip_invite(k, 7 + i, &a);
		kit_free(dialled(k, 50 + i));
		assert_int_equal(sip_decision(k, 7 + i, NULL),
				 CV__SIP_DECISION__SIP_RING);
		ended(k, 50 + i, said[i][0]);
		assert_int_equal(sip_decision(k, 7 + i, &status),
				 CV__SIP_DECISION__SIP_REFUSE);
		assert_int_equal(status, said[i][1]);
	}
	sip_expect(k, "", "");
	/* He gives up first: the device stops ringing. */
	sip_invite(k, 17, &a);
	kit_free(dialled(k, 60));
	assert_int_equal(sip_decision(k, 17, NULL),
			 CV__SIP_DECISION__SIP_RING);
	sip_bye(k, 17);
	kit_free(sip_hangup(k, 60));
	sip_expect(k, "", "");
}

static void test_sip_out__strangers_place_no_calls(void **state)
{
	struct kit *k = *state;
	const struct sip_ask a = {.alias = "desk@example.org"};
	uint32_t status;

	devices(k);
	sip_guests(k);
	entry_set(k, "conceal_rooms", "false");
	rule(k, "desk@example\\.org", "registration", NULL, NULL);
	sip_invite(k, 7, &a);
	assert_int_equal(sip_decision(k, 7, &status),
			 CV__SIP_DECISION__SIP_REFUSE);
	assert_int_equal(status, 0);
	sip_expect(k, "", "");
}

/* --- connections -------------------------------------------------------------------- */

static Cv__SipConnected *connected(struct kit *k)
{
	return kit_wait(k, KIT_SIP, IPC_SIP_CONNECTED);
}

static void test_sip_out__the_face_asks_courier(void **state)
{
	struct kit *k = *state;
	Cv__SipConnect m = CV__SIP_CONNECT__INIT;
	Cv__Connected got = CV__CONNECTED__INIT;
	Cv__SipConnected *r;
	Cv__Connect *c;
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 9};
	int fds[2];

	m.req = 9;
	m.host = ipc_data(SPAN_LIT("example.net"));
	assert_int_equal(KIT_SEND(k, SIP, SIP_CONNECT, &m), 0);
	r = connected(k);
	assert_int_equal(r->error, CV__HTTP_ERROR__HTTP_BUSY);
	kit_free(r);
	kit_link(k, KIT_COURIER);
	assert_int_equal(KIT_SEND(k, SIP, SIP_CONNECT, &m), 0);
	c = kit_wait(k, KIT_COURIER, IPC_CONNECT);
	assert_int_equal(c->allowed, 1u << CV__CONNECT_TRANSPORT__CONNECT_TLS);
	got.req = c->req;
	got.address = ipc_data(span_of(ip, 16));
	got.port = 5061;
	got.transport = CV__CONNECT_TRANSPORT__CONNECT_TLS;
	got.name = ipc_data(SPAN_LIT("example.net"));
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(ipc_chan_send(k->ch[KIT_COURIER], IPC_CONNECTED,
				       &got.base, fds, 1), 0);
	close(fds[0]);
	close(fds[1]);
	r = connected(k);
	assert_int_equal(r->req, 9);
	assert_int_equal(r->error, 0);
	assert_int_equal(r->transport, CV__SIP_TRANSPORT__SIP_TLS);
	assert_int_equal(r->address->port, 5061);
	kit_free(r);
	kit_free(c);
	/* In clear only where a switch says so. */
	m.transport = CV__SIP_TRANSPORT__SIP_UDP;
	assert_int_equal(KIT_SEND(k, SIP, SIP_CONNECT, &m), 0);
	r = connected(k);
	assert_int_equal(r->error, CV__HTTP_ERROR__HTTP_GUARDED);
	kit_free(r);
	m.transport = CV__SIP_TRANSPORT__SIP_TLS;
	assert_int_equal(KIT_SEND(k, SIP, SIP_CONNECT, &m), 0);
	kit_free(kit_wait(k, KIT_COURIER, IPC_CONNECT));
	kit_drop(k, KIT_COURIER);
	r = connected(k);
	assert_int_equal(r->error, CV__HTTP_ERROR__HTTP_BUSY);
	kit_free(r);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sip_setup, entry_teardown)
	const struct CMUnitTest tests[] = {
		T(test_sip_out__a_room_calls_a_registered_device),
		T(test_sip_out__a_host_calls_somebody_in),
		T(test_sip_out__no_rule_no_call),
		T(test_sip_out__the_first_contact_that_answers_has_it),
		T(test_sip_out__a_room_calls_as_its_alias),
		T(test_sip_out__a_proxy_with_its_account),
		T(test_sip_out__a_redirect_of_a_trunk_is_followed_once),
		T(test_sip_out__a_host_refers_somebody_into_the_room),
		T(test_sip_out__a_guest_refers_nobody),
		T(test_sip_out__who_replaces_a_call_has_its_seat),
		T(test_sip_out__what_cannot_be_replaced_looks_unknown),
		T(test_sip_out__premium_numbers_are_not_called),
		T(test_sip_out__a_browser_calls_a_sip_device),
		T(test_sip_out__what_was_judged_as_inside_stays_inside),
		T(test_sip_out__nobody_takes_it_and_the_caller_is_told),
		T(test_sip_out__a_device_calls_another),
		T(test_sip_out__busy_is_told_to_the_caller),
		T(test_sip_out__strangers_place_no_calls),
		T(test_sip_out__the_face_asks_courier),
	};

	kit_program = argv[1];
	(void)argc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
