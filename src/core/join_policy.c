#include "core/join_policy.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "core/fetch.h"
#include "core/policy/vars.h"
#include "core/policy_wire.h"
#include "core/zones.h"

/* --- the struct ----------------------------------------------------------------- */

int join_policy_open(struct join *j)
{
	struct policies *set;
	int r = policies_of(j->c, j->location, &set);

	if (r < 0 || !set)
		return r;
	j->pol = mem_zalloc(sizeof(*j->pol));
	if (!j->pol) {
		policies_unref(&set);
		return E_NOMEM;
	}
	j->pol->set = set;
	return 0;
}

void join_policy_free(struct join *j)
{
	struct join_policy *p = j->pol;

	if (!p)
		return;
	if (p->job)
		(void)pool_cancel(j->c->pool, p->job);
	for (size_t i = 0; i < p->n_arenas; i++)
		arena_free(&p->arenas[i]);
	policies_unref(&p->set);
	secret_wipe(p, sizeof(*p));
	mem_free(p);
	j->pol = NULL;
}

/* The join owns the arena from here on. */
static bool keep(struct join_policy *p, struct arena **a)
{
	if (p->n_arenas == JOIN_ARENAS)
		return false;
	p->arenas[p->n_arenas++] = *a;
	*a = NULL;
	return true;
}

static struct policy_reader reader_of(struct core *c, struct arena *a)
{
	return (struct policy_reader){.arena = a, .has = policies_has, .arg = c};
}

/* --- the policy server ---------------------------------------------------------------- */

/* `r` NULL: nobody answered. The arena stays as long as the join. */
static void server_said(struct join *j, const Cv__HttpResult *r)
{
	struct join_policy *p = j->pol;
	struct arena *a = NULL;
	struct policy_reader rd;

	if (!r || arena_new(&a, JOIN_ANSWER_BYTES) < 0)
		r = NULL;
	rd = reader_of(j->c, a);
	if (a && !keep(p, &a)) {
		arena_free(&a);
		r = NULL;
	}
	policy_wire_read(&p->server, p->m.kind, r, &rd);
	(void)policy_event(&p->m, p->server.event);
	policies_served(j->c, p->set, &p->m, &p->server.why);
}

static bool awaits_answer(enum join_state s)
{
	return s == JOIN_SERVICE_WAIT || s == JOIN_API_WAIT ||
	       s == JOIN_STANDARD_WAIT || s == JOIN_MEDIA_WAIT;
}

static void on_answer(struct core *c, uint64_t who, const Cv__HttpResult *r)
{
	struct join *j = handles_get(c->joins, who);

	if (!j || !awaits_answer(j->state))
		return;
	server_said(j, r);
	join_resume(c, who, j->state);
}

static int send_request(struct join *j)
{
	const struct join_policy *p = j->pol;
	struct policy_facts f;

	join_policy_facts(j, p->m.kind, &f);
	return policies_request(j->c, p->set->id, p->m.kind, &f,
				(struct policies_by){join_share(j), j->ip},
				j->id, on_answer);
}

/* A decision begins: the server is asked, if the profile says so. Nobody's
 * opinion is "there was no place to ask": what a server that fails means must
 * not be had by filling our queue. */
static enum join_event begin(struct join *j, enum policy_kind kind)
{
	struct join_policy *p = j->pol;
	int r;

	if (!p)
		return JE_NEXT;
	join_note(j, "policy is asked", kind == POLICY_SERVICE ?
		  SPAN_LIT("about the service") :
		  SPAN_LIT("about the participant"));
	p->server = p->script = (struct policy_answer){.event =
						       POLICY_EV_NONE};
	if (policy_start(&p->m, kind, &p->set->profile) != POLICY_ASK)
		return JE_NEXT;
	r = send_request(j);
	if (r == 0)
		return JE_LATER;
	if (r == E_FULL)
		return join_busy(j);
	server_said(j, NULL);
	return JE_NEXT;
}

/* --- the script --------------------------------------------------------------------------- */

struct script_job {
	struct core *c;
	uint64_t who;
	struct policies *set;
	enum policy_kind kind;
	struct arena *arena;
	struct val vars;
	int64_t now_us;
	struct jtree tree;
	struct script_error err;
	int result;
};

static void random_bytes(void *arg, void *p, size_t n)
{
	(void)arg;
	rand_bytes(p, n);
}

static int zone(void *arg, struct span name, struct span *tzif)
{
	const struct script_job *s = arg;

	return zones_read(s->arena, name, tzif);
}

