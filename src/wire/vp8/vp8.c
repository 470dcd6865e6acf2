#include "wire/vp8/vp8.h"
#include "base/rd.h"
#include "base/wr.h"

enum {
	BIT_X = 0x80, BIT_N = 0x20, BIT_S = 0x10,	/* first byte */
	BIT_I = 0x80, BIT_L = 0x40, BIT_T = 0x20, BIT_K = 0x10,
	BIT_M = 0x80,					/* picture id */
	BIT_Y = 0x20,
	PICTURE_ID_MAX = 0x7FFF,
};

static void get_picture_id(struct vp8_desc *d, struct rd *r)
{
	uint8_t b = rd_u8(r);

	d->has_picture_id = true;
	d->picture_id_long = b & BIT_M;
	d->picture_id = b & 0x7F;
	if (d->picture_id_long)
		d->picture_id = (uint16_t)(d->picture_id << 8 | rd_u8(r));
}

static void get_layers(struct vp8_desc *d, uint8_t x, struct rd *r)
{
	uint8_t b = rd_u8(r);

	d->has_tid = x & BIT_T;
	if (d->has_tid) {
		d->tid = b >> 6;
		d->layer_sync = b & BIT_Y;
	}
	d->has_keyidx = x & BIT_K;
	if (d->has_keyidx)
		d->keyidx = b & 31;
}

int vp8_desc_decode(struct vp8_desc *out, struct span in)
{
	struct vp8_desc d = {0};
	struct rd r = rd_of(in);
	uint8_t b = rd_u8(&r);
	uint8_t x = b & BIT_X ? rd_u8(&r) : 0;

	d.non_ref = b & BIT_N;
	d.start = b & BIT_S;
	d.pid = b & 7;
	if (x & BIT_I)
		get_picture_id(&d, &r);
	if (x & BIT_L) {
		d.has_tl0picidx = true;
		d.tl0picidx = rd_u8(&r);
	}
	if (x & (BIT_T | BIT_K))
		get_layers(&d, x, &r);
	d.payload = rd_rest(&r);
	if (r.failed || d.payload.n == 0)
		return E_TRUNC;
	*out = d;
	return 0;
}

static void put_picture_id(struct wr *w, const struct vp8_desc *d)
{
	if (d->picture_id_long)
		wr_u16(w, (uint16_t)(BIT_M << 8 | d->picture_id));
	else
		wr_u8(w, (uint8_t)d->picture_id);
}

static void put_layers(struct wr *w, const struct vp8_desc *d)
{
	unsigned b = 0;

	if (d->has_tid)
		b |= (unsigned)d->tid << 6 | (d->layer_sync ? BIT_Y : 0);
	if (d->has_keyidx)
		b |= d->keyidx;
	wr_u8(w, (uint8_t)b);
}

int vp8_desc_encode(const struct vp8_desc *d, void *buf, size_t cap,
		    struct span *out)
{
	struct wr w = wr_of(buf, cap);
	unsigned x = (d->has_picture_id ? BIT_I : 0) |
		     (d->has_tl0picidx ? BIT_L : 0) |
		     (d->has_tid ? BIT_T : 0) | (d->has_keyidx ? BIT_K : 0);

	if (d->pid > 7 || d->tid > 3 || d->keyidx > 31 ||
	    d->picture_id > (d->picture_id_long ? PICTURE_ID_MAX : 0x7F))
		return E_INVAL;
	wr_u8(&w, (uint8_t)((x ? BIT_X : 0) | (d->non_ref ? BIT_N : 0) |
			    (d->start ? BIT_S : 0) | d->pid));
	if (x)
		wr_u8(&w, (uint8_t)x);
	if (d->has_picture_id)
		put_picture_id(&w, d);
	if (d->has_tl0picidx)
		wr_u8(&w, d->tl0picidx);
	if (d->has_tid || d->has_keyidx)
		put_layers(&w, d);
	return wr_end(&w, out);
}

bool vp8_desc_is_first(const struct vp8_desc *d)
{
	return d->start && d->pid == 0;
}

static uint16_t get_le16(struct rd *r)
{
	uint16_t v = rd_u16(r);

	return (uint16_t)(v << 8 | v >> 8);
}

static int get_key_head(struct vp8_frame *f, struct rd *r)
{
	uint32_t code = rd_u24(r);
	uint16_t w = get_le16(r);
	uint16_t h = get_le16(r);

	if (r->failed)
		return E_TRUNC;
	f->width = w & 0x3FFF;
	f->hscale = (uint8_t)(w >> 14);
	f->height = h & 0x3FFF;
	f->vscale = (uint8_t)(h >> 14);
	if (code != 0x9D012A || f->width == 0 || f->height == 0)
		return E_FORMAT;
	return 0;
}

int vp8_frame_decode(struct vp8_frame *out, struct span in)
{
	struct vp8_frame f = {0};
	struct rd r = rd_of(in);
	uint8_t b0 = rd_u8(&r);
	uint16_t size = get_le16(&r);
	int e;

	if (r.failed)
		return E_TRUNC;
	f.key = !(b0 & 1);
	f.version = b0 >> 1 & 7;
	f.show = b0 & 16;
	f.first_part_n = (uint32_t)size << 3 | b0 >> 5;
	if (f.version > 3)
		return E_FORMAT;
	if (f.key) {
		e = get_key_head(&f, &r);
		if (e != 0)
			return e;
	}
	*out = f;
	return 0;
}

/* --- packets out --- */

static size_t desc_len(int picture_id)
{
	if (picture_id < 0)
		return 1;
	return 4;
}

int vp8_pack_init(struct vp8_pack *p, struct span frame, size_t max_n,
		  int picture_id)
{
	if (frame.n == 0 || max_n <= VP8_DESC_MAX ||
	    picture_id > PICTURE_ID_MAX)
		return E_INVAL;
	size_t room = max_n - desc_len(picture_id);
	*p = (struct vp8_pack){
		.rest = frame,
		.parts = (frame.n - 1) / room + 1,
		.desc.start = true,
	};
	if (picture_id >= 0) {
		p->desc.has_picture_id = true;
		p->desc.picture_id_long = true;
		p->desc.picture_id = (uint16_t)picture_id;
	}
	return 0;
}

int vp8_pack_next(struct vp8_pack *p, void *buf, size_t cap,
		  struct span *out, bool *last)
{
	struct span head;
	int r;

	if (p->parts == 0)
		return 0;
	r = vp8_desc_encode(&p->desc, buf, cap, &head);
	if (r != 0)
		return r;
	size_t n = (p->rest.n - 1) / p->parts + 1;
	if (n > cap - head.n)
		return E_FULL;
	memcpy((uint8_t *)buf + head.n, p->rest.p, n);
	p->rest = span_of(p->rest.p + n, p->rest.n - n);
	p->parts--;
	p->desc.start = false;
	*out = span_of(buf, head.n + n);
	*last = p->parts == 0;
	return 1;
}
