/* Opening, checking, migrating and loading the database. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/alloc.h"
#include "core/store/store_int.h"

enum { SQL_MAX = 16384 };

/* None yet: new tables and columns need no step. Version 2 brought locations,
 * policy, rules, devices and the defences' settings; the number keeps a
 * program of version 1 away from them. */
const struct db_step db_steps[] = {{0, NULL}};

int store_fail(struct store_problem *why, int error, const char *fmt, ...)
{
	va_list ap;
	if (why == NULL)
		return error;
	why->error = error;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return error;
}

int db_error(struct db *db, int rc)
{
	int sys = db->h ? sqlite3_system_errno(db->h) : 0;
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return E_NOSPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_CORRUPT;
	case SQLITE_NOMEM:
		return E_NOMEM;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return sys == ENOSPC || sys == EDQUOT ? E_NOSPACE : E_DENIED;
	case SQLITE_IOERR:
		return sys == ENOSPC || sys == EDQUOT ? E_NOSPACE : E_SYS;
	default:
		return E_INTERNAL;
	}
}

int db_exec(struct db *db, const char *sql)
{
	return db_error(db, sqlite3_exec(db->h, sql, NULL, NULL, NULL));
}

/* One integer answer; `fallback` when there is no row. */
static int query_int(struct db *db, const char *sql, int64_t fallback,
		     int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else if (rc == SQLITE_DONE)
		*out = fallback;
	(void)sqlite3_finalize(st);	/* repeats rc */
	return db_error(db, rc);
}

/* --- making and growing tables from the schema ---------------------------- */

static const char *column_type(const struct schema_field *f)
{
	switch (f->type) {
	case SCHEMA_BOOL:
	case SCHEMA_INT:
	case SCHEMA_REF:
	case SCHEMA_TIME:
		return "INTEGER";
	case SCHEMA_PIN:
	case SCHEMA_PASSWORD:
	case SCHEMA_SECRET:
		return "BLOB";
	default:
		return f->flags & SCHEMA_F_NOCASE ? "TEXT COLLATE NOCASE"
						  : "TEXT";
	}
}

static int make_table(struct db *db, const struct schema_resource *r)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql), "CREATE TABLE IF NOT EXISTS %s "
		       "(id INTEGER PRIMARY KEY AUTOINCREMENT)", r->name);
	return db_exec(db, sql);
}

static int make_index(struct db *db, const struct schema_resource *r,
		      const struct schema_field *f)
{
	char sql[256];
	bool is_unique = f->flags & SCHEMA_F_UNIQUE;
	if (!is_unique && f->type != SCHEMA_REF)
		return 0;
	(void)snprintf(sql, sizeof(sql), "CREATE %s INDEX IF NOT EXISTS "
		       "%s_%s ON %s(%s)", is_unique ? "UNIQUE" : "", r->name,
		       f->name, r->name, f->name);
	return db_exec(db, sql);
}

/* Columns there are; a column that we do not know was made by a newer
 * program. */
static int read_columns(struct db *db, const struct schema_resource *r,
			bool have[SCHEMA_FIELDS_MAX],
			struct store_problem *why)
{
	char sql[128];
	sqlite3_stmt *st = NULL;
	(void)snprintf(sql, sizeof(sql), "PRAGMA table_info(%s)", r->name);
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &st, NULL), e = 0;
	while (rc == SQLITE_OK && e == 0 && sqlite3_step(st) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 1);
		int i = schema_field_named(r, span_str(name));
		if (i < 0)
			e = store_fail(why, E_VERSION, "the database knows "
				       "%s.%s, this program does not: it was "
				       "made by a newer version; install that "
				       "version or restore a backup", r->name,
				       name);
		else
			have[i] = true;
	}
	(void)sqlite3_finalize(st);
	return e < 0 ? e : db_error(db, rc);
}

static int grow_table(struct db *db, const struct schema_resource *r,
		      struct store_problem *why)
{
	bool have[SCHEMA_FIELDS_MAX] = {false};
	char sql[256];
	int e = make_table(db, r);
	if (e == 0)
		e = read_columns(db, r, have, why);
	for (unsigned i = 0; i < r->n_fields && e == 0; i++) {
		const struct schema_field *f = &r->fields[i];
		(void)snprintf(sql, sizeof(sql),
			       "ALTER TABLE %s ADD COLUMN %s %s", r->name,
			       f->name, column_type(f));
		if (!have[i])
			e = db_exec(db, sql);
		if (e == 0)
			e = make_index(db, r, f);
	}
	return e;
}

