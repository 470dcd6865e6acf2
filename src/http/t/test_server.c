/* The machine of one connection over the plain transport, with the timer
 * wheel pushed ahead instead of waiting. TLS in front of it is tested by
 * tests/web with the real executable. */
#include "http/t/t.h"
#include <event2/event.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc_test.h"
#include "base/clock.h"
#include "http/server.h"

enum mode { ANSWER = 0, SILENT, DELAY, STREAM };

struct fixture {
	struct event_base *base;
	struct timer_wheel *wheel;
	struct sources *sources;
	struct http_hosts *hosts;
	struct http_server *s;
	uint16_t port;
	enum mode mode;
	uint64_t id, gone;
	unsigned requests;
	char got[65536];
	size_t n;
	bool closed;
};

static const struct source_limits limits = {
	.conns = 4, .rate = {{.per_s = 1000, .burst = 1000}, {1, 1},
			     {.per_s = 1000, .burst = 1000}},
};

static void on_request(void *arg, const struct http_request *req)
{
	struct fixture *f = arg;
	struct http_answer a = {.status = 200, .type = "text/plain",
				.body = SPAN_LIT("hello")};
	f->id = req->id;
	f->requests++;
	if (f->mode == STREAM)
		(void)http_stream_begin(f->s, req->id, NULL, 0);
	else if (f->mode == DELAY)
		a.delay_ms = 1000;
	if (f->mode == ANSWER || f->mode == DELAY)
		(void)http_reply(f->s, req->id, &a);
}

static void on_gone(void *arg, uint64_t id)
{
	((struct fixture *)arg)->gone = id;
}

static int listen_any(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

static void stop(struct fixture *f)
{
	http_server_free(&f->s);
	http_hosts_free(&f->hosts);
	sources_free(&f->sources);
	timer_wheel_free(&f->wheel);
	event_base_free(f->base);
}

static int start(struct fixture *f, enum mode mode)
{
	memset(f, 0, sizeof(*f));
	f->mode = mode;
	f->base = event_base_new();
	int r = timer_wheel_new(&f->wheel, clock_mono_ns());
	if (r == 0)
		r = sources_new(&f->sources, &limits);
	if (r == 0)
		r = http_hosts_new(&f->hosts, SPAN_LIT("localhost"));
	struct http_server_cfg cfg = {
		.base = f->base, .wheel = f->wheel, .hosts = f->hosts,
		.sources = f->sources, .conns_max = 3,
		.on_request = on_request, .on_gone = on_gone, .arg = f,
	};
	if (r == 0)
		r = http_server_new(&f->s, &cfg);
	if (r == 0)
		r = http_server_listen(f->s, listen_any(&f->port));
	if (r < 0)
		stop(f);
	return r;
}

static int client(struct fixture *f)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(f->port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	return fd;
}

/* Turns the loop until nothing more happens. */
static void turn(struct fixture *f, int fd)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		if (fd < 0)
			continue;
		ssize_t n = recv(fd, f->got + f->n,
				 sizeof(f->got) - 1 - f->n, MSG_DONTWAIT);
		if (n > 0)
			quiet = 0;
		f->closed |= n == 0;
		f->n += n > 0 ? (size_t)n : 0;
		f->got[f->n] = 0;
	}
}

static void later(struct fixture *f, int fd, uint64_t s)
{
	uint64_t now = clock_mono_ns() + s * NS_PER_S;
	(void)timer_wheel_advance(f->wheel, now + 100 * NS_PER_MS);
	turn(f, fd);
}

static void put(struct fixture *f, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
	turn(f, fd);
}

static bool has(const struct fixture *f, const char *text)
{
	return strstr(f->got, text) != NULL;
}

static struct http_stats stats(const struct fixture *f)
{
	struct http_stats s;
	http_server_stats(f->s, &s);
	return s;
}

#define GET "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void test_server__answers_and_keeps_the_connection(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, ANSWER), 0);
	int fd = client(f);
	put(f, fd, GET GET);
	assert_int_equal(f->requests, 2);
	assert_false(f->closed);
	assert_true(has(f, "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK"));
	put(f, fd, "GET / HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n");
	assert_true(f->closed);
	assert_int_equal(http_reply(f->s, f->id, &(struct http_answer){0}),
			 E_NOTFOUND);
	(void)close(fd);
	turn(f, -1);
	assert_int_equal(stats(f).conns, 0);
	stop(f);
}

