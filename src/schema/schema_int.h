/* schema/schema_int.h - shared inside schema/. */
#pragma once
#include "schema/schema.h"

/* The index-th word of an enumeration; empty when there is none. */
struct span schema_choice(const struct schema_field *f, int64_t index);
