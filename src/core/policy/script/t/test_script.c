/* What cases cannot show: budgets, limits, threads, the world of a run. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <time.h>
#include <cmocka.h>

#include "base/alloc_test.h"
#include "base/err.h"
#include "core/policy/script/t/case_kit.h"

static const char *folder;

struct fix {
	struct case_world w;
	struct arena *mem;
	struct script_error e;
	struct script_used used;
	struct span out;
};

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	char zones[600];

	snprintf(zones, sizeof(zones), "%s/zones", folder);
	case_world_init(&f->w, zones);
	assert_int_equal(arena_new(&f->mem, SCRIPT_MEMORY_BYTES), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	arena_free(&f->mem);
	case_world_release(&f->w);
	free(f);
	return 0;
}

static int run_limited(struct fix *f, const char *vars, const char *script,
		       const struct script_limits *limits)
{
	arena_reset(f->mem);
	return case_run(&f->w, f->mem, span_str(vars), span_str(script),
			limits, &f->out, &f->e, &f->used);
}

static int run(struct fix *f, const char *script)
{
	return run_limited(f, "{}", script, NULL);
}

static void assert_out(struct fix *f, const char *want)
{
	assert_true(span_eq(f->out, span_str(want)));
}

/* CPU time: other work on the machine must not decide. */
static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void assert_budget(struct fix *f, const char *script,
			  const char *which)
{
	double before = cpu_s(), took;
	int r = run(f, script);

	took = cpu_s() - before;
	if (r != E_LIMIT || !strstr(f->e.text, which))
		print_message("%.200s\n   %d %s\n", script, r, f->e.text);
	assert_int_equal(r, E_LIMIT);
	assert_int_equal(f->e.fault, SCRIPT_FAULT_BUDGET);
	assert_non_null(strstr(f->e.text, which));
	assert_true(f->e.line > 0 && f->e.column > 0);
	assert_true(took < 2.0);
}

static void test_script__loops_without_end_are_ended(void **state)
{
	struct fix *f = *state;

	assert_budget(f, "{% set l = [1] %}{% for x in l %}"
		      "{% if l.append(x) %}{% endif %}{% endfor %}", "loop");
	assert_budget(f, "{% for a in range(1000) %}{% for b in range(1000) %}"
		      "{% endfor %}{% endfor %}", "loop");
	assert_budget(f, "{% for a in range(9000) if a == 1 %}{% endfor %}"
		      "{% for a in range(9000) if a == 1 %}{% endfor %}",
		      "loop");
	assert_budget(f, "{% set l = [0] * 90 %}{% for a in range(9000) %}"
		      "{% if 1 in l %}{% endif %}{% endfor %}", "step");
	assert_int_equal(f->used.steps, SCRIPT_STEPS_MAX);
}

static void test_script__memory_is_bounded(void **state)
{
	struct fix *f = *state;

	assert_budget(f, "{% set x %}aaaaaaaa{% endset %}"
		      "{{ ('a' * 4000000)|upper|lower|upper }}", "memory");
	assert_budget(f, "{{ 'ab' * 9000000000 }}", "memory");
	assert_budget(f, "{{ [0] * 9000000000 }}", "memory");
	assert_budget(f, "{{ 'a'|replace('a', 'b' * 3000)|replace('b', "
		      "'c' * 3000) }}", "memory");
	assert_budget(f, "{{ 'x' * 3000000 ~ 'x' * 3000000 }}", "memory");
	assert_budget(f, "{{ ('%1000s' * 9000) % (('a',) * 9000) }}",
		      "memory");
	assert_budget(f, "{% set d = {} %}{% for i in range(9999) %}"
		      "{% set x = {i: 'v' * 1000} %}{% endfor %}", "memory");
}

