#include "ipc/role.h"

#include <errno.h>
#include <event2/event.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/super.pb-c.h"

#define MOD "role"

/* A role that was asked to go has this long; EXIT_ORPHAN tells a supervisor
 * of ours (there is none left then) or a test why it went. */
enum { GOODBYE_MS = 900, INPUT_BUDGET = 16, CRASH_DEPTH = 48,
       CRASH_STACK_BYTES = 64 * 1024, FD_CRASH_KEPT = 5,
       EXIT_START = 70, EXIT_ORPHAN = 71 };

enum { LINKS_MAX = 64 };		/* to others, by role and instance */

struct role {
	struct ipc_chan *ch;
	struct {
		uint32_t role, instance, made;
	} links[LINKS_MAX];
	size_t n_links;
	enum ipc_role self;
	uint32_t instance;
	struct role_boot *boot;		/* while role_start runs */
	bool has_boot;
	int down_error;
	bool stopping;
	struct role_callbacks cb;
	bool attached;
	struct event *rd, *wr;
	uint32_t off_mask;		/* RolesOff, as told last */
	bool sip_tcp, sip_udp;
};

/* One process is one role: role_start and role_attach share this, and nothing
 * else may. Set before any thread starts. */
static struct role me;

/* --- the end ------------------------------------------------------------- */

static void on_goodbye(int sig)
{
	(void)sig;
	_exit(me.stopping ? 0 : EXIT_ORPHAN);
}

