#include "media/video/assemble.h"
#include "base/alloc.h"
#include "wire/h264/h264.h"
#include "wire/vp8/vp8.h"

struct slot {
	uint64_t ext;			/* 0 = empty */
	uint32_t ts;
	uint16_t n;
	bool marker, is_key_start;
	uint8_t p[ASSEMBLE_PAYLOAD_MAX];
};

struct assemble {
	enum frame_codec codec;
	bool is_waiting;		/* for a keyframe */
	uint64_t head;			/* first packet of the next picture;
					 * 0 while nothing can begin */
	uint64_t scan;			/* [head, scan) is there, no end yet */
	uint64_t key_at;		/* newest start of a keyframe, or 0 */
	uint16_t width, height;
	struct assemble_stats stats;
	struct slot slots[ASSEMBLE_SLOTS];
};

static struct slot *slot_of(struct assemble *a, uint64_t ext)
{
	return &a->slots[ext & (ASSEMBLE_SLOTS - 1)];
}

int assemble_new(struct assemble **out, enum frame_codec codec)
{
	struct assemble *a;

	if (codec != FRAME_VP8 && codec != FRAME_H264)
		return E_INVAL;
	a = mem_alloc(sizeof(*a));
	if (!a)
		return E_NOMEM;
	memset(a, 0, offsetof(struct assemble, slots));
	a->codec = codec;
	assemble_reset(a);
	*out = a;
	return 0;
}

void assemble_free(struct assemble **a)
{
	mem_free(*a);
	*a = NULL;
}

void assemble_reset(struct assemble *a)
{
	a->is_waiting = true;
	a->head = a->scan = a->key_at = 0;
	for (size_t i = 0; i < ASSEMBLE_SLOTS; i++)
		a->slots[i].ext = 0;
}

static int vp8_starts_key(struct span payload, bool *is_start)
{
	struct vp8_desc d;
	int r = vp8_desc_decode(&d, payload);

	/* bit 0 of a frame is 0 for a keyframe (RFC 6386 9.1) */
	if (r == 0)
		*is_start = vp8_desc_is_first(&d) && !(d.payload.p[0] & 1);
	return r;
}

static int h264_starts_key(struct span payload, bool *is_start)
{
	struct h264_info i;
	int r = h264_info(&i, payload);

	if (r == 0)
		*is_start = i.nal_types >> H264_NAL_SPS & 1;
	return r;
}

static void aim(struct assemble *a, uint64_t ext)
{
	a->head = a->scan = ext;
}

int assemble_put(struct assemble *a, uint64_t ext, uint32_t ts, bool marker,
		 struct span payload)
{
	bool is_start = false;
	struct slot *s = slot_of(a, ext);
	int r = 0;

	if (payload.n > ASSEMBLE_PAYLOAD_MAX)
		r = E_LIMIT;
	else if (payload.n)
		r = a->codec == FRAME_VP8 ? vp8_starts_key(payload, &is_start)
					  : h264_starts_key(payload, &is_start);
	if (r < 0) {
		a->stats.dropped_packets++;
		return r;
	}
	if (s->ext == ext || (a->head && ext < a->head))
		return 0;
	if (a->head && ext - a->head >= ASSEMBLE_SLOTS)
		assemble_lost(a);
	s->ext = ext;
	s->ts = ts;
	s->marker = marker;
	s->is_key_start = is_start;
	s->n = (uint16_t)payload.n;
	if (payload.n)
		memcpy(s->p, payload.p, payload.n);
	if (is_start && ext > a->key_at) {
		a->key_at = ext;
		/* a keyframe under way is left for a newer one only when it
		 * cannot be completed */
		if (a->is_waiting && !a->head)
			aim(a, ext);
	}
	return 0;
}

void assemble_lost(struct assemble *a)
{
	bool is_behind = a->key_at > a->head;

	a->is_waiting = true;
	aim(a, is_behind ? a->key_at : 0);
	a->key_at = is_behind ? a->key_at : 0;
}

bool assemble_needs_key(const struct assemble *a)
{
	return a->is_waiting;
}

/* --- one picture ------------------------------------------------------- */

