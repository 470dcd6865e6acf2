#include "courier/courier.h"

#include <event2/event.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "courier/json/json.h"
#include "courier/own.h"
#include "courier/revoke/check.h"
#include "courier/lookup.h"
#include "courier/sip/connect.h"
#include "courier/url.h"
#include "wire/jpeg/jpeg.h"

#define MOD "courier"

enum { USER_MAX = 256, PASSWORD_MAX = 256 };

struct job {
	struct courier *c;
	struct list at;			/* courier->active or one that waits */
	bool is_active, is_stranger;
	uint32_t req;
	Cv__HttpWant want;
	uint32_t width, height;		/* of an image */
	bool trusted;
	uint64_t since_ns;
	struct event *deadline;
	struct names_query *query;
	struct fetch *fetch;
	struct url url;
	char *text;			/* what url.target points into */
	char *spelled;			/* as the HTTP library gets it */
	char username[USER_MAX];
	char password[PASSWORD_MAX];
};

static void next_job(struct courier *c);

/* --- the end of a job -------------------------------------------------------- */

static void count(struct job *j)
{
	struct courier *c = j->c;

	if (j->is_active) {
		c->n_active++;
		c->n_strangers_active += j->is_stranger;
	} else {
		c->n_waiting++;
		c->n_strangers_waiting += j->is_stranger;
	}
}

static void uncount(const struct job *j)
{
	struct courier *c = j->c;

	if (j->is_active) {
		c->n_active--;
		c->n_strangers_active -= j->is_stranger;
	} else {
		c->n_waiting--;
		c->n_strangers_waiting -= j->is_stranger;
	}
}

static void job_free(struct job *j)
{
	if (j->query)
		names_cancel(j->query);
	if (j->fetch)
		fetch_cancel(j->fetch);
	if (j->deadline)
		event_free(j->deadline);
	list_del(&j->at);
	uncount(j);
	mem_free(j->text);
	mem_free(j->spelled);
	secret_wipe(j->password, sizeof(j->password));
	mem_free(j);
}

static void tell(struct courier *c, Cv__HttpResult *r)
{
	c->stats.answered++;
	if (c->core &&
	    ipc_send(ipc_ev_chan(c->core), HTTP_RESULT, r) == E_LIMIT) {
		/* cannot be, by the limits of json.h; never leave it open */
		Cv__HttpResult too = CV__HTTP_RESULT__INIT;

		too.req = r->req;
		too.error = CV__HTTP_ERROR__HTTP_TOO_LARGE;
		(void)ipc_send(ipc_ev_chan(c->core), HTTP_RESULT, &too);
	}
}

/* Ends the job: what is in *r goes to core, and the next one may begin. */
static void answer(struct job *j, Cv__HttpResult *r)
{
	struct courier *c = j->c;

	r->req = j->req;
	r->ms = (uint32_t)((clock_mono_ns() - j->since_ns) / NS_PER_MS);
	tell(c, r);
	job_free(j);
	next_job(c);
}

static void fail(struct job *j, Cv__HttpError error)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;

	r.error = error;
	j->c->stats.failed++;
	answer(j, &r);
}

static void refuse(struct job *j, const struct addr *a,
		   enum outguard_reason why)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	char ip[ADDR_TEXT_MAX];

	addr_print_ip(a, ip);
	log_warn(MOD, "refused by the outbound guard",
		 LOG_S("host", j->url.host), LOG_S("address", ip),
		 LOG_S("reason", outguard_reason_text(why)));
	r.error = CV__HTTP_ERROR__HTTP_GUARDED;
	r.guard = why;
	j->c->stats.guarded++;
	answer(j, &r);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;

	(void)fd;
	(void)what;
	j->c->stats.timeouts++;
	fail(j, CV__HTTP_ERROR__HTTP_TIMEOUT);
}

/* --- the answer of the server -------------------------------------------------- */

