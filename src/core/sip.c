/* SIP calls: the link to the face, and the life of each call. */
#include "core/sip_int.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/rand.h"
#include "base/text.h"
#include "core/join_policy.h"
#include "core/sip_refer.h"
#include "core/sip_reg.h"
#include "core/sip_roster.h"
#include "core/sip_trunk.h"

static struct span face_key(const uint64_t *face)
{
	return span_of(face, sizeof(*face));
}

struct ipc_chan *sip_chan(const struct core *c)
{
	return c->sip->ev ? ipc_ev_chan(c->sip->ev) : NULL;
}

void sip_trace(const struct sip_call *call, const char *what,
	       const char *detail)
{
	trace_put(call->c->trace, call->trace, clock_wall_us(), TRACE_CORE,
		  TRACE_CORE, what, span_str(detail));
	log_debug("sip", "call", LOG_U("call", call->id),
		  LOG_S("what", what), LOG_S("detail", detail));
}

uint64_t sip_trace_open(struct core *c, const Cv__SipCaller *who,
			const struct addr *from, struct span alias)
{
	const struct span call_id = ipc_bytes(who->call_id);
	uint64_t id = call_id.n ? trace_of_call_id(c->trace, call_id) : 0;

	if (id)
		return id;
	id = trace_open(c->trace, "sip in", from, alias, clock_wall_us());
	trace_name_call(c->trace, id, call_id, 0);
	return id;
}

void sip_keep_refusal(struct core *c, uint64_t trace, const struct addr *from,
		      struct span alias, const char *why,
		      char ref[TRACE_REF_LEN + 1])
{
	struct sip_refusal *r = &c->sip->refusals[c->sip->n_refusals++ %
						  SIP_REFUSALS_MAX];

	*r = (struct sip_refusal){.at_us = clock_wall_us(), .why = why};
	trace_reference(c->trace, trace, r->ref);
	memcpy(ref, r->ref, sizeof(r->ref));
	trace_put(c->trace, trace, r->at_us, TRACE_CORE, TRACE_SIP, "refuse",
		  span_str(why));
	trace_refused(c->trace, trace, why);
	addr_print_ip(from, r->source);
	if (alias.n >= sizeof(r->alias))
		alias.n = sizeof(r->alias) - 1;
	(void)span_cstr(alias, r->alias, sizeof(r->alias));
}

void sip_note_refusal(struct core *c, uint64_t trace, const struct addr *from,
		      struct span alias, const char *why,
		      char ref[TRACE_REF_LEN + 1])
{
	char ip[ADDR_TEXT_MAX];

	sip_keep_refusal(c, trace, from, alias, why, ref);
	addr_print_ip(from, ip);
	c->sip->figures.refused++;
	log_info("sip", "call refused", LOG_S("source", ip),
		 LOG_S("reason", why), LOG_S("reference", ref));
}

/* --- calls ---------------------------------------------------------------------- */

struct sip_call *sip_call_get(const struct core *c, uint64_t id)
{
	return id ? handles_get(c->sip->table, id) : NULL;
}

struct sip_call *sip_call_by_face(const struct core *c, uint64_t face)
{
	return map_get(c->sip->by_face, face_key(&face));
}

struct sip_call *sip_call_new(struct core *c, uint64_t face)
{
	struct sip_call *call = mem_zalloc(sizeof(*call));

	if (!call)
		return NULL;
	call->c = c;
	call->face = face;
	call->worker = SIP_NOBODY;
	call->lobby.c = c;
	call->start_us = clock_wall_us();
	sip_call_init_timers(call);
	call->id = handles_add(c->sip->table, call);
	if (call->id && (!face ||
			 map_put(c->sip->by_face, face_key(&call->face),
				 call) == 0)) {
		c->sip->figures.calls++;
		return call;
	}
	if (call->id)
		(void)handles_del(c->sip->table, call->id);
	mem_free(call);
	return NULL;
}

bool sip_call_name(struct sip_call *call, uint64_t face)
{
	if (sip_call_by_face(call->c, face))
		return false;
	call->face = face;
	if (map_put(call->c->sip->by_face, face_key(&call->face), call) == 0)
		return true;
	call->face = 0;
	return false;
}

void sip_call_free(struct sip_call *call)
{
	struct core *c = call->c;

	timer_cancel(&call->late);
	timer_cancel(&call->digit);
	timer_cancel(&call->ask_late);
	sip_offer_drop(call);
	sip_held_drop(call);
	mem_free(call->reception);
	if (call->face)
		(void)map_del(c->sip->by_face, face_key(&call->face));
	(void)handles_del(c->sip->table, call->id);
	c->sip->figures.calls--;
	secret_wipe(call, sizeof(*call));
	mem_free(call);
}

