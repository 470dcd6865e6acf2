/* media/transport/path.h - how a datagram came and how an answer goes back:
 * one remote address on our UDP socket (and which of our addresses it hit), one
 * TCP connection, or one remote address on a port of a leg's own. */
#pragma once
#include "base/addr.h"

enum path_kind { PATH_NONE = 0, PATH_UDP, PATH_TCP, PATH_PORT };

struct path {
	enum path_kind kind;
	struct addr peer;
	uint64_t conn;		/* TCP: handle of the connection; PORT: the
				 * descriptor of the socket */
	uint8_t local[16];	/* UDP: our address, v4-mapped; zero = any */
	uint32_t ifindex;	/* UDP: for link-local addresses, else 0 */
	uint8_t dscp;		/* UDP, PORT: of what is sent there, 0..63 */
};

enum { PATH_KEY_LEN = 27 };

/* The local address is no part of the identity: a peer that sees us under two
 * addresses is one peer. */
static inline void path_key(const struct path *p, uint8_t out[PATH_KEY_LEN])
{
	out[0] = (uint8_t)p->kind;
	memcpy(out + 1, p->peer.ip, 16);
	memcpy(out + 17, &p->peer.port, 2);
	memcpy(out + 19, &p->conn, 8);
}

static inline bool path_eq(const struct path *a, const struct path *b)
{
	return a->kind == b->kind && a->conn == b->conn &&
	       addr_eq(&a->peer, &b->peer);
}
