/* Values as text, as Python prints them, and numbers read from text. */
#include "core/policy/script/script_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A float with the fewest digits that read back as the same number. */
static void shortest(char *buf, size_t cap, double f)
{
	int first = fabs(f) < 1e-300 ? 1 : 15;

	for (int p = first; p <= 17; p++) {
		(void)snprintf(buf, cap, "%.*e", p - 1, f);
		if (strtod(buf, NULL) == f)
			return;
	}
}

/* d.ddde+xx without the zeros behind: digits without the point in `digits`,
 * the exponent as result. */
static int take_apart(const char *e, char *digits)
{
	const char *mark = strchr(e, 'e');
	size_t n = 0;

	for (const char *p = e; p < mark; p++)
		if (is_digit(*p))
			digits[n++] = *p;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = 0;
	return (int)strtol(mark + 1, NULL, 10);
}

void show_float(char dst[FLOAT_TEXT_MAX], double f)
{
	char buf[FLOAT_TEXT_MAX], d[FLOAT_TEXT_MAX];
	const char *sign = signbit(f) && !isnan(f) ? "-" : "";
	int e, n, most = FLOAT_TEXT_MAX;

	if (!isfinite(f)) {
		(void)snprintf(dst, FLOAT_TEXT_MAX, "%s%s", sign,
			       isnan(f) ? "nan" : "inf");
		return;
	}
	shortest(buf, sizeof(buf), fabs(f));
	e = take_apart(buf, d);
	n = (int)strlen(d);
	if (e < -4 || e >= 16)
		n = snprintf(dst, most, "%s%c%s%.17se%+03d", sign, d[0],
			     n > 1 ? "." : "", d + 1, e);
	else if (e < 0)
		n = snprintf(dst, most, "%s0.%.*s%.17s", sign, -e - 1, "000",
			     d);
	else if (n <= e + 1)
		n = snprintf(dst, most, "%s%.17s%.*s.0", sign, d, e + 1 - n,
			     "0000000000000000");
	else
		n = snprintf(dst, most, "%s%.*s.%.17s", sign, e + 1, d,
			     d + e + 1);
	if (n >= most)
		dst[0] = 0;		/* 17 digits and an exponent fit */
}

/* Characters that Python's repr() spells out although they are no controls
 * of ASCII. */
static bool is_hidden(uint32_t c)
{
	return (c >= 0x7f && c <= 0xa0) || c == 0xad ||
	       (c >= 0x600 && c <= 0x605) || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
	       (c >= 0x205f && c <= 0x206f) || c == 0x3000 ||
	       (c >= 0xe000 && c <= 0xf8ff) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe ||
	       c >= 0xe0000;
}

