#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/regex/regex.h"

struct fix {
	struct regex *re;
	struct regex_run *run;
	struct regex_match m;
};

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_int_equal(regex_run_new(&f->run), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	regex_free(&f->re);
	regex_run_free(&f->run);
	free(f);
	return mem_live() == 0 ? 0 : -1;
}

static void compile(struct fix *f, const char *pattern, unsigned flags)
{
	struct regex_error e;

	regex_free(&f->re);
	assert_int_equal(regex_new(&f->re, span_str(pattern), flags, &e), 0);
}

static struct regex_text text(const char *s)
{
	struct regex_text t;

	assert_int_equal(regex_text_of(&t, span_str(s)), 0);
	return t;
}

static int full(struct fix *f, const char *s)
{
	return regex_full(f->re, f->run, text(s), &f->m);
}

static int search(struct fix *f, const char *s)
{
	return regex_search(f->re, f->run, text(s), 0, &f->m);
}

static void assert_group(const struct fix *f, unsigned i, const char *want)
{
	assert_true(i < f->m.n);
	assert_true(span_eq(f->m.group[i], span_str(want)));
}

static void test_regex__full_wants_all_of_the_text(void **state)
{
	struct fix *f = *state;

	compile(f, "\\d{3}|\\d{3}4", 0);
	assert_int_equal(full(f, "123"), 0);
	assert_int_equal(full(f, "1234"), 0);	/* the second branch */
	assert_int_equal(full(f, "12345"), E_NOTFOUND);
	assert_int_equal(full(f, "x123"), E_NOTFOUND);
	assert_int_equal(full(f, "123\n"), E_NOTFOUND);
	assert_int_equal(full(f, ""), E_NOTFOUND);
	compile(f, "(?:a$)", 0);
	assert_int_equal(full(f, "a"), 0);
	assert_int_equal(full(f, "a\n"), E_NOTFOUND);
	compile(f, "", 0);
	assert_int_equal(full(f, ""), 0);
	assert_int_equal(full(f, "a"), E_NOTFOUND);
}

static void test_regex__search_finds_it_anywhere(void **state)
{
	struct fix *f = *state;

	compile(f, "b+(c)?", 0);
	assert_int_equal(search(f, "aabbd"), 0);
	assert_group(f, 0, "bb");
	assert_null(f->m.group[1].p);
	assert_int_equal(f->m.n, 2);
	assert_int_equal(search(f, "xyz"), E_NOTFOUND);
	assert_int_equal(regex_search(f->re, f->run, text("bab"), 1, &f->m),
			 0);
	assert_int_equal(f->m.group[0].n, 1);
	assert_int_equal(regex_search(f->re, f->run, text("b"), 2, &f->m),
			 E_INVAL);
	assert_int_equal(regex_search(f->re, f->run, text("\xc3\xa4"), 1,
				      &f->m), E_INVAL);
	compile(f, "a$", 0);
	assert_int_equal(search(f, "a\n"), E_NOTFOUND);
}

static void test_regex__case_matters_unless_told(void **state)
{
	struct fix *f = *state;

	compile(f, "al\xc3\xa4", 0);
	assert_int_equal(full(f, "AL\xc3\x84"), E_NOTFOUND);
	compile(f, "al\xc3\xa4", REGEX_NOCASE);
	assert_int_equal(full(f, "AL\xc3\x84"), 0);
	assert_int_equal(full(f, "al\xc3\xa4"), 0);
	compile(f, "Zoo", REGEX_NOCASE);
	assert_int_equal(full(f, "zOO"), 0);
	compile(f, "(?i)zoo", 0);
	assert_int_equal(full(f, "ZOO"), 0);
}

static void test_regex__a_dot_is_one_character(void **state)
{
	struct fix *f = *state;

	compile(f, "(.)(.)", 0);
	assert_int_equal(full(f, "\xc3\xa4\xe2\x82\xac"), 0);
	assert_group(f, 1, "\xc3\xa4");
	assert_group(f, 2, "\xe2\x82\xac");
	compile(f, ".", 0);
	assert_int_equal(full(f, "\n"), E_NOTFOUND);
}

