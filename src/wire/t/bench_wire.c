/* What decoding and answering cost: one line each, microseconds an item.
 * No targets: the numbers are here to notice a change. */
#include <stdio.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "wire/h264/h264.h"
#include "wire/rtcp/rtcp.h"
#include "wire/rtp/rtp.h"
#include "wire/sdp/sdp.h"
#include "wire/sip/write.h"
#include "wire/stun/stun.h"
#include "wire/vp8/vp8.h"

struct bench {
	uint8_t buf[64 * 1024], work[128 * 1024];
	struct span in;
	struct arena *arena;
	uint64_t sum;			/* keeps the work from being left out */
};

static void bench_rtp(struct bench *b)
{
	struct span ext;
	struct rtp p;

	if (rtp_decode(&p, b->in) == 0 && rtp_ext_find(&p, 3, &ext))
		b->sum += p.seq + ext.n;
}

static void bench_vp8(struct bench *b)
{
	struct vp8_desc d;

	if (vp8_desc_decode(&d, b->in) == 0)
		b->sum += d.payload.n;
}

static void bench_rtcp(struct bench *b)
{
	struct span in = b->in;
	struct rtcp_twcc v;
	struct rtcp p;

	while (rtcp_next(&in, &p) > 0) {
		struct rtcp_twcc_it it = rtcp_twcc_begin(&p);
		while (p.kind == RTCP_TWCC && rtcp_twcc_next(&it, &v))
			b->sum += v.seq;
	}
}

static void bench_stun(struct bench *b)
{
	struct addr from = {.port = 1};
	struct stun_msg m;
	struct span out;

	if (stun_decode(&m, b->in) == 0 &&
	    stun_check_integrity(&m, SPAN_LIT("0123456789012345678901")) == 0 &&
	    stun_encode_success(b->work, sizeof(b->work), &out, m.txid, &from,
				SPAN_LIT("0123456789012345678901")) == 0)
		b->sum += out.n;
}

static void bench_h264(struct bench *b)
{
	struct h264_pack p;
	struct span out;
	bool last;

	if (h264_pack_init(&p, b->in, 1, 1200) != 0)
		return;
	while (h264_pack_next(&p, b->work, sizeof(b->work), &out, &last) == 1)
		b->sum += out.n;
}

static void bench_sdp(struct bench *b)
{
	struct sdp s;

	arena_reset(b->arena);
	if (sdp_decode(&s, b->in, b->arena, NULL) == 0)
		b->sum += s.sections_n;
}

/* About 500 bytes, as a scanner or a phone sends them. */
static const char invite[] =
	"INVITE sip:100@192.0.2.10 SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-3245345;rport\r\n"
	"Max-Forwards: 70\r\n"
	"From: \"100\" <sip:100@192.0.2.10>;tag=64326135363131\r\n"
	"To: <sip:100@192.0.2.10>\r\n"
	"Call-ID: 845703482945820985740@198.51.100.7\r\n"
	"CSeq: 1 INVITE\r\n"
	"Contact: <sip:100@198.51.100.7:5060>\r\n"
	"User-Agent: friendly-scanner\r\n"
	"Accept: application/sdp\r\n"
	"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"
	"Supported: timer, replaces\r\n"
	"Content-Length: 0\r\n\r\n";

static void bench_sip_filter(struct bench *b)
{
	struct sip_peek k;

	if (sip_filter(&k, b->in) == 0)
		b->sum += k.user_agent.n;
}

static void bench_sip_frame(struct bench *b)
{
	struct sip_frame f = {.seen = 0};
	size_t n;

	if (sip_frame(&f, b->in, &n, NULL) == SIP_FRAME_DONE)
		b->sum += n;
}

static void bench_sip_decode(struct bench *b)
{
	static struct sip_msg m;

	if (sip_decode(&m, b->in, SIP_DATAGRAM, NULL) == 0)
		b->sum += m.hdrs_n;
}

static void bench_sip_refuse(struct bench *b)
{
	static struct sip_msg m;
	struct wr w = wr_of(b->work, sizeof(b->work));
	struct addr from = {.port = 5060};
	struct span out;

	if (sip_decode(&m, b->in, SIP_DATAGRAM, NULL) != 0)
		return;
	sip_wr_response(&w, &m, 404, SPAN_NONE, SPAN_LIT("tag"), &from);
	sip_wr_no_body(&w);
	if (wr_end(&w, &out) == 0)
		b->sum += out.n;
}

