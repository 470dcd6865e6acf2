#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "media/audio/audio_int.h"

enum { LEGS_FIRST = 8, BITRATE_DEFAULT = 32000 };

static int64_t samples_of(uint64_t ns)
{
	return (int64_t)(ns / NS_PER_US * 48 / 1000);
}

/* --- room --- */

static int room_arrays(struct audio_room *room)
{
	room->own = mem_calloc(room->own_max, sizeof(room->own[0]));
	if (!room->own)
		return E_NOMEM;
	for (unsigned c = AUDIO_CODEC_NONE + 1; c < AUDIO_CODEC_COUNT; c++) {
		room->spare[c] = mem_calloc(room->own_max,
					    sizeof(room->spare[c][0]));
		if (!room->spare[c])
			return E_NOMEM;
	}
	return 0;
}

int audio_room_new(struct audio_room **out, struct audio_pool *pool,
		   const struct audio_room_cfg *cfg)
{
	struct audio_room *room;
	int r;

	if (cfg->max_talkers > AUDIO_TALKERS_MAX || cfg->complexity > 10 ||
	    cfg->shared_max > AUDIO_SHARED_MAX)
		return E_INVAL;
	room = mem_zalloc(sizeof(*room));
	if (!room)
		return E_NOMEM;
	room->pool = pool;
	room->max_talkers = cfg->max_talkers ? cfg->max_talkers :
					       AUDIO_TALKERS_DEFAULT;
	room->complexity = cfg->complexity >= 0 ? cfg->complexity :
						  AUDIO_COMPLEXITY_DEFAULT;
	room->shared_max = cfg->shared_max ? cfg->shared_max :
					     AUDIO_SHARED_DEFAULT;
	room->is_noise_off = cfg->is_noise_off;
	room->own_max = room->max_talkers + AUDIO_OWN_SPARE;
	r = room_arrays(room);
	if (r < 0) {
		audio_room_free(&room);
		return r;
	}
	*out = room;
	return 0;
}

void audio_room_free(struct audio_room **roomp)
{
	struct audio_room *room = *roomp;

	if (!room)
		return;
	while (room->legs_n > 0) {
		struct audio_leg *leg = room->legs[room->legs_n - 1];

		audio_leg_free(&leg);
	}
	mix_room_free(room);
	for (unsigned c = 0; c < AUDIO_CODEC_COUNT; c++)
		mem_free(room->spare[c]);
	mem_free(room->own);
	mem_free(room->legs);
	mem_free(room);
	*roomp = NULL;
}

static void run_players(struct audio_room *room)
{
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];
		struct talk *t = &leg->talk;

		if (leg->is_chosen && !leg->player.is_playing) {
			player_start(&leg->player, room->now,
				     t->probe_until > room->tick);
			t->decoded_ticks = 0;
		} else if (!leg->is_chosen && leg->player.is_playing) {
			player_stop(&leg->player);
			t->is_speech = false;
			t->level = t->now = LEVEL_MIN;
		}
		if (!leg->is_chosen)
			continue;
		player_pull(&leg->player, room->now, leg->frame);
		talk_heard(leg);
		room->stats.decodes++;
	}
}

/* Ticks that the caller left out are time that passed without a packet. If the
 * stamps did not pass it too, every later packet would look late to receivers,
 * and stay so. */
static void pass_skipped(struct audio_room *room, int64_t now)
{
	int64_t frames = (now - room->now) / AUDIO_FRAME_SAMPLES;

	if (room->stats.ticks == 0 || frames <= 1)
		return;
	for (uint32_t i = 0; i < room->legs_n; i++) {
		struct audio_leg *leg = room->legs[i];
		uint32_t clock = audio_codec_clock_hz(
			leg->shared->e.format.codec);

		if (leg->has_sent)
			leg->rtp_ts += (uint32_t)(frames - 1) * 20 *
				       (clock / 1000);
	}
}

