/* wire/h264 - H.264 over RTP (RFC 6184): single NAL units, STAP-A and FU-A;
 * Annex B byte streams; and the sequence parameter set's few numbers that a
 * bridge must know. Nothing here decodes pictures.
 *
 * Modes: 0 (single NAL units only) and 1 (with STAP-A and FU-A). Mode 2
 * (interleaved) and STAP-B, MTAP, FU-B are refused with E_UNSUPPORTED.
 * Pure and without allocation; work is linear in the input.
 *
 * Errors: E_TRUNC, E_FORMAT, E_UNSUPPORTED, E_LIMIT (a bound of this file),
 * E_FULL (the caller's buffer), E_INVAL.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum h264_nal {
	H264_NAL_SLICE = 1,
	H264_NAL_IDR = 5,
	H264_NAL_SEI = 6,
	H264_NAL_SPS = 7,
	H264_NAL_PPS = 8,
	H264_NAL_AUD = 9,
	H264_NAL_STAP_A = 24,
	H264_NAL_FU_A = 28,
};

enum {
	H264_SPS_MAX = 512,		/* bytes of an SPS we read */
	H264_DIM_MAX = 16384,		/* pixels; the caller sets his own cap */
	H264_STAP_MAX = 64,		/* NAL units in one STAP-A */
};

/* --- packets in --- */

/* What one RTP payload holds, without keeping state. */
struct h264_info {
	uint32_t nal_types;		/* bit (1 << type) for each NAL unit */
	bool fu;			/* a fragment ... */
	bool fu_start, fu_end;		/* ... and which one */
	bool first_slice;		/* begins a slice with first_mb 0 */
};
int h264_info(struct h264_info *out, struct span payload);

/* Joins the payloads of one picture, given in order and without a gap, into
 * an Annex B picture in the caller's buffer. */
struct h264_join {
	uint8_t *buf;
	size_t cap, n;
	bool in_fu;
	uint8_t fu_head;		/* the fragmented NAL unit's header */
	bool key;			/* an IDR slice was seen */
	bool has_sps;
};
void h264_join_init(struct h264_join *j, void *buf, size_t cap);
/* After an error the picture is lost: begin anew with init. */
int h264_join_add(struct h264_join *j, struct span payload);
/* E_TRUNC when a fragment is open or nothing was added. */
int h264_join_end(const struct h264_join *j, struct span *annexb);

/* --- packets out --- */

/* Takes the next NAL unit (without start code) off an Annex B stream; false at
 * the end. Empty units are left out. */
bool h264_nal_next(struct span *annexb, struct span *nal);

struct h264_pack {
	struct span rest;		/* Annex B not looked at yet */
	struct span nal;		/* the unit being sent, its header left */
	bool have_nal, in_fu;
	uint8_t mode, fu_head;
	size_t max_n, fu_parts;
};
/* mode 0 or 1; max_n at least 16. */
int h264_pack_init(struct h264_pack *p, struct span annexb, unsigned mode,
		   size_t max_n);
/* 1 and *out for each payload (at most max_n bytes), 0 after the last;
 * E_LIMIT when a NAL unit is too large for mode 0. Mode 1 joins small
 * neighbours in a STAP-A. *last = set the RTP marker. */
int h264_pack_next(struct h264_pack *p, void *buf, size_t cap,
		   struct span *out, bool *last);

/* --- parameter sets --- */

struct h264_sps {
	uint8_t profile_idc, constraints, level_idc;
	uint8_t id;			/* 0..31 */
	uint8_t ref_frames;		/* 0..16 */
	bool frame_mbs_only;
	uint8_t chroma_format;		/* 0..3, 1 = 4:2:0 */
	uint16_t width, height;		/* after cropping, 1..H264_DIM_MAX */
	/* Before cropping: what a decoder allocates. Bounds are checked on
	 * these, else a bomb is cropped to look small. */
	uint16_t coded_width, coded_height;
};
/* One NAL unit of type 7, header byte included, emulation prevention bytes
 * still in it. The VUI is not read. */
int h264_sps_decode(struct h264_sps *out, struct span nal);

/* True when the Annex B picture holds an IDR slice. */
bool h264_is_key(struct span annexb);
