#include "http/conn.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/secret.h"
#include "http/answer.h"

static const struct {
	unsigned limit_s;	/* 0: none */
	int phase;		/* counter, -1: none */
} rules[CONN_STATE_COUNT] = {
	[CONN_HANDSHAKE] = {HTTP_HANDSHAKE_S, HTTP_PHASE_HANDSHAKE},
	[CONN_IDLE] = {HTTP_IDLE_S, HTTP_PHASE_IDLE},
	[CONN_REQUEST] = {HTTP_REQUEST_S, HTTP_PHASE_REQUEST},
	[CONN_HANDLER] = {HTTP_HANDLER_S, HTTP_PHASE_HANDLER},
	[CONN_DELAYED] = {HTTP_DELAY_MAX_MS / 1000, -1},
	[CONN_DRAIN] = {HTTP_DRAIN_S, HTTP_PHASE_DRAIN},
	[CONN_STREAM] = {0, -1},
	[CONN_STREAM_END] = {HTTP_LINGER_S, HTTP_PHASE_DRAIN},
	[CONN_LINGER] = {HTTP_LINGER_S, -1},
	[CONN_DEAD] = {0, -1},
};

static void try_request(struct conn *c, uint64_t now_ns);

/* In the others what comes stays where it is; see on_read(). */
static bool listens(enum conn_state s)
{
	return s == CONN_HANDSHAKE || s == CONN_REQUEST || s == CONN_IDLE ||
	       s == CONN_STREAM || s == CONN_STREAM_END || s == CONN_LINGER;
}

static void set_state(struct conn *c, enum conn_state to, uint64_t now_ns)
{
	c->state = to;
	if (listens(to))
		(void)bufferevent_enable(c->bev, EV_READ);
	c->since_ns = now_ns;
	c->is_served |= to == CONN_DRAIN;
	room_sort(c);
	loop_rank(c);
	if (rules[to].limit_s)
		timer_set(c->s->cfg.wheel, &c->deadline,
			  now_ns + rules[to].limit_s * NS_PER_S);
	else
		timer_cancel(&c->deadline);
}