/* {% set s = s + s %} forty times: a terabyte if it were let. */
static void test_script__doubling_ends_soon(void **state)
{
	struct fix *f = *state;
	static const char double_text[] = "{% set s = s + s %}";
	static const char double_list[] = "{% set s = [s, s] %}";
	char script[2048];
	size_t n;

	for (int k = 0; k < 2; k++) {
		n = (size_t)snprintf(script, sizeof(script),
				     "{%% set s = 'a' %%}");
		for (int i = 0; i < 40; i++)
			n += (size_t)snprintf(script + n, sizeof(script) - n,
				"%s", k ? double_list : double_text);
		snprintf(script + n, sizeof(script) - n, "{{ s }}");
		assert_budget(f, script, k ? "output" : "memory");
	}
	/* the same, compared: as many comparisons as leaves */
	snprintf(script + n, sizeof(script) - n,
		 "{%% set t = s|pex_to_json %%}");
	assert_budget(f, script, "memory");
}

static void test_script__comparing_is_bounded(void **state)
{
	struct fix *f = *state;
	char script[4096];
	size_t n = (size_t)snprintf(script, sizeof(script),
		"{%% set a = ['x'] %%}{%% set b = ['x'] %%}");

	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(script + n, sizeof(script) - n,
			"{%% set a = [a, a] %%}{%% set b = [b, b] %%}");
	snprintf(script + n, sizeof(script) - n, "{{ a == b }}");
	assert_budget(f, script, "step");
	snprintf(script + n, sizeof(script) - n, "{{ a in [b] }}");
	assert_budget(f, script, "step");
	snprintf(script + n, sizeof(script) - n, "{{ a < b }}");
	assert_budget(f, script, "step");
	assert_budget(f, "{% set a = [] %}{% set b = [] %}"
		      "{% if a.append(a) or b.append(b) %}{% endif %}"
		      "{{ a == b }}", "nesting");
}

static void test_script__output_is_bounded(void **state)
{
	struct fix *f = *state;
	struct script_limits small = {.output_bytes = 5};

	assert_budget(f, "{{ 'x' * 1048577 }}", "output");
	assert_budget(f, "{% for i in range(9000) %}{{ 'x' * 200 }}"
		      "{% endfor %}", "output");
	assert_int_equal(run(f, "{{ 'x' * 1048576 }}"), 0);
	assert_int_equal(run_limited(f, "{}", "12345", &small), 0);
	assert_int_equal(run_limited(f, "{}", "123456", &small), E_LIMIT);
	assert_int_equal(run_limited(f, "{}", "12345{{ 6 }}", &small),
			 E_LIMIT);
}

static void test_script__limits_can_be_lowered_only(void **state)
{
	struct fix *f = *state;
	struct script_limits few = {.steps = 20, .loop_steps = 2,
				    .regex_runs = 1};
	struct script_limits many = {.steps = UINT32_MAX,
				     .loop_steps = UINT32_MAX};

	assert_int_equal(run_limited(f, "{}", "{% for i in [1, 2] %}"
				     "{% endfor %}", &few), 0);
	assert_int_equal(f->used.loop_steps, 2);
	assert_int_equal(run_limited(f, "{}", "{% for i in [1, 2, 3] %}"
				     "{% endfor %}", &few), E_LIMIT);
	assert_int_equal(run_limited(f, "{}", "{{ pex_regex_search('a', 'a') }}"
				     "{{ pex_regex_search('a', 'a') }}",
				     &few), E_LIMIT);
	assert_int_equal(run_limited(f, "{}", "{{ 1+1+1+1+1+1+1+1+1+1+1+1+1+1"
				     "+1+1+1+1+1+1+1+1 }}", &few), E_LIMIT);
	assert_int_equal(run_limited(f, "{}", "{% for i in range(9999) %}"
				     "{% endfor %}{% for i in range(2) %}"
				     "{% endfor %}", &many), E_LIMIT);
}

