/* http/server.h - an HTTP/1.1 server over TLS (or plain, to redirect).
 *
 * Why not evhttp: it accepts sockets itself (no limit before the handshake),
 * merges and folds header fields before a handler can refuse them, and its
 * timers restart with each byte. This server keeps libevent's loop, buffers
 * and bufferevent_openssl, and puts http/head.h in front.
 *
 * Order on one connection: admitted by the source table, TLS handshake, then
 * one request at a time (what a client pipelines waits, unread, in bounded
 * buffers). Each phase has an absolute deadline that no drip of bytes moves:
 * HTTP_HANDSHAKE_S, HTTP_REQUEST_S (head and body), HTTP_IDLE_S (between
 * requests), HTTP_HANDLER_S (the handler's answer, then 504), HTTP_DRAIN_S
 * (the client must have taken the answer).
 *
 * A request is a handle (0 is none) that stays valid until it is answered;
 * when the connection dies earlier, on_gone names it. An answer for a stale
 * handle is E_NOTFOUND and harmless. Begun as an event stream, the handle
 * lives on until the stream ends, for which on_gone is called too.
 *
 * Every answer carries the security headers of server.c and no banner.
 *
 * No callback runs inside a call made by the owner, except on_request from
 * the loop. Single thread, one event_base; `now` comes from clock_mono_ns()
 * once per loop callback.
 */
#pragma once
#include "base/addr.h"
#include "base/timer.h"
#include "http/head.h"
#include "http/host.h"
#include "http/source.h"
#include "http/tls.h"

struct event_base;

enum {
	HTTP_HANDSHAKE_S = 10,
	HTTP_REQUEST_S = 20,
	HTTP_IDLE_S = 60,
	HTTP_HANDLER_S = 40,
	HTTP_DRAIN_S = 60,
	HTTP_LINGER_S = 2,		/* lets a refused client read why */
	HTTP_STREAM_STALL_S = 60,	/* a stream that takes nothing */
	HTTP_PING_S = 12,		/* comment on a quiet stream */
	HTTP_BODY_MAX = 96 * 1024,
	HTTP_STREAM_QUEUE_MAX = 512 * 1024, /* unsent bytes of one stream */
	HTTP_STREAM_INPUT_MAX = 4096,	/* bytes a client may send on one */
	HTTP_CONNS_MAX = 16384,		/* upper bound of the setting */
	HTTP_ACCEPT_BURST = 64,		/* per turn of the loop */
	HTTP_LISTENERS_MAX = 4,
	HTTP_DELAY_MAX_MS = 5000,
};

struct http_request {
	uint64_t id;			/* the handle */
	const struct http_head *head;	/* gone after the callback, */
	struct span body;		/* as is this */
	struct addr source;
	uint64_t now_ns;
};

struct http_answer {
	unsigned status;
	const char *type;		/* NULL: no body */
	struct span body;		/* copied, unless: */
	bool body_stays;		/* it outlives the server */
	const char *cache;		/* Cache-Control; NULL = no-store */
	const struct http_field *extra;	/* further fields, ours only */
	size_t n_extra;
	uint32_t delay_ms;		/* answer later (HTTP_DELAY_MAX_MS) */
	bool close;			/* and close the connection */
};

typedef void (*http_request_fn)(void *arg, const struct http_request *req);
typedef void (*http_gone_fn)(void *arg, uint64_t id);
/* Which source is being parsed for; NULL = none (role_serving). */
typedef void (*http_serving_fn)(void *arg, const struct addr *source);

struct http_server_cfg {
	struct event_base *base;
	struct timer_wheel *wheel;	/* borrowed, as all below */
	struct http_tls *tls;		/* NULL: plain */
	const struct http_hosts *hosts;
	struct sources *sources;	/* may be shared by servers */
	uint32_t conns_max;		/* of this server */
	http_request_fn on_request;
	http_gone_fn on_gone;		/* may be NULL */
	http_serving_fn on_serving;	/* may be NULL */
	void *arg;
};

struct http_stats {
	uint32_t conns, streams;	/* now */
	uint64_t accepted, refused_full, refused_source, accept_errors;
	uint64_t handshakes, handshake_failed;
	uint64_t requests, bad_requests, bad_hosts, too_fast;
	uint64_t deadline[5];		/* by enum http_phase */
	uint64_t stream_overflow, stream_stalled, handler_timeouts;
};
enum http_phase { HTTP_PHASE_HANDSHAKE = 0, HTTP_PHASE_REQUEST,
		  HTTP_PHASE_IDLE, HTTP_PHASE_HANDLER, HTTP_PHASE_DRAIN };

struct http_server;

int  http_server_new(struct http_server **out,
		     const struct http_server_cfg *cfg);
/* Closes every connection, without on_gone. */
void http_server_free(struct http_server **s);
/* Serves a listening socket, non-blocking; ownership of fd goes over. */
int  http_server_listen(struct http_server *s, int fd);
void http_server_set_hosts(struct http_server *s, const struct http_hosts *h);
void http_server_set_conns(struct http_server *s, uint32_t conns_max);
void http_server_stats(const struct http_server *s, struct http_stats *out);

/* All four: E_NOTFOUND for a stale handle. */
int http_reply(struct http_server *s, uint64_t id,
	       const struct http_answer *a);
/* Answers 200 text/event-stream and keeps the connection. */
int http_stream_begin(struct http_server *s, uint64_t id,
		      const struct http_field *extra, size_t n_extra);
/* E_FULL: the client does not keep up and loses the stream (on_gone follows).
 * E_STATE: not a stream. */
int http_stream_write(struct http_server *s, uint64_t id, struct span data);
/* Sends what is queued, then closes; on_gone follows. */
int http_stream_end(struct http_server *s, uint64_t id);
