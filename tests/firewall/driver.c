/* Stands in for super and core: starts the real conclave-ban with a netlink
 * socket of this namespace and says what standard input tells it to.
 *
 *	ban IP PREFIX PORTS SECONDS	one BanSet of one ban
 *	list [IP/PREFIX/PORTS/SECONDS]...	a whole new list (reset, last)
 *	many N SECONDS			10.0.0.0 and the N-1 after it, port 1
 *	kill				SIGKILL to the role, and a new one
 *
 * Answers, one line each: "state TABLE EPOCH APPLIED FAILED US" with the
 * monotonic time in microseconds; "sent EPOCH US".
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "ipc/ban.pb-c.h"
#include "ipc/ban_sets.h"
#include "ipc/ipc_ev.h"
#include "ipc/super.pb-c.h"
#include "super/listen.h"

static struct event_base *base;
static const char *role_path;
static struct ipc_ev *to_super, *to_core;	/* our ends */
static pid_t role;
static uint32_t epoch;
static int netlink_fd = -1;

static unsigned long long us(void)
{
	return clock_mono_ns() / NS_PER_US;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- the role ------------------------------------------------------------- */

static void on_core_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			const ProtobufCMessage *msg, const int *fds, size_t n)
{
	const Cv__BanState *m = (const Cv__BanState *)msg;

	(void)arg;
	(void)ch;
	(void)fds;
	(void)n;
	if (type != IPC_BAN_STATE)
		return;
	(void)printf("state %d %u %llu %llu %llu\n", (int)m->table, m->epoch,
		     (unsigned long long)m->applied,
		     (unsigned long long)m->failed, us());
	(void)fflush(stdout);
}

static void on_super_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
			 const ProtobufCMessage *msg, const int *fds, size_t n)
{
	(void)arg;
	(void)ch;
	(void)msg;
	(void)fds;
	(void)n;
	if (type == IPC_READY) {
		(void)printf("ready %llu\n", us());
		(void)fflush(stdout);
	}
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct ipc_ev **ev = arg;

	(void)ch;
	(void)error;
	ipc_ev_free(ev);
}

static struct ipc_ev *channel(int fd, enum ipc_role self, ipc_msg_fn fn,
			      struct ipc_ev **slot)
{
	struct ipc_chan_cfg cfg = {
		.fd = fd, .self = self, .peer = ROLE_BAN, .on_msg = fn,
		.on_down = on_down, .arg = slot,
	};

	if (ipc_ev_new(slot, base, &cfg) < 0)
		die("channel");
	return *slot;
}

static void pair_of(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		die("socketpair");
}

static void send_boot(void)
{
	Cv__Boot m = CV__BOOT__INIT;
	Cv__FdName names[1] = {CV__FD_NAME__FD_NETLINK};

	m.n_fds = 1;
	m.fds = names;
	if (ipc_chan_send(ipc_ev_chan(to_super), IPC_BOOT, &m.base,
			  &netlink_fd, 1) < 0)
		die("boot");
}

static void send_link(int fd)
{
	Cv__Link m = CV__LINK__INIT;

	m.role = ROLE_CORE;
	if (ipc_chan_send(ipc_ev_chan(to_super), IPC_LINK, &m.base, &fd, 1) < 0)
		die("link");
}

static void start_role(void)
{
	int up[2], core[2];

	pair_of(up);
	pair_of(core);
	role = fork();
	if (role == 0) {
		char *argv[] = {(char *)(uintptr_t)role_path, NULL};

		if (dup2(up[1], 3) < 0 || dup2(2, 4) < 0)
			die("dup2");
		(void)setenv("CONCLAVE_INSTANCE", "0", 1);
		execv(role_path, argv);
		die(role_path);
	}
	close(up[1]);
	(void)channel(up[0], ROLE_SUPER, on_super_msg, &to_super);
	send_boot();
	send_link(core[1]);
	close(core[1]);
	(void)channel(core[0], ROLE_CORE, on_core_msg, &to_core);
}

/* --- what standard input says --------------------------------------------- */

struct set {
	Cv__BanSet m;
	Cv__Ban bans[BAN_MESSAGE_MAX], *list[BAN_MESSAGE_MAX];
	uint8_t ip[BAN_MESSAGE_MAX][16];
};

