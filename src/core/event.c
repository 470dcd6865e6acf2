/* Events to the streams of participants: who hears what, once formatted for
 * all who hear the same. */
#include "core/camera.h"
#include "core/core.h"

#include "base/alloc.h"

/* Streams of one web link that get the same event. */
struct group {
	uint32_t numbers[IPC_STREAMS_MAX];
	size_t n;
};

struct fan {
	struct group *g;		/* CORE_WEBS_MAX */
};

static int fan_begin(struct fan *f)
{
	f->g = mem_alloc(CORE_WEBS_MAX * sizeof(*f->g));
	for (size_t i = 0; f->g && i < CORE_WEBS_MAX; i++)
		f->g[i].n = 0;
	return f->g ? 0 : E_NOMEM;
}

static void send_event(struct web *w, Cv__Event *ev, const uint32_t *numbers,
		       size_t n)
{
	ev->streams = (uint32_t *)(uintptr_t)numbers;
	ev->n_streams = n;
	w->c->stats.events++;
	/* A web that does not keep up loses its channel, not single events. */
	(void)ipc_send(ipc_ev_chan(w->ev), EVENT, ev);
}

static void fan_add(struct fan *f, const struct member *mb)
{
	list_each(e, tmp, &mb->streams) {
		const struct stream *s = list_entry(e, struct stream, at);
		struct group *g = &f->g[s->web - mb->c->webs];

		if (s->live && g->n < IPC_STREAMS_MAX)
			g->numbers[g->n++] = s->number;
	}
}

static void fan_send(struct fan *f, struct core *c, Cv__Event *ev)
{
	for (size_t i = 0; i < CORE_WEBS_MAX; i++) {
		if (!f->g[i].n || !c->webs[i].ev)
			continue;
		send_event(&c->webs[i], ev, f->g[i].numbers, f->g[i].n);
		f->g[i].n = 0;
	}
}

static void fan_end(struct fan *f)
{
	mem_free(f->g);
}

static ProtobufCBinaryData text(const char *s)
{
	return ipc_data(span_str(s));
}

/* --- rows -------------------------------------------------------------------- */

static const char *uri_of(const struct part *p)
{
	return p->remote[0] ? p->remote : p->name;
}

Cv__ServiceType event_service(const struct service *sv)
{
	return sv->gateway ? CV__SERVICE_TYPE__SERVICE_GATEWAY :
	       sv->kind == SERVICE_KIND_TEST ?
	       CV__SERVICE_TYPE__SERVICE_TEST_CALL :
	       CV__SERVICE_TYPE__SERVICE_CONFERENCE;
}

void event_fill_row(const struct meeting *m, const struct part *p,
		    bool for_host, Cv__ParticipantRow *row)
{
	cv__participant_row__init(row);
	row->uuid = text(p->uuid);
	row->display_name = text(p->name);
	row->overlay_text = text(p->no_overlay ? "" : p->overlay);
	row->host = p->host;
	row->service = part_is_waiting(p) ?
		CV__SERVICE_TYPE__SERVICE_WAITING_ROOM :
		event_service(&m->sv);
	row->protocol = p->protocol ? (uint32_t)p->protocol :
			p->leg.phase >= LEG_OPEN ? 1 : 0;
	row->has_media = part_has_media(p);
	row->is_video_call = p->leg.phase >= LEG_OPEN && p->leg.has_video;
	row->is_audio_only = p->leg.phase >= LEG_OPEN && !p->leg.has_video;
	row->is_muted = p->muted;
	row->is_client_muted = p->client_muted;
	row->is_video_muted = p->video_muted;
	row->is_video_silent = part_has_media(p) && p->leg.has_video &&
			       !p->leg.sends_video;
	row->encrypted = part_has_media(p) && !p->leg.clear;
	row->start_time_us = p->start_us;
	row->buzz_time_us = p->buzz_us;
	row->spotlight_us = p->spotlight_us;
	row->call_tag = text(p->call_tag);
	row->local_alias = text(p->alias);
	row->supports_direct_chat = p->direct_chat;
	row->is_presenting = m->room->presenter == p->id;
	row->rx_presentation_denied = p->no_slides;
	row->presentation_supported = p->leg.slides.has;
	row->presentation_in_mix = part_needs_mix(p);
	row->fecc_supported = p->leg.camera && camera_is_on(m->c);
	if (!for_host)
		return;
	row->uri = text(uri_of(p));
	row->vendor = text(p->vendor);
}

static Cv__EventKind row_kind(enum room_act_kind k)
{
	return k == ACT_ROW_CREATE ? CV__EVENT_KIND__EV_PARTICIPANT_CREATE :
	       k == ACT_ROW_UPDATE ? CV__EVENT_KIND__EV_PARTICIPANT_UPDATE :
	       CV__EVENT_KIND__EV_PARTICIPANT_DELETE;
}

