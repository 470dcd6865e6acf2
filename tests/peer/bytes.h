/* Big-endian bytes, for the peer alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define MS 1000000ull
#define SEC 1000000000ull

static inline uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static inline uint8_t *put8(uint8_t *p, uint32_t v)
{
	*p = (uint8_t)v;
	return p + 1;
}

static inline uint8_t *put16(uint8_t *p, uint32_t v)
{
	return put8(put8(p, v >> 8), v);
}

static inline uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v);
}

static inline uint64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

/* The 64 bit number nearest to `last` with these low 16 or 32 bits. */
static inline int64_t unwrap16(int64_t last, uint32_t v)
{
	return last + (int16_t)(v - (uint32_t)last);
}

static inline int64_t unwrap32(int64_t last, uint32_t v)
{
	return last + (int32_t)(v - (uint32_t)last);
}
