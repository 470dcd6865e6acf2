/* Values to JSON and back. */
#include "core/policy/script/script_int.h"

#include <math.h>
#include <stdio.h>

static void json_text(struct text *t, struct span s)
{
	size_t from = 0;

	text_byte(t, '"');
	for (size_t i = 0; i < s.n; i++) {
		static const char named[] = "btn_fr";
		uint8_t c = s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_put(t, span_of(s.p + from, i - from));
		from = i + 1;
		if (c >= 0x20)
			text_fmt(t, "\\%c", c);
		else if (c >= 8 && c <= 13 && c != 11)
			text_fmt(t, "\\%c", named[c - 8]);
		else
			text_fmt(t, "\\u%04x", c);
	}
	text_put(t, span_of(s.p + from, s.n - from));
	text_byte(t, '"');
}

static int json(struct text *t, struct val v, unsigned depth);

static int json_list(struct text *t, const struct val_list *l, unsigned depth)
{
	int r = 0;

	text_byte(t, '[');
	for (uint32_t i = 0; r == 0 && i < l->n; i++) {
		text_str(t, i ? ", " : "");
		r = json(t, l->items[i], depth);
	}
	text_byte(t, ']');
	return r;
}

/* A number or word as a name stands in quotes, as Python does it. */
static int json_name(struct text *t, struct val key)
{
	int r;

	if (key.type == VAL_STR) {
		json_text(t, key.u.s);
		return 0;
	}
	if (key.type != VAL_NONE && !val_is_number(key))
		return E_FORMAT;
	text_byte(t, '"');
	r = json(t, key, 0);
	text_byte(t, '"');
	return r;
}

static int json_dict(struct text *t, const struct val_dict *d, unsigned depth)
{
	int r = 0;

	text_byte(t, '{');
	for (uint32_t i = 0; r == 0 && i < d->n; i++) {
		text_str(t, i ? ", " : "");
		r = json_name(t, d->pairs[i].key);
		text_str(t, ": ");
		if (r == 0)
			r = json(t, d->pairs[i].value, depth);
	}
	text_byte(t, '}');
	return r;
}

static int json_plain(struct text *t, struct val v)
{
	switch (v.type) {
	case VAL_UNDEFINED:
	case VAL_NONE:
		text_str(t, "null");
		return t->err;
	case VAL_BOOL:
		text_str(t, v.u.b ? "true" : "false");
		return t->err;
	case VAL_TIME:
		text_byte(t, '"');
		show_time(t, v.u.time, 'T');
		text_byte(t, '"');
		return t->err;
	case VAL_FLOAT:
		return isfinite(v.u.f) ? show_str(t, v) : E_FORMAT;
	case VAL_INT:
		return show_str(t, v);
	default:
		return E_FORMAT;
	}
}

static int json(struct text *t, struct val v, unsigned depth)
{
	if (t->err)
		return t->err;
	if (depth > VAL_DEPTH_MAX)
		return E_STATE;
	if (val_is_list(v))
		return json_list(t, v.u.list, depth + 1);
	if (v.type == VAL_DICT)
		return json_dict(t, v.u.dict, depth + 1);
	if (v.type != VAL_STR)
		return json_plain(t, v);
	json_text(t, v.u.s);
	return t->err;
}

int show_json(struct text *t, struct val v)
{
	return json(t, v, 0);
}

int val_to_json(struct arena *a, struct val v, struct span *out)
{
	struct text t = text_of(a, SCRIPT_MEMORY_BYTES);
	int r = json(&t, v, 0);

	if (r == 0)
		r = t.err;
	if (r == 0)
		*out = text_span(&t);
	return r == E_STATE ? E_LIMIT : r;
}

/* --- reading --- */

struct reader {
	struct arena *a;
	struct span s;
	size_t at;
};

static int peek(struct reader *j)
{
	while (j->at < j->s.n && (j->s.p[j->at] == ' ' ||
				  j->s.p[j->at] == '\t' ||
				  j->s.p[j->at] == '\n' ||
				  j->s.p[j->at] == '\r'))
		j->at++;
	return j->at < j->s.n ? j->s.p[j->at] : -1;
}

static bool take(struct reader *j, const char *word)
{
	struct span rest = span_of(j->s.p + j->at, j->s.n - j->at);

	if (!span_starts(rest, span_str(word)))
		return false;
	j->at += strlen(word);
	return true;
}

static int read_hex4(struct reader *j, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = j->at < j->s.n ? hex_digit(j->s.p[j->at]) : -1;

		if (d < 0)
			return E_FORMAT;
		v = v << 4 | (uint32_t)d;
		j->at++;
	}
	*out = v;
	return 0;
}

static int read_unicode(struct reader *j, struct text *t)
{
	uint32_t c, low;

	if (read_hex4(j, &c) < 0 || (c >= 0xdc00 && c < 0xe000))
		return E_FORMAT;
	if (c >= 0xd800 && c < 0xdc00) {
		if (!take(j, "\\u") || read_hex4(j, &low) < 0 ||
		    low < 0xdc00 || low > 0xdfff)
			return E_FORMAT;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	text_rune(t, c);
	return 0;
}

static int read_escape(struct reader *j, struct text *t)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p;

	if (j->at >= j->s.n)
		return E_FORMAT;
	if (j->s.p[j->at] == 'u') {
		j->at++;
		return read_unicode(j, t);
	}
	p = j->s.p[j->at] ? strchr(from, j->s.p[j->at]) : NULL;
	if (!p)
		return E_FORMAT;
	text_byte(t, (uint8_t)to[p - from]);
	j->at++;
	return 0;
}

