/* What web asks: every request proves itself by its token, and nothing that
 * web says about a participant is believed. */
#include "core/core.h"

#include "base/alloc.h"
#include "base/rand.h"
#include "core/avatar.h"
#include "core/camera.h"
#include "core/caller.h"
#include "core/reg.h"
#include "core/sip_dial.h"

bool web_is_current(const struct core *c, int web, uint32_t gen)
{
	return c->webs[web].ev && c->webs[web].gen == gen;
}

const struct store_row *conf_of_alias(struct core *c, struct span alias)
{
	const struct store_row *row;

	if (!alias.n)
		return NULL;
	row = store_find(c->store, RES_CONFERENCE_ALIAS,
			 CONFERENCE_ALIAS_ALIAS, alias);
	return row ? store_get(c->store, RES_CONFERENCE,
			       store_int(row, CONFERENCE_ALIAS_CONFERENCE)) :
		NULL;
}

/* Does the alias of this path lead to where he sits? Any alias of his room
 * does, and the one that he dialled: a room by policy has no other. */
static bool leads_to(struct core *c, const struct member *mb, const char *name)
{
	const struct store_row *conf = conf_of_alias(c, span_str(name));

	/* Nor has a test call of its own, nor who came by a reception. */
	return (conf && store_row_id(conf) == mb->m->conf) ||
	       strcmp(name, mb->p->alias) == 0;
}

/* The same hash is made for a room that is not there. */
struct member *web_member(struct core *c, ProtobufCBinaryData alias,
			  ProtobufCBinaryData token)
{
	char name[ALIAS_MAX + 1];
	struct member *mb = NULL;
	uint64_t room, part;

	(void)alias_normalise(name, ipc_bytes(alias));
	if (session_find(c->sessions, ipc_bytes(token), c->now_ns, &room,
			 &part) == 0)
		mb = handles_get(c->members, part);
	if (!mb || mb->p->state == PART_GONE || mb->m->id != room ||
	    !leads_to(c, mb, name)) {
		c->stats.bad_tokens++;
		return NULL;
	}
	return mb;
}

bool member_may_ask(struct member *mb)
{
	return bucket_take(&mb->rate, mb->c->now_ns, MEMBER_PER_S,
			   MEMBER_BURST);
}

/* --- commands ------------------------------------------------------------------- */

static void send_reply(struct web *w, Cv__CommandReply *r)
{
	if (w->ev)
		(void)ipc_send(ipc_ev_chan(w->ev), COMMAND_REPLY, r);
}

static void reply(struct web *w, uint32_t req, Cv__ResultCode code)
{
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;

	r.req = req;
	r.code = code;
	send_reply(w, &r);
}

/* An answer that waits for the disk: what was acknowledged (a removal above
 * all) outlives a crash. */
struct later {
	struct core *c;
	int web;
	uint32_t web_gen, req;
};

static void durable(void *arg, int result)
{
	struct later *l = arg;

	if (web_is_current(l->c, l->web, l->web_gen))
		reply(&l->c->webs[l->web], l->req, result == 0 ?
		      CV__RESULT_CODE__RESULT_OK :
		      CV__RESULT_CODE__RESULT_OVERLOAD);
	mem_free(l);
}

static void reply_durable(struct web *w, uint32_t req)
{
	struct later *l = mem_alloc(sizeof(*l));

	if (l) {
		*l = (struct later){w->c, (int)(w - w->c->webs), w->gen, req};
		if (store_flush(w->c->store, durable, l) == 0)
			return;
	}
	mem_free(l);
	w->c->stats.overloads++;
	reply(w, req, CV__RESULT_CODE__RESULT_OVERLOAD);
}

