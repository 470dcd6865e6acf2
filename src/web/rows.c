#include "web/rows.h"
#include <stdio.h>
#include "ipc/ipc.h"

/* Android compares version_id as text and wants at least "36" for the calls
 * that we serve. */
#define VERSION_ID "39"
#define VERSION_PSEUDO "39.0.0"

static struct span b(ProtobufCBinaryData d)
{
	return span_of(d.data, d.len);
}

static void success(struct json_out *j)
{
	json_open(j);
	json_kv_str(j, "status", "success");
	json_key(j, "result");
}

void rows_true(struct json_out *j)
{
	success(j);
	json_raw(j, "true");
	json_close(j);
}

void rows_null(struct json_out *j)
{
	success(j);
	json_raw(j, "null");
	json_close(j);
}

void rows_text(struct json_out *j, const char *text)
{
	success(j);
	json_text(j, span_str(text));
	json_close(j);
}

void rows_failed_text(struct json_out *j, struct span text)
{
	json_open(j);
	json_kv_str(j, "status", "failed");
	json_kv_text(j, "result", text);
	json_close(j);
}

void rows_refused(struct json_out *j, struct span text, struct span reference)
{
	json_open(j);
	json_kv_str(j, "status", "failed");
	json_kv_text(j, "result", text);
	if (reference.n)
		json_kv_text(j, "reference", reference);
	json_close(j);
}

void rows_failed(struct json_out *j, const char *text)
{
	rows_failed_text(j, span_str(text));
}

static void put_version(struct json_out *j)
{
	json_key(j, "version");
	json_open(j);
	json_kv_str(j, "version_id", VERSION_ID);
	json_kv_str(j, "pseudo_version", VERSION_PSEUDO);
	json_close(j);
}

/* Seconds as text: a number is rejected by clients. */
static void put_expires(struct json_out *j, uint32_t s)
{
	char buf[16];
	(void)snprintf(buf, sizeof(buf), "%u", s);
	json_kv_str(j, "expires", buf);
}

static const char *service_name(Cv__ServiceType s)
{
	switch (s) {
	case CV__SERVICE_TYPE__SERVICE_LECTURE: return "lecture";
	case CV__SERVICE_TYPE__SERVICE_WAITING_ROOM: return "waiting_room";
	case CV__SERVICE_TYPE__SERVICE_IVR: return "ivr";
	case CV__SERVICE_TYPE__SERVICE_GATEWAY: return "gateway";
	case CV__SERVICE_TYPE__SERVICE_TEST_CALL: return "test_call";
	case CV__SERVICE_TYPE__SERVICE_CONNECTING: return "connecting";
	case CV__SERVICE_TYPE__SERVICE_MEDIA_PLAYBACK: return "media_playback";
	default: return "conference";
	}
}

/* `service_type` has a smaller set than `current_service_type`. */
static const char *room_service_name(Cv__ServiceType s)
{
	switch (s) {
	case CV__SERVICE_TYPE__SERVICE_LECTURE:
	case CV__SERVICE_TYPE__SERVICE_GATEWAY:
	case CV__SERVICE_TYPE__SERVICE_TEST_CALL:
	case CV__SERVICE_TYPE__SERVICE_MEDIA_PLAYBACK:
		return service_name(s);
	default:
		return "conference";
	}
}

static const char *current_service_name(Cv__ServiceType s)
{
	return s == CV__SERVICE_TYPE__SERVICE_CONNECTING ? "conference"
							 : service_name(s);
}

static const char *call_type_name(uint32_t t)
{
	return t == 1 ? "video-only" : t == 2 ? "audio" : "video";
}

static void put_abilities(struct json_out *j, const Cv__JoinReply *r)
{
	json_kv_bool(j, "chat_enabled", r->chat_enabled);
	json_kv_bool(j, "guests_can_present", r->guests_can_present);
	json_kv_bool(j, "fecc_enabled", r->fecc_enabled);
	json_kv_bool(j, "rtmp_enabled", false);
	json_kv_bool(j, "rtsp_enabled", false);
	json_kv_bool(j, "analytics_enabled", false);
	json_kv_bool(j, "route_via_registrar", false);
	json_kv_bool(j, "trickle_ice_enabled", true);
	json_kv_bool(j, "vp9_enabled", false);
	json_kv_bool(j, "allow_1080p", false);
	json_kv_bool(j, "direct_media", false);
	json_kv_bool(j, "breakout_rooms", false);
	json_kv_bool(j, "use_relay_candidates_only", r->relay_only);
}

