/* sip/net.h - the sockets: datagrams in batches, connections with and without
 * TLS, and what each source may hold.
 *
 * A connection costs its source one of SOURCE_CONNS, its handshake one of
 * SOURCE_HANDSHAKES; new ones come at most at SOURCE_CONN. Absolute deadlines,
 * which no drop of bytes moves: NET_HANDSHAKE_S for TLS, STREAM_MESSAGE_S for
 * a message, NET_FIRST_S until the first whole message; after it NET_IDLE_S
 * of rest, NET_INSIDE_S for who is in a call or registered here. All
 * buffers of connections together hold at most NET_BYTES_MAX.
 *
 * A connection whose certificate may have been revoked waits for the owner's
 * word (net_checked): NET_CHECK_S at most, its bytes stay in the socket, what is
 * to be sent waits. It goes on holding a place for handshakes.
 *
 * Connections have numbers; a number is never used again. Single thread.
 */
#pragma once
#include "sip/face.h"
#include "sip/tls.h"

enum {
	NET_CONNS_MAX = 12000,
	NET_BYTES_MAX = 64 * 1024 * 1024,
	NET_OUT_MAX = 256 * 1024,	/* waiting for one connection */
	NET_HANDSHAKE_S = 10,
	NET_CHECK_S = 10,
	NET_FIRST_S = 30,
	NET_IDLE_S = 300,
	NET_INSIDE_S = 7200,
	NET_BATCH = 32,			/* datagrams in one call */
	NET_TURN_BYTES = 64 * 1024,	/* of one connection in a turn */
};

struct event_base;
struct net;

enum net_check { NET_CHECK_NONE = 0, NET_CHECK_ASKED, NET_CHECK_FAILED };

/* Somebody whose certificate was refused. */
struct net_untrusted {
	struct addr source;
	Cv__SipFault fault;
	struct span names, trunk;
	bool out;
};

struct net_cfg {
	struct event_base *base;
	struct timer_wheel *wheel;
	struct sip_tls *tls;
	struct face *face;
	/* Which source is being parsed for; NULL = none. */
	void (*on_serving)(void *arg, const struct addr *source);
	/* The handshake is over and there is a good certificate: must somebody
	 * be asked about it? FAILED: he should, and cannot be. NULL: no. */
	enum net_check (*check)(void *arg, uint32_t flow, SSL *ssl,
				uint64_t trunk);
	void (*on_untrusted)(void *arg, const struct net_untrusted *u);
	void *arg;
};

int  net_new(struct net **out, const struct net_cfg *cfg);
void net_free(struct net **n);
/* Take over the descriptor, which takes the place of the former one; -1 closes
 * it. */
int  net_listen(struct net *n, bool tls, int fd);
int  net_udp(struct net *n, int fd);

/* For face_ops. */
int  net_send(struct net *n, const struct sip_peer *to, struct span bytes);
int  net_dial(struct net *n, struct face_dial *d, uint64_t now_ns);
bool net_flow(const struct net *n, uint32_t flow, struct sip_peer *out,
	      struct span *names);
/* The proxy whose rules its certificate met, and still would; empty: none. True
 * when its word about who calls is believed. */
bool net_trunk(const struct net *n, uint32_t flow, struct span *name);
/* NONE: it may go on. `why`: constant, for the log. Nothing, if it is gone. */
void net_checked(struct net *n, uint32_t flow, Cv__SipFault fault,
		 const char *why, uint64_t now_ns);
void net_inside(struct net *n, const struct sip_peer *p, bool in);
/* Somebody registered over it for that long, or (0) registers no longer. Of
 * several the longest counts; when one leaves, the others' next message or
 * refresh counts anew. */
void net_registered(struct net *n, const struct sip_peer *p, uint32_t for_s);
uint32_t net_flows(const struct net *n);
