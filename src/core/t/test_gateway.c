/* Routing rules through the real conclave-core: the tester, registrations of
 * apps, calls between two of them. */
#include "core/t/core_kit.h"

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_demo_room(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_release(*state);
	free(*state);
	return 0;
}

#define CLI(k, verb, resource, ...)                                           \
	cli_done((k), verb, resource,                                         \
		 (const char *const[]){__VA_ARGS__, NULL, NULL})

static int cli_done(struct kit *k, const char *verb, const char *resource,
		    const char *const *fields)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, fields);
	const int e = r->error;

	kit_free(r);
	return e;
}

static void rule(struct kit *k, const char *name, const char *priority,
		 const char *match)
{
	assert_int_equal(CLI(k, "create", "gateway_routing_rule", "name", name,
			     "priority", priority, "match_string", match,
			     "called_device_type", "registration"), 0);
}

static struct span field_of(const Cv__CliRow *row, const char *name)
{
	for (size_t i = 0; i < row->n_fields; i++)
		if (strcmp(row->fields[i]->name, name) == 0)
			return ipc_bytes(row->fields[i]->value);
	return SPAN_NONE;
}

static void assert_says(const Cv__CliReply *r, size_t i, const char *name,
			const char *result)
{
	assert_true(i < r->n_rows);
	if (!span_eq(field_of(r->rows[i], "name"), span_str(name)) ||
	    !span_eq(field_of(r->rows[i], "result"), span_str(result)))
		fail_msg("row %zu: %.*s", i,
			 (int)field_of(r->rows[i], "result").n,
			 (const char *)field_of(r->rows[i], "result").p);
}

static Cv__CliReply *route_test(struct kit *k, const char *alias,
				const char *protocol)
{
	const char *const fields[] = {"alias", alias, "protocol", protocol,
				      NULL, NULL};

	return kit_cli(k, "route", "test", fields);
}

static void test_route__the_tester_explains(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r;

	rule(k, "later", "90", ".*");
	rule(k, "phones", "20", "7(\\d{4})");
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "phones", "match_incoming_sip", "false"), 0);
	r = route_test(k, "sip:71234;x=1", "webrtc");
	assert_int_equal(r->error, 0);
	assert_says(r, 0, "phones", "matches (1 = 1234)");
	assert_says(r, 1, "later", "not asked");
	assert_says(r, 2, "in all",
		    "rule 2 \"phones\" calls 71234 (registration)");
	kit_free(r);
	r = route_test(k, "71234", "sip");
	assert_says(r, 0, "phones", "is not for callers of this protocol");
	assert_says(r, 1, "later", "matches");
	kit_free(r);
	r = route_test(k, "DEMO", "webrtc");
	assert_says(r, 2, "in all", "service 1");
	kit_free(r);
}

static void test_route__the_tester_names_what_it_cannot_read(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r = route_test(k, "x", "smoke");

	assert_int_equal(r->error, E_INVAL);
	assert_non_null(strstr(r->message, "protocol"));
	kit_free(r);
	assert_int_equal(CLI(k, "route", "test", "alias", "x", "location",
			     "nowhere"), E_INVAL);
	assert_int_equal(CLI(k, "route", "test", "alias", "x", "registered",
			     "perhaps"), E_INVAL);
	assert_int_equal(CLI(k, "route", "test", "protocol", "sip"), E_INVAL);
}

static void test_route__a_bad_pattern_is_refused_with_its_place(void **state)
{
	struct kit *k = *state;
	const char *const fields[] = {
		"name", "r", "priority", "1", "match_string", "9(",
		"called_device_type", "registration", NULL, NULL};
	Cv__CliReply *r = kit_cli(k, "create", "gateway_routing_rule", fields);

	assert_int_equal(r->error, E_FORMAT);
	assert_non_null(strstr(r->message, "match_string"));
	kit_free(r);
	assert_int_equal(CLI(k, "create", "gateway_routing_rule", "name", "r",
			     "priority", "1", "match_string", "9(.*)",
			     "replace_string", "\\2", "called_device_type",
			     "registration"), E_FORMAT);
}