static int run_steps(struct db *db, const struct db_step *steps, int64_t from,
		     int *to)
{
	*to = DB_VERSION;
	for (const struct db_step *s = steps; s->version != 0; s++) {
		if (s->version > *to)
			*to = s->version;
		if (from == 0 || s->version <= from)
			continue;
		int e = db_exec(db, s->sql);
		if (e < 0)
			return e;
	}
	return 0;
}

static int put_proof(struct db *db)
{
	uint8_t proof[SEAL_PROOF_LEN];
	sqlite3_stmt *st = NULL;
	int e = seal_proof_make(db->seal, proof);
	if (e < 0)
		return e;
	int rc = sqlite3_prepare_v2(db->h, "INSERT OR IGNORE INTO meta "
				    "VALUES('key_proof', ?)", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_blob(st, 1, proof, sizeof(proof),
				  SQLITE_TRANSIENT);
		rc = sqlite3_step(st);
	}
	(void)sqlite3_finalize(st);
	return db_error(db, rc);
}

static int check_proof(struct db *db, struct store_problem *why)
{
	sqlite3_stmt *st = NULL;
	int e = E_AUTH;
	int rc = sqlite3_prepare_v2(db->h, "SELECT value FROM meta WHERE "
				    "key = 'key_proof'", -1, &st, NULL);
	if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		e = seal_proof_check(db->seal,
			span_of(sqlite3_column_blob(st, 0),
				(size_t)sqlite3_column_bytes(st, 0)));
	(void)sqlite3_finalize(st);
	if (e < 0)
		return store_fail(why, E_AUTH, "the data key does not fit the "
				  "database: put back the data.key that was "
				  "made with it");
	return 0;
}

static int migrate(struct db *db, const struct db_step *steps,
		   struct store_problem *why)
{
	char sql[128];
	int64_t from = 0;
	int to = 0;
	int e = query_int(db, "PRAGMA user_version", 0, &from);
	if (e == 0)
		e = run_steps(db, steps, from, &to);
	if (e == 0 && from > to)
		return store_fail(why, E_VERSION, "the database has version "
				  "%lld, this program knows %d: it was made "
				  "by a newer version; install that version "
				  "or restore a backup", (long long)from, to);
	if (e == 0)
		e = db_exec(db, "CREATE TABLE IF NOT EXISTS meta "
			    "(key TEXT PRIMARY KEY, value BLOB)");
	for (int i = RES_NONE + 1; i < RES_COUNT && e == 0; i++)
		e = grow_table(db, schema_resource(i), why);
	if (e == 0)
		e = db_exec(db, "INSERT OR IGNORE INTO global(id) VALUES(1)");
	if (e == 0)
		e = put_proof(db);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d;"
		       "PRAGMA application_id = %d", to, DB_APPLICATION_ID);
	/* Written only when it changes, so that a start writes nothing. */
	if (e == 0 && from != to)
		e = db_exec(db, sql);
	return e;
}

/* --- opening -------------------------------------------------------------- */

static int say(struct db *db, int e, const char *path,
	       struct store_problem *why)
{
	const char *detail = db->h ? sqlite3_errmsg(db->h) : "";
	switch (e) {
	case E_NOSPACE:
		return store_fail(why, e, "no space left for %s: free some "
				  "disk space and start again", path);
	case E_BUSY:
		return store_fail(why, e, "%s is in use: another conclave "
				  "runs on this data directory", path);
	case E_CORRUPT:
		return store_fail(why, e, "%s is damaged (%s): restore a "
				  "backup of the data directory", path,
				  detail);
	case E_DENIED:
		return store_fail(why, e, "%s cannot be opened (%s): it must "
				  "belong to the user that core runs as", path,
				  detail);
	default:
		return store_fail(why, e, "%s: %s (%s)", path, err_text(e),
				  detail);
	}
}

static int quick_check(struct db *db)
{
	sqlite3_stmt *st = NULL;
	int e = E_CORRUPT;
	int rc = sqlite3_prepare_v2(db->h, "PRAGMA quick_check(1)", -1, &st,
				    NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		e = strcmp((const char *)sqlite3_column_text(st, 0), "ok") ?
		    E_CORRUPT : 0;
	else
		e = db_error(db, rc);
	(void)sqlite3_finalize(st);
	return e;
}

static int check_application(struct db *db, const char *path,
			     struct store_problem *why)
{
	int64_t id = 0, tables = 0;
	int e = query_int(db, "PRAGMA application_id", 0, &id);
	if (e == 0)
		e = query_int(db, "SELECT count(*) FROM sqlite_schema", 0,
			      &tables);
	if (e < 0 || tables == 0 || id == DB_APPLICATION_ID)
		return e;
	return store_fail(why, E_CORRUPT, "%s is not a database of conclave",
			  path);
}

/* 0600 from the first byte on; SQLite gives its other files the same mode. */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? E_NOSPACE
							  : E_DENIED;
	(void)close(fd);		/* nothing was written */
	return 0;
}

