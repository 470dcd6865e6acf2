/* conclave(1): alarms, guard and invite. */
#include <stdio.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/rand.h"
#include "core/cli_int.h"

enum { INVITE_DAYS_DEFAULT = 30, INVITE_DAYS_MAX = 3660, DAY_S = 86400,
       BAN_S_DEFAULT = 3600 };

/* --- alarms -------------------------------------------------------------------- */

static void stamp(struct answer *a, const char *name, int64_t us)
{
	answer_number(a, name, us > 0 ? (uint64_t)(us / 1000000) : 0);
}

static void show_alarm(struct answer *a, const struct alarm *al)
{
	answer_row(a);
	answer_number(a, "id", al->id);
	answer_field(a, "name", span_str(alarm_text(al->name)));
	answer_field(a, "level", span_str(alarm_level_text(al->level)));
	answer_field(a, "instance", span_str(al->instance));
	answer_field(a, "details", span_str(al->details));
	answer_number(a, "times", al->times);
	stamp(a, "time_raised", al->raised_us);
	if (al->lowered_us)
		stamp(a, "time_lowered", al->lowered_us);
	answer_flag(a, "acknowledged", al->acknowledged);
	answer_field(a, "help", span_str(alarm_help(al->name)));
}

static void alarms_list(struct answer *a, const Cv__CliRequest *rq)
{
	const struct alarm *al;
	uint64_t after = 0;

	(void)rq;
	while ((al = alarm_next(a->c->alarms, after))) {
		after = al->id;
		show_alarm(a, al);
	}
	answer_end(a, 0, "");
}

static void alarms_history(struct answer *a, const Cv__CliRequest *rq)
{
	const struct alarm *al;
	uint64_t before = 0;

	(void)rq;
	while ((al = alarm_past(a->c->alarms, before))) {
		before = al->id;
		show_alarm(a, al);
	}
	answer_end(a, 0, "");
}

static void alarms_acknowledge(struct answer *a, const Cv__CliRequest *rq)
{
	const struct span which = cli_asked(rq, "which");
	uint64_t id = 0;

	if (span_u64(which, UINT64_MAX, &id) < 0 ||
	    alarm_acknowledge(a->c->alarms, id) < 0) {
		answer_end(a, E_NOTFOUND, "which: no raised alarm of that id");
		return;
	}
	cli_note(a->c, a->uid, "alarm.acknowledge", which);
	answer_end(a, 0, "");
}

/* --- guard ---------------------------------------------------------------------- */

static const char *in_force(enum guard_event_kind k)
{
	switch (k) {
	case GUARD_EV_SOURCE_BANNED:
		return "banned by hand";
	case GUARD_EV_SOURCE_QUARANTINED:
		return "quarantined";
	case GUARD_EV_PAIR_REFUSED:
		return "refused for a room";
	case GUARD_EV_PREFIX_SLOWED:
		return "slowed";
	case GUARD_EV_DEVICE_REFUSED:
		return "refused for a device";
	case GUARD_EV_ROOM_GUARDED:
		return "room guarded";
	case GUARD_EV_ROOM_BLOCKED:
		return "room blocked";
	case GUARD_EV_ROTATE_PIN:
		return "room needs a new PIN";
	default:
		return "?";
	}
}

static bool has_room(const struct guard_event *e)
{
	return e->kind >= GUARD_EV_ROOM_GUARDED ||
	       (e->kind == GUARD_EV_PAIR_REFUSED && e->room_is_real);
}

static void guard_list(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	struct guard_event e;
	uint64_t it = 0;
	unsigned n = 0;

	(void)rq;
	while (n < 4096 && guard_walk(c->guard, &it, c->now_ns, &e)) {
		char net[NET_TEXT_MAX];

		/* A room that is not there is nobody's business. */
		if (e.kind == GUARD_EV_PAIR_REFUSED && !e.room_is_real)
			continue;
		net_text(e.ip, e.prefix, net);
		answer_row(a);
		answer_field(a, "state", span_str(in_force(e.kind)));
		answer_field(a, "source", e.prefix ? span_str(net) :
			     SPAN_LIT(""));
		answer_field(a, "room", has_room(&e) ?
			     defence_room_name(c, e.room) : SPAN_LIT(""));
		answer_number(a, "seconds", e.seconds);
		n++;
	}
	answer_end(a, 0, "");
}

