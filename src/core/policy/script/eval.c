/* Runs the tree. */
#include "core/policy/script/script_int.h"

static int eval(struct run *r, const struct node *n, struct val *out);

static int undefined_fail(struct run *r, const struct node *n)
{
	char q[QUOTE_MAX];

	if (n->kind == NODE_NAME)
		return run_fail(r, E_FORMAT, "%s is undefined",
				quote(q, r->s->names[n->id]));
	if (n->kind == NODE_ATTR)
		return run_fail(r, E_FORMAT, "member %s is undefined",
				quote(q, n->v.u.s));
	return run_fail(r, E_FORMAT, "value is undefined");
}

/* A value that an operator is about to work with. */
static int eval_used(struct run *r, const struct node *n, struct val *out)
{
	int code = eval(r, n, out);

	if (code == 0 && out->type == VAL_UNDEFINED) {
		r->at = n->at;
		return undefined_fail(r, n);
	}
	return code;
}

static struct val lookup(const struct run *r, uint32_t id)
{
	for (uint32_t i = r->binds_n; i-- > 0;)
		if (r->binds[i].id == id)
			return r->binds[i].v;
	return r->top[id];
}

static int eval_items(struct run *r, const struct node *n, enum val_type type,
		      struct val *out)
{
	struct val item;
	int code = run_new_list(r, type, out);

	for (uint32_t i = 0; code == 0 && i < n->n; i++) {
		code = eval(r, n->kids[i], &item);
		if (code == 0)
			code = run_add(r, *out, item);
	}
	return code;
}

static int eval_dict(struct run *r, const struct node *n, struct val *out)
{
	struct val key, value;
	int code = val_dict_new(r->mem, out);

	if (code < 0)
		return run_memory(r, code);
	for (uint32_t i = 0; code == 0 && i + 1 < n->n; i += 2) {
		code = eval(r, n->kids[i], &key);
		if (code == 0)
			code = eval(r, n->kids[i + 1], &value);
		r->at = n->kids[i]->at;
		if (code == 0)
			code = run_put(r, *out, key, value);
	}
	return code;
}

static int eval_words(struct run *r, const struct node *n, struct val *out)
{
	bool stop_at = n->kind == NODE_OR;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < n->n; i++) {
		code = eval(r, n->kids[i], out);
		if (code == 0 && val_is_true(*out) == stop_at)
			break;
	}
	return code;
}

/* `~` takes undefined and everything else as its text. */
static int eval_tilde(struct run *r, const struct node *n, struct val *out)
{
	struct text t = run_text(r);
	struct val v;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < n->n; i++) {
		code = eval(r, n->kids[i], &v);
		if (code < 0)
			return code;
		r->at = n->at;
		code = show_str(&t, v);
		if (code == E_STATE)
			return run_budget(r, "nesting");
	}
	return run_done(r, &t, out);
}

static int eval_chain(struct run *r, const struct node *n, struct val *out)
{
	const uint8_t *ops = n->v.u.s.p;
	struct val b;
	int code;

	if (ops[0] == TOK_TILDE)	/* alone on its level of precedence */
		return eval_tilde(r, n, out);
	code = eval_used(r, n->kids[0], out);
	for (uint32_t i = 1; code == 0 && i < n->n; i++) {
		code = eval_used(r, n->kids[i], &b);
		r->at = n->at;
		if (code == 0)
			code = op_binary(r, (enum tok)ops[i - 1], *out, b,
					 out);
	}
	return code;
}

static int eval_compare(struct run *r, const struct node *n, struct val *out)
{
	struct val a, b;
	bool is_true = true;
	int code = eval(r, n->kids[0], &a);

	for (uint32_t i = 1; code == 0 && is_true && i < n->n; i++) {
		code = eval(r, n->kids[i], &b);
		r->at = n->at;
		if (code == 0)
			code = op_compare(r, (enum cmp)n->v.u.s.p[i - 1], a,
					  b, &is_true);
		a = b;
	}
	*out = val_bool(is_true);
	return code;
}

static int eval_cond(struct run *r, const struct node *n, struct val *out)
{
	struct val cond;
	int code = eval(r, n->a, &cond);

	if (code < 0)
		return code;
	if (val_is_true(cond))
		return eval(r, n->b, out);
	*out = VAL_MISSING;
	return n->c ? eval(r, n->c, out) : 0;
}

static int eval_attr(struct run *r, const struct node *n, struct val *out)
{
	struct val self;
	int code = eval(r, n->a, &self);

	r->at = n->at;
	return code < 0 ? code : op_attr(r, self, n->v.u.s, out);
}

