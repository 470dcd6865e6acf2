#include "base/wr.h"
#include "base/err.h"

static uint8_t *room(struct wr *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->failed || n > (size_t)(w->end - w->p)) {
		w->failed = true;
		return NULL;
	}
	w->p += n;
	return p;
}

void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = room(w, 1);

	if (p)
		p[0] = v;
}

void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = room(w, 2);

	if (!p)
		return;
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void wr_u24(struct wr *w, uint32_t v)
{
	uint8_t *p = room(w, 3);

	if (!p)
		return;
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = room(w, 4);

	for (int i = 3; p && i >= 0; i--) {
		p[i] = (uint8_t)v;
		v >>= 8;
	}
}

void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *p = room(w, 8);

	for (int i = 7; p && i >= 0; i--) {
		p[i] = (uint8_t)v;
		v >>= 8;
	}
}

void wr_bytes(struct wr *w, const void *src, size_t n)
{
	uint8_t *p = room(w, n);

	if (p && n)
		memcpy(p, src, n);
}

void wr_span(struct wr *w, struct span s)
{
	wr_bytes(w, s.p, s.n);
}

void wr_str(struct wr *w, const char *s)
{
	wr_bytes(w, s, strlen(s));
}

void wr_dec(struct wr *w, uint64_t v)
{
	uint8_t digits[20];
	size_t n = 0;

	do {
		digits[sizeof(digits) - ++n] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v);
	wr_bytes(w, digits + sizeof(digits) - n, n);
}

void wr_zero(struct wr *w, size_t n)
{
	uint8_t *p = room(w, n);

	if (p && n)
		memset(p, 0, n);
}

void wr_at_u16(struct wr *w, size_t off, uint16_t v)
{
	struct wr at;

	if (off > wr_len(w) || wr_len(w) - off < 2) {
		w->failed = true;
		return;
	}
	at = wr_of(w->begin + off, 2);
	wr_u16(&at, v);
}

void wr_at_u32(struct wr *w, size_t off, uint32_t v)
{
	struct wr at;

	if (off > wr_len(w) || wr_len(w) - off < 4) {
		w->failed = true;
		return;
	}
	at = wr_of(w->begin + off, 4);
	wr_u32(&at, v);
}

void wr_fail(struct wr *w)
{
	w->failed = true;
}

int wr_end(const struct wr *w, struct span *out)
{
	if (w->failed)
		return E_FULL;
	*out = span_of(w->begin, wr_len(w));
	return 0;
}
