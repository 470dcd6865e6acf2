/* core/store/store_int.h - shared by the files of the store. */
#pragma once
#include <sqlite3.h>
#include "base/list.h"
#include "core/store/password.h"
#include "core/store/row.h"
#include "core/store/seal.h"
#include "core/store/store.h"

/* --- jobs of the writer thread ------------------------------------------- */

enum job_kind { JOB_REQUEST = 1, JOB_POST, JOB_FLUSH };

struct job {
	struct list at;
	enum job_kind kind;
	int result;
};

struct change {
	struct list at;
	enum schema_resource_id res;
	int64_t id;
	struct store_row *row;		/* NULL = gone */
};

struct request_op {
	enum store_verb verb;
	enum schema_resource_id res;
	int64_t id;
	size_t first_set, n_sets;
};

/* What was made of a password before the writer's turn. */
struct hashed {
	size_t set;
	bool is_made;
	char text[PASSWORD_VERIFIER_MAX];
};

struct request {
	struct job job;
	struct store *st;
	struct hashed *hashed;
	size_t n_hashed;
	int64_t wall_us;
	store_done_fn done;
	void *arg;
	struct request_op ops[STORE_OPS_MAX];
	size_t n_ops;
	struct store_set *sets;
	struct secret bytes;		/* what the sets point into */
	struct store_result res;
	struct list changes;
};

struct post {
	struct job job;
	int (*work)(void *arg);
	void (*done)(void *arg, int result);
	void *arg;
};

/* --- the database, one connection ---------------------------------------- */

enum { DB_APPLICATION_ID = 0x43564c56, DB_VERSION = 2 };

/* What brings a database from version - 1 to version, before missing tables
 * and columns are added from the schema. Ends with version 0. */
struct db_step {
	int version;
	const char *sql;
};
extern const struct db_step db_steps[];

enum db_stmt { DB_INSERT = 0, DB_UPDATE, DB_SELECT, DB_DELETE, DB_STMT_COUNT };

struct db {
	sqlite3 *h;
	const struct seal *seal;
	store_check_fn check;
	sqlite3_stmt *stmt[RES_COUNT][DB_STMT_COUNT];
	int64_t next_id[RES_COUNT];
	int64_t rows[RES_COUNT];
};

int  db_open(struct db *db, const char *path, const struct store_cfg *cfg,
	     const struct seal *seal, const struct db_step *steps,
	     struct store_problem *why);
void db_close(struct db *db);
int  db_load(struct db *db, struct snapshot *s, struct store_problem *why);
int  db_exec(struct db *db, const char *sql);
int  db_error(struct db *db, int rc);	/* SQLite's to ours */
/* NULL when it cannot be prepared. */
sqlite3_stmt *db_stmt(struct db *db, enum schema_resource_id res,
		      enum db_stmt kind);
/* Column to value; secrets stay sealed. Points into the statement. *stored
 * says that the column was not NULL. */
int  db_column(sqlite3_stmt *st, const struct schema_resource *r,
	       unsigned field, struct schema_value *v, bool *stored);
int  db_count_rows(struct db *db);
int  store_fail(struct store_problem *why, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Runs one request in its own savepoint; fills rq->res and rq->changes. */
void exec_request(struct db *db, struct request *rq);
void exec_drop_changes(struct request *rq);
