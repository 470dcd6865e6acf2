/* Sequence parameter set, ITU-T H.264 7.3.2.1.1. Every exp-golomb number is
 * bounded before it is used, and loops count to a bounded number. */
#include "wire/h264/h264.h"

struct bits {
	const uint8_t *p;
	size_t n, at;			/* at counts bits */
	bool failed;
};

static unsigned get_bit(struct bits *b)
{
	if (b->failed || b->at >= 8 * b->n) {
		b->failed = true;
		return 0;
	}
	unsigned byte = b->p[b->at / 8];
	unsigned v = byte >> (7 - b->at % 8) & 1;
	b->at++;
	return v;
}

static unsigned get_bits(struct bits *b, unsigned n)
{
	unsigned v = 0;

	while (n-- > 0)
		v = v << 1 | get_bit(b);
	return v;
}

/* ue(v), at most 31 leading zeros. */
static uint32_t get_ue(struct bits *b)
{
	unsigned zeros = 0;

	while (get_bit(b) == 0) {
		if (b->failed || ++zeros > 31) {
			b->failed = true;
			return 0;
		}
	}
	return (uint32_t)((UINT64_C(1) << zeros) - 1 + get_bits(b, zeros));
}

/* ue(v) that must not exceed max. */
static uint32_t get_ue_max(struct bits *b, uint32_t max)
{
	uint32_t v = get_ue(b);

	if (v > max)
		b->failed = true;
	return b->failed ? 0 : v;
}

static int64_t get_se(struct bits *b)
{
	uint32_t v = get_ue(b);

	return v & 1 ? (int64_t)(v / 2) + 1 : -(int64_t)(v / 2);
}

/* Takes the emulation prevention bytes out; nal.n is at most the size. */
static size_t unescape(uint8_t dst[H264_SPS_MAX], struct span nal)
{
	size_t n = 0, zeros = 0;

	for (size_t i = 0; i < nal.n; i++) {
		if (zeros >= 2 && nal.p[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = nal.p[i] == 0 ? zeros + 1 : 0;
		dst[n++] = nal.p[i];
	}
	return n;
}

static void skip_scaling_list(struct bits *b, unsigned size)
{
	int64_t last = 8, next = 8;

	for (unsigned i = 0; i < size && next != 0 && !b->failed; i++) {
		int64_t delta = get_se(b);
		if (delta < -128 || delta > 127)
			b->failed = true;
		next = (last + delta + 256) % 256;
		if (next != 0)
			last = next;
	}
}

static bool has_chroma_info(uint8_t profile)
{
	static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118,
				       128, 138, 139, 134, 135};

	return memchr(high, profile, sizeof(high)) != NULL;
}

/* Returns ChromaArrayType: 0 for separate planes. */
static unsigned get_chroma(struct bits *b, struct h264_sps *s)
{
	bool separate = false;

	s->chroma_format = (uint8_t)get_ue_max(b, 3);
	if (s->chroma_format == 3)
		separate = get_bit(b);
	get_ue_max(b, 6);		/* bit depths */
	get_ue_max(b, 6);
	get_bit(b);
	if (get_bit(b)) {
		unsigned lists = s->chroma_format == 3 ? 12 : 8;
		for (unsigned i = 0; i < lists; i++)
			if (get_bit(b))
				skip_scaling_list(b, i < 6 ? 16 : 64);
	}
	return separate ? 0 : s->chroma_format;
}

static void skip_order_count(struct bits *b)
{
	uint32_t type = get_ue_max(b, 2);

	if (type == 0)
		get_ue_max(b, 12);
	if (type != 1)
		return;
	get_bit(b);
	get_se(b);
	get_se(b);
	uint32_t n = get_ue_max(b, 255);
	for (uint32_t i = 0; i < n && !b->failed; i++)
		get_se(b);
}

/* One side of the picture: `full` pixels minus cropping in units. */
static uint16_t crop(struct bits *b, uint32_t full, uint64_t unit,
		     uint32_t before, uint32_t after)
{
	uint64_t cut = unit * ((uint64_t)before + after);

	if (b->failed || full > H264_DIM_MAX || cut >= full) {
		b->failed = true;
		return 0;
	}
	return (uint16_t)(full - cut);
}

static void get_size(struct bits *b, struct h264_sps *s, unsigned array_type)
{
	uint32_t mbs_w = get_ue_max(b, H264_DIM_MAX / 16 - 1) + 1;
	uint32_t units_h = get_ue_max(b, H264_DIM_MAX / 16 - 1) + 1;
	uint32_t edge[4] = {0};		/* left, right, top, bottom */
	uint64_t unit_x = array_type == 1 || array_type == 2 ? 2 : 1;
	uint64_t unit_y = array_type == 1 ? 2 : 1;

	s->frame_mbs_only = get_bit(b);
	uint32_t fields = s->frame_mbs_only ? 1 : 2;
	if (!s->frame_mbs_only)
		get_bit(b);
	get_bit(b);			/* direct_8x8_inference */
	if (get_bit(b))
		for (size_t i = 0; i < 4; i++)
			edge[i] = get_ue(b);
	s->coded_width = (uint16_t)(16 * mbs_w);
	s->coded_height = (uint16_t)(16 * units_h * fields);
	s->width = crop(b, 16 * mbs_w, unit_x, edge[0], edge[1]);
	s->height = crop(b, 16 * units_h * fields, unit_y * fields, edge[2],
			 edge[3]);
}

int h264_sps_decode(struct h264_sps *out, struct span nal)
{
	uint8_t raw[H264_SPS_MAX];
	struct h264_sps s = {.chroma_format = 1};
	unsigned array_type = 1;

	if (nal.n < 4)
		return E_TRUNC;
	if (nal.n > sizeof(raw))
		return E_LIMIT;
	if ((nal.p[0] & 0x1F) != H264_NAL_SPS)
		return E_FORMAT;
	struct bits b = {raw, unescape(raw, nal), 8, false};
	s.profile_idc = (uint8_t)get_bits(&b, 8);
	s.constraints = (uint8_t)get_bits(&b, 8);
	s.level_idc = (uint8_t)get_bits(&b, 8);
	s.id = (uint8_t)get_ue_max(&b, 31);
	if (has_chroma_info(s.profile_idc))
		array_type = get_chroma(&b, &s);
	get_ue_max(&b, 12);		/* log2_max_frame_num */
	skip_order_count(&b);
	s.ref_frames = (uint8_t)get_ue_max(&b, 16);
	get_bit(&b);			/* gaps in frame_num */
	get_size(&b, &s, array_type);
	if (b.failed)
		return E_FORMAT;
	*out = s;
	return 0;
}
