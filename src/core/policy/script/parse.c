/* Statements, and what both halves of the parser use. */
#include "core/policy/script/script_int.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

enum { KIDS_FIRST = 2 };

int parse_fail(struct parser *p, int code, uint32_t at, const char *fmt, ...)
{
	struct script_error *e = p->err;
	va_list ap;

	if (e->fault != SCRIPT_FAULT_NONE)
		return code;
	e->fault = code == E_NOMEM ? SCRIPT_FAULT_MEMORY :
				     SCRIPT_FAULT_SYNTAX;
	script_place(p->s->src, at, &e->line, &e->column);
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return code;
}

static int no_room(struct parser *p, size_t n)
{
	int code = val_no_room(p->s->mem, n);

	return parse_fail(p, code, p->tok.at, "%s", code == E_NOMEM ?
			  "no memory" : "template is too large");
}

const char *quote(char dst[QUOTE_MAX], struct span s)
{
	size_t n = 0;

	dst[n++] = '\'';
	for (size_t i = 0; i < s.n && n < QUOTE_MAX - 5; i++)
		dst[n++] = s.p[i] >= 0x20 && s.p[i] < 0x7f ?
			   (char)s.p[i] : '?';
	if (n == QUOTE_MAX - 5) {
		memcpy(dst + n, "...", 3);
		n += 3;
	}
	dst[n++] = '\'';
	dst[n] = 0;
	return dst;
}

static int lex(struct parser *p, struct token *out)
{
	int r = lex_next(&p->lex, out);

	if (r == E_FORMAT)
		return parse_fail(p, r, p->lex.bad_at, "%s", p->lex.bad);
	if (r == E_NOMEM)
		return no_room(p, 0);
	return r < 0 ? parse_fail(p, r, (uint32_t)p->lex.at,
				  "nested too deep") : 0;
}

int parse_advance(struct parser *p)
{
	if (p->has_ahead) {
		p->tok = p->ahead;
		p->has_ahead = false;
		return 0;
	}
	return lex(p, &p->tok);
}

int parse_peek(struct parser *p, struct token *out)
{
	int r = p->has_ahead ? 0 : lex(p, &p->ahead);

	if (r < 0)
		return r;
	p->has_ahead = true;
	*out = p->ahead;
	return 0;
}

bool parse_is_name(const struct parser *p, const char *name)
{
	return p->tok.kind == TOK_NAME &&
	       span_eq(p->tok.s, span_str(name));
}

int parse_unexpected(struct parser *p, const char *wanted)
{
	char name[QUOTE_MAX];
	const char *got = p->tok.kind == TOK_NAME ?
			  quote(name, p->tok.s) : tok_name(p->tok.kind);

	return parse_fail(p, E_FORMAT, p->tok.at, "expected %s, found %s",
			  wanted, got);
}

int parse_expect(struct parser *p, enum tok kind)
{
	return p->tok.kind == kind ? parse_advance(p) :
				     parse_unexpected(p, tok_name(kind));
}

int parse_node(struct parser *p, enum node_kind kind, uint32_t at,
	       struct node **out)
{
	struct node *n = arena_zalloc(p->s->mem, sizeof(*n));

	if (!n)
		return no_room(p, sizeof(*n));
	n->kind = kind;
	n->at = at;
	*out = n;
	return 0;
}

static int grow_higher(struct parser *p, struct node *to,
		       const struct node *kid)
{
	if (kid && kid->height >= to->height)
		to->height = (uint16_t)(kid->height + 1);
	return to->height <= HEIGHT_MAX ? 0 :
	       parse_fail(p, E_LIMIT, to->at, "nested too deep");
}

int parse_hang(struct parser *p, struct node *to, struct node **place,
	       struct node *kid)
{
	*place = kid;
	return grow_higher(p, to, kid);
}

int parse_push(struct parser *p, struct node *to, struct node *kid)
{
	if (to->n == to->cap) {
		uint32_t cap = to->cap ? to->cap * 2 : KIDS_FIRST;
		size_t size = cap * sizeof(struct node *);
		struct node **kids = arena_alloc(p->s->mem, size);

		if (!kids)
			return no_room(p, size);
		if (to->n)
			memcpy(kids, to->kids, to->n * sizeof(*kids));
		to->kids = kids;
		to->cap = cap;
	}
	to->kids[to->n++] = kid;
	return grow_higher(p, to, kid);
}

/* The room for operators grows with that of the kids between which they
 * stand; `cap` kids need less than `cap` operators. */
int parse_op(struct parser *p, struct node *to, uint8_t op)
{
	size_t n = to->v.u.s.n;
	uint8_t *ops = (uint8_t *)to->v.u.s.p;

	if ((n & (n - 1)) == 0) {
		size_t size = n ? n * 2 : 1;

		ops = arena_alloc(p->s->mem, size);
		if (!ops)
			return no_room(p, size);
		if (n)
			memcpy(ops, to->v.u.s.p, n);
	}
	ops[n] = op;
	to->v.u.s = span_of(ops, n + 1);
	return 0;
}

