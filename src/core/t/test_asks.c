/* What the policy server is asked beside a join: registrations, the
 * directory, pictures. Through the real conclave-core; courier is played. */
#include "core/t/courier_kit.h"

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_demo_room(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	kit_link(k, KIT_COURIER);
	kit_forget(k);
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

static void cli_done(struct kit *k, const char *verb, const char *resource,
		     const char *const *fields)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, fields);

	if (r->error)
		fail_msg("%s %s: %s", verb, resource, r->message);
	kit_free(r);
}

static bool has_alarm(struct kit *k, const char *name)
{
	Cv__CliReply *r = kit_cli(k, "alarms", "list", NULL);
	bool found = false;

	for (size_t i = 0; i < r->n_rows; i++)
		for (size_t f = 0; f < r->rows[i]->n_fields; f++)
			found |= span_eq(ipc_bytes(r->rows[i]->fields[f]->
					 value), span_str(name));
	kit_free(r);
	return found;
}

#define OK CV__RESULT_CODE__RESULT_OK
#define REFUSED CV__RESULT_CODE__RESULT_REFUSED
#define NOT_FOUND CV__RESULT_CODE__RESULT_NOT_FOUND
#define BAD_TOKEN CV__RESULT_CODE__RESULT_INVALID_TOKEN
#define OVERLOAD CV__RESULT_CODE__RESULT_OVERLOAD

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

/* --- registrations ----------------------------------------------------------- */

static void device(struct kit *k, const char *alias)
{
	CLI(k, "create", "device", "alias", alias, "username", "user",
	    "password", "password-1", "description", "of the test",
	    "enable_infinity_connect_non_sso", "true");
}

/* The last number of 192.0.2.x. */
static uint8_t source = 7;

static uint32_t reg_send(struct kit *k, Cv__Reg *m)
{
	uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0,
			  2, source};
	Cv__Addr a = CV__ADDR__INIT;

	a.ip = ipc_data(span_of(ip, 16));
	m->req = ++k->req;
	m->source = &a;
	assert_int_equal(KIT_SEND(k, WEB, REG, m), 0);
	return m->req;
}

static uint32_t request(struct kit *k, const char *alias, const char *user,
			const char *password)
{
	Cv__Reg m = CV__REG__INIT;

	m.op = CV__REG_OP__REG_REQUEST;
	m.alias = text(alias);
	m.username = text(user);
	m.password = text(password);
	return reg_send(k, &m);
}

static Cv__RegReply *answer_of(struct kit *k, uint32_t req)
{
	Cv__RegReply *r = kit_wait(k, KIT_WEB, IPC_REG_REPLY);

	assert_int_equal(r->req, req);
	return r;
}

static Cv__ResultCode code_of(struct kit *k, uint32_t req)
{
	Cv__RegReply *r = answer_of(k, req);
	const Cv__ResultCode code = r->code;

	assert_int_equal(r->token.len, code == OK ? 32 : 0);
	kit_free(r);
	return code;
}

static const char *const reg_on[] = {"enable_registration_lookup", "true",
				     NULL};

static const struct kit_node carol[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
	KIT_S(2, "username", "carol"), KIT_S(2, "password", "word-2"),
};
static const struct kit_node anybody[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
	KIT_S(2, "username", ""), KIT_S(2, "password", ""),
};
static const struct kit_node half[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
	KIT_S(2, "username", "user"),
};
static const struct kit_node refusal[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"),
	KIT_S(0, "action", "reject"), KIT_O(0, "result"),
};
static const struct kit_node ours[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"),
	KIT_S(0, "action", "continue"), KIT_O(0, "result"),
};

static void test_asks__a_device_by_the_servers_word(void **state)
{
	struct kit *k = *state;
	uint32_t req;

	kit_profile(k, reg_on);
	req = request(k, "sip:Carol@ex.org", "carol", "word-2");
	KIT_ANSWER(k, kit_asked(k, "/registrations/carol%40ex.org?",
				"auth_type=credentials"), carol);
	assert_int_equal(code_of(k, req), OK);
	req = request(k, "carol@ex.org", "carol", "word-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/carol%40ex.org?",
				"remote_address=192.0.2.7"), carol);
	assert_int_equal(code_of(k, req), REFUSED);
	req = request(k, "open@ex.org", "", "");
	KIT_ANSWER(k, kit_asked(k, "/registrations/open%40ex.org?",
				"protocol=webrtc"), anybody);
	assert_int_equal(code_of(k, req), OK);
}