/* "192.0.2.0/24", "2001:db8::1". */
static int parse_net(struct span text, uint8_t ip[16], unsigned *prefix)
{
	struct span addr, bits;
	const bool has = span_split(text, '/', &addr, &bits);
	uint64_t n = 128;
	struct addr a;

	if (addr_parse(&a, has ? addr : text, 0) < 0)
		return E_FORMAT;
	if (has && span_u64(bits, addr_is_v4(&a) ? 32 : 128, &n) < 0)
		return E_FORMAT;
	if (has && addr_is_v4(&a))
		n += 96;
	memcpy(ip, a.ip, 16);
	*prefix = (unsigned)n;
	return n ? 0 : E_FORMAT;
}

static int asked_net(struct answer *a, const Cv__CliRequest *rq,
		     uint8_t ip[16], unsigned *prefix)
{
	const int r = parse_net(cli_asked(rq, "which"), ip, prefix);

	if (r < 0)
		answer_end(a, r, "which: not an address or address/prefix");
	return r;
}

static bool number_or(const Cv__CliRequest *rq, const char *name,
		      uint64_t fallback, uint64_t max, uint64_t *out)
{
	const struct span s = cli_asked(rq, name);

	*out = fallback;
	return !s.n || (span_u64(s, max, out) == 0 && *out);
}

static void guard_ban_verb(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	uint8_t ip[16];
	unsigned prefix;
	uint64_t seconds;
	int r;

	if (asked_net(a, rq, ip, &prefix) < 0)
		return;
	if (!number_or(rq, "seconds", BAN_S_DEFAULT, GUARD_BAN_MAX_S,
		       &seconds)) {
		answer_end(a, E_LIMIT, "seconds: 1 to 31622400");
		return;
	}
	if (allow_touches(c->allow, ip, prefix)) {
		answer_end(a, E_DENIED, "which: the allow list holds an "
			   "address of it; remove that entry first");
		return;
	}
	r = guard_ban(c->guard, ip, prefix, GUARD_FACE_ALL, (uint32_t)seconds,
		      c->now_ns);
	defence_events(c);
	if (r == 0)
		cli_note(c, a->uid, "guard.ban", cli_asked(rq, "which"));
	answer_end(a, r, r < 0 ? "no more bans by hand fit: release some" :
		   "");
}

static void guard_release_verb(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	uint8_t ip[16];
	unsigned prefix, n;

	if (asked_net(a, rq, ip, &prefix) < 0)
		return;
	n = guard_release(c->guard, ip, prefix, c->now_ns);
	defence_events(c);
	if (!n) {
		answer_end(a, E_NOTFOUND, "which: nothing is in force "
			   "against it");
		return;
	}
	cli_note(c, a->uid, "guard.release", cli_asked(rq, "which"));
	answer_end(a, 0, "");
}

static const struct store_row *room_named(struct core *c, struct span name)
{
	const struct store_row *row = store_find(c->store, RES_CONFERENCE,
						 CONFERENCE_NAME, name);
	uint64_t id = 0;

	if (!row && span_u64(name, INT64_MAX, &id) == 0)
		row = store_get(c->store, RES_CONFERENCE, (int64_t)id);
	return row ? row : conf_of_alias(c, name);
}

static const struct store_row *asked_room(struct answer *a,
					  const Cv__CliRequest *rq)
{
	const struct store_row *row = room_named(a->c,
						 cli_asked(rq, "which"));

	if (!row)
		answer_end(a, E_NOTFOUND, "which: no such room");
	return row;
}

static void guard_release_room_verb(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	const struct store_row *row = asked_room(a, rq);
	bool was;

	if (!row)
		return;
	was = guard_release_room(c->guard, defence_room_key(c,
				 store_row_id(row)), c->now_ns);
	defence_events(c);
	if (was)
		cli_note(c, a->uid, "guard.release_room",
			 store_text(row, CONFERENCE_NAME));
	answer_end(a, was ? 0 : E_NOTFOUND, was ? "" :
		   "which: no wrong PINs are counted for it");
}

/* --- invitations ------------------------------------------------------------------- */

enum { HOST_TEXT_MAX = 253 };

/* Until the disk has answered; then the link is shown, once. */
struct invite {
	struct core *c;
	uint64_t client;
	uint32_t uid;
	int64_t conf;
	char key[INVITATION_LEN + 1];
	char hex[2 * INVITATION_HASH_LEN + 1];
	char host[HOST_TEXT_MAX + 16];	/* with brackets and port */
};

static void invite_free(struct invite *v)
{
	secret_wipe(v, sizeof(*v));
	mem_free(v);
}

