#include "base/siphash.h"

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void begin(uint64_t v[4], const uint64_t key[2])
{
	v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

static void word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

static uint64_t end(uint64_t v[4])
{
	v[2] ^= 0xff;
	for (int r = 0; r < 4; r++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t le64(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t siphash(const uint64_t key[2], struct span in)
{
	uint64_t v[4];
	size_t i = 0;

	begin(v, key);
	for (; in.n - i >= 8; i += 8)
		word(v, le64(in.p + i, 8));
	word(v, (uint64_t)in.n << 56 |
		(in.n > i ? le64(in.p + i, in.n - i) : 0));
	return end(v);
}

uint64_t siphash_u64x2(const uint64_t key[2], uint64_t a, uint64_t b)
{
	uint64_t v[4];

	begin(v, key);
	word(v, a);
	word(v, b);
	word(v, (uint64_t)16 << 56);
	return end(v);
}
