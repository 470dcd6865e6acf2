/* VP8 decoder on libvpx. The only place, with vp8_enc.c, that includes it. */
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include "base/alloc.h"
#include "video/codec/codec_int.h"
#include "wire/vp8/vp8.h"

struct vp8_dec {
	vpx_codec_ctx_t ctx;
	bool has_key;
};

static int vp8_probe(struct vdec_info *out, struct span picture)
{
	struct vp8_frame f;
	int r = vp8_frame_decode(&f, picture);

	if (r < 0)
		return r;
	out->key = f.key;
	out->w = f.key ? f.width : 0;
	out->h = f.key ? f.height : 0;
	return 0;
}

static int vp8_open(void **self)
{
	struct vp8_dec *d = mem_zalloc(sizeof(*d));
	const vpx_codec_dec_cfg_t cfg = {.threads = 1};

	if (!d)
		return E_NOMEM;
	if (vpx_codec_dec_init(&d->ctx, vpx_codec_vp8_dx(), &cfg, 0) !=
	    VPX_CODEC_OK) {
		mem_free(d);
		return E_NOMEM;
	}
	*self = d;
	return 0;
}

static void vp8_close(void *self)
{
	struct vp8_dec *d = self;

	(void)vpx_codec_destroy(&d->ctx);	/* fails only when not open */
	mem_free(d);
}

static int view_of(struct pic_view *out, const vpx_image_t *img)
{
	if (img->fmt != VPX_IMG_FMT_I420 || img->d_w > PIC_WIDTH_MAX ||
	    img->d_h > PIC_HEIGHT_MAX)
		return E_LIMIT;
	*out = (struct pic_view){
		.y = img->planes[VPX_PLANE_Y],
		.u = img->planes[VPX_PLANE_U],
		.v = img->planes[VPX_PLANE_V],
		.stride_y = img->stride[VPX_PLANE_Y],
		.stride_uv = img->stride[VPX_PLANE_U],
		.w = (uint16_t)img->d_w,
		.h = (uint16_t)img->d_h,
	};
	return 0;
}

static int vp8_decode(void *self, struct span picture, struct pic_view *out)
{
	struct vp8_dec *d = self;
	struct vdec_info info;
	vpx_codec_iter_t it = NULL;
	const vpx_image_t *img;
	int corrupted = 0;
	int r = vp8_probe(&info, picture);

	if (r < 0)
		return r;
	if (!info.key && !d->has_key)
		return E_STATE;
	d->has_key = false;
	if (vpx_codec_decode(&d->ctx, picture.p, (unsigned)picture.n, NULL,
			     0) != VPX_CODEC_OK)
		return E_FORMAT;
	img = vpx_codec_get_frame(&d->ctx, &it);
	if (vpx_codec_control(&d->ctx, VP8D_GET_FRAME_CORRUPTED,
			      &corrupted) != VPX_CODEC_OK || corrupted)
		return E_STATE;
	d->has_key = true;
	return img ? view_of(out, img) : E_AGAIN;
}

const struct vdec_ops vp8_dec_ops = {vp8_probe, vp8_open, vp8_close,
				     vp8_decode};
