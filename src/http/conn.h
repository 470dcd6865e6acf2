/* http/conn.h - one connection; private to http/. */
#pragma once
#include "base/handle.h"
#include "base/list.h"
#include "http/pass.h"
#include "http/server.h"

struct bufferevent;
struct evbuffer;
struct event;

enum conn_state {
	CONN_HANDSHAKE = 0,	/* TLS is being negotiated */
	CONN_IDLE,		/* waits for the first byte of a request */
	CONN_REQUEST,		/* has a part of a request */
	CONN_HANDLER,		/* the owner will answer */
	CONN_DELAYED,		/* the answer waits for its time */
	CONN_DRAIN,		/* the answer is being taken */
	CONN_STREAM,		/* event stream */
	CONN_STREAM_END,	/* what is queued goes out, then close */
	CONN_LINGER,		/* we have closed; reads and forgets */
	CONN_DEAD,
	CONN_STATE_COUNT
};

struct conn {
	struct list at;
	struct http_server *s;
	struct bufferevent *bev;
	struct addr peer;	/* of TCP: holds a place in the source table */
	struct addr local;	/* that he came to */
	struct addr source;	/* who asks; the peer, or told by a proxy */
	enum conn_state state;
	uint64_t since_ns;	/* in this state */
	struct list order;	/* on one of the server's, if it may be cut */
	struct list in_source;	/* likewise, while it has proved nothing */
	size_t charged;		/* of the budget */
	bool via_proxy;		/* the peer is a trusted proxy */
	bool is_proven;		/* a token that core gave came over it */
	bool is_served;		/* had an answer */
	bool is_handshake;	/* counted as one */
	uint64_t holder;	/* of the passes it was given, 0 */
	bool is_proxied;	/* this request: source was told by the peer */
	enum http_standing standing; /* of this request */
	uint8_t dscp;		/* of its packets */
	struct timer deadline;
	struct timer ping;
	uint64_t id;		/* live request or stream, 0 = none */
	uint64_t gone_id;	/* to be told to the owner when reaped */
	size_t scanned, head_len, body_len;
	struct evbuffer *held;	/* the delayed answer */
	size_t junk;		/* bytes received on a stream */
	uint64_t stalled_ns;	/* since when output did not drain, 0 */
	bool close, is_head;
};

/* Who may be cut to make room, oldest state first. */
enum conn_order { ORDER_HANDSHAKE = 0, ORDER_UNPROVEN, ORDER_PROVEN,
		  ORDER_COUNT };

struct http_server {
	struct http_server_cfg cfg;
	struct list conns, dead;
	struct list order[ORDER_COUNT];
	size_t charged;		/* bytes of all connections */
	uint32_t proxy_conns;
	struct handles *handles;
	struct event *reap;
	struct {
		struct event *ev;
		int fd;
	} listen[HTTP_LISTENERS_MAX];
	size_t n_listen;
	struct timer accept_pause;
	struct list hall;	/* oldest first */
	struct timer hall_clock;
	struct pass_key pass_key;
	struct http_stats stats;
};

struct conn_start {
	int fd;
	struct addr peer;
	bool via_proxy;
	uint64_t holder;	/* whose pass let it in, or 0 */
};

/* Takes over fd, which is closed on failure too. The peer was admitted and
 * holds its places; after a failure he still does. */
int  conn_new(struct http_server *s, const struct conn_start *how,
	      uint64_t now_ns);
/* Stops everything now; memory goes after the turn of the loop. */
void conn_close(struct conn *c);
/* Only from the reaper or when the server ends. */
void conn_free(struct conn *c);
struct conn *conn_find(struct http_server *s, uint64_t id);
int  conn_answer(struct conn *c, const struct http_answer *a, uint64_t now_ns);
int  conn_stream_begin(struct conn *c, const struct http_field *extra,
		       size_t n_extra, uint64_t now_ns);
int  conn_stream_write(struct conn *c, struct span data, uint64_t now_ns);
int  conn_stream_end(struct conn *c, uint64_t now_ns);
int  conn_mark(struct conn *c, uint8_t dscp);

/* --- who comes first (loop.c) -------------------------------------------- */

/* After each change of state, and of is_proven. */
void loop_rank(struct conn *c);
void loop_rank_listener(struct event *ev);

/* --- making room (room.c) ------------------------------------------------ */

/* After each change of state, and of is_proven. */
void room_sort(struct conn *c);
/* What the connection's buffers hold now. May close others or, when nobody
 * else can make room, c itself: to be called last. */
void room_charge(struct conn *c, uint64_t now_ns);
/* It is closing. */
void room_forget(struct conn *c);
/* Closes the idlest that has proved nothing, else the idlest of the others.
 * False: nobody may be cut yet. */
bool room_make(struct http_server *s, uint64_t now_ns);
/* The oldest handshake, if it is stuck. */
bool room_make_handshake(struct http_server *s, uint64_t now_ns);
/* The same among one source's connections: `handshakes` only, or any that
 * have proved nothing, and had their grace_ms. */
bool room_make_of(struct http_server *s, const struct addr *peer,
		  bool handshakes, uint32_t grace_ms, uint64_t now_ns);

/* --- who may have a pass (hall.c) ----------------------------------------- */

void hall_init(struct http_server *s);
void hall_release(struct http_server *s);
/* Takes over fd, of somebody whom enter() refused. */
void hall_enter(struct http_server *s, int fd, const struct addr *peer,
		uint64_t now_ns);
/* server.c: his pass is good; takes over fd. */
void server_admit_holder(struct http_server *s, int fd,
			 const struct addr *peer, uint64_t holder,
			 uint64_t now_ns);
/* For SSL_CTX_set_generate_session_id: a pass, or random bytes. */
int  conn_session_id(SSL *ssl, unsigned char *id, unsigned int *id_n);
