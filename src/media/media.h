/* media/media.h - the inside of a media worker: what its files share.
 *
 * worker.c owns everything and runs the loop; control.c speaks with core,
 * vlink.c with video; room.c and leg.c are the objects; flow.c (how packets
 * travel), leg_plain.c (without ICE), leg_rtcp.c, leg_dtmf.c, leg_fecc.c, video/in.c and
 * video/out.c are a leg's concerns. One thread. Objects found
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
#include "media/dtmf.h"
#include "media/loop.h"
#include "media/negotiate.h"
#include "media/rtp/audio_repair.h"
#include "media/rtp/report.h"
#include "media/rtp/tmmb.h"
#include "media/transport/dtls.h"
#include "media/transport/flood.h"
#include "media/transport/ice.h"
#include "media/transport/latch.h"
#include "media/transport/net.h"
#include "media/transport/ports.h"
#include "wire/rtp/rtp.h"

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
	/* DTLS handshakes that may begin, a second and at once, per source
	 * (people of one house arrive together) and in total. */
	MEDIA_DTLS_PER_S = 50, MEDIA_DTLS_BURST = 512,
	MEDIA_DTLS_TOTAL_PER_S = 200, MEDIA_DTLS_TOTAL_BURST = 1024,
	MEDIA_SSRC_SWITCH_MS = 200,	/* at most one a leg in this time */
	MEDIA_KBPS_IN = 2000,		/* default caps for video */
	MEDIA_KBPS_OUT = 3000,
	MEDIA_KBPS_UNSEEN = 256,	/* what we ask of one who is not shown */
	/* Of a call's rate, what presentation may take while there is one. */
	MEDIA_SLIDES_PERCENT = 75,
	/* A receiver of presentation that carries less does not count when the
	 * presenter is told what to send: it misses pictures instead. */
	MEDIA_SLIDES_KBPS_MIN = 300,
	/* Between two keyframes that one and the same receiver causes; on top
	 * of KEYREQ_INTERVAL_MS, which holds for all of them together. */
	MEDIA_SLIDES_KEY_MS = 3000,
	MEDIA_MTU_PAYLOAD = 1150,	/* of a video packet, for IPv6 + TCP */
	/* The least that a location may say, and what of it is not payload:
	 * IPv6 and UDP, RTP with its extension, RTX, the tag of GCM. */
	MEDIA_MTU_MIN = 512,
	MEDIA_IP_UDP = 40 + 8,
	MEDIA_MTU_HEADS = MEDIA_IP_UDP + 12 + 8 + 2 + 16,
	MEDIA_FILLER_MS = 500,
	/* Legs without ICE, while their peer should send. */
	MEDIA_PLAIN_NEW_S = 60,		/* no keys: gone */
	MEDIA_PLAIN_SILENT_S = 30, MEDIA_PLAIN_GONE_S = 90,
	MEDIA_OFFER_S = 600,		/* our offer was not answered */
	MEDIA_ASK_KEY_MS = 2000,	/* between two words to core */
	MEDIA_OWN_MAX = 64,		/* addresses of ours */
};

struct leg;
struct room;
struct video_in;
struct video_out;
struct cut;
struct link;

struct media_stats {
	uint64_t ticks, late_ticks, skipped_ticks;
	uint64_t late_own;	/* late, and it was our work that took long */
	uint64_t packets_in, packets_dropped;
	uint64_t bad_handles, refused_offers;
	uint64_t says_refused;			/* prompts that were not said */
	uint64_t frames_bad, frames_unknown;	/* from video */
	uint64_t frames_dropped;		/* to video: queue full */
	uint64_t strangers;	/* to a leg's own port, from elsewhere */
	uint64_t dtmf_refused;
	uint64_t bfcp_in, bfcp_dropped;		/* datagrams, both ways dropped */
	uint64_t fecc_in, fecc_dropped;		/* frames, both ways dropped */
	uint64_t slides_pictures;	/* presented, forwarded to all */
	uint64_t slides_unasked;	/* packets without the floor */
	uint64_t slides_keys_held;	/* wishes of one receiver, too soon */
};

