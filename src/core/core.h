/* core/core.h - what core's wiring shares: the tables of live things.
 *
 * The rules live in guard/, identity/ and rooms/ (pure). Here are effects:
 * messages to roles, the journal, the audit log, timers. One thread, one
 * libevent loop; `now_ns` is read once at the start of each callback.
 *
 * Ownership: struct core owns everything. A meeting lives from the first
 * person to ACT_ROOM_END; a member as long as its struct part; a stream until
 * web closes it or its link goes. Nobody keeps a pointer to these across a
 * turn of the loop: timers and answers carry handles.
 */
#pragma once
#include "base/addr.h"
#include "base/clock.h"
#include "base/handle.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/timer.h"
#include "core/alarm/alarm.h"
#include "core/alarm/insecure.h"
#include "core/allow.h"
#include "core/automatic.h"
#include "core/audit/audit.h"
#include "core/guard/guard.h"
#include "core/guard_mem.h"
#include "core/identity/access.h"
#include "core/identity/session.h"
#include "core/identity/ticket.h"
#include "core/pool.h"
#include "core/pulse.h"
#include "core/test_call.h"
#include "core/rooms/alias.h"
#include "core/rooms/room.h"
#include "core/rooms/stage.h"
#include "core/routing/location.h"
#include "core/routing/route.h"
#include "core/service.h"
#include "core/access_limit.h"
#include "core/shed.h"
#include "core/store/cli_config.h"
#include "core/store/journal.h"
#include "core/store/store.h"
#include "core/trace.h"
#include "ban.pb-c.h"
#include "common.pb-c.h"
#include "courier.pb-c.h"
#include "media.pb-c.h"
#include "ipc/role.h"
#include "super.pb-c.h"
#include "video.pb-c.h"
#include "web.pb-c.h"

#define MOD "core"

enum {
	CORE_MEETINGS_MAX = 2000,
	CORE_MEMBERS_MAX = 8192,
	CORE_WEBS_MAX = 4,
	CORE_WORKERS_MAX = 64,
	CORE_CLIENTS_MAX = 16,		/* of conclave(1) at once */
	CORE_ROOM_KEYS_MAX = 1 << 20,
	CORE_JOINS_MAX = 2048,		/* on their way at once */
	NET_TEXT_MAX = 64,
	CORE_POLICY_ROOMS = 1024,	/* remembered for prove_early() */
	LOAD_SECONDS = 10,		/* late ticks are looked at over */
	LOAD_TICK_US = 20000,
	LOAD_BUSY_PERMILLE = 500,	/* of a core: media is the load */
	LOAD_FACE_PERMILLE = 300,	/* a face is */
	JOIN_WAIT_S = 38,		/* web gives up after 40 */
	CORE_CALLS_MAX = 1024,		/* offers that media has not answered */
	CALL_ANSWER_S = 5,
	MEMBER_STREAMS_MAX = 4,		/* event streams of one participant */
	MEMBER_PER_S = 40, MEMBER_BURST = 200,	/* requests of one token */
	ROOM_CHAT_BURST_S = 4,		/* chat of a room: so many seconds' worth */
	SYNC_QUEUE_MAX = 1024,		/* a full roster waits above this */
	SYNC_RETRY_MS = 5,
	PLAN_EVERY_MS = 40,
	REPORT_WAIT_S = 2,		/* for media to say what still lives */
};

struct core;
struct meeting;
struct avatar;

/* A link to one web process. */
struct web {
	struct core *c;
	struct ipc_ev *ev;
	uint32_t gen;			/* answers to a former link are lost */
	struct map *streams;		/* number -> struct stream */
	struct list syncs;		/* streams that wait for a roster */
	struct timer pump;
	Cv__FaceLoad load;		/* the last; no lists */
	uint64_t refused[CV__FACE_REASON__FACE_REASON_COUNT];	/* likewise */
};

