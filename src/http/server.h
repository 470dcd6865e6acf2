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
 * Room. When connections or bytes_max are used up, the one that has been
 * longest in its present step makes room: first among those that have proved
 * nothing, then among the others, never a request that the owner has, nor an
 * answer on its way out of a handler, nor a stream (they have limits of their
 * own). Who has had less than grace_ms for his step is not cut; the newcomer
 * is refused then. The same inside one source's share. bytes_max counts what
 * clients sent and was not yet taken, and a flat sum for each connection that
 * has proved nothing; answers to them are small, or not copied.
 *
 * Passes. A client that proved itself over TLS 1.3 is given passes
 * (http/pass.h). Where people inside are (SOURCE_SESSIONS of the source table),
 * a connection that its address has no token or place left for is not closed
 * yet: whose ClientHello shows a pass that on_pass() calls good takes nothing
 * from that address's share, and of its strangers the one that waits longest
 * makes room for him. A hello is looked at only then, unread, within
 * HTTP_HELLO_MS and in HTTP_HALL_MAX places.
 *
 * A trusted proxy's connections are not held against a source: they have a
 * cap of their own, and each request is counted to the source that the proxy
 * names (http/forward.h).
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
#include "http/forward.h"
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
	/* Nobody is cut, to make room, who has had less than this for his
	 * present step: under a flood the newcomer is refused then, not the
	 * one before him. */
	HTTP_GRACE_MS = 1000,
	HTTP_HALL_MAX = 512,		/* who may still show a pass */
	HTTP_HELLO_MS = 2000,		/* within this, */
	HTTP_HELLO_MAX = 4096,		/* in a ClientHello of this size */
	HTTP_PASSES = 2,		/* given at once: browsers keep two */
};

/* How a request stands before it costs anything. */
enum http_standing {
	HTTP_STRANGER = 0,
	HTTP_PROOF,		/* shows what may be a proof */
	HTTP_INSIDE,		/* shows a token that is known to be good */
	HTTP_TOO_FAST,		/* inside, but refused: 503 */
};

struct http_request {
	uint64_t id;			/* the handle */
	const struct http_head *head;	/* gone after the callback, */
	struct span body;		/* as is this */
	struct addr source;
	bool is_proxied;		/* a trusted proxy told the source */
	struct addr local;		/* our address that he came to */
	enum http_standing standing;
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
	bool proves;			/* who gets this is no stranger */
	uint64_t holder;		/* then: he gets passes, see below */
};

typedef void (*http_request_fn)(void *arg, const struct http_request *req);
typedef void (*http_gone_fn)(void *arg, uint64_t id);
/* Which source is being parsed for; NULL = none (role_serving), also while a
 * proxy's head is read. */
typedef void (*http_serving_fn)(void *arg, const struct addr *source);
/* A new connection, or a request that a proxy brings: may this source in?
 * Asked before TLS; false closes without a word (503 over a proxy). */
typedef bool (*http_admit_fn)(void *arg, const struct addr *source,
			      uint64_t now_ns);
/* Asked once the head is read, before the limits and before the body. For
 * HTTP_INSIDE *holder (0 before) may say for whom the client gets passes. */
typedef enum http_standing (*http_standing_fn)(void *arg,
					       const struct http_head *head,
					       const struct addr *source,
					       uint64_t now_ns,
					       uint64_t *holder);
/* Somebody showed a pass of this holder: is it still good, and has he a
 * connection left? Takes one from him. */
typedef bool (*http_pass_fn)(void *arg, uint64_t holder, uint64_t now_ns);

struct http_server_cfg {
	struct event_base *base;
	struct timer_wheel *wheel;	/* borrowed, as all below */
	struct http_tls *tls;		/* NULL: plain */
	const struct http_hosts *hosts;
	struct sources *sources;	/* may be shared by servers */
	const struct http_proxies *proxies; /* NULL = none; may change */
	uint32_t conns_max;		/* of this server */
	uint32_t proxy_conns_max;	/* of them, for all proxies together */
	size_t bytes_max;		/* for buffers, see below */
	uint32_t grace_ms;		/* usually HTTP_GRACE_MS */
	http_request_fn on_request;
	http_gone_fn on_gone;		/* may be NULL */
	http_serving_fn on_serving;	/* may be NULL */
	http_admit_fn on_admit;		/* may be NULL: everybody */
	http_standing_fn on_standing;	/* may be NULL: all are strangers */
	http_pass_fn on_pass;		/* may be NULL: there are no passes */
	void *arg;
};

/* What the server may take in total. */
struct http_room {
	uint32_t conns_max, proxy_conns_max;
	size_t bytes_max;
	uint32_t grace_ms;
};

enum http_phase { HTTP_PHASE_HANDSHAKE = 0, HTTP_PHASE_REQUEST,
		  HTTP_PHASE_IDLE, HTTP_PHASE_HANDLER, HTTP_PHASE_DRAIN,
		  HTTP_PHASE_COUNT };

struct http_stats {
	uint32_t conns, streams;	/* now */
	uint64_t accepted, refused_full, refused_source, accept_errors;
	uint64_t refused_handshakes, refused_banned, refused_proxy;
	uint64_t looked, passed;	/* for a pass; some were refused_* */
	uint32_t hall;			/* now */
	uint64_t evicted, bad_forwarded;
	uint64_t handshakes, handshake_failed;
	uint64_t requests, bad_requests, bad_hosts, too_fast;
	uint64_t deadline[HTTP_PHASE_COUNT];
	uint64_t stream_overflow, stream_stalled, handler_timeouts;
};

struct http_server;

/* A loop that serves people inside before strangers, and both before new
 * connections, each as far as the one before it leaves time. Others work, too,
 * in the order in which things happen. NULL: out of memory. Freed with
 * event_base_free(). */
struct event_base *http_loop_new(void);
int  http_server_new(struct http_server **out,
		     const struct http_server_cfg *cfg);
/* Closes every connection, without on_gone. */
void http_server_free(struct http_server **s);
/* Serves a listening socket, non-blocking; ownership of fd goes over. */
int  http_server_listen(struct http_server *s, int fd);
void http_server_set_hosts(struct http_server *s, const struct http_hosts *h);
void http_server_set_room(struct http_server *s, const struct http_room *r);
/* For who comes from now on; sessions keep what they have. The former may be
 * freed. Only for a server that was made with TLS. */
void http_server_set_tls(struct http_server *s, struct http_tls *tls);
void http_server_stats(const struct http_server *s, struct http_stats *out);

/* All of these: E_NOTFOUND for a stale handle. */
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
/* DSCP of this connection's packets from now on, 0..63 (RFC 2474): it stays
 * for later requests, until it is marked otherwise. A proxy's connection
 * serves others, too, and is left alone. E_SYS. */
int http_mark(struct http_server *s, uint64_t id, uint8_t dscp);
