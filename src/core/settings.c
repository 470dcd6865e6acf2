/* Settings: each role gets its own projection; live rooms follow changes. */
#include "core/core.h"

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

void settings_send(struct core *c, struct ipc_chan *ch)
{
	Cv__Settings msg = CV__SETTINGS__INIT;
	struct projection *p = mem_zalloc(sizeof(*p));
	uint32_t instance;

	if (!p)
		return;
	store_projection(c->store, ipc_chan_peer(ch, &instance), add, p);
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

static void send_all(struct core *c)
{
	c->settings_epoch++;
	for (size_t i = 0; i < CORE_WEBS_MAX; i++)
		if (c->webs[i].ev)
			settings_send(c, ipc_ev_chan(c->webs[i].ev));
	for (size_t i = 0; i < CORE_WORKERS_MAX; i++) {
		if (c->workers[i].media)
			settings_send(c, ipc_ev_chan(c->workers[i].media));
		if (c->workers[i].video)
			settings_send(c, ipc_ev_chan(c->workers[i].video));
	}
}

int settings_guard(struct core *c)
{
	return pin_guard_set_limits(c->guard,
		(uint32_t)store_global(c->store,
				       GLOBAL_MAX_PIN_FAILURES_PER_SOURCE),
		(uint32_t)store_global(c->store,
				       GLOBAL_BDPM_MAX_PIN_FAILURES_PER_WINDOW));
}

/* What schema/ marks NEXT_MEETING stays as it is until then. */
static void keep_until_next(struct room_cfg *cfg, const struct room_cfg *now)
{
	cfg->mute_all_guests = now->mute_all_guests;
	cfg->guests_can_present = now->guests_can_present;
	cfg->chat_enabled = now->chat_enabled;
	memcpy(cfg->view, now->view, sizeof(cfg->view));
}

static void reconfigure(struct meeting *m)
{
	const struct store_row *conf = store_get(m->c->store, RES_CONFERENCE,
						 m->conf);
	struct room_cfg cfg;

	if (!conf)
		return;
	cfg = meeting_cfg(m->c, conf);
	keep_until_next(&cfg, &m->room->cfg);
	(void)room_configure(m->room, &cfg, m->c->now_ns, &m->c->out);
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

static void conference_changed(struct core *c, const struct store_row *was,
			       const struct store_row *now)
{
	struct meeting *m = meeting_of_conf(c, store_row_id(was));

	if (!m)
		return;
	if (!now) {
		(void)room_end(m->room, EXIT_ADMIN_ALL, c->now_ns, &c->out);
		core_acts(m, NULL);
		return;
	}
	if (differs(c, was, now, CONFERENCE_PIN) ||
	    differs(c, was, now, CONFERENCE_GUEST_PIN) ||
	    store_bool(was, CONFERENCE_ALLOW_GUESTS) !=
	    store_bool(now, CONFERENCE_ALLOW_GUESTS))
		live_revoke_room(c, m->id);
	reconfigure(m);
}

static void global_changed(struct core *c)
{
	uint32_t slot = 0;
	struct meeting *m;

	(void)settings_guard(c);
	while ((m = handles_next(c->meetings, &slot, NULL)))
		reconfigure(m);
	send_all(c);
}

void settings_watch(void *core, const struct store_row *old_row,
		    const struct store_row *new_row)
{
	struct core *c = core;

	core_turn(c);
	switch (store_row_resource(old_row ? old_row : new_row)) {
	case RES_CONFERENCE:
		if (old_row)
			conference_changed(c, old_row, new_row);
		break;
	case RES_GLOBAL:
		global_changed(c);
		break;
	default:
		break;
	}
}
