/* Registrations of apps. */
#include "core/reg.h"

#include "base/addr.h"
#include "base/alloc.h"
#include "base/rand.h"
#include "base/siphash.h"
#include "core/asks.h"
#include "core/caller.h"
#include "core/directory.h"
#include "core/gateway.h"
#include "core/guard/device.h"

/* Every registration token is bound to this one. */
enum { REG_ROOM = 1 };

struct regs {
	struct handles *table;
	struct session_table *sessions;
	struct list all;
	struct map *streams;		/* (web, number) -> struct reg_stream */
	struct regs_stats stats;
};

/* A request for a token, while the policy server is asked. */
struct attempt {
	struct core *c;
	int web;
	uint32_t web_gen, req;
	char said[ALIAS_MAX + 1];	/* the alias, for the audit log */
	char alias[ALIAS_MAX + 1];	/* normalised; "" = none */
	struct guard_facts facts;
	int64_t location, policy;
	struct secret user, password;
};

struct reg_stream {
	struct list at;			/* reg->streams */
	struct reg *reg;
	struct web *web;
	uint64_t key;			/* web and its number */
};

int regs_open(struct core *c)
{
	uint8_t key[SESSION_KEY_LEN];
	struct regs *t = mem_zalloc(sizeof(*t));
	int r;

	if (!t)
		return E_NOMEM;
	c->regs = t;
	list_init(&t->all);
	/* Nobody knows a registration of before. */
	rand_bytes(key, sizeof(key));
	r = session_table_new(&t->sessions, span_of(key, sizeof(key)),
			      REG_MAX);
	secret_wipe(key, sizeof(key));
	r = r ? r : handles_new(&t->table, REG_MAX);
	return r ? r : map_new(&t->streams, (size_t)REG_MAX * REG_STREAMS_MAX);
}

/* --- streams ---------------------------------------------------------- */

static struct span stream_key(const uint64_t *key)
{
	return span_of(key, sizeof(*key));
}

static uint64_t key_of(const struct web *w, uint32_t number)
{
	return (uint64_t)(w - w->c->webs) << 32 | number;
}

static void stream_free(struct reg_stream *s)
{
	(void)map_del(s->reg->c->regs->streams, stream_key(&s->key));
	list_del(&s->at);
	s->reg->n_streams--;
	mem_free(s);
}

static void stream_end(struct reg_stream *s)
{
	Cv__StreamClose m = CV__STREAM_CLOSE__INIT;

	m.stream = (uint32_t)s->key;
	if (s->web->ev)
		(void)ipc_send(ipc_ev_chan(s->web->ev), STREAM_CLOSE, &m);
	stream_free(s);
}

static int stream_make(struct web *w, struct reg *r, uint32_t number)
{
	struct reg_stream *s;
	int e;

	if (r->n_streams >= REG_STREAMS_MAX)
		stream_end(list_entry(r->streams.next, struct reg_stream, at));
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	s->reg = r;
	s->web = w;
	s->key = key_of(w, number);
	e = map_put(r->c->regs->streams, stream_key(&s->key), s);
	if (e < 0) {
		mem_free(s);
		return e;
	}
	list_add_tail(&r->streams, &s->at);
	r->n_streams++;
	return 0;
}

bool reg_stream_closed(struct web *w, uint32_t number)
{
	const uint64_t key = key_of(w, number);
	struct reg_stream *s = map_get(w->c->regs->streams, stream_key(&key));

	if (s)
		stream_free(s);
	return s != NULL;
}

void reg_send(struct reg *r, Cv__Event *ev)
{
	list_each(e, tmp, &r->streams) {
		const struct reg_stream *s = list_entry(e, struct reg_stream,
							at);
		uint32_t number = (uint32_t)s->key;

		ev->streams = &number;
		ev->n_streams = 1;
		if (s->web->ev)
			(void)ipc_send(ipc_ev_chan(s->web->ev), EVENT, ev);
	}
}

/* --- one registration ------------------------------------------------- */

static void reg_note(const struct reg *r, const char *action,
		     const char *reason)
{
	struct addr a = {.port = 0};
	char ip[ADDR_TEXT_MAX];

	memcpy(a.ip, r->ip, sizeof(a.ip));
	addr_print_ip(&a, ip);
	audit_note(r->c, action, AUDIT_OK, span_str(r->uuid), span_str(ip),
		   span_str(r->alias), span_str(reason));
}

