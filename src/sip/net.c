#include "sip/net.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"
#include "http/source.h"
#include "sip/stream.h"

#define MOD "sip"

enum { ACCEPTS_A_TURN = 64, ACCEPT_PAUSE_MS = 200, LISTENERS = 2,
       BATCHES_A_TURN = 8 };

enum flow_state { FLOW_HANDSHAKE = 0, FLOW_CHECKED, FLOW_OPEN, FLOW_DEAD };

struct flow {
	struct list at;			/* net.dead when it is */
	struct net *n;
	uint32_t id;
	enum flow_state state;
	int fd;
	bool is_client, is_first, holds_handshake, wants_write;
	struct event *rd, *wr;
	SSL *ssl;
	struct sip_peer peer;
	struct stream in;
	uint8_t *out;
	size_t out_n, out_at, counted;
	struct timer due;
	uint64_t born_ns, moved_ns;
	unsigned inside;		/* calls */
	uint64_t registered_ns;		/* until then; 0 = not */
	bool has_registered;		/* at any time */
	char *names;
	size_t names_n;
	uint64_t trunk;			/* sip/trunk.h; 0 = none */
};

struct listener {
	struct net *n;
	int fd;
	bool tls;
	struct event *ev;
};

struct net {
	struct net_cfg cfg;
	struct listener listen[LISTENERS];
	struct timer pause;
	int udp;
	struct event *udp_ev, *reap;
	struct map *flows;
	struct list dead;
	uint32_t last_id;
	size_t bytes;
	uint8_t (*batch)[SIP_MESSAGE_MAX];
};

static void on_due(struct timer *tm, void *arg, uint64_t now_ns);
static void on_pause(struct timer *tm, void *arg, uint64_t now_ns);
static void on_reap(evutil_socket_t fd, short what, void *arg);

/* --- life ---------------------------------------------------------------------- */

int net_new(struct net **out, const struct net_cfg *cfg)
{
	struct net *n = mem_zalloc(sizeof(*n));
	int r;

	if (!n)
		return E_NOMEM;
	n->cfg = *cfg;
	n->udp = -1;
	list_init(&n->dead);
	timer_init(&n->pause, on_pause, n);
	for (size_t i = 0; i < LISTENERS; i++)
		n->listen[i] = (struct listener){.n = n, .fd = -1};
	n->batch = mem_alloc((size_t)NET_BATCH * SIP_MESSAGE_MAX);
	n->reap = event_new(cfg->base, -1, 0, on_reap, n);
	r = n->batch && n->reap ? map_new(&n->flows, NET_CONNS_MAX) : E_NOMEM;
	if (r < 0)
		net_free(&n);
	else
		*out = n;
	return r;
}

static void flow_free(struct flow *fl)
{
	list_del(&fl->at);
	timer_cancel(&fl->due);
	if (fl->rd)
		event_free(fl->rd);
	if (fl->wr)
		event_free(fl->wr);
	SSL_free(fl->ssl);
	if (fl->fd >= 0)
		close(fl->fd);
	fl->n->bytes -= fl->counted;
	stream_release(&fl->in);
	if (fl->out)
		secret_wipe(fl->out, fl->out_n);
	mem_free(fl->out);
	mem_free(fl->names);
	mem_free(fl);
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;

	(void)fd;
	(void)what;
	list_each(it, tmp, &n->dead)
		flow_free(list_entry(it, struct flow, at));
}

void net_free(struct net **np)
{
	struct net *n = *np;
	size_t it = 0;
	void *v;

	if (!n)
		return;
	for (int i = 0; i < LISTENERS; i++)
		(void)net_listen(n, i, -1);
	(void)net_udp(n, -1);
	if (n->flows) {
		on_reap(-1, 0, n);
		while (map_next(n->flows, &it, &(struct span){0}, &v))
			flow_free(v);
	}
	map_free(&n->flows);
	timer_cancel(&n->pause);
	if (n->reap)
		event_free(n->reap);
	mem_free(n->batch);
	mem_free(n);
	*np = NULL;
}