static void row_to(struct meeting *m, struct fan *f, bool hosts,
		   enum room_act_kind kind, enum room_aud aud,
		   const struct part *p)
{
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ParticipantRow row;

	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *v = m->room->parts[i];
		const struct member *mb;

		if (v->host != hosts || !room_in_audience(aud, v, p))
			continue;
		mb = member_of(m->c, v);
		/* Whoever was removed has been told by `disconnect`. */
		if (mb && v->state != PART_GONE)
			fan_add(f, mb);
	}
	ev.kind = row_kind(kind);
	if (kind == ACT_ROW_DELETE) {
		ev.uuid = text(p->uuid);
	} else {
		event_fill_row(m, p, hosts, &row);
		ev.row = &row;
	}
	fan_send(f, m->c, &ev);
}

void event_row(struct meeting *m, enum room_act_kind kind, enum room_aud aud,
	       const struct part *p)
{
	struct fan f;

	if (fan_begin(&f) < 0)
		return;
	row_to(m, &f, true, kind, aud, p);
	row_to(m, &f, false, kind, aud, p);
	fan_end(&f);
}

/* --- the room ------------------------------------------------------------------ */

void event_fill_status(const struct meeting *m, Cv__ConferenceStatus *st)
{
	const struct room *r = m->room;

	cv__conference_status__init(st);
	st->locked = r->locked;
	st->guests_muted = r->guests_muted;
	st->started = r->started;
	st->guests_can_present = r->cfg.guests_can_present;
	st->guests_can_unmute = r->guests_can_unmute;
	st->chat_enabled = r->cfg.chat_enabled;
	st->presentation_allowed = r->cfg.guests_can_present;
}

static void to_all(struct meeting *m, Cv__Event *ev, bool inside_only,
		   const struct part *except)
{
	struct fan f;

	if (fan_begin(&f) < 0)
		return;
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *v = m->room->parts[i];
		const struct member *mb = member_of(m->c, v);

		if (!mb || v == except || v->state == PART_GONE ||
		    (inside_only && v->state != PART_INSIDE))
			continue;
		fan_add(&f, mb);
	}
	fan_send(&f, m->c, ev);
	fan_end(&f);
}

void event_status(struct meeting *m)
{
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ConferenceStatus st;

	event_fill_status(m, &st);
	ev.kind = CV__EVENT_KIND__EV_CONFERENCE_UPDATE;
	ev.status = &st;
	to_all(m, &ev, false, NULL);
}

static void to_member(struct member *mb, Cv__Event *ev)
{
	if (!mb)
		return;
	list_each(e, tmp, &mb->streams) {
		struct stream *s = list_entry(e, struct stream, at);

		send_event(s->web, ev, &s->number, 1);
	}
}

void event_message(struct meeting *m, const struct part *from,
		   const struct part *to, const struct room_cmd *cmd)
{
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ChatMessage msg = CV__CHAT_MESSAGE__INIT;

	if (!cmd)
		return;
	msg.origin = text(from->name);
	msg.uuid = text(from->uuid);
	msg.type = ipc_data(cmd->type);
	msg.payload = ipc_data(cmd->text);
	msg.direct = to != NULL;
	ev.kind = CV__EVENT_KIND__EV_MESSAGE;
	ev.message = &msg;
	if (to)
		to_member(member_of(m->c, to), &ev);
	else
		to_all(m, &ev, true, from);
}

void event_refresh(struct member *mb)
{
	Cv__Event ev = CV__EVENT__INIT;

	ev.kind = CV__EVENT_KIND__EV_REFRESH_TOKEN;
	to_member(mb, &ev);
}

void event_camera(struct member *mb, Cv__CameraMove *move)
{
	Cv__Event ev = CV__EVENT__INIT;

	ev.kind = CV__EVENT_KIND__EV_FECC;
	ev.move = move;
	to_member(mb, &ev);
}

/* Tells web to close it, too. */
static void stream_end(struct stream *s)
{
	Cv__StreamClose m = CV__STREAM_CLOSE__INIT;

	m.stream = s->number;
	if (s->web->ev)
		(void)ipc_send(ipc_ev_chan(s->web->ev), STREAM_CLOSE, &m);
	stream_close(s);
}

void event_disconnect(struct member *mb, const char *reason)
{
	Cv__Event ev = CV__EVENT__INIT;

	if (!mb)
		return;
	ev.kind = CV__EVENT_KIND__EV_DISCONNECT;
	ev.reason = text(reason);
	if (reason)
		to_member(mb, &ev);
	list_each(e, tmp, &mb->streams)
		stream_end(list_entry(e, struct stream, at));
}

