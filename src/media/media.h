/* media/media.h - the inside of a media worker: what its files share.
 *
 * worker.c owns everything and runs the loop; control.c speaks with core,
 * vlink.c with video; room.c and leg.c are the objects; leg_rtcp.c,
 * video/in.c and video/out.c are a leg's concerns. One thread. Objects found
 * by core's handles; a handle that core did not give finds nothing.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/timer.h"
#include "ipc/frame.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"
#include "media/audio/audio.h"
#include "media/loop.h"
#include "media/negotiate.h"
#include "media/rtp/audio_repair.h"
#include "media/rtp/report.h"
#include "media/transport/dtls.h"
#include "media/transport/ice.h"
#include "media/transport/net.h"

enum {
	MEDIA_ROOMS_MAX = 1024,
	MEDIA_LEGS_MAX = ICE_LEGS_MAX,
	MEDIA_ROOM_LEGS_MAX = AUDIO_LEGS_MAX,
	MEDIA_GROUPS_MAX = 16,
	MEDIA_TICK_MS = AUDIO_TICK_MS,
	MEDIA_TICKS_CAUGHT_UP = 5,	/* after a delay; more are skipped */
	MEDIA_SERVICE_MS = 20,		/* a leg with video or a handshake */
	MEDIA_SERVICE_AUDIO_MS = 100,	/* a leg that is only heard */
	MEDIA_TELL_MS = 100,		/* least between two words on one leg */
	MEDIA_DTLS_S = 20,		/* a handshake that takes longer ends */
	MEDIA_SPEAKERS_MS = 200,
	MEDIA_STATS_MS = 1000,
	MEDIA_SSRC_SWITCH_MS = 200,	/* at most one a leg in this time */
	MEDIA_KBPS_IN = 2000,		/* default caps for video */
	MEDIA_KBPS_OUT = 3000,
	MEDIA_KBPS_UNSEEN = 256,	/* what we ask of one who is not shown */
	MEDIA_MTU_PAYLOAD = 1150,	/* of a video packet, for IPv6 + TCP */
	MEDIA_FILLER_MS = 500,
};

struct leg;
struct room;
struct video_in;
struct video_out;
struct cut;

struct media_stats {
	uint64_t ticks, late_ticks, skipped_ticks;
	uint64_t packets_in, packets_dropped;
	uint64_t bad_handles, refused_offers;
	uint64_t frames_bad, frames_unknown;	/* from video */
	uint64_t frames_dropped;		/* to video: queue full */
};

struct media {
	struct loop loop;
	struct timer_wheel *wheel;
	struct net *net;
	struct ice *ice;
	struct dtls_env *dtls;
	uint8_t fingerprint[DTLS_FINGERPRINT_LEN];
	struct srtp_env *srtp;
	struct audio_pool *pool;
	struct report_clock clock;
	uint64_t now_ns;		/* of this turn */

	Cv__Candidate candidates[ICE_CANDIDATES_MAX];
	Cv__Addr candidate_addrs[ICE_CANDIDATES_MAX];
	uint8_t candidate_ips[ICE_CANDIDATES_MAX][16];
	size_t n_candidates;

	struct map *rooms, *legs;	/* by core's handle */
	struct list room_list;
	struct list dying;		/* legs, freed after the turn */

	struct watch tick;		/* timerfd */
	uint64_t tick_due_ns;
	struct timer stats_timer, rooms_timer;

	struct watch core_watch;
	struct ipc_chan *core, *core_old;	/* old: freed after the turn */
	struct watch video_watch;	/* fd -1 = no video worker */
	bool video_is_up;		/* its hello came */
	unsigned video_bad;		/* malformed datagrams on this link */
	struct cut *cut;		/* the picture being given out */
	uint32_t instance;

	void (*serving)(void *arg, const struct addr *source);
	void *serving_arg;
	struct addr served;

	struct media_stats stats;
	uint8_t picture[FRAME_MAX];		/* being put together */
	uint8_t datagram[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];	/* to video */
	uint8_t datagram_in[FRAME_HEADER_LEN + FRAME_CHUNK_MAX];
	uint8_t packets[FRAME_MAX + FRAME_MAX / 4];	/* being cut up */
};

/* --- room.c ------------------------------------------------------------ */

struct group {
	uint32_t id;
	bool is_used;
	enum frame_codec codec;
	uint32_t kbps, told_kbps;
	struct frame_join *join;
	bool want_key;
	uint64_t key_asked_ns;		/* 0 = never */
	uint64_t pictures;
};

struct room {
	struct media *m;
	struct list in_media;
	uint64_t handle;
	struct audio_room *audio;
	struct list legs;
	size_t n_legs;
	uint32_t epoch;			/* of the plan */
	struct group groups[MEDIA_GROUPS_MAX];
	uint64_t speakers_ns;		/* last told */
	size_t n_told;
	struct { uint64_t leg; uint8_t vad; } told[AUDIO_SPEAKERS_MAX];
};