/* web's operations that a room decides. */
static const enum room_op room_ops[] = {
	[CV__OP__OP_LOCK] = RC_LOCK,
	[CV__OP__OP_UNLOCK] = RC_UNLOCK,
	[CV__OP__OP_START_CONFERENCE] = RC_START,
	[CV__OP__OP_MUTEGUESTS] = RC_MUTE_GUESTS,
	[CV__OP__OP_UNMUTEGUESTS] = RC_UNMUTE_GUESTS,
	[CV__OP__OP_DISCONNECT_ALL] = RC_DISCONNECT_ALL,
	[CV__OP__OP_MESSAGE] = RC_MESSAGE,
	[CV__OP__OP_P_DISCONNECT] = RC_P_DISCONNECT,
	[CV__OP__OP_P_MUTE] = RC_P_MUTE,
	[CV__OP__OP_P_UNMUTE] = RC_P_UNMUTE,
	[CV__OP__OP_P_CLIENT_MUTE] = RC_P_CLIENT_MUTE,
	[CV__OP__OP_P_CLIENT_UNMUTE] = RC_P_CLIENT_UNMUTE,
	[CV__OP__OP_P_VIDEO_MUTED] = RC_P_VIDEO_MUTED,
	[CV__OP__OP_P_VIDEO_UNMUTED] = RC_P_VIDEO_UNMUTED,
	[CV__OP__OP_P_UNLOCK] = RC_P_ADMIT,
	[CV__OP__OP_P_TAKE_FLOOR] = RC_P_TAKE_FLOOR,
	[CV__OP__OP_P_RELEASE_FLOOR] = RC_P_RELEASE_FLOOR,
	[CV__OP__OP_P_BUZZ] = RC_P_BUZZ,
	[CV__OP__OP_P_CLEARBUZZ] = RC_P_CLEAR_BUZZ,
	[CV__OP__OP_CLEARALLBUZZ] = RC_CLEAR_ALL_BUZZ,
	[CV__OP__OP_P_SPOTLIGHTON] = RC_P_SPOTLIGHT_ON,
	[CV__OP__OP_P_SPOTLIGHTOFF] = RC_P_SPOTLIGHT_OFF,
	[CV__OP__OP_P_ROLE] = RC_P_ROLE,
	[CV__OP__OP_SET_GUESTS_CAN_UNMUTE] = RC_GUESTS_CAN_UNMUTE,
	[CV__OP__OP_P_PREFERRED_ASPECT_RATIO] = RC_P_ASPECT,
	[CV__OP__OP_P_MESSAGE] = RC_P_MESSAGE,
	[CV__OP__OP_TRANSFORM_LAYOUT] = RC_LAYOUT,
	[CV__OP__OP_P_OVERLAYTEXT] = RC_P_OVERLAY,
	[CV__OP__OP_P_ALLOW_RX_PRESENTATION] = RC_P_ALLOW_SLIDES,
	[CV__OP__OP_P_DENY_RX_PRESENTATION] = RC_P_DENY_SLIDES,
	[CV__OP__OP_P_FECC] = RC_P_FECC,
};

static Cv__ResultCode code_of(enum room_result r)
{
	static const Cv__ResultCode codes[RR_COUNT] = {
		[RR_INVALID_ROLE] = CV__RESULT_CODE__RESULT_INVALID_ROLE,
		[RR_OK] = CV__RESULT_CODE__RESULT_OK,
		[RR_NOT_FOUND] = CV__RESULT_CODE__RESULT_NOT_FOUND,
		[RR_ILLEGAL] = CV__RESULT_CODE__RESULT_ILLEGAL_VALUE,
		[RR_BUSY] = CV__RESULT_CODE__RESULT_OVERLOAD,
		[RR_REFUSED] = CV__RESULT_CODE__RESULT_REFUSED,
	};

	return codes[r];
}

static bool is_chat(Cv__Op op)
{
	return op == CV__OP__OP_MESSAGE || op == CV__OP__OP_P_MESSAGE;
}

/* However many people say it: each message goes to all of them. */
static bool room_may_chat(struct meeting *m)
{
	const uint32_t per_s = (uint32_t)store_global(m->c->store,
						GLOBAL_MAX_CHAT_PER_ROOM);

	return bucket_take(&m->chat, m->c->now_ns, per_s,
			   per_s * ROOM_CHAT_BURST_S);
}

