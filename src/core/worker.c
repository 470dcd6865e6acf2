/* Media and video workers: which meeting is where, and what happens when one
 * of them goes away. */
#include "core/camera.h"
#include "core/core.h"
#include "core/sip.h"

static int index_of(const struct worker *wk)
{
	return (int)(wk - wk->c->workers);
}

struct ipc_chan *meeting_media(const struct meeting *m)
{
	const struct worker *wk = m->worker < 0 ? NULL :
				  &m->c->workers[m->worker];

	return wk && wk->media && m->media_open ? ipc_ev_chan(wk->media) :
		NULL;
}

struct ipc_chan *meeting_video(const struct meeting *m)
{
	const struct worker *wk = m->worker < 0 ? NULL :
				  &m->c->workers[m->worker];

	return wk && wk->video && m->video_open ? ipc_ev_chan(wk->video) :
		NULL;
}

/* --- opening a meeting on its pair --------------------------------------------- */

static void open_media(struct meeting *m)
{
	struct worker *wk = &m->c->workers[m->worker];
	Cv__RoomOpen open = CV__ROOM_OPEN__INIT;

	if (!wk->media || !wk->is_ready || m->media_open)
		return;
	open.room = m->id;
	open.max_talkers = (uint32_t)store_global(m->c->store,
						  GLOBAL_MAX_TALKERS);
	open.opus_complexity = (uint32_t)store_global(m->c->store,
						      GLOBAL_OPUS_COMPLEXITY);
	m->media_open = ipc_send(ipc_ev_chan(wk->media), ROOM_OPEN,
				 &open) == 0;
}

static void open_video(struct meeting *m)
{
	struct worker *wk = &m->c->workers[m->worker];
	Cv__VideoRoomOpen open = CV__VIDEO_ROOM_OPEN__INIT;

	if (!wk->video || m->video_open)
		return;
	open.room = m->id;
	m->video_open = ipc_send(ipc_ev_chan(wk->video), VIDEO_ROOM_OPEN,
				 &open) == 0;
	if (!m->video_open)
		return;
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		picture_person(m, m->room->parts[i]);
}

static uint32_t people_on(const struct core *c, int worker)
{
	uint32_t slot = 0, n = 0;
	const struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL)))
		n += m->worker == worker ? 1 + m->room->n_parts : 0;
	return n + sip_legs_on(c, worker);
}

/* The least loaded pair that is whole; without any, media alone. */
int worker_best(const struct core *c)
{
	int best = -1;
	uint32_t low = UINT32_MAX;

	for (int i = 0; i < CORE_WORKERS_MAX; i++) {
		const struct worker *wk = &c->workers[i];
		uint32_t n;

		if (!wk->media || !wk->is_ready)
			continue;
		n = people_on(c, i) + (wk->video ? 0 : UINT32_MAX / 2);
		if (n >= low)
			continue;
		low = n;
		best = i;
	}
	return best;
}

void meeting_assign(struct meeting *m)
{
	if (m->worker < 0) {
		/* Whoever waits for it in a lobby cannot change workers. */
		m->worker = sip_worker_of(m->c, m->conf);
		if (m->worker < 0)
			m->worker = worker_best(m->c);
		m->must_resend = true;
		if (m->worker >= 0)
			live_save_room(m);
	}
	if (m->worker < 0)
		return;
	open_media(m);
	open_video(m);
}

void meeting_leave_worker(struct meeting *m)
{
	struct ipc_chan *media = meeting_media(m), *video = meeting_video(m);
	Cv__RoomClose rc = CV__ROOM_CLOSE__INIT;
	Cv__VideoRoomClose vc = CV__VIDEO_ROOM_CLOSE__INIT;

	rc.room = vc.room = m->id;
	if (media)
		(void)ipc_send(media, ROOM_CLOSE, &rc);
	if (video)
		(void)ipc_send(video, VIDEO_ROOM_CLOSE, &vc);
	m->media_open = m->video_open = false;
	m->worker = -1;
}

/* Calls fn for each meeting; it may end the meeting. */
static void each_meeting(struct core *c,
			 void (*fn)(struct meeting *m, void *arg), void *arg)
{
	uint32_t slot = 0;
	struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL)))
		fn(m, arg);
}

/* --- media ------------------------------------------------------------------------ */

static void lose_meeting(struct meeting *m, void *arg)
{
	struct worker *wk = arg;

	if (m->worker != index_of(wk))
		return;
	m->media_open = false;
	/* No call ends a meeting: its people stay, and so does m. */
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		if (m->room->parts[i]->leg.leg)
			leg_lost(m, m->room->parts[i]);
	meeting_leave_worker(m);
	live_save_room(m);
	meeting_assign(m);
	picture_due(m);
}

/* The process is dead: its legs with it, and clients may call again. */
void worker_media_dead(struct worker *wk)
{
	wk->is_ready = false;
	timer_cancel(&wk->report);
	each_meeting(wk->c, lose_meeting, wk);
	sip_worker_dead(wk);
}

static void shut_media(struct meeting *m, void *arg)
{
	if (m->worker == index_of(arg))
		m->media_open = false;
}

