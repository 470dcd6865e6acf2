/* Template text to tokens. */
#include "core/policy/script/script_int.h"

static int fail(struct lex *l, size_t at, const char *why)
{
	l->bad_at = (uint32_t)at;
	l->bad = why;
	return E_FORMAT;
}

static int byte_at(const struct lex *l, size_t at)
{
	return at < l->src.n ? l->src.p[at] : -1;
}

static bool is_at(const struct lex *l, size_t at, const char *s)
{
	size_t n = strlen(s);

	return at <= l->src.n && n <= l->src.n - at &&
	       memcmp(l->src.p + at, s, n) == 0;
}

static size_t skip_space(const struct lex *l, size_t at)
{
	while (is_space(byte_at(l, at)))
		at++;
	return at;
}

static struct span strip_end(struct span s)
{
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* `-%}` or `%}` at `at`: behind it, or 0. `+%}` is as good as `%}`. */
static size_t end_of(struct lex *l, size_t at, const char *end, bool *strip)
{
	*strip = byte_at(l, at) == '-';
	if (*strip || (byte_at(l, at) == '+' && *end == '%'))
		at++;
	return is_at(l, at, end) ? at + strlen(end) : 0;
}

/* The inside of a block that holds one word, as `{%- raw -%}`, beginning
 * behind its `{%`: behind its end, or 0. */
static size_t word_block(struct lex *l, size_t at, const char *word,
			 bool *strip)
{
	int c = byte_at(l, at);

	if (c == '-' || c == '+')
		at++;
	at = skip_space(l, at);
	if (!is_at(l, at, word))
		return 0;
	return end_of(l, skip_space(l, at + strlen(word)), "%}", strip);
}

/* Everything between raw and endraw, the first of which was just passed. */
static int lex_raw(struct lex *l, size_t begin, struct token *out)
{
	for (size_t at = l->at; at < l->src.n; at++) {
		bool strip;
		size_t end;

		if (!is_at(l, at, "{%"))
			continue;
		end = word_block(l, at + 2, "endraw", &strip);
		if (!end)
			continue;
		out->kind = TOK_DATA;
		out->at = (uint32_t)l->at;
		out->s = span_of(l->src.p + l->at, at - l->at);
		if (byte_at(l, at + 2) == '-')
			out->s = strip_end(out->s);
		l->at = end;
		l->strip = strip;
		return 0;
	}
	return fail(l, begin, "raw without endraw");
}

static int skip_comment(struct lex *l)
{
	for (size_t at = l->at + 2; at < l->src.n; at++) {
		if (!is_at(l, at, "#}"))
			continue;
		l->strip = l->src.p[at - 1] == '-' && at - 1 >= l->at + 2;
		l->at = at + 2;
		return 0;
	}
	return fail(l, l->at, "comment without end");
}

static bool is_begin(const struct lex *l, size_t at)
{
	int c = byte_at(l, at + 1);

	return byte_at(l, at) == '{' && (c == '{' || c == '%' || c == '#');
}

/* `{{` or `{%`, and what white space is to go behind it. */
static void lex_begin(struct lex *l, struct token *out)
{
	bool is_var = byte_at(l, l->at + 1) == '{';
	int c = byte_at(l, l->at + 2);

	out->kind = is_var ? TOK_VAR_BEGIN : TOK_BLOCK_BEGIN;
	out->at = (uint32_t)l->at;
	l->mode = is_var ? LEX_VAR : LEX_BLOCK;
	l->at += c == '-' || (c == '+' && !is_var) ? 3 : 2;
	l->open_n = 0;
}

/* Text up to `end`, without the white space that a `-` there takes away. */
static void lex_text_data(struct lex *l, size_t end, struct token *out)
{
	out->kind = TOK_DATA;
	out->at = (uint32_t)l->at;
	out->s = span_of(l->src.p + l->at, end - l->at);
	if (byte_at(l, end + 2) == '-')
		out->s = strip_end(out->s);
	l->at = end;
}

static int lex_data(struct lex *l, struct token *out)
{
	size_t end, raw;
	bool strip;
	int r;

	for (;;) {
		if (l->strip)
			l->at = skip_space(l, l->at);
		l->strip = false;
		end = l->at;
		while (end < l->src.n && !is_begin(l, end))
			end++;
		if (end > l->at) {
			lex_text_data(l, end, out);
			return 0;
		}
		out->at = (uint32_t)end;
		if (end == l->src.n)
			return 0;
		if (byte_at(l, end + 1) != '#')
			break;
		r = skip_comment(l);
		if (r < 0)
			return r;
	}
	raw = byte_at(l, end + 1) == '%' ?
	      word_block(l, end + 2, "raw", &strip) : 0;
	if (raw) {
		l->at = strip ? skip_space(l, raw) : raw;
		return lex_raw(l, end, out);
	}
	lex_begin(l, out);
	return 0;
}

static int lex_hex(struct lex *l, size_t *at, unsigned n, struct text *t)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < n; i++, ++*at) {
		int d = hex_digit(byte_at(l, *at));

		if (d < 0)
			return fail(l, *at, "too few digits in an escape");
		c = c << 4 | (uint32_t)d;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(l, *at - n, "no such character");
	text_rune(t, c);
	return 0;
}

