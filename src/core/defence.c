/* The guard's surroundings: its memory, its rules, its turns, and what
 * follows from what it says: bans, alarms, audit lines. */
#include <stdio.h>

#include "core/core.h"
#include "core/gateway.h"

#include "base/addr.h"
#include "base/crypto/crypto.h"
#include "base/siphash.h"

enum { GUARD_SOURCES = 262144, GUARD_ROOMS = 8192, GUARD_PHANTOMS = 1024,
       GUARD_BANS = 1024, GUARD_LINE = 1024 };

/* --- making it -------------------------------------------------------------- */

static int derive(void *dst, size_t n, struct span key, const char *what)
{
	return crypto_hkdf(dst, n, key, SPAN_LIT("conclave"), span_str(what));
}

/* Behind the guard's own memory stands that of gateways. */
static size_t gateways_at(const struct guard_cfg *cfg)
{
	return (guard_size(cfg) + 63) & ~(size_t)63;
}

static int attach(struct core *c, const struct guard_cfg *cfg)
{
	struct guard_mem *m = &c->guard_mem;
	int r = guard_attach(&c->guard, cfg, m->p, m->n, c->boot_id,
			     c->now_ns);

	if (r != E_VERSION)
		return r;
	log_warn(MOD, "the guard's memory was of another kind: begun anew");
	guard_mem_clear(m);
	return guard_attach(&c->guard, cfg, m->p, m->n, c->boot_id, c->now_ns);
}

int defence_open(struct core *c, struct span data_key, int fd)
{
	struct guard_cfg cfg = GUARD_CFG_DEFAULT;
	int r = derive(cfg.hash_key, sizeof(cfg.hash_key), data_key,
		       "conclave guard 1");

	cfg.sources = GUARD_SOURCES;
	cfg.rooms = GUARD_ROOMS;
	cfg.phantoms = GUARD_PHANTOMS;
	cfg.bans = GUARD_BANS;
	cfg.line = GUARD_LINE;
	r = r ? r : derive(c->pin_key, sizeof(c->pin_key), data_key,
			   "conclave pin versions 1");
	r = r ? r : ticket_key_derive(c->ticket_key, data_key);
	r = r ? r : guard_mem_open(&c->guard_mem, fd, gateways_at(&cfg) +
				   gateways_memory());
	r = r ? r : attach(c, &cfg);
	r = r ? r : gateways_open(c, (uint8_t *)c->guard_mem.p +
				  gateways_at(&cfg));
	secret_wipe(cfg.hash_key, sizeof(cfg.hash_key));
	if (r < 0)
		return r;
	guard_mem_relax(&c->guard_mem);
	if (!c->guard_mem.is_file)
		alert_on(c, ALARM_GUARD_VOLATILE, SPAN_LIT(""),
			 span_str(err_text(c->guard_mem.why)));
	return defence_rules(c);
}

void defence_close(struct core *c)
{
	if (c->guard)
		guard_detach(&c->guard);
	guard_mem_close(&c->guard_mem);
}

int defence_rules(struct core *c)
{
	const int64_t own = store_global(c->store,
					 GLOBAL_MAX_PIN_FAILURES_PER_SOURCE);
	const struct guard_rules rules = {
		/* an older installation may hold up to 20 */
		.pair_misses = own < GUARD_PAIR_MISSES ? (uint32_t)own :
			GUARD_PAIR_MISSES,
		.mode = store_global(c->store, GLOBAL_PIN_GUARD_MODE) ==
			SV_PIN_GUARD_BLOCK ? GUARD_MODE_BLOCK : GUARD_MODE_SLOW,
		.room_misses = (uint32_t)store_global(c->store,
			GLOBAL_BDPM_MAX_PIN_FAILURES_PER_WINDOW),
		.scan_weight = (uint32_t)store_global(c->store,
			GLOBAL_BDPM_MAX_SCAN_ATTEMPTS_PER_WINDOW)};

	return guard_set_rules(c->guard, &rules);
}

/* --- rooms by key -------------------------------------------------------------- */

uint64_t defence_room_key(const struct core *c, int64_t conf)
{
	char text[32];
	const int n = snprintf(text, sizeof(text), "conference %lld",
			       (long long)conf);

	return guard_room_key(c->guard, span_of(text, (size_t)n));
}

