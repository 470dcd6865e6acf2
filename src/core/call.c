/* Calls: an offer from web goes to media, media's answer back to web. */
#include "core/core.h"

#include "base/alloc.h"

static void reply(struct core *c, int web, uint32_t gen, Cv__CallReply *r)
{
	if (web_is_current(c, web, gen))
		(void)ipc_send(ipc_ev_chan(c->webs[web].ev), CALL_REPLY, r);
}

static void refuse(struct web *w, uint32_t req, Cv__ResultCode code)
{
	Cv__CallReply r = CV__CALL_REPLY__INIT;

	r.req = req;
	r.code = code;
	reply(w->c, (int)(w - w->c->webs), w->gen, &r);
}

static struct span req_key(const uint32_t *req)
{
	return span_of(req, sizeof(*req));
}

static void call_free(struct call *k)
{
	(void)map_del(k->c->calls, req_key(&k->req));
	timer_cancel(&k->timeout);
	mem_free(k);
}

static void tell(struct call *k, Cv__ResultCode code, const char *call,
		 Cv__LegDescription *answer)
{
	Cv__CallReply r = CV__CALL_REPLY__INIT;

	r.req = k->web_req;
	r.code = code;
	if (code == CV__RESULT_CODE__RESULT_OK) {
		r.call = ipc_data(span_str(call));
		r.answer = answer;
	}
	reply(k->c, k->web, k->web_gen, &r);
}

/* The call that was being made is given up; a renegotiation leaves the call
 * as it was. */
static void give_up(struct call *k)
{
	struct member *mb = handles_get(k->c->members, k->member);

	if (k->is_update || !mb || mb->p->leg.leg != k->leg)
		return;
	(void)room_leg_gone(mb->m->room, mb->p, true, k->c->now_ns,
			    &k->c->out);
	core_acts(mb->m, NULL);
}

static void on_timeout(struct timer *t, void *arg, uint64_t now_ns)
{
	struct call *k = arg;

	(void)t;
	(void)now_ns;
	core_turn(k->c);
	tell(k, CV__RESULT_CODE__RESULT_UNAVAILABLE, NULL, NULL);
	give_up(k);
	call_free(k);
}

static const Cv__Section *video_of(const Cv__LegDescription *d)
{
	for (size_t i = 0; d && i < d->n_sections; i++)
		if (d->sections[i]->kind == CV__MEDIA_KIND__KIND_VIDEO &&
		    !d->sections[i]->rejected)
			return d->sections[i];
	return NULL;
}

static struct call *call_new(struct web *w, const struct member *mb,
			     const Cv__Call *msg)
{
	struct core *c = w->c;
	const Cv__Section *video = video_of(msg->offer);
	struct call *k = mem_zalloc(sizeof(*k));

	if (!k)
		return NULL;
	*k = (struct call){.c = c, .req = ++c->next_req,
			   .member = mb->p->id, .leg = mb->p->leg.leg,
			   .web = (int)(w - c->webs), .web_gen = w->gen,
			   .web_req = msg->req,
			   .worker = (uint32_t)mb->m->worker,
			   .kbps = video ? video->kbps : 0};
	timer_init(&k->timeout, on_timeout, k);
	if (map_put(c->calls, req_key(&k->req), k) < 0) {
		mem_free(k);
		return NULL;
	}
	timer_set(c->wheel, &k->timeout, c->now_ns + CALL_ANSWER_S * NS_PER_S);
	return k;
}

static void fill_flags(const struct part *p, Cv__LegFlags *f)
{
	cv__leg_flags__init(f);
	f->admitted = p->state == PART_INSIDE;
	f->muted = p->muted;
	f->video_muted = p->video_muted;
	f->no_slides = p->no_slides;
}

void leg_send_flags(struct meeting *m, const struct part *p)
{
	struct ipc_chan *ch = meeting_media(m);
	Cv__LegSet set = CV__LEG_SET__INIT;
	Cv__LegFlags f;

	if (!ch || !p->leg.leg)
		return;
	fill_flags(p, &f);
	set.leg = p->leg.leg;
	set.flags = &f;
	(void)ipc_send(ch, LEG_SET, &set);
}

void leg_send_close(struct meeting *m, uint64_t leg)
{
	struct ipc_chan *ch = meeting_media(m);
	Cv__LegClose msg = CV__LEG_CLOSE__INIT;

	msg.leg = leg;
	leg_note(m->c, leg, false, "close the leg", SPAN_NONE);
	if (ch)
		(void)ipc_send(ch, LEG_CLOSE, &msg);
}

