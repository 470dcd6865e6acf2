/* From text to a script; arguments bound to the parameters of builtins. */
#include "core/policy/script/script_int.h"

#include "base/alloc.h"

const struct builtin *builtin_find(struct span name, unsigned form)
{
	const struct builtin *const tables[] = {std_builtins, pex_builtins,
						test_builtins};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct builtin *b = tables[i]; b->name; b++)
			if ((b->form & form) &&
			    span_eq(name, span_str(b->name)))
				return b;
	return NULL;
}

/* --- arguments --- */

static uint32_t params_count(const char *params)
{
	uint32_t n = *params ? 1 : 0;

	for (; *params; params++)
		n += *params == ' ';
	return n;
}

/* The place of a parameter by name, or -1. */
static int params_find(const char *params, struct span name)
{
	struct span rest = span_str(params), head;
	bool more = true;

	for (int i = 0; more; i++) {
		more = span_split(rest, ' ', &head, &rest);
		if (head.n && span_eq(head, name))
			return i;
	}
	return -1;
}

struct args {
	struct parser *p;
	struct node *n;
	uint32_t base;			/* kids before the named ones */
	struct node *named;		/* dictionary of FORM_NAMED */
	bool had_name;
};

static int args_positional(struct args *a)
{
	struct parser *p = a->p;
	struct node *kid;
	int r;

	if (a->had_name)
		return parse_fail(p, E_FORMAT, p->tok.at,
				  "argument without a name behind named ones");
	r = parse_expr(p, &kid);
	return r < 0 ? r : parse_push(p, a->n, kid);
}

/* name = value for a builtin that takes any name. */
static int args_any_name(struct args *a, const struct token *name,
			 struct node *value)
{
	struct node *key;
	int r = 0;

	if (!a->named)
		r = parse_node(a->p, NODE_DICT, name->at, &a->named);
	if (r == 0)
		r = parse_node(a->p, NODE_CONST, name->at, &key);
	if (r < 0)
		return r;
	a->named->id = DICT_OF_NAMES;
	key->v = val_span(name->s);
	r = parse_push(a->p, a->named, key);
	return r < 0 ? r : parse_push(a->p, a->named, value);
}

static int args_named(struct args *a)
{
	struct parser *p = a->p;
	const struct builtin *fn = a->n->fn;
	struct token name = p->tok;
	char q[QUOTE_MAX];
	struct node *kid;
	int place = fn ? params_find(fn->params, name.s) : -1;
	int r = parse_advance(p);

	if (r == 0)
		r = parse_advance(p);		/* name, = */
	if (r == 0)
		r = parse_expr(p, &kid);
	if (r < 0)
		return r;
	a->had_name = true;
	if (place < 0 && fn && (fn->form & FORM_NAMED))
		return args_any_name(a, &name, kid);
	if (place < 0)
		return parse_fail(p, E_FORMAT, name.at,
				  "there is no argument %s",
				  quote(q, name.s));
	while (r == 0 && a->n->n <= a->base + (uint32_t)place)
		r = parse_push(p, a->n, NULL);
	if (r == 0 && a->n->kids[a->base + (uint32_t)place])
		return parse_fail(p, E_FORMAT, name.at,
				  "argument %s is given twice",
				  quote(q, name.s));
	return r < 0 ? r : parse_hang(p, a->n,
		&a->n->kids[a->base + (uint32_t)place], kid);
}

static int args_list(struct args *a)
{
	struct parser *p = a->p;
	struct token ahead;
	int r = parse_advance(p);

	while (r == 0 && p->tok.kind != TOK_RPAREN) {
		if (p->tok.kind == TOK_MUL || p->tok.kind == TOK_POW)
			return parse_fail(p, E_FORMAT, p->tok.at,
					  "* and ** before an argument are "
					  "not supported");
		ahead.kind = TOK_EOF;
		if (p->tok.kind == TOK_NAME)
			r = parse_peek(p, &ahead);
		if (r == 0)
			r = ahead.kind == TOK_ASSIGN ? args_named(a) :
						       args_positional(a);
		if (r == 0 && p->tok.kind != TOK_RPAREN)
			r = parse_expect(p, TOK_COMMA);
	}
	return r < 0 ? r : parse_advance(p);
}

static int args_check(struct args *a)
{
	const struct builtin *fn = a->n->fn;
	uint32_t most = a->base + params_count(fn->params);

	if (fn->form & FORM_ANY_ARGS)
		most = ARGS_MAX;
	for (uint32_t i = 0; i < a->base + fn->need; i++)
		if (i >= a->n->n || !a->n->kids[i])
			return parse_fail(a->p, E_FORMAT, a->n->at,
					  "%s needs %s", fn->name,
					  fn->need > 1 || a->base > 1 ?
					  "more arguments" : "an argument");
	if (a->n->n > most)
		return parse_fail(a->p, E_FORMAT, a->n->at,
				  "%s takes fewer arguments", fn->name);
	return 0;
}

