/* Character classes, parameters, escapes, comma lists. */
#include "wire/sip/sip_int.h"

#define G C_GRAPH
/* alphanum */
#define A (G | C_ALNUM | C_TOKEN | C_USER | C_UPARAM | C_UHEADER | C_VALUE)
/* mark but ( ): in all of the classes; "( )": not in token */
#define M (G | C_TOKEN | C_USER | C_UPARAM | C_UHEADER | C_VALUE)
#define P (G | C_USER | C_UPARAM | C_UHEADER | C_VALUE)

const uint8_t sip_class[256] = {
	['\t'] = C_BLANK, ['\r'] = C_BLANK, ['\n'] = C_BLANK, [' '] = C_BLANK,
	['0' ... '9'] = A, ['A' ... 'Z'] = A, ['a' ... 'z'] = A,
	['-'] = M, ['_'] = M, ['.'] = M, ['!'] = M, ['~'] = M, ['*'] = M,
	['\''] = M, ['('] = P, [')'] = P,
	['%'] = M, /* the digits behind it are looked at where it counts */
	['+'] = M,
	['`'] = G | C_TOKEN | C_VALUE,
	['&'] = P, ['$'] = P,
	['='] = G | C_USER | C_UHEADER | C_VALUE,
	[';'] = G | C_USER, [','] = G | C_USER,
	['?'] = G | C_USER | C_UHEADER | C_VALUE,
	['/'] = P,
	['['] = G | C_UPARAM | C_UHEADER | C_VALUE,
	[']'] = G | C_UPARAM | C_UHEADER | C_VALUE,
	[':'] = G | C_UPARAM | C_UHEADER | C_VALUE,
	['#'] = G | C_USER | C_VALUE,
	['@'] = G | C_VALUE, ['^'] = G | C_VALUE, ['{'] = G | C_VALUE,
	['|'] = G | C_VALUE, ['}'] = G | C_VALUE,
	['"'] = G, ['<'] = G, ['>'] = G, ['\\'] = G,
};

#undef G
#undef A
#undef M
#undef P

bool sip_is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!sip_is(s.p[i], C_TOKEN))
			return false;
	return s.n > 0;
}

struct span sip_trim(struct span s)
{
	while (s.n && sip_is(s.p[0], C_BLANK))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n && sip_is(s.p[s.n - 1], C_BLANK))
		s.n--;
	return s;
}

int sip_number(struct span value, uint64_t max, uint64_t *out)
{
	return span_u64(sip_trim(value), max, out);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sip_hex(struct span s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.n == 0 || s.n > 8)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int d = hex_digit(s.p[i]);
		if (d < 0)
			return false;
		v = v << 4 | (uint32_t)d;
	}
	*out = v;
	return true;
}

/* --- quoted strings --- */

static bool is_qdtext(uint8_t c)
{
	return c >= 0x80 || sip_is(c, C_GRAPH | C_BLANK);
}

bool sip_lex_quoted(struct lex *l, struct span *inside)
{
	const uint8_t *from = l->p;

	for (; l->p < l->end; l->p++) {
		if (*l->p == '"') {
			*inside = span_of(from, (size_t)(l->p++ - from));
			return true;
		}
		if (*l->p == '\\') {
			/* any ASCII byte but those that end a line */
			if (++l->p == l->end || *l->p >= 0x80 ||
			    *l->p == '\r' || *l->p == '\n')
				return false;
		} else if (!is_qdtext(*l->p)) {
			return false;
		}
	}
	return false;
}

int sip_unquote(struct span inside, void *buf, size_t cap, struct span *out)
{
	struct wr w = wr_of(buf, cap);

	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.n)
			i++;
		wr_u8(&w, inside.p[i]);
	}
	return wr_end(&w, out) == 0 ? 0 : E_LIMIT;
}

/* --- percent escapes --- */

static int unescape(struct span text, bool tab_ok, void *buf, size_t cap,
		    struct span *out)
{
	struct wr w = wr_of(buf, cap);
	uint32_t v;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '%') {
			if (text.n - i < 3 ||
			    !sip_hex(span_of(text.p + i + 1, 2), &v))
				return E_FORMAT;
			c = (uint8_t)v;
			i += 2;
		}
		if ((c < 0x20 && !(tab_ok && c == '\t')) || c == 0x7f)
			return E_FORMAT;
		wr_u8(&w, c);
	}
	return wr_end(&w, out) == 0 ? 0 : E_LIMIT;
}

