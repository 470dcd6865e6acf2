#include "cli/ladder.h"

#include <stdlib.h>
#include <time.h>

enum { LANES = 6, TIME_COLUMNS = 15, NOTE_COLUMNS = 18, TEXT_MAX = 512, LABEL_MAX = 2 * TEXT_MAX + 4,
       CHAR_MAX_BYTES = 5 };

static const char *const lane_names[LANES] = {"peer", "sip", "web", "core",
					      "courier", "media"};

/* One line on paper: a character (and its NUL) in each column. */
struct canvas {
	char at[LADDER_WIDTH_MAX][CHAR_MAX_BYTES];
	unsigned width;
};

/* Where each lane stands; 0 = it is not drawn. */
struct lanes {
	unsigned at[LANES];
	unsigned width;
};

static void clear(struct canvas *c, unsigned width)
{
	c->width = width;
	for (unsigned i = 0; i < width; i++)
		memcpy(c->at[i], " ", 2);
}

static void put_char(struct canvas *c, unsigned at, const char *ch, size_t n)
{
	if (at >= c->width || n >= CHAR_MAX_BYTES)
		return;
	memcpy(c->at[at], ch, n);
	c->at[at][n] = 0;
}

/* Clean UTF-8; at most `max` columns, the last two are dots when it is cut.
 * Returns the columns used. */
static unsigned put_text(struct canvas *c, unsigned at, const char *text,
			 unsigned max)
{
	unsigned n = 0;

	for (const char *p = text; *p && n < max;) {
		size_t k = 1;

		while ((p[k] & 0xc0) == 0x80)
			k++;
		put_char(c, at + n++, p, k);
		p += k;
		if (*p && n == max && max > 2) {
			put_char(c, at + n - 1, ".", 1);
			put_char(c, at + n - 2, ".", 1);
		}
	}
	return n;
}

static void flush_line(FILE *f, const struct canvas *c)
{
	unsigned n = c->width;

	while (n && c->at[n - 1][0] == ' ')
		n--;
	for (unsigned i = 0; i < n; i++)
		(void)fputs(c->at[i], f);
	(void)fputc('\n', f);
}

/* --- rows -------------------------------------------------------------------- */

static bool is_kind(const struct rows *r, size_t i, const char *kind)
{
	return span_eq(rows_get(r, i, "kind"), span_str(kind));
}

static int lane_of(struct span name)
{
	for (int i = 0; i < LANES; i++)
		if (span_eq(name, span_str(lane_names[i])))
			return i;
	return -1;
}

static void clean(const struct rows *r, size_t i, const char *field,
		  char out[TEXT_MAX])
{
	(void)print_clean(out, TEXT_MAX, rows_get(r, i, field));
}

/* As a clock here shows it. */
static void put_time(const struct rows *r, size_t i, const char *fmt, char *out,
		     size_t cap)
{
	uint64_t us = 0;
	time_t s;
	struct tm tm;
	size_t n;

	(void)span_u64(rows_get(r, i, "at_us"), UINT64_MAX, &us);
	s = (time_t)(us / 1000000);
	n = localtime_r(&s, &tm) ? strftime(out, cap, fmt, &tm) : 0;
	(void)snprintf(out + n, cap - n, ".%03u",
		       (unsigned)(us / 1000 % 1000));
}

/* --- lanes ------------------------------------------------------------------- */

/* The rows of one call start at `i`. The first gap is where the messages of
 * the other side stand: it is the widest. */
static void place(struct lanes *l, const struct rows *r, size_t i,
		  unsigned width)
{
	bool used[LANES] = {false};
	unsigned n = 0, unit, at = TIME_COLUMNS;

	for (; i < rows_count(r) && is_kind(r, i, "row"); i++) {
		const int from = lane_of(rows_get(r, i, "from"));
		const int to = lane_of(rows_get(r, i, "to"));

		if (from >= 0)
			used[from] = true;
		if (to >= 0)
			used[to] = true;
	}
	for (int k = 0; k < LANES; k++)
		n += used[k];
	*l = (struct lanes){.width = width};
	unit = (width - TIME_COLUMNS - NOTE_COLUMNS) / (n ? n : 1);
	for (int k = 0; k < LANES; k++) {
		if (!used[k])
			continue;
		l->at[k] = at;
		at += at == TIME_COLUMNS ? 2 * unit : unit;
	}
}

static void start(struct canvas *c, const struct lanes *l)
{
	clear(c, l->width);
	for (int k = 0; k < LANES; k++)
		if (l->at[k])
			put_char(c, l->at[k], "|", 1);
}

static void put_names(FILE *f, const struct lanes *l)
{
	struct canvas c;

	clear(&c, l->width);
	for (int k = 0; k < LANES; k++)
		if (l->at[k])
			(void)put_text(&c, l->at[k], lane_names[k], 8);
	flush_line(f, &c);
}

