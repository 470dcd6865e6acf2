/* core/policy/read.h - single values of an answer. Private. */
#pragma once
#include "core/policy/rows.h"

struct policy_in {
	const struct jtree *t;
	const struct policy_reader *rd;
	struct policy_error *why;
};

/* Fills *why; returns E_FORMAT. */
int policy_wrong(const struct policy_in *in, const char *member,
		 const char *rule);
/* The member of `at`; JTREE_NONE also when it is null. */
uint32_t policy_member(const struct policy_in *in, uint32_t at,
		       const char *name);
/* Each leaves *out alone and returns 0 when the member is not there. */
int policy_read_text(const struct policy_in *in, uint32_t at,
		     const char *name, struct span *out);
int policy_read_bool(const struct policy_in *in, uint32_t at,
		     const char *name, bool *out);
int policy_read_int(const struct policy_in *in, uint32_t at, const char *name,
		    int64_t min, int64_t max, int64_t *out);
int policy_read_word(const struct policy_in *in, uint32_t at,
		     const char *name, const char *choices, uint8_t *out);
int policy_read_name(const struct policy_in *in, uint32_t at,
		     const char *name, enum policy_object kind,
		     struct span *out);
/* Reads the rows of `type` into the struct at `base`. */
int policy_read_rows(const struct policy_in *in, uint32_t at,
		     const struct policy_row *rows, size_t n, unsigned type,
		     void *base);
