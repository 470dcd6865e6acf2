/* media/rtp/report.h - SR, RR and SDES of one leg (RFC 3550 6.4, 6.5), and
 * the clock behind them.
 *
 * NTP times are the wall clock at start plus monotonic time, so that a step of
 * the wall clock never tears sound from picture. Pure but for the structs.
 */
#pragma once
#include "media/rtp/receive.h"

enum {
	REPORT_INTERVAL_MS = 1000,	/* jittered by half, RFC 3550 6.2 */
	REPORT_CNAME_LEN = 16,
	REPORT_RECEIVERS_MAX = 5,
};

struct report_clock {
	int64_t wall_us;		/* at mono_ns */
	uint64_t mono_ns;
};
uint64_t report_ntp(const struct report_clock *c, uint64_t now_ns);

/* One outgoing stream. */
struct report_sender {
	uint32_t ssrc, clock_hz;
	uint32_t packets, octets;
	uint32_t last_ts;		/* of the newest packet ... */
	uint64_t last_ns;		/* ... and when it was current; 0 = none */
};
void report_sender_note(struct report_sender *s, uint32_t ts, size_t octets,
			uint64_t now_ns);

/* Appends one SR (or RR when the sender sent nothing) with the given blocks,
 * and with `cname` not empty an SDES. */
void report_put(struct wr *w, const struct report_clock *c,
		const struct report_sender *s, const struct rtcp_block *b,
		size_t n, struct span cname, uint64_t now_ns);

/* Round-trip time of a block about our stream (RFC 3550 6.4.1), in ns; 0
 * when the peer had no SR yet or the numbers are absurd. */
uint64_t report_rtt_ns(const struct report_clock *c,
		       const struct rtcp_block *b, uint64_t now_ns);
