#include "core/trace.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"

enum { KEPT = TRACE_ROWS_MAX / 2, BY_CALL_ID = 1024 };

/* What choosing a place needs, apart from the rows: a few cache lines. */
struct mark {
	uint64_t age;			/* 0 = free */
	uint32_t source;		/* a hash */
	bool inside;
};

struct trace {
	uint64_t opened;		/* ever */
	struct mark marks[TRACE_CALLS_MAX];
	uint64_t by_call_id[BY_CALL_ID];
	struct trace_call calls[TRACE_CALLS_MAX];
};

const char *trace_lane_name(enum trace_lane l)
{
	static const char *const names[TRACE_LANES] = {
		"peer", "sip", "web", "core", "courier", "media"};

	return (size_t)l < TRACE_LANES ? names[l] : "?";
}

int trace_new(struct trace **out)
{
	struct trace *t = mem_zalloc(sizeof(*t));

	if (!t)
		return E_NOMEM;
	*out = t;
	return 0;
}

void trace_free(struct trace **t)
{
	mem_free(*t);
	*t = NULL;
}

/* --- places ---------------------------------------------------------------- */

static uint32_t hash(struct span s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 16777619u;
	return h;
}

/* Of an IPv4 address or an IPv6 /64 (addr_is_same_source). Who collides with
 * somebody only shares his part. */
static uint32_t source_hash(const struct addr *a)
{
	return hash(span_of(a->ip, addr_is_v4(a) ? sizeof(a->ip) : 8));
}

static bool is_older(const struct trace *t, size_t i, size_t than)
{
	return than == SIZE_MAX || t->marks[i].age < t->marks[than].age;
}

static size_t choose(const struct trace *t, uint32_t source)
{
	size_t theirs = SIZE_MAX, outside = SIZE_MAX, any = SIZE_MAX, n = 0;

	for (size_t i = 0; i < TRACE_CALLS_MAX; i++) {
		const struct mark *m = &t->marks[i];

		if (is_older(t, i, any))
			any = i;
		if (m->age && m->inside)
			continue;
		if (is_older(t, i, outside))
			outside = i;
		if (!m->age || m->source != source)
			continue;
		n++;
		if (is_older(t, i, theirs))
			theirs = i;
	}
	if (n >= TRACE_SOURCE_MAX)
		return theirs;
	return outside != SIZE_MAX ? outside : any;
}

static size_t slot_of(uint64_t id)
{
	return (size_t)(id % TRACE_CALLS_MAX);
}

static void put_text(char *dst, size_t cap, struct span s)
{
	if (s.n >= cap)
		s.n = cap - 1;
	if (span_cstr(s, dst, cap) < 0)
		dst[0] = 0;
}

static void mint(char out[TRACE_REF_LEN + 1])
{
	const uint64_t r = rand_u64();

	hex_encode(out, &r, sizeof(r));
}

uint64_t trace_open(struct trace *t, const char *way, const struct addr *source,
		    struct span alias, int64_t at_us)
{
	const uint32_t h = source_hash(source);
	const size_t i = choose(t, h);
	struct trace_call *x = &t->calls[i];

	t->marks[i] = (struct mark){.age = ++t->opened, .source = h};
	/* Rows beyond n_rows are not looked at. */
	memset(x, 0, offsetof(struct trace_call, rows));
	x->id = t->opened * TRACE_CALLS_MAX + i;
	mint(x->ref);
	(void)snprintf(x->way, sizeof(x->way), "%s", way);
	x->at_us = at_us;
	x->source = *source;
	put_text(x->alias, sizeof(x->alias), alias);
	return x->id;
}

uint64_t trace_of_call_id(const struct trace *t, struct span call_id)
{
	char text[TRACE_CALL_ID_MAX + 1];
	uint64_t id;
	const struct trace_call *x;

	put_text(text, sizeof(text), call_id);
	id = t->by_call_id[hash(span_str(text)) % BY_CALL_ID];
	x = &t->calls[slot_of(id)];
	return id && x->id == id && strcmp(x->call_id, text) == 0 ? id : 0;
}

void trace_reference(struct trace *t, uint64_t id, char out[TRACE_REF_LEN + 1])
{
	const struct trace_call *x = trace_get(t, id);

	if (x)
		memcpy(out, x->ref, sizeof(x->ref));
	else
		mint(out);
}

struct trace_call *trace_get(struct trace *t, uint64_t id)
{
	struct trace_call *x = &t->calls[slot_of(id)];

	return id && x->id == id ? x : NULL;
}

/* --- rows ------------------------------------------------------------------ */

static size_t row_at(uint32_t n)
{
	return n < KEPT ? n : KEPT + (n - KEPT) % (TRACE_ROWS_MAX - KEPT);
}

void trace_put(struct trace *t, uint64_t id, int64_t at_us,
	       enum trace_lane from, enum trace_lane to, const char *what,
	       struct span detail)
{
	struct trace_call *x = trace_get(t, id);
	struct trace_row *r;

	if (!x)
		return;
	r = &x->rows[row_at(x->n_rows++)];
	r->at_us = at_us;
	r->what = what;
	r->from = (uint8_t)from;
	r->to = (uint8_t)to;
	put_text(r->detail, sizeof(r->detail), detail);
}

size_t trace_rows(const struct trace_call *x,
		  const struct trace_row *out[TRACE_ROWS_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < x->n_rows; i++)
		if (i < KEPT || i + (TRACE_ROWS_MAX - KEPT) >= x->n_rows)
			out[n++] = &x->rows[row_at(i)];
	return n;
}

void trace_inside(struct trace *t, uint64_t id)
{
	struct trace_call *x = trace_get(t, id);

	if (!x)
		return;
	x->inside = true;
	t->marks[slot_of(id)].inside = true;
}

void trace_refused(struct trace *t, uint64_t id, const char *why)
{
	struct trace_call *x = trace_get(t, id);

	if (!x)
		return;
	x->refused = why != NULL;
	x->why = why;
}

void trace_name_call(struct trace *t, uint64_t id, struct span call_id,
		     uint64_t call)
{
	struct trace_call *x = trace_get(t, id);

	if (!x)
		return;
	if (call_id.n) {
		put_text(x->call_id, sizeof(x->call_id), call_id);
		t->by_call_id[hash(span_str(x->call_id)) % BY_CALL_ID] = id;
	}
	x->call = call;
}

void trace_name_person(struct trace *t, uint64_t id, const char *uuid)
{
	struct trace_call *x = trace_get(t, id);

	if (x)
		put_text(x->uuid, sizeof(x->uuid), span_str(uuid));
}

/* The next younger is looked for among all: an operator's question. */
const struct trace_call *trace_each(const struct trace *t, size_t *it)
{
	const uint64_t below = *it ? *it : UINT64_MAX;
	uint64_t best = 0;
	size_t at = 0;

	for (size_t i = 0; i < TRACE_CALLS_MAX; i++)
		if (t->marks[i].age > best && t->marks[i].age < below) {
			best = t->marks[i].age;
			at = i;
		}
	if (!best)
		return NULL;
	*it = best;
	return &t->calls[at];
}
