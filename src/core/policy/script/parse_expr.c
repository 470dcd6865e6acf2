/* Expressions, with the precedence of Jinja2: inline if, or, and, not,
 * comparisons, + -, ~, * / // %, **, sign, then . [] () | is. */
#include "core/policy/script/script_int.h"

#include "base/alloc.h"

static int parse_or(struct parser *p, struct node **out);
static int parse_unary(struct parser *p, bool with_filters,
		       struct node **out);

/* Advances over the current token, then parses with fn, then pushes. */
static int next_kid(struct parser *p, struct node *to,
		    int (*fn)(struct parser *p, struct node **out))
{
	struct node *kid;
	int r = parse_advance(p);

	if (r == 0)
		r = fn(p, &kid);
	return r < 0 ? r : parse_push(p, to, kid);
}

/* A new node with `first` as its only kid. */
static int wrap(struct parser *p, enum node_kind kind, uint32_t at,
		struct node *first, struct node **out)
{
	int r = parse_node(p, kind, at, out);

	return r < 0 ? r : parse_push(p, *out, first);
}

static int cond_rest(struct parser *p, struct node **out)
{
	struct node *n, *kid;
	int r = parse_node(p, NODE_COND, p->tok.at, &n);

	if (r == 0)
		r = parse_hang(p, n, &n->b, *out);
	if (r == 0)
		r = parse_advance(p);
	if (r == 0)
		r = parse_or(p, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->a, kid);
	if (r == 0 && parse_is_name(p, "else")) {
		r = parse_advance(p);
		if (r == 0)
			r = parse_expr(p, &kid);
		if (r == 0)
			r = parse_hang(p, n, &n->c, kid);
	}
	*out = n;
	return r;
}

int parse_expr(struct parser *p, struct node **out)
{
	int r = parse_enter(p);

	if (r < 0)
		return r;
	r = parse_or(p, out);
	while (r == 0 && parse_is_name(p, "if"))
		r = cond_rest(p, out);
	parse_leave(p);
	return r;
}

static bool is_tuple_end(const struct parser *p)
{
	return p->tok.kind == TOK_VAR_END || p->tok.kind == TOK_BLOCK_END ||
	       p->tok.kind == TOK_RPAREN;
}

static int one_of_tuple(struct parser *p, unsigned flags, struct node **out)
{
	int r;

	if (!(flags & PARSE_NO_IF))
		return parse_expr(p, out);
	r = parse_enter(p);
	if (r == 0)
		r = parse_or(p, out);
	parse_leave(p);
	return r;
}

int parse_tuple(struct parser *p, unsigned flags, struct node **out)
{
	struct node *kid;
	int r = parse_node(p, NODE_TUPLE, p->tok.at, out);

	if (r < 0)
		return r;
	if (is_tuple_end(p))
		return flags & PARSE_PARENS ? 0 :
		       parse_unexpected(p, "an expression");
	r = one_of_tuple(p, flags, &kid);
	if (r == 0 && p->tok.kind != TOK_COMMA) {
		*out = kid;
		return 0;
	}
	if (r == 0)
		r = parse_push(p, *out, kid);
	while (r == 0 && p->tok.kind == TOK_COMMA) {
		r = parse_advance(p);
		if (r < 0 || is_tuple_end(p))
			break;
		r = one_of_tuple(p, flags, &kid);
		if (r == 0)
			r = parse_push(p, *out, kid);
	}
	return r;
}

static int parse_compare(struct parser *p, struct node **out);

static int parse_not(struct parser *p, struct node **out)
{
	struct node *n, *kid;
	int r;

	if (!parse_is_name(p, "not"))
		return parse_compare(p, out);
	r = parse_enter(p);
	if (r == 0)
		r = parse_node(p, NODE_NOT, p->tok.at, &n);
	if (r == 0)
		r = parse_advance(p);
	if (r == 0)
		r = parse_not(p, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->a, kid);
	if (r == 0)
		*out = n;
	parse_leave(p);
	return r;
}

static int parse_words(struct parser *p, const char *word,
		       enum node_kind kind,
		       int (*below)(struct parser *p, struct node **out),
		       struct node **out)
{
	int r = below(p, out);

	if (r < 0 || !parse_is_name(p, word))
		return r;
	r = wrap(p, kind, p->tok.at, *out, out);
	while (r == 0 && parse_is_name(p, word))
		r = next_kid(p, *out, below);
	return r;
}

static int parse_and(struct parser *p, struct node **out)
{
	return parse_words(p, "and", NODE_AND, parse_not, out);
}

static int parse_or(struct parser *p, struct node **out)
{
	return parse_words(p, "or", NODE_OR, parse_and, out);
}

