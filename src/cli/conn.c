#include "cli/conn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"

struct conn {
	struct ipc_chan *ch;
	int fd, down;		/* down: the reason, 0 = up */
	conn_reply_fn fn;
	void *arg;
	bool is_done;
};

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct conn *c = arg;
	(void)ch;
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);	/* none is expected */
	if (type != IPC_CLI_REPLY || c->fn == NULL)
		return;
	const Cv__CliReply *reply = (const Cv__CliReply *)(const void *)msg;
	c->is_done = !reply->more;
	c->fn(c->arg, reply);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct conn *c = arg;
	(void)ch;
	c->down = error < 0 ? error : E_CLOSED;
}

static bool has_hello(const struct conn *c)
{
	return ipc_chan_is_up(c->ch);
}

static bool is_answered(const struct conn *c)
{
	return c->is_done;
}

static int wait_until(struct conn *c, bool (*is_ready)(const struct conn *))
{
	uint64_t end = clock_mono_ns() + CONN_TIMEOUT_S * NS_PER_S;
	while (!is_ready(c) && c->down == 0) {
		uint64_t now = clock_mono_ns();
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		if (now >= end)
			return E_TIMEOUT;
		if (ipc_chan_wants_write(c->ch))
			p.events |= POLLOUT;
		int n = poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1);
		if (n < 0 && errno != EINTR)
			return E_SYS;
		/* Both report failure through on_down. */
		if (n > 0 && (p.revents & POLLOUT))
			(void)ipc_chan_output(c->ch);
		if (n > 0 && (p.revents & ~POLLOUT))
			(void)ipc_chan_input(c->ch, 64);
	}
	return is_ready(c) ? 0 : c->down;
}

static int connect_to(const char *path, int *out)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return E_LIMIT;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return E_SYS;
	if (connect(fd, (const struct sockaddr *)(const void *)&sa,
		    sizeof(sa)) < 0) {
		int e = errno;
		(void)close(fd);
		return e == EACCES || e == EPERM ? E_DENIED : E_NOTFOUND;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		(void)close(fd);
		return E_SYS;
	}
	*out = fd;
	return 0;
}

int conn_open(struct conn **out, const char *path)
{
	struct conn *c = mem_zalloc(sizeof(*c));
	if (c == NULL)
		return E_NOMEM;
	int e = connect_to(path, &c->fd);
	struct ipc_chan_cfg cfg = {
		.fd = c->fd, .self = ROLE_CLI, .peer = ROLE_CORE,
		.on_msg = on_msg, .on_down = on_down, .arg = c};
	if (e == 0)
		e = ipc_chan_new(&c->ch, &cfg);
	if (e == 0)
		e = wait_until(c, has_hello);
	if (e < 0) {
		conn_close(&c);
		return e;
	}
	*out = c;
	return 0;
}

void conn_close(struct conn **c)
{
	if (*c == NULL)
		return;
	if ((*c)->ch != NULL)
		ipc_chan_free(&(*c)->ch);
	mem_free(*c);
	*c = NULL;
}

int conn_request(struct conn *c, const Cv__CliRequest *rq, conn_reply_fn fn,
		 void *arg)
{
	c->fn = fn;
	c->arg = arg;
	c->is_done = false;
	int e = ipc_send(c->ch, CLI_REQUEST, rq);
	if (e == 0)
		e = wait_until(c, is_answered);
	c->fn = NULL;
	return e;
}
