#include "core/rooms/stage.h"

#include "base/alloc.h"
#include "base/err.h"

static const struct stage_step steps[STAGE_STEPS] = {
	{1280, 720, 25, 1500, 700},
	{640, 360, 25, 600, 250},
	{320, 180, 15, 180, 0},
};
/* Text: the rate is what makes the first keyframe sharp; a picture that stands
 * still costs almost nothing after it. */
static const struct stage_step splash_steps[STAGE_STEPS] = {
	{640, 360, 5, 600, 0}, {640, 360, 5, 600, 0}, {320, 180, 5, 180, 0},
};
/* Presentation alone: sharp before smooth. */
static const struct stage_step slides_steps[STAGE_STEPS] = {
	{1280, 720, 15, 1500, 700}, {640, 360, 15, 600, 250},
	{320, 180, 15, 180, 0},
};

/* Downlinks by leg, with memory: down at once, up after calm. */
struct link {
	uint64_t leg;
	uint32_t step;
	uint64_t up_after_ns;
	bool seen;
};

struct known_group {
	uint32_t id;
	enum stage_view view;
	uint64_t owner;
	uint32_t codec;
	const struct stage_step *step;
};

/* Somebody who leads, but not long enough yet. */
struct lead {
	uint64_t leg;			/* 0 = nobody */
	uint64_t since_ns;
};

struct stage {
	uint64_t main;			/* leg */
	uint64_t former;		/* main for him who is in the main place */
	struct lead lead, second;	/* on their way to main, to former */
	struct stage_speaker last[STAGE_SPEAKERS_MAX];
	size_t n_last;
	/* Who spoke, most recent first: decides who is in the picture. */
	uint64_t spoke[STAGE_SLOTS_MAX];
	uint32_t n_spoke;
	uint64_t slots[STAGE_SLOTS_MAX];
	uint32_t n_slots;
	struct link links[STAGE_PEOPLE_MAX];
	uint32_t n_links;
	bool is_loaded;
	uint64_t due_ns;		/* somebody's picture may grow */
	uint32_t next_id;
	struct known_group known[STAGE_GROUPS_MAX];
	uint32_t n_known;
	struct stage_out out;		/* the plan before */
};

/* A picture that somebody should get, before merging. */
struct want {
	enum stage_view view;
	uint64_t owner;
	uint32_t codec;
	uint32_t step;			/* in steps_of() */
	uint32_t fps;
	uint32_t receivers;
	uint32_t into;			/* index + 1 of what it was merged into */
	bool dropped;
};

struct plan {
	struct stage *s;
	const struct stage_in *in;
	uint64_t now_ns;
	struct stage_out *out;
	struct want wants[STAGE_WANTS_MAX];
	uint32_t n_wants;
	uint16_t want_of[STAGE_PEOPLE_MAX];	/* index + 1 */
	uint16_t slides_of[STAGE_PEOPLE_MAX];	/* likewise */
	uint32_t inside;		/* people who are shown */
	uint32_t link_at;		/* where to look first */
};

const struct stage_step *stage_step(unsigned i)
{
	return i < STAGE_STEPS ? &steps[i] : NULL;
}

const char *stage_splash(enum stage_view v)
{
	switch (v) {
	case VIEW_ALONE:
		return "alone";
	case VIEW_WAIT_HOST:
		return "waiting_for_host";
	case VIEW_WAIT_LOCK:
		return "locked";
	default:
		return NULL;
	}
}

int stage_new(struct stage **out)
{
	struct stage *s = mem_zalloc(sizeof(*s));

	if (!s)
		return E_NOMEM;
	s->next_id = 1;
	*out = s;
	return 0;
}

void stage_free(struct stage **s)
{
	mem_free(*s);
	*s = NULL;
}

uint64_t stage_main(const struct stage *s)
{
	return s->main;
}

static uint64_t lead_due(const struct lead *l)
{
	return l->leg ? l->since_ns + STAGE_LEAD_NS : 0;
}

/* 0 = never. */
static uint64_t first_of(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a + b;
	return a < b ? a : b;
}

uint64_t stage_due_ns(const struct stage *s)
{
	return first_of(first_of(lead_due(&s->lead), lead_due(&s->second)),
			s->due_ns);
}

