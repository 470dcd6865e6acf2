/* conclave-core: wiring only. */
#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "core/core.h"
#include "core/sandbox.h"
#include "schema/paths.h"

/* --- links ------------------------------------------------------------------- */

static void refuse_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void on_web_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		       const ProtobufCMessage *msg, const int *fds,
		       size_t n_fds)
{
	struct web *w = arg;

	(void)ch;
	refuse_fds(fds, n_fds);
	core_turn(w->c);
	web_message(w, type, msg);
}

static void link_gone(struct core *c, struct ipc_ev **ev, enum ipc_role peer,
		      uint32_t instance, int error)
{
	if (error != E_CLOSED)
		log_warn(MOD, "link refused", LOG_S("peer",
			 ipc_role_name(peer)), LOG_U("instance", instance),
			 LOG_E("error", error));
	ipc_ev_free(ev);
	role_link_lost(c->role, peer, instance);
}

static void on_web_down(void *arg, struct ipc_chan *ch, int error)
{
	struct web *w = arg;

	(void)ch;
	core_turn(w->c);
	link_gone(w->c, &w->ev, ROLE_WEB, (uint32_t)(w - w->c->webs), error);
	web_down(w);
}

static void on_worker_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			  const ProtobufCMessage *msg, const int *fds,
			  size_t n_fds)
{
	struct worker *wk = arg;
	uint32_t instance;

	refuse_fds(fds, n_fds);
	core_turn(wk->c);
	if (ipc_chan_peer(ch, &instance) == ROLE_MEDIA)
		worker_media_message(wk, type, msg);
	else
		worker_video_message(wk, type, msg);
}

static void on_media_down(void *arg, struct ipc_chan *ch, int error)
{
	struct worker *wk = arg;

	(void)ch;
	core_turn(wk->c);
	link_gone(wk->c, &wk->media, ROLE_MEDIA, wk->instance, error);
	worker_media_down(wk);
}

static void on_video_down(void *arg, struct ipc_chan *ch, int error)
{
	struct worker *wk = arg;

	(void)ch;
	core_turn(wk->c);
	link_gone(wk->c, &wk->video, ROLE_VIDEO, wk->instance, error);
	worker_video_down(wk);
}

static int link_new(struct core *c, struct ipc_ev **out,
		    struct ipc_chan_cfg *cfg, enum ipc_role peer,
		    uint32_t instance, int fd)
{
	int r;

	cfg->fd = fd;
	cfg->self = ROLE_CORE;
	cfg->peer = peer;
	cfg->peer_instance = instance;
	ipc_ev_free(out);
	r = ipc_ev_new(out, c->base, cfg);
	if (r < 0)
		log_error(MOD, "no link", LOG_S("peer", ipc_role_name(peer)),
			  LOG_E("error", r));
	else
		settings_send(c, ipc_ev_chan(*out));
	return r;
}

static void web_link(struct core *c, uint32_t instance, int fd)
{
	struct web *w = &c->webs[instance];
	struct ipc_chan_cfg cfg = {.on_msg = on_web_msg,
				   .on_down = on_web_down, .arg = w};

	web_down(w);
	(void)link_new(c, &w->ev, &cfg, ROLE_WEB, instance, fd);
}

static void media_link(struct core *c, uint32_t instance, int fd)
{
	struct worker *wk = &c->workers[instance];
	struct ipc_chan_cfg cfg = {.on_msg = on_worker_msg,
				   .on_down = on_media_down, .arg = wk};

	if (wk->media)
		worker_media_down(wk);
	if (link_new(c, &wk->media, &cfg, ROLE_MEDIA, instance, fd) == 0)
		worker_media_up(wk);
}

static void video_link(struct core *c, uint32_t instance, int fd)
{
	struct worker *wk = &c->workers[instance];
	struct ipc_chan_cfg cfg = {.on_msg = on_worker_msg,
				   .on_down = on_video_down, .arg = wk};

	worker_video_down(wk);
	if (link_new(c, &wk->video, &cfg, ROLE_VIDEO, instance, fd) == 0)
		worker_video_up(wk);
}

static void on_link(void *arg, enum ipc_role peer, uint32_t instance, int fd)
{
	struct core *c = arg;

	core_turn(c);
	if (peer == ROLE_WEB && instance < CORE_WEBS_MAX)
		web_link(c, instance, fd);
	else if (peer == ROLE_MEDIA && instance < CORE_WORKERS_MAX)
		media_link(c, instance, fd);
	else if (peer == ROLE_VIDEO && instance < CORE_WORKERS_MAX)
		video_link(c, instance, fd);
	else
		close(fd);
}

static void on_stop(void *arg)
{
	struct core *c = arg;

	(void)event_base_loopbreak(c->base);
}

