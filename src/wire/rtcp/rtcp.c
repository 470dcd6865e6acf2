#include "wire/rtcp/rtcp.h"
#include "base/rd.h"

enum {
	VERSION = 2,
	BIT_PADDING = 0x20,
	PT_SR = 200, PT_RR = 201, PT_SDES = 202, PT_BYE = 203,
	PT_RTPFB = 205, PT_PSFB = 206,
	FMT_NACK = 1, FMT_TMMBR = 3, FMT_TMMBN = 4, FMT_TWCC = 15,
	FMT_PLI = 1, FMT_FIR = 4, FMT_AFB = 15,
	HEADER_LEN = 4,
	BLOCK_LEN = 24,
	TWCC_RUN_MAX = 0x1FFF,
};

#define REMB UINT32_C(0x52454D42)
#define MAX_24 0xFFFFFF

/* --- transport-wide feedback: chunks --- */

enum { SYM_LOST = 0, SYM_SMALL = 1, SYM_LARGE = 2, SYM_RESERVED = 3 };

static unsigned chunk_symbols(unsigned chunk)
{
	if (!(chunk & 0x8000))
		return chunk & TWCC_RUN_MAX;
	return chunk & 0x4000 ? 7 : 14;
}

/* The symbol that stands `left` symbols before the chunk's end; left >= 1. */
static unsigned chunk_symbol(unsigned chunk, unsigned left)
{
	if (!(chunk & 0x8000))
		return chunk >> 13 & 3;
	if (chunk & 0x4000)
		return chunk >> 2 * (left - 1) & 3;
	return chunk >> (left - 1) & 1;
}

/* Adds up the bytes of delta that n statuses of a chunk announce. */
static int chunk_delta_bytes(unsigned chunk, unsigned n, size_t *bytes)
{
	unsigned all = chunk_symbols(chunk);

	for (unsigned i = 0; i < n; i++) {
		unsigned sym = chunk_symbol(chunk, all - i);
		if (sym == SYM_RESERVED)
			return E_FORMAT;
		*bytes += sym;
	}
	return 0;
}

static int get_twcc(struct rtcp *p, struct rd *r)
{
	struct span all;
	size_t left, bytes = 0;
	int e;

	p->base_seq = rd_u16(r);
	p->status_n = rd_u16(r);
	uint32_t ref = rd_u24(r);
	p->ref_64ms = (int32_t)(ref << 8) >> 8;
	p->fb_count = rd_u8(r);
	if (r->failed || p->status_n == 0)
		return E_FORMAT;
	if (p->status_n > RTCP_TWCC_MAX)
		return E_LIMIT;
	all = span_of(r->p, rd_left(r));
	for (left = p->status_n; left > 0;) {
		unsigned chunk = rd_u16(r);
		unsigned n = chunk_symbols(chunk);
		if (r->failed)
			return E_FORMAT;
		if (n > left)
			n = (unsigned)left;
		e = chunk_delta_bytes(chunk, n, &bytes);
		if (e != 0)
			return e;
		left -= n;
	}
	p->items = span_of(all.p, all.n - rd_left(r));
	p->deltas = rd_span(r, bytes);
	return r->failed ? E_FORMAT : 0;
}

struct rtcp_twcc_it rtcp_twcc_begin(const struct rtcp *p)
{
	return (struct rtcp_twcc_it){.chunks = p->items,
				     .deltas = p->deltas,
				     .seq = p->base_seq,
				     .left = p->status_n};
}

static void next_chunk(struct rtcp_twcc_it *it)
{
	struct rd r = rd_of(it->chunks);

	it->chunk = rd_u16(&r);
	it->chunk_left = (uint16_t)chunk_symbols(it->chunk);
	it->chunks = rd_rest(&r);
	if (r.failed)
		it->left = 0;
}

static int16_t next_delta(struct rtcp_twcc_it *it, unsigned sym)
{
	struct rd r = rd_of(it->deltas);
	int16_t d;

	d = sym == SYM_LARGE ? (int16_t)rd_u16(&r) : (int16_t)rd_u8(&r);
	it->deltas = rd_rest(&r);
	return d;
}

