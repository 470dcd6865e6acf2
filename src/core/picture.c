/* Pictures: from the room to the planner, from the plan to video and media. */
#include "core/core.h"

#include "base/alloc.h"

static enum stage_view waits_at(const struct part *p)
{
	return p->state == PART_WAIT_HOST ? VIEW_WAIT_HOST :
	       p->state == PART_WAIT_LOCK ? VIEW_WAIT_LOCK : VIEW_NONE;
}

static uint32_t downlink(const struct part_leg *l)
{
	if (!l->kbps_cap || !l->kbps_down)
		return l->kbps_cap + l->kbps_down;
	return l->kbps_cap < l->kbps_down ? l->kbps_cap : l->kbps_down;
}

static bool mixes(const struct room *r, const struct part *p)
{
	const struct part *presenter = room_presenter(r);

	return presenter && part_needs_mix(p) && room_shows(presenter, p);
}

static struct stage_takes takes_of(const struct part_takes *t)
{
	return (struct stage_takes){.max_fs = t->max_fs,
				    .max_mbps = t->max_mbps};
}

static void fill_person(const struct part *p, struct stage_person *who)
{
	*who = (struct stage_person){
		.leg = p->leg.phase >= LEG_OPEN ? p->leg.leg : 0,
		.wait = waits_at(p),
		.shows = p->leg.sends_video && !p->video_muted,
		.codec = p->leg.codec,
		.kbps_down = downlink(&p->leg),
		.kbps_cap = p->leg.kbps_cap,
		.storm = p->leg.storm,
		.takes = takes_of(&p->leg.takes),
		.slides_takes = takes_of(&p->leg.slides.limits),
		.spotlight_us = p->spotlight_us};
}

/* --- to video ------------------------------------------------------------------- */

void picture_person(struct meeting *m, const struct part *p)
{
	struct ipc_chan *ch = meeting_video(m);
	Cv__VideoPerson msg = CV__VIDEO_PERSON__INIT;

	if (!ch || !p->leg.leg || p->state == PART_GONE)
		return;
	msg.room = m->id;
	msg.leg = p->leg.leg;
	msg.name = ipc_data(p->no_overlay ? SPAN_NONE :
			    span_str(p->overlay));
	msg.video = p->leg.sends_video && !p->video_muted;
	(void)ipc_send(ch, VIDEO_PERSON, &msg);
}

void picture_gone(struct meeting *m, uint64_t leg)
{
	struct ipc_chan *ch = meeting_video(m);
	Cv__VideoPerson msg = CV__VIDEO_PERSON__INIT;

	msg.room = m->id;
	msg.leg = leg;
	msg.gone = true;
	if (ch)
		(void)ipc_send(ch, VIDEO_PERSON, &msg);
}

struct video_plan {
	Cv__VideoGroup groups[STAGE_GROUPS_MAX];
	Cv__VideoGroup *list[STAGE_GROUPS_MAX];
};

static void fill_video_group(const struct stage_group *g, bool names,
			     Cv__VideoGroup *v)
{
	const char *splash = stage_splash(g->view);

	cv__video_group__init(v);
	v->group = g->id;
	v->codec = (Cv__CodecName)g->codec;
	v->width = g->step->width;
	v->height = g->step->height;
	v->fps = g->fps;
	v->kbps = g->step->kbps;
	v->layout = (char *)(uintptr_t)g->layout;
	v->slots = (uint64_t *)(uintptr_t)g->slots;
	v->n_slots = g->n_slots;
	v->names = names;
	v->slides = g->slides;
	if (splash)
		v->splash = (char *)(uintptr_t)splash;
}

bool picture_names(const struct meeting *m)
{
	return m->sv.overlay_text;
}

static void send_video(struct meeting *m)
{
	struct ipc_chan *ch = meeting_video(m);
	Cv__VideoPlan plan = CV__VIDEO_PLAN__INIT;
	const bool names = picture_names(m);
	struct video_plan v;

	if (!ch)
		return;
	plan.room = m->id;
	plan.epoch = m->epoch;
	plan.groups = v.list;
	plan.n_groups = m->out.n_groups;
	for (uint32_t i = 0; i < m->out.n_groups; i++) {
		fill_video_group(&m->out.groups[i], names, &v.groups[i]);
		v.list[i] = &v.groups[i];
	}
	(void)ipc_send(ch, VIDEO_PLAN, &plan);
}

