/* core/policy/try.h - runs a policy script against sample input.
 *
 * For administrators who write scripts: what came of it, where it failed, and
 * which member of its output is void. Never a PIN: those of the result are
 * shown as "********". The sample is a caller and a room of nobody's, or
 * whatever JSON the administrator gives in its place.
 *
 * policy_try_run() touches nothing but its arguments, so it may run on a
 * thread of the pool; names of objects are looked up later, by
 * policy_script_read() on out->tree.
 */
#pragma once
#include "core/policy/facts.h"
#include "core/policy/result.h"
#include "core/policy/script/script.h"

enum policy_try_stage {
	POLICY_TRY_COMPILE = 0,	/* where it failed */
	POLICY_TRY_INPUT,	/* the JSON given as input */
	POLICY_TRY_RUN,
	POLICY_TRY_OUTPUT,	/* what it printed is no JSON */
	POLICY_TRY_DONE,
};

struct policy_try_in {
	enum policy_kind kind;		/* one with a script */
	struct span script;
	struct span input;		/* an object of variables; none: sample */
	struct policy_facts facts;	/* of the sample */
	bool is_unknown;		/* the sample alias leads nowhere */
};

struct policy_try_out {
	enum policy_try_stage stage;
	struct script_error err;	/* COMPILE, RUN */
	size_t at;			/* INPUT, OUTPUT: byte of the refusal */
	struct script_used used;
	struct jtree tree;		/* DONE */
};

/* A caller of dial_in; what the administrator says comes on top. */
void policy_try_sample(struct policy_facts *f);
/* `mem` of at least SCRIPT_MEMORY_BYTES; `out` points into it. Always fills
 * *out. */
void policy_try_run(struct policy_try_out *out, const struct policy_try_in *in,
		    const struct script_env *env, struct arena *mem);
const char *policy_try_stage_text(enum policy_try_stage s);

/* The members of a valid result, one after another. */
typedef void (*policy_show_fn)(void *arg, const char *name,
			       struct span value);
int policy_try_show(struct arena *mem, enum policy_kind kind,
		    const struct policy_answer *a, policy_show_fn fn,
		    void *arg);
/* "continue", "reject", "redirect", "not applied". */
const char *policy_try_verdict(enum policy_event ev);
