/* Properties: a decoded packet encodes to the same fields; extension elements
 * survive our builder; an RTX packet unwraps to what was wrapped; the work on
 * extensions is at most one step per byte. */
#include <assert.h>
#include "wire/rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct rtp *a, const struct rtp *b)
{
	assert(a->marker == b->marker && a->pt == b->pt && a->seq == b->seq);
	assert(a->ts == b->ts && a->ssrc == b->ssrc);
	assert(a->csrc_n == b->csrc_n && a->has_ext == b->has_ext);
	assert(memcmp(a->csrc, b->csrc, sizeof(a->csrc)) == 0);
	assert(a->ext_profile == b->ext_profile && span_eq(a->ext, b->ext));
	assert(span_eq(a->payload, b->payload) && a->pad_n == b->pad_n);
	assert(a->header_n == b->header_n);
}

static void check_exts(const struct rtp *p)
{
	struct rtp_ext_it it = rtp_ext_begin(p);
	struct rtp_ext e[RTP_EXT_MAX], one;
	struct rtp again = {.has_ext = true};
	uint8_t buf[RTP_EXT_MAX * 257 + 4];
	size_t n = 0, steps = 0;

	while (rtp_ext_next(&it, &one)) {
		assert(++steps <= p->ext.n);
		if (n < RTP_EXT_MAX)
			e[n++] = one;
	}
	assert(rtp_ext_encode(e, n, buf, sizeof(buf), &again.ext_profile,
			      &again.ext) == 0);
	it = rtp_ext_begin(&again);
	for (size_t i = 0; i < n; i++) {
		assert(rtp_ext_next(&it, &one) && one.id == e[i].id);
		assert(span_eq(one.data, e[i].data));
	}
	assert(!rtp_ext_next(&it, &one));
}

static void check_rtx(const struct rtp *p)
{
	static uint8_t buf[1 << 17];
	struct rtp rtx, back;
	struct span out;

	assert(rtp_rtx_encode(p, 5, 97, 6, buf, sizeof(buf), &out) == 0);
	assert(rtp_decode(&rtx, out) == 0);
	assert(rtp_rtx_unwrap(&back, &rtx, p->ssrc, p->pt) == 0);
	assert(back.seq == p->seq && span_eq(back.payload, p->payload));
}

static void check_frames(struct span in)
{
	struct span f;
	size_t all = 0;

	while (rtp_frame_next(&in, 2000, &f) == 0)
		all += 2 + f.n;
	assert(all <= 1 << 21);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[1 << 16];
	struct span in = span_of(data, size), out;
	struct rtp p, again;

	(void)rtp_demux(in);
	check_frames(in);
	if (size > sizeof(buf) || rtp_decode(&p, in) != 0)
		return 0;
	assert(p.header_n + p.payload.n + p.pad_n == size);
	assert(rtp_encode(&p, buf, sizeof(buf), &out) == 0);
	assert(out.n == size && rtp_decode(&again, out) == 0);
	check_same(&p, &again);
	check_exts(&p);
	if (p.header_n < 60000)
		check_rtx(&p);
	return 0;
}