static int eval_item(struct run *r, const struct node *n, struct val *out)
{
	struct val self, key;
	int code = eval(r, n->a, &self);

	if (code == 0)
		code = eval(r, n->b, &key);
	r->at = n->at;
	return code < 0 ? code : op_item(r, self, key, out);
}

static int eval_slice(struct run *r, const struct node *n, struct val *out)
{
	struct val self, bounds[3];
	int code = eval(r, n->a, &self);

	for (int i = 0; i < 3 && code == 0; i++) {
		bounds[i] = VAL_NULL;
		if (n->kids[i])
			code = eval_used(r, n->kids[i], &bounds[i]);
	}
	r->at = n->at;
	return code < 0 ? code : op_slice(r, self, bounds, out);
}

static int eval_args(struct run *r, const struct node *n, struct call *c)
{
	int code = 0;

	c->node = n;
	c->n = n->n;
	for (uint32_t i = 0; code == 0 && i < n->n; i++) {
		c->args[i].type = VAL_ABSENT;
		if (n->kids[i])
			code = eval(r, n->kids[i], &c->args[i]);
	}
	/* a builtin may look at every argument it names */
	for (uint32_t i = n->n; i < ARGS_MAX; i++)
		c->args[i].type = VAL_ABSENT;
	return code;
}

static int eval_method(struct run *r, const struct node *n, struct val *out)
{
	struct call c;
	struct val self;
	int code = eval(r, n->a, &self);

	if (code == 0)
		code = eval_args(r, n, &c);
	r->at = n->at;
	return code < 0 ? code : method_call(r, self, n->v.u.s, &c, out);
}

static int eval_call(struct run *r, const struct node *n, struct val *out)
{
	struct call c;
	int code = eval_args(r, n, &c);

	r->at = n->at;
	return code < 0 ? code : n->fn->fn(r, &c, out);
}

static int eval_sign(struct run *r, const struct node *n, struct val *out)
{
	int code = eval_used(r, n->a, out);

	r->at = n->at;
	if (code < 0)
		return code;
	if (n->kind == NODE_NEG)
		return op_neg(r, *out, out);
	if (!val_is_number(*out))
		return run_fail(r, E_FORMAT, "no + before %s",
				val_type_name(out->type));
	if (out->type == VAL_BOOL)
		*out = val_int(out->u.b);
	return 0;
}

static int eval_not(struct run *r, const struct node *n, struct val *out)
{
	int code = eval(r, n->a, out);

	*out = val_bool(!val_is_true(*out));
	return code;
}

static int eval(struct run *r, const struct node *n, struct val *out)
{
	int code = run_charge(r, 1);

	*out = VAL_MISSING;
	if (code < 0)
		return code;
	switch (n->kind) {
	case NODE_CONST:
		*out = n->v;
		return 0;
	case NODE_NAME:
		*out = lookup(r, n->id);
		return 0;
	case NODE_LIST:
		return eval_items(r, n, VAL_LIST, out);
	case NODE_TUPLE:
		return eval_items(r, n, VAL_TUPLE, out);
	case NODE_DICT:
		return eval_dict(r, n, out);
	case NODE_NEG:
	case NODE_POS:
		return eval_sign(r, n, out);
	case NODE_NOT:
		return eval_not(r, n, out);
	case NODE_AND:
	case NODE_OR:
		return eval_words(r, n, out);
	case NODE_CHAIN:
		return eval_chain(r, n, out);
	case NODE_COMPARE:
		return eval_compare(r, n, out);
	case NODE_COND:
		return eval_cond(r, n, out);
	case NODE_ATTR:
		return eval_attr(r, n, out);
	case NODE_ITEM:
		return eval_item(r, n, out);
	case NODE_SLICE:
		return eval_slice(r, n, out);
	case NODE_METHOD:
		return eval_method(r, n, out);
	case NODE_CALL:
	case NODE_FILTER:
	case NODE_TEST:
		return eval_call(r, n, out);
	default:
		return run_fail(r, E_FORMAT, "no expression");
	}
}

/* --- statements --- */

static int exec(struct run *r, const struct node *n);