static void add(struct set *s, const struct addr *a, unsigned prefix,
		unsigned ports, unsigned seconds)
{
	size_t i = s->m.n_bans++;

	memcpy(s->ip[i], a->ip, 16);
	cv__ban__init(&s->bans[i]);
	s->bans[i].ip = (ProtobufCBinaryData){.data = s->ip[i], .len = 16};
	s->bans[i].prefix = prefix;
	s->bans[i].ports = ports;
	s->bans[i].seconds = seconds;
	s->list[i] = &s->bans[i];
}

static void send_set(struct set *s)
{
	s->m.bans = s->list;
	s->m.epoch = ++epoch;
	(void)printf("sent %u %llu\n", epoch, us());
	(void)fflush(stdout);
	if (ipc_send(ipc_ev_chan(to_core), BAN_SET, &s->m) < 0)
		die("send");
}

static void begin(struct set *s)
{
	memset(s, 0, sizeof(*s));
	cv__ban_set__init(&s->m);
}

static void add_text(struct set *s, const char *ip, unsigned prefix,
		     unsigned ports, unsigned seconds)
{
	struct addr a;

	if (addr_parse(&a, span_str(ip), 0) < 0)
		die(ip);
	if (prefix <= 32 && addr_is_v4(&a))
		prefix += 96;
	add(s, &a, prefix, ports, seconds);
}

static void do_list(char *words)
{
	static struct set s;
	char *save = NULL;

	begin(&s);
	s.m.reset = s.m.last = true;
	for (char *w = strtok_r(words, " ", &save); w;
	     w = strtok_r(NULL, " ", &save)) {
		char ip[64];
		unsigned prefix, ports, seconds;

		if (sscanf(w, "%63[^/]/%u/%u/%u", ip, &prefix, &ports,
			   &seconds) == 4)
			add_text(&s, ip, prefix, ports, seconds);
	}
	send_set(&s);
}

static void do_many(unsigned n, unsigned seconds)
{
	static struct set s;
	struct addr a;

	(void)addr_parse(&a, SPAN_LIT("10.0.0.0"), 0);
	for (unsigned i = 0; i < n;) {
		begin(&s);
		for (; s.m.n_bans < BAN_MESSAGE_MAX && i < n; i++) {
			a.ip[13] = (uint8_t)(i >> 16);
			a.ip[14] = (uint8_t)(i >> 8);
			a.ip[15] = (uint8_t)i;
			add(&s, &a, 128, 1, seconds);
		}
		send_set(&s);
	}
}

static void do_kill(void)
{
	(void)kill(role, SIGKILL);
	(void)waitpid(role, NULL, 0);
	ipc_ev_free(&to_super);
	ipc_ev_free(&to_core);
	start_role();
}

static void on_line(char *line)
{
	static struct set s;
	char ip[64];
	unsigned a, b, c;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "ban %63s %u %u %u", ip, &a, &b, &c) == 4) {
		begin(&s);
		add_text(&s, ip, a, b, c);
		send_set(&s);
	} else if (strncmp(line, "list", 4) == 0) {
		do_list(line + 4);
	} else if (sscanf(line, "many %u %u", &a, &b) == 2) {
		do_many(a, b);
	} else if (strcmp(line, "kill") == 0) {
		do_kill();
	}
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
	static char buf[65536];
	static size_t used;
	ssize_t n = read(fd, buf + used, sizeof(buf) - used - 1);
	char *end;

	(void)what;
	(void)arg;
	if (n <= 0) {
		(void)event_base_loopbreak(base);
		return;
	}
	used += (size_t)n;
	buf[used] = 0;
	while ((end = strchr(buf, '\n')) != NULL) {
		*end = 0;
		on_line(buf);
		used -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, used + 1);
	}
}

int main(int argc, char **argv)
{
	struct event *in;

	if (argc != 2)
		return 2;
	role_path = argv[1];
	(void)signal(SIGPIPE, SIG_IGN);
	if (listen_netlink(&netlink_fd) < 0)
		die("netlink");
	base = event_base_new();
	start_role();
	in = event_new(base, 0, EV_READ | EV_PERSIST, on_stdin, NULL);
	if (!in || event_add(in, NULL) < 0)
		return 1;
	(void)event_base_dispatch(base);
	(void)kill(role, SIGKILL);
	return 0;
}
