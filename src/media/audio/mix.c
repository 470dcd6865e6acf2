/* Sums and encoders.
 *
 * Each mix keeps its last frames in a ring, and every packet is encoded from a
 * ring. So an encoder that starts, or starts again, can be fed what its
 * receivers heard just before, and a packet of several frames is right even
 * when a leg changed mixes in the middle of it.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "media/audio/audio_int.h"
#include "media/audio/stretch.h"

enum { FULL_GAIN = 32768, FADE_FAST = 240 };	/* 5 ms */

/* --- encoders and who uses them; outside the tick --- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static struct mix_shared *find_shared(struct audio_room *room,
				      const struct audio_format *f)
{
	for (uint32_t i = 0; i < room->shared_n; i++)
		if (audio_format_equal(&room->shared[i]->e.format, f))
			return room->shared[i];
	return NULL;
}

static uint32_t count_shared(const struct audio_room *room,
			     enum audio_codec codec)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < room->shared_n; i++)
		n += room->shared[i]->e.format.codec == codec;
	return n;
}

/* The encoder that comes nearest: the packet time weighs most (some receivers
 * cannot play another), then what the receiver asked us not to exceed. */
static int distance(const struct audio_format *a, const struct audio_format *b)
{
	return (a->ptime_ms != b->ptime_ms) * 64 +
	       (a->bandwidth_hz != b->bandwidth_hz) * 8 +
	       (a->bitrate_bps != b->bitrate_bps) * 4 +
	       (a->is_cbr != b->is_cbr) * 2 + (a->is_fec != b->is_fec);
}

static struct mix_shared *nearest_shared(struct audio_room *room,
					 const struct audio_format *f)
{
	struct mix_shared *best = NULL;

	for (uint32_t i = 0; i < room->shared_n; i++) {
		struct mix_shared *s = room->shared[i];

		if (s->e.format.codec != f->codec)
			continue;
		if (!best || distance(&s->e.format, f) <
				     distance(&best->e.format, f))
			best = s;
	}
	return best;
}

static void drop_shared(struct audio_room *room, struct mix_shared *s)
{
	uint32_t at = 0;

	if (--s->legs > 0)
		return;
	while (room->shared[at] != s)
		at++;
	room->shared[at] = room->shared[--room->shared_n];
	pool_give_enc(room->pool, &s->e.enc);
	mem_free(s);
}

static int make_shared(struct audio_room *room, const struct audio_format *f,
		       struct mix_shared **out)
{
	struct mix_shared *s = mem_zalloc(sizeof(*s));
	int r;

	if (!s)
		return E_NOMEM;
	r = pool_take_enc(room->pool, f->codec, &s->e.enc);
	if (r < 0) {
		mem_free(s);
		return r;
	}
	s->e.format = *f;
	audio_enc_setup(s->e.enc, f, room->complexity);
	room->shared[room->shared_n++] = s;
	*out = s;
	return 0;
}

static int take_shared(struct audio_room *room, const struct audio_format *f,
		       struct mix_shared **out)
{
	struct mix_shared *s = find_shared(room, f);
	uint32_t cap = f->codec == AUDIO_OPUS ? room->shared_max : 1;
	int r = 0;

	if (!s && count_shared(room, f->codec) >= cap)
		s = nearest_shared(room, f);
	if (!s)
		r = make_shared(room, f, &s);
	if (r < 0)
		return r;
	s->legs++;
	*out = s;
	return 0;
}

static int want_own(struct audio_room *room, uint32_t n)
{
	struct mix_own *own;

	while (room->own_n < n) {
		own = mem_zalloc(sizeof(*own));
		if (!own)
			return E_NOMEM;
		room->own[room->own_n++] = own;
	}
	return 0;
}

static int want_spare(struct audio_room *room, enum audio_codec codec,
		      uint32_t n)
{
	while (room->made_n[codec] < n) {
		struct audio_enc **at =
			&room->spare[codec][room->spare_n[codec]];
		int r = pool_take_enc(room->pool, codec, at);

		if (r < 0)
			return r;
		room->spare_n[codec]++;
		room->made_n[codec]++;
	}
	return 0;
}

static void trim(struct audio_room *room, enum audio_codec codec)
{
	uint32_t own = least(room->own_max, room->legs_n);
	uint32_t enc = least(room->own_max, room->codec_legs[codec]);

	for (uint32_t i = room->own_n; i-- > 0 && room->own_n > own;) {
		if (room->own[i]->leg)
			continue;
		mem_free(room->own[i]);
		room->own[i] = room->own[--room->own_n];
	}
	while (room->made_n[codec] > enc && room->spare_n[codec] > 0) {
		room->made_n[codec]--;
		pool_give_enc(room->pool,
			      &room->spare[codec][--room->spare_n[codec]]);
	}
}

