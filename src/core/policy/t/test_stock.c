/* The scripts that we deliver, from what is known of a call to the verdict.
 * Argument: the folder packaging/policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/policy/result.h"
#include "core/policy/script/script.h"
#include "core/policy/vars.h"

enum { FILE_MAX = 16384, ARENA = 8 << 20 };

static const char *folder;

struct fixture {
	struct arena *a;
	struct policy_facts facts;
	struct policy_service service;
	struct policy_location location;
	bool is_unknown;		/* no service matched */
};

static bool has(void *arg, enum policy_object kind, struct span name)
{
	(void)arg;
	return kind == POLICY_OBJ_LOCATION &&
	       (span_eq(name, SPAN_LIT("HQ")) ||
		span_eq(name, SPAN_LIT("Berlin")) ||
		span_eq(name, SPAN_LIT("Oslo")));
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.a = NULL};
	policy_facts_init(&f.facts);
	f.facts.location = SPAN_LIT("HQ");
	f.facts.vendor = SPAN_LIT("Mozilla/5.0");
	f.facts.local_alias = SPAN_LIT("board");
	f.facts.remote_address = SPAN_LIT("10.2.3.4");
	policy_service_init(&f.service, POLICY_SV_CONFERENCE);
	f.service.name = SPAN_LIT("Board \"1\"");
	f.service.pin = SPAN_LIT("482913");
	f.service.guest_pin = SPAN_LIT("111222");
	f.service.allow_guests = true;
	f.location = (struct policy_location){.location = SPAN_LIT("HQ")};
	*state = &f;
	return arena_new(&f.a, ARENA);
}

static int teardown(void **state)
{
	arena_free(&((struct fixture *)*state)->a);
	return 0;
}

/* With one text replaced by another, as an administrator would. */
static struct span load(struct arena *a, const char *name, const char *from,
			const char *to)
{
	char path[512], *text = arena_zalloc(a, FILE_MAX), *at, *out;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		fail_msg("%s", path);
	n = fread(text, 1, FILE_MAX - 1, f);
	assert_true(n > 0 && n < FILE_MAX - 1);
	(void)fclose(f);
	if (!from)
		return span_of(text, n);
	at = strstr(text, from);
	assert_non_null(at);
	out = arena_zalloc(a, FILE_MAX);
	(void)snprintf(out, FILE_MAX, "%.*s%s%s", (int)(at - text), text, to,
		       at + strlen(from));
	return span_str(out);
}

static struct policy_answer run(struct fixture *f, enum policy_kind kind,
				const char *name, const char *from,
				const char *to)
{
	struct policy_vars in = {
		.facts = &f->facts, .location = &f->location,
		.service = f->is_unknown ? NULL : &f->service,
	};
	struct policy_reader rd = {.arena = f->a, .has = has};
	struct script_env env = {.now_us = 0};
	struct script_error err = {.line = 0};
	struct script *s = NULL;
	struct policy_answer out;
	struct span text;
	struct jtree t;
	struct val vars;

	if (script_compile(&s, load(f->a, name, from, to), &err) < 0)
		fail_msg("%s:%u:%u: %s", name, err.line, err.column, err.text);
	assert_int_equal(policy_vars_make(f->a, kind, &in, &vars), 0);
	if (script_run(s, vars, &env, NULL, f->a, &text, &err, NULL) < 0)
		fail_msg("%s:%u:%u: %s", name, err.line, err.column, err.text);
	script_free(&s);
	if (jtree_parse(&t, f->a, text, NULL) < 0)
		fail_msg("%.*s", (int)text.n, (const char *)text.p);
	policy_script_read(&out, kind, &t, &rd);
	if (out.event == POLICY_EV_SCRIPT_FAILED)
		fail_msg("%s: %s: %.*s", out.why.member, out.why.rule,
			 (int)text.n, (const char *)text.p);
	return out;
}

static struct policy_answer service(struct fixture *f, const char *name,
				    const char *from, const char *to)
{
	return run(f, POLICY_SERVICE, name, from, to);
}

static void expect_unchanged(struct fixture *f, const struct policy_answer *a)
{
	assert_int_equal(a->event, POLICY_EV_SCRIPT);
	assert_true(span_eq(a->v.service.name, f->service.name));
	assert_true(span_eq(a->v.service.pin, f->service.pin));
	assert_true(span_eq(a->v.service.guest_pin, f->service.guest_pin));
	assert_int_equal(a->v.service.allow_guests, f->service.allow_guests);
	assert_int_equal(a->v.service.type, f->service.type);
}

#define AGENTS "reject-user-agents.j2"
#define ROOMS "registered-only-rooms.j2"
#define PINS "pin-by-location.j2"
#define SUBNETS "media-location-by-subnet.j2"

static void test_stock__unknown_aliases_stay_unknown(void **state)
{
	static const char *const all[] = {AGENTS, ROOMS, PINS};
	struct fixture *f = *state;

	f->is_unknown = true;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(service(f, all[i], NULL, NULL).event,
				 POLICY_EV_SCRIPT_REJECT);
}

static void test_stock__as_delivered_good_callers_get_in(void **state)
{
	static const char *const all[] = {AGENTS, ROOMS, PINS};
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		struct policy_answer a = service(f, all[i], NULL, NULL);

		expect_unchanged(f, &a);
	}
}

