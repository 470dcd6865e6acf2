#include "video/plan.h"

#include "video/caps.h"
#include "video/text/text.h"

static enum frame_codec codec_of(Cv__CodecName name)
{
	if (name == CV__CODEC_NAME__CODEC_VP8)
		return FRAME_VP8;
	if (name == CV__CODEC_NAME__CODEC_H264)
		return FRAME_H264;
	return FRAME_CODEC_NONE;
}

static bool is_size(uint32_t w, uint32_t h)
{
	return w >= 64 && h >= 64 && w <= FRAME_WIDTH_MAX &&
	       h <= FRAME_HEIGHT_MAX && !((w | h) & 1);
}

static int take_splash(struct group_plan *p, const char *key)
{
	if (!text_has_splash(span_str(key)))
		return E_UNSUPPORTED;
	return span_cstr(span_str(key), p->splash, sizeof(p->splash));
}

/* Presentation takes the main place, and everybody moves on. "slides" is
 * presentation alone. */
static int take_slots(struct group_plan *p, const Cv__VideoGroup *in)
{
	const bool is_alone = span_eq(span_str(in->layout),
				      SPAN_LIT("slides"));
	const struct span view = is_alone ? SPAN_LIT("1:0")
					  : span_str(in->layout);
	const unsigned max = layout_slots(view), first = in->slides != 0;

	if (max == 0)
		return E_UNSUPPORTED;
	if (in->n_slots > LAYOUT_SLOTS_MAX)
		return E_LIMIT;
	if (in->slides & PLAN_SLIDES_BIT || (is_alone && !in->slides))
		return E_INVAL;
	if (first) {
		p->slots[0] = p->slides = plan_slides_id(in->slides);
		p->used = 1;
	}
	for (unsigned i = 0; i < in->n_slots && i + first < max; i++) {
		p->slots[i + first] = in->slots[i];
		if (in->slots[i])
			p->used = (uint8_t)(i + first + 1);
	}
	p->layout = layout_find(view, p->used);
	return 0;
}

int group_plan_decode(struct group_plan *out, const Cv__VideoGroup *in)
{
	struct group_plan p = {
		.id = in->group, .codec = codec_of(in->codec),
		.kbps = in->kbps, .names = in->names};
	int r;

	if (p.codec == FRAME_CODEC_NONE)
		return E_UNSUPPORTED;
	if (!is_size(in->width, in->height) || in->fps < 1 ||
	    in->fps > VIDEO_FPS_MAX || in->kbps < 1 ||
	    in->kbps > VIDEO_KBPS_MAX)
		return E_LIMIT;
	p.w = (uint16_t)in->width;
	p.h = (uint16_t)in->height;
	p.fps = (uint8_t)in->fps;
	if (span_eq(span_str(in->layout), SPAN_LIT("splash")))
		r = take_splash(&p, in->splash);
	else
		r = take_slots(&p, in);
	if (r == 0)
		*out = p;
	return r;
}

bool group_plan_continues(const struct group_plan *a,
			  const struct group_plan *b)
{
	return a->id == b->id && a->codec == b->codec && a->w == b->w &&
	       a->h == b->h;
}

bool group_plan_looks_same(const struct group_plan *a,
			   const struct group_plan *b)
{
	return a->layout == b->layout && a->names == b->names &&
	       !memcmp(a->slots, b->slots, sizeof(a->slots)) &&
	       !memcmp(a->splash, b->splash, sizeof(a->splash));
}

bool group_plan_shows(const struct group_plan *p, uint64_t leg)
{
	for (unsigned i = 0; leg && i < p->used && p->layout; i++)
		if (i < p->layout->n && p->slots[i] == leg)
			return true;
	return false;
}