struct member {
	struct core *c;
	struct meeting *m;
	struct part *p;
	struct list streams;
	uint32_t n_streams;
	struct timer expiry;
	struct bucket rate;
	uint32_t group;			/* of the last plan */
	uint32_t slides_group;		/* likewise, 0 = none */
	uint64_t sip;			/* his call, by sip.h; 0 = none */
	uint64_t trace;			/* trace.h, 0 = none */
	/* Of system_location, 0 = none: where he is, where his media is. */
	int64_t location, media_location;
	struct avatar *avatar;		/* avatar.c; NULL: nobody asked */
	bool has_camera;		/* an app whose camera may be moved */
};

struct stream {
	struct list at;			/* member->streams */
	struct list sync;		/* web->syncs */
	struct web *web;
	struct member *member;
	uint32_t number;
	bool live;			/* had its first roster */
};

/* One pair of media and video processes. */
struct worker {
	struct core *c;
	uint32_t instance;
	struct ipc_ev *media, *video;
	bool is_ready;			/* media's report was reconciled */
	bool is_busy;			/* media computes most of the time */
	bool has_lobby;			/* its media room is open: sip_media.c */
	struct timer report;
	uint32_t legs;
	uint32_t load_permille;
	Cv__MediaStats stats;		/* the last report */
};

struct meeting {
	struct core *c;
	uint64_t id;			/* handle */
	int64_t conf;			/* sv.id */
	struct service sv;
	struct room *room;
	struct stage *stage;
	int worker;			/* index, -1 = none yet */
	struct bucket chat;		/* of all its people */
	bool media_open, video_open;
	bool over;			/* ACT_ROOM_END was carried out */
	bool must_resend;		/* plan, even if it is the same */
	bool must_present;		/* media is to be told who presents */
	bool makes_slides;		/* the plan has groups of VIEW_SLIDES */
	bool to_video;			/* ... and was told that video needs it */
	uint32_t epoch;
	uint64_t planned_ns;
	struct timer tick, plan;
	uint64_t speaking[STAGE_SPEAKERS_MAX];
	size_t n_speaking;
	struct stage_out out;		/* the plan in force */
	struct automatic automatic;	/* whom it calls */
	struct {			/* SERVICE_KIND_TEST: test_call.c */
		enum test_call_state state;
		uint32_t epoch;		/* of the last order */
		uint32_t heard_db;	/* below full scale; 127 = nothing */
		uint32_t packets;
		struct timer late;
	} test;
};

/* An offer on its way through media. */
struct call {
	struct core *c;
	uint32_t req;
	uint64_t member;		/* handle */
	uint64_t leg;
	int web;
	uint32_t web_gen, web_req;
	bool is_update;
	uint32_t worker;
	uint32_t kbps;			/* cap of the offer's video section */
	struct timer timeout;
};

/* What policy said an alias is, in join_facts.c. */
struct policy_room {
	uint64_t alias;			/* keyed hash; 0 = none */
	int64_t conf;
	uint64_t version;		/* of its PINs */
};

struct core_stats {
	uint64_t joins, joins_refused, joins_expired, pins_wrong;
	uint64_t fetches_lost;		/* courier did not answer */
	uint64_t joins_routed;		/* taken by a rule */
	uint64_t false_claims;		/* of web: cost it its channel */
	uint64_t join_cells;		/* empty cells met: a bug of ours */
	uint64_t cameras_refused;	/* wishes of devices */
	uint64_t bad_tokens, bad_calls, bad_handles, overloads;
	uint64_t events, syncs, plans;
	uint64_t web_messages;
};

struct core {
	struct event_base *base;
	struct role *role;
	uint64_t fail_at;		/* of a test, else 0 */
	int refusal;			/* the exit code of role_refuse */
	struct event *tick_ev, *store_ev, *cli_ev, *pool_ev;
	struct timer_wheel *wheel;
	uint64_t now_ns;		/* of this turn */
	uint64_t start_ns, beat_ns;
	uint8_t boot_id[16];		/* of the machine */
	char public_host[256];		/* for links; "" = nobody told */
	uint32_t https_port;