static void test_stock_agents__refuses_by_beginning_and_case(void **state)
{
	static const struct {
		const char *agent;
		bool in;
	} rows[] = {
		{"friendly-scanner", false}, {"friendly-scanner/2", false},
		{"sipcli/v1.8", false}, {"pplsip", false},
		{"Friendly-Scanner", true}, {"my sipcli", true},
		{"", true}, {"\"}} sipcli", true}, {"sipcl", true},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_answer a;

		f->facts.vendor = span_str(rows[i].agent);
		a = service(f, AGENTS, NULL, NULL);
		assert_int_equal(a.event, rows[i].in ? POLICY_EV_SCRIPT :
						       POLICY_EV_SCRIPT_REJECT);
	}
}

static void test_stock_rooms__for_registered_devices(void **state)
{
	struct fixture *f = *state;
	struct policy_answer a;

	f->service.service_tag = SPAN_LIT("registered-board");
	assert_int_equal(service(f, ROOMS, NULL, NULL).event,
			 POLICY_EV_SCRIPT_REJECT);
	f->facts.registered = true;
	a = service(f, ROOMS, NULL, NULL);
	expect_unchanged(f, &a);
	f->facts.registered = false;
	f->service.service_tag = SPAN_LIT("open");
	a = service(f, ROOMS, NULL, NULL);
	expect_unchanged(f, &a);
	assert_int_equal(service(f, ROOMS, "closed = (\"registered\",)",
				 "closed = (\"\",)")
			 .event, POLICY_EV_SCRIPT_REJECT);
}

static void test_stock_rooms__only_rooms(void **state)
{
	struct fixture *f = *state;

	policy_service_init(&f->service, POLICY_SV_GATEWAY);
	f->service.name = SPAN_LIT("gw");
	f->service.service_tag = SPAN_LIT("registered");
	f->service.local_alias = f->service.remote_alias = SPAN_LIT("x");
	f->service.outgoing_protocol = POLICY_OUT_SIP;
	assert_int_equal(service(f, ROOMS, NULL, NULL).event,
			 POLICY_EV_SCRIPT);
	assert_int_equal(service(f, PINS, "trusted = []",
				 "trusted = [\"HQ\"]").event,
			 POLICY_EV_SCRIPT);
}

static void test_stock_pins__none_where_trusted(void **state)
{
	struct fixture *f = *state;
	struct policy_answer a = service(f, PINS, "trusted = []",
					 "trusted = [\"HQ\", \"Lab\"]");

	assert_int_equal(a.event, POLICY_EV_SCRIPT);
	assert_int_equal(a.v.service.pin.n, 0);
	assert_int_equal(a.v.service.guest_pin.n, 0);
	assert_false(a.v.service.allow_guests);
	assert_true(span_eq(a.v.service.name, f->service.name));
	f->facts.location = SPAN_LIT("DMZ");
	a = service(f, PINS, "trusted = []", "trusted = [\"HQ\", \"Lab\"]");
	expect_unchanged(f, &a);
}

#define ROWS "rows = [] -%}"
#define TWO "rows = [(\"Berlin\", [\"10.1.0.0/16\", \"2001:db8:1::/48\"]), " \
	    "(\"Oslo\", [\"10.0.0.0/8\"])] -%}"

static void test_stock_subnets__first_row_that_has_the_address(void **state)
{
	static const struct {
		const char *ip, *location;
		size_t overflow;
	} rows[] = {
		{"10.1.2.3", "Berlin", 1}, {"10.2.3.4", "Oslo", 1},
		{"2001:db8:1::7", "Berlin", 1}, {"192.0.2.1", "HQ", 0},
		{"nonsense", "HQ", 0}, {"", "HQ", 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_answer a;

		f->facts.remote_address = span_str(rows[i].ip);
		a = run(f, POLICY_LOCATION, SUBNETS, ROWS, TWO);
		if (!span_eq(a.v.location.location,
			     span_str(rows[i].location)))
			fail_msg("%s: %.*s", rows[i].ip,
				 (int)a.v.location.location.n,
				 (const char *)a.v.location.location.p);
		assert_int_equal(a.v.location.n_overflow, rows[i].overflow);
	}
}

static void test_stock_subnets__as_delivered_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct policy_answer a;

	f->location.overflow[0] = SPAN_LIT("Oslo");
	f->location.n_overflow = 1;
	a = run(f, POLICY_LOCATION, SUBNETS, NULL, NULL);
	assert_true(span_eq(a.v.location.location, SPAN_LIT("HQ")));
	assert_int_equal(a.v.location.n_overflow, 1);
	assert_true(span_eq(a.v.location.overflow[0], SPAN_LIT("Oslo")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_stock__unknown_aliases_stay_unknown),
		T(test_stock__as_delivered_good_callers_get_in),
		T(test_stock_agents__refuses_by_beginning_and_case),
		T(test_stock_rooms__for_registered_devices),
		T(test_stock_rooms__only_rooms),
		T(test_stock_pins__none_where_trusted),
		T(test_stock_subnets__first_row_that_has_the_address),
		T(test_stock_subnets__as_delivered_changes_nothing),
	};

	if (argc != 2)
		return 1;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
