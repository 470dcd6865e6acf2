/* core/policy/script/script.h - the template language of local policy.
 *
 * A subset of Jinja2 (2.10 is the yardstick) with the pex_* filters and
 * functions that published policy scripts use. The language is described for
 * those who write scripts in docs/handbook/policy-scripts.md, with every
 * place where it differs from the original.
 *
 * A compiled script is immutable: any number of threads may run it at one
 * time. A run is pure: no clock, no store, no system call; the moment, random
 * bytes, time zones and the sink of pex_debug_log() come in `struct
 * script_env`. The same input gives the same output unless the script calls
 * pex_random_pin() or pex_uuid4().
 *
 * Every run ends: whatever a script does is counted against a budget, and an
 * exhausted budget is an error that names the place, as is any other.
 *
 * Error texts name types, members, filters and places. They never contain the
 * value of a variable. What a script writes by pex_debug_log() may well be
 * one: the sink decides who sees it.
 */
#pragma once
#include "core/policy/script/value.h"

enum {
	SCRIPT_TEXT_MAX = 49152,	/* characters of a template */
	SCRIPT_CODE_BYTES = 16 << 20,	/* memory of a compiled template */
	SCRIPT_NEST_MAX = 100,		/* statements or expressions in others */
	SCRIPT_NAMES_MAX = 1024,	/* different variables of a template */
	SCRIPT_REGEXES_MAX = 200,	/* constant patterns of a template */
	/* Budgets of a run: the defaults, and the most that is accepted. */
	SCRIPT_MEMORY_BYTES = 8 << 20,	/* make the run's arena with it */
	SCRIPT_STEPS_MAX = 400000,	/* some 20 ms; 100 at worst */
	SCRIPT_LOOP_STEPS_MAX = 10000,	/* turns of all loops together */
	SCRIPT_OUTPUT_BYTES = 1 << 20,
	SCRIPT_REGEX_RUNS_MAX = 100,	/* searches and replacements */
	SCRIPT_REGEX_WORK = 50000,	/* regex_run_set_work() of each */
	SCRIPT_DEBUG_MAX = 50,		/* pex_debug_log() calls; more: dropped */
	SCRIPT_DEBUG_BYTES = 2048,	/* of one; cut beyond */
	SCRIPT_ERROR_MAX = 160,
};

enum script_fault {
	SCRIPT_FAULT_NONE = 0,
	SCRIPT_FAULT_SYNTAX,		/* from script_compile() only */
	SCRIPT_FAULT_RUN,		/* wrong types, None too deep, ... */
	SCRIPT_FAULT_BUDGET,
	SCRIPT_FAULT_ABANDONED,		/* pex_require_min_length() said so */
	SCRIPT_FAULT_MEMORY,		/* the machine has no memory */
};

struct script_error {
	enum script_fault fault;
	uint32_t line, column;		/* from 1; characters; 0: no place */
	char text[SCRIPT_ERROR_MAX];	/* English, NUL-terminated, one line */
};

struct script;

/* Compiles. The text is copied. E_LIMIT: longer than SCRIPT_TEXT_MAX
 * characters, nested too deep, or too large; E_FORMAT: not UTF-8 or a syntax
 * error (unknown statements, filters, tests and functions are such);
 * E_NOMEM. *err is written on failure. On success the caller owns *out. */
int  script_compile(struct script **out, struct span text,
		    struct script_error *err);
void script_free(struct script **s);

/* What a run may know of the world. Callbacks are called on the thread that
 * runs, and may be NULL: then the functions that need them fail. */
struct script_env {
	void *arg;
	int64_t now_us;			/* UTC, microseconds since 1970 */
	/* n bytes of a cryptographic generator; never fails. */
	void (*random)(void *arg, void *p, size_t n);
	/* The compiled zone file (TZif, RFC 8536) of an IANA name, readable
	 * until the run ends. Names are [A-Za-z0-9_+/-], without leading,
	 * trailing or double slash. E_NOTFOUND. UTC is never asked for. */
	int (*zone)(void *arg, struct span name, struct span *tzif);
	/* One entry of pex_debug_log(): hostile text, UTF-8, unescaped. */
	void (*debug)(void *arg, struct span text);
};

/* 0 stands for the default; more than the default counts as the default. */
struct script_limits {
	uint32_t steps;
	uint32_t loop_steps;
	uint32_t output_bytes;
	uint32_t regex_runs;
};

/* What the run used, for testers and counters. Written in any case. */
struct script_used {
	uint32_t steps;
	uint32_t loop_steps;
	uint32_t regex_runs;
	uint32_t debug_dropped;
	size_t memory_bytes;		/* of the arena, variables included */
};

/* Runs with the members of the dictionary `vars` as variables, which must live
 * in `mem`: the script may append to them in place. *out is the text, in
 * `mem`. `limits` and `used` may be NULL. E_LIMIT: a budget; E_STATE:
 * abandoned; E_NOMEM; E_FORMAT: any other failure. *err is written on
 * failure, *out on success only. */
int script_run(const struct script *s, struct val vars,
	       const struct script_env *env,
	       const struct script_limits *limits, struct arena *mem,
	       struct span *out, struct script_error *err,
	       struct script_used *used);
