/* base/wr.h - writes bytes into a buffer of fixed size with a sticky error.
 *
 * What does not fit sets the flag and writes nothing more. wr_end() is the
 * only success. Big endian. No allocation.
 */
#pragma once
#include "base/span.h"

struct wr {
	uint8_t *begin;
	uint8_t *p;
	uint8_t *end;
	bool failed;
};

static inline struct wr wr_of(void *buf, size_t cap)
{
	return (struct wr){buf, buf, (uint8_t *)buf + cap, false};
}

static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->begin);
}

void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u24(struct wr *w, uint32_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);
void wr_span(struct wr *w, struct span s);
void wr_str(struct wr *w, const char *s);
void wr_dec(struct wr *w, uint64_t v);		/* unsigned decimal text */
void wr_zero(struct wr *w, size_t n);
/* Overwrites two or four bytes at an offset already written. */
void wr_at_u16(struct wr *w, size_t off, uint16_t v);
void wr_at_u32(struct wr *w, size_t off, uint32_t v);
void wr_fail(struct wr *w);
/* 0 and *out = what was written, or E_FULL (and *out untouched). */
int wr_end(const struct wr *w, struct span *out);