/* Everything that it has: the seat closes its own leg. */
static void let_go(struct sip_call *call)
{
	struct core *c = call->c;
	struct member *mb = call->member ?
		handles_get(c->members, call->member) : NULL;
	const uint64_t join = call->join;
	struct sip_dial_end out;

	if (!mb || mb->p->leg.leg != call->leg)
		sip_leg_close(call);
	sip_entry_end(call);
	sip_dial_forget(call, &out);
	sip_call_free(call);
	if (join)
		join_abandon(c, join);
	if (mb) {
		struct meeting *m = mb->m;

		mb->sip = 0;
		(void)room_leave(m->room, mb->p, EXIT_RELEASED, c->now_ns,
				 &c->out);
		core_acts(m, NULL);
	}
	sip_dial_over(c, &out);
}

/* --- what the face is told ---------------------------------------------------------- */

static void challenge(struct core *c, const Cv__SipInvite *m)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;

	c->sip->figures.challenged++;
	v.call = m->call;
	v.decision = CV__SIP_DECISION__SIP_CHALLENGE;
	v.md5 = sip_offers_md5(c, m->caller);
	(void)ipc_send(sip_chan(c), SIP_VERDICT, &v);
}

static void send_refusal(struct core *c, uint64_t face, uint32_t status,
			 const char *ref)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;

	v.call = face;
	v.decision = CV__SIP_DECISION__SIP_REFUSE;
	v.status = status;
	v.reference = ipc_data(span_str(ref));
	if (sip_chan(c))
		(void)ipc_send(sip_chan(c), SIP_VERDICT, &v);
}

static const char *why_of(const struct sip_call *call)
{
	if (call->state == SIP_CALL_RINGING || call->rang)
		return "not taken by whom he called";
	if (call->reason[0])
		return "media";
	switch (call->outcome) {
	case CV__JOIN_OUTCOME__JOIN_ROOM_FULL:
		return "room full";
	case CV__JOIN_OUTCOME__JOIN_OVERLOAD:
		return "overload";
	case CV__JOIN_OUTCOME__JOIN_REJECTED:
		return "policy";
	case CV__JOIN_OUTCOME__JOIN_OK:
		return "media";
	default:
		return "unknown alias";
	}
}

/* Only what he may know makes a difference. */
static uint32_t status_of(const struct sip_call *call)
{
	enum { BUSY = 486, UNAVAILABLE = 503, NOT_ACCEPTABLE = 488 };

	if (call->status)
		return call->status;
	switch (call->outcome) {
	case CV__JOIN_OUTCOME__JOIN_ROOM_FULL:
		return BUSY;
	case CV__JOIN_OUTCOME__JOIN_OVERLOAD:
		return UNAVAILABLE;
	default:
		return 0;
	}
}

static void send_redirect(struct sip_call *call)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;

	v.call = call->face;
	v.decision = CV__SIP_DECISION__SIP_REDIRECT;
	v.contact = ipc_data(span_str(call->contact));
	if (sip_chan(call->c))
		(void)ipc_send(sip_chan(call->c), SIP_VERDICT, &v);
}

static void refuse(struct sip_call *call)
{
	char ref[TRACE_REF_LEN + 1];

	if (call->contact[0]) {
		sip_trace(call, "redirect", "by policy");
		send_redirect(call);
		return;
	}
	sip_note_refusal(call->c, call->trace, &call->source, span_str(call->alias),
			 why_of(call), ref);
	send_refusal(call->c, call->face, status_of(call), ref);
}

static void send_hangup(struct sip_call *call)
{
	Cv__SipHangup m = CV__SIP_HANGUP__INIT;

	m.call = call->face;
	m.reason = ipc_data(span_str(call->reason));
	if (sip_chan(call->c) && call->face)
		(void)ipc_send(sip_chan(call->c), SIP_HANGUP, &m);
}

/* --- the machine ------------------------------------------------------------------------ */

static void goodbye(struct sip_call *call)
{
	enum { GOODBYE_S = 15 };
	const enum lobby_word w = call->was_late ? LOBBY_TIMED_OUT :
		call->asks_alias ? LOBBY_ALIAS_GONE : call->outcome == CV__JOIN_OUTCOME__JOIN_ROOM_FULL ?
		LOBBY_FULL :
		call->outcome == CV__JOIN_OUTCOME__JOIN_PIN_WRONG ?
		LOBBY_PIN_GONE : LOBBY_UNAVAILABLE;

	sip_entry_end(call);
	(void)snprintf(call->reason, sizeof(call->reason), "%s",
		       lobby_word_name(w));
	timer_set(call->c->wheel, &call->late,
		  call->c->now_ns + GOODBYE_S * NS_PER_S);
	if (!lobby_tell(call, w))
		sip_call_fire(call, SCE_SAID);
}

