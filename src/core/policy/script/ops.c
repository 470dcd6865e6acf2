/* Operators, members, subscripts: as Python 3, integers of 64 bits. */
#include "core/policy/script/script_int.h"

#include <math.h>

static int overflow(struct run *r)
{
	return run_fail(r, E_FORMAT, "number is too large for 64 bits");
}


static int no_op(struct run *r, enum tok op, struct val a, struct val b)
{
	return run_fail(r, E_FORMAT, "no %s between %s and %s", tok_name(op),
			val_type_name(a.type), val_type_name(b.type));
}

static int by_zero(struct run *r)
{
	return run_fail(r, E_FORMAT, "division by zero");
}

static int int_pow(struct run *r, int64_t base, int64_t e, struct val *out)
{
	int64_t v = 1;

	if (e < 0 && base == 0)
		return by_zero(r);
	if (e < 0) {
		*out = val_float(pow((double)base, (double)e));
		return 0;
	}
	for (; e > 0; e >>= 1) {
		if ((e & 1) && __builtin_mul_overflow(v, base, &v))
			return overflow(r);
		if (e > 1 && __builtin_mul_overflow(base, base, &base))
			return overflow(r);
	}
	*out = val_int(v);
	return 0;
}

/* Towards minus infinity, and a remainder of the divisor's sign. */
static int int_divide(struct run *r, enum tok op, int64_t a, int64_t b,
		      struct val *out)
{
	int64_t q, m;

	if (b == 0)
		return by_zero(r);
	if (b == -1) {
		if (op == TOK_FLOORDIV && a == INT64_MIN)
			return overflow(r);
		*out = val_int(op == TOK_MOD ? 0 : -a);
		return 0;
	}
	q = a / b;
	m = a % b;
	if (m != 0 && (m < 0) != (b < 0)) {
		q--;
		m += b;
	}
	*out = val_int(op == TOK_MOD ? m : q);
	return 0;
}

static int int_op(struct run *r, enum tok op, int64_t a, int64_t b,
		  struct val *out)
{
	bool bad = false;
	int64_t v = 0;

	switch (op) {
	case TOK_ADD:
		bad = __builtin_add_overflow(a, b, &v);
		break;
	case TOK_SUB:
		bad = __builtin_sub_overflow(a, b, &v);
		break;
	case TOK_MUL:
		bad = __builtin_mul_overflow(a, b, &v);
		break;
	case TOK_DIV:
		if (b == 0)
			return by_zero(r);
		*out = val_float((double)a / (double)b);
		return 0;
	case TOK_POW:
		return int_pow(r, a, b, out);
	default:
		return int_divide(r, op, a, b, out);
	}
	*out = val_int(v);
	return bad ? overflow(r) : 0;
}

static double float_mod(double a, double b)
{
	double m = fmod(a, b);

	if (m == 0)
		return copysign(0, b);
	return (m < 0) != (b < 0) ? m + b : m;
}

static double float_floordiv(double a, double b)
{
	double m = fmod(a, b), q = (a - m) / b, down;

	if (m != 0 && (m < 0) != (b < 0))
		q -= 1;
	if (q == 0)
		return copysign(0, a / b);
	down = floor(q);
	return q - down > 0.5 ? down + 1 : down;
}

static int float_op(struct run *r, enum tok op, double a, double b,
		    struct val *out)
{
	double v = 0;

	if (b == 0 && (op == TOK_DIV || op == TOK_FLOORDIV || op == TOK_MOD))
		return by_zero(r);
	if (op == TOK_POW && a == 0 && b < 0)
		return by_zero(r);
	if (op == TOK_POW && a < 0 && b != trunc(b))
		return run_fail(r, E_FORMAT, "root of a negative number");
	switch (op) {
	case TOK_ADD:
		v = a + b;
		break;
	case TOK_SUB:
		v = a - b;
		break;
	case TOK_MUL:
		v = a * b;
		break;
	case TOK_DIV:
		v = a / b;
		break;
	case TOK_FLOORDIV:
		v = float_floordiv(a, b);
		break;
	case TOK_MOD:
		v = float_mod(a, b);
		break;
	default:
		v = pow(a, b);
		if (isinf(v) && isfinite(a) && isfinite(b))
			return run_fail(r, E_FORMAT, "number is too large");
		break;
	}
	*out = val_float(v);
	return 0;
}

static int add_texts(struct run *r, struct span a, struct span b,
		     struct val *out)
{
	size_t n = a.n + b.n;
	uint8_t *p = arena_alloc(r->mem, n);

