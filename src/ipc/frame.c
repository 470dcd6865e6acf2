#include "ipc/frame.h"

#include "base/alloc.h"
#include "base/rd.h"
#include "base/wr.h"

bool frame_size_is_fit(unsigned width, unsigned height)
{
	unsigned longer = width > height ? width : height;
	unsigned shorter = width > height ? height : width;

	return longer <= FRAME_WIDTH_MAX && shorter <= FRAME_HEIGHT_MAX;
}

static int frame_check(const struct frame *f)
{
	if (f->kind <= FRAME_NONE || f->kind >= FRAME_KIND_COUNT ||
	    f->codec >= FRAME_CODEC_COUNT ||
	    (f->flags & ~(FRAME_F_KEY | FRAME_F_SLIDES)) ||
	    ((f->flags & FRAME_F_SLIDES) && f->kind != FRAME_IN &&
	     f->kind != FRAME_WANT_KEY))
		return E_FORMAT;
	if (!frame_size_is_fit(f->width, f->height) ||
	    f->total > FRAME_MAX || f->data.n > FRAME_CHUNK_MAX ||
	    f->chunks > FRAME_CHUNKS_MAX)
		return E_LIMIT;
	if (f->chunk >= f->chunks || f->data.n > f->total)
		return E_FORMAT;
	if ((f->kind == FRAME_IN || f->kind == FRAME_OUT) &&
	    (f->codec == FRAME_CODEC_NONE || f->data.n == 0))
		return E_FORMAT;
	return 0;
}

/* kind u8, codec u8, flags u8, 0 u8, width u16, height u16, chunk u16,
 * chunks u16, id u32, kbps u32, room u64, stream u64, mono u64, rtp u32,
 * total u32, 0 u64, 0 u32 */
int frame_decode(struct frame *out, struct span in)
{
	struct rd r = rd_of(in);
	struct frame f;
	uint64_t zero;
	int e;

	f.kind = (enum frame_kind)rd_u8(&r);
	f.codec = (enum frame_codec)rd_u8(&r);
	f.flags = rd_u8(&r);
	zero = rd_u8(&r);
	f.width = rd_u16(&r);
	f.height = rd_u16(&r);
	f.chunk = rd_u16(&r);
	f.chunks = rd_u16(&r);
	f.id = rd_u32(&r);
	f.kbps = rd_u32(&r);
	f.room = rd_u64(&r);
	f.stream = rd_u64(&r);
	f.mono_ns = rd_u64(&r);
	f.rtp_ts = rd_u32(&r);
	f.total = rd_u32(&r);
	zero |= rd_u64(&r);
	zero |= rd_u32(&r);
	if (r.failed)
		return E_TRUNC;
	f.data = rd_rest(&r);
	e = zero ? E_FORMAT : frame_check(&f);
	if (e == 0)
		*out = f;
	return e;
}

int frame_encode(const struct frame *f, void *buf, size_t cap,
		 struct span *out)
{
	struct wr w = wr_of(buf, cap);
	int e = frame_check(f);

	if (e < 0)
		return e;
	wr_u8(&w, (uint8_t)f->kind);
	wr_u8(&w, (uint8_t)f->codec);
	wr_u8(&w, f->flags);
	wr_u8(&w, 0);
	wr_u16(&w, f->width);
	wr_u16(&w, f->height);
	wr_u16(&w, f->chunk);
	wr_u16(&w, f->chunks);
	wr_u32(&w, f->id);
	wr_u32(&w, f->kbps);
	wr_u64(&w, f->room);
	wr_u64(&w, f->stream);
	wr_u64(&w, f->mono_ns);
	wr_u32(&w, f->rtp_ts);
	wr_u32(&w, f->total);
	wr_u64(&w, 0);
	wr_u32(&w, 0);
	wr_span(&w, f->data);
	return wr_end(&w, out);
}

struct frame_join {
	uint8_t *buf;
	size_t cap;
	uint32_t have;
	struct frame head;	/* of the picture under way */
	uint16_t next;		/* chunk expected; 0 = none under way */
};

int frame_join_new(struct frame_join **out)
{
	struct frame_join *j = mem_zalloc(sizeof(*j));

	if (!j)
		return E_NOMEM;
	*out = j;
	return 0;
}

void frame_join_free(struct frame_join **j)
{
	if (!j || !*j)
		return;
	mem_free((*j)->buf);
	mem_free(*j);
	*j = NULL;
}

static int begin(struct frame_join *j, const struct frame *c)
{
	if (c->chunk != 0)
		return E_FORMAT;
	if (c->total > j->cap) {
		uint8_t *p = mem_realloc(j->buf, c->total);

		if (!p)
			return E_NOMEM;
		j->buf = p;
		j->cap = c->total;
	}
	j->head = *c;
	j->have = 0;
	return 0;
}

static bool continues(const struct frame_join *j, const struct frame *c)
{
	return c->chunk == j->next && c->id == j->head.id &&
	       c->total == j->head.total && c->chunks == j->head.chunks &&
	       c->stream == j->head.stream && c->room == j->head.room &&
	       c->kind == j->head.kind;
}

int frame_join_add(struct frame_join *j, const struct frame *c,
		   struct frame *whole, bool *lost)
{
	int e;

	*lost = false;
	if (j->next && !continues(j, c)) {
		*lost = true;
		j->next = 0;
	}
	if (j->next == 0) {
		e = begin(j, c);
		if (e < 0) {
			*lost = true;
			return e;
		}
	}
	if (c->data.n > j->head.total - j->have) {
		j->next = 0;
		*lost = true;
		return E_FORMAT;
	}
	memcpy(j->buf + j->have, c->data.p, c->data.n);
	j->have += (uint32_t)c->data.n;
	j->next = (uint16_t)(c->chunk + 1);
	if (j->next < c->chunks)
		return E_AGAIN;
	j->next = 0;
	if (j->have != j->head.total) {
		*lost = true;
		return E_FORMAT;
	}
	*whole = j->head;
	whole->chunk = 0;
	whole->data = span_of(j->buf, j->have);
	return 0;
}