static void test_script__patterns_are_bounded(void **state)
{
	struct fix *f = *state;

	assert_budget(f, "{% set s = 'a' * 5000 %}"
		      "{{ pex_regex_search('^(a+)+[bc]', s) }}", "pattern");
	assert_budget(f, "{% for i in range(100) %}"
		      "{{ pex_regex_search('(a|aa)+[bc]$', 'a' * 60 + 'd') }}"
		      "{% endfor %}", "pattern");
	assert_budget(f, "{% for i in range(9) %}{{ ('ab' * 4000)"
		      "|pex_regex_replace('[ab]', 'c') }}{% endfor %}",
		      "step");
	assert_budget(f, "{{ (['aaaa'] * 200)|pex_find_first_match('b') }}",
		      "pattern");
}

/* Work that grows faster than the text would take minutes here. */
static void test_script__long_texts_take_linear_time(void **state)
{
	static const char *const scripts[] = {
		"{% set s = '<!--a>' * 150000 %}{{ s|striptags|length }}",
		"{% set s = '<' * 900000 %}{{ s|striptags|length }}",
		"{% set s = '&' * 900000 %}{{ s|striptags|length }}",
		"{% set s = 'a' * 900000 %}{{ s.find('ab') }}",
		"{% set s = 'a' * 900000 %}{{ s.rfind('a' * 450000 + 'b') }}",
		"{% set s = 'a' * 900000 %}{{ s.strip('b' * 450000 + 'a') }}",
		"{% set s = 'http' * 200000 %}{{ s|pex_safelinks_decode|"
		"length }}",
		"{% set s = 'http://x?' + '&' * 900000 %}"
		"{{ s|pex_urldefense_decode|length }}",
		"{% set s = '\\xe9' * 400000 %}{{ s[399999] }}{{ s[::-1]|"
		"length }}",
		"{% set s = ' ' * 900000 %}{{ s.split()|length }}",
		"{% set s = '%' * 900000 %}{{ s % () }}",
	};
	struct fix *f = *state;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		double before = cpu_s();
		int r = run(f, scripts[i]);

		assert_true(r == 0 || r == E_LIMIT);
		if (cpu_s() - before > 2.0)
			print_message("%s\n", scripts[i]);
		assert_true(cpu_s() - before <= 2.0);
	}
}

static char *repeat(const char *before, const char *what, size_t n,
		    const char *after)
{
	size_t cap = strlen(before) + n * strlen(what) + strlen(after) + 1;
	char *s = malloc(cap), *p = s;

	p += snprintf(p, cap, "%s", before);
	for (size_t i = 0; i < n; i++) {
		memcpy(p, what, strlen(what));
		p += strlen(what);
	}
	memcpy(p, after, strlen(after) + 1);
	return s;
}

static void test_script__deep_nesting_is_refused(void **state)
{
	static const struct {
		const char *before, *what, *after;
	} all[] = {
		{"{{ ", "(", ""}, {"{{ ", "[", ""}, {"{{ ", "{1:", ""},
		{"{{ ", "-", "1 }}"}, {"{{ ", "not ", "1 }}"},
		{"{{ x", "|d", " }}"}, {"{{ x", ".a", " }}"},
		{"{{ x", "[0]", " }}"}, {"", "{% if 1 %}", ""},
		{"", "{% for x in y %}", ""}, {"", "{% set x %}", ""},
		{"{{ ", "x|d(", ""}, {"{{ 1", " if 1 else 1", " }}"},
		{"{{ x", " is none", " }}"}, {"{% set ", "(", ""},
		{"{{ ", "range(", ""}, {"{{ ", "''.find(", ""},
		{"{{ ", "x[", ""}, {"{{ ", "1 if (", ""},
	};
	struct fix *f = *state;
	char *s;
	int r;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		s = repeat(all[i].before, all[i].what, 3000, all[i].after);
		r = run(f, s);
		if (r != E_LIMIT)
			print_message("%s: %d %s\n", all[i].what, r,
				      f->e.text);
		assert_int_equal(r, E_LIMIT);
		assert_non_null(strstr(f->e.text, "deep"));
		assert_int_equal(f->e.fault, SCRIPT_FAULT_SYNTAX);
		free(s);
	}
}

