/* Any bytes as a template: compiled, and run with small budgets over the
 * variables of a call. What compiles once compiles again and gives the same;
 * an error has a place inside the text and one printable line. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "core/policy/script/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEMORY = 1 << 20 };

static const char vars[] =
	"{\"call_info\": {\"local_alias\": \"room@example.com\", "
	"\"remote_alias\": \"sip:bob@a.example\", \"registered\": false, "
	"\"vendor\": \"friendly-scanner\", \"remote_address\": \"10.47.5.9\", "
	"\"ms_subnet\": [\"10.47.5.0\"]}, \"service_config\": {\"name\": "
	"\"board\", \"pin\": \"482913\", \"automatic_participants\": [], "
	"\"max_callrate_in\": null}, \"s\": \"Zo\\u00eb x\", \"n\": 5, \"f\": "
	"2.5, \"l\": [3, \"x\", null], \"d\": {\"k\": {\"a\": 1}}, \"x\": 1}";

static void broken(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

static void count_up(void *arg, void *p, size_t n)
{
	uint8_t *next = arg;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (*next)++;
}

static void log_entry(void *arg, struct span text)
{
	(void)arg;
	if (text.n > SCRIPT_DEBUG_BYTES || !span_is_utf8(text))
		broken("log entry");
}

static void check_error(const struct script_error *e, int r)
{
	size_t n = strnlen(e->text, sizeof(e->text));

	if (e->fault == SCRIPT_FAULT_NONE || n == 0 ||
	    n == sizeof(e->text))
		broken("error without text");
	for (size_t i = 0; i < n; i++)
		if (e->text[i] < ' ' || e->text[i] > '~')
			broken("error is not printable");
	if (e->fault == SCRIPT_FAULT_MEMORY || r == E_NOMEM)
		broken("no memory");
}

static int run_once(const struct script *s, struct arena *mem,
		    struct span *out, struct script_error *e)
{
	const struct script_limits limits = {.steps = 20000,
		.loop_steps = 500, .output_bytes = 20000, .regex_runs = 10};
	uint8_t next = 0;
	struct script_env env = {.arg = &next, .now_us = 1795439152123456,
				 .random = count_up, .debug = log_entry};
	struct val v;

	if (val_from_json(mem, span_str(vars), &v, NULL) != 0)
		broken("variables");
	return script_run(s, v, &env, &limits, mem, out, e, NULL);
}

static void run_twice(const struct script *s)
{
	struct arena *mem[2];
	struct span out[2] = {SPAN_NONE, SPAN_NONE};
	struct script_error e[2];
	int r[2];

	for (int i = 0; i < 2; i++) {
		if (arena_new(&mem[i], MEMORY) != 0)
			broken("arena");
		r[i] = run_once(s, mem[i], &out[i], &e[i]);
		if (r[i] < 0)
			check_error(&e[i], r[i]);
		else if (!span_is_utf8(out[i]))
			broken("output is not UTF-8");
	}
	if (r[0] != r[1] || (r[0] == 0 && !span_eq(out[0], out[1])))
		broken("two runs differ");
	for (int i = 0; i < 2; i++)
		arena_free(&mem[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct script_error e;
	struct script *s = NULL;
	int64_t live = mem_live();
	int r = script_compile(&s, span_of(data, n), &e);

	if (r < 0)
		check_error(&e, r);
	else
		run_twice(s);
	script_free(&s);
	if (mem_live() != live)
		broken("leak");
	return 0;
}
