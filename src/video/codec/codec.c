#include "video/codec/codec_int.h"

#include "base/alloc.h"

static const struct {
	const struct vdec_ops *dec;
	const struct venc_ops *enc;
} codecs[FRAME_CODEC_COUNT] = {
	[FRAME_VP8] = {&vp8_dec_ops, &vp8_enc_ops},
	[FRAME_H264] = {&h264_dec_ops, &h264_enc_ops},
};

struct vdec {
	enum frame_codec codec;
	const struct vdec_ops *ops;
	void *self;
};

struct venc {
	struct venc_cfg cfg;
	const struct venc_ops *ops;
	void *self;
};

static bool is_known(enum frame_codec codec)
{
	return (unsigned)codec < FRAME_CODEC_COUNT && codecs[codec].dec;
}

int vdec_probe(struct vdec_info *out, enum frame_codec codec,
	       struct span picture)
{
	struct vdec_info info = {0};
	int r;

	if (!is_known(codec))
		return E_UNSUPPORTED;
	if (picture.n == 0)
		return E_TRUNC;
	if (picture.n > FRAME_MAX)
		return E_LIMIT;
	r = codecs[codec].dec->probe(&info, picture);
	if (r < 0)
		return r;
	if (info.w > PIC_WIDTH_MAX || info.h > PIC_HEIGHT_MAX)
		return E_LIMIT;
	*out = info;
	return 0;
}

int vdec_new(struct vdec **out, enum frame_codec codec)
{
	struct vdec *d;
	int r;

	if (!is_known(codec))
		return E_UNSUPPORTED;
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return E_NOMEM;
	d->codec = codec;
	d->ops = codecs[codec].dec;
	r = d->ops->open(&d->self);
	if (r < 0) {
		mem_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void vdec_free(struct vdec **d)
{
	if (!*d)
		return;
	(*d)->ops->close((*d)->self);
	mem_free(*d);
	*d = NULL;
}

enum frame_codec vdec_codec(const struct vdec *d)
{
	return d->codec;
}

int vdec_decode(struct vdec *d, struct span picture, struct pic_view *out)
{
	struct vdec_info info;
	struct pic_view view;
	int r = vdec_probe(&info, d->codec, picture);

	if (r < 0)
		return r;
	r = d->ops->decode(d->self, picture, &view);
	if (r < 0)
		return r;
	/* the library's word is not taken for it either */
	if (view.w < 1 || view.h < 1 || view.w > PIC_WIDTH_MAX ||
	    view.h > PIC_HEIGHT_MAX)
		return E_LIMIT;
	*out = view;
	return 0;
}

static uint32_t clamp_kbps(uint32_t kbps)
{
	if (kbps < VENC_KBPS_MIN)
		return VENC_KBPS_MIN;
	return kbps > VENC_KBPS_MAX ? VENC_KBPS_MAX : kbps;
}

int venc_new(struct venc **out, const struct venc_cfg *cfg)
{
	struct venc *e;
	int r;

	if (!is_known(cfg->codec))
		return E_UNSUPPORTED;
	if (cfg->w < 16 || cfg->h < 16 || cfg->w > PIC_WIDTH_MAX ||
	    cfg->h > PIC_HEIGHT_MAX || ((cfg->w | cfg->h) & 1) ||
	    cfg->fps < 1 || cfg->fps > VENC_FPS_MAX)
		return E_INVAL;
	e = mem_zalloc(sizeof(*e));
	if (!e)
		return E_NOMEM;
	e->cfg = *cfg;
	e->cfg.kbps = clamp_kbps(cfg->kbps);
	e->ops = codecs[cfg->codec].enc;
	r = e->ops->open(&e->self, &e->cfg);
	if (r < 0) {
		mem_free(e);
		return r;
	}
	*out = e;
	return 0;
}

void venc_free(struct venc **e)
{
	if (!*e)
		return;
	(*e)->ops->close((*e)->self);
	mem_free(*e);
	*e = NULL;
}

int venc_set_rate(struct venc *e, uint32_t kbps, uint8_t fps)
{
	int r;

	kbps = clamp_kbps(kbps);
	if (fps < 1 || fps > VENC_FPS_MAX)
		return E_INVAL;
	if (kbps == e->cfg.kbps && fps == e->cfg.fps)
		return 0;
	r = e->ops->set_rate(e->self, kbps, fps);
	if (r == 0) {
		e->cfg.kbps = kbps;
		e->cfg.fps = fps;
	}
	return r;
}

int venc_encode(struct venc *e, const struct pic_view *in, uint32_t step,
		bool key, struct venc_out *out)
{
	if (in->w != e->cfg.w || in->h != e->cfg.h || step == 0)
		return E_INVAL;
	return e->ops->encode(e->self, in, step, key, out);
}