int mix_join(struct audio_leg *leg, const struct audio_format *f)
{
	struct audio_room *room = leg->room;
	enum audio_codec codec = f->codec;
	int r;

	r = want_own(room, least(room->own_max, room->legs_n + 1));
	if (r == 0)
		r = want_spare(room, codec,
			       least(room->own_max,
				     room->codec_legs[codec] + 1));
	if (r == 0)
		r = take_shared(room, f, &leg->shared);
	if (r == 0)
		r = pool_want_noise(room->pool, &leg->shared->e.format,
				    room->is_noise_off);
	if (r == 0)
		return 0;
	if (leg->shared)
		drop_shared(room, leg->shared);
	leg->shared = NULL;
	trim(room, codec);
	return r;
}

/* After the leg was taken out of room->legs and the counts. */
void mix_leave(struct audio_leg *leg)
{
	enum audio_codec codec = leg->shared->e.format.codec;

	mix_own_release(leg);
	mix_say_stop(leg);
	drop_shared(leg->room, leg->shared);
	leg->shared = NULL;
	trim(leg->room, codec);
}

static void own_setup(struct mix_own *own, const struct audio_leg *leg)
{
	own->e.format = leg->shared->e.format;
	own->e.fed_tick = 0;
	own->e.out_tick = 0;
	audio_enc_setup(own->e.enc, &own->e.format, leg->room->complexity);
}

int mix_move(struct audio_leg *leg, const struct audio_format *f)
{
	struct mix_shared *to;
	int r = take_shared(leg->room, f, &to);

	if (r < 0)
		return r;
	drop_shared(leg->room, leg->shared);
	if (to != leg->shared && leg->own) {
		leg->shared = to;
		own_setup(leg->own, leg);
	}
	leg->shared = to;
	return 0;
}

void mix_room_free(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->own_n; i++)
		mem_free(room->own[i]);
	room->own_n = 0;
	for (unsigned c = 0; c < AUDIO_CODEC_COUNT; c++)
		while (room->spare_n[c] > 0)
			pool_give_enc(room->pool,
				      &room->spare[c][--room->spare_n[c]]);
}

/* --- prompts; outside the tick --- */

int mix_say_start(struct audio_leg *leg, const struct audio_say_cfg *cfg)
{
	struct audio_pool *pool = leg->room->pool;
	const struct audio_format *f = &leg->shared->e.format;
	struct mix_say *m = mem_zalloc(sizeof(*m));
	int r = m ? say_new(&m->say, pool, cfg) : E_NOMEM;

	if (r == 0)
		r = pool_take_enc(pool, f->codec, &m->e.enc);
	if (r < 0) {
		if (m)
			say_free(&m->say);
		mem_free(m);
		return r;
	}
	m->e.format = *f;
	m->received = leg->player.jitter.received;
	audio_enc_setup(m->e.enc, f, leg->room->complexity);
	leg->say = m;
	return 0;
}

void mix_say_stop(struct audio_leg *leg)
{
	struct mix_say *m = leg->say;

	if (!m)
		return;
	pool_give_enc(leg->room->pool, &m->e.enc);
	say_free(&m->say);
	mem_free(m);
	leg->say = NULL;
}

/* --- own mixes; in the tick --- */

static struct mix_own *free_own(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->own_n; i++)
		if (!room->own[i]->leg)
			return room->own[i];
	return NULL;
}

/* A held mix may go once no frame of its leg is left in the shared ring. */
static struct audio_leg *longest_silent(struct audio_room *room)
{
	struct audio_leg *best = NULL;

	for (uint32_t i = 0; i < room->own_n; i++) {
		struct audio_leg *leg = room->own[i]->leg;

		if (!leg || leg->in_sum ||
		    leg->sum_last + RING_FRAMES >= room->tick)
			continue;
		if (!best || leg->sum_last < best->sum_last)
			best = leg;
	}
	return best;
}

bool mix_own_take(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;
	enum audio_codec codec = leg->shared->e.format.codec;
	struct mix_own *own = free_own(room);
	struct audio_leg *victim;

	if (!own && (victim = longest_silent(room)) != NULL) {
		mix_own_release(victim);
		room->stats.own_evicted++;
		own = free_own(room);
	}
	if (!own || room->spare_n[codec] == 0)
		return false;
	own->e.enc = room->spare[codec][--room->spare_n[codec]];
	own->leg = leg;
	own->quiet = room->quiet;
	own->ring = room->ring;
	leg->own = own;
	own_setup(own, leg);
	room->stats.switches++;
	return true;
}

