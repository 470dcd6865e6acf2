#include "courier/names/names.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "base/list.h"
#include "courier/sip/target.h"

enum { SOCKETS_MAX = 64, TRY_MS = 1500, TRIES = 2 };

struct sock {
	struct names *n;
	ares_socket_t fd;
	struct event *ev;
};

struct names {
	struct event_base *base;
	ares_channel ch;
	struct event *timeout;
	struct sock socks[SOCKETS_MAX];
	size_t n_queries;
	struct list ready;	/* queries whose answer is to be told */
	struct event *later;
};

struct names_query {
	struct names *n;
	struct list at;		/* names->ready */
	names_fn fn;		/* NULL: cancelled */
	void *arg;
	uint16_t port;
	int error;
	struct addr addrs[NAMES_ADDRS_MAX];
	size_t n_addrs;
	enum names_kind kind;	/* 0: addresses */
	names_records_fn on_records;
	void *records;		/* SIP_RECORDS_MAX of the kind */
	size_t n_records;
};

/* --- c-ares on the loop --------------------------------------------------- */

static void arm(struct names *n)
{
	struct timeval tv, *next = ares_timeout(n->ch, NULL, &tv);

	if (next)
		(void)event_add(n->timeout, next);
	else
		(void)event_del(n->timeout);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct names *n = arg;

	(void)fd;
	(void)what;
	ares_process_fd(n->ch, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(n);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct names *n = ((struct sock *)arg)->n;

	ares_process_fd(n->ch, what & EV_READ ? fd : ARES_SOCKET_BAD,
			what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	arm(n);
}

static void sock_drop(struct sock *s)
{
	if (s->ev)
		event_free(s->ev);
	s->ev = NULL;
	s->fd = ARES_SOCKET_BAD;
}

static struct sock *sock_of(struct names *n, ares_socket_t fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (n->socks[i].fd == fd)
			return &n->socks[i];
	return NULL;
}

/* A socket without an event is not served: its query times out. */
static void on_state(void *arg, ares_socket_t fd, int rd, int wr)
{
	struct names *n = arg;
	struct sock *s = sock_of(n, fd);
	short what = (short)((rd ? EV_READ : 0) | (wr ? EV_WRITE : 0));

	if (!s)
		s = what ? sock_of(n, ARES_SOCKET_BAD) : NULL;
	if (!s)
		return;
	sock_drop(s);
	if (!what)
		return;
	s->fd = fd;
	s->ev = event_new(n->base, fd, (short)(what | EV_PERSIST), on_socket,
			  s);
	if (s->ev)
		(void)event_add(s->ev, NULL);
}

/* --- answers --------------------------------------------------------------- */

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
		return E_NOTFOUND;
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return E_FORMAT;
	case ARES_ENOMEM:
		return E_NOMEM;
	default:
		return E_TIMEOUT;
	}
}

static void take(struct names_query *q, const struct ares_addrinfo *info)
{
	struct addr a;

	for (const struct ares_addrinfo_node *at = info->nodes;
	     at && q->n_addrs < NAMES_ADDRS_MAX; at = at->ai_next) {
		if (addr_from_sockaddr(&a, at->ai_addr, at->ai_addrlen) < 0)
			continue;
		a.port = q->port;
		q->addrs[q->n_addrs++] = a;
	}
}

static void query_free(struct names_query *q)
{
	q->n->n_queries--;
	list_del(&q->at);
	mem_free(q->records);
	mem_free(q);
}

static void on_answer(void *arg, int status, int timeouts,
		      struct ares_addrinfo *info)
{
	struct names_query *q = arg;

	(void)timeouts;
	q->error = error_of(status);
	if (info) {
		take(q, info);
		ares_freeaddrinfo(info);
	}
	if (q->error == 0 && q->n_addrs == 0)
		q->error = E_NOTFOUND;
	list_add_tail(&q->n->ready, &q->at);
	event_active(q->n->later, EV_TIMEOUT, 0);
}

/* --- records ---------------------------------------------------------------- */

static bool put_text(char *dst, size_t cap, const char *src)
{
	return span_cstr(span_str(src ? src : ""), dst, cap) == 0;
}

static void take_srv(struct names_query *q, const struct ares_srv_reply *a)
{
	struct srv_record *list = q->records;

	for (; a && q->n_records < SIP_RECORDS_MAX; a = a->next) {
		struct srv_record *r = &list[q->n_records];

		if (!put_text(r->host, sizeof(r->host), a->host))
			continue;
		r->priority = a->priority;
		r->weight = a->weight;
		r->port = a->port;
		q->n_records++;
	}
}

static void take_naptr(struct names_query *q, const struct ares_naptr_reply *a)
{
	struct naptr_record *list = q->records;

	for (; a && q->n_records < SIP_RECORDS_MAX; a = a->next) {
		struct naptr_record *r = &list[q->n_records];

		if (!put_text(r->flags, sizeof(r->flags),
			      (const char *)a->flags) ||
		    !put_text(r->service, sizeof(r->service),
			      (const char *)a->service) ||
		    !put_text(r->replacement, sizeof(r->replacement),
			      a->replacement))
			continue;
		r->has_regexp = a->regexp && a->regexp[0];
		r->order = a->order;
		r->preference = a->preference;
		q->n_records++;
	}
}

