/* Every field of every resource: its limits, and what a bad value is told.
 * The defaults are compared with the handbook by the test of a fresh
 * installation (core/setup/t/test_defaults.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/addr.h"
#include "schema/schema.h"

static char text[SCHEMA_VALUE_MAX + 16];

static const struct schema_field *
field(const struct schema_resource *r, unsigned f)
{
	return &r->fields[f];
}

static bool is_writable(const struct schema_field *f)
{
	return !(f->flags & (SCHEMA_F_READONLY | SCHEMA_F_BY_CORE));
}

static void good(const struct schema_resource *r, unsigned f,
		 struct span value)
{
	struct schema_value v;
	struct schema_error why = {.text = ""};
	if (schema_parse(r, f, value, &v, &why) < 0)
		fail_msg("%s.%s: %s", r->name, field(r, f)->name, why.text);
}

static void bad(const struct schema_resource *r, unsigned f,
		struct span value, int error, const char *rule)
{
	struct schema_value v;
	struct schema_error why = {.text = ""};
	int e = schema_parse(r, f, value, &v, &why);
	if (e != error || why.rule == NULL || strcmp(why.rule, rule) != 0)
		fail_msg("%s.%s=%.40s gave %d %s", r->name, field(r, f)->name,
			 value.n ? (const char *)value.p : "", e, why.text);
	assert_string_equal(why.resource, r->name);
	assert_string_equal(why.field, field(r, f)->name);
	assert_non_null(strstr(why.text, why.field));
}

static struct span number(int64_t n)
{
	static char digits[24];
	(void)snprintf(digits, sizeof(digits), "%lld", (long long)n);
	return span_str(digits);
}

static void int_limits(const struct schema_resource *r, unsigned i)
{
	const struct schema_field *f = field(r, i);
	good(r, i, number(f->min));
	good(r, i, number(f->max));
	if (f->min > 0)
		bad(r, i, number(f->min - 1), E_LIMIT, "range");
	if (f->max < INT64_MAX)
		bad(r, i, number(f->max + 1), E_LIMIT, "range");
	bad(r, i, SPAN_LIT("-1"), E_FORMAT, "integer");
	bad(r, i, SPAN_LIT("1 "), E_FORMAT, "integer");
	bad(r, i, SPAN_LIT("99999999999999999999"), E_LIMIT, "range");
	if (f->flags & SCHEMA_F_NULLABLE)
		good(r, i, SPAN_NONE);
	else
		bad(r, i, SPAN_NONE, E_FORMAT, "integer");
}

static void word_limits(const struct schema_resource *r, unsigned i)
{
	const struct schema_field *f = field(r, i);
	bool is_bool = f->type == SCHEMA_BOOL;
	struct span rest = span_str(is_bool ? "true|false" : f->choices), one;
	for (bool more = true; more;) {
		more = span_split(rest, '|', &one, &rest);
		good(r, i, one);
	}
	bad(r, i, SPAN_LIT("nonsense"), E_FORMAT,
	    is_bool ? "boolean" : "choice");
	if (!(f->flags & SCHEMA_F_NULLABLE))
		bad(r, i, SPAN_NONE, E_FORMAT, is_bool ? "boolean" : "choice");
}

/* Two bytes a character: it is characters that count. */
static struct span umlauts(int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	return span_of(text, (size_t)n * 2);
}

static void text_limits(const struct schema_resource *r, unsigned i)
{
	const struct schema_field *f = field(r, i);
	bool may_be_null = f->type == SCHEMA_SECRET &&
			   !(f->flags & SCHEMA_F_REQUIRED);
	good(r, i, umlauts(f->max));
	bad(r, i, umlauts(f->max + 1), E_LIMIT, "length");
	if (f->min > 1)
		bad(r, i, umlauts(f->min - 1), E_LIMIT, "length");
	if (f->min == 0 || may_be_null)
		good(r, i, SPAN_NONE);
	else
		bad(r, i, SPAN_NONE, E_LIMIT, "length");
	bad(r, i, SPAN_LIT("a\x1b"), E_FORMAT, "control");
	bad(r, i, SPAN_LIT("a\xc3"), E_FORMAT, "utf8");
	if (f->type == SCHEMA_TEMPLATE)
		good(r, i, SPAN_LIT("{# a #}\r\n\t{}\n"));
	else
		bad(r, i, SPAN_LIT("a\nb"), E_FORMAT, "control");
}

