/* ipc/codec_copy.h - a codec between the wire's struct and cv.Codec.
 *
 * The one list of the fields that both have; every face copies by it. `ipc`
 * knows nothing of SDP (the wire is not its to include), so these are macros:
 * whoever uses them includes wire/sdp/codec.h, and CODEC_SAME_NUMBERS stands
 * once in his file. Copies are shallow; nothing is allocated.
 */
#pragma once
#include <assert.h>
#include "ipc/common.pb-c.h"

/* X(field of Cv__Codec, field of struct sdp_codec) */
#define CODEC_FIELDS(X)                                                       \
	X(name, id) X(pt, pt) X(clock_hz, clock_hz) X(channels, channels)     \
	X(feedback, feedback) X(apt, apt)                                     \
	X(packetization_mode, packetization_mode)                             \
	X(profile_level_id, profile_level_id)                                 \
	X(useinbandfec, useinbandfec)                                         \
	X(maxaveragebitrate, maxaveragebitrate) X(ptime_ms, ptime_ms)         \
	X(stereo, stereo) X(usedtx, usedtx) X(max_mbps, max_mbps)             \
	X(max_fs, max_fs) X(max_br, max_br) X(level_asymmetry, level_asymmetry)

#define CODEC_TO_IPC_(m, w) codec_to_->m = (__typeof__(codec_to_->m))codec_->w;
#define CODEC_TO_WIRE_(m, w)                                                  \
	.w = (__typeof__(((struct sdp_codec *)0)->w))codec_->m,

/* Initializes *to (a Cv__Codec) from *from (a struct sdp_codec). */
#define CODEC_TO_IPC(to, from)                                                \
	do {                                                                  \
		Cv__Codec *codec_to_ = (to);                                  \
		const struct sdp_codec *codec_ = (from);                      \
		cv__codec__init(codec_to_);                                   \
		CODEC_FIELDS(CODEC_TO_IPC_)                                   \
	} while (0)

/* The struct sdp_codec of *from. What exceeds its fields is cut off: a
 * payload type above 127 is to be refused before. */
#define CODEC_TO_WIRE(from)                                                   \
	__extension__({                                                       \
		const Cv__Codec *codec_ = (from);                             \
		(struct sdp_codec){CODEC_FIELDS(CODEC_TO_WIRE_)};             \
	})

/* The same numbers on both sides: a cast carries them over. */
#define CODEC_SAME_NUMBERS                                                    \
	static_assert((int)CV__CODEC_NAME__CODEC_OPUS == SDP_OPUS &&          \
		      (int)CV__CODEC_NAME__CODEC_G722 == SDP_G722 &&          \
		      (int)CV__CODEC_NAME__CODEC_PCMU == SDP_PCMU &&          \
		      (int)CV__CODEC_NAME__CODEC_PCMA == SDP_PCMA &&          \
		      (int)CV__CODEC_NAME__CODEC_TELEPHONE_EVENT ==           \
			      SDP_TELEPHONE_EVENT &&                          \
		      (int)CV__CODEC_NAME__CODEC_VP8 == SDP_VP8 &&            \
		      (int)CV__CODEC_NAME__CODEC_H264 == SDP_H264 &&          \
		      (int)CV__CODEC_NAME__CODEC_RTX == SDP_RTX &&            \
		      (int)CV__CODEC_NAME__CODEC_H224 == SDP_H224,            \
		      "cv.CodecName");                                        \
	static_assert((int)CV__FEEDBACK__FB_NACK == SDP_FB_NACK &&            \
		      (int)CV__FEEDBACK__FB_PLI == SDP_FB_PLI &&              \
		      (int)CV__FEEDBACK__FB_FIR == SDP_FB_FIR &&              \
		      (int)CV__FEEDBACK__FB_REMB == SDP_FB_REMB &&            \
		      (int)CV__FEEDBACK__FB_TWCC == SDP_FB_TWCC,              \
		      "cv.Feedback")
