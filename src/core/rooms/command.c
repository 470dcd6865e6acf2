/* What one participant may ask for: a table of who may, and short functions. */
#include "core/rooms/room_int.h"

bool bucket_take(struct bucket *b, uint64_t now_ns, uint32_t per_s,
		 uint32_t burst)
{
	const uint64_t max = (uint64_t)burst * 1000;
	uint64_t fill;

	if (!b->filled_ns) {
		b->millis = (uint32_t)max;
		b->filled_ns = now_ns;
	}
	fill = (now_ns - b->filled_ns) / NS_PER_MS * per_s;
	if (fill) {
		b->millis = (uint32_t)(b->millis + fill > max ? max :
				       b->millis + fill);
		b->filled_ns = now_ns;
	}
	if (b->millis < 1000)
		return false;
	b->millis -= 1000;
	return true;
}

/* --- the room's own -------------------------------------------------------- */

static void each(struct ctx *c, enum part_ev ev)
{
	for (uint32_t i = 0; i < c->r->n_parts; i++)
		if (c->r->parts[i]->state != PART_GONE)
			part_event(c, c->r->parts[i], ev);
}

static enum room_result do_lock(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	(void)t;
	if (c->r->locked)
		return RR_OK;
	c->r->locked = true;
	c->status = c->save = true;
	each(c, PEV_LOCK);
	room_emit_audit(c, "conference.lock", cmd->actor, NULL);
	return RR_OK;
}

static enum room_result do_unlock(struct ctx *c, const struct room_cmd *cmd,
				  struct part *t)
{
	(void)t;
	if (!c->r->locked)
		return RR_OK;
	c->r->locked = false;
	c->status = c->save = true;
	each(c, PEV_UNLOCK);
	room_emit_audit(c, "conference.unlock", cmd->actor, NULL);
	return RR_OK;
}

static enum room_result do_start(struct ctx *c, const struct room_cmd *cmd,
				 struct part *t)
{
	(void)t;
	room_start(c);
	room_emit_audit(c, "conference.start", cmd->actor, NULL);
	return RR_OK;
}

static void set_muted(struct ctx *c, struct part *p, bool muted)
{
	if (p->muted == muted)
		return;
	p->muted = muted;
	room_emit(c, ACT_LEG_SET, p);
	part_changed(c, p);
}

static void mute_guests(struct ctx *c, bool muted)
{
	c->r->guests_muted = muted;
	c->status = c->save = true;
	for (uint32_t i = 0; i < c->r->n_parts; i++) {
		struct part *p = c->r->parts[i];

		if (p->state != PART_GONE && !p->host)
			set_muted(c, p, muted);
	}
}

static enum room_result do_mute_guests(struct ctx *c,
				       const struct room_cmd *cmd,
				       struct part *t)
{
	(void)t;
	mute_guests(c, true);
	room_emit_audit(c, "conference.muteguests", cmd->actor, NULL);
	return RR_OK;
}

static enum room_result do_unmute_guests(struct ctx *c,
					 const struct room_cmd *cmd,
					 struct part *t)
{
	(void)t;
	mute_guests(c, false);
	room_emit_audit(c, "conference.unmuteguests", cmd->actor, NULL);
	return RR_OK;
}

static enum room_result do_can_unmute(struct ctx *c,
				      const struct room_cmd *cmd,
				      struct part *t)
{
	(void)t;
	c->r->guests_can_unmute = cmd->setting;
	c->status = c->save = true;
	return RR_OK;
}

static enum room_result do_disconnect_all(struct ctx *c,
					  const struct room_cmd *cmd,
					  struct part *t)
{
	(void)t;
	room_emit_audit(c, "conference.disconnect", cmd->actor, NULL);
	c->why = EXIT_ALL_KICKED;
	(void)room_fire(c, REV_END);
	return RR_OK;
}