/* What is long but not deep is no matter. */
static void test_script__long_scripts_are_fine(void **state)
{
	static const struct {
		const char *before, *what, *after;
		size_t n;
	} all[] = {
		{"{{ 1", " + 1", " }}", 9000}, {"{{ 'a'", " ~ 'b'", " }}", 6000},
		{"{{ 1", " == 1", " }}", 9000}, {"{{ 0", " or 0", " }}", 9000},
		{"{% if 0 %}", "{% elif 0 %}", "{% endif %}", 4000},
		{"", "{# #}", "", 9000}, {"{{ [", "1,", "] }}", 9000},
		{"{{ {", "1:2,", "} }}", 9000}, {"", "{{ x }}", "", 6000},
		{"{{ '", "\\n", "' }}", 9000}, {"{{ 'a'", " 'b'", " }}", 9000},
		{"", "{% raw %}{% endraw %}", "", 2000},
	};
	struct fix *f = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char *s = repeat(all[i].before, all[i].what, all[i].n,
				 all[i].after);
		double before = cpu_s();
		int r = run(f, s);

		if (r)
			print_message("%s: %d %s\n", all[i].what, r,
				      f->e.text);
		assert_int_equal(r, 0);
		assert_true(cpu_s() - before < 2.0);
		free(s);
	}
}

static void test_script__length_is_counted_in_characters(void **state)
{
	struct fix *f = *state;
	char *s = repeat("", "\xc3\xa9", SCRIPT_TEXT_MAX, "");

	assert_int_equal(run(f, s), 0);
	free(s);
	s = repeat("", "\xc3\xa9", SCRIPT_TEXT_MAX, "x");
	assert_int_equal(run(f, s), E_LIMIT);
	assert_string_equal(f->e.text, "template is too long");
	free(s);
	assert_int_equal(run(f, "a\xff"), E_FORMAT);
	assert_string_equal(f->e.text, "template is not UTF-8");
}

static void test_script__lines_and_columns_count_characters(void **state)
{
	struct fix *f = *state;

	assert_true(run(f, "a\r\nb\rc\n\xc3\xa9\xc3\xa9 {{ 1 / 0 }}") < 0);
	assert_int_equal(f->e.line, 4);
	assert_int_equal(f->e.column, 9);
	assert_true(run(f, "{{\n\n  x.y.z }}") < 0);
	assert_int_equal(f->e.line, 3);
	assert_int_equal(f->e.column, 7);
}

/* Whatever goes wrong with it, a PIN is not in the error. */
static void test_script__errors_do_not_show_values(void **state)
{
	static const char vars[] = "{\"pin\": \"482913\", \"l\": [\"482913\"],"
		"\"d\": {\"482913\": \"482913\"}}";
	static const char *const scripts[] = {
		"{{ pin + 1 }}", "{{ pin < 1 }}", "{{ -pin }}",
		"{{ pin|abs }}", "{{ pin.nope() }}", "{{ l + d }}",
		"{{ pin|round }}", "{{ l|int + l }}", "{{ '%d' % pin }}",
		"{{ pin % pin }}", "{{ d[l] < 1 }}", "{{ {l: 1} }}",
		"{{ pin.x.y.z }}", "{{ pin|pex_to_uuid }}",
		"{{ pex_now(pin) }}", "{{ pex_in_subnet('1.1.1.1', l) }}",
		"{{ pex_regex_search('(' + pin, 'x') }}",
		"{{ pin|pex_regex_replace('4', '\\\\q' + pin) }}",
		"{% set a, b = l %}", "{% for a, b in d.items() %}"
		"{{ a.x.y.z }}{% endfor %}", "{{ pin|pex_require_min_length("
		"9) }}", "{{ pin|pex_update(d) }}", "{{ pin in 5 }}",
		"{{ l|pex_head(pin) }}", "{{ '%(x)s' % d }}",
		"{{ pin|truncate(1) }}", "{{ pin|round(0, pin) }}",
		"{{ (pin + '99999999999999999999')|int }}",
	};
	struct fix *f = *state;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		int r = run_limited(f, vars, scripts[i], NULL);

		if (r == 0 || strstr(f->e.text, "4829"))
			print_message("%s: %d %s\n", scripts[i], r,
				      f->e.text);
		assert_true(r < 0);
		assert_null(strstr(f->e.text, "4829"));
		assert_true(f->e.text[0]);
	}
}

