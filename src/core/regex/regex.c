#include "core/regex/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* NEVER_UCP: classes stay ASCII whatever the pattern asks for. */
static const uint32_t compile_options =
	PCRE2_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C |
	PCRE2_DOLLAR_ENDONLY;

struct regex {
	pcre2_code *code;
	unsigned groups;
	uint32_t min_len;	/* characters, so at most as many bytes */
	int first;		/* lower-case first byte, -1: any */
	struct need need;
};

struct regex_run {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_general_context *general;
	uint32_t work;
};

static void *take(size_t n, void *arg)
{
	(void)arg;
	return mem_alloc(n);
}

static void give(void *p, void *arg)
{
	(void)arg;
	mem_free(p);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static int refuse(struct regex_error *why, int r, size_t at, const char *text)
{
	if (why) {
		why->at = at > UINT32_MAX ? UINT32_MAX : (uint32_t)at;
		snprintf(why->text, sizeof(why->text), "%s", text);
	}
	return r;
}

static int refuse_code(struct regex_error *why, int code, size_t at)
{
	char text[REGEX_ERROR_MAX];

	if (pcre2_get_error_message(code, (PCRE2_UCHAR *)text,
				    sizeof(text)) < 0)
		snprintf(text, sizeof(text), "not a pattern");
	if (code == PCRE2_ERROR_HEAP_FAILED)
		return refuse(why, E_NOMEM, at, err_text(E_NOMEM));
	if (code == PCRE2_ERROR_PATTERN_TOO_LARGE ||
	    code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP)
		return refuse(why, E_LIMIT, at, text);
	return refuse(why, E_FORMAT, at, text);
}

/* What is known of every match without running it. */
static void learn(struct regex *re)
{
	uint32_t type = 0, first = 0, groups = 0;

	(void)pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	(void)pcre2_pattern_info(re->code, PCRE2_INFO_MINLENGTH, &re->min_len);
	(void)pcre2_pattern_info(re->code, PCRE2_INFO_FIRSTCODETYPE, &type);
	(void)pcre2_pattern_info(re->code, PCRE2_INFO_FIRSTCODEUNIT, &first);
	re->groups = groups;
	re->first = type == 1 ? lower((uint8_t)first) : -1;
}

static int compile(struct regex *re, pcre2_general_context *general,
		   struct span pattern, unsigned flags,
		   struct regex_error *why)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(general);
	int code = 0;
	PCRE2_SIZE at = 0;

	if (!cc)
		return refuse(why, E_NOMEM, 0, err_text(E_NOMEM));
	pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(cc, REGEX_NEST_MAX);
	re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
				 compile_options |
				 (flags & REGEX_NOCASE ? PCRE2_CASELESS : 0),
				 &code, &at, cc);
	pcre2_compile_context_free(cc);
	return re->code ? 0 : refuse_code(why, code, at);
}

int regex_new(struct regex **out, struct span pattern, unsigned flags,
	      struct regex_error *why)
{
	struct regex *re;
	pcre2_general_context *general;
	int r;

	if (pattern.n > REGEX_PATTERN_MAX)
		return refuse(why, E_LIMIT, REGEX_PATTERN_MAX,
			      "the pattern is too long");
	if (!pattern.n)
		pattern = SPAN_LIT("");
	re = mem_zalloc(sizeof(*re));
	general = pcre2_general_context_create(take, give, NULL);
	r = re && general ? compile(re, general, pattern, flags, why) :
		refuse(why, E_NOMEM, 0, err_text(E_NOMEM));
	/* What was made with it carries its own copy. */
	pcre2_general_context_free(general);
	if (r == 0) {
		learn(re);
		need_of_pattern(&re->need, pattern);
		if (re->groups > REGEX_GROUPS_MAX)
			r = refuse(why, E_LIMIT, pattern.n,
				   "the pattern has too many groups");
	}
	if (r == 0)
		*out = re;
	else
		regex_free(&re);
	return r;
}

void regex_free(struct regex **re)
{
	if (!*re)
		return;
	pcre2_code_free((*re)->code);
	mem_free(*re);
	*re = NULL;
}

unsigned regex_groups(const struct regex *re)
{
	return re->groups;
}

int regex_run_new(struct regex_run **out)
{
	struct regex_run *run = mem_zalloc(sizeof(*run));

	if (!run)
		return E_NOMEM;
	run->general = pcre2_general_context_create(take, give, NULL);
	if (run->general) {
		run->context = pcre2_match_context_create(run->general);
		run->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1,
						    run->general);
	}
	if (!run->context || !run->data) {
		regex_run_free(&run);
		return E_NOMEM;
	}
	run->work = REGEX_WORK_MAX;
	pcre2_set_depth_limit(run->context, REGEX_DEPTH_MAX);
	pcre2_set_heap_limit(run->context, REGEX_HEAP_KIB_MAX);
	*out = run;
	return 0;
}

void regex_run_set_work(struct regex_run *run, uint32_t work)
{
	run->work = work < REGEX_WORK_MAX ? work : REGEX_WORK_MAX;
}

void regex_run_free(struct regex_run **run)
{
	if (!*run)
		return;
	pcre2_match_data_free((*run)->data);
	pcre2_match_context_free((*run)->context);
	pcre2_general_context_free((*run)->general);
	mem_free(*run);
	*run = NULL;
}

int regex_text_of(struct regex_text *out, struct span s)
{
	if (s.n > REGEX_TEXT_MAX)
		return E_LIMIT;
	if (!span_is_utf8(s))
		return E_FORMAT;
	out->s = s.n ? s : SPAN_LIT("");
	need_of_text(&out->has, s);
	return 0;
}

