/* Offers SIP calls at a steady rate and counts what became of them; for
 * tests/bench/sip.mjs. Linux, one thread, one loop.
 *
 *	sip_load udp|tcp|tls HOST PORT key=value...
 *
 * user=	whom it calls			rate=	calls a second
 * seconds=	how long it offers		first=	first own address, 10.77.1.0
 * sources=	own addresses from there on	hold=	ms from ACK to BYE
 * conns=	connections for each source (tcp, tls), kept; 0: one for each call
 * invite=1	INVITE alone: the first final answer is the end, nothing is ACKed
 *
 * A call: INVITE, 200, ACK, BYE, 200, with an offer of G.711 (RTP/AVP, over TLS
 * RTP/SAVP with a key). Nothing answers on the port that it names. Datagrams
 * are sent again after 0.5, 1, 2, ... s as RFC 3261 17.1.1.2 wants it; a call
 * that has no final answer GIVE_UP_S after its INVITE, or its BYE, has failed.
 * Calls are offered by the clock, whatever became of those before; when this
 * program itself is late by more than LATE_MS the run is worth less, and
 * `late` counts it. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 1 << 16, MSG_MAX = 4096, GIVE_UP_S = 8, LATE_MS = 100,
       T1_MS = 500, LAT_MAX = 1 << 20, OUT_MAX = 64 * 1024 };
#define NS_S UINT64_C(1000000000)
#define NS_MS UINT64_C(1000000)

enum state { FREE = 0, INVITED, HELD, LEAVING };

struct line {				/* a socket */
	int fd, source;
	SSL *ssl;
	bool ready, dead;
	unsigned users;
	char in[16384], out[OUT_MAX];
	size_t in_n, out_n;
};

struct call {
	enum state state;
	uint32_t gen;
	struct line *line;
	uint64_t began, due, wait;
	unsigned tries;
	char tag[80];
	int next;			/* of the list of free ones */
};

static struct {
	enum { UDP, TCP, TLS } how;
	struct sockaddr_in to;
	char host[64], user[64];
	double rate;
	double seconds;
	unsigned sources, conns, hold_ms;
	uint32_t first;
	bool invite_only;
} cfg = {.rate = 100, .seconds = 10, .sources = 250, .conns = 1};

static struct call calls[CALLS_MAX];
static int free_list = -1;
static struct line **lines;
static unsigned n_lines, next_line;
static SSL_CTX *ctx;
static int ep;
static struct {
	uint64_t offered, up, completed, in_time, failed, unsent, late, again,
		 stray;
	uint64_t refused[700];
} got;
static uint32_t *lat_us;
static size_t lat_n;
static uint64_t now_ns, stop_ns;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t clock_ns(clockid_t c)
{
	struct timespec t;

	(void)clock_gettime(c, &t);
	return (uint64_t)t.tv_sec * NS_S + (uint64_t)t.tv_nsec;
}

/* --- lines ------------------------------------------------------------------ */

static void watch(struct line *l, int op)
{
	struct epoll_event e = {
		.events = EPOLLIN | (l->out_n || !l->ready ? EPOLLOUT : 0u),
		.data.ptr = l};

	(void)epoll_ctl(ep, op, l->fd, &e);
}

