/* The registrar of SIP devices. */
#include "core/sip_reg.h"

#include <stdio.h>

#include "base/alloc.h"
#include "core/sip_int.h"

/* One alias and its contacts. */
struct sip_aor {
	char alias[ALIAS_MAX + 1];
	struct list regs;		/* sip_reg.same */
	unsigned n;
};

struct sip_regs {
	struct map *aors;		/* alias -> sip_aor */
	struct list all;
	uint32_t n;
};

int sip_regs_open(struct core *c)
{
	struct sip_regs *t = mem_zalloc(sizeof(*t));

	if (!t)
		return E_NOMEM;
	list_init(&t->all);
	c->sip_regs = t;
	return map_new(&t->aors, SIP_REGS_MAX);
}

/* --- how long -------------------------------------------------------------- */

uint32_t sip_refresh_of(const struct sip_refresh *s, bool natted,
			uint32_t asked, uint32_t regs, uint32_t *least)
{
	uint32_t lo = s->maximum_min, hi = s->maximum_max;

	if (s->adaptive) {
		const uint32_t want = regs / SIP_REFRESHES_PER_S;

		lo = s->adaptive_min;
		hi = want < lo ? lo : want > s->adaptive_max ?
		     s->adaptive_max : want;
	}
	if (natted) {
		lo = s->natted_min;
		hi = s->natted_max;
	}
	*least = lo;
	if (asked < lo)
		return 0;
	return asked < hi ? asked : hi;
}

static struct sip_refresh refresh_of(struct core *c)
{
#define G(name) (uint32_t)store_global(c->store, GLOBAL_REGISTRATION_##name)
	return (struct sip_refresh){
		.adaptive = G(REFRESH_STRATEGY) == SV_REFRESH_ADAPTIVE,
		.adaptive_min = G(ADAPTIVE_MIN_REFRESH),
		.adaptive_max = G(ADAPTIVE_MAX_REFRESH),
		.maximum_min = G(MAXIMUM_MIN_REFRESH),
		.maximum_max = G(MAXIMUM_MAX_REFRESH),
		.natted_min = G(NATTED_MIN_REFRESH),
		.natted_max = G(NATTED_MAX_REFRESH)};
#undef G
}

/* --- one contact ------------------------------------------------------------- */

static void note(const struct sip_reg *r, const char *action,
		 const char *detail)
{
	char ip[ADDR_TEXT_MAX];

	addr_print_ip(&r->source, ip);
	audit_note(r->c, action, AUDIT_OK, span_str(r->uuid), span_str(ip),
		   span_str(r->alias), span_str(detail));
	log_info("sip", action, LOG_S("alias", r->alias),
		 LOG_S("source", ip), LOG_S("detail", detail));
}

static void reg_end(struct sip_reg *r, const char *reason)
{
	struct sip_regs *t = r->c->sip_regs;
	struct sip_aor *a = r->aor;

	note(r, "registration.deleted", reason);
	timer_cancel(&r->expiry);
	list_del(&r->at);
	list_del(&r->same);
	t->n--;
	if (--a->n == 0) {
		(void)map_del(t->aors, span_str(a->alias));
		mem_free(a);
	}
	mem_free(r);
}

static void on_expiry(struct timer *t, void *arg, uint64_t now_ns)
{
	struct sip_reg *r = arg;

	(void)t;
	(void)now_ns;
	core_turn(r->c);
	reg_end(r, "expired");
}

static struct sip_aor *aor_of(struct sip_regs *t, const char *alias)
{
	struct sip_aor *a = map_get(t->aors, span_str(alias));

	if (a)
		return a;
	a = mem_zalloc(sizeof(*a));
	if (!a)
		return NULL;
	list_init(&a->regs);
	(void)snprintf(a->alias, sizeof(a->alias), "%s", alias);
	if (map_put(t->aors, span_str(a->alias), a) == 0)
		return a;
	mem_free(a);
	return NULL;
}

static struct sip_reg *reg_new(struct core *c, const char *alias)
{
	struct sip_regs *t = c->sip_regs;
	struct sip_reg *r = t->n < SIP_REGS_MAX ? mem_zalloc(sizeof(*r)) :
			    NULL;

