/* H.264 encoder on openh264, constrained baseline, for one receiver group in
 * real time. Options: reference measurements of the media plane. */
#include <wels/codec_api.h>
#include <string.h>
#include "base/alloc.h"
#include "video/codec/codec_int.h"

struct h264_enc {
	ISVCEncoder *lib;
	uint8_t *buf;
	size_t cap;
	uint64_t pts;
};

static void fill_layer(SSpatialLayerConfig *l, const struct venc_cfg *cfg)
{
	l->iVideoWidth = cfg->w;
	l->iVideoHeight = cfg->h;
	l->fFrameRate = cfg->fps;
	l->iSpatialBitrate = (int)cfg->kbps * 1000;
	l->iMaxSpatialBitrate = UNSPECIFIED_BIT_RATE;
	l->uiProfileIdc = PRO_BASELINE;
	l->sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
	if (cfg->nal_max_bytes) {
		l->sSliceArgument.uiSliceMode = SM_SIZELIMITED_SLICE;
		l->sSliceArgument.uiSliceSizeConstraint = cfg->nal_max_bytes;
	}
}

static void fill_param(SEncParamExt *p, const struct venc_cfg *cfg)
{
	p->iUsageType = CAMERA_VIDEO_REAL_TIME;
	p->iPicWidth = cfg->w;
	p->iPicHeight = cfg->h;
	p->iTargetBitrate = (int)cfg->kbps * 1000;
	p->iMaxBitrate = UNSPECIFIED_BIT_RATE;
	p->iRCMode = RC_BITRATE_MODE;
	p->fMaxFrameRate = cfg->fps;
	p->iTemporalLayerNum = 1;
	p->iSpatialLayerNum = 1;
	p->iComplexityMode = LOW_COMPLEXITY;
	p->uiIntraPeriod = 0;
	p->iNumRefFrame = 1;
	p->eSpsPpsIdStrategy = CONSTANT_ID;
	p->bPrefixNalAddingCtrl = 0;
	p->iMultipleThreadIdc = 1;
	p->bEnableFrameSkip = 0;
	p->bEnableSceneChangeDetect = 0;	/* keyframes on demand only */
	p->uiMaxNalSize = cfg->nal_max_bytes;
	fill_layer(&p->sSpatialLayers[0], cfg);
}

static void h264_enc_close(void *self)
{
	struct h264_enc *e = self;

	if (e->lib) {
		(void)(*e->lib)->Uninitialize(e->lib);	/* always 0 */
		WelsDestroySVCEncoder(e->lib);
	}
	mem_free(e->buf);
	mem_free(e);
}

static int h264_enc_open(void **self, const struct venc_cfg *cfg)
{
	struct h264_enc *e = mem_zalloc(sizeof(*e));
	SEncParamExt p;
	int quiet = WELS_LOG_QUIET, format = videoFormatI420;

	if (!e)
		return E_NOMEM;
	if (WelsCreateSVCEncoder(&e->lib) != 0 || !e->lib)
		goto fail;
	(void)(*e->lib)->SetOption(e->lib, ENCODER_OPTION_TRACE_LEVEL, &quiet);
	if ((*e->lib)->GetDefaultParams(e->lib, &p) != 0)
		goto fail;
	fill_param(&p, cfg);
	if ((*e->lib)->InitializeExt(e->lib, &p) != 0 ||
	    (*e->lib)->SetOption(e->lib, ENCODER_OPTION_DATAFORMAT,
				 &format) != 0)
		goto fail;
	*self = e;
	return 0;
fail:
	h264_enc_close(e);
	return E_NOMEM;
}

static int h264_enc_set_rate(void *self, uint32_t kbps, uint8_t fps)
{
	struct h264_enc *e = self;
	float hz = fps;
	SBitrateInfo b = {.iLayer = SPATIAL_LAYER_ALL,
			  .iBitrate = (int)kbps * 1000};

	if ((*e->lib)->SetOption(e->lib, ENCODER_OPTION_FRAME_RATE, &hz) ||
	    (*e->lib)->SetOption(e->lib, ENCODER_OPTION_BITRATE, &b))
		return E_INTERNAL;
	return 0;
}

static size_t layer_bytes(const SLayerBSInfo *l)
{
	size_t n = 0;

	for (int i = 0; i < l->iNalCount; i++)
		n += (size_t)l->pNalLengthInByte[i];
	return n;
}

static int gather(struct h264_enc *e, const SFrameBSInfo *info,
		  struct span *out)
{
	size_t n = 0, at = 0;

	for (int i = 0; i < info->iLayerNum; i++)
		n += layer_bytes(&info->sLayerInfo[i]);
	if (n == 0)
		return E_AGAIN;
	if (n > FRAME_MAX)
		return E_LIMIT;
	if (n > e->cap) {
		uint8_t *p = mem_realloc(e->buf, n);

		if (!p)
			return E_NOMEM;
		e->buf = p;
		e->cap = n;
	}
	for (int i = 0; i < info->iLayerNum; i++) {
		size_t len = layer_bytes(&info->sLayerInfo[i]);

		memcpy(e->buf + at, info->sLayerInfo[i].pBsBuf, len);
		at += len;
	}
	*out = span_of(e->buf, n);
	return 0;
}

static int h264_enc_encode(void *self, const struct pic_view *in,
			   uint32_t step, bool key, struct venc_out *out)
{
	struct h264_enc *e = self;
	SSourcePicture pic = {
		.iColorFormat = videoFormatI420,
		.iStride = {in->stride_y, in->stride_uv, in->stride_uv},
		.pData = {(unsigned char *)(uintptr_t)in->y,
			  (unsigned char *)(uintptr_t)in->u,
			  (unsigned char *)(uintptr_t)in->v},
		.iPicWidth = in->w, .iPicHeight = in->h,
	};
	SFrameBSInfo info = {0};

	e->pts += step;
	pic.uiTimeStamp = (long long)(e->pts * 1000 / VENC_CLOCK_HZ);
	if (key && (*e->lib)->ForceIntraFrame(e->lib, true) != 0)
		return E_INTERNAL;
	if ((*e->lib)->EncodeFrame(e->lib, &pic, &info) != 0)
		return E_INTERNAL;
	if (info.eFrameType == videoFrameTypeSkip)
		return E_AGAIN;
	out->key = info.eFrameType == videoFrameTypeIDR;
	return gather(e, &info, &out->data);
}

const struct venc_ops h264_enc_ops = {h264_enc_open, h264_enc_close,
				      h264_enc_set_rate, h264_enc_encode};
