#include "core/policy/rows.h"

#define BIT(t) (1u << POLICY_SV_##t)
enum {
	C = BIT(CONFERENCE), L = BIT(LECTURE), G = BIT(GATEWAY),
	T = BIT(TWO_STAGE_DIALING), B = BIT(MEDIA_PLAYBACK),
	X = BIT(TEST_CALL),
	ROOM = C | L, ALL = C | L | G | T | B | X, NOT_B = ALL & ~B,
	SECONDS_MAX = 30,
};

#define IN(field) offsetof(struct policy_service, field)
#define TEXT(n, of_)                                                          \
	{.name = #n, .type = POLICY_M_TEXT, .offset = IN(n), .of = (of_)}
#define MUST(n, of_)                                                          \
	{.name = #n, .type = POLICY_M_TEXT, .offset = IN(n), .of = (of_),     \
	 .required = (of_)}
#define BOOL(n, of_)                                                          \
	{.name = #n, .type = POLICY_M_BOOL, .offset = IN(n), .of = (of_)}
#define WORD(n, of_, c)                                                       \
	{.name = #n, .type = POLICY_M_ENUM, .offset = IN(n), .of = (of_),     \
	 .choices = (c)}
#define INT(n, of_, lo, hi)                                                   \
	{.name = #n, .type = POLICY_M_INT, .offset = IN(n), .of = (of_),      \
	 .min = (lo), .max = (hi)}
#define BPS(n, of_)                                                           \
	{.name = #n, .type = POLICY_M_BPS, .offset = IN(n), .of = (of_)}
#define NAME(n, of_, o)                                                       \
	{.name = #n, .type = POLICY_M_NAME, .offset = IN(n), .of = (of_),     \
	 .object = POLICY_OBJ_##o}
#define VIEW(n, of_)                                                          \
	{.name = #n, .type = POLICY_M_VIEW, .offset = IN(n), .of = (of_),     \
	 .def = "one_main_seven_pips"}
#define PIN(n, of_)                                                           \
	{.name = #n, .type = POLICY_M_PIN, .offset = IN(n), .of = (of_)}

#define YES_NO "default|yes|no"

static const struct policy_row service[] = {
	MUST(name, ALL),
	{.name = "service_tag", .type = POLICY_M_TEXT, .offset = IN(service_tag),
	 .of = ALL, .required = ALL, .def = ""},
	TEXT(description, ALL),
	WORD(call_type, NOT_B, "video|video-only|audio|auto"),
	WORD(crypto_mode, NOT_B, "|besteffort|on|off"),
	BOOL(bypass_proxy, NOT_B),
	NAME(ivr_theme_name, ALL, THEME),
	TEXT(local_display_name, NOT_B),
	BPS(max_callrate_in, ALL),
	BPS(max_callrate_out, ALL & ~X),
	WORD(max_pixels_per_second, ALL, "|sd|hd|fullhd"),
	/* rooms */
	BOOL(allow_guests, ROOM | B),
	PIN(pin, ROOM | B),
	PIN(guest_pin, ROOM | B),
	NAME(host_identity_provider_group, ROOM | B, IDP_GROUP),
	NAME(guest_identity_provider_group, ROOM | B, IDP_GROUP),
	WORD(non_idp_participants, ROOM | B, "disallow_all|allow_if_trusted"),
	VIEW(view, C | G),
	VIEW(host_view, L),
	VIEW(guest_view, L),
	BOOL(force_presenter_into_main, L),
	WORD(guests_can_see_guests, L, "no_hosts|always|never"),
	BOOL(guests_can_present, ROOM),
	BOOL(mute_all_guests, ROOM),
	WORD(enable_chat, ROOM, YES_NO),
	BOOL(enable_overlay_text, ROOM | G),
	BOOL(enable_active_speaker_indication, ROOM | G),
	BOOL(locked, ROOM),
	INT(participant_limit, ROOM, 0, 1000000),
	WORD(direct_media, ROOM, "never|best_effort|always"),
	INT(direct_media_notification_duration, ROOM, 0, SECONDS_MAX),
	BOOL(breakout_rooms, ROOM),
	BOOL(denoise_enabled, ROOM),
	BOOL(softmute_enabled, ROOM),
	WORD(live_captions_enabled, ROOM | G, YES_NO),
	WORD(prefer_ipv6, ROOM | G, YES_NO),
	TEXT(live_captions_language, ROOM | G),
	TEXT(source_language, ROOM | G),
	TEXT(pinning_config, ROOM),
	TEXT(primary_owner_email_address, ROOM),
	/* breakout rooms */
	BOOL(breakout, ROOM),
	TEXT(breakout_uuid, ROOM),
	TEXT(breakout_name, ROOM),
	TEXT(breakout_description, ROOM),
	BOOL(breakout_guests_allowed_to_leave, ROOM),
	WORD(end_action, ROOM, "transfer|disconnect"),
	INT(end_time, ROOM, 0, INT64_MAX),
	/* gateway */
	MUST(local_alias, G),
	MUST(remote_alias, G),
	{.name = "outgoing_protocol", .type = POLICY_M_ENUM,
	 .offset = IN(outgoing_protocol), .of = G, .required = G,
	 .choices = "|h323|sip|mssip|rtmp|gms|teams"},
	WORD(called_device_type, G, "external|registration|"
	     "mssip_conference_id|mssip_server|gms_conference|"
	     "teams_conference|teams_user|telehealth_profile"),
	NAME(outgoing_location_name, G, LOCATION),
	NAME(sip_proxy_name, G, SIP_PROXY),
	NAME(h323_gatekeeper_name, G, H323_GATEKEEPER),
	NAME(mssip_proxy_name, G | T, MSSIP_PROXY),
	NAME(teams_proxy_name, G | T, TEAMS_PROXY),
	NAME(stun_server_name, G, STUN_SERVER),
	NAME(turn_server_name, G, TURN_SERVER),
	NAME(gms_access_token_name, G | T, GMS_TOKEN),
	TEXT(dtmf_sequence, G),
	BOOL(treat_as_trusted, G),
	BOOL(transcoding_enabled, G),
	BOOL(denoise_audio, G),
	WORD(external_participant_avatar_lookup, G, YES_NO),
	WORD(teams_fit_to_frame, G, "no|yes"),
	/* two_stage_dialing */
	TEXT(match_string, T),
	TEXT(replace_string, T),
	TEXT(post_match_string, T),
	TEXT(post_replace_string, T),
	WORD(two_stage_dial_type, T, "regular|mssip|gms|teams"),
	NAME(system_location_name, T, LOCATION),
	/* media_playback; the rest of it is in result.c */
	NAME(media_playlist_name, B, PLAYLIST),
};

#undef IN
#define IN(field) offsetof(struct policy_automatic, field)

static const struct policy_row automatic[] = {
	MUST(local_alias, ALL),
	MUST(remote_alias, ALL),
	{.name = "protocol", .type = POLICY_M_ENUM, .offset = IN(protocol),
	 .of = ALL, .required = ALL, .choices = "|h323|sip|mssip|rtmp"},
	{.name = "role", .type = POLICY_M_ENUM, .offset = IN(role), .of = ALL,
	 .required = ALL, .choices = "|chair|guest"},
	WORD(call_type, ALL, "video|video-only|audio"),
	WORD(keep_conference_alive, ALL, "keep_conference_alive_if_multiple|"
	     "keep_conference_alive|keep_conference_alive_never"),
	WORD(routing, ALL, "manual|routing_rule"),
	BOOL(streaming, ALL),
	TEXT(description, ALL),
	TEXT(dtmf_sequence, ALL),
	TEXT(local_display_name, ALL),
	TEXT(remote_display_name, ALL),
	TEXT(presentation_url, ALL),
	NAME(system_location_name, ALL, LOCATION),
};

size_t policy_service_rows(const struct policy_row **out)
{
	*out = service;
	return sizeof(service) / sizeof(service[0]);
}

size_t policy_automatic_rows(const struct policy_row **out)
{
	*out = automatic;
	return sizeof(automatic) / sizeof(automatic[0]);
}

struct span policy_choice(const char *choices, unsigned n)
{
	struct span head, rest = span_str(choices);
	bool more = span_split(rest, '|', &head, &rest);

	for (; n && more; n--)
		more = span_split(rest, '|', &head, &rest);
	return n ? SPAN_NONE : head;
}