static void test_regex__digits_are_those_of_a_telephone(void **state)
{
	struct fix *f = *state;

	compile(f, "\\d+", 0);
	assert_int_equal(full(f, "\xd9\xa1\xd9\xa2"), E_NOTFOUND);
	compile(f, "\\w", 0);
	assert_int_equal(full(f, "\xc3\xa4"), E_NOTFOUND);
}

static void assert_refused(const char *pattern, int want)
{
	struct regex *re = NULL;
	struct regex_error e = {.at = 0};

	assert_int_equal(regex_new(&re, span_str(pattern), 0, &e), want);
	assert_null(re);
	assert_true(strlen(e.text) > 3);
}

static void test_regex__refuses_what_is_no_pattern(void **state)
{
	struct regex *re = NULL;
	struct regex_error e;
	char big[REGEX_PATTERN_MAX + 2];

	(void)state;
	assert_refused("(", E_FORMAT);
	assert_refused("a{2,1}", E_FORMAT);
	assert_refused("\\C", E_FORMAT);
	assert_refused("(*UCP)\\d", E_FORMAT);
	assert_refused("(?<=a*)b", E_FORMAT);
	assert_refused("\xff", E_FORMAT);
	assert_refused("((a{100}){100}){100}", E_LIMIT);
	memset(big, '(', sizeof(big));
	assert_int_equal(regex_new(&re, span_of(big, REGEX_PATTERN_MAX), 0,
				   &e), E_LIMIT);
	assert_int_equal(regex_new(&re, span_of(big, sizeof(big)), 0, NULL),
			 E_LIMIT);
	assert_int_equal(regex_new(&re, SPAN_LIT("ab)"), 0, &e), E_FORMAT);
	assert_int_equal(e.at, 2);
	for (unsigned i = 0; i <= REGEX_GROUPS_MAX; i++)
		memcpy(big + 3 * i, "(a)", 3);
	assert_int_equal(regex_new(&re, span_of(big, 3 * REGEX_GROUPS_MAX), 0,
				   &e), 0);
	assert_int_equal(regex_groups(re), REGEX_GROUPS_MAX);
	regex_free(&re);
	assert_int_equal(regex_new(&re,
				   span_of(big, 3 * (REGEX_GROUPS_MAX + 1)), 0,
				   &e), E_LIMIT);
	assert_null(re);
}

static void test_regex__refuses_texts_that_are_none(void **state)
{
	static const char big[REGEX_TEXT_MAX + 1] = {'a'};
	struct regex_text t;

	(void)state;
	assert_int_equal(regex_text_of(&t, SPAN_LIT("\xff")), E_FORMAT);
	assert_int_equal(regex_text_of(&t, span_of(big, sizeof(big))),
			 E_LIMIT);
	assert_int_equal(regex_text_of(&t, span_of(big, REGEX_TEXT_MAX)), 0);
	assert_int_equal(regex_text_of(&t, SPAN_NONE), 0);
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU time: other work on the machine must not decide. */
static void test_regex__catastrophes_end_within_the_limits(void **state)
{
	static const char *const bad[] = {
		"(a+)+[bc]", "(a|aa)+[bc]", "(a|a)*[bc]", "(.*)*[xy]",
		"(?:a?){30}a{30}[bc]", "(\\w+\\s?)*[!?]", "^(([a-z])+.)+[A-Z]([a-z])+$",
		"(?R)?a", "(a(?1)?)+[bc]",
	};
	struct fix *f = *state;
	char s[REGEX_TEXT_MAX + 1];
	unsigned stopped = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const size_t sizes[] = {250, REGEX_TEXT_MAX};

		compile(f, bad[i], 0);
		for (size_t k = 0; k < 2; k++) {
			const double before = cpu_s();
			int r;

			memset(s, 'a', sizes[k]);
			s[sizes[k]] = 0;
			r = full(f, s);
			assert_true(r == 0 || r == E_NOTFOUND ||
				    r == E_TIMEOUT);
			stopped += r == E_TIMEOUT;
			r = search(f, s);
			assert_true(r == 0 || r == E_NOTFOUND ||
				    r == E_TIMEOUT);
			assert_true(cpu_s() - before < 5.0);
		}
	}
	assert_true(stopped >= 8);
}