static void open_leg(struct sip_call *call)
{
	if (!sip_leg_open(call, SIP_ASK_OPEN))
		sip_call_fire(call, SCE_LEG_FAILED);
}

static void reoffer(struct sip_call *call)
{
	call->c->sip->figures.reoffers++;
	if (!sip_leg_open(call, SIP_ASK_REOFFER))
		sip_call_fire(call, SCE_LEG_FAILED);
}

/* Is what the lobby agreed what the room carries? */
static bool is_agreed(const struct sip_call *call)
{
	const struct sip_terms *a = &call->agreed, *b = &call->terms;

	return a->call_type == b->call_type ?
		!call->has_video || (a->kbps_in == b->kbps_in &&
				     a->kbps_out == b->kbps_out) :
		!call->has_video && b->call_type != CALL_VIDEO_ONLY &&
		a->call_type != CALL_AUDIO;
}

static void move(struct sip_call *call)
{
	if (!is_agreed(call) || !sip_leg_move(call))
		reoffer(call);
}

static void check(struct sip_call *call)
{
	struct core *c = call->c;
	char pin[SIP_DIGITS_MAX + 1];
	const uint64_t join = call->join;

	if (call->asks_alias) {
		(void)snprintf(pin, sizeof(pin), "%s", call->digits);
		sip_entry_end(call);
		sip_reception_enter(call, span_str(pin));
		return;
	}
	/* A '#' alone: he has none. */
	(void)snprintf(pin, sizeof(pin), "%s", call->n_digits ? call->digits :
		       "none");
	sip_entry_end(call);
	join_enter(c, join, span_str(pin));
	secret_wipe(pin, sizeof(pin));
}

/* Each of these is the last thing that is done with the call. */
static void act(struct sip_call *call, enum sip_call_action a)
{
	switch (a) {
	case SCA_NONE:
	case SCA_COUNT:
		break;
	case SCA_REFUSE:
		refuse(call);
		let_go(call);
		break;
	case SCA_OPEN_LOBBY:
	case SCA_OPEN_ROOM:
		open_leg(call);
		break;
	case SCA_RING:
		sip_send_ring(call);
		break;
	case SCA_ANSWER_ENTRY:
		sip_send_answer(call);
		sip_entry_begin(call);
		break;
	case SCA_ANSWER_IN:
		sip_send_answer(call);
		sip_leg_seat(call);
		break;
	case SCA_PROMPT:
		sip_entry_begin(call);
		break;
	case SCA_CHECK:
		check(call);
		break;
	case SCA_MOVE:
		move(call);
		break;
	case SCA_GOODBYE:
		goodbye(call);
		break;
	case SCA_HANGUP:
		send_hangup(call);
		let_go(call);
		break;
	case SCA_DROP:
		let_go(call);
		break;
	case SCA_REOFFER:
		reoffer(call);
		break;
	case SCA_REPLACE:
		sip_replace(call);
		break;
	case SCA_DIAL:
	case SCA_ACCEPT:
	case SCA_SIT:
		sip_dial_act(call, a);
		break;
	}
}

void sip_call_fire(struct sip_call *call, enum sip_call_event e)
{
	struct sip_call_cell cell;

	if (!sip_call_next(call->state, e, &cell)) {
		call->c->sip->figures.bad_cells++;
		log_error("sip", "a call went astray",
			  LOG_S("state", sip_call_state_name(call->state)),
			  LOG_S("event", sip_call_event_name(e)));
		return;
	}
	sip_trace(call, sip_call_state_name(call->state),
		  sip_call_event_name(e));
	call->state = cell.next;
	act(call, cell.action);
}

/* --- the join ----------------------------------------------------------------------------- */

static struct sip_terms terms_of_nothing(const struct core *c)
{
	return (struct sip_terms){CALL_VIDEO,
		(uint32_t)store_global(c->store, GLOBAL_MAX_CALLRATE_IN),
		(uint32_t)store_global(c->store, GLOBAL_MAX_CALLRATE_OUT)};
}

/* Which service it is, and so what his media may be. */
static void note_service(struct sip_call *call, const struct join *j)
{
	call->conf = j->conf;
	call->location = j->media_location ? j->media_location : j->location;
	call->crypto = j->conf ? j->sv.crypto :
		(uint32_t)store_global(j->c->store, GLOBAL_CRYPTO_MODE);
	call->terms = j->conf ? (struct sip_terms){j->sv.call_type,
		j->sv.kbps_in, j->sv.kbps_out} : terms_of_nothing(j->c);
}

