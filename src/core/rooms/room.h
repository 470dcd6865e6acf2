/* core/rooms/room.h - one meeting: who is where, and what follows from it.
 *
 * Pure: facts, commands and `now` in, a list of actions out; core/main does
 * the effects. Two small tables carry the rules (room_table.h): where a
 * participant stands (waiting for a host, waiting at the lock, inside) and
 * what the meeting as a whole is (lobby, hosted, guests only, ending).
 *
 * Every call that may act takes a struct room_out. Space for the most that a
 * call can say is reserved first, so a call either fails with E_NOMEM and
 * changes nothing, or is carried out completely. The caller runs the actions
 * in order, then calls room_sweep(), which frees those who left; until then
 * their struct part stays readable.
 *
 * Time: monotonic ns for timers (room_due_ns, room_tick), wall-clock us only
 * for what roster rows show. Owned by the caller; not thread safe.
 */
#pragma once
#include "base/span.h"
#include "base/text.h"
#include "core/rooms/floor.h"

enum {
	ROOM_PARTS_MAX = 1000,		/* in one meeting, waiting included */
	PART_NAME_MAX = 250,		/* bytes */
	PART_ALIAS_MAX = 250,
	PART_TAG_MAX = 250,
	PART_VENDOR_MAX = 256,
	CHAT_PAYLOAD_MAX = 8192,	/* bytes */
	CHAT_TYPE_MAX = 64,
	CHAT_PER_S = 2, CHAT_BURST = 20,	/* per participant */
	CMD_PER_S = 10, CMD_BURST = 60,	/* roster changes, per participant */
	CAMERA_PER_S = 10, CAMERA_BURST = 20,	/* orders to one camera */
	FLOOR_PER_S = 1, FLOOR_BURST = 10,	/* wishes to present, likewise */
	ROOM_VIEW_MAX = 8,
};

enum part_state {
	PART_GONE = 0,
	PART_WAIT_HOST,		/* guest: no host yet */
	PART_WAIT_LOCK,		/* the room is locked */
	PART_INSIDE,
	PART_STATE_COUNT
};

enum room_state {
	ROOM_IDLE = 0,		/* nobody there */
	ROOM_LOBBY,		/* not started: waiting guests, quiet hosts */
	ROOM_HOSTED,
	ROOM_GUESTS_ONLY,	/* the last host left: guests_only_timeout */
	ROOM_ENDING,
	ROOM_STATE_COUNT
};

/* How he came, as roster rows say it. */
enum part_protocol { PART_BY_WEB = 0, PART_BY_SIP = 2 };

/* Does he keep the meeting open when those who came by themselves have left? */
enum part_keeps {
	KEEPS_AS_EVER = 0,		/* he came by himself */
	KEEPS_ALWAYS,			/* the room called him; these three */
	KEEPS_IF_MULTIPLE,
	KEEPS_NEVER,
};

/* Rises while a call lives; media reports it. */
enum leg_phase { LEG_NONE = 0, LEG_OPENING, LEG_OPEN, LEG_SECURE };

/* The most that a decoder takes, as its owner says; 0 = any. */
struct part_takes {
	uint32_t max_fs;		/* macroblocks of a picture */
	uint32_t max_mbps;		/* ... in a second */
};

/* The slides section of a call, as media tells it. */
struct part_slides {
	bool has;			/* it was agreed */
	bool sends;
	uint32_t codec;			/* of what he sends, media's number */
	uint16_t width, height;		/* likewise */
	uint32_t takes;			/* bits of media's SlidesCodec */
	struct part_takes limits;
};

/* What a participant's call carries. Video codec numbers are media's. */
struct part_leg {
	uint64_t leg;			/* handle, 0 = none */
	enum leg_phase phase;
	char call[UUID_TEXT_LEN + 1];	/* "" = no call */
	bool has_video;			/* a video section was negotiated */
	bool sends_video;
	uint32_t codec;			/* of the picture he receives */
	uint32_t kbps_cap;		/* he asked for no more; 0 = none */
	uint32_t kbps_down;		/* his downlink, 0 = unknown */
	bool storm;			/* asks for too many keyframes */
	bool clear;			/* its media is not encrypted */
	bool camera;			/* others may move it */
	struct part_takes takes;
	struct part_slides slides;
};

struct bucket {
	uint64_t filled_ns;
	uint32_t millis;		/* tokens, in 1/1000 */
};

/* Takes one of `burst` tokens that refill at `per_s`; false = too fast. */
bool bucket_take(struct bucket *b, uint64_t now_ns, uint32_t per_s,
		 uint32_t burst);

