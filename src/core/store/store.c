/* The public face: reading from the snapshot, handing requests over. */
#include "core/store/store.h"
#include <stdio.h>
#include "base/alloc.h"
#include "core/store/journal.h"
#include "core/store/store_int.h"
#include "core/store/writer.h"
#include "schema/paths.h"

enum { CLOSE_ROUNDS_MAX = 16 };

struct store {
	struct seal seal;
	struct db db;
	struct snapshot snap;
	struct writer writer;
	struct journal *journal;
	store_watch_fn watch;
	void *watch_arg;
	store_run_fn run;		/* NULL: the writer hashes */
	void *run_arg;
	bool is_dispatching;
};

/* --- opening and closing -------------------------------------------------- */

static void on_journal_dirty(void *arg)
{
	store_sync_due(arg);
}

static int open_journal(struct store *st, const struct store_cfg *cfg,
			struct store_problem *why)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", cfg->dir,
			 PATH_JOURNAL);
	if (n < 0 || (size_t)n >= sizeof(path))
		return store_fail(why, E_INVAL, "the path is too long");
	int e = journal_open(&st->journal, path, cfg->data_key, cfg->files);
	if (e < 0)
		return store_fail(why, e, "%s: %s%s", path, err_text(e),
				  e == E_NOSPACE ? ": free some disk space "
						   "and start again" : "");
	journal_on_dirty(st->journal, on_journal_dirty, st);
	return store_attach(st, journal_sync, st->journal);
}

static int open_all(struct store *st, const struct store_cfg *cfg,
		    struct store_problem *why)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", cfg->dir,
			 PATH_DATABASE);
	if (n < 0 || (size_t)n >= sizeof(path))
		return store_fail(why, E_INVAL, "the path is too long");
	int e = seal_init(&st->seal, cfg->data_key);
	if (e == 0)
		e = snapshot_init(&st->snap);
	if (e == 0)
		e = writer_init(&st->writer, &st->db);
	if (e < 0)
		return store_fail(why, e, "the store: %s", err_text(e));
	e = db_open(&st->db, path, cfg, &st->seal, db_steps, why);
	if (e == 0)
		e = db_load(&st->db, &st->snap, why);
	if (e == 0)
		e = open_journal(st, cfg, why);
	return e;
}

static void free_all(struct store *st)
{
	journal_close(&st->journal);
	db_close(&st->db);
	writer_release(&st->writer);
	snapshot_release(&st->snap);
	seal_release(&st->seal);
	mem_free(st);
}

int store_open(struct store **out, const struct store_cfg *cfg,
	       struct store_problem *why)
{
	struct store *st = mem_zalloc(sizeof(*st));
	*why = (struct store_problem){0};
	if (st == NULL)
		return store_fail(why, E_NOMEM, "out of memory");
	st->writer.event_fd = -1;
	list_init(&st->snap.graveyard);
	for (int i = 0; i < RES_COUNT; i++)
		list_init(&st->snap.t[i].rows);
	int e = open_all(st, cfg, why);
	if (e < 0) {
		free_all(st);
		return e;
	}
	*out = st;
	return 0;
}

int store_start(struct store *st)
{
	return writer_start(&st->writer);
}

void store_close(struct store **pst)
{
	struct store *st = *pst;
	if (st == NULL)
		return;
	if (st->journal != NULL)
		journal_on_dirty(st->journal, NULL, NULL);
	/* An answer may lead to one more request (audit, then flush). */
	int rounds = 0;
	do
		writer_stop(&st->writer);
	while (store_dispatch(st) > 0 && ++rounds < CLOSE_ROUNDS_MAX);
	free_all(st);
	*pst = NULL;
}

int store_fd(const struct store *st)
{
	return st->writer.event_fd;
}

struct journal *store_journal(struct store *st)
{
	return st->journal;
}

/* --- answers -------------------------------------------------------------- */

static void request_free(struct request *rq)
{
	exec_drop_changes(rq);
	secret_release(&rq->bytes);
	mem_free(rq->hashed);
	mem_free(rq->sets);
	mem_free(rq);
}

