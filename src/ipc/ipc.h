/* ipc/ipc.h - messages between roles: the channel and the table of who may
 * send what to whom.
 *
 * A channel is one end of a SEQPACKET pair. A message is a header (type, flags,
 * length) and a packed Protocol Buffers message; larger than one datagram
 * (IPC_CHUNK_MAX) it travels in chunks, up to the row's maximum. The first
 * message both ways is Hello; anything else before it, an unequal protocol
 * hash or build id, a message that the table does not allow from that role in
 * this state, an unknown field, an unexpected descriptor, an oversized or
 * malformed message: the channel goes down with the reason and the owner
 * decides (sibling: restart; less trusted: drop, penalise, log once).
 *
 * Nothing blocks. What the socket does not take is queued up to the row's
 * queue limit, and all rows together up to IPC_QUEUE_BYTES_MAX: a peer that
 * asks for long answers and does not read them must not eat our memory. What a
 * full queue does is the row's `full` column.
 *
 * Decoded messages live in an arena that is reset after the callback: copy out
 * what must survive. Not thread safe; one owner per channel.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include "base/err.h"
#include "base/span.h"

enum ipc_role {
	ROLE_NONE = 0, ROLE_SUPER, ROLE_KEYS, ROLE_CORE, ROLE_WEB, ROLE_MEDIA,
	ROLE_VIDEO, ROLE_CLI, ROLE_BAN, ROLE_COURIER, ROLE_SIP, ROLE_COUNT
};
const char *ipc_role_name(enum ipc_role r);

enum {
	IPC_CHUNK_MAX = 60 * 1024,	/* payload bytes in one datagram */
	IPC_FDS_MAX = 16,		/* descriptors beside one message */
	IPC_STREAMS_MAX = 4096,		/* recipients of one Event */
	IPC_QUEUE_BYTES_MAX = 32 << 20,	/* all that waits in one channel */
};

enum ipc_full {
	IPC_FULL_KILL = 0,	/* the peer does not keep up: channel down */
	IPC_FULL_DROP,		/* this message is lost, counted */
	IPC_FULL_COALESCE,	/* replaces the queued one of the same type */
};

/* Role masks for the rows. */
#define R(x) (1u << ROLE_##x)
#define R_ALL (~0u)

/* X(enumerator, C message prefix, C type, from mask, to mask, max bytes,
 *   queue limit, full policy) */
