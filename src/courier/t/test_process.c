/* The real program behind its real walls, against servers that lie: super and
 * core are played here, the servers (servers.py) live in a network namespace
 * of their own at the other end of a wire. Arguments: path of
 * conclave-courier, path of servers.py. Needs root or user
 * namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/addr.h"
#include "base/clock.h"
#include "base/outguard.h"
#include "courier.pb-c.h"
#include "ipc/ipc.h"
#include "super.pb-c.h"

enum { WAIT_MS = 20000, TURN_MS = 50, LINES_MAX = 4096, SKIP = 77, REQS = 1024 };

struct got {
	bool is_there;
	Cv__HttpError error;
	uint32_t status, guard, ms;
	size_t n_nodes, n_body;
	char address[ADDR_TEXT_MAX];
	char text[1024];	/* nodes as "kind key=value;" */
};

struct link {			/* the answer to a CONNECT */
	bool is_there;
	Cv__HttpError error;
	Cv__ConnectTransport transport;
	uint32_t port, left, guard;
	char address[ADDR_TEXT_MAX], name[256], hello[8];
};

struct helper {			/* a servers.py */
	pid_t pid;
	int in, out;
	char lines[1 << 18];
	size_t n;
};

struct house {
	pid_t pid;
	struct ipc_chan *super, *core;
	bool is_ready, core_down;
	uint32_t acked, next;
	struct got got[REQS];
	struct link link[REQS];
};

static const char *program, *script;
static char dir[] = "/tmp/courier-test-XXXXXX";
static struct helper far, near;
static struct house h;

/* --- helpers ------------------------------------------------------------------ */

static void must(const char *command)
{
	char *argv[] = {(char *)"sh", (char *)"-c",
			(char *)(uintptr_t)command, NULL};
	pid_t pid;
	int status;

	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0) {
		(void)fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void helper_start(struct helper *p, const char *command)
{
	char line[512];
	char *argv[] = {(char *)"sh", (char *)"-c", line, NULL};
	posix_spawn_file_actions_t act;
	int in[2], out[2];

	(void)snprintf(line, sizeof(line), command, script, dir);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		exit(1);
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, in[0], 0);
	posix_spawn_file_actions_adddup2(&act, out[1], 1);
	if (posix_spawn(&p->pid, "/bin/sh", &act, NULL, argv, environ) != 0)
		exit(1);
	posix_spawn_file_actions_destroy(&act);
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	p->n = 0;
	(void)fcntl(p->out, F_SETFL, O_NONBLOCK);
}

static void helper_read(struct helper *p)
{
	ssize_t got;

	while (p->out > 0 && p->n < sizeof(p->lines) - 1 &&
	       (got = read(p->out, p->lines + p->n,
			   sizeof(p->lines) - 1 - p->n)) > 0)
		p->n += (size_t)got;
	p->lines[p->n] = 0;
}

static unsigned said(struct helper *p, const char *line)
{
	unsigned n = 0;
	size_t len = strlen(line);

	helper_read(p);
	for (const char *at = p->lines; (at = strstr(at, line)); at += len)
		n += at[len] == '\n' && (at == p->lines || at[-1] == '\n');
	return n;
}

static void helper_wait(struct helper *p, const char *word)
{
	uint64_t end = clock_mono_ns() + WAIT_MS * NS_PER_MS;

	for (;;) {
		helper_read(p);
		if (strstr(p->lines, word))
			return;
		if (clock_mono_ns() > end) {
			(void)fprintf(stderr, "servers.py: no '%s'\n", word);
			exit(1);
		}
		(void)poll(&(struct pollfd){.fd = p->out, .events = POLLIN},
			   1, WAIT_MS);
	}
}

static void helper_stop(struct helper *p)
{
	if (!p->pid)
		return;
	close(p->in);
	close(p->out);
	(void)waitpid(p->pid, NULL, 0);
	*p = (struct helper){.pid = 0};
}

/* --- the namespace ---------------------------------------------------------------- */

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static int own_network(void)
{
	char uid[64], gid[64];

	(void)snprintf(uid, sizeof(uid), "0 %u 1\n", (unsigned)getuid());
	(void)snprintf(gid, sizeof(gid), "0 %u 1\n", (unsigned)getgid());
	/* Root needs no user namespace, and gets none in a chroot. */
	if (geteuid() == 0)
		return unshare(CLONE_NEWNET);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	(void)put("/proc/self/setgroups", "deny");
	if (put("/proc/self/uid_map", uid) < 0 ||
	    put("/proc/self/gid_map", gid) < 0)
		return -1;
	return 0;
}

