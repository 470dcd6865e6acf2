/* What is a valid answer and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "core/policy/result.h"
#include "core/policy/vars.h"

enum { ARENA = 4 << 20 };

/* There is one object of each kind, called "there". */
static bool has(void *arg, enum policy_object kind, struct span name)
{
	(void)arg;
	assert_in_range(kind, 1, POLICY_OBJ_COUNT - 1);
	return span_eq(name, SPAN_LIT("there")) ||
	       (kind == POLICY_OBJ_LOCATION &&
		span_eq(name, SPAN_LIT("elsewhere")));
}

static int setup(void **state)
{
	return arena_new((struct arena **)state, ARENA);
}

static int teardown(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static void parse(struct arena *a, struct jtree *t, const char *json)
{
	if (jtree_parse(t, a, span_str(json), NULL) < 0 ||
	    jtree_check(t) < 0)
		fail_msg("test JSON: %s", json);
}

static struct policy_answer server(struct arena *a, enum policy_kind kind,
				   const char *json)
{
	struct policy_reader rd = {.arena = a, .has = has};
	struct policy_answer out;
	struct jtree t;

	parse(a, &t, json);
	policy_answer_read(&out, kind, &t, &rd);
	return out;
}

static struct policy_answer script(struct arena *a, enum policy_kind kind,
				   const char *json)
{
	struct policy_reader rd = {.arena = a, .has = has};
	struct policy_answer out;
	struct jtree t;

	parse(a, &t, json);
	policy_script_read(&out, kind, &t, &rd);
	return out;
}

/* Reads {COMMON, members} as a result. */
#define COMMON "\"name\":\"n\",\"service_tag\":\"\",\"service_type\":"

static int service(struct arena *a, struct policy_service *s,
		   const char *type, const char *members,
		   struct policy_error *why)
{
	struct policy_reader rd = {.arena = a, .has = has};
	char json[4096];
	struct jtree t;

	(void)snprintf(json, sizeof(json), "{" COMMON "\"%s\"%s%s}", type,
		       members[0] ? "," : "", members);
	parse(a, &t, json);
	return policy_service_read(s, &t, 0, &rd, why);
}

static void test_policy_service__minimal_of_each_type(void **state)
{
	static const struct {
		const char *type, *members;
		int is;
	} ok[] = {
		{"conference", "", POLICY_SV_CONFERENCE},
		{"lecture", "", POLICY_SV_LECTURE},
		{"gateway", "\"local_alias\":\"a\",\"remote_alias\":\"sip:b\","
		 "\"outgoing_protocol\":\"sip\"", POLICY_SV_GATEWAY},
		{"two_stage_dialing", "", POLICY_SV_TWO_STAGE_DIALING},
		{"media_playback", "\"media_playlist_name\":\"there\"",
		 POLICY_SV_MEDIA_PLAYBACK},
		{"test_call", "", POLICY_SV_TEST_CALL},
	};
	struct policy_service s;

	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(service(*state, &s, ok[i].type,
					 ok[i].members, NULL), 0);
		assert_int_equal(s.type, ok[i].is);
	}
	assert_int_equal(service(*state, &s, "conference", "", NULL), 0);
	assert_true(s.guests_can_present);
	assert_int_equal(s.participant_limit, -1);
	assert_true(span_eq(s.view, SPAN_LIT("one_main_seven_pips")));
	assert_false(s.allow_guests || s.locked || s.breakout);
	assert_int_equal(s.crypto_mode, POLICY_CRYPTO_GLOBAL);
}

static void test_policy_service__reads_members(void **state)
{
	struct policy_service s;

	assert_int_equal(service(*state, &s, "conference",
		"\"pin\":\"482913#\",\"guest_pin\":\"1234#\","
		"\"allow_guests\":\"True\",\"mute_all_guests\":\"false\","
		"\"crypto_mode\":\"on\",\"call_type\":\"audio\","
		"\"max_callrate_in\":128000,\"max_callrate_out\":8192000.0,"
		"\"max_pixels_per_second\":null,\"participant_limit\":30,"
		"\"view\":\"four_mains_zero_pips\",\"enable_chat\":\"no\","
		"\"ivr_theme_name\":\"there\",\"locked\":true,"
		"\"host_identity_provider_group\":null,\"unknown\":[{}],"
		"\"automatic_participants\":[{\"local_alias\":\"a\","
		"\"remote_alias\":\"b\",\"protocol\":\"rtmp\","
		"\"role\":\"chair\",\"streaming\":true,\"more\":1}]", NULL), 0);
	assert_true(span_eq(s.pin, SPAN_LIT("482913#")));
	assert_true(s.allow_guests && !s.mute_all_guests && s.locked);
	assert_int_equal(s.crypto_mode, POLICY_CRYPTO_ON);
	assert_int_equal(s.call_type, POLICY_CALL_AUDIO);
	assert_int_equal(s.max_callrate_in, 128000);
	assert_int_equal(s.max_callrate_out, 8192000);
	assert_int_equal(s.participant_limit, 30);
	assert_int_equal(s.enable_chat, POLICY_NO);
	assert_true(span_eq(s.view, SPAN_LIT("four_mains_zero_pips")));
	assert_int_equal(s.n_automatic_participants, 1);
	assert_int_equal(s.automatic_participants[0].protocol,
			 POLICY_OUT_RTMP);
	assert_int_equal(s.automatic_participants[0].role, POLICY_ROLE_CHAIR);
	assert_true(s.automatic_participants[0].streaming);
}

