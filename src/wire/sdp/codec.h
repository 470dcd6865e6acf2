/* wire/sdp/codec.h - the codecs, RTCP feedback and header extensions that
 * this product speaks, as numbers, and their attributes read and written.
 * One table for every face. Pure, no allocation; thread safe. */
#pragma once
#include "wire/sdp/sdp.h"

enum sdp_codec_id {			/* equal to cv.CodecName */
	SDP_CODEC_NONE = 0, SDP_OPUS = 1, SDP_G722 = 2, SDP_PCMU = 3,
	SDP_PCMA = 4, SDP_TELEPHONE_EVENT = 5, SDP_VP8 = 16, SDP_H264 = 17,
	SDP_RTX = 24, SDP_H224 = 32,
};
enum sdp_feedback {			/* bits; equal to cv.Feedback */
	SDP_FB_NACK = 1, SDP_FB_PLI = 2, SDP_FB_FIR = 4, SDP_FB_REMB = 8,
	SDP_FB_TWCC = 16,
};
enum sdp_ext_id {			/* equal to cv.ExtName */
	SDP_EXT_NONE = 0, SDP_EXT_MID = 1, SDP_EXT_AUDIO_LEVEL = 2,
	SDP_EXT_ABS_SEND_TIME = 3, SDP_EXT_TWCC = 4,
};

struct sdp_codec {
	enum sdp_codec_id id;
	uint8_t pt;
	uint32_t clock_hz;
	uint8_t channels;
	unsigned feedback;		/* bits */
	unsigned ptime_ms;		/* a=ptime of an audio section, 0 = none */
	/* Opus (RFC 7587) */
	bool useinbandfec, usedtx, stereo;
	uint32_t maxaveragebitrate;	/* bit/s, 0 = unset */
	/* H.264 (RFC 6184) */
	uint8_t packetization_mode;
	uint32_t profile_level_id;	/* 24 bits, 0 = not written */
	uint32_t max_mbps, max_fs;	/* 0 = of the level; VP8's, too */
	uint32_t max_br;		/* 1000 bit/s, likewise */
	bool level_asymmetry;
	/* RTX (RFC 4588) */
	uint8_t apt;
};

enum { SDP_CODECS_MAX = 32 };

/* Those of the section's formats that we speak, in their order, at most `max`.
 * One pass over the attributes: linear, however many formats are listed. */
size_t sdp_codecs(const struct sdp_section *m, struct sdp_codec *out,
		  size_t max);
/* The name of a=rtpmap, NULL for none. */
const char *sdp_codec_word(enum sdp_codec_id id);
/* rtpmap, rtcp-fb and fmtp lines. Fails the writer for what has no name. */
void sdp_wr_codec(struct wr *w, const struct sdp_codec *c);
/* "111 0 8" */
void sdp_wr_pts(struct wr *w, const struct sdp_codec *v, size_t n);

enum sdp_ext_id sdp_ext_of(struct span uri);
const char *sdp_ext_uri(enum sdp_ext_id id);	/* NULL for none */

/* What may be said to a direction that was offered (RFC 3264 6.1). */
enum sdp_dir sdp_dir_allowed(enum sdp_dir offered);
/* a=rtcp-fb ... ccm tmmbr for any payload type (RFC 5104). */
bool sdp_has_tmmbr(const struct sdp_section *m);