static int bind(struct run *r, uint32_t id, struct val v)
{
	if (r->scopes == 0) {
		r->top[id] = v;
		return 0;
	}
	for (uint32_t i = r->scope; i < r->binds_n; i++) {
		if (r->binds[i].id == id) {
			r->binds[i].v = v;
			return 0;
		}
	}
	if (r->binds_n == r->binds_cap) {
		uint32_t cap = r->binds_cap ? r->binds_cap * 2 : 16;
		struct bind *b = arena_alloc(r->mem, cap * sizeof(*b));

		if (!b)
			return run_memory(r, val_no_room(r->mem,
							 cap * sizeof(*b)));
		if (r->binds_n)
			memcpy(b, r->binds, r->binds_n * sizeof(*b));
		r->binds = b;
		r->binds_cap = cap;
	}
	r->binds[r->binds_n++] = (struct bind){id, v};
	return 0;
}

static int assign(struct run *r, const struct node *target, struct val v)
{
	struct val items;
	int code;

	if (target->kind == NODE_NAME)
		return bind(r, target->id, v);
	r->at = target->at;
	code = run_items(r, v, &items);
	if (code < 0)
		return code;
	if (items.u.list->n != target->n)
		return run_fail(r, E_FORMAT, "%u names for %u values",
				target->n, items.u.list->n);
	for (uint32_t i = 0; code == 0 && i < target->n; i++)
		code = assign(r, target->kids[i], items.u.list->items[i]);
	return code;
}

static int out_done(struct run *r, size_t before, int code)
{
	if (code == E_STATE)
		return run_budget(r, "nesting");
	if (r->out.is_full)
		return run_budget(r, "output");
	return code < 0 ? run_memory(r, code) :
			  run_charge_bytes(r, r->out.n - before);
}

static int exec_print(struct run *r, const struct node *n)
{
	struct val v;
	int code = eval(r, n->a, &v);
	size_t before = r->out.n;

	if (code < 0)
		return code;
	r->at = n->at;
	return out_done(r, before, show_str(&r->out, v));
}

static int exec_data(struct run *r, const struct node *n)
{
	size_t before = r->out.n;

	text_put(&r->out, n->v.u.s);
	r->at = n->at;
	return out_done(r, before, r->out.err);
}

static int exec_if(struct run *r, const struct node *n)
{
	for (uint32_t i = 0; i + 1 < n->n; i += 2) {
		struct val cond;
		int code = eval(r, n->kids[i], &cond);

		if (code < 0)
			return code;
		if (val_is_true(cond))
			return exec(r, n->kids[i + 1]);
	}
	return n->b ? exec(r, n->b) : 0;
}

/* Names set from here on are gone at scope_close(). */
static uint32_t scope_open(struct run *r)
{
	uint32_t outer = r->scope;

	r->scope = r->binds_n;
	r->scopes++;
	return outer;
}

static void scope_close(struct run *r, uint32_t outer)
{
	r->binds_n = r->scope;
	r->scope = outer;
	r->scopes--;
}

static int turn(struct run *r, const struct node *n)
{
	if (++r->used.loop_steps <= r->max.loop_steps)
		return 0;
	r->at = n->at;
	return run_budget(r, "loop");
}

/* The items for which the condition of the loop holds. */
static int for_filter(struct run *r, const struct node *n, struct val all,
		      struct val *out)
{
	int code = run_new_list(r, VAL_LIST, out);

	for (uint32_t i = 0; code == 0 && i < all.u.list->n; i++) {
		struct val item = all.u.list->items[i], cond;

		r->binds_n = r->scope;
		code = turn(r, n);
		if (code == 0)
			code = assign(r, n->a, item);
		if (code == 0)
			code = eval(r, n->c, &cond);
		if (code == 0 && val_is_true(cond))
			code = run_add(r, *out, item);
	}
	return code;
}

/* A list that grows meanwhile is walked to its new end, as Python does it. */
static int for_turns(struct run *r, const struct node *n, struct loop *l)
{
	const struct val_list *list = l->items.u.list;
	int code = 0;

	for (l->i = 0; code == 0 && l->i < list->n; l->i++) {
		r->binds_n = r->scope;
		code = turn(r, n);
		if (code == 0 && r->loop_id < r->s->names_n)
			code = bind(r, r->loop_id, (struct val){
				.type = VAL_LOOP, .u.loop = l});
		if (code == 0)
			code = assign(r, n->a, list->items[l->i]);
		if (code == 0)
			code = exec(r, n->kids[0]);
	}
	return code;
}