void mix_own_release(struct audio_leg *leg)
{
	struct audio_room *room = leg->room;
	struct mix_own *own = leg->own;
	enum audio_codec codec;

	if (!own)
		return;
	codec = audio_enc_codec(own->e.enc);
	room->spare[codec][room->spare_n[codec]++] = own->e.enc;
	own->e.enc = NULL;
	own->leg = NULL;
	leg->own = NULL;
	room->stats.switches++;
}

/* --- the sum --- */

static void shape(struct audio_leg *leg)
{
	const int n = AUDIO_FRAME_SAMPLES;

	if (leg->is_leaving)
		audio_ramp(leg->frame, n, FULL_GAIN, 0,
			   leg_may_speak(leg) ? n : FADE_FAST);
	else if (leg->is_entering)
		audio_ramp(leg->frame, n, 0, FULL_GAIN, FADE_FAST);
	leg->is_entering = false;
}

static void make_sum(struct audio_room *room)
{
	const struct audio_kernels *k = room->pool->kernels;

	memset(room->sum, 0, sizeof(room->sum));
	room->summed = 0;
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		leg->is_summed = leg->in_sum;
		if (!leg->in_sum)
			continue;
		shape(leg);
		k->add(room->sum, leg->frame, AUDIO_FRAME_SAMPLES);
		leg->sum_last = room->tick;
		room->summed++;
	}
	if (!room->is_noise_off)
		k->add(room->sum, room->pool->noise_pcm + room->noise_at,
		       AUDIO_FRAME_SAMPLES);
}

static int16_t *ring_now(struct mix_ring *ring, uint64_t tick)
{
	return ring->frame[tick % RING_FRAMES];
}

static void make_shared_frame(struct audio_room *room)
{
	const struct audio_kernels *k = room->pool->kernels;
	int16_t *pcm = ring_now(&room->ring, room->tick);
	uint64_t e;

	k->pack(pcm, room->sum, AUDIO_FRAME_SAMPLES);
	e = k->energy(pcm, AUDIO_FRAME_SAMPLES);
	room->is_mix_quiet = level_dbov(e, AUDIO_FRAME_SAMPLES) <
			     LEVEL_MIX_QUIET;
	room->quiet = room->summed ? 0 : room->quiet + 1;
}

static void make_own_frames(struct audio_room *room)
{
	const struct audio_kernels *k = room->pool->kernels;

	for (uint32_t i = 0; i < room->own_n; i++) {
		struct mix_own *own = room->own[i];
		int16_t *pcm = ring_now(&own->ring, room->tick);

		if (!own->leg)
			continue;
		if (own->leg->is_summed)
			k->minus(pcm, room->sum, own->leg->frame,
				 AUDIO_FRAME_SAMPLES);
		else
			memcpy(pcm, ring_now(&room->ring, room->tick),
			       AUDIO_FRAME_SAMPLES * sizeof(*pcm));
		if (room->summed > own->leg->is_summed)
			own->quiet = 0;
		else
			own->quiet++;
	}
}

static void make_say_frames(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (!leg->say)
			continue;
		if (leg_is_recorded(leg) && leg->is_chosen)
			say_heard(leg->say->say, leg->frame);
		say_frame(leg->say->say, ring_now(&leg->say->ring, room->tick));
	}
}

/* --- packets --- */

/* The `frames` frames that end with tick `last`. */
static void ring_read(const struct mix_ring *ring, uint64_t last,
		      uint32_t frames, int16_t *out)
{
	for (uint32_t i = 0; i < frames; i++)
		memcpy(out + i * AUDIO_FRAME_SAMPLES,
		       ring->frame[(last + 1 + i + RING_FRAMES - frames) %
				   RING_FRAMES],
		       AUDIO_FRAME_SAMPLES * sizeof(*out));
}

static int encode_at(struct mix_enc *e, const struct mix_ring *ring,
		     uint64_t last)
{
	int16_t pcm[AUDIO_FRAME_SAMPLES * PTIME_STEPS];
	uint32_t frames = format_frames(&e->format);

	ring_read(ring, last, frames, pcm);
	return audio_enc_frame(e->enc, pcm,
			       (int)frames * AUDIO_FRAME_SAMPLES, e->out,
			       sizeof(e->out));
}

/* At least three frames, as far as the ring reaches. */
static void warm_up(struct audio_room *room, struct mix_enc *e,
		    const struct mix_ring *ring)
{
	uint32_t frames = format_frames(&e->format);

	for (uint32_t n = frames == 1 ? WARM_FRAMES : 1; n > 0; n--)
		(void)encode_at(e, ring, room->tick - n * frames);
	room->stats.warmups++;
}

