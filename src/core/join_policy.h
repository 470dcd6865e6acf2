/* core/join_policy.h - a join's questions to policy: the server, the script.
 *
 * Which of them come, in which order and whose word counts is
 * policy/profile.h; here are the questions themselves. A join whose location
 * has no profile has none of this.
 */
#pragma once
#include "base/addr.h"
#include "core/join_int.h"
#include "core/policies.h"
#include "core/policy/facts.h"
#include "core/policy/result.h"

enum {
	JOIN_ARENAS = 2 * 4,		/* a server's and a script's answer each */
	JOIN_ANSWER_BYTES = 2 << 20,	/* of a server, as a tree */
	JOIN_REASON_MAX = 4 * POLICY_TEXT_MAX,
};

struct join_policy {
	struct policies *set;
	struct policy_machine m;	/* of the decision at hand */
	struct policy_answer server, script;
	struct arena *arenas[JOIN_ARENAS];	/* what the answers point into */
	size_t n_arenas;
	uint64_t job;			/* on the pool, 0 = none */

	struct policy_service ours;	/* as our row says */
	struct policy_participant part;	/* in force */
	char pin[PIN_LEN_MAX + 1], guest_pin[PIN_LEN_MAX + 1];
	char location[SERVICE_NAME_MAX + 1], view[64];
	char source[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];
	char role[8];
	char reason[JOIN_REASON_MAX + 1];
};

/* --- join_facts.c and join_policy.c ------------------------------------------ */

/* The profile of the join's location is taken hold of. */
int  join_policy_open(struct join *j);
void join_policy_free(struct join *j);
/* Does policy leave the look-up to us? */
bool join_policy_looks_up(const struct join *j);
/* The service is decided: sv, conf and own PINs are what they are. */
void join_policy_service(struct join *j);

enum join_event join_service_ask(struct join *j);
enum join_event join_service_script(struct join *j);
enum join_event join_api_ask(struct join *j);
enum join_event join_api_script(struct join *j);
enum join_event join_standard_ask(struct join *j);
enum join_event join_standard_script(struct join *j);
enum join_event join_media_ask(struct join *j);
enum join_event join_media_script(struct join *j);
/* The media location is decided. JE_NEXT or JE_OVER. */
enum join_event join_policy_place(struct join *j);

/* --- join_policy_facts.c ------------------------------------------------------- */

/* What is known about the call, for this request. Spans point into j. */
void join_policy_facts(struct join *j, enum policy_kind kind,
		       struct policy_facts *f);
/* Our own words on the service, the participant, the location. */
void join_policy_ours(struct join *j);
void join_policy_person(struct join *j);
/* A policy's service becomes ours; false: of a kind that browsers cannot
 * join. */
bool join_policy_adopt(struct join *j, const struct policy_service *s);