static void on_super_msg(void *arg, enum ipc_type type,
			 const ProtobufCMessage *msg)
{
	const Cv__RoleDied *d = (const Cv__RoleDied *)(const void *)msg;
	struct core *c = arg;

	if (type != IPC_ROLE_DIED)
		return;
	core_turn(c);
	log_warn(MOD, "role died", LOG_S("role", d->role < ROLE_COUNT ?
		 ipc_role_name((enum ipc_role)d->role) : "?"),
		 LOG_U("instance", d->instance), LOG_U("signal", d->signal));
	audit_note(c, "role.died", AUDIT_FAILED, SPAN_LIT("super"),
		   SPAN_LIT("local"), d->role < ROLE_COUNT ?
		   span_str(ipc_role_name((enum ipc_role)d->role)) :
		   SPAN_NONE, SPAN_NONE);
	if (d->role == ROLE_MEDIA && d->instance < CORE_WORKERS_MAX)
		worker_media_dead(&c->workers[d->instance]);
}

/* --- time ------------------------------------------------------------------------- */

static void on_pump(struct timer *t, void *arg, uint64_t now_ns)
{
	struct web *w = arg;

	(void)t;
	(void)now_ns;
	core_turn(w->c);
	web_pump(w);
}

/* The wheel's next slot, never more than a second away: the audit log closes
 * its minutes then. */
