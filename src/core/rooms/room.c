#include "core/rooms/room_int.h"

#include <stdio.h>

#include "base/alloc.h"

/* The most that one call can say: each person may leave (eight actions) or
 * be moved and muted, and the room as a whole has its own few. */
enum { ACTS_PER_PART = 10, ACTS_FIXED = 40 };

void room_out_release(struct room_out *o)
{
	mem_free(o->acts);
	*o = (struct room_out){0};
}

int room_begin(struct ctx *c, struct room *r, uint64_t now_ns,
	       struct room_out *out)
{
	const uint32_t want = out->n + ACTS_FIXED +
			      ACTS_PER_PART * (r->n_parts + 1);

	*c = (struct ctx){.r = r, .out = out, .now_ns = now_ns};
	if (want > out->cap) {
		void *p = mem_realloc(out->acts, want * sizeof(*out->acts));

		if (!p)
			return E_NOMEM;
		out->acts = p;
		out->cap = want;
	}
	return 0;
}

static struct room_act *emit(struct ctx *c, enum room_act_kind kind,
			     struct part *p)
{
	struct room_out *o = c->out;

	/* Reserved by room_begin(); a test walks the worst cases. */
	if (o->n == o->cap) {
		c->r->refused++;
		return &c->nowhere;
	}
	o->acts[o->n] = (struct room_act){.kind = kind, .part = p};
	return &o->acts[o->n++];
}

void room_emit(struct ctx *c, enum room_act_kind kind, struct part *p)
{
	(void)emit(c, kind, p);
}

void room_emit_row(struct ctx *c, enum room_act_kind kind, enum room_aud aud,
		   struct part *p)
{
	emit(c, kind, p)->aud = aud;
}

void room_emit_audit(struct ctx *c, const char *action, struct part *who,
		     struct part *target)
{
	struct room_act *a = emit(c, ACT_AUDIT, who);

	a->text = action;
	a->other = target;
}

void room_emit_floor(struct ctx *c, struct part *now, struct part *before)
{
	emit(c, ACT_FLOOR, now)->other = before;
}

static void emit_disconnect(struct ctx *c, struct part *p, const char *reason)
{
	emit(c, ACT_DISCONNECT, p)->text = reason;
}

static void emit_leg_close(struct ctx *c, struct part *p)
{
	if (p->leg.leg)
		emit(c, ACT_LEG_CLOSE, p)->leg = p->leg.leg;
}

/* --- views ----------------------------------------------------------------- */

bool part_is_waiting(const struct part *p)
{
	return p->state == PART_WAIT_HOST || p->state == PART_WAIT_LOCK;
}

bool part_has_media(const struct part *p)
{
	return p->leg.phase == LEG_SECURE;
}

bool room_sees(const struct part *viewer, const struct part *p)
{
	const enum part_state s = p->state == PART_GONE ? p->was : p->state;

	if (viewer == p)
		return true;
	if (viewer->state != PART_INSIDE)
		return false;
	return s == PART_INSIDE || (viewer->host && s != PART_GONE);
}

bool room_in_audience(enum room_aud aud, const struct part *viewer,
		      const struct part *p)
{
	const bool inside = viewer->state == PART_INSIDE;

	switch (aud) {
	case AUD_SEEING:
		return room_sees(viewer, p);
	case AUD_HOSTS:
		return viewer == p || (inside && viewer->host);
	case AUD_GUESTS:
		return viewer != p && inside && !viewer->host;
	case AUD_NONE:
		break;
	}
	return false;
}

struct room_counts room_count(const struct room *r)
{
	struct room_counts n = {0};

	for (uint32_t i = 0; i < r->n_parts; i++) {
		const struct part *p = r->parts[i];

		n.waiting += part_is_waiting(p);
		n.hosts += p->state == PART_INSIDE && p->host;
		n.guests += p->state == PART_INSIDE && !p->host;
	}
	return n;
}

struct part *room_part(const struct room *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->n_parts; i++)
		if (r->parts[i]->id == id && r->parts[i]->state != PART_GONE)
			return r->parts[i];
	return NULL;
}

