/* wire/sip/sip.h - SIP messages (RFC 3261 7 and 25): the soft filter, the
 * framing of a stream, and the reader. The writer is in write.h; what stands
 * in single headers in uri.h, addr.h, via.h, hdr.h, auth.h and body.h.
 *
 * Three steps, each cheaper than the next, so that what nobody wants is gone
 * before it costs anything:
 *   sip_filter()  is this SIP at all; method and User-Agent by a scan
 *   sip_frame()   where does the first message of a stream end (TCP, TLS)
 *   sip_decode()  header table, and the headers that every message needs
 *
 * Zero copy: everything points into the bytes given, which must outlive the
 * struct. Nothing is allocated; struct sip_msg has a fixed size (about 6 KB),
 * reuse one for each loop. Pure: no clock, log, or global. Thread safe. Work
 * is linear in the message, also over all accessors of one header.
 *
 * Lengths decide, never a NUL. A fold (CR LF and blanks) stays inside a value;
 * every decoder here takes it for a blank. Other CR, LF and NUL bytes do not
 * get past sip_decode(), but for the NUL of a quoted pair (RFC 3261 25.1).
 * What we read more leniently than the RFC is in README.md, each with a test.
 */
#pragma once
#include "base/err.h"
#include "wire/sip/addr.h"
#include "wire/sip/hdr.h"
#include "wire/sip/via.h"

enum {
	SIP_MESSAGE_MAX = 64 * 1024,	/* head and body */
	SIP_HEADERS_MAX = 128,
	SIP_VIAS_MAX = 16,		/* values, not lines */
	SIP_HEADER_MAX = 8 * 1024,	/* one header line with its folds */
	SIP_START_LINE_MAX = 4 * 1024,
	SIP_METHOD_MAX = 64,
	SIP_TAG_MAX = 512,		/* also a branch */
	SIP_CALL_ID_MAX = 512,
	SIP_LIST_MAX = 64,		/* values of one comma list */
};

/* id, name, compact form or 0, may it occur more than once */
#define SIP_HEADERS_LIST(X)                                                   \
	X(ACCEPT, "Accept", 0, 1)                                             \
	X(ACCEPT_CONTACT, "Accept-Contact", 'a', 1)                           \
	X(ACCEPT_ENCODING, "Accept-Encoding", 0, 1)                           \
	X(ACCEPT_LANGUAGE, "Accept-Language", 0, 1)                           \
	X(ACCEPT_RESOURCE_PRIORITY, "Accept-Resource-Priority", 0, 1)         \
	X(ALERT_INFO, "Alert-Info", 0, 1)                                     \
	X(ALLOW, "Allow", 0, 1)                                               \
	X(ALLOW_EVENTS, "Allow-Events", 'u', 1)                               \
	X(AUTHENTICATION_INFO, "Authentication-Info", 0, 1)                   \
	X(AUTHORIZATION, "Authorization", 0, 1)                               \
	X(CALL_ID, "Call-ID", 'i', 0)                                         \
	X(CALL_INFO, "Call-Info", 0, 1)                                       \
	X(CONTACT, "Contact", 'm', 1)                                         \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0, 0)                   \
	X(CONTENT_ENCODING, "Content-Encoding", 'e', 1)                       \
	X(CONTENT_ID, "Content-ID", 0, 0)                                     \
	X(CONTENT_LANGUAGE, "Content-Language", 0, 1)                         \
	X(CONTENT_LENGTH, "Content-Length", 'l', 1)                           \
	X(CONTENT_TYPE, "Content-Type", 'c', 0)                               \
	X(CSEQ, "CSeq", 0, 0)                                                 \
	X(DATE, "Date", 0, 0)                                                 \
	X(DIVERSION, "Diversion", 0, 1)                                       \
	X(ERROR_INFO, "Error-Info", 0, 1)                                     \
	X(EVENT, "Event", 'o', 0)                                             \
	X(EXPIRES, "Expires", 0, 0)                                           \
	X(FROM, "From", 'f', 0)                                               \
	X(HISTORY_INFO, "History-Info", 0, 1)                                 \
	X(IDENTITY, "Identity", 'y', 1)                                       \
	X(IN_REPLY_TO, "In-Reply-To", 0, 1)                                   \
	X(INFO_PACKAGE, "Info-Package", 0, 0)                                 \
	X(JOIN, "Join", 0, 0)                                                 \
	X(MAX_FORWARDS, "Max-Forwards", 0, 0)                                 \
	X(MIME_VERSION, "MIME-Version", 0, 0)                                 \
	X(MIN_EXPIRES, "Min-Expires", 0, 0)                                   \
	X(MIN_SE, "Min-SE", 0, 0)                                             \
	X(ORGANIZATION, "Organization", 0, 0)                                 \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0, 1)                   \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0, 1)                 \
	X(PATH, "Path", 0, 1)                                                 \
	X(PRIORITY, "Priority", 0, 0)                                         \
	X(PRIVACY, "Privacy", 0, 1)                                           \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0, 1)                     \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0, 1)                   \
	X(PROXY_REQUIRE, "Proxy-Require", 0, 1)                               \
	X(RACK, "RAck", 0, 0)                                                 \
	X(REASON, "Reason", 0, 1)                                             \
	X(RECORD_ROUTE, "Record-Route", 0, 1)                                 \
	X(RECV_INFO, "Recv-Info", 0, 1)                                       \
	X(REFER_SUB, "Refer-Sub", 0, 0)                                       \
	X(REFER_TO, "Refer-To", 'r', 0)                                       \
	X(REFERRED_BY, "Referred-By", 'b', 0)                                 \
	X(REMOTE_PARTY_ID, "Remote-Party-ID", 0, 1)                           \
	X(REPLACES, "Replaces", 0, 0)                                         \
	X(REPLY_TO, "Reply-To", 0, 0)                                         \
	X(REQUEST_DISPOSITION, "Request-Disposition", 'd', 1)                 \
	X(REQUIRE, "Require", 0, 1)                                           \
	X(RESOURCE_PRIORITY, "Resource-Priority", 0, 1)                       \
	X(RETRY_AFTER, "Retry-After", 0, 0)                                   \
	X(ROUTE, "Route", 0, 1)                                               \
	X(RSEQ, "RSeq", 0, 0)                                                 \
	X(SERVER, "Server", 0, 0)                                             \
	X(SERVICE_ROUTE, "Service-Route", 0, 1)                               \
	X(SESSION_EXPIRES, "Session-Expires", 'x', 0)                         \
	X(SIP_ETAG, "SIP-ETag", 0, 0)                                         \
	X(SIP_IF_MATCH, "SIP-If-Match", 0, 0)                                 \
	X(SUBJECT, "Subject", 's', 0)                                         \
	X(SUBSCRIPTION_STATE, "Subscription-State", 0, 0)                     \
	X(SUPPORTED, "Supported", 'k', 1)                                     \
	X(TARGET_DIALOG, "Target-Dialog", 0, 0)                               \
	X(TIMESTAMP, "Timestamp", 0, 0)                                       \
	X(TO, "To", 't', 0)                                                   \
	X(UNSUPPORTED, "Unsupported", 0, 1)                                   \
	X(USER_AGENT, "User-Agent", 0, 0)                                     \
	X(VIA, "Via", 'v', 1)                                                 \
	X(WARNING, "Warning", 0, 1)                                           \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", 0, 1)

