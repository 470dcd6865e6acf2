#include "wire/rtp/rtp.h"
#include "base/rd.h"
#include "base/wr.h"

enum { VERSION = 2, BIT_PADDING = 0x20, BIT_EXT = 0x10 };

/* RFC 7983 section 7 for the first byte, RFC 5761 section 4 for the second. */
enum rtp_demux rtp_demux(struct span in)
{
	if (in.n < 2)
		return RTP_DEMUX_OTHER;
	if (in.p[0] <= 3)
		return RTP_DEMUX_STUN;
	if (in.p[0] >= 20 && in.p[0] <= 63)
		return RTP_DEMUX_DTLS;
	if (in.p[0] < 128 || in.p[0] > 191)
		return RTP_DEMUX_OTHER;
	return in.p[1] >= 192 && in.p[1] <= 223 ? RTP_DEMUX_RTCP
						: RTP_DEMUX_RTP;
}

int rtp_decode_header(struct rtp *out, struct span in)
{
	struct rtp p = {0};
	struct rd r = rd_of(in);
	uint8_t b0 = rd_u8(&r);
	uint8_t b1 = rd_u8(&r);

	if (!r.failed && b0 >> 6 != VERSION)
		return E_FORMAT;
	p.padding = b0 & BIT_PADDING;
	p.has_ext = b0 & BIT_EXT;
	p.csrc_n = b0 & 15;
	p.marker = b1 & 0x80;
	p.pt = b1 & 0x7F;
	p.seq = rd_u16(&r);
	p.ts = rd_u32(&r);
	p.ssrc = rd_u32(&r);
	for (size_t i = 0; i < p.csrc_n; i++)
		p.csrc[i] = rd_u32(&r);
	if (p.has_ext) {
		p.ext_profile = rd_u16(&r);
		p.ext = rd_span(&r, 4u * rd_u16(&r));
	}
	if (r.failed)
		return E_TRUNC;
	/* at most 12 + 60 + 4 + 4 * 65535: a datagram is shorter */
	if (in.n - rd_left(&r) > UINT16_MAX)
		return E_LIMIT;
	p.header_n = (uint16_t)(in.n - rd_left(&r));
	p.payload = rd_rest(&r);
	*out = p;
	return 0;
}

int rtp_strip_padding(struct rtp *p)
{
	if (!p->padding || p->pad_n > 0)
		return 0;
	if (p->payload.n == 0)
		return E_FORMAT;
	uint8_t n = p->payload.p[p->payload.n - 1];
	if (n == 0 || n > p->payload.n)
		return E_FORMAT;
	p->pad_n = n;
	p->payload.n -= n;
	return 0;
}

int rtp_decode(struct rtp *out, struct span in)
{
	struct rtp p;
	int r = rtp_decode_header(&p, in);

	if (r == 0)
		r = rtp_strip_padding(&p);
	if (r == 0)
		*out = p;
	return r;
}

static int put_header(struct wr *w, const struct rtp *p)
{
	if (p->pt > 127 || p->csrc_n > RTP_CSRC_MAX || p->ext.n % 4 != 0 ||
	    p->ext.n / 4 > UINT16_MAX)
		return E_INVAL;
	wr_u8(w, (uint8_t)(VERSION << 6 | (p->pad_n ? BIT_PADDING : 0) |
			   (p->has_ext ? BIT_EXT : 0) | p->csrc_n));
	wr_u8(w, (uint8_t)((p->marker ? 0x80 : 0) | p->pt));
	wr_u16(w, p->seq);
	wr_u32(w, p->ts);
	wr_u32(w, p->ssrc);
	for (size_t i = 0; i < p->csrc_n; i++)
		wr_u32(w, p->csrc[i]);
	if (p->has_ext) {
		wr_u16(w, p->ext_profile);
		wr_u16(w, (uint16_t)(p->ext.n / 4));
		wr_span(w, p->ext);
	}
	return 0;
}

