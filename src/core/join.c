/* request_token: from an alias and perhaps a PIN to a seat in a room.
 *
 * An unknown alias, a room whose settings are invalid and a source that
 * guessed too often take the same way and do the same work as a room that is
 * there, and get the same answer at its end. */
#include "core/core.h"

#include "base/addr.h"
#include "base/alloc.h"
#include "base/rand.h"

enum { PIN_TEXT_MAX = 32 };

/* A Join as it is kept while it waits in a slowed room's line. */
struct join {
	struct core *c;
	int web;
	uint32_t web_gen, req;
	char alias[ALIAS_MAX + 1];
	char name[PART_NAME_MAX + 1];
	char agent[PART_VENDOR_MAX + 1];
	char tag[PART_TAG_MAX + 1];
	char reconnect[TOKEN_TEXT_LEN + 1];
	uint8_t pin[PIN_TEXT_MAX];
	size_t pin_n;
	bool has_pin, pin_too_long, direct_chat;
	struct pin_caller source;
	struct timer due;
};

/* An answer that waits until what it says is durable. */
struct joined {
	struct core *c;
	int web;
	uint32_t web_gen, req;
	uint64_t member;
	char token[TOKEN_TEXT_LEN + 1];
	char reconnect[TOKEN_TEXT_LEN + 1];
};

static void reply(struct core *c, int web, uint32_t gen, Cv__JoinReply *r)
{
	if (r->outcome != CV__JOIN_OUTCOME__JOIN_OK)
		c->stats.joins_refused++;
	if (web_is_current(c, web, gen))
		(void)ipc_send(ipc_ev_chan(c->webs[web].ev), JOIN_REPLY, r);
}

static void answer(const struct join *j, Cv__JoinOutcome outcome)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	r.req = j->req;
	r.outcome = outcome;
	reply(j->c, j->web, j->web_gen, &r);
}

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

static void source_text(const struct pin_caller *who, char dst[ADDR_TEXT_MAX])
{
	struct addr a = {.port = 0};

	memcpy(a.ip, who->ip, sizeof(a.ip));
	addr_print_ip(&a, dst);
}

/* --- the room's PINs ------------------------------------------------------------ */

struct pins {
	struct secret host, guest;
	struct access_cfg cfg;
};

static void pins_release(struct pins *p)
{
	secret_release(&p->host);
	secret_release(&p->guest);
}

/* Some conference with a PIN; NULL when there is none. */
static const struct store_row *row_with_pin(struct core *c)
{
	const struct store_row *row = store_get(c->store, RES_CONFERENCE,
						c->decoy);

	if (row && !store_is_null(row, CONFERENCE_PIN))
		return row;
	for (int64_t id = 0; (row = store_next(c->store, RES_CONFERENCE, id));
	     id = store_row_id(row)) {
		if (store_is_null(row, CONFERENCE_PIN))
			continue;
		c->decoy = store_row_id(row);
		return row;
	}
	return NULL;
}

/* Opens a secret, or in its place another that is thrown away. */
static int open_one(struct core *c, const struct store_row *conf,
		    unsigned field, struct secret *out)
{
	const struct store_row *decoy = row_with_pin(c);
	struct secret thrown = {NULL, 0};

	if (conf && !store_is_null(conf, field))
		return store_secret(c->store, conf, field, out);
	if (decoy)
		(void)store_secret(c->store, decoy, CONFERENCE_PIN, &thrown);
	secret_release(&thrown);
	return 0;
}

/* Two openings, whether the room is there or not, and whatever it has set. */
static int pins_open(struct core *c, const struct store_row *conf,
		     struct pins *p)
{
	int r;

	*p = (struct pins){.cfg = {.allow_guests = true}};
	r = open_one(c, conf, CONFERENCE_PIN, &p->host);
	if (r == 0)
		r = open_one(c, conf, CONFERENCE_GUEST_PIN, &p->guest);
	if (conf)
		p->cfg.allow_guests = store_bool(conf,
						 CONFERENCE_ALLOW_GUESTS);
	p->cfg.host_pin = secret_span(&p->host);
	p->cfg.guest_pin = secret_span(&p->guest);
	return r;
}

/* --- entering ---------------------------------------------------------------------- */

static uint32_t rate(struct core *c, const struct store_row *conf,
		     unsigned own, unsigned global)
{
	if (!store_is_null(conf, own))
		return (uint32_t)store_int(conf, own);
	return (uint32_t)store_global(c->store, global);
}

