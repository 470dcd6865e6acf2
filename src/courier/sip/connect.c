#include "courier/sip/connect.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/rand.h"
#include "courier/own.h"
#include "courier/sip/target.h"
#include "courier/url.h"

#define MOD "connect"

enum { TIMEOUT_MAX_MS = COURIER_TIMEOUT_MS_MAX };

struct attempt {
	struct courier *c;
	struct list at;			/* courier->connects */
	uint32_t req, skip;
	bool is_trusted, is_literal;
	char host[URL_HOST_MAX + 1];
	struct event *deadline, *ev;	/* whole; this connection */
	int fd;
	struct names_query *query;
	struct targets targets;
	size_t target;			/* being tried */
	struct addr addrs[NAMES_ADDRS_MAX];
	size_t n_addrs, addr;
	uint32_t looked_at;		/* addresses, in all */
	bool has_name;			/* something resolved */
	Cv__HttpError error;		/* of the last one that failed */
	enum outguard_reason guard;
};

static void next_address(struct attempt *t);
static void next_target(struct attempt *t);

/* --- the end ------------------------------------------------------------------ */

static void attempt_free(struct attempt *t)
{
	if (t->query)
		names_cancel(t->query);
	if (t->deadline)
		event_free(t->deadline);
	if (t->ev)
		event_free(t->ev);
	if (t->fd >= 0)
		(void)close(t->fd);
	list_del(&t->at);
	t->c->n_connects--;
	mem_free(t);
}

static void tell(struct courier *c, Cv__Connected *m, int fd)
{
	c->stats.answered++;
	if (c->core)
		(void)ipc_chan_send(ipc_ev_chan(c->core), IPC_CONNECTED,
				    &m->base, &fd, fd >= 0 ? 1 : 0);
}

static void refuse(struct courier *c, uint32_t req, Cv__HttpError error)
{
	Cv__Connected m = CV__CONNECTED__INIT;

	m.req = req;
	m.error = error;
	if (error == CV__HTTP_ERROR__HTTP_BUSY)
		c->stats.busy++;
	else
		c->stats.failed++;
	tell(c, &m, -1);
}

static void fail(struct attempt *t, Cv__HttpError error)
{
	Cv__Connected m = CV__CONNECTED__INIT;
	struct courier *c = t->c;

	m.req = t->req;
	m.error = error;
	m.guard = error == CV__HTTP_ERROR__HTTP_GUARDED ? t->guard : 0;
	if (error == CV__HTTP_ERROR__HTTP_GUARDED)
		c->stats.guarded++;
	c->stats.failed++;
	log_info(MOD, "no connection", LOG_T("host", span_str(t->host)),
		 LOG_U("error", error),
		 LOG_S("guard", outguard_reason_text(t->guard)));
	attempt_free(t);
	tell(c, &m, -1);
}

static Cv__ConnectTransport transport_of(enum target_transport tr)
{
	return tr == TARGET_TLS ? CV__CONNECT_TRANSPORT__CONNECT_TLS :
	       tr == TARGET_TCP ? CV__CONNECT_TRANSPORT__CONNECT_TCP :
				  CV__CONNECT_TRANSPORT__CONNECT_UDP;
}

static void succeed(struct attempt *t)
{
	const struct target *x = &t->targets.list[t->target];
	const struct addr *a = &t->addrs[t->addr];
	Cv__Connected m = CV__CONNECTED__INIT;
	char name[URL_HOST_MAX + 1];
	struct courier *c = t->c;
	uint8_t ip[16];
	int fd = t->fd;

	memcpy(ip, a->ip, sizeof(ip));
	memcpy(name, t->host, sizeof(name));
	m.req = t->req;
	m.address = ipc_data(span_of(ip, sizeof(ip)));
	m.port = a->port;
	m.transport = transport_of(x->transport);
	m.name = ipc_data(span_str(name));
	m.left = (uint32_t)(t->n_addrs - t->addr - 1 +
			    t->targets.n - t->target - 1);
	t->fd = -1;
	attempt_free(t);
	tell(c, &m, fd);
	if (fd >= 0)
		(void)close(fd);	/* the kernel made core's own */
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *t = arg;

	(void)fd;
	(void)what;
	t->c->stats.timeouts++;
	fail(t, CV__HTTP_ERROR__HTTP_TIMEOUT);
}

/* --- one address ---------------------------------------------------------------- */