static void lex_octal(struct lex *l, size_t *at, struct text *t)
{
	uint32_t c = 0;

	for (int i = 0; i < 3; i++, ++*at) {
		int b = byte_at(l, *at);

		if (b < '0' || b > '7')
			break;
		c = c * 8 + (uint32_t)(b - '0');
	}
	text_rune(t, c);
}

/* An escape as Python knows it; an unknown one keeps its backslash. */
static int lex_escape(struct lex *l, size_t *at, struct text *t)
{
	static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
	int c = byte_at(l, *at);
	const char *p = c > 0 ? strchr(from, c) : NULL;

	if (c >= '0' && c <= '7') {
		lex_octal(l, at, t);
		return 0;
	}
	++*at;
	if (p)
		text_byte(t, (uint8_t)to[p - from]);
	else if (c == 'x' || c == 'u' || c == 'U')
		return lex_hex(l, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, t);
	else if (c == 'N')
		return fail(l, *at - 2, "escape \\N is not supported");
	else if (c != '\n') {
		text_byte(t, '\\');
		text_byte(t, (uint8_t)c);
	}
	return 0;
}

static int lex_text(struct lex *l, struct token *out)
{
	int mark = byte_at(l, l->at), r = 0;
	size_t at = l->at + 1, from = at;
	struct text t = text_of(l->mem, SCRIPT_CODE_BYTES);
	bool has_escape = false;

	while (r == 0 && at < l->src.n && l->src.p[at] != mark) {
		if (l->src.p[at] != '\\') {
			at++;
			continue;
		}
		has_escape = true;
		text_put(&t, span_of(l->src.p + from, at - from));
		at++;
		if (at < l->src.n)
			r = lex_escape(l, &at, &t);
		from = at;
	}
	if (r < 0)
		return r;
	if (at >= l->src.n)
		return fail(l, l->at, "text without closing quote");
	out->kind = TOK_STR;
	out->s = span_of(l->src.p + from, at - from);
	if (has_escape) {
		text_put(&t, out->s);
		out->s = text_span(&t);
	}
	l->at = at + 1;
	return t.err;
}

static int lex_number(struct lex *l, struct token *out)
{
	size_t at = l->at, e;
	struct span s;

	while (is_digit(byte_at(l, at)))
		at++;
	out->kind = TOK_INT;
	if (byte_at(l, at) == '.' && is_digit(byte_at(l, at + 1))) {
		out->kind = TOK_FLOAT;
		for (at++; is_digit(byte_at(l, at));)
			at++;
	}
	e = at + 1;
	if (byte_at(l, e) == '+' || byte_at(l, e) == '-')
		e++;
	if ((byte_at(l, at) | 32) == 'e' && is_digit(byte_at(l, e))) {
		out->kind = TOK_FLOAT;
		for (at = e; is_digit(byte_at(l, at));)
			at++;
	}
	s = span_of(l->src.p + l->at, at - l->at);
	if (out->kind == TOK_INT ? read_int(s, 10, &out->i) < 0 :
				   read_float(s, &out->f) < 0)
		return fail(l, l->at, "number is too large");
	l->at = at;
	return 0;
}

