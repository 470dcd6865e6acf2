/* The way SIP takes: UDP, TCP or TLS, to one other side. */
#pragma once
#include <openssl/ssl.h>
#include <sys/socket.h>
#include "sip.h"

struct line {
	char kind[4];			/* "udp", "tcp", "tls" */
	int fd, door;			/* door: where a stream is awaited */
	SSL_CTX *ctx;
	SSL *ssl;
	bool is_server, is_closed;
	struct sockaddr_storage to;
	socklen_t to_n;
	char ip[64];			/* our own */
	unsigned port;
	size_t n;			/* of a stream, not yet a message */
	char in[SIP_MAX + 1];
};

/* `where` is "tls:192.0.2.1:5061" or "udp:[2001:db8::1]:5060", `ip` our own
 * address. Both block until it stands. NULL or what is wrong. */
const char *line_connect(struct line *l, const char *where, const char *ip);
/* Waits there for whoever comes first. `pem`: certificate and key, for TLS. */
const char *line_listen(struct line *l, const char *where, const char *pem);
/* To be watched for reading. */
int line_fd(const struct line *l);
void line_send(struct line *l, const char *p, size_t n);
typedef void (*line_fn)(void *arg, char *message, size_t n);
/* Whatever has come; sets is_closed. */
void line_read(struct line *l, line_fn fn, void *arg);
void line_close(struct line *l);
/* An address as it stands in a URI. */
const char *line_host(const struct line *l, char out[80]);
/* NULL on failure: "192.0.2.1" or "2001:db8::1". */
bool line_address(struct sockaddr_storage *a, socklen_t *n, const char *ip,
		  unsigned port);
