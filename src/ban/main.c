/* conclave-ban: wiring only. */
#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "ban/kernel.h"
#include "ban/sandbox.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/role.h"
#include "ipc/super.pb-c.h"

#define MOD "ban"

enum { TICK_S = 1, LOOK_TICKS = 10 };

struct app {
	struct event_base *base;
	struct role *role;
	struct ipc_ev *core;
	struct event *tick;
	unsigned ticks;
	struct book *book;
	struct kernel *kernel;
	Cv__BanTable table;
	bool is_kernel_known;	/* its sets hold what the book says */
	bool heard;		/* core has said something since we began */
	uint32_t last_epoch;	/* of the last BanSet */
	uint32_t epoch;		/* of the last one in force */
	uint64_t refused;	/* bans never tried: malformed, denied, full */
	struct ban_item items[BAN_MESSAGE_MAX];
};

/* --- telling core --------------------------------------------------------- */

static void tell(struct app *a)
{
	Cv__BanState m = CV__BAN_STATE__INIT;
	struct kernel_counts c;

	if (!a->core)
		return;
	kernel_count(a->kernel, &c);
	m.table = a->table;
	m.epoch = a->epoch;
	m.applied = c.applied;
	m.failed = c.failed + a->refused;
	(void)ipc_send(ipc_ev_chan(a->core), BAN_STATE, &m);
}

static void set_table(struct app *a, Cv__BanTable t)
{
	if (a->table == t)
		return;
	if (t == CV__BAN_TABLE__BAN_TABLE_OK)
		log_notice(MOD, "the table is there: bans act in the kernel");
	else if (t == CV__BAN_TABLE__BAN_TABLE_MISSING)
		log_warn(MOD, "no table inet " BAN_TABLE_NAME ": bans act in the faces; load it with: conclave firewall apply --bans-only");
	else
		log_error(MOD, "the kernel lets us set no bans: they act in the faces");
	a->table = t;
}

/* --- the kernel ----------------------------------------------------------- */

static void carry(struct app *a)
{
	bool flush = !a->is_kernel_known;
	Cv__BanTable t;

	if (a->table != CV__BAN_TABLE__BAN_TABLE_OK || !a->heard)
		return;
	t = kernel_carry(a->kernel, a->book, &flush, clock_mono_ns());
	if (t == CV__BAN_TABLE__BAN_TABLE_OK && !flush) {
		a->is_kernel_known = true;
		a->epoch = a->last_epoch;
	}
	set_table(a, t);
}

static void look(struct app *a)
{
	bool is_new;
	Cv__BanTable t = kernel_look(a->kernel, &is_new);

	if (is_new || t != CV__BAN_TABLE__BAN_TABLE_OK) {
		a->is_kernel_known = false;
		book_forget_kernel(a->book);
	}
	set_table(a, t);
}

static void cb_tick(evutil_socket_t fd, short what, void *arg)
{
	struct app *a = arg;
	Cv__BanTable before = a->table;
	uint32_t epoch = a->epoch;

	(void)fd;
	(void)what;
	book_retry(a->book, clock_mono_ns());
	if (++a->ticks % LOOK_TICKS == 0)
		look(a);
	if (!a->is_kernel_known || book_is_dirty(a->book))
		carry(a);
	if (a->table != before || a->epoch != epoch)
		tell(a);
}

/* --- what core says ------------------------------------------------------- */

static void take_set(struct app *a, const Cv__BanSet *m)
{
	uint64_t now = clock_mono_ns();
	size_t n = 0;
	int r = ban_list_decode(a->items, &n, m);

	if (r < 0) {
		a->refused += m->n_bans;
		log_error(MOD, "a list of bans is malformed and was not taken",
			  LOG_E("error", r));
		return;
	}
	if (m->reset)
		book_reset(a->book);
	for (size_t i = 0; i < n; i++) {
		r = book_put(a->book, &a->items[i], now);
		a->refused += r < 0;
	}
	if (m->last)
		book_last(a->book);
	a->heard = true;
	a->last_epoch = m->epoch;
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct app *a = arg;

	(void)ch;
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (type != IPC_BAN_SET)
		return;
	take_set(a, (const Cv__BanSet *)msg);
	/* A table that came or went shows now, not at the next look. */
	if (a->table != CV__BAN_TABLE__BAN_TABLE_OK)
		look(a);
	carry(a);
	tell(a);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct app *a = arg;

	(void)ch;
	if (error != E_CLOSED)
		log_warn(MOD, "link refused", LOG_E("error", error));
	ipc_ev_free(&a->core);
	role_link_lost(a->role, ROLE_CORE, 0);
}

/* A new core begins with a reset; until then what is banned stays. */
static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct app *a = arg;
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = ROLE_BAN, .peer = peer,
		.peer_instance = instance, .on_msg = on_msg,
		.on_down = on_down, .arg = a,
	};
	int r;

	if (peer != ROLE_CORE) {
		close(fd);
		return;
	}
	ipc_ev_free(&a->core);
	r = ipc_ev_new(&a->core, a->base, &cfg);
	if (r < 0)
		log_error(MOD, "no link", LOG_E("error", r));
	else
		tell(a);
}

static void on_stop(void *arg)
{
	struct app *a = arg;

	(void)event_base_loopbreak(a->base);
}

/* --- life ----------------------------------------------------------------- */

static int prepare(struct app *a)
{
	struct role_boot *boot = mem_zalloc(sizeof(*boot));
	int fd, r;

	if (!boot)
		return E_NOMEM;
	role_start(ROLE_BAN, boot);
	fd = role_boot_fd(boot, CV__FD_NAME__FD_NETLINK, 0);
	r = fd < 0 ? E_NOTFOUND : kernel_new(&a->kernel, fd);
	for (size_t i = 0; i < boot->n_fds; i++)
		if (boot->fds[i].fd >= 0)
			close(boot->fds[i].fd);
	mem_free(boot);
	if (!r)
		r = book_new(&a->book);
	if (r)
		return r;
	a->base = event_base_new();
	return a->base ? 0 : E_NOMEM;
}

static int serve(struct app *a)
{
	const struct timeval every = {.tv_sec = TICK_S};
	struct role_callbacks cb = {
		.on_link = on_link, .on_stop = on_stop, .arg = a,
	};
	int r;

	look(a);
	a->tick = event_new(a->base, -1, EV_PERSIST, cb_tick, a);
	if (!a->tick || event_add(a->tick, &every) < 0)
		return E_NOMEM;
	r = role_attach(&a->role, a->base, &cb);
	return r ? r : role_ready(a->role);
}

int main(void)
{
	static struct app a;
	int r;

	if (sandbox_early() < 0)
		return 1;
	r = prepare(&a);
	if (!r)
		r = sandbox_enter(&ban_sandbox);
	if (!r)
		r = serve(&a);
	if (r < 0) {
		log_error(MOD, "cannot serve", LOG_E("error", r));
		return 1;
	}
	(void)event_base_dispatch(a.base);
	return 0;
}