/* A script may print its whole input; PINs are no matter for a log. */
static void mask(char *text, size_t n, struct val pin)
{
	const struct span s = pin.type == VAL_STR ? pin.u.s : SPAN_NONE;
	char *at = text;

	while (s.n && (at = memmem(at, n - (size_t)(at - text), s.p, s.n))) {
		memset(at, '*', s.n);
		at += s.n;
	}
}

static void debug_text(void *arg, struct span text)
{
	const struct script_job *s = arg;
	const struct val sv = val_get(s->vars, "service_config");
	char *copy = mem_dup(text.p, text.n);

	if (!copy)
		return;
	mask(copy, text.n, val_get(sv, "pin"));
	mask(copy, text.n, val_get(sv, "guest_pin"));
	log_info("policy", "script says", LOG_T("text", span_of(copy, text.n)));
	mem_free(copy);
}

/* On a thread of the pool: only what the job owns. */
static int script_work(void *arg)
{
	struct script_job *s = arg;
	const struct script_env env = {.arg = s, .now_us = s->now_us,
				       .zone = zone, .random = random_bytes,
				       .debug = debug_text};
	struct span out = SPAN_NONE;
	int r = script_run(s->set->scripts[s->kind], s->vars, &env, NULL,
			   s->arena, &out, &s->err, NULL);

	return r ? r : jtree_parse(&s->tree, s->arena, out, NULL);
}

static bool awaits_script(enum join_state s)
{
	return s == JOIN_SERVICE_SCRIPT_WAIT || s == JOIN_API_SCRIPT_WAIT ||
	       s == JOIN_STANDARD_SCRIPT_WAIT || s == JOIN_MEDIA_SCRIPT_WAIT;
}

static void show_script(struct join *j, const struct script_job *s)
{
	struct join_policy *p = j->pol;
	policies_note(j->c, p->set, POLICIES_SCRIPT, !p->m.script_failed,
		      span_str(policy_kind_name(p->m.kind)));
	if (!p->m.script_failed)
		return;
	log_warn("policy", "script failed", LOG_S("profile", p->set->name),
		 LOG_S("script", policy_kind_name(p->m.kind)),
		 LOG_U("line", s ? s->err.line : 0),
		 LOG_U("column", s ? s->err.column : 0),
		 LOG_S("reason", s ? s->err.text : "cannot be run"));
}

/* `s` NULL: it could not even begin. */
static void script_said(struct join *j, struct script_job *s, bool ran)
{
	struct join_policy *p = j->pol;
	struct policy_reader rd = reader_of(j->c, s ? s->arena : NULL);
	const bool kept = ran && keep(p, &s->arena);

	policy_script_read(&p->script, p->m.kind, kept ? &s->tree : NULL, &rd);
	(void)policy_event(&p->m, p->script.event);
	show_script(j, s);
}

static void job_free(struct script_job *s)
{
	arena_free(&s->arena);
	policies_unref(&s->set);
	mem_free(s);
}

static void script_done(void *arg, int result)
{
	struct script_job *s = arg;
	struct core *c = s->c;
	struct join *j = handles_get(c->joins, s->who);

	core_turn(c);
	if (j && j->pol && awaits_script(j->state)) {
		j->pol->job = 0;
		script_said(j, s, result == 0);
		join_resume(c, j->id, j->state);
	}
	job_free(s);
}

static const struct policy_service *service_in_force(const struct join *j)
{
	const struct join_policy *p = j->pol;

	if (p->m.kind != POLICY_SERVICE)
		return &p->ours;
	return p->m.decision.source == POLICY_BY_SERVER ?
		&p->server.v.service : p->m.decision.source == POLICY_BY_US ?
		&p->ours : NULL;
}

static int make_vars(struct join *j, struct script_job *s)
{
	struct join_policy *p = j->pol;
	struct policy_facts f;
	struct policy_location place = {.location = span_str(p->location)};
	struct policy_vars in = {.facts = &f, .service = service_in_force(j),
				 .participant = &p->part, .location = &place};

	join_policy_facts(j, p->m.kind, &f);
	f.disposition = p->server.disposition;
	if (p->m.kind == POLICY_LOCATION &&
	    p->m.decision.source == POLICY_BY_SERVER)
		place = p->server.v.location;
	return policy_vars_make(s->arena, p->m.kind, &in, &s->vars);
}

static int start_script(struct join *j)
{
	struct join_policy *p = j->pol;
	struct pool_job job = {.work = script_work, .done = script_done,
			       .who = join_share(j), .ip = j->ip};
	struct script_job *s;
	int r;

	if (!p->set->scripts[p->m.kind])
		return E_NOTFOUND;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	*s = (struct script_job){.c = j->c, .who = j->id, .set = p->set,
				 .kind = p->m.kind, .now_us = clock_wall_us()};
	p->set->refs++;
	r = arena_new(&s->arena, SCRIPT_MEMORY_BYTES);
	r = r ? r : make_vars(j, s);
	job.arg = s;
	r = r ? r : pool_put(j->c->pool, &job, &p->job);
	if (r < 0)
		job_free(s);
	return r;
}

