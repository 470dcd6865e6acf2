#include "core/live_codec.h"

#include "base/rd.h"
#include "base/wr.h"

static void put_text(struct wr *w, const char *s)
{
	const struct span t = span_str(s);

	wr_u16(w, (uint16_t)t.n);
	wr_span(w, t);
}

static void get_text(struct rd *r, char *dst, size_t cap)
{
	const struct span t = rd_span(r, rd_u16(r));

	if (span_cstr(t, dst, cap) < 0 || !span_is_utf8(t))
		rd_fail(r);
}

static void get_uuid(struct rd *r, char dst[UUID_TEXT_LEN + 1], bool optional)
{
	get_text(r, dst, UUID_TEXT_LEN + 1);
	if (!(optional && !dst[0]) && !uuid_is_valid(span_str(dst)))
		rd_fail(r);
}

static bool get_bool(struct rd *r)
{
	const uint8_t v = rd_u8(r);

	if (v > 1)
		rd_fail(r);
	return v == 1;
}

static struct wr begin(uint8_t *buf)
{
	struct wr w = wr_of(buf, LIVE_RECORD_MAX);

	wr_u8(&w, LIVE_VERSION);
	return w;
}

static int open_record(struct rd *r, struct span in)
{
	*r = rd_of(in);
	return rd_u8(r) == LIVE_VERSION ? 0 : E_VERSION;
}

/* --- rooms --------------------------------------------------------------------- */

static void put_service(struct wr *w, const struct service *s)
{
	const struct room_cfg *c = &s->cfg;

	put_text(w, s->name);
	put_text(w, s->tag);
	wr_u8(w, s->gateway);
	wr_u8(w, (uint8_t)s->call_type);
	wr_u32(w, s->kbps_in);
	wr_u32(w, s->kbps_out);
	wr_u8(w, (uint8_t)s->pixels_step);
	wr_u8(w, s->overlay_text);
	wr_u8(w, c->has_host_pin);
	wr_u8(w, c->locked);
	wr_u32(w, c->participant_limit);
	wr_u8(w, c->mute_all_guests);
	wr_u8(w, c->guests_can_present);
	wr_u8(w, c->chat_enabled);
	wr_u32(w, c->waiting_s);
	wr_u32(w, c->guests_only_s);
	wr_u32(w, c->last_s);
	put_text(w, c->view);
}

static void get_service(struct rd *r, struct service *s)
{
	struct room_cfg *c = &s->cfg;

	get_text(r, s->name, sizeof(s->name));
	get_text(r, s->tag, sizeof(s->tag));
	s->gateway = get_bool(r);
	s->call_type = rd_u8(r);
	s->kbps_in = rd_u32(r);
	s->kbps_out = rd_u32(r);
	s->pixels_step = rd_u8(r);
	s->overlay_text = get_bool(r);
	c->has_host_pin = get_bool(r);
	c->locked = get_bool(r);
	c->participant_limit = rd_u32(r);
	c->mute_all_guests = get_bool(r);
	c->guests_can_present = get_bool(r);
	c->chat_enabled = get_bool(r);
	c->waiting_s = rd_u32(r);
	c->guests_only_s = rd_u32(r);
	c->last_s = rd_u32(r);
	get_text(r, c->view, sizeof(c->view));
	if (!s->name[0] || s->call_type > LIVE_CALL_TYPE_MAX ||
	    s->pixels_step > LIVE_PIXELS_MAX)
		rd_fail(r);
}

int live_encode_room(const struct live_room *r, uint8_t *buf, struct span *out)
{
	struct wr w = begin(buf);

	wr_u64(&w, (uint64_t)r->conf);
	wr_u32(&w, (uint32_t)r->worker);
	wr_u8(&w, (uint8_t)r->state);
	wr_u8(&w, r->locked);
	wr_u8(&w, r->guests_muted);
	wr_u8(&w, r->started);
	wr_u8(&w, r->guests_can_unmute);
	wr_u64(&w, r->presenter);
	put_text(&w, r->view);
	if (r->conf < 0)
		put_service(&w, &r->sv);
	return wr_end(&w, out);
}

