/* media/video/assemble.h - whole pictures out of the packets of one sender
 * (VP8, H.264), in order; starts with a keyframe and stops at a hole.
 *
 * Packets may come late and in any order within ASSEMBLE_SLOTS; their numbers
 * are extended ones (rtp/receive.h). After a hole that nobody will fill the
 * caller says assemble_lost(); the machine then waits for a keyframe, and takes
 * one that already lies behind the hole. Nothing here decodes: of the bytes
 * only payload descriptors, NAL types and the picture size are read, and sizes
 * over FRAME_WIDTH_MAX x FRAME_HEIGHT_MAX are refused (a picture on its side
 * is allowed).
 *
 * Not thread safe; one owner. No allocation after _new.
 */
#pragma once
#include "ipc/frame.h"

enum {
	ASSEMBLE_SLOTS = 512,		/* power of two */
	ASSEMBLE_PAYLOAD_MAX = 1460,
};

struct assemble;

int  assemble_new(struct assemble **out, enum frame_codec codec);
void assemble_free(struct assemble **a);
/* Forget everything, wait for a keyframe. */
void assemble_reset(struct assemble *a);

/* One packet's payload, padding stripped; may be empty (padding only).
 * E_FORMAT, E_LIMIT: the packet is counted and ignored. */
int assemble_put(struct assemble *a, uint64_t ext, uint32_t ts, bool marker,
		 struct span payload);

struct assembled {
	bool is_key;
	uint16_t width, height;		/* of the last keyframe, 0 = unknown */
	uint32_t ts;
	uint64_t first, last;		/* packet numbers */
	struct span data;		/* H.264 as Annex B */
};
/* The next picture, written into buf: 0, or E_AGAIN when there is none. A
 * damaged one is thrown away and a keyframe awaited. */
int assemble_next(struct assemble *a, uint8_t *buf, size_t cap,
		  struct assembled *out);

/* The hole before the next picture stays. */
void assemble_lost(struct assemble *a);
/* A keyframe is needed to go on. */
bool assemble_needs_key(const struct assemble *a);

struct assemble_stats {
	uint64_t pictures, keys, damaged, refused_size, dropped_packets;
};
void assemble_get_stats(const struct assemble *a, struct assemble_stats *out);
