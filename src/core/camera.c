#include "core/camera.h"

static int sign(int32_t v)
{
	return (v > 0) - (v < 0);
}

bool camera_is_on(const struct core *c)
{
	return store_global(c->store, GLOBAL_ENABLE_FECC);
}

struct room_camera camera_read(const Cv__CameraMove *m)
{
	struct room_camera c = {.action = ROOM_CAMERA_NONE};

	if (!m)
		return c;
	switch (m->action) {
	case CV__CAMERA_ACTION__CAMERA_START:
		c.action = ROOM_CAMERA_START;
		break;
	case CV__CAMERA_ACTION__CAMERA_CONTINUE:
		c.action = ROOM_CAMERA_CONTINUE;
		break;
	case CV__CAMERA_ACTION__CAMERA_STOP:
		c.action = ROOM_CAMERA_STOP;
		break;
	default:
		return c;
	}
	c.pan = sign(m->pan);
	c.tilt = sign(m->tilt);
	c.zoom = sign(m->zoom);
	c.timeout_ms = m->timeout_ms < CAMERA_ORDER_MAX_MS ? m->timeout_ms :
		       CAMERA_ORDER_MAX_MS;
	return c;
}

static Cv__CameraMove write_move(const struct room_camera *c)
{
	static const Cv__CameraAction actions[] = {
		[ROOM_CAMERA_START] = CV__CAMERA_ACTION__CAMERA_START,
		[ROOM_CAMERA_CONTINUE] = CV__CAMERA_ACTION__CAMERA_CONTINUE,
		[ROOM_CAMERA_STOP] = CV__CAMERA_ACTION__CAMERA_STOP,
	};
	Cv__CameraMove m = CV__CAMERA_MOVE__INIT;

	m.action = actions[c->action];
	m.pan = c->pan;
	m.tilt = c->tilt;
	m.zoom = c->zoom;
	m.timeout_ms = c->timeout_ms;
	return m;
}

void camera_move(struct meeting *m, const struct part *to,
		 const struct room_camera *move)
{
	struct member *mb = member_of(m->c, to);
	Cv__CameraMove order = write_move(move);
	Cv__LegCamera msg = CV__LEG_CAMERA__INIT;
	struct ipc_chan *ch = meeting_media(m);

	if (!mb || !to->leg.leg)
		return;
	if (!mb->sip) {
		event_camera(mb, &order);
		return;
	}
	msg.leg = to->leg.leg;
	msg.move = &order;
	if (ch)
		(void)ipc_send(ch, LEG_CAMERA, &msg);
}

static struct part *other_of(const struct member *mb)
{
	const struct room *r = mb->m->room;

	if (!mb->m->sv.gateway)
		return NULL;
	for (uint32_t i = 0; i < r->n_parts; i++)
		if (r->parts[i] != mb->p && r->parts[i]->state == PART_INSIDE)
			return r->parts[i];
	return NULL;
}

bool camera_across(struct member *from, const struct room_camera *move)
{
	struct part *to = other_of(from);

	if (!to || from->p->state != PART_INSIDE || !to->leg.camera ||
	    move->action == ROOM_CAMERA_NONE ||
	    !camera_is_on(from->c) ||
	    (move->action != ROOM_CAMERA_STOP &&
	     !bucket_take(&to->camera, from->c->now_ns, CAMERA_PER_S,
			  CAMERA_BURST)))
		return false;
	camera_move(from->m, to, move);
	return true;
}

void camera_wished(struct worker *wk, const Cv__LegCamera *m)
{
	const struct room_camera move = camera_read(m->move);
	struct member *mb = handles_get(wk->c->legs, m->leg);

	/* a leg in the lobby has no seat yet */
	if (!mb || !mb->m || !mb->p || mb->p->leg.leg != m->leg ||
	    mb->m->worker != (int)(wk - wk->c->workers) ||
	    !camera_across(mb, &move))
		wk->c->stats.cameras_refused++;
}
