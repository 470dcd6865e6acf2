#include "http/path.h"

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes escapes; control bytes are refused however they were written. */
static int unescape(struct span raw, uint8_t *dst, size_t cap, size_t *len)
{
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		int c = raw.p[i];
		if (c == '%') {
			if (raw.n - i < 3 || hex_of(raw.p[i + 1]) < 0 ||
			    hex_of(raw.p[i + 2]) < 0)
				return E_FORMAT;
			c = hex_of(raw.p[i + 1]) << 4 | hex_of(raw.p[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return E_FORMAT;
		if (n == cap)
			return E_LIMIT;
		dst[n++] = (uint8_t)c;
	}
	*len = n;
	return span_is_utf8(span_of(dst, n)) ? 0 : E_FORMAT;
}

static bool is_dots(struct span s)
{
	return span_eq(s, SPAN_LIT(".")) || span_eq(s, SPAN_LIT(".."));
}

int http_path_parse(struct http_path *out, struct span raw)
{
	size_t used = 0;
	out->n = 0;
	out->slash = false;
	if (raw.n == 0 || raw.p[0] != '/')
		return E_FORMAT;
	struct span rest = span_of(raw.p + 1, raw.n - 1);
	while (rest.n) {
		struct span one;
		size_t len;
		out->slash = span_split(rest, '/', &one, &rest);
		if (one.n == 0)
			return E_FORMAT;
		if (out->n == HTTP_SEGMENTS_MAX)
			return E_LIMIT;
		int r = unescape(one, out->buf + used, HTTP_PATH_MAX - used,
				 &len);
		if (r < 0)
			return r;
		out->seg[out->n] = span_of(out->buf + used, len);
		if (is_dots(out->seg[out->n]))
			return E_FORMAT;
		out->n++;
		used += len;
	}
	return 0;
}

int http_query_get(struct span query, const char *name, uint8_t *dst,
		   size_t cap, struct span *value)
{
	bool found = false;
	while (query.n) {
		struct span pair, key, raw;
		size_t len;
		(void)span_split(query, '&', &pair, &query);
		(void)span_split(pair, '=', &key, &raw);
		if (!span_eq(key, span_str(name)))
			continue;
		if (found)
			return E_FORMAT;
		int r = unescape(raw, dst, cap, &len);
		if (r < 0)
			return r;
		*value = span_of(dst, len);
		found = true;
	}
	return found ? 0 : E_NOTFOUND;
}