	struct store *store;
	struct journal *journal;
	struct audit *audit;
	struct cli_config *cli_config;
	int cli_fd;
	uint32_t cli_gen;

	struct guard *guard;
	struct guard_mem guard_mem;
	struct map *room_keys;		/* guard's key -> conference id */
	struct timer turns;		/* of the guard's line */
	struct allow_list *allow;
	struct location_table *places;
	struct route_table *routes;
	struct gateways *gateways;
	struct regs *regs;
	struct sip *sip;
	struct trace *trace;
	struct trace_asks *trace_asks;	/* cli_trace.c */
	struct doctor *doctor;		/* cli_doctor.c */
	struct sip_regs *sip_regs;
	struct alarms *alarms;
	uint8_t ticket_key[TICKET_KEY_LEN];
	uint64_t pin_key[2];		/* of PIN versions */
	struct {
		struct ipc_ev *ev;
		Cv__BanTable table;
		uint32_t epoch, applied_epoch;
		uint64_t applied, failed, again_ns;
		bool any;		/* something was in force */
	} ban;
	struct {			/* certificate.h */
		bool known, ok;
		int64_t not_after_s;
		bool waits;		/* an operator, for a reload */
		uint64_t client;
		uint32_t uid;
		struct timer late;
	} cert;
	struct shed shed;
	struct access_limit access;
	struct pulse pulse;
	struct {
		uint64_t late[LOAD_SECONDS], ticks[LOAD_SECONDS];
		size_t at;		/* the second that is filled */
	} load;
	struct session_table *sessions;
	struct pool *pool;
	struct handles *meetings, *members, *legs, *joins;
	struct map *by_conf;		/* conference id -> struct meeting */
	uint32_t next_req;
	struct map *calls;		/* req -> struct call */
	struct ipc_ev *courier;
	struct fetches *fetches;	/* fetch.h */
	struct map *policies;		/* row -> struct policies */
	struct map *policy_health;	/* row -> struct checkup */
	struct handles *asks;
	size_t avatar_bytes;		/* of all pictures that are kept */
	uint32_t settings_epoch;

	struct web webs[CORE_WEBS_MAX];
	bool web_serves;		/* what super last said */
	struct worker workers[CORE_WORKERS_MAX];
	struct client *clients[CORE_CLIENTS_MAX];
	struct room_out out;		/* reused by every room call */
	uint64_t keep[CORE_MEMBERS_MAX];	/* legs of one media report */
	struct policy_room policy_rooms[CORE_POLICY_ROOMS];
	int64_t decoy;			/* a conference with a PIN: join_pin.c */
	struct core_stats stats;
};

/* --- acts.c: carries out what a room said ---------------------------------- */

/* Also sweeps the room, sets its timer and frees a meeting that is over: m is
 * not to be touched afterwards unless meeting_alive(). */
void core_acts(struct meeting *m, const struct room_cmd *cmd);
void core_turn(struct core *c);	/* now_ns := the clock */
void member_arm_expiry(struct member *mb);
void audit_put(struct core *c, const struct audit_event *ev);
void audit_note(struct core *c, const char *action, enum audit_outcome how,
		struct span who, struct span source, struct span object,
		struct span detail);

/* --- meeting.c ---------------------------------------------------------------- */

struct meeting *meeting_of_conf(struct core *c, int64_t conf);
/* E_FULL, E_NOMEM, E_EXISTS. Copies the service. */
int  meeting_new(struct core *c, const struct service *sv, uint64_t restore_id,
		 struct meeting **out);
/* The service of a configured room; of one that has no row (id < 0) but only
 * a name: everything as global settings say. */
/* The first alias of a configured room; empty: it has none. Valid until the
 * store changes. */
struct span service_alias(struct core *c, int64_t conf);
void service_of_conf(struct core *c, const struct store_row *conf,
		     struct service *out);
