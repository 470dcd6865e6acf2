#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "core/row_check.h"

static struct schema_value v[SCHEMA_FIELDS_MAX];

static void start(enum schema_resource_id id)
{
	const struct schema_resource *r = schema_resource(id);

	for (unsigned i = 0; i < r->n_fields; i++)
		v[i] = schema_default(r, i);
}

static int check(enum schema_resource_id id, unsigned field, const char *text,
		 struct schema_error *why)
{
	start(id);
	if (id == RES_GATEWAY_ROUTING_RULE) {
		v[GATEWAY_ROUTING_RULE_NAME].s = SPAN_LIT("r");
		v[GATEWAY_ROUTING_RULE_NAME].is_null = false;
		v[GATEWAY_ROUTING_RULE_PRIORITY] = (struct schema_value){
			.i = 1};
		v[GATEWAY_ROUTING_RULE_ENABLE].i = 0;
		v[GATEWAY_ROUTING_RULE_MATCH_STRING] = (struct schema_value){
			.s = SPAN_LIT(".*")};
	}
	v[field] = (struct schema_value){.s = span_str(text)};
	*why = (struct schema_error){.text = ""};
	return core_row_check(id, v, why);
}

static void test_row_check__templates_name_line_and_column(void **state)
{
	static const unsigned fields[] = {
		POLICY_SERVER_INTERNAL_SERVICE_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_PARTICIPANT_POLICY_TEMPLATE,
		POLICY_SERVER_INTERNAL_MEDIA_LOCATION_POLICY_TEMPLATE};
	struct schema_error why;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(check(RES_POLICY_SERVER, fields[i],
				       "{\"action\": \"reject\"}", &why), 0);
		assert_int_equal(check(RES_POLICY_SERVER, fields[i], "", &why),
				 0);
		assert_int_equal(check(RES_POLICY_SERVER, fields[i],
				       "\xc3\xa4\n{% nonsense %}", &why),
				 E_FORMAT);
		assert_string_equal(why.rule, "template");
		assert_non_null(strstr(why.text, "line 2, column "));
		assert_in_range(why.place, 3, 17);
	}
}

static void test_row_check__rules_and_prefixes(void **state)
{
	struct schema_error why;

	(void)state;
	assert_int_equal(check(RES_GATEWAY_ROUTING_RULE,
			       GATEWAY_ROUTING_RULE_MATCH_STRING, "(", &why),
			 E_FORMAT);
	assert_string_equal(why.field, "match_string");
	assert_int_equal(check(RES_GATEWAY_ROUTING_RULE,
			       GATEWAY_ROUTING_RULE_MATCH_STRING, "9.*",
			       &why), 0);
	assert_int_equal(check(RES_GLOBAL, GLOBAL_DIALOUT_DENIED_PREFIXES,
			       "+49900,0190", &why), 0);
	assert_int_equal(check(RES_GLOBAL, GLOBAL_DIALOUT_DENIED_PREFIXES,
			       "+49,x", &why), E_FORMAT);
	assert_string_equal(why.field, "dialout_denied_prefixes");
	assert_int_equal(check(RES_CONFERENCE, CONFERENCE_NAME, "x", &why),
			 0);
}

static int body(void *arg)
{
	struct schema_error why;

	(void)arg;
	return check(RES_POLICY_SERVER,
		     POLICY_SERVER_INTERNAL_SERVICE_POLICY_TEMPLATE,
		     "{% if a %}{{ b }}{% endif %}", &why);
}

static void test_row_check__survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(alloc_test_every(body, NULL, 500) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_row_check__templates_name_line_and_column),
		cmocka_unit_test(test_row_check__rules_and_prefixes),
		cmocka_unit_test(test_row_check__survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