static struct flow *find(const struct net *n, uint32_t id)
{
	return map_get(n->flows, span_of(&id, sizeof(id)));
}

uint32_t net_flows(const struct net *n)
{
	return (uint32_t)map_count(n->flows);
}

/* Its memory goes in the next turn: somebody may stand on it. */
static void flow_end(struct flow *fl, Cv__SipEnd why)
{
	struct sources *s = face_sources(fl->n->cfg.face);
	const struct timeval now = {0};
	uint32_t id = fl->id;

	if (fl->state == FLOW_DEAD)
		return;
	fl->state = FLOW_DEAD;
	(void)map_del(fl->n->flows, span_of(&id, sizeof(id)));
	timer_cancel(&fl->due);
	(void)event_del(fl->rd);
	(void)event_del(fl->wr);
	if (fl->holds_handshake)
		sources_drop(s, &fl->peer.source, SOURCE_HANDSHAKES);
	if (!fl->is_client)
		sources_drop(s, &fl->peer.source, SOURCE_CONNS);
	if (fl->ssl)
		(void)SSL_shutdown(fl->ssl);
	ERR_clear_error();
	(void)shutdown(fl->fd, SHUT_RDWR);
	list_add_tail(&fl->n->dead, &fl->at);
	(void)event_add(fl->n->reap, &now);
	/* One that never said a word is nothing to anybody. */
	if (fl->is_client || !fl->is_first)
		face_flow_gone(fl->n->cfg.face, id, why,
			       fl->inside || fl->has_registered,
			       clock_mono_ns());
}

/* --- deadlines ------------------------------------------------------------------- */

/* Calls and registrations rest NET_INSIDE_S, these no longer than they last. */
static uint64_t rest_end_ns(const struct flow *fl)
{
	const uint64_t idle = fl->moved_ns + NET_IDLE_S * NS_PER_S;
	const uint64_t inside = fl->moved_ns + NET_INSIDE_S * NS_PER_S;
	const uint64_t until = fl->registered_ns < inside ? fl->registered_ns :
				inside;

	if (fl->inside)
		return inside;
	return until > idle ? until : idle;
}

static bool is_inside(const struct flow *fl, uint64_t now_ns)
{
	return fl->inside || now_ns < fl->registered_ns;
}

static void arm(struct flow *fl)
{
	uint64_t due = stream_due_ns(&fl->in), rest;

	/* Until a message was there, pings keep nobody here. */
	if (fl->state == FLOW_HANDSHAKE)
		rest = fl->born_ns + NET_HANDSHAKE_S * NS_PER_S;
	else if (fl->state == FLOW_CHECKED)
		rest = fl->moved_ns + NET_CHECK_S * NS_PER_S;
	else if (fl->is_first && !fl->is_client)
		rest = fl->born_ns + NET_FIRST_S * NS_PER_S;
	else
		rest = rest_end_ns(fl);
	timer_set(fl->n->cfg.wheel, &fl->due, due && due < rest ? due : rest);
}

static void on_due(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct flow *fl = arg;

	(void)tm;
	(void)now_ns;
	face_add(fl->n->cfg.face, SIP_N_FLOWS_SLOW);
	flow_end(fl, fl->state < FLOW_OPEN ? CV__SIP_END__SIP_END_TLS :
		 CV__SIP_END__SIP_END_TIMEOUT);
}

/* --- writing ---------------------------------------------------------------------- */

static void want_write(struct flow *fl, bool on)
{
	if (on == fl->wants_write)
		return;
	fl->wants_write = on;
	if (on)
		(void)event_add(fl->wr, NULL);
	else
		(void)event_del(fl->wr);
}