bool rtcp_twcc_next(struct rtcp_twcc_it *it, struct rtcp_twcc *out)
{
	while (it->left > 0 && it->chunk_left == 0)
		next_chunk(it);
	if (it->left == 0)
		return false;
	unsigned sym = chunk_symbol(it->chunk, it->chunk_left);
	*out = (struct rtcp_twcc){.seq = it->seq, .received = sym != SYM_LOST};
	if (out->received)
		out->delta_250us = next_delta(it, sym);
	it->chunk_left--;
	it->left--;
	it->seq++;
	return true;
}

/* --- decode --- */

/* Report blocks; what follows them is a profile's own and is left alone. */
static int get_blocks(struct rtcp *p, struct rd *r)
{
	p->items = rd_span(r, (size_t)p->count * BLOCK_LEN);
	return r->failed ? E_FORMAT : 0;
}

static int get_sr(struct rtcp *p, struct rd *r)
{
	p->kind = RTCP_SR;
	p->ssrc = rd_u32(r);
	p->ntp = rd_u64(r);
	p->rtp_ts = rd_u32(r);
	p->packets = rd_u32(r);
	p->octets = rd_u32(r);
	return get_blocks(p, r);
}

static int get_rr(struct rtcp *p, struct rd *r)
{
	p->kind = RTCP_RR;
	p->ssrc = rd_u32(r);
	return get_blocks(p, r);
}

/* The null item that ends a chunk reaches to the next 32-bit boundary. left
 * is counted before the null item's first byte; bodies are multiples of 4. */
static size_t sdes_end_len(size_t left)
{
	return left % 4 ? left % 4 : 4;
}

static int get_sdes(struct rtcp *p, struct rd *r)
{
	struct span all = span_of(r->p, rd_left(r));

	p->kind = RTCP_SDES;
	for (unsigned i = 0; i < p->count; i++) {
		rd_u32(r);
		for (;;) {
			size_t left = rd_left(r);
			if (left == 0)
				return E_FORMAT;
			if (*r->p == 0) {
				rd_skip(r, sdes_end_len(left));
				break;
			}
			rd_u8(r);
			rd_skip(r, rd_u8(r));
		}
		if (r->failed)
			return E_FORMAT;
	}
	p->items = span_of(all.p, all.n - rd_left(r));
	return 0;
}

static int get_bye(struct rtcp *p, struct rd *r)
{
	p->kind = RTCP_BYE;
	p->items = rd_span(r, 4u * p->count);
	if (rd_left(r) > 0)
		p->reason = rd_span(r, rd_u8(r));
	return r->failed ? E_FORMAT : 0;
}

/* Feedback items of a fixed size, at least `min` of them. */
static int get_items(struct rtcp *p, struct rd *r, enum rtcp_kind kind,
		     size_t size, size_t min)
{
	p->kind = kind;
	p->items = rd_rest(r);
	if (p->items.n % size != 0 || p->items.n < min * size)
		return E_FORMAT;
	return 0;
}

/* mantissa << exponent, cut off at 64 bits: the peer chooses both. */
static uint64_t shift_up(uint64_t mantissa, unsigned exponent)
{
	if (mantissa != 0 && (exponent > 63 ||
			      mantissa > UINT64_MAX >> exponent))
		return UINT64_MAX;
	return mantissa << exponent;
}

static int get_afb(struct rtcp *p, struct rd *r)
{
	uint32_t name = rd_u32(r);

	if (r->failed || name != REMB)
		return 0;
	unsigned n = rd_u8(r);
	uint32_t v = rd_u24(r);
	p->bps = shift_up(v & 0x3FFFF, v >> 18);
	p->items = rd_span(r, 4u * n);
	if (rd_end(r) != 0)
		return E_FORMAT;
	p->kind = RTCP_REMB;
	return 0;
}

static int get_rtpfb(struct rtcp *p, struct rd *r)
{
	p->ssrc = rd_u32(r);
	p->media_ssrc = rd_u32(r);
	if (r->failed)
		return E_FORMAT;
	switch (p->count) {
	case FMT_NACK:
		return get_items(p, r, RTCP_NACK, 4, 1);
	case FMT_TMMBR:
		return get_items(p, r, RTCP_TMMBR, 8, 1);
	case FMT_TMMBN:
		return get_items(p, r, RTCP_TMMBN, 8, 0);
	case FMT_TWCC:
		p->kind = RTCP_TWCC;
		return get_twcc(p, r);
	default:
		return 0;
	}
}