static void goodbye_in(unsigned ms)
{
	struct itimerval t = {.it_value = {.tv_sec = ms / 1000,
					   .tv_usec = (ms % 1000) * 1000}};

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

/* The kernel tells us that super died. Works even when the loop hangs; the
 * loop itself sees the end of the channel at once. */
static void on_orphan(int sig)
{
	(void)sig;
	goodbye_in(GOODBYE_MS);
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(sig, &sa, NULL);
}

static void stop(bool asked)
{
	if (me.stopping)
		return;
	me.stopping = asked;
	goodbye_in(GOODBYE_MS);
	if (me.attached)
		me.cb.on_stop(me.cb.arg);
	else
		_exit(asked ? 0 : EXIT_ORPHAN);
}

/* --- crashes ------------------------------------------------------------- */

#ifndef CONCLAVE_SANITIZED
static void crash_put(const char *s)
{
	ssize_t n = write(FD_CRASH_KEPT, s, strlen(s));

	(void)n;	/* nobody is left to be told */
}

/* Async-signal-safe: glibc's unwinder was loaded by the call in
 * crash_install, and backtrace_symbols_fd allocates nothing. */
static void on_crash(int sig)
{
	void *frames[CRASH_DEPTH];
	char head[] = "signal 00\n";
	int n;

	handle(sig, SIG_DFL, 0);
	head[7] = (char)('0' + sig / 10 % 10);
	head[8] = (char)('0' + sig % 10);
	crash_put(head);
	n = backtrace(frames, CRASH_DEPTH);
	backtrace_symbols_fd(frames, n, FD_CRASH_KEPT);
	(void)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

static void crash_install(void)
{
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
				   SIGTRAP};
	stack_t alt = {.ss_size = CRASH_STACK_BYTES};
	void *frames[4];

	(void)backtrace(frames, 4);
	alt.ss_sp = mem_alloc(CRASH_STACK_BYTES);
	if (alt.ss_sp)
		(void)sigaltstack(&alt, NULL);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		handle(sigs[i], on_crash, SA_ONSTACK | SA_NODEFER);
}
#else
static void crash_install(void)
{
	/* The sanitizer's own report is better. */
}
#endif

/* --- messages ------------------------------------------------------------ */

static void boot_take(const Cv__Boot *b, const int *fds, size_t n_fds)
{
	struct role_boot *out = me.boot;

	for (size_t i = 0; i < n_fds; i++) {
		if (i < b->n_fds && b->fds[i] == CV__FD_NAME__FD_CRASH) {
			(void)dup3(fds[i], FD_CRASH_KEPT, O_CLOEXEC);
			close(fds[i]);
		} else if (i < b->n_fds && out->n_fds < ROLE_FDS_MAX) {
			out->fds[out->n_fds].name = b->fds[i];
			out->fds[out->n_fds++].fd = fds[i];
		} else {
			close(fds[i]);
		}
	}
	for (size_t i = 0; i < b->n_options && out->n_options < 64; i++) {
		size_t k = out->n_options++;

		(void)snprintf(out->options[k].name,
			       sizeof(out->options[k].name), "%s",
			       b->options[i]->name);
		(void)snprintf(out->options[k].value,
			       sizeof(out->options[k].value), "%s",
			       b->options[i]->value);
	}
	me.has_boot = true;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* The number of the newest channel to them; NULL: none was made, or the table
 * is full. */
static uint32_t *link_made(uint32_t role, uint32_t instance, bool add)
{
	for (size_t i = 0; i < me.n_links; i++)
		if (me.links[i].role == role &&
		    me.links[i].instance == instance)
			return &me.links[i].made;
	if (!add || me.n_links == LINKS_MAX)
		return NULL;
	me.links[me.n_links].role = role;
	me.links[me.n_links].instance = instance;
	return &me.links[me.n_links++].made;
}

static void link_take(const Cv__Link *l, const int *fds, size_t n_fds)
{
	uint32_t *made;

	if (n_fds != 1 || !me.attached || l->role == ROLE_NONE ||
	    l->role >= ROLE_COUNT) {
		close_all(fds, n_fds);
		return;
	}
	made = link_made(l->role, l->instance, true);
	if (made)
		*made = l->made;
	me.cb.on_link(me.cb.arg, (enum ipc_role)l->role, l->instance, fds[0]);
}

static void listen_take(const Cv__Listen *l, const int *fds, size_t n_fds)
{
	if (n_fds > 1 || !me.attached || !me.cb.on_listen) {
		close_all(fds, n_fds);
		return;
	}
	me.cb.on_listen(me.cb.arg, l->name, n_fds ? fds[0] : -1);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	(void)arg;
	(void)ch;
	if (type == IPC_BOOT && !me.has_boot) {
		boot_take((const Cv__Boot *)msg, fds, n_fds);
		return;
	}
	if (type == IPC_LINK) {
		link_take((const Cv__Link *)msg, fds, n_fds);
		return;
	}
	if (type == IPC_LISTEN) {
		listen_take((const Cv__Listen *)msg, fds, n_fds);
		return;
	}
	close_all(fds, n_fds);
	if (type == IPC_STOP)
		stop(true);
	else if ((type == IPC_ROLE_DIED || type == IPC_ROLE_UP ||
		  type == IPC_CERTIFICATE) &&
		 me.attached && me.cb.on_super_msg)
		me.cb.on_super_msg(me.cb.arg, type, msg);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	me.down_error = error;
	if (me.rd)
		(void)event_del(me.rd);
	if (me.wr)
		(void)event_del(me.wr);
	if (!me.attached)
		return;
	/* Ends without a word when super is gone: its log pipe is, too. */
	if (error != E_CLOSED)
		log_error(MOD, "channel to super refused", LOG_E("error", error));
	stop(false);
}

static void on_want(void *arg, struct ipc_chan *ch, bool write)
{
	(void)arg;
	(void)ch;
	if (!me.wr)
		return;
	if (write)
		(void)event_add(me.wr, NULL);
	else
		(void)event_del(me.wr);
}

/* --- start --------------------------------------------------------------- */

static _Noreturn void cannot_start(const char *what, int error)
{
	log_error(MOD, "cannot start", LOG_S("reason", what),
		  LOG_E("error", error));
	_exit(EXIT_START);
}

int role_refuse(const char *text)
{
	(void)dprintf(STDERR_FILENO, "%s\n", text);
	return ROLE_EXIT_REFUSED;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void signals_install(void)
{
	/* Ctrl-C reaches the whole foreground group; super says when. */
	handle(SIGINT, SIG_IGN, 0);
	handle(SIGHUP, SIG_IGN, 0);
	handle(SIGPIPE, SIG_IGN, 0);
	handle(SIGALRM, on_goodbye, 0);
	handle(SIGUSR2, on_orphan, SA_RESTART);
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
}

static void wait_for_boot(void)
{
	uint64_t end = clock_mono_ns() + ROLE_START_S * NS_PER_S;

	while (!me.has_boot) {
		uint64_t now = clock_mono_ns();
		struct pollfd p = {.fd = ROLE_FD_SUPER, .events = POLLIN};

		if (now >= end)
			cannot_start("no Boot from super", E_TIMEOUT);
		if (ipc_chan_wants_write(me.ch))
			p.events |= POLLOUT;
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) < 0 &&
		    errno != EINTR)
			cannot_start("poll", E_SYS);
		if (p.revents & POLLOUT)
			(void)ipc_chan_output(me.ch);
		/* One at a time: a Link behind Boot waits for role_attach. */
		if (p.revents & ~POLLOUT && ipc_chan_input(me.ch, 1) < 0)
			cannot_start(me.down_error == E_VERSION ?
				     "super is of another build" :
				     "channel to super", me.down_error);
	}
}

void role_start(enum ipc_role self, struct role_boot *boot)
{
	struct ipc_chan_cfg cfg = {
		.fd = ROLE_FD_SUPER, .self = self, .peer = ROLE_SUPER,
		.on_msg = on_msg, .on_down = on_down, .on_want = on_want,
	};
	const char *inst = getenv("CONCLAVE_INSTANCE");
	uint64_t n = 0;
	int r;

	if (!inst || !is_socket(ROLE_FD_SUPER) ||
	    span_u64(span_str(inst), UINT32_MAX, &n) < 0) {
		(void)fprintf(stderr, "conclave-%s is started by "
			      "conclave-super, not by hand\n",
			      ipc_role_name(self));
		_exit(EXIT_START);
	}
	log_open(ROLE_FD_LOG, ipc_role_name(self), (unsigned)n);
	signals_install();
	memset(boot, 0, sizeof(*boot));
	boot->role = self;
	boot->instance = (uint32_t)n;
	memset(&me, 0, sizeof(me));
	me.self = self;
	me.instance = boot->instance;
	me.boot = boot;
	cfg.self_instance = boot->instance;
	/* Keeps number 5 for crashes until Boot brings the descriptor. */
	if (fcntl(FD_CRASH_KEPT, F_GETFD) < 0)
		(void)dup3(ROLE_FD_LOG, FD_CRASH_KEPT, O_CLOEXEC);
	crash_install();
	r = ipc_chan_new(&me.ch, &cfg);
	if (r < 0)
		cannot_start("channel to super", r);
	wait_for_boot();
	me.boot = NULL;
}

int role_boot_fd(struct role_boot *b, uint32_t name, unsigned n)
{
	for (size_t i = 0; i < b->n_fds; i++) {
		int fd = b->fds[i].fd;

		if (b->fds[i].name != name || n-- > 0)
			continue;
		b->fds[i].fd = -1;
		return fd;
	}
	return -1;
}

const char *role_boot_option(const struct role_boot *b, const char *name,
			     const char *fallback)
{
	for (size_t i = 0; i < b->n_options; i++)
		if (strcmp(b->options[i].name, name) == 0)
			return b->options[i].value;
	return fallback;
}

/* --- running ------------------------------------------------------------- */

static void cb_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	role_input(arg);
}

