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
#include "media/rtp/bwe.h"
#include "media/rtp/history.h"
#include "media/rtp/keyreq.h"
#include "media/rtp/pacer.h"
#include "media/rtp/twcc.h"

enum { CUT_MAX = 2048 };

/* One picture as payloads of at most `max` bytes; `mode` is H.264's. */
struct cut {
	size_t n, bytes;
	struct span payload[CUT_MAX];	/* into media.packets */
};
/* E_FORMAT, E_LIMIT. */
int cut_picture(struct cut *c, struct media *m, enum frame_codec codec,
		unsigned mode, size_t max, struct span picture);

struct video_out {
	struct leg *leg;
	enum frame_codec codec;
	struct history *history;
	struct pacer pacer;
	struct timer paced;
	struct bwe bwe;
	struct twcc_out twcc;
	struct report_sender sender, rtx_sender;
	uint16_t rtx_seq;
	uint32_t ts_base, last_ts;
	bool is_started;		/* had a picture */
	bool needs_key;
	uint64_t sent_ns;		/* last packet */
	uint64_t repeat_ns;		/* budget of repairs: window begin */
	size_t repeat_bytes;
	struct keystorm storm;
	uint64_t pictures, skipped, fillers, repeats, repeats_refused;
};

int  video_out_new(struct video_out **out, struct leg *leg);
void video_out_free(struct video_out **v);
/* Another group: wait for its keyframe. */
void video_out_switch(struct video_out *v);
void video_out_picture(struct video_out *v, const struct frame *f,
		       const struct cut *c, uint64_t now_ns);
void video_out_filler(struct video_out *v, uint64_t now_ns);
/* NACK: 16 bit numbers. */
void video_out_repeat(struct video_out *v, uint16_t seq, uint64_t now_ns);
/* PLI, FIR. */
void video_out_wants_key(struct video_out *v, uint64_t now_ns);
