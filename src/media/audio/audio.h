/* media/audio/audio.h - the sound of a conference: jitter buffers, decoders,
 * the mix, encoders.
 *
 * One audio_pool per worker, one audio_room per conference, one audio_leg per
 * person. Packets go in with audio_leg_packet() (already decrypted, header
 * parsed); every 20 ms audio_room_tick() gives each leg one packet to send.
 *
 * A tick chooses at most K talkers and mixes only them. Whoever is in the sum
 * has a mix of his own without himself; all others with the same format share
 * one encoder. INVARIANT: a person whose samples are in the shared sum never
 * receives the shared packet.
 *
 * Work in a tick is bounded whatever the senders do: at most K talkers plus
 * AUDIO_CANDIDATES_MAX others are decoded, plus AUDIO_PROBES_MAX probes of two
 * packets each; at most K+3 own mixes and `shared_max` shared ones are encoded
 * (the first frame after a switch costs four). The level of RFC 6464 says who
 * is worth decoding; who is heard is decided on decoded sound alone, and a
 * sender whose level is found false loses its use for 10 s.
 *
 * A room without speech is not dead: low comfort noise is part of every mix
 * (features.md 3.17). After half a second of nothing else in a mix its
 * receivers get noise packets encoded beforehand, so silence costs no encode.
 *
 * Times are monotonic nanoseconds. audio_room_tick() and audio_leg_packet()
 * neither allocate, lock, log nor make a system call; all other functions are
 * for outside the tick. Not thread safe: pool, its rooms and legs belong to one
 * thread.
 */
#pragma once
#include "media/audio/codec/codec.h"

enum {
	AUDIO_TICK_MS = 20,
	AUDIO_TALKERS_DEFAULT = 5,
	AUDIO_TALKERS_MAX = 128,
	AUDIO_OWN_SPARE = 3,		/* own mixes beyond K */
	AUDIO_COMPLEXITY_DEFAULT = 5,
	AUDIO_SHARED_DEFAULT = 4,
	AUDIO_SHARED_MAX = 16,
	AUDIO_CANDIDATES_MAX = 8,
	AUDIO_PROBES_MAX = 5,
	AUDIO_LEGS_MAX = 1024,		/* per room */
	AUDIO_SPEAKERS_MAX = 32,
	AUDIO_LEVEL_NONE = -1,
	AUDIO_JITTER_MIN_MS = 20,
	AUDIO_JITTER_MAX_MS = 200,
	AUDIO_SAYS_MAX = 128,		/* per pool, legs that hear a prompt */
	AUDIO_SAY_PARTS_MAX = 8,
	AUDIO_SAY_GAP_MAX_MS = 60000,
	AUDIO_RECORD_MAX_MS = 10000,
};

struct audio_pool;
struct audio_room;
struct audio_leg;

/* Kernels chosen for this CPU, spare coders, comfort noise. Must outlive its
 * rooms. E_NOMEM. */
int  audio_pool_new(struct audio_pool **out);
void audio_pool_free(struct audio_pool **pool);

struct audio_room_cfg {
	uint32_t max_talkers;	/* K, 1..AUDIO_TALKERS_MAX; 0 = default */
	int complexity;		/* Opus, 0..10; negative = default */
	uint32_t shared_max;	/* Opus shared encoders, 1..16; 0 = default.
				 * Each other codec has at most one more. */
	bool is_noise_off;	/* tests: digital silence instead of noise */
};

/* E_NOMEM, E_INVAL. The caller owns *out and frees its legs first. */
int  audio_room_new(struct audio_room **out, struct audio_pool *pool,
		    const struct audio_room_cfg *cfg);
/* Frees the legs still in it, too. */
void audio_room_free(struct audio_room **room);

struct audio_leg_cfg {
	enum audio_codec codec;	/* both directions; 0 = AUDIO_OPUS */
	/* What the peer's fmtp and ptime ask of us (RFC 7587 6.1); 0 = no wish.
	 * Rounded to a short ladder, so that wishes cannot multiply encoders;
	 * at the room's cap the leg joins the nearest encoder. */
	uint32_t ptime_ms;
	uint32_t max_bitrate_bps;	/* maxaveragebitrate */
	uint32_t max_playback_hz;	/* maxplaybackrate */
	bool is_cbr;			/* cbr=1 */
	bool is_fec_refused;		/* useinbandfec=0 or absent */
	uint32_t rtp_ts_start;		/* random, from the caller */
	void *user;			/* handed back by emit and speakers */
};

/* A leg starts not admitted and not muted. E_NOMEM, E_UNSUPPORTED, E_LIMIT
 * (AUDIO_LEGS_MAX). The room owns it until audio_leg_free(). */
int  audio_leg_new(struct audio_leg **out, struct audio_room *room,
		   const struct audio_leg_cfg *cfg);
void audio_leg_free(struct audio_leg **leg);
void *audio_leg_user(const struct audio_leg *leg);

struct audio_packet {
	uint16_t seq;
	uint32_t ts;		/* in the codec's RTP clock */
	bool marker;
	int level;		/* RFC 6464: 0 (loudest)..127 (-dBov), or
				 * AUDIO_LEVEL_NONE */
	struct span payload;	/* copied */
};