static void limits(const struct schema_resource *r, unsigned i)
{
	switch (field(r, i)->type) {
	case SCHEMA_INT:
	case SCHEMA_REF:
	case SCHEMA_TIME:
		int_limits(r, i);
		break;
	case SCHEMA_BOOL:
	case SCHEMA_ENUM:
		word_limits(r, i);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_TEMPLATE:
	case SCHEMA_SECRET:
	case SCHEMA_PASSWORD:
		text_limits(r, i);
		break;
	default:
		break;		/* the tables below */
	}
}

static void test_fields__keep_their_limits(void **state)
{
	(void)state;
	for (int id = 1; id < RES_COUNT; id++) {
		const struct schema_resource *r =
			schema_resource((enum schema_resource_id)id);
		for (unsigned i = 0; i < r->n_fields; i++) {
			if (is_writable(field(r, i)))
				limits(r, i);
			else
				bad(r, i, SPAN_LIT("1"), E_DENIED,
				    "readonly");
		}
	}
}

/* One mark for the program, one for people. */
static void test_fields__without_effect_say_so(void **state)
{
	(void)state;
	for (int id = 1; id < RES_COUNT; id++) {
		const struct schema_resource *r =
			schema_resource((enum schema_resource_id)id);
		for (unsigned i = 0; i < r->n_fields; i++) {
			const struct schema_field *f = field(r, i);
			const bool says = strstr(f->help,
						 "Stored; felt when ");
			if (says != ((f->flags & SCHEMA_F_LATER) != 0))
				fail_msg("%s.%s", r->name, f->name);
		}
	}
}

/* The ranges of the management API, and ours. */
static void test_fields__have_the_documented_ranges(void **state)
{
	(void)state;
	static const struct {
		enum schema_resource_id res;
		const char *field;
		int64_t min, max;
	} want[] = {
		{RES_GLOBAL, "bdpm_max_pin_failures_per_window", 5, 200},
		{RES_GLOBAL, "bdpm_max_scan_attempts_per_window", 5, 200},
		{RES_GLOBAL, "pin_entry_timeout", 30, 86400},
		{RES_GLOBAL, "management_session_timeout", 5, 1440},
		{RES_GLOBAL, "min_pin_length", 4, 20},
		{RES_SYSTEM_LOCATION, "name", 1, 250},
		{RES_SYSTEM_LOCATION, "media_qos", 0, 63},
		{RES_SYSTEM_LOCATION, "signalling_qos", 0, 63},
		{RES_SYSTEM_LOCATION, "mtu", 512, 1500},
		{RES_POLICY_SERVER, "url", 0, 255},
		{RES_POLICY_SERVER, "username", 0, 100},
		{RES_POLICY_SERVER, "internal_service_policy_template", 0,
		 49152},
		{RES_POLICY_SERVER, "internal_participant_policy_template", 0,
		 49152},
		{RES_POLICY_SERVER, "internal_media_location_policy_template",
		 0, 49152},
		{RES_GATEWAY_ROUTING_RULE, "name", 1, 250},
		{RES_GATEWAY_ROUTING_RULE, "tag", 0, 250},
		{RES_GATEWAY_ROUTING_RULE, "priority", 1, 200},
		{RES_GATEWAY_ROUTING_RULE, "match_string", 1, 250},
		{RES_GATEWAY_ROUTING_RULE, "replace_string", 0, 250},
		{RES_GATEWAY_ROUTING_RULE, "max_callrate_in", 128, 8192},
		{RES_GATEWAY_ROUTING_RULE, "max_callrate_out", 128, 8192},
		{RES_GATEWAY_ROUTING_RULE, "max_calls_per_hour", 1, 10000},
		{RES_GATEWAY_ROUTING_RULE, "max_concurrent_calls", 1, 1000},
		{RES_GATEWAY_ROUTING_RULE, "max_minutes_per_hour", 1, 60000},
		{RES_BREAK_IN_ALLOW_LIST_ADDRESS, "name", 1, 100},
		{RES_BREAK_IN_ALLOW_LIST_ADDRESS, "description", 0, 500},
		{RES_BREAK_IN_ALLOW_LIST_ADDRESS, "prefix", 1, 128},
		{RES_DEVICE, "alias", 1, 250},
		{RES_DEVICE, "password", 8, 100},
		{RES_SIP_PROXY, "address", 1, 255},
		{RES_SIP_PROXY, "port", 1, 65535},
		{RES_STUN_SERVER, "port", 1, 65535},
		{RES_TURN_SERVER, "port", 1, 65535},
		{RES_TURN_SERVER, "secret_key", 1, 256},
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct schema_resource *r = schema_resource(want[i].res);
		int f = schema_field_named(r, span_str(want[i].field));
		if (f < 0 || field(r, (unsigned)f)->min != want[i].min ||
		    field(r, (unsigned)f)->max != want[i].max)
			fail_msg("%s.%s", r->name, want[i].field);
	}
}