/* What we know ourselves is settled, if it was asked for; then the script. */
static enum join_event go_on(struct join *j, bool found)
{
	struct join_policy *p = j->pol;
	int r;

	if (!p)
		return JE_NEXT;
	if (policy_step(&p->m) == POLICY_LOOK_UP)
		(void)policy_event(&p->m, found ? POLICY_EV_FOUND :
				   POLICY_EV_NOT_FOUND);
	if (policy_step(&p->m) != POLICY_RUN)
		return JE_NEXT;
	r = start_script(j);
	if (r == 0)
		return JE_LATER;
	if (r == E_FULL)
		return join_busy(j);
	script_said(j, NULL, false);
	return JE_NEXT;
}

/* --- the service ---------------------------------------------------------------------------- */

enum join_event join_service_ask(struct join *j)
{
	return begin(j, POLICY_SERVICE);
}

bool join_policy_looks_up(const struct join *j)
{
	return !j->pol || policy_step(&j->pol->m) == POLICY_LOOK_UP;
}

enum join_event join_service_script(struct join *j)
{
	if (j->pol && j->conf)
		join_policy_ours(j);
	return go_on(j, j->conf != 0);
}

/* To a SIP caller it can be said. */
static void take_redirect(struct join *j)
{
	const struct join_policy *p = j->pol;
	const struct policy_decision *d = &p->m.decision;
	const struct span to = d->source == POLICY_BY_SCRIPT ?
		p->script.new_alias : p->server.new_alias;

	if (j->way == JOIN_BY_SIP && d->verdict == POLICY_REDIRECT &&
	    span_cstr(to, j->redirect, sizeof(j->redirect)) < 0)
		j->redirect[0] = 0;
}

void join_policy_service(struct join *j)
{
	struct join_policy *p = j->pol;
	const struct policy_service *s = NULL;

	if (!p)
		return;
	take_redirect(j);
	if (p->m.decision.verdict != POLICY_ACCEPT) {
		j->conf = 0;
		return;
	}
	if (p->m.decision.source == POLICY_BY_SERVER)
		s = &p->server.v.service;
	else if (p->m.decision.source == POLICY_BY_SCRIPT)
		s = &p->script.v.service;
	/* A script that leaves a rule's call as it is. */
	if (s && s->type == POLICY_SV_GATEWAY && j->gateway)
		return;
	if (s && !join_policy_adopt(j, s))
		j->conf = 0;
	if (s)
		p->ours = *s;
}

/* --- the participant -------------------------------------------------------------------------- */

static void note_reject(const struct join *j, struct span reason)
{
	audit_note(j->c, "policy.reject", AUDIT_DENIED, SPAN_LIT("policy"),
		   span_str(j->pol->source), span_str(j->sv.name), reason);
}

static enum join_event reject(struct join *j, struct span reason)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	note_reject(j, reason);
	join_note(j, "policy rejects", reason);
	r.outcome = CV__JOIN_OUTCOME__JOIN_REJECTED;
	r.reject_reason = ipc_data(reason);
	(void)join_reply(j, &r);
	return JE_OVER;
}

/* What was kept points at dst itself. */
static void take_text(char *dst, size_t cap, struct span s, bool is_set)
{
	if (is_set && s.n < cap && (const char *)s.p != dst)
		(void)span_cstr(s, dst, cap);
}

/* Lower is sooner: seconds, as those that hosts set, are of now. */
static int64_t spotlight_us(int64_t s)
{
	enum { US_PER_S = 1000000 };

	return s > INT64_MAX / US_PER_S ? INT64_MAX : s * US_PER_S;
}

/* What was decided becomes what he is. */
static void take_person(struct join *j)
{
	const struct policy_participant *q = &j->pol->part;

	take_text(j->name, sizeof(j->name), q->remote_display_name,
		  q->set & POLICY_PF_DISPLAY_NAME);
	take_text(j->tag, sizeof(j->tag), q->call_tag,
		  q->set & POLICY_PF_CALL_TAG);
	/* Nobody named one: it is the name, and follows it. */
	if ((const char *)q->remote_alias.p != j->name)
		take_text(j->remote, sizeof(j->remote), q->remote_alias,
			  q->set & POLICY_PF_REMOTE_ALIAS);
	if (q->set & POLICY_PF_ROLE && q->preauthenticated_role)
		j->host = q->preauthenticated_role == POLICY_ROLE_CHAIR;
	if (q->set & POLICY_PF_BYPASS_LOCK)
		j->bypass_lock = q->bypass_lock;
	if (q->set & POLICY_PF_NO_OVERLAY)
		j->no_overlay = q->disable_overlay_text;
	if (q->set & POLICY_PF_RX_PRESENTATION)
		j->no_slides = q->deny_presentation;
	if (q->set & POLICY_PF_SPOTLIGHT)
		j->spotlight_us = spotlight_us(q->spotlight);
}