static enum outguard_reason check(const struct attempt *t,
				  const struct addr *a)
{
	bool literal = t->is_literal && t->is_trusted;
	enum outguard_reason r = outguard_check(a, literal ?
		OUTGUARD_LITERAL : OUTGUARD_NAMED, &t->c->rules);

	if (r == OUTGUARD_ALLOWED && t->c->can_tell_own && own_is(a))
		r = OUTGUARD_OWN;
	return r;
}

static void give_up_address(struct attempt *t, Cv__HttpError error)
{
	if (t->ev)
		event_free(t->ev);
	t->ev = NULL;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	t->error = error;
	t->addr++;
	next_address(t);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *t = arg;
	socklen_t n = sizeof(int);
	int e = 0;

	if (what & EV_TIMEOUT)
		e = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0)
		e = errno;
	if (e) {
		give_up_address(t, e == ETIMEDOUT ?
				CV__HTTP_ERROR__HTTP_TIMEOUT :
				CV__HTTP_ERROR__HTTP_CONNECT);
		return;
	}
	event_free(t->ev);
	t->ev = NULL;
	succeed(t);
}

static int begin_connect(struct attempt *t, const struct addr *a)
{
	static const struct timeval limit = {
		.tv_sec = CONNECT_TRY_MS / 1000,
		.tv_usec = CONNECT_TRY_MS % 1000 * 1000,
	};
	struct sockaddr_storage ss;
	socklen_t n;
	int on = 1;

	addr_to_sockaddr(a, &ss, &n);
	t->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0);
	if (t->fd < 0)
		return E_SYS;
	(void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(t->fd, (struct sockaddr *)&ss, n) < 0 &&
	    errno != EINPROGRESS)
		return E_SYS;
	t->ev = event_new(t->c->base, t->fd, EV_WRITE | EV_TIMEOUT,
			  on_connected, t);
	return t->ev && event_add(t->ev, &limit) == 0 ? 0 : E_NOMEM;
}

static void try_address(struct attempt *t)
{
	const struct addr *a = &t->addrs[t->addr];
	enum outguard_reason why = check(t, a);

	if (why != OUTGUARD_ALLOWED) {
		t->guard = why;
		give_up_address(t, t->error);
		return;
	}
	if (t->skip > 0) {
		t->skip--;
		give_up_address(t, CV__HTTP_ERROR__HTTP_CONNECT);
		return;
	}
	if (t->targets.list[t->target].transport == TARGET_UDP)
		succeed(t);
	else if (begin_connect(t, a) < 0)
		give_up_address(t, CV__HTTP_ERROR__HTTP_CONNECT);
}

static void next_address(struct attempt *t)
{
	if (t->addr < t->n_addrs && t->looked_at++ < CONNECT_ADDRS_MAX) {
		try_address(t);
		return;
	}
	t->target++;
	next_target(t);
}

/* --- one target ------------------------------------------------------------------- */

static void on_addresses(void *arg, int error, const struct addr *addrs,
			 size_t n)
{
	struct attempt *t = arg;

	t->query = NULL;
	t->addr = 0;
	t->n_addrs = error == 0 ? n : 0;
	memcpy(t->addrs, addrs, t->n_addrs * sizeof(addrs[0]));
	t->has_name |= error == 0;
	next_address(t);
}

static void nowhere(struct attempt *t)
{
	if (t->guard != OUTGUARD_ALLOWED &&
	    t->error == CV__HTTP_ERROR__HTTP_NAME)
		fail(t, CV__HTTP_ERROR__HTTP_GUARDED);
	else
		fail(t, t->error);
}

static void next_target(struct attempt *t)
{
	const struct target *x = &t->targets.list[t->target];
	struct url host;

	if (t->target >= t->targets.n || t->looked_at >= CONNECT_ADDRS_MAX) {
		nowhere(t);
		return;
	}
	t->n_addrs = 0;
	if (url_host(&host, span_str(x->host), x->port) < 0) {
		t->target++;
		next_target(t);		/* at most SIP_TARGETS_MAX deep */
	} else if (host.is_literal) {
		on_addresses(t, 0, &host.addr, 1);
	} else if (names_lookup(t->c->names, host.host, x->port, on_addresses,
				t, &t->query) < 0) {
		fail(t, CV__HTTP_ERROR__HTTP_BUSY);
	}
}

/* --- the targets -------------------------------------------------------------------- */

