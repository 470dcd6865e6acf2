#include "core/asks.h"

#include "base/addr.h"
#include "base/alloc.h"
#include "core/policy_wire.h"

enum { ASKS_ARENA_BYTES = 2 << 20 };

struct ask {
	struct policies *set;
	struct policy_machine m;
	asks_fn fn;
	void *arg;
};

int asks_open(struct core *c)
{
	return handles_new(&c->asks, FETCH_MAX);
}

static void ask_free(struct core *c, uint64_t id, struct ask *q)
{
	(void)handles_del(c->asks, id);
	policies_unref(&q->set);
	mem_free(q);
}

/* --- the answer ---------------------------------------------------------------- */

/* A password that courier's message holds, and the tree made of it. */
static void wipe(const struct policy_answer *a, const Cv__HttpResult *r)
{
	const struct span s = a->event == POLICY_EV_ANSWER ?
			      a->v.registration.password : SPAN_NONE;

	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
	for (size_t i = 0; r && i < r->n_nodes; i++)
		if (r->nodes[i]->text.len)
			secret_wipe(r->nodes[i]->text.data,
				    r->nodes[i]->text.len);
}

static void tell(struct core *c, const struct ask *q,
		 struct policy_answer *a, struct span jpeg)
{
	const struct policy_decision *d = &q->m.decision;
	struct asks_word w = {.profile = q->set->id,
			      .has_failed = q->m.server_failed};

	policies_served(c, q->set, &q->m, &a->why);
	w.is_rejected = d->verdict == POLICY_REJECT;
	w.has_word = w.is_rejected || d->source == POLICY_BY_SERVER;
	if (w.has_word && !w.is_rejected) {
		w.registration = q->m.kind == POLICY_REGISTRATION ?
				 &a->v.registration : NULL;
		w.directory = q->m.kind == POLICY_DIRECTORY ?
			      &a->v.directory : NULL;
		w.jpeg = jpeg;
	}
	q->fn(c, q->arg, &w);
}

static void read_tree(struct core *c, struct ask *q, const Cv__HttpResult *r)
{
	struct policy_answer a = {.event = POLICY_EV_ANSWER_FAILED};
	struct arena *mem = NULL;
	struct policy_reader rd = {.has = policies_has, .arg = c};

	if (arena_new(&mem, ASKS_ARENA_BYTES) < 0) {
		q->fn(c, q->arg, &(struct asks_word){.is_busy = true});
		return;
	}
	rd.arena = mem;
	policy_wire_read(&a, q->m.kind, r, &rd);
	(void)policy_event(&q->m, a.event);
	tell(c, q, &a, SPAN_NONE);
	if (q->m.kind == POLICY_REGISTRATION)
		wipe(&a, r);
	arena_free(&mem);
}

static void read_picture(struct core *c, struct ask *q,
			 const Cv__HttpResult *r)
{
	struct policy_answer a = {.event = POLICY_EV_NONE};
	struct span jpeg = SPAN_NONE;

	a.event = policy_wire_avatar(r, &jpeg);
	if (a.event == POLICY_EV_ANSWER_FAILED)
		a.why.rule = r && r->error ? policy_wire_error_text(r->error) :
			     "no picture";
	(void)policy_event(&q->m, a.event);
	tell(c, q, &a, jpeg);
}

static void on_answer(struct core *c, uint64_t who, const Cv__HttpResult *r)
{
	struct ask *q = handles_get(c->asks, who);

	if (!q)
		return;
	if (q->m.kind == POLICY_AVATAR)
		read_picture(c, q, r);
	else
		read_tree(c, q, r);
	ask_free(c, who, q);
}

/* --- the question --------------------------------------------------------------- */

static int start(struct core *c, struct ask *a, const struct asks_question *q)
{
	const uint64_t id = handles_add(c->asks, a);
	int r;

	if (!id)
		return E_FULL;
	r = policies_request(c, a->set->id, q->kind, q->facts, q->by, id,
			     on_answer);
	if (r < 0)
		(void)handles_del(c->asks, id);
	return r < 0 ? r : 1;
}

/* A server that cannot be asked, as one that does not answer. */
static int note_failure(struct core *c, struct ask *q)
{
	static const struct policy_error why = {NULL, "cannot be asked"};

	(void)policy_event(&q->m, POLICY_EV_ANSWER_FAILED);
	policies_served(c, q->set, &q->m, &why);
	return 0;
}

/* What callers may bring about is none: they would switch policy off. */
static bool is_failure(int r)
{
	return r == E_CLOSED || r == E_INVAL || r == E_NOTFOUND;
}

int asks_send(struct core *c, const struct asks_question *q, asks_fn fn,
	      void *arg)
{
	struct policies *set = NULL;
	struct ask *a;
	int r = policies_of(c, q->location, &set);

	if (r < 0 || !set)
		return r;
	if (!set->profile.external[q->kind]) {
		policies_unref(&set);
		return 0;
	}
	a = mem_zalloc(sizeof(*a));
	if (!a) {
		policies_unref(&set);
		return E_NOMEM;
	}
	*a = (struct ask){.set = set, .fn = fn, .arg = arg};
	(void)policy_start(&a->m, q->kind, &set->profile);
	r = start(c, a, q);
	if (r == 1)
		return r;
	if (is_failure(r))
		r = note_failure(c, a);
	policies_unref(&a->set);
	mem_free(a);
	return r;
}

/* --- registrations ---------------------------------------------------------------- */

enum asks_device asks_device(const struct asks_word *w)
{
	if (w->is_rejected)
		return ASKS_DEVICE_REFUSED;
	if (!w->registration || !w->registration->has_credentials)
		return ASKS_DEVICE_OURS;
	return w->registration->password.n ? ASKS_DEVICE_PASSWORD :
		ASKS_DEVICE_OPEN;
}

static struct span ip_text(const uint8_t *ip, char text[ADDR_TEXT_MAX])
{
	struct addr a = {.port = 0};

	if (!ip)
		return SPAN_NONE;
	memcpy(a.ip, ip, sizeof(a.ip));
	addr_print_ip(&a, text);
	return span_str(text);
}

int asks_registration(struct core *c, const struct asks_register *r,
		      asks_fn fn, void *arg)
{
	static const uint8_t nowhere[16];
	char ip[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];
	struct policy_facts f;

	/* No name in a path, nor in a table of ours. */
	if (!r->alias.n || span_eq(r->alias, SPAN_LIT(".")) ||
	    span_eq(r->alias, SPAN_LIT("..")))
		return 0;
	policy_facts_init(&f);
	policies_facts(c, r->location, &f);
	f.alias = r->alias;
	f.protocol = r->protocol;
	f.auth_type = SPAN_LIT("credentials");
	f.remote_address = ip_text(r->ip, ip);
	f.node_ip = ip_text(r->local, local);
	return asks_send(c, &(struct asks_question){
			 .location = r->location, .kind = POLICY_REGISTRATION,
			 .facts = &f, .by = {SHARE_STRANGER, r->ip ? r->ip :
			 nowhere}}, fn, arg);
}