struct part *room_part_by_uuid(const struct room *r, struct span uuid)
{
	for (uint32_t i = 0; i < r->n_parts; i++)
		if (r->parts[i]->state != PART_GONE &&
		    span_eq_nocase(span_str(r->parts[i]->uuid), uuid))
			return r->parts[i];
	return NULL;
}

struct part *room_part_by_leg(const struct room *r, uint64_t leg)
{
	for (uint32_t i = 0; leg && i < r->n_parts; i++)
		if (r->parts[i]->leg.leg == leg &&
		    r->parts[i]->state != PART_GONE)
			return r->parts[i];
	return NULL;
}

/* --- the participant's table ------------------------------------------------- */

void part_changed(struct ctx *c, struct part *p)
{
	room_emit_row(c, ACT_ROW_UPDATE, AUD_SEEING, p);
	room_emit(c, ACT_SAVE_PART, p);
}

static struct place_facts facts_of(const struct room *r, const struct part *p)
{
	return (struct place_facts){.host = p->host,
				    .has_host_pin = r->cfg.has_host_pin,
				    .locked = r->locked && !p->bypass_lock,
				    .started = r->started};
}

static void part_admit(struct ctx *c, struct part *p)
{
	p->state = PART_INSIDE;
	p->waiting_until_ns = 0;
	room_emit_row(c, ACT_ROW_UPDATE, AUD_HOSTS, p);
	room_emit_row(c, ACT_ROW_CREATE, AUD_GUESTS, p);
	room_emit(c, ACT_SYNC, p);
	room_emit(c, ACT_LEG_SET, p);
	room_emit(c, ACT_SAVE_PART, p);
	c->plan = true;
	if (p->host && part_has_media(p))
		room_start(c);
}

static void part_move(struct ctx *c, struct part *p, enum part_state to)
{
	if (p->state == to)
		return;
	if (to == PART_INSIDE) {
		part_admit(c, p);
		return;
	}
	/* From one waiting screen to the other: his time goes on. */
	p->state = to;
	room_emit(c, ACT_SAVE_PART, p);
	c->plan = true;
}

void part_event(struct ctx *c, struct part *p, enum part_ev ev)
{
	struct place_facts f;

	switch (part_cell(p->state, ev)) {
	case PN_STAY:
		return;
	case PN_PLACE:
		f = facts_of(c->r, p);
		part_move(c, p, part_place(&f));
		return;
	case PN_INSIDE:
		part_move(c, p, PART_INSIDE);
		return;
	case PN_GONE:
		part_leave(c, p, c->why);
		return;
	case PN_REFUSE:
	case PN_COUNT:
		break;
	}
	c->r->refused++;
}

static void everybody(struct ctx *c, enum part_ev ev)
{
	for (uint32_t i = 0; i < c->r->n_parts; i++)
		if (c->r->parts[i]->state != PART_GONE)
			part_event(c, c->r->parts[i], ev);
}

void room_start(struct ctx *c)
{
	if (c->r->started)
		return;
	c->r->started = true;
	c->status = c->save = true;
	everybody(c, PEV_START);
}

static const struct {
	const char *text;
	const char *action;	/* audit */
	bool may_return;
} exits[EXIT_COUNT] = {
	[EXIT_RELEASED] = {NULL, "participant.leave", true},
	[EXIT_EXPIRED] = {"Timer expired awaiting token refresh",
			  "participant.expire", true},
	[EXIT_KICKED] = {"Disconnected by another participant",
			 "participant.remove", false},
	[EXIT_ADMIN] = {"Disconnected by an administrator",
			"participant.remove", false},
	[EXIT_ALL_KICKED] = {"Conference terminated by another participant",
			     "participant.remove", false},
	[EXIT_ADMIN_ALL] = {"Conference terminated by an administrator",
			    "participant.remove", false},
	[EXIT_WAITED] = {"Timeout waiting for conference host to join or "
			 "permit access to locked conference",
			 "participant.waited", false},
	[EXIT_NO_HOST] = {"All conference hosts departed hosted conference",
			  "participant.remove", false},
	[EXIT_LAST] = {"Last remaining participant removed from conference "
		       "after timeout", "participant.remove", false},
	[EXIT_NOBODY] = {"No participants can keep conference alive",
			 "participant.remove", false},
	[EXIT_TEST] = {"Test call finished", "participant.leave", false},
};