static void test_regex__a_pattern_cannot_raise_its_limit(void **state)
{
	struct fix *f = *state;
	char s[101];

	memset(s, 'a', 100);
	s[100] = 0;
	compile(f, "(*LIMIT_MATCH=4000000000)(a+)+[bc]", 0);
	assert_int_equal(full(f, s), E_TIMEOUT);
	compile(f, "(*LIMIT_MATCH=1)a*[bc]", 0);
	assert_int_equal(full(f, s), E_TIMEOUT);	/* lower it may */
}

static void test_regex__a_run_may_be_given_less_work(void **state)
{
	struct fix *f = *state;

	compile(f, "(a?){12}a{12}[bc]", 0);
	assert_int_equal(search(f, "aaaaaaaaaaaad"), E_NOTFOUND);
	regex_run_set_work(f->run, 10);		/* 250 steps for each place */
	assert_int_equal(search(f, "aaaaaaaaaaaad"), E_TIMEOUT);
	regex_run_set_work(f->run, UINT32_MAX);
	assert_int_equal(search(f, "aaaaaaaaaaaad"), E_NOTFOUND);
}

static void assert_expands(struct fix *f, const char *pattern, const char *s,
			   const char *with, const char *want)
{
	char buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span got;

	compile(f, pattern, 0);
	assert_int_equal(regex_replacement_check(f->re, span_str(with)), 0);
	assert_int_equal(full(f, s), 0);
	regex_expand(&w, span_str(with), &f->m);
	assert_int_equal(wr_end(&w, &got), 0);
	assert_true(span_eq(got, span_str(want)));
}

static void test_regex__expands_groups(void **state)
{
	struct fix *f = *state;

	assert_expands(f, "9(\\d+)@(.*)", "9123@x.y", "+\\1;\\2", "+123;x.y");
	assert_expands(f, "(a)(b)?", "a", "<\\2\\1>", "<a>");
	assert_expands(f, "(a)", "a", "\\\\1\\10", "\\1a0");
	assert_expands(f, "a", "a", "", "");
	assert_expands(f, "(1)(2)(3)(4)(5)(6)(7)(8)(9)", "123456789",
		       "\\9\\8\\7\\6\\5\\4\\3\\2\\1", "987654321");
}

static void test_regex__checks_replacements(void **state)
{
	struct fix *f = *state;

	compile(f, "(a)", 0);
	assert_int_equal(regex_replacement_check(f->re, SPAN_LIT("\\2")),
			 E_NOTFOUND);
	assert_int_equal(regex_replacement_check(f->re, SPAN_LIT("\\0")),
			 E_FORMAT);
	assert_int_equal(regex_replacement_check(f->re, SPAN_LIT("\\n")),
			 E_FORMAT);
	assert_int_equal(regex_replacement_check(f->re, SPAN_LIT("x\\")),
			 E_FORMAT);
	assert_int_equal(regex_replacement_check(f->re, SPAN_LIT("\xc3")),
			 E_FORMAT);
}

static void assert_replaces(struct fix *f, const char *pattern, const char *s,
			    const char *with, const char *want, unsigned times)
{
	char buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct span got;
	unsigned n;

	compile(f, pattern, 0);
	assert_int_equal(regex_replace_all(f->re, f->run, text(s),
					   span_str(with), &w, &n), 0);
	assert_int_equal(wr_end(&w, &got), 0);
	assert_int_equal(n, times);
	assert_true(span_eq(got, span_str(want)));
}

