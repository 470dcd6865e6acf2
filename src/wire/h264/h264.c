#include "wire/h264/h264.h"
#include "base/rd.h"
#include "base/wr.h"

enum {
	TYPE_MASK = 0x1F,
	NRI_MASK = 0x60,
	FU_START = 0x80, FU_END = 0x40,
	SINGLE_MAX = 23,		/* types 1..23 may travel alone */
	NAL_FU_B = 29,
	PACK_MIN = 16,
};

static unsigned type_of(uint8_t head)
{
	return head & TYPE_MASK;
}

static bool is_single(unsigned type)
{
	return type >= 1 && type <= SINGLE_MAX;
}

/* --- packets in --- */

static bool begins_picture(unsigned type, struct span body)
{
	/* first_mb_in_slice is ue(v): 0 is the single bit 1 */
	return type >= H264_NAL_SLICE && type <= H264_NAL_IDR &&
	       body.n > 0 && body.p[0] & 0x80;
}

static int note_nal(struct h264_info *info, struct span nal)
{
	unsigned type;

	if (nal.n == 0)
		return E_TRUNC;
	type = type_of(nal.p[0]);
	if (!is_single(type))
		return E_FORMAT;
	info->nal_types |= 1u << type;
	if (begins_picture(type, span_of(nal.p + 1, nal.n - 1)))
		info->first_slice = true;
	return 0;
}

/* The next NAL unit of a STAP-A; false at the end or when cut short (then
 * the reader has failed). */
static bool stap_next(struct rd *r, struct span *nal)
{
	if (rd_left(r) == 0)
		return false;
	*nal = rd_span(r, rd_u16(r));
	return !r->failed;
}

static int info_stap(struct h264_info *info, struct rd *r)
{
	struct span nal;
	unsigned n = 0;
	int e;

	while (stap_next(r, &nal)) {
		if (++n > H264_STAP_MAX)
			return E_LIMIT;
		e = note_nal(info, nal);
		if (e != 0)
			return e;
	}
	if (r->failed || n == 0)
		return E_TRUNC;
	return 0;
}

static int info_fu(struct h264_info *info, struct rd *r)
{
	uint8_t fu = rd_u8(r);

	if (r->failed)
		return E_TRUNC;
	if (!is_single(type_of(fu)))
		return E_FORMAT;
	info->fu = true;
	info->fu_start = fu & FU_START;
	info->fu_end = fu & FU_END;
	info->nal_types = 1u << type_of(fu);
	if (info->fu_start)
		info->first_slice = begins_picture(type_of(fu), rd_rest(r));
	return 0;
}

static int unsupported(unsigned type)
{
	return type > H264_NAL_STAP_A && type <= NAL_FU_B ? E_UNSUPPORTED
							  : E_FORMAT;
}

int h264_info(struct h264_info *out, struct span payload)
{
	struct h264_info info = {0};
	struct rd r = rd_of(payload);
	unsigned type = type_of(rd_u8(&r));
	int e;

	if (r.failed)
		return E_TRUNC;
	if (is_single(type))
		e = note_nal(&info, payload);
	else if (type == H264_NAL_STAP_A)
		e = info_stap(&info, &r);
	else if (type == H264_NAL_FU_A)
		e = info_fu(&info, &r);
	else
		e = unsupported(type);
	if (e == 0)
		*out = info;
	return e;
}

void h264_join_init(struct h264_join *j, void *buf, size_t cap)
{
	*j = (struct h264_join){.buf = buf, .cap = cap};
}

static int join_bytes(struct h264_join *j, struct span s)
{
	if (s.n > j->cap - j->n)
		return E_FULL;
	if (s.n > 0)
		memcpy(j->buf + j->n, s.p, s.n);
	j->n += s.n;
	return 0;
}

static int join_start(struct h264_join *j, uint8_t head)
{
	const uint8_t start[5] = {0, 0, 0, 1, head};

	if (type_of(head) == H264_NAL_IDR)
		j->key = true;
	if (type_of(head) == H264_NAL_SPS)
		j->has_sps = true;
	return join_bytes(j, span_of(start, sizeof(start)));
}

static int join_nal(struct h264_join *j, struct span nal)
{
	int r = join_start(j, nal.p[0]);

	return r != 0 ? r : join_bytes(j, span_of(nal.p + 1, nal.n - 1));
}

static int join_stap(struct h264_join *j, struct span payload)
{
	struct rd r = rd_of(payload);
	struct span nal;
	int e;

	rd_u8(&r);
	while (stap_next(&r, &nal)) {
		e = join_nal(j, nal);
		if (e != 0)
			return e;
	}
	return 0;
}

static int join_fu(struct h264_join *j, const struct h264_info *info,
		   struct span payload)
{
	uint8_t head = (uint8_t)((payload.p[0] & 0xE0) |
				 (payload.p[1] & TYPE_MASK));
	int r = 0;

	if (info->fu_start == j->in_fu || (j->in_fu && head != j->fu_head))
		return E_FORMAT;
	if (info->fu_start)
		r = join_start(j, head);
	if (r == 0)
		r = join_bytes(j, span_of(payload.p + 2, payload.n - 2));
	j->fu_head = head;
	j->in_fu = !info->fu_end;
	return r;
}

int h264_join_add(struct h264_join *j, struct span payload)
{
	struct h264_info info;
	int r = h264_info(&info, payload);

	if (r != 0)
		return r;
	if (info.fu)
		return join_fu(j, &info, payload);
	if (j->in_fu)
		return E_FORMAT;
	if (type_of(payload.p[0]) == H264_NAL_STAP_A)
		return join_stap(j, payload);
	return join_nal(j, payload);
}