static void test_policy_service__one_bad_value_voids_all(void **state)
{
	static const struct {
		const char *type, *members, *member, *rule;
	} bad[] = {
		{"conference", "\"locked\":1", "locked", "type"},
		{"conference", "\"locked\":\"yes\"", "locked", "type"},
		{"conference", "\"crypto_mode\":\"maybe\"", "crypto_mode",
		 "choice"},
		{"conference", "\"crypto_mode\":\"\"", "crypto_mode", "choice"},
		{"conference", "\"call_type\":\"auto\"", "call_type", "choice"},
		{"conference", "\"max_callrate_in\":127999", "max_callrate_in",
		 "range"},
		{"conference", "\"max_callrate_in\":8192001",
		 "max_callrate_in", "range"},
		{"conference", "\"max_callrate_in\":\"256000\"",
		 "max_callrate_in", "type"},
		{"conference", "\"max_callrate_out\":200000.5",
		 "max_callrate_out", "type"},
		{"conference", "\"ivr_theme_name\":\"gone\"", "ivr_theme_name",
		 "unknown name"},
		{"conference", "\"view\":\"sideways\"", "view",
		 "unknown name"},
		{"conference", "\"view\":\"teams\"", "view", "choice"},
		{"lecture", "\"host_view\":\"teams_focus\"", "host_view",
		 "choice"},
		{"conference", "\"pin\":\"12a4\"", "pin", "digits"},
		{"conference", "\"pin\":\"12#4\"", "pin", "digits"},
		{"conference", "\"pin\":\"123\"", "pin", "length"},
		{"conference", "\"pin\":123456", "pin", "type"},
		{"conference", "\"allow_guests\":true", "pin",
		 "allow_guests needs a pin"},
		{"conference", "\"pin\":\"1234\",\"guest_pin\":\"5678\"",
		 "pin", "guest_pin needs allow_guests"},
		{"conference", "\"allow_guests\":true,\"pin\":\"1234\","
		 "\"guest_pin\":\"1234\"", "pin", "pin and guest_pin are equal"},
		{"conference", "\"allow_guests\":true,\"pin\":\"1234\","
		 "\"guest_pin\":\"12345\"", "pin", "pins of different length"},
		{"conference", "\"allow_guests\":true,\"pin\":\"1234#\","
		 "\"guest_pin\":\"5678\"", "pin",
		 "one pin ends with # and one does not"},
		{"conference", "\"participant_limit\":-1", "participant_limit",
		 "range"},
		{"conference", "\"direct_media_notification_duration\":31",
		 "direct_media_notification_duration", "range"},
		{"conference", "\"breakout\":true", "breakout_uuid",
		 "required"},
		{"conference", "\"breakout\":true,\"breakout_uuid\":\"u\"",
		 "breakout_name", "required"},
		{"conference", "\"breakout\":true,\"breakout_uuid\":\"u\","
		 "\"breakout_name\":\"b\",\"breakout_rooms\":true",
		 "breakout_rooms", "not in a breakout room"},
		{"conference", "\"breakout_rooms\":true,"
		 "\"direct_media\":\"always\"", "direct_media",
		 "not with breakout rooms"},
		{"conference", "\"automatic_participants\":{}",
		 "automatic_participants", "type"},
		{"conference", "\"automatic_participants\":[7]",
		 "automatic_participants", "type"},
		{"conference", "\"automatic_participants\":[{"
		 "\"local_alias\":\"a\",\"remote_alias\":\"b\","
		 "\"protocol\":\"teams\",\"role\":\"chair\"}]", "protocol",
		 "choice"},
		{"conference", "\"automatic_participants\":[{"
		 "\"local_alias\":\"a\",\"remote_alias\":\"b\","
		 "\"protocol\":\"sip\"}]", "role", "required"},
		{"conference", "\"breakout_uuids\":[1]", "breakout_uuids",
		 "type"},
		{"gateway", "\"remote_alias\":\"b\","
		 "\"outgoing_protocol\":\"sip\"", "local_alias", "required"},
		{"gateway", "\"local_alias\":\"\",\"remote_alias\":\"\","
		 "\"outgoing_protocol\":\"sip\"", "remote_alias", "required"},
		{"gateway", "\"local_alias\":\"a\",\"remote_alias\":\"b\"",
		 "outgoing_protocol", "required"},
		{"gateway", "\"local_alias\":\"a\",\"remote_alias\":\"b\","
		 "\"outgoing_protocol\":\"sip\",\"sip_proxy_name\":\"gone\"",
		 "sip_proxy_name", "unknown name"},
		{"two_stage_dialing", "\"system_location_name\":\"gone\"",
		 "system_location_name", "unknown name"},
		{"media_playback", "", "media_playlist_name", "required"},
		{"media_playback", "\"media_playlist\":3", "media_playlist",
		 "unknown name"},
		{"media_playback", "\"media_playlist_name\":\"there\","
		 "\"on_completion\":\"x\"", "on_completion", "type"},
		{"media_playback", "\"media_playlist_name\":\"there\","
		 "\"on_completion\":{\"transfer\":{}}", "on_completion",
		 "required"},
		{"virtual_room", "", "service_type", "choice"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy_error why = {NULL, NULL};
		struct policy_service s = {.participant_limit = 4711};
		int r = service(*state, &s, bad[i].type, bad[i].members, &why);

		if (r != E_FORMAT || !why.member ||
		    strcmp(why.member, bad[i].member) != 0 ||
		    strcmp(why.rule, bad[i].rule) != 0)
			fail_msg("%s: %d %s: %s", bad[i].members, r,
				 why.member ? why.member : "", why.rule);
		assert_int_equal(s.participant_limit, 4711);
	}
}

/* A room that a script made a gateway of still has its own members. */
static void test_policy_service__members_of_other_types_are_ignored(void **st)
{
	struct policy_service s;

	assert_int_equal(service(*st, &s, "gateway",
		"\"local_alias\":\"a\",\"remote_alias\":\"b\","
		"\"outgoing_protocol\":\"h323\",\"pin\":\"not digits\","
		"\"allow_guests\":true,\"automatic_participants\":7", NULL), 0);
	assert_int_equal(service(*st, &s, "gateway",
		"\"local_alias\":\"a\",\"remote_alias\":\"b\","
		"\"outgoing_protocol\":\"teams\",\"view\":\"teams\","
		"\"called_device_type\":\"teams_conference\"", NULL), 0);
}

static void test_policy_service__on_completion_as_text(void **state)
{
	struct policy_service s;

	assert_int_equal(service(*state, &s, "media_playback",
		"\"media_playlist_name\":\"there\",\"on_completion\":"
		"\"{\\\"transfer\\\":{\\\"conference\\\":\\\"x\\\","
		"\\\"role\\\":\\\"host\\\"}}\"", NULL), 0);
	assert_true(span_eq(s.on_completion_conference, SPAN_LIT("x")));
	assert_int_equal(s.on_completion_role, POLICY_ROLE_CHAIR);
	assert_int_equal(service(*state, &s, "media_playback",
		"\"media_playlist_name\":\"there\",\"on_completion\":"
		"{\"disconnect\":true}", NULL), 0);
	assert_true(s.on_completion_disconnect);
}

#define OK_ROOM "{" COMMON "\"conference\"}"

static void test_policy_answer__of_a_server(void **state)
{
	static const struct {
		const char *json;
		enum policy_event event;
		const char *disposition;
	} rows[] = {
		{"{\"status\":\"success\",\"result\":" OK_ROOM "}",
		 POLICY_EV_ANSWER, ""},
		/* action does not matter then */
		{"{\"status\":\"success\",\"action\":\"reject\",\"result\":"
		 OK_ROOM "}", POLICY_EV_ANSWER, "REJECT"},
		{"{\"status\":\"success\",\"action\":\"continue\",\"extra\":1,"
		 "\"result\":" OK_ROOM "}", POLICY_EV_ANSWER, "CONTINUE"},
		{"{\"status\":\"success\",\"action\":\"reject\"}",
		 POLICY_EV_ANSWER_REJECT, "REJECT"},
		{"{\"status\":\"success\",\"action\":\"reject\",\"result\":{}}",
		 POLICY_EV_ANSWER_REJECT, "REJECT"},
		{"{\"status\":\"failed\",\"action\":\"reject\"}",
		 POLICY_EV_ANSWER_REJECT, ""},
		{"{\"action\":\"continue\"}", POLICY_EV_ANSWER_CONTINUE, ""},
		{"{\"status\":\"success\",\"action\":\"continue\"}",
		 POLICY_EV_ANSWER_CONTINUE, "CONTINUE"},
		{"{\"status\":\"success\",\"action\":\"redirect\",\"result\":"
		 "{\"new_alias\":\"sip:d@x\"}}", POLICY_EV_ANSWER_REDIRECT,
		 "REDIRECT"},
		{"{\"status\":\"failed\",\"action\":\"redirect\",\"result\":"
		 "{\"new_alias\":\"sip:d@x\"}}", POLICY_EV_ANSWER_FAILED, ""},
		{"{\"status\":\"success\",\"action\":\"redirect\",\"result\":"
		 "{}}", POLICY_EV_ANSWER_FAILED, ""},
		{"{\"status\":\"success\",\"action\":\"dance\"}",
		 POLICY_EV_ANSWER_FAILED, ""},
		{"{\"status\":\"success\",\"result\":{}}",
		 POLICY_EV_ANSWER_FAILED, ""},
		{"{\"status\":\"success\"}", POLICY_EV_ANSWER_FAILED, ""},
		{"{\"status\":\"Success\",\"result\":" OK_ROOM "}",
		 POLICY_EV_ANSWER_FAILED, ""},
		{"{\"result\":" OK_ROOM "}", POLICY_EV_ANSWER_FAILED, ""},
		{"[]", POLICY_EV_ANSWER_FAILED, ""},
	};
	struct policy_answer out;
	struct policy_reader rd = {.arena = *state};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_answer a = server(*state, POLICY_SERVICE,
						rows[i].json);

		if (a.event != rows[i].event ||
		    !span_eq(a.disposition, span_str(rows[i].disposition)))
			fail_msg("%s: %d %.*s", rows[i].json, a.event,
				 (int)a.disposition.n,
				 (const char *)a.disposition.p);
		assert_int_equal(a.why.rule != NULL,
				 a.event == POLICY_EV_ANSWER_FAILED);
	}
	policy_answer_read(&out, POLICY_SERVICE, NULL, &rd);
	assert_int_equal(out.event, POLICY_EV_ANSWER_FAILED);
}

