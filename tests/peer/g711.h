/* ITU-T G.711 by search: slow, plain, and nobody else's. */
#pragma once
#include <stdint.h>
#include <stdlib.h>

static inline int16_t ulaw_decode(uint8_t c)
{
	int u = ~c & 0xff, step = 1 << ((u >> 4 & 7) + 3);
	int v = step * (2 * (u & 15) + 33) / 2 - 132;

	return (int16_t)(u & 0x80 ? -v : v);
}

static inline int16_t alaw_decode(uint8_t c)
{
	int a = c ^ 0x55, seg = a >> 4 & 7;
	int v = seg ? (2 * (a & 15) + 33) << (seg + 2) : (2 * (a & 15) + 1) << 3;

	return (int16_t)(a & 0x80 ? v : -v);
}

static inline uint8_t nearest(int16_t pcm, int16_t (*decode)(uint8_t))
{
	int best = 0, least = 1 << 20;

	for (int c = 0; c < 256; c++) {
		int d = abs(decode((uint8_t)c) - pcm);

		if (d < least) {
			least = d;
			best = c;
		}
	}
	return (uint8_t)best;
}

static inline uint8_t ulaw_encode(int16_t pcm)
{
	return nearest(pcm, ulaw_decode);
}

static inline uint8_t alaw_encode(int16_t pcm)
{
	return nearest(pcm, alaw_decode);
}