static void test_asks__a_device_of_ours_may_be_refused(void **state)
{
	struct kit *k = *state;
	uint32_t req;

	device(k, "bob");
	kit_profile(k, reg_on);
	req = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), refusal);
	assert_int_equal(code_of(k, req), REFUSED);
	/* The server's password counts, ours does not. */
	req = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), carol);
	assert_int_equal(code_of(k, req), REFUSED);
	req = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), ours);
	assert_int_equal(code_of(k, req), OK);
	req = request(k, "bob", "user", "password-1");
	kit_tell(k, kit_asked(k, "/registrations/bob?", NULL), 404, NULL, 0);
	assert_int_equal(code_of(k, req), OK);
	assert_false(has_alarm(k, "policy_server_unreachable"));
}

static void test_asks__without_the_server_our_own_table(void **state)
{
	struct kit *k = *state;
	uint32_t req;

	device(k, "bob");
	kit_profile(k, reg_on);
	req = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), half);
	assert_int_equal(code_of(k, req), OK);
	assert_true(has_alarm(k, "policy_server_unreachable"));
	req = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), ours);
	assert_int_equal(code_of(k, req), OK);
	req = request(k, "bob", "user", "password-1");
	(void)kit_asked(k, "/registrations/bob?", NULL);
	kit_drop(k, KIT_COURIER);
	assert_int_equal(code_of(k, req), OK);
	assert_true(has_alarm(k, "policy_server_unreachable"));
	req = request(k, "bob", "user", "wrong");
	assert_int_equal(code_of(k, req), REFUSED);
	/* No name in a path: nobody is asked, and no alarm is to be had so. */
	req = request(k, "..", "user", "password-1");
	assert_int_equal(code_of(k, req), REFUSED);
}

/* One must not be able to use up what joins need, nor to get at our own table
 * by being many. */
static void test_asks__are_bounded(void **state)
{
	enum { PART = 30 };	/* of one source of strangers: share.h */
	struct kit *k = *state;
	uint32_t req[PART], more;

	device(k, "bob");
	kit_profile(k, reg_on);
	for (int i = 0; i < PART; i++)
		req[i] = request(k, "bob", "user", "password-1");
	more = request(k, "bob", "user", "password-1");
	assert_int_equal(code_of(k, more), OVERLOAD);
	for (int i = 0; i < PART; i++) {
		KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL),
			   refusal);
		(void)code_of(k, req[i]);
	}
	more = request(k, "bob", "user", "password-1");
	KIT_ANSWER(k, kit_asked(k, "/registrations/bob?", NULL), refusal);
	assert_int_equal(code_of(k, more), REFUSED);
}

static Cv__Reg with_token(const char *alias, const char *token, Cv__RegOp op)
{
	Cv__Reg m = CV__REG__INIT;

	m.op = op;
	m.alias = text(alias);
	m.token = text(token);
	return m;
}

static void registered(struct kit *k, const char *alias,
		       const struct kit_node *nodes, size_t n, char token[64])
{
	uint32_t req = request(k, alias, "carol", "word-2");
	Cv__RegReply *r;

	kit_tell(k, kit_asked(k, "/registrations/", NULL), 200, nodes, n);
	r = answer_of(k, req);
	assert_int_equal(r->code, OK);
	assert_int_equal(span_cstr(ipc_bytes(r->token), token, 64), 0);
	kit_free(r);
}

static void test_asks__who_registered_by_a_profile_goes_with_it(void **state)
{
	struct kit *k = *state;
	char token[64];
	Cv__Reg m;

	kit_profile(k, reg_on);
	registered(k, "carol", carol, 5, token);
	m = with_token("carol", token, CV__REG_OP__REG_SEARCH);
	kit_free(answer_of(k, reg_send(k, &m)));
	CLI(k, "change", "system_location", "which", "all", "description",
	    "other");
	m = with_token("carol", token, CV__REG_OP__REG_SEARCH);
	kit_free(answer_of(k, reg_send(k, &m)));
	CLI(k, "change", "policy_server", "which", "P",
	    "enable_registration_lookup", "false");
	m = with_token("carol", token, CV__REG_OP__REG_REFRESH);
	assert_int_equal(code_of(k, reg_send(k, &m)), BAD_TOKEN);
	/* The server's word is worth nothing any more. */
	assert_int_equal(code_of(k, request(k, "carol", "carol", "word-2")),
			 REFUSED);
}

/* One registration whose n-th allocation fails, and another behind it: one of
 * them is answered, for an answer itself may find no memory. */
static bool one_failure(struct kit *k)
{
	const uint32_t first = request(k, "carol", "carol", "word-2");
	Cv__RegReply *r = NULL;
	uint32_t req;
	bool good;

	(void)request(k, "carol", "carol", "word-2");
	while (!r && !k->down[KIT_WEB]) {
		Cv__HttpGet *g = kit_take(k, KIT_COURIER, IPC_HTTP_GET);

		if (g && !k->down[KIT_COURIER])
			KIT_ANSWER(k, g->req, carol);
		kit_free(g);
		kit_turn(k, 100);
		r = kit_take(k, KIT_WEB, IPC_REG_REPLY);
	}
	assert_true(!r || r->code == OK || r->code == OVERLOAD ||
		    r->code == REFUSED);
	good = r && r->req == first && r->code == OK;
	kit_free(r);
	/* A channel that has no memory ends, and super makes it anew. */
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_COURIER);
	kit_forget(k);
	req = request(k, "carol", "carol", "word-2");
	KIT_ANSWER(k, kit_asked(k, "/registrations/carol?", NULL), carol);
	assert_int_equal(code_of(k, req), OK);
	return good;
}