/* --- to media -------------------------------------------------------------------- */

struct media_plan {
	Cv__Receiver receivers[STAGE_PEOPLE_MAX];
	Cv__Receiver *receiver_list[STAGE_PEOPLE_MAX];
	Cv__GroupInfo groups[STAGE_GROUPS_MAX];
	Cv__GroupInfo *group_list[STAGE_GROUPS_MAX];
};

static void fill_media(struct meeting *m, struct media_plan *p,
		       Cv__PicturePlan *plan)
{
	const struct stage_out *o = &m->out;

	for (uint32_t i = 0; i < o->n_receivers; i++) {
		cv__receiver__init(&p->receivers[i]);
		p->receivers[i].leg = o->receivers[i].leg;
		p->receivers[i].group = o->receivers[i].group;
		p->receiver_list[i] = &p->receivers[i];
	}
	for (uint32_t i = 0; i < o->n_groups; i++) {
		const struct stage_group *g = &o->groups[i];
		Cv__GroupInfo *info = &p->groups[i];

		cv__group_info__init(info);
		info->group = g->id;
		info->codec = (Cv__CodecName)g->codec;
		info->width = g->step->width;
		info->height = g->step->height;
		info->fps = g->fps;
		info->kbps = g->step->kbps;
		p->group_list[i] = info;
	}
	plan->room = m->id;
	plan->epoch = m->epoch;
	plan->receivers = p->receiver_list;
	plan->n_receivers = o->n_receivers;
	plan->groups = p->group_list;
	plan->n_groups = o->n_groups;
	plan->needed = (uint64_t *)(uintptr_t)o->needed;
	plan->n_needed = o->n_needed;
}

static void send_media(struct meeting *m)
{
	struct ipc_chan *ch = meeting_media(m);
	Cv__PicturePlan plan = CV__PICTURE_PLAN__INIT;
	struct media_plan *p = ch ? mem_alloc(sizeof(*p)) : NULL;

	if (!p) {
		/* Said again with the next change or report. */
		m->must_resend = true;
		return;
	}
	fill_media(m, p, &plan);
	(void)ipc_send(ch, PICTURE_PLAN, &plan);
	mem_free(p);
}

/* --- planning ------------------------------------------------------------------------ */

bool picture_has_slides(const struct meeting *m)
{
	for (uint32_t i = 0; i < m->out.n_groups; i++)
		if (m->out.groups[i].slides)
			return true;
	return false;
}

static void forget_groups(struct meeting *m)
{
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		struct member *mb = member_of(m->c, m->room->parts[i]);

		if (mb)
			mb->group = mb->slides_group = 0;
	}
}

static void note_groups(struct meeting *m)
{
	forget_groups(m);
	for (uint32_t i = 0; i < m->out.n_receivers; i++) {
		struct member *mb = handles_get(m->c->legs,
						m->out.receivers[i].leg);

		if (!mb || mb->m != m)
			continue;
		mb->group = m->out.receivers[i].group;
		mb->slides_group = m->out.receivers[i].slides;
	}
}

static void fill_in(const struct meeting *m, struct stage_person *people,
		    struct stage_in *in)
{
	const struct part *presenter = room_presenter(m->room);
	struct core *c = m->c;

	for (uint32_t i = 0; i < m->room->n_parts; i++)
		if (m->room->parts[i]->state != PART_GONE) {
			const struct part *p = m->room->parts[i];
			struct stage_person *who = &people[in->n++];

			fill_person(p, who);
			who->mixes = mixes(m->room, p);
			if (presenter)
				who->slides_codec = present_codec(presenter,
								  p);
		}
	if (presenter && presenter->leg.slides.sends)
		in->presenter = presenter->leg.leg;
	in->people = people;
	memcpy(in->view, m->room->view, sizeof(in->view));
	in->groups_max = (uint32_t)store_global(c->store,
						GLOBAL_MAX_ENCODE_GROUPS);
	in->personal_max = (uint32_t)store_global(c->store,
						  GLOBAL_PERSONAL_PICTURE_MAX);
	in->step_min = m->sv.pixels_step;
	in->mirror = m->sv.kind == SERVICE_KIND_TEST;
	if (m->worker >= 0)
		in->load_permille = c->workers[m->worker].load_permille;
}