struct part {
	uint64_t id;			/* handle */
	char uuid[UUID_TEXT_LEN + 1];
	char name[PART_NAME_MAX + 1];
	char overlay[PART_NAME_MAX + 1];
	char alias[PART_ALIAS_MAX + 1];	/* that he dialled */
	char call_tag[PART_TAG_MAX + 1];
	char vendor[PART_VENDOR_MAX + 1];
	char remote[PART_NAME_MAX + 1];	/* his alias; "" = his name */
	uint8_t ip[16];
	enum part_protocol protocol;
	enum part_state state;
	enum part_state was;		/* GONE: where he stood before */
	bool host;
	bool muted, client_muted, video_muted;
	bool direct_chat;
	bool bypass_lock;		/* no lock holds him */
	bool no_overlay;		/* his name is not drawn */
	bool control_only;		/* joined without media: may not call */
	enum part_keeps keeps;
	bool no_slides;			/* is not shown what others present */
	int64_t start_us, buzz_us, spotlight_us;
	uint64_t waiting_until_ns;	/* 0 = not waiting */
	uint64_t serial;		/* order of joining */
	struct part_leg leg;
	struct bucket chat, cmds, floor;
	struct bucket camera;		/* how often his is moved */
};

struct room_cfg {
	bool has_host_pin;
	bool locked;			/* each meeting begins so */
	uint32_t participant_limit;	/* UINT32_MAX = none */
	bool mute_all_guests;
	bool guests_can_present;
	bool chat_enabled;
	uint32_t waiting_s;		/* 0 = at once */
	uint32_t guests_only_s;
	uint32_t last_s;		/* 0 = never */
	char view[ROOM_VIEW_MAX];	/* "1:7" */
	uint32_t chat_per_s;		/* per participant; 0 = CHAT_PER_S */
};

struct room {
	uint64_t id;			/* handle */
	uint32_t conf;			/* id of the configured conference */
	struct room_cfg cfg;
	enum room_state state;
	bool locked, guests_muted, started, guests_can_unmute;
	char view[ROOM_VIEW_MAX];
	uint64_t guests_only_until_ns, last_until_ns;
	uint64_t next_serial;
	uint64_t presenter;		/* participant's id, 0 = the floor is free */
	uint64_t refused;		/* commands and cells refused */
	struct part **parts;		/* order of joining */
	uint32_t n_parts, cap;		/* n_parts counts the GONE until swept */
};

/* --- what follows ---------------------------------------------------------- */

/* Who is told about a row. */
enum room_aud {
	AUD_NONE = 0,
	AUD_SEEING,	/* everybody who may see that row, himself included */
	AUD_HOSTS,	/* hosts inside, and himself */
	AUD_GUESTS,	/* guests inside, not himself */
};

enum room_act_kind {
	ACT_NONE = 0,
	ACT_ROW_CREATE, ACT_ROW_UPDATE, ACT_ROW_DELETE,	/* to `aud` */
	ACT_SYNC,		/* everything anew to his own streams */
	ACT_STATUS,		/* conference_update to all streams */
	ACT_MESSAGE,		/* the command's chat text to all inside but him */
	ACT_DIRECT_MESSAGE,	/* to `other` only */
	ACT_DISCONNECT,		/* event with `text` unless NULL, then his
				 * streams are closed */
	ACT_REFRESH,		/* ask him to refresh his token (role) */
	ACT_LEG_SET,		/* flags to media */
	ACT_LEG_CLOSE,		/* leg */
	ACT_PERSON,		/* name or camera changed, or GONE: video */
	ACT_PLAN,		/* pictures must be planned anew */
	ACT_SAVE_PART, ACT_FORGET_PART, ACT_SAVE_ROOM,	/* journal */
	ACT_REVOKE,		/* removed: tokens and reconnect credential die */
	ACT_DETACH,		/* gone: tokens die, he may come back */
	ACT_ROLE,		/* credential follows the role */
	ACT_AUDIT,		/* text = action; other = target */
	ACT_FLOOR,		/* part presents from now on, NULL = nobody;
				 * other (may be GONE) did until now, or NULL */
	ACT_SHOWN,		/* whether he is shown presentations changed */
	ACT_SLIDES,		/* what his slides section carries changed */
	ACT_CAMERA,		/* the command moves the camera of `other` */
	ACT_ROOM_OPEN,		/* first person: give the room its workers */
	ACT_ROOM_END,		/* over: credentials die, workers forget it */
	ACT_COUNT
};

