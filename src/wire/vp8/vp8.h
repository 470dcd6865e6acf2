/* wire/vp8 - VP8 over RTP (RFC 7741) and the head of a VP8 frame (RFC 6386
 * section 9.1). Nothing here looks into the compressed data.
 *
 * Pure and without allocation; spans point into the input. Errors: E_TRUNC,
 * E_FORMAT, E_FULL, E_INVAL.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

enum { VP8_DESC_MAX = 6, VP8_FRAME_HEAD_LEN = 3, VP8_KEY_HEAD_LEN = 10 };

/* Payload descriptor, RFC 7741 4.2. */
struct vp8_desc {
	bool non_ref;			/* N */
	bool start;			/* S: a partition begins */
	uint8_t pid;			/* partition, 0..7 */
	bool has_picture_id;
	bool picture_id_long;		/* 15 bits instead of 7 */
	uint16_t picture_id;
	bool has_tl0picidx;
	uint8_t tl0picidx;
	bool has_tid;
	uint8_t tid;			/* 0..3 */
	bool layer_sync;		/* Y, with tid */
	bool has_keyidx;
	uint8_t keyidx;			/* 0..31 */
	struct span payload;		/* what follows; at least one byte */
};

int vp8_desc_decode(struct vp8_desc *out, struct span in);
/* Writes the descriptor only. At most VP8_DESC_MAX bytes. */
int vp8_desc_encode(const struct vp8_desc *d, void *buf, size_t cap,
		    struct span *out);
/* True for the first packet of a frame (S set and partition 0). */
bool vp8_desc_is_first(const struct vp8_desc *d);

/* Head of a frame: only the first packet's payload carries it. */
struct vp8_frame {
	bool key;
	uint8_t version;		/* 0..3, else E_FORMAT */
	bool show;
	uint32_t first_part_n;
	uint16_t width, height;		/* keyframes only; 1..16383 */
	uint8_t hscale, vscale;
};
int vp8_frame_decode(struct vp8_frame *out, struct span in);

/* Cuts one frame into payloads of at most max_n bytes, nearly equal in size
 * (a short last packet is as likely lost as a full one, so there is no gain
 * in filling the first ones). */
struct vp8_pack {
	struct span rest;
	size_t parts;			/* packets still to come */
	struct vp8_desc desc;
};
/* picture_id: 0..32767, or negative for the one-byte descriptor. E_INVAL for
 * an empty frame or max_n <= VP8_DESC_MAX. */
int vp8_pack_init(struct vp8_pack *p, struct span frame, size_t max_n,
		  int picture_id);
/* 1 and *out for each payload, 0 after the last, or an error; *last = set the
 * RTP marker. */
int vp8_pack_next(struct vp8_pack *p, void *buf, size_t cap,
		  struct span *out, bool *last);
