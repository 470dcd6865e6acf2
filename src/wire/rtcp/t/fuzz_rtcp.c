/* Properties: rtcp_check and a walk by rtcp_next agree; every item iterator
 * ends within one step per byte; what has an encoder goes round. */
#include <assert.h>
#include "wire/rtcp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[1 << 18];

static struct rtcp again(struct wr *w)
{
	struct span out;
	struct rtcp p;

	assert(wr_end(w, &out) == 0);
	assert(rtcp_check(out) == 0);
	assert(rtcp_next(&out, &p) == 1 && out.n == 0);
	return p;
}

static void round_twcc(const struct rtcp *p)
{
	static struct rtcp_twcc v[RTCP_TWCC_MAX];
	struct rtcp_twcc_head h = {p->ssrc, p->media_ssrc, p->base_seq,
				   p->ref_64ms, p->fb_count};
	struct rtcp_twcc_it it = rtcp_twcc_begin(p);
	struct wr w = wr_of(buf, sizeof(buf));
	struct rtcp_twcc got;
	size_t n = 0;

	while (rtcp_twcc_next(&it, &got))
		v[n++] = got;
	assert(n == p->status_n && it.deltas.n == 0);
	rtcp_put_twcc(&w, &h, v, n);
	struct rtcp q = again(&w);
	assert(q.base_seq == p->base_seq && q.status_n == n);
	assert(q.ref_64ms == p->ref_64ms && q.fb_count == p->fb_count);
	it = rtcp_twcc_begin(&q);
	for (size_t i = 0; i < n; i++) {
		assert(rtcp_twcc_next(&it, &got));
		assert(got.received == v[i].received && got.seq == v[i].seq);
		assert(got.delta_250us == v[i].delta_250us);
	}
}

static void round_report(const struct rtcp *p)
{
	struct rtcp_sender s = {p->ssrc, p->ntp, p->rtp_ts, p->packets,
				p->octets};
	struct rtcp_block b[RTCP_BLOCKS_MAX];
	struct span items = p->items;
	struct wr w = wr_of(buf, sizeof(buf));
	size_t n = 0;

	while (n < RTCP_BLOCKS_MAX && rtcp_block_next(&items, &b[n]))
		n++;
	assert(n == p->count);
	if (p->kind == RTCP_SR)
		rtcp_put_sr(&w, &s, b, n);
	else
		rtcp_put_rr(&w, p->ssrc, b, n);
	struct rtcp q = again(&w);
	assert(q.kind == p->kind && q.ssrc == p->ssrc && q.ntp == p->ntp);
	assert(span_eq(q.items, p->items));
}

static void round_nack(const struct rtcp *p)
{
	struct span items = p->items;
	struct rtcp_nack n, m;

	while (rtcp_nack_next(&items, &n)) {
		uint16_t seqs[17] = {n.seq};
		size_t k = 1;
		for (unsigned i = 0; i < 16; i++)
			if (n.mask >> i & 1)
				seqs[k++] = (uint16_t)(n.seq + i + 1);
		struct wr w = wr_of(buf, sizeof(buf));
		rtcp_put_nack(&w, p->ssrc, p->media_ssrc, seqs, k);
		struct rtcp q = again(&w);
		assert(rtcp_nack_next(&q.items, &m));
		assert(m.seq == n.seq && m.mask == n.mask && q.items.n == 0);
	}
}

static void round_remb(const struct rtcp *p)
{
	uint32_t ssrc[RTCP_REMB_SSRC_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span items = p->items;
	size_t n = 0;

	while (n < RTCP_REMB_SSRC_MAX && rtcp_ssrc_next(&items, &ssrc[n]))
		n++;
	if (n == 0)
		return;
	rtcp_put_remb(&w, p->ssrc, p->bps, ssrc, n);
	struct rtcp q = again(&w);
	/* a rate cut off at 64 bits loses its low bits */
	assert(q.bps == p->bps || p->bps == UINT64_MAX);
	assert(span_eq(q.items, p->items));
}

static void round_bye(const struct rtcp *p)
{
	uint32_t ssrc[RTCP_BLOCKS_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span items = p->items;
	size_t n = 0;

	while (rtcp_ssrc_next(&items, &ssrc[n]))
		n++;
	if (n == 0)
		return;
	rtcp_put_bye(&w, ssrc, n, p->reason);
	struct rtcp q = again(&w);
	assert(span_eq(q.items, p->items) && span_eq(q.reason, p->reason));
}

static void round_sdes(const struct rtcp *p)
{
	struct span items = p->items;
	struct rtcp_sdes s, t;
	uint64_t state = 0;
	size_t steps = 0;

	while (rtcp_sdes_next(&items, &state, &s)) {
		struct wr w = wr_of(buf, sizeof(buf));
		uint64_t again_state = 0;
		assert(++steps <= p->items.n && s.type != 0);
		rtcp_put_cname(&w, s.ssrc, s.text);
		struct rtcp q = again(&w);
		assert(rtcp_sdes_next(&q.items, &again_state, &t));
		assert(t.ssrc == s.ssrc && span_eq(t.text, s.text));
	}
	assert(items.n < p->items.n || steps == 0);
}

static void round_fir(const struct rtcp *p)
{
	struct span items = p->items;
	struct rtcp_fir f, g;

	while (rtcp_fir_next(&items, &f)) {
		struct wr w = wr_of(buf, sizeof(buf));
		rtcp_put_fir(&w, p->ssrc, f.ssrc, f.seq);
		struct rtcp q = again(&w);
		assert(rtcp_fir_next(&q.items, &g));
		assert(g.ssrc == f.ssrc && g.seq == f.seq);
	}
	assert(items.n == 0);
}

static void round_tmmb(const struct rtcp *p)
{
	struct span items = p->items;
	struct rtcp_tmmb t, u;

	while (rtcp_tmmb_next(&items, &t)) {
		struct wr w = wr_of(buf, sizeof(buf));
		rtcp_put_tmmbn(&w, p->ssrc, &t, 1);
		struct rtcp q = again(&w);
		assert(rtcp_tmmb_next(&q.items, &u));
		assert(u.bps == t.bps || t.bps == UINT64_MAX);
		assert(u.ssrc == t.ssrc && u.overhead == t.overhead);
	}
	assert(items.n == 0);
}

static void (*const rounds[RTCP_KIND_COUNT])(const struct rtcp *p) = {
	[RTCP_SR] = round_report, [RTCP_RR] = round_report,
	[RTCP_SDES] = round_sdes, [RTCP_BYE] = round_bye,
	[RTCP_NACK] = round_nack, [RTCP_TMMBR] = round_tmmb,
	[RTCP_TMMBN] = round_tmmb, [RTCP_TWCC] = round_twcc,
	[RTCP_FIR] = round_fir, [RTCP_REMB] = round_remb,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	int checked = rtcp_check(in);
	unsigned n = 0;
	struct rtcp p;
	int r;

	if (size > 65535)
		return 0;
	while ((r = rtcp_next(&in, &p)) > 0) {
		n++;
		if (rounds[p.kind])
			rounds[p.kind](&p);
	}
	if (checked == 0)
		assert(r == 0 && n > 0 && n <= RTCP_PACKETS_MAX);
	else if (n < RTCP_PACKETS_MAX && size > 0)
		assert(r == checked);
	return 0;
}