static bool is_chat_type(struct span type)
{
	struct span main, params;

	if (type.n > CHAT_TYPE_MAX)
		return false;
	(void)span_split(type, ';', &main, &params);
	main = span_trim(main);
	return span_eq_nocase(main, SPAN_LIT("text/plain")) ||
	       span_eq_nocase(main, SPAN_LIT("application/json"));
}

static enum room_result chat(struct ctx *c, const struct room_cmd *cmd)
{
	if (!c->r->cfg.chat_enabled)
		return RR_REFUSED;
	if (cmd->text.n > CHAT_PAYLOAD_MAX || !span_is_utf8(cmd->text) ||
	    !is_chat_type(cmd->type))
		return RR_ILLEGAL;
	if (!bucket_take(&cmd->actor->chat, c->now_ns,
			 c->r->cfg.chat_per_s ? c->r->cfg.chat_per_s :
			 CHAT_PER_S, CHAT_BURST))
		return RR_BUSY;
	return RR_OK;
}

static enum room_result do_message(struct ctx *c, const struct room_cmd *cmd,
				   struct part *t)
{
	const enum room_result r = chat(c, cmd);

	(void)t;
	if (r == RR_OK)
		room_emit(c, ACT_MESSAGE, cmd->actor);
	return r;
}

static enum room_result do_direct_message(struct ctx *c,
					  const struct room_cmd *cmd,
					  struct part *t)
{
	enum room_result r;

	if (!t->direct_chat || !cmd->actor->direct_chat ||
	    t->state != PART_INSIDE)
		return RR_REFUSED;
	r = chat(c, cmd);
	if (r != RR_OK)
		return r;
	room_emit(c, ACT_DIRECT_MESSAGE, cmd->actor);
	c->out->acts[c->out->n - 1].other = t;
	return RR_OK;
}

static enum room_result do_layout(struct ctx *c, const struct room_cmd *cmd,
				  struct part *t)
{
	static const char *const views[] = {"1:7", "1:0", "4:0", "9:0",
					    "16:0", "25:0"};

	(void)t;
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (!span_eq(cmd->text, span_str(views[i])))
			continue;
		if (!span_eq(span_str(c->r->view), cmd->text)) {
			memcpy(c->r->view, views[i], strlen(views[i]) + 1);
			c->plan = c->save = true;
		}
		return RR_OK;
	}
	return RR_ILLEGAL;
}

static enum room_result do_clear_all_buzz(struct ctx *c,
					  const struct room_cmd *cmd,
					  struct part *t)
{
	(void)cmd;
	(void)t;
	for (uint32_t i = 0; i < c->r->n_parts; i++) {
		struct part *p = c->r->parts[i];

		if (p->state == PART_GONE || !p->buzz_us)
			continue;
		p->buzz_us = 0;
		part_changed(c, p);
	}
	return RR_OK;
}

/* --- one participant ---------------------------------------------------------- */

static enum room_result do_kick(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	const bool self = t == cmd->actor;

	if (!self)
		room_emit_audit(c, "participant.disconnect", cmd->actor, t);
	c->why = self ? EXIT_RELEASED : EXIT_KICKED;
	part_event(c, t, PEV_LEAVE);
	return RR_OK;
}

static enum room_result do_mute(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	if (t != cmd->actor && !t->muted)
		room_emit_audit(c, "participant.mute", cmd->actor, t);
	set_muted(c, t, true);
	return RR_OK;
}

static enum room_result do_unmute(struct ctx *c, const struct room_cmd *cmd,
				  struct part *t)
{
	if (t != cmd->actor && t->muted)
		room_emit_audit(c, "participant.unmute", cmd->actor, t);
	set_muted(c, t, false);
	return RR_OK;
}

static void set_flag(struct ctx *c, struct part *p, bool *flag, bool on)
{
	if (*flag == on)
		return;
	*flag = on;
	part_changed(c, p);
}

