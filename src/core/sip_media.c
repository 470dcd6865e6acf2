/* The legs of SIP calls: in the lobby, in a room, and from one to the other. */
#include "core/sip_int.h"

#include <stdio.h>

#include "base/alloc.h"
#include "core/camera.h"
#include "core/gateway.h"

/* --- their offer ------------------------------------------------------------------ */

bool sip_offer_keep(struct sip_call *call, const Cv__LegDescription *d)
{
	const size_t n = cv__leg_description__get_packed_size(d);

	call->offer = mem_alloc(n + 1);
	if (!call->offer)
		return false;
	call->offer_n = cv__leg_description__pack(d, call->offer);
	return true;
}

/* It may hold keys. */
void sip_offer_drop(struct sip_call *call)
{
	if (call->offer)
		secret_wipe(call->offer, call->offer_n);
	mem_free(call->offer);
	call->offer = NULL;
	call->offer_n = 0;
}

/* What this service does not carry is refused before media sees it. */
static void limit(const struct sip_call *call, Cv__LegDescription *d)
{
	const bool fecc = camera_is_on(call->c);

	for (size_t i = 0; i < d->n_sections; i++) {
		Cv__Section *s = d->sections[i];
		const bool audio = s->kind == CV__MEDIA_KIND__KIND_AUDIO;

		if ((call->terms.call_type == CALL_AUDIO && !audio) ||
		    (call->terms.call_type == CALL_VIDEO_ONLY && audio))
			s->rejected = true;
		if (s->kind == CV__MEDIA_KIND__KIND_FECC && !fecc)
			s->rejected = true;
	}
}

/* --- where ---------------------------------------------------------------------------- */

static struct member *seat_of(const struct sip_call *call)
{
	return call->member ? handles_get(call->c->members, call->member) :
		NULL;
}

static bool is_usable(const struct core *c, int worker)
{
	return worker >= 0 && c->workers[worker].media &&
	       c->workers[worker].is_ready;
}

int sip_worker_of(const struct core *c, int64_t conf)
{
	uint32_t slot = 0;
	const struct sip_call *call;

	while (conf && (call = handles_next(c->sip->table, &slot, NULL)))
		if (call->conf == conf && call->in_lobby && call->leg &&
		    is_usable(c, call->worker))
			return call->worker;
	return SIP_NOBODY;
}

uint32_t sip_legs_on(const struct core *c, int worker)
{
	uint32_t slot = 0, n = 0;
	const struct sip_call *call;

	while ((call = handles_next(c->sip->table, &slot, NULL)))
		n += call->in_lobby && call->leg && call->worker == worker;
	return n;
}

static int choose(const struct sip_call *call)
{
	struct core *c = call->c;
	const struct meeting *m = call->conf ?
		meeting_of_conf(c, call->conf) : NULL;
	const int there = m && is_usable(c, m->worker) ? m->worker :
			  sip_worker_of(c, call->conf);

	return there >= 0 ? there : worker_best(c);
}

static uint64_t lobby_room(int worker)
{
	/* No handle of a meeting: those are slots of a small table. */
	return UINT64_C(0xffffffff) << 32 | (uint32_t)(worker + 1);
}

static bool open_lobby(struct core *c, int worker)
{
	struct worker *wk = &c->workers[worker];
	Cv__RoomOpen open = CV__ROOM_OPEN__INIT;

	if (wk->has_lobby)
		return true;
	open.room = lobby_room(worker);
	open.max_talkers = 1;
	open.opus_complexity = (uint32_t)store_global(c->store,
						      GLOBAL_OPUS_COMPLEXITY);
	wk->has_lobby = ipc_send(ipc_ev_chan(wk->media), ROOM_OPEN, &open) ==
			0;
	return wk->has_lobby;
}

/* Writes where the leg is to be; false: nowhere now. */
static bool place(struct sip_call *call, uint64_t *room)
{
	struct core *c = call->c;
	struct member *mb = seat_of(call);

	if (mb) {
		meeting_assign(mb->m);
		if (!meeting_media(mb->m))
			return false;
		call->worker = mb->m->worker;
		call->in_lobby = false;
		*room = mb->m->id;
		return true;
	}
	call->worker = choose(call);
	call->in_lobby = true;
	if (!is_usable(c, call->worker) || !open_lobby(c, call->worker))
		return false;
	*room = lobby_room(call->worker);
	return true;
}

