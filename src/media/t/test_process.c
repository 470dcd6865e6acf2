/* The real program behind its real walls: super and core are played, a client
 * must get sound by UDP and by TCP. Argument: path of conclave-media. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "ipc/frame.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"
#include "media/t/client.h"
#include "super.pb-c.h"

enum { WAIT_MS = 30000, ROOM = 5 };

struct house {
	const char *program;
	pid_t pid;
	struct ipc_chan *super, *core;
	int video;
	struct client *c[2];
	bool is_ready;
	unsigned answers;
	Cv__LegPhase phase[2];
};

static const char *program;

static void on_super(void *arg, struct ipc_chan *ch, enum ipc_type type,
		     const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct house *h = arg;

	(void)ch;
	(void)msg;
	(void)fds;
	(void)n;
	h->is_ready |= type == IPC_READY;
}

static void on_core(void *arg, struct ipc_chan *ch, enum ipc_type type,
		    const ProtobufCMessage *msg, const int *fds, size_t n)
{
	struct house *h = arg;

	(void)ch;
	(void)fds;
	(void)n;
	if (type == IPC_LEG_ANSWER) {
		const Cv__LegAnswer *a = (const void *)msg;

		assert_true(a->ok);
		client_answer(h->c[a->leg], a->answer);
		h->answers++;
	} else if (type == IPC_LEG_STATE) {
		const Cv__LegState *s = (const void *)msg;

		h->phase[s->leg] = s->phase;
	}
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

static int bound(int type)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void spawn(struct house *h, int fd)
{
	posix_spawn_file_actions_t act;
	char instance[] = "CONCLAVE_INSTANCE=0";
	char *argv[] = {(char *)(uintptr_t)h->program, NULL}, *env[] = {instance, NULL};
	int hold = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, hold, 3);
	posix_spawn_file_actions_adddup2(&act, 2, 4);
	assert_int_equal(posix_spawn(&h->pid, h->program, &act, NULL, argv,
				     env), 0);
	posix_spawn_file_actions_destroy(&act);
	close(hold);
}

static void chan_make(struct house *h, struct ipc_chan **out, int fd,
		      enum ipc_role self, ipc_msg_fn fn)
{
	struct ipc_chan_cfg cfg = {.fd = fd, .self = self, .peer = ROLE_MEDIA,
				   .on_msg = fn, .on_down = on_down, .arg = h};

	assert_int_equal(ipc_chan_new(out, &cfg), 0);
}

static void boot_send(struct house *h)
{
	Cv__Boot b = CV__BOOT__INIT;
	Cv__BootOption o = CV__BOOT_OPTION__INIT, *op = &o;
	char name[] = "loopback", value[] = "1";
	Cv__FdName names[] = {CV__FD_NAME__FD_MEDIA_UDP,
			      CV__FD_NAME__FD_MEDIA_TCP};
	int fds[2] = {bound(SOCK_DGRAM), bound(SOCK_STREAM)};

	o.name = name;
	o.value = value;
	b.options = &op;
	b.n_options = 1;
	b.fds = names;
	b.n_fds = 2;
	assert_int_equal(ipc_chan_send(h->super, IPC_BOOT, &b.base, fds, 2), 0);
	close(fds[0]);
	close(fds[1]);
}

static int link_send(struct house *h, enum ipc_role role)
{
	Cv__Link l = CV__LINK__INIT;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
	l.role = role;
	assert_int_equal(ipc_chan_send(h->super, IPC_LINK, &l.base, &pair[1],
				       1), 0);
	close(pair[1]);
	return pair[0];
}

static void turn(struct house *h)
{
	uint64_t now = clock_mono_ns();
	struct pollfd p[] = {
		{.fd = ipc_chan_fd(h->super), .events = POLLIN},
		{.fd = h->core ? ipc_chan_fd(h->core) : -1, .events = POLLIN},
	};

	(void)ipc_chan_input(h->super, 16);
	(void)ipc_chan_output(h->super);
	if (h->core)
		(void)ipc_chan_input(h->core, 16);
	for (unsigned i = 0; i < h->answers; i++)
		client_step(h->c[i], now);
	/* 1 ms: the pace at which the clients send. */
	(void)poll(p, 2, 1);
}