static void on_no_report(struct timer *t, void *arg, uint64_t now_ns);

static void wait_for_report(struct worker *wk)
{
	wk->is_ready = false;
	timer_cancel(&wk->report);
	timer_init(&wk->report, on_no_report, wk);
	timer_set(wk->c->wheel, &wk->report,
		  wk->c->now_ns + REPORT_WAIT_S * NS_PER_S);
}

/* Only the link is gone: if media lives, a new one comes with its report. */
void worker_media_down(struct worker *wk)
{
	each_meeting(wk->c, shut_media, wk);
	wait_for_report(wk);
}

/* After a start: a worker of the journal that does not come back has lost its
 * legs. */
void worker_expect_all(struct core *c)
{
	uint32_t slot = 0;
	const struct meeting *m;

	while ((m = handles_next(c->meetings, &slot, NULL)))
		if (m->worker >= 0)
			wait_for_report(&c->workers[m->worker]);
}

void worker_media_up(struct worker *wk)
{
	wait_for_report(wk);
}

/* Legs that this worker may still have: what the journal says was there. */
struct confirm {
	struct worker *wk;
	const Cv__LegReport *report;
	size_t n;
};

static const Cv__LegAlive *alive(const struct meeting *m, const struct part *p,
				 const Cv__LegReport *r)
{
	for (size_t i = 0; p->leg.leg && i < r->n_legs; i++)
		if (r->legs[i]->leg == p->leg.leg &&
		    r->legs[i]->room == m->id &&
		    r->legs[i]->phase != CV__LEG_PHASE__LEG_GONE)
			return r->legs[i];
	return NULL;
}

static void count_alive(struct meeting *m, void *arg)
{
	struct confirm *k = arg;

	if (m->worker != index_of(k->wk))
		return;
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		if (alive(m, m->room->parts[i], k->report))
			k->wk->c->keep[k->n++] = m->room->parts[i]->leg.leg;
}

static void confirm_part(struct meeting *m, struct part *p,
			 const Cv__LegReport *report)
{
	struct core *c = m->c;
	const Cv__LegAlive *a = alive(m, p, report);

	if (!p->leg.leg)
		return;
	if (!a) {
		leg_lost(m, p);
		return;
	}
	leg_send_flags(m, p);
	if (a->phase == CV__LEG_PHASE__LEG_SECURE) {
		(void)room_leg_secure(m->room, p, a->sends_video, c->now_ns,
				      &c->out);
		core_acts(m, NULL);
	}
}

static void confirm_meeting(struct meeting *m, void *arg)
{
	struct confirm *k = arg;

	if (m->worker != index_of(k->wk))
		return;
	meeting_assign(m);
	for (uint32_t i = 0; i < m->room->n_parts; i++)
		confirm_part(m, m->room->parts[i], k->report);
	m->must_resend = true;
	picture_due(m);
}

static void adopt(struct meeting *m, void *arg)
{
	(void)arg;
	if (m->worker >= 0)
		return;
	meeting_assign(m);
	picture_due(m);
}

/* What media still has is compared with what we know: it confirms or ends,
 * and never creates. The rest it forgets, and rooms without a leg, too: so
 * rooms are opened behind it. */
static void reconcile(struct worker *wk, const Cv__LegReport *report)
{
	struct core *c = wk->c;
	struct confirm k = {.wk = wk, .report = report};
	Cv__LegKeep keep = CV__LEG_KEEP__INIT;

	if (wk->is_ready || !wk->media)
		return;
	wk->is_ready = true;
	timer_cancel(&wk->report);
	each_meeting(c, count_alive, &k);
	k.n += sip_legs_kept(wk, report, c->keep + k.n, CORE_MEMBERS_MAX - k.n);
	keep.legs = c->keep;
	keep.n_legs = k.n;
	(void)ipc_send(ipc_ev_chan(wk->media), LEG_KEEP, &keep);
	each_meeting(c, confirm_meeting, &k);
	each_meeting(c, adopt, NULL);
	wk->has_lobby = false;
	sip_worker_reconciled(wk, report);
}

static void on_no_report(struct timer *t, void *arg, uint64_t now_ns)
{
	static const Cv__LegReport nothing = CV__LEG_REPORT__INIT;
	struct worker *wk = arg;

	(void)t;
	(void)now_ns;
	core_turn(wk->c);
	if (wk->media)
		reconcile(wk, &nothing);
	else
		worker_media_dead(wk);
}

static void bandwidth(struct worker *wk, const Cv__LegBandwidth *b)
{
	struct member *mb = handles_get(wk->c->legs, b->leg);

	if (!mb || !mb->m || mb->m->worker != index_of(wk) ||
	    mb->p->leg.leg != b->leg) {
		wk->c->stats.bad_handles++;
		return;
	}
	if (mb->p->leg.kbps_down == b->kbps_down &&
	    mb->p->leg.storm == b->keyframe_storm)
		return;
	mb->p->leg.kbps_down = b->kbps_down;
	mb->p->leg.storm = b->keyframe_storm;
	picture_due(mb->m);
}

