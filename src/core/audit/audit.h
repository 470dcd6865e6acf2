/* core/audit/audit.h - who did what, on a chain that shows tampering.
 *
 * One JSON object a line. Every line carries a number, both clocks and the
 * SHA-256 over the line before and itself, so an edited, missing, added or
 * moved line shows. A segment that reaches AUDIT_SEGMENT_MAX is sealed: its
 * last hash and number go into `anchors`, which is never trimmed, so that
 * cutting off the end shows too; retention may then drop old sealed segments.
 * (Whole lines cut off the end of the running segment, which has no anchor
 * yet, cannot be told from lines that were never written.)
 *
 * What was allowed and done is always written. Refusals and failures of one
 * kind from one source are counted: AUDIT_BURST a minute are written, the rest
 * become one line `repeated` when the minute is over. And refusals of all
 * sources together have their part of what retention holds, spread over its
 * days; so have the guard's own bans. What finds no room in its part is summed
 * up by network (crowd.h): one line `repeated` an action every AUDIT_CROWD_S,
 * at most CROWD_ACTIONS_MAX. So however many sources there are, they never
 * push an administrator's act, a login, a join or a ban out of the log:
 *
 *   part of the bytes          written while there is room
 *   3/8, a day's part at once  refusals and failures of peers
 *   1/4, likewise              the guard's bans and their ends
 *   the rest                   sums, and everything else, always
 *
 * AUDIT_RESERVE bytes are kept aside on disk and given back when it is full,
 * so that the alarm itself is still written.
 *
 * Threads: audit_write() and audit_tick() on the main thread, audit_sync() on
 * the writer thread of the store (store_attach), audit_verify() on any.
 * Never write a PIN, token or password into a record.
 */
#pragma once
#include "base/err.h"
#include "base/span.h"

struct audit;
struct file_ops;

enum {
	AUDIT_SEGMENT_MAX = 4 * 1024 * 1024,
	AUDIT_LINE_MAX = 2048,		/* longer details are cut, marked */
	AUDIT_BURST = 10,		/* lines a minute, source and action */
	AUDIT_SOURCES_MAX = 4096,	/* counted at once */
	AUDIT_CROWD_S = 600,
	AUDIT_KEEP_DAYS = 365,		/* default retention of sealed ones */
	AUDIT_SEGMENTS_MAX = 1024,	/* hence at most 4 GB */
	AUDIT_RESERVE = 1024 * 1024,
	AUDIT_PENDING_MAX = 4 * 1024 * 1024,
};

enum audit_outcome { AUDIT_FAILED = 0, AUDIT_DENIED, AUDIT_OK };

enum audit_kind {
	AUDIT_PLAIN = 0,	/* by its outcome: limited unless it is OK */
	AUDIT_BAN,		/* the guard's own act against a source */
	AUDIT_ACT,		/* somebody's act: always written */
	AUDIT_COUNT,		/* no line now: one for the minute */
	AUDIT_SILENT,		/* none at all, at the cost of AUDIT_COUNT */
};

/* Peer text is allowed in each span; it is escaped. */
struct audit_event {
	struct span who;	/* account, uuid, "uid 0" */
	struct span source;	/* address or "local" */
	const char *action;	/* a constant: "conference.create", <= 64 */
	struct span object;	/* what it was done to */
	enum audit_outcome outcome;
	struct span detail;
	enum audit_kind kind;
};

struct audit_cfg {
	const char *dir;		/* made when absent, 0700 */
	uint32_t segment_max;		/* 0 = AUDIT_SEGMENT_MAX */
	uint32_t keep_days;		/* 0 = AUDIT_KEEP_DAYS */
	uint32_t keep_segments;		/* 0 = AUDIT_SEGMENTS_MAX */
	bool reserve;			/* keep AUDIT_RESERVE on disk */
	const struct file_ops *files;	/* tests; NULL = the real ones */
};

/* Continues the chain. A torn last line (a crash) is cut off and reported by
 * a line of its own. A running segment that does not fit its chain is sealed
 * as it is, the next one starts behind its last good line and says so.
 * E_NOMEM, E_SYS, E_DENIED, E_NOSPACE, E_CORRUPT (`anchors` unreadable). */
int  audit_open(struct audit **out, const struct audit_cfg *cfg,
		int64_t wall_us, uint64_t mono_ns);
/* After store_close(): writes and syncs what is left. */
void audit_close(struct audit **a);

/* Adds a line to what the next sync writes. E_FULL when AUDIT_PENDING_MAX
 * waits (disk gone), counted; the next line that fits carries the count. */
int  audit_write(struct audit *a, const struct audit_event *ev,
		 int64_t wall_us, uint64_t mono_ns);
/* Once a second: closes minutes, writes `repeated` lines. */
void audit_tick(struct audit *a, int64_t wall_us, uint64_t mono_ns);
/* fn is called on any thread: store_sync_due. */
void audit_on_dirty(struct audit *a, void (*fn)(void *arg), void *arg);
/* Writer thread: writes, fsyncs, rotates, drops what retention allows. Fits
 * store_sync_fn. */
int  audit_sync(void *audit);

struct audit_verdict {
	bool ok;
	uint64_t segments, lines;
	uint64_t first_seq, last_seq;	/* what the files hold */
	char file[128];			/* the first bad one */
	uint64_t line;			/* 1-based, 0 = the file as a whole */
	char text[256];			/* what is wrong, one line */
};
/* Reads every segment in `dir` and checks chain, numbers and anchors. 0 with
 * *out filled in, or an error when it could not be read. The newest lines may
 * not have been written yet; that is not an error. */
int audit_verify(const char *dir, struct audit_verdict *out);

struct audit_stats {
	uint64_t written, aggregated, dropped, sync_errors, segments_dropped;
	bool is_disk_full;
};
void audit_stats(struct audit *a, struct audit_stats *out);