static void run(struct bench *b, const char *name, unsigned n,
		void (*fn)(struct bench *b))
{
	uint64_t from = clock_mono_ns();
	uint64_t before = b->sum;

	for (unsigned i = 0; i < n; i++)
		fn(b);
	uint64_t ns = clock_mono_ns() - from;
	printf("wire.%s %.3f us - %s\n", name, (double)ns / n / 1000,
	       b->sum > before ? "info" : "fail");
}

static void make_rtp(struct bench *b)
{
	struct rtp_ext e[3] = {{1, SPAN_LIT("\x80")}, {2, SPAN_LIT("abc")},
			       {3, SPAN_LIT("de")}};
	uint8_t ext[32];
	struct rtp p = {.pt = 111, .seq = 7, .ssrc = 1, .has_ext = true,
			.payload = span_of(b->work, 80)};

	if (rtp_ext_encode(e, 3, ext, sizeof(ext), &p.ext_profile, &p.ext) == 0)
		(void)rtp_encode(&p, b->buf, sizeof(b->buf), &b->in);
}

static void make_rtcp(struct bench *b)
{
	static struct rtcp_twcc v[100];
	struct rtcp_sender s = {.ssrc = 1};
	struct rtcp_block block = {.ssrc = 2};
	struct wr w = wr_of(b->buf, sizeof(b->buf));

	for (int i = 0; i < 100; i++)
		v[i] = (struct rtcp_twcc){.received = i % 10 > 0,
					  .delta_250us = (int16_t)(i * 7)};
	rtcp_put_sr(&w, &s, &block, 1);
	rtcp_put_cname(&w, 1, SPAN_LIT("conclave"));
	rtcp_put_twcc(&w, &(struct rtcp_twcc_head){1, 2, 3, 4, 5}, v, 100);
	(void)wr_end(&w, &b->in);
}

static void make_stun(struct bench *b)
{
	struct stun_request q = {.username = SPAN_LIT("abcdefgh:ijkl"),
				 .key = SPAN_LIT("0123456789012345678901"),
				 .use_candidate = true, .controlling = true};

	(void)stun_encode_request(b->buf, sizeof(b->buf), &b->in, &q);
}

static void make_h264(struct bench *b)
{
	memset(b->buf, 0x55, 20000);
	memcpy(b->buf, "\0\0\0\1\x65", 5);
	b->in = span_of(b->buf, 20000);
}

/* The size of a browser's offer: 3 sections of 100 attributes. */
static void make_sdp(struct bench *b)
{
	struct wr w = wr_of(b->buf, sizeof(b->buf));

	sdp_wr_session(&w, 1, 2, SPAN_LIT("127.0.0.1"), false);
	for (unsigned i = 0; i < 3; i++) {
		sdp_wr_media(&w, SPAN_LIT("video"), 9,
			     SPAN_LIT("UDP/TLS/RTP/SAVPF"), SPAN_LIT("96 97"));
		sdp_wr_attrf(&w, "mid", "%u", i);
		for (unsigned k = 0; k < 100; k++)
			sdp_wr_attrf(&w, "rtcp-fb", "%u nack pli", k);
	}
	(void)wr_end(&w, &b->in);
}

int main(void)
{
	static struct bench b;

	if (arena_new(&b.arena, SDP_ARENA_BYTES) != 0)
		return 1;
	make_rtp(&b);
	run(&b, "rtp_decode_and_find_ext", 1000000, bench_rtp);
	b.in = SPAN_LIT("\x90\x80\x92\x34payload");
	run(&b, "vp8_desc_decode", 1000000, bench_vp8);
	make_rtcp(&b);
	run(&b, "rtcp_decode_sr_sdes_twcc100", 100000, bench_rtcp);
	make_stun(&b);
	run(&b, "stun_check_and_answer", 50000, bench_stun);
	make_h264(&b);
	run(&b, "h264_pack_20kB", 20000, bench_h264);
	make_sdp(&b);
	run(&b, "sdp_decode_300_attributes", 2000, bench_sdp);
	b.in = span_of(invite, sizeof(invite) - 1);
	run(&b, "sip_filter_500B", 1000000, bench_sip_filter);
	run(&b, "sip_frame_500B", 500000, bench_sip_frame);
	run(&b, "sip_decode_500B", 500000, bench_sip_decode);
	run(&b, "sip_decode_and_404_500B", 300000, bench_sip_refuse);
	arena_free(&b.arena);
	return 0;
}
