#include "base/span.h"
#include "base/err.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_eq(span_of(s.p, prefix.n), prefix);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool span_split(struct span s, uint8_t sep, struct span *head,
		struct span *rest)
{
	const uint8_t *at = s.n ? memchr(s.p, sep, s.n) : NULL;

	if (!at) {
		*head = s;
		*rest = SPAN_NONE;
		return false;
	}
	*head = span_of(s.p, (size_t)(at - s.p));
	*rest = span_of(at + 1, s.n - head->n - 1);
	return true;
}

int span_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return E_FORMAT;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t d = (uint8_t)(s.p[i] - '0');

		if (d > 9)
			return E_FORMAT;
		if (v > max / 10 || v * 10 > max - d)
			return E_LIMIT;
		v = v * 10 + d;
	}
	*out = v;
	return 0;
}

int span_cstr(struct span s, char *dst, size_t cap)
{
	dst[0] = 0;
	if (s.n >= cap)
		return E_LIMIT;
	if (s.n && memchr(s.p, 0, s.n))
		return E_FORMAT;
	if (s.n)
		memcpy(dst, s.p, s.n);
	dst[s.n] = 0;
	return 0;
}

/* Length of the sequence that starts at p, 0 when it is not well-formed. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	uint8_t c = p[0], lo = 0x80, hi = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 3;
		lo = c == 0xe0 ? 0xa0 : 0x80;
		hi = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		lo = c == 0xf0 ? 0x90 : 0x80;
		hi = c == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool span_is_utf8(struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_len(s.p + i, s.n - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