int live_decode_room(struct live_room *out, struct span in)
{
	struct live_room v = {.conf = 0};
	struct rd r;
	int e = open_record(&r, in);

	if (e < 0)
		return e;
	v.conf = (int64_t)rd_u64(&r);
	v.worker = (int32_t)rd_u32(&r);
	v.state = (enum room_state)rd_u8(&r);
	v.locked = get_bool(&r);
	v.guests_muted = get_bool(&r);
	v.started = get_bool(&r);
	v.guests_can_unmute = get_bool(&r);
	v.presenter = rd_u64(&r);
	get_text(&r, v.view, sizeof(v.view));
	if (v.state >= ROOM_STATE_COUNT || v.conf == 0)
		rd_fail(&r);
	if (v.conf < 0)
		get_service(&r, &v.sv);
	v.sv.id = v.conf;
	e = rd_end(&r);
	if (e == 0)
		*out = v;
	return e;
}

/* --- participants --------------------------------------------------------------- */

static void put_leg(struct wr *w, const struct part_leg *l)
{
	wr_u64(w, l->leg);
	wr_u8(w, (uint8_t)l->phase);
	put_text(w, l->call);
	wr_u8(w, l->has_video);
	wr_u8(w, l->sends_video);
	wr_u32(w, l->codec);
	wr_u32(w, l->kbps_cap);
}

static void get_leg(struct rd *r, struct part_leg *l)
{
	l->leg = rd_u64(r);
	l->phase = (enum leg_phase)rd_u8(r);
	get_uuid(r, l->call, true);
	l->has_video = get_bool(r);
	l->sends_video = get_bool(r);
	l->codec = rd_u32(r);
	l->kbps_cap = rd_u32(r);
	if (l->phase > LEG_SECURE || (!l->leg && l->phase != LEG_NONE))
		rd_fail(r);
}

int live_encode_part(uint64_t room, const struct live_place *at,
		     const struct part *p, uint8_t *buf, struct span *out)
{
	struct wr w = begin(buf);

	wr_u64(&w, room);
	wr_u64(&w, (uint64_t)at->location);
	wr_u64(&w, (uint64_t)at->media_location);
	wr_u64(&w, p->id);
	put_text(&w, p->uuid);
	put_text(&w, p->name);
	put_text(&w, p->overlay);
	put_text(&w, p->alias);
	put_text(&w, p->call_tag);
	put_text(&w, p->vendor);
	put_text(&w, p->remote);
	wr_bytes(&w, p->ip, sizeof(p->ip));
	wr_u8(&w, (uint8_t)p->state);
	wr_u8(&w, p->host);
	wr_u8(&w, p->muted);
	wr_u8(&w, p->client_muted);
	wr_u8(&w, p->video_muted);
	wr_u8(&w, p->direct_chat);
	wr_u8(&w, p->bypass_lock);
	wr_u8(&w, p->no_overlay);
	wr_u8(&w, p->control_only);
	wr_u8(&w, p->no_slides);
	wr_u64(&w, (uint64_t)p->start_us);
	wr_u64(&w, (uint64_t)p->buzz_us);
	wr_u64(&w, (uint64_t)p->spotlight_us);
	wr_u64(&w, p->serial);
	put_leg(&w, &p->leg);
	return wr_end(&w, out);
}