static void show_invite(struct answer *a, const struct invite *v, int64_t id)
{
	char alias[3 * ALIAS_MAX + 1], link[FIELD_TEXT_MAX];

	(void)text_percent(alias, sizeof(alias),
			   service_alias(v->c, v->conf));
	(void)snprintf(link, sizeof(link), "https://%s/meet/%s#invitation=%s",
		       v->host, alias, v->key);
	answer_row(a);
	answer_number(a, "id", (uint64_t)id);
	answer_field(a, "link", span_str(link));
	secret_wipe(link, sizeof(link));
	answer_end(a, 0, "");
	secret_wipe(a->text, sizeof(a->text));
}

static void invite_done(void *arg, const struct store_result *res)
{
	struct invite *v = arg;
	struct answer *a = mem_alloc(sizeof(*a));
	char object[48];

	if (a) {
		a->c = v->c;
		a->client = v->client;
		a->uid = v->uid;
		answer_start(a);
		if (res->error < 0) {
			answer_end(a, res->error, res->why.text);
		} else {
			(void)snprintf(object, sizeof(object),
				       "conference %lld", (long long)v->conf);
			cli_note(v->c, v->uid, "invite.create",
				 span_str(object));
			show_invite(a, v, res->ids[0]);
		}
	}
	mem_free(a);
	invite_free(v);
}

static int invite_submit(struct invite *v, struct span description,
			 uint64_t days)
{
	const int64_t now_us = clock_wall_us();
	const struct store_set sets[] = {
		{.field = CONFERENCE_INVITATION_CONFERENCE,
		 .value = {.i = v->conf}},
		{.field = CONFERENCE_INVITATION_DESCRIPTION,
		 .value = {.s = description}},
		{.field = CONFERENCE_INVITATION_KEY_HASH,
		 .value = {.s = span_str(v->hex)}},
		{.field = CONFERENCE_INVITATION_EXPIRY_TIME,
		 .value = {.i = now_us + (int64_t)days * DAY_S * 1000000}}};
	const struct store_op op = {.verb = STORE_CREATE,
				    .res = RES_CONFERENCE_INVITATION,
				    .sets = sets, .n_sets = 4};

	return store_submit(v->c->store, &op, 1, now_us, invite_done, v);
}

static int invite_make(struct invite *v)
{
	uint8_t rnd[INVITATION_KEY_LEN], hash[INVITATION_HASH_LEN];
	char text[48];
	int n = snprintf(text, sizeof(text), "conference %lld",
			 (long long)v->conf);
	int r;

	rand_bytes(rnd, sizeof(rnd));
	r = invitation_make(v->key, hash, span_of(v->c->ticket_key,
			    TICKET_KEY_LEN), span_of(text, (size_t)n), rnd);
	secret_wipe(rnd, sizeof(rnd));
	hex_encode(v->hex, hash, sizeof(hash));
	return r;
}

/* The name as it stands in a link to our own port. */
static void authority(struct invite *v, struct span name)
{
	const bool v6 = memchr(name.p, ':', name.n) != NULL;
	char port[8] = "";

	if (v->c->https_port != 443)
		(void)snprintf(port, sizeof(port), ":%u", v->c->https_port);
	(void)snprintf(v->host, sizeof(v->host), "%s%.*s%s%s", v6 ? "[" : "",
		       (int)name.n, (const char *)name.p, v6 ? "]" : "", port);
}

/* The one that is given, as it is (there may be a proxy in front); else the
 * first of the setting, the operator's at the start, or the machine's. */
static bool fill_host(struct invite *v, const Cv__CliRequest *rq)
{
	const struct store_row *g = store_get(v->c->store, RES_GLOBAL, 1);
	struct span host = cli_asked(rq, "host"), rest;

	if (host.n)
		return span_cstr(host, v->host, sizeof(v->host)) == 0;
	(void)span_split(store_text(g, GLOBAL_HOSTS_ALLOWED), ',', &host,
			 &rest);
	if (!host.n)
		host = span_str(v->c->public_host);
	if (!host.n || host.n > HOST_TEXT_MAX)
		return false;
	authority(v, host);
	return true;
}

