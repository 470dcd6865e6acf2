/* Who presents: the room's side of the table in floor.h. */
#include "core/rooms/room_int.h"

struct part *room_presenter(const struct room *r)
{
	return r->presenter ? room_part(r, r->presenter) : NULL;
}

bool room_shows(const struct part *presenter, const struct part *to)
{
	return to != presenter && to->state == PART_INSIDE && !to->no_slides;
}

bool part_needs_mix(const struct part *p)
{
	return p->protocol == PART_BY_SIP && p->leg.phase >= LEG_OPEN &&
	       p->leg.has_video && !p->leg.slides.has && !p->no_slides;
}

bool floor_may_hold(const struct room *r, const struct part *p)
{
	return p->state == PART_INSIDE && p->leg.leg &&
	       (p->host || r->cfg.guests_can_present);
}

/* From `old` to `next`, either of which may be NULL. */
static void pass_on(struct ctx *c, struct part *old, struct part *next)
{
	c->r->presenter = next ? next->id : 0;
	c->save = c->plan = true;
	if (old && old->state != PART_GONE)
		part_changed(c, old);
	if (next)
		part_changed(c, next);
	room_emit_floor(c, next, old);
	if (next)
		room_emit_audit(c, "participant.present", next, old);
	else
		room_emit_audit(c, "participant.present.end", old, NULL);
}

static enum room_result floor_event(struct ctx *c, struct part *p,
				    struct part *holder, enum floor_ev ev)
{
	const struct floor_cell cell = floor_cell(c->r->presenter ?
						  FLOOR_HELD : FLOOR_FREE, ev);

	switch (cell.act) {
	case FLOOR_NOTHING:
		return RR_OK;
	case FLOOR_GRANT:
		pass_on(c, NULL, p);
		return RR_OK;
	case FLOOR_TAKE_OVER:
		pass_on(c, holder, p);
		return RR_OK;
	case FLOOR_RELEASE:
		pass_on(c, p, NULL);
		return RR_OK;
	case FLOOR_REFUSE:
	case FLOOR_DO_COUNT:
		break;
	}
	c->r->refused++;
	return RR_REFUSED;
}

enum room_result floor_take(struct ctx *c, struct part *p)
{
	enum floor_ev ev = p->host ? FLOOR_EV_TAKE_HOST : FLOOR_EV_TAKE_GUEST;

	if (c->r->presenter == p->id)
		ev = FLOOR_EV_TAKE_AGAIN;
	else if (!floor_may_hold(c->r, p))
		ev = FLOOR_EV_TAKE_BARRED;
	return floor_event(c, p, room_presenter(c->r), ev);
}

enum room_result floor_release(struct ctx *c, struct part *p)
{
	return floor_event(c, p, NULL, c->r->presenter == p->id ?
			   FLOOR_EV_RELEASE : FLOOR_EV_RELEASE_LATE);
}

void floor_check(struct ctx *c, struct part *p)
{
	if (c->r->presenter == p->id && !floor_may_hold(c->r, p))
		(void)floor_event(c, p, NULL, FLOOR_EV_LOST);
}