int sip_unescape(struct span text, void *buf, size_t cap, struct span *out)
{
	return unescape(text, false, buf, cap, out);
}

int sip_uri_header(const struct sip_uri *u, const char *name, void *buf,
		   size_t cap, struct span *out)
{
	struct span rest = u->headers, one, key, value;

	while (rest.n > 0) {
		span_split(rest, '&', &one, &rest);
		span_split(one, '=', &key, &value);
		if (span_eq_nocase(key, span_str(name)))
			return unescape(value, true, buf, cap, out);
	}
	return E_NOTFOUND;
}

/* --- parameters --- */

/* One parameter behind its ';'. */
static bool lex_param(struct lex *l, struct sip_param *out)
{
	struct sip_param p = {.has_value = false};

	for (p.name.p = l->p; l->p < l->end; l->p++)
		if (!sip_is(*l->p, C_TOKEN | C_UPARAM))
			break;
	p.name.n = (size_t)(l->p - p.name.p);
	if (p.name.n == 0)
		return false;
	const uint8_t *behind = l->p;
	if (!lex_mark(l, '=')) {
		l->p = behind;
		*out = p;
		return true;
	}
	p.has_value = true;
	p.quoted = lex_byte(l, '"');
	if (!p.quoted)
		p.value = lex_run(l, C_VALUE);
	else if (!sip_lex_quoted(l, &p.value))
		return false;
	*out = p;
	return true;
}

bool sip_param_next(struct span *rest, struct sip_param *out)
{
	struct lex l = lex_of(*rest);

	if (!lex_mark(&l, ';') || !lex_param(&l, out))
		return false;
	lex_blanks(&l);
	*rest = lex_rest(&l);
	return true;
}

int sip_check_params(struct span params)
{
	struct sip_param p;

	for (unsigned n = 0; params.n > 0; n++) {
		if (n == SIP_PARAMS_MAX)
			return E_LIMIT;
		if (!sip_param_next(&params, &p))
			return E_FORMAT;
	}
	return 0;
}

bool sip_param_find(struct span params, const char *name,
		    struct sip_param *out)
{
	struct span want = span_str(name);
	struct sip_param p;

	while (sip_param_next(&params, &p)) {
		if (span_eq_nocase(p.name, want)) {
			*out = p;
			return true;
		}
	}
	return false;
}

bool sip_param_has(struct span params, const char *name)
{
	struct sip_param p;

	return sip_param_find(params, name, &p);
}

struct span sip_param_value(struct span params, const char *name)
{
	struct sip_param p;

	return sip_param_find(params, name, &p) ? p.value : SPAN_NONE;
}

/* --- comma lists --- */

/* Where the first comma outside of quotes and < > stands, or the end. */
static size_t comma_at(struct span s)
{
	bool quoted = false, bracketed = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"' && !bracketed)
			quoted = !quoted;
		else if (c == '<' && !quoted)
			bracketed = true;
		else if (c == '>' && !quoted)
			bracketed = false;
		else if (c == ',' && !quoted && !bracketed)
			return i;
	}
	return s.n;
}

bool sip_value_next(struct span *rest, struct span *value)
{
	while (rest->n > 0) {
		size_t at = comma_at(*rest);
		struct span v = sip_trim(span_of(rest->p, at));

		*rest = at < rest->n
				? span_of(rest->p + at + 1, rest->n - at - 1)
				: SPAN_NONE;
		if (v.n > 0) {
			*value = v;
			return true;
		}
	}
	return false;
}

struct sip_list sip_list(const struct sip_msg *m, enum sip_hdr_id id)
{
	return (struct sip_list){.msg = m, .id = id};
}

bool sip_list_next(struct sip_list *l, struct span *value)
{
	const struct sip_hdr *h;

	while (!sip_value_next(&l->rest, value)) {
		h = sip_hdr_next(l->msg, l->id, &l->it);
		if (!h)
			return false;
		l->rest = h->value;
	}
	if (l->n++ < SIP_LIST_MAX)
		return true;
	l->failed = true;
	return false;
}
