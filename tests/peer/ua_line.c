#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "ua_line.h"

enum { PATIENCE_MS = 10000 };

bool line_address(struct sockaddr_storage *a, socklen_t *n, const char *ip,
		  unsigned port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*n = sizeof(*v4);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*n = sizeof(*v6);
	return inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1;
}

static bool place(struct line *l, const char *where, char ip[64],
		  unsigned *port)
{
	return sscanf(where, "%3[a-z]:[%63[0-9a-fA-F:]]:%u", l->kind, ip,
		      port) == 3 ||
	       sscanf(where, "%3[a-z]:%63[0-9.]:%u", l->kind, ip, port) == 3;
}

static bool own_address(struct line *l)
{
	struct sockaddr_storage a;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
	socklen_t n = sizeof(a);

	if (getsockname(l->fd >= 0 ? l->fd : l->door, (struct sockaddr *)&a,
			&n) != 0)
		return false;
	l->port = ntohs(a.ss_family == AF_INET ? v4->sin_port
					       : v6->sin6_port);
	return inet_ntop(a.ss_family, a.ss_family == AF_INET
			 ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr,
			 l->ip, sizeof(l->ip)) != NULL;
}

static int bound(const struct line *l, const char *ip, unsigned port)
{
	struct sockaddr_storage a;
	socklen_t n;
	int one = 1, fd;

	if (!line_address(&a, &n, ip, port))
		return -1;
	fd = socket(a.ss_family, strcmp(l->kind, "udp") == 0
		    ? SOCK_DGRAM : SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0)
		return fd;
	close(fd);
	return -1;
}

static const char *secure(struct line *l)
{
	l->ssl = SSL_new(l->ctx);
	if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1)
		return "no TLS";
	if ((l->is_server ? SSL_accept(l->ssl) : SSL_connect(l->ssl)) != 1)
		return "the TLS handshake failed";
	return NULL;
}

static void unblock(struct line *l)
{
	fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
}

static bool is_tls(const struct line *l)
{
	return strcmp(l->kind, "tls") == 0;
}

const char *line_connect(struct line *l, const char *where, const char *ip)
{
	const char *wrong = NULL;
	char host[64];
	unsigned port;

	l->fd = l->door = -1;
	if (!place(l, where, host, &port) ||
	    !line_address(&l->to, &l->to_n, host, port))
		return "a place to call that is none";
	l->fd = bound(l, ip, 0);
	if (l->fd < 0 ||
	    connect(l->fd, (struct sockaddr *)&l->to, l->to_n) != 0)
		return "no connection";
	if (is_tls(l)) {
		l->ctx = SSL_CTX_new(TLS_client_method());
		wrong = l->ctx ? secure(l) : "no TLS";
	}
	unblock(l);
	return wrong ? wrong : own_address(l) ? NULL : "no own address";
}

const char *line_listen(struct line *l, const char *where, const char *pem)
{
	char host[64];
	unsigned port;
	int fd;

	l->fd = l->door = -1;
	l->is_server = true;
	if (!place(l, where, host, &port) || (fd = bound(l, host, port)) < 0)
		return "a place to listen that is none";
	if (strcmp(l->kind, "udp") == 0)
		l->fd = fd;
	else if (listen(l->door = fd, 8) != 0)
		return "nothing can be listened to";
	if (is_tls(l)) {
		l->ctx = SSL_CTX_new(TLS_server_method());
		if (!l->ctx || !pem ||
		    SSL_CTX_use_certificate_chain_file(l->ctx, pem) != 1 ||
		    SSL_CTX_use_PrivateKey_file(l->ctx, pem,
						SSL_FILETYPE_PEM) != 1)
			return "no certificate";
	}
	return own_address(l) ? NULL : "no own address";
}

int line_fd(const struct line *l)
{
	return l->fd >= 0 ? l->fd : l->door;
}

static void entered(struct line *l)
{
	l->fd = accept(l->door, NULL, NULL);
	if (l->fd < 0)
		return;
	if (is_tls(l) && secure(l)) {	/* the next one, please */
		SSL_free(l->ssl);
		l->ssl = NULL;
		close(l->fd);
		l->fd = -1;
		return;
	}
	unblock(l);
}

/* Waits until it is gone: what is sent here is short. */
void line_send(struct line *l, const char *p, size_t n)
{
	struct pollfd f = {.fd = l->fd, .events = POLLOUT};

	if (strcmp(l->kind, "udp") == 0) {
		(void)sendto(l->fd, p, n, 0, l->is_server
			     ? (struct sockaddr *)&l->to : NULL,
			     l->is_server ? l->to_n : 0);
		return;
	}
	while (n && l->fd >= 0 && poll(&f, 1, PATIENCE_MS) > 0) {
		ssize_t w = l->ssl ? SSL_write(l->ssl, p, (int)n)
				   : send(l->fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && (l->ssl || errno != EAGAIN))
			break;
		p += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
}

/* Bytes, 0 = nothing now, -1 = the end. */
static ssize_t take(struct line *l, char *p, size_t n)
{
	ssize_t r;
	int e;

	if (!l->ssl) {
		r = recv(l->fd, p, n, 0);
		return r > 0 ? r : r < 0 && errno == EAGAIN ? 0 : -1;
	}
	r = SSL_read(l->ssl, p, (int)n);
	if (r > 0)
		return r;
	e = SSL_get_error(l->ssl, (int)r);
	return e == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void datagrams(struct line *l, line_fn fn, void *arg)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(l->fd, l->in, SIP_MAX, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len)) >= 0) {
		if (l->is_server) {
			l->to = from;
			l->to_n = len;
		}
		if (n > 4)		/* less keeps a hole open */
			fn(arg, l->in, (size_t)n);
		len = sizeof(from);
	}
}

static void messages(struct line *l, line_fn fn, void *arg)
{
	static char one[SIP_MAX + 1];
	size_t n;

	for (;;) {
		while (l->n >= 2 && memcmp(l->in, "\r\n", 2) == 0)
			memmove(l->in, l->in + 2, l->n -= 2);
		n = sip_frame(l->in, l->n);
		if (!n)
			return;
		memcpy(one, l->in, n);
		memmove(l->in, l->in + n, l->n -= n);
		fn(arg, one, n);
	}
}

void line_read(struct line *l, line_fn fn, void *arg)
{
	ssize_t n;

	if (l->fd < 0)
		entered(l);
	if (l->fd < 0)
		return;
	if (strcmp(l->kind, "udp") == 0) {
		datagrams(l, fn, arg);
		return;
	}
	while ((n = take(l, l->in + l->n, SIP_MAX - l->n)) > 0) {
		l->n += (size_t)n;
		messages(l, fn, arg);
	}
	if (n < 0)
		l->is_closed = true;
}

void line_close(struct line *l)
{
	if (l->ssl)
		SSL_shutdown(l->ssl);
	SSL_free(l->ssl);
	SSL_CTX_free(l->ctx);
	close(l->fd);
	close(l->door);
}

const char *line_host(const struct line *l, char out[80])
{
	(void)snprintf(out, 80, strchr(l->ip, ':') ? "[%s]" : "%s", l->ip);
	return out;
}
