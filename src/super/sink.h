/* super/sink.h - where the log records of all roles end.
 *
 * Each role has a pipe of its own, so that one cannot fill another's, and
 * super knows who wrote. A line that does not begin as base/log.h writes it
 * for that role (a library's message, a backtrace, a forgery) is wrapped into a
 * record of super's. Control bytes become '?'. More than SINK_LINES_PER_S
 * lines a second from one role are counted and dropped, and the count told.
 * Never waits: a full output drops.
 */
#pragma once
#include "base/log.h"
#include "base/span.h"

enum { SINK_LINES_PER_S = 200, SINK_TURN_BYTES = 65536, SINK_LAST_MAX = 512 };

enum sink_style {
	SINK_PLAIN = 0,		/* date and level as text */
	SINK_JOURNAL,		/* <level> in front, no date: journald adds it */
};

struct sink {
	int fd;
	enum sink_style style;
	uint64_t dropped;
};

struct sink_src {
	int fd;			/* read end, non-blocking */
	char name[24];		/* "web/0" */
	bool raw;		/* crash pipe: no line is a record */
	uint8_t buf[LOG_LINE_MAX];
	size_t n;
	char last[SINK_LAST_MAX];	/* raw: the newest line, printable */
	uint64_t second;
	unsigned lines, dropped;
};

void sink_init(struct sink *s, int fd, enum sink_style style);
void sink_src_init(struct sink_src *src, int fd, const char *role,
		   uint32_t instance, bool raw);
/* Reads what is there, at most SINK_TURN_BYTES. 0, or E_CLOSED at the end. */
int  sink_pump(struct sink *s, struct sink_src *src, uint64_t now_ns,
	       int64_t wall_us);
/* Pure: one line (without newline) as it goes out, newline included; returns
 * its length, never more than cap. Exposed for tests. */
size_t sink_format(char *dst, size_t cap, const struct sink_src *src,
		   struct span line, enum sink_style style, int64_t wall_us);