static void test_policy_answer__of_a_participant(void **state)
{
	struct policy_answer a = server(*state, POLICY_PARTICIPANT,
		"{\"status\":\"success\",\"action\":\"reject\",\"result\":"
		"{\"reject_reason\":\"not today\"}}");

	assert_int_equal(a.event, POLICY_EV_ANSWER_REJECT);
	assert_true(span_eq(a.reject_reason, SPAN_LIT("not today")));
	a = server(*state, POLICY_PARTICIPANT,
		   "{\"status\":\"success\",\"action\":\"reject\",\"result\":"
		   "{\"bypass_lock\":true}}");
	assert_int_equal(a.event, POLICY_EV_ANSWER);
	a = server(*state, POLICY_PARTICIPANT,
		"{\"status\":\"success\",\"result\":{"
		"\"preauthenticated_role\":null,\"remote_display_name\":null,"
		"\"remote_alias\":\"x\",\"spotlight\":3,"
		"\"rx_presentation_policy\":\"DENY\",\"x\":1,"
		"\"send_to_audio_mixes\":[{\"mix_name\":\"main.fr.x\","
		"\"prominent\":\"True\"}],\"receive_from_audio_mix\":\"a\"}}");
	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_int_equal(a.v.participant.set,
		POLICY_PF_ROLE | POLICY_PF_DISPLAY_NAME |
		POLICY_PF_REMOTE_ALIAS | POLICY_PF_SPOTLIGHT |
		POLICY_PF_RX_PRESENTATION | POLICY_PF_SEND_MIXES |
		POLICY_PF_RECEIVE_MIX);
	assert_int_equal(a.v.participant.preauthenticated_role,
			 POLICY_ROLE_NONE);
	assert_true(a.v.participant.deny_presentation);
	assert_int_equal(a.v.participant.spotlight, 3);
	assert_true(a.v.participant.send_to_audio_mixes[0].prominent);
}