/* E_EXISTS, E_FULL, E_NOMEM, E_INVAL. */
int  room_open(struct media *m, const Cv__RoomOpen *msg);
void room_close(struct room *r);	/* its legs first */
struct room *room_find(struct media *m, uint64_t handle);
void room_plan(struct room *r, const Cv__PicturePlan *msg);
struct group *room_group(struct room *r, uint64_t id);	/* NULL */
/* The group's encoder should send a keyframe soon. */
void group_want_key(struct room *r, struct group *g);
/* About every 200 ms: speakers to core, rates and wishes to video. */
void room_service(struct room *r, uint64_t now_ns);

/* --- leg.c ------------------------------------------------------------- */

struct leg {
	struct media *m;
	struct room *room;
	struct list in_room;
	uint64_t handle;
	Cv__LegPhase phase;
	bool is_admitted, is_muted, is_video_muted;
	bool is_needed;			/* video decodes him */
	bool is_planned, is_needed_next;	/* while a plan is taken */
	bool is_dead;
	uint32_t group;			/* whose picture he gets, 0 = none */
	uint32_t kbps_in, kbps_out;
	struct nego nego;

	struct ice_leg *ice;
	struct dtls *dtls;
	uint64_t dtls_ns;		/* when its handshake began */
	struct srtp *rx, *tx;
	struct timer service;
	char cname[REPORT_CNAME_LEN + 1];

	struct audio_leg *audio;
	struct audio_repair *audio_repair;	/* NULL: not agreed */
	struct rtp_receive audio_in;
	uint64_t audio_switch_ns;
	uint16_t audio_seq;
	struct report_sender audio_out;
	uint64_t report_ns;		/* next SR/RR */
	uint64_t rtt_ns;

	uint32_t video_ssrc, video_rtx_ssrc;	/* ours */
	uint16_t video_seq, video_rtx_seq;	/* where they go on */
	struct video_in *vin;
	struct video_out *vout;

	/* what core was told last */
	uint64_t told_ns;
	bool is_moved;			/* and core was not told yet */
	bool told_video;
	uint16_t told_width, told_height;
	uint32_t told_kbps;
	bool told_storm;
	uint64_t bandwidth_ns;
};

/* Opens and answers. On failure *answer stays NULL. */
int  leg_open(struct media *m, const Cv__LegOpen *msg,
	      Cv__LegDescription **answer);
int  leg_update(struct leg *leg, const Cv__LegUpdate *msg,
		Cv__LegDescription **answer);
void leg_set(struct leg *leg, const Cv__LegFlags *f);
struct leg *leg_find(struct media *m, uint64_t handle);
/* Stops everything now; memory goes after the turn. */
void leg_close(struct leg *leg);
void legs_bury(struct media *m);
/* Something came from an address that authenticated. */
void leg_datagram(struct leg *leg, const struct path *from, uint8_t *p,
		  size_t n);
/* An authenticated check came. */
void leg_checked(struct leg *leg, bool is_moved);
/* Sends one mixed packet; from inside the tick. */
void leg_send_audio(struct leg *leg, const struct audio_out *o);
/* May media go out to it? */
bool leg_is_open(const struct leg *leg);
/* Tells core about phase and incoming video, if that changed. */
void leg_tell_state(struct leg *leg);

/* --- leg_rtcp.c -------------------------------------------------------- */

void leg_rtcp_in(struct leg *leg, struct span compound);
/* Reports when they are due, feedback when there is some. */
void leg_rtcp_service(struct leg *leg);

/* --- control.c --------------------------------------------------------- */

/* A fresh channel to core; the old one, if any, is dropped. */
void control_link(struct media *m, int fd, uint32_t instance);
void control_leg_state(struct leg *leg);
void control_leg_bandwidth(struct leg *leg, uint32_t kbps, bool storm);
void control_speakers(struct room *r, const struct audio_speaker *s, size_t n);
void control_stats(struct media *m);

/* --- vlink.c ----------------------------------------------------------- */

void vlink_set(struct media *m, int fd);
/* A whole picture in chunks. E_FULL: dropped, ask the sender for a keyframe;
 * E_CLOSED: nobody there. */
int  vlink_picture(struct media *m, const struct frame *f, struct span data);
/* WANT_KEY, RATE, ROOM_GONE. */
void vlink_note(struct media *m, const struct frame *f);

/* --- worker.c ---------------------------------------------------------- */

struct media_cfg {
	int udp_fd, tcp_fd;		/* ownership goes over */
	/* Candidates, port 0 = the socket's own; none = every local address.
	 * A port counts for UDP and for TCP, as a translator maps both. */
	struct addr advertised[ICE_CANDIDATES_MAX];
	size_t n_advertised;
	bool is_loopback;		/* tests: offer 127.0.0.1 too */
	uint32_t instance;
	/* Whose handshake is being parsed, for the report of a death. May be
	 * NULL. */
	void (*serving)(void *arg, const struct addr *source);
	void *arg;
};

/* Everything that must be made before the sandbox closes. */
int  media_new(struct media **out, const struct media_cfg *cfg);
void media_free(struct media **m);
/* One turn of the loop, at most wait_ms long. */
void media_turn(struct media *m, int wait_ms);