	if (!r)
		return NULL;
	r->aor = aor_of(t, alias);
	if (!r->aor) {
		mem_free(r);
		return NULL;
	}
	r->c = c;
	memcpy(r->alias, alias, strlen(alias) + 1);
	uuid_make(r->uuid);
	r->start_us = clock_wall_us();
	timer_init(&r->expiry, on_expiry, r);
	list_add_tail(&t->all, &r->at);
	list_add_tail(&r->aor->regs, &r->same);
	r->aor->n++;
	t->n++;
	return r;
}

/* The same device again: by its instance, or else by its contact. */
static struct sip_reg *find(struct core *c, const char *alias,
			    const Cv__SipRegister *m)
{
	struct sip_aor *a = map_get(c->sip_regs->aors, span_str(alias));

	if (!a)
		return NULL;
	list_each(e, tmp, &a->regs) {
		struct sip_reg *r = list_entry(e, struct sip_reg, same);

		if (m->instance.len ?
		    span_eq(span_str(r->instance), ipc_bytes(m->instance)) &&
		    r->reg_id == m->reg_id :
		    span_eq(span_str(r->contact), ipc_bytes(m->contact)))
			return r;
	}
	return NULL;
}

/* --- answers --------------------------------------------------------------------- */

struct answer_list {
	Cv__SipContact contacts[SIP_REGS_PER_ALIAS_MAX];
	Cv__SipContact *list[SIP_REGS_PER_ALIAS_MAX];
};

static uint32_t seconds_left(const struct sip_reg *r, uint64_t now_ns)
{
	return r->ends_ns > now_ns ?
		(uint32_t)((r->ends_ns - now_ns + NS_PER_S - 1) / NS_PER_S) :
		0;
}

static void answer(struct core *c, const Cv__SipRegister *m,
		   Cv__SipRegOutcome outcome, uint32_t expires_s,
		   const char *alias)
{
	Cv__SipRegistered r = CV__SIP_REGISTERED__INIT;
	struct answer_list l;
	const struct sip_reg *reg = NULL;

	r.req = m->req;
	r.outcome = outcome;
	r.expires_s = expires_s;
	r.md5 = sip_offers_md5(c, m->caller);
	r.contacts = l.list;
	while (alias && r.n_contacts < SIP_REGS_PER_ALIAS_MAX &&
	       (reg = sip_reg_next(c, span_str(alias), reg))) {
		Cv__SipContact *k = &l.contacts[r.n_contacts];

		cv__sip_contact__init(k);
		k->uri = ipc_data(span_str(reg->contact));
		k->expires_s = seconds_left(reg, c->now_ns);
		l.list[r.n_contacts++] = k;
	}
	if (sip_chan(c))
		(void)ipc_send(sip_chan(c), SIP_REGISTERED, &r);
}

/* --- REGISTER --------------------------------------------------------------------- */

static void copy(char *dst, size_t cap, ProtobufCBinaryData from)
{
	if (span_cstr(ipc_bytes(from), dst, cap) < 0)
		dst[0] = 0;
}

static void fill(struct sip_reg *r, const Cv__SipRegister *m, int64_t device,
		 uint32_t seconds)
{
	struct core *c = r->c;

	r->device = device;
	copy(r->contact, sizeof(r->contact), m->contact);
	copy(r->instance, sizeof(r->instance), m->instance);
	copy(r->agent, sizeof(r->agent), m->caller->user_agent);
	r->reg_id = m->reg_id;
	(void)sip_addr(&r->source, m->caller->source);
	r->flow = m->caller->flow;
	r->transport = m->caller->transport;
	r->natted = m->natted;
	r->ends_ns = c->now_ns + seconds * NS_PER_S;
	timer_set(c->wheel, &r->expiry, r->ends_ns);
}

static void forget_all(struct core *c, const char *alias)
{
	const struct sip_reg *r;

	while ((r = sip_reg_next(c, span_str(alias), NULL)))
		reg_end((struct sip_reg *)(uintptr_t)r, "unregistered");
}

static bool is_star(const Cv__SipRegister *m)
{
	return span_eq(ipc_bytes(m->contact), SPAN_LIT("*"));
}

/* The oldest gives way: a device that came back under another contact must
 * not lock itself out. */
