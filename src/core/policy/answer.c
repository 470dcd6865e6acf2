/* Whole answers: status, action, result. */
#include "core/policy/read.h"
#include "core/policy/text.h"

enum action { ACTION_NONE = 0, ACTION_CONTINUE, ACTION_REJECT,
	      ACTION_REDIRECT, ACTION_OTHER };

static enum action action_of(const struct policy_in *in)
{
	uint32_t i = policy_member(in, 0, "action");
	struct span s;

	if (!i)
		return ACTION_NONE;
	s = in->t->nodes[i].text;
	if (span_eq(s, SPAN_LIT("continue")))
		return ACTION_CONTINUE;
	if (span_eq(s, SPAN_LIT("reject")))
		return ACTION_REJECT;
	return span_eq(s, SPAN_LIT("redirect")) ? ACTION_REDIRECT :
						  ACTION_OTHER;
}

static struct span disposition_of(enum action a)
{
	switch (a) {
	case ACTION_CONTINUE:
		return SPAN_LIT("CONTINUE");
	case ACTION_REJECT:
		return SPAN_LIT("REJECT");
	case ACTION_REDIRECT:
		return SPAN_LIT("REDIRECT");
	default:
		return SPAN_NONE;
	}
}

/* --- directory, registration --------------------------------------------------- */

static int read_entry(const struct policy_in *in, uint32_t at,
		      struct policy_directory_entry *e)
{
	static const char *const names[] = {"alias", "description",
					    "username"};
	struct span *to[] = {&e->alias, &e->description, &e->username};
	int r = 0;

	if (in->t->nodes[at].kind != J_OBJECT)
		return policy_wrong(in, "result", "type");
	for (size_t i = 0; i < 3 && r == 0; i++) {
		if (!jtree_member(in->t, at, span_str(names[i])))
			return policy_wrong(in, names[i], "required");
		r = policy_read_text(in, at, names[i], to[i]);
	}
	if (r == 0 && !e->alias.n)
		r = policy_wrong(in, "alias", "required");
	return r;
}

static int read_directory(const struct policy_in *in, uint32_t at,
			  struct policy_directory *d)
{
	struct policy_directory_entry *all, e;
	size_t n = 0;
	int r = policy_read_bool(in, 0, "ignore_local", &d->ignore_local);

	if (r == 0 && in->t->nodes[at].kind != J_LIST)
		r = policy_wrong(in, "result", "type");
	if (r < 0)
		return r;
	all = arena_zalloc(in->rd->arena, POLICY_DIRECTORY_MAX * sizeof(*all));
	if (!all)
		return E_NOMEM;
	for (uint32_t i = jtree_first(in->t, at); i && r == 0;
	     i = jtree_next(in->t, i)) {
		e = (struct policy_directory_entry){.alias = SPAN_NONE};
		r = read_entry(in, i, &e);
		if (r == 0 && n < POLICY_DIRECTORY_MAX)
			all[n++] = e;
	}
	d->entries = all;
	d->n = n;
	return r;
}

/* Half of a pair is no pair; {} is "look into your own table". */
static int read_registration(const struct policy_in *in, uint32_t at,
			     struct policy_registration *g)
{
	bool user = policy_member(in, at, "username") != JTREE_NONE;
	bool pass = policy_member(in, at, "password") != JTREE_NONE;
	int r;

	if (in->t->nodes[at].kind != J_OBJECT)
		return policy_wrong(in, "result", "type");
	if (user != pass)
		return policy_wrong(in, user ? "password" : "username",
				    "required");
	r = policy_read_text(in, at, "username", &g->username);
	if (r == 0)
		r = policy_read_text(in, at, "password", &g->password);
	if (r == 0 && (g->username.n > 0) != (g->password.n > 0))
		r = policy_wrong(in, "password", "required");
	g->has_credentials = user;
	return r;
}

/* --- the result, whatever it is of ------------------------------------------------ */

static int read_values(const struct policy_in *in, enum policy_kind kind,
		       uint32_t at, union policy_values *v)
{
	switch (kind) {
	case POLICY_SERVICE:
		return policy_service_read(&v->service, in->t, at, in->rd,
					   in->why);
	case POLICY_PARTICIPANT:
		return policy_participant_read(&v->participant, in->t, at,
					       in->rd, in->why);
	case POLICY_LOCATION:
		return policy_location_read(&v->location, in->t, at, in->rd,
					    in->why);
	case POLICY_DIRECTORY:
		return read_directory(in, at, &v->directory);
	case POLICY_REGISTRATION:
		return read_registration(in, at, &v->registration);
	default:
		return policy_wrong(in, NULL, "kind");
	}
}

static int read_redirect(const struct policy_in *in, uint32_t at,
			 struct span *alias)
{
	int r;

	if (!at || in->t->nodes[at].kind != J_OBJECT)
		return policy_wrong(in, "result", "required");
	r = policy_read_text(in, at, "new_alias", alias);
	return r == 0 && !alias->n ?
		policy_wrong(in, "new_alias", "required") : r;
}

/* Of a refused participant: what he is told, if it can be read. */
static struct span reason_of(const struct policy_in *in, uint32_t at)
{
	struct span s = SPAN_NONE;
	struct policy_in quiet = *in;