/* A text without escapes, which nearly all are: false when this one is not,
 * or is bad. */
static bool read_plain(struct reader *j, struct span *out)
{
	size_t at = j->at;

	while (at < j->s.n && j->s.p[at] != '"') {
		if (j->s.p[at] < 0x20 || j->s.p[at] == '\\')
			return false;
		at++;
	}
	if (at >= j->s.n)
		return false;
	*out = span_of(j->s.p + j->at, at - j->at);
	j->at = at + 1;
	return true;
}

static int read_text(struct reader *j, struct val *out)
{
	struct text t = text_of(j->a, j->s.n + 4);
	size_t from = ++j->at;
	struct span plain;
	int r = 0;

	if (read_plain(j, &plain)) {
		*out = val_span(arena_dup(j->a, plain));
		return out->u.s.p ? 0 : val_no_room(j->a, plain.n);
	}

	while (r == 0 && j->at < j->s.n && j->s.p[j->at] != '"') {
		if (j->s.p[j->at] < 0x20)
			return E_FORMAT;
		if (j->s.p[j->at++] != '\\')
			continue;
		text_put(&t, span_of(j->s.p + from, j->at - 1 - from));
		r = read_escape(j, &t);
		from = j->at;
	}
	if (r < 0 || j->at >= j->s.n)
		return E_FORMAT;
	text_put(&t, span_of(j->s.p + from, j->at - from));
	j->at++;
	*out = val_span(text_span(&t));
	return t.err;
}

static size_t skip_digits(struct reader *j)
{
	size_t from = j->at;

	while (j->at < j->s.n && is_digit(j->s.p[j->at]))
		j->at++;
	return j->at - from;
}

static int read_number(struct reader *j, struct val *out)
{
	size_t from = j->at, whole;
	bool is_float = false;
	struct span s;
	bool zero;

	(void)take(j, "-");
	zero = j->at < j->s.n && j->s.p[j->at] == '0';
	whole = skip_digits(j);
	if (!whole || (zero && whole > 1))
		return E_FORMAT;
	if (take(j, ".")) {
		is_float = true;
		if (!skip_digits(j))
			return E_FORMAT;
	}
	if (take(j, "e") || take(j, "E")) {
		is_float = true;
		if (!take(j, "+"))
			(void)take(j, "-");
		if (!skip_digits(j))
			return E_FORMAT;
	}
	s = span_of(j->s.p + from, j->at - from);
	out->type = is_float ? VAL_FLOAT : VAL_INT;
	if (!is_float)
		return read_int(s, 10, &out->u.i);
	if (read_float(s, &out->u.f) < 0)
		return E_FORMAT;
	return isfinite(out->u.f) ? 0 : E_LIMIT;
}

static int read_value(struct reader *j, struct val *out, unsigned depth);

static int read_list(struct reader *j, struct val *out, unsigned depth)
{
	struct val item;
	int r = val_list_new(j->a, out);

	j->at++;
	if (r == 0 && peek(j) == ']') {
		j->at++;
		return 0;
	}
	while (r == 0) {
		r = read_value(j, &item, depth);
		if (r == 0)
			r = val_list_add(j->a, *out, item);
		if (r < 0)
			return r;
		(void)peek(j);
		if (take(j, "]"))
			return 0;
		if (!take(j, ","))
			return E_FORMAT;
	}
	return r;
}

static int read_member(struct reader *j, struct val dict, unsigned depth)
{
	struct val key, value;
	int r;

	if (peek(j) != '"')
		return E_FORMAT;
	r = read_text(j, &key);
	if (r < 0)
		return r;
	if (peek(j) != ':')
		return E_FORMAT;
	j->at++;
	r = read_value(j, &value, depth);
	return r < 0 ? r : val_dict_put(j->a, dict, key, value);
}

static int read_dict(struct reader *j, struct val *out, unsigned depth)
{
	int r = val_dict_new(j->a, out);

	j->at++;
	if (r == 0 && peek(j) == '}') {
		j->at++;
		return 0;
	}
	while (r == 0) {
		r = read_member(j, *out, depth);
		if (r < 0)
			return r;
		(void)peek(j);
		if (take(j, "}"))
			return 0;
		if (!take(j, ","))
			return E_FORMAT;
	}
	return r;
}

static int read_value(struct reader *j, struct val *out, unsigned depth)
{
	int c = peek(j);

	if (depth >= VAL_DEPTH_MAX)
		return E_LIMIT;
	*out = VAL_NULL;
	if (c == '{')
		return read_dict(j, out, depth + 1);
	if (c == '[')
		return read_list(j, out, depth + 1);
	if (c == '"')
		return read_text(j, out);
	if (c == '-' || is_digit(c))
		return read_number(j, out);
	if (take(j, "null"))
		return 0;
	*out = val_bool(c == 't');
	return take(j, "true") || take(j, "false") ? 0 : E_FORMAT;
}

int val_from_json(struct arena *a, struct span text, struct val *out,
		  size_t *at)
{
	struct reader j = {.a = a, .s = text};
	struct val v = VAL_NULL;
	int r = span_is_utf8(text) ? read_value(&j, &v, 0) : E_FORMAT;

	if (r == 0 && peek(&j) >= 0)
		r = E_FORMAT;
	if (r == 0)
		*out = v;
	else if (at)
		*at = j.at;
	return r;
}
