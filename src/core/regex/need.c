#include "core/regex/need.h"

enum { NO_CHAR = -1 };

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* `before` may be NO_CHAR: the character alone. */
static void add(struct need *n, int before, int c)
{
	const uint32_t h = ((uint32_t)(before + 1) * 131u + (uint32_t)c) *
		2654435761u >> 24;

	n->bits[h / 64] |= UINT64_C(1) << h % 64;
}

/* The long s and the Kelvin sign: the only characters beyond ASCII that are
 * the same as a letter of ASCII when case does not matter. */
static bool has_odd_letter(struct span s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((s.p[i - 1] == 0xc5 && s.p[i] == 0xbf) ||
		    (s.p[i - 1] == 0xe2 && s.p[i] == 0x84))
			return true;
	return false;
}

void need_of_text(struct need *out, struct span text)
{
	int before = NO_CHAR;

	*out = (struct need){{0}};
	if (has_odd_letter(text)) {
		memset(out, 0xff, sizeof(*out));
		return;
	}
	for (size_t i = 0; i < text.n; i++) {
		const int c = lower(text.p[i]);

		add(out, NO_CHAR, c);
		if (before != NO_CHAR)
			add(out, before, c);
		before = c;
	}
}

/* --- patterns -------------------------------------------------------------------- */

enum item {
	ITEM_CHAR,	/* exactly this one */
	ITEM_OTHER,	/* something else, of whatever length */
	ITEM_UNKNOWN,	/* not understood, or a choice: nothing can be said */
};

struct scan {
	struct span s;
	size_t i;
	int c;			/* of ITEM_CHAR */
};

static int peek(const struct scan *p)
{
	return p->i < p->s.n ? p->s.p[p->i] : NO_CHAR;
}

/* Escaped, it is itself. */
static bool is_punctuation(int c)
{
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
	       !(lower(c) >= 'a' && lower(c) <= 'z');
}

static enum item scan_escape(struct scan *p)
{
	const int c = peek(p);

	p->i++;
	if (is_punctuation(c)) {
		p->c = c;
		return ITEM_CHAR;
	}
	return c != NO_CHAR && strchr("dDwWsSbBAzZhHvVR", c) ? ITEM_OTHER :
		ITEM_UNKNOWN;
}

/* "[.]" and "[\.]", as people write who are wary of the backslash. */
static bool scan_class_of_one(struct scan *p)
{
	const size_t at = p->i + (peek(p) == '\\');
	int c;

	if (at + 1 >= p->s.n || p->s.p[at + 1] != ']')
		return false;
	c = p->s.p[at];
	if (at > p->i ? !is_punctuation(c) :
	    c == '^' || c == '[' || c == ']' || c <= ' ' || c >= 0x7f)
		return false;
	p->c = c;
	p->i = at + 2;
	return true;
}

static enum item scan_class(struct scan *p)
{
	if (scan_class_of_one(p))
		return ITEM_CHAR;
	if (peek(p) == '^')
		p->i++;
	if (peek(p) == ']')
		p->i++;
	for (; peek(p) != ']'; p->i++) {
		const int c = peek(p);

		if (c == NO_CHAR || c == '[')
			return ITEM_UNKNOWN;
		if (c == '\\' && (++p->i, peek(p) == 'Q' || peek(p) == 'E' ||
				  peek(p) == NO_CHAR))
			return ITEM_UNKNOWN;
	}
	p->i++;
	return ITEM_OTHER;
}

/* Behind '(': only plain groups; what stands inside is not looked at, but
 * must be understood for its end to be found. */
static enum item scan_group(struct scan *p)
{
	unsigned depth = 1;
	int c;

	while (depth) {
		enum item k = ITEM_OTHER;

		if (peek(p) == '?' && p->i && p->s.p[p->i - 1] == '(') {
			p->i++;
			if (peek(p) != ':')
				return ITEM_UNKNOWN;
		}
		c = peek(p);
		p->i++;
		if (c == NO_CHAR || (c == '*' && p->s.p[p->i - 2] == '('))
			return ITEM_UNKNOWN;
		if (c == '\\')
			k = scan_escape(p);
		else if (c == '[')
			k = scan_class(p);
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		if (k == ITEM_UNKNOWN)
			return k;
	}
	return ITEM_OTHER;
}

static enum item scan_item(struct scan *p)
{
	const int c = peek(p);

	p->i++;
	switch (c) {
	case '\\':
		return scan_escape(p);
	case '[':
		return scan_class(p);
	case '(':
		return scan_group(p);
	case '.':
	case '^':
	case '$':
		return ITEM_OTHER;
	case '|':
	case ')':
	case '*':
	case '+':
	case '?':
	case '{':
		return ITEM_UNKNOWN;
	}
	if (c >= 0x80)
		return ITEM_OTHER;
	p->c = c;
	return ITEM_CHAR;
}

enum times { ONCE, OFTEN, MAYBE, TIMES_UNKNOWN };

/* Behind '{': digits, perhaps a comma and digits, '}'. */
static enum times scan_braces(struct scan *p)
{
	const bool is_zero = peek(p) == '0';

	if (peek(p) < '1' && !is_zero)
		return TIMES_UNKNOWN;
	while ((peek(p) >= '0' && peek(p) <= '9') || peek(p) == ',')
		p->i++;
	if (peek(p) != '}')
		return TIMES_UNKNOWN;
	p->i++;
	return is_zero ? MAYBE : OFTEN;
}

static enum times scan_times(struct scan *p)
{
	enum times t;

	switch (peek(p)) {
	case '*':
	case '?':
		t = MAYBE;
		p->i++;
		break;
	case '+':
		t = OFTEN;
		p->i++;
		break;
	case '{':
		p->i++;
		t = scan_braces(p);
		break;
	default:
		return ONCE;
	}
	if (peek(p) == '+' || peek(p) == '?')	/* possessive, lazy */
		p->i++;
	return t;
}

void need_of_pattern(struct need *out, struct span pattern)
{
	struct scan p = {.s = pattern};
	struct need need = {{0}};
	int before = NO_CHAR;

	*out = need;
	while (p.i < p.s.n) {
		const enum item k = scan_item(&p);
		const enum times t = scan_times(&p);

		if (k == ITEM_UNKNOWN || t == TIMES_UNKNOWN)
			return;
		if (k == ITEM_OTHER || t == MAYBE) {
			before = NO_CHAR;
			continue;
		}
		add(&need, NO_CHAR, lower(p.c));
		if (before != NO_CHAR)
			add(&need, before, lower(p.c));
		before = t == ONCE ? lower(p.c) : NO_CHAR;
	}
	*out = need;
}
