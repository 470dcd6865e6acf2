/* sip/roster.h - writes who is in a conference: application/conference-info+xml
 * (RFC 4575). Pure.
 *
 * Everything that a person chose (names) and everything that came from
 * outside stands in it escaped; what XML 1.0 cannot carry at all is left out.
 */
#pragma once
#include "base/wr.h"
#include "ipc/ipc.h"
#include "ipc/sip.pb-c.h"

struct roster_doc {
	const Cv__SipRoster *m;
	struct span conference;		/* URI by which he called it */
	uint32_t version;		/* one more with each document */
	bool full;
	size_t max_bytes;		/* users who do not fit are left out;
					 * the number of users is right */
};
/* Fails the writer when not even the frame fits. */
void roster_write(struct wr *w, const struct roster_doc *doc);
/* Text as content or value of an attribute. */
void roster_escape(struct wr *w, struct span text);
