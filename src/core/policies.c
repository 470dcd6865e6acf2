#include "core/policies.h"

#include "base/alloc.h"
#include "core/health.h"

enum { POLICIES_MAX = 4096 };

/* Of a profile that was used since its row last changed. */
struct checkup {
	int64_t id;
	char name[251];			/* of its alarms */
	struct health parts[POLICIES_PARTS];
};

static const enum alarm_name alarms[POLICIES_PARTS] = {
	[POLICIES_SERVER] = ALARM_POLICY_UNREACHABLE,
	[POLICIES_SCRIPT] = ALARM_POLICY_SCRIPT_FAILED,
};

static struct span key_of(const int64_t *id)
{
	return span_of(id, sizeof(*id));
}

void policies_unref(struct policies **pp)
{
	struct policies *p = *pp;

	*pp = NULL;
	if (!p || --p->refs)
		return;
	for (int i = 0; i < POLICY_SCRIPTS; i++)
		script_free(&p->scripts[i]);
	mem_free(p);
}

static void compile(struct policies *p, enum policy_kind kind,
		    const struct store_row *row, unsigned field)
{
	struct script_error err;

	if (p->profile.script[kind] &&
	    script_compile(&p->scripts[kind], store_text(row, field), &err) <
	    0)
		log_error("policy", "a script cannot be compiled",
			  LOG_S("profile", p->name), LOG_U("line", err.line),
			  LOG_S("reason", err.text));
}

static void fill_profile(struct policy_profile *f, const struct store_row *row)
{
	f->external[POLICY_SERVICE] = store_bool(row,
		POLICY_SERVER_ENABLE_SERVICE_LOOKUP);
	f->external[POLICY_PARTICIPANT] = store_bool(row,
		POLICY_SERVER_ENABLE_PARTICIPANT_LOOKUP);
	f->external[POLICY_LOCATION] = store_bool(row,
		POLICY_SERVER_ENABLE_MEDIA_LOCATION_LOOKUP);
	f->external[POLICY_AVATAR] = store_bool(row,
		POLICY_SERVER_ENABLE_AVATAR_LOOKUP);
	f->external[POLICY_DIRECTORY] = store_bool(row,
		POLICY_SERVER_ENABLE_DIRECTORY_LOOKUP);
	f->external[POLICY_REGISTRATION] = store_bool(row,
		POLICY_SERVER_ENABLE_REGISTRATION_LOOKUP);
	f->script[POLICY_SERVICE] = store_bool(row,
		POLICY_SERVER_ENABLE_INTERNAL_SERVICE_POLICY);
	f->script[POLICY_PARTICIPANT] = store_bool(row,
		POLICY_SERVER_ENABLE_INTERNAL_PARTICIPANT_POLICY);
	f->script[POLICY_LOCATION] = store_bool(row,
		POLICY_SERVER_ENABLE_INTERNAL_MEDIA_LOCATION_POLICY);
	/* The words of each field: reject is the first, keep the second. */
	f->on_failure[POLICY_SERVICE] = (enum policy_on_failure)store_int(row,
		POLICY_SERVER_ON_FAILURE_SERVICE);
	f->on_failure[POLICY_PARTICIPANT] = (enum policy_on_failure)store_int(
		row, POLICY_SERVER_ON_FAILURE_PARTICIPANT);
	f->on_failure[POLICY_LOCATION] = (enum policy_on_failure)store_int(row,
		POLICY_SERVER_ON_FAILURE_MEDIA_LOCATION);
}

static struct policies *make(struct core *c, const struct store_row *row)
{
	struct policies *p = mem_zalloc(sizeof(*p));

	(void)c;
	if (!p)
		return NULL;
	p->refs = 1;
	p->id = store_row_id(row);
	(void)span_cstr(store_text(row, POLICY_SERVER_NAME), p->name,
			sizeof(p->name));
	fill_profile(&p->profile, row);
	compile(p, POLICY_SERVICE, row,
		POLICY_SERVER_INTERNAL_SERVICE_POLICY_TEMPLATE);
	compile(p, POLICY_PARTICIPANT, row,
		POLICY_SERVER_INTERNAL_PARTICIPANT_POLICY_TEMPLATE);
	compile(p, POLICY_LOCATION, row,
		POLICY_SERVER_INTERNAL_MEDIA_LOCATION_POLICY_TEMPLATE);
	return p;
}

/* Compiled when it is first used. */
static struct policies *find(struct core *c, int64_t id)
{
	struct policies *p = map_get(c->policies, key_of(&id));
	const struct store_row *row;

	if (p)
		return p;
	row = store_get(c->store, RES_POLICY_SERVER, id);
	p = row ? make(c, row) : NULL;
	if (p && map_put(c->policies, key_of(&id), p) < 0)
		policies_unref(&p);
	return p;
}

int policies_of(struct core *c, int64_t location, struct policies **out)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;
	struct policies *p;

	*out = NULL;
	if (!row || store_is_null(row, SYSTEM_LOCATION_POLICY_SERVER))
		return 0;
	p = find(c, store_int(row, SYSTEM_LOCATION_POLICY_SERVER));
	if (!p)
		return E_NOMEM;
	p->refs++;
	*out = p;
	return 0;
}