int rtp_encode_header(const struct rtp *p, void *buf, size_t cap,
		      struct span *out)
{
	struct wr w = wr_of(buf, cap);
	int r = put_header(&w, p);

	return r != 0 ? r : wr_end(&w, out);
}

int rtp_encode(const struct rtp *p, void *buf, size_t cap, struct span *out)
{
	uint8_t *dst = buf;
	struct span head;
	int r = rtp_encode_header(p, buf, cap, &head);

	if (r != 0)
		return r;
	if (p->payload.n > cap - head.n ||
	    p->pad_n > cap - head.n - p->payload.n)
		return E_FULL;
	if (p->payload.n > 0)
		memmove(dst + head.n, p->payload.p, p->payload.n);
	size_t n = head.n + p->payload.n;
	if (p->pad_n > 0) {
		memset(dst + n, 0, p->pad_n);
		n += p->pad_n;
		dst[n - 1] = p->pad_n;
	}
	*out = span_of(buf, n);
	return 0;
}

/* --- header extensions --- */

static bool is_two_byte(uint16_t profile)
{
	return (profile & 0xFFF0) == RTP_EXT_TWO_BYTE;
}

struct rtp_ext_it rtp_ext_begin(const struct rtp *p)
{
	struct rtp_ext_it it = {SPAN_NONE, is_two_byte(p->ext_profile)};

	if (p->has_ext && (it.two_byte || p->ext_profile == RTP_EXT_ONE_BYTE))
		it.rest = p->ext;
	return it;
}

static void skip_pad_bytes(struct span *s)
{
	while (s->n > 0 && s->p[0] == 0) {
		s->p++;
		s->n--;
	}
}

bool rtp_ext_next(struct rtp_ext_it *it, struct rtp_ext *out)
{
	skip_pad_bytes(&it->rest);
	struct rd r = rd_of(it->rest);
	uint8_t id = rd_u8(&r);
	size_t n;

	if (it->two_byte) {
		n = rd_u8(&r);
	} else {
		n = (id & 15u) + 1;
		id >>= 4;
		/* RFC 8285 4.2: 15 ends it all, so does 0 with a length */
		if (id == 15 || id == 0)
			rd_fail(&r);
	}
	struct span data = rd_span(&r, n);
	if (r.failed) {
		it->rest = SPAN_NONE;
		return false;
	}
	it->rest = rd_rest(&r);
	*out = (struct rtp_ext){id, data};
	return true;
}

bool rtp_ext_find(const struct rtp *p, uint8_t id, struct span *data)
{
	struct rtp_ext_it it = rtp_ext_begin(p);
	struct rtp_ext e;

	if (id == 0)
		return false;
	while (rtp_ext_next(&it, &e)) {
		if (e.id == id) {
			*data = e.data;
			return true;
		}
	}
	return false;
}

int rtp_ext_encode(const struct rtp_ext *e, size_t n, void *buf, size_t cap,
		   uint16_t *profile, struct span *out)
{
	struct wr w = wr_of(buf, cap);
	bool two = false;
	int r;

	if (n > RTP_EXT_MAX)
		return E_INVAL;
	for (size_t i = 0; i < n; i++) {
		if (e[i].id == 0 || e[i].data.n > 255)
			return E_INVAL;
		two |= e[i].id > 14 || e[i].data.n == 0 || e[i].data.n > 16;
	}
	for (size_t i = 0; i < n; i++) {
		if (two) {
			wr_u8(&w, e[i].id);
			wr_u8(&w, (uint8_t)e[i].data.n);
		} else {
			wr_u8(&w, (uint8_t)((size_t)e[i].id << 4 |
					    (e[i].data.n - 1)));
		}
		wr_span(&w, e[i].data);
	}
	wr_zero(&w, (4 - wr_len(&w) % 4) % 4);
	r = wr_end(&w, out);
	if (r == 0)
		*profile = two ? RTP_EXT_TWO_BYTE : RTP_EXT_ONE_BYTE;
	return r;
}