static struct line *line_new(unsigned source)
{
	struct sockaddr_in own = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(cfg.first + source)};
	struct line *l = calloc(1, sizeof(*l));
	int one = 1, big = 1 << 20;

	if (!l)
		die("memory");
	l->source = (int)source;
	l->fd = socket(AF_INET, (cfg.how == UDP ? SOCK_DGRAM : SOCK_STREAM) |
		       SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		die("socket");
	if (cfg.how == UDP)
		(void)setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	else
		(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(l->fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		die("bind");
	if (connect(l->fd, (struct sockaddr *)&cfg.to, sizeof(cfg.to)) < 0 &&
	    errno != EINPROGRESS)
		die("connect");
	l->ready = cfg.how == UDP;
	if (cfg.how == TLS) {
		l->ssl = SSL_new(ctx);
		if (!l->ssl || !SSL_set_fd(l->ssl, l->fd))
			die("TLS");
		SSL_set_connect_state(l->ssl);
	}
	watch(l, EPOLL_CTL_ADD);
	return l;
}

static void line_free(struct line *l)
{
	if (l->ssl) {
		(void)SSL_shutdown(l->ssl);
		SSL_free(l->ssl);
	}
	close(l->fd);
	free(l);
}

static ssize_t put(struct line *l, const char *p, size_t n)
{
	ssize_t r;

	if (!l->ssl) {
		r = send(l->fd, p, n, MSG_NOSIGNAL);
		return r >= 0 ? r : errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
	}
	r = SSL_write(l->ssl, p, (int)n);
	if (r > 0)
		return r;
	switch (SSL_get_error(l->ssl, (int)r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return -1;
	}
}

static void flush(struct line *l)
{
	while (l->ready && l->out_n && !l->dead) {
		ssize_t r = put(l, l->out, l->out_n);

		if (r < 0)
			l->dead = true;
		if (r <= 0)
			break;
		l->out_n -= (size_t)r;
		memmove(l->out, l->out + r, l->out_n);
	}
	watch(l, EPOLL_CTL_MOD);
}

static bool line_send(struct line *l, const char *p, size_t n)
{
	if (cfg.how == UDP)
		return send(l->fd, p, n, 0) == (ssize_t)n;
	if (l->dead || l->out_n + n > OUT_MAX)
		return false;
	memcpy(l->out + l->out_n, p, n);
	l->out_n += n;
	flush(l);
	return !l->dead;
}

/* --- messages --------------------------------------------------------------- */

static const char *own_ip(const struct line *l)
{
	struct in_addr a = {htonl(cfg.first + (uint32_t)l->source)};

	return inet_ntoa(a);
}

static const char *via(void)
{
	return cfg.how == UDP ? "UDP" : cfg.how == TCP ? "TCP" : "TLS";
}

static const char *param(void)
{
	return cfg.how == UDP ? "" : cfg.how == TCP ? ";transport=tcp"
						    : ";transport=tls";
}

static bool say(struct call *c, const char *method, unsigned seq,
		const char *more, const char *body)
{
	static char m[MSG_MAX];
	const unsigned id = (unsigned)(c - calls);
	const char *ip = own_ip(c->line);
	int n = snprintf(m, sizeof(m),
		"%s sip:%s@%s%s SIP/2.0\r\n"
		"Via: SIP/2.0/%s %s:5060;rport;branch=z9hG4bK%x.%x.%c%u\r\n"
		"Max-Forwards: 70\r\n"
		"From: \"Caller\" <sip:caller@%s>;tag=%x\r\n"
		"To: <sip:%s@%s>%s%s\r\n"
		"Call-ID: %x.%x@%s\r\nCSeq: %u %s\r\n%s"
		"Content-Length: %zu\r\n\r\n%s", method, cfg.user, cfg.host,
		param(), via(), ip, id, c->gen, method[0], seq, ip, c->gen,
		cfg.user, cfg.host, c->tag[0] ? ";tag=" : "", c->tag, id,
		c->gen, ip, seq, method, more, strlen(body), body);

	return n > 0 && n < MSG_MAX && line_send(c->line, m, (size_t)n);
}

static bool say_invite(struct call *c)
{
	char more[256], body[512];
	const char *ip = own_ip(c->line);
	const unsigned id = (unsigned)(c - calls);

	(void)snprintf(more, sizeof(more),
		"Contact: <sip:caller@%s:5060%s>\r\n"
		"User-Agent: Load/1.0\r\nAllow: INVITE, ACK, BYE, CANCEL\r\n"
		"Supported: timer\r\nContent-Type: application/sdp\r\n", ip,
		param());
	(void)snprintf(body, sizeof(body),
		"v=0\r\no=- %u %u IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		"m=audio %u RTP/%s 0 8 101\r\n"
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n%s"
		"a=sendrecv\r\n", id + 1, c->gen, ip, ip, 16000 + id % 16000 * 2,
		cfg.how == TLS ? "SAVP" : "AVP", cfg.how == TLS ?
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
		"inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n" : "");
	return say(c, "INVITE", 1, more, body);
}

/* --- calls ------------------------------------------------------------------ */

static void end(struct call *c)
{
	c->state = FREE;
	if (!cfg.conns && cfg.how != UDP)
		c->line->dead = true;
	c->line->users--;
	c->next = free_list;
	free_list = (int)(c - calls);
}

static struct line *pick(void)
{
	if (!cfg.conns && cfg.how != UDP) {
		for (unsigned i = 0; i < n_lines; i++)
			if (!lines[i])
				return lines[i] = line_new(next_line++ % cfg.sources);
		return NULL;
	}
	for (unsigned i = 0; i < n_lines; i++) {
		struct line *l = lines[next_line++ % n_lines];

		if (!l->dead)
			return l;
	}
	return NULL;
}

static void begin(void)
{
	struct call *c = free_list >= 0 ? &calls[free_list] : NULL;
	struct line *l = c ? pick() : NULL;

	got.offered++;
	if (!l) {
		got.unsent++;
		return;
	}
	free_list = c->next;
	c->state = INVITED;
	c->gen++;
	c->line = l;
	l->users++;
	c->tag[0] = 0;
	c->began = now_ns;
	c->tries = 0;
	c->wait = T1_MS * NS_MS;
	c->due = now_ns + c->wait;
	if (!say_invite(c)) {
		got.unsent++;
		end(c);
	}
}

static void leave(struct call *c)
{
	c->state = LEAVING;
	c->tries = 0;
	c->began = now_ns;
	c->wait = T1_MS * NS_MS;
	c->due = now_ns + c->wait;
	if (!say(c, "BYE", 2, "", "")) {
		got.failed++;
		end(c);
	}
}

static void note_latency(const struct call *c)
{
	if (lat_n < LAT_MAX)
		lat_us[lat_n++] = (uint32_t)((now_ns - c->began) / 1000);
}

static void take_tag(struct call *c, const char *m)
{
	const char *to = strcasestr(m, "\r\nTo:"), *t = NULL;
	size_t n;

	if (to)
		t = strstr(to + 2, ";tag=");
	n = t ? strcspn(t + 5, ";>\r\n ") : 0;
	if (n >= sizeof(c->tag))
		n = 0;
	memcpy(c->tag, t ? t + 5 : "", n);
	c->tag[n] = 0;
}

static void on_final(struct call *c, unsigned status, const char *m)
{
	take_tag(c, m);
	note_latency(c);
	if (cfg.invite_only) {
		got.refused[status]++;
		end(c);
		return;
	}
	if (!say(c, "ACK", 1, "", "") || status >= 300) {
		got.refused[status]++;
		end(c);
		return;
	}
	got.up++;
	c->state = HELD;
	c->due = now_ns + cfg.hold_ms * NS_MS;
	if (!cfg.hold_ms)
		leave(c);
}

/* `m` ends with a NUL. */
static void on_message(struct line *l, const char *m)
{
	unsigned id, gen, status;
	const char *p = strcasestr(m, "\r\nCall-ID:"), *s = strcasestr(m, "\r\nCSeq:");
	bool bye = s && strstr(s, "BYE") && strstr(s, "BYE") < s + 24;
	struct call *c;

	if (sscanf(m, "SIP/2.0 %u", &status) != 1) {
		got.stray++;	/* a request: none is expected here */
		return;
	}
	if (!p || sscanf(p + 10, " %x.%x@", &id, &gen) != 2 || id >= CALLS_MAX ||
	    status < 200 || status > 699)
		return;
	c = &calls[id];
	if (c->gen != gen || c->state == FREE || c->line != l) {
		got.stray++;
		return;
	}
	if (!bye && c->state == INVITED)
		on_final(c, status, m);
	else if (!bye && status < 300)
		(void)say(c, "ACK", 1, "", "");	/* again: ours was lost */
	else if (bye && c->state == LEAVING) {
		got.in_time += status == 200 && now_ns < stop_ns;
		if (status == 200)
			got.completed++;
		else
			got.refused[status]++;
		end(c);
	}
}

/* --- reading ---------------------------------------------------------------- */

static ssize_t get(struct line *l, char *p, size_t n)
{
	ssize_t r;

	if (!l->ssl) {
		r = recv(l->fd, p, n, 0);
		return r > 0 ? r : r < 0 && (errno == EAGAIN || errno == ECONNREFUSED) ? 0 : -1;
	}
	r = SSL_read(l->ssl, p, (int)n);
	if (r > 0)
		return r;
	switch (SSL_get_error(l->ssl, (int)r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return -1;
	}
}

static void take_whole(struct line *l)
{
	for (;;) {
		char *e, *cl, was;
		size_t n;

		l->in[l->in_n] = 0;
		e = strstr(l->in, "\r\n\r\n");
		if (!e)
			return;
		cl = strcasestr(l->in, "\r\nContent-Length:");
		n = (size_t)(e + 4 - l->in) +
		    (cl && cl < e ? strtoul(cl + 17, NULL, 10) : 0);
		if (n > l->in_n)
			return;
		was = l->in[n];
		l->in[n] = 0;
		on_message(l, l->in);
		l->in[n] = was;
		l->in_n -= n;
		memmove(l->in, l->in + n, l->in_n);
	}
}

static void read_line(struct line *l)
{
	ssize_t r;

	while ((r = get(l, l->in + l->in_n, sizeof(l->in) - 1 - l->in_n)) > 0) {
		if (cfg.how == UDP) {
			l->in[r] = 0;
			on_message(l, l->in);
			continue;
		}
		l->in_n += (size_t)r;
		take_whole(l);
		if (l->in_n == sizeof(l->in) - 1)
			break;
	}
	if (r < 0 && cfg.how != UDP)
		l->dead = true;
}

static void open_line(struct line *l)
{
	int r, e = 0;
	socklen_t n = sizeof(e);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 || e) {
		l->dead = true;
		return;
	}
	r = l->ssl ? SSL_do_handshake(l->ssl) : 1;
	if (r == 1)
		l->ready = true;
	else if (SSL_get_error(l->ssl, r) != SSL_ERROR_WANT_READ &&
		 SSL_get_error(l->ssl, r) != SSL_ERROR_WANT_WRITE)
		l->dead = true;
	if (l->ready)
		flush(l);
	else if (!l->dead && SSL_get_error(l->ssl, r) == SSL_ERROR_WANT_READ) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};

		(void)epoll_ctl(ep, EPOLL_CTL_MOD, l->fd, &ev);
	}
}

static void on_event(struct line *l, uint32_t what)
{
	if (!l->ready)
		open_line(l);
	if (l->ready && what & EPOLLOUT)
		flush(l);
	if (l->ready && !l->dead)
		read_line(l);
}

/* --- time ------------------------------------------------------------------- */

static void on_due(struct call *c)
{
	if (c->state == HELD) {
		leave(c);
		return;
	}
	if (now_ns - c->began > GIVE_UP_S * NS_S || c->line->dead) {
		got.failed++;
		end(c);
		return;
	}
	c->due = now_ns + T1_MS * NS_MS;
	if (cfg.how != UDP)
		return;
	got.again++;
	c->wait *= 2;
	c->due = now_ns + c->wait;
	if (c->state == INVITED)
		(void)say_invite(c);
	else
		(void)say(c, "BYE", 2, "", "");
}

/* Every 10 ms; dead lines of calls that ended are taken away. */
static unsigned look(void)
{
	unsigned left = 0;

	for (int i = 0; i < CALLS_MAX; i++) {
		if (calls[i].state == FREE)
			continue;
		left++;
		if (calls[i].due <= now_ns)
			on_due(&calls[i]);
	}
	for (unsigned i = 0; i < n_lines && !cfg.conns && cfg.how != UDP; i++)
		if (lines[i] && lines[i]->dead && !lines[i]->users) {
			line_free(lines[i]);
			lines[i] = NULL;
		}
	return left;
}

/* --- the whole -------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void report(uint64_t ns)
{
	qsort(lat_us, lat_n, sizeof(*lat_us), by_value);
	(void)printf("{\"offered\":%llu,\"up\":%llu,\"completed\":%llu,"
		     "\"in_time\":%llu,\"failed\":%llu,\"unsent\":%llu,\"late\":%llu,"
		     "\"again\":%llu,\"stray\":%llu,\"seconds\":%.3f,"
		     "\"cpu_s\":%.3f,\"median_ms\":%.2f,\"p99_ms\":%.2f,"
		     "\"refused\":{",
		     (unsigned long long)got.offered, (unsigned long long)got.up,
		     (unsigned long long)got.completed,
		     (unsigned long long)got.in_time,
		     (unsigned long long)got.failed,
		     (unsigned long long)got.unsent, (unsigned long long)got.late,
		     (unsigned long long)got.again, (unsigned long long)got.stray,
		     (double)ns / NS_S,
		     (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_S,
		     lat_n ? lat_us[lat_n / 2] / 1e3 : 0,
		     lat_n ? lat_us[lat_n * 99 / 100] / 1e3 : 0);
	for (int i = 0, n = 0; i < 700; i++)
		if (got.refused[i])
			(void)printf("%s\"%d\":%llu", n++ ? "," : "", i,
				     (unsigned long long)got.refused[i]);
	(void)printf("}}\n");
}

static void turn(int ms)
{
	struct epoll_event ev[256];
	int n = epoll_wait(ep, ev, 256, ms);

	now_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++)
		on_event(ev[i].data.ptr, ev[i].events);
}

static void run(void)
{
	const uint64_t start = clock_ns(CLOCK_MONOTONIC);
	const uint64_t stop = start + (uint64_t)(cfg.seconds * 1e9);
	uint64_t look_at = start, last = start;
	unsigned left = 0;

	stop_ns = stop;
	for (;;) {
		uint64_t due;

		turn(0);
		due = (uint64_t)((double)((now_ns < stop ? now_ns : stop) - start) *
				 cfg.rate / 1e9);
		if (now_ns - last > LATE_MS * NS_MS)
			got.late++;
		last = now_ns;
		for (int i = 0; now_ns < stop && got.offered < due && i < 64; i++)
			begin();
		if (now_ns >= look_at) {
			left = look();
			look_at = now_ns + 10 * NS_MS;
			if (now_ns >= stop && !left)
				break;
		}
	}
	report(clock_ns(CLOCK_MONOTONIC) - start);
}

static void option(const char *a)
{
	struct in_addr ip;

	if (sscanf(a, "rate=%lf", &cfg.rate) == 1 ||
	    sscanf(a, "seconds=%lf", &cfg.seconds) == 1 ||
	    sscanf(a, "sources=%u", &cfg.sources) == 1 ||
	    sscanf(a, "conns=%u", &cfg.conns) == 1 ||
	    sscanf(a, "hold=%u", &cfg.hold_ms) == 1 ||
	    sscanf(a, "user=%63s", cfg.user) == 1)
		return;
	if (strcmp(a, "invite=1") == 0)
		cfg.invite_only = true;
	else if (strncmp(a, "first=", 6) == 0 && inet_aton(a + 6, &ip))
		cfg.first = ntohl(ip.s_addr);
	else {
		(void)fprintf(stderr, "sip_load: %s?\n", a);
		exit(2);
	}
}

static void open_lines(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	ctx = SSL_CTX_new(TLS_client_method());
	if (ep < 0 || !ctx)
		die("start");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	n_lines = cfg.how == UDP ? cfg.sources :
		  cfg.conns ? cfg.sources * cfg.conns : 4096;
	lines = calloc(n_lines, sizeof(struct line *));
	lat_us = calloc(LAT_MAX, sizeof(*lat_us));
	if (!lines || !lat_us)
		die("memory");
	for (unsigned i = 0; i < n_lines && (cfg.conns || cfg.how == UDP); i++) {
		lines[i] = line_new(i % cfg.sources);
		/* Kept ones are made before the clock starts, few at a time. */
		for (unsigned k = 0; !lines[i]->ready && !lines[i]->dead &&
				     k < 5000; k++)
			turn(1);
		if (!lines[i]->ready)
			die("a connection was refused");
	}
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	cfg.how = strcmp(argv[1], "udp") == 0 ? UDP :
		  strcmp(argv[1], "tcp") == 0 ? TCP : TLS;
	(void)snprintf(cfg.host, sizeof(cfg.host), "%s", argv[2]);
	cfg.to.sin_family = AF_INET;
	cfg.to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	cfg.first = 0x0a4d0100;		/* 10.77.1.0 */
	if (inet_aton(argv[2], &cfg.to.sin_addr) == 0)
		return 2;
	(void)snprintf(cfg.user, sizeof(cfg.user), "bench");
	for (int i = 4; i < argc; i++)
		option(argv[i]);
	if (!cfg.sources)
		return 2;
	for (int i = CALLS_MAX - 1; i >= 0; i--) {
		calls[i].next = free_list;
		/* no branch or Call-ID of a run before */
		calls[i].gen = (uint32_t)(clock_ns(CLOCK_REALTIME) / NS_MS);
		free_list = i;
	}
	open_lines();
	run();
	return 0;
}
