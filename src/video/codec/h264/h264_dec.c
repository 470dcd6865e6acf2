/* H.264 decoder on openh264 (constrained baseline and what else it takes). */
#include <wels/codec_api.h>
#include <string.h>
#include "base/alloc.h"
#include "video/codec/codec_int.h"
#include "wire/h264/h264.h"

enum { NAL_TYPES_KEPT = 1u << H264_NAL_SLICE | 1u << H264_NAL_IDR |
			1u << H264_NAL_SEI | 1u << H264_NAL_SPS |
			1u << H264_NAL_PPS };

struct h264_dec {
	ISVCDecoder *lib;
	bool has_key;
	uint8_t *buf;		/* the picture without what we do not decode */
	size_t cap;
};

static unsigned nal_type(struct span nal)
{
	return nal.p[0] & 31;
}

static int check_sps(struct vdec_info *out, struct span nal)
{
	struct h264_sps sps;
	int r = h264_sps_decode(&sps, nal);

	if (r < 0)
		return r;
	if (sps.chroma_format != 1 || !sps.frame_mbs_only)
		return E_UNSUPPORTED;
	/* the decoder allocates the coded size, whatever is cropped off */
	if (sps.coded_width > PIC_WIDTH_MAX ||
	    sps.coded_height > PIC_HEIGHT_MAX)
		return E_LIMIT;
	if (sps.coded_width > out->w)
		out->w = (uint16_t)sps.coded_width;
	if (sps.coded_height > out->h)
		out->h = (uint16_t)sps.coded_height;
	return 0;
}

/* Every SPS of the picture is read: a second one could hide behind a good
 * one. */
static int h264_probe(struct vdec_info *out, struct span picture)
{
	struct span rest = picture, nal;
	bool any = false;
	int r;

	while (h264_nal_next(&rest, &nal)) {
		any = true;
		if (nal_type(nal) == H264_NAL_IDR)
			out->key = true;
		if (nal_type(nal) != H264_NAL_SPS)
			continue;
		r = check_sps(out, nal);
		if (r < 0)
			return r;
	}
	return any ? 0 : E_FORMAT;
}

static int h264_open(void **self)
{
	struct h264_dec *d = mem_zalloc(sizeof(*d));
	SDecodingParam p = {0};
	int quiet = WELS_LOG_QUIET;

	if (!d)
		return E_NOMEM;
	if (WelsCreateDecoder(&d->lib) != 0 || !d->lib)
		goto fail;
	(void)(*d->lib)->SetOption(d->lib, DECODER_OPTION_TRACE_LEVEL, &quiet);
	p.sVideoProperty.size = sizeof(p.sVideoProperty);
	p.sVideoProperty.eVideoBsType = VIDEO_BITSTREAM_AVC;
	p.uiTargetDqLayer = UINT8_MAX;
	p.eEcActiveIdc = ERROR_CON_DISABLE;
	if ((*d->lib)->Initialize(d->lib, &p) != 0) {
		WelsDestroyDecoder(d->lib);
		goto fail;
	}
	*self = d;
	return 0;
fail:
	mem_free(d);
	return E_NOMEM;
}

static void h264_close(void *self)
{
	struct h264_dec *d = self;

	(void)(*d->lib)->Uninitialize(d->lib);	/* always 0 */
	WelsDestroyDecoder(d->lib);
	mem_free(d->buf);
	mem_free(d);
}

static int reserve(struct h264_dec *d, size_t need)
{
	uint8_t *p;

	if (need <= d->cap)
		return 0;
	p = mem_realloc(d->buf, need);
	if (!p)
		return E_NOMEM;
	d->buf = p;
	d->cap = need;
	return 0;
}

/* Copies the NAL units we decode, each behind a start code. Scalable and
 * partitioned ones are left out: less of the library is reachable. */
static int keep_known(struct h264_dec *d, struct span picture, size_t *n)
{
	static const uint8_t start[4] = {0, 0, 0, 1};
	struct span rest = picture, nal;
	size_t used = 0;
	int r;

	while (h264_nal_next(&rest, &nal)) {
		if (!(NAL_TYPES_KEPT >> nal_type(nal) & 1))
			continue;
		r = reserve(d, used + sizeof(start) + nal.n);
		if (r < 0)
			return r;
		memcpy(d->buf + used, start, sizeof(start));
		memcpy(d->buf + used + sizeof(start), nal.p, nal.n);
		used += sizeof(start) + nal.n;
	}
	*n = used;
	return used ? 0 : E_AGAIN;
}

static int view_of(struct pic_view *out, uint8_t *const planes[3],
		   const SSysMEMBuffer *b)
{
	if (b->iFormat != videoFormatI420 || b->iWidth < 1 ||
	    b->iHeight < 1 || b->iWidth > PIC_WIDTH_MAX ||
	    b->iHeight > PIC_HEIGHT_MAX || !planes[0] || !planes[1] ||
	    !planes[2])
		return E_LIMIT;
	*out = (struct pic_view){
		.y = planes[0], .u = planes[1], .v = planes[2],
		.stride_y = b->iStride[0], .stride_uv = b->iStride[1],
		.w = (uint16_t)b->iWidth, .h = (uint16_t)b->iHeight,
	};
	return 0;
}

static int h264_decode(void *self, struct span picture, struct pic_view *out)
{
	struct h264_dec *d = self;
	struct vdec_info info = {0};
	uint8_t *planes[3] = {NULL, NULL, NULL};
	SBufferInfo b = {0};
	DECODING_STATE st;
	size_t n = 0;
	int r = h264_probe(&info, picture);

	if (r == 0)
		r = keep_known(d, picture, &n);
	if (r < 0)
		return r;
	if (!info.key && !d->has_key)
		return E_STATE;
	d->has_key = false;
	st = (*d->lib)->DecodeFrameNoDelay(d->lib, d->buf, (int)n, planes, &b);
	if (st != dsErrorFree)
		return st & (dsRefLost | dsNoParamSets) ? E_STATE : E_FORMAT;
	d->has_key = true;
	if (b.iBufferStatus != 1)
		return E_AGAIN;
	return view_of(out, planes, &b.UsrData.sSystemBuffer);
}

const struct vdec_ops h264_dec_ops = {h264_probe, h264_open, h264_close,
				      h264_decode};