static enum join_event settle_person(struct join *j)
{
	struct join_policy *p = j->pol;
	const struct policy_decision *d = &p->m.decision;

	if (d->verdict != POLICY_ACCEPT)
		return reject(j, p->script.event == POLICY_EV_SCRIPT_REJECT ?
			      p->script.reject_reason :
			      p->server.reject_reason);
	if (p->server.event == POLICY_EV_ANSWER)
		policy_participant_merge(&p->part, &p->server.v.participant);
	if (d->source == POLICY_BY_SCRIPT)
		policy_participant_merge(&p->part, &p->script.v.participant);
	take_person(j);
	return JE_NEXT;
}

/* The script sees what the server changed. */
static enum join_event person_script(struct join *j)
{
	struct join_policy *p = j->pol;

	if (p && p->server.event == POLICY_EV_ANSWER)
		policy_participant_merge(&p->part, &p->server.v.participant);
	return go_on(j, true);
}

/* Who takes his own seat again was asked about when he took it first. A SIP
 * caller comes here before his PIN: nobody asks about one who called what is
 * not there. */
static bool is_asked(const struct join *j)
{
	return j->pol && !j->to_seat &&
	       (j->way == JOIN_BY_WEB || (j->conf && !j->refused));
}

/* A control-only join is none of media, and has no place for it. */
static bool is_asked_media(const struct join *j)
{
	return is_asked(j) && j->has_media;
}

enum join_event join_api_ask(struct join *j)
{
	if (!is_asked(j))
		return JE_NEXT;
	join_policy_person(j);
	j->with_media = false;
	return begin(j, POLICY_PARTICIPANT);
}

enum join_event join_api_script(struct join *j)
{
	return is_asked(j) ? person_script(j) : JE_NEXT;
}

enum join_event join_standard_ask(struct join *j)
{
	if (!is_asked(j))
		return JE_NEXT;
	if (j->way == JOIN_BY_WEB && settle_person(j) == JE_OVER)
		return JE_OVER;
	if (!j->has_media)
		return JE_NEXT;
	join_policy_person(j);
	j->with_media = true;
	return begin(j, POLICY_PARTICIPANT);
}

enum join_event join_standard_script(struct join *j)
{
	return is_asked_media(j) ? person_script(j) : JE_NEXT;
}

/* Who is rejected before he showed a PIN is told nothing: he is refused as
 * one who dialled what is not there. */
enum join_event join_person(struct join *j)
{
	const struct join_policy *p = j->pol;

	if (!is_asked(j))
		return JE_NEXT;
	if (p->m.decision.verdict != POLICY_ACCEPT) {
		note_reject(j, SPAN_NONE);
		j->refused = true;
		return JE_NEXT;
	}
	(void)settle_person(j);
	j->has_role = p->part.set & POLICY_PF_ROLE &&
		      p->part.preauthenticated_role;
	return JE_NEXT;
}

/* --- the media location -------------------------------------------------------------------------- */

enum join_event join_media_ask(struct join *j)
{
	if (!is_asked_media(j))
		return JE_NEXT;
	if (j->way == JOIN_BY_WEB && settle_person(j) == JE_OVER)
		return JE_OVER;
	return begin(j, POLICY_LOCATION);
}

enum join_event join_media_script(struct join *j)
{
	return is_asked_media(j) ? go_on(j, true) : JE_NEXT;
}

enum join_event join_policy_place(struct join *j)
{
	struct join_policy *p = j->pol;
	const struct policy_location *place = NULL;
	const struct store_row *row;

	if (!is_asked_media(j))
		return JE_NEXT;
	if (p->m.decision.verdict != POLICY_ACCEPT)
		return reject(j, SPAN_NONE);
	if (p->m.decision.source == POLICY_BY_SERVER)
		place = &p->server.v.location;
	else if (p->m.decision.source == POLICY_BY_SCRIPT)
		place = &p->script.v.location;
	row = place ? store_find(j->c->store, RES_SYSTEM_LOCATION,
				 SYSTEM_LOCATION_NAME, place->location) : NULL;
	if (row)
		j->media_location = store_row_id(row);
	return JE_NEXT;
}