static void wire(void)
{
	char line[512];
	int pid;

	helper_start(&far, "exec unshare -n python3 %s %s far");
	helper_wait(&far, "pid ");
	helper_wait(&far, "\n");
	pid = (int)strtol(strstr(far.lines, "pid ") + 4, NULL, 10);
	(void)snprintf(line, sizeof(line), "ip link set lo up && "
		"ip link add near type veth peer name far netns %d && "
		"ip addr add 10.66.0.1/24 dev near && "
		"ip addr add fd66::1/64 dev near nodad && "
		"ip link set near up && "
		"ip route add 10.77.0.0/24 dev near && "
		"ip route add 169.254.169.254 dev near && "
		"ip route add 93.184.216.34 dev near", pid);
	must(line);
	(void)!write(far.in, "go\n", 3);
	helper_wait(&far, "ready");
}

/* --- super and core ------------------------------------------------------------------ */

static void on_super(void *arg, struct ipc_chan *ch, enum ipc_type type,
		     const ProtobufCMessage *msg, const int *fds, size_t n)
{
	(void)arg;
	(void)ch;
	(void)msg;
	(void)fds;
	(void)n;
	h.is_ready |= type == IPC_READY;
}

static void describe(struct got *g, const Cv__HttpResult *r)
{
	size_t at = 0;

	for (size_t i = 0; i < r->n_nodes && at < sizeof(g->text) - 1; i++) {
		const Cv__JsonNode *n = r->nodes[i];
		size_t left = sizeof(g->text) - at;
		int len = snprintf(g->text + at, left, "%u:%d %.*s=%.*s%d,%g;",
			n->parent, (int)n->kind, (int)n->key.len,
			(const char *)n->key.data,
			(int)(n->text.len < 200 ? n->text.len : 200),
			(const char *)n->text.data, (int)n->number, n->real);

		at += (size_t)len < left ? (size_t)len : left - 1;
	}
}

/* Reads what the server says first, so that the descriptor is seen to be
 * that connection. */
static void take_link(const Cv__Connected *m, const int *fds, size_t n)
{
	struct link *l = &h.link[m->req];
	struct addr a = {.port = 0};

	assert_true(m->req < REQS);
	assert_false(l->is_there);
	*l = (struct link){.is_there = true, .error = m->error,
			   .transport = m->transport, .port = m->port,
			   .left = m->left, .guard = m->guard};
	(void)span_cstr(ipc_bytes(m->name), l->name, sizeof(l->name));
	if (m->address.len == 16) {
		memcpy(a.ip, m->address.data, 16);
		addr_print_ip(&a, l->address);
	}
	assert_true(n <= 1);
	if (n == 1) {
		assert_int_equal(poll(&(struct pollfd){
			.fd = fds[0], .events = POLLIN}, 1, WAIT_MS), 1);
		assert_int_equal(recv(fds[0], l->hello, 5, 0), 5);
		close(fds[0]);
	}
}

static void on_core(void *arg, struct ipc_chan *ch, enum ipc_type type,
		    const ProtobufCMessage *msg, const int *fds, size_t n)
{
	const Cv__HttpResult *r = (const void *)msg;
	struct got *g;

	(void)arg;
	(void)ch;
	if (type == IPC_CONNECTED)
		take_link((const void *)msg, fds, n);
	if (type == IPC_SETTINGS_ACK)
		h.acked = ((const Cv__SettingsAck *)(const void *)msg)->epoch;
	if (type != IPC_HTTP_RESULT)
		return;
	assert_true(r->req < REQS);
	g = &h.got[r->req];
	assert_false(g->is_there);
	*g = (struct got){.is_there = true, .error = r->error,
			  .status = r->status, .guard = r->guard,
			  .ms = r->ms, .n_nodes = r->n_nodes,
			  .n_body = r->body.len};
	if (r->address.len == 16) {
		struct addr a = {.port = 0};

		memcpy(a.ip, r->address.data, 16);
		addr_print_ip(&a, g->address);
	}
	describe(g, r);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)error;
	if (ch == h.core)
		h.core_down = true;
}

/* Until one of those we talk to says something; a moment at most, for what
 * is told by nobody. */
static void wait_event(void)
{
	struct pollfd p[] = {
		{.fd = ipc_chan_fd(h.super), .events = POLLIN},
		{.fd = far.out > 0 ? far.out : -1, .events = POLLIN},
		{.fd = h.core && !h.core_down ? ipc_chan_fd(h.core) : -1,
		 .events = POLLIN},
	};

	if (p[2].fd >= 0 && ipc_chan_wants_write(h.core))
		p[2].events |= POLLOUT;
	(void)poll(p, 3, TURN_MS);
}

static void turn(void)
{
	int status;

	if (h.pid && waitpid(h.pid, &status, WNOHANG) == h.pid) {
		h.pid = 0;
		fail_msg("the courier died, signal %d", WTERMSIG(status));
	}
	(void)ipc_chan_input(h.super, 16);
	(void)ipc_chan_output(h.super);
	if (h.core && !h.core_down) {
		(void)ipc_chan_output(h.core);
		(void)ipc_chan_input(h.core, 64);
	}
	wait_event();
}

#define UNTIL(cond)                                                           \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn();                                               \
		assert_true(cond);                                            \
	} while (0)

