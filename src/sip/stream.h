/* sip/stream.h - bytes of a connection become whole messages. Pure: no socket,
 * no clock; the owner gives bytes and the time.
 *
 * A connection whose first byte is that of a BFCP message (version 1, RFC 8855
 * 5.1: a space, with which no SIP begins) carries BFCP and nothing else.
 *
 * A message must be complete STREAM_MESSAGE_S after its first byte, however
 * slowly it drips (the deadline does not move). The buffer grows by what came,
 * never by what a header promises, up to SIP_MESSAGE_MAX. */
#pragma once
#include "wire/bfcp/bfcp.h"
#include "wire/sip/sip.h"

enum { STREAM_MESSAGE_S = 15, STREAM_CHUNK = 4096 };

struct stream {
	uint8_t *buf;
	size_t n, cap;
	struct sip_frame frame;
	enum { STREAM_NEW = 0, STREAM_SIP, STREAM_IS_BFCP } kind;
	uint64_t since_ns;		/* first byte of what is not whole, 0 = none */
};

enum stream_got { STREAM_MESSAGE, STREAM_PING, STREAM_BFCP };
/* Must not feed or free the stream. False: no more, the stream ends. */
typedef bool (*stream_fn)(void *arg, enum stream_got what, struct span msg);

void stream_release(struct stream *s);
/* Room for at least one byte to read into: *n bytes there. E_LIMIT, E_NOMEM. */
int  stream_room(struct stream *s, uint8_t **p, size_t *n);
/* `n` bytes were put there. 0, E_FORMAT (there is no way to find the next
 * message), E_CLOSED (fn said so). */
int  stream_feed(struct stream *s, size_t n, uint64_t now_ns, stream_fn fn,
		 void *arg);
/* 0 = nothing is waiting. */
uint64_t stream_due_ns(const struct stream *s);