static void arm_tick(struct core *c)
{
	const uint64_t wait = timer_wheel_wait_ns(c->wheel, clock_mono_ns());
	uint64_t ms = wait / NS_PER_MS + 1;
	struct timeval tv;

	if (ms > 1000)
		ms = 1000;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	(void)event_add(c->tick_ev, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd;
	(void)what;
	core_turn(c);
	(void)timer_wheel_advance(c->wheel, c->now_ns);
	if (c->now_ns >= c->audit_due_ns) {
		audit_tick(c->audit, clock_wall_us(), c->now_ns);
		c->audit_due_ns = c->now_ns + NS_PER_S;
	}
}

/* After each turn of the loop the timer follows the wheel. */
static void run(struct core *c)
{
	do
		arm_tick(c);
	while (event_base_loop(c->base, EVLOOP_ONCE) == 0 &&
	       !event_base_got_break(c->base));
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd;
	(void)what;
	core_turn(c);
	(void)store_dispatch(c->store);
}

/* --- start --------------------------------------------------------------------------- */

static void audit_dirty(void *arg)
{
	struct core *c = arg;

	store_sync_due(c->store);
}

static int read_key(struct role_boot *b, struct secret *key)
{
	int fd = role_boot_fd(b, CV__FD_NAME__FD_DATA_KEY, 0);
	ssize_t n;
	int r;

	if (fd < 0)
		return E_NOTFOUND;
	r = secret_init(key, NULL, DATA_KEY_LEN);
	if (r == 0) {
		n = pread(fd, key->p, key->n, 0);
		r = n == DATA_KEY_LEN ? 0 : E_FORMAT;
	}
	close(fd);
	return r;
}

static int enter_data_dir(struct role_boot *b)
{
	int fd = role_boot_fd(b, CV__FD_NAME__FD_DATA_DIR, 0);
	int r;

	if (fd < 0)
		return E_NOTFOUND;
	r = fchdir(fd) < 0 ? E_SYS : 0;
	close(fd);
	return r;
}

/* What no new start can cure. A lock, or memory, may be there next time. */
static bool is_lasting(int error)
{
	return error == E_VERSION || error == E_CORRUPT || error == E_AUTH ||
	       error == E_NOSPACE || error == E_DENIED ||
	       error == E_NOTFOUND || error == E_FORMAT;
}

static int refuse(struct core *c, int error, const char *text)
{
	if (is_lasting(error))
		c->refusal = role_refuse(text);
	return error;
}

static int open_audit(struct core *c)
{
	struct audit_cfg acfg = {.dir = PATH_AUDIT_DIR, .reserve = true};
	char text[128];
	int r = audit_open(&c->audit, &acfg, clock_wall_us(), clock_mono_ns());

	if (r == 0)
		return 0;
	log_error(MOD, "the audit log cannot be used", LOG_E("error", r));
	(void)snprintf(text, sizeof(text), "the audit log cannot be used: %s: %s",
		       err_text(r), r == E_NOSPACE ?
		       "free some disk space and start again" :
		       "restore it from a backup");
	return refuse(c, r, text);
}

static int open_data(struct core *c, struct span key)
{
	struct store_cfg cfg = {.dir = ".", .data_key = key};
	struct store_problem why = {.error = 0};
	int r = store_open(&c->store, &cfg, &why);

	if (r < 0) {
		log_error(MOD, "the database cannot be used",
			  LOG_T("reason", span_str(why.text)),
			  LOG_E("error", r));
		return refuse(c, r, why.text);
	}
	c->journal = store_journal(c->store);
	r = open_audit(c);
	r = r ? r : store_attach(c->store, audit_sync, c->audit);
	r = r ? r : cli_config_new(&c->cli_config, c->store, c->audit,
				   PATH_AUDIT_DIR, cli_reply, c);
	return r;
}

/* Keys of their own from the data key: tokens survive a restart of core. */
static int make_identity(struct core *c, struct span key)
{
	uint8_t k[SESSION_KEY_LEN];
	int r = crypto_hkdf(k, sizeof(k), key, SPAN_LIT("conclave"),
			    SPAN_LIT("conclave session tokens 1"));

	r = r ? r : session_table_new(&c->sessions, span_of(k, sizeof(k)),
				      CORE_MEMBERS_MAX);
	secret_wipe(k, sizeof(k));
	return r;
}

static int make_guard(struct core *c)
{
	struct cfg_pin_guard cfg = CFG_PIN_GUARD_DEFAULT;
	int r;

	rand_bytes(cfg.hash_key, sizeof(cfg.hash_key));
	r = pin_guard_new(&c->guard, &cfg);
	return r ? r : settings_guard(c);
}

static int make_tables(struct core *c)
{
	int r = timer_wheel_new(&c->wheel, c->now_ns);

	r = r ? r : handles_new(&c->meetings, CORE_MEETINGS_MAX);
	r = r ? r : handles_new(&c->members, CORE_MEMBERS_MAX);
	r = r ? r : handles_new(&c->legs, CORE_MEMBERS_MAX);
	r = r ? r : map_new(&c->by_conf, CORE_MEETINGS_MAX);
	r = r ? r : map_new(&c->calls, CORE_CALLS_MAX);
	for (size_t i = 0; i < CORE_WEBS_MAX && !r; i++) {
		struct web *w = &c->webs[i];

		w->c = c;
		list_init(&w->syncs);
		timer_init(&w->pump, on_pump, w);
		r = map_new(&w->streams, (size_t)CORE_MEMBERS_MAX *
			    MEMBER_STREAMS_MAX);
	}
	for (uint32_t i = 0; i < CORE_WORKERS_MAX; i++) {
		c->workers[i].c = c;
		c->workers[i].instance = i;
		timer_init(&c->workers[i].report, NULL, NULL);
	}
	return r;
}

static int make_events(struct core *c)
{
	c->base = event_base_new();
	if (!c->base)
		return E_NOMEM;
	c->tick_ev = evtimer_new(c->base, on_tick, c);
	c->store_ev = event_new(c->base, store_fd(c->store),
				EV_READ | EV_PERSIST, on_store, c);
	if (!c->tick_ev || !c->store_ev || event_add(c->store_ev, NULL) < 0)
		return E_NOMEM;
	return 0;
}

static int prepare(struct core *c, struct role_boot *boot)
{
	struct secret key = {NULL, 0};
	int r = crypto_warm();

	core_turn(c);
	c->start_ns = c->now_ns;
	r = r ? r : clock_boot_id(c->boot_id);
	r = r ? r : read_key(boot, &key);
	if (r < 0)
		log_error(MOD, "the data key cannot be read",
			  LOG_E("error", r));
	r = r ? r : enter_data_dir(boot);
	r = r ? r : open_data(c, secret_span(&key));
	r = r ? r : make_identity(c, secret_span(&key));
	secret_release(&key);
	r = r ? r : make_guard(c);
	r = r ? r : make_tables(c);
	r = r ? r : make_events(c);
	c->cli_fd = role_boot_fd(boot, CV__FD_NAME__FD_CLI, 0);
	return r;
}

static int start(struct core *c)
{
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .on_super_msg = on_super_msg, .arg = c};
	struct role_boot *boot = mem_zalloc(sizeof(*boot));
	int r;

	if (!boot)
		return E_NOMEM;
	role_start(ROLE_CORE, boot);
	r = prepare(c, boot);
	for (size_t i = 0; i < boot->n_fds; i++)
		if (boot->fds[i].fd >= 0)
			close(boot->fds[i].fd);
	mem_free(boot);
	r = r ? r : sandbox_enter(&core_sandbox);
	r = r ? r : store_start(c->store);
	if (r < 0)
		return r;
	store_watch(c->store, settings_watch, c);
	audit_on_dirty(c->audit, audit_dirty, c);
	r = live_restore(c);
	worker_expect_all(c);
	r = r ? r : cli_open(c);
	r = r ? r : role_attach(&c->role, c->base, &cb);
	return r ? r : role_ready(c->role);
}

/* What waits is written; the meetings stay in the journal. */
static void stop(struct core *c)
{
	cli_close(c);
	store_close(&c->store);
	audit_close(&c->audit);
}

int main(void)
{
	struct core *c;
	int r;

	if (sandbox_early() < 0)
		return 1;
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return 1;
	r = start(c);
	if (r < 0) {
		log_error(MOD, "cannot serve", LOG_E("error", r));
		return c->refusal ? c->refusal : 1;
	}
	run(c);
	stop(c);
	return 0;
}
