/* Settings: each role gets its own projection; live rooms follow changes. */
#include <stdio.h>

#include "core/core.h"
#include "core/gateway.h"
#include "core/policies.h"
#include "core/reg.h"
#include "core/routes.h"
#include "core/sip.h"
#include "core/sip_reg.h"
#include "core/sip_trunk.h"

#include "base/addr.h"
#include "base/alloc.h"

enum { SETTINGS_MAX = 64, SETTING_NAME_MAX = 64 };

struct projection {
	Cv__Setting settings[SETTINGS_MAX];
	Cv__Setting *list[SETTINGS_MAX];
	struct span values[SETTINGS_MAX];
	size_t n;
	int error;
};

static void add(void *arg, const char *name, struct span value)
{
	struct projection *p = arg;
	Cv__Setting *s = &p->settings[p->n];
	uint8_t *copy;

	if (p->n == SETTINGS_MAX) {
		p->error = E_LIMIT;
		return;
	}
	copy = mem_dup(value.p ? value.p : (const uint8_t *)"", value.n);
	if (!copy) {
		p->error = E_NOMEM;
		return;
	}
	cv__setting__init(s);
	s->name = (char *)(uintptr_t)name;
	s->value = (ProtobufCBinaryData){.len = value.n, .data = copy};
	p->list[p->n++] = s;
}

/* Whose X-Forwarded-For web believes: "192.0.2.1/32,2001:db8::/64". Not a row
 * of schema/ but made of the allow list. */
static void add_proxies(struct core *c, struct projection *p)
{
	const size_t n = allow_count(c->allow);
	const size_t cap = n * NET_TEXT_MAX + 1;
	char *text = mem_alloc(cap);
	size_t len = 0;

	if (!text) {
		p->error = E_NOMEM;
		return;
	}
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		const struct allow_entry *e = allow_at(c->allow, i);
		char net[NET_TEXT_MAX];

		if (!e->is_proxy)
			continue;
		net_text(e->ip, e->prefix, net);
		len += (size_t)snprintf(text + len, cap - len, "%s%s",
					len ? "," : "", net);
	}
	add(p, "trusted_proxies", span_of(text, len));
	mem_free(text);
}

static bool has_row(struct core *c, enum schema_resource_id res,
		    unsigned field, int64_t value)
{
	const struct store_row *row;

	for (int64_t id = 0; (row = store_next(c->store, res, id));
	     id = store_row_id(row))
		if (store_int(row, field) == value)
			return true;
	return false;
}

/* May sip challenge whoever brings no credentials before it asks us? Where
 * nobody may call without, and nobody needs MD5, which is ours to offer. */
static void add_challenge(struct core *c, struct projection *p)
{
	const bool first = !store_global(c->store, GLOBAL_SIP_GUESTS) &&
		!has_row(c, RES_SYSTEM_LOCATION, SYSTEM_LOCATION_SIP_GUESTS,
			 SV_BDPM_ON) &&
		!has_row(c, RES_DEVICE, DEVICE_ALLOW_MD5_DIGEST, true);

	add(p, "sip_challenge_first", first ? SPAN_LIT("true") :
	    SPAN_LIT("false"));
}

void settings_send(struct core *c, struct ipc_chan *ch)
{
	Cv__Settings msg = CV__SETTINGS__INIT;
	struct projection *p = mem_zalloc(sizeof(*p));
	uint32_t instance;

	if (!p)
		return;
	store_projection(c->store, ipc_chan_peer(ch, &instance), add, p);
	if (ipc_chan_peer(ch, &instance) == ROLE_WEB)
		add_proxies(c, p);
	if (ipc_chan_peer(ch, &instance) == ROLE_SIP)
		add_challenge(c, p);
	msg.epoch = c->settings_epoch;
	msg.settings = p->list;
	msg.n_settings = p->n;
	if (p->error)
		log_error(MOD, "settings not sent", LOG_E("error", p->error));
	else
		(void)ipc_send(ch, SETTINGS, &msg);
	for (size_t i = 0; i < p->n; i++)
		mem_free(p->settings[i].value.data);
	mem_free(p);
}

/* A row that its settings depend on is another one. */
static void tell_sip(struct core *c)
{
	if (sip_chan(c))
		settings_send(c, sip_chan(c));
}