size_t stage_last_speakers(const struct stage *s,
			   struct stage_speaker out[STAGE_SPEAKERS_MAX])
{
	memcpy(out, s->last, sizeof(s->last));
	return s->n_last;
}

/* --- who is where ------------------------------------------------------------ */

static void note_spoke(struct stage *s, uint64_t leg)
{
	uint32_t i = 0;

	while (i < s->n_spoke && s->spoke[i] != leg)
		i++;
	if (i == s->n_spoke && s->n_spoke < STAGE_SLOTS_MAX)
		s->n_spoke++;
	if (i == STAGE_SLOTS_MAX)
		i--;
	memmove(s->spoke + 1, s->spoke, i * sizeof(*s->spoke));
	s->spoke[0] = leg;
}

/* Whether `leg`, who leads now, has done so long enough. Silence and whoever
 * is there already end a lead. */
static bool lead_note(struct lead *l, uint64_t leg, uint64_t there,
		      uint64_t now_ns)
{
	if (!leg || leg == there) {
		l->leg = 0;
		return false;
	}
	if (leg != l->leg)
		*l = (struct lead){leg, now_ns};
	return now_ns - l->since_ns >= STAGE_LEAD_NS;
}

bool stage_speakers(struct stage *s, const struct stage_speaker *list,
		    size_t n, uint64_t now_ns)
{
	uint64_t top = 0, next = 0;
	bool first, second;

	for (size_t i = 0; i < n && !next; i++) {
		if (list[i].vad < STAGE_VAD_MIN)
			continue;
		top = top ? top : list[i].leg;
		if (list[i].leg != s->main)
			next = list[i].leg;
	}
	s->n_last = n < STAGE_SPEAKERS_MAX ? n : STAGE_SPEAKERS_MAX;
	if (s->n_last)
		memcpy(s->last, list, s->n_last * sizeof(*list));
	first = lead_note(&s->lead, top, s->main, now_ns);
	second = lead_note(&s->second, next, s->former, now_ns);
	return first || second;
}

static const struct stage_person *person(const struct plan *p, uint64_t leg)
{
	for (uint32_t i = 0; leg && i < p->in->n; i++)
		if (p->in->people[i].leg == leg)
			return &p->in->people[i];
	return NULL;
}

static bool is_inside(const struct stage_person *who)
{
	return who && who->leg && who->wait == VIEW_NONE;
}

static uint64_t first_spotlight(const struct plan *p)
{
	const struct stage_person *best = NULL;

	for (uint32_t i = 0; i < p->in->n; i++) {
		const struct stage_person *who = &p->in->people[i];

		if (is_inside(who) && who->spotlight_us &&
		    (!best || who->spotlight_us < best->spotlight_us))
			best = who;
	}
	return best ? best->leg : 0;
}

static uint64_t anybody(const struct plan *p)
{
	for (uint32_t i = 0; i < p->s->n_spoke; i++)
		if (is_inside(person(p, p->s->spoke[i])))
			return p->s->spoke[i];
	for (uint32_t i = 0; i < p->in->n; i++)
		if (is_inside(&p->in->people[i]) && p->in->people[i].shows)
			return p->in->people[i].leg;
	for (uint32_t i = 0; i < p->in->n; i++)
		if (is_inside(&p->in->people[i]))
			return p->in->people[i].leg;
	return 0;
}

static bool is_long(const struct plan *p, const struct lead *l)
{
	return l->leg && p->now_ns - l->since_ns >= STAGE_LEAD_NS;
}

static uint64_t next_main(const struct plan *p)
{
	const struct stage *s = p->s;
	const uint64_t spot = first_spotlight(p);
	uint64_t next = is_long(p, &s->lead) ? s->lead.leg : s->main;

	if (spot)
		next = spot;
	if (is_inside(person(p, next)))
		return next;
	return is_inside(person(p, s->former)) ? s->former : anybody(p);
}

