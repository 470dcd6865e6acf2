/* The standard filters, tests, and range(). */
#include "core/policy/script/script_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_given(const struct call *c, unsigned i)
{
	return c->args[i].type != VAL_ABSENT;
}

static int arg_int(struct run *r, struct call *c, unsigned i, int64_t def,
		   int64_t *out)
{
	*out = def;
	if (!is_given(c, i))
		return 0;
	if (c->args[i].type != VAL_INT && c->args[i].type != VAL_BOOL)
		return run_type(r, c, "an int", c->args[i]);
	*out = val_whole(c->args[i]);
	return 0;
}

/* str() of an argument, as the filters of Jinja2 take it. */
static int arg_str(struct run *r, struct call *c, unsigned i,
		   const char *def, struct span *out)
{
	*out = span_str(def);
	return is_given(c, i) ? run_str(r, c->args[i], out) : 0;
}

static int f_abs(struct run *r, struct call *c, struct val *out)
{
	struct val v = c->args[0];

	if (!val_is_number(v))
		return run_type(r, c, "a number", v);
	if (v.type == VAL_FLOAT)
		*out = val_float(fabs(v.u.f));
	else if (val_whole(v) == INT64_MIN)
		return run_fail(r, E_FORMAT, "number is too large");
	else
		*out = val_int(llabs(val_whole(v)));
	return 0;
}

static int f_capitalize(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	int code = run_str(r, c->args[0], &s);

	return code < 0 ? code : text_capitalize(r, s, out);
}

static int f_lower(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	int code = run_str(r, c->args[0], &s);

	return code < 0 ? code : text_case(r, s, false, out);
}

static int f_upper(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	int code = run_str(r, c->args[0], &s);

	return code < 0 ? code : text_case(r, s, true, out);
}

static int f_trim(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		*out = val_span(text_strip(s));
	return code;
}

static int f_default(struct run *r, struct call *c, struct val *out)
{
	bool also_false = is_given(c, 2) && val_is_true(c->args[2]);

	(void)r;
	*out = c->args[0];
	if (out->type == VAL_UNDEFINED || (also_false && !val_is_true(*out)))
		*out = is_given(c, 1) ? c->args[1] : val_lit("");
	return 0;
}

static int f_first(struct run *r, struct call *c, struct val *out)
{
	struct val items;
	int code = run_items(r, c->args[0], &items);

	*out = VAL_MISSING;
	if (code == 0 && items.u.list->n)
		*out = items.u.list->items[0];
	return code;
}

static int f_last(struct run *r, struct call *c, struct val *out)
{
	struct val items;
	int code = run_items(r, c->args[0], &items);

	*out = VAL_MISSING;
	if (code == 0 && items.u.list->n)
		*out = items.u.list->items[items.u.list->n - 1];
	return code;
}

static int f_length(struct run *r, struct call *c, struct val *out)
{
	int64_t n;
	int code = run_len(r, c->args[0], &n);

	*out = val_int(n);
	return code;
}

static int needs_defined(struct run *r, struct call *c)
{
	return c->args[0].type == VAL_UNDEFINED ?
	       run_fail(r, E_FORMAT, "%s of an undefined value",
			c->node->fn->name) : 0;
}

/* E_FORMAT: no number, the default is meant. */
static int to_int(struct val v, int64_t base, int64_t *out)
{
	double f;
	int code = E_FORMAT;

	if (v.type == VAL_INT || v.type == VAL_BOOL) {
		*out = val_whole(v);
		return 0;
	}
	if (v.type == VAL_STR) {
		code = read_int(v.u.s, base >= 0 && base <= 36 ? (int)base :
								 -1, out);
		if (code != E_FORMAT || read_float(v.u.s, &f) < 0)
			return code;
	} else if (v.type == VAL_FLOAT) {
		f = v.u.f;
	} else {
		return E_FORMAT;
	}
	if (isnan(f))
		return E_FORMAT;
	if (!(fabs(f) < 9223372036854775808.0))
		return E_LIMIT;
	*out = (int64_t)f;
	return 0;
}

static int f_int(struct run *r, struct call *c, struct val *out)
{
	int64_t base, i;
	int code = needs_defined(r, c);

	if (code == 0)
		code = arg_int(r, c, 2, 10, &base);
	if (code < 0)
		return code;
	code = to_int(c->args[0], base, &i);
	if (code == E_LIMIT)
		return run_fail(r, E_FORMAT, "number is too large for 64 "
				"bits");
	*out = code == 0 ? val_int(i) :
	       is_given(c, 1) ? c->args[1] : val_int(0);
	return run_charge(r, 1);
}