static void reg_end(struct reg *r, const char *reason)
{
	struct regs *t = r->c->regs;

	reg_note(r, "registration.deleted", reason);
	gateway_reg_gone(r->c, r->id);
	list_each(e, tmp, &r->streams)
		stream_end(list_entry(e, struct reg_stream, at));
	session_close(t->sessions, r->id);
	timer_cancel(&r->expiry);
	list_del(&r->at);
	(void)handles_del(t->table, r->id);
	t->stats.ended++;
	mem_free(r);
}

static void arm(struct reg *r)
{
	timer_set(r->c->wheel, &r->expiry,
		  session_ends_ns(r->c->regs->sessions, r->id));
}

static void on_expiry(struct timer *t, void *arg, uint64_t now_ns)
{
	struct reg *r = arg;

	(void)t;
	core_turn(r->c);
	if (session_ends_ns(r->c->regs->sessions, r->id) > now_ns)
		arm(r);
	else
		reg_end(r, "expired");
}

struct reg *reg_next(struct core *c, struct span alias, struct reg *after)
{
	struct list *e = after ? after->at.next : c->regs->all.next;

	for (; e != &c->regs->all; e = e->next) {
		struct reg *r = list_entry(e, struct reg, at);

		if (span_eq(span_str(r->alias), alias))
			return r;
	}
	return NULL;
}

const struct reg *reg_each(const struct core *c, const struct reg *after)
{
	const struct list *e = after ? after->at.next : c->regs->all.next;

	return e == &c->regs->all ? NULL :
		list_entry((struct list *)(uintptr_t)e, struct reg, at);
}

struct reg *reg_get(struct core *c, uint64_t id)
{
	return handles_get(c->regs->table, id);
}

struct reg *reg_of_token(struct core *c, struct span token)
{
	uint64_t id;

	if (session_check(c->regs->sessions, REG_ROOM, token, c->now_ns,
			  &id) < 0)
		return NULL;
	return handles_get(c->regs->table, id);
}

/* The oldest app gives way: one that came back without a word must not lock
 * itself out. */
static void make_room(struct core *c, struct span alias)
{
	unsigned n = 0;

	for (struct reg *r = NULL; (r = reg_next(c, alias, r));)
		n++;
	if (n >= REG_PER_ALIAS_MAX)
		reg_end(reg_next(c, alias, NULL), "replaced");
}

/* By policy alone: no row has this number. */
static int64_t device_of_alias(struct core *c, const char *alias)
{
	return -(int64_t)(siphash(c->pin_key, span_str(alias)) >> 2) - 1;
}

static struct reg *reg_new(const struct attempt *t, int64_t device)
{
	struct core *c = t->c;
	struct reg *r;

	make_room(c, span_str(t->alias));
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return NULL;
	r->c = c;
	r->device = device;
	r->policy = t->policy;
	r->location = t->location;
	memcpy(r->alias, t->alias, sizeof(r->alias));
	memcpy(r->ip, t->facts.ip, sizeof(r->ip));
	uuid_make(r->uuid);
	list_init(&r->streams);
	timer_init(&r->expiry, on_expiry, r);
	r->id = handles_add(c->regs->table, r);
	if (r->id) {
		list_add_tail(&c->regs->all, &r->at);
		return r;
	}
	c->regs->stats.full++;
	mem_free(r);
	return NULL;
}

/* --- request_token ---------------------------------------------------- */

static void send_reply(struct web *w, Cv__RegReply *reply)
{
	if (w->ev)
		(void)ipc_send(ipc_ev_chan(w->ev), REG_REPLY, reply);
}

static void answer(struct web *w, uint32_t req, Cv__ResultCode code)
{
	Cv__RegReply reply = CV__REG_REPLY__INIT;

	reply.req = req;
	reply.code = code;
	send_reply(w, &reply);
}

bool reg_may(const struct store_row *device)
{
	return device &&
		store_bool(device, DEVICE_ENABLE_INFINITY_CONNECT_NON_SSO);
}

/* One secret is opened and compared whoever asks. Lengths may tell: they are
 * no secret of the one who sent them. */
