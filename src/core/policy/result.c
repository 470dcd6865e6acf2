#include "core/policy/result.h"

#include "core/policy/read.h"
#include "core/policy/text.h"

/* --- services ------------------------------------------------------------------- */

static const char service_types[] =
	"|conference|lecture|gateway|two_stage_dialing|media_playback|"
	"test_call";

static const char layouts[] =
	"one_main_zero_pips|one_main_seven_pips|one_main_twentyone_pips|"
	"two_mains_twentyone_pips|one_main_thirtythree_pips|"
	"four_mains_zero_pips|nine_mains_zero_pips|sixteen_mains_zero_pips|"
	"twentyfive_mains_zero_pips|five_mains_seven_pips|one_main_one_pip|"
	"one_main_nine_around|one_main_twelve_around|two_mains_eight_around|"
	"one_main_twentyone_around";

static bool is_one_of(struct span s, const char *choices)
{
	struct span word;

	for (unsigned i = 0; (word = policy_choice(choices, i)).p; i++)
		if (word.n && span_eq(word, s))
			return true;
	return false;
}

bool policy_layout_is_built_in(struct span name, bool teams)
{
	return is_one_of(name, layouts) ||
	       (teams && is_one_of(name, "teams|teams_focus"));
}

void policy_service_init(struct policy_service *s,
			 enum policy_service_type type)
{
	const struct policy_row *rows;
	size_t n = policy_service_rows(&rows);
	struct span def;

	*s = (struct policy_service){
		.type = (uint8_t)type, .guests_can_present = true,
		.participant_limit = -1, .transcoding_enabled = true,
		.denoise_audio = true, .on_completion_role = POLICY_ROLE_AUTO,
	};
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].def || !(rows[i].of >> type & 1))
			continue;
		def = span_str(rows[i].def);
		memcpy((char *)s + rows[i].offset, &def, sizeof(def));
	}
}

static bool ends_with_hash(struct span pin)
{
	return pin.n && pin.p[pin.n - 1] == '#';
}

const char *policy_pins_wrong(struct span pin, struct span guest_pin,
			      bool allow_guests)
{
	if (allow_guests && !pin.n)
		return "allow_guests needs a pin";
	if (guest_pin.n && !allow_guests)
		return "guest_pin needs allow_guests";
	if (!pin.n || !guest_pin.n)
		return NULL;
	if (span_eq(pin, guest_pin))
		return "pin and guest_pin are equal";
	if (ends_with_hash(pin) != ends_with_hash(guest_pin))
		return "one pin ends with # and one does not";
	if (!ends_with_hash(pin) && pin.n != guest_pin.n)
		return "pins of different length";
	return NULL;
}

static int read_automatic(const struct policy_in *in, uint32_t at,
			  struct policy_service *s)
{
	uint32_t list = policy_member(in, at, "automatic_participants");
	const struct policy_row *rows;
	size_t n = policy_automatic_rows(&rows), count;
	struct policy_automatic *all;
	int r = 0;

	if (!list)
		return 0;
	if (in->t->nodes[list].kind != J_LIST)
		return policy_wrong(in, "automatic_participants", "type");
	count = jtree_count(in->t, list);
	if (count > POLICY_AUTOMATIC_MAX)
		return policy_wrong(in, "automatic_participants", "too many");
	if (count == 0)
		return 0;
	all = arena_zalloc(in->rd->arena, count * sizeof(*all));
	if (!all)
		return E_NOMEM;
	count = 0;
	for (uint32_t i = jtree_first(in->t, list); i && r == 0;
	     i = jtree_next(in->t, i))
		r = in->t->nodes[i].kind == J_OBJECT ?
			policy_read_rows(in, i, rows, n, POLICY_SV_CONFERENCE,
					 &all[count++]) :
			policy_wrong(in, "automatic_participants", "type");
	s->automatic_participants = all;
	s->n_automatic_participants = count;
	return r;
}

static int read_breakouts(const struct policy_in *in, uint32_t at,
			  struct policy_service *s)
{
	uint32_t list = policy_member(in, at, "breakout_uuids");
	struct span *all;
	size_t n = 0;

