#include "super/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

enum { OUT_MAX = LOG_LINE_MAX + 256 };

void sink_init(struct sink *s, int fd, enum sink_style style)
{
	*s = (struct sink){.fd = fd, .style = style};
}

void sink_src_init(struct sink_src *src, int fd, const char *role,
		   uint32_t instance, bool raw)
{
	memset(src, 0, sizeof(*src));
	src->fd = fd;
	src->raw = raw;
	(void)snprintf(src->name, sizeof(src->name), "%s/%u", role, instance);
}

struct record {
	unsigned level;
	int64_t us;
	struct span rest;	/* "role/0 mod: ..." */
};

/* "<6>1700000000.123456 web/0 mod: ..." of this very role. */
static bool record_parse(struct record *out, const struct sink_src *src,
			 struct span line)
{
	struct span head, stamp, sec, frac, name, rest;
	uint64_t s, us;

	if (src->raw || line.n < 4 || line.p[0] != '<' || line.p[1] < '3' ||
	    line.p[1] > '7' || line.p[2] != '>')
		return false;
	head = span_of(line.p + 3, line.n - 3);
	if (!span_split(head, ' ', &stamp, &rest) ||
	    !span_split(stamp, '.', &sec, &frac) || frac.n != 6 ||
	    span_u64(sec, UINT32_MAX * UINT64_C(4), &s) < 0 ||
	    span_u64(frac, 999999, &us) < 0)
		return false;
	(void)span_split(rest, ' ', &name, &head);
	if (!span_eq(name, span_str(src->name)))
		return false;
	out->level = line.p[1] - '0';
	out->us = (int64_t)(s * 1000000 + us);
	out->rest = rest;
	return true;
}

static size_t head_print(char *dst, size_t cap, enum sink_style style,
			 unsigned level, int64_t us)
{
	static const char *const names[8] = {
		"emerg", "alert", "crit", "error", "warn", "notice", "info",
		"debug",
	};
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	int n;

	if (style == SINK_JOURNAL) {
		n = snprintf(dst, cap, "<%u>", level);
	} else {
		(void)gmtime_r(&t, &tm);
		n = snprintf(dst, cap,
			     "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %-6s ",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			     tm.tm_hour, tm.tm_min, tm.tm_sec,
			     (int)(us % 1000000 / 1000), names[level & 7]);
	}
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

size_t sink_format(char *dst, size_t cap, const struct sink_src *src,
		   struct span line, enum sink_style style, int64_t wall_us)
{
	struct record rec = {.level = LOG_WARN, .us = wall_us, .rest = line};
	bool own = record_parse(&rec, src, line);
	size_t n = head_print(dst, cap, style, rec.level, rec.us);

	if (!own) {
		int k = snprintf(dst + n, cap - n, "super/0 sink: output of %s: ",
				 src->name);

		n += k < 0 ? 0 : (size_t)k < cap - n ? (size_t)k : cap - n - 1;
	}
	for (size_t i = 0; i < rec.rest.n && n + 1 < cap; i++) {
		uint8_t c = rec.rest.p[i];

		dst[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
	dst[n++] = '\n';
	return n;
}

/* A terminal that was stopped, or a full pipe, must not stop the house. */
static void put(struct sink *s, const char *p, size_t n)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};

	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT) ||
	    write(s->fd, p, n) != (ssize_t)n)
		s->dropped++;
}

static void keep_last(struct sink_src *src, struct span line)
{
	size_t n = line.n < sizeof(src->last) ? line.n : sizeof(src->last) - 1;

	for (size_t i = 0; i < n; i++)
		src->last[i] = line.p[i] < 0x20 || line.p[i] >= 0x7f ? '?' :
			       (char)line.p[i];
	src->last[n] = 0;
}

static void take_line(struct sink *s, struct sink_src *src, struct span line,
		      uint64_t now_ns, int64_t wall_us)
{
	char out[OUT_MAX], note[64];
	uint64_t second = now_ns / NS_PER_S;
	struct sink_src self = {.name = "super/0", .raw = true};
	unsigned lost = 0;

	if (src->second != second) {
		lost = src->dropped;
		src->second = second;
		src->lines = src->dropped = 0;
	}
	if (lost) {
		(void)snprintf(note, sizeof(note), "%s lost %u lines",
			       src->name, lost);
		put(s, out, sink_format(out, sizeof(out), &self,
					span_str(note), s->style, wall_us));
	}
	if (src->raw && line.n)
		keep_last(src, line);
	if (src->lines++ >= SINK_LINES_PER_S) {
		src->dropped++;
		return;
	}
	if (line.n)
		put(s, out, sink_format(out, sizeof(out), src, line, s->style,
					wall_us));
}

/* Hands over whole lines; one that fills the buffer is cut there. */
static void take_lines(struct sink *s, struct sink_src *src, uint64_t now_ns,
		       int64_t wall_us)
{
	struct span all = span_of(src->buf, src->n), line, rest;

	while (span_split(all, '\n', &line, &rest)) {
		take_line(s, src, line, now_ns, wall_us);
		all = rest;
	}
	if (all.n == sizeof(src->buf)) {
		take_line(s, src, all, now_ns, wall_us);
		all.n = 0;
	}
	if (all.n)
		memmove(src->buf, all.p, all.n);
	src->n = all.n;
}

int sink_pump(struct sink *s, struct sink_src *src, uint64_t now_ns,
	      int64_t wall_us)
{
	for (size_t left = SINK_TURN_BYTES; left > 0;) {
		ssize_t n = read(src->fd, src->buf + src->n,
				 sizeof(src->buf) - src->n);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : E_CLOSED;
		if (n == 0) {
			if (src->n)
				take_line(s, src, span_of(src->buf, src->n),
					  now_ns, wall_us);
			src->n = 0;
			return E_CLOSED;
		}
		src->n += (size_t)n;
		left -= (size_t)n < left ? (size_t)n : left;
		take_lines(s, src, now_ns, wall_us);
	}
	return 0;
}