#define IPC_TABLE(X)                                                          \
	X(HELLO, cv__hello, Cv__Hello, R_ALL, R_ALL, 256, 1, KILL)            \
	X(BOOT, cv__boot, Cv__Boot, R(SUPER), R_ALL, 16384, 1, KILL)          \
	X(LINK, cv__link, Cv__Link, R(SUPER), R_ALL, 64, 64, KILL)            \
	X(READY, cv__ready, Cv__Ready, R_ALL, R(SUPER), 16, 4, KILL)          \
	X(SERVING, cv__serving, Cv__Serving, R_ALL, R(SUPER), 64, 4,          \
	  COALESCE)                                                           \
	X(ROLE_DIED, cv__role_died, Cv__RoleDied, R(SUPER), R(CORE), 128, 256,\
	  DROP)                                                               \
	X(ROLE_UP, cv__role_up, Cv__RoleUp, R(SUPER), R(CORE), 64, 256, DROP) \
	X(STOP, cv__stop, Cv__Stop, R(SUPER), R_ALL, 16, 1, KILL)             \
	X(SETTINGS, cv__settings, Cv__Settings, R(CORE), R_ALL, 65536, 8,     \
	  KILL)                                                               \
	X(SETTINGS_ACK, cv__settings_ack, Cv__SettingsAck, R_ALL, R(CORE), 32,\
	  8, KILL)                                                            \
	X(SIGN_REQUEST, cv__sign_request, Cv__SignRequest,                    \
	  R(WEB) | R(SIP), R(KEYS), 512, 256, KILL)                           \
	X(SIGN_REPLY, cv__sign_reply, Cv__SignReply, R(KEYS),                 \
	  R(WEB) | R(SIP), 1024, 256, KILL)                                   \
	X(JOIN, cv__join, Cv__Join, R(WEB), R(CORE), 8192, 1024, DROP)        \
	X(JOIN_REPLY, cv__join_reply, Cv__JoinReply, R(CORE), R(WEB), 12288,  \
	  1024, KILL)                                                         \
	X(COMMAND, cv__command, Cv__Command, R(WEB), R(CORE), 20480, 1024,    \
	  DROP)                                                               \
	X(COMMAND_REPLY, cv__command_reply, Cv__CommandReply, R(CORE), R(WEB),\
	  2097152, 1024, KILL)                                                \
	X(CALL, cv__call, Cv__Call, R(WEB), R(CORE), 65536, 512, DROP)        \
	X(CALL_REPLY, cv__call_reply, Cv__CallReply, R(CORE), R(WEB), 65536,  \
	  512, KILL)                                                          \
	X(STREAM_OPEN, cv__stream_open, Cv__StreamOpen, R(WEB), R(CORE), 1024,\
	  1024, DROP)                                                         \
	X(STREAM_REPLY, cv__stream_reply, Cv__StreamReply, R(CORE), R(WEB),   \
	  64, 1024, KILL)                                                     \
	X(STREAM_CLOSED, cv__stream_closed, Cv__StreamClosed, R(WEB), R(CORE),\
	  32, 8192, KILL)                                                     \
	X(STREAM_CLOSE, cv__stream_close, Cv__StreamClose, R(CORE), R(WEB),   \
	  32, 8192, KILL)                                                     \
	X(EVENT, cv__event, Cv__Event, R(CORE), R(WEB), 65536, 8192, KILL)    \
	X(ROOM_OPEN, cv__room_open, Cv__RoomOpen, R(CORE), R(MEDIA), 64, 1024,\
	  KILL)                                                               \
	X(ROOM_CLOSE, cv__room_close, Cv__RoomClose, R(CORE), R(MEDIA), 32,   \
	  1024, KILL)                                                         \
	X(LEG_OPEN, cv__leg_open, Cv__LegOpen, R(CORE), R(MEDIA), 65536, 1024,\
	  KILL)                                                               \
	X(LEG_UPDATE, cv__leg_update, Cv__LegUpdate, R(CORE), R(MEDIA), 65536,\
	  1024, KILL)                                                         \
	X(LEG_ANSWER, cv__leg_answer, Cv__LegAnswer, R(MEDIA), R(CORE), 65536,\
	  1024, KILL)                                                         \
	X(LEG_SET, cv__leg_set, Cv__LegSet, R(CORE), R(MEDIA), 64, 4096, KILL)\
	X(LEG_CLOSE, cv__leg_close, Cv__LegClose, R(CORE), R(MEDIA), 32, 4096,\
	  KILL)                                                               \
	X(LEG_STATE, cv__leg_state, Cv__LegState, R(MEDIA), R(CORE), 192,     \
	  4096, KILL)                                                         \
	X(SPEAKERS, cv__speakers, Cv__Speakers, R(MEDIA), R(CORE), 32768, 512,\
	  DROP)                                                               \
	X(PICTURE_PLAN, cv__picture_plan, Cv__PicturePlan, R(CORE), R(MEDIA), \
	  65536, 1024, KILL)                                                  \
	X(LEG_BANDWIDTH, cv__leg_bandwidth, Cv__LegBandwidth, R(MEDIA),       \
	  R(CORE), 64, 1024, DROP)                                            \
	X(LEG_REPORT, cv__leg_report, Cv__LegReport, R(MEDIA), R(CORE),       \
	  262144, 4, KILL)                                                    \
	X(LEG_KEEP, cv__leg_keep, Cv__LegKeep, R(CORE), R(MEDIA), 131072, 4,  \
	  KILL)                                                               \
	X(MEDIA_STATS, cv__media_stats, Cv__MediaStats, R(MEDIA), R(CORE),    \
	  256, 4, COALESCE)                                                   \
	X(VIDEO_ROOM_OPEN, cv__video_room_open, Cv__VideoRoomOpen, R(CORE),   \
	  R(VIDEO), 32, 1024, KILL)                                           \
	X(VIDEO_ROOM_CLOSE, cv__video_room_close, Cv__VideoRoomClose, R(CORE),\
	  R(VIDEO), 32, 1024, KILL)                                           \
	X(VIDEO_PERSON, cv__video_person, Cv__VideoPerson, R(CORE), R(VIDEO), \
	  1024, 8192, KILL)                                                   \
	X(VIDEO_PLAN, cv__video_plan, Cv__VideoPlan, R(CORE), R(VIDEO), 16384,\
	  1024, KILL)                                                         \
	X(VIDEO_SPEAKING, cv__video_speaking, Cv__VideoSpeaking, R(CORE),     \
	  R(VIDEO), 1024, 512, DROP)                                          \
	X(VIDEO_LOAD, cv__video_load, Cv__VideoLoad, R(VIDEO), R(CORE), 64, 4,\
	  COALESCE)                                                           \
	X(CLI_REQUEST, cv__cli_request, Cv__CliRequest, R(CLI), R(CORE),      \
	  1048576, 4, KILL)                                                   \
	X(CLI_REPLY, cv__cli_reply, Cv__CliReply, R(CORE), R(CLI), 1048576,   \
	  1024, KILL)                                                         \
	X(LINK_LOST, cv__link_lost, Cv__LinkLost, R_ALL, R(SUPER), 64, 64,    \
	  DROP)                                                               \
	X(ROLES_OFF, cv__roles_off, Cv__RolesOff, R(CORE), R(SUPER), 64, 1,   \
	  COALESCE)                                                           \
	X(BAN_SET, cv__ban_set, Cv__BanSet, R(CORE),                          \
	  R(BAN) | R(WEB) | R(SIP), 49152, 256, KILL)                         \
	X(BAN_STATE, cv__ban_state, Cv__BanState, R(BAN), R(CORE), 128, 4,    \
	  COALESCE)                                                           \
	X(HTTP_GET, cv__http_get, Cv__HttpGet, R(CORE), R(COURIER), 49152,    \
	  256, DROP)                                                          \
	X(HTTP_RESULT, cv__http_result, Cv__HttpResult, R(COURIER), R(CORE),  \
	  524288, 256, KILL)                                                  \
	X(FACE_LOAD, cv__face_load, Cv__FaceLoad, R(WEB) | R(SIP), R(CORE),   \
	  512, 4, COALESCE)                                                   \
	X(REG, cv__reg, Cv__Reg, R(WEB), R(CORE), 4096, 512, DROP)            \
	X(REG_REPLY, cv__reg_reply, Cv__RegReply, R(CORE), R(WEB), 65536, 512,\
	  KILL)                                                               \
	X(LEG_ACCEPT, cv__leg_accept, Cv__LegAccept, R(CORE), R(MEDIA),       \
	  65536, 1024, KILL)                                                  \
	X(LEG_MOVE, cv__leg_move, Cv__LegMove, R(CORE), R(MEDIA),             \
	  64, 4096, KILL)                                                     \
	X(LEG_PLAY, cv__leg_play, Cv__LegPlay, R(CORE), R(MEDIA),             \
	  256, 4096, KILL)                                                    \
	X(LEG_LOOP, cv__leg_loop, Cv__LegLoop, R(CORE), R(MEDIA),             \
	  64, 1024, KILL)                                                     \
	X(LEG_PLAYED, cv__leg_played, Cv__LegPlayed, R(MEDIA), R(CORE),       \
	  64, 4096, KILL)                                                     \
	X(LEG_DTMF, cv__leg_dtmf, Cv__LegDtmf, R(MEDIA), R(CORE),             \
	  64, 4096, DROP)                                                     \
	X(LEG_SEND_DTMF, cv__leg_send_dtmf, Cv__LegSendDtmf,                  \
	  R(CORE), R(MEDIA), 128,                                             \
	  1024, DROP)                                                         \
	X(LEG_WANT_KEY, cv__leg_want_key, Cv__LegWantKey,                     \
	  R(MEDIA) | R(CORE), R(CORE) | R(MEDIA), 32, 1024, DROP)                                                     \
	X(SIP_INVITE, cv__sip_invite, Cv__SipInvite, R(SIP), R(CORE),         \
	  65536, 1024, DROP)                                                  \
	X(SIP_VERDICT, cv__sip_verdict, Cv__SipVerdict, R(CORE), R(SIP),      \
	  65536, 4096, KILL)                                                  \
	X(SIP_OFFER, cv__sip_offer, Cv__SipOffer,                             \
	  R(SIP) | R(CORE), R(CORE) | R(SIP), 65536,                          \
	  1024, KILL)                                                         \
	X(SIP_OFFER_REPLY, cv__sip_offer_reply, Cv__SipOfferReply,            \
	  R(SIP) | R(CORE), R(CORE) | R(SIP), 65536,                          \
	  1024, KILL)                                                         \
	X(SIP_ACK, cv__sip_ack, Cv__SipAck, R(SIP), R(CORE),                  \
	  65536, 4096, KILL)                                                  \
	X(SIP_INFO, cv__sip_info, Cv__SipInfo,                                \
	  R(SIP) | R(CORE), R(CORE) | R(SIP), 64,                             \
	  1024, DROP)                                                         \
	X(SIP_HANGUP, cv__sip_hangup, Cv__SipHangup, R(CORE), R(SIP),         \
	  256, 16384, KILL)                                                   \
	X(SIP_ENDED, cv__sip_ended, Cv__SipEnded, R(SIP), R(CORE),            \
	  256, 16384, KILL)                                                   \
	X(SIP_REFER, cv__sip_refer, Cv__SipRefer, R(SIP), R(CORE),            \
	  2048, 256, DROP)                                                    \
	X(SIP_REFER_STATE, cv__sip_refer_state, Cv__SipReferState,            \
	  R(CORE), R(SIP), 64,                                                \
	  256, DROP)                                                          \
	X(SIP_SUBSCRIBE, cv__sip_subscribe, Cv__SipSubscribe,                 \
	  R(SIP), R(CORE), 32,                                                \
	  1024, DROP)                                                         \
	X(SIP_ROSTER, cv__sip_roster, Cv__SipRoster, R(CORE), R(SIP),         \
	  262144, 256, DROP)                                                  \
	X(SIP_DIAL, cv__sip_dial, Cv__SipDial, R(CORE), R(SIP),               \
	  65536, 512, KILL)                                                   \
	X(SIP_DIALING, cv__sip_dialing, Cv__SipDialing, R(SIP), R(CORE),      \
	  256, 512, KILL)                                                      \
	X(SIP_PROGRESS, cv__sip_progress, Cv__SipProgress, R(SIP), R(CORE),   \
	  65536, 1024, DROP)                                                  \
	X(SIP_ANSWERED, cv__sip_answered, Cv__SipAnswered, R(SIP), R(CORE),   \
	  65536, 1024, KILL)                                                  \
	X(SIP_REGISTER, cv__sip_register, Cv__SipRegister, R(SIP), R(CORE),   \
	  16384, 1024, DROP)                                                   \
	X(SIP_REGISTERED, cv__sip_registered, Cv__SipRegistered,              \
	  R(CORE), R(SIP), 49152,                                             \
	  1024, KILL)                                                         \
	X(SIP_FLOW_GONE, cv__sip_flow_gone, Cv__SipFlowGone,                  \
	  R(SIP), R(CORE), 16384,                                             \
	  1024, KILL)                                                         \
	X(SIP_SCANNED, cv__sip_scanned, Cv__SipScanned, R(SIP), R(CORE),      \
	  512, 1024, DROP)                                                    \
	X(SIP_CONNECT, cv__sip_connect, Cv__SipConnect, R(SIP), R(CORE),      \
	  512, 256, DROP)                                                     \
	X(SIP_CONNECTED, cv__sip_connected, Cv__SipConnected,                 \
	  R(CORE), R(SIP), 512,                                               \
	  256, KILL)                                                          \
	X(SIP_STATS, cv__sip_stats, Cv__SipStats, R(SIP), R(CORE),            \
	  1024, 4, COALESCE)                                                  \
	X(SIP_LADDER_ASK, cv__sip_ladder_ask, Cv__SipLadderAsk, R(CORE),      \
	  R(SIP), 4096, 8, DROP)                                              \
	X(SIP_LADDER, cv__sip_ladder, Cv__SipLadder, R(SIP), R(CORE),         \
	  65536, 64, DROP)                                                    \
	X(CONNECT, cv__connect, Cv__Connect, R(CORE), R(COURIER),             \
	  512, 256, DROP)                                                     \
	X(CONNECTED, cv__connected, Cv__Connected, R(COURIER), R(CORE),       \
	  512, 256, KILL)                                                     \
	X(LOOKUP, cv__lookup, Cv__Lookup, R(CORE), R(COURIER),                \
	  512, 64, DROP)                                                      \
	X(LOOKED_UP, cv__looked_up, Cv__LookedUp, R(COURIER), R(CORE),        \
	  16384, 64, DROP)                                                    \
	X(LISTEN, cv__listen, Cv__Listen, R(SUPER),                           \
	  R(SIP) | R(KEYS) | R(WEB), 16, 16, KILL)                            \
	X(SIP_TRUNK, cv__sip_trunk, Cv__SipTrunk, R(CORE), R(SIP), 32768,     \
	  1024, KILL)                                                         \
	X(SIP_UNTRUSTED, cv__sip_untrusted, Cv__SipUntrusted, R(SIP), R(CORE),\
	  4096, 256, DROP)                                                    \
	X(CERT_CHECK, cv__cert_check, Cv__CertCheck,                          \
	  R(SIP) | R(WEB) | R(CORE), R(CORE) | R(COURIER), 81920, 256, DROP)  \
	X(CERT_STATUS, cv__cert_status, Cv__CertStatus,                       \
	  R(COURIER) | R(CORE), R(CORE) | R(SIP) | R(WEB), 20480, 256, KILL) \
	X(PRESENTATION, cv__presentation, Cv__Presentation, R(CORE), R(MEDIA),\
	  32768, 1024, KILL)                                                  \
	X(SIP_FLOOR, cv__sip_floor, Cv__SipFloor, R(SIP), R(CORE),            \
	  32, 1024, DROP)                                                     \
	X(SIP_FLOOR_STATE, cv__sip_floor_state, Cv__SipFloorState, R(CORE),   \
	  R(SIP), 640, 16384, KILL)                                           \
	X(LEG_BFCP, cv__leg_bfcp, Cv__LegBfcp, R(MEDIA) | R(CORE),            \
	  R(CORE) | R(MEDIA), 1280, 1024, DROP)                               \
	X(SIP_BFCP, cv__sip_bfcp, Cv__SipBfcp, R(SIP) | R(CORE),              \
	  R(CORE) | R(SIP), 1280, 1024, DROP)                                 \
	X(CERTIFICATE, cv__certificate, Cv__Certificate,                      \
	  R(KEYS) | R(SUPER), R(SUPER) | R(CORE), 256, 16, DROP)              \
	X(CERTIFICATE_RELOAD, cv__certificate_reload, Cv__CertificateReload,  \
	  R(CORE), R(SUPER), 16, 4, DROP)                                     \
	X(LEG_CAMERA, cv__leg_camera, Cv__LegCamera, R(MEDIA) | R(CORE),      \
	  R(CORE) | R(MEDIA), 64, 1024, DROP)

