/* video/worker_int.h - what the files of the worker share (private). */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "video/codec/codec.h"
#include "video/compose/compose.h"
#include "video/compose/tile.h"
#include "video/caps.h"
#include "video/load.h"
#include "video/pace.h"
#include "video/plan.h"
#include "video/text/text.h"
#include "video/worker.h"

/* One person. Owned by his room. */
struct leg {
	struct list at;			/* in room->legs */
	uint64_t id;
	uint8_t name[TEXT_NAME_MAX];
	size_t name_n;
	uint64_t name_serial;
	bool video;			/* camera on, says core */
	bool is_slides;			/* what somebody presents */
	bool speaking;
	uint32_t shown;			/* bit per group of the room */
	uint64_t hidden_ns;		/* since when nobody shows him */

	struct frame_join *join;
	struct vdec *dec;		/* while shown */
	uint32_t pixels;		/* counted in worker->pixels */
	struct pic *pic;		/* last picture; NULL: a card */
	uint64_t serial;		/* of that picture */
	struct tile_cache tiles;

	bool need_key, asked;
	uint64_t asked_ns;
	bool has_id;
	uint32_t last_id;
	uint64_t window_ns, spent_ns;	/* CPU budget */
	uint64_t paused_until_ns;
};

/* What stands in a cell now; unequal means: draw. */
struct drawn {
	uint64_t leg, serial, name_serial;
	bool is_card, speaking, complete;
};

/* One encoder and its receivers. Owned by its room. */
struct group {
	struct group_plan plan;
	struct venc *enc;
	struct pic *canvas;
	struct compose_style style;
	struct drawn drawn[LAYOUT_SLOTS_MAX];
	bool redraw;			/* everything */
	struct pace pace;
	uint64_t dirty_ns;		/* since when; UINT64_MAX = clean */
	bool want_key;
	uint64_t want_key_ns, key_ns;	/* asked; last one sent */
	bool sent_key;
	uint32_t frame_id;
	uint64_t made_ns;		/* last picture, for the encoder */
	uint32_t kbps;			/* media's word, within the plan */
};

struct room {
	uint64_t id;
	struct worker *w;
	struct map *legs_by_id;
	struct list legs;
	struct group *groups[VIDEO_GROUPS_MAX];
	unsigned n_groups, n_decoders;
	bool idle;			/* media closed it: nothing is made */
	bool stale;
	uint64_t stale_ns;
};

struct worker {
	struct worker_cfg cfg;
	struct map *rooms;
	struct load load;
	bool has_media;
	bool window_closed;
	uint32_t groups_max;
	uint32_t n_groups, n_decoders, n_legs;
	uint64_t pixels;
	uint64_t serial;
	uint64_t second_ns;		/* next housekeeping */
	struct worker_stats stats;
};

#define KEY_OF(id) span_of(&(id), sizeof(id))
#define CLEAN UINT64_MAX

/* --- leg.c --- */
void leg_free(struct room *room, struct leg **leg);
/* Takes decoder, join and reference state away; the picture may stay. */
void leg_reset(struct room *room, struct leg *leg);
void leg_drop_picture(struct leg *leg);
void leg_chunk(struct room *room, struct leg *leg, const struct frame *chunk,
	       uint64_t now);
/* Asks media for a keyframe, at most every VIDEO_KEY_ASK_MS. */
void leg_ask_key(struct room *room, struct leg *leg, uint64_t now);
/* Which groups show him, after a plan. */
void leg_set_shown(struct room *room, struct leg *leg, uint32_t shown,
		   uint64_t now);
void leg_second(struct room *room, struct leg *leg, uint64_t now);

/* --- group.c --- */
int  group_new(struct group **out, struct room *room,
	       const struct group_plan *plan, uint64_t now);
void group_free(struct room *room, struct group **g);
/* A plan that continues this group. */
void group_replan(struct room *room, struct group *g,
		  const struct group_plan *plan, uint64_t now);
/* Begins pacing anew after a rest. */
void group_resume(struct room *room, struct group *g, uint64_t now);
void group_dirty(struct group *g, uint64_t now);
void group_want_key(struct group *g, uint64_t now);
void group_rate(struct group *g, uint32_t kbps);
uint64_t group_due(const struct group *g);
void group_make(struct room *room, struct group *g, uint64_t now);

/* --- room.c --- */
int  room_new(struct room **out, struct worker *w, uint64_t id);
void room_free(struct room **room);
struct leg *room_leg(const struct room *room, uint64_t id);
void room_dirty(struct room *room, uint32_t groups, uint64_t now);