void service_of_name(struct core *c, struct span name, struct service *out);
/* A layout by the management API's name; an unknown one is the default. */
void service_view(struct service *sv, struct span view);
void meeting_free(struct meeting *m);
/* Member records; the handle is the participant's id. */
struct member *member_new(struct core *c, uint64_t restore_id, uint64_t *id);
void member_free(struct member *mb, uint64_t id);
struct member *member_of(struct core *c, const struct part *p);

/* --- event.c: to the event streams ---------------------------------------------- */

void event_row(struct meeting *m, enum room_act_kind kind, enum room_aud aud,
	       const struct part *p);
void event_status(struct meeting *m);
void event_sync(struct member *mb);
void event_message(struct meeting *m, const struct part *from,
		   const struct part *to, const struct room_cmd *cmd);
void event_disconnect(struct member *mb, const char *reason);
void event_refresh(struct member *mb);
void event_camera(struct member *mb, Cv__CameraMove *move);
/* The floor changed; what one person is shown of presentations did. */
void event_floor(struct meeting *m);
void event_shown(struct member *mb);
void event_layout(struct meeting *m);
void event_stage(struct meeting *m);
void event_fill_status(const struct meeting *m, Cv__ConferenceStatus *st);
/* What the people of it are told to be in. */
Cv__ServiceType event_service(const struct service *sv);
void event_fill_row(const struct meeting *m, const struct part *p,
		    bool for_host, Cv__ParticipantRow *row);
int  stream_open(struct web *w, struct member *mb, uint32_t number);
void stream_close(struct stream *s);
void web_pump(struct web *w);

/* --- web.c: what web asks --------------------------------------------------------- */

void web_message(struct web *w, enum ipc_type type,
		 const ProtobufCMessage *msg);
void web_down(struct web *w);
/* The member whose token this is, for the room of that alias; NULL. */
struct member *web_member(struct core *c, ProtobufCBinaryData alias,
			  ProtobufCBinaryData token);
/* One more request with this token? */
bool member_may_ask(struct member *mb);
/* It claims what no face may: its channel ends. Safe inside on_msg. */
void web_refuse(struct web *w, const char *why);
bool web_is_current(const struct core *c, int web, uint32_t gen);
const struct store_row *conf_of_alias(struct core *c, struct span alias);

/* --- alert.c: alarms ------------------------------------------------------------------ */

void alert_on(struct core *c, enum alarm_name name, struct span instance,
	      struct span details);
void alert_off(struct core *c, enum alarm_name name, struct span instance);
/* One that has no instance. */
void alert_set(struct core *c, enum alarm_name name, bool on,
	       const char *details);
/* A row came, changed or went: weak settings. NULL = none. */
void alert_row(struct core *c, const struct store_row *was,
	       const struct store_row *now);
void alert_all_rows(struct core *c);
void alert_tick(struct core *c);
/* A role died, or serves again. */
void alert_role(struct core *c, uint32_t role, uint32_t instance, bool up);

/* --- defence.c: the guard and what follows from it ------------------------------------- */

/* Takes fd over; -1 = no file. */
int  defence_open(struct core *c, struct span data_key, int fd);
void defence_close(struct core *c);
void defence_init_timers(struct core *c);
int  defence_rules(struct core *c);
uint64_t defence_room_key(const struct core *c, int64_t conf);
/* So that events of rooms find their names: all, or a new one. */
void defence_name_rooms(struct core *c);
void defence_name_room(struct core *c, int64_t conf, bool is_there);
/* "?" when there is none; valid until the loop turns. */
struct span defence_room_name(const struct core *c, uint64_t key);
/* The room's PINs are others now: what was guessed counts no more. */
void defence_room_changed(struct core *c, int64_t conf);
void defence_line(struct core *c);	/* somebody took a place */
void defence_events(struct core *c);
void defence_recall(struct core *c);
void defence_tick(struct core *c);
void defence_crash(struct core *c, const Cv__Addr *source,
		   enum guard_face face);
/* "192.0.2.0/24", "2001:db8::/64", "192.0.2.7". */
void net_text(const uint8_t ip[16], unsigned prefix, char dst[NET_TEXT_MAX]);