static void choose_main(struct plan *p)
{
	struct stage *s = p->s;
	const uint64_t was = s->main;

	if (!is_inside(person(p, s->former)))
		s->former = 0;
	if (!is_inside(person(p, s->lead.leg)))
		s->lead.leg = 0;
	if (!is_inside(person(p, s->second.leg)))
		s->second.leg = 0;
	s->main = next_main(p);
	if (s->main != was) {
		s->former = is_inside(person(p, was)) ? was : 0;
		s->lead.leg = s->second.leg = 0;
		if (s->main)
			note_spoke(s, s->main);
	} else if (is_long(p, &s->second)) {
		s->former = s->second.leg;
		s->second.leg = 0;
		note_spoke(s, s->former);
	}
	if (s->former == s->main)
		s->former = 0;
}

static unsigned view_slots(const char *view)
{
	static const struct {
		const char *view;
		unsigned slots;
	} views[] = {{"1:7", 8}, {"1:0", 1}, {"4:0", 4}, {"9:0", 9},
		     {"16:0", 16}, {"25:0", 25}};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (strcmp(view, views[i].view) == 0)
			return views[i].slots;
	return 8;
}

static bool has_main_place(const char *view)
{
	return view[0] == '1' && view[1] == ':';
}

/* Higher is sooner in the picture: spotlight, speakers by recency, cameras. */
static uint32_t rank(const struct plan *p, const struct stage_person *who)
{
	uint32_t r = who->shows ? 1 : 0;

	if (who->leg == p->s->main)
		return UINT32_MAX;
	for (uint32_t i = 0; i < p->s->n_spoke; i++)
		if (p->s->spoke[i] == who->leg)
			r += 2 + 2 * (STAGE_SLOTS_MAX - i);
	return who->spotlight_us ? r + 1000 : r;
}

static int slot_of(const uint64_t *slots, uint32_t n, uint64_t leg)
{
	for (uint32_t i = 0; i < n; i++)
		if (slots[i] == leg)
			return (int)i;
	return -1;
}

/* Places are without gaps: the last one fills a hole. */
static void drop_leavers(struct plan *p)
{
	struct stage *s = p->s;

	for (uint32_t i = 0; i < s->n_slots;) {
		if (is_inside(person(p, s->slots[i])))
			i++;
		else
			s->slots[i] = s->slots[--s->n_slots];
	}
}

struct weakest {
	uint32_t rank;
	uint32_t at;
	bool known;
};

static void find_weakest(const struct plan *p, struct weakest *w)
{
	*w = (struct weakest){.rank = UINT32_MAX, .known = true};
	for (uint32_t i = 0; i < p->s->n_slots; i++) {
		const uint32_t r = rank(p, person(p, p->s->slots[i]));

		if (r >= w->rank)
			continue;
		w->rank = r;
		w->at = i;
	}
}

static void seat(struct plan *p, const struct stage_person *who, unsigned max,
		 struct weakest *w)
{
	struct stage *s = p->s;

	if (slot_of(s->slots, s->n_slots, who->leg) >= 0)
		return;
	if (s->n_slots < max) {
		s->slots[s->n_slots++] = who->leg;
		return;
	}
	if (!w->known)
		find_weakest(p, w);
	/* Whoever is in the picture stays against an equal. */
	if (rank(p, who) <= w->rank)
		return;
	s->slots[w->at] = who->leg;
	w->known = false;
}

static void choose_slots(struct plan *p)
{
	struct stage *s = p->s;
	const unsigned max = view_slots(p->in->view);
	struct weakest w = {0};
	int at;

	while (s->n_slots > max)
		s->n_slots--;
	drop_leavers(p);
	for (uint32_t i = 0; i < p->in->n; i++)
		if (is_inside(&p->in->people[i]))
			seat(p, &p->in->people[i], max, &w);
	if (!s->main || !has_main_place(p->in->view))
		return;
	at = slot_of(s->slots, s->n_slots, s->main);
	if (at > 0) {
		s->slots[at] = s->slots[0];
		s->slots[0] = s->main;
	}
}

/* --- downlinks ------------------------------------------------------------------ */

static struct link *link_of(struct plan *p, uint64_t leg)
{
	struct stage *s = p->s;

	/* Links stand in the order of joining, as the people do. */
	for (uint32_t i = 0; i < s->n_links; i++) {
		const uint32_t at = (p->link_at + i) % s->n_links;

		if (s->links[at].leg != leg)
			continue;
		p->link_at = at + 1;
		return &s->links[at];
	}
	if (s->n_links == STAGE_PEOPLE_MAX)
		return NULL;
	s->links[s->n_links] = (struct link){.leg = leg, .step =
					     p->in->step_min};
	return &s->links[s->n_links++];
}

