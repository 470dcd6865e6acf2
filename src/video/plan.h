/* video/plan.h - core's orders, checked and made plain. Pure. */
#pragma once
#include "base/span.h"
#include "ipc/frame.h"
#include "ipc/video.pb-c.h"
#include "video/compose/layout.h"

enum { PLAN_SPLASH_MAX = 32 };

/* What a leg presents is a stream of its own, and stands in the picture like a
 * person of its own: under this number. No handle has the bit, because tables
 * are far smaller (base/handle.h: the slot is the lower half). */
#define PLAN_SLIDES_BIT (UINT64_C(1) << 31)
static inline uint64_t plan_slides_id(uint64_t leg)
{
	return leg ^ PLAN_SLIDES_BIT;
}

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
	uint64_t slides;		/* plan_slides_id(), in slots[0]; 0 = none */
	char splash[PLAN_SPLASH_MAX];
};

/* E_LIMIT (size, rate, slots), E_UNSUPPORTED (codec, layout, splash).
 * E_INVAL (a leg that cannot be). */
int  group_plan_decode(struct group_plan *out, const Cv__VideoGroup *in);
/* The encoder of `a` goes on for `b`, without a keyframe. */
bool group_plan_continues(const struct group_plan *a,
			  const struct group_plan *b);
/* The same picture: nothing has to be drawn anew. */
bool group_plan_looks_same(const struct group_plan *a,
			   const struct group_plan *b);
bool group_plan_shows(const struct group_plan *p, uint64_t leg);
