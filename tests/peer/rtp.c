#include <math.h>
#include <stdlib.h>
#include "rtp.h"

static void extensions(struct rtp *r, const uint8_t *p, size_t n, int level,
		       int twcc)
{
	for (size_t i = 0; i < n;) {
		int id = p[i] >> 4;
		size_t len = (size_t)(p[i] & 15) + 1;

		if (p[i] == 0) {
			i++;
			continue;
		}
		if (id == 15 || i + 1 + len > n)
			return;
		if (id == level && len == 1)
			r->level = p[i + 1] & 0x7f;
		if (id == twcc && len == 2)
			r->twcc = (int32_t)get16(p + i + 1);
		i += 1 + len;
	}
}

const char *rtp_read(struct rtp *r, const uint8_t *p, size_t n, int level,
		     int twcc)
{
	size_t head = 12;

	if (n < 12 || p[0] >> 6 != 2)
		return "RTP version or length";
	*r = (struct rtp){.padding = p[0] & 0x20, .marker = p[1] & 0x80,
			  .pt = p[1] & 0x7f, .seq = (uint16_t)get16(p + 2),
			  .ts = get32(p + 4), .ssrc = get32(p + 8),
			  .level = -1, .twcc = -1};
	if (p[0] & 15)
		return "CSRCs without being agreed on";
	if (p[0] & 0x10) {
		size_t words;

		if (n < head + 4)
			return "RTP extension does not fit";
		words = get16(p + head + 2);
		if (n < head + 4 + 4 * words)
			return "RTP extension does not fit";
		if (get16(p + head) == 0xbede)
			extensions(r, p + head + 4, 4 * words, level, twcc);
		head += 4 + 4 * words;
	}
	r->payload = p + head;
	r->n = n - head;
	if (r->padding) {
		if (!r->n || p[n - 1] == 0 || p[n - 1] > r->n)
			return "RTP padding";
		r->n -= p[n - 1];
	}
	return NULL;
}

size_t rtp_write(const struct rtp *r, uint8_t *out, int level, int twcc)
{
	bool has_level = level > 0 && r->level >= 0;
	bool has_twcc = twcc > 0 && r->twcc >= 0;
	uint8_t *p = out, *words;

	p = put8(p, 0x80 | (has_level || has_twcc ? 0x10 : 0));
	p = put8(p, (r->marker ? 0x80 : 0) | r->pt);
	p = put32(put32(put16(p, r->seq), r->ts), r->ssrc);
	if (!has_level && !has_twcc)
		return 12;
	p = put16(p, 0xbede);
	words = p;
	p += 2;
	if (has_level)
		p = put8(put8(p, (uint32_t)level << 4), 0x80u | (uint32_t)r->level);
	if (has_twcc)
		p = put16(put8(p, (uint32_t)twcc << 4 | 1), (uint32_t)r->twcc);
	while ((p - words - 2) & 3)
		*p++ = 0;
	put16(words, (uint32_t)(p - words - 2) / 4);
	return (size_t)(p - out);
}

const char *vp8_read(struct vp8 *v, const uint8_t *p, size_t n)
{
	size_t at = 1;
	uint8_t x;

	if (n < 2)
		return "VP8 payload too short";
	*v = (struct vp8){.is_start = (p[0] & 0x10) && !(p[0] & 7)};
	if (p[0] & 0x80) {
		x = p[at++];
		if (x & 0x80)
			at += at < n && p[at] & 0x80 ? 2 : 1;
		if (x & 0x40)
			at++;
		if (x & 0x30)
			at++;
	}
	if (at >= n)
		return "VP8 descriptor does not fit";
	v->payload = p + at;
	v->n = n - at;
	v->is_key = v->is_start && !(p[at] & 1);
	return NULL;
}

/* --- what came --------------------------------------------------------- */

static void jitter(struct rtp_source *s, const struct rtp *r, uint64_t now)
{
	int64_t transit = (int64_t)((double)now * s->hz / 1e9) -
			  unwrap32(s->ts, r->ts);

	if (s->packets > 1)
		s->jitter += (fabs((double)(transit - s->transit)) -
			      s->jitter) / 16;
	s->transit = transit;
}

void rtp_source_packet(struct rtp_source *s, const struct rtp *r, uint64_t now)
{
	int64_t seq;

	if (!s->is_started) {
		s->is_started = true;
		s->ssrc = r->ssrc;
		s->seq = s->first_seq = r->seq;
		s->ts = r->ts;
		s->expected_then = 0;
	}
	s->packets++;
	s->bytes += r->n;
	s->padding += r->padding;
	s->arrival = now;
	seq = unwrap16(s->seq, r->seq);
	if (seq < s->seq)
		s->reordered++;
	if (seq > s->seq)
		s->seq = seq;
	jitter(s, r, now);
	if (unwrap32(s->ts, r->ts) > s->ts)
		s->ts = unwrap32(s->ts, r->ts);
}

