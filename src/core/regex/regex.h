/* core/regex/regex.h - Perl-style patterns over hostile text, bounded.
 *
 * The only user of PCRE2 (8 bit, interpreter only: code made at run time has
 * no place in a process whose pages are never both writable and executable).
 *
 * Pattern and text are UTF-8, so that `.` is one character, a replacement
 * never cuts a character in two, and case folding knows more than ASCII.
 * `\d`, `\w`, `\s` and the POSIX classes stay ASCII: a rule for six digits
 * must not match digits of other scripts, which no gateway can dial. `$` is
 * the very end, never "before a last newline"; `\C` is refused.
 *
 * Work is bounded whatever the pattern: see the limits below. A pattern that
 * needs more ends with E_TIMEOUT, which is neither a match nor none: the
 * caller must not go on as if the text had not matched.
 *
 * A compiled `struct regex` is immutable: any number of threads may match it
 * at one time, each with a `struct regex_run` of its own. Pure: no clock, no
 * log; memory from base/alloc.h only.
 */
#pragma once
#include "base/span.h"
#include "base/wr.h"
#include "core/regex/need.h"

enum {
	REGEX_PATTERN_MAX = 2048,	/* bytes */
	REGEX_TEXT_MAX = 8192,		/* bytes of one subject */
	REGEX_GROUPS_MAX = 32,		/* capturing groups, whole not counted */
	REGEX_NEST_MAX = 50,		/* parentheses within parentheses */
	REGEX_ERROR_MAX = 128,		/* bytes of an error's text, with NUL */
	/* Steps of one attempt at one place of the text. */
	REGEX_STEPS_MAX = 100000,
	/* Steps of one search over all places of the text: each place gets an
	 * equal share, at least REGEX_STEPS_MIN. */
	REGEX_WORK_MAX = 2000000,
	REGEX_STEPS_MIN = 250,
	REGEX_DEPTH_MAX = 20000,	/* nested backtracking points */
	REGEX_HEAP_KIB_MAX = 4096,	/* of one run */
};

enum regex_flags {
	REGEX_NOCASE = 1,
};

struct regex;
struct regex_run;

/* Why a pattern was refused. */
struct regex_error {
	uint32_t at;			/* byte offset in the pattern */
	char text[REGEX_ERROR_MAX];	/* English, NUL-terminated */
};

/* Compiles. `why` may be NULL; it is written on failure only. E_FORMAT: not
 * a pattern, or not UTF-8; E_LIMIT: too long, too many groups or too large;
 * E_NOMEM. On success the caller owns *out. */
int  regex_new(struct regex **out, struct span pattern, unsigned flags,
	       struct regex_error *why);
void regex_free(struct regex **re);
/* Capturing groups of the pattern, the whole match not counted. */
unsigned regex_groups(const struct regex *re);

/* Working memory of one thread; any number of patterns one after the other. */
int  regex_run_new(struct regex_run **out);
void regex_run_free(struct regex_run **run);
/* Allows less than REGEX_WORK_MAX for each search from now on; a place of the
 * text still gets REGEX_STEPS_MIN. For callers that bound a sum of searches. */
void regex_run_set_work(struct regex_run *run, uint32_t work);

/* A text that was checked once, to be matched many times. The bytes stay the
 * caller's. Make it with regex_text_of() only. */
struct regex_text {
	struct span s;
	struct need has;	/* lets most patterns be passed over */
};

/* E_LIMIT: longer than REGEX_TEXT_MAX; E_FORMAT: not UTF-8. */
int regex_text_of(struct regex_text *out, struct span s);

/* Spans into the text. group[0] is the whole match. A group that took no
 * part has p == NULL. */
struct regex_match {
	unsigned n;			/* groups of the pattern + 1 */
	struct span group[REGEX_GROUPS_MAX + 1];
};

/* Does the pattern match all of the text? 0 and *m (may be NULL);
 * E_NOTFOUND: no; E_TIMEOUT: a limit was reached; E_NOMEM. */
int regex_full(const struct regex *re, struct regex_run *run,
	       struct regex_text text, struct regex_match *m);
/* The first match at or behind byte `from` (a character's first byte;
 * E_INVAL otherwise). Results as above. */
int regex_search(const struct regex *re, struct regex_run *run,
		 struct regex_text text, size_t from, struct regex_match *m);

/* A replacement: `\1`..`\9` is a group (empty when it took no part), `\\` a
 * backslash; one digit only, so `\10` is group 1 and a zero. UTF-8.
 * E_FORMAT: another escape, or not UTF-8; E_NOTFOUND: the pattern has no
 * such group. */
int regex_replacement_check(const struct regex *re, struct span replacement);
/* Writes a replacement that passed the check; `out` tells of overflow. */
void regex_expand(struct wr *out, struct span replacement,
		  const struct regex_match *m);
/* Replaces every match. An empty match counts when it does not touch the
 * match before it, so that `.*` replaces a text once. *count (may be NULL) gets how many.
 * E_FULL: `out` is too small; other errors as of regex_search(), and
 * of regex_replacement_check(). What was written then is of no use. */
int regex_replace_all(const struct regex *re, struct regex_run *run,
		      struct regex_text text, struct span replacement,
		      struct wr *out, unsigned *count);
