/* request_token: the life of a join, from the message to its answer. Its way
 * is the table of join_machine.h; the steps are in join_*.c. */
#include "core/join_policy.h"

#include "base/alloc.h"
#include "core/reg.h"
#include "core/sip.h"

/* --- answers ------------------------------------------------------------------- */

void join_note(const struct join *j, const char *what, struct span detail)
{
	trace_put(j->c->trace, j->trace, clock_wall_us(), TRACE_CORE,
		  TRACE_CORE, what, detail);
}

static const char *outcome_name(Cv__JoinOutcome o)
{
	static const char *const names[] = {
		[CV__JOIN_OUTCOME__JOIN_OK] = "seated",
		[CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED] = "asked for a PIN",
		[CV__JOIN_OUTCOME__JOIN_PIN_WRONG] = "wrong PIN",
		[CV__JOIN_OUTCOME__JOIN_PIN_EXCEEDED] = "too many PINs",
		[CV__JOIN_OUTCOME__JOIN_NOT_FOUND] = "no such room for him",
		[CV__JOIN_OUTCOME__JOIN_REJECTED] = "rejected by policy",
		[CV__JOIN_OUTCOME__JOIN_ROOM_FULL] = "room full",
		[CV__JOIN_OUTCOME__JOIN_OVERLOAD] = "overload",
	};

	return (size_t)o < sizeof(names) / sizeof(names[0]) && names[o] ?
	       names[o] : "refused";
}

/* What is no refusal has no number: the others all have one of one form. */
static void note_outcome(const struct join *j, Cv__JoinReply *r,
			 char ref[TRACE_REF_LEN + 1])
{
	const char *name = outcome_name(r->outcome);
	struct trace *t = j->c->trace;

	trace_put(t, j->trace, clock_wall_us(), TRACE_CORE, j->way ==
		  JOIN_BY_WEB ? TRACE_WEB : TRACE_CORE, name, SPAN_NONE);
	if (r->outcome == CV__JOIN_OUTCOME__JOIN_OK) {
		trace_inside(t, j->trace);
	} else if (r->outcome != CV__JOIN_OUTCOME__JOIN_PIN_REQUIRED) {
		trace_refused(t, j->trace, name);
		trace_reference(t, j->trace, ref);
		r->reference = ipc_data(span_of(ref, TRACE_REF_LEN));
	}
}

int join_reply(const struct join *j, Cv__JoinReply *r)
{
	struct core *c = j->c;
	char ref[TRACE_REF_LEN + 1];

	note_outcome(j, r, ref);
	r->req = j->req;
	if (r->outcome != CV__JOIN_OUTCOME__JOIN_OK)
		c->stats.joins_refused++;
	if (j->way == JOIN_BY_SIP) {
		sip_join_over(j, r->outcome);
		return 0;
	}
	if (!web_is_current(c, j->web, j->web_gen))
		return E_CLOSED;
	return ipc_send(ipc_ev_chan(c->webs[j->web].ev), JOIN_REPLY, r);
}

enum join_event join_answer(const struct join *j, Cv__JoinOutcome outcome)
{
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;

	r.outcome = outcome;
	(void)join_reply(j, &r);
	return JE_OVER;
}

enum join_event join_busy(struct join *j)
{
	j->c->stats.overloads++;
	return join_answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
}

const struct store_row *join_conf(const struct join *j)
{
	return j->conf > 0 ?
		store_get(j->c->store, RES_CONFERENCE, j->conf) : NULL;
}

bool join_refresh(struct join *j)
{
	const struct store_row *conf = join_conf(j);

	if (conf && !j->by_policy)
		service_of_conf(j->c, conf, &j->sv);
	return conf || j->conf < 0;
}

bool join_is_registered(const struct join *j)
{
	return j->device || j->trunk ||
	       reg_of_token(j->c, span_str(j->registration));
}

/* --- the machine ----------------------------------------------------------------- */

static enum join_event pass(struct join *j)
{
	(void)j;
	return JE_NEXT;
}

static const join_step_fn steps[JOIN_STATE_COUNT] = {
	[JOIN_RECEIVED] = pass,
	[JOIN_LOCATION] = join_location,
	[JOIN_SERVICE_ASK] = join_service_ask,
	[JOIN_SERVICE_FIND] = join_service_find,
	[JOIN_SERVICE_SCRIPT] = join_service_script,
	[JOIN_PROVE] = join_prove_step,
	[JOIN_PIN] = join_pin,
	[JOIN_API_ASK] = join_api_ask,
	[JOIN_API_SCRIPT] = join_api_script,
	[JOIN_STANDARD_ASK] = join_standard_ask,
	[JOIN_STANDARD_SCRIPT] = join_standard_script,
	[JOIN_PERSON] = join_person,
	[JOIN_MEDIA_ASK] = join_media_ask,
	[JOIN_MEDIA_SCRIPT] = join_media_script,
	[JOIN_SEAT] = join_seat,
};