enum ipc_type {
	IPC_NONE = 0,
#define X(name, prefix, type, from, to, max, queue, full) IPC_##name,
	IPC_TABLE(X)
#undef X
	IPC_TYPE_COUNT
};

struct ipc_row {
	const char *name;
	const ProtobufCMessageDescriptor *desc;
	uint32_t from, to;	/* masks of roles */
	uint32_t max_bytes;
	uint32_t queue;
	enum ipc_full full;
};
/* NULL for a type outside the table. */
const struct ipc_row *ipc_row(enum ipc_type t);
/* SHA-256 over the table and every message description. */
void ipc_proto_hash(uint8_t out[32]);
/* The build id compiled in (git commit or a hash of the sources). */
struct span ipc_build_id(void);

struct ipc_chan;

/* `fds` belong to the callee, which must keep or close each. */
typedef void (*ipc_msg_fn)(void *arg, struct ipc_chan *ch, enum ipc_type type,
			   const ProtobufCMessage *msg, const int *fds,
			   size_t n_fds);
/* Called once, from ipc_chan_input/_output/_send. The channel must not be
 * freed inside it: note it and free after the turn. */
typedef void (*ipc_down_fn)(void *arg, struct ipc_chan *ch, int error);
/* Asks the owner's loop to watch for writability. */
typedef void (*ipc_want_fn)(void *arg, struct ipc_chan *ch, bool write);