static int exec_for(struct run *r, const struct node *n)
{
	struct loop *l = arena_zalloc(r->mem, sizeof(*l));
	struct val all;
	uint32_t outer;
	bool was_empty;
	int code;

	if (!l)
		return run_memory(r, val_no_room(r->mem, sizeof(*l)));
	code = eval(r, n->b, &all);
	r->at = n->b->at;
	if (code == 0)
		code = run_items(r, all, &l->items);
	if (code < 0)
		return code;
	outer = scope_open(r);
	if (n->c)
		code = for_filter(r, n, l->items, &l->items);
	l->changed.type = VAL_ABSENT;
	was_empty = code == 0 && l->items.u.list->n == 0;
	if (code == 0)
		code = for_turns(r, n, l);
	r->binds_n = r->scope;
	if (code == 0 && was_empty && n->n > 1)
		code = exec(r, n->kids[1]);
	scope_close(r, outer);
	return code;
}

static int exec_set(struct run *r, const struct node *n)
{
	struct val v;
	int code = eval(r, n->b, &v);

	return code < 0 ? code : assign(r, n->a, v);
}

static int exec_set_block(struct run *r, const struct node *n)
{
	struct text outside = r->out;
	uint32_t outer = scope_open(r);
	struct val v = VAL_NULL;
	int code;

	r->out = text_of(r->mem, outside.max);
	code = exec(r, n->b);
	v = val_span(text_span(&r->out));
	r->out = outside;
	scope_close(r, outer);
	return code < 0 ? code : assign(r, n->a, v);
}

static int exec_body(struct run *r, const struct node *n)
{
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < n->n; i++)
		code = exec(r, n->kids[i]);
	return code;
}

static int exec(struct run *r, const struct node *n)
{
	int code = run_charge(r, 1);

	if (code < 0)
		return code;
	switch (n->kind) {
	case NODE_DATA:
		return exec_data(r, n);
	case NODE_PRINT:
		return exec_print(r, n);
	case NODE_IF:
		return exec_if(r, n);
	case NODE_FOR:
		return exec_for(r, n);
	case NODE_SET:
		return exec_set(r, n);
	case NODE_SET_BLOCK:
		return exec_set_block(r, n);
	case NODE_BODY:
		return exec_body(r, n);
	default:
		return run_fail(r, E_FORMAT, "no statement");
	}
}

static int run_root(struct run *r, struct val vars)
{
	const struct script *s = r->s;
	size_t size = s->names_n * sizeof(*r->top);

	r->top = arena_alloc(r->mem, size);
	if (!r->top)
		return run_memory(r, val_no_room(r->mem, size));
	r->loop_id = s->names_n;
	for (uint32_t i = 0; i < s->names_n; i++) {
		r->top[i] = val_dict_get(vars, val_span(s->names[i]));
		if (span_eq(s->names[i], SPAN_LIT("loop")))
			r->loop_id = i;
	}
	return exec(r, s->root);
}

static uint32_t lower(uint32_t wanted, uint32_t most)
{
	return wanted && wanted < most ? wanted : most;
}

/* The code that a fault stands for, whichever function saw it last. */
static int code_of(enum script_fault fault)
{
	switch (fault) {
	case SCRIPT_FAULT_BUDGET:
		return E_LIMIT;
	case SCRIPT_FAULT_ABANDONED:
		return E_STATE;
	case SCRIPT_FAULT_MEMORY:
		return E_NOMEM;
	default:
		return E_FORMAT;
	}
}

int script_run(const struct script *s, struct val vars,
	       const struct script_env *env,
	       const struct script_limits *limits, struct arena *mem,
	       struct span *out, struct script_error *err,
	       struct script_used *used)
{
	struct script_limits want = limits ? *limits :
					     (struct script_limits){0};
	struct run r = {.s = s, .env = env, .mem = mem, .err = err};
	int code;

	r.max = (struct script_limits){
		.steps = lower(want.steps, SCRIPT_STEPS_MAX),
		.loop_steps = lower(want.loop_steps, SCRIPT_LOOP_STEPS_MAX),
		.output_bytes = lower(want.output_bytes, SCRIPT_OUTPUT_BYTES),
		.regex_runs = lower(want.regex_runs, SCRIPT_REGEX_RUNS_MAX),
	};
	r.out = text_of(mem, r.max.output_bytes);
	*err = (struct script_error){.fault = SCRIPT_FAULT_NONE};
	code = run_root(&r, vars);
	regex_run_free(&r.rx);
	r.used.memory_bytes = arena_used(mem);
	if (used)
		*used = r.used;
	if (code < 0)
		return code_of(err->fault);
	*out = text_span(&r.out);
	return 0;
}
