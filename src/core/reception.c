#include "core/reception.h"

#include "base/err.h"
#include "core/regex/regex.h"

/* What the pattern makes of it; E_FULL becomes E_LIMIT. */
static int expand(const struct regex *re, struct span replace,
		  const struct regex_match *m, char *dst, size_t cap)
{
	struct wr w = wr_of(dst, cap - 1);
	int r = regex_replacement_check(re, replace);

	if (r < 0)
		return r;
	regex_expand(&w, replace, m);
	if (w.failed)
		return E_LIMIT;
	dst[wr_len(&w)] = 0;
	return 0;
}

static int copy(struct span entered, char *dst, size_t cap)
{
	return span_cstr(entered, dst, cap) < 0 ? E_LIMIT : 0;
}

static int by_pattern(const struct service *sv, struct span entered,
		      char *dst, size_t cap)
{
	struct regex_run *run = NULL;
	struct regex *re = NULL;
	struct regex_text text;
	struct regex_match m;
	int r = regex_new(&re, span_str(sv->match), REGEX_NOCASE, NULL);

	r = r ? r : regex_run_new(&run);
	if (r == 0)
		regex_run_set_work(run, RECEPTION_WORK_MAX);
	r = r ? r : regex_text_of(&text, entered);
	r = r ? r : regex_full(re, run, text, &m);
	if (r == 0)
		r = sv->replace[0] ? expand(re, span_str(sv->replace), &m,
					    dst, cap) :
		    copy(entered, dst, cap);
	regex_run_free(&run);
	regex_free(&re);
	return r;
}

int reception_target(const struct service *sv, struct span entered,
		     char *dst, size_t cap)
{
	if (!entered.n)
		return E_NOTFOUND;
	return sv->match[0] ? by_pattern(sv, entered, dst, cap) :
		copy(entered, dst, cap);
}
