#include "ipc/ipc_ev.h"

#include <event2/event.h>

#include "base/alloc.h"

enum { INPUT_BUDGET = 64 };

struct ipc_ev {
	struct ipc_chan *ch;
	struct ipc_chan_cfg cfg;
	struct event *rd, *wr, *later;
	int down_error;		/* to be told from the loop */
	bool down, told;
	bool dying;		/* freed inside a callback */
	unsigned depth;		/* callbacks of ours on the stack */
};

static void destroy(struct ipc_ev *e)
{
	if (e->rd)
		event_free(e->rd);
	if (e->wr)
		event_free(e->wr);
	if (e->later)
		event_free(e->later);
	ipc_chan_free(&e->ch);
	mem_free(e);
}

static void stop(struct ipc_ev *e)
{
	if (e->rd)
		event_del(e->rd);
	if (e->wr)
		event_del(e->wr);
}

static void on_msg(void *arg, struct ipc_chan *ch, enum ipc_type type,
		   const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	struct ipc_ev *e = arg;

	/* HELLO is the channel's own business */
	if (!e->dying && type != IPC_HELLO)
		e->cfg.on_msg(e->cfg.arg, ch, type, msg, fds, n_fds);
}

static void on_down(void *arg, struct ipc_chan *ch, int error)
{
	struct ipc_ev *e = arg;

	(void)ch;
	e->down = true;
	e->down_error = error;
	stop(e);
	event_active(e->later, EV_TIMEOUT, 0);
}

static void on_want(void *arg, struct ipc_chan *ch, bool write)
{
	struct ipc_ev *e = arg;

	(void)ch;
	if (write && !e->down)
		(void)event_add(e->wr, NULL);
	else
		(void)event_del(e->wr);
}

static void leave(struct ipc_ev *e)
{
	e->depth--;
	if (e->dying && e->depth == 0)
		event_active(e->later, EV_TIMEOUT, 0);
}

static void cb_read(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_ev *e = arg;

	(void)fd;
	(void)what;
	e->depth++;
	(void)ipc_chan_input(e->ch, INPUT_BUDGET);
	leave(e);
}

static void cb_write(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_ev *e = arg;

	(void)fd;
	(void)what;
	e->depth++;
	(void)ipc_chan_output(e->ch);
	leave(e);
}

static void cb_later(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_ev *e = arg;

	(void)fd;
	(void)what;
	if (e->dying) {
		destroy(e);
		return;
	}
	if (!e->down || e->told)
		return;
	e->told = true;
	e->depth++;
	e->cfg.on_down(e->cfg.arg, e->ch, e->down_error);
	leave(e);
}

static int make_events(struct ipc_ev *e, struct event_base *base)
{
	int fd = ipc_chan_fd(e->ch);

	e->rd = event_new(base, fd, EV_READ | EV_PERSIST, cb_read, e);
	e->wr = event_new(base, fd, EV_WRITE | EV_PERSIST, cb_write, e);
	if (!e->rd || !e->wr || event_add(e->rd, NULL) < 0)
		return E_NOMEM;
	if (ipc_chan_wants_write(e->ch) && event_add(e->wr, NULL) < 0)
		return E_NOMEM;
	return 0;
}

int ipc_ev_new(struct ipc_ev **out, struct event_base *base,
	       const struct ipc_chan_cfg *cfg)
{
	struct ipc_ev *e = mem_zalloc(sizeof(*e));
	struct ipc_chan_cfg own = *cfg;
	int r;

	own.on_msg = on_msg;
	own.on_down = on_down;
	own.on_want = NULL;
	own.arg = e;
	if (!e) {
		evutil_closesocket(cfg->fd);
		return E_NOMEM;
	}
	e->cfg = *cfg;
	r = ipc_chan_new(&e->ch, &own);
	if (r == 0) {
		e->later = event_new(base, -1, 0, cb_later, e);
		r = e->later ? make_events(e, base) : E_NOMEM;
	}
	if (r < 0) {
		destroy(e);
		return r;
	}
	ipc_chan_on_want(e->ch, on_want);
	*out = e;
	return 0;
}

void ipc_ev_free(struct ipc_ev **ep)
{
	struct ipc_ev *e = ep ? *ep : NULL;

	if (!e)
		return;
	*ep = NULL;
	stop(e);
	e->dying = true;
	if (e->depth == 0)
		destroy(e);
}

struct ipc_chan *ipc_ev_chan(struct ipc_ev *e)
{
	return e->ch;
}