static void test_script__names_in_errors_are_printable_and_short(void **s)
{
	struct fix *f = *s;
	char *script = repeat("{{ '' | ", "x", 4000, " }}");

	assert_int_equal(run(f, script), E_FORMAT);
	assert_true(strlen(f->e.text) < 100);
	free(script);
	assert_int_equal(run(f, "{{ 'a'['\xc3\xa9\\n'].x.y }}"), E_FORMAT);
	for (const char *p = f->e.text; *p; p++)
		assert_true(*p >= ' ' && *p < 0x7f);
}

static void test_script__variables_are_changed_in_place(void **state)
{
	struct fix *f = *state;
	struct script *s;
	struct val vars, list;
	struct script_error e;

	assert_int_equal(val_dict_new(f->mem, &vars), 0);
	assert_int_equal(val_list_new(f->mem, &list), 0);
	assert_int_equal(val_dict_set(f->mem, vars, "l", list), 0);
	assert_int_equal(script_compile(&s, SPAN_LIT("{% set x = l.append(1) %}"
				"{% set l = 5 %}"), &e), 0);
	assert_int_equal(script_run(s, vars, &f->w.env, NULL, f->mem, &f->out,
				    &e, NULL), 0);
	script_free(&s);
	assert_null(s);
	assert_int_equal(val_get(vars, "l").u.list->n, 1);
}

static void test_script__a_run_without_world(void **state)
{
	struct fix *f = *state;

	f->w.env = (struct script_env){.now_us = 0};
	assert_int_equal(run(f, "{{ pex_now().year }}{{ pex_debug_log(1) }}"),
			 0);
	assert_out(f, "1970");
	assert_int_equal(f->used.debug_dropped, 1);
	assert_int_equal(run(f, "{{ pex_now('Europe/Oslo') }}"), E_FORMAT);
	assert_int_equal(run(f, "{{ pex_uuid4() }}"), E_FORMAT);
	assert_int_equal(run(f, "{{ pex_random_pin(4) }}"), E_FORMAT);
}

static void test_script__debug_entries_are_joined_and_bounded(void **state)
{
	struct fix *f = *state;

	assert_int_equal(run_limited(f, "{\"d\": {\"k\": [1]}}",
		"{{ pex_debug_log('a', 1, d, none) }}", NULL), 0);
	assert_string_equal(f->w.log, "a,1,{'k': [1]},None\n");
	assert_int_equal(run(f, "{% for i in range(60) %}{{ pex_debug_log("
			     "i) }}{% endfor %}"), 0);
	assert_int_equal(f->w.logs, 1 + SCRIPT_DEBUG_MAX);
	assert_int_equal(f->used.debug_dropped, 10);
	f->w.log[0] = 0;
	assert_int_equal(run(f, "{{ pex_debug_log('\\xe9' * 4000) }}"), 0);
	assert_int_equal(strlen(f->w.log), SCRIPT_DEBUG_BYTES + 1);
}