static int get_psfb(struct rtcp *p, struct rd *r)
{
	p->ssrc = rd_u32(r);
	p->media_ssrc = rd_u32(r);
	if (r->failed)
		return E_FORMAT;
	switch (p->count) {
	case FMT_PLI:
		p->kind = RTCP_PLI;
		return 0;
	case FMT_FIR:
		return get_items(p, r, RTCP_FIR, 8, 1);
	case FMT_AFB:
		return get_afb(p, r);
	default:
		return 0;
	}
}

static int get_body(struct rtcp *p, struct rd *r)
{
	switch (p->pt) {
	case PT_SR:
		return get_sr(p, r);
	case PT_RR:
		return get_rr(p, r);
	case PT_SDES:
		return get_sdes(p, r);
	case PT_BYE:
		return get_bye(p, r);
	case PT_RTPFB:
		return get_rtpfb(p, r);
	case PT_PSFB:
		return get_psfb(p, r);
	default:
		return 0;
	}
}

/* Only the last packet of a compound may be padded, by a multiple of four
 * bytes (RFC 3550 6.4.1). Chromium's transport feedback does neither: it fills
 * up each such packet to the next word with 1 to 3 bytes. */
static int strip_padding(struct span *body, bool is_last, bool is_twcc)
{
	if (!(is_last || is_twcc) || body->n == 0)
		return E_FORMAT;
	uint8_t n = body->p[body->n - 1];
	if (n == 0 || (n % 4 != 0 && !is_twcc) || n > body->n)
		return E_FORMAT;
	body->n -= n;
	return 0;
}

static int next_packet(struct span *in, struct rtcp *out)
{
	struct rtcp p = {0};
	struct rd r = rd_of(*in);
	uint8_t b0 = rd_u8(&r);
	int e = 0;

	p.pt = rd_u8(&r);
	struct span body = {0};
	body.n = 4u * rd_u16(&r);
	body = rd_span(&r, body.n);
	if (r.failed)
		return E_TRUNC;
	if (b0 >> 6 != VERSION)
		return E_FORMAT;
	p.count = b0 & 31;
	*in = rd_rest(&r);
	if (b0 & BIT_PADDING)
		e = strip_padding(&body, in->n == 0,
				  p.pt == PT_RTPFB && p.count == FMT_TWCC);
	if (e != 0)
		return e;
	r = rd_of(body);
	e = get_body(&p, &r);
	if (e != 0)
		return e;
	/* OTHER promises no fields: an unknown feedback's SSRCs go too */
	if (p.kind == RTCP_OTHER)
		p = (struct rtcp){.pt = p.pt, .count = p.count};
	*out = p;
	return 1;
}

int rtcp_next(struct span *in, struct rtcp *out)
{
	int r;

	if (in->n == 0)
		return 0;
	r = next_packet(in, out);
	if (r < 0)
		*in = SPAN_NONE;
	return r;
}

int rtcp_check(struct span in)
{
	struct rtcp p;
	int r;

	if (in.n == 0)
		return E_TRUNC;
	for (unsigned i = 0; i < RTCP_PACKETS_MAX; i++) {
		r = rtcp_next(&in, &p);
		if (r <= 0)
			return r;
	}
	return in.n == 0 ? 0 : E_LIMIT;
}

/* --- items --- */

bool rtcp_block_next(struct span *items, struct rtcp_block *out)
{
	struct rd r = rd_of(*items);
	struct rtcp_block b = {.ssrc = rd_u32(&r)};

	b.fraction_lost = rd_u8(&r);
	uint32_t lost = rd_u24(&r);
	b.lost = (int32_t)(lost << 8) >> 8;
	b.highest_seq = rd_u32(&r);
	b.jitter = rd_u32(&r);
	b.lsr = rd_u32(&r);
	b.dlsr = rd_u32(&r);
	if (r.failed)
		return false;
	*items = rd_rest(&r);
	*out = b;
	return true;
}

#define SDES_IN_CHUNK (UINT64_C(1) << 32)