static void repr_rune(struct text *t, uint32_t c, char mark)
{
	if (c == (uint8_t)mark || c == '\\')
		text_byte(t, '\\');
	if (c == '\n')
		text_str(t, "\\n");
	else if (c == '\r')
		text_str(t, "\\r");
	else if (c == '\t')
		text_str(t, "\\t");
	else if (c >= 0x20 && !is_hidden(c))
		text_rune(t, c);
	else if (c < 0x100)
		text_fmt(t, "\\x%02x", c);
	else
		text_fmt(t, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

static void repr_text(struct text *t, struct span s)
{
	bool has_single = s.n && memchr(s.p, '\'', s.n);
	bool has_double = s.n && memchr(s.p, '"', s.n);
	char mark = has_single && !has_double ? '"' : '\'';

	text_byte(t, (uint8_t)mark);
	for (size_t i = 0; i < s.n && !t->err;)
		repr_rune(t, utf8_next(s, &i), mark);
	text_byte(t, (uint8_t)mark);
}

void show_time(struct text *t, const struct val_time *v, char between)
{
	int off = abs(v->offset_s);

	text_fmt(t, "%04d-%02d-%02d%c%02d:%02d:%02d", v->year, v->month,
		 v->day, between, v->hour, v->minute, v->second);
	if (v->microsecond)
		text_fmt(t, ".%06u", v->microsecond);
	text_fmt(t, "%c%02d:%02d", v->offset_s < 0 ? '-' : '+', off / 3600,
		 off / 60 % 60);
	if (off % 60)
		text_fmt(t, ":%02d", off % 60);
}

static int repr(struct text *t, struct val v, unsigned depth);

static int repr_list(struct text *t, struct val v, unsigned depth)
{
	const struct val_list *l = v.u.list;
	int r = 0;

	text_byte(t, v.type == VAL_LIST ? '[' : '(');
	for (uint32_t i = 0; r == 0 && i < l->n; i++) {
		text_str(t, i ? ", " : "");
		r = repr(t, l->items[i], depth);
	}
	text_str(t, v.type == VAL_LIST ? "]" : l->n == 1 ? ",)" : ")");
	return r;
}

static int repr_dict(struct text *t, const struct val_dict *d, unsigned depth)
{
	int r = 0;

	text_byte(t, '{');
	for (uint32_t i = 0; r == 0 && i < d->n; i++) {
		text_str(t, i ? ", " : "");
		r = repr(t, d->pairs[i].key, depth);
		text_str(t, ": ");
		if (r == 0)
			r = repr(t, d->pairs[i].value, depth);
	}
	text_byte(t, '}');
	return r;
}

static void show_plain(struct text *t, struct val v)
{
	char buf[FLOAT_TEXT_MAX];

	switch (v.type) {
	case VAL_NONE:
		text_str(t, "None");
		break;
	case VAL_BOOL:
		text_str(t, v.u.b ? "True" : "False");
		break;
	case VAL_INT:
		text_fmt(t, "%lld", (long long)v.u.i);
		break;
	case VAL_FLOAT:
		show_float(buf, v.u.f);
		text_str(t, buf);
		break;
	case VAL_TIME:
		show_time(t, v.u.time, ' ');
		break;
	case VAL_LOOP:
		text_str(t, "<loop>");
		break;
	default:
		break;
	}
}

static int repr(struct text *t, struct val v, unsigned depth)
{
	if (t->err)
		return t->err;
	if (depth > VAL_DEPTH_MAX)
		return E_STATE;
	if (val_is_list(v))
		return repr_list(t, v, depth + 1);
	if (v.type == VAL_DICT)
		return repr_dict(t, v.u.dict, depth + 1);
	if (v.type == VAL_STR)
		repr_text(t, v.u.s);
	else if (v.type == VAL_UNDEFINED)
		text_str(t, "Undefined");
	else
		show_plain(t, v);
	return t->err;
}

int show_repr(struct text *t, struct val v)
{
	return repr(t, v, 0);
}

int show_str(struct text *t, struct val v)
{
	if (v.type == VAL_STR)
		text_put(t, v.u.s);
	else if (val_is_list(v) || v.type == VAL_DICT)
		return repr(t, v, 0);
	else
		show_plain(t, v);
	return t->err;
}

static struct span strip_space(struct span s)
{
	while (s.n && is_space(s.p[0]))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static int take_sign(struct span *s)
{
	int sign = s->n && s->p[0] == '-' ? -1 : 1;

	if (s->n && (s->p[0] == '-' || s->p[0] == '+'))
		*s = span_of(s->p + 1, s->n - 1);
	return sign;
}

/* 0x, 0o, 0b before the digits. */
static int take_prefix(struct span *s, int base)
{
	int found = 0;

	if (s->n >= 2 && s->p[0] == '0') {
		int c = s->p[1] | 32;

		found = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
	}
	if (!found || (base && base != found))
		return base ? base : 10;
	*s = span_of(s->p + 2, s->n - 2);
	if (s->n && s->p[0] == '_')
		*s = span_of(s->p + 1, s->n - 1);
	return found;
}

static int digit_of(int c)
{
	if (is_digit(c))
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

int read_int(struct span s, int base, int64_t *out)
{
	__int128 v = 0;
	bool is_big = false;
	int sign;

	if (base != 0 && (base < 2 || base > 36))
		return E_FORMAT;
	s = strip_space(s);
	sign = take_sign(&s);
	base = take_prefix(&s, base);
	if (!s.n || s.p[0] == '_')
		return E_FORMAT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_' && i + 1 < s.n && s.p[i + 1] != '_')
			continue;
		if (digit_of(s.p[i]) >= base)
			return E_FORMAT;
		v = is_big ? 0 : v * base + digit_of(s.p[i]);
		is_big = is_big || v > (__int128)INT64_MAX + 1;
	}
	v *= sign;
	if (is_big || v > INT64_MAX)
		return E_LIMIT;
	*out = (int64_t)v;
	return 0;
}

static bool is_word(struct span s, const char *word)
{
	return span_eq_nocase(s, span_str(word));
}

/* Digits with single underscores between them; returns how many bytes. */
static size_t digits(struct span s, size_t at, char *dst, size_t *n)
{
	size_t from = at;

	for (; at < s.n; at++) {
		if (is_digit(s.p[at]))
			dst[(*n)++] = (char)s.p[at];
		else if (s.p[at] != '_' || at == from || at + 1 >= s.n ||
			 !is_digit(s.p[at + 1]) || s.p[at - 1] == '_')
			break;
	}
	return at - from;
}

static int plain_float(struct span s, double *out)
{
	enum { LONGEST = 400 };
	char buf[LONGEST + 4];
	size_t n = 0, at, had;

	if (s.n > LONGEST)
		return E_FORMAT;
	had = at = digits(s, 0, buf, &n);
	if (at < s.n && s.p[at] == '.') {
		size_t more;

		buf[n++] = '.';
		more = digits(s, at + 1, buf, &n);
		had += more;
		at += 1 + more;
	}
	if (had && at < s.n && (s.p[at] | 32) == 'e') {
		size_t sign = at + 1 < s.n && (s.p[at + 1] == '-' ||
					       s.p[at + 1] == '+');

		buf[n++] = 'e';
		if (sign)
			buf[n++] = (char)s.p[at + 1];
		had = digits(s, at + 1 + sign, buf, &n);
		at += 1 + sign + had;
	}
	if (!had || at != s.n)
		return E_FORMAT;
	buf[n] = 0;
	*out = strtod(buf, NULL);
	return 0;
}

int read_float(struct span s, double *out)
{
	double f = 0;
	int sign, r = 0;

	s = strip_space(s);
	sign = take_sign(&s);
	if (is_word(s, "inf") || is_word(s, "infinity"))
		f = INFINITY;
	else if (is_word(s, "nan"))
		f = NAN;
	else
		r = plain_float(s, &f);
	if (r == 0)
		*out = sign < 0 ? -f : f;
	return r;
}
