/* What policy is told about a join, and what becomes of its answer. */
#include "core/join_policy.h"

#include "base/alloc.h"
#include "core/reg.h"

static struct span or_none(const char *s)
{
	return s[0] ? span_str(s) : SPAN_NONE;
}

static void ip_text(const uint8_t ip[16], char dst[ADDR_TEXT_MAX])
{
	struct addr a = {.port = 0};

	memcpy(a.ip, ip, sizeof(a.ip));
	addr_print_ip(&a, dst);
}

static void fill_texts(struct join *j)
{
	struct join_policy *p = j->pol;
	const struct store_row *row = store_get(j->c->store,
						RES_SYSTEM_LOCATION,
						j->location);

	if (j->has_source)
		ip_text(j->ip, p->source);
	if (j->has_local)
		ip_text(j->local, p->local);
	if (row)
		(void)span_cstr(store_text(row, SYSTEM_LOCATION_NAME),
				p->location, sizeof(p->location));
}

static const char *type_of(const struct join *j)
{
	if (j->with_media || j->way == JOIN_BY_SIP)
		return "standard";
	return j->host ? "api_host" : "api";
}

void join_policy_facts(struct join *j, enum policy_kind kind,
		       struct policy_facts *f)
{
	struct join_policy *p = j->pol;
	const bool late = kind != POLICY_SERVICE;

	fill_texts(j);
	policy_facts_init(f);
	f->location = or_none(p->location);
	f->node_ip = or_none(p->local);
	f->version_id = SPAN_LIT("39");
	f->pseudo_version_id = SPAN_LIT("39.0.0");
	f->call_direction = SPAN_LIT("dial_in");
	f->call_tag = or_none(j->tag);
	f->local_alias = or_none(j->dialled);
	f->protocol = j->way == JOIN_BY_SIP ? SPAN_LIT("sip") :
		      late && j->with_media ? SPAN_LIT("webrtc") :
		      SPAN_LIT("api");
	f->remote_address = or_none(p->source);
	f->remote_port = j->port;
	f->remote_alias = or_none(j->given);
	f->remote_display_name = or_none(j->given);
	f->trigger = SPAN_LIT("web");
	if (j->way == JOIN_BY_SIP) {
		f->trigger = SPAN_LIT("invite");
		f->remote_alias = or_none(j->caller);
		f->bandwidth = j->kbps;
		f->encryption = j->is_encrypted ? POLICY_TRUE : POLICY_FALSE;
	}
	f->vendor = or_none(j->agent);
	f->registered = join_is_registered(j);
	if (!late)
		return;
	f->participant_uuid = span_str(j->uuid);
	f->participant_type = span_str(type_of(j));
	/* A SIP caller has shown no PIN yet. */
	if (j->way == JOIN_BY_WEB || j->has_role)
		f->preauthenticated_role = j->host ? SPAN_LIT("chair") :
					   SPAN_LIT("guest");
	f->bypass_lock = j->bypass_lock ? POLICY_TRUE : POLICY_FALSE;
	f->service_name = span_str(j->sv.name);
	f->unique_service_name = span_str(j->sv.name);
	f->service_tag = or_none(j->sv.tag);
	if (j->by_reception)
		f->trigger = SPAN_LIT("two_stage_dialing");
}

/* --- our own words --------------------------------------------------------------- */

static const char *view_of(const struct store_row *conf, char dst[64])
{
	(void)span_cstr(store_text(conf, CONFERENCE_HOST_VIEW), dst, 64);
	return dst;
}

static void fill_pins(struct join *j, struct policy_service *s)
{
	struct join_policy *p = j->pol;
	struct pins pins;

	if (pins_open(j, &pins) == 0) {
		(void)span_cstr(pins.cfg.host_pin, p->pin, sizeof(p->pin));
		(void)span_cstr(pins.cfg.guest_pin, p->guest_pin,
				sizeof(p->guest_pin));
		s->allow_guests = pins.cfg.allow_guests;
	}
	pins_release(&pins);
	s->pin = or_none(p->pin);
	s->guest_pin = or_none(p->guest_pin);
}

/* A call that a rule placed. */
static void ours_gateway(struct join *j, struct policy_service *s)
{
	policy_service_init(s, POLICY_SV_GATEWAY);
	s->name = span_str(j->sv.name);
	s->local_alias = span_str(j->name);
	s->remote_alias = span_str(j->dialled);
}

void join_policy_ours(struct join *j)
{
	struct policy_service *s = &j->pol->ours;
	const struct store_row *conf = join_conf(j);
	const struct room_cfg *cfg = &j->sv.cfg;

	if (!conf) {
		ours_gateway(j, s);
		return;
	}
	policy_service_init(s, j->sv.kind == SERVICE_KIND_TEST ?
		POLICY_SV_TEST_CALL : j->sv.kind == SERVICE_KIND_RECEPTION ?
		POLICY_SV_TWO_STAGE_DIALING : POLICY_SV_CONFERENCE);
	s->match_string = span_str(j->sv.match);
	s->replace_string = span_str(j->sv.replace);
	s->name = span_str(j->sv.name);
	s->service_tag = span_str(j->sv.tag);
	s->description = store_text(conf, CONFERENCE_DESCRIPTION);
	s->call_type = (uint8_t)j->sv.call_type;
	s->max_callrate_in = (int64_t)j->sv.kbps_in * 1000;
	s->max_callrate_out = (int64_t)j->sv.kbps_out * 1000;
	s->view = span_str(view_of(conf, j->pol->view));
	s->guests_can_present = cfg->guests_can_present;
	s->mute_all_guests = cfg->mute_all_guests;
	s->enable_chat = cfg->chat_enabled ? POLICY_YES : POLICY_NO;
	s->enable_overlay_text = j->sv.overlay_text;
	s->participant_limit = store_is_null(conf,
		CONFERENCE_PARTICIPANT_LIMIT) ? -1 :
		store_int(conf, CONFERENCE_PARTICIPANT_LIMIT);
	fill_pins(j, s);
}