static void make_room(struct core *c, const char *alias)
{
	const struct sip_aor *a = map_get(c->sip_regs->aors, span_str(alias));

	if (a && a->n >= SIP_REGS_PER_ALIAS_MAX)
		reg_end(list_entry(a->regs.next, struct sip_reg, same),
			"replaced");
}

/* False: no room, no memory. */
static bool keep(struct core *c, const Cv__SipRegister *m, const char *alias,
		 int64_t device, uint32_t seconds)
{
	struct sip_reg *r = find(c, alias, m);
	const bool is_new = !r;

	if (is_new) {
		make_room(c, alias);
		r = reg_new(c, alias);
	}
	if (!r)
		return false;
	fill(r, m, device, seconds);
	if (is_new)
		note(r, "registration.added", r->natted ? "sip, natted" :
		     "sip");
	return true;
}

static void drop(struct core *c, const Cv__SipRegister *m, const char *alias)
{
	struct sip_reg *r = is_star(m) ? NULL : find(c, alias, m);

	if (r)
		reg_end(r, "unregistered");
	else if (is_star(m))
		forget_all(c, alias);
}

/* The n-th contact of a request as one of its own. */
static Cv__SipRegister one_of(const Cv__SipRegister *m, size_t n)
{
	Cv__SipRegister one = *m;

	if (n) {
		const Cv__SipRegContact *k = m->more[n - 1];

		one.contact = k->contact;
		one.expires_s = k->expires_s;
		one.instance = k->instance;
		one.reg_id = k->reg_id;
	}
	return one;
}

/* How long each may last: 0 for one that ends. False: one is too brief, and
 * *least says what would do. */
static bool grant(struct core *c, const Cv__SipRegister *m,
		  uint32_t seconds[SIP_REGS_PER_ALIAS_MAX], uint32_t *least)
{
	const struct sip_refresh how = refresh_of(c);

	for (size_t i = 0; i <= m->n_more; i++) {
		const Cv__SipRegister one = one_of(m, i);

		seconds[i] = one.expires_s ?
			sip_refresh_of(&how, one.natted, one.expires_s,
				       c->sip_regs->n, least) : 0;
		if (one.expires_s && !seconds[i])
			return false;
	}
	return true;
}

/* All or none (RFC 3261 10.3 7): what could be refused is looked at first. */
static void with_proof(struct core *c, const Cv__SipRegister *m,
		       const char *alias, int64_t device)
{
	uint32_t seconds[SIP_REGS_PER_ALIAS_MAX], least = 0, longest = 0;
	bool ok = c->sip_regs->n + m->n_more < SIP_REGS_MAX;

	if (m->fetch) {
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_OK, 0, alias);
		return;
	}
	if (!grant(c, m, seconds, &least)) {
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_BRIEF, least, NULL);
		return;
	}
	for (size_t i = 0; ok && i <= m->n_more; i++) {
		const Cv__SipRegister one = one_of(m, i);

		if (one.expires_s)
			ok = keep(c, &one, alias, device, seconds[i]);
		else
			drop(c, &one, alias);
		longest = seconds[i] > longest ? seconds[i] : longest;
	}
	if (ok)
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_OK, longest, alias);
	else
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_UNAVAILABLE, 0,
		       NULL);
}

static bool is_sane(const Cv__SipRegister *m)
{
	if (!m->caller || !m->caller->source ||
	    m->n_more >= SIP_REGS_PER_ALIAS_MAX)
		return false;
	for (size_t i = 0; i <= m->n_more; i++) {
		const Cv__SipRegister one = one_of(m, i);

		if (one.contact.len > SIP_CONTACT_MAX ||
		    one.instance.len > SIP_INSTANCE_MAX)
			return false;
	}
	return true;
}

void sip_register(struct core *c, const Cv__SipRegister *m)
{
	char alias[ALIAS_MAX + 1];
	struct sip_identity id;
	struct guard_facts facts;
	int64_t location;

	if (!is_sane(m)) {
		c->sip->figures.bad_handles++;
		return;
	}
	if (!store_global(c->store, GLOBAL_REGISTRATION_ENABLED)) {
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_REFUSED, 0, NULL);
		return;
	}
	/* A connection is no proof here: each request brings its own. */
	if (!m->caller->auth || !m->caller->auth->alg) {
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_CHALLENGE, 0, NULL);
		return;
	}
	(void)alias_normalise(alias, ipc_bytes(m->alias));
	sip_caller_facts(c, m->caller, &location, &facts);
	sip_identify_device(c, m->caller, alias, &facts, &id);
	if (id.who == SIP_DEVICE)
		with_proof(c, m, alias, id.device);
	else
		answer(c, m, CV__SIP_REG_OUTCOME__SIP_REG_CHALLENGE, 0, NULL);
}

