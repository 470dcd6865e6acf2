/* Runs scripts that a test writes to standard input, for comparison with the
 * original. Frames: "VARS_BYTES SCRIPT_BYTES\n" and the bytes of both; each
 * answer is "ok BYTES\n" or "error BYTES\n" and the bytes of the text. */
#include <stdio.h>
#include <stdlib.h>

#include "core/policy/script/t/case_kit.h"

static void answer(const char *word, struct span s)
{
	printf("%s %zu\n", word, s.n);
	fwrite(s.p, 1, s.n, stdout);
	fflush(stdout);
}

static void one(struct case_world *w, struct span vars, struct span script)
{
	struct script_error err;
	struct arena *mem = NULL;
	struct span out = SPAN_NONE;
	char text[256];
	int r = arena_new(&mem, SCRIPT_MEMORY_BYTES);

	w->next_random = 0;
	if (r == 0)
		r = case_run(w, mem, vars, script, NULL, &out, &err, NULL);
	snprintf(text, sizeof(text), "%u:%u %s", err.line, err.column,
		 err.text);
	answer(r == 0 ? "ok" : "error", r == 0 ? out : span_str(text));
	arena_free(&mem);
}

int main(int argc, char **argv)
{
	struct case_world w;
	size_t n[2];

	if (argc != 2)
		return 2;
	case_world_init(&w, argv[1]);
	while (scanf("%zu %zu", &n[0], &n[1]) == 2 && getchar() == '\n') {
		char *p = malloc(n[0] + n[1] + 1);

		if (!p || fread(p, 1, n[0] + n[1], stdin) != n[0] + n[1])
			return 1;
		one(&w, span_of(p, n[0]), span_of(p + n[0], n[1]));
		free(p);
	}
	case_world_release(&w);
	return 0;
}
