/* core/policy/result.h - what a policy server or a script may answer.
 *
 * All or nothing: one bad value, one missing member, one name of an object
 * that is not configured, and the whole answer is void. Unknown members, and
 * members that do not belong to the service type, are ignored. Booleans are
 * also accepted as text, numbers of bandwidths are bit/s, null is "unset".
 *
 * The input is a tree (core/policy/jtree.h) that passed jtree_check(): of
 * courier's answer, or of a script's output. Text in the results points into
 * the tree (or into constants), lists into the arena: the results live as
 * long as both. Reading is pure: names are looked up through a callback.
 *
 * The structs are also how the wiring tells a script what we know ourselves:
 * policy_service_init(), then fill in; vars.h makes the variable of it.
 */
#pragma once
#include "core/policy/jtree.h"
#include "core/policy/profile.h"

enum {
	POLICY_TEXT_MAX = 250,		/* characters of one value */
	POLICY_AUTOMATIC_MAX = 64,	/* automatic participants */
	POLICY_BREAKOUTS_MAX = 64,
	POLICY_MIXES_MAX = 8,
	POLICY_OVERFLOW_MAX = 8,
	POLICY_DIRECTORY_MAX = 100,	/* entries; more are left out */
	POLICY_BPS_MIN = 128000, POLICY_BPS_MAX = 8192000,
};

/* --- names of configured objects -------------------------------------------- */

enum policy_object {
	POLICY_OBJ_THEME = 1, POLICY_OBJ_LOCATION, POLICY_OBJ_SIP_PROXY,
	POLICY_OBJ_H323_GATEKEEPER, POLICY_OBJ_MSSIP_PROXY,
	POLICY_OBJ_TEAMS_PROXY, POLICY_OBJ_STUN_SERVER, POLICY_OBJ_TURN_SERVER,
	POLICY_OBJ_GMS_TOKEN, POLICY_OBJ_IDP_GROUP, POLICY_OBJ_PLAYLIST,
	POLICY_OBJ_LAYOUT,	/* one that is not built in */
	POLICY_OBJ_COUNT
};
/* Is there such an object? Names compare byte for byte. */
typedef bool (*policy_has_fn)(void *arg, enum policy_object kind,
			      struct span name);

struct policy_reader {
	struct arena *arena;	/* lists; at least 64 KiB */
	policy_has_fn has;	/* NULL: nothing is configured */
	void *arg;
};

/* Why an answer is void; constant words, never a value. */
struct policy_error {
	const char *member;	/* NULL: the answer as a whole */
	const char *rule;	/* "required", "type", "range", "unknown name" */
};

/* --- service ------------------------------------------------------------------ */

enum policy_service_type {
	POLICY_SV_NONE = 0, POLICY_SV_CONFERENCE, POLICY_SV_LECTURE,
	POLICY_SV_GATEWAY, POLICY_SV_TWO_STAGE_DIALING,
	POLICY_SV_MEDIA_PLAYBACK, POLICY_SV_TEST_CALL, POLICY_SV_COUNT
};
enum { POLICY_CALL_VIDEO = 0, POLICY_CALL_VIDEO_ONLY, POLICY_CALL_AUDIO,
       POLICY_CALL_AUTO };
/* 0 = null = the global setting */
enum { POLICY_CRYPTO_GLOBAL = 0, POLICY_CRYPTO_BESTEFFORT, POLICY_CRYPTO_ON,
       POLICY_CRYPTO_OFF };
enum { POLICY_PIXELS_GLOBAL = 0, POLICY_PIXELS_SD, POLICY_PIXELS_HD,
       POLICY_PIXELS_FULLHD };
enum { POLICY_DEFAULT = 0, POLICY_YES, POLICY_NO };
enum { POLICY_SEE_NO_HOSTS = 0, POLICY_SEE_ALWAYS, POLICY_SEE_NEVER };
enum { POLICY_NON_IDP_DISALLOW = 0, POLICY_NON_IDP_IF_TRUSTED };
enum { POLICY_DIRECT_NEVER = 0, POLICY_DIRECT_BEST_EFFORT,
       POLICY_DIRECT_ALWAYS };
enum { POLICY_END_TRANSFER = 0, POLICY_END_DISCONNECT };
enum { POLICY_OUT_NONE = 0, POLICY_OUT_H323, POLICY_OUT_SIP, POLICY_OUT_MSSIP,
       POLICY_OUT_RTMP, POLICY_OUT_GMS, POLICY_OUT_TEAMS };