	if (!list)
		return 0;
	if (in->t->nodes[list].kind != J_LIST ||
	    jtree_count(in->t, list) > POLICY_BREAKOUTS_MAX)
		return policy_wrong(in, "breakout_uuids", "type");
	all = arena_alloc(in->rd->arena, POLICY_BREAKOUTS_MAX * sizeof(*all));
	if (!all)
		return E_NOMEM;
	for (uint32_t i = jtree_first(in->t, list); i;
	     i = jtree_next(in->t, i)) {
		const struct jnode *node = &in->t->nodes[i];

		if (node->kind != J_TEXT || !node->text.n ||
		    policy_chars(node->text) > POLICY_TEXT_MAX)
			return policy_wrong(in, "breakout_uuids", "type");
		all[n++] = node->text;
	}
	s->breakout_uuids = all;
	s->n_breakout_uuids = n;
	return 0;
}

static int check_room(const struct policy_in *in,
		      const struct policy_service *s)
{
	const char *rule = policy_pins_wrong(s->pin, s->guest_pin,
					     s->allow_guests);

	if (rule)
		return policy_wrong(in, "pin", rule);
	if (s->breakout && s->breakout_rooms)
		return policy_wrong(in, "breakout_rooms",
				    "not in a breakout room");
	if (s->breakout && !s->breakout_uuid.n)
		return policy_wrong(in, "breakout_uuid", "required");
	if (s->breakout && !s->breakout_name.n)
		return policy_wrong(in, "breakout_name", "required");
	if (s->breakout_rooms && s->direct_media != POLICY_DIRECT_NEVER)
		return policy_wrong(in, "direct_media",
				    "not with breakout rooms");
	return 0;
}

static int read_room(const struct policy_in *in, uint32_t at,
		     struct policy_service *s)
{
	int r = read_automatic(in, at, s);

	if (r == 0)
		r = read_breakouts(in, at, s);
	return r == 0 ? check_room(in, s) : r;
}

/* {"disconnect": true}, {"transfer": {"conference": ..., "role": ...}} */
static int read_completion(const struct policy_in *in, uint32_t at,
			   struct policy_service *s)
{
	static const char roles[] = "|chair|guest|auto|host";
	uint32_t to = policy_member(in, at, "transfer");
	int r = policy_read_bool(in, at, "disconnect",
				 &s->on_completion_disconnect);

	if (r < 0 || !to)
		return r;
	if (in->t->nodes[to].kind != J_OBJECT)
		return policy_wrong(in, "on_completion", "type");
	r = policy_read_text(in, to, "conference", &s->on_completion_conference);
	if (r == 0)
		r = policy_read_word(in, to, "role", roles,
				     &s->on_completion_role);
	if (s->on_completion_role > POLICY_ROLE_AUTO)
		s->on_completion_role = POLICY_ROLE_CHAIR;
	if (r == 0 && !s->on_completion_conference.n)
		return policy_wrong(in, "on_completion", "required");
	return r;
}

static int read_playback(const struct policy_in *in, uint32_t at,
			 struct policy_service *s)
{
	uint32_t on = policy_member(in, at, "on_completion");
	uint32_t old = policy_member(in, at, "media_playlist");
	const char *rule = policy_pins_wrong(s->pin, s->guest_pin,
					     s->allow_guests);
	struct policy_in inner = *in;
	struct jtree tree;

	if (rule)
		return policy_wrong(in, "pin", rule);
	/* scripts in the field give the number of the playlist */
	if (!s->media_playlist_name.n && !old)
		return policy_wrong(in, "media_playlist_name", "required");
	if (!s->media_playlist_name.n)
		return policy_wrong(in, "media_playlist", "unknown name");
	if (!on)
		return 0;
	if (in->t->nodes[on].kind == J_OBJECT)
		return read_completion(in, on, s);
	if (in->t->nodes[on].kind != J_TEXT ||
	    jtree_parse(&tree, in->rd->arena, in->t->nodes[on].text,
			NULL) < 0 || tree.nodes[0].kind != J_OBJECT)
		return policy_wrong(in, "on_completion", "type");
	inner.t = &tree;
	return read_completion(&inner, 0, s);
}