static void apply(struct store *st, struct change *c)
{
	struct store_row *row = c->row, *old;
	c->row = NULL;
	old = row ? snapshot_put(&st->snap, row)
		  : snapshot_del(&st->snap, c->res, c->id);
	if (st->watch != NULL && (old != NULL || row != NULL))
		st->watch(st->watch_arg, old, row);
}

static void answer_request(struct store *st, struct request *rq)
{
	list_each(it, tmp, &rq->changes)
		apply(st, list_entry(it, struct change, at));
	if (rq->done != NULL)
		rq->done(rq->arg, &rq->res);
	request_free(rq);
}

static void answer(struct store *st, struct job *job)
{
	if (job->kind == JOB_REQUEST) {
		answer_request(st, list_entry(&job->at, struct request,
					      job.at));
		return;
	}
	struct post *p = list_entry(&job->at, struct post, job.at);
	if (p->done != NULL)
		p->done(p->arg, job->result);
	mem_free(p);
}

unsigned store_dispatch(struct store *st)
{
	struct list done;
	unsigned n = 0;
	if (st->is_dispatching)
		return 0;
	st->is_dispatching = true;
	snapshot_bury(&st->snap);
	list_init(&done);
	writer_take(&st->writer, &done);
	list_each(it, tmp, &done) {
		list_del(it);
		answer(st, list_entry(it, struct job, at));
		n++;
	}
	st->is_dispatching = false;
	return n;
}

void store_wait(struct store *st)
{
	while (writer_wait(&st->writer))
		(void)store_dispatch(st);
}

void store_watch(struct store *st, store_watch_fn fn, void *arg)
{
	st->watch = fn;
	st->watch_arg = arg;
}

/* --- requests ------------------------------------------------------------- */

static bool is_op_valid(const struct store_op *op, size_t index)
{
	const struct schema_resource *r = schema_resource(op->res);
	if (r == NULL || op->verb < STORE_CREATE || op->verb > STORE_DELETE ||
	    op->n_sets > SCHEMA_FIELDS_MAX)
		return false;
	for (size_t i = 0; i < op->n_sets; i++) {
		const struct store_set *s = &op->sets[i];
		if (s->field >= r->n_fields || s->from_op < 0 ||
		    (size_t)s->from_op > index ||
		    s->value.s.n > SCHEMA_VALUE_MAX)
			return false;
	}
	return true;
}

static int measure(const struct store_op *ops, size_t n_ops, size_t *sets,
		   size_t *bytes)
{
	*sets = *bytes = 0;
	if (n_ops == 0 || n_ops > STORE_OPS_MAX)
		return E_INVAL;
	for (size_t i = 0; i < n_ops; i++) {
		if (!is_op_valid(&ops[i], i))
			return E_INVAL;
		*sets += ops[i].n_sets;
		for (size_t k = 0; k < ops[i].n_sets; k++)
			*bytes += ops[i].sets[k].value.s.n;
	}
	return 0;
}

static void copy_ops(struct request *rq, const struct store_op *ops,
		     size_t n_ops)
{
	size_t n = 0;
	uint8_t *p = rq->bytes.p;
	rq->n_ops = n_ops;
	for (size_t i = 0; i < n_ops; i++) {
		const struct store_op *op = &ops[i];
		rq->ops[i] = (struct request_op){
			.verb = op->verb, .res = op->res, .id = op->id,
			.first_set = n, .n_sets = op->n_sets};
		for (size_t k = 0; k < op->n_sets; k++, n++) {
			struct store_set *s = &rq->sets[n];
			*s = op->sets[k];
			if (s->value.s.n == 0)
				continue;
			memcpy(p, s->value.s.p, s->value.s.n);
			s->value.s.p = p;
			p += s->value.s.n;
		}
	}
}

static int request_new(struct request **out, const struct store_op *ops,
		       size_t n_ops)
{
	size_t sets, bytes;
	int e = measure(ops, n_ops, &sets, &bytes);
	if (e < 0)
		return e;
	struct request *rq = mem_zalloc(sizeof(*rq));
	if (rq == NULL)
		return E_NOMEM;
	list_init(&rq->job.at);
	list_init(&rq->changes);
	rq->job.kind = JOB_REQUEST;
	rq->sets = mem_calloc(sets, sizeof(*rq->sets));
	/* Holds PINs and passwords in clear: locked and wiped. */
	if (rq->sets == NULL ||
	    (bytes > 0 && secret_init(&rq->bytes, NULL, bytes) < 0)) {
		request_free(rq);
		return E_NOMEM;
	}
	copy_ops(rq, ops, n_ops);
	*out = rq;
	return 0;
}

