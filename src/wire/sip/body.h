/* wire/sip/body.h - what is in a body: its type, and the parts of a multipart
 * (RFC 2046 5.1, RFC 5621). Zero copy, pure, linear in the body. No nesting is
 * followed: a multipart inside a multipart is one opaque part. */
#pragma once
#include "wire/sip/sip.h"

enum {
	SIP_PARTS_MAX = 16,
	SIP_BOUNDARY_MAX = 70,		/* RFC 2046 5.1.1 */
};

struct sip_part {
	struct sip_mime type;		/* text/plain when not written */
	struct span disposition;	/* value of Content-Disposition, or empty */
	struct span id;			/* Content-ID, or empty */
	struct span body;
	bool optional;			/* handling=optional */
};

struct sip_parts {
	struct span rest;
	struct span boundary;
	unsigned n;
	bool multipart;
	bool done;
	struct sip_part only;		/* of a body that is no multipart */
};

/* E_NOTFOUND: no body. E_FORMAT: no or a bad Content-Type or boundary.
 * E_UNSUPPORTED: a Content-Encoding other than identity (answer 415). */
int sip_parts(struct sip_parts *out, const struct sip_msg *m);
/* 1 = *out is the next part, 0 = the end, E_FORMAT, E_LIMIT. */
int sip_parts_next(struct sip_parts *p, struct sip_part *out);

/* The first part of this type. E_NOTFOUND when there is none; E_UNSUPPORTED
 * when something else must be understood: a whole body of another type without
 * handling=optional (RFC 3261 20.11), or a part that says handling=required
 * (README.md: parts that say nothing do not count); E_FORMAT. Answer 415. */
int sip_body_find(const struct sip_msg *m, const char *type,
		  const char *subtype, struct span *out);
/* application/sdp. */
int sip_body_sdp(const struct sip_msg *m, struct span *out);