/* Bytes taken, 0 = later, or E_CLOSED. */
static ssize_t put(struct flow *fl, const uint8_t *p, size_t n)
{
	ssize_t r;
	int e;

	if (!fl->ssl) {
		r = send(fl->fd, p, n, MSG_NOSIGNAL);
		if (r >= 0)
			return r;
		return errno == EAGAIN || errno == EINTR ? 0 : E_CLOSED;
	}
	ERR_clear_error();
	r = SSL_write(fl->ssl, p, (int)n);
	if (r > 0)
		return r;
	e = SSL_get_error(fl->ssl, (int)r);
	return e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ ? 0 :
	       E_CLOSED;
}

static int flush(struct flow *fl)
{
	while (fl->out_at < fl->out_n) {
		ssize_t r = put(fl, fl->out + fl->out_at,
				fl->out_n - fl->out_at);

		if (r < 0)
			return (int)r;
		if (r == 0) {
			want_write(fl, true);
			return 0;
		}
		fl->out_at += (size_t)r;
	}
	if (fl->out)
		secret_wipe(fl->out, fl->out_n);
	mem_free(fl->out);
	fl->out = NULL;
	fl->out_n = fl->out_at = 0;
	want_write(fl, false);
	return 0;
}

static int queue(struct flow *fl, const uint8_t *p, size_t n)
{
	size_t left = fl->out_n - fl->out_at;
	uint8_t *all;

	if (left + n > NET_OUT_MAX)
		return E_FULL;
	all = mem_alloc(left + n);
	if (!all)
		return E_NOMEM;
	if (left)
		memcpy(all, fl->out + fl->out_at, left);
	memcpy(all + left, p, n);
	if (fl->out)
		secret_wipe(fl->out, fl->out_n);
	mem_free(fl->out);
	fl->out = all;
	fl->out_n = left + n;
	fl->out_at = 0;
	if (fl->state != FLOW_CHECKED)
		want_write(fl, true);
	return 0;
}

/* Never ends the flow: the caller may be in the middle of its message. */
static int flow_send(struct flow *fl, struct span s)
{
	size_t at = 0;

	while (!fl->out_n && fl->state == FLOW_OPEN && at < s.n) {
		ssize_t r = put(fl, s.p + at, s.n - at);

		if (r < 0)
			return (int)r;
		if (r == 0)
			break;
		at += (size_t)r;
	}
	return at < s.n ? queue(fl, s.p + at, s.n - at) : 0;
}

/* --- reading ----------------------------------------------------------------------- */

static bool on_got(void *arg, enum stream_got what, struct span msg)
{
	struct flow *fl = arg;
	struct net *n = fl->n;

	if (what == STREAM_PING)
		return flow_send(fl, SPAN_LIT("\r\n")) == 0;
	if (what == STREAM_BFCP) {
		n->cfg.on_serving(n->cfg.arg, &fl->peer.source);
		if (fl->is_client ||
		    !face_bfcp(n->cfg.face, &fl->peer, msg, clock_mono_ns()))
			return false;
		fl->is_first = false;
		return fl->state != FLOW_DEAD;
	}
	fl->is_first = false;
	n->cfg.on_serving(n->cfg.arg, &fl->peer.source);
	face_message(n->cfg.face, &fl->peer, msg, clock_mono_ns());
	return fl->state != FLOW_DEAD;
}

static void count(struct flow *fl)
{
	fl->n->bytes += fl->in.cap;
	fl->n->bytes -= fl->counted;
	fl->counted = fl->in.cap;
}

/* Bytes, 0 = later, E_CLOSED. */
static ssize_t get(struct flow *fl, uint8_t *p, size_t n)
{
	ssize_t r;
	int e;

	if (!fl->ssl) {
		r = recv(fl->fd, p, n, 0);
		if (r > 0)
			return r;
		return r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 :
		       E_CLOSED;
	}
	ERR_clear_error();
	r = SSL_read(fl->ssl, p, (int)n);
	if (r > 0)
		return r;
	e = SSL_get_error(fl->ssl, (int)r);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 :
	       E_CLOSED;
}

