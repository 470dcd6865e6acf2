#include <stdlib.h>
#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include "video.h"

/* --- out --------------------------------------------------------------- */

static uint8_t clamp(double v)
{
	return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)(v + 0.5);
}

/* BT.601, video range. */
static void to_yuv(const uint8_t rgb[3], uint8_t yuv[3])
{
	double r = rgb[0], g = rgb[1], b = rgb[2];

	yuv[0] = clamp(16 + 0.257 * r + 0.504 * g + 0.098 * b);
	yuv[1] = clamp(128 - 0.148 * r - 0.291 * g + 0.439 * b);
	yuv[2] = clamp(128 + 0.439 * r - 0.368 * g - 0.071 * b);
}

static void to_rgb(double y, double u, double v, uint8_t rgb[3])
{
	y = 1.164 * (y - 16);
	rgb[0] = clamp(y + 1.596 * (v - 128));
	rgb[1] = clamp(y - 0.392 * (u - 128) - 0.813 * (v - 128));
	rgb[2] = clamp(y + 2.017 * (u - 128));
}

bool video_out_open(struct video_out *v, unsigned width, unsigned height,
		    unsigned fps, unsigned kbps, const uint8_t rgb[3])
{
	vpx_codec_enc_cfg_t *c = &v->cfg;

	*v = (struct video_out){.width = width, .height = height, .fps = fps,
				.kbps = kbps, .wants_key = true};
	to_yuv(rgb, v->yuv);
	if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), c, 0))
		return false;
	c->g_w = width;
	c->g_h = height;
	c->g_timebase = (vpx_rational_t){1, (int)fps};
	c->g_threads = 1;
	c->g_lag_in_frames = 0;
	c->g_error_resilient = 1;
	c->rc_end_usage = VPX_CBR;
	c->rc_target_bitrate = kbps;
	c->rc_buf_sz = 1000;
	c->rc_buf_initial_sz = 500;
	c->rc_buf_optimal_sz = 600;
	c->kf_mode = VPX_KF_DISABLED;
	v->img = vpx_img_alloc(NULL, VPX_IMG_FMT_I420, width, height, 16);
	if (!v->img || vpx_codec_enc_init(&v->enc, vpx_codec_vp8_cx(), c, 0))
		return false;
	vpx_codec_control(&v->enc, VP8E_SET_CPUUSED, -8);
	vpx_codec_control(&v->enc, VP8E_SET_MAX_INTRA_BITRATE_PCT, 300u);
	return true;
}

void video_out_rate(struct video_out *v, unsigned kbps)
{
	if (kbps == v->cfg.rc_target_bitrate)
		return;
	v->cfg.rc_target_bitrate = kbps;
	vpx_codec_enc_config_set(&v->enc, &v->cfg);
}

static void plane(struct video_out *v, int which, uint8_t value)
{
	unsigned h = which ? v->height / 2 : v->height;
	unsigned w = which ? v->width / 2 : v->width;

	for (unsigned y = 0; y < h; y++)
		memset(v->img->planes[which] +
			       (size_t)y * (size_t)v->img->stride[which],
		       value, w);
}

/* A bright bar that sweeps the picture in 2.7 s at 15 fps; each frame differs
 * from the last one in a way that no scaling hides. */
static void draw(struct video_out *v)
{
	unsigned x = (unsigned)(v->frames % 40) * v->width / 40;
	unsigned w = v->width / 8;

	for (int i = 0; i < 3; i++)
		plane(v, i, v->yuv[i]);
	for (unsigned y = v->height / 4; y < v->height * 3 / 4; y++)
		for (unsigned i = 0; i < w; i++)
			v->img->planes[0][(size_t)y *
					  (size_t)v->img->stride[0] +
					  (x + i) % v->width] =
				v->yuv[0] < 128 ? 235 : 16;
}