static int prepare_file(const char *path, const struct store_cfg *cfg,
			struct store_problem *why)
{
	if (cfg->vfs != NULL || access(path, F_OK) == 0)
		return 0;
	if (!cfg->create)
		return store_fail(why, E_NOTFOUND, "%s is missing: run "
				  "conclave-setup or restore a backup", path);
	int e = make_file(path);
	if (e == E_NOSPACE)
		return store_fail(why, e, "no space left for %s", path);
	return e == 0 ? 0 : store_fail(why, e, "%s cannot be made: %s", path,
				       strerror(errno));
}

static const char open_pragmas[] =
	"PRAGMA locking_mode = EXCLUSIVE;"	/* one user, no shared memory */
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;";

static int open_inside(struct db *db, const char *path,
		       const struct store_cfg *cfg,
		       const struct db_step *steps, struct store_problem *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    (cfg->vfs ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(path, &db->h, flags, cfg->vfs);
	if (rc != SQLITE_OK)
		return db_error(db, rc);
	(void)sqlite3_extended_result_codes(db->h, 1);
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	int e = db_exec(db, open_pragmas);
	if (e == 0)
		e = check_application(db, path, why);
	if (e == 0)
		e = quick_check(db);
	if (e == 0)
		e = db_exec(db, "BEGIN IMMEDIATE");
	if (e == 0)
		e = migrate(db, steps, why);
	if (e == 0)
		e = check_proof(db, why);
	if (e == 0)
		e = db_exec(db, "COMMIT");
	return e == 0 ? db_count_rows(db) : e;
}

int db_open(struct db *db, const char *path, const struct store_cfg *cfg,
	    const struct seal *seal, const struct db_step *steps,
	    struct store_problem *why)
{
	*db = (struct db){.seal = seal, .check = cfg->check};
	struct store_problem own = {0};
	int e = prepare_file(path, cfg, why);
	if (e < 0)
		return e;
	e = open_inside(db, path, cfg, steps, &own);
	if (e == 0)
		return 0;
	if (own.error == e)
		(void)store_fail(why, e, "%s", own.text);
	else
		(void)say(db, e, path, why);
	db_close(db);
	return e;
}

void db_close(struct db *db)
{
	for (int i = 0; i < RES_COUNT; i++)
		for (int k = 0; k < DB_STMT_COUNT; k++)
			(void)sqlite3_finalize(db->stmt[i][k]);
	/* An open transaction is rolled back. */
	(void)sqlite3_close(db->h);
	*db = (struct db){.h = NULL};
}

int db_count_rows(struct db *db)
{
	char sql[160];
	int e = 0;
	for (int i = RES_NONE + 1; i < RES_COUNT && e == 0; i++) {
		const char *name = schema_resource(i)->name;
		int64_t last = 0;
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s",
			       name);
		e = query_int(db, sql, 0, &db->rows[i]);
		(void)snprintf(sql, sizeof(sql), "SELECT seq FROM "
			       "sqlite_sequence WHERE name = '%s'", name);
		if (e == 0)
			e = query_int(db, sql, 0, &last);
		if (e == 0 && last >= db->next_id[i])
			db->next_id[i] = last + 1;
	}
	return e;
}

/* --- statements and columns ----------------------------------------------- */

struct text {
	char p[SQL_MAX];
	size_t n;
};

static void add(struct text *t, const char *s)
{
	int n = snprintf(t->p + t->n, sizeof(t->p) - t->n, "%s", s);
	t->n += (size_t)n;		/* names are constants: it fits */
}

