/* wire/rtp - RTP packets (RFC 3550), header extensions (RFC 8285), RTX
 * payloads (RFC 4588), framing on TCP (RFC 4571), and telling apart what
 * shares one port (RFC 7983, RFC 5761).
 *
 * Pure and without allocation. Spans point into the decoded bytes. All
 * lengths are bytes, all time stamps ticks of the payload's clock.
 *
 * SRTP: use rtp_decode_header() on the protected packet (the padding count is
 * still encrypted), then rtp_strip_padding() after decryption.
 * rtp_decode() does both for a clear packet.
 *
 * Errors: E_TRUNC (ends early), E_FORMAT (wrong version, padding count,
 * extension), E_LIMIT, E_FULL (output buffer), E_INVAL (a field given to an
 * encoder is out of range).
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	RTP_HEADER_LEN = 12,
	RTP_CSRC_MAX = 15,
	RTP_EXT_MAX = 16,		/* elements rtp_ext_encode() takes */
	RTP_FRAME_HEAD_LEN = 2,		/* RFC 4571 */
	RTP_RTX_OSN_LEN = 2,
};

/* "defined by profile" values of RFC 8285; the low 4 bits of the two-byte
 * form are free. */
enum { RTP_EXT_ONE_BYTE = 0xBEDE, RTP_EXT_TWO_BYTE = 0x1000 };

/* --- whose packet is it --- */

enum rtp_demux {
	RTP_DEMUX_OTHER = 0,	/* drop */
	RTP_DEMUX_STUN,
	RTP_DEMUX_DTLS,
	RTP_DEMUX_RTP,
	RTP_DEMUX_RTCP,
};

/* By the first two bytes only. */
enum rtp_demux rtp_demux(struct span in);

/* --- packets --- */

struct rtp {
	bool marker;
	bool padding;			/* the P bit */
	bool has_ext;			/* the X bit */
	uint8_t pt;			/* 0..127 */
	uint16_t seq;
	uint32_t ts;
	uint32_t ssrc;
	uint8_t csrc_n;
	uint32_t csrc[RTP_CSRC_MAX];
	uint16_t ext_profile;
	struct span ext;		/* body of the extension, n % 4 == 0 */
	struct span payload;
	uint8_t pad_n;			/* padding bytes, its count included */
	uint16_t header_n;		/* fixed header, CSRC and extension */
};

/* payload = all that follows the header, padding (and tag) included. */
int rtp_decode_header(struct rtp *out, struct span in);
/* Takes the padding off payload when the P bit is set. Once only. */
int rtp_strip_padding(struct rtp *p);
int rtp_decode(struct rtp *out, struct span in);

/* Writes header, extension, payload and pad_n bytes of padding (padding is
 * set from pad_n; header_n is ignored). payload may already stand at its
 * place in buf. */
int rtp_encode(const struct rtp *p, void *buf, size_t cap, struct span *out);

/* Only the header up to the payload: for senders who fill the payload in
 * place afterwards. */
int rtp_encode_header(const struct rtp *p, void *buf, size_t cap,
		      struct span *out);

/* --- header extensions --- */

struct rtp_ext {
	uint8_t id;			/* 1..14, or 1..255 in the two-byte form */
	struct span data;		/* 1..16, or 0..255 */
};

struct rtp_ext_it {
	struct span rest;
	bool two_byte;
};

struct rtp_ext_it rtp_ext_begin(const struct rtp *p);
/* True and *out for each element; false at the end, at id 15, at an element
 * that is cut short, or when the profile is not one of RFC 8285. */
bool rtp_ext_next(struct rtp_ext_it *it, struct rtp_ext *out);
/* The first element with this id; false when absent. id 0 is never found. */
bool rtp_ext_find(const struct rtp *p, uint8_t id, struct span *data);

/* Builds an extension body, padded to a multiple of 4; the one-byte form if
 * every element fits into it. E_INVAL for an id of 0, for more than 255 bytes
 * of data. For n == 0 *out is empty. */
int rtp_ext_encode(const struct rtp_ext *e, size_t n, void *buf, size_t cap,
		   uint16_t *profile, struct span *out);

/* RFC 6464: level in -dBov (0 loudest .. 127 silence), never to be trusted for
 * access. False when the length is wrong. */
bool rtp_ext_audio_level(struct span data, bool *voice, uint8_t *level);
/* 24 bits of 6.18 fixed point seconds, as "abs-send-time". */
bool rtp_ext_abs_send_time(struct span data, uint32_t *t);
/* Transport-wide sequence number. */
bool rtp_ext_twcc(struct span data, uint16_t *seq);
/* abs-send-time value of a monotonic or NTP time. */
uint32_t rtp_abs_send_time_of_ns(uint64_t ns);

/* --- sequence numbers and time stamps --- */

/* Signed distance a - b on the circle: positive when a is newer. */
static inline int rtp_seq_diff(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}

static inline bool rtp_seq_is_newer(uint16_t a, uint16_t b)
{
	return rtp_seq_diff(a, b) > 0;
}

static inline int32_t rtp_ts_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* The number nearest to `near` whose low 16 (32) bits are seq (ts). Start with
 * near = a value of at least 65536 (2^32), so that an early packet has a
 * predecessor; below that the answer does not go under 0 but one circle up. */
uint64_t rtp_seq_extend(uint64_t near, uint16_t seq);
uint64_t rtp_ts_extend(uint64_t near, uint32_t ts);

/* --- RTX (RFC 4588) --- */

/* Makes the original packet of a retransmitted one (padding stripped before):
 * sequence number from the OSN, the given SSRC and payload type. E_TRUNC when
 * the payload is too short for an OSN (an empty probe: drop it quietly). */
int rtp_rtx_unwrap(struct rtp *out, const struct rtp *rtx, uint32_t ssrc,
		   uint8_t pt);
/* Writes the RTX packet that carries `orig`. */
int rtp_rtx_encode(const struct rtp *orig, uint32_t rtx_ssrc, uint8_t rtx_pt,
		   uint16_t rtx_seq, void *buf, size_t cap, struct span *out);

/* --- RFC 4571 --- */

/* Takes one frame off the front of *in: 0 and *frame (may be empty), or
 * E_AGAIN when it is not complete yet (*in unchanged), or E_LIMIT when it
 * announces more than `max` bytes (close the connection). */
int rtp_frame_next(struct span *in, size_t max, struct span *frame);
/* E_LIMIT for n > 65535. */
int rtp_frame_head(uint8_t head[RTP_FRAME_HEAD_LEN], size_t n);