struct room_act {
	enum room_act_kind kind;
	enum room_aud aud;
	struct part *part;		/* valid until room_sweep() */
	struct part *other;
	uint64_t leg;
	const char *text;		/* constant */
};

struct room_out {
	struct room_act *acts;
	uint32_t n, cap;
};

void room_out_release(struct room_out *o);

/* --- life ------------------------------------------------------------------- */

int  room_new(struct room **out, uint64_t id, uint32_t conf,
	      const struct room_cfg *cfg);
void room_free(struct room **r);
/* Frees those who left. No pointer to them may be kept beyond this. */
void room_sweep(struct room *r);
/* When room_tick() must be called; UINT64_MAX = never. */
uint64_t room_due_ns(const struct room *r);
/* Timeouts of waiting, of guests alone, of the last one. */
int  room_tick(struct room *r, uint64_t now_ns, struct room_out *out);

struct room_join {
	uint64_t id;			/* handle, unused so far */
	char uuid[UUID_TEXT_LEN + 1];
	struct span name, alias, call_tag, vendor, remote;
	uint8_t ip[16];
	bool host;
	bool direct_chat;
	bool bypass_lock, no_overlay, control_only, no_slides;
	int64_t spotlight_us;		/* 0 = none */
	enum part_protocol protocol;
	enum part_keeps keeps;
};
/* E_FULL (the room's limit or ROOM_PARTS_MAX), E_STATE (ending), E_NOMEM. */
int room_enter(struct room *r, const struct room_join *j, uint64_t now_ns,
	       int64_t wall_us, struct room_out *out, struct part **who);
/* He came back by credential while still listed: his call ends, his old
 * streams close, he keeps place, uuid and state. */
int room_return(struct room *r, struct part *p, struct room_out *out);

/* Journal recovery: puts a participant back as he was, silently, then settles
 * the room; timers start anew. E_EXISTS, E_FULL, E_INVAL, E_NOMEM. */
int room_restore_part(struct room *r, const struct part *saved);
int room_restore_done(struct room *r, uint64_t now_ns, struct room_out *out);

struct part *room_part(const struct room *r, uint64_t id);
struct part *room_part_by_uuid(const struct room *r, struct span uuid);
struct part *room_part_by_leg(const struct room *r, uint64_t leg);
/* Who presents, NULL = nobody. */
struct part *room_presenter(const struct room *r);
/* May he be shown what `presenter` shows? Neither is NULL. */
bool room_shows(const struct part *presenter, const struct part *to);

/* --- a participant's call ----------------------------------------------------- */

/* The face posted an offer and media is asked: he has a call now. */
int room_leg_opening(struct room *r, struct part *p, uint64_t leg,
		     const char call[UUID_TEXT_LEN + 1], bool has_video,
		     struct room_out *out);
/* media answered: codec and cap of what he will receive. */
int room_leg_open(struct room *r, struct part *p, uint32_t codec,
		  uint32_t kbps_cap, uint64_t now_ns, struct room_out *out);
/* media's report. A host whose call is secure starts the meeting. */
int room_leg_secure(struct room *r, struct part *p, bool sends_video,
		    uint64_t now_ns, struct room_out *out);
/* media's report of what picture he takes. */
int room_leg_takes(struct room *r, struct part *p,
		   const struct part_takes *t, struct room_out *out);
/* media's report of his slides section. */
int room_leg_slides(struct room *r, struct part *p,
		    const struct part_slides *s, struct room_out *out);
/* Whether his camera can be moved. */
int room_leg_camera(struct room *r, struct part *p, bool can,
		    struct room_out *out);
/* The call ended, by him (`by_peer`) or because media lost it. */
int room_leg_gone(struct room *r, struct part *p, bool by_peer,
		  uint64_t now_ns, struct room_out *out);

/* --- leaving ------------------------------------------------------------------- */

enum room_exit {
	EXIT_RELEASED = 0,	/* release_token */
	EXIT_EXPIRED,		/* no refresh */
	EXIT_KICKED, EXIT_ADMIN, EXIT_ALL_KICKED, EXIT_ADMIN_ALL,
	EXIT_WAITED, EXIT_NO_HOST, EXIT_LAST, EXIT_NOBODY,
	EXIT_TEST,		/* a test call is done */
	EXIT_COUNT
};
/* The text of client-api 1.4. */
const char *room_exit_text(enum room_exit e);
/* May he come back without a PIN? */
bool room_exit_may_return(enum room_exit e);
int room_leave(struct room *r, struct part *p, enum room_exit why,
	       uint64_t now_ns, struct room_out *out);
/* Everybody. The room is IDLE after the actions. */
int room_end(struct room *r, enum room_exit why, uint64_t now_ns,
	     struct room_out *out);