void sip_join_ask(const struct join *j, bool wrong, bool may_hash)
{
	struct sip_call *call = sip_call_get(j->c, j->sip);

	if (!call)
		return;
	note_service(call, j);
	/* What a room carries would tell it from nothing; it is agreed anew
	 * behind the PIN. */
	if (!call->has_credentials &&
	    store_global(j->c->store, GLOBAL_CONCEAL_ROOMS))
		call->terms = terms_of_nothing(j->c);
	call->has_news = true;
	call->news = SCE_ASK;
	call->last_was_wrong = wrong;
	call->asks_alias = false;
	call->may_hash = may_hash;
}

void sip_join_reception(const struct join *j)
{
	struct sip_call *call = sip_call_get(j->c, j->sip);

	if (!call)
		return;
	note_service(call, j);
	call->join = 0;
	call->has_news = true;
	mem_free(call->reception);
	call->reception = mem_dup(&j->sv, sizeof(j->sv));
	call->outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
	call->news = call->reception ? SCE_ASK : SCE_REFUSED;
	call->asks_alias = call->reception != NULL;
	call->last_was_wrong = false;
}

void sip_join_over(const struct join *j, Cv__JoinOutcome outcome)
{
	struct sip_call *call = sip_call_get(j->c, j->sip);
	const bool seated = outcome == CV__JOIN_OUTCOME__JOIN_OK;

	if (!call)
		return;
	if (seated)
		trace_inside(j->c->trace, call->trace);
	note_service(call, j);
	call->join = 0;
	call->outcome = outcome;
	call->has_news = true;
	call->news = seated ? SCE_SEATED :
		     sip_reception_again(call, outcome) ? SCE_ASK :
		     SCE_REFUSED;
	call->member = seated ? j->member : 0;
	memcpy(call->contact, j->redirect, sizeof(call->contact));
}

void sip_join_stepped(struct core *c, uint64_t id)
{
	struct sip_call *call = sip_call_get(c, id);

	if (!call || !call->has_news)
		return;
	call->has_news = false;
	if (call->news == SCE_SEATED &&
	    !handles_get(c->members, call->member)) {
		call->outcome = CV__JOIN_OUTCOME__JOIN_NOT_FOUND;
		call->news = SCE_REFUSED;
	}
	sip_call_fire(call, call->news);
}

/* --- INVITE --------------------------------------------------------------------------------- */

static void copy(char *dst, size_t cap, ProtobufCBinaryData from)
{
	if (span_cstr(ipc_bytes(from), dst, cap) < 0)
		dst[0] = 0;
}

static bool guests_may(struct core *c, int64_t location)
{
	const struct store_row *row = location ?
		store_get(c->store, RES_SYSTEM_LOCATION, location) : NULL;
	const int64_t own = row ? store_int(row, SYSTEM_LOCATION_SIP_GUESTS) :
			    SV_BDPM_GLOBAL;

	return own == SV_BDPM_GLOBAL ?
		store_global(c->store, GLOBAL_SIP_GUESTS) :
		own == SV_BDPM_ON;
}

/* Of the calls that came in: those of strangers, those of them from where this
 * one comes, those of its device. */
struct tally {
	uint32_t strangers, here, device;
};

static struct tally tally_of(const struct core *c, const struct addr *from,
			     int64_t device)
{
	uint32_t slot = 0;
	const struct sip_call *call;
	struct tally n = {0};

	while ((call = handles_next(c->sip->table, &slot, NULL))) {
		const bool stranger = !call->is_out && !call->has_credentials;

		n.strangers += stranger;
		n.here += stranger && addr_is_same_source(&call->source, from);
		n.device += !call->is_out && device && call->device == device;
	}
	return n;
}

static uint32_t entering(const struct core *c, uint32_t *joins)
{
	uint32_t slot = 0, n = 0;
	const struct sip_call *call;

	*joins = 0;
	while ((call = handles_next(c->sip->table, &slot, NULL))) {
		if (call->state != SIP_CALL_ENTRY &&
		    call->state != SIP_CALL_LOBBY)
			continue;
		n++;
		*joins += call->join != 0;
	}
	return n;
}

/* One password that was lost must not use up what all share. */
static uint32_t cap_of_device(const struct tally *n, uint64_t max)
{
	enum { BUSY = 486, DEVICE_PART = 4 };

	return n->device >= (max + DEVICE_PART - 1) / DEVICE_PART ? BUSY : 0;
}