static int f_float(struct run *r, struct call *c, struct val *out)
{
	struct val v = c->args[0];
	double f = 0;
	int code = needs_defined(r, c);

	if (code < 0)
		return code;
	if (val_is_number(v))
		f = val_double(v);
	else
		code = v.type == VAL_STR ? read_float(v.u.s, &f) : E_FORMAT;
	*out = code == 0 ? val_float(f) :
	       is_given(c, 1) ? c->args[1] : val_float(0);
	return run_charge(r, 1);
}

static int f_format(struct run *r, struct call *c, struct val *out)
{
	struct span s;
	struct val v;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	if (c->n == 2 && c->node->kids[1]->kind == NODE_DICT &&
	    c->node->kids[1]->id == DICT_OF_NAMES)
		return op_format(r, s, c->args[1], out);
	code = run_new_list(r, VAL_TUPLE, &v);
	for (unsigned i = 1; code == 0 && i < c->n; i++)
		code = run_add(r, v, c->args[i]);
	return code < 0 ? code : op_format(r, s, v, out);
}

static int f_join(struct run *r, struct call *c, struct val *out)
{
	struct val items;
	struct span sep;
	int code = arg_str(r, c, 1, "", &sep);

	if (code == 0)
		code = run_items(r, c->args[0], &items);
	return code < 0 ? code : text_join(r, items, sep, out);
}

static int f_replace(struct run *r, struct call *c, struct val *out)
{
	struct span s, from, to;
	int64_t count = -1;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		code = arg_str(r, c, 1, "", &from);
	if (code == 0)
		code = arg_str(r, c, 2, "", &to);
	if (code == 0 && c->args[3].type != VAL_NONE)
		code = arg_int(r, c, 3, -1, &count);
	return code < 0 ? code : text_replace(r, s, from, to, count, out);
}

/* To the nearest, halves to the even digit, as the decimal text says. */
static double round_common(double f, int64_t digits)
{
	char buf[512];
	double scale;

	if (!isfinite(f) || digits > 17 || fabs(f) > 1e300)
		return f;
	if (digits >= 0) {
		(void)snprintf(buf, sizeof(buf), "%.*f", (int)digits, f);
		return strtod(buf, NULL);
	}
	if (digits < -308)
		return copysign(0, f);
	scale = pow(10, (double)-digits);
	return rint(f / scale) * scale;
}

static int f_round(struct run *r, struct call *c, struct val *out)
{
	struct val v = c->args[0];
	int64_t digits;
	struct span how;
	double f, scale;
	int code = arg_int(r, c, 1, 0, &digits);

	if (code == 0)
		code = arg_str(r, c, 2, "common", &how);
	if (code < 0)
		return code;
	if (!val_is_number(v))
		return run_type(r, c, "a number", v);
	f = val_double(v);
	scale = pow(10, (double)digits);
	if (span_eq(how, SPAN_LIT("common")))
		f = round_common(f, digits);
	else if (span_eq(how, SPAN_LIT("ceil")))
		f = ceil(f * scale) / scale;
	else if (span_eq(how, SPAN_LIT("floor")))
		f = floor(f * scale) / scale;
	else
		return run_fail(r, E_FORMAT, "round knows common, ceil and "
				"floor");
	*out = val_float(f);
	return 0;
}

/* Behind the tag or comment that begins at `at`, or 0. An end that was not
 * found once is not looked for again: the work stays linear. */
static size_t skip_tag(struct span s, size_t at, bool *no_comment)
{
	int64_t end;

	if (!*no_comment && span_starts(span_of(s.p + at, s.n - at),
					SPAN_LIT("<!--"))) {
		end = span_find(s, SPAN_LIT("-->"), at + 4);
		if (end >= 0)
			return (size_t)end + 3;
		*no_comment = true;
	}
	end = span_find(s, SPAN_LIT(">"), at);
	return end < 0 ? 0 : (size_t)end + 1;
}

