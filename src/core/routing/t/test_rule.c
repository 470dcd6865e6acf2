#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "core/routing/t/rules.h"

static struct rule sound(void)
{
	return rule_make(1, 10, "Rooms", "room(\\d+)");
}

static void assert_rule(struct rule r, int want, const char *field)
{
	struct rule_error why = {.field = "none"};

	assert_int_equal(rule_check(&r, &why), want);
	if (want == 0)
		return;
	assert_string_equal(why.field, field);
	assert_true(strlen(why.text) > 3);
	assert_int_equal(rule_check(&r, NULL), want);
}

static void test_rule__twenty_sound_rules_pass(void **state)
{
	struct rule r[RULES_20];

	(void)state;
	rules_20(r);
	for (unsigned i = 0; i < RULES_20; i++)
		assert_rule(r[i], 0, NULL);
}

static void test_rule__texts_have_250_characters_at_most(void **state)
{
	static const size_t at[] = {
		offsetof(struct rule, name), offsetof(struct rule, description),
		offsetof(struct rule, tag), offsetof(struct rule, match_string),
		offsetof(struct rule, replace_string)};
	static const char *const names[] = {"name", "description", "tag",
					    "match_string", "replace_string"};
	char big[2 * 251];

	(void)state;
	for (size_t i = 0; i < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	for (unsigned i = 0; i < 5; i++) {
		struct rule r = sound();
		struct span *s = (struct span *)(void *)((char *)&r + at[i]);

		*s = span_of(big, sizeof(big) - 2);
		assert_rule(r, 0, NULL);
		*s = span_of(big, sizeof(big));
		assert_rule(r, E_LIMIT, names[i]);
		*s = SPAN_LIT("\xff");
		assert_rule(r, E_FORMAT, names[i]);
	}
	struct rule r = sound();

	r.name = SPAN_NONE;
	assert_rule(r, E_LIMIT, "name");
	r = sound();
	r.match_string = SPAN_NONE;
	assert_rule(r, E_LIMIT, "match_string");
}

static void test_rule__numbers_keep_their_range(void **state)
{
	static const struct {
		size_t at;
		const char *name;
		uint32_t min, max;
		bool zero;
	} n[] = {
		{offsetof(struct rule, priority), "priority", 1, 200, false},
		{offsetof(struct rule, max_callrate_in), "max_callrate_in",
		 128, 8192, true},
		{offsetof(struct rule, max_callrate_out), "max_callrate_out",
		 128, 8192, true},
		{offsetof(struct rule, max_calls_per_hour),
		 "max_calls_per_hour", 1, 10000, true},
		{offsetof(struct rule, max_concurrent_calls),
		 "max_concurrent_calls", 1, 1000, true},
		{offsetof(struct rule, max_minutes_per_hour),
		 "max_minutes_per_hour", 1, 60000, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		struct rule r = sound();
		uint32_t *v = (uint32_t *)(void *)((char *)&r + n[i].at);

		*v = n[i].min;
		assert_rule(r, 0, NULL);
		*v = n[i].max;
		assert_rule(r, 0, NULL);
		*v = n[i].max + 1;
		assert_rule(r, E_LIMIT, n[i].name);
		*v = 0;
		assert_rule(r, n[i].zero ? 0 : E_LIMIT, n[i].name);
	}
}

static void test_rule__choices_are_those_there_are(void **state)
{
	struct rule r = sound();

	(void)state;
	r.called_device_type = (enum rule_target)2;
	assert_rule(r, E_LIMIT, "called_device_type");
	r = sound();
	r.outgoing_protocol = RULE_WEBRTC;
	assert_rule(r, E_LIMIT, "outgoing_protocol");
	r.outgoing_protocol = RULE_PROTOCOL_COUNT;
	assert_rule(r, E_LIMIT, "outgoing_protocol");
	r = sound();
	r.crypto_mode = (enum rule_crypto)4;
	assert_rule(r, E_LIMIT, "crypto_mode");
	r = sound();
	r.call_type = (enum rule_call)4;
	assert_rule(r, E_LIMIT, "call_type");
	r = sound();
	r.max_pixels_per_second = (enum rule_pixels)4;
	assert_rule(r, E_LIMIT, "max_pixels_per_second");
	r = sound();
	r.match_incoming |= RULE_BIT(RULE_GMS);
	assert_rule(r, E_LIMIT, "match_incoming");
}

static void test_rule__must_be_able_to_match_something(void **state)
{
	struct rule r = sound();

	(void)state;
	r.match_incoming_calls = false;
	assert_rule(r, E_INVAL, "match_incoming_calls");
	r.match_outgoing_calls = true;
	r.match_incoming = 0;
	assert_rule(r, 0, NULL);
	r.match_incoming_calls = true;
	assert_rule(r, E_INVAL, "match_incoming_webrtc");
}

static void test_rule__names_the_place_in_a_bad_pattern(void **state)
{
	struct rule r = sound();
	struct rule_error why;

	(void)state;
	r.match_string = SPAN_LIT("room)");
	assert_int_equal(rule_check(&r, &why), E_FORMAT);
	assert_string_equal(why.field, "match_string");
	assert_int_equal(why.place, 5);
	r = sound();
	r.replace_string = SPAN_LIT("\\2");
	assert_rule(r, E_FORMAT, "replace_string");
	r.replace_string = SPAN_LIT("\\n");
	assert_rule(r, E_FORMAT, "replace_string");
	r.replace_string = SPAN_LIT("\\1");
	assert_rule(r, 0, NULL);
}

static void test_rule__the_outside_needs_a_confirmation(void **state)
{
	struct rule r = sound();

	(void)state;
	r.called_device_type = RULE_EXTERNAL;
	assert_true(rule_is_open(&r));
	assert_rule(r, E_DENIED, "allow_unregistered_external");
	r.enable = false;
	assert_false(rule_is_open(&r));
	assert_rule(r, 0, NULL);
	r.enable = true;
	r.match_incoming_only_if_registered = true;
	assert_false(rule_is_open(&r));
	assert_rule(r, 0, NULL);
	r.match_incoming_only_if_registered = false;
	r.match_incoming_calls = false;
	r.match_outgoing_calls = true;
	assert_false(rule_is_open(&r));
	assert_rule(r, 0, NULL);
	r.match_incoming_calls = true;
	r.allow_unregistered_external = true;
	assert_true(rule_is_open(&r));
	assert_rule(r, 0, NULL);
}

static void test_rule__a_new_rule_is_bounded(void **state)
{
	const struct rule r = RULE_DEFAULT;

	(void)state;
	assert_true(r.enable && r.match_incoming_calls);
	assert_false(r.match_outgoing_calls || r.treat_as_trusted);
	assert_false(r.allow_unregistered_external || r.reception_may_reach);
	assert_int_equal(r.called_device_type, RULE_EXTERNAL);
	assert_false(r.match_incoming & RULE_BIT(RULE_TEAMS));
	assert_true(r.max_calls_per_hour && r.max_concurrent_calls &&
		    r.max_minutes_per_hour);
}

static void test_rule__has_the_words_of_the_interface(void **state)
{
	(void)state;
	assert_string_equal(rule_protocol_name(RULE_WEBRTC), "webrtc");
	assert_string_equal(rule_protocol_name(RULE_GMS), "gms");
	assert_null(rule_protocol_name(RULE_PROTOCOL_COUNT));
	assert_string_equal(rule_target_name(RULE_EXTERNAL), "external");
	assert_string_equal(rule_target_name(RULE_REGISTRATION),
			    "registration");
	assert_null(rule_target_name((enum rule_target)2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule__twenty_sound_rules_pass),
		cmocka_unit_test(test_rule__texts_have_250_characters_at_most),
		cmocka_unit_test(test_rule__numbers_keep_their_range),
		cmocka_unit_test(test_rule__choices_are_those_there_are),
		cmocka_unit_test(test_rule__must_be_able_to_match_something),
		cmocka_unit_test(test_rule__names_the_place_in_a_bad_pattern),
		cmocka_unit_test(test_rule__the_outside_needs_a_confirmation),
		cmocka_unit_test(test_rule__a_new_rule_is_bounded),
		cmocka_unit_test(test_rule__has_the_words_of_the_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
