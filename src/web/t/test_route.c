#include "http/t/t.h"
#include "web/route.h"

static struct http_path path;
static struct route r;

#define C "/api/client/v2/conferences/room1/"
#define P C "participants/u1/"

static void find(enum http_method m, const char *p)
{
	assert_int_equal(http_path_parse(&path, span_str(p)), 0);
	route_find(&r, m, &path);
}

static void test_route__finds_each_request_of_the_api(void **st)
{
	(void)st;
	static const struct {
		enum http_method m;
		const char *path;
		enum route_kind kind;
		Cv__Op op;
		enum route_result result;
	} v[] = {
		{HTTP_POST, C "request_token", ROUTE_JOIN},
		{HTTP_POST, C "refresh_token", ROUTE_COMMAND,
		 CV__OP__OP_REFRESH_TOKEN, RESULT_IS_TOKEN},
		{HTTP_POST, C "release_token", ROUTE_COMMAND,
		 CV__OP__OP_RELEASE_TOKEN, RESULT_IS_TRUE},
		{HTTP_GET, C "theme/", ROUTE_COMMAND, CV__OP__OP_THEME,
		 RESULT_IS_EMPTY},
		{HTTP_GET, C "theme", ROUTE_COMMAND, CV__OP__OP_THEME,
		 RESULT_IS_EMPTY},
		{HTTP_GET, C "events", ROUTE_EVENTS},
		{HTTP_GET, C "conference_status", ROUTE_COMMAND,
		 CV__OP__OP_CONFERENCE_STATUS, RESULT_IS_STATUS},
		{HTTP_GET, C "participants", ROUTE_COMMAND,
		 CV__OP__OP_PARTICIPANTS, RESULT_IS_ROWS},
		{HTTP_POST, C "disconnect", ROUTE_COMMAND,
		 CV__OP__OP_DISCONNECT_ALL, RESULT_IS_TRUE},
		{HTTP_POST, C "message", ROUTE_COMMAND, CV__OP__OP_MESSAGE},
		{HTTP_POST, P "disconnect", ROUTE_COMMAND,
		 CV__OP__OP_P_DISCONNECT},
		{HTTP_POST, P "unlock", ROUTE_COMMAND, CV__OP__OP_P_UNLOCK},
		{HTTP_POST, P "take_floor", ROUTE_COMMAND,
		 CV__OP__OP_P_TAKE_FLOOR, RESULT_IS_NULL},
		{HTTP_POST, P "release_floor", ROUTE_COMMAND,
		 CV__OP__OP_P_RELEASE_FLOOR, RESULT_IS_NULL},
		{HTTP_POST, P "allowrxpresentation", ROUTE_COMMAND,
		 CV__OP__OP_P_ALLOW_RX_PRESENTATION, RESULT_IS_TRUE},
		{HTTP_POST, P "denyrxpresentation", ROUTE_COMMAND,
		 CV__OP__OP_P_DENY_RX_PRESENTATION, RESULT_IS_TRUE},
		{HTTP_POST, P "calls", ROUTE_CALL, CV__OP__OP_NONE,
		 RESULT_IS_CALL},
		{HTTP_POST, P "calls/c1/update", ROUTE_CALL, CV__OP__OP_NONE,
		 RESULT_IS_CALL},
		{HTTP_POST, P "calls/c1/ack", ROUTE_COMMAND,
		 CV__OP__OP_CALL_ACK, RESULT_IS_TRUE},
		{HTTP_POST, P "calls/c1/new_candidate", ROUTE_COMMAND,
		 CV__OP__OP_CALL_NEW_CANDIDATE, RESULT_IS_NULL},
		{HTTP_POST, P "calls/c1/disconnect", ROUTE_COMMAND,
		 CV__OP__OP_CALL_DISCONNECT, RESULT_IS_NULL},
		{HTTP_POST, P "calls/c1/statistics", ROUTE_COMMAND,
		 CV__OP__OP_CALL_STATISTICS, RESULT_IS_NULL},
		{HTTP_GET, "/api/client/v2/status", ROUTE_STATUS},
		{HTTP_GET, "/", ROUTE_PAGE},
		{HTTP_GET, "/meet", ROUTE_PAGE},
		{HTTP_GET, "/meet/room%2F1", ROUTE_PAGE},
		{HTTP_GET, "/assets/x.js", ROUTE_FILE},
		{HTTP_GET, "/meet/a/b", ROUTE_FILE},
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		find(v[i].m, v[i].path);
		assert_int_equal(r.kind, v[i].kind);
		assert_false(r.wrong_method);
		if (r.row) {
			assert_int_equal(r.row->op, v[i].op);
			assert_int_equal(r.row->result, v[i].result);
			assert_span(r.alias, "room1");
		}
	}
	find(HTTP_POST, P "calls/c1/ack");
	assert_span(r.participant, "u1");
	assert_span(r.call, "c1");
}