static const Cv__HttpError errors[] = {
	[FETCH_OK] = CV__HTTP_ERROR__HTTP_OK,
	[FETCH_GUARDED] = CV__HTTP_ERROR__HTTP_GUARDED,
	[FETCH_CONNECT] = CV__HTTP_ERROR__HTTP_CONNECT,
	[FETCH_TLS] = CV__HTTP_ERROR__HTTP_TLS,
	[FETCH_TLS_CHAIN] = CV__HTTP_ERROR__HTTP_TLS_CHAIN,
	[FETCH_TLS_NAME] = CV__HTTP_ERROR__HTTP_TLS_NAME,
	[FETCH_TOO_LARGE] = CV__HTTP_ERROR__HTTP_TOO_LARGE,
	[FETCH_BAD] = CV__HTTP_ERROR__HTTP_BAD_ANSWER,
	[FETCH_NOMEM] = CV__HTTP_ERROR__HTTP_BUSY,
};

static Cv__HttpError read_json(const struct fetch_answer *a,
			       Cv__HttpResult *r, struct arena *mem)
{
	int e;

	if (strcmp(a->type, "application/json") != 0)
		return CV__HTTP_ERROR__HTTP_BAD_ANSWER;
	e = answer_read(r, a->body, mem);
	if (e == E_LIMIT)
		return CV__HTTP_ERROR__HTTP_TOO_LARGE;
	if (e == E_NOMEM)
		return CV__HTTP_ERROR__HTTP_BUSY;
	return e < 0 ? CV__HTTP_ERROR__HTTP_BAD_ANSWER :
		       CV__HTTP_ERROR__HTTP_OK;
}

/* Of the wanted size, grey or colour: it is shown by others, and CMYK looks
 * different in each browser. */
static Cv__HttpError read_image(const struct job *j,
				const struct fetch_answer *a,
				Cv__HttpResult *r)
{
	enum { GREY = 1, COLOUR = 3 };
	struct jpeg_head h;

	if (strcmp(a->type, "image/jpeg") != 0 ||
	    jpeg_head_read(&h, a->body) < 0 || h.width != j->width ||
	    h.height != j->height ||
	    (h.components != GREY && h.components != COLOUR))
		return CV__HTTP_ERROR__HTTP_BAD_ANSWER;
	r->body = ipc_data(a->body);
	return CV__HTTP_ERROR__HTTP_OK;
}

static Cv__HttpError read_answer(const struct job *j,
				 const struct fetch_answer *a,
				 Cv__HttpResult *r, struct arena *mem)
{
	if (a->outcome != FETCH_OK)
		return errors[a->outcome];
	r->status = a->status;
	if (a->status >= 300 && a->status < 400)
		return CV__HTTP_ERROR__HTTP_REDIRECT;
	if (a->status != 200)
		return CV__HTTP_ERROR__HTTP_OK;
	return j->want == CV__HTTP_WANT__WANT_IMAGE ? read_image(j, a, r) :
						      read_json(a, r, mem);
}

static void on_fetched(void *arg, const struct fetch_answer *a)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;
	struct job *j = arg;
	struct arena *mem = NULL;

	j->fetch = NULL;
	if (a->outcome == FETCH_GUARDED) {
		refuse(j, &a->peer, a->guard);
		return;
	}
	if (arena_new(&mem, ANSWER_ARENA_BYTES) < 0) {
		fail(j, CV__HTTP_ERROR__HTTP_BUSY);
		return;
	}
	r.error = read_answer(j, a, &r, mem);
	if (a->has_peer)
		r.address = ipc_data(span_of(a->peer.ip, 16));
	if (r.error != CV__HTTP_ERROR__HTTP_OK) {
		j->c->stats.failed++;
		log_warn(MOD, "a request failed", LOG_S("host", j->url.host),
			 LOG_U("error", r.error), LOG_U("status", r.status),
			 LOG_S("detail", a->detail));
	}
	answer(j, &r);
	arena_free(&mem);
}

