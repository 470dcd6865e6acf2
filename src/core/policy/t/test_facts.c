/* Request URLs as servers in the field read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/policy/facts.h"

static const char base[] = "https://policy.example.org/conclave/";
static char url[POLICY_URL_MAX];

static const char *make(enum policy_kind k, const struct policy_facts *f)
{
	size_t n = 0;
	int r = policy_url(k, span_str(base), f, url, sizeof(url), &n);

	if (r < 0)
		fail_msg("%d", r);
	assert_int_equal(strlen(url), n);
	return url;
}

/* The parameter `name` is there exactly once with this value; NULL: not. */
static void expect(const char *name, const char *value)
{
	char key[80];
	const char *at;
	size_t n;

	(void)snprintf(key, sizeof(key), "%s=", name);
	for (at = strchr(url, '?'); at; at = strchr(at + 1, '&'))
		if (strncmp(at + 1, key, strlen(key)) == 0)
			break;
	if (!at && !value)
		return;
	if (!at || !value)
		fail_msg("%s is %sthere: %s", name, at ? "" : "not ", url);
	at += 1 + strlen(key);
	n = strcspn(at, "&");
	if (n != strlen(value) || strncmp(at, value, n) != 0)
		fail_msg("%s is %.*s", name, (int)n, at);
	for (at += n; *at; at += strcspn(at, "&"), at += *at == '&')
		if (strncmp(at, key, strlen(key)) == 0)
			fail_msg("%s is there twice", name);
}

static void expect_path(const char *path)
{
	size_t n = strlen("https://policy.example.org/conclave");

	if (strncmp(url, base, n) != 0 ||
	    strncmp(url + n, path, strlen(path)) != 0 ||
	    url[n + strlen(path)] != '?')
		fail_msg("%s", url);
}

static struct policy_facts caller(void)
{
	struct policy_facts f;

	policy_facts_init(&f);
	f.location = SPAN_LIT("Haupt sitz");
	f.node_ip = SPAN_LIT("10.1.2.3");
	f.version_id = SPAN_LIT("1");
	f.pseudo_version_id = SPAN_LIT("1.0.0");
	f.call_direction = SPAN_LIT("dial_in");
	f.protocol = SPAN_LIT("api");
	f.local_alias = SPAN_LIT("sip:board@example.org");
	f.remote_alias = SPAN_LIT("Zo\xc3\xab & Co");
	f.remote_display_name = SPAN_LIT("Zo\xc3\xab");
	f.remote_address = SPAN_LIT("2001:db8::1");
	f.remote_port = 4711;
	f.bandwidth = 2000;
	f.registered = true;
	f.trigger = SPAN_LIT("web");
	f.vendor = SPAN_LIT("Mozilla/5.0 (X11)");
	return f;
}

static void test_policy_url__service(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	make(POLICY_SERVICE, &f);
	expect_path("/policy/v1/service/configuration");
	expect("location", "Haupt%20sitz");
	expect("local_alias", "sip%3Aboard%40example.org");
	expect("remote_alias", "Zo%C3%AB%20%26%20Co");
	expect("remote_address", "2001%3Adb8%3A%3A1");
	expect("remote_port", "4711");
	expect("bandwidth", "2000");
	expect("registered", "True");
	expect("has_authenticated_display_name", "False");
	expect("supports_direct_media", "False");
	expect("version_id", "1");
	/* known to be nothing: empty, not left out */
	expect("idp_uuid", "");
	expect("call_tag", "");
	expect("teams_tenant_id", "");
	/* conditional, or not of this request */
	expect("display_count", NULL);
	expect("breakout_uuid", NULL);
	expect("encryption", NULL);
	expect("ms-subnet", NULL);
	expect("p_Asserted-Identity", NULL);
	expect("service_name", NULL);
	expect("previous_service_name", NULL);
	expect("participant_type", NULL);
	expect("proxy_node_address", NULL);
	expect("auth_type", NULL);
	expect("width", NULL);
}

