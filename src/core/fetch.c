#include "core/fetch.h"

#include "base/addr.h"
#include "base/alloc.h"

struct fetches {
	struct map *by_req;
	struct share share;
};

struct fetch {
	struct core *c;
	struct share_place place;
	uint32_t req;
	uint64_t who;
	fetch_done_fn done;
	struct timer late;
};

static struct span key_of(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

static void answer(struct fetch *f, const Cv__HttpResult *r)
{
	struct fetches *t = f->c->fetches;

	(void)map_del(t->by_req, key_of(&f->req));
	share_give(&t->share, &f->place);
	timer_cancel(&f->late);
	f->done(f->c, f->who, r);
	mem_free(f);
}

/* courier keeps the time itself: this is for one that does not. */
static void on_late(struct timer *t, void *arg, uint64_t now_ns)
{
	struct fetch *f = arg;

	(void)t;
	(void)now_ns;
	core_turn(f->c);
	f->c->stats.fetches_lost++;
	answer(f, NULL);
}

/* "https://192.0.2.1/..." and "https://[2001:db8::1]:8443/...": whoever wrote
 * an address meant that address. */
static bool is_literal(struct span url)
{
	static const size_t scheme = 8;
	struct span host = span_of(url.p + scheme, url.n - scheme);
	struct addr a;
	size_t n = 0;

	if (url.n <= scheme)
		return false;
	if (host.p[0] == '[') {
		while (n < host.n && host.p[n] != ']')
			n++;
		return addr_parse(&a, span_of(host.p + 1, n ? n - 1 : 0),
				  0) == 0;
	}
	while (n < host.n && host.p[n] != '/' && host.p[n] != ':')
		n++;
	return addr_parse(&a, span_of(host.p, n), 0) == 0;
}

static int send_get(struct core *c, const struct fetch *f,
		const struct fetch_ask *ask)
{
	Cv__HttpGet m = CV__HTTP_GET__INIT;

	m.req = f->req;
	m.url = ipc_data(ask->url);
	m.username = ipc_data(ask->username);
	m.password = ipc_data(ask->password);
	m.timeout_ms = FETCH_TIMEOUT_MS;
	m.want = ask->want;
	m.width = ask->width;
	m.height = ask->height;
	m.trusted_literal = is_literal(ask->url);
	m.stranger = ask->who == SHARE_STRANGER;
	return ipc_send(ipc_ev_chan(c->courier), HTTP_GET, &m);
}

static int begin(struct core *c, struct fetch *f, const struct fetch_ask *ask)
{
	struct fetches *t = c->fetches;
	int r = share_take(&t->share, ask->who, ask->ip, &f->place);

	if (r < 0)
		return r;
	r = map_put(t->by_req, key_of(&f->req), f);
	if (r == 0) {
		r = send_get(c, f, ask);
		if (r < 0)
			(void)map_del(t->by_req, key_of(&f->req));
	}
	if (r < 0)
		share_give(&t->share, &f->place);
	return r;
}

int fetch_get(struct core *c, const struct fetch_ask *ask, uint64_t who,
	      fetch_done_fn done)
{
	struct fetch *f;
	int r;

	if (!c->courier)
		return E_CLOSED;
	f = mem_zalloc(sizeof(*f));
	if (!f)
		return E_NOMEM;
	*f = (struct fetch){.c = c, .req = ++c->next_req, .who = who,
			    .done = done};
	timer_init(&f->late, on_late, f);
	r = begin(c, f, ask);
	if (r < 0) {
		mem_free(f);
		return r;
	}
	timer_set(c->wheel, &f->late, c->now_ns +
		  FETCH_TIMEOUT_MS * NS_PER_MS + FETCH_GRACE_S * NS_PER_S);
	return 0;
}

int fetch_open(struct core *c)
{
	struct fetches *t = mem_zalloc(sizeof(*t));
	int r;

	if (!t)
		return E_NOMEM;
	c->fetches = t;
	r = share_init(&t->share, FETCH_MAX);
	return r ? r : map_new(&t->by_req, FETCH_MAX);
}

void fetch_stats(const struct core *c, struct share_stats *out)
{
	*out = c->fetches->share.stats;
}

void fetch_message(struct core *c, enum ipc_type type,
		   const ProtobufCMessage *msg)
{
	const Cv__HttpResult *r = (const Cv__HttpResult *)(const void *)msg;
	struct fetch *f;

	if (type != IPC_HTTP_RESULT)
		return;	/* SETTINGS_ACK */
	f = map_get(c->fetches->by_req, key_of(&r->req));
	if (f)
		answer(f, r);
	else
		c->stats.bad_handles++;
}

void fetch_down(struct core *c)
{
	size_t it = 0;
	void *v;

	while (map_next(c->fetches->by_req, &it, NULL, &v)) {
		answer(v, NULL);
		it = 0;
	}
}

uint32_t fetch_waiting(const struct core *c)
{
	return (uint32_t)map_count(c->fetches->by_req);
}
