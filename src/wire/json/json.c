#include "wire/json/json.h"

struct nest {
	uint64_t objects;		/* bit n: level n is an object */
	unsigned n, max;
};

static int open_one(struct nest *s, bool is_object)
{
	if (s->n == s->max)
		return E_LIMIT;
	s->objects = s->objects << 1 | is_object;
	s->n++;
	return 0;
}

static int close_one(struct nest *s, bool is_object)
{
	if (s->n == 0 || (s->objects & 1) != is_object)
		return E_FORMAT;
	s->objects >>= 1;
	s->n--;
	return 0;
}

/* Behind the first quote: to behind the last one. */
static int skip_string(struct span text, size_t *at)
{
	while (*at < text.n) {
		const uint8_t c = text.p[(*at)++];

		if (c == '"')
			return 0;
		*at += c == '\\';
	}
	return E_FORMAT;
}

int json_nesting(struct span text, unsigned depth)
{
	struct nest s = {.max = depth};
	size_t at = 0;
	int r = depth == 0 || depth > JSON_DEPTH_MAX ? E_INVAL : 0;

	while (r == 0 && at < text.n) {
		const uint8_t c = text.p[at++];

		if (c == '"')
			r = skip_string(text, &at);
		else if (c == '{' || c == '[')
			r = open_one(&s, c == '{');
		else if (c == '}' || c == ']')
			r = close_one(&s, c == '}');
	}
	return r == 0 && s.n ? E_FORMAT : r;
}
