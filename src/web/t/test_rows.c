#include "http/t/t.h"
#include "base/alloc_test.h"
#include "ipc/ipc.h"
#include "web/rows.h"

static struct json_out j;

static ProtobufCBinaryData t(const char *s)
{
	return ipc_data(span_str(s));
}

static void is(const char *want)
{
	struct span got;
	assert_int_equal(json_out_end(&j, &got), 0);
	if (got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
		print_message("got:  %.*s\nwant: %s\n", (int)got.n,
			      (const char *)got.p, want);
	assert_span(got, want);
	json_out_reset(&j);
}

#define VERSION "\"version\":{\"version_id\":\"39\"," \
		"\"pseudo_version\":\"39.0.0\"}"
#define UUID "5b1c7c0e-2f0e-4c0b-9d0d-7d0f4a6f1a11"

static const char alice_row[] =
	"{\"uuid\":\"" UUID "\",\"api_url\":\"/participants/" UUID "\","
	"\"display_name\":\"Alice\",\"overlay_text\":\"Alice\","
	"\"role\":\"chair\",\"service_type\":\"conference\","
	"\"protocol\":\"webrtc\",\"call_direction\":\"in\",\"call_tag\":\"\","
	"\"local_alias\":\"room1\",\"uri\":\"Alice\","
	"\"vendor\":\"Mozilla/5.0\",\"external_node_uuid\":\"\","
	"\"start_time\":1790000000.25,\"buzz_time\":0,\"spotlight\":0,"
	"\"encryption\":\"On\",\"has_media\":true,\"is_video_call\":\"YES\","
	"\"is_audio_only_call\":\"NO\",\"is_muted\":\"NO\","
	"\"is_client_muted\":false,\"is_tx_muted\":false,"
	"\"is_video_muted\":false,\"is_video_silent\":false,"
	"\"is_main_video_dropped_out\":false,\"is_presenting\":\"NO\","
	"\"presentation_supported\":\"NO\","
	"\"needs_presentation_in_mix\":false,"
	"\"rx_presentation_policy\":\"ALLOW\",\"mute_supported\":\"YES\","
	"\"disconnect_supported\":\"YES\",\"transfer_supported\":\"NO\","
	"\"fecc_supported\":\"NO\",\"is_external\":false,"
	"\"is_conjoined\":false,\"is_transferring\":false,"
	"\"is_on_hold\":false,\"is_idp_authenticated\":false,"
	"\"is_streaming_conference\":false,\"is_recording\":false,"
	"\"is_transcribing\":false,\"is_public_streaming\":false,"
	"\"is_ai_enabled\":false,\"show_live_captions\":false,"
	"\"supports_direct_chat\":true,\"can_receive_personal_mix\":false,"
	"\"receive_from_video_mix\":{\"mix_name\":\"main\",\"timestamp\":0},"
	"\"send_to_audio_mixes\":[{\"mix_name\":\"main\","
	"\"prominent\":false}],\"receive_from_audio_mix\":\"main\"}";

static const char status_text[] =
	"{\"locked\":true,\"guests_muted\":false,\"all_muted\":false,"
	"\"started\":true,\"presentation_allowed\":true,"
	"\"guests_can_unmute\":true,\"guests_can_present\":false,"
	"\"chat_enabled\":true,\"live_captions_available\":false,"
	"\"direct_media\":false,\"breakout_rooms\":false,"
	"\"classification\":{\"levels\":{},\"current\":null},"
	"\"message_text\":null,\"pinning_config\":\"\"}";

static Cv__ParticipantRow alice(void)
{
	Cv__ParticipantRow r = CV__PARTICIPANT_ROW__INIT;
	r.uuid = t(UUID);
	r.display_name = t("Alice");
	r.overlay_text = t("Alice");
	r.host = true;
	r.service = CV__SERVICE_TYPE__SERVICE_CONFERENCE;
	r.protocol = 1;
	r.has_media = r.is_video_call = r.encrypted = true;
	r.start_time_us = INT64_C(1790000000250000);
	r.local_alias = t("room1");
	r.uri = t("Alice");
	r.vendor = t("Mozilla/5.0");
	r.supports_direct_chat = true;
	return r;
}

static Cv__ConferenceStatus status(void)
{
	Cv__ConferenceStatus s = CV__CONFERENCE_STATUS__INIT;
	s.locked = s.started = s.presentation_allowed = true;
	s.guests_can_unmute = s.chat_enabled = true;
	return s;
}

static void test_rows__envelopes(void **st)
{
	(void)st;
	rows_true(&j);
	is("{\"status\":\"success\",\"result\":true}");
	rows_null(&j);
	is("{\"status\":\"success\",\"result\":null}");
	rows_text(&j, "OK");
	is("{\"status\":\"success\",\"result\":\"OK\"}");
	rows_failed(&j, "Invalid PIN");
	is("{\"status\":\"failed\",\"result\":\"Invalid PIN\"}");
	rows_pin_prompt(&j, true, false, 0);
	is("{\"status\":\"success\",\"result\":{\"pin\":\"required\","
	   "\"guest_pin\":\"none\"," VERSION "}}");
	rows_pin_prompt(&j, true, true, 90);
	is("{\"status\":\"success\",\"result\":{\"pin\":\"required\","
	   "\"guest_pin\":\"required\",\"pin_entry_timeout\":90,"
	   VERSION "}}");
}

static void test_rows__joined(void **st)
{
	(void)st;
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;
	r.token = t("q3Zf0bN7");
	r.expires_s = 120;
	r.participant = t(UUID);
	r.display_name = t("Alice");
	r.service = CV__SERVICE_TYPE__SERVICE_WAITING_ROOM;
	r.conference_name = t("Room One");
	r.service_name = t("room1");
	r.chat_enabled = true;
	r.kbps_in = r.kbps_out = 4128;
	r.stats_interval_ms = 5000;
	r.reconnect = t("rc");
	rows_joined(&j, &r);
	is("{\"status\":\"success\",\"result\":{\"token\":\"q3Zf0bN7\","
	   "\"expires\":\"120\",\"participant_uuid\":\"" UUID "\","
	   "\"display_name\":\"Alice\",\"role\":\"GUEST\","
	   "\"current_service_type\":\"waiting_room\","
	   "\"service_type\":\"conference\"," VERSION ","
	   "\"conference_name\":\"Room One\",\"service_name\":\"room1\","
	   "\"call_type\":\"video\",\"call_tag\":\"\",\"idp_uuid\":\"\","
	   "\"chat_enabled\":true,\"guests_can_present\":false,"
	   "\"fecc_enabled\":false,\"rtmp_enabled\":false,"
	   "\"rtsp_enabled\":false,\"analytics_enabled\":false,"
	   "\"route_via_registrar\":false,\"trickle_ice_enabled\":true,"
	   "\"vp9_enabled\":false,\"allow_1080p\":false,"
	   "\"direct_media\":false,\"breakout_rooms\":false,"
	   "\"use_relay_candidates_only\":false,"
	   "\"client_stats_update_interval\":5000,\"bandwidth_in\":4128,"
	   "\"bandwidth_out\":4128,"
	   "\"reconnect\":\"rc\"}}");
}

static void test_rows__refreshed_and_call(void **st)
{
	(void)st;
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	r.token = t("new");
	r.expires_s = 120;
	r.host = true;
	rows_refreshed(&j, &r);
	is("{\"status\":\"success\",\"result\":{\"token\":\"new\","
	   "\"expires\":\"120\",\"role\":\"HOST\"}}");
	rows_call(&j, SPAN_LIT("77e0"), SPAN_LIT("v=0\r\ns=-\r\n"));
	is("{\"status\":\"success\",\"result\":{\"call_uuid\":\"77e0\","
	   "\"sdp\":\"v=0\\r\\ns=-\\r\\n\"}}");
}

static void test_rows__roster(void **st)
{
	(void)st;
	Cv__ParticipantRow a = alice(), *rows[] = {&a, &a};
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	char want[2 * sizeof(alice_row) + 64];
	rows_participant(&j, &a);
	is(alice_row);
	r.rows = rows;
	r.n_rows = 2;
	rows_participants(&j, &r);
	(void)snprintf(want, sizeof(want),
		       "{\"status\":\"success\",\"result\":[%s,%s]}",
		       alice_row, alice_row);
	is(want);
	rows_participants(&j, &(Cv__CommandReply)CV__COMMAND_REPLY__INIT);
	is("{\"status\":\"success\",\"result\":[]}");
}

static void event_is(const Cv__Event *e, const char *name, const char *data)
{
	char want[4096];
	assert_int_equal(rows_event(&j, e, "abcdefghijkl"), 0);
	(void)snprintf(want, sizeof(want),
		       "id: abcdefghijkl\nevent: %s\ndata: %s\n\n", name,
		       data);
	is(want);
}

static void test_rows__events_have_one_line_of_data(void **st)
{
	(void)st;
	Cv__Event e = CV__EVENT__INIT;
	Cv__ConferenceStatus s = status();
	Cv__ParticipantRow a = alice();
	Cv__CameraMove move = CV__CAMERA_MOVE__INIT;
	move.action = CV__CAMERA_ACTION__CAMERA_START;
	move.pan = -1;
	move.zoom = 1;
	move.timeout_ms = 1000;
	e.kind = CV__EVENT_KIND__EV_CONFERENCE_UPDATE;
	e.status = &s;
	event_is(&e, "conference_update", status_text);
	e.kind = CV__EVENT_KIND__EV_SYNC_BEGIN;
	event_is(&e, "participant_sync_begin", "null");
	e.kind = CV__EVENT_KIND__EV_SYNC_END;
	event_is(&e, "participant_sync_end", "null");
	e.row = &a;
	e.kind = CV__EVENT_KIND__EV_PARTICIPANT_CREATE;
	event_is(&e, "participant_create", alice_row);
	e.kind = CV__EVENT_KIND__EV_PARTICIPANT_UPDATE;
	event_is(&e, "participant_update", alice_row);
	e.uuid = t(UUID);
	e.reason = t("Call disconnected");
	e.kind = CV__EVENT_KIND__EV_PARTICIPANT_DELETE;
	event_is(&e, "participant_delete", "{\"uuid\":\"" UUID "\"}");
	e.kind = CV__EVENT_KIND__EV_CALL_DISCONNECTED;
	event_is(&e, "call_disconnected", "{\"call_uuid\":\"" UUID "\","
		 "\"reason\":\"Call disconnected\"}");
	e.kind = CV__EVENT_KIND__EV_DISCONNECT;
	event_is(&e, "disconnect", "{\"reason\":\"Call disconnected\"}");
	e.kind = CV__EVENT_KIND__EV_REFRESH_TOKEN;
	event_is(&e, "refresh_token", "null");
	e.kind = CV__EVENT_KIND__EV_FECC;
	e.move = &move;
	event_is(&e, "fecc", "{\"action\":\"start\",\"movement\":["
		 "{\"axis\":\"pan\",\"direction\":\"left\"},"
		 "{\"axis\":\"zoom\",\"direction\":\"in\"}],"
		 "\"timeout\":1000}");
	e.kind = CV__EVENT_KIND__EV_PRESENTATION_STOP;
	event_is(&e, "presentation_stop", "null");
	e.kind = CV__EVENT_KIND__EV_NONE;
	assert_int_equal(rows_event(&j, &e, "abcdefghijkl"), E_INVAL);
	json_out_reset(&j);
}

static void test_rows__layout_stage_and_message(void **st)
{
	(void)st;
	Cv__Event e = CV__EVENT__INIT;
	Cv__LayoutState l = CV__LAYOUT_STATE__INIT;
	Cv__StageEntry s1 = CV__STAGE_ENTRY__INIT, *stage[] = {&s1};
	Cv__ChatMessage m = CV__CHAT_MESSAGE__INIT;
	ProtobufCBinaryData people[] = {t("a"), t("b")};
	l.view = t("1:7");
	l.participants = people;
	l.n_participants = 2;
	e.layout = &l;
	e.kind = CV__EVENT_KIND__EV_LAYOUT;
	event_is(&e, "layout", "{\"view\":\"1:7\",\"participants\":[\"a\","
		 "\"b\"],\"requested_layout\":{\"primary_screen\":{"
		 "\"chair_layout\":\"1:7\",\"guest_layout\":\"1:7\"}},"
		 "\"overlay_text_enabled\":false,\"pres_slot_coords\":null}");
	e.kind = CV__EVENT_KIND__EV_STAGE;
	event_is(&e, "stage", "[]");
	s1.uuid = t("a");
	s1.vad = 100;
	e.stage = stage;
	e.n_stage = 1;
	event_is(&e, "stage", "[{\"participant_uuid\":\"a\","
		 "\"stage_index\":0,\"vad\":100}]");
	m.origin = t("Al\"ice");
	m.uuid = t("a");
	m.type = t("text/plain");
	m.payload = t("two\nlines\xff <b>");
	e.message = &m;
	e.kind = CV__EVENT_KIND__EV_MESSAGE;
	event_is(&e, "message_received", "{\"origin\":\"Al\\\"ice\","
		 "\"uuid\":\"a\",\"type\":\"text/plain\","
		 "\"payload\":\"two\\nlines\xef\xbf\xbd <b>\","
		 "\"direct\":false}");
}

static void test_rows__layout_names(void **st)
{
	(void)st;
	rows_layouts(&j, false);
	is("{\"status\":\"success\",\"result\":[\"1:0\",\"1:7\",\"4:0\","
	   "\"9:0\",\"16:0\",\"25:0\"]}");
	rows_layouts(&j, true);
	struct span s;
	assert_int_equal(json_out_end(&j, &s), 0);
	assert_true(span_starts(s, SPAN_LIT("{\"status\":\"success\","
		"\"result\":[{\"name\":\"1:0\",\"tags\":[]},")));
	json_out_reset(&j);
}

static int body(void *arg)
{
	struct json_out out = {0};
	struct span s;
	Cv__ParticipantRow a = alice();
	(void)arg;
	for (int i = 0; i < 4; i++)
		rows_participant(&out, &a);
	int r = json_out_end(&out, &s);
	json_out_release(&out);
	return r;
}

static void test_rows__survives_each_failing_allocation(void **st)
{
	(void)st;
	assert_true(alloc_test_every(body, NULL, 50) > 0);
}

static void test_json_out__stops_at_its_limit(void **st)
{
	(void)st;
	struct json_out out = {0};
	struct span s;
	char block[1024];
	memset(block, 'x', sizeof(block));
	json_list_open(&out);
	for (int i = 0; i < 5000; i++)
		json_text(&out, span_of(block, sizeof(block)));
	assert_int_equal(json_out_end(&out, &s), E_NOMEM);
	json_out_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows__envelopes),
		cmocka_unit_test(test_rows__joined),
		cmocka_unit_test(test_rows__refreshed_and_call),
		cmocka_unit_test(test_rows__roster),
		cmocka_unit_test(test_rows__events_have_one_line_of_data),
		cmocka_unit_test(test_rows__layout_stage_and_message),
		cmocka_unit_test(test_rows__layout_names),
		cmocka_unit_test(test_rows__survives_each_failing_allocation),
		cmocka_unit_test(test_json_out__stops_at_its_limit),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	json_out_release(&j);
	return r;
}
