/* Which sources the kernel and the faces refuse.
 *
 * A face hears of every ban. The kernel hears of those whose source is not
 * also the source of somebody who is in a meeting: he would reconnect, and
 * the face lets him who proves himself pass. Nothing on the allow list is
 * ever banned by itself. */
#include <stdlib.h>

#include "core/core.h"
#include "core/reg.h"
#include "core/sip_int.h"
#include "core/sip_reg.h"

#include "base/alloc.h"

enum { BANS_PER_MESSAGE = 512, BAN_AGAIN_S = 10, BAN_ROLE_WAIT_S = 20,
       HERE_MAX = CORE_MEMBERS_MAX + REG_MAX + SIP_REGS_MAX };

struct ban_list {
	Cv__BanSet set;
	Cv__Ban bans[BANS_PER_MESSAGE];
	Cv__Ban *list[BANS_PER_MESSAGE];
	uint8_t ip[BANS_PER_MESSAGE][16];
};

static void list_begin(struct ban_list *l, bool reset)
{
	cv__ban_set__init(&l->set);
	l->set.bans = l->list;
	l->set.reset = reset;
}

static void list_add(struct ban_list *l, const struct guard_event *e)
{
	const size_t i = l->set.n_bans++;
	Cv__Ban *b = &l->bans[i];

	cv__ban__init(b);
	memcpy(l->ip[i], e->ip, 16);
	b->ip = ipc_data(span_of(l->ip[i], 16));
	b->prefix = e->prefix;
	b->ports = e->ports;
	b->seconds = e->kind == GUARD_EV_SOURCE_RELEASED ? 0 : e->seconds;
	l->list[i] = b;
}

static void send_list(struct core *c, struct ipc_ev *ev, struct ban_list *l)
{
	l->set.epoch = ++c->ban.epoch;
	(void)ipc_send(ipc_ev_chan(ev), BAN_SET, &l->set);
	list_begin(l, false);
}

/* --- who is let off the kernel ----------------------------------------------- */

/* Everybody's address, sorted: a whole list is held against all of them. */
struct here {
	size_t n;
	uint8_t ip[HERE_MAX][16];
};

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static struct here *here_new(struct core *c)
{
	struct here *h = mem_alloc(sizeof(*h));
	const struct member *mb;
	uint32_t slot = 0;

	if (!h)
		return NULL;
	h->n = 0;
	while (h->n < CORE_MEMBERS_MAX &&
	       (mb = handles_next(c->members, &slot, NULL)))
		memcpy(h->ip[h->n++], mb->p->ip, 16);
	h->n += regs_addresses(c, &h->ip[h->n], HERE_MAX - h->n);
	h->n += sip_regs_addresses(c, &h->ip[h->n], HERE_MAX - h->n);
	qsort(h->ip, h->n, 16, by_address);
	return h;
}

/* The bits behind the prefix are 0, so the first address that is not smaller
 * is inside, or none is. */
static bool here_holds(const struct here *h, const uint8_t ip[16],
		       unsigned prefix)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (memcmp(h->ip[mid], ip, 16) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->n && net_holds(ip, prefix, h->ip[lo]);
}

static bool has_somebody(struct core *c, const struct here *h,
			 const uint8_t ip[16], unsigned prefix)
{
	uint32_t slot = 0;
	const struct member *mb;

	if (h)
		return here_holds(h, ip, prefix);
	while ((mb = handles_next(c->members, &slot, NULL)))
		if (net_holds(ip, prefix, mb->p->ip))
			return true;
	return regs_hold(c, ip, prefix) || sip_regs_hold(c, ip, prefix);
}

/* A ban by hand is meant as it is; it ends nothing that is established. */
static bool is_for_kernel(struct core *c, const struct here *h,
			  const struct guard_event *e)
{
	if (!store_global(c->store, GLOBAL_BAN_IN_KERNEL))
		return false;
	if (e->kind == GUARD_EV_SOURCE_RELEASED || e->manual)
		return true;
	return !allow_touches(c->allow, e->ip, e->prefix) &&
	       !has_somebody(c, h, e->ip, e->prefix);
}

static bool is_ban(const struct guard_event *e)
{
	return e->kind == GUARD_EV_SOURCE_QUARANTINED ||
	       e->kind == GUARD_EV_SOURCE_BANNED;
}

