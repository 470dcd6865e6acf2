/* core/policy/script/script_int.h - what the interpreter's files share.
 *
 * text  -> tokens (lex.c) -> tree (parse.c, parse_expr.c) -> output (eval.c)
 * ops.c holds operators, filters.c and pex.c what stands behind a `|`,
 * methods.c what stands behind a dot, show.c how values become text.
 */
#pragma once
#include "base/err.h"
#include "core/policy/script/script.h"
#include "core/regex/regex.h"

/* --- text under construction, in an arena --- */

struct text {
	struct arena *a;
	uint8_t *p;
	size_t n, cap, max;
	int err;			/* sticky: E_LIMIT, E_NOMEM */
	bool is_full;			/* `max` was the limit */
};

struct text text_of(struct arena *a, size_t max);
void text_put(struct text *t, struct span s);
void text_byte(struct text *t, uint8_t b);
void text_str(struct text *t, const char *s);
void text_rune(struct text *t, uint32_t c);
__attribute__((format(printf, 2, 3)))
void text_fmt(struct text *t, const char *fmt, ...);	/* short ones */
struct span text_span(const struct text *t);

/* --- UTF-8, taken as well-formed --- */

size_t   utf8_count(struct span s);
/* Byte offset of character `i`; s.n at and behind the end. */
size_t   utf8_offset(struct span s, size_t i);
uint32_t utf8_next(struct span s, size_t *at);
bool     span_is_ascii(struct span s);
uint32_t rune_upper(uint32_t c);
uint32_t rune_lower(uint32_t c);
bool     rune_is_space(uint32_t c);
static inline bool is_digit(int c) { return c >= '0' && c <= '9'; }
static inline bool is_space(int c) { return c == ' ' || (c >= 9 && c <= 13); }
/* -1 when not a hexadecimal digit. */
int hex_digit(int c);

/* --- values --- */

/* An argument that was not given. */
#define VAL_ABSENT VAL_TYPE_COUNT
/* E_LIMIT when the arena's maximum forbids n more bytes, else E_NOMEM. */
int  val_no_room(const struct arena *a, size_t n);
bool val_is_hashable(struct val v);
/* 1, 0 or E_LIMIT; takes one from *work for each comparison. */
int  val_same(struct val a, struct val b, uint32_t *work);
struct val_pair *val_dict_find(const struct val_dict *d, struct val key);
static inline bool val_is_list(struct val v)
{
	return v.type == VAL_LIST || v.type == VAL_TUPLE;
}
static inline bool val_is_number(struct val v)
{
	return v.type == VAL_INT || v.type == VAL_FLOAT || v.type == VAL_BOOL;
}
/* Of a bool or int. */
static inline int64_t val_whole(struct val v)
{
	return v.type == VAL_BOOL ? v.u.b : v.u.i;
}
static inline double val_double(struct val v)
{
	return v.type == VAL_FLOAT ? v.u.f : (double)val_whole(v);
}

enum { FLOAT_TEXT_MAX = 32 };
void show_float(char dst[FLOAT_TEXT_MAX], double f);
/* As Python's str() and repr(). E_LIMIT: too deep or too long. */
int  show_str(struct text *t, struct val v);
int  show_repr(struct text *t, struct val v);
int  show_json(struct text *t, struct val v);
void show_time(struct text *t, const struct val_time *time, char between);
/* Python's int() and float() of a text; E_FORMAT, E_LIMIT. */
int  read_int(struct span s, int base, int64_t *out);
int  read_float(struct span s, double *out);

/* --- tokens --- */

