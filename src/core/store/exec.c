/* One request on the writer thread: merge, check, seal, write. */
#include "base/alloc.h"
#include "core/store/store_int.h"

enum { NAME_SHOWN = 80 };	/* bytes of a name in an error */

/* A row being made. */
struct draft {
	const struct schema_resource *r;
	struct store_row *base;		/* UPDATE: the row as it was */
	struct schema_value v[SCHEMA_FIELDS_MAX];	/* secrets sealed */
	bool stored[SCHEMA_FIELDS_MAX];		/* else NULL: the default */
	bool set[SCHEMA_FIELDS_MAX];		/* by this operation */
	struct schema_value clear[SCHEMA_FIELDS_MAX];	/* as checked */
	struct secret opened[SCHEMA_FIELDS_MAX];
	struct span sealed[SCHEMA_FIELDS_MAX];	/* owned */
};

static void draft_release(struct draft *d)
{
	for (unsigned i = 0; i < SCHEMA_FIELDS_MAX; i++) {
		secret_release(&d->opened[i]);
		mem_free((void *)(uintptr_t)d->sealed[i].p);
	}
	row_free(&d->base);
}

static void draft_defaults(struct draft *d, int64_t id, int64_t wall_us)
{
	for (unsigned i = 0; i < d->r->n_fields; i++) {
		d->v[i] = schema_default(d->r, i);
		if (d->r->fields[i].type != SCHEMA_TIME ||
		    !(d->r->fields[i].flags & SCHEMA_F_READONLY))
			continue;
		d->v[i] = (struct schema_value){.i = wall_us};
		d->stored[i] = true;
	}
	d->v[SCHEMA_ID_FIELD] = (struct schema_value){.i = id};
	d->stored[SCHEMA_ID_FIELD] = true;
}

static int fail_missing(struct schema_error *why,
			const struct schema_resource *r, int64_t id)
{
	schema_fail(why, r, NULL, "row", 0, "no row with id %lld",
		    (long long)id);
	return E_NOTFOUND;
}

static int fail_damaged(struct schema_error *why,
			const struct schema_resource *r, const char *field)
{
	schema_fail(why, r, field, "stored", 0, "the stored value is damaged");
	return E_CORRUPT;
}

static int draft_copy(struct draft *d, sqlite3_stmt *st,
		      struct schema_error *why)
{
	for (unsigned i = 0; i < d->r->n_fields; i++)
		if (db_column(st, d->r, i, &d->v[i], &d->stored[i]) < 0)
			return fail_damaged(why, d->r, d->r->fields[i].name);
	d->base = row_new(d->r, d->v);
	if (d->base == NULL)
		return E_NOMEM;
	memcpy(d->v, d->base->v, d->r->n_fields * sizeof(d->v[0]));
	return 0;
}

static int draft_load(struct db *db, struct draft *d, int64_t id,
		      struct schema_error *why)
{
	sqlite3_stmt *st = db_stmt(db, d->r->id, DB_SELECT);
	if (st == NULL)
		return E_INTERNAL;
	(void)sqlite3_bind_int64(st, 1, id);	/* cannot fail for integers */
	int rc = sqlite3_step(st);
	int e = db_error(db, rc);
	if (rc == SQLITE_DONE)
		e = fail_missing(why, d->r, id);
	else if (rc == SQLITE_ROW)
		e = draft_copy(d, st, why);
	(void)sqlite3_reset(st);
	return e;
}

static int draft_seal(struct db *db, struct draft *d, unsigned f,
		      struct span plain, const char *made)
{
	char verifier[PASSWORD_VERIFIER_MAX];
	if (made != NULL) {
		plain = span_str(made);
	} else if (d->r->fields[f].type == SCHEMA_PASSWORD) {
		int e = password_hash(verifier, plain);
		if (e < 0)
			return e;
		plain = span_str(verifier);
	}
	mem_free((void *)(uintptr_t)d->sealed[f].p);
	d->sealed[f] = SPAN_NONE;
	int e = seal_value(db->seal, d->r, d->v[SCHEMA_ID_FIELD].i, f, plain,
			   &d->sealed[f]);
	d->v[f].s = d->sealed[f];
	return e;
}