static void cut(struct video_out *v, const uint8_t *p, size_t n,
		video_packet_fn emit, void *arg)
{
	uint8_t packet[4 + VIDEO_PAYLOAD];
	bool is_first = true;

	v->picture_id = (v->picture_id + 1) & 0x7fff;
	while (n) {
		size_t part = n < VIDEO_PAYLOAD ? n : VIDEO_PAYLOAD;

		packet[0] = (uint8_t)(0x80 | (is_first ? 0x10 : 0));
		packet[1] = 0x80;
		put16(packet + 2, 0x8000u | v->picture_id);
		memcpy(packet + 4, p, part);
		p += part;
		n -= part;
		emit(arg, packet, part + 4, n == 0);
		is_first = false;
	}
}

void video_out_frame(struct video_out *v, video_packet_fn emit, void *arg)
{
	vpx_enc_frame_flags_t flags = v->wants_key ? VPX_EFLAG_FORCE_KF : 0;
	vpx_codec_iter_t it = NULL;
	const vpx_codec_cx_pkt_t *pkt;

	draw(v);
	if (vpx_codec_encode(&v->enc, v->img, (vpx_codec_pts_t)v->frames, 1,
			     flags, VPX_DL_REALTIME))
		return;
	v->frames++;
	v->keys += v->wants_key;
	v->wants_key = false;
	while ((pkt = vpx_codec_get_cx_data(&v->enc, &it)) != NULL)
		if (pkt->kind == VPX_CODEC_CX_FRAME_PKT)
			cut(v, pkt->data.frame.buf, pkt->data.frame.sz, emit,
			    arg);
}

/* --- in: packets ------------------------------------------------------- */

bool video_in_open(struct video_in *v, bool uses_nack)
{
	memset(v, 0, sizeof(*v));
	v->uses_nack = uses_nack;
	v->rtt_ns = 60 * MS;
	for (int i = 0; i < VIDEO_RING; i++)
		v->slot[i].seq = -1;
	return !vpx_codec_dec_init(&v->dec, vpx_codec_vp8_dx(), NULL, 0);
}

static struct video_slot *find(struct video_in *v, int64_t seq)
{
	struct video_slot *s = &v->slot[seq & (VIDEO_RING - 1)];

	return s->seq == seq ? s : NULL;
}

static void miss(struct video_in *v, int64_t seq, uint64_t now)
{
	if (v->n_missing < sizeof(v->missing) / sizeof(v->missing[0]))
		v->missing[v->n_missing++] =
			(struct video_nack){.seq = seq, .first_ns = now};
}

static void found(struct video_in *v, int64_t seq)
{
	for (unsigned i = 0; i < v->n_missing; i++)
		if (v->missing[i].seq == seq) {
			v->n_missing--;
			memmove(&v->missing[i], &v->missing[i + 1],
				(v->n_missing - i) * sizeof(v->missing[0]));
			return;
		}
}

void video_in_packet(struct video_in *v, const struct rtp *r, bool is_repaired,
		     uint64_t now)
{
	struct video_slot *s;
	int64_t seq;

	if (!v->is_started) {
		v->is_started = true;
		v->seq = r->seq;
		v->next = r->seq;
		v->ts = r->ts;
	}
	seq = unwrap16(v->seq, r->seq);
	if (seq < v->next || find(v, seq)) {
		v->duplicates++;
		return;
	}
	if (seq - v->seq > VIDEO_RING / 2) {	/* a long outage */
		v->seq = v->next = seq;
		v->n_missing = 0;
		v->has_key = false;
	}
	for (int64_t i = v->seq + 1; i < seq; i++)
		miss(v, i, now);
	found(v, seq);
	if (seq > v->seq)
		v->seq = seq;
	v->ts = unwrap32(v->ts, r->ts);
	s = &v->slot[seq & (VIDEO_RING - 1)];
	s->seq = seq;
	s->ts = v->ts;
	s->marker = r->marker;
	s->is_padding = r->n == 0;
	s->is_repaired = is_repaired;
	s->n = (uint16_t)r->n;
	memcpy(s->data, r->payload, r->n);
	v->packets++;
	v->padding += s->is_padding;
	v->repaired += is_repaired;
}