/* --- on the way out --------------------------------------------------------------- */

static enum outguard_reason check(const struct job *j, const struct addr *a)
{
	bool literal = j->url.is_literal && j->trusted;
	enum outguard_reason r = outguard_check(a, literal ?
		OUTGUARD_LITERAL : OUTGUARD_NAMED, &j->c->rules);

	if (r == OUTGUARD_ALLOWED && j->c->can_tell_own && own_is(a))
		r = OUTGUARD_OWN;
	return r;
}

static enum outguard_reason may(void *arg, const struct addr *a)
{
	return check(arg, a);
}

static void connect_to(struct job *j, const struct addr *addrs, size_t n)
{
	struct fetch_req req = {
		.host = j->url.host, .port = j->url.port, .url = j->spelled,
		.addrs = addrs, .n_addrs = n,
		.username = j->username[0] ? j->username : NULL,
		.password = j->password,
		.body_max = j->want == CV__HTTP_WANT__WANT_IMAGE ?
			    IMAGE_BYTES_MAX : ANSWER_BYTES_MAX,
		.may = may, .fn = on_fetched, .arg = j,
	};

	int r = fetch_start(j->c->fetcher, &req, &j->fetch);

	secret_wipe(j->password, sizeof(j->password));	/* it has its own */
	if (r < 0)
		fail(j, r == E_AUTH ? CV__HTTP_ERROR__HTTP_TLS_CHAIN :
				      CV__HTTP_ERROR__HTTP_BUSY);
}

/* Of what a name resolves to, what may not be is left out. */
static void reach(struct job *j, const struct addr *addrs, size_t n)
{
	struct addr good[FETCH_ADDRS_MAX];
	enum outguard_reason why = OUTGUARD_ALLOWED;
	const struct addr *bad = addrs;
	size_t n_good = 0;

	for (size_t i = 0; i < n && n_good < FETCH_ADDRS_MAX; i++) {
		enum outguard_reason r = check(j, &addrs[i]);

		if (r == OUTGUARD_ALLOWED) {
			good[n_good++] = addrs[i];
		} else {
			why = r;
			bad = &addrs[i];
		}
	}
	if (n_good)
		connect_to(j, good, n_good);
	else
		refuse(j, bad, why);
}

static void on_names(void *arg, int error, const struct addr *addrs, size_t n)
{
	struct job *j = arg;

	j->query = NULL;
	if (error < 0)
		log_warn(MOD, "a name does not resolve",
			 LOG_S("host", j->url.host), LOG_E("reason", error));
	if (error == 0)
		reach(j, addrs, n);
	else
		fail(j, error == E_NOMEM ? CV__HTTP_ERROR__HTTP_BUSY :
					   CV__HTTP_ERROR__HTTP_NAME);
}

static void job_begin(struct job *j)
{
	if (j->url.is_literal)
		reach(j, &j->url.addr, 1);
	else if (names_lookup(j->c->names, j->url.host, j->url.port, on_names,
			      j, &j->query) < 0)
		fail(j, CV__HTTP_ERROR__HTTP_BUSY);
}

static struct list *first_waiting(struct courier *c)
{
	if (!list_is_empty(&c->waiting))
		return c->waiting.next;
	if (!list_is_empty(&c->strangers) &&
	    c->n_strangers_active < COURIER_STRANGERS_ACTIVE_MAX)
		return c->strangers.next;
	return NULL;
}

static void next_job(struct courier *c)
{
	struct list *first;

	while (c->n_active < COURIER_ACTIVE_MAX &&
	       (first = first_waiting(c))) {
		struct job *j = list_entry(first, struct job, at);

		list_del(&j->at);
		list_add_tail(&c->active, &j->at);
		uncount(j);
		j->is_active = true;
		count(j);
		job_begin(j);
	}
}

/* --- a new job ----------------------------------------------------------------------- */

