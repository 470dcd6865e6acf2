/* core/policy/rows.h - the members of answers as data. Private.
 *
 * One row per member: where it stands in the struct, of which service types
 * it is, what it may be. result.c reads by it, vars.c writes by it, so a
 * script that prints what it was given changes nothing. */
#pragma once
#include "core/policy/result.h"

enum policy_member_type {
	POLICY_M_TEXT = 0,	/* span */
	POLICY_M_BOOL,
	POLICY_M_ENUM,		/* uint8_t, index into choices */
	POLICY_M_INT,		/* int64_t, min..max */
	POLICY_M_BPS,		/* int64_t, bit/s */
	POLICY_M_NAME,		/* span, name of an object */
	POLICY_M_VIEW,		/* span, a layout */
	POLICY_M_PIN,		/* span */
};

struct policy_row {
	const char *name;
	enum policy_member_type type;
	uint16_t offset;
	uint8_t of;		/* bits 1 << enum policy_service_type */
	uint8_t required;	/* likewise */
	uint8_t object;		/* POLICY_M_NAME: enum policy_object */
	/* "a|b|c"; an empty word is null only. The words behind the last one
	 * that a type may use are cut off by reading code, not here. */
	const char *choices;
	int64_t min, max;
	const char *def;	/* of texts; others have their zero */
};

size_t policy_service_rows(const struct policy_row **out);
size_t policy_automatic_rows(const struct policy_row **out);

/* The n-th word of choices; empty when there is none. */
struct span policy_choice(const char *choices, unsigned n);
