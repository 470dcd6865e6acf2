/* ipc/frame.h - compressed pictures between media and video.
 *
 * The one link that does not carry Protocol Buffers: it moves every picture
 * of every meeting, and a fixed header needs no allocation. Same rules as
 * everywhere: pure codec, bounded, fuzzed; both ends treat the other as
 * hostile. One SEQPACKET datagram each; a frame larger than FRAME_CHUNK_MAX
 * travels in consecutive chunks (`chunk`, `chunks`). A full socket drops the
 * rest of the frame and the receiver asks for a keyframe.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum {
	FRAME_CHUNK_MAX = 60 * 1024,
	FRAME_MAX = 1024 * 1024,	/* bytes of one compressed picture */
	FRAME_CHUNKS_MAX = FRAME_MAX / FRAME_CHUNK_MAX + 1,
	FRAME_HEADER_LEN = 64,
	FRAME_WIDTH_MAX = 1920,
	FRAME_HEIGHT_MAX = 1088,
};

enum frame_kind {
	FRAME_NONE = 0,
	FRAME_HELLO,		/* data = protocol hash, once, both ways */
	FRAME_IN,		/* media -> video: a sender's picture (stream = leg) */
	FRAME_OUT,		/* video -> media: a group's picture (stream = group) */
	FRAME_WANT_KEY,		/* either way: send a keyframe of `stream` */
	FRAME_RATE,		/* media -> video: `kbps` for the group */
	FRAME_ROOM_GONE,
	FRAME_KIND_COUNT
};

enum frame_codec { FRAME_CODEC_NONE = 0, FRAME_VP8 = 1, FRAME_H264 = 2, FRAME_CODEC_COUNT };

enum {
	FRAME_F_KEY = 1,
	/* IN, WANT_KEY: of what the leg presents, not of its camera. Both are
	 * streams of their own: ids and keyframes count for each. */
	FRAME_F_SLIDES = 2,
};

struct frame {
	enum frame_kind kind;
	enum frame_codec codec;
	uint8_t flags;
	uint16_t width, height;		/* 0 when unknown */
	uint16_t chunk, chunks;		/* chunk < chunks */
	uint32_t id;			/* counts per stream, for reassembly */
	uint32_t kbps;
	uint64_t room, stream;
	uint64_t mono_ns;		/* capture or compose time */
	uint32_t rtp_ts;		/* sender's 90 kHz stamp (IN) */
	uint32_t total;			/* bytes of the whole picture */
	struct span data;		/* this chunk; H.264 is Annex B */
};

/* At most FRAME_WIDTH_MAX x FRAME_HEIGHT_MAX, or the same on its side: a
 * telephone held upright sends 720 x 1280. */
bool frame_size_is_fit(unsigned width, unsigned height);

/* Pure. E_FORMAT, E_TRUNC, E_LIMIT. out->data points into `in`. */
int frame_decode(struct frame *out, struct span in);
/* Writes header and data: 0 and *out, or E_LIMIT/E_FULL. */
int frame_encode(const struct frame *f, void *buf, size_t cap,
		 struct span *out);

/* Puts chunks of one stream together. A missing chunk or a new id throws the
 * half picture away and counts it. Owns a buffer of at most FRAME_MAX. */
struct frame_join;
int  frame_join_new(struct frame_join **out);
void frame_join_free(struct frame_join **j);
/* E_AGAIN until the last chunk; then 0 and *whole (valid until the next
 * call). E_FORMAT when the chunk did not fit; *lost says a picture was lost. */
int  frame_join_add(struct frame_join *j, const struct frame *chunk,
		    struct frame *whole, bool *lost);