unsigned video_in_nacks(struct video_in *v, uint16_t out[VIDEO_NACK_MAX],
			uint64_t now)
{
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < v->n_missing; i++) {
		struct video_nack *m = &v->missing[i];

		if (m->seq < v->next || m->asked >= 10)
			continue;
		/* 10 ms for one that was overtaken only */
		if (n < VIDEO_NACK_MAX && now - m->first_ns >= 10 * MS &&
		    now - m->asked_ns >= v->rtt_ns + 20 * MS) {
			m->asked++;
			m->asked_ns = now;
			out[n++] = (uint16_t)m->seq;
		}
		v->missing[kept++] = *m;
	}
	v->n_missing = kept;
	if (!v->uses_nack)
		return 0;
	v->nacks += n;
	return n;
}

/* --- in: pictures ------------------------------------------------------ */

static void longer(double *max, uint64_t from, uint64_t to)
{
	double ms = (double)(to - from) / 1e6;

	if (from && ms > *max)
		*max = ms;
}

static void longer_ts(double *max, int64_t from, int64_t to)
{
	double ms = (double)(to - from) / 90;

	if (ms > *max)
		*max = ms;
}

static unsigned mean_of(const vpx_image_t *img, unsigned cx, unsigned cy)
{
	unsigned x0 = cx * img->d_w / VIDEO_GRID_W;
	unsigned x1 = (cx + 1) * img->d_w / VIDEO_GRID_W;
	unsigned y0 = cy * img->d_h / VIDEO_GRID_H;
	unsigned y1 = (cy + 1) * img->d_h / VIDEO_GRID_H;
	unsigned sum = 0, n = 0;

	for (unsigned y = y0; y < y1; y += 2)
		for (unsigned x = x0; x < x1; x += 2, n++)
			sum += img->planes[0][(size_t)y *
					      (size_t)img->stride[0] + x];
	return n ? sum / n : 0;
}

static bool has_moved(struct video_in *v, const vpx_image_t *img)
{
	bool moved = false;

	for (unsigned i = 0; i < VIDEO_GRID_W * VIDEO_GRID_H; i++) {
		unsigned m = mean_of(img, i % VIDEO_GRID_W, i / VIDEO_GRID_W);

		if (abs((int)m - (int)v->grid[i]) >= 10)
			moved = true;
		v->grid[i] = (uint8_t)m;
	}
	return moved;
}

static void probe(struct video_in *v, const vpx_image_t *img)
{
	for (unsigned i = 0; i < v->n_probes; i++) {
		unsigned x = (unsigned)(v->probe[i][0] * img->d_w);
		unsigned y = (unsigned)(v->probe[i][1] * img->d_h);
		size_t c = (size_t)(y / 2) * (size_t)img->stride[1] + x / 2;

		if (x < img->d_w && y < img->d_h)
			to_rgb(img->planes[0][(size_t)y *
					      (size_t)img->stride[0] + x],
			       img->planes[1][c], img->planes[2][c],
			       v->probe_rgb[i]);
	}
}

static void shown(struct video_in *v, const vpx_image_t *img, int64_t ts,
		  uint64_t now)
{
	bool moved = has_moved(v, img);

	if (v->frames++) {
		longer(&v->freeze_ms, v->shown_ns, now);
		longer_ts(&v->freeze_ts_ms, v->shown_ts, ts);
		if (now - v->shown_ns > 200 * MS)
			v->freeze_sum_ms += (double)(now - v->shown_ns) / 1e6;
	}
	v->shown_ns = now;
	v->shown_ts = ts;
	if (v->width != img->d_w || v->height != img->d_h)
		v->sizes++;
	v->width = img->d_w;
	v->height = img->d_h;
	if (v->blocks_max < (v->width + 15) / 16 * ((v->height + 15) / 16))
		v->blocks_max = (v->width + 15) / 16 *
				((v->height + 15) / 16);
	probe(v, img);
	if (!moved)
		return;
	if (v->moved++) {
		longer(&v->still_ms, v->moved_ns, now);
		longer_ts(&v->still_ts_ms, v->moved_ts, ts);
	}
	v->moved_ns = now;
	v->moved_ts = ts;
}

