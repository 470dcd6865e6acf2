/* media/audio/audio_int.h - the insides that the files of this folder share.
 */
#pragma once
#include "media/audio/audio.h"
#include "media/audio/kernels.h"
#include "media/audio/player.h"
#include "media/audio/say.h"

enum {
	POOL_SPARE = 64,	/* coders of one kind kept for reuse */
	NOISE_LOOP = 1 << 14,	/* samples */
	NOISE_SPAN_MS = 960,	/* of encoded noise; whole packets of any ptime */
	NOISE_PACKETS = NOISE_SPAN_MS / 20,
	PTIME_STEPS = AUDIO_PTIME_MAX_MS / AUDIO_TICK_MS,

	QUIET_TICKS = 25,	/* of an empty mix until encoded noise is sent */
	HOLD_TICKS = 100,	/* an own mix is kept 2 s after the last speech */
	HOLD_MAX_TICKS = 600,	/* and then while others speak, 10 s more */
	RING_FRAMES = 2 * PTIME_STEPS,	/* a packet, and one to warm up with */
	WARM_FRAMES = 3,

	LEVEL_MIN = -127,
	LEVEL_SPEECH_MIN = -58,	/* quieter is never speech, dBov */
	LEVEL_SPEECH_SURE = -42, /* louder always is */
	LEVEL_OVER_FLOOR = 8,
	LEVEL_FLOOR_FIRST = -60,
	LEVEL_MIX_QUIET = -55,	/* a switch in a softer mix is not heard */
	FEC_ON_PERCENT = 3,
	FEC_OFF_REPORTS = 5,
};

/* --- pool.c --- */

/* A second of encoded comfort noise. */
struct audio_noise {
	uint32_t packets;
	uint16_t at[NOISE_PACKETS + 1];
	uint8_t *bytes;
};

struct audio_pool {
	const struct audio_kernels *kernels;
	int16_t noise_pcm[NOISE_LOOP + AUDIO_FRAME_SAMPLES];	/* wraps */
	struct audio_noise noise[2][AUDIO_CODEC_COUNT][PTIME_STEPS];
	struct audio_dec *dec[AUDIO_CODEC_COUNT][POOL_SPARE];
	struct audio_enc *enc[AUDIO_CODEC_COUNT][POOL_SPARE];
	uint32_t decs[AUDIO_CODEC_COUNT], encs[AUDIO_CODEC_COUNT];
	uint32_t says;		/* legs that hear a prompt now */
};

int  pool_take_dec(struct audio_pool *pool, enum audio_codec codec,
		   struct audio_dec **out);
void pool_give_dec(struct audio_pool *pool, struct audio_dec **dec);
int  pool_take_enc(struct audio_pool *pool, enum audio_codec codec,
		   struct audio_enc **out);
void pool_give_enc(struct audio_pool *pool, struct audio_enc **enc);
/* Encodes the noise of a codec and ptime when it is not there yet. */
int  pool_want_noise(struct audio_pool *pool, const struct audio_format *f,
		     bool is_silent);

/* --- the room --- */

/* The last frames of a mix, oldest first when read from `tick`. */
struct mix_ring {
	int16_t frame[RING_FRAMES][AUDIO_FRAME_SAMPLES];
};

/* An encoder at work, shared or own. */
struct mix_enc {
	struct audio_enc *enc;
	struct audio_format format;
	uint64_t fed_tick;	/* last frame that went in; 0 = none */
	uint64_t out_tick;	/* when out was made; 0 = never */
	uint32_t out_n;
	uint8_t out[AUDIO_PACKET_MAX_BYTES];
};

struct mix_shared {
	struct mix_enc e;
	uint32_t legs;		/* that this encoder is for */
};

struct mix_own {
	struct mix_enc e;
	struct audio_leg *leg;	/* NULL: free */
	uint32_t quiet;		/* ticks in which nobody else was in the sum */
	struct mix_ring ring;
};

/* What a leg hears instead of the room. */
struct mix_say {
	struct mix_enc e;
	struct say *say;
	uint64_t received;	/* by the leg when it began */
	struct mix_ring ring;
};

/* What is known of a leg's loudness; see talk.c. */
struct talk {
	bool has_hint;
	int16_t hint;		/* claimed, smoothed, dBov */
	uint64_t distrust_until;
	int16_t probe;		/* measured by a probe */
	uint64_t probe_until;
	int16_t level;		/* decoded, smoothed */
	int16_t floor;		/* decoded, background */
	int16_t now;		/* decoded, this frame */
	uint32_t decoded_ticks;	/* since decoding began */
	uint64_t speech_until;
	bool is_speech;		/* this frame */
	uint32_t over;		/* ticks louder than the weakest talker */
	uint32_t mismatch;	/* ticks the claim was far above the truth */
	uint64_t lies;
};