enum sip_hdr_id {
	SIP_H_OTHER = 0,
#define X(id, name, compact, many) SIP_H_##id,
	SIP_HEADERS_LIST(X)
#undef X
	SIP_H_COUNT
};

/* By name without case or compact form. */
enum sip_hdr_id sip_hdr_id_of(struct span name);
/* "Call-ID"; "" for OTHER. */
const char *sip_hdr_name(enum sip_hdr_id id);

/* --- soft filter --- */

struct sip_peek {
	bool is_request;
	enum sip_method method;		/* of a request */
	struct span method_text;
	struct span uri;		/* of a request, not checked */
	uint16_t status;		/* of a response */
	struct span user_agent;		/* User-Agent or Server, or empty */
};

enum { SIP_FILTER_BYTES = 8 * 1024 };	/* User-Agent is looked for in these */

/* Reads the start line, and finds the User-Agent by a scan. Nothing else is
 * looked at, so what passes may still be malformed. E_FORMAT: no request or
 * status line of SIP (STUN, keep-alives, HTTP, noise): silence is the only
 * answer. A "User-Agent" inside of a fold is none. */
int sip_filter(struct sip_peek *out, struct span datagram);
/* Is it a keep-alive: nothing but CR and LF (RFC 5626 3.5.1), or empty, or a
 * few NUL bytes (README.md)? Nothing is answered on a datagram transport. */
bool sip_is_keepalive(struct span datagram);

/* --- streams --- */

enum sip_frame_result {
	SIP_FRAME_MORE = 0,	/* *n = bytes still missing, at least */
	SIP_FRAME_DONE,		/* *n = length of the message at the front */
	SIP_FRAME_CRLF,		/* *n = 2: eat; a pong, or an empty line */
	SIP_FRAME_PING,		/* *n = 2: eat and answer CR LF (RFC 5626 4.4.1) */
	SIP_FRAME_BAD,		/* close: err says why; there is no way to find
				 * the next message */
};

/* What was seen of the bytes at the front. Zero is the start. */
struct sip_frame {
	size_t seen;		/* bytes that need no second look */
	size_t line;		/* where the line now read starts */
	size_t head;		/* bytes of the head, 0 = not complete */
	size_t total;		/* bytes of the message, once head is known */
	unsigned crlfs;		/* empty lines eaten in a row */
};

struct sip_err {
	size_t offset;		/* from the start of the bytes given */
	const char *rule;	/* constant English text */
	uint16_t status;	/* to answer, 0 = silence */
};

