/* Methods of texts, lists and dictionaries, and what filters share with
 * them. Indices and lengths count characters, as in Python. */
#include "core/policy/script/script_int.h"

int64_t span_find(struct span s, struct span what, size_t from)
{
	const uint8_t *p;

	if (from > s.n)
		return -1;
	if (!what.n)
		return (int64_t)from;
	if (what.n == 1)
		p = s.n ? memchr(s.p + from, what.p[0], s.n - from) : NULL;
	else
		p = s.n ? memmem(s.p + from, s.n - from, what.p, what.n) :
			  NULL;
	return p ? p - s.p : -1;
}

static struct span turned(struct run *r, struct span s)
{
	uint8_t *p = arena_alloc(r->mem, s.n);

	for (size_t i = 0; p && i < s.n; i++)
		p[i] = s.p[s.n - 1 - i];
	return span_of(p, s.n);
}

/* The last place is the first one in both texts turned round, so that no
 * text makes this take more than linear time. */
static int rfind(struct run *r, struct span s, struct span what, int64_t *hit)
{
	struct span text = turned(r, s), find = turned(r, what);

	if (!text.p || !find.p)
		return run_memory(r, val_no_room(r->mem, s.n + what.n));
	*hit = span_find(text, find, 0);
	if (*hit >= 0)
		*hit = (int64_t)(s.n - what.n) - *hit;
	return 0;
}

/* Bytes of the white space that s begins or ends with. */
static size_t space_at_start(struct span s)
{
	size_t at = 0, before = 0;

	while (at < s.n && rune_is_space(utf8_next(s, &at)))
		before = at;
	return before;
}

static struct span strip_right(struct span s)
{
	while (s.n) {
		size_t from = s.n - 1, at;

		while (from && (s.p[from] & 0xc0) == 0x80)
			from--;
		at = from;
		if (!rune_is_space(utf8_next(s, &at)))
			break;
		s.n = from;
	}
	return s;
}

static struct span strip_left(struct span s)
{
	size_t n = space_at_start(s);

	return span_of(s.p + n, s.n - n);
}

struct span text_strip(struct span s)
{
	return strip_left(strip_right(s));
}

/* Without characters of a set at the chosen ends. */
static int strip_set(struct run *r, struct span *s, struct span set,
		     bool left, bool right)
{
	int code = 0;
	size_t at;

	while (left && s->n && code == 0) {
		at = 0;
		(void)utf8_next(*s, &at);
		if (span_find(set, span_of(s->p, at), 0) < 0)
			break;
		*s = span_of(s->p + at, s->n - at);
		code = run_charge_bytes(r, set.n);
	}
	while (right && s->n && code == 0) {
		at = s->n - 1;
		while (at && (s->p[at] & 0xc0) == 0x80)
			at--;
		if (span_find(set, span_of(s->p + at, s->n - at), 0) < 0)
			break;
		s->n = at;
		code = run_charge_bytes(r, set.n);
	}
	return code;
}

int text_replace(struct run *r, struct span s, struct span from,
		 struct span to, int64_t count, struct val *out)
{
	struct text t = run_text(r);
	size_t at = 0, done = 0;
	int64_t hit;

	/* an empty text stands before each character and at the end */
	for (int64_t i = 0; (count < 0 || i < count) && at <= s.n && !t.err;
	     i++) {
		hit = span_find(s, from, at);
		if (hit < 0)
			break;
		text_put(&t, span_of(s.p + done, (size_t)hit - done));
		text_put(&t, to);
		done = (size_t)hit + from.n;
		at = done;
		if (!from.n && at < s.n)
			(void)utf8_next(s, &at);
		else if (!from.n)
			at++;
	}
	text_put(&t, span_of(s.p + done, s.n - done));
	return run_done(r, &t, out);
}

static void put_upper(struct text *t, uint32_t c)
{
	if (c == 0xdf)
		text_str(t, "SS");
	else
		text_rune(t, rune_upper(c));
}