/* Before anything is looked up: what does not depend on whom he calls. */
static uint32_t cap_of(struct core *c, const struct addr *from,
		       const struct sip_identity *id)
{
	enum { BUSY = 486, UNAVAILABLE = 503, KEPT_PART = 4 };
	const uint64_t max = (uint64_t)store_global(c->store,
						    GLOBAL_MAX_SIP_CALLS);
	const struct tally n = tally_of(c, from, id->device);
	uint32_t joins;

	if (c->sip->figures.calls >= max)
		return UNAVAILABLE;
	if (id->who != SIP_STRANGER)
		return id->device ? cap_of_device(&n, max) : 0;
	/* A part is kept for who proves himself. */
	if (n.strangers >= max - max / KEPT_PART ||
	    entering(c, &joins) >= (uint64_t)store_global(c->store,
					GLOBAL_MAX_SIP_PIN_PROMPTS))
		return UNAVAILABLE;
	return n.here >= (uint64_t)store_global(c->store,
			GLOBAL_MAX_SIP_CALLS_PER_SOURCE) ? BUSY : 0;
}

static bool names_device(struct core *c, ProtobufCBinaryData uri)
{
	char alias[ALIAS_MAX + 1];

	return alias_normalise(alias, ipc_bytes(uri)) == 0 &&
	       store_find(c->store, RES_DEVICE, DEVICE_ALIAS,
			  span_str(alias));
}

/* RFC 3325: who is trusted may say who calls. What another trunk says counts
 * like a registered caller's alias in rules, in policy and for who is called:
 * it must not be that of a device, which proves itself. */
static void fill_caller(struct sip_call *call, const Cv__SipCaller *who,
			const struct sip_identity *id)
{
	const bool asserted = who->asserted.len &&
			      sip_trunk_is_believed(call->c, id->trunk);
	const ProtobufCBinaryData uri = asserted ? who->asserted :
					who->from_uri;
	const ProtobufCBinaryData name = asserted ? who->asserted_name :
					 who->from_name;

	copy(call->name, sizeof(call->name), name.len ? name : uri);
	if (!id->trunk || asserted || !names_device(call->c, uri)) {
		copy(call->remote, sizeof(call->remote), uri);
		return;
	}
	if (!name.len)
		call->name[0] = 0;
	log_info("sip", "a trunk says that a device of ours calls: not believed",
		 LOG_T("from", ipc_bytes(uri)));
}

static void fill_call(struct sip_call *call, const Cv__SipInvite *m,
		      const struct sip_identity *id)
{
	const Cv__SipCaller *who = m->caller;

	call->has_source = sip_addr(&call->source, who->source);
	call->has_local = sip_addr(&call->local, who->local);
	call->is_encrypted = who->transport == CV__SIP_TRANSPORT__SIP_TLS;
	call->has_credentials = id->who != SIP_STRANGER;
	call->device = id->device;
	call->trunk = id->trunk;
	call->state = SIP_CALL_DECIDING;
	copy(call->alias, sizeof(call->alias), m->alias);
	fill_caller(call, who, id);
	copy(call->agent, sizeof(call->agent), who->user_agent);
	call->has_offer = m->has_offer && m->offer;
	call->kbps = m->kbps;
	call->is_proven = who->proven;
}

void sip_call_join(struct sip_call *call, struct span alias,
		   struct span dialled)
{
	struct join_ask a = {
		.sip = call->id, .trace = call->trace, .alias = alias,
		.dialled = dialled.n && dialled.n <= ALIAS_MAX ? dialled :
			   alias,
		.name = span_str(call->name), .agent = span_str(call->agent),
		.caller = span_str(call->remote), .source = call->source,
		.has_local = call->has_local, .kbps = call->kbps,
		.proven = call->is_proven, .is_encrypted = call->is_encrypted,
		.by_reception = call->by_reception,
		.device = call->device, .trunk = call->trunk};

	memcpy(a.local, call->local.ip, sizeof(a.local));
	call->join = join_sip(call->c, &a);
	if (call->join) {
		join_start(call->c, call->join);
		return;
	}
	call->outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
	sip_call_fire(call, SCE_REFUSED);
}

static void name_trace(struct sip_call *call, uint64_t trace)
{
	call->trace = call->lobby.trace = trace;
	trace_name_call(call->c->trace, trace, SPAN_NONE, call->id);
}

static void take_call(struct core *c, const Cv__SipInvite *m,
		      const struct sip_identity *id, const struct addr *from,
		      uint64_t trace)
{
	char ref[TRACE_REF_LEN + 1];
	uint32_t status = cap_of(c, from, id);
	struct sip_call *call = status ? NULL : sip_call_new(c, m->call);

	if (call) {
		fill_call(call, m, id);
		name_trace(call, trace);
		if (call->has_offer && !sip_offer_keep(call, m->offer)) {
			call->outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
			sip_call_fire(call, SCE_REFUSED);
			return;
		}
		sip_call_join(call, ipc_bytes(m->alias),
			      ipc_bytes(m->request_uri));
		return;
	}
	c->sip->figures.capped++;
	sip_note_refusal(c, trace, from, ipc_bytes(m->alias), "too many calls", ref);
	send_refusal(c, m->call, status ? status : 503, ref);
}