enum tok {
	TOK_EOF = 0, TOK_DATA, TOK_VAR_BEGIN, TOK_VAR_END, TOK_BLOCK_BEGIN,
	TOK_BLOCK_END, TOK_NAME, TOK_STR, TOK_INT, TOK_FLOAT,
	TOK_ADD, TOK_SUB, TOK_MUL, TOK_DIV, TOK_FLOORDIV, TOK_MOD, TOK_POW,
	TOK_TILDE, TOK_EQ, TOK_NE, TOK_LT, TOK_LE, TOK_GT, TOK_GE, TOK_ASSIGN,
	TOK_DOT, TOK_COMMA, TOK_COLON, TOK_PIPE, TOK_LPAREN, TOK_RPAREN,
	TOK_LBRACKET, TOK_RBRACKET, TOK_LBRACE, TOK_RBRACE, TOK_SEMICOLON,
	TOK_COUNT
};

struct token {
	enum tok kind;
	uint32_t at;			/* byte offset in the source */
	struct span s;			/* name, data, text without quotes */
	int64_t i;
	double f;
};

enum lex_mode { LEX_DATA = 0, LEX_VAR, LEX_BLOCK };

struct lex {
	struct span src;
	size_t at;
	enum lex_mode mode;
	bool strip;			/* a `-` stood before the last end */
	uint32_t open_n;
	char open[SCRIPT_NEST_MAX];	/* brackets waiting for their ends */
	struct arena *mem;		/* texts with escapes */
	uint32_t bad_at;		/* where, and what, on E_FORMAT */
	const char *bad;
};

/* 0 and *out, or E_FORMAT with lex.bad, E_LIMIT, E_NOMEM. */
int lex_next(struct lex *l, struct token *out);
const char *tok_name(enum tok kind);

/* --- the tree --- */

enum node_kind {
	NODE_CONST = 0, NODE_NAME, NODE_LIST, NODE_TUPLE, NODE_DICT,
	NODE_NEG, NODE_POS, NODE_NOT, NODE_AND, NODE_OR, NODE_CHAIN,
	NODE_COMPARE, NODE_COND, NODE_ATTR, NODE_ITEM, NODE_SLICE,
	NODE_METHOD, NODE_CALL, NODE_FILTER, NODE_TEST,
	/* statements */
	NODE_DATA, NODE_PRINT, NODE_IF, NODE_FOR, NODE_SET, NODE_SET_BLOCK,
	NODE_BODY,
	NODE_COUNT
};

enum cmp { CMP_EQ = 0, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_IN,
	   CMP_NOT_IN };

struct builtin;

enum { DICT_OF_NAMES = 1 };

struct node {
	enum node_kind kind;
	uint32_t at;
	uint32_t id;			/* of a name */
	uint16_t height;		/* 0: no nodes below */
	uint32_t n, cap;		/* kids; NULL is an absent argument */
	struct node **kids;
	struct node *a, *b, *c;
	struct val v;			/* constant, member, data */
	const struct builtin *fn;
	const struct regex *re;		/* of a constant pattern */
};

/* Meaning of the members, by kind:
 * AND, OR   kids                          NEG POS NOT   a
 * CHAIN     kids of one precedence, from the left; v.u.s: tokens between
 * COMPARE   kids; v.u.s: enum cmp between
 * COND      b if a else c (c may be NULL)   ATTR     a . v
 * ITEM      a [ b ]                       SLICE    a [ kids: 3, some NULL ]
 * METHOD    a . v ( kids )                CALL     fn ( kids )
 * FILTER    kids[0] | fn ( kids[1..] )    TEST     kids[0] is fn, id: not
 * DICT      kids: name, value, ...; id    PRINT    a
 *           DICT_OF_NAMES: named arguments
 * IF        kids: condition, body ...; b = else
 * FOR       a = target, b = list, kids[0] = body, kids[1] = else,
 *           c = condition
 * SET       a = target, b = value         SET_BLOCK  a = target, b = body
 */

struct script {
	struct arena *mem;
	struct span src;
	struct node *root;
	struct span *names;
	uint32_t names_n;
	struct regex **regexes;
	uint32_t regexes_n, regexes_cap;
};

/* Memory of a template is bounded by its length, the C stack by this. */
enum { HEIGHT_MAX = 2 * SCRIPT_NEST_MAX };

