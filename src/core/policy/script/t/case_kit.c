#include "core/policy/script/t/case_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

static char *read_file(const char *path, size_t *n)
{
	enum { MOST = 1 << 20 };
	FILE *f = fopen(path, "rb");
	char *p = f ? malloc(MOST + 1) : NULL;

	if (p) {
		*n = fread(p, 1, MOST, f);
		p[*n] = 0;
	}
	if (f)
		fclose(f);
	return p;
}

int case_open(struct case_file *f, const char *path)
{
	*f = (struct case_file){.text = read_file(path, &f->n)};
	if (!f->text)
		return -1;
	f->n = strlen(f->text);
	return 0;
}

void case_close(struct case_file *f)
{
	free(f->text);
	f->text = NULL;
}

static struct span line_at(struct case_file *f)
{
	const char *from = f->text + f->at;
	const char *end = memchr(from, '\n', f->n - f->at);
	size_t n = end ? (size_t)(end - from) : f->n - f->at;

	return span_of(from, n);
}

static void skip_line(struct case_file *f, struct span line)
{
	f->at += line.n + (f->at + line.n < f->n);
}

static bool is_mark(struct span line)
{
	return span_starts(line, SPAN_LIT("=== ")) ||
	       span_starts(line, SPAN_LIT("--- "));
}

static struct span section(struct case_file *f)
{
	size_t from = f->at;

	while (f->at < f->n && !is_mark(line_at(f)))
		skip_line(f, line_at(f));
	return span_of(f->text + from, f->at > from ? f->at - from - 1 : 0);
}

static void keep(char *dst, size_t cap, struct span s)
{
	snprintf(dst, cap, "%.*s", (int)s.n, (const char *)s.p);
}

bool case_next(struct case_file *f, struct case_one *out)
{
	struct span line;

	while (f->at < f->n &&
	       !span_starts(line_at(f), SPAN_LIT("=== ")))
		skip_line(f, line_at(f));
	if (f->at >= f->n)
		return false;
	*out = (struct case_one){.vars = SPAN_LIT("{}")};
	line = line_at(f);
	keep(out->name, sizeof(out->name), span_of(line.p + 4, line.n - 4));
	skip_line(f, line);
	while (f->at < f->n && span_starts(line_at(f), SPAN_LIT("--- "))) {
		struct span head = line_at(f), body;

		head = span_of(head.p + 4, head.n - 4);
		skip_line(f, line_at(f));
		body = section(f);
		if (span_eq(head, SPAN_LIT("vars")))
			out->vars = body;
		else if (span_eq(head, SPAN_LIT("script")))
			out->script = body;
		else if (span_eq(head, SPAN_LIT("out")))
			out->out = body;
		else if (span_starts(head, SPAN_LIT("error ")))
			keep(out->error, sizeof(out->error),
			     span_of(head.p + 6, head.n - 6));
		else if (span_eq(head, SPAN_LIT("abandoned")))
			out->is_abandoned = true;
	}
	return true;
}

static void world_random(void *arg, void *p, size_t n)
{
	struct case_world *w = arg;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = w->next_random++;
}

static int world_zone(void *arg, struct span name, struct span *tzif)
{
	struct case_world *w = arg;
	char path[600];
	size_t n = 0;

	if (snprintf(path, sizeof(path), "%s/%.*s", w->zones, (int)name.n,
		     (const char *)name.p) >= (int)sizeof(path))
		return E_NOTFOUND;
	free(w->file);
	w->file = read_file(path, &n);
	*tzif = span_of(w->file, n);
	return w->file ? 0 : E_NOTFOUND;
}

static void world_debug(void *arg, struct span text)
{
	struct case_world *w = arg;
	size_t n = strlen(w->log);

	snprintf(w->log + n, sizeof(w->log) - n, "%.*s\n", (int)text.n,
		 (const char *)text.p);
	w->logs++;
}

void case_world_init(struct case_world *w, const char *zones)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->zones, sizeof(w->zones), "%s", zones);
	w->env = (struct script_env){
		.arg = w, .now_us = CASE_NOW_US, .random = world_random,
		.zone = world_zone, .debug = world_debug};
}

void case_world_release(struct case_world *w)
{
	free(w->file);
	w->file = NULL;
}

int case_run(struct case_world *w, struct arena *mem, struct span vars,
	     struct span script, const struct script_limits *limits,
	     struct span *out, struct script_error *err,
	     struct script_used *used)
{
	struct script *s = NULL;
	struct val v;
	int r;

	*err = (struct script_error){.fault = SCRIPT_FAULT_NONE};
	r = val_from_json(mem, vars, &v, NULL);
	if (r < 0)
		return r;
	r = script_compile(&s, script, err);
	if (r < 0)
		return r;
	r = script_run(s, v, &w->env, limits, mem, out, err, used);
	script_free(&s);
	return r;
}
