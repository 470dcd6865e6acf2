/* http/path.h - request paths and queries, percent-decoded exactly once.
 *
 * A path is cut at '/' before it is decoded, so an encoded slash stays inside
 * its segment and can never name another resource. Refused (E_FORMAT): broken
 * escapes, control bytes, text that is not UTF-8, empty segments inside, and
 * segments "." and "..". '+' stays '+'. Pure.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { HTTP_SEGMENTS_MAX = 16, HTTP_PATH_MAX = 2048 };

struct http_path {
	size_t n;
	struct span seg[HTTP_SEGMENTS_MAX];	/* decoded, into buf */
	bool slash;				/* ended with '/' */
	uint8_t buf[HTTP_PATH_MAX];
};

/* E_FORMAT or E_LIMIT. The struct must not be copied afterwards. */
int http_path_parse(struct http_path *out, struct span raw);

/* The decoded value of one query parameter: 0, E_NOTFOUND, E_FORMAT (broken
 * escape, control byte, or the name occurs twice), E_LIMIT. */
int http_query_get(struct span query, const char *name, uint8_t *dst,
		   size_t cap, struct span *value);