static int check_ref(struct db *db, struct draft *d, unsigned f, int64_t id,
		     struct schema_error *why)
{
	const struct schema_resource *to =
		schema_resource_named(span_str(d->r->fields[f].choices));
	sqlite3_stmt *st = db_stmt(db, to->id, DB_SELECT);
	if (st == NULL)
		return E_INTERNAL;
	(void)sqlite3_bind_int64(st, 1, id);
	int rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	if (rc == SQLITE_ROW)
		return 0;
	if (rc != SQLITE_DONE)
		return db_error(db, rc);
	schema_fail(why, d->r, d->r->fields[f].name, "reference", 0,
		    "no %s with id %lld", to->name, (long long)id);
	return E_NOTFOUND;
}

static int check_refs_exist(struct db *db, struct draft *d, unsigned f,
			    struct schema_error *why)
{
	struct span rest = d->v[f].s;
	int64_t id;
	int e = 0;
	while (e == 0 && schema_ref_next(&rest, &id) > 0)
		e = check_ref(db, d, f, id, why);
	return e;
}

/* The verifier that was made before our turn; NULL. */
static const char *made_of(const struct request *rq, size_t set)
{
	for (size_t i = 0; i < rq->n_hashed; i++)
		if (rq->hashed[i].set == set && rq->hashed[i].is_made)
			return rq->hashed[i].text;
	return NULL;
}

static int draft_set(struct db *db, struct draft *d, struct request *rq,
		     size_t set)
{
	const struct store_set *s = &rq->sets[set];
	const int64_t *ids = rq->res.ids;
	struct schema_error *why = &rq->res.why;
	unsigned f = s->field;
	const struct schema_field *field = &d->r->fields[f];
	if (field->flags & SCHEMA_F_READONLY) {
		schema_fail(why, d->r, field->name, "readonly", 0,
			    "is set by the server");
		return E_DENIED;
	}
	struct schema_value v = s->value;
	if (s->from_op > 0)
		v = (struct schema_value){.i = ids[s->from_op - 1]};
	int e = schema_check(d->r, f, &v, why);
	if (e < 0)
		return e;
	d->v[f] = v;
	d->clear[f] = v;
	d->stored[f] = !v.is_null;
	d->set[f] = true;
	if (v.is_null)
		return 0;
	if (field->type == SCHEMA_REF)
		return check_ref(db, d, f, v.i, why);
	if (field->type == SCHEMA_REFS)
		return check_refs_exist(db, d, f, why);
	if (field->flags & SCHEMA_F_SECRET)
		return draft_seal(db, d, f, v.s, made_of(rq, set));
	return 0;
}

/* The view that the rules across fields see: PINs in clear. */
static int draft_clear(struct db *db, struct draft *d,
		       struct schema_error *why)
{
	for (unsigned i = 0; i < d->r->n_fields; i++) {
		if (d->set[i])
			continue;
		d->clear[i] = d->v[i];
		if (d->r->fields[i].type != SCHEMA_PIN || d->v[i].is_null)
			continue;
		if (seal_open(db->seal, d->r, d->v[SCHEMA_ID_FIELD].i, i,
			      d->v[i].s, &d->opened[i]) < 0)
			return fail_damaged(why, d->r, d->r->fields[i].name);
		d->clear[i].s = secret_span(&d->opened[i]);
	}
	return 0;
}

static int64_t global_int(struct db *db, unsigned field)
{
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	struct schema_value v = schema_default(r, field);
	bool stored;
	sqlite3_stmt *st = db_stmt(db, RES_GLOBAL, DB_SELECT);
	if (st == NULL)
		return v.i;
	(void)sqlite3_bind_int64(st, 1, 1);
	if (sqlite3_step(st) == SQLITE_ROW)
		(void)db_column(st, r, field, &v, &stored);
	(void)sqlite3_reset(st);
	return v.i;
}