	if (!p)
		return run_memory(r, val_no_room(r->mem, n));
	if (a.n)
		memcpy(p, a.p, a.n);
	if (b.n)
		memcpy(p + a.n, b.p, b.n);
	*out = val_span(span_of(p, n));
	return run_charge_bytes(r, n);
}

static int add_lists(struct run *r, struct val a, struct val b,
		     struct val *out)
{
	const struct val_list *from[] = {a.u.list, b.u.list};
	struct val sum;
	int code = run_new_list(r, a.type, &sum);

	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; code == 0 && i < from[k]->n; i++)
			code = run_add(r, sum, from[k]->items[i]);
	*out = sum;
	return code;
}

static int repeat_text(struct run *r, struct span s, int64_t n,
		       struct val *out)
{
	struct text t = run_text(r);

	/* every turn costs, an empty text none */
	if (n > 0 && s.n && (uint64_t)n > SCRIPT_MEMORY_BYTES / s.n)
		return run_budget(r, "memory");
	for (int64_t i = 0; s.n && i < n && !t.err; i++)
		text_put(&t, s);
	return run_done(r, &t, out);
}

static int repeat_list(struct run *r, struct val v, int64_t n,
		       struct val *out)
{
	const struct val_list *l = v.u.list;
	struct val made;
	int code = run_new_list(r, v.type, &made);

	for (int64_t k = 0; l->n && k < n && code == 0; k++)
		for (uint32_t i = 0; code == 0 && i < l->n; i++)
			code = run_add(r, made, l->items[i]);
	*out = made;
	return code;
}

static bool is_whole(struct val v)
{
	return v.type == VAL_INT || v.type == VAL_BOOL;
}

static int repeat(struct run *r, struct val a, struct val b, struct val *out)
{
	struct val what = is_whole(a) ? b : a;
	int64_t n = val_whole(is_whole(a) ? a : b);

	return what.type == VAL_STR ? repeat_text(r, what.u.s, n, out) :
				      repeat_list(r, what, n, out);
}

static bool is_sequence(struct val v)
{
	return v.type == VAL_STR || val_is_list(v);
}

int op_binary(struct run *r, enum tok op, struct val a, struct val b,
	      struct val *out)
{
	if (is_whole(a) && is_whole(b))
		return int_op(r, op, val_whole(a), val_whole(b), out);
	if (val_is_number(a) && val_is_number(b))
		return float_op(r, op, val_double(a), val_double(b), out);
	if (op == TOK_MOD && a.type == VAL_STR)
		return op_format(r, a.u.s, b, out);
	if (op == TOK_ADD && a.type == VAL_STR && b.type == VAL_STR)
		return add_texts(r, a.u.s, b.u.s, out);
	if (op == TOK_ADD && val_is_list(a) && b.type == a.type)
		return add_lists(r, a, b, out);
	if (op == TOK_MUL && ((is_whole(a) && is_sequence(b)) ||
			      (is_sequence(a) && is_whole(b))))
		return repeat(r, a, b, out);
	return no_op(r, op, a, b);
}

int op_neg(struct run *r, struct val a, struct val *out)
{
	if (a.type == VAL_FLOAT) {
		*out = val_float(-a.u.f);
		return 0;
	}
	if (!is_whole(a))
		return run_fail(r, E_FORMAT, "no - before %s",
				val_type_name(a.type));
	if (val_whole(a) == INT64_MIN)
		return overflow(r);
	*out = val_int(-val_whole(a));
	return 0;
}

/* --- comparing --- */

static int three_way(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

static bool by_order(enum cmp op, int d)
{
	return op == CMP_LT ? d < 0 : op == CMP_LE ? d <= 0 :
	       op == CMP_GT ? d > 0 : d >= 0;
}

static bool order_floats(enum cmp op, double a, double b)
{
	return op == CMP_LT ? a < b : op == CMP_LE ? a <= b :
	       op == CMP_GT ? a > b : a >= b;
}

static int order(struct run *r, enum cmp op, struct val a, struct val b,
		 unsigned depth, bool *out);

/* The first pair that differs decides, then the length. */
static int order_lists(struct run *r, enum cmp op, const struct val_list *a,
		       const struct val_list *b, unsigned depth, bool *out)
{
	bool same = true;
	int code = 0;

	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		code = run_same(r, a->items[i], b->items[i], &same);
		if (code < 0)
			return code;
		if (!same)
			return order(r, op, a->items[i], b->items[i],
				     depth + 1, out);
	}
	*out = by_order(op, (a->n > b->n) - (a->n < b->n));
	return 0;
}