static void put_ice_server(struct json_out *j, const Cv__IceServer *s)
{
	json_open(j);
	if (!s->turn) {
		json_kv_text(j, "url", b(s->url));
	} else {
		json_key(j, "urls");
		json_list_open(j);
		json_text(j, b(s->url));
		json_list_close(j);
		json_kv_text(j, "username", b(s->username));
		json_kv_text(j, "credential", b(s->credential));
	}
	json_close(j);
}

/* Nothing at all when there are none: from an empty array the npm client
 * makes an ICE server without an address and throws. */
static void put_ice(struct json_out *j, const Cv__JoinReply *r, bool turn)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_ice_servers; i++) {
		const Cv__IceServer *s = r->ice_servers[i];
		if (s->turn != turn || s->url.len == 0)
			continue;
		if (n++ == 0) {
			json_key(j, turn ? "turn" : "stun");
			json_list_open(j);
		}
		put_ice_server(j, s);
	}
	if (n)
		json_list_close(j);
}

void rows_joined(struct json_out *j, const Cv__JoinReply *r)
{
	success(j);
	json_open(j);
	json_kv_text(j, "token", b(r->token));
	put_expires(j, r->expires_s);
	json_kv_text(j, "participant_uuid", b(r->participant));
	json_kv_text(j, "display_name", b(r->display_name));
	json_kv_str(j, "role", r->host ? "HOST" : "GUEST");
	json_kv_str(j, "current_service_type",
		    current_service_name(r->service));
	json_kv_str(j, "service_type", room_service_name(r->service));
	put_version(j);
	json_kv_text(j, "conference_name", b(r->conference_name));
	json_kv_text(j, "service_name", b(r->service_name));
	json_kv_str(j, "call_type", call_type_name(r->call_type));
	json_kv_text(j, "call_tag", b(r->call_tag));
	json_kv_str(j, "idp_uuid", "");
	put_abilities(j, r);
	if (r->stats_interval_ms)
		json_kv_uint(j, "client_stats_update_interval",
			     r->stats_interval_ms);
	if (r->kbps_in)
		json_kv_uint(j, "bandwidth_in", r->kbps_in);
	if (r->kbps_out)
		json_kv_uint(j, "bandwidth_out", r->kbps_out);
	put_ice(j, r, false);
	put_ice(j, r, true);
	if (r->reconnect.len)
		json_kv_text(j, "reconnect", b(r->reconnect));
	json_close(j);
	json_close(j);
}

void rows_pin_prompt(struct json_out *j, bool host_pin, bool guest_pin,
		     uint32_t entry_s)
{
	success(j);
	json_open(j);
	json_kv_str(j, "pin", host_pin ? "required" : "none");
	json_kv_str(j, "guest_pin", guest_pin ? "required" : "none");
	if (entry_s)
		json_kv_uint(j, "pin_entry_timeout", entry_s);
	put_version(j);
	json_close(j);
	json_close(j);
}

void rows_extension_prompt(struct json_out *j)
{
	success(j);
	json_open(j);
	json_kv_str(j, "conference_extension", "required");
	json_kv_str(j, "conference_extension_type", "standard");
	json_close(j);
	json_close(j);
}

void rows_refreshed(struct json_out *j, const Cv__CommandReply *r)
{
	success(j);
	json_open(j);
	json_kv_text(j, "token", b(r->token));
	put_expires(j, r->expires_s);
	json_kv_str(j, "role", r->host ? "HOST" : "GUEST");
	if (r->stats_interval_ms)
		json_kv_uint(j, "client_stats_update_interval",
			     r->stats_interval_ms);
	json_close(j);
	json_close(j);
}

