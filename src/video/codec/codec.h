/* video/codec/codec.h - decoders and encoders behind one face.
 *
 * vdec_probe() looks at a compressed picture before any library does: it is
 * the only place where dimensions come from, and what claims more than
 * PIC_WIDTH_MAX x PIC_HEIGHT_MAX goes no further. A decoder calls it itself,
 * so a bomb cannot reach the library by another way.
 *
 * One owner per object, one thread, no files, no threads of a library's own.
 */
#pragma once
#include "base/span.h"
#include "ipc/frame.h"
#include "video/pic.h"

struct vdec_info {
	bool key;		/* decoding can begin here */
	uint16_t w, h;		/* coded size; 0 when the picture says none */
};

/* Pure. E_FORMAT, E_TRUNC, E_LIMIT (too large), E_UNSUPPORTED. */
int vdec_probe(struct vdec_info *out, enum frame_codec codec,
	       struct span picture);

struct vdec;
int  vdec_new(struct vdec **out, enum frame_codec codec);
void vdec_free(struct vdec **d);
enum frame_codec vdec_codec(const struct vdec *d);
/* Decodes one picture. 0: *out is valid until the next call. E_AGAIN: taken,
 * but nothing to show. E_STATE: a reference is missing, only a keyframe helps.
 * E_FORMAT and the errors of vdec_probe(): not decodable; a keyframe is needed
 * as well. */
int  vdec_decode(struct vdec *d, struct span picture, struct pic_view *out);

enum { VENC_FPS_MAX = 60, VENC_KBPS_MIN = 32, VENC_KBPS_MAX = 12000,
       VENC_CLOCK_HZ = 90000 };

struct venc_cfg {
	enum frame_codec codec;
	uint16_t w, h;			/* even */
	uint8_t fps;			/* 1..VENC_FPS_MAX */
	uint32_t kbps;			/* clamped to VENC_KBPS_* */
	/* H.264 only: no NAL unit above so many bytes (RFC 6184
	 * packetization-mode 0); 0 = one slice. */
	uint16_t nal_max_bytes;
};

struct venc_out {
	struct span data;		/* valid until the next call */
	bool key;
};

struct venc;
/* An encoder keeps its size: libvpx cannot grow beyond the size it was made
 * with, so another size is another encoder. */
int  venc_new(struct venc **out, const struct venc_cfg *cfg);
void venc_free(struct venc **e);
/* A new rate goes on without a keyframe. */
int  venc_set_rate(struct venc *e, uint32_t kbps, uint8_t fps);
/* `step` is the distance to the former picture in 1/VENC_CLOCK_HZ. The picture
 * has the encoder's size (E_INVAL). E_AGAIN: the encoder left it out. */
int  venc_encode(struct venc *e, const struct pic_view *in, uint32_t step,
		 bool key, struct venc_out *out);