static void test_server__cuts_a_request_that_does_not_end(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, ANSWER), 0);
	int fd = client(f);
	put(f, fd, "GET / HTTP/1.1\r\nHos");
	later(f, fd, HTTP_REQUEST_S - 1);
	assert_false(f->closed);
	put(f, fd, "t: ");
	later(f, fd, HTTP_REQUEST_S);
	assert_true(f->closed);
	assert_int_equal(stats(f).deadline[HTTP_PHASE_REQUEST], 1);
	assert_int_equal(stats(f).conns, 0);
	(void)close(fd);
	stop(f);
}

static void test_server__cuts_an_idle_connection(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, ANSWER), 0);
	int fd = client(f);
	put(f, fd, GET);
	later(f, fd, HTTP_IDLE_S - 1);
	assert_false(f->closed);
	later(f, fd, HTTP_IDLE_S);
	assert_true(f->closed);
	assert_int_equal(stats(f).deadline[HTTP_PHASE_IDLE], 1);
	(void)close(fd);
	stop(f);
}

static void test_server__answers_for_a_handler_that_forgot(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, SILENT), 0);
	int fd = client(f);
	put(f, fd, GET);
	assert_int_equal(f->n, 0);
	later(f, fd, HTTP_HANDLER_S);
	assert_true(has(f, "HTTP/1.1 504 "));
	assert_true(f->closed);
	assert_int_equal(f->gone, f->id);
	assert_int_equal(stats(f).handler_timeouts, 1);
	(void)close(fd);
	stop(f);
}

static void test_server__tells_when_the_client_did_not_wait(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, SILENT), 0);
	int fd = client(f);
	put(f, fd, GET);
	(void)close(fd);
	turn(f, -1);
	assert_int_equal(f->gone, f->id);
	assert_int_equal(http_reply(f->s, f->id, &(struct http_answer){0}),
			 E_NOTFOUND);
	stop(f);
}

static void test_server__delays_an_answer(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, DELAY), 0);
	int fd = client(f);
	put(f, fd, GET);
	assert_int_equal(f->n, 0);
	later(f, fd, 1);
	assert_true(has(f, "hello"));
	assert_false(f->closed);
	(void)close(fd);
	stop(f);
}

