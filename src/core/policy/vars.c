#include "core/policy/vars.h"

#include "base/err.h"
#include "core/policy/rows.h"
#include "core/policy/text.h"

/* Every put is sticky: after the first failure nothing is done any more. */
struct out {
	struct arena *a;
	int r;
};

static const struct span replacement = {(const uint8_t *)"\xef\xbf\xbd", 3};

/* A copy that is well-formed; a bad byte or a NUL becomes U+FFFD. */
static struct val text(struct out *o, struct span s)
{
	uint8_t *p;
	size_t n = 0;

	if (o->r < 0)
		return VAL_NULL;
	p = arena_alloc(o->a, s.n * replacement.n + 1);
	if (!p) {
		o->r = arena_left(o->a) < s.n * 3 + 17 ? E_LIMIT : E_NOMEM;
		return VAL_NULL;
	}
	for (size_t at = 0, len; at < s.n; at += len ? len : 1) {
		len = policy_char(s, at);
		memcpy(p + n, len ? s.p + at : replacement.p,
		       len ? len : replacement.n);
		n += len ? len : replacement.n;
	}
	return val_span(span_of(p, n));
}

static struct val dict(struct out *o)
{
	struct val v = VAL_NULL;

	if (o->r == 0)
		o->r = val_dict_new(o->a, &v);
	return v;
}

static struct val list(struct out *o)
{
	struct val v = VAL_NULL;

	if (o->r == 0)
		o->r = val_list_new(o->a, &v);
	return v;
}

static void put(struct out *o, struct val d, const char *key, struct val v)
{
	if (o->r == 0)
		o->r = val_dict_set(o->a, d, key, v);
}

static void add(struct out *o, struct val l, struct val v)
{
	if (o->r == 0)
		o->r = val_list_add(o->a, l, v);
}

static struct val text_or_none(struct out *o, struct span s)
{
	return s.n ? text(o, s) : VAL_NULL;
}

/* --- call_info --------------------------------------------------------------------- */

static struct val fact(struct out *o, const struct policy_facts *f,
		       const struct policy_fact_row *row)
{
	const char *at = (const char *)f + row->offset;
	enum policy_bool three;
	struct span s;
	int64_t i;
	size_t n;
	struct val v;
	bool b;

	switch (row->type) {
	case POLICY_FACT_TEXT:
		memcpy(&s, at, sizeof(s));
		return text(o, !s.p && row->unknown ? span_str(row->unknown) :
						      s);
	case POLICY_FACT_INT:
		memcpy(&i, at, sizeof(i));
		return val_int(i > 0 ? i : 0);
	case POLICY_FACT_BOOL:
		memcpy(&b, at, sizeof(b));
		return val_bool(b);
	case POLICY_FACT_TRISTATE:
		memcpy(&three, at, sizeof(three));
		return val_bool(three == POLICY_TRUE);
	case POLICY_FACT_ON_OFF:
		memcpy(&three, at, sizeof(three));
		return val_lit(three == POLICY_TRUE ? "On" : "Off");
	case POLICY_FACT_LIST:
		memcpy(&n, (const char *)f + row->n_offset, sizeof(n));
		v = list(o);
		for (size_t k = 0; k < n && k < POLICY_LIST_MAX; k++) {
			memcpy(&s, at + k * sizeof(s), sizeof(s));
			add(o, v, text(o, s));
		}
		return v;
	case POLICY_FACT_FALSE:
		return val_bool(false);
	}
	return VAL_NULL;
}

static bool is_known(const struct policy_facts *f,
		     const struct policy_fact_row *row)
{
	const char *at = (const char *)f + row->offset;
	enum policy_bool three;
	struct span s;
	int64_t i;
	size_t n;

	switch (row->type) {
	case POLICY_FACT_TEXT:
		memcpy(&s, at, sizeof(s));
		return s.p != NULL;
	case POLICY_FACT_INT:
		memcpy(&i, at, sizeof(i));
		return i >= 0;
	case POLICY_FACT_TRISTATE:
	case POLICY_FACT_ON_OFF:
		memcpy(&three, at, sizeof(three));
		return three != POLICY_UNSET;
	case POLICY_FACT_LIST:
		memcpy(&n, (const char *)f + row->n_offset, sizeof(n));
		return n > 0;
	default:
		return true;
	}
}