int parse_intern(struct parser *p, struct span name, uint32_t *id)
{
	struct script *s = p->s;

	for (uint32_t i = 0; i < s->names_n; i++) {
		if (span_eq(s->names[i], name)) {
			*id = i;
			return 0;
		}
	}
	if (s->names_n == SCRIPT_NAMES_MAX)
		return parse_fail(p, E_LIMIT, p->tok.at, "too many names");
	if (s->names_n == p->names_cap) {
		uint32_t cap = p->names_cap ? p->names_cap * 2 : 16;
		size_t size = cap * sizeof(*s->names);
		struct span *names = arena_alloc(s->mem, size);

		if (!names)
			return no_room(p, size);
		if (s->names_n)
			memcpy(names, s->names, s->names_n * sizeof(*names));
		s->names = names;
		p->names_cap = cap;
	}
	s->names[s->names_n] = name;
	*id = s->names_n++;
	return 0;
}

int parse_enter(struct parser *p)
{
	if (p->depth == SCRIPT_NEST_MAX)
		return parse_fail(p, E_LIMIT, p->tok.at, "nested too deep");
	p->depth++;
	return 0;
}

void parse_leave(struct parser *p)
{
	p->depth--;
}

/* --- statements --- */

static int parse_body(struct parser *p, const char *const *ends, uint32_t at,
		      struct node **out);