static void invite_create(struct answer *a, const Cv__CliRequest *rq)
{
	const struct store_row *row = asked_room(a, rq);
	struct invite *v;
	uint64_t days;
	int r;

	if (!row)
		return;
	if (!number_or(rq, "days", INVITE_DAYS_DEFAULT, INVITE_DAYS_MAX,
		       &days)) {
		answer_end(a, E_LIMIT, "days: 1 to 3660");
		return;
	}
	v = mem_zalloc(sizeof(*v));
	if (!v) {
		answer_end(a, E_NOMEM, err_text(E_NOMEM));
		return;
	}
	v->c = a->c;
	v->client = a->client;
	v->uid = a->uid;
	v->conf = store_row_id(row);
	if (!fill_host(v, rq)) {
		invite_free(v);
		answer_end(a, E_LIMIT, "host: no name under which browsers reach this platform: say host=NAME, or set hosts_allowed");
		return;
	}
	r = invite_make(v);
	r = r ? r : invite_submit(v, cli_asked(rq, "description"), days);
	if (r == 0)
		return;
	invite_free(v);
	answer_end(a, r, err_text(r));
}

static void invite_list(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	const struct span which = cli_asked(rq, "which");
	const struct store_row *only = which.n ? asked_room(a, rq) : NULL;
	const struct store_row *row;
	int64_t id = 0;

	if (which.n && !only)
		return;
	while ((row = store_next(c->store, RES_CONFERENCE_INVITATION, id))) {
		const int64_t conf = store_int(row,
					CONFERENCE_INVITATION_CONFERENCE);
		const struct store_row *room = store_get(c->store,
							 RES_CONFERENCE, conf);

		id = store_row_id(row);
		if (only && store_row_id(only) != conf)
			continue;
		answer_row(a);
		answer_number(a, "id", (uint64_t)id);
		answer_field(a, "room", room ? store_text(room,
			     CONFERENCE_NAME) : SPAN_LIT("?"));
		answer_field(a, "description", store_text(row,
			     CONFERENCE_INVITATION_DESCRIPTION));
		stamp(a, "expiry_time", store_int(row,
			CONFERENCE_INVITATION_EXPIRY_TIME));
		answer_flag(a, "expired", store_int(row,
			CONFERENCE_INVITATION_EXPIRY_TIME) <= clock_wall_us());
	}
	answer_end(a, 0, "");
}

static void revoke_done(void *arg, const struct store_result *res)
{
	struct invite *v = arg;
	struct answer *a = mem_alloc(sizeof(*a));

	if (a) {
		a->c = v->c;
		a->client = v->client;
		a->uid = v->uid;
		answer_start(a);
		if (res->error == 0)
			cli_note(v->c, v->uid, "invite.revoke",
				 span_str(v->host));
		answer_end(a, res->error, res->error ? res->why.text : "");
	}
	mem_free(a);
	invite_free(v);
}

static void invite_revoke(struct answer *a, const Cv__CliRequest *rq)
{
	struct core *c = a->c;
	struct invite *v;
	uint64_t id = 0;
	struct store_op op = {.verb = STORE_DELETE,
			      .res = RES_CONFERENCE_INVITATION};
	int r;

	if (span_u64(cli_asked(rq, "which"), INT64_MAX, &id) < 0 ||
	    !store_get(c->store, RES_CONFERENCE_INVITATION, (int64_t)id)) {
		answer_end(a, E_NOTFOUND, "which: no invitation of that id");
		return;
	}
	v = mem_zalloc(sizeof(*v));
	if (!v) {
		answer_end(a, E_NOMEM, err_text(E_NOMEM));
		return;
	}
	v->c = c;
	v->client = a->client;
	v->uid = a->uid;
	(void)snprintf(v->host, sizeof(v->host), "%llu",
		       (unsigned long long)id);
	op.id = (int64_t)id;
	r = store_submit(c->store, &op, 1, clock_wall_us(), revoke_done, v);
	if (r == 0)
		return;
	invite_free(v);
	answer_end(a, r, err_text(r));
}

/* --- the table ------------------------------------------------------------------------ */

static const struct {
	const char *verb, *resource;
	void (*run)(struct answer *a, const Cv__CliRequest *rq);
} verbs[] = {
	{"alarms", "list", alarms_list},
	{"alarms", "history", alarms_history},
	{"alarms", "acknowledge", alarms_acknowledge},
	{"guard", "list", guard_list},
	{"guard", "ban", guard_ban_verb},
	{"guard", "release", guard_release_verb},
	{"guard", "release-room", guard_release_room_verb},
	{"invite", "create", invite_create},
	{"invite", "list", invite_list},
	{"invite", "revoke", invite_revoke},
};

bool cli_guard_verb(struct answer *a, const Cv__CliRequest *rq)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(rq->verb, verbs[i].verb) == 0 &&
		    strcmp(rq->resource, verbs[i].resource) == 0) {
			verbs[i].run(a, rq);
			return true;
		}
	return false;
}
