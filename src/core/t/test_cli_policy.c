/* conclave policy test, through the real conclave-core; courier is played. */
#include "base/err.h"
#include "core/t/core_kit.h"
#include "courier.pb-c.h"

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	kit_start(k);
	kit_connect_cli(k);
	kit_link(k, KIT_COURIER);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_release(*state);
	free(*state);
	return 0;
}

/* All that was said, "what=value\n" in order; the error of the last reply. */
struct said {
	char text[16384];
	int error;
};

static void take(struct said *s, const Cv__CliReply *r)
{
	size_t n = strlen(s->text);

	for (size_t i = 0; i < r->n_rows; i++) {
		const Cv__CliRow *row = r->rows[i];

		assert_int_equal(row->n_fields, 2);
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n,
			"%.*s=%.*s\n", (int)row->fields[0]->value.len,
			(const char *)row->fields[0]->value.data,
			(int)row->fields[1]->value.len,
			(const char *)row->fields[1]->value.data);
		assert_true(n < sizeof(s->text));
	}
	s->error = r->error;
}

static void rest(struct kit *k, struct said *s, Cv__CliReply *r)
{
	bool more = r->more;

	take(s, r);
	kit_free(r);
	while (more) {
		r = kit_wait(k, KIT_CLI, IPC_CLI_REPLY);
		more = r->more;
		take(s, r);
		kit_free(r);
	}
}

static struct said try(struct kit *k, const char *const *fields)
{
	struct said s = {.error = 0};

	rest(k, &s, kit_cli(k, "policy", "test", fields));
	return s;
}

#define TRY(k, ...) \
	try((k), (const char *const[]){__VA_ARGS__, NULL, NULL})

static void says(const struct said *s, const char *line)
{
	char at[256];

	(void)snprintf(at, sizeof(at), "%s\n", line);
	if (!strstr(s->text, at))
		fail_msg("no %s in\n%s", line, s->text);
}

static void profile(struct kit *k, const char *url)
{
	const char *const f[] = {
		"name", "P", "url", url, "username", "bob",
		"password", "hidden-password",
		"internal_service_policy_template",
		"{\"action\":\"reject\",\"result\":{}}", NULL, NULL};
	Cv__CliReply *r = kit_cli(k, "create", "policy_server", f);

	if (r->error)
		fail_msg("%s", r->message);
	kit_free(r);
}

#define FRAME "{ {% if service_config %}\"action\":\"continue\",\"result\":" \
	"{{ service_config|pex_to_json }}{% else %}\"action\":\"reject\"," \
	"\"result\":{}{% endif %} }"

static void test_policy_test__shows_a_result_without_its_pin(void **state)
{
	struct said s = TRY(*state, "script", FRAME);

	assert_int_equal(s.error, 0);
	says(&s, "verdict=continue");
	says(&s, "name=Sample Room");
	says(&s, "pin=********");
	says(&s, "guest_pin=");
	assert_null(strstr(s.text, "482913"));
	s = TRY(*state, "script", FRAME, "found", "false");
	says(&s, "verdict=reject");
	s = TRY(*state, "script", "{\"action\":\"redirect\",\"result\":"
		"{\"new_alias\":\"{{ call_info.local_alias }}-2\"}}",
		"alias", "desk");
	says(&s, "verdict=redirect");
	says(&s, "new_alias=desk-2");
}

static void test_policy_test__takes_facts_and_input(void **state)
{
	struct said s = TRY(*state, "kind", "participant", "script",
		"{\"result\":{\"remote_display_name\":\"{{ call_info.vendor }}"
		"/{{ call_info.registered }}\"}}", "vendor", "sipcli",
		"registered", "true");

	says(&s, "verdict=continue");
	says(&s, "remote_display_name=sipcli/True");
	s = TRY(*state, "kind", "participant", "script",
		"{\"result\":{\"call_tag\":\"{{ x.y }}\"}}", "input",
		"{\"x\":{\"y\":\"z\"}}");
	says(&s, "call_tag=z");
	/* behind core's walls */
	s = TRY(*state, "kind", "participant", "script",
		"{\"result\":{\"call_tag\":\"{{ pex_now('Europe/Oslo').year "
		"> 2000 }}\"}}");
	says(&s, "call_tag=True");
	s = TRY(*state, "script", FRAME, "input", "[1]");
	says(&s, "verdict=not applied");
	says(&s, "reason=the input is no JSON object");
}

static void test_policy_test__names_the_place_of_an_error(void **state)
{
	struct said s = TRY(*state, "script", "{\n {{ 1 + }} }");

	says(&s, "verdict=not applied");
	says(&s, "reason=the script cannot be compiled");
	says(&s, "line=2");
	s = TRY(*state, "script", "{{ call_info.a.b.c }}");
	says(&s, "reason=the script failed");
	says(&s, "line=1");
	s = TRY(*state, "script", "{\"result\":");
	says(&s, "reason=what it printed is not JSON");
	s = TRY(*state, "script", "{\"result\":{\"service_type\":"
		"\"conference\",\"name\":\"n\",\"service_tag\":\"\","
		"\"pin\":\"77x\"}}");
	says(&s, "verdict=not applied");
	says(&s, "reason=pin: digits");
	assert_null(strstr(s.text, "77x"));
	s = TRY(*state, "script", "{% for a in range(9999) %}{% for b in "
		"range(9999) %}{% endfor %}{% endfor %}");
	says(&s, "reason=the script failed");
}