/* The two-byte form of RFC 6464 may carry a pad byte: 1 or 2 bytes. */
bool rtp_ext_audio_level(struct span data, bool *voice, uint8_t *level)
{
	if (data.n < 1 || data.n > 2)
		return false;
	*voice = data.p[0] & 0x80;
	*level = data.p[0] & 0x7F;
	return true;
}

bool rtp_ext_abs_send_time(struct span data, uint32_t *t)
{
	struct rd r = rd_of(data);
	uint32_t v = rd_u24(&r);

	if (rd_end(&r) != 0)
		return false;
	*t = v;
	return true;
}

bool rtp_ext_twcc(struct span data, uint16_t *seq)
{
	struct rd r = rd_of(data);
	uint16_t v = rd_u16(&r);

	if (rd_end(&r) != 0)
		return false;
	*seq = v;
	return true;
}

uint32_t rtp_abs_send_time_of_ns(uint64_t ns)
{
	uint64_t in_circle = ns % UINT64_C(64000000000);

	return (uint32_t)((in_circle << 18) / UINT64_C(1000000000)) & 0xFFFFFF;
}

/* --- numbers on a circle --- */

uint64_t rtp_seq_extend(uint64_t near, uint16_t seq)
{
	int d = rtp_seq_diff(seq, (uint16_t)near);

	if (d < 0 && near < (uint64_t)-d)
		return near + (uint64_t)(d + 65536);
	return near + (uint64_t)(int64_t)d;
}

uint64_t rtp_ts_extend(uint64_t near, uint32_t ts)
{
	int64_t d = rtp_ts_diff(ts, (uint32_t)near);

	if (d < 0 && near < (uint64_t)-d)
		return near + (uint64_t)(d + (INT64_C(1) << 32));
	return near + (uint64_t)d;
}

/* --- RTX --- */

int rtp_rtx_unwrap(struct rtp *out, const struct rtp *rtx, uint32_t ssrc,
		   uint8_t pt)
{
	struct rtp p = *rtx;
	struct rd r = rd_of(rtx->payload);
	uint16_t osn = rd_u16(&r);

	if (r.failed)
		return E_TRUNC;
	p.seq = osn;
	p.ssrc = ssrc;
	p.pt = pt;
	p.payload = rd_rest(&r);
	p.header_n = (uint16_t)(p.header_n + RTP_RTX_OSN_LEN);
	*out = p;
	return 0;
}

int rtp_rtx_encode(const struct rtp *orig, uint32_t rtx_ssrc, uint8_t rtx_pt,
		   uint16_t rtx_seq, void *buf, size_t cap, struct span *out)
{
	struct wr w = wr_of(buf, cap);
	struct rtp p = *orig;
	int r;

	p.ssrc = rtx_ssrc;
	p.pt = rtx_pt;
	p.seq = rtx_seq;
	p.pad_n = 0;
	r = put_header(&w, &p);
	if (r != 0)
		return r;
	wr_u16(&w, orig->seq);
	wr_span(&w, orig->payload);
	return wr_end(&w, out);
}

/* --- RFC 4571 --- */

int rtp_frame_next(struct span *in, size_t max, struct span *frame)
{
	struct rd r = rd_of(*in);
	size_t n = rd_u16(&r);

	if (r.failed)
		return E_AGAIN;
	if (n > max)
		return E_LIMIT;
	struct span f = rd_span(&r, n);
	if (r.failed)
		return E_AGAIN;
	*frame = f;
	*in = rd_rest(&r);
	return 0;
}

int rtp_frame_head(uint8_t head[RTP_FRAME_HEAD_LEN], size_t n)
{
	if (n > UINT16_MAX)
		return E_LIMIT;
	head[0] = (uint8_t)(n >> 8);
	head[1] = (uint8_t)n;
	return 0;
}
