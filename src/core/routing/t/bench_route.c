/* How long 1,000 rules take to resolve an alias. Prints `name value unit
 * target verdict`; exits 1 when a target is missed. CPU time, best of some
 * rounds: the machine is shared. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "core/routing/route.h"

enum { RULES = 1000, CALLS = 200, ROUNDS = 7 };
static const double target_us = 200.0;

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What administrators write: numbers, names, domains, suffixes, choices; a
 * third begins with a wildcard, so that its pattern really runs. */
static void make(struct rule *r, unsigned i, char *text, size_t cap)
{
	static const char *const shapes[] = {
		"%u\\d{4}", "9%03u(\\d+)", "room-%u@example\\.org",
		"(.+)@site%u\\.example", "(sip-)?desk%u(@.*)?",
		".*@(a|b)%u\\.partner\\.example",
	};

	*r = RULE_DEFAULT;
	(void)snprintf(text, cap, shapes[i % 6], i);
	r->id = i + 1;
	r->priority = i % RULE_PRIORITY_MAX + 1;
	r->name = SPAN_LIT("bench");
	r->match_string = span_str(text);
	r->called_device_type = RULE_REGISTRATION;
}

/* Patterns that differ only in what cannot be told without running them. */
static void make_hard(struct rule *r, unsigned i, char *text, size_t cap)
{
	make(r, i, text, cap);
	(void)snprintf(text, cap, ".*[.](x{0,%u}|y)@.*", i % 100 + 1);
	r->match_string = span_str(text);
}

static double measure(const struct route_table *t, struct regex_run *run,
		      const char *alias)
{
	const struct route_facts f = {.dialled = span_str(alias)};
	struct route_result out;
	double best = 1e9;

	for (unsigned k = 0; k < ROUNDS; k++) {
		const double from = cpu_s();

		for (unsigned i = 0; i < CALLS; i++)
			route_resolve(t, run, &f, NULL, &out);
		const double us = (cpu_s() - from) * 1e6 / CALLS;

		if (us < best)
			best = us;
	}
	return best;
}

static int table(struct route_table **t, bool hard)
{
	static struct rule rules[RULES];
	static char text[RULES][64];
	struct rule_error why;
	int64_t bad;

	for (unsigned i = 0; i < RULES; i++)
		(hard ? make_hard : make)(&rules[i], i, text[i],
					  sizeof(text[i]));
	return route_table_new(t, rules, RULES, &bad, &why);
}

int main(void)
{
	static const char *const aliases[][2] = {
		{"number", "0301234567"},
		{"name", "alice.example.person@ministry.example"},
		{"umlaut", "b\xc3\xbcro.oberste-leitung@ministerium.example"},
		{"long", "conference-room-with-a-rather-long-name-in-the-old-"
			 "building@department.of.something.ministry.example"},
	};
	struct route_table *t, *hard;
	struct regex_run *run;
	bool failed = false;

	if (table(&t, false) < 0 || table(&hard, true) < 0 ||
	    regex_run_new(&run) < 0)
		return 1;
	for (unsigned i = 0; i < 4; i++) {
		const double us = measure(t, run, aliases[i][1]);

		failed |= us > target_us;
		printf("route_1000_%s %.1f us %.0f %s\n", aliases[i][0], us,
		       target_us, us > target_us ? "fail" : "pass");
	}
	printf("route_1000_all_run %.1f us - info\n",
	       measure(hard, run, aliases[1][1]));
	regex_run_free(&run);
	route_table_unref(&hard);
	route_table_unref(&t);
	return failed;
}
