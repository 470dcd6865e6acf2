/* wire/sip/via.h - one Via value (RFC 3261 20.42, RFC 3581). Zero copy, pure.
 * maddr and ttl are read over: an answer never goes where they point. */
#pragma once
#include "wire/sip/uri.h"

struct sip_via {
	enum sip_transport transport;
	struct span transport_text;
	struct sip_host sent_by;
	struct span branch;		/* empty when absent */
	bool has_cookie;		/* the branch starts with z9hG4bK and
					 * has something behind it */
	struct span received;		/* empty when absent */
	bool has_rport;			/* with or without value */
	uint16_t rport;			/* 0 when it has no value */
	struct span params;		/* all of them, from ';' */
	struct span text;		/* the whole value */
};

int sip_via_decode(struct sip_via *out, struct span value);

/* The value without "Via: " and CR LF. sent_by: name or address text, IPv6
 * without brackets. With rport adds ";rport". */
void sip_wr_via(struct wr *w, enum sip_transport t, struct span sent_by,
		uint16_t port, struct span branch, bool rport);
