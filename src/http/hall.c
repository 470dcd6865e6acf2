/* Who was refused for what his address did, and may belong to the people
 * inside there, is asked for a pass (http/pass.h): his ClientHello is looked
 * at where it lies, in the socket's buffer. Most have sent it by the time they
 * are accepted. For the others there are HTTP_HALL_MAX places, the oldest of
 * which is given up for the next: a flood of silent ones shortens the wait and
 * costs nothing more. Who shows none is closed on unread, which makes it a
 * reset: nothing of his stays with the kernel either. */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "http/conn.h"
#include "wire/tls/tls.h"

struct waiter {
	struct list at;
	struct http_server *s;
	struct event *ev;
	struct addr peer;
	uint64_t since_ns;
	int fd;
};

static void forget(struct waiter *w)
{
	struct http_server *s = w->s;
	if (w->ev)
		event_free(w->ev);
	list_del(&w->at);
	s->stats.hall--;
	mem_free(w);
}

static struct waiter *oldest(struct http_server *s)
{
	return list_is_empty(&s->hall)
	       ? NULL : list_entry(s->hall.next, struct waiter, at);
}

static void give_up(struct waiter *w)
{
	const int fd = w->fd;
	forget(w);
	(void)close(fd);
}

static int find_pass(struct http_server *s, const struct tls_hello *h,
		     uint64_t now_ns, uint64_t *holder)
{
	for (size_t i = 0; i < h->n; i++)
		if (pass_read(holder, &s->pass_key, h->identity[i]) == 0)
			return s->cfg.on_pass(s->cfg.arg, *holder, now_ns)
			       ? 0 : E_LIMIT;
	return E_AUTH;
}

/* E_AGAIN: he has not said enough. */
static int look(struct http_server *s, int fd, uint64_t now_ns,
		uint64_t *holder)
{
	uint8_t buf[HTTP_HELLO_MAX];
	struct tls_hello h;
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	if (n == 0)
		return E_CLOSED;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? E_AGAIN : E_SYS;
	int r = tls_hello_decode(&h, span_of(buf, (size_t)n));
	if (r == E_AGAIN && (size_t)n == sizeof(buf))
		return E_LIMIT;
	return r < 0 ? r : find_pass(s, &h, now_ns, holder);
}

static void on_bytes(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *w = arg;
	struct http_server *s = w->s;
	const uint64_t now_ns = clock_mono_ns();
	uint64_t holder;
	int r = look(s, fd, now_ns, &holder);
	(void)what;
	if (r == E_AGAIN)
		return;
	if (r < 0) {
		give_up(w);
		return;
	}
	struct addr peer = w->peer;
	forget(w);
	server_admit_holder(s, fd, &peer, holder, now_ns);
}

static void set_clock(struct http_server *s)
{
	const struct waiter *w = oldest(s);
	if (w)
		timer_set(s->cfg.wheel, &s->hall_clock,
			  w->since_ns + HTTP_HELLO_MS * NS_PER_MS);
	else
		timer_cancel(&s->hall_clock);
}

static void on_clock(struct timer *t, void *arg, uint64_t now_ns)
{
	struct http_server *s = arg;
	struct waiter *w;
	(void)t;
	while ((w = oldest(s)) != NULL &&
	       now_ns - w->since_ns >= HTTP_HELLO_MS * NS_PER_MS)
		give_up(w);
	set_clock(s);
}

/* Woken by news only: a hello that is not whole stays readable. */
static int wait_for_bytes(struct http_server *s, int fd,
			  const struct addr *peer, uint64_t now_ns)
{
	struct waiter *w = mem_zalloc(sizeof(*w));
	if (!w)
		return E_NOMEM;
	*w = (struct waiter){.s = s, .fd = fd, .peer = *peer,
			     .since_ns = now_ns};
	w->ev = event_new(s->cfg.base, fd, EV_READ | EV_PERSIST | EV_ET,
			  on_bytes, w);
	if (!w->ev || event_add(w->ev, NULL) < 0) {
		if (w->ev)
			event_free(w->ev);
		mem_free(w);
		return E_NOMEM;
	}
	list_add_tail(&s->hall, &w->at);
	s->stats.hall++;
	if (!timer_is_set(&s->hall_clock))
		set_clock(s);
	return 0;
}

void hall_enter(struct http_server *s, int fd, const struct addr *peer,
		uint64_t now_ns)
{
	uint64_t holder;
	int r = look(s, fd, now_ns, &holder);
	s->stats.looked++;
	if (r == 0) {
		server_admit_holder(s, fd, peer, holder, now_ns);
		return;
	}
	if (r == E_AGAIN && s->stats.hall >= HTTP_HALL_MAX)
		give_up(oldest(s));
	if (r != E_AGAIN || wait_for_bytes(s, fd, peer, now_ns) < 0)
		(void)close(fd);
}

void hall_init(struct http_server *s)
{
	list_init(&s->hall);
	timer_init(&s->hall_clock, on_clock, s);
}

void hall_release(struct http_server *s)
{
	struct waiter *w;
	timer_cancel(&s->hall_clock);
	while ((w = oldest(s)) != NULL)
		give_up(w);
}