/* --- registrations ----------------------------------------------------------------- */

#define OK CV__RESULT_CODE__RESULT_OK
#define REFUSED CV__RESULT_CODE__RESULT_REFUSED
#define BAD_TOKEN CV__RESULT_CODE__RESULT_INVALID_TOKEN

static void device(struct kit *k, const char *alias, const char *user,
		   const char *password)
{
	assert_int_equal(CLI(k, "create", "device", "alias", alias,
			     "username", user, "password", password,
			     "description", "of the test",
			     "enable_infinity_connect_non_sso", "true"), 0);
}

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

static Cv__RegReply *reg_raw(struct kit *k, Cv__Reg *m, uint8_t last)
{
	uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2,
			  last};
	Cv__Addr a = CV__ADDR__INIT;
	Cv__RegReply *r;

	a.ip = ipc_data(span_of(ip, 16));
	m->req = ++k->req;
	m->source = &a;
	assert_int_equal(KIT_SEND(k, WEB, REG, m), 0);
	r = kit_wait(k, KIT_WEB, IPC_REG_REPLY);
	assert_int_equal(r->req, k->req);
	return r;
}

struct app {
	char alias[64], token[64];
	Cv__ResultCode code;
	bool directory;
};

static struct app reg(struct kit *k, const char *alias, const char *user,
		      const char *password, uint8_t last)
{
	Cv__Reg m = CV__REG__INIT;
	struct app app = {.token = ""};
	Cv__RegReply *r;

	m.op = CV__REG_OP__REG_REQUEST;
	m.alias = text(alias);
	m.username = text(user);
	m.password = text(password);
	r = reg_raw(k, &m, last);
	app.code = r->code;
	app.directory = r->directory_enabled;
	snprintf(app.alias, sizeof(app.alias), "%s", alias);
	snprintf(app.token, sizeof(app.token), "%.*s", (int)r->token.len,
		 r->token.len ? (const char *)r->token.data : "");
	if (r->code == OK) {
		assert_int_equal(r->expires_s, 120);
		assert_int_equal(r->uuid.len, 36);
		assert_int_equal(r->token.len, 32);
	} else {
		assert_int_equal(r->token.len + r->uuid.len + r->expires_s,
				 0);
	}
	kit_free(r);
	return app;
}

static struct app reg_ok(struct kit *k, const char *alias)
{
	const struct app app = reg(k, alias, "user", "password-1", 7);

	assert_int_equal(app.code, OK);
	return app;
}

static Cv__RegReply *with_token(struct kit *k, const struct app *app,
				Cv__RegOp op, const char *words)
{
	Cv__Reg m = CV__REG__INIT;

	m.op = op;
	m.alias = text(app->alias);
	m.token = text(app->token);
	m.text = text(words);
	return reg_raw(k, &m, 7);
}

static Cv__ResultCode code_of(struct kit *k, const struct app *app,
			      Cv__RegOp op)
{
	Cv__RegReply *r = with_token(k, app, op, "");
	const Cv__ResultCode code = r->code;

	kit_free(r);
	return code;
}

static Cv__ResultCode listen_to(struct kit *k, const struct app *app,
				uint32_t stream)
{
	Cv__Reg m = CV__REG__INIT;
	Cv__StreamReply *r;
	Cv__ResultCode code;

	m.req = ++k->req;
	m.op = CV__REG_OP__REG_STREAM;
	m.alias = text(app->alias);
	m.token = text(app->token);
	m.stream = stream;
	assert_int_equal(KIT_SEND(k, WEB, REG, &m), 0);
	r = kit_wait(k, KIT_WEB, IPC_STREAM_REPLY);
	assert_int_equal(r->stream, stream);
	code = r->code;
	kit_free(r);
	return code;
}