static void test_policy_participant__one_bad_value_voids_all(void **state)
{
	static const char *const bad[] = {
		"\"preauthenticated_role\":\"host\"", "\"bypass_lock\":\"on\"",
		"\"remote_alias\":7", "\"spotlight\":\"1\"",
		"\"rx_presentation_policy\":\"deny\"", "\"display_count\":-1",
		"\"send_to_audio_mixes\":{}",
		"\"send_to_audio_mixes\":[{\"mix_name\":\"a.b.c.d\"}]",
		"\"send_to_audio_mixes\":[{\"mix_name\":\"a..b\"}]",
		"\"send_to_audio_mixes\":[{}]",
		"\"receive_from_audio_mix\":\"\"",
	};
	char json[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy_answer a;

		(void)snprintf(json, sizeof(json), "{\"status\":\"success\","
			       "\"result\":{\"call_tag\":\"x\",%s}}", bad[i]);
		a = server(*state, POLICY_PARTICIPANT, json);
		if (a.event != POLICY_EV_ANSWER_FAILED)
			fail_msg("%s", bad[i]);
	}
}

static void test_policy_participant__merge_is_field_by_field(void **state)
{
	struct policy_participant p = {
		.set = POLICY_PF_CALL_TAG | POLICY_PF_SPOTLIGHT,
		.call_tag = SPAN_LIT("old"), .spotlight = 1,
	}, over = {
		.set = POLICY_PF_SPOTLIGHT | POLICY_PF_BYPASS_LOCK,
		.spotlight = 2, .bypass_lock = true,
		.call_tag = SPAN_LIT("not set"),
	};

	(void)state;
	policy_participant_merge(&p, &over);
	assert_true(span_eq(p.call_tag, SPAN_LIT("old")));
	assert_int_equal(p.spotlight, 2);
	assert_true(p.bypass_lock);
	assert_int_equal(p.set, POLICY_PF_CALL_TAG | POLICY_PF_SPOTLIGHT |
				POLICY_PF_BYPASS_LOCK);
}