/* --- types with a grammar ------------------------------------------------------ */

struct sample {
	unsigned field;
	const char *value;
	const char *rule;		/* NULL = good */
	size_t place;
};

static void check_samples(enum schema_resource_id id, const struct sample *s,
			  size_t n)
{
	const struct schema_resource *r = schema_resource(id);
	for (size_t i = 0; i < n; i++) {
		struct schema_value v;
		struct schema_error why = {.text = ""};
		int e = schema_parse(r, s[i].field, span_str(s[i].value), &v,
				     &why);
		bool is_good = s[i].rule == NULL;
		if ((e == 0) != is_good ||
		    (!is_good && (strcmp(why.rule, s[i].rule) != 0 ||
				  why.place != s[i].place)))
			fail_msg("%s gave %d %s %zu", s[i].value, e, why.text,
				 why.place);
	}
}
#define CHECK(id, s) check_samples(id, s, sizeof(s) / sizeof((s)[0]))

static void test_fields__networks(void **state)
{
	(void)state;
	enum { F = SYSTEM_LOCATION_SOURCE_NETWORKS };
	static const struct sample s[] = {
		{F, "", NULL, 0}, {F, "10.0.0.0/8", NULL, 0},
		{F, "0.0.0.0/0,::/0", NULL, 0}, {F, "192.0.2.1", NULL, 0},
		{F, "2001:db8::/32,192.0.2.1/32,::1/128", NULL, 0},
		{F, "::ffff:192.0.2.0/120", NULL, 0},
		{F, "10.0.0.1/8", "network-bits", 1},
		{F, "::1,2001:db8::1/32", "network-bits", 5},
		{F, "10.0.0.0/33", "networks", 1},
		{F, "::/129", "networks", 1},
		{F, "10.0.0.0/", "networks", 1},
		{F, "10.0.0.0/8,", "networks", 12},
		{F, ",10.0.0.0/8", "networks", 1},
		{F, "10.0.0.0/8, ::1", "networks", 12},
		{F, "10.0.0/8", "networks", 1}, {F, "host", "networks", 1},
		{F, "fe80::1%eth0", "networks", 1},
		{F, "10.0.0.0/08/1", "networks", 1},
	};
	CHECK(RES_SYSTEM_LOCATION, s);
	size_t n = 0;
	for (int i = 0; i <= SCHEMA_NETS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s10.0.%d.%d",
				      i ? "," : "", i / 256, i % 256);
	bad(schema_resource(RES_SYSTEM_LOCATION), F, span_of(text, n), E_LIMIT,
	    "networks");
	memset(text, '1', 9000);
	bad(schema_resource(RES_SYSTEM_LOCATION), F, span_of(text, 9000),
	    E_LIMIT, "length");
}