	quiet.why = NULL;
	if (at && in->t->nodes[at].kind == J_OBJECT)
		(void)policy_read_text(&quiet, at, "reject_reason", &s);
	return s;
}

/* Does the result say anything but why? */
static bool is_bare(const struct policy_in *in, uint32_t at)
{
	for (uint32_t i = jtree_first(in->t, at); i; i = jtree_next(in->t, i))
		if (!span_eq(in->t->nodes[i].key, SPAN_LIT("reject_reason")))
			return false;
	return true;
}

static void set(struct policy_answer *out, enum policy_event ev)
{
	out->event = ev;
	out->why = (struct policy_error){NULL, NULL};
}

/* --- a server's answer ---------------------------------------------------------------- */

static bool is_success(const struct policy_in *in)
{
	uint32_t i = policy_member(in, 0, "status");

	return i && span_eq(in->t->nodes[i].text, SPAN_LIT("success"));
}

static bool has_action(enum policy_kind kind)
{
	return kind == POLICY_SERVICE || kind == POLICY_PARTICIPANT ||
	       kind == POLICY_REGISTRATION;
}

/* A result that counts: then whatever action says is ignored. */
static bool take_result(const struct policy_in *in, enum policy_kind kind,
			enum action action, uint32_t at,
			struct policy_answer *out)
{
	/* refusing takes an empty result; without this a caveat of the
	 * interface would let a refused participant in */
	if (kind == POLICY_PARTICIPANT && action == ACTION_REJECT &&
	    in->t->nodes[at].kind == J_OBJECT && is_bare(in, at))
		return false;
	if (kind == POLICY_REGISTRATION && action == ACTION_REJECT)
		return false;
	if (read_values(in, kind, at, &out->v) < 0)
		return false;
	set(out, POLICY_EV_ANSWER);
	return true;
}

static void take_action(const struct policy_in *in, enum policy_kind kind,
			enum action action, uint32_t at,
			struct policy_answer *out)
{
	if (action == ACTION_REJECT) {
		set(out, POLICY_EV_ANSWER_REJECT);
		if (kind == POLICY_PARTICIPANT)
			out->reject_reason = reason_of(in, at);
	} else if (action == ACTION_CONTINUE) {
		set(out, POLICY_EV_ANSWER_CONTINUE);
	} else if (action == ACTION_REDIRECT && kind == POLICY_SERVICE &&
		   is_success(in) &&
		   read_redirect(in, at, &out->new_alias) == 0) {
		set(out, POLICY_EV_ANSWER_REDIRECT);
	}
}

void policy_answer_read(struct policy_answer *out, enum policy_kind kind,
			const struct jtree *t, const struct policy_reader *rd)
{
	struct policy_in in = {t, rd, &out->why};
	enum action action;
	uint32_t at;

	*out = (struct policy_answer){.event = POLICY_EV_ANSWER_FAILED};
	if (!t || t->nodes[0].kind != J_OBJECT) {
		(void)policy_wrong(&in, NULL, t ? "type" : "no answer");
		return;
	}
	action = action_of(&in);
	at = policy_member(&in, 0, "result");
	if (!is_success(&in)) {
		(void)policy_wrong(&in, "status", "not success");
	} else {
		out->disposition = disposition_of(action);
		if (at && take_result(&in, kind, action, at, out))
			return;
		if (!at)
			(void)policy_wrong(&in, "result", "required");
	}
	if (has_action(kind))
		take_action(&in, kind, action, at, out);
	if (out->event == POLICY_EV_ANSWER_FAILED &&
	    action == ACTION_REDIRECT)
		out->disposition = SPAN_NONE;
}

/* --- what a script printed --------------------------------------------------------------- */

void policy_script_read(struct policy_answer *out, enum policy_kind kind,
			const struct jtree *t, const struct policy_reader *rd)
{
	struct policy_in in = {t, rd, &out->why};
	enum action action;
	uint32_t at;

	*out = (struct policy_answer){.event = POLICY_EV_SCRIPT_FAILED};
	if (!t || t->nodes[0].kind != J_OBJECT) {
		(void)policy_wrong(&in, NULL, t ? "type" : "no output");
		return;
	}
	action = kind == POLICY_LOCATION ? ACTION_NONE : action_of(&in);
	at = policy_member(&in, 0, "result");
	if (action == ACTION_OTHER) {
		(void)policy_wrong(&in, "action", "choice");
	} else if (action == ACTION_REJECT) {
		set(out, POLICY_EV_SCRIPT_REJECT);
		out->reject_reason = reason_of(&in, at);
	} else if (action == ACTION_REDIRECT) {
		if (kind != POLICY_SERVICE)
			(void)policy_wrong(&in, "action", "choice");
		else if (read_redirect(&in, at, &out->new_alias) == 0)
			set(out, POLICY_EV_SCRIPT_REDIRECT);
	} else if (!at) {
		(void)policy_wrong(&in, "result", "required");
	} else if (read_values(&in, kind, at, &out->v) == 0) {
		set(out, POLICY_EV_SCRIPT);
	}
}