static void test_policy_location__both_notations(void **state)
{
	struct policy_answer a = server(*state, POLICY_LOCATION,
		"{\"status\":\"success\",\"action\":\"reject\",\"result\":{"
		"\"location\":\"there\",\"overflow_locations\":"
		"[\"elsewhere\",\"there\"]}}");

	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_int_equal(a.v.location.n_overflow, 2);
	a = script(*state, POLICY_LOCATION,
		"{\"result\":{\"location\":\"elsewhere\","
		"\"primary_overflow_location\":\"there\","
		"\"secondary_overflow_location\":null}}");
	assert_int_equal(a.event, POLICY_EV_SCRIPT);
	assert_int_equal(a.v.location.n_overflow, 1);
	assert_true(span_eq(a.v.location.overflow[0], SPAN_LIT("there")));
	assert_int_equal(script(*state, POLICY_LOCATION,
		"{\"result\":{\"location\":\"There\"}}").event,
		POLICY_EV_SCRIPT_FAILED);
	assert_int_equal(script(*state, POLICY_LOCATION,
		"{\"result\":{\"location\":\"there\","
		"\"overflow_locations\":[\"gone\"]}}").event,
		POLICY_EV_SCRIPT_FAILED);
	assert_int_equal(script(*state, POLICY_LOCATION,
		"{\"result\":{}}").event, POLICY_EV_SCRIPT_FAILED);
}

static void test_policy_directory__answers(void **state)
{
	struct policy_answer a = server(*state, POLICY_DIRECTORY,
		"{\"status\":\"success\",\"ignore_local\":true,\"result\":["
		"{\"alias\":\"a\",\"description\":\"\",\"username\":\"\","
		"\"x\":1},{\"alias\":\"b\",\"description\":\"B\","
		"\"username\":\"u\"}]}");

	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_int_equal(a.v.directory.n, 2);
	assert_true(a.v.directory.ignore_local);
	assert_true(span_eq(a.v.directory.entries[1].username, SPAN_LIT("u")));
	a = server(*state, POLICY_DIRECTORY,
		   "{\"status\":\"success\",\"result\":[]}");
	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_int_equal(server(*state, POLICY_DIRECTORY,
		"{\"status\":\"success\",\"result\":[{\"alias\":\"a\","
		"\"description\":\"\"}]}").event, POLICY_EV_ANSWER_FAILED);
	assert_int_equal(server(*state, POLICY_DIRECTORY,
		"{\"status\":\"success\",\"result\":{}}").event,
		POLICY_EV_ANSWER_FAILED);
}

static void test_policy_registration__answers(void **state)
{
	struct policy_answer a = server(*state, POLICY_REGISTRATION,
		"{\"status\":\"success\",\"result\":{\"username\":\"u\","
		"\"password\":\"p\"}}");

	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_true(a.v.registration.has_credentials);
	assert_true(span_eq(a.v.registration.password, SPAN_LIT("p")));
	a = server(*state, POLICY_REGISTRATION, "{\"status\":\"success\","
		"\"result\":{\"username\":\"\",\"password\":\"\"}}");
	assert_true(a.v.registration.has_credentials);
	a = server(*state, POLICY_REGISTRATION, "{\"status\":\"success\","
		"\"action\":\"continue\",\"result\":{}}");
	assert_int_equal(a.event, POLICY_EV_ANSWER);
	assert_false(a.v.registration.has_credentials);
	assert_int_equal(server(*state, POLICY_REGISTRATION,
		"{\"status\":\"success\",\"action\":\"reject\",\"result\":{}}"
		).event, POLICY_EV_ANSWER_REJECT);
	/* half a pair is never "no authentication" */
	assert_int_equal(server(*state, POLICY_REGISTRATION,
		"{\"status\":\"success\",\"result\":{\"username\":\"u\"}}"
		).event, POLICY_EV_ANSWER_FAILED);
	assert_int_equal(server(*state, POLICY_REGISTRATION,
		"{\"status\":\"success\",\"result\":{\"username\":\"u\","
		"\"password\":\"\"}}").event, POLICY_EV_ANSWER_FAILED);
}