struct ipc_chan *sip_media_of(const struct sip_call *call)
{
	const struct core *c = call->c;

	return call->worker >= 0 && c->workers[call->worker].media ?
		ipc_ev_chan(c->workers[call->worker].media) : NULL;
}

/* --- opening -------------------------------------------------------------------------------- */

static void fill_flags(const struct sip_call *call, Cv__LegFlags *f)
{
	const struct member *mb = seat_of(call);

	cv__leg_flags__init(f);
	if (!mb)
		return;
	f->admitted = mb->p->state == PART_INSIDE;
	f->muted = mb->p->muted;
	f->video_muted = mb->p->video_muted;
}

static Cv__CryptoMode crypto_of(const struct sip_call *call)
{
	return call->crypto == SV_CRYPTO_BESTEFFORT ?
		CV__CRYPTO_MODE__CRYPTO_BESTEFFORT :
		call->crypto == SV_CRYPTO_OFF ? CV__CRYPTO_MODE__CRYPTO_OFF :
		CV__CRYPTO_MODE__CRYPTO_ON;
}

static void fill_want(const struct sip_call *call, Cv__LegWant *w)
{
	cv__leg_want__init(w);
	w->audio = call->terms.call_type != CALL_VIDEO_ONLY;
	w->video = call->terms.call_type != CALL_AUDIO;
	w->slides = w->video;
	w->fecc = w->video && camera_is_on(call->c);
	/* Keys may travel in the signalling only where that is encrypted; a
	 * phone that knows no DTLS refuses an offer of it. */
	w->dtls = !call->is_encrypted && crypto_of(call) ==
		  CV__CRYPTO_MODE__CRYPTO_ON;
	w->kbps = call->terms.kbps_out;
}

static uint32_t dscp_of(const struct sip_call *call)
{
	const struct store_row *row = call->location ?
		store_get(call->c->store, RES_SYSTEM_LOCATION,
			  call->location) : NULL;

	return row ? (uint32_t)store_int(row, SYSTEM_LOCATION_MEDIA_QOS) : 0;
}

static int send_open(struct sip_call *call, uint64_t room,
		     Cv__LegDescription *offer)
{
	Cv__LegOpen open = CV__LEG_OPEN__INIT;
	Cv__Addr from = CV__ADDR__INIT;
	Cv__LegFlags flags;
	Cv__LegWant want;

	fill_flags(call, &flags);
	fill_want(call, &want);
	from.ip = ipc_data(span_of(call->source.ip, sizeof(call->source.ip)));
	from.port = call->source.port;
	open.req = call->ask_req;
	open.room = room;
	open.leg = call->leg;
	open.offer = offer;
	open.flags = &flags;
	open.kbps_in = call->terms.kbps_in;
	open.kbps_out = call->terms.kbps_out;
	open.dscp = dscp_of(call);
	open.transport = CV__LEG_TRANSPORT__LEG_PLAIN;
	open.crypto = crypto_of(call);
	open.sdes_allowed = call->is_encrypted;
	open.signalling = call->has_source ? &from : NULL;
	open.unproven = !call->is_proven;
	if (call->has_local)
		open.local_ip = ipc_data(span_of(call->local.ip,
						 sizeof(call->local.ip)));
	open.make_offer = offer == NULL;
	open.want = offer ? NULL : &want;
	call->agreed = call->terms;
	leg_note(call->c, call->leg, false, "open a leg", SPAN_NONE);
	return ipc_send(sip_media_of(call), LEG_OPEN, &open);
}

static void arm(struct sip_call *call, uint64_t seconds)
{
	timer_set(call->c->wheel, &call->ask_late,
		  call->c->now_ns + seconds * NS_PER_S);
}

