/* http/head.h - one HTTP/1.1 request head (RFC 9112), read strictly.
 *
 * A reverse proxy and we must never disagree about where a request ends, so
 * everything that two readers could understand differently is refused: line
 * ends other than CRLF, folded lines, white space before a colon, control
 * bytes, a second copy of a field that frames, routes or authorises, any
 * Transfer-Encoding (no client of ours sends one), a body on GET, a target
 * that is not a path. Pure: spans point into the input; no allocation.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	HTTP_HEAD_MAX = 16 * 1024,	/* bytes of a whole head */
	HTTP_TARGET_MAX = 4096,		/* bytes of path and query */
	HTTP_FIELDS_MAX = 64,
};

enum http_method {
	HTTP_METHOD_NONE = 0, HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS,
	HTTP_METHOD_COUNT
};

struct http_field {
	struct span name;
	struct span value;	/* without white space around it */
};

struct http_head {
	enum http_method method;
	struct span path;	/* raw, begins with '/' */
	struct span query;	/* raw, without '?', may be empty */
	struct span host;	/* as sent, not empty */
	uint64_t body_len;
	bool close;		/* the client wants the connection closed */
	bool expects;		/* waits for 100 (RFC 9110 10.1.1) */
	size_t n_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* Length of the head including its empty line, or 0 when `in` does not hold
 * all of it yet. *scanned (0 at first) remembers how far earlier calls got,
 * so that a head arriving byte by byte costs linear work. */
size_t http_head_end(struct span in, size_t *scanned);

/* Parses a whole head, empty line included. On failure returns E_FORMAT,
 * E_LIMIT or E_UNSUPPORTED and sets *status to the answer (400, 405, 414,
 * 417, 431, 501, 505). *out is only meaningful on success. */
int http_head_parse(struct http_head *out, struct span head, unsigned *status);

/* The value of a field by its name (any case); false when absent. */
bool http_head_get(const struct http_head *h, const char *name,
		   struct span *value);
/* "GET", ... or "-". */
const char *http_method_name(enum http_method m);