static void write_sql(struct text *t, const struct schema_resource *r,
		      enum db_stmt kind)
{
	static const char *const head[DB_STMT_COUNT] = {
		"INSERT INTO ", "UPDATE ", "SELECT ", "DELETE FROM "};
	add(t, head[kind]);
	if (kind != DB_SELECT)
		add(t, r->name);
	add(t, kind == DB_INSERT ? "(" : kind == DB_UPDATE ? " SET " : "");
	for (unsigned i = 0; i < r->n_fields && kind != DB_DELETE; i++) {
		add(t, i ? "," : "");
		add(t, r->fields[i].name);
		add(t, kind == DB_UPDATE ? "=?" : "");
	}
	if (kind == DB_SELECT) {
		add(t, " FROM ");
		add(t, r->name);
	}
	if (kind != DB_INSERT) {
		add(t, " WHERE id=?");
		return;
	}
	add(t, ") VALUES(");
	for (unsigned i = 0; i < r->n_fields; i++)
		add(t, i ? ",?" : "?");
	add(t, ")");
}

sqlite3_stmt *db_stmt(struct db *db, enum schema_resource_id res,
		      enum db_stmt kind)
{
	sqlite3_stmt **st = &db->stmt[res][kind];
	if (*st == NULL) {
		struct text t = {.n = 0};
		write_sql(&t, schema_resource(res), kind);
		if (sqlite3_prepare_v3(db->h, t.p, (int)t.n,
				       SQLITE_PREPARE_PERSISTENT, st, NULL) !=
		    SQLITE_OK)
			return NULL;
	}
	(void)sqlite3_reset(*st);	/* repeats the last error */
	(void)sqlite3_clear_bindings(*st);
	return *st;
}

static int column_enum(const struct schema_resource *r, unsigned field,
		       struct span word, struct schema_value *v)
{
	struct schema_value parsed;
	if (schema_parse(r, field, word, &parsed, NULL) < 0)
		return E_CORRUPT;
	*v = parsed;
	return 0;
}

int db_column(sqlite3_stmt *st, const struct schema_resource *r,
	      unsigned field, struct schema_value *v, bool *stored)
{
	int col = (int)field;
	*stored = sqlite3_column_type(st, col) != SQLITE_NULL;
	if (!*stored) {
		*v = schema_default(r, field);
		return 0;
	}
	*v = (struct schema_value){.is_null = false};
	switch (r->fields[field].type) {
	case SCHEMA_BOOL:
	case SCHEMA_INT:
	case SCHEMA_REF:
	case SCHEMA_TIME:
		v->i = sqlite3_column_int64(st, col);
		return 0;
	default:
		v->s.p = sqlite3_column_blob(st, col);
		v->s.n = (size_t)sqlite3_column_bytes(st, col);
	}
	if (r->fields[field].type == SCHEMA_ENUM)
		return column_enum(r, field, v->s, v);
	return 0;
}

/* --- loading -------------------------------------------------------------- */

static int load_row(sqlite3_stmt *st, const struct schema_resource *r,
		    struct snapshot *s, struct store_problem *why)
{
	struct schema_value v[SCHEMA_FIELDS_MAX];
	bool stored;
	for (unsigned i = 0; i < r->n_fields; i++)
		if (db_column(st, r, i, &v[i], &stored) < 0)
			return store_fail(why, E_CORRUPT, "the database holds "
					  "an unknown word in %s %lld, field "
					  "%s: restore a backup", r->name,
					  (long long)sqlite3_column_int64(st, 0),
					  r->fields[i].name);
	struct store_row *row = row_new(r, v);
	if (row == NULL)
		return store_fail(why, E_NOMEM, "not enough memory for the "
				  "configuration");
	(void)snapshot_put(s, row);	/* nothing is replaced */
	return 0;
}

static int load_table(struct db *db, const struct schema_resource *r,
		      struct snapshot *s, struct store_problem *why)
{
	struct text t = {.n = 0};
	sqlite3_stmt *st = NULL;
	write_sql(&t, r, DB_SELECT);
	t.n -= strlen("WHERE id=?");
	(void)snprintf(t.p + t.n, sizeof(t.p) - t.n, "ORDER BY id");
	int rc = sqlite3_prepare_v2(db->h, t.p, -1, &st, NULL), e = 0;
	while (rc == SQLITE_OK && e == 0) {
		int step = sqlite3_step(st);
		if (step == SQLITE_DONE)
			break;
		if (step == SQLITE_ROW)
			e = load_row(st, r, s, why);
		else
			rc = step;
	}
	if (rc != SQLITE_OK)
		e = say(db, db_error(db, rc), r->name, why);
	(void)sqlite3_finalize(st);
	return e;
}

int db_load(struct db *db, struct snapshot *s, struct store_problem *why)
{
	int e = 0;
	for (int i = RES_NONE + 1; i < RES_COUNT && e == 0; i++)
		e = load_table(db, schema_resource(i), s, why);
	return e;
}
