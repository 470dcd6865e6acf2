/* media/video/out.h - the pictures that one leg receives: packets with its
 * own SSRC and numbers, pacing, repair, filler.
 *
 * Pictures of a group are cut into payloads once (struct cut) and given to
 * each receiver. Stamps are 90 kHz of the frame's monotonic time, so they go
 * on across a change of group; the change itself begins with a keyframe. A
 * receiver whose link is behind misses whole pictures until the next keyframe,
 * which is asked for in bounds.
 *
 * Filler: when a receiver that once had video got no packet for
 * MEDIA_FILLER_MS, it gets a packet of padding only (RFC 3550 5.1), with the
 * stamp of the last picture. A repeated picture would damage the decoder's
 * references, and an empty one is not legal in either codec; padding is legal
 * in all, goes through the same numbers and is counted by the receiver.
 */
#pragma once
#include "media/media.h"
#include "media/rtp/history.h"
#include "media/rtp/keyreq.h"
#include "media/rtp/link.h"
#include "media/rtp/pacer.h"

enum { CUT_MAX = 2048 };

/* One picture as payloads of at most `max` bytes; `mode` is H.264's. */
struct cut {
	size_t n, bytes;
	unsigned mode;			/* how it was cut; max 0: it is not */
	size_t max;
	struct span payload[CUT_MAX];	/* into media.packets */
};
/* E_FORMAT, E_LIMIT. */
int cut_picture(struct cut *c, struct media *m, enum frame_codec codec,
		unsigned mode, size_t max, struct span picture);

/* A leg has two at most: the meeting's picture, and what others present. */
struct video_out {
	struct leg *leg;
	bool is_slides;
	const struct nego_stream *st;	/* terms of its section, in leg->nego */
	struct flow *flow;
	struct nego_way way;		/* codec that is sent now */
	struct history *history;
	struct pacer pacer;
	struct timer paced;
	struct report_sender sender, rtx_sender;
	uint16_t rtx_seq;
	uint32_t ts_base, last_ts;
	bool is_started;		/* had a picture */
	bool needs_key;
	uint64_t sent_ns;		/* last packet */
	uint64_t repeat_ns;		/* budget of repairs: window begin */
	size_t repeat_bytes;
	struct keystorm storm;
	bool key_held;			/* slides: a wish that waits */
	uint64_t key_ns;		/* slides: last wish passed on */
	uint64_t too_large;		/* pictures that it does not take */
	uint64_t pictures, skipped, fillers, repeats, repeats_refused;
};

int  video_out_new(struct video_out **out, struct leg *leg, bool is_slides);
void video_out_free(struct video_out **v);
/* Another group: wait for its keyframe. */
void video_out_switch(struct video_out *v);
/* Can it be sent this codec? Then it is, from the next keyframe on. */
bool video_out_take_codec(struct video_out *v, enum frame_codec codec);
void video_out_picture(struct video_out *v, const struct frame *f,
		       const struct cut *c, uint64_t now_ns);
/* Cuts as `v` needs it, unless it is cut so already, and sends. E_FORMAT,
 * E_LIMIT. */
int video_out_give(struct video_out *v, const struct frame *f, struct cut *c);
void video_out_filler(struct video_out *v, uint64_t now_ns);
/* NACK: 16 bit numbers. */
void video_out_repeat(struct video_out *v, uint16_t seq, uint64_t now_ns);
/* PLI, FIR. */
void video_out_wants_key(struct video_out *v, uint64_t now_ns);