static int parse(struct names_query *q, const unsigned char *p, int n)
{
	struct ares_srv_reply *srv = NULL;
	struct ares_naptr_reply *naptr = NULL;
	int e;

	if (q->kind == NAMES_SRV) {
		e = ares_parse_srv_reply(p, n, &srv);
		take_srv(q, e == ARES_SUCCESS ? srv : NULL);
	} else {
		e = ares_parse_naptr_reply(p, n, &naptr);
		take_naptr(q, e == ARES_SUCCESS ? naptr : NULL);
	}
	if (srv)
		ares_free_data(srv);
	if (naptr)
		ares_free_data(naptr);
	return e == ARES_EBADRESP ? E_TIMEOUT : error_of(e);
}

static void on_record(void *arg, int status, int timeouts, unsigned char *p,
		      int n)
{
	struct names_query *q = arg;

	(void)timeouts;
	q->error = status == ARES_SUCCESS ? parse(q, p, n) : error_of(status);
	if (q->error == 0 && q->n_records == 0)
		q->error = E_NOTFOUND;
	list_add_tail(&q->n->ready, &q->at);
	event_active(q->n->later, EV_TIMEOUT, 0);
}

int names_records(struct names *n, enum names_kind kind, const char *name,
		  names_records_fn fn, void *arg, struct names_query **out)
{
	size_t size = kind == NAMES_SRV ? sizeof(struct srv_record) :
					  sizeof(struct naptr_record);
	struct names_query *q;

	if (n->n_queries == NAMES_MAX)
		return E_FULL;
	q = mem_zalloc(sizeof(*q));
	if (q)
		q->records = mem_calloc(SIP_RECORDS_MAX, size);
	if (!q || !q->records) {
		mem_free(q);
		return E_NOMEM;
	}
	q->n = n;
	q->kind = kind;
	q->on_records = fn;
	q->arg = arg;
	list_init(&q->at);
	n->n_queries++;
	*out = q;
	ares_query(n->ch, name, ns_c_in, kind == NAMES_SRV ? ns_t_srv :
		   ns_t_naptr, on_record, q);
	arm(n);
	return 0;
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct names *n = arg;

	(void)fd;
	(void)what;
	list_each(it, tmp, &n->ready) {
		struct names_query *q = list_entry(it, struct names_query, at);

		if (q->fn)
			q->fn(q->arg, q->error, q->addrs, q->n_addrs);
		else if (q->on_records)
			q->on_records(q->arg, q->error, q->records,
				      q->n_records);
		query_free(q);
	}
}

/* --- life ------------------------------------------------------------------- */

static int channel_make(struct names *n, const char *servers)
{
	static char dns_only[] = "b";
	struct ares_options o = {
		.timeout = TRY_MS, .tries = TRIES, .lookups = dns_only,
		.sock_state_cb = on_state, .sock_state_cb_data = n,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS;

	if (ares_init_options(&n->ch, &o, mask) != ARES_SUCCESS)
		return E_SYS;
	if (servers &&
	    ares_set_servers_ports_csv(n->ch, servers) != ARES_SUCCESS)
		return E_FORMAT;
	return 0;
}

static int library_start(void)
{
	int e = ares_library_init_mem(ARES_LIB_INIT_ALL, mem_alloc, mem_free,
				      mem_realloc);

	return e == ARES_SUCCESS ? 0 : E_NOMEM;
}

int names_new(struct names **out, struct event_base *base,
	      const char *servers)
{
	struct names *n = mem_zalloc(sizeof(*n));
	int r = n ? library_start() : E_NOMEM;

	if (r < 0) {
		mem_free(n);
		return r;
	}
	n->base = base;
	list_init(&n->ready);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		n->socks[i] = (struct sock){.n = n, .fd = ARES_SOCKET_BAD};
	n->timeout = event_new(base, -1, 0, on_timeout, n);
	n->later = event_new(base, -1, 0, on_later, n);
	r = n->timeout && n->later ? channel_make(n, servers) : E_NOMEM;
	if (r < 0)
		names_free(&n);
	else
		*out = n;
	return r;
}

void names_free(struct names **np)
{
	struct names *n = *np;

	if (!n)
		return;
	if (n->ch)
		ares_destroy(n->ch);	/* answers every query */
	list_each(it, tmp, &n->ready)
		query_free(list_entry(it, struct names_query, at));
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		sock_drop(&n->socks[i]);
	if (n->timeout)
		event_free(n->timeout);
	if (n->later)
		event_free(n->later);
	ares_library_cleanup();
	mem_free(n);
	*np = NULL;
}

int names_lookup(struct names *n, const char *host, uint16_t port,
		 names_fn fn, void *arg, struct names_query **out)
{
	/* our own order: as the server said; the HTTP library tries several */
	static const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct names_query *q;

	if (n->n_queries == NAMES_MAX)
		return E_FULL;
	q = mem_zalloc(sizeof(*q));
	if (!q)
		return E_NOMEM;
	q->n = n;
	q->fn = fn;
	q->arg = arg;
	q->port = port;
	list_init(&q->at);
	n->n_queries++;
	*out = q;
	ares_getaddrinfo(n->ch, host, NULL, &hints, on_answer, q);
	arm(n);
	return 0;
}

void names_cancel(struct names_query *q)
{
	q->fn = NULL;
	q->on_records = NULL;
}