static bool with_offer(struct sip_call *call, uint64_t room, enum sip_ask ask)
{
	Cv__LegDescription *offer = NULL;
	int r;

	if (ask == SIP_ASK_OPEN && call->offer) {
		offer = cv__leg_description__unpack(NULL, call->offer_n,
						    call->offer);
		if (!offer)
			return false;
		limit(call, offer);
	}
	r = send_open(call, room, offer);
	if (offer)
		cv__leg_description__free_unpacked(offer, NULL);
	return r == 0;
}

bool sip_leg_open(struct sip_call *call, enum sip_ask ask)
{
	enum { UNAVAILABLE = 503 };
	struct core *c = call->c;
	const uint64_t id = call->id;
	uint64_t room;

	sip_leg_close(call);
	if (!sip_call_get(c, id))
		return true;	/* its room ended with the leg, it with that */
	call->ask = ask;
	call->awaits_answer = call->has_offered = false;
	arm(call, ask == SIP_ASK_REOFFER ? SIP_REOFFER_WAIT_S :
	    SIP_MEDIA_WAIT_S);
	call->awaits_worker = !place(call, &room);
	/* A dead worker comes back in a moment: a call that is up waits. */
	if (call->awaits_worker && ask == SIP_ASK_REOFFER)
		return true;
	if (call->awaits_worker) {
		call->awaits_worker = false;
		call->status = UNAVAILABLE;
		return false;
	}
	call->leg = handles_add(c->legs, &call->lobby);
	call->lobby.sip = call->id;
	call->ask_req = ++c->next_req;
	if (!call->leg || !with_offer(call, room, ask)) {
		sip_leg_close(call);
		return false;
	}
	return true;
}

/* Its leg in this room, or in the lobby. What the seat knows of it goes, too. */
void sip_leg_close(struct sip_call *call)
{
	struct core *c = call->c;
	struct member *mb = seat_of(call);
	Cv__LegClose msg = CV__LEG_CLOSE__INIT;

	timer_cancel(&call->ask_late);
	call->ask = SIP_ASK_NONE;
	call->is_secure = false;
	if (!call->leg)
		return;
	msg.leg = call->leg;
	leg_note(c, call->leg, false, "close the leg", SPAN_NONE);
	if (sip_media_of(call) && handles_get(c->legs, call->leg))
		(void)ipc_send(sip_media_of(call), LEG_CLOSE, &msg);
	if (mb && mb->p->leg.leg == call->leg) {
		const uint64_t leg = call->leg;

		call->leg = 0;
		if (handles_get(c->legs, leg))
			leg_lost(mb->m, mb->p);
		return;
	}
	(void)handles_del(c->legs, call->leg);
	call->leg = 0;
}

/* --- in the room --------------------------------------------------------------------------- */

static void tell_secure(struct sip_call *call, struct member *mb)
{
	struct core *c = call->c;

	if (!call->is_secure)
		return;
	mb->p->leg.clear = call->is_clear;
	(void)room_leg_secure(mb->m->room, mb->p, call->sends_video,
			      c->now_ns, &c->out);
	core_acts(mb->m, NULL);
}

/* What a room does can end it, and with it the call: both are looked up anew. */
static struct member *acted(struct core *c, struct meeting *m, uint64_t call)
{
	const struct sip_call *now;

	core_acts(m, NULL);
	now = sip_call_get(c, call);
	return now && now->leg ? seat_of(now) : NULL;
}

void sip_leg_seat(struct sip_call *call)
{
	struct core *c = call->c;
	const uint64_t id = call->id;
	struct member *mb = seat_of(call);
	char uuid[UUID_TEXT_LEN + 1];

	if (!mb || !call->leg)
		return;
	uuid_make(uuid);
	(void)handles_del(c->legs, call->leg);
	if (handles_restore(c->legs, call->leg, mb) < 0 ||
	    room_leg_opening(mb->m->room, mb->p, call->leg, uuid,
			     call->has_video, &c->out) < 0) {
		sip_call_fire(call, SCE_REMOVED);
		return;
	}
	mb = acted(c, mb->m, id);
	if (!mb)
		return;
	call->in_lobby = false;
	mb->p->leg.clear = call->is_clear;
	(void)room_leg_open(mb->m->room, mb->p, call->codec, call->kbps_cap,
			    c->now_ns, &c->out);
	mb = acted(c, mb->m, id);
	if (!mb)
		return;
	leg_send_flags(mb->m, mb->p);
	tell_secure(call, mb);
	call = sip_call_get(c, id);
	mb = call ? seat_of(call) : NULL;
	if (mb)
		sip_member_flags(mb);
}

