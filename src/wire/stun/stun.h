/* wire/stun - STUN messages (RFC 8489, also RFC 5389) as an ICE agent needs
 * them (RFC 8445): Binding requests, success and error responses.
 *
 * Pure: no clock, no socket, no allocation. Spans in struct stun_msg point
 * into the decoded bytes and live as long as those do. Only short-term
 * credentials: the key of MESSAGE-INTEGRITY is the ICE password itself.
 *
 * How an ICE-lite agent uses it:
 *
 *	r = stun_decode(&m, datagram);		drop and count on error
 *	find the leg by stun_username_local();	drop in silence if unknown
 *	r = stun_check_integrity(&m, own pwd);	drop in silence on error
 *	if (m.unknown_n) stun_encode_error(... 420 ...)
 *	else stun_encode_success(...)
 *
 * Errors: E_TRUNC, E_FORMAT (not STUN, bad length, attribute cut short, bad
 * FINGERPRINT), E_LIMIT (message over STUN_MSG_MAX), E_AUTH, E_CRYPTO,
 * E_FULL (the buffer given for an answer is too small).
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "base/span.h"

enum {
	STUN_HEADER_LEN = 20,
	STUN_TXID_LEN = 12,
	STUN_MSG_MAX = 1500,		/* bytes of a message we look at */
	STUN_UNKNOWN_MAX = 8,		/* unknown attributes reported */
	STUN_USERNAME_MAX = 513,	/* RFC 8489 14.3 */
	STUN_REPLY_MAX = 256,		/* enough for any reply made here */
};

enum stun_class {
	STUN_REQUEST = 0,
	STUN_INDICATION,
	STUN_SUCCESS,
	STUN_ERROR,
	STUN_CLASS_COUNT
};

enum { STUN_METHOD_BINDING = 1 };

/* Codes of ERROR-CODE that an ICE-lite agent sends. */
enum {
	STUN_BAD_REQUEST = 400,
	STUN_UNAUTHENTICATED = 401,
	STUN_UNKNOWN_ATTRIBUTE = 420,
	STUN_ROLE_CONFLICT = 487,
};

struct stun_msg {
	enum stun_class cls;
	uint16_t method;		/* 12 bits */
	uint8_t txid[STUN_TXID_LEN];
	struct span raw;		/* header and attributes, nothing more */

	bool has_username, has_priority, use_candidate;
	bool has_controlling, has_controlled;
	bool has_fingerprint;		/* present, and its CRC was right */
	bool has_mapped;
	struct span username;
	uint32_t priority;
	uint64_t tie_breaker;		/* of the ICE-CONTROLL* attribute */
	struct addr mapped;		/* (XOR-)MAPPED-ADDRESS */
	uint16_t error_code;		/* 0 = no ERROR-CODE */

	/* Offset of the MESSAGE-INTEGRITY attribute in raw, 0 = none. What
	 * follows it (FINGERPRINT apart) was not looked at. */
	size_t integrity_at;

	/* Comprehension-required attributes that nobody here knows; the first
	 * STUN_UNKNOWN_MAX types, but unknown_n counts all. */
	uint16_t unknown[STUN_UNKNOWN_MAX];
	size_t unknown_n;
};

/* A cheap look: first two bits, magic cookie and length fit. */
bool stun_is_message(struct span in);

/* Decodes one datagram that must be exactly one message. Of an attribute
 * that occurs twice the first counts (RFC 8489 14). A FINGERPRINT, when there,
 * must be the last attribute and right. */
int stun_decode(struct stun_msg *out, struct span in);

/* 0 when MESSAGE-INTEGRITY is there and right, else E_AUTH (absent or
 * wrong) or E_CRYPTO. Compares in constant time. */
int stun_check_integrity(const struct stun_msg *m, struct span key);

/* The parts of USERNAME before and after its first colon: in a request to us
 * `local` is our ufrag, `remote` the peer's (RFC 8445 7.2.2). E_FORMAT
 * without USERNAME, without a colon or with an empty part. */
int stun_username_split(const struct stun_msg *m, struct span *local,
			struct span *remote);

/* Binding success with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT. */
int stun_encode_success(void *buf, size_t cap, struct span *out,
			const uint8_t txid[STUN_TXID_LEN],
			const struct addr *mapped, struct span key);

/* Binding error. `unknown` (may be NULL with n 0) goes into UNKNOWN-ATTRIBUTES
 * with code 420; at most STUN_UNKNOWN_MAX are written. With an empty key there
 * is no MESSAGE-INTEGRITY (400 and 401 are sent so). code 300..699, else
 * E_INVAL. */
int stun_encode_error(void *buf, size_t cap, struct span *out,
		      const uint8_t txid[STUN_TXID_LEN], unsigned code,
		      const uint16_t *unknown, size_t unknown_n,
		      struct span key);

/* A Binding request as the controlling side sends it: for tests, the bench
 * and a later full agent. */
struct stun_request {
	uint8_t txid[STUN_TXID_LEN];
	struct span username, key;
	uint32_t priority;
	uint64_t tie_breaker;
	bool controlling, use_candidate;
};
int stun_encode_request(void *buf, size_t cap, struct span *out,
			const struct stun_request *q);