static void test_policy_url__conditional_parameters(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	f.display_count = 2;
	f.encryption = POLICY_TRUE;
	f.ms_subnet[0] = SPAN_LIT("10.47.5.0");
	f.n_ms_subnet = 1;
	f.p_asserted_identity[0] = SPAN_LIT("\"Bob\" <sip:bob@x>");
	f.p_asserted_identity[1] = SPAN_LIT("tel:+1");
	f.n_p_asserted_identity = 2;
	f.previous_service_name = SPAN_LIT("a");
	f.third_party_passcode = SPAN_LIT("");
	f.service_name = SPAN_LIT("room");
	make(POLICY_SERVICE, &f);
	expect("display_count", "2");
	expect("encryption", "On");
	expect("ms-subnet", "%5B%2210.47.5.0%22%5D");
	expect("p_Asserted-Identity",
	       "%5B%22%5C%22Bob%5C%22%20%3Csip%3Abob%40x%3E%22%2C%20"
	       "%22tel%3A%2B1%22%5D");
	expect("previous_service_name", "a");
	expect("third_party_passcode", "");
	expect("service_name", "room");
	f.encryption = POLICY_FALSE;
	make(POLICY_LOCATION, &f);
	expect("encryption", "Off");
	expect("third_party_passcode", NULL);
}

static void test_policy_url__participant(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	f.participant_type = SPAN_LIT("api_host");
	f.preauthenticated_role = SPAN_LIT("chair");
	f.idp_attributes[0] = (struct policy_attribute){
		SPAN_LIT("groups"), SPAN_LIT("a b")};
	f.idp_attributes[1] = (struct policy_attribute){
		SPAN_LIT("groups"), SPAN_LIT("c")};
	f.idp_attributes[2] = (struct policy_attribute){
		SPAN_LIT("e-mail"), SPAN_LIT("z@x")};
	f.n_idp_attributes = 3;
	make(POLICY_PARTICIPANT, &f);
	expect_path("/policy/v1/participant/properties");
	expect("participant_type", "api_host");
	expect("preauthenticated_role", "chair");
	expect("bypass_lock", "False");
	expect("display_count", "0");
	expect("receive_from_audio_mix", "main");
	expect("send_to_audio_mixes_mix_name", "main");
	expect("send_to_audio_mixes_prominent", "False");
	expect("service_name", "");
	assert_non_null(strstr(url, "&idp_attribute_groups=a%20b"
			       "&idp_attribute_groups=c"
			       "&idp_attribute_e-mail=z%40x"));
	make(POLICY_SERVICE, &f);
	assert_null(strstr(url, "idp_attribute"));
}

static void test_policy_url__location_and_avatar(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	make(POLICY_LOCATION, &f);
	expect_path("/policy/v1/participant/location");
	expect("proxy_node_address", "");
	expect("request_id", NULL);
	f.alias = SPAN_LIT("sip:a/b@x");
	f.width = 100;
	f.height = 80;
	f.role = SPAN_LIT("guest");
	make(POLICY_AVATAR, &f);
	expect_path("/policy/v1/participant/avatar/sip%3Aa%2Fb%40x");
	expect("width", "100");
	expect("role", "guest");
	expect("local_alias", "sip%3Aboard%40example.org");
	expect("proxy_node_address", NULL);
}

static void test_policy_url__avatar_of_a_directory_entry(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	f.alias = SPAN_LIT("x");
	f.is_directory_entry = true;
	make(POLICY_AVATAR, &f);
	assert_string_equal(strchr(url, '?'),
		"?location=Haupt%20sitz&node_ip=10.1.2.3"
		"&pseudo_version_id=1.0.0&version_id=1&registered=True"
		"&width=0&height=0");
}