static void test_fields__networks_are_read(void **state)
{
	(void)state;
	struct span rest = SPAN_LIT("10.0.0.0/8,192.0.2.1,2001:db8::/33");
	static const struct {
		const char *address;
		unsigned prefix;
	} want[] = {{"10.0.0.0", 104}, {"192.0.2.1", 128},
		    {"2001:db8::", 33}};
	uint8_t ip[16];
	unsigned prefix;
	for (size_t i = 0; i < 3; i++) {
		struct addr a;
		assert_int_equal(schema_net_next(&rest, ip, &prefix), 1);
		assert_int_equal(addr_parse(&a, span_str(want[i].address), 0),
				 0);
		assert_memory_equal(a.ip, ip, 16);
		assert_int_equal(prefix, want[i].prefix);
	}
	assert_int_equal(schema_net_next(&rest, ip, &prefix), 0);
	rest = SPAN_LIT("10.255.255.255/9");
	assert_int_equal(schema_net_next(&rest, ip, &prefix), 1);
	assert_int_equal(ip[13], 128);
	assert_int_equal(ip[15], 0);
	rest = SPAN_LIT("x");
	assert_int_equal(schema_net_next(&rest, ip, &prefix), E_FORMAT);
}

static void test_fields__references(void **state)
{
	(void)state;
	enum { F = SYSTEM_LOCATION_CLIENT_TURN_SERVERS };
	static const struct sample s[] = {
		{F, "", NULL, 0}, {F, "7", NULL, 0}, {F, "7,3,12", NULL, 0},
		{F, "1,2,3,4,5,6,7,8", NULL, 0},
		{F, "1,2,3,4,5,6,7,8,9", "references", 17},
		{F, "1,2,1", "twice", 5}, {F, "0", "references", 1},
		{F, "1,", "references", 2}, {F, ",1", "references", 1},
		{F, "1,x", "references", 3}, {F, "1, 2", "references", 3},
		{F, "-1", "references", 1},
		{F, "99999999999999999999", "references", 1},
	};
	CHECK(RES_SYSTEM_LOCATION, s);
	struct span rest = SPAN_LIT("7,3");
	int64_t id;
	assert_int_equal(schema_ref_next(&rest, &id), 1);
	assert_int_equal(id, 7);
	assert_int_equal(schema_ref_next(&rest, &id), 1);
	assert_int_equal(id, 3);
	assert_int_equal(schema_ref_next(&rest, &id), 0);
}

static void test_fields__policy_urls(void **state)
{
	(void)state;
	enum { F = POLICY_SERVER_URL };
	static const struct sample s[] = {
		{F, "", NULL, 0}, {F, "https://a", NULL, 0},
		{F, "https://policy.example.org:8443/x/y", NULL, 0},
		{F, "https://[2001:db8::1]:443/", NULL, 0},
		{F, "https://192.0.2.1", NULL, 0},
		{F, "http://a", "https", 1}, {F, "HTTPS://a", "https", 1},
		{F, "ftp://a", "https", 1}, {F, "a", "https", 1},
		{F, "https://", "host", 9}, {F, "https:///x", "host", 9},
		{F, "https://a:0", "host", 9}, {F, "https://a:", "host", 9},
		{F, "https://a:65536", "host", 9},
		{F, "https://a:8x", "host", 9}, {F, "https://a..b", "host", 9},
		{F, "https://-a", "host", 9}, {F, "https://[::1", "host", 9},
		{F, "https://[192.0.2.1]", "host", 9},
		{F, "https://[::1]8", "host", 9},
		{F, "https://u@a", "url", 10}, {F, "https://a?b", "url", 10},
		{F, "https://a#b", "url", 10}, {F, "https://a b", "url", 10},
		{F, "https://a\\b", "url", 10},
		{F, "https://\xc3\xa4", "url", 9},
		{F, "https://a\n", "url", 10},
	};
	CHECK(RES_POLICY_SERVER, s);
}