static void get_part(struct rd *r, struct part *p)
{
	p->id = rd_u64(r);
	get_uuid(r, p->uuid, false);
	get_text(r, p->name, sizeof(p->name));
	get_text(r, p->overlay, sizeof(p->overlay));
	get_text(r, p->alias, sizeof(p->alias));
	get_text(r, p->call_tag, sizeof(p->call_tag));
	get_text(r, p->vendor, sizeof(p->vendor));
	get_text(r, p->remote, sizeof(p->remote));
	rd_copy(r, p->ip, sizeof(p->ip));
	p->state = (enum part_state)rd_u8(r);
	p->host = get_bool(r);
	p->muted = get_bool(r);
	p->client_muted = get_bool(r);
	p->video_muted = get_bool(r);
	p->direct_chat = get_bool(r);
	p->bypass_lock = get_bool(r);
	p->no_overlay = get_bool(r);
	p->control_only = get_bool(r);
	p->no_slides = get_bool(r);
	p->start_us = (int64_t)rd_u64(r);
	p->buzz_us = (int64_t)rd_u64(r);
	p->spotlight_us = (int64_t)rd_u64(r);
	p->serial = rd_u64(r);
	get_leg(r, &p->leg);
	if (!p->id || p->state == PART_GONE || p->state >= PART_STATE_COUNT ||
	    (p->state == PART_WAIT_HOST && p->host))
		rd_fail(r);
}

static void get_place(struct rd *r, struct live_place *at)
{
	at->location = (int64_t)rd_u64(r);
	at->media_location = (int64_t)rd_u64(r);
	if (at->location < 0 || at->media_location < 0)
		rd_fail(r);
}

int live_decode_part(uint64_t *room, struct live_place *at, struct part *out,
		     struct span in)
{
	struct part p = {.id = 0};
	struct live_place place;
	uint64_t id;
	struct rd r;
	int e = open_record(&r, in);

	if (e < 0)
		return e;
	id = rd_u64(&r);
	get_place(&r, &place);
	get_part(&r, &p);
	if (!id)
		rd_fail(&r);
	e = rd_end(&r);
	if (e < 0)
		return e;
	*room = id;
	*at = place;
	*out = p;
	return 0;
}

/* --- sessions ---------------------------------------------------------------------- */

int live_encode_session(const struct session_state *s, uint8_t *buf,
			struct span *out)
{
	struct wr w = begin(buf);

	wr_u64(&w, s->room);
	wr_u64(&w, s->part);
	wr_u8(&w, (uint8_t)s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		wr_bytes(&w, s->tokens[i].hash, TOKEN_HASH_LEN);
		wr_u64(&w, s->tokens[i].ends_ns);
	}
	return wr_end(&w, out);
}

int live_decode_session(struct session_state *out, struct span in)
{
	struct session_state s = {.room = 0};
	struct rd r;
	int e = open_record(&r, in);

	if (e < 0)
		return e;
	s.room = rd_u64(&r);
	s.part = rd_u64(&r);
	s.n = rd_u8(&r);
	if (s.n > SESSION_TOKENS_MAX || !s.room || !s.part) {
		rd_fail(&r);
		s.n = 0;
	}
	for (uint32_t i = 0; i < s.n; i++) {
		rd_copy(&r, s.tokens[i].hash, TOKEN_HASH_LEN);
		s.tokens[i].ends_ns = rd_u64(&r);
	}
	e = rd_end(&r);
	if (e == 0)
		*out = s;
	return e;
}

int live_encode_credential(const struct reconnect_state *s, uint8_t *buf,
			   struct span *out)
{
	struct wr w = begin(buf);

	wr_u64(&w, s->room);
	wr_u64(&w, s->holder);
	wr_u64(&w, s->id);
	wr_u8(&w, s->host);
	wr_u8(&w, s->has_former);
	wr_bytes(&w, s->hash, sizeof(s->hash));
	wr_bytes(&w, s->former, sizeof(s->former));
	return wr_end(&w, out);
}

int live_decode_credential(struct reconnect_state *out, struct span in)
{
	struct reconnect_state s = {.room = 0};
	struct rd r;
	int e = open_record(&r, in);

	if (e < 0)
		return e;
	s.room = rd_u64(&r);
	s.holder = rd_u64(&r);
	s.id = rd_u64(&r);
	s.host = get_bool(&r);
	s.has_former = get_bool(&r);
	rd_copy(&r, s.hash, sizeof(s.hash));
	rd_copy(&r, s.former, sizeof(s.former));
	if (!s.room || !s.id)
		rd_fail(&r);
	e = rd_end(&r);
	if (e == 0)
		*out = s;
	return e;
}