int text_case(struct run *r, struct span s, bool upper, struct val *out)
{
	struct text t = run_text(r);

	for (size_t at = 0; at < s.n && !t.err;) {
		uint32_t c = utf8_next(s, &at);

		if (upper)
			put_upper(&t, c);
		else
			text_rune(&t, rune_lower(c));
	}
	return run_done(r, &t, out);
}

int text_capitalize(struct run *r, struct span s, struct val *out)
{
	struct text t = run_text(r);
	size_t at = 0;

	if (s.n)
		put_upper(&t, utf8_next(s, &at));
	while (at < s.n && !t.err)
		text_rune(&t, rune_lower(utf8_next(s, &at)));
	return run_done(r, &t, out);
}

int text_join(struct run *r, struct val items, struct span sep,
	      struct val *out)
{
	struct text t = run_text(r);
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < items.u.list->n; i++) {
		if (i)
			text_put(&t, sep);
		code = show_str(&t, items.u.list->items[i]);
		if (code == E_STATE)
			return run_budget(r, "nesting");
		if (code == 0)
			code = run_charge(r, 1);
	}
	return t.err ? run_memory(r, t.err) :
	       code < 0 ? code : run_done(r, &t, out);
}

/* --- arguments of methods --- */

static bool is_given(const struct call *c, unsigned i)
{
	return c->args[i].type != VAL_ABSENT && c->args[i].type != VAL_NONE;
}

static int arg_text(struct run *r, struct call *c, unsigned i,
		    struct span *out)
{
	if (c->args[i].type != VAL_STR)
		return run_type(r, c, "a text", c->args[i]);
	*out = c->args[i].u.s;
	return 0;
}

static int arg_int(struct run *r, struct call *c, unsigned i, int64_t *out)
{
	if (c->args[i].type != VAL_INT && c->args[i].type != VAL_BOOL)
		return run_type(r, c, "an int", c->args[i]);
	*out = val_whole(c->args[i]);
	return 0;
}

/* The part of s between optional arguments i and i + 1; *from gets its first
 * byte. Counts characters; negative from the end. */
static int arg_range(struct run *r, struct call *c, unsigned i,
		     struct span *s, size_t *from, bool *is_past)
{
	int64_t n = (int64_t)utf8_count(*s), at[2] = {0, n};

	for (unsigned k = 0; k < 2; k++) {
		int code = is_given(c, i + k) ? arg_int(r, c, i + k, &at[k]) :
						0;

		if (code < 0)
			return code;
		if (at[k] < 0)
			at[k] = at[k] + n < 0 ? 0 : at[k] + n;
	}
	*is_past = at[0] > n || at[0] > at[1];
	if (*is_past)
		return 0;
	if (at[1] < n)
		s->n = utf8_offset(*s, (size_t)at[1]);
	*from = utf8_offset(*s, (size_t)at[0]);
	return run_charge_bytes(r, s->n);
}

/* --- texts --- */

static int str_affix(struct run *r, struct val self, struct call *c,
		     struct val *out, bool at_start)
{
	struct val tries = c->args[0], one = c->args[0];
	struct span s = self.u.s;
	bool is_past = false, hit = false;
	uint32_t n = val_is_list(tries) ? tries.u.list->n : 1;
	size_t from = 0;
	int code = arg_range(r, c, 1, &s, &from, &is_past);

	if (code < 0)
		return code;
	if (tries.type != VAL_STR && tries.type != VAL_TUPLE)
		return run_type(r, c, "a text or a tuple of texts", tries);
	s = is_past ? SPAN_LIT("") : span_of(s.p + from, s.n - from);
	for (uint32_t i = 0; i < n && !hit; i++) {
		if (tries.type == VAL_TUPLE)
			one = tries.u.list->items[i];
		if (one.type != VAL_STR)
			return run_type(r, c, "texts in its tuple", one);
		hit = one.u.s.n <= s.n && !is_past &&
		      (!one.u.s.n || memcmp(at_start ? s.p : s.p + s.n -
				one.u.s.n, one.u.s.p, one.u.s.n) == 0);
		code = run_charge_bytes(r, one.u.s.n);
		if (code < 0)
			return code;
	}
	*out = val_bool(hit);
	return 0;
}