static int chain(struct parser *p, const enum tok *ops, struct node **out,
		 int (*below)(struct parser *p, struct node **out))
{
	struct node *n = NULL;
	int r = below(p, out);

	while (r == 0) {
		const enum tok *op = ops;

		while (*op && *op != p->tok.kind)
			op++;
		if (!*op)
			break;
		if (!n)
			r = wrap(p, NODE_CHAIN, p->tok.at, *out, &n);
		if (r == 0)
			r = parse_op(p, n, (uint8_t)*op);
		if (r == 0)
			r = next_kid(p, n, below);
		*out = n;
	}
	return r;
}

static int parse_sign(struct parser *p, struct node **out)
{
	return parse_unary(p, true, out);
}

static int parse_pow(struct parser *p, struct node **out)
{
	static const enum tok ops[] = {TOK_POW, 0};

	return chain(p, ops, out, parse_sign);
}

static int parse_mul(struct parser *p, struct node **out)
{
	static const enum tok ops[] = {TOK_MUL, TOK_DIV, TOK_FLOORDIV,
				       TOK_MOD, 0};

	return chain(p, ops, out, parse_pow);
}

static int parse_tilde(struct parser *p, struct node **out)
{
	static const enum tok ops[] = {TOK_TILDE, 0};

	return chain(p, ops, out, parse_mul);
}

static int parse_add(struct parser *p, struct node **out)
{
	static const enum tok ops[] = {TOK_ADD, TOK_SUB, 0};

	return chain(p, ops, out, parse_tilde);
}

/* -1: none. `not` counts only when `in` follows. */
static int compare_op(struct parser *p, int *op)
{
	static const int signs[TOK_COUNT] = {
		[TOK_EQ] = 1 + CMP_EQ, [TOK_NE] = 1 + CMP_NE,
		[TOK_LT] = 1 + CMP_LT, [TOK_LE] = 1 + CMP_LE,
		[TOK_GT] = 1 + CMP_GT, [TOK_GE] = 1 + CMP_GE};
	struct token ahead;
	int r;

	*op = signs[p->tok.kind] - 1;
	if (parse_is_name(p, "in"))
		*op = CMP_IN;
	if (!parse_is_name(p, "not"))
		return 0;
	r = parse_peek(p, &ahead);
	if (r < 0)
		return r;
	if (ahead.kind != TOK_NAME || !span_eq(ahead.s, SPAN_LIT("in")))
		return 0;
	*op = CMP_NOT_IN;
	return parse_advance(p);
}

static int parse_compare(struct parser *p, struct node **out)
{
	struct node *n = NULL;
	int r = parse_add(p, out), op;

	while (r == 0) {
		r = compare_op(p, &op);
		if (r < 0 || op < 0)
			break;
		if (!n)
			r = wrap(p, NODE_COMPARE, p->tok.at, *out, &n);
		if (r == 0)
			r = parse_op(p, n, (uint8_t)op);
		if (r == 0)
			r = next_kid(p, n, parse_add);
		*out = n;
	}
	return r;
}

/* --- names, literals --- */

