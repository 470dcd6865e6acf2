/* A conference inside one media worker. */
#include "media/media.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "media/video/in.h"
#include "media/video/out.h"

enum { GROUP_KEY_MS = 700, GROUP_KBPS_FLOOR_PERCENT = 50 };

struct room *room_find(struct media *m, uint64_t handle)
{
	return map_get(m->rooms, span_of(&handle, sizeof(handle)));
}

int room_open(struct media *m, const Cv__RoomOpen *msg)
{
	struct audio_room_cfg cfg = {.max_talkers = msg->max_talkers,
				     .complexity = msg->opus_complexity
				     ? (int)msg->opus_complexity : -1};
	struct room *r;
	int e;

	if (cfg.max_talkers > AUDIO_TALKERS_MAX || cfg.complexity > 10)
		return E_INVAL;
	if (room_find(m, msg->room))
		return E_EXISTS;
	if (map_count(m->rooms) >= MEDIA_ROOMS_MAX)
		return E_FULL;
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return E_NOMEM;
	r->m = m;
	r->handle = msg->room;
	list_init(&r->legs);
	e = audio_room_new(&r->audio, m->pool, &cfg);
	if (e == 0)
		e = map_put(m->rooms, span_of(&r->handle, sizeof(r->handle)),
			    r);
	if (e < 0) {
		audio_room_free(&r->audio);
		mem_free(r);
		return e;
	}
	list_add_tail(&m->room_list, &r->in_media);
	return 0;
}

static void group_drop(struct group *g)
{
	frame_join_free(&g->join);
	*g = (struct group){0};
}

void room_close(struct room *r)
{
	struct media *m = r->m;
	struct frame gone = {.kind = FRAME_ROOM_GONE, .room = r->handle,
			     .chunks = 1};

	list_each(it, tmp, &r->legs)
		leg_close(list_entry(it, struct leg, in_room));
	vlink_note(m, &gone);
	for (unsigned i = 0; i < MEDIA_GROUPS_MAX; i++)
		group_drop(&r->groups[i]);
	map_del(m->rooms, span_of(&r->handle, sizeof(r->handle)));
	list_del(&r->in_media);
	audio_room_free(&r->audio);
	mem_free(r);
}

struct group *room_group(struct room *r, uint64_t id)
{
	for (unsigned i = 0; i < MEDIA_GROUPS_MAX; i++)
		if (r->groups[i].is_used && r->groups[i].id == id)
			return &r->groups[i];
	return NULL;
}

void group_want_key(struct room *r, struct group *g)
{
	(void)r;
	g->want_key = true;	/* sent by the service, in bounds */
}

/* --- plan -------------------------------------------------------------- */

static enum frame_codec frame_codec_of(Cv__CodecName c)
{
	if (c == CV__CODEC_NAME__CODEC_VP8)
		return FRAME_VP8;
	return c == CV__CODEC_NAME__CODEC_H264 ? FRAME_H264 : FRAME_CODEC_NONE;
}

static bool plan_has_group(const Cv__PicturePlan *msg, uint32_t id)
{
	for (size_t i = 0; i < msg->n_groups; i++)
		if (msg->groups[i]->group == id)
			return true;
	return false;
}

static void group_take(struct room *r, const Cv__GroupInfo *info)
{
	enum frame_codec codec = frame_codec_of(info->codec);
	struct group *g = room_group(r, info->group);

	for (unsigned i = 0; !g && i < MEDIA_GROUPS_MAX; i++)
		if (!r->groups[i].is_used)
			g = &r->groups[i];
	if (!g || !info->group || codec == FRAME_CODEC_NONE)
		return;
	if (!g->is_used) {
		*g = (struct group){.is_used = true, .id = info->group};
		if (frame_join_new(&g->join) < 0) {
			g->is_used = false;
			return;
		}
	}
	g->codec = codec;
	g->kbps = info->kbps;
	g->told_kbps = info->kbps;
}

static void groups_take(struct room *r, const Cv__PicturePlan *msg)
{
	for (unsigned i = 0; i < MEDIA_GROUPS_MAX; i++)
		if (r->groups[i].is_used &&
		    !plan_has_group(msg, r->groups[i].id))
			group_drop(&r->groups[i]);
	for (size_t i = 0; i < msg->n_groups; i++)
		group_take(r, msg->groups[i]);
}

/* Into another group, or out of all. */
static void leg_place(struct leg *leg, uint32_t group)
{
	struct group *g = group ? room_group(leg->room, group) : NULL;

	if (leg->group == group)
		return;
	leg->group = g ? group : 0;
	if (!leg->vout)
		return;
	video_out_switch(leg->vout);
	if (g)
		group_want_key(leg->room, g);
}

