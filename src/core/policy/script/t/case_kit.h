/* Cases of the language: files of scripts with what they must give.
 *
 *	=== name
 *	--- vars
 *	{"x": 1}
 *	--- script
 *	{{ x }}
 *	--- out
 *	1
 *
 * `vars` may be left out. Instead of `out`: `error LINE:COLUMN text`, the text
 * being a part of the error's; `abandoned`. A section `ours` says why the
 * original would give something else. A section ends before the next line
 * that begins with `--- ` or `=== `, without its last line end.
 *
 * World of a case: it is 2026-11-23 13:05:52.123456 UTC; the random bytes are
 * 0, 1, 2, ...; zones come from t/zones.
 */
#pragma once
#include "core/policy/script/script.h"

#define CASE_NOW_US INT64_C(1795439152123456)

struct case_one {
	char name[128];
	struct span vars, script, out;
	char error[160];		/* "LINE:COLUMN text", or "" */
	bool is_abandoned;
};

struct case_file {
	char *text;
	size_t n, at;
};

struct case_world {
	char zones[512];		/* folder */
	char *file;			/* last zone, freed with the world */
	uint8_t next_random;
	char log[8192];
	unsigned logs;
	struct script_env env;
};

int  case_open(struct case_file *f, const char *path);
bool case_next(struct case_file *f, struct case_one *out);
void case_close(struct case_file *f);

void case_world_init(struct case_world *w, const char *zones);
void case_world_release(struct case_world *w);
/* Compiles and runs in a fresh arena, the caller's when it gives one. */
int  case_run(struct case_world *w, struct arena *mem, struct span vars,
	      struct span script, const struct script_limits *limits,
	      struct span *out, struct script_error *err,
	      struct script_used *used);