static int read_some(struct flow *fl, uint64_t now_ns)
{
	size_t total = 0;

	while (total < NET_TURN_BYTES) {
		uint8_t *p;
		size_t room;
		ssize_t got;
		int r = stream_room(&fl->in, &p, &room);

		if (r < 0)
			return r;
		count(fl);
		if (fl->n->bytes > NET_BYTES_MAX && !is_inside(fl, now_ns))
			return E_FULL;
		got = get(fl, p, room);
		if (got <= 0) {
			/* An empty buffer is not kept. */
			if (!fl->in.n)
				(void)stream_feed(&fl->in, 0, now_ns, on_got,
						  fl);
			count(fl);
			return (int)got;
		}
		total += (size_t)got;
		fl->moved_ns = now_ns;
		r = stream_feed(&fl->in, (size_t)got, now_ns, on_got, fl);
		count(fl);
		if (r < 0 || fl->state == FLOW_DEAD)
			return r;
	}
	/* TLS may hold bytes that the socket knows nothing of. */
	if (fl->ssl && SSL_pending(fl->ssl))
		event_active(fl->rd, EV_READ, 0);
	return 0;
}

static void after(struct flow *fl, int r)
{
	if (r < 0 && fl->state != FLOW_DEAD) {
		if (r == E_FORMAT || r == E_LIMIT)
			face_add(fl->n->cfg.face, SIP_N_FLOWS_BAD);
		flow_end(fl, CV__SIP_END__SIP_END_TRANSPORT);
	}
	if (fl->state != FLOW_DEAD)
		arm(fl);
}

/* --- handshakes ----------------------------------------------------------------------- */

