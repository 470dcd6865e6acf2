/* sip/face.h - SIP on one side, core's messages on the other. No socket, clock
 * or event loop in here: messages come in with the time, go out by functions
 * of the owner. Tests and the fuzz target drive it with a fake core and fake
 * connections.
 *
 * In:  whole messages (a datagram, or what sip_frame() measured), news of
 *      connections, messages of core.
 * Out: ops->send() to a peer, ops->tell() to core, ops->dial() for a
 *      connection that core had made for us, ops->shut() to end one.
 *
 * Not thread safe. Nothing that ended is freed inside a call that may still
 * use it, but when the call that came from outside returns.
 */
#pragma once
#include "base/arena.h"
#include "base/timer.h"
#include "ipc/ipc.h"
#include "sip/peer.h"
#include "sip/stats.h"

enum {
	FACE_CALLS_MAX = 20000,
	FACE_ASKED_MAX = 1024,		/* INVITEs that core has not judged */
	FACE_REGS_MAX = 1024,		/* REGISTERs, likewise */
	FACE_SUBS_MAX = 2000,		/* subscriptions, one a call */
	FACE_DIALS_MAX = 512,		/* connections core makes for us */
	FACE_NAME_MAX = 250,
	FACE_REALM_MAX = 128,
	FACE_OWN_MAX = 32,
	FACE_RETRY_S = 5,		/* Retry-After of a 503 */
	FACE_SESSION_S = 1800, FACE_SESSION_MIN_S = 90,
	FACE_VERDICT_S = 30,		/* core must have said something */
	FACE_RING_S = 180,
	FACE_HURRY_MS = 200,		/* then 100 Trying goes out */
};

/* What the certificate of a TLS connection is to be held against. */
struct face_dial {
	struct sip_peer peer;		/* flow is filled in by dial() */
	int fd;				/* connected; ownership goes over */
	struct span name;		/* certificate and SNI; not kept */
	struct span trunk;		/* name of the sip_proxy; not kept */
	bool verify;
};

/* The o= line of what we write, and our description before it, or empty: an
 * offer keeps its sections where they were. */
struct face_session {
	uint64_t id, version;
	const struct addr *local;
	struct span last;
};

struct face_ops {
	/* 0, or E_*: E_CLOSED when the connection is gone. */
	int (*send)(void *arg, const struct sip_peer *to, struct span bytes);
	int (*tell)(void *arg, enum ipc_type type, const ProtobufCMessage *m);
	/* Adopts a connection; it may be used to send at once. */
	int (*dial)(void *arg, struct face_dial *d, uint64_t now_ns);
	/* Closes a descriptor that came and is not wanted. */
	void (*shut)(void *arg, int fd);
	/* May something be sent to this address? (base/outguard.h) */
	bool (*may_send)(void *arg, const struct addr *a, bool literal);
	/* Is the connection there? Its peer and its verified names. */
	bool (*flow)(void *arg, uint32_t flow, struct sip_peer *out,
		     struct span *names);
	/* The sip_proxy whose rules the connection's certificate met, or empty.
	 * True: its P-Asserted-Identity is believed. May be NULL. */
	bool (*trunk)(void *arg, uint32_t flow, struct span *name);
	/* Somebody in a call uses it: it may rest longer. */
	void (*inside)(void *arg, const struct sip_peer *p, bool in);
	/* So may one over which somebody registered, for that long; 0 = no
	 * longer. */
	void (*registered)(void *arg, const struct sip_peer *p, uint32_t for_s);
	/* For the ladder of a call alone; may be NULL. */
	int64_t (*wall_us)(void);
	/* SDP <-> the neutral description; see sip/offer.h. */
	/* `ours` is the offer of ours that it answers, or empty. */
	int (*sdp_read)(void *arg, struct span sdp, struct span ours,
			const struct sip_peer *from, struct arena *a,
			Cv__LegDescription **out, const char **why);
	/* `offer` empty: what is written is an offer. */
	int (*sdp_write)(void *arg, struct span offer,
			 const Cv__LegDescription *d,
			 const struct face_session *s, struct arena *a,
			 struct span *out);
	void (*sdp_wipe)(Cv__LegDescription *d);
	void *arg;
};

struct face_cfg {
	struct timer_wheel *wheel;
	struct face_ops ops;
};

/* What settings say; the defaults are the safe ones. */
struct face_settings {
	char realm[FACE_REALM_MAX + 1];
	/* No location lets guests in: strangers are challenged without core
	 * being asked, whatever they want. */
	bool challenge_first;
	bool silence;			/* nobody unknown gets an answer */
	/* Advertised. Whoever reached one of them, or loopback, is told that
	 * one; others the first of the family. */
	struct addr own[FACE_OWN_MAX];
	size_t n_own;
	uint16_t tls_port, clear_port;
	/* BFCP over connections: is the clear port open for TCP? The SHA-256 of
	 * the certificate that our TLS port shows. */
	bool is_tcp_open, has_fingerprint;
	uint8_t fingerprint[32];
};

struct face;

int  face_new(struct face **out, const struct face_cfg *cfg, uint64_t now_ns);
void face_free(struct face **f);
struct face_settings *face_settings(struct face *f);

/* Per source and in all: the owner holds connections and handshakes against
 * them before it accepts. */
struct sources;
struct source_limits;
struct sources *face_sources(struct face *f);
void face_limits(struct face *f, const struct source_limits *l,
		 uint64_t now_ns);
bool face_bans(const struct face *f, const struct addr *a, uint64_t now_ns);

/* One datagram: bans, the soft filter and rates come before anything is
 * parsed, and what they drop gets silence. */
void face_datagram(struct face *f, const struct sip_peer *from,
		   struct span bytes, uint64_t now_ns);
/* One whole message of a stream. */
void face_message(struct face *f, const struct sip_peer *from,
		  struct span bytes, uint64_t now_ns);
/* One whole message of a connection that speaks BFCP (RFC 8855). False: it is
 * of no call of ours, and the connection ends. */
bool face_bfcp(struct face *f, const struct sip_peer *from,
	       struct span message, uint64_t now_ns);
/* A connection of ours is ready (handshake done, names checked); one is gone:
 * core hears of it when somebody inside used it. */
void face_flow_up(struct face *f, uint32_t flow, uint64_t now_ns);
void face_flow_gone(struct face *f, uint32_t flow, Cv__SipEnd why,
		    bool was_inside, uint64_t now_ns);

/* A message of core's. Descriptors belong to the callee. */
void face_core(struct face *f, enum ipc_type type, const ProtobufCMessage *m,
	       const int *fds, size_t n_fds, uint64_t now_ns);
/* The channel to core came or went: calls that core does not know end. */
void face_core_up(struct face *f, bool up, uint64_t now_ns);
/* After timers fired. */
void face_turn(struct face *f);
/* Each second: tells what was gathered about scanners, how full we are, and
 * the counters. */
void face_second(struct face *f, uint32_t flows, uint32_t flows_max,
		 uint32_t cpu_permille, uint64_t now_ns);

uint64_t face_count(const struct face *f, enum sip_counter n);
void face_add(struct face *f, enum sip_counter n);
/* Somebody scans: told to core, coalesced by source. */
void face_scanned(struct face *f, const struct sip_peer *from, Cv__SipScan kind,
		  struct span user_agent);
size_t face_calls(const struct face *f);
