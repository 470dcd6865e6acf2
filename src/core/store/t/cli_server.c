/* A core that can do nothing but the configuration verbs, for the test of
 * conclave(1): cli_server DIR SOCKET. Prints "ready", serves one client at a
 * time, ends with its standard input. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "core/audit/audit.h"
#include "core/row_check.h"
#include "core/store/cli_config.h"
#include "core/store/store.h"
#include "ipc/ipc.h"

struct server {
	struct store *st;
	struct audit *audit;
	struct cli_config *cli;
	struct ipc_chan *ch;
	bool is_down;
};

static void on_reply(void *arg, uint64_t client, const Cv__CliReply *reply)
{
	struct server *s = arg;
	(void)client;
	if (s->ch != NULL && !s->is_down)
		(void)ipc_send(s->ch, CLI_REPLY, reply);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct server *s = arg;
	(void)ch;
	(void)fds;
	(void)n_fds;
	if (type == IPC_CLI_REQUEST)
		cli_config_request(s->cli,
				   (const Cv__CliRequest *)(const void *)msg,
				   1, SPAN_LIT("uid test"), clock_wall_us(),
				   clock_mono_ns());
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct server *s = arg;
	(void)ch;
	(void)error;
	s->is_down = true;
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (bind(fd, (const struct sockaddr *)(const void *)&sa,
		 sizeof(sa)) < 0 || listen(fd, 4) < 0)
		return -1;
	return fd;
}

static void turn(struct server *s, int listener, const struct pollfd *p)
{
	if (p[2].revents && s->ch == NULL) {
		struct ipc_chan_cfg cfg = {
			.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK),
			.self = ROLE_CORE, .peer = ROLE_CLI,
			.on_msg = on_msg, .on_down = on_down, .arg = s};
		s->is_down = false;
		(void)ipc_chan_new(&s->ch, &cfg);
	}
	if (p[1].revents)
		(void)store_dispatch(s->st);
	if (p[3].revents & POLLOUT)
		(void)ipc_chan_output(s->ch);
	if (p[3].revents & ~POLLOUT)
		(void)ipc_chan_input(s->ch, 16);
	if (s->ch != NULL && s->is_down)
		ipc_chan_free(&s->ch);
}

static void serve(struct server *s, int listener)
{
	for (;;) {
		struct pollfd p[4] = {
			{.fd = 0, .events = POLLIN},
			{.fd = store_fd(s->st), .events = POLLIN},
			{.fd = s->ch ? -1 : listener, .events = POLLIN},
			{.fd = s->ch ? ipc_chan_fd(s->ch) : -1,
			 .events = POLLIN}};
		if (s->ch != NULL && ipc_chan_wants_write(s->ch))
			p[3].events |= POLLOUT;
		if (poll(p, 4, -1) < 0 || p[0].revents)
			return;
		turn(s, listener, p);
	}
}

int main(int argc, char **argv)
{
	static const uint8_t key[32] = "key of the test of the command";
	struct server s = {NULL, NULL, NULL, NULL, false};
	struct store_problem why;
	char audit_dir[512];
	if (argc != 3)
		return 2;
	(void)snprintf(audit_dir, sizeof(audit_dir), "%s/audit", argv[1]);
	struct store_cfg cfg = {.dir = argv[1], .create = true,
				.data_key = span_of(key, sizeof(key)),
				.check = core_row_check};
	struct audit_cfg acfg = {.dir = audit_dir};
	int listener = listen_at(argv[2]);
	if (listener < 0 || store_open(&s.st, &cfg, &why) < 0 ||
	    audit_open(&s.audit, &acfg, clock_wall_us(), 1) < 0 ||
	    store_attach(s.st, audit_sync, s.audit) < 0 ||
	    store_start(s.st) < 0 ||
	    cli_config_new(&s.cli, s.st, s.audit, audit_dir, on_reply, &s) < 0)
		return 1;
	puts("ready");
	(void)fflush(stdout);
	serve(&s, listener);
	store_close(&s.st);
	audit_close(&s.audit);
	cli_config_free(&s.cli);
	if (s.ch != NULL)
		ipc_chan_free(&s.ch);
	return 0;
}