static void test_reg__refusals_look_alike(void **state)
{
	struct kit *k = *state;

	assert_int_equal(reg(k, "bob", "user", "password-1", 1).code, REFUSED);
	device(k, "bob", "user", "password-1");
	assert_int_equal(reg(k, "bob", "user", "password-2", 2).code, REFUSED);
	assert_int_equal(reg(k, "bob", "user", "", 3).code, REFUSED);
	assert_int_equal(reg(k, "bob", "", "", 3).code, REFUSED);
	assert_int_equal(reg(k, "bob", "User", "password-1", 4).code, REFUSED);
	assert_int_equal(reg(k, "eve", "user", "password-1", 5).code, REFUSED);
	assert_int_equal(reg(k, "", "user", "password-1", 5).code, REFUSED);
	assert_int_equal(CLI(k, "change", "device", "which", "bob",
			     "enable_infinity_connect_non_sso", "false"), 0);
	assert_int_equal(reg(k, "bob", "user", "password-1", 6).code, REFUSED);
}

static void test_reg__a_blank_password_cannot_be_set(void **state)
{
	struct kit *k = *state;

	assert_int_not_equal(CLI(k, "create", "device", "alias", "bob",
				 "username", "user", "password", ""), 0);
	assert_int_not_equal(CLI(k, "create", "device", "alias", "bob",
				 "username", "user"), 0);
}

static void test_reg__lives_by_its_token(void **state)
{
	struct kit *k = *state;
	struct app bob, other;
	Cv__RegReply *r;

	device(k, "Bob@ex.org", "user", "password-1");
	device(k, "eve", "user", "password-1");
	bob = reg_ok(k, "sip:bob@EX.org");
	other = reg_ok(k, "eve");
	r = with_token(k, &bob, CV__REG_OP__REG_REFRESH, "");
	assert_int_equal(r->code, OK);
	assert_int_equal(r->token.len, 32);
	assert_int_equal(r->expires_s, 120);
	kit_free(r);
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_REFRESH), OK);
	/* One's token is no token for another's alias. */
	snprintf(other.alias, sizeof(other.alias), "%s", bob.alias);
	assert_int_equal(code_of(k, &other, CV__REG_OP__REG_REFRESH),
			 BAD_TOKEN);
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_RELEASE), OK);
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_RELEASE),
			 BAD_TOKEN);
	assert_int_equal(listen_to(k, &bob, 5), BAD_TOKEN);
}

static void test_reg__is_shown_to_the_operator(void **state)
{
	struct kit *k = *state;
	Cv__CliReply *r;

	device(k, "bob", "user", "password-1");
	(void)reg_ok(k, "bob");
	r = kit_cli(k, "show", "registration", NULL);
	assert_int_equal(r->n_rows, 1);
	assert_true(span_eq(field_of(r->rows[0], "alias"), SPAN_LIT("bob")));
	assert_true(span_eq(field_of(r->rows[0], "source"),
			    SPAN_LIT("192.0.2.7")));
	kit_free(r);
}

static void test_reg__ends_with_its_device(void **state)
{
	struct kit *k = *state;
	struct app bob;

	device(k, "bob", "user", "password-1");
	bob = reg_ok(k, "bob");
	assert_int_equal(listen_to(k, &bob, 5), OK);
	assert_int_equal(CLI(k, "change", "device", "which", "bob",
			     "description", "other"), 0);
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_REFRESH), OK);
	assert_int_equal(CLI(k, "change", "device", "which", "bob",
			     "password", "password-2"), 0);
	kit_free(kit_wait(k, KIT_WEB, IPC_STREAM_CLOSE));
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_REFRESH),
			 BAD_TOKEN);
	bob = reg(k, "bob", "user", "password-2", 7);
	assert_int_equal(bob.code, OK);
	assert_int_equal(CLI(k, "remove", "device", "which", "bob"), 0);
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_REFRESH),
			 BAD_TOKEN);
}

