#include "ipc/ipc.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ipc/check.h"

/* One datagram: magic-free fixed header, then a piece of the packed body.
 *   u16 type | u8 flags | u8 zero | u32 total | u32 offset
 * `total` is the body's length, `offset` where this piece belongs; pieces come
 * in order, nothing may come between them. Descriptors ride on the first. */
enum { HEADER_LEN = 12, DATAGRAM_MAX = HEADER_LEN + IPC_CHUNK_MAX,
       ARENA_FACTOR = 24, ARENA_EXTRA = 65536 };

struct item {			/* a queued datagram */
	struct list at;
	enum ipc_type type;
	bool last;		/* the piece that completes a message */
	bool first;
	int fds[IPC_FDS_MAX];
	size_t n_fds;
	size_t n;
	uint8_t data[];
};

struct ipc_chan {
	struct ipc_chan_cfg cfg;
	struct list queue;
	uint32_t queued[IPC_TYPE_COUNT];	/* whole messages */
	size_t queued_bytes;
	struct ipc_stats stats;
	bool hello;
	bool down;
	/* the message that is being put together */
	uint8_t *part;
	uint32_t part_total, part_have;
	enum ipc_type part_type;
	int part_fds[IPC_FDS_MAX];
	size_t part_n_fds;
	uint8_t in[DATAGRAM_MAX];
};

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void item_free(struct item *it)
{
	close_all(it->fds, it->n_fds);
	mem_free(it);
}

static void drop_part(struct ipc_chan *ch)
{
	close_all(ch->part_fds, ch->part_n_fds);
	ch->part_n_fds = 0;
	mem_free(ch->part);
	ch->part = NULL;
	ch->part_have = ch->part_total = 0;
}

static int go_down(struct ipc_chan *ch, int error)
{
	if (ch->down)
		return error;
	ch->down = true;
	if (err_blame(error) == ERR_PEER && error != E_CLOSED)
		ch->stats.refused++;
	ch->cfg.on_down(ch->cfg.arg, ch, error);
	return error;
}

static void want(struct ipc_chan *ch)
{
	if (ch->cfg.on_want)
		ch->cfg.on_want(ch->cfg.arg, ch, !list_is_empty(&ch->queue));
}

/* --- sending ------------------------------------------------------------- */