int policy_var_call_info(struct arena *a, enum policy_kind kind,
			 const struct policy_facts *f, struct val *out)
{
	const struct policy_fact_row *rows;
	size_t n = policy_fact_rows(&rows);
	struct out o = {.a = a};
	struct val d = dict(&o);

	for (size_t i = 0; i < n && o.r == 0; i++) {
		bool always = rows[i].always >> kind & 1;
		bool maybe = rows[i].maybe >> kind & 1;

		if (always || (maybe && is_known(f, &rows[i])))
			put(&o, d, rows[i].var ? rows[i].var : rows[i].name,
			    fact(&o, f, &rows[i]));
	}
	if (kind != POLICY_LOCATION && f->disposition.n)
		put(&o, d, "external_policy_disposition",
		    text(&o, f->disposition));
	if (o.r == 0)
		*out = d;
	return o.r;
}

/* --- service_config ------------------------------------------------------------------- */

static struct val member(struct out *o, const struct policy_row *row,
			 const void *base)
{
	const char *at = (const char *)base + row->offset;
	struct span s;
	uint8_t word;
	int64_t i;
	bool b;

	switch (row->type) {
	case POLICY_M_BOOL:
		memcpy(&b, at, sizeof(b));
		return val_bool(b);
	case POLICY_M_ENUM:
		memcpy(&word, at, sizeof(word));
		return text_or_none(o, policy_choice(row->choices, word));
	case POLICY_M_INT:
		memcpy(&i, at, sizeof(i));
		return i < row->min ? VAL_NULL : val_int(i);
	case POLICY_M_BPS:
		memcpy(&i, at, sizeof(i));
		return i > 0 ? val_int(i) : VAL_NULL;
	case POLICY_M_TEXT:
	case POLICY_M_PIN:
		memcpy(&s, at, sizeof(s));
		return text(o, s);
	default:
		memcpy(&s, at, sizeof(s));
		return text_or_none(o, s);
	}
}

static struct val automatic(struct out *o, const struct policy_service *s)
{
	const struct policy_row *rows;
	size_t n = policy_automatic_rows(&rows);
	struct val all = list(o);

	for (size_t i = 0; i < s->n_automatic_participants; i++) {
		struct val d = dict(o);

		for (size_t k = 0; k < n; k++)
			put(o, d, rows[k].name,
			    member(o, &rows[k],
				   &s->automatic_participants[i]));
		add(o, all, d);
	}
	return all;
}

static struct val breakouts(struct out *o, const struct policy_service *s)
{
	struct val all = list(o);

	for (size_t i = 0; i < s->n_breakout_uuids; i++)
		add(o, all, text(o, s->breakout_uuids[i]));
	return all;
}

static struct val completion(struct out *o, const struct policy_service *s)
{
	struct val d = dict(o), to;

	if (!s->on_completion_conference.n) {
		put(o, d, "disconnect", val_bool(s->on_completion_disconnect));
		return d;
	}
	to = dict(o);
	put(o, to, "conference", text(o, s->on_completion_conference));
	put(o, to, "role", text(o, policy_choice("auto|chair|guest|auto",
						 s->on_completion_role)));
	put(o, d, "transfer", to);
	return d;
}

static void special(struct out *o, struct val d,
		    const struct policy_service *s)
{
	switch (s->type) {
	case POLICY_SV_CONFERENCE:
	case POLICY_SV_LECTURE:
		put(o, d, "automatic_participants", automatic(o, s));
		if (s->n_breakout_uuids)
			put(o, d, "breakout_uuids", breakouts(o, s));
		break;
	case POLICY_SV_MEDIA_PLAYBACK:
		put(o, d, "on_completion", completion(o, s));
		break;
	default:
		break;
	}
}

static bool is_breakout_member(const struct policy_row *row)
{
	return row->offset >= offsetof(struct policy_service, breakout) &&
	       row->offset <= offsetof(struct policy_service, end_time);
}

int policy_var_service(struct arena *a, const struct policy_service *s,
		       struct val *out)
{
	static const char types[] = "|conference|lecture|gateway|"
		"two_stage_dialing|media_playback|test_call";
	const struct policy_row *rows;
	size_t n = policy_service_rows(&rows);
	struct out o = {.a = a};
	struct val d;

	if (!s) {
		*out = VAL_NULL;
		return 0;
	}
	d = dict(&o);
	put(&o, d, "service_type", text(&o, policy_choice(types, s->type)));
	for (size_t i = 0; i < n && o.r == 0; i++) {
		if (!(rows[i].of >> s->type & 1))
			continue;
		if (is_breakout_member(&rows[i]) && !s->breakout)
			continue;
		put(&o, d, rows[i].name, member(&o, &rows[i], s));
	}
	special(&o, d, s);
	if (o.r == 0)
		*out = d;
	return o.r;
}

