/* The journal of live meetings: written as things happen, read once at the
 * start. Everything that outlives a crash of core comes from here, nothing
 * from what other roles say. */
#include "core/core.h"

#include "base/alloc.h"
#include "core/live_codec.h"

static struct span id_key(const uint64_t *id)
{
	return span_of(id, sizeof(*id));
}

static void put(struct core *c, uint8_t kind, uint64_t id, int encoded,
		struct span value)
{
	int r = encoded ? encoded : journal_put(c->journal, kind, id_key(&id),
						value);

	/* The flush before the answer fails then, too, or the table is full:
	 * the meeting goes on, a crash of core would lose this record. */
	if (r < 0)
		log_error(MOD, "journal record not kept", LOG_U("kind", kind),
			  LOG_E("error", r));
}

static void del(struct core *c, uint8_t kind, uint64_t id)
{
	(void)journal_del(c->journal, kind, id_key(&id));
}

void live_save_room(struct meeting *m)
{
	const struct room *r = m->room;
	struct live_room v = {.conf = m->conf, .worker = m->worker,
			      .state = r->state, .locked = r->locked,
			      .guests_muted = r->guests_muted,
			      .started = r->started,
			      .guests_can_unmute = r->guests_can_unmute,
			      .presenter = r->presenter};
	uint8_t buf[LIVE_RECORD_MAX];
	struct span out = SPAN_NONE;
	int e;

	/* A call by a rule does not outlive core, nor its legs. */
	if (service_is_passing(&m->sv))
		return;
	memcpy(v.view, r->view, sizeof(v.view));
	v.sv = m->sv;
	e = live_encode_room(&v, buf, &out);
	put(m->c, LIVE_ROOM, m->id, e, out);
}

void live_save_part(struct meeting *m, const struct part *p)
{
	const struct member *mb = member_of(m->c, p);
	struct live_place at = {.location = 0};
	uint8_t buf[LIVE_RECORD_MAX];
	struct span out = SPAN_NONE;
	int e;

	/* A SIP call ends with core. */
	if (service_is_passing(&m->sv) || p->protocol == PART_BY_SIP)
		return;
	if (mb)
		at = (struct live_place){mb->location, mb->media_location};
	e = live_encode_part(m->id, &at, p, buf, &out);
	put(m->c, LIVE_PART, p->id, e, out);
}

void live_save_session(struct core *c, uint64_t part)
{
	uint8_t buf[LIVE_RECORD_MAX];
	struct span out = SPAN_NONE;
	struct session_state s;
	int e = session_export(c->sessions, part, &s);

	if (e < 0)
		return;
	e = live_encode_session(&s, buf, &out);
	put(c, LIVE_SESSION, part, e, out);
	secret_wipe(&s, sizeof(s));
}

static void save_credential(void *arg, const struct reconnect_state *s)
{
	uint8_t buf[LIVE_RECORD_MAX];
	struct span out = SPAN_NONE;
	int e = live_encode_credential(s, buf, &out);

	put(arg, LIVE_CREDENTIAL, s->id, e, out);
}

void live_save_credential(struct core *c, const struct reconnect_state *s)
{
	save_credential(c, s);
}

void live_forget_part(struct core *c, uint64_t part)
{
	del(c, LIVE_PART, part);
	del(c, LIVE_SESSION, part);
}

void live_forget_credential(struct core *c, uint64_t cred)
{
	del(c, LIVE_CREDENTIAL, cred);
}

static void forget_one(void *arg, const struct reconnect_state *s)
{
	del(arg, LIVE_CREDENTIAL, s->id);
}

void live_revoke_room(struct core *c, uint64_t room)
{
	reconnect_each(c->sessions, room, forget_one, c);
	(void)reconnect_revoke_room(c->sessions, room);
}

void live_forget_room(struct core *c, uint64_t room)
{
	live_revoke_room(c, room);
	del(c, LIVE_ROOM, room);
}

/* --- reading it back ------------------------------------------------------------ */

struct restore {
	struct core *c;
	unsigned rooms, parts, sessions, credentials, lost;
};

static void drop(struct restore *rs, uint8_t kind, struct span key)
{
	(void)journal_del(rs->c->journal, kind, key);
	rs->lost++;
}

static uint64_t id_of(struct span key)
{
	uint64_t id = 0;

	if (key.n == sizeof(id))
		memcpy(&id, key.p, sizeof(id));
	return id;
}

static bool restore_room(struct restore *rs, uint64_t id, struct span value)
{
	const struct store_row *conf = NULL;
	struct live_room v;
	struct meeting *m;

	if (live_decode_room(&v, value) < 0)
		return false;
	if (v.conf > 0)
		conf = store_get(rs->c->store, RES_CONFERENCE, v.conf);
	if (conf)
		service_of_conf(rs->c, conf, &v.sv);
	if ((!conf && v.conf > 0) || meeting_new(rs->c, &v.sv, id, &m) < 0)
		return false;
	m->room->state = v.state;
	m->room->locked = v.locked;
	m->room->guests_muted = v.guests_muted;
	m->room->started = v.started;
	m->room->guests_can_unmute = v.guests_can_unmute;
	m->room->presenter = v.presenter;
	memcpy(m->room->view, v.view, sizeof(v.view));
	if (v.worker >= 0 && v.worker < CORE_WORKERS_MAX)
		m->worker = v.worker;
	rs->rooms++;
	return true;
}

