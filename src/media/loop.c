#include "media/loop.h"
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"

int loop_init(struct loop *l)
{
	*l = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	return l->epoll_fd < 0 ? E_SYS : 0;
}

void loop_release(struct loop *l)
{
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	l->epoll_fd = -1;
}

int loop_set(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};
	int op = w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (w->events == events)
		return 0;
	if (epoll_ctl(l->epoll_fd, op, w->fd, &e) < 0)
		return E_SYS;
	w->events = events;
	return 0;
}

void loop_del(struct loop *l, struct watch *w)
{
	if (w->events)
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->events = 0;
	for (int i = l->i; i < l->n; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

uint64_t loop_turn(struct loop *l, int wait_ms)
{
	uint64_t now;

	l->n = epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, wait_ms);
	now = clock_mono_ns();
	for (l->i = 0; l->i < l->n; ) {
		struct epoll_event *e = &l->batch[l->i++];
		struct watch *w = e->data.ptr;

		if (w)
			w->fn(w->arg, e->events, now);
	}
	l->n = l->i = 0;
	return now;
}
