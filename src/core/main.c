/* conclave-core: wiring only. */
#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/rand.h"
#include "base/text.h"
#include "core/asks.h"
#include "core/certificate.h"
#include "core/core.h"
#include "core/fetch.h"
#include "core/policies.h"
#include "core/gateway.h"
#include "core/reg.h"
#include "core/row_check.h"
#include "core/sandbox.h"
#include "core/sip_dial.h"
#include "core/sip_int.h"
#include "core/sip_roster.h"
#include "core/sip_trunk.h"
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
	if (w->c->fail_at && (type == IPC_JOIN || type == IPC_REG)) {
		mem_fail_at(w->c->fail_at);
		w->c->fail_at = 0;
	}
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
	if (link_new(c, &w->ev, &cfg, ROLE_WEB, instance, fd) == 0)
		ban_face_up(c, w->ev);
}

void web_refuse(struct web *w, const char *why)
{
	w->c->stats.false_claims++;
	log_error(MOD, "a face is not to be believed", LOG_S("because", why));
	audit_note(w->c, "face.refused", AUDIT_DENIED, SPAN_LIT("core"),
		   SPAN_LIT("local"), SPAN_LIT("web"), span_str(why));
	link_gone(w->c, &w->ev, ROLE_WEB, (uint32_t)(w - w->c->webs),
		  E_DENIED);
	web_down(w);
}

static void on_sip_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		       const ProtobufCMessage *msg, const int *fds,
		       size_t n_fds)
{
	struct core *c = arg;

	(void)ch;
	refuse_fds(fds, n_fds);
	core_turn(c);
	sip_message(c, type, msg);
}

static void on_sip_down(void *arg, struct ipc_chan *ch, int error)
{
	struct core *c = arg;

	(void)ch;
	core_turn(c);
	link_gone(c, &c->sip->ev, ROLE_SIP, 0, error);
	sip_down(c);
}

static void sip_link(struct core *c, int fd)
{
	struct ipc_chan_cfg cfg = {.on_msg = on_sip_msg,
				   .on_down = on_sip_down, .arg = c};

	sip_down(c);
	if (link_new(c, &c->sip->ev, &cfg, ROLE_SIP, 0, fd) == 0)
		sip_up(c);
}

static void on_ban_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		       const ProtobufCMessage *msg, const int *fds,
		       size_t n_fds)
{
	struct core *c = arg;

	(void)ch;
	refuse_fds(fds, n_fds);
	core_turn(c);
	ban_message(c, type, msg);
}

static void on_ban_down(void *arg, struct ipc_chan *ch, int error)
{
	struct core *c = arg;

	(void)ch;
	core_turn(c);
	link_gone(c, &c->ban.ev, ROLE_BAN, 0, error);
	ban_down(c);
}

static void ban_link(struct core *c, int fd)
{
	struct ipc_chan_cfg cfg = {.on_msg = on_ban_msg,
				   .on_down = on_ban_down, .arg = c};

	ban_down(c);
	if (link_new(c, &c->ban.ev, &cfg, ROLE_BAN, 0, fd) == 0)
		ban_up(c);
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

static void on_courier_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			   const ProtobufCMessage *msg, const int *fds,
			   size_t n_fds)
{
	struct core *c = arg;

	(void)ch;
	core_turn(c);
	if (type == IPC_CONNECTED)
		sip_connected(c, msg, fds, n_fds);
	else if (type == IPC_CERT_STATUS)
		cert_status(c, (const Cv__CertStatus *)(const void *)msg);
	else if (type == IPC_LOOKED_UP)
		cli_doctor_message(c, (const Cv__LookedUp *)(const void *)msg);
	else
		fetch_message(c, type, msg);
	refuse_fds(fds, n_fds);
}

static void on_courier_down(void *arg, struct ipc_chan *ch, int error)
{
	struct core *c = arg;

	(void)ch;
	core_turn(c);
	link_gone(c, &c->courier, ROLE_COURIER, 0, error);
	fetch_down(c);
	sip_connects_fail(c);
	cert_checks_fail(c);
}