void rows_registered(struct json_out *j, const Cv__RegReply *r, bool is_new)
{
	success(j);
	json_open(j);
	json_kv_text(j, "token", b(r->token));
	put_expires(j, r->expires_s);
	if (is_new) {
		json_kv_text(j, "registration_uuid", b(r->uuid));
		json_kv_bool(j, "directory_enabled", r->directory_enabled);
		json_kv_bool(j, "route_via_registrar", true);
		put_version(j);
	}
	json_close(j);
	json_close(j);
}

void rows_directory(struct json_out *j, const Cv__RegReply *r)
{
	success(j);
	json_list_open(j);
	for (size_t i = 0; i < r->n_entries; i++) {
		const Cv__RegEntry *e = r->entries[i];

		json_open(j);
		json_kv_text(j, "alias", b(e->alias));
		json_kv_text(j, "description", b(e->description));
		json_kv_text(j, "username", b(e->username));
		json_close(j);
	}
	json_list_close(j);
	json_close(j);
}

static void put_status(struct json_out *j, const Cv__ConferenceStatus *s)
{
	json_open(j);
	json_kv_bool(j, "locked", s->locked);
	json_kv_bool(j, "guests_muted", s->guests_muted);
	json_kv_bool(j, "all_muted", s->all_muted);
	json_kv_bool(j, "started", s->started);
	json_kv_bool(j, "presentation_allowed", s->presentation_allowed);
	json_kv_bool(j, "guests_can_unmute", s->guests_can_unmute);
	json_kv_bool(j, "guests_can_present", s->guests_can_present);
	json_kv_bool(j, "chat_enabled", s->chat_enabled);
	json_kv_bool(j, "live_captions_available", false);
	json_kv_bool(j, "direct_media", false);
	json_kv_bool(j, "breakout_rooms", false);
	json_key(j, "classification");
	json_raw(j, "{\"levels\":{},\"current\":null}");
	json_kv_null(j, "message_text");
	json_kv_str(j, "pinning_config", "");
	json_close(j);
}

void rows_status(struct json_out *j, const Cv__ConferenceStatus *s)
{
	static const Cv__ConferenceStatus none =
		CV__CONFERENCE_STATUS__INIT;
	success(j);
	put_status(j, s ? s : &none);
	json_close(j);
}

static const char *protocol_name(uint32_t p)
{
	static const char *const names[] = {"api", "webrtc", "sip", "h323",
					    "rtmp"};
	return p < sizeof(names) / sizeof(*names) ? names[p] : "";
}

static void put_identity(struct json_out *j, const Cv__ParticipantRow *r)
{
	json_kv_text(j, "uuid", b(r->uuid));
	json_key(j, "api_url");
	/* The value is a path made of a uuid: join the two halves. */
	char url[96];
	(void)snprintf(url, sizeof(url), "/participants/%.*s",
		       (int)(r->uuid.len < 64 ? r->uuid.len : 64),
		       (const char *)r->uuid.data);
	json_text(j, span_str(url));
	json_kv_text(j, "display_name", b(r->display_name));
	json_kv_text(j, "overlay_text", b(r->overlay_text));
	json_kv_str(j, "role", r->host ? "chair" : "guest");
	json_kv_str(j, "service_type", service_name(r->service));
	json_kv_str(j, "protocol", protocol_name(r->protocol));
	json_kv_str(j, "call_direction", "in");
	json_kv_text(j, "call_tag", b(r->call_tag));
	json_kv_text(j, "local_alias", b(r->local_alias));
	json_kv_text(j, "uri", b(r->uri));
	json_kv_text(j, "vendor", b(r->vendor));
	json_kv_str(j, "external_node_uuid", "");
}

