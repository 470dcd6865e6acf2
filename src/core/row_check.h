/* core/row_check.h - what a row must satisfy beyond schema/: patterns and
 * scripts that can be compiled. A store_check_fn: pure, on the writer thread. */
#pragma once
#include "schema/schema.h"

int core_row_check(enum schema_resource_id res,
		   const struct schema_value *values,
		   struct schema_error *why);
