/* Policy in the way of a join, through the real conclave-core; courier is
 * played. */
#include <unistd.h>

#include "base/text.h"
#include "core/t/courier_kit.h"

#define OK CV__JOIN_OUTCOME__JOIN_OK
#define ASKED CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED
#define WRONG CV__JOIN_OUTCOME__JOIN_PIN_WRONG
#define BUSY CV__JOIN_OUTCOME__JOIN_OVERLOAD
#define REJECTED CV__JOIN_OUTCOME__JOIN_REJECTED

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

static void cli_ok(struct kit *k, const char *verb, const char *resource,
		   const char *const *fields)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, fields);

	if (r->error)
		fail_msg("%s %s: %s", verb, resource, r->message);
	kit_free(r);
}

static const struct kit_node board[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
	KIT_S(2, "service_type", "conference"), KIT_S(2, "name", "Board"),
	KIT_S(2, "service_tag", "vip"), KIT_S(2, "pin", "482913"),
	KIT_T(2, "allow_guests"),
};
static const struct kit_node refusal[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_S(0, "action", "reject"),
};

static struct kit_person person(Cv__JoinReply *r)
{
	struct kit_person p = {.outcome = r->outcome, .host = r->host};

	(void)span_cstr(ipc_bytes(r->token), p.token, sizeof(p.token));
	(void)span_cstr(ipc_bytes(r->display_name), p.name, sizeof(p.name));
	(void)span_cstr(ipc_bytes(r->participant), p.uuid, sizeof(p.uuid));
	kit_free(r);
	return p;
}

/* --- the server -------------------------------------------------------------------- */

static const char *const service_on[] = {"enable_service_lookup", "true",
					 NULL};

static void test_join_policy__server_describes_a_room(void **state)
{
	struct kit *k = *state;
	struct kit_ask a = {.alias = "anything"};
	struct kit_person p;
	Cv__JoinReply *r;
	uint32_t req;

	kit_profile(k, service_on);
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "/policy/v1/service/configuration?",
			"local_alias=anything"), board);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, ASKED);
	a.pin = "482913";
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", "location=all"), board);
	r = kit_join_answer(k, req);
	assert_true(span_eq(ipc_bytes(r->conference_name),
			    SPAN_LIT("Board")));
	p = person(r);
	assert_int_equal(p.outcome, OK);
	assert_true(p.host);
	/* Its token holds for the alias that he dialled, no other. */
	assert_int_equal(kit_command_at(k, "anything", p.token,
			 CV__OP__OP_CONFERENCE_STATUS, NULL, NULL, NULL),
			 CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_command_at(k, "demo", p.token,
			 CV__OP__OP_CONFERENCE_STATUS, NULL, NULL, NULL),
			 CV__RESULT_CODE__RESULT_INVALID_TOKEN);
	/* And through a crash of core, though no row has this room. */
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	assert_int_equal(kit_command_at(k, "anything", p.token,
			 CV__OP__OP_CONFERENCE_STATUS, NULL, NULL, NULL),
			 CV__RESULT_CODE__RESULT_OK);
}

static void test_join_policy__same_name_is_the_same_room(void **state)
{
	static const struct kit_node demo[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
		KIT_S(2, "service_type", "conference"), KIT_S(2, "name", "Demo"),
		KIT_S(2, "service_tag", ""), KIT_S(2, "pin", "482913")};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "other-way", .pin = "482913",
				  .name = "Paula"};
	struct kit_person h = kit_join(k, "Hanna", "123456");
	uint32_t req;

	assert_int_equal(kit_stream(k, &h, 1), CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_roster(k, 1), 1);
	kit_profile(k, service_on);
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), demo);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	kit_free(kit_event(k, 1, CV__EVENT_KIND__EV_PARTICIPANT_CREATE));
}

static void test_join_policy__reject_is_as_an_unknown_alias(void **state)
{
	static const char *const pins[] = {NULL, "123456"};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo"};

	kit_profile(k, service_on);
	for (int i = 0; i < 2; i++) {
		uint32_t req;

		a.pin = pins[i];
		req = kit_join_send(k, &a);
		KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), refusal);
		assert_int_equal(person(kit_join_answer(k, req)).outcome,
				 i ? WRONG : ASKED);
	}
}