/* --- access_log.c: the lines that fail2ban reads -------------------------------------- */

enum access_line {
	ACCESS_LINE_PIN_WRONG = 0,
	ACCESS_LINE_PIN_REFUSED,
	ACCESS_LINE_PIN_NEEDED,
	ACCESS_LINE_ALIAS_UNKNOWN,
	ACCESS_LINE_REGISTRATION_REFUSED,
	ACCESS_LINE_CREDENTIALS_WRONG,
	ACCESS_LINE_SOURCE_QUARANTINED,	/* access_log_quarantined() */
	ACCESS_LINE_COUNT
};
/* `face`: constant text of [a-z0-9]. */
void access_log(struct core *c, enum access_line what, const uint8_t ip[16],
		const char *face);
/* `net`: ours, as text. */
void access_log_quarantined(struct core *c, const uint8_t ip[16],
			    const char *net, unsigned seconds);

/* --- ban.c: the kernel and the faces ---------------------------------------------------- */

void ban_event(struct core *c, const struct guard_event *e);
void ban_face_up(struct core *c, struct ipc_ev *face);
void ban_up(struct core *c);
void ban_down(struct core *c);
void ban_message(struct core *c, enum ipc_type type,
		 const ProtobufCMessage *msg);
void ban_tick(struct core *c);

/* --- ice.c: STUN and TURN servers of a location ------------------------------------------- */

enum { ICE_SERVERS_MAX = 8, ICE_URL_MAX = 320, ICE_USER_MAX = 128,
       ICE_CREDENTIAL_MAX = 128 };

/* What an answer points at while it is sent. Starts as zero. */
struct ice_list {
	size_t n;
	Cv__IceServer servers[ICE_SERVERS_MAX], *list[ICE_SERVERS_MAX];
	char url[ICE_SERVERS_MAX][ICE_URL_MAX];
	char user[ICE_SERVERS_MAX][ICE_USER_MAX];
	char credential[ICE_SERVERS_MAX][ICE_CREDENTIAL_MAX];
};

/* The servers that clients in this location are told, in order; with an
 * account of his own and an end where the TURN server allows that. */
void ice_fill(struct core *c, int64_t location, const char *uuid,
	      struct ice_list *l, Cv__JoinReply *r);
void ice_wipe(struct ice_list *l);

/* --- worker.c: of a leg, for the ladder ---------------------------------------------------- */

/* Between core and media, by what the leg belongs to. */
void leg_note(struct core *c, uint64_t leg, bool from_media, const char *what,
	      struct span detail);

/* --- cli_trace.c ------------------------------------------------------------------------ */

void cli_trace_close(struct core *c);

/* --- cli_doctor.c ----------------------------------------------------------------------- */

int  cli_doctor_open(struct core *c, const struct role_boot *boot);
void cli_doctor_close(struct core *c);
/* courier answered. */
void cli_doctor_message(struct core *c, const Cv__LookedUp *m);

/* --- load.c: how much is refused --------------------------------------------------------- */

void load_media(struct worker *wk, const Cv__MediaStats *s);
void load_face(struct web *w, const Cv__FaceLoad *l);
void load_tick(struct core *c);

/* --- join.c -------------------------------------------------------------------------- */

void join_message(struct web *w, const Cv__Join *j);

/* A call by SIP: who and whom, as the face and sip_auth.c know it. */
struct join_ask {
	uint64_t sip, trace;
	struct span alias, dialled, name, agent, caller;
	struct addr source;
	uint8_t local[16];
	bool has_local, proven, is_encrypted;
	bool by_reception;		/* what he entered at one */
	uint32_t kbps;
	int64_t device, trunk;
};
/* Its handle, 0 when there is no place; it does nothing until it is
 * started. */
