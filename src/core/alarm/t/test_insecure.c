#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "core/alarm/insecure.h"

static struct schema_value v[SCHEMA_FIELDS_MAX];
static struct insecure out[INSECURE_MAX];

static const struct schema_resource *start(enum schema_resource_id id)
{
	const struct schema_resource *r = schema_resource(id);
	for (unsigned i = 0; i < r->n_fields; i++)
		v[i] = schema_default(r, i);
	v[SCHEMA_ID_FIELD] = (struct schema_value){.i = 12};
	if (r->name_field != SCHEMA_ID_FIELD)
		v[r->name_field] = (struct schema_value){
			.s = SPAN_LIT("Board")};
	return r;
}

static void set(const struct schema_resource *r, unsigned field,
		const char *text)
{
	struct schema_error why;
	if (schema_parse(r, field, span_str(text), &v[field], &why) < 0)
		fail_msg("%s", why.text);
}

static void test_insecure__defaults_raise_nothing(void **state)
{
	(void)state;
	for (int i = 1; i < RES_COUNT; i++) {
		const struct schema_resource *r =
			start((enum schema_resource_id)i);
		if (r->id == RES_CONFERENCE)
			set(r, CONFERENCE_PIN, "271828");
		if (r->id == RES_GATEWAY_ROUTING_RULE)
			set(r, GATEWAY_ROUTING_RULE_CALLED_DEVICE_TYPE,
			    "registration");
		if (r->id == RES_BREAK_IN_ALLOW_LIST_ADDRESS) {
			set(r, BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS,
			    "192.0.2.1");
			set(r, BREAK_IN_ALLOW_LIST_ADDRESS_PREFIX, "24");
		}
		if (insecure_row(r, v, out) != 0)
			fail_msg("%s: %s", r->name, out[0].instance);
	}
}

/* Each single value, by hand; and what the profile writes. */
static void test_insecure__every_relaxation_has_an_alarm(void **state)
{
	(void)state;
	for (const struct schema_relaxed *x = schema_relaxed(); x->value;
	     x++) {
		const struct schema_resource *r = start(RES_GLOBAL);
		char want[ALARM_INSTANCE_MAX];
		set(r, x->field, x->value);
		(void)snprintf(want, sizeof(want), "global.%s",
			       r->fields[x->field].name);
		if (insecure_row(r, v, out) != 1)
			fail_msg("%s raises nothing", want);
		assert_string_equal(out[0].instance, want);
		assert_int_equal(out[0].name, ALARM_INSECURE_SETTING);
		assert_true(*out[0].details != 0);
	}
}

static void test_insecure__a_whole_profile_is_an_alarm_each(void **state)
{
	(void)state;
	const struct schema_resource *r = start(RES_GLOBAL);
	size_t n = 0;
	for (const struct schema_relaxed *x = schema_relaxed(); x->value;
	     x++, n++)
		set(r, x->field, x->value);
	assert_int_equal(insecure_row(r, v, out), n);
}