static void test_policy_script__actions(void **state)
{
	static const struct {
		const char *json;
		enum policy_event event;
	} rows[] = {
		{"{\"action\":\"continue\",\"result\":" OK_ROOM "}",
		 POLICY_EV_SCRIPT},
		{"{\"result\":" OK_ROOM "}", POLICY_EV_SCRIPT},
		/* honoured, whatever the result is */
		{"{\"action\":\"reject\",\"result\":" OK_ROOM "}",
		 POLICY_EV_SCRIPT_REJECT},
		{"{\"action\":\"reject\",\"result\":{}}",
		 POLICY_EV_SCRIPT_REJECT},
		{"{\"action\":\"redirect\",\"result\":{\"new_alias\":\"a\"}}",
		 POLICY_EV_SCRIPT_REDIRECT},
		{"{\"action\":\"redirect\",\"result\":" OK_ROOM "}",
		 POLICY_EV_SCRIPT_FAILED},
		{"{\"action\":\"maybe\",\"result\":" OK_ROOM "}",
		 POLICY_EV_SCRIPT_FAILED},
		{"{}", POLICY_EV_SCRIPT_FAILED},
		{"{\"action\":\"continue\"}", POLICY_EV_SCRIPT_FAILED},
		{"{\"action\":\"continue\",\"result\":{}}",
		 POLICY_EV_SCRIPT_FAILED},
		{"[]", POLICY_EV_SCRIPT_FAILED},
		/* repeated members: the last one wins */
		{"{\"action\":\"reject\",\"action\":\"continue\",\"result\":7,"
		 "\"result\":" OK_ROOM "}", POLICY_EV_SCRIPT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_answer a = script(*state, POLICY_SERVICE,
						rows[i].json);

		if (a.event != rows[i].event)
			fail_msg("%s: %d", rows[i].json, a.event);
	}
	assert_int_equal(script(*state, POLICY_PARTICIPANT,
		"{\"action\":\"continue\",\"result\":{}}").event,
		POLICY_EV_SCRIPT);
	assert_int_equal(script(*state, POLICY_PARTICIPANT,
		"{\"action\":\"redirect\",\"result\":{\"new_alias\":\"a\"}}"
		).event, POLICY_EV_SCRIPT_FAILED);
}

/* A script that prints what it was given changes nothing. */
static void test_policy_vars__service_comes_back_as_it_was(void **state)
{
	static const char *const all[][2] = {
		{"conference", ""},
		{"conference", "\"pin\":\"1234\",\"guest_pin\":\"5678\","
		 "\"allow_guests\":true,\"crypto_mode\":\"off\","
		 "\"max_callrate_in\":512000,\"participant_limit\":0,"
		 "\"description\":\"d\\u00e9\",\"ivr_theme_name\":\"there\","
		 "\"enable_chat\":\"yes\",\"automatic_participants\":[{"
		 "\"local_alias\":\"a\",\"remote_alias\":\"b\","
		 "\"protocol\":\"sip\",\"role\":\"guest\"}]"},
		{"conference", "\"breakout\":true,\"breakout_uuid\":\"7\","
		 "\"breakout_name\":\"b\",\"breakout_uuids\":[\"x\",\"y\"]"},
		{"lecture", "\"host_view\":\"four_mains_zero_pips\","
		 "\"guests_can_see_guests\":\"never\""},
		{"gateway", "\"local_alias\":\"a\",\"remote_alias\":\"b\","
		 "\"outgoing_protocol\":\"rtmp\",\"treat_as_trusted\":true,"
		 "\"turn_server_name\":\"there\",\"call_type\":\"auto\""},
		{"two_stage_dialing", "\"match_string\":\"(.*)\","
		 "\"two_stage_dial_type\":\"teams\""},
		{"media_playback", "\"media_playlist_name\":\"there\","
		 "\"on_completion\":{\"transfer\":{\"conference\":\"c\","
		 "\"role\":\"guest\"}}"},
		{"test_call", ""},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct policy_reader rd = {.arena = *state, .has = has};
		struct policy_service s, back;
		struct policy_error why = {NULL, NULL};
		struct span json, again;
		struct jtree t;
		struct val v;

		assert_int_equal(service(*state, &s, all[i][0], all[i][1],
					 NULL), 0);
		assert_int_equal(policy_var_service(*state, &s, &v), 0);
		assert_int_equal(val_to_json(*state, v, &json), 0);
		assert_int_equal(jtree_parse(&t, *state, json, NULL), 0);
		if (policy_service_read(&back, &t, 0, &rd, &why) < 0)
			fail_msg("%s: %s: %.*s", why.member, why.rule,
				 (int)json.n, (const char *)json.p);
		assert_int_equal(policy_var_service(*state, &back, &v), 0);
		assert_int_equal(val_to_json(*state, v, &again), 0);
		assert_true(span_eq(json, again));
	}
}

static void test_policy_vars__hostile_text_is_made_well_formed(void **state)
{
	struct policy_facts f;
	struct policy_participant p = {.set = POLICY_PF_REMOTE_ALIAS,
				       .remote_alias = SPAN_LIT("new")};
	struct policy_location l = {.location = SPAN_LIT("there"),
				    .overflow = {SPAN_LIT("elsewhere")},
				    .n_overflow = 1};
	struct policy_vars in = {.facts = &f, .participant = &p,
				 .location = &l};
	struct val v, d;
	struct span json;

	policy_facts_init(&f);
	f.vendor = SPAN_LIT("\"},\xc3\x28\0{");
	f.remote_alias = SPAN_LIT("old");
	f.registered = true;
	f.ms_subnet[0] = SPAN_LIT("10.47.5.0");
	f.n_ms_subnet = 1;
	f.disposition = SPAN_LIT("REJECT");
	f.idp_attributes[0] = (struct policy_attribute){
		SPAN_LIT("groups"), SPAN_LIT("a")};
	f.idp_attributes[1] = (struct policy_attribute){
		SPAN_LIT("groups"), SPAN_LIT("b")};
	f.n_idp_attributes = 2;
	assert_int_equal(policy_vars_make(*state, POLICY_PARTICIPANT, &in, &v),
			 0);
	d = val_get(v, "call_info");
	assert_true(span_eq(val_get(d, "vendor").u.s,
			    SPAN_LIT("\"},\xef\xbf\xbd(\xef\xbf\xbd{")));
	assert_true(val_get(d, "registered").u.b);
	assert_int_equal(val_get(d, "ms_subnet").type, VAL_LIST);
	assert_int_equal(val_get(d, "p_asserted_identity").type,
			 VAL_UNDEFINED);
	assert_true(span_eq(val_get(d, "external_policy_disposition").u.s,
			    SPAN_LIT("REJECT")));
	assert_true(span_eq(val_get(d, "remote_alias").u.s, SPAN_LIT("old")));
	assert_int_equal(val_get(v, "service_config").type, VAL_NONE);
	d = val_get(v, "participant");
	assert_true(span_eq(val_get(d, "remote_alias").u.s, SPAN_LIT("new")));
	assert_int_equal(val_get(d, "preauthenticated_role").type, VAL_NONE);
	d = val_get(val_get(d, "idp_attributes"), "groups");
	assert_int_equal(d.type, VAL_LIST);
	assert_int_equal(d.u.list->n, 2);
	assert_int_equal(val_to_json(*state, v, &json), 0);
	assert_int_equal(policy_vars_make(*state, POLICY_LOCATION, &in, &v),
			 0);
	assert_int_equal(val_get(val_get(v, "call_info"),
				 "external_policy_disposition").type,
			 VAL_UNDEFINED);
	assert_int_equal(val_get(v, "participant").type, VAL_UNDEFINED);
	d = val_get(v, "suggested_media_overflow_locations");
	assert_true(span_eq(val_get(d, "primary_overflow_location").u.s,
			    SPAN_LIT("elsewhere")));
	assert_int_equal(val_get(d, "secondary_overflow_location").type,
			 VAL_NONE);
}

static int all_of_it(void *arg)
{
	struct policy_service s;
	struct policy_facts f;
	struct policy_vars in = {.facts = &f, .service = &s};
	struct policy_reader rd = {.has = has};
	struct policy_answer out;
	struct arena *a = NULL;
	struct jtree t;
	struct val v;
	int r = arena_new(&a, ARENA);

	(void)arg;
	policy_facts_init(&f);
	policy_service_init(&s, POLICY_SV_CONFERENCE);
	s.name = SPAN_LIT("n");
	rd.arena = a;
	if (r == 0)
		r = policy_vars_make(a, POLICY_SERVICE, &in, &v);
	if (r == 0)
		r = jtree_parse(&t, a, SPAN_LIT("{\"result\":" OK_ROOM "}"),
				NULL);
	if (r == 0) {
		policy_script_read(&out, POLICY_SERVICE, &t, &rd);
		r = out.event == POLICY_EV_SCRIPT ? 0 : E_NOMEM;
	}
	arena_free(&a);
	return r;
}

static void test_policy__survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(alloc_test_every(all_of_it, NULL, 200) > 1);
}