static void test_fields__hosts_and_addresses(void **state)
{
	(void)state;
	enum { F = SIP_PROXY_ADDRESS };
	static const struct sample s[] = {
		{F, "sip.example.org", NULL, 0}, {F, "192.0.2.1", NULL, 0},
		{F, "2001:db8::1", NULL, 0}, {F, "xn--bcher-kva", NULL, 0},
		{F, "", "host", 1}, {F, "a_b", "host", 1},
		{F, "a..b", "host", 1}, {F, "a.", "host", 1},
		{F, "-a", "host", 1}, {F, "a-", "host", 1},
		{F, "a:5060", "host", 1}, {F, "[::1]", "host", 1},
		{F, "a b", "host", 1}, {F, "sip:a", "host", 1},
	};
	static const struct sample a[] = {
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "192.0.2.1", NULL, 0},
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "2001:db8::1", NULL, 0},
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "", "address", 1},
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "a", "address", 1},
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "192.0.2.0/24",
		 "address", 1},
		{BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS, "192.0.2", "address",
		 1},
	};
	CHECK(RES_SIP_PROXY, s);
	CHECK(RES_BREAK_IN_ALLOW_LIST_ADDRESS, a);
}

static void test_fields__prefixes_and_hashes(void **state)
{
	(void)state;
	enum { F = GLOBAL_DIALOUT_DENIED_PREFIXES };
	static const struct sample s[] = {
		{F, "", NULL, 0}, {F, "+49900,00979,0190", NULL, 0},
		{F, "*31#,0", NULL, 0}, {F, "+", "prefixes", 1},
		{F, "1,,2", "prefixes", 3}, {F, "1,", "prefixes", 3},
		{F, "1, 2", "prefixes", 3}, {F, "1+2", "prefixes", 1},
		{F, "0x1", "prefixes", 1},
		{F, "12345678901234567890", "prefixes", 1},
	};
	CHECK(RES_GLOBAL, s);
	const struct schema_resource *r =
		schema_resource(RES_CONFERENCE_INVITATION);
	struct schema_error why;
	struct schema_value v = {.s = SPAN_LIT(
		"0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef")};
	enum { H = CONFERENCE_INVITATION_KEY_HASH };
	assert_int_equal(schema_check(r, H, &v, &why), 0);
	v.s.n--;
	assert_int_equal(schema_check(r, H, &v, &why), E_LIMIT);
	v.s = SPAN_LIT("0123456789ABCDEF0123456789abcdef"
		       "0123456789abcdef0123456789abcdef");
	assert_int_equal(schema_check(r, H, &v, &why), E_FORMAT);
	assert_int_equal(why.place, 11);
}

/* --- rules across fields --------------------------------------------------------- */

static struct schema_value row[SCHEMA_FIELDS_MAX];

static const struct schema_resource *start(enum schema_resource_id id)
{
	const struct schema_resource *r = schema_resource(id);
	for (unsigned i = 0; i < r->n_fields; i++)
		row[i] = schema_default(r, i);
	row[SCHEMA_ID_FIELD] = (struct schema_value){.i = 5};
	for (unsigned i = 0; i < r->n_fields; i++)
		if (r->fields[i].flags & SCHEMA_F_REQUIRED)
			row[i] = (struct schema_value){.i = 1,
						       .s = SPAN_LIT("1")};
	return r;
}

/* "field=value field=value" upon a row of defaults. */
static void expect(enum schema_resource_id id, const char *sets,
		   const char *want_field, const char *want_rule)
{
	const struct schema_resource *r = start(id);
	struct span rest = span_str(sets), one, name, value;
	struct schema_context ctx = {.min_pin_length = 6,
				     .min_alias_digits = 6};
	struct schema_error why = {.text = ""};
	while (rest.n > 0) {
		(void)span_split(rest, ' ', &one, &rest);
		(void)span_split(one, '=', &name, &value);
		int f = schema_field_named(r, name);
		if (f < 0 || schema_parse(r, (unsigned)f, value, &row[f],
					  &why) < 0)
			fail_msg("%s: %s", sets, why.text);
	}
	int e = schema_check_row(r, row, &ctx, &why);
	if ((e == 0) != (want_rule == NULL))
		fail_msg("%s gave %d %s", sets, e, why.text);
	if (want_rule == NULL)
		return;
	assert_string_equal(why.field, want_field);
	assert_string_equal(why.rule, want_rule);
}