int h264_join_end(const struct h264_join *j, struct span *annexb)
{
	if (j->in_fu || j->n == 0)
		return E_TRUNC;
	*annexb = span_of(j->buf, j->n);
	return 0;
}

/* --- Annex B --- */

/* The place of the next 00 00 01, or the end. */
static const uint8_t *find_start(const uint8_t *p, const uint8_t *end)
{
	static const uint8_t code[3] = {0, 0, 1};
	const uint8_t *at = NULL;

	if (p < end)
		at = memmem(p, (size_t)(end - p), code, sizeof(code));
	return at ? at : end;
}

bool h264_nal_next(struct span *annexb, struct span *nal)
{
	const uint8_t *end = annexb->n ? annexb->p + annexb->n : annexb->p;
	const uint8_t *p = find_start(annexb->p, end);

	while (p < end) {
		const uint8_t *from = p + 3;
		const uint8_t *next = find_start(from, end);
		const uint8_t *to = next;
		while (to > from && to[-1] == 0)
			to--;
		if (to > from) {
			*nal = span_of(from, (size_t)(to - from));
			*annexb = span_of(next, (size_t)(end - next));
			return true;
		}
		p = next;
	}
	*annexb = SPAN_NONE;
	return false;
}

bool h264_is_key(struct span annexb)
{
	struct span nal;

	while (h264_nal_next(&annexb, &nal))
		if (type_of(nal.p[0]) == H264_NAL_IDR)
			return true;
	return false;
}

/* --- packets out --- */

static void fetch(struct h264_pack *p)
{
	p->in_fu = false;
	p->have_nal = h264_nal_next(&p->rest, &p->nal);
}

int h264_pack_init(struct h264_pack *p, struct span annexb, unsigned mode,
		   size_t max_n)
{
	if (mode > 1 || max_n < PACK_MIN || max_n > UINT16_MAX)
		return E_INVAL;
	*p = (struct h264_pack){.rest = annexb, .mode = (uint8_t)mode,
				.max_n = max_n};
	fetch(p);
	return p->have_nal ? 0 : E_INVAL;
}

/* How many NAL units from here fit one STAP-A, and its size. */
static unsigned count_stap(const struct h264_pack *p, size_t *size)
{
	struct h264_pack look = *p;
	unsigned n = 0;

	*size = 1;
	while (look.have_nal && n < H264_STAP_MAX &&
	       is_single(type_of(look.nal.p[0])) &&
	       *size + 2 + look.nal.n <= p->max_n) {
		*size += 2 + look.nal.n;
		n++;
		fetch(&look);
	}
	return n;
}

static void put_stap(struct h264_pack *p, struct wr *w, unsigned n)
{
	uint8_t head = 0;

	wr_u8(w, 0);
	for (; n > 0; n--) {
		uint8_t b = p->nal.p[0];
		/* F is the OR, NRI the highest of all (RFC 6184 5.7) */
		head |= b & 0x80;
		if ((b & NRI_MASK) > (head & NRI_MASK))
			head = (uint8_t)((head & 0x80) | (b & NRI_MASK));
		wr_u16(w, (uint16_t)p->nal.n);
		wr_span(w, p->nal);
		fetch(p);
	}
	if (!w->failed)
		w->begin[0] = head | H264_NAL_STAP_A;
}

static void put_single(struct h264_pack *p, struct wr *w)
{
	wr_span(w, p->nal);
	fetch(p);
}

/* p->nal is what is left of the unit; its header byte stays apart. */
static void put_fu(struct h264_pack *p, struct wr *w)
{
	bool start = !p->in_fu;

	if (start) {
		p->fu_head = p->nal.p[0];
		p->nal = span_of(p->nal.p + 1, p->nal.n - 1);
		p->fu_parts = (p->nal.n - 1) / (p->max_n - 2) + 1;
		p->in_fu = true;
	}
	size_t n = (p->nal.n - 1) / p->fu_parts + 1;
	bool end = p->fu_parts == 1;
	wr_u8(w, (uint8_t)((p->fu_head & 0xE0) | H264_NAL_FU_A));
	wr_u8(w, (uint8_t)((start ? FU_START : 0) | (end ? FU_END : 0) |
			   type_of(p->fu_head)));
	wr_bytes(w, p->nal.p, n);
	p->nal = span_of(p->nal.p + n, p->nal.n - n);
	p->fu_parts--;
	if (end)
		fetch(p);
}

static int put_next(struct h264_pack *p, struct wr *w)
{
	size_t size;
	unsigned n;

	if (p->in_fu) {
		put_fu(p, w);
		return 0;
	}
	if (!is_single(type_of(p->nal.p[0])))
		return E_FORMAT;
	if (p->nal.n > p->max_n && p->mode == 0)
		return E_LIMIT;
	n = p->mode == 1 ? count_stap(p, &size) : 0;
	if (n > 1)
		put_stap(p, w, n);
	else if (p->nal.n <= p->max_n)
		put_single(p, w);
	else
		put_fu(p, w);
	return 0;
}

int h264_pack_next(struct h264_pack *p, void *buf, size_t cap,
		   struct span *out, bool *last)
{
	struct wr w = wr_of(buf, cap);
	int r;

	if (!p->have_nal)
		return 0;
	r = put_next(p, &w);
	if (r == 0)
		r = wr_end(&w, out);
	if (r != 0)
		return r;
	*last = !p->have_nal;
	return 1;
}