static bool has_alarm(struct kit *k, const char *name)
{
	Cv__CliReply *r = kit_cli(k, "alarms", "list", NULL);
	bool found = false;

	for (size_t i = 0; i < r->n_rows; i++)
		found |= span_eq(ipc_bytes(r->rows[i]->fields[1]->value),
				 span_str(name));
	kit_free(r);
	return found;
}

static void test_join_policy__no_opinion_and_failures_leave_it_to_us(
	void **state)
{
	static const struct kit_node broken[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
		KIT_S(2, "service_type", "conference"), KIT_S(2, "name", "X"),
		KIT_S(2, "service_tag", ""), KIT_S(2, "view", "no such layout")};
	static const char *const on[] = {"enable_service_lookup", "true",
					 "on_failure_service", "keep", NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	uint32_t req;

	kit_profile(k, on);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 404, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	assert_false(has_alarm(k, "policy_server_unreachable"));
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), broken);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	assert_true(has_alarm(k, "policy_server_unreachable"));
	/* courier dies with a question in hand; without it nobody is asked. */
	req = kit_join_send(k, &a);
	(void)kit_asked(k, "service/configuration", NULL);
	kit_drop(k, KIT_COURIER);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	req = kit_join_send(k, &a);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	kit_link(k, KIT_COURIER);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 404, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	/* One good answer is no health. */
	assert_true(has_alarm(k, "policy_server_unreachable"));
}

static void test_join_policy__alarms_go_with_their_profile(void **state)
{
	static const char *const gone[] = {"which", "P", NULL, NULL};
	static const char *const free_place[] = {
		"which", "all", "policy_server", "", NULL, NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	uint32_t req, late;

	kit_profile(k, service_on);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 500, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, WRONG);
	assert_true(has_alarm(k, "policy_server_unreachable"));
	req = kit_join_send(k, &a);
	late = kit_asked(k, "service/configuration", NULL);
	cli_ok(k, "change", "system_location", free_place);
	cli_ok(k, "remove", "policy_server", gone);
	assert_false(has_alarm(k, "policy_server_unreachable"));
	/* What was asked before changes nothing. */
	kit_tell(k, late, 500, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, WRONG);
	assert_false(has_alarm(k, "policy_server_unreachable"));
}

/* The default: better nobody than somebody whom policy would refuse. */
static void test_join_policy__a_server_that_fails_rejects(void **state)
{
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	uint32_t req;

	kit_profile(k, service_on);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 500, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, WRONG);
	kit_drop(k, KIT_COURIER);
	while (kit_join_ask(k, &a).outcome != WRONG)
		kit_turn(k, 1);
	assert_true(has_alarm(k, "policy_server_unreachable"));
}

static void test_join_policy__an_answer_behind_the_caller_is_dropped(
	void **state)
{
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	uint32_t req;

	kit_profile(k, service_on);
	(void)kit_join_send(k, &a);
	req = kit_asked(k, "service/configuration", NULL);
	kit_drop(k, KIT_WEB);
	kit_link(k, KIT_WEB);
	KIT_ANSWER(k, req, board);
	KIT_ANSWER(k, req, board);
	KIT_ANSWER(k, req + 1000, board);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 404, NULL, 0);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
}

/* Policy is asked for every alias alike. */
static void test_join_policy__unknown_costs_the_same_messages(void **state)
{
	static const char *const aliases[] = {"demo", "nobody"};
	struct kit *k = *state;
	struct kit_ask a = {.pin = "111111"};
	size_t heard[2], said[2];

	kit_profile(k, service_on);
	for (int i = 0; i < 2; i++) {
		const size_t h = k->heard, s = k->said;
		uint32_t req;

		a.alias = aliases[i];
		req = kit_join_send(k, &a);
		kit_tell(k, kit_asked(k, "service/configuration", NULL), 404, NULL,
		       0);
		assert_int_equal(person(kit_join_answer(k, req)).outcome,
				 WRONG);
		heard[i] = k->heard - h;
		said[i] = k->said - s;
	}
	assert_int_equal(heard[0], heard[1]);
	assert_int_equal(said[0], said[1]);
	assert_int_equal(heard[0], 2);
}

static const char *const all_on[] = {
	"enable_service_lookup", "true", "enable_participant_lookup", "true",
	"enable_media_location_lookup", "true", NULL};

