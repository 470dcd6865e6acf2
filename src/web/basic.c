#include "web/basic.h"

#include "base/secret.h"
#include "base/text.h"

/* To the URL-safe alphabet without padding. dst holds src.n. */
static struct span to_url_alphabet(uint8_t *dst, struct span src)
{
	size_t n = 0;
	while (src.n && src.p[src.n - 1] == '=')
		src.n--;
	for (size_t i = 0; i < src.n; i++) {
		const uint8_t c = src.p[i];
		dst[n++] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	return span_of(dst, n);
}

bool basic_read(struct span header, uint8_t buf[BASIC_MAX], struct span *user,
		struct span *password)
{
	uint8_t text[B64URL_LEN(BASIC_MAX) + 4];
	struct span scheme, code;
	size_t n = 0;
	if (!span_split(span_trim(header), ' ', &scheme, &code) ||
	    !span_eq_nocase(scheme, SPAN_LIT("x-pexip-basic")))
		return false;
	code = span_trim(code);
	if (!code.n || code.n > sizeof(text))
		return false;
	int r = b64url_decode(buf, BASIC_MAX, &n, to_url_alphabet(text, code));
	secret_wipe(text, sizeof(text));
	return r == 0 && span_split(span_of(buf, n), ':', user, password);
}
