#include "core/audit/audit.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "core/audit/audit_int.h"
#include "core/audit/crowd.h"

#define MINUTE_NS (60 * NS_PER_S)
#define DAY_US (INT64_C(86400) * 1000000)
#define DAY_MS UINT64_C(86400000)

enum { FIRST_MAX = 64, PURSE_MIN = 8 * AUDIT_LINE_MAX };

/* One kind of refusal from one source in this minute. */
struct burst {
	struct list at;
	const char *action;
	struct purse *purse;
	bool is_silent;
	uint64_t n, told;	/* told: by lines, or among the crowd */
	char first[FIRST_MAX];	/* what the first was about, cut */
	size_t first_n;
	size_t source_n;
	uint8_t key[];		/* action, NUL, source */
};

/* Bytes that lines of one kind may take: so many a day, and at most a day's
 * at once. */
struct purse {
	uint64_t per_day, left, at_ms;
};

struct buffer {
	char *p;
	size_t n, cap;
};

struct audit {
	struct audit_cfg cfg;
	const struct file_ops *fs;
	char dir[AUDIT_PATH_MAX - 64];

	/* Main thread only. */
	struct map *bursts;
	struct list burst_order;
	uint64_t minute_ns, crowd_ns;
	struct purse refusals, bans;
	struct crowd *crowd;
	uint64_t lost;			/* to be told by the next line */
	void (*on_dirty)(void *arg);
	void *on_dirty_arg;

	pthread_mutex_t lock;		/* guards the next block */
	struct buffer pending;
	struct chain chain;		/* behind the last pending line */
	int64_t last_wall_us;
	uint64_t last_mono_ns;
	struct audit_stats stats;

	/* Writer thread only. */
	struct buffer taken;		/* being written, or to be tried again */
	struct chain taken_chain, written;
	int64_t taken_wall_us;
	struct file *file;
	uint64_t segment, first_seq, file_bytes, anchors_bytes;
	bool must_truncate, must_fix_anchors, has_reserve;
	struct anchor *sealed;		/* those whose file may still exist */
	size_t n_sealed, sealed_cap, oldest;
};

/* --- buffers -------------------------------------------------------------- */

