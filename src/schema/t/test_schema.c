#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "schema/schema.h"

static const struct schema_resource *conf(void)
{
	return schema_resource(RES_CONFERENCE);
}

static int parse(enum schema_resource_id id, const char *field,
		 const char *text, struct schema_value *v,
		 struct schema_error *why)
{
	const struct schema_resource *r = schema_resource(id);
	int f = schema_field_named(r, span_str(field));
	assert_true(f >= 0);
	return schema_parse(r, (unsigned)f, span_str(text), v, why);
}

static void test_schema__every_default_is_valid(void **state)
{
	(void)state;
	for (int i = 1; i < RES_COUNT; i++) {
		const struct schema_resource *r = schema_resource(i);
		assert_string_equal(r->fields[SCHEMA_ID_FIELD].name, "id");
		for (unsigned f = 0; f < r->n_fields; f++) {
			if (r->fields[f].def == NULL)
				continue;
			struct schema_value v = schema_default(r, f);
			struct schema_error why;
			if (schema_check(r, f, &v, &why) < 0)
				fail_msg("%s", why.text);
		}
	}
}

static void test_schema__names_are_unique_and_described(void **state)
{
	(void)state;
	for (int i = 1; i < RES_COUNT; i++) {
		const struct schema_resource *r = schema_resource(i);
		assert_ptr_equal(schema_resource_named(span_str(r->name)), r);
		for (unsigned f = 0; f < r->n_fields; f++) {
			assert_int_equal(schema_field_named(r,
				span_str(r->fields[f].name)), f);
			assert_true(strlen(r->fields[f].help) > 5);
			assert_non_null(r->fields[f].unit);
		}
	}
}

/* The documented defaults of the management API, field by field. */
static void test_schema__defaults_are_the_documented_ones(void **state)
{
	(void)state;
	static const struct {
		enum schema_resource_id res;
		const char *field, *text;
	} want[] = {
		{RES_GLOBAL, "guests_only_timeout", "60"},
		{RES_GLOBAL, "waiting_for_chair_timeout", "900"},
		{RES_GLOBAL, "eject_last_participant_backstop_timeout", "0"},
		{RES_GLOBAL, "min_pin_length", "6"},
		{RES_GLOBAL, "bdpm_max_pin_failures_per_window", "20"},
		{RES_GLOBAL, "max_pin_failures_per_source", "5"},
		{RES_GLOBAL, "max_talkers", "5"},
		{RES_GLOBAL, "opus_complexity", "5"},
		{RES_GLOBAL, "max_encode_groups", "6"},
		{RES_GLOBAL, "personal_picture_max", "3"},
		{RES_GLOBAL, "max_callrate_out", "4128"},
		{RES_GLOBAL, "max_pixels_per_second", "hd"},
		{RES_CONFERENCE, "service_type", "conference"},
		{RES_CONFERENCE, "allow_guests", "false"},
		{RES_CONFERENCE, "guests_can_present", "true"},
		{RES_CONFERENCE, "mute_all_guests", "false"},
		{RES_CONFERENCE, "enable_chat", "default"},
		{RES_CONFERENCE, "call_type", "video"},
		{RES_CONFERENCE, "host_view", "one_main_seven_pips"},
		{RES_CONFERENCE, "participant_limit", ""},
		{RES_CONFERENCE, "pin", ""},
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct schema_resource *r = schema_resource(want[i].res);
		int f = schema_field_named(r, span_str(want[i].field));
		assert_true(f >= 0);
		struct schema_value v = schema_default(r, (unsigned)f);
		char text[64];
		assert_true(schema_print(&r->fields[f], &v, text,
					 sizeof(text)) >= 0);
		assert_string_equal(text, want[i].text);
	}
}

static void test_schema_parse__names_field_rule_and_place(void **state)
{
	(void)state;
	struct schema_value v;
	struct schema_error why;
	assert_int_equal(parse(RES_CONFERENCE, "participant_limit", "12x",
			       &v, &why), E_FORMAT);
	assert_string_equal(why.resource, "conference");
	assert_string_equal(why.field, "participant_limit");
	assert_string_equal(why.rule, "integer");
	assert_int_equal(why.place, 3);
	assert_int_equal(parse(RES_GLOBAL, "opus_complexity", "11", &v, &why),
			 E_LIMIT);
	assert_string_equal(why.rule, "range");
	assert_non_null(strstr(why.text, "global.opus_complexity"));
	assert_non_null(strstr(why.text, "0 to 10"));
}