static void courier_link(struct core *c, int fd)
{
	struct ipc_chan_cfg cfg = {.on_msg = on_courier_msg,
				   .on_down = on_courier_down, .arg = c};

	fetch_down(c);
	(void)link_new(c, &c->courier, &cfg, ROLE_COURIER, 0, fd);
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
	else if (peer == ROLE_SIP && instance == 0)
		sip_link(c, fd);
	else if (peer == ROLE_BAN && instance == 0)
		ban_link(c, fd);
	else if (peer == ROLE_COURIER && instance == 0)
		courier_link(c, fd);
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
	const Cv__RoleUp *up = (const Cv__RoleUp *)(const void *)msg;
	struct core *c = arg;

	core_turn(c);
	if (type == IPC_ROLE_UP) {
		alert_role(c, up->role, up->instance, true);
		c->web_serves |= up->role == ROLE_WEB;
	}
	if (type == IPC_CERTIFICATE)
		certificate_message(c, (const Cv__Certificate *)
				    (const void *)msg);
	if (type != IPC_ROLE_DIED)
		return;
	alert_role(c, d->role, d->instance, false);
	log_warn(MOD, "role died", LOG_S("role", d->role < ROLE_COUNT ?
		 ipc_role_name((enum ipc_role)d->role) : "?"),
		 LOG_U("instance", d->instance), LOG_U("signal", d->signal));
	audit_note(c, "role.died", AUDIT_FAILED, SPAN_LIT("super"),
		   SPAN_LIT("local"), d->role < ROLE_COUNT ?
		   span_str(ipc_role_name((enum ipc_role)d->role)) :
		   SPAN_NONE, SPAN_NONE);
	if (d->role == ROLE_WEB) {
		c->web_serves = false;
		defence_crash(c, d->source, GUARD_FACE_WEB);
	}
	if (d->role == ROLE_SIP)
		defence_crash(c, d->source, GUARD_FACE_SIP);
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

/* The wheel's next slot or the beat, whichever comes first. Both are points
 * in time: arming anew with every turn must not put either off. */
static void arm_tick(struct core *c)
{
	const uint64_t now = clock_mono_ns();
	const uint64_t beat = c->beat_ns > now ? c->beat_ns - now : 0;
	uint64_t wait = timer_wheel_wait_ns(c->wheel, now), ms;
	struct timeval tv;

	if (wait > beat)
		wait = beat;
	ms = wait / NS_PER_MS + 1;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	(void)event_add(c->tick_ev, &tv);
}

/* Once a second. */
static void beat(struct core *c)
{
	audit_tick(c->audit, clock_wall_us(), c->now_ns);
	load_tick(c);
	defence_tick(c);
	gateways_tick(c);
	sip_rosters_tick(c);
	ban_tick(c);
	alert_tick(c);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd;
	(void)what;
	core_turn(c);
	(void)timer_wheel_advance(c->wheel, c->now_ns);
	if (c->now_ns >= c->beat_ns) {
		c->beat_ns = c->now_ns + NS_PER_S;
		beat(c);
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

static void on_pool(evutil_socket_t fd, short what, void *arg)
{
	struct core *c = arg;

	(void)fd;
	(void)what;
	core_turn(c);
	(void)pool_dispatch(c->pool);
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
	struct store_cfg cfg = {.dir = ".", .data_key = key,
				.check = core_row_check};
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

/* The machine's boot and clock, or what a test plays: another boot, a leap of
 * the wall clock. */
static int boot_id(struct core *c, struct role_boot *b)
{
	const char *other = role_boot_option(b, "test_boot_id", NULL);
	const char *step = role_boot_option(b, "test_wall_step_us", NULL);
	uint64_t us;

	if (step && span_u64(span_str(step), INT64_MAX, &us) == 0)
		clock_wall_step_us((int64_t)us);

	return other ? hex_decode(c->boot_id, sizeof(c->boot_id),
				  span_str(other)) :
		clock_boot_id(c->boot_id);
}

static void read_place(struct core *c, struct role_boot *b)
{
	uint64_t port = 443;

	(void)snprintf(c->public_host, sizeof(c->public_host), "%s",
		       role_boot_option(b, "public_host", ""));
	(void)span_u64(span_str(role_boot_option(b, "https_port", "443")),
		       UINT16_MAX, &port);
	c->https_port = (uint32_t)port;
}

static int make_tables(struct core *c)
{
	int r = timer_wheel_new(&c->wheel, c->now_ns);

	rand_bytes(c->access.key, sizeof(c->access.key));
	r = r ? r : handles_new(&c->meetings, CORE_MEETINGS_MAX);
	r = r ? r : handles_new(&c->members, CORE_MEMBERS_MAX);
	r = r ? r : handles_new(&c->legs, CORE_MEMBERS_MAX);
	r = r ? r : handles_new(&c->joins, CORE_JOINS_MAX);
	r = r ? r : map_new(&c->by_conf, CORE_MEETINGS_MAX);
	r = r ? r : map_new(&c->calls, CORE_CALLS_MAX);
	r = r ? r : fetch_open(c);
	r = r ? r : policies_open(c);
	r = r ? r : asks_open(c);
	r = r ? r : map_new(&c->room_keys, CORE_ROOM_KEYS_MAX);
	for (size_t i = 0; i < CORE_WEBS_MAX && !r; i++) {
		struct web *w = &c->webs[i];

		w->c = c;
		list_init(&w->syncs);
		timer_init(&w->pump, on_pump, w);
		r = map_new(&w->streams, (size_t)CORE_MEMBERS_MAX *
			    MEMBER_STREAMS_MAX);
	}
	defence_init_timers(c);
	r = r ? r : trace_new(&c->trace);
	r = r ? r : sip_open(c);
	for (uint32_t i = 0; i < CORE_WORKERS_MAX; i++) {
		c->workers[i].c = c;
		c->workers[i].instance = i;
		timer_init(&c->workers[i].report, NULL, NULL);
	}
	return r;
}

/* The operator's passwords: nobody who joins waits for them. */
static int run_on_pool(void *core, int (*work)(void *job),
		       void (*done)(void *job, int result), void *job)
{
	struct core *c = core;
	const struct pool_job j = {.work = work, .done = done, .arg = job,
				   .who = SHARE_OURS};

	return pool_put(c->pool, &j, NULL);
}

static int make_events(struct core *c)
{
	c->base = event_base_new();
	if (!c->base)
		return E_NOMEM;
	c->tick_ev = evtimer_new(c->base, on_tick, c);
	c->store_ev = event_new(c->base, store_fd(c->store),
				EV_READ | EV_PERSIST, on_store, c);
	c->pool_ev = event_new(c->base, pool_fd(c->pool),
			       EV_READ | EV_PERSIST, on_pool, c);
	if (!c->tick_ev || !c->store_ev || !c->pool_ev ||
	    event_add(c->store_ev, NULL) < 0 || event_add(c->pool_ev, NULL) < 0)
		return E_NOMEM;
	return 0;
}

static int prepare(struct core *c, struct role_boot *boot)
{
	static const struct pool_cfg pool = {.threads = POOL_THREADS,
					     .queue_max = POOL_QUEUE_MAX};
	struct secret key = {NULL, 0};
	int r = crypto_warm();

	core_turn(c);
	c->start_ns = c->now_ns;
	read_place(c, boot);
	certificate_open(c);
	r = r ? r : cli_doctor_open(c, boot);
	r = r ? r : boot_id(c, boot);
	r = r ? r : read_key(boot, &key);
	if (r < 0)
		log_error(MOD, "the data key cannot be read",
			  LOG_E("error", r));
	r = r ? r : enter_data_dir(boot);
	r = r ? r : open_data(c, secret_span(&key));
	r = r ? r : make_identity(c, secret_span(&key));
	r = r ? r : alarms_new(&c->alarms);
	r = r ? r : defence_open(c, secret_span(&key), role_boot_fd(boot,
				 CV__FD_NAME__FD_GUARD, 0));
	secret_release(&key);
	r = r ? r : make_tables(c);
	r = r ? r : settings_tables(c);
	r = r ? r : regs_open(c);
	r = r ? r : gateways_limits(c);
	r = r ? r : pool_new(&c->pool, &pool);
	if (r == 0)
		store_hash_on(c->store, run_on_pool, c);
	r = r ? r : make_events(c);
	c->cli_fd = role_boot_fd(boot, CV__FD_NAME__FD_CLI, 0);
	return r;
}

static int start(struct core *c)
{
	struct role_callbacks cb = {.on_link = on_link, .on_stop = on_stop,
				    .on_super_msg = on_super_msg, .arg = c};
	struct role_boot *boot = mem_zalloc(sizeof(*boot));
	uint64_t fail_at = 0;
	int r;

	if (!boot)
		return E_NOMEM;
	role_start(ROLE_CORE, boot);
	/* Tests: with the first message from web the n-th allocation fails. */
	(void)span_u64(span_str(role_boot_option(boot, "test_fail_at", "0")),
		       UINT32_MAX, &fail_at);
	r = prepare(c, boot);
	for (size_t i = 0; i < boot->n_fds; i++)
		if (boot->fds[i].fd >= 0)
			close(boot->fds[i].fd);
	mem_free(boot);
	r = r ? r : sandbox_enter(&core_sandbox);
	r = r ? r : store_start(c->store);
	r = r ? r : pool_start(c->pool);
	if (r < 0)
		return r;
	store_watch(c->store, settings_watch, c);
	audit_on_dirty(c->audit, audit_dirty, c);
	r = live_restore(c);
	defence_name_rooms(c);
	defence_recall(c);
	alert_all_rows(c);
	worker_expect_all(c);
	r = r ? r : cli_open(c);
	r = r ? r : role_attach(&c->role, c->base, &cb);
	if (r < 0)
		return r;
	c->fail_at = fail_at;
	settings_roles(c);
	return role_ready(c->role);
}

/* What waits is written; the meetings stay in the journal. */
static void stop(struct core *c)
{
	cli_close(c);
	pool_close(&c->pool);
	store_close(&c->store);
	audit_close(&c->audit);
	defence_close(c);
	gateways_close(c);
	regs_close(c);
	sip_close(c);
	cli_trace_close(c);
	cli_doctor_close(c);
	trace_free(&c->trace);
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
