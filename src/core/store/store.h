/* core/store/store.h - the configuration, on SQLite.
 *
 * Reading is immediate and from memory: the main thread holds a snapshot of
 * every row. Writing is a request that one writer thread carries out: it
 * takes whatever requests wait, runs each in a savepoint of one transaction
 * (merge, check by schema/, write), commits with fsync, and only then are the
 * answers and the new snapshot delivered, inside store_dispatch() on the main
 * thread. So a change that was answered with 0 survives any crash, what
 * store_get() shows is always durable, and requests take effect in the order
 * of store_submit().
 *
 * Secrets (PINs, password verifiers) are sealed with AES-256-GCM under a key
 * derived from the data key and bound to table, row and field, on disk and in
 * the snapshot; store_secret() opens one.
 *
 * Threads: everything here is for the main thread only. The writer thread is
 * private; store_post() lends it out for other blocking work.
 *
 * Start: store_open() before the sandbox closes (opens files, checks,
 * migrates, loads), store_start() after it (Landlock binds only threads born
 * later). Afterwards SQLite opens nothing; journal and audit open, rename and
 * remove files in the core directory. System calls: openat, close, read,
 * write, pread64, pwrite64, fsync, fdatasync, ftruncate, fcntl, fstat,
 * newfstatat, lseek, rename, unlink, chmod, futex, clone (store_start).
 */
#pragma once
#include "base/secret.h"
#include "schema/schema.h"

struct store;
struct store_row;
struct journal;
struct file_ops;

enum {
	STORE_QUEUE_MAX = 4096,		/* requests not answered yet */
	STORE_GROUP_MAX = 256,		/* requests in one commit */
	STORE_OPS_MAX = 16,		/* operations in one request */
	STORE_SYNC_MS = 20,		/* most delay before a sync task runs */
	STORE_SYNCERS_MAX = 4,
};

/* Looks at a row that passed schema/'s checks, secrets in clear, before it is
 * written; 0 or a negative error and *why. On the writer thread: pure. */
typedef int (*store_check_fn)(enum schema_resource_id res,
			      const struct schema_value *values,
			      struct schema_error *why);

struct store_cfg {
	const char *dir;		/* the core directory (schema/paths.h) */
	struct span data_key;		/* DATA_KEY_LEN bytes; not kept */
	bool create;			/* make the database when absent */
	const char *vfs;		/* tests: SQLite VFS, NULL = the usual */
	const struct file_ops *files;	/* tests: journal, NULL = the usual */
	store_check_fn check;		/* NULL = schema/'s alone */
};

/* One line for the operator: what is wrong and what to do. */
struct store_problem {
	int error;
	char text[384];
};

/* E_NOTFOUND (no database), E_VERSION (newer than the program), E_CORRUPT
 * (failed its check), E_AUTH (another data key), E_BUSY (in use), E_NOSPACE,
 * E_DENIED, E_SYS, E_NOMEM. Damages nothing. */
int  store_open(struct store **out, const struct store_cfg *cfg,
		struct store_problem *why);
int  store_start(struct store *st);
/* Carries out what waits (answers included), stops the thread, closes. */
void store_close(struct store **st);

/* Readable when store_dispatch() has something to do. Level triggered. */
int  store_fd(const struct store *st);
/* Delivers answers; call from the loop, never from inside a callback of this
 * module. Returns how many. */
unsigned store_dispatch(struct store *st);
/* Tools and tests without a loop: dispatches until nothing waits. */
void store_wait(struct store *st);

/* --- reading ------------------------------------------------------------
 * A row stays valid until the loop turns over (the next store_dispatch). */

const struct store_row *store_get(const struct store *st,
				  enum schema_resource_id res, int64_t id);
/* By a unique field; aliases compare without ASCII case. NULL. */
const struct store_row *store_find(const struct store *st,
				   enum schema_resource_id res,
				   unsigned field, struct span value);
/* In order of id. Start with 0, then pass the last row's id. NULL = end. */
const struct store_row *store_next(const struct store *st,
				   enum schema_resource_id res, int64_t after);
size_t store_count(const struct store *st, enum schema_resource_id res);

enum schema_resource_id store_row_resource(const struct store_row *row);
int64_t store_row_id(const struct store_row *row);
/* Defaults are filled in. For a secret field .s is sealed and only is_null
 * (no PIN set) means anything. Never NULL. The values of a row are one array:
 * store_value(row, 0) points at all of them. */