/* --- presentation ----------------------------------------------------------------- */

static void floor_to(struct meeting *m, struct fan *f, bool hosts,
		     const struct part *presenter)
{
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ParticipantRow row;

	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *v = m->room->parts[i];
		const struct member *mb = member_of(m->c, v);

		if (mb && v->host == hosts && room_shows(presenter, v))
			fan_add(f, mb);
	}
	ev.kind = CV__EVENT_KIND__EV_PRESENTATION_START;
	event_fill_row(m, presenter, hosts, &row);
	ev.row = &row;
	fan_send(f, m->c, &ev);
}

/* Never to him who presents: common clients take it for being taken over. */
void event_floor(struct meeting *m)
{
	const struct part *presenter = room_presenter(m->room);
	Cv__Event ev = CV__EVENT__INIT;
	struct fan f;

	if (!presenter) {
		ev.kind = CV__EVENT_KIND__EV_PRESENTATION_STOP;
		to_all(m, &ev, true, NULL);
		return;
	}
	if (fan_begin(&f) < 0)
		return;
	floor_to(m, &f, true, presenter);
	floor_to(m, &f, false, presenter);
	fan_end(&f);
}

static void start_for(const struct member *mb, Cv__Event *ev,
		      Cv__ParticipantRow *row, const struct part *presenter)
{
	cv__event__init(ev);
	ev->kind = CV__EVENT_KIND__EV_PRESENTATION_START;
	event_fill_row(mb->m, presenter, mb->p->host, row);
	ev->row = row;
}

void event_shown(struct member *mb)
{
	const struct part *presenter = mb ? room_presenter(mb->m->room) : NULL;
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ParticipantRow row;

	if (!presenter || mb->p == presenter)
		return;
	ev.kind = CV__EVENT_KIND__EV_PRESENTATION_STOP;
	if (room_shows(presenter, mb->p))
		start_for(mb, &ev, &row, presenter);
	to_member(mb, &ev);
}

/* --- pictures -------------------------------------------------------------------- */

static const struct part *part_of_leg(const struct meeting *m, uint64_t leg)
{
	struct member *mb = handles_get(m->c->legs, leg);

	return mb && mb->m == m ? mb->p : NULL;
}

static const struct stage_group *group_of(const struct meeting *m,
					  const struct member *mb)
{
	for (uint32_t i = 0; i < m->out.n_groups; i++)
		if (m->out.groups[i].id == mb->group)
			return &m->out.groups[i];
	return NULL;
}

struct layout {
	Cv__Event ev;
	Cv__LayoutState state;
	ProtobufCBinaryData uuids[STAGE_SLOTS_MAX];
};

/* In the order of the slots; empty for splashes and for those without a
 * picture. */
static void fill_layout(const struct meeting *m, const struct stage_group *g,
			struct layout *l)
{
	cv__event__init(&l->ev);
	cv__layout_state__init(&l->state);
	l->ev.kind = CV__EVENT_KIND__EV_LAYOUT;
	l->ev.layout = &l->state;
	l->state.view = text(m->room->view);
	l->state.overlay_text = picture_names(m);
	l->state.participants = l->uuids;
	for (uint32_t i = 0; g && i < g->n_slots; i++) {
		const struct part *p = part_of_leg(m, g->slots[i]);

		if (p)
			l->uuids[l->state.n_participants++] = text(p->uuid);
	}
}

static void layout_to(struct meeting *m, struct fan *f, uint32_t group,
		      const struct stage_group *g)
{
	struct layout l;

	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct member *mb = member_of(m->c, m->room->parts[i]);

		if (mb && mb->group == group)
			fan_add(f, mb);
	}
	fill_layout(m, g, &l);
	fan_send(f, m->c, &l.ev);
}

void event_layout(struct meeting *m)
{
	struct fan f;

	if (fan_begin(&f) < 0)
		return;
	for (uint32_t i = 0; i < m->out.n_groups; i++)
		layout_to(m, &f, m->out.groups[i].id, &m->out.groups[i]);
	layout_to(m, &f, 0, NULL);
	fan_end(&f);
}

struct stage_event {
	Cv__Event ev;
	Cv__StageEntry entries[STAGE_SPEAKERS_MAX];
	Cv__StageEntry *list[STAGE_SPEAKERS_MAX];
};