static void test_script__clock_of_zones(void **state)
{
	static const struct {
		const char *zone;
		int64_t s;
		const char *want;
	} all[] = {
		{"Europe/Oslo", INT64_C(0),
		 "1970-01-01 01:00:00+01:00"},
		{"Europe/Oslo", INT64_C(-1),
		 "1970-01-01 00:59:59+01:00"},
		{"Europe/Oslo", INT64_C(1774745999),
		 "2026-03-29 01:59:59+01:00"},
		{"Europe/Oslo", INT64_C(1774746000),
		 "2026-03-29 03:00:00+02:00"},
		{"Europe/Oslo", INT64_C(1792889999),
		 "2026-10-25 02:59:59+02:00"},
		{"Europe/Oslo", INT64_C(1792890000),
		 "2026-10-25 02:00:00+01:00"},
		{"Europe/Oslo", INT64_C(2540000000),
		 "2050-06-28 05:33:20+02:00"},
		{"Europe/Oslo", INT64_C(2555552000),
		 "2050-12-25 04:33:20+01:00"},
		{"Europe/Oslo", INT64_C(-3000000000),
		 "1874-12-07 19:23:00+00:43"},
		{"Europe/Oslo", INT64_C(4102444800),
		 "2100-01-01 01:00:00+01:00"},
		{"Europe/Oslo", INT64_C(7289654400),
		 "2201-01-01 01:00:00+01:00"},
		{"US/Eastern", INT64_C(1772953199),
		 "2026-03-08 01:59:59-05:00"},
		{"US/Eastern", INT64_C(1772953200),
		 "2026-03-08 03:00:00-04:00"},
		{"US/Eastern", INT64_C(1793512799),
		 "2026-11-01 01:59:59-04:00"},
		{"US/Eastern", INT64_C(1793512800),
		 "2026-11-01 01:00:00-05:00"},
		{"US/Eastern", INT64_C(2600000000),
		 "2052-05-22 10:13:20-04:00"},
		{"US/Eastern", INT64_C(5000000000),
		 "2128-06-11 04:53:20-04:00"},
		{"Australia/Sydney", INT64_C(1775318399),
		 "2026-04-05 02:59:59+11:00"},
		{"Australia/Sydney", INT64_C(1775318400),
		 "2026-04-05 02:00:00+10:00"},
		{"Australia/Sydney", INT64_C(1791043199),
		 "2026-10-04 01:59:59+10:00"},
		{"Australia/Sydney", INT64_C(1791043200),
		 "2026-10-04 03:00:00+11:00"},
		{"Australia/Sydney", INT64_C(2592000000),
		 "2052-02-20 11:00:00+11:00"},
		{"Australia/Sydney", INT64_C(2610000000),
		 "2052-09-15 18:00:00+10:00"},
		{"Australia/Sydney", INT64_C(4000000000),
		 "2096-10-02 17:06:40+10:00"},
		{"Asia/Kathmandu", INT64_C(0),
		 "1970-01-01 05:30:00+05:30"},
		{"Asia/Kathmandu", INT64_C(504901800),
		 "1986-01-01 00:15:00+05:45"},
		{"Asia/Kathmandu", INT64_C(1795439152),
		 "2026-11-23 18:50:52+05:45"},
		{"Asia/Kathmandu", INT64_C(5000000000),
		 "2128-06-11 14:38:20+05:45"},
		{"UTC", INT64_C(951782400), "2000-02-29 00:00:00+00:00"},
		{"UTC", INT64_C(-1), "1969-12-31 23:59:59+00:00"},
		{"UTC", INT64_C(4107542400), "2100-03-01 00:00:00+00:00"},
	};
	struct fix *f = *state;
	char script[100];

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		f->w.env.now_us = all[i].s * 1000000;
		snprintf(script, sizeof(script), "{{ pex_now('%s') }}",
			 all[i].zone);
		assert_int_equal(run(f, script), 0);
		if (!span_eq(f->out, span_str(all[i].want)))
			print_message("%s %lld: %.*s\n", all[i].zone,
				      (long long)all[i].s, (int)f->out.n,
				      (const char *)f->out.p);
		assert_out(f, all[i].want);
	}
}

static struct span zone_file;

static int broken_zone(void *arg, struct span name, struct span *tzif)
{
	(void)arg;
	(void)name;
	*tzif = zone_file;
	return 0;
}