const struct schema_value *store_value(const struct store_row *row,
				       unsigned field);
bool        store_is_null(const struct store_row *row, unsigned field);
int64_t     store_int(const struct store_row *row, unsigned field);
bool        store_bool(const struct store_row *row, unsigned field);
struct span store_text(const struct store_row *row, unsigned field);
/* Opens a secret field; an unset one gives an empty secret. The caller
 * releases *out. E_CORRUPT, E_NOMEM. */
int store_secret(const struct store *st, const struct store_row *row,
		 unsigned field, struct secret *out);
/* global.<field>, the singleton: always there. */
int64_t store_global(const struct store *st, unsigned field);

/* The settings that a role may read, in text form (schema_print). */
typedef void (*store_setting_fn)(void *arg, const char *name,
				 struct span value);
void store_projection(const struct store *st, unsigned role,
		      store_setting_fn fn, void *arg);

/* --- writing ------------------------------------------------------------ */

enum store_verb { STORE_NONE = 0, STORE_CREATE, STORE_UPDATE, STORE_DELETE };

struct store_set {
	unsigned field;
	struct schema_value value;	/* SCHEMA_REF may use from_op instead */
	int from_op;			/* 1-based op of this request whose new
					 * id is meant; 0 = use value */
};

struct store_op {
	enum store_verb verb;
	enum schema_resource_id res;
	int64_t id;			/* UPDATE, DELETE */
	const struct store_set *sets;	/* CREATE, UPDATE */
	size_t n_sets;
};

struct store_result {
	int error;			/* all operations or none */
	struct schema_error why;	/* when error < 0 */
	int64_t ids[STORE_OPS_MAX];	/* per operation */
	size_t n_ops;
};

typedef void (*store_done_fn)(void *arg, const struct store_result *res);

/* Copies everything. `done` (may be NULL) comes from store_dispatch(), once,
 * or from store_close(). Errors of the request arrive there: E_NOTFOUND,
 * E_EXISTS, E_INVAL/E_FORMAT/E_LIMIT (schema), E_BUSY (deleting a row
 * that an optional reference or a list names; *why says whose; what cannot be
 * without the row goes with it), E_DENIED, E_NOSPACE, E_SYS.
 * Here: E_FULL, E_NOMEM, E_INVAL. wall_us stamps creation_time. */
int store_submit(struct store *st, const struct store_op *ops, size_t n_ops,
		 int64_t wall_us, store_done_fn done, void *arg);

/* Where passwords are hashed, which takes 0.1 s each: run() has `work` done on
 * some thread and `done` on the main thread afterwards, once; when it returns
 * an error neither is called, and store_submit() returns it. Without one the
 * writer thread hashes, and whoever waits for the disk waits for it: for
 * tools alone. Set before the first request. */
typedef int (*store_run_fn)(void *arg, int (*work)(void *job),
			    void (*done)(void *job, int result), void *job);
void store_hash_on(struct store *st, store_run_fn run, void *arg);

/* After the snapshot changed, before `done`: old or new is NULL for created
 * or deleted rows. One watcher. */
typedef void (*store_watch_fn)(void *arg, const struct store_row *old_row,
			       const struct store_row *new_row);
void store_watch(struct store *st, store_watch_fn fn, void *arg);

/* --- the writer thread, lent out ----------------------------------------- */

/* Runs `work` on the writer thread, then `done` on the main thread. E_FULL,
 * E_NOMEM. */
int store_post(struct store *st, int (*work)(void *arg),
	       void (*done)(void *arg, int result), void *arg);
/* A sync task runs on the writer thread within STORE_SYNC_MS after
 * store_sync_due(), and before each store_flush() answers. It returns 0 or a
 * negative error (counted, told to the flush that waits). */
typedef int (*store_sync_fn)(void *arg);
int  store_attach(struct store *st, store_sync_fn fn, void *arg);
/* Cheap; from any thread. */
void store_sync_due(struct store *st);
/* Answers when everything journalled and audited before is durable. */
int  store_flush(struct store *st, void (*done)(void *arg, int result),
		 void *arg);

/* The journal of live state, opened beside the database. */
struct journal *store_journal(struct store *st);

struct store_stats {
	uint64_t requests, commits, failed, queued, syncs, sync_errors;
	uint64_t posts;
};
void store_stats(const struct store *st, struct store_stats *out);
