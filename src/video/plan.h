/* video/plan.h - core's orders, checked and made plain. Pure. */
#pragma once
#include "base/span.h"
#include "ipc/frame.h"
#include "ipc/video.pb-c.h"
#include "video/compose/layout.h"

enum { PLAN_SPLASH_MAX = 32 };

struct group_plan {
	uint32_t id;
	enum frame_codec codec;
	uint16_t w, h;
	uint8_t fps;
	uint32_t kbps;
	const struct layout *layout;	/* NULL: a splash screen */
	uint8_t used;			/* last filled slot + 1 */
	bool names;
	uint64_t slots[LAYOUT_SLOTS_MAX];
	char splash[PLAN_SPLASH_MAX];
};

/* E_LIMIT (size, rate, slots), E_UNSUPPORTED (codec, layout, splash). */
int  group_plan_decode(struct group_plan *out, const Cv__VideoGroup *in);
/* The encoder of `a` goes on for `b`, without a keyframe. */
bool group_plan_continues(const struct group_plan *a,
			  const struct group_plan *b);
/* The same picture: nothing has to be drawn anew. */
bool group_plan_looks_same(const struct group_plan *a,
			   const struct group_plan *b);
bool group_plan_shows(const struct group_plan *p, uint64_t leg);
