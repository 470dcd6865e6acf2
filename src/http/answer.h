/* http/answer.h - writes the head of an answer; private to http/. */
#pragma once
#include "http/server.h"

struct evbuffer;

enum { HTTP_DATE_LEN = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) from seconds since 1970.
 * Pure: gmtime_r may open the time zone file, which the sandbox forbids. */
void http_date_print(char dst[HTTP_DATE_LEN + 1], int64_t unix_s);

/* "OK", ... ; "Error" for a status we never send. */
const char *http_reason(unsigned status);

struct answer_head {
	unsigned status;
	const char *type;
	const char *cache;
	const struct http_field *extra;
	size_t n_extra;
	bool has_length;
	size_t length;
	bool close;
	bool tls;
	int64_t unix_s;
};

/* E_NOMEM (the buffer may hold half a head then). */
int http_answer_head(struct evbuffer *out, const struct answer_head *h);