void audio_room_tick(struct audio_room *room, uint64_t now_ns,
		     audio_emit_fn emit, void *arg)
{
	pass_skipped(room, samples_of(now_ns));
	room->tick++;
	room->stats.ticks++;
	room->now = samples_of(now_ns);
	room->noise_at = (room->noise_at + AUDIO_FRAME_SAMPLES) % NOISE_LOOP;
	talk_choose(room);
	run_players(room);
	talk_probe(room);
	talk_decide(room);
	mix_run(room, emit, arg);
	speakers_update(room);
}

void audio_room_stats(const struct audio_room *room,
		      struct audio_room_stats *out)
{
	*out = room->stats;
	out->legs = room->legs_n;
	out->talkers = room->talkers;
	out->shared_encoders = room->shared_n;
	out->own_mixes = 0;
	for (uint32_t i = 0; i < room->own_n; i++)
		out->own_mixes += room->own[i]->leg != NULL;
}

/* --- leg --- */

static uint32_t round_down(uint32_t wish, const uint32_t *ladder, int n)
{
	int at = n - 1;

	while (wish && at > 0 && wish < ladder[at])
		at--;
	return ladder[at];
}

static int format_of(struct audio_format *f, const struct audio_leg_cfg *cfg)
{
	static const uint32_t bitrates[] = { 8000, 12000, 20000,
					     BITRATE_DEFAULT };
	static const uint32_t bands[] = { 8000, 12000, 16000, 24000, 48000 };
	static const uint32_t ptimes[] = { 20, 40, 60 };

	*f = (struct audio_format){
		.codec = cfg->codec ? cfg->codec : AUDIO_OPUS,
		.ptime_ms = AUDIO_TICK_MS,
	};
	if (audio_codec_clock_hz(f->codec) == 0)
		return E_UNSUPPORTED;
	if (f->codec != AUDIO_OPUS)
		return 0;
	if (cfg->ptime_ms)
		f->ptime_ms = round_down(cfg->ptime_ms, ptimes, 3);
	f->bitrate_bps = round_down(cfg->max_bitrate_bps, bitrates, 4);
	f->bandwidth_hz = round_down(cfg->max_playback_hz, bands, 5);
	f->is_cbr = cfg->is_cbr;
	return 0;
}

static int reserve_leg(struct audio_room *room)
{
	uint32_t cap = room->legs_cap ? room->legs_cap * 2 : LEGS_FIRST;
	struct audio_leg **legs;

	if (room->legs_n == AUDIO_LEGS_MAX)
		return E_LIMIT;
	if (room->legs_n < room->legs_cap)
		return 0;
	legs = mem_realloc(room->legs, cap * sizeof(legs[0]));
	if (!legs)
		return E_NOMEM;
	room->legs = legs;
	room->legs_cap = cap;
	return 0;
}

static int leg_equip(struct audio_leg *leg)
{
	int r = pool_take_dec(leg->room->pool, leg->want.codec, &leg->dec);

	if (r < 0)
		return r;
	player_init(&leg->player, leg->dec);
	r = mix_join(leg, &leg->want);
	if (r < 0)
		pool_give_dec(leg->room->pool, &leg->dec);
	return r;
}

int audio_leg_new(struct audio_leg **out, struct audio_room *room,
		  const struct audio_leg_cfg *cfg)
{
	struct audio_format want;
	struct audio_leg *leg;
	int r = format_of(&want, cfg);

	if (r == 0)
		r = reserve_leg(room);
	if (r < 0)
		return r;
	leg = mem_zalloc(sizeof(*leg));
	if (!leg)
		return E_NOMEM;
	leg->room = room;
	leg->user = cfg->user;
	leg->want = want;
	leg->rtp_ts = cfg->rtp_ts_start;
	leg->is_fec_refused = cfg->is_fec_refused;
	leg->talk.level = leg->talk.now = LEVEL_MIN;
	leg->talk.floor = LEVEL_FLOOR_FIRST;
	r = leg_equip(leg);
	if (r < 0) {
		mem_free(leg);
		return r;
	}
	leg->index = room->legs_n;
	room->legs[room->legs_n++] = leg;
	room->codec_legs[want.codec]++;
	*out = leg;
	return 0;
}

