/* media/audio/kernels.h - the inner loops of the mix.
 *
 * Each kernel has a plain C form, which defines it, and forms for wider
 * processors that give the same bits. The set is chosen once, outside the
 * tick. n is any number; buffers need no alignment and do not overlap.
 */
#pragma once
#include <stdint.h>

struct audio_kernels {
	const char *name;
	/* sum[i] += in[i] */
	void (*add)(int32_t *sum, const int16_t *in, int n);
	/* out[i] = saturate(sum[i]) */
	void (*pack)(int16_t *out, const int32_t *sum, int n);
	/* out[i] = saturate(sum[i] - own[i]) */
	void (*minus)(int16_t *out, const int32_t *sum, const int16_t *own,
		      int n);
	/* sum of in[i]^2 */
	uint64_t (*energy)(const int16_t *in, int n);
};

/* The plain C forms. */
const struct audio_kernels *audio_kernels_plain(void);
/* The fastest set this processor has; never NULL. */
const struct audio_kernels *audio_kernels_best(void);