/* --- participant ------------------------------------------------------------------------- */

/* {name: value}, {name: [value, value]} */
static struct val attributes(struct out *o, const struct policy_facts *f)
{
	struct val d = dict(o);

	for (size_t i = 0; i < f->n_idp_attributes && i < POLICY_IDP_MAX &&
	     o->r == 0; i++) {
		struct val key = text(o, f->idp_attributes[i].name);
		struct val v = text(o, f->idp_attributes[i].value);
		struct val had = val_dict_get(d, key), both;

		if (had.type == VAL_LIST) {
			add(o, had, v);
			continue;
		}
		if (had.type == VAL_STR) {
			both = list(o);
			add(o, both, had);
			add(o, both, v);
			v = both;
		}
		if (o->r == 0)
			o->r = val_dict_put(o->a, d, key, v);
	}
	return d;
}

static struct val mixes(struct out *o, const struct policy_participant *p)
{
	struct val all = list(o), d;

	for (size_t i = 0; i < p->n_send_to_audio_mixes; i++) {
		d = dict(o);
		put(o, d, "mix_name", text(o, p->send_to_audio_mixes[i].name));
		put(o, d, "prominent",
		    val_bool(p->send_to_audio_mixes[i].prominent));
		add(o, all, d);
	}
	if (!p->n_send_to_audio_mixes) {
		d = dict(o);
		put(o, d, "mix_name", val_lit("main"));
		put(o, d, "prominent", val_bool(false));
		add(o, all, d);
	}
	return all;
}

static struct val participant(struct out *o, const struct policy_facts *f,
			      const struct policy_participant *p)
{
	static const struct policy_participant none;
	const struct policy_participant *v = p ? p : &none;
	uint32_t set = v->set;
	struct val d = dict(o);
	bool has_role = set & POLICY_PF_ROLE;

	put(o, d, "auth_type", text(o, f->auth_type));
	put(o, d, "call_uuid", text(o, f->call_uuid));
	put(o, d, "display_count",
	    val_int(set & POLICY_PF_DISPLAY_COUNT ? v->display_count :
		    f->display_count > 0 ? f->display_count : 0));
	put(o, d, "idp_attributes", attributes(o, f));
	put(o, d, "participant_type", text(o, f->participant_type));
	put(o, d, "participant_uuid", text(o, f->participant_uuid));
	put(o, d, "preauthenticated_role",
	    text_or_none(o, has_role ?
			 policy_choice("|chair|guest",
				       v->preauthenticated_role) :
			 f->preauthenticated_role));
	put(o, d, "receive_from_audio_mix",
	    set & POLICY_PF_RECEIVE_MIX ? text(o, v->receive_from_audio_mix) :
					  val_lit("main"));
	put(o, d, "remote_alias",
	    text(o, set & POLICY_PF_REMOTE_ALIAS ? v->remote_alias :
						   f->remote_alias));
	put(o, d, "remote_display_name",
	    text(o, set & POLICY_PF_DISPLAY_NAME ? v->remote_display_name :
						   f->remote_display_name));
	put(o, d, "send_to_audio_mixes", mixes(o, v));
	return d;
}

/* --- media location --------------------------------------------------------------------------- */

static struct val locations(struct out *o, const struct policy_location *l)
{
	static const struct policy_location none;
	struct val d = dict(o);

	if (!l)
		l = &none;
	put(o, d, "location", text_or_none(o, l->location));
	put(o, d, "primary_overflow_location",
	    text_or_none(o, l->n_overflow > 0 ? l->overflow[0] : SPAN_NONE));
	put(o, d, "secondary_overflow_location",
	    text_or_none(o, l->n_overflow > 1 ? l->overflow[1] : SPAN_NONE));
	return d;
}

int policy_vars_make(struct arena *a, enum policy_kind kind,
		     const struct policy_vars *in, struct val *out)
{
	struct out o = {.a = a};
	struct val d = dict(&o), v = VAL_NULL;

	if (o.r == 0)
		o.r = policy_var_call_info(a, kind, in->facts, &v);
	put(&o, d, "call_info", v);
	if (o.r == 0)
		o.r = policy_var_service(a, in->service, &v);
	put(&o, d, "service_config", v);
	if (kind == POLICY_PARTICIPANT)
		put(&o, d, "participant",
		    participant(&o, in->facts, in->participant));
	if (kind == POLICY_LOCATION)
		put(&o, d, "suggested_media_overflow_locations",
		    locations(&o, in->location));
	if (o.r == 0)
		*out = d;
	return o.r;
}
