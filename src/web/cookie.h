/* web/cookie.h - device cookies: how they come and how they go.
 *
 * Only names that core gives out are read: "__Host-cv-" and 16 lower-case hex
 * digits. What else a browser sends is not ours and is not looked at. Core
 * alone knows what a value means. Pure.
 */
#pragma once
#include "http/head.h"

enum {
	COOKIES_MAX = 8,
	COOKIE_VALUE_MAX = 128,
	COOKIE_DAYS = 30,
	COOKIE_LINE_MAX = 320,	/* a whole Set-Cookie value */
};

/* Values into the head. Browsers send the oldest cookie first: of more than
 * COOKIES_MAX the last ones are taken. A value with other characters than a
 * ticket's (letters, digits, '-', '_', '.') or longer than COOKIE_VALUE_MAX
 * is left out. Returns their number. */
size_t cookie_read(const struct http_head *h, struct span out[COOKIES_MAX]);

/* The value of Set-Cookie. E_FORMAT when name or value is not one of ours. */
int cookie_print(char dst[COOKIE_LINE_MAX], struct span name,
		 struct span value, struct span *line);
