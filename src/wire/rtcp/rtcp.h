/* wire/rtcp - RTCP packets: SR, RR, SDES, BYE (RFC 3550), feedback (RFC 4585,
 * RFC 5104), REMB (draft-alvestrand-rmcat-remb), transport-wide feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions). Reduced-size packets
 * (RFC 5506) are accepted: any packet may come first. XR, APP and everything
 * unknown is stepped over as RTCP_OTHER.
 *
 * Pure and without allocation. Decoding checks a whole packet at once, so
 * that the item iterators below cannot fail; they take a copy of `items`:
 *
 *	r = rtcp_check(datagram);		reject the whole compound
 *	while (rtcp_next(&datagram, &p) > 0)
 *		if (p.kind == RTCP_NACK)
 *			while (rtcp_nack_next(&p.items, &seqs))
 *
 * Encoders append one packet each to a struct wr, so a compound is a row of
 * calls; only wr_end() tells of success. Not thread related.
 *
 * Errors: E_TRUNC, E_FORMAT, E_LIMIT (more than RTCP_PACKETS_MAX packets or
 * RTCP_TWCC_MAX statuses).
 */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include "base/wr.h"

enum {
	RTCP_PACKETS_MAX = 64,		/* in one compound */
	RTCP_BLOCKS_MAX = 31,
	RTCP_CNAME_MAX = 255,
	RTCP_TWCC_MAX = 4096,		/* packet statuses in one feedback */
	RTCP_REMB_SSRC_MAX = 255,
};

enum rtcp_kind {
	RTCP_OTHER = 0,
	RTCP_SR,
	RTCP_RR,
	RTCP_SDES,
	RTCP_BYE,
	RTCP_NACK,			/* 205/1 */
	RTCP_TMMBR,			/* 205/3 */
	RTCP_TMMBN,			/* 205/4 */
	RTCP_TWCC,			/* 205/15 */
	RTCP_PLI,			/* 206/1 */
	RTCP_FIR,			/* 206/4 */
	RTCP_REMB,			/* 206/15 "REMB" */
	RTCP_KIND_COUNT
};

struct rtcp {
	enum rtcp_kind kind;
	uint8_t pt;			/* as on the wire, also for OTHER */
	uint8_t count;			/* RC, SC or FMT */
	uint32_t ssrc;			/* sender; 0 in SDES, BYE and OTHER */
	uint32_t media_ssrc;		/* feedback only */

	/* SR */
	uint64_t ntp;			/* 32.32 */
	uint32_t rtp_ts, packets, octets;

	/* REMB */
	uint64_t bps;

	/* TWCC */
	uint16_t base_seq;
	uint16_t status_n;		/* 1..RTCP_TWCC_MAX */
	int32_t ref_64ms;		/* 24 bit signed, units of 64 ms */
	uint8_t fb_count;

	struct span items;		/* for the iterators of this kind */
	struct span deltas;		/* TWCC: receive deltas */
	struct span reason;		/* BYE, may be empty */
};

/* Walks and decodes the whole compound: 0, or the first error. */
int rtcp_check(struct span in);

/* Takes the next packet off the front of *in: 1 and *out, 0 at the end, or an
 * error (and *in is empty then). */
int rtcp_next(struct span *in, struct rtcp *out);

/* --- items; all return false at the end --- */

struct rtcp_block {			/* of SR and RR */
	uint32_t ssrc;
	uint8_t fraction_lost;		/* of 256 */
	int32_t lost;			/* cumulative, 24 bit signed */
	uint32_t highest_seq;		/* with cycles */
	uint32_t jitter;
	uint32_t lsr, dlsr;		/* 16.16 s */
};
bool rtcp_block_next(struct span *items, struct rtcp_block *out);

struct rtcp_sdes {
	uint32_t ssrc;
	uint8_t type;			/* 1 = CNAME */
	struct span text;
};
enum { RTCP_SDES_CNAME = 1 };
/* One item at a time; a chunk without items is left out. *ssrc_state carries
 * the chunk's SSRC between calls, start with 0. */
bool rtcp_sdes_next(struct span *items, uint64_t *state,
		    struct rtcp_sdes *out);