struct audio_leg {
	struct audio_room *room;
	void *user;
	uint32_t index;		/* in room->legs */
	bool is_muted, is_admitted, has_sent, is_fec_refused;
	struct audio_format want;	/* rounded wishes, without FEC class */
	struct mix_shared *shared;	/* never NULL */
	struct mix_own *own;		/* NULL: hears the shared mix */
	struct mix_say *say;		/* NULL: nothing but the room */
	uint32_t rtp_ts;
	uint32_t good_reports;

	struct talk talk;
	bool in_sum;
	bool is_leaving;	/* fades out in this tick */
	bool is_entering;	/* fades in */
	bool is_chosen;		/* to be decoded in this tick */
	bool is_summed;		/* frame is part of this tick's sum */
	uint64_t packet_tick;	/* when the last packet came */
	uint64_t sum_since, sum_last;
	uint32_t activity;	/* 0..1000, for the order of speakers */
	bool is_listed;

	struct audio_dec *dec;
	int16_t frame[AUDIO_FRAME_SAMPLES];
	struct player player;
};

struct audio_room {
	struct audio_pool *pool;
	uint32_t max_talkers;
	int complexity;
	uint32_t shared_max;
	bool is_noise_off;

	struct audio_leg **legs;
	uint32_t legs_n, legs_cap;
	uint32_t codec_legs[AUDIO_CODEC_COUNT];

	uint64_t tick;
	int64_t now;		/* of the tick, in samples */
	uint32_t noise_at;	/* where in the noise loop */
	uint32_t quiet;		/* ticks in which nobody was in the sum */
	uint32_t talkers;	/* in the sum */
	uint32_t summed;	/* frames in this tick's sum */
	bool is_mix_quiet;	/* too soft to hear a switch in */
	uint32_t probe_at, liar_at;	/* where the rounds of probes stand */

	int32_t sum[AUDIO_FRAME_SAMPLES];
	struct mix_ring ring;	/* of the shared mix */
	struct mix_shared *shared[AUDIO_SHARED_MAX + AUDIO_CODEC_COUNT];
	uint32_t shared_n;
	struct mix_own **own;	/* own_n made, own_max at most */
	uint32_t own_n, own_max;
	struct audio_enc **spare[AUDIO_CODEC_COUNT];	/* own_max each */
	uint32_t spare_n[AUDIO_CODEC_COUNT], made_n[AUDIO_CODEC_COUNT];

	struct audio_leg *order[AUDIO_SPEAKERS_MAX];
	uint32_t order_n;
	struct audio_room_stats stats;
};

static inline bool leg_may_speak(const struct audio_leg *leg)
{
	return leg->is_admitted && !leg->is_muted;
}

static inline bool leg_is_recorded(const struct audio_leg *leg)
{
	return leg->say && say_wants_sound(leg->say->say);
}

static inline uint32_t format_frames(const struct audio_format *f)
{
	return f->ptime_ms / AUDIO_TICK_MS;
}

/* --- talk.c: who is decoded, who is heard --- */

/* Level of n samples with this energy, dBov, rounded. Full-scale square wave
 * is 0. */
int  level_dbov(uint64_t energy, int n);
void talk_hint(struct talk *t, int level);
/* Marks is_chosen on the legs to decode in this tick. */
void talk_choose(struct audio_room *room);
/* Files the loudness of a leg's decoded frame. */
void talk_heard(struct audio_leg *leg);
/* Probes a few of those that are not decoded. */
void talk_probe(struct audio_room *room);
/* Moves legs into and out of the sum. */
void talk_decide(struct audio_room *room);

/* --- mix.c: sums and encoders --- */

/* Finds or makes the shared encoder for a format, or the nearest. Makes what
 * own mixes of the codec need. Not in the tick. */
int  mix_join(struct audio_leg *leg, const struct audio_format *f);
void mix_leave(struct audio_leg *leg);
/* Changes the shared encoder of a leg; on failure it keeps the old one. */
int  mix_move(struct audio_leg *leg, const struct audio_format *f);
/* Gives the leg a mix of its own. False when none is free. */
bool mix_own_take(struct audio_leg *leg);
void mix_own_release(struct audio_leg *leg);
int  mix_say_start(struct audio_leg *leg, const struct audio_say_cfg *cfg);
void mix_say_stop(struct audio_leg *leg);
void mix_run(struct audio_room *room, audio_emit_fn emit, void *arg);
void mix_room_free(struct audio_room *room);

/* --- speakers.c --- */

void speakers_update(struct audio_room *room);
void speakers_forget(struct audio_leg *leg);