static size_t unsent(const struct conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

static void forget_id(struct conn *c)
{
	if (c->id)
		(void)handles_del(c->s->handles, c->id);
	c->id = 0;
}

static void end_handshake(struct conn *c)
{
	if (c->is_handshake)
		sources_drop(c->s->cfg.sources, &c->peer, SOURCE_HANDSHAKES);
	c->is_handshake = false;
}

/* Its places are free at once; its memory after the turn. */
static void give_back(struct conn *c)
{
	struct http_server *s = c->s;
	room_forget(c);
	end_handshake(c);
	if (c->via_proxy)
		s->proxy_conns--;
	else
		sources_drop(s->cfg.sources, &c->peer, SOURCE_CONNS);
	s->stats.conns--;
}

void conn_close(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	give_back(c);
	if (c->state == CONN_STREAM || c->state == CONN_STREAM_END)
		c->s->stats.streams--;
	c->gone_id = c->id;
	forget_id(c);
	c->state = CONN_DEAD;
	timer_cancel(&c->deadline);
	timer_cancel(&c->ping);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	(void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	list_del(&c->at);
	list_add_tail(&c->s->dead, &c->at);
	event_active(c->s->reap, EV_TIMEOUT, 0);
}

void conn_free(struct conn *c)
{
	timer_cancel(&c->deadline);
	timer_cancel(&c->ping);
	list_del(&c->at);
	if (c->state != CONN_DEAD)
		give_back(c);
	if (c->held)
		evbuffer_free(c->held);
	if (c->bev)
		bufferevent_free(c->bev);
	ERR_clear_error();
	mem_free(c);
}

struct conn *conn_find(struct http_server *s, uint64_t id)
{
	return id ? handles_get(s->handles, id) : NULL;
}

/* Ends our direction and waits shortly for the client's end, because closing
 * a socket with unread bytes in it would destroy the answer on its way. */
static void linger(struct conn *c, uint64_t now_ns)
{
	SSL *ssl = c->s->cfg.tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;
	struct evbuffer *in = bufferevent_get_input(c->bev);
	if (ssl)
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	(void)shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	(void)evbuffer_drain(in, evbuffer_get_length(in));
	set_state(c, CONN_LINGER, now_ns);
}

static void after_answer(struct conn *c, uint64_t now_ns)
{
	if (c->close) {
		linger(c, now_ns);
		return;
	}
	c->head_len = c->body_len = c->scanned = 0;
	c->is_head = false;
	set_state(c, CONN_IDLE, now_ns);
	try_request(c, now_ns);
	room_charge(c, now_ns);
}

/* A client that fetches a large file and takes nothing of it must not cost its
 * size each time. */
static int add_body(struct evbuffer *out, const struct http_answer *a)
{
	int r = a->body_stays ? evbuffer_add_reference(out, a->body.p,
						       a->body.n, NULL, NULL)
			      : evbuffer_add(out, a->body.p, a->body.n);
	return r < 0 ? E_NOMEM : 0;
}

static int render(struct conn *c, struct evbuffer *out,
		  const struct http_answer *a)
{
	bool has_body = a->type && a->status != 204 && a->status != 304;
	struct answer_head h = {
		.status = a->status,
		.type = has_body ? a->type : NULL,
		.cache = a->cache,
		.extra = a->extra,
		.n_extra = a->n_extra,
		.has_length = a->status != 204 && a->status != 304,
		.length = has_body ? a->body.n : 0,
		.close = c->close,
		.tls = c->s->cfg.tls != NULL,
		.unix_s = clock_wall_us() / 1000000,
	};
	int r = http_answer_head(out, &h);
	if (r == 0 && has_body && !c->is_head && a->body.n)
		r = add_body(out, a);
	return r;
}

static int hold(struct conn *c, const struct http_answer *a, uint64_t now_ns)
{
	uint32_t ms = a->delay_ms < HTTP_DELAY_MAX_MS ? a->delay_ms
						      : HTTP_DELAY_MAX_MS;
	c->held = evbuffer_new();
	if (!c->held)
		return E_NOMEM;
	int r = render(c, c->held, a);
	set_state(c, CONN_DELAYED, now_ns);
	timer_set(c->s->cfg.wheel, &c->deadline, now_ns + ms * NS_PER_MS);
	return r;
}

/* OpenSSL asks for the name of each session that it could be asked to resume:
 * those that it tells a client are ours (give_passes), others nobody sees. */
int conn_session_id(SSL *ssl, unsigned char *id, unsigned int *id_n)
{
	const struct conn *c = SSL_get_app_data(ssl);
	uint8_t nonce[PASS_NONCE_LEN];
	if (!c || !c->holder || *id_n < PASS_LEN) {
		rand_bytes(id, *id_n);
		return 1;
	}
	rand_bytes(nonce, sizeof(nonce));
	*id_n = PASS_LEN;
	return pass_make(id, &c->s->pass_key, nonce, c->holder) == 0;
}

/* With the next bytes that go to him; a TLS 1.2 client gets none. */
static void give_passes(struct conn *c, uint64_t holder)
{
	SSL *ssl = c->s->cfg.tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;
	if (!ssl || !holder || c->holder == holder)
		return;
	c->holder = holder;
	for (int i = 0; i < HTTP_PASSES; i++)
		(void)SSL_new_session_ticket(ssl);
	ERR_clear_error();
}

/* Over a proxy's connection the next request is somebody else's. */
static void prove(struct conn *c, uint64_t holder)
{
	if (c->via_proxy)
		return;
	c->is_proven = true;
	room_sort(c);
	loop_rank(c);
	give_passes(c, holder);
}

int conn_answer(struct conn *c, const struct http_answer *a, uint64_t now_ns)
{
	int r;
	if (c->state != CONN_HANDLER && c->state != CONN_REQUEST)
		return E_STATE;
	forget_id(c);
	c->close |= a->close;
	if (a->proves)
		prove(c, a->holder);
	if (a->delay_ms) {
		r = hold(c, a, now_ns);
	} else {
		set_state(c, CONN_DRAIN, now_ns);
		r = render(c, bufferevent_get_output(c->bev), a);
	}
	if (r < 0)
		conn_close(c);
	return r;
}

static void tell_serving(struct conn *c, const struct addr *source)
{
	if (c->s->cfg.on_serving)
		c->s->cfg.on_serving(c->s->cfg.arg, source);
}

/* For requests that never reach the owner. The rest of what the client sent
 * cannot be framed any more, so the connection ends. */
static void refuse(struct conn *c, unsigned status, uint64_t now_ns)
{
	static const struct http_field retry[] = {
		{SPAN_LIT("Retry-After"), SPAN_LIT("1")},
	};
	(void)conn_answer(c, &(struct http_answer){
		.status = status, .type = "text/plain",
		.body = span_str(http_reason(status)), .close = true,
		.extra = retry, .n_extra = status == 503,
	}, now_ns);
}

static void find_source(struct conn *c, const struct http_head *h)
{
	struct http_server *s = c->s;
	struct addr told;
	c->source = c->peer;
	c->is_proxied = false;
	if (!c->via_proxy)
		return;
	int r = http_forward_source(&told, s->cfg.proxies, h);
	if (r == 0) {
		c->source = told;
		c->is_proxied = true;
	} else if (r != E_NOTFOUND) {
		s->stats.bad_forwarded++;
	}
}

static bool is_banned(struct conn *c, uint64_t now_ns)
{
	struct http_server *s = c->s;
	if (!c->is_proxied || !s->cfg.on_admit ||
	    s->cfg.on_admit(s->cfg.arg, &c->source, now_ns))
		return false;
	s->stats.refused_banned++;
	return true;
}

static bool may_ask(struct conn *c, const struct http_head *h,
		    uint64_t now_ns)
{
	static const enum source_rank ranks[] = {
		[HTTP_STRANGER] = SOURCE_STRANGER, [HTTP_PROOF] = SOURCE_PROOF,
		[HTTP_INSIDE] = SOURCE_INSIDE,
	};
	struct http_server *s = c->s;
	uint64_t holder = 0;
	c->standing = s->cfg.on_standing
		? s->cfg.on_standing(s->cfg.arg, h, &c->source, now_ns,
				     &holder)
		: HTTP_STRANGER;
	if (c->standing == HTTP_INSIDE)
		prove(c, holder);
	if (!is_banned(c, now_ns) && c->standing != HTTP_TOO_FAST &&
	    sources_take(s->cfg.sources, &c->source, SOURCE_REQUEST,
			 ranks[c->standing], now_ns))
		return true;
	s->stats.too_fast++;
	return false;
}

/* Asked once the head is there, before its body arrives. */
static bool is_admitted(struct conn *c, const struct http_head *h,
			uint64_t now_ns)
{
	struct http_server *s = c->s;
	c->is_head = h->method == HTTP_HEAD;
	int r = http_hosts_check(s->cfg.hosts, h->host);
	if (r < 0) {
		s->stats.bad_hosts++;
		refuse(c, r == E_NOTFOUND ? 421 : 400, now_ns);
		return false;
	}
	find_source(c, h);
	tell_serving(c, &c->source);
	if (may_ask(c, h, now_ns))
		return true;
	refuse(c, 503, now_ns);
	return false;
}

static void dispatch(struct conn *c, const struct http_head *h,
		     struct span body, uint64_t now_ns)
{
	struct http_server *s = c->s;
	c->close = h->close;
	set_state(c, CONN_HANDLER, now_ns);
	c->id = handles_add(s->handles, c);
	if (!c->id) {
		refuse(c, 503, now_ns);
		return;
	}
	s->stats.requests++;
	struct http_request req = {
		.id = c->id, .head = h, .body = body, .source = c->source,
		.local = c->local, .is_proxied = c->is_proxied,
		.standing = c->standing, .now_ns = now_ns,
	};
	s->cfg.on_request(s->cfg.arg, &req);
}

/* No more is read than the present step needs. */
static void set_mark(struct conn *c, size_t n)
{
	if (n < HTTP_HEAD_MAX)
		n = HTTP_HEAD_MAX;
	bufferevent_setwatermark(c->bev, EV_READ, 0, n);
}

/* Reads the head as soon as it is there, to refuse a bad one before its body
 * arrives. False: answered or not complete. */
static bool head_is_here(struct conn *c, struct evbuffer *in, uint64_t now_ns)
{
	size_t n = evbuffer_get_length(in);
	size_t look = n < HTTP_HEAD_MAX ? n : HTTP_HEAD_MAX;
	uint8_t *p = evbuffer_pullup(in, (ev_ssize_t)look);
	struct http_head h;
	unsigned status = 431;
	if (!p) {
		conn_close(c);
		return false;
	}
	size_t len = http_head_end(span_of(p, look), &c->scanned);
	if (len == 0 && look < HTTP_HEAD_MAX)
		return false;
	int r = len ? http_head_parse(&h, span_of(p, len), &status) : E_LIMIT;
	if (r == 0 && h.body_len > HTTP_BODY_MAX) {
		status = 413;
		r = E_LIMIT;
	}
	if (r < 0) {
		c->s->stats.bad_requests++;
		refuse(c, status, now_ns);
		return false;
	}
	if (!is_admitted(c, &h, now_ns))
		return false;
	c->head_len = len;
	c->body_len = (size_t)h.body_len;
	set_mark(c, c->head_len + c->body_len);
	if (h.expects && n < c->head_len + c->body_len)
		(void)evbuffer_add_printf(bufferevent_get_output(c->bev),
					  "HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

static void take_request(struct conn *c, struct evbuffer *in, uint64_t now_ns)
{
	size_t total = c->head_len + c->body_len;
	struct http_head h;
	unsigned status;
	uint8_t *p = evbuffer_pullup(in, (ev_ssize_t)total);
	if (!p || http_head_parse(&h, span_of(p, c->head_len), &status) < 0) {
		conn_close(c);
		return;
	}
	dispatch(c, &h, span_of(p + c->head_len, c->body_len), now_ns);
	/* Heads and bodies carry tokens and PINs. */
	secret_wipe(p, total);
	(void)evbuffer_drain(in, total);
	set_mark(c, 0);
}

static void try_request(struct conn *c, uint64_t now_ns)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	if (evbuffer_get_length(in) == 0)
		return;
	if (c->state == CONN_IDLE)
		set_state(c, CONN_REQUEST, now_ns);
	/* Whose bytes a proxy brings is known when the head is read. */
	if (!c->via_proxy)
		tell_serving(c, &c->peer);
	else if (c->head_len)
		tell_serving(c, &c->source);
	if (c->head_len || head_is_here(c, in, now_ns))
		if (evbuffer_get_length(in) >= c->head_len + c->body_len)
			take_request(c, in, now_ns);
	tell_serving(c, NULL);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	switch (c->state) {
	case CONN_IDLE:
	case CONN_REQUEST:
		try_request(c, clock_mono_ns());
		room_charge(c, clock_mono_ns());
		break;
	case CONN_STREAM:
		c->junk += evbuffer_get_length(in);
		(void)evbuffer_drain(in, evbuffer_get_length(in));
		if (c->junk > HTTP_STREAM_INPUT_MAX)
			conn_close(c);
		break;
	case CONN_STREAM_END:
	case CONN_LINGER:
		(void)evbuffer_drain(in, evbuffer_get_length(in));
		break;
	default:
		/* It waits in the buffer, up to its mark, and the rest in the
		 * kernel. Left enabled, libevent would call again and again
		 * with what is there, before anybody less urgent: this very
		 * answer, others' handshakes. */
		(void)bufferevent_disable(bev, EV_READ);
		room_charge(c, clock_mono_ns());
		break;
	}
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	(void)bev;
	if (unsent(c) > 0)
		return;
	c->stalled_ns = 0;
	if (c->state == CONN_DRAIN)
		after_answer(c, clock_mono_ns());
	else if (c->state == CONN_STREAM_END)
		conn_close(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		if (c->state != CONN_HANDSHAKE)
			return;
		c->s->stats.handshakes++;
		end_handshake(c);
		/* The first request must come as quickly as any. */
		set_state(c, CONN_REQUEST, clock_mono_ns());
		return;
	}
	if (c->state == CONN_HANDSHAKE)
		c->s->stats.handshake_failed++;
	conn_close(c);
}

static void handler_timeout(struct conn *c, uint64_t now_ns)
{
	uint64_t id = c->id;
	c->s->stats.handler_timeouts++;
	refuse(c, 504, now_ns);
	if (c->s->cfg.on_gone)
		c->s->cfg.on_gone(c->s->cfg.arg, id);
}

static void on_deadline(struct timer *t, void *arg, uint64_t now_ns)
{
	struct conn *c = arg;
	(void)t;
	if (rules[c->state].phase >= 0)
		c->s->stats.deadline[rules[c->state].phase]++;
	if (c->state == CONN_HANDLER) {
		handler_timeout(c, now_ns);
	} else if (c->state == CONN_DELAYED) {
		set_state(c, CONN_DRAIN, now_ns);
		if (evbuffer_add_buffer(bufferevent_get_output(c->bev),
					c->held) < 0)
			conn_close(c);
		evbuffer_free(c->held);
		c->held = NULL;
	} else {
		conn_close(c);
	}
}

static void on_ping(struct timer *t, void *arg, uint64_t now_ns)
{
	struct conn *c = arg;
	if (c->state != CONN_STREAM)
		return;
	if (unsent(c) == 0)
		c->stalled_ns = 0;
	else if (c->stalled_ns == 0)
		c->stalled_ns = now_ns;
	else if (now_ns - c->stalled_ns > HTTP_STREAM_STALL_S * NS_PER_S) {
		c->s->stats.stream_stalled++;
		conn_close(c);
		return;
	}
	/* Spread, so that a thousand streams opened together do not ping
	 * together for ever. */
	timer_set(c->s->cfg.wheel, t, now_ns + HTTP_PING_S * NS_PER_S -
		  rand_below(1500) * NS_PER_MS);
	(void)conn_stream_write(c, SPAN_LIT(":\n\n"), now_ns);
}

int conn_stream_begin(struct conn *c, const struct http_field *extra,
		      size_t n_extra, uint64_t now_ns)
{
	if (c->state != CONN_HANDLER)
		return E_STATE;
	struct answer_head h = {
		.status = 200, .type = "text/event-stream", .extra = extra,
		.n_extra = n_extra, .close = true,
		.tls = c->s->cfg.tls != NULL,
		.unix_s = clock_wall_us() / 1000000,
	};
	if (http_answer_head(bufferevent_get_output(c->bev), &h) < 0) {
		conn_close(c);
		return E_NOMEM;
	}
	if (!c->via_proxy)
		c->is_proven = true;
	set_state(c, CONN_STREAM, now_ns);
	room_charge(c, now_ns);
	c->s->stats.streams++;
	timer_set(c->s->cfg.wheel, &c->ping,
		  now_ns + (HTTP_PING_S - rand_below(3)) * NS_PER_S);
	return 0;
}

int conn_stream_write(struct conn *c, struct span data, uint64_t now_ns)
{
	if (c->state != CONN_STREAM)
		return E_STATE;
	if (unsent(c) + data.n > HTTP_STREAM_QUEUE_MAX) {
		c->s->stats.stream_overflow++;
		conn_close(c);
		return E_FULL;
	}
	if (c->stalled_ns == 0)
		c->stalled_ns = now_ns;
	if (evbuffer_add(bufferevent_get_output(c->bev), data.p, data.n) < 0) {
		conn_close(c);
		return E_NOMEM;
	}
	return 0;
}

int conn_stream_end(struct conn *c, uint64_t now_ns)
{
	if (c->state != CONN_STREAM)
		return E_STATE;
	timer_cancel(&c->ping);
	if (unsent(c) == 0)
		conn_close(c);
	else
		set_state(c, CONN_STREAM_END, now_ns);
	return 0;
}

/* Who came by a pass gets new ones with the handshake: browsers use each but
 * once, and a page opens several connections. */
static SSL *new_ssl(struct conn *c)
{
	SSL *ssl = SSL_new(http_tls_ctx(c->s->cfg.tls));
	if (ssl && (!SSL_set_app_data(ssl, c) ||
		    !SSL_set_num_tickets(ssl, c->holder ? HTTP_PASSES : 0))) {
		SSL_free(ssl);
		ssl = NULL;
	}
	return ssl;
}

static struct bufferevent *new_bev(struct conn *c, int fd)
{
	int opts = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct http_server *s = c->s;
	struct bufferevent *bev;
	if (!s->cfg.tls) {
		bev = bufferevent_socket_new(s->cfg.base, fd, opts);
	} else {
		SSL *ssl = new_ssl(c);
		if (!ssl)
			return NULL;
		bev = bufferevent_openssl_socket_new(s->cfg.base, fd, ssl,
			BUFFEREVENT_SSL_ACCEPTING, opts);
		if (bev)
			bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
		else
			SSL_free(ssl);
	}
	return bev;
}

static void read_local(struct conn *c, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
	    addr_from_sockaddr(&c->local, (struct sockaddr *)&ss, len) < 0)
		memset(&c->local, 0, sizeof(c->local));
}

static struct conn *start(struct http_server *s, const struct conn_start *how)
{
	struct conn *c = mem_zalloc(sizeof(*c));
	if (!c)
		return NULL;
	c->s = s;
	c->peer = c->source = how->peer;
	c->via_proxy = how->via_proxy;
	c->is_handshake = s->cfg.tls && !how->via_proxy;
	c->holder = how->holder;
	c->is_proven = how->holder != 0;
	c->bev = new_bev(c, how->fd);
	if (c->bev)
		return c;
	mem_free(c);
	return NULL;
}

int conn_new(struct http_server *s, const struct conn_start *how,
	     uint64_t now_ns)
{
	struct conn *c = start(s, how);
	if (!c) {
		(void)close(how->fd);
		return E_NOMEM;
	}
	read_local(c, how->fd);
	timer_init(&c->deadline, on_deadline, c);
	timer_init(&c->ping, on_ping, c);
	list_init(&c->order);
	list_init(&c->in_source);
	list_add_tail(&s->conns, &c->at);
	s->stats.conns++;
	s->proxy_conns += c->via_proxy;
	set_state(c, s->cfg.tls ? CONN_HANDSHAKE : CONN_REQUEST, now_ns);
	set_mark(c, 0);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	room_charge(c, now_ns);
	return 0;
}

int conn_mark(struct conn *c, uint8_t dscp)
{
	const bool is_v4 = addr_is_v4(&c->peer);
	const int tos = (dscp & 63) << 2;
	if (c->via_proxy || c->dscp == (dscp & 63))
		return 0;
	/* An IPv4 peer of an IPv6 socket is marked by the IPv4 option, too. */
	if (setsockopt(bufferevent_getfd(c->bev),
		       is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       is_v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos)) < 0)
		return E_SYS;
	c->dscp = dscp & 63;
	return 0;
}