static void test_policy_tree__refuses_what_is_no_tree(void **state)
{
	static const struct {
		struct jnode n[4];
		uint32_t count;
		int r;
	} rows[] = {
		{{{0}}, 0, E_FORMAT},
		{{{.parent = 0, .kind = J_NULL}}, 1, 0},
		{{{.parent = 1, .kind = J_OBJECT}}, 1, E_FORMAT},
		{{{.kind = J_NULL}, {.kind = J_NULL}}, 2, E_FORMAT},
		{{{.kind = J_LIST}, {.kind = J_NULL}}, 2, 0},
		{{{.kind = J_LIST}, {.parent = 1, .kind = J_NULL}}, 2,
		 E_FORMAT},
		{{{.kind = J_LIST}, {.parent = 9, .kind = J_NULL}}, 2,
		 E_FORMAT},
		{{{.kind = J_LIST}, {.kind = J_LIST}, {.kind = J_NULL},
		  {.parent = 1, .kind = J_NULL}}, 4, E_FORMAT},
		{{{.kind = J_LIST}, {.kind = J_KIND_COUNT}}, 2, E_FORMAT},
		{{{.kind = J_LIST}, {.kind = J_NULL,
				     .key = {(const uint8_t *)"a", 1}}}, 2,
		 E_FORMAT},
		{{{.kind = J_OBJECT}, {.kind = J_NULL,
				       .key = {(const uint8_t *)"\xff", 1}}},
		 2, E_FORMAT},
		{{{.kind = J_OBJECT}, {.kind = J_INT,
				       .text = {(const uint8_t *)"a", 1}}},
		 2, E_FORMAT},
	};
	static struct jnode deep[JTREE_DEPTH_MAX + 1];
	struct jtree t = {deep, JTREE_DEPTH_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jtree one = {rows[i].n, rows[i].count};

		if (jtree_check(&one) != rows[i].r)
			fail_msg("row %zu: %d", i, jtree_check(&one));
	}
	for (uint32_t i = 0; i <= JTREE_DEPTH_MAX; i++)
		deep[i] = (struct jnode){.parent = i ? i - 1 : 0,
					 .kind = J_LIST};
	assert_int_equal(jtree_check(&t), 0);
	t.n++;
	assert_int_equal(jtree_check(&t), E_LIMIT);
	t.n = JTREE_NODES_MAX + 1;
	assert_int_equal(jtree_check(&t), E_LIMIT);
}