static void fill_stage(const struct meeting *m, struct stage_event *s)
{
	struct stage_speaker sp[STAGE_SPEAKERS_MAX];
	const size_t n = stage_last_speakers(m->stage, sp);

	cv__event__init(&s->ev);
	s->ev.kind = CV__EVENT_KIND__EV_STAGE;
	s->ev.stage = s->list;
	for (size_t i = 0; i < n; i++) {
		const struct part *p = part_of_leg(m, sp[i].leg);
		Cv__StageEntry *e = &s->entries[s->ev.n_stage];

		if (!p || p->state != PART_INSIDE)
			continue;
		cv__stage_entry__init(e);
		e->uuid = text(p->uuid);
		e->vad = sp[i].vad;
		s->list[s->ev.n_stage++] = e;
	}
}

void event_stage(struct meeting *m)
{
	struct stage_event s;

	fill_stage(m, &s);
	to_all(m, &s.ev, true, NULL);
}

/* --- streams and their first roster ------------------------------------------------ */

static struct span number_key(const uint32_t *n)
{
	return span_of(n, sizeof(*n));
}

int stream_open(struct web *w, struct member *mb, uint32_t number)
{
	struct stream *s;
	int r;

	/* A reconnect may overlap the old stream; more than a few is abuse. */
	if (mb->n_streams >= MEMBER_STREAMS_MAX)
		stream_end(list_entry(mb->streams.next, struct stream, at));
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return E_NOMEM;
	r = map_put(w->streams, number_key(&number), s);
	if (r < 0) {
		mem_free(s);
		return r;
	}
	s->web = w;
	s->member = mb;
	s->number = number;
	list_add_tail(&mb->streams, &s->at);
	mb->n_streams++;
	list_add_tail(&w->syncs, &s->sync);
	return 0;
}

void stream_close(struct stream *s)
{
	(void)map_del(s->web->streams, number_key(&s->number));
	list_del(&s->at);
	s->member->n_streams--;
	list_del(&s->sync);
	mem_free(s);
}

void event_sync(struct member *mb)
{
	if (!mb)
		return;
	list_each(e, tmp, &mb->streams) {
		struct stream *s = list_entry(e, struct stream, at);

		list_del(&s->sync);
		list_add_tail(&s->web->syncs, &s->sync);
	}
	for (size_t i = 0; i < CORE_WEBS_MAX; i++)
		web_pump(&mb->c->webs[i]);
}

static void sync_rows(struct stream *s)
{
	struct meeting *m = s->member->m;
	const struct part *me = s->member->p;
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ParticipantRow row;

	ev.kind = CV__EVENT_KIND__EV_SYNC_BEGIN;
	send_event(s->web, &ev, &s->number, 1);
	ev.kind = CV__EVENT_KIND__EV_PARTICIPANT_CREATE;
	ev.row = &row;
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *p = m->room->parts[i];

		if (p->state == PART_GONE || !room_sees(me, p))
			continue;
		event_fill_row(m, p, me->host, &row);
		send_event(s->web, &ev, &s->number, 1);
	}
	ev.kind = CV__EVENT_KIND__EV_SYNC_END;
	ev.row = NULL;
	send_event(s->web, &ev, &s->number, 1);
}

static void sync(struct stream *s)
{
	struct meeting *m = s->member->m;
	const struct part *presenter = room_presenter(m->room);
	Cv__Event ev = CV__EVENT__INIT;
	Cv__ParticipantRow row;
	Cv__ConferenceStatus st;
	struct layout l;
	struct stage_event sp;

	event_fill_status(m, &st);
	ev.kind = CV__EVENT_KIND__EV_CONFERENCE_UPDATE;
	ev.status = &st;
	send_event(s->web, &ev, &s->number, 1);
	sync_rows(s);
	fill_layout(m, group_of(m, s->member), &l);
	send_event(s->web, &l.ev, &s->number, 1);
	fill_stage(m, &sp);
	if (s->member->p->state != PART_INSIDE)
		sp.ev.n_stage = 0;
	send_event(s->web, &sp.ev, &s->number, 1);
	if (presenter && room_shows(presenter, s->member->p)) {
		start_for(s->member, &ev, &row, presenter);
		send_event(s->web, &ev, &s->number, 1);
	}
	s->live = true;
	m->c->stats.syncs++;
}

/* A thousand clients that come back at once ask for a million rows: full
 * rosters go out only as fast as web takes them. */
void web_pump(struct web *w)
{
	struct ipc_stats st;

	while (w->ev && !list_is_empty(&w->syncs)) {
		struct stream *s = list_entry(w->syncs.next, struct stream,
					      sync);

		ipc_chan_stats(ipc_ev_chan(w->ev), &st);
		if (st.queued > SYNC_QUEUE_MAX) {
			timer_set(w->c->wheel, &w->pump, w->c->now_ns +
				  SYNC_RETRY_MS * NS_PER_MS);
			return;
		}
		list_del(&s->sync);
		sync(s);
	}
}