static void test_join_policy__order_of_the_questions(void **state)
{
	static const struct kit_node renamed[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
		KIT_S(2, "remote_display_name", "Dr. Hanna"),
		KIT_S(2, "preauthenticated_role", "guest")};
	static const struct kit_node place[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
		KIT_S(2, "location", "all")};
	static const struct kit_node nowhere[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
		KIT_S(2, "location", "no such place")};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456",
				  .name = "Hanna"};
	struct kit_person p;
	uint32_t req;

	kit_profile(k, all_on);
	for (int i = 0; i < 2; i++) {
		req = kit_join_send(k, &a);
		kit_tell(k, kit_asked(k, "service/configuration", "protocol=api"),
		       404, NULL, 0);
		KIT_ANSWER(k, kit_asked(k, "participant/properties",
				"participant_type=api_host"), renamed);
		kit_tell(k, kit_asked(k, "participant/properties",
				"participant_type=standard"), 404, NULL, 0);
		if (i)
			KIT_ANSWER(k, kit_asked(k, "participant/location",
					"service_name=Demo"), place);
		else
			KIT_ANSWER(k, kit_asked(k, "participant/location",
					"protocol=webrtc"), nowhere);
		p = person(kit_join_answer(k, req));
		assert_int_equal(p.outcome, OK);
		assert_string_equal(p.name, "Dr. Hanna");
		assert_false(p.host);
	}
}

static void test_join_policy__participant_rejected_with_a_reason(void **state)
{
	static const struct kit_node no[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_S(0, "action",
							 "reject"),
		KIT_O(0, "result"), KIT_S(3, "reject_reason", "Not today")};
	static const char *const on[] = {"enable_participant_lookup", "true",
					 NULL};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "111111"};
	Cv__JoinReply *r;
	uint32_t req;

	kit_profile(k, on);
	/* Only whom the PIN lets pass is asked about. */
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	assert_null(kit_take(k, KIT_COURIER, IPC_HTTP_GET));
	a.pin = "654321";
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "participant/properties",
			"participant_type=api&"), no);
	r = kit_join_answer(k, req);
	assert_int_equal(r->outcome, REJECTED);
	assert_true(span_eq(ipc_bytes(r->reject_reason),
			    SPAN_LIT("Not today")));
	kit_free(r);
}

/* --- who finds a place ----------------------------------------------------------- */

static uint64_t status_of(struct kit *k, const char *field)
{
	Cv__CliReply *r = kit_cli(k, "status", "", NULL);
	uint64_t v = UINT64_MAX;

	for (size_t i = 0; i < r->rows[0]->n_fields; i++)
		if (strcmp(r->rows[0]->fields[i]->name, field) == 0)
			assert_int_equal(span_u64(ipc_bytes(
				r->rows[0]->fields[i]->value), UINT64_MAX,
				&v), 0);
	kit_free(r);
	return v;
}

static struct kit_person board_host(struct kit *k)
{
	const struct kit_ask a = {.alias = "anything", .pin = "482913"};
	const uint32_t req = kit_join_send(k, &a);
	struct kit_person p = {.host = false};
	Cv__JoinReply *r;

	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), board);
	r = kit_join_answer(k, req);
	assert_int_equal(r->outcome, OK);
	assert_int_equal(span_cstr(ipc_bytes(r->cookie), p.cookie,
				   sizeof(p.cookie)), 0);
	assert_true(p.cookie[0]);
	kit_free(r);
	return p;
}

/* Strangers fill what is theirs of the look-ups: who shows a cookie of a room
 * that only policy knows is asked about at once. */
static void test_join_policy__strangers_leave_places_for_the_proven(
	void **state)
{
	struct kit *k = *state;
	struct kit_person h;
	struct kit_ask a = {.alias = "demo"};
	Cv__HttpGet *g;
	uint32_t req;

	kit_profile(k, service_on);
	h = board_host(k);
	for (uint32_t i = 0; i < 240; i++) {
		a.ip = 10u << 24 | i << 8 | 1;
		(void)kit_join_send(k, &a);
		g = kit_wait(k, KIT_COURIER, IPC_HTTP_GET);
		assert_true(g->stranger);
		kit_free(g);
	}
	a.ip = 11u << 24 | 1;
	assert_int_equal(kit_join_ask(k, &a).outcome, BUSY);
	a = (struct kit_ask){.alias = "anything", .cookie = h.cookie,
			     .pin = "482913", .ip = 11u << 24 | 1};
	req = kit_join_send(k, &a);
	g = kit_wait(k, KIT_COURIER, IPC_HTTP_GET);
	assert_false(g->stranger);
	KIT_ANSWER(k, g->req, board);
	kit_free(g);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, OK);
	assert_int_equal(status_of(k, "lookups_waiting"), 240);
	assert_int_equal(status_of(k, "refused_lookups_strangers"), 1);
}