static void test_schema_parse__bad_values_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum schema_resource_id res;
		const char *field, *text;
		int error;
	} bad[] = {
		{RES_CONFERENCE, "participant_limit", "-1", E_FORMAT},
		{RES_CONFERENCE, "participant_limit", "1000001", E_LIMIT},
		{RES_CONFERENCE, "participant_limit",
		 "99999999999999999999999", E_LIMIT},
		{RES_CONFERENCE, "allow_guests", "yes", E_FORMAT},
		{RES_CONFERENCE, "allow_guests", "", E_FORMAT},
		{RES_CONFERENCE, "call_type", "Video", E_FORMAT},
		{RES_CONFERENCE, "call_type", "", E_FORMAT},
		{RES_CONFERENCE, "service_type", "lecture", E_FORMAT},
		{RES_CONFERENCE, "name", "", E_LIMIT},
		{RES_CONFERENCE, "name", "a\nb", E_FORMAT},
		{RES_CONFERENCE, "name", "a\x7f", E_FORMAT},
		{RES_CONFERENCE, "name", "\xc3\x28", E_FORMAT},
		{RES_CONFERENCE, "id", "7", E_DENIED},
		{RES_CONFERENCE, "creation_time", "7", E_DENIED},
		{RES_CONFERENCE, "pin", "123", E_LIMIT},
		{RES_CONFERENCE, "pin", "12#456", E_FORMAT},
		{RES_CONFERENCE, "pin", "12345a", E_FORMAT},
		{RES_CONFERENCE, "pin", "123456##", E_FORMAT},
		{RES_CONFERENCE, "pin", "123456789012345678901", E_LIMIT},
		{RES_CONFERENCE, "max_callrate_in", "127", E_LIMIT},
		{RES_GLOBAL, "hosts_allowed", "a,,b", E_FORMAT},
		{RES_GLOBAL, "hosts_allowed", "a b", E_FORMAT},
		{RES_GLOBAL, "hosts_allowed", "a,", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "http://a", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "https://", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "https://A", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "https://a/", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "https://a,*", E_FORMAT},
		{RES_GLOBAL, "cors_origins", "https://a,", E_FORMAT},
		{RES_ADMINISTRATOR, "password", "short", E_LIMIT},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct schema_value v;
		struct schema_error why = {.text = ""};
		int e = parse(bad[i].res, bad[i].field, bad[i].text, &v, &why);
		if (e != bad[i].error)
			fail_msg("%s=%s gave %d", bad[i].field, bad[i].text, e);
		assert_string_equal(why.field, bad[i].field);
		assert_non_null(why.rule);
	}
}

static void test_schema_parse__good_values_round_trip(void **state)
{
	(void)state;
	static const struct {
		enum schema_resource_id res;
		const char *field, *text;
	} good[] = {
		{RES_CONFERENCE, "participant_limit", "0"},
		{RES_CONFERENCE, "participant_limit", ""},
		{RES_CONFERENCE, "participant_limit", "1000000"},
		{RES_CONFERENCE, "call_type", "video-only"},
		{RES_CONFERENCE, "allow_guests", "true"},
		{RES_CONFERENCE, "max_pixels_per_second", ""},
		{RES_CONFERENCE, "name", "B\xc3\xa4" "renrunde \xf0\x9f\x90\xbb"},
		{RES_GLOBAL, "hosts_allowed", "meet.example.org,[::1],127.0.0.1"},
		{RES_GLOBAL, "hosts_allowed", ""},
		{RES_GLOBAL, "cors_origins", "https://a.org:8443,https://b"},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct schema_resource *r = schema_resource(good[i].res);
		int f = schema_field_named(r, span_str(good[i].field));
		struct schema_value v;
		struct schema_error why = {.text = ""};
		if (schema_parse(r, (unsigned)f, span_str(good[i].text), &v,
				 &why) < 0)
			fail_msg("%s", why.text);
		char text[256];
		assert_true(schema_print(&r->fields[f], &v, text,
					 sizeof(text)) >= 0);
		assert_string_equal(text, good[i].text);
	}
}

static void test_schema_print__never_shows_a_secret(void **state)
{
	(void)state;
	struct schema_value v;
	assert_int_equal(parse(RES_CONFERENCE, "pin", "271828", &v, NULL), 0);
	char text[32];
	schema_print(&conf()->fields[CONFERENCE_PIN], &v, text, sizeof(text));
	assert_string_equal(text, "********");
}

