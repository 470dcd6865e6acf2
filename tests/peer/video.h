/* Pictures of the peer: a moving synthetic one out, VP8 in with its own
 * assembly, NACK and PLI. */
#pragma once
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>
#include "rtp.h"

enum {
	VIDEO_PAYLOAD = 1100, VIDEO_HISTORY = 1024, VIDEO_RING = 2048,
	VIDEO_PROBES = 8, VIDEO_GRID_W = 16, VIDEO_GRID_H = 9,
	VIDEO_NACK_MAX = 32, VIDEO_PACKETS_MAX = 256,
};

/* --- out --------------------------------------------------------------- */

struct video_out {
	vpx_codec_ctx_t enc;
	vpx_codec_enc_cfg_t cfg;
	vpx_image_t *img;
	unsigned width, height, fps, kbps;
	uint8_t yuv[3];			/* of the ground */
	uint64_t frames, keys;
	uint16_t picture_id;
	bool wants_key;
};
bool video_out_open(struct video_out *v, unsigned width, unsigned height,
		    unsigned fps, unsigned kbps, const uint8_t rgb[3]);
void video_out_rate(struct video_out *v, unsigned kbps);
typedef void (*video_packet_fn)(void *arg, const uint8_t *payload, size_t n,
				bool is_last);
void video_out_frame(struct video_out *v, video_packet_fn emit, void *arg);

/* --- in ---------------------------------------------------------------- */

struct video_slot {
	int64_t seq;			/* -1 = empty */
	int64_t ts;
	bool marker, is_padding, is_repaired;
	uint16_t n;
	uint8_t data[RTP_MAX];		/* RTP payload */
};

struct video_nack {
	int64_t seq;
	uint64_t first_ns, asked_ns;
	unsigned asked;
};

struct video_in {
	vpx_codec_ctx_t dec;
	bool uses_nack;
	struct video_slot slot[VIDEO_RING];
	bool is_started, has_key;
	int64_t seq, next, ts;		/* highest; next to decode */
	struct video_nack missing[VIDEO_NACK_MAX * 8];
	unsigned n_missing;
	uint64_t blocked_ns;		/* 0 = not waiting for a packet */
	uint64_t pli_ns;
	bool wants_pli;
	uint64_t rtt_ns;
	/* verdicts */
	uint64_t packets, padding, repaired, duplicates;
	uint64_t frames, keys, plis, nacks, bad, skipped;
	uint64_t shown_ns, moved_ns;
	int64_t shown_ts, moved_ts;
	double freeze_ms, freeze_ts_ms, still_ms, still_ts_ms;
	double freeze_sum_ms;		/* parts over 200 ms */
	unsigned width, height, sizes;
	unsigned blocks_max;		/* of the largest picture, 16x16 */
	uint8_t grid[VIDEO_GRID_W * VIDEO_GRID_H];
	uint64_t moved;
	double probe[VIDEO_PROBES][2];
	unsigned n_probes;
	uint8_t probe_rgb[VIDEO_PROBES][3];
};
bool video_in_open(struct video_in *v, bool uses_nack);
/* `seq` is that of the stream itself, also for a repaired packet. */
void video_in_packet(struct video_in *v, const struct rtp *r, bool is_repaired,
		     uint64_t now);
/* Decodes what can be; sets wants_pli. */
void video_in_play(struct video_in *v, uint64_t now);
/* Ends the verdicts: a stream that stopped is frozen until now. */
void video_in_end(struct video_in *v, uint64_t now);
/* Numbers to ask for now, ascending. */
unsigned video_in_nacks(struct video_in *v, uint16_t out[VIDEO_NACK_MAX],
			uint64_t now);
