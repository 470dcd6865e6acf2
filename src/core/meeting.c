/* Meetings and members: making, finding and freeing them. */
#include "core/core.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "core/avatar.h"
#include "core/gateway.h"
#include "core/sip.h"

static struct span conf_key(const int64_t *conf)
{
	return span_of(conf, sizeof(*conf));
}

struct meeting *meeting_of_conf(struct core *c, int64_t conf)
{
	return map_get(c->by_conf, conf_key(&conf));
}

static uint32_t number_or(const struct store_row *row, unsigned field,
			  uint32_t fallback)
{
	return store_is_null(row, field) ? fallback :
		(uint32_t)store_int(row, field);
}

/* The management API's names for what layouts are called on the wire. */
static const char *view_name(struct span view)
{
	static const char *const names[][2] = {
		{"one_main_seven_pips", "1:7"}, {"one_main_zero_pips", "1:0"},
		{"four_mains_zero_pips", "4:0"},
		{"nine_mains_zero_pips", "9:0"},
		{"sixteen_mains_zero_pips", "16:0"},
		{"twentyfive_mains_zero_pips", "25:0"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(view, span_str(names[i][0])))
			return names[i][1];
	return "1:7";
}

void service_view(struct service *sv, struct span view)
{
	const char *name = view_name(view);

	memcpy(sv->cfg.view, name, strlen(name) + 1);
}

static uint32_t pixels_step(int64_t px)
{
	return px == PIXELS_SD ? 1 : 0;
}

static struct room_cfg default_cfg(struct core *c)
{
	struct room_cfg cfg = {
		.participant_limit = (uint32_t)store_global(c->store,
			GLOBAL_MAX_PARTICIPANTS_PER_ROOM),
		.guests_can_present = true,
		.chat_per_s = (uint32_t)store_global(c->store,
			GLOBAL_MAX_CHAT_PER_PARTICIPANT),
		.chat_enabled = store_global(c->store, GLOBAL_ENABLE_CHAT),
		.waiting_s = (uint32_t)store_global(c->store,
			GLOBAL_WAITING_FOR_CHAIR_TIMEOUT),
		.guests_only_s = (uint32_t)store_global(c->store,
			GLOBAL_GUESTS_ONLY_TIMEOUT),
		.last_s = (uint32_t)store_global(c->store,
			GLOBAL_EJECT_LAST_PARTICIPANT_BACKSTOP_TIMEOUT),
		.view = "1:7"};

	return cfg;
}

void service_of_name(struct core *c, struct span name, struct service *out)
{
	*out = (struct service){
		.id = -(int64_t)(siphash(c->pin_key, name) >> 2) - 1,
		.call_type = CALL_VIDEO, .overlay_text = true,
		.crypto = (uint32_t)store_global(c->store,
						 GLOBAL_CRYPTO_MODE),
		.kbps_in = (uint32_t)store_global(c->store,
						  GLOBAL_MAX_CALLRATE_IN),
		.kbps_out = (uint32_t)store_global(c->store,
						   GLOBAL_MAX_CALLRATE_OUT),
		.pixels_step = pixels_step(store_global(c->store,
			GLOBAL_MAX_PIXELS_PER_SECOND)),
		.cfg = default_cfg(c)};
	if (span_cstr(name, out->name, sizeof(out->name)) < 0)
		out->name[0] = 0;
}

static void conf_cfg(struct core *c, const struct store_row *conf,
		     struct room_cfg *cfg)
{
	const int64_t chat = store_int(conf, CONFERENCE_ENABLE_CHAT);
	const char *view = view_name(store_text(conf, CONFERENCE_HOST_VIEW));
	uint32_t own;

	*cfg = default_cfg(c);
	cfg->has_host_pin = !store_is_null(conf, CONFERENCE_PIN);
	own = number_or(conf, CONFERENCE_PARTICIPANT_LIMIT, UINT32_MAX);
	if (own < cfg->participant_limit)
		cfg->participant_limit = own;
	cfg->mute_all_guests = store_bool(conf, CONFERENCE_MUTE_ALL_GUESTS);
	cfg->guests_can_present = store_bool(conf,
					     CONFERENCE_GUESTS_CAN_PRESENT);
	if (chat != CHAT_DEFAULT)
		cfg->chat_enabled = chat == CHAT_YES;
	memcpy(cfg->view, view, strlen(view) + 1);
}

struct span service_alias(struct core *c, int64_t conf)
{
	const struct store_row *row;

	for (int64_t id = 0;
	     (row = store_next(c->store, RES_CONFERENCE_ALIAS, id));
	     id = store_row_id(row))
		if (store_int(row, CONFERENCE_ALIAS_CONFERENCE) == conf)
			return store_text(row, CONFERENCE_ALIAS_ALIAS);
	return SPAN_NONE;
}

static enum service_kind kind_of(int64_t type)
{
	return type == SV_TEST_CALL ? SERVICE_KIND_TEST :
	       type == SV_TWO_STAGE_DIALING ? SERVICE_KIND_RECEPTION :
	       SERVICE_KIND_CONFERENCE;
}

void service_of_conf(struct core *c, const struct store_row *conf,
		     struct service *out)
{
	service_of_name(c, store_text(conf, CONFERENCE_NAME), out);
	out->id = store_row_id(conf);
	(void)span_cstr(store_text(conf, CONFERENCE_TAG), out->tag,
			sizeof(out->tag));
	out->call_type = (uint32_t)store_int(conf, CONFERENCE_CALL_TYPE);
	out->kbps_in = number_or(conf, CONFERENCE_MAX_CALLRATE_IN,
				 out->kbps_in);
	out->kbps_out = number_or(conf, CONFERENCE_MAX_CALLRATE_OUT,
				  out->kbps_out);
	if (!store_is_null(conf, CONFERENCE_MAX_PIXELS_PER_SECOND))
		out->pixels_step = pixels_step(store_int(conf,
			CONFERENCE_MAX_PIXELS_PER_SECOND));
	out->crypto = number_or(conf, CONFERENCE_CRYPTO_MODE, out->crypto);
	out->overlay_text = store_bool(conf, CONFERENCE_ENABLE_OVERLAY_TEXT);
	conf_cfg(c, conf, &out->cfg);
	out->kind = kind_of(store_int(conf, CONFERENCE_SERVICE_TYPE));
	(void)span_cstr(store_text(conf, CONFERENCE_MATCH_STRING), out->match,
			sizeof(out->match));
	(void)span_cstr(store_text(conf, CONFERENCE_REPLACE_STRING),
			out->replace, sizeof(out->replace));
}

static void on_tick(struct timer *t, void *arg, uint64_t now_ns)
{
	struct meeting *m = arg;

	(void)t;
	core_turn(m->c);
	(void)room_tick(m->room, now_ns, &m->c->out);
	core_acts(m, NULL);
}

static int make_parts(struct meeting *m)
{
	int r = room_new(&m->room, m->id, (uint32_t)m->conf, &m->sv.cfg);

	return r ? r : stage_new(&m->stage);
}

int meeting_new(struct core *c, const struct service *sv, uint64_t restore_id,
		struct meeting **out)
{
	struct meeting *m = mem_zalloc(sizeof(*m));
	int r = 0;

	if (!m)
		return E_NOMEM;
	m->c = c;
	m->sv = *sv;
	m->conf = sv->id;
	m->worker = -1;
	timer_init(&m->tick, on_tick, m);
	picture_init(m);
	test_call_init(m);
	automatic_init(m);
	if (restore_id)
		r = handles_restore(c->meetings, restore_id, m);
	m->id = restore_id ? restore_id : handles_add(c->meetings, m);
	if (r < 0 || !m->id) {
		mem_free(m);
		return r < 0 ? r : E_FULL;
	}
	r = make_parts(m);
	r = r ? r : map_put(c->by_conf, conf_key(&m->conf), m);
	if (r < 0) {
		meeting_free(m);
		return r;
	}
	*out = m;
	return 0;
}

void meeting_free(struct meeting *m)
{
	struct core *c = m->c;

	gateway_meeting_gone(m);
	if (meeting_of_conf(c, m->conf) == m)
		(void)map_del(c->by_conf, conf_key(&m->conf));
	(void)handles_del(c->meetings, m->id);
	timer_cancel(&m->tick);
	timer_cancel(&m->plan);
	test_call_release(m);
	automatic_release(m);
	room_free(&m->room);
	stage_free(&m->stage);
	mem_free(m);
}

/* --- members --------------------------------------------------------------- */

static void on_expiry(struct timer *t, void *arg, uint64_t now_ns)
{
	struct member *mb = arg;
	struct meeting *m = mb->m;
	struct part *p = mb->p;

	(void)t;
	core_turn(mb->c);
	if (session_ends_ns(mb->c->sessions, p->id) > now_ns) {
		member_arm_expiry(mb);
		return;
	}
	(void)room_leave(m->room, p, EXIT_EXPIRED, now_ns, &mb->c->out);
	core_acts(m, NULL);
}

void member_arm_expiry(struct member *mb)
{
	timer_set(mb->c->wheel, &mb->expiry,
		  session_ends_ns(mb->c->sessions, mb->p->id));
}

struct member *member_new(struct core *c, uint64_t restore_id, uint64_t *id)
{
	struct member *mb = mem_zalloc(sizeof(*mb));

	if (!mb)
		return NULL;
	mb->c = c;
	list_init(&mb->streams);
	timer_init(&mb->expiry, on_expiry, mb);
	if (restore_id && handles_restore(c->members, restore_id, mb) == 0)
		*id = restore_id;
	else
		*id = restore_id ? 0 : handles_add(c->members, mb);
	if (*id)
		return mb;
	mem_free(mb);
	return NULL;
}

void member_free(struct member *mb, uint64_t id)
{
	if (!mb)
		return;
	if (mb->sip)
		sip_member_gone(mb);
	list_each(e, tmp, &mb->streams)
		stream_close(list_entry(e, struct stream, at));
	avatar_forget(mb);
	timer_cancel(&mb->expiry);
	(void)handles_del(mb->c->members, id);
	mem_free(mb);
}

struct member *member_of(struct core *c, const struct part *p)
{
	return handles_get(c->members, p->id);
}