static int str_startswith(struct run *r, struct val self, struct call *c,
			  struct val *out)
{
	return str_affix(r, self, c, out, true);
}

static int str_endswith(struct run *r, struct val self, struct call *c,
			struct val *out)
{
	return str_affix(r, self, c, out, false);
}

static int add_piece(struct run *r, struct val list, struct span s,
		     size_t from, size_t to)
{
	return run_add(r, list, val_span(span_of(s.p + from, to - from)));
}

/* At runs of white space; none at the ends. */
static int split_space(struct run *r, struct span s, int64_t most,
		       struct val *out)
{
	int code = run_new_list(r, VAL_LIST, out);

	s = strip_left(s);
	while (code == 0 && s.n) {
		size_t at = 0, end = s.n;

		if (most-- == 0)
			return add_piece(r, *out, s, 0, s.n);
		while (at < s.n) {
			size_t from = at;

			if (rune_is_space(utf8_next(s, &at))) {
				end = from;
				break;
			}
		}
		code = add_piece(r, *out, s, 0, end);
		s = strip_left(span_of(s.p + end, s.n - end));
	}
	return code;
}

static int str_split(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	struct span s = self.u.s, sep;
	int64_t most = -1, hit;
	size_t from = 0;
	int code = run_charge_bytes(r, s.n);

	if (code == 0 && is_given(c, 1))
		code = arg_int(r, c, 1, &most);
	if (code < 0)
		return code;
	if (!is_given(c, 0))
		return split_space(r, s, most, out);
	code = arg_text(r, c, 0, &sep);
	if (code == 0 && !sep.n)
		return run_fail(r, E_FORMAT, "split at an empty text");
	if (code == 0)
		code = run_new_list(r, VAL_LIST, out);
	while (code == 0 && most-- != 0 &&
	       (hit = span_find(s, sep, from)) >= 0) {
		code = add_piece(r, *out, s, from, (size_t)hit);
		from = (size_t)hit + sep.n;
	}
	return code < 0 ? code : add_piece(r, *out, s, from, s.n);
}

static int str_strip_at(struct run *r, struct val self, struct call *c,
			struct val *out, bool left, bool right)
{
	struct span s = self.u.s, set;
	int code = run_charge_bytes(r, 4 * s.n);

	if (code == 0 && is_given(c, 0)) {
		code = arg_text(r, c, 0, &set);
		if (code == 0)
			code = strip_set(r, &s, set, left, right);
	} else {
		s = left ? strip_left(s) : s;
		s = right ? strip_right(s) : s;
	}
	*out = val_span(s);
	return code;
}

static int str_strip(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	return str_strip_at(r, self, c, out, true, true);
}

static int str_lstrip(struct run *r, struct val self, struct call *c,
		      struct val *out)
{
	return str_strip_at(r, self, c, out, true, false);
}

static int str_rstrip(struct run *r, struct val self, struct call *c,
		      struct val *out)
{
	return str_strip_at(r, self, c, out, false, true);
}

static int str_replace(struct run *r, struct val self, struct call *c,
		       struct val *out)
{
	struct span from, to;
	int64_t count = -1;
	int code = arg_text(r, c, 0, &from);

	if (code == 0)
		code = arg_text(r, c, 1, &to);
	if (code == 0 && is_given(c, 2))
		code = arg_int(r, c, 2, &count);
	return code < 0 ? code :
	       text_replace(r, self.u.s, from, to, count, out);
}

static int str_lower(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	(void)c;
	return text_case(r, self.u.s, false, out);
}