bool sip_leg_move(struct sip_call *call)
{
	const struct member *mb = seat_of(call);
	Cv__LegMove msg = CV__LEG_MOVE__INIT;
	Cv__LegFlags flags;

	if (!mb || !call->leg || call->ask == SIP_ASK_OPEN)
		return false;
	meeting_assign(mb->m);
	if (!meeting_media(mb->m) || mb->m->worker != call->worker)
		return false;
	fill_flags(call, &flags);
	msg.leg = call->leg;
	msg.room = mb->m->id;
	msg.flags = &flags;
	if (ipc_send(meeting_media(mb->m), LEG_MOVE, &msg) < 0)
		return false;
	sip_leg_seat(call);
	return true;
}

/* --- media's answers -------------------------------------------------------------------------- */

static const Cv__Section *section_of(const Cv__LegDescription *d,
				     Cv__MediaKind kind)
{
	for (size_t i = 0; i < d->n_sections; i++)
		if (d->sections[i]->kind == kind && !d->sections[i]->rejected)
			return d->sections[i];
	return NULL;
}

/* The picture codec that media sends by this; 0 = none. */
static uint32_t codec_of(const Cv__Section *v, bool theirs)
{
	const Cv__Direction one_way = theirs ?
		CV__DIRECTION__DIR_RECVONLY : CV__DIRECTION__DIR_SENDONLY;

	if (!v || (v->direction != CV__DIRECTION__DIR_SENDRECV &&
		   v->direction != one_way))
		return 0;
	for (size_t i = 0; i < v->n_codecs; i++)
		if (v->codecs[i]->name == CV__CODEC_NAME__CODEC_VP8 ||
		    v->codecs[i]->name == CV__CODEC_NAME__CODEC_H264)
			return (uint32_t)v->codecs[i]->name;
	return 0;
}

static bool has_keys(const Cv__LegDescription *d)
{
	for (size_t i = 0; i < d->n_sections; i++)
		if (!d->sections[i]->rejected && !d->sections[i]->n_sdes &&
		    !d->sections[i]->fingerprint_sha256.len)
			return false;
	return true;
}

/* `theirs`: the other side wrote it. */
static void note_answer(struct sip_call *call, const Cv__LegDescription *d,
			bool theirs)
{
	const Cv__Section *v = section_of(d, CV__MEDIA_KIND__KIND_VIDEO);

	call->has_video = v != NULL;
	call->codec = codec_of(v, theirs);
	call->kbps_cap = v ? v->kbps : 0;
	call->is_clear = !has_keys(d);
}

/* Negotiated anew in the room: codec and cap are others. */
static void renew(struct sip_call *call)
{
	struct core *c = call->c;
	struct member *mb = seat_of(call);

	if (!mb || mb->p->leg.leg != call->leg)
		return;
	mb->p->leg.has_video = call->has_video;
	mb->p->leg.clear = call->is_clear;
	(void)room_leg_open(mb->m->room, mb->p, call->codec, call->kbps_cap,
			    c->now_ns, &c->out);
	core_acts(mb->m, NULL);
}

enum { NOT_ACCEPTABLE = 488, CROSSED = 491, SERVER_ERROR = 500 };

static void send_reply(struct sip_call *call, Cv__LegDescription *answer,
		       uint32_t status)
{
	Cv__SipOfferReply r = CV__SIP_OFFER_REPLY__INIT;

	r.call = call->face;
	r.req = call->sip_req;
	r.ok = status == 0;
	r.answer = answer;
	r.status = status;
	if (sip_chan(call->c))
		(void)ipc_send(sip_chan(call->c), SIP_OFFER_REPLY, &r);
}

