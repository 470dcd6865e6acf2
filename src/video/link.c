#include "video/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"

enum { HASH_LEN = 32, DATAGRAM_MAX = FRAME_HEADER_LEN + FRAME_CHUNK_MAX };

struct link {
	struct link_cfg cfg;
	uint8_t hash[HASH_LEN];
	bool up;
	uint64_t bad;
	uint8_t in[DATAGRAM_MAX];
	uint8_t out[DATAGRAM_MAX];
};

static int send_one(struct link *l, const struct frame *f)
{
	struct span d;
	int r = frame_encode(f, l->out, sizeof(l->out), &d);

	if (r < 0)
		return r;
	if (send(l->cfg.fd, d.p, d.n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return E_FULL;
	return E_CLOSED;
}

int link_new(struct link **out, const struct link_cfg *cfg)
{
	const struct frame hello = {.kind = FRAME_HELLO, .chunks = 1,
				    .total = HASH_LEN, .data = cfg->hash};
	struct link *l;
	int r;

	if (cfg->hash.n != HASH_LEN)
		return E_INVAL;
	l = mem_zalloc(sizeof(*l));
	if (!l) {
		(void)close(cfg->fd);
		return E_NOMEM;
	}
	l->cfg = *cfg;
	memcpy(l->hash, cfg->hash.p, HASH_LEN);
	r = send_one(l, &hello);
	if (r < 0)
		link_free(&l);
	else
		*out = l;
	return r;
}

void link_free(struct link **l)
{
	if (!*l)
		return;
	(void)close((*l)->cfg.fd);	/* nothing left to do about it */
	mem_free(*l);
	*l = NULL;
}

int link_fd(const struct link *l)
{
	return l->cfg.fd;
}

uint64_t link_bad(const struct link *l)
{
	return l->bad;
}

static int take_hello(struct link *l, const struct frame *f)
{
	if (f->kind != FRAME_HELLO)
		return E_STATE;
	if (!span_eq(f->data, span_of(l->hash, HASH_LEN)))
		return E_VERSION;
	l->up = true;
	l->cfg.on_up(l->cfg.arg);
	return 0;
}

int link_input(struct link *l)
{
	struct frame f;
	ssize_t n = recv(l->cfg.fd, l->in, sizeof(l->in),
			 MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return E_AGAIN;
	if (n <= 0)
		return E_CLOSED;
	if ((size_t)n > sizeof(l->in) ||
	    frame_decode(&f, span_of(l->in, (size_t)n)) < 0)
		return ++l->bad > LINK_BAD_MAX ? E_FORMAT : 0;
	if (!l->up)
		return take_hello(l, &f);
	l->cfg.on_frame(l->cfg.arg, &f);
	return 0;
}

int link_send(struct link *l, const struct frame *whole)
{
	struct frame f = *whole;
	size_t n = whole->data.n, chunks, at = 0;
	int r = 0;

	if (!l->up)
		return E_CLOSED;
	if (n > FRAME_MAX)
		return E_LIMIT;
	chunks = n ? (n + FRAME_CHUNK_MAX - 1) / FRAME_CHUNK_MAX : 1;
	f.chunks = (uint16_t)chunks;
	f.total = (uint32_t)n;
	for (size_t i = 0; i < chunks && r == 0; i++) {
		size_t len = n - at < FRAME_CHUNK_MAX ? n - at
						      : FRAME_CHUNK_MAX;

		f.chunk = (uint16_t)i;
		f.data = span_of(len ? whole->data.p + at : NULL, len);
		r = send_one(l, &f);
		at += len;
	}
	return r;
}
