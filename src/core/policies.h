/* core/policies.h - the policy profiles in force, their scripts compiled.
 *
 * Made anew when a row changes; whoever uses one holds a reference, so that
 * a script may run on the pool while its row changes. A profile whose script
 * cannot be compiled (which its row's check refuses) has none of that kind,
 * and counts as failed when it is asked for.
 *
 * References are counted on the main thread only; the scripts themselves are
 * immutable.
 */
#pragma once
#include "core/core.h"
#include "core/fetch.h"
#include "core/policy/facts.h"
#include "core/policy/profile.h"
#include "core/policy/result.h"
#include "core/policy/script/script.h"

struct policies {
	unsigned refs;
	int64_t id;
	char name[251];
	struct policy_profile profile;
	struct script *scripts[POLICY_SCRIPTS];
};

/* The profile of a location: 0 and a reference, or NULL when none is in force
 * there. E_NOMEM, E_NOTFOUND: there is one, and it cannot be had: whoever
 * asks must not go on as if there were none. */
int  policies_of(struct core *c, int64_t location, struct policies **out);
void policies_unref(struct policies **p);
/* A row came, changed or went: with it go its alarms; what is still wrong
 * raises them anew. */
void policies_changed(struct core *c, int64_t id);
/* A call to its server or of its script ended: raises and lowers the alarm. */
enum policies_part { POLICIES_SERVER = 0, POLICIES_SCRIPT, POLICIES_PARTS };
void policies_note(struct core *c, const struct policies *p,
		   enum policies_part part, bool ok, struct span details);
/* Once a second. */
void policies_tick(struct core *c);
/* Is an object of that kind and name configured? A policy_has_fn. */
bool policies_has(void *core, enum policy_object kind, struct span name);
int  policies_open(struct core *c);

/* On whose behalf: core/share.h. `ip` is NULL for SHARE_OURS alone. */
struct policies_by {
	enum share_who who;
	const uint8_t *ip;
};

/* Asks the server of that profile. E_NOTFOUND: it has gone; else as of
 * policy_url() and fetch_get(): `done` comes only after a 0. An avatar has
 * the size that `f` says. */
int  policies_request(struct core *c, int64_t profile, enum policy_kind kind,
		      const struct policy_facts *f, struct policies_by by,
		      uint64_t who, fetch_done_fn done);
/* What came of it: policies_note(), and a failure is logged, with `why` of its
 * answer. */
void policies_served(struct core *c, const struct policies *p,
		     const struct policy_machine *m,
		     const struct policy_error *why);
/* What every request says of us, in a location (0: none). Texts point into
 * the row. */
void policies_facts(struct core *c, int64_t location, struct policy_facts *f);