enum { POLICY_DEV_EXTERNAL = 0, POLICY_DEV_REGISTRATION,
       POLICY_DEV_MSSIP_CONFERENCE_ID, POLICY_DEV_MSSIP_SERVER,
       POLICY_DEV_GMS_CONFERENCE, POLICY_DEV_TEAMS_CONFERENCE,
       POLICY_DEV_TEAMS_USER, POLICY_DEV_TELEHEALTH_PROFILE };
enum { POLICY_DIAL_REGULAR = 0, POLICY_DIAL_MSSIP, POLICY_DIAL_GMS,
       POLICY_DIAL_TEAMS };
enum { POLICY_KEEP_IF_MULTIPLE = 0, POLICY_KEEP_ALIVE, POLICY_KEEP_NEVER };
enum { POLICY_ROLE_NONE = 0, POLICY_ROLE_CHAIR, POLICY_ROLE_GUEST,
       POLICY_ROLE_AUTO };
enum { POLICY_ROUTE_MANUAL = 0, POLICY_ROUTE_RULE };
enum { POLICY_FIT_NO = 0, POLICY_FIT_YES };

struct policy_automatic {
	struct span local_alias, remote_alias;
	uint8_t protocol;		/* POLICY_OUT_H323, SIP, MSSIP, RTMP */
	uint8_t role;			/* POLICY_ROLE_CHAIR, GUEST */
	uint8_t call_type, keep_conference_alive, routing;
	bool streaming;
	struct span description, dtmf_sequence;
	struct span local_display_name, remote_display_name;
	struct span presentation_url, system_location_name;
};

/* Texts that are unset are SPAN_NONE; 0 bit/s or people = no limit of ours. */
struct policy_service {
	uint8_t type;			/* enum policy_service_type */
	/* all */
	struct span name, service_tag, description;
	struct span ivr_theme_name, local_display_name;
	uint8_t call_type, crypto_mode, max_pixels_per_second;
	bool bypass_proxy;
	int64_t max_callrate_in, max_callrate_out;	/* bit/s */
	/* conference, lecture; media_playback has the first ones too */
	bool allow_guests;
	struct span pin, guest_pin;	/* secret */
	struct span host_identity_provider_group, guest_identity_provider_group;
	uint8_t non_idp_participants;
	const struct policy_automatic *automatic_participants;
	size_t n_automatic_participants;
	struct span view, host_view, guest_view;
	bool force_presenter_into_main;
	uint8_t guests_can_see_guests;
	bool guests_can_present, mute_all_guests;
	uint8_t enable_chat;
	bool enable_overlay_text, enable_active_speaker_indication;
	bool locked;
	int64_t participant_limit;	/* -1 = none */
	uint8_t direct_media;
	int64_t direct_media_notification_duration;
	bool breakout_rooms, denoise_enabled, softmute_enabled;
	uint8_t live_captions_enabled, prefer_ipv6;
	struct span live_captions_language, source_language;
	struct span pinning_config, primary_owner_email_address;
	/* breakout rooms */
	bool breakout;
	/* any text: scripts make it of hashes; derive a UUID of what is none */
	struct span breakout_uuid, breakout_name, breakout_description;
	bool breakout_guests_allowed_to_leave;
	uint8_t end_action;
	int64_t end_time;		/* s since 1970, 0 = none */
	const struct span *breakout_uuids;
	size_t n_breakout_uuids;
	/* gateway */
	struct span local_alias, remote_alias;
	uint8_t outgoing_protocol, called_device_type;
	struct span outgoing_location_name, sip_proxy_name,
		    h323_gatekeeper_name, mssip_proxy_name, teams_proxy_name,
		    stun_server_name, turn_server_name, gms_access_token_name;
	struct span dtmf_sequence;
	bool treat_as_trusted, transcoding_enabled, denoise_audio;
	uint8_t external_participant_avatar_lookup, teams_fit_to_frame;
	/* two_stage_dialing */
	struct span match_string, replace_string, post_match_string,
		    post_replace_string, system_location_name;
	uint8_t two_stage_dial_type;
	/* media_playback */
	struct span media_playlist_name;	/* or the text of an old id */
	bool on_completion_disconnect;
	struct span on_completion_conference;	/* transfer; none = stay */
	uint8_t on_completion_role;
};

/* Every default of the type. */
void policy_service_init(struct policy_service *s,
			 enum policy_service_type type);
/* The object at `at`. 0, E_FORMAT with *why, E_NOMEM. */
int policy_service_read(struct policy_service *out, const struct jtree *t,
			uint32_t at, const struct policy_reader *rd,
			struct policy_error *why);