static struct ipc_chan *chan(int fd, enum ipc_role self, ipc_msg_fn fn)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = self,
				   .peer = ROLE_COURIER, .on_msg = fn,
				   .on_down = on_down};
	struct ipc_chan *ch;

	assert_int_equal(ipc_chan_new(&ch, &cfg), 0);
	return ch;
}

static void spawn(int fd)
{
	posix_spawn_file_actions_t act;
	char instance[] = "CONCLAVE_INSTANCE=0";
	/* none of which may be believed */
	char proxy[] = "https_proxy=http://10.77.0.2:3128";
	char all[] = "ALL_PROXY=socks5://10.77.0.2:1080";
	char ca[] = "SSL_CERT_FILE=/nonexistent";
	char home[] = "HOME=/";
	char *env[] = {instance, proxy, all, ca, home, NULL};
	char *argv[] = {(char *)(uintptr_t)program, NULL};
	int hold = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, hold, 3);
	posix_spawn_file_actions_adddup2(&act, 2, 4);
	assert_int_equal(posix_spawn(&h.pid, program, &act, NULL, argv, env),
			 0);
	posix_spawn_file_actions_destroy(&act);
	close(hold);
}

static void boot_send(void)
{
	Cv__Boot b = CV__BOOT__INIT;
	Cv__BootOption ns = CV__BOOT_OPTION__INIT, ad = CV__BOOT_OPTION__INIT;
	Cv__BootOption *options[] = {&ns, &ad};
	Cv__FdName names[] = {CV__FD_NAME__FD_TRUST};
	char path[128];
	int fd;

	ns.name = (char *)(uintptr_t)"nameservers";
	ns.value = (char *)(uintptr_t)"10.66.0.2:53";
	ad.name = (char *)(uintptr_t)"advertise";
	ad.value = (char *)(uintptr_t)"10.66.0.77:443";
	(void)snprintf(path, sizeof(path), "%s/ca.pem", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	b.options = options;
	b.n_options = 2;
	b.fds = names;
	b.n_fds = 1;
	assert_int_equal(ipc_chan_send(h.super, IPC_BOOT, &b.base, &fd, 1), 0);
	close(fd);
}

static void link_core(void)
{
	Cv__Link l = CV__LINK__INIT;
	int pair[2];

	ipc_chan_free(&h.core);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
	l.role = ROLE_CORE;
	assert_int_equal(ipc_chan_send(h.super, IPC_LINK, &l.base, &pair[1],
				       1), 0);
	close(pair[1]);
	h.core_down = false;
	h.core = chan(pair[0], ROLE_CORE, on_core);
}

static void set(const char *name, const char *value)
{
	static uint32_t epoch;
	Cv__Settings s = CV__SETTINGS__INIT;
	Cv__Setting one = CV__SETTING__INIT, *list = &one;

	one.name = (char *)(uintptr_t)name;
	one.value = ipc_data(span_str(value));
	s.epoch = ++epoch;
	s.settings = &list;
	s.n_settings = 1;
	assert_int_equal(ipc_send(h.core, SETTINGS, &s), 0);
	UNTIL(h.acked == epoch);
}

static void allow(const char *nets)
{
	set("outbound_allowed_networks", nets);
}

static int house_start(void **state)
{
	int pair[2];

	(void)state;
	h = (struct house){.pid = 0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
	spawn(pair[1]);
	close(pair[1]);
	h.super = chan(pair[0], ROLE_SUPER, on_super);
	boot_send();
	UNTIL(h.is_ready);
	link_core();
	allow("10.66.0.0/24, fd66::/64");
	helper_read(&far);
	far.n = 0;
	return 0;
}

static int house_stop(void **state)
{
	Cv__Stop stop = CV__STOP__INIT;
	int status = 0;

	(void)state;
	if (!h.pid)
		return -1;
	assert_int_equal(ipc_send(h.super, STOP, &stop), 0);
	(void)ipc_chan_output(h.super);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	ipc_chan_free(&h.super);
	ipc_chan_free(&h.core);
	return 0;
}

/* --- asking ---------------------------------------------------------------------------- */

struct ask {
	const char *url, *user, *password;
	uint32_t ms;
	bool image, literal, stranger;
	uint32_t width;			/* of a picture 80 high; 0: 100 */
};

static uint32_t send_get(const struct ask *a)
{
	Cv__HttpGet g = CV__HTTP_GET__INIT;
	int r;

	g.req = h.next++;
	g.url = ipc_data(span_str(a->url));
	g.username = ipc_data(span_str(a->user));
	g.password = ipc_data(span_str(a->password));
	g.timeout_ms = a->ms ? a->ms : 5000;
	g.want = a->image ? CV__HTTP_WANT__WANT_IMAGE :
			    CV__HTTP_WANT__WANT_JSON;
	g.width = a->width ? a->width : 100;
	g.height = 80;
	g.trusted_literal = a->literal;
	g.stranger = a->stranger;
	while ((r = ipc_send(h.core, HTTP_GET, &g)) == E_FULL)
		turn();
	assert_int_equal(r, 0);
	return g.req;
}

static struct got *ask(const struct ask *a)
{
	uint32_t req = send_get(a);

	UNTIL(h.got[req].is_there);
	return &h.got[req];
}

static struct got *get(const char *url)
{
	return ask(&(struct ask){.url = url});
}

#define EXPECT(got_, error_)                                                  \
	do {                                                                  \
		struct got *e_ = (got_);                                      \
		if (e_->error != CV__HTTP_ERROR__##error_)                    \
			fail_msg("error %d status %u guard %u, expected "     \
				 #error_, (int)e_->error, e_->status,         \
				 e_->guard);                                  \
	} while (0)

static void expect_guarded(const char *url, bool literal,
			   enum outguard_reason why)
{
	struct got *g = ask(&(struct ask){.url = url, .literal = literal});

	if (g->error != CV__HTTP_ERROR__HTTP_GUARDED || g->guard != why)
		fail_msg("%s: error %d, %s instead of %s", url, (int)g->error,
			 outguard_reason_text(g->guard),
			 outguard_reason_text(why));
}

/* --- tests ------------------------------------------------------------------------------ */

static void test_courier__fetches_json(void **state)
{
	struct got *g = get("https://a.good.test/ok");

	(void)state;
	EXPECT(g, HTTP_OK);
	assert_int_equal(g->status, 200);
	assert_string_equal(g->address, "10.66.0.2");
	assert_string_equal(g->text,
		"0:7 =0,0;0:5 status=success0,0;0:7 result=0,0;"
		"2:5 name=a0,0;2:3 n=-7,0;2:4 r=0,1.5;2:2 t=0,0;2:1 f=0,0;"
		"2:0 z=0,0;2:6 l=0,0;9:5 =x0,0;");
	EXPECT(get("https://a.good.test/charset"), HTTP_OK);
	EXPECT(get("https://v6.test/ok"), HTTP_OK);
	EXPECT(get("https://[fd66::2]/ok"), HTTP_OK);
	EXPECT(get("https://10.66.0.2:443/ok"), HTTP_OK);
	EXPECT(get("HTTPS://A.Good.Test./ok"), HTTP_OK);
	g = get("https://a.good.test/echo/a%2F../%2e%2e?x=%0d%0a&y=");
	EXPECT(g, HTTP_OK);
	assert_non_null(strstr(g->text,
			"GET /echo/a%2F../%2e%2e?x=%0d%0a&y= HTTP/1.1"));
}

static void test_courier__sends_the_password_once(void **state)
{
	struct got *g = ask(&(struct ask){.url = "https://a.good.test/auth",
					  .user = "bob", .password = "s3:t"});

	(void)state;
	EXPECT(g, HTTP_OK);
	assert_non_null(strstr(g->text, "auth=Basic Ym9iOnMzOnQ="));
	g = get("https://a.good.test/auth");
	assert_non_null(strstr(g->text, "auth=0,0"));
	EXPECT(get("https://a.good.test/cookie"), HTTP_OK);
	EXPECT(get("https://bob:x@a.good.test/auth"), HTTP_BAD_URL);
}

static void test_courier__follows_no_redirect(void **state)
{
	struct got *g = get("https://a.good.test/redirect");

	(void)state;
	EXPECT(g, HTTP_REDIRECT);
	assert_int_equal(g->status, 302);
	assert_int_equal(said(&far, "conn 10.77.0.2"), 0);
}

static void test_courier__other_statuses_have_no_body(void **state)
{
	struct got *g = get("https://a.good.test/missing");

	(void)state;
	EXPECT(g, HTTP_OK);
	assert_int_equal(g->status, 404);
	assert_int_equal(g->n_nodes, 0);
	g = get("https://a.good.test/hugemissing");
	EXPECT(g, HTTP_OK);
	assert_int_equal(g->status, 404);
}

static void test_courier__judges_the_answer(void **state)
{
	static const struct {
		const char *url;
		Cv__HttpError error;
	} bad[] = {
		{"https://a.good.test/html", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/notype", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/garbage",
		 CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/scalar", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/latin", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/nul", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/deep", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/deepest",
		 CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/bignum", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/nothttp",
		 CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/half", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/gzip", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/jpeg", CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/longhead",
		 CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/informed",
		 CV__HTTP_ERROR__HTTP_BAD_ANSWER},
		{"https://a.good.test/nodes", CV__HTTP_ERROR__HTTP_TOO_LARGE},
		{"https://a.good.test/toolong", CV__HTTP_ERROR__HTTP_TOO_LARGE},
	};
	struct got *g;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		g = get(bad[i].url);
		if (g->error != bad[i].error || g->n_nodes)
			fail_msg("%s: error %d", bad[i].url, (int)g->error);
	}
	g = get("https://a.good.test/text");
	EXPECT(g, HTTP_OK);
	assert_int_equal(g->n_nodes, 2);
	g = get("https://a.good.test/twice");
	EXPECT(g, HTTP_OK);
	assert_string_equal(g->text, "0:7 =0,0;0:3 a=3,0;0:3 b=2,0;");
	g = ask(&(struct ask){.url = "https://a.good.test/jpeg",
			      .image = true});
	EXPECT(g, HTTP_OK);
	assert_int_equal(g->n_body, 27);
	EXPECT(ask(&(struct ask){.url = "https://a.good.test/jpeg",
				 .image = true, .width = 99}),
	       HTTP_BAD_ANSWER);
	EXPECT(ask(&(struct ask){.url = "https://a.good.test/cmyk",
				 .image = true}), HTTP_BAD_ANSWER);
	EXPECT(ask(&(struct ask){.url = "https://a.good.test/nojpeg",
				 .image = true}), HTTP_BAD_ANSWER);
	EXPECT(ask(&(struct ask){.url = "https://a.good.test/bigjpeg",
				 .image = true}), HTTP_TOO_LARGE);
	EXPECT(ask(&(struct ask){.url = "https://a.good.test/ok",
				 .image = true}), HTTP_BAD_ANSWER);
}

static void test_courier__cuts_a_hundred_megabytes(void **state)
{
	struct got *g = get("https://a.good.test/big");

	(void)state;
	EXPECT(g, HTTP_TOO_LARGE);
	assert_int_equal(g->n_nodes, 0);
}

static void test_courier__the_whole_exchange_has_one_time(void **state)
{
	static const char *const slow[] = {
		"https://a.good.test/drip", "https://a.good.test/mute",
		"https://silent.test/ok",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct got *g = ask(&(struct ask){.url = slow[i], .ms = 700});

		EXPECT(g, HTTP_TIMEOUT);
		assert_in_range(g->ms, 690, 15000);
	}
}

static void test_courier__tells_tls_faults_apart(void **state)
{
	(void)state;
	EXPECT(get("https://wrongca.test/ok"), HTTP_TLS_CHAIN);
	EXPECT(get("https://expired.test/ok"), HTTP_TLS_CHAIN);
	EXPECT(get("https://wrongname.test/ok"), HTTP_TLS_NAME);
	EXPECT(get("https://a.good.test:444/ok"), HTTP_TLS);
	EXPECT(get("https://a.good.test:80/ok"), HTTP_TLS);
	EXPECT(get("https://a.good.test:81/ok"), HTTP_CONNECT);
	assert_int_equal(said(&far, "req /ok"), 0);
}

static void test_courier__guards_what_names_resolve_to(void **state)
{
	(void)state;
	expect_guarded("https://private.test/ok", false, OUTGUARD_PRIVATE);
	/* a name is never a literal */
	expect_guarded("https://private.test/ok", true, OUTGUARD_PRIVATE);
	expect_guarded("https://many.test/ok", false, OUTGUARD_PRIVATE);
	expect_guarded("https://meta.test/ok", true, OUTGUARD_METADATA);
	expect_guarded("https://mapped.test/ok", true, OUTGUARD_METADATA);
	expect_guarded("https://loop.test/ok", true, OUTGUARD_LOOPBACK);
	EXPECT(get("https://localhost/ok"), HTTP_NAME);
	expect_guarded("https://zero.test/ok", true, OUTGUARD_UNSPECIFIED);
	expect_guarded("https://own.test/ok", false, OUTGUARD_OWN);
	EXPECT(get("https://nosuch.test/ok"), HTTP_NAME);
	EXPECT(get("https://public.test/ok"), HTTP_OK);
	EXPECT(get("https://mixed.test/ok"), HTTP_OK);
	assert_int_equal(said(&far, "conn 10.77.0.2"), 0);
	assert_int_equal(said(&far, "conn 169.254.169.254"), 0);
	assert_int_equal(said(&far, "conn 93.184.216.34"), 2);
}

static void test_courier__guards_literals(void **state)
{
	(void)state;
	expect_guarded("https://10.77.0.2/ok", false, OUTGUARD_PRIVATE);
	expect_guarded("https://169.254.169.254/ok", true, OUTGUARD_METADATA);
	expect_guarded("https://[::ffff:169.254.169.254]/", true,
		       OUTGUARD_METADATA);
	expect_guarded("https://[::ffff:a9fe:a9fe]/", true,
		       OUTGUARD_METADATA);
	expect_guarded("https://[64:ff9b::a9fe:a9fe]/", true,
		       OUTGUARD_METADATA);
	expect_guarded("https://[fd00:ec2::254]/", true, OUTGUARD_METADATA);
	expect_guarded("https://127.0.0.1/", true, OUTGUARD_LOOPBACK);
	expect_guarded("https://[::1]/", true, OUTGUARD_LOOPBACK);
	expect_guarded("https://[::ffff:10.77.0.2]/ok", false,
		       OUTGUARD_PRIVATE);
	expect_guarded("https://10.66.0.1/", true, OUTGUARD_OWN);
	expect_guarded("https://10.66.0.77/", true, OUTGUARD_OWN);
	assert_int_equal(said(&far, "conn 10.77.0.2"), 0);
	EXPECT(ask(&(struct ask){.url = "https://10.77.0.2/ok",
				 .literal = true}), HTTP_OK);
	assert_int_equal(said(&far, "conn 10.77.0.2"), 1);
}

static void test_courier__refuses_odd_urls(void **state)
{
	static const char *const odd[] = {
		"http://a.good.test/ok", "ftp://a.good.test/", "", "https://",
		"https:///ok", "https://2130706433/", "https://0x7f.1/",
		"https://127.1/", "https://10.66.0.02/", "https://10.66.0.2./",
		"https://a.good.test:0/", "https://a.good.test:99999/",
		"https://a.good.test/ ok", "https://a.good.test/\r\nHost: x",
		"https://a.good.test/#x", "https://user@a.good.test/",
		"https://a..test/", "https://a_%41.test/", "https://[fe80::1%25x]/",
		"https://[10.66.0.2]/", "https://\xc3\xa4.test/", "file:///etc/passwd",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct got *g = get(odd[i]);

		if (g->error != CV__HTTP_ERROR__HTTP_BAD_URL)
			fail_msg("%s: error %d", odd[i], (int)g->error);
	}
}

/* One look-up per exchange, and what it said is where it goes. */
static void test_courier__cannot_be_rebound(void **state)
{
	struct got *g = get("https://rebind.test/ok");

	(void)state;
	EXPECT(g, HTTP_OK);
	assert_string_equal(g->address, "93.184.216.34");
	assert_int_equal(said(&far, "name rebind.test A"), 1);
	expect_guarded("https://rebind.test/ok", false, OUTGUARD_PRIVATE);
	assert_int_equal(said(&far, "name rebind.test A"), 2);
	assert_int_equal(said(&far, "conn 10.77.0.2"), 0);
	assert_int_equal(said(&far, "conn 93.184.216.34"), 1);
}

/* An address that came to this machine after the start. */
static void test_courier__notices_that_it_talks_to_itself(void **state)
{
	(void)state;
	must("ip addr add 10.66.0.99/24 dev near");
	helper_start(&near, "exec python3 %s %s near 10.66.0.99");
	helper_wait(&near, "ready");
	expect_guarded("https://10.66.0.99/ok", true, OUTGUARD_OWN);
	assert_int_equal(said(&near, "req /ok"), 0);
	helper_stop(&near);
	must("ip addr del 10.66.0.99/24 dev near");
}

static void test_courier__obeys_new_settings(void **state)
{
	(void)state;
	expect_guarded("https://private.test/ok", false, OUTGUARD_PRIVATE);
	allow("10.0.0.0/8");
	EXPECT(get("https://private.test/ok"), HTTP_OK);
	allow("10.0.0.0/8 and more");	/* unreadable: unchanged */
	EXPECT(get("https://private.test/ok"), HTTP_OK);
	allow("");
	expect_guarded("https://a.good.test/ok", false, OUTGUARD_PRIVATE);
	set("management_allowed_networks", "93.184.216.0/24");
	expect_guarded("https://public.test/ok", false, OUTGUARD_MANAGEMENT);
	allow("93.184.216.34");
	EXPECT(get("https://public.test/ok"), HTTP_OK);
}

/* 64 at once, 256 in line, the rest is told at once. */
static void test_courier__bounds_its_queue(void **state)
{
	unsigned busy = 0, timeout = 0;
	struct ask a = {.url = "https://a.good.test/mute", .ms = 6000};
	uint32_t first = h.next;

	(void)state;
	for (unsigned i = 0; i < 400; i++)
		(void)send_get(&a);
	for (unsigned i = 0; i < 400; i++) {
		struct got *g = &h.got[first + i];

		UNTIL(g->is_there);
		busy += g->error == CV__HTTP_ERROR__HTTP_BUSY;
		timeout += g->error == CV__HTTP_ERROR__HTTP_TIMEOUT;
	}
	assert_int_equal(busy, 400 - 64 - 256);
	assert_int_equal(timeout, 64 + 256);
	EXPECT(get("https://a.good.test/ok"), HTTP_OK);
}

/* However many are asked for strangers, others find a place at once. */
static void test_courier__keeps_places_from_strangers(void **state)
{
	unsigned busy = 0, timeout = 0;
	struct ask a = {.url = "https://a.good.test/mute", .ms = 4000,
			.stranger = true};
	uint32_t first = h.next;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		(void)send_get(&a);
	EXPECT(get("https://a.good.test/ok"), HTTP_OK);
	for (unsigned i = 0; i < 300; i++)
		busy += h.got[first + i].is_there;
	assert_int_equal(busy, 300 - 48 - 192);
	for (unsigned i = 0; i < 300; i++) {
		struct got *g = &h.got[first + i];

		UNTIL(g->is_there);
		timeout += g->error == CV__HTTP_ERROR__HTTP_TIMEOUT;
	}
	assert_int_equal(timeout, 48 + 192);
}

static void test_courier__a_new_core_starts_afresh(void **state)
{
	struct ask a = {.url = "https://a.good.test/mute"};
	uint32_t lost = send_get(&a);

	(void)state;
	UNTIL(said(&far, "req /mute") == 1);
	link_core();
	allow("10.66.0.0/24");
	EXPECT(get("https://a.good.test/ok"), HTTP_OK);
	assert_false(h.got[lost].is_there);
}

static int remove_dir(void)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "rm -r %s", dir);
	must(line);
	return 0;
}