/* Puts a packet into the leg's jitter buffer. 0; E_FORMAT for bytes that are
 * no packet of the codec, E_LIMIT for one too large, E_REPLAY for a duplicate,
 * E_TIMEOUT when it came too late, E_FULL when it lies too far ahead. Every
 * refusal is counted in the stats; the caller need not care. */
int audio_leg_packet(struct audio_leg *leg, const struct audio_packet *packet,
		     uint64_t now_ns);
/* The sender began a new stream (other SSRC): forget the old one. */
void audio_leg_restart(struct audio_leg *leg);

/* muted: by an administrator; received, but in no mix.
 * Not admitted: hears comfort noise only and is in no mix. */
void audio_leg_set(struct audio_leg *leg, bool is_muted, bool is_admitted);

/* Loss the receiver reports (RR fraction lost, 0..100). From 3 % on it gets
 * the encoder with in-band FEC, after five reports below 1 % the other one
 * again. May allocate: not from inside the tick. E_NOMEM: class unchanged. */
int audio_leg_loss_report(struct audio_leg *leg, uint32_t percent);

/* What a leg hears instead of the room, admitted or not: prompts one after the
 * other, or, with record_ms, itself: so long is recorded, then played back. */
struct prompts;
struct audio_say_cfg {
	const struct prompts *prompts;	/* must outlive the leg */
	uint32_t language;		/* enum prompt_language */
	uint32_t prompt[AUDIO_SAY_PARTS_MAX];	/* enum prompt */
	uint32_t n;
	uint32_t times;			/* 0 = until it is stopped */
	uint32_t gap_ms;		/* between two rounds */
	uint32_t record_ms;		/* not 0: all above counts not */
};
/* Replaces what was being said; NULL ends it. Allocates: not from inside the
 * tick. E_FULL (AUDIO_SAYS_MAX), E_LIMIT, E_INVAL (no such prompt), E_NOMEM:
 * then nothing is said. */
int  audio_leg_say(struct audio_leg *leg, const struct audio_say_cfg *cfg);
struct audio_said {
	uint32_t loudest;	/* of a recording: dB below full scale, 127 =
				 * nothing came */
	uint32_t packets;	/* received meanwhile */
};
/* Is it over? True once for each end that came by itself; the leg hears the
 * room again. Not from inside the tick. */
bool audio_leg_said(struct audio_leg *leg, struct audio_said *out);
bool audio_leg_is_saying(const struct audio_leg *leg);

enum audio_mix { AUDIO_MIX_NOISE = 0, AUDIO_MIX_SHARED, AUDIO_MIX_OWN,
		 AUDIO_MIX_SAY };

/* One packet to send. Sequence number and SSRC are the caller's. */
struct audio_out {
	struct audio_leg *leg;
	void *user;
	struct span payload;	/* valid during the call; equal pointers mean
				 * equal bytes within a tick */
	uint32_t rtp_ts;	/* in the codec's RTP clock; continuous */
	bool marker;		/* first packet of the leg (RFC 3551 4.1) */
	enum audio_mix mix;
};
/* Called from inside the tick: the same prohibitions hold, and no function of
 * this header but audio_leg_user() may be called. */
typedef void (*audio_emit_fn)(void *arg, const struct audio_out *out);

/* One tick. To be called every 20 ms of monotonic time; after a delay the
 * caller runs the missed ticks (each with the time it was due), at most as
 * many as it likes: sound is then late or lost, nothing breaks. The stamps
 * of what is sent pass the ticks that were left out. */
void audio_room_tick(struct audio_room *room, uint64_t now_ns,
		     audio_emit_fn emit, void *arg);

struct audio_speaker {
	struct audio_leg *leg;
	void *user;
	uint8_t vad;		/* 0..100 */
};
/* Who speaks, most active first, with hysteresis: whoever is first stays so
 * until another has clearly spoken for more than about half a second. Only
 * decoded sound counts. Those who fell silent stay in the list, in order, with
 * vad 0. Returns the number written, at most cap and AUDIO_SPEAKERS_MAX. */
size_t audio_room_speakers(const struct audio_room *room,
			   struct audio_speaker *out, size_t cap);

struct audio_leg_stats {
	uint64_t received, late, duplicate, bad, overflow, resyncs;
	uint64_t played_samples;	/* from packets */
	uint64_t fec_samples;		/* from the copy in the next packet */
	uint64_t concealed_samples;	/* invented in place of lost ones */
	uint64_t dtx_samples;		/* invented where the sender was silent */
	uint64_t removed_samples, inserted_samples;	/* drift, delay */
	uint64_t decoded_packets;
	uint64_t hint_lies;
	uint32_t target_ms, delay_ms;	/* of the jitter buffer */
	int level_dbov;			/* of decoded sound, -127..0 */
	bool is_talker, is_own_mix, is_fec;
};
void audio_leg_stats(const struct audio_leg *leg, struct audio_leg_stats *out);

struct audio_room_stats {
	uint64_t ticks, decodes, probes, encodes_own, encodes_shared, warmups;
	uint64_t encodes_say;
	uint64_t noise_packets;
	uint64_t own_refused;		/* talkers kept out: no own mix free */
	uint64_t own_evicted;		/* held mixes released at the cap */
	uint64_t switches;		/* legs moved between own and shared */
	uint32_t legs, talkers, own_mixes, shared_encoders;
};
void audio_room_stats(const struct audio_room *room,
		      struct audio_room_stats *out);