/* Into somebody's seat. What does not fit looks as an unknown alias does. */
static void take_over(struct core *c, const Cv__SipInvite *m,
		      const struct sip_identity *id, const struct addr *from,
		      uint64_t trace)
{
	struct sip_call *old = sip_replaced(c, m, id), *call = NULL;
	char ref[TRACE_REF_LEN + 1];

	if (old && !cap_of(c, from, id))
		call = sip_call_new(c, m->call);
	if (!call) {
		sip_note_refusal(c, trace, from, ipc_bytes(m->alias),
				 "no such dialog", ref);
		send_refusal(c, m->call, 0, ref);
		return;
	}
	fill_call(call, m, id);
	name_trace(call, trace);
	if (call->has_offer && !sip_offer_keep(call, m->offer)) {
		call->outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
		sip_call_fire(call, SCE_REFUSED);
		return;
	}
	sip_replace_begin(call, old);
}

static const char *who_name(const struct sip_identity *id)
{
	static const char *const names[] = {
		[SIP_STRANGER] = "shows no credentials",
		[SIP_DEVICE] = "is a registered device",
		[SIP_TRUNK] = "is a trunk",
		[SIP_WRONG] = "shows wrong credentials"};

	return names[id->who];
}

static void note_challenge(struct core *c, uint64_t trace,
			   const struct sip_identity *id)
{
	trace_put(c->trace, trace, clock_wall_us(), TRACE_CORE, TRACE_SIP,
		  "challenge", SPAN_NONE);
	trace_refused(c->trace, trace, id->who == SIP_WRONG ?
		      "wrong credentials" :
		      "no credentials, and guests are not let in");
}

static void invite(struct core *c, const Cv__SipInvite *m)
{
	struct sip_identity id;
	uint64_t trace;
	struct guard_facts facts;
	struct addr from;
	int64_t location;

	c->sip->figures.invites++;
	if (!m->call || !m->caller || !sip_addr(&from, m->caller->source) ||
	    sip_call_by_face(c, m->call)) {
		c->sip->figures.bad_handles++;
		return;
	}
	sip_caller_facts(c, m->caller, &location, &facts);
	sip_identify(c, m->caller, ipc_bytes(m->caller->from_uri), &facts,
		     &id);
	trace = sip_trace_open(c, m->caller, &from, ipc_bytes(m->alias));
	trace_put(c->trace, trace, clock_wall_us(), TRACE_SIP, TRACE_CORE,
		  "call", span_str(who_name(&id)));
	if (id.who == SIP_WRONG ||
	    (id.who == SIP_STRANGER && !guests_may(c, location))) {
		note_challenge(c, trace, &id);
		challenge(c, m);
		return;
	}
	trace_refused(c->trace, trace, NULL);
	if (m->replaces)
		take_over(c, m, &id, &from, trace);
	else
		take_call(c, m, &id, &from, trace);
}

/* --- the room --------------------------------------------------------------------------------- */

void sip_member_told(struct member *mb, const char *reason)
{
	struct sip_call *call = sip_call_get(mb->c, mb->sip);

	if (call && reason)
		(void)snprintf(call->reason, sizeof(call->reason), "%s",
			       reason);
}

void sip_member_gone(struct member *mb)
{
	struct sip_call *call = sip_call_get(mb->c, mb->sip);

	mb->sip = 0;
	if (!call)
		return;
	/* Its leg was closed with the seat. */
	if (call->leg && mb->p && mb->p->leg.leg == call->leg)
		call->leg = 0;
	call->member = 0;
	if (call->has_news) {
		call->outcome = CV__JOIN_OUTCOME__JOIN_NOT_FOUND;
		call->news = SCE_REFUSED;
		return;
	}
	sip_call_fire(call, SCE_REMOVED);
}

void sip_member_flags(struct member *mb)
{
	struct sip_call *call = sip_call_get(mb->c, mb->sip);
	const enum part_state s = mb->p->state;
	const enum lobby_word w = s == PART_WAIT_HOST ? LOBBY_WAIT_FOR_HOST :
		s == PART_WAIT_LOCK ? LOBBY_LOCKED : LOBBY_WELCOME;

	/* A test call says what it has to say itself. */
	if (call && call->state == SIP_CALL_IN && call->word != w &&
	    s != PART_GONE && mb->m->sv.kind != SERVICE_KIND_TEST)
		(void)lobby_tell(call, w);
}