static void put_media(struct json_out *j, const Cv__ParticipantRow *r)
{
	json_kv_seconds(j, "start_time", r->start_time_us);
	json_kv_seconds(j, "buzz_time", r->buzz_time_us);
	json_kv_seconds(j, "spotlight", r->spotlight_us);
	json_kv_str(j, "encryption", r->encrypted ? "On" : "Off");
	json_kv_bool(j, "has_media", r->has_media);
	json_kv_yesno(j, "is_video_call", r->is_video_call);
	json_kv_yesno(j, "is_audio_only_call", r->is_audio_only);
	json_kv_yesno(j, "is_muted", r->is_muted);
	json_kv_bool(j, "is_client_muted", r->is_client_muted);
	json_kv_bool(j, "is_tx_muted", false);
	json_kv_bool(j, "is_video_muted", r->is_video_muted);
	json_kv_bool(j, "is_video_silent", r->is_video_silent);
	json_kv_bool(j, "is_main_video_dropped_out", false);
	json_kv_yesno(j, "is_presenting", r->is_presenting);
	json_kv_yesno(j, "presentation_supported", r->presentation_supported);
	json_kv_bool(j, "needs_presentation_in_mix", r->presentation_in_mix);
	json_kv_str(j, "rx_presentation_policy",
		    r->rx_presentation_denied ? "DENY" : "ALLOW");
}

static void put_abilities_of(struct json_out *j, const Cv__ParticipantRow *r)
{
	json_kv_yesno(j, "mute_supported", true);
	json_kv_yesno(j, "disconnect_supported", true);
	json_kv_yesno(j, "transfer_supported", false);
	json_kv_yesno(j, "fecc_supported", r->fecc_supported);
	json_kv_bool(j, "is_external", false);
	json_kv_bool(j, "is_conjoined", false);
	json_kv_bool(j, "is_transferring", false);
	json_kv_bool(j, "is_on_hold", false);
	json_kv_bool(j, "is_idp_authenticated", false);
	json_kv_bool(j, "is_streaming_conference", false);
	json_kv_bool(j, "is_recording", false);
	json_kv_bool(j, "is_transcribing", false);
	json_kv_bool(j, "is_public_streaming", false);
	json_kv_bool(j, "is_ai_enabled", false);
	json_kv_bool(j, "show_live_captions", false);
	json_kv_bool(j, "supports_direct_chat", r->supports_direct_chat);
	json_kv_bool(j, "can_receive_personal_mix", false);
}

void rows_participant(struct json_out *j, const Cv__ParticipantRow *r)
{
	json_open(j);
	put_identity(j, r);
	put_media(j, r);
	put_abilities_of(j, r);
	json_key(j, "receive_from_video_mix");
	json_raw(j, "{\"mix_name\":\"main\",\"timestamp\":0}");
	json_key(j, "send_to_audio_mixes");
	json_raw(j, "[{\"mix_name\":\"main\",\"prominent\":false}]");
	json_kv_str(j, "receive_from_audio_mix", "main");
	json_close(j);
}

void rows_participants(struct json_out *j, const Cv__CommandReply *r)
{
	success(j);
	json_list_open(j);
	for (size_t i = 0; i < r->n_rows; i++)
		rows_participant(j, r->rows[i]);
	json_list_close(j);
	json_close(j);
}

void rows_call(struct json_out *j, struct span call, struct span sdp)
{
	success(j);
	json_open(j);
	json_kv_text(j, "call_uuid", call);
	json_kv_text(j, "sdp", sdp);
	json_close(j);
	json_close(j);
}

void rows_layouts(struct json_out *j, bool annotate)
{
	static const char *const names[] = {"1:0", "1:7", "4:0", "9:0",
					    "16:0", "25:0"};
	success(j);
	json_list_open(j);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!annotate) {
			json_text(j, span_str(names[i]));
			continue;
		}
		json_open(j);
		json_kv_str(j, "name", names[i]);
		json_key(j, "tags");
		json_raw(j, "[]");
		json_close(j);
	}
	json_list_close(j);
	json_close(j);
}

static void put_layout(struct json_out *j, const Cv__LayoutState *l)
{
	static const Cv__LayoutState none = CV__LAYOUT_STATE__INIT;
	if (!l)
		l = &none;
	json_open(j);
	json_kv_text(j, "view", b(l->view));
	json_key(j, "participants");
	json_list_open(j);
	for (size_t i = 0; i < l->n_participants; i++)
		json_text(j, b(l->participants[i]));
	json_list_close(j);
	json_key(j, "requested_layout");
	json_open(j);
	json_key(j, "primary_screen");
	json_open(j);
	json_kv_text(j, "chair_layout", b(l->view));
	json_kv_text(j, "guest_layout", b(l->view));
	json_close(j);
	json_close(j);
	json_kv_bool(j, "overlay_text_enabled", l->overlay_text);
	json_kv_null(j, "pres_slot_coords");
	json_close(j);
}