static bool is_constant_name(struct span s)
{
	static const char *const words[] = {"true", "True", "false", "False",
		"none", "None", "and", "or", "not", "in", "is", "if", "else",
		"elif", "for"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (span_eq(s, span_str(words[i])))
			return true;
	return false;
}

static int parse_target(struct parser *p, struct node **out);

static int parse_target_one(struct parser *p, struct node **out)
{
	int r;

	if (p->tok.kind == TOK_LPAREN) {
		r = parse_enter(p);
		if (r == 0)
			r = parse_advance(p);
		if (r == 0)
			r = parse_target(p, out);
		parse_leave(p);
		return r < 0 ? r : parse_expect(p, TOK_RPAREN);
	}
	if (p->tok.kind != TOK_NAME || is_constant_name(p->tok.s))
		return parse_unexpected(p, "a name to assign to");
	r = parse_node(p, NODE_NAME, p->tok.at, out);
	if (r == 0)
		r = parse_intern(p, p->tok.s, &(*out)->id);
	return r < 0 ? r : parse_advance(p);
}

/* A name, or names with commas between. */
static int parse_target(struct parser *p, struct node **out)
{
	struct node *first, *tuple;
	int r = parse_target_one(p, &first);

	if (r < 0 || p->tok.kind != TOK_COMMA) {
		*out = r < 0 ? NULL : first;
		return r;
	}
	r = parse_node(p, NODE_TUPLE, first->at, &tuple);
	if (r == 0)
		r = parse_push(p, tuple, first);
	while (r == 0 && p->tok.kind == TOK_COMMA) {
		r = parse_advance(p);
		if (r < 0 || (p->tok.kind != TOK_NAME &&
			      p->tok.kind != TOK_LPAREN) ||
		    parse_is_name(p, "in"))
			break;
		r = parse_target_one(p, &first);
		if (r == 0)
			r = parse_push(p, tuple, first);
	}
	*out = tuple;
	return r;
}

/* The name that ended a body is the current token; so is `%}` behind it. */
static int parse_end(struct parser *p)
{
	int r = parse_advance(p);

	return r < 0 ? r : parse_expect(p, TOK_BLOCK_END);
}

static int parse_if(struct parser *p, struct node *n)
{
	static const char *const ends[] = {"elif", "else", "endif", NULL};
	static const char *const last[] = {"endif", NULL};
	struct node *kid;
	int r;

	do {
		r = parse_advance(p);	/* behind if, elif */
		if (r == 0)
			r = parse_tuple(p, PARSE_NO_IF, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
		if (r == 0)
			r = parse_expect(p, TOK_BLOCK_END);
		if (r == 0)
			r = parse_body(p, ends, n->at, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
	} while (r == 0 && parse_is_name(p, "elif"));
	if (r == 0 && parse_is_name(p, "else")) {
		r = parse_end(p);
		if (r == 0)
			r = parse_body(p, last, n->at, &kid);
		if (r == 0)
			r = parse_hang(p, n, &n->b, kid);
	}
	return r < 0 ? r : parse_end(p);
}

static int parse_for_head(struct parser *p, struct node *n)
{
	struct node *kid;
	int r = parse_advance(p);

	if (r == 0)
		r = parse_target(p, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->a, kid);
	if (r == 0 && !parse_is_name(p, "in"))
		return parse_unexpected(p, "'in'");
	if (r == 0)
		r = parse_advance(p);
	if (r == 0)
		r = parse_tuple(p, PARSE_NO_IF, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->b, kid);
	if (r == 0 && parse_is_name(p, "if")) {
		r = parse_advance(p);
		if (r == 0)
			r = parse_expr(p, &kid);
		if (r == 0)
			r = parse_hang(p, n, &n->c, kid);
	}
	if (r == 0 && parse_is_name(p, "recursive"))
		return parse_fail(p, E_FORMAT, p->tok.at,
				  "recursive loops are not supported");
	return r < 0 ? r : parse_expect(p, TOK_BLOCK_END);
}

static int parse_for(struct parser *p, struct node *n)
{
	static const char *const ends[] = {"else", "endfor", NULL};
	static const char *const last[] = {"endfor", NULL};
	struct node *kid;
	int r = parse_for_head(p, n);

	if (r == 0)
		r = parse_body(p, ends, n->at, &kid);
	if (r == 0)
		r = parse_push(p, n, kid);
	if (r == 0 && parse_is_name(p, "else")) {
		r = parse_end(p);
		if (r == 0)
			r = parse_body(p, last, n->at, &kid);
		if (r == 0)
			r = parse_push(p, n, kid);
	}
	return r < 0 ? r : parse_end(p);
}

static int parse_set(struct parser *p, struct node *n)
{
	static const char *const ends[] = {"endset", NULL};
	struct node *kid;
	int r = parse_advance(p);

	if (r == 0)
		r = parse_target(p, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->a, kid);
	if (r == 0 && p->tok.kind == TOK_ASSIGN) {
		r = parse_advance(p);
		if (r == 0)
			r = parse_tuple(p, 0, &kid);
		if (r == 0)
			r = parse_hang(p, n, &n->b, kid);
		return r < 0 ? r : parse_expect(p, TOK_BLOCK_END);
	}
	if (r == 0 && p->tok.kind != TOK_BLOCK_END)
		return parse_unexpected(p, "'=' or '%}'");
	n->kind = NODE_SET_BLOCK;
	if (r == 0)
		r = parse_advance(p);
	if (r == 0)
		r = parse_body(p, ends, n->at, &kid);
	if (r == 0)
		r = parse_hang(p, n, &n->b, kid);
	return r < 0 ? r : parse_end(p);
}

static int parse_statement(struct parser *p, struct node **out)
{
	static const struct {
		const char *name;
		enum node_kind kind;
		int (*parse)(struct parser *p, struct node *n);
	} all[] = {
		{"if", NODE_IF, parse_if},
		{"for", NODE_FOR, parse_for},
		{"set", NODE_SET, parse_set},
	};
	char name[QUOTE_MAX];
	bool is_late;
	int r;

	if (p->tok.kind != TOK_NAME)
		return parse_unexpected(p, "a statement");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (!parse_is_name(p, all[i].name))
			continue;
		r = parse_enter(p);
		if (r == 0)
			r = parse_node(p, all[i].kind, p->tok.at, out);
		if (r == 0)
			r = all[i].parse(p, *out);
		parse_leave(p);
		return r;
	}
	is_late = span_starts(p->tok.s, SPAN_LIT("end")) ||
		  parse_is_name(p, "else") || parse_is_name(p, "elif");
	return parse_fail(p, E_FORMAT, p->tok.at, "statement %s is not %s",
			  quote(name, p->tok.s),
			  is_late ? "expected here" : "supported");
}

static int parse_print(struct parser *p, struct node **out)
{
	struct node *kid;
	int r = parse_node(p, NODE_PRINT, p->tok.at, out);

	if (r == 0)
		r = parse_advance(p);
	if (r == 0)
		r = parse_tuple(p, 0, &kid);
	if (r == 0)
		r = parse_hang(p, *out, &(*out)->a, kid);
	return r < 0 ? r : parse_expect(p, TOK_VAR_END);
}

static int parse_data(struct parser *p, struct node **out)
{
	int r = parse_node(p, NODE_DATA, p->tok.at, out);

	if (r == 0)
		(*out)->v = val_span(p->tok.s);
	return r < 0 ? r : parse_advance(p);
}

static bool is_end(const struct parser *p, const char *const *ends)
{
	for (; ends && *ends; ends++)
		if (parse_is_name(p, *ends))
			return true;
	return false;
}

static int missing_end(struct parser *p, uint32_t at, const char *const *ends)
{
	while (ends[1])
		ends++;
	return parse_fail(p, E_FORMAT, at, "missing '%s'", *ends);
}

/* Up to one of the names in `ends` (which becomes the current token), or to
 * the end of the template when there are none. `at` is where it all began. */
static int parse_body(struct parser *p, const char *const *ends, uint32_t at,
		      struct node **out)
{
	struct node *kid = NULL;
	int r = parse_node(p, NODE_BODY, at, out);

	while (r == 0 && p->tok.kind != TOK_EOF) {
		if (p->tok.kind == TOK_DATA) {
			r = parse_data(p, &kid);
		} else if (p->tok.kind == TOK_VAR_BEGIN) {
			r = parse_print(p, &kid);
		} else {
			r = parse_expect(p, TOK_BLOCK_BEGIN);
			if (r == 0 && is_end(p, ends))
				return 0;
			if (r == 0)
				r = parse_statement(p, &kid);
		}
		if (r == 0)
			r = parse_push(p, *out, kid);
	}
	return r == 0 && ends ? missing_end(p, at, ends) : r;
}

int parse_template(struct parser *p)
{
	int r = parse_advance(p);

	return r < 0 ? r : parse_body(p, NULL, 0, &p->s->root);
}