static int parse_list(struct parser *p, struct node *n)
{
	struct node *kid;
	int r = parse_advance(p);

	while (r == 0 && p->tok.kind != TOK_RBRACKET) {
		r = parse_expr(p, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
		if (r == 0 && p->tok.kind != TOK_RBRACKET)
			r = parse_expect(p, TOK_COMMA);
	}
	return r < 0 ? r : parse_advance(p);
}

static int parse_dict(struct parser *p, struct node *n)
{
	struct node *kid;
	int r = parse_advance(p);

	while (r == 0 && p->tok.kind != TOK_RBRACE) {
		r = parse_expr(p, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
		if (r == 0)
			r = parse_expect(p, TOK_COLON);
		if (r == 0)
			r = parse_expr(p, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
		if (r == 0 && p->tok.kind != TOK_RBRACE)
			r = parse_expect(p, TOK_COMMA);
	}
	return r < 0 ? r : parse_advance(p);
}

/* Texts side by side are one, as in Python. */
static int parse_text(struct parser *p, struct node *n)
{
	struct text t = text_of(p->s->mem, SCRIPT_CODE_BYTES);
	struct span s = p->tok.s;
	int r = parse_advance(p);

	if (r == 0 && p->tok.kind == TOK_STR)
		text_put(&t, s);
	while (r == 0 && p->tok.kind == TOK_STR) {
		text_put(&t, p->tok.s);
		s = text_span(&t);
		r = parse_advance(p);
	}
	n->v = val_span(s);
	return t.err ? parse_fail(p, t.err, n->at, "no memory") : r;
}

static const struct {
	const char *name;
	struct val v;
} constants[] = {
	{"true", {.type = VAL_BOOL, .u.b = true}},
	{"True", {.type = VAL_BOOL, .u.b = true}},
	{"false", {.type = VAL_BOOL}},
	{"False", {.type = VAL_BOOL}},
	{"none", {.type = VAL_NONE}},
	{"None", {.type = VAL_NONE}},
};

static const char *const keywords[] = {"and", "or", "not", "in", "is", "if",
				       "else"};

static int parse_call(struct parser *p, struct node *n, struct span name)
{
	char q[QUOTE_MAX];

	n->kind = NODE_CALL;
	n->fn = builtin_find(name, FORM_CALL);
	if (!n->fn)
		return parse_fail(p, E_FORMAT, n->at, "unknown function %s",
				  quote(q, name));
	return parse_args(p, n);
}

static int parse_name(struct parser *p, struct node *n)
{
	struct span name = p->tok.s;
	int r;

	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (span_eq(name, span_str(keywords[i])))
			return parse_unexpected(p, "an expression");
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		if (!span_eq(name, span_str(constants[i].name)))
			continue;
		n->kind = NODE_CONST;
		n->v = constants[i].v;
		return parse_advance(p);
	}
	r = parse_advance(p);
	if (r == 0 && p->tok.kind == TOK_LPAREN)
		return parse_call(p, n, name);
	return r < 0 ? r : parse_intern(p, name, &n->id);
}

static int parse_primary(struct parser *p, struct node **out)
{
	struct node *n;
	int r;

	if (p->tok.kind == TOK_LPAREN) {
		r = parse_enter(p);
		if (r == 0)
			r = parse_advance(p);
		if (r == 0)
			r = parse_tuple(p, PARSE_PARENS, out);
		parse_leave(p);
		return r < 0 ? r : parse_expect(p, TOK_RPAREN);
	}
	r = parse_node(p, NODE_CONST, p->tok.at, &n);
	if (r < 0)
		return r;
	*out = n;
	switch (p->tok.kind) {
	case TOK_NAME:
		n->kind = NODE_NAME;
		return parse_name(p, n);
	case TOK_STR:
		return parse_text(p, n);
	case TOK_INT:
		n->v = val_int(p->tok.i);
		return parse_advance(p);
	case TOK_FLOAT:
		n->v = val_float(p->tok.f);
		return parse_advance(p);
	case TOK_LBRACKET:
		n->kind = NODE_LIST;
		return parse_list(p, n);
	case TOK_LBRACE:
		n->kind = NODE_DICT;
		return parse_dict(p, n);
	default:
		return parse_unexpected(p, "an expression");
	}
}

/* --- what stands behind --- */

static int parse_dot(struct parser *p, struct node *self, struct node **out)
{
	struct node *n, *key;
	int r = parse_node(p, NODE_ATTR, p->tok.at, &n);

	if (r == 0)
		r = parse_hang(p, n, &n->a, self);
	if (r == 0)
		r = parse_advance(p);
	if (r < 0)
		return r;
	*out = n;
	n->at = p->tok.at;
	if (p->tok.kind == TOK_INT) {
		n->kind = NODE_ITEM;
		r = parse_node(p, NODE_CONST, p->tok.at, &key);
		if (r < 0)
			return r;
		key->v = val_int(p->tok.i);
		r = parse_hang(p, n, &n->b, key);
		return r < 0 ? r : parse_advance(p);
	}
	if (p->tok.kind != TOK_NAME)
		return parse_unexpected(p, "the name of a member");
	n->v = val_span(p->tok.s);
	r = parse_advance(p);
	if (r < 0 || p->tok.kind != TOK_LPAREN)
		return r;
	n->kind = NODE_METHOD;
	return parse_args(p, n);
}

static bool is_bound_end(const struct parser *p)
{
	return p->tok.kind == TOK_COLON || p->tok.kind == TOK_RBRACKET;
}

/* The bounds behind the first one, the colon being the current token. */
static int parse_slice(struct parser *p, struct node *n, struct node *first)
{
	struct node *kid;
	int r;

	n->kind = NODE_SLICE;
	r = parse_push(p, n, first);
	for (int i = 0; r == 0 && i < 2; i++) {
		kid = NULL;
		if (p->tok.kind == TOK_COLON) {
			r = parse_advance(p);
			if (r == 0 && !is_bound_end(p))
				r = parse_expr(p, &kid);
		}
		if (r == 0)
			r = parse_push(p, n, kid);
	}
	return r;
}

static int parse_bracket(struct parser *p, struct node *self,
			 struct node **out)
{
	struct node *n, *key = NULL;
	int r = parse_node(p, NODE_ITEM, p->tok.at, &n);

	if (r == 0)
		r = parse_hang(p, n, &n->a, self);
	if (r == 0)
		r = parse_advance(p);
	if (r == 0 && p->tok.kind != TOK_COLON)
		r = parse_expr(p, &key);
	if (r == 0 && p->tok.kind == TOK_COLON)
		r = parse_slice(p, n, key);
	else if (r == 0)
		r = parse_hang(p, n, &n->b, key);
	if (r == 0)
		*out = n;
	return r < 0 ? r : parse_expect(p, TOK_RBRACKET);
}

static int parse_postfix(struct parser *p, struct node **out)
{
	int r = 0;

	while (r == 0) {
		if (p->tok.kind == TOK_DOT)
			r = parse_dot(p, *out, out);
		else if (p->tok.kind == TOK_LBRACKET)
			r = parse_bracket(p, *out, out);
		else if (p->tok.kind == TOK_LPAREN)
			return parse_fail(p, E_FORMAT, p->tok.at, "only "
					  "functions and methods can be "
					  "called");
		else
			break;
	}
	return r;
}

static int parse_filter(struct parser *p, struct node **out)
{
	char q[QUOTE_MAX];
	struct node *n;
	int r = parse_advance(p);

	if (r == 0 && p->tok.kind != TOK_NAME)
		return parse_unexpected(p, "the name of a filter");
	if (r == 0)
		r = parse_node(p, NODE_FILTER, p->tok.at, &n);
	if (r < 0)
		return r;
	n->fn = builtin_find(p->tok.s, FORM_FILTER);
	if (!n->fn)
		return parse_fail(p, E_FORMAT, n->at, "unknown filter %s",
				  quote(q, p->tok.s));
	if (!(n->fn->form & FORM_NO_INPUT))
		r = parse_push(p, n, *out);
	if (r == 0)
		r = parse_advance(p);
	*out = n;
	return r < 0 ? r : parse_args(p, n);
}

/* `is odd`, `is divisibleby 3`, `is divisibleby(3)`. */
static int test_argument(struct parser *p, struct node *n)
{
	struct node *kid;
	int r;

	switch (p->tok.kind) {
	case TOK_NAME:
		for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords);
		     i++)
			if (parse_is_name(p, keywords[i]))
				return parse_args(p, n);
		break;
	case TOK_STR:
	case TOK_INT:
	case TOK_FLOAT:
	case TOK_LBRACKET:
	case TOK_LBRACE:
		break;
	default:
		return parse_args(p, n);
	}
	if (n->fn->need == 0)
		return parse_unexpected(p, "an operator");
	r = parse_primary(p, &kid);
	if (r == 0)
		r = parse_postfix(p, &kid);
	return r < 0 ? r : parse_push(p, n, kid);
}