bool rtcp_sdes_next(struct span *items, uint64_t *state,
		    struct rtcp_sdes *out)
{
	struct rd r = rd_of(*items);

	while (rd_left(&r) > 0) {
		if (!(*state & SDES_IN_CHUNK))
			*state = SDES_IN_CHUNK | rd_u32(&r);
		size_t left = rd_left(&r);
		uint8_t type = rd_u8(&r);
		if (type == 0 && left > 0) {
			rd_skip(&r, sdes_end_len(left) - 1);
			*state = 0;
			continue;
		}
		struct span text = rd_span(&r, rd_u8(&r));
		if (r.failed)
			return false;
		*out = (struct rtcp_sdes){(uint32_t)*state, type, text};
		*items = rd_rest(&r);
		return true;
	}
	return false;
}

bool rtcp_ssrc_next(struct span *items, uint32_t *ssrc)
{
	struct rd r = rd_of(*items);
	uint32_t v = rd_u32(&r);

	if (r.failed)
		return false;
	*items = rd_rest(&r);
	*ssrc = v;
	return true;
}

bool rtcp_nack_next(struct span *items, struct rtcp_nack *out)
{
	struct rd r = rd_of(*items);
	struct rtcp_nack n = {.seq = rd_u16(&r)};

	n.mask = rd_u16(&r);
	if (r.failed)
		return false;
	*items = rd_rest(&r);
	*out = n;
	return true;
}

bool rtcp_fir_next(struct span *items, struct rtcp_fir *out)
{
	struct rd r = rd_of(*items);
	struct rtcp_fir f = {.ssrc = rd_u32(&r)};

	f.seq = rd_u8(&r);
	rd_skip(&r, 3);
	if (r.failed)
		return false;
	*items = rd_rest(&r);
	*out = f;
	return true;
}

bool rtcp_tmmb_next(struct span *items, struct rtcp_tmmb *out)
{
	struct rd r = rd_of(*items);
	struct rtcp_tmmb t = {.ssrc = rd_u32(&r)};
	uint32_t v = rd_u32(&r);

	if (r.failed)
		return false;
	t.bps = shift_up(v >> 9 & 0x1FFFF, v >> 26);
	t.overhead = v & 0x1FF;
	*items = rd_rest(&r);
	*out = t;
	return true;
}

/* --- encode --- */

/* Writes a header whose length put_end() fills in; returns where it begins. */
static size_t put_begin(struct wr *w, unsigned count, unsigned pt)
{
	size_t at = wr_len(w);

	wr_u8(w, (uint8_t)(VERSION << 6 | (count & 31)));
	wr_u8(w, (uint8_t)pt);
	wr_u16(w, 0);
	return at;
}

static void put_end(struct wr *w, size_t at)
{
	if (w->failed)
		return;
	wr_zero(w, (4 - (wr_len(w) - at) % 4) % 4);
	size_t words = (wr_len(w) - at) / 4 - 1;
	if (words > UINT16_MAX)
		wr_fail(w);
	else if (!w->failed)
		wr_at_u16(w, at + 2, (uint16_t)words);
}

static void put_blocks(struct wr *w, const struct rtcp_block *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t lost = b[i].lost;
		if (lost > 0x7FFFFF)
			lost = 0x7FFFFF;
		if (lost < -0x800000)
			lost = -0x800000;
		wr_u32(w, b[i].ssrc);
		wr_u8(w, b[i].fraction_lost);
		wr_u24(w, (uint32_t)lost & MAX_24);
		wr_u32(w, b[i].highest_seq);
		wr_u32(w, b[i].jitter);
		wr_u32(w, b[i].lsr);
		wr_u32(w, b[i].dlsr);
	}
}

void rtcp_put_sr(struct wr *w, const struct rtcp_sender *s,
		 const struct rtcp_block *b, size_t n)
{
	if (n > RTCP_BLOCKS_MAX) {
		wr_fail(w);
		return;
	}
	size_t at = put_begin(w, (unsigned)n, PT_SR);
	wr_u32(w, s->ssrc);
	wr_u64(w, s->ntp);
	wr_u32(w, s->rtp_ts);
	wr_u32(w, s->packets);
	wr_u32(w, s->octets);
	put_blocks(w, b, n);
	put_end(w, at);
}