struct media {
	struct loop loop;
	struct timer_wheel *wheel;
	struct net *net;
	struct ice *ice;
	struct dtls_env *dtls;
	struct flood *handshakes;	/* how often they may begin */
	struct ports *ports;		/* of legs without ICE */
	struct outguard_rules guard;	/* where they may be sent to */
	struct outguard_net guard_allowed[OUTGUARD_NETS_MAX];
	struct outguard_net guard_management[OUTGUARD_NETS_MAX];
	struct outguard_net guard_own[MEDIA_OWN_MAX];
	bool is_sha1_32_allowed;
	uint8_t fingerprint[DTLS_FINGERPRINT_LEN];
	struct srtp_env *srtp;
	struct audio_pool *pool;
	struct prompts *prompts;	/* NULL: nothing can be said */
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
	uint64_t tick_cpu_ns;		/* our processor time then */
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
	uint32_t rate_kbps;		/* what came, the last second or so */
	uint64_t rate_ns, rate_bytes;
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
	struct {
		uint64_t presenter;	/* leg's handle, 0 = nobody */
		bool to_video;
		uint32_t kbps;		/* what the presenter may send */
		uint32_t rate_kbps;	/* what comes, the last second */
		uint64_t rate_ns, rate_bytes;
	} slides;
};

/* E_EXISTS, E_FULL, E_NOMEM, E_INVAL. */
/* Until settings come. */
extern const struct flood_limits media_dtls_limits;

int  room_open(struct media *m, const Cv__RoomOpen *msg);
void room_close(struct room *r);	/* its legs first */
struct room *room_find(struct media *m, uint64_t handle);
void room_plan(struct room *r, const Cv__PicturePlan *msg);
struct group *room_group(struct room *r, uint64_t id);	/* NULL */
/* The group's encoder should send a keyframe soon. */
void group_want_key(struct room *r, struct group *g);
/* --- slides.c: presentation --------------------------------------------- */

/* What core says of the floor. */
void room_present(struct room *r, const Cv__Presentation *msg);
bool leg_presents(const struct leg *leg);
/* The presenter's next picture, to all who are to have it and to video. */
void slides_picture(struct leg *from, struct frame *f, struct span data);
/* A group's picture, to those whose presentation comes from there. */
void slides_group(struct room *r, const struct group *g,
		  const struct frame *f);
/* This receiver needs a keyframe; passed on in bounds. */
void slides_want_key(struct leg *leg);
/* Held wishes, rates. */
void slides_service(struct leg *leg);
void slides_room_service(struct room *r, uint64_t now_ns);
/* What of the leg's downlink is for its main picture, and for slides. */
uint32_t leg_main_kbps(const struct leg *leg, uint64_t now_ns);
uint32_t leg_slides_kbps(const struct leg *leg, uint64_t now_ns);

/* --- room.c, again ------------------------------------------------------ */

/* About every 200 ms: speakers to core, rates and wishes to video. */
void room_service(struct room *r, uint64_t now_ns);

/* --- flow.c: how packets travel ---------------------------------------- */

/* The way of some streams of a leg: address and keys. A leg with ICE has one
 * for all it has; without ICE sound and picture have one each. */
struct flow {
	struct leg *leg;
	bool is_used;
	enum nego_crypto crypto;
	struct dtls *dtls;
	uint64_t dtls_ns;		/* when its handshake began */
	struct srtp *rx, *tx;		/* NULL: clear, or no keys yet */
	const char *suite;		/* its registered name, NULL = none */
	uint64_t report_ns;		/* next SR/RR */
	/* without ICE: */
	struct nego_transport t;	/* as agreed; holds the peer's key */
	uint8_t tx_key[NEGO_KEY_SALT_MAX];	/* SDES, ours */
	uint16_t port;			/* ours, of RTP; 0 = none */
	struct net_socket rtp, rtcp;
	struct latch to, to_rtcp;
	struct path path, rtcp_path;	/* kind NONE: nowhere */
	struct addr dtls_peer;		/* of the handshake that runs */
	struct ice_leg *ice;		/* of this port; NULL: without */
	uint64_t heard_ns;
	bool is_there;			/* something came from where he said */
};