static bool restore_part(struct restore *rs, uint64_t id, struct span value)
{
	struct core *c = rs->c;
	struct meeting *m;
	struct live_place at;
	struct member *mb;
	struct part p;
	uint64_t room, got;

	if (live_decode_part(&room, &at, &p, value) < 0 || p.id != id)
		return false;
	m = handles_get(c->meetings, room);
	mb = m ? member_new(c, id, &got) : NULL;
	if (!mb)
		return false;
	mb->m = m;
	mb->location = at.location;
	mb->media_location = at.media_location;
	if (room_restore_part(m->room, &p) < 0) {
		member_free(mb, id);
		return false;
	}
	mb->p = room_part(m->room, id);
	if (p.leg.leg && handles_restore(c->legs, p.leg.leg, mb) < 0)
		memset(&mb->p->leg, 0, sizeof(mb->p->leg));
	rs->parts++;
	return true;
}

static bool restore_session(struct restore *rs, uint64_t id,
			    struct span value)
{
	struct session_state s;
	struct member *mb;

	if (live_decode_session(&s, value) < 0 || s.part != id)
		return false;
	mb = handles_get(rs->c->members, id);
	if (!mb || mb->m->id != s.room ||
	    session_restore(rs->c->sessions, &s) < 0)
		return false;
	rs->sessions++;
	return true;
}

static bool restore_credential(struct restore *rs, uint64_t id,
			       struct span value)
{
	struct reconnect_state s;

	if (live_decode_credential(&s, value) < 0 || s.id != id ||
	    !handles_get(rs->c->meetings, s.room))
		return false;
	/* Its holder's record may be lost: then he is nobody's any more. */
	if (s.holder && !handles_get(rs->c->members, s.holder))
		s.holder = 0;
	if (reconnect_restore(rs->c->sessions, &s) < 0)
		return false;
	rs->credentials++;
	return true;
}

static bool restore_one(struct restore *rs, uint8_t kind, uint64_t id,
			struct span value)
{
	switch (kind) {
	case LIVE_ROOM:
		return restore_room(rs, id, value);
	case LIVE_PART:
		return restore_part(rs, id, value);
	case LIVE_SESSION:
		return restore_session(rs, id, value);
	case LIVE_CREDENTIAL:
		return restore_credential(rs, id, value);
	default:
		return false;
	}
}

/* Rooms first, then people, then what proves them: the order of the journal
 * is that of the first writing, but not worth relying on. */
static void restore_kind(struct restore *rs, uint8_t want)
{
	struct span key, value;
	uint64_t it = 0;
	uint8_t kind;

	while (journal_next(rs->c->journal, &it, &kind, &key, &value))
		if (kind == want && !restore_one(rs, kind, id_of(key), value))
			drop(rs, kind, key);
}

/* A participant without a session cannot prove himself: his record was
 * written and the crash came before the answer. */
static void drop_unproven(struct core *c)
{
	uint32_t slot = 0;
	struct member *mb;

	while ((mb = handles_next(c->members, &slot, NULL))) {
		struct meeting *m = mb->m;

		if (session_ends_ns(c->sessions, mb->p->id) > c->now_ns) {
			member_arm_expiry(mb);
			continue;
		}
		(void)room_leave(m->room, mb->p, EXIT_EXPIRED, c->now_ns,
				 &c->out);
		core_acts(m, NULL);
	}
}

static void settle_rooms(struct core *c)
{
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL))) {
		(void)room_restore_done(m->room, c->now_ns, &c->out);
		core_acts(m, NULL);
	}
}

static void clear(struct core *c)
{
	struct span key, value;
	uint64_t it = 0;
	uint8_t kind;

	while (journal_next(c->journal, &it, &kind, &key, &value))
		(void)journal_del(c->journal, kind, key);
}

/* Monotonic times of another boot of the machine mean nothing. */
static bool is_same_boot(struct core *c)
{
	static const uint64_t key = 1;
	const struct span boot = span_of(c->boot_id, sizeof(c->boot_id));
	struct span was;
	bool same;

	same = journal_get(c->journal, LIVE_BOOT, id_key(&key), &was) &&
	       span_eq(was, boot);
	if (!same) {
		clear(c);
		(void)journal_put(c->journal, LIVE_BOOT, id_key(&key),
				  boot);
	}
	return same;
}

int live_restore(struct core *c)
{
	struct restore rs = {.c = c};

	if (!is_same_boot(c))
		return 0;
	restore_kind(&rs, LIVE_ROOM);
	restore_kind(&rs, LIVE_PART);
	restore_kind(&rs, LIVE_SESSION);
	restore_kind(&rs, LIVE_CREDENTIAL);
	settle_rooms(c);
	drop_unproven(c);
	if (rs.rooms || rs.lost)
		log_notice(MOD, "meetings restored", LOG_U("rooms", rs.rooms),
			   LOG_U("participants", rs.parts),
			   LOG_U("lost_records", rs.lost));
	return 0;
}