static int check_gateway(const struct policy_in *in,
			 const struct policy_service *s)
{
	bool teams = s->type == POLICY_SV_GATEWAY &&
		     s->called_device_type == POLICY_DEV_TEAMS_CONFERENCE;

	if (s->type == POLICY_SV_GATEWAY && !s->remote_alias.n)
		return policy_wrong(in, "remote_alias", "required");
	if (s->type != POLICY_SV_GATEWAY && s->call_type == POLICY_CALL_AUTO)
		return policy_wrong(in, "call_type", "choice");
	if (!teams && s->view.n && is_one_of(s->view, "teams|teams_focus"))
		return policy_wrong(in, "view", "choice");
	if (is_one_of(s->host_view, "teams|teams_focus") ||
	    is_one_of(s->guest_view, "teams|teams_focus"))
		return policy_wrong(in, "host_view", "choice");
	return 0;
}

int policy_service_read(struct policy_service *out, const struct jtree *t,
			uint32_t at, const struct policy_reader *rd,
			struct policy_error *why)
{
	struct policy_in in = {t, rd, why};
	const struct policy_row *rows;
	size_t n = policy_service_rows(&rows);
	struct policy_service s;
	uint8_t type = 0;
	int r;

	if (t->nodes[at].kind != J_OBJECT)
		return policy_wrong(&in, NULL, "type");
	r = policy_read_word(&in, at, "service_type", service_types, &type);
	if (r < 0)
		return r;
	if (!type)
		return policy_wrong(&in, "service_type", "required");
	policy_service_init(&s, type);
	r = policy_read_rows(&in, at, rows, n, type, &s);
	if (r == 0 && !s.name.n)
		r = policy_wrong(&in, "name", "required");
	if (r == 0 && (type == POLICY_SV_CONFERENCE ||
		       type == POLICY_SV_LECTURE))
		r = read_room(&in, at, &s);
	if (r == 0 && type == POLICY_SV_MEDIA_PLAYBACK)
		r = read_playback(&in, at, &s);
	if (r == 0)
		r = check_gateway(&in, &s);
	if (r == 0)
		*out = s;
	return r;
}

/* --- participants ------------------------------------------------------------------ */

static int read_role(const struct policy_in *in, uint32_t at,
		     struct policy_participant *p)
{
	/* null is a value here: ask for the PIN */
	if (jtree_member(in->t, at, SPAN_LIT("preauthenticated_role")))
		p->set |= POLICY_PF_ROLE;
	return policy_read_word(in, at, "preauthenticated_role",
				"|chair|guest", &p->preauthenticated_role);
}

static bool is_mix_name(struct span s)
{
	struct span level, rest = s;
	unsigned n = 0;
	bool more = true;

	while (more) {
		more = span_split(rest, '.', &level, &rest);
		if (!level.n || ++n > 3)
			return false;
	}
	return true;
}

static int read_mix(const struct policy_in *in, uint32_t at,
		    struct policy_mix *out)
{
	struct policy_mix mix = {.prominent = false};
	int r;

	if (in->t->nodes[at].kind != J_OBJECT)
		return policy_wrong(in, "send_to_audio_mixes", "type");
	r = policy_read_text(in, at, "mix_name", &mix.name);
	if (r == 0)
		r = policy_read_bool(in, at, "prominent", &mix.prominent);
	if (r == 0 && !is_mix_name(mix.name))
		r = policy_wrong(in, "mix_name", "name");
	if (r == 0)
		*out = mix;
	return r;
}

static int read_mixes(const struct policy_in *in, uint32_t at,
		      struct policy_participant *p)
{
	uint32_t list = policy_member(in, at, "send_to_audio_mixes");
	int r = 0;

	if (!list)
		return 0;
	if (in->t->nodes[list].kind != J_LIST ||
	    jtree_count(in->t, list) > POLICY_MIXES_MAX)
		return policy_wrong(in, "send_to_audio_mixes", "type");
	for (uint32_t i = jtree_first(in->t, list); i && r == 0;
	     i = jtree_next(in->t, i))
		r = read_mix(in, i, &p->send_to_audio_mixes[
				    p->n_send_to_audio_mixes++]);
	p->set |= POLICY_PF_SEND_MIXES;
	return r;
}