static void receivers_take(struct room *r, const Cv__PicturePlan *msg)
{
	struct media *m = r->m;

	/* by handle, not by position: a plan lists up to 1024 receivers */
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		leg->is_planned = false;
		leg->is_needed_next = false;
	}
	for (size_t i = 0; i < msg->n_receivers; i++) {
		struct leg *leg = leg_find(m, msg->receivers[i]->leg);

		if (!leg || leg->room != r) {
			m->stats.bad_handles++;
			continue;
		}
		leg->is_planned = true;
		leg_place(leg, msg->receivers[i]->group);
	}
	for (size_t i = 0; i < msg->n_needed; i++) {
		struct leg *leg = leg_find(m, msg->needed[i]);

		if (leg && leg->room == r)
			leg->is_needed_next = true;
	}
}

void room_plan(struct room *r, const Cv__PicturePlan *msg)
{
	r->epoch = msg->epoch;
	groups_take(r, msg);
	receivers_take(r, msg);
	list_each(it, tmp, &r->legs) {
		struct leg *leg = list_entry(it, struct leg, in_room);

		if (!leg->is_planned)
			leg_place(leg, 0);
		leg->is_needed = leg->is_needed_next;
		if (leg->vin)
			video_in_need(leg->vin, leg->is_needed);
	}
}

/* --- what happens from time to time ------------------------------------ */

/* The group's rate is that of its weakest receiver, but not below half of the
 * plan: whoever carries less is moved to another group by core. */
static uint32_t group_rate(const struct room *r, const struct group *g,
			   uint64_t now_ns)
{
	uint32_t floor = g->kbps * GROUP_KBPS_FLOOR_PERCENT / 100;
	uint32_t kbps = g->kbps;

	list_each(it, tmp, &r->legs) {
		const struct leg *leg = list_entry(it, struct leg, in_room);
		uint32_t k = kbps;

		if (leg->group == g->id && leg->vout &&
		    flow_is_open(leg->video_flow))
			k = leg_main_kbps(leg, now_ns);
		else if (leg->has_way && leg->slides_group == g->id &&
			 leg->sout && flow_is_open(leg->slides_flow))
			k = leg_slides_kbps(leg, now_ns);
		if (k < kbps)
			kbps = k;
	}
	return kbps < floor ? floor : kbps;
}

/* What its pictures take of a link. */
static void group_measure(struct group *g, uint64_t now_ns)
{
	const uint64_t d = now_ns - g->rate_ns;

	if (g->rate_ns && d < NS_PER_S)
		return;
	if (g->rate_ns)
		g->rate_kbps = (uint32_t)(g->rate_bytes * 8 * NS_PER_MS / d);
	g->rate_bytes = 0;
	g->rate_ns = now_ns;
}

static void group_service(struct room *r, struct group *g, uint64_t now_ns)
{
	struct frame f = {.room = r->handle, .stream = g->id, .chunks = 1,
			  .codec = g->codec};
	uint32_t kbps = group_rate(r, g, now_ns);
	uint32_t step = g->told_kbps / 10;

	group_measure(g, now_ns);
	if (g->want_key && (!g->key_asked_ns || now_ns - g->key_asked_ns >=
			    GROUP_KEY_MS * NS_PER_MS)) {
		g->key_asked_ns = now_ns;
		g->want_key = false;
		f.kind = FRAME_WANT_KEY;
		vlink_note(r->m, &f);
	}
	if (kbps + step < g->told_kbps || kbps > g->told_kbps + step) {
		g->told_kbps = kbps;
		f.kind = FRAME_RATE;
		f.kbps = kbps;
		vlink_note(r->m, &f);
	}
}

static bool speakers_are_news(const struct room *r,
			      const struct audio_speaker *s, size_t n)
{
	if (n != r->n_told)
		return true;
	for (size_t i = 0; i < n; i++) {
		const struct leg *leg = s[i].user;

		if (leg->handle != r->told[i].leg ||
		    s[i].vad != r->told[i].vad)
			return true;
	}
	return false;
}

static void speakers_service(struct room *r)
{
	struct audio_speaker s[AUDIO_SPEAKERS_MAX];
	size_t n = audio_room_speakers(r->audio, s, AUDIO_SPEAKERS_MAX);

	if (!speakers_are_news(r, s, n))
		return;
	r->n_told = n;
	for (size_t i = 0; i < n; i++) {
		const struct leg *leg = s[i].user;

		r->told[i].leg = leg->handle;
		r->told[i].vad = s[i].vad;
	}
	control_speakers(r, s, n);
}

void room_service(struct room *r, uint64_t now_ns)
{
	for (unsigned i = 0; i < MEDIA_GROUPS_MAX; i++)
		if (r->groups[i].is_used)
			group_service(r, &r->groups[i], now_ns);
	slides_room_service(r, now_ns);
	if (now_ns - r->speakers_ns < MEDIA_SPEAKERS_MS * NS_PER_MS)
		return;
	r->speakers_ns = now_ns;
	speakers_service(r);
}