static void arm(struct meeting *m, uint64_t due_ns);

static bool makes_slides(const struct meeting *m)
{
	for (uint32_t i = 0; i < m->out.n_groups; i++)
		if (m->out.groups[i].view == VIEW_SLIDES)
			return true;
	return false;
}

static void put_in_force(struct meeting *m)
{
	/* ways of presentation name groups: those of this plan, and who no
	 * longer has one */
	m->must_present |= m->must_resend || m->makes_slides ||
			   makes_slides(m);
	m->makes_slides = makes_slides(m);
	m->must_resend = false;
	m->epoch++;
	m->c->stats.plans++;
	note_groups(m);
	/* video first: a group is known before media sends people to it. */
	send_video(m);
	send_media(m);
	event_layout(m);
}

static void plan_now(struct meeting *m)
{
	struct stage_person *people = mem_alloc(ROOM_PARTS_MAX *
						sizeof(*people));
	struct stage_in in = {.n = 0};
	bool changed;

	if (!people)
		return;
	fill_in(m, people, &in);
	changed = stage_plan(m->stage, &in, m->c->now_ns, &m->out);
	mem_free(people);
	m->planned_ns = m->c->now_ns;
	arm(m, stage_due_ns(m->stage));
	if (changed || m->must_resend)
		put_in_force(m);
	/* last: it names groups of the plan */
	if (m->must_present || picture_has_slides(m) != m->to_video)
		present_send(m);
}

static void on_plan(struct timer *t, void *arg, uint64_t now_ns)
{
	struct meeting *m = arg;

	(void)t;
	(void)now_ns;
	core_turn(m->c);
	plan_now(m);
}

static void arm(struct meeting *m, uint64_t due_ns)
{
	if (!due_ns || (timer_is_set(&m->plan) && m->plan.due_ns <= due_ns))
		return;
	timer_set(m->c->wheel, &m->plan, due_ns);
}

void picture_init(struct meeting *m)
{
	timer_init(&m->plan, on_plan, m);
}

void picture_due(struct meeting *m)
{
	const uint64_t next = m->planned_ns + PLAN_EVERY_MS * NS_PER_MS;

	arm(m, next > m->c->now_ns ? next : m->c->now_ns);
}

/* --- speakers ---------------------------------------------------------------------------- */

static bool note_speaking(struct meeting *m, const struct stage_speaker *s,
			  size_t n)
{
	uint64_t now[STAGE_SPEAKERS_MAX];
	size_t k = 0;
	bool same;

	for (size_t i = 0; i < n && k < STAGE_SPEAKERS_MAX; i++)
		if (s[i].vad >= STAGE_VAD_MIN)
			now[k++] = s[i].leg;
	same = k == m->n_speaking &&
	       memcmp(now, m->speaking, k * sizeof(*now)) == 0;
	m->n_speaking = k;
	memcpy(m->speaking, now, k * sizeof(*now));
	return !same;
}

static void tell_speaking(struct meeting *m)
{
	struct ipc_chan *ch = meeting_video(m);
	Cv__VideoSpeaking msg = CV__VIDEO_SPEAKING__INIT;

	event_stage(m);
	if (!ch)
		return;
	msg.room = m->id;
	msg.legs = m->speaking;
	msg.n_legs = m->n_speaking;
	(void)ipc_send(ch, VIDEO_SPEAKING, &msg);
}

/* Only legs of this room count, whatever media names. */
void picture_speakers(struct meeting *m, const Cv__Speakers *s)
{
	struct stage_speaker list[STAGE_SPEAKERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < s->n_speakers && n < STAGE_SPEAKERS_MAX; i++) {
		const struct member *mb = handles_get(m->c->legs,
						      s->speakers[i]->leg);

		if (!mb || mb->m != m || mb->p->state != PART_INSIDE)
			continue;
		list[n].leg = s->speakers[i]->leg;
		list[n++].vad = s->speakers[i]->vad > 100 ? 100 :
				s->speakers[i]->vad;
	}
	if (stage_speakers(m->stage, list, n, m->c->now_ns))
		picture_due(m);
	else
		arm(m, stage_due_ns(m->stage));
	if (note_speaking(m, list, n))
		tell_speaking(m);
}
