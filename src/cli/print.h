/* cli/print.h - rows on paper: a table, a list of fields, or JSON. */
#pragma once
#include <stdio.h>
#include "base/err.h"
#include "schema/schema.h"
#include "cli.pb-c.h"

struct rows;

int  rows_new(struct rows **out);
void rows_free(struct rows **r);
/* Copies. E_NOMEM, E_LIMIT (fields of one row). */
int  rows_add(struct rows *r, const Cv__CliRow *row);
size_t rows_count(const struct rows *r);
/* The value of a field of the last row; empty when there is none. */
struct span rows_last(const struct rows *r, const char *field);

/* Of the i-th; empty when there is none. */
struct span rows_get(const struct rows *r, size_t i, const char *field);
/* The n-th of that name. */
struct span rows_nth(const struct rows *r, size_t i, const char *field,
		     size_t n);

/* What a terminal may get: well-formed UTF-8 without control characters and
 * without what turns the direction of text. Pure; dst gets at most cap - 1
 * bytes and a NUL; returns the width in characters. */
size_t print_clean(char *dst, size_t cap, struct span s);
/* `resource` NULL: no schema is known for these rows. */
void print_table(FILE *f, const struct rows *r,
		 const struct schema_resource *resource);
void print_fields(FILE *f, const struct rows *r);
void print_json(FILE *f, const struct rows *r,
		const struct schema_resource *resource);