/* One line and one counter for each thing that can be wrong. */
static const struct {
	const char *in, *out;
	enum sip_counter counter;
} faults[] = {
	[CV__SIP_FAULT__SIP_FAULT_NONE] = {"TLS of a peer failed",
		"TLS to a peer failed", SIP_N_HANDSHAKES_FAILED},
#define F(f, text)                                                            \
	[CV__SIP_FAULT__SIP_FAULT_##f] = {                                    \
		"certificate of a caller refused: " text,                     \
		"certificate of a peer refused: " text, SIP_N_CERT_##f}
	F(CA, "wrong CA"), F(NAME, "wrong name"), F(EXPIRED, "expired"),
	F(REVOKED, "revoked"), F(UNKNOWN, "revocation unknown"),
	F(MISSING, "there is none"), F(OTHER, "unusable"),
#undef F
};

static void refuse_flow(struct flow *fl, Cv__SipFault fault, const char *why,
			struct span names, uint64_t trunk)
{
	struct net *n = fl->n;
	const struct trunk *k = trunks_get(sip_tls_trunks(n->cfg.tls), trunk);
	struct net_untrusted u = {
		.source = fl->peer.source, .fault = fault, .names = names,
		.trunk = k ? k->name : SPAN_NONE, .out = fl->is_client,
	};
	char text[ADDR_TEXT_MAX];

	addr_print(&fl->peer.source, text);
	face_add(n->cfg.face, faults[fault].counter);
	log_warn(MOD, fl->is_client ? faults[fault].out : faults[fault].in,
		 LOG_S("peer", text), LOG_T("names", names),
		 LOG_T("proxy", u.trunk), LOG_S("reason", why));
	if (fault && n->cfg.on_untrusted)
		n->cfg.on_untrusted(n->cfg.arg, &u);
	ERR_clear_error();
	flow_end(fl, CV__SIP_END__SIP_END_TLS);
}

static void handshake_failed(struct flow *fl)
{
	Cv__SipFault fault = sip_tls_fault(fl->ssl);
	struct span names;
	uint64_t trunk = sip_tls_claims(fl->n->cfg.tls, fl->ssl, &names);

	if (fault)
		face_add(fl->n->cfg.face, SIP_N_HANDSHAKES_FAILED);
	refuse_flow(fl, fault, sip_tls_why(fl->ssl), names, trunk);
}

static void opened(struct flow *fl, uint64_t now_ns)
{
	struct net *n = fl->n;

	if (fl->holds_handshake)
		sources_drop(face_sources(n->cfg.face), &fl->peer.source,
			     SOURCE_HANDSHAKES);
	fl->holds_handshake = false;
	if (fl->state == FLOW_CHECKED)
		(void)event_add(fl->rd, NULL);
	fl->state = FLOW_OPEN;
	fl->moved_ns = now_ns;
	if (fl->out_n)
		want_write(fl, true);
	if (fl->is_client)
		face_flow_up(n->cfg.face, fl->id, now_ns);
}

/* What it proved; then somebody may have to be asked whether it is still
 * true. */
static void shaken(struct flow *fl, uint64_t now_ns)
{
	struct net *n = fl->n;
	char names[SIP_TLS_NAMES_MAX];
	struct span got = fl->ssl ? sip_tls_names(fl->ssl, names) : SPAN_NONE;
	enum net_check c = NET_CHECK_NONE;

	fl->trunk = fl->ssl ? sip_tls_trunk(n->cfg.tls, fl->ssl) : 0;
	if (got.n) {
		fl->names = mem_dup(got.p, got.n);
		fl->names_n = fl->names ? got.n : 0;
	}
	if (fl->ssl && n->cfg.check)
		c = n->cfg.check(n->cfg.arg, fl->id, fl->ssl, fl->trunk);
	if (c == NET_CHECK_NONE) {
		opened(fl, now_ns);
	} else if (c == NET_CHECK_ASKED) {
		fl->state = FLOW_CHECKED;
		fl->moved_ns = now_ns;
		(void)event_del(fl->rd);
		arm(fl);
	} else {
		refuse_flow(fl, CV__SIP_FAULT__SIP_FAULT_UNKNOWN,
			    "nobody can be asked", got, fl->trunk);
	}
}

void net_checked(struct net *n, uint32_t flow, Cv__SipFault fault,
		 const char *why, uint64_t now_ns)
{
	struct flow *fl = find(n, flow);

	if (!fl || fl->state != FLOW_CHECKED)
		return;
	if (fault) {
		refuse_flow(fl, fault, why, span_of(fl->names, fl->names_n),
			    fl->trunk);
		return;
	}
	opened(fl, now_ns);
	if (fl->state == FLOW_OPEN)
		arm(fl);
}

static void handshake(struct flow *fl, uint64_t now_ns)
{
	int r, e;

	ERR_clear_error();
	/* Ours without TLS: ready as soon as it may be written to. */
	r = fl->ssl ? SSL_do_handshake(fl->ssl) : 1;
	if (r == 1) {
		want_write(fl, false);
		shaken(fl, now_ns);
		return;
	}
	e = SSL_get_error(fl->ssl, r);
	if (e == SSL_ERROR_WANT_WRITE)
		want_write(fl, true);
	else if (e == SSL_ERROR_WANT_READ)
		want_write(fl, false);
	else
		handshake_failed(fl);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct flow *fl = arg;
	struct net *n = fl->n;
	uint64_t now_ns = clock_mono_ns();
	int r = 0;

	(void)fd;
	if (fl->state == FLOW_HANDSHAKE) {
		n->cfg.on_serving(n->cfg.arg, &fl->peer.source);
		handshake(fl, now_ns);
	}
	if (fl->state == FLOW_OPEN && !is_inside(fl, now_ns) &&
	    !fl->is_client &&
	    face_bans(n->cfg.face, &fl->peer.source, now_ns)) {
		face_add(n->cfg.face, SIP_N_DROPPED_BANNED);
		r = E_DENIED;
	}
	if (!r && fl->state == FLOW_OPEN && what & EV_WRITE)
		r = flush(fl);
	if (!r && fl->state == FLOW_OPEN)
		r = read_some(fl, now_ns);
	if (fl->state >= FLOW_OPEN)
		after(fl, r);
	n->cfg.on_serving(n->cfg.arg, NULL);
}

/* --- making them ------------------------------------------------------------------------ */

/* Takes fd over, also on failure. */
static int flow_new(struct net *n, struct flow **out, int fd,
		    const struct sip_peer *peer, uint64_t now_ns)
{
	struct flow *fl = mem_zalloc(sizeof(*fl));
	int r = E_NOMEM;

	if (!fl) {
		close(fd);
		return r;
	}
	fl->n = n;
	fl->fd = fd;
	fl->peer = *peer;
	fl->is_first = true;
	fl->born_ns = fl->moved_ns = now_ns;
	list_init(&fl->at);
	timer_init(&fl->due, on_due, fl);
	fl->id = fl->peer.flow = ++n->last_id ? n->last_id : ++n->last_id;
	fl->rd = event_new(n->cfg.base, fd, EV_READ | EV_PERSIST, on_ready,
			   fl);
	fl->wr = event_new(n->cfg.base, fd, EV_WRITE | EV_PERSIST, on_ready,
			   fl);
	if (fl->rd && fl->wr && event_add(fl->rd, NULL) == 0)
		r = map_put(n->flows, span_of(&fl->id, sizeof(fl->id)), fl);
	if (r < 0)
		flow_free(fl);
	else
		*out = fl;
	return r;
}

static bool may_come(struct net *n, const struct addr *a, bool tls,
		     uint64_t now_ns)
{
	struct sources *s = face_sources(n->cfg.face);
	enum source_rank rank = sources_held(s, a, SOURCE_SESSIONS) ?
				SOURCE_PROOF : SOURCE_STRANGER;

	if (face_bans(n->cfg.face, a, now_ns)) {
		face_add(n->cfg.face, SIP_N_DROPPED_BANNED);
		return false;
	}
	if (net_flows(n) >= NET_CONNS_MAX ||
	    !sources_take(s, a, SOURCE_CONN, rank, now_ns) ||
	    !sources_hold(s, a, SOURCE_CONNS, now_ns))
		return false;
	if (!tls || sources_hold(s, a, SOURCE_HANDSHAKES, now_ns))
		return true;
	sources_drop(s, a, SOURCE_CONNS);
	return false;
}

static void came(struct listener *l, int fd, const struct addr *from,
		 uint64_t now_ns)
{
	struct net *n = l->n;
	struct sip_peer p = {
		.transport = l->tls ? CV__SIP_TRANSPORT__SIP_TLS :
			     CV__SIP_TRANSPORT__SIP_TCP,
		.source = *from,
	};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct flow *fl;

	if (!may_come(n, from, l->tls, now_ns)) {
		face_add(n->cfg.face, SIP_N_FLOWS_REFUSED);
		close(fd);
		return;
	}
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		(void)addr_from_sockaddr(&p.local, (struct sockaddr *)&ss,
					 len);
	if (flow_new(n, &fl, fd, &p, now_ns) < 0) {
		struct sources *s = face_sources(n->cfg.face);

		sources_drop(s, from, SOURCE_CONNS);
		if (l->tls)
			sources_drop(s, from, SOURCE_HANDSHAKES);
		return;
	}
	fl->holds_handshake = l->tls;
	if (!l->tls)
		opened(fl, now_ns);
	else if (sip_tls_accept(n->cfg.tls, &fl->ssl, fd) < 0)
		flow_end(fl, CV__SIP_END__SIP_END_TLS);
	if (fl->state != FLOW_DEAD)
		arm(fl);
}

static void pause_accept(struct net *n, uint64_t now_ns)
{
	log_warn(MOD, "cannot accept connections",
		 LOG_S("reason", strerror(errno)),
		 LOG_U("open", net_flows(n)));
	for (size_t i = 0; i < LISTENERS; i++)
		if (n->listen[i].ev)
			(void)event_del(n->listen[i].ev);
	timer_set(n->cfg.wheel, &n->pause, now_ns + ACCEPT_PAUSE_MS * NS_PER_MS);
}

static void on_pause(struct timer *tm, void *arg, uint64_t now_ns)
{
	struct net *n = arg;

	(void)tm;
	(void)now_ns;
	for (size_t i = 0; i < LISTENERS; i++)
		if (n->listen[i].ev)
			(void)event_add(n->listen[i].ev, NULL);
}

static void on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct listener *l = arg;
	uint64_t now_ns = clock_mono_ns();

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct addr from;
		int fd = accept4(lfd, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOMEM || errno == ENOBUFS)
				pause_accept(l->n, now_ns);
			return;
		}
		if (addr_from_sockaddr(&from, (struct sockaddr *)&ss, len) < 0)
			close(fd);
		else
			came(l, fd, &from, now_ns);
	}
}