static void fill_ok(const struct member *mb, const struct store_row *conf,
		    const struct joined *d, Cv__JoinReply *r)
{
	const struct part *p = mb->p;
	const struct span name = store_text(conf, CONFERENCE_NAME);

	r->outcome = CV__JOIN_OUTCOME__JOIN_OK;
	r->token = text(d->token);
	r->expires_s = TOKEN_LIFE_S;
	r->participant = text(p->uuid);
	r->display_name = text(p->name);
	r->host = p->host;
	r->service = part_is_waiting(p) ?
		CV__SERVICE_TYPE__SERVICE_WAITING_ROOM :
		CV__SERVICE_TYPE__SERVICE_CONFERENCE;
	r->conference_name = ipc_data(name);
	r->service_name = text(p->alias);
	r->call_tag = text(p->call_tag);
	r->chat_enabled = mb->m->room->cfg.chat_enabled;
	r->guests_can_present = mb->m->room->cfg.guests_can_present;
	r->call_type = (uint32_t)store_int(conf, CONFERENCE_CALL_TYPE);
	r->kbps_in = rate(mb->c, conf, CONFERENCE_MAX_CALLRATE_IN,
			  GLOBAL_MAX_CALLRATE_IN);
	r->kbps_out = rate(mb->c, conf, CONFERENCE_MAX_CALLRATE_OUT,
			   GLOBAL_MAX_CALLRATE_OUT);
	r->reconnect = text(d->reconnect);
}

static void forget(struct joined *d)
{
	secret_wipe(d, sizeof(*d));
	mem_free(d);
}

/* The journal is on disk: a crash from now on loses nothing we said. */
static void durable(void *arg, int result)
{
	struct joined *d = arg;
	struct core *c = d->c;
	struct member *mb = handles_get(c->members, d->member);
	const struct store_row *conf;
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	core_turn(c);
	r.req = d->req;
	r.outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
	conf = mb ? store_get(c->store, RES_CONFERENCE, mb->m->conf) : NULL;
	if (result == 0 && conf)
		fill_ok(mb, conf, d, &r);
	else if (mb)
		log_error(MOD, "journal cannot be written",
			  LOG_E("error", result));
	reply(c, d->web, d->web_gen, &r);
	if (result < 0 && mb) {
		struct meeting *m = mb->m;

		(void)room_leave(m->room, mb->p, EXIT_RELEASED, c->now_ns,
				 &c->out);
		core_acts(m, NULL);
	}
	forget(d);
}

static int open_session(struct member *mb, const struct join *j,
			struct joined *d, bool returns)
{
	struct core *c = mb->c;
	const uint64_t id = mb->p->id;
	uint8_t a[TOKEN_RANDOM_BYTES], b[TOKEN_RANDOM_BYTES];
	struct reconnect_state rs;
	int r;

	rand_bytes(a, sizeof(a));
	rand_bytes(b, sizeof(b));
	session_close(c->sessions, id);
	r = session_open(c->sessions, mb->m->id, id, a, c->now_ns, d->token);
	if (r == 0)
		r = returns ? reconnect_use(c->sessions,
					    span_str(j->reconnect), id, b,
					    d->reconnect) :
			reconnect_open(c->sessions, mb->m->id, id,
				       mb->p->host, b, d->reconnect);
	secret_wipe(a, sizeof(a));
	secret_wipe(b, sizeof(b));
	if (r < 0)
		return r;
	member_arm_expiry(mb);
	live_save_session(c, id);
	if (reconnect_export(c->sessions, id, &rs) == 0)
		live_save_credential(c, &rs);
	return 0;
}

/* From here to `durable`: the seat is taken, the answer waits for the disk. */
static void finish(const struct join *j, struct member *mb, bool returns)
{
	struct core *c = j->c;
	struct meeting *m = mb->m;
	struct joined *d = mem_zalloc(sizeof(*d));
	int r = d ? 0 : E_NOMEM;

	if (d) {
		d->c = c;
		d->web = j->web;
		d->web_gen = j->web_gen;
		d->req = j->req;
		d->member = mb->p->id;
		r = open_session(mb, j, d, returns);
	}
	r = r ? r : store_flush(c->store, durable, d);
	if (r == 0)
		return;
	if (d)
		forget(d);
	c->stats.overloads++;
	answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
	(void)room_leave(m->room, mb->p, EXIT_RELEASED, c->now_ns, &c->out);
	core_acts(m, NULL);
}

/* What entering led to comes first; it may even have ended the meeting. */
static void seat(const struct join *j, struct meeting *m, struct member *mb,
		 bool returns)
{
	const uint64_t id = mb->p->id;

	core_acts(m, NULL);
	if (handles_get(j->c->members, id) == mb)
		finish(j, mb, returns);
	else
		answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
}