/* --- what changes around them -------------------------------------------------------- */

static bool has_flow(const Cv__SipFlowGone *m, uint32_t flow)
{
	for (size_t i = 0; flow && i < m->n_flows; i++)
		if (m->flows[i] == flow)
			return true;
	return false;
}

void sip_flows_gone(struct core *c, const Cv__SipFlowGone *m)
{
	list_each(e, tmp, &c->sip_regs->all) {
		struct sip_reg *r = list_entry(e, struct sip_reg, at);

		if (has_flow(m, r->flow))
			reg_end(r, "connection closed");
	}
}

void sip_regs_face_down(struct core *c)
{
	list_each(e, tmp, &c->sip_regs->all) {
		struct sip_reg *r = list_entry(e, struct sip_reg, at);

		if (r->flow)
			reg_end(r, "connection closed");
	}
}

static bool is_same(const struct store_row *a, const struct store_row *b,
		    unsigned field)
{
	return span_eq(store_text(a, field), store_text(b, field));
}

void sip_regs_device_changed(struct core *c, const struct store_row *was,
			     const struct store_row *now)
{
	/* A password is compared sealed: another sealing is another one. */
	const bool keeps = now && store_bool(now, DEVICE_ENABLE_SIP) &&
		is_same(was, now, DEVICE_ALIAS) &&
		is_same(was, now, DEVICE_USERNAME) &&
		is_same(was, now, DEVICE_PASSWORD);

	list_each(e, tmp, &c->sip_regs->all) {
		struct sip_reg *r = list_entry(e, struct sip_reg, at);

		if (!keeps && r->device == store_row_id(was))
			reg_end(r, "device changed");
	}
}

/* --- looking -------------------------------------------------------------------------- */

const struct sip_reg *sip_reg_next(const struct core *c, struct span alias,
				   const struct sip_reg *after)
{
	const struct sip_aor *a = after ? after->aor :
		map_get(c->sip_regs->aors, alias);
	const struct list *e;

	if (!a)
		return NULL;
	e = after ? after->same.next : a->regs.next;
	return e == &a->regs ? NULL :
		list_entry((struct list *)(uintptr_t)e, struct sip_reg, same);
}

int64_t sip_reg_on_flow(const struct core *c, uint32_t flow,
			struct span alias)
{
	const struct sip_reg *r = NULL;

	while (flow && (r = sip_reg_next(c, alias, r)))
		if (r->flow == flow)
			return r->device;
	return 0;
}

const struct sip_reg *sip_reg_each(const struct core *c,
				   const struct sip_reg *after)
{
	const struct list *all = &c->sip_regs->all;
	const struct list *e = after ? after->at.next : all->next;

	return e == all ? NULL :
		list_entry((struct list *)(uintptr_t)e, struct sip_reg, at);
}

uint32_t sip_regs_count(const struct core *c)
{
	return c->sip_regs->n;
}

size_t sip_regs_addresses(const struct core *c, uint8_t (*out)[16],
			  size_t max)
{
	const struct sip_reg *r = NULL;
	size_t n = 0;

	while (n < max && (r = sip_reg_each(c, r)))
		memcpy(out[n++], r->source.ip, 16);
	return n;
}

bool sip_regs_hold(const struct core *c, const uint8_t ip[16],
		   unsigned prefix)
{
	const struct sip_reg *r = NULL;

	while ((r = sip_reg_each(c, r)))
		if (net_holds(ip, prefix, r->source.ip))
			return true;
	return false;
}

void sip_regs_close(struct core *c)
{
	struct sip_regs *t = c->sip_regs;

	if (!t)
		return;
	list_each(e, tmp, &t->all) {
		struct sip_reg *r = list_entry(e, struct sip_reg, at);

		timer_cancel(&r->expiry);
		if (--r->aor->n == 0)
			mem_free(r->aor);
		mem_free(r);
	}
	map_free(&t->aors);
	mem_free(t);
	c->sip_regs = NULL;
}