static void test_reg__one_alias_has_few_apps(void **state)
{
	struct kit *k = *state;
	struct app first, more;

	device(k, "bob", "user", "password-1");
	first = reg_ok(k, "bob");
	for (int i = 0; i < 7; i++)
		more = reg_ok(k, "bob");
	assert_int_equal(code_of(k, &first, CV__REG_OP__REG_REFRESH), OK);
	(void)reg_ok(k, "bob");
	assert_int_equal(code_of(k, &first, CV__REG_OP__REG_REFRESH),
			 BAD_TOKEN);
	assert_int_equal(code_of(k, &more, CV__REG_OP__REG_REFRESH), OK);
}

static bool is_quarantined(struct kit *k, const char *source)
{
	Cv__CliReply *r = kit_cli(k, "guard", "list", NULL);
	bool is = false;

	for (size_t i = 0; i < r->n_rows; i++)
		is |= span_eq(field_of(r->rows[i], "source"),
			      span_str(source)) &&
			span_eq(field_of(r->rows[i], "state"),
				SPAN_LIT("quarantined"));
	kit_free(r);
	return is;
}

static void test_reg__failures_are_a_scan(void **state)
{
	struct kit *k = *state;

	device(k, "bob", "user", "password-1");
	for (int i = 0; i < 30; i++)
		assert_int_equal(reg(k, "bob", "user", "wrong", 99).code,
				 REFUSED);
	assert_true(is_quarantined(k, "192.0.2.99"));
	/* He used up his five at this device, not the device itself. */
	assert_int_equal(reg(k, "bob", "user", "password-1", 99).code,
			 REFUSED);
	assert_int_equal(reg(k, "bob", "user", "password-1", 98).code, OK);
}

/* An office's address may hold a scanner and the board's devices. */
static void test_reg__the_proven_pass_a_quarantine(void **state)
{
	struct kit *k = *state;

	device(k, "bob", "user", "password-1");
	device(k, "carol", "user", "password-1");
	device(k, "dora", "user", "password-1");
	assert_int_equal(reg(k, "dora", "user", "password-1", 99).code, OK);
	for (int i = 0; i < 30; i++)
		assert_int_equal(reg(k, "bob", "user", "wrong", 99).code,
				 REFUSED);
	assert_true(is_quarantined(k, "192.0.2.99"));
	assert_int_equal(reg(k, "carol", "user", "password-1", 99).code, OK);
	/* One password over many devices: five in all. */
	for (int i = 0; i < 5; i++) {
		char name[24];

		snprintf(name, sizeof(name), "guess%d", i);
		assert_int_equal(reg(k, name, "user", "wrong", 99).code,
				 REFUSED);
	}
	device(k, "eve", "user", "password-1");
	assert_int_equal(reg(k, "eve", "user", "password-1", 99).code,
			 REFUSED);
	/* Who was right from here is known. */
	assert_int_equal(reg(k, "dora", "user", "password-1", 99).code, OK);
	assert_int_equal(reg(k, "carol", "user", "password-1", 99).code, OK);
}

/* Strangers wait in a guarded room's line; who is registered does not. */
static void test_reg__a_device_is_a_proof(void **state)
{
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "111111"};
	struct app app;

	device(k, "bob", "user", "password-1");
	app = reg_ok(k, "bob");
	for (uint32_t i = 0; i < 21; i++) {
		a.ip = 10u << 24 | i << 16 | 1;
		assert_int_equal(kit_join_ask(k, &a).outcome,
				 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	}
	a = (struct kit_ask){.alias = "demo", .pin = "123456",
			     .registration = app.token,
			     .ip = 10u << 24 | 99u << 16 | 1};
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_OK);
}