void rtcp_put_rr(struct wr *w, uint32_t ssrc, const struct rtcp_block *b,
		 size_t n)
{
	if (n > RTCP_BLOCKS_MAX) {
		wr_fail(w);
		return;
	}
	size_t at = put_begin(w, (unsigned)n, PT_RR);
	wr_u32(w, ssrc);
	put_blocks(w, b, n);
	put_end(w, at);
}

void rtcp_put_cname(struct wr *w, uint32_t ssrc, struct span cname)
{
	if (cname.n > RTCP_CNAME_MAX) {
		wr_fail(w);
		return;
	}
	size_t at = put_begin(w, 1, PT_SDES);
	wr_u32(w, ssrc);
	wr_u8(w, RTCP_SDES_CNAME);
	wr_u8(w, (uint8_t)cname.n);
	wr_span(w, cname);
	wr_u8(w, 0);
	put_end(w, at);
}

void rtcp_put_bye(struct wr *w, const uint32_t *ssrc, size_t n,
		  struct span reason)
{
	if (n == 0 || n > RTCP_BLOCKS_MAX || reason.n > 255) {
		wr_fail(w);
		return;
	}
	size_t at = put_begin(w, (unsigned)n, PT_BYE);
	for (size_t i = 0; i < n; i++)
		wr_u32(w, ssrc[i]);
	if (reason.n > 0) {
		wr_u8(w, (uint8_t)reason.n);
		wr_span(w, reason);
	}
	put_end(w, at);
}

static size_t put_fb(struct wr *w, unsigned fmt, unsigned pt, uint32_t ssrc,
		     uint32_t media_ssrc)
{
	size_t at = put_begin(w, fmt, pt);

	wr_u32(w, ssrc);
	wr_u32(w, media_ssrc);
	return at;
}

void rtcp_put_nack(struct wr *w, uint32_t ssrc, uint32_t media_ssrc,
		   const uint16_t *seqs, size_t n)
{
	size_t at = put_fb(w, FMT_NACK, PT_RTPFB, ssrc, media_ssrc);

	if (n == 0)
		wr_fail(w);
	for (size_t i = 0; i < n;) {
		uint16_t first = seqs[i++];
		unsigned mask = 0;
		for (; i < n; i++) {
			uint16_t d = (uint16_t)(seqs[i] - first);
			if (d > 16)
				break;
			if (d > 0)
				mask |= 1u << (d - 1);
		}
		wr_u16(w, first);
		wr_u16(w, (uint16_t)mask);
	}
	put_end(w, at);
}

void rtcp_put_pli(struct wr *w, uint32_t ssrc, uint32_t media_ssrc)
{
	put_end(w, put_fb(w, FMT_PLI, PT_PSFB, ssrc, media_ssrc));
}

void rtcp_put_fir(struct wr *w, uint32_t ssrc, uint32_t media_ssrc,
		  uint8_t seq)
{
	/* RFC 5104 4.3.1.2: the media source stands in the item alone */
	size_t at = put_fb(w, FMT_FIR, PT_PSFB, ssrc, 0);

	wr_u32(w, media_ssrc);
	wr_u8(w, seq);
	wr_zero(w, 3);
	put_end(w, at);
}

/* Finds the exponent that makes v fit `bits`, rounding down. */
static unsigned exponent_of(uint64_t v, unsigned bits)
{
	unsigned e = 0;

	while (v >> e >> bits)
		e++;
	return e;
}

void rtcp_put_remb(struct wr *w, uint32_t ssrc, uint64_t bps,
		   const uint32_t *media_ssrc, size_t n)
{
	unsigned e = exponent_of(bps, 18);
	size_t at = put_fb(w, FMT_AFB, PT_PSFB, ssrc, 0);

	if (n == 0 || n > RTCP_REMB_SSRC_MAX) {
		wr_fail(w);
		return;
	}
	wr_u32(w, REMB);
	wr_u8(w, (uint8_t)n);
	wr_u24(w, e << 18 | (uint32_t)(bps >> e));
	for (size_t i = 0; i < n; i++)
		wr_u32(w, media_ssrc[i]);
	put_end(w, at);
}

