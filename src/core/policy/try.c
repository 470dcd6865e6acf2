#include "core/policy/try.h"

#include "core/policy/rows.h"
#include "core/policy/vars.h"

void policy_try_sample(struct policy_facts *f)
{
	policy_facts_init(f);
	f->location = SPAN_LIT("sample location");
	f->node_ip = SPAN_LIT("192.0.2.1");
	f->version_id = SPAN_LIT("39");
	f->pseudo_version_id = SPAN_LIT("39.0.0");
	f->call_direction = SPAN_LIT("dial_in");
	f->local_alias = SPAN_LIT("sample");
	f->protocol = SPAN_LIT("api");
	f->participant_type = SPAN_LIT("api");
	f->participant_uuid =
		SPAN_LIT("00000000-0000-4000-8000-000000000000");
	f->remote_address = SPAN_LIT("192.0.2.99");
	f->remote_port = 50000;
	f->remote_alias = SPAN_LIT("Sample Caller");
	f->remote_display_name = SPAN_LIT("Sample Caller");
	f->trigger = SPAN_LIT("web");
	f->vendor = SPAN_LIT("Mozilla/5.0");
}

static int sample_vars(struct arena *mem, const struct policy_try_in *in,
		       struct val *out)
{
	struct policy_service room;
	struct policy_location place = {.location = in->facts.location};
	struct policy_facts f = in->facts;
	struct policy_vars v = {
		.facts = &f, .service = in->is_unknown ? NULL : &room,
		.location = &place,
	};

	policy_service_init(&room, POLICY_SV_CONFERENCE);
	room.name = SPAN_LIT("Sample Room");
	room.pin = SPAN_LIT("482913");
	if (!f.service_name.p && in->kind != POLICY_SERVICE)
		f.service_name = f.unique_service_name = room.name;
	return policy_vars_make(mem, in->kind, &v, out);
}

static int make_vars(struct policy_try_out *out,
		     const struct policy_try_in *in, struct arena *mem,
		     struct val *vars)
{
	int r;

	out->stage = POLICY_TRY_INPUT;
	if (!in->input.n)
		return sample_vars(mem, in, vars);
	r = val_from_json(mem, in->input, vars, &out->at);
	return r == 0 && vars->type != VAL_DICT ? E_FORMAT : r;
}

static void run(struct policy_try_out *out, const struct policy_try_in *in,
		const struct script *s, const struct script_env *env,
		struct arena *mem)
{
	struct val vars;
	struct span text;

	if (make_vars(out, in, mem, &vars) < 0)
		return;
	out->stage = POLICY_TRY_RUN;
	if (script_run(s, vars, env, NULL, mem, &text, &out->err,
		       &out->used) < 0)
		return;
	out->stage = POLICY_TRY_OUTPUT;
	if (jtree_parse(&out->tree, mem, text, &out->at) == 0)
		out->stage = POLICY_TRY_DONE;
}

void policy_try_run(struct policy_try_out *out, const struct policy_try_in *in,
		    const struct script_env *env, struct arena *mem)
{
	struct script *s = NULL;

	*out = (struct policy_try_out){.stage = POLICY_TRY_COMPILE};
	if (script_compile(&s, in->script, &out->err) == 0)
		run(out, in, s, env, mem);
	script_free(&s);
}

const char *policy_try_stage_text(enum policy_try_stage s)
{
	static const char *const texts[] = {
		"the script cannot be compiled", "the input is no JSON object",
		"the script failed", "what it printed is not JSON", "it ran",
	};

	return (unsigned)s <= POLICY_TRY_DONE ? texts[s] : "unknown";
}

const char *policy_try_verdict(enum policy_event ev)
{
	switch (ev) {
	case POLICY_EV_ANSWER:
	case POLICY_EV_ANSWER_CONTINUE:
	case POLICY_EV_SCRIPT:
		return "continue";
	case POLICY_EV_ANSWER_REJECT:
	case POLICY_EV_SCRIPT_REJECT:
		return "reject";
	case POLICY_EV_ANSWER_REDIRECT:
	case POLICY_EV_SCRIPT_REDIRECT:
		return "redirect";
	default:
		return "not applied";
	}
}

/* --- the members of a result ---------------------------------------------------- */

struct show {
	struct arena *mem;
	policy_show_fn fn;
	void *arg;
};

