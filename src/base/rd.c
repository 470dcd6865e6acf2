#include "base/rd.h"
#include "base/err.h"

/* The one place that compares lengths: subtracts, never adds. */
static const uint8_t *take(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->failed || n > (size_t)(r->end - r->p)) {
		r->failed = true;
		return NULL;
	}
	if (n)
		r->p += n;
	return p;
}

uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = take(r, 1);

	return p ? p[0] : 0;
}

uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t rd_u24(struct rd *r)
{
	const uint8_t *p = take(r, 3);

	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		   (uint32_t)p[2] << 8 | p[3] : 0;
}

uint64_t rd_u64(struct rd *r)
{
	const uint8_t *p = take(r, 8);
	uint64_t v = 0;

	for (int i = 0; p && i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct span rd_span(struct rd *r, size_t n)
{
	const uint8_t *p = take(r, n);

	return p || !r->failed ? span_of(p, n) : SPAN_NONE;
}

struct span rd_rest(struct rd *r)
{
	return rd_span(r, rd_left(r));
}

void rd_skip(struct rd *r, size_t n)
{
	(void)take(r, n);
}

void rd_copy(struct rd *r, void *dst, size_t n)
{
	const uint8_t *p = take(r, n);

	if (n == 0)
		return;
	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void rd_fail(struct rd *r)
{
	r->failed = true;
}

int rd_end(const struct rd *r)
{
	if (r->failed)
		return E_TRUNC;
	return r->p == r->end ? 0 : E_FORMAT;
}