static void put_tmmb(struct wr *w, unsigned fmt, uint32_t ssrc,
		     const struct rtcp_tmmb *t, size_t n)
{
	size_t at = put_fb(w, fmt, PT_RTPFB, ssrc, 0);

	for (size_t i = 0; i < n; i++) {
		unsigned e = exponent_of(t[i].bps, 17);
		wr_u32(w, t[i].ssrc);
		wr_u32(w, e << 26 | (uint32_t)(t[i].bps >> e) << 9 |
				  (t[i].overhead & 0x1FF));
	}
	put_end(w, at);
}

void rtcp_put_tmmbr(struct wr *w, uint32_t ssrc, const struct rtcp_tmmb *t,
		    size_t n)
{
	put_tmmb(w, FMT_TMMBR, ssrc, t, n);
}

void rtcp_put_tmmbn(struct wr *w, uint32_t ssrc, const struct rtcp_tmmb *t,
		    size_t n)
{
	put_tmmb(w, FMT_TMMBN, ssrc, t, n);
}

/* --- encode: transport-wide feedback --- */

static unsigned symbol_of(const struct rtcp_twcc *v)
{
	if (!v->received)
		return SYM_LOST;
	return v->delta_250us >= 0 && v->delta_250us <= 255 ? SYM_SMALL
							    : SYM_LARGE;
}

static size_t run_of(const struct rtcp_twcc *v, size_t n)
{
	unsigned sym = symbol_of(v);
	size_t i = 1;

	while (i < n && i < TWCC_RUN_MAX && symbol_of(&v[i]) == sym)
		i++;
	return i;
}

static bool fits_one_bit(const struct rtcp_twcc *v, size_t n)
{
	for (size_t i = 0; i < n && i < 14; i++)
		if (symbol_of(&v[i]) == SYM_LARGE)
			return false;
	return true;
}

static size_t put_vector(struct wr *w, const struct rtcp_twcc *v, size_t n,
			 bool one_bit)
{
	size_t all = one_bit ? 14 : 7;
	unsigned bits = one_bit ? 1 : 2;
	unsigned chunk = one_bit ? 2 : 3;	/* the two bits at the top */

	for (size_t i = 0; i < all; i++)
		chunk = chunk << bits | (i < n ? symbol_of(&v[i]) : 0);
	wr_u16(w, (uint16_t)chunk);
	return n < all ? n : all;
}

/* Writes one chunk; returns how many statuses it took. A run is taken where
 * no vector would take more. */
static size_t put_chunk(struct wr *w, const struct rtcp_twcc *v, size_t n)
{
	size_t run = run_of(v, n);
	bool one_bit = fits_one_bit(v, n);

	if (run < n && run < (one_bit ? 14u : 7u))
		return put_vector(w, v, n, one_bit);
	wr_u16(w, (uint16_t)(symbol_of(v) << 13 | run));
	return run;
}

static void put_delta(struct wr *w, const struct rtcp_twcc *v)
{
	unsigned sym = symbol_of(v);

	if (sym == SYM_SMALL)
		wr_u8(w, (uint8_t)v->delta_250us);
	else if (sym == SYM_LARGE)
		wr_u16(w, (uint16_t)v->delta_250us);
}

void rtcp_put_twcc(struct wr *w, const struct rtcp_twcc_head *h,
		   const struct rtcp_twcc *v, size_t n)
{
	size_t at = put_fb(w, FMT_TWCC, PT_RTPFB, h->ssrc, h->media_ssrc);

	if (n == 0 || n > RTCP_TWCC_MAX) {
		wr_fail(w);
		return;
	}
	wr_u16(w, h->base_seq);
	wr_u16(w, (uint16_t)n);
	wr_u24(w, (uint32_t)h->ref_64ms & MAX_24);
	wr_u8(w, h->fb_count);
	for (size_t i = 0; i < n;)
		i += put_chunk(w, v + i, n - i);
	for (size_t i = 0; i < n; i++)
		put_delta(w, &v[i]);
	put_end(w, at);
}

uint64_t rtcp_ntp_of_wall_us(int64_t wall_us)
{
	uint64_t us = (uint64_t)wall_us + UINT64_C(2208988800) * 1000000;
	uint64_t s = us / 1000000;
	uint64_t rest = us % 1000000;

	return s << 32 | (rest << 32) / 1000000;
}