static void test_join_policy__one_source_has_its_part_of_lookups(void **state)
{
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .ip = 10u << 24 | 7};
	uint64_t alarms;

	kit_profile(k, service_on);
	alarms = status_of(k, "alarms");
	for (int i = 0; i < 30; i++) {
		(void)kit_join_send(k, &a);
		kit_free(kit_wait(k, KIT_COURIER, IPC_HTTP_GET));
	}
	assert_int_equal(kit_join_ask(k, &a).outcome, BUSY);
	a.ip++;
	(void)kit_join_send(k, &a);
	kit_free(kit_wait(k, KIT_COURIER, IPC_HTTP_GET));
	assert_int_equal(status_of(k, "refused_lookups_per_source"), 1);
	/* A full queue says nothing about the server. */
	assert_int_equal(status_of(k, "alarms"), alarms);
}

/* --- scripts ------------------------------------------------------------------------ */

static void test_join_policy__script_has_the_last_word(void **state)
{
	static const char *const on[] = {
		"enable_internal_service_policy", "true",
		"internal_service_policy_template",
		"{% if call_info.vendor == \"evil\" or not service_config %}"
		"{\"action\": \"reject\"}"
		"{% else %}"
		"{\"action\": \"continue\", \"result\": "
		"{{service_config|pex_to_json}}}"
		"{% endif %}", NULL};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "123456"};

	kit_profile(k, on);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
	a.agent = "evil";
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.agent = NULL;
	a.alias = "nobody";
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	assert_false(has_alarm(k, "policy_script_failed"));
}

static void test_join_policy__script_makes_a_room_with_another_pin(
	void **state)
{
	static const char *const on[] = {
		"enable_internal_service_policy", "true",
		"internal_service_policy_template",
		"{\"action\": \"continue\", \"result\": {"
		"\"service_type\": \"conference\", \"name\": \"Room of "
		"{{call_info.local_alias}}\", \"service_tag\": \"\", "
		"\"pin\": \"739155\"}}", NULL};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "alice", .pin = "123456"};
	Cv__JoinReply *r;

	kit_profile(k, on);
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	a.pin = "739155";
	r = kit_join_raw(k, &a);
	assert_int_equal(r->outcome, OK);
	assert_true(span_eq(ipc_bytes(r->conference_name),
			    SPAN_LIT("Room of alice")));
	kit_free(r);
}

static void test_join_policy__script_that_fails_rejects(void **state)
{
	static const char *const on[] = {
		"enable_internal_service_policy", "true",
		"internal_service_policy_template",
		"{% for i in range(9999) %}{% for j in range(9999) %}x"
		"{% endfor %}{% endfor %}", NULL};
	static const char *const keep[] = {"which", "P", "on_failure_service",
					   "keep", NULL, NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};

	kit_profile(k, on);
	assert_int_equal(kit_join_ask(k, &a).outcome, WRONG);
	assert_true(has_alarm(k, "policy_script_failed"));
	cli_ok(k, "change", "policy_server", keep);
	assert_int_equal(kit_join_ask(k, &a).outcome, OK);
}

static void test_join_policy__participant_script_sees_and_changes(void **state)
{
	static const char *const on[] = {
		"enable_internal_participant_policy", "true",
		"internal_participant_policy_template",
		"{\"action\": \"continue\", \"result\": {"
		"\"remote_display_name\": \"{{participant."
		"remote_display_name}} ({{call_info.participant_type}})\", "
		"\"preauthenticated_role\": \"chair\"}}", NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "654321",
				  .name = "Gus"};
	struct kit_person p;

	kit_profile(k, on);
	p = kit_join_ask(k, &a);
	assert_int_equal(p.outcome, OK);
	assert_true(p.host);
	assert_string_equal(p.name, "Gus (api) (standard)");
}