/* How fast this decoder takes pictures of that size; 0 = it does not. */
static uint32_t takes_fps(const struct stage_takes *t,
			  const struct stage_step *step)
{
	enum { MACROBLOCK = 16 };
	const uint32_t mbs = (step->width + MACROBLOCK - 1u) / MACROBLOCK *
			     ((step->height + MACROBLOCK - 1u) / MACROBLOCK);
	const uint32_t least = step->fps < STAGE_FPS_MIN ? step->fps
							 : STAGE_FPS_MIN;

	if (t->max_fs && mbs > t->max_fs)
		return 0;
	if (!t->max_mbps || t->max_mbps / mbs >= step->fps)
		return step->fps;
	return t->max_mbps / mbs >= least ? t->max_mbps / mbs : 0;
}

/* The first step from `best` on that it takes; STAGE_STEPS = none. */
static uint32_t fit_step(const struct stage_takes *t,
			 const struct stage_step *of, uint32_t best)
{
	while (best < STAGE_STEPS && !takes_fps(t, &of[best]))
		best++;
	return best;
}

static uint32_t step_for(const struct stage_step *of, uint32_t kbps,
			 uint32_t best)
{
	uint32_t i = best;

	while (kbps && i + 1 < STAGE_STEPS && kbps < of[i].min_kbps)
		i++;
	return i;
}

static uint32_t settle_step(struct plan *p, const struct stage_person *who,
			    uint32_t best)
{
	/* To go up it must carry a third more than it takes to stay. */
	uint32_t want = step_for(steps, who->kbps_down, best);
	const uint32_t sure = step_for(steps, who->kbps_down -
				       who->kbps_down / 4, best);
	struct link *l = link_of(p, who->leg);

	if (!l)
		return STAGE_STEPS - 1;
	l->seen = true;
	if (who->storm && want < STAGE_STEPS - 1 && want <= l->step)
		want = l->step < STAGE_STEPS - 1 && !l->up_after_ns ?
			l->step + 1 : l->step;
	if (want > l->step || who->storm) {
		l->step = want > l->step ? want : l->step;
		l->up_after_ns = p->now_ns + STAGE_CALM_NS;
	} else if (sure < l->step && p->now_ns >= l->up_after_ns) {
		l->step = sure;
		l->up_after_ns = 0;
	}
	if (l->step < best)
		l->step = best;
	if (sure < l->step && (!p->s->due_ns || l->up_after_ns < p->s->due_ns))
		p->s->due_ns = l->up_after_ns;
	return l->step;
}

static void forget_links(struct stage *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_links; i++) {
		if (!s->links[i].seen)
			continue;
		s->links[n] = s->links[i];
		s->links[n++].seen = false;
	}
	s->n_links = n;
}

/* --- groups ------------------------------------------------------------------------ */

static bool is_splash(enum stage_view v)
{
	return stage_splash(v) != NULL;
}

static bool personal(const struct plan *p)
{
	return p->inside <= p->in->personal_max && !p->s->is_loaded;
}

static enum stage_view view_for(const struct plan *p,
				const struct stage_person *who)
{
	if (who->wait != VIEW_NONE)
		return who->wait;
	if (p->inside < 2)
		return p->in->mirror && who->shows ? VIEW_SHARED : VIEW_ALONE;
	if (p->in->presenter && who->mixes && who->leg != p->in->presenter)
		return VIEW_PRESENTED;
	if (personal(p))
		return VIEW_PERSONAL;
	if (has_main_place(p->in->view) && who->leg == p->s->main)
		return VIEW_MAIN;
	return VIEW_SHARED;
}

static const struct stage_step *steps_of(enum stage_view v)
{
	if (v == VIEW_SLIDES)
		return slides_steps;
	return is_splash(v) ? splash_steps : steps;
}

static bool same_want(const struct want *a, const struct want *b)
{
	return a->view == b->view && a->owner == b->owner &&
	       a->codec == b->codec && a->step == b->step;
}

