/* tests/sandbox/probe.h - tries to break out of a profile.
 *
 * Every probe runs in a child of its own, because a wall may kill it.
 */
#pragma once
#include "base/sandbox.h"

enum probe_result {
	PROBE_REFUSED = 0,	/* EPERM, EACCES or ENOSYS */
	PROBE_KILLED,		/* SIGSYS */
	PROBE_THROUGH,		/* done, or failed for a reason of its own */
	PROBE_BROKEN,		/* the walls did not close, or it crashed */
};

struct probe {
	const char *name;
	/* 0, or the errno. Runs behind the walls. */
	int (*attempt)(void);
	bool is_path;		/* Landlock may be the one who refuses it: every
				 * ABI knows paths; the rest is seccomp's,
				 * which holds on the oldest kernel too */
	bool needs_host;	/* may be switched off on a host: not in the
				 * check that probes work without walls */
};

extern const struct probe probes[];	/* ends with name NULL */

/* Opens what the probes attack with; once, before any probe_run. */
int probe_prepare(void);
/* p NULL: without walls. `enter`: sandbox_enter or sandbox_enter_super. */
enum probe_result probe_run(const struct probe *t,
			    const struct sandbox_profile *p,
			    int (*enter)(const struct sandbox_profile *p));
/* The name of the first row that says too much by itself, or NULL. */
const char *profile_lint(const struct sandbox_profile *p);
/* What must work behind every profile: memory, clocks, abort, threads where
 * allowed. NULL or what did not. */
const char *profile_usable(const struct sandbox_profile *p);