void flow_init(struct flow *f, struct leg *leg);
/* Keys, association, sockets; wipes. */
void flow_release(struct flow *f);
/* Where to, NULL = nowhere. */
const struct path *flow_path(const struct flow *f, bool is_rtcp);
bool flow_is_ready(const struct flow *f);	/* keys are there, or none due */
/* May media go out by it? Without ICE nobody consented: sound goes where
 * signalling said, pictures only to an IP that something came from, or that
 * signalling comes from; nothing to who did not prove where he is. */
bool flow_is_open(const struct flow *f);
/* In place; clear flows change nothing. E_STATE without keys. */
int  flow_seal(struct flow *f, uint8_t *p, size_t *n, size_t cap,
	       bool is_rtcp);
int  flow_unseal(struct flow *f, uint8_t *p, size_t *n, bool is_rtcp);
/* The n bytes in net_reserve()'s slot. */
void flow_send(struct flow *f, size_t n, bool is_rtcp);
void flow_drop_keys(struct flow *f);	/* and the association */
/* ICE: an authenticated check came. */
void flow_checked(struct flow *f, const struct path *from);
/* ICE: a datagram from an address that authenticated. */
void flow_datagram(struct flow *f, const struct path *from, uint8_t *p,
		   size_t n);
/* The handshake's clock. */
void flow_service(struct flow *f);

/* Without ICE. A pair of ports of its own. E_FULL, E_SYS. */
int  flow_open_port(struct flow *f, const uint8_t bind_ip[16], uint8_t dscp);
/* What the peer's description means: addresses and keys. The same keys go on
 * where they were. `tx_key` NULL: a fresh one. On failure nothing changed. */
int  flow_agree(struct flow *f, const struct nego_transport *t,
		const struct addr *signalling, const uint8_t *tx_key);

/* --- leg.c ------------------------------------------------------------- */

enum { LEG_FLOWS = 4 };

struct leg_offer;			/* ours, that waits for its answer */
struct leg_bfcp;

/* Of its slides section, as core is told. */
struct leg_slides {
	bool has, sends;
	uint32_t takes;
	Cv__CodecName codec;
	uint16_t width, height;
};

struct leg {
	struct media *m;
	struct room *room;
	struct list in_room;
	uint64_t handle;
	Cv__LegPhase phase;
	bool is_admitted, is_muted, is_video_muted;
	bool is_needed;			/* video decodes him */
	bool is_planned, is_needed_next;	/* while a plan is taken */
	bool no_slides;			/* presentation is not for him */
	bool has_way;			/* it comes from slides_group */
	uint32_t slides_group;		/* 0 = from nowhere */
	bool had_way;			/* while an order is taken: before */
	uint32_t had_group;
	bool is_dead;
	uint32_t group;			/* whose picture he gets, 0 = none */
	uint32_t cap_in, cap_out;	/* core's, for video; 0 = default */
	uint32_t kbps_in, kbps_out;
	size_t payload_max;		/* of a video packet that he gets */
	size_t datagram_max;		/* of RTCP and DTLS, encrypted */
	struct nego nego;

	struct flow flows[LEG_FLOWS];
	struct flow *audio_flow, *video_flow, *slides_flow, *fecc_flow; /* never NULL */
	struct ice_leg *ice;		/* NULL: without ICE */
	struct {			/* without ICE */
		Cv__CryptoMode crypto;
		bool is_sdes_allowed, is_accepted, has_signalling;
		bool is_unproven;	/* is sent nothing before he is heard */
		struct addr signalling;
		uint8_t ip[16], bind_ip[16];	/* told, bound */
		uint8_t dscp;
		struct leg_offer *offer;	/* NULL = none is out */
		uint64_t since_ns;
	} plain;
	struct leg_bfcp *bfcp;		/* NULL: no datagrams of BFCP */
	struct timer service;
	char cname[REPORT_CNAME_LEN + 1];