/* Index + 1; 0 when even the list of wishes is full. */
static uint16_t add_want(struct plan *p, const struct want *w)
{
	for (uint32_t i = 0; i < p->n_wants; i++) {
		if (!same_want(&p->wants[i], w))
			continue;
		p->wants[i].receivers++;
		if (w->fps < p->wants[i].fps)
			p->wants[i].fps = w->fps;
		return (uint16_t)(i + 1);
	}
	if (p->n_wants == STAGE_WANTS_MAX)
		return 0;
	p->wants[p->n_wants] = *w;
	p->wants[p->n_wants].receivers = 1;
	return (uint16_t)++p->n_wants;
}

/* Index + 1; 0 = he takes no picture that we make. */
static uint16_t want_picture(struct plan *p, const struct stage_person *who)
{
	struct want w = {.view = view_for(p, who), .codec = who->codec};
	const uint32_t most = p->in->step_min < STAGE_STEPS ?
			      p->in->step_min : STAGE_STEPS - 1;

	w.owner = w.view == VIEW_PERSONAL ? who->leg : 0;
	w.step = fit_step(&who->takes, steps_of(w.view),
			  is_splash(w.view) ? 0 : most);
	if (w.step == STAGE_STEPS)
		return 0;
	if (!is_splash(w.view))
		w.step = settle_step(p, who, w.step);
	w.fps = takes_fps(&who->takes, &steps_of(w.view)[w.step]);
	return add_want(p, &w);
}

/* By what was agreed, not by what the link carries just now: text that changes
 * its size is worse than text that comes late. */
static uint16_t want_slides(struct plan *p, const struct stage_person *who)
{
	struct want w = {.view = VIEW_SLIDES, .codec = who->slides_codec};
	const uint32_t kbps = who->kbps_cap - who->kbps_cap / 4;

	w.step = fit_step(&who->slides_takes, slides_steps,
			  step_for(slides_steps, kbps, 0));
	if (w.step == STAGE_STEPS)
		return 0;
	w.fps = takes_fps(&who->slides_takes, &slides_steps[w.step]);
	return add_want(p, &w);
}

static void collect_wants(struct plan *p)
{
	p->s->due_ns = 0;
	for (uint32_t i = 0; i < p->in->n; i++) {
		const struct stage_person *who = &p->in->people[i];

		if (who->leg && who->codec)
			p->want_of[i] = want_picture(p, who);
		if (is_inside(who) && who->slides_codec && p->in->presenter &&
		    who->leg != p->in->presenter)
			p->slides_of[i] = want_slides(p, who);
	}
	forget_links(p->s);
}

static bool is_open(const struct want *w)
{
	return !w->into && !w->dropped;
}

/* What is lost when a joins b; 0 = must not. Those inside and those who wait
 * never share, and a codec cannot change. */
static uint32_t merge_cost(const struct want *a, const struct want *b)
{
	const uint32_t apart = a->step > b->step ? a->step - b->step :
			       b->step - a->step;

	if (a->codec != b->codec || is_splash(a->view) != is_splash(b->view) ||
	    (a->view == VIEW_SLIDES) != (b->view == VIEW_SLIDES))
		return 0;
	if (is_splash(a->view) &&
	    (a->view == VIEW_ALONE) != (b->view == VIEW_ALONE))
		return 0;
	/* The larger step gives way: its people lose sharpness, or the people
	 * of the smaller group lose their own view. */
	return 1 + (a->view != b->view || a->owner != b->owner) *
		(a->receivers < b->receivers ? a->receivers : b->receivers) +
		4 * apart * (a->step < b->step ? a->receivers : b->receivers);
}

static void merge(struct want *a, struct want *b, uint32_t b_index)
{
	if (a->step > b->step)
		b->step = a->step;
	b->fps = a->fps < b->fps ? a->fps : b->fps;
	b->receivers += a->receivers;
	a->into = b_index + 1;
	/* A personal picture that others see, too, is the shared one. */
	if (a->view != b->view || a->owner != b->owner) {
		b->view = is_splash(b->view) ? b->view : VIEW_SHARED;
		b->owner = 0;
	}
}