/* False when there is no packet. */
static bool encode(struct audio_room *room, struct mix_enc *e,
		   const struct mix_ring *ring, uint64_t *counter)
{
	int n;

	if (e->out_tick == room->tick)
		return e->out_n > 0;
	if (e->fed_tick + format_frames(&e->format) != room->tick)
		warm_up(room, e, ring);
	n = encode_at(e, ring, room->tick);
	e->fed_tick = room->tick;
	e->out_tick = room->tick;
	e->out_n = n > 0 ? (uint32_t)n : 0;
	(*counter)++;
	return n > 0;
}

static struct span noise_packet(struct audio_room *room,
				const struct audio_format *f)
{
	uint32_t steps = format_frames(f);
	const struct audio_noise *noise =
		&room->pool->noise[room->is_noise_off][f->codec][steps - 1];
	uint32_t at = (uint32_t)(room->tick / steps % noise->packets);

	room->stats.noise_packets++;
	return span_of(noise->bytes + noise->at[at],
		       noise->at[at + 1] - noise->at[at]);
}

static bool own_packet(struct audio_leg *leg, struct audio_out *out)
{
	struct audio_room *room = leg->room;
	struct mix_own *own = leg->own;

	if (own->quiet >= QUIET_TICKS ||
	    !encode(room, &own->e, &own->ring, &room->stats.encodes_own))
		return false;
	out->mix = AUDIO_MIX_OWN;
	out->payload = span_of(own->e.out, own->e.out_n);
	return true;
}

/* The invariant stands here: the shared packet never goes to somebody of whom
 * a sample is in it, whatever the rest of this file believes. */
static bool shared_packet(struct audio_leg *leg, struct audio_out *out)
{
	struct audio_room *room = leg->room;
	struct mix_enc *e = &leg->shared->e;
	uint32_t frames = format_frames(&e->format);

	if (leg->in_sum || leg->is_summed ||
	    (leg->sum_last > 0 && leg->sum_last + frames > room->tick))
		return false;
	if (room->quiet >= QUIET_TICKS ||
	    !encode(room, e, &room->ring, &room->stats.encodes_shared))
		return false;
	out->mix = AUDIO_MIX_SHARED;
	out->payload = span_of(e->out, e->out_n);
	return true;
}

static bool say_packet(struct audio_leg *leg, struct audio_out *out)
{
	struct mix_say *m = leg->say;

	if (!encode(leg->room, &m->e, &m->ring, &leg->room->stats.encodes_say))
		return false;
	out->mix = AUDIO_MIX_SAY;
	out->payload = span_of(m->e.out, m->e.out_n);
	return true;
}

static bool room_packet(struct audio_leg *leg, struct audio_out *out)
{
	if (!leg->is_admitted)
		return false;
	return leg->own ? own_packet(leg, out) : shared_packet(leg, out);
}

static void send_to(struct audio_leg *leg, audio_emit_fn emit, void *arg)
{
	const struct audio_format *f = &leg->shared->e.format;
	uint32_t clock = audio_codec_clock_hz(f->codec);
	struct audio_out out = {
		.leg = leg,
		.user = leg->user,
		.rtp_ts = leg->rtp_ts,
		.marker = !leg->has_sent,
		.mix = AUDIO_MIX_NOISE,
	};
	bool is_live = leg->say ? say_packet(leg, &out) :
				  room_packet(leg, &out);

	if (!is_live)
		out.payload = noise_packet(leg->room, f);
	leg->rtp_ts += f->ptime_ms * (clock / 1000);
	leg->has_sent = true;
	emit(arg, &out);
}

static bool is_packet_end(const struct audio_room *room,
			  const struct audio_format *f)
{
	uint32_t frames = format_frames(f);

	return room->tick % frames == frames - 1;
}

static void leave_sum(struct audio_leg *leg)
{
	leg->in_sum = false;
	leg->is_leaving = false;
	leg->room->talkers--;
}

static void release_held(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->own_n; i++) {
		struct audio_leg *leg = room->own[i]->leg;
		uint64_t held;

		if (!leg || leg->in_sum ||
		    !is_packet_end(room, &leg->shared->e.format))
			continue;
		held = room->tick - leg->sum_last;
		if (held >= HOLD_MAX_TICKS ||
		    (held >= HOLD_TICKS && room->is_mix_quiet))
			mix_own_release(leg);
	}
}

void mix_run(struct audio_room *room, audio_emit_fn emit, void *arg)
{
	make_sum(room);
	make_shared_frame(room);
	make_own_frames(room);
	make_say_frames(room);
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];

		if (is_packet_end(room, &leg->shared->e.format))
			send_to(leg, emit, arg);
		if (leg->is_leaving)
			leave_sum(leg);
	}
	release_held(room);
}