static enum room_result do_client_mute(struct ctx *c,
				       const struct room_cmd *cmd,
				       struct part *t)
{
	set_flag(c, t, &t->client_muted, cmd->op == RC_P_CLIENT_MUTE);
	return RR_OK;
}

static enum room_result do_video(struct ctx *c, const struct room_cmd *cmd,
				 struct part *t)
{
	const bool on = cmd->op == RC_P_VIDEO_MUTED;

	if (t->video_muted == on)
		return RR_OK;
	t->video_muted = on;
	room_emit(c, ACT_LEG_SET, t);
	room_emit(c, ACT_PERSON, t);
	part_changed(c, t);
	c->plan = true;
	return RR_OK;
}

static enum room_result do_admit(struct ctx *c, const struct room_cmd *cmd,
				 struct part *t)
{
	if (part_is_waiting(t))
		room_emit_audit(c, "participant.admit", cmd->actor, t);
	part_event(c, t, PEV_ADMIT);
	return RR_OK;
}

static enum room_result do_take_floor(struct ctx *c,
				      const struct room_cmd *cmd,
				      struct part *t)
{
	(void)t;
	if (!bucket_take(&cmd->actor->floor, c->now_ns, FLOOR_PER_S,
			 FLOOR_BURST))
		return RR_BUSY;
	return floor_take(c, cmd->actor);
}

static enum room_result do_release_floor(struct ctx *c,
					 const struct room_cmd *cmd,
					 struct part *t)
{
	(void)t;
	return floor_release(c, cmd->actor);
}

static enum room_result do_slides(struct ctx *c, const struct room_cmd *cmd,
				  struct part *t)
{
	const bool deny = cmd->op == RC_P_DENY_SLIDES;

	if (t->no_slides == deny)
		return RR_OK;
	t->no_slides = deny;
	room_emit_audit(c, deny ? "participant.denyrxpresentation" :
			"participant.allowrxpresentation", cmd->actor, t);
	room_emit(c, ACT_LEG_SET, t);
	room_emit(c, ACT_SHOWN, t);
	part_changed(c, t);
	c->plan = true;
	return RR_OK;
}

/* Whoever moves it, and however many do: a camera has one pace. A stop always
 * passes, or the camera would run on. */
static enum room_result do_fecc(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	const bool is_start = cmd->camera.action == ROOM_CAMERA_START;

	if (cmd->camera.action == ROOM_CAMERA_NONE || !t->leg.camera ||
	    t->state != PART_INSIDE)
		return RR_REFUSED;
	if (cmd->camera.action != ROOM_CAMERA_STOP &&
	    !bucket_take(&t->camera, c->now_ns, CAMERA_PER_S, CAMERA_BURST))
		return RR_BUSY;
	if (is_start && t != cmd->actor)
		room_emit_audit(c, "participant.fecc", cmd->actor, t);
	room_emit(c, ACT_CAMERA, cmd->actor);
	c->out->acts[c->out->n - 1].other = t;
	return RR_OK;
}

static enum room_result do_nothing(struct ctx *c, const struct room_cmd *cmd,
				   struct part *t)
{
	(void)c;
	(void)cmd;
	(void)t;
	return RR_OK;
}

static enum room_result do_buzz(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	const bool on = cmd->op == RC_P_BUZZ;

	if (on == (t->buzz_us != 0))
		return RR_OK;
	t->buzz_us = on ? c->wall_us : 0;
	part_changed(c, t);
	return RR_OK;
}

static enum room_result do_spotlight(struct ctx *c,
				     const struct room_cmd *cmd,
				     struct part *t)
{
	const bool on = cmd->op == RC_P_SPOTLIGHT_ON;

	if (on == (t->spotlight_us != 0))
		return RR_OK;
	t->spotlight_us = on ? c->wall_us : 0;
	part_changed(c, t);
	c->plan = true;
	return RR_OK;
}