static void leave_line(struct join *j)
{
	if (j->place)
		guard_leave(j->c->guard, j->place);
	j->place = 0;
}

static void join_free(struct join *j)
{
	leave_line(j);
	join_gateway_drop(j);
	join_policy_free(j);
	timer_cancel(&j->deadline);
	(void)handles_del(j->c->joins, j->id);
	secret_release(&j->own.host);
	secret_release(&j->own.guest);
	secret_wipe(j, sizeof(*j));
	mem_free(j);
}

/* False: the join waits, or is over and freed. */
static bool advance(struct join *j, enum join_event e)
{
	enum join_state next;

	if (!join_next(j->way, j->state, e, &next)) {
		j->c->stats.join_cells++;
		log_error(MOD, "a join went astray",
			  LOG_S("state", join_state_name(j->state)),
			  LOG_S("event", join_event_name(e)));
		next = JOIN_OVER;
	}
	j->state = next;
	if (next == JOIN_OVER)
		join_free(j);
	return join_is_step(next);
}

/* What a step told a SIP call takes effect here, where the join may go. */
static void run(struct join *j, enum join_event e)
{
	struct core *c = j->c;
	const uint64_t sip = j->sip;

	while (advance(j, e))
		e = steps[j->state](j);
	if (sip)
		sip_join_stepped(c, sip);
}

void join_resume(struct core *c, uint64_t id, enum join_state waited)
{
	struct join *j = handles_get(c->joins, id);

	if (j && j->state == waited)
		run(j, JE_READY);
}

/* Nobody waits for it any more, or too long. Whoever is seated already is
 * looked after when the disk has answered. */
static void give_up(struct join *j)
{
	if (j->state != JOIN_DURABLE)
		run(j, JE_OVER);
}

static void on_deadline(struct timer *t, void *arg, uint64_t now_ns)
{
	struct join *j = arg;

	(void)t;
	(void)now_ns;
	core_turn(j->c);
	if (j->state == JOIN_DURABLE)
		return;
	j->c->stats.joins_expired++;
	(void)join_answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
	give_up(j);
}

void join_abandon(struct core *c, uint64_t id)
{
	struct join *j = handles_get(c->joins, id);

	if (j)
		give_up(j);
}

void joins_forget_web(struct web *w)
{
	struct core *c = w->c;
	uint32_t slot = 0;
	struct join *j;

	while ((j = handles_next(c->joins, &slot, NULL)))
		if (j->way == JOIN_BY_WEB && j->web == w - c->webs)
			give_up(j);
}

/* --- the message ------------------------------------------------------------------- */

static void copy(char *dst, size_t cap, ProtobufCBinaryData from)
{
	if (span_cstr(ipc_bytes(from), dst, cap) < 0)
		dst[0] = 0;
}

static bool copy_ip(uint8_t dst[16], const Cv__Addr *from)
{
	if (!from || from->ip.len != 16)
		return false;
	memcpy(dst, from->ip.data, 16);
	return true;
}

static void fill(struct join *j, const Cv__Join *msg)
{
	(void)alias_normalise(j->alias, ipc_bytes(msg->alias));
	copy(j->dialled, sizeof(j->dialled), msg->alias);
	copy(j->name, sizeof(j->name), msg->display_name);
	copy(j->given, sizeof(j->given), msg->display_name);
	copy(j->agent, sizeof(j->agent), msg->user_agent);
	copy(j->tag, sizeof(j->tag), msg->call_tag);
	copy(j->reconnect, sizeof(j->reconnect), msg->reconnect);
	j->has_pin = msg->has_pin;
	j->pin_too_long = msg->pin.len > sizeof(j->pin);
	j->pin_n = j->pin_too_long ? sizeof(j->pin) : msg->pin.len;
	if (j->pin_n)
		memcpy(j->pin, msg->pin.data, j->pin_n);
	j->direct_chat = msg->supports_direct_chat;
	j->has_media = msg->has_media;
	j->proxied = msg->proxied;
	copy(j->invitation, sizeof(j->invitation), msg->invitation);
	copy(j->one_time, sizeof(j->one_time), msg->one_time_token);
	copy(j->extension, sizeof(j->extension), msg->extension);
	copy(j->registration, sizeof(j->registration), msg->registration);
	j->has_source = copy_ip(j->ip, msg->source);
	j->port = msg->source ? (uint16_t)msg->source->port : 0;
	uuid_make(j->uuid);
	j->has_local = copy_ip(j->local, msg->local);
	for (size_t i = 0; i < msg->n_cookies && j->n_cookies < COOKIES_MAX;
	     i++)
		copy(j->cookies[j->n_cookies++], sizeof(j->cookies[0]),
		     msg->cookies[i]);
}