/* --- commands ------------------------------------------------------------------- */

enum room_op {
	RC_NONE = 0,
	RC_LOCK, RC_UNLOCK, RC_START, RC_MUTE_GUESTS, RC_UNMUTE_GUESTS,
	RC_GUESTS_CAN_UNMUTE, RC_DISCONNECT_ALL, RC_MESSAGE, RC_CLEAR_ALL_BUZZ,
	RC_LAYOUT,
	RC_P_DISCONNECT, RC_P_MUTE, RC_P_UNMUTE, RC_P_CLIENT_MUTE,
	RC_P_CLIENT_UNMUTE, RC_P_VIDEO_MUTED, RC_P_VIDEO_UNMUTED, RC_P_ADMIT,
	RC_P_TAKE_FLOOR, RC_P_RELEASE_FLOOR, RC_P_BUZZ, RC_P_CLEAR_BUZZ,
	RC_P_SPOTLIGHT_ON, RC_P_SPOTLIGHT_OFF, RC_P_ROLE, RC_P_ASPECT,
	RC_P_MESSAGE, RC_P_OVERLAY, RC_P_ALLOW_SLIDES, RC_P_DENY_SLIDES,
	RC_P_FECC,
	RC_COUNT
};

enum room_result {
	RR_INVALID_ROLE = 0,	/* the caller may not do this */
	RR_OK,
	RR_NOT_FOUND,		/* no such participant for him */
	RR_ILLEGAL,		/* illegal value */
	RR_BUSY,		/* too many, or no memory */
	RR_REFUSED,		/* allowed to nobody now */
	RR_COUNT
};

/* -1 left, down, out; 1 right, up, in. */
struct room_camera {
	enum { ROOM_CAMERA_NONE = 0, ROOM_CAMERA_START, ROOM_CAMERA_CONTINUE,
	       ROOM_CAMERA_STOP } action;
	int pan, tilt, zoom;
	uint32_t timeout_ms;
};

struct room_cmd {
	enum room_op op;
	struct part *actor;	/* proven by his token */
	struct span target;	/* uuid of the path; empty for the room's own */
	struct span text;	/* payload, role, layout, overlay */
	struct span type;	/* content type of a message */
	bool setting;
	struct room_camera camera;	/* RC_P_FECC */
};
enum room_result room_command(struct room *r, const struct room_cmd *c,
			      uint64_t now_ns, int64_t wall_us,
			      struct room_out *out);

/* Who may give a command; for the test of every cell and the printout. */
enum room_who {
	WHO_HOST = 1, WHO_SELF = 2, WHO_ANY = 4,
	WHO_SELF_UNMUTE = 8,	/* self, if guests may unmute or he is host */
	WHO_WAITING = 16,	/* those who wait may, too (for themselves) */
	WHO_TARGET = 32,	/* names a participant */
	WHO_CHEAP = 64,		/* not counted against CMD_PER_S */
};
const char *room_op_name(enum room_op op);
unsigned room_op_who(enum room_op op);
/* New settings for a live room. */
int room_configure(struct room *r, const struct room_cfg *cfg,
		   uint64_t now_ns, struct room_out *out);

/* --- views ----------------------------------------------------------------------- */

/* May `viewer` see the row of `p`? Himself always; those inside see those
 * inside; hosts inside see those who wait, too. */
bool room_sees(const struct part *viewer, const struct part *p);
/* Is `viewer` in the audience of a row action about `p`? */
bool room_in_audience(enum room_aud aud, const struct part *viewer,
		      const struct part *p);
struct room_counts {
	uint32_t hosts, guests, waiting;	/* hosts, guests: inside */
};
struct room_counts room_count(const struct room *r);
/* Is there somebody for whose sake it goes on? Of those whom it called, one
 * who keeps it always, or two who do so if they are several, one of them a
 * host. An empty room is nobody's. Pure; rooms/keep.c. */
bool room_is_kept(const struct room *r);
bool part_is_waiting(const struct part *p);
/* A device with one picture: what others present has no place but that. Of an
 * app its own page decides. */
bool part_needs_mix(const struct part *p);
bool part_has_media(const struct part *p);

/* Every invariant that must hold between two calls; NULL or what is broken.
 * For tests and fuzzing. */
const char *room_broken(const struct room *r);

/* A name fit for other people's screens: UTF-8, no control characters, no
 * bidirectional overrides, trimmed, cut at a character; "Guest" if nothing
 * is left. */
void part_clean_name(char dst[PART_NAME_MAX + 1], struct span raw);