const char *room_exit_text(enum room_exit e)
{
	return e < EXIT_COUNT ? exits[e].text : NULL;
}

bool room_exit_may_return(enum room_exit e)
{
	return e < EXIT_COUNT && exits[e].may_return;
}

void part_leave(struct ctx *c, struct part *p, enum room_exit why)
{
	if (p->state == PART_GONE)
		return;
	p->was = p->state;
	p->state = PART_GONE;
	p->waiting_until_ns = 0;
	room_emit(c, ACT_FORGET_PART, p);
	room_emit(c, exits[why].may_return ? ACT_DETACH : ACT_REVOKE, p);
	emit_disconnect(c, p, exits[why].text);
	emit_leg_close(c, p);
	floor_check(c, p);
	room_emit(c, ACT_PERSON, p);
	/* When everybody goes nobody is left to be told. */
	if (c->r->state != ROOM_ENDING)
		room_emit_row(c, ACT_ROW_DELETE, AUD_SEEING, p);
	room_emit_audit(c, exits[why].action, p, NULL);
	c->plan = true;
}

/* --- the room's table ---------------------------------------------------------- */

static void do_stop(struct ctx *c)
{
	const struct room_counts n = room_count(c->r);

	c->r->guests_only_until_ns = 0;
	if (n.hosts + n.guests)
		return;
	c->r->started = false;
	c->status = c->save = true;
	everybody(c, PEV_STOP);
	/* Whoever waits at the lock of a room without a host PIN waits for
	 * people who are gone. */
	if (!c->r->cfg.has_host_pin) {
		c->why = EXIT_NOBODY;
		(void)room_fire(c, REV_END);
	}
}

static void do_finish(struct ctx *c)
{
	for (uint32_t i = 0; i < c->r->n_parts; i++)
		part_leave(c, c->r->parts[i], c->why);
}

static void reset_meeting(struct room *r)
{
	r->locked = r->cfg.locked;
	r->started = false;
	r->guests_muted = r->cfg.mute_all_guests;
	r->guests_can_unmute = true;
	r->guests_only_until_ns = r->last_until_ns = 0;
	r->presenter = 0;
	memcpy(r->view, r->cfg.view, sizeof(r->view));
}

bool room_fire(struct ctx *c, enum room_ev ev)
{
	struct room *r = c->r;
	const struct room_cell cell = room_cell(r->state, ev);
	const enum room_state old = r->state;

	if (cell.act == RD_REFUSE) {
		r->refused++;
		return false;
	}
	r->state = cell.next;
	c->save |= old != cell.next;
	switch (cell.act) {
	case RD_OPEN:
		room_emit(c, ACT_ROOM_OPEN, NULL);
		break;
	case RD_START_GUEST_TIMER:
		r->guests_only_until_ns = c->now_ns +
					  r->cfg.guests_only_s * NS_PER_S;
		break;
	case RD_STOP_GUEST_TIMER:
		r->guests_only_until_ns = 0;
		break;
	case RD_STOP:
		do_stop(c);
		break;
	case RD_FINISH:
		do_finish(c);
		break;
	case RD_CLOSE:
		reset_meeting(r);
		room_emit(c, ACT_ROOM_END, NULL);
		break;
	default:
		break;
	}
	return r->state != old;
}

static void settle(struct ctx *c)
{
	struct room *r = c->r;
	struct room_counts n = room_count(r);

	/* Each round ends in a state whose own fact holds; the longest way is
	 * hosted, lobby, ending, idle. */
	for (int i = 0; i < ROOM_STATE_COUNT; i++) {
		if (!room_fire(c, room_fact(&n, r->started)))
			break;
		n = room_count(r);
	}
	if (!r->cfg.last_s || n.hosts + n.guests != 1)
		r->last_until_ns = 0;
	else if (!r->last_until_ns)
		r->last_until_ns = c->now_ns + r->cfg.last_s * NS_PER_S;
}

void room_finish(struct ctx *c)
{
	settle(c);
	if (c->r->state == ROOM_IDLE)
		return;
	if (c->save)
		room_emit(c, ACT_SAVE_ROOM, NULL);
	if (c->status)
		room_emit(c, ACT_STATUS, NULL);
	if (c->plan)
		room_emit(c, ACT_PLAN, NULL);
}