/* A raised min_pin_length binds new PINs; a room with an older, shorter one
 * can still be changed in everything else. */
static bool sets_pin(const struct draft *d)
{
	for (unsigned i = 0; i < d->r->n_fields; i++)
		if (d->set[i] && d->r->fields[i].type == SCHEMA_PIN)
			return true;
	return false;
}

/* --- PINs that are aliases --------------------------------------------------- */

static int fail_pin_is_alias(struct draft *d, struct schema_error *why)
{
	bool is_room = d->r->id == RES_CONFERENCE;
	schema_fail(why, d->r, is_room ? "pin" : "alias", "pin-is-alias", 0,
		    "must differ from every %s of the room", is_room ?
		    "alias" : "PIN");
	return E_INVAL;
}

static bool equals_pin(const struct draft *d, struct span alias)
{
	const struct schema_value *pin = &d->clear[CONFERENCE_PIN];
	const struct schema_value *guest = &d->clear[CONFERENCE_GUEST_PIN];
	return (!pin->is_null && schema_pin_is_alias(pin->s, alias)) ||
	       (!guest->is_null && schema_pin_is_alias(guest->s, alias));
}

static int check_room_aliases(struct db *db, struct draft *d,
			      struct schema_error *why)
{
	sqlite3_stmt *st = NULL;
	bool is_bad = false;
	int rc = sqlite3_prepare_v2(db->h, "SELECT alias FROM conference_alias"
				    " WHERE conference=?", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(st, 1, d->v[SCHEMA_ID_FIELD].i);
	while (rc == SQLITE_OK && !is_bad && sqlite3_step(st) == SQLITE_ROW)
		is_bad = equals_pin(d, span_of(sqlite3_column_blob(st, 0),
					(size_t)sqlite3_column_bytes(st, 0)));
	int f = sqlite3_finalize(st);	/* repeats what a step said */
	if (is_bad)
		return fail_pin_is_alias(d, why);
	return db_error(db, rc != SQLITE_OK ? rc : f);
}

static int check_alias_pins(struct db *db, struct draft *d,
			    struct schema_error *why)
{
	struct draft room = {.r = schema_resource(RES_CONFERENCE)};
	int e = draft_load(db, &room, d->v[CONFERENCE_ALIAS_CONFERENCE].i,
			   why);
	if (e == 0)
		e = draft_clear(db, &room, why);
	if (e == 0 && equals_pin(&room, d->clear[CONFERENCE_ALIAS_ALIAS].s))
		e = fail_pin_is_alias(d, why);
	draft_release(&room);
	return e;
}

static int check_pin_is_no_alias(struct db *db, struct draft *d,
				 struct schema_error *why)
{
	bool is_room = d->r->id == RES_CONFERENCE && sets_pin(d);
	bool is_alias = d->r->id == RES_CONFERENCE_ALIAS &&
			(d->set[CONFERENCE_ALIAS_ALIAS] ||
			 d->set[CONFERENCE_ALIAS_CONFERENCE]);
	if ((!is_room && !is_alias) ||
	    global_int(db, GLOBAL_MIN_PIN_LENGTH) < SCHEMA_PIN_STRONG)
		return 0;
	return is_room ? check_room_aliases(db, d, why)
		       : check_alias_pins(db, d, why);
}

static int draft_check(struct db *db, struct draft *d,
		       struct schema_error *why)
{
	struct schema_context ctx = {0};
	int e = draft_clear(db, d, why);
	if (e < 0)
		return e;
	if (sets_pin(d))
		ctx.min_pin_length = global_int(db, GLOBAL_MIN_PIN_LENGTH);
	if (d->r->id == RES_CONFERENCE_ALIAS && d->set[CONFERENCE_ALIAS_ALIAS])
		ctx.min_alias_digits = global_int(db, GLOBAL_MIN_ALIAS_DIGITS);
	e = schema_check_row(d->r, d->clear, &ctx, why);
	if (e == 0)
		e = check_pin_is_no_alias(db, d, why);
	return e < 0 || !db->check ? e : db->check(d->r->id, d->clear, why);
}

/* --- the interoperability profile ------------------------------------------- */

static bool sets_field(const struct request *rq, const struct request_op *op,
		       unsigned field)
{
	for (size_t i = 0; i < op->n_sets; i++)
		if (rq->sets[op->first_set + i].field == field)
			return true;
	return false;
}

static void draft_relax(struct draft *d, const struct schema_relaxed *x)
{
	unsigned f = x->field;
	d->v[f] = schema_default(d->r, f);
	d->stored[f] = d->v[GLOBAL_SECURITY_PROFILE].i ==
		       SV_PROFILE_INTEROPERABILITY;
	if (d->stored[f])	/* a test parses each of these */
		(void)schema_parse(d->r, f, span_str(x->value), &d->v[f],
				   NULL);
	d->clear[f] = d->v[f];
	d->set[f] = true;
}

static void draft_profile(struct draft *d, const struct request *rq,
			  const struct request_op *op)
{
	if (d->r->id != RES_GLOBAL || !d->set[GLOBAL_SECURITY_PROFILE])
		return;
	for (const struct schema_relaxed *x = schema_relaxed(); x->value; x++)
		if (!sets_field(rq, op, x->field))
			draft_relax(d, x);
}

static void bind(sqlite3_stmt *st, int i, const struct schema_field *f,
		 const struct schema_value *v, bool stored)
{
	/* A bind that fails for want of memory leaves the parameter NULL
	 * and makes the step fail with the same error. */
	if (!stored || v->is_null)
		(void)sqlite3_bind_null(st, i);
	else if (f->flags & SCHEMA_F_SECRET)
		(void)sqlite3_bind_blob(st, i, v->s.p, (int)v->s.n,
					SQLITE_STATIC);
	else if (schema_is_text(f->type) || f->type == SCHEMA_ENUM)
		(void)sqlite3_bind_text(st, i, v->s.n ?
					(const char *)v->s.p : "",
					(int)v->s.n, SQLITE_STATIC);
	else
		(void)sqlite3_bind_int64(st, i, v->i);
}

static int fail_exists(struct draft *d, struct schema_error *why)
{
	int f = row_unique_field(d->r);
	schema_fail(why, d->r, f < 0 ? NULL : d->r->fields[f].name, "unique",
		    0, "already exists");
	return E_EXISTS;
}

static int draft_write(struct db *db, struct draft *d, enum db_stmt kind,
		       struct schema_error *why)
{
	sqlite3_stmt *st = db_stmt(db, d->r->id, kind);
	if (st == NULL)
		return E_INTERNAL;
	unsigned n = d->r->n_fields;
	for (unsigned i = 0; i < n; i++)
		bind(st, (int)i + 1, &d->r->fields[i], &d->v[i],
		     d->stored[i]);
	if (kind == DB_UPDATE)
		(void)sqlite3_bind_int64(st, (int)n + 1,
					 d->v[SCHEMA_ID_FIELD].i);
	int rc = sqlite3_step(st);
	(void)sqlite3_reset(st);	/* lets go of the bound bytes */
	(void)sqlite3_clear_bindings(st);
	if (rc == SQLITE_CONSTRAINT_UNIQUE)
		return fail_exists(d, why);
	return db_error(db, rc);
}

static int add_change(struct request *rq, enum schema_resource_id res,
		      int64_t id, struct store_row *row)
{
	struct change *c = mem_zalloc(sizeof(*c));
	if (c == NULL) {
		row_free(&row);
		return E_NOMEM;
	}
	*c = (struct change){.res = res, .id = id, .row = row};
	list_add_tail(&rq->changes, &c->at);
	return 0;
}

void exec_drop_changes(struct request *rq)
{
	list_each(it, tmp, &rq->changes) {
		struct change *c = list_entry(it, struct change, at);
		list_del(it);
		row_free(&c->row);
		mem_free(c);
	}
}

static int write_op(struct db *db, struct request *rq, struct draft *d,
		    const struct request_op *op)
{
	struct schema_error *why = &rq->res.why;
	int e = 0;
	for (size_t i = 0; i < op->n_sets && e == 0; i++)
		e = draft_set(db, d, rq, op->first_set + i);
	if (e == 0)
		draft_profile(d, rq, op);
	if (e == 0)
		e = draft_check(db, d, why);
	if (e == 0)
		e = draft_write(db, d, op->verb == STORE_CREATE ? DB_INSERT
								: DB_UPDATE,
				why);
	if (e < 0)
		return e;
	struct store_row *row = row_new(d->r, d->v);
	if (row == NULL)
		return E_NOMEM;
	return add_change(rq, d->r->id, row->id, row);
}

static int op_create(struct db *db, struct request *rq,
		     const struct request_op *op, int64_t *id)
{
	const struct schema_resource *r = schema_resource(op->res);
	if (r->is_singleton || db->rows[op->res] >= r->rows_max) {
		schema_fail(&rq->res.why, r, NULL, "rows", 0,
			    "at most %lld of these", (long long)r->rows_max);
		return r->is_singleton ? E_DENIED : E_FULL;
	}
	struct draft d = {.r = r};
	*id = db->next_id[op->res]++;
	draft_defaults(&d, *id, rq->wall_us);
	int e = write_op(db, rq, &d, op);
	draft_release(&d);
	if (e == 0)
		db->rows[op->res]++;
	return e;
}

static int op_update(struct db *db, struct request *rq,
		     const struct request_op *op, int64_t *id)
{
	struct draft d = {.r = schema_resource(op->res)};
	*id = op->id;
	int e = draft_load(db, &d, op->id, &rq->res.why);
	if (e == 0)
		e = write_op(db, rq, &d, op);
	draft_release(&d);
	return e;
}

/* --- deleting, with everything that refers to the row --------------------- */

static int delete_row(struct db *db, struct request *rq,
		      enum schema_resource_id res, int64_t id);

/* One at a time from the front: no list to keep. A row's reference to itself
 * holds nothing up. */
static int next_referrer(struct db *db, const struct schema_resource *q,
			 const struct schema_field *f, int64_t id,
			 int64_t *found)
{
	sqlite3_stmt *st = NULL;
	bool is_self = strcmp(f->choices, q->name) == 0;
	char *sql = sqlite3_mprintf(f->type == SCHEMA_REFS ?
		"SELECT id FROM %s WHERE instr(','||%s||',', ',%lld,') "
		"AND id<>%lld LIMIT 1" :
		"SELECT id FROM %s WHERE %s=%lld AND id<>%lld LIMIT 1",
		q->name, f->name, (long long)id, is_self ? (long long)id : -1);
	int rc = sql ? sqlite3_prepare_v2(db->h, sql, -1, &st, NULL)
		     : SQLITE_NOMEM;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	*found = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	(void)sqlite3_finalize(st);
	sqlite3_free(sql);
	return db_error(db, rc);
}

/* What may be null is not taken along and not made null behind the
 * administrator's back: he is told who refers to the row. */
static int fail_referrer(struct db *db, struct request *rq,
			 const struct schema_resource *r, int64_t id,
			 const struct schema_resource *q,
			 const struct schema_field *f, int64_t found)
{
	struct draft d = {.r = q};
	struct span name = SPAN_NONE;
	if (q->name_field != SCHEMA_ID_FIELD &&
	    draft_load(db, &d, found, &rq->res.why) == 0)
		name = d.v[q->name_field].s;
	if (q->is_singleton)
		schema_fail(&rq->res.why, r, NULL, "referenced", 0,
			    "%lld is in use by %s.%s: change that first",
			    (long long)id, q->name, f->name);
	else
		schema_fail(&rq->res.why, r, NULL, "referenced", 0,
			    "%lld is in use by %s %lld (%.*s), field %s: "
			    "change that first", (long long)id, q->name,
			    (long long)found,
			    (int)(name.n < NAME_SHOWN ? name.n : NAME_SHOWN),
			    name.n ? (const char *)name.p : "", f->name);
	draft_release(&d);
	return E_BUSY;
}

static int delete_referrers(struct db *db, struct request *rq,
			    const struct schema_resource *r, int64_t id,
			    const struct schema_resource *q, unsigned field)
{
	const struct schema_field *f = &q->fields[field];
	int64_t found = 1;
	int e = 0;
	if ((f->type != SCHEMA_REF && f->type != SCHEMA_REFS) ||
	    strcmp(f->choices, r->name) != 0)
		return 0;
	while (e == 0 && found != 0) {
		e = next_referrer(db, q, f, id, &found);
		if (e == 0 && found != 0)
			e = f->flags & SCHEMA_F_REQUIRED ?
			    delete_row(db, rq, q->id, found) :
			    fail_referrer(db, rq, r, id, q, f,
					  found);
	}
	return e;
}

static int delete_row(struct db *db, struct request *rq,
		      enum schema_resource_id res, int64_t id)
{
	const struct schema_resource *r = schema_resource(res);
	int e = 0;
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		const struct schema_resource *q = schema_resource(i);
		for (unsigned f = 0; f < q->n_fields && e == 0; f++)
			e = delete_referrers(db, rq, r, id, q, f);
	}
	sqlite3_stmt *st = e == 0 ? db_stmt(db, res, DB_DELETE) : NULL;
	if (st == NULL)
		return e < 0 ? e : E_INTERNAL;
	(void)sqlite3_bind_int64(st, 1, id);
	int rc = sqlite3_step(st);
	(void)sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		return db_error(db, rc);
	if (sqlite3_changes(db->h) == 0)
		return fail_missing(&rq->res.why, r, id);
	db->rows[res]--;
	return add_change(rq, res, id, NULL);
}

