/* A seat in the room, and the answer when it is on disk. */
#include "core/caller.h"
#include "core/camera.h"
#include "core/join_policy.h"
#include "core/test_call.h"

#include "base/alloc.h"
#include "base/rand.h"

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

static void fill_ok(const struct member *mb, const struct join *j,
		    struct ice_list *ice, Cv__JoinReply *r)
{
	const struct part *p = mb->p;
	const struct service *sv = &mb->m->sv;

	r->outcome = CV__JOIN_OUTCOME__JOIN_OK;
	r->token = text(j->token);
	r->expires_s = TOKEN_LIFE_S;
	r->participant = text(p->uuid);
	r->display_name = text(p->name);
	r->host = p->host;
	r->service = part_is_waiting(p) ?
		CV__SERVICE_TYPE__SERVICE_WAITING_ROOM : event_service(sv);
	r->conference_name = text(sv->name);
	r->service_name = text(p->alias);
	r->call_tag = text(p->call_tag);
	r->chat_enabled = mb->m->room->cfg.chat_enabled;
	r->guests_can_present = mb->m->room->cfg.guests_can_present;
	r->fecc_enabled = camera_is_on(mb->c);
	r->call_type = sv->call_type;
	r->kbps_in = sv->kbps_in;
	r->kbps_out = sv->kbps_out;
	r->reconnect = text(j->fresh);
	ice_fill(mb->c, mb->location, p->uuid, ice, r);
	r->dscp = caller_dscp(mb->c, mb->location);
	r->cookie_name = text(j->cookie_name);
	r->cookie = text(j->cookie);
}

/* --- the disk has answered ------------------------------------------------------- */

struct flush {
	struct core *c;
	uint64_t join;
};

/* Nobody will ever hold his token: the seat is free again. */
static void unseat(struct core *c, uint64_t id)
{
	struct member *mb = handles_get(c->members, id);
	struct meeting *m = mb ? mb->m : NULL;

	if (!m)
		return;
	(void)room_leave(m->room, mb->p, EXIT_RELEASED, c->now_ns, &c->out);
	core_acts(m, NULL);
}

static void tell(struct join *j, int result)
{
	struct core *c = j->c;
	const struct member *mb = handles_get(c->members, j->member);
	Cv__JoinReply r = CV__JOIN_REPLY__INIT;
	struct ice_list ice = {.n = 0};
	int sent;

	r.outcome = CV__JOIN_OUTCOME__JOIN_OVERLOAD;
	if (result == 0 && mb)
		fill_ok(mb, j, &ice, &r);
	else if (mb)
		log_error(MOD, "journal cannot be written",
			  LOG_E("error", result));
	sent = join_reply(j, &r);
	ice_wipe(&ice);
	if (result < 0 || sent < 0)
		unseat(c, j->member);
	join_gateway_seated(j);
}

/* The journal is on disk: a crash from now on loses nothing we said. */
static void durable(void *arg, int result)
{
	struct flush *f = arg;
	struct core *c = f->c;
	struct join *j = handles_get(c->joins, f->join);

	core_turn(c);
	mem_free(f);
	if (!j)
		return;
	tell(j, result);
	join_resume(c, j->id, JOIN_DURABLE);
}

static int flush(struct join *j)
{
	struct flush *f = mem_alloc(sizeof(*f));
	int r;

	if (!f)
		return E_NOMEM;
	*f = (struct flush){.c = j->c, .join = j->id};
	r = store_flush(j->c->store, durable, f);
	if (r < 0)
		mem_free(f);
	return r;
}

/* --- taking it -------------------------------------------------------------------- */