static enum room_result do_role(struct ctx *c, const struct room_cmd *cmd,
				struct part *t)
{
	const bool host = span_eq_nocase(cmd->text, SPAN_LIT("chair")) ||
			  span_eq_nocase(cmd->text, SPAN_LIT("host"));

	if (!host && !span_eq_nocase(cmd->text, SPAN_LIT("guest")))
		return RR_ILLEGAL;
	if (host == t->host)
		return RR_OK;
	room_emit_audit(c, host ? "participant.promote" : "participant.demote",
			cmd->actor, t);
	t->host = host;
	part_event(c, t, host ? PEV_PROMOTE : PEV_DEMOTE);
	floor_check(c, t);
	room_emit(c, ACT_ROLE, t);
	part_changed(c, t);
	room_emit(c, ACT_SYNC, t);
	room_emit(c, ACT_REFRESH, t);
	c->plan = true;
	if (host && part_has_media(t))
		room_start(c);
	return RR_OK;
}

static enum room_result do_overlay(struct ctx *c, const struct room_cmd *cmd,
				   struct part *t)
{
	if (cmd->text.n > PART_NAME_MAX || !span_is_utf8(cmd->text))
		return RR_ILLEGAL;
	part_clean_name(t->overlay, cmd->text.n ? cmd->text :
			span_str(t->name));
	room_emit(c, ACT_PERSON, t);
	part_changed(c, t);
	return RR_OK;
}

/* --- the table ------------------------------------------------------------------ */

enum {
	HOST = WHO_HOST,
	P_HOST = WHO_HOST | WHO_TARGET,
	P_BOTH = WHO_HOST | WHO_SELF | WHO_TARGET,
	P_SELF = WHO_SELF | WHO_TARGET,
	WAITING = WHO_WAITING,
};

static const struct room_op_row rows[RC_COUNT] = {
	[RC_LOCK] = {"lock", HOST, do_lock},
	[RC_UNLOCK] = {"unlock", HOST, do_unlock},
	[RC_START] = {"start_conference", HOST, do_start},
	[RC_MUTE_GUESTS] = {"muteguests", HOST, do_mute_guests},
	[RC_UNMUTE_GUESTS] = {"unmuteguests", HOST, do_unmute_guests},
	[RC_GUESTS_CAN_UNMUTE] = {"set_guests_can_unmute", HOST,
				  do_can_unmute},
	[RC_DISCONNECT_ALL] = {"disconnect", HOST | WHO_CHEAP,
			       do_disconnect_all},
	[RC_MESSAGE] = {"message", WHO_ANY | WHO_CHEAP, do_message},
	[RC_CLEAR_ALL_BUZZ] = {"clearallbuzz", HOST, do_clear_all_buzz},
	[RC_LAYOUT] = {"transform_layout", HOST, do_layout},
	[RC_P_DISCONNECT] = {"P disconnect", P_BOTH | WAITING | WHO_CHEAP,
			     do_kick},
	[RC_P_MUTE] = {"P mute", P_BOTH | WAITING, do_mute},
	[RC_P_UNMUTE] = {"P unmute", P_HOST | WHO_SELF_UNMUTE, do_unmute},
	[RC_P_CLIENT_MUTE] = {"P client_mute", P_SELF | WAITING,
			      do_client_mute},
	[RC_P_CLIENT_UNMUTE] = {"P client_unmute", P_SELF | WAITING,
				do_client_mute},
	[RC_P_VIDEO_MUTED] = {"P video_muted", P_BOTH | WAITING, do_video},
	[RC_P_VIDEO_UNMUTED] = {"P video_unmuted", P_BOTH | WAITING, do_video},
	[RC_P_ADMIT] = {"P unlock", P_HOST, do_admit},
	[RC_P_TAKE_FLOOR] = {"P take_floor", P_SELF | WHO_CHEAP,
			     do_take_floor},
	[RC_P_RELEASE_FLOOR] = {"P release_floor", P_SELF | WHO_CHEAP | WAITING,
				do_release_floor},
	[RC_P_BUZZ] = {"P buzz", P_SELF, do_buzz},
	[RC_P_CLEAR_BUZZ] = {"P clearbuzz", P_BOTH, do_buzz},
	[RC_P_SPOTLIGHT_ON] = {"P spotlighton", P_HOST, do_spotlight},
	[RC_P_SPOTLIGHT_OFF] = {"P spotlightoff", P_HOST, do_spotlight},
	[RC_P_ROLE] = {"P role", P_HOST, do_role},
	[RC_P_ASPECT] = {"P preferred_aspect_ratio",
			 P_SELF | WHO_CHEAP | WAITING, do_nothing},
	[RC_P_MESSAGE] = {"P message", WHO_ANY | WHO_TARGET | WHO_CHEAP,
			  do_direct_message},
	[RC_P_OVERLAY] = {"P overlaytext", P_HOST, do_overlay},
	[RC_P_ALLOW_SLIDES] = {"P allowrxpresentation", P_HOST, do_slides},
	[RC_P_DENY_SLIDES] = {"P denyrxpresentation", P_HOST, do_slides},
	[RC_P_FECC] = {"P fecc", P_HOST | WHO_CHEAP, do_fecc},
};