/* A script may keep a room for those who are registered. */
static void test_reg__policy_knows_who_is_registered(void **state)
{
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "123456"};
	struct app app;

	device(k, "bob", "user", "password-1");
	app = reg_ok(k, "bob");
	assert_int_equal(CLI(k, "create", "policy_server", "name", "P",
			     "enable_internal_service_policy", "true",
			     "internal_service_policy_template",
			     "{% if call_info.registered %}"
			     "{\"action\": \"continue\", \"result\": "
			     "{{service_config|pex_to_json}}}{% else %}"
			     "{\"action\": \"reject\"}{% endif %}"), 0);
	assert_int_equal(CLI(k, "create", "system_location", "name", "all",
			     "source_networks", "0.0.0.0/0",
			     "policy_server", "P"), 0);
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
	a.registration = app.token;
	assert_int_equal(kit_join_ask(k, &a).outcome,
			 CV__JOIN_OUTCOME__JOIN_OK);
}

static void test_reg__the_directory_is_off_until_switched_on(void **state)
{
	struct kit *k = *state;
	struct app bob;
	Cv__RegReply *r;

	device(k, "bob", "user", "password-1");
	device(k, "carol", "other", "password-1");
	bob = reg_ok(k, "bob");
	assert_false(bob.directory);
	r = with_token(k, &bob, CV__REG_OP__REG_SEARCH, "");
	assert_int_equal(r->code, OK);
	assert_int_equal(r->n_entries, 0);
	kit_free(r);
	assert_int_equal(CLI(k, "change", "global", "enable_directory",
			     "true"), 0);
	r = with_token(k, &bob, CV__REG_OP__REG_SEARCH, "AR");
	assert_int_equal(r->n_entries, 1);
	assert_true(span_eq(ipc_bytes(r->entries[0]->alias),
			    SPAN_LIT("carol")));
	assert_true(span_eq(ipc_bytes(r->entries[0]->description),
			    SPAN_LIT("of the test")));
	assert_int_equal(r->entries[0]->username.len, 0);
	kit_free(r);
	r = with_token(k, &bob, CV__REG_OP__REG_SEARCH, "");
	assert_int_equal(r->n_entries, 2);
	kit_free(r);
	snprintf(bob.token, sizeof(bob.token), "nonsense");
	assert_int_equal(code_of(k, &bob, CV__REG_OP__REG_SEARCH), BAD_TOKEN);
}

/* --- calls ------------------------------------------------------------------------------ */

#define JOIN_OK CV__JOIN_OUTCOME__JOIN_OK
#define UNKNOWN CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED	/* concealed */
#define GATEWAY CV__SERVICE_TYPE__SERVICE_GATEWAY

static struct app callee(struct kit *k)
{
	struct app bob;

	device(k, "bob", "user", "password-1");
	rule(k, "to bob", "10", "9(.*)");
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "replace_string", "\\1"), 0);
	assert_int_equal(CLI(k, "change", "global", "enable_dialout", "true"),
			 0);
	bob = reg_ok(k, "bob");
	assert_int_equal(listen_to(k, &bob, 50), OK);
	return bob;
}

static struct kit_person dial(struct kit *k, const char *alias, uint32_t ip)
{
	const struct kit_ask a = {.alias = alias, .name = "Alice", .ip = ip};

	return kit_join_ask(k, &a);
}

struct incoming {
	char alias[128], token[64];
};

static struct incoming rings(struct kit *k, uint32_t stream)
{
	Cv__Event *ev = kit_event(k, stream, CV__EVENT_KIND__EV_INCOMING);
	struct incoming in;

	assert_non_null(ev->incoming);
	assert_true(span_eq(ipc_bytes(ev->incoming->remote_display_name),
			    SPAN_LIT("Alice")));
	assert_true(span_eq(ipc_bytes(ev->incoming->local_alias),
			    SPAN_LIT("bob")));
	snprintf(in.alias, sizeof(in.alias), "%.*s",
		 (int)ev->incoming->conference_alias.len,
		 (const char *)ev->incoming->conference_alias.data);
	snprintf(in.token, sizeof(in.token), "%.*s",
		 (int)ev->incoming->token.len,
		 (const char *)ev->incoming->token.data);
	kit_free(ev);
	return in;
}