/* --- sending ------------------------------------------------------------------ */

/* The whole list, from the beginning. */
static void send_all(struct core *c, struct ipc_ev *ev, bool kernel)
{
	struct ban_list *l = mem_alloc(sizeof(*l));
	struct here *h = kernel ? here_new(c) : NULL;
	struct guard_event e;
	uint64_t it = 0;

	if (!l) {
		mem_free(h);
		return;
	}
	list_begin(l, true);
	c->ban.any = false;
	while (guard_walk(c->guard, &it, c->now_ns, &e)) {
		c->ban.any |= is_ban(&e);
		if (!is_ban(&e) || (kernel && !is_for_kernel(c, h, &e)))
			continue;
		list_add(l, &e);
		if (l->set.n_bans == BANS_PER_MESSAGE)
			send_list(c, ev, l);
	}
	l->set.last = true;
	send_list(c, ev, l);
	mem_free(l);
	mem_free(h);
}

static void send_one(struct core *c, struct ipc_ev *ev,
		     const struct guard_event *e)
{
	struct ban_list *l = mem_alloc(sizeof(*l));

	if (!l)
		return;
	list_begin(l, false);
	list_add(l, e);
	l->set.last = true;
	send_list(c, ev, l);
	mem_free(l);
}

void ban_event(struct core *c, const struct guard_event *e)
{
	c->ban.any |= is_ban(e);
	for (size_t i = 0; i < CORE_WEBS_MAX; i++)
		if (c->webs[i].ev)
			send_one(c, c->webs[i].ev, e);
	if (c->sip->ev)
		send_one(c, c->sip->ev, e);
	if (c->ban.ev && is_for_kernel(c, NULL, e))
		send_one(c, c->ban.ev, e);
}

void ban_face_up(struct core *c, struct ipc_ev *face)
{
	send_all(c, face, false);
}

void ban_up(struct core *c)
{
	send_all(c, c->ban.ev, true);
}

/* --- is it in force? ------------------------------------------------------------ */

static const char *why_not(const struct core *c)
{
	if (!c->ban.ev)
		return "the ban role is not running";
	return c->ban.table == CV__BAN_TABLE__BAN_TABLE_DENIED ?
		"no right to change the kernel's tables (CAP_NET_ADMIN)" :
		"table inet conclave is not loaded";
}

static void show(struct core *c)
{
	const bool wanted = store_global(c->store, GLOBAL_BAN_IN_KERNEL);
	const bool ok = c->ban.ev &&
			c->ban.table == CV__BAN_TABLE__BAN_TABLE_OK;
	/* It starts after us: no cry before it had its time. */
	const bool soon = c->now_ns < c->start_ns +
			  BAN_ROLE_WAIT_S * NS_PER_S &&
			  (!c->ban.ev || !c->ban.table);

	alert_set(c, ALARM_BAN_TABLE_MISSING, wanted && !ok && !soon,
		  why_not(c));
}

void ban_down(struct core *c)
{
	c->ban.table = CV__BAN_TABLE__BAN_TABLE_NONE;
	show(c);
}

void ban_message(struct core *c, enum ipc_type type,
		 const ProtobufCMessage *msg)
{
	const Cv__BanState *s = (const Cv__BanState *)(const void *)msg;
	const bool came = type == IPC_BAN_STATE &&
			  s->table == CV__BAN_TABLE__BAN_TABLE_OK &&
			  c->ban.table != CV__BAN_TABLE__BAN_TABLE_OK;

	if (type != IPC_BAN_STATE)
		return;	/* SETTINGS_ACK */
	c->ban.applied = s->applied;
	c->ban.failed = s->failed;
	c->ban.applied_epoch = s->epoch;
	if (came && c->ban.table)
		ban_up(c);	/* a new table is empty */
	c->ban.table = s->table;
	show(c);
}

/* Somebody may have come or gone whose source is banned. */
void ban_tick(struct core *c)
{
	show(c);
	if (c->now_ns < c->ban.again_ns)
		return;
	c->ban.again_ns = c->now_ns + BAN_AGAIN_S * NS_PER_S;
	if (c->ban.ev && c->ban.any)
		ban_up(c);
}