static void answer_update(struct sip_call *call, bool ok,
			  Cv__LegDescription *answer)
{
	send_reply(call, ok ? answer : NULL, ok ? 0 : NOT_ACCEPTABLE);
}

/* It may hold keys. */
void sip_held_drop(struct sip_call *call)
{
	if (call->held)
		secret_wipe(call->held, call->held_n);
	mem_free(call->held);
	call->held = NULL;
	call->held_n = 0;
}

/* They may offer as soon as they have answered (RFC 3261 14.1), which is
 * before media has taken that answer. */
static void hold(struct sip_call *call, const Cv__SipOffer *m)
{
	sip_held_drop(call);
	call->held_n = cv__sip_offer__get_packed_size(m);
	call->held = mem_alloc(call->held_n + 1);
	if (call->held)
		(void)cv__sip_offer__pack(m, call->held);
	else
		send_reply(call, NULL, SERVER_ERROR);
}

static void take_held(struct sip_call *call)
{
	Cv__SipOffer *m;

	if (!call->held)
		return;
	m = cv__sip_offer__unpack(NULL, call->held_n, call->held);
	sip_held_drop(call);
	if (!m) {
		send_reply(call, NULL, SERVER_ERROR);
		return;
	}
	sip_face_offer(call, m);
	cv__sip_offer__free_unpacked(m, NULL);
}

/* The face shall send our offer in the dialog. */
static bool send_offer(struct sip_call *call, Cv__LegDescription *offer)
{
	Cv__SipOffer m = CV__SIP_OFFER__INIT;

	m.call = call->face;
	m.req = call->ask_req;
	m.has_offer = true;
	m.offer = offer;
	call->awaits_answer = true;
	arm(call, SIP_REOFFER_WAIT_S);
	return sip_chan(call->c) &&
	       ipc_send(sip_chan(call->c), SIP_OFFER, &m) == 0;
}

/* Whom he called by a rule has not answered yet. */
static bool is_passed_on(const struct sip_call *call)
{
	const struct member *mb = seat_of(call);

	return mb && gateway_rings(mb->m);
}

static void finish(struct sip_call *call, bool ok, Cv__LegDescription *d)
{
	timer_cancel(&call->ask_late);
	call->ask = SIP_ASK_NONE;
	if (!ok) {
		call->status = NOT_ACCEPTABLE;
		(void)snprintf(call->reason, sizeof(call->reason),
			       "media not acceptable");
		sip_call_fire(call, SCE_LEG_FAILED);
		return;
	}
	call->said = d;
	sip_call_fire(call, call->state == SIP_CALL_OPENING &&
		      is_passed_on(call) ? SCE_RINGS : SCE_LEG_OK);
}

struct sip_call *sip_call_of_leg(struct core *c, uint64_t leg)
{
	const struct member *mb = handles_get(c->legs, leg);
	struct sip_call *call = mb ? sip_call_get(c, mb->sip) : NULL;

	return call && call->leg == leg ? call : NULL;
}

static void accepted(struct sip_call *call, bool ok)
{
	const uint64_t id = call->id;
	struct core *c = call->c;

	/* A leg that was made anew has its seat to take. */
	if (ok && seat_of(call) && call->state == SIP_CALL_IN) {
		if (seat_of(call)->p->leg.leg == call->leg)
			renew(call);
		else
			sip_leg_seat(call);
	}
	call = sip_call_get(c, id);
	if (call)
		finish(call, ok, NULL);
	call = sip_call_get(c, id);
	if (call)
		take_held(call);
}