struct parser {
	struct script *s;
	struct lex lex;
	struct token tok, ahead;
	bool has_ahead;
	uint32_t depth;
	uint32_t names_cap;
	struct script_error *err;
};

__attribute__((format(printf, 4, 5)))
int parse_fail(struct parser *p, int code, uint32_t at, const char *fmt, ...);
int parse_advance(struct parser *p);
int parse_peek(struct parser *p, struct token *out);
bool parse_is_name(const struct parser *p, const char *name);
int parse_expect(struct parser *p, enum tok kind);
int parse_unexpected(struct parser *p, const char *wanted);
int parse_node(struct parser *p, enum node_kind kind, uint32_t at,
	       struct node **out);
int parse_push(struct parser *p, struct node *to, struct node *kid);
/* Into a, b or c of `to`; `kid` may be NULL. */
int parse_hang(struct parser *p, struct node *to, struct node **place,
	       struct node *kid);
/* One more byte in v.u.s. */
int parse_op(struct parser *p, struct node *to, uint8_t op);
int parse_intern(struct parser *p, struct span name, uint32_t *id);
int parse_enter(struct parser *p);	/* parse_leave() after success */
void parse_leave(struct parser *p);
enum { PARSE_NO_IF = 1, PARSE_PARENS = 2 };
/* One expression, or several with commas as a tuple. */
int parse_tuple(struct parser *p, unsigned flags, struct node **out);
int parse_expr(struct parser *p, struct node **out);
/* Arguments of a filter, function, test or (fn NULL) method; the current
 * token may be anything, arguments begin with a parenthesis. */
int parse_args(struct parser *p, struct node *n);
int parse_template(struct parser *p);
/* "'x'" with anything that is not plain escaped, for error texts. */
enum { QUOTE_MAX = 48 };
const char *quote(char dst[QUOTE_MAX], struct span s);
/* Line and column (characters, from 1) of a byte offset. */
void script_place(struct span src, uint32_t at, uint32_t *line,
		  uint32_t *column);

/* --- running --- */

struct bind {
	uint32_t id;
	struct val v;
};

struct loop {
	uint32_t i;
	struct val items;		/* what is walked, as a list */
	struct val changed;		/* VAL_ABSENT until it was asked */
};

struct run {
	const struct script *s;
	const struct script_env *env;
	struct arena *mem;
	struct script_limits max;
	struct script_used used;
	struct text out;
	struct val *top;		/* names outside loops, by id */
	struct bind *binds;
	uint32_t binds_n, binds_cap;
	uint32_t scope, scopes;		/* first of the inner one; how many */
	uint32_t loop_id;		/* of the name `loop` */
	uint32_t debugs;
	uint32_t at;			/* what is being worked on */
	struct regex_run *rx;
	struct script_error *err;
};

enum { ARGS_MAX = 32 };

struct call {
	const struct node *node;
	struct val args[ARGS_MAX];
	unsigned n;			/* filters: the input is args[0] */
};

/* Writes the error and returns `code`; the first one stays. */
__attribute__((format(printf, 3, 4)))
int run_fail(struct run *r, int code, const char *fmt, ...);
int run_abandon(struct run *r, const char *why);
int run_budget(struct run *r, const char *what);
/* For E_LIMIT and E_NOMEM of arena work; other codes are internal. */
int run_memory(struct run *r, int code);
int run_charge_slow(struct run *r);
/* n steps; bytes of work count as n / 64. */
static inline int run_charge(struct run *r, size_t n)
{
	if (n >= r->max.steps || (r->used.steps += (uint32_t)n) > r->max.steps)
		return run_charge_slow(r);
	return 0;
}
static inline int run_charge_bytes(struct run *r, size_t n)
{
	return run_charge(r, 1 + n / 64);
}
struct text run_text(struct run *r);
/* Finishes a text as a value; turns its error into one of the run. */
int run_done(struct run *r, const struct text *t, struct val *out);
/* str() of a value; a text itself is not copied. */
int run_str(struct run *r, struct val v, struct span *out);
int run_new_list(struct run *r, enum val_type type, struct val *out);
int run_add(struct run *r, struct val list, struct val item);
int run_put(struct run *r, struct val dict, struct val key, struct val value);
int run_same(struct run *r, struct val a, struct val b, bool *out);
/* A new list of what a `for` would walk. Lists are not copied. */
int run_items(struct run *r, struct val v, struct val *out);
int run_len(struct run *r, struct val v, int64_t *out);