#define PIN(field) offsetof(struct policy_participant, field)
static const struct {
	struct policy_row row;
	uint32_t set;
} participant_rows[] = {
	{{.name = "bypass_lock", .type = POLICY_M_BOOL,
	  .offset = PIN(bypass_lock)}, POLICY_PF_BYPASS_LOCK},
	{{.name = "remote_alias", .offset = PIN(remote_alias)},
	 POLICY_PF_REMOTE_ALIAS},
	{{.name = "remote_display_name", .offset = PIN(remote_display_name)},
	 POLICY_PF_DISPLAY_NAME},
	{{.name = "call_tag", .offset = PIN(call_tag)}, POLICY_PF_CALL_TAG},
	{{.name = "disable_overlay_text", .type = POLICY_M_BOOL,
	  .offset = PIN(disable_overlay_text)}, POLICY_PF_NO_OVERLAY},
	{{.name = "layout_group", .offset = PIN(layout_group)},
	 POLICY_PF_LAYOUT_GROUP},
	{{.name = "spotlight", .type = POLICY_M_INT, .offset = PIN(spotlight),
	  .max = INT64_MAX}, POLICY_PF_SPOTLIGHT},
	{{.name = "can_receive_personal_mix", .type = POLICY_M_BOOL,
	  .offset = PIN(can_receive_personal_mix)}, POLICY_PF_PERSONAL_MIX},
	{{.name = "prefers_multiscreen_mix", .type = POLICY_M_BOOL,
	  .offset = PIN(prefers_multiscreen_mix)}, POLICY_PF_MULTISCREEN},
	{{.name = "wants_presentation_in_mix", .type = POLICY_M_BOOL,
	  .offset = PIN(wants_presentation_in_mix)}, POLICY_PF_IN_MIX},
	{{.name = "display_count", .type = POLICY_M_INT,
	  .offset = PIN(display_count), .max = 16}, POLICY_PF_DISPLAY_COUNT},
	{{.name = "receive_from_audio_mix",
	  .offset = PIN(receive_from_audio_mix)}, POLICY_PF_RECEIVE_MIX},
	{{.name = "reject_reason", .offset = PIN(reject_reason)},
	 POLICY_PF_REASON},
};

static int read_policy(const struct policy_in *in, uint32_t at,
		       struct policy_participant *p)
{
	uint8_t word = 0;
	int r = policy_read_word(in, at, "rx_presentation_policy",
				 "|ALLOW|DENY", &word);

	if (r == 0 && word) {
		p->deny_presentation = word == 2;
		p->set |= POLICY_PF_RX_PRESENTATION;
	}
	return r;
}

int policy_participant_read(struct policy_participant *out,
			    const struct jtree *t, uint32_t at,
			    const struct policy_reader *rd,
			    struct policy_error *why)
{
	struct policy_in in = {t, rd, why};
	struct policy_participant p = {.set = 0};
	size_t n = sizeof(participant_rows) / sizeof(participant_rows[0]);
	int r;

	if (t->nodes[at].kind != J_OBJECT)
		return policy_wrong(&in, NULL, "type");
	r = read_role(&in, at, &p);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct policy_row row = participant_rows[i].row;

		row.of = 1;
		r = policy_read_rows(&in, at, &row, 1, 0, &p);
		if (policy_member(&in, at, row.name))
			p.set |= participant_rows[i].set;
	}
	/* a null name takes the name away */
	if (jtree_member(t, at, SPAN_LIT("remote_display_name")))
		p.set |= POLICY_PF_DISPLAY_NAME;
	if (r == 0)
		r = read_policy(&in, at, &p);
	if (r == 0)
		r = read_mixes(&in, at, &p);
	if (r == 0 && p.set & POLICY_PF_RECEIVE_MIX &&
	    !is_mix_name(p.receive_from_audio_mix))
		r = policy_wrong(&in, "receive_from_audio_mix", "name");
	if (r == 0)
		*out = p;
	return r;
}

