/* core/store/t/store_kit.h - what the tests of the store share. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/alloc_test.h"
#include "core/store/journal.h"
#include "core/store/store.h"

extern const uint8_t kit_key[32];

/* A fresh directory under $TMPDIR; removed with everything by kit_rm(). */
void kit_mkdir(char dir[256]);
void kit_rm(const char *dir);

int kit_open(struct store **out, const char *dir, struct store_problem *why);

/* One operation from text, run to its end; the id or a negative error.
 * fields: "name", "value", ..., NULL. */
int64_t kit_run(struct store *st, enum store_verb verb,
		enum schema_resource_id res, int64_t id,
		const char *const *fields, struct store_result *out);
#define kit_create(st, res, ...)                                              \
	kit_run(st, STORE_CREATE, res, 0,                                     \
		(const char *const[]){__VA_ARGS__, NULL}, NULL)
#define kit_update(st, res, id, ...)                                          \
	kit_run(st, STORE_UPDATE, res, id,                                    \
		(const char *const[]){__VA_ARGS__, NULL}, NULL)
int64_t kit_delete(struct store *st, enum schema_resource_id res, int64_t id);
