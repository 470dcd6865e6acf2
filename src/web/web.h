/* web/web.h - the parts of conclave-web and what they share; private.
 *
 *	api.c     a request becomes a message to core
 *	reply.c   core's answer becomes an HTTP answer
 *	link.c    the channel to core: requests in flight, requests waiting
 *	stream.c  event streams
 *	reg.c     registrations of apps
 *	session.c whose tokens are good: who is inside
 *	bans.c    sources to refuse
 *	load.c    how full we are, told to core
 *	files.c   the meeting page's files
 *	settings.c what core and super tell us about ourselves
 *
 * Single thread. Nothing here decides who may do what: core does, by the
 * token that travels with each message.
 */
#pragma once
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/timer.h"
#include "http/path.h"
#include "http/server.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"
#include "ipc/web.pb-c.h"
#include "http/bans.h"
#include "web/files.h"
#include "web/json/out.h"
#include "web/route.h"
#include "web/session.h"

struct event_base;

enum {
	WEB_PENDING_MAX = 4096,		/* requests at core */
	WEB_WAITING_MAX = 512,		/* requests held while core is away */
	WEB_WAIT_S = 3,			/* for so long */
	WEB_HOLD_S = 35,		/* core may let a newcomer wait so long */
	WEB_PENDING_S = 45,		/* longer than HTTP_HANDLER_S */
	WEB_JOINS_MAX = WEB_PENDING_MAX / 2, /* of those, joins: people inside
					 * must find place beside them */
	WEB_STREAMS_MAX = HTTP_CONNS_MAX,
	WEB_RESYNC_BURST = 256,		/* streams told to a new core at once */
	WEB_RESYNC_MS = 10,
	WEB_SWEEP_MS = 250,
	WEB_REFRESH_DELAY_MS = 1000,	/* see reply.c */
	WEB_TOKEN_MAX = 256,
	WEB_ORIGIN_MAX = 256,
	WEB_ORIGINS_MAX = 4096,		/* bytes of the setting */
	WEB_NAME_MAX = 250,
	WEB_PIN_MAX = 32,
	WEB_AGENT_MAX = 256,
	WEB_TEXT_MAX = 16384,
	WEB_TYPE_MAX = 128,
	WEB_OVERLAY_MAX = 250,
	WEB_INVITATION_MAX = 64,
	WEB_REASON_MAX = 250,
	WEB_LOAD_MS = 250,		/* FACE_LOAD at most so often */
	WEB_BANS_SWEEP_MS = 60000,
	/* After a start nobody is known to be inside: people behind a banned
	 * address must be able to come back. */
	WEB_BANS_GRACE_S = 30,
};
_Static_assert((int)WEB_HOLD_S < (int)HTTP_HANDLER_S &&
	       (int)HTTP_HANDLER_S < (int)WEB_PENDING_S,
	       "a held join must be answered before the face gives up");

/* Where an answer goes. `origin` is empty or one that may read it. */
struct reply_to {
	uint64_t http;
	char origin[WEB_ORIGIN_MAX + 1];
};

struct pending {
	struct list at;			/* link.in_flight or link.waiting */
	uint32_t req;
	uint64_t since_ns;
	struct reply_to to;
	const struct route_row *row;
	struct addr source;
	bool annotate;			/* available_layouts */
	bool claims;			/* joins: it showed some proof */
	uint8_t token_key[WEB_TOKEN_KEY]; /* of commands and calls */
	uint8_t *offer;			/* calls, update: the SDP */
	size_t offer_n;
	enum ipc_type type;		/* while waiting: */
	uint8_t *packed;		/* may hold a token or PIN */
	size_t packed_n;
};

struct web;

struct link {
	struct ipc_ev *ev;		/* NULL while core is away */
	uint32_t peer;			/* core's instance */
	struct list in_flight, waiting;	/* oldest first */
	struct map *by_req;
	size_t n_waiting, n_joins;
	uint32_t last_req;
	uint64_t away, dropped, late, unknown;
};

int  link_init(struct web *w);
void link_release(struct web *w);
void link_attach(struct web *w, uint32_t instance, int fd);
bool link_is_up(const struct web *w);
/* A request of ours, with its number in ->req. NULL: the client has been
 * answered. Give it to link_ask(), or free it with link_drop(). */
struct pending *link_pending(struct web *w, const struct route_row *row,
			     const struct reply_to *to,
			     const struct http_request *req);
/* Takes p over: the client is answered sooner or later, whatever happens. */
void link_ask(struct web *w, struct pending *p, enum ipc_type type,
	      const ProtobufCMessage *msg);