/* `have` starts at the front of the stream: what is there so far. Bytes that
 * were seen are not searched again, so feeding byte for byte is linear. After
 * DONE, CRLF and PING the caller drops *n bytes and calls again (`f` starts anew by
 * itself); MORE keeps them. Lines must end in CR LF and Content-Length must be
 * there: a stream has no other way to say where the next message starts, and
 * guessing is how requests are smuggled. err may be NULL. */
enum sip_frame_result sip_frame(struct sip_frame *f, struct span have,
				size_t *n, struct sip_err *err);

/* --- messages --- */

enum sip_carrier {
	SIP_DATAGRAM = 0,	/* bytes behind Content-Length are ignored (18.3),
				 * without one the body is all the rest */
	SIP_STREAM,		/* exactly what sip_frame() measured */
};

struct sip_hdr {
	struct span name;	/* as written */
	struct span value;	/* trimmed; may hold folds; may be empty */
	enum sip_hdr_id id;
};

struct sip_msg {
	bool is_request;
	/* Of the request line, or for a response of CSeq. */
	enum sip_method method;
	struct span method_text;
	struct sip_uri uri;		/* Request-URI */
	uint16_t status;		/* 100..699, 0 for a request */
	struct span reason;

	struct sip_hdr hdrs[SIP_HEADERS_MAX];
	size_t hdrs_n;
	uint8_t first[SIP_H_COUNT];	/* 1 + index into hdrs, 0 = absent */

	/* What every message must have, read and checked. */
	struct sip_via via;		/* the topmost */
	unsigned vias_n;
	struct sip_addr from, to;
	struct span from_tag, to_tag;	/* empty when absent */
	struct span call_id;
	struct sip_cseq cseq;
	uint8_t max_forwards;		/* 70 when absent */
	bool has_max_forwards;

	struct span body;
	struct span all;		/* head and body */
};

/* E_FORMAT, E_TRUNC, E_LIMIT, E_VERSION. On an error
 * err->status is what RFC 3261 and the safest reading of RFC 4475 would answer
 * to a request: 400 or 505; 0 means silence: a response, an ACK, or a request
 * that lacks what an answer is made of. When status is not 0, *out holds all
 * that sip_wr_response() needs and nothing more may be used. Whether a
 * stranger gets an answer at all is the caller's decision.
 *
 * A request with a Request-URI of an unknown scheme is well-formed: see
 * uri.scheme. So is one with a method that we do not know.
 *
 * Checked beyond what struct sip_msg has: Contact, Route and Record-Route, so
 * that sip_contact_next() and sip_addr_next() of these cannot fail; headers
 * that may stand only once; all Content-Lengths. Nothing else is. */
int sip_decode(struct sip_msg *out, struct span bytes, enum sip_carrier how,
	       struct sip_err *err);

/* --- headers of a message --- */

/* The first of this id, NULL when absent. */
const struct sip_hdr *sip_hdr(const struct sip_msg *m, enum sip_hdr_id id);
/* Its value, empty when absent. */
struct span sip_hdr_value(const struct sip_msg *m, enum sip_hdr_id id);
bool sip_has(const struct sip_msg *m, enum sip_hdr_id id);
/* All of this id in order: *it starts at 0. NULL at the end. */
const struct sip_hdr *sip_hdr_next(const struct sip_msg *m,
				   enum sip_hdr_id id, size_t *it);
/* By name, for what has no id. */
const struct sip_hdr *sip_hdr_named(const struct sip_msg *m,
				    const char *name);

/* The values of comma lists over all headers of one id: Via, Route,
 * Record-Route, Contact, Supported, ... Commas inside quotes and < > do not
 * count, empty values are left out. */
struct sip_list {
	const struct sip_msg *msg;
	enum sip_hdr_id id;
	size_t it;
	struct span rest;
	unsigned n;
	bool failed;		/* open quote or bracket, or SIP_LIST_MAX */
};
struct sip_list sip_list(const struct sip_msg *m, enum sip_hdr_id id);
bool sip_list_next(struct sip_list *l, struct span *value);
/* The same within one value. */
bool sip_value_next(struct span *rest, struct span *value);

/* Typed lists: 1 = *out is the next, 0 = the end, E_* = malformed. */
int sip_via_next(struct sip_list *l, struct sip_via *out);
int sip_addr_next(struct sip_list *l, struct sip_addr *out);
/* Contact: star only when it is the only value (RFC 3261 10.2.2): E_FORMAT
 * otherwise. */
int sip_contact_next(struct sip_list *l, struct sip_addr *out);

/* Option tags of a header as bits; *unknown is the first that we do not know,
 * or empty. E_FORMAT when one is no token. */
int sip_options(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *bits,
		struct span *unknown);
/* Allow as bits 1 << enum sip_method; 0 when absent. Unknown methods are left
 * out. */
uint32_t sip_allow(const struct sip_msg *m);
/* Expires of a header of seconds, false when absent or malformed. */
bool sip_seconds(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *out);

/* A token of RFC 3261 25.1, not empty. */
bool sip_is_token(struct span s);
/* A quoted string's inside with its escapes undone: 0, E_LIMIT. */
int sip_unquote(struct span inside, void *buf, size_t cap, struct span *out);