static void send_all(struct core *c)
{
	c->settings_epoch++;
	for (size_t i = 0; i < CORE_WEBS_MAX; i++)
		if (c->webs[i].ev)
			settings_send(c, ipc_ev_chan(c->webs[i].ev));
	if (sip_chan(c))
		settings_send(c, sip_chan(c));
	if (c->courier)
		settings_send(c, ipc_ev_chan(c->courier));
	if (c->ban.ev)
		settings_send(c, ipc_ev_chan(c->ban.ev));
	for (size_t i = 0; i < CORE_WORKERS_MAX; i++) {
		if (c->workers[i].media)
			settings_send(c, ipc_ev_chan(c->workers[i].media));
		if (c->workers[i].video)
			settings_send(c, ipc_ev_chan(c->workers[i].video));
	}
}

/* --- tables made of rows ------------------------------------------------------- */

static int allow_row(struct allow_list *l, const struct store_row *row)
{
	struct allow_entry e = {
		.is_proxy = store_int(row,
			BREAK_IN_ALLOW_LIST_ADDRESS_ALLOWLIST_ENTRY_TYPE) ==
			SV_ALLOW_LIST_PROXY,
		.ignore_aliases = store_bool(row,
			BREAK_IN_ALLOW_LIST_ADDRESS_IGNORE_INCORRECT_ALIASES),
		.ignore_pins = store_bool(row,
			BREAK_IN_ALLOW_LIST_ADDRESS_IGNORE_INCORRECT_PINS)};
	struct addr a;
	int r = addr_parse(&a, store_text(row,
				BREAK_IN_ALLOW_LIST_ADDRESS_ADDRESS), 0);

	if (r < 0)
		return r;
	memcpy(e.ip, a.ip, sizeof(e.ip));
	e.prefix = (unsigned)store_int(row,
				       BREAK_IN_ALLOW_LIST_ADDRESS_PREFIX) +
		   (addr_is_v4(&a) ? 96 : 0);
	return allow_add(l, &e);
}

static int make_allow(struct core *c)
{
	struct allow_list *l = NULL;
	const struct store_row *row;
	int64_t id = 0;
	int r = allow_new(&l);

	while (r == 0 && (row = store_next(c->store,
				RES_BREAK_IN_ALLOW_LIST_ADDRESS, id))) {
		id = store_row_id(row);
		/* A row that cannot be used trusts nobody. */
		if (allow_row(l, row) == E_NOMEM)
			r = E_NOMEM;
	}
	if (r < 0) {
		allow_free(&l);
		return r;
	}
	allow_free(&c->allow);
	c->allow = l;
	return 0;
}

static int make_places(struct core *c)
{
	const size_t n = store_count(c->store, RES_SYSTEM_LOCATION);
	struct location_row *rows = mem_calloc(n + 1, sizeof(*rows));
	struct location_table *t = NULL;
	const struct store_row *row;
	int64_t id = 0;
	size_t i = 0;
	int r;

	if (!rows)
		return E_NOMEM;
	while (i < n && (row = store_next(c->store, RES_SYSTEM_LOCATION,
					  id))) {
		id = store_row_id(row);
		rows[i++] = (struct location_row){
			.id = id, .source_networks = store_text(row,
				SYSTEM_LOCATION_SOURCE_NETWORKS),
			.interface_addresses = store_text(row,
				SYSTEM_LOCATION_INTERFACE_ADDRESSES)};
	}
	r = location_table_new(&t, rows, i, store_global(c->store,
			       GLOBAL_DEFAULT_LOCATION));
	mem_free(rows);
	if (r < 0)
		return r;
	location_table_free(&c->places);
	c->places = t;
	return 0;
}

int settings_tables(struct core *c)
{
	int r = make_allow(c);

	r = r ? r : make_places(c);
	return r ? r : routes_make(c);
}

/* What is in force stays when a new table cannot be made. */
static void remake(struct core *c, int (*make)(struct core *c))
{
	const int r = make(c);

	if (r < 0)
		log_error(MOD, "a table could not be made anew",
			  LOG_E("error", r));
}

void settings_roles(struct core *c)
{
	const bool web = store_global(c->store, GLOBAL_ENABLE_WEBRTC) &&
			 store_global(c->store, GLOBAL_ENABLE_APPLICATION_API);

	role_turn_off(c->role, (web ? 0 : 1u << ROLE_WEB) |
		      (store_global(c->store, GLOBAL_ENABLE_SIP) ? 0 :
		       1u << ROLE_SIP));
	sip_settings(c);
}

/* --- live rooms ------------------------------------------------------------------ */