static void fill(struct regex_match *m, const struct regex *re,
		 struct regex_run *run, struct span text)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(run->data);

	m->n = re->groups + 1;
	for (unsigned i = 0; i < m->n; i++)
		m->group[i] = at[2 * i] == PCRE2_UNSET ||
			at[2 * i + 1] < at[2 * i] ? SPAN_NONE :
			span_of(text.p + at[2 * i], at[2 * i + 1] - at[2 * i]);
}

static int result_of(int code)
{
	if (code >= 0)
		return 0;
	switch (code) {
	case PCRE2_ERROR_NOMATCH:
		return E_NOTFOUND;
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_RECURSELOOP:
		return E_TIMEOUT;
	case PCRE2_ERROR_NOMEMORY:
		return E_NOMEM;
	case PCRE2_ERROR_BADUTFOFFSET:
		return E_INVAL;
	default:
		return E_INTERNAL;
	}
}

/* Most rules of a long list end here, without any setting up. */
static bool is_hopeless(const struct regex *re, const struct regex_text *text)
{
	return text->s.n < re->min_len || !need_is_met(&re->need, &text->has);
}

static int attempt(const struct regex *re, struct regex_run *run,
		   struct regex_text text, size_t from, uint32_t steps,
		   uint32_t options, struct regex_match *m)
{
	int code;

	pcre2_set_match_limit(run->context, steps);
	code = pcre2_match(re->code, (PCRE2_SPTR)text.s.p, text.s.n, from,
			   options | PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
			   run->data, run->context);
	if (code >= 0 && m)
		fill(m, re, run, text.s);
	return result_of(code);
}

int regex_full(const struct regex *re, struct regex_run *run,
	       struct regex_text text, struct regex_match *m)
{
	if (is_hopeless(re, &text) ||
	    (re->first >= 0 && (!text.s.n ||
				lower(text.s.p[0]) != re->first)))
		return E_NOTFOUND;
	return attempt(re, run, text, 0, REGEX_STEPS_MAX,
		       PCRE2_ANCHORED | PCRE2_ENDANCHORED, m);
}

/* PCRE2 counts anew at each place where a match could begin. */
static uint32_t share(const struct regex_run *run, size_t places)
{
	const size_t each = run->work / (places + 1);

	if (each > REGEX_STEPS_MAX)
		return REGEX_STEPS_MAX;
	return each < REGEX_STEPS_MIN ? REGEX_STEPS_MIN : (uint32_t)each;
}

static bool is_inside_char(struct span s, size_t at)
{
	return at < s.n && (s.p[at] & 0xc0) == 0x80;
}

int regex_search(const struct regex *re, struct regex_run *run,
		 struct regex_text text, size_t from, struct regex_match *m)
{
	if (from > text.s.n || is_inside_char(text.s, from))
		return E_INVAL;
	if (is_hopeless(re, &text))
		return E_NOTFOUND;
	return attempt(re, run, text, from, share(run, text.s.n), 0,
		       m);
}

int regex_replacement_check(const struct regex *re, struct span replacement)
{
	if (!span_is_utf8(replacement))
		return E_FORMAT;
	for (size_t i = 0; i < replacement.n; i++) {
		if (replacement.p[i] != '\\')
			continue;
		if (++i == replacement.n)
			return E_FORMAT;
		const uint8_t c = replacement.p[i];

		if (c == '\\')
			continue;
		if (c < '1' || c > '9')
			return E_FORMAT;
		if ((unsigned)(c - '0') > re->groups)
			return E_NOTFOUND;
	}
	return 0;
}

void regex_expand(struct wr *out, struct span replacement,
		  const struct regex_match *m)
{
	const uint8_t *at = replacement.p, *end = at + replacement.n, *mark;

	while (at < end && !out->failed) {
		mark = memchr(at, '\\', (size_t)(end - at));
		if (!mark || mark + 1 == end)
			mark = end;
		wr_bytes(out, at, (size_t)(mark - at));
		if (mark == end)
			break;
		const unsigned group = (unsigned)(mark[1] - '0');

		if (mark[1] == '\\')
			wr_u8(out, '\\');
		else if (group < m->n)
			wr_span(out, m->group[group]);
		at = mark + 2;
	}
}

static size_t next_char(struct span s, size_t at)
{
	do
		at++;
	while (is_inside_char(s, at));
	return at;
}

int regex_replace_all(const struct regex *re, struct regex_run *run,
		      struct regex_text text, struct span replacement,
		      struct wr *out, unsigned *count)
{
	const struct span s = text.s;
	struct regex_match m;
	size_t from = 0, done = 0;
	size_t last_end = SIZE_MAX;
	unsigned n = 0;
	int r = regex_replacement_check(re, replacement);

	if (r < 0)
		return r;
	while (from <= s.n && !out->failed) {
		r = regex_search(re, run, text, from, &m);
		if (r < 0 || !m.group[0].p)
			break;
		const size_t begin = (size_t)(m.group[0].p - s.p);
		const size_t end = begin + m.group[0].n;

		if (begin < done)	/* \K within a look-behind */
			break;
		if (m.group[0].n || begin != last_end) {
			wr_bytes(out, s.p + done, begin - done);
			regex_expand(out, replacement, &m);
			done = last_end = end;
			n++;
		}
		from = m.group[0].n ? end : next_char(s, end);
	}
	if (r < 0 && r != E_NOTFOUND)
		return r;
	wr_bytes(out, s.p + done, s.n - done);
	if (out->failed)
		return E_FULL;
	if (count)
		*count = n;
	return 0;
}