/* Are these PINs allowed together? The rule that is broken, or NULL. */
const char *policy_pins_wrong(struct span pin, struct span guest_pin,
			      bool allow_guests);
bool policy_layout_is_built_in(struct span name, bool teams);

/* --- participant -------------------------------------------------------------- */

struct policy_mix {
	struct span name;	/* main.french */
	bool prominent;
};

/* A member that was not there stays what it was: `set` says which were. */
enum {
	POLICY_PF_ROLE = 1 << 0, POLICY_PF_BYPASS_LOCK = 1 << 1,
	POLICY_PF_REMOTE_ALIAS = 1 << 2, POLICY_PF_DISPLAY_NAME = 1 << 3,
	POLICY_PF_CALL_TAG = 1 << 4, POLICY_PF_NO_OVERLAY = 1 << 5,
	POLICY_PF_LAYOUT_GROUP = 1 << 6, POLICY_PF_SPOTLIGHT = 1 << 7,
	POLICY_PF_RX_PRESENTATION = 1 << 8, POLICY_PF_PERSONAL_MIX = 1 << 9,
	POLICY_PF_MULTISCREEN = 1 << 10, POLICY_PF_IN_MIX = 1 << 11,
	POLICY_PF_DISPLAY_COUNT = 1 << 12, POLICY_PF_SEND_MIXES = 1 << 13,
	POLICY_PF_RECEIVE_MIX = 1 << 14, POLICY_PF_REASON = 1 << 15,
};

struct policy_participant {
	uint32_t set;			/* bits POLICY_PF_* */
	uint8_t preauthenticated_role;	/* NONE (null), CHAIR, GUEST */
	bool bypass_lock, disable_overlay_text, deny_presentation;
	bool can_receive_personal_mix, prefers_multiscreen_mix,
	     wants_presentation_in_mix;
	struct span remote_alias, remote_display_name, call_tag, layout_group;
	int64_t spotlight, display_count;
	struct policy_mix send_to_audio_mixes[POLICY_MIXES_MAX];
	size_t n_send_to_audio_mixes;
	struct span receive_from_audio_mix;
	struct span reject_reason;
};

int policy_participant_read(struct policy_participant *out,
			    const struct jtree *t, uint32_t at,
			    const struct policy_reader *rd,
			    struct policy_error *why);
/* Field by field: what `over` has set replaces what `p` has. */
void policy_participant_merge(struct policy_participant *p,
			      const struct policy_participant *over);

/* --- media location, directory, registration ------------------------------------ */

struct policy_location {
	struct span location;
	struct span overflow[POLICY_OVERFLOW_MAX];	/* in this order */
	size_t n_overflow;
};
int policy_location_read(struct policy_location *out, const struct jtree *t,
			 uint32_t at, const struct policy_reader *rd,
			 struct policy_error *why);

struct policy_directory_entry {
	struct span alias, description, username;
};
struct policy_directory {
	const struct policy_directory_entry *entries;
	size_t n;
	bool ignore_local;
};
struct policy_registration {
	bool has_credentials;		/* false: our own device table */
	struct span username, password;	/* both empty: no authentication */
};

/* --- whole answers ---------------------------------------------------------------- */

union policy_values {
	struct policy_service service;
	struct policy_participant participant;
	struct policy_location location;
	struct policy_directory directory;
	struct policy_registration registration;
};

struct policy_answer {
	enum policy_event event;	/* for policy_event() */
	/* CONTINUE, REJECT, REDIRECT as the server wrote it in a successful
	 * answer, or none: facts.disposition of the script. */
	struct span disposition;
	struct span new_alias;		/* ..._REDIRECT */
	struct span reject_reason;	/* ..._REJECT of a participant */
	union policy_values v;		/* ANSWER, SCRIPT */
	struct policy_error why;	/* ..._FAILED */
};

/* A policy server's answer: HTTP 200, JSON read. `t` NULL: there was none
 * (timeout, 500, no JSON, ...): failed; of a 404 ("no opinion") the wiring
 * makes POLICY_EV_ANSWER_CONTINUE itself. Always sets `event`. Avatars have
 * no tree. */
void policy_answer_read(struct policy_answer *out, enum policy_kind kind,
			const struct jtree *t, const struct policy_reader *rd);
/* What a script printed; `t` NULL: it failed or printed no JSON. */
void policy_script_read(struct policy_answer *out, enum policy_kind kind,
			const struct jtree *t, const struct policy_reader *rd);