static void answer_now(struct courier *c, uint32_t req, Cv__HttpError error)
{
	Cv__HttpResult r = CV__HTTP_RESULT__INIT;

	r.req = req;
	r.error = error;
	if (error == CV__HTTP_ERROR__HTTP_BUSY)
		c->stats.busy++;
	tell(c, &r);
}

static int job_fill(struct job *j, const Cv__HttpGet *m)
{
	int r;

	j->text = mem_dup(m->url.data, m->url.len);
	j->spelled = mem_alloc(URL_PRINT_MAX);
	if (!j->text || !j->spelled)
		return E_NOMEM;
	r = url_parse(&j->url, span_of(j->text, m->url.len));
	if (r == 0)
		r = span_cstr(ipc_bytes(m->username), j->username, USER_MAX);
	if (r == 0)
		r = span_cstr(ipc_bytes(m->password), j->password,
			      PASSWORD_MAX);
	if (r == 0)
		url_print(&j->url, j->spelled);
	return r;
}

static int job_arm(struct job *j, uint32_t ms)
{
	struct timeval tv;

	if (ms == 0 || ms > COURIER_TIMEOUT_MS_MAX)
		ms = COURIER_TIMEOUT_MS_MAX;
	tv = (struct timeval){.tv_sec = ms / 1000,
			      .tv_usec = ms % 1000 * 1000};
	j->deadline = event_new(j->c->base, -1, 0, on_deadline, j);
	return j->deadline && event_add(j->deadline, &tv) == 0 ? 0 : E_NOMEM;
}

static bool has_place(const struct courier *c, bool stranger)
{
	return c->n_waiting < COURIER_WAITING_MAX &&
	       !(stranger && c->n_strangers_waiting >=
		 COURIER_STRANGERS_WAITING_MAX);
}

static void take_get(struct courier *c, const Cv__HttpGet *m)
{
	struct job *j = has_place(c, m->stranger) ? mem_zalloc(sizeof(*j)) :
			NULL;
	uint32_t req = m->req;
	int r;

	c->stats.asked++;
	if (!j) {
		answer_now(c, req, CV__HTTP_ERROR__HTTP_BUSY);
		return;
	}
	*j = (struct job){.c = c, .req = req, .want = m->want,
			  .width = m->width, .height = m->height,
			  .trusted = m->trusted_literal,
			  .is_stranger = m->stranger,
			  .since_ns = clock_mono_ns()};
	list_add_tail(j->is_stranger ? &c->strangers : &c->waiting, &j->at);
	count(j);
	r = job_fill(j, m);
	if (r == 0)
		r = job_arm(j, m->timeout_ms);
	if (r < 0) {
		job_free(j);
		answer_now(c, req, r == E_NOMEM ?
			   CV__HTTP_ERROR__HTTP_BUSY :
			   CV__HTTP_ERROR__HTTP_BAD_URL);
	}
	next_job(c);
}

/* --- the channel ------------------------------------------------------------------------ */

/* All or nothing: a list that cannot be read leaves the former in force. */
static void set_nets(const char *name, struct span value,
		     struct outguard_net *nets, size_t *n)
{
	struct outguard_net fresh[OUTGUARD_NETS_MAX];
	size_t got = 0;

	if (outguard_nets_parse(fresh, OUTGUARD_NETS_MAX, &got, value) < 0) {
		log_error(MOD, "a list of networks cannot be read; unchanged",
			  LOG_S("setting", name));
		return;
	}
	memcpy(nets, fresh, got * sizeof(fresh[0]));
	*n = got;
}