static struct join *join_new(struct core *c)
{
	struct join *j = mem_zalloc(sizeof(*j));

	if (!j)
		return NULL;
	j->c = c;
	timer_init(&j->deadline, on_deadline, j);
	j->turn = GUARD_WAIT;
	j->id = handles_add(c->joins, j);
	if (j->id)
		return j;
	mem_free(j);
	return NULL;
}

static void trace_web(struct join *j)
{
	struct addr from = {.port = j->port};

	memcpy(from.ip, j->ip, sizeof(from.ip));
	j->trace = trace_open(j->c->trace, "web", &from, span_str(j->dialled),
			      clock_wall_us());
	trace_put(j->c->trace, j->trace, clock_wall_us(), TRACE_PEER,
		  TRACE_WEB, "request_token", j->has_pin ?
		  SPAN_LIT("with a PIN") : SPAN_NONE);
	trace_put(j->c->trace, j->trace, clock_wall_us(), TRACE_WEB,
		  TRACE_CORE, "join", SPAN_NONE);
}

void join_message(struct web *w, const Cv__Join *msg)
{
	struct core *c = w->c;
	struct join *j;

	/* There is no sign-on by an identity provider yet. */
	if (msg->idp_authenticated) {
		web_refuse(w, "claims a login by an identity provider");
		return;
	}
	j = join_new(c);
	if (!j) {
		const struct join none = {.c = c, .web = (int)(w - c->webs),
					  .web_gen = w->gen, .req = msg->req};

		c->stats.overloads++;
		(void)join_answer(&none, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
		return;
	}
	j->web = (int)(w - c->webs);
	j->web_gen = w->gen;
	j->req = msg->req;
	fill(j, msg);
	trace_web(j);
	timer_set(c->wheel, &j->deadline, c->now_ns + JOIN_WAIT_S * NS_PER_S);
	run(j, steps[JOIN_RECEIVED](j));
}

/* --- by SIP ------------------------------------------------------------------------ */

static void fill_sip(struct join *j, const struct join_ask *a)
{
	j->way = JOIN_BY_SIP;
	j->web = -1;
	j->sip = a->sip;
	j->trace = a->trace;
	(void)alias_normalise(j->alias, a->alias);
	(void)span_cstr(a->dialled, j->dialled, sizeof(j->dialled));
	(void)span_cstr(a->name, j->name, sizeof(j->name));
	(void)span_cstr(a->name, j->given, sizeof(j->given));
	(void)span_cstr(a->caller, j->remote, sizeof(j->remote));
	(void)span_cstr(a->agent, j->agent, sizeof(j->agent));
	(void)span_cstr(a->caller, j->caller, sizeof(j->caller));
	j->kbps = a->kbps;
	j->proven = a->proven;
	j->has_media = true;
	j->is_encrypted = a->is_encrypted;
	j->device = a->device;
	j->trunk = a->trunk;
	j->by_reception = a->by_reception;
	memcpy(j->ip, a->source.ip, sizeof(j->ip));
	j->port = a->source.port;
	j->has_source = true;
	j->has_local = a->has_local;
	memcpy(j->local, a->local, sizeof(j->local));
	uuid_make(j->uuid);
}

static void arm(struct join *j)
{
	timer_set(j->c->wheel, &j->deadline, j->c->now_ns +
		  JOIN_WAIT_S * NS_PER_S);
}

uint64_t join_sip(struct core *c, const struct join_ask *a)
{
	struct join *j = join_new(c);

	if (!j)
		return 0;
	fill_sip(j, a);
	arm(j);
	return j->id;
}

void join_start(struct core *c, uint64_t id)
{
	struct join *j = handles_get(c->joins, id);

	if (j && j->state == JOIN_RECEIVED)
		run(j, steps[JOIN_RECEIVED](j));
}

void join_enter(struct core *c, uint64_t id, struct span pin)
{
	struct join *j = handles_get(c->joins, id);

	if (!j || j->state != JOIN_ENTRY_WAIT)
		return;
	j->has_pin = true;
	j->pin_too_long = pin.n > sizeof(j->pin);
	j->pin_n = j->pin_too_long ? sizeof(j->pin) : pin.n;
	if (j->pin_n)
		memcpy(j->pin, pin.p, j->pin_n);
	j->entries++;
	j->turn = GUARD_WAIT;
	arm(j);
	join_resume(c, id, JOIN_ENTRY_WAIT);
}
