/* Checks the whole log: every line, every number, every anchor. */
#include <stdarg.h>
#include <stdio.h>
#include "base/alloc.h"
#include "core/audit/audit_int.h"

static void bad(struct audit_verdict *v, const char *path, uint64_t line,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void bad(struct audit_verdict *v, const char *path, uint64_t line,
		const char *fmt, ...)
{
	const char *name = strrchr(path, '/');
	va_list ap;
	v->ok = false;
	v->line = line;
	(void)snprintf(v->file, sizeof(v->file), "%.120s",
		       name ? name + 1 : path);
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

static void bad_line(struct audit_verdict *v, const char *path, uint64_t line,
		     const struct chain *c, int e)
{
	unsigned long long want = c->seq + 1;
	if (e == E_REPLAY)
		bad(v, path, line, "record %llu is missing, moved or doubled",
		    want);
	else if (e == E_AUTH)
		bad(v, path, line, "record %llu or the one before was changed",
		    want);
	else
		bad(v, path, line, "not a record; %llu was expected", want);
}

/* Whole lines only; the running segment may end in a half-written one. */
static int check_lines(struct audit_verdict *v, const char *path,
		       struct span text, struct chain *c, bool is_running)
{
	struct span rest = text, line;
	for (uint64_t n = 1; rest.n > 0; n++) {
		if (!span_split(rest, '\n', &line, &rest)) {
			if (!is_running)
				bad(v, path, n, "a half-written record");
			break;
		}
		int e = chain_check(c, line);
		if (e < 0) {
			bad_line(v, path, n, c, e);
			break;
		}
		if (v->first_seq == 0)
			v->first_seq = c->seq;
		v->last_seq = c->seq;
		v->lines++;
	}
	return v->ok ? 0 : E_CORRUPT;
}

/* 1 = there, 0 = not there. */
static int check_segment(const struct file_ops *fs, const char *dir,
			 uint64_t segment, struct chain *c, bool is_running,
			 struct audit_verdict *v)
{
	char path[AUDIT_PATH_MAX];
	uint8_t *text = NULL;
	size_t n = 0;
	audit_segment_path(path, dir, segment);
	int e = fs->read_all(fs->ctx, path, AUDIT_FILE_MAX, &text, &n);
	if (e == E_NOTFOUND)
		return 0;
	if (e < 0)
		return e;
	v->segments++;
	(void)check_lines(v, path, span_of(text, n), c, is_running);
	mem_free(text);
	return 1;
}

static void check_anchor(const char *dir, const struct anchor *a,
			 const struct chain *c, struct audit_verdict *v)
{
	char path[AUDIT_PATH_MAX];
	audit_segment_path(path, dir, a->segment);
	if (c->seq < a->last)
		bad(v, path, 0, "records %llu to %llu were cut off the end",
		    (unsigned long long)c->seq + 1,
		    (unsigned long long)a->last);
	else if (c->seq > a->last)
		bad(v, path, 0, "goes on after its sealed end, record %llu",
		    (unsigned long long)a->last);
	else if (memcmp(c->hash, a->hash, sizeof(a->hash)) != 0)
		bad(v, path, 0, "does not end as it was sealed");
}

/* Retention drops from the front only. */
static int check_sealed(const struct file_ops *fs, const char *dir,
			const struct anchor *a, struct chain *c,
			struct audit_verdict *v)
{
	char path[AUDIT_PATH_MAX];
	int e = check_segment(fs, dir, a->segment, c, false, v);
	if (e < 0 || !v->ok)
		return e < 0 ? e : 0;
	if (e == 1) {
		check_anchor(dir, a, c, v);
		return 0;
	}
	if (v->segments > 0) {
		audit_segment_path(path, dir, a->segment);
		bad(v, path, 0, "the segment is missing");
	}
	c->seq = a->last;
	memcpy(c->hash, a->hash, sizeof(c->hash));
	return 0;
}

static int check_running(const struct file_ops *fs, const char *dir,
			 uint64_t segment, struct chain *c,
			 struct audit_verdict *v)
{
	char path[AUDIT_PATH_MAX];
	struct audit_verdict later = {.ok = true};
	struct chain ignored = *c;
	int e = check_segment(fs, dir, segment, c, true, v);
	if (e < 0 || !v->ok)
		return e < 0 ? e : 0;
	e = check_segment(fs, dir, segment + 1, &ignored, true, &later);
	if (e == 1) {
		audit_anchors_path(path, dir);
		bad(v, path, segment, "the anchor of segment %llu is missing",
		    (unsigned long long)segment);
	}
	return e < 0 ? e : 0;
}

int audit_verify_with(const struct file_ops *fs, const char *dir,
		      struct audit_verdict *out)
{
	struct audit_verdict v = {.ok = true};
	struct anchor *anchors = NULL;
	struct chain c = {0};
	size_t n = 0, whole;
	uint64_t line = 0;
	char path[AUDIT_PATH_MAX];
	int e = anchors_read(fs, dir, &anchors, &n, &whole, &line);
	if (e == E_CORRUPT) {
		audit_anchors_path(path, dir);
		bad(&v, path, line, "not an anchor");
		*out = v;
		return 0;
	}
	for (size_t i = 0; i < n && e == 0 && v.ok; i++)
		e = check_sealed(fs, dir, &anchors[i], &c, &v);
	if (e == 0 && v.ok)
		e = check_running(fs, dir, n + 1, &c, &v);
	mem_free(anchors);
	if (e == 0)
		*out = v;
	return e;
}

int audit_verify(const char *dir, struct audit_verdict *out)
{
	return audit_verify_with(file_ops_real(), dir, out);
}