/* A room that finds no place here has no name in alarms, nothing else. */
void defence_name_room(struct core *c, int64_t conf, bool is_there)
{
	const uint64_t key = defence_room_key(c, conf);
	const struct span k = span_of(&key, sizeof(key));

	if (is_there)
		(void)map_put(c->room_keys, k, (void *)(uintptr_t)conf);
	else
		(void)map_del(c->room_keys, k);
}

void defence_name_rooms(struct core *c)
{
	const struct store_row *row;
	int64_t id = 0;

	while ((row = store_next(c->store, RES_CONFERENCE, id))) {
		id = store_row_id(row);
		defence_name_room(c, id, true);
	}
}

struct span defence_room_name(const struct core *c, uint64_t key)
{
	const void *id = map_get(c->room_keys, span_of(&key, sizeof(key)));
	const struct store_row *row = id ? store_get(c->store, RES_CONFERENCE,
					(int64_t)(uintptr_t)id) : NULL;

	return row ? store_text(row, CONFERENCE_NAME) : SPAN_LIT("?");
}

void defence_room_changed(struct core *c, int64_t conf)
{
	(void)guard_release_room(c->guard, defence_room_key(c, conf),
				 c->now_ns);
	defence_events(c);
}

/* --- the line ------------------------------------------------------------------ */

static void on_turns(struct timer *t, void *arg, uint64_t now_ns)
{
	struct core *c = arg;
	enum guard_verdict v;
	uint64_t token;

	(void)t;
	(void)now_ns;
	core_turn(c);
	while (guard_next_turn(c->guard, c->now_ns, &token, &v))
		join_turn(c, token, v);
	defence_line(c);
	defence_events(c);
}

void defence_init_timers(struct core *c)
{
	timer_init(&c->turns, on_turns, c);
}

void defence_line(struct core *c)
{
	if (guard_waiting(c->guard) == 0)
		timer_cancel(&c->turns);
	else if (!timer_is_set(&c->turns))
		timer_set(c->wheel, &c->turns,
			  c->now_ns + GUARD_TURN_MS * NS_PER_MS);
}

/* --- what follows ----------------------------------------------------------------- */

void net_text(const uint8_t ip[16], unsigned prefix, char dst[NET_TEXT_MAX])
{
	struct addr a = {.port = 0};
	char text[ADDR_TEXT_MAX];
	unsigned bits = prefix;

	memcpy(a.ip, ip, sizeof(a.ip));
	addr_print_ip(&a, text);
	if (addr_is_v4(&a) && prefix >= 96)
		bits -= 96;
	if (prefix == 128)
		(void)snprintf(dst, NET_TEXT_MAX, "%s", text);
	else
		(void)snprintf(dst, NET_TEXT_MAX, "%s/%u", text, bits);
}

static void source_event(struct core *c, const struct guard_event *e)
{
	char net[NET_TEXT_MAX], detail[64];
	const bool begins = e->kind != GUARD_EV_SOURCE_RELEASED;

	net_text(e->ip, e->prefix, net);
	(void)snprintf(detail, sizeof(detail), "%u s%s", e->seconds,
		       e->manual ? ", by hand" : "");
	audit_put(c, &(struct audit_event){
		.who = SPAN_LIT("guard"), .source = span_str(net),
		.action = begins ? "source.refused" : "source.released",
		.object = SPAN_LIT("source"), .detail = span_str(detail),
		.outcome = begins ? AUDIT_DENIED : AUDIT_OK,
		.kind = e->manual ? AUDIT_ACT : AUDIT_BAN});
	if (begins && !e->manual) {
		access_log_quarantined(c, e->ip, net, e->seconds);
		alert_on(c, ALARM_SCANNER_BLOCKED, span_str(net),
			 span_str(detail));
	} else if (!begins && !e->manual) {
		alert_off(c, ALARM_SCANNER_BLOCKED, span_str(net));
	}
	ban_event(c, e);
}