static bool merge_cheapest(struct plan *p)
{
	uint32_t best = UINT32_MAX, from = 0, to = 0;

	for (uint32_t i = 0; i < p->n_wants; i++) {
		for (uint32_t j = 0; j < i; j++) {
			const struct want *a = &p->wants[i], *b = &p->wants[j];
			const uint32_t cost = is_open(a) && is_open(b) ?
					      merge_cost(a, b) : 0;

			if (!cost || cost >= best)
				continue;
			best = cost;
			from = a->receivers > b->receivers ? j : i;
			to = a->receivers > b->receivers ? i : j;
		}
	}
	if (best == UINT32_MAX)
		return false;
	merge(&p->wants[from], &p->wants[to], to);
	return true;
}

static void drop_smallest(struct plan *p)
{
	struct want *small = NULL;

	for (uint32_t i = 0; i < p->n_wants; i++) {
		struct want *w = &p->wants[i];

		if (!is_open(w))
			continue;
		/* A waiting screen goes before a picture of people. */
		if (!small || is_splash(w->view) > is_splash(small->view) ||
		    (is_splash(w->view) == is_splash(small->view) &&
		     w->receivers < small->receivers))
			small = w;
	}
	if (small)
		small->dropped = true;
}

static uint32_t open_wants(const struct plan *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_wants; i++)
		n += is_open(&p->wants[i]);
	return n;
}

/* Merging may have made two the same: then they are one. */
static void merge_same(struct plan *p)
{
	for (uint32_t i = 0; i < p->n_wants; i++)
		for (uint32_t j = 0; j < i; j++)
			if (is_open(&p->wants[i]) && is_open(&p->wants[j]) &&
			    same_want(&p->wants[i], &p->wants[j]))
				merge(&p->wants[i], &p->wants[j], j);
}

static void limit_groups(struct plan *p)
{
	uint32_t max = p->in->groups_max;

	if (!max || max > STAGE_GROUPS_MAX)
		max = STAGE_GROUPS_MAX;
	while (open_wants(p) > max) {
		if (!merge_cheapest(p))
			drop_smallest(p);
		merge_same(p);
	}
}

/* --- pictures ---------------------------------------------------------------------- */

static void fill_shared(const struct plan *p, struct stage_group *g)
{
	g->n_slots = p->s->n_slots;
	memcpy(g->slots, p->s->slots, g->n_slots * sizeof(*g->slots));
}

static uint64_t other_than(const struct plan *p, uint64_t leg)
{
	for (uint32_t i = 0; i < p->in->n; i++)
		if (is_inside(&p->in->people[i]) && p->in->people[i].leg != leg)
			return p->in->people[i].leg;
	return 0;
}

/* He sees the previous speaker in the main place, and himself where that one
 * stands in the shared picture. */
static void fill_main(const struct plan *p, struct stage_group *g)
{
	const struct stage *s = p->s;
	int at;

	fill_shared(p, g);
	if (g->n_slots < 2) {
		/* 1:0 shows one person: never himself. */
		g->slots[0] = s->former ? s->former : other_than(p, s->main);
		return;
	}
	at = s->former ? slot_of(g->slots, g->n_slots, s->former) : -1;
	if (at < 0)
		at = 1;
	g->slots[0] = g->slots[at];
	g->slots[at] = s->main;
}

static void fill_personal(const struct plan *p, struct stage_group *g)
{
	const struct stage *s = p->s;
	const uint64_t first = s->main != g->owner ? s->main : s->former;

	for (uint32_t i = 0; i < s->n_slots; i++)
		if (s->slots[i] != g->owner)
			g->slots[g->n_slots++] = s->slots[i];
	for (uint32_t i = 1; i < g->n_slots; i++) {
		if (g->slots[i] != first)
			continue;
		g->slots[i] = g->slots[0];
		g->slots[0] = first;
	}
	/* With 1:0 the one place may be his own: then another's. */
	if (!g->n_slots)
		g->slots[g->n_slots++] = other_than(p, g->owner);
}

static void fill_presented(const struct plan *p, struct stage_group *g)
{
	enum { BESIDE = 7 };

	memcpy(g->layout, "1:7", sizeof("1:7"));
	g->slides = p->in->presenter;
	fill_shared(p, g);
	if (g->n_slots <= BESIDE)
		return;
	memset(&g->slots[BESIDE], 0,
	       (g->n_slots - BESIDE) * sizeof(*g->slots));
	g->n_slots = BESIDE;
}