static bool is_secret(struct span name)
{
	return span_eq(name, SPAN_LIT("pin")) ||
	       span_eq(name, SPAN_LIT("guest_pin"));
}

static int show_val(const struct show *s, struct span name, struct val v)
{
	char *key = arena_cstr(s->mem, name);
	struct span text = v.u.s;
	int r = 0;

	if (!key)
		return E_NOMEM;
	if (is_secret(name))
		text = v.type == VAL_STR && v.u.s.n ? SPAN_LIT("********") :
						      SPAN_LIT("");
	else if (v.type != VAL_STR)
		r = val_to_json(s->mem, v, &text);
	if (r == 0)
		s->fn(s->arg, key, text);
	return r;
}

static int show_service(const struct show *s, const struct policy_service *v)
{
	struct val d;
	int r = policy_var_service(s->mem, v, &d);

	for (uint32_t i = 0; r == 0 && i < d.u.dict->n; i++)
		r = show_val(s, d.u.dict->pairs[i].key.u.s,
			     d.u.dict->pairs[i].value);
	return r;
}

static void show_text(const struct show *s, const char *name, struct span v,
		      bool is_set)
{
	if (is_set)
		s->fn(s->arg, name, v);
}

static void show_bool(const struct show *s, const char *name, bool v,
		      bool is_set)
{
	if (is_set)
		s->fn(s->arg, name, v ? SPAN_LIT("true") : SPAN_LIT("false"));
}

static int show_participant(const struct show *s,
			    const struct policy_participant *p)
{
	uint32_t set = p->set;
	int r = 0;

	show_text(s, "preauthenticated_role",
		  policy_choice("null|chair|guest", p->preauthenticated_role),
		  set & POLICY_PF_ROLE);
	show_bool(s, "bypass_lock", p->bypass_lock,
		  set & POLICY_PF_BYPASS_LOCK);
	show_text(s, "remote_alias", p->remote_alias,
		  set & POLICY_PF_REMOTE_ALIAS);
	show_text(s, "remote_display_name", p->remote_display_name,
		  set & POLICY_PF_DISPLAY_NAME);
	show_text(s, "call_tag", p->call_tag, set & POLICY_PF_CALL_TAG);
	show_bool(s, "disable_overlay_text", p->disable_overlay_text,
		  set & POLICY_PF_NO_OVERLAY);
	show_text(s, "layout_group", p->layout_group,
		  set & POLICY_PF_LAYOUT_GROUP);
	show_text(s, "rx_presentation_policy", p->deny_presentation ?
		  SPAN_LIT("DENY") : SPAN_LIT("ALLOW"),
		  set & POLICY_PF_RX_PRESENTATION);
	if (set & POLICY_PF_SPOTLIGHT)
		r = show_val(s, SPAN_LIT("spotlight"), val_int(p->spotlight));
	show_text(s, "receive_from_audio_mix", p->receive_from_audio_mix,
		  set & POLICY_PF_RECEIVE_MIX);
	for (size_t i = 0; i < p->n_send_to_audio_mixes; i++)
		show_text(s, "send_to_audio_mixes",
			  p->send_to_audio_mixes[i].name, true);
	return r;
}

static int show_location(const struct show *s, const struct policy_location *l)
{
	show_text(s, "location", l->location, true);
	for (size_t i = 0; i < l->n_overflow; i++)
		show_text(s, "overflow_locations", l->overflow[i], true);
	return 0;
}

int policy_try_show(struct arena *mem, enum policy_kind kind,
		    const struct policy_answer *a, policy_show_fn fn,
		    void *arg)
{
	const struct show s = {mem, fn, arg};

	if (a->event == POLICY_EV_SCRIPT_REDIRECT)
		fn(arg, "new_alias", a->new_alias);
	if (a->event == POLICY_EV_SCRIPT_REJECT && a->reject_reason.n)
		fn(arg, "reject_reason", a->reject_reason);
	if (a->event != POLICY_EV_SCRIPT)
		return 0;
	switch (kind) {
	case POLICY_SERVICE:
		return show_service(&s, &a->v.service);
	case POLICY_PARTICIPANT:
		return show_participant(&s, &a->v.participant);
	case POLICY_LOCATION:
		return show_location(&s, &a->v.location);
	default:
		return E_INVAL;
	}
}
