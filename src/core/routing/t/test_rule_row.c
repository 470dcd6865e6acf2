#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/routing/rule_row.h"

struct row {
	struct schema_value v[GATEWAY_ROUTING_RULE_COUNT];
};

/* The defaults of schema/, and what has none. */
static void row_fresh(struct row *r)
{
	const struct schema_resource *res =
		schema_resource(RES_GATEWAY_ROUTING_RULE);

	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < res->n_fields; i++)
		r->v[i] = schema_default(res, i);
	r->v[GATEWAY_ROUTING_RULE_NAME] =
		(struct schema_value){.s = SPAN_LIT("n")};
	r->v[GATEWAY_ROUTING_RULE_MATCH_STRING] =
		(struct schema_value){.s = SPAN_LIT("9(.*)")};
	r->v[GATEWAY_ROUTING_RULE_PRIORITY] = (struct schema_value){.i = 7};
}

static void test_rule_row__defaults_agree_with_the_rule(void **state)
{
	const struct rule want = RULE_DEFAULT;
	struct rule got;
	struct row r;

	(void)state;
	row_fresh(&r);
	rule_of_values(&got, r.v);
	assert_int_equal(got.priority, 7);
	assert_true(span_eq(got.match_string, SPAN_LIT("9(.*)")));
	assert_int_equal(got.enable, want.enable);
	assert_int_equal(got.match_incoming_calls, want.match_incoming_calls);
	assert_int_equal(got.match_outgoing_calls, want.match_outgoing_calls);
	assert_int_equal(got.match_incoming,
			 want.match_incoming & ~RULE_BIT(RULE_MSSIP));
	assert_int_equal(got.called_device_type, want.called_device_type);
	assert_int_equal(got.outgoing_protocol, want.outgoing_protocol);
	assert_int_equal(got.call_type, want.call_type);
	assert_int_equal(got.crypto_mode, want.crypto_mode);
	assert_int_equal(got.max_pixels_per_second,
			 want.max_pixels_per_second);
	assert_int_equal(got.max_callrate_in, 0);
	assert_int_equal(got.match_source_location, 0);
	assert_int_equal(got.outgoing_location, 0);
	assert_int_equal(got.sip_proxy, 0);
	assert_int_equal(got.max_calls_per_hour, want.max_calls_per_hour);
	assert_int_equal(got.max_concurrent_calls,
			 want.max_concurrent_calls);
	assert_int_equal(got.max_minutes_per_hour,
			 want.max_minutes_per_hour);
	assert_false(got.allow_unregistered_external ||
		     got.reception_may_reach || got.treat_as_trusted);
}

static void set(struct row *r, unsigned field, const char *text)
{
	const struct schema_resource *res =
		schema_resource(RES_GATEWAY_ROUTING_RULE);
	struct schema_error why;

	assert_int_equal(schema_parse(res, field,
				      span_str(text), &r->v[field], &why), 0);
}

static void test_rule_row__every_word_finds_its_value(void **state)
{
	static const struct {
		unsigned field;
		const char *word;
		size_t at;
		int want;
	} words[] = {
#define W(f, w, m, e) {GATEWAY_ROUTING_RULE_##f, w, offsetof(struct rule, m), e}
		W(CALL_TYPE, "audio", call_type, RULE_AUDIO),
		W(CALL_TYPE, "video", call_type, RULE_VIDEO),
		W(CALL_TYPE, "video-only", call_type, RULE_VIDEO_ONLY),
		W(CALL_TYPE, "auto", call_type, RULE_AUTO),
		W(CALLED_DEVICE_TYPE, "external", called_device_type,
		  RULE_EXTERNAL),
		W(CALLED_DEVICE_TYPE, "registration", called_device_type,
		  RULE_REGISTRATION),
		W(OUTGOING_PROTOCOL, "sip", outgoing_protocol, RULE_SIP),
		W(OUTGOING_PROTOCOL, "h323", outgoing_protocol, RULE_H323),
		W(OUTGOING_PROTOCOL, "rtmp", outgoing_protocol, RULE_RTMP),
		W(CRYPTO_MODE, "besteffort", crypto_mode, RULE_BESTEFFORT),
		W(CRYPTO_MODE, "on", crypto_mode, RULE_ON),
		W(CRYPTO_MODE, "off", crypto_mode, RULE_OFF),
		W(MAX_PIXELS_PER_SECOND, "sd", max_pixels_per_second, RULE_SD),
		W(MAX_PIXELS_PER_SECOND, "hd", max_pixels_per_second, RULE_HD),
		W(MAX_PIXELS_PER_SECOND, "fullhd", max_pixels_per_second,
		  RULE_FULLHD),
	};
	struct row r;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct rule got;
		int value;

		row_fresh(&r);
		set(&r, words[i].field, words[i].word);
		rule_of_values(&got, r.v);
		memcpy(&value, (const char *)&got + words[i].at,
		       sizeof(value));
		assert_int_equal(value, words[i].want);
	}
}

static void test_rule_row__errors_are_in_schemas_words(void **state)
{
	struct schema_error why;
	struct row r;

	(void)state;
	row_fresh(&r);
	set(&r, GATEWAY_ROUTING_RULE_CALLED_DEVICE_TYPE, "registration");
	assert_int_equal(rule_values_check(r.v, &why), 0);
	r.v[GATEWAY_ROUTING_RULE_MATCH_STRING].s = SPAN_LIT("9(");
	assert_int_equal(rule_values_check(r.v, &why), E_FORMAT);
	assert_string_equal(why.resource, "gateway_routing_rule");
	assert_string_equal(why.field, "match_string");
	assert_int_equal(why.place, 3);
	row_fresh(&r);
	assert_int_equal(rule_values_check(r.v, &why), E_DENIED);
	assert_string_equal(why.field, "allow_unregistered_external");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule_row__defaults_agree_with_the_rule),
		cmocka_unit_test(test_rule_row__every_word_finds_its_value),
		cmocka_unit_test(test_rule_row__errors_are_in_schemas_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