uint8_t *rtp_source_block(struct rtp_source *s, uint8_t *p, uint64_t now)
{
	int64_t expected = s->seq - s->first_seq + 1;
	int64_t part = expected - s->expected_then;
	int64_t lost = expected - (int64_t)s->packets;
	int64_t lost_part = part - (int64_t)(s->packets - s->packets_then);
	uint32_t fraction = part > 0 && lost_part > 0
				    ? (uint32_t)(lost_part * 256 / part) : 0;
	uint32_t delay = s->srs ? (uint32_t)((now - s->sr_arrival) * 65536 / SEC)
				: 0;

	s->expected_then = expected;
	s->packets_then = s->packets;
	p = put32(p, s->ssrc);
	p = put32(p, (fraction > 255 ? 255 : fraction) << 24 |
		     ((uint32_t)lost & 0xffffff));
	p = put32(p, (uint32_t)s->seq);
	p = put32(p, (uint32_t)s->jitter);
	p = put32(p, (uint32_t)(s->sr_ntp >> 16));
	return put32(p, delay);
}

const char *rtp_source_sr(struct rtp_source *s, const uint8_t *sr, uint64_t now)
{
	uint64_t ntp = (uint64_t)get32(sr + 8) << 32 | get32(sr + 12);
	uint32_t rtp = get32(sr + 16), packets = get32(sr + 20);
	const char *wrong = NULL;

	if (s->srs) {
		double ntp_s = (double)(int64_t)(ntp - s->sr_ntp) / 4294967296.;
		double rtp_s = (double)(int32_t)(rtp - s->sr_rtp) / s->hz;
		double error = fabs(ntp_s - rtp_s) * 1000;

		if (ntp_s < 0)
			wrong = "SR: NTP time goes back";
		else if ((int32_t)(packets - s->sr_packets) < 0)
			wrong = "SR: packet count goes back";
		else if (error > 100)
			wrong = "SR: RTP time does not follow NTP time";
		if (error > s->sr_error_ms)
			s->sr_error_ms = error;
	}
	if (s->is_started && llabs((int64_t)(int32_t)(rtp - (uint32_t)s->ts)) >
				     3 * (int64_t)s->hz)
		wrong = "SR: RTP time is far from that of the packets";
	s->sr_ntp = ntp;
	s->sr_rtp = rtp;
	s->sr_packets = packets;
	s->sr_arrival = now;
	s->srs++;
	return wrong;
}

/* --- transport-wide feedback ------------------------------------------- */

void twcc_saw(struct twcc *t, uint32_t n, uint64_t now)
{
	int64_t v;

	if (!t->is_started) {
		t->is_started = true;
		t->highest = t->next = n;
		memset(t->at, 0, sizeof(t->at));
	}
	v = unwrap16(t->highest, n);
	if (v < t->next || v >= t->next + TWCC_MAX)
		return;
	if (v > t->highest)
		t->highest = v;
	if (!t->at[v & (TWCC_MAX - 1)])
		t->at[v & (TWCC_MAX - 1)] = now;
}

/* Two-bit status vectors throughout: seven packets a chunk. */
size_t twcc_write(struct twcc *t, uint8_t *out, uint32_t ssrc, uint32_t media)
{
	int64_t from = t->next, to = t->highest + 1;
	uint64_t base = 0, last;
	uint8_t deltas[TWCC_MAX * 2], *d = deltas, *p;
	uint32_t chunk = 0, in_chunk = 0;
	size_t n;

	if (to - from > 300)
		to = from + 300;
	for (int64_t i = from; i < to && !base; i++)
		base = t->at[i & (TWCC_MAX - 1)];
	if (!t->is_started || !base)
		return 0;
	base -= base % (64 * MS);
	last = base;
	p = put32(put32(out + 4, ssrc), media);
	p = put16(put16(p, (uint32_t)from), (uint32_t)(to - from));
	p = put32(p, (uint32_t)(base / (64 * MS) & 0xffffff) << 8 | t->count++);
	for (int64_t i = from; i < to || in_chunk; i++) {
		uint64_t *at = &t->at[i & (TWCC_MAX - 1)];
		uint32_t symbol = 0;

		if (i < to && *at) {
			int64_t delta = ((int64_t)*at - (int64_t)last) / 250000;

			symbol = delta >= 0 && delta < 256 ? 1 : 2;
			d = symbol == 1 ? put8(d, (uint32_t)delta)
					: put16(d, (uint32_t)delta);
			last += (uint64_t)(delta * 250000);
			*at = 0;
		}
		chunk = chunk << 2 | symbol;
		if (++in_chunk == 7) {
			p = put16(p, 0xc000 | chunk);
			chunk = in_chunk = 0;
		}
	}
	memcpy(p, deltas, (size_t)(d - deltas));
	p += d - deltas;
	n = (size_t)(p - out);
	while (n & 3)
		out[n++] = 0;
	put16(put8(put8(out, 0x8f), 205), (uint32_t)(n / 4 - 1));
	t->next = to;
	return n;
}