static void take_settings(struct courier *c, const Cv__Settings *m)
{
	Cv__SettingsAck ack = CV__SETTINGS_ACK__INIT;

	for (size_t i = 0; i < m->n_settings; i++) {
		const char *name = m->settings[i]->name;
		struct span value = ipc_bytes(m->settings[i]->value);

		if (strcmp(name, "outbound_allowed_networks") == 0)
			set_nets(name, value, c->allowed,
				 &c->rules.n_allowed);
		else if (strcmp(name, "management_allowed_networks") == 0)
			set_nets(name, value, c->management,
				 &c->rules.n_management);
		else
			revoke_setting(c->revoke, name, value);
	}
	ack.epoch = m->epoch;
	(void)ipc_send(ipc_ev_chan(c->core), SETTINGS_ACK, &ack);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct courier *c = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_HTTP_GET) {
		const Cv__HttpGet *m = (const void *)msg;

		take_get(c, m);
		secret_wipe(m->password.data, m->password.len);
	} else if (type == IPC_CONNECT) {
		connect_take(c, (const void *)msg);
	} else if (type == IPC_LOOKUP) {
		lookup_take(c, (const void *)msg);
	} else if (type == IPC_CERT_CHECK) {
		revoke_take(c->revoke, (const void *)msg);
	} else if (type == IPC_SETTINGS) {
		take_settings(c, (const void *)msg);
	}
}

static void drop_all(struct courier *c)
{
	list_each(a, t1, &c->waiting)
		job_free(list_entry(a, struct job, at));
	list_each(s, t3, &c->strangers)
		job_free(list_entry(s, struct job, at));
	list_each(b, t2, &c->active)
		job_free(list_entry(b, struct job, at));
	connect_drop_all(c);
	lookup_drop_all(c);
	revoke_drop_all(c->revoke);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct courier *c = arg;

	(void)ch;
	log_notice(MOD, "the link to core is gone", LOG_E("reason", error));
	drop_all(c);
	ipc_ev_free(&c->core);
	c->core = NULL;
	if (c->on_core_lost)
		c->on_core_lost(c->arg, c->core_instance);
}

int courier_link(struct courier *c, uint32_t instance, int fd)
{
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_COURIER, .peer = ROLE_CORE,
		.peer_instance = instance, .on_msg = on_msg,
		.on_down = on_down, .arg = c,
	};
	struct ipc_ev *fresh = NULL;
	int r = ipc_ev_new(&fresh, c->base, &cfg);

	if (r < 0)
		return r;
	drop_all(c);
	ipc_ev_free(&c->core);
	c->core = fresh;
	c->core_instance = instance;
	return 0;
}

/* --- life ---------------------------------------------------------------------------------- */

int courier_own(struct courier *c, const struct addr *a)
{
	for (size_t i = 0; i < c->rules.n_own; i++)
		if (memcmp(c->own[i].ip, a->ip, sizeof(a->ip)) == 0)
			return 0;
	if (c->rules.n_own == COURIER_OWN_MAX)
		return E_FULL;
	c->own[c->rules.n_own++] = outguard_net_of(a);
	return 0;
}

int courier_init(struct courier *c, struct event_base *base,
		 const char *servers)
{
	int r;

	*c = (struct courier){.base = base};
	c->rules.allowed = c->allowed;
	c->rules.own = c->own;
	c->rules.management = c->management;
	list_init(&c->active);
	list_init(&c->waiting);
	list_init(&c->strangers);
	list_init(&c->connects);
	list_init(&c->lookups);
	c->can_tell_own = own_can_tell();
	if (!c->can_tell_own)
		log_warn(MOD, "every address can be bound to here: only advertised ones are known as our own");
	answer_warm();
	r = fetch_library_start();
	if (r == 0)
		r = names_new(&c->names, base, servers);
	if (r == 0)
		r = fetcher_new(&c->fetcher, base);
	if (r == 0)
		r = revoke_new(&c->revoke, c);
	if (r < 0)
		courier_release(c);
	return r;
}

void courier_release(struct courier *c)
{
	drop_all(c);
	revoke_free(&c->revoke);
	ipc_ev_free(&c->core);
	fetcher_free(&c->fetcher);
	names_free(&c->names);
	fetch_library_stop();
}
