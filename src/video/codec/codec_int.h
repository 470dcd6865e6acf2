/* video/codec/codec_int.h - what one codec's folder offers to codec.c. */
#pragma once
#include "video/codec/codec.h"

struct vdec_ops {
	int  (*probe)(struct vdec_info *out, struct span picture);
	int  (*open)(void **self);
	void (*close)(void *self);
	int  (*decode)(void *self, struct span picture, struct pic_view *out);
};

struct venc_ops {
	int  (*open)(void **self, const struct venc_cfg *cfg);
	void (*close)(void *self);
	int  (*set_rate)(void *self, uint32_t kbps, uint8_t fps);
	int  (*encode)(void *self, const struct pic_view *in, uint32_t step,
		       bool key, struct venc_out *out);
};

extern const struct vdec_ops vp8_dec_ops, h264_dec_ops;
extern const struct venc_ops vp8_enc_ops, h264_enc_ops;