static struct kit_person answer_it(struct kit *k, const struct incoming *in)
{
	const struct kit_ask a = {.alias = in->alias, .name = "Bob",
				  .one_time = in->token, .ip = 0xc0000299};

	return kit_join_ask(k, &a);
}

static void test_gateway__off_answers_as_an_unknown_alias(void **state)
{
	struct kit *k = *state;

	(void)callee(k);
	assert_int_equal(CLI(k, "change", "global", "enable_dialout",
			     "false"), 0);
	assert_int_equal(dial(k, "9bob", 0).outcome, UNKNOWN);
	assert_int_equal(CLI(k, "change", "global", "enable_dialout", "true"),
			 0);
	assert_int_equal(dial(k, "8bob", 0).outcome, UNKNOWN);
	assert_int_equal(dial(k, "9carol", 0).outcome, UNKNOWN);
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "enable", "false"), 0);
	assert_int_equal(dial(k, "9bob", 0).outcome, UNKNOWN);
}

static void test_gateway__two_apps_meet_and_part(void **state)
{
	struct kit *k = *state;
	struct kit_person alice, bob;
	struct incoming in;
	Cv__Event *ev;

	(void)callee(k);
	alice = dial(k, "9bob", 0);
	assert_int_equal(alice.outcome, JOIN_OK);
	assert_int_equal(alice.service, GATEWAY);
	in = rings(k, 50);
	bob = answer_it(k, &in);
	assert_int_equal(bob.outcome, JOIN_OK);
	assert_int_equal(bob.service, GATEWAY);
	/* The one-time token is good once, and the others stop ringing. */
	ev = kit_event(k, 50, CV__EVENT_KIND__EV_INCOMING_CANCELLED);
	assert_true(span_eq(ipc_bytes(ev->incoming->token),
			    span_str(in.token)));
	kit_free(ev);
	assert_int_equal(answer_it(k, &in).outcome, UNKNOWN);
	assert_int_equal(kit_command_at(k, "9bob", alice.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 OK);
	assert_int_equal(kit_command_at(k, in.alias, bob.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 OK);
	/* Neither token is good for the other's path or a room's. */
	assert_int_equal(kit_command_at(k, "demo", alice.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 BAD_TOKEN);
	assert_int_equal(kit_command_at(k, in.alias, alice.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 BAD_TOKEN);
	assert_int_equal(kit_command_at(k, in.alias, bob.token,
					CV__OP__OP_RELEASE_TOKEN, "", "", ""),
			 OK);
	assert_int_equal(kit_command_at(k, "9bob", alice.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 BAD_TOKEN);
}

static Cv__ResultCode move(struct kit *k, const struct kit_person *p,
			   const char *alias, const char *call)
{
	Cv__Command c = CV__COMMAND__INIT;
	Cv__CameraMove m = CV__CAMERA_MOVE__INIT;
	Cv__CommandReply *r;
	Cv__ResultCode code;

	m.action = CV__CAMERA_ACTION__CAMERA_START;
	m.zoom = 1;
	c.req = ++k->req;
	c.op = CV__OP__OP_CALL_FECC;
	c.alias = ipc_data(span_str(alias));
	c.token = ipc_data(span_str(p->token));
	c.target = ipc_data(span_str(p->uuid));
	c.call = ipc_data(span_str(call));
	c.move = &m;
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	r = kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
	code = r->code;
	kit_free(r);
	return code;
}

static void up(struct kit *k, struct kit_person *p, const char *alias)
{
	Cv__CallReply *r = kit_call_raw(k, alias, p->token, p->uuid, "");

	assert_int_equal(r->code, OK);
	(void)snprintf(p->call, sizeof(p->call), "%.*s", (int)r->call.len,
		       (const char *)r->call.data);
	kit_free(r);
}

static void test_gateway__either_side_moves_the_other_s_camera(void **state)
{
	struct kit *k = *state;
	struct kit_person alice, bob;
	Cv__StreamOpen open = CV__STREAM_OPEN__INIT;
	struct incoming in;
	Cv__Event *e;

	(void)callee(k);
	alice = dial(k, "9bob", 0);
	in = rings(k, 50);
	bob = answer_it(k, &in);
	k->auto_media = true;
	up(k, &alice, "9bob");
	k->has_camera = true;
	up(k, &bob, in.alias);
	open.stream = 70;
	open.alias = ipc_data(span_str(in.alias));
	open.token = ipc_data(span_str(bob.token));
	assert_int_equal(KIT_SEND(k, WEB, STREAM_OPEN, &open), 0);
	/* off: nobody's */
	assert_int_equal(move(k, &alice, "9bob", alice.call),
			 CV__RESULT_CODE__RESULT_REFUSED);
	assert_int_equal(CLI(k, "change", "global", "enable_fecc", "true"), 0);
	assert_int_equal(move(k, &alice, "9bob", bob.call),
			 CV__RESULT_CODE__RESULT_INVALID_ROLE);
	assert_int_equal(move(k, &bob, in.alias, bob.call),
			 CV__RESULT_CODE__RESULT_REFUSED);	/* hers */
	assert_int_equal(move(k, &alice, "9bob", alice.call), OK);
	e = kit_event(k, 70, CV__EVENT_KIND__EV_FECC);
	assert_int_equal(e->move->action, CV__CAMERA_ACTION__CAMERA_START);
	assert_int_equal(e->move->zoom, 1);
	kit_free(e);
}

static void test_gateway__who_hangs_up_stops_the_ringing(void **state)
{
	struct kit *k = *state;
	struct kit_person alice;
	struct incoming in;

	(void)callee(k);
	alice = dial(k, "9bob", 0);
	in = rings(k, 50);
	assert_int_equal(kit_command_at(k, "9bob", alice.token,
					CV__OP__OP_RELEASE_TOKEN, "", "", ""),
			 OK);
	kit_free(kit_event(k, 50, CV__EVENT_KIND__EV_INCOMING_CANCELLED));
	assert_int_equal(answer_it(k, &in).outcome, UNKNOWN);
}

static void test_gateway__a_stream_that_comes_late_still_rings(void **state)
{
	struct kit *k = *state;
	const struct app bob = callee(k);
	struct incoming a, b;

	assert_int_equal(dial(k, "9bob", 0).outcome, JOIN_OK);
	a = rings(k, 50);
	assert_int_equal(listen_to(k, &bob, 51), OK);
	b = rings(k, 51);
	assert_string_equal(a.token, b.token);
	assert_int_equal(answer_it(k, &b).outcome, JOIN_OK);
}

static void test_gateway__limits_refuse_as_an_unknown_alias(void **state)
{
	struct kit *k = *state;
	struct kit_person alice;
	Cv__CliReply *r;

	(void)callee(k);
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "max_concurrent_calls", "1"), 0);
	alice = dial(k, "9bob", 0);
	assert_int_equal(alice.outcome, JOIN_OK);
	assert_int_equal(dial(k, "9bob", 0xc0000205).outcome, UNKNOWN);
	r = kit_cli(k, "alarms", "list", NULL);
	bool told = false;

	for (;; kit_free(r), r = kit_wait(k, KIT_CLI, IPC_CLI_REPLY)) {
		const bool more = r->more;

		for (size_t i = 0; i < r->n_rows; i++)
			told |= span_eq(field_of(r->rows[i], "name"),
					SPAN_LIT("toll_limit_reached"));
		if (!more)
			break;
	}
	kit_free(r);
	assert_true(told);
	assert_int_equal(kit_command_at(k, "9bob", alice.token,
					CV__OP__OP_RELEASE_TOKEN, "", "", ""),
			 OK);
	assert_int_equal(dial(k, "9bob", 0xc0000206).outcome, JOIN_OK);
}

static void test_gateway__a_rule_may_want_registered_callers(void **state)
{
	struct kit *k = *state;
	struct app carol;
	struct kit_ask a = {.alias = "9bob", .name = "Alice"};

	(void)callee(k);
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "match_incoming_only_if_registered",
			     "true"), 0);
	assert_int_equal(kit_join_ask(k, &a).outcome, UNKNOWN);
	a.registration = "made-up";
	assert_int_equal(kit_join_ask(k, &a).outcome, UNKNOWN);
	device(k, "carol", "user", "password-1");
	carol = reg_ok(k, "carol");
	a.registration = carol.token;
	assert_int_equal(kit_join_ask(k, &a).outcome, JOIN_OK);
	(void)rings(k, 50);
}

static void test_gateway__the_outside_is_an_unknown_alias_yet(void **state)
{
	struct kit *k = *state;

	(void)callee(k);
	assert_int_equal(CLI(k, "create", "gateway_routing_rule", "name",
			     "out", "priority", "5", "match_string", "00.*",
			     "allow_unregistered_external", "true"), 0);
	assert_int_equal(dial(k, "004912345", 0).outcome, UNKNOWN);
	/* A registered device of that name is tried first. */
	device(k, "00bob", "user", "password-1");
	(void)reg_ok(k, "00bob");
	assert_int_equal(dial(k, "00bob", 0).outcome, JOIN_OK);
}

static void test_gateway__no_call_outlives_core(void **state)
{
	struct kit *k = *state;
	struct kit_person alice;

	(void)callee(k);
	alice = dial(k, "9bob", 0);
	assert_int_equal(alice.outcome, JOIN_OK);
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	assert_int_equal(kit_command_at(k, "9bob", alice.token,
					CV__OP__OP_REFRESH_TOKEN, "", "", ""),
			 BAD_TOKEN);
	assert_int_equal(dial(k, "9bob", 0).outcome, UNKNOWN);
}

/* Killing core does not give a fresh hour. */
static void test_gateway__counts_outlive_core(void **state)
{
	struct kit *k = *state;

	(void)callee(k);
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "max_calls_per_hour", "1"), 0);
	assert_int_equal(dial(k, "9bob", 0).outcome, JOIN_OK);
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	(void)reg_ok(k, "bob");
	assert_int_equal(dial(k, "9bob", 0).outcome, UNKNOWN);
	assert_int_equal(CLI(k, "change", "gateway_routing_rule", "which",
			     "to bob", "max_calls_per_hour", "2"), 0);
	assert_int_equal(dial(k, "9bob", 0).outcome, JOIN_OK);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_route__the_tester_explains),
		T(test_route__the_tester_names_what_it_cannot_read),
		T(test_route__a_bad_pattern_is_refused_with_its_place),
		T(test_reg__refusals_look_alike),
		T(test_reg__a_blank_password_cannot_be_set),
		T(test_reg__lives_by_its_token),
		T(test_reg__is_shown_to_the_operator),
		T(test_reg__ends_with_its_device),
		T(test_reg__one_alias_has_few_apps),
		T(test_reg__failures_are_a_scan),
		T(test_reg__the_proven_pass_a_quarantine),
		T(test_reg__a_device_is_a_proof),
		T(test_reg__policy_knows_who_is_registered),
		T(test_reg__the_directory_is_off_until_switched_on),
		T(test_gateway__off_answers_as_an_unknown_alias),
		T(test_gateway__two_apps_meet_and_part),
		T(test_gateway__either_side_moves_the_other_s_camera),
		T(test_gateway__who_hangs_up_stops_the_ringing),
		T(test_gateway__a_stream_that_comes_late_still_rings),
		T(test_gateway__limits_refuse_as_an_unknown_alias),
		T(test_gateway__a_rule_may_want_registered_callers),
		T(test_gateway__the_outside_is_an_unknown_alias_yet),
		T(test_gateway__no_call_outlives_core),
		T(test_gateway__counts_outlive_core),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
