#include "core/store/row.h"
#include "base/alloc.h"

enum { BUCKETS_FIRST = 64 };

static bool has_bytes(const struct schema_field *f,
		      const struct schema_value *v)
{
	return !v->is_null && f->type != SCHEMA_ENUM && v->s.n > 0;
}

struct store_row *row_new(const struct schema_resource *r,
			  const struct schema_value *values)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < r->n_fields; i++)
		if (has_bytes(&r->fields[i], &values[i]))
			bytes += values[i].s.n;
	size_t head = sizeof(struct store_row) +
		      r->n_fields * sizeof(struct schema_value);
	struct store_row *row = mem_zalloc(head + bytes);
	if (row == NULL)
		return NULL;
	list_init(&row->at);
	row->res = r;
	row->id = values[SCHEMA_ID_FIELD].i;
	uint8_t *p = (uint8_t *)row + head;
	for (unsigned i = 0; i < r->n_fields; i++) {
		row->v[i] = values[i];
		if (!has_bytes(&r->fields[i], &values[i]))
			continue;
		memcpy(p, values[i].s.p, values[i].s.n);
		row->v[i].s.p = p;
		p += values[i].s.n;
	}
	return row;
}

void row_free(struct store_row **row)
{
	mem_free(*row);
	*row = NULL;
}

int row_unique_field(const struct schema_resource *r)
{
	for (unsigned i = 0; i < r->n_fields; i++)
		if (r->fields[i].flags & SCHEMA_F_UNIQUE)
			return (int)i;
	return -1;
}

/* --- hashing -------------------------------------------------------------- */

static bool is_nocase(const struct schema_resource *r)
{
	int f = row_unique_field(r);
	return f >= 0 && (r->fields[f].flags & SCHEMA_F_NOCASE);
}

/* The keys are names that administrators chose, so no keyed hash is needed:
 * a stranger's look-up adds nothing to the table. */
static uint64_t hash_bytes(struct span s, bool nocase)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (nocase && c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + 32);
		h = (h ^ c) * 1099511628211u;
	}
	return h ^ h >> 32;
}

static uint64_t hash_id(int64_t id)
{
	uint64_t h = (uint64_t)id * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static struct span unique_key(const struct store_row *row)
{
	int f = row_unique_field(row->res);
	return f < 0 ? SPAN_NONE : row->v[f].s;
}

static struct store_row **bucket_id(const struct snapshot_table *t, int64_t id)
{
	return &t->by_id[hash_id(id) & (t->buckets - 1)];
}

static struct store_row **bucket_unique(const struct snapshot_table *t,
					const struct schema_resource *r,
					struct span key)
{
	return &t->by_unique[hash_bytes(key, is_nocase(r)) & (t->buckets - 1)];
}

static void link_hashes(struct snapshot_table *t, struct store_row *row)
{
	struct store_row **b = bucket_id(t, row->id);
	row->next_id = *b;
	*b = row;
	b = bucket_unique(t, row->res, unique_key(row));
	row->next_unique = *b;
	*b = row;
}

static void unlink_hashes(struct snapshot_table *t, struct store_row *row)
{
	struct store_row **p = bucket_id(t, row->id);
	while (*p != row)
		p = &(*p)->next_id;
	*p = row->next_id;
	p = bucket_unique(t, row->res, unique_key(row));
	while (*p != row)
		p = &(*p)->next_unique;
	*p = row->next_unique;
}

/* Without memory the chains just get longer. */
static void grow(struct snapshot_table *t)
{
	if (t->n < t->buckets)
		return;
	size_t n = t->buckets * 2;
	struct store_row **ids = mem_calloc(n, sizeof(*ids));
	struct store_row **uniques = mem_calloc(n, sizeof(*uniques));
	if (ids == NULL || uniques == NULL) {
		mem_free(ids);
		mem_free(uniques);
		return;
	}
	mem_free(t->by_id);
	mem_free(t->by_unique);
	t->by_id = ids;
	t->by_unique = uniques;
	t->buckets = n;
	list_each(it, tmp, &t->rows)
		link_hashes(t, list_entry(it, struct store_row, at));
}

/* --- snapshot ------------------------------------------------------------- */

int snapshot_init(struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	list_init(&s->graveyard);
	for (int i = 0; i < RES_COUNT; i++)
		list_init(&s->t[i].rows);
	for (int i = RES_NONE + 1; i < RES_COUNT; i++) {
		struct snapshot_table *t = &s->t[i];
		t->buckets = BUCKETS_FIRST;
		t->by_id = mem_calloc(t->buckets, sizeof(*t->by_id));
		t->by_unique = mem_calloc(t->buckets, sizeof(*t->by_unique));
		if (t->by_id == NULL || t->by_unique == NULL)
			return E_NOMEM;
	}
	return 0;
}

static void free_list(struct list *l)
{
	list_each(it, tmp, l) {
		struct store_row *row = list_entry(it, struct store_row, at);
		list_del(it);
		row_free(&row);
	}
}

void snapshot_bury(struct snapshot *s)
{
	free_list(&s->graveyard);
}

void snapshot_release(struct snapshot *s)
{
	for (int i = 0; i < RES_COUNT; i++) {
		free_list(&s->t[i].rows);
		mem_free(s->t[i].by_id);
		mem_free(s->t[i].by_unique);
	}
	snapshot_bury(s);
}

struct store_row *snapshot_get(const struct snapshot *s,
			       enum schema_resource_id res, int64_t id)
{
	if (schema_resource(res) == NULL)
		return NULL;
	struct store_row *row = *bucket_id(&s->t[res], id);
	while (row != NULL && row->id != id)
		row = row->next_id;
	return row;
}

struct store_row *snapshot_find(const struct snapshot *s,
				enum schema_resource_id res, struct span key)
{
	const struct schema_resource *r = schema_resource(res);
	if (r == NULL || row_unique_field(r) < 0)
		return NULL;
	bool nocase = is_nocase(r);
	struct store_row *row = *bucket_unique(&s->t[res], r, key);
	for (; row != NULL; row = row->next_unique) {
		struct span have = unique_key(row);
		if (nocase ? span_eq_nocase(have, key) : span_eq(have, key))
			return row;
	}
	return NULL;
}

/* New ids are higher than all before, so the walk ends at once. */
static void insert_in_order(struct snapshot_table *t, struct store_row *row)
{
	struct list *after = t->rows.prev;
	while (after != &t->rows &&
	       list_entry(after, struct store_row, at)->id > row->id)
		after = after->prev;
	list_add_head(after, &row->at);
}

struct store_row *snapshot_put(struct snapshot *s, struct store_row *row)
{
	struct snapshot_table *t = &s->t[row->res->id];
	struct store_row *old = snapshot_del(s, row->res->id, row->id);
	insert_in_order(t, row);
	link_hashes(t, row);
	t->n++;
	grow(t);
	return old;
}

struct store_row *snapshot_del(struct snapshot *s,
			       enum schema_resource_id res, int64_t id)
{
	struct store_row *row = snapshot_get(s, res, id);
	if (row == NULL)
		return NULL;
	unlink_hashes(&s->t[res], row);
	list_del(&row->at);
	s->t[res].n--;
	list_add_tail(&s->graveyard, &row->at);
	return row;
}