/* --- one row ------------------------------------------------------------------ */

/* "SIP/2.0" says nothing here. */
static void label_of(const struct rows *r, size_t i, char out[LABEL_MAX])
{
	static const char version[] = "SIP/2.0";
	char what[TEXT_MAX], detail[TEXT_MAX];
	const size_t v = sizeof(version) - 1;
	const char *from = what;
	size_t n;

	clean(r, i, "what", what);
	clean(r, i, "detail", detail);
	n = strlen(what);
	if (strncmp(what, version, v) == 0 && what[v] == ' ')
		from += v + 1;
	else if (n > v && strcmp(what + n - v, version) == 0)
		what[n - v - 1] = 0;
	(void)snprintf(out, LABEL_MAX, "%s%s%s", from, *detail ? ": " : "",
		       detail);
}

static void put_arrow(struct canvas *c, unsigned a, unsigned b, bool right,
		      const char *label)
{
	const unsigned room = b - a - 1;
	struct canvas text;
	unsigned n;

	for (unsigned i = a + 1; i < b; i++)
		put_char(c, i, "-", 1);
	put_char(c, right ? b - 1 : a + 1, right ? ">" : "<", 1);
	if (room < 6)
		return;
	clear(&text, LADDER_WIDTH_MAX);
	n = put_text(&text, 0, label, room - 4);
	for (unsigned i = 0; i < n; i++)
		put_char(c, a + 1 + (room - n) / 2 + i, text.at[i],
			 strlen(text.at[i]));
}

static void put_row(FILE *f, const struct lanes *l, const struct rows *r,
		    size_t i)
{
	const int from = lane_of(rows_get(r, i, "from"));
	const int to = lane_of(rows_get(r, i, "to"));
	char label[LABEL_MAX], time[32];
	struct canvas c;

	if (from < 0 || to < 0)
		return;
	start(&c, l);
	put_time(r, i, "%H:%M:%S", time, sizeof(time));
	(void)put_text(&c, 0, time, TIME_COLUMNS - 1);
	label_of(r, i, label);
	if (from == to) {
		put_char(&c, l->at[from], "*", 1);
		put_char(&c, l->at[from] + 1, " ", 1);
		(void)put_text(&c, l->at[from] + 2, label,
			       l->width - l->at[from] - 2);
	} else if (from < to) {
		put_arrow(&c, l->at[from], l->at[to], true, label);
	} else {
		put_arrow(&c, l->at[to], l->at[from], false, label);
	}
	flush_line(f, &c);
}

static void put_headers(FILE *f, const struct rows *r, size_t i)
{
	struct span rest = rows_get(r, i, "headers"), line;
	char text[TEXT_MAX];
	bool more = rest.n != 0;

	while (more) {
		more = span_split(rest, '\n', &line, &rest);
		if (!line.n)
			continue;
		(void)print_clean(text, sizeof(text), line);
		(void)fprintf(f, "%*s%s\n", TIME_COLUMNS + 2, "", text);
	}
}

static void put_head(FILE *f, const struct rows *r, size_t i)
{
	static const char *const fields[] = {"way", "source", "alias",
		"outcome", "why", "call_id", "rows_left_out"};
	char text[TEXT_MAX], time[64];

	clean(r, i, "reference", text);
	put_time(r, i, "%Y-%m-%d %H:%M:%S", time, sizeof(time));
	(void)fprintf(f, "\nreference %s  %s\n", *text ? text : "-", time);
	for (size_t k = 0; k < sizeof(fields) / sizeof(*fields); k++) {
		clean(r, i, fields[k], text);
		if (*text && strcmp(text, "0") != 0)
			(void)fprintf(f, "  %-13s %s\n", fields[k], text);
	}
}

static void put_note(FILE *f, const struct rows *r, size_t i)
{
	char text[TEXT_MAX];

	clean(r, i, "what", text);
	if (*text)
		(void)fprintf(f, "\n%s\n", text);
	clean(r, i, "messages_left_out", text);
	if (*text)
		(void)fprintf(f, "\n%s messages were left out\n", text);
}

void ladder_print(FILE *f, const struct rows *r, unsigned width, bool headers)
{
	struct lanes l = {.width = 0};

	width = width < LADDER_WIDTH_MIN ? LADDER_WIDTH_MIN :
		width > LADDER_WIDTH_MAX ? LADDER_WIDTH_MAX : width;
	for (size_t i = 0; i < rows_count(r); i++) {
		if (is_kind(r, i, "call")) {
			put_head(f, r, i);
			place(&l, r, i + 1, width);
			put_names(f, &l);
		} else if (is_kind(r, i, "note")) {
			put_note(f, r, i);
		} else if (is_kind(r, i, "row") && l.width) {
			put_row(f, &l, r, i);
			if (headers)
				put_headers(f, r, i);
		}
	}
}