struct ipc_chan_cfg {
	int fd;				/* ownership goes to the channel */
	enum ipc_role self, peer;
	uint32_t self_instance, peer_instance;
	ipc_msg_fn on_msg;
	ipc_down_fn on_down;
	ipc_want_fn on_want;		/* may be NULL: then poll ipc_chan_wants */
	void *arg;
};

/* Queues our Hello at once. cfg->fd is closed on failure too. */
int  ipc_chan_new(struct ipc_chan **out, const struct ipc_chan_cfg *cfg);
void ipc_chan_free(struct ipc_chan **ch);
int  ipc_chan_fd(const struct ipc_chan *ch);
/* Sets cfg.on_want later, when the owner's events exist. */
void ipc_chan_on_want(struct ipc_chan *ch, ipc_want_fn fn);
enum ipc_role ipc_chan_peer(const struct ipc_chan *ch, uint32_t *instance);
bool ipc_chan_is_up(const struct ipc_chan *ch);	/* Hello received, not down */
bool ipc_chan_wants_write(const struct ipc_chan *ch);

/* Packs and sends or queues. Descriptors are duplicated by the kernel: the
 * caller keeps and closes its own. E_DENIED (table), E_LIMIT (size), E_FULL
 * (dropped), E_CLOSED, E_NOMEM. */