static int join_vp8(struct assemble *a, uint64_t last, uint8_t *buf,
		    size_t cap, struct assembled *out)
{
	struct vp8_frame f;
	size_t n = 0;
	bool is_first = true;

	for (uint64_t e = a->head; e <= last; e++) {
		const struct slot *s = slot_of(a, e);
		struct vp8_desc d;

		if (!s->n)
			continue;
		if (vp8_desc_decode(&d, span_of(s->p, s->n)) < 0 ||
		    vp8_desc_is_first(&d) != is_first ||
		    d.payload.n > cap - n)
			return E_FORMAT;
		memcpy(buf + n, d.payload.p, d.payload.n);
		n += d.payload.n;
		is_first = false;
	}
	out->data = span_of(buf, n);
	if (vp8_frame_decode(&f, out->data) < 0)
		return E_FORMAT;
	out->is_key = f.key;
	if (!f.key)
		return 0;
	if (!frame_size_is_fit(f.width, f.height))
		return E_LIMIT;
	a->width = f.width;
	a->height = f.height;
	return 0;
}

static int take_sps(struct assemble *a, struct span annexb)
{
	struct h264_sps sps;
	struct span nal;

	while (h264_nal_next(&annexb, &nal)) {
		if (!nal.n || (nal.p[0] & 31) != H264_NAL_SPS)
			continue;
		if (h264_sps_decode(&sps, nal) < 0)
			return E_FORMAT;
		if (!frame_size_is_fit(sps.width, sps.height))
			return E_LIMIT;
		a->width = sps.width;
		a->height = sps.height;
	}
	return 0;
}

static int join_h264(struct assemble *a, uint64_t last, uint8_t *buf,
		     size_t cap, struct assembled *out)
{
	struct h264_join j;

	h264_join_init(&j, buf, cap);
	for (uint64_t e = a->head; e <= last; e++) {
		const struct slot *s = slot_of(a, e);

		if (s->n && h264_join_add(&j, span_of(s->p, s->n)) < 0)
			return E_FORMAT;
	}
	if (h264_join_end(&j, &out->data) < 0)
		return E_FORMAT;
	out->is_key = j.key;
	return j.has_sps ? take_sps(a, out->data) : 0;
}

static int join(struct assemble *a, uint64_t last, uint8_t *buf, size_t cap,
		struct assembled *out)
{
	int r;

	*out = (struct assembled){.first = a->head, .last = last,
				  .ts = slot_of(a, last)->ts};
	r = a->codec == FRAME_VP8 ? join_vp8(a, last, buf, cap, out)
				  : join_h264(a, last, buf, cap, out);
	/* what follows a lost keyframe is worth nothing */
	if (r == 0 && a->is_waiting && !out->is_key)
		r = E_FORMAT;
	if (r == E_LIMIT)
		a->stats.refused_size++;
	out->width = a->width;
	out->height = a->height;
	return r;
}

/* The last packet of the next picture, when all of it is there. Packets
 * without payload between pictures belong to none. */
static bool find_end(struct assemble *a, uint64_t *last)
{
	for (;;) {
		const struct slot *s = slot_of(a, a->scan);
		const struct slot *before = slot_of(a, a->scan - 1);
		bool is_begun = a->scan > a->head;

		if (s->ext != a->scan)
			return false;
		if (!s->n && !is_begun) {
			aim(a, a->scan + 1);
			continue;
		}
		/* a new stamp ends a picture whose marker is missing */
		if (is_begun && s->ts != before->ts) {
			*last = a->scan - 1;
			return true;
		}
		a->scan++;
		if (s->marker) {
			*last = a->scan - 1;
			return true;
		}
	}
}

int assemble_next(struct assemble *a, uint8_t *buf, size_t cap,
		  struct assembled *out)
{
	uint64_t last;

	while (a->head && find_end(a, &last)) {
		int r = join(a, last, buf, cap, out);

		aim(a, last + 1);
		if (r < 0) {
			a->stats.damaged++;
			assemble_lost(a);
			continue;
		}
		a->is_waiting = false;
		a->stats.pictures++;
		a->stats.keys += out->is_key;
		return 0;
	}
	return E_AGAIN;
}

void assemble_get_stats(const struct assemble *a, struct assemble_stats *out)
{
	*out = a->stats;
}