static void fill_group(const struct plan *p, const struct want *w,
		       struct stage_group *g)
{
	g->view = w->view;
	g->owner = w->owner;
	g->codec = w->codec;
	g->receivers = w->receivers;
	g->step = &steps_of(w->view)[w->step];
	g->fps = w->fps < g->step->fps ? w->fps : g->step->fps;
	if (is_splash(w->view)) {
		memcpy(g->layout, "splash", sizeof("splash"));
		return;
	}
	if (w->view == VIEW_SLIDES) {
		g->slides = p->in->presenter;
		memcpy(g->layout, "slides", sizeof("slides"));
		return;
	}
	memcpy(g->layout, p->in->view, sizeof(g->layout));
	if (w->view == VIEW_PRESENTED)
		fill_presented(p, g);
	else if (w->view == VIEW_PERSONAL)
		fill_personal(p, g);
	else if (w->view == VIEW_MAIN)
		fill_main(p, g);
	else
		fill_shared(p, g);
}

static uint32_t group_id(struct plan *p, const struct stage_group *g)
{
	struct stage *s = p->s;

	for (uint32_t i = 0; i < s->n_known; i++) {
		const struct known_group *k = &s->known[i];

		if (k->view == g->view && k->owner == g->owner &&
		    k->codec == g->codec && k->step == g->step)
			return k->id;
	}
	return s->next_id++;
}

static void remember_groups(struct plan *p)
{
	struct stage *s = p->s;

	s->n_known = p->out->n_groups;
	for (uint32_t i = 0; i < s->n_known; i++) {
		const struct stage_group *g = &p->out->groups[i];

		s->known[i] = (struct known_group){
			g->id, g->view, g->owner, g->codec, g->step};
	}
}

static uint32_t final_want(const struct plan *p, uint32_t i)
{
	while (p->wants[i].into)
		i = p->wants[i].into - 1;
	return i;
}

static void add_needed(struct stage_out *out, uint64_t leg)
{
	for (uint32_t i = 0; i < out->n_needed; i++)
		if (out->needed[i] == leg)
			return;
	out->needed[out->n_needed++] = leg;
}

static void write_plan(struct plan *p)
{
	struct stage_out *out = p->out;
	uint32_t ids[STAGE_WANTS_MAX] = {0};

	for (uint32_t i = 0; i < p->n_wants; i++) {
		struct stage_group *g = &out->groups[out->n_groups];

		if (!is_open(&p->wants[i]))
			continue;
		fill_group(p, &p->wants[i], g);
		g->id = ids[i] = group_id(p, g);
		out->n_groups++;
		for (uint32_t k = 0; k < g->n_slots; k++) {
			const struct stage_person *who = person(p,
								g->slots[k]);

			if (who && who->shows)
				add_needed(out, who->leg);
		}
	}
	for (uint32_t i = 0; i < p->in->n; i++) {
		const uint32_t w = p->want_of[i], v = p->slides_of[i];

		if (!p->in->people[i].leg)
			continue;
		out->receivers[out->n_receivers].leg = p->in->people[i].leg;
		out->receivers[out->n_receivers].slides =
			v ? ids[final_want(p, v - 1)] : 0;
		out->receivers[out->n_receivers++].group =
			w ? ids[final_want(p, w - 1)] : 0;
	}
	remember_groups(p);
}

bool stage_plan(struct stage *s, const struct stage_in *in, uint64_t now_ns,
		struct stage_out *out)
{
	struct plan p = {.s = s, .in = in, .now_ns = now_ns, .out = out};
	bool differs;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < in->n; i++)
		p.inside += is_inside(&in->people[i]);
	if (in->load_permille > STAGE_LOAD_HIGH)
		s->is_loaded = true;
	else if (in->load_permille < STAGE_LOAD_LOW)
		s->is_loaded = false;
	choose_main(&p);
	choose_slots(&p);
	collect_wants(&p);
	limit_groups(&p);
	write_plan(&p);
	differs = memcmp(out, &s->out, sizeof(*out)) != 0;
	s->out = *out;
	return differs;
}
