#include "http/server.h"
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/secret.h"
#include "http/conn.h"

enum { ACCEPT_PAUSE_MS = 200 };

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	(void)fd;
	(void)what;
	list_each(it, tmp, &s->dead) {
		struct conn *c = list_entry(it, struct conn, at);
		uint64_t id = c->gone_id;
		conn_free(c);
		if (id && s->cfg.on_gone)
			s->cfg.on_gone(s->cfg.arg, id);
	}
}

static void listeners_enable(struct http_server *s, bool on)
{
	for (size_t i = 0; i < s->n_listen; i++)
		if (on)
			(void)event_add(s->listen[i].ev, NULL);
		else
			(void)event_del(s->listen[i].ev);
}

static void on_accept_pause(struct timer *t, void *arg, uint64_t now_ns)
{
	(void)t;
	(void)now_ns;
	listeners_enable(arg, true);
}

/* Out of descriptors: looking at the queue again at once would spin. */
static void pause_accept(struct http_server *s, int error, uint64_t now_ns)
{
	s->stats.accept_errors++;
	log_warn("http", "cannot accept connections",
		 LOG_S("reason", strerror(error)), LOG_U("open",
							 s->stats.conns));
	listeners_enable(s, false);
	timer_set(s->cfg.wheel, &s->accept_pause,
		  now_ns + ACCEPT_PAUSE_MS * NS_PER_MS);
}

/* One place among all, if need be that of somebody who proved nothing. */
static bool has_place(struct http_server *s, uint64_t now_ns)
{
	if (s->stats.conns < s->cfg.conns_max || room_make(s, now_ns))
		return true;
	s->stats.refused_full++;
	return false;
}

static bool enter_as_proxy(struct http_server *s, uint64_t now_ns)
{
	if (s->proxy_conns >= s->cfg.proxy_conns_max) {
		s->stats.refused_proxy++;
		return false;
	}
	return has_place(s, now_ns);
}

/* Whoever holds too many of `what` himself makes room himself: not at the
 * cost of one of his that had less than grace_ms. */
static bool hold(struct http_server *s, const struct addr *a,
		 enum source_held what, uint32_t grace_ms, uint64_t now_ns)
{
	struct sources *t = s->cfg.sources;
	return sources_hold(t, a, what, now_ns) ||
	       (room_make_of(s, a, what == SOURCE_HANDSHAKES, grace_ms,
			     now_ns) &&
		sources_hold(t, a, what, now_ns));
}

static bool may_handshake(struct http_server *s, const struct addr *a,
			  uint32_t grace_ms, uint64_t now_ns)
{
	struct sources *t = s->cfg.sources;
	if (!s->cfg.tls)
		return true;
	if (sources_are_full(t, SOURCE_HANDSHAKES))
		(void)room_make_handshake(s, now_ns);
	if (hold(s, a, SOURCE_HANDSHAKES, grace_ms, now_ns))
		return true;
	s->stats.refused_handshakes++;
	sources_drop(t, a, SOURCE_CONNS);
	return false;
}

/* From the cheapest question to the dearest; a place is taken last. */
static bool may_come(struct http_server *s, const struct addr *a,
		     enum source_rank rank, uint32_t grace_ms, uint64_t now_ns)
{
	if (!sources_take(s->cfg.sources, a, SOURCE_CONN, rank, now_ns) ||
	    !hold(s, a, SOURCE_CONNS, grace_ms, now_ns)) {
		s->stats.refused_source++;
		return false;
	}
	if (!has_place(s, now_ns)) {
		sources_drop(s->cfg.sources, a, SOURCE_CONNS);
		return false;
	}
	return may_handshake(s, a, grace_ms, now_ns);
}

enum entry { ENTRY_REFUSED = 0, ENTRY_TOO_MANY, ENTRY_TAKEN };

static enum entry enter(struct http_server *s, const struct addr *a,
			bool is_home, uint64_t now_ns)
{
	if (s->cfg.on_admit && !s->cfg.on_admit(s->cfg.arg, a, now_ns)) {
		s->stats.refused_banned++;
		return ENTRY_REFUSED;
	}
	return may_come(s, a, is_home ? SOURCE_HOME : SOURCE_STRANGER,
			s->cfg.grace_ms, now_ns) ? ENTRY_TAKEN
						 : ENTRY_TOO_MANY;
}

