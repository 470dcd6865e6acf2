/* Python's `format % values`, printf's older relative. */
#include "core/policy/script/script_int.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH_MAX = 1000, PRECISION_MAX = 100, NUMBER_MAX = 512 };

struct spec {
	bool minus, plus, space, zero, alt;
	int width, precision;		/* precision -1: none */
	char conv;
};

struct format {
	struct run *r;
	struct span f;
	size_t at;
	struct val v;			/* what was on the right */
	uint32_t used;			/* of a tuple, or 0/1 */
	bool had_name;
	struct text t;
};

static int bad(struct format *f, const char *why)
{
	return run_fail(f->r, E_FORMAT, "format: %s", why);
}

static int next_byte(struct format *f)
{
	return f->at < f->f.n ? f->f.p[f->at] : -1;
}

static int next_value(struct format *f, struct val *out)
{
	if (f->v.type == VAL_TUPLE) {
		if (f->used >= f->v.u.list->n)
			return bad(f, "too few values");
		*out = f->v.u.list->items[f->used++];
		return 0;
	}
	if (f->used++)
		return bad(f, "too few values");
	*out = f->v;
	return 0;
}

/* %(name)s */
static int named_value(struct format *f, struct val *out)
{
	size_t from = ++f->at;
	struct val_pair *p;
	struct val key;

	while (next_byte(f) >= 0 && next_byte(f) != ')')
		f->at++;
	if (next_byte(f) < 0)
		return bad(f, "name without end");
	key = val_span(span_of(f->f.p + from, f->at++ - from));
	if (f->v.type != VAL_DICT)
		return bad(f, "names need a dict");
	p = val_dict_find(f->v.u.dict, key);
	if (!p)
		return bad(f, "no value of that name");
	*out = p->value;
	f->had_name = true;
	return 0;
}

static int number_or_star(struct format *f, int most, int *out)
{
	int64_t n = 0;
	struct val v;
	int code;

	if (next_byte(f) == '*') {
		f->at++;
		code = next_value(f, &v);
		if (code < 0)
			return code;
		if (v.type != VAL_INT)
			return bad(f, "* needs an int");
		n = v.u.i;
	} else {
		for (; is_digit(next_byte(f)) && n <= most; f->at++)
			n = n * 10 + next_byte(f) - '0';
	}
	if (n > most || n < -most)
		return bad(f, "too wide");
	*out = (int)n;
	return 0;
}

static int read_spec(struct format *f, struct spec *s)
{
	int code, c;

	for (; (c = next_byte(f)) >= 0 && strchr("-+ 0#", c); f->at++) {
		s->minus = s->minus || c == '-';
		s->plus = s->plus || c == '+';
		s->space = s->space || c == ' ';
		s->zero = s->zero || c == '0';
		s->alt = s->alt || c == '#';
	}
	code = number_or_star(f, WIDTH_MAX, &s->width);
	if (code < 0)
		return code;
	if (s->width < 0) {
		s->minus = true;
		s->width = -s->width;
	}
	s->precision = -1;
	if (next_byte(f) == '.') {
		f->at++;
		code = number_or_star(f, PRECISION_MAX, &s->precision);
		if (s->precision < 0)
			s->precision = 0;
	}
	while (code == 0 && (next_byte(f) == 'l' || next_byte(f) == 'h' ||
			     next_byte(f) == 'L'))
		f->at++;
	if (code == 0 && next_byte(f) < 0)
		return bad(f, "incomplete");
	s->conv = (char)next_byte(f);
	f->at++;
	return code;
}

static void fill(struct text *t, char c, int n)
{
	while (n-- > 0 && !t->err)
		text_byte(t, (uint8_t)c);
}

/* `lead` (sign, 0x) stands before zeros. */
static void put_padded(struct format *f, const struct spec *s,
		       const char *lead, struct span body, bool zeros)
{
	int n = s->width - (int)strlen(lead) - (int)utf8_count(body);

	if (!s->minus && !zeros)
		fill(&f->t, ' ', n);
	text_str(&f->t, lead);
	if (!s->minus && zeros)
		fill(&f->t, '0', n);
	text_put(&f->t, body);
	if (s->minus)
		fill(&f->t, ' ', n);
}

static int put_text(struct format *f, const struct spec *s, struct val v)
{
	struct text t = run_text(f->r);
	struct span body;
	int code = s->conv == 's' ? show_str(&t, v) : show_repr(&t, v);

	if (code == E_STATE)
		return run_budget(f->r, "nesting");
	if (code < 0)
		return run_memory(f->r, code);
	body = text_span(&t);
	if (s->precision >= 0)
		body.n = utf8_offset(body, (size_t)s->precision);
	put_padded(f, s, "", body, false);
	return 0;
}

static const char *sign_of(const struct spec *s, bool is_negative)
{
	return is_negative ? "-" : s->plus ? "+" : s->space ? " " : "";
}

