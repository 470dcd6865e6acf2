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

static void admit(struct http_server *s, int fd,
		  const struct sockaddr_storage *ss, socklen_t len,
		  uint64_t now_ns)
{
	struct addr a;
	if (addr_from_sockaddr(&a, (const struct sockaddr *)ss, len) < 0) {
		(void)close(fd);
		return;
	}
	if (s->stats.conns >= s->cfg.conns_max) {
		s->stats.refused_full++;
		(void)close(fd);
		return;
	}
	if (!sources_enter(s->cfg.sources, &a, now_ns)) {
		s->stats.refused_source++;
		(void)close(fd);
		return;
	}
	s->stats.accepted++;
	if (conn_new(s, fd, &a, now_ns) < 0)
		sources_leave(s->cfg.sources, &a, now_ns);
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
	timer_init(&s->accept_pause, on_accept_pause, s);
	http_server_set_conns(s, cfg->conns_max);
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

void http_server_set_conns(struct http_server *s, uint32_t conns_max)
{
	s->cfg.conns_max = conns_max < HTTP_CONNS_MAX ? conns_max
						      : HTTP_CONNS_MAX;
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