/* He takes nothing of what his address may open, and of those there who have
 * proved nothing the one that waits longest makes room at once. */
static bool enter_by_pass(struct http_server *s, const struct addr *a,
			  uint64_t now_ns)
{
	return may_come(s, a, SOURCE_INSIDE, 0, now_ns);
}

static void leave(struct http_server *s, const struct addr *a)
{
	sources_drop(s->cfg.sources, a, SOURCE_CONNS);
	if (s->cfg.tls)
		sources_drop(s->cfg.sources, a, SOURCE_HANDSHAKES);
}

static void begin(struct http_server *s, const struct conn_start *how,
		  uint64_t now_ns)
{
	s->stats.accepted++;
	if (conn_new(s, how, now_ns) < 0 && !how->via_proxy)
		leave(s, &how->peer);
}

void server_admit_holder(struct http_server *s, int fd,
			 const struct addr *peer, uint64_t holder,
			 uint64_t now_ns)
{
	if (!enter_by_pass(s, peer, now_ns)) {
		(void)close(fd);
		return;
	}
	s->stats.passed++;
	begin(s, &(struct conn_start){.fd = fd, .peer = *peer,
				      .holder = holder}, now_ns);
}

static void admit_proxy(struct http_server *s, int fd, const struct addr *a,
			uint64_t now_ns)
{
	if (enter_as_proxy(s, now_ns))
		begin(s, &(struct conn_start){.fd = fd, .peer = *a,
					      .via_proxy = true}, now_ns);
	else
		(void)close(fd);
}

static void admit_one(struct http_server *s, int fd, const struct addr *a,
		      uint64_t now_ns)
{
	const bool is_home = sources_held(s->cfg.sources, a,
					  SOURCE_SESSIONS) > 0;
	const enum entry e = enter(s, a, is_home, now_ns);
	if (e == ENTRY_TAKEN) {
		begin(s, &(struct conn_start){.fd = fd, .peer = *a}, now_ns);
	} else if (e == ENTRY_TOO_MANY && is_home && s->cfg.tls &&
		   s->cfg.on_pass) {
		hall_enter(s, fd, a, now_ns);
	} else {
		(void)close(fd);
	}
}

