/* wire/sdp/bfcp.h - sections of the Binary Floor Control Protocol (RFC 8856)
 * and the labels that tie floors to streams (RFC 4574). Pure; thread safe. */
#pragma once
#include "wire/sdp/sdp.h"

enum sdp_floorctrl {			/* bits; what the writer can be */
	SDP_FLOOR_CLIENT = 1,		/* c-only */
	SDP_FLOOR_SERVER = 2,		/* s-only */
	SDP_FLOOR_BOTH = 4,		/* c-s */
};

struct sdp_bfcp {
	unsigned roles;			/* 0 = not written: c-only (RFC 8856 5.1) */
	bool has_conf, has_user;
	uint32_t conf;
	uint16_t user;
	unsigned versions;		/* bit n = version n; not written: 1 */
};

/* False when a value is malformed; what is absent is no error. */
bool sdp_bfcp(const struct sdp_section *m, struct sdp_bfcp *out);

struct sdp_floor {
	uint16_t id;
	struct span labels;		/* "10 11", for sdp_word_next() */
};
/* Malformed ones are skipped. "m-stream:" is read as "mstrm:". */
bool sdp_floor_next(const struct sdp_section *m, size_t *it,
		    struct sdp_floor *out);
/* a=label, empty when absent. */
struct span sdp_label(const struct sdp_section *m);

/* "UDP/BFCP", "TCP/DTLS/BFCP"; OTHER for what is none. */
enum sdp_bfcp_proto { SDP_BFCP_NONE = 0, SDP_BFCP_TCP, SDP_BFCP_TLS,
		      SDP_BFCP_UDP, SDP_BFCP_DTLS };
enum sdp_bfcp_proto sdp_bfcp_proto(struct span proto);
const char *sdp_bfcp_proto_name(enum sdp_bfcp_proto p);

/* floorctrl, confid, userid, bfcpver (not for TCP of old: RFC 8856 5.4
 * version 1); roles must be one of the bits. */
void sdp_wr_bfcp(struct wr *w, const struct sdp_bfcp *b);
/* a=floorid:<id> mstrm:<labels>; without labels only the id. */
void sdp_wr_floor(struct wr *w, const struct sdp_floor *f);