/* core again, its log in a file; what it said until it stopped. */
static void log_of_a_join(struct kit *k, const struct kit_ask *a, char *dst,
			  size_t cap)
{
	FILE *f = tmpfile();
	const int err = dup(2);
	size_t n;

	assert_true(f && err >= 0 && dup2(fileno(f), 2) == 2);
	kit_kill(k);
	kit_spawn(k);
	assert_int_equal(dup2(err, 2), 2);
	close(err);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_free(kit_wait(k, KIT_MEDIA, IPC_LEG_KEEP));
	assert_int_equal(kit_join_ask(k, a).outcome, OK);
	rewind(f);
	n = fread(dst, 1, cap - 1, f);
	dst[n] = 0;
	fclose(f);
}

static void test_join_policy__script_logs_no_pin(void **state)
{
	static const char *const on[] = {
		"enable_internal_service_policy", "true",
		"internal_service_policy_template",
		"{{pex_debug_log(call_info.local_alias, "
		"service_config.pin ~ service_config.guest_pin, service_config)}}"
		"{\"action\": \"continue\", \"result\": "
		"{{service_config|pex_to_json}}}", NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	static char said[65536];

	kit_profile(k, on);
	log_of_a_join(k, &a, said, sizeof(said));
	assert_non_null(strstr(said, "script says"));
	assert_non_null(strstr(said, "demo,"));
	assert_non_null(strstr(said, "************"));
	assert_null(strstr(said, "123456"));
	assert_null(strstr(said, "654321"));
}

/* --- what is decided about a participant ----------------------------------------------- */

static const char *const person_on[] = {"enable_participant_lookup", "true",
					NULL};

/* Joins; the server says this about him, both times. */
static struct kit_person join_as(struct kit *k, const struct kit_ask *a,
				 const struct kit_node *nodes, size_t n)
{
	const uint32_t req = kit_join_send(k, a);

	kit_tell(k, kit_asked(k, "participant/properties",
			      "participant_type=api"), 200, nodes, n);
	if (!a->control_only)
		kit_tell(k, kit_asked(k, "participant/properties",
				      "participant_type=standard"), 200,
			 nodes, n);
	return person(kit_join_answer(k, req));
}
#define JOIN_AS(k, a, nodes) \
	join_as((k), (a), (nodes), sizeof(nodes) / sizeof((nodes)[0]))

/* The row of that participant, as a host sees it. */
static Cv__CommandReply *rows_of(struct kit *k, const struct kit_person *host)
{
	Cv__Command c = CV__COMMAND__INIT;

	c.req = ++k->req;
	c.op = CV__OP__OP_PARTICIPANTS;
	c.alias = ipc_data(SPAN_LIT("demo"));
	c.token = ipc_data(span_str(host->token));
	assert_int_equal(KIT_SEND(k, WEB, COMMAND, &c), 0);
	return kit_wait(k, KIT_WEB, IPC_COMMAND_REPLY);
}

static const Cv__ParticipantRow *row_of(const Cv__CommandReply *r,
					const struct kit_person *p)
{
	for (size_t i = 0; i < r->n_rows; i++)
		if (span_eq(ipc_bytes(r->rows[i]->uuid), span_str(p->uuid)))
			return r->rows[i];
	fail();
	return NULL;
}

static const struct kit_node nothing[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
};

static void test_join_policy__properties_act(void **state)
{
	static const struct kit_node props[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"),
		KIT_O(0, "result"), KIT_S(2, "remote_display_name", "Caller"),
		KIT_S(2, "remote_alias", "withheld"),
		KIT_S(2, "call_tag", "pstn"), KIT_T(2, "bypass_lock"),
		KIT_T(2, "disable_overlay_text")};
	struct kit *k = *state;
	const struct kit_ask h = {.alias = "demo", .pin = "123456",
				  .name = "Hanna"};
	const struct kit_ask g = {.alias = "demo", .pin = "654321",
				  .name = "+49 30 1234567"};
	struct kit_person host, guest, waits;
	const Cv__ParticipantRow *row;
	Cv__CommandReply *r;
	Cv__VideoPerson *v;

	kit_profile(k, person_on);
	host = JOIN_AS(k, &h, nothing);
	assert_int_equal(kit_call(k, &host, false), CV__RESULT_CODE__RESULT_OK);
	assert_int_equal(kit_command(k, &host, CV__OP__OP_LOCK, NULL),
			 CV__RESULT_CODE__RESULT_OK);
	guest = JOIN_AS(k, &g, props);
	waits = JOIN_AS(k, &g, nothing);
	r = rows_of(k, &host);
	row = row_of(r, &guest);
	assert_int_equal(row->service, CV__SERVICE_TYPE__SERVICE_CONFERENCE);
	assert_true(span_eq(ipc_bytes(row->display_name), SPAN_LIT("Caller")));
	assert_true(span_eq(ipc_bytes(row->uri), SPAN_LIT("withheld")));
	assert_true(span_eq(ipc_bytes(row->call_tag), SPAN_LIT("pstn")));
	assert_int_equal(row->overlay_text.len, 0);
	row = row_of(r, &waits);
	assert_int_equal(row->service, CV__SERVICE_TYPE__SERVICE_WAITING_ROOM);
	assert_true(span_eq(ipc_bytes(row->uri), ipc_bytes(row->display_name)));
	kit_free(r);
	kit_forget(k);
	assert_int_equal(kit_call(k, &guest, false),
			 CV__RESULT_CODE__RESULT_OK);
	do {
		v = kit_wait(k, KIT_VIDEO, IPC_VIDEO_PERSON);
		assert_int_equal(v->name.len, 0);
		if (v->video)
			break;
		kit_free(v);
	} while (true);
	kit_free(v);
}

static void test_join_policy__control_only_is_asked_about_once(void **state)
{
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "123456",
			    .name = "Hanna", .control_only = true};
	struct kit_person p;
	Cv__CallReply *r;
	uint32_t req;

	kit_profile(k, all_on);
	req = kit_join_send(k, &a);
	kit_tell(k, kit_asked(k, "service/configuration", NULL), 404, NULL,
		 0);
	kit_tell(k, kit_asked(k, "participant/properties",
			      "participant_type=api_host"), 404, NULL, 0);
	p = person(kit_join_answer(k, req));
	assert_int_equal(p.outcome, OK);
	assert_null(kit_take(k, KIT_COURIER, IPC_HTTP_GET));
	/* He passed as one without media, and stays it. */
	r = kit_call_raw(k, "demo", p.token, p.uuid, "");
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_INVALID_ROLE);
	kit_free(r);
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	r = kit_call_raw(k, "demo", p.token, p.uuid, "");
	assert_int_equal(r->code, CV__RESULT_CODE__RESULT_INVALID_ROLE);
	kit_free(r);
}

