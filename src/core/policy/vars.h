/* core/policy/vars.h - the variables of policy scripts.
 *
 * call_info from facts.h, service_config and participant and
 * suggested_media_overflow_locations from result.h. Everything made here
 * lives in the arena that is then given to script_run(); texts are copied and
 * made well-formed UTF-8 (a bad byte becomes U+FFFD), so hostile names cannot
 * break a script or its JSON. Pure. Errors: E_LIMIT (arena), E_NOMEM.
 */
#pragma once
#include "core/policy/facts.h"
#include "core/policy/result.h"
#include "core/policy/script/value.h"

struct policy_vars {
	const struct policy_facts *facts;
	/* NULL: None (nothing matched). */
	const struct policy_service *service;
	/* POLICY_PARTICIPANT: the values in force, originals are in facts. */
	const struct policy_participant *participant;
	/* POLICY_LOCATION: the location's own settings or the server's. */
	const struct policy_location *location;
};

/* The dictionary for script_run(), with the variables of that script. */
int policy_vars_make(struct arena *a, enum policy_kind kind,
		     const struct policy_vars *in, struct val *out);
int policy_var_call_info(struct arena *a, enum policy_kind kind,
			 const struct policy_facts *f, struct val *out);
int policy_var_service(struct arena *a, const struct policy_service *s,
		       struct val *out);
