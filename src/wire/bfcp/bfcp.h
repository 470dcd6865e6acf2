/* wire/bfcp - messages of the Binary Floor Control Protocol (RFC 8855), as a
 * floor control server and its participants use them.
 *
 * Pure: no clock, no socket, no allocation. Spans in struct bfcp_msg point
 * into the decoded bytes. Thread safe.
 *
 * Read: version 1 (streams) and 2 (datagrams), every attribute of RFC 8855
 * 5.2, groups two deep (more cannot occur: no group holds itself). Unknown
 * attributes are skipped; an unknown one with the M bit is kept for the Error
 * 4 that answers it. Chairs are not spoken to: their primitives have a header,
 * and their attributes are read like others.
 * Refused: fragments (5.1, F bit: nothing that a participant says needs them,
 * and what waits for more would be state of strangers), messages over
 * BFCP_MSG_MAX, a length that does not fit, what is cut short.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	BFCP_HEADER_LEN = 12,
	BFCP_MSG_MAX = 2048,
	BFCP_STREAM_VERSION = 1,
	BFCP_DATAGRAM_VERSION = 2,
	BFCP_FLOORS_MAX = 8,		/* FLOOR-ID in one message */
	BFCP_REQUESTS_MAX = 8,		/* FLOOR-REQUEST-INFORMATION */
	BFCP_REQUEST_FLOORS_MAX = 4,	/* FLOOR-REQUEST-STATUS in one */
	BFCP_TEXT_MAX = 253,		/* octets of a text */
	BFCP_LIST_MAX = 64,		/* SUPPORTED-* */
	BFCP_UNKNOWN_MAX = 8,
};

enum bfcp_primitive {			/* RFC 8855 5.1 */
	BFCP_FLOOR_REQUEST = 1,
	BFCP_FLOOR_RELEASE,
	BFCP_FLOOR_REQUEST_QUERY,
	BFCP_FLOOR_REQUEST_STATUS,
	BFCP_USER_QUERY,
	BFCP_USER_STATUS,
	BFCP_FLOOR_QUERY,
	BFCP_FLOOR_STATUS,
	BFCP_CHAIR_ACTION,
	BFCP_CHAIR_ACTION_ACK,
	BFCP_HELLO,
	BFCP_HELLO_ACK,
	BFCP_ERROR,
	BFCP_FLOOR_REQUEST_STATUS_ACK,
	BFCP_FLOOR_STATUS_ACK,
	BFCP_GOODBYE,
	BFCP_GOODBYE_ACK,
	BFCP_PRIMITIVE_COUNT
};

enum bfcp_status {			/* RFC 8855 5.2.5 */
	BFCP_STATUS_NONE = 0,
	BFCP_PENDING, BFCP_ACCEPTED, BFCP_GRANTED, BFCP_DENIED,
	BFCP_CANCELLED, BFCP_RELEASED, BFCP_REVOKED,
	BFCP_STATUS_COUNT
};

enum bfcp_error {			/* RFC 8855 5.2.6 */
	BFCP_ERROR_NONE = 0,
	BFCP_NO_CONFERENCE, BFCP_NO_USER, BFCP_UNKNOWN_PRIMITIVE,
	BFCP_UNKNOWN_ATTRIBUTE, BFCP_UNAUTHORIZED, BFCP_BAD_FLOOR,
	BFCP_NO_REQUEST, BFCP_TOO_MANY, BFCP_USE_TLS, BFCP_UNPARSABLE,
	BFCP_USE_DTLS, BFCP_BAD_VERSION, BFCP_BAD_LENGTH, BFCP_GENERIC,
};

/* REQUEST-STATUS; status NONE = absent. An unknown one is kept as it came. */
struct bfcp_state {
	uint8_t status, queue;
};

struct bfcp_who {			/* BENEFICIARY-, REQUESTED-BY-INFORMATION */
	bool is_there;
	uint16_t user;
	struct span name, uri;		/* empty = absent */
};

struct bfcp_request {			/* FLOOR-REQUEST-INFORMATION */
	uint16_t id;
	bool has_overall;
	struct bfcp_state overall;
	struct span overall_info;	/* STATUS-INFO */
	size_t floors_n;
	struct {
		uint16_t id;
		struct bfcp_state state;
		struct span info;
	} floors[BFCP_REQUEST_FLOORS_MAX];
	struct bfcp_who beneficiary, by;
	bool has_priority;
	uint8_t priority;
	struct span info;		/* PARTICIPANT-PROVIDED-INFO */
};

struct bfcp_msg {
	uint8_t version;		/* 1 or 2 */
	bool is_response;		/* R bit; version 2 only */
	uint8_t primitive;		/* may be one that nobody knows */
	uint32_t conf;
	uint16_t txn, user;

	size_t floors_n;
	uint16_t floors[BFCP_FLOORS_MAX];
	bool has_beneficiary, has_request, has_priority;
	uint16_t beneficiary, request;	/* BENEFICIARY-ID, FLOOR-REQUEST-ID */
	uint8_t priority;		/* 0..4, as it came up to 7 */
	struct bfcp_state state;
	uint8_t error;			/* 0 = no ERROR-CODE */
	struct span error_details, error_info, info, status_info;
	struct span name, uri;
	struct span primitives;		/* SUPPORTED-PRIMITIVES, octets */
	struct span attributes;		/* SUPPORTED-ATTRIBUTES, octets */
	size_t requests_n;
	struct bfcp_request requests[BFCP_REQUESTS_MAX];
	struct bfcp_who beneficiary_info, by_info;

	/* Types of mandatory attributes that nobody here knows; the first ones,
	 * but unknown_n counts all. */
	size_t unknown_n;
	uint8_t unknown[BFCP_UNKNOWN_MAX];
};

/* Exactly one message. E_TRUNC, E_FORMAT (not BFCP, an attribute that is cut
 * short or has another length than its type), E_LIMIT (too long, or more of
 * one kind than the lists hold), E_VERSION, E_UNSUPPORTED (a fragment). When
 * only the attributes are bad (E_FORMAT, E_LIMIT from after the header), *out
 * has the header, so that an Error can answer: bfcp_header() tells. */
int  bfcp_decode(struct bfcp_msg *out, struct span in);
/* The header alone, nothing of the payload. The same errors. */
int  bfcp_header(struct bfcp_msg *out, struct span in);

/* How long the message is that a stream begins with: 0 and *n, E_TRUNC when
 * less than a header is there, else as bfcp_header(). */
int  bfcp_frame(struct span in, size_t *n);

/* Whatever is set in *m. E_FULL; E_INVAL for texts or lists over the limits, a
 * version that is none, or R in version 1. A text is not looked into. */
int  bfcp_encode(void *buf, size_t cap, struct span *out,
		 const struct bfcp_msg *m);

/* "FloorRequest"; "?" for what is none. */
const char *bfcp_primitive_name(unsigned primitive);