static Cv__JoinOutcome outcome_of(int error)
{
	return error == E_FULL ? CV__JOIN_OUTCOME__JOIN_ROOM_FULL :
		CV__JOIN_OUTCOME__JOIN_OVERLOAD;
}

static int add_member(const struct join *j, struct meeting *m, bool host,
		      struct member **out)
{
	struct core *c = j->c;
	struct room_join rj = {
		.name = span_str(j->name), .alias = span_str(j->alias),
		.call_tag = span_str(j->tag), .vendor = span_str(j->agent),
		.host = host, .direct_chat = j->direct_chat};
	struct member *mb = member_new(c, 0, &rj.id);
	int r;

	if (!mb)
		return E_NOMEM;
	mb->m = m;
	uuid_make(rj.uuid);
	memcpy(rj.ip, j->source.ip, sizeof(rj.ip));
	r = room_enter(m->room, &rj, c->now_ns, clock_wall_us(), &c->out,
		       &mb->p);
	if (r < 0) {
		member_free(mb, rj.id);
		return r;
	}
	*out = mb;
	return 0;
}

static void enter(const struct join *j, const struct store_row *conf,
		  bool host, bool returns)
{
	struct core *c = j->c;
	struct meeting *m = meeting_of_conf(c, store_row_id(conf));
	struct member *mb = NULL;
	int r = m ? 0 : meeting_new(c, store_row_id(conf), 0, &m);

	if (r == 0) {
		r = add_member(j, m, host, &mb);
		if (r < 0 && m->room->n_parts == 0)
			meeting_free(m);
	} else {
		r = E_NOMEM;
	}
	if (r < 0) {
		c->stats.overloads += r != E_FULL;
		answer(j, outcome_of(r));
		return;
	}
	c->stats.joins++;
	seat(j, m, mb, returns);
}

/* Back with a credential: into the same seat while it is still there. */
static void come_back(const struct join *j, const struct store_row *conf,
		      const struct reconnect_state *rs)
{
	struct core *c = j->c;
	struct member *mb = rs->holder ? handles_get(c->members, rs->holder) :
			    NULL;

	if (!mb) {
		enter(j, conf, rs->host, true);
		return;
	}
	if (room_return(mb->m->room, mb->p, &c->out) < 0) {
		answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
		return;
	}
	c->stats.joins++;
	seat(j, mb->m, mb, true);
}

/* --- deciding ------------------------------------------------------------------------ */

static bool hold(struct join *j, uint32_t wait_ms);

static bool is_none(const struct join *j)
{
	return span_eq_nocase(span_of(j->pin, j->pin_n), SPAN_LIT("none"));
}

/* The guard's word before a PIN is compared; j is held when he must wait. */
static enum pin_verdict ask_guard(struct join *j, uint32_t room, bool compare,
				  uint32_t *wait_ms)
{
	struct core *c = j->c;
	enum pin_verdict v;

	if (!store_global(c->store, GLOBAL_BDPM_PIN_CHECKS_ENABLED))
		return PIN_ALLOW;
	v = pin_guard_check(c->guard, room, &j->source, c->now_ns, wait_ms);
	if (v != PIN_WAIT)
		return v;
	if (!compare)
		return PIN_ALLOW;
	return pin_guard_queue(c->guard, room, &j->source, c->now_ns, wait_ms);
}

static void note_pin(struct join *j, const struct store_row *conf,
		     uint32_t room, bool ok)
{
	char source[ADDR_TEXT_MAX];

	pin_guard_note(j->c->guard, room, &j->source, j->c->now_ns, ok);
	if (ok)
		return;
	j->c->stats.pins_wrong++;
	source_text(&j->source, source);
	audit_note(j->c, "pin.wrong", AUDIT_DENIED, SPAN_LIT(""),
		   span_str(source), store_text(conf, CONFERENCE_NAME),
		   SPAN_NONE);
}

static void prompt(const struct join *j, const struct access_cfg *cfg)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;
	bool host, guest;

	access_prompt(cfg, &host, &guest);
	r.req = j->req;
	r.outcome = CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED;
	r.host_pin = host;
	r.guest_pin = guest;
	reply(j->c, j->web, j->web_gen, &r);
}

static void act_on(struct join *j, const struct store_row *conf,
		   const struct pins *pins, enum access_outcome o)
{
	switch (o) {
	case ACCESS_HOST:
	case ACCESS_GUEST:
		enter(j, conf, o == ACCESS_HOST, false);
		break;
	case ACCESS_ASK:
		prompt(j, &pins->cfg);
		break;
	case ACCESS_WRONG:
		answer(j, CV__JOIN_OUTCOME__JOIN_PIN_WRONG);
		break;
	default:
		answer(j, CV__JOIN_OUTCOME__JOIN_NOT_FOUND);
		break;
	}
}