#define UNTIL(h, cond)                                                        \
	do {                                                                  \
		uint64_t end_ = clock_mono_ns() + WAIT_MS * NS_PER_MS;        \
		while (!(cond) && clock_mono_ns() < end_)                     \
			turn(h);                                              \
		assert_true(cond);                                            \
	} while (0)

static void leg_open(struct house *h, unsigned i, const struct client_cfg *cfg)
{
	Cv__LegOpen o = CV__LEG_OPEN__INIT;
	Cv__LegFlags f = CV__LEG_FLAGS__INIT;

	h->c[i] = client_new(cfg);
	f.admitted = true;
	o.room = ROOM;
	o.leg = i;
	o.flags = &f;
	o.offer = client_offer(h->c[i], false);
	assert_int_equal(ipc_send(h->core, LEG_OPEN, &o), 0);
	UNTIL(h, h->answers == i + 1);
}

/* Limits as core sends them, and one that no schema allows. */
static void settings_send(struct house *h)
{
	static const char *const names[] = {"max_stun", "max_stun_per_source",
		"max_dtls_handshakes", "max_dtls_handshakes_per_source"};
	static const char *const values[] = {"20000", "1000", "0", "-1"};
	Cv__Settings m = CV__SETTINGS__INIT;
	Cv__Setting s[4], *list[4];

	for (size_t i = 0; i < 4; i++) {
		cv__setting__init(&s[i]);
		s[i].name = (char *)(uintptr_t)names[i];
		s[i].value = ipc_data(span_str(values[i]));
		list[i] = &s[i];
	}
	m.epoch = 7;
	m.settings = list;
	m.n_settings = 4;
	assert_int_equal(ipc_send(h->core, SETTINGS, &m), 0);
}

static void test_media_process__serves_behind_its_walls(void **state)
{
	static const struct client_cfg udp = {.has_video = true,
					      .has_rtx = true};
	static const struct client_cfg tcp = {.is_tcp = true};
	struct house h = {.program = program, .video = -1};
	Cv__RoomOpen room = CV__ROOM_OPEN__INIT;
	Cv__Stop stop = CV__STOP__INIT;
	int pair[2], status = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    pair), 0);
	spawn(&h, pair[1]);
	close(pair[1]);
	chan_make(&h, &h.super, pair[0], ROLE_SUPER, on_super);
	boot_send(&h);
	UNTIL(&h, h.is_ready);
	chan_make(&h, &h.core, link_send(&h, ROLE_CORE), ROLE_CORE, on_core);
	h.video = link_send(&h, ROLE_VIDEO);
	settings_send(&h);
	room.room = ROOM;
	assert_int_equal(ipc_send(h.core, ROOM_OPEN, &room), 0);
	leg_open(&h, 0, &udp);
	leg_open(&h, 1, &tcp);
	UNTIL(&h, client_is_up(h.c[0]) && client_got(h.c[0])->audio > 50 &&
		  client_got(h.c[0])->sr > 1);
	UNTIL(&h, client_is_up(h.c[1]) && client_got(h.c[1])->audio > 50);
	assert_int_equal(h.phase[0], CV__LEG_PHASE__LEG_SECURE);
	assert_int_equal(client_got(h.c[0])->bad, 0);
	assert_int_equal(ipc_send(h.super, STOP, &stop), 0);
	(void)ipc_chan_output(h.super);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	client_free(h.c[0]);
	client_free(h.c[1]);
	ipc_chan_free(&h.super);
	ipc_chan_free(&h.core);
	close(h.video);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_media_process__serves_behind_its_walls),
	};

	if (argc != 2 || srtp_init() != srtp_err_status_ok)
		return 1;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