void video_in_end(struct video_in *v, uint64_t now)
{
	longer(&v->freeze_ms, v->shown_ns, now);
	longer(&v->still_ms, v->moved_ns, now);
}

/* The last packet of the picture that begins at `from`, or -1. */
static int64_t picture_end(struct video_in *v, int64_t from)
{
	struct video_slot *first = find(v, from), *s;

	for (int64_t i = from; (s = find(v, i)) != NULL; i++) {
		if (s->ts != first->ts || s->is_padding)
			return -1;
		if (s->marker)
			return i;
	}
	return -1;
}

static bool begins(struct video_in *v, int64_t seq, bool only_key)
{
	struct video_slot *s = find(v, seq);
	struct vp8 d;

	return s && !s->is_padding && !vp8_read(&d, s->data, s->n) &&
	       d.is_start && (d.is_key || !only_key);
}

static void decode(struct video_in *v, int64_t from, int64_t to, uint64_t now)
{
	static uint8_t picture[VIDEO_PACKETS_MAX * RTP_MAX];
	int64_t ts = find(v, from)->ts;
	vpx_codec_iter_t it = NULL;
	vpx_image_t *img;
	bool is_key = false;
	size_t n = 0;

	for (int64_t i = from; i <= to; i++) {
		struct video_slot *s = find(v, i);
		struct vp8 d;

		if (vp8_read(&d, s->data, s->n) ||
		    n + d.n > sizeof(picture)) {
			v->bad++;
			return;
		}
		is_key |= d.is_key;
		memcpy(picture + n, d.payload, d.n);
		n += d.n;
	}
	if (vpx_codec_decode(&v->dec, picture, (unsigned)n, NULL, 0)) {
		v->bad++;
		v->has_key = false;
		return;
	}
	v->keys += is_key;
	v->has_key |= is_key;
	while ((img = vpx_codec_get_frame(&v->dec, &it)) != NULL)
		shown(v, img, ts, now);
}

/* A complete keyframe further on ends the wait for what is missing. */
static bool jump(struct video_in *v)
{
	for (int64_t i = v->next; i <= v->seq; i++)
		if (begins(v, i, true) && picture_end(v, i) >= 0) {
			v->skipped += (uint64_t)(i - v->next);
			v->next = i;
			v->has_key = true;
			return true;
		}
	return false;
}

static void blocked(struct video_in *v, uint64_t now)
{
	/* without repair there is no point in waiting long */
	uint64_t patience = v->uses_nack ? 300 * MS : 50 * MS;

	if (!v->blocked_ns)
		v->blocked_ns = now;
	if (now - v->blocked_ns < patience && v->has_key)
		return;
	if (now - v->pli_ns >= 500 * MS) {
		v->pli_ns = now;
		v->wants_pli = true;
	}
}

void video_in_play(struct video_in *v, uint64_t now)
{
	while (v->is_started && v->next <= v->seq) {
		struct video_slot *s = find(v, v->next);
		int64_t end;

		if (s && s->is_padding) {
			v->next++;
			continue;
		}
		end = begins(v, v->next, !v->has_key)
			      ? picture_end(v, v->next) : -1;
		if (end < 0) {
			bool may_jump = !v->has_key ||
					(v->blocked_ns &&
					 now - v->blocked_ns > 100 * MS);

			if (may_jump && jump(v)) {
				v->blocked_ns = 0;
				continue;
			}
			blocked(v, now);
			return;
		}
		decode(v, v->next, end, now);
		v->next = end + 1;
		v->blocked_ns = 0;
	}
}