static void test_insecure__single_values(void **state)
{
	(void)state;
	static const struct {
		enum schema_resource_id res;
		unsigned field;
		const char *value;
		const char *instance;
	} cases[] = {
		{RES_GLOBAL, GLOBAL_CRYPTO_MODE, "off", "global.crypto_mode"},
		{RES_GLOBAL, GLOBAL_BDPM_PIN_CHECKS_ENABLED, "false",
		 "global.bdpm_pin_checks_enabled"},
		{RES_GLOBAL, GLOBAL_ENABLE_LEGACY_DIALOUT_API, "true",
		 "global.enable_legacy_dialout_api"},
		{RES_GLOBAL, GLOBAL_MIN_PIN_LENGTH, "5",
		 "global.min_pin_length"},
		{RES_GLOBAL, GLOBAL_MIN_ALIAS_DIGITS, "5",
		 "global.min_alias_digits"},
		{RES_SYSTEM_LOCATION, SYSTEM_LOCATION_BDPM_PIN_CHECKS_ENABLED,
		 "OFF", "system_location 12 Board: bdpm_pin_checks_enabled"},
		{RES_POLICY_SERVER, POLICY_SERVER_ON_FAILURE_SERVICE, "keep",
		 "policy_server 12 Board: on_failure_service"},
		{RES_SIP_PROXY, SIP_PROXY_TRANSPORT, "udp",
		 "sip_proxy 12 Board: transport"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct schema_resource *r = start(cases[i].res);
		set(r, cases[i].field, cases[i].value);
		assert_int_equal(insecure_row(r, v, out), 1);
		assert_string_equal(out[0].instance, cases[i].instance);
	}
}

static void test_insecure__a_room_without_pin(void **state)
{
	(void)state;
	const struct schema_resource *r = start(RES_CONFERENCE);
	assert_int_equal(insecure_row(r, v, out), 1);
	assert_int_equal(out[0].name, ALARM_ROOM_WITHOUT_PIN);
	assert_string_equal(out[0].instance, "conference 12 Board");
}

static void test_insecure__rules_that_strangers_can_use(void **state)
{
	(void)state;
	const struct schema_resource *r = start(RES_GATEWAY_ROUTING_RULE);
	assert_int_equal(insecure_row(r, v, out), 1);
	assert_int_equal(out[0].name, ALARM_RULE_OPEN_TO_OUTSIDE);
	set(r, GATEWAY_ROUTING_RULE_RECEPTION_MAY_REACH, "true");
	assert_int_equal(insecure_row(r, v, out), 2);
	set(r, GATEWAY_ROUTING_RULE_MATCH_INCOMING_ONLY_IF_REGISTERED,
	    "true");
	assert_int_equal(insecure_row(r, v, out), 1);
	set(r, GATEWAY_ROUTING_RULE_ENABLE, "false");
	assert_int_equal(insecure_row(r, v, out), 0);
}

static void test_insecure__wide_networks_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *address, *prefix;
		size_t n;
	} cases[] = {{"10.0.0.0", "8", 1}, {"10.0.0.0", "16", 0},
		     {"2001:db8::", "31", 1}, {"2001:db8::", "32", 0}};
	for (size_t i = 0; i < 4; i++) {
		const struct schema_resource *r =
			start(RES_BREAK_IN_ALLOW_LIST_ADDRESS);
		set(r, BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS,
		    cases[i].address);
		set(r, BREAK_IN_ALLOW_LIST_ADDRESS_PREFIX, cases[i].prefix);
		assert_int_equal(insecure_row(r, v, out), cases[i].n);
	}
}

/* Lowering by the prefix finds all that a row raised and nothing else. */
static void test_insecure__prefix_belongs_to_one_row(void **state)
{
	(void)state;
	char dst[ALARM_INSTANCE_MAX];
	const struct schema_resource *r = start(RES_CONFERENCE);
	(void)insecure_row(r, v, out);
	assert_true(span_starts(span_str(out[0].instance),
				insecure_prefix(r, 12, dst)));
	assert_false(span_starts(span_str(out[0].instance),
				 insecure_prefix(r, 1, dst)));
	r = schema_resource(RES_GLOBAL);
	assert_true(span_eq(insecure_prefix(r, 1, dst),
			    SPAN_LIT("global.")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insecure__defaults_raise_nothing),
		cmocka_unit_test(test_insecure__every_relaxation_has_an_alarm),
		cmocka_unit_test(
			test_insecure__a_whole_profile_is_an_alarm_each),
		cmocka_unit_test(test_insecure__single_values),
		cmocka_unit_test(test_insecure__a_room_without_pin),
		cmocka_unit_test(test_insecure__rules_that_strangers_can_use),
		cmocka_unit_test(test_insecure__wide_networks_are_told),
		cmocka_unit_test(test_insecure__prefix_belongs_to_one_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
