#include "core/t/courier_kit.h"

static void cli_ok(struct kit *k, const char *verb, const char *resource,
		   const char *const *fields)
{
	Cv__CliReply *r = kit_cli(k, verb, resource, fields);

	if (r->error)
		fail_msg("%s %s: %s", verb, resource, r->message);
	kit_free(r);
}

void kit_profile(struct kit *k, const char *const *fields)
{
	static const char *const place[] = {
		"name", "all", "source_networks", "0.0.0.0/0",
		"policy_server", "P", NULL, NULL};
	const char *f[24] = {"name", "P", "url",
			     "https://policy.example.org/base/"};
	size_t n = 4;

	for (size_t i = 0; fields[i] && n < 22; i++)
		f[n++] = fields[i];
	f[n] = f[n + 1] = NULL;
	cli_ok(k, "create", "policy_server", f);
	cli_ok(k, "create", "system_location", place);
	kit_forget(k);
}

static void send_result(struct kit *k, const Cv__HttpResult *r)
{
	assert_int_equal(kit_send(k, KIT_COURIER, IPC_HTTP_RESULT, &r->base),
			 0);
}

void kit_tell(struct kit *k, uint32_t req, uint32_t status,
	      const struct kit_node *nodes, size_t n)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	Cv__JsonNode jn[32], *list[32];

	assert_true(n <= 32);
	for (size_t i = 0; i < n; i++) {
		cv__json_node__init(&jn[i]);
		jn[i].parent = nodes[i].parent;
		jn[i].kind = nodes[i].kind;
		jn[i].key = ipc_data(span_str(nodes[i].key));
		jn[i].text = ipc_data(span_str(nodes[i].text));
		list[i] = &jn[i];
	}
	r.req = req;
	r.status = status;
	r.nodes = list;
	r.n_nodes = n;
	send_result(k, &r);
}

void kit_tell_image(struct kit *k, uint32_t req, struct span jpeg)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;

	r.req = req;
	r.status = 200;
	r.body = ipc_data(jpeg);
	send_result(k, &r);
}

void kit_tell_error(struct kit *k, uint32_t req, Cv__HttpError e)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;

	r.req = req;
	r.error = e;
	send_result(k, &r);
}

uint32_t kit_asked(struct kit *k, const char *path, const char *holds)
{
	Cv__HttpGet *g = kit_wait(k, KIT_COURIER, IPC_HTTP_GET);
	const uint32_t req = g->req;
	char url[16384];

	assert_int_equal(span_cstr(ipc_bytes(g->url), url, sizeof(url)), 0);
	if (!strstr(url, path) || (holds && !strstr(url, holds)))
		fail_msg("%s: no %s, %s", url, path, holds ? holds : "");
	assert_memory_equal(url, "https://policy.example.org/base/policy/v1/",
			    42);
	assert_int_equal(g->timeout_ms, 5000);
	assert_false(g->trusted_literal);
	kit_free(g);
	return req;
}