static int check_pins(const char *pin, const char *guest, int allow, int min,
		      struct schema_error *why)
{
	struct schema_value v[CONFERENCE_COUNT];
	for (unsigned i = 0; i < CONFERENCE_COUNT; i++)
		v[i] = schema_default(conf(), i);
	v[CONFERENCE_NAME] = (struct schema_value){.s = SPAN_LIT("room")};
	int e = parse(RES_CONFERENCE, "pin", pin, &v[CONFERENCE_PIN], why);
	if (e == 0)
		e = parse(RES_CONFERENCE, "guest_pin", guest,
			  &v[CONFERENCE_GUEST_PIN], why);
	if (e < 0)
		return e;
	v[CONFERENCE_ALLOW_GUESTS].i = allow;
	struct schema_context ctx = {.min_pin_length = min};
	return schema_check_row(conf(), v, &ctx, why);
}

static void test_schema_check_row__pin_truth_table(void **state)
{
	(void)state;
	static const struct {
		const char *pin, *guest;
		int allow, min;
		const char *rule;	/* NULL = accepted */
	} rows[] = {
		{"", "", 0, 6, NULL},
		{"123459", "", 0, 6, NULL},
		{"123459", "", 1, 6, NULL},
		{"123459", "987651", 1, 6, NULL},
		{"", "", 1, 6, "pin-required"},
		{"", "123459", 1, 6, "pin-required"},
		{"12345", "", 0, 6, "pin-length"},
		{"1234", "", 0, 4, NULL},
		{"123459", "1234", 1, 6, "pin-length"},
		{"123459", "123459", 1, 6, "pin-differs"},
		{"123459", "9876512", 1, 6, "pin-same-length"},
		{"123459#", "987651", 1, 6, "pin-same-length"},
		{"123459#", "98765123#", 1, 6, NULL},
		{"123459#", "123459", 1, 6, "pin-differs"},
		{"27182818284590452353", "", 0, 20, NULL},
		{"12345678901234567890", "", 0, 20, "pin-weak"},
		{"123456", "", 0, 6, "pin-weak"},
		{"654321#", "", 0, 6, "pin-weak"},
		{"890123", "", 0, 6, "pin-weak"},
		{"777777", "", 0, 6, "pin-weak"},
		{"121212", "", 0, 6, "pin-weak"},
		{"123123", "", 0, 6, "pin-weak"},
		{"271828", "777777", 1, 6, "pin-weak"},
		{"123455", "", 0, 6, NULL},
		{"1221221", "", 0, 6, NULL},
		{"123456", "", 0, 5, NULL},
		{"1111", "", 0, 4, NULL},
		{"123456", "", 0, 0, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct schema_error why = {.text = ""};
		int e = check_pins(rows[i].pin, rows[i].guest, rows[i].allow,
				   rows[i].min, &why);
		if ((e == 0) != (rows[i].rule == NULL))
			fail_msg("row %zu gave %d %s", i, e, why.text);
		if (rows[i].rule == NULL)
			continue;
		assert_string_equal(why.rule, rows[i].rule);
		/* Not even a wrong PIN is printed. */
		if (*rows[i].pin)
			assert_null(strstr(why.text, rows[i].pin));
	}
}

static void test_schema_check_row__backstop_is_zero_or_a_minute(void **state)
{
	(void)state;
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	struct schema_value v[GLOBAL_COUNT];
	for (unsigned i = 0; i < GLOBAL_COUNT; i++)
		v[i] = schema_default(r, i);
	struct schema_context ctx = {.min_pin_length = 6};
	struct schema_error why;
	unsigned f = GLOBAL_EJECT_LAST_PARTICIPANT_BACKSTOP_TIMEOUT;
	v[f].i = 59;
	assert_int_equal(schema_check_row(r, v, &ctx, &why), E_INVAL);
	v[f].i = 60;
	assert_int_equal(schema_check_row(r, v, &ctx, &why), 0);
}

static void test_schema_propose_pin__satisfies_the_rules(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		char pin[21];
		schema_propose_pin(pin, 6);
		struct schema_error why;
		assert_int_equal(check_pins(pin, "", 0, 6, &why), 0);
		assert_string_not_equal(pin, "123456");
		assert_string_not_equal(pin, "000000");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema__every_default_is_valid),
		cmocka_unit_test(test_schema__names_are_unique_and_described),
		cmocka_unit_test(test_schema__defaults_are_the_documented_ones),
		cmocka_unit_test(test_schema_parse__names_field_rule_and_place),
		cmocka_unit_test(test_schema_parse__bad_values_are_refused),
		cmocka_unit_test(test_schema_parse__good_values_round_trip),
		cmocka_unit_test(test_schema_print__never_shows_a_secret),
		cmocka_unit_test(test_schema_check_row__pin_truth_table),
		cmocka_unit_test(
			test_schema_check_row__backstop_is_zero_or_a_minute),
		cmocka_unit_test(test_schema_propose_pin__satisfies_the_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