bool sip_leg_answer(struct worker *wk, const Cv__LegAnswer *a)
{
	struct core *c = wk->c;
	struct sip_call *call = sip_call_of_leg(c, a->leg);
	const bool ok = a->ok && a->answer;

	if (!call)
		return false;
	if (call->worker != (int)(wk - c->workers) ||
	    call->ask_req != a->req || call->awaits_answer) {
		c->sip->figures.bad_handles++;
		return true;
	}
	if (ok && call->ask != SIP_ASK_OURS)
		note_answer(call, a->answer, false);
	switch (call->ask) {
	case SIP_ASK_OPEN:
		finish(call, ok, a->answer);
		break;
	case SIP_ASK_REOFFER:
		if (!ok || !send_offer(call, a->answer))
			finish(call, false, NULL);
		break;
	case SIP_ASK_ACCEPT:
		accepted(call, a->ok);
		break;
	case SIP_ASK_UPDATE:
		timer_cancel(&call->ask_late);
		call->ask = SIP_ASK_NONE;
		answer_update(call, ok, a->answer);
		if (ok)
			renew(call);
		break;
	case SIP_ASK_OURS:
		timer_cancel(&call->ask_late);
		call->ask = SIP_ASK_NONE;
		call->has_offered = ok;
		answer_update(call, ok, a->answer);
		break;
	case SIP_ASK_NONE:
		c->sip->figures.bad_handles++;
		break;
	}
	return true;
}

void sip_send_ring(struct sip_call *call)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;

	call->rang = true;
	sip_offer_drop(call);
	if (!call->said || !sip_offer_keep(call, call->said)) {
		call->said = NULL;
		sip_call_fire(call, SCE_LEG_FAILED);
		return;
	}
	call->said = NULL;
	v.call = call->face;
	v.decision = CV__SIP_DECISION__SIP_RING;
	if (sip_chan(call->c))
		(void)ipc_send(sip_chan(call->c), SIP_VERDICT, &v);
}

void sip_send_answer(struct sip_call *call)
{
	Cv__SipVerdict v = CV__SIP_VERDICT__INIT;
	Cv__LegDescription *kept = NULL;

	if (!call->said && call->rang && call->offer)
		call->said = kept = cv__leg_description__unpack(NULL,
			call->offer_n, call->offer);
	v.call = call->face;
	v.decision = CV__SIP_DECISION__SIP_ANSWER;
	v.answer = call->said;
	v.is_focus = true;
	v.alias = ipc_data(span_str(call->alias));
	if (sip_chan(call->c))
		(void)ipc_send(sip_chan(call->c), SIP_VERDICT, &v);
	call->said = NULL;
	if (kept)
		cv__leg_description__free_unpacked(kept, NULL);
	call->c->sip->figures.answered++;
	sip_offer_drop(call);
}

void sip_ask_late(struct sip_call *call)
{
	if (call->ask == SIP_ASK_UPDATE || call->ask == SIP_ASK_OURS) {
		call->ask = SIP_ASK_NONE;
		answer_update(call, false, NULL);
		return;
	}
	if (call->ask == SIP_ASK_NONE)
		return;
	call->ask = SIP_ASK_NONE;
	call->awaits_worker = call->awaits_answer = false;
	(void)snprintf(call->reason, sizeof(call->reason),
		       "no answer about media");
	sip_call_fire(call, SCE_LEG_FAILED);
}

/* --- offers and answers of the other side ---------------------------------------------------- */

/* `offer` NULL: they want ours, of all that we can (RFC 3261 14.2). */
static bool update(struct sip_call *call, Cv__LegDescription *offer)
{
	Cv__LegUpdate up = CV__LEG_UPDATE__INIT;
	Cv__LegWant want;

	if (offer)
		limit(call, offer);
	fill_want(call, &want);
	up.req = call->ask_req = ++call->c->next_req;
	up.leg = call->leg;
	up.offer = offer;
	up.want = offer ? NULL : &want;
	call->ask = offer ? SIP_ASK_UPDATE : SIP_ASK_OURS;
	arm(call, SIP_MEDIA_WAIT_S);
	return sip_media_of(call) && ipc_send(sip_media_of(call), LEG_UPDATE, &up) == 0;
}