static int str_upper(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	(void)c;
	return text_case(r, self.u.s, true, out);
}

static int str_capitalize(struct run *r, struct val self, struct call *c,
			  struct val *out)
{
	(void)c;
	return text_capitalize(r, self.u.s, out);
}

static int str_find_at(struct run *r, struct val self, struct call *c,
		       struct val *out, bool last)
{
	struct span s = self.u.s, what;
	bool is_past;
	size_t from = 0;
	int64_t hit;
	int code = arg_text(r, c, 0, &what);

	if (code == 0)
		code = arg_range(r, c, 1, &s, &from, &is_past);
	if (code < 0)
		return code;
	*out = val_int(-1);
	if (is_past)
		return 0;
	hit = last ? 0 : span_find(s, what, from);
	if (last)
		code = rfind(r, span_of(s.p + from, s.n - from), what, &hit);
	if (code < 0)
		return code;
	if (last && hit >= 0)
		hit += (int64_t)from;
	if (hit >= 0)
		*out = val_int((int64_t)utf8_count(span_of(s.p,
							   (size_t)hit)));
	return run_charge_bytes(r, 4 * s.n);
}

static int str_find(struct run *r, struct val self, struct call *c,
		    struct val *out)
{
	return str_find_at(r, self, c, out, false);
}

static int str_rfind(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	return str_find_at(r, self, c, out, true);
}

static int str_isdigit(struct run *r, struct val self, struct call *c,
		       struct val *out)
{
	struct span s = self.u.s;
	bool all = s.n > 0;

	(void)c;
	for (size_t i = 0; i < s.n; i++)
		all = all && is_digit(s.p[i]);
	*out = val_bool(all);
	return run_charge_bytes(r, s.n);
}

static int str_join(struct run *r, struct val self, struct call *c,
		    struct val *out)
{
	struct val items;
	int code = run_items(r, c->args[0], &items);

	for (uint32_t i = 0; code == 0 && i < items.u.list->n; i++)
		if (items.u.list->items[i].type != VAL_STR)
			return run_type(r, c, "texts",
					items.u.list->items[i]);
	return code < 0 ? code : text_join(r, items, self.u.s, out);
}

/* --- dictionaries, lists, loops --- */

static int dict_get(struct run *r, struct val self, struct call *c,
		    struct val *out)
{
	struct val_pair *p;

	if (!val_is_hashable(c->args[0]))
		return run_type(r, c, "a name", c->args[0]);
	p = val_dict_find(self.u.dict, c->args[0]);
	*out = c->n > 1 ? c->args[1] : VAL_NULL;
	if (p)
		*out = p->value;
	return 0;
}

static int dict_parts(struct run *r, const struct val_dict *d, bool keys,
		      bool values, struct val *out)
{
	struct val item;
	int code = run_new_list(r, VAL_LIST, out);

	for (uint32_t i = 0; code == 0 && i < d->n; i++) {
		item = keys ? d->pairs[i].key : d->pairs[i].value;
		if (keys && values) {
			code = run_new_list(r, VAL_TUPLE, &item);
			if (code == 0)
				code = run_add(r, item, d->pairs[i].key);
			if (code == 0)
				code = run_add(r, item, d->pairs[i].value);
		}
		if (code == 0)
			code = run_add(r, *out, item);
	}
	return code;
}

static int dict_keys(struct run *r, struct val self, struct call *c,
		     struct val *out)
{
	(void)c;
	return dict_parts(r, self.u.dict, true, false, out);
}

static int dict_values(struct run *r, struct val self, struct call *c,
		       struct val *out)
{
	(void)c;
	return dict_parts(r, self.u.dict, false, true, out);
}

static int dict_items(struct run *r, struct val self, struct call *c,
		      struct val *out)
{
	(void)c;
	return dict_parts(r, self.u.dict, true, true, out);
}

