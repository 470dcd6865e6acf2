/* core/store/row.h - one row in memory, and the snapshot of all rows.
 *
 * A row is one block: header, values, bytes. It never changes; a change is a
 * new row in its place. All links are inside the rows, so that taking over
 * what is already durable on disk cannot fail for want of memory.
 */
#pragma once
#include "core/store/store.h"
#include "base/list.h"

struct store_row {
	struct list at;			/* in order of id, or the graveyard */
	struct store_row *next_id;	/* hash chains */
	struct store_row *next_unique;
	const struct schema_resource *res;
	int64_t id;
	struct schema_value v[];	/* res->n_fields */
};

/* Copies values and their bytes. NULL = out of memory. */
struct store_row *row_new(const struct schema_resource *r,
			  const struct schema_value *values);
void row_free(struct store_row **row);

/* The resource's unique field besides id, or -1. */
int row_unique_field(const struct schema_resource *r);

struct snapshot {
	struct snapshot_table {
		struct list rows;
		size_t n;
		struct store_row **by_id, **by_unique;
		size_t buckets;		/* a power of two */
	} t[RES_COUNT];
	struct list graveyard;		/* replaced rows, until the next turn */
};

int  snapshot_init(struct snapshot *s);
void snapshot_release(struct snapshot *s);
void snapshot_bury(struct snapshot *s);	/* frees the graveyard */
struct store_row *snapshot_get(const struct snapshot *s,
			       enum schema_resource_id res, int64_t id);
struct store_row *snapshot_find(const struct snapshot *s,
				enum schema_resource_id res, struct span key);
/* Takes the row over; returns the one it replaced (now in the graveyard). */
struct store_row *snapshot_put(struct snapshot *s, struct store_row *row);
struct store_row *snapshot_del(struct snapshot *s,
			       enum schema_resource_id res, int64_t id);