static void test_asks__every_allocation_may_fail(void **state)
{
	struct kit *k = *state;
	int failed = 0;
	char n[12];

	kit_profile(k, reg_on);
	for (int i = 1; i <= 32; i++) {
		snprintf(n, sizeof(n), "%d", i);
		k->fail_at = n;
		kit_kill(k);
		kit_spawn(k);
		kit_link(k, KIT_WEB);
		kit_link(k, KIT_COURIER);
		source = (uint8_t)(100 + i);
		failed += !one_failure(k);
	}
	source = 7;
	k->fail_at = NULL;
	assert_true(failed > 3);
}

/* --- the directory ------------------------------------------------------------ */

static const struct kit_node names[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_L(0, "result"),
	KIT_O(2, NULL), KIT_S(3, "alias", "zoe"),
	KIT_S(3, "description", "first"), KIT_S(3, "username", "secret"),
	KIT_O(2, NULL), KIT_S(7, "alias", "BOB"),
	KIT_S(7, "description", "theirs"), KIT_S(7, "username", ""),
};
static const struct kit_node alone[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"),
	KIT_T(0, "ignore_local"), KIT_L(0, "result"), KIT_O(3, NULL),
	KIT_S(4, "alias", "zoe"),
	KIT_S(4, "description", ""), KIT_S(4, "username", ""),
};

static uint32_t search(struct kit *k, const char *token, const char *words)
{
	Cv__Reg m = with_token("", token, CV__REG_OP__REG_SEARCH);

	m.text = text(words);
	return reg_send(k, &m);
}

static void expect(struct kit *k, uint32_t req, const char *const *aliases)
{
	Cv__RegReply *r = answer_of(k, req);
	size_t n = 0;

	assert_int_equal(r->code, OK);
	for (; aliases[n]; n++) {
		assert_true(n < r->n_entries);
		assert_true(span_eq(ipc_bytes(r->entries[n]->alias),
				    span_str(aliases[n])));
		assert_int_equal(r->entries[n]->username.len, 0);
	}
	assert_int_equal(r->n_entries, n);
	kit_free(r);
}

static void test_asks__the_directory_has_the_servers_names_first(void **state)
{
	static const char *const on[] = {
		"enable_registration_lookup", "true",
		"enable_directory_lookup", "true", NULL};
	static const char *const none[] = {NULL};
	static const char *const both[] = {"zoe", "BOB", "ann", NULL};
	static const char *const theirs[] = {"zoe", NULL};
	static const char *const local[] = {"ann", "bob", NULL};
	struct kit *k = *state;
	char token[64];
	uint32_t req;

	device(k, "ann");
	device(k, "bob");
	kit_profile(k, on);
	registered(k, "carol", carol, 5, token);
	expect(k, search(k, token, "test"), none);
	assert_null(kit_take(k, KIT_COURIER, IPC_HTTP_GET));
	CLI(k, "change", "global", "enable_directory", "true");
	req = search(k, token, "test");
	KIT_ANSWER(k, kit_asked(k, "/registrations?",
				"&q=test&limit=10&registration_alias=carol"),
		   names);
	expect(k, req, both);
	req = search(k, token, "");
	KIT_ANSWER(k, kit_asked(k, "/registrations?", "&q=&"), alone);
	expect(k, req, theirs);
	req = search(k, token, "");
	kit_tell_error(k, kit_asked(k, "/registrations?", NULL),
		       CV__HTTP_ERROR__HTTP_TIMEOUT);
	expect(k, req, local);
	assert_true(has_alarm(k, "policy_server_unreachable"));
}

/* --- pictures -------------------------------------------------------------------- */

static const struct span jpeg = {(const uint8_t *)"\xff\xd8\xff\xc0 any", 8};

static uint32_t ask_picture(struct kit *k, const struct kit_person *viewer,
			    const char *of)
{
	Cv__Command c = CV__COMMAND__INIT;

	c.req = ++k->req;
	c.op = CV__OP__OP_P_AVATAR;
	c.alias = text("demo");
	c.token = text(viewer->token);
	c.target = text(of);
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	return c.req;
}

