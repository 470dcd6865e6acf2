/* core/trace.h - what was decided about the last calls, for conclave trace.
 *
 * One entry for each call, join or refusal: who asked for what, and up to
 * TRACE_ROWS_MAX rows of what happened, by constant words and a short detail.
 * An entry's number (16 hex digits, random) is the reference that a refused
 * caller is shown: it says nothing about whom he called, and every refusal
 * has one of the same form.
 *
 * Memory is fixed: TRACE_CALLS_MAX entries. When all are used, the oldest
 * that never got inside gives way, first one of the same source when that has
 * TRACE_SOURCE_MAX of them; only when there is none the oldest of all. So a
 * flood of refusals pushes no call out, and one source pushes itself out.
 *
 * No PIN, digit, token or key may be put in: rows are written where decisions
 * are made, with text of ours, names of rows and addresses.
 *
 * Nothing here reads a clock or logs. Not thread safe; owned by core.
 */
#pragma once
#include "base/addr.h"

enum {
	TRACE_CALLS_MAX = 1024,
	TRACE_ROWS_MAX = 40,		/* of one entry; the first half stays,
					 * of the second the newest */
	TRACE_SOURCE_MAX = 64,		/* of one source, never inside */
	TRACE_DETAIL_MAX = 48,
	TRACE_ALIAS_MAX = 128, TRACE_CALL_ID_MAX = 128,
	TRACE_REF_LEN = 16,
};

/* Who is drawn; a row goes from one to another, or stays with one. */
enum trace_lane {
	TRACE_PEER = 0, TRACE_SIP, TRACE_WEB, TRACE_CORE, TRACE_COURIER,
	TRACE_MEDIA, TRACE_LANES
};
const char *trace_lane_name(enum trace_lane l);

struct trace_row {
	int64_t at_us;			/* wall clock */
	const char *what;		/* constant */
	uint8_t from, to;		/* enum trace_lane */
	char detail[TRACE_DETAIL_MAX];
};

struct trace_call {
	uint64_t id;			/* 0 = none */
	char ref[TRACE_REF_LEN + 1];
	char way[12];			/* "sip in", "sip out", "web" */
	int64_t at_us;
	struct addr source;
	char alias[TRACE_ALIAS_MAX];	/* as it was dialled; may be cut */
	char call_id[TRACE_CALL_ID_MAX + 1];
	uint64_t call;			/* of `conclave sip calls`, 0 = none */
	char uuid[40];			/* of the participant, or "" */
	bool inside, refused;
	const char *why;		/* constant, of a refusal */
	uint32_t n_rows;		/* ever */
	struct trace_row rows[TRACE_ROWS_MAX];
};

struct trace;

int  trace_new(struct trace **out);
void trace_free(struct trace **t);

/* A new entry; never 0. `way` is constant. */
uint64_t trace_open(struct trace *t, const char *way, const struct addr *source,
		    struct span alias, int64_t at_us);
/* The newest of this Call-ID that was named so, 0 = none: another may have
 * taken its place in the table. */
uint64_t trace_of_call_id(const struct trace *t, struct span call_id);
/* The reference; a number that belongs to nothing when the entry is gone:
 * whoever is refused is shown one. */
void trace_reference(struct trace *t, uint64_t id, char out[TRACE_REF_LEN + 1]);
/* NULL: it gave way to others. */
struct trace_call *trace_get(struct trace *t, uint64_t id);
void trace_put(struct trace *t, uint64_t id, int64_t at_us,
	       enum trace_lane from, enum trace_lane to, const char *what,
	       struct span detail);
void trace_inside(struct trace *t, uint64_t id);
/* NULL: no more. */
void trace_refused(struct trace *t, uint64_t id, const char *why);
void trace_name_call(struct trace *t, uint64_t id, struct span call_id,
		     uint64_t call);
void trace_name_person(struct trace *t, uint64_t id, const char *uuid);
/* Rows in order; the number that are there, at most TRACE_ROWS_MAX. */
size_t trace_rows(const struct trace_call *x,
		  const struct trace_row *out[TRACE_ROWS_MAX]);
/* From the newest to the oldest: starts with *it = 0, NULL at the end. */
const struct trace_call *trace_each(const struct trace *t, size_t *it);
