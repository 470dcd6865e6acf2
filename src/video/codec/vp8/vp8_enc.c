/* VP8 encoder on libvpx, for one receiver group in real time. Options and
 * their reasons: reference measurements of the media plane. */
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>
#include "base/alloc.h"
#include "video/codec/codec_int.h"

enum {
	VP8_CPU_USED = -8,		/* faster steps overshoot the rate */
	VP8_MAX_INTRA_PCT = 300,
	VP8_Q_MIN = 2, VP8_Q_MAX = 56,
};

struct vp8_enc {
	vpx_codec_ctx_t ctx;
	vpx_codec_enc_cfg_t cfg;
	int64_t pts;
	uint32_t nominal;		/* 1/fps in clock units */
};

static void fill_cfg(vpx_codec_enc_cfg_t *c, const struct venc_cfg *cfg)
{
	c->g_w = cfg->w;
	c->g_h = cfg->h;
	c->g_timebase = (struct vpx_rational){1, VENC_CLOCK_HZ};
	c->g_threads = 1;
	c->g_lag_in_frames = 0;
	c->g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
	c->rc_end_usage = VPX_CBR;
	c->rc_target_bitrate = cfg->kbps;
	c->rc_dropframe_thresh = 0;
	c->rc_min_quantizer = VP8_Q_MIN;
	c->rc_max_quantizer = VP8_Q_MAX;
	c->rc_undershoot_pct = 100;
	c->rc_overshoot_pct = 15;
	c->rc_buf_sz = 1000;
	c->rc_buf_initial_sz = 500;
	c->rc_buf_optimal_sz = 600;
	c->kf_mode = VPX_KF_DISABLED;
}

static int set_controls(vpx_codec_ctx_t *ctx)
{
	if (vpx_codec_control(ctx, VP8E_SET_CPUUSED, VP8_CPU_USED) ||
	    vpx_codec_control(ctx, VP8E_SET_STATIC_THRESHOLD, 1) ||
	    vpx_codec_control(ctx, VP8E_SET_MAX_INTRA_BITRATE_PCT,
			      VP8_MAX_INTRA_PCT) ||
	    vpx_codec_control(ctx, VP8E_SET_TOKEN_PARTITIONS,
			      VP8_ONE_TOKENPARTITION))
		return E_INTERNAL;
	return 0;
}

static int vp8_enc_open(void **self, const struct venc_cfg *cfg)
{
	struct vp8_enc *e = mem_zalloc(sizeof(*e));

	if (!e)
		return E_NOMEM;
	if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &e->cfg, 0))
		goto fail;
	fill_cfg(&e->cfg, cfg);
	e->nominal = VENC_CLOCK_HZ / cfg->fps;
	if (vpx_codec_enc_init(&e->ctx, vpx_codec_vp8_cx(), &e->cfg, 0))
		goto fail;
	if (set_controls(&e->ctx) < 0) {
		(void)vpx_codec_destroy(&e->ctx);
		goto fail;
	}
	*self = e;
	return 0;
fail:
	mem_free(e);
	return E_NOMEM;
}

static void vp8_enc_close(void *self)
{
	struct vp8_enc *e = self;

	(void)vpx_codec_destroy(&e->ctx);	/* fails only when not open */
	mem_free(e);
}

static int vp8_enc_set_rate(void *self, uint32_t kbps, uint8_t fps)
{
	struct vp8_enc *e = self;

	e->nominal = VENC_CLOCK_HZ / fps;
	e->cfg.rc_target_bitrate = kbps;
	return vpx_codec_enc_config_set(&e->ctx, &e->cfg) ? E_INTERNAL : 0;
}

static int vp8_enc_encode(void *self, const struct pic_view *in, uint32_t step,
			  bool key, struct venc_out *out)
{
	struct vp8_enc *e = self;
	vpx_image_t img;
	vpx_codec_iter_t it = NULL;
	const vpx_codec_cx_pkt_t *pkt;

	if (!vpx_img_wrap(&img, VPX_IMG_FMT_I420, in->w, in->h, 1,
			  (unsigned char *)(uintptr_t)in->y))
		return E_INVAL;
	img.planes[VPX_PLANE_U] = (unsigned char *)(uintptr_t)in->u;
	img.planes[VPX_PLANE_V] = (unsigned char *)(uintptr_t)in->v;
	img.stride[VPX_PLANE_Y] = in->stride_y;
	img.stride[VPX_PLANE_U] = img.stride[VPX_PLANE_V] = in->stride_uv;
	e->pts += step;
	if (vpx_codec_encode(&e->ctx, &img, e->pts, e->nominal,
			     key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME))
		return E_INTERNAL;
	while ((pkt = vpx_codec_get_cx_data(&e->ctx, &it)) != NULL) {
		if (pkt->kind != VPX_CODEC_CX_FRAME_PKT)
			continue;
		out->data = span_of(pkt->data.frame.buf, pkt->data.frame.sz);
		out->key = pkt->data.frame.flags & VPX_FRAME_IS_KEY;
		return 0;
	}
	return E_AGAIN;
}

const struct venc_ops vp8_enc_ops = {vp8_enc_open, vp8_enc_close,
				     vp8_enc_set_rate, vp8_enc_encode};