/* What schema/ marks NEXT_MEETING stays as it is until then. */
static void keep_until_next(struct room_cfg *cfg, const struct room_cfg *now)
{
	cfg->mute_all_guests = now->mute_all_guests;
	cfg->guests_can_present = now->guests_can_present;
	cfg->chat_enabled = now->chat_enabled;
	memcpy(cfg->view, now->view, sizeof(cfg->view));
}

/* Rows say what configured rooms are; a room that policy described stays as
 * it was described. */
static void reconfigure(struct meeting *m)
{
	const struct store_row *conf = m->conf > 0 ?
		store_get(m->c->store, RES_CONFERENCE, m->conf) : NULL;
	struct service sv = m->sv;

	if (conf)
		service_of_conf(m->c, conf, &sv);
	keep_until_next(&sv.cfg, &m->room->cfg);
	m->sv = sv;
	(void)room_configure(m->room, &sv.cfg, m->c->now_ns, &m->c->out);
	core_acts(m, NULL);
}

static bool differs(struct core *c, const struct store_row *a,
		    const struct store_row *b, unsigned field)
{
	struct secret x = {NULL, 0}, y = {NULL, 0};
	bool same = store_secret(c->store, a, field, &x) == 0 &&
		    store_secret(c->store, b, field, &y) == 0 && x.n == y.n &&
		    (!x.n || secret_equal(secret_span(&x), secret_span(&y)));

	secret_release(&x);
	secret_release(&y);
	return !same;
}

static bool access_differs(struct core *c, const struct store_row *was,
			   const struct store_row *now)
{
	return differs(c, was, now, CONFERENCE_PIN) ||
	       differs(c, was, now, CONFERENCE_GUEST_PIN) ||
	       store_bool(was, CONFERENCE_ALLOW_GUESTS) !=
	       store_bool(now, CONFERENCE_ALLOW_GUESTS);
}

static void conference_changed(struct core *c, const struct store_row *was,
			       const struct store_row *now)
{
	struct meeting *m = meeting_of_conf(c, store_row_id(was));
	const bool others = !now || access_differs(c, was, now);

	if (others)
		defence_room_changed(c, store_row_id(was));
	if (!m)
		return;
	if (!now) {
		(void)room_end(m->room, EXIT_ADMIN_ALL, c->now_ns, &c->out);
		core_acts(m, NULL);
		return;
	}
	if (others)
		live_revoke_room(c, m->id);
	reconfigure(m);
}

static void global_changed(struct core *c)
{
	uint32_t slot = 0;
	struct meeting *m;

	(void)defence_rules(c);
	remake(c, gateways_limits);
	remake(c, make_places);
	settings_roles(c);
	while ((m = handles_next(c->meetings, &slot, NULL)))
		reconfigure(m);
	send_all(c);
}

static bool policy_differs(const struct store_row *was,
			   const struct store_row *now)
{
	return !now || store_int(was, SYSTEM_LOCATION_POLICY_SERVER) !=
		       store_int(now, SYSTEM_LOCATION_POLICY_SERVER);
}

void settings_watch(void *core, const struct store_row *old_row,
		    const struct store_row *new_row)
{
	struct core *c = core;

	core_turn(c);
	alert_row(c, old_row, new_row);
	switch (store_row_resource(old_row ? old_row : new_row)) {
	case RES_CONFERENCE:
		if (old_row)
			conference_changed(c, old_row, new_row);
		if (!old_row || !new_row)
			defence_name_room(c, store_row_id(old_row ? old_row :
					  new_row), new_row != NULL);
		break;
	case RES_GLOBAL:
		global_changed(c);
		break;
	case RES_BREAK_IN_ALLOW_LIST_ADDRESS:
		remake(c, make_allow);
		send_all(c);
		break;
	case RES_POLICY_SERVER:
		policies_changed(c, store_row_id(old_row ? old_row : new_row));
		if (old_row)
			regs_policy_changed(c, store_row_id(old_row), -1);
		break;
	case RES_SYSTEM_LOCATION:
		remake(c, make_places);
		tell_sip(c);
		if (old_row && policy_differs(old_row, new_row))
			regs_policy_changed(c, 0, store_row_id(old_row));
		break;
	case RES_DEVICE:
		if (old_row)
			regs_device_changed(c, old_row, new_row);
		if (old_row)
			sip_regs_device_changed(c, old_row, new_row);
		tell_sip(c);
		break;
	case RES_SIP_PROXY:
		sip_trunks_send(c);
		break;
	case RES_GATEWAY_ROUTING_RULE:
		remake(c, routes_make);
		break;
	default:
		break;
	}
}