static void room_event(struct core *c, const struct guard_event *e)
{
	const struct span name = defence_room_name(c, e->room);
	char net[NET_TEXT_MAX], detail[128];

	net_text(e->ip, 128, net);
	(void)snprintf(detail, sizeof(detail), "last wrong PIN from %s", net);
	audit_put(c, &(struct audit_event){
		.who = SPAN_LIT("guard"), .outcome = AUDIT_OK, .object = name,
		.action = e->kind == GUARD_EV_ROOM_FREED ? "room.freed" :
			e->kind == GUARD_EV_ROOM_BLOCKED ? "room.blocked" :
			e->kind == GUARD_EV_ROTATE_PIN ? "room.rotate_pin" :
			"room.guarded",
		.source = e->kind == GUARD_EV_ROOM_FREED ? SPAN_LIT("local") :
			span_str(net),
		.kind = AUDIT_BAN});
	switch (e->kind) {
	case GUARD_EV_ROOM_GUARDED:
	case GUARD_EV_ROOM_BLOCKED:
		alert_on(c, ALARM_SERVICE_QUARANTINED, name,
			 span_str(detail));
		break;
	case GUARD_EV_ROTATE_PIN:
		alert_on(c, ALARM_ROTATE_PIN, name, span_str(detail));
		break;
	default:
		alert_off(c, ALARM_SERVICE_QUARANTINED, name);
		alert_off(c, ALARM_ROTATE_PIN, name);
		break;
	}
}

static void prefix_event(struct core *c, const struct guard_event *e)
{
	char net[NET_TEXT_MAX];

	net_text(e->ip, e->prefix, net);
	audit_put(c, &(struct audit_event){
		.who = SPAN_LIT("guard"), .source = span_str(net),
		.action = e->kind == GUARD_EV_PAIR_REFUSED ? "pin.exhausted" :
			e->kind == GUARD_EV_DEVICE_REFUSED ?
			"device.exhausted" : "prefix.slowed",
		.object = SPAN_LIT("source"), .outcome = AUDIT_DENIED,
		.kind = AUDIT_BAN});
}

static void one_event(struct core *c, const struct guard_event *e)
{
	switch (e->kind) {
	case GUARD_EV_SOURCE_QUARANTINED:
	case GUARD_EV_SOURCE_RELEASED:
	case GUARD_EV_SOURCE_BANNED:
		source_event(c, e);
		break;
	case GUARD_EV_PAIR_REFUSED:
	case GUARD_EV_PREFIX_SLOWED:
	case GUARD_EV_DEVICE_REFUSED:
		prefix_event(c, e);
		break;
	case GUARD_EV_ROOM_GUARDED:
	case GUARD_EV_ROOM_BLOCKED:
	case GUARD_EV_ROTATE_PIN:
	case GUARD_EV_ROOM_FREED:
		room_event(c, e);
		break;
	case GUARD_EV_COUNT:
		break;
	}
}

void defence_events(struct core *c)
{
	struct guard_event e;

	while (guard_next_event(c->guard, &e))
		one_event(c, &e);
}

/* What was in force before we were born is in force: alarms say so again. */
void defence_recall(struct core *c)
{
	struct guard_event e;
	uint64_t it = 0;

	while (guard_walk(c->guard, &it, c->now_ns, &e)) {
		char net[NET_TEXT_MAX];

		net_text(e.ip, e.prefix, net);
		if (e.kind == GUARD_EV_SOURCE_QUARANTINED)
			alert_on(c, ALARM_SCANNER_BLOCKED, span_str(net),
				 SPAN_NONE);
		else if (e.kind == GUARD_EV_ROTATE_PIN)
			alert_on(c, ALARM_ROTATE_PIN,
				 defence_room_name(c, e.room), SPAN_NONE);
		else if (e.kind == GUARD_EV_ROOM_GUARDED ||
			 e.kind == GUARD_EV_ROOM_BLOCKED)
			alert_on(c, ALARM_SERVICE_QUARANTINED,
				 defence_room_name(c, e.room), SPAN_NONE);
	}
}

void defence_tick(struct core *c)
{
	(void)guard_tick(c->guard, c->now_ns);
	defence_events(c);
}

/* A role died while it parsed for this source. */
void defence_crash(struct core *c, const Cv__Addr *source, enum guard_face face)
{
	struct guard_facts f = {.scan_on = true, .verified = true,
				.face = face};

	if (!source || source->ip.len != sizeof(f.ip))
		return;
	memcpy(f.ip, source->ip.data, sizeof(f.ip));
	if (allow_of(c->allow, f.ip).is_proxy)
		return;
	guard_note_scan(c->guard, &f, GUARD_SCAN_CRASH, c->now_ns);
	defence_events(c);
}
