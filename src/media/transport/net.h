/* media/transport/net.h - the worker's sockets: one dual-stack UDP socket in
 * batches, passive ICE-TCP with RFC 4571 frames, and UDP sockets of legs
 * without ICE (ports.h makes them).
 *
 * The caller's callback gets each datagram with the path it came by; the bytes
 * may be changed in place (NET_PACKET_MAX are there) until the callback
 * returns. Sending writes into a slot of the batch: reserve, fill, commit; the
 * batch leaves when it is full or with net_flush(). What the kernel does not
 * take at once is dropped and counted: media that waits is worthless. A TCP
 * connection keeps what it could not write up to NET_TCP_QUEUE_MAX bytes.
 *
 * A TCP connection that did not authenticate (net_trust) within
 * NET_TCP_TRUST_S is closed, an idle one after NET_TCP_IDLE_S. Their number is
 * bounded, also per source (addr_is_same_source).
 *
 * No allocation while datagrams pass; accepting allocates one block. Not
 * thread safe.
 */
#pragma once
#include "media/loop.h"
#include "media/transport/path.h"

enum {
	NET_BATCH = 64,
	NET_PACKET_MAX = 1500,		/* larger datagrams are dropped */
	NET_TURN_MAX = 8,		/* receive batches in one loop turn */
	NET_TCP_MAX = 512,
	NET_TCP_PER_SOURCE_MAX = 64,
	NET_TCP_QUEUE_MAX = 64 * 1024,
	NET_TCP_TRUST_S = 10,
	NET_TCP_IDLE_S = 60,
};

struct net;

typedef void (*net_packet_fn)(void *arg, const struct path *from,
			      uint8_t *bytes, size_t n, uint64_t now_ns);
/* The TCP connection of this path is gone. */
typedef void (*net_gone_fn)(void *arg, const struct path *path);

struct net_cfg {
	struct loop *loop;
	int udp_fd, tcp_fd;		/* -1 = none; ownership goes over */
	net_packet_fn on_packet;
	net_gone_fn on_gone;
	void *arg;
};

/* Sets the options of the sockets, so before the sandbox closes. The
 * descriptors are closed on failure too. E_NOMEM, E_SYS. */
int  net_new(struct net **out, const struct net_cfg *cfg);
void net_free(struct net **net);

/* A slot of NET_PACKET_MAX bytes; never NULL. Without net_commit() it is
 * simply used again. */
uint8_t *net_reserve(struct net *net);
void net_commit(struct net *net, const struct path *to, size_t n);
void net_flush(struct net *net);

/* A socket of one leg's own, embedded by its owner. */
struct net_socket {
	struct watch watch;		/* fd -1 = closed */
	struct net *net;
	net_packet_fn on_packet;
	void *arg;
};
/* Takes the descriptor (UDP, bound, AF_INET6); it is closed on failure, too.
 * Packets come with a path of kind PATH_PORT. E_SYS. */
int  net_socket_open(struct net_socket *s, struct net *net, int fd,
		     net_packet_fn on_packet, void *arg);
/* What was committed to it leaves before. Safe in its own callback, and for
 * one that was never opened when its fd is -1. */
void net_socket_close(struct net_socket *s);

/* The connection of this path authenticated. */
void net_trust(struct net *net, const struct path *path);
/* A path whose leg is gone: closes a TCP connection, forgets nothing else. */
void net_close(struct net *net, const struct path *path);
/* Deadlines of TCP connections; about once a second. */
void net_sweep(struct net *net, uint64_t now_ns);

struct net_stats {
	uint64_t received, sent, oversized, send_dropped;
	uint64_t tcp_accepted, tcp_refused, tcp_expired, tcp_dropped;
	uint32_t tcp_open;
};
void net_get_stats(const struct net *net, struct net_stats *out);

/* Local addresses for candidates, best first: not loopback, not link-local,
 * v4 before v6; loopback when `loopback` or when there is nothing else.
 * Before the sandbox closes. Returns the number. */
size_t net_local_addresses(struct addr *out, size_t cap, bool loopback);
/* The port that a socket is bound to, 0 when it is none. */
uint16_t net_port(int fd);