/* Into his seat without a question; when that is gone, he is a newcomer. */
static void test_join_policy__who_returns_is_asked_about_without_a_seat(
	void **state)
{
	static const struct kit_node no[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"),
		KIT_S(0, "action", "reject"), KIT_O(0, "result")};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "demo", .pin = "123456"};
	struct kit_person h, p;
	char reconnect[KIT_TEXT];
	Cv__JoinReply *r;
	uint32_t req;

	h = kit_join_ask(k, &a);
	p = kit_join_ask(k, &a);
	assert_int_equal(p.outcome, OK);
	kit_profile(k, person_on);
	a.pin = NULL;
	a.reconnect = p.reconnect;
	p = kit_join_ask(k, &a);
	assert_int_equal(p.outcome, OK);
	memcpy(reconnect, p.reconnect, sizeof(reconnect));
	assert_int_equal(kit_command(k, &p, CV__OP__OP_RELEASE_TOKEN, NULL),
			 CV__RESULT_CODE__RESULT_OK);
	a.reconnect = reconnect;
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "participant/properties",
				"participant_type=api_host"), no);
	r = kit_join_answer(k, req);
	assert_int_equal(r->outcome, REJECTED);
	kit_free(r);
	assert_int_equal(kit_command(k, &h, CV__OP__OP_REFRESH_TOKEN, NULL),
			 CV__RESULT_CODE__RESULT_OK);
}

static const struct kit_node far[] = {
	KIT_O(0, NULL), KIT_S(0, "status", "success"), KIT_O(0, "result"),
	KIT_S(2, "location", "Far"),
};