/* --- life ------------------------------------------------------------------------ */

int room_new(struct room **out, uint64_t id, uint32_t conf,
	     const struct room_cfg *cfg)
{
	struct room *r = mem_zalloc(sizeof(*r));

	if (!r)
		return E_NOMEM;
	r->id = id;
	r->conf = conf;
	r->cfg = *cfg;
	r->next_serial = 1;
	reset_meeting(r);
	*out = r;
	return 0;
}

void room_free(struct room **pr)
{
	struct room *r = *pr;

	if (!r)
		return;
	for (uint32_t i = 0; i < r->n_parts; i++)
		mem_free(r->parts[i]);
	mem_free(r->parts);
	mem_free(r);
	*pr = NULL;
}

void room_sweep(struct room *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_parts; i++) {
		if (r->parts[i]->state == PART_GONE)
			mem_free(r->parts[i]);
		else
			r->parts[n++] = r->parts[i];
	}
	r->n_parts = n;
}

static void earlier(uint64_t *t, uint64_t due_ns)
{
	if (due_ns && due_ns < *t)
		*t = due_ns;
}

uint64_t room_due_ns(const struct room *r)
{
	uint64_t t = UINT64_MAX;

	earlier(&t, r->guests_only_until_ns);
	earlier(&t, r->last_until_ns);
	for (uint32_t i = 0; i < r->n_parts; i++)
		if (part_is_waiting(r->parts[i]))
			earlier(&t, r->parts[i]->waiting_until_ns);
	return t;
}

static bool is_due(uint64_t t, uint64_t now_ns)
{
	return t && t <= now_ns;
}

int room_tick(struct room *r, uint64_t now_ns, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	c.why = EXIT_WAITED;
	for (uint32_t i = 0; i < r->n_parts; i++)
		if (part_is_waiting(r->parts[i]) &&
		    is_due(r->parts[i]->waiting_until_ns, now_ns))
			part_event(&c, r->parts[i], PEV_LEAVE);
	if (is_due(r->guests_only_until_ns, now_ns)) {
		r->guests_only_until_ns = 0;
		c.why = EXIT_NO_HOST;
		(void)room_fire(&c, REV_GUESTS_TIMEOUT);
	}
	if (is_due(r->last_until_ns, now_ns)) {
		r->last_until_ns = 0;
		c.why = EXIT_LAST;
		(void)room_fire(&c, REV_LAST_TIMEOUT);
	}
	room_finish(&c);
	return 0;
}

static int add_part(struct room *r, struct part *p)
{
	if (r->n_parts == ROOM_PARTS_MAX)
		return E_FULL;
	if (r->n_parts == r->cap) {
		const uint32_t cap = r->cap ? r->cap * 2 : 8;
		void *m = mem_realloc(r->parts, cap * sizeof(*r->parts));

		if (!m)
			return E_NOMEM;
		r->parts = m;
		r->cap = cap;
	}
	r->parts[r->n_parts++] = p;
	return 0;
}

static void copy_text(char *dst, size_t cap, struct span s)
{
	if (span_cstr(s, dst, cap) < 0 || !span_is_utf8(s))
		dst[0] = 0;
}

static bool is_bidi_control(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e || cp == 0x200f;
}

/* The length of the UTF-8 character at s, and its code point. */
static size_t char_at(const uint8_t *s, uint32_t *cp)
{
	const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 :
			 s[0] < 0xf0 ? 3 : 4;

	*cp = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*cp = *cp << 6 | (s[i] & 0x3f);
	return n;
}

void part_clean_name(char dst[PART_NAME_MAX + 1], struct span raw)
{
	size_t at = 0, n;
	uint32_t cp;

	raw = span_is_utf8(raw) ? span_trim(raw) : SPAN_NONE;
	for (size_t i = 0; i < raw.n; i += n) {
		n = char_at(raw.p + i, &cp);
		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
		    is_bidi_control(cp) || cp == 0x2028 || cp == 0x2029)
			continue;
		if (at + n > PART_NAME_MAX)
			break;
		memcpy(dst + at, raw.p + i, n);
		at += n;
	}
	dst[at] = 0;
	if (!span_trim(span_of(dst, at)).n)
		memcpy(dst, "Guest", sizeof("Guest"));
}