static int list_append(struct run *r, struct val self, struct call *c,
		       struct val *out)
{
	*out = VAL_NULL;
	return run_add(r, self, c->args[0]);
}

static int list_extend(struct run *r, struct val self, struct call *c,
		       struct val *out)
{
	struct val items;
	int code = run_items(r, c->args[0], &items);
	uint32_t n = code == 0 ? items.u.list->n : 0;

	*out = VAL_NULL;	/* `n` is fixed: a list may extend itself */
	for (uint32_t i = 0; code == 0 && i < n; i++)
		code = run_add(r, self, items.u.list->items[i]);
	return code;
}

static int loop_cycle(struct run *r, struct val self, struct call *c,
		      struct val *out)
{
	const struct loop *l = self.u.loop;

	(void)r;
	*out = c->args[l->i % c->n];
	return 0;
}

static int loop_changed(struct run *r, struct val self, struct call *c,
			struct val *out)
{
	struct loop *l = (struct loop *)self.u.loop;
	struct val now;
	bool same = false;
	int code = run_new_list(r, VAL_TUPLE, &now);

	for (unsigned i = 0; code == 0 && i < c->n; i++)
		code = run_add(r, now, c->args[i]);
	if (code == 0 && l->changed.type != VAL_ABSENT)
		code = run_same(r, l->changed, now, &same);
	l->changed = now;
	*out = val_bool(!same);
	return code;
}

static const struct method {
	enum val_type type;
	const char *name;
	uint8_t min, max;
	int (*fn)(struct run *r, struct val self, struct call *c,
		  struct val *out);
} methods[] = {
	{VAL_STR, "startswith", 1, 3, str_startswith},
	{VAL_STR, "endswith", 1, 3, str_endswith},
	{VAL_STR, "split", 0, 2, str_split},
	{VAL_STR, "strip", 0, 1, str_strip},
	{VAL_STR, "lstrip", 0, 1, str_lstrip},
	{VAL_STR, "rstrip", 0, 1, str_rstrip},
	{VAL_STR, "replace", 2, 3, str_replace},
	{VAL_STR, "lower", 0, 0, str_lower},
	{VAL_STR, "upper", 0, 0, str_upper},
	{VAL_STR, "capitalize", 0, 0, str_capitalize},
	{VAL_STR, "find", 1, 3, str_find},
	{VAL_STR, "rfind", 1, 3, str_rfind},
	{VAL_STR, "isdigit", 0, 0, str_isdigit},
	{VAL_STR, "join", 1, 1, str_join},
	{VAL_DICT, "get", 1, 2, dict_get},
	{VAL_DICT, "keys", 0, 0, dict_keys},
	{VAL_DICT, "values", 0, 0, dict_values},
	{VAL_DICT, "items", 0, 0, dict_items},
	{VAL_LIST, "append", 1, 1, list_append},
	{VAL_LIST, "extend", 1, 1, list_extend},
	{VAL_LOOP, "cycle", 1, ARGS_MAX, loop_cycle},
	{VAL_LOOP, "changed", 0, ARGS_MAX, loop_changed},
};

int method_call(struct run *r, struct val self, struct span name,
		struct call *c, struct val *out)
{
	char q[QUOTE_MAX];

	if (self.type == VAL_UNDEFINED || self.type == VAL_NONE)
		return run_fail(r, E_FORMAT, "method %s of %s",
				quote(q, name), val_type_name(self.type));
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		const struct method *m = &methods[i];

		if (m->type != self.type || !span_eq(name, span_str(m->name)))
			continue;
		if (c->n < m->min || c->n > m->max)
			return run_fail(r, E_FORMAT, "method %s takes "
					"%u to %u arguments", quote(q, name),
					m->min, m->max);
		return m->fn(r, self, c, out);
	}
	return run_fail(r, E_FORMAT, "%s has no method %s",
			val_type_name(self.type), quote(q, name));
}