static void test_regex__replaces_every_match(void **state)
{
	struct fix *f = *state;
	char small[4];
	struct wr w = wr_of(small, sizeof(small));

	assert_replaces(f, "o", "foo boo", "0", "f00 b00", 4);
	assert_replaces(f, "x", "abc", "y", "abc", 0);
	assert_replaces(f, "(\\w+)@.*", "bob@x.y", "\\1", "bob", 1);
	assert_replaces(f, ".*", "abc", "Z", "Z", 1);
	assert_replaces(f, "x*", "abxd", "-", "-a-b-d-", 4);
	assert_replaces(f, "", "\xc3\xa4", "-", "-\xc3\xa4-", 2);
	assert_replaces(f, "^", "aa", ">", ">aa", 1);
	assert_replaces(f, "a", "", "b", "", 0);
	assert_replaces(f, "a\\Kb", "abab", "X", "aXaX", 2);
	compile(f, "a", 0);
	assert_int_equal(regex_replace_all(f->re, f->run, text("aaaaa"),
					   SPAN_LIT("b"), &w, NULL), E_FULL);
	w = wr_of(small, sizeof(small));
	assert_int_equal(regex_replace_all(f->re, f->run, text("a"),
					   SPAN_LIT("\\1"), &w, NULL),
			 E_NOTFOUND);
	compile(f, "(a+)+[bc]", 0);
	assert_int_equal(regex_replace_all(f->re, f->run,
					   text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
						"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
					   SPAN_LIT("x"), &w, NULL),
			 E_TIMEOUT);
}

/* Thousands of matches with a long replacement, and no room: it ends at the
 * first byte that does not fit, not after gigabytes that nobody gets. */
static void test_regex__a_full_result_ends_the_work(void **state)
{
	enum { LONG = 1 << 20 };
	struct fix *f = *state;
	char *with = malloc(LONG), s[REGEX_TEXT_MAX], small[64];
	struct wr w = wr_of(small, sizeof(small));
	const clock_t since = clock();
	struct regex_text t;

	assert_non_null(with);
	memset(with, 'x', LONG);
	memset(s, 'a', sizeof(s));
	assert_int_equal(regex_text_of(&t, span_of(s, sizeof(s))), 0);
	compile(f, "a", 0);
	assert_int_equal(regex_replace_all(f->re, f->run, t,
					   span_of(with, LONG), &w, NULL),
			 E_FULL);
	assert_true(clock() - since < CLOCKS_PER_SEC / 4);
	free(with);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *match_often(void *arg)
{
	const struct regex *re = arg;
	struct regex_run *run;
	struct regex_match m;
	uintptr_t wrong = 0;

	if (regex_run_new(&run) < 0)
		return (void *)1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct regex_text t;

		if (regex_text_of(&t, SPAN_LIT("room-4711@example")) < 0)
			return (void *)1;
		wrong += regex_full(re, run, t, &m) != 0 ||
			!span_eq(m.group[1], SPAN_LIT("4711"));
	}
	regex_run_free(&run);
	return (void *)wrong;
}

static void test_regex__several_threads_match_one_pattern(void **state)
{
	struct fix *f = *state;
	pthread_t threads[THREADS];

	compile(f, "room-(\\d+)@.*", REGEX_NOCASE);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, match_often,
						f->re), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* A pattern may be passed over only if running it says no. */
