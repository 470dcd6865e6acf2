/* core/rooms/stage.h - who sees what: the picture planner.
 *
 * From who is there, who speaks and what each downlink carries, decides the
 * few pictures that a room's video worker composes ("groups") and which of
 * them each person gets. Pure; time is an argument.
 *
 * More than `personal_max` people: one shared picture with everybody in it,
 * and a second one for the person in the main place, where the speaker before
 * him, or whoever else talks now, stands in the main place and he himself
 * where that one stood. Up to
 * `personal_max` people: one picture each, without himself, while the worker
 * has time. Whoever waits gets a splash picture and never shares a group with
 * those inside. Alone: a splash. Who has no section for presentation gets one
 * picture, shared by all of them, with what is presented in the main place.
 * Who has one, but cannot take what is presented as it is, gets a picture made
 * of nothing else for that section, beside his own.
 *
 * A picture is made in one of three fixed steps of size and rate; nothing a
 * client says makes another. Nobody gets one that is larger than he takes: who
 * takes not even the smallest gets none. Too many groups: the two of the same codec whose
 * people lose least are merged, into the smaller step, until `groups_max`
 * holds; then the smallest goes without.
 *
 * The main place follows the speaker who leads for STAGE_LEAD_NS; the main
 * place of his own picture follows, in the same way, who leads among the rest. Everybody
 * else keeps his place while he is in the picture: a newcomer takes the next
 * free place, or that of whoever spoke longest ago.
 */
#pragma once
#include "base/span.h"

enum {
	STAGE_PEOPLE_MAX = 1000,
	STAGE_SLOTS_MAX = 25,
	STAGE_GROUPS_MAX = 16,
	STAGE_WANTS_MAX = 64,		/* groups wished for, before merging */
	STAGE_SPEAKERS_MAX = 16,	/* remembered */
	STAGE_VAD_MIN = 10,		/* below: not speaking */
	STAGE_STEPS = 3,
	STAGE_FPS_MIN = 12,	/* below: the next step */
	STAGE_LOAD_HIGH = 850, STAGE_LOAD_LOW = 600,	/* permille */
};
#define STAGE_LEAD_NS  UINT64_C(1000000000)
/* A picture may grow again only after so long without trouble. */
#define STAGE_CALM_NS  UINT64_C(10000000000)

struct stage_step {
	uint16_t width, height;
	uint16_t fps;
	uint16_t kbps;
	uint16_t min_kbps;	/* a downlink of less gets the next step */
};
const struct stage_step *stage_step(unsigned i);

enum stage_view {
	VIEW_NONE = 0,
	VIEW_SHARED,
	VIEW_MAIN,		/* for the person in the main place */
	VIEW_PERSONAL,		/* without `owner` */
	VIEW_PRESENTED,		/* what is presented, and small who speaks */
	VIEW_SLIDES,		/* what is presented, alone: slides sections */
	VIEW_ALONE, VIEW_WAIT_HOST, VIEW_WAIT_LOCK,	/* splashes */
	VIEW_COUNT
};
/* Text key of a splash, NULL for pictures of people. */
const char *stage_splash(enum stage_view v);

/* What a decoder takes: macroblocks of a picture and in a second, 0 = any. */
struct stage_takes {
	uint32_t max_fs, max_mbps;
};

struct stage_person {
	uint64_t leg;		/* 0 = no call: not shown, sees nothing */
	enum stage_view wait;	/* VIEW_WAIT_* or VIEW_NONE = inside */
	bool shows;		/* his camera can be seen */
	uint32_t codec;		/* he can receive; 0 = no picture */
	uint32_t kbps_down;	/* 0 = unknown */
	uint32_t kbps_cap;	/* of his call, as agreed; 0 = none */
	bool storm;
	bool mixes;		/* is shown what is presented in this picture */
	int64_t spotlight_us;	/* earliest first in the main place; 0 = no */
	struct stage_takes takes;
	/* Codec in which his slides section needs a picture of its own while
	 * somebody presents; 0 = it needs none. */
	uint32_t slides_codec;
	struct stage_takes slides_takes;
};

struct stage_in {
	const struct stage_person *people;	/* in order of joining */
	uint32_t n;
	char view[8];		/* "1:7", "4:0", ... */
	uint32_t groups_max;
	uint32_t personal_max;
	uint32_t step_min;	/* best step allowed: 0 = 1280x720 */
	uint32_t load_permille;	/* of the video worker */
	uint64_t presenter;	/* leg whose presentation is to be seen, 0 = none */
	bool mirror;		/* who is alone sees himself (test calls) */
};

struct stage_group {
	uint32_t id;		/* stays while codec, step and view stay */
	enum stage_view view;
	uint64_t owner;		/* VIEW_PERSONAL */
	uint32_t codec;
	const struct stage_step *step;
	uint32_t fps;		/* of the step, or what its people take */
	uint32_t receivers;
	uint64_t slides;	/* leg whose presentation has the main place */
	char layout[8];		/* "splash" for splashes, "slides" */
	uint32_t n_slots;
	uint64_t slots[STAGE_SLOTS_MAX];
};

struct stage_out {
	uint32_t n_groups;
	struct stage_group groups[STAGE_GROUPS_MAX];
	uint32_t n_receivers;	/* as many as people */
	struct {
		uint64_t leg;
		uint32_t group;	/* id, 0 = none */
		uint32_t slides; /* of his slides section, likewise */
	} receivers[STAGE_PEOPLE_MAX];
	uint32_t n_needed;
	uint64_t needed[STAGE_GROUPS_MAX * STAGE_SLOTS_MAX];
};

struct stage;

int  stage_new(struct stage **out);
void stage_free(struct stage **s);
/* media's list, loudest first. Returns true when the main place is to change:
 * stage_plan() is due. */
struct stage_speaker {
	uint64_t leg;
	uint32_t vad;
};
bool stage_speakers(struct stage *s, const struct stage_speaker *list,
		    size_t n, uint64_t now_ns);
/* Returns whether *out differs from the plan before. Deterministic. */
bool stage_plan(struct stage *s, const struct stage_in *in, uint64_t now_ns,
		struct stage_out *out);
/* Who is in the main place, 0 = nobody. */
uint64_t stage_main(const struct stage *s);
/* The last list, for the `stage` event. */
size_t stage_last_speakers(const struct stage *s,
			   struct stage_speaker out[STAGE_SPEAKERS_MAX]);
/* When to plan again though nothing happened: a lead becomes long enough, a
 * picture may grow. 0 = no need. */
uint64_t stage_due_ns(const struct stage *s);