static ssize_t send_once(struct ipc_chan *ch, const uint8_t *p, size_t n,
			 const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	union {
		char buf[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
		struct cmsghdr align;
	} ctl;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds) {
		struct cmsghdr *c;

		memset(&ctl, 0, sizeof(ctl));
		m.msg_control = ctl.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	return sendmsg(ch->cfg.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* E_AGAIN when the socket is full. */
static int push(struct ipc_chan *ch, const uint8_t *p, size_t n,
		const int *fds, size_t n_fds)
{
	for (;;) {
		if (send_once(ch, p, n, fds, n_fds) == (ssize_t)n)
			return 0;
		if (errno == EINTR)
			continue;
		/* ENOBUFS, ETOOMANYREFS: the kernel is short, not the peer */
		if (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == ENOBUFS || errno == ETOOMANYREFS)
			return E_AGAIN;
		return E_CLOSED;
	}
}

/* Throws away queued messages of a type; only whole ones that have not begun
 * to leave. */
static unsigned unqueue(struct ipc_chan *ch, enum ipc_type type)
{
	unsigned n = 0;
	bool begun = true;

	list_each(e, tmp, &ch->queue) {
		struct item *it = list_entry(e, struct item, at);

		if (it->first)
			begun = false;
		if (begun || it->type != type)
			continue;
		if (it->last) {
			n++;
			ch->queued[type]--;
		}
		ch->queued_bytes -= it->n;
		list_del(e);
		item_free(it);
	}
	return n;
}

/* What a full queue does. 0 = go on and queue. */
static int make_room(struct ipc_chan *ch, enum ipc_type type, uint32_t total)
{
	const struct ipc_row *row = ipc_row(type);

	if (row->full == IPC_FULL_COALESCE)
		ch->stats.coalesced += unqueue(ch, type);
	if (ch->queued[type] < row->queue &&
	    ch->queued_bytes + total <= IPC_QUEUE_BYTES_MAX)
		return 0;
	ch->stats.dropped++;
	if (row->full == IPC_FULL_KILL) {
		(void)go_down(ch, E_FULL);
		return E_CLOSED;
	}
	return E_FULL;
}

static int item_add(struct list *to, enum ipc_type type, struct span dgram)
{
	struct item *it = mem_alloc(sizeof(*it) + dgram.n);

	if (!it)
		return E_NOMEM;
	it->type = type;
	it->first = it->last = false;
	it->n_fds = 0;
	it->n = dgram.n;
	memcpy(it->data, dgram.p, dgram.n);
	list_add_tail(to, &it->at);
	return 0;
}

static void items_free(struct list *l)
{
	list_each(e, tmp, l) {
		list_del(e);
		item_free(list_entry(e, struct item, at));
	}
}

static int dup_fds(struct item *it, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd = dup(fds[i]);

		if (fd < 0)
			return E_SYS;
		it->fds[it->n_fds++] = fd;
	}
	return 0;
}

static void put_header(uint8_t *h, enum ipc_type type, uint32_t total,
		       uint32_t off)
{
	struct wr w = wr_of(h, HEADER_LEN);

	wr_u16(&w, (uint16_t)type);
	wr_u16(&w, 0);
	wr_u32(&w, total);
	wr_u32(&w, off);
}

/* Cuts a body (which has HEADER_LEN free bytes in front) into datagrams from
 * offset `off` on and appends them to the queue as one message. */
static int queue_rest(struct ipc_chan *ch, enum ipc_type type, uint8_t *buf,
		      uint32_t total, uint32_t off, const int *fds,
		      size_t n_fds)
{
	struct list items = LIST_INIT(items);
	int r = 0;
	bool first = off == 0;

	do {
		uint32_t n = total - off < IPC_CHUNK_MAX ? total - off :
			     IPC_CHUNK_MAX;

		put_header(buf + off, type, total, off);
		r = item_add(&items, type,
			     span_of(buf + off, HEADER_LEN + n));
		off += n;
	} while (r == 0 && off < total);
	if (r == 0 && first) {
		struct item *it = list_entry(items.next, struct item, at);

		it->first = true;
		r = dup_fds(it, fds, n_fds);
	}
	if (r < 0) {
		items_free(&items);
		return r;
	}
	list_entry(items.prev, struct item, at)->last = true;
	list_each(e, tmp, &items) {
		ch->queued_bytes += list_entry(e, struct item, at)->n;
		list_del(e);
		list_add_tail(&ch->queue, e);
	}
	ch->queued[type]++;
	return 0;
}

/* Sends as much as the socket takes and queues the rest. A message that has
 * begun to leave must not be dropped: its rest is always queued. */
static int send_body(struct ipc_chan *ch, enum ipc_type type, uint8_t *buf,
		     uint32_t total, const int *fds, size_t n_fds)
{
	uint32_t off = 0;
	int r;

	while (list_is_empty(&ch->queue)) {
		uint32_t n = total - off < IPC_CHUNK_MAX ? total - off :
			     IPC_CHUNK_MAX;

		put_header(buf + off, type, total, off);
		r = push(ch, buf + off, HEADER_LEN + n, off ? NULL : fds,
			 off ? 0 : n_fds);
		if (r == E_AGAIN)
			break;
		if (r < 0)
			return go_down(ch, r);
		off += n;
		if (off >= total) {
			ch->stats.sent++;
			return 0;
		}
	}
	if (off == 0) {
		r = make_room(ch, type, total);
		if (r < 0)
			return r;
	}
	r = queue_rest(ch, type, buf, total, off, fds, n_fds);
	if (r < 0 && off)
		return go_down(ch, r);
	want(ch);
	return r;
}

static int may_send(const struct ipc_chan *ch, enum ipc_type type,
		    const ProtobufCMessage *msg, size_t n_fds)
{
	const struct ipc_row *row = ipc_row(type);

	if (ch->down)
		return E_CLOSED;
	if (!row || row->desc != msg->descriptor || n_fds > IPC_FDS_MAX)
		return E_INVAL;
	if (!(row->from & 1u << ch->cfg.self) ||
	    !(row->to & 1u << ch->cfg.peer))
		return E_DENIED;
	return 0;
}

int ipc_chan_send(struct ipc_chan *ch, enum ipc_type type,
		  const ProtobufCMessage *msg, const int *fds, size_t n_fds)
{
	int r = may_send(ch, type, msg, n_fds);
	size_t total;
	uint8_t *buf;

	if (r < 0)
		return r;
	total = protobuf_c_message_get_packed_size(msg);
	if (total > ipc_row(type)->max_bytes)
		return E_LIMIT;
	/* the header of each piece overwrites bytes that were sent before */
	buf = mem_alloc(HEADER_LEN + total);
	if (!buf)
		return E_NOMEM;
	protobuf_c_message_pack(msg, buf + HEADER_LEN);
	r = send_body(ch, type, buf, (uint32_t)total, fds, n_fds);
	mem_free(buf);
	return r;
}

int ipc_chan_output(struct ipc_chan *ch)
{
	if (ch->down)
		return E_CLOSED;
	while (!list_is_empty(&ch->queue)) {
		struct item *it = list_entry(ch->queue.next, struct item, at);
		int r = push(ch, it->data, it->n, it->fds, it->n_fds);

		if (r == E_AGAIN)
			return 0;
		if (r < 0)
			return go_down(ch, r);
		if (it->last) {
			ch->queued[it->type]--;
			ch->stats.sent++;
		}
		ch->queued_bytes -= it->n;
		list_del(&it->at);
		item_free(it);
	}
	want(ch);
	return 0;
}

/* --- receiving ----------------------------------------------------------- */

static int get_fds(struct msghdr *m, int fds[IPC_FDS_MAX], size_t *n)
{
	*n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t k;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (k > IPC_FDS_MAX - *n)	/* cannot be: the buffer's size */
			k = IPC_FDS_MAX - *n;
		memcpy(fds + *n, CMSG_DATA(c), k * sizeof(int));
		*n += k;
	}
	return m->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? E_LIMIT : 0;
}

/* One datagram into ch->in: its length, or an error (E_AGAIN: none). */
static int receive(struct ipc_chan *ch, size_t *n, int fds[IPC_FDS_MAX],
		   size_t *n_fds)
{
	struct iovec iov = {.iov_base = ch->in, .iov_len = sizeof(ch->in)};
	union {
		char buf[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
		struct cmsghdr align;
	} ctl;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
			   .msg_control = ctl.buf,
			   .msg_controllen = sizeof(ctl.buf)};
	ssize_t got;

	do {
		got = recvmsg(ch->cfg.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? E_AGAIN :
		       E_CLOSED;
	*n = (size_t)got;
	if (get_fds(&m, fds, n_fds) < 0) {
		close_all(fds, *n_fds);
		return E_LIMIT;
	}
	return got == 0 ? E_CLOSED : 0;
}

struct piece {
	enum ipc_type type;
	uint32_t total, offset;
	struct span data;
};

static int piece_decode(struct piece *out, struct span in)
{
	struct rd r = rd_of(in);
	struct piece p;

	p.type = (enum ipc_type)rd_u16(&r);
	if (rd_u16(&r) != 0)
		return E_FORMAT;
	p.total = rd_u32(&r);
	p.offset = rd_u32(&r);
	if (r.failed)
		return E_TRUNC;
	p.data = rd_rest(&r);
	*out = p;
	return 0;
}

static int may_receive(const struct ipc_chan *ch, const struct piece *p)
{
	const struct ipc_row *row = ipc_row(p->type);

	if (!row || !(row->from & 1u << ch->cfg.peer) ||
	    !(row->to & 1u << ch->cfg.self))
		return E_DENIED;
	if (p->total > row->max_bytes)
		return E_LIMIT;
	if (ch->hello == (p->type == IPC_HELLO))
		return E_STATE;
	if (p->offset != ch->part_have ||
	    (p->offset && (p->type != ch->part_type ||
			   p->total != ch->part_total)) ||
	    p->data.n > p->total - p->offset ||
	    (p->data.n == 0 && p->total != 0))
		return E_FORMAT;
	/* descriptors come from super only, and from whom a row says so */
	return 0;
}

static int check_hello(struct ipc_chan *ch, const ProtobufCMessage *msg)
{
	const Cv__Hello *h = (const Cv__Hello *)msg;
	uint8_t hash[32];

	ipc_proto_hash(hash);
	if (!span_eq(ipc_bytes(h->proto_hash), span_of(hash, sizeof(hash))) ||
	    !span_eq(ipc_bytes(h->build_id), ipc_build_id()))
		return E_VERSION;
	if (h->role != (uint32_t)ch->cfg.peer ||
	    h->instance != ch->cfg.peer_instance)
		return E_DENIED;
	ch->hello = true;
	return 0;
}

static void *arena_cb_alloc(void *a, size_t n)
{
	return arena_alloc(a, n);
}

static void arena_cb_free(void *a, void *p)
{
	(void)a;
	(void)p;
}

static int deliver(struct ipc_chan *ch, enum ipc_type type, struct span body,
		   const int *fds, size_t n_fds)
{
	struct arena *arena = NULL;
	ProtobufCAllocator alloc = {arena_cb_alloc, arena_cb_free, NULL};
	ProtobufCMessage *msg = NULL;
	int r = arena_new(&arena, body.n * ARENA_FACTOR + ARENA_EXTRA);

	alloc.allocator_data = arena;
	if (r == 0)
		r = ipc_unpack(type, body, &alloc, &msg);
	if (r == 0 && n_fds && !ipc_may_carry_fds(type))
		r = E_DENIED;
	if (r == 0 && type == IPC_HELLO)
		r = check_hello(ch, msg);
	if (r < 0) {
		close_all(fds, n_fds);
		arena_free(&arena);
		return r;
	}
	ch->stats.received++;
	ch->cfg.on_msg(ch->cfg.arg, ch, type, msg, fds, n_fds);
	arena_free(&arena);
	return 0;
}

/* Keeps a piece; 0 when the message is whole, E_AGAIN when more is to come. */
static int keep(struct ipc_chan *ch, const struct piece *p, const int *fds,
		size_t n_fds)
{
	if (p->offset == 0) {
		ch->part = mem_alloc(p->total);
		if (!ch->part)
			return E_NOMEM;
		ch->part_type = p->type;
		ch->part_total = p->total;
		memcpy(ch->part_fds, fds, n_fds * sizeof(int));
		ch->part_n_fds = n_fds;
	}
	memcpy(ch->part + p->offset, p->data.p, p->data.n);
	ch->part_have += (uint32_t)p->data.n;
	return ch->part_have == ch->part_total ? 0 : E_AGAIN;
}

static int take_whole(struct ipc_chan *ch)
{
	int fds[IPC_FDS_MAX];
	size_t n_fds = ch->part_n_fds;
	uint8_t *part = ch->part;
	uint32_t n = ch->part_total;
	int r;

	memcpy(fds, ch->part_fds, sizeof(fds));
	ch->part = NULL;
	ch->part_n_fds = 0;
	ch->part_have = ch->part_total = 0;
	r = deliver(ch, ch->part_type, span_of(part, n), fds, n_fds);
	mem_free(part);
	return r;
}

static int input_one(struct ipc_chan *ch)
{
	int fds[IPC_FDS_MAX];
	size_t n, n_fds = 0;
	struct piece p;
	int r = receive(ch, &n, fds, &n_fds);

	if (r < 0)
		return r;
	r = piece_decode(&p, span_of(ch->in, n));
	if (r == 0)
		r = may_receive(ch, &p);
	if (r == 0 && p.offset && n_fds)
		r = E_DENIED;
	if (r < 0) {
		close_all(fds, n_fds);
		return r;
	}
	if (p.offset == 0 && p.data.n == p.total)
		return deliver(ch, p.type, p.data, fds, n_fds);
	r = keep(ch, &p, fds, n_fds);
	if (r == E_NOMEM)
		close_all(fds, n_fds);
	return r == E_AGAIN ? 0 : r < 0 ? r : take_whole(ch);
}

int ipc_chan_input(struct ipc_chan *ch, unsigned budget)
{
	while (budget-- && !ch->down) {
		int r = input_one(ch);

		if (r == E_AGAIN)
			return 0;
		if (r < 0)
			return go_down(ch, r);
	}
	return ch->down ? E_CLOSED : 0;
}

/* --- life ---------------------------------------------------------------- */

static int send_hello(struct ipc_chan *ch)
{
	Cv__Hello h = CV__HELLO__INIT;
	uint8_t hash[32];

	ipc_proto_hash(hash);
	h.proto_hash = ipc_data(span_of(hash, sizeof(hash)));
	h.build_id = ipc_data(ipc_build_id());
	h.role = (uint32_t)ch->cfg.self;
	h.instance = ch->cfg.self_instance;
	return ipc_send(ch, HELLO, &h);
}

static void ignore_down(void *arg, struct ipc_chan *ch, int error)
{
	(void)arg;
	(void)ch;
	(void)error;
}

int ipc_chan_new(struct ipc_chan **out, const struct ipc_chan_cfg *cfg)
{
	struct ipc_chan *ch = mem_zalloc(sizeof(*ch));
	int r;

	if (!ch) {
		close(cfg->fd);
		return E_NOMEM;
	}
	ch->cfg = *cfg;
	list_init(&ch->queue);
	/* a failure here is returned, not called back */
	ch->cfg.on_down = ignore_down;
	ch->cfg.on_want = NULL;
	r = send_hello(ch);
	ch->cfg.on_down = cfg->on_down;
	ch->cfg.on_want = cfg->on_want;
	if (r < 0) {
		ipc_chan_free(&ch);
		return r;
	}
	*out = ch;
	return 0;
}

void ipc_chan_free(struct ipc_chan **chp)
{
	struct ipc_chan *ch = chp ? *chp : NULL;

	if (!ch)
		return;
	close(ch->cfg.fd);
	items_free(&ch->queue);
	drop_part(ch);
	mem_free(ch);
	*chp = NULL;
}

void ipc_chan_on_want(struct ipc_chan *ch, ipc_want_fn fn)
{
	ch->cfg.on_want = fn;
}

int ipc_chan_fd(const struct ipc_chan *ch)
{
	return ch->cfg.fd;
}

enum ipc_role ipc_chan_peer(const struct ipc_chan *ch, uint32_t *instance)
{
	if (instance)
		*instance = ch->cfg.peer_instance;
	return ch->cfg.peer;
}

bool ipc_chan_is_up(const struct ipc_chan *ch)
{
	return ch->hello && !ch->down;
}

bool ipc_chan_wants_write(const struct ipc_chan *ch)
{
	return !ch->down && !list_is_empty(&ch->queue);
}

void ipc_chan_stats(const struct ipc_chan *ch, struct ipc_stats *out)
{
	*out = ch->stats;
	out->queued = 0;
	for (int t = 0; t < IPC_TYPE_COUNT; t++)
		out->queued += ch->queued[t];
}