static int keep_regex(struct parser *p, struct regex *re)
{
	struct script *s = p->s;

	if (s->regexes_n == s->regexes_cap) {
		uint32_t cap = s->regexes_cap ? s->regexes_cap * 2 : 4;
		struct regex **all = mem_realloc(s->regexes,
						 cap * sizeof(*all));

		if (!all) {
			regex_free(&re);
			return parse_fail(p, E_NOMEM, p->tok.at, "no memory");
		}
		s->regexes = all;
		s->regexes_cap = cap;
	}
	s->regexes[s->regexes_n++] = re;
	return 0;
}

/* A constant pattern is compiled now: its errors show when the script is
 * saved, and a run need not do it again. */
static int args_pattern(struct parser *p, struct node *n)
{
	uint32_t i = n->fn->pattern < 0 ? 0 : (uint32_t)n->fn->pattern;
	struct regex_error why = {.text = ""};
	struct regex *re;
	struct node *kid;
	int r;

	if (!n->fn->pattern || i >= n->n || !n->kids[i])
		return 0;
	kid = n->kids[i];
	if (kid->kind != NODE_CONST || kid->v.type != VAL_STR)
		return 0;
	if (p->s->regexes_n == SCRIPT_REGEXES_MAX)
		return parse_fail(p, E_LIMIT, kid->at, "too many patterns");
	r = regex_new(&re, kid->v.u.s, 0, &why);
	if (r < 0)
		return parse_fail(p, r == E_NOMEM ? r : E_FORMAT, kid->at,
				  "pattern: %s at %u", why.text, why.at + 1);
	n->re = re;
	return keep_regex(p, re);
}

int parse_args(struct parser *p, struct node *n)
{
	struct args a = {.p = p, .n = n, .base = n->n};
	int r = p->tok.kind == TOK_LPAREN ? args_list(&a) : 0;

	if (r == 0 && a.named) {
		/* as Jinja2: named arguments are used instead of others */
		n->n = a.base;
		r = parse_push(p, n, a.named);
	}
	if (r < 0)
		return r;
	if (!n->fn)
		return n->n <= ARGS_MAX ? 0 :
		       parse_fail(p, E_FORMAT, n->at, "too many arguments");
	/* what may be called and be a filter has its input first */
	if (n->kind == NODE_CALL && (n->fn->form & FORM_FILTER) &&
	    !(n->fn->form & FORM_NO_INPUT))
		a.base = 1;
	r = args_check(&a);
	return r < 0 ? r : args_pattern(p, n);
}

/* --- scripts --- */

void script_place(struct span src, uint32_t at, uint32_t *line,
		  uint32_t *column)
{
	size_t from = 0;

	*line = 1;
	for (size_t i = 0; i < at && i < src.n; i++) {
		if (src.p[i] == '\n') {
			++*line;
			from = i + 1;
		}
	}
	*column = (uint32_t)utf8_count(span_of(src.p + from,
			(at < src.n ? at : src.n) - from)) + 1;
}

/* Lines end with \n alone; the last one loses its end, as in Jinja2. */
static int take_source(struct script *s, struct span text)
{
	uint8_t *p = arena_alloc(s->mem, text.n);
	size_t n = 0;

	if (!p)
		return val_no_room(s->mem, text.n);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r' && i + 1 < text.n &&
		    text.p[i + 1] == '\n')
			continue;
		p[n++] = text.p[i] == '\r' ? '\n' : text.p[i];
	}
	if (n && p[n - 1] == '\n')
		n--;
	s->src = span_of(p, n);
	return 0;
}

static int check_source(struct span text, struct script_error *err)
{
	static const char *const why[] = {"template is not UTF-8",
					  "template is too long"};
	bool is_long = text.n > 4 * SCRIPT_TEXT_MAX ||
		       utf8_count(text) > SCRIPT_TEXT_MAX;

	if (!is_long && span_is_utf8(text))
		return 0;
	err->fault = SCRIPT_FAULT_SYNTAX;
	memcpy(err->text, why[is_long], strlen(why[is_long]) + 1);
	return is_long ? E_LIMIT : E_FORMAT;
}

static int no_memory(struct script_error *err)
{
	err->fault = SCRIPT_FAULT_MEMORY;
	memcpy(err->text, "no memory", sizeof("no memory"));
	return E_NOMEM;
}

int script_compile(struct script **out, struct span text,
		   struct script_error *err)
{
	struct parser p = {.err = err};
	struct script *s = NULL;
	int r;

	*err = (struct script_error){.fault = SCRIPT_FAULT_NONE};
	r = check_source(text, err);
	if (r < 0)
		return r;
	s = mem_zalloc(sizeof(*s));
	if (!s || arena_new(&s->mem, SCRIPT_CODE_BYTES) < 0 ||
	    take_source(s, text) < 0) {
		script_free(&s);
		return no_memory(err);
	}
	p.s = s;
	p.lex = (struct lex){.src = s->src, .mem = s->mem};
	r = parse_template(&p);
	if (r < 0) {
		script_free(&s);
		return r;
	}
	*out = s;
	return 0;
}

void script_free(struct script **s)
{
	if (!s || !*s)
		return;
	for (uint32_t i = 0; i < (*s)->regexes_n; i++)
		regex_free(&(*s)->regexes[i]);
	mem_free((*s)->regexes);
	arena_free(&(*s)->mem);
	mem_free(*s);
	*s = NULL;
}