static int put_int(struct format *f, const struct spec *s, struct val v)
{
	char buf[NUMBER_MAX], lead[8];
	const char *mark = "";
	uint64_t u;
	int64_t i;

	if (v.type == VAL_FLOAT && (s->conv == 'd' || s->conv == 'i' ||
				    s->conv == 'u')) {
		if (!(fabs(v.u.f) < 9.2e18))
			return bad(f, "number is too large");
		v = val_int((int64_t)v.u.f);
	}
	if (v.type != VAL_INT && v.type != VAL_BOOL)
		return run_fail(f->r, E_FORMAT, "format: %%%c needs a number, "
				"not %s", s->conv, val_type_name(v.type));
	i = val_whole(v);
	u = i < 0 ? -(uint64_t)i : (uint64_t)i;
	if (s->conv == 'x')
		(void)snprintf(buf, sizeof(buf), "%.*llx", s->precision,
			       (unsigned long long)u);
	else if (s->conv == 'X')
		(void)snprintf(buf, sizeof(buf), "%.*llX", s->precision,
			       (unsigned long long)u);
	else if (s->conv == 'o')
		(void)snprintf(buf, sizeof(buf), "%.*llo", s->precision,
			       (unsigned long long)u);
	else
		(void)snprintf(buf, sizeof(buf), "%.*llu", s->precision,
			       (unsigned long long)u);
	if (s->alt)
		mark = s->conv == 'x' ? "0x" : s->conv == 'X' ? "0X" :
		       s->conv == 'o' ? "0o" : "";
	(void)snprintf(lead, sizeof(lead), "%s%s", sign_of(s, i < 0), mark);
	put_padded(f, s, lead, span_str(buf[0] ? buf : "0"), s->zero);
	return 0;
}

static int put_float(struct format *f, const struct spec *s, struct val v)
{
	char buf[NUMBER_MAX], how[8];
	int n, precision = s->precision < 0 ? 6 : s->precision;
	double d;

	if (!val_is_number(v))
		return run_fail(f->r, E_FORMAT, "format: %%%c needs a number, "
				"not %s", s->conv, val_type_name(v.type));
	d = val_double(v);
	how[0] = '%';
	(void)snprintf(how + 1, sizeof(how) - 1, "%s.*%c", s->alt ? "#" : "",
		       s->conv);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	n = snprintf(buf, sizeof(buf), how, precision, fabs(d));
#pragma GCC diagnostic pop
	if (n < 0 || n >= (int)sizeof(buf))
		return bad(f, "number is too large");
	put_padded(f, s, sign_of(s, signbit(d) && !isnan(d)), span_str(buf),
		   s->zero && isfinite(d));
	return 0;
}

static int put_char(struct format *f, const struct spec *s, struct val v)
{
	struct text t = run_text(f->r);

	if (v.type == VAL_STR && utf8_count(v.u.s) == 1)
		text_put(&t, v.u.s);
	else if (v.type == VAL_INT && v.u.i >= 0 && v.u.i <= 0x10ffff &&
		 (v.u.i < 0xd800 || v.u.i > 0xdfff))
		text_rune(&t, (uint32_t)v.u.i);
	else
		return bad(f, "%c needs one character");
	put_padded(f, s, "", text_span(&t), false);
	return t.err ? run_memory(f->r, t.err) : 0;
}

static int put_one(struct format *f)
{
	struct spec s = {.width = 0};
	struct val v = VAL_MISSING;
	bool named = next_byte(f) == '(';
	int code = named ? named_value(f, &v) : 0;

	if (code == 0)
		code = read_spec(f, &s);
	if (code < 0)
		return code;
	if (s.conv == '%') {
		text_byte(&f->t, '%');
		return 0;
	}
	if (!s.conv || !strchr("sradiuxXoeEfFgGc", s.conv))
		return bad(f, "unknown conversion");
	if (!named)
		code = next_value(f, &v);
	if (code < 0)
		return code;
	if (strchr("sra", s.conv))
		return put_text(f, &s, v);
	if (s.conv == 'c')
		return put_char(f, &s, v);
	return strchr("diuxXo", s.conv) ? put_int(f, &s, v) :
					  put_float(f, &s, v);
}

int op_format(struct run *r, struct span format, struct val v,
	      struct val *out)
{
	struct format f = {.r = r, .f = format, .v = v, .t = run_text(r)};
	size_t from = 0;
	int code = 0;

	while (code == 0 && f.at < format.n) {
		if (format.p[f.at] != '%') {
			f.at++;
			continue;
		}
		text_put(&f.t, span_of(format.p + from, f.at - from));
		f.at++;
		code = put_one(&f);
		from = f.at;
		if (code == 0)
			code = run_charge(r, 2);
	}
	if (code < 0)
		return code;
	text_put(&f.t, span_of(format.p + from, format.n - from));
	if (v.type == VAL_TUPLE ? f.used < v.u.list->n :
	    v.type != VAL_DICT && v.type != VAL_LIST && !f.used)
		return bad(&f, "too many values");
	return run_done(r, &f.t, out);
}
