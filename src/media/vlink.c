/* The link to the video worker: compressed pictures both ways. What comes from
 * there is treated as hostile: unknown rooms, groups, codecs and sizes are
 * counted and dropped, a malformed datagram ends the link. */
#include "media/media.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "media/video/in.h"
#include "media/video/out.h"

#define MOD "vlink"

enum {
	DATAGRAMS_MAX = 64,		/* in one turn */
	BAD_MAX = 16,			/* malformed ones until the link goes */
	SOCKET_BUFFER_BYTES = 2 * 1024 * 1024,
};

static int send_frame(struct media *m, const struct frame *f)
{
	struct span s;
	int r = frame_encode(f, m->datagram, sizeof(m->datagram), &s);

	if (r < 0)
		return r;
	if (send(m->video_watch.fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)s.n)
		return 0;
	m->stats.frames_dropped++;
	return E_FULL;
}

int vlink_picture(struct media *m, const struct frame *f, struct span data)
{
	struct frame c = *f;

	if (!m->video_is_up)
		return E_CLOSED;
	if (!data.n || data.n > FRAME_MAX)
		return E_LIMIT;
	c.total = (uint32_t)data.n;
	c.chunks = (uint16_t)((data.n + FRAME_CHUNK_MAX - 1) / FRAME_CHUNK_MAX);
	for (c.chunk = 0; c.chunk < c.chunks; c.chunk++) {
		size_t at = (size_t)c.chunk * FRAME_CHUNK_MAX;
		size_t n = data.n - at;
		int r;

		c.data = span_of(data.p + at,
				 n < FRAME_CHUNK_MAX ? n : FRAME_CHUNK_MAX);
		r = send_frame(m, &c);
		if (r < 0)
			return r;
	}
	return 0;
}

void vlink_note(struct media *m, const struct frame *f)
{
	if (m->video_is_up)
		(void)send_frame(m, f);	/* counted; wishes come again */
}

/* --- in ---------------------------------------------------------------- */

static void distribute(struct room *r, struct group *g, const struct frame *f)
{
	struct cut *c = r->m->cut;

	c->max = 0;
	g->pictures++;
	g->rate_bytes += f->data.n;
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (leg->group == g->id && leg->vout &&
		    video_out_give(leg->vout, f, c) < 0)
			r->m->stats.frames_bad++;
	}
	slides_group(r, g, f);
}

static void in_out(struct media *m, const struct frame *f)
{
	struct room *r = room_find(m, f->room);
	struct group *g = r ? room_group(r, f->stream) : NULL;
	struct frame whole;
	bool lost = false;
	int e;

	if (!g || g->codec != f->codec) {
		m->stats.frames_unknown++;
		return;
	}
	e = frame_join_add(g->join, f, &whole, &lost);
	if (lost)
		group_want_key(r, g);
	if (e == 0)
		distribute(r, g, &whole);
	else if (e != E_AGAIN)
		m->stats.frames_bad++;
}

static void in_want_key(struct media *m, const struct frame *f)
{
	struct leg *leg = leg_find(m, f->stream);
	struct video_in *v = !leg ? NULL : f->flags & FRAME_F_SLIDES ?
			     leg->sin : leg->vin;

	if (!v || leg->room->handle != f->room)
		m->stats.frames_unknown++;
	else if (v->assemble)
		video_in_want_key(v);
}

static void hello(struct media *m, const struct frame *f)
{
	uint8_t hash[32];

	ipc_proto_hash(hash);
	if (!span_eq(f->data, span_of(hash, sizeof(hash)))) {
		log_error(MOD, "the video worker is of another build");
		vlink_set(m, -1);
		return;
	}
	m->video_is_up = true;
	/* every picture begins anew */
	list_each(room, tmp, &m->room_list) {
		struct room *r = list_entry(room, struct room, in_media);

		list_each(it, next, &r->legs) {
			struct leg *leg = list_entry(it, struct leg, in_room);

			if (leg->vin)
				video_in_restart(leg->vin);
			if (leg->vout)
				video_out_switch(leg->vout);
			if (leg->sin && r->slides.to_video)
				video_in_want_key(leg->sin);
		}
	}
}

static void take(struct media *m, const struct frame *f)
{
	if (f->kind == FRAME_HELLO)
		hello(m, f);
	else if (!m->video_is_up)
		m->stats.frames_bad++;
	else if (f->kind == FRAME_OUT)
		in_out(m, f);
	else if (f->kind == FRAME_WANT_KEY)
		in_want_key(m, f);
	else
		m->stats.frames_bad++;
}

static void on_event(void *arg, uint32_t events, uint64_t now_ns)
{
	struct media *m = arg;

	(void)events;
	m->now_ns = now_ns;
	for (int i = 0; i < DATAGRAMS_MAX && m->video_watch.fd >= 0; i++) {
		ssize_t n = recv(m->video_watch.fd, m->datagram_in,
				 sizeof(m->datagram_in), MSG_DONTWAIT | MSG_TRUNC);
		struct frame f;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			log_notice(MOD, "the video worker is gone");
			vlink_set(m, -1);
			return;
		}
		if ((size_t)n > sizeof(m->datagram_in) ||
		    frame_decode(&f, span_of(m->datagram_in,
					     (size_t)n)) < 0) {
			m->stats.frames_bad++;
			if (++m->video_bad > BAD_MAX) {
				log_error(MOD, "the video worker talks nonsense");
				vlink_set(m, -1);
			}
			continue;
		}
		take(m, &f);
	}
}

static void say_hello(struct media *m)
{
	uint8_t hash[32];
	struct frame f = {.kind = FRAME_HELLO, .chunks = 1,
			  .total = sizeof(hash)};

	ipc_proto_hash(hash);
	f.data = span_of(hash, sizeof(hash));
	(void)send_frame(m, &f);
}

void vlink_set(struct media *m, int fd)
{
	int bytes = SOCKET_BUFFER_BYTES;

	if (m->video_watch.fd >= 0) {
		loop_del(&m->loop, &m->video_watch);
		close(m->video_watch.fd);
	}
	m->video_is_up = false;
	m->video_bad = 0;
	m->video_watch = (struct watch){.fd = fd, .fn = on_event, .arg = m};
	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (loop_set(&m->loop, &m->video_watch, EPOLLIN) < 0) {
		close(fd);
		m->video_watch.fd = -1;
		return;
	}
	say_hello(m);
}
