/* media/audio/codec/g722/g722.h - ITU-T G.722 at 64 kbit/s: two sub-bands of
 * ADPCM. Pure arithmetic on 16 kHz samples; no allocation.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct g722_band {
	int s, sz;		/* prediction: whole, and of the zeros */
	int r1, r2;		/* reconstructed signal, delayed */
	int p1, p2;		/* partial reconstruction, delayed */
	int a1, a2;		/* poles */
	int d[7];		/* quantised differences, d[1..6] delayed */
	int b[7];		/* zeros, b[1..6] */
	int nb;			/* log of the scale factor */
	int det;		/* scale factor */
};

/* One direction. */
struct g722 {
	struct g722_band low, high;
	int x[24];		/* quadrature mirror filter */
};

void    g722_init(struct g722 *g);
/* Two samples into one byte. */
uint8_t g722_encode_pair(struct g722 *g, const int16_t in[2]);
/* One byte into two samples. */
void    g722_decode_pair(struct g722 *g, uint8_t code, int16_t out[2]);