static void test_script__damaged_zones_are_refused(void **state)
{
	struct fix *f = *state;
	struct span whole;
	char *copy;

	assert_int_equal(f->w.env.zone(&f->w, SPAN_LIT("Europe/Oslo"), &whole),
			 0);
	copy = malloc(whole.n);
	f->w.env.zone = broken_zone;
	for (size_t n = 0; n < whole.n; n++) {
		zone_file = span_of(whole.p, n);
		assert_int_equal(run(f, "{{ pex_now('A') }}"), E_FORMAT);
	}
	/* any byte may be wrong: a time or an error, never a crash */
	for (size_t i = 0; i < whole.n; i++) {
		memcpy(copy, whole.p, whole.n);
		copy[i] = (char)~copy[i];
		zone_file = span_of(copy, whole.n);
		(void)run(f, "{{ pex_now('A') }}");
	}
	free(copy);
}

enum { THREADS = 4, TURNS = 300 };

struct shared {
	const struct script *s;
	const char *zones;
	unsigned good;
};

static void *thread(void *arg)
{
	struct shared *sh = arg;
	struct case_world w;
	struct script_error e;
	struct arena *mem;
	struct span out;
	struct val vars;

	case_world_init(&w, sh->zones);
	if (arena_new(&mem, SCRIPT_MEMORY_BYTES) < 0)
		return NULL;
	for (int i = 0; i < TURNS; i++) {
		arena_reset(mem);
		if (val_dict_new(mem, &vars) == 0 &&
		    script_run(sh->s, vars, &w.env, NULL, mem, &out, &e,
			       NULL) == 0 && span_eq(out, SPAN_LIT("b14x")))
			sh->good++;
	}
	arena_free(&mem);
	case_world_release(&w);
	return NULL;
}

static void test_script__several_threads_run_one_script(void **state)
{
	struct fix *f = *state;
	struct shared sh[THREADS] = {{0}};
	pthread_t t[THREADS];
	struct script *s;
	struct script_error e;

	assert_int_equal(script_compile(&s, SPAN_LIT(
		"{% for m in pex_regex_search('a(b)', 'ab') %}{{ m }}"
		"{% endfor %}{{ pex_now('Europe/Oslo').hour }}"
		"{{ 'x'|default('y') }}"), &e), 0);
	for (int i = 0; i < THREADS; i++) {
		sh[i] = (struct shared){.s = s, .zones = f->w.zones};
		assert_int_equal(pthread_create(&t[i], NULL, thread, &sh[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(sh[i].good, TURNS);
	}
	script_free(&s);
}

static void test_script__the_same_input_gives_the_same_output(void **state)
{
	struct fix *f = *state;
	char first[200];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(run(f, "{{ 'x'|pex_hash }}{{ {'a': 1, 'b': 2}"
				     " }}{{ pex_now() }}{{ 'x'|pex_md5 }}"),
				 0);
		if (i == 0)
			snprintf(first, sizeof(first), "%.*s",
				 (int)f->out.n, (const char *)f->out.p);
		assert_out(f, first);
	}
}

int main(int argc, char **argv)
{
#define T(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_script__loops_without_end_are_ended),
		T(test_script__memory_is_bounded),
		T(test_script__doubling_ends_soon),
		T(test_script__comparing_is_bounded),
		T(test_script__output_is_bounded),
		T(test_script__limits_can_be_lowered_only),
		T(test_script__patterns_are_bounded),
		T(test_script__long_texts_take_linear_time),
		T(test_script__deep_nesting_is_refused),
		T(test_script__long_scripts_are_fine),
		T(test_script__length_is_counted_in_characters),
		T(test_script__lines_and_columns_count_characters),
		T(test_script__errors_do_not_show_values),
		T(test_script__names_in_errors_are_printable_and_short),
		T(test_script__variables_are_changed_in_place),
		T(test_script__a_run_without_world),
		T(test_script__debug_entries_are_joined_and_bounded),
		T(test_script__clock_of_zones),
		T(test_script__damaged_zones_are_refused),
		T(test_script__several_threads_run_one_script),
		T(test_script__the_same_input_gives_the_same_output),
	};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