static void put_stage(struct json_out *j, const Cv__Event *e)
{
	json_list_open(j);
	for (size_t i = 0; i < e->n_stage; i++) {
		json_open(j);
		json_kv_text(j, "participant_uuid", b(e->stage[i]->uuid));
		json_kv_uint(j, "stage_index", i);
		json_kv_uint(j, "vad", e->stage[i]->vad);
		json_close(j);
	}
	json_list_close(j);
}

static void put_message(struct json_out *j, const Cv__ChatMessage *m)
{
	static const Cv__ChatMessage none = CV__CHAT_MESSAGE__INIT;
	if (!m)
		m = &none;
	json_open(j);
	json_kv_text(j, "origin", b(m->origin));
	json_kv_text(j, "uuid", b(m->uuid));
	json_kv_text(j, "type", b(m->type));
	json_kv_text(j, "payload", b(m->payload));
	json_kv_bool(j, "direct", m->direct);
	json_close(j);
}

static void put_pair(struct json_out *j, const char *k1, struct span v1,
		     const char *k2, struct span v2)
{
	json_open(j);
	json_kv_text(j, k1, v1);
	if (k2)
		json_kv_text(j, k2, v2);
	json_close(j);
}

static void put_incoming(struct json_out *j, const Cv__Incoming *in)
{
	static const Cv__Incoming none = CV__INCOMING__INIT;

	if (!in)
		in = &none;
	json_open(j);
	json_kv_text(j, "conference_alias", b(in->conference_alias));
	json_kv_text(j, "remote_display_name", b(in->remote_display_name));
	json_kv_text(j, "remote_alias", b(in->remote_alias));
	json_kv_text(j, "local_alias", b(in->local_alias));
	json_kv_str(j, "service_type", "gateway");
	json_kv_text(j, "token", b(in->token));
	json_close(j);
}

/* From the presenter's row; core never sends it to the presenter himself. */
static void put_presenter(struct json_out *j, const Cv__ParticipantRow *r)
{
	static const Cv__ParticipantRow none = CV__PARTICIPANT_ROW__INIT;
	if (!r)
		r = &none;
	json_open(j);
	json_kv_text(j, "presenter_name", b(r->display_name));
	json_kv_text(j, "presenter_uri", b(r->uri));
	json_kv_text(j, "presenter_uuid", b(r->uuid));
	json_close(j);
}

static void put_axis(struct json_out *j, const char *axis, int32_t v,
		     const char *minus, const char *plus)
{
	if (!v)
		return;
	json_open(j);
	json_kv_str(j, "axis", axis);
	json_kv_str(j, "direction", v < 0 ? minus : plus);
	json_close(j);
}

static const char *action_name(Cv__CameraAction a)
{
	return a == CV__CAMERA_ACTION__CAMERA_START ? "start" :
	       a == CV__CAMERA_ACTION__CAMERA_CONTINUE ? "continue" : "stop";
}

static void put_move(struct json_out *j, const Cv__CameraMove *m)
{
	static const Cv__CameraMove none = CV__CAMERA_MOVE__INIT;
	if (!m)
		m = &none;
	json_open(j);
	json_kv_str(j, "action", action_name(m->action));
	json_key(j, "movement");
	json_list_open(j);
	put_axis(j, "pan", m->pan, "left", "right");
	put_axis(j, "tilt", m->tilt, "down", "up");
	put_axis(j, "zoom", m->zoom, "out", "in");
	json_list_close(j);
	json_kv_uint(j, "timeout", m->timeout_ms);
	json_close(j);
}