int op_binary(struct run *r, enum tok op, struct val a, struct val b,
	      struct val *out);
int op_neg(struct run *r, struct val a, struct val *out);
int op_compare(struct run *r, enum cmp op, struct val a, struct val b,
	       bool *out);
int op_item(struct run *r, struct val a, struct val key, struct val *out);
int op_attr(struct run *r, struct val a, struct span name, struct val *out);
int op_slice(struct run *r, struct val a, const struct val bounds[3],
	     struct val *out);
/* Python's `format % value`. */
int op_format(struct run *r, struct span format, struct val v,
	      struct val *out);
struct val loop_attr(const struct loop *l, struct span name);
/* run_fail() for a function: "name: no text" and the type it got. */
int run_type(struct run *r, struct call *c, const char *wanted,
	     struct val got);

typedef int (*builtin_fn)(struct run *r, struct call *c, struct val *out);

enum form { FORM_FILTER = 1, FORM_CALL = 2, FORM_TEST = 4,
	    FORM_ANY_ARGS = 8,	/* any number behind the named ones */
	    FORM_NAMED = 16,	/* unknown names make a dictionary */
	    FORM_NO_INPUT = 32 };	/* as a filter: the input is dropped */

struct builtin {
	const char *name;
	builtin_fn fn;
	uint8_t form;
	uint8_t need;			/* arguments without default */
	const char *params;		/* names, one space between; the
					 * input of a filter is not named */
	int8_t pattern;			/* argument with a regular expression,
					 * counted in call.args; 0 = none;
					 * in calls PATTERN_FIRST is 0 */
};
enum { PATTERN_FIRST = -1 };

extern const struct builtin std_builtins[], pex_builtins[], test_builtins[];
const struct builtin *builtin_find(struct span name, unsigned form);

int method_call(struct run *r, struct val self, struct span name,
		struct call *c, struct val *out);
/* Methods that stand on their own as filters, too. */
int text_replace(struct run *r, struct span s, struct span from,
		 struct span to, int64_t count, struct val *out);
struct span text_strip(struct span s);
int text_case(struct run *r, struct span s, bool upper, struct val *out);
int text_capitalize(struct run *r, struct span s, struct val *out);
/* Joins str() of the items. */
int text_join(struct run *r, struct val items, struct span sep,
	      struct val *out);
/* -1: not there. Bytes. */
int64_t span_find(struct span s, struct span what, size_t from);

/* Pattern of argument `i`, made or taken from the tree; *mine is freed by
 * the caller with regex_free(). */
int run_regex(struct run *r, struct call *c, unsigned i,
	      const struct regex **out, struct regex **mine);
int run_search(struct run *r, const struct regex *re, struct span s,
	       struct regex_match *m, bool *found);

/* links.c: undoing what mail-security products do to links. */
void safelinks_decode(struct text *t, struct span s);
void urldefense_decode(struct text *t, struct span s);
/* Percent coding. What does not decode to UTF-8 becomes U+FFFD. */
void percent_encode(struct text *t, struct span s);
int  percent_decode(struct text *t, struct span s);

/* zone.c: civil time. tzif empty is UTC. E_FORMAT: not a zone file. */
int  zone_local(struct span tzif, int64_t utc_us, struct val_time *out);
bool zone_name_is_valid(struct span name);
