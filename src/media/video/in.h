/* media/video/in.h - the video that one leg sends us: loss repair, feedback,
 * and whole pictures on to the video worker. */
#pragma once
#include "media/rtp/keyreq.h"
#include "media/rtp/nack.h"
#include "media/rtp/link.h"
#include "media/media.h"
#include "media/video/assemble.h"
#include "wire/rtp/rtp.h"

/* A leg has two at most: its camera, and what it presents. */
struct video_in {
	struct leg *leg;
	bool is_slides;
	const struct nego_stream *st;	/* terms of its section, in leg->nego */
	enum frame_codec codec;
	bool is_started;
	struct rtp_receive rx;
	struct rtp_receive rtx;		/* counts the repair stream */
	uint64_t switch_ns;
	struct nack nack;
	struct keyreq key;
	uint8_t fir_seq;
	uint64_t ask_key_ns;		/* last word to core */
	struct assemble *assemble;	/* while somebody sees him */
	uint32_t frame_id;
	uint32_t kbps;			/* last REMB */
	uint64_t heard_ns;		/* last packet */
	uint16_t width, height;
	uint64_t pictures, late_repairs;
};

int  video_in_new(struct video_in **out, struct leg *leg, bool is_slides);
void video_in_free(struct video_in **v);
/* A decrypted packet with the main or the repair payload type. */
void video_in_packet(struct video_in *v, const struct rtp *p, size_t bytes,
		     uint64_t now_ns);
/* Somebody sees him now, or nobody any more. */
void video_in_need(struct video_in *v, bool is_needed);
/* The decoder lost its place: go on with a keyframe. */
void video_in_restart(struct video_in *v);
void video_in_want_key(struct video_in *v);
/* Appends what is due: NACK, PLI or FIR, transport-wide feedback. */
void video_in_feedback(struct video_in *v, struct wr *w, uint32_t our_ssrc,
		       uint64_t now_ns);
bool video_in_has_feedback(const struct video_in *v, uint64_t now_ns);