/* &name; or &#number; at `at`: the character, or 0. */
static uint32_t entity(struct span s, size_t at, size_t *end)
{
	static const struct {
		const char *name;
		uint32_t c;
	} all[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'},
		   {"apos", '\''}, {"nbsp", 0xa0}};
	int64_t semicolon = span_find(span_of(s.p, s.n < at + 12 ? s.n :
					at + 12), SPAN_LIT(";"), at);
	struct span name;
	int64_t c = 0;

	if (semicolon < 0)
		return 0;
	*end = (size_t)semicolon + 1;
	name = span_of(s.p + at + 1, (size_t)semicolon - at - 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (span_eq(name, span_str(all[i].name)))
			return all[i].c;
	if (name.n < 2 || name.p[0] != '#')
		return 0;
	if ((name.p[1] | 32) == 'x' ? name.n < 3 ||
	    read_int(span_of(name.p + 2, name.n - 2), 16, &c) < 0 :
	    read_int(span_of(name.p + 1, name.n - 1), 10, &c) < 0)
		return 0;
	return c > 0 && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ?
	       (uint32_t)c : 0;
}

static void put_entities(struct text *t, struct span s)
{
	size_t done = 0;
	int64_t hit;

	for (size_t at = 0; !t->err; at++) {
		size_t end;
		uint32_t c;

		hit = span_find(s, SPAN_LIT("&"), at);
		if (hit < 0)
			break;
		at = (size_t)hit;
		c = entity(s, at, &end);
		if (!c)
			continue;
		text_put(t, span_of(s.p + done, at - done));
		text_rune(t, c);
		done = end;
		at = end - 1;
	}
	text_put(t, span_of(s.p + done, s.n - done));
}

static void put_without_tags(struct text *t, struct span s)
{
	bool no_comment = false;
	size_t done = 0;
	int64_t hit;

	while (!t->err && (hit = span_find(s, SPAN_LIT("<"), done)) >= 0) {
		size_t end = skip_tag(s, (size_t)hit, &no_comment);

		if (!end)
			break;
		text_put(t, span_of(s.p + done, (size_t)hit - done));
		done = end;
	}
	text_put(t, span_of(s.p + done, s.n - done));
}

/* Words with one blank between. */
static void put_words(struct text *t, struct span s)
{
	size_t from = 0, at = 0;

	s = text_strip(s);
	while (at < s.n && !t->err) {
		size_t before = at;

		if (!rune_is_space(utf8_next(s, &at)))
			continue;
		text_put(t, span_of(s.p + from, before - from));
		if (before > from)
			text_byte(t, ' ');
		from = at;
	}
	text_put(t, span_of(s.p + from, s.n - from));
}

static int f_striptags(struct run *r, struct call *c, struct val *out)
{
	struct text bare = run_text(r), tidy = run_text(r);
	struct text t = run_text(r);
	struct span s;
	int code = run_str(r, c->args[0], &s);

	if (code < 0)
		return code;
	put_without_tags(&bare, s);
	put_words(&tidy, text_span(&bare));
	put_entities(&t, text_span(&tidy));
	t.err = bare.err ? bare.err : tidy.err ? tidy.err : t.err;
	return run_done(r, &t, out);
}

static int f_truncate(struct run *r, struct call *c, struct val *out)
{
	struct text t = run_text(r);
	int64_t length, leeway, n;
	bool kill = is_given(c, 2) && val_is_true(c->args[2]);
	struct span s, end;
	int code = run_str(r, c->args[0], &s);

	if (code == 0)
		code = arg_int(r, c, 1, 255, &length);
	if (code == 0)
		code = arg_str(r, c, 3, "...", &end);
	if (code == 0 && c->args[4].type == VAL_NONE)
		c->args[4].type = VAL_ABSENT;
	if (code == 0)
		code = arg_int(r, c, 4, 5, &leeway);
	if (code < 0)
		return code;
	n = (int64_t)utf8_count(end);
	if (length < n || leeway < 0)
		return run_fail(r, E_FORMAT, "truncate to less than its end");
	*out = val_span(s);
	if ((int64_t)utf8_count(s) - leeway <= length)
		return 0;
	s.n = utf8_offset(s, (size_t)(length - n));
	for (size_t i = s.n; !kill && i-- > 0;) {
		if (s.p[i] == ' ') {
			s.n = i;
			break;
		}
	}
	text_put(&t, s);
	text_put(&t, end);
	return run_done(r, &t, out);
}

static int f_range(struct run *r, struct call *c, struct val *out)
{
	int64_t at[3] = {0, 0, 1}, n;
	int code = 0;

	for (unsigned i = 0; code == 0 && i < 3; i++)
		code = arg_int(r, c, i, at[i], &at[i]);
	if (code < 0)
		return code;
	if (!is_given(c, 1)) {
		at[1] = at[0];
		at[0] = 0;
	}
	if (at[2] == 0)
		return run_fail(r, E_FORMAT, "range with a step of zero");
	code = run_new_list(r, VAL_LIST, out);
	for (n = 0; code == 0 &&
	     (at[2] > 0 ? at[0] < at[1] : at[0] > at[1]); n++) {
		if (n == r->max.loop_steps)
			return run_budget(r, "loop");
		code = run_add(r, *out, val_int(at[0]));
		if (__builtin_add_overflow(at[0], at[2], &at[0]))
			break;
	}
	return code;
}

const struct builtin std_builtins[] = {
	{"abs", f_abs, FORM_FILTER, 0, "", 0},
	{"capitalize", f_capitalize, FORM_FILTER, 0, "", 0},
	{"default", f_default, FORM_FILTER, 0, "default_value boolean", 0},
	{"d", f_default, FORM_FILTER, 0, "default_value boolean", 0},
	{"first", f_first, FORM_FILTER, 0, "", 0},
	{"float", f_float, FORM_FILTER, 0, "default", 0},
	{"format", f_format, FORM_FILTER | FORM_ANY_ARGS | FORM_NAMED, 0, "",
	 0},
	{"int", f_int, FORM_FILTER, 0, "default base", 0},
	{"join", f_join, FORM_FILTER, 0, "d", 0},
	{"last", f_last, FORM_FILTER, 0, "", 0},
	{"length", f_length, FORM_FILTER, 0, "", 0},
	{"count", f_length, FORM_FILTER, 0, "", 0},
	{"lower", f_lower, FORM_FILTER, 0, "", 0},
	{"range", f_range, FORM_FILTER | FORM_CALL, 0, "stop step", 0},
	{"replace", f_replace, FORM_FILTER, 2, "old new count", 0},
	{"round", f_round, FORM_FILTER, 0, "precision method", 0},
	{"striptags", f_striptags, FORM_FILTER, 0, "", 0},
	{"trim", f_trim, FORM_FILTER, 0, "", 0},
	{"truncate", f_truncate, FORM_FILTER, 0,
	 "length killwords end leeway", 0},
	{"upper", f_upper, FORM_FILTER, 0, "", 0},
	{NULL, NULL, 0, 0, NULL, 0},
};

/* --- tests --- */

static int t_defined(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(c->args[0].type != VAL_UNDEFINED);
	return 0;
}

static int t_undefined(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(c->args[0].type == VAL_UNDEFINED);
	return 0;
}

static int t_none(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(c->args[0].type == VAL_NONE);
	return 0;
}

static int t_string(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(c->args[0].type == VAL_STR);
	return 0;
}

static int t_number(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(val_is_number(c->args[0]));
	return 0;
}

static int t_mapping(struct run *r, struct call *c, struct val *out)
{
	(void)r;
	*out = val_bool(c->args[0].type == VAL_DICT);
	return 0;
}

static int t_sequence(struct run *r, struct call *c, struct val *out)
{
	enum val_type t = c->args[0].type;

	(void)r;
	*out = val_bool(val_is_list(c->args[0]) || t == VAL_STR ||
			t == VAL_DICT || t == VAL_UNDEFINED);
	return 0;
}

static int modulo(struct run *r, struct val a, struct val b, struct val *out)
{
	if (a.type == VAL_UNDEFINED || b.type == VAL_UNDEFINED)
		return run_fail(r, E_FORMAT, "value is undefined");
	return op_binary(r, TOK_MOD, a, b, out);
}

static int t_odd(struct run *r, struct call *c, struct val *out)
{
	int code = modulo(r, c->args[0], val_int(2), out);

	*out = val_bool(val_equal(*out, val_int(1)));
	return code;
}

static int t_even(struct run *r, struct call *c, struct val *out)
{
	int code = modulo(r, c->args[0], val_int(2), out);

	*out = val_bool(val_equal(*out, val_int(0)));
	return code;
}

static int t_divisibleby(struct run *r, struct call *c, struct val *out)
{
	int code = modulo(r, c->args[0], c->args[1], out);

	*out = val_bool(val_equal(*out, val_int(0)));
	return code;
}

static int t_equalto(struct run *r, struct call *c, struct val *out)
{
	bool same = false;
	int code = run_same(r, c->args[0], c->args[1], &same);

	*out = val_bool(same);
	return code;
}

static int t_in(struct run *r, struct call *c, struct val *out)
{
	bool is_in = false;
	int code = op_compare(r, CMP_IN, c->args[0], c->args[1], &is_in);

	*out = val_bool(is_in);
	return code;
}

const struct builtin test_builtins[] = {
	{"defined", t_defined, FORM_TEST, 0, "", 0},
	{"undefined", t_undefined, FORM_TEST, 0, "", 0},
	{"none", t_none, FORM_TEST, 0, "", 0},
	{"string", t_string, FORM_TEST, 0, "", 0},
	{"number", t_number, FORM_TEST, 0, "", 0},
	{"mapping", t_mapping, FORM_TEST, 0, "", 0},
	{"sequence", t_sequence, FORM_TEST, 0, "", 0},
	{"iterable", t_sequence, FORM_TEST, 0, "", 0},
	{"odd", t_odd, FORM_TEST, 0, "", 0},
	{"even", t_even, FORM_TEST, 0, "", 0},
	{"divisibleby", t_divisibleby, FORM_TEST, 1, "num", 0},
	{"equalto", t_equalto, FORM_TEST, 1, "other", 0},
	{"in", t_in, FORM_TEST, 1, "seq", 0},
	{NULL, NULL, 0, 0, NULL, 0},
};