const struct room_op_row *room_op_row(enum room_op op)
{
	return op > RC_NONE && op < RC_COUNT ? &rows[op] : NULL;
}

const char *room_op_name(enum room_op op)
{
	const struct room_op_row *row = room_op_row(op);

	return row ? row->name : "?";
}

unsigned room_op_who(enum room_op op)
{
	const struct room_op_row *row = room_op_row(op);

	return row ? row->who : 0;
}

/* Before the target is looked for: a guest must not learn from the answer
 * who is there. */
static bool may_ask(const struct part *a, unsigned who)
{
	if (a->state != PART_INSIDE)
		return a->state != PART_GONE && (who & WHO_WAITING);
	return a->host || (who & (WHO_SELF | WHO_ANY | WHO_SELF_UNMUTE));
}

static bool may_do(const struct room *r, const struct part *a,
		   const struct part *t, unsigned who)
{
	const bool self = t == a;

	if (a->state != PART_INSIDE)
		return self && (who & WHO_SELF) && (who & WHO_WAITING);
	if ((who & WHO_ANY) || ((who & WHO_HOST) && a->host))
		return true;
	if ((who & WHO_SELF_UNMUTE) && self)
		return r->guests_can_unmute;
	return (who & WHO_SELF) && self;
}

static struct part *find_target(const struct room *r,
				const struct room_cmd *c)
{
	struct part *t = c->target.n ? room_part_by_uuid(r, c->target) :
			 c->actor;

	return t && room_sees(c->actor, t) ? t : NULL;
}

enum room_result room_command(struct room *r, const struct room_cmd *cmd,
			      uint64_t now_ns, int64_t wall_us,
			      struct room_out *out)
{
	const struct room_op_row *row = room_op_row(cmd->op);
	struct part *t = cmd->actor;
	enum room_result res;
	struct ctx c;

	if (!row || !may_ask(cmd->actor, row->who)) {
		r->refused++;
		return RR_INVALID_ROLE;
	}
	if (row->who & WHO_TARGET) {
		t = find_target(r, cmd);
		if (!t)
			return RR_NOT_FOUND;
	}
	if (!may_do(r, cmd->actor, t, row->who)) {
		r->refused++;
		return RR_INVALID_ROLE;
	}
	if (!(row->who & WHO_CHEAP) &&
	    !bucket_take(&cmd->actor->cmds, now_ns, CMD_PER_S, CMD_BURST))
		return RR_BUSY;
	if (room_begin(&c, r, now_ns, out) < 0)
		return RR_BUSY;
	c.wall_us = wall_us;
	res = row->run(&c, cmd, t);
	room_finish(&c);
	return res;
}