static void cb_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	role_output(arg);
}

int role_attach_raw(struct role **out, const struct role_callbacks *cb)
{
	if (!me.ch || me.attached)
		return E_STATE;
	me.cb = *cb;
	me.attached = true;
	*out = &me;
	return 0;
}

int role_attach(struct role **out, struct event_base *base,
		const struct role_callbacks *cb)
{
	int fd = ipc_chan_fd(me.ch);
	int r;

	me.rd = event_new(base, fd, EV_READ | EV_PERSIST, cb_read, &me);
	me.wr = event_new(base, fd, EV_WRITE | EV_PERSIST, cb_write, &me);
	if (!me.rd || !me.wr || event_add(me.rd, NULL) < 0)
		return E_NOMEM;
	if (ipc_chan_wants_write(me.ch) && event_add(me.wr, NULL) < 0)
		return E_NOMEM;
	r = role_attach_raw(out, cb);
	return r;
}

int role_fd(const struct role *r)
{
	return ipc_chan_fd(r->ch);
}

bool role_wants_write(const struct role *r)
{
	return ipc_chan_wants_write(r->ch);
}

void role_input(struct role *r)
{
	(void)ipc_chan_input(r->ch, INPUT_BUDGET);
}

void role_output(struct role *r)
{
	(void)ipc_chan_output(r->ch);
}

int role_ready(struct role *r)
{
	Cv__Ready m = CV__READY__INIT;

	return ipc_send(r->ch, READY, &m);
}

void role_link_lost(struct role *r, enum ipc_role peer, uint32_t instance)
{
	Cv__LinkLost m = CV__LINK_LOST__INIT;
	const uint32_t *made = link_made((uint32_t)peer, instance, false);

	m.role = (uint32_t)peer;
	m.instance = instance;
	m.made = made ? *made : 0;
	(void)ipc_send(r->ch, LINK_LOST, &m);
}

void role_serving(struct role *r, const struct addr *source)
{
	Cv__Serving m = CV__SERVING__INIT;
	Cv__Addr a = CV__ADDR__INIT;

	if (source) {
		a.ip = ipc_data(span_of(source->ip, sizeof(source->ip)));
		a.port = source->port;
		m.source = &a;
	}
	(void)ipc_send(r->ch, SERVING, &m);
}

static void tell_roles(struct role *r)
{
	Cv__RolesOff m = CV__ROLES_OFF__INIT;

	m.mask = r->off_mask;
	m.sip_tcp = r->sip_tcp;
	m.sip_udp = r->sip_udp;
	(void)ipc_send(r->ch, ROLES_OFF, &m);
}

void role_turn_off(struct role *r, uint32_t mask)
{
	r->off_mask = mask;
	tell_roles(r);
}

void role_sip_clear(struct role *r, bool tcp, bool udp)
{
	r->sip_tcp = tcp;
	r->sip_udp = udp;
	tell_roles(r);
}

void role_certificate(struct role *r, const char *why, int64_t not_after_s,
		      bool reload)
{
	Cv__Certificate m = CV__CERTIFICATE__INIT;

	m.ok = !why;
	if (why)
		m.why = ipc_data(span_str(why));
	m.not_after_s = not_after_s;
	m.reload = reload;
	(void)ipc_send(r->ch, CERTIFICATE, &m);
}

int role_certificate_reload(struct role *r)
{
	Cv__CertificateReload m = CV__CERTIFICATE_RELOAD__INIT;

	return ipc_send(r->ch, CERTIFICATE_RELOAD, &m);
}