	struct audio_leg *audio;
	struct {
		enum { LEG_SAY_NONE = 0, LEG_SAY_WAITS, LEG_SAY_RUNS } state;
		uint32_t epoch;
		struct audio_say_cfg cfg;
	} say;
	struct audio_repair *audio_repair;	/* NULL: not agreed */
	struct rtp_receive audio_in;
	uint64_t audio_switch_ns, audio_heard_ns;
	uint16_t audio_seq;
	struct report_sender audio_out;
	uint64_t rtt_ns;
	struct dtmf_in dtmf_in;
	struct dtmf_out dtmf_out;
	struct tmmb_set tmmbr;		/* the peer's caps for our picture */
	bool owes_tmmbn;		/* and is to be told what binds */
	struct {			/* ours for his (RFC 5104 3.5.4) */
		uint32_t kbps;		/* last asked for, 0 = never */
		unsigned asks;		/* since it changed */
		bool is_answered;
	} tmmbr_out;

	uint32_t video_ssrc, video_rtx_ssrc;	/* ours */
	uint16_t video_seq, video_rtx_seq;	/* where they go on */
	struct video_in *vin;
	struct video_out *vout;
	uint32_t slides_ssrc, slides_rtx_ssrc;	/* ours */
	uint16_t slides_seq, slides_rtx_seq;
	struct video_in *sin;		/* what he presents ... */
	struct video_out *sout;		/* ... and what others do */
	struct link *link;		/* NULL: no picture either way */
	struct {			/* far-end camera control */
		uint32_t ssrc, ts_start;	/* ours */
		uint16_t seq;
		unsigned asks;		/* how often we said who we are */
		uint64_t asked_ns;
		bool is_heard;		/* it listed its clients ... */
		bool has_h281;		/* ... and this is among them */
		struct flood_bucket rate;
	} fecc;

	/* what core was told last */
	uint64_t told_ns;
	bool is_moved;			/* and core was not told yet */
	bool told_video;
	uint16_t told_width, told_height;
	uint32_t told_kbps;
	bool told_storm;
	uint64_t bandwidth_ns;
	struct leg_slides told_slides;
	bool told_camera;
};

/* Opens and answers. On failure *answer stays NULL. */
int  leg_open(struct media *m, const Cv__LegOpen *msg,
	      Cv__LegDescription **answer);
int  leg_update(struct leg *leg, const Cv__LegUpdate *msg,
		Cv__LegDescription **answer);
void leg_set(struct leg *leg, const Cv__LegFlags *f);
/* To another room of this worker; what it sends goes on. E_NOTFOUND, E_FULL,
 * E_NOMEM: it stays. */
int  leg_move(struct leg *leg, const Cv__LegMove *msg);
struct leg *leg_find(struct media *m, uint64_t handle);
/* Stops everything now; memory goes after the turn. */
void leg_close(struct leg *leg);
void legs_bury(struct media *m);
/* A packet came by this flow, still sealed. False: it is none of the peer's. */
bool leg_rtp(struct leg *leg, struct flow *f, uint8_t *p, size_t n);
bool leg_rtcp(struct leg *leg, struct flow *f, uint8_t *p, size_t n);
/* ICE: an authenticated check came. */
void leg_checked(struct leg *leg, const struct path *from, bool is_moved);
void leg_set_phase(struct leg *leg, Cv__LegPhase phase);
/* The peer is gone or unwanted: core is told, the leg ends. */
void leg_gone(struct leg *leg, const char *why);
/* After what the peer said changed. */
int  leg_streams_open(struct leg *leg);
void leg_streams_change(struct leg *leg, const struct nego *next);
void leg_caps_take(struct leg *leg);
/* That of sound, or of picture where there is no sound. */
struct flow *leg_main_flow(struct leg *leg);
/* Sends one mixed packet; from inside the tick. */
void leg_send_audio(struct leg *leg, const struct audio_out *o);
/* May media go out to it? */
bool leg_is_open(const struct leg *leg);
/* Tells core about phase and incoming video, if that changed. */
void leg_tell_state(struct leg *leg);

/* --- leg_plain.c: without ICE ------------------------------------------ */

