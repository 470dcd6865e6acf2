/* core/routing/route.h - which service or rule takes a call.
 *
 * Order: services first, then the enabled rules by ascending priority, equal
 * ones by ascending id. The first rule that matches takes the call: if that
 * call then fails, no later rule is tried. A rule whose pattern ran out of
 * steps takes the call too, and refuses it: going on would let a caller
 * choose which rules are asked.
 *
 * A `struct route_table` is immutable and counted: configuration changes make
 * a new one, calls on their way keep theirs. Resolving is thread safe, each
 * thread with a regex_run of its own. Pure: the services are asked for by a
 * callback. Only building allocates (and PCRE2 inside its run).
 */
#pragma once
#include "base/addr.h"
#include "core/regex/regex.h"
#include "core/rooms/alias.h"
#include "core/routing/rule.h"

enum {
	ROUTE_RULES_MAX = 2000,
	ROUTE_RAW_MAX = 1024,		/* bytes of a URI as it was dialled */
	ROUTE_HOPS_MAX = 5,		/* resolutions of one call */
};

struct route_table;

/* Builds from rows in any order; the rules' text is copied. No rules: a valid
 * table that routes nothing. A rule that fails rule_check() fails it all,
 * with its id in *bad_rule: the caller keeps the table it had. E_LIMIT: more
 * than ROUTE_RULES_MAX; errors of rule_check(). *out has one reference. */
int  route_table_new(struct route_table **out, const struct rule *rules,
		     size_t n, int64_t *bad_rule, struct rule_error *why);
struct route_table *route_table_ref(struct route_table *t);
void route_table_unref(struct route_table **t);	/* NULL inside is fine */

/* In the order in which they are tried, disabled ones included. */
size_t route_table_count(const struct route_table *t);
const struct rule *route_table_at(const struct route_table *t, size_t i);
const struct rule *route_table_find(const struct route_table *t, int64_t id);

/* Where a call has been, carried along from one resolution to the next (a
 * reception, a redirect by policy, a call that came back to us). Starts as
 * zero. */
struct route_trail {
	uint8_t hops;
	uint64_t seen[ROUTE_HOPS_MAX];
};

struct route_facts {
	struct span dialled;		/* as it came; at most ROUTE_RAW_MAX */
	enum rule_protocol protocol;	/* of the caller */
	bool outgoing;			/* we call: services are not asked */
	int64_t location;		/* of the caller, or of who dials */
	bool registered;		/* the caller, proven */
	const struct addr *own;		/* our addresses: "@address" is cut */
	size_t n_own;
	struct route_trail trail;
};

/* The service of a normalised alias, or 0. */
typedef int64_t route_service_fn(void *arg, struct span alias);
struct route_services {
	route_service_fn *find;
	void *arg;
};

enum route_kind {
	ROUTE_NOTHING = 0,	/* unknown alias */
	ROUTE_SERVICE,
	ROUTE_RULE,
	ROUTE_LOOP,		/* too many hops, or an alias twice */
	ROUTE_ERROR,		/* .error: no alias, or a rule that failed */
};				/* all but two: answered as an unknown alias */

struct route_result {
	enum route_kind kind;
	int error;			/* E_FORMAT, E_LIMIT, E_TIMEOUT, E_NOMEM */
	char alias[ALIAS_MAX + 1];	/* normalised, as services are looked up */
	int64_t service;
	/* ROUTE_RULE, and ROUTE_ERROR by a rule: inside the table */
	const struct rule *rule;
	char target[ALIAS_MAX + 1];	/* what to call, after the replacement */
	struct route_trail trail;	/* for the next resolution */
	unsigned tried;			/* rules whose pattern was run */
};

/* Writes *out whole, whatever comes. */
void route_resolve(const struct route_table *t, struct regex_run *run,
		   const struct route_facts *f,
		   const struct route_services *services,
		   struct route_result *out);

/* Why one rule did not match. */
enum route_why {
	ROUTE_MATCHED = 0,
	ROUTE_WHY_DISABLED,
	ROUTE_WHY_DIRECTION,	/* not for incoming, or not for outgoing calls */
	ROUTE_WHY_PROTOCOL,
	ROUTE_WHY_LOCATION,
	ROUTE_WHY_REGISTERED,	/* for registered callers only */
	ROUTE_WHY_PARTIAL,	/* the pattern matches only a part */
	ROUTE_WHY_PATTERN,
	ROUTE_WHY_STEPS,	/* the pattern ran out of steps: call refused */
	ROUTE_WHY_TARGET,	/* matched, but makes no valid alias: refused */
	ROUTE_WHY_LATER,	/* not asked: the call was decided before */
	ROUTE_WHY_COUNT
};
/* One line of English, never NULL. */
const char *route_why_text(enum route_why why);

/* Called for each rule in order. `groups` is what the pattern captured, or
 * NULL. */
typedef void route_explain_fn(void *arg, const struct rule *r,
			      enum route_why why,
			      const struct regex_match *groups);

/* As route_resolve(), and says of every rule why it did or did not match
 * (ROUTE_WHY_LATER for all that were not asked, a service or an error having
 * decided the call before). */
void route_explain(const struct route_table *t, struct regex_run *run,
		   const struct route_facts *f,
		   const struct route_services *services,
		   route_explain_fn *fn, void *arg, struct route_result *out);