static struct part *make_part(struct room *r, const struct room_join *j,
			      int64_t wall_us)
{
	struct part *p = mem_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->id = j->id;
	memcpy(p->uuid, j->uuid, sizeof(p->uuid));
	part_clean_name(p->name, j->name);
	memcpy(p->overlay, p->name, sizeof(p->overlay));
	copy_text(p->alias, sizeof(p->alias), j->alias);
	copy_text(p->call_tag, sizeof(p->call_tag), j->call_tag);
	copy_text(p->vendor, sizeof(p->vendor), j->vendor);
	if (j->remote.n)
		part_clean_name(p->remote, j->remote);
	memcpy(p->ip, j->ip, sizeof(p->ip));
	p->host = j->host;
	p->direct_chat = j->direct_chat;
	p->bypass_lock = j->bypass_lock;
	p->no_overlay = j->no_overlay;
	p->control_only = j->control_only;
	p->keeps = j->keeps;
	p->no_slides = j->no_slides;
	p->spotlight_us = j->spotlight_us;
	p->protocol = j->protocol;
	p->muted = r->guests_muted && !j->host;
	p->start_us = wall_us;
	return p;
}

int room_enter(struct room *r, const struct room_join *j, uint64_t now_ns,
	       int64_t wall_us, struct room_out *out, struct part **who)
{
	const struct room_counts n = room_count(r);
	struct place_facts f;
	struct part *p;
	struct ctx c;
	int e;

	if (r->state == ROOM_ENDING)
		return E_STATE;
	if (n.hosts + n.guests + n.waiting >= r->cfg.participant_limit)
		return E_FULL;
	e = room_begin(&c, r, now_ns, out);
	if (e < 0)
		return e;
	p = make_part(r, j, wall_us);
	if (!p)
		return E_NOMEM;
	e = add_part(r, p);
	if (e < 0) {
		mem_free(p);
		return e;
	}
	p->serial = r->next_serial++;
	f = facts_of(r, p);
	p->state = part_place(&f);
	if (part_is_waiting(p))
		p->waiting_until_ns = now_ns + r->cfg.waiting_s * NS_PER_S;
	room_emit_row(&c, ACT_ROW_CREATE, AUD_SEEING, p);
	room_emit(&c, ACT_SAVE_PART, p);
	room_emit_audit(&c, "participant.join", p, NULL);
	room_finish(&c);
	*who = p;
	return 0;
}

static void forget_leg(struct part *p)
{
	p->leg = (struct part_leg){0};
}

int room_return(struct room *r, struct part *p, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, 0, out);

	if (e < 0)
		return e;
	emit_disconnect(&c, p, "Call disconnected");
	emit_leg_close(&c, p);
	forget_leg(p);
	floor_check(&c, p);
	room_emit(&c, ACT_PERSON, p);
	part_changed(&c, p);
	room_emit_audit(&c, "participant.return", p, NULL);
	room_emit(&c, ACT_PLAN, NULL);
	return 0;
}

int room_restore_part(struct room *r, const struct part *saved)
{
	struct part *p;
	int e;

	if (saved->state == PART_GONE || saved->state >= PART_STATE_COUNT ||
	    !saved->id || !uuid_is_valid(span_str(saved->uuid)))
		return E_INVAL;
	if (room_part(r, saved->id) ||
	    room_part_by_uuid(r, span_str(saved->uuid)))
		return E_EXISTS;
	p = mem_dup(saved, sizeof(*saved));
	if (!p)
		return E_NOMEM;
	e = add_part(r, p);
	if (e < 0) {
		mem_free(p);
		return e;
	}
	if (p->serial >= r->next_serial)
		r->next_serial = p->serial + 1;
	return 0;
}

/* The journal keeps them nearly in order. */
static void sort_by_serial(struct room *r)
{
	for (uint32_t i = 1; i < r->n_parts; i++) {
		struct part *p = r->parts[i];
		uint32_t k = i;

		for (; k && r->parts[k - 1]->serial > p->serial; k--)
			r->parts[k] = r->parts[k - 1];
		r->parts[k] = p;
	}
}

