#include "media/audio/kernels.h"

static int16_t saturate(int32_t v)
{
	if (v > INT16_MAX)
		return INT16_MAX;
	return v < INT16_MIN ? INT16_MIN : (int16_t)v;
}

static void add_plain(int32_t *sum, const int16_t *in, int n)
{
	for (int i = 0; i < n; i++)
		sum[i] += in[i];
}

static void pack_plain(int16_t *out, const int32_t *sum, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = saturate(sum[i]);
}

static void minus_plain(int16_t *out, const int32_t *sum, const int16_t *own,
			int n)
{
	for (int i = 0; i < n; i++)
		out[i] = saturate(sum[i] - own[i]);
}

static uint64_t energy_plain(const int16_t *in, int n)
{
	uint64_t e = 0;

	for (int i = 0; i < n; i++)
		e += (uint64_t)((int32_t)in[i] * in[i]);
	return e;
}

static const struct audio_kernels plain = {
	"plain", add_plain, pack_plain, minus_plain, energy_plain,
};

const struct audio_kernels *audio_kernels_plain(void)
{
	return &plain;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2 static __m256i widen(const int16_t *in)
{
	return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)in));
}

AVX2 static __m256i load32(const int32_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* packs works within halves; the permutation restores the order. */
AVX2 static void store_packed(int16_t *out, __m256i lo, __m256i hi)
{
	__m256i v = _mm256_packs_epi32(lo, hi);

	v = _mm256_permute4x64_epi64(v, 0xd8);
	_mm256_storeu_si256((__m256i *)out, v);
}

AVX2 static void add_avx2(int32_t *sum, const int16_t *in, int n)
{
	int i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_si256((__m256i *)(sum + i),
				    _mm256_add_epi32(load32(sum + i),
						     widen(in + i)));
	add_plain(sum + i, in + i, n - i);
}

AVX2 static void pack_avx2(int16_t *out, const int32_t *sum, int n)
{
	int i = 0;

	for (; i + 16 <= n; i += 16)
		store_packed(out + i, load32(sum + i), load32(sum + i + 8));
	pack_plain(out + i, sum + i, n - i);
}

AVX2 static void minus_avx2(int16_t *out, const int32_t *sum,
			    const int16_t *own, int n)
{
	int i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256i lo = _mm256_sub_epi32(load32(sum + i), widen(own + i));
		__m256i hi = _mm256_sub_epi32(load32(sum + i + 8),
					      widen(own + i + 8));

		store_packed(out + i, lo, hi);
	}
	minus_plain(out + i, sum + i, own + i, n - i);
}

/* A pair of products is at most 2^31 and so fits as unsigned. */
AVX2 static uint64_t energy_avx2(const int16_t *in, int n)
{
	__m256i acc = _mm256_setzero_si256();
	const __m256i zero = _mm256_setzero_si256();
	uint64_t lane[4];
	int i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(in + i));
		__m256i sq = _mm256_madd_epi16(v, v);

		acc = _mm256_add_epi64(acc, _mm256_unpacklo_epi32(sq, zero));
		acc = _mm256_add_epi64(acc, _mm256_unpackhi_epi32(sq, zero));
	}
	_mm256_storeu_si256((__m256i *)lane, acc);
	return lane[0] + lane[1] + lane[2] + lane[3] +
	       energy_plain(in + i, n - i);
}

static const struct audio_kernels avx2 = {
	"avx2", add_avx2, pack_avx2, minus_avx2, energy_avx2,
};

const struct audio_kernels *audio_kernels_best(void)
{
	return __builtin_cpu_supports("avx2") ? &avx2 : &plain;
}
#else
const struct audio_kernels *audio_kernels_best(void)
{
	return &plain;
}
#endif
