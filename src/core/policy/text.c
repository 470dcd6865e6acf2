#include "core/policy/text.h"

static size_t length_of(uint8_t c)
{
	if (c < 0x80)
		return c ? 1 : 0;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if ((c & 0xf0) == 0xe0)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t policy_char(struct span s, size_t at)
{
	size_t n = length_of(s.p[at]);

	if (n == 0 || n > s.n - at)
		return 0;
	return n == 1 || span_is_utf8(span_of(s.p + at, n)) ? n : 0;
}

struct span policy_cut(struct span s, size_t max)
{
	size_t at = 0;

	for (size_t i = 0; i < max && at < s.n; i++) {
		size_t n = policy_char(s, at);

		at += n ? n : 1;
	}
	return span_of(s.p, at);
}

size_t policy_chars(struct span s)
{
	size_t n = 0;

	for (size_t at = 0; at < s.n; n++) {
		size_t step = policy_char(s, at);

		at += step ? step : 1;
	}
	return n;
}