int room_restore_done(struct room *r, uint64_t now_ns, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	sort_by_serial(r);
	if (r->state == ROOM_IDLE || r->state >= ROOM_ENDING)
		r->state = ROOM_LOBBY;
	if (r->state == ROOM_GUESTS_ONLY)
		r->guests_only_until_ns = now_ns +
					  r->cfg.guests_only_s * NS_PER_S;
	for (uint32_t i = 0; i < r->n_parts; i++)
		r->parts[i]->waiting_until_ns = part_is_waiting(r->parts[i]) ?
			now_ns + r->cfg.waiting_s * NS_PER_S : 0;
	room_emit(&c, ACT_ROOM_OPEN, NULL);
	c.plan = true;
	/* The journal may have lost him who presented. */
	if (!room_presenter(r))
		r->presenter = 0;
	else
		floor_check(&c, room_presenter(r));
	room_finish(&c);
	return 0;
}

int room_configure(struct room *r, const struct room_cfg *cfg,
		   uint64_t now_ns, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	c.status = cfg->chat_enabled != r->cfg.chat_enabled ||
		   cfg->guests_can_present != r->cfg.guests_can_present;
	r->cfg = *cfg;
	if (room_presenter(r))
		floor_check(&c, room_presenter(r));
	room_finish(&c);
	return 0;
}

/* --- a participant's call ------------------------------------------------------------ */

int room_leg_opening(struct room *r, struct part *p, uint64_t leg,
		     const char call[UUID_TEXT_LEN + 1], bool has_video,
		     struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, 0, out);

	if (e < 0)
		return e;
	emit_leg_close(&c, p);
	p->leg = (struct part_leg){.leg = leg, .phase = LEG_OPENING,
				   .has_video = has_video};
	memcpy(p->leg.call, call, sizeof(p->leg.call));
	room_emit(&c, ACT_SLIDES, p);
	room_emit(&c, ACT_SAVE_PART, p);
	return 0;
}

int room_leg_open(struct room *r, struct part *p, uint32_t codec,
		  uint32_t kbps_cap, uint64_t now_ns, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	if (p->leg.phase < LEG_OPEN)
		p->leg.phase = LEG_OPEN;
	p->leg.codec = codec;
	p->leg.kbps_cap = kbps_cap;
	room_emit(&c, ACT_PERSON, p);
	part_changed(&c, p);
	c.plan = true;
	room_finish(&c);
	return 0;
}

int room_leg_secure(struct room *r, struct part *p, bool sends_video,
		    uint64_t now_ns, struct room_out *out)
{
	const bool is_new = p->leg.phase != LEG_SECURE;
	struct ctx c;
	int e;

	if (p->leg.phase == LEG_NONE)
		return E_STATE;
	if (!is_new && p->leg.sends_video == sends_video)
		return 0;
	e = room_begin(&c, r, now_ns, out);
	if (e < 0)
		return e;
	p->leg.phase = LEG_SECURE;
	p->leg.sends_video = sends_video;
	room_emit(&c, ACT_PERSON, p);
	part_changed(&c, p);
	c.plan = true;
	if (p->host && p->state == PART_INSIDE)
		room_start(&c);
	room_finish(&c);
	return 0;
}

static bool is_same_takes(const struct part_takes *a,
			  const struct part_takes *b)
{
	return a->max_fs == b->max_fs && a->max_mbps == b->max_mbps;
}

int room_leg_takes(struct room *r, struct part *p,
		   const struct part_takes *t, struct room_out *out)
{
	struct ctx c;
	int e;

	if (p->leg.phase == LEG_NONE)
		return E_STATE;
	if (is_same_takes(&p->leg.takes, t))
		return 0;
	e = room_begin(&c, r, 0, out);
	if (e < 0)
		return e;
	p->leg.takes = *t;
	c.plan = true;
	room_finish(&c);
	return 0;
}

static bool is_same_slides(const struct part_slides *a,
			   const struct part_slides *b)
{
	return a->has == b->has && a->sends == b->sends &&
	       a->codec == b->codec && a->width == b->width &&
	       a->height == b->height && a->takes == b->takes &&
	       is_same_takes(&a->limits, &b->limits);
}