/* --- passwords ------------------------------------------------------------ */

void store_hash_on(struct store *st, store_run_fn run, void *arg)
{
	st->run = run;
	st->run_arg = arg;
}

static bool is_password(const struct request_op *op, const struct store_set *s)
{
	return op->verb != STORE_DELETE && !s->value.is_null &&
	       schema_resource(op->res)->fields[s->field].type ==
	       SCHEMA_PASSWORD;
}

/* Notes which sets are passwords; how many, or an error. */
static int find_passwords(struct request *rq)
{
	size_t n = 0;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < rq->n_ops; i++) {
			const struct request_op *op = &rq->ops[i];
			for (size_t k = op->first_set;
			     k < op->first_set + op->n_sets; k++) {
				if (!is_password(op, &rq->sets[k]))
					continue;
				if (round == 1)
					rq->hashed[rq->n_hashed++].set = k;
				n++;
			}
		}
		if (round == 0 && n > 0)
			rq->hashed = mem_calloc(n, sizeof(*rq->hashed));
		if (round == 0 && (n == 0 || rq->hashed == NULL))
			return n == 0 ? 0 : E_NOMEM;
	}
	return (int)rq->n_hashed;
}

/* On any thread: touches the request alone. What schema/ refuses is left for
 * the writer to name. */
static int hash_passwords(void *job)
{
	struct request *rq = job;
	for (size_t i = 0; i < rq->n_ops; i++) {
		const struct request_op *op = &rq->ops[i];
		for (size_t k = 0; k < rq->n_hashed; k++) {
			struct hashed *h = &rq->hashed[k];
			struct schema_error why;
			if (h->set < op->first_set ||
			    h->set >= op->first_set + op->n_sets)
				continue;
			struct schema_value v = rq->sets[h->set].value;
			if (schema_check(schema_resource(op->res),
					 rq->sets[h->set].field, &v,
					 &why) < 0)
				continue;
			int e = password_hash(h->text, v.s);
			if (e < 0)
				return e;
			h->is_made = true;
		}
	}
	return 0;
}

static void on_hashed(void *job, int result)
{
	struct request *rq = job;
	if (result == 0)
		result = writer_put(&rq->st->writer, &rq->job);
	if (result == 0)
		return;
	rq->res.error = result;
	rq->res.n_ops = rq->n_ops;
	if (rq->done != NULL)
		rq->done(rq->arg, &rq->res);
	request_free(rq);
}

static int put_request(struct store *st, struct request *rq)
{
	int n = st->run != NULL ? find_passwords(rq) : 0;
	if (n < 0)
		return n;
	return n > 0 ? st->run(st->run_arg, hash_passwords, on_hashed, rq)
		     : writer_put(&st->writer, &rq->job);
}

int store_submit(struct store *st, const struct store_op *ops, size_t n_ops,
		 int64_t wall_us, store_done_fn done, void *arg)
{
	struct request *rq;
	int e = request_new(&rq, ops, n_ops);
	if (e < 0)
		return e;
	rq->wall_us = wall_us;
	rq->done = done;
	rq->arg = arg;
	rq->st = st;
	e = put_request(st, rq);
	if (e < 0)
		request_free(rq);
	return e;
}

static int put_post(struct store *st, enum job_kind kind,
		    int (*work)(void *arg), void (*done)(void *, int),
		    void *arg)
{
	struct post *p = mem_zalloc(sizeof(*p));
	if (p == NULL)
		return E_NOMEM;
	*p = (struct post){.job = {.kind = kind}, .work = work, .done = done,
			   .arg = arg};
	int e = writer_put(&st->writer, &p->job);
	if (e < 0)
		mem_free(p);
	return e;
}

