/* wire/sip/write.h - writes messages with struct wr of base.
 *
 * Start line, then headers, then sip_wr_body(), which writes Content-Length
 * and ends the message; only wr_end() tells whether all was well. A CR, LF or
 * NUL in any value fails the writer (nobody injects a header), an empty word
 * where one is needed too. Folds of copied headers become one blank. Bodies
 * are bytes. More than SIP_MESSAGE_MAX bytes do not get written.
 *
 * Property under fuzz: a message that sip_decode() took, written again with
 * sip_wr_msg(), decodes to the same (but for a password in the Request-URI,
 * folds, and where Content-Length stands).
 */
#pragma once
#include "wire/sip/auth.h"
#include "wire/sip/sip.h"

/* METHOD uri SIP/2.0 */
void sip_wr_request(struct wr *w, struct span method,
		    const struct sip_uri *uri);
/* The same with a URI as text, which must have no blank in it. */
void sip_wr_request_text(struct wr *w, struct span method, struct span uri);
/* SIP/2.0 status reason; an empty reason takes the standard one. */
void sip_wr_status(struct wr *w, unsigned status, struct span reason);
/* "Not Found"; "Unknown" for a status that is not in the list. */
const char *sip_reason_phrase(unsigned status);

/* One header line. The value may be empty. */
void sip_wr_hdr(struct wr *w, enum sip_hdr_id id, struct span value);
void sip_wr_hdr_str(struct wr *w, enum sip_hdr_id id, const char *value);
void sip_wr_hdr_u32(struct wr *w, enum sip_hdr_id id, uint32_t value);
/* The name must be a token. */
void sip_wr_hdr_named(struct wr *w, const char *name, struct span value);
/* Formatted value, at most SIP_HEADER_MAX bytes. Spans: "%.*s", SIP_S(span). */
__attribute__((format(printf, 3, 4)))
void sip_wr_hdrf(struct wr *w, enum sip_hdr_id id, const char *fmt, ...);
#define SIP_S(s) (int)(s).n, (const char *)(s).p

/* A header whose value other writers make (sip_wr_via(), sip_wr_addr(),
 * sip_wr_challenge(), ...): open writes "Name: ", close CR LF. Close fails the
 * writer when a CR, LF or NUL got in between. */
size_t sip_wr_hdr_open(struct wr *w, enum sip_hdr_id id);
void sip_wr_hdr_close(struct wr *w, size_t mark);

void sip_wr_cseq(struct wr *w, uint32_t seq, struct span method);
/* From and To of a dialog: name-addr and, if not empty, ";tag=". */
void sip_wr_from(struct wr *w, struct span display, const struct sip_uri *u,
		 struct span tag);
void sip_wr_to(struct wr *w, struct span display, const struct sip_uri *u,
	       struct span tag);

/* All headers of one id, copied as they are and in their order. */
void sip_wr_copy(struct wr *w, const struct sip_msg *from,
		 enum sip_hdr_id id);
/* The first only. */
void sip_wr_copy_first(struct wr *w, const struct sip_msg *from,
		       enum sip_hdr_id id);

/* The start of an answer (RFC 3261 8.2.6): status line, the Vias (the topmost with
 * received= and rport= of `source`, RFC 3261 18.2.1 and 3581 4), From, To with
 * `to_tag` when the request's To had none and to_tag is not empty, Call-ID,
 * CSeq; with 100 also Timestamp. `source` NULL: no received. Record-Route is
 * not copied: 18x and 2xx of a dialog add sip_wr_copy(RECORD_ROUTE). */
void sip_wr_response(struct wr *w, const struct sip_msg *req, unsigned status,
		     struct span reason, struct span to_tag,
		     const struct addr *source);

/* ACK for a final answer of 300 or more, and CANCEL, made from the request that
 * was sent (RFC 3261 17.1.1.3, 9.1): request line, top Via, From, To (of the
 * answer for ACK), Call-ID, CSeq, Max-Forwards, Route. Whole, without body. */
void sip_wr_ack_of(struct wr *w, const struct sip_msg *invite,
		   const struct sip_msg *answer);
void sip_wr_cancel_of(struct wr *w, const struct sip_msg *invite);

/* Content-Type (if there is a body), Content-Length, empty line, body. */
void sip_wr_body(struct wr *w, const char *content_type, struct span body);
void sip_wr_no_body(struct wr *w);

/* The whole message again, Content-Length computed. */
void sip_wr_msg(struct wr *w, const struct sip_msg *m);