/* As the location of his media says. */
static uint32_t of_place(const struct member *mb, unsigned field)
{
	const struct store_row *place = mb->media_location ?
		store_get(mb->c->store, RES_SYSTEM_LOCATION,
			  mb->media_location) : NULL;

	return place ? (uint32_t)store_int(place, field) : 0;
}

static int send_open(struct member *mb, const struct call *k,
		     Cv__LegDescription *offer)
{
	Cv__LegOpen open = CV__LEG_OPEN__INIT;
	Cv__LegFlags f;

	fill_flags(mb->p, &f);
	open.req = k->req;
	open.room = mb->m->id;
	open.leg = k->leg;
	open.offer = offer;
	open.flags = &f;
	open.kbps_in = mb->m->sv.kbps_in;
	open.kbps_out = mb->m->sv.kbps_out;
	open.dscp = of_place(mb, SYSTEM_LOCATION_MEDIA_QOS);
	open.mtu = of_place(mb, SYSTEM_LOCATION_MTU);
	leg_note(mb->c, k->leg, false, "open a leg", SPAN_NONE);
	return ipc_send(meeting_media(mb->m), LEG_OPEN, &open);
}

static int send_update(struct member *mb, const struct call *k,
		       Cv__LegDescription *offer)
{
	Cv__LegUpdate up = CV__LEG_UPDATE__INIT;

	up.req = k->req;
	up.leg = k->leg;
	up.offer = offer;
	return ipc_send(meeting_media(mb->m), LEG_UPDATE, &up);
}

/* A new leg under `call`: a new one, or that of a call which media lost. */
static int open_leg(struct member *mb, const char *call,
		    const Cv__LegDescription *offer)
{
	struct core *c = mb->c;
	const uint64_t leg = handles_add(c->legs, mb);
	int r;

	if (!leg)
		return E_FULL;
	r = room_leg_opening(mb->m->room, mb->p, leg, call,
			     video_of(offer) != NULL, &c->out);
	if (r < 0) {
		(void)handles_del(c->legs, leg);
		return r;
	}
	core_acts(mb->m, NULL);
	return 0;
}

static void new_call(struct web *w, struct member *mb, const Cv__Call *msg,
		     const char *call)
{
	struct call *k;

	if (open_leg(mb, call, msg->offer) < 0) {
		refuse(w, msg->req, CV__RESULT_CODE__RESULT_OVERLOAD);
		return;
	}
	k = call_new(w, mb, msg);
	if (k && send_open(mb, k, msg->offer) == 0)
		return;
	refuse(w, msg->req, CV__RESULT_CODE__RESULT_UNAVAILABLE);
	if (!k)
		return;
	give_up(k);
	call_free(k);
}

static void update_call(struct web *w, struct member *mb, const Cv__Call *msg)
{
	struct call *k = call_new(w, mb, msg);

	if (k)
		k->is_update = true;
	if (k && send_update(mb, k, msg->offer) == 0)
		return;
	refuse(w, msg->req, CV__RESULT_CODE__RESULT_UNAVAILABLE);
	if (k)
		call_free(k);
}

/* Before anything is made. RESULT_OK = go on. */
static Cv__ResultCode check(const struct member *mb, const Cv__Call *msg)
{
	const struct part *p = mb->p;

	if (!span_eq_nocase(ipc_bytes(msg->target), span_str(p->uuid)))
		return CV__RESULT_CODE__RESULT_INVALID_ROLE;
	if (msg->call.len && (!p->leg.call[0] ||
	    !span_eq_nocase(ipc_bytes(msg->call), span_str(p->leg.call))))
		return CV__RESULT_CODE__RESULT_INVALID_ROLE;
	/* Policy was not asked about him as one with media. */
	if (p->control_only)
		return CV__RESULT_CODE__RESULT_INVALID_ROLE;
	if (!msg->offer)
		return CV__RESULT_CODE__RESULT_ILLEGAL_VALUE;
	return CV__RESULT_CODE__RESULT_OK;
}