int net_listen(struct net *n, bool tls, int fd)
{
	struct listener *l = &n->listen[tls];

	if (l->ev)
		event_free(l->ev);
	if (l->fd >= 0)
		close(l->fd);
	l->ev = NULL;
	l->fd = fd;
	l->tls = tls;
	if (fd < 0)
		return 0;
	l->ev = event_new(n->cfg.base, fd, EV_READ | EV_PERSIST, on_accept, l);
	return l->ev && event_add(l->ev, NULL) == 0 ? 0 : E_NOMEM;
}

/* --- connections that courier made ---------------------------------------------------------- */

static int start_tls(struct net *n, struct flow *fl, const struct face_dial *d)
{
	const struct trunk *k = d->trunk.n ?
		trunks_named(sip_tls_trunks(n->cfg.tls), d->trunk) : NULL;

	/* A proxy whose rules are not known here is nobody. */
	if (d->trunk.n && !k)
		return E_NOTFOUND;
	return sip_tls_connect(n->cfg.tls, &fl->ssl, fl->fd, d->name,
			       d->verify, k ? k->id : 0);
}

int net_dial(struct net *n, struct face_dial *d, uint64_t now_ns)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct flow *fl;
	int r;

	if (getsockname(d->fd, (struct sockaddr *)&ss, &len) == 0)
		(void)addr_from_sockaddr(&d->peer.local,
					 (struct sockaddr *)&ss, len);
	r = flow_new(n, &fl, d->fd, &d->peer, now_ns);
	d->fd = -1;
	if (r < 0)
		return r;
	fl->is_client = true;
	d->peer.flow = fl->id;
	if (d->peer.transport == CV__SIP_TRANSPORT__SIP_TLS)
		r = start_tls(n, fl, d);
	if (r < 0) {
		(void)map_del(n->flows, span_of(&fl->id, sizeof(fl->id)));
		flow_free(fl);
		return r;
	}
	/* The face hears of it in a turn of its own. */
	want_write(fl, true);
	arm(fl);
	return 0;
}

