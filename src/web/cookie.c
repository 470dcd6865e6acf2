#include "web/cookie.h"
#include "base/wr.h"

static const char prefix[] = "__Host-cv-";
enum { PREFIX_LEN = sizeof(prefix) - 1, HEX_LEN = 16 };

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_name(struct span s)
{
	if (s.n != PREFIX_LEN + HEX_LEN || !span_starts(s, span_str(prefix)))
		return false;
	for (size_t i = PREFIX_LEN; i < s.n; i++)
		if (!is_hex(s.p[i]))
			return false;
	return true;
}

static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		      (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
		      c == '.'))
			return false;
	}
	return s.n > 0 && s.n <= COOKIE_VALUE_MAX;
}

static size_t add(struct span out[COOKIES_MAX], size_t n, struct span value)
{
	if (n == COOKIES_MAX) {
		memmove(out, out + 1, (COOKIES_MAX - 1) * sizeof(*out));
		n--;
	}
	out[n] = value;
	return n + 1;
}

size_t cookie_read(const struct http_head *h, struct span out[COOKIES_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < h->n_fields; i++) {
		struct span rest = h->fields[i].value;
		if (!span_eq_nocase(h->fields[i].name, SPAN_LIT("cookie")))
			continue;
		while (rest.n) {
			struct span pair, name, value;
			(void)span_split(rest, ';', &pair, &rest);
			if (span_split(span_trim(pair), '=', &name, &value) &&
			    is_name(name) && is_value(value))
				n = add(out, n, value);
		}
	}
	return n;
}

int cookie_print(char dst[COOKIE_LINE_MAX], struct span name,
		 struct span value, struct span *line)
{
	struct wr w = wr_of(dst, COOKIE_LINE_MAX);
	if (!is_name(name) || !is_value(value))
		return E_FORMAT;
	wr_span(&w, name);
	wr_str(&w, "=");
	wr_span(&w, value);
	wr_str(&w, "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=");
	wr_dec(&w, COOKIE_DAYS * 24 * 3600);
	return wr_end(&w, line);
}