static void test_policy_test__of_a_profile(void **state)
{
	struct said s;

	profile(*state, "https://policy.example.org");
	s = TRY(*state, "which", "P");
	says(&s, "verdict=reject");
	assert_int_equal(TRY(*state, "which", "P", "kind", "participant")
			 .error, E_NOTFOUND);
	assert_int_equal(TRY(*state, "which", "Q").error, E_NOTFOUND);
	assert_int_equal(TRY(*state, "which", "P", "kind", "avatar").error,
			 E_INVAL);
	assert_int_equal(TRY(*state, "kind", "service").error, E_NOTFOUND);
	assert_int_equal(TRY(*state, "external", "true").error, E_NOTFOUND);
}

/* Sends only: the answer comes when courier's has. */
static void ask_external(struct kit *k, const char *which)
{
	Cv__CliRequest rq = CV__CLI_REQUEST__INIT;
	Cv__CliField f[4], *list[4];
	const char *const text[] = {"which", which, "external", "true",
				    "alias", "board", "kind", "service"};

	for (size_t i = 0; i < 4; i++) {
		cv__cli_field__init(&f[i]);
		f[i].name = (char *)(uintptr_t)text[2 * i];
		f[i].value = ipc_data(span_str(text[2 * i + 1]));
		list[i] = &f[i];
	}
	rq.verb = (char *)(uintptr_t)"policy";
	rq.resource = (char *)(uintptr_t)"test";
	rq.fields = list;
	rq.n_fields = 4;
	assert_int_equal(KIT_SEND(k, CLI, CLI_REQUEST, &rq), 0);
}

static struct said answered(struct kit *k, Cv__HttpResult *r)
{
	struct said s = {.error = 0};
	Cv__HttpGet *g = kit_wait(k, KIT_COURIER, IPC_HTTP_GET);
	char url[4096];

	assert_int_equal(span_cstr(ipc_bytes(g->url), url, sizeof(url)), 0);
	assert_non_null(strstr(url, "/policy/v1/service/configuration?"));
	assert_non_null(strstr(url, "local_alias=board&"));
	assert_true(span_eq(ipc_bytes(g->password),
			    SPAN_LIT("hidden-password")));
	r->req = g->req;
	kit_free(g);
	assert_int_equal(KIT_SEND(k, COURIER, HTTP_RESULT, r), 0);
	rest(k, &s, kit_wait(k, KIT_CLI, IPC_CLI_REPLY));
	assert_null(strstr(s.text, "hidden-password"));
	return s;
}

static void test_policy_test__asks_a_server_and_shows_no_body(void **state)
{
	struct kit *k = *state;
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	Cv__JsonNode n[3], *list[3] = {&n[0], &n[1], &n[2]};
	struct said s;

	profile(k, "https://policy.example.org");
	ask_external(k, "P");
	r.error = CV__HTTP_ERROR__HTTP_TLS_NAME;
	s = answered(k, &r);
	says(&s, "verdict=not applied");
	says(&s, "reason=the certificate is for another name");
	ask_external(k, "P");
	r.error = CV__HTTP_ERROR__HTTP_GUARDED;
	r.guard = 9;
	s = answered(k, &r);
	says(&s, "outbound guard=private");
	ask_external(k, "P");
	r = (Cv__HttpResult)CV__HTTP_RESULT__INIT;
	r.status = 503;
	s = answered(k, &r);
	says(&s, "status=503");
	says(&s, "verdict=not applied");
	ask_external(k, "P");
	for (size_t i = 0; i < 3; i++)
		cv__json_node__init(&n[i]);
	n[0].kind = CV__JSON_KIND__JSON_OBJECT;
	n[1].kind = n[2].kind = CV__JSON_KIND__JSON_TEXT;
	n[1].key = ipc_data(SPAN_LIT("action"));
	n[1].text = ipc_data(SPAN_LIT("reject"));
	n[2].key = ipc_data(SPAN_LIT("x"));
	n[2].text = ipc_data(SPAN_LIT("body text"));
	r.status = 200;
	r.nodes = list;
	r.n_nodes = 3;
	s = answered(k, &r);
	says(&s, "verdict=reject");
	says(&s, "status=200");
	assert_null(strstr(s.text, "body text"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_policy_test__shows_a_result_without_its_pin),
		T(test_policy_test__takes_facts_and_input),
		T(test_policy_test__names_the_place_of_an_error),
		T(test_policy_test__of_a_profile),
		T(test_policy_test__asks_a_server_and_shows_no_body),
	};

	if (argc != 2)
		return 1;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