void audio_leg_free(struct audio_leg **legp)
{
	struct audio_leg *leg = *legp;
	struct audio_room *room;

	if (!leg)
		return;
	room = leg->room;
	room->legs[leg->index] = room->legs[--room->legs_n];
	room->legs[leg->index]->index = leg->index;
	room->codec_legs[leg->want.codec]--;
	room->talkers -= leg->in_sum;
	speakers_forget(leg);
	mix_leave(leg);
	pool_give_dec(room->pool, &leg->dec);
	mem_free(leg);
	*legp = NULL;
}

void *audio_leg_user(const struct audio_leg *leg)
{
	return leg->user;
}

int audio_leg_packet(struct audio_leg *leg, const struct audio_packet *packet,
		     uint64_t now_ns)
{
	int r = player_put(&leg->player, packet->seq, packet->ts,
			   packet->level, packet->payload, samples_of(now_ns));

	if (r < 0)
		return r;
	leg->packet_tick = leg->room->tick;
	talk_hint(&leg->talk, packet->level);
	return 0;
}

void audio_leg_restart(struct audio_leg *leg)
{
	player_restart(&leg->player);
}

void audio_leg_set(struct audio_leg *leg, bool is_muted, bool is_admitted)
{
	leg->is_muted = is_muted;
	leg->is_admitted = is_admitted;
}

int audio_leg_say(struct audio_leg *leg, const struct audio_say_cfg *cfg)
{
	mix_say_stop(leg);
	return cfg ? mix_say_start(leg, cfg) : 0;
}

bool audio_leg_said(struct audio_leg *leg, struct audio_said *out)
{
	if (!leg->say || !say_is_over(leg->say->say))
		return false;
	out->loudest = say_loudest(leg->say->say);
	out->packets = (uint32_t)(leg->player.jitter.received -
				  leg->say->received);
	mix_say_stop(leg);
	return true;
}

bool audio_leg_is_saying(const struct audio_leg *leg)
{
	return leg->say != NULL;
}

int audio_leg_loss_report(struct audio_leg *leg, uint32_t percent)
{
	struct audio_format f = leg->want;
	bool is_fec = leg->shared->e.format.is_fec;

	if (f.codec != AUDIO_OPUS || leg->is_fec_refused)
		return 0;
	leg->good_reports = percent == 0 ? leg->good_reports + 1 : 0;
	if (percent >= FEC_ON_PERCENT)
		f.is_fec = true;
	else if (is_fec && leg->good_reports < FEC_OFF_REPORTS)
		f.is_fec = true;
	if (f.is_fec == is_fec)
		return 0;
	return mix_move(leg, &f);
}

void audio_leg_stats(const struct audio_leg *leg, struct audio_leg_stats *out)
{
	const struct player *p = &leg->player;

	*out = (struct audio_leg_stats){
		.received = p->jitter.received,
		.late = p->jitter.late,
		.duplicate = p->jitter.duplicate,
		.bad = p->bad,
		.overflow = p->jitter.overflow,
		.resyncs = p->jitter.resyncs,
		.played_samples = p->played,
		.fec_samples = p->fec,
		.concealed_samples = p->concealed,
		.dtx_samples = p->dtx,
		.removed_samples = p->removed,
		.inserted_samples = p->inserted,
		.decoded_packets = p->decoded,
		.hint_lies = leg->talk.lies,
		.target_ms = (uint32_t)p->jitter.target / 48,
		.delay_ms = (uint32_t)player_delay(p, leg->room->now) / 48,
		.level_dbov = leg->talk.now,
		.is_talker = leg->in_sum,
		.is_own_mix = leg->own != NULL,
		.is_fec = leg->shared->e.format.is_fec,
	};
}