#define T(name)                                                               \
	cmocka_unit_test_setup_teardown(name, house_start, house_stop)

/* --- SIP targets ----------------------------------------------------------- */

enum { UDP = 1 << CV__CONNECT_TRANSPORT__CONNECT_UDP,
       TCP = 1 << CV__CONNECT_TRANSPORT__CONNECT_TCP,
       TLS = 1 << CV__CONNECT_TRANSPORT__CONNECT_TLS };

struct dial {
	const char *host;
	uint32_t port, allowed, ms, skip;
	bool sips, literal;
};

static uint32_t dial_send(const struct dial *d)
{
	Cv__Connect m = CV__CONNECT__INIT;

	m.req = h.next++;
	m.host = ipc_data(span_str(d->host));
	m.port = d->port;
	m.allowed = d->allowed;
	m.sips = d->sips;
	m.trusted_literal = d->literal;
	m.timeout_ms = d->ms ? d->ms : 10000;
	m.skip = d->skip;
	assert_int_equal(ipc_send(h.core, CONNECT, &m), 0);
	return m.req;
}

static struct link *dial(const struct dial *d)
{
	uint32_t req = dial_send(d);

	UNTIL(h.link[req].is_there);
	return &h.link[req];
}

static void expect_link(const struct link *l, Cv__ConnectTransport tr,
			const char *address, uint32_t port)
{
	assert_int_equal(l->error, CV__HTTP_ERROR__HTTP_OK);
	assert_int_equal(l->transport, tr);
	assert_string_equal(l->address, address);
	assert_int_equal(l->port, port);
	assert_string_equal(l->hello, tr == CV__CONNECT_TRANSPORT__CONNECT_UDP
			    ? "" : "hello");
}