int store_post(struct store *st, int (*work)(void *arg),
	       void (*done)(void *arg, int result), void *arg)
{
	return put_post(st, JOB_POST, work, done, arg);
}

int store_flush(struct store *st, void (*done)(void *arg, int result),
		void *arg)
{
	return put_post(st, JOB_FLUSH, NULL, done, arg);
}

int store_attach(struct store *st, store_sync_fn fn, void *arg)
{
	return writer_attach(&st->writer, fn, arg);
}

void store_sync_due(struct store *st)
{
	writer_sync_due(&st->writer);
}

void store_stats(const struct store *st, struct store_stats *out)
{
	struct writer *w = (struct writer *)(uintptr_t)&st->writer;
	(void)pthread_mutex_lock(&w->lock);
	*out = w->stats;
	out->queued = w->n_pending;
	(void)pthread_mutex_unlock(&w->lock);
}

/* --- reading -------------------------------------------------------------- */

const struct store_row *store_get(const struct store *st,
				  enum schema_resource_id res, int64_t id)
{
	return snapshot_get(&st->snap, res, id);
}

const struct store_row *store_find(const struct store *st,
				   enum schema_resource_id res,
				   unsigned field, struct span value)
{
	const struct schema_resource *r = schema_resource(res);
	if (r == NULL || row_unique_field(r) != (int)field)
		return NULL;
	return snapshot_find(&st->snap, res, value);
}

const struct store_row *store_next(const struct store *st,
				   enum schema_resource_id res, int64_t after)
{
	if (schema_resource(res) == NULL)
		return NULL;
	const struct snapshot_table *t = &st->snap.t[res];
	const struct store_row *row = snapshot_get(&st->snap, res, after);
	const struct list *l = row ? row->at.next : t->rows.next;
	for (; l != &t->rows; l = l->next) {
		row = list_entry(l, const struct store_row, at);
		if (row->id > after)
			return row;
	}
	return NULL;
}

size_t store_count(const struct store *st, enum schema_resource_id res)
{
	return schema_resource(res) ? st->snap.t[res].n : 0;
}

enum schema_resource_id store_row_resource(const struct store_row *row)
{
	return row->res->id;
}

int64_t store_row_id(const struct store_row *row)
{
	return row->id;
}

const struct schema_value *store_value(const struct store_row *row,
				       unsigned field)
{
	static const struct schema_value none = {.is_null = true};
	return field < row->res->n_fields ? &row->v[field] : &none;
}

bool store_is_null(const struct store_row *row, unsigned field)
{
	return store_value(row, field)->is_null;
}

int64_t store_int(const struct store_row *row, unsigned field)
{
	return store_value(row, field)->i;
}

bool store_bool(const struct store_row *row, unsigned field)
{
	return store_value(row, field)->i != 0;
}

struct span store_text(const struct store_row *row, unsigned field)
{
	return store_value(row, field)->s;
}

int store_secret(const struct store *st, const struct store_row *row,
		 unsigned field, struct secret *out)
{
	const struct schema_value *v = store_value(row, field);
	*out = (struct secret){NULL, 0};
	if (v->is_null)
		return 0;
	int e = seal_open(&st->seal, row->res, row->id, field, v->s, out);
	return e == E_AUTH ? E_CORRUPT : e;
}

int64_t store_global(const struct store *st, unsigned field)
{
	const struct store_row *row = store_get(st, RES_GLOBAL, 1);
	return row ? store_int(row, field)
		   : schema_default(schema_resource(RES_GLOBAL), field).i;
}

void store_projection(const struct store *st, unsigned role,
		      store_setting_fn fn, void *arg)
{
	const struct schema_resource *r = schema_resource(RES_GLOBAL);
	const struct store_row *row = store_get(st, RES_GLOBAL, 1);
	char small[SCHEMA_SMALL_MAX];
	if (row == NULL)
		return;
	for (unsigned i = 0; i < r->n_fields; i++) {
		const struct schema_field *f = &r->fields[i];
		if ((f->readers & 1u << role) == 0 ||
		    (f->flags & SCHEMA_F_SECRET))
			continue;
		fn(arg, f->name, schema_text(f, &row->v[i], small));
	}
}
