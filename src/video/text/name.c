#include "video/text/name.h"

#include <hb.h>

enum { REPLACEMENT = 0xfffd, ZWNJ = 0x200c, ZWJ = 0x200d };

static bool is_mark(hb_unicode_general_category_t c)
{
	return c == HB_UNICODE_GENERAL_CATEGORY_NON_SPACING_MARK ||
	       c == HB_UNICODE_GENERAL_CATEGORY_ENCLOSING_MARK ||
	       c == HB_UNICODE_GENERAL_CATEGORY_SPACING_MARK;
}

static bool is_blank(uint32_t cp, hb_unicode_general_category_t c)
{
	return cp == '\t' || cp == '\n' || cp == '\r' ||
	       c == HB_UNICODE_GENERAL_CATEGORY_SPACE_SEPARATOR ||
	       c == HB_UNICODE_GENERAL_CATEGORY_LINE_SEPARATOR ||
	       c == HB_UNICODE_GENERAL_CATEGORY_PARAGRAPH_SEPARATOR;
}

static bool is_unwanted(uint32_t cp, hb_unicode_general_category_t c)
{
	/* joiners are needed by Persian and Indic names */
	if (cp == ZWNJ || cp == ZWJ)
		return false;
	return c == HB_UNICODE_GENERAL_CATEGORY_CONTROL ||
	       c == HB_UNICODE_GENERAL_CATEGORY_FORMAT ||
	       c == HB_UNICODE_GENERAL_CATEGORY_PRIVATE_USE ||
	       c == HB_UNICODE_GENERAL_CATEGORY_SURROGATE ||
	       c == HB_UNICODE_GENERAL_CATEGORY_UNASSIGNED;
}

/* One code point from the front; a bad byte alone is REPLACEMENT. */
static uint32_t next(struct span *s)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t b = s->p[0];
	unsigned n = b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 :
		     b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
	uint32_t cp = n > 1 ? b & (0x7fu >> n) : b;

	for (unsigned i = 1; i < n && n <= s->n; i++) {
		if ((s->p[i] & 0xc0) != 0x80) {
			n = 0;
			break;
		}
		cp = cp << 6 | (s->p[i] & 0x3f);
	}
	if (n == 0 || n > s->n || cp < least[n] || cp > 0x10ffff ||
	    (cp >= 0xd800 && cp < 0xe000)) {
		n = 1;
		cp = REPLACEMENT;
	}
	s->p += n;
	s->n -= n;
	return cp;
}

void name_clean(struct name *out, struct span utf8)
{
	hb_unicode_funcs_t *uni = hb_unicode_funcs_get_default();
	unsigned marks = NAME_MARKS_MAX;	/* none before a letter */
	bool blank = false;

	out->n = 0;
	out->cut = false;
	while (utf8.n) {
		uint32_t cp = next(&utf8);
		hb_unicode_general_category_t c =
			hb_unicode_general_category(uni, cp);

		if (is_blank(cp, c)) {
			blank = out->n > 0;
			continue;
		}
		if (is_unwanted(cp, c) ||
		    (is_mark(c) && marks >= NAME_MARKS_MAX))
			continue;
		marks = is_mark(c) ? marks + 1 : 0;
		if (out->n + blank >= NAME_CPS_MAX) {
			out->cut = true;
			return;
		}
		if (blank)
			out->cps[out->n++] = ' ';
		blank = false;
		out->cps[out->n++] = cp;
	}
}

static bool is_letter(uint32_t cp)
{
	hb_unicode_general_category_t c = hb_unicode_general_category(
		hb_unicode_funcs_get_default(), cp);

	return c == HB_UNICODE_GENERAL_CATEGORY_LOWERCASE_LETTER ||
	       c == HB_UNICODE_GENERAL_CATEGORY_UPPERCASE_LETTER ||
	       c == HB_UNICODE_GENERAL_CATEGORY_TITLECASE_LETTER ||
	       c == HB_UNICODE_GENERAL_CATEGORY_OTHER_LETTER ||
	       c == HB_UNICODE_GENERAL_CATEGORY_DECIMAL_NUMBER;
}

/* Upper case where one code point becomes one: Latin, Greek, Cyrillic. */
static uint32_t upper(uint32_t cp)
{
	if ((cp >= 'a' && cp <= 'z') ||
	    (cp >= 0xe0 && cp <= 0xfe && cp != 0xf7) ||
	    (cp >= 0x3b1 && cp <= 0x3c9 && cp != 0x3c2) ||
	    (cp >= 0x430 && cp <= 0x44f))
		return cp - 0x20;
	if (cp >= 0x450 && cp <= 0x45f)
		return cp - 0x50;
	if (cp >= 0x100 && cp <= 0x137)
		return cp & ~1u;
	return cp;
}

unsigned name_initials(uint32_t out[NAME_INITIALS_MAX],
		       const struct name *name)
{
	uint32_t first = 0, last = 0;
	unsigned words = 0;
	bool in_word = false;

	for (unsigned i = 0; i < name->n; i++) {
		if (name->cps[i] == ' ') {
			in_word = false;
			continue;
		}
		if (in_word || !is_letter(name->cps[i]))
			continue;
		in_word = true;
		if (words++ == 0)
			first = name->cps[i];
		last = name->cps[i];
	}
	if (words > 0)
		out[0] = upper(first);
	if (words > 1)
		out[1] = upper(last);
	return words > 1 ? 2 : words;
}