void sip_member_status(struct member *mb, uint32_t status)
{
	enum { UNAVAILABLE = 480, BUSY = 486, BUSY_ALL = 600, DECLINE = 603 };
	struct sip_call *call = sip_call_get(mb->c, mb->sip);

	/* What was wrong at the other side is no business of his. */
	if (call)
		call->status = status == BUSY || status == BUSY_ALL ? BUSY :
			       status == DECLINE ? DECLINE : UNAVAILABLE;
}

void sip_member_connected(struct member *mb)
{
	struct sip_call *call = sip_call_get(mb->c, mb->sip);

	if (call && call->state == SIP_CALL_RINGING)
		sip_call_fire(call, SCE_ANSWERED);
}

/* --- what the guard hears ------------------------------------------------------------------------ */

/* Floods and odd methods are the face's own matter: honest devices send them,
 * too. */
static bool is_against(Cv__SipScan kind, enum guard_scan *out)
{
	switch ((int)kind) {
	case CV__SIP_SCAN__SIP_SCAN_AGENT:
		*out = GUARD_SCAN_AGENT;
		return true;
	case CV__SIP_SCAN__SIP_SCAN_MALFORMED:
		*out = GUARD_SCAN_MALFORMED;
		return true;
	case CV__SIP_SCAN__SIP_SCAN_DIGEST:
		*out = GUARD_SCAN_DIGEST;
		return true;
	default:
		return false;
	}
}

static void scanned(struct core *c, const Cv__SipScanned *m)
{
	enum { TIMES_MAX = 32 };
	Cv__SipCaller who = CV__SIP_CALLER__INIT;
	struct guard_facts f;
	uint32_t n = m->count < TIMES_MAX ? m->count : TIMES_MAX;
	enum guard_scan what;
	int64_t location;

	c->sip->figures.scans += m->count;
	who.source = m->source;
	who.local = m->local;
	who.proven = m->proven;
	sip_caller_facts(c, &who, &location, &f);
	for (; n && is_against(m->kind, &what); n--)
		guard_note_scan(c->guard, &f, what, c->now_ns);
	defence_events(c);
}

/* --- messages -------------------------------------------------------------------------------------- */

/* Why a call that we placed was not taken. */
static void note_end(struct sip_call *call, const Cv__SipEnded *m)
{
	call->status = m->status;
	if (call->is_out && call->state == SIP_CALL_DIALING)
		log_info("sip", "call not taken",
			 LOG_S("target", call->remote),
			 LOG_U("status", m->status),
			 LOG_T("reason", ipc_bytes(m->reason)));
}

static void ended(struct core *c, const Cv__SipEnded *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);

	/* Of one that we ended ourselves nobody knows any more. */
	if (!call)
		return;
	trace_put(c->trace, call->trace, clock_wall_us(), TRACE_SIP,
		  TRACE_CORE, "ended", ipc_bytes(m->reason));
	note_end(call, m);
	sip_call_fire(call, SCE_ENDED);
}

static void info(struct core *c, const Cv__SipInfo *m)
{
	struct sip_call *call = sip_call_by_face(c, m->call);

	if (!call)
		c->sip->figures.bad_handles++;
	else if (m->kind == CV__SIP_INFO_KIND__SIP_INFO_DTMF)
		sip_entry_digit(call, m->digit);
	else if (m->kind == CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE)
		sip_leg_needs_key(call);
}

static void stats(struct core *c, const Cv__SipStats *m)
{
	struct sip *s = c->sip;

	s->stats = *m;
	s->stats.counters = NULL;
	for (size_t i = 0; i < m->n_counters &&
	     i < sizeof(s->counters) / sizeof(s->counters[0]); i++)
		s->counters[i] = m->counters[i];
	s->stats.n_counters = 0;
}

static void in_call(struct core *c, enum ipc_type type,
		    const ProtobufCMessage *msg)
{
	const Cv__SipOffer *offer = (const void *)msg;
	const Cv__SipOfferReply *reply = (const void *)msg;
	const Cv__SipAck *ack = (const void *)msg;
	struct sip_call *call = sip_call_by_face(c, type == IPC_SIP_OFFER ?
		offer->call : type == IPC_SIP_ACK ? ack->call : reply->call);

	if (!call)
		c->sip->figures.bad_handles++;
	else if (type == IPC_SIP_OFFER)
		sip_face_offer(call, offer);
	else if (type == IPC_SIP_ACK)
		sip_face_ack(call, ack);
	else
		sip_face_offer_reply(call, reply);
}

