/* SIP proxies that call: who is one, what the face is told of them, whose word
 * about the caller counts, and who is asked about certificates. */
#include "core/t/courier_kit.h"
#include "core/t/sip_kit.h"

#define ANSWER CV__SIP_DECISION__SIP_ANSWER
#define CHALLENGE CV__SIP_DECISION__SIP_CHALLENGE

static const struct sip_ask good = {.cert = "x.example.org, cc.example.org",
				    .trunk = "callcontrol"};

static void proxy(struct kit *k, const char *name, const char *field,
		  const char *value)
{
	const char *const f[] = {"name", name, "address", "cc.example.org",
		"accept_calls", "true", field, value, NULL, NULL};

	entry_cli_ok(k, "create", "sip_proxy", f);
}

static void change(struct kit *k, const char *field, const char *value)
{
	const char *const f[] = {"which", "callcontrol", field, value, NULL,
				 NULL};

	entry_cli_ok(k, "change", "sip_proxy", f);
}

static Cv__SipDecision calls(struct kit *k, const struct sip_ask *a)
{
	static uint64_t call;
	Cv__SipDecision d;

	sip_invite(k, ++call, a);
	d = sip_decision(k, call, NULL);
	if (d == ANSWER)
		sip_expect(k, "known_as", "trunk");
	if (d == ANSWER)
		sip_bye(k, call);
	return d;
}

static void test_trunk__is_who_met_its_rules_and_bears_its_name(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = good;

	assert_int_equal(calls(k, &good), CHALLENGE);
	proxy(k, "callcontrol", NULL, NULL);
	assert_int_equal(calls(k, &good), ANSWER);
	a.trunk = NULL;		/* the face did not find it good */
	assert_int_equal(calls(k, &a), CHALLENGE);
	a.trunk = "another";
	assert_int_equal(calls(k, &a), CHALLENGE);
	a = good;
	a.cert = "cc.example.org.evil.example";
	assert_int_equal(calls(k, &a), CHALLENGE);
	a = good;
	a.udp = true;
	assert_int_equal(calls(k, &a), CHALLENGE);
	change(k, "tls_peer_name", "other.example.org");
	assert_int_equal(calls(k, &good), CHALLENGE);
	change(k, "tls_peer_name", "cc.example.org");
	change(k, "accept_calls", "false");
	assert_int_equal(calls(k, &good), CHALLENGE);
}

static bool is_alarmed(struct kit *k)
{
	return entry_listed(k, "alarms", "list", "instance",
			    "sip_proxy 1 callcontrol: revocation_check", NULL,
			    NULL);
}

static void test_trunk__the_face_is_told_of_each_and_of_changes(void **state)
{
	struct kit *k = *state;
	Cv__SipTrunk *m;

	kit_link(k, KIT_SIP);	/* a new face */
	m = kit_wait(k, KIT_SIP, IPC_SIP_TRUNK);
	assert_true(m->first && m->last && !m->name.len);
	kit_free(m);
	proxy(k, "callcontrol", "tls_server_name", "trunk.example.org");
	m = kit_wait(k, KIT_SIP, IPC_SIP_TRUNK);
	assert_true(m->first && m->last && m->accepts && !m->believes);
	assert_true(span_eq(ipc_bytes(m->name), SPAN_LIT("callcontrol")));
	assert_true(span_eq(ipc_bytes(m->peer_name),
			    SPAN_LIT("cc.example.org")));
	assert_true(span_eq(ipc_bytes(m->server_name),
			    SPAN_LIT("trunk.example.org")));
	assert_int_equal(m->revocation,
			 CV__SIP_REVOCATION__SIP_REVOKE_REQUIRE);
	kit_free(m);
	assert_false(is_alarmed(k));
	change(k, "revocation_check", "insecure_soft_fail");
	m = kit_wait(k, KIT_SIP, IPC_SIP_TRUNK);
	assert_int_equal(m->revocation,
			 CV__SIP_REVOCATION__SIP_REVOKE_SOFT_FAIL);
	kit_free(m);
	assert_true(is_alarmed(k));
	proxy(k, "second", NULL, NULL);
	m = kit_wait(k, KIT_SIP, IPC_SIP_TRUNK);
	assert_true(m->first && !m->last);
	kit_free(m);
	m = kit_wait(k, KIT_SIP, IPC_SIP_TRUNK);
	assert_true(!m->first && m->last);
	assert_true(span_eq(ipc_bytes(m->name), SPAN_LIT("second")));
	kit_free(m);
}