static void test_sip__follows_naptr_and_srv_and_fails_over(void **state)
{
	struct link *l;

	(void)state;
	/* the first target refuses connections, the second takes us */
	l = dial(&(struct dial){.host = "full.test", .allowed = TLS | TCP});
	expect_link(l, CV__CONNECT_TRANSPORT__CONNECT_TLS, "10.66.0.2", 5061);
	assert_string_equal(l->name, "full.test");
	assert_int_equal(said(&far, "name full.test NAPTR"), 1);
	assert_int_equal(said(&far, "name _secure.full.test SRV"), 1);
	/* what is not allowed is not asked for */
	l = dial(&(struct dial){.host = "full.test", .allowed = TCP});
	expect_link(l, CV__CONNECT_TRANSPORT__CONNECT_TCP, "10.66.0.2", 5060);
	assert_int_equal(said(&far, "name _secure.full.test SRV"), 1);
}

static void test_sip__asks_srv_when_there_is_no_naptr(void **state)
{
	struct link *l;

	(void)state;
	l = dial(&(struct dial){.host = "BYSRV.test.", .allowed = TLS | UDP});
	expect_link(l, CV__CONNECT_TRANSPORT__CONNECT_TLS, "10.66.0.2", 5061);
	assert_string_equal(l->name, "bysrv.test");
	assert_int_equal(l->left, 1);
	l = dial(&(struct dial){.host = "bysrv.test", .allowed = TLS | UDP,
				.skip = 1});
	expect_link(l, CV__CONNECT_TRANSPORT__CONNECT_UDP, "10.66.0.2", 5060);
	l = dial(&(struct dial){.host = "bysrv.test", .allowed = TLS | UDP,
				.sips = true, .skip = 1});
	assert_int_equal(l->error, CV__HTTP_ERROR__HTTP_CONNECT);
}

