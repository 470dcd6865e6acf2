/* base/rd.h - reads bytes with a sticky error.
 *
 * A read past the end yields 0 or an empty span and sets the flag; every
 * later read does the same. rd_end() is the only success: no error so far and
 * everything consumed. Big endian, as on the wire. No allocation.
 */
#pragma once
#include "base/span.h"

struct rd {
	const uint8_t *p;	/* next byte */
	const uint8_t *end;
	bool failed;
};

static inline struct rd rd_of(struct span s)
{
	return (struct rd){s.p, s.n ? s.p + s.n : s.p, false};
}

static inline size_t rd_left(const struct rd *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->p);
}

uint8_t  rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u24(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* The next n bytes, without copying. */
struct span rd_span(struct rd *r, size_t n);
/* Whatever is left (may be empty). */
struct span rd_rest(struct rd *r);
void rd_skip(struct rd *r, size_t n);
void rd_copy(struct rd *r, void *dst, size_t n);	/* zeroes dst on error */
void rd_fail(struct rd *r);
/* 0, E_TRUNC after an error, E_FORMAT when bytes are left. */
int rd_end(const struct rd *r);