static void test_policy_url__directory_and_registration(void **state)
{
	struct policy_facts f = caller();

	(void)state;
	f.q = SPAN_LIT("zo\xc3\xab");
	f.registration_alias = SPAN_LIT("bob@x");
	make(POLICY_DIRECTORY, &f);
	expect_path("/policy/v1/registrations");
	expect("q", "zo%C3%AB");
	expect("limit", "10");
	expect("registration_alias", "bob%40x");
	expect("call_tag", "");
	expect("local_alias", NULL);
	f.alias = SPAN_LIT("bob@x");
	f.auth_type = SPAN_LIT("credentials");
	make(POLICY_REGISTRATION, &f);
	expect_path("/policy/v1/registrations/bob%40x");
	expect("auth_type", "credentials");
	expect("protocol", "api");
	expect("remote_address", "2001%3Adb8%3A%3A1");
	expect("remote_port", NULL);
	expect("remote_alias", NULL);
}

static void test_policy_url__cuts_and_cleans(void **state)
{
	struct policy_facts f = caller();
	static uint8_t longname[4000];

	(void)state;
	f.vendor = SPAN_LIT("a\xff\r\n\0b");
	memset(longname, 'x', sizeof(longname));
	f.remote_display_name = span_of(longname, sizeof(longname));
	make(POLICY_SERVICE, &f);
	expect("vendor", "a%EF%BF%BD%0D%0A%EF%BF%BDb");
	assert_non_null(strstr(url, "xxx&"));
	assert_int_equal(strspn(strstr(url, "xxx"), "x"), 250);
}

/* A caller must not be able to make a URL that no server takes. */
static void test_policy_url__stays_short_with_long_names(void **state)
{
	static uint8_t long4[1200];
	struct policy_facts f = caller();
	struct span s = span_of(long4, 1000);

	(void)state;
	for (size_t i = 0; i < sizeof(long4); i += 4)
		memcpy(long4 + i, "\xf0\x9f\x98\x80", 4);
	f.vendor = f.call_tag = f.remote_display_name = f.service_name =
		f.unique_service_name = f.service_tag = f.location = s;
	for (size_t i = 0; i < POLICY_LIST_MAX; i++)
		f.ms_subnet[i] = s;
	f.n_ms_subnet = POLICY_LIST_MAX;
	make(POLICY_PARTICIPANT, &f);
	assert_true(strlen(url) <= POLICY_URL_AIM);
	expect("local_alias", "sip%3Aboard%40example.org");
	/* aliases are never cut below the limit of values */
	f.local_alias = s;
	make(POLICY_PARTICIPANT, &f);
	assert_int_equal(strspn(strstr(url, "local_alias=") + 12,
				"%0123456789ABCDEF"), 250 * 12);
}

static void test_policy_url__refuses(void **state)
{
	static const char *const bad[] = {
		"", "https://", "http://a", "https:///", "ftp://a",
		"https://a?x", "https://a/#x", "https://u@a", "https://a b",
		"https://a\n",
	};
	struct policy_facts f = caller();
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(policy_url(POLICY_SERVICE, span_str(bad[i]),
					    &f, url, sizeof(url), &n),
				 E_INVAL);
	assert_int_equal(policy_url(POLICY_AVATAR, span_str(base), &f, url,
				    sizeof(url), &n), E_INVAL);
	f.alias = SPAN_LIT("..");
	assert_int_equal(policy_url(POLICY_AVATAR, span_str(base), &f, url,
				    sizeof(url), &n), E_INVAL);
	f.alias = SPAN_LIT("...");
	assert_int_equal(policy_url(POLICY_AVATAR, span_str(base), &f, url,
				    sizeof(url), &n), 0);
	assert_int_equal(policy_url(POLICY_SERVICE, span_str(base), &f, url,
				    200, &n), E_LIMIT);
	assert_int_equal(policy_url(POLICY_KIND_COUNT, span_str(base), &f,
				    url, 200, &n), E_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_url__service),
		cmocka_unit_test(test_policy_url__conditional_parameters),
		cmocka_unit_test(test_policy_url__participant),
		cmocka_unit_test(test_policy_url__location_and_avatar),
		cmocka_unit_test(test_policy_url__avatar_of_a_directory_entry),
		cmocka_unit_test(test_policy_url__directory_and_registration),
		cmocka_unit_test(test_policy_url__cuts_and_cleans),
		cmocka_unit_test(test_policy_url__stays_short_with_long_names),
		cmocka_unit_test(test_policy_url__refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