/* The place that the server names is where media is, also after a crash. */
static void test_join_policy__media_location_acts(void **state)
{
	static const char *const on[] = {"enable_media_location_lookup",
					 "true", NULL};
	static const char *const place[] = {"name", "Far", "media_qos", "46",
					    "mtu", "1300", NULL, NULL};
	struct kit *k = *state;
	const struct kit_ask a = {.alias = "demo", .pin = "123456"};
	struct kit_person p;
	Cv__LegOpen *open;
	uint32_t req;

	kit_profile(k, on);
	cli_ok(k, "create", "system_location", place);
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "participant/location", "location=all"),
		   far);
	p = person(kit_join_answer(k, req));
	assert_int_equal(kit_call(k, &p, false), CV__RESULT_CODE__RESULT_OK);
	open = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(open->dscp == 46 && open->mtu == 1300);
	kit_free(open);
	/* So that the call is on disk, too. */
	assert_int_equal(kit_command(k, &p, CV__OP__OP_P_CLIENT_MUTE, p.uuid),
			 CV__RESULT_CODE__RESULT_OK);
	kit_kill(k);
	kit_spawn(k);
	kit_link(k, KIT_WEB);
	kit_link(k, KIT_VIDEO);
	kit_link_media(k, NULL);
	kit_forget(k);
	assert_int_equal(kit_call(k, &p, true), CV__RESULT_CODE__RESULT_OK);
	open = kit_wait(k, KIT_MEDIA, IPC_LEG_OPEN);
	assert_true(open->dscp == 46 && open->mtu == 1300);
	kit_free(open);
}

/* What a service says and would let in who is to stay outside, were it not
 * heard. */
static void test_join_policy__locks_and_breakout_rooms(void **state)
{
	static const char *const on[] = {"enable_service_lookup", "true",
					 NULL};
	static const struct kit_node locked[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"),
		KIT_O(0, "result"), KIT_S(2, "service_type", "conference"),
		KIT_S(2, "name", "Board"), KIT_S(2, "service_tag", ""),
		KIT_S(2, "pin", "482913"), KIT_S(2, "guest_pin", "482914"),
		KIT_T(2, "allow_guests"), KIT_T(2, "locked")};
	static const struct kit_node breakout[] = {
		KIT_O(0, NULL), KIT_S(0, "status", "success"),
		KIT_O(0, "result"), KIT_S(2, "service_type", "conference"),
		KIT_S(2, "name", "Board"), KIT_S(2, "service_tag", ""),
		KIT_T(2, "breakout"), KIT_S(2, "breakout_uuid", "x"),
		KIT_S(2, "breakout_name", "Corner"),
		KIT_S(2, "pin", "482913")};
	struct kit *k = *state;
	struct kit_ask a = {.alias = "board", .pin = "482913"};
	struct kit_person h;
	Cv__CallReply *call;
	Cv__JoinReply *r;
	uint32_t req;

	kit_profile(k, on);
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), locked);
	h = person(kit_join_answer(k, req));
	assert_int_equal(h.outcome, OK);
	call = kit_call_raw(k, "board", h.token, h.uuid, "");
	assert_int_equal(call->code, CV__RESULT_CODE__RESULT_OK);
	kit_free(call);
	a.pin = "482914";
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), locked);
	r = kit_join_answer(k, req);
	assert_int_equal(r->outcome, OK);
	assert_int_equal(r->service, CV__SERVICE_TYPE__SERVICE_WAITING_ROOM);
	kit_free(r);
	a.pin = "482913";
	req = kit_join_send(k, &a);
	KIT_ANSWER(k, kit_asked(k, "service/configuration", NULL), breakout);
	assert_int_equal(person(kit_join_answer(k, req)).outcome, WRONG);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		F(test_join_policy__server_describes_a_room),
		F(test_join_policy__same_name_is_the_same_room),
		F(test_join_policy__reject_is_as_an_unknown_alias),
		F(test_join_policy__no_opinion_and_failures_leave_it_to_us),
		F(test_join_policy__alarms_go_with_their_profile),
		F(test_join_policy__a_server_that_fails_rejects),
		F(test_join_policy__an_answer_behind_the_caller_is_dropped),
		F(test_join_policy__unknown_costs_the_same_messages),
		F(test_join_policy__order_of_the_questions),
		F(test_join_policy__participant_rejected_with_a_reason),
		F(test_join_policy__strangers_leave_places_for_the_proven),
		F(test_join_policy__one_source_has_its_part_of_lookups),
		F(test_join_policy__script_has_the_last_word),
		F(test_join_policy__script_makes_a_room_with_another_pin),
		F(test_join_policy__script_that_fails_rejects),
		F(test_join_policy__participant_script_sees_and_changes),
		F(test_join_policy__script_logs_no_pin),
		F(test_join_policy__properties_act),
		F(test_join_policy__control_only_is_asked_about_once),
		F(test_join_policy__who_returns_is_asked_about_without_a_seat),
		F(test_join_policy__media_location_acts),
		F(test_join_policy__locks_and_breakout_rooms),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