int room_leg_slides(struct room *r, struct part *p,
		    const struct part_slides *s, struct room_out *out)
{
	const bool is_row = p->leg.slides.has != s->has;
	struct ctx c;
	int e;

	if (p->leg.phase == LEG_NONE)
		return E_STATE;
	if (is_same_slides(&p->leg.slides, s))
		return 0;
	e = room_begin(&c, r, 0, out);
	if (e < 0)
		return e;
	p->leg.slides = *s;
	room_emit(&c, ACT_SLIDES, p);
	if (is_row)
		part_changed(&c, p);
	c.plan = true;
	room_finish(&c);
	return 0;
}

int room_leg_camera(struct room *r, struct part *p, bool can,
		    struct room_out *out)
{
	struct ctx c;
	int e;

	if (p->leg.phase == LEG_NONE)
		return E_STATE;
	if (p->leg.camera == can)
		return 0;
	e = room_begin(&c, r, 0, out);
	if (e < 0)
		return e;
	p->leg.camera = can;
	part_changed(&c, p);
	room_finish(&c);
	return 0;
}

int room_leg_gone(struct room *r, struct part *p, bool by_peer,
		  uint64_t now_ns, struct room_out *out)
{
	struct part_leg lost = {0};
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	/* A call that media lost keeps its name: `update` brings it back. */
	if (by_peer)
		emit_leg_close(&c, p);
	else
		memcpy(lost.call, p->leg.call, sizeof(lost.call));
	p->leg = lost;
	floor_check(&c, p);
	room_emit(&c, ACT_PERSON, p);
	part_changed(&c, p);
	c.plan = true;
	room_finish(&c);
	return 0;
}

/* --- leaving --------------------------------------------------------------------------- */

int room_leave(struct room *r, struct part *p, enum room_exit why,
	       uint64_t now_ns, struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	c.why = why;
	part_event(&c, p, PEV_LEAVE);
	room_finish(&c);
	return 0;
}

int room_end(struct room *r, enum room_exit why, uint64_t now_ns,
	     struct room_out *out)
{
	struct ctx c;
	int e = room_begin(&c, r, now_ns, out);

	if (e < 0)
		return e;
	c.why = why;
	(void)room_fire(&c, REV_END);
	room_finish(&c);
	return 0;
}

/* --- invariants --------------------------------------------------------------------------- */

static const char *part_broken(const struct part *p)
{
	if (p->state >= PART_STATE_COUNT)
		return "participant state out of range";
	if (p->state == PART_WAIT_HOST && p->host)
		return "a host waits for a host";
	if (part_is_waiting(p) != (p->waiting_until_ns != 0))
		return "waiting without a limit, or a limit without waiting";
	if (!p->leg.leg && p->leg.phase != LEG_NONE)
		return "a phase without a leg";
	return NULL;
}

static const char *floor_broken(const struct room *r)
{
	const struct part *p = room_presenter(r);

	if (r->presenter && !p)
		return "who presents is not there";
	if (p && !floor_may_hold(r, p))
		return "who presents may not";
	return NULL;
}

static const char *state_broken(const struct room *r)
{
	const struct room_counts n = room_count(r);
	const uint32_t inside = n.hosts + n.guests;

	if (r->started && !inside)
		return "started with nobody inside";
	if ((r->state == ROOM_GUESTS_ONLY) != (r->guests_only_until_ns != 0))
		return "guest timer and state disagree";
	switch (r->state) {
	case ROOM_IDLE:
		return inside + n.waiting ? "people in an idle room" : NULL;
	case ROOM_LOBBY:
		return room_fact(&n, r->started) != REV_LOBBY ?
			"no lobby" : NULL;
	case ROOM_HOSTED:
		return room_fact(&n, r->started) != REV_HOSTED ?
			"hosted without a host" : NULL;
	case ROOM_GUESTS_ONLY:
		return room_fact(&n, r->started) != REV_GUESTS ?
			"guests only, but not" : NULL;
	default:
		return "at rest in a state of passage";
	}
}

const char *room_broken(const struct room *r)
{
	const char *why;

	for (uint32_t i = 0; i < r->n_parts; i++) {
		why = part_broken(r->parts[i]);

		if (why)
			return why;
	}
	why = floor_broken(r);
	return why ? why : state_broken(r);
}
