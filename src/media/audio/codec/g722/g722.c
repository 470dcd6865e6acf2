/* Names of the blocks (LOGSCL, INVQAL, ...) are those of ITU-T G.722, clause
 * 6.2. */
#include "media/audio/codec/g722/g722.h"

#include <string.h>

enum { LOW_NB_MAX = 18432, HIGH_NB_MAX = 22528 };

static const int qmf[12] = {
	3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11,
};
/* Decision levels of the 6-bit quantiser. */
static const int q6[30] = {
	0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650,
	714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980,
	2195, 2557, 2919,
};
/* Output levels: 6 bits, 4 bits, 2 bits. */
static const int qm6[64] = {
	-136, -136, -136, -136, -24808, -21904, -19008, -16704,
	-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
	-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
	-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
	24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
	10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
	1688, 1360, 1040, 728, 432, 136, -432, -136,
};
static const int qm4[16] = {
	0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
	20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
};
static const int qm2[4] = { -7408, -1616, 7408, 1616 };
/* Steps of the scale factor by code. */
static const int wl[8] = { -60, -30, 58, 172, 334, 538, 1198, 3042 };
static const int rl42[16] = {
	0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0,
};
static const int wh[3] = { 0, -214, 798 };
static const int rh2[4] = { 2, 1, 2, 1 };
static const int ilb[32] = {
	2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
	2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
	3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
};

static int clamp(int v, int lo, int hi)
{
	if (v < lo)
		return lo;
	return v > hi ? hi : v;
}

static int sat16(int v)
{
	return clamp(v, -32768, 32767);
}

void g722_init(struct g722 *g)
{
	memset(g, 0, sizeof(*g));
	g->low.det = 32;
	g->high.det = 8;
}

/* UPPOL2 and UPPOL1. */
static void adapt_poles(struct g722_band *q, int p0)
{
	bool is_same1 = (p0 < 0) == (q->p1 < 0);
	bool is_same2 = (p0 < 0) == (q->p2 < 0);
	int w = sat16(q->a1 * 4);
	int a2, a1, limit;

	w = is_same1 ? sat16(-w) : w;
	a2 = (w >> 7) + (is_same2 ? 128 : -128) + (q->a2 * 32512 >> 15);
	a2 = clamp(a2, -12288, 12288);
	a1 = sat16((is_same1 ? 192 : -192) + (q->a1 * 32640 >> 15));
	limit = sat16(15360 - a2);
	q->a1 = clamp(a1, -limit, limit);
	q->a2 = a2;
}

/* UPZERO, and the delay of the differences. */
static void adapt_zeros(struct g722_band *q, int d0)
{
	int step = d0 == 0 ? 0 : 128;

	for (int i = 6; i >= 1; i--) {
		bool is_same = (q->d[i] < 0) == (d0 < 0);
		int w = q->b[i] * 32640 >> 15;

		q->b[i] = sat16(w + (is_same ? step : -step));
	}
	for (int i = 6; i > 1; i--)
		q->d[i] = q->d[i - 1];
	q->d[1] = d0;
}

/* FILTEP, FILTEZ, PREDIC. */
static void predict(struct g722_band *q)
{
	int sp = sat16((q->a1 * sat16(q->r1 * 2) >> 15) +
		       (q->a2 * sat16(q->r2 * 2) >> 15));
	int sz = 0;

	for (int i = 6; i >= 1; i--)
		sz += q->b[i] * sat16(q->d[i] * 2) >> 15;
	q->sz = sat16(sz);
	q->s = sat16(sp + q->sz);
}

static void band_update(struct g722_band *q, int d0)
{
	int r0 = sat16(q->s + d0);
	int p0 = sat16(q->sz + d0);

	adapt_poles(q, p0);
	adapt_zeros(q, d0);
	q->r2 = q->r1;
	q->r1 = r0;
	q->p2 = q->p1;
	q->p1 = p0;
	predict(q);
}

/* LOGSCL/LOGSCH and SCALEL/SCALEH. */
static void band_scale(struct g722_band *q, int step, int max, int base)
{
	int shift;

	q->nb = clamp((q->nb * 127 >> 7) + step, 0, max);
	shift = base - (q->nb >> 11);
	q->det = ilb[q->nb >> 6 & 31];
	q->det = (shift < 0 ? q->det << -shift : q->det >> shift) << 2;
}

/* Both directions update their predictors from the code alone, so that they
 * stay equal. code: the 4 upper bits of the low band's 6. */
static void low_update(struct g722_band *q, int code)
{
	int d = q->det * qm4[code] >> 15;

	band_scale(q, wl[rl42[code]], LOW_NB_MAX, 8);
	band_update(q, d);
}

static void high_update(struct g722_band *q, int code)
{
	int d = q->det * qm2[code] >> 15;

	band_scale(q, wh[rh2[code]], HIGH_NB_MAX, 10);
	band_update(q, d);
}

static int quantise_low(const struct g722_band *q, int x)
{
	int e = sat16(x - q->s);
	int mag = e >= 0 ? e : -(e + 1);
	int i = 1;

	while (i < 30 && mag >= q6[i] * q->det >> 12)
		i++;
	if (e >= 0)
		return 62 - i;
	return i < 3 ? 64 - i : 34 - i;
}

static int quantise_high(const struct g722_band *q, int x)
{
	int e = sat16(x - q->s);
	int mag = e >= 0 ? e : -(e + 1);
	bool is_large = mag >= 564 * q->det >> 12;

	if (e < 0)
		return is_large ? 0 : 1;
	return is_large ? 2 : 3;
}

static void qmf_shift(struct g722 *g, int a, int b)
{
	memmove(g->x, g->x + 2, 22 * sizeof(g->x[0]));
	g->x[22] = a;
	g->x[23] = b;
}

static void qmf_sums(const struct g722 *g, int *even, int *odd)
{
	*even = 0;
	*odd = 0;
	for (int i = 0; i < 12; i++) {
		*odd += g->x[2 * i] * qmf[i];
		*even += g->x[2 * i + 1] * qmf[11 - i];
	}
}

uint8_t g722_encode_pair(struct g722 *g, const int16_t in[2])
{
	int even, odd, low, high;

	qmf_shift(g, in[0], in[1]);
	qmf_sums(g, &even, &odd);
	low = quantise_low(&g->low, (even + odd) >> 14);
	high = quantise_high(&g->high, (even - odd) >> 14);
	low_update(&g->low, low >> 2);
	high_update(&g->high, high);
	return (uint8_t)(high << 6 | low);
}

void g722_decode_pair(struct g722 *g, uint8_t code, int16_t out[2])
{
	int low = code & 0x3f, high = code >> 6;
	int even, odd;
	int rl = g->low.s + (g->low.det * qm6[low] >> 15);
	int rh = g->high.s + (g->high.det * qm2[high] >> 15);

	rl = clamp(rl, -16384, 16383);
	rh = clamp(rh, -16384, 16383);
	low_update(&g->low, low >> 2);
	high_update(&g->high, high);
	qmf_shift(g, rl + rh, rl - rh);
	qmf_sums(g, &even, &odd);
	out[0] = (int16_t)sat16(even >> 11);
	out[1] = (int16_t)sat16(odd >> 11);
}