/* Returns true when j is kept (held in the line). */
static bool decide(struct join *j)
{
	struct core *c = j->c;
	const struct store_row *conf = conf_of_alias(c, span_str(j->alias));
	const uint32_t room = conf ? (uint32_t)store_row_id(conf) : 0;
	const struct meeting *m = conf ? meeting_of_conf(c, room) : NULL;
	const bool compares = j->has_pin && j->pin_n && !is_none(j);
	struct reconnect_state rs;
	enum access_outcome o;
	enum pin_verdict v;
	struct pins pins;
	uint32_t wait_ms = 0;
	int r;

	/* Always hashed, so that a room without a meeting costs the same. */
	r = reconnect_check(c->sessions, m ? m->id : 0,
			    span_str(j->reconnect), &rs);
	if (r == 0 && conf) {
		come_back(j, conf, &rs);
		return false;
	}
	r = pins_open(c, conf, &pins);
	v = ask_guard(j, room, compares && access_room_kind(&pins.cfg) !=
		      ACCESS_ROOM_OPEN, &wait_ms);
	if (v == PIN_WAIT) {
		pins_release(&pins);
		return hold(j, wait_ms);
	}
	o = access_decide(&pins.cfg, j->has_pin, j->pin_too_long ?
			  SPAN_LIT("?") : span_of(j->pin, j->pin_n));
	if (v == PIN_DENY || r < 0 || !conf)
		o = ACCESS_REFUSE;
	if (compares && o != ACCESS_REFUSE &&
	    access_room_kind(&pins.cfg) != ACCESS_ROOM_OPEN)
		note_pin(j, conf, room, o != ACCESS_WRONG);
	act_on(j, conf, &pins, o);
	pins_release(&pins);
	return false;
}

static void join_free(struct join *j)
{
	timer_cancel(&j->due);
	secret_wipe(j->pin, sizeof(j->pin));
	secret_wipe(j->reconnect, sizeof(j->reconnect));
	mem_free(j);
}

static void on_due(struct timer *t, void *arg, uint64_t now_ns)
{
	struct join *j = arg;

	(void)t;
	(void)now_ns;
	core_turn(j->c);
	j->c->n_held--;
	if (!web_is_current(j->c, j->web, j->web_gen) || !decide(j))
		join_free(j);
}

/* Slowed rooms share the places; others need none and are not concerned. */
static bool hold(struct join *j, uint32_t wait_ms)
{
	if (j->c->n_held >= CORE_HELD_MAX) {
		j->c->stats.overloads++;
		answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
		return false;
	}
	j->c->n_held++;
	timer_init(&j->due, on_due, j);
	timer_set(j->c->wheel, &j->due, j->c->now_ns + wait_ms * NS_PER_MS);
	return true;
}

static void copy(char *dst, size_t cap, ProtobufCBinaryData from)
{
	if (span_cstr(ipc_bytes(from), dst, cap) < 0)
		dst[0] = 0;
}

static void fill(struct join *j, const Cv__Join *msg)
{
	j->req = msg->req;
	(void)alias_normalise(j->alias, ipc_bytes(msg->alias));
	copy(j->name, sizeof(j->name), msg->display_name);
	copy(j->agent, sizeof(j->agent), msg->user_agent);
	copy(j->tag, sizeof(j->tag), msg->call_tag);
	copy(j->reconnect, sizeof(j->reconnect), msg->reconnect);
	j->has_pin = msg->has_pin;
	j->pin_too_long = msg->pin.len > sizeof(j->pin);
	j->pin_n = j->pin_too_long ? sizeof(j->pin) : msg->pin.len;
	if (j->pin_n)
		memcpy(j->pin, msg->pin.data, j->pin_n);
	j->direct_chat = msg->supports_direct_chat;
	if (msg->source && msg->source->ip.len == sizeof(j->source.ip))
		memcpy(j->source.ip, msg->source->ip.data,
		       sizeof(j->source.ip));
}

void join_message(struct web *w, const Cv__Join *msg)
{
	struct core *c = w->c;
	struct join *j = mem_zalloc(sizeof(*j));

	if (!j) {
		Cv__JoinReply r = CV__JOIN_REPLY__INIT;

		c->stats.overloads++;
		r.req = msg->req;
		r.outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
		reply(c, (int)(w - c->webs), w->gen, &r);
		return;
	}
	j->c = c;
	j->web = (int)(w - c->webs);
	j->web_gen = w->gen;
	timer_init(&j->due, on_due, j);
	fill(j, msg);
	if (!decide(j))
		join_free(j);
}