static int open_session(struct member *mb, struct join *j)
{
	struct core *c = mb->c;
	const uint64_t id = mb->p->id;
	uint8_t a[TOKEN_RANDOM_BYTES], b[TOKEN_RANDOM_BYTES];
	struct reconnect_state rs;
	int r;

	rand_bytes(a, sizeof(a));
	rand_bytes(b, sizeof(b));
	session_close(c->sessions, id);
	r = session_open(c->sessions, mb->m->id, id, a, c->now_ns, j->token);
	if (r == 0)
		r = j->returns ? reconnect_use(c->sessions,
					       span_str(j->reconnect), id, b,
					       j->fresh) :
			reconnect_open(c->sessions, mb->m->id, id,
				       mb->p->host, b, j->fresh);
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

static enum join_event overload(struct join *j)
{
	j->c->stats.overloads++;
	return join_answer(j, CV__JOIN_OUTCOME__JOIN_OVERLOAD);
}

/* His call is all that he has to prove; it ends with core, and so does the
 * seat: nothing of it is in the journal. */
static enum join_event sit_by_sip(struct join *j, struct member *mb)
{
	mb->sip = j->sip;
	(void)join_answer(j, CV__JOIN_OUTCOME__JOIN_OK);
	join_gateway_seated(j);
	return JE_OVER;
}

/* What entering led to comes first; it may even have ended the meeting. */
static enum join_event sit(struct join *j, struct meeting *m,
			   struct member *mb)
{
	struct core *c = j->c;
	int r;

	j->member = mb->p->id;
	core_acts(m, NULL);
	if (handles_get(c->members, j->member) != mb)
		return overload(j);
	c->stats.joins++;
	if (j->way == JOIN_BY_SIP)
		return sit_by_sip(j, mb);
	r = open_session(mb, j);
	r = r ? r : flush(j);
	if (r == 0)
		return JE_LATER;
	unseat(c, j->member);
	return overload(j);
}

static int add_member(const struct join *j, struct meeting *m,
		      struct member **out)
{
	struct core *c = j->c;
	struct room_join rj = {
		.name = span_str(j->name),
		.alias = span_str(j->path[0] ? j->path : j->alias),
		.call_tag = span_str(j->tag), .vendor = span_str(j->agent),
		.remote = span_str(j->remote), .host = j->host,
		.direct_chat = j->direct_chat, .control_only = !j->has_media,
		.bypass_lock = j->bypass_lock, .no_overlay = j->no_overlay,
		.no_slides = j->no_slides,
		.spotlight_us = j->spotlight_us,
		.protocol = j->way == JOIN_BY_SIP ? PART_BY_SIP :
			    PART_BY_WEB};
	struct member *mb = member_new(c, 0, &rj.id);
	int r;

	if (!mb)
		return E_NOMEM;
	mb->m = m;
	mb->trace = j->trace;
	trace_name_person(c->trace, j->trace, j->uuid);
	mb->location = j->location;
	mb->media_location = j->media_location ? j->media_location :
			     j->location;
	memcpy(rj.uuid, j->uuid, sizeof(rj.uuid));
	memcpy(rj.ip, j->ip, sizeof(rj.ip));
	r = room_enter(m->room, &rj, c->now_ns, clock_wall_us(), &c->out,
		       &mb->p);
	if (r < 0) {
		member_free(mb, rj.id);
		return r;
	}
	*out = mb;
	return 0;
}

/* Knocks: no more wait at one door than it may hold. */
static bool is_crowded(const struct join *j, const struct meeting *m)
{
	return !j->host && room_count(m->room).waiting >= (uint32_t)
	       store_global(j->c->store, GLOBAL_MAX_WAITING_PER_ROOM);
}

static enum join_event enter(struct join *j)
{
	struct core *c = j->c;
	struct meeting *m = meeting_of_conf(c, j->conf);
	struct member *mb = NULL;
	int r;

	if (j->sv.kind == SERVICE_KIND_TEST) {
		test_call_own(c, &j->sv);
		m = NULL;
	}
	r = m ? 0 : meeting_new(c, &j->sv, 0, &m);

	if (r < 0)
		return overload(j);
	if (is_crowded(j, m))
		return join_answer(j, CV__JOIN_OUTCOME__JOIN_ROOM_FULL);
	r = add_member(j, m, &mb);
	if (r == 0)
		return sit(j, m, mb);
	if (m->room->n_parts == 0)
		meeting_free(m);
	return r == E_FULL ?
		join_answer(j, CV__JOIN_OUTCOME__JOIN_ROOM_FULL) : overload(j);
}

/* Back with a credential: into the same seat while it is still there. The
 * credential is asked for again, it may have died on the way. */
static enum join_event come_back(struct join *j)
{
	struct core *c = j->c;
	const struct meeting *m = meeting_of_conf(c, j->conf);
	struct reconnect_state rs;
	struct member *mb;

	if (reconnect_check(c->sessions, m ? m->id : 0,
			    span_str(j->reconnect), &rs) < 0)
		return overload(j);
	if (!j->pol || j->to_seat)
		j->host = rs.host;
	mb = rs.holder ? handles_get(c->members, rs.holder) : NULL;
	/* Policy was not asked about a newcomer: he is to try again. */
	if (!mb && j->pol && j->to_seat)
		return overload(j);
	if (!mb)
		return enter(j);
	if (room_return(mb->m->room, mb->p, &c->out) < 0)
		return overload(j);
	return sit(j, mb->m, mb);
}

enum join_event join_seat(struct join *j)
{
	if (join_policy_place(j) == JE_OVER)
		return JE_OVER;
	/* Its row may have gone or changed while he waited. */
	if (!join_refresh(j))
		return overload(j);
	return j->returns ? come_back(j) : enter(j);
}