void policy_participant_merge(struct policy_participant *p,
			      const struct policy_participant *over)
{
#define TAKE(bit, field)                                                      \
	do {                                                                  \
		if (over->set & POLICY_PF_##bit)                              \
			p->field = over->field;                               \
	} while (0)
	TAKE(ROLE, preauthenticated_role);
	TAKE(BYPASS_LOCK, bypass_lock);
	TAKE(REMOTE_ALIAS, remote_alias);
	TAKE(DISPLAY_NAME, remote_display_name);
	TAKE(CALL_TAG, call_tag);
	TAKE(NO_OVERLAY, disable_overlay_text);
	TAKE(LAYOUT_GROUP, layout_group);
	TAKE(SPOTLIGHT, spotlight);
	TAKE(RX_PRESENTATION, deny_presentation);
	TAKE(PERSONAL_MIX, can_receive_personal_mix);
	TAKE(MULTISCREEN, prefers_multiscreen_mix);
	TAKE(IN_MIX, wants_presentation_in_mix);
	TAKE(DISPLAY_COUNT, display_count);
	TAKE(RECEIVE_MIX, receive_from_audio_mix);
	TAKE(REASON, reject_reason);
	TAKE(SEND_MIXES, n_send_to_audio_mixes);
	if (over->set & POLICY_PF_SEND_MIXES)
		memcpy(p->send_to_audio_mixes, over->send_to_audio_mixes,
		       sizeof(p->send_to_audio_mixes));
	p->set |= over->set;
#undef TAKE
}

/* --- media location -------------------------------------------------------------------- */

static int take_overflow(const struct policy_in *in, const char *member,
			 struct span name, struct policy_location *l)
{
	if (!name.n)
		return 0;
	if (l->n_overflow == POLICY_OVERFLOW_MAX)
		return policy_wrong(in, member, "too many");
	if (!in->rd->has ||
	    !in->rd->has(in->rd->arg, POLICY_OBJ_LOCATION, name))
		return policy_wrong(in, member, "unknown name");
	l->overflow[l->n_overflow++] = name;
	return 0;
}

static int read_overflow(const struct policy_in *in, uint32_t at,
			 struct policy_location *l)
{
	uint32_t list = policy_member(in, at, "overflow_locations");
	int r = 0;

	if (!list)
		return 0;
	if (in->t->nodes[list].kind != J_LIST)
		return policy_wrong(in, "overflow_locations", "type");
	for (uint32_t i = jtree_first(in->t, list); i && r == 0;
	     i = jtree_next(in->t, i))
		r = in->t->nodes[i].kind == J_TEXT ?
			take_overflow(in, "overflow_locations",
				      in->t->nodes[i].text, l) :
			policy_wrong(in, "overflow_locations", "type");
	return r;
}

static int read_old_overflow(const struct policy_in *in, uint32_t at,
			     const char *member, struct policy_location *l)
{
	struct span name = SPAN_NONE;
	int r = policy_read_text(in, at, member, &name);

	return r < 0 ? r : take_overflow(in, member, name, l);
}

int policy_location_read(struct policy_location *out, const struct jtree *t,
			 uint32_t at, const struct policy_reader *rd,
			 struct policy_error *why)
{
	struct policy_in in = {t, rd, why};
	struct policy_location l = {.n_overflow = 0};
	int r;

	if (t->nodes[at].kind != J_OBJECT)
		return policy_wrong(&in, NULL, "type");
	r = policy_read_name(&in, at, "location", POLICY_OBJ_LOCATION,
			     &l.location);
	if (r == 0 && !l.location.n)
		r = policy_wrong(&in, "location", "required");
	if (r == 0)
		r = read_overflow(&in, at, &l);
	if (r == 0)
		r = read_old_overflow(&in, at, "primary_overflow_location",
				      &l);
	if (r == 0)
		r = read_old_overflow(&in, at, "secondary_overflow_location",
				      &l);
	if (r == 0)
		*out = l;
	return r;
}