static Cv__ResultCode picture(struct kit *k, uint32_t req)
{
	Cv__CommandReply *r = kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
	const Cv__ResultCode code = r->code;

	assert_int_equal(r->req, req);
	if (code == OK)
		assert_true(span_eq(ipc_bytes(r->picture), jpeg));
	else
		assert_int_equal(r->picture.len, 0);
	kit_free(r);
	return code;
}

static const char *const avatar_on[] = {"enable_avatar_lookup", "true", NULL};

static void test_asks__a_picture_is_asked_for_once(void **state)
{
	struct kit *k = *state;
	struct kit_person h, g;
	uint32_t one, two;

	kit_profile(k, avatar_on);
	h = kit_join(k, "Hanna B", "123456");
	g = kit_join(k, "Gus", "654321");
	one = ask_picture(k, &h, h.uuid);
	two = ask_picture(k, &h, h.uuid);
	kit_tell_image(k, kit_asked(k, "/participant/avatar/Hanna%20B?",
				    "&width=100&height=100"), jpeg);
	assert_int_equal(picture(k, one), OK);
	assert_int_equal(picture(k, two), OK);
	assert_int_equal(picture(k, ask_picture(k, &h, h.uuid)), OK);
	/* Gus waits for the host: he sees himself only. */
	assert_int_equal(picture(k, ask_picture(k, &g, h.uuid)), NOT_FOUND);
	one = ask_picture(k, &h, g.uuid);
	kit_tell(k, kit_asked(k, "/participant/avatar/Gus?", "role=guest"),
		 404, NULL, 0);
	assert_int_equal(picture(k, one), NOT_FOUND);
	assert_int_equal(picture(k, ask_picture(k, &g, g.uuid)), NOT_FOUND);
	assert_null(kit_take(k, KIT_COURIER, IPC_HTTP_GET));
	assert_false(has_alarm(k, "policy_server_unreachable"));
}

static void test_asks__what_is_no_picture_is_none(void **state)
{
	struct kit *k = *state;
	struct kit_person h, g;
	uint32_t req;

	kit_profile(k, avatar_on);
	h = kit_join(k, "Hanna", "123456");
	req = ask_picture(k, &h, h.uuid);
	kit_tell_image(k, kit_asked(k, "/participant/avatar/Hanna?", NULL),
		       SPAN_LIT("<script>"));
	assert_int_equal(picture(k, req), NOT_FOUND);
	assert_true(has_alarm(k, "policy_server_unreachable"));
	/* Not at once again. */
	assert_int_equal(picture(k, ask_picture(k, &h, h.uuid)), NOT_FOUND);
	g = kit_join(k, "Gus", "654321");
	req = ask_picture(k, &h, g.uuid);
	kit_tell_error(k, kit_asked(k, "/participant/avatar/Gus?", NULL),
		       CV__HTTP_ERROR__HTTP_BAD_ANSWER);
	assert_int_equal(picture(k, req), NOT_FOUND);
	assert_int_equal(picture(k, ask_picture(k, &h, "nobody")), NOT_FOUND);
}

static void release(struct kit *k, const struct kit_person *p)
{
	Cv__Command c = CV__COMMAND__INIT;

	c.req = ++k->req;
	c.op = CV__OP__OP_RELEASE_TOKEN;
	c.alias = text("demo");
	c.token = text(p->token);
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
}

static void test_asks__who_leaves_takes_the_question_along(void **state)
{
	struct kit *k = *state;
	struct kit_person h, g;
	uint32_t req, late;

	kit_profile(k, avatar_on);
	h = kit_join(k, "Hanna", "123456");
	g = kit_join(k, "Gus", "654321");
	req = ask_picture(k, &h, g.uuid);
	late = kit_asked(k, "/participant/avatar/Gus?", NULL);
	release(k, &g);
	assert_int_equal(picture(k, req), NOT_FOUND);
	kit_free(kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY));
	kit_tell_image(k, late, jpeg);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_REFRESH_TOKEN, NULL),
			 OK);
}

static void test_asks__nobody_is_asked_without_a_profile(void **state)
{
	struct kit *k = *state;
	struct kit_person h = kit_join(k, "Hanna", "123456");

	assert_int_equal(picture(k, ask_picture(k, &h, h.uuid)), NOT_FOUND);
	assert_null(kit_take(k, KIT_COURIER, IPC_HTTP_GET));
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_asks__a_device_by_the_servers_word),
		T(test_asks__a_device_of_ours_may_be_refused),
		T(test_asks__without_the_server_our_own_table),
		T(test_asks__are_bounded),
		T(test_asks__every_allocation_may_fail),
		T(test_asks__who_registered_by_a_profile_goes_with_it),
		T(test_asks__the_directory_has_the_servers_names_first),
		T(test_asks__a_picture_is_asked_for_once),
		T(test_asks__what_is_no_picture_is_none),
		T(test_asks__who_leaves_takes_the_question_along),
		T(test_asks__nobody_is_asked_without_a_profile),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
