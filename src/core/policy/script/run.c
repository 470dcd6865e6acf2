/* What running shares: errors, budgets, small helpers over values. */
#include "core/policy/script/script_int.h"

#include <stdarg.h>
#include <stdio.h>

static int set_fault(struct run *r, enum script_fault fault, int code)
{
	struct script_error *e = r->err;

	if (e->fault != SCRIPT_FAULT_NONE)
		return code;
	e->fault = fault;
	script_place(r->s->src, r->at, &e->line, &e->column);
	return 0;
}

int run_fail(struct run *r, int code, const char *fmt, ...)
{
	va_list ap;

	if (set_fault(r, SCRIPT_FAULT_RUN, code) < 0)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(r->err->text, sizeof(r->err->text), fmt, ap);
	va_end(ap);
	return code;
}

int run_abandon(struct run *r, const char *why)
{
	if (set_fault(r, SCRIPT_FAULT_ABANDONED, E_STATE) == 0)
		(void)snprintf(r->err->text, sizeof(r->err->text),
			       "abandoned: %s", why);
	return E_STATE;
}

int run_budget(struct run *r, const char *what)
{
	if (set_fault(r, SCRIPT_FAULT_BUDGET, E_LIMIT) == 0)
		(void)snprintf(r->err->text, sizeof(r->err->text),
			       "the %s budget is exhausted", what);
	return E_LIMIT;
}

int run_memory(struct run *r, int code)
{
	if (code == E_LIMIT)
		return run_budget(r, "memory");
	if (set_fault(r, SCRIPT_FAULT_MEMORY, code) == 0)
		(void)snprintf(r->err->text, sizeof(r->err->text), "%s",
			       err_text(code));
	return code;
}

int run_charge_slow(struct run *r)
{
	r->used.steps = r->max.steps;
	return run_budget(r, "step");
}

struct text run_text(struct run *r)
{
	return text_of(r->mem, SCRIPT_MEMORY_BYTES);
}

int run_done(struct run *r, const struct text *t, struct val *out)
{
	if (t->err)
		return run_memory(r, t->err);
	*out = val_span(text_span(t));
	return run_charge_bytes(r, t->n);
}

int run_str(struct run *r, struct val v, struct span *out)
{
	struct text t = run_text(r);
	int code;

	if (v.type == VAL_STR) {
		*out = v.u.s;
		return run_charge_bytes(r, v.u.s.n);
	}
	code = show_str(&t, v);
	if (code == E_STATE)
		return run_budget(r, "nesting");
	*out = text_span(&t);
	return t.err ? run_memory(r, t.err) : run_charge_bytes(r, t.n);
}

int run_new_list(struct run *r, enum val_type type, struct val *out)
{
	int code = val_list_new(r->mem, out);

	if (code < 0)
		return run_memory(r, code);
	out->type = type;
	return 0;
}

int run_add(struct run *r, struct val list, struct val item)
{
	int code = val_list_add(r->mem, list, item);

	return code < 0 ? run_memory(r, code) : run_charge(r, 1);
}

int run_put(struct run *r, struct val dict, struct val key, struct val value)
{
	int code;

	if (!val_is_hashable(key))
		return run_fail(r, E_FORMAT, "%s cannot be the name of a "
				"member", val_type_name(key.type));
	code = val_dict_put(r->mem, dict, key, value);
	return code < 0 ? run_memory(r, code) : run_charge(r, 1);
}

int run_same(struct run *r, struct val a, struct val b, bool *out)
{
	uint32_t had = r->max.steps - r->used.steps + 1, left = had;
	int same;

	if (a.type == VAL_STR && b.type == VAL_STR) {
		*out = span_eq(a.u.s, b.u.s);
		return run_charge(r, 1 + (*out ? a.u.s.n / 64 : 0));
	}
	same = val_same(a, b, &left);
	if (same < 0)
		return left ? run_budget(r, "nesting") : run_charge_slow(r);
	*out = same;
	return run_charge(r, had - left);
}

static int text_items(struct run *r, struct span s, struct val *out)
{
	int code = run_new_list(r, VAL_LIST, out);

	for (size_t at = 0; code == 0 && at < s.n;) {
		size_t from = at;

		(void)utf8_next(s, &at);
		code = run_add(r, *out, val_span(span_of(s.p + from,
							 at - from)));
	}
	return code;
}

static int dict_items(struct run *r, const struct val_dict *d,
		      struct val *out)
{
	int code = run_new_list(r, VAL_LIST, out);

	for (uint32_t i = 0; code == 0 && i < d->n; i++)
		code = run_add(r, *out, d->pairs[i].key);
	return code;
}

int run_items(struct run *r, struct val v, struct val *out)
{
	*out = v;
	if (val_is_list(v))
		return 0;
	if (v.type == VAL_UNDEFINED)
		return run_new_list(r, VAL_LIST, out);
	if (v.type == VAL_STR)
		return text_items(r, v.u.s, out);
	if (v.type == VAL_DICT)
		return dict_items(r, v.u.dict, out);
	return run_fail(r, E_FORMAT, "%s has no items",
			val_type_name(v.type));
}

int run_len(struct run *r, struct val v, int64_t *out)
{
	*out = 0;
	if (val_is_list(v))
		*out = v.u.list->n;
	else if (v.type == VAL_DICT)
		*out = v.u.dict->n;
	else if (v.type == VAL_STR)
		*out = (int64_t)utf8_count(v.u.s);
	else if (v.type != VAL_UNDEFINED)
		return run_fail(r, E_FORMAT, "%s has no length",
				val_type_name(v.type));
	return v.type == VAL_STR ? run_charge_bytes(r, v.u.s.n) : 0;
}

int run_type(struct run *r, struct call *c, const char *wanted,
	     struct val got)
{
	char q[QUOTE_MAX];

	if (c->node->fn)
		return run_fail(r, E_FORMAT, "%s needs %s, not %s",
				c->node->fn->name, wanted,
				val_type_name(got.type));
	return run_fail(r, E_FORMAT, "method %s needs %s, not %s",
			quote(q, c->node->v.u.s), wanted,
			val_type_name(got.type));
}

struct val loop_attr(const struct loop *l, struct span name)
{
	const struct val_list *list = l->items.u.list;
	const struct {
		const char *name;
		struct val v;
	} all[] = {
		{"index", val_int((int64_t)l->i + 1)},
		{"index0", val_int(l->i)},
		{"revindex", val_int((int64_t)list->n - l->i)},
		{"revindex0", val_int((int64_t)list->n - l->i - 1)},
		{"first", val_bool(l->i == 0)},
		{"last", val_bool(l->i + 1 >= list->n)},
		{"length", val_int(list->n)},
		{"depth", val_int(1)},	/* of recursive loops only */
		{"depth0", val_int(0)},
		{"previtem", l->i > 0 && l->i <= list->n ?
			     list->items[l->i - 1] : VAL_MISSING},
		{"nextitem", l->i + 1 < list->n ?
			     list->items[l->i + 1] : VAL_MISSING},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (span_eq(name, span_str(all[i].name)))
			return all[i].v;
	return VAL_MISSING;
}