static int op_delete(struct db *db, struct request *rq,
		     const struct request_op *op, int64_t *id)
{
	const struct schema_resource *r = schema_resource(op->res);
	*id = op->id;
	if (!r->is_singleton)
		return delete_row(db, rq, op->res, op->id);
	schema_fail(&rq->res.why, r, NULL, "rows", 0, "cannot be removed");
	return E_DENIED;
}

/* --- the request ---------------------------------------------------------- */

static int exec_ops(struct db *db, struct request *rq)
{
	static int (*const verbs[])(struct db *, struct request *,
				    const struct request_op *, int64_t *) = {
		[STORE_CREATE] = op_create,
		[STORE_UPDATE] = op_update,
		[STORE_DELETE] = op_delete,
	};
	int e = 0;
	for (size_t i = 0; i < rq->n_ops && e == 0; i++)
		e = verbs[rq->ops[i].verb](db, rq, &rq->ops[i],
					   &rq->res.ids[i]);
	return e;
}

void exec_request(struct db *db, struct request *rq)
{
	int e = db_exec(db, "SAVEPOINT request");
	if (e == 0)
		e = exec_ops(db, rq);
	if (e < 0) {
		exec_drop_changes(rq);
		/* When even this fails, the commit of the group fails. */
		(void)db_exec(db, "ROLLBACK TO request");
		(void)db_count_rows(db);
	}
	(void)db_exec(db, "RELEASE request");
	rq->res.error = e;
	rq->res.n_ops = rq->n_ops;
	if (e < 0 && rq->res.why.text[0] == 0)
		schema_fail(&rq->res.why, NULL, NULL, "store", 0, "%s",
			    err_text(e));
}