static void test_sip__takes_the_host_itself_at_last(void **state)
{
	(void)state;
	expect_link(dial(&(struct dial){.host = "a.good.test",
					.allowed = TLS}),
		    CV__CONNECT_TRANSPORT__CONNECT_TLS, "10.66.0.2", 5061);
	expect_link(dial(&(struct dial){.host = "a.good.test", .port = 5060,
					.allowed = TLS | TCP}),
		    CV__CONNECT_TRANSPORT__CONNECT_TCP, "10.66.0.2", 5060);
	assert_int_equal(dial(&(struct dial){.host = "nobody.test",
					     .allowed = TLS})->error,
			 CV__HTTP_ERROR__HTTP_NAME);
	assert_int_equal(dial(&(struct dial){.host = "denied.test",
					     .allowed = TLS})->error,
			 CV__HTTP_ERROR__HTTP_NAME);
	assert_int_equal(said(&far, "name denied.test A"), 0);
}

static void test_sip__guards_every_address(void **state)
{
	struct link *l;

	(void)state;
	l = dial(&(struct dial){.host = "inside.test", .allowed = TLS});
	assert_int_equal(l->error, CV__HTTP_ERROR__HTTP_GUARDED);
	assert_int_equal(l->guard, OUTGUARD_METADATA);
	l = dial(&(struct dial){.host = "127.0.0.1", .allowed = TLS,
				.literal = true});
	assert_int_equal(l->error, CV__HTTP_ERROR__HTTP_GUARDED);
	assert_int_equal(l->guard, OUTGUARD_LOOPBACK);
	/* private: only as a literal that an administrator wrote */
	l = dial(&(struct dial){.host = "10.77.0.2", .allowed = TLS});
	assert_int_equal(l->guard, OUTGUARD_PRIVATE);
	expect_link(dial(&(struct dial){.host = "10.77.0.2", .allowed = TLS,
					.literal = true}),
		    CV__CONNECT_TRANSPORT__CONNECT_TLS, "10.77.0.2", 5061);
	/* UDP is checked, too: nothing is connected there */
	l = dial(&(struct dial){.host = "meta.test", .allowed = UDP});
	assert_int_equal(l->error, CV__HTTP_ERROR__HTTP_GUARDED);
	assert_int_equal(said(&far, "sip 5061 169.254.169.254"), 0);
}