static void test_rows__location(void **state)
{
	(void)state;
	const enum schema_resource_id id = RES_SYSTEM_LOCATION;
	expect(id, "", NULL, NULL);
	expect(id, "overflow_location1=4 overflow_location2=6", NULL, NULL);
	expect(id, "overflow_location1=5", "overflow_location1", "itself");
	expect(id, "overflow_location2=5", "overflow_location2", "itself");
	expect(id, "transcoding_location=5", NULL, NULL);
	expect(id, "use_relay_candidates_only=true", "client_turn_servers",
	       "required");
	expect(id, "use_relay_candidates_only=true client_turn_servers=1",
	       NULL, NULL);
}

static void test_rows__sip(void **state)
{
	(void)state;
	const enum schema_resource_id id = RES_SIP_PROXY;
	expect(id, "", NULL, NULL);
	expect(id, "username=us", "realm", "required");
	expect(id, "username=us realm=example.org", "password", "required");
	expect(id, "username=us realm=example.org password=geheimnis", NULL,
	       NULL);
	expect(id, "accept_calls=true", NULL, NULL);
	expect(id, "accept_calls=true transport=tcp", "transport", "required");
	expect(RES_GLOBAL, "registration_adaptive_min_refresh=3600", NULL,
	       NULL);
	expect(RES_GLOBAL, "registration_natted_min_refresh=91",
	       "registration_natted_max_refresh", "range");
	expect(RES_GLOBAL, "registration_maximum_max_refresh=60 "
	       "registration_maximum_min_refresh=61",
	       "registration_maximum_max_refresh", "range");
}

static void test_rows__policy(void **state)
{
	(void)state;
	static const char *const asks[] = {
		"service", "participant", "media_location", "registration",
		"directory", "avatar"};
	char sets[128];
	expect(RES_POLICY_SERVER, "", NULL, NULL);
	expect(RES_POLICY_SERVER, "enable_internal_service_policy=true", NULL,
	       NULL);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		(void)snprintf(sets, sizeof(sets), "enable_%s_lookup=true",
			       asks[i]);
		expect(RES_POLICY_SERVER, sets, "url", "required");
		(void)snprintf(sets, sizeof(sets),
			       "url=https://a enable_%s_lookup=true", asks[i]);
		expect(RES_POLICY_SERVER, sets, NULL, NULL);
	}
}

static void test_rows__rule(void **state)
{
	(void)state;
	const enum schema_resource_id id = RES_GATEWAY_ROUTING_RULE;
	static const char confirm[] = "allow_unregistered_external";
	expect(id, "", confirm, "confirm");
	expect(id, "allow_unregistered_external=true", NULL, NULL);
	expect(id, "match_incoming_only_if_registered=true", NULL, NULL);
	expect(id, "called_device_type=registration", NULL, NULL);
	expect(id, "enable=false", NULL, NULL);
	expect(id, "match_incoming_calls=false match_outgoing_calls=true",
	       NULL, NULL);
	expect(id, "match_outgoing_calls=true", confirm, "confirm");
	expect(id, "match_incoming_calls=false", "match_incoming_calls",
	       "no-calls");
	expect(id, "called_device_type=registration match_incoming_sip=false "
	       "match_incoming_h323=false match_incoming_webrtc=false",
	       "match_incoming_webrtc", "no-protocol");
	expect(id, "called_device_type=registration match_incoming_sip=false "
	       "match_incoming_webrtc=false", NULL, NULL);
}

static void test_rows__allow_list(void **state)
{
	(void)state;
	const enum schema_resource_id id = RES_BREAK_IN_ALLOW_LIST_ADDRESS;
	expect(id, "address=192.0.2.1 prefix=32", NULL, NULL);
	expect(id, "address=192.0.2.1 prefix=33", "prefix", "range");
	expect(id, "address=2001:db8::1 prefix=33", NULL, NULL);
	expect(id, "address=2001:db8::1 prefix=128", NULL, NULL);
}

static void test_rows__turn(void **state)
{
	(void)state;
	const enum schema_resource_id id = RES_TURN_SERVER;
	expect(id, "", "username", "required");
	expect(id, "username=u", "password", "required");
	expect(id, "username=u password=p", NULL, NULL);
	expect(id, "server_type=coturn_shared", "secret_key", "required");
	expect(id, "server_type=coturn_shared secret_key=s", NULL, NULL);
}