static void test_server__cuts_who_does_not_take_his_answer(void **st)
{
	struct fixture *f = *st;
	static uint8_t big[16 << 20];
	assert_int_equal(start(f, SILENT), 0);
	int fd = client(f);
	put(f, fd, GET);
	assert_int_equal(http_reply(f->s, f->id, &(struct http_answer){
		.status = 200, .type = "text/plain",
		.body = span_of(big, sizeof(big))}), 0);
	turn(f, -1);
	later(f, -1, HTTP_DRAIN_S);
	assert_int_equal(stats(f).deadline[HTTP_PHASE_DRAIN], 1);
	assert_int_equal(stats(f).conns, 0);
	(void)close(fd);
	stop(f);
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void test_server__holds_no_copy_of_what_stays(void **st)
{
	struct fixture *f = *st;
	static uint8_t big[16 << 20];
	int fd[3];
	assert_int_equal(start(f, SILENT), 0);
	size_t before = heap();
	for (int i = 0; i < 3; i++) {
		fd[i] = client(f);
		put(f, fd[i], GET);
		assert_int_equal(http_reply(f->s, f->id, &(struct http_answer){
			.status = 200, .type = "text/plain",
			.body = span_of(big, sizeof(big)),
			.body_stays = true}), 0);
		turn(f, -1);
	}
	assert_true(heap() - before < (1 << 20));
	for (int i = 0; i < 3; i++)
		(void)close(fd[i]);
	stop(f);
}

static void test_server__streams_with_pings_until_the_end(void **st)
{
	struct fixture *f = *st;
	assert_int_equal(start(f, STREAM), 0);
	int fd = client(f);
	put(f, fd, GET);
	assert_true(has(f, "Content-Type: text/event-stream"));
	assert_int_equal(stats(f).streams, 1);
	later(f, fd, HTTP_PING_S);
	assert_true(has(f, "\r\n\r\n:\n\n"));
	assert_int_equal(http_stream_write(f->s, f->id, SPAN_LIT("data")), 0);
	assert_int_equal(http_stream_end(f->s, f->id), 0);
	assert_int_equal(http_stream_write(f->s, f->id, SPAN_LIT("x")),
			 E_STATE);
	turn(f, fd);
	assert_true(has(f, ":\n\ndata"));
	assert_true(f->closed);
	assert_int_equal(f->gone, f->id);
	assert_int_equal(stats(f).streams, 0);
	(void)close(fd);
	stop(f);
}

static void test_server__cuts_a_stream_that_is_not_read(void **st)
{
	struct fixture *f = *st;
	static uint8_t block[65536];
	int r = 0;
	assert_int_equal(start(f, STREAM), 0);
	int fd = client(f);
	put(f, fd, GET);
	for (int i = 0; i < 1000 && r == 0; i++) {
		r = http_stream_write(f->s, f->id,
				      span_of(block, sizeof(block)));
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(r, E_FULL);
	turn(f, -1);
	assert_int_equal(f->gone, f->id);
	assert_int_equal(stats(f).stream_overflow, 1);
	(void)close(fd);
	stop(f);
}

static void test_server__cuts_a_stream_that_stalls(void **st)
{
	struct fixture *f = *st;
	static uint8_t block[400 * 1024];
	assert_int_equal(start(f, STREAM), 0);
	int fd = client(f);
	put(f, fd, GET);
	/* Fill the kernel, then leave something unsent. */
	for (int i = 0; i < 100 && stats(f).streams; i++) {
		if (i % 2 == 0 && http_stream_write(f->s, f->id,
				span_of(block, 100 * 1024)) < 0)
			break;
		turn(f, -1);
	}
	if (stats(f).streams) {
		later(f, -1, 20);
		later(f, -1, 100);
		later(f, -1, 200);
	}
	assert_int_equal(stats(f).streams, 0);
	(void)close(fd);
	stop(f);
}

static void test_server__admits_no_more_than_it_may(void **st)
{
	struct fixture *f = *st;
	int fd[4];
	assert_int_equal(start(f, ANSWER), 0);
	for (int i = 0; i < 4; i++)
		fd[i] = client(f);
	turn(f, fd[3]);
	assert_true(f->closed);
	assert_int_equal(stats(f).conns, 3);
	assert_int_equal(stats(f).refused_full, 1);
	(void)close(fd[0]);
	turn(f, -1);
	f->closed = false;
	(void)close(fd[3]);
	fd[3] = client(f);
	put(f, fd[3], GET);
	assert_true(has(f, "hello"));
	for (int i = 1; i < 4; i++)
		(void)close(fd[i]);
	stop(f);
}

static int body(void *arg)
{
	struct fixture *f = arg;
	int r = start(f, ANSWER);
	if (r < 0)
		return r;
	int fd = client(f);
	(void)send(fd, GET, strlen(GET), MSG_NOSIGNAL);
	turn(f, fd);
	(void)close(fd);
	r = f->requests == 1 ? 0 : E_NOMEM;
	stop(f);
	return r;
}

static void test_server__survives_each_failing_allocation(void **st)
{
	assert_true(alloc_test_every(body, *st, 100) > 0);
}

int main(void)
{
	static struct fixture f;
	void *state = &f;
#define T(fn) {.name = #fn, .test_func = fn, .initial_state = state}
	const struct CMUnitTest tests[] = {
		T(test_server__answers_and_keeps_the_connection),
		T(test_server__cuts_a_request_that_does_not_end),
		T(test_server__cuts_an_idle_connection),
		T(test_server__answers_for_a_handler_that_forgot),
		T(test_server__tells_when_the_client_did_not_wait),
		T(test_server__delays_an_answer),
		T(test_server__cuts_who_does_not_take_his_answer),
		T(test_server__holds_no_copy_of_what_stays),
		T(test_server__streams_with_pings_until_the_end),
		T(test_server__cuts_a_stream_that_is_not_read),
		T(test_server__cuts_a_stream_that_stalls),
		T(test_server__admits_no_more_than_it_may),
		T(test_server__survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
