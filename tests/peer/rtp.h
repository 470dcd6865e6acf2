/* RTP and RTCP of the peer: RFC 3550, 4585, 5104, 4588, 7741, 8285. */
#pragma once
#include "bytes.h"

enum { RTP_MAX = 1500 };

struct rtp {
	bool marker, padding;
	uint8_t pt;
	uint16_t seq;
	uint32_t ts, ssrc;
	const uint8_t *payload;
	size_t n;
	int level;		/* RFC 6464, -1 = none */
	int32_t twcc;		/* transport-wide number, -1 = none */
};
/* Returns NULL, or the rule that the packet breaks. */
const char *rtp_read(struct rtp *r, const uint8_t *p, size_t n, int ext_level,
		     int ext_twcc);

/* Header with one-byte extensions; ids of 0 are left out. Its length. */
size_t rtp_write(const struct rtp *r, uint8_t *out, int ext_level,
		 int ext_twcc);

struct vp8 {
	bool is_start;		/* S=1, PID=0 */
	bool is_key;		/* known at a start only */
	const uint8_t *payload;
	size_t n;
};
const char *vp8_read(struct vp8 *v, const uint8_t *p, size_t n);

/* What one stream of the server did, and whether it may. */
struct rtp_source {
	uint32_t ssrc, hz;
	bool is_started;
	int64_t seq, ts;		/* highest seen */
	int64_t first_seq;
	uint64_t packets, bytes, lost_now, reordered, padding;
	uint64_t arrival;
	double jitter;			/* RFC 3550 6.4.1, in ticks */
	int64_t transit;
	int64_t expected_then;		/* at the last report */
	uint64_t packets_then;
	/* sender reports */
	uint64_t sr_ntp, sr_arrival;
	uint32_t sr_rtp, sr_packets;
	uint64_t srs;
	double sr_error_ms;		/* worst: NTP against RTP time,
					 * from one report to the next */
};
/* The packet is authentic and no replay. */
void rtp_source_packet(struct rtp_source *s, const struct rtp *r, uint64_t now);
/* 24 bytes of a report block. */
uint8_t *rtp_source_block(struct rtp_source *s, uint8_t *p, uint64_t now);
/* NULL or what is wrong with the report. */
const char *rtp_source_sr(struct rtp_source *s, const uint8_t *sr,
			  uint64_t now);

/* Transport-wide numbers as they came, for the feedback. */
enum { TWCC_MAX = 1024 };
struct twcc {
	bool is_started;
	int64_t highest, next;		/* next = first not yet reported */
	uint64_t at[TWCC_MAX];		/* arrival, 0 = not */
	uint8_t count;
};
void twcc_saw(struct twcc *t, uint32_t n, uint64_t now);
/* Feedback packet; 0 when there is nothing to say. */
size_t twcc_write(struct twcc *t, uint8_t *out, uint32_t ssrc, uint32_t media);
