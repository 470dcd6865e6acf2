#include "sip/stream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"

void stream_release(struct stream *s)
{
	if (s->buf)
		secret_wipe(s->buf, s->cap);
	mem_free(s->buf);
	*s = (struct stream){.buf = NULL};
}

int stream_room(struct stream *s, uint8_t **p, size_t *n)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : STREAM_CHUNK;
		uint8_t *buf;

		if (s->cap >= SIP_MESSAGE_MAX)
			return E_LIMIT;
		buf = mem_realloc(s->buf, cap);
		if (!buf)
			return E_NOMEM;
		s->buf = buf;
		s->cap = cap;
	}
	*p = s->buf + s->n;
	*n = s->cap - s->n;
	return 0;
}

/* Who says nothing needs no buffer: thousands of connections rest. */
static void settle(struct stream *s, size_t used, uint64_t now_ns)
{
	s->n -= used;
	if (s->n == 0) {
		const struct sip_frame f = s->frame;
		const unsigned kind = s->kind;

		stream_release(s);
		s->frame = f;		/* one CR LF of two may have been seen */
		s->kind = kind;
		return;
	}
	if (used)
		memmove(s->buf, s->buf + used, s->n);
	if (used || !s->since_ns)
		s->since_ns = now_ns;
}

static int feed_bfcp(struct stream *s, uint64_t now_ns, stream_fn fn,
		     void *arg)
{
	size_t used = 0, len;
	int r = 0;

	while (r == 0 && used < s->n) {
		struct span have = span_of(s->buf + used, s->n - used);

		r = bfcp_frame(have, &len);
		if (r == E_TRUNC || (r == 0 && len > have.n)) {
			r = 0;
			break;
		}
		if (r < 0)
			return E_FORMAT;
		r = fn(arg, STREAM_BFCP, span_of(have.p, len)) ? 0 : E_CLOSED;
		used += len;
	}
	settle(s, used, now_ns);
	return r;
}

int stream_feed(struct stream *s, size_t n, uint64_t now_ns, stream_fn fn,
		void *arg)
{
	enum { BFCP_FIRST = BFCP_STREAM_VERSION << 5 };
	size_t used = 0, len;
	int r = 1;

	s->n += n;
	if (s->kind == STREAM_NEW && s->n)
		s->kind = s->buf[0] == BFCP_FIRST ? STREAM_IS_BFCP
						  : STREAM_SIP;
	if (s->kind == STREAM_IS_BFCP)
		return feed_bfcp(s, now_ns, fn, arg);
	while (r > 0 && used < s->n) {
		struct span have = span_of(s->buf + used, s->n - used);

		switch (sip_frame(&s->frame, have, &len, NULL)) {
		case SIP_FRAME_MORE:
			r = 0;
			break;
		case SIP_FRAME_DONE:
			r = fn(arg, STREAM_MESSAGE, span_of(have.p, len)) ?
			    1 : E_CLOSED;
			used += len;
			break;
		case SIP_FRAME_PING:
			r = fn(arg, STREAM_PING, SPAN_NONE) ? 1 : E_CLOSED;
			used += len;
			break;
		case SIP_FRAME_CRLF:
			used += len;
			break;
		case SIP_FRAME_BAD:
			return E_FORMAT;
		}
	}
	settle(s, used, now_ns);
	return r < 0 ? r : 0;
}

uint64_t stream_due_ns(const struct stream *s)
{
	return s->since_ns ? s->since_ns + STREAM_MESSAGE_S * NS_PER_S : 0;
}