/* Of leg_open(), before its streams: transport, and nego unless the offer is
 * to be ours. */
int  leg_plain_make(struct leg *leg, const Cv__LegOpen *msg);
int  leg_plain_answer(struct leg *leg, const Cv__LegDescription *offer,
		      Cv__LegDescription **answer);
/* Offer ours: on open, or anew on an open leg, with ports for what it had not
 * so far. E_FORMAT when `want` is missing. */
int  leg_plain_offer(struct leg *leg, const Cv__LegWant *want,
		     Cv__LegDescription **offer);
int  leg_plain_offer_anew(struct leg *leg, const Cv__LegWant *want,
			  Cv__LegDescription **offer);
int  leg_plain_update(struct leg *leg, const Cv__LegDescription *offer,
		      Cv__LegDescription **answer);
/* The answer to ours. E_STATE when none is out. */
int  leg_accept(struct leg *leg, const Cv__LegAccept *msg,
		Cv__LegDescription **answer);
void leg_plain_release(struct leg *leg);
/* False when the leg ended. */
bool leg_plain_life(struct leg *leg);

/* --- leg_bfcp.c: datagrams of floor control ------------------------------ */

/* A port, before anything is agreed: for an offer of ours. */
int  leg_bfcp_open(struct leg *leg);
/* What was agreed; without it the port goes. May keep who began DTLS. */
int  leg_bfcp_agree(struct leg *leg, struct nego_bfcp *n);
void leg_bfcp_close(struct leg *leg);
uint16_t leg_bfcp_port(const struct leg *leg);	/* 0 = none */
/* The face's word. */
void leg_bfcp_send(struct leg *leg, struct span datagram);
void leg_bfcp_service(struct leg *leg);

/* --- leg_fecc.c: far-end camera control --------------------------------- */

/* A packet of its H.224 stream; false: it is none of the peer's. */
bool leg_fecc_packet(struct leg *leg, const struct rtp *p);
/* Its camera is to be moved. */
void leg_fecc_move(struct leg *leg, const Cv__CameraMove *move);
/* Says who we are, until it said who it is. */
void leg_fecc_service(struct leg *leg);
bool leg_fecc_has_camera(const struct leg *leg);

/* --- leg_dtmf.c -------------------------------------------------------- */

void leg_dtmf_packet(struct leg *leg, const struct rtp *p);
void leg_dtmf_service(struct leg *leg);
void leg_send_dtmf(struct leg *leg, struct span keys);
/* In the tick: true when a key is sent instead of the sound. */
bool leg_dtmf_out(struct leg *leg, const struct audio_out *o);

/* --- leg_say.c --------------------------------------------------------- */

void leg_play(struct leg *leg, const Cv__LegPlay *p);
void leg_loop(struct leg *leg, const Cv__LegLoop *l);
/* Begins what waits for the leg to open, tells core what ended. */
void leg_say_service(struct leg *leg);

/* --- leg_rtcp.c -------------------------------------------------------- */

/* False: malformed. */
bool leg_rtcp_in(struct leg *leg, struct span compound);
/* Reports when they are due, feedback when there is some. */
void leg_rtcp_service(struct leg *leg);

/* --- control.c --------------------------------------------------------- */

/* A fresh channel to core; the old one, if any, is dropped. */
void control_link(struct media *m, int fd, uint32_t instance);
void control_leg_state(struct leg *leg);
void control_leg_want_key(struct leg *leg, bool is_slides);
void control_leg_dtmf(struct leg *leg, const struct dtmf_press *p);
void control_leg_camera(struct leg *leg, const Cv__CameraMove *move);
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
	struct prompts *prompts;	/* or NULL; likewise */
	/* Candidates, port 0 = the socket's own; none = every local address.
	 * A port counts for UDP and for TCP, as a translator maps both. */
	struct addr advertised[ICE_CANDIDATES_MAX];
	size_t n_advertised;
	bool is_loopback;		/* tests: offer 127.0.0.1 too */
	uint16_t port_first, port_last;	/* of legs without ICE; 0 = default */
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