static void test_route__decodes_the_alias(void **st)
{
	(void)st;
	find(HTTP_GET, "/api/client/v2/conferences/a%40b.example/events");
	assert_span(r.alias, "a@b.example");
	find(HTTP_GET, "/api/client/v2/conferences/a@b.example/events");
	assert_span(r.alias, "a@b.example");
}

static void test_route__knows_nothing_else(void **st)
{
	(void)st;
	static const char *const none[] = {
		"/api", "/api/client/v2", "/api/client/v1/status",
		"/api/client/v2/conferences", "/api/client/v2/conferences/a",
		C "transfer", C "participants/u1", P "nothing", P "calls/c1",
		P "calls/c1/nothing", P "calls/c1/ack/x", C "events/x",
		"/api/client/v2/status/x",
	};
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		find(HTTP_POST, none[i]);
		assert_int_equal(r.kind, ROUTE_NONE);
		assert_true(r.is_api);
	}
}

static void test_route__tells_a_wrong_method(void **st)
{
	(void)st;
	find(HTTP_GET, C "refresh_token");
	assert_true(r.wrong_method);
	assert_int_equal(r.row->method, HTTP_POST);
	find(HTTP_HEAD, C "events");
	assert_true(r.wrong_method);
	find(HTTP_HEAD, C "participants");
	assert_false(r.wrong_method);
	find(HTTP_POST, "/");
	assert_true(r.wrong_method);
}

static void test_route__takes_query_tokens_on_three_rows(void **st)
{
	(void)st;
	unsigned n = 0;
	static const char *const all[] = {
		C "release_token", C "events", C "theme", C "refresh_token",
		C "participants", C "lock", P "mute", P "calls",
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		find(HTTP_POST, all[i]);
		n += r.row->query_token;
	}
	assert_int_equal(n, 3);
}

static void test_route__finds_registrations(void **st)
{
	(void)st;
#define R "/api/client/v2/registrations"
	static const struct {
		enum http_method m;
		const char *path;
		enum route_kind kind;
		Cv__RegOp reg;
		bool query_token;
	} v[] = {
		{HTTP_POST, R "/bob%40ex/request_token", ROUTE_REG,
		 CV__REG_OP__REG_REQUEST, false},
		{HTTP_POST, R "/bob%40ex/refresh_token", ROUTE_REG,
		 CV__REG_OP__REG_REFRESH, false},
		{HTTP_POST, R "/bob%40ex/release_token", ROUTE_REG,
		 CV__REG_OP__REG_RELEASE, true},
		{HTTP_GET, R "/bob%40ex/events", ROUTE_REG_EVENTS,
		 CV__REG_OP__REG_STREAM, true},
		{HTTP_GET, R, ROUTE_REG, CV__REG_OP__REG_SEARCH, false},
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		find(v[i].m, v[i].path);
		assert_int_equal(r.kind, v[i].kind);
		assert_int_equal(r.row->reg, v[i].reg);
		assert_int_equal(r.row->query_token, v[i].query_token);
		assert_false(r.wrong_method);
		if (v[i].reg != CV__REG_OP__REG_SEARCH)
			assert_true(span_eq(r.alias, SPAN_LIT("bob@ex")));
	}
	find(HTTP_POST, R);
	assert_true(r.wrong_method);
	find(HTTP_HEAD, R "/bob/events");
	assert_true(r.wrong_method);
	find(HTTP_POST, R "/bob/lock");
	assert_int_equal(r.kind, ROUTE_NONE);
	find(HTTP_POST, R "/bob");
	assert_int_equal(r.kind, ROUTE_NONE);
	find(HTTP_POST, R "/bob/participants/x/mute");
	assert_int_equal(r.kind, ROUTE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route__finds_each_request_of_the_api),
		cmocka_unit_test(test_route__decodes_the_alias),
		cmocka_unit_test(test_route__knows_nothing_else),
		cmocka_unit_test(test_route__tells_a_wrong_method),
		cmocka_unit_test(test_route__finds_registrations),
		cmocka_unit_test(
			test_route__takes_query_tokens_on_three_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