uint64_t join_sip(struct core *c, const struct join_ask *a);
void join_start(struct core *c, uint64_t id);
/* What he typed; "none" = he has no PIN. */
void join_enter(struct core *c, uint64_t id, struct span pin);
/* Nobody waits for it. */
void join_abandon(struct core *c, uint64_t id);
/* The link went: what nobody will hear is given up. */
void joins_forget_web(struct web *w);
/* The guard's line has come to this join. */
void join_turn(struct core *c, uint64_t id, enum guard_verdict v);

/* --- call.c --------------------------------------------------------------------------- */

void call_message(struct web *w, const Cv__Call *msg);
void call_answer(struct worker *wk, const Cv__LegAnswer *a);
void call_state(struct worker *wk, const Cv__LegState *s);
void leg_send_flags(struct meeting *m, const struct part *p);
/* What media says of his slides section; he may have left afterwards. */
void leg_note_pictures(struct member *mb, const Cv__LegState *s);
/* media has it no more; the call keeps its name for an update. */
void leg_lost(struct meeting *m, struct part *p);
void leg_send_close(struct meeting *m, uint64_t leg);

/* --- worker.c: media and video ---------------------------------------------------------- */

void worker_expect_all(struct core *c);
void worker_media_up(struct worker *wk);
void worker_media_down(struct worker *wk);
void worker_media_dead(struct worker *wk);
void worker_media_message(struct worker *wk, enum ipc_type type,
			  const ProtobufCMessage *msg);
void worker_video_up(struct worker *wk);
void worker_video_down(struct worker *wk);
void worker_video_message(struct worker *wk, enum ipc_type type,
			  const ProtobufCMessage *msg);
/* Gives the meeting a pair, if one is ready, and opens its rooms there. */
void meeting_assign(struct meeting *m);
void meeting_leave_worker(struct meeting *m);
/* The least loaded; -1: none is ready. */
int  worker_best(const struct core *c);
struct ipc_chan *meeting_media(const struct meeting *m);
struct ipc_chan *meeting_video(const struct meeting *m);

/* --- picture.c ---------------------------------------------------------------------------- */

void picture_init(struct meeting *m);
void picture_due(struct meeting *m);	/* plan soon, bursts become one */
/* Are names drawn into the tiles? */
bool picture_names(const struct meeting *m);
/* Is presentation part of a picture of the plan? */
bool picture_has_slides(const struct meeting *m);
void picture_person(struct meeting *m, const struct part *p);
/* The leg is no more: video forgets him. */
void picture_gone(struct meeting *m, uint64_t leg);
void picture_speakers(struct meeting *m, const Cv__Speakers *s);

/* --- present.c ---------------------------------------------------------------------------- */

/* Tells media who presents and to whom. */
void present_send(struct meeting *m);
/* Codec (media's number) of the picture that must be made for his slides
 * section; 0 = he takes what is presented as it is, or is shown nothing. */
uint32_t present_codec(const struct part *presenter, const struct part *p);

/* --- live.c: the journal --------------------------------------------------------------------- */

void live_save_room(struct meeting *m);
void live_save_part(struct meeting *m, const struct part *p);
void live_save_session(struct core *c, uint64_t part);
void live_save_credential(struct core *c, const struct reconnect_state *s);
void live_forget_part(struct core *c, uint64_t part);
/* Every reconnect credential of the room dies. */
void live_revoke_room(struct core *c, uint64_t room);
void live_forget_credential(struct core *c, uint64_t cred);
void live_forget_room(struct core *c, uint64_t room);
/* Puts back what was there; afterwards the journal holds what is there now. */
int  live_restore(struct core *c);

/* --- settings.c -------------------------------------------------------------------------------- */

void settings_send(struct core *c, struct ipc_chan *ch);
void settings_watch(void *core, const struct store_row *old_row,
		    const struct store_row *new_row);
/* Tables made of rows: allow list, locations. Called at the start, too. */
int  settings_tables(struct core *c);
/* super is told which roles a switch turned off. */
void settings_roles(struct core *c);

/* --- cli.c --------------------------------------------------------------------------------------- */

int  cli_open(struct core *c);
void cli_close(struct core *c);
void cli_reply(void *core, uint64_t client, const Cv__CliReply *reply);