static int order(struct run *r, enum cmp op, struct val a, struct val b,
		 unsigned depth, bool *out)
{
	static const char *const signs[] = {[CMP_LT] = "'<'",
		[CMP_LE] = "'<='", [CMP_GT] = "'>'", [CMP_GE] = "'>='"};
	int64_t x, y;

	if (depth > VAL_DEPTH_MAX)
		return run_budget(r, "nesting");
	if (is_whole(a) && is_whole(b)) {
		x = val_whole(a);
		y = val_whole(b);
		*out = by_order(op, (x > y) - (x < y));
		return 0;
	}
	if (val_is_number(a) && val_is_number(b)) {
		*out = order_floats(op, val_double(a), val_double(b));
		return 0;
	}
	if (a.type == VAL_STR && b.type == VAL_STR) {
		*out = by_order(op, three_way(a.u.s, b.u.s));
		return run_charge_bytes(r, a.u.s.n);
	}
	if (val_is_list(a) && a.type == b.type)
		return order_lists(r, op, a.u.list, b.u.list, depth, out);
	if (a.type == VAL_TIME && b.type == VAL_TIME) {
		x = a.u.time->utc_us;
		y = b.u.time->utc_us;
		*out = by_order(op, (x > y) - (x < y));
		return 0;
	}
	return run_fail(r, E_FORMAT, "no %s between %s and %s", signs[op],
			val_type_name(a.type), val_type_name(b.type));
}

static int contains(struct run *r, struct val a, struct val b, bool *out)
{
	int code = 0;

	*out = false;
	if (b.type == VAL_UNDEFINED)
		return 0;
	if (b.type == VAL_STR) {
		if (a.type != VAL_STR)
			return run_fail(r, E_FORMAT, "no %s 'in' a str",
					val_type_name(a.type));
		*out = span_find(b.u.s, a.u.s, 0) >= 0;
		return run_charge_bytes(r, b.u.s.n);
	}
	if (b.type == VAL_DICT) {
		if (!val_is_hashable(a))
			return run_fail(r, E_FORMAT, "%s cannot be the name "
					"of a member", val_type_name(a.type));
		*out = val_dict_find(b.u.dict, a) != NULL;
		return run_charge(r, 1);
	}
	if (!val_is_list(b))
		return run_fail(r, E_FORMAT, "nothing is 'in' %s",
				val_type_name(b.type));
	for (uint32_t i = 0; code == 0 && !*out && i < b.u.list->n; i++)
		code = run_same(r, b.u.list->items[i], a, out);
	return code;
}

int op_compare(struct run *r, enum cmp op, struct val a, struct val b,
	       bool *out)
{
	int code;

	switch (op) {
	case CMP_EQ:
		return run_same(r, a, b, out);
	case CMP_NE:
		code = run_same(r, a, b, out);
		*out = !*out;
		return code;
	case CMP_IN:
		return contains(r, a, b, out);
	case CMP_NOT_IN:
		code = contains(r, a, b, out);
		*out = !*out;
		return code;
	default:
		return order(r, op, a, b, 0, out);
	}
}

/* --- members --- */

/* A member of None or of undefined is undefined; a member of that is not. */
static int of_nothing(struct run *r, struct val a, struct val *out)
{
	if (a.type == VAL_UNDEFINED && a.is_deep)
		return run_fail(r, E_FORMAT,
				"member of a member of None or undefined");
	*out = (struct val){.type = VAL_UNDEFINED, .is_deep = true};
	return 0;
}

static struct val time_attr(const struct val_time *t, struct span name)
{
	const struct {
		const char *name;
		int64_t v;
	} all[] = {
		{"year", t->year}, {"month", t->month}, {"day", t->day},
		{"hour", t->hour}, {"minute", t->minute},
		{"second", t->second}, {"microsecond", t->microsecond},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (span_eq(name, span_str(all[i].name)))
			return val_int(all[i].v);
	return VAL_MISSING;
}

int op_attr(struct run *r, struct val a, struct span name, struct val *out)
{
	if (a.type == VAL_NONE || a.type == VAL_UNDEFINED)
		return of_nothing(r, a, out);
	if (a.type == VAL_DICT)
		*out = val_dict_get(a, val_span(name));
	else if (a.type == VAL_TIME)
		*out = time_attr(a.u.time, name);
	else if (a.type == VAL_LOOP)
		*out = loop_attr(a.u.loop, name);
	else
		*out = VAL_MISSING;
	return 0;
}

static int text_item(struct run *r, struct span s, int64_t i,
		     struct val *out)
{
	size_t at, from;