void sip_face_offer(struct sip_call *call, const Cv__SipOffer *m)
{
	call->sip_req = m->req;
	call->has_offered = false;
	if (call->ask == SIP_ASK_ACCEPT) {
		hold(call, m);
		return;
	}
	if (call->ask == SIP_ASK_REOFFER) {
		send_reply(call, NULL, CROSSED);
		return;
	}
	/* One thing at a time; and what is not up renegotiates nothing. */
	if (call->ask != SIP_ASK_NONE || !call->leg ||
	    !sip_call_is_up(call->state) || (m->has_offer && !m->offer)) {
		answer_update(call, false, NULL);
		return;
	}
	if (update(call, m->has_offer ? m->offer : NULL))
		return;
	timer_cancel(&call->ask_late);
	call->ask = SIP_ASK_NONE;
	answer_update(call, false, NULL);
}

bool sip_leg_accept(struct sip_call *call, Cv__LegDescription *answer)
{
	Cv__LegAccept a = CV__LEG_ACCEPT__INIT;

	if (!answer || !call->leg || !sip_media_of(call))
		return false;
	a.req = call->ask_req = ++call->c->next_req;
	a.leg = call->leg;
	a.answer = answer;
	note_answer(call, answer, true);
	call->ask = SIP_ASK_ACCEPT;
	call->awaits_answer = false;
	arm(call, SIP_MEDIA_WAIT_S);
	return ipc_send(sip_media_of(call), LEG_ACCEPT, &a) == 0;
}

void sip_face_offer_reply(struct sip_call *call, const Cv__SipOfferReply *m)
{
	if (call->ask != SIP_ASK_REOFFER || !call->awaits_answer ||
	    call->ask_req != m->req) {
		call->c->sip->figures.bad_handles++;
		return;
	}
	if (!m->ok || !sip_leg_accept(call, m->answer))
		finish(call, false, NULL);
}

/* Of a call that came without an offer, or of a re-INVITE without: the answer
 * to ours. */
void sip_face_ack(struct sip_call *call, const Cv__SipAck *m)
{
	const bool is_first = !call->has_offer && !call->is_out;

	if (!m->has_answer || (!is_first && !call->has_offered))
		return;
	call->has_offer = true;
	call->has_offered = false;
	if (!sip_leg_accept(call, m->answer))
		finish(call, false, NULL);
}

/* The other side asks for a whole picture. */
void sip_leg_needs_key(struct sip_call *call)
{
	Cv__LegWantKey m = CV__LEG_WANT_KEY__INIT;

	if (!call->leg || !sip_media_of(call) ||
	    call->c->now_ns < call->key_ns + SIP_KEY_EVERY_S * NS_PER_S)
		return;
	call->key_ns = call->c->now_ns;
	m.leg = call->leg;
	(void)ipc_send(sip_media_of(call), LEG_WANT_KEY, &m);
}

/* media cannot ask for it by RTCP. */
void sip_leg_want_key(struct worker *wk, uint64_t leg)
{
	struct sip_call *call = sip_call_of_leg(wk->c, leg);
	Cv__SipInfo m = CV__SIP_INFO__INIT;

	if (!call || call->worker != (int)(wk - wk->c->workers) ||
	    !sip_chan(wk->c))
		return;
	m.call = call->face;
	m.kind = CV__SIP_INFO_KIND__SIP_INFO_FAST_UPDATE;
	(void)ipc_send(sip_chan(wk->c), SIP_INFO, &m);
}

/* --- what media tells ------------------------------------------------------------------------------ */

static void leg_gone(struct sip_call *call)
{
	struct core *c = call->c;
	const uint64_t id = call->id;

	(void)snprintf(call->reason, sizeof(call->reason), "no media");
	/* media has it no more: nothing is to be closed there. */
	call->worker = SIP_NOBODY;
	sip_leg_close(call);
	call = sip_call_get(c, id);
	if (call && call->state != SIP_CALL_DIALING)
		sip_call_fire(call, SCE_LEG_FAILED);
	else if (call)
		sip_call_fire(call, SCE_REMOVED);
}

static void note_slides(struct sip_call *call, const Cv__LegState *s)
{
	struct core *c = call->c;
	struct member *mb = seat_of(call);
	const uint64_t member = call->member;
	bool had;

	if (!mb || mb->p->leg.leg != call->leg)
		return;
	had = mb->p->leg.slides.has;
	leg_note_pictures(mb, s);
	mb = handles_get(c->members, member);
	if (mb) {
		(void)room_leg_camera(mb->m->room, mb->p, s->has_camera,
				      &c->out);
		core_acts(mb->m, NULL);
		mb = handles_get(c->members, member);
	}
	if (mb && mb->p->leg.slides.has != had)
		sip_floor_shown(mb);
}