static void test_rows__numeric_aliases(void **state)
{
	(void)state;
	static const struct {
		const char *alias;
		bool is_good;
	} cases[] = {
		{"12345", false}, {"123456", true}, {"+12345", false},
		{"+123456", true}, {"1234@example.org", false},
		{"123456@example.org", true}, {"1a", true}, {"board", true},
		{"a@1", true}, {"", true}, {"+", true}, {"1", false},
		{"12345.", true},
	};
	const struct schema_resource *r = start(RES_CONFERENCE_ALIAS);
	struct schema_context ctx = {.min_alias_digits = 6};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schema_error why = {.text = ""};
		row[CONFERENCE_ALIAS_ALIAS].s = span_str(cases[i].alias);
		int e = schema_check_row(r, row, &ctx, &why);
		if ((e == 0) != cases[i].is_good)
			fail_msg("%s gave %d", cases[i].alias, e);
		if (e < 0)
			assert_string_equal(why.rule, "alias-digits");
	}
	ctx.min_alias_digits = 0;	/* the alias was not touched */
	row[CONFERENCE_ALIAS_ALIAS].s = SPAN_LIT("1");
	assert_int_equal(schema_check_row(r, row, &ctx, NULL), 0);
}

static void test_pins__that_are_aliases(void **state)
{
	(void)state;
	static const struct {
		const char *pin, *alias;
		bool is_same;
	} cases[] = {
		{"271828", "271828", true}, {"271828#", "271828", true},
		{"271828", "271828@example.org", true},
		{"271828", "2718281", false}, {"271828", "board", false},
		{"271828", "board@271828", false}, {"", "", false},
		{"271828", "+271828", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(schema_pin_is_alias(span_str(cases[i].pin),
						     span_str(cases[i].alias)),
				 cases[i].is_same);
}

static void test_profile__is_valid_and_weaker(void **state)
{
	(void)state;
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	for (const struct schema_relaxed *x = schema_relaxed(); x->value;
	     x++) {
		struct schema_value v, d = schema_default(r, x->field);
		assert_int_equal(schema_parse(r, x->field, span_str(x->value),
					      &v, NULL), 0);
		assert_int_not_equal(v.i, d.i);
	}
}

/* No type without a name for the schema documents, no field that a role reads
 * and that is secret. */
static void test_fields__no_secret_is_projected(void **state)
{
	(void)state;
	for (int id = 1; id < RES_COUNT; id++) {
		const struct schema_resource *r =
			schema_resource((enum schema_resource_id)id);
		for (unsigned i = 0; i < r->n_fields; i++) {
			bool is_secret = field(r, i)->flags & SCHEMA_F_SECRET;
			enum schema_type t = field(r, i)->type;
			assert_true(!is_secret || field(r, i)->readers == 0);
			assert_int_equal(is_secret, t == SCHEMA_PIN ||
					 t == SCHEMA_PASSWORD ||
					 t == SCHEMA_SECRET);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields__keep_their_limits),
		cmocka_unit_test(test_fields__without_effect_say_so),
		cmocka_unit_test(test_fields__have_the_documented_ranges),
		cmocka_unit_test(test_fields__networks),
		cmocka_unit_test(test_fields__networks_are_read),
		cmocka_unit_test(test_fields__references),
		cmocka_unit_test(test_fields__policy_urls),
		cmocka_unit_test(test_fields__hosts_and_addresses),
		cmocka_unit_test(test_fields__prefixes_and_hashes),
		cmocka_unit_test(test_rows__location),
		cmocka_unit_test(test_rows__sip),
		cmocka_unit_test(test_rows__policy),
		cmocka_unit_test(test_rows__rule),
		cmocka_unit_test(test_rows__allow_list),
		cmocka_unit_test(test_rows__turn),
		cmocka_unit_test(test_rows__numeric_aliases),
		cmocka_unit_test(test_pins__that_are_aliases),
		cmocka_unit_test(test_profile__is_valid_and_weaker),
		cmocka_unit_test(test_fields__no_secret_is_projected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