static void test_trunk__says_who_calls_only_where_it_is_believed(void **state)
{
	struct kit *k = *state;
	struct sip_ask a = good;

	a.asserted = "chief@cc.example.org";
	a.from = "sip:forged@example.org";
	proxy(k, "callcontrol", NULL, NULL);
	sip_invite(k, 900, &a);
	assert_int_equal(sip_decision(k, 900, NULL), ANSWER);
	sip_expect(k, "remote", "sip:forged@example.org");
	sip_bye(k, 900);
	change(k, "trust_asserted_identity", "true");
	sip_invite(k, 901, &a);
	assert_int_equal(sip_decision(k, 901, NULL), ANSWER);
	sip_expect(k, "remote", "chief@cc.example.org");
	sip_bye(k, 901);
	sip_guests(k);
	a.trunk = a.cert = NULL;
	sip_invite(k, 902, &a);
	assert_int_equal(sip_decision(k, 902, NULL), ANSWER);
	sip_expect(k, "remote", "sip:forged@example.org");
	sip_bye(k, 902);
}

static bool is_nobody(struct kit *k)
{
	Cv__CliReply *r = kit_cli(k, "sip", "calls", NULL);
	const bool is = r->n_rows == 1 &&
			entry_field_of(r->rows[0], "remote").n == 0;

	kit_free(r);
	return is;
}

/* Rules, policy and whoever is called go by it: a trunk's own word makes nobody
 * a device of ours. */
static void test_trunk__is_no_device_of_ours_by_its_own_word(void **state)
{
	static const char *const from[] = {"desk@example.org",
		"sip:Desk@Example.org;user=phone", "sips:desk@example.org"};
	struct kit *k = *state;
	struct sip_ask a = good;

	sip_device(k, "desk@example.org", "desk", "s3cret-of-desk", NULL,
		   NULL);
	proxy(k, "callcontrol", NULL, NULL);
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		a.from = from[i];
		sip_invite(k, 910 + i, &a);
		assert_int_equal(sip_decision(k, 910 + i, NULL), ANSWER);
		assert_true(is_nobody(k));
		sip_bye(k, 910 + i);
	}
	a.from = "somebody@example.org";
	sip_invite(k, 920, &a);
	assert_int_equal(sip_decision(k, 920, NULL), ANSWER);
	sip_expect(k, "remote", "somebody@example.org");
	sip_bye(k, 920);
	/* It may speak for devices where an administrator says so. */
	change(k, "trust_asserted_identity", "true");
	a.asserted = "desk@example.org";
	sip_invite(k, 921, &a);
	assert_int_equal(sip_decision(k, 921, NULL), ANSWER);
	sip_expect(k, "remote", "desk@example.org");
	sip_bye(k, 921);
}

/* --- certificates ------------------------------------------------------------------ */

static void send_check(struct kit *k, uint32_t req)
{
	Cv__CertCheck m = CV__CERT_CHECK__INIT;
	ProtobufCBinaryData chain[] = {ipc_data(SPAN_LIT("leaf")),
				       ipc_data(SPAN_LIT("ca"))};

	m.req = req;
	m.chain = chain;
	m.n_chain = 2;
	m.staple = ipc_data(SPAN_LIT("staple"));
	assert_int_equal(KIT_SEND(k, SIP, CERT_CHECK, &m), 0);
}

static void expect_status(struct kit *k, uint32_t req, Cv__CertVerdict v)
{
	Cv__CertStatus *s = kit_wait(k, KIT_SIP, IPC_CERT_STATUS);

	assert_int_equal(s->req, req);
	assert_int_equal(s->verdict, v);
	kit_free(s);
}

