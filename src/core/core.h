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
#include "base/clock.h"
#include "base/handle.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/timer.h"
#include "core/audit/audit.h"
#include "core/guard/pin.h"
#include "core/identity/access.h"
#include "core/identity/session.h"
#include "core/rooms/alias.h"
#include "core/rooms/room.h"
#include "core/rooms/stage.h"
#include "core/store/cli_config.h"
#include "core/store/journal.h"
#include "core/store/store.h"
#include "common.pb-c.h"
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
	CORE_HELD_MAX = 1024,		/* joins in a slowed room's line */
	CORE_CALLS_MAX = 1024,		/* offers that media has not answered */
	CALL_ANSWER_S = 5,
	MEMBER_STREAMS_MAX = 4,		/* event streams of one participant */
	MEMBER_PER_S = 40, MEMBER_BURST = 200,	/* requests of one token */
	SYNC_QUEUE_MAX = 1024,		/* a full roster waits above this */
	SYNC_RETRY_MS = 5,
	PLAN_EVERY_MS = 40,
	REPORT_WAIT_S = 2,		/* for media to say what still lives */
};

struct core;
struct meeting;

/* A link to one web process. */
struct web {
	struct core *c;
	struct ipc_ev *ev;
	uint32_t gen;			/* answers to a former link are lost */
	struct map *streams;		/* number -> struct stream */
	struct list syncs;		/* streams that wait for a roster */
	struct timer pump;
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
	struct timer report;
	uint32_t legs;
	uint32_t load_permille;
	Cv__MediaStats stats;
};

struct meeting {
	struct core *c;
	uint64_t id;			/* handle */
	int64_t conf;
	struct room *room;
	struct stage *stage;
	int worker;			/* index, -1 = none yet */
	bool media_open, video_open;
	bool over;			/* ACT_ROOM_END was carried out */
	bool must_resend;		/* plan, even if it is the same */
	uint32_t epoch;
	uint64_t planned_ns;
	struct timer tick, plan;
	uint64_t speaking[STAGE_SPEAKERS_MAX];
	size_t n_speaking;
	struct stage_out out;		/* the plan in force */
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

struct core_stats {
	uint64_t joins, joins_refused, pins_wrong;
	uint64_t bad_tokens, bad_calls, bad_handles, overloads;
	uint64_t events, syncs, plans;
	uint64_t web_messages;
};

struct core {
	struct event_base *base;
	struct role *role;
	int refusal;			/* the exit code of role_refuse */
	struct event *tick_ev, *store_ev, *cli_ev;
	struct timer_wheel *wheel;
	uint64_t now_ns;		/* of this turn */
	uint64_t start_ns, audit_due_ns;
	uint8_t boot_id[16];		/* of the machine */

	struct store *store;
	struct journal *journal;
	struct audit *audit;
	struct cli_config *cli_config;
	int cli_fd;
	uint32_t cli_gen;

	struct pin_guard *guard;
	struct session_table *sessions;
	struct handles *meetings, *members, *legs;
	struct map *by_conf;		/* conference id -> struct meeting */
	uint32_t next_req;
	struct map *calls;		/* req -> struct call */
	uint32_t n_held;
	uint32_t settings_epoch;

	struct web webs[CORE_WEBS_MAX];
	struct worker workers[CORE_WORKERS_MAX];
	struct client *clients[CORE_CLIENTS_MAX];
	struct room_out out;		/* reused by every room call */
	uint64_t keep[CORE_MEMBERS_MAX];	/* legs of one media report */
	int64_t decoy;			/* a conference with a PIN, see join.c */
	struct core_stats stats;
};

/* --- acts.c: carries out what a room said ---------------------------------- */

/* Also sweeps the room, sets its timer and frees a meeting that is over: m is
 * not to be touched afterwards unless meeting_alive(). */
void core_acts(struct meeting *m, const struct room_cmd *cmd);
void core_turn(struct core *c);	/* now_ns := the clock */
void member_arm_expiry(struct member *mb);
void audit_note(struct core *c, const char *action, enum audit_outcome how,
		struct span who, struct span source, struct span object,
		struct span detail);

/* --- meeting.c ---------------------------------------------------------------- */

struct meeting *meeting_of_conf(struct core *c, int64_t conf);
/* For a configured conference; E_FULL, E_NOMEM. */
int  meeting_new(struct core *c, int64_t conf, uint64_t restore_id,
		 struct meeting **out);
void meeting_free(struct meeting *m);
struct room_cfg meeting_cfg(struct core *c, const struct store_row *conf);
/* Member records; the handle is the participant's id. */
struct member *member_new(struct core *c, uint64_t restore_id, uint64_t *id);
void member_free(struct member *mb, uint64_t id);
struct member *member_of(struct core *c, const struct part *p);
uint32_t setting_pixels_step(struct core *c, const struct store_row *conf);

/* --- event.c: to the event streams ---------------------------------------------- */

void event_row(struct meeting *m, enum room_act_kind kind, enum room_aud aud,
	       const struct part *p);
void event_status(struct meeting *m);
void event_sync(struct member *mb);
void event_message(struct meeting *m, const struct part *from,
		   const struct part *to, const struct room_cmd *cmd);
void event_disconnect(struct member *mb, const char *reason);
void event_refresh(struct member *mb);
void event_layout(struct meeting *m);
void event_stage(struct meeting *m);
void event_fill_status(const struct meeting *m, Cv__ConferenceStatus *st);
void event_fill_row(const struct part *p, bool for_host,
		    Cv__ParticipantRow *row);
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
bool web_is_current(const struct core *c, int web, uint32_t gen);
const struct store_row *conf_of_alias(struct core *c, struct span alias);

/* --- join.c -------------------------------------------------------------------------- */

void join_message(struct web *w, const Cv__Join *j);

/* --- call.c --------------------------------------------------------------------------- */

void call_message(struct web *w, const Cv__Call *msg);
void call_answer(struct worker *wk, const Cv__LegAnswer *a);
void call_state(struct worker *wk, const Cv__LegState *s);
void leg_send_flags(struct meeting *m, const struct part *p);
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
struct ipc_chan *meeting_media(const struct meeting *m);
struct ipc_chan *meeting_video(const struct meeting *m);

/* --- picture.c ---------------------------------------------------------------------------- */

void picture_init(struct meeting *m);
void picture_due(struct meeting *m);	/* plan soon, bursts become one */
/* Are names drawn into the tiles? */
bool picture_names(const struct meeting *m);
void picture_person(struct meeting *m, const struct part *p);
/* The leg is no more: video forgets him. */
void picture_gone(struct meeting *m, uint64_t leg);
void picture_speakers(struct meeting *m, const Cv__Speakers *s);

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
int  settings_guard(struct core *c);

/* --- cli.c --------------------------------------------------------------------------------------- */

int  cli_open(struct core *c);
void cli_close(struct core *c);
void cli_reply(void *core, uint64_t client, const Cv__CliReply *reply);
