/* From courier's message to an event of the policy machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/policy_wire.h"
#include "ipc/ipc.h"

static struct policy_answer read_nodes(struct arena *a, Cv__HttpResult *r,
				       Cv__JsonNode *nodes, size_t n)
{
	struct policy_reader rd = {.arena = a};
	struct policy_answer out;
	Cv__JsonNode *list[8];

	for (size_t i = 0; i < n; i++)
		list[i] = &nodes[i];
	r->nodes = list;
	r->n_nodes = n;
	policy_wire_read(&out, POLICY_REGISTRATION, r, &rd);
	return out;
}

static Cv__JsonNode node(uint32_t parent, Cv__JsonKind kind, const char *key,
			 const char *text)
{
	Cv__JsonNode n = CV__JSON_NODE__INIT;

	n.parent = parent;
	n.kind = kind;
	n.key = ipc_data(span_str(key));
	n.text = ipc_data(span_str(text));
	return n;
}

static void test_policy_wire__reads_a_tree(void **state)
{
	char password[] = "secret";
	Cv__JsonNode nodes[] = {
		node(0, CV__JSON_KIND__JSON_OBJECT, NULL, NULL),
		node(0, CV__JSON_KIND__JSON_TEXT, "status", "success"),
		node(0, CV__JSON_KIND__JSON_OBJECT, "result", NULL),
		node(2, CV__JSON_KIND__JSON_TEXT, "username", "u"),
		node(2, CV__JSON_KIND__JSON_TEXT, "password", password),
	};
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct policy_answer a;

	r.status = 200;
	a = read_nodes(*state, &r, nodes, 5);
	assert_int_equal(a.event, POLICY_EV_ANSWER);
	password[0] = 'x';	/* the message is gone */
	assert_true(span_eq(a.v.registration.password, SPAN_LIT("secret")));
	nodes[4].parent = 3;
	a = read_nodes(*state, &r, nodes, 5);
	assert_int_equal(a.event, POLICY_EV_ANSWER_FAILED);
	assert_string_equal(a.why.rule, "tree");
	assert_int_equal(read_nodes(*state, &r, nodes, 0).event,
			 POLICY_EV_ANSWER_FAILED);
}

static void test_policy_wire__other_answers(void **state)
{
	struct policy_reader rd = {.arena = *state};
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct policy_answer a;

	policy_wire_read(&a, POLICY_SERVICE, NULL, &rd);
	assert_int_equal(a.event, POLICY_EV_ANSWER_FAILED);
	r.status = 404;
	policy_wire_read(&a, POLICY_SERVICE, &r, &rd);
	assert_int_equal(a.event, POLICY_EV_ANSWER_CONTINUE);
	r.status = 500;
	policy_wire_read(&a, POLICY_SERVICE, &r, &rd);
	assert_int_equal(a.event, POLICY_EV_ANSWER_FAILED);
	r.status = 0;
	for (int e = 1; e <= CV__HTTP_ERROR__HTTP_TLS_NAME; e++) {
		r.error = (Cv__HttpError)e;
		policy_wire_read(&a, POLICY_SERVICE, &r, &rd);
		assert_int_equal(a.event, POLICY_EV_ANSWER_FAILED);
		assert_string_not_equal(a.why.rule, "unknown error");
	}
	assert_string_equal(policy_wire_error_text((Cv__HttpError)99),
			    "unknown error");
}

static void test_policy_wire__avatars(void **state)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct span jpeg;

	(void)state;
	assert_int_equal(policy_wire_avatar(NULL, &jpeg),
			 POLICY_EV_ANSWER_FAILED);
	r.status = 404;
	assert_int_equal(policy_wire_avatar(&r, &jpeg),
			 POLICY_EV_ANSWER_CONTINUE);
	r.status = 200;
	r.body = ipc_data(SPAN_LIT("\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x03"
				   "\0\0\0"));
	assert_int_equal(policy_wire_avatar(&r, &jpeg), POLICY_EV_ANSWER);
	assert_int_equal(jpeg.n, 15);
	r.body = ipc_data(SPAN_LIT("\xff\xd8"));
	assert_int_equal(policy_wire_avatar(&r, &jpeg),
			 POLICY_EV_ANSWER_FAILED);
	r.body = ipc_data(SPAN_LIT("GIF89a"));
	assert_int_equal(policy_wire_avatar(&r, &jpeg),
			 POLICY_EV_ANSWER_FAILED);
}

static int setup(void **state)
{
	return arena_new((struct arena **)state, 1 << 20);
}

static int teardown(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_wire__reads_a_tree),
		cmocka_unit_test(test_policy_wire__other_answers),
		cmocka_unit_test(test_policy_wire__avatars),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