int ipc_chan_send(struct ipc_chan *ch, enum ipc_type type,
		  const ProtobufCMessage *msg, const int *fds, size_t n_fds);
#define ipc_send(ch, TYPE, msg) \
	ipc_chan_send((ch), IPC_##TYPE, &(msg)->base, NULL, 0)

/* Reads and delivers at most `budget` messages; to be called when the fd is
 * readable. 0, or the error with which the channel went down. */
int ipc_chan_input(struct ipc_chan *ch, unsigned budget);
int ipc_chan_output(struct ipc_chan *ch);	/* when writable */

struct ipc_stats {
	uint64_t sent, received, dropped, coalesced;
	uint64_t queued;		/* now */
	uint64_t refused;		/* malformed or not allowed */
};
void ipc_chan_stats(const struct ipc_chan *ch, struct ipc_stats *out);

/* Pure: one whole message body, as the channel would check it. The result
 * lives in `alloc`. Refuses unknown fields at any depth. Fuzz target. */
int ipc_unpack(enum ipc_type type, struct span body, ProtobufCAllocator *alloc,
	       ProtobufCMessage **out);

static inline struct span ipc_bytes(ProtobufCBinaryData b)
{
	return (struct span){b.data, b.len};
}

static inline ProtobufCBinaryData ipc_data(struct span s)
{
	return (ProtobufCBinaryData){.len = s.n, .data = (uint8_t *)(uintptr_t)s.p};
}