static int buffer_add(struct buffer *b, const char *p, size_t n)
{
	if (n > b->cap - b->n) {
		size_t cap = b->cap ? b->cap : 16384;
		while (cap - b->n < n)
			cap *= 2;
		char *grown = mem_realloc(b->p, cap);
		if (grown == NULL)
			return E_NOMEM;
		b->p = grown;
		b->cap = cap;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

/* --- main thread: lines --------------------------------------------------- */

/* Its length, or an error. */
static int put_line(struct audit *a, const struct audit_event *ev,
		    int64_t wall_us, uint64_t mono_ns)
{
	char line[AUDIT_LINE_MAX];
	int e = 0;
	(void)pthread_mutex_lock(&a->lock);
	struct chain next = a->chain;
	size_t n = chain_line(&next, line, ev, wall_us, mono_ns, &e);
	if (e == 0 && a->pending.n + n > AUDIT_PENDING_MAX)
		e = E_FULL;
	if (e == 0)
		e = buffer_add(&a->pending, line, n);
	if (e == 0) {
		a->chain = next;
		a->last_wall_us = wall_us;
		a->last_mono_ns = mono_ns;
		a->stats.written++;
	} else {
		a->stats.dropped++;
	}
	(void)pthread_mutex_unlock(&a->lock);
	if (e == 0 && a->on_dirty != NULL)
		a->on_dirty(a->on_dirty_arg);
	return e < 0 ? e : (int)n;
}

/* Our own lines: about the log itself. */
static int put_own(struct audit *a, const char *action, const char *detail,
		   enum audit_outcome outcome, int64_t wall_us,
		   uint64_t mono_ns)
{
	struct audit_event ev = {
		.who = SPAN_LIT("core"), .source = SPAN_LIT("local"),
		.action = action, .object = SPAN_LIT("audit"),
		.outcome = outcome, .detail = span_str(detail)};
	int e = put_line(a, &ev, wall_us, mono_ns);
	return e < 0 ? e : 0;
}

static void tell_lost(struct audit *a, int64_t wall_us, uint64_t mono_ns)
{
	char text[64];
	if (a->lost == 0)
		return;
	(void)snprintf(text, sizeof(text), "%llu records could not be kept",
		       (unsigned long long)a->lost);
	if (put_own(a, "audit.lost", text, AUDIT_FAILED, wall_us,
		    mono_ns) == 0)
		a->lost = 0;
}

/* --- main thread: parts ---------------------------------------------------- */

static void purse_init(struct purse *p, const struct audit_cfg *cfg,
		       unsigned eighths, uint64_t mono_ns)
{
	uint64_t all = (uint64_t)cfg->segment_max * cfg->keep_segments;
	p->per_day = all / 8 * eighths / cfg->keep_days;
	if (p->per_day < PURSE_MIN)
		p->per_day = PURSE_MIN;
	p->left = p->per_day;
	p->at_ms = mono_ns / NS_PER_MS;
}

static bool purse_has_room(struct purse *p, uint64_t mono_ns)
{
	uint64_t ms = mono_ns / NS_PER_MS - p->at_ms;
	if (ms >= DAY_MS) {
		p->left = p->per_day;
		p->at_ms = mono_ns / NS_PER_MS;
	} else {
		/* What is less than a byte stays for the next time. */
		uint64_t more = ms * p->per_day / DAY_MS;
		p->at_ms += more * DAY_MS / p->per_day;
		p->left = p->left + more < p->per_day ? p->left + more :
			  p->per_day;
	}
	return p->left >= AUDIT_LINE_MAX;
}

static void count_one(struct audit *a)
{
	(void)pthread_mutex_lock(&a->lock);
	a->stats.aggregated++;
	(void)pthread_mutex_unlock(&a->lock);
}

static int put_from(struct audit *a, struct purse *p,
		    const struct audit_event *ev, int64_t wall_us,
		    uint64_t mono_ns)
{
	int n;
	if (p != NULL && !purse_has_room(p, mono_ns)) {
		crowd_add(a->crowd, ev->action, ev->source, 1);
		count_one(a);
		return 0;
	}
	n = put_line(a, ev, wall_us, mono_ns);
	if (n > 0 && p != NULL)
		p->left -= (uint64_t)n;
	return n;
}

static bool is_ours(struct span source)
{
	return source.n == 0 || span_eq(source, SPAN_LIT("local"));
}

/* --- main thread: aggregation --------------------------------------------- */

static struct burst *burst_new(struct audit *a, const struct audit_event *ev,
			       struct span key)
{
	if (map_count(a->bursts) >= AUDIT_SOURCES_MAX)
		return NULL;
	struct burst *b = mem_zalloc(sizeof(*b) + key.n);
	if (b == NULL)
		return NULL;
	list_init(&b->at);
	b->action = ev->action;
	b->purse = is_ours(ev->source) ? NULL : &a->refusals;
	b->is_silent = ev->kind == AUDIT_SILENT;
	b->first_n = ev->object.n < FIRST_MAX ? ev->object.n : FIRST_MAX;
	if (b->first_n > 0)
		memcpy(b->first, ev->object.p, b->first_n);
	memcpy(b->key, key.p, key.n);
	b->source_n = key.n - strlen(ev->action) - 1;
	if (map_put(a->bursts, span_of(b->key, key.n), b) < 0) {
		mem_free(b);
		return NULL;
	}
	list_add_tail(&a->burst_order, &b->at);
	return b;
}

static struct burst *burst_of(struct audit *a, const struct audit_event *ev)
{
	uint8_t key[256];
	size_t an = strlen(ev->action), sn = ev->source.n;
	if (an > 64)
		return NULL;
	if (sn > sizeof(key) - an - 1)
		sn = sizeof(key) - an - 1;
	memcpy(key, ev->action, an);
	key[an] = 0;
	if (sn > 0)
		memcpy(key + an + 1, ev->source.p, sn);
	struct span k = span_of(key, an + 1 + sn);
	struct burst *b = map_get(a->bursts, k);
	return b != NULL ? b : burst_new(a, ev, k);
}

/* A line of the burst's own, when the minute is over. */
static void tell_burst(struct audit *a, struct burst *b, int64_t wall_us,
		       uint64_t mono_ns)
{
	char text[96];
	const bool is_first = b->told == 0;
	const unsigned long long n = b->n - b->told;
	struct audit_event ev = {
		.source = span_of(b->key + strlen(b->action) + 1, b->source_n),
		.action = is_first ? b->action : "repeated",
		.object = is_first ? span_of(b->first, b->first_n) :
			  span_str(b->action),
		.outcome = AUDIT_DENIED};
	if (b->purse != NULL && !purse_has_room(b->purse, mono_ns)) {
		crowd_add(a->crowd, b->action, ev.source, n);
		return;
	}
	(void)snprintf(text, sizeof(text), is_first ? "%llu in a minute" :
		       "%llu more in a minute", n);
	ev.detail = span_str(text);
	if (put_from(a, b->purse, &ev, wall_us, mono_ns) < 0)
		a->lost++;
}

static void close_burst(struct audit *a, struct burst *b, int64_t wall_us,
			uint64_t mono_ns)
{
	if (b->n > b->told && !b->is_silent)
		tell_burst(a, b, wall_us, mono_ns);
	list_del(&b->at);
	(void)map_del(a->bursts, span_of(b->key, strlen(b->action) + 1 +
					 b->source_n));
	mem_free(b);
}

static void tell_crowd(struct audit *a, int64_t wall_us, uint64_t mono_ns)
{
	char text[CROWD_TEXT_MAX];
	const char *action;
	a->crowd_ns = mono_ns;
	while (crowd_take(a->crowd, &action, text)) {
		struct audit_event ev = {
			.who = SPAN_LIT("core"), .source = SPAN_LIT("local"),
			.action = "repeated", .object = span_str(action),
			.outcome = AUDIT_DENIED, .detail = span_str(text)};
		if (put_line(a, &ev, wall_us, mono_ns) < 0)
			a->lost++;
	}
}

void audit_tick(struct audit *a, int64_t wall_us, uint64_t mono_ns)
{
	tell_lost(a, wall_us, mono_ns);
	if (mono_ns - a->minute_ns < MINUTE_NS)
		return;
	a->minute_ns = mono_ns;
	list_each(it, tmp, &a->burst_order)
		close_burst(a, list_entry(it, struct burst, at), wall_us,
			    mono_ns);
	if (mono_ns - a->crowd_ns >= AUDIT_CROWD_S * NS_PER_S)
		tell_crowd(a, wall_us, mono_ns);
}

static bool is_limited(const struct audit_event *ev)
{
	if (ev->kind == AUDIT_PLAIN)
		return ev->outcome != AUDIT_OK;
	return ev->kind == AUDIT_COUNT || ev->kind == AUDIT_SILENT;
}

/* Counted: 0. Its line is to be written: 1. */
static int count(struct audit *a, const struct audit_event *ev,
		 struct burst **out)
{
	const bool is_later = ev->kind == AUDIT_COUNT ||
			      ev->kind == AUDIT_SILENT;
	struct burst *b = burst_of(a, ev);
	*out = b;
	if (b == NULL && ev->kind != AUDIT_SILENT)
		crowd_add(a->crowd, ev->action, ev->source, 1);
	if (b != NULL)
		b->n++;
	if (b != NULL && !is_later && b->told < AUDIT_BURST) {
		b->told++;
		return 1;
	}
	count_one(a);
	return 0;
}

int audit_write(struct audit *a, const struct audit_event *ev,
		int64_t wall_us, uint64_t mono_ns)
{
	struct purse *p = ev->kind == AUDIT_BAN ? &a->bans : NULL;
	struct burst *b = NULL;
	if (is_limited(ev) && !count(a, ev, &b))
		return 0;
	if (b != NULL)
		p = b->purse;
	tell_lost(a, wall_us, mono_ns);
	int e = put_from(a, p, ev, wall_us, mono_ns);
	if (e < 0)
		a->lost++;
	return e < 0 ? e : 0;
}

void audit_on_dirty(struct audit *a, void (*fn)(void *arg), void *arg)
{
	a->on_dirty = fn;
	a->on_dirty_arg = arg;
}

/* --- writer thread: the reserve ------------------------------------------- */

static void reserve_path(const struct audit *a, char dst[AUDIT_PATH_MAX])
{
	(void)snprintf(dst, AUDIT_PATH_MAX, "%s/reserve", a->dir);
}

/* Not having one is no reason to stop: the log itself is what matters. */
static void make_reserve(struct audit *a)
{
	char path[AUDIT_PATH_MAX];
	struct file *f;
	reserve_path(a, path);
	uint8_t *zero = mem_zalloc(AUDIT_RESERVE);
	(void)a->fs->remove(a->fs->ctx, path);
	if (zero == NULL || a->fs->open(a->fs->ctx, &f, path, true) < 0) {
		mem_free(zero);
		return;
	}
	int e = a->fs->append(a->fs->ctx, f, span_of(zero, AUDIT_RESERVE));
	if (e == 0)
		e = a->fs->sync(a->fs->ctx, f);
	a->fs->close(a->fs->ctx, f);
	mem_free(zero);
	a->has_reserve = e == 0;
	if (e < 0)
		(void)a->fs->remove(a->fs->ctx, path);
}

static bool give_reserve_back(struct audit *a)
{
	char path[AUDIT_PATH_MAX];
	if (!a->has_reserve)
		return false;
	a->has_reserve = false;
	reserve_path(a, path);
	log_error("audit", "disk full: the reserve is given back",
		  LOG_U("bytes", AUDIT_RESERVE));
	return a->fs->remove(a->fs->ctx, path) == 0;
}

/* --- writer thread: segments ---------------------------------------------- */

static int open_segment(struct audit *a)
{
	char path[AUDIT_PATH_MAX];
	audit_segment_path(path, a->dir, a->segment);
	return a->fs->open(a->fs->ctx, &a->file, path, true);
}

static int remember_anchor(struct audit *a, const struct anchor *x)
{
	if (a->n_sealed == a->sealed_cap) {
		size_t cap = a->sealed_cap ? a->sealed_cap * 2 : 64;
		struct anchor *p = mem_realloc(a->sealed, cap * sizeof(*p));
		if (p == NULL)
			return E_NOMEM;
		a->sealed = p;
		a->sealed_cap = cap;
	}
	a->sealed[a->n_sealed++] = *x;
	return 0;
}

static int write_anchor(struct audit *a, struct file *f, struct span line)
{
	const struct file_ops *fs = a->fs;
	/* A torn line of an earlier try. */
	int e = a->must_fix_anchors ?
		fs->truncate(fs->ctx, f, a->anchors_bytes) : 0;
	if (e < 0)
		return e;
	a->must_fix_anchors = true;
	e = fs->append(fs->ctx, f, line);
	if (e == 0)
		e = fs->sync(fs->ctx, f);
	if (e < 0)
		return e;
	a->must_fix_anchors = false;
	a->anchors_bytes += line.n;
	return 0;
}

static int append_anchor(struct audit *a, const struct anchor *x)
{
	char path[AUDIT_PATH_MAX], line[256];
	struct file *f;
	size_t n = anchor_print(x, line);
	audit_anchors_path(path, a->dir);
	int e = a->fs->open(a->fs->ctx, &f, path, true);
	if (e < 0)
		return e;
	e = write_anchor(a, f, span_of(line, n));
	a->fs->close(a->fs->ctx, f);
	return e == 0 ? remember_anchor(a, x) : e;
}

static bool is_expired(const struct audit *a, int64_t wall_us)
{
	const struct anchor *x = &a->sealed[a->oldest];
	return a->n_sealed - a->oldest > a->cfg.keep_segments ||
	       x->wall_us < wall_us - a->cfg.keep_days * DAY_US;
}

/* Says so in the log, so that a gap at the front has its explanation. */
static void drop_expired(struct audit *a, int64_t wall_us, uint64_t mono_ns)
{
	char path[AUDIT_PATH_MAX], text[96];
	for (; a->oldest < a->n_sealed && is_expired(a, wall_us);
	     a->oldest++) {
		const struct anchor *x = &a->sealed[a->oldest];
		audit_segment_path(path, a->dir, x->segment);
		int e = a->fs->remove(a->fs->ctx, path);
		if (e == E_NOTFOUND)
			continue;
		if (e < 0)
			return;
		(void)snprintf(text, sizeof(text),
			       "segment %llu, records %llu to %llu",
			       (unsigned long long)x->segment,
			       (unsigned long long)x->first,
			       (unsigned long long)x->last);
		(void)put_own(a, "audit.retention", text, AUDIT_OK, wall_us,
			      mono_ns);
		(void)pthread_mutex_lock(&a->lock);
		a->stats.segments_dropped++;
		(void)pthread_mutex_unlock(&a->lock);
	}
}

/* On failure the segment just grows on and is sealed later. */
static void seal_segment(struct audit *a, int64_t wall_us, uint64_t mono_ns)
{
	struct anchor x = {.segment = a->segment, .first = a->first_seq,
			   .last = a->written.seq, .wall_us = wall_us};
	memcpy(x.hash, a->written.hash, sizeof(x.hash));
	if (append_anchor(a, &x) < 0)
		return;
	if (a->file != NULL)
		a->fs->close(a->fs->ctx, a->file);
	a->file = NULL;
	a->segment++;
	a->first_seq = a->written.seq + 1;
	a->file_bytes = 0;
	drop_expired(a, wall_us, mono_ns);
	if (a->cfg.reserve && !a->has_reserve)
		make_reserve(a);
}

static int write_taken(struct audit *a)
{
	const struct file_ops *fs = a->fs;
	int e = a->file == NULL ? open_segment(a) : 0;
	if (e == 0 && a->must_truncate)
		e = fs->truncate(fs->ctx, a->file, a->file_bytes);
	if (e < 0)
		return e;
	a->must_truncate = true;
	e = fs->append(fs->ctx, a->file, span_of(a->taken.p, a->taken.n));
	if (e == 0)
		e = fs->sync(fs->ctx, a->file);
	if (e < 0)
		return e;
	a->must_truncate = false;
	a->file_bytes += a->taken.n;
	a->taken.n = 0;
	a->written = a->taken_chain;
	return 0;
}

/* Lines that could not be written stay first in the queue. */
static bool take(struct audit *a, uint64_t *mono_ns)
{
	(void)pthread_mutex_lock(&a->lock);
	if (a->taken.n == 0 && a->pending.n > 0) {
		struct buffer empty = a->taken;
		a->taken = a->pending;
		a->pending = empty;
		a->taken_chain = a->chain;
		a->taken_wall_us = a->last_wall_us;
	}
	*mono_ns = a->last_mono_ns;
	(void)pthread_mutex_unlock(&a->lock);
	return a->taken.n > 0;
}

static void note_result(struct audit *a, int e)
{
	(void)pthread_mutex_lock(&a->lock);
	a->stats.sync_errors += e < 0;
	a->stats.is_disk_full = e == E_NOSPACE;
	(void)pthread_mutex_unlock(&a->lock);
}

int audit_sync(void *audit)
{
	struct audit *a = audit;
	uint64_t mono_ns;
	int e = 0;
	/* Twice: lines left from a failure, then the new ones. */
	for (int round = 0; round < 2 && e == 0 && take(a, &mono_ns);
	     round++) {
		e = write_taken(a);
		if (e == E_NOSPACE && give_reserve_back(a)) {
			(void)put_own(a, "audit.disk_full",
				      "the reserve was given back",
				      AUDIT_FAILED, a->taken_wall_us, mono_ns);
			e = write_taken(a);
		}
		if (e == 0 && a->file_bytes >= a->cfg.segment_max)
			seal_segment(a, a->taken_wall_us, mono_ns);
	}
	note_result(a, e);
	return e;
}

/* --- opening -------------------------------------------------------------- */

struct found {
	uint64_t torn_bytes, bad_line;
};

static int load_anchors(struct audit *a)
{
	size_t n = 0, whole = 0;
	uint64_t bad_line = 0;
	int e = anchors_read(a->fs, a->dir, &a->sealed, &n, &whole,
			     &bad_line);
	if (e < 0)
		return e;
	a->n_sealed = a->sealed_cap = n;
	a->anchors_bytes = whole;
	a->must_fix_anchors = true;	/* a torn last line, perhaps */
	a->segment = n + 1;
	if (n == 0)
		return 0;
	a->chain.seq = a->sealed[n - 1].last;
	memcpy(a->chain.hash, a->sealed[n - 1].hash, SHA256_LEN);
	return 0;
}

static void walk_running(struct audit *a, struct span text, struct found *f)
{
	struct span rest = text, line;
	for (uint64_t n = 1; rest.n > 0; n++) {
		if (!span_split(rest, '\n', &line, &rest)) {
			f->torn_bytes = line.n;
			return;
		}
		if (chain_check(&a->chain, line) < 0) {
			f->bad_line = n;
			return;
		}
		a->file_bytes += line.n + 1;
	}
}

static int load_running(struct audit *a, struct found *f)
{
	char path[AUDIT_PATH_MAX];
	uint8_t *text = NULL;
	size_t n = 0;
	audit_segment_path(path, a->dir, a->segment);
	int e = a->fs->read_all(a->fs->ctx, path, AUDIT_FILE_MAX, &text, &n);
	if (e == E_NOTFOUND)
		return 0;
	if (e < 0)
		return e;
	walk_running(a, span_of(text, n), f);
	mem_free(text);
	return 0;
}

/* A torn tail is cut off by the first write. A line that does not fit stays
 * where it is, for audit_verify() to name. */
static int settle(struct audit *a, const struct found *f, int64_t wall_us,
		  uint64_t mono_ns)
{
	char text[96];
	a->must_truncate = true;
	if (f->torn_bytes > 0) {
		(void)snprintf(text, sizeof(text), "%llu bytes of a half-"
			       "written record were cut off",
			       (unsigned long long)f->torn_bytes);
		return put_own(a, "audit.torn", text, AUDIT_FAILED, wall_us,
			       mono_ns);
	}
	if (f->bad_line == 0)
		return 0;
	uint64_t segment = a->segment;
	a->must_truncate = false;
	a->written = a->chain;
	seal_segment(a, wall_us, mono_ns);
	if (a->segment == segment)
		return E_SYS;
	(void)snprintf(text, sizeof(text), "segment %llu, line %llu does not "
		       "fit the chain", (unsigned long long)segment,
		       (unsigned long long)f->bad_line);
	log_error("audit", "the log was changed", LOG_U("segment", segment),
		  LOG_U("line", f->bad_line));
	return put_own(a, "audit.damaged", text, AUDIT_FAILED, wall_us,
		       mono_ns);
}

static int init(struct audit *a, const struct audit_cfg *cfg)
{
	a->cfg = *cfg;
	a->fs = cfg->files ? cfg->files : file_ops_real();
	list_init(&a->burst_order);
	if (pthread_mutex_init(&a->lock, NULL) != 0)
		return E_NOMEM;
	int n = snprintf(a->dir, sizeof(a->dir), "%s", cfg->dir);
	if (n < 0 || (size_t)n >= sizeof(a->dir))
		return E_INVAL;
	if (cfg->segment_max == 0)
		a->cfg.segment_max = AUDIT_SEGMENT_MAX;
	if (cfg->keep_days == 0)
		a->cfg.keep_days = AUDIT_KEEP_DAYS;
	if (cfg->keep_segments == 0)
		a->cfg.keep_segments = AUDIT_SEGMENTS_MAX;
	if (cfg->files == NULL && mkdir(a->dir, 0700) < 0 && errno != EEXIST)
		return errno == ENOSPC ? E_NOSPACE : E_DENIED;
	int e = crowd_new(&a->crowd);
	return e < 0 ? e : map_new(&a->bursts, AUDIT_SOURCES_MAX);
}

static int open_inside(struct audit *a, const struct audit_cfg *cfg,
		       int64_t wall_us, uint64_t mono_ns)
{
	struct found f = {0, 0};
	int e = init(a, cfg);
	if (e == 0)
		e = load_anchors(a);
	a->first_seq = a->chain.seq + 1;
	a->minute_ns = a->crowd_ns = mono_ns;
	if (e == 0) {
		purse_init(&a->refusals, &a->cfg, 3, mono_ns);
		purse_init(&a->bans, &a->cfg, 2, mono_ns);
		e = load_running(a, &f);
	}
	a->written = a->chain;
	if (e == 0)
		e = settle(a, &f, wall_us, mono_ns);
	if (e == 0)
		e = put_own(a, "audit.opened", "", AUDIT_OK, wall_us, mono_ns);
	if (e == 0 && a->cfg.reserve)
		make_reserve(a);
	return e == 0 ? audit_sync(a) : e;
}

static void destroy(struct audit *a)
{
	list_each(it, tmp, &a->burst_order) {
		list_del(it);
		mem_free(list_entry(it, struct burst, at));
	}
	if (a->file != NULL)
		a->fs->close(a->fs->ctx, a->file);
	map_free(&a->bursts);
	crowd_free(&a->crowd);
	mem_free(a->pending.p);
	mem_free(a->taken.p);
	mem_free(a->sealed);
	(void)pthread_mutex_destroy(&a->lock);
	mem_free(a);
}

int audit_open(struct audit **out, const struct audit_cfg *cfg,
	       int64_t wall_us, uint64_t mono_ns)
{
	struct audit *a = mem_zalloc(sizeof(*a));
	if (a == NULL)
		return E_NOMEM;
	int e = open_inside(a, cfg, wall_us, mono_ns);
	if (e < 0) {
		destroy(a);
		return e;
	}
	*out = a;
	return 0;
}

void audit_close(struct audit **pa)
{
	if (*pa == NULL)
		return;
	/* Too late to tell anybody. */
	(void)audit_sync(*pa);
	destroy(*pa);
	*pa = NULL;
}

void audit_stats(struct audit *a, struct audit_stats *out)
{
	(void)pthread_mutex_lock(&a->lock);
	*out = a->stats;
	(void)pthread_mutex_unlock(&a->lock);
}