/* SSRCs of BYE and REMB. */
bool rtcp_ssrc_next(struct span *items, uint32_t *ssrc);

struct rtcp_nack {
	uint16_t seq;			/* lost */
	uint16_t mask;			/* bit i: seq + i + 1 is lost too */
};
bool rtcp_nack_next(struct span *items, struct rtcp_nack *out);

struct rtcp_fir {
	uint32_t ssrc;
	uint8_t seq;
};
bool rtcp_fir_next(struct span *items, struct rtcp_fir *out);

struct rtcp_tmmb {			/* of TMMBR and TMMBN */
	uint32_t ssrc;
	uint64_t bps;
	uint16_t overhead;		/* bytes a packet, 9 bits */
};
bool rtcp_tmmb_next(struct span *items, struct rtcp_tmmb *out);

/* Transport-wide feedback: status_n statuses, in order. The arrival time of
 * a received packet is ref_64ms * 64 ms plus the sum of all deltas so far. */
struct rtcp_twcc {
	uint16_t seq;
	bool received;
	int16_t delta_250us;		/* 0 when not received */
};
struct rtcp_twcc_it {
	struct span chunks, deltas;
	uint16_t seq, left;
	uint16_t chunk, chunk_left;	/* private */
};
struct rtcp_twcc_it rtcp_twcc_begin(const struct rtcp *p);
bool rtcp_twcc_next(struct rtcp_twcc_it *it, struct rtcp_twcc *out);

/* --- encoders; a value out of range fails the writer --- */

struct rtcp_sender {
	uint32_t ssrc;
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
};
void rtcp_put_sr(struct wr *w, const struct rtcp_sender *s,
		 const struct rtcp_block *b, size_t n);
void rtcp_put_rr(struct wr *w, uint32_t ssrc, const struct rtcp_block *b,
		 size_t n);
void rtcp_put_cname(struct wr *w, uint32_t ssrc, struct span cname);
/* reason may be empty; at most 255 bytes. n 1..31. */
void rtcp_put_bye(struct wr *w, const uint32_t *ssrc, size_t n,
		  struct span reason);
/* seqs: lost packets in increasing order (on the circle), n >= 1; duplicates
 * are folded. */
void rtcp_put_nack(struct wr *w, uint32_t ssrc, uint32_t media_ssrc,
		   const uint16_t *seqs, size_t n);
void rtcp_put_pli(struct wr *w, uint32_t ssrc, uint32_t media_ssrc);
/* `seq` counts new requests to this media source (RFC 5104 4.3.1). */
void rtcp_put_fir(struct wr *w, uint32_t ssrc, uint32_t media_ssrc,
		  uint8_t seq);
/* bps is rounded down to 18 bits of mantissa. n 1..255. */
void rtcp_put_remb(struct wr *w, uint32_t ssrc, uint64_t bps,
		   const uint32_t *media_ssrc, size_t n);
/* Of each, ssrc is the stream that is to be limited. */
void rtcp_put_tmmbr(struct wr *w, uint32_t ssrc, const struct rtcp_tmmb *t,
		    size_t n);
/* Answers TMMBR: the bounding set; of each, ssrc is the owner (RFC 5104
 * 4.2.2.1). n 0..30: none binds. */
void rtcp_put_tmmbn(struct wr *w, uint32_t ssrc, const struct rtcp_tmmb *t,
		    size_t n);

struct rtcp_twcc_head {
	uint32_t ssrc, media_ssrc;
	uint16_t base_seq;
	int32_t ref_64ms;
	uint8_t fb_count;
};
/* v[i] describes base_seq + i (its seq is ignored). n 1..RTCP_TWCC_MAX. */
void rtcp_put_twcc(struct wr *w, const struct rtcp_twcc_head *h,
		   const struct rtcp_twcc *v, size_t n);

/* NTP 32.32 of a Unix time in microseconds. */
uint64_t rtcp_ntp_of_wall_us(int64_t wall_us);
/* The middle 32 bits, as LSR wants them. */
static inline uint32_t rtcp_ntp_mid(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}
