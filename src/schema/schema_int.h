/* schema/schema_int.h - shared inside schema/. */
#pragma once
#include "schema/schema.h"

/* The index-th word of an enumeration; empty when there is none. */
struct span schema_choice(const struct schema_field *f, int64_t index);

/* One value of each type against its own limits. */
#define CHECK(name)                                                           \
	int name(const struct schema_resource *r,                             \
		 const struct schema_field *f, struct span s,                 \
		 struct schema_error *why)
CHECK(check_text);
CHECK(check_nets);
CHECK(check_address);
CHECK(check_host);
CHECK(check_url);
CHECK(check_refs);
CHECK(check_prefixes);
CHECK(check_hex);
#undef CHECK