/* --- datagrams ------------------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void local_of(struct msghdr *h, struct addr *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct in6_pktinfo info;

		if (c->cmsg_level != IPPROTO_IPV6 ||
		    c->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		memcpy(out->ip, &info.ipi6_addr, 16);
	}
}

static void take(struct net *n, struct mmsghdr *m, const uint8_t *bytes,
		 uint64_t now_ns)
{
	struct sip_peer p = {.transport = CV__SIP_TRANSPORT__SIP_UDP};

	if (m->msg_hdr.msg_flags & MSG_TRUNC ||
	    addr_from_sockaddr(&p.source, m->msg_hdr.msg_name,
			       m->msg_hdr.msg_namelen) < 0 ||
	    p.source.port == 0)
		return;
	local_of(&m->msg_hdr, &p.local);
	face_datagram(n->cfg.face, &p, span_of(bytes, m->msg_len), now_ns);
}

static int batch(struct net *n)
{
	struct sockaddr_storage from[NET_BATCH];
	union control control[NET_BATCH];
	struct mmsghdr msgs[NET_BATCH];
	struct iovec iov[NET_BATCH];
	uint64_t now_ns;
	int got;

	for (int i = 0; i < NET_BATCH; i++) {
		iov[i] = (struct iovec){n->batch[i], SIP_MESSAGE_MAX};
		msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i], .msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i], .msg_iovlen = 1,
			.msg_control = &control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	got = recvmmsg(n->udp, msgs, NET_BATCH, MSG_DONTWAIT, NULL);
	now_ns = clock_mono_ns();
	for (int i = 0; i < got; i++)
		take(n, &msgs[i], n->batch[i], now_ns);
	return got;
}

static void on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < BATCHES_A_TURN && n->udp >= 0; i++)
		if (batch(n) < NET_BATCH)
			break;
}

int net_udp(struct net *n, int fd)
{
	if (n->udp_ev)
		event_free(n->udp_ev);
	if (n->udp >= 0)
		close(n->udp);
	n->udp_ev = NULL;
	n->udp = fd;
	if (fd < 0)
		return 0;
	n->udp_ev = event_new(n->cfg.base, fd, EV_READ | EV_PERSIST, on_udp,
			      n);
	return n->udp_ev && event_add(n->udp_ev, NULL) == 0 ? 0 : E_NOMEM;
}

static bool is_known(const struct addr *a)
{
	static const uint8_t none[16];

	return memcmp(a->ip, none, 16) != 0;
}

/* From the address that the other side knows. */
static int send_datagram(struct net *n, const struct sip_peer *to,
			 struct span s)
{
	struct iovec iov = {(void *)(uintptr_t)s.p, s.n};
	struct in6_pktinfo info = {.ipi6_ifindex = 0};
	union control control;
	struct sockaddr_storage ss;
	struct msghdr h = {.msg_name = &ss, .msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (n->udp < 0)
		return E_CLOSED;
	addr_to_sockaddr(&to->source, &ss, &h.msg_namelen);
	if (is_known(&to->local)) {
		memset(&control, 0, sizeof(control));
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(&info.ipi6_addr, to->local.ip, 16);
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
	return sendmsg(n->udp, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
	       E_SYS : 0;
}

/* --- for the face ------------------------------------------------------------------------------ */

int net_send(struct net *n, const struct sip_peer *to, struct span bytes)
{
	struct flow *fl;

	if (to->transport == CV__SIP_TRANSPORT__SIP_UDP)
		return send_datagram(n, to, bytes);
	fl = find(n, to->flow);
	return fl ? flow_send(fl, bytes) : E_CLOSED;
}

bool net_flow(const struct net *n, uint32_t flow, struct sip_peer *out,
	      struct span *names)
{
	const struct flow *fl = find(n, flow);

	if (!fl)
		return false;
	if (out)
		*out = fl->peer;
	*names = span_of(fl->names, fl->names_n);
	return true;
}

bool net_trunk(const struct net *n, uint32_t flow, struct span *name)
{
	const struct flow *fl = find(n, flow);
	const struct trunk *k = fl ? trunks_get(sip_tls_trunks(n->cfg.tls),
						fl->trunk) : NULL;

	*name = k ? k->name : SPAN_NONE;
	return k && k->believes;
}

void net_inside(struct net *n, const struct sip_peer *p, bool in)
{
	struct flow *fl = p->flow ? find(n, p->flow) : NULL;

	if (!fl)
		return;
	if (in)
		fl->inside++;
	else if (fl->inside)
		fl->inside--;
	arm(fl);
}

void net_registered(struct net *n, const struct sip_peer *p, uint32_t for_s)
{
	struct flow *fl = p->flow ? find(n, p->flow) : NULL;
	const uint64_t until = clock_mono_ns() + for_s * NS_PER_S;

	if (!fl)
		return;
	if (!for_s || until > fl->registered_ns)
		fl->registered_ns = for_s ? until : 0;
	fl->has_registered |= for_s > 0;
	arm(fl);
}