static void admit(struct http_server *s, int fd,
		  const struct sockaddr_storage *ss, socklen_t len,
		  uint64_t now_ns)
{
	struct addr a;
	if (addr_from_sockaddr(&a, (const struct sockaddr *)ss, len) < 0)
		(void)close(fd);
	else if (s->cfg.proxies && http_proxies_have(s->cfg.proxies, &a))
		admit_proxy(s, fd, &a, now_ns);
	else
		admit_one(s, fd, &a, now_ns);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct http_server *s = arg;
	uint64_t now_ns = clock_mono_ns();
	(void)what;
	for (int i = 0; i < HTTP_ACCEPT_BURST; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		int fd = accept4(listener, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(s, fd, &ss, len, now_ns);
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			pause_accept(s, errno, now_ns);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

int http_server_new(struct http_server **out,
		    const struct http_server_cfg *cfg)
{
	int r = E_NOMEM;
	struct http_server *s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	s->cfg = *cfg;
	list_init(&s->conns);
	list_init(&s->dead);
	for (int o = 0; o < ORDER_COUNT; o++)
		list_init(&s->order[o]);
	timer_init(&s->accept_pause, on_accept_pause, s);
	hall_init(s);
	rand_bytes(&s->pass_key, sizeof(s->pass_key));
	if (cfg->tls)
		http_server_set_tls(s, cfg->tls);
	http_server_set_room(s, &(struct http_room){
		.conns_max = cfg->conns_max, .bytes_max = cfg->bytes_max,
		.proxy_conns_max = cfg->proxy_conns_max,
		.grace_ms = cfg->grace_ms});
	r = handles_new(&s->handles, HTTP_CONNS_MAX);
	if (r < 0)
		goto out;
	r = E_NOMEM;
	s->reap = event_new(cfg->base, -1, 0, on_reap, s);
	if (!s->reap)
		goto out;
	*out = s;
	s = NULL;
	r = 0;
out:
	http_server_free(&s);
	return r;
}

void http_server_free(struct http_server **sp)
{
	struct http_server *s = *sp;
	if (!s)
		return;
	timer_cancel(&s->accept_pause);
	hall_release(s);
	list_each(it, tmp, &s->conns)
		conn_free(list_entry(it, struct conn, at));
	list_each(it2, tmp2, &s->dead)
		conn_free(list_entry(it2, struct conn, at));
	for (size_t i = 0; i < s->n_listen; i++) {
		event_free(s->listen[i].ev);
		(void)close(s->listen[i].fd);
	}
	if (s->reap)
		event_free(s->reap);
	handles_free(&s->handles);
	secret_wipe(&s->pass_key, sizeof(s->pass_key));
	mem_free(s);
	*sp = NULL;
}

/* Connections inherit these from the listener. Without TCP_NODELAY an answer
 * of two segments waits for a delayed acknowledgement: 45 ms a request. */
static int set_options(int fd)
{
	int on = 1;
	unsigned give_up_ms = HTTP_STREAM_STALL_S * 1000;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms,
		       sizeof(give_up_ms)) < 0)
		return E_SYS;
	return 0;
}

int http_server_listen(struct http_server *s, int fd)
{
	int r = s->n_listen < HTTP_LISTENERS_MAX ? set_options(fd) : E_LIMIT;
	struct event *ev = r == 0 ? event_new(s->cfg.base, fd,
					      EV_READ | EV_PERSIST, on_accept,
					      s) : NULL;
	if (ev)
		loop_rank_listener(ev);
	if (r == 0 && (!ev || event_add(ev, NULL) < 0))
		r = E_NOMEM;
	if (r < 0) {
		if (ev)
			event_free(ev);
		(void)close(fd);
		return r;
	}
	s->listen[s->n_listen].ev = ev;
	s->listen[s->n_listen++].fd = fd;
	return 0;
}

void http_server_set_hosts(struct http_server *s, const struct http_hosts *h)
{
	s->cfg.hosts = h;
}

void http_server_set_room(struct http_server *s, const struct http_room *r)
{
	s->cfg.conns_max = r->conns_max < HTTP_CONNS_MAX ? r->conns_max
							 : HTTP_CONNS_MAX;
	s->cfg.bytes_max = r->bytes_max;
	s->cfg.proxy_conns_max = r->proxy_conns_max;
	s->cfg.grace_ms = r->grace_ms;
}

void http_server_set_tls(struct http_server *s, struct http_tls *tls)
{
	(void)SSL_CTX_set_generate_session_id(http_tls_ctx(tls),
					      conn_session_id);
	s->cfg.tls = tls;
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
	*out = s->stats;
}

int http_reply(struct http_server *s, uint64_t id,
	       const struct http_answer *a)
{
	struct conn *c = conn_find(s, id);
	return c ? conn_answer(c, a, clock_mono_ns()) : E_NOTFOUND;
}

int http_stream_begin(struct http_server *s, uint64_t id,
		      const struct http_field *extra, size_t n_extra)
{
	struct conn *c = conn_find(s, id);
	return c ? conn_stream_begin(c, extra, n_extra, clock_mono_ns())
		 : E_NOTFOUND;
}

int http_stream_write(struct http_server *s, uint64_t id, struct span data)
{
	struct conn *c = conn_find(s, id);
	return c ? conn_stream_write(c, data, clock_mono_ns()) : E_NOTFOUND;
}

int http_stream_end(struct http_server *s, uint64_t id)
{
	struct conn *c = conn_find(s, id);
	return c ? conn_stream_end(c, clock_mono_ns()) : E_NOTFOUND;
}

int http_mark(struct http_server *s, uint64_t id, uint8_t dscp)
{
	struct conn *c = conn_find(s, id);
	return c ? conn_mark(c, dscp) : E_NOTFOUND;
}
