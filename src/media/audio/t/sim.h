/* media/audio/t/sim.h - people and a network on a virtual clock, for tests and
 * benches of the mixer.
 *
 * Each person makes a signal, encodes it at the pace of his own clock, loses
 * and delays packets, and decodes what the room sends him. Everything is
 * repeatable: the seed stands in the configuration.
 */
#pragma once
#include "media/audio/audio.h"

enum { SIM_PEERS_MAX = 512, SIM_FLIGHT_MAX = 64, SIM_KEEP = 48000 * 4 };

enum sim_signal { SIM_SILENCE = 0, SIM_TONE, SIM_SPEECH, SIM_HISS };

struct sim_peer_cfg {
	enum audio_codec codec;		/* 0 = Opus */
	enum sim_signal signal;
	double hz;			/* of the tone */
	double gain;			/* 0..1; 0 = 0.25 */
	int drift_ppm;
	double loss;			/* 0..1 */
	uint32_t jitter_ms, delay_ms;
	uint32_t ptime_ms;		/* asked of the room */
	bool has_level;			/* sends RFC 6464 levels */
	int level_lie;			/* instead of the true level, if > 0 */
	bool is_dtx;			/* sends nothing while silent */
	bool is_fec;			/* encodes with in-band FEC */
	bool no_listen;			/* do not decode what comes back */
};

struct sim_flight {
	bool is_used;
	uint64_t at_ns;
	uint16_t seq;
	uint32_t ts;
	int level;
	uint32_t n;
	uint8_t data[AUDIO_PACKET_MAX_BYTES];
};

struct sim_peer {
	struct sim_peer_cfg cfg;
	struct audio_leg *leg;
	struct audio_enc *enc;
	struct audio_dec *dec;
	uint64_t next_send_ns, period_ns;
	int64_t pos;			/* samples made */
	uint16_t seq;
	uint32_t ts;
	uint32_t rng;
	struct sim_flight flight[SIM_FLIGHT_MAX];
	/* heard, the last SIM_KEEP samples */
	int16_t *heard;
	int64_t heard_n;
	uint32_t last_ts;
	uint64_t emits, ts_breaks, noise, shared, own, sent, lost;
	enum audio_mix mix;
	struct span payload;		/* of this tick, during the tick */
	uint8_t last[AUDIO_PACKET_MAX_BYTES];
	size_t last_n;
};

struct sim {
	struct audio_pool *pool;
	struct audio_room *room;
	uint64_t now_ns;
	struct sim_peer peer[SIM_PEERS_MAX];
	int peers;
	bool is_silent_forever;		/* peers send nothing any more */
	void (*on_emit)(struct sim *sim, struct sim_peer *peer,
			const struct audio_out *out);
	void *user;
};

/* Makes pool and room; 0 or E_*. On failure everything is freed. */
int  sim_new(struct sim **out, const struct audio_room_cfg *cfg);
void sim_free(struct sim **sim);
/* Adds an admitted person; NULL when memory is out. */
struct sim_peer *sim_add(struct sim *sim, const struct sim_peer_cfg *cfg);
void sim_remove(struct sim *sim, struct sim_peer *peer);
/* The packets due until now + 20 ms, then a tick. */
void sim_tick(struct sim *sim);
/* The two halves of it. */
void sim_packets(struct sim *sim);
void sim_room_tick(struct sim *sim);
void sim_run(struct sim *sim, double seconds);

/* Amplitude (0..32767) of a tone in the last n samples heard. */
double sim_heard_tone(const struct sim_peer *peer, double hz, int n);
double sim_tone(const int16_t *pcm, int n, double hz);
/* Voice-like: harmonics of a gliding pitch, syllables, some noise. */
int16_t sim_speech(int64_t pos, double pitch_hz, uint32_t *rng);
uint32_t sim_random(uint32_t *rng);
