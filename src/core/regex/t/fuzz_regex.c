/* The first byte says flags; behind it stand the
 * pattern, a NUL, the text, a NUL, the replacement. What a match says must
 * lie inside the text, on characters' borders. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/regex/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static void check_match(const struct regex *re, struct span text,
			const struct regex_match *m, bool is_full)
{
	if (m->n != regex_groups(re) + 1)
		broken("groups");
	if (is_full && m->group[0].p &&
	    m->group[0].p + m->group[0].n != text.p + text.n)
		broken("a full match ends before the text");
	for (unsigned i = 0; i < m->n; i++) {
		const struct span g = m->group[i];

		if (!g.p)
			continue;
		if (g.p < text.p || g.p + g.n > text.p + text.n)
			broken("a group outside of the text");
		if (!span_is_utf8(g))
			broken("a group cuts a character");
	}
}

static void run_it(const struct regex *re, struct regex_run *run,
		   struct span in, struct span with)
{
	static uint8_t out[REGEX_TEXT_MAX * 4];
	struct wr w = wr_of(out, sizeof(out));
	struct regex_text text;
	struct regex_match m;
	struct span made;

	if (regex_text_of(&text, in) < 0)
		return;
	const int full = regex_full(re, run, text, &m);
	struct regex_text all = text;

	/* Passing over must not change what is said. */
	memset(&all.has, 0xff, sizeof(all.has));
	if (full == E_NOTFOUND && regex_full(re, run, all, NULL) == 0)
		broken("passed over a match");
	if (regex_search(re, run, text, 0, NULL) == E_NOTFOUND &&
	    regex_search(re, run, all, 0, NULL) == 0)
		broken("a search passed over a match");
	if (full == 0)
		check_match(re, text.s, &m, true);
	const int found = regex_search(re, run, text, 0, &m);

	if (found == 0)
		check_match(re, text.s, &m, false);
	if (full == 0 && found == E_NOTFOUND)
		broken("a full match that a search does not find");
	if (regex_replace_all(re, run, text, with, &w, NULL) == 0 &&
	    wr_end(&w, &made) == 0 && !span_is_utf8(made))
		broken("a replacement cuts a character");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span pattern, text, with;
	struct regex *re = NULL;
	struct regex_run *run = NULL;
	struct regex_error why;

	if (n < 1 || n > 512)
		return 0;
	span_split(span_of(data + 1, n - 1), 0, &pattern, &text);
	span_split(text, 0, &text, &with);
	if (regex_new(&re, pattern, data[0] & REGEX_NOCASE, &why) < 0)
		return 0;
	if (regex_run_new(&run) == 0)
		run_it(re, run, text, with);
	regex_run_free(&run);
	regex_free(&re);
	return 0;
}