static void on_srv(void *arg, int error, const void *records, size_t n);
static void on_naptr(void *arg, int error, const void *records, size_t n);

static void ask(struct attempt *t, enum target_ask what, const char *name)
{
	int r = 0;

	if (what == TARGET_ASK_NAPTR)
		r = names_records(t->c->names, NAMES_NAPTR, name, on_naptr, t,
				  &t->query);
	else if (what == TARGET_ASK_SRV)
		r = names_records(t->c->names, NAMES_SRV, name, on_srv, t,
				  &t->query);
	if (r < 0)
		fail(t, CV__HTTP_ERROR__HTTP_BUSY);
	else if (what == TARGET_ASK_NOTHING)
		next_target(t);
}

static void on_naptr(void *arg, int error, const void *records, size_t n)
{
	struct attempt *t = arg;
	const char *name = NULL;
	enum target_ask what;

	t->query = NULL;
	what = targets_naptr(&t->targets, records, error == 0 ? n : 0, &name);
	ask(t, what, name);
}

static void on_srv(void *arg, int error, const void *records, size_t n)
{
	struct attempt *t = arg;
	const char *name = NULL;
	enum target_ask what;

	t->query = NULL;
	what = targets_srv(&t->targets, records, error == 0 ? n : 0, &name);
	ask(t, what, name);
}

/* --- a request ------------------------------------------------------------------------ */

static uint32_t below(void *arg, uint32_t n)
{
	(void)arg;
	return rand_below(n);
}

/* The two lists of transports are one: no table between them. */
_Static_assert((int)TARGET_UDP == (int)CV__CONNECT_TRANSPORT__CONNECT_UDP &&
	       (int)TARGET_TCP == (int)CV__CONNECT_TRANSPORT__CONNECT_TCP &&
	       (int)TARGET_TLS == (int)CV__CONNECT_TRANSPORT__CONNECT_TLS,
	       "transports of courier.proto");

static int begin(struct attempt *t, const Cv__Connect *m)
{
	struct targets_cfg cfg = { .allowed = m->allowed, .sips = m->sips,
				   .random = below };
	enum target_ask what;
	const char *name;
	struct url host;
	int r;

	if (m->port > UINT16_MAX)
		return E_FORMAT;
	r = url_host(&host, ipc_bytes(m->host), (uint16_t)m->port);
	if (r < 0)
		return r;
	memcpy(t->host, host.host, sizeof(t->host));
	t->is_literal = host.is_literal;
	cfg.host = t->host;
	cfg.is_literal = host.is_literal;
	cfg.port = (uint16_t)m->port;
	r = targets_begin(&t->targets, &cfg, &what, &name);
	if (r == 0)
		ask(t, what, name);
	return r;
}

static int arm(struct attempt *t, uint32_t ms)
{
	struct timeval tv;

	if (ms == 0 || ms > TIMEOUT_MAX_MS)
		ms = TIMEOUT_MAX_MS;
	tv = (struct timeval){.tv_sec = ms / 1000,
			      .tv_usec = ms % 1000 * 1000};
	t->deadline = event_new(t->c->base, -1, 0, on_deadline, t);
	return t->deadline && event_add(t->deadline, &tv) == 0 ? 0 : E_NOMEM;
}

void connect_take(struct courier *c, const Cv__Connect *m)
{
	struct attempt *t = c->n_connects < CONNECT_AT_ONCE_MAX ?
			    mem_zalloc(sizeof(*t)) : NULL;
	int r;

	c->stats.asked++;
	if (!t) {
		refuse(c, m->req, CV__HTTP_ERROR__HTTP_BUSY);
		return;
	}
	t->c = c;
	t->req = m->req;
	t->skip = m->skip;
	t->is_trusted = m->trusted_literal;
	t->fd = -1;
	t->error = CV__HTTP_ERROR__HTTP_NAME;
	list_add_tail(&c->connects, &t->at);
	c->n_connects++;
	r = arm(t, m->timeout_ms);
	if (r == 0)
		r = begin(t, m);
	if (r < 0) {
		attempt_free(t);
		refuse(c, m->req, r == E_NOMEM ? CV__HTTP_ERROR__HTTP_BUSY :
						 CV__HTTP_ERROR__HTTP_BAD_URL);
	}
}

void connect_drop_all(struct courier *c)
{
	list_each(it, tmp, &c->connects)
		attempt_free(list_entry(it, struct attempt, at));
}