static void test_regex__what_is_needed_is_in_every_match(void **state)
{
	static const char *const cases[][2] = {
		{"abc", "xABCx"}, {"ab?c", "ac"}, {"ab*c", "abbc"},
		{"ab+c", "abbc"}, {"ab{0,2}c", "ac"}, {"ab{2}c", "abbc"},
		{"a|b", "b"}, {"a(b|c)d", "acd"}, {"a(?:b)?d", "ad"},
		{"a[bc]d", "acd"}, {"a[]b]d", "a]d"}, {"a[^]b]d", "axd"},
		{"a[\\]]d", "a]d"}, {"a\\.b", "a.b"}, {"a\\d+b", "a1b"},
		{"a{b", "a{b"}, {"a{,2}", "a{,2}"}, {"(?i)ab", "AB"},
		{"(?x) a b", "ab"}, {"(?#(x)ab", "ab"}, {"\\Qa.b\\E", "a.b"},
		{"\\x41b", "Ab"}, {"a++b", "aab"}, {"a+?b", "ab"},
		{"(a)\\1b", "aab"}, {"a(*ACCEPT)b", "a"},
		{"(a(*ACCEPT))b", "a"}, {"^a$", "a"}, {"a(?=b)b", "ab"},
		{"[[:alpha:]]b", "ab"}, {"a[\\Q]\\E]b", "a]b"},
		{"a[.]d", "a.d"}, {"a[\\.]d", "a.d"}, {"a[.]?d", "ad"},
		{"a[\\]]]d", "a]]d"}, {"a[.]]d", "a.]d"}, {"[k]S", "Ks"},
		{"[k][s]", "\xe2\x84\xaa\xc5\xbf"}, {"a[^.]d", "axd"},
		{"a[\\d]d", "a1d"}, {"a[.-]d", "a-d"}, {"a[ ]d", "a d"},
		{"a([)]|b)c", "a)c"}, {"a(\\))c", "a)c"}, {"kS", "\xe2\x84\xaa\xc5\xbf"},
	};
	struct fix *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		compile(f, cases[i][0], REGEX_NOCASE);
		if (search(f, cases[i][1]) != 0)
			fail_msg("%s does not find %s", cases[i][0],
				 cases[i][1]);
	}
}

static void test_regex__passes_over_what_cannot_match(void **state)
{
	static const char *const cases[][2] = {
		{"room-\\d+@ex\\.org", "desk"}, {".*@site12\\.ex", "a@site13.ex"},
		{"(.+)zz", "abc"}, {"ex[.]org", "exorg"},
		{"ex[\\.]org", "ex-org"}, {"b[.]c", "b-c.d"}, {"9{2}1", "8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct need want, have;

		need_of_pattern(&want, span_str(cases[i][0]));
		need_of_text(&have, span_str(cases[i][1]));
		assert_false(need_is_met(&want, &have));
	}
}

static int everything(void *arg)
{
	struct regex *re = NULL;
	struct regex_run *run = NULL;
	struct regex_text t;
	char buf[64], s[200];
	struct wr w = wr_of(buf, sizeof(buf));
	int r = regex_new(&re, SPAN_LIT("(?:(a)|b)*c"), REGEX_NOCASE, arg);

	memset(s, 'a', sizeof(s));
	if (r == 0)
		r = regex_run_new(&run);
	if (r == 0)
		r = regex_text_of(&t, span_of(s, sizeof(s)));
	if (r == 0)
		r = regex_replace_all(re, run, t, SPAN_LIT("\\1"), &w, NULL);
	regex_run_free(&run);
	regex_free(&re);
	return r == E_FULL ? 0 : r;
}

static void test_regex__survives_every_failing_allocation(void **state)
{
	struct regex_error e;

	(void)state;
	assert_true(alloc_test_every(everything, &e, 200) > 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_regex__full_wants_all_of_the_text),
		T(test_regex__search_finds_it_anywhere),
		T(test_regex__case_matters_unless_told),
		T(test_regex__a_dot_is_one_character),
		T(test_regex__digits_are_those_of_a_telephone),
		T(test_regex__refuses_what_is_no_pattern),
		T(test_regex__refuses_texts_that_are_none),
		T(test_regex__catastrophes_end_within_the_limits),
		T(test_regex__a_pattern_cannot_raise_its_limit),
		T(test_regex__a_run_may_be_given_less_work),
		T(test_regex__expands_groups),
		T(test_regex__checks_replacements),
		T(test_regex__replaces_every_match),
		T(test_regex__a_full_result_ends_the_work),
		T(test_regex__what_is_needed_is_in_every_match),
		T(test_regex__passes_over_what_cannot_match),
		T(test_regex__several_threads_match_one_pattern),
		T(test_regex__survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