void policies_changed(struct core *c, int64_t id)
{
	struct policies *p = map_del(c->policies, key_of(&id));
	struct checkup *x = map_del(c->policy_health, key_of(&id));

	policies_unref(&p);
	if (!x)
		return;
	for (int i = 0; i < POLICIES_PARTS; i++)
		alert_off(c, alarms[i], span_str(x->name));
	mem_free(x);
}

/* --- alarms ------------------------------------------------------------------ */

/* NULL also for one that changed meanwhile: what the former one did says
 * nothing about what is in force. */
static struct checkup *checkup_of(struct core *c, const struct policies *p)
{
	struct checkup *x;

	if (map_get(c->policies, key_of(&p->id)) != p)
		return NULL;
	x = map_get(c->policy_health, key_of(&p->id));
	if (x)
		return x;
	x = mem_zalloc(sizeof(*x));
	if (!x)
		return NULL;
	x->id = p->id;
	memcpy(x->name, p->name, sizeof(x->name));
	if (map_put(c->policy_health, key_of(&x->id), x) == 0)
		return x;
	mem_free(x);
	return NULL;
}

void policies_note(struct core *c, const struct policies *p,
		   enum policies_part part, bool ok, struct span details)
{
	struct checkup *x = checkup_of(c, p);

	if (!x)
		return;
	(void)health_note(&x->parts[part], ok, c->now_ns);
	if (!ok)
		alert_on(c, alarms[part], span_str(x->name), details);
	else if (!x->parts[part].is_ill)
		alert_off(c, alarms[part], span_str(x->name));
}

void policies_tick(struct core *c)
{
	size_t it = 0;
	void *v;

	while (map_next(c->policy_health, &it, NULL, &v)) {
		struct checkup *x = v;

		for (int i = 0; i < POLICIES_PARTS; i++)
			if (health_tick(&x->parts[i], c->now_ns))
				alert_off(c, alarms[i], span_str(x->name));
	}
}

bool policies_has(void *core, enum policy_object kind, struct span name)
{
	struct core *c = core;

	switch (kind) {
	case POLICY_OBJ_LOCATION:
		return store_find(c->store, RES_SYSTEM_LOCATION,
				  SYSTEM_LOCATION_NAME, name) != NULL;
	case POLICY_OBJ_SIP_PROXY:
		return store_find(c->store, RES_SIP_PROXY, SIP_PROXY_NAME,
				  name) != NULL;
	case POLICY_OBJ_STUN_SERVER:
		return store_find(c->store, RES_STUN_SERVER, STUN_SERVER_NAME,
				  name) != NULL;
	case POLICY_OBJ_TURN_SERVER:
		return store_find(c->store, RES_TURN_SERVER, TURN_SERVER_NAME,
				  name) != NULL;
	default:
		return false;
	}
}

/* --- the server ------------------------------------------------------------ */

static int send_url(struct core *c, const struct store_row *row,
		    struct fetch_ask *ask, enum policy_kind kind,
		    const struct policy_facts *f, uint64_t who,
		    fetch_done_fn done)
{
	char *url = mem_alloc(POLICY_URL_MAX);
	size_t n = 0;
	int r;

	if (!url)
		return E_NOMEM;
	r = policy_url(kind, store_text(row, POLICY_SERVER_URL), f, url,
		       POLICY_URL_MAX, &n);
	ask->url = span_of(url, n);
	r = r ? r : fetch_get(c, ask, who, done);
	mem_free(url);
	return r;
}

int policies_request(struct core *c, int64_t profile, enum policy_kind kind,
		     const struct policy_facts *f, struct policies_by by,
		     uint64_t who, fetch_done_fn done)
{
	const struct store_row *row = store_get(c->store, RES_POLICY_SERVER,
						profile);
	struct fetch_ask ask = {.want = CV__HTTP_WANT__WANT_JSON,
				.who = by.who, .ip = by.ip};
	struct secret password = {NULL, 0};
	int r = row ? store_secret(c->store, row, POLICY_SERVER_PASSWORD,
				   &password) : E_NOTFOUND;

	if (r < 0)
		return r;
	ask.username = store_text(row, POLICY_SERVER_USERNAME);
	ask.password = secret_span(&password);
	if (kind == POLICY_AVATAR) {
		ask.want = CV__HTTP_WANT__WANT_IMAGE;
		ask.width = (uint32_t)f->width;
		ask.height = (uint32_t)f->height;
	}
	r = send_url(c, row, &ask, kind, f, who, done);
	secret_release(&password);
	return r;
}

void policies_served(struct core *c, const struct policies *p,
		     const struct policy_machine *m,
		     const struct policy_error *why)
{
	const char *kind = policy_kind_name(m->kind);

	policies_note(c, p, POLICIES_SERVER, !m->server_failed,
		      span_str(kind));
	if (m->server_failed)
		log_warn("policy", "server failed",
			 LOG_S("profile", p->name), LOG_S("request", kind),
			 LOG_S("member", why->member ? why->member : ""),
			 LOG_S("rule", why->rule ? why->rule : "no answer"));
}

void policies_facts(struct core *c, int64_t location, struct policy_facts *f)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;

	if (row)
		f->location = store_text(row, SYSTEM_LOCATION_NAME);
	f->version_id = SPAN_LIT("39");
	f->pseudo_version_id = SPAN_LIT("39.0.0");
}

int policies_open(struct core *c)
{
	const int r = map_new(&c->policies, POLICIES_MAX);

	return r ? r : map_new(&c->policy_health, POLICIES_MAX);
}