static int parse_test(struct parser *p, struct node **out)
{
	char q[QUOTE_MAX];
	struct node *n, *not;
	bool negate;
	uint32_t at = p->tok.at;
	int r = parse_advance(p);

	negate = r == 0 && parse_is_name(p, "not");
	if (negate)
		r = parse_advance(p);
	if (r == 0 && p->tok.kind != TOK_NAME)
		return parse_unexpected(p, "the name of a test");
	if (r == 0)
		r = wrap(p, NODE_TEST, p->tok.at, *out, &n);
	if (r < 0)
		return r;
	n->fn = builtin_find(p->tok.s, FORM_TEST);
	if (!n->fn)
		return parse_fail(p, E_FORMAT, n->at, "unknown test %s",
				  quote(q, p->tok.s));
	r = parse_advance(p);
	if (r == 0)
		r = test_argument(p, n);
	*out = n;
	if (r < 0 || !negate)
		return r;
	r = parse_node(p, NODE_NOT, at, &not);
	if (r == 0)
		r = parse_hang(p, not, &not->a, n);
	*out = not;
	return r;
}

static int parse_filters(struct parser *p, struct node **out)
{
	int r = 0;

	while (r == 0) {
		if (p->tok.kind == TOK_PIPE)
			r = parse_filter(p, out);
		else if (parse_is_name(p, "is"))
			r = parse_test(p, out);
		else
			break;
	}
	return r;
}

/* A filter behind a signed number works on the negative one: -1|abs is 1. */
static int parse_unary(struct parser *p, bool with_filters,
		       struct node **out)
{
	bool neg = p->tok.kind == TOK_SUB;
	struct node *n, *kid;
	int r;

	if (neg || p->tok.kind == TOK_ADD) {
		r = parse_enter(p);
		if (r == 0)
			r = parse_node(p, neg ? NODE_NEG : NODE_POS,
				       p->tok.at, &n);
		if (r == 0)
			r = parse_advance(p);
		if (r == 0)
			r = parse_unary(p, false, &kid);
		if (r == 0)
			r = parse_hang(p, n, &n->a, kid);
		if (r == 0)
			*out = n;
		parse_leave(p);
	} else {
		r = parse_primary(p, out);
	}
	if (r == 0)
		r = parse_postfix(p, out);
	return r == 0 && with_filters ? parse_filters(p, out) : r;
}
