#include "core/policy/profile.h"

#include <stddef.h>

enum action {
	ACT_REFUSE = 0,		/* an empty cell */
	ACT_SERVER,		/* the server's values are in force */
	ACT_REJECT,
	ACT_REDIRECT,
	ACT_FAILED,		/* the server is of no help */
	ACT_LOOK,
	ACT_FOUND,
	ACT_SCRIPT,
	ACT_SCRIPT_REJECT,
	ACT_SCRIPT_REDIRECT,
	ACT_SCRIPT_FAILED,
};

static const uint8_t table[POLICY_ST_COUNT][POLICY_EV_COUNT] = {
	[POLICY_ST_ASKING] = {
		[POLICY_EV_ANSWER] = ACT_SERVER,
		[POLICY_EV_ANSWER_REJECT] = ACT_REJECT,
		[POLICY_EV_ANSWER_CONTINUE] = ACT_LOOK,
		[POLICY_EV_ANSWER_REDIRECT] = ACT_REDIRECT,
		[POLICY_EV_ANSWER_FAILED] = ACT_FAILED,
	},
	[POLICY_ST_LOOKING] = {
		[POLICY_EV_FOUND] = ACT_FOUND,
		[POLICY_EV_NOT_FOUND] = ACT_REJECT,
	},
	[POLICY_ST_RUNNING] = {
		[POLICY_EV_SCRIPT] = ACT_SCRIPT,
		[POLICY_EV_SCRIPT_REJECT] = ACT_SCRIPT_REJECT,
		[POLICY_EV_SCRIPT_REDIRECT] = ACT_SCRIPT_REDIRECT,
		[POLICY_EV_SCRIPT_FAILED] = ACT_SCRIPT_FAILED,
	},
};

/* Redirects are for services; who has no reject, cannot be rejected. */
static bool fits_kind(enum policy_kind k, enum policy_event ev)
{
	switch (ev) {
	case POLICY_EV_ANSWER_REDIRECT:
	case POLICY_EV_SCRIPT_REDIRECT:
		return k == POLICY_SERVICE;
	case POLICY_EV_ANSWER_REJECT:
		return k == POLICY_SERVICE || k == POLICY_PARTICIPANT ||
		       k == POLICY_REGISTRATION;
	case POLICY_EV_SCRIPT_REJECT:
		return k == POLICY_SERVICE || k == POLICY_PARTICIPANT;
	default:
		return true;
	}
}

enum policy_step policy_step(const struct policy_machine *m)
{
	switch (m->state) {
	case POLICY_ST_ASKING:
		return POLICY_ASK;
	case POLICY_ST_LOOKING:
		return POLICY_LOOK_UP;
	case POLICY_ST_RUNNING:
		return POLICY_RUN;
	default:
		return POLICY_END;
	}
}

static bool has_script(const struct policy_machine *m)
{
	return (int)m->kind < POLICY_SCRIPTS && m->profile.script[m->kind];
}

static void decide(struct policy_machine *m, enum policy_verdict v,
		   enum policy_source by)
{
	m->decision = (struct policy_decision){v, by};
	m->state = m->state != POLICY_ST_RUNNING && has_script(m) ?
		   POLICY_ST_RUNNING : POLICY_ST_DONE;
}

/* Avatars, directories and registrations have nothing of ours to run a script
 * on: that we do it ourselves is the whole answer. */
static void look(struct policy_machine *m)
{
	if ((int)m->kind < POLICY_SCRIPTS)
		m->state = POLICY_ST_LOOKING;
	else
		decide(m, POLICY_ACCEPT, POLICY_BY_US);
}

static bool must_reject(const struct policy_machine *m)
{
	return (int)m->kind < POLICY_SCRIPTS &&
	       m->profile.on_failure[m->kind] == POLICY_FAIL_REJECT;
}

/* At once: a script would take it for an unknown alias, at best. */
static void reject_now(struct policy_machine *m)
{
	m->decision = (struct policy_decision){POLICY_REJECT,
					       POLICY_BY_NOBODY};
	m->state = POLICY_ST_DONE;
}

static void server_failed(struct policy_machine *m)
{
	m->server_failed = true;
	if (must_reject(m))
		reject_now(m);
	else
		look(m);
}

static void script_failed(struct policy_machine *m)
{
	m->script_failed = true;
	if (must_reject(m))
		reject_now(m);
	else
		m->state = POLICY_ST_DONE;
}

static void act(struct policy_machine *m, enum action a)
{
	switch (a) {
	case ACT_SERVER:
		decide(m, POLICY_ACCEPT, POLICY_BY_SERVER);
		break;
	case ACT_REJECT:
	case ACT_SCRIPT_REJECT:
		decide(m, POLICY_REJECT, POLICY_BY_NOBODY);
		break;
	case ACT_REDIRECT:
		decide(m, POLICY_REDIRECT, POLICY_BY_SERVER);
		break;
	case ACT_FAILED:
		server_failed(m);
		break;
	case ACT_LOOK:
		look(m);
		break;
	case ACT_FOUND:
		decide(m, POLICY_ACCEPT, POLICY_BY_US);
		break;
	case ACT_SCRIPT:
		decide(m, POLICY_ACCEPT, POLICY_BY_SCRIPT);
		break;
	case ACT_SCRIPT_REDIRECT:
		decide(m, POLICY_REDIRECT, POLICY_BY_SCRIPT);
		break;
	case ACT_SCRIPT_FAILED:
		script_failed(m);
		break;
	case ACT_REFUSE:
		break;
	}
}

enum policy_step policy_start(struct policy_machine *m, enum policy_kind kind,
			      const struct policy_profile *profile)
{
	*m = (struct policy_machine){.kind = kind};
	if (profile)
		m->profile = *profile;
	if (m->profile.external[kind])
		m->state = POLICY_ST_ASKING;
	else
		look(m);
	return policy_step(m);
}

enum policy_step policy_event(struct policy_machine *m, enum policy_event ev)
{
	enum action a = ACT_REFUSE;

	if ((unsigned)ev < POLICY_EV_COUNT && fits_kind(m->kind, ev))
		a = table[m->state][ev];
	if (a == ACT_REFUSE)
		m->refused++;
	else
		act(m, a);
	return policy_step(m);
}

const char *policy_kind_name(enum policy_kind k)
{
	static const char *const names[POLICY_KIND_COUNT] = {
		"service", "participant", "media_location", "avatar",
		"directory", "registration",
	};

	return (unsigned)k < POLICY_KIND_COUNT ? names[k] : "unknown";
}