static void test_cert__is_asked_of_courier_unread(void **state)
{
	struct kit *k = *state;
	Cv__CertStatus a = CV__CERT_STATUS__INIT;
	Cv__CertCheck *q;

	send_check(k, 5);	/* courier is not there */
	expect_status(k, 5, CV__CERT_VERDICT__CERT_UNKNOWN);
	kit_link(k, KIT_COURIER);
	send_check(k, 5);
	q = kit_wait(k, KIT_COURIER, IPC_CERT_CHECK);
	assert_int_equal(q->n_chain, 2);
	assert_true(span_eq(ipc_bytes(q->chain[1]), SPAN_LIT("ca")));
	assert_true(span_eq(ipc_bytes(q->staple), SPAN_LIT("staple")));
	a.req = q->req + 1000;	/* of nobody */
	assert_int_equal(KIT_SEND(k, COURIER, CERT_STATUS, &a), 0);
	a.req = q->req;
	a.verdict = CV__CERT_VERDICT__CERT_REVOKED;
	assert_int_equal(KIT_SEND(k, COURIER, CERT_STATUS, &a), 0);
	kit_free(q);
	expect_status(k, 5, CV__CERT_VERDICT__CERT_REVOKED);
	send_check(k, 6);
	send_check(k, 7);
	kit_free(kit_wait(k, KIT_COURIER, IPC_CERT_CHECK));
	kit_free(kit_wait(k, KIT_COURIER, IPC_CERT_CHECK));
	kit_drop(k, KIT_COURIER);
	kit_free(kit_wait(k, KIT_SIP, IPC_CERT_STATUS));
	kit_free(kit_wait(k, KIT_SIP, IPC_CERT_STATUS));
}

static void test_cert__refusals_are_shown_each_with_its_reason(void **state)
{
	static const struct {
		Cv__SipFault fault;
		const char *words;
	} rows[] = {
		{CV__SIP_FAULT__SIP_FAULT_CA, "certificate: wrong CA"},
		{CV__SIP_FAULT__SIP_FAULT_NAME, "certificate: wrong name"},
		{CV__SIP_FAULT__SIP_FAULT_EXPIRED, "certificate: expired"},
		{CV__SIP_FAULT__SIP_FAULT_REVOKED, "certificate: revoked"},
		{CV__SIP_FAULT__SIP_FAULT_UNKNOWN,
		 "certificate: revocation unknown"},
		{CV__SIP_FAULT__SIP_FAULT_MISSING, "certificate: none"},
		{CV__SIP_FAULT__SIP_FAULT_OTHER, "certificate: unusable"},
	};
	static const uint8_t ip[16] = {[10] = 0xff, 0xff, 192, 0, 2, 9};
	struct kit *k = *state;
	Cv__SipUntrusted m = CV__SIP_UNTRUSTED__INIT;
	Cv__Addr from = CV__ADDR__INIT;

	from.ip = ipc_data(span_of(ip, 16));
	m.source = &from;
	m.names = ipc_data(SPAN_LIT("cc.example.org"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m.fault = rows[i].fault;
		assert_int_equal(KIT_SEND(k, SIP, SIP_UNTRUSTED, &m), 0);
	}
	/* what it may not say is nothing */
	m.fault = CV__SIP_FAULT__SIP_FAULT_NONE;
	assert_int_equal(KIT_SEND(k, SIP, SIP_UNTRUSTED, &m), 0);
	m.fault = (Cv__SipFault)99;
	assert_int_equal(KIT_SEND(k, SIP, SIP_UNTRUSTED, &m), 0);
	/* the channel keeps the order */
	send_check(k, 1);
	expect_status(k, 1, CV__CERT_VERDICT__CERT_UNKNOWN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(entry_listed(k, "sip", "refusals", "reason",
					 rows[i].words, NULL, NULL));
	assert_true(entry_listed(k, "sip", "refusals", "alias",
				 "cc.example.org", NULL, NULL));
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sip_setup, entry_teardown)
	const struct CMUnitTest tests[] = {
		T(test_trunk__is_who_met_its_rules_and_bears_its_name),
		T(test_trunk__the_face_is_told_of_each_and_of_changes),
		T(test_trunk__says_who_calls_only_where_it_is_believed),
		T(test_trunk__is_no_device_of_ours_by_its_own_word),
		T(test_cert__is_asked_of_courier_unread),
		T(test_cert__refusals_are_shown_each_with_its_reason),
	};

	if (argc != 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
