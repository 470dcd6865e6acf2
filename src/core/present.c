/* Presentation: from the room's floor to media. */
#include "core/core.h"

#include "base/alloc.h"

enum { MACROBLOCK = 16 };

static uint32_t macroblocks(uint16_t width, uint16_t height)
{
	return (uint32_t)((width + MACROBLOCK - 1) / MACROBLOCK) *
	       (uint32_t)((height + MACROBLOCK - 1) / MACROBLOCK);
}

/* What the presenter sends now; a device of mode 0 takes single NAL units
 * alone, and nobody cuts a slice that is too long for one. */
static uint32_t bit_of(uint32_t codec)
{
	switch (codec) {
	case CV__CODEC_NAME__CODEC_VP8:
		return CV__SLIDES_CODEC__SLIDES_VP8;
	case CV__CODEC_NAME__CODEC_H264:
		return CV__SLIDES_CODEC__SLIDES_H264_MODE1;
	default:
		return 0;
	}
}

static bool takes(const struct part_slides *s, const struct part_slides *from)
{
	const uint32_t bit = bit_of(from->codec);

	return (!bit || (s->takes & bit)) &&
	       (!s->limits.max_fs ||
		macroblocks(from->width, from->height) <= s->limits.max_fs);
}

uint32_t present_codec(const struct part *presenter, const struct part *p)
{
	const uint32_t can = p->leg.slides.takes;

	if (!p->leg.slides.has || !room_shows(presenter, p) ||
	    takes(&p->leg.slides, &presenter->leg.slides))
		return CV__CODEC_NAME__CODEC_NONE;
	/* our encoder cuts its slices for mode 0, too */
	if (can & (CV__SLIDES_CODEC__SLIDES_H264_MODE1 |
		   CV__SLIDES_CODEC__SLIDES_H264_MODE0))
		return CV__CODEC_NAME__CODEC_H264;
	return can & CV__SLIDES_CODEC__SLIDES_VP8 ?
		CV__CODEC_NAME__CODEC_VP8 : CV__CODEC_NAME__CODEC_NONE;
}

struct ways {
	Cv__SlidesWay at[ROOM_PARTS_MAX];
	Cv__SlidesWay *list[ROOM_PARTS_MAX];
	size_t n;
};

static void fill_ways(const struct meeting *m, const struct part *presenter,
		      struct ways *w)
{
	w->n = 0;
	for (uint32_t i = 0; i < m->room->n_parts; i++) {
		const struct part *p = m->room->parts[i];
		const struct member *mb = member_of(m->c, p);

		if (!room_shows(presenter, p) || !p->leg.slides.has ||
		    takes(&p->leg.slides, &presenter->leg.slides))
			continue;
		cv__slides_way__init(&w->at[w->n]);
		w->at[w->n].leg = p->leg.leg;
		w->at[w->n].group = mb ? mb->slides_group : 0;
		w->list[w->n] = &w->at[w->n];
		w->n++;
	}
}

void present_send(struct meeting *m)
{
	const struct part *presenter = room_presenter(m->room);
	struct ipc_chan *ch = meeting_media(m);
	Cv__Presentation msg = CV__PRESENTATION__INIT;
	struct ways *w = ch ? mem_alloc(sizeof(*w)) : NULL;

	m->must_present = !w;
	if (!w)
		return;	/* said again with the next plan */
	w->n = 0;
	msg.room = m->id;
	if (presenter) {
		msg.presenter = presenter->leg.leg;
		fill_ways(m, presenter, w);
	}
	msg.to_video = m->to_video = picture_has_slides(m);
	msg.ways = w->list;
	msg.n_ways = w->n;
	(void)ipc_send(ch, PRESENTATION, &msg);
	mem_free(w);
}