static void do_room(struct web *w, struct member *mb, const Cv__Command *m)
{
	struct core *c = w->c;
	struct meeting *mt = mb->m;
	const struct room_cmd cmd = {
		.op = room_ops[m->op], .actor = mb->p,
		.target = ipc_bytes(m->target), .text = ipc_bytes(m->text),
		.type = ipc_bytes(m->type), .setting = m->setting,
		.camera = camera_read(m->move)};
	enum room_result r;

	if (m->op == CV__OP__OP_P_FECC && !camera_is_on(c)) {
		reply(w, m->req, CV__RESULT_CODE__RESULT_REFUSED);
		return;
	}
	if (is_chat(m->op) && !room_may_chat(mt)) {
		c->stats.overloads++;
		reply(w, m->req, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	r = room_command(mt->room, &cmd, c->now_ns, clock_wall_us(), &c->out);
	core_acts(mt, &cmd);
	if (r == RR_OK && !is_chat(m->op) && m->op != CV__OP__OP_P_FECC)
		reply_durable(w, m->req);
	else
		reply(w, m->req, code_of(r));
}

/* A refresh that waits for the disk. */
struct refresh {
	struct core *c;
	int web;
	uint32_t web_gen, req;
	bool host;
	uint32_t dscp;
	char token[TOKEN_TEXT_LEN + 1];
};

static void refreshed(void *arg, int result)
{
	struct refresh *f = arg;
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;

	r.req = f->req;
	r.code = CV__RESULT_CODE__RESULT_OVERLOAD;
	if (result == 0) {
		r.code = CV__RESULT_CODE__RESULT_OK;
		r.token = ipc_data(span_str(f->token));
		r.expires_s = TOKEN_LIFE_S;
		r.host = f->host;
		r.dscp = f->dscp;
	}
	if (web_is_current(f->c, f->web, f->web_gen))
		send_reply(&f->c->webs[f->web], &r);
	secret_wipe(f, sizeof(*f));
	mem_free(f);
}

static void do_refresh(struct web *w, struct member *mb, const Cv__Command *m)
{
	struct core *c = w->c;
	struct refresh *f = mem_zalloc(sizeof(*f));
	uint8_t rnd[TOKEN_RANDOM_BYTES];
	int r = E_NOMEM;

	if (f) {
		*f = (struct refresh){.c = c, .web = (int)(w - c->webs),
				      .web_gen = w->gen, .req = m->req,
				      .host = mb->p->host,
				      .dscp = caller_dscp(c, mb->location)};
		rand_bytes(rnd, sizeof(rnd));
		r = session_refresh(c->sessions, mb->p->id, rnd, c->now_ns,
				    f->token);
		secret_wipe(rnd, sizeof(rnd));
	}
	if (r == 0) {
		member_arm_expiry(mb);
		live_save_session(c, mb->p->id);
		r = store_flush(c->store, refreshed, f);
	}
	if (r == 0)
		return;
	if (f)
		secret_wipe(f, sizeof(*f));
	mem_free(f);
	c->stats.overloads++;
	reply(w, m->req, CV__RESULT_CODE__RESULT_OVERLOAD);
}

static void do_release(struct web *w, struct member *mb, const Cv__Command *m)
{
	struct meeting *mt = mb->m;

	(void)room_leave(mt->room, mb->p, EXIT_RELEASED, w->c->now_ns,
			 &w->c->out);
	core_acts(mt, NULL);
	reply_durable(w, m->req);
}

static void do_status(struct web *w, struct member *mb, const Cv__Command *m)
{
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	Cv__ConferenceStatus st;

	event_fill_status(mb->m, &st);
	r.req = m->req;
	r.code = CV__RESULT_CODE__RESULT_OK;
	r.status = &st;
	send_reply(w, &r);
}

static void do_participants(struct web *w, struct member *mb,
			    const Cv__Command *m)
{
	const struct room *room = mb->m->room;
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;
	Cv__ParticipantRow *rows = mem_calloc(room->n_parts, sizeof(*rows));
	Cv__ParticipantRow **list = mem_calloc(room->n_parts, sizeof(*list));

	r.req = m->req;
	r.code = CV__RESULT_CODE__RESULT_OVERLOAD;
	if (rows && list) {
		r.code = CV__RESULT_CODE__RESULT_OK;
		r.rows = list;
		for (uint32_t i = 0; i < room->n_parts; i++) {
			const struct part *p = room->parts[i];

			if (!room_sees(mb->p, p))
				continue;
			event_fill_row(mb->m, p, mb->p->host, &rows[r.n_rows]);
			list[r.n_rows] = &rows[r.n_rows];
			r.n_rows++;
		}
	}
	send_reply(w, &r);
	mem_free(rows);
	mem_free(list);
}

/* A call belongs to the participant whose token it is, and to him alone. */
static bool is_own_call(const struct member *mb, const Cv__Command *m)
{
	return span_eq_nocase(ipc_bytes(m->target), span_str(mb->p->uuid)) &&
	       mb->p->leg.call[0] &&
	       span_eq_nocase(ipc_bytes(m->call), span_str(mb->p->leg.call));
}

static void do_call(struct web *w, struct member *mb, const Cv__Command *m)
{
	struct meeting *mt = mb->m;

	if (!is_own_call(mb, m)) {
		w->c->stats.bad_calls++;
		reply(w, m->req, CV__RESULT_CODE__RESULT_INVALID_ROLE);
		return;
	}
	reply(w, m->req, CV__RESULT_CODE__RESULT_OK);
	if (m->op != CV__OP__OP_CALL_DISCONNECT)
		return;
	(void)room_leg_gone(mt->room, mb->p, true, w->c->now_ns, &w->c->out);
	core_acts(mt, NULL);
}

/* --- dial ------------------------------------------------------------------------ */

struct dialled {
	int web;
	uint32_t web_gen, req;
	char uuid[UUID_TEXT_LEN + 1];
};

static void dialled(struct core *c, uint64_t who, const char *why,
		    unsigned calls)
{
	struct dialled *d = (struct dialled *)(uintptr_t)who;
	Cv__CommandReply r = CV__COMMAND_REPLY__INIT;

	(void)calls;
	r.req = d->req;
	r.code = why ? CV__RESULT_CODE__RESULT_REFUSED :
		 CV__RESULT_CODE__RESULT_OK;
	r.participant = ipc_data(span_str(d->uuid));
	if (web_is_current(c, d->web, d->web_gen))
		send_reply(&c->webs[d->web], &r);
	mem_free(d);
}

/* A host calls somebody in; the room's calls have one limit together. */
static void do_dial(struct web *w, struct member *mb, const Cv__Command *m)
{
	const uint64_t room = UINT64_C(1) << 61;
	struct core *c = w->c;
	struct dialled *d;
	struct sip_invite_ask ask = {.conf = mb->m->conf,
		.target = ipc_bytes(m->text), .host = m->setting,
		.ip = mb->p->ip, .known_as = room | (uint64_t)mb->m->conf};

	if (!mb->p->host || mb->p->state != PART_INSIDE) {
		reply(w, m->req, CV__RESULT_CODE__RESULT_INVALID_ROLE);
		return;
	}
	d = mem_alloc(sizeof(*d));
	if (!d) {
		reply(w, m->req, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	*d = (struct dialled){(int)(w - c->webs), w->gen, m->req, ""};
	uuid_make(d->uuid);
	ask.uuid = d->uuid;
	sip_invite_out(c, &ask, (uint64_t)(uintptr_t)d, dialled);
}

/* The other side of a call between two. */
static void do_call_fecc(struct web *w, struct member *mb,
			 const Cv__Command *m)
{
	const struct room_camera move = camera_read(m->move);
	Cv__ResultCode code = CV__RESULT_CODE__RESULT_INVALID_ROLE;

	if (!is_own_call(mb, m))
		w->c->stats.bad_calls++;
	else
		code = camera_across(mb, &move) ? CV__RESULT_CODE__RESULT_OK :
		       CV__RESULT_CODE__RESULT_REFUSED;
	reply(w, m->req, code);
}

static void do_ok(struct web *w, struct member *mb, const Cv__Command *m)
{
	(void)mb;
	reply(w, m->req, CV__RESULT_CODE__RESULT_OK);
}

static void do_avatar(struct web *w, struct member *mb, const Cv__Command *m)
{
	avatar_command(w, mb, m);
}

static const struct {
	void (*run)(struct web *w, struct member *mb, const Cv__Command *m);
} own_ops[] = {
	[CV__OP__OP_REFRESH_TOKEN] = {do_refresh},
	[CV__OP__OP_RELEASE_TOKEN] = {do_release},
	[CV__OP__OP_THEME] = {do_ok},
	[CV__OP__OP_CONFERENCE_STATUS] = {do_status},
	[CV__OP__OP_PARTICIPANTS] = {do_participants},
	[CV__OP__OP_CALL_ACK] = {do_call},
	[CV__OP__OP_CALL_NEW_CANDIDATE] = {do_call},
	[CV__OP__OP_CALL_DISCONNECT] = {do_call},
	[CV__OP__OP_CALL_STATISTICS] = {do_call},
	[CV__OP__OP_AVAILABLE_LAYOUTS] = {do_ok},
	[CV__OP__OP_DIAL] = {do_dial},
	[CV__OP__OP_CALL_FECC] = {do_call_fecc},
	[CV__OP__OP_P_AVATAR] = {do_avatar},
};

/* What keeps a meeting going is never shed. */
static bool is_shed(struct core *c, Cv__Op op)
{
	return op != CV__OP__OP_REFRESH_TOKEN &&
	       op != CV__OP__OP_RELEASE_TOKEN &&
	       op != CV__OP__OP_CALL_ACK &&
	       op != CV__OP__OP_CALL_NEW_CANDIDATE &&
	       op != CV__OP__OP_CALL_DISCONNECT &&
	       op != CV__OP__OP_P_DISCONNECT && op != CV__OP__OP_LOCK &&
	       shed_refuses(&c->shed, SHED_MEMBER);
}

static void command(struct web *w, const Cv__Command *m)
{
	struct member *mb = web_member(w->c, m->alias, m->token);
	const size_t op = (size_t)m->op;

	if (!mb) {
		reply(w, m->req, CV__RESULT_CODE__RESULT_INVALID_TOKEN);
		return;
	}
	if (!member_may_ask(mb) || is_shed(w->c, m->op)) {
		w->c->stats.overloads++;
		reply(w, m->req, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	if (op < sizeof(own_ops) / sizeof(own_ops[0]) && own_ops[op].run)
		own_ops[op].run(w, mb, m);
	else if (op < sizeof(room_ops) / sizeof(room_ops[0]) && room_ops[op])
		do_room(w, mb, m);
	else
		reply(w, m->req, CV__RESULT_CODE__RESULT_NOT_FOUND);
}

/* --- streams ---------------------------------------------------------------------- */

static void open_stream(struct web *w, const Cv__StreamOpen *m)
{
	struct member *mb = web_member(w->c, m->alias, m->token);
	Cv__StreamReply r = CV__STREAM_REPLY__INIT;

	r.stream = m->stream;
	r.code = CV__RESULT_CODE__RESULT_INVALID_TOKEN;
	if (mb && !member_may_ask(mb))
		r.code = CV__RESULT_CODE__RESULT_OVERLOAD;
	else if (mb)
		r.code = stream_open(w, mb, m->stream) == 0 ?
			 CV__RESULT_CODE__RESULT_OK :
			 CV__RESULT_CODE__RESULT_OVERLOAD;
	(void)ipc_send(ipc_ev_chan(w->ev), STREAM_REPLY, &r);
	web_pump(w);
}

static void closed_stream(struct web *w, const Cv__StreamClosed *m)
{
	struct stream *s = map_get(w->streams, span_of(&m->stream,
						       sizeof(m->stream)));

	if (s)
		stream_close(s);
	else if (!reg_stream_closed(w, m->stream))
		w->c->stats.bad_handles++;
}

void web_message(struct web *w, enum ipc_type type,
		 const ProtobufCMessage *msg)
{
	w->c->stats.web_messages++;
	switch (type) {
	case IPC_JOIN:
		join_message(w, (const Cv__Join *)msg);
		break;
	case IPC_COMMAND:
		command(w, (const Cv__Command *)msg);
		break;
	case IPC_CALL:
		call_message(w, (const Cv__Call *)msg);
		break;
	case IPC_STREAM_OPEN:
		open_stream(w, (const Cv__StreamOpen *)msg);
		break;
	case IPC_STREAM_CLOSED:
		closed_stream(w, (const Cv__StreamClosed *)msg);
		break;
	case IPC_REG:
		reg_message(w, (const Cv__Reg *)msg);
		break;
	case IPC_FACE_LOAD:
		load_face(w, (const Cv__FaceLoad *)msg);
		break;
	default:
		break;	/* SETTINGS_ACK */
	}
}

/* Its streams are gone; the participants stay until their tokens end. */
void web_down(struct web *w)
{
	size_t it = 0;
	void *v;

	while (map_next(w->streams, &it, NULL, &v)) {
		stream_close(v);
		it = 0;
	}
	timer_cancel(&w->pump);
	regs_web_down(w);
	joins_forget_web(w);
	w->gen++;
}