static bool is_right(struct core *c, const struct store_row *device,
		     struct span user, struct span password)
{
	const struct store_row *row = device ? device :
		store_next(c->store, RES_DEVICE, 0);
	struct secret own = {NULL, 0};
	bool same;

	if (!row)
		return false;
	same = secret_equal(store_text(row, DEVICE_USERNAME), user);
	if (store_secret(c->store, row, DEVICE_PASSWORD, &own) < 0)
		return false;
	same &= secret_equal(secret_span(&own), password) &&
		own.n > 0 && password.n > 0;
	secret_release(&own);
	return same && device;
}

static void grant(struct web *w, uint32_t req, struct reg *r)
{
	struct core *c = w->c;
	uint8_t rnd[TOKEN_RANDOM_BYTES];
	char token[TOKEN_TEXT_LEN + 1];
	Cv__RegReply reply = CV__REG_REPLY__INIT;
	const bool is_new = !session_ends_ns(c->regs->sessions, r->id);
	int e;

	rand_bytes(rnd, sizeof(rnd));
	e = is_new ? session_open(c->regs->sessions, REG_ROOM, r->id, rnd,
				  c->now_ns, token) :
		session_refresh(c->regs->sessions, r->id, rnd, c->now_ns,
				token);
	secret_wipe(rnd, sizeof(rnd));
	if (e < 0) {
		answer(w, req, CV__RESULT_CODE__RESULT_OVERLOAD);
		if (is_new)
			reg_end(r, "no memory");
		return;
	}
	arm(r);
	reply.req = req;
	reply.code = CV__RESULT_CODE__RESULT_OK;
	reply.token = ipc_data(span_str(token));
	reply.expires_s = TOKEN_LIFE_S;
	reply.uuid = ipc_data(span_str(r->uuid));
	reply.dscp = caller_dscp(c, r->location);
	reply.directory_enabled = store_global(c->store,
					       GLOBAL_ENABLE_DIRECTORY);
	send_reply(w, &reply);
	secret_wipe(token, sizeof(token));
}

static const uint8_t *ip_of(const Cv__Addr *a)
{
	return a && a->ip.len == 16 ? a->ip.data : NULL;
}

/* --- an attempt: perhaps the policy server is asked ------------------- */

static void attempt_free(struct attempt *t)
{
	secret_release(&t->user);
	secret_release(&t->password);
	mem_free(t);
}

static void attempt_end(struct attempt *t, Cv__ResultCode code)
{
	if (web_is_current(t->c, t->web, t->web_gen))
		answer(&t->c->webs[t->web], t->req, code);
	attempt_free(t);
}

static void refuse(struct attempt *t)
{
	struct core *c = t->c;
	struct addr a = {.port = 0};
	char ip[ADDR_TEXT_MAX];

	memcpy(a.ip, t->facts.ip, sizeof(a.ip));
	addr_print_ip(&a, ip);
	access_log(c, ACCESS_LINE_REGISTRATION_REFUSED, t->facts.ip, "web");
	audit_note(c, "registration.refused", AUDIT_DENIED, SPAN_LIT(""),
		   span_str(ip), span_str(t->said), SPAN_NONE);
	c->regs->stats.refused++;
	attempt_end(t, CV__RESULT_CODE__RESULT_REFUSED);
	defence_events(c);
}