bool sip_leg_state(struct worker *wk, const Cv__LegState *s)
{
	struct core *c = wk->c;
	struct sip_call *call = sip_call_of_leg(c, s->leg);
	struct member *mb;

	if (!call)
		return false;
	if (call->worker != (int)(wk - c->workers)) {
		c->sip->figures.bad_handles++;
		return true;
	}
	if (s->phase == CV__LEG_PHASE__LEG_GONE) {
		leg_gone(call);
		return true;
	}
	call->sends_video = s->sends_video;
	call->is_secure |= s->phase == CV__LEG_PHASE__LEG_SECURE;
	if (s->phase == CV__LEG_PHASE__LEG_SECURE)
		call->is_clear = !s->encrypted;
	mb = seat_of(call);
	if (mb && mb->p->leg.leg == call->leg)
		tell_secure(call, mb);
	call = sip_call_of_leg(c, s->leg);
	if (call)
		note_slides(call, s);
	return true;
}

void sip_leg_dtmf(struct worker *wk, const Cv__LegDtmf *d)
{
	struct sip_call *call = sip_call_of_leg(wk->c, d->leg);

	if (call && call->worker == (int)(wk - wk->c->workers))
		sip_entry_digit(call, d->digit);
	else
		wk->c->sip->figures.bad_handles++;
}

void sip_leg_played(struct worker *wk, const Cv__LegPlayed *p)
{
	struct sip_call *call = sip_call_of_leg(wk->c, p->leg);

	if (call && call->worker == (int)(wk - wk->c->workers) &&
	    call->state == SIP_CALL_LEAVING && p->epoch == call->say_epoch)
		sip_call_fire(call, SCE_SAID);
}

/* --- workers come and go ------------------------------------------------------------------------------ */

size_t sip_legs_kept(struct worker *wk, const Cv__LegReport *r,
		     uint64_t *keep, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_legs && n < max; i++) {
		const struct sip_call *call = sip_call_of_leg(wk->c,
							  r->legs[i]->leg);

		if (call && call->in_lobby && call->worker ==
		    (int)(wk - wk->c->workers) &&
		    r->legs[i]->room == lobby_room(call->worker) &&
		    r->legs[i]->phase != CV__LEG_PHASE__LEG_GONE)
			keep[n++] = call->leg;
	}
	return n;
}

static bool is_in(const Cv__LegReport *r, uint64_t leg)
{
	for (size_t i = 0; r && i < r->n_legs; i++)
		if (r->legs[i]->leg == leg &&
		    r->legs[i]->phase != CV__LEG_PHASE__LEG_GONE)
			return true;
	return false;
}

/* What is not in the report is gone, and not to be closed. */
static void lose(struct worker *wk, const Cv__LegReport *r)
{
	struct core *c = wk->c;
	const int worker = (int)(wk - c->workers);
	uint32_t slot = 0;
	struct sip_call *call;

	while ((call = handles_next(c->sip->table, &slot, NULL))) {
		if (call->worker != worker || !call->leg ||
		    is_in(r, call->leg))
			continue;
		call->worker = SIP_NOBODY;
		sip_call_fire(call, SCE_LOST);
	}
}

void sip_worker_dead(struct worker *wk)
{
	wk->has_lobby = false;
	lose(wk, NULL);
}

void sip_worker_reconciled(struct worker *wk, const Cv__LegReport *r)
{
	struct core *c = wk->c;
	uint32_t slot = 0;
	struct sip_call *call;

	lose(wk, r);
	while ((call = handles_next(c->sip->table, &slot, NULL)))
		if (call->awaits_worker &&
		    !sip_leg_open(call, SIP_ASK_REOFFER))
			sip_call_fire(call, SCE_LEG_FAILED);
}