void sip_message(struct core *c, enum ipc_type type,
		 const ProtobufCMessage *msg)
{
	switch (type) {
	case IPC_SIP_INVITE:
		invite(c, (const Cv__SipInvite *)(const void *)msg);
		break;
	case IPC_SIP_OFFER:
	case IPC_SIP_OFFER_REPLY:
	case IPC_SIP_ACK:
		in_call(c, type, msg);
		break;
	case IPC_SIP_INFO:
		info(c, (const Cv__SipInfo *)(const void *)msg);
		break;
	case IPC_SIP_ENDED:
		ended(c, (const Cv__SipEnded *)(const void *)msg);
		break;
	case IPC_SIP_REFER:
		sip_refer(c, (const Cv__SipRefer *)(const void *)msg);
		break;
	case IPC_SIP_SUBSCRIBE:
		sip_subscribe(c, (const Cv__SipSubscribe *)(const void *)msg);
		break;
	case IPC_SIP_REGISTER:
		sip_register(c, (const Cv__SipRegister *)(const void *)msg);
		break;
	case IPC_SIP_FLOW_GONE:
		sip_flows_gone(c, (const Cv__SipFlowGone *)(const void *)msg);
		break;
	case IPC_SIP_SCANNED:
		scanned(c, (const Cv__SipScanned *)(const void *)msg);
		break;
	case IPC_SIP_FLOOR:
		sip_floor_ask(c, (const Cv__SipFloor *)(const void *)msg);
		break;
	case IPC_SIP_BFCP:
		sip_bfcp_out(c, (const Cv__SipBfcp *)(const void *)msg);
		break;
	case IPC_SIP_STATS:
		stats(c, (const Cv__SipStats *)(const void *)msg);
		break;
	case IPC_SIP_UNTRUSTED:
		sip_untrusted(c, (const Cv__SipUntrusted *)(const void *)msg);
		break;
	case IPC_CERT_CHECK:
		cert_check(c, sip_chan(c),
			   (const Cv__CertCheck *)(const void *)msg);
		break;
	case IPC_SIP_LADDER:
		cli_trace_message(c, (const Cv__SipLadder *)(const void *)msg);
		break;
	case IPC_FACE_LOAD:
		c->sip->load = *(const Cv__FaceLoad *)(const void *)msg;
		c->sip->load.by_reason = NULL;
		c->sip->load.n_by_reason = 0;
		break;
	default:
		sip_dial_message(c, type, msg);
		break;
	}
}

/* --- life --------------------------------------------------------------------------------------------- */

void sip_up(struct core *c)
{
	cv__face_load__init(&c->sip->load);
	ban_face_up(c, c->sip->ev);
	sip_trunks_send(c);
}

void sip_down(struct core *c)
{
	uint32_t slot = 0;
	struct sip_call *call;

	/* One call's end may be that of others: a room closes. */
	while ((call = handles_next(c->sip->table, &slot, NULL)))
		sip_call_fire(call, SCE_ENDED);
	sip_regs_face_down(c);
}

int sip_open(struct core *c)
{
	struct sip *s = mem_zalloc(sizeof(*s));
	int r;

	if (!s)
		return E_NOMEM;
	c->sip = s;
	cv__sip_stats__init(&s->stats);
	cv__face_load__init(&s->load);
	r = handles_new(&s->table, SIP_CALLS_MAX);
	r = r ? r : map_new(&s->by_face, SIP_CALLS_MAX);
	rand_bytes(s->roster_key, sizeof(s->roster_key));
	r = r ? r : map_new(&s->rosters, SIP_CALLS_MAX);
	r = r ? r : map_new(&s->connects, SIP_CONNECTS_MAX);
	r = r ? r : map_new(&s->checks, SIP_CHECKS_MAX);
	r = r ? r : handles_new(&s->invites, SIP_INVITES_MAX);
	return r ? r : sip_regs_open(c);
}

void sip_close(struct core *c)
{
	struct sip *s = c->sip;
	uint32_t slot = 0;
	struct sip_call *call;

	if (!s)
		return;
	while (s->table && (call = handles_next(s->table, &slot, NULL)))
		sip_call_free(call);
	sip_regs_close(c);
	sip_rosters_close(c);
	handles_free(&s->table);
	handles_free(&s->invites);
	map_free(&s->by_face);
	map_free(&s->connects);
	map_free(&s->checks);
	mem_free(s);
	c->sip = NULL;
}

void sip_settings(struct core *c)
{
	const bool tls = store_global(c->store, GLOBAL_ENABLE_SIP);

	role_sip_clear(c->role,
		       tls && store_global(c->store, GLOBAL_ENABLE_SIP_TCP),
		       tls && store_global(c->store, GLOBAL_ENABLE_SIP_UDP));
}

void sip_figures(const struct core *c, struct sip_figures *out)
{
	*out = c->sip->figures;
	out->entering = entering(c, &out->joins);
}

const struct sip_call *sip_next_call(const struct core *c, uint32_t *slot)
{
	return handles_next(c->sip->table, slot, NULL);
}