	if (i < 0)
		i += (int64_t)utf8_count(s);
	*out = VAL_MISSING;
	if (i >= 0 && (from = utf8_offset(s, (size_t)i)) < s.n) {
		at = from;
		(void)utf8_next(s, &at);
		*out = val_span(span_of(s.p + from, at - from));
	}
	return run_charge_bytes(r, s.n);
}

int op_item(struct run *r, struct val a, struct val key, struct val *out)
{
	int64_t i = is_whole(key) ? val_whole(key) : 0;

	*out = VAL_MISSING;
	if (a.type == VAL_NONE || a.type == VAL_UNDEFINED)
		return of_nothing(r, a, out);
	if (a.type == VAL_DICT) {
		*out = val_dict_get(a, key);
		return 0;
	}
	if (is_whole(key) && a.type == VAL_STR)
		return text_item(r, a.u.s, i, out);
	if (is_whole(key) && val_is_list(a)) {
		if (i < 0)
			i += a.u.list->n;
		if (i >= 0 && i < a.u.list->n)
			*out = a.u.list->items[i];
		return 0;
	}
	return key.type == VAL_STR ? op_attr(r, a, key.u.s, out) : 0;
}

/* Python's slice.indices(): start, stop, step for a length. */
static int slice_bounds(struct run *r, const struct val bounds[3], int64_t n,
			int64_t at[3])
{
	int64_t step = 1, low, high;

	for (int i = 0; i < 3; i++)
		if (bounds[i].type != VAL_NONE && !is_whole(bounds[i]))
			return run_fail(r, E_FORMAT, "slice of %s",
					val_type_name(bounds[i].type));
	if (bounds[2].type != VAL_NONE)
		step = val_whole(bounds[2]);
	if (step == 0)
		return run_fail(r, E_FORMAT, "slice step of zero");
	if (step < -INT32_MAX)
		step = -INT32_MAX;
	if (step > INT32_MAX)
		step = INT32_MAX;
	low = step < 0 ? -1 : 0;
	high = step < 0 ? n - 1 : n;
	at[0] = step < 0 ? high : low;
	at[1] = step < 0 ? low : high;
	at[2] = step;
	for (int i = 0; i < 2; i++) {
		if (bounds[i].type == VAL_NONE)
			continue;
		at[i] = val_whole(bounds[i]);
		if (at[i] < 0)
			at[i] += n;
		at[i] = at[i] < low ? low : at[i] > high ? high : at[i];
	}
	return 0;
}

static int slice_list(struct run *r, struct val a, const int64_t at[3],
		      struct val *out)
{
	int code = run_new_list(r, a.type, out);

	for (int64_t i = at[0]; code == 0 &&
	     (at[2] > 0 ? i < at[1] : i > at[1]); i += at[2])
		code = run_add(r, *out, a.u.list->items[i]);
	return code;
}

static int slice_text(struct run *r, struct span s, const int64_t at[3],
		      struct val *out)
{
	struct text t = run_text(r);
	struct val chars;
	size_t from, to;
	int code;

	if (at[2] == 1) {
		from = utf8_offset(s, (size_t)at[0]);
		to = utf8_offset(s, (size_t)at[1]);
		*out = val_span(to > from ? span_of(s.p + from, to - from) :
					    SPAN_LIT(""));
		return run_charge_bytes(r, 2 * s.n);
	}
	code = run_items(r, val_span(s), &chars);
	for (int64_t i = at[0]; code == 0 &&
	     (at[2] > 0 ? i < at[1] : i > at[1]); i += at[2])
		text_put(&t, chars.u.list->items[i].u.s);
	return code < 0 ? code : run_done(r, &t, out);
}

int op_slice(struct run *r, struct val a, const struct val bounds[3],
	     struct val *out)
{
	int64_t at[3], n;
	int code;

	if (a.type != VAL_STR && !val_is_list(a))
		return run_fail(r, E_FORMAT, "slice of %s",
				val_type_name(a.type));
	code = run_len(r, a, &n);
	if (code == 0)
		code = slice_bounds(r, bounds, n, at);
	if (code < 0)
		return code;
	return a.type == VAL_STR ? slice_text(r, a.u.s, at, out) :
				   slice_list(r, a, at, out);
}