static void test_sip__refuses_what_is_no_host(void **state)
{
	static const char *const bad[] = {"", "a b", "0x7f.1", "a..b", "::g",
					  "a/b", "user@a.test"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dial(&(struct dial){
			.host = bad[i], .allowed = TLS})->error,
			CV__HTTP_ERROR__HTTP_BAD_URL);
	assert_int_equal(dial(&(struct dial){.host = "a.good.test",
					     .port = 70000,
					     .allowed = TLS})->error,
			 CV__HTTP_ERROR__HTTP_BAD_URL);
	assert_int_equal(dial(&(struct dial){.host = "a.good.test"})->error,
			 CV__HTTP_ERROR__HTTP_BAD_URL);
}

static void test_sip__ends_in_time_and_is_bounded(void **state)
{
	uint32_t first = h.next, last = 0;
	unsigned busy = 0;

	(void)state;
	for (unsigned i = 0; i < 70; i++)
		last = dial_send(&(struct dial){.host = "silent.test",
						.allowed = TLS, .ms = 1500});
	UNTIL(h.link[last].is_there);
	for (uint32_t i = first; i <= last; i++) {
		UNTIL(h.link[i].is_there);
		busy += h.link[i].error == CV__HTTP_ERROR__HTTP_BUSY;
		if (h.link[i].error != CV__HTTP_ERROR__HTTP_BUSY)
			assert_int_equal(h.link[i].error,
					 CV__HTTP_ERROR__HTTP_TIMEOUT);
	}
	assert_int_equal(busy, 6);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_courier__fetches_json),
		T(test_courier__sends_the_password_once),
		T(test_courier__follows_no_redirect),
		T(test_courier__other_statuses_have_no_body),
		T(test_courier__judges_the_answer),
		T(test_courier__cuts_a_hundred_megabytes),
		T(test_courier__the_whole_exchange_has_one_time),
		T(test_courier__tells_tls_faults_apart),
		T(test_courier__guards_what_names_resolve_to),
		T(test_courier__guards_literals),
		T(test_courier__refuses_odd_urls),
		T(test_courier__cannot_be_rebound),
		T(test_courier__notices_that_it_talks_to_itself),
		T(test_courier__obeys_new_settings),
		T(test_courier__bounds_its_queue),
		T(test_courier__keeps_places_from_strangers),
		T(test_courier__a_new_core_starts_afresh),
		T(test_sip__follows_naptr_and_srv_and_fails_over),
		T(test_sip__asks_srv_when_there_is_no_naptr),
		T(test_sip__takes_the_host_itself_at_last),
		T(test_sip__guards_every_address),
		T(test_sip__refuses_what_is_no_host),
		T(test_sip__ends_in_time_and_is_bounded),
	};
	char line[512];
	int r;

	if (argc != 3)
		return 1;
	program = argv[1];
	script = argv[2];
	if (own_network() < 0) {
		(void)fprintf(stderr, "skipped: no user namespaces here\n");
		return SKIP;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(line, sizeof(line), "python3 %s %s make", script, dir);
	must(line);
	wire();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	helper_stop(&far);
	return r + remove_dir();
}