static void test_policy_tree__walks(void **state)
{
	struct jtree t;
	uint32_t at;

	parse(*state, &t, "{\"a\":[1,[2,3],4],\"b\":{\"c\":5},\"d\":6}");
	at = jtree_member(&t, 0, SPAN_LIT("a"));
	assert_int_equal(jtree_count(&t, at), 3);
	assert_int_equal(jtree_count(&t, 0), 3);
	at = jtree_member(&t, 0, SPAN_LIT("d"));
	assert_int_equal(t.nodes[at].number, 6);
	assert_int_equal(jtree_next(&t, at), JTREE_NONE);
	at = jtree_member(&t, 0, SPAN_LIT("b"));
	assert_int_equal(jtree_member(&t, at, SPAN_LIT("d")), JTREE_NONE);
	assert_int_equal(t.nodes[jtree_member(&t, at, SPAN_LIT("c"))].number,
			 5);
	assert_int_equal(jtree_next(&t, 0), JTREE_NONE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_policy_service__minimal_of_each_type),
		T(test_policy_service__reads_members),
		T(test_policy_service__one_bad_value_voids_all),
		T(test_policy_service__members_of_other_types_are_ignored),
		T(test_policy_service__on_completion_as_text),
		T(test_policy_answer__of_a_server),
		T(test_policy_answer__of_a_participant),
		T(test_policy_participant__one_bad_value_voids_all),
		T(test_policy_participant__merge_is_field_by_field),
		T(test_policy_location__both_notations),
		T(test_policy_directory__answers),
		T(test_policy_registration__answers),
		T(test_policy_script__actions),
		T(test_policy_vars__service_comes_back_as_it_was),
		T(test_policy_vars__hostile_text_is_made_well_formed),
		T(test_policy__survives_each_failing_allocation),
		T(test_policy_tree__refuses_what_is_no_tree),
		T(test_policy_tree__walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