static void admit(struct attempt *t, int64_t device)
{
	struct core *c = t->c;
	struct reg *r = NULL;

	/* Its face is gone, and with it who asked. */
	if (web_is_current(c, t->web, t->web_gen))
		r = reg_new(t, device);
	if (!r) {
		attempt_end(t, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	c->regs->stats.made++;
	reg_note(r, "registration.added", t->policy ? "app by policy" :
		 "app");
	grant(&c->webs[t->web], t->req, r);
	attempt_free(t);
}

/* The same work whatever is asked for: our own secret is opened, too. */
static void decide(struct attempt *t, enum asks_device how,
		   const struct policy_registration *g)
{
	struct core *c = t->c;
	const struct span user = secret_span(&t->user);
	const struct span password = secret_span(&t->password);
	const struct store_row *device = t->alias[0] ?
		store_find(c->store, RES_DEVICE, DEVICE_ALIAS,
			   span_str(t->alias)) : NULL;
	struct guard_device try = {.who = &t->facts,
				   .alias = span_str(t->alias)};
	bool right = is_right(c, device, user, password);
	right = right && reg_may(device);

	if (how == ASKS_DEVICE_REFUSED)
		right = false;
	else if (how == ASKS_DEVICE_OPEN)
		right = true;
	else if (how == ASKS_DEVICE_PASSWORD)
		right = secret_equal(g->username, user) &
			secret_equal(g->password, password);
	if (how == ASKS_DEVICE_OURS)
		t->policy = 0;
	try.right = right;
	if (!guard_try_device(c->guard, &try, c->now_ns))
		refuse(t);
	else
		admit(t, t->policy ? device_of_alias(c, t->alias) :
		      store_row_id(device));
}

static void on_word(struct core *c, void *arg, const struct asks_word *w)
{
	struct attempt *t = arg;

	(void)c;
	if (w->is_busy) {
		attempt_end(t, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	t->policy = w->profile;
	decide(t, asks_device(w), w->registration);
}

static struct attempt *attempt_new(struct web *w, const Cv__Reg *m)
{
	struct core *c = w->c;
	const struct span user = ipc_bytes(m->username);
	const struct span password = ipc_bytes(m->password);
	const uint8_t *ip = ip_of(m->source);
	struct attempt *t = mem_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->c = c;
	t->web = (int)(w - c->webs);
	t->web_gen = w->gen;
	t->req = m->req;
	t->location = caller_location(c, ip_of(m->local), ip);
	caller_facts(c, ip, t->location, &t->facts);
	if (span_cstr(ipc_bytes(m->alias), t->said, sizeof(t->said)) < 0 ||
	    alias_normalise(t->alias, ipc_bytes(m->alias)) < 0)
		t->alias[0] = 0;
	if ((user.n && secret_init(&t->user, user.p, user.n) < 0) ||
	    (password.n && secret_init(&t->password, password.p,
				       password.n) < 0)) {
		attempt_free(t);
		return NULL;
	}
	return t;
}

static void request(struct web *w, const Cv__Reg *m)
{
	struct core *c = w->c;
	struct attempt *t = attempt_new(w, m);
	struct asks_register ask = {.protocol = SPAN_LIT("webrtc"),
				    .ip = ip_of(m->source),
				    .local = ip_of(m->local)};
	int r;

	if (!t) {
		answer(w, m->req, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	ask.location = t->location;
	ask.alias = span_str(t->alias);
	r = asks_registration(c, &ask, on_word, t);
	if (r < 0)
		attempt_end(t, CV__RESULT_CODE__RESULT_OVERLOAD);
	else if (r == 0)
		decide(t, ASKS_DEVICE_OURS, NULL);
}

/* --- with a token ----------------------------------------------------- */

/* The token must be of a registration of the alias in the path; a search has
 * no alias. */
static struct reg *owner(struct web *w, const Cv__Reg *m)
{
	struct reg *r = reg_of_token(w->c, ipc_bytes(m->token));
	char alias[ALIAS_MAX + 1];

	if (r && m->op != CV__REG_OP__REG_SEARCH &&
	    (alias_normalise(alias, ipc_bytes(m->alias)) < 0 ||
	     strcmp(alias, r->alias) != 0))
		r = NULL;
	if (!r)
		w->c->regs->stats.bad_tokens++;
	return r;
}

static void stream(struct web *w, const Cv__Reg *m, struct reg *r,
		   Cv__ResultCode code)
{
	Cv__StreamReply reply = CV__STREAM_REPLY__INIT;

	reply.stream = m->stream;
	reply.code = code;
	if (r && stream_make(w, r, m->stream) < 0)
		reply.code = CV__RESULT_CODE__RESULT_OVERLOAD;
	if (w->ev)
		(void)ipc_send(ipc_ev_chan(w->ev), STREAM_REPLY, &reply);
	if (reply.code == CV__RESULT_CODE__RESULT_OK)
		gateway_reg_listens(w->c, r);
}

static void with_token(struct web *w, const Cv__Reg *m)
{
	struct reg *r = owner(w, m);
	Cv__ResultCode code = CV__RESULT_CODE__RESULT_OK;

	if (!r)
		code = CV__RESULT_CODE__RESULT_INVALID_TOKEN;
	else if (!bucket_take(&r->rate, w->c->now_ns, REG_PER_S, REG_BURST))
		code = CV__RESULT_CODE__RESULT_OVERLOAD;
	if (m->op == CV__REG_OP__REG_STREAM) {
		stream(w, m, code == CV__RESULT_CODE__RESULT_OK ? r : NULL,
		       code);
		return;
	}
	if (code != CV__RESULT_CODE__RESULT_OK) {
		answer(w, m->req, code);
		return;
	}
	switch (m->op) {
	case CV__REG_OP__REG_REFRESH:
		grant(w, m->req, r);
		break;
	case CV__REG_OP__REG_RELEASE:
		reg_end(r, "released");
		answer(w, m->req, CV__RESULT_CODE__RESULT_OK);
		break;
	case CV__REG_OP__REG_SEARCH:
		directory_search(w, m, r);
		break;
	default:
		answer(w, m->req, CV__RESULT_CODE__RESULT_NOT_FOUND);
	}
}

void reg_message(struct web *w, const Cv__Reg *m)
{
	if (m->op == CV__REG_OP__REG_REQUEST)
		request(w, m);
	else
		with_token(w, m);
	if (m->password.len)
		secret_wipe(m->password.data, m->password.len);
}

/* --- what changes around them ----------------------------------------- */

/* Streams are gone with their web; registrations stay until they end. */
void regs_web_down(struct web *w)
{
	struct regs *t = w->c->regs;
	struct reg_stream *s;
	size_t it = 0;
	void *v;

	while (map_next(t->streams, &it, NULL, &v)) {
		s = v;
		if (s->web != w)
			continue;
		stream_free(s);
		it = 0;
	}
}

static bool is_same(const struct store_row *a, const struct store_row *b,
		    unsigned field)
{
	return span_eq(store_text(a, field), store_text(b, field));
}

void regs_device_changed(struct core *c, const struct store_row *was,
			 const struct store_row *now)
{
	/* A password is compared sealed: another sealing is another one. */
	const bool keeps = now && reg_may(now) &&
		is_same(was, now, DEVICE_ALIAS) &&
		is_same(was, now, DEVICE_USERNAME) &&
		is_same(was, now, DEVICE_PASSWORD);

	if (keeps)
		return;
	list_each(e, tmp, &c->regs->all) {
		struct reg *r = list_entry(e, struct reg, at);

		if (r->device == store_row_id(was))
			reg_end(r, "device changed");
	}
}

/* Its word was about them: they ask again. */
void regs_policy_changed(struct core *c, int64_t policy, int64_t location)
{
	list_each(e, tmp, &c->regs->all) {
		struct reg *r = list_entry(e, struct reg, at);

		if (r->policy && (r->policy == policy ||
				  r->location == location))
			reg_end(r, "policy changed");
	}
}

uint32_t regs_count(const struct core *c)
{
	return handles_count(c->regs->table);
}

bool regs_hold(const struct core *c, const uint8_t ip[16], unsigned prefix)
{
	list_each(e, tmp, &c->regs->all)
		if (net_holds(ip, prefix, list_entry(e, struct reg, at)->ip))
			return true;
	return false;
}

size_t regs_addresses(const struct core *c, uint8_t (*out)[16], size_t max)
{
	size_t n = 0;

	list_each(e, tmp, &c->regs->all)
		if (n < max)
			memcpy(out[n++], list_entry(e, struct reg, at)->ip, 16);
	return n;
}

void regs_stats(const struct core *c, struct regs_stats *out)
{
	*out = c->regs->stats;
}

void regs_close(struct core *c)
{
	struct regs *t = c->regs;

	if (!t)
		return;
	list_each(e, tmp, &t->all) {
		struct reg *r = list_entry(e, struct reg, at);

		list_each(s, tmp2, &r->streams)
			stream_free(list_entry(s, struct reg_stream, at));
		timer_cancel(&r->expiry);
		mem_free(r);
	}
	map_free(&t->streams);
	handles_free(&t->table);
	session_table_free(&t->sessions);
	mem_free(t);
	c->regs = NULL;
}