static bool is_name_byte(int c)
{
	return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static int lex_name(struct lex *l, struct token *out)
{
	size_t at = l->at;

	while (is_name_byte(byte_at(l, at)))
		at++;
	out->kind = TOK_NAME;
	out->s = span_of(l->src.p + l->at, at - l->at);
	l->at = at;
	return 0;
}

static const struct op {
	char text[3];
	enum tok kind;
} ops[] = {			/* longer ones first */
	{"//", TOK_FLOORDIV}, {"**", TOK_POW}, {"==", TOK_EQ},
	{"!=", TOK_NE}, {"<=", TOK_LE}, {">=", TOK_GE}, {"+", TOK_ADD},
	{"-", TOK_SUB}, {"*", TOK_MUL}, {"/", TOK_DIV}, {"%", TOK_MOD},
	{"~", TOK_TILDE}, {"<", TOK_LT}, {">", TOK_GT}, {"=", TOK_ASSIGN},
	{".", TOK_DOT}, {",", TOK_COMMA}, {":", TOK_COLON}, {"|", TOK_PIPE},
	{"(", TOK_LPAREN}, {")", TOK_RPAREN}, {"[", TOK_LBRACKET},
	{"]", TOK_RBRACKET}, {"{", TOK_LBRACE}, {"}", TOK_RBRACE},
	{";", TOK_SEMICOLON},
};

/* Brackets are counted here, so that `}}` inside a dictionary is no end. */
static int lex_bracket(struct lex *l, enum tok kind)
{
	static const char closing[] = {[TOK_LPAREN] = ')',
		[TOK_LBRACKET] = ']', [TOK_LBRACE] = '}'};
	int c = byte_at(l, l->at);

	if (kind == TOK_LPAREN || kind == TOK_LBRACKET ||
	    kind == TOK_LBRACE) {
		if (l->open_n == SCRIPT_NEST_MAX)
			return E_LIMIT;
		l->open[l->open_n++] = closing[kind];
	} else if (kind == TOK_RPAREN || kind == TOK_RBRACKET ||
		   kind == TOK_RBRACE) {
		if (l->open_n == 0)
			return fail(l, l->at, "bracket closes nothing");
		if (l->open[l->open_n - 1] != c)
			return fail(l, l->at, l->open[l->open_n - 1] == ')' ?
				    "expected ')'" :
				    l->open[l->open_n - 1] == ']' ?
				    "expected ']'" : "expected '}'");
		l->open_n--;
	}
	return 0;
}

static int lex_op(struct lex *l, struct token *out)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		int r;

		if (!is_at(l, l->at, ops[i].text))
			continue;
		r = lex_bracket(l, ops[i].kind);
		out->kind = ops[i].kind;
		l->at += strlen(ops[i].text);
		return r;
	}
	return fail(l, l->at, "unexpected character");
}

static int lex_code(struct lex *l, struct token *out)
{
	bool is_var = l->mode == LEX_VAR, strip = false;
	size_t end;
	int c;

	l->at = skip_space(l, l->at);
	end = l->open_n ? 0 :
			  end_of(l, l->at, is_var ? "}}" : "%}", &strip);
	c = byte_at(l, l->at);
	out->at = (uint32_t)l->at;
	if (end) {
		out->kind = is_var ? TOK_VAR_END : TOK_BLOCK_END;
		l->at = end;
		l->strip = strip;
		l->mode = LEX_DATA;
		return 0;
	}
	if (c < 0) {
		out->kind = TOK_EOF;
		return 0;
	}
	if (c == '"' || c == '\'')
		return lex_text(l, out);
	if (is_digit(c))
		return lex_number(l, out);
	return is_name_byte(c) ? lex_name(l, out) : lex_op(l, out);
}

int lex_next(struct lex *l, struct token *out)
{
	*out = (struct token){.kind = TOK_EOF};
	return l->mode == LEX_DATA ? lex_data(l, out) : lex_code(l, out);
}

const char *tok_name(enum tok kind)
{
	switch (kind) {
	case TOK_EOF:
		return "the end of the template";
	case TOK_DATA:
		return "text";
	case TOK_VAR_BEGIN:
		return "'{{'";
	case TOK_VAR_END:
		return "'}}'";
	case TOK_BLOCK_BEGIN:
		return "'{%'";
	case TOK_BLOCK_END:
		return "'%}'";
	case TOK_NAME:
		return "a name";
	case TOK_STR:
		return "a quoted text";
	case TOK_INT:
	case TOK_FLOAT:
		return "a number";
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		static const char *const quoted[] = {
			"'//'", "'**'", "'=='", "'!='", "'<='", "'>='", "'+'",
			"'-'", "'*'", "'/'", "'%'", "'~'", "'<'", "'>'",
			"'='", "'.'", "','", "':'", "'|'", "'('", "')'",
			"'['", "']'", "'{'", "'}'", "';'"};

		if (ops[i].kind == kind)
			return quoted[i];
	}
	return "nothing";
}