void link_drop(struct web *w, struct pending *p);
void link_sweep(struct web *w, uint64_t now_ns);
int  link_send(struct web *w, enum ipc_type type, const ProtobufCMessage *msg);
#define ipc_send_to_core(w, TYPE, m) \
	link_send((w), IPC_##TYPE, &(m)->base)

struct streams {
	struct map *by_id, *by_http;
	struct list all;
	struct timer resync;
	uint32_t last_id;
	uint64_t opened, refused, unknown, resynced;
};

int  streams_init(struct web *w);
void streams_release(struct web *w);
/* `of_registration`: the alias and token are those of one. */
void streams_open(struct web *w, const struct reply_to *to, struct span alias,
		  struct span token, const struct addr *source,
		  bool of_registration, uint64_t now_ns);
void streams_on_reply(struct web *w, const Cv__StreamReply *m);
void streams_on_close(struct web *w, const Cv__StreamClose *m);
void streams_on_event(struct web *w, const Cv__Event *m);
/* The client went away. */
void streams_on_gone(struct web *w, uint64_t http);
/* Core came back: every stream is told to it anew, with its latest token. */
void streams_on_link(struct web *w);
void streams_on_link_lost(struct web *w);
void streams_sweep(struct web *w, uint64_t now_ns);

struct sessions {
	struct map *by_key;
	struct handles *by_id;
	uint32_t n;
	uint64_t full, too_fast;
};

/* How full we are (FACE_LOAD). */
struct load {
	uint64_t sent_ns;
	uint64_t cpu_us, cpu_ns;	/* at the last look */
	uint32_t cpu_permille;
	uint8_t last[512];		/* what was told, packed */
	size_t last_n;
	uint64_t joins, writes, streams;	/* refused by us */
};

/* Tells core when something changed; each WEB_SWEEP_MS. */
void load_tell(struct web *w, uint64_t now_ns);
/* A new channel: core knows nothing yet. */
void load_forget(struct web *w);

/* Answers. `json` bodies come from w->out. */
void reply_json(struct web *w, const struct reply_to *to, unsigned status);
void reply_failed(struct web *w, const struct reply_to *to, unsigned status,
		  const char *text);
void reply_text(struct web *w, const struct reply_to *to, unsigned status,
		const char *text);
/* Core or media is away, in the form that this request's clients read. */
void reply_away(struct web *w, const struct reply_to *to,
		const struct route_row *row);
void reply_answer(struct web *w, const struct reply_to *to,
		  struct http_answer *a);
size_t reply_cors(const struct reply_to *to, struct http_field f[3]);
void reply_join(struct web *w, struct pending *p, const Cv__JoinReply *m);
void reply_command(struct web *w, struct pending *p,
		   const Cv__CommandReply *m);
void reply_call(struct web *w, struct pending *p, const Cv__CallReply *m);

/* --- reg.c: registrations ---------------------------------------------------- */

struct reg_request {
	const struct route *route;
	const struct reply_to *to;
	const struct http_request *req;
	struct span token;		/* none for request_token */
	Cv__Addr *source, *local;
};

void reg_ask(struct web *w, const struct reg_request *q);
void reg_reply(struct web *w, struct pending *p, const Cv__RegReply *m);

/* http_request_fn of the HTTPS server and of the one that redirects. */
void api_on_request(void *arg, const struct http_request *req);
/* http_standing_fn, http_admit_fn */
enum http_standing api_on_standing(void *arg, const struct http_head *h,
				   const struct addr *source,
				   uint64_t now_ns, uint64_t *holder);
bool api_on_admit(void *arg, const struct addr *source, uint64_t now_ns);
void redirect_on_request(void *arg, const struct http_request *req);

struct web_settings {
	char origins[WEB_ORIGINS_MAX + 1];
	uint16_t https_port;
	uint32_t pin_entry_s;		/* 0 = not told yet */
	struct http_room room;
	uint32_t conns_possible;	/* with the descriptors we may have */
	struct source_limits limits;
	struct http_proxies proxies;
};

int  settings_init(struct web *w, struct span boot_hosts, uint16_t https_port);
void settings_apply(struct web *w, const Cv__Settings *m);
bool settings_allows_origin(const struct web *w, struct span origin);

struct web {
	struct role *role;
	struct event_base *base;
	struct timer_wheel *wheel;
	struct http_server *https, *http;
	struct sources *sources;
	struct http_hosts *hosts, *boot_hosts;
	struct files *files;
	struct arena *arena;		/* of one SDP, reset after use */
	struct json_out out;
	struct http_path path;
	struct link link;
	struct streams streams;
	struct sessions sessions;
	struct bans *bans;
	struct load load;
	struct web_settings set;
	struct timer sweep, bans_sweep;
	uint64_t started_ns;
	uint32_t instance;
};