void call_message(struct web *w, const Cv__Call *msg)
{
	struct core *c = w->c;
	struct member *mb = web_member(c, msg->alias, msg->token);
	char call[UUID_TEXT_LEN + 1];
	Cv__ResultCode code = CV__RESULT_CODE__RESULT_INVALID_TOKEN;

	if (mb)
		code = member_may_ask(mb) ? check(mb, msg) :
		       CV__RESULT_CODE__RESULT_OVERLOAD;
	if (code != CV__RESULT_CODE__RESULT_OK) {
		c->stats.bad_calls++;
		refuse(w, msg->req, code);
		return;
	}
	meeting_assign(mb->m);
	if (!meeting_media(mb->m)) {
		refuse(w, msg->req, CV__RESULT_CODE__RESULT_UNAVAILABLE);
		return;
	}
	mb->has_camera = msg->fecc_supported;
	if (msg->call.len && mb->p->leg.leg) {
		update_call(w, mb, msg);
		return;
	}
	if (msg->call.len)
		memcpy(call, mb->p->leg.call, sizeof(call));
	else
		uuid_make(call);
	new_call(w, mb, msg, call);
}

/* --- media's word ---------------------------------------------------------------- */

/* The picture codec that we send in this answer; 0 = no picture. */
static uint32_t sent_codec(const Cv__LegDescription *d)
{
	const Cv__Section *v = video_of(d);

	if (!v || (v->direction != CV__DIRECTION__DIR_SENDRECV &&
		   v->direction != CV__DIRECTION__DIR_SENDONLY))
		return 0;
	for (size_t i = 0; i < v->n_codecs; i++)
		if (v->codecs[i]->name == CV__CODEC_NAME__CODEC_VP8 ||
		    v->codecs[i]->name == CV__CODEC_NAME__CODEC_H264)
			return (uint32_t)v->codecs[i]->name;
	return 0;
}

void call_answer(struct worker *wk, const Cv__LegAnswer *a)
{
	struct core *c = wk->c;
	struct call *k = map_get(c->calls, req_key(&a->req));
	struct member *mb;

	if (!k || k->worker != (uint32_t)(wk - c->workers) ||
	    k->leg != a->leg) {
		c->stats.bad_handles++;
		return;
	}
	mb = handles_get(c->members, k->member);
	if (!mb || mb->p->leg.leg != k->leg || !a->ok || !a->answer) {
		tell(k, a->ok ? CV__RESULT_CODE__RESULT_UNAVAILABLE :
		     CV__RESULT_CODE__RESULT_ILLEGAL_VALUE, NULL, NULL);
		give_up(k);
		call_free(k);
		return;
	}
	tell(k, CV__RESULT_CODE__RESULT_OK, mb->p->leg.call, a->answer);
	(void)room_leg_open(mb->m->room, mb->p, sent_codec(a->answer),
			    k->kbps, c->now_ns, &c->out);
	core_acts(mb->m, NULL);
	(void)room_leg_camera(mb->m->room, mb->p, mb->has_camera, &c->out);
	core_acts(mb->m, NULL);
	call_free(k);
}

void leg_lost(struct meeting *m, struct part *p)
{
	struct core *c = m->c;

	(void)handles_del(c->legs, p->leg.leg);
	picture_gone(m, p->leg.leg);
	(void)room_leg_gone(m->room, p, false, c->now_ns, &c->out);
	core_acts(m, NULL);
}

void leg_note_pictures(struct member *mb, const Cv__LegState *s)
{
	struct part_slides now = {0};

	if (s->has_slides) {
		now.has = true;
		now.sends = s->sends_slides;
		now.codec = (uint32_t)s->slides_codec;
		now.width = (uint16_t)s->slides_width;
		now.height = (uint16_t)s->slides_height;
		now.takes = s->slides_takes;
		now.limits.max_fs = s->slides_max_fs;
		now.limits.max_mbps = s->slides_max_mbps;
	}
	(void)room_leg_takes(mb->m->room, mb->p, &(struct part_takes){
			     s->max_fs, s->max_mbps}, &mb->c->out);
	core_acts(mb->m, NULL);
	(void)room_leg_slides(mb->m->room, mb->p, &now, &mb->c->out);
	core_acts(mb->m, NULL);
}

/* A state can confirm or end a leg of this very worker, nothing else. */
void call_state(struct worker *wk, const Cv__LegState *s)
{
	struct core *c = wk->c;
	struct member *mb = handles_get(c->legs, s->leg);

	if (!mb || mb->m->worker != (int)(wk - c->workers) ||
	    mb->p->leg.leg != s->leg) {
		c->stats.bad_handles++;
		return;
	}
	if (s->phase == CV__LEG_PHASE__LEG_GONE) {
		leg_lost(mb->m, mb->p);
	} else if (s->phase == CV__LEG_PHASE__LEG_SECURE) {
		(void)room_leg_secure(mb->m->room, mb->p, s->sends_video,
				      c->now_ns, &c->out);
		core_acts(mb->m, NULL);
		leg_note_pictures(mb, s);
	}
}