static const char *event_name(Cv__EventKind k)
{
	switch (k) {
	case CV__EVENT_KIND__EV_CONFERENCE_UPDATE: return "conference_update";
	case CV__EVENT_KIND__EV_SYNC_BEGIN: return "participant_sync_begin";
	case CV__EVENT_KIND__EV_SYNC_END: return "participant_sync_end";
	case CV__EVENT_KIND__EV_PARTICIPANT_CREATE:
		return "participant_create";
	case CV__EVENT_KIND__EV_PARTICIPANT_UPDATE:
		return "participant_update";
	case CV__EVENT_KIND__EV_PARTICIPANT_DELETE:
		return "participant_delete";
	case CV__EVENT_KIND__EV_LAYOUT: return "layout";
	case CV__EVENT_KIND__EV_STAGE: return "stage";
	case CV__EVENT_KIND__EV_MESSAGE: return "message_received";
	case CV__EVENT_KIND__EV_DISCONNECT: return "disconnect";
	case CV__EVENT_KIND__EV_CALL_DISCONNECTED: return "call_disconnected";
	case CV__EVENT_KIND__EV_REFRESH_TOKEN: return "refresh_token";
	case CV__EVENT_KIND__EV_PRESENTATION_START:
		return "presentation_start";
	case CV__EVENT_KIND__EV_PRESENTATION_STOP: return "presentation_stop";
	case CV__EVENT_KIND__EV_FECC: return "fecc";
	case CV__EVENT_KIND__EV_INCOMING: return "incoming";
	case CV__EVENT_KIND__EV_INCOMING_CANCELLED:
		return "incoming_cancelled";
	default: return NULL;
	}
}

static void put_row(struct json_out *j, const Cv__ParticipantRow *r)
{
	static const Cv__ParticipantRow none = CV__PARTICIPANT_ROW__INIT;
	rows_participant(j, r ? r : &none);
}

static void put_data(struct json_out *j, const Cv__Event *e)
{
	static const Cv__ConferenceStatus none =
		CV__CONFERENCE_STATUS__INIT;
	switch (e->kind) {
	case CV__EVENT_KIND__EV_CONFERENCE_UPDATE:
		put_status(j, e->status ? e->status : &none);
		break;
	case CV__EVENT_KIND__EV_PARTICIPANT_CREATE:
	case CV__EVENT_KIND__EV_PARTICIPANT_UPDATE:
		put_row(j, e->row);
		break;
	case CV__EVENT_KIND__EV_PARTICIPANT_DELETE:
		put_pair(j, "uuid", b(e->uuid), NULL, SPAN_NONE);
		break;
	case CV__EVENT_KIND__EV_LAYOUT:
		put_layout(j, e->layout);
		break;
	case CV__EVENT_KIND__EV_STAGE:
		put_stage(j, e);
		break;
	case CV__EVENT_KIND__EV_MESSAGE:
		put_message(j, e->message);
		break;
	case CV__EVENT_KIND__EV_DISCONNECT:
		put_pair(j, "reason", b(e->reason), NULL, SPAN_NONE);
		break;
	case CV__EVENT_KIND__EV_CALL_DISCONNECTED:
		put_pair(j, "call_uuid", b(e->uuid), "reason", b(e->reason));
		break;
	case CV__EVENT_KIND__EV_PRESENTATION_START:
		put_presenter(j, e->row);
		break;
	case CV__EVENT_KIND__EV_FECC:
		put_move(j, e->move);
		break;
	case CV__EVENT_KIND__EV_INCOMING:
		put_incoming(j, e->incoming);
		break;
	case CV__EVENT_KIND__EV_INCOMING_CANCELLED:
		put_pair(j, "token", e->incoming ? b(e->incoming->token) :
			 SPAN_NONE, NULL, SPAN_NONE);
		break;
	default:
		json_raw(j, "null");	/* an empty line is never dispatched */
	}
}

int rows_event(struct json_out *j, const Cv__Event *e,
	       const char id[ROWS_EVENT_ID_LEN + 1])
{
	const char *name = event_name(e->kind);
	struct span out;
	if (!name)
		return E_INVAL;
	json_raw(j, "id: ");
	json_raw(j, id);
	json_raw(j, "\nevent: ");
	json_raw(j, name);
	json_raw(j, "\ndata: ");
	put_data(j, e);
	json_raw(j, "\n\n");
	return json_out_end(j, &out);
}

void rows_called(struct json_out *j, struct span uuid)
{
	success(j);
	json_list_open(j);
	json_text(j, uuid);
	json_list_close(j);
	json_close(j);
}