void join_policy_person(struct join *j)
{
	struct policy_participant *q = &j->pol->part;

	*q = (struct policy_participant){
		.set = POLICY_PF_ROLE | POLICY_PF_BYPASS_LOCK |
		       POLICY_PF_REMOTE_ALIAS | POLICY_PF_DISPLAY_NAME |
		       POLICY_PF_CALL_TAG,
		.preauthenticated_role = j->host ? POLICY_ROLE_CHAIR :
					 POLICY_ROLE_GUEST,
		.bypass_lock = j->bypass_lock,
		.remote_alias = span_str(j->remote[0] ? j->remote : j->name),
		.remote_display_name = span_str(j->name),
		.call_tag = span_str(j->tag)};
	if (j->way == JOIN_BY_SIP) {
		q->set &= (uint32_t)~POLICY_PF_ROLE;
		q->preauthenticated_role = 0;
	}
}

/* --- their words become ours --------------------------------------------------------- */

static int take_pin(struct secret *dst, struct span pin)
{
	secret_release(dst);
	*dst = (struct secret){NULL, 0};
	return pin.n ? secret_init(dst, pin.p, pin.n) : 0;
}

static void fill_cfg(struct join *j, const struct policy_service *s)
{
	struct room_cfg *cfg = &j->sv.cfg;

	cfg->has_host_pin = s->pin.n > 0;
	cfg->locked = s->locked;
	cfg->guests_can_present = s->guests_can_present;
	cfg->mute_all_guests = s->mute_all_guests;
	if (s->enable_chat != POLICY_DEFAULT)
		cfg->chat_enabled = s->enable_chat == POLICY_YES;
	if (s->participant_limit >= 0 &&
	    s->participant_limit < cfg->participant_limit)
		cfg->participant_limit = (uint32_t)s->participant_limit;
	service_view(&j->sv, s->view);
}

static uint32_t kbps(int64_t bps, uint32_t fallback)
{
	return bps > 0 ? (uint32_t)(bps / 1000) : fallback;
}

static bool is_joinable(const struct policy_service *s)
{
	return s->type == POLICY_SV_CONFERENCE ||
	       s->type == POLICY_SV_LECTURE ||
	       s->type == POLICY_SV_TEST_CALL ||
	       (s->type == POLICY_SV_TWO_STAGE_DIALING &&
		s->two_stage_dial_type == 0 &&
		s->match_string.n <= SERVICE_PATTERN_MAX &&
		s->replace_string.n <= SERVICE_PATTERN_MAX);
}

static void fill_kind(struct service *sv, const struct policy_service *s)
{
	sv->kind = s->type == POLICY_SV_TEST_CALL ? SERVICE_KIND_TEST :
		   s->type == POLICY_SV_TWO_STAGE_DIALING ?
		   SERVICE_KIND_RECEPTION : SERVICE_KIND_CONFERENCE;
	(void)span_cstr(s->match_string, sv->match, sizeof(sv->match));
	(void)span_cstr(s->replace_string, sv->replace, sizeof(sv->replace));
}

bool join_policy_adopt(struct join *j, const struct policy_service *s)
{
	const struct store_row *row;

	if (!is_joinable(s) || s->call_type > CALL_AUDIO)
		return false;
	/* Its name is the main room's, where he is not meant to be. */
	if (s->breakout)
		return false;
	service_of_name(j->c, s->name, &j->sv);
	/* The name is the identity: a configured room of that name is it. */
	row = store_find(j->c->store, RES_CONFERENCE, CONFERENCE_NAME,
			 s->name);
	if (row)
		j->sv.id = store_row_id(row);
	j->conf = j->sv.id;
	j->by_policy = true;
	(void)span_cstr(s->service_tag, j->sv.tag, sizeof(j->sv.tag));
	j->sv.call_type = s->call_type;
	j->sv.kbps_in = kbps(s->max_callrate_in, j->sv.kbps_in);
	j->sv.kbps_out = kbps(s->max_callrate_out, j->sv.kbps_out);
	if (s->max_pixels_per_second != POLICY_PIXELS_GLOBAL)
		j->sv.pixels_step = s->max_pixels_per_second ==
				    POLICY_PIXELS_SD;
	j->sv.overlay_text = s->enable_overlay_text;
	if (s->crypto_mode != POLICY_CRYPTO_GLOBAL)
		j->sv.crypto = s->crypto_mode == POLICY_CRYPTO_ON ?
			SV_CRYPTO_ON : s->crypto_mode == POLICY_CRYPTO_OFF ?
			SV_CRYPTO_OFF : SV_CRYPTO_BESTEFFORT;
	fill_cfg(j, s);
	fill_kind(&j->sv, s);
	j->own.allow_guests = s->allow_guests;
	return take_pin(&j->own.host, s->pin) == 0 &&
	       take_pin(&j->own.guest, s->guest_pin) == 0;
}