static void speakers(struct worker *wk, const Cv__Speakers *s)
{
	struct meeting *m = handles_get(wk->c->meetings, s->room);

	if (m && m->worker == index_of(wk))
		picture_speakers(m, s);
	else
		wk->c->stats.bad_handles++;
}

/* --- for the ladder ------------------------------------------------------------- */

void leg_note(struct core *c, uint64_t leg, bool from_media, const char *what,
	      struct span detail)
{
	const struct member *mb = handles_get(c->legs, leg);

	if (mb)
		trace_put(c->trace, mb->trace, clock_wall_us(), from_media ?
			  TRACE_MEDIA : TRACE_CORE, from_media ? TRACE_CORE :
			  TRACE_MEDIA, what, detail);
}

/* The suite's name is media's own word; keys never come to core. */
static void note_state(struct worker *wk, const Cv__LegState *s)
{
	static const char *const names[] = {
		[CV__LEG_PHASE__LEG_GONE] = "leg is gone",
		[CV__LEG_PHASE__LEG_NEW] = "leg is new",
		[CV__LEG_PHASE__LEG_CONNECTED] = "packets come from",
		[CV__LEG_PHASE__LEG_SECURE] = "media flows",
		[CV__LEG_PHASE__LEG_SILENT] = "leg is silent",
	};
	char from[ADDR_TEXT_MAX] = "";
	struct addr a = {.port = 0};

	if ((size_t)s->phase >= sizeof(names) / sizeof(names[0]))
		return;
	if (s->source && s->source->ip.len == sizeof(a.ip)) {
		memcpy(a.ip, s->source->ip.data, sizeof(a.ip));
		a.port = (uint16_t)s->source->port;
		addr_print(&a, from);
	}
	leg_note(wk->c, s->leg, true, names[s->phase],
		 s->phase != CV__LEG_PHASE__LEG_SECURE ? span_str(from) :
		 s->encrypted ? ipc_bytes(s->suite) :
		 SPAN_LIT("NOT ENCRYPTED"));
}

static void note_answer(struct worker *wk, const Cv__LegAnswer *a)
{
	leg_note(wk->c, a->leg, true, a->ok ? "leg is described" :
		 "leg is refused", SPAN_NONE);
}

void worker_media_message(struct worker *wk, enum ipc_type type,
			  const ProtobufCMessage *msg)
{
	switch (type) {
	case IPC_LEG_REPORT:
		reconcile(wk, (const Cv__LegReport *)msg);
		break;
	case IPC_LEG_ANSWER:
		note_answer(wk, (const Cv__LegAnswer *)msg);
		if (!sip_leg_answer(wk, (const Cv__LegAnswer *)msg))
			call_answer(wk, (const Cv__LegAnswer *)msg);
		break;
	case IPC_LEG_STATE:
		note_state(wk, (const Cv__LegState *)msg);
		if (!sip_leg_state(wk, (const Cv__LegState *)msg))
			call_state(wk, (const Cv__LegState *)msg);
		break;
	case IPC_LEG_DTMF:
		sip_leg_dtmf(wk, (const Cv__LegDtmf *)msg);
		break;
	case IPC_LEG_WANT_KEY:
		sip_leg_want_key(wk, ((const Cv__LegWantKey *)msg)->leg);
		break;
	case IPC_LEG_CAMERA:
		camera_wished(wk, (const Cv__LegCamera *)msg);
		break;
	case IPC_LEG_BFCP:
		sip_leg_bfcp(wk, (const Cv__LegBfcp *)msg);
		break;
	case IPC_LEG_PLAYED:
		if (!test_call_played(wk, (const Cv__LegPlayed *)msg))
			sip_leg_played(wk, (const Cv__LegPlayed *)msg);
		break;
	case IPC_LEG_BANDWIDTH:
		bandwidth(wk, (const Cv__LegBandwidth *)msg);
		break;
	case IPC_SPEAKERS:
		speakers(wk, (const Cv__Speakers *)msg);
		break;
	case IPC_MEDIA_STATS:
		load_media(wk, (const Cv__MediaStats *)msg);
		break;
	default:
		break;	/* SETTINGS_ACK */
	}
}

/* --- video ------------------------------------------------------------------------ */

static void video_back(struct meeting *m, void *arg)
{
	struct worker *wk = arg;

	if (m->worker != index_of(wk))
		return;
	open_video(m);
	m->must_resend = true;
	picture_due(m);
}

static void video_gone(struct meeting *m, void *arg)
{
	struct worker *wk = arg;

	if (m->worker == index_of(wk))
		m->video_open = false;
}

void worker_video_up(struct worker *wk)
{
	wk->load_permille = 0;
	each_meeting(wk->c, video_back, wk);
}

void worker_video_down(struct worker *wk)
{
	each_meeting(wk->c, video_gone, wk);
}

void worker_video_message(struct worker *wk, enum ipc_type type,
			  const ProtobufCMessage *msg)
{
	if (type == IPC_VIDEO_LOAD)
		wk->load_permille = ((const Cv__VideoLoad *)msg)->permille;
}
