/* http/conn.h - one connection; private to http/. */
#pragma once
#include "base/handle.h"
#include "base/list.h"
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
	struct addr source;
	enum conn_state state;
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

struct http_server {
	struct http_server_cfg cfg;
	struct list conns, dead;
	struct handles *handles;
	struct event *reap;
	struct {
		struct event *ev;
		int fd;
	} listen[HTTP_LISTENERS_MAX];
	size_t n_listen;
	struct timer accept_pause;
	struct http_stats stats;
};

/* Takes over fd, which is closed on failure too. The source was admitted. */
int  conn_new(struct http_server *s, int fd, const struct addr *source,
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
