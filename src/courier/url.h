/* courier/url.h - reads an https URL, strictly.
 *
 * https only (but for url_parse_any()), no user information, no fragment, printable ASCII without what
 * RFC 3986 wants escaped. The host is a name (letters, digits, '-', '_', '.';
 * lower-cased; a last dot goes) or a literal address. What only looks like an
 * address to some readers (0x7f.1, 127.1, 2130706433, 1.2.3.04) is refused: a
 * name never ends with a label that is a number. Pure.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"

enum { URL_MAX = 16384, URL_HOST_MAX = 253 };

struct url {
	char host[URL_HOST_MAX + 1];	/* a literal: as RFC 5952 has it */
	uint16_t port;
	bool is_literal;
	bool is_plain;			/* http, which url_parse() refuses */
	struct addr addr;		/* a literal, with port */
	struct span target;		/* path and query: empty or from '/' */
};

/* E_FORMAT, E_LIMIT. out->target points into `text`. */
int url_parse(struct url *out, struct span text);
/* http, too: for answers that are signed themselves. */
int url_parse_any(struct url *out, struct span text);
/* A host alone, as it may stand in a URL (a v6 literal also without
 * brackets). Fills host, is_literal and addr, with `port`. E_FORMAT. */
int url_host(struct url *out, struct span host, uint16_t port);
/* The one spelling that we hand on. dst holds URL_MAX + URL_HOST_MAX. */
enum { URL_PRINT_MAX = URL_MAX + URL_HOST_MAX + 32 };
void url_print(const struct url *u, char dst[URL_PRINT_MAX]);
